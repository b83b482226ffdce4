//! Assertions of one worker, kept for half of their life.
//!
//! An assertion is found by the very key entry, audience and signing key that it was made for, so whatever changes
//! about a caller (scopes, team, revocation) makes a new entry and with it a new assertion. Two generations bound
//! the memory: when the young one is full it becomes the old one, and the old one is forgotten.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use model::{KeyId, Timestamp};

use super::{Claims, Signer, SignerError};
use crate::KeyEntry;
use crate::identify::caller_of;

/// How long an assertion is given out; it is valid for at least as long again.
pub const KEPT: Duration = Duration::from_secs(30);
/// Entries of one generation; there are two.
pub const GENERATION_MAX: usize = 4_096;

/// Whom an assertion is about, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct AssertionSubject<'a> {
    pub key: &'a Arc<KeyEntry>,
    pub issuer: &'a str,
    pub audience: &'a str,
    /// A small number for the audience, to look up by; the audience itself is compared as well.
    pub audience_number: u16,
}

struct Kept {
    key: Arc<KeyEntry>,
    kid: Arc<str>,
    issuer: Box<str>,
    audience: Box<str>,
    signed: Timestamp,
    token: Arc<str>,
}

type Generation = HashMap<(KeyId, u16), Kept, FixedState>;

/// The assertions that a worker has signed lately.
pub struct AssertionCache {
    young: Generation,
    old: Generation,
    signatures: u64,
}

impl AssertionCache {
    /// Holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { young: Generation::default(), old: Generation::default(), signatures: 0 }
    }

    /// The assertion for `subject`, signed now or at most [`KEPT`] ago.
    pub fn assertion(
        &mut self,
        signer: &Signer,
        now: Timestamp,
        subject: AssertionSubject<'_>,
    ) -> Result<Arc<str>, SignerError> {
        let place = (subject.key.id, subject.audience_number);
        for generation in [&self.young, &self.old] {
            if let Some(kept) = generation.get(&place)
                && kept.answers(signer, now, subject)
            {
                return Ok(Arc::clone(&kept.token));
            }
        }
        let caller = caller_of(subject.key);
        let claims = Claims {
            issuer: subject.issuer,
            audience: subject.audience,
            caller: &caller,
            scopes: &subject.key.scopes,
            now,
        };
        let token: Arc<str> = signer.sign(&claims)?.into();
        self.signatures += 1;
        if GENERATION_MAX <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        let kept = Kept {
            key: Arc::clone(subject.key),
            kid: Arc::clone(signer.public().kid()),
            issuer: subject.issuer.into(),
            audience: subject.audience.into(),
            signed: now,
            token: Arc::clone(&token),
        };
        self.young.insert(place, kept);
        Ok(token)
    }

    /// How many signatures were made; a warm path makes none.
    #[must_use]
    pub const fn signatures(&self) -> u64 {
        self.signatures
    }
}

impl Default for AssertionCache {
    fn default() -> Self {
        Self::new()
    }
}

impl Kept {
    fn answers(&self, signer: &Signer, now: Timestamp, subject: AssertionSubject<'_>) -> bool {
        // A clock that went back makes the token look as if it came from the future: it is signed again.
        self.signed <= now
            && now < self.signed.plus(KEPT)
            && Arc::ptr_eq(&self.key, subject.key)
            && Arc::ptr_eq(&self.kid, signer.public().kid())
            && *self.audience == *subject.audience
            && *self.issuer == *subject.issuer
    }
}

impl std::fmt::Debug for AssertionCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AssertionCache")
            .field("young", &self.young.len())
            .field("old", &self.old.len())
            .field("signatures", &self.signatures)
            .finish_non_exhaustive()
    }
}
