//! APIs: observation that ends, groups that grow by an act alone, and one more API.

use std::time::Duration;

use super::{API, DOCUMENT, Fixture, LOCK, ann, error, files_of};
use crate::publish::Reloaded;
use crate::{Actor, NewApi, RegroupAct};

fn observed(until: &str) -> String {
    API.replace("mode: enforce", &format!("mode: observe\nobserve_until: {until}"))
}

pub(super) fn billing() -> NewApi {
    NewApi {
        name: "billing".to_owned(),
        upstream: "http://127.0.0.1:9100".to_owned(),
        host: "billing.example.com".to_owned(),
        owner: Some("partners".to_owned()),
        document: Some(
            b"openapi: 3.1.0\ninfo: { title: B, version: '1' }\npaths:\n  /bills:\n    get: {}\n".to_vec(),
        ),
        reason: String::new(),
    }
}

/// The mode and the end as `api show` says.
fn mode(open: &super::Open) -> (&'static str, String) {
    let api = open.control.api(&ann(), "orders").unwrap();
    (api.mode, api.observe_until.unwrap_or_default().chars().take(10).collect())
}

#[test]
fn an_observation_ends_when_it_was_stored_to_end() {
    let fixture = Fixture::new("observe");
    fixture.write("apis/orders/api.yaml", &observed("2026-12-01"));
    let mut open = fixture.up();
    assert_eq!(mode(&open), ("observe", "2026-12-01".to_owned()));
    assert_eq!(open.call(fixture.now(), None, "GET", "/orders").0, "would_deny no_credential");

    // Neither an edit nor a restart moves it away.
    fixture.write("apis/orders/api.yaml", &observed("2026-12-20"));
    assert!(matches!(open.control.reload(&Actor::gateway(), "file").unwrap(), Reloaded::InForce(_)));
    assert_eq!(mode(&open), ("observe", "2026-12-01".to_owned()));
    open.control.close().unwrap();
    let open = fixture.up();
    assert_eq!(mode(&open), ("observe", "2026-12-01".to_owned()));
    open.control.close().unwrap();

    // Leaving out observe and coming back does not begin anew.
    fixture.write("apis/orders/api.yaml", API);
    let open = fixture.up();
    assert_eq!(mode(&open).0, "enforce");
    fixture.write("apis/orders/api.yaml", &observed("2026-12-20"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(mode(&open), ("observe", "2026-12-01".to_owned()));
    open.control.close().unwrap();

    fixture.pass_days(6);
    let mut open = fixture.up();
    assert_eq!(mode(&open).0, "enforce");
    assert_eq!(open.call(fixture.now(), None, "GET", "/orders").0, "denied no_credential");
}

#[test]
fn an_observation_ends_while_the_gateway_runs() {
    let fixture = Fixture::new("observe-ends");
    fixture.write("apis/orders/api.yaml", &observed("2026-11-27"));
    let mut open = fixture.up();
    assert_eq!(open.call(fixture.now(), None, "GET", "/orders").0, "would_deny no_credential");
    fixture.pass_days(1);
    assert_eq!(open.call(fixture.now(), None, "GET", "/orders").0, "denied no_credential");
}

#[test]
fn a_file_may_bring_the_end_nearer() {
    let fixture = Fixture::new("observe-nearer");
    fixture.write("apis/orders/api.yaml", &observed("2026-12-10"));
    let open = fixture.up();
    fixture.write("apis/orders/api.yaml", &observed("2026-12-01"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(mode(&open).1, "2026-12-01");
    fixture.write("apis/orders/api.yaml", &observed("2026-12-10"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(mode(&open).1, "2026-12-01");
}

#[test]
fn an_observation_too_long_is_refused_with_its_place() {
    let fixture = Fixture::new("observe-long");
    let open = fixture.up();
    fixture.write("apis/orders/api.yaml", &observed("2027-03-01"));
    let refused = error(open.control.reload(&Actor::gateway(), "file"));
    assert!(refused.contains("apis/orders/api.yaml:7") && refused.contains("30 days"), "{refused}");
    assert_eq!(open.revision(), 1);
}

#[test]
fn only_the_act_renews_and_within_thirty_days() {
    let fixture = Fixture::new("renew");
    fixture.write("apis/orders/api.yaml", &format!("# kept\n{}", observed("2026-12-01")));
    let mut open = fixture.up();
    for (until, reason, part) in [
        ("2026-12-27", "why", "within the next 30 days"),
        ("2026-11-26", "why", "within the next 30 days"),
        ("2026-12-20", " ", "needs a reason"),
        ("someday", "why", "write it as"),
    ] {
        assert!(error(open.control.observe(&ann(), "orders", until, reason)).contains(part), "{until}");
    }
    assert!(error(open.control.observe(&ann(), "none", "2026-12-20", "why")).contains("no api `none`"));
    assert_eq!(mode(&open).1, "2026-12-01");
    let shown = open.control.observe(&ann(), "orders", "2026-12-20", "month end not seen").unwrap();
    assert_eq!(shown.observe_until.as_deref(), Some("2026-12-20T00:00:00.000Z"));
    let text = fixture.read("apis/orders/api.yaml");
    assert!(text.starts_with("# kept\n") && text.contains("observe_until: 2026-12-20"), "{text}");
    fixture.pass(Duration::from_secs(10 * 86_400));
    assert_eq!(open.call(fixture.now(), None, "GET", "/orders").0, "would_deny no_credential");
    assert_eq!(
        fixture.changes().iter().filter(|change| change.starts_with("api.observe")).collect::<Vec<_>>(),
        ["api.observe api orders until 2026-12-20 by ann: month end not seen"]
    );
}

#[test]
fn a_renewal_to_the_date_that_the_file_says_already_counts_at_once() {
    let fixture = Fixture::new("renew-same");
    fixture.write("apis/orders/api.yaml", &observed("2026-12-01"));
    let mut open = fixture.up();
    fixture.write("apis/orders/api.yaml", &observed("2026-12-20"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    open.control.observe(&ann(), "orders", "2026-12-20", "why").unwrap();
    fixture.pass_days(10);
    assert_eq!(open.call(fixture.now(), None, "GET", "/orders").0, "would_deny no_credential");
}

#[test]
fn an_api_without_a_document_is_observed_and_never_enforced_by_file() {
    let fixture = Fixture::new("no-document");
    for path in ["apis/orders/openapi.yaml", "apis/orders/groups.lock", "policies/orders.cedar"] {
        std::fs::remove_file(fixture.folder.join(path)).unwrap();
    }
    let open = fixture.open();
    assert!(open.refused.is_some(), "enforcing what is not declared would deny everything");
    fixture.write("apis/orders/api.yaml", &observed("2026-12-09"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(mode(&open).0, "observe");
    let status = open.control.status(&ann(), crate::ReadyOrder::default()).unwrap();
    assert!(status.apis[0].in_the_way[0].contains("no document"), "{:?}", status.apis[0].in_the_way);
}

const GROUP_POLICY: &str = "@id(\"all-reads\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                            permit (principal in Team::\"partners\", action in Action::\"orders:read\", resource);\n";

#[test]
fn an_edited_document_widens_no_grant_until_it_is_regrouped() {
    let fixture = Fixture::new("regroup");
    fixture.write("policies/orders.cedar", GROUP_POLICY);
    let mut open = fixture.up();
    let key = open.shop();
    open.key("shop", &["orders:read"]);
    open.key("shop", &["orders:write"]);
    let revoked = open.key("shop", &["orders"]);
    open.control.revoke_key(&ann(), &revoked.id, "not needed").unwrap();
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /secrets:\n    get: {{}}\n"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    let now = fixture.now();
    assert_eq!(open.call(now, Some(&key.key), "GET", "/orders").0, "allowed");
    let denied = open.call(now, Some(&key.key), "GET", "/secrets").0;
    assert!(denied.starts_with("denied"), "{denied}");
    let api = open.control.api(&ann(), "orders").unwrap();
    let added = api.operations.iter().find(|operation| operation.id == "orders:GET /secrets").unwrap();
    assert!(added.groups.is_empty(), "{added:?}");

    let before = files_of(&fixture.folder);
    let planned = open.control.regroup(&ann(), "orders", RegroupAct::DryRun, "").unwrap();
    assert!(!planned.written);
    assert_eq!(files_of(&fixture.folder), before, "a dry run writes nothing");
    let joined: Vec<_> =
        planned.joined.iter().map(|one| (one.group.as_str(), one.operation.as_str())).collect();
    assert_eq!(joined, [("orders", "GET /secrets"), ("orders:read", "GET /secrets")]);
    let gain = &planned.gains[0];
    assert_eq!(planned.gains.len(), 1, "{:?}", planned.gains);
    let shown = (gain.policy.as_str(), gain.effect, gain.operation.as_str(), gain.group.as_str());
    assert_eq!(shown, ("all-reads", "permit", "orders:GET /secrets", "orders:read"));
    assert_eq!(
        gain.keys, 2,
        "the keys of `orders` and of `orders:read`, neither the revoked one nor `orders:write`"
    );

    let done = open.control.regroup(&ann(), "orders", RegroupAct::Write, "").unwrap();
    assert!(done.written && done.gains.len() == 1);
    assert!(fixture.read("apis/orders/groups.lock").contains("GET /secrets"));
    assert_eq!(open.call(now, Some(&key.key), "GET", "/secrets").0, "allowed");
    let again = open.control.regroup(&ann(), "orders", RegroupAct::Write, "").unwrap();
    assert!(!again.written && again.joined.is_empty() && again.gains.is_empty());
    let acts = fixture.changes();
    assert_eq!(acts.iter().filter(|change| change.starts_with("api.regroup")).count(), 1, "{acts:?}");
}

#[test]
fn a_key_for_two_apis_says_how_each_takes_it() {
    let fixture = Fixture::new("two-headers");
    let open = fixture.up();
    open.control.add_api(&ann(), &billing()).unwrap();
    let billing = fixture.read("apis/billing/api.yaml");
    fixture
        .write("apis/billing/api.yaml", &billing.replace("key_header: X-Api-Key", "key_header: X-Bill-Key"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    open.control.create_application(&ann(), "two", "partners", &[], "").unwrap();
    let key =
        open.control.create_keys(&ann(), &super::order("two", &["billing", "orders"])).unwrap().remove(0);
    assert_eq!(key.header, "X-Bill-Key");
    let headers: Vec<(&str, &str)> = key.headers.iter().map(|(api, name)| (&**api, &**name)).collect();
    assert_eq!(headers, [("billing", "X-Bill-Key"), ("orders", "X-Api-Key")]);
}

#[test]
fn a_publish_groups_what_is_new_in_every_document_and_names_who_gains() {
    let fixture = Fixture::new("publish-groups");
    fixture.write("policies/orders.cedar", GROUP_POLICY);
    let mut open = fixture.up();
    open.control.add_api(&ann(), &billing()).unwrap();
    let key = open.shop();
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /secrets:\n    get: {{}}\n"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/secrets").0, "denied out_of_scope");
    let lock = fixture.read("apis/orders/groups.lock");

    // What does not load is not published, and no group grows.
    fixture.write("policies/broken.cedar", "permit (");
    assert!(error(open.control.publish(&ann(), "r")).contains("broken.cedar:1"));
    assert!(error(open.control.publish(&ann(), "r")).contains("broken.cedar:1"));
    assert_eq!(fixture.read("apis/orders/groups.lock"), lock);
    assert!(open.control.readiness().reasons.iter().any(|reason| reason.contains("broken.cedar")));
    std::fs::remove_file(fixture.folder.join("policies/broken.cedar")).unwrap();

    let done = open.control.publish(&ann(), "secrets are for partners").unwrap();
    let named: Vec<&str> = done.regrouped.iter().map(|regrouped| regrouped.api.as_str()).collect();
    assert_eq!(named, ["orders"], "{done:?}");
    let gains = &done.regrouped[0].gains;
    assert_eq!(gains.len(), 1, "{gains:?}");
    assert_eq!((gains[0].policy.as_str(), gains[0].operation.as_str()), ("all-reads", "orders:GET /secrets"));
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/secrets").0, "allowed");
    let acts = fixture.changes();
    let regroups = acts.iter().filter(|act| act.starts_with("api.regroup")).collect::<Vec<_>>();
    assert_eq!(
        regroups,
        ["api.regroup api orders by ann: secrets are for partners (1 joined orders, 1 joined orders:read)"]
    );
    assert!(open.control.publish(&ann(), "again").unwrap().regrouped.is_empty());
}

#[test]
fn an_operation_that_no_policy_reaches_is_gained_by_nobody() {
    let fixture = Fixture::new("regroup-keys");
    let open = fixture.up();
    open.shop();
    open.key("shop", &["orders:write"]);
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /secrets:\n    get: {{}}\n"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    let planned = open.control.regroup(&ann(), "orders", RegroupAct::DryRun, "").unwrap();
    assert!(planned.gains.is_empty(), "{:?}", planned.gains);
}

#[test]
fn what_left_the_document_leaves_its_groups() {
    let fixture = Fixture::new("regroup-left");
    fixture.write("policies/orders.cedar", GROUP_POLICY);
    let open = fixture.up();
    fixture.write("apis/orders/openapi.yaml", &DOCUMENT.replace("  /customers/{id}:\n    get: {}\n", ""));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    let done = open.control.regroup(&ann(), "orders", RegroupAct::Write, "").unwrap();
    assert_eq!((done.joined.len(), done.left.len(), done.gains.len()), (0, 2, 0));
    assert!(!fixture.read("apis/orders/groups.lock").contains("customers"));
    assert_ne!(fixture.read("apis/orders/groups.lock"), LOCK);
}

#[test]
fn an_api_is_added_whole_or_not_at_all() {
    let fixture = Fixture::new("add");
    let open = fixture.up();
    let before = files_of(&fixture.folder);
    for (change, part) in [
        (NewApi { name: "orders".into(), ..billing() }, "exists already"),
        (NewApi { name: "Not A Name".into(), ..billing() }, "choose another name"),
        (NewApi { owner: Some("nobody".into()), ..billing() }, "no team `nobody`"),
        (NewApi { host: "orders.example.com".into(), ..billing() }, "orders.example.com"),
        (NewApi { host: "bad host".into(), ..billing() }, "bad host"),
        (NewApi { upstream: "ftp://x".into(), ..billing() }, "http://127.0.0.1:9000"),
        (NewApi { document: Some(b"{".to_vec()), ..billing() }, "OpenAPI"),
    ] {
        let refused = error(open.control.add_api(&ann(), &change));
        assert!(refused.contains(part), "{change:?}: {refused}");
        assert_eq!(files_of(&fixture.folder), before, "{change:?}");
    }
    let added = open.control.add_api(&ann(), &billing()).unwrap();
    assert_eq!((added.mode, added.owner.as_str(), added.operations.len()), ("enforce", "partners", 1));
    assert_eq!(added.operations[0].groups, ["billing", "billing:read"]);
    assert_eq!(open.revision(), 2);
    let bare = NewApi { name: "bare".into(), host: "bare.example.com".into(), document: None, ..billing() };
    let added = open.control.add_api(&ann(), &bare).unwrap();
    assert_eq!((added.mode, added.observe_until.as_deref()), ("observe", Some("2026-12-10T00:00:00.000Z")));
}
