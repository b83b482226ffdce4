//! What a caller can do before there is a request, and that every request agrees with it.

use std::num::NonZeroUsize;

use model::{Client, Strength, TeamName, Timestamp};

use super::world::{Ask, application, catalog, noon, policies, word};
use crate::{Policies, Reach, Whom, nearest_names};

const POLICIES: &str = r#"
@id("read") permit (principal in Team::"partners", action in Action::"orders:read", resource);
@id("own") permit (principal, action == Action::"orders:GET /customers/{customerId}/orders", resource)
when { principal is Application && principal has customer && context.params.customerId == principal.customer };
@id("attributed") permit (principal, action == Action::"orders:POST /orders", resource)
when { principal is Application && principal has customer };
@id("many-factors") permit (principal in Team::"staff", action in Action::"users", resource) when { context.mfa };
@id("batch") permit (principal in Team::"support", action == Action::"orders:GET /reports/{year}", resource)
when { principal is Workload };
@id("old") @expires("2026-01-01") permit (principal, action, resource);
@id("no-deletes") forbid (principal, action == Action::"orders:DELETE /orders/{id}", resource);
@id("deletes") permit (principal in Team::"staff", action in Action::"orders:write", resource);
@id("night") forbid (principal in Team::"partners", action == Action::"orders:GET /orders", resource)
when { context.now < datetime("2026-01-01") };
@id("watched") @observe_until("2027-01-01") forbid (principal, action == Action::"orders:GET /orders/{id}", resource);
@id("restricted") forbid (principal, action in Action::"users", resource)
when { resource.dataClass == "restricted" && !(principal in Team::"staff") };
"#;

fn told(reach: &Reach) -> String {
    let mut told = vec![reach.decision.as_str().to_owned()];
    for grant in &reach.grants {
        let conditions: Vec<&str> = grant.conditions.iter().map(|one| one.words.as_str()).collect();
        told.push(format!("{} [{}]", grant.id, conditions.join("; ")));
    }
    for guard in &reach.guards {
        let conditions: Vec<&str> = guard.conditions.iter().map(|one| one.words.as_str()).collect();
        let mark = if guard.observes { "observes " } else { "unless " };
        told.push(format!("{mark}{} [{}]", guard.id, conditions.join("; ")));
    }
    told.join(", ")
}

fn reach(policies: &Policies, who: &str, operation: &str) -> String {
    let ask = Ask::new(who, operation);
    let index = catalog().by_id(operation).unwrap();
    let whom = Whom::Client { client: &ask.caller.client, strength: ask.caller.strength };
    told(&policies.reach(whom, index, noon()))
}

#[test]
fn what_a_caller_can_do_is_told_with_grants_guards_and_what_is_open() {
    let policies = policies(POLICIES);
    for (who, operation, expected) in [
        ("shop", "orders:GET /orders", "conditional, read [], unless night [the time is before 2026-01-01]"),
        ("shop", "orders:GET /orders/{id}", "always, read [], observes watched []"),
        (
            "shop",
            "orders:GET /customers/{customerId}/orders",
            "always, read [], own [the path's `customerId` is the caller's `customer`]",
        ),
        // The attribute is there, and nothing else is asked for.
        ("shop", "orders:POST /orders", "always, attributed []"),
        ("tool", "orders:POST /orders", "always, deletes []"),
        ("tool", "orders:DELETE /orders/{id}", "never, deletes [], unless no-deletes []"),
        (
            "tool",
            "users:GET /users/{id}",
            "conditional, many-factors [the user signed in with several factors]",
        ),
        // What depends on the API alone is settled: its data are restricted.
        ("shop", "users:GET /users/{id}", "never, unless restricted []"),
        ("workload", "orders:GET /reports/{year}", "always, batch []"),
        ("tool", "orders:GET /reports/{year}", "never"),
        // No attribute, and so neither of the two grants can hold; the third has expired.
        ("anonymous", "orders:POST /orders", "never"),
        ("anonymous", "orders:GET /orders", "never"),
    ] {
        assert_eq!(reach(&policies, who, operation), expected, "{who} {operation}");
    }
}

#[test]
fn a_team_can_what_every_member_can() {
    let policies = policies(POLICIES);
    for (team, operation, expected) in [
        ("partners", "orders:GET /orders/{id}", "always, read [], observes watched []"),
        ("support", "orders:GET /reports/{year}", "conditional, batch [the caller is a workload]"),
        (
            "staff",
            "orders:POST /orders",
            "always, attributed [the caller is an application; the caller has the attribute `customer`], deletes []",
        ),
        ("support", "orders:GET /orders", "never"),
    ] {
        let name = TeamName::parse(team).unwrap();
        let index = catalog().by_id(operation).unwrap();
        let reach = policies.reach(Whom::Team(&name), index, noon());
        assert_eq!(told(&reach), expected, "{team} {operation}");
    }
}

#[test]
fn a_grant_to_many_is_not_meant_for_whom_nobody_vouched_for() {
    let policies = policies(POLICIES);
    let shop = Client::Application(application("shop", "partners", &[]));
    let index = catalog().by_id("orders:GET /orders/{id}").unwrap();
    let decision =
        |strength| policies.reach(Whom::Client { client: &shop, strength }, index, noon()).decision;
    assert_eq!(decision(Strength::SharedSecret).as_str(), "always");
    assert_eq!(decision(Strength::Claimed).as_str(), "never");
}

#[test]
fn without_a_policy_the_rest_is_what_remains() {
    let policies = policies(POLICIES);
    let tool = Client::Application(application("tool", "staff", &[]));
    let whom = Whom::Client { client: &tool, strength: Strength::SharedSecret };
    let index = catalog().by_id("orders:DELETE /orders/{id}").unwrap();
    let decision =
        |without: &str| policies.reaches(whom, noon()).without(without).to(index).decision.as_str();
    assert_eq!(decision("no-deletes"), "always");
    assert_eq!(decision("deletes"), "never");
    assert_eq!(decision("read"), "never");
    assert_eq!(decision("there is none"), "never");
}

/// Every request of a caller agrees with what is said of it: `always` is never denied, `never` is never permitted.
#[test]
fn no_request_gives_the_lie_to_what_was_said() {
    let policies = policies(POLICIES);
    let (mut always, mut never, mut open) = (0, 0, 0);
    for who in ["shop", "tool", "anonymous", "workload"] {
        for operation in catalog().operations() {
            let asks = requests(who, operation.id.as_str());
            for ask in asks {
                let index = catalog().by_id(&ask.operation).unwrap();
                let whom = Whom::Client { client: &ask.caller.client, strength: ask.caller.strength };
                let reach = policies.reach(whom, index, ask.now);
                let ruling = word(&ask.decide(&policies));
                match reach.decision.as_str() {
                    "always" => {
                        assert!(ruling.starts_with("permit"), "{ask:?}: {ruling}");
                        always += 1;
                    }
                    "never" => {
                        assert!(!ruling.starts_with("permit"), "{ask:?}: {ruling}");
                        never += 1;
                    }
                    _ => open += 1,
                }
            }
        }
    }
    assert!(50 < always && 50 < never && 20 < open, "{always} {never} {open}");
}

fn requests(who: &str, operation: &str) -> Vec<Ask> {
    let times = ["2026-06-15T12:00:00Z", "2025-12-31T23:59:59Z", "2027-06-01T00:00:00Z"];
    let asks = times.iter().flat_map(|now| {
        let plain = Ask::new(who, operation).at(now);
        [plain.clone(), plain.clone().user("ada").mfa(), plain.from("10.1.2.3")]
    });
    asks.flat_map(|ask| {
        let with_text = operation.contains("customerId").then(|| ask.clone().param("43"));
        std::iter::once(ask).chain(with_text)
    })
    .collect()
}

#[test]
fn slices_of_two_revisions_are_told_apart_by_what_is_in_them() {
    let before = policies(POLICIES);
    let after = policies(&POLICIES.replace("when { context.mfa }", ""));
    let at = |operation: &str| catalog().by_id(operation).unwrap();
    let content = |policies: &Policies, who: &str, operation: &str| {
        let ask = Ask::new(who, operation);
        let whom = Whom::Client { client: &ask.caller.client, strength: ask.caller.strength };
        policies.slice_content(whom, at(operation))
    };
    let plans = |operation: &str| before.plan_content(at(operation)) == after.plan_content(at(operation));
    assert!(plans("orders:GET /orders") && !plans("users:PUT /users/{id}"));
    for (who, operation, same) in [
        ("tool", "users:GET /users/{id}", false),
        ("shop", "users:GET /users/{id}", true),
        ("tool", "orders:GET /orders", true),
    ] {
        let is_same = content(&before, who, operation) == content(&after, who, operation);
        assert_eq!(is_same, same, "{who} {operation}");
    }
}

#[test]
fn conditions_are_said_in_words() {
    let head =
        "permit (principal, action == Action::\"orders:GET /customers/{customerId}/orders\", resource)";
    for (text, expected) in [
        ("when { context.strength >= 3 }", "the caller's strength is at least `verified_signature`"),
        ("unless { context.strength >= 3 }", "the caller's strength is below `verified_signature`"),
        ("when { context.mfa == true }", "the user signed in with several factors"),
        ("when { !context.mfa }", "the user did not sign in with several factors"),
        ("when { context has user }", "a token names a user"),
        (
            "when { context has user && context.user.teams.contains(\"billing\") }",
            "a token names a user; the user is in the team `billing` by the issuer's word",
        ),
        (
            "when { context has authAge && context.authAge <= 900 }",
            "it is known when the user signed in; the time since the user signed in is at most 900 seconds",
        ),
        (
            "when { context has sourceIp && context.sourceIp.isInRange(ip(\"10.0.0.0/8\")) }",
            "the client's address is known; the client's address is in 10.0.0.0/8",
        ),
        ("when { context.now >= datetime(\"2026-01-01\") }", "the time is at or after 2026-01-01"),
        ("when { context.scopes.contains(\"orders\") }", "the credential has the scope `orders`"),
        ("when { principal in Team::\"staff\" }", "the caller is in the team `staff`"),
        ("unless { principal == Application::\"shop\" }", "the caller is not the application `shop`"),
        ("when { resource.exposure == \"public\" }", "the API's exposure is `public`"),
        (
            "when { context.params.customerId == \"1\" || context.params.customerId == \"2\" }",
            "either the path's `customerId` is `1`, or the path's `customerId` is `2`",
        ),
        (
            "when { [\"1\", \"2\"].contains(context.params.customerId) }",
            "the path's `customerId` is one of `1`, `2`",
        ),
        ("when { context.params.customerId like \"a*\" }", "the path's `customerId` looks like `a*`"),
        ("when { if context.mfa then true else false }", "`if context.mfa then true else false` holds"),
    ] {
        let policies = policies(&format!("@id(\"it\") {head} {text};"));
        let detail = policies.detail("it", noon()).unwrap();
        let words: Vec<&str> = detail.conditions.iter().map(|one| one.words.as_str()).collect();
        assert_eq!(words.join("; "), expected, "{text}");
    }
}

#[test]
fn a_policy_is_described_with_whether_it_counts_and_what_it_reaches() {
    let policies = policies(POLICIES);
    let shown = |id: &str| {
        let detail = policies.detail(id, noon()).unwrap();
        (detail.state.as_str(), detail.principals, detail.actions, detail.operations.len())
    };
    let read = (
        "counts",
        "applications and workloads of the team `partners`".to_owned(),
        "what is in `orders:read`".to_owned(),
        3,
    );
    assert_eq!(shown("read"), read);
    assert_eq!(shown("old").0, "expired");
    assert_eq!(shown("old").2, "every operation, also those that are declared later");
    assert_eq!(shown("watched").0, "observes");
    assert!(policies.detail("reed", noon()).is_none());
    let at = |text: &str| Timestamp::parse(text).unwrap();
    assert_eq!(policies.detail("watched", at("2027-01-01")).unwrap().state.as_str(), "counts");
}

#[test]
fn names_that_are_near_are_found_and_others_are_not() {
    let known = ["partners.read", "partners.write", "public.info", "guard"];
    let near = |name: &str| nearest_names(name, known.into_iter(), NonZeroUsize::new(3).unwrap());
    assert_eq!(near("partner.read"), ["partners.read"]);
    assert_eq!(near("read"), ["partners.read"]);
    assert_eq!(near("PARTNERS"), ["partners.read", "partners.write"]);
    assert!(near("zz").is_empty() && near("").is_empty());
    assert_eq!(near("partners").len(), 2);
}
