//! Rate limits: the generic cell rate algorithm on one atomic number.
//!
//! The number is the theoretical arrival time in nanoseconds since the epoch: the point at which the whole budget
//! is available again. A rate of `count` per period grants `count` at once and then one per interval. It is exact:
//! every grant is one atomic change, so threads together never get more than one would.
//!
//! When the clock goes back, the stored point may lie further ahead than a used-up budget could make it. It is then
//! read as used up now: nothing is granted at that moment, and the whole budget is back after one period.

mod budget;
mod callers;

use std::sync::atomic::Ordering;
use std::time::Duration;

use identity::LimitCell;
use model::{Rate, Timestamp};

pub use budget::Budgets;
pub(crate) use budget::{Limited, Taken, look_at, take_all, whole_seconds};
pub use callers::CallerLimits;
pub(crate) use callers::cell_of;

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// When the next event fits, if no other takes its place.
    pub wait: Duration,
}

/// What is left of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// How many events fit at once.
    pub count: u32,
    /// When one more does; zero where the budget is whole.
    pub wait: Duration,
}

/// Takes one event out of the budget of `rate`, and gives what is left.
pub fn take(cell: &LimitCell, rate: Rate, now: Timestamp) -> Result<Left, UsedUp> {
    let budget = Nanoseconds::of(rate, now);
    let cell = cell.value();
    let mut stored = cell.load(Ordering::Relaxed);
    loop {
        let arrival = stored.clamp(budget.now, budget.furthest);
        let next = arrival.saturating_add(budget.interval);
        let outcome = if budget.furthest < next {
            Err(UsedUp { wait: Duration::from_nanos(next - budget.furthest) })
        } else {
            Ok(budget.left(next))
        };
        let next = match outcome {
            Ok(_) => next,
            Err(_) if arrival < stored => arrival,
            Err(_) => return outcome,
        };
        match cell.compare_exchange_weak(stored, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return outcome,
            Err(changed) => stored = changed,
        }
    }
}

/// What is left of the budget of `rate`; takes nothing.
#[must_use]
pub fn look(cell: &LimitCell, rate: Rate, now: Timestamp) -> Left {
    let budget = Nanoseconds::of(rate, now);
    let stored = cell.value().load(Ordering::Relaxed);
    budget.left(stored.clamp(budget.now, budget.furthest))
}

/// A budget at one moment, in nanoseconds.
#[derive(Clone, Copy)]
struct Nanoseconds {
    now: u64,
    /// Between two events.
    interval: u64,
    /// The arrival time of a budget that is used up now.
    furthest: u64,
}

impl Nanoseconds {
    fn of(rate: Rate, now: Timestamp) -> Self {
        let (now, interval) = (nanoseconds(now), interval(rate));
        // INVARIANT: `interval * count` is at most one period plus `count`, which fits 64 bits with room.
        let budget = interval.saturating_mul(u64::from(rate.count()));
        Self { now, interval, furthest: now.saturating_add(budget) }
    }

    /// `arrival` is not before now, and not after the furthest.
    fn left(self, arrival: u64) -> Left {
        let free = self.furthest - arrival;
        let count = u32::try_from(free / self.interval).unwrap_or(u32::MAX);
        let wait = if arrival == self.now { 0 } else { self.interval - free % self.interval };
        Left { count, wait: Duration::from_nanos(wait) }
    }
}

/// Nanoseconds between two events, rounded up so that a budget is never exceeded; at least one.
fn interval(rate: Rate) -> u64 {
    let period = u64::try_from(rate.period().as_nanos()).unwrap_or(u64::MAX);
    period.div_ceil(u64::from(rate.count())).max(1)
}

/// A clock before 1970 reads as 1970.
fn nanoseconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_micros()).unwrap_or(0).saturating_mul(1_000)
}

#[cfg(test)]
mod tests;
