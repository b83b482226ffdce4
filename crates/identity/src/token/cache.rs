//! Tokens of one worker that were verified, so that a signature is checked once and not for each request.
//!
//! Facts are kept, never decisions: what a caller may do is decided anew for every request (security case 93). A
//! kept token answers only for the API that it was verified for, by the same issuer's rules and the same key set,
//! and before it ends; a publish, a new key set or a set that grew too old makes it to be verified again. Two
//! generations bound the memory.

use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use model::Timestamp;

use super::{Accepted, Issuer, KeySet, Refused, VerifiedToken, digest_of, verify};

/// Entries of one generation; there are two.
pub const GENERATION_MAX: usize = 4_096;

struct Kept {
    issuer: Arc<Issuer>,
    set: Arc<KeySet>,
    verified: Timestamp,
    token: Arc<VerifiedToken>,
}

/// The token by digest, and the number of the API.
type Place = ([u8; 32], u16);
type Generation = HashMap<Place, Kept, RandomState>;

/// Verified tokens of one worker.
pub struct TokenCache {
    young: Generation,
    old: Generation,
    verifications: u64,
}

impl TokenCache {
    #[must_use]
    pub fn new() -> Self {
        Self { young: Generation::default(), old: Generation::default(), verifications: 0 }
    }

    /// What `token` says, if it was verified before and still counts.
    #[must_use]
    pub fn kept(
        &self,
        accepted: &Accepted<'_>,
        now: Timestamp,
        api: u16,
        token: &[u8],
    ) -> Option<Arc<VerifiedToken>> {
        self.find(accepted, now, &(digest_of(token), api))
    }

    fn find(&self, accepted: &Accepted<'_>, now: Timestamp, place: &Place) -> Option<Arc<VerifiedToken>> {
        let kept = [&self.young, &self.old].into_iter().filter_map(|generation| generation.get(place));
        kept.filter(|kept| kept.answers(accepted, now)).map(|kept| Arc::clone(&kept.token)).next()
    }

    /// What `token` says, verified now or before. `api` is the number of the API in the revision that `accepted` is
    /// of.
    ///
    /// # Errors
    ///
    /// As [`verify`]; refusals are not kept.
    pub fn verified(
        &mut self,
        accepted: &Accepted<'_>,
        now: Timestamp,
        api: u16,
        token: &[u8],
    ) -> Result<Arc<VerifiedToken>, Refused> {
        let place = (digest_of(token), api);
        if let Some(token) = self.find(accepted, now, &place) {
            return Ok(token);
        }
        self.verifications += 1;
        let token = Arc::new(verify(accepted, now, token, &place.0)?);
        self.keep(accepted, now, place, &token);
        Ok(token)
    }

    fn keep(&mut self, accepted: &Accepted<'_>, now: Timestamp, place: Place, token: &Arc<VerifiedToken>) {
        let issuer = accepted.issuers.iter().find(|issuer| issuer.name == token.issuer);
        let Some((issuer, set)) =
            issuer.and_then(|issuer| Some((issuer, accepted.keys.usable(issuer, now)?)))
        else {
            return;
        };
        if GENERATION_MAX <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        let kept = Kept {
            issuer: Arc::clone(issuer),
            set: Arc::clone(set),
            verified: now,
            token: Arc::clone(token),
        };
        self.young.insert(place, kept);
    }

    /// How often a token was verified because none that was kept answered.
    #[must_use]
    pub const fn verifications(&self) -> u64 {
        self.verifications
    }
}

#[cfg(test)]
impl TokenCache {
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.young.len(), self.old.len())
    }
}

impl Kept {
    fn answers(&self, accepted: &Accepted<'_>, now: Timestamp) -> bool {
        // A clock that went back makes the entry look as if it came from the future: it is verified again.
        self.verified <= now
            && now < self.token.ends
            && accepted.issuers.iter().any(|issuer| Arc::ptr_eq(issuer, &self.issuer))
            && accepted.keys.usable(&self.issuer, now).is_some_and(|set| Arc::ptr_eq(set, &self.set))
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenCache")
            .field("young", &self.young.len())
            .field("old", &self.old.len())
            .field("verifications", &self.verifications)
            .finish_non_exhaustive()
    }
}
