//! The signed assertion: how the gateway tells an upstream who calls.
//!
//! A JWT (RFC 7519) signed with ES256, valid for [`LIFETIME`] and for one audience, with a published key set. It is
//! made for verified callers only. Signing costs more than a whole request, so [`cache::AssertionCache`] keeps each
//! one for half of its life.

pub mod cache;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Caller, Client, Secret, Timestamp};
use sha2::{Digest as _, Sha256};

/// How long an assertion is valid. A stolen one is useless afterwards, and so is one signed with a stolen key.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// Bytes of a coordinate of P-256.
const COORDINATE_BYTES: usize = 32;

/// What an assertion says.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// `iss`: this gateway.
    pub issuer: &'a str,
    /// `aud`: the one API that may accept it.
    pub audience: &'a str,
    pub caller: &'a Caller,
    /// The scopes of the credential.
    pub scopes: &'a [String],
    /// `iat`; `exp` is [`LIFETIME`] later.
    pub now: Timestamp,
}

/// A key that signs assertions, and its id.
pub struct Signer {
    pair: EcdsaKeyPair,
    public: PublicSigningKey,
    /// The encoded header of every token, with its dot.
    header: Box<str>,
}

/// The public half of a signing key, as the key set publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicSigningKey {
    kid: Arc<str>,
    x: Box<str>,
    y: Box<str>,
}

/// Why there is no assertion, or no key to sign it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    #[error("the cryptographic library made no key")]
    Generate,
    #[error("the bytes are not a P-256 private key in PKCS #8")]
    Key,
    #[error("an assertion is made for identified callers only")]
    Anonymous,
    #[error("the assertion could not be signed")]
    Sign,
}

/// Makes a new signing key in PKCS #8, to be sealed before it is stored.
///
/// Draws its entropy from the cryptographic library: a key pair is made where it is checked.
pub fn generate_signing_key() -> Result<Secret, SignerError> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| SignerError::Generate)?;
    Ok(Secret::new(document.as_ref()))
}

/// The key set (RFC 7517) with these keys: the one that signs and those that did so until a while ago, or soon will.
#[must_use]
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a PublicSigningKey>) -> String {
    let keys: Vec<_> = keys
        .into_iter()
        .map(|key| {
            serde_json::json!({
                "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
                "kid": &*key.kid, "x": &*key.x, "y": &*key.y,
            })
        })
        .collect();
    serde_json::json!({ "keys": keys }).to_string()
}

impl Signer {
    /// Reads a private key as [`generate_signing_key`] made it.
    pub fn from_pkcs8(bytes: &Secret) -> Result<Self, SignerError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.expose())
            .map_err(|_| SignerError::Key)?;
        let public = PublicSigningKey::of_point(pair.public_key().as_ref()).ok_or(SignerError::Key)?;
        let header = serde_json::json!({ "alg": "ES256", "kid": &*public.kid, "typ": "JWT" }).to_string();
        let header = format!("{}.", URL_SAFE_NO_PAD.encode(header)).into();
        Ok(Self { pair, public, header })
    }

    /// The half that is published.
    #[must_use]
    pub const fn public(&self) -> &PublicSigningKey {
        &self.public
    }

    /// Signs an assertion: about 16 microseconds.
    pub fn sign(&self, claims: &Claims<'_>) -> Result<String, SignerError> {
        let body = claims.to_json().ok_or(SignerError::Anonymous)?;
        let mut token = String::with_capacity(self.header.len() + body.len() * 4 / 3 + 96);
        token.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(body, &mut token);
        let signature =
            self.pair.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| SignerError::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Ok(token)
    }
}

impl PublicSigningKey {
    /// The key's RFC 7638 thumbprint, so the same key has the same id everywhere and no two keys share one.
    #[must_use]
    pub const fn kid(&self) -> &Arc<str> {
        &self.kid
    }

    /// Reads an uncompressed point (SEC 1 section 2.3.3).
    fn of_point(point: &[u8]) -> Option<Self> {
        let coordinates = point.strip_prefix(&[4])?;
        let (x, y) = coordinates.split_at_checked(COORDINATE_BYTES)?;
        if y.len() != COORDINATE_BYTES {
            return None;
        }
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638 section 3: the required members in lexicographic order, without white space.
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint));
        Some(Self { kid: kid.into(), x: x.into(), y: y.into() })
    }
}

impl Claims<'_> {
    fn to_json(self) -> Option<String> {
        let name = match &self.caller.client {
            Client::Anonymous => return None,
            Client::Application(application) => application.name.as_str(),
            Client::Workload(workload) => workload.name.as_str(),
        };
        let issued = self.now.as_seconds();
        let lifetime = i64::try_from(LIFETIME.as_secs()).ok()?;
        let mut claims = serde_json::json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": self.caller.client.label(),
            "iat": issued,
            "exp": issued.saturating_add(lifetime),
            "client": name,
            "team": self.caller.client.team().map(model::TeamName::as_str),
            "strength": self.caller.strength.as_str(),
            "scopes": self.scopes,
        });
        if let (Some(user), Some(claims)) = (&self.caller.user, claims.as_object_mut()) {
            claims.insert("user".into(), user.name.clone().into());
            claims.insert("user_issuer".into(), user.issuer.as_str().into());
        }
        Some(claims.to_string())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("kid", &self.public.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
