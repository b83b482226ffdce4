//! Runs Cedar's integration corpus through slices and cache.
//!
//! ```text
//! cargo run --profile ci --locked --package policy --example cedar_corpus -- FOLDER
//! ```
//!
//! `FOLDER` is a copy of <https://github.com/cedar-policy/cedar-integration-tests> in which `corpus-tests.tar.gz` is
//! unpacked. It is fetched by hand and never committed.
//!
//! The corpus has schemas of its own, and our policies are about callers and operations only. So each request is carried
//! over: its principal becomes an application in a team, its action an operation in a group, its resource an API. What a
//! scope says of them becomes a scope of the same form and the same truth; what the conditions say is asked of Cedar's
//! evaluator on the corpus's own request, and written as true, false or an expression that fails. Whether the right
//! policies are then found, in what order they count, and what an error or a remembered decision does, is ours, and must give
//! the corpus's decision and its reasons. One difference is by design: where a policy fails, Cedar skips it, and here the request is denied.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::{
    ApiDeclaration, BasePath, Catalog, Hosts, Lifecycle, OperationDeclaration, OperationIndex, Spanning,
    Template, Visibility,
};
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Effect, Entities, EntityUid, EvalResult, Policy,
    PolicySet, PrincipalConstraint, Request, ResourceConstraint, Schema, eval_expression,
};
use model::{
    ApiName, Application, ApplicationName, AttributeType, AttributeValue, Caller, Client, CredentialRef,
    DataClass, Exposure, GroupName, HostName, Method, Strength, TeamName, Timestamp,
};
use policy::{
    ApiFacts, DecisionCache, Directory, Facts, PolicySource, Ruling, RulingKind, ValidationCache, compile,
};
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The operation that stands for a request's action; it alone is in the group `one:read`.
const OPERATION: &str = "one:GET /a";
/// Fails when it is evaluated, since the caller's `tier` is no number as declared. What fails by itself, such as a sum
/// that overflows, is refused before.
const FAILING: &str = "principal has tier && principal.tier == 1";

/// A request of the corpus with what it says of it.
struct Asked {
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    context: Value,
    decision: String,
    reason: BTreeSet<String>,
    errors: BTreeSet<String>,
}

impl Asked {
    fn read(asked: &Value) -> Outcome<Self> {
        let uid = |name: &str| EntityUid::from_json(asked[name].clone()).map_err(Box::new);
        let texts = |name: &str| asked[name].as_array().map(|list| list.iter().filter_map(text).collect());
        Ok(Self {
            principal: uid("principal")?,
            action: uid("action")?,
            resource: uid("resource")?,
            context: asked["context"].clone(),
            decision: text(&asked["decision"]).ok_or("a request without a decision")?,
            reason: texts("reason").ok_or("a request without reasons")?,
            errors: texts("errors").ok_or("a request without errors")?,
        })
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// What came of it.
#[derive(Debug, Default)]
struct Counts {
    sets: u64,
    requests: u64,
    agreed: u64,
    permitted: u64,
    /// Denied here since a policy failed, which Cedar skips.
    stricter: u64,
    /// Answered out of the cache the second time.
    remembered: u64,
    /// What this Cedar cannot read, by its first words.
    unread: BTreeMap<String, u64>,
}

/// One request in the corpus's own words.
struct Case<'a> {
    asked: &'a Asked,
    request: Request,
    entities: Entities,
}

impl Case<'_> {
    fn is_in(&self, entity: &EntityUid, group: &EntityUid) -> bool {
        entity == group || self.entities.is_ancestor_of(group, entity)
    }

    /// The scope of a policy, about our own entities.
    fn scope(&self, policy: &Policy) -> String {
        let kind = |of: &EntityUid, name: &cedar_policy::EntityTypeName| of.type_name() == name;
        let application = |holds: bool| if holds { "Application" } else { "Anonymous" };
        let named = |holds: bool| format!("Application::\"{}\"", if holds { "app" } else { "other" });
        let team = |group: &EntityUid| {
            if *group == self.asked.principal {
                return "Application::\"app\"".to_owned();
            }
            format!("Team::\"{}\"", if self.is_in(&self.asked.principal, group) { "team" } else { "others" })
        };
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any => "principal".to_owned(),
            PrincipalConstraint::Eq(one) => format!("principal == {}", named(one == self.asked.principal)),
            PrincipalConstraint::In(group) => format!("principal in {}", team(&group)),
            PrincipalConstraint::Is(name) => {
                format!("principal is {}", application(kind(&self.asked.principal, &name)))
            }
            PrincipalConstraint::IsIn(name, group) => {
                format!(
                    "principal is {} in {}",
                    application(kind(&self.asked.principal, &name)),
                    team(&group)
                )
            }
        };
        let group = |one: &EntityUid| {
            if *one == self.asked.action {
                return format!("Action::\"{OPERATION}\"");
            }
            format!("Action::\"one:{}\"", if self.is_in(&self.asked.action, one) { "read" } else { "write" })
        };
        let action = match policy.action_constraint() {
            ActionConstraint::Any => "action".to_owned(),
            ActionConstraint::Eq(one) if one == self.asked.action => {
                format!("action == Action::\"{OPERATION}\"")
            }
            ActionConstraint::Eq(_) => "action == Action::\"one:POST /a\"".to_owned(),
            ActionConstraint::In(many) if many.is_empty() => "action in []".to_owned(),
            ActionConstraint::In(many) => {
                format!("action in [{}]", many.iter().map(group).collect::<Vec<_>>().join(", "))
            }
        };
        let api = |holds: bool| format!("Api::\"{}\"", if holds { "one" } else { "two" });
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any => "resource".to_owned(),
            ResourceConstraint::Eq(one) => format!("resource == {}", api(one == self.asked.resource)),
            ResourceConstraint::In(group) => {
                format!("resource in {}", api(self.is_in(&self.asked.resource, &group)))
            }
            ResourceConstraint::Is(name) if kind(&self.asked.resource, &name) => "resource is Api".to_owned(),
            ResourceConstraint::Is(_) => "resource == Api::\"two\"".to_owned(),
            ResourceConstraint::IsIn(name, group) => {
                let holds = kind(&self.asked.resource, &name) && self.is_in(&self.asked.resource, &group);
                format!("resource is Api in {}", api(holds))
            }
        };
        format!("{principal}, {action}, {resource}")
    }

    /// The policy as one about our own entities, which holds for our request where this one does for its own.
    fn carry(&self, policy: &Policy) -> String {
        let effect = match policy.effect() {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        };
        let condition = match policy.as_ref().non_scope_constraints().cloned() {
            None => String::new(),
            Some(condition) => {
                let said = eval_expression(
                    &self.request,
                    &self.entities,
                    &cedar_policy::Expression::from(condition),
                );
                match said {
                    Ok(EvalResult::Bool(said)) => format!(" when {{ {said} }}"),
                    Ok(_) | Err(_) => format!(" when {{ {FAILING} }}"),
                }
            }
        };
        format!("@id(\"{}\") {effect} ({}){condition};\n", policy.id(), self.scope(policy))
    }
}

/// The world that requests are carried into.
struct World {
    catalog: Catalog,
    directory: Directory,
    operation: OperationIndex,
    caller: Caller,
    cache: DecisionCache,
    validated: ValidationCache,
}

impl World {
    fn new() -> Outcome<Self> {
        let operation = |method, groups: [&str; 2]| -> Outcome<OperationDeclaration> {
            Ok(OperationDeclaration {
                method,
                template: Template::parse("/a", Spanning::AsWritten)?,
                parameters: Vec::new(),
                groups: groups.into_iter().map(GroupName::parse).collect::<Result<_, _>>()?,
                lifecycle: Lifecycle::Active,
                visibility: Visibility::Shown,
                operation_id: None,
                summary: None,
                scopes: catalog::AskedScopes::none(),
            })
        };
        let api = |name: &str| -> Outcome<ApiDeclaration> {
            let (all, read, write) = (name, format!("{name}:read"), format!("{name}:write"));
            Ok(ApiDeclaration {
                name: ApiName::parse(name)?,
                hosts: Hosts::Listed(vec![HostName::parse(&format!("{name}.example.com"))?]),
                base_path: BasePath::root(),
                operations: vec![
                    operation(Method::Get, [all, &read])?,
                    operation(Method::Post, [all, &write])?,
                ],
                cors: None,
            })
        };
        let catalog = Catalog::compile(vec![api("one")?, api("two")?])?.catalog;
        let facts = ApiFacts { exposure: Exposure::Partner, data_class: DataClass::Internal };
        let teams = ["team", "others"].into_iter().map(TeamName::parse).collect::<Result<_, _>>()?;
        let application = Application {
            name: ApplicationName::parse("app")?,
            team: TeamName::parse("team")?,
            attributes: BTreeMap::from([("tier".to_owned(), AttributeValue::String("1".to_owned()))]),
            version: 1,
        };
        Ok(Self {
            operation: catalog.by_id(OPERATION).ok_or("the operation is not in the catalogue")?,
            catalog,
            directory: Directory {
                teams,
                attributes: BTreeMap::from([("tier".to_owned(), AttributeType::Long)]),
                user_attributes: BTreeMap::new(),
                apis: vec![facts, facts],
            },
            caller: Caller::client(
                Client::Application(Arc::new(application)),
                Strength::SharedSecret,
                CredentialRef::Absent,
            ),
            cache: DecisionCache::new(),
            validated: ValidationCache::new(),
        })
    }

    /// Decides twice with the cache of all requests, and once without any: they must be the same.
    fn decide(&mut self, text: String, counts: &mut Counts) -> Outcome<Ruling> {
        let sources = [PolicySource { path: "policies/corpus.cedar".to_owned(), text }];
        let policies = compile(&sources, &self.catalog, &self.directory, &mut self.validated)
            .map_err(|error| {
                format!("does not compile: {error} {:?} of\n{}", error.diagnostics, sources[0].text)
            })?
            .policies;
        let facts = Facts {
            operation: self.operation,
            caller: &self.caller,
            scopes: &[],
            params: &[],
            source_ip: None,
            now: Timestamp::from_seconds(1_800_000_000),
        };
        let first = policies.decide(&mut self.cache, &facts);
        let hits = self.cache.counters().hits;
        let second = policies.decide(&mut self.cache, &facts);
        counts.remembered += self.cache.counters().hits - hits;
        let fresh = policies.decide(&mut DecisionCache::new(), &facts);
        if first != second || first != fresh {
            return Err(format!("the cache changed {fresh:?} into {first:?} and {second:?}").into());
        }
        Ok(first)
    }
}

fn ids(ruling: &Ruling) -> BTreeSet<String> {
    match &ruling.kind {
        RulingKind::Fault { policies } => policies,
        RulingKind::Forbid { by } | RulingKind::Permit { by } => by,
        RulingKind::NoGrant => return BTreeSet::new(),
    }
    .iter()
    .map(|id| id.as_str().to_owned())
    .collect()
}

/// What Cedar says of the request, which must be what the corpus says.
fn reference(case: &Case<'_>, set: &PolicySet) -> Outcome<()> {
    let asked = case.asked;
    let response = Authorizer::new().is_authorized(&case.request, set, &case.entities);
    let decision = if response.decision() == Decision::Allow { "allow" } else { "deny" };
    let reason: BTreeSet<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    if decision != asked.decision || reason != asked.reason {
        return Err(format!("this Cedar says {decision} {reason:?}, the corpus {}", asked.decision).into());
    }
    Ok(())
}

/// Ours beside the corpus's.
fn judge(ruling: &Ruling, asked: &Asked, counts: &mut Counts) -> Outcome<()> {
    let failed = matches!(ruling.kind, RulingKind::Fault { .. });
    if failed == asked.errors.is_empty() {
        return Err(format!("{ruling:?}, where Cedar's errors are {:?}", asked.errors).into());
    }
    if failed {
        // A fact that cannot be said makes every policy fail that has a condition, so more may be named.
        let named = ids(ruling);
        if !named.is_superset(&asked.errors) {
            return Err(format!("failed are {named:?}, Cedar's errors are {:?}", asked.errors).into());
        }
        counts.stricter += 1;
        return Ok(());
    }
    let permits = matches!(ruling.kind, RulingKind::Permit { .. });
    if permits != (asked.decision == "allow") || ids(ruling) != asked.reason {
        return Err(format!("{ruling:?}, where the corpus says {} {:?}", asked.decision, asked.reason).into());
    }
    counts.agreed += 1;
    counts.permitted += u64::from(permits);
    Ok(())
}

fn run(folder: &Path, path: &Path, world: &mut World, counts: &mut Counts) -> Outcome<()> {
    let file = |path: &str| fs::read_to_string(folder.join(path));
    let set: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let part = |name: &str| -> Outcome<String> {
        Ok(file(set.get(name).and_then(Value::as_str).ok_or("a set without files")?)?)
    };
    counts.sets += 1;
    let read = || -> Outcome<_> {
        let (schema, _) = Schema::from_cedarschema_str(&part("schema")?)?;
        let policies: PolicySet = part("policies")?.parse()?;
        let entities = Entities::from_json_str(&part("entities")?, Some(&schema))?;
        Ok((schema, policies, entities))
    };
    let (schema, policies, entities) = match read() {
        Ok(read) => read,
        Err(error) => {
            let words = error.to_string().chars().take(60).collect();
            *counts.unread.entry(words).or_default() += 1;
            return Ok(());
        }
    };
    for asked in set.get("requests").and_then(Value::as_array).ok_or("a set without requests")? {
        let asked = Asked::read(asked)?;
        let Asked { principal, action, resource, .. } = &asked;
        let context = Context::from_json_value(asked.context.clone(), Some((&schema, action)))?;
        let request = Request::new(principal.clone(), action.clone(), resource.clone(), context, None)?;
        let case = Case { request, entities: entities.clone(), asked: &asked };
        reference(&case, &policies)?;
        let text = policies.policies().map(|policy| case.carry(policy)).collect();
        let ruling = world.decide(text, counts)?;
        judge(&ruling, &asked, counts)?;
        counts.requests += 1;
    }
    Ok(())
}

/// The descriptions of sets in a folder and in those below it.
fn list(folder: &Path, paths: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            list(&path, paths)?;
        } else if name.ends_with(".json") && !name.ends_with(".entities.json") {
            paths.push(path);
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the counts are what the program is run for")]
fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1).ok_or("name the folder with the corpus")?;
    let folder = Path::new(&folder);
    let mut paths = Vec::new();
    for part in ["tests", "corpus-tests"] {
        list(&folder.join(part), &mut paths)?;
    }
    paths.sort();
    let (mut world, mut counts) = (World::new()?, Counts::default());
    for path in &paths {
        run(folder, path, &mut world, &mut counts).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!("{counts:#?}");
    if counts.agreed == 0 || counts.permitted == 0 || counts.stricter == 0 || counts.remembered == 0 {
        return Err("the corpus does not hold what it is to show".into());
    }
    Ok(())
}
