//! Decisions that wait a moment for their ending, so that both go into one leaf.
//!
//! A leaf of its own for each would cost two hashes more a request. A decision that nobody requires to be durable
//! waits at most [`JOIN_WAIT`]; then it is written alone. Until then it is as safe as in the ring: a crash
//! of the process loses it, as it loses what is in the ring.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use model::Timestamp;
use record::hash::Fast;

use crate::metrics::ApiSlot;

/// How long a decision waits for its ending.
pub(crate) const JOIN_WAIT: Duration = Duration::from_millis(100);
/// The most decisions that wait; the oldest is written alone when there is one more.
pub(crate) const HELD_MAX: usize = 16_384;
/// The most decisions without an ending whose API is remembered.
pub(crate) const OPEN_MAX: usize = 65_536;

/// A decision that waits: the worker's bytes.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) public: Vec<u8>,
    pub(crate) personal: Vec<u8>,
}

/// Decisions by the 16 bytes of their id.
#[derive(Debug, Default)]
pub(crate) struct Join {
    held: HashMap<u128, Held, Fast>,
    order: VecDeque<(u128, Timestamp)>,
    open: HashMap<u128, ApiSlot, Fast>,
    open_order: VecDeque<u128>,
    pool: Vec<Held>,
}

/// The id at the front of a decision's or an ending's bytes.
pub(crate) fn id_of(bytes: &[u8]) -> Option<u128> {
    bytes.first_chunk::<16>().map(|id| u128::from_be_bytes(*id))
}

impl Join {
    /// Lets a decision wait.
    pub(crate) fn hold(&mut self, id: u128, now: Timestamp, public: &[u8], personal: &[u8]) {
        let mut held = self.pool.pop().unwrap_or_default();
        held.public.extend_from_slice(public);
        held.personal.extend_from_slice(personal);
        self.held.insert(id, held);
        self.order.push_back((id, now));
    }

    /// The decision that this ending belongs to, if it waits.
    pub(crate) fn take(&mut self, id: u128) -> Option<Held> {
        self.held.remove(&id)
    }

    /// A decision that has waited long enough, or longest where too many wait; every one for [`Timestamp::MAX`].
    pub(crate) fn overdue(&mut self, now: Timestamp) -> Option<(u128, Held)> {
        while let Some(&(id, since)) = self.order.front() {
            // A clock that went back must not hold anything for longer than before.
            let waits = since <= now && now < since.plus(JOIN_WAIT) && self.held.len() <= HELD_MAX;
            if waits && self.held.contains_key(&id) {
                return None;
            }
            self.order.pop_front();
            if let Some(held) = self.held.remove(&id) {
                return Some((id, held));
            }
        }
        None
    }

    /// Takes back the buffers of a decision that was written.
    pub(crate) fn recycle(&mut self, mut held: Held) {
        if self.pool.len() < 256 {
            held.public.clear();
            held.personal.clear();
            self.pool.push(held);
        }
    }

    /// Remembers the API of a decision that was written without its ending.
    pub(crate) fn open(&mut self, id: u128, slot: ApiSlot) {
        if OPEN_MAX <= self.open_order.len()
            && let Some(oldest) = self.open_order.pop_front()
        {
            self.open.remove(&oldest);
        }
        self.open.insert(id, slot);
        self.open_order.push_back(id);
    }

    /// The API of the decision that a late ending belongs to.
    pub(crate) fn close(&mut self, id: u128) -> Option<ApiSlot> {
        self.open.remove(&id)
    }

    /// Whether any decision waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(10);

    #[test]
    fn an_ending_finds_its_decision_and_a_late_one_does_not() {
        let mut join = Join::default();
        join.hold(1, START, b"one", b"");
        join.hold(2, START, b"two", b"");
        assert_eq!(join.take(2).unwrap().public, b"two");
        assert!(join.overdue(START).is_none());
        assert_eq!(join.overdue(START.plus(JOIN_WAIT)).unwrap().0, 1);
        assert!(join.overdue(Timestamp::MAX).is_none() && join.take(1).is_none() && join.is_empty());
    }

    #[test]
    fn nothing_waits_forever_or_without_a_limit() {
        let mut join = Join::default();
        join.hold(1, START, b"", b"");
        assert!(join.overdue(START.minus(Duration::from_secs(1))).is_some(), "the clock went back");
        for id in 0..=HELD_MAX as u128 {
            join.hold(id, START, b"", b"");
        }
        assert_eq!(join.overdue(START).unwrap().0, 0);
        assert!(join.overdue(START).is_none());
        for id in 0..2 * OPEN_MAX as u128 {
            join.open(id, crate::metrics::Metrics::new().slot(""));
            if id == 9 {
                break;
            }
        }
        assert!(join.close(9).is_some() && join.close(9).is_none());
    }
}
