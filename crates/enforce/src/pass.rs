//! From allow to forward: effects first, then a pass, then, by value, the forward.
//!
//! None of these types is `Clone` or can be made outside this crate; each owns the request that was judged. So a
//! permit cannot be made up, used twice, used for another request, or used before its effects are redeemed; the
//! compile-fail tests of this crate show it.

use std::sync::Arc;

use identity::LimitCell;
use model::{CanonicalRequest, DenyReason, Refusal, Timestamp, Verdict};

use crate::forward::Forward;
use crate::limit::{self, Limited, Taken};
use crate::refused::refused;
use crate::{Evidence, Refused};

/// By which right a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Observed,
    Permitted,
}

/// A request that may pass once its effects are redeemed.
#[derive(Debug)]
#[must_use = "an allow that is not redeemed lets nothing pass"]
pub struct Pending {
    kind: Kind,
    forward: Forward,
    /// Of its caller.
    budget: Option<Arc<LimitCell>>,
}

/// A request that passes, and by which right.
#[derive(Debug)]
#[must_use = "a pass that is not forwarded lets nothing pass"]
pub enum Pass {
    /// Only observed: it would have been denied.
    Observed(ObservedPermit),
    Permit(Permit),
}

/// Policy permits the request that it holds.
#[derive(Debug)]
#[must_use = "a permit that is not forwarded lets nothing pass"]
pub struct Permit {
    forward: Forward,
}

/// The request that it holds passes because its API, or the guard, is only observed.
#[derive(Debug)]
#[must_use = "a permit that is not forwarded lets nothing pass"]
pub struct ObservedPermit {
    forward: Forward,
}

impl Kind {
    fn pass(self, forward: Forward) -> Pass {
        match self {
            Self::Observed => Pass::Observed(ObservedPermit { forward }),
            Self::Permitted => Pass::Permit(Permit { forward }),
        }
    }
}

impl Pending {
    pub(crate) const fn new(kind: Kind, forward: Forward, budget: Option<Arc<LimitCell>>) -> Self {
        Self { kind, forward, budget }
    }

    /// The request that was judged.
    #[must_use]
    pub const fn request(&self) -> &CanonicalRequest {
        self.forward.request()
    }

    /// Redeems the effects: takes one request out of the key's and then out of the API's budget. A request that the
    /// API's limit refuses still counts against its key, so that nobody can wait for free at a busy API.
    ///
    /// A refusal by a limit changes the evidence, so that the record says what happened.
    pub fn redeem(self, evidence: &mut Evidence, now: Timestamp) -> Result<Pass, Box<Refused>> {
        let Self { kind, mut forward, budget } = self;
        let (first, wait, used_up) = match limit::take_all(budget.as_deref(), forward.rules(), now) {
            Taken::Unlimited => return Ok(kind.pass(forward)),
            Taken::All(budgets) => {
                forward.note_budgets(budgets);
                return Ok(kind.pass(forward));
            }
            Taken::Refused { first, wait, used_up } => (first, wait, used_up),
        };
        let code = match first {
            Limited::Api => "rate_per_api",
            Limited::Key => "rate_per_key",
        };
        let refusal =
            Refusal::new(DenyReason::RateLimited, code, "the limit of requests per period is used up");
        evidence.verdict = Verdict::Denied;
        evidence.refusal = Some(refusal);
        let answer = refused(evidence.id, &refusal).with_wait(wait).with_budgets(Some(&used_up));
        let answer = answer.for_browser(evidence, forward.request());
        Err(Box::new(answer.with_request(forward.into_request())))
    }
}

impl Pass {
    /// The request that was judged.
    #[must_use]
    pub const fn request(&self) -> &CanonicalRequest {
        match self {
            Self::Observed(permit) => permit.forward.request(),
            Self::Permit(permit) => permit.forward.request(),
        }
    }

    /// Uses the pass up and gives what goes to the upstream.
    pub fn forward(self) -> Forward {
        match self {
            Self::Observed(permit) => permit.forward(),
            Self::Permit(permit) => permit.forward(),
        }
    }
}

impl Permit {
    /// Uses the permit up and gives what goes to the upstream.
    pub fn forward(self) -> Forward {
        self.forward
    }
}

impl ObservedPermit {
    /// Uses the permit up and gives what goes to the upstream.
    pub fn forward(self) -> Forward {
        self.forward
    }
}
