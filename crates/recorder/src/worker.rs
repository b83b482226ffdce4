//! The worker's side: entries go into a bounded ring of the worker's own, without an allocation or a lock.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use record::{Completed, Decided};

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

/// The writing end of one worker's ring.
#[derive(Debug)]
pub struct WorkerLog {
    _private: (),
}

impl WorkerLog {
    /// Records a decision. With [`Durability::Required`] the receipt must be awaited before forwarding; with
    /// [`Durability::Counted`] it is ready at once.
    pub fn decided(&mut self, decided: &Decided<'_>, durability: Durability) -> Result<Receipt, RecordFull> {
        let _ = (decided, durability);
        Err(RecordFull)
    }

    /// Records how a request ended; a loss is counted.
    pub fn completed(&mut self, completed: &Completed) {
        let _ = completed;
    }
}

/// Proof, once it resolves to `Ok`, that a `decided` entry is on disk.
#[must_use = "a required entry is durable only when its receipt says so"]
#[derive(Debug)]
pub struct Receipt {
    _private: (),
}

impl Receipt {
    /// Waits until the entry is on disk; works under any executor.
    pub async fn durable(self) -> Result<(), NotDurable> {
        self.await
    }
}

impl Future for Receipt {
    type Output = Result<(), NotDurable>;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(NotDurable))
    }
}
