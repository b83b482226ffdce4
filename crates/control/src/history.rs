//! Revisions of the past: what one held, what it changed, and how two of them differ.

use std::collections::BTreeMap;

use model::RevisionNumber;
use serde::Serialize;
use serde_json::Value;

use crate::actor::{Actor, Needs};
use crate::changes::{Side, Summary, changed, compare, compared};
use crate::check::{Checked, check_with};
use crate::files::Files;
use crate::publish::{RevisionView, view};
use crate::{Control, ControlError};

/// One revision with what it holds.
#[derive(Clone, Debug, Serialize)]
pub struct RevisionDetail {
    #[serde(flatten)]
    pub revision: RevisionView,
    /// What it changed when it came into force: a [`Summary`]. None of the first, and where that was not kept.
    pub summary: Option<Value>,
    pub files: Vec<FileSize>,
}

/// A file of a revision.
#[derive(Clone, Debug, Serialize)]
pub struct FileSize {
    pub path: String,
    pub bytes: usize,
}

/// How two revisions differ.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    pub from: u64,
    pub to: u64,
    pub files: Vec<FileChange>,
    pub policies: Vec<PolicyChange>,
    /// Who could do what, compared for those whom the directory has today.
    pub summary: Summary,
}

/// A file that one revision has otherwise than the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    pub path: String,
    /// `added`, `changed` or `removed`.
    pub change: &'static str,
}

/// A policy that one revision has otherwise than the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyChange {
    pub id: String,
    /// `added`, `changed` or `removed`.
    pub change: &'static str,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Control {
    /// One revision: who made it and why, what it changed, and which files it holds.
    pub fn revision(&self, actor: &Actor, number: u64) -> Result<RevisionDetail, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let number = RevisionNumber(number);
        let in_force = self.live.load().names().revision;
        let state = self.state();
        let row = state.store.revision(number)?.ok_or_else(|| absent(number))?;
        let summary = state.store.revision_summary(number)?;
        let files = state.store.revision_files(number)?;
        Ok(RevisionDetail {
            revision: view(&row, in_force),
            summary: summary.and_then(|summary| serde_json::from_str(&summary).ok()),
            files: files.into_iter().map(|(path, bytes)| FileSize { path, bytes: bytes.len() }).collect(),
        })
    }

    /// How the second revision differs from the first.
    pub fn difference(&self, actor: &Actor, from: u64, to: u64) -> Result<Difference, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let (old, new) = (self.files_of(RevisionNumber(from))?, self.files_of(RevisionNumber(to))?);
        let (before, after) = {
            let mut known = self.files();
            let mut check = |number: u64, files: &Files| {
                check_with(files, &mut known).map_err(|errors| does_not_load(number, errors))
            };
            (check(from, &old)?, check(to, &new)?)
        };
        let callers = compared(self.known_callers(&[&before.policies, &after.policies])?);
        let summary = compare(Side::of(&before), Side::of(&after), &callers, self.now());
        Ok(Difference {
            from,
            to,
            files: files_between(&old, &new),
            policies: policies_between(&before, &after),
            summary,
        })
    }

    /// The files of the revision in force; none before the first.
    pub(crate) fn files_in_force(&self) -> Result<Files, ControlError> {
        match self.live.load().names().revision {
            RevisionNumber::NONE => Ok(Files::new()),
            number => self.files_of(number),
        }
    }

    /// The files of a revision.
    pub(crate) fn files_of(&self, number: RevisionNumber) -> Result<Files, ControlError> {
        let state = self.state();
        if state.store.revision(number)?.is_none() {
            return Err(absent(number));
        }
        Ok(state.store.revision_files(number)?)
    }
}

fn absent(number: RevisionNumber) -> ControlError {
    ControlError::Absent { what: "revision", name: number.to_string() }
}

/// What loaded once may not load under a newer program.
pub(crate) fn does_not_load(number: u64, errors: Vec<config::ConfigError>) -> ControlError {
    let first = errors.first().map(ToString::to_string).unwrap_or_default();
    ControlError::invalid(
        format!("revision {number} does not load under this version of the program: {first}"),
        "choose another revision, or mend the files and publish them",
    )
}

/// Each name with what became of it, sorted by name.
fn listed(changed: crate::changes::Changed) -> Vec<(String, &'static str)> {
    let crate::changes::Changed { added, changed, removed } = changed;
    let of = |names: Vec<String>, what: &'static str| names.into_iter().map(move |name| (name, what));
    let mut all: Vec<_> =
        of(added, "added").chain(of(changed, "changed")).chain(of(removed, "removed")).collect();
    all.sort();
    all
}

pub(crate) fn files_between(before: &Files, after: &Files) -> Vec<FileChange> {
    let found = listed(changed(before, after));
    found.into_iter().map(|(path, change)| FileChange { path, change }).collect()
}

fn policies_between(before: &Checked, after: &Checked) -> Vec<PolicyChange> {
    let texts = |checked: &Checked| -> BTreeMap<String, String> {
        let policies = checked.policies.policies();
        policies.map(|policy| (policy.id.to_string(), policy.text.to_owned())).collect()
    };
    let (before, after) = (texts(before), texts(after));
    let found = listed(changed(&before, &after));
    let change = |(id, change): (String, &'static str)| PolicyChange {
        before: before.get(&id).cloned(),
        after: after.get(&id).cloned(),
        id,
        change,
    };
    found.into_iter().map(change).collect()
}
