//! Decides again about a request that is under way, by the snapshot and the time of now.
//!
//! The steps are those of [`crate::judge()`], without effects: nothing is taken out of a limit, no failure is counted,
//! no assertion made and nothing recorded. Whatever would refuse the request now ends it, and so does an API that
//! answers under its host instead of the one it was sent to.

use std::time::Duration;

use model::{DenyReason, Mode, Refusal, Timestamp};

use crate::caller::{self, Known};
use crate::client::ClientAddress;
use crate::judge::reach_api;
use crate::weigh::{self, Question, apply_mode, operation_of};
use crate::{Forward, Snapshot, Worker, stopped};

/// After how long a request under way is decided again, though nothing is known that would change the decision: a clock
/// that was set forward shows by then.
pub const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);
/// The same where a policy looks at the time itself.
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(500);

/// A request that may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLonger {
    /// Why; for the record.
    pub refusal: Refusal,
    /// What the client is told, where it has no answer yet.
    pub told: Refusal,
}

impl NoLonger {
    const fn plainly(refusal: Refusal) -> Self {
        Self { refusal, told: refusal }
    }
}

/// The host of the request belongs to another API by now.
const API_CHANGED: Refusal = Refusal::new(
    DenyReason::UnknownHost,
    "api_changed",
    "another API answers under this host by now; send the request again",
);

/// Whether the request of `forward`, which was passed before, would still pass. Gives the time by which to ask again,
/// if the snapshot stays the same.
pub fn judge_again(
    snapshot: &Snapshot,
    now: Timestamp,
    worker: &mut Worker,
    forward: &Forward,
) -> Result<Timestamp, NoLonger> {
    let request = forward.request();
    let (rules, found) = reach_api(snapshot, now, request).map_err(NoLonger::plainly)?;
    if rules.name != forward.rules().name {
        return Err(NoLonger::plainly(API_CHANGED));
    }
    let client = ClientAddress::of(request, &snapshot.revision.trusted_proxies);
    let blocks = snapshot.stops.blocks();
    let no_longer = |stopped: stopped::Stopped| NoLonger { refusal: stopped.refusal, told: stopped.told };
    if let Some(stopped) = stopped::at_the_door(blocks, now, rules.name.as_str(), || client.address) {
        return Err(no_longer(stopped));
    }
    let Known { identified, token } =
        caller::find_again(snapshot, worker, (rules, &found), request, now).map_err(NoLonger::plainly)?;
    let catalog = &snapshot.revision.catalog;
    if let Some(stopped) =
        stopped::of_call(blocks, now, &identified.caller, token.as_deref(), (catalog, &found))
    {
        return Err(no_longer(stopped));
    }
    let scopes = caller::scopes_of(&identified, token.as_deref());
    let question = Question {
        catalog,
        request,
        found: &found,
        caller: &identified.caller,
        scopes,
        source_ip: client.address,
        mode: rules.mode,
        now,
    };
    let policies = snapshot.revision.policies.as_ref();
    let decisions = &mut worker.decisions;
    let weighed = weigh::weigh(&question, |facts| {
        policies.map_or_else(crate::judge::no_policy, |policies| policies.decide(decisions, facts))
    });
    let mut until = now.plus(AGAIN_AFTER_MAX).min(snapshot.stale_at);
    match apply_mode(weighed.weight, rules.mode, now) {
        weigh::Outcome::Allowed => {}
        weigh::Outcome::Observed(_) => match rules.mode {
            Mode::Enforce => {}
            Mode::ObserveUntil(end) => until = until.min(end),
        },
        weigh::Outcome::Refused(refusal) => {
            return Err(NoLonger { refusal, told: weighed.told(refusal) });
        }
    }
    if let Some(key) = &identified.key {
        until = until.min(key.expires);
    }
    if let Some(token) = &token {
        until = until.min(token.ends);
    }
    if let (Some(policies), Some(operation)) = (policies, operation_of(&found)) {
        let unchanged = policies.unchanged_until(operation, &identified.caller, now);
        until = until.min(if unchanged <= now { now.plus(AGAIN_AFTER_MIN) } else { unchanged });
    }
    Ok(until)
}
