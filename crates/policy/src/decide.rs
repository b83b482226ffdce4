//! One decision: slice, cache, and on a miss the conditions through Cedar's evaluator.
//!
//! Cedar's authorizer would judge scope and condition of each policy and skip a `forbid` that fails. Here the scope
//! is settled by the slice and any failure denies, so each condition is evaluated by itself and combined: a failure
//! denies, then a guard denies, then a grant permits. Property tests compare this with the authorizer over the
//! whole set.

use std::time::Duration;

use catalog::OperationIndex;
use cedar_policy::{EvalResult, eval_expression};
use model::{Caller, Timestamp};
use smallvec::SmallVec;

use crate::cache::{DecisionCache, Key, can_be_keyed};
use crate::compile::Policies;
use crate::facts::{Facts, Question};
use crate::reads::{ContextFact, Precision, Reads};
use crate::rule::{Effect, Force, Principals, Rule};
use crate::ruling::{PolicyRefs, Ruling, RulingKind};
use crate::slice::{Observers, OperationEntry, Part, Slice};

/// How one condition came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    Error,
    Hit,
    Miss,
}

/// A fresh ruling, and whether it may be given again for the same facts.
struct Fresh {
    ruling: Ruling,
    keep: Keep,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Cached,
    Once,
}

/// Whether a rule looks at a path parameter whose value is not of its declared type, as it can be while an API is observed.
pub(crate) fn reads_misfit(operation: &OperationEntry, rule: &Rule, facts: &Facts<'_>) -> bool {
    let mut values = operation.parameters.iter().zip(facts.params);
    values.any(|(parameter, value)| {
        value.kind() != parameter.kind && rule.reads.params.contains(&parameter.name)
    })
}

/// What such a rule says. Of one spelling it could say what does not hold for the others of the same object (security case 18), so a
/// grant grants nothing and a guard counts as broken.
pub(crate) const fn of_misfit(rule: &Rule) -> Judged {
    match rule.effect {
        Effect::Forbid => Judged::Error,
        Effect::Permit => Judged::Miss,
    }
}

impl Policies {
    /// Decides one request. Whatever goes wrong is a [`RulingKind::Fault`], which denies.
    #[must_use]
    pub fn decide(&self, cache: &mut DecisionCache, facts: &Facts<'_>) -> Ruling {
        let Some(operation) = self.operation(facts.operation) else {
            return Ruling::fault();
        };
        if facts.params.len() != operation.parameters.len() {
            return Ruling::fault();
        }
        let Some(slice) = self.slice(operation, &facts.caller.client) else {
            return Ruling::fault();
        };
        if !can_be_keyed(&slice) {
            cache.count_uncacheable();
            return self.evaluate(operation, &slice, facts).ruling;
        }
        let key = Key::new(operation, &slice, facts);
        if let Some(ruling) = cache.find(&key) {
            return ruling.clone();
        }
        let fresh = self.evaluate(operation, &slice, facts);
        if fresh.keep == Keep::Cached {
            cache.insert(&key, fresh.ruling.clone());
        }
        fresh.ruling
    }

    /// Until when a ruling about this operation and caller stays what it is, the other facts being the same: the next
    /// date that one of their policies names, or age that they ask of a sign-in. [`Timestamp::MAX`] where time alone
    /// changes nothing; `now` where a policy looks at the time itself, so that it may change at any moment.
    #[must_use]
    pub fn unchanged_until(&self, operation: OperationIndex, caller: &Caller, now: Timestamp) -> Timestamp {
        let slice = self.operation(operation).and_then(|operation| self.slice(operation, &caller.client));
        let Some(slice) = slice else { return now };
        let is_exact =
            |part: &&Part| part.wants.now == Precision::Exact || part.wants.age == Precision::Exact;
        if slice.iter().any(is_exact) {
            return now;
        }
        let next = |points: &[i64], reached: i64| {
            points.get(points.partition_point(|&point| point <= reached)).copied()
        };
        let date = |part: &&Part| next(&part.breakpoints, now.as_micros()).map(Timestamp::from_micros);
        let age = |part: &&Part| {
            let age = next(&part.age_breakpoints, caller.sign_in.age(now)?)?;
            Some(caller.sign_in.time?.plus(Duration::from_secs(u64::try_from(age).ok()?)))
        };
        let dates = slice.iter().filter_map(date);
        dates.chain(slice.iter().filter_map(age)).min().unwrap_or(Timestamp::MAX)
    }

    fn evaluate(&self, operation: &OperationEntry, slice: &Slice<'_>, facts: &Facts<'_>) -> Fresh {
        let mut numbers: SmallVec<[u32; 32]> =
            slice.iter().flat_map(|part| part.rules.iter().copied()).collect();
        numbers.sort_unstable();
        let mut tally = Tally::default();
        let mut questions = Questions::default();
        for number in numbers {
            let Some(rule) = self.rule(number) else {
                return Fresh { ruling: Ruling::fault(), keep: Keep::Once };
            };
            if rule.expired(facts.now) {
                continue;
            }
            let judged = match self.condition(number) {
                None => Judged::Hit,
                Some(_) if reads_misfit(operation, rule, facts) => of_misfit(rule),
                Some(condition) => {
                    let ask = || self.question(operation, slice, rule.force(facts.now), facts);
                    match questions.of(rule.force(facts.now)).get_or_insert_with(ask) {
                        Some(question) => judge(question, condition),
                        None => Judged::Error,
                    }
                }
            };
            tally.count(rule, settle(rule, judged, facts), facts);
        }
        tally.into_ruling()
    }

    /// The request with what the policies of one force read.
    fn question(
        &self,
        operation: &OperationEntry,
        slice: &Slice<'_>,
        force: Force,
        facts: &Facts<'_>,
    ) -> Option<Question> {
        if slice.iter().any(|part| part.observers == Observers::Some) {
            let numbers = slice.iter().flat_map(|part| part.rules.iter().copied());
            return self.question_about(operation, numbers, force, facts);
        }
        match slice.as_slice() {
            [part] => Question::new(self, operation, &part.reads, facts),
            parts => {
                let mut reads = Reads::nothing();
                for part in parts {
                    reads.merge(&part.reads);
                }
                Question::new(self, operation, &reads, facts)
            }
        }
    }

    /// The request with what those of the given policies read that have this force and have not expired.
    pub(crate) fn question_about(
        &self,
        operation: &OperationEntry,
        numbers: impl Iterator<Item = u32>,
        force: Force,
        facts: &Facts<'_>,
    ) -> Option<Question> {
        let mut reads = Reads::nothing();
        for rule in numbers.filter_map(|number| self.rule(number)) {
            if rule.force(facts.now) == force {
                reads.merge(&rule.reads);
            }
        }
        Question::new(self, operation, &reads, facts)
    }
}

/// The request as policies that decide see it, and as those that observe do. They are put apart so that a fact
/// which only an observed guard reads cannot make the others fail (security case 89).
#[derive(Default)]
pub(crate) struct Questions {
    enforced: Option<Option<Question>>,
    observed: Option<Option<Question>>,
}

impl Questions {
    pub(crate) fn of(&mut self, force: Force) -> &mut Option<Option<Question>> {
        match force {
            Force::Enforced => &mut self.enforced,
            Force::Observed => &mut self.observed,
        }
    }
}

/// Evaluates one condition. Anything but a truth value is an error.
pub(crate) fn judge(question: &Question, condition: &cedar_policy::Expression) -> Judged {
    match eval_expression(&question.request, &question.entities, condition) {
        Ok(EvalResult::Bool(true)) => Judged::Hit,
        Ok(EvalResult::Bool(false)) => Judged::Miss,
        Ok(
            EvalResult::Long(_)
            | EvalResult::String(_)
            | EvalResult::EntityUid(_)
            | EvalResult::Set(_)
            | EvalResult::Record(_)
            | EvalResult::ExtensionValue(_),
        )
        | Err(_) => Judged::Error,
    }
}

/// Whether a grant counts for a caller that nobody vouched for. Anybody can send a text that looks like one of an API's
/// keys, so a grant to every application or to a team is not meant for it, whether scope or condition says so. It
/// counts where it is for anyone at all, names this very key in its scope, or looks at the strength itself.
pub(crate) fn reaches(rule: &Rule, caller: &Caller) -> bool {
    caller.strength != model::Strength::Claimed
        || rule.reads.context.contains(&ContextFact::Strength)
        || match &rule.scope.principals {
            Principals::Anonymous | Principals::Application(_) => true,
            Principals::Anyone => !rule.reads.principal,
            Principals::Applications
            | Principals::Nobody
            | Principals::Team(_)
            | Principals::TeamApplications(_)
            | Principals::TeamWorkloads(_)
            | Principals::Workload(_)
            | Principals::Workloads => false,
        }
}

/// A guard about the client's address cannot miss where there is no address: it fails, which denies. Validation
/// makes guards say `context has sourceIp`, and whoever can spoil what a proxy tells could else switch them off
/// (security case 28).
pub(crate) fn settle(rule: &Rule, judged: Judged, facts: &Facts<'_>) -> Judged {
    let untold = facts.source_ip.is_none() && rule.reads.context.contains(&ContextFact::SourceIp);
    match (judged, rule.effect) {
        (Judged::Miss, Effect::Forbid) if untold => Judged::Error,
        // `unless { context has sourceIp && … }` holds for want of an address; that is no ground to permit.
        (Judged::Hit, Effect::Permit) if untold || !reaches(rule, facts.caller) => Judged::Miss,
        (Judged::Error | Judged::Hit | Judged::Miss, Effect::Forbid | Effect::Permit) => judged,
    }
}

/// The policies that said something, by what they said.
#[derive(Default)]
pub(crate) struct Tally {
    errors: Vec<model::PolicyId>,
    forbids: Vec<model::PolicyId>,
    observed: Vec<model::PolicyId>,
    observed_error: bool,
    permits: Vec<model::PolicyId>,
}

impl Tally {
    pub(crate) fn count(&mut self, rule: &Rule, judged: Judged, facts: &Facts<'_>) {
        let list = match (judged, rule.force(facts.now), rule.effect) {
            (Judged::Miss, _, _) => return,
            (Judged::Hit, Force::Observed, _) => &mut self.observed,
            // An observed guard never changes the enforced verdict, not even by failing (security case 89).
            (Judged::Error, Force::Observed, _) => {
                self.observed_error = true;
                &mut self.observed
            }
            (Judged::Error, Force::Enforced, _) => &mut self.errors,
            (Judged::Hit, Force::Enforced, Effect::Forbid) => &mut self.forbids,
            (Judged::Hit, Force::Enforced, Effect::Permit) => &mut self.permits,
        };
        list.push(rule.id.clone());
    }

    pub(crate) fn ruling(self) -> Ruling {
        let kind = if !self.errors.is_empty() {
            RulingKind::Fault { policies: PolicyRefs::of(self.errors) }
        } else if !self.forbids.is_empty() {
            RulingKind::Forbid { by: PolicyRefs::of(self.forbids) }
        } else if self.permits.is_empty() {
            RulingKind::NoGrant
        } else {
            RulingKind::Permit { by: PolicyRefs::of(self.permits) }
        };
        Ruling { kind, observed: PolicyRefs::of(self.observed) }
    }

    fn into_ruling(self) -> Fresh {
        let keep = if self.errors.is_empty() && !self.observed_error { Keep::Cached } else { Keep::Once };
        Fresh { ruling: self.ruling(), keep }
    }
}
