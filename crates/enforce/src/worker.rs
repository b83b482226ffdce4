//! The state of one worker: caches and its source of ids, passed as `&mut`, never shared.

use identity::AssertionCache;
use identity::token::TokenCache;
use model::{DecisionId, Timestamp};
use policy::DecisionCache;

use crate::random::Random;

/// What a worker keeps from request to request. Nothing in it changes an answer, only its cost.
#[derive(Debug)]
pub struct Worker {
    pub(crate) decisions: DecisionCache,
    pub(crate) assertions: AssertionCache,
    pub(crate) tokens: TokenCache,
    pub(crate) random: Random,
}

impl Worker {
    /// A worker with empty caches. `seed` is drawn from the operating system, for this worker alone.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            decisions: DecisionCache::new(),
            assertions: AssertionCache::new(),
            tokens: TokenCache::new(),
            random: Random::new(seed),
        }
    }

    /// A new id for a decision at `now`.
    pub fn decision_id(&mut self, now: Timestamp) -> DecisionId {
        DecisionId::new(now, self.random.bits128())
    }

    /// The decision cache, for its counters.
    #[must_use]
    pub const fn decisions(&self) -> &DecisionCache {
        &self.decisions
    }

    /// The assertion cache, for its counter.
    #[must_use]
    pub const fn assertions(&self) -> &AssertionCache {
        &self.assertions
    }

    /// The cache of verified tokens, for its figures.
    #[must_use]
    pub const fn tokens(&self) -> &TokenCache {
        &self.tokens
    }
}
