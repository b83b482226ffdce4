//! Usage as it comes back from the store: rows of equal facts over all days of a span, each day's counts added up.

use std::collections::HashMap;

use model::{DecisionId, Timestamp, UseCounts};

use crate::CallFacts;

/// The most days that a span keeps apart; older ones are one with the first.
pub const DAYS_MAX: i64 = 128;

/// Calls with equal facts over the days of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub facts: CallFacts,
    pub counts: UseCounts,
    /// A bit for each day of the span with calls; bit 0 is its first day.
    pub days: u128,
}

impl Used {
    /// On how many days there were calls.
    #[must_use]
    pub const fn day_count(&self) -> u32 {
        self.days.count_ones()
    }

    /// Ids to look up in the log, at most two.
    pub fn samples(&self) -> impl Iterator<Item = DecisionId> {
        let [first, last] = self.counts.samples;
        std::iter::once(first).chain((first != last).then_some(last))
    }
}

/// All usage of a span.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// The span's first day, in days since 1970-01-01.
    from: i64,
    rows: Vec<Used>,
    places: HashMap<i64, usize>,
}

impl Usage {
    /// An empty span that begins with day `from`.
    #[must_use]
    pub fn since(from: i64) -> Self {
        Self { from, rows: Vec::new(), places: HashMap::new() }
    }

    /// Adds the counts of one day. `number` names the facts: rows of one number are of the same facts, which `facts` gives
    /// when the number is new.
    pub fn add<E>(
        &mut self,
        number: i64,
        day: i64,
        counts: &UseCounts,
        facts: impl FnOnce() -> Result<CallFacts, E>,
    ) -> Result<(), E> {
        let bit = day.saturating_sub(self.from).clamp(0, DAYS_MAX - 1);
        let days = 1_u128.checked_shl(u32::try_from(bit).unwrap_or(0)).unwrap_or(0);
        match self.places.get(&number).and_then(|place| self.rows.get_mut(*place)) {
            Some(row) => {
                row.counts.add(counts);
                row.days |= days;
            }
            None => {
                self.places.insert(number, self.rows.len());
                self.rows.push(Used { facts: facts()?, counts: *counts, days });
            }
        }
        Ok(())
    }

    /// The rows, in the order in which they came.
    #[must_use]
    pub fn rows(&self) -> &[Used] {
        &self.rows
    }

    /// When the first and when the last call was; none without a call.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.rows.iter().map(|row| row.counts.first).min()?;
        let last = self.rows.iter().map(|row| row.counts.last).max()?;
        Some((first, last))
    }
}
