//! Whether a use is a need, or whether somebody who knows has to say so.
//!
//! A call that came once may be curiosity, a caller that has just appeared may be anybody with a key, and a key that is
//! used from somewhere new for something new may be stolen. None of that is refused: it waits for the word of the API's
//! owner, with the reason.

use std::collections::BTreeSet;

use model::{DataClass, Strength, Timestamp, VerbClass};
use policy::ContextFact;
use serde::Serialize;

use super::evidence::{CallerUse, Gathered, Need};
use super::{Basis, SuggestQuestion, World};
use crate::facts::Network;

/// A caller that was first seen less than this before the end of what was recorded has just appeared.
const NEW_MICROS: i64 = 86_400_000_000;
/// Of a recording that is shorter, this part at its end: one in four.
const NEW_PART: i64 = 4;
/// A network from which a caller makes one in this many of its calls is its own.
const NETWORK_PART: u64 = 5;
/// Networks seen in the first of this many parts of a caller's time are its own.
const NETWORK_BEGINNING: i64 = 4;
/// Up to this many calls within one hour of one day, of a caller that comes on many, are a try.
const TRY_CALLS: u64 = 5;
/// On how many days a caller must have come for a single hour to be conspicuous.
const TRY_DAYS: u32 = 5;

/// Why somebody's word is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// It was called once.
    CalledOnce,
    /// It was called a few times within one hour, by a caller that comes on many days.
    CalledInOneHour,
    /// The caller has just appeared.
    NewCaller,
    /// It was called only from networks that the caller began to use late and seldom uses.
    NewNetwork,
    /// Policies of this operation look at a path parameter, and this grant would pass by them.
    ObjectRule,
    /// It writes, and the API's data is confidential or restricted.
    SensitiveWrite,
}

impl Concern {
    pub const ALL: [Self; 6] = [
        Self::CalledOnce,
        Self::CalledInOneHour,
        Self::NewCaller,
        Self::NewNetwork,
        Self::ObjectRule,
        Self::SensitiveWrite,
    ];

    /// In words, for the person who decides.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalledOnce => "it was called once, which may be curiosity",
            Self::CalledInOneHour => {
                "it was called within one hour only, by a caller that comes on many days"
            }
            Self::NewCaller => "the caller has just appeared",
            Self::NewNetwork => "it was called only from networks that are new for this caller",
            Self::ObjectRule => {
                "policies of this operation look at a path parameter, and this grant would pass by them"
            }
            Self::SensitiveWrite => "it writes data that is confidential or restricted",
        }
    }

    /// The name in JSON and in options.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CalledOnce => "called_once",
            Self::CalledInOneHour => "called_in_one_hour",
            Self::NewCaller => "new_caller",
            Self::NewNetwork => "new_network",
            Self::ObjectRule => "object_rule",
            Self::SensitiveWrite => "sensitive_write",
        }
    }
}

/// One caller and operation, weighed.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub(super) caller: String,
    pub(super) team: Option<String>,
    pub(super) api: String,
    pub(super) operation: String,
    pub(super) basis: Basis,
    /// None where it was declared and never called.
    pub(super) need: Option<Need>,
    pub(super) concerns: BTreeSet<Concern>,
}

pub(super) fn weigh(gathered: &Gathered, question: &SuggestQuestion<'_>) -> Vec<Weighed> {
    let mut weighed = Vec::new();
    let declared = declared(question);
    for (label, caller) in &gathered.callers {
        for (operation, need) in &caller.needs {
            let Some(index) = question.catalog.by_id(operation) else { continue };
            let Some(declaration) = question.catalog.operation(index) else { continue };
            let is_declared = declared.contains(&(label.clone(), operation.clone()));
            let mut concerns = BTreeSet::new();
            if is_declared {
                // Somebody said so already, when the key got the scope of just this operation.
            } else if need.calls == 1 {
                concerns.insert(Concern::CalledOnce);
            } else if is_try(caller, need) {
                concerns.insert(Concern::CalledInOneHour);
            }
            if !is_declared && is_new(caller, gathered.span) {
                concerns.insert(Concern::NewCaller);
            }
            if is_from_elsewhere(caller, need) {
                concerns.insert(Concern::NewNetwork);
            }
            if question.policies.reads(index).context.contains(&ContextFact::Params) {
                concerns.insert(Concern::ObjectRule);
            }
            let api = declaration.id.api().to_owned();
            if declaration.method.verb_class() == VerbClass::Write && is_sensitive(&api, question.world) {
                concerns.insert(Concern::SensitiveWrite);
            }
            weighed.push(Weighed {
                caller: label.clone(),
                team: caller.team.clone(),
                api,
                operation: operation.clone(),
                basis: Basis::Used,
                need: Some(need.clone()),
                concerns,
            });
        }
    }
    weighed.extend(unused(gathered, &declared, question));
    weighed
}

/// Callers and the operations of which a key of theirs has just the scope.
fn declared(question: &SuggestQuestion<'_>) -> BTreeSet<(String, String)> {
    let keys = question.world.active_keys();
    let scopes = keys.iter().flat_map(|(_, key)| {
        let label = format!("app:{}", key.application);
        key.scopes.iter().map(move |scope| (label.clone(), scope.clone()))
    });
    scopes.filter(|(_, scope)| question.catalog.by_id(scope).is_some()).collect()
}

/// What was declared, is not permitted, and was not called.
fn unused<'a>(
    gathered: &'a Gathered,
    declared: &'a BTreeSet<(String, String)>,
    question: &'a SuggestQuestion<'_>,
) -> impl Iterator<Item = Weighed> + 'a {
    declared.iter().filter_map(move |(label, operation)| {
        let index = question.catalog.by_id(operation)?;
        let declaration = question.catalog.operation(index)?;
        let api = declaration.id.api();
        if question.api.is_some_and(|only| only != api) || !question.world.is_in_good_standing(label) {
            return None;
        }
        let application = question.world.application(label.strip_prefix("app:")?)?;
        let seen = gathered.callers.get(label);
        if seen.is_some_and(|seen| seen.needs.contains_key(operation) || seen.granted.contains(operation)) {
            return None;
        }
        let client = model::Client::Application(std::sync::Arc::clone(&application));
        if question.policies.has_grant(index, &client, question.now) {
            return None;
        }
        let mut concerns = BTreeSet::new();
        if question.policies.reads(index).context.contains(&ContextFact::Params) {
            concerns.insert(Concern::ObjectRule);
        }
        if declaration.method.verb_class() == VerbClass::Write && is_sensitive(api, question.world) {
            concerns.insert(Concern::SensitiveWrite);
        }
        Some(Weighed {
            caller: label.clone(),
            team: Some(application.team.to_string()),
            api: api.to_owned(),
            operation: operation.clone(),
            basis: Basis::Declared,
            need: None,
            concerns,
        })
    })
}

fn is_try(caller: &CallerUse, need: &Need) -> bool {
    need.calls <= TRY_CALLS
        && need.days.count_ones() == 1
        && need.hours.count_ones() == 1
        && TRY_DAYS <= caller.days.count_ones()
}

fn is_new(caller: &CallerUse, span: Option<(Timestamp, Timestamp)>) -> bool {
    let (Some((begin, end)), Some(first)) = (span, caller.first) else { return true };
    let length = end.as_micros().saturating_sub(begin.as_micros());
    let recent = NEW_MICROS.min(length / NEW_PART);
    end.as_micros().saturating_sub(first.as_micros()) < recent
}

/// Whether all of it came from networks that are not the caller's own.
fn is_from_elsewhere(caller: &CallerUse, need: &Need) -> bool {
    !need.networks.iter().any(|network| is_own(caller, network))
}

fn is_own(caller: &CallerUse, network: &Network) -> bool {
    let (Some((calls, seen)), Some(first), Some(last)) =
        (caller.networks.get(network), caller.first, caller.last)
    else {
        return false;
    };
    let beginning = last.as_micros().saturating_sub(first.as_micros()) / NETWORK_BEGINNING;
    *network == Network::Unknown
        || seen.as_micros().saturating_sub(first.as_micros()) <= beginning
        || caller.calls <= calls.saturating_mul(NETWORK_PART)
}

fn is_sensitive(api: &str, world: &dyn World) -> bool {
    world.api(api).is_none_or(|api| matches!(api.data_class, DataClass::Confidential | DataClass::Restricted))
}

/// How sure it is that a use goes on: by Laplace's rule of succession, `(s + 1) / (s + 2)` after `s` sightings that are
/// independent of each other. Each day counts as one, each further hour of the day as one, and each doubling of the calls.
/// It needs no minimum of traffic: a single call gives 0.67.
#[must_use]
pub fn confidence(calls: u64, days: u32, hours: u32) -> f64 {
    if calls == 0 {
        return 0.5;
    }
    let sightings = f64::from(days) + f64::from(hours.saturating_sub(1)) + f64::from(calls.ilog2());
    (sightings + 1.0) / (sightings + 2.0)
}

/// The least of the strengths by which a need was seen.
pub(super) fn least_strength<'a>(needs: impl Iterator<Item = &'a Need>) -> Strength {
    needs.map(|need| need.strength).min().unwrap_or(Strength::SharedSecret)
}
