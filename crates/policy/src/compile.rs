//! Texts, catalogue and directory to [`Policies`]: all of them or none.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use catalog::{ApiIndex, Catalog, OperationIndex};
use cedar_policy::{Entity, EntityUid};
use model::{AttributeType, PolicyId, Timestamp};

use crate::diagnostic::{CompilePoliciesError, Diagnostic, Severity};
use crate::facts;
use crate::kept::KeptFact;
use crate::load::{self, Files};
use crate::reach::Term;
use crate::reads::{Names, OperationReads, Reads};
use crate::rule::{Effect, Rule};
use crate::slice::{self, OperationEntry, Slice, Slices};
use crate::source::{Directory, PolicySource};
use crate::validate::{self, Candidate, ValidationCache};
use crate::{lint, schema};

/// A compiled policy set. Immutable; shared between workers.
#[derive(Debug)]
pub struct Policies {
    pub(crate) rules: Box<[Rule]>,
    pub(crate) conditions: Box<[Option<cedar_policy::Expression>]>,
    /// The conditions of each rule part by part, made when somebody first asks what the rule lets whom do.
    pub(crate) terms: Box<[OnceLock<Box<[Term]>>]>,
    pub(crate) reach: Box<[Vec<u32>]>,
    pub(crate) slices: Slices,
    apis: Box<[ApiEntry]>,
    attributes: BTreeMap<String, AttributeType>,
    user_attributes: BTreeMap<String, AttributeType>,
    schema_text: String,
}

#[derive(Debug)]
struct ApiEntry {
    uid: EntityUid,
    entity: Entity,
}

/// A compiled set and what is doubtful in it.
#[derive(Debug)]
pub struct CompiledPolicies {
    pub policies: Policies,
    /// Warnings only, sorted by file, line and column.
    pub warnings: Vec<Diagnostic>,
}

/// One policy of a set, as listings and reviews show it.
#[derive(Clone, Copy, Debug)]
pub struct PolicySummary<'a> {
    pub id: &'a PolicyId,
    pub effect: Effect,
    pub file: &'a str,
    /// From 1.
    pub line: usize,
    pub owner: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub expires: Option<Timestamp>,
    pub observe_until: Option<Timestamp>,
    /// The policy as written, annotations included.
    pub text: &'a str,
    /// How many operations its scope covers.
    pub operations: usize,
}

/// Compiles a policy set. An empty one is valid and denies everything.
///
/// # Errors
///
/// Every error of every file, with file, line, column, reason and fix.
pub fn compile(
    sources: &[PolicySource],
    catalog: &Catalog,
    directory: &Directory,
    cache: &mut ValidationCache,
) -> Result<CompiledPolicies, CompilePoliciesError> {
    let files = Files::new(sources);
    let loaded = load::load(sources, &files, catalog, directory);
    let mut diagnostics = loaded.diagnostics;
    let reach = slice::reach(&loaded.rules, catalog);
    let candidates: Vec<_> = loaded
        .rules
        .iter()
        .zip(&reach)
        .enumerate()
        .filter(|(number, _)| !loaded.unsound.contains(number))
        .map(|(number, (rule, reach))| Candidate { number, rule, reach })
        .collect();
    diagnostics.extend(validate::validate(&candidates, catalog, directory, &files, cache));
    let untargeted = candidates.iter().filter_map(|one| lint::targets_nothing(one.rule, one.reach, &files));
    diagnostics.extend(untargeted);
    diagnostics.extend(lint::overlaps(&loaded.rules, &reach, &files));
    let built = build(loaded.rules, reach, catalog, directory);
    if built.is_none() {
        diagnostics.push(unbuilt(sources, &files));
    }
    diagnostics.sort_by(|one, other| {
        (&one.file, one.line, one.column, &one.reason).cmp(&(
            &other.file,
            other.line,
            other.column,
            &other.reason,
        ))
    });
    diagnostics.dedup();
    let refused = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    match built {
        Some(policies) if !refused => Ok(CompiledPolicies { policies, warnings: diagnostics }),
        Some(_) | None => Err(CompilePoliciesError { diagnostics }),
    }
}

/// The catalogue or the set is larger than indices reach, or lacks the facts of an API.
fn unbuilt(sources: &[PolicySource], files: &Files<'_>) -> Diagnostic {
    let path = sources.first().map_or("policies", |source| source.path.as_str());
    let reason = "the catalogue and the directory do not fit together";
    files.at(path, 0, Severity::Error, reason, "declare exposure and data class of every API")
}

fn build(
    rules: Vec<Rule>,
    reach: Vec<Vec<u32>>,
    catalog: &Catalog,
    directory: &Directory,
) -> Option<Policies> {
    let apis = catalog
        .apis()
        .iter()
        .zip(&directory.apis)
        .map(|(api, said)| {
            let uid = facts::api_uid(api.name.as_str())?;
            Some(ApiEntry { entity: facts::api_entity(uid.clone(), *said)?, uid })
        })
        .collect::<Option<Box<[_]>>>()?;
    if apis.len() != catalog.apis().len() {
        return None;
    }
    let slices = slice::build(&rules, &reach, catalog, directory);
    if slices.operations.len() != catalog.operations().len() {
        return None;
    }
    let condition = |rule: &Rule| {
        // The conditions alone, as Cedar's own tree: the scope was resolved when the slices were made.
        rule.policy.as_ref().non_scope_constraints().cloned().map(cedar_policy::Expression::from)
    };
    Some(Policies {
        conditions: rules.iter().map(condition).collect(),
        terms: rules.iter().map(|_| OnceLock::new()).collect(),
        rules: rules.into(),
        reach: reach.into(),
        slices,
        apis,
        attributes: directory.attributes.clone(),
        user_attributes: directory.user_attributes.clone(),
        schema_text: schema::text(catalog, directory),
    })
}

impl Policies {
    /// The Cedar schema with a comment per type, as `sallyport schema` prints it.
    #[must_use]
    pub fn schema_text(&self) -> &str {
        &self.schema_text
    }

    /// Every policy in the order of loading.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = PolicySummary<'_>> {
        self.rules.iter().zip(&self.reach).map(|(rule, reach)| PolicySummary {
            id: &rule.id,
            effect: rule.effect,
            file: &rule.origin.file,
            line: rule.origin.line,
            owner: rule.annotations.owner.as_deref(),
            reason: rule.annotations.reason.as_deref(),
            expires: rule.annotations.expires,
            observe_until: rule.annotations.observe_until,
            text: &rule.text,
            operations: reach.len(),
        })
    }

    /// What the policies of an operation read, whoever calls it.
    #[must_use]
    pub fn reads(&self, operation: OperationIndex) -> OperationReads {
        let Some(entry) = self.operation(operation) else {
            return OperationReads::default();
        };
        let plan = usize::try_from(entry.plan).ok().and_then(|plan| self.slices.plans.get(plan));
        let reads = plan.map_or_else(Reads::nothing, |plan| plan.reads.clone());
        let all_params = || entry.parameters.iter().map(|parameter| parameter.name.clone()).collect();
        OperationReads {
            context: reads.context,
            params: match reads.params {
                Names::All => all_params(),
                Names::Listed(names) => names,
            },
            attributes: match reads.attributes {
                Names::All => self.attributes.keys().cloned().collect(),
                Names::Listed(names) => names,
            },
        }
    }

    /// The facts of a request for this operation that its record keeps, so that the decision can be made again. Made
    /// when the policies are compiled.
    #[must_use]
    pub fn kept(&self, operation: OperationIndex) -> &[KeptFact] {
        self.operation(operation).map_or(&[], |entry| &entry.kept)
    }

    /// The policies whose scope covers an operation, in the order of loading.
    pub fn reaching(&self, operation: OperationIndex) -> impl Iterator<Item = PolicySummary<'_>> {
        self.policies()
            .zip(&self.reach)
            .filter(move |(_, reach)| reach.binary_search(&operation.0).is_ok())
            .map(|(summary, _)| summary)
    }

    /// The operations that no permit covers: whoever calls them is denied.
    pub fn ungranted(&self) -> impl Iterator<Item = OperationIndex> {
        let grants = self.rules.iter().zip(&self.reach).filter(|(rule, _)| rule.effect == Effect::Permit);
        let granted: HashSet<u32> = grants.flat_map(|(_, reach)| reach.iter().copied()).collect();
        let all = (0_u32..).zip(&self.slices.operations).map(|(place, _)| place);
        all.filter(move |place| !granted.contains(place)).map(OperationIndex)
    }

    /// Whether a grant that counts at `now` is for this client and operation, under whatever conditions.
    #[must_use]
    pub fn has_grant(&self, index: OperationIndex, client: &model::Client, now: Timestamp) -> bool {
        let slice = self.operation(index).and_then(|operation| self.slice(operation, client));
        let rules = slice.iter().flatten().flat_map(|part| part.rules.iter());
        rules
            .filter_map(|number| self.rule(*number))
            .any(|rule| rule.effect == Effect::Permit && !rule.expired(now))
    }

    pub(crate) fn operation(&self, index: OperationIndex) -> Option<&OperationEntry> {
        self.slices.operations.get(usize::try_from(index.0).ok()?)
    }

    pub(crate) fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn condition(&self, number: u32) -> Option<&cedar_policy::Expression> {
        self.conditions.get(usize::try_from(number).ok()?)?.as_ref()
    }

    pub(crate) fn api_uid(&self, api: ApiIndex) -> Option<&EntityUid> {
        self.apis.get(usize::from(api.0)).map(|api| &api.uid)
    }

    pub(crate) fn api_entity(&self, api: ApiIndex) -> Option<Entity> {
        self.apis.get(usize::from(api.0)).map(|api| api.entity.clone())
    }

    pub(crate) fn attribute_type(&self, name: &str) -> Option<AttributeType> {
        self.attributes.get(name).copied()
    }

    pub(crate) fn user_attribute_type(&self, name: &str) -> Option<AttributeType> {
        self.user_attributes.get(name).copied()
    }

    /// The parts of the caller's slice; none where the catalogue has no such operation.
    pub(crate) fn slice(&self, operation: &OperationEntry, client: &model::Client) -> Option<Slice<'_>> {
        let plan = self.slices.plans.get(usize::try_from(operation.plan).ok()?)?;
        // Filled item by item: collecting costs several times what the few items do.
        let mut slice = Slice::new();
        for number in plan.parts(client) {
            slice.push(self.slices.parts.get(usize::try_from(number).ok()?)?);
        }
        Some(slice)
    }
}
