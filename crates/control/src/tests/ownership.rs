//! The role of an owner opens nothing by itself: what it changes has to belong to a team that lists the owner.

use store::Role;

use super::roles::ACTS;
use super::{API, Fixture, GATEWAY, POLICY, TEAMS, ann, files_of, order};
use crate::{Actor, ControlError, Needs, Overwrite, RollbackAct, RollbackOrder};

/// Teams that all list Ola.
pub(super) const OLA_EVERYWHERE: &str = "version: 1\nteams:\n  ops:\n    members: [ola@example.com]\n  partners:\n    \
                                         members: [ola@example.com]\n";
/// What an owner without a team may do: nothing of it changes what is anybody's.
const OPENS_NOTHING: [&str; 4] = ["write suggestions", "publish", "plan a publish", "roll back"];
/// One API more, of another team.
const BILLING: &str = "version: 1\nhosts: [billing.example.com]\nupstream: http://127.0.0.1:9000\nowner: partners\n\
                       exposure: internal\nmode: enforce\ndata_class: internal\n";

fn owner(name: &str) -> Actor {
    Actor::administrator(name, Role::Owner)
}

fn ola() -> Actor {
    owner("ola@example.com")
}

fn is_refused<T: std::fmt::Debug>(result: Result<T, ControlError>) -> bool {
    matches!(result, Err(ControlError::NotYours { .. } | ControlError::NotOwner { .. }))
}

/// A repository with an API of the operators, whom Ola is one of, and one of the partners.
fn two_apis(name: &str) -> Fixture {
    let fixture = Fixture::new(name);
    fixture.write("apis/billing/api.yaml", BILLING);
    fixture.write("apis/billing/openapi.yaml", super::DOCUMENT);
    fixture.write("apis/billing/groups.lock", &super::LOCK.replace("\"orders", "\"billing"));
    fixture
}

#[test]
fn an_owner_in_no_team_changes_nothing_of_anybodys() {
    let fixture = Fixture::new("no-team");
    let open = fixture.up();
    let key = open.shop();
    let mut refused = 0;
    for &(name, needs, act) in ACTS.iter().filter(|(_, needs, _)| *needs == Needs::Owner) {
        if OPENS_NOTHING.contains(&name) {
            continue;
        }
        let (files, changes) = (files_of(&fixture.folder), fixture.changes());
        let result = act(&open.control, &owner("eve@example.com"), &key.id);
        assert!(is_refused(result), "{name}, which needs {needs:?}");
        assert_eq!(files_of(&fixture.folder), files, "{name}");
        assert_eq!(fixture.changes(), changes, "{name}");
        refused += 1;
    }
    assert!(10 < refused, "{refused}");
}

#[test]
fn keys_are_made_by_the_applications_team_and_by_who_owns_all_that_they_open() {
    let fixture = two_apis("keys-of-others");
    let open = fixture.up();
    let key = open.shop();
    // The application is the partners', and Ola is one of the operators, whose API this is.
    let made =
        open.control.create_keys(&ola(), &order("shop", &["orders:read", "orders:GET /orders"])).unwrap();
    assert!(open.control.rotate_key(&ola(), &made[0].id, std::time::Duration::ZERO, "").is_ok());
    for scopes in [&["billing"][..], &["orders", "billing:read"], &["orders:read", "billing:GET /orders"]] {
        assert!(is_refused(open.control.create_keys(&ola(), &order("shop", scopes))), "{scopes:?}");
    }
    let both = open.key("shop", &["orders", "billing"]);
    assert!(is_refused(open.control.rotate_key(&ola(), &both.id, std::time::Duration::ZERO, "")));
    assert!(is_refused(open.control.narrow_key(&ola(), &both.id, &["orders".to_owned()], "")));
    // Whoever watches stops any key, and takes that back only where it is theirs.
    for (id, is_theirs) in [(&both.id, false), (&key.id, true)] {
        open.control.quarantine_key(&owner("eve@example.com"), id, "leaked").unwrap();
        assert!(is_refused(open.control.release_key(&owner("eve@example.com"), id, "it was us")));
        assert_eq!(open.control.release_key(&ola(), id, "it was us").is_ok(), is_theirs);
    }
    // An application that the security team stopped is for its own team to start.
    open.control.disable_application(&ann(), "shop", "an incident").unwrap();
    assert!(is_refused(open.control.enable_application(&ola(), "shop", "")));
    assert!(is_refused(open.control.disable_application(&ola(), "shop", "")));
}

#[test]
fn an_owner_brings_into_force_what_is_of_their_apis_alone() {
    let more = "@id(\"more\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\npermit (principal, action in ";
    let cases: &[(&str, &str, String, bool)] = &[
        ("own policy", "policies/more.cedar", format!("{more}Action::\"orders\", resource);\n"), true),
        ("foreign policy", "policies/more.cedar", format!("{more}Action::\"billing\", resource);\n"), false),
        (
            "policy of all",
            "policies/more.cedar",
            format!("{more}[Action::\"orders\", Action::\"billing\"], resource);\n"),
            false,
        ),
        ("less of a guard", "policies/orders.cedar", POLICY.replace("POST /orders", "GET /orders"), true),
        ("own file", "apis/orders/api.yaml", API.replace("internal", "restricted"), true),
        ("foreign file", "apis/billing/api.yaml", BILLING.replace("internal", "public"), false),
        ("to be an owner", "teams.yaml", OLA_EVERYWHERE.to_owned(), false),
        (
            "everybody's settings",
            "sallyport.yaml",
            format!("{}record: {{ keep: 1d }}\n", on_publish()),
            false,
        ),
        ("cases", "tests/none.yaml", "version: 1\ncases: []\n".to_owned(), true),
    ];
    for (name, path, text, is_theirs) in cases {
        let fixture = two_apis("publish-of-others");
        fixture.write("sallyport.yaml", &on_publish());
        let open = fixture.up();
        let was = std::fs::read_to_string(fixture.folder.join(path)).ok();
        fixture.write(path, text);
        let published = open.control.publish(&ola(), "mine");
        assert_eq!(published.is_ok(), *is_theirs, "{name}: {published:?}");
        assert_eq!(is_refused(published), !is_theirs, "{name}");
        assert_eq!(open.revision(), if *is_theirs { 2 } else { 1 }, "{name}");
        if *is_theirs || was.is_none() {
            continue;
        }
        // An administrator does it, and the owner may not take it back.
        open.control.publish(&ann(), "for everybody").unwrap();
        let back = RollbackOrder {
            number: 1,
            reason: "back".to_owned(),
            overwrite: Overwrite::Refused,
            act: RollbackAct::Roll,
        };
        assert!(is_refused(open.control.rollback(&ola(), &back)), "{name}");
        assert!(open.control.rollback(&ann(), &back).is_ok(), "{name}");
    }
}

#[test]
fn an_owner_adds_apis_for_their_own_teams() {
    let fixture = Fixture::new("add-for-others");
    let open = fixture.up();
    let of = |owner: &str| crate::NewApi { owner: Some(owner.to_owned()), ..super::apis::billing() };
    assert!(is_refused(open.control.add_api(&ola(), &of("partners"))));
    assert!(!fixture.folder.join("apis/billing").exists());
    assert!(open.control.add_api(&ola(), &of("ops")).is_ok());
    assert!(TEAMS.contains("partners"));
}

fn on_publish() -> String {
    GATEWAY.replace("on_change", "on_publish")
}
