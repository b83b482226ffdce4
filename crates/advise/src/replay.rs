//! Recorded calls through other policies: who would lose something, who would gain something.
//!
//! Each row of equal facts is judged once, at the time of its last call, by [`enforce::decide_policy`]: by the policies in
//! force in the mode that their API has, and by the candidate as if everything were enforced, since that is what one
//! wants to know before it is. Nothing is redeemed: limits, blocks and credentials play no part, and calls that were refused
//! for such a reason are not asked about again.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, OperationIndex, ParameterKind};
use enforce::decide_policy;
use model::{DenyReason, Refusal, Timestamp, Verdict};
use policy::{DecisionCache, Policies};
use serde::Serialize;

use crate::caller::{Directory, Unrecalled, recall};
use crate::ended::Ended;
use crate::facts::{is_of_declaration, is_of_policy};
use crate::{Usage, Used};

/// The most decisions that a flip names.
const SAMPLES_MAX: usize = 3;

/// Policies and what they are about.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    pub catalog: &'a Catalog,
    /// None where nothing is in force, which denies.
    pub policies: Option<&'a Policies>,
}

/// What is asked.
pub struct ReplayQuestion<'a> {
    pub now: Side<'a>,
    pub then: Side<'a>,
    pub directory: &'a dyn Directory,
    /// What has expired by now permits nothing, although it did when a call was made.
    pub at: Timestamp,
    /// Whether an API of this name observes today.
    pub observes_now: &'a dyn Fn(&str) -> bool,
    /// Whether it is to observe with the candidate; nothing is, unless asked for as configured.
    pub observes_then: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for ReplayQuestion<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ReplayQuestion").finish_non_exhaustive()
    }
}

/// Calls of one caller and operation that would become something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flip {
    pub caller: String,
    pub operation: String,
    /// The verdict by what is in force.
    pub now: &'static str,
    /// The verdict by the candidate.
    pub then: &'static str,
    pub count: u64,
    /// Decisions to look up in the log, at most three.
    pub samples: Vec<String>,
    pub api: String,
    /// The caller's team.
    pub team: Option<String>,
    /// Why it is refused, by whichever refuses.
    pub reason: Option<&'static str>,
    /// The policies of the side that permits, or the guards that forbid.
    pub policies: Vec<String>,
    /// Facts that were not recorded and that the answer rests on. Empty: it is exact.
    pub approximate: Vec<String>,
    pub last: String,
}

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Calls that were judged again.
    pub calls: u64,
    /// Distinct facts that were judged; the work that was done.
    pub rows: u64,
    /// Calls that pass both ways.
    pub pass_both: u64,
    /// Calls that are refused both ways.
    pub refused_both: u64,
    /// Calls whose answer rests on facts that were not recorded.
    pub approximate_calls: u64,
    /// Most calls first.
    pub would_lose: Vec<Flip>,
    pub would_gain: Vec<Flip>,
    /// Calls that cannot be judged again, by why.
    pub left_out: BTreeMap<String, u64>,
}

impl Replayed {
    /// Calls that pass now and would not.
    #[must_use]
    pub fn lost_calls(&self) -> u64 {
        self.would_lose.iter().map(|flip| flip.count).sum()
    }

    /// Calls that do not pass now, or only because they are observed, and would be permitted.
    #[must_use]
    pub fn gained_calls(&self) -> u64 {
        self.would_gain.iter().map(|flip| flip.count).sum()
    }
}

/// One answer.
struct Answer {
    verdict: Verdict,
    reason: Option<DenyReason>,
    policies: Vec<String>,
    gaps: BTreeSet<String>,
}

impl Answer {
    fn refused(refusal: DenyReason) -> Self {
        let refusal = Refusal::of(refusal);
        Self {
            verdict: Verdict::Denied,
            reason: Some(refusal.reason()),
            policies: Vec::new(),
            gaps: BTreeSet::new(),
        }
    }

    /// As it comes out where the API observes, of a call that was recorded with a reason.
    fn observed(self, observes: bool, recorded: Option<DenyReason>) -> Self {
        let as_before = is_of_declaration(recorded) && self.reason == recorded;
        let is_suspended = as_before || self.reason.is_some_and(DenyReason::is_suspended_by_observation);
        let verdict = match self.verdict {
            Verdict::Denied if observes && is_suspended => Verdict::WouldDeny,
            Verdict::SteppedUp if observes && is_suspended => Verdict::WouldStepUp,
            other => other,
        };
        Self { verdict, ..self }
    }
}

const fn passes(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Allowed | Verdict::WouldDeny | Verdict::WouldStepUp)
}

/// Judges every row of `usage` by both sides.
#[must_use]
pub fn replay(usage: &Usage, question: &ReplayQuestion<'_>) -> Replayed {
    let mut replayed = Replayed::default();
    let mut caches = [DecisionCache::new(), DecisionCache::new()];
    let ended =
        |side: Side<'_>| side.policies.map(|policies| Ended::of(policies, question.at)).unwrap_or_default();
    let [now_ended, then_ended] = [ended(question.now), ended(question.then)];
    let mut flips: BTreeMap<FlipKey, Flip> = BTreeMap::new();
    for used in usage.rows() {
        let calls = used.counts.calls;
        let recorded = DenyReason::parse(&used.facts.reason);
        if let Some(why) = left_out(used) {
            *replayed.left_out.entry(why.to_owned()).or_default() += calls;
            continue;
        }
        let [now_cache, then_cache] = &mut caches;
        let answers =
            answer(used, question.now, question.directory, (now_cache, &now_ended)).and_then(|now| {
                Ok((now, answer(used, question.then, question.directory, (then_cache, &then_ended))?))
            });
        let (now, then) = match answers {
            Ok((now, then)) => (
                now.observed((question.observes_now)(&used.facts.api), recorded),
                then.observed((question.observes_then)(&used.facts.api), recorded),
            ),
            Err(why) => {
                *replayed.left_out.entry(why.to_string()).or_default() += calls;
                continue;
            }
        };
        replayed.calls += calls;
        replayed.rows += 1;
        if !now.gaps.is_empty() || !then.gaps.is_empty() {
            replayed.approximate_calls += calls;
        }
        match (passes(now.verdict), passes(then.verdict)) {
            // Who passes by being observed alone gains the grant.
            (true, true) if now.verdict == then.verdict || then.verdict != Verdict::Allowed => {
                replayed.pass_both += calls;
                continue;
            }
            (false, false) => {
                replayed.refused_both += calls;
                continue;
            }
            (_, _) => {}
        }
        let side = if passes(then.verdict) { Direction::Gain } else { Direction::Loss };
        let key = FlipKey {
            side,
            caller: used.facts.caller.clone(),
            operation: used.facts.operation.clone(),
            now: now.verdict,
            then: then.verdict,
        };
        flips.entry(key).or_insert_with(|| begin(used, &now, &then)).take(used, &now, &then);
    }
    for (key, flip) in flips {
        match key.side {
            Direction::Gain => replayed.would_gain.push(flip),
            Direction::Loss => replayed.would_lose.push(flip),
        }
    }
    for list in [&mut replayed.would_lose, &mut replayed.would_gain] {
        list.sort_by_key(|flip| std::cmp::Reverse(flip.count));
    }
    replayed
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Gain,
    Loss,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FlipKey {
    side: Direction,
    caller: String,
    operation: String,
    now: Verdict,
    then: Verdict,
}

fn begin(used: &Used, now: &Answer, then: &Answer) -> Flip {
    let refusing = if passes(then.verdict) { now } else { then };
    Flip {
        caller: used.facts.caller.clone(),
        operation: used.facts.operation.clone(),
        now: now.verdict.as_str(),
        then: then.verdict.as_str(),
        count: 0,
        samples: Vec::new(),
        api: used.facts.api.clone(),
        team: used.facts.team.clone(),
        reason: refusing.reason.map(DenyReason::code),
        policies: Vec::new(),
        approximate: Vec::new(),
        last: String::new(),
    }
}

impl Flip {
    fn take(&mut self, used: &Used, now: &Answer, then: &Answer) {
        self.count += used.counts.calls;
        let missing = SAMPLES_MAX.saturating_sub(self.samples.len());
        self.samples.extend(used.samples().take(missing).map(|id| id.to_string()));
        let named = if then.policies.is_empty() { &now.policies } else { &then.policies };
        for policy in named {
            if !self.policies.contains(policy) {
                self.policies.push(policy.clone());
            }
        }
        for gap in now.gaps.union(&then.gaps) {
            if !self.approximate.contains(gap) {
                self.approximate.push(gap.clone());
            }
        }
        self.last = self.last.clone().max(used.counts.last.to_string());
    }
}

/// Why a row is not judged again; none where it is.
fn left_out(used: &Used) -> Option<&'static str> {
    let reason = DenyReason::parse(&used.facts.reason);
    match Verdict::parse(&used.facts.verdict) {
        Some(verdict) if is_of_policy(verdict, reason) && !used.facts.operation.is_empty() => None,
        Some(Verdict::WouldDeny | Verdict::Denied | Verdict::Allowed) if used.facts.operation.is_empty() => {
            Some("no declared operation matched")
        }
        Some(_) => Some("refused before policy was asked"),
        None => Some("the verdict is of another version"),
    }
}

fn answer(
    used: &Used,
    side: Side<'_>,
    directory: &dyn Directory,
    (cache, ended): (&mut DecisionCache, &Ended),
) -> Result<Answer, Unrecalled> {
    let Some(policies) = side.policies else {
        return Ok(Answer::refused(DenyReason::NoRevision));
    };
    let recalled = match recall(used, side.catalog, policies, directory) {
        Ok(recalled) => recalled,
        // What is not declared there is refused there.
        Err(Unrecalled::Operation) => return Ok(Answer::refused(DenyReason::UnknownOperation)),
        Err(why) => return Err(why),
    };
    if used.facts.reason == DenyReason::BadParameter.code() && has_types(side.catalog, recalled.operation) {
        return Ok(Answer { gaps: recalled.gaps, ..Answer::refused(DenyReason::BadParameter) });
    }
    let time: Timestamp = recalled.time;
    let decided = decide_policy(side.catalog, policies, cache, time, recalled.subject(), &recalled.request);
    if decided.verdict == Verdict::Allowed && ended.all(&decided.policies) {
        return Ok(Answer { gaps: recalled.gaps, ..Answer::refused(DenyReason::NoGrant) });
    }
    Ok(Answer {
        verdict: decided.verdict,
        reason: decided.refusal.map(|refusal| refusal.reason()),
        policies: decided.policies.iter().map(|policy| policy.as_str().to_owned()).collect(),
        gaps: recalled.gaps,
    })
}

/// Whether a parameter of the operation has to be of a type, so that one which did not fit does not fit still. Its text is not
/// recorded for this: where the type was mended to another one, this errs on the side of refusing.
fn has_types(catalog: &Catalog, operation: OperationIndex) -> bool {
    let parameters = catalog.operation(operation).map(|operation| operation.parameters.iter());
    parameters.into_iter().flatten().any(|parameter| parameter.kind != ParameterKind::String)
}
