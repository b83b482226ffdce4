//! One policy in words: what it says, whether it counts, whom it reaches, and what would be otherwise without it.

use std::collections::BTreeMap;

use policy::{Effect, PolicyDetail, PolicyState, Reaches};
use serde::Serialize;

use super::{ConditionView, NEAR_MAX, policies_of, unknown};
use crate::actor::{Actor, Needs};
use crate::changes::{Access, JUDGED_MAX, LISTED_MAX, conditions};
use crate::{Control, ControlError};

/// A policy as a person reads it.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyReading {
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// The whole of it in one sentence.
    pub says: String,
    /// `counts`, `expired` or `observes`.
    pub state: &'static str,
    pub file: String,
    pub line: usize,
    pub owner: Option<String>,
    pub reason: Option<String>,
    pub expires: Option<String>,
    pub observe_until: Option<String>,
    pub principals: String,
    pub actions: String,
    pub conditions: Vec<ConditionView>,
    /// The operations that it reaches now.
    pub operations: Vec<String>,
    /// The known callers whom it reaches, with how many operations.
    pub callers: Vec<Reached>,
    /// What callers could no longer do without it, and on what terms they could from then on.
    pub loses: Vec<Access>,
    /// What callers could do without it: of a guard.
    pub gains: Vec<Access>,
    /// How many there are; the lists end at 1,000.
    pub counts: Without,
    /// Callers and operations that were too many to be judged one by one; they are in none of the above.
    pub unjudged: usize,
    /// The policy as written.
    pub text: String,
}

/// A caller whom a policy reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    pub caller: String,
    pub operations: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Without {
    pub loses: usize,
    pub gains: usize,
}

impl Control {
    /// What a policy in force does.
    pub fn read_policy(&self, actor: &Actor, id: &str) -> Result<PolicyReading, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        self.reading_of(id, JUDGED_MAX)
    }

    /// As above; judges at most `most` callers and operations.
    pub(crate) fn reading_of(&self, id: &str, most: usize) -> Result<PolicyReading, ControlError> {
        let snapshot = self.live.load().0;
        let policies = policies_of(&snapshot)?;
        let now = self.now();
        let detail = policies.detail(id, now).ok_or_else(|| {
            let ids = policies.ids().map(model::PolicyId::as_str);
            let near = policy::nearest_names(id, ids, NEAR_MAX);
            unknown(
                "policy",
                id,
                &near,
                "`@id(\"…\")` names a policy, and without one its file and place do: FILE#N",
            )
        })?;
        let catalog = &snapshot.revision.catalog;
        let name = |index: &catalog::OperationIndex| catalog.operation(*index).map(|one| one.id.to_string());
        let mut reading = described(&detail);
        reading.operations = detail.operations.iter().filter_map(name).collect();
        let mut reached: BTreeMap<String, usize> = BTreeMap::new();
        let mut left = most;
        for caller in self.known_callers(&[policies])? {
            left = match left.checked_sub(detail.operations.len()) {
                Some(left) => left,
                None => {
                    reading.unjudged += detail.operations.len();
                    continue;
                }
            };
            let mut with = policies.reaches(caller.whom(), now);
            let mut without = policies.reaches(caller.whom(), now).without(id);
            for (index, operation) in
                detail.operations.iter().filter_map(|index| Some((*index, catalog.operation(*index)?)))
            {
                let is_reached = reaches_it(&mut with, index, &detail);
                let (before, after) = (with.to(index), without.to(index));
                if is_reached {
                    *reached.entry(caller.label.clone()).or_default() += 1;
                }
                if before.decision == after.decision {
                    continue;
                }
                let access = Access {
                    caller: caller.label.clone(),
                    operation: operation.id.to_string(),
                    before: before.decision.as_str(),
                    now: after.decision.as_str(),
                    by: vec![id.to_owned()],
                    conditions: conditions(&after),
                    keys: caller.calls_with_keys.then(|| caller.covering(operation)),
                };
                reading.note(before.decision < after.decision, access);
            }
        }
        let callers = reached.into_iter().map(|(caller, operations)| Reached { caller, operations });
        reading.callers = callers.collect();
        Ok(reading)
    }
}

impl PolicyReading {
    fn note(&mut self, is_gain: bool, access: Access) {
        let (list, count) = match is_gain {
            true => (&mut self.gains, &mut self.counts.gains),
            false => (&mut self.loses, &mut self.counts.loses),
        };
        *count += 1;
        if list.len() < LISTED_MAX {
            list.push(access);
        }
    }
}

/// Whether the policy has a part in what this caller can do.
fn reaches_it(reaches: &mut Reaches<'_>, index: catalog::OperationIndex, detail: &PolicyDetail<'_>) -> bool {
    let reach = reaches.to(index);
    let id = detail.summary.id;
    reach.grants.iter().any(|grant| grant.id == *id) || reach.guards.iter().any(|guard| guard.id == *id)
}

fn described(detail: &PolicyDetail<'_>) -> PolicyReading {
    let policy = &detail.summary;
    let conditions = detail
        .conditions
        .iter()
        .map(|one| ConditionView { words: one.words.clone(), cedar: one.cedar.clone() })
        .collect();
    PolicyReading {
        id: policy.id.to_string(),
        effect: policy.effect.as_str(),
        says: sentence(detail),
        state: detail.state.as_str(),
        file: policy.file.to_owned(),
        line: policy.line,
        owner: policy.owner.map(str::to_owned),
        reason: policy.reason.map(str::to_owned),
        expires: policy.expires.map(|time| time.to_string()),
        observe_until: policy.observe_until.map(|time| time.to_string()),
        principals: detail.principals.clone(),
        actions: detail.actions.clone(),
        conditions,
        operations: Vec::new(),
        callers: Vec::new(),
        loses: Vec::new(),
        gains: Vec::new(),
        counts: Without::default(),
        unjudged: 0,
        text: policy.text.to_owned(),
    }
}

/// The policy in one sentence.
fn sentence(detail: &PolicyDetail<'_>) -> String {
    let policy = &detail.summary;
    let verb = match policy.effect {
        Effect::Permit => "lets",
        Effect::Forbid => "never lets",
    };
    let words: Vec<&str> = detail.conditions.iter().map(|one| one.words.as_str()).collect();
    let when = if words.is_empty() { String::new() } else { format!(", when {}", words.join(", and ")) };
    let counts = match detail.state {
        PolicyState::Counts => match policy.expires {
            Some(end) => format!("; until {end}"),
            None => String::new(),
        },
        PolicyState::Expired => "; it has expired and counts no more".to_owned(),
        PolicyState::Observes => match policy.observe_until {
            Some(end) => format!("; until {end} it only observes"),
            None => String::new(),
        },
    };
    format!("{verb} {} call {}{when}{counts}", detail.principals, detail.actions)
}
