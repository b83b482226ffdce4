//! Roles: each use case is denied to the role below the one it needs, and nothing changes.

use std::time::Duration;

use store::Role;

use super::{Fixture, ann, files_of, order};
use crate::{Actor, Asked, Control, ControlError, Needs, RegroupAct, ReplayOrder, SuggestOrder, UsageOrder};

pub(super) type Act = fn(&Control, &Actor, &str) -> Result<(), ControlError>;

/// Every use case with the role that it needs; the text is the id of a key.
pub(super) const ACTS: &[(&str, Needs, Act)] = &[
    ("status", Needs::Viewer, |control, actor, _| {
        control.status(actor, crate::ReadyOrder::default()).map(drop)
    }),
    ("apis", Needs::Viewer, |control, actor, _| control.apis(actor).map(drop)),
    ("api", Needs::Viewer, |control, actor, _| control.api(actor, "orders").map(drop)),
    ("teams", Needs::Viewer, |control, actor, _| control.teams(actor).map(drop)),
    ("team", Needs::Viewer, |control, actor, _| control.team(actor, "ops").map(drop)),
    ("applications", Needs::Viewer, |control, actor, _| control.applications(actor).map(drop)),
    ("application", Needs::Viewer, |control, actor, _| control.application(actor, "shop").map(drop)),
    ("keys", Needs::Viewer, |control, actor, _| control.keys(actor, None).map(drop)),
    ("key", Needs::Viewer, |control, actor, key| control.key(actor, key).map(drop)),
    ("blocks", Needs::Viewer, |control, actor, _| control.blocks(actor).map(drop)),
    ("revisions", Needs::Viewer, |control, actor, _| control.revisions(actor).map(drop)),
    ("usage by network", Needs::Analyst, |control, actor, _| {
        control.usage(actor, &asked("by", "key,network")).map(drop)
    }),
    ("usage of a network", Needs::Analyst, |control, actor, _| {
        control.usage(actor, &asked("network", "127.0.0.0/8")).map(drop)
    }),
    ("usage of a key", Needs::Viewer, |control, actor, id| control.usage(actor, &asked("key", id)).map(drop)),
    ("usage", Needs::Viewer, |control, actor, _| control.usage(actor, &UsageOrder::default()).map(drop)),
    ("advise keys", Needs::Viewer, |control, actor, _| {
        control.advise_keys(actor, &UsageOrder::default(), None).map(drop)
    }),
    ("narrow", Needs::Owner, |control, actor, _| {
        let made = control.create_keys(actor, &order("shop", &["orders"]))?;
        control.narrow_key(actor, &made[0].id, &["orders:GET /orders".to_owned()], "").map(drop)
    }),
    ("extend", Needs::Owner, |control, actor, id| {
        // The key is one of ours, of which that is told to those alone who may ask.
        match control.extend_key(actor, id, "30d", "") {
            Err(ControlError::Invalid { .. }) => Ok(()),
            other => other.map(drop),
        }
    }),
    ("suggest", Needs::Analyst, |control, actor, _| {
        control.suggest(actor, &SuggestOrder::default()).map(drop)
    }),
    ("write suggestions", Needs::Owner, |control, actor, _| {
        control.suggest(actor, &SuggestOrder { write: true, ..SuggestOrder::default() }).map(drop)
    }),
    ("propose cases", Needs::Analyst, |control, actor, _| {
        control.record_cases(actor, &UsageOrder::default(), false).map(drop)
    }),
    ("write cases", Needs::Owner, |control, actor, _| {
        control.record_cases(actor, &UsageOrder::default(), true).map(drop)
    }),
    ("matrix", Needs::Analyst, |control, actor, _| control.matrix(actor, &UsageOrder::default()).map(drop)),
    ("replay", Needs::Analyst, |control, actor, _| control.replay(actor, &ReplayOrder::default()).map(drop)),
    ("revision", Needs::Viewer, |control, actor, _| control.revision(actor, 1).map(drop)),
    ("difference", Needs::Viewer, |control, actor, _| control.difference(actor, 1, 1).map(drop)),
    ("read policy", Needs::Analyst, |control, actor, _| control.read_policy(actor, "read").map(drop)),
    ("who can", Needs::Analyst, |control, actor, _| {
        control.who_can(actor, Asked::Operation("orders:GET /orders")).map(drop)
    }),
    ("what can", Needs::Analyst, |control, actor, _| control.what_can(actor, "app:shop").map(drop)),
    ("search", Needs::Analyst, |control, actor, _| control.search(actor, &control.search_order()).map(drop)),
    ("explain call", Needs::Analyst, |control, actor, _| {
        control.explain_call(actor, "app:shop", "GET", "https://orders.example.com/orders").map(drop)
    }),
    ("revoke", Needs::Analyst, |control, actor, key| control.revoke_key(actor, key, "r").map(drop)),
    ("create application", Needs::Owner, |control, actor, _| {
        control.create_application(actor, "new", "partners", &[], "").map(drop)
    }),
    ("disable", Needs::Owner, |control, actor, _| control.disable_application(actor, "shop", "r").map(drop)),
    ("enable", Needs::Owner, |control, actor, _| control.enable_application(actor, "shop", "r").map(drop)),
    ("create team", Needs::Owner, |control, actor, _| control.create_team(actor, "new", "").map(drop)),
    ("create key", Needs::Owner, |control, actor, _| {
        control.create_keys(actor, &order("shop", &["orders"])).map(drop)
    }),
    ("rotate", Needs::Owner, |control, actor, _| {
        let made = control.create_keys(actor, &order("shop", &["orders"]))?;
        control.rotate_key(actor, &made[0].id, Duration::ZERO, "").map(drop)
    }),
    ("add api", Needs::Owner, |control, actor, _| control.add_api(actor, &super::apis::billing()).map(drop)),
    ("regroup", Needs::Owner, |control, actor, _| {
        control.regroup(actor, "orders", RegroupAct::DryRun, "").map(drop)
    }),
    ("observe", Needs::Owner, |control, actor, _| {
        control.observe(actor, "orders", "2026-12-01", "r").map(drop)
    }),
    ("publish", Needs::Owner, |control, actor, _| control.publish(actor, "r").map(drop)),
    ("plan a publish", Needs::Owner, |control, actor, _| control.plan_publish(actor).map(drop)),
    ("roll back", Needs::Owner, |control, actor, _| {
        control.rollback(actor, &super::rollbacks::to(1)).map(drop)
    }),
    ("block a network", Needs::Admin, |control, actor, _| {
        control.add_block(actor, &super::blocks::order("network", "192.0.2.0/24", "2h")).map(drop)
    }),
    ("repair blocks", Needs::Admin, |control, actor, _| control.repair_blocks(actor, "r").map(drop)),
    ("administrators", Needs::Admin, |control, actor, _| control.administrators(actor).map(drop)),
    ("create administrator", Needs::Admin, |control, actor, _| {
        control.create_administrator(actor, "eve", "viewer", "").map(drop)
    }),
    ("revoke administrator", Needs::Admin, |control, actor, _| {
        control.revoke_administrator(actor, "eve", "r").map(drop)
    }),
    ("erase", Needs::Admin, |control, actor, _| control.erase(actor, "app:shop", "r").map(drop)),
];

fn asked(name: &str, value: &str) -> UsageOrder {
    let mut order = UsageOrder::default();
    assert!(order.set(name, value).unwrap());
    order
}

#[test]
fn every_use_case_is_denied_to_the_role_below() {
    let fixture = Fixture::new("roles");
    fixture.write("teams.yaml", super::ownership::OLA_EVERYWHERE);
    let open = fixture.up();
    let key = open.shop();
    open.control.create_administrator(&ann(), "root", "admin", "").unwrap();
    for &(name, needs, act) in ACTS {
        let below = match needs {
            Needs::Viewer => None,
            Needs::Analyst => Some(Role::Viewer),
            Needs::Owner => Some(Role::Analyst),
            Needs::Admin => Some(Role::Owner),
        };
        if let Some(below) = below {
            let (files, changes) = (files_of(&fixture.folder), fixture.changes());
            let actor = Actor::administrator("mallory", below);
            let refused = act(&open.control, &actor, &key.id);
            assert!(matches!(refused, Err(ControlError::Forbidden { .. })), "{name}: {refused:?}");
            assert_eq!(files_of(&fixture.folder), files, "{name}");
            assert_eq!(fixture.changes(), changes, "{name}");
        }
        let enough = match needs {
            Needs::Viewer => Role::Viewer,
            Needs::Analyst => Role::Analyst,
            Needs::Owner => Role::Owner,
            Needs::Admin => Role::Admin,
        };
        let done = act(&open.control, &Actor::administrator("ola@example.com", enough), &key.id);
        assert!(done.is_ok(), "{name}: {done:?}");
    }
}

#[test]
fn a_token_is_good_until_it_is_revoked_and_the_last_admin_stays() {
    let fixture = Fixture::new("tokens");
    let open = fixture.up();
    let root = open.control.create_administrator(&ann(), "root", "admin", "").unwrap();
    let bob = open.control.create_administrator(&ann(), "bob", "owner", "").unwrap();
    assert_eq!(open.control.authenticate(&bob.token).unwrap(), Actor::administrator("bob", Role::Owner));
    for wrong in
        ["", "spadm_", bob.token.get(1..).unwrap(), &bob.token.to_uppercase(), &format!("{}0", bob.token)]
    {
        assert!(matches!(open.control.authenticate(wrong), Err(ControlError::Unauthenticated)), "{wrong}");
    }
    open.control.revoke_administrator(&ann(), "bob", "left").unwrap();
    assert!(matches!(open.control.authenticate(&bob.token), Err(ControlError::Unauthenticated)));
    assert!(super::error(open.control.revoke_administrator(&ann(), "root", "r")).contains("last one"));
    assert!(open.control.authenticate(&root.token).is_ok());
    assert!(super::error(open.control.create_administrator(&ann(), "bob", "admin", "")).contains("exists"));
    assert!(super::error(open.control.create_administrator(&ann(), "eve", "god", "")).contains("no role"));
}

#[test]
fn the_bootstrap_credential_is_single_use_and_lives_an_hour() {
    let fixture = Fixture::new("bootstrap");
    let open = fixture.up();
    let first = open.control.offer_bootstrap().unwrap().unwrap();
    let second = open.control.offer_bootstrap().unwrap().unwrap();
    assert!(open.control.redeem_bootstrap(&first, "ann").is_err(), "an earlier one counts no more");
    fixture.pass(Duration::from_secs(3_600));
    assert!(open.control.redeem_bootstrap(&second, "ann").is_err(), "an hour is over");
    let third = open.control.offer_bootstrap().unwrap().unwrap();
    let made = open.control.redeem_bootstrap(&third, "ann").unwrap();
    assert_eq!(open.control.authenticate(&made.token).unwrap(), ann());
    assert!(open.control.redeem_bootstrap(&third, "eve").is_err());
    assert!(open.control.offer_bootstrap().unwrap().is_none());
}
