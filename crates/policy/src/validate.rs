//! Strict validation against a reduced schema.
//!
//! Whether a policy is well typed depends on an operation only through the types of the path parameters that the
//! policy reads and through the groups that it mentions. Operations that agree on these are one signature; one
//! operation per signature stands for all. A property test compares the result with full validation.
//!
//! What was found free of errors and warnings is remembered by the hash of policy and reduced schema.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use catalog::{Catalog, Operation, ParameterKind};
use cedar_policy::ffi::DetailedError;
use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};

use crate::diagnostic::{Diagnostic, Severity};
use crate::digest::ContentHash;
use crate::load::Files;
use crate::reads::Names;
use crate::rule::{Rule, mentioned_actions};
use crate::schema;
use crate::source::Directory;

/// The most results that are remembered.
pub const VALIDATION_CACHE_MAX: usize = 200_000;

/// Which policies were found free of errors and warnings under which reduced schema.
///
/// It holds hashes only, and may be kept between starts where whoever can write it may also write policies.
#[derive(Clone, Debug, Default)]
pub struct ValidationCache {
    clean: HashSet<[u8; 32]>,
}

impl ValidationCache {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes hashes that an earlier cache gave out.
    pub fn from_hashes(hashes: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self { clean: hashes.into_iter().take(VALIDATION_CACHE_MAX).collect() }
    }

    /// The hashes, to be kept; in no particular order.
    pub fn hashes(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.clean.iter()
    }

    fn remember(&mut self, hash: [u8; 32]) {
        if VALIDATION_CACHE_MAX <= self.clean.len() {
            self.clean.clear();
        }
        self.clean.insert(hash);
    }
}

/// A rule with its number in the set and the operations that its scope reaches.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub number: usize,
    pub rule: &'a Rule,
    pub reach: &'a [u32],
}

/// Validates every candidate; all findings, errors and warnings alike.
pub(crate) fn validate(
    candidates: &[Candidate<'_>],
    catalog: &Catalog,
    directory: &Directory,
    files: &Files<'_>,
    cache: &mut ValidationCache,
) -> Vec<Diagnostic> {
    let mut pending: BTreeMap<String, Vec<(Candidate<'_>, [u8; 32])>> = BTreeMap::new();
    for candidate in candidates {
        let Some(text) = reduced_schema(candidate, catalog, directory) else {
            // Reaches no operation: it is in no slice, and the lint says so.
            continue;
        };
        // Hashes may be kept: another Cedar might judge otherwise.
        let mut hash = ContentHash::new("validated");
        hash.text(&cedar_policy::get_sdk_version().to_string());
        hash.text(&text);
        hash.text(&candidate.rule.text);
        let hash = hash.full();
        if !cache.clean.contains(&hash) {
            pending.entry(text).or_default().push((*candidate, hash));
        }
    }
    let mut diagnostics = Vec::new();
    for (schema, candidates) in pending {
        let found = validate_under(&schema, &candidates, files);
        let doubtful: BTreeSet<usize> = found.iter().map(|(number, _)| *number).collect();
        for (candidate, hash) in candidates {
            if !doubtful.contains(&candidate.number) {
                cache.remember(hash);
            }
        }
        diagnostics.extend(found.into_iter().map(|(_, diagnostic)| diagnostic));
    }
    diagnostics
}

/// The types, the groups that the policy mentions, and one operation per signature; none without operations.
pub(crate) fn reduced_schema(
    candidate: &Candidate<'_>,
    catalog: &Catalog,
    directory: &Directory,
) -> Option<String> {
    let mentioned = mentioned_actions(&candidate.rule.policy);
    let mut signatures: BTreeMap<Signature<'_>, &Operation> = BTreeMap::new();
    for &place in candidate.reach {
        if let Some(operation) = usize::try_from(place).ok().and_then(|place| catalog.operations().get(place))
        {
            signatures
                .entry(signature(operation, &mentioned, &candidate.rule.reads.params))
                .or_insert(operation);
        }
    }
    if signatures.is_empty() {
        return None;
    }
    let mut text = String::new();
    schema::write_types(&mut text, directory);
    let mut declared: BTreeSet<&str> = BTreeSet::new();
    for operation in signatures.into_values() {
        declared.insert(operation.id.as_str());
        let groups = operation.groups.iter().map(|group| group.as_str());
        let groups = groups.filter(|group| mentioned.contains(*group));
        schema::write_operation(&mut text, operation.id.as_str(), groups, &operation.parameters);
    }
    // The rest of what is mentioned: groups, and operations that another operation is compared with.
    for name in &mentioned {
        if !declared.contains(name.as_str()) {
            schema::write_group(&mut text, name);
        }
    }
    Some(text)
}

/// What of an operation the type of a condition can depend on.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Signature<'a> {
    /// Which of the mentioned actions it is or is in.
    membership: Vec<&'a str>,
    parameters: Vec<(&'a str, ParameterKind)>,
}

fn signature<'a>(operation: &'a Operation, mentioned: &'a BTreeSet<String>, read: &Names) -> Signature<'a> {
    let is_in = |name: &&'a str| {
        operation.id.as_str() == *name || operation.groups.iter().any(|group| group.as_str() == *name)
    };
    let mut parameters: Vec<_> = operation
        .parameters
        .iter()
        .filter(|parameter| match read {
            Names::All => true,
            Names::Listed(names) => names.contains(&parameter.name),
        })
        .map(|parameter| (parameter.name.as_str(), parameter.kind))
        .collect();
    parameters.sort_unstable();
    Signature { membership: mentioned.iter().map(String::as_str).filter(is_in).collect(), parameters }
}

fn validate_under(
    schema: &str,
    candidates: &[(Candidate<'_>, [u8; 32])],
    files: &Files<'_>,
) -> Vec<(usize, Diagnostic)> {
    let refuse_all = |reason: &str| {
        let refused = |(candidate, _): &(Candidate<'_>, _)| {
            let reason = format!("policy `{}` cannot be validated: {reason}", candidate.rule.id);
            let fix = "check the names of operations, groups, parameters and attributes that it uses";
            (candidate.number, files.at_rule(candidate.rule, Severity::Error, reason, fix))
        };
        candidates.iter().map(refused).collect()
    };
    let parsed = match Schema::from_cedarschema_str(schema) {
        Ok((parsed, _warnings)) => parsed,
        Err(error) => return refuse_all(&error.to_string()),
    };
    let policies = candidates.iter().map(|(candidate, _)| candidate.rule.policy.clone());
    let set = match PolicySet::from_policies(policies) {
        Ok(set) => set,
        Err(error) => return refuse_all(&error.to_string()),
    };
    let result = Validator::new(parsed).validate(&set, ValidationMode::Strict);
    let errors = result
        .validation_errors()
        .map(|error| (error.policy_id().to_string(), DetailedError::from(error), Severity::Error));
    let warnings = result
        .validation_warnings()
        .map(|warning| (warning.policy_id().to_string(), DetailedError::from(warning), Severity::Warning));
    let mut found = Vec::new();
    for (id, error, severity) in errors.chain(warnings) {
        let about = candidates.iter().find(|(candidate, _)| candidate.number.to_string() == id);
        if let Some((candidate, _)) = about {
            found.push((candidate.number, diagnose(candidate.rule, &error, severity, files)));
        }
    }
    found
}

fn diagnose(rule: &Rule, error: &DetailedError, severity: Severity, files: &Files<'_>) -> Diagnostic {
    // Cedar names the policy by its number in the set; people know it by its id.
    let detail = error.message.split_once("`, ").map_or(error.message.as_str(), |(_, detail)| detail);
    let reason = format!("policy `{}`: {detail}", rule.id);
    let fix = match (&error.help, detail.contains("unable to guarantee safety of access to optional")) {
        (_, true) => "put `has` before it: `context has sourceIp && context.sourceIp…`".to_owned(),
        (Some(help), false) => help.clone(),
        (None, false) => match severity {
            Severity::Error => "`sallyport schema` prints what a condition may read".to_owned(),
            Severity::Warning => "correct the condition, or remove the policy".to_owned(),
        },
    };
    let offset = error.source_locations.first().map_or(rule.origin.offset, |label| label.loc.start);
    files.at(&rule.origin.file, offset, severity, reason, fix)
}
