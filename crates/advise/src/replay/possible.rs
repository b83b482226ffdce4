//! What an answer may be where it rests on facts that are not known.
//!
//! Nothing is guessed: a policy that reads a missing fact may hold or not. Where every way leads to the same, the answer is
//! certain; where not, the call is not judged, and counts as neither lost nor kept.

use std::collections::BTreeSet;

use enforce::PolicyVerdict;
use model::{DenyReason, PolicyId, Verdict};
use policy::Undecided;

use super::passes;
use crate::ended::Ended;
use crate::facts::is_of_declaration;

/// One way in which a call may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<DenyReason>,
}

impl Outcome {
    const ALLOWED: Self = Self { verdict: Verdict::Allowed, reason: None };

    pub(super) const fn denied(reason: DenyReason) -> Self {
        Self { verdict: Verdict::Denied, reason: Some(reason) }
    }

    /// As it comes out where the API observes, of a call that was recorded with a reason.
    pub(super) fn observed(self, observes: bool, recorded: Option<DenyReason>) -> Self {
        let as_before = is_of_declaration(recorded) && self.reason == recorded;
        let is_suspended = as_before || self.reason.is_some_and(DenyReason::is_suspended_by_observation);
        let verdict = match self.verdict {
            Verdict::Denied if observes && is_suspended => Verdict::WouldDeny,
            Verdict::SteppedUp if observes && is_suspended => Verdict::WouldStepUp,
            other => other,
        };
        Self { verdict, ..self }
    }

    /// Who passes by being observed alone gains the grant.
    fn becomes(self, then: Self) -> Becomes {
        match (passes(self.verdict), passes(then.verdict)) {
            (true, false) => Becomes::Lost,
            (false, true) => Becomes::Gained,
            (true, true) if then.verdict == Verdict::Allowed && self.verdict != then.verdict => {
                Becomes::Gained
            }
            (true, true) | (false, false) => Becomes::Same,
        }
    }
}

/// What a call that passes or not becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Becomes {
    Gained,
    Lost,
    Same,
}

/// Whether two sides answer alike whatever the missing facts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sides {
    Alike,
    Apart,
}

/// What came out, and what else might have if the undecided policies had said something else.
pub(super) fn outcomes(decided: &PolicyVerdict, undecided: &Undecided, ended: &Ended) -> Vec<Outcome> {
    let reason = decided.refusal.map(|refusal| refusal.reason());
    let itself = Outcome { verdict: decided.verdict, reason };
    if undecided.is_empty() {
        return vec![itself];
    }
    let no_grant = Outcome::denied(DenyReason::NoGrant);
    let guard = (!undecided.guards.is_empty()).then_some(Outcome::denied(DenyReason::Guard));
    let permit = undecided.permits.iter().any(|policy| !ended.contains(policy)).then_some(Outcome::ALLOWED);
    let is_certain = |of: &BTreeSet<PolicyId>| {
        decided.policies.iter().any(|policy| !of.contains(policy) && !ended.contains(policy))
    };
    let others = match (decided.verdict, reason) {
        (Verdict::Allowed, _) if is_certain(&undecided.permits) => [guard, None, None],
        (Verdict::Allowed, _) => [guard, Some(no_grant), None],
        (_, Some(DenyReason::Guard)) if is_certain(&undecided.guards) => [None; 3],
        (_, Some(DenyReason::Guard)) => [Some(Outcome::ALLOWED), Some(no_grant), None],
        (_, Some(DenyReason::NoGrant | DenyReason::NoCredential | DenyReason::StepUp)) => {
            [guard, permit, None]
        }
        (_, Some(DenyReason::PolicyFault)) => [guard, Some(Outcome::ALLOWED), Some(no_grant)],
        (_, Some(DenyReason::OutOfScope)) => [guard, None, None],
        // Refused before policy was asked.
        (_, _) => [None; 3],
    };
    std::iter::once(itself).chain(others.into_iter().flatten()).collect()
}

/// What may become of a call of which `now` and `then` are the ways it may come out.
pub(super) fn may_become(now: &[Outcome], then: &[Outcome], sides: Sides) -> Vec<Becomes> {
    let mut may: Vec<Becomes> = match sides {
        Sides::Alike => now.iter().zip(then).map(|(now, then)| now.becomes(*then)).collect(),
        Sides::Apart => now.iter().flat_map(|now| then.iter().map(move |then| now.becomes(*then))).collect(),
    };
    let mut seen = Vec::new();
    may.retain(|becomes| {
        let is_new = !seen.contains(becomes);
        seen.push(*becomes);
        is_new
    });
    may
}
