//! What a sequencer is made of, what it is asked, and what it shows.

use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::Timestamp;
use record::Checkpoint;
use rtrb::Consumer;

use crate::intake::Intake;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::retention::Maintenance;
use crate::rollup::{Tallied, Tally};
use crate::worker::{Cell, NotDurable, Shared};

/// What others ask of the sequencer.
#[derive(Debug)]
pub(crate) enum Command {
    /// Records the change in these bytes, durably.
    Change { leaf: Vec<u8>, time: Timestamp, reply: SyncSender<Result<(), NotDurable>> },
    /// Signs a last checkpoint and ends.
    Close { reply: SyncSender<Result<(), NotDurable>> },
    /// Tallied what is durable in the log; nothing where it is not known what its files hold.
    Count { reply: SyncSender<Option<Tallied>> },
    /// Writes everything that the rings hold.
    Flush { reply: SyncSender<Result<(), NotDurable>> },
    /// Seals the active segment, so that it can be rewritten.
    Seal { reply: SyncSender<Result<(), NotDurable>> },
}

/// The figures that are read while the sequencer works.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) metrics: Metrics,
    pub(crate) tally: Tally,
    /// Why the log takes no entries; `None` while it does.
    pub(crate) fault: Option<String>,
    /// The last checkpoint as a signed note.
    pub(crate) note: String,
}

/// Whether the sequencer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something was drained.
    Busy,
    Idle,
    /// The log was closed.
    Ended,
}

/// What a sequencer is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) log: Log,
    pub(crate) intake: Arc<Mutex<Intake>>,
    /// The receipts of each worker's required entries, in their order.
    pub(crate) receipts: Vec<Consumer<Arc<Cell>>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) board: Arc<Mutex<Board>>,
    pub(crate) maintenance: Arc<Maintenance>,
    pub(crate) keep: Option<Duration>,
    /// The log that a new one continues.
    pub(crate) continues: Option<Checkpoint>,
}
