//! `policy replay`: recorded calls through other policies, before those are in force.

use std::collections::BTreeMap;

use advise::{ReplayQuestion, Replayed, Side, replay};
use model::RevisionNumber;
use serde::Serialize;
use serde_json::Value;

use crate::actor::{Actor, Needs};
use crate::advice::Today;
use crate::check::{Checked, check_with};
use crate::files::{self, Files};
use crate::usage::{UsageOrder, day_text};
use crate::{Control, ControlError};

/// Which policies are tried.
#[derive(Clone, Debug, Default)]
pub enum Candidate {
    /// The files as they are in the repository's folder.
    #[default]
    Files,
    /// Files that whoever asks sent along.
    Given(Files),
    /// A revision that was in force once.
    Revision(u64),
}

/// Whether the candidate's APIs observe as its files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayMode {
    AsConfigured,
    /// As if every API were enforced: what would break if it were.
    #[default]
    Enforced,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct ReplayOrder {
    pub usage: UsageOrder,
    pub candidate: Candidate,
    pub mode: ReplayMode,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayView {
    pub from: String,
    pub until: Option<String>,
    /// The revision in force, to which the candidate is compared.
    pub revision: u64,
    #[serde(flatten)]
    pub replayed: Replayed,
    /// Whose each API is that is told about, by API.
    pub owners: BTreeMap<String, String>,
}

/// The most flips of each kind that a summary lists.
const LISTED_MAX: usize = 1_000;

/// Recorded calls, judged by the snapshot that requests are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayProbe {
    pub calls: u64,
    /// Calls that get something else than the published files say.
    pub differing: u64,
}

impl Control {
    /// Judges recorded calls by a candidate and by what is in force, and tells the differences.
    pub fn replay(&self, actor: &Actor, order: &ReplayOrder) -> Result<ReplayView, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        let usage = self.usage_of(&order.usage)?;
        let candidate = self.candidate(&order.candidate)?;
        self.replay_through(&usage, &candidate, order)
    }

    pub(crate) fn replay_through(
        &self,
        usage: &advise::Usage,
        candidate: &Checked,
        order: &ReplayOrder,
    ) -> Result<ReplayView, ControlError> {
        let now = self.now();
        let snapshot = self.live.load().0;
        let revision = &snapshot.revision;
        let today = Today::read(&self.state(), &candidate.repository, now)?;
        let observed: BTreeMap<&str, bool> =
            revision.apis.iter().map(|api| (api.name.as_str(), api.mode.observes(now))).collect();
        let configured: BTreeMap<&str, bool> = candidate
            .repository
            .apis
            .iter()
            .map(|api| (api.name.as_str(), order.mode == ReplayMode::AsConfigured && api.mode.observes(now)))
            .collect();
        let replayed = replay(
            usage,
            &ReplayQuestion {
                now: Side { catalog: &revision.catalog, policies: revision.policies.as_ref() },
                then: Side { catalog: &candidate.catalog, policies: Some(&candidate.policies) },
                directory: &today,
                at: now,
                observes_now: &|api| observed.get(api).copied().unwrap_or(false),
                observes_then: &|api| configured.get(api).copied().unwrap_or(false),
            },
        );
        let (from, to) = order.usage.days(now);
        let flips = replayed.would_lose.iter().chain(&replayed.would_gain).map(|flip| &flip.api);
        let told = flips.chain(replayed.not_judged.iter().map(|unjudged| &unjudged.api));
        let owners = told.filter_map(|name| {
            let mut apis = candidate.repository.apis.iter();
            let api = apis.find(|api| api.name.as_str() == name)?;
            Some((name.clone(), api.owner.to_string()))
        });
        Ok(ReplayView {
            from: day_text(from),
            until: (to != i64::MAX).then(|| day_text(to)),
            revision: revision.number.0,
            owners: owners.collect(),
            replayed,
        })
    }

    /// What recorded calls of the last 30 days would get by a candidate, for the summary of a publish; none where there are none,
    /// or where they cannot be asked, which keeps nobody from publishing.
    pub(crate) fn replayed_for_summary(&self, candidate: &Checked) -> Option<Value> {
        let order = ReplayOrder { mode: ReplayMode::AsConfigured, ..ReplayOrder::default() };
        let usage = self.usage_of(&order.usage);
        let mut view = usage.and_then(|usage| self.replay_through(&usage, candidate, &order));
        if let Ok(view) = &mut view {
            for flips in [&mut view.replayed.would_lose, &mut view.replayed.would_gain] {
                flips.truncate(LISTED_MAX);
            }
            view.replayed.not_judged.truncate(LISTED_MAX);
        }
        match view {
            Ok(view) if view.replayed.calls != 0 || !view.replayed.not_judged.is_empty() => {
                serde_json::to_value(view).ok()
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(error = %crate::chain(&error), "recorded calls could not be judged again");
                None
            }
        }
    }

    /// Asks what is in force for every recorded call of the last 30 days, and compares with what was to come into force.
    pub(crate) fn probe_by_replay(&self, published: &Checked) -> Option<ReplayProbe> {
        let order = ReplayOrder { mode: ReplayMode::AsConfigured, ..ReplayOrder::default() };
        let usage = self.usage_of(&order.usage).ok()?;
        let replayed = self.replay_through(&usage, published, &order).ok()?.replayed;
        (replayed.calls != 0).then(|| ReplayProbe {
            calls: replayed.calls,
            differing: replayed.lost_calls() + replayed.gained_calls(),
        })
    }

    fn candidate(&self, candidate: &Candidate) -> Result<Checked, ControlError> {
        let files = match candidate {
            Candidate::Files => files::read_all(&self.folder)?,
            Candidate::Given(files) => files.clone(),
            Candidate::Revision(number) => self.state().store.revision_files(RevisionNumber(*number))?,
        };
        check_with(&files, &mut self.files()).map_err(ControlError::Files)
    }
}
