//! For each thing that is allowed, the nearest that is denied.

use model::{AttributeValue, Strength, Timestamp};

use super::world::*;
use crate::DecisionCache;

fn check(policies_text: &str, cases: &[(Ask, &str)]) {
    let policies = policies(policies_text);
    let mut cache = DecisionCache::new();
    // Twice: fresh, then from the cache.
    for round in ["fresh", "cached"] {
        for (ask, expected) in cases {
            let ruling = ask.with(|facts| policies.decide(&mut cache, facts));
            assert_eq!(word(&ruling), *expected, "{round}: {ask:?}");
        }
    }
}

const READ: &str = "orders:GET /orders/{id}";
const LIST: &str = "orders:GET /orders";
const CREATE: &str = "orders:POST /orders";
const DELETE: &str = "orders:DELETE /orders/{id}";
const OF_CUSTOMER: &str = "orders:GET /customers/{customerId}/orders";
const UNGROUPED: &str = "orders:GET /reports/{year}";
const USER: &str = "users:GET /users/{id}";

#[test]
fn an_empty_set_denies_everything() {
    check("", &[(Ask::new("shop", READ), "no_grant"), (Ask::new("anonymous", READ), "no_grant")]);
}

#[test]
fn an_unknown_operation_is_a_fault() {
    check(
        "@id(\"all\") permit (principal, action, resource);",
        &[(Ask::new("shop", "orders:GET /none"), "fault")],
    );
}

#[test]
fn a_grant_to_one_application_for_one_operation_is_just_that() {
    check(
        r#"@id("one") permit (principal == Application::"shop", action == Action::"orders:GET /orders/{id}", resource);"#,
        &[
            (Ask::new("shop", READ), "permit one"),
            (Ask::new("shop2", READ), "no_grant"),
            (Ask::new("anonymous", READ), "no_grant"),
            (Ask::new("shop", LIST), "no_grant"),
            (Ask::new("shop", DELETE), "no_grant"),
        ],
    );
}

#[test]
fn a_grant_to_a_team_and_group_covers_members_only() {
    check(
        r#"@id("team") permit (principal in Team::"partners", action in Action::"orders:read", resource == Api::"orders");"#,
        &[
            (Ask::new("shop", READ), "permit team"),
            (Ask::new("shop", LIST), "permit team"),
            (Ask::new("backoffice", READ), "no_grant"),
            (Ask::new("shop", CREATE), "no_grant"),
            // Not in groups.lock: in no group, not even the API's own.
            (Ask::new("shop", UNGROUPED), "no_grant"),
            (Ask::new("shop", USER), "no_grant"),
        ],
    );
}

#[test]
fn scopes_of_every_form_cover_whom_they_say() {
    for (principal, shop, backoffice, anonymous) in [
        ("principal", true, true, true),
        ("principal is Application", true, true, false),
        ("principal is Anonymous", false, false, true),
        ("principal is Workload", false, false, false),
        ("principal is Team", false, false, false),
        (r#"principal == Anonymous::"anonymous""#, false, false, true),
        (r#"principal in Application::"shop""#, true, false, false),
        (r#"principal in Anonymous::"anonymous""#, false, false, true),
        (r#"principal is Application in Team::"staff""#, false, true, false),
        (r#"principal is Anonymous in Team::"staff""#, false, false, false),
        (r#"principal is Application in Application::"shop""#, true, false, false),
        (r#"principal == Team::"staff""#, false, false, false),
    ] {
        let Ok(compiled) = try_compile(&format!("@id(\"p\") permit ({principal}, action, resource);")) else {
            // Strict validation refuses scopes that no request can meet; whoever they name is not covered.
            assert!(!shop && !backoffice && !anonymous, "{principal}");
            continue;
        };
        for (who, covered) in [("shop", shop), ("backoffice", backoffice), ("anonymous", anonymous)] {
            let expected = if covered { "permit p" } else { "no_grant" };
            assert_eq!(word(&Ask::new(who, READ).decide(&compiled.policies)), expected, "{principal}: {who}");
        }
    }
}

#[test]
fn an_api_as_resource_covers_its_operations_only() {
    for resource in
        [r#"resource == Api::"users""#, r#"resource in Api::"users""#, r#"resource is Api in Api::"users""#]
    {
        check(
            &format!("@id(\"u\") permit (principal, action, {resource});"),
            &[(Ask::new("shop", USER), "permit u"), (Ask::new("shop", READ), "no_grant")],
        );
    }
}

#[test]
fn a_guard_wins_over_every_grant_in_any_order() {
    let grant = r#"@id("grant") permit (principal, action, resource);"#;
    let guard =
        r#"@id("guard") forbid (principal, action, resource) when { resource.dataClass == "restricted" };"#;
    for text in [format!("{grant}{guard}"), format!("{guard}{grant}")] {
        check(&text, &[(Ask::new("shop", READ), "permit grant"), (Ask::new("shop", USER), "forbid guard")]);
    }
}

#[test]
fn an_object_rule_allows_the_callers_own_and_no_other() {
    let attributeless = {
        let mut ask = Ask::new("shop", OF_CUSTOMER).param("42");
        ask.caller = caller(&application("shop", "partners", &[]));
        ask
    };
    check(
        r#"@id("own") permit (principal is Application, action == Action::"orders:GET /customers/{customerId}/orders", resource)
           when { principal has customer && context.params.customerId == principal.customer };"#,
        &[
            (Ask::new("shop", OF_CUSTOMER).param("42"), "permit own"),
            (Ask::new("shop", OF_CUSTOMER).param("43"), "no_grant"),
            (Ask::new("shop", OF_CUSTOMER).param("042"), "no_grant"),
            (Ask::new("backoffice", OF_CUSTOMER).param("42"), "no_grant"),
            (attributeless, "no_grant"),
            (Ask::new("shop", LIST), "no_grant"),
        ],
    );
}

#[test]
fn the_same_name_with_other_attributes_gets_another_answer() {
    let policies = policies(
        r#"@id("tier") permit (principal is Application, action, resource) when { principal has tier && 2 <= principal.tier };"#,
    );
    let mut cache = DecisionCache::new();
    // The same name and version, as after a restore: the attributes decide, not the version.
    for (tier, expected) in [(2, "permit tier"), (1, "no_grant"), (3, "permit tier"), (0, "no_grant")] {
        let mut ask = Ask::new("shop", READ);
        ask.caller = caller(&application("shop", "partners", &[("tier", AttributeValue::Long(tier))]));
        assert_eq!(word(&ask.with(|facts| policies.decide(&mut cache, facts))), expected, "{tier}");
    }
}

#[test]
fn an_attribute_that_is_not_of_its_declared_type_denies() {
    let policies = policies(
        r#"@id("all") permit (principal, action, resource);
           @id("tier") forbid (principal is Application, action, resource) when { principal has tier && principal.tier < 2 };"#,
    );
    let mut ask = Ask::new("shop", READ);
    ask.caller = caller(&application("shop", "partners", &[("tier", AttributeValue::String("9".into()))]));
    assert_eq!(word(&ask.decide(&policies)), "fault tier");
}

#[test]
fn parameters_that_do_not_fit_the_operation_deny() {
    let policies = policies(
        r#"@id("all") permit (principal, action, resource);
           @id("reads") forbid (principal, action == Action::"users:GET /users/{id}", resource) when { context.params.id == 8 };"#,
    );
    let fitting = Ask::new("shop", USER);
    assert_eq!(word(&fitting.decide(&policies)), "permit all");
    let mut missing = fitting.clone();
    missing.params.clear();
    assert_eq!(word(&missing.decide(&policies)), "fault");
    assert_eq!(word(&fitting.param("8").decide(&policies)), "fault reads");
}

#[test]
fn an_address_rule_denies_where_the_address_is_unknown() {
    check(
        r#"@id("net") permit (principal, action in Action::"orders", resource)
           when { context has sourceIp && context.sourceIp.isInRange(ip("203.0.113.0/24")) };
           @id("six") permit (principal, action in Action::"users", resource)
           when { context has sourceIp && context.sourceIp.isInRange(ip("2001:db8::/32")) };"#,
        &[
            (Ask::new("shop", READ).from("203.0.113.255"), "permit net"),
            (Ask::new("shop", READ).from("203.0.114.0"), "no_grant"),
            (Ask::new("shop", READ).from("::ffff:203.0.113.9"), "permit net"),
            (Ask::new("shop", READ).from("unknown"), "no_grant"),
            (Ask::new("shop", USER).from("2001:db8:ffff::1"), "permit six"),
            (Ask::new("shop", USER).from("2001:db9::1"), "no_grant"),
            (Ask::new("shop", USER).from("::203.0.113.9"), "no_grant"),
        ],
    );
}

/// Whoever can spoil what a trusted proxy tells must not switch a guard off by it (security case 28).
#[test]
fn a_guard_about_addresses_denies_where_the_address_is_unknown() {
    check(
        r#"@id("all") permit (principal, action in Action::"orders", resource);
           @id("net") forbid (principal, action == Action::"orders:GET /orders/{id}", resource)
           when { context has sourceIp && context.sourceIp.isInRange(ip("8.8.8.0/24")) };"#,
        &[
            (Ask::new("shop", READ).from("8.8.8.8"), "forbid net"),
            (Ask::new("shop", READ).from("8.8.9.8"), "permit all"),
            (Ask::new("shop", READ).from("unknown"), "fault net"),
        ],
    );
    check(
        r#"@id("not") permit (principal, action in Action::"orders", resource)
           unless { context has sourceIp && context.sourceIp.isInRange(ip("8.8.8.0/24")) };"#,
        &[
            (Ask::new("shop", READ).from("8.8.9.8"), "permit not"),
            (Ask::new("shop", READ).from("8.8.8.8"), "no_grant"),
            (Ask::new("shop", READ).from("unknown"), "no_grant"),
        ],
    );
}

#[test]
fn strength_scopes_factors_and_user_are_facts() {
    let mut strong = Ask::new("shop", READ);
    strong.caller.strength = Strength::VerifiedSignature;
    let factors = Ask::new("shop", CREATE).mfa();
    let mut scopeless = Ask::new("shop", LIST);
    scopeless.scopes.clear();
    check(
        r#"@id("strong") permit (principal, action == Action::"orders:GET /orders/{id}", resource) when { 3 <= context.strength };
           @id("mfa") permit (principal, action == Action::"orders:POST /orders", resource) when { context.mfa };
           @id("scope") permit (principal, action == Action::"orders:GET /orders", resource) when { context.scopes.contains("orders:read") };
           @id("user") permit (principal, action in Action::"users", resource) when { context has user && context.user.name == "ada" };"#,
        &[
            (strong, "permit strong"),
            (Ask::new("shop", READ), "no_grant"),
            (factors, "permit mfa"),
            (Ask::new("shop", CREATE), "no_grant"),
            (Ask::new("shop", LIST), "permit scope"),
            (scopeless, "no_grant"),
            (Ask::new("shop", USER).user("ada"), "permit user"),
            (Ask::new("shop", USER).user("Ada"), "no_grant"),
            (Ask::new("shop", USER), "no_grant"),
        ],
    );
}

#[test]
fn a_grant_expires_at_its_very_moment() {
    let text = r#"@id("g") @expires("2026-06-15T12:00:00Z") permit (principal, action, resource);"#;
    let policies = policies(text);
    let mut cache = DecisionCache::new();
    let end = noon().as_micros();
    for (micros, expected) in [
        (end - 1, "permit g"),
        (end, "no_grant"),
        (end + 1, "no_grant"),
        (end - 1, "permit g"),
        (i64::MAX, "no_grant"),
        (i64::MIN, "permit g"),
    ] {
        let mut ask = Ask::new("shop", READ);
        ask.now = Timestamp::from_micros(micros);
        assert_eq!(word(&ask.with(|facts| policies.decide(&mut cache, facts))), expected, "{micros}");
    }
}

#[test]
fn a_time_literal_is_a_boundary_to_the_millisecond() {
    check(
        r#"@id("until") permit (principal, action, resource) when { context.now <= datetime("2026-06-15T12:00:00Z") };"#,
        &[
            (Ask::new("shop", READ).at("2026-06-15T12:00:00Z"), "permit until"),
            (Ask::new("shop", READ).at("2026-06-15T12:00:00.000999Z"), "permit until"),
            (Ask::new("shop", READ).at("2026-06-15T12:00:00.001Z"), "no_grant"),
            (Ask::new("shop", READ).at("2026-06-15T11:59:59.999Z"), "permit until"),
        ],
    );
}

#[test]
fn an_observed_guard_only_reports_until_its_date() {
    let policies = policies(
        r#"@id("g") permit (principal, action, resource);
           @id("o") @observe_until("2026-07-01") forbid (principal, action, resource) when { context.strength < 3 };"#,
    );
    let mut cache = DecisionCache::new();
    for (now, expected, observed) in [
        ("2026-06-30T23:59:59.999999Z", "permit g", 1),
        ("2026-07-01", "forbid o", 0),
        ("2026-06-30T23:59:59.999999Z", "permit g", 1),
    ] {
        let ruling = Ask::new("shop", READ).at(now).with(|facts| policies.decide(&mut cache, facts));
        assert_eq!((word(&ruling).as_str(), ruling.observed.len()), (expected, observed), "{now}");
    }
}

#[test]
fn a_guard_that_fails_denies_and_an_observed_one_changes_nothing() {
    let mut broken = Ask::new("shop", READ);
    broken.caller = caller(&application("shop", "partners", &[("tier", AttributeValue::String("9".into()))]));
    for (marks, expected, observed) in
        [("", "fault g o", 0), (r#"@observe_until("2026-07-01")"#, "permit g", 1)]
    {
        let policies = policies(&format!(
            r#"@id("g") permit (principal, action, resource) when {{ context.strength == 2 }};
               @id("o") {marks} forbid (principal, action, resource) when {{ principal has tier && principal.tier < 2 }};"#
        ));
        let mut cache = DecisionCache::new();
        let ruling = broken.with(|facts| policies.decide(&mut cache, facts));
        assert_eq!((word(&ruling).as_str(), ruling.observed.len()), (expected, observed), "{marks}");
        assert!(cache.is_empty(), "a decision with an error is never remembered");
        assert_eq!(broken.with(|facts| policies.explain(facts)).ruling, ruling);
    }
    // Whatever else is granted: a fault is never outweighed.
    let granted = policies(
        r#"@id("g") permit (principal, action, resource);
           @id("o") forbid (principal, action, resource) when { principal has tier && principal.tier < 2 };"#,
    );
    assert_eq!(word(&broken.decide(&granted)), "fault o");
}

#[test]
fn a_time_that_cedar_cannot_say_denies() {
    let policies = policies(
        r#"@id("g") permit (principal, action, resource);
           @id("o") forbid (principal, action, resource) when { context.now < datetime("2026-01-01") };"#,
    );
    let mut ask = Ask::new("shop", READ);
    ask.now = Timestamp::MAX;
    assert_eq!(word(&ask.decide(&policies)), "fault o");
}

#[test]
fn conditions_may_ask_for_teams_groups_and_apis() {
    check(
        r#"@id("t") permit (principal, action in Action::"orders:read", resource) when { principal in Team::"partners" };
           @id("a") permit (principal, action, resource) when { action in Action::"users:write" && resource == Api::"users" };
           @id("x") permit (principal, action, resource == Api::"users") when { resource.exposure == "internal" && action == Action::"users:GET /users/{id}" && principal is Anonymous };"#,
        &[
            (Ask::new("shop", READ), "permit t"),
            (Ask::new("backoffice", READ), "no_grant"),
            (Ask::new("shop", "users:PUT /users/{id}"), "permit a"),
            (Ask::new("shop", USER), "no_grant"),
            (Ask::new("anonymous", USER), "permit x"),
            (Ask::new("anonymous", "users:PUT /users/{id}"), "permit a"),
        ],
    );
}

#[test]
fn reads_are_reported_per_operation() {
    let policies = policies(
        r#"permit (principal is Application, action == Action::"orders:GET /customers/{customerId}/orders", resource)
           when { principal has customer && context.params.customerId == principal.customer };
           forbid (principal, action in Action::"orders", resource) when { context.strength < 2 };"#,
    );
    let catalog = catalog();
    let reads = policies.reads(catalog.by_id(OF_CUSTOMER).unwrap());
    assert_eq!(reads.context.iter().map(|fact| fact.as_str()).collect::<Vec<_>>(), ["params", "strength"]);
    assert_eq!(reads.params.iter().collect::<Vec<_>>(), ["customerId"]);
    assert_eq!(reads.attributes.iter().collect::<Vec<_>>(), ["customer"]);
    let kept = |id| policies.kept(catalog.by_id(id).unwrap());
    let keys: Vec<_> = kept(OF_CUSTOMER).iter().map(crate::KeptFact::key).collect();
    // The strength has a field of its own in a record.
    assert_eq!(keys, ["principal.customer", "params.customerId"]);
    assert_eq!(policies.reads(catalog.by_id(USER).unwrap()), crate::OperationReads::default());
    assert_eq!(kept(USER), []);
    let ungranted: Vec<_> = policies
        .ungranted()
        .filter_map(|place| catalog.operation(place))
        .map(|one| one.id.to_string())
        .collect();
    assert_eq!(ungranted.len(), catalog.operations().len() - 1);
    assert!(!ungranted.contains(&OF_CUSTOMER.to_owned()));
}

#[test]
fn policies_and_caches_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<crate::Policies>();
    crosses::<DecisionCache>();
}

/// A ruling holds until the next date that one of its policies names, and changes then at the earliest.
#[test]
fn a_ruling_says_until_when_time_changes_nothing() {
    let text = r#"
        @id("grant") @expires("2026-12-01T00:00:00Z")
        permit (principal == Application::"shop", action == Action::"orders:GET /orders", resource);
        @id("guard") @observe_until("2027-01-01T00:00:00Z")
        forbid (principal == Application::"shop", action == Action::"orders:GET /orders", resource);
        @id("fresh") permit (principal is Application, action == Action::"orders:GET /orders/{id}", resource)
        when { context has authAge && context.authAge < 60 };
        @id("hours") permit (principal == Application::"shop", action == Action::"orders:POST /orders", resource)
        when { context.now < datetime("2026-12-24T00:00:00Z") };
    "#;
    let policies = policies(text);
    let until = |ask: &Ask| {
        ask.with(|facts| policies.unchanged_until(facts.operation, facts.caller, facts.now).to_string())
    };
    let shop = |operation| Ask::new("shop", operation).at("2026-11-27T10:00:00Z");
    for (ask, expected) in [
        (shop(LIST), "2026-12-01T00:00:00.000Z"),
        (shop(LIST).at("2026-12-01T00:00:00Z"), "2027-01-01T00:00:00.000Z"),
        (shop(READ).signed_in(0), "2026-11-27T10:01:00.000Z"),
        (shop(READ).signed_in(59), "2026-11-27T10:00:01.000Z"),
        (shop(CREATE), "2026-12-24T00:00:00.000Z"),
    ] {
        assert_eq!(until(&ask), expected, "{ask:?}");
    }
    // Where nothing is to come, and for whom no policy names a date, it holds for good.
    for ask in [
        shop(LIST).at("2027-01-01T00:00:00Z"),
        shop(READ),
        shop(READ).signed_in(61),
        shop(DELETE),
        Ask::new("till", LIST).at("2026-11-27T10:00:00Z"),
    ] {
        let until = ask.with(|facts| policies.unchanged_until(facts.operation, facts.caller, facts.now));
        assert_eq!(until, Timestamp::MAX, "{ask:?}");
    }
}

/// Anybody can send what looks like a key, so who is only claimed has what anyone has, and what names its very key.
#[test]
fn a_grant_to_many_is_none_to_a_caller_that_nobody_vouched_for() {
    let claimed = |operation| {
        let mut ask = Ask::new("shop", operation);
        ask.caller.strength = Strength::Claimed;
        ask
    };
    for (grant, known, unknown) in [
        ("permit (principal, action, resource);", "permit g", "permit g"),
        (r#"permit (principal == Application::"shop", action, resource);"#, "permit g", "permit g"),
        (r#"permit (principal in Application::"shop", action, resource);"#, "permit g", "permit g"),
        ("permit (principal is Application, action, resource);", "permit g", "no_grant"),
        (r#"permit (principal in Team::"partners", action, resource);"#, "permit g", "no_grant"),
        (
            r#"permit (principal is Application in Team::"partners", action, resource);"#,
            "permit g",
            "no_grant",
        ),
        (
            "permit (principal is Application, action, resource) when { context.strength >= 1 };",
            "permit g",
            "permit g",
        ),
        (
            "permit (principal is Application, action, resource) when { context.strength >= 2 };",
            "permit g",
            "no_grant",
        ),
        (
            r#"permit (principal, action, resource) when { principal in Team::"partners" };"#,
            "permit g",
            "no_grant",
        ),
        (r#"permit (principal, action, resource) when { context.params has id };"#, "permit g", "permit g"),
        ("forbid (principal is Application, action, resource);", "forbid g", "forbid g"),
    ] {
        let text = format!("@id(\"g\") {grant}");
        check(
            &text,
            &[(Ask::new("shop", READ), known), (claimed(READ), unknown), (Ask::new("shop", READ), known)],
        );
    }
}
