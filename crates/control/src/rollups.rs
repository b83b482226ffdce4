//! Carries the recorder's counts into the store, so that `status` survives restarts, and a process that was killed.
//!
//! With the counts the store keeps up to where of the log they are. At the start, what the log holds behind that is
//! counted from the log itself: a call is counted once, whenever the process before ended.

use std::collections::BTreeMap;

use model::{ApiName, Block, Timestamp, Verdict};
use recorder::{ApiRollup, LogReader, Recorder, Rollups};
use store::{Act, Counted, OTHER, Rollup, Store};

use crate::blocks::BlockKey;
use crate::state::State;
use crate::status::day_of;
use crate::upkeep::ROLLUP_DAYS;
use crate::{Control, ControlError, chain, owed};

/// What a count is about: API, verdict, caller, operation, reason.
pub(crate) type Place = (String, &'static str, String, String, String);

/// Counts that were to be carried into the store.
pub(crate) struct Carrying {
    /// What is not in the store, because it was not taken.
    pub(crate) left: Vec<Rollup>,
    pub(crate) outcome: Result<(), ControlError>,
}

impl Control {
    /// Adds to the store what was counted since the last time.
    pub fn flush_rollups(&self) -> Result<(), ControlError> {
        self.carry_rollups(&mut self.state()).outcome
    }

    /// As [`Self::flush_rollups`], under the lock: counts that another call has carried meanwhile would be carried
    /// twice.
    pub(crate) fn carry_rollups(&self, state: &mut State) -> Carrying {
        let now = self.now();
        let Some(counts) = self.recorder().counts() else {
            let (left, _) = fresh(&self.recorder().rollups(), &state.flushed, (day_of(now), now));
            let what = "what it holds is not known, so its counts are not stored".to_owned();
            return Carrying { left, outcome: Err(ControlError::Log { what }) };
        };
        let (rows, seen) = fresh(&counts.rollups, &state.flushed, (day_of(now), now));
        // A stop that the store lacks is found in the log at the next start, from where the counts end.
        if rows.is_empty() || state.owed.lacks_any() {
            return Carrying { left: rows, outcome: Ok(()) };
        }
        let counted = Counted { origin: self.origin(), next: counts.next };
        if let Err(error) = state.store.add_rollups(&rows, &counted) {
            return Carrying { left: rows, outcome: Err(error.into()) };
        }
        state.flushed = seen;
        Carrying { left: Vec::new(), outcome: Ok(()) }
    }

    fn origin(&self) -> String {
        self.recorder().verifier().name().to_owned()
    }
}

/// Takes over what the log holds and the store does not, before anything new is recorded. A log that cannot be read there
/// is counted from its end on, and that is said. Gives the blocks that the store did not take.
pub(crate) fn rebuild(
    store: &mut Store,
    recorder: &Recorder,
    reader: &LogReader,
    blocks: &BlockKey,
    now: Timestamp,
) -> Result<Vec<(Block, Act)>, ControlError> {
    let origin = recorder.verifier().name().to_owned();
    let end = recorder.counts().map_or(0, |counts| counts.next);
    let from = match store.counted()? {
        Some(counted) if counted.origin == origin => counted.next.min(end),
        // Another log has been begun since.
        Some(_) => 0,
        // A store of a version that did not keep it: its counts go as far as its last flush, wherever that was.
        None => end,
    };
    let unstored = owed::redo(store, reader, from, (blocks, now))?;
    let today = day_of(now);
    let oldest = today.saturating_sub(ROLLUP_DAYS);
    // A clock that was ahead must not count for a day that is still to come.
    let day = |time: Timestamp| Some(day_of(time).min(today)).filter(|day| oldest <= *day);
    let (days, next) = match reader.recount(from, day) {
        Ok(recounted) => recounted,
        Err(error) => {
            tracing::error!(error = %chain(&error), from, "calls before the restart are not counted");
            (BTreeMap::new(), end)
        }
    };
    let nothing = BTreeMap::new();
    let rows: Vec<Rollup> =
        days.iter().flat_map(|(day, counted)| fresh(counted, &nothing, (*day, now)).0).collect();
    if !rows.is_empty() {
        tracing::info!(from, next, "calls were counted from the log");
    }
    store.add_rollups(&rows, &Counted { origin, next })?;
    Ok(unstored)
}

/// What is new against `flushed`, for the day, and what will have been flushed then.
fn fresh(
    counted: &Rollups,
    flushed: &BTreeMap<Place, u64>,
    (day, now): (i64, Timestamp),
) -> (Vec<Rollup>, BTreeMap<Place, u64>) {
    let mut rows = Vec::new();
    let mut seen = BTreeMap::new();
    for api in &counted.apis {
        let Ok(name) = ApiName::parse(&api.api) else { continue };
        for (place, count, last) in places(api, now) {
            let new = count.saturating_sub(flushed.get(&place).copied().unwrap_or(0));
            if let (Some(verdict), true) = (Verdict::parse(place.1), 0 < new) {
                rows.push(Rollup {
                    day,
                    api: name.clone(),
                    verdict,
                    caller: place.2.clone(),
                    operation: place.3.clone(),
                    reason: place.4.clone(),
                    count: new,
                    last,
                });
            }
            seen.insert(place, count);
        }
    }
    (rows, seen)
}

/// Every count of an API with what it is about; what the recorder did not tell apart is under [`OTHER`].
fn places(api: &ApiRollup, now: Timestamp) -> Vec<(Place, u64, Timestamp)> {
    let place = |verdict: &'static str, [caller, operation, reason]: [&str; 3]| {
        (api.api.clone(), verdict, caller.to_owned(), operation.to_owned(), reason.to_owned())
    };
    let mut places = vec![(place(Verdict::Allowed.as_str(), [""; 3]), api.allowed, now)];
    let (mut denied, mut would_deny) = (0, 0);
    for row in &api.rows {
        match Verdict::parse(row.verdict) {
            Some(Verdict::Denied | Verdict::SteppedUp) => denied += row.count,
            Some(Verdict::WouldDeny | Verdict::WouldStepUp) => would_deny += row.count,
            Some(Verdict::Allowed) | None => {}
        }
        let last = Timestamp::from_micros(row.last_us);
        places.push((place(row.verdict, [&row.caller, &row.operation, row.reason]), row.count, last));
    }
    for (verdict, all, apart) in
        [(Verdict::Denied, api.denied, denied), (Verdict::WouldDeny, api.would_deny, would_deny)]
    {
        places.push((place(verdict.as_str(), [OTHER; 3]), all.saturating_sub(apart), now));
    }
    places
}

#[cfg(test)]
mod tests {
    use recorder::Row;

    use super::*;

    fn counted(api: ApiRollup) -> Rollups {
        Rollups { apis: vec![ApiRollup { api: "orders".to_owned(), ..api }], overflow: 0 }
    }

    #[test]
    fn each_count_is_carried_once() {
        let allowed = |allowed| counted(ApiRollup { allowed, ..ApiRollup::default() });
        let today = (1, Timestamp::from_seconds(86_400));
        let (rows, seen) = fresh(&allowed(3), &BTreeMap::new(), today);
        assert_eq!(rows.iter().map(|row| (row.day, row.count)).collect::<Vec<_>>(), [(1, 3)]);
        let (rows, seen) = fresh(&allowed(3), &seen, today);
        assert!(rows.is_empty());
        let (rows, _) = fresh(&allowed(5), &seen, today);
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn what_was_not_told_apart_is_counted_all_the_same() {
        let row = |verdict, count| Row {
            verdict,
            caller: "app:shop".to_owned(),
            operation: "orders:GET /".to_owned(),
            reason: "no_grant",
            count,
            last_us: 1,
        };
        let rows = vec![row("denied", 4), row("would_deny", 1)];
        let api = counted(ApiRollup { denied: 6, would_deny: 1, rows, overflow: 2, ..ApiRollup::default() });
        let (rows, _) = fresh(&api, &BTreeMap::new(), (1, Timestamp::MIN));
        let counts: Vec<_> = rows.iter().map(|row| (row.verdict, row.caller.as_str(), row.count)).collect();
        assert_eq!(
            counts,
            [
                (Verdict::Denied, "app:shop", 4),
                (Verdict::WouldDeny, "app:shop", 1),
                (Verdict::Denied, OTHER, 2)
            ]
        );
    }
}
