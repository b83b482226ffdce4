//! Asks for more proof where more proof would do (RFC 9470).
//!
//! A request that policy denies is weighed again as if its user had signed in with several factors, or more recently,
//! or both. Where one of these would be permitted, the answer is a challenge for the least of them and no plain denial.
//! Only the sign-in is raised, never the client, its scopes or its strength, and only of callers whose user a token
//! names: nobody else could sign in. Nothing here permits anything.

use model::{Caller, DenyReason, Mfa, Refusal, SignIn, Timestamp};
use policy::{Facts, Policies, Ruling, SignInReads};

use crate::weigh::{self, Disguise, Question, Weighed, Weight};

/// What the user has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whether several factors are asked for.
    pub mfa: Mfa,
    /// The greatest number of seconds since the sign-in, where that counts.
    pub max_age: Option<i64>,
}

/// The answer where a better sign-in would do.
pub(crate) const STEP_UP: Refusal = Refusal::of(DenyReason::StepUp);

/// Weighs `question` and, where policy denies, whether a better sign-in would change that.
pub(crate) fn weigh(
    question: &Question<'_>,
    policies: Option<&Policies>,
    mut rule: impl FnMut(&Facts<'_>) -> Ruling,
) -> Weighed {
    let weighed = weigh::weigh(question, &mut rule);
    let Some(policies) = policies else {
        return weighed;
    };
    match challenge(question, policies, &weighed, rule) {
        None => weighed,
        Some(challenge) => {
            Weighed { weight: Weight::Refused(STEP_UP), challenge: Some(challenge), ..weighed }
        }
    }
}

fn challenge(
    question: &Question<'_>,
    policies: &Policies,
    weighed: &Weighed,
    mut rule: impl FnMut(&Facts<'_>) -> Ruling,
) -> Option<Challenge> {
    let Weight::Refused(refusal) = weighed.weight else {
        return None;
    };
    // A hidden operation stays hidden: its denial must look like any other.
    if !matches!(refusal.reason(), DenyReason::NoGrant | DenyReason::Guard)
        || weighed.disguise != Disguise::None
    {
        return None;
    }
    let caller = question.caller;
    // Only a token names a user.
    caller.user.as_ref()?;
    let operation = weigh::operation_of(question.found)?;
    let reads = policies.sign_in_reads(operation, &caller.client)?;
    let would_do = |challenge: &Challenge| {
        let raised = raised(caller, challenge, question.now);
        weigh::weigh(&Question { caller: &raised, ..*question }, &mut rule).weight == Weight::Permitted
    };
    candidates(&reads, caller.sign_in.mfa).find(would_do)
}

/// From the least that can be asked for to the most: factors, then freshness as old as may be, then both.
fn candidates(reads: &SignInReads, mfa: Mfa) -> impl Iterator<Item = Challenge> {
    let more = (reads.mfa.is_some() && mfa == Mfa::NotUsed).then_some(Mfa::Used);
    let ages = |mfa: Mfa| reads.ages.iter().map(move |&age| Challenge { mfa, max_age: Some(age) });
    let factors = more.map(|mfa| Challenge { mfa, max_age: None });
    factors.into_iter().chain(ages(Mfa::NotUsed)).chain(more.into_iter().flat_map(ages))
}

/// The caller as it would be after the challenge.
fn raised(caller: &Caller, challenge: &Challenge, now: Timestamp) -> Caller {
    let mfa = match challenge.mfa {
        Mfa::Used => Mfa::Used,
        Mfa::NotUsed => caller.sign_in.mfa,
    };
    let time = match challenge.max_age {
        None => caller.sign_in.time,
        Some(age) => {
            Some(Timestamp::from_micros(now.as_micros().saturating_sub(age.saturating_mul(1_000_000))))
        }
    };
    Caller { sign_in: SignIn { mfa, time }, ..caller.clone() }
}
