//! `sallyport status`: per API who would be denied today, by which reason, and what stands between it and enforcing.

use std::collections::BTreeMap;

use model::{DenyReason, Timestamp, Verdict};
use serde::Serialize;

use crate::actor::{Actor, Needs};
use crate::apis::{mode_name, observe_until};
use crate::blocks::BlockView;
use crate::endings::Ending;
use crate::ready::{Ready, ReadyOrder};
use crate::{Control, ControlError, IssuerView, chain};

/// One API's state.
#[derive(Clone, Debug, Serialize)]
pub struct ApiStatus {
    pub api: String,
    pub mode: &'static str,
    pub observe_until: Option<String>,
    pub allowed: u64,
    /// Carried out.
    pub denied: u64,
    /// Passed while observed; each would be denied by enforcing.
    pub would_deny: Vec<StatusRow>,
    /// What was denied, most frequent first.
    pub denials: Vec<StatusRow>,
    /// What has to be settled before the API can be enforced without a surprise.
    pub in_the_way: Vec<String>,
    /// How far it is, where it is observed and was called.
    pub ready: Option<Ready>,
    /// What is blocked of it, or of those that call it.
    pub blocks: Vec<BlockView>,
    /// What somebody should look at.
    pub alerts: Vec<String>,
}

/// Who, what, why and how often.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StatusRow {
    pub caller: String,
    pub operation: String,
    pub reason: String,
    pub count: u64,
}

/// The gateway's own state.
#[derive(Clone, Debug, Serialize)]
pub struct GatewayStatus {
    pub revision: u64,
    /// Why the files as they are now are not in force; none when they are.
    pub refused: Vec<String>,
    /// Why the log does not take entries.
    pub record_fault: Option<String>,
    pub record_lost: u64,
    pub apis: Vec<ApiStatus>,
    /// Every block that is in force.
    pub blocks: Vec<BlockView>,
    /// Why the list of blocks cannot be read whole, so that every request is denied.
    pub blocks_fault: Option<String>,
    /// Scopes of keys that name nothing, in a line each.
    pub void_scopes: Vec<String>,
    /// Grants that have ended, and those that will soon, in a line each.
    pub ending_grants: Vec<String>,
    /// Whose access tokens count, with the state of their keys.
    pub issuers: Vec<IssuerView>,
}

/// Counted by day; yesterday's are in the store until they are too old.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

impl Control {
    /// Counts since the last midnight UTC, this process's and those before it; and for observed APIs what is left to do.
    pub fn status(&self, actor: &Actor, order: ReadyOrder) -> Result<GatewayStatus, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let now = self.now();
        let mut readiness = self.readiness_of_apis(order).unwrap_or_else(|error| {
            tracing::warn!(error = %chain(&error), "what is in the way of enforcing is not known");
            BTreeMap::new()
        });
        let mut state = self.state();
        let carrying = self.carry_rollups(&mut state);
        if let Err(error) = carrying.outcome {
            tracing::warn!(error = %chain(&error), "counts are shown and not stored");
        }
        let health = self.recorder().health();
        let mut statuses = Vec::new();
        let stored = state.store.rollups_since(day_of(now))?;
        let blocks = state.blocks.views(now);
        let rollups: Vec<_> = stored.into_iter().chain(carrying.left).collect();
        if let Ok(repository) = state.repository() {
            for api in &repository.apis {
                let mode = state.effective_mode(api, now)?;
                let mut status = ApiStatus {
                    api: api.name.to_string(),
                    mode: mode_name(mode, now),
                    observe_until: observe_until(mode),
                    allowed: 0,
                    denied: 0,
                    would_deny: Vec::new(),
                    denials: Vec::new(),
                    in_the_way: Vec::new(),
                    ready: readiness.remove(api.name.as_str()).filter(|_| mode.observes(now)),
                    blocks: blocks
                        .iter()
                        .filter(|block| block.concerns(api.name.as_str()))
                        .cloned()
                        .collect(),
                    alerts: Vec::new(),
                };
                let warning = Ending::of_api(&api.name, mode).and_then(|ending| ending.warning(now));
                status.alerts.extend(warning.map(|warning| status.at_the_end(&warning)));
                for rollup in rollups.iter().filter(|rollup| rollup.api == api.name) {
                    status.add(rollup);
                }
                status.finish(api.document.is_some());
                status.in_the_way.extend(self.secret_fault(api));
                statuses.push(status);
            }
        }
        let refused = state.refused().iter().map(ToString::to_string).collect();
        let blocks_fault = state.blocks.fault();
        drop(state);
        let issuers = self.issuers(actor).unwrap_or_default();
        Ok(GatewayStatus {
            revision: self.live.load().names().revision.0,
            refused,
            record_fault: health.fault,
            record_lost: health.lost,
            apis: statuses,
            blocks,
            blocks_fault,
            void_scopes: self.void_scopes()?,
            ending_grants: self.ending_grants(),
            issuers,
        })
    }
}

pub(crate) fn day_of(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(DAY_MICROS)
}

impl ApiStatus {
    fn add(&mut self, rollup: &store::Rollup) {
        let row = || StatusRow {
            caller: rollup.caller.clone(),
            operation: rollup.operation.clone(),
            reason: rollup.reason.clone(),
            count: rollup.count,
        };
        match rollup.verdict {
            Verdict::Allowed => self.allowed += rollup.count,
            Verdict::Denied | Verdict::SteppedUp => {
                self.denied += rollup.count;
                self.denials.push(row());
            }
            Verdict::WouldDeny | Verdict::WouldStepUp => self.would_deny.push(row()),
        }
    }

    /// What the end of the observation, of which `warning` tells, means for those that call.
    fn at_the_end(&self, warning: &str) -> String {
        let still = self.ready.as_ref().map(|ready| ready.still.iter().map(|row| row.count).sum::<u64>());
        let then = match (&self.ready, still) {
            (Some(ready), Some(still)) => {
                format!(
                    "{still} of {} calls of the last {} days would be refused from then on",
                    ready.calls, ready.days
                )
            }
            (_, _) => "what policies do not permit is refused from then on".to_owned(),
        };
        format!("{warning}; {then}; `sallyport api observe {} --until DATE --reason WHY` moves it", self.api)
    }

    fn finish(&mut self, has_document: bool) {
        self.would_deny = merge(std::mem::take(&mut self.would_deny));
        self.denials = merge(std::mem::take(&mut self.denials));
        self.alerts.extend(guessing(&self.denials));
        if self.mode == "enforce" {
            return;
        }
        if !has_document {
            let text =
                format!("no document: add apis/{0}/openapi.yaml, then `sallyport api regroup {0}`", self.api);
            self.in_the_way.push(text);
        }
        if let Some(ready) = &self.ready {
            self.in_the_way.extend_from_slice(&ready.steps);
        }
    }
}

/// Failed credentials beyond the limit of `guessing`: somebody guesses, or runs with a secret that is no longer right.
fn guessing(denials: &[StatusRow]) -> Option<String> {
    let count = |reason: DenyReason| -> u64 {
        denials.iter().filter(|row| row.reason == reason.code()).map(|row| row.count).sum()
    };
    let over = count(DenyReason::TooManyFailures);
    let within = count(DenyReason::InvalidCredential);
    (0 < over).then(|| {
        format!(
            "{over} failed credentials today were beyond the limit of `guessing` ({within} within it): \
             `sallyport audit search --reason too_many_failures` shows from where and for which keys"
        )
    })
}

/// One row per caller, operation and reason, most frequent first.
fn merge(rows: Vec<StatusRow>) -> Vec<StatusRow> {
    let mut merged: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for row in rows {
        *merged.entry((row.caller, row.operation, row.reason)).or_default() += row.count;
    }
    let mut rows: Vec<StatusRow> = merged
        .into_iter()
        .map(|((caller, operation, reason), count)| StatusRow { caller, operation, reason, count })
        .collect();
    rows.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.cmp(other)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_told_once_it_is_over_the_limit() {
        let row = |reason: &str, count| StatusRow {
            caller: "anonymous".to_owned(),
            operation: String::new(),
            reason: reason.to_owned(),
            count,
        };
        assert_eq!(guessing(&[row("invalid_credential", 9), row("no_grant", 100)]), None);
        let told = guessing(&[row("invalid_credential", 10), row("too_many_failures", 5)]).unwrap();
        assert!(told.starts_with("5 failed credentials") && told.contains("(10 within it)"), "{told}");
    }

    #[test]
    fn rows_are_merged_and_the_most_frequent_comes_first() {
        let row = |caller: &str, count| StatusRow {
            caller: caller.to_owned(),
            operation: "o".to_owned(),
            reason: "no_grant".to_owned(),
            count,
        };
        let merged = merge(vec![row("a", 1), row("b", 5), row("a", 2)]);
        assert_eq!(merged, [row("b", 5), row("a", 3)]);
    }
}
