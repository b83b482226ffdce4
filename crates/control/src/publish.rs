//! Revisions: files that load become one, numbered and swapped whole; files that do not change nothing.

use config::{ConfigError, Reload, Repository};
use model::RevisionNumber;
use policy::ValidationCache;
use serde::Serialize;
use serde_json::Value;
use store::RevisionRow;

use crate::actor::{Actor, Needs};
use crate::changes::Summary;
use crate::check::check_with;
use crate::files::{self, Files};
use crate::force::{self, Bringing, Growth, Recorded};
use crate::probes::{self, Probes};
use crate::reasons::given;
use crate::regroup::RegroupView;
use crate::replay::ReplayProbe;
use crate::tls::Material;
use crate::{Control, ControlError};

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
    /// Recorded calls, judged by what is in force now; none where there are none.
    pub replay_probe: Option<ReplayProbe>,
    #[serde(flatten)]
    pub revision: RevisionView,
    /// The APIs whose groups changed, with who gains what.
    pub regrouped: Vec<RegroupView>,
    /// What it changes for whom: a [`crate::Summary`]. None where these files were in force already.
    pub summary: Option<Value>,
    /// What the cases of `tests/` get from what is in force now.
    pub probes: Probes,
}

/// What a publish would do.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedPublish {
    pub dry_run: bool,
    /// The number of the revision that it was compared with.
    pub in_force: u64,
    pub regrouped: Vec<RegroupView>,
    pub summary: Option<Summary>,
    /// What the cases of `tests/` would get by policy.
    pub probes: Probes,
}

impl Control {
    /// Brings changed files into force where `reload: on_change` says so. Gives what came of it.
    pub fn reload(&self, actor: &Actor, reason: &str) -> Result<Reloaded, ControlError> {
        self.reload_holding(&mut self.files(), &Bringing::quietly(actor, reason))
    }

    /// The same for a use case that has just edited the files and still holds them.
    pub(crate) fn reload_holding(
        &self,
        known: &mut ValidationCache,
        bringing: &Bringing<'_>,
    ) -> Result<Reloaded, ControlError> {
        if self.waits_for_publish() {
            self.reload_tls(known, bringing.actor)?;
            return Ok(Reloaded::Waiting);
        }
        let read = files::read_all(&self.folder)?;
        self.bring_into_force(known, bringing, &read)
    }

    /// Brings changed certificates, keys and authorities into force under the revision that is. Nobody publishes those: they
    /// change by themselves, for instance when they are renewed.
    fn reload_tls(&self, known: &mut ValidationCache, actor: &Actor) -> Result<(), ControlError> {
        let number = self.live.load().names().revision;
        let published = self.state().store.revision_files(number)?;
        let reason = "certificates changed";
        self.bring_into_force(known, &Bringing::quietly(actor, reason), &published).map(|_| ())
    }

    pub(crate) fn waits_for_publish(&self) -> bool {
        let state = self.state();
        state.loaded.as_ref().is_some_and(|loaded| loaded.repository.gateway.reload == Reload::OnPublish)
    }

    /// Makes the files as they are now the next revision. Operations that are in no group yet join theirs, and the answer
    /// says who gains them, what else changes for whom, and what the cases of `tests/` get from now on.
    pub fn publish(&self, actor: &Actor, reason: &str) -> Result<Published, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let reason = &given(reason, "a publish")?;
        let mut known = self.files();
        let mut read = files::read_all(&self.folder)?;
        let mut plan = self.plan_groups(&mut known, &mut read, None).inspect_err(|error| {
            if let ControlError::Files(errors) = error {
                self.state().refused.clone_from(errors);
            }
        })?;
        let checked = check_with(&read, &mut known).map_err(ControlError::Files)?;
        self.demand_owner_of_changes(actor, &self.files_in_force()?, &read, &checked)?;
        drop(checked);
        self.write_groups(actor, &mut plan, reason)?;
        let bringing = Bringing { growth: Growth::All, ..Bringing::quietly(actor, reason) };
        let came = self.bring_into_force(&mut known, &bringing, &read)?;
        let summary = match came {
            Reloaded::InForce(number) => self.state().store.revision_summary(number)?,
            Reloaded::Unchanged => self.confirm(actor, reason)?,
            Reloaded::Waiting => None,
        };
        let revision = self.in_force()?;
        plan.views.retain(RegroupView::changes);
        let check = |read: &Files, known: &mut ValidationCache| check_with(read, known).ok();
        let replay_probe = match came {
            Reloaded::InForce(_) => {
                check(&read, &mut known).and_then(|checked| self.probe_by_replay(&checked))
            }
            Reloaded::Unchanged | Reloaded::Waiting => None,
        };
        Ok(Published {
            revision,
            regrouped: plan.views,
            replay_probe,
            summary: summary.and_then(|summary| serde_json::from_str(&summary).ok()),
            probes: self.probe(&read),
        })
    }

    /// Names who stands for the revision in force, where it came by an edited file alone: with `reload: on_change` the files are
    /// mostly in force before somebody publishes them. Gives what it changed, where that was kept.
    fn confirm(&self, actor: &Actor, reason: &str) -> Result<Option<String>, ControlError> {
        let number = self.live.load().names().revision;
        let mut state = self.state();
        let by_file = Actor::gateway().label();
        let Some(row) = state.store.revision(number)?.filter(|row| row.author == by_file) else {
            return Ok(None);
        };
        let object = format!("revision {number}, in force since {}", row.time);
        self.record(actor, "revision.publish", &object, reason)?;
        let confirmed = state.store.confirm_revision(number, &actor.label(), reason);
        self.carried(actor, "revision.publish", &object, confirmed)?;
        Ok(state.store.revision_summary(number)?)
    }

    /// What a publish of the files as they are now would do. Nothing changes.
    pub fn plan_publish(&self, actor: &Actor) -> Result<PlannedPublish, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let mut known = self.files();
        let mut read = files::read_all(&self.folder)?;
        let mut plan = self.plan_groups(&mut known, &mut read, None)?;
        let checked = check_with(&read, &mut known).map_err(ControlError::Files)?;
        let now = self.now();
        let before = self.state().tls.clone();
        Material::load(&self.folder, &checked.repository, &before, now).map_err(ControlError::Files)?;
        for api in &checked.repository.apis {
            if self.state().store.observation(&api.name)?.is_none() {
                api.check_observe_until(now).map_err(|error| ControlError::Files(vec![error]))?;
            }
        }
        plan.views.retain(RegroupView::changes);
        Ok(PlannedPublish {
            dry_run: true,
            in_force: self.live.load().names().revision.0,
            regrouped: plan.views,
            summary: self.summary_of(&checked, Recorded::Asked)?,
            probes: probes::of_candidate(&read, &checked),
        })
    }

    /// The revision in force, as it is shown.
    pub(crate) fn in_force(&self) -> Result<RevisionView, ControlError> {
        let number = self.live.load().names().revision;
        let row = self.state().store.revision(number)?;
        let row = row.ok_or(ControlError::Absent { what: "revision", name: number.to_string() })?;
        Ok(view(&row, number))
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
        let quietly = |reason| Bringing::quietly(actor, reason);
        let latest = self.state().store.latest_revision()?;
        let Some(latest) = latest else {
            return self.bring_into_force(&mut known, &quietly("first start"), read).map(|_| ());
        };
        let published = self.state().store.revision_files(latest.number)?;
        let finished = self.finish_rollback(&latest, read, &published)?;
        let read = finished.as_ref().unwrap_or(read);
        if waits(&published) {
            return self.bring_into_force(&mut known, &quietly("start"), &published).map(|_| ());
        }
        let outcome = refuse_grown(&published, read)
            .inspect_err(|errors| self.state().refused.clone_from(errors))
            .map_err(ControlError::Files)
            .and_then(|()| self.bring_into_force(&mut known, &quietly("start"), read).map(|_| ()));
        if let Err(error) = &outcome {
            let refused = self.state().refused.clone();
            // What loaded once may not load under a newer program; then nothing is in force, which denies.
            let good = self.bring_into_force(&mut known, &quietly("last good revision"), &published);
            if let Err(again) = good {
                tracing::error!(error = %crate::chain(&again), "the last good revision does not load either");
            }
            tracing::warn!(error = %crate::chain(error), "the last good revision stays");
            self.state().refused = refused;
        }
        outcome
    }
}

/// Refuses files whose groups grew while no gateway ran, as it is refused while one does. Where either side does not load
/// there is nothing to compare, and loading says so.
fn refuse_grown(published: &Files, read: &Files) -> Result<(), Vec<ConfigError>> {
    if published == read {
        return Ok(());
    }
    match (Repository::load(published), Repository::load(read)) {
        (Ok(before), Ok(next)) => force::refuse_growth(&before, &next, Growth::None),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Ok(()),
    }
}

/// Whether published files say that nothing but a publish replaces them. Where they do not load any more, under a newer
/// program, the word decides: what nobody published must not come into force because of that.
fn waits(published: &Files) -> bool {
    match Repository::load(published) {
        Ok(repository) => repository.gateway.reload == Reload::OnPublish,
        Err(_) => {
            let text = published.get("sallyport.yaml").map(|bytes| String::from_utf8_lossy(bytes));
            let text = text.unwrap_or_default();
            let mut uncommented = text.lines().filter_map(|line| line.split('#').next());
            uncommented.any(|line| line.contains("on_publish"))
        }
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

pub(crate) fn view(row: &RevisionRow, in_force: RevisionNumber) -> RevisionView {
    RevisionView {
        number: row.number.0,
        time: row.time.to_string(),
        author: row.author.clone(),
        reason: row.reason.clone(),
        in_force: row.number == in_force,
    }
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
}
