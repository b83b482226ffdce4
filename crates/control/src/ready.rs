//! Whether an API can be enforced without a surprise: recorded calls of the last days, judged by the policies of today.
//!
//! A call that was let pass because its API is observed stands in the way as long as the policies in force would refuse it. Once
//! a grant covers it, or the operation is declared, it is settled, without waiting for the call to come again.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::time::Duration;

use advise::{CallFacts, Flip, ReplayQuestion, Side, Usage, replay};
use enforce::Snapshot;
use model::{DenyReason, Snapshots, Timestamp, Verdict};
use serde::Serialize;

use crate::advice::Today;
use crate::status::{StatusRow, day_of};
use crate::{Control, ControlError};

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
    /// Whole days since the first recorded call, at most those that were asked about.
    pub days_recorded: u32,
    /// What the policies in force would refuse of them, most calls first.
    pub still: Vec<StatusRow>,
    /// Calls that policies in force permit by now, though they were not permitted when they came.
    pub settled_calls: u64,
    /// Calls of which it is not known exactly, since policies look at facts that were not recorded.
    pub approximate_calls: u64,
    /// When this was found out; up to a minute ago where many rows had to be read.
    pub as_of: String,
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
    /// Calls of no declared operation, by caller and reason.
    undeclared: BTreeMap<(String, String), u64>,
}

/// What was read of the roll-ups.
struct Observed {
    /// Calls that passed only because their API was observed.
    usage: Usage,
    apis: BTreeMap<String, Gathered>,
    /// How many rows it took.
    rows: u64,
}

impl Gathered {
    /// What is known before policies are asked.
    fn begin(self, order: ReadyOrder, now: Timestamp) -> Ready {
        let recorded = self.first.map_or(0, |first| now.since(first).as_secs() / 86_400);
        let undeclared = self.undeclared.into_iter().map(|((caller, reason), count)| StatusRow {
            caller,
            operation: String::new(),
            reason,
            count,
        });
        Ready {
            days: order.days,
            calls_wanted: order.calls,
            calls: self.calls,
            days_recorded: u32::try_from(recorded).unwrap_or(u32::MAX).min(order.days),
            still: undeclared.collect(),
            as_of: now.to_string(),
            ..Ready::default()
        }
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
        let mut ready: BTreeMap<String, Ready> =
            gathered.into_iter().map(|(api, gathered)| (api, gathered.begin(order, now))).collect();
        for flip in &replayed.would_lose {
            if let Some(ready) = ready.get_mut(&flip.api) {
                ready.still.push(row(flip));
            }
        }
        for used in usage.rows() {
            if let Some(ready) = ready.get_mut(&used.facts.api) {
                ready.settled_calls += used.counts.calls;
            }
        }
        for (api, ready) in &mut ready {
            let lost = replayed.would_lose.iter().filter(|flip| flip.api == *api);
            let (mut count, mut approximate) = (0, 0);
            for flip in lost {
                count += flip.count;
                approximate += if flip.approximate.is_empty() { 0 } else { flip.count };
            }
            ready.settled_calls = ready.settled_calls.saturating_sub(count);
            ready.approximate_calls = approximate;
            ready.still.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.cmp(other)));
            ready.ready =
                ready.still.is_empty() && order.calls <= ready.calls && ready.days <= ready.days_recorded;
        }
        Ok(ready)
    }

    /// Calls since day `from` that passed only because their API was observed, and what of each API there is.
    fn observed_usage(&self, from: i64) -> Result<Observed, ControlError> {
        let book = self.counted_book()?;
        let mut usage = Usage::since(from);
        let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
        let mut known: HashMap<i64, CallFacts> = HashMap::new();
        let mut rows = 0;
        book.store().each_usage::<ControlError>((from, i64::MAX), None, |number, day, counts| {
            let facts = match known.entry(number) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(book.facts(number)?),
            };
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
                let place = (facts.caller.clone(), facts.reason.clone());
                *of_api.undeclared.entry(place).or_default() += counts.calls;
                return Ok(());
            }
            usage.add(number, day, counts, || Ok(facts.clone()))
        })?;
        Ok(Observed { usage, apis: gathered, rows })
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

/// What somebody has to do about what is still in the way, each with the command that settles it.
pub(crate) fn steps(api: &str, still: &[StatusRow]) -> Vec<String> {
    let mut causes: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for row in still {
        let cause = causes.entry((row.caller.as_str(), row.reason.as_str())).or_default();
        cause.0 += row.count;
        cause.1 += 1;
    }
    causes.into_iter().map(|((caller, reason), counts)| step(api, caller, reason, counts)).collect()
}

fn step(api: &str, caller: &str, reason: &str, (calls, operations): (u64, u64)) -> String {
    let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
    if caller.ends_with(":key-*") {
        return format!(
            "{calls} came with existing keys that nobody has vouched for ({reason}): `sallyport key seen --api {api}` lists them, `key promote` and `key import` say whose they are"
        );
    }
    match DenyReason::parse(reason) {
        Some(DenyReason::NoGrant) => {
            let operations =
                if operations == 1 { "1 operation".to_owned() } else { format!("{operations} operations") };
            format!(
                "{caller} lacks grants for {calls} of {operations}: `sallyport policy suggest --api {api}` proposes them"
            )
        }
        Some(DenyReason::NoCredential) => format!(
            "{calls} came without a credential: `sallyport audit search --api {api} --caller anonymous` shows from where; give their clients a key, or grant Anonymous"
        ),
        Some(DenyReason::UnknownOperation | DenyReason::MethodNotDeclared) => format!(
            "{caller} called what is not declared, {calls}: `sallyport inventory list --api {api} --state shadow` shows it, `inventory adopt` declares it"
        ),
        Some(DenyReason::StepUp) => format!(
            "{caller} would have to sign in again or with several factors for {calls}: see docs/tokens.md for how its users do"
        ),
        Some(_) | None => format!(
            "{caller}: {reason}, {calls}; `sallyport audit search --api {api} --reason {reason}` shows them"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_names_a_command() {
        let row = |caller: &str, reason: &str| StatusRow {
            caller: caller.to_owned(),
            operation: "shop:GET /".to_owned(),
            reason: reason.to_owned(),
            count: 2,
        };
        let still = [
            row("app:web", "no_grant"),
            row("app:web", "unknown_operation"),
            row("anonymous", "no_credential"),
            row("app:shop:key-*", "no_grant"),
            row("app:web", "guard"),
        ];
        let steps = steps("shop", &still);
        assert_eq!(steps.len(), still.len());
        for step in steps {
            assert!(step.contains("`sallyport ") && step.contains("2 calls"), "{step}");
        }
    }
}
