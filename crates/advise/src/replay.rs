//! Recorded calls through other policies: who would lose something, who would gain something.
//!
//! Each row of equal facts is judged once, at the time of its last call, by [`enforce::decide_policy`]: by the policies in
//! force in the mode that their API has, and by the candidate as if everything were enforced, since that is what one
//! wants to know before it is. Nothing is redeemed: limits, blocks and credentials play no part, and calls that were refused
//! for such a reason are not asked about again.
//!
//! A call of which a fact is missing that decides about it is not judged ([`possible`]): it is told apart, with what may become
//! of it, since whoever sends enough distinct calls can see to it that of later ones less is kept.

mod possible;

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, OperationIndex, ParameterKind};
use enforce::{PolicyVerdict, decide_policy};
use model::{Client, DenyReason, Refusal, Timestamp, Verdict};
use policy::{DecisionCache, Policies, PolicyRefs};
use serde::Serialize;

use crate::caller::{Directory, Unrecalled, recall_recorded};
use crate::ended::Ended;
use crate::facts::is_of_policy;
use crate::{OTHER, Usage, Used};
use possible::{Becomes, Outcome, Sides, may_become, outcomes};

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

/// Calls of one caller and operation that cannot be judged, since facts that decide about them were not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unjudged {
    pub caller: String,
    pub operation: String,
    pub count: u64,
    /// So many of them pass today, as far as is known, and may not any more.
    pub may_lose: u64,
    /// So many of them may pass that do not today, or by being observed alone.
    pub may_gain: u64,
    /// Decisions to look up in the log, at most three.
    pub samples: Vec<String>,
    pub api: String,
    /// The caller's team.
    pub team: Option<String>,
    /// The facts that are missing.
    pub missing: Vec<String>,
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
    /// Calls of which nobody can say; none of the numbers above counts them.
    pub not_judged: Vec<Unjudged>,
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

    /// Calls that may be lost as well: what decides about them was not kept.
    #[must_use]
    pub fn may_be_lost_calls(&self) -> u64 {
        self.not_judged.iter().map(|unjudged| unjudged.may_lose).sum()
    }
}

/// One answer.
struct Answer {
    /// What came out, and behind it what else may have.
    outcomes: Vec<Outcome>,
    policies: Vec<String>,
    gaps: BTreeSet<String>,
    /// Of whom and what policies were asked.
    asked: Option<(OperationIndex, Client)>,
}

impl Answer {
    fn refused(reason: DenyReason) -> Self {
        let outcomes = vec![Outcome::denied(reason)];
        Self { outcomes, policies: Vec::new(), gaps: BTreeSet::new(), asked: None }
    }

    /// As it comes out where the API observes, of a call that was recorded with a reason.
    fn observed(mut self, observes: bool, recorded: Option<DenyReason>) -> Self {
        for outcome in &mut self.outcomes {
            *outcome = outcome.observed(observes, recorded);
        }
        self
    }

    fn outcome(&self) -> Outcome {
        self.outcomes.first().copied().unwrap_or(Outcome::denied(DenyReason::PolicyFault))
    }

    fn is_certain(&self) -> bool {
        self.outcomes.len() == 1
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
    let ended = [ended(question.now), ended(question.then)];
    let mut told = Told::default();
    for used in usage.rows() {
        let calls = used.counts.calls;
        if used.facts.caller == OTHER {
            told.take_together(used);
            continue;
        }
        if let Some(why) = left_out(used) {
            *replayed.left_out.entry(why.to_owned()).or_default() += calls;
            continue;
        }
        let (now, then) = match answers(used, question, &mut caches, &ended) {
            Ok(answers) => answers,
            Err(why) => {
                *replayed.left_out.entry(why.to_string()).or_default() += calls;
                continue;
            }
        };
        let is_certain = now.is_certain() && then.is_certain();
        let may = may_become(&now.outcomes, &then.outcomes, sides(question, &now, &then));
        let becomes = match may.as_slice() {
            [one] => *one,
            several => {
                told.not_judged(used, several, now.gaps.union(&then.gaps));
                continue;
            }
        };
        replayed.calls += calls;
        replayed.rows += 1;
        if is_certain && (!now.gaps.is_empty() || !then.gaps.is_empty()) {
            replayed.approximate_calls += calls;
        }
        let passes = if is_certain { passes(then.outcome().verdict) } else { used.facts.passed() };
        match becomes {
            Becomes::Same if passes => replayed.pass_both += calls,
            Becomes::Same => replayed.refused_both += calls,
            Becomes::Gained => told.flip(Direction::Gain, used, &now, &then),
            Becomes::Lost => told.flip(Direction::Loss, used, &now, &then),
        }
    }
    told.into_lists(&mut replayed);
    replayed
}

/// Whether both sides answer alike whatever is missing.
fn sides(question: &ReplayQuestion<'_>, now: &Answer, then: &Answer) -> Sides {
    let alike = || {
        let (operation, client) = now.asked.as_ref()?;
        let (its_operation, _) = then.asked.as_ref()?;
        let (policies, other) = (question.now.policies?, question.then.policies?);
        policies.answer_alike(*operation, (other, *its_operation), client).then_some(())
    };
    let are_alike = now.outcomes.len() == then.outcomes.len() && !now.is_certain() && alike().is_some();
    if are_alike { Sides::Alike } else { Sides::Apart }
}

/// What is told of calls that become something else, or may.
#[derive(Default)]
struct Told {
    flips: BTreeMap<FlipKey, Flip>,
    unjudged: BTreeMap<(String, String), Unjudged>,
}

impl Told {
    fn flip(&mut self, side: Direction, used: &Used, now: &Answer, then: &Answer) {
        let key = FlipKey {
            side,
            caller: used.facts.caller.clone(),
            operation: used.facts.operation.clone(),
            now: now.outcome().verdict,
            then: then.outcome().verdict,
        };
        self.flips.entry(key).or_insert_with(|| begin(used, now, then)).take(used, now, then);
    }

    /// Calls of many callers, of which none is known.
    fn take_together(&mut self, used: &Used) {
        let may = if used.facts.passed() { Becomes::Lost } else { Becomes::Gained };
        let missing = ["caller".to_owned(), "operation".to_owned()];
        self.not_judged(used, &[may], missing.iter());
    }

    fn not_judged<'a>(&mut self, used: &Used, may: &[Becomes], missing: impl Iterator<Item = &'a String>) {
        let calls = used.counts.calls;
        let key = (used.facts.caller.clone(), used.facts.operation.clone());
        let unjudged = self.unjudged.entry(key).or_insert_with(|| Unjudged {
            caller: used.facts.caller.clone(),
            operation: used.facts.operation.clone(),
            api: used.facts.api.clone(),
            team: used.facts.team.clone(),
            ..Unjudged::default()
        });
        unjudged.count += calls;
        unjudged.may_lose += if may.contains(&Becomes::Lost) { calls } else { 0 };
        unjudged.may_gain += if may.contains(&Becomes::Gained) { calls } else { 0 };
        let room = SAMPLES_MAX.saturating_sub(unjudged.samples.len());
        unjudged.samples.extend(used.samples().take(room).map(|id| id.to_string()));
        for fact in missing {
            if !unjudged.missing.contains(fact) {
                unjudged.missing.push(fact.clone());
            }
        }
        unjudged.last = unjudged.last.clone().max(used.counts.last.to_string());
    }

    fn into_lists(self, replayed: &mut Replayed) {
        for (key, flip) in self.flips {
            match key.side {
                Direction::Gain => replayed.would_gain.push(flip),
                Direction::Loss => replayed.would_lose.push(flip),
            }
        }
        for list in [&mut replayed.would_lose, &mut replayed.would_gain] {
            list.sort_by_key(|flip| std::cmp::Reverse(flip.count));
        }
        replayed.not_judged = self.unjudged.into_values().collect();
        replayed.not_judged.sort_by_key(|unjudged| std::cmp::Reverse(unjudged.count));
    }
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
    let (before, after) = (now.outcome(), then.outcome());
    let refusing = if passes(after.verdict) { before } else { after };
    Flip {
        caller: used.facts.caller.clone(),
        operation: used.facts.operation.clone(),
        now: before.verdict.as_str(),
        then: after.verdict.as_str(),
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

/// By both sides; what the policies in force keep is what was recorded.
fn answers(
    used: &Used,
    question: &ReplayQuestion<'_>,
    [now_cache, then_cache]: &mut [DecisionCache; 2],
    [now_ended, then_ended]: &[Ended; 2],
) -> Result<(Answer, Answer), Unrecalled> {
    let asking = Asking { used, directory: question.directory, in_force: question.now };
    let (api, recorded) = (&used.facts.api, DenyReason::parse(&used.facts.reason));
    let now = asking.answer(question.now, now_cache, now_ended)?;
    let then = asking.answer(question.then, then_cache, then_ended)?;
    Ok((
        now.observed((question.observes_now)(api), recorded),
        then.observed((question.observes_then)(api), recorded),
    ))
}

struct Asking<'a> {
    used: &'a Used,
    directory: &'a dyn Directory,
    in_force: Side<'a>,
}

impl Asking<'_> {
    fn answer(&self, side: Side<'_>, cache: &mut DecisionCache, ended: &Ended) -> Result<Answer, Unrecalled> {
        let Some(policies) = side.policies else {
            return Ok(Answer::refused(DenyReason::NoRevision));
        };
        let in_force = self.in_force.catalog.by_id(&self.used.facts.operation).zip(self.in_force.policies);
        let recorded = in_force.map_or(&[][..], |(operation, policies)| policies.kept(operation));
        let recalled = match recall_recorded(self.used, side.catalog, policies, self.directory, recorded) {
            Ok(recalled) => recalled,
            // What is not declared there is refused there.
            Err(Unrecalled::Operation) => return Ok(Answer::refused(DenyReason::UnknownOperation)),
            Err(why) => return Err(why),
        };
        let reason = &self.used.facts.reason;
        if reason == DenyReason::BadParameter.code() && has_types(side.catalog, recalled.operation) {
            return Ok(Answer { gaps: recalled.gaps, ..Answer::refused(DenyReason::BadParameter) });
        }
        let (time, client) = (recalled.time, &recalled.caller.client);
        let mut decided =
            decide_policy(side.catalog, policies, cache, time, recalled.subject(), &recalled.request);
        if decided.verdict == Verdict::Allowed && ended.all(&decided.policies) {
            let refusal = Some(Refusal::of(DenyReason::NoGrant));
            decided = PolicyVerdict { verdict: Verdict::Denied, refusal, policies: PolicyRefs::default() };
        }
        let undecided = policies.undecided(recalled.operation, client, time, &recalled.unknown);
        Ok(Answer {
            outcomes: outcomes(&decided, &undecided, ended),
            policies: decided.policies.iter().map(|policy| policy.as_str().to_owned()).collect(),
            gaps: recalled.gaps,
            asked: (!undecided.is_empty()).then(|| (recalled.operation, client.clone())),
        })
    }
}

/// Whether a parameter of the operation has to be of a type, so that one which did not fit does not fit still. Its text is not
/// recorded for this: where the type was mended to another one, this errs on the side of refusing.
fn has_types(catalog: &Catalog, operation: OperationIndex) -> bool {
    let parameters = catalog.operation(operation).map(|operation| operation.parameters.iter());
    parameters.into_iter().flatten().any(|parameter| parameter.kind != ParameterKind::String)
}
