//! The state of one worker: caches and its source of ids, passed as `&mut`, never shared.

use std::sync::Arc;

use identity::token::TokenCache;
use identity::{AssertionCache, Guesses};
use model::{DecisionId, Timestamp};
use policy::DecisionCache;

use crate::random::Random;

/// What a worker keeps from request to request. Nothing in it changes whether a request passes, only its cost, and what
/// whoever failed too often is told.
#[derive(Debug)]
pub struct Worker {
    pub(crate) decisions: DecisionCache,
    pub(crate) assertions: AssertionCache,
    pub(crate) tokens: TokenCache,
    pub(crate) random: Random,
    /// Shared with the other workers, so that a limit is the same however connections are spread over them.
    pub(crate) guesses: Arc<Guesses>,
}

impl Worker {
    /// A worker with empty caches. `seed` is drawn from the operating system, for this worker alone.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = seed;
        Self {
            decisions: DecisionCache::new(),
            assertions: AssertionCache::new(),
            tokens: TokenCache::new(),
            random: Random::new(seed),
            guesses: Arc::new(Guesses::new(u64::from_le_bytes([a, b, c, d, e, f, g, h]))),
        }
    }

    /// The same worker, counting failed credentials together with others.
    #[must_use]
    pub fn sharing(mut self, guesses: Arc<Guesses>) -> Self {
        self.guesses = guesses;
        self
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
