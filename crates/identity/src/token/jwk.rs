//! Key sets of issuers (RFC 7517): read whole or not at all.
//!
//! What always holds of a [`KeySet`]: every key is public, asymmetric, long enough and of an algorithm that the
//! issuer's configuration lists; no two have one `kid`. A set that breaks this is refused with its reason and the
//! last good one stays (security case 61). Keys for encryption and of kinds that we do not know are passed over,
//! as RFC 7517 section 5 asks.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::{Algorithm, KeyKind};
use super::json::{self, Json};

/// The longest key set.
pub const KEY_SET_BYTES_MAX: usize = 256 * 1_024;
/// The most keys in a set, those that are passed over included.
pub const KEYS_MAX: usize = 64;
/// The longest `kid`.
pub const KID_BYTES_MAX: usize = 256;
/// The shortest and the longest modulus, in bits (RFC 7518 section 3.3; longer ones cost too much to be asked for).
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// Why a key set is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("the key set is over {KEY_SET_BYTES_MAX} bytes long")]
    TooLong,
    #[error("the key set is no JSON object, or a member stands twice in it")]
    Json,
    #[error("the key set has no list `keys`")]
    NoKeys,
    #[error("the key set has over {KEYS_MAX} keys")]
    TooMany,
    #[error("two keys of the set have the same `kid`")]
    DuplicateKid,
    #[error("a `kid` of the set is no text of at most {KID_BYTES_MAX} bytes")]
    Kid,
    #[error("the set holds a symmetric key, which a published set never may")]
    Symmetric,
    #[error("the set holds a private key, which a published set never may")]
    Private,
    #[error("an RSA key of the set is shorter than 2048 or longer than 8192 bits")]
    RsaSize,
    #[error("a key of the set is malformed")]
    Malformed,
    #[error("the set holds no key that can verify a signature by the algorithms of this issuer")]
    Empty,
}

/// One key: with the one algorithm that it verifies.
pub(crate) struct VerifyingKey {
    kid: Option<Box<str>>,
    pub(crate) algorithm: Algorithm,
    pub(crate) signature_bytes: usize,
    pub(crate) key: ParsedPublicKey,
}

/// The keys of one issuer as it published them.
pub struct KeySet {
    keys: Box<[VerifyingKey]>,
}

/// Which key a token is to be verified with.
pub(crate) enum Chosen<'a> {
    Key(&'a VerifyingKey),
    /// No key has the token's `kid`; a newer set may.
    UnknownKid,
    /// The token names no key, and the set has not exactly one.
    Ambiguous,
}

impl KeySet {
    /// Reads a key set for an issuer that signs with `algorithms`, the most wanted first: a key that names none is
    /// used for the first of them that fits its kind.
    pub fn parse(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        if KEY_SET_BYTES_MAX < bytes.len() {
            return Err(KeySetError::TooLong);
        }
        let document = json::parse(bytes).ok_or(KeySetError::Json)?;
        if !matches!(document, Json::Object(_)) {
            return Err(KeySetError::Json);
        }
        let Some(Json::List(items)) = document.member("keys") else {
            return Err(KeySetError::NoKeys);
        };
        if KEYS_MAX < items.len() {
            return Err(KeySetError::TooMany);
        }
        let mut keys: Vec<VerifyingKey> = Vec::with_capacity(items.len());
        for item in items {
            let Some(key) = read_key(item, algorithms)? else { continue };
            if key.kid.is_some() && keys.iter().any(|known| known.kid == key.kid) {
                return Err(KeySetError::DuplicateKid);
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        Ok(Self { keys: keys.into() })
    }

    /// The `kid`s of the keys; a key without one has no place here.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: an empty set is refused.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn choose(&self, kid: Option<&str>) -> Chosen<'_> {
        match (kid, &*self.keys) {
            (None, [only]) => Chosen::Key(only),
            (None, _) => Chosen::Ambiguous,
            (Some(kid), keys) => match keys.iter().find(|key| key.kid.as_deref() == Some(kid)) {
                Some(key) => Chosen::Key(key),
                None => Chosen::UnknownKid,
            },
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.kids()).finish()
    }
}

/// The members of private keys (RFC 7518 section 6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// One key of the set; none where it is not for us.
fn read_key(item: &Json, algorithms: &[Algorithm]) -> Result<Option<VerifyingKey>, KeySetError> {
    let kind = item.member("kty").and_then(Json::text).ok_or(KeySetError::Malformed)?;
    if kind == "oct" || item.member("k").is_some() {
        return Err(KeySetError::Symmetric);
    }
    if PRIVATE.iter().any(|name| item.member(name).is_some()) {
        return Err(KeySetError::Private);
    }
    let kid = match item.member("kid") {
        None => None,
        Some(Json::Text(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.as_str().into()),
        Some(_) => return Err(KeySetError::Kid),
    };
    if !is_for_verifying(item)? {
        return Ok(None);
    }
    let curve = item.member("crv").and_then(Json::text);
    let kind = match (kind, curve) {
        ("RSA", _) => KeyKind::Rsa,
        ("EC", Some("P-256")) => KeyKind::P256,
        ("EC", Some("P-384")) => KeyKind::P384,
        ("EC", Some("P-521")) => KeyKind::P521,
        ("OKP", Some("Ed25519")) => KeyKind::Ed25519,
        _ => return Ok(None),
    };
    let Some(algorithm) = algorithm_of(item, kind, algorithms)? else {
        return Ok(None);
    };
    let (key, signature_bytes) = match kind {
        KeyKind::Rsa => rsa_key(item, algorithm)?,
        KeyKind::Ed25519 => (point_key(algorithm, bytes_of(item, "x", Some(32))?)?, 64),
        KeyKind::P256 => (curve_key(item, algorithm, 32)?, 64),
        KeyKind::P384 => (curve_key(item, algorithm, 48)?, 96),
        KeyKind::P521 => (curve_key(item, algorithm, 66)?, 132),
    };
    Ok(Some(VerifyingKey { kid, algorithm, signature_bytes, key }))
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3): a key without either verifies.
fn is_for_verifying(item: &Json) -> Result<bool, KeySetError> {
    let by_use = match item.member("use") {
        None => true,
        Some(Json::Text(text)) => text == "sig",
        Some(_) => return Err(KeySetError::Malformed),
    };
    let by_operations = match item.member("key_ops") {
        None => true,
        Some(operations @ Json::List(_)) => {
            operations.texts().ok_or(KeySetError::Malformed)?.contains(&"verify")
        }
        Some(_) => return Err(KeySetError::Malformed),
    };
    Ok(by_use && by_operations)
}

/// The one algorithm of a key; none where it is one that the issuer may not sign with.
fn algorithm_of(
    item: &Json,
    kind: KeyKind,
    algorithms: &[Algorithm],
) -> Result<Option<Algorithm>, KeySetError> {
    let named = match item.member("alg") {
        None => return Ok(algorithms.iter().copied().find(|algorithm| algorithm.kind() == kind)),
        Some(Json::Text(name)) => Algorithm::parse(name),
        Some(_) => return Err(KeySetError::Malformed),
    };
    match named {
        // A name that does not fit the key's kind is a mistake that could mislead.
        Some(algorithm) if algorithm.kind() != kind => Err(KeySetError::Malformed),
        Some(algorithm) if algorithms.contains(&algorithm) => Ok(Some(algorithm)),
        Some(_) | None => Ok(None),
    }
}

fn rsa_key(item: &Json, algorithm: Algorithm) -> Result<(ParsedPublicKey, usize), KeySetError> {
    let modulus = bytes_of(item, "n", None)?;
    let exponent = bytes_of(item, "e", None)?;
    let leading = modulus.first().ok_or(KeySetError::Malformed)?.leading_zeros();
    let bits = modulus.len() * 8 - usize::try_from(leading).unwrap_or(8);
    if leading == 8 {
        return Err(KeySetError::Malformed);
    }
    if !RSA_BITS.contains(&bits) {
        return Err(KeySetError::RsaSize);
    }
    let components = RsaPublicKeyComponents { n: modulus.as_slice(), e: exponent.as_slice() };
    let key = algorithm.key_of_rsa(&components).ok_or(KeySetError::Malformed)?;
    Ok((key, modulus.len()))
}

fn curve_key(item: &Json, algorithm: Algorithm, coordinate: usize) -> Result<ParsedPublicKey, KeySetError> {
    // SEC 1 section 2.3.3: an uncompressed point begins with 4.
    let mut point = vec![4];
    point.extend(bytes_of(item, "x", Some(coordinate))?);
    point.extend(bytes_of(item, "y", Some(coordinate))?);
    point_key(algorithm, point)
}

fn point_key(algorithm: Algorithm, point: Vec<u8>) -> Result<ParsedPublicKey, KeySetError> {
    algorithm.key_of_point(&point).ok_or(KeySetError::Malformed)
}

/// A member in base64url, of this length where one is given.
fn bytes_of(item: &Json, name: &str, length: Option<usize>) -> Result<Vec<u8>, KeySetError> {
    let text = item.member(name).and_then(Json::text).ok_or(KeySetError::Malformed)?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| KeySetError::Malformed)?;
    match length {
        Some(length) if bytes.len() != length => Err(KeySetError::Malformed),
        Some(_) | None => Ok(bytes),
    }
}
