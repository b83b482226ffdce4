//! Which names a policy may use.
//!
//! Cedar's validator knows actions and types but no other entities: a grant to a team that does not exist would
//! pass it and wait for whoever takes that name. Applications live in the store and are not known here.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use catalog::Catalog;
use cedar_policy::{EntityUid, Policy};
use model::{ApplicationName, WorkloadName};

use super::Files;
use crate::diagnostic::{Diagnostic, Severity};
use crate::rule::{ACTION, ANONYMOUS, ANONYMOUS_ID, API, APPLICATION, Origin, TEAM, WORKLOAD};
use crate::schema;
use crate::source::Directory;

/// How long a name is compared with others.
const COMPARED_BYTES_MAX: usize = 256;

/// Everything that exists.
#[derive(Debug)]
pub(crate) struct Vocabulary<'a> {
    operations: BTreeSet<&'a str>,
    groups: BTreeSet<String>,
    apis: BTreeSet<&'a str>,
    teams: BTreeSet<&'a str>,
}

impl<'a> Vocabulary<'a> {
    pub(crate) fn new(catalog: &'a Catalog, directory: &'a Directory) -> Self {
        Self {
            operations: catalog.operations().iter().map(|operation| operation.id.as_str()).collect(),
            groups: schema::groups(catalog),
            apis: catalog.apis().iter().map(|api| api.name.as_str()).collect(),
            teams: directory.teams.iter().map(|team| team.as_str()).collect(),
        }
    }

    /// Reports every name in a policy that nothing has.
    pub(super) fn check(
        &self,
        policy: &Policy,
        origin: &Origin,
        text: &str,
        files: &Files<'_>,
    ) -> Vec<Diagnostic> {
        let mut reported = BTreeSet::new();
        let mut diagnostics = Vec::new();
        for uid in policy.entity_literals() {
            let Some((reason, fix)) = self.judge(&uid) else { continue };
            let literal = uid.to_string();
            let within = text.find(&literal).unwrap_or(0);
            if reported.insert(literal) {
                diagnostics.push(files.at(
                    &origin.file,
                    origin.offset + within,
                    Severity::Error,
                    reason,
                    fix,
                ));
            }
        }
        diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        diagnostics
    }

    fn judge(&self, uid: &EntityUid) -> Option<(String, String)> {
        let kind = uid.type_name().to_string();
        let id = uid.id().unescaped();
        let missing = |what: &str, suggestion: Option<&str>, otherwise: &str| {
            let fix = match suggestion {
                Some(name) => format!("did you mean `{kind}::{}`?", schema::quoted(name)),
                None => otherwise.to_owned(),
            };
            Some((format!("`{uid}` is no {what}"), fix))
        };
        match kind.as_str() {
            ACTION if self.operations.contains(id) || self.groups.contains(id) => None,
            ACTION => {
                let known = self.groups.iter().map(String::as_str).chain(self.operations.iter().copied());
                missing("operation or group", nearest(id, known), "`sallyport schema` lists all of them")
            }
            TEAM if self.teams.contains(id) => None,
            TEAM => missing("team", nearest(id, self.teams.iter().copied()), "add the team to `teams.yaml`"),
            API if self.apis.contains(id) => None,
            API => missing(
                "API",
                nearest(id, self.apis.iter().copied()),
                "`sallyport api list` lists all of them",
            ),
            APPLICATION => ApplicationName::parse_any(id).err().map(|error| {
                let fix = "use the name that `sallyport app list` shows".to_owned();
                (format!("`{uid}` cannot exist: {error}"), fix)
            }),
            WORKLOAD => WorkloadName::parse(id).err().map(|error| {
                let fix = "use the name in the workload's certificate".to_owned();
                (format!("`{uid}` cannot exist: {error}"), fix)
            }),
            ANONYMOUS if id == ANONYMOUS_ID => None,
            ANONYMOUS => missing("caller", Some(ANONYMOUS_ID), ""),
            _ => {
                let types = [ACTION, ANONYMOUS, API, APPLICATION, TEAM, WORKLOAD];
                let fix = match nearest(&kind, types.into_iter()) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("the types are {}", types.join(", ")),
                };
                Some((format!("`{kind}` is no type"), fix))
            }
        }
    }
}

/// The known name that differs least from `name`, where it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 4).clamp(1, 8);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let limit = best.map_or(allowed, |(distance, _)| distance.saturating_sub(1));
        if let Some(distance) = distance_within(name, candidate, limit) {
            best = Some((distance, candidate));
        }
        if best.is_some_and(|(distance, _)| distance == 0) {
            break;
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The known names that were probably meant, nearest first: those that differ by few letters, then those that hold what was
/// written.
#[must_use]
pub fn nearest_names<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str>,
    count_max: NonZeroUsize,
) -> Vec<&'a str> {
    let allowed = (name.chars().count() / 4).clamp(1, 8);
    let folded = name.to_ascii_lowercase();
    let mut found: Vec<(usize, &str)> = known
        .filter_map(|candidate| {
            if let Some(distance) = distance_within(name, candidate, allowed) {
                return Some((distance, candidate));
            }
            let holds = 2 < folded.len()
                && candidate.len() <= COMPARED_BYTES_MAX
                && candidate.to_ascii_lowercase().contains(&folded);
            holds.then_some((allowed + 1 + candidate.len(), candidate))
        })
        .collect();
    found.sort_unstable();
    found.truncate(count_max.get());
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// How many letters must be changed, added or removed, case aside; none where it is more than `limit`.
fn distance_within(one: &str, other: &str, limit: usize) -> Option<usize> {
    if COMPARED_BYTES_MAX < one.len().max(other.len()) {
        return None;
    }
    let fold = |text: &str| text.chars().map(|letter| letter.to_ascii_lowercase()).collect::<Vec<_>>();
    let (one, other) = (fold(one), fold(other));
    if limit < one.len().abs_diff(other.len()) {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.iter().enumerate() {
        let mut diagonal = place;
        let mut left = place + 1;
        let mut least = left;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (above, candidate) in row.iter().skip(1).zip(&other) {
            let changed = diagonal + usize::from(letter != candidate);
            left = changed.min(above + 1).min(left + 1);
            diagonal = *above;
            least = least.min(left);
            next.push(left);
        }
        if limit < least {
            return None;
        }
        row = next;
    }
    row.last().copied().filter(|distance| *distance <= limit)
}
