//! Files become the revision in force, all of them or nothing: checked, compared with what is in force, built, numbered, stored,
//! swapped.
//!
//! What always holds: groups of operations grow only where the act that brings the files is one that lists who gains
//! (`Growth`); whatever else brings files whose `groups.lock` grew is refused whole.

use config::{ConfigError, Repository};
use model::RevisionNumber;
use policy::ValidationCache;
use sha2::{Digest as _, Sha256};
use store::NewRevision;

use crate::actor::Actor;
use crate::apis::mode_name;
use crate::changes::{ModeChange, Side, Summary, compare, compared};
use crate::check::{Checked, check_with};
use crate::declarations::lock_of;
use crate::files::Files;
use crate::publish::Reloaded;
use crate::state::{Loaded, State};
use crate::tls::Material;
use crate::{Control, ControlError, revision};

/// Whether files that have not changed are built once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rebuild {
    /// What the store holds beside the files has changed.
    Always,
    IfChanged,
}

/// Which groups may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth<'a> {
    /// All: the act lists who gains by it.
    All,
    /// None: nobody said so.
    None,
    /// Those of one API.
    Of(&'a str),
}

/// Whether a summary says what recorded calls would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Asked,
    Left,
}

/// Under which action a revision is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Publish,
    /// Back to the files of an earlier revision.
    Rollback(RevisionNumber),
}

/// How files are brought into force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bringing<'a> {
    pub(crate) rebuild: Rebuild,
    pub(crate) growth: Growth<'a>,
    pub(crate) way: Way,
    pub(crate) actor: &'a Actor,
    pub(crate) reason: &'a str,
}

impl<'a> Bringing<'a> {
    /// As a file change, a start or an edit by a command does.
    pub(crate) const fn quietly(actor: &'a Actor, reason: &'a str) -> Self {
        Self { rebuild: Rebuild::IfChanged, growth: Growth::None, way: Way::Publish, actor, reason }
    }
}

impl Control {
    /// All of the files become the revision in force, or nothing changes. Compiling is done without the state's lock.
    pub(crate) fn bring_into_force(
        &self,
        known: &mut ValidationCache,
        bringing: &Bringing<'_>,
        read: &Files,
    ) -> Result<Reloaded, ControlError> {
        let content_hash = content_hash(read);
        if bringing.rebuild == Rebuild::IfChanged && self.is_in_force(content_hash) {
            return Ok(Reloaded::Unchanged);
        }
        let refused = |errors: Vec<ConfigError>| {
            self.state().refused.clone_from(&errors);
            ControlError::Files(errors)
        };
        let checked = check_with(read, known).map_err(refused)?;
        self.refuse_growth(&checked.repository, bringing.growth).map_err(refused)?;
        // A reload must not wait for weeks of calls; whoever publishes wants to know.
        let is_asked = bringing.growth == Growth::All || bringing.way != Way::Publish;
        let summary = self.summary_of(&checked, if is_asked { Recorded::Asked } else { Recorded::Left })?;
        let Checked { repository, catalog, policies, warnings } = checked;
        let now = self.now();
        let before = self.state().tls.clone();
        let tls = Material::load(&self.folder, &repository, &before, now).map_err(refused)?;
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
        next.number = self.number(&mut state, bringing, read, content_hash, summary.as_ref())?;
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
        let reason = bringing.reason;
        tracing::info!(revision = number.0, warnings = warnings.len(), reason, "revision in force");
        Ok(Reloaded::InForce(number))
    }

    /// What these files change against the revision in force; none where there is no revision.
    pub(crate) fn summary_of(
        &self,
        checked: &Checked,
        recorded: Recorded,
    ) -> Result<Option<Summary>, ControlError> {
        let live = self.live.load().0;
        let Some(policies) = &live.revision.policies else { return Ok(None) };
        let callers = compared(self.known_callers(&[policies, &checked.policies])?);
        let before = Side { catalog: &live.revision.catalog, policies };
        let mut summary = compare(before, Side::of(checked), &callers, self.now());
        summary.modes = self.modes_changed(checked)?;
        if recorded == Recorded::Asked {
            summary.replayed = self.replayed_for_summary(checked);
        }
        Ok(Some(summary))
    }

    /// The APIs of both sides that are enforced on one of them and observed on the other.
    fn modes_changed(&self, checked: &Checked) -> Result<Vec<ModeChange>, ControlError> {
        let (live, now, state) = (self.live.load().0, self.now(), self.state());
        let mut changed = Vec::new();
        for api in &checked.repository.apis {
            let Some(was) = live.revision.apis.iter().find(|was| was.name == api.name) else { continue };
            let before = mode_name(was.mode, now);
            let after = mode_name(state.effective_mode(api, now)?, now);
            if before != after {
                changed.push(ModeChange { api: api.name.to_string(), before, now: after });
            }
        }
        Ok(changed)
    }

    /// Refuses an edit that would bring in groups which grew by hand, before a file of it is written.
    pub(crate) fn refuse_unseen_growth(&self, files: &Files, growth: Growth<'_>) -> Result<(), ControlError> {
        if self.waits_for_publish() {
            return Ok(());
        }
        let next = Repository::load(files).map_err(ControlError::Files)?;
        self.refuse_growth(&next, growth).map_err(ControlError::Files)
    }

    /// Refuses locks that say more than those in force. An API that is not in force yet has nobody who relies on its groups.
    fn refuse_growth(&self, next: &Repository, growth: Growth<'_>) -> Result<(), Vec<ConfigError>> {
        let state = self.state();
        let Some(loaded) = &state.loaded else { return Ok(()) };
        refuse_growth(&loaded.repository, next, growth)
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
        bringing: &Bringing<'_>,
        read: &Files,
        content_hash: [u8; 32],
        summary: Option<&Summary>,
    ) -> Result<RevisionNumber, ControlError> {
        let latest = state.store.latest_revision()?;
        if let Some(same) = latest.filter(|latest| latest.content_hash == content_hash) {
            return Ok(same.number);
        }
        let (action, object) = match bringing.way {
            Way::Publish => ("revision.publish", hex(&content_hash)),
            Way::Rollback(number) => ("revision.rollback", format!("revision {number}")),
        };
        self.record(bringing.actor, action, &object, bringing.reason)?;
        let summary = summary.and_then(|summary| serde_json::to_string(summary).ok());
        let new = NewRevision {
            time: self.now(),
            author: &bringing.actor.label(),
            reason: bringing.reason,
            content_hash,
            files: read,
            summary: summary.as_deref(),
        };
        let added = state.store.add_revision(&new);
        Ok(self.carried(bringing.actor, action, &object, added)?.number)
    }
}

/// Refuses groups of `next` that hold what those of `before` do not, but for those that may grow.
pub(crate) fn refuse_growth(
    before: &Repository,
    next: &Repository,
    growth: Growth<'_>,
) -> Result<(), Vec<ConfigError>> {
    let mut errors = Vec::new();
    for api in &next.apis {
        let Some(old) = before.apis.iter().find(|old| old.name == api.name) else { continue };
        match growth {
            Growth::All => continue,
            Growth::Of(name) if name == api.name.as_str() => continue,
            Growth::None | Growth::Of(_) => {}
        }
        // Both were read before, or the files would not have come this far.
        let (Ok(old), Ok(new), Some(text)) = (lock_of(old), lock_of(api), &api.lock) else { continue };
        for (group, members) in &new.groups {
            for key in
                members.iter().filter(|key| !old.groups.get(group).is_some_and(|old| old.contains(*key)))
            {
                errors.push(ConfigError {
                    file: text.path.clone(),
                    line: line_of(&text.text, group.as_str(), key),
                    column: 1,
                    reason: format!("`{key}` joins the group `{group}`, and nobody was told who gains by it"),
                    fix: format!(
                        "run `sallyport api regroup {}` or `sallyport publish`, which list who gains; or take it out again",
                        api.name
                    ),
                });
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The line of an operation below its group, from 1.
fn line_of(text: &str, group: &str, key: &str) -> u32 {
    let from = text.find(&format!("\"{group}\"")).or_else(|| text.find(group)).unwrap_or_default();
    let at = text.get(from..).and_then(|rest| rest.find(key)).map_or(from, |at| from + at);
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    u32::try_from(line).unwrap_or(u32::MAX)
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

/// Over all paths and contents, each with its length, so that no two sets of files have one hash.
pub(crate) fn content_hash(files: &Files) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes.as_slice()]) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

pub(crate) fn hex(hash: &[u8; 32]) -> String {
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
