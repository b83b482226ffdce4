//! Why a decision is what it is, for the person who must act.

use model::PolicyId;

use crate::compile::Policies;
use crate::facts::Facts;
use crate::rule::Effect;
use crate::ruling::Ruling;

/// How one policy stands to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleOutcomeKind {
    /// Its condition could not be evaluated, so it denies.
    Error,
    /// It covers the request, but its `@expires` has passed.
    Expired,
    /// It holds.
    Hit,
    /// It does not hold.
    Miss,
    /// It would forbid, but only observes until its `@observe_until`.
    Observed,
}

/// One policy in an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOutcome {
    pub id: PolicyId,
    pub effect: Effect,
    pub outcome: RuleOutcomeKind,
    /// The first condition that is not met, as Cedar text.
    pub unmet: Option<String>,
}

/// What a person can do about a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantAdvice {
    AlreadyPermitted,
    Grant(String),
    Guarded,
    Identify,
    Mend,
}

/// Everything that a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub ruling: Ruling,
    pub rules: Vec<RuleOutcome>,
    /// The grant that comes nearest to permitting.
    pub nearest: Option<PolicyId>,
    pub grant: GrantAdvice,
}

impl Policies {
    /// Explains a decision without the cache.
    #[must_use]
    pub fn explain(&self, _facts: &Facts<'_>) -> Explanation {
        Explanation {
            ruling: Ruling::fault(),
            rules: Vec::new(),
            nearest: None,
            grant: GrantAdvice::Mend,
        }
    }
}
