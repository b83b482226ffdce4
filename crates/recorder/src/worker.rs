//! The worker's side: entries go into a bounded ring of the worker's own, without an allocation or a lock.
//!
//! The ring is `rtrb`'s, a single-producer single-consumer ring without locks: what a worker pays is two atomic
//! loads, a copy and one atomic store. A buffer behind a mutex would cost as little until the sequencer is
//! descheduled while it holds the mutex; then every request of the worker would wait for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread::Thread;

use record::encode::{put_completed, put_decided, put_personal};
use record::{Completed, Decided};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::unheeded;

/// The most required entries of one worker that can wait for the disk.
pub const RECEIPTS_MAX: usize = 4_096;

/// When a `decided` entry has to be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Soon; a loss is counted.
    Counted,
    /// Before the request is forwarded.
    Required,
}

/// The worker's ring has no room for the entry; the loss has been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record queue is full")]
pub struct RecordFull;

/// The entry could not be made durable; the loss has been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry could not be made durable")]
pub struct NotDurable;

/// Why the TLS handshake of a client came to nothing. There is no request yet that could be recorded, so it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The worker stopped, or others needed its place.
    BrokenOff,
    /// The client's certificate was refused, or it showed none and needed one.
    Certificate,
    /// The client went away.
    Gone,
    /// It was not over in time.
    Late,
    /// The two do not speak the same, or the client did not believe the gateway.
    Protocol,
}

impl HandshakeFailure {
    /// Every cause.
    pub const ALL: [Self; 5] = [Self::BrokenOff, Self::Certificate, Self::Gone, Self::Late, Self::Protocol];

    /// The stable code in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BrokenOff => "broken_off",
            Self::Certificate => "certificate",
            Self::Gone => "gone",
            Self::Late => "late",
            Self::Protocol => "protocol",
        }
    }
}

/// What workers and sequencer share beside the rings.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Entries that found a ring full.
    pub(crate) lost: AtomicU64,
    /// Connections of clients that are open, at all workers.
    pub(crate) connections: AtomicU64,
    /// Handshakes of clients that came to nothing, at all workers.
    pub(crate) handshakes: [AtomicU64; HandshakeFailure::ALL.len()],
    /// The sequencer's thread, to wake it for a required entry.
    pub(crate) thread: OnceLock<Thread>,
}

/// The writing end of one worker's ring.
#[derive(Debug)]
pub struct WorkerLog {
    ring: Producer<u8>,
    receipts: Producer<Arc<Cell>>,
    scratch: Vec<u8>,
    shared: Arc<Shared>,
}

/// The reading end, held by the sequencer.
#[derive(Debug)]
pub(crate) struct WorkerEnd {
    pub(crate) ring: Consumer<u8>,
    pub(crate) receipts: Consumer<Arc<Cell>>,
}

/// A message begins with its length, its kind and the length of its public part.
pub(crate) const MESSAGE_HEAD_BYTES: usize = 9;

/// What a message in the ring holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Counted,
    Required,
    Completed,
}

impl Message {
    const fn number(self) -> u8 {
        match self {
            Self::Counted => 0,
            Self::Required => 1,
            Self::Completed => 2,
        }
    }
}

/// A message's kind, its public part, its personal part, and what follows it.
type Split<'a> = (Message, &'a [u8], &'a [u8], &'a [u8]);

/// Splits the next message off what was drained.
pub(crate) fn split_message(bytes: &[u8]) -> Option<Split<'_>> {
    let (&[a, b, c, d, kind, e, f, g, h], rest) = bytes.split_first_chunk::<MESSAGE_HEAD_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    let public = usize::try_from(u32::from_le_bytes([e, f, g, h])).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    let (public, personal) = body.split_at_checked(public)?;
    let kind = [Message::Counted, Message::Required, Message::Completed]
        .into_iter()
        .find(|message| message.number() == kind)?;
    Some((kind, public, personal, rest))
}

/// Makes a worker's ring of `bytes` bytes.
pub(crate) fn ring(bytes: usize, shared: &Arc<Shared>) -> (WorkerLog, WorkerEnd) {
    let (ring, ring_end) = RingBuffer::new(bytes);
    let (receipts, receipts_end) = RingBuffer::new(RECEIPTS_MAX);
    let log = WorkerLog { ring, receipts, scratch: Vec::with_capacity(4_096), shared: Arc::clone(shared) };
    (log, WorkerEnd { ring: ring_end, receipts: receipts_end })
}

impl WorkerLog {
    /// Counts a client's connection until [`WorkerLog::connection_closed`].
    pub fn connection_opened(&self) {
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that was counted has ended.
    pub fn connection_closed(&self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a handshake that came to nothing.
    pub fn handshake_failed(&self, failure: HandshakeFailure) {
        let place = HandshakeFailure::ALL.iter().position(|other| *other == failure);
        if let Some(count) = place.and_then(|place| self.shared.handshakes.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records a decision. With [`Durability::Required`] the receipt must be awaited before forwarding; with
    /// [`Durability::Counted`] it is ready at once.
    pub fn decided(&mut self, decided: &Decided<'_>, durability: Durability) -> Result<Receipt, RecordFull> {
        self.scratch.clear();
        self.scratch.resize(MESSAGE_HEAD_BYTES, 0);
        put_decided(&mut self.scratch, decided);
        let public = self.scratch.len() - MESSAGE_HEAD_BYTES;
        put_personal(&mut self.scratch, &decided.personal);
        match durability {
            Durability::Counted => {
                self.push(Message::Counted, public)?;
                Ok(Receipt { cell: None })
            }
            Durability::Required => {
                // The receipt goes first, so that the sequencer finds it when it meets the entry. It must not
                // stay behind alone, so the room for the entry is looked at before.
                if self.ring.slots() < self.scratch.len() || self.ring.is_abandoned() {
                    return Err(self.lose());
                }
                let cell = Arc::new(Cell::default());
                if self.receipts.push(Arc::clone(&cell)).is_err() {
                    return Err(self.lose());
                }
                self.push(Message::Required, public)?;
                if let Some(thread) = self.shared.thread.get() {
                    thread.unpark();
                }
                Ok(Receipt { cell: Some(cell) })
            }
        }
    }

    /// Records how a request ended; a loss is counted.
    pub fn completed(&mut self, completed: &Completed) {
        self.scratch.clear();
        self.scratch.resize(MESSAGE_HEAD_BYTES, 0);
        put_completed(&mut self.scratch, completed);
        let public = self.scratch.len() - MESSAGE_HEAD_BYTES;
        // The loss was counted; there is nobody left to tell.
        unheeded(self.push(Message::Completed, public));
    }

    /// How many bytes the ring has room for.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.ring.slots()
    }

    fn push(&mut self, message: Message, public: usize) -> Result<(), RecordFull> {
        let length = self.scratch.len() - MESSAGE_HEAD_BYTES;
        let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let [e, f, g, h] = u32::try_from(public).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(head) = self.scratch.first_chunk_mut::<MESSAGE_HEAD_BYTES>() {
            *head = [a, b, c, d, message.number(), e, f, g, h];
        }
        // What is written into a ring that nobody empties any more is lost, though there is room for it.
        if self.ring.is_abandoned() || self.ring.push_entire_slice(&self.scratch).is_err() {
            return Err(self.lose());
        }
        Ok(())
    }

    fn lose(&self) -> RecordFull {
        self.shared.lost.fetch_add(1, Ordering::Relaxed);
        RecordFull
    }
}

/// Where an entry's receipt is settled.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    state: OnceLock<Result<(), NotDurable>>,
    waker: Mutex<Option<Waker>>,
}

impl Cell {
    /// Settles the receipt and wakes who waits.
    pub(crate) fn settle(&self, result: Result<(), NotDurable>) {
        if self.state.set(result).is_err() {
            return;
        }
        let waker = self.waker.lock().map_or(None, |mut waker| waker.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Proof, once it resolves to `Ok`, that a `decided` entry is on disk.
#[must_use = "a required entry is durable only when its receipt says so"]
#[derive(Debug)]
pub struct Receipt {
    /// `None` for an entry that need not be durable.
    cell: Option<Arc<Cell>>,
}

impl Receipt {
    /// Waits until the entry is on disk; works under any executor.
    pub async fn durable(self) -> Result<(), NotDurable> {
        self.await
    }
}

impl Future for Receipt {
    type Output = Result<(), NotDurable>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(cell) = &self.cell else {
            return Poll::Ready(Ok(()));
        };
        if let Some(result) = cell.state.get() {
            return Poll::Ready(*result);
        }
        // The sequencer holds this lock only to take the waker, after it has settled the state. A worker does not
        // wait for it even then: it asks to be polled again.
        match cell.waker.try_lock() {
            Ok(mut waker) => *waker = Some(context.waker().clone()),
            Err(_) => context.waker().wake_by_ref(),
        }
        cell.state.get().map_or(Poll::Pending, |result| Poll::Ready(*result))
    }
}
