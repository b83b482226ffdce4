//! Rate limits: the generic cell rate algorithm on one atomic number.
//!
//! The number is the theoretical arrival time in nanoseconds since the epoch: the point at which the whole budget
//! is available again. A rate of `count` per period grants `count` at once and then one per interval. It is exact:
//! every grant is one atomic change, so threads together never get more than one would.
//!
//! When the clock goes back, the stored point may lie further ahead than a used-up budget could make it. It is then
//! read as used up now: nothing is granted at that moment, and the whole budget is back after one period.

use std::sync::atomic::Ordering;
use std::time::Duration;

use identity::LimitCell;
use model::{Rate, Timestamp};

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// When the next event fits, if no other takes its place.
    pub wait: Duration,
}

/// Takes one event out of the budget of `rate`.
pub fn take(cell: &LimitCell, rate: Rate, now: Timestamp) -> Result<(), UsedUp> {
    let now = nanoseconds(now);
    let interval = interval(rate);
    // INVARIANT: `interval * count` is at most one period plus `count`, which fits 64 bits with room.
    let budget = interval.saturating_mul(u64::from(rate.count()));
    let tolerance = budget - interval;
    let furthest = now.saturating_add(budget);
    let cell = cell.value();
    let mut stored = cell.load(Ordering::Relaxed);
    loop {
        let arrival = stored.clamp(now, furthest);
        let ahead = arrival - now;
        let outcome = if tolerance < ahead {
            Err(UsedUp { wait: Duration::from_nanos(ahead - tolerance) })
        } else {
            Ok(())
        };
        let next = match outcome {
            Ok(()) => arrival.saturating_add(interval),
            Err(_) if arrival < stored => arrival,
            Err(_) => return outcome,
        };
        match cell.compare_exchange_weak(stored, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return outcome,
            Err(changed) => stored = changed,
        }
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
