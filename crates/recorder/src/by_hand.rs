//! A worker's ring without a sequencer: whoever holds the other end takes the entries and settles the receipts.
//!
//! For tests of what writes entries, and for tools that want them elsewhere. A ring smaller than an entry is one
//! that is always full.

use std::sync::Arc;

use record::{Completed, DecidedView, DecodeError, PersonalView};

use crate::worker::{Cell, Message, NotDurable, Shared, WorkerEnd, WorkerLog, ring, split_message};

/// The reading end of a ring.
#[derive(Debug)]
pub struct ByHand {
    end: WorkerEnd,
    shared: Arc<Shared>,
}

/// An entry as a worker wrote it.
#[derive(Debug)]
pub enum Taken {
    Completed(Completed),
    Decided(TakenDecision),
}

/// A decision as a worker wrote it.
#[derive(Debug)]
pub struct TakenDecision {
    public: Vec<u8>,
    personal: Vec<u8>,
    receipt: Option<Arc<Cell>>,
}

/// A worker's log with a ring of `ring_bytes`, and its other end.
#[must_use]
pub fn by_hand(ring_bytes: usize) -> (WorkerLog, ByHand) {
    let shared = Arc::new(Shared::default());
    let (log, end) = ring(ring_bytes, &shared);
    (log, ByHand { end, shared })
}

impl ByHand {
    /// Takes everything that was written since the last call, in its order.
    pub fn take(&mut self) -> Vec<Taken> {
        let waiting = self.end.ring.slots();
        let mut bytes = vec![0; waiting];
        if self.end.ring.pop_entire_slice(&mut bytes).is_err() {
            return Vec::new();
        }
        let (mut rest, mut taken) = (&bytes[..], Vec::new());
        while let Some((message, public, personal, tail)) = split_message(rest) {
            rest = tail;
            let receipt = match message {
                Message::Required => self.end.receipts.pop().ok(),
                Message::Counted => None,
                Message::Completed => {
                    // The worker's own encoder wrote it.
                    taken.extend(Completed::decode(public).ok().map(Taken::Completed));
                    continue;
                }
            };
            let decision = TakenDecision { public: public.to_vec(), personal: personal.to_vec(), receipt };
            taken.push(Taken::Decided(decision));
        }
        taken
    }

    /// How many entries found the ring full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl TakenDecision {
    /// What of it is public.
    pub fn public(&self) -> Result<DecidedView<'_>, DecodeError> {
        DecidedView::decode(&self.public)
    }

    /// What of it names a person, or could.
    pub fn personal(&self) -> Result<PersonalView<'_>, DecodeError> {
        PersonalView::decode(&self.personal)
    }

    /// Whether someone waits for it to be durable.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.receipt.is_some()
    }

    /// Tells who waits how it went.
    pub fn settle(&self, result: Result<(), NotDurable>) {
        if let Some(cell) = &self.receipt {
            cell.settle(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use model::Timestamp;

    use super::*;
    use crate::Durability;
    use crate::testing::{completed, decided, id};

    #[test]
    fn hands_over_what_was_written_and_settles_what_was_required() {
        let (mut log, mut hand) = by_hand(4_096);
        let now = Timestamp::from_seconds(1);
        let mut receipt = log.decided(&decided(1, "shop", now), Durability::Required).unwrap();
        drop(log.decided(&decided(2, "shop", now), Durability::Counted));
        log.completed(&completed(1, now));
        let taken = hand.take();
        let [Taken::Decided(one), Taken::Decided(two), Taken::Completed(ending)] = &taken[..] else {
            panic!("{taken:?}");
        };
        assert_eq!((one.public().unwrap().id, two.public().unwrap().id, ending.id), (id(1), id(2), id(1)));
        assert_eq!(one.personal().unwrap().client, record::ClientRef::Application("shop"));
        assert!(one.is_required() && !two.is_required());
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(Future::poll(Pin::new(&mut receipt), &mut context), Poll::Pending);
        one.settle(Err(NotDurable));
        assert_eq!(Future::poll(Pin::new(&mut receipt), &mut context), Poll::Ready(Err(NotDurable)));
        assert!(hand.take().is_empty());
    }

    #[test]
    fn a_ring_smaller_than_an_entry_is_always_full() {
        let (mut log, mut hand) = by_hand(16);
        let now = Timestamp::from_seconds(1);
        for durability in [Durability::Counted, Durability::Required] {
            assert!(log.decided(&decided(1, "shop", now), durability).is_err());
        }
        log.completed(&completed(1, now));
        assert!(hand.take().is_empty());
        assert_eq!(hand.lost(), 3);
    }
}
