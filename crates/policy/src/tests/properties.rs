//! Properties over generated policy sets and requests, with Cedar's authorizer over the whole set as the reference.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, PolicySet, Request, RestrictedExpression, Schema,
};
use model::{AttributeValue, Client, Mfa, Strength};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::world::*;
use crate::facts::uid;
use crate::{DecisionCache, Policies, Ruling, RulingKind};

const PRINCIPALS: [&str; 13] = [
    "principal",
    "principal is Application",
    "principal is Anonymous",
    "principal == Application::\"shop\"",
    "principal in Team::\"partners\"",
    "principal is Application in Team::\"staff\"",
    "principal == Anonymous::\"anonymous\"",
    "principal is Workload",
    "principal == Workload::\"spiffe://example/batch\"",
    "principal in Workload::\"spiffe://example/other\"",
    "principal in Team::\"support\"",
    "principal is Workload in Team::\"support\"",
    "principal is Application in Team::\"support\"",
];
const ACTIONS: [&str; 6] = [
    "action",
    "action == Action::\"orders:GET /orders/{id}\"",
    "action in Action::\"orders\"",
    "action in Action::\"orders:read\"",
    "action in [Action::\"users\", Action::\"orders:GET /orders/{id}\"]",
    "action in Action::\"users:write\"",
];
const RESOURCES: [&str; 4] =
    ["resource", "resource == Api::\"orders\"", "resource is Api", "resource in Api::\"users\""];
/// All well typed for every operation.
const CONDITIONS: [&str; 20] = [
    "context.mfa",
    "2 <= context.strength",
    "context.scopes.contains(\"orders:read\")",
    "context.scopes.containsAny([\"x\", \"orders:write\"])",
    "context has sourceIp && context.sourceIp.isInRange(ip(\"203.0.113.0/25\"))",
    "context has sourceIp && context.sourceIp == ip(\"203.0.113.7\")",
    "context has sourceIp",
    "context.now < datetime(\"2026-06-15T12:00:00.000Z\")",
    "datetime(\"2026-06-15T12:00:00.001Z\") <= context.now",
    "context has user && context.user.name == \"ada\"",
    "context has user && context.user.teams.contains(\"billing\")",
    "context has user && context.user has customer && context.user.customer == \"42\"",
    "context has user && context.user.issuer == \"corp\"",
    "context has authAge && context.authAge < 900",
    "context has authAge && 60 <= context.authAge && context.authAge < 901",
    "principal is Application && principal has tier && principal.tier < 2",
    "principal is Application && principal has customer && context.params has customerId && context.params.customerId == principal.customer",
    "principal in Team::\"partners\"",
    "action in Action::\"orders:read\" || resource.dataClass == \"restricted\"",
    "context.params has id && action in Action::\"orders\" && context.params.id == \"42\"",
];

const ABOUT_ADDRESSES: [&str; 3] = [CONDITIONS[4], CONDITIONS[5], CONDITIONS[6]];

#[derive(Clone, Debug)]
struct Written {
    effect: &'static str,
    scope: (&'static str, &'static str, &'static str),
    conditions: Vec<(bool, &'static str)>,
}

impl Written {
    fn text(&self, number: usize) -> String {
        let (principal, action, resource) = self.scope;
        let clauses: String = self
            .conditions
            .iter()
            .map(|(when, condition)| format!(" {} {{ {condition} }}", if *when { "when" } else { "unless" }))
            .collect();
        format!("@id(\"p{number}\") {} ({principal}, {action}, {resource}){clauses};\n", self.effect)
    }

    /// Whether it counts for a caller that nobody vouched for.
    fn reaches_claimed(&self) -> bool {
        let reads = |what: &str| self.conditions.iter().any(|(_, condition)| condition.contains(what));
        self.effect == "forbid"
            || reads("context.strength")
            || match self.scope.0 {
                "principal" => !reads("principal"),
                named => named.contains("== Application") || named.contains("Anonymous"),
            }
    }

    fn reads_address(&self) -> bool {
        self.conditions.iter().any(|(_, condition)| condition.contains("sourceIp"))
    }
}

fn written(conditions: &'static [&'static str]) -> impl Strategy<Value = Written> {
    let scope = (
        prop::sample::select(PRINCIPALS.as_slice()),
        prop::sample::select(ACTIONS.as_slice()),
        prop::sample::select(RESOURCES.as_slice()),
    );
    let condition = (prop::bool::weighted(0.7), prop::sample::select(conditions));
    let effect = prop::sample::select(["permit", "permit", "permit", "forbid"].as_slice());
    (effect, scope, prop::collection::vec(condition, 0..3)).prop_map(|(effect, scope, conditions)| Written {
        effect,
        scope,
        conditions,
    })
}

/// Half of them are about addresses alone, which seldom meet in a set otherwise.
fn sets() -> impl Strategy<Value = Vec<Written>> {
    prop_oneof![
        1 => prop::collection::vec(written(&CONDITIONS), 0..7),
        1 => prop::collection::vec(written(&ABOUT_ADDRESSES), 1..7),
    ]
}

fn texts(set: &[Written]) -> String {
    set.iter().enumerate().map(|(number, one)| one.text(number)).collect()
}

/// Every kind of request that the conditions tell apart.
fn asks() -> Vec<Ask> {
    let mut asks = Vec::new();
    for operation in catalog().operations() {
        for (place, who) in ["shop", "backoffice", "anonymous", "workload"].into_iter().enumerate() {
            let plain = Ask::new(who, operation.id.as_str());
            let mut other = plain.clone().from("203.0.113.200").at("2026-06-15T12:00:00.001Z").user("ada");
            other = other.mfa().signed_in(901);
            other.scopes = vec!["orders:write".to_owned()];
            if place == 0 {
                other.caller = caller(&application("shop", "partners", &[("tier", AttributeValue::Long(1))]));
            }
            other.caller.strength = Strength::Claimed;
            asks.push(plain.clone().user_of("corp", "bob", "42").signed_in(60));
            asks.push(plain.clone().user_of("other", "ada", "43").signed_in(900));
            asks.push(plain.clone().at("2026-06-15T11:59:59.999999Z").from("none"));
            asks.push(plain);
            asks.push(other);
        }
    }
    asks
}

/// The whole set through Cedar's authorizer, with the full context, all entities and the schema's checks.
struct Reference {
    schema: Schema,
    set: PolicySet,
}

impl Reference {
    fn new(policies: &Policies, text: &str) -> Self {
        let (schema, _) = Schema::from_cedarschema_str(policies.schema_text()).unwrap();
        Self { schema, set: text.parse().unwrap() }
    }

    fn decide(&self, ask: &Ask) -> (Decision, BTreeSet<String>) {
        let catalog = catalog();
        let operation = catalog.operation(catalog.by_id(&ask.operation).unwrap()).unwrap();
        let mut entities = vec![];
        for (api, facts) in catalog.apis().iter().zip(directory().apis) {
            entities.push(crate::facts::api_entity(uid("Api", api.name.as_str()).unwrap(), facts).unwrap());
        }
        let principal = match &ask.caller.client {
            Client::Anonymous => uid("Anonymous", "anonymous").unwrap(),
            Client::Workload(workload) => {
                let principal = uid("Workload", workload.name.as_str()).unwrap();
                let team = uid("Team", workload.team.as_ref().unwrap().as_str()).unwrap();
                entities.push(Entity::new_no_attrs(principal.clone(), HashSet::from([team])));
                principal
            }
            Client::Application(application) => {
                let attributes = application.attributes.iter().map(|(name, value)| {
                    let value = match value {
                        AttributeValue::Long(value) => RestrictedExpression::new_long(*value),
                        AttributeValue::String(value) => RestrictedExpression::new_string(value.clone()),
                        other @ (AttributeValue::Bool(_) | AttributeValue::StringSet(_)) => {
                            panic!("{other:?}")
                        }
                    };
                    (name.clone(), value)
                });
                let principal = uid("Application", application.name.as_str()).unwrap();
                let team = uid("Team", application.team.as_str()).unwrap();
                let attributes: HashMap<_, _> = attributes.collect();
                entities.push(Entity::new(principal.clone(), attributes, HashSet::from([team])).unwrap());
                principal
            }
        };
        let entities = Entities::from_entities(entities, Some(&self.schema)).unwrap();
        let context = context_of(operation, ask);
        let request = Request::new(
            principal,
            uid("Action", &ask.operation).unwrap(),
            uid("Api", operation.id.api()).unwrap(),
            Context::from_pairs(context).unwrap(),
            Some(&self.schema),
        )
        .unwrap();
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        assert_eq!(response.diagnostics().errors().count(), 0, "a validated policy failed: {ask:?}");
        let id = |id: &cedar_policy::PolicyId| self.set.annotation(id, "id").unwrap().to_owned();
        (response.decision(), response.diagnostics().reason().map(id).collect())
    }
}

/// All facts of a request, as the schema names them.
fn context_of(operation: &catalog::Operation, ask: &Ask) -> Vec<(String, RestrictedExpression)> {
    let params = operation.parameters.iter().zip(&ask.params).map(|(parameter, value)| {
        let value = match value {
            Param::Long(value) => RestrictedExpression::new_long(*value),
            Param::Text(value) => RestrictedExpression::new_string(value.clone()),
        };
        (parameter.name.clone(), value)
    });
    let mut context = vec![
        ("params".to_owned(), RestrictedExpression::new_record(params.collect::<Vec<_>>()).unwrap()),
        ("strength".to_owned(), RestrictedExpression::new_long(ask.caller.strength.as_long())),
        ("now".to_owned(), RestrictedExpression::new_datetime(ask.now.to_string())),
        (
            "scopes".to_owned(),
            RestrictedExpression::new_set(
                ask.scopes.iter().map(|scope| RestrictedExpression::new_string(scope.clone())),
            ),
        ),
        ("mfa".to_owned(), RestrictedExpression::new_bool(ask.caller.sign_in.mfa == Mfa::Used)),
    ];
    if let Some(address) = ask.source_ip {
        context.push(("sourceIp".to_owned(), RestrictedExpression::new_ip(address.to_string())));
    }
    if let Some(user) = &ask.caller.user {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let teams = RestrictedExpression::new_set(user.teams.iter().map(|team| text(team)));
        let mut fields = vec![
            ("issuer".to_owned(), text(user.issuer.as_str())),
            ("name".to_owned(), text(&user.name)),
            ("teams".to_owned(), teams),
        ];
        for (name, value) in &user.attributes {
            let AttributeValue::String(value) = value else { panic!("{value:?}") };
            fields.push((name.clone(), text(value)));
        }
        context.push(("user".to_owned(), RestrictedExpression::new_record(fields).unwrap()));
    }
    if let Some(time) = ask.caller.sign_in.time {
        let age = ask.now.as_seconds() - time.as_seconds();
        context.push(("authAge".to_owned(), RestrictedExpression::new_long(age)));
    }
    context
}

/// What is decided where nobody knows the client's address, said by Cedar over other sets: grants that read the address
/// count for nothing, and a guard that reads it, covers the request and does not hold denies as one that failed.
/// Everything else is as Cedar has it.
fn without_address(policies: &Policies, set: &[Written], ask: &Ask) -> String {
    let numbered = || set.iter().enumerate();
    let decide = |text: String| Reference::new(policies, &text).decide(ask);
    let guards = numbered().filter(|(_, one)| one.effect == "forbid" && one.reads_address());
    let scopes = guards.map(|(number, one)| Written { conditions: Vec::new(), ..one.clone() }.text(number));
    let (_, covering) = decide(scopes.collect());
    let rest = numbered().filter(|(_, one)| one.effect == "forbid" || !one.reads_address());
    let (decision, reasons) = decide(rest.map(|(number, one)| one.text(number)).collect());
    let failed: BTreeSet<String> = covering.difference(&reasons).cloned().collect();
    let (said, ids) = match decision {
        _ if !failed.is_empty() => ("fault", failed),
        Decision::Allow => ("permit", reasons),
        Decision::Deny if reasons.is_empty() => ("no_grant", reasons),
        Decision::Deny => ("forbid", reasons),
    };
    std::iter::once(said.to_owned()).chain(ids).collect::<Vec<_>>().join(" ")
}

fn permits(ruling: &Ruling) -> bool {
    matches!(ruling.kind, RulingKind::Permit { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn slices_cache_and_explanations_agree_with_a_full_scan(set in sets()) {
        let text = texts(&set);
        let policies = policies(&text);
        let reference = Reference::new(&policies, &text);
        let numbered = set.iter().enumerate().filter(|(_, one)| one.reaches_claimed());
        let claimed: String = numbered.map(|(number, one)| one.text(number)).collect();
        let claimed = Reference::new(&policies, &claimed);
        let mut cache = DecisionCache::new();
        let asks = asks();
        for round in 0..2 {
            for ask in &asks {
                let ruling = ask.with(|facts| policies.decide(&mut cache, facts));
                if round == 0 {
                    if ask.source_ip.is_none() {
                        prop_assert_eq!(word(&ruling), without_address(&policies, &set, ask), "{}\n{:?}", text, ask);
                        prop_assert_eq!(ask.with(|facts| policies.explain(facts)).ruling, ruling);
                        continue;
                    }
                    let (decision, reasons) = match ask.caller.strength {
                        Strength::Claimed => claimed.decide(ask),
                        _ => reference.decide(ask),
                    };
                    let found = word(&ruling);
                    let ids: BTreeSet<String> = found.split(' ').skip(1).map(str::to_owned).collect();
                    prop_assert_eq!(permits(&ruling), decision == Decision::Allow, "{}\n{:?}", text, ask);
                    prop_assert_eq!(ids, reasons, "{}\n{:?}", text, ask);
                    prop_assert_eq!(ask.with(|facts| policies.explain(facts)).ruling, ruling);
                } else {
                    prop_assert_eq!(ask.decide(&policies), ruling, "{}\n{:?}", text, ask);
                }
            }
        }
    }

    #[test]
    fn less_permits_or_more_forbids_never_allow_more(set in sets(), extra in written(&CONDITIONS), place in any::<prop::sample::Index>()) {
        let full = policies(&texts(&set));
        let mut forbidding = set.clone();
        forbidding.push(Written { effect: "forbid", ..extra });
        let mut smaller = set.clone();
        let grants: Vec<_> = (0..set.len()).filter(|&place| set[place].effect == "permit").collect();
        if !grants.is_empty() {
            smaller.remove(*place.get(&grants));
        }
        let (forbidding, smaller) = (policies(&texts(&forbidding)), policies(&texts(&smaller)));
        for ask in asks() {
            if !permits(&ask.decide(&full)) {
                prop_assert!(!permits(&ask.decide(&forbidding)), "{:?}", ask);
                prop_assert!(!permits(&ask.decide(&smaller)), "{:?}", ask);
            }
        }
    }

    #[test]
    fn order_never_matters(set in sets(), turn in 0_usize..7) {
        let written: Vec<_> = set.iter().enumerate().map(|(number, one)| one.text(number)).collect();
        let mut turned = written.clone();
        let by = turn.min(turned.len());
        turned.rotate_left(by);
        turned.reverse();
        let (one, other) = (policies(&written.concat()), policies(&turned.concat()));
        for ask in asks() {
            prop_assert_eq!(word(&ask.decide(&one)), word(&ask.decide(&other)), "{:?}", ask);
        }
    }
}

#[test]
fn the_generated_cases_allow_and_deny() {
    // So that the properties above cannot hold vacuously.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut allowed, mut forbidden, mut denied, mut failed) = (0, 0, 0, 0);
    for _ in 0..60 {
        let set = sets().new_tree(&mut runner).unwrap().current();
        let policies = policies(&texts(&set));
        for ask in asks() {
            match ask.decide(&policies).kind {
                RulingKind::Permit { .. } => allowed += 1,
                RulingKind::Forbid { .. } => forbidden += 1,
                RulingKind::NoGrant => denied += 1,
                RulingKind::Fault { .. } if ask.source_ip.is_none() => failed += 1,
                RulingKind::Fault { policies } => panic!("{policies:?}"),
            }
        }
    }
    let counts = [allowed, forbidden, denied, failed];
    assert!(counts.iter().all(|count| 50 < *count), "{counts:?}");
}
