//! Right-sizing keys: what each key may do, what of it it does, and the scopes that would do.
//!
//! A scope is called unused only where the key has had it, and calls were recorded, for the whole window: what is seldom needed,
//! at the end of a month for instance, looks unused for most of the time.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Operation};
use model::{KeyId, Timestamp};
use serde::Serialize;

use crate::{CallFacts, Usage};

/// A key that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    pub id: KeyId,
    pub application: String,
    pub scopes: Vec<String>,
    /// Since when it has these scopes.
    pub since: Timestamp,
}

/// An operation that a key calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    pub operation: String,
    pub calls: u64,
    pub last: String,
}

/// What is said of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyAdvice {
    pub key: String,
    pub application: String,
    pub scopes: Vec<String>,
    /// How many operations its scopes cover now.
    pub covers: usize,
    /// What it called, most calls first.
    pub uses: Vec<KeyUse>,
    /// What its scopes cover and it never called; empty while that cannot be said.
    pub never: Vec<String>,
    /// Scopes that would do; none where those it has are as small, or nothing can be said.
    pub narrower: Option<Vec<String>>,
    /// The command that settles it.
    pub command: Option<String>,
    /// Why nothing is said.
    pub note: Option<String>,
}

/// Looks at keys over the window from `begin` to now; calls are recorded since `recorded`, and of these `counts` those of
/// whoever is not stopped.
#[must_use]
pub fn right_size(
    usage: &Usage,
    keys: &[KeyFacts],
    catalog: &Catalog,
    begin: Timestamp,
    recorded: Option<Timestamp>,
    counts: &dyn Fn(&CallFacts) -> bool,
) -> Vec<KeyAdvice> {
    let mut used: BTreeMap<&str, BTreeMap<&str, (u64, Timestamp)>> = BTreeMap::new();
    for row in usage.rows().iter().filter(|row| row.facts.passed() && !row.facts.operation.is_empty()) {
        if !counts(&row.facts) {
            continue;
        }
        let Some(key) = &row.facts.key else { continue };
        let use_ = used.entry(key).or_default().entry(&row.facts.operation).or_insert((0, row.counts.last));
        use_.0 += row.counts.calls;
        use_.1 = use_.1.max(row.counts.last);
    }
    let nothing = BTreeMap::new();
    let advice = |key: &KeyFacts| {
        let uses = used.get(key.id.as_str()).unwrap_or(&nothing);
        advise(key, uses, catalog, begin, recorded)
    };
    keys.iter().map(advice).collect()
}

fn advise(
    key: &KeyFacts,
    used: &BTreeMap<&str, (u64, Timestamp)>,
    catalog: &Catalog,
    begin: Timestamp,
    recorded: Option<Timestamp>,
) -> KeyAdvice {
    let covered: BTreeSet<&str> = key.scopes.iter().flat_map(|scope| members(scope, catalog)).collect();
    let mut uses: Vec<KeyUse> = used
        .iter()
        .map(|(operation, (calls, last))| KeyUse {
            operation: (*operation).to_owned(),
            calls: *calls,
            last: last.to_string(),
        })
        .collect();
    uses.sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.operation.cmp(&other.operation)));
    let mut advice = KeyAdvice {
        key: key.id.to_string(),
        application: key.application.clone(),
        scopes: key.scopes.clone(),
        covers: covered.len(),
        uses,
        never: Vec::new(),
        narrower: None,
        command: None,
        note: None,
    };
    if begin < key.since {
        advice.note =
            Some(format!("it has had its scopes since {} only, which is within the window", key.since));
        return advice;
    }
    if recorded.is_none_or(|recorded| begin < recorded) {
        advice.note = Some("calls have not been recorded for the whole window".to_owned());
        return advice;
    }
    advice.never = covered
        .iter()
        .filter(|operation| !used.contains_key(**operation))
        .map(|name| (*name).to_owned())
        .collect();
    if advice.never.is_empty() {
        return advice;
    }
    let narrower: BTreeSet<String> =
        key.scopes.iter().flat_map(|scope| narrowed(scope, used, catalog)).collect();
    if narrower.is_empty() {
        advice.command =
            Some(format!("sallyport key revoke {} --reason 'not used in the whole window'", key.id));
        return advice;
    }
    let scopes: Vec<String> = narrower.iter().map(|scope| format!(" --scope {}", shell(scope))).collect();
    advice.command = Some(format!("sallyport key narrow {}{}", key.id, scopes.concat()));
    advice.narrower = Some(narrower.into_iter().collect());
    advice
}

/// The operations that a scope covers now, by id.
fn members<'a>(scope: &'a str, catalog: &'a Catalog) -> impl Iterator<Item = &'a str> {
    let covers = move |operation: &&Operation| {
        operation.id.as_str() == scope || operation.groups.iter().any(|group| group.as_str() == scope)
    };
    catalog.operations().iter().filter(covers).map(|operation| operation.id.as_str())
}

/// Whether every operation that `narrow` covers now is covered by one of `wide` as well; false where it covers none.
#[must_use]
pub fn is_within(narrow: &str, wide: &[String], catalog: &Catalog) -> bool {
    if wide.iter().any(|scope| scope == narrow) {
        return true;
    }
    let covered: BTreeSet<&str> = wide.iter().flat_map(|scope| members(scope, catalog)).collect();
    let mut members = members(narrow, catalog).peekable();
    // A group covers tomorrow what joins it; only a scope that names it as well does so too.
    catalog.by_id(narrow).is_some()
        && members.peek().is_some()
        && members.all(|member| covered.contains(member))
}

/// A scope as it is where all of it is used, else the operations of it that are.
fn narrowed(scope: &str, used: &BTreeMap<&str, (u64, Timestamp)>, catalog: &Catalog) -> Vec<String> {
    let all: Vec<&str> = members(scope, catalog).collect();
    let used: Vec<String> =
        all.iter().filter(|member| used.contains_key(**member)).map(|member| (*member).to_owned()).collect();
    if used.len() == all.len() && !all.is_empty() { vec![scope.to_owned()] } else { used }
}

/// A text as one word of a shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
