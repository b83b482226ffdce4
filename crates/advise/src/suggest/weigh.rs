//! Whether a use is a need, or whether somebody who knows has to say so.
//!
//! A call that came once may be curiosity, a caller that has just appeared may be anybody with a key, and a key that is
//! used from somewhere new for something new may be stolen. None of that is refused: it waits for the word of the API's
//! owner, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Application, ApplicationName, Client, DataClass, Strength, TeamName, Timestamp, VerbClass};
use policy::ContextFact;
use serde::Serialize;

use super::asked::Said;
use super::evidence::{CallerUse, Gathered, Need};
use super::habits::{Habits, Usual};
use super::{Basis, SuggestQuestion, World};

/// A caller that was first seen less than this before the end of what was recorded has just appeared.
const NEW_MICROS: i64 = 86_400_000_000;
/// Of a recording that is shorter, this part at its end: one in four. Then most callers must have come in the same part at
/// its beginning; or else callers come one after the other, and nobody is newer than the others.
const NEW_PART: i64 = 4;

/// Why somebody's word is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// It was called once.
    CalledOnce,
    /// It was called a few times within one hour or less, by a caller that was here for longer.
    CalledInOneHour,
    /// The caller has just appeared.
    NewCaller,
    /// It was called, but for a try, only from networks that are not the caller's own.
    NewNetwork,
    /// More of the caller's calls found nothing than succeeded.
    MostlyMisses,
    /// Policies of this operation look at a path parameter, and this grant would pass by them.
    ObjectRule,
    /// It writes, and the API's data is confidential or restricted.
    SensitiveWrite,
    /// It was not called, and the scope that its document asks for is that of some other operations, too.
    SharedScope,
}

impl Concern {
    pub const ALL: [Self; 8] = [
        Self::CalledOnce,
        Self::CalledInOneHour,
        Self::NewCaller,
        Self::NewNetwork,
        Self::MostlyMisses,
        Self::ObjectRule,
        Self::SensitiveWrite,
        Self::SharedScope,
    ];

    /// In words, for the person who decides.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalledOnce => "it was called once, which may be curiosity",
            Self::CalledInOneHour => {
                "it was called a few times within one hour or less and then never again, by a caller that was here for longer"
            }
            Self::NewCaller => "the caller has just appeared",
            Self::NewNetwork => {
                "but for a try at most, it was called only from networks that are not the caller's own"
            }
            Self::MostlyMisses => "more of the caller's calls found nothing than succeeded, as with scanners",
            Self::ObjectRule => {
                "policies of this operation look at a path parameter, and this grant would pass by them"
            }
            Self::SensitiveWrite => "it writes data that is confidential or restricted",
            Self::SharedScope => {
                "it was not called, and the scope that the API's document asks for is that of other operations, too"
            }
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
            Self::MostlyMisses => "mostly_misses",
            Self::ObjectRule => "object_rule",
            Self::SensitiveWrite => "sensitive_write",
            Self::SharedScope => "shared_scope",
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
    /// The scopes of tokens that declare it.
    pub(super) scopes: BTreeSet<String>,
}

pub(super) fn weigh(gathered: &Gathered, question: &SuggestQuestion<'_>) -> Vec<Weighed> {
    let mut weighed = Vec::new();
    let declared = declared(question);
    let newness = Newness::of(gathered);
    for (label, caller) in &gathered.callers {
        let habits = Habits::of(caller, gathered.missed.get(label).copied().unwrap_or(0));
        for (operation, need) in &caller.needs {
            let scoped = caller.scoped.get(operation).filter(|scoped| scoped.said == Said::OfThis);
            let is_declared = scoped.is_some() || declared.contains(&(label.clone(), operation.clone()));
            let mut concerns = BTreeSet::new();
            // Where a key or a token has the scope of just this operation, somebody said so already.
            if !is_declared {
                concerns.extend(unusual(&habits, operation));
                if newness.is_new(caller) {
                    concerns.insert(Concern::NewCaller);
                }
            }
            weighed.extend(one(question, operation).map(|one| {
                concerns.extend(one.concerns);
                Weighed {
                    caller: label.clone(),
                    team: caller.team.clone(),
                    basis: Basis::Used,
                    need: Some(need.clone()),
                    concerns,
                    scopes: scoped.map(|scoped| scoped.scopes.clone()).unwrap_or_default(),
                    ..one
                }
            }));
        }
    }
    weighed.extend(unused(gathered, &declared, question));
    weighed.extend(unused_scopes(gathered, question));
    weighed
}

/// What holds of an operation, whoever calls it: none where it is not declared.
fn one(question: &SuggestQuestion<'_>, operation: &str) -> Option<Weighed> {
    let index = question.catalog.by_id(operation)?;
    let declaration = question.catalog.operation(index)?;
    let api = declaration.id.api();
    let mut concerns = BTreeSet::new();
    if question.policies.reads(index).context.contains(&ContextFact::Params) {
        concerns.insert(Concern::ObjectRule);
    }
    if declaration.method.verb_class() == VerbClass::Write && is_sensitive(api, question.world) {
        concerns.insert(Concern::SensitiveWrite);
    }
    Some(Weighed {
        caller: String::new(),
        team: None,
        api: api.to_owned(),
        operation: operation.to_owned(),
        basis: Basis::Declared,
        need: None,
        concerns,
        scopes: BTreeSet::new(),
    })
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

/// What the scopes of keys declare, is not permitted, and was not called.
fn unused<'a>(
    gathered: &'a Gathered,
    declared: &'a BTreeSet<(String, String)>,
    question: &'a SuggestQuestion<'_>,
) -> impl Iterator<Item = Weighed> + 'a {
    declared.iter().filter_map(move |(label, operation)| {
        let one = one(question, operation)?;
        if question.api.is_some_and(|only| only != one.api) || !question.world.is_in_good_standing(label) {
            return None;
        }
        let application = question.world.application(label.strip_prefix("app:")?)?;
        if gathered.callers.get(label).is_some_and(|seen| seen.shows(operation)) {
            return None;
        }
        let team = Some(application.team.to_string());
        let client = Client::Application(application);
        if question.policies.has_grant(question.catalog.by_id(operation)?, &client, question.now) {
            return None;
        }
        Some(Weighed { caller: label.clone(), team, ..one })
    })
}

/// What the scopes of tokens declare, is not permitted, and was not called. Who showed such a token was seen, so it stands well.
fn unused_scopes<'a>(
    gathered: &'a Gathered,
    question: &'a SuggestQuestion<'_>,
) -> impl Iterator<Item = Weighed> + 'a {
    let scoped = gathered.callers.iter().flat_map(|(label, caller)| {
        caller.scoped.iter().map(move |(operation, scoped)| (label, caller, operation, scoped))
    });
    scoped.filter_map(move |(label, caller, operation, scoped)| {
        if caller.shows(operation) {
            return None;
        }
        let mut one = one(question, operation)?;
        let client = client(label, caller, question.world)?;
        if question.policies.has_grant(question.catalog.by_id(operation)?, &client, question.now) {
            return None;
        }
        if scoped.said == Said::OfFew {
            one.concerns.insert(Concern::SharedScope);
        }
        Some(Weighed {
            caller: label.clone(),
            team: client.team().map(ToString::to_string),
            basis: Basis::Scoped,
            scopes: scoped.scopes.clone(),
            ..one
        })
    })
}

/// A client as the directory has it, or as a token named it.
fn client(label: &str, caller: &CallerUse, world: &dyn World) -> Option<Client> {
    let name = label.strip_prefix("app:")?;
    let application = match world.application(name) {
        Some(application) => application,
        None => Arc::new(Application {
            name: ApplicationName::parse_any(name).ok()?,
            team: TeamName::parse(caller.team.as_deref()?).ok()?,
            attributes: BTreeMap::new(),
            version: 0,
        }),
    };
    Some(Client::Application(application))
}

/// What of a use is not as the caller's others are.
fn unusual(habits: &Habits<'_>, operation: &str) -> impl Iterator<Item = Concern> {
    let by_itself = match habits.usual(operation) {
        Usual::Elsewhere => Some(Concern::NewNetwork),
        Usual::Once => Some(Concern::CalledOnce),
        Usual::AtOneMoment => Some(Concern::CalledInOneHour),
        Usual::Often => None,
    };
    by_itself.into_iter().chain(habits.scans.then_some(Concern::MostlyMisses))
}

/// From when on a caller that is first seen has just appeared.
struct Newness(Option<Timestamp>);

impl Newness {
    fn of(gathered: &Gathered) -> Self {
        let firsts: Vec<Timestamp> = gathered.callers.values().filter_map(|caller| caller.first).collect();
        let (Some(begin), Some((_, end))) = (firsts.iter().min(), gathered.span) else { return Self(None) };
        let part = end.as_micros().saturating_sub(begin.as_micros()) / NEW_PART;
        let after = |micros: i64| Timestamp::from_micros(end.as_micros().saturating_sub(micros));
        if NEW_MICROS <= part {
            return Self(Some(after(NEW_MICROS)));
        }
        let beginning = begin.as_micros().saturating_add(part);
        let early = firsts.iter().filter(|first| first.as_micros() <= beginning).count();
        Self((firsts.len() < early.saturating_mul(2)).then(|| after(part)))
    }

    fn is_new(&self, caller: &CallerUse) -> bool {
        match (self.0, caller.first) {
            (Some(from), Some(first)) => from < first,
            (None, _) | (_, None) => false,
        }
    }
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

/// The least of the strengths by which a need was seen; of one that was not, that of what declared it.
pub(super) fn least_strength<'a>(basis: Basis, needs: impl Iterator<Item = &'a Need>) -> Strength {
    let declared = match basis {
        Basis::Scoped => Strength::VerifiedSignature,
        Basis::Declared | Basis::Used => Strength::SharedSecret,
    };
    needs.map(|need| need.strength).min().unwrap_or(declared)
}
