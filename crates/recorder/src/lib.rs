//! Takes entries from the workers to disk, and reads them back.
//!
//! A worker never waits here: it writes into a bounded ring of its own and goes on. One sequencer thread drains
//! the rings every few milliseconds, appends, hashes, signs a checkpoint each second of activity and keeps the
//! figures for `status` and metrics. An entry that must be durable first comes with a [`Receipt`] to wait on.
//! What cannot be kept is counted and the count is recorded. Nothing is judged here.

mod hash;
pub mod options;
pub mod recorder;
pub mod rollup;
pub mod worker;

pub use options::{Clock, Options};
pub use recorder::{CloseLogError, Health, OpenLogError, Recorder};
pub use rollup::{ApiRollup, Rollups, Row};
pub use worker::{Durability, NotDurable, Receipt, RecordFull, WorkerLog};
