//! Carries the recorder's counts into the store, so that `status` survives restarts.

use std::collections::BTreeMap;

use model::{ApiName, Timestamp, Verdict};
use recorder::Rollups;
use store::Rollup;

use crate::status::day_of;
use crate::{Control, ControlError};

/// What a count is about: API, verdict, caller, operation, reason.
pub(crate) type Place = (String, &'static str, String, String, String);

impl Control {
    /// Adds to the store what was counted since the last time.
    pub fn flush_rollups(&self) -> Result<(), ControlError> {
        // Read under the lock: counts that another call has carried meanwhile would be carried twice.
        let mut state = self.state();
        let counted = self.recorder().rollups();
        let now = self.now();
        let (rows, seen) = fresh(&counted, &state.flushed, now);
        if !rows.is_empty() {
            state.store.add_rollups(&rows)?;
        }
        state.flushed = seen;
        Ok(())
    }
}

/// What is new against `flushed`, and what will have been flushed then.
fn fresh(
    counted: &Rollups,
    flushed: &BTreeMap<Place, u64>,
    now: Timestamp,
) -> (Vec<Rollup>, BTreeMap<Place, u64>) {
    let mut rows = Vec::new();
    let mut seen = BTreeMap::new();
    for api in &counted.apis {
        let Ok(name) = ApiName::parse(&api.api) else { continue };
        let allowed =
            (api.api.clone(), Verdict::Allowed.as_str(), String::new(), String::new(), String::new());
        let mut counts = vec![(allowed, api.allowed, now)];
        for row in &api.rows {
            let place = (
                api.api.clone(),
                row.verdict,
                row.caller.clone(),
                row.operation.clone(),
                row.reason.to_owned(),
            );
            counts.push((place, row.count, Timestamp::from_micros(row.last_us)));
        }
        for (place, count, last) in counts {
            let new = count.saturating_sub(flushed.get(&place).copied().unwrap_or(0));
            if let (Some(verdict), true) = (Verdict::parse(place.1), 0 < new) {
                rows.push(Rollup {
                    day: day_of(now),
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

#[cfg(test)]
mod tests {
    use recorder::ApiRollup;

    use super::*;

    #[test]
    fn each_count_is_carried_once() {
        let counted = |allowed| Rollups {
            apis: vec![ApiRollup { api: "orders".to_owned(), allowed, ..ApiRollup::default() }],
            overflow: 0,
        };
        let now = Timestamp::from_seconds(86_400);
        let (rows, seen) = fresh(&counted(3), &BTreeMap::new(), now);
        assert_eq!(rows.iter().map(|row| (row.day, row.count)).collect::<Vec<_>>(), [(1, 3)]);
        let (rows, seen) = fresh(&counted(3), &seen, now);
        assert!(rows.is_empty());
        let (rows, _) = fresh(&counted(5), &seen, now);
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [2]);
    }
}
