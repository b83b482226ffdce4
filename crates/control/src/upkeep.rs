//! What is due from time to time while a gateway runs, and at its end: stops, counts and last uses go into the store, a
//! signing key is replaced when it is old, and what outlived the records is removed.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use model::{KeyId, Timestamp};
use recorder::LogReader;

use crate::actor::Actor;
use crate::status::day_of;
use crate::{Control, ControlError, chain, known_log, secrets};

/// For how many days counts are kept.
pub(crate) const ROLLUP_DAYS: i64 = 31;
/// For how long records are kept where no revision says.
pub(crate) const KEEP: Duration = Duration::from_secs(90 * 86_400);

impl Control {
    /// What is done every few seconds. A part that fails is tried again and keeps none of the others from being done.
    pub fn keep_up(&self) -> Result<(), ControlError> {
        let kept = [self.settle_stops(), self.flush_rollups(), self.flush_usage(), self.keep_checkpoint()];
        let more = [
            self.keep_claimed(),
            self.renew_signing_key(),
            self.remove_ended_blocks(),
            self.remove_old(),
            self.keep_inventory(),
            self.keep_usage(),
            self.tell_endings(),
        ];
        kept.into_iter().chain(more).collect()
    }

    /// Carries what is left into the store and closes the log.
    pub fn close(self) -> Result<(), ControlError> {
        let kept: Result<(), ControlError> = [
            self.settle_stops(),
            self.flush_rollups(),
            self.flush_usage(),
            self.keep_claimed(),
            self.close_inventory(),
            self.close_usage(),
        ]
        .into_iter()
        .collect();
        let closed = self.recorder.close().map_err(|error| ControlError::Log { what: chain(&error) });
        let now = (self.outside.clock)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = LogReader::open(&self.log_folder)
            .checkpoint()
            .map_err(|error| ControlError::Log { what: chain(&error) })
            .and_then(|note| known_log::keep(&mut state.store, &note, now));
        kept.and(closed).and(known)
    }

    /// Stops that log or store did not take are carried there before anything else: what is counted up to an entry is
    /// taken for stored up to it.
    fn settle_stops(&self) -> Result<(), ControlError> {
        self.settle(&mut self.state())
    }

    fn flush_usage(&self) -> Result<(), ControlError> {
        let snapshot = self.live().load();
        let mut state = self.state();
        let since = state.usage_flushed;
        let used: Vec<(KeyId, Timestamp)> = snapshot
            .keys()
            .iter()
            .filter_map(|key| key.usage.last().map(|last| (key.id, last)))
            .filter(|(_, last)| since <= *last)
            .collect();
        if let Some(newest) = used.iter().map(|(_, last)| *last).max() {
            state.store.flush_usage(&used)?;
            state.usage_flushed = newest;
        }
        Ok(())
    }

    /// Replaces the key that signs assertions when it is due. The new one is published before it signs, and the one
    /// before stays published until the next is due, so no assertion is out without its key.
    fn renew_signing_key(&self) -> Result<(), ControlError> {
        let now = self.now();
        let mut state = self.state();
        if now < state.signing_due {
            return Ok(());
        }
        self.record(&Actor::gateway(), "signing_key.rotate", "assertion signing key", "due")?;
        let signing = secrets::signing(&mut state.store, &self.outside.master, now)?;
        state.signing_due = signing.due;
        self.jwks.store(Arc::new(signing.jwks()));
        if let Some(newest) = signing.signers.into_iter().next() {
            self.live().set_signer(Arc::new(newest));
        }
        Ok(())
    }

    /// Once a day: revisions that no kept record names, and counts that nobody asks for any more.
    fn remove_old(&self) -> Result<(), ControlError> {
        let now = self.now();
        let today = day_of(now);
        let mut state = self.state();
        if state.removed_on == Some(today) {
            return Ok(());
        }
        let keep = state.loaded.as_ref().map_or(KEEP, |loaded| loaded.repository.gateway.record.keep);
        state.store.remove_revisions_before(now.minus(keep))?;
        state.store.remove_rollups_before(today.saturating_sub(ROLLUP_DAYS))?;
        state.removed_on = Some(today);
        Ok(())
    }
}
