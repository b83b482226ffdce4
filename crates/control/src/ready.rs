//! Whether an API can be enforced without a surprise: recorded calls of the last days, judged by the policies of today.
//!
//! A call that was let pass because its API is observed stands in the way as long as the policies in force would refuse it. Once
//! a grant covers it, it is settled, without waiting for the call to come again. Of a call of what was not declared nobody knows
//! what it would be called today: once the document has changed and nothing undeclared is left, it is waited for, and nothing
//! has to be done.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use advise::{Flip, ReplayQuestion, Side, SuggestQuestion, Usage, replay, suggest};
use enforce::Snapshot;
use model::{DenyReason, Snapshots, Timestamp, Verdict};
use serde::Serialize;

use crate::advice::Today;
use crate::status::{StatusRow, day_of};
use crate::usage::KnownFacts;
use crate::{Control, ControlError};
use steps::{Cause, Causes, Remedies, Remedy};

/// For how many days nothing may have been in the way, where nobody says.
pub const READY_DAYS: u32 = 7;
/// Over how many calls, where nobody says.
pub const READY_CALLS: u64 = 100;
/// The longest time that is asked about, in days.
const READY_DAYS_MAX: u32 = 366;
/// An answer for which more rows had to be read is kept for a while: who asks each minute must not keep the roll-ups busy.
const ROWS_FRESH: u64 = 20_000;
/// For how long; a change of revision, keys or stops ends it.
const KEPT: Duration = Duration::from_secs(60);
/// Of how many rows it is found out whether `policy suggest` proposes grants for them; of more it is said that it may.
const ROWS_SUGGESTED: usize = 5_000;

/// What it takes to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyOrder {
    pub days: u32,
    pub calls: u64,
}

impl Default for ReadyOrder {
    fn default() -> Self {
        Self { days: READY_DAYS, calls: READY_CALLS }
    }
}

/// How far an observed API is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Nothing stands in the way, for as long and over as many calls as was asked for.
    pub ready: bool,
    /// The days that were asked about.
    pub days: u32,
    /// The calls that were asked for.
    pub calls_wanted: u64,
    /// The calls of these days.
    pub calls: u64,
    /// Whole days since the first recorded call of the API, at most those that were asked about.
    pub days_recorded: u32,
    /// What the policies in force would refuse of them, most calls first.
    pub still: Vec<StatusRow>,
    /// Calls that policies in force permit by now, though they were not permitted when they came.
    pub settled_calls: u64,
    /// Calls of which it is not known exactly, since policies look at facts that were not recorded.
    pub approximate_calls: u64,
    /// Calls of which nobody can say, since what decides about them was not kept; they stand in the way as well.
    pub unjudged_calls: u64,
    /// Calls of what was not declared when they came and seems to be by now. Whether policies permit them shows as they come
    /// again.
    pub declared_since_calls: u64,
    /// When this was found out; up to a minute ago where many rows had to be read.
    pub as_of: String,
    /// What somebody has to do about what is in the way.
    #[serde(skip)]
    pub(crate) steps: Vec<String>,
}

/// An answer that took long.
#[derive(Debug)]
pub(crate) struct KeptReadiness {
    order: ReadyOrder,
    names: Snapshots,
    made: Timestamp,
    apis: BTreeMap<String, Ready>,
}

/// What is gathered of one API.
#[derive(Default)]
struct Gathered {
    calls: u64,
    first: Option<Timestamp>,
    /// Whether it was called before the days that are asked about.
    is_older: bool,
    /// Calls of no declared operation, by caller, reason and day, with the last of them.
    undeclared: BTreeMap<(String, String, i64), (u64, Timestamp)>,
}

/// What was read of the roll-ups.
struct Observed {
    /// Calls that passed only because their API was observed.
    usage: Usage,
    apis: BTreeMap<String, Gathered>,
    /// How many rows it took.
    rows: u64,
}

/// What is known of an API's undeclared calls.
#[derive(Clone, Debug, Default)]
struct Declared {
    /// Since when its document is as it is.
    since: Option<Timestamp>,
    shadows: Shadows,
}

/// Whether the inventory lists what is not declared.
#[derive(Clone, Debug, Default)]
enum Shadows {
    #[default]
    None,
    /// Only these applications called it.
    Of(BTreeSet<String>),
    OfAnybody,
}

impl Declared {
    /// Whether what a caller called may be what the inventory lists.
    fn may_be_listed(&self, caller: &str) -> bool {
        match &self.shadows {
            Shadows::None => false,
            Shadows::Of(names) => caller.strip_prefix("app:").is_none_or(|name| names.contains(name)),
            Shadows::OfAnybody => true,
        }
    }
}

impl Gathered {
    /// What is known before policies are asked.
    fn begin(self, order: ReadyOrder, now: Timestamp, declared: &Declared) -> (Ready, Causes) {
        let recorded = self.first.map_or(0, |first| now.since(first).as_secs() / 86_400);
        let recorded = u32::try_from(recorded).unwrap_or(u32::MAX);
        let mut ready = Ready {
            days: order.days,
            calls_wanted: order.calls,
            calls: self.calls,
            days_recorded: if self.is_older { order.days } else { recorded.min(order.days) },
            as_of: now.to_string(),
            ..Ready::default()
        };
        let mut causes = Causes::default();
        let mut still: BTreeMap<(String, String), u64> = BTreeMap::new();
        for ((caller, reason, _), (count, last)) in self.undeclared {
            let is_before = declared.since.is_some_and(|since| last < since);
            if is_before && !declared.may_be_listed(&caller) {
                ready.declared_since_calls += count;
            } else {
                *still.entry((caller, reason)).or_default() += count;
            }
        }
        for ((caller, reason), count) in still {
            let remedy = match declared.shadows {
                Shadows::None => Remedy::Unlisted,
                Shadows::Of(_) | Shadows::OfAnybody => Remedy::OfReason,
            };
            causes.add(Cause { caller: caller.clone(), reason: reason.clone(), remedy }, count);
            ready.still.push(StatusRow { caller, operation: String::new(), reason, count });
        }
        (ready, causes)
    }
}

impl Control {
    /// How far each API is that has calls, by name.
    pub(crate) fn readiness_of_apis(
        &self,
        order: ReadyOrder,
    ) -> Result<BTreeMap<String, Ready>, ControlError> {
        let now = self.now();
        let days = order.days.clamp(1, READY_DAYS_MAX);
        let order = ReadyOrder { days, ..order };
        let snapshot = self.live.load().0;
        let names = snapshot.names();
        let mut kept = self.readiness.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &*kept
            && (kept.order, kept.names) == (order, names)
            && (kept.made..kept.made.plus(KEPT)).contains(&now)
        {
            return Ok(kept.apis.clone());
        }
        *kept = None;
        let from = day_of(now.minus(Duration::from_secs(u64::from(days) * 86_400)));
        let Observed { usage, apis: gathered, rows } = self.observed_usage(from)?;
        let apis = self.judged(order, now, &snapshot, &usage, gathered)?;
        if ROWS_FRESH < rows {
            *kept = Some(KeptReadiness { order, names, made: now, apis: apis.clone() });
        }
        Ok(apis)
    }

    /// What the policies in force say of observed calls today.
    fn judged(
        &self,
        order: ReadyOrder,
        now: Timestamp,
        snapshot: &Snapshot,
        usage: &Usage,
        gathered: BTreeMap<String, Gathered>,
    ) -> Result<BTreeMap<String, Ready>, ControlError> {
        let revision = &snapshot.revision;
        let today = {
            let state = self.state();
            match state.repository() {
                Ok(repository) => Today::read(&state, repository, now)?,
                Err(_) => return Ok(BTreeMap::new()),
            }
        };
        let side = Side { catalog: &revision.catalog, policies: revision.policies.as_ref() };
        let replayed = replay(
            usage,
            &ReplayQuestion {
                now: side,
                then: side,
                directory: &today,
                at: now,
                observes_now: &|_| true,
                observes_then: &|_| false,
            },
        );
        let mut declared = self.declared(&gathered)?;
        let remedies = self.remedies(usage, snapshot, &today, &replayed.would_lose);
        let mut ready: BTreeMap<String, (Ready, Causes)> = BTreeMap::new();
        for (api, gathered) in gathered {
            let declared = declared.remove(&api).unwrap_or_default();
            ready.insert(api, gathered.begin(order, now, &declared));
        }
        for flip in &replayed.would_lose {
            if let Some((ready, causes)) = ready.get_mut(&flip.api) {
                ready.still.push(row(flip));
                ready.approximate_calls += if flip.approximate.is_empty() { 0 } else { flip.count };
                causes.add(Cause::of(flip, remedies.of(flip, &revision.catalog)), flip.count);
            }
        }
        for used in usage.rows() {
            if let Some((ready, _)) = ready.get_mut(&used.facts.api) {
                ready.settled_calls += used.counts.calls;
            }
        }
        let finished = ready.into_iter().map(|(api, (mut ready, causes))| {
            let lost = replayed.would_lose.iter().filter(|flip| flip.api == api);
            let unjudged = replayed.not_judged.iter().filter(|unjudged| unjudged.api == api);
            ready.unjudged_calls = unjudged.map(|unjudged| unjudged.may_lose).sum();
            let open = lost.map(|flip| flip.count).sum::<u64>() + ready.unjudged_calls;
            ready.settled_calls = ready.settled_calls.saturating_sub(open);
            ready.steps = causes.steps(&api);
            ready.finish();
            (api, ready)
        });
        Ok(finished.collect())
    }

    /// What is known of the undeclared calls of those APIs that have any.
    fn declared(
        &self,
        gathered: &BTreeMap<String, Gathered>,
    ) -> Result<BTreeMap<String, Declared>, ControlError> {
        let mut declared: BTreeMap<String, Declared> = BTreeMap::new();
        if gathered.values().all(|gathered| gathered.undeclared.is_empty()) {
            return Ok(declared);
        }
        let mut shadows = self.shadow_callers();
        let state = self.state();
        let apis = state.repository().map(|repository| repository.apis.as_slice()).unwrap_or_default();
        for api in apis {
            let since = match &api.document {
                Some(document) => state.store.file_since(&document.path)?,
                None => None,
            };
            let name = api.name.to_string();
            let shadows = match shadows.remove(&name) {
                None => Shadows::None,
                Some(Some(names)) => Shadows::Of(names),
                Some(None) => Shadows::OfAnybody,
            };
            declared.insert(name, Declared { since, shadows });
        }
        Ok(declared)
    }

    /// What can be done about calls that lack grants; looked for only where there are any, and where there are not too many.
    fn remedies(&self, usage: &Usage, snapshot: &Snapshot, today: &Today, lost: &[Flip]) -> Remedies {
        let lacks = |flip: &Flip| flip.reason == Some(DenyReason::NoGrant.code());
        let Some(policies) = snapshot.revision.policies.as_ref().filter(|_| lost.iter().any(lacks)) else {
            return Remedies::default();
        };
        let question = SuggestQuestion {
            catalog: &snapshot.revision.catalog,
            policies,
            world: today,
            now: self.now(),
            api: None,
            known_ids: &|_| false,
        };
        let is_quick = usage.rows().len() <= ROWS_SUGGESTED;
        let proposals = is_quick.then(|| suggest(usage, &question).proposals);
        let state = self.state();
        let texts = state.repository().map(|repository| repository.policies.as_slice()).unwrap_or_default();
        Remedies::new(proposals, texts)
    }

    /// Calls since day `from` that passed only because their API was observed, and what of each API there is.
    fn observed_usage(&self, from: i64) -> Result<Observed, ControlError> {
        let book = self.counted_book()?;
        let mut usage = Usage::since(from);
        let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
        let mut known = KnownFacts::default();
        let mut rows = 0;
        book.store().each_usage::<ControlError>((from, i64::MAX), None, |number, day, counts| {
            let facts = known.of(&book, number)?;
            rows += 1;
            let of_api = gathered.entry(facts.api.clone()).or_default();
            of_api.calls += counts.calls;
            of_api.first = Some(of_api.first.map_or(counts.first, |first| first.min(counts.first)));
            let is_observed =
                matches!(Verdict::parse(&facts.verdict), Some(Verdict::WouldDeny | Verdict::WouldStepUp));
            if !is_observed {
                return Ok(());
            }
            if facts.operation.is_empty() {
                let place = (facts.caller.clone(), facts.reason.clone(), day);
                let (calls, last) = of_api.undeclared.entry(place).or_insert((0, counts.last));
                *calls += counts.calls;
                *last = counts.last.max(*last);
                return Ok(());
            }
            usage.add(number, day, counts, || Ok(facts.clone()))
        })?;
        for (api, gathered) in &mut gathered {
            gathered.is_older = book.begins(api).is_some_and(|day| day < from);
        }
        Ok(Observed { usage, apis: gathered, rows })
    }
}

impl Ready {
    fn finish(&mut self) {
        self.still.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.cmp(other)));
        self.ready = self.still.is_empty()
            && self.unjudged_calls == 0
            && self.declared_since_calls == 0
            && self.calls_wanted <= self.calls
            && self.days <= self.days_recorded;
    }
}

fn row(flip: &Flip) -> StatusRow {
    StatusRow {
        caller: flip.caller.clone(),
        operation: flip.operation.clone(),
        reason: flip.reason.unwrap_or_default().to_owned(),
        count: flip.count,
    }
}
