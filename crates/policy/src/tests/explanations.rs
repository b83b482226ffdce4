//! What `explain` says: outcomes, first unmet condition, nearest grant, and the smallest grant.

use super::world::*;
use crate::{DecisionCache, Explanation, GrantAdvice, PolicySource, ValidationCache, compile};

const READ: &str = "orders:GET /orders/{id}";

fn explain(text: &str, ask: &Ask) -> Explanation {
    ask.with(|facts| policies(text).explain(facts))
}

/// `id outcome unmet` per policy.
fn told(explanation: &Explanation) -> Vec<String> {
    let line = |rule: &crate::RuleOutcome| {
        let unmet = rule.unmet.as_deref().unwrap_or("-");
        format!("{} {} {unmet}", rule.id, rule.outcome.as_str())
    };
    explanation.rules.iter().map(line).collect()
}

#[test]
fn every_policy_of_the_slice_says_how_it_came_out() {
    let text = r#"
        @id("hit") permit (principal, action, resource);
        @id("strong") permit (principal, action, resource) when { context.strength == 2 && context.mfa && 3 < 4 };
        @id("unless") forbid (principal, action, resource) when { context.strength == 2 } unless { context.mfa || 1 < 2 };
        @id("old") @expires("2026-01-01") permit (principal, action, resource);
        @id("trial") @observe_until("2030-01-01") forbid (principal, action, resource);
        @id("elsewhere") permit (principal, action in Action::"orders:write", resource);
        @id("others") permit (principal == Application::"other", action, resource);"#;
    let explanation = explain(text, &Ask::new("shop", READ));
    assert_eq!(
        told(&explanation),
        [
            "hit hit -",
            "strong miss context.mfa",
            "unless miss unless { 1 < 2 }",
            "old expired context.now < datetime(\"2026-01-01T00:00:00.000Z\")",
            "trial observed -",
            "elsewhere miss action in Action::\"orders:write\"",
            "others miss principal == Application::\"other\"",
        ]
    );
    assert_eq!(word(&explanation.ruling), "permit hit");
    assert_eq!((explanation.nearest, explanation.grant), (None, GrantAdvice::AlreadyPermitted));
}

#[test]
fn the_nearest_grant_is_the_one_with_least_to_mend() {
    for (text, nearest) in [
        ("", None),
        (r#"@id("u") permit (principal, action in Action::"users", resource);"#, None),
        (r#"@id("w") permit (principal, action in Action::"orders:write", resource);"#, Some("w")),
        (
            r#"@id("w") permit (principal, action in Action::"orders:write", resource);
               @id("o") permit (principal == Application::"other", action, resource);"#,
            Some("o"),
        ),
        (
            r#"@id("o") permit (principal == Application::"other", action, resource);
               @id("c") permit (principal, action, resource) when { context.mfa && 3 <= context.strength };"#,
            Some("c"),
        ),
        (
            r#"@id("two") permit (principal, action, resource) when { context.mfa && 3 <= context.strength };
               @id("one") permit (principal, action, resource) when { 2 <= context.strength && context.mfa };"#,
            Some("one"),
        ),
    ] {
        let explanation = explain(text, &Ask::new("shop", READ));
        assert_eq!(explanation.nearest.as_ref().map(|id| id.as_str()), nearest, "{text}");
    }
}

#[test]
fn where_a_guard_forbids_no_grant_helps() {
    let text = r#"@id("g") forbid (principal, action, resource) unless { context.mfa };"#;
    let explanation = explain(text, &Ask::new("shop", READ));
    assert_eq!(word(&explanation.ruling), "forbid g");
    assert_eq!(explanation.grant, GrantAdvice::Guarded);
    assert_eq!(explanation.nearest.as_ref().map(|id| id.as_str()), Some("g"));
    assert_eq!(explanation.grant.text(), None);
}

#[test]
fn nobody_gets_a_grant_but_is_told_to_say_who_they_are() {
    assert_eq!(explain("", &Ask::new("anonymous", READ)).grant, GrantAdvice::Identify);
    assert_eq!(explain("", &Ask::new("shop", "orders:GET /none")).grant, GrantAdvice::Mend);
}

#[test]
fn the_smallest_grant_is_text_that_can_be_pasted() {
    let explanation = explain("", &Ask::new("shop", READ));
    let expected = r#"@id("grant.shop.orders-get-orders-id")
@owner("partners")
@reason("shop calls orders:GET /orders/{id}")
@expires("2026-09-13")
permit (
  principal == Application::"shop",
  action == Action::"orders:GET /orders/{id}",
  resource == Api::"orders"
);
"#;
    assert_eq!(explanation.grant.text(), Some(expected));
}

/// A grant without the condition would pass by the very rule that was missed.
#[test]
fn the_smallest_grant_keeps_to_the_object_where_policies_look_at_it() {
    const OF_CUSTOMER: &str = "orders:GET /customers/{customerId}/orders";
    let own = r#"@id("own") permit (principal is Application, action == Action::"orders:GET /customers/{customerId}/orders", resource)
        when { principal has customer && context.params.customerId == principal.customer };"#;
    let explanation = explain(own, &Ask::new("shop", OF_CUSTOMER).param("4\"3"));
    let grant = explanation.grant.text().unwrap();
    assert!(grant.contains(r#"  context.params.customerId == "4\"3""#), "{grant}");
    let after = policies(&format!("{own}\n{grant}"));
    assert!(word(&Ask::new("shop", OF_CUSTOMER).param("4\"3").decide(&after)).starts_with("permit grant."));
    assert_eq!(word(&Ask::new("shop", OF_CUSTOMER).param("44").decide(&after)), "no_grant");
}

#[test]
fn the_smallest_grant_allows_exactly_that_request_and_changes_no_other() {
    let catalog = catalog();
    let before_text = r#"
        @id("team") permit (principal in Team::"staff", action in Action::"orders:read", resource);
        @id("grant.shop.orders-get-orders-id") permit (principal == Application::"none", action, resource);
        @id("mfa") permit (principal, action in Action::"users", resource) when { context.mfa };
        @id("guard") forbid (principal is Anonymous, action in Action::"users", resource);"#;
    let before = policies(before_text);
    let callers = ["shop", "backoffice", "anonymous"];
    let mut granted = 0;
    for who in callers {
        for operation in catalog.operations() {
            let ask = Ask::new(who, operation.id.as_str());
            let advice = ask.with(|facts| before.explain(facts)).grant;
            let Some(grant) = advice.text() else { continue };
            granted += 1;
            let added = PolicySource { path: "policies/new.cedar".to_owned(), text: grant.to_owned() };
            let sources = [source(before_text), added];
            let after = compile(&sources, &catalog, &directory(), &mut ValidationCache::new()).unwrap();
            assert!(
                after.warnings.iter().all(|one| one.file != "policies/new.cedar"),
                "{:?}",
                after.warnings
            );
            for other in callers {
                for another in catalog.operations() {
                    let ask = Ask::new(other, another.id.as_str());
                    let ruling = ask.decide(&after.policies);
                    if other == who && another.id == operation.id {
                        assert!(word(&ruling).starts_with("permit grant."), "{grant}");
                    } else {
                        assert_eq!(ruling, ask.decide(&before), "{grant} for {other} {}", another.id);
                    }
                }
            }
        }
    }
    assert!(10 <= granted, "{granted}");
}

#[test]
fn an_explanation_says_what_was_decided() {
    let text = r#"
        @id("a") permit (principal in Team::"partners", action in Action::"orders:read", resource) when { context.params has id && context.params.id == "42" };
        @id("b") forbid (principal, action, resource) when { principal has tier && principal.tier < 2 };
        @id("c") permit (principal is Anonymous, action == Action::"users:GET /users/{id}", resource);"#;
    let policies = policies(text);
    for who in ["shop", "backoffice", "anonymous"] {
        for operation in catalog().operations() {
            let ask = Ask::new(who, operation.id.as_str());
            let decided = ask.with(|facts| policies.decide(&mut DecisionCache::new(), facts));
            assert_eq!(ask.with(|facts| policies.explain(facts)).ruling, decided, "{ask:?}");
        }
    }
}
