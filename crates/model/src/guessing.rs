//! How failed credentials are slowed down.

use std::time::Duration;

/// How many failures are answered as such, and how long the wait grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessLimits {
    /// Failures of one key id from one network within [`Self::per`]; at least one.
    pub failures: u32,
    /// Failures of one network, whatever it claimed.
    pub network_failures: u32,
    pub per: Duration,
    /// The longest wait that is asked for.
    pub wait_max: Duration,
}

/// Whether failures are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guessing {
    Limited(GuessLimits),
    /// Only where the configuration says so in words.
    Unlimited,
}

impl GuessLimits {
    /// Ten for a key: a person who mistypes, or a deployment with an old secret, gets the answer that helps. A hundred
    /// for a network, behind whose address a whole office may be. A quarter of an hour at most, so that a wrong
    /// configuration that was put right is answered plainly again soon.
    pub const STANDARD: Self = Self {
        failures: 10,
        network_failures: 100,
        per: Duration::from_secs(60),
        wait_max: Duration::from_secs(900),
    };
}
