//! What is certain although facts are missing.

use std::collections::BTreeSet;

use catalog::OperationIndex;
use model::{Client, PolicyId};

use super::world::{Ask, application, catalog, noon, policies};
use crate::{ContextFact, Policies, UnknownFact};

const POLICIES: &str = r#"
@id("own") permit (principal in Team::"partners", action == Action::"orders:GET /customers/{customerId}/orders", resource)
when { context.params.customerId == "42" };
@id("read") permit (principal in Team::"partners", action in Action::"orders:read", resource);
@id("past") @expires("2026-01-01") permit
(principal, action == Action::"orders:GET /customers/{customerId}/orders", resource)
when { context.params.customerId == "7" };
@id("inside") forbid (principal in Team::"staff", action in Action::"orders:read", resource)
unless { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };
@id("watched") @observe_until("2027-01-01") forbid
(principal, action == Action::"orders:GET /customers/{customerId}/orders", resource)
when { context.params.customerId == "13" };
@id("user") permit (principal in Team::"staff", action == Action::"orders:GET /customers/{customerId}/orders", resource)
when { context has user && context.user has level && context.user.level > 3 };
@id("tier") permit (principal is Application, action == Action::"orders:POST /orders", resource)
when { principal has tier && principal.tier > 1 };
"#;

fn operation(id: &str) -> OperationIndex {
    catalog().by_id(id).unwrap()
}

fn client(who: &str) -> Client {
    Ask::new(who, "orders:GET /orders").caller.client
}

fn ids(ids: &BTreeSet<PolicyId>) -> Vec<&str> {
    ids.iter().map(PolicyId::as_str).collect()
}

#[test]
fn what_reads_a_missing_fact_is_undecided_and_nothing_else_is() {
    let policies = policies(POLICIES);
    let customers = "orders:GET /customers/{customerId}/orders";
    let param = UnknownFact::Param("customerId".into());
    for (who, id, unknown, permits, guards) in [
        ("shop", customers, param.clone(), vec!["own"], vec![]),
        // Somebody else's policies do not make it less certain.
        ("crm", customers, param.clone(), vec![], vec![]),
        ("anonymous", customers, param, vec![], vec![]),
        ("shop", customers, UnknownFact::Param("orderId".into()), vec![], vec![]),
        ("crm", "orders:GET /orders", UnknownFact::Context(ContextFact::SourceIp), vec![], vec!["inside"]),
        ("shop", "orders:GET /orders", UnknownFact::Context(ContextFact::SourceIp), vec![], vec![]),
        ("crm", customers, UnknownFact::Context(ContextFact::User), vec!["user"], vec![]),
        ("crm", customers, UnknownFact::User("level".into()), vec!["user"], vec![]),
        // `context has user` counts as reading all of it.
        ("crm", customers, UnknownFact::User("customer".into()), vec!["user"], vec![]),
        ("shop", customers, UnknownFact::User("customer".into()), vec![], vec![]),
        ("shop", "orders:POST /orders", UnknownFact::Attribute("tier".into()), vec!["tier"], vec![]),
        ("shop", "orders:POST /orders", UnknownFact::Attribute("customer".into()), vec![], vec![]),
        ("anonymous", "orders:POST /orders", UnknownFact::Attribute("tier".into()), vec![], vec![]),
    ] {
        let unknown = BTreeSet::from([unknown]);
        let found = policies.undecided(operation(id), &client(who), noon(), &unknown);
        assert_eq!((ids(&found.permits), ids(&found.guards)), (permits, guards), "{who} {id} {unknown:?}");
    }
    assert!(policies.undecided(operation(customers), &client("shop"), noon(), &BTreeSet::new()).is_empty());
}

#[test]
fn policies_answer_alike_where_their_rules_for_a_caller_are_the_same_and_look_at_no_api() {
    let base = r#"
@id("web") permit (principal == Application::"web", action in Action::"orders:read", resource)
when { context.strength >= 2 };"#;
    let more = format!(
        "{base}\n@id(\"other\") permit (principal == Application::\"other\", action in Action::\"orders:read\", resource);"
    );
    let classed = format!(
        "{base}\n@id(\"class\") forbid (principal, action, resource) when {{ resource.dataClass == \"restricted\" }};"
    );
    let alike = |one: &str, two: &str, who: &str| {
        let (one, two): (Policies, Policies) = (policies(one), policies(two));
        let client = Client::Application(application(who, "staff", &[]));
        let read = operation("orders:GET /orders/{id}");
        one.answer_alike(read, (&two, read), &client)
    };
    assert!(alike(base, base, "web") && alike(base, &more, "web"));
    assert!(!alike(base, &more, "other"));
    assert!(!alike(&classed, &classed, "web"), "the API may be another one by now");
    assert!(!alike(base, "", "web"));
}
