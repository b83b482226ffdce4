//! The sequencer: drains the rings, makes leaves, and decides when to write, sync, sign, seal and prune.
//!
//! [`Sequencer::step`] does one round and never waits but for the disk; the thread around it is in `recorder`.
//! Every entry that leaves a ring either reaches the log or is counted as lost.

mod parts;

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::Timestamp;
use record::encode::{
    put_closed_leaf, put_completed_leaf, put_decided_leaf, put_loss_leaf, put_opened_leaf, put_pruned_leaf,
    put_whole_leaf,
};
use record::segment::index::Indexed;
use record::{
    Closed, Completed, Continued, DecidedHead, Ending, Loss, LossCause, Opened, PersonalView, Pruned, Stored,
};
use rtrb::Consumer;

use crate::intake::Intake;
use crate::join::{Held, Join, id_of};
use crate::log::{Log, WriteLogError};
use crate::retention::Maintenance;
use crate::rollup::{Seen, Tallied};
use crate::salts::{NOTHING, Salts, commit};
use crate::unheeded;
use crate::worker::{Cell, Message, NotDurable, Shared, split_message};
pub(crate) use parts::{Board, Command, Parts, Progress};

/// How often a checkpoint is signed while there is something to sign.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// How old a segment gets before it is sealed, so that retention can let go of it.
const SEGMENT_AGE: Duration = Duration::from_secs(24 * 3_600);
/// How long the log rests after a failed write before it is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// The memory that is kept for the next batch of entries.
const BATCH_BYTES: usize = 1 << 20;
/// How often retention looks for something to prune.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
pub(crate) struct Sequencer {
    log: Log,
    intake: Arc<Mutex<Intake>>,
    receipts: Vec<Consumer<Arc<Cell>>>,
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    board: Arc<Mutex<Board>>,
    maintenance: Arc<Maintenance>,
    keep: Option<Duration>,
    join: Join,
    batch: Vec<u8>,
    leaf: Vec<u8>,
    salts: Salts,
    /// Receipts of entries that were appended and not synced yet.
    awaited: Vec<Arc<Cell>>,
    replies: Vec<SyncSender<Result<(), NotDurable>>>,
    ring_losses_seen: u64,
    /// Losses that no entry tells of yet.
    untold_ring: u64,
    untold_write: u64,
    /// Entries about losses that this round appended.
    telling: u64,
    retry_at: Option<Timestamp>,
    checkpoint_at: Timestamp,
    prune_at: Timestamp,
}

/// A thread that held what is shared has ended while it did.
struct Poisoned;

impl Sequencer {
    /// A sequencer over an opened log, whose opening it records durably.
    pub(crate) fn start(parts: Parts, ending: Ending, now: Timestamp) -> Result<Self, WriteLogError> {
        let Parts { log, intake, receipts, shared, commands, board, maintenance, keep, continues } = parts;
        let mut sequencer = Self {
            log,
            intake,
            receipts,
            shared,
            commands,
            board,
            maintenance,
            keep,
            join: Join::default(),
            batch: Vec::new(),
            leaf: Vec::new(),
            salts: Salts::default(),
            awaited: Vec::new(),
            replies: Vec::new(),
            ring_losses_seen: 0,
            untold_ring: 0,
            untold_write: 0,
            telling: 0,
            retry_at: None,
            checkpoint_at: now.plus(CHECKPOINT_EVERY),
            prune_at: now,
        };
        let origin = sequencer.log.verifier().name().to_owned();
        let software = env!("CARGO_PKG_VERSION");
        let continues = match (&continues, ending) {
            (Some(other), Ending::New) => {
                Some(Continued { origin: &other.origin, size: other.size, root: other.root.0 })
            }
            (Some(_), Ending::Closed | Ending::Torn { .. }) | (None, _) => None,
        };
        sequencer.append_own(now, |leaf| {
            put_opened_leaf(
                leaf,
                &Opened { time: now, origin: &origin, software, before: ending, continues },
            );
        });
        sequencer.log.checkpoint()?;
        sequencer.publish();
        Ok(sequencer)
    }

    /// Where the workers' entries come in.
    pub(crate) const fn intake(&self) -> &Arc<Mutex<Intake>> {
        &self.intake
    }

    /// One round: drain, append, and write as far as anyone waits for it.
    pub(crate) fn step(&mut self, now: Timestamp) -> Progress {
        let mut progress = Progress::Idle;
        let mut closing = Vec::new();
        let mut counting = Vec::new();
        let mut sealing = Vec::new();
        let mut whole = Vec::new();
        while let Ok(command) = self.commands.try_recv() {
            progress = Progress::Busy;
            match command {
                Command::Change { leaf, time, reply } => {
                    self.append_own(time, |out| out.extend_from_slice(&leaf));
                    self.replies.push(reply);
                }
                Command::Close { reply } => closing.push(reply),
                Command::Count { reply } => counting.push(reply),
                Command::Flush { reply } => whole.push(reply),
                Command::Seal { reply } => sealing.push(reply),
            }
        }
        if self.drain(now) == Progress::Busy {
            progress = Progress::Busy;
        }
        let release = closing.is_empty() && whole.is_empty() && sealing.is_empty();
        self.release(if release { now } else { Timestamp::MAX });
        self.tell_losses(now);
        let outcome = self.commit(now);
        whole.iter().for_each(|reply| unheeded(reply.try_send(outcome)));
        counting.iter().for_each(|reply| unheeded(reply.try_send(self.count(now))));
        if !sealing.is_empty() {
            let sealed = self.attempt(now, |log| log.seal(now));
            sealing.iter().for_each(|reply| unheeded(reply.try_send(sealed)));
        }
        self.prune(now);
        if !closing.is_empty() {
            self.append_own(now, |leaf| put_closed_leaf(leaf, &Closed { time: now }));
            self.retry_at = None;
            let closed = self.attempt(now, Log::checkpoint).and_then(|()| self.attempt(now, Log::sync));
            closing.iter().for_each(|reply| unheeded(reply.try_send(closed)));
            progress = Progress::Ended;
        }
        self.publish();
        progress
    }

    /// Takes everything that the workers handed over. What was set aside is written in parts, so that it is not held in
    /// memory twice.
    fn drain(&mut self, now: Timestamp) -> Progress {
        let mut progress = Progress::Idle;
        loop {
            let Ok((taken, remains)) = self.drain_once(now) else { return progress };
            if taken == Progress::Busy {
                progress = Progress::Busy;
            }
            if !remains {
                return progress;
            }
            if self.retry_at.is_none() {
                // What it took back is counted; the round goes on and tells of it.
                unheeded(self.attempt(now, Log::write));
            }
        }
    }

    /// Takes a part of what each worker handed over, and says whether something remains that was set aside.
    fn drain_once(&mut self, now: Timestamp) -> Result<(Progress, bool), Poisoned> {
        let board = Arc::clone(&self.board);
        let mut board = board.lock().map_err(|_| Poisoned)?;
        let mut progress = Progress::Idle;
        let mut batch = std::mem::take(&mut self.batch);
        for worker in 0..self.receipts.len() {
            self.intake.lock().map_err(|_| Poisoned)?.take(worker, &mut batch);
            if batch.is_empty() {
                continue;
            }
            progress = Progress::Busy;
            board.metrics.log.ring_bytes_max = board.metrics.log.ring_bytes_max.max(batch.len() as u64);
            let mut rest = &batch[..];
            while let Some((message, public, personal, tail)) = split_message(rest) {
                rest = tail;
                board.metrics.log.entries += 1;
                self.take(&mut board, worker, now, (message, public, personal));
            }
        }
        batch.clear();
        batch.shrink_to(BATCH_BYTES);
        self.batch = batch;
        let mut intake = self.intake.lock().map_err(|_| Poisoned)?;
        intake.come_round();
        board.metrics.log.set_aside_bytes_max = intake.fullest();
        Ok((progress, intake.has_set_aside()))
    }

    fn take(&mut self, board: &mut Board, worker: usize, now: Timestamp, parts: (Message, &[u8], &[u8])) {
        let (message, public, personal) = parts;
        let Some(id) = id_of(public) else { return };
        match message {
            Message::Counted => {
                self.join.hold(id, now, public, personal);
            }
            Message::Required => {
                self.decided_alone(board, id, public, personal);
                let receipt = self.receipts.get_mut(worker).and_then(|receipts| receipts.pop().ok());
                self.awaited.extend(receipt);
            }
            Message::Completed => match self.join.take(id) {
                Some(held) => {
                    self.whole(board, &held, public);
                    self.join.recycle(held);
                }
                None => self.completed_alone(board, id, public),
            },
        }
    }

    /// What was counted, and up to where it is durable in the log. Behind a failed write the files may hold more than
    /// the log believes, and a crash would leave that to be counted again; so they are cut back and synced first.
    fn count(&mut self, now: Timestamp) -> Option<Tallied> {
        self.attempt(now, Log::sync).ok()?;
        let rollups = self.board.lock().ok()?.tally.rollups();
        Some(Tallied { rollups, next: self.log.durable_size() })
    }

    /// Appends decisions that have waited long enough for their endings.
    fn release(&mut self, now: Timestamp) {
        if self.join.is_empty() {
            return;
        }
        let board = Arc::clone(&self.board);
        let Ok(mut board) = board.lock() else { return };
        while let Some((id, held)) = self.join.overdue(now) {
            self.decided_alone(&mut board, id, &held.public, &held.personal);
            self.join.recycle(held);
        }
    }

    fn decided_alone(&mut self, board: &mut Board, id: u128, public: &[u8], personal: &[u8]) {
        let part = self.salts.salted(personal);
        let mut leaf = std::mem::take(&mut self.leaf);
        leaf.clear();
        put_decided_leaf(&mut leaf, public, &commit(&part.unwrap_or(NOTHING)));
        if let Some(slot) = self.append_decided(board, &Stored { leaf: &leaf, personal: part }, public) {
            self.join.open(id, slot);
        }
        self.leaf = leaf;
    }

    fn whole(&mut self, board: &mut Board, held: &Held, completed: &[u8]) {
        let part = self.salts.salted(&held.personal);
        let mut leaf = std::mem::take(&mut self.leaf);
        leaf.clear();
        put_whole_leaf(&mut leaf, &held.public, &commit(&part.unwrap_or(NOTHING)), completed);
        let slot = self.append_decided(board, &Stored { leaf: &leaf, personal: part }, &held.public);
        if let (Some(slot), Ok(ending)) = (slot, Completed::decode(completed)) {
            board.metrics.completed(slot, &ending);
        }
        self.leaf = leaf;
    }

    fn append_decided(
        &mut self,
        board: &mut Board,
        stored: &Stored<'_>,
        public: &[u8],
    ) -> Option<crate::metrics::ApiSlot> {
        // The worker's own encoder wrote both; what does not decode here could never be read again.
        let view = DecidedHead::decode(public).ok()?;
        let client = match stored.personal {
            Some(part) => PersonalView::client_of(part.bytes).ok()?,
            None => record::ClientRef::Anonymous,
        };
        let entry = Indexed {
            id: Some(view.id),
            time: view.time,
            verdict: Some(view.verdict),
            operation: view.operation,
            client: Some(client),
        };
        self.log.append(stored, &entry);
        let slot = board.metrics.slot(view.api);
        board.metrics.decided(slot, view.verdict, view.reason);
        board.tally.count(&Seen {
            api: view.api,
            operation: view.operation,
            client,
            verdict: view.verdict,
            reason: view.reason,
            time: view.time,
        });
        Some(slot)
    }

    fn completed_alone(&mut self, board: &mut Board, id: u128, completed: &[u8]) {
        let Ok(ending) = Completed::decode(completed) else { return };
        let slot = self.join.close(id).unwrap_or_else(|| board.metrics.slot(""));
        board.metrics.completed(slot, &ending);
        self.leaf.clear();
        put_completed_leaf(&mut self.leaf, completed);
        let entry =
            Indexed { id: Some(ending.id), time: ending.time, verdict: None, operation: "", client: None };
        self.log.append(&Stored { leaf: &self.leaf, personal: None }, &entry);
    }

    /// Appends an entry about the log or the gateway itself.
    fn append_own(&mut self, time: Timestamp, put: impl FnOnce(&mut Vec<u8>)) {
        self.leaf.clear();
        put(&mut self.leaf);
        let entry = Indexed { id: None, time, verdict: None, operation: "", client: None };
        self.log.append(&Stored { leaf: &self.leaf, personal: None }, &entry);
    }

    fn tell_losses(&mut self, now: Timestamp) {
        let lost = self.shared.lost.load(Ordering::Relaxed);
        self.untold_ring += lost.saturating_sub(self.ring_losses_seen);
        self.ring_losses_seen = lost;
        self.telling = 0;
        if self.retry_at.is_some_and(|at| self.rests(now, at)) {
            return;
        }
        for (cause, count) in
            [(LossCause::RingFull, self.untold_ring), (LossCause::WriteFailed, self.untold_write)]
        {
            if 0 < count {
                self.telling += 1;
                self.append_own(now, |leaf| put_loss_leaf(leaf, &Loss { time: now, cause, count }));
            }
        }
    }

    /// Whether the log rests until `at`; a clock that went back ends the rest.
    fn rests(&self, now: Timestamp, at: Timestamp) -> bool {
        now < at && at <= now.plus(RETRY_AFTER)
    }

    /// Writes what was appended; syncs if anyone waits; checkpoints when it is time. An error where that took entries
    /// back.
    fn commit(&mut self, now: Timestamp) -> Result<(), NotDurable> {
        if self.retry_at.is_some_and(|at| self.rests(now, at)) {
            let lost = self.log.drop_pending();
            self.fail(lost);
            return Err(NotDurable);
        }
        let waited = !self.awaited.is_empty() || !self.replies.is_empty();
        let due = self.checkpoint_at <= now || now.plus(CHECKPOINT_EVERY) < self.checkpoint_at;
        let probes = self.retry_at.is_some();
        self.attempt(now, |log| if waited { log.sync() } else { log.write() })?;
        self.untold_ring = 0;
        self.untold_write = 0;
        self.awaited.drain(..).for_each(|cell| cell.settle(Ok(())));
        self.replies.drain(..).for_each(|reply| unheeded(reply.try_send(Ok(()))));
        let mut kept = Ok(());
        if due || probes {
            self.checkpoint_at = now.plus(CHECKPOINT_EVERY);
            kept = self.attempt(now, Log::checkpoint);
        }
        if self.log.is_full(now, SEGMENT_AGE) {
            let sealed = self.attempt(now, |log| log.seal(now));
            kept = kept.and(sealed);
        }
        // A write that found nothing to do says nothing; with the checkpoint, whatever failed before was tried again.
        if probes && kept.is_ok() {
            self.recovered();
        }
        kept
    }

    /// The log takes entries again.
    fn recovered(&mut self) {
        self.retry_at = None;
        if let Ok(mut board) = self.board.lock()
            && board.fault.take().is_some()
        {
            tracing::info!("the log takes entries again");
        }
    }

    /// Runs an operation on the log; where it fails, counts what went back and rests.
    fn attempt(
        &mut self,
        now: Timestamp,
        operation: impl FnOnce(&mut Log) -> Result<(), WriteLogError>,
    ) -> Result<(), NotDurable> {
        let before = self.log.size();
        match operation(&mut self.log) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.retry_at = Some(now.plus(RETRY_AFTER));
                let text = crate::error_text(&error);
                let known = match self.board.lock() {
                    Ok(mut board) => board.fault.replace(text.clone()),
                    Err(_) => None,
                };
                // Said once: it is tried twice a second, and nobody reads the same line a thousand times.
                if known.as_ref() != Some(&text) {
                    tracing::error!(error = %text, "the log takes no entries");
                }
                let lost = before.saturating_sub(self.log.size());
                self.fail(lost);
                Err(NotDurable)
            }
        }
    }

    /// Tells who waits that it was in vain, and counts.
    fn fail(&mut self, lost: u64) {
        self.awaited.drain(..).for_each(|cell| cell.settle(Err(NotDurable)));
        self.replies.drain(..).for_each(|reply| unheeded(reply.try_send(Err(NotDurable))));
        let lost = lost.saturating_sub(std::mem::take(&mut self.telling));
        self.untold_write += lost;
        if let Ok(mut board) = self.board.lock() {
            board.metrics.log.lost_write += lost;
        }
    }

    fn prune(&mut self, now: Timestamp) {
        let Some(keep) = self.keep else { return };
        let due = self.prune_at <= now || now.plus(PRUNE_EVERY) < self.prune_at;
        if !due || self.retry_at.is_some() {
            return;
        }
        self.prune_at = now.plus(PRUNE_EVERY);
        let maintenance = Arc::clone(&self.maintenance);
        let Some(busy) = maintenance.try_busy() else { return };
        let Some(due) = busy.due(self.log.active(), now.minus(keep)) else { return };
        // INVARIANT: the log says what goes, under a signature, before it goes.
        let pruned = Pruned { time: now, before: due.before, segments: due.segments() };
        self.append_own(now, |leaf| put_pruned_leaf(leaf, &pruned));
        if self.attempt(now, Log::checkpoint).is_err() {
            return;
        }
        if let Err(error) = busy.remove(&due) {
            tracing::warn!(error = %error, "old segments could not be removed; it is tried again in an hour");
        }
    }

    fn publish(&mut self) {
        let Ok(mut board) = self.board.lock() else { return };
        let log = &mut board.metrics.log;
        log.lost_ring = self.ring_losses_seen;
        log.size = self.log.size();
        log.faulty = u64::from(self.retry_at.is_some());
        let signed = self.log.checkpointed_size();
        if signed != std::mem::replace(&mut log.checkpoint_size, signed) {
            board.note.clear();
            board.note.push_str(self.log.checkpoint_note());
        }
    }
}

/// However the sequencer ends, nobody waits for it any longer.
impl Drop for Sequencer {
    fn drop(&mut self) {
        self.awaited.drain(..).for_each(|cell| cell.settle(Err(NotDurable)));
        for receipts in &mut self.receipts {
            while let Ok(cell) = receipts.pop() {
                cell.settle(Err(NotDurable));
            }
        }
    }
}

#[cfg(test)]
mod tests;
