//! What the policies in force say, asked from three sides: what one policy does, who can call an operation, what a caller can
//! call.
//!
//! All of it is policy's own answer for every request a caller could send (`policy::Reaches`), narrowed by the scopes of the
//! caller's keys. Limits and blocks are not looked at: `explain` judges one call with all of them.

mod rule;

use std::num::NonZeroUsize;
use std::sync::Arc;

use catalog::{Catalog, OperationIndex};
use enforce::Snapshot;
use model::{Mode, Timestamp};
use policy::{GrantReach, GuardReach, Policies, Reach, nearest_names};
use serde::Serialize;
use store::{KeyRow, KeyState};

use crate::actor::{Actor, Needs};
use crate::callers::KnownCaller;
use crate::requests::request_of;
use crate::{Control, ControlError};
pub use rule::PolicyReading;

/// How many near names an error suggests.
const NEAR_MAX: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// A policy with what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    pub id: String,
    /// Empty where it asks for nothing.
    pub conditions: Vec<ConditionView>,
    /// Of a guard: that it changes nothing yet.
    pub observes: bool,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionView {
    /// In plain words.
    pub words: String,
    /// As it is written.
    pub cedar: String,
}

/// Who can call an operation.
#[derive(Clone, Debug, Serialize)]
pub struct WhoCan {
    pub operation: String,
    pub api: String,
    /// Those whom some grant reaches, sorted by name, then teams.
    pub callers: Vec<CallerReach>,
    /// How many known callers no grant reaches.
    pub others: usize,
    /// What else decides.
    pub note: Option<String>,
}

/// What one caller can do with the operation.
#[derive(Clone, Debug, Serialize)]
pub struct CallerReach {
    pub caller: String,
    pub team: Option<String>,
    /// `always`, `conditional` or `never`.
    pub decision: &'static str,
    pub grants: Vec<Named>,
    pub guards: Vec<Named>,
    /// Of an application: how many keys it has, and how many of them cover the operation.
    pub keys: Option<usize>,
    pub keys_covering: Option<usize>,
    pub note: Option<String>,
}

/// What a caller can call.
#[derive(Clone, Debug, Serialize)]
pub struct WhatCan {
    pub caller: String,
    pub team: Option<String>,
    /// Those that some grant reaches, in the order of the catalogue, which is by API.
    pub operations: Vec<OperationReach>,
    /// How many declared operations no grant reaches.
    pub others: usize,
    pub note: Option<String>,
}

/// What the caller can do with one operation.
#[derive(Clone, Debug, Serialize)]
pub struct OperationReach {
    pub operation: String,
    pub api: String,
    pub decision: &'static str,
    pub grants: Vec<Named>,
    pub guards: Vec<Named>,
    pub note: Option<String>,
}

/// Which operation is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    Operation(&'a str),
    Call { method: &'a str, url: &'a str },
}

impl Control {
    /// Everybody who can call an operation, always or under conditions, by which grants, and what stands against it.
    pub fn who_can(&self, actor: &Actor, asked: Asked<'_>) -> Result<WhoCan, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        let snapshot = self.live.load().0;
        let policies = policies_of(&snapshot)?;
        let catalog = &snapshot.revision.catalog;
        let index = find_operation(catalog, asked)?;
        let operation = catalog.operation(index).ok_or_else(gone)?;
        let now = self.now();
        let known = self.known_callers(&[policies])?;
        let mut callers = Vec::new();
        for caller in &known {
            let reach = policies.reach(caller.whom(), index, now);
            if reach.grants.is_empty() {
                continue;
            }
            let (decision, note) = caller.narrowed(reach.decision, operation);
            callers.push(CallerReach {
                caller: caller.label.clone(),
                team: caller.team().map(ToString::to_string),
                decision: decision.as_str(),
                grants: grants(&reach),
                guards: guards(&reach),
                keys: caller.calls_with_keys.then_some(caller.keys.len()),
                keys_covering: caller.calls_with_keys.then(|| caller.covering(operation)),
                note,
            });
        }
        Ok(WhoCan {
            operation: operation.id.to_string(),
            api: operation.id.api().to_owned(),
            others: known.len().saturating_sub(callers.len()),
            callers,
            note: observed(&snapshot, index, now),
        })
    }

    /// Everything that a caller can call: `app:NAME`, `workload:NAME`, `anonymous`, `team:NAME` or `key:ID`.
    pub fn what_can(&self, actor: &Actor, name: &str) -> Result<WhatCan, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        let snapshot = self.live.load().0;
        let policies = policies_of(&snapshot)?;
        let (caller, note) = self.caller_asked(name, policies)?;
        let now = self.now();
        let mut reaches = policies.reaches(caller.whom(), now);
        let mut operations = Vec::new();
        let catalog = &snapshot.revision.catalog;
        for operation in catalog.operations() {
            let Some(index) = catalog.by_id(operation.id.as_str()) else { continue };
            let reach = reaches.to(index);
            if reach.grants.is_empty() {
                continue;
            }
            let (decision, why) = caller.narrowed(reach.decision, operation);
            let notes = [why, observed(&snapshot, index, now)];
            let notes: Vec<String> = notes.into_iter().flatten().collect();
            operations.push(OperationReach {
                operation: operation.id.to_string(),
                api: operation.id.api().to_owned(),
                decision: decision.as_str(),
                grants: grants(&reach),
                guards: guards(&reach),
                note: (!notes.is_empty()).then(|| notes.join("; ")),
            });
        }
        Ok(WhatCan {
            caller: name.to_owned(),
            team: caller.team().map(ToString::to_string),
            others: catalog.operations().len().saturating_sub(operations.len()),
            operations,
            note,
        })
    }

    /// Who is asked about, and what is to be known of it.
    fn caller_asked(
        &self,
        name: &str,
        policies: &Policies,
    ) -> Result<(KnownCaller, Option<String>), ControlError> {
        if let Some(id) = name.strip_prefix("key:") {
            return self.key_asked(id, policies);
        }
        let known = self.known_callers(&[policies])?;
        if let Some(found) = known.iter().find(|caller| caller.label == name) {
            return Ok((found.clone(), None));
        }
        if !name.starts_with("team:")
            && let Ok((caller, _)) = self.caller_named(name)
        {
            return Ok((KnownCaller::of(caller.client, caller.strength), None));
        }
        let labels = known.iter().map(|caller| caller.label.as_str());
        let fix = "name it as app:NAME, workload:NAME, anonymous, team:NAME or key:ID";
        Err(unknown("caller", name, &nearest_names(name, labels, NEAR_MAX), fix))
    }

    /// An application as it is with one of its keys.
    fn key_asked(
        &self,
        id: &str,
        policies: &Policies,
    ) -> Result<(KnownCaller, Option<String>), ControlError> {
        let key = self.state().key(id)?;
        let label = format!("app:{}", key.application);
        let found = self.known_callers(&[policies])?.into_iter().find(|caller| caller.label == label);
        let caller =
            found.ok_or_else(|| ControlError::Absent { what: "application", name: label.clone() })?;
        let state = match key.state {
            KeyState::Active if self.now() < key.ends() => None,
            KeyState::Active => Some("the key has expired"),
            KeyState::Quarantined => Some("the key is quarantined"),
            KeyState::Revoked => Some("the key is revoked"),
        };
        let note = match state {
            None => format!("by a key of {label}"),
            Some(state) => {
                format!("{state}: nothing can be called with it; this is what {label} could with it")
            }
        };
        let keys: Vec<KeyRow> = vec![key];
        Ok((KnownCaller { keys, ..caller }, Some(note)))
    }
}

/// The policies in force.
pub(crate) fn policies_of(snapshot: &Snapshot) -> Result<&Policies, ControlError> {
    snapshot
        .revision
        .policies
        .as_ref()
        .ok_or_else(|| ControlError::invalid("no revision is in force", "run `sallyport config check`"))
}

fn gone() -> ControlError {
    ControlError::invalid("the operation is not declared", "`sallyport api show NAME` lists those that are")
}

fn find_operation(catalog: &Catalog, asked: Asked<'_>) -> Result<OperationIndex, ControlError> {
    let ids = || catalog.operations().iter().map(|operation| operation.id.as_str());
    match asked {
        Asked::Operation(id) => catalog.by_id(id).ok_or_else(|| {
            let fix = "`sallyport api show NAME` lists those of an API";
            unknown("operation", id, &nearest_names(id, ids(), NEAR_MAX), fix)
        }),
        Asked::Call { method, url } => {
            let request = request_of(method, url)?;
            match catalog.find(&request) {
                catalog::Match::Found(found) => Ok(found.operation),
                catalog::Match::MethodNotDeclared { .. }
                | catalog::Match::UnknownHost
                | catalog::Match::UnknownOperation { .. } => {
                    let path = request.path().to_owned();
                    let near = nearest_names(&path, ids(), NEAR_MAX);
                    Err(unknown(
                        "operation",
                        &format!("{method} {url}"),
                        &near,
                        "nothing declared answers it",
                    ))
                }
            }
        }
    }
}

fn unknown(what: &str, name: &str, near: &[&str], otherwise: &str) -> ControlError {
    let fix = match near {
        [] => otherwise.to_owned(),
        near => {
            let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            format!("did you mean {}?", near.join(", or "))
        }
    };
    ControlError::invalid(format!("there is no {what} `{name}`"), fix)
}

/// What is to be known of an operation whose API only observes.
fn observed(snapshot: &Snapshot, index: OperationIndex, now: Timestamp) -> Option<String> {
    let api = snapshot.revision.catalog.operation(index)?.api;
    let rules = snapshot.revision.rules(api)?;
    match rules.mode {
        Mode::ObserveUntil(end) if rules.mode.observes(now) => Some(format!(
            "`{}` is observed until {end}: till then calls pass that no grant permits",
            rules.name
        )),
        Mode::ObserveUntil(_) | Mode::Enforce => None,
    }
}

fn views(conditions: &policy::Conditions) -> Vec<ConditionView> {
    let view =
        |one: &Arc<policy::Condition>| ConditionView { words: one.words.clone(), cedar: one.cedar.clone() };
    conditions.iter().map(view).collect()
}

fn grants(reach: &Reach) -> Vec<Named> {
    let view = |grant: &GrantReach| Named {
        id: grant.id.to_string(),
        conditions: views(&grant.conditions),
        observes: false,
    };
    reach.grants.iter().map(view).collect()
}

fn guards(reach: &Reach) -> Vec<Named> {
    let view = |guard: &GuardReach| Named {
        id: guard.id.to_string(),
        conditions: views(&guard.conditions),
        observes: guard.observes,
    };
    reach.guards.iter().map(view).collect()
}
