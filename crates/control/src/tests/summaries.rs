//! What a publish says: who gains and who loses, groups that grow by no other act, and what the cases get.

use super::{DOCUMENT, Fixture, GATEWAY, LOCK, POLICY, ann, error, files_of};
use crate::{Access, Actor, RegroupAct, Summary};

const CASES: &str = "version: 1\nnow: 2026-06-15T12:00:00Z\napplications:\n  shop: { team: partners, customer: '42' }\n\
    cases:\n  - { name: reads, caller: app:shop, operation: 'orders:GET /orders', expect: allow }\n  \
    - { name: writes, caller: app:shop, operation: 'orders:POST /orders', expect: deny, reason: guard }\n";
const GROUP_POLICY: &str = "@id(\"all-reads\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
    permit (principal in Team::\"partners\", action in Action::\"orders:read\", resource);\n";

fn waiting(name: &str) -> Fixture {
    let fixture = Fixture::new(name);
    fixture.write("sallyport.yaml", &GATEWAY.replace("on_change", "on_publish"));
    fixture
}

fn row(access: &Access) -> String {
    format!(
        "{} {}: {} → {} by {}",
        access.caller,
        access.operation,
        access.before,
        access.now,
        access.by.join(" ")
    )
}

fn rows(list: &[Access]) -> Vec<String> {
    list.iter().map(row).collect()
}

#[test]
fn an_api_that_begins_or_ends_to_be_enforced_is_named() {
    let fixture = Fixture::new("modes");
    fixture.write("sallyport.yaml", &GATEWAY.replace("on_change", "on_publish"));
    let open = fixture.up();
    let modes = |open: &super::Open| {
        let planned = open.control.plan_publish(&ann()).unwrap().summary.unwrap();
        planned.modes.into_iter().map(|one| (one.api, one.before, one.now)).collect::<Vec<_>>()
    };
    let enforced = fixture.read("apis/orders/api.yaml");
    assert_eq!(modes(&open), []);
    let observed = enforced.replace("mode: enforce", "mode: observe\nobserve_until: 2026-12-20");
    fixture.write("apis/orders/api.yaml", &observed);
    assert_eq!(modes(&open), [("orders".to_owned(), "enforce", "observe")]);
    open.control.publish(&ann(), "watch").unwrap();
    assert_eq!(modes(&open), []);
    fixture.write("apis/orders/api.yaml", &enforced);
    assert_eq!(modes(&open), [("orders".to_owned(), "observe", "enforce")]);
    // Its end has passed: it is enforced already.
    fixture.pass_days(40);
    assert_eq!(modes(&open), []);
}

#[test]
fn a_dry_run_says_who_gains_who_loses_and_on_which_terms_and_changes_nothing() {
    let fixture = waiting("plan-publish");
    let open = fixture.up();
    open.shop();
    open.control.create_application(&ann(), "tool", "ops", &[], "").unwrap();
    let text =
        POLICY.replace("principal in Team::\"partners\"", "principal == Application::\"tool\"").replace(
            "context.params.id == principal.customer",
            "context.params.id == principal.customer && context.mfa",
        );
    fixture.write("policies/orders.cedar", &text);
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /new:\n    get: {{}}\n"));
    let (files, changes) = (files_of(&fixture.folder), fixture.changes());
    let planned = open.control.plan_publish(&ann()).unwrap();
    let summary = planned.summary.unwrap();
    assert_eq!(summary.policies.changed, ["own", "read"]);
    assert_eq!(summary.operations.added, ["orders:GET /new"]);
    assert_eq!(rows(&summary.gains), ["app:tool orders:GET /orders: never → always by read"]);
    assert_eq!(rows(&summary.loses), ["app:shop orders:GET /orders: always → never by read"]);
    assert_eq!(
        rows(&summary.alters),
        ["app:shop orders:GET /customers/{id}: conditional → conditional by own"]
    );
    assert_eq!(
        summary.alters[0].conditions,
        ["by own: the path's `id` is the caller's `customer`, and the user signed in with several factors"]
    );
    assert_eq!((summary.gains[0].keys, summary.loses[0].keys), (Some(0), Some(1)));
    let joined: Vec<_> = summary.joined.iter().map(|one| one.group.as_str()).collect();
    assert_eq!(joined, ["orders", "orders:read"]);
    assert_eq!((files_of(&fixture.folder), fixture.changes(), open.revision()), (files, changes, 1));
    assert_eq!(open.control.revisions(&ann()).unwrap().len(), 1);
}

#[test]
fn a_publish_keeps_what_it_changed_with_the_revision() {
    let fixture = waiting("kept-summary");
    let open = fixture.up();
    open.shop();
    assert!(
        open.control.revision(&ann(), 1).unwrap().summary.is_none(),
        "before the first there was nothing"
    );
    fixture.write("policies/orders.cedar", "// nothing is granted\n");
    let done = open.control.publish(&ann(), "nobody needs it").unwrap();
    let kept = open.control.revision(&ann(), 2).unwrap();
    assert_eq!(done.summary, kept.summary);
    let summary = kept.summary.unwrap();
    assert_eq!(summary["policies"]["removed"], serde_json::json!(["guard", "own", "read"]));
    assert_eq!(
        summary["counts"]["loses"], 3,
        "the shop twice, and the team that has no application yet: {summary}"
    );
    assert!(summary.get("replayed").is_none());
    assert!(kept.files.iter().all(|file| !file.path.starts_with('.')), "{:?}", kept.files);
    let again = open.control.publish(&ann(), "again").unwrap();
    assert_eq!((again.revision.number, again.summary), (2, None));
    // A comment is a revision, and changes nothing for anybody.
    fixture.write("policies/orders.cedar", "// nobody is granted anything\n");
    let done = open.control.publish(&ann(), "words").unwrap();
    let text = done.summary.unwrap().to_string();
    assert_eq!(text, serde_json::to_value(Summary::default()).unwrap().to_string());
}

#[test]
fn a_publish_asks_what_is_in_force_for_the_cases() {
    let fixture = waiting("probes");
    fixture.write("tests/orders.yaml", CASES);
    let open = fixture.up();
    open.shop();
    let done = open.control.publish(&ann(), "as it is").unwrap();
    assert_eq!((done.probes.asked, done.probes.as_expected, done.probes.held()), (2, 2, true));
    fixture.write("policies/orders.cedar", &POLICY.replace("GET /orders\"", "GET /customers/{id}\""));
    let planned = open.control.plan_publish(&ann()).unwrap();
    assert!(!planned.probes.held());
    let done = open.control.publish(&ann(), "a mistake").unwrap();
    assert_eq!((done.probes.asked, done.probes.as_expected), (2, 1));
    let differing = &done.probes.differing[0];
    assert_eq!(
        (differing.name.as_str(), differing.difference.as_str()),
        ("reads", "expected allow, got deny (no_grant)")
    );
    // The cases are asked of the gateway as it is: a block is seen as well.
    fixture.write("policies/orders.cedar", POLICY);
    open.control.add_block(&ann(), &super::blocks::order("app", "shop", "2h")).unwrap();
    let done = open.control.publish(&ann(), "mended").unwrap();
    let told: Vec<_> = done.probes.differing.iter().map(|case| case.difference.as_str()).collect();
    assert_eq!(
        told,
        ["expected allow, got deny (blocked)", "expected the reason guard, got blocked"],
        "{:?}",
        done.probes
    );
    fixture.write("tests/orders.yaml", &CASES.replace("expect: allow", "expect: alow"));
    let done = open.control.publish(&ann(), "a slip").unwrap();
    assert_eq!((done.probes.asked, done.probes.errors.len(), done.probes.held()), (0, 1, false));
}

#[test]
fn a_key_scope_that_widens_with_a_group_is_a_gain() {
    let fixture = waiting("scope-gain");
    let direct = "@id(\"new\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                  permit (principal in Team::\"partners\", action == Action::\"orders:GET /new\", resource);\n";
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /new:\n    get: {{}}\n"));
    fixture.write("policies/orders.cedar", &format!("{POLICY}{direct}"));
    let open = fixture.up();
    open.shop();
    let planned = open.control.plan_publish(&ann()).unwrap();
    let summary = planned.summary.unwrap();
    assert_eq!(
        rows(&summary.gains),
        ["app:shop orders:GET /new: always → always by key scopes"],
        "policy says the same, and the key covers it only now"
    );
    assert_eq!(rows(&planned.regrouped[0].callers), rows(&summary.gains));
}

#[test]
fn regroup_names_the_callers_who_gain() {
    let fixture = Fixture::new("regroup-callers");
    fixture.write("policies/orders.cedar", GROUP_POLICY);
    let open = fixture.up();
    open.shop();
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /secrets:\n    get: {{}}\n"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    let planned = open.control.regroup(&ann(), "orders", RegroupAct::DryRun, "").unwrap();
    assert_eq!(rows(&planned.callers), ["app:shop orders:GET /secrets: never → always by all-reads"]);
    let done = open.control.regroup(&ann(), "orders", RegroupAct::Write, "reviewed").unwrap();
    assert_eq!(done.callers, planned.callers);
    assert!(open.control.regroup(&ann(), "orders", RegroupAct::Write, "").unwrap().callers.is_empty());
}

/// A lock with one more operation in a group that a grant names.
fn grown() -> String {
    LOCK.replace(
        "\"orders:read\": [\"GET /customers/{id}\",",
        "\"orders:read\": [\"GET /customers/{id}\", \"GET /secrets\",",
    )
}

#[test]
fn a_lock_that_was_edited_by_hand_grows_no_group() {
    let fixture = Fixture::new("hand-edited-lock");
    fixture.write("policies/orders.cedar", GROUP_POLICY);
    let mut open = fixture.up();
    let key = open.shop();
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /secrets:\n    get: {{}}\n"));
    fixture.write("apis/orders/groups.lock", &grown());
    let refused = error(open.control.reload(&Actor::gateway(), "file"));
    for part in
        ["apis/orders/groups.lock:4:1", "`GET /secrets` joins the group `orders:read`", "api regroup orders"]
    {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert!(!open.control.readiness().files_in_force);
    let denied = open.call(fixture.now(), Some(&key.key), "GET", "/secrets").0;
    assert!(denied.starts_with("denied"), "{denied}");
    // Another edit, a team, an API that is added: none of them brings it in.
    assert!(error(open.control.create_team(&ann(), "guests", "r")).contains("joins the group"));
    assert!(error(open.control.add_api(&ann(), &super::apis::billing())).contains("joins the group"));
    open.control.close().unwrap();
    // Nor does a restart.
    let mut open = fixture.open();
    assert!(open.refused.is_some());
    let denied = open.call(fixture.now(), Some(&key.key), "GET", "/secrets").0;
    assert!(denied.starts_with("denied"), "{denied}");
    // The acts that list who gains do, and list what came in by hand.
    let planned = open.control.plan_publish(&ann()).unwrap();
    let joined: Vec<_> = planned.regrouped[0].joined.iter().map(|one| one.group.as_str()).collect();
    assert_eq!(joined, ["orders", "orders:read"]);
    assert_eq!(planned.regrouped[0].gains[0].policy, "all-reads");
    let gained = ["app:shop orders:GET /secrets: never → always by all-reads"];
    assert_eq!(rows(&planned.regrouped[0].callers), gained);
    assert_eq!(rows(&planned.summary.unwrap().gains), gained);
    open.control.publish(&ann(), "secrets are for partners").unwrap();
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/secrets").0, "allowed");
    assert!(
        fixture
            .changes()
            .iter()
            .any(|act| act.starts_with("api.regroup api orders by ann: secrets are for partners"))
    );
}

#[test]
fn a_regroup_of_one_api_brings_in_no_edit_of_another_ones_lock() {
    let fixture = Fixture::new("other-lock");
    let open = fixture.up();
    open.control.add_api(&ann(), &super::apis::billing()).unwrap();
    fixture.write("apis/orders/openapi.yaml", &format!("{DOCUMENT}  /secrets:\n    get: {{}}\n"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    fixture.write("apis/orders/groups.lock", &grown());
    let bills = fixture.read("apis/billing/openapi.yaml");
    fixture.write("apis/billing/openapi.yaml", &format!("{bills}  /more:\n    get: {{}}\n"));
    let before = files_of(&fixture.folder);
    assert!(
        error(open.control.regroup(&ann(), "billing", RegroupAct::Write, "r")).contains("joins the group")
    );
    assert!(error(open.control.create_team(&ann(), "guests", "r")).contains("joins the group"));
    assert_eq!(files_of(&fixture.folder), before, "nothing is half done");
    assert_eq!(
        open.control
            .api(&ann(), "orders")
            .unwrap()
            .operations
            .iter()
            .filter(|one| one.id.contains("secrets") && !one.groups.is_empty())
            .count(),
        0
    );
    let shrunk = LOCK.replace("\"GET /customers/{id}\", ", "");
    fixture.write("apis/orders/groups.lock", &shrunk);
    open.control.reload(&Actor::gateway(), "file").unwrap();
    let shown = open.control.api(&ann(), "orders").unwrap();
    let customers = shown.operations.iter().find(|one| one.id.contains("customers")).unwrap();
    assert!(customers.groups.is_empty(), "what takes away needs no act: {customers:?}");
}
