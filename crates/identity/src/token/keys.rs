//! The key sets that are held, of all issuers: part of the snapshot, with a version of its own.
//!
//! A set counts for the very issuer that it was got for, and only until it is too old: keys that could not be
//! confirmed for longer than the issuer's configuration trusts them verify nothing (security case 63).

use std::sync::Arc;

use model::{IssuerName, Timestamp};

use super::{Issuer, KeySet};

/// The key set of one issuer, and how it came by it.
#[derive(Clone, Debug)]
pub struct HeldKeys {
    /// The issuer's name in our files.
    pub issuer: IssuerName,
    /// Its `iss`. A set that was got for another never counts, whatever the name.
    pub identifier: Box<str>,
    /// The last good set; none before the first.
    pub set: Option<Arc<KeySet>>,
    /// Tells one document from another.
    pub digest: [u8; 32],
    /// Grows with every set that differs from the one before.
    pub version: u64,
    /// When the source last gave this set.
    pub confirmed: Timestamp,
    /// When the source was last asked, with or without success; none before that.
    pub attempted: Option<Timestamp>,
    /// Why the last attempt gave nothing new to trust. For people who run the gateway, not for clients.
    pub fault: Option<Box<str>>,
}

impl HeldKeys {
    /// Before the first attempt.
    #[must_use]
    pub fn none(issuer: &Issuer) -> Self {
        Self {
            issuer: issuer.name.clone(),
            identifier: issuer.issuer.clone(),
            set: None,
            digest: [0; 32],
            version: 0,
            confirmed: Timestamp::MIN,
            attempted: None,
            fault: None,
        }
    }
}

/// The key sets of all issuers.
#[derive(Clone, Debug)]
pub struct KeySets {
    version: u64,
    held: Box<[Arc<HeldKeys>]>,
}

impl KeySets {
    /// No issuer has keys.
    #[must_use]
    pub fn none() -> Self {
        Self { version: 0, held: Box::default() }
    }

    /// With these keys in place of those that their issuer had.
    #[must_use]
    pub fn with(&self, keys: HeldKeys) -> Self {
        let others = self.held.iter().filter(|held| held.issuer != keys.issuer).cloned();
        let held = others.chain([Arc::new(keys.clone())]).collect();
        Self { version: self.version + 1, held }
    }

    /// Only those of issuers that are still configured, each as it is.
    #[must_use]
    pub fn of(&self, issuers: &[Arc<Issuer>]) -> Self {
        let counts = |held: &&Arc<HeldKeys>| issuers.iter().any(|issuer| held.is_of(issuer));
        Self { version: self.version + 1, held: self.held.iter().filter(counts).cloned().collect() }
    }

    /// What is held of an issuer.
    #[must_use]
    pub fn held(&self, issuer: &Issuer) -> Option<&Arc<HeldKeys>> {
        self.held.iter().find(|held| held.is_of(issuer))
    }

    /// The set that counts at `now`; none where there is none or it is too old.
    #[must_use]
    pub fn usable(&self, issuer: &Issuer, now: Timestamp) -> Option<&Arc<KeySet>> {
        let held = self.held(issuer)?;
        let fresh = now < held.confirmed.plus(issuer.key_age_max);
        held.set.as_ref().filter(|_| fresh)
    }

    /// Whether the issuer's source may be asked at `now` because of what a token says.
    #[must_use]
    pub fn may_ask(&self, issuer: &Issuer, now: Timestamp) -> bool {
        match self.held(issuer).and_then(|held| held.attempted) {
            None => true,
            Some(attempted) => attempted.plus(issuer.refetch_interval) <= now,
        }
    }

    /// Grows with every change.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}

impl HeldKeys {
    fn is_of(&self, issuer: &Issuer) -> bool {
        self.issuer == issuer.name && self.identifier == issuer.issuer
    }
}
