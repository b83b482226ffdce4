//! The recorder: opens the log, runs the sequencer thread, and answers what others ask of it.

use record::Change;

use crate::rollup::Tally;
use crate::{NotDurable, Options, Rollups, WorkerLog};

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    #[error("the log in `{dir}` is not supported by this program")]
    Unsupported { dir: String },
}

/// Why a log could not be closed in good order.
#[derive(Debug, thiserror::Error)]
pub enum CloseLogError {
    #[error("the last entries could not be made durable")]
    NotDurable,
}

/// How the log is, for `/readyz` and warnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Why the last attempt to write failed; `None` while the log takes entries.
    pub fault: Option<String>,
    /// Entries lost since the log was opened.
    pub lost: u64,
}

/// A log that is open for writing.
#[derive(Debug)]
pub struct Recorder {
    _private: (),
}

impl Recorder {
    /// Opens or makes the log and starts its thread.
    pub fn open(options: Options) -> Result<(Self, Vec<WorkerLog>), OpenLogError> {
        Err(OpenLogError::Unsupported { dir: options.dir.display().to_string() })
    }

    /// Records a change of the gateway's own state; returns when it is durable.
    pub fn change(&self, change: &Change<'_>) -> Result<(), NotDurable> {
        let _ = change;
        Err(NotDurable)
    }

    /// Waits until everything that workers wrote before the call is in the log's files.
    pub fn flush(&self) {}

    /// What happened per API since the log was opened.
    #[must_use]
    pub fn rollups(&self) -> Rollups {
        Tally::default().rollups()
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        String::new()
    }

    #[must_use]
    pub fn health(&self) -> Health {
        Health { fault: None, lost: 0 }
    }

    /// Writes what is left, signs a last checkpoint and ends the thread.
    pub fn close(self) -> Result<(), CloseLogError> {
        Err(CloseLogError::NotDurable)
    }
}
