//! Policy tests: what passes, what fails and how it is told, and what is left untried.

use super::*;
use crate::cases::{CaseReport, run_cases};

const HEAD: &str = "version: 1\nnow: 2026-11-26T12:00:00Z\napplications:\n  shop: { team: partners, customer: '42' }\n  \
                    tool: { team: ops }\nworkloads: { 'spiffe://a/b': { team: partners } }\ncases:\n";

fn run(cases: &str) -> Result<CaseReport, ControlError> {
    let texts = [
        ("sallyport.yaml", GATEWAY.to_owned()),
        ("teams.yaml", TEAMS.to_owned()),
        ("apis/orders/api.yaml", API.to_owned()),
        ("apis/orders/openapi.yaml", DOCUMENT.to_owned()),
        ("apis/orders/groups.lock", LOCK.to_owned()),
        ("policies/orders.cedar", POLICY.to_owned()),
        ("tests/orders.yaml", format!("{HEAD}{cases}")),
    ];
    run_cases(&texts.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect())
}

#[test]
fn a_case_passes_where_policy_says_what_it_expects_and_fails_with_the_difference_elsewhere() {
    let call = "request: GET https://orders.example.com";
    for (case, difference) in [
        (format!("caller: app:shop, {call}/orders, expect: allow, by: [read]"), ""),
        (format!("caller: app:tool, {call}/orders, expect: deny, reason: no_grant"), ""),
        (format!("caller: 'workload:spiffe://a/b', {call}/orders, expect: allow"), ""),
        (format!("caller: anonymous, {call}/orders, expect: deny, reason: no_credential"), ""),
        (
            "caller: app:shop, operation: 'orders:GET /customers/{id}', params: { id: 42 }, expect: allow"
                .into(),
            "",
        ),
        (
            "caller: app:shop, operation: 'orders:GET /customers/{id}', params: { id: 43 }, expect: allow"
                .into(),
            "expected allow, got deny (no_grant)",
        ),
        (format!("caller: app:shop, {call}/orders, expect: deny"), "expected deny, got allow"),
        (format!("caller: app:shop, {call}/orders, expect: step_up"), "expected step_up, got allow"),
        (
            format!("caller: app:tool, {call}/orders, expect: deny, reason: guard"),
            "expected the reason guard, got no_grant",
        ),
        (
            format!("caller: app:shop, {call}/orders, expect: allow, by: [own]"),
            "expected the decision by own, got it by read",
        ),
        (
            format!("caller: app:tool, {call}/orders, expect: deny, by: [read]"),
            "expected the decision by read, got it by none",
        ),
        (format!("caller: app:shop, {call}/nothing, expect: deny, reason: unknown_operation"), ""),
        (
            format!(
                "caller: app:shop, {call}/orders, scopes: ['orders:write'], expect: deny, reason: out_of_scope"
            ),
            "",
        ),
        (format!("caller: app:shop, {call}/orders, scopes: ['orders:read'], expect: allow"), ""),
        // The grant ends at the end of the century, and the case says when it is.
        (format!("caller: app:shop, {call}/orders, now: 2099-01-01, expect: deny, reason: no_grant"), ""),
    ] {
        let report = run(&format!("  - {{ {case} }}\n")).unwrap();
        let [one] = &report.cases[..] else { panic!("{report:?}") };
        assert_eq!((one.difference.as_str(), one.passed), (difference, difference.is_empty()), "{case}");
        assert_eq!((one.file.as_str(), one.line), ("tests/orders.yaml", 8), "{case}");
    }
}

#[test]
fn a_failure_names_the_nearest_rule_and_its_first_unmet_condition() {
    let case = "caller: app:shop, operation: 'orders:GET /customers/{id}', params: { id: 43 }, expect: allow";
    let report = run(&format!("  - {{ {case} }}\n")).unwrap();
    assert_eq!(report.cases[0].nearest.as_deref(), Some("own"));
    let unmet = report.cases[0].unmet.as_deref().unwrap_or_default();
    assert!(unmet.contains("principal.customer"), "{unmet}");
}

#[test]
fn a_case_that_cannot_be_asked_fails_the_run_with_place_and_fix() {
    for (case, reason, fix) in [
        ("caller: app:shop, operation: 'orders:GET /order', expect: deny", "is no operation", "api show"),
        (
            "caller: app:shop, operation: 'orders:GET /customers/{id}', expect: deny",
            "no value for the parameter `id`",
            "params: { id",
        ),
        (
            "caller: app:shop, operation: 'orders:GET /customers/{id}', params: { id: 1, x: 2 }, expect: deny",
            "has no parameter `x`",
            "it has id",
        ),
        (
            "caller: app:shop, operation: 'orders:GET /customers/{id}', params: { id: 1/2 }, expect: deny",
            "is no call of",
            "other values",
        ),
        (
            "caller: app:shop, operation: 'orders:GET /customers/{id}', params: { id: '..' }, expect: deny",
            "the gateway would refuse this request",
            "before they are escaped",
        ),
        (
            "caller: app:shop, request: FETCH https://orders.example.com/, expect: deny",
            "is no method",
            "GET https",
        ),
    ] {
        let Err(ControlError::Files(errors)) = run(&format!("  - {{ {case} }}\n")) else { panic!("{case}") };
        let [error] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!((error.file.as_str(), error.line), ("tests/orders.yaml", 8), "{case}");
        assert!(error.reason.contains(reason) && error.fix.contains(fix), "{error:?}");
    }
}

#[test]
fn an_unknown_team_is_no_reason_for_a_denial() {
    let files = [
        ("sallyport.yaml", GATEWAY),
        ("teams.yaml", TEAMS),
        ("apis/orders/api.yaml", API),
        ("apis/orders/openapi.yaml", DOCUMENT),
        ("apis/orders/groups.lock", LOCK),
        ("policies/orders.cedar", POLICY),
        (
            "tests/a.yaml",
            "version: 1\nnow: 2026-11-26\napplications: { shop: { team: partnerz } }\ncases:\n  \
             - { caller: app:shop, request: GET https://orders.example.com/orders, expect: deny }\n",
        ),
    ];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect();
    let Err(ControlError::Files(errors)) = run_cases(&files) else { panic!() };
    assert!(errors[0].reason.contains("`partnerz`, which teams.yaml does not have"), "{errors:?}");
}

#[test]
fn what_no_case_tries_is_told() {
    let report =
        run("  - { caller: app:shop, request: GET https://orders.example.com/orders, expect: allow }\n")
            .unwrap();
    let coverage = &report.coverage;
    let unhit: Vec<_> =
        coverage.unhit.iter().map(|rule| (rule.id.as_str(), rule.file.as_str(), rule.line)).collect();
    assert_eq!(unhit, [("guard", "policies/orders.cedar", 6), ("own", "policies/orders.cedar", 3)]);
    assert_eq!((coverage.rules, coverage.rules_hit), (3, 1));
    assert_eq!(coverage.unasked, ["orders:GET /customers/{id}", "orders:POST /orders"]);
    assert_eq!((coverage.operations, coverage.operations_asked), (3, 1));
    assert_eq!(coverage.ungranted, ["orders:POST /orders"]);
}
