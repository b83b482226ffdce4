//! Assertions of one worker, kept for half of their life.
//!
//! An assertion is found by the very key entry that it was made for, or, where none was shown, by all that it says of the client and
//! its scopes, and by user, audience and signing key: whatever changes about a caller (scopes, team, revocation) makes a new
//! assertion. Which token showed the caller does not matter, because the assertion does not say it: who comes with another token for
//! each call costs one signature less than one for each call. Two generations bound the memory: when the young one is full it becomes
//! the old one, and the old one is forgotten.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use model::{Caller, Client, KeyId, Strength, Timestamp, User};

use super::{Claims, Signer, SignerError};
use crate::KeyEntry;

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
    pub scopes: &'a [String],
    pub issuer: &'a str,
    pub audience: &'a str,
    /// A small number for the audience, to look up by; the audience itself is compared as well.
    pub audience_number: u16,
}

struct Kept {
    client: Client,
    user: Option<Arc<User>>,
    strength: Strength,
    key: Option<Arc<KeyEntry>>,
    scopes: Box<[String]>,
    kid: Arc<str>,
    issuer: Box<str>,
    audience: Box<str>,
    signed: Timestamp,
    token: Arc<str>,
}

/// Where to look: by the key, or by a hash of the names of client and user, and by the number of the audience. Two callers of one hash
/// push each other out; which of them an assertion is about is compared.
type Place = (Option<KeyId>, u64, u16);
type Generation = HashMap<Place, Kept, RandomState>;

/// The assertions that a worker has signed lately.
pub struct AssertionCache {
    young: Generation,
    old: Generation,
    names: RandomState,
    signatures: u64,
}

impl AssertionCache {
    /// Holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            young: Generation::default(),
            old: Generation::default(),
            names: RandomState::default(),
            signatures: 0,
        }
    }

    /// The assertion for `subject`, signed now or at most [`KEPT`] ago.
    pub fn assertion(
        &mut self,
        signer: &Signer,
        now: Timestamp,
        subject: AssertionSubject<'_>,
    ) -> Result<Arc<str>, SignerError> {
        let place = self.place(&subject);
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
            user: subject.caller.user.clone(),
            strength: subject.caller.strength,
            key: subject.key.cloned(),
            scopes: subject.scopes.into(),
            kid: Arc::clone(signer.public().kid()),
            issuer: subject.issuer.into(),
            audience: subject.audience.into(),
            signed: now,
            token: Arc::clone(&token),
        };
        self.young.insert(place, kept);
        Ok(token)
    }

    fn place(&self, subject: &AssertionSubject<'_>) -> Place {
        let Caller { client, user, .. } = subject.caller;
        if let (Some(key), None) = (subject.key, user) {
            return (Some(key.id), 0, subject.audience_number);
        }
        let mut hasher = self.names.build_hasher();
        match client {
            Client::Anonymous => {}
            Client::Application(application) => application.name.as_str().hash(&mut hasher),
            Client::Workload(workload) => workload.name.as_str().hash(&mut hasher),
        }
        if let Some(user) = user {
            user.issuer.as_str().hash(&mut hasher);
            user.name.hash(&mut hasher);
        }
        (subject.key.map(|key| key.id), hasher.finish(), subject.audience_number)
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
            && self.is_about(subject)
            && Arc::ptr_eq(&self.kid, signer.public().kid())
            && *self.audience == *subject.audience
            && *self.issuer == *subject.issuer
    }
}

impl Kept {
    /// Whether it says of the caller what one that is signed now would say.
    fn is_about(&self, subject: AssertionSubject<'_>) -> bool {
        let same_key = match (&self.key, subject.key) {
            // The entry has its application and its scopes.
            (Some(kept), Some(now)) => Arc::ptr_eq(kept, now),
            (None, None) => *self.scopes == *subject.scopes,
            (None, Some(_)) | (Some(_), None) => false,
        };
        same_key
            && self.strength == subject.caller.strength
            && is_same_client(&self.client, &subject.caller.client)
            && is_same_user(self.user.as_ref(), subject.caller.user.as_ref())
    }
}

fn is_same_client(kept: &Client, now: &Client) -> bool {
    match (kept, now) {
        (Client::Application(kept), Client::Application(now)) => {
            Arc::ptr_eq(kept, now) || (kept.name == now.name && kept.team == now.team)
        }
        (Client::Workload(kept), Client::Workload(now)) => Arc::ptr_eq(kept, now) || kept == now,
        // No assertion is made for these.
        (Client::Anonymous, _) | (Client::Application(_) | Client::Workload(_), _) => false,
    }
}

fn is_same_user(kept: Option<&Arc<User>>, now: Option<&Arc<User>>) -> bool {
    match (kept, now) {
        (None, None) => true,
        (Some(kept), Some(now)) => {
            Arc::ptr_eq(kept, now) || (kept.issuer == now.issuer && kept.name == now.name)
        }
        (None, Some(_)) | (Some(_), None) => false,
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
