//! Revisions: what comes into force, when, under which number, and what never does.

use super::{Fixture, GATEWAY, POLICY, ann, error};
use crate::publish::Reloaded;
use crate::{Actor, ControlError};
use model::RevisionNumber;

const MORE: &str = "\n@id(\"more\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                    permit (principal == Application::\"shop\", action, resource);\n";

#[test]
fn a_first_start_makes_revision_one() {
    let fixture = Fixture::new("first-start");
    let open = fixture.up();
    assert_eq!(open.revision(), 1);
    let shown = open.control.revisions(&ann()).unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].author.as_str(), shown[0].reason.as_str()), ("gateway", "first start"));
    assert!(shown[0].in_force);
}

#[test]
fn an_edited_file_is_the_next_revision_and_the_same_files_are_none() {
    let fixture = Fixture::new("edited");
    let open = fixture.up();
    let reload = || open.control.reload(&Actor::gateway(), "file changed").unwrap();
    assert_eq!(reload(), Reloaded::Unchanged);
    fixture.write("policies/orders.cedar", &format!("{POLICY}{MORE}"));
    assert_eq!(reload(), Reloaded::InForce(RevisionNumber(2)));
    assert_eq!(reload(), Reloaded::Unchanged);
    fixture.write("policies/orders.cedar", POLICY);
    assert_eq!(reload(), Reloaded::InForce(RevisionNumber(3)), "going back is a step forward as well");
}

#[test]
fn a_broken_file_changes_nothing_and_says_where() {
    let fixture = Fixture::new("broken");
    let mut open = fixture.up();
    let key = open.shop();
    for (path, text, place) in [
        ("policies/orders.cedar", "permit (principal, action, resource)", "policies/orders.cedar:1"),
        (
            "policies/orders.cedar",
            "permit (principal, action == Action::\"orders:GET /none\", resource);",
            "policies/orders.cedar:1",
        ),
        (
            "apis/orders/api.yaml",
            "version: 1\nhost: [a.example]\n",
            "apis/orders/api.yaml:1:1: `exposure` is missing",
        ),
        ("apis/orders/openapi.yaml", "openapi: [", "apis/orders/openapi.yaml:1"),
        ("apis/orders/groups.lock", "version: 1\ngroups: 7\n", "apis/orders/groups.lock"),
        ("sallyport.yaml", "version: 2\n", "sallyport.yaml:1"),
    ] {
        let good = fixture.read(path);
        fixture.write(path, text);
        let refused = error(open.control.reload(&Actor::gateway(), "file changed"));
        assert!(refused.contains(place), "{path}: {refused}");
        let readiness = open.control.readiness();
        assert_eq!(
            (readiness.revision, readiness.files_in_force, readiness.ready),
            (1, false, true),
            "{path}"
        );
        assert!(readiness.reasons.iter().any(|reason| reason.contains(place)), "{:?}", readiness.reasons);
        assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "allowed", "{path}");
        fixture.write(path, &good);
        open.control.reload(&Actor::gateway(), "file changed").unwrap();
        let readiness = open.control.readiness();
        assert_eq!((readiness.revision, readiness.files_in_force), (1, true), "{path}");
    }
}

#[test]
fn a_start_with_broken_files_uses_the_last_good_revision() {
    let fixture = Fixture::new("last-good");
    let open = fixture.up();
    let key = open.shop();
    open.control.close().unwrap();
    fixture.write("policies/orders.cedar", "permit");
    let mut open = fixture.open();
    assert!(matches!(open.refused, Some(ControlError::Files(_))));
    assert_eq!(open.revision(), 1);
    assert!(!open.control.readiness().files_in_force);
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "allowed");
}

#[test]
fn without_any_good_revision_everything_is_denied() {
    let fixture = Fixture::new("none-good");
    fixture.write("policies/orders.cedar", "permit");
    let mut open = fixture.open();
    assert!(matches!(open.refused, Some(ControlError::Files(_))));
    assert_eq!(open.revision(), 0);
    let readiness = open.control.readiness();
    assert!(readiness.ready, "denying is a working state");
    assert!(readiness.reasons.iter().any(|reason| reason.starts_with("no_revision")));
    assert_eq!(open.call(fixture.now(), None, "GET", "/orders").0, "denied no_revision");
    fixture.write("policies/orders.cedar", POLICY);
    open.control.reload(&Actor::gateway(), "file changed").unwrap();
    assert_eq!(open.revision(), 1);
}

#[test]
fn an_empty_policy_set_is_a_revision_that_denies() {
    let fixture = Fixture::new("empty");
    std::fs::remove_file(fixture.folder.join("policies/orders.cedar")).unwrap();
    let mut open = fixture.up();
    let key = open.shop();
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "denied no_grant");
    let reasons = open.control.readiness().reasons;
    assert!(reasons.iter().any(|reason| reason.starts_with("no grants")), "{reasons:?}");
}

#[test]
fn a_restart_with_the_same_files_keeps_the_number_and_none_is_used_twice() {
    let fixture = Fixture::new("numbers");
    let mut numbers = Vec::new();
    for round in 0..4 {
        // Rounds 1 and 3 change nothing; round 2 goes back to what was revision 1 after revision 2.
        if round == 1 || round == 2 {
            let text = if round == 1 { format!("{POLICY}{MORE}") } else { POLICY.to_owned() };
            fixture.write("policies/orders.cedar", &text);
        }
        let open = fixture.up();
        numbers.push(open.revision());
        open.control.close().unwrap();
    }
    assert_eq!(numbers, [1, 2, 3, 3]);
}

#[test]
fn a_publish_of_what_an_edit_brought_in_names_who_stands_for_it() {
    let fixture = Fixture::new("confirmed");
    let open = fixture.up();
    let show = || {
        let shown = serde_json::to_value(open.control.revision(&ann(), 2).unwrap()).unwrap();
        (shown["author"].as_str().unwrap().to_owned(), shown["reason"].as_str().unwrap().to_owned())
    };
    fixture.write("policies/none.cedar", "// nothing yet\n");
    open.control.reload(&Actor::gateway(), "file changed").unwrap();
    assert_eq!(show(), ("gateway".to_owned(), "file changed".to_owned()));
    assert_eq!(open.control.publish(&ann(), "reviewed").unwrap().revision.number, 2);
    assert_eq!(show(), ("ann".to_owned(), "reviewed".to_owned()));
    let acts = fixture.changes();
    assert!(
        acts.iter()
            .any(|act| act.contains("revision 2, in force since") && act.ends_with("by ann: reviewed")),
        "{acts:?}"
    );
    // Somebody stands for it already.
    open.control.publish(&Actor::administrator("bob", store::Role::Admin), "again").unwrap();
    assert_eq!(show(), ("ann".to_owned(), "reviewed".to_owned()));
    assert_eq!(fixture.changes(), acts);
}

#[test]
fn on_publish_edits_wait_for_the_act() {
    let fixture = Fixture::new("on-publish");
    fixture.write("sallyport.yaml", &GATEWAY.replace("on_change", "on_publish"));
    let open = fixture.up();
    let key = open.shop();
    fixture.write("policies/orders.cedar", "// nothing is granted\n");
    assert_eq!(open.control.reload(&Actor::gateway(), "file changed").unwrap(), Reloaded::Waiting);
    assert_eq!((open.revision(), open.control.readiness().files_in_force), (1, true));
    open.control.close().unwrap();

    let mut open = fixture.up();
    assert_eq!(open.revision(), 1, "a restart uses what was published");
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "allowed");
    for reason in ["", "  "] {
        assert!(error(open.control.publish(&ann(), reason)).contains("needs a reason"));
    }
    let done = open.control.publish(&ann(), "nobody needs it, OPS-1").unwrap();
    assert!(done.regrouped.is_empty(), "{done:?}");
    let published = done.revision;
    assert_eq!((published.number, published.in_force), (2, true));
    assert_eq!((published.author.as_str(), published.reason.as_str()), ("ann", "nobody needs it, OPS-1"));
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "denied no_grant");
}

#[test]
fn a_broken_publish_changes_nothing() {
    let fixture = Fixture::new("broken-publish");
    fixture.write("sallyport.yaml", &GATEWAY.replace("on_change", "on_publish"));
    let open = fixture.up();
    fixture.write("policies/orders.cedar", "permit");
    assert!(error(open.control.publish(&ann(), "why")).contains("policies/orders.cedar:1"));
    assert_eq!((open.revision(), open.control.revisions(&ann()).unwrap().len()), (1, 1));
}

#[test]
fn on_publish_an_added_api_is_shown_and_waits() {
    let fixture = Fixture::new("added-waits");
    fixture.write("sallyport.yaml", &GATEWAY.replace("on_change", "on_publish"));
    let open = fixture.up();
    let added = open.control.add_api(&ann(), &super::apis::billing()).unwrap();
    assert_eq!((added.name.as_str(), added.operations.len()), ("billing", 1));
    assert_eq!(open.control.apis(&ann()).unwrap().len(), 1);
    open.control.publish(&ann(), "billing goes live").unwrap();
    assert_eq!(open.control.apis(&ann()).unwrap().len(), 2);
}
