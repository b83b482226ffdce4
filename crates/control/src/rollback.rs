//! Back to the files of an earlier revision, as a new revision, in one act.
//!
//! The files on disk are replaced as well: with `reload: on_change` the next event would otherwise bring back what was just
//! rolled back, and with `on_publish` the next publish would. What always holds: nothing is lost (files that are in no
//! revision are copied away first), the number grows, and a process that is killed in between ends the act at its next start.

use std::fs;
use std::path::{Path, PathBuf};

use model::RevisionNumber;
use policy::ValidationCache;
use serde::Serialize;
use serde_json::Value;
use store::RevisionRow;

use crate::actor::{Actor, Needs};
use crate::changes::Summary;
use crate::check::{Checked, check_with};
use crate::files::{self, Files, FilesError};
use crate::force::{Bringing, Growth, Recorded, Way, content_hash, hex};
use crate::history::{FileChange, does_not_load, files_between};
use crate::probes::{self, Probes};
use crate::publish::{Reloaded, RevisionView};
use crate::reasons::given;
use crate::{Control, ControlError};

/// The most paths that a refusal names.
const NAMED_MAX: usize = 5;
/// The folder below the state that keeps what a rollback replaced.
const REPLACED: &str = "replaced";
/// The file below the state that says which files are being written.
const UNFINISHED: &str = "rollback";

/// Whether files that are in no revision may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// After a copy of them was made.
    Copied,
    Refused,
}

/// What a rollback is to do.
#[derive(Clone, Debug)]
pub struct RollbackOrder {
    pub number: u64,
    pub reason: String,
    pub overwrite: Overwrite,
    /// Only say what would happen.
    pub act: RollbackAct,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackAct {
    DryRun,
    Roll,
}

/// What a rollback did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct RolledBack {
    /// The revision in force: the new one.
    #[serde(flatten)]
    pub revision: RevisionView,
    pub dry_run: bool,
    /// The revision that was in force before.
    pub from: u64,
    /// The revision whose files these are.
    pub to: u64,
    /// What becomes of the files of the folder.
    pub files: Vec<FileChange>,
    /// Where the files are that were replaced and are in no revision.
    pub kept: Option<String>,
    /// Why the files could not be written, where they could not; the revision is in force all the same.
    pub unwritten: Option<String>,
    /// What changes for whom: a [`Summary`].
    pub summary: Option<Value>,
    pub probes: Probes,
}

/// What a rollback starts from.
struct Ground {
    number: RevisionNumber,
    /// The files in force.
    current: Files,
    working: Files,
    target: Files,
    /// Files of the folder that are not as they are in force.
    astray: Vec<String>,
}

impl Control {
    /// Makes the files of an earlier revision a new one and writes them into the folder.
    pub fn rollback(&self, actor: &Actor, order: &RollbackOrder) -> Result<RolledBack, ControlError> {
        self.demand(actor, Needs::Owner)?;
        if order.act == RollbackAct::Roll {
            given(&order.reason, "a rollback")?;
        }
        let mut known = self.files();
        let ground = self.ground(order)?;
        let checked =
            check_with(&ground.target, &mut known).map_err(|errors| does_not_load(order.number, errors))?;
        let from = self.live.load().names().revision;
        let changes = files_between(&ground.working, &ground.target);
        if order.act == RollbackAct::DryRun {
            return self.planned(&checked, &ground, from, changes);
        }
        self.demand_owner_of_changes(actor, &ground.current, &ground.target, &checked)?;
        let kept = self.keep_astray(&ground, from)?;
        let marker = self.state_folder().join(UNFINISHED);
        let hash = hex(&content_hash(&ground.target));
        fs::write(&marker, &hash).map_err(|cause| FilesError::Write { path: marker.clone(), cause })?;
        let outcome = self.roll(actor, order, &mut known, ground.number, &ground.target);
        let came = match outcome {
            Ok(came) => came,
            Err(error) => {
                discard(&marker);
                return Err(error);
            }
        };
        let unwritten = self.write_files(&ground.working, &ground.target).err();
        if unwritten.is_none() {
            discard(&marker);
        }
        let summary = match came {
            Reloaded::InForce(number) => self.state().store.revision_summary(number)?,
            Reloaded::Unchanged | Reloaded::Waiting => None,
        };
        Ok(RolledBack {
            revision: self.in_force()?,
            dry_run: false,
            from: from.0,
            to: ground.number.0,
            files: changes,
            kept: kept.map(|path| path.display().to_string()),
            unwritten: unwritten.map(|error| crate::chain(&error)),
            summary: summary.and_then(|summary| serde_json::from_str(&summary).ok()),
            probes: self.probe(&ground.target),
        })
    }

    fn roll(
        &self,
        actor: &Actor,
        order: &RollbackOrder,
        known: &mut ValidationCache,
        number: RevisionNumber,
        target: &Files,
    ) -> Result<Reloaded, ControlError> {
        let bringing = Bringing {
            growth: Growth::All,
            way: Way::Rollback(number),
            ..Bringing::quietly(actor, &order.reason)
        };
        self.bring_into_force(known, &bringing, target)
    }

    /// Reads both sides, and refuses what would lose something or do nothing.
    fn ground(&self, order: &RollbackOrder) -> Result<Ground, ControlError> {
        let number = RevisionNumber(order.number);
        let target = self.files_of(number)?;
        let working = files::read_all(&self.folder)?;
        let in_force = self.live.load().names().revision;
        let current = self.files_in_force()?;
        let astray: Vec<String> =
            files_between(&current, &working).into_iter().map(|change| change.path).collect();
        if current == target && astray.is_empty() {
            return Err(ControlError::invalid(
                format!("the files of revision {number} are in force already, as revision {in_force}"),
                "`sallyport revision list` shows the others",
            ));
        }
        if order.overwrite == Overwrite::Refused && order.act == RollbackAct::Roll && !astray.is_empty() {
            let mut named: Vec<&str> = astray.iter().take(NAMED_MAX).map(String::as_str).collect();
            if NAMED_MAX < astray.len() {
                named.push("and more");
            }
            return Err(ControlError::invalid(
                format!("files of the folder are not those of revision {in_force}: {}", named.join(", ")),
                "--force replaces them as well; what they are now is kept under .state/replaced",
            ));
        }
        Ok(Ground { number, current, working, target, astray })
    }

    fn planned(
        &self,
        checked: &Checked,
        ground: &Ground,
        from: RevisionNumber,
        files: Vec<FileChange>,
    ) -> Result<RolledBack, ControlError> {
        let summary: Option<Summary> = self.summary_of(checked, Recorded::Asked)?;
        Ok(RolledBack {
            revision: self.in_force()?,
            dry_run: true,
            from: from.0,
            to: ground.number.0,
            files,
            kept: None,
            unwritten: None,
            summary: summary.and_then(|summary| serde_json::to_value(summary).ok()),
            probes: probes::of_candidate(&ground.target, checked),
        })
    }

    /// Copies the folder's files away where some of them are in no revision.
    fn keep_astray(&self, ground: &Ground, from: RevisionNumber) -> Result<Option<PathBuf>, ControlError> {
        if ground.astray.is_empty() {
            return Ok(None);
        }
        let time = self.now().to_string().replace(':', "-");
        let folder = self.state_folder().join(REPLACED).join(format!("{time}-revision-{from}"));
        store::private_folder(&folder).map_err(|cause| FilesError::Write { path: folder.clone(), cause })?;
        for (path, bytes) in &ground.working {
            files::replace(&folder, path, bytes)?;
        }
        Ok(Some(folder))
    }

    fn write_files(&self, working: &Files, target: &Files) -> Result<(), FilesError> {
        let writes = target.iter().filter(|(path, bytes)| working.get(*path) != Some(*bytes));
        let writes: Vec<(&str, &[u8])> =
            writes.map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let removals: Vec<&str> =
            working.keys().filter(|path| !target.contains_key(*path)).map(String::as_str).collect();
        files::replace_all(&self.folder, &writes, &removals)
    }

    fn state_folder(&self) -> &Path {
        self.log_folder.parent().unwrap_or(&self.log_folder)
    }

    /// Ends a rollback that a killed process left: its revision is the latest, and the files are not all written. Gives the
    /// files as they are then, where anything was to be done.
    pub(crate) fn finish_rollback(
        &self,
        latest: &RevisionRow,
        read: &Files,
        published: &Files,
    ) -> Result<Option<Files>, ControlError> {
        let marker = self.state_folder().join(UNFINISHED);
        let Ok(hash) = fs::read_to_string(&marker) else { return Ok(None) };
        // Another revision came after it, or it never came into force: the files are what somebody wants.
        if hash.trim() != hex(&latest.content_hash) {
            discard(&marker);
            return Ok(None);
        }
        self.write_files(read, published)?;
        discard(&marker);
        tracing::warn!(revision = latest.number.0, "a rollback was cut short; its files are written now");
        Ok(Some(published.clone()))
    }
}

/// Removes the marker. One that stays is looked at again at the next start, and says nothing then.
fn discard(marker: &Path) {
    if let Err(error) = fs::remove_file(marker) {
        tracing::warn!(%error, marker = %marker.display(), "cannot be removed");
    }
}
