//! One decision: slice, cache, and on a miss the conditions through Cedar's evaluator.
//!
//! Cedar's authorizer would judge scope and condition of each policy and skip a `forbid` that fails. Here the scope
//! is settled by the slice and any failure denies, so each condition is evaluated by itself and combined: a failure
//! denies, then a guard denies, then a grant permits. Property tests compare this with the authorizer over the
//! whole set.

use cedar_policy::{EvalResult, eval_expression};
use smallvec::SmallVec;

use crate::cache::{DecisionCache, Key};
use crate::compile::Policies;
use crate::facts::{Facts, Question};
use crate::reads::Reads;
use crate::rule::{Effect, Rule};
use crate::ruling::{PolicyRefs, Ruling, RulingKind};
use crate::slice::{OperationEntry, Slice};

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
        let Some(key) = Key::new(operation, &slice, facts) else {
            cache.count_uncacheable();
            return self.evaluate(operation, &slice, facts).ruling;
        };
        if let Some(ruling) = cache.find(&key) {
            return ruling.clone();
        }
        let fresh = self.evaluate(operation, &slice, facts);
        if fresh.keep == Keep::Cached {
            cache.insert(&key, fresh.ruling.clone());
        }
        fresh.ruling
    }

    fn evaluate(&self, operation: &OperationEntry, slice: &Slice<'_>, facts: &Facts<'_>) -> Fresh {
        let mut numbers: SmallVec<[u32; 32]> = slice.iter().flat_map(|part| part.rules.iter().copied()).collect();
        numbers.sort_unstable();
        let mut tally = Tally::default();
        let mut question = None;
        for number in numbers {
            let Some(rule) = self.rule(number) else {
                return Fresh { ruling: Ruling::fault(), keep: Keep::Once };
            };
            if rule.expired(facts.now) {
                continue;
            }
            let judged = match self.condition(number) {
                None => Judged::Hit,
                Some(condition) => {
                    if question.is_none() {
                        question = self.question(operation, slice, facts);
                    }
                    match &question {
                        Some(question) => judge(question, condition),
                        None => Judged::Error,
                    }
                }
            };
            tally.count(rule, judged, facts);
        }
        tally.into_ruling()
    }

    fn question(&self, operation: &OperationEntry, slice: &Slice<'_>, facts: &Facts<'_>) -> Option<Question> {
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
        let list = match (judged, rule.observed(facts.now), rule.effect) {
            (Judged::Miss, _, _) => return,
            (Judged::Hit, true, _) => &mut self.observed,
            // An observed guard never changes the enforced verdict, not even by failing (security case 89).
            (Judged::Error, true, _) => {
                self.observed_error = true;
                &mut self.observed
            }
            (Judged::Error, false, _) => &mut self.errors,
            (Judged::Hit, false, Effect::Forbid) => &mut self.forbids,
            (Judged::Hit, false, Effect::Permit) => &mut self.permits,
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
