//! Grants that have ended by now, though they had not when a call was made.
//!
//! A recorded call is judged at its own time, since conditions may look at the hour. Whether it would pass from now on is another
//! question: a grant whose `@expires` has passed meanwhile permits nothing any more.

use std::collections::BTreeSet;

use model::{PolicyId, Timestamp};
use policy::{Policies, PolicyRefs};

/// The policies that have expired at one moment.
#[derive(Debug, Default)]
pub(crate) struct Ended(BTreeSet<PolicyId>);

impl Ended {
    pub(crate) fn of(policies: &Policies, now: Timestamp) -> Self {
        let ended = policies.policies().filter(|policy| policy.expires.is_some_and(|expires| expires <= now));
        Self(ended.map(|policy| policy.id.clone()).collect())
    }

    /// Whether everything that permitted has ended.
    pub(crate) fn all(&self, permitting: &PolicyRefs) -> bool {
        !self.0.is_empty() && permitting.iter().all(|policy| self.0.contains(policy))
    }

    pub(crate) fn contains(&self, policy: &PolicyId) -> bool {
        self.0.contains(policy)
    }
}
