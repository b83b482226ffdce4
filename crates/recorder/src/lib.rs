//! Takes entries from the workers to disk, and reads them back.
//!
//! A worker never waits here: it writes into a bounded ring of its own and goes on. One sequencer thread drains
//! the rings every few milliseconds, appends, hashes, signs a checkpoint each second of activity and keeps the
//! figures for `status` and metrics. An entry that must be durable first comes with a [`Receipt`] to wait on.
//! While the sequencer waits for a disk, a second thread
//! keeps the rings from running over. What cannot be kept is counted and the count is recorded. Nothing is judged here.

pub mod by_hand;
mod continuation;
pub mod faults;
mod intake;
mod join;
mod layout;
pub mod log;
mod metrics;
mod open;
pub mod options;
pub mod reader;
pub mod recorder;
mod retention;
pub mod rollup;
mod salts;
mod sealed;
mod sequencer;
pub mod storage;
pub mod worker;

pub use by_hand::{ByHand, Taken, TakenDecision, by_hand};
pub use options::{Clock, Options};
pub use reader::LogReader;
pub use recorder::{CloseLogError, Health, OpenLogError, Recorder};
pub use retention::{EraseError, Erased, Subject};
pub use rollup::{ApiRollup, Rollups, Row, Tallied};
pub use worker::{Durability, HandshakeFailure, NotDurable, Receipt, RecordFull, WorkerLog};

/// Lets go of a result that there is nobody to tell of; what failed was counted where it failed.
pub(crate) fn unheeded<T, E>(_result: Result<T, E>) {}

/// An error and its causes in one line.
pub(crate) fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod testing;
