//! How far the log went, kept in the store: the last signed checkpoint, at each start, every minute and at the end.
//!
//! A log folder that does not go on from it was removed or rolled back; the recorder then continues it under a new
//! origin instead of signing a second tree under the old one. The note is public and signed, so it is not sealed.

use std::time::Duration;

use model::Timestamp;
use recorder::Options;
use store::Store;

use crate::{Control, ControlError, chain};

/// Where the note stands among the store's secrets.
const NAME: &str = "log-known-checkpoint";
/// How often it is written while the log grows.
const EVERY: Duration = Duration::from_secs(60);

/// The options with what is known of the log, if anything is.
pub(crate) fn with_known(options: Options, store: &Store) -> Result<Options, ControlError> {
    match store.secret(NAME)? {
        None => Ok(options),
        Some(note) => options.with_known(&note).map_err(|error| ControlError::Log { what: chain(&error) }),
    }
}

/// Keeps the checkpoint `note`.
pub(crate) fn keep(store: &mut Store, note: &str, now: Timestamp) -> Result<(), ControlError> {
    if note.is_empty() || store.secret(NAME)?.is_some_and(|kept| kept == note.as_bytes()) {
        return Ok(());
    }
    Ok(store.put_secrets(&[(NAME, note.as_bytes())], now)?)
}

impl Control {
    /// Keeps the last checkpoint once a minute.
    pub(crate) fn keep_checkpoint(&self) -> Result<(), ControlError> {
        let now = self.now();
        let mut state = self.state();
        let written = state.store.secret_names()?.into_iter().find(|(name, _)| name == NAME);
        let is_fresh = |kept: Timestamp| kept <= now && now.since(kept) < EVERY;
        if written.is_some_and(|(_, kept)| is_fresh(kept)) {
            return Ok(());
        }
        keep(&mut state.store, &self.recorder().checkpoint(), now)
    }
}
