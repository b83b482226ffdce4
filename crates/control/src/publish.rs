//! Revisions: files that load become one, numbered and swapped whole; files that do not change nothing.

use config::Reload;
use model::{RevisionNumber, Timestamp};
use policy::ValidationCache;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::{NewRevision, RevisionRow};

use crate::actor::{Actor, Needs};
use crate::check::{Checked, check_with};
use crate::files::{self, Files};
use crate::regroup::RegroupView;
use crate::state::{Loaded, State};
use crate::tls::Material;
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

/// What a publish did.
#[derive(Clone, Debug, Serialize)]
pub struct Published {
    #[serde(flatten)]
    pub revision: RevisionView,
    /// The APIs whose groups changed, with who gains what.
    pub regrouped: Vec<RegroupView>,
}

impl Control {
    /// Brings changed files into force where `reload: on_change` says so. Gives what came of it.
    pub fn reload(&self, actor: &Actor, reason: &str) -> Result<Reloaded, ControlError> {
        self.reload_holding(&mut self.files(), Rebuild::IfChanged, actor, reason)
    }

    /// The same for a use case that has just edited the files and still holds them.
    pub(crate) fn reload_holding(
        &self,
        known: &mut ValidationCache,
        rebuild: Rebuild,
        actor: &Actor,
        reason: &str,
    ) -> Result<Reloaded, ControlError> {
        if self.waits_for_publish() {
            self.reload_tls(known, actor)?;
            return Ok(Reloaded::Waiting);
        }
        let read = files::read_all(&self.folder)?;
        self.bring_into_force(known, rebuild, actor, reason, &read)
    }

    /// Brings changed certificates, keys and authorities into force under the revision that is. Nobody publishes those: they
    /// change by themselves, for instance when they are renewed.
    fn reload_tls(&self, known: &mut ValidationCache, actor: &Actor) -> Result<(), ControlError> {
        let number = self.live.load().names().revision;
        let published = self.state().store.revision_files(number)?;
        let reason = "certificates changed";
        self.bring_into_force(known, Rebuild::IfChanged, actor, reason, &published).map(|_| ())
    }

    fn waits_for_publish(&self) -> bool {
        let state = self.state();
        state.loaded.as_ref().is_some_and(|loaded| loaded.repository.gateway.reload == Reload::OnPublish)
    }

    /// Makes the files as they are now the next revision. Operations that are in no group yet join theirs, and the answer
    /// says who gains them.
    pub fn publish(&self, actor: &Actor, reason: &str) -> Result<Published, ControlError> {
        self.demand(actor, Needs::Owner)?;
        if reason.trim().is_empty() {
            return Err(ControlError::invalid("a publish needs a reason", "say why with --reason"));
        }
        let mut known = self.files();
        let mut read = files::read_all(&self.folder)?;
        let mut plan = self.plan_groups(&mut known, &mut read, None).inspect_err(|error| {
            if let ControlError::Files(errors) = error {
                self.state().refused.clone_from(errors);
            }
        })?;
        self.write_groups(actor, &mut plan, reason)?;
        self.bring_into_force(&mut known, Rebuild::IfChanged, actor, reason, &read)?;
        let number = self.live.load().names().revision;
        let row = self.state().store.revision(number)?;
        let row = row.ok_or(ControlError::Absent { what: "revision", name: number.to_string() })?;
        plan.views.retain(|regrouped| regrouped.written);
        Ok(Published { revision: view(&row, number), regrouped: plan.views })
    }

    /// The newest revisions first.
    pub fn revisions(&self, actor: &Actor) -> Result<Vec<RevisionView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let in_force = self.live.load().names().revision;
        Ok(self.state().store.revisions(LISTED_MAX)?.iter().map(|row| view(row, in_force)).collect())
    }

    /// The revision of a start: the files, or with `on_publish` what was published last. Where the files do not come
    /// into force, for whatever reason, the last good revision does, and the error is given.
    pub(crate) fn start(&self, actor: &Actor, read: &Files) -> Result<(), ControlError> {
        let mut known = self.files();
        let latest = self.state().store.latest_revision()?;
        let Some(latest) = latest else {
            return self
                .bring_into_force(&mut known, Rebuild::IfChanged, actor, "first start", read)
                .map(|_| ());
        };
        let published = self.state().store.revision_files(latest.number)?;
        if waits(&published) {
            return self
                .bring_into_force(&mut known, Rebuild::IfChanged, actor, "start", &published)
                .map(|_| ());
        }
        let outcome = self.bring_into_force(&mut known, Rebuild::IfChanged, actor, "start", read).map(|_| ());
        if let Err(error) = &outcome {
            let refused = self.state().refused.clone();
            // What loaded once may not load under a newer program; then nothing is in force, which denies.
            let good = self.bring_into_force(
                &mut known,
                Rebuild::IfChanged,
                actor,
                "last good revision",
                &published,
            );
            if let Err(again) = good {
                tracing::error!(error = %crate::chain(&again), "the last good revision does not load either");
            }
            tracing::warn!(error = %crate::chain(error), "the last good revision stays");
            self.state().refused = refused;
        }
        outcome
    }

    /// All of the files become the revision in force, or nothing changes. Compiling is done without the state's lock.
    fn bring_into_force(
        &self,
        known: &mut ValidationCache,
        rebuild: Rebuild,
        actor: &Actor,
        reason: &str,
        read: &Files,
    ) -> Result<Reloaded, ControlError> {
        let content_hash = content_hash(read);
        if rebuild == Rebuild::IfChanged && self.is_in_force(content_hash) {
            return Ok(Reloaded::Unchanged);
        }
        let Checked { repository, catalog, policies, warnings } = match check_with(read, known) {
            Ok(checked) => checked,
            Err(errors) => {
                self.state().refused.clone_from(&errors);
                return Err(ControlError::Files(errors));
            }
        };
        let now = self.now();
        let before = self.state().tls.clone();
        let tls = Material::load(&self.folder, &repository, &before, now).map_err(|errors| {
            self.state().refused.clone_from(&errors);
            ControlError::Files(errors)
        })?;
        let mut state = self.state();
        if let Err(error) = revision::settle_observations(&mut state, &repository, now)? {
            state.refused = vec![error.clone()];
            return Err(ControlError::Files(vec![error]));
        }
        // Built before it is numbered, so that what cannot be built is not among the revisions.
        let mut next = revision::build(
            &mut state,
            RevisionNumber::NONE,
            &repository,
            catalog,
            policies,
            Some(&tls),
            now,
        )?;
        next.number = self.number(&mut state, actor, reason, read, content_hash, now)?;
        let number = next.number;
        // Before the revision that names them.
        self.tls.publish_upstreams(&tls);
        self.live.set_revision(next);
        self.tls.publish_listeners(&tls);
        note_faults(&state.tls, &tls);
        for waiting in self.tls.waiting(&repository) {
            tracing::warn!(%waiting, "a restart is needed");
        }
        state.tls = tls;
        state.loaded = Some(Loaded { repository, content_hash });
        state.refused.clear();
        let hashes: Vec<[u8; 32]> = known.hashes().copied().collect();
        // Only saves work at the next start.
        if let Err(error) = state.store.remember_validated(hashes, now) {
            tracing::warn!(error = %crate::chain(&error), "what was validated could not be remembered");
        }
        tracing::info!(revision = number.0, warnings = warnings.len(), reason, "revision in force");
        Ok(Reloaded::InForce(number))
    }

    /// Whether just these files are in force, and what they name of TLS is as it was.
    fn is_in_force(&self, content_hash: [u8; 32]) -> bool {
        let (repository, before) = {
            let state = self.state();
            match &state.loaded {
                Some(loaded) if loaded.content_hash == content_hash => {
                    (loaded.repository.clone(), state.tls.clone())
                }
                Some(_) | None => return false,
            }
        };
        let tls = Material::load(&self.folder, &repository, &before, self.now());
        let is_same = tls.is_ok_and(|tls| tls.is_same(&before));
        if is_same {
            self.state().refused.clear();
        }
        is_same
    }

    /// The number of these files: the last one's where nothing changed since, else the next, recorded and stored.
    fn number(
        &self,
        state: &mut State,
        actor: &Actor,
        reason: &str,
        read: &Files,
        content_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<RevisionNumber, ControlError> {
        let latest = state.store.latest_revision()?;
        if let Some(same) = latest.filter(|latest| latest.content_hash == content_hash) {
            return Ok(same.number);
        }
        let object = hex(&content_hash);
        self.record(actor, "revision.publish", &object, reason)?;
        let new = NewRevision { time: now, author: &actor.label(), reason, content_hash, files: read };
        let added = state.store.add_revision(&new);
        Ok(self.carried(actor, "revision.publish", &object, added)?.number)
    }
}

/// Logs what has become unusable, once, and what is usable again.
fn note_faults(before: &Material, now: &Material) {
    for fault in now.faults().iter().filter(|fault| !before.faults().contains(fault)) {
        tracing::error!(%fault, "TLS file not in force; the last good one stays where there is one");
    }
    if now.faults().is_empty() && !before.faults().is_empty() {
        tracing::info!("all TLS files are in force");
    }
}

/// Whether published files say that nothing but a publish replaces them. Where they do not load any more, under a newer
/// program, the word decides: what nobody published must not come into force because of that.
fn waits(published: &Files) -> bool {
    match config::Repository::load(published) {
        Ok(repository) => repository.gateway.reload == Reload::OnPublish,
        Err(_) => {
            let text = published.get("sallyport.yaml").map(|bytes| String::from_utf8_lossy(bytes));
            let text = text.unwrap_or_default();
            let mut uncommented = text.lines().filter_map(|line| line.split('#').next());
            uncommented.any(|line| line.contains("on_publish"))
        }
    }
}

/// Whether files that have not changed are built once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rebuild {
    /// What the store holds beside the files has changed.
    Always,
    IfChanged,
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
    fn published_files_that_no_longer_load_still_wait_for_a_publish() {
        let files = |text: &str| Files::from([("sallyport.yaml".to_owned(), text.as_bytes().to_vec())]);
        for (text, expected) in [
            ("version: 1\nreload: on_publish\nremoved_field: 1\n", true),
            ("{ version: 9, 'reload': \"on_publish\" }\n", true),
            ("version: 1\nreload: on_change   # or on_publish\nremoved_field: 1\n", false),
            ("version: 1\nremoved_field: 1\n", false),
        ] {
            assert_eq!(waits(&files(text)), expected, "{text}");
        }
    }

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
