//! Revisions: files that load become one, numbered and swapped whole; files that do not change nothing.

use config::Reload;
use model::RevisionNumber;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::{NewRevision, RevisionRow};

use crate::actor::{Actor, Needs};
use crate::check::{Checked, check_with};
use crate::files::{self, Files};
use crate::state::Loaded;
use crate::{Control, ControlError, revision};

/// The most revisions that are listed.
const LISTED_MAX: u32 = 1_000;

/// A revision as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct RevisionView {
    pub number: u64,
    pub time: String,
    pub author: String,
    pub reason: String,
    /// Whether requests are judged by it.
    pub in_force: bool,
}

impl Control {
    /// Brings changed files into force where `reload: on_change` says so. Gives whether anything changed.
    pub fn reload(&self, actor: &Actor, reason: &str) -> Result<Reloaded, ControlError> {
        let waits = self
            .state()
            .loaded
            .as_ref()
            .is_some_and(|loaded| loaded.repository.gateway.reload == Reload::OnPublish);
        if waits {
            return Ok(Reloaded::Waiting);
        }
        let read = files::read_all(&self.folder)?;
        self.bring_into_force(actor, reason, read)
    }

    /// Makes the files as they are now the next revision.
    pub fn publish(&self, actor: &Actor, reason: &str) -> Result<RevisionView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        if reason.trim().is_empty() {
            return Err(ControlError::invalid("a publish needs a reason", "say why with --reason"));
        }
        let read = files::read_all(&self.folder)?;
        self.bring_into_force(actor, reason, read)?;
        let number = self.live.load().names().revision;
        let row = self.state().store.revision(number)?;
        row.map(|row| view(&row, number))
            .ok_or(ControlError::Absent { what: "revision", name: number.to_string() })
    }

    /// The newest revisions first.
    pub fn revisions(&self, actor: &Actor) -> Result<Vec<RevisionView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let in_force = self.live.load().names().revision;
        Ok(self.state().store.revisions(LISTED_MAX)?.iter().map(|row| view(row, in_force)).collect())
    }

    /// The revision of a start: the files, or with `on_publish` what was published last. Where the files do not load,
    /// the last good revision comes into force and the error is given.
    pub(crate) fn start(&self, actor: &Actor, read: Files) -> Result<(), ControlError> {
        let latest = self.state().store.latest_revision()?;
        let Some(latest) = latest else {
            return self.bring_into_force(actor, "first start", read).map(|_| ());
        };
        let published = self.state().store.revision_files(latest.number)?;
        let on_publish = config::Repository::load(&published)
            .is_ok_and(|repository| repository.gateway.reload == Reload::OnPublish);
        if on_publish {
            return self.bring_into_force(actor, "start", published).map(|_| ());
        }
        let outcome = self.bring_into_force(actor, "start", read).map(|_| ());
        if let Err(ControlError::Files(errors)) = &outcome {
            // What loaded once may not load under a newer program; then nothing is in force, which denies.
            self.bring_into_force(actor, "last good revision", published)?;
            self.state().refused.clone_from(errors);
        }
        outcome
    }

    fn bring_into_force(&self, actor: &Actor, reason: &str, read: Files) -> Result<Reloaded, ControlError> {
        let mut state = self.state();
        let content_hash = content_hash(&read);
        if state.loaded.as_ref().is_some_and(|loaded| loaded.content_hash == content_hash) {
            state.refused.clear();
            return Ok(Reloaded::Unchanged);
        }
        let checked = match check_with(&read, &mut state.validated) {
            Ok(checked) => checked,
            Err(errors) => {
                state.refused.clone_from(&errors);
                return Err(ControlError::Files(errors));
            }
        };
        let now = self.now();
        let Checked { repository, catalog, policies, warnings } = checked;
        if let Err(error) = revision::settle_observations(&mut state, &repository, now)? {
            state.refused = vec![error.clone()];
            return Err(ControlError::Files(vec![error]));
        }
        let latest = state.store.latest_revision()?;
        let number = match latest.filter(|latest| latest.content_hash == content_hash) {
            Some(same) => same.number,
            None => {
                self.record(actor, "revision.publish", &hex(&content_hash), reason)?;
                let new =
                    NewRevision { time: now, author: &actor.label(), reason, content_hash, files: &read };
                self.carried(actor, "revision.publish", &hex(&content_hash), state.store.add_revision(&new))?
                    .number
            }
        };
        let next = revision::build(&mut state, number, &repository, catalog, policies, now)?;
        self.live.set_revision(next);
        let hashes: Vec<[u8; 32]> = state.validated.hashes().copied().collect();
        state.store.remember_validated(hashes, now)?;
        state.loaded = Some(Loaded { repository, content_hash });
        state.refused.clear();
        tracing::info!(revision = number.0, warnings = warnings.len(), reason, "revision in force");
        Ok(Reloaded::InForce(number))
    }
}

/// What a reload did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    InForce(RevisionNumber),
    Unchanged,
    /// `reload: on_publish`: the files wait for `sallyport publish`.
    Waiting,
}

fn view(row: &RevisionRow, in_force: RevisionNumber) -> RevisionView {
    RevisionView {
        number: row.number.0,
        time: row.time.to_string(),
        author: row.author.clone(),
        reason: row.reason.clone(),
        in_force: row.number == in_force,
    }
}

/// Over all paths and contents, each with its length, so that no two sets of files have one hash.
fn content_hash(files: &Files) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes.as_slice()]) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn hex(hash: &[u8; 32]) -> String {
    let digits = hash.iter().take(8).flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|nibble| char::from_digit(u32::from(nibble), 16).unwrap_or('0')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_sets_of_files_share_a_hash() {
        let set = |pairs: &[(&str, &str)]| {
            content_hash(
                &pairs.iter().map(|(path, text)| (path.to_string(), text.as_bytes().to_vec())).collect(),
            )
        };
        assert_eq!(set(&[("a", "bc")]), set(&[("a", "bc")]));
        assert_ne!(set(&[("a", "bc")]), set(&[("ab", "c")]));
        assert_ne!(set(&[("a", "b"), ("c", "d")]), set(&[("a", "bcd")]));
    }
}
