//! Access tokens of other issuers: JSON Web Tokens (RFC 7519) in, verified facts out.
//!
//! What always holds: nothing that a token says leaves this module before its signature was verified with a key of
//! the issuer that it names, by the algorithm of that key, and before audience, times and profile were checked.
//! There is no function that only reads. What this module never does: fetch a key, read a clock, or let a token
//! say by which key or algorithm it is to be judged.

pub mod algorithm;
mod applications;
pub mod cache;
mod claims;
mod compact;
mod fault;
pub mod fuzz;
pub mod issuer;
pub mod json;
pub mod jwk;
pub mod keys;
pub mod metadata;

use std::sync::Arc;

use model::{Application, ApplicationName, Fingerprint, IssuerName, SignIn, Timestamp, User};
use sha2::{Digest as _, Sha256};

pub use algorithm::Algorithm;
pub use applications::Applications;
pub use cache::TokenCache;
pub use compact::{TOKEN_BYTES_MAX, is_token_shaped};
pub use fault::TokenFault;
pub use issuer::{ClaimSource, ClaimType, Issuer, Profile, ScopeUse};
pub use jwk::{KeySet, KeySetError};
pub use keys::{HeldKeys, KeySets};

use jwk::Chosen;

/// What a verified token says, in our words. Only [`verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    /// The issuer's name in our files.
    pub issuer: IssuerName,
    pub client: TokenClient,
    /// Absent where the client calls for itself.
    pub user: Option<Arc<User>>,
    pub scopes: Box<[String]>,
    pub scope_use: ScopeUse,
    pub sign_in: SignIn,
    /// The point from which the token counts no more, leeway included.
    pub ends: Timestamp,
    /// Names the token in records.
    pub fingerprint: Fingerprint,
    /// Nobody else can fill this in.
    _verified: Verified,
}

/// Proof that [`verify`] made the value.
#[derive(Clone, Copy, Debug)]
struct Verified;

/// The client that a token was given to.
#[derive(Clone, Debug)]
pub enum TokenClient {
    /// One that our files list, by the name that it has there.
    Listed(ApplicationName),
    /// Any other of the issuer's, as an application of the issuer's team.
    External(Arc<Application>),
}

/// Which issuers are asked, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    pub issuers: &'a [Arc<Issuer>],
    /// The API's own audiences; empty: those of each issuer.
    pub audiences: &'a [Box<str>],
    pub keys: &'a KeySets,
}

/// A token that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub fault: TokenFault,
    /// Whose newer key set could change that.
    pub wants_keys_of: Option<IssuerName>,
}

impl From<TokenFault> for Refused {
    fn from(fault: TokenFault) -> Self {
        Self { fault, wants_keys_of: None }
    }
}

/// SHA-256 of the whole token: what caches and records know it by.
#[must_use]
pub fn digest_of(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Verifies `token` at `now`; `digest` is [`digest_of`] it.
///
/// Order: form, issuer, key, algorithm, signature, then what it claims. What a forged token claims is never told.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn verify(
    accepted: &Accepted<'_>,
    now: Timestamp,
    token: &[u8],
    digest: &[u8; 32],
) -> Result<VerifiedToken, Refused> {
    let compact = compact::parse(token)?;
    let named = compact.claims.member("iss").and_then(json::Json::text).ok_or(TokenFault::Issuer)?;
    let issuer = accepted.issuers.iter().find(|issuer| *issuer.issuer == *named).ok_or(TokenFault::Issuer)?;
    let wanting = |fault| Refused { fault, wants_keys_of: Some(issuer.name.clone()) };
    // No key has such an algorithm, so no newer set could help.
    let algorithm = Algorithm::parse(&compact.header.algorithm).ok_or(TokenFault::Algorithm)?;
    let Some(set) = accepted.keys.usable(issuer, now) else {
        return Err(wanting(TokenFault::KeysUnavailable));
    };
    let key = match set.choose(compact.header.kid.as_deref()) {
        Chosen::Key(key) => key,
        Chosen::UnknownKid => return Err(wanting(TokenFault::UnknownKey)),
        Chosen::Ambiguous => return Err(TokenFault::UnknownKey.into()),
    };
    // A set that was read before an algorithm was taken off the issuer's list still holds its keys.
    if algorithm != key.algorithm || !issuer.algorithms.contains(&algorithm) {
        return Err(TokenFault::Algorithm.into());
    }
    if compact.signature.len() != key.signature_bytes {
        return Err(TokenFault::Signature.into());
    }
    key.key.verify_sig(compact.signed, &compact.signature).map_err(|_| TokenFault::Signature)?;
    let audiences = if accepted.audiences.is_empty() { &issuer.audiences } else { accepted.audiences };
    claims::judge(issuer, audiences, now, &compact.header, &compact.claims, digest).map_err(Refused::from)
}

#[cfg(test)]
mod tests;
