//! What is changed is in the log with actor and reason; what failed is as well.

use std::time::Duration;

use super::{Fixture, ann, error};
use crate::{Actor, ControlError, RegroupAct};

#[test]
fn every_change_is_in_the_log_with_actor_and_reason() {
    let fixture = Fixture::new("changes");
    let open = fixture.up();
    let (control, bob) = (&open.control, Actor::offline("bob"));
    control.create_team(&bob, "guests", "they come on Monday").unwrap();
    control.create_application(&bob, "shop", "partners", &[], "contract 7").unwrap();
    let key = control.create_keys(&bob, &super::order("shop", &["orders"])).unwrap().remove(0);
    let next = control.rotate_key(&bob, &key.id, Duration::ZERO, "quarterly").unwrap();
    control.revoke_key(&bob, &next.id, "leaked").unwrap();
    control.disable_application(&bob, "shop", "ended").unwrap();
    control.enable_application(&bob, "shop", "renewed").unwrap();
    control.create_administrator(&bob, "root", "admin", "").unwrap();
    control.create_administrator(&bob, "eve", "viewer", "on call").unwrap();
    control.revoke_administrator(&bob, "eve", "left").unwrap();
    control.add_api(&bob, &super::apis::billing()).unwrap();
    fixture.write("apis/orders/openapi.yaml", &format!("{}  /more:\n    get: {{}}\n", super::DOCUMENT));
    control.regroup(&bob, "orders", RegroupAct::Write, "reviewed").unwrap();
    control.observe(&bob, "orders", "2026-12-01", "moving").unwrap();
    control.erase(&bob, "app:shop", "request 4711").unwrap();
    let changes: Vec<String> =
        fixture.changes().into_iter().filter(|change| !change.starts_with("revision.publish")).collect();
    let expected = [
        "team.create team guests by bob (offline): they come on Monday".to_owned(),
        "application.create application shop by bob (offline): contract 7".to_owned(),
        format!("key.create key {} of shop by bob (offline): ", key.id),
        format!("key.rotate key {} by {} by bob (offline): quarterly", key.id, next.id),
        format!("key.revoke key {} by bob (offline): leaked", next.id),
        "application.disable application shop by bob (offline): ended".to_owned(),
        "application.enable application shop by bob (offline): renewed".to_owned(),
        "administrator.create administrator root as admin by bob (offline): ".to_owned(),
        "administrator.create administrator eve as viewer by bob (offline): on call".to_owned(),
        "administrator.revoke administrator eve by bob (offline): left".to_owned(),
        "api.add api billing by bob (offline): ".to_owned(),
        "api.regroup api orders by bob (offline): reviewed (1 joined orders, 1 joined orders:read)"
            .to_owned(),
        "api.observe api orders until 2026-12-01 by bob (offline): moving".to_owned(),
        "log.erase a subject by bob (offline): request 4711".to_owned(),
    ];
    assert_eq!(changes, expected);
    let published = fixture.changes().into_iter().filter(|change| change.starts_with("revision.publish"));
    let reasons: Vec<String> =
        published.map(|change| change.rsplit(" by ").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        reasons,
        [
            "gateway: first start",
            "bob (offline): team created",
            "bob (offline): api added",
            "bob (offline): api regrouped",
            "bob (offline): observation renewed",
        ]
    );
}

#[test]
fn a_change_that_the_store_refuses_is_recorded_as_failed() {
    let fixture = Fixture::new("failed");
    let mut open = fixture.up();
    let key = open.shop();
    // Revoked twice over: a rotation of it is refused by the store after it was recorded.
    open.control.revoke_key(&ann(), &key.id, "r").unwrap();
    assert!(error(open.control.rotate_key(&ann(), &key.id, Duration::ZERO, "")).contains("revoked"));
    let changes = fixture.changes();
    assert!(changes[changes.len() - 2].starts_with(&format!("key.rotate key {}", key.id)), "{changes:#?}");
    assert!(
        changes[changes.len() - 1].starts_with(&format!("key.rotate.failed key {}", key.id)),
        "{changes:#?}"
    );
    assert!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0.starts_with("denied"));
}

#[test]
fn one_process_holds_a_repository_and_the_other_is_told_which() {
    let fixture = Fixture::new("lock");
    let open = fixture.up();
    let refused = error(fixture.try_open(7));
    assert!(refused.contains(&std::process::id().to_string()), "{refused}");
    drop(open);
    assert!(fixture.try_open(7).is_ok());
}

#[test]
fn secrets_survive_a_restart_under_their_own_master_key_alone() {
    let fixture = Fixture::new("master");
    let open = fixture.up();
    let (jwks, verifier) = (open.control.jwks().load_full(), open.control.recorder().verifier().to_string());
    open.control.close().unwrap();
    assert!(matches!(fixture.try_open(8), Err(ControlError::Secret { .. })));
    let open = fixture.up();
    assert_eq!(open.control.jwks().load_full(), jwks);
    assert_eq!(open.control.recorder().verifier().to_string(), verifier);
}
