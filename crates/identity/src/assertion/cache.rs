//! Assertions of one worker, kept for half of their life.
//!
//! An assertion is found by the very key entry or token, client, audience and signing key that it was made for, so
//! whatever changes about a caller (scopes, team, revocation) makes a new value and with it a new assertion. Two generations bound
//! the memory: when the young one is full it becomes the old one, and the old one is forgotten.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use model::{Caller, Client, CredentialRef, Fingerprint, Timestamp};

use super::{Claims, Signer, SignerError};
use crate::KeyEntry;
use crate::token::VerifiedToken;

/// How long an assertion is given out; it is valid for at least as long again.
pub const KEPT: Duration = Duration::from_secs(30);
/// Entries of one generation; there are two.
pub const GENERATION_MAX: usize = 4_096;

/// Whom an assertion is about, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct AssertionSubject<'a> {
    pub caller: &'a Caller,
    /// The key that showed the client, if one did.
    pub key: Option<&'a Arc<KeyEntry>>,
    /// The token that showed the client or the user, if one did.
    pub token: Option<&'a Arc<VerifiedToken>>,
    pub scopes: &'a [String],
    pub issuer: &'a str,
    pub audience: &'a str,
    /// A small number for the audience, to look up by; the audience itself is compared as well.
    pub audience_number: u16,
}

struct Kept {
    client: Client,
    key: Option<Arc<KeyEntry>>,
    verified: Option<Arc<VerifiedToken>>,
    kid: Arc<str>,
    issuer: Box<str>,
    audience: Box<str>,
    signed: Timestamp,
    token: Arc<str>,
}

/// What showed the client, what showed the user, and the number of the audience.
type Place = (CredentialRef, Option<Fingerprint>, u16);
type Generation = HashMap<Place, Kept, FixedState>;

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
        let place = (subject.caller.credential, subject.caller.token, subject.audience_number);
        for generation in [&self.young, &self.old] {
            if let Some(kept) = generation.get(&place)
                && kept.answers(signer, now, subject)
            {
                return Ok(Arc::clone(&kept.token));
            }
        }
        let claims = Claims {
            issuer: subject.issuer,
            audience: subject.audience,
            caller: subject.caller,
            scopes: subject.scopes,
            now,
        };
        let token: Arc<str> = signer.sign(&claims)?.into();
        self.signatures += 1;
        if GENERATION_MAX <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        let kept = Kept {
            client: subject.caller.client.clone(),
            key: subject.key.cloned(),
            verified: subject.token.cloned(),
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
            && is_same(self.key.as_ref(), subject.key)
            && is_same(self.verified.as_ref(), subject.token)
            && is_same_client(&self.client, &subject.caller.client)
            && Arc::ptr_eq(&self.kid, signer.public().kid())
            && *self.audience == *subject.audience
            && *self.issuer == *subject.issuer
    }
}

/// Whether both are the very same value, or both absent.
fn is_same<T>(kept: Option<&Arc<T>>, now: Option<&Arc<T>>) -> bool {
    match (kept, now) {
        (None, None) => true,
        (Some(kept), Some(now)) => Arc::ptr_eq(kept, now),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn is_same_client(kept: &Client, now: &Client) -> bool {
    match (kept, now) {
        (Client::Application(kept), Client::Application(now)) => Arc::ptr_eq(kept, now),
        (Client::Workload(kept), Client::Workload(now)) => Arc::ptr_eq(kept, now) || kept == now,
        // No assertion is made for these.
        (Client::Anonymous, _) | (Client::Application(_) | Client::Workload(_), _) => false,
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
