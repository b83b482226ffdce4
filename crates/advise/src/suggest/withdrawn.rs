//! What a key did that was stopped: no evidence of anybody's need, and told as that.
//!
//! Somebody else may have called it. So nothing is proposed for it; the owner reads what was called and by nothing else
//! shown, and grants by hand what is known to be needed.

use std::collections::{BTreeMap, BTreeSet};

use model::{KeyId, Timestamp};
use serde::Serialize;

use super::evidence::CallerUse;
use super::text::{STOPPED_PREFIX, principal};
use crate::Used;

/// The most operations that are named of one key.
pub(super) const NAMED_MAX: usize = 50;

/// Evidence that does not count any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withdrawn {
    pub key: String,
    pub caller: String,
    pub why: String,
    pub calls: u64,
    /// What that key alone called and policy permits nevertheless: the policies to look at.
    pub granted_by: Vec<String>,
    /// What that key alone called with success and no policy permits, most calls first; at most 50.
    pub operations: Vec<WithdrawnUse>,
    /// How many more there are.
    pub more: usize,
}

/// One operation that a stopped key called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WithdrawnUse {
    pub api: String,
    pub operation: String,
    pub calls: u64,
    pub first_seen: String,
    pub last_seen: String,
}

/// What was withdrawn of one key, while rows are read.
#[derive(Debug, Default)]
pub(super) struct Lost {
    why: String,
    caller: String,
    calls: u64,
    operations: BTreeMap<String, LostUse>,
}

#[derive(Debug)]
struct LostUse {
    api: String,
    calls: u64,
    first: Timestamp,
    last: Timestamp,
    /// The policies that permit it.
    granted: BTreeSet<String>,
}

impl Lost {
    /// Whose key it is, by its label.
    pub(super) fn caller(&self) -> &str {
        &self.caller
    }

    pub(super) fn take(&mut self, used: &Used, why: String, permitting: Option<BTreeSet<String>>) {
        let counts = &used.counts;
        self.why = why;
        self.caller.clone_from(&used.facts.caller);
        self.calls += counts.ok;
        let lost = self.operations.entry(used.facts.operation.clone()).or_insert_with(|| LostUse {
            api: used.facts.api.clone(),
            calls: 0,
            first: counts.first,
            last: counts.last,
            granted: BTreeSet::new(),
        });
        lost.calls += counts.ok;
        lost.first = lost.first.min(counts.first);
        lost.last = lost.last.max(counts.last);
        lost.granted.extend(permitting.into_iter().flatten());
    }

    /// What there is to tell; `still` is what the caller shows by what counts.
    pub(super) fn withdrawn(self, key: KeyId, still: Option<&CallerUse>) -> Withdrawn {
        let alone = self.operations.into_iter();
        let alone = alone.filter(|(operation, _)| !still.is_some_and(|caller| caller.shows(operation)));
        let mut granted_by: BTreeSet<String> = BTreeSet::new();
        let mut operations = Vec::new();
        for (operation, lost) in alone {
            if lost.granted.is_empty() {
                operations.push(WithdrawnUse {
                    api: lost.api,
                    operation,
                    calls: lost.calls,
                    first_seen: lost.first.to_string(),
                    last_seen: lost.last.to_string(),
                });
            }
            granted_by.extend(lost.granted);
        }
        operations.sort_by_key(|lost| std::cmp::Reverse(lost.calls));
        let more = operations.len().saturating_sub(NAMED_MAX);
        operations.truncate(NAMED_MAX);
        Withdrawn {
            key: key.to_string(),
            caller: self.caller,
            why: self.why,
            calls: self.calls,
            granted_by: granted_by.into_iter().collect(),
            operations,
            more,
        }
    }
}

impl Withdrawn {
    /// The APIs of which it names operations, each with how a comment about it is known.
    #[must_use]
    pub fn apis(&self) -> BTreeMap<&str, String> {
        let apis = self.operations.iter().map(|lost| lost.api.as_str());
        apis.map(|api| (api, format!("{STOPPED_PREFIX}.{}.{api}", self.key))).collect()
    }

    /// A comment on what it called of one API, for the file of proposals. It permits nothing, and no policy is in it to be
    /// uncovered: what is granted for it, a person writes.
    #[must_use]
    pub fn comment(&self, api: &str) -> String {
        let (Some(id), Some(principal)) = (self.apis().remove(api), principal(&self.caller)) else {
            return String::new();
        };
        let mut text = format!(
            "// \"{id}\"\n// No evidence: what key {} of {} called. {}\n",
            self.key,
            self.caller,
            one_line(&self.why)
        );
        text.push_str(
            "// Somebody else may have called it, and nothing else shows that it is needed. Who knows that it is can grant it by hand:\n",
        );
        for lost in self.operations.iter().filter(|lost| lost.api == api) {
            let calls = if lost.calls == 1 { "1 call".to_owned() } else { format!("{} calls", lost.calls) };
            text.push_str(&format!(
                "//   {principal}, action == Action::{}: {calls}, {} to {}\n",
                policy::quoted(&lost.operation),
                lost.first_seen,
                lost.last_seen
            ));
        }
        if 0 < self.more {
            text.push_str(&format!("// and {} more operations\n", self.more));
        }
        text
    }
}

/// A reason that a person wrote, so that it stays within its comment.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
