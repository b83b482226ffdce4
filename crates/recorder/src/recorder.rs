//! The recorder: opens the log, runs the sequencer thread, and answers what others ask of it.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use record::encode::put_change_leaf;
use record::{Change, Signer, Verifier};

use crate::continuation::Line;
use crate::intake::{Intake, Standby};
use crate::metrics::Metrics;
pub use crate::open::OpenLogError;
use crate::open::open;
use crate::retention::{self, Maintenance};
use crate::rollup::Tally;
use crate::sequencer::{Board, Command, Parts, Progress, Sequencer};
use crate::storage::{Disk, Lock, Storage};
use crate::unheeded;
use crate::worker::{Shared, ring};
use crate::{Clock, EraseError, Erased, NotDurable, Options, Rollups, Subject, Tallied, WorkerLog};

/// How often the rings are looked at while entries come.
const POLL_BUSY: Duration = Duration::from_millis(4);
/// How often when none came for [`IDLE_ROUNDS`] rounds.
const POLL_IDLE: Duration = Duration::from_millis(50);
const IDLE_ROUNDS: u32 = 250;
/// What is wrong where nothing takes entries from the workers any more.
const ENDED: &str = "the recorder's thread has ended; restart the gateway";
/// Commands that can wait for the sequencer.
const COMMANDS_MAX: usize = 64;

/// Why a log could not be closed in good order.
#[derive(Debug, thiserror::Error)]
pub enum CloseLogError {
    #[error("the last entries could not be made durable")]
    NotDurable,
    #[error("the recorder's thread has ended before")]
    Ended,
}

/// How the log is, for `/readyz` and warnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Why the last attempt to write failed; `None` while the log takes entries.
    pub fault: Option<String>,
    /// Entries lost since the log was opened.
    pub lost: u64,
    /// Where this log was begun anew because the one before did not go on from what was known of it: what happened.
    pub continued: Option<String>,
}

/// A log that is open for writing. Dropping it without [`Recorder::close`] closes it too, but tells nobody how.
#[derive(Debug)]
pub struct Recorder {
    commands: SyncSender<Command>,
    shared: Arc<Shared>,
    board: Arc<Mutex<Board>>,
    maintenance: Arc<Maintenance>,
    verifier: Verifier,
    clock: ClockOf,
    thread: Option<JoinHandle<()>>,
    /// Ends when the sequencer has.
    _standby: Standby,
    /// What happened to the log before, where this one had to be begun.
    continued: Option<String>,
    _lock: Option<Lock>,
}

/// A clock without a `Debug` of its own.
struct ClockOf(Clock);

impl std::fmt::Debug for ClockOf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}

impl Recorder {
    /// Opens or makes the log in `options.dir` and starts its thread. A log that does not go on from
    /// `options.known` is moved aside whole, and a new one is begun that names it; [`Health::continued`] says so.
    pub fn open(options: Options) -> Result<(Self, Vec<WorkerLog>), OpenLogError> {
        let Some(known) = options.known.clone() else { return Self::open_locked(options) };
        let line = Line::of(&options.origin, &known)?;
        let disk = Disk::new(&options.dir);
        let next = || Options {
            origin: line.next.clone(),
            continues: Some(known.clone()),
            known: None,
            ..options.clone()
        };
        let what = if line.is_continued(&disk) {
            // The last time it was begun, and nobody got to know.
            format!("the log goes on from nothing that is known of it over {} entries", known.size)
        } else {
            let found = match Self::open_locked(Options { origin: known.origin.clone(), ..options.clone() }) {
                Err(OpenLogError::Forked { found, .. }) => found,
                opened => return opened,
            };
            let aside = line.set_aside(&options.dir, &disk)?;
            let kept =
                aside.map_or_else(|| "it is gone".to_owned(), |at| format!("it is in {}", at.display()));
            let size = known.size;
            let holds = if found < size { format!("holds {found}") } else { "holds others".to_owned() };
            format!("the log was signed over {size} entries and {holds}; {kept}")
        };
        let what = format!("{what}; `{}` continues `{}`", line.next, known.origin);
        tracing::warn!(reason = %what, "a log was removed or rolled back");
        let (mut recorder, workers) = Self::open_locked(next())?;
        recorder.continued = Some(what);
        Ok((recorder, workers))
    }

    fn open_locked(options: Options) -> Result<(Self, Vec<WorkerLog>), OpenLogError> {
        let disk = Disk::new(&options.dir);
        let lock = disk.lock()?;
        let (mut recorder, workers) = Self::open_on(Arc::new(disk), options)?;
        recorder._lock = Some(lock);
        Ok((recorder, workers))
    }

    /// Opens the log on any storage that nobody else writes to.
    pub fn open_on(
        storage: Arc<dyn Storage>,
        options: Options,
    ) -> Result<(Self, Vec<WorkerLog>), OpenLogError> {
        let (mut sequencer, parts, workers) = prepare(storage, &options)?;
        let clock = options.clock;
        let ticking = Arc::clone(&clock);
        let standby = Standby::start(sequencer.intake()).map_err(OpenLogError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || run(&mut sequencer, &ticking))
            .map_err(OpenLogError::Thread)?;
        // The cell is new, so this is the first and only value.
        drop(parts.shared.thread.set(thread.thread().clone()));
        let Handles { commands, shared, board, maintenance, verifier } = parts;
        let recorder = Self {
            commands,
            shared,
            board,
            maintenance,
            verifier,
            clock: ClockOf(clock),
            thread: Some(thread),
            _standby: standby,
            continued: None,
            _lock: None,
        };
        Ok((recorder, workers))
    }

    /// Records a change of the gateway's own state; returns when it is durable. Blocks for a sync of the disk.
    pub fn change(&self, change: &Change<'_>) -> Result<(), NotDurable> {
        let mut leaf = Vec::new();
        put_change_leaf(&mut leaf, change);
        let time = change.time;
        self.done(|reply| Command::Change { leaf, time, reply })
    }

    /// Waits until everything that workers wrote before the call is in the log's files.
    pub fn flush(&self) -> Result<(), NotDurable> {
        self.done(|reply| Command::Flush { reply })
    }

    /// Erases the personal parts of a subject, those recorded up to now included.
    pub fn erase(&self, subject: &Subject) -> Result<Erased, EraseError> {
        self.flush().map_err(|_| EraseError::NotSealed)?;
        self.done(|reply| Command::Seal { reply }).map_err(|_| EraseError::NotSealed)?;
        retention::erase(&self.maintenance, subject)
    }

    /// What happened per API since the log was opened, and up to where that is durable in the log; `None` where it is
    /// not known what the log's files hold. Blocks for a sync of the disk.
    #[must_use]
    pub fn counts(&self) -> Option<Tallied> {
        self.ask(|reply| Command::Count { reply })?
    }

    /// What happened per API since the log was opened.
    #[must_use]
    pub fn rollups(&self) -> Rollups {
        self.board.lock().map_or_else(|_| Rollups::default(), |board| board.tally.rollups())
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        let (ended, lost) = (self.has_ended(), self.lost_in_rings());
        self.board.lock().map_or_else(
            |_| String::new(),
            |mut board| {
                board.metrics.log.lost_ring = lost;
                board.metrics.connections = self.shared.connections.load(Ordering::Relaxed);
                let counts = board.metrics.handshakes.iter_mut().zip(&self.shared.handshakes);
                counts.for_each(|(shown, count)| *shown = count.load(Ordering::Relaxed));
                if ended {
                    board.metrics.log.faulty = 1;
                }
                board.metrics.render()
            },
        )
    }

    /// Whether the log takes entries, and how many were lost.
    #[must_use]
    pub fn health(&self) -> Health {
        let lost = self.lost_in_rings();
        let (fault, lost) = match self.board.lock() {
            Ok(board) if !self.has_ended() => (board.fault.clone(), lost + board.metrics.log.lost_write),
            Ok(board) => (Some(ENDED.to_owned()), lost + board.metrics.log.lost_write),
            Err(_) => (Some(ENDED.to_owned()), lost),
        };
        Health { fault, lost, continued: self.continued.clone() }
    }

    /// Whether nothing drains the rings any more. Only a fault of the program ends the thread before the log is closed.
    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn lost_in_rings(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// The last signed checkpoint, as a note: what to keep elsewhere as [`Options::known`]. Empty if the recorder's
    /// thread has ended.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.board.lock().map_or_else(|_| String::new(), |board| board.note.clone())
    }

    /// What verifies this log's checkpoints.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Now, by the recorder's clock.
    #[must_use]
    pub fn now(&self) -> model::Timestamp {
        (self.clock.0)()
    }

    /// Writes what is left, signs a last checkpoint and ends the thread.
    pub fn close(mut self) -> Result<(), CloseLogError> {
        let closed = self.done(|reply| Command::Close { reply });
        let joined = self.thread.take().map(JoinHandle::join);
        match (closed, joined) {
            (Ok(()), Some(Ok(()))) => Ok(()),
            (Err(NotDurable), Some(Ok(()))) => Err(CloseLogError::NotDurable),
            (_, Some(Err(_)) | None) => Err(CloseLogError::Ended),
        }
    }

    /// Asks for something that is done or not.
    fn done(
        &self,
        command: impl FnOnce(SyncSender<Result<(), NotDurable>>) -> Command,
    ) -> Result<(), NotDurable> {
        self.ask(command).unwrap_or(Err(NotDurable))
    }

    /// Asks the sequencer; `None` where it has ended.
    fn ask<T>(&self, command: impl FnOnce(SyncSender<T>) -> Command) -> Option<T> {
        let (reply, answer) = sync_channel(1);
        self.commands.send(command(reply)).ok()?;
        if let Some(thread) = self.shared.thread.get() {
            thread.unpark();
        }
        answer.recv().ok()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            unheeded(self.done(|reply| Command::Close { reply }));
            drop(thread.join());
        }
    }
}

/// What the handle keeps of what was prepared.
#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) commands: SyncSender<Command>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) board: Arc<Mutex<Board>>,
    pub(crate) maintenance: Arc<Maintenance>,
    verifier: Verifier,
}

/// Opens the log and makes everything but the thread.
pub(crate) fn prepare(
    storage: Arc<dyn Storage>,
    options: &Options,
) -> Result<(Sequencer, Handles, Vec<WorkerLog>), OpenLogError> {
    let signer = Signer::from_seed(&options.origin, &options.signing_seed)
        .map_err(|cause| OpenLogError::Signer { origin: options.origin.clone(), cause })?;
    let verifier = signer.verifier().clone();
    let now = (options.clock)();
    let (log, ending) =
        open(Arc::clone(&storage), signer, options.segment_bytes, options.known.as_ref(), now)?;
    let shared = Arc::new(Shared::default());
    let (logs, ends): (_, Vec<_>) =
        (0..options.workers.get()).map(|_| ring(options.ring_bytes, &shared)).unzip();
    let (rings, receipts) = ends.into_iter().map(|end| (end.ring, end.receipts)).unzip();
    let intake = Arc::new(Mutex::new(Intake::new(rings, options.set_aside_bytes)));
    let board = Arc::new(Mutex::new(Board {
        metrics: Metrics::new(),
        tally: Tally::default(),
        fault: None,
        note: String::new(),
    }));
    let maintenance = Arc::new(Maintenance::new(storage));
    let (commands, receiver) = sync_channel(COMMANDS_MAX);
    let parts = Parts {
        log,
        intake,
        receipts,
        shared: Arc::clone(&shared),
        commands: receiver,
        board: Arc::clone(&board),
        maintenance: Arc::clone(&maintenance),
        keep: options.keep,
        continues: options.continues.clone(),
    };
    let sequencer = Sequencer::start(parts, ending, now).map_err(OpenLogError::Start)?;
    Ok((sequencer, Handles { commands, shared, board, maintenance, verifier }, logs))
}

/// The thread: rounds, with a rest between them that a required entry or a command cuts short.
fn run(sequencer: &mut Sequencer, clock: &Clock) {
    let mut idle = 0_u32;
    loop {
        match sequencer.step(clock()) {
            Progress::Ended => return,
            Progress::Busy => idle = 0,
            Progress::Idle => idle = idle.saturating_add(1),
        }
        std::thread::park_timeout(if idle < IDLE_ROUNDS { POLL_BUSY } else { POLL_IDLE });
    }
}

#[cfg(test)]
mod tests;
