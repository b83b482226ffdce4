//! What policies say from three sides: one policy, an operation, a caller.

use super::{Fixture, Open, POLICY, ann, error};
use crate::{Asked, CallerReach, OperationReach};

const MORE: &str = "\n@id(\"watched\") @owner(\"ops\") @reason(\"r\") @observe_until(\"2027-01-01\")\n\
    forbid (principal, action == Action::\"orders:GET /orders\", resource);\n\
    @id(\"tool\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
    permit (principal == Application::\"tool\", action == Action::\"orders:POST /orders\", resource);\n\
    @id(\"batch\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
    permit (principal == Workload::\"spiffe://example.com/batch\", action == Action::\"orders:GET /orders\", resource)\n\
    when { context.strength >= 4 };\n\
    @id(\"old\") @owner(\"ops\") @reason(\"r\") @expires(\"2020-01-01\")\n\
    permit (principal, action, resource);\n";

fn world(name: &str) -> (Fixture, Open) {
    let fixture = Fixture::new(name);
    fixture.write("policies/orders.cedar", &format!("{POLICY}{MORE}"));
    let open = fixture.up();
    open.shop();
    open.control.create_application(&ann(), "tool", "ops", &[], "").unwrap();
    (fixture, open)
}

fn caller(row: &CallerReach) -> String {
    let names = |policies: &[crate::Named]| {
        let named = policies.iter().map(|one| {
            let words: Vec<&str> = one.conditions.iter().map(|one| one.words.as_str()).collect();
            format!("{}[{}]", one.id, words.join("; "))
        });
        named.collect::<Vec<_>>().join(" ")
    };
    let note = row.note.as_deref().unwrap_or_default();
    format!("{} {} {} | {} | {note}", row.caller, row.decision, names(&row.grants), names(&row.guards))
}

fn who_can(open: &Open, operation: &str) -> Vec<String> {
    let found = open.control.who_can(&ann(), Asked::Operation(operation)).unwrap();
    found.callers.iter().map(caller).collect()
}

#[test]
fn an_operation_says_who_can_call_it_by_what_and_under_which_conditions() {
    let (_fixture, open) = world("who-can");
    assert_eq!(
        who_can(&open, "orders:GET /orders"),
        [
            "app:shop always read[] | watched[] | ",
            "workload:spiffe://example.com/batch conditional \
             batch[the caller's strength is at least `bound`] | watched[] | ",
            "team:partners always read[] | watched[] | ",
        ]
    );
    assert_eq!(
        who_can(&open, "orders:GET /customers/{id}"),
        [
            "app:shop conditional own[the path's `id` is the caller's `customer`] |  | ",
            "team:ops conditional own[the caller is an application; the caller has the attribute `customer`; \
             the path's `id` is the caller's `customer`] |  | ",
            "team:partners conditional own[the caller is an application; the caller has the attribute `customer`; \
             the path's `id` is the caller's `customer`] |  | ",
        ],
        "an application without the attribute is not among them, nor is who has no credential"
    );
    // The guard has the last word, and the grant is named all the same.
    assert_eq!(who_can(&open, "orders:POST /orders"), ["app:tool never tool[] | guard[] | "],);
    let by_url = open
        .control
        .who_can(&ann(), Asked::Call { method: "GET", url: "https://orders.example.com/customers/7" });
    assert_eq!(by_url.unwrap().operation, "orders:GET /customers/{id}");
}

#[test]
fn scopes_of_keys_and_the_state_of_an_application_narrow_what_policy_says() {
    let (_fixture, open) = world("who-can-keys");
    let of_shop = || {
        let rows = who_can(&open, "orders:GET /orders");
        rows.into_iter().find(|row| row.starts_with("app:shop")).unwrap()
    };
    open.key("shop", &["orders:write"]);
    assert!(of_shop().ends_with("the scopes of 1 of its 2 keys cover it"), "{}", of_shop());
    let first = open.control.keys(&ann(), Some("shop")).unwrap();
    let wide = first.iter().find(|key| key.scopes == ["orders"]).unwrap();
    open.control.revoke_key(&ann(), &wide.id, "r").unwrap();
    assert!(of_shop().starts_with("app:shop never"), "{}", of_shop());
    assert!(of_shop().ends_with("the scopes of its key do not cover it"), "{}", of_shop());
    open.key("shop", &["orders:GET /orders"]);
    open.control.disable_application(&ann(), "shop", "r").unwrap();
    assert!(of_shop().starts_with("app:shop never"), "{}", of_shop());
    assert!(of_shop().ends_with("the application is disabled"), "{}", of_shop());
}

#[test]
fn a_caller_says_what_it_can_call() {
    let (_fixture, open) = world("what-can");
    let row = |row: &OperationReach| {
        let grants: Vec<&str> = row.grants.iter().map(|grant| grant.id.as_str()).collect();
        format!("{} {} {}", row.operation, row.decision, grants.join(" "))
    };
    let what_can = |name: &str| {
        let found = open.control.what_can(&ann(), name).unwrap();
        (found.operations.iter().map(row).collect::<Vec<_>>(), found.others)
    };
    for (name, operations, others) in [
        (
            "app:shop",
            &["orders:GET /customers/{id} conditional own", "orders:GET /orders always read"][..],
            1,
        ),
        ("app:tool", &["orders:POST /orders never tool"], 2),
        (
            "team:partners",
            &["orders:GET /customers/{id} conditional own", "orders:GET /orders always read"],
            1,
        ),
        ("workload:spiffe://example.com/batch", &["orders:GET /orders conditional batch"], 2),
        ("workload:spiffe://example.com/other", &[], 3),
        ("anonymous", &[], 3),
    ] {
        let (mut found, left) = what_can(name);
        found.sort();
        assert_eq!(
            (found.as_slice(), left),
            (&operations.iter().map(|&one| one.to_owned()).collect::<Vec<_>>()[..], others),
            "{name}"
        );
    }
    let key = open.key("shop", &["orders:GET /customers/{id}"]);
    let found = open.control.what_can(&ann(), &format!("key:{}", key.id)).unwrap();
    let decisions: Vec<_> = found.operations.iter().map(row).collect();
    assert!(decisions.contains(&"orders:GET /orders never read".to_owned()), "{decisions:?}");
    assert!(decisions.contains(&"orders:GET /customers/{id} conditional own".to_owned()), "{decisions:?}");
    open.control.revoke_key(&ann(), &key.id, "r").unwrap();
    let found = open.control.what_can(&ann(), &format!("key:{}", key.id)).unwrap();
    assert!(found.note.unwrap().starts_with("the key is revoked: nothing can be called with it"));
}

#[test]
fn a_policy_says_what_it_does_and_what_would_be_without_it() {
    let (_fixture, open) = world("policy-explain");
    let read = open.control.read_policy(&ann(), "read").unwrap();
    assert_eq!(
        read.says,
        "lets applications and workloads of the team `partners` call `orders:GET /orders`; until 2099-01-01T00:00:00.000Z"
    );
    assert_eq!((read.state, read.file.as_str(), read.line), ("counts", "policies/orders.cedar", 1));
    assert_eq!((read.owner.as_deref(), read.reason.as_deref()), (Some("ops"), Some("r")));
    assert_eq!(read.operations, ["orders:GET /orders"]);
    let callers: Vec<&str> = read.callers.iter().map(|one| one.caller.as_str()).collect();
    assert_eq!(callers, ["app:shop", "team:partners"]);
    let loses: Vec<_> = read.loses.iter().map(|one| (one.caller.as_str(), one.before, one.now)).collect();
    assert_eq!(loses, [("app:shop", "always", "never"), ("team:partners", "always", "never")]);
    assert!(read.gains.is_empty() && read.counts.loses == 2);

    let guard = open.control.read_policy(&ann(), "guard").unwrap();
    assert!(
        guard.says.starts_with("never lets anyone, also callers without a credential call"),
        "{}",
        guard.says
    );
    let gains: Vec<_> = guard.gains.iter().map(|one| (one.caller.as_str(), one.before, one.now)).collect();
    assert_eq!(gains, [("app:tool", "never", "always")], "what the guard holds back");
    assert!(guard.loses.is_empty());

    let old = open.control.read_policy(&ann(), "old").unwrap();
    assert_eq!((old.state, old.operations.len(), old.callers.len()), ("expired", 3, 0));
    assert_eq!(open.control.read_policy(&ann(), "watched").unwrap().state, "observes");
}

#[test]
fn what_is_not_there_is_said_with_the_nearest_names() {
    let (_fixture, open) = world("near-names");
    let control = &open.control;
    for (refused, part) in [
        (error(control.read_policy(&ann(), "guart")), "did you mean `guard`?"),
        (error(control.read_policy(&ann(), "zzzzzz")), "FILE#N"),
        (
            error(control.who_can(&ann(), Asked::Operation("orders:GET /order"))),
            "did you mean `orders:GET /orders`",
        ),
        (
            error(
                control
                    .who_can(&ann(), Asked::Call { method: "GET", url: "https://orders.example.com/custom" }),
            ),
            "did you mean `orders:GET /customers/{id}`?",
        ),
        (error(control.what_can(&ann(), "app:shopp")), "did you mean `app:shop`?"),
        (error(control.what_can(&ann(), "team:partner")), "did you mean `team:partners`?"),
        (error(control.what_can(&ann(), "nobody at all")), "name it as app:NAME"),
        (error(control.what_can(&ann(), "key:zzzzzzzzzzzz")), "no key `zzzzzzzzzzzz`"),
    ] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn a_policy_without_an_id_is_called_by_its_file_and_place() {
    let fixture = Fixture::new("file-and-place");
    fixture.write("policies/more.cedar", "permit (principal == Application::\"shop\", action, resource);\n");
    let open = fixture.up();
    let read = open.control.read_policy(&ann(), "more.cedar#1").unwrap();
    assert_eq!((read.id.as_str(), read.owner), ("more.cedar#1", None));
    assert!(read.actions.contains("also those that are declared later"), "{}", read.actions);
    assert!(error(open.control.read_policy(&ann(), "more.cedar#2")).contains("did you mean `more.cedar#1`?"));
}

#[test]
fn while_an_api_is_observed_it_is_said_that_more_passes() {
    let fixture = Fixture::new("observed-note");
    let api = fixture.read("apis/orders/api.yaml");
    fixture.write(
        "apis/orders/api.yaml",
        &api.replace("mode: enforce", "mode: observe\nobserve_until: 2026-12-09"),
    );
    let open = fixture.up();
    let ask = || open.control.who_can(&ann(), Asked::Operation("orders:GET /orders")).unwrap().note;
    assert!(ask().unwrap().contains("is observed until 2026-12-09"));
    fixture.pass_days(30);
    assert_eq!(ask(), None);
}

#[test]
fn a_policy_that_reaches_too_much_says_what_was_not_looked_at() {
    let (_fixture, open) = world("reading-capped");
    let reading = |most| open.control.reading_of("read", most).unwrap();
    let whole = reading(1_000);
    assert_eq!((whole.unjudged, whole.operations.len()), (0, 1));
    let callers = whole.callers.len();
    assert!(0 < callers && !whole.loses.is_empty());
    let known = open.control.known_callers(&[]).unwrap().len();
    let part = reading(1);
    assert!(part.unjudged + 1 >= known && part.callers.len() <= 1, "{part:?}");
    let nothing = reading(0);
    assert_eq!((nothing.callers.len(), nothing.loses.len(), nothing.unjudged), (0, 0, part.unjudged + 1));
    assert_eq!(nothing.operations, whole.operations);
}
