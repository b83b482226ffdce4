//! The compact form of a signed token (RFC 7515 section 7.1): three parts, strictly in base64url.
//!
//! What is read here is not verified and never leaves [`super`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::TokenFault;
use super::json::{self, Json};
use super::jwk::KID_BYTES_MAX;

/// The longest token.
pub const TOKEN_BYTES_MAX: usize = 16 * 1_024;
/// The longest signature: RSA with 8192 bits.
const SIGNATURE_BYTES_MAX: usize = 1_024;

/// A token taken apart.
pub(super) struct Compact<'a> {
    pub(super) header: Header,
    /// Claims that nobody has verified.
    pub(super) claims: Json,
    /// What is signed: the first two parts with the dot between them.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
}

/// What of the header counts. `jku`, `x5u`, `jwk` and `x5c` would let a token say by which key it is to be judged,
/// so they are not even read (security case 55).
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) kid: Option<String>,
    pub(super) kind: Option<String>,
}

/// Takes `token` apart. Whatever is not exactly a signed JWT is refused.
pub(super) fn parse(token: &[u8]) -> Result<Compact<'_>, TokenFault> {
    if TOKEN_BYTES_MAX < token.len() {
        return Err(TokenFault::TooLong);
    }
    let mut parts = token.split(|&byte| byte == b'.');
    let (Some(header), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(TokenFault::Form);
    };
    match parts.count() {
        0 => {}
        2 => return Err(TokenFault::Encrypted),
        _ => return Err(TokenFault::Form),
    }
    // Two thirds of the longest are refused before anything is allocated for them.
    if SIGNATURE_BYTES_MAX * 4 / 3 + 2 < signature.len() {
        return Err(TokenFault::Signature);
    }
    let signed_bytes = header.len() + 1 + claims.len();
    let signed = token.get(..signed_bytes).ok_or(TokenFault::Form)?;
    Ok(Compact {
        header: read_header(&json(header)?)?,
        claims: json(claims)?,
        signed,
        signature: decode(signature)?,
    })
}

/// One spelling per value: no padding, no other alphabet, no stray bits, no white space.
fn decode(part: &[u8]) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Form)
}

fn json(part: &[u8]) -> Result<Json, TokenFault> {
    match json::parse(&decode(part)?) {
        Some(object @ Json::Object(_)) => Ok(object),
        Some(
            Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Number(_) | Json::Text(_) | Json::List(_),
        )
        | None => Err(TokenFault::Form),
    }
}

fn read_header(header: &Json) -> Result<Header, TokenFault> {
    let Json::Object(members) = header else {
        return Err(TokenFault::Form);
    };
    let has = |name: &str| members.iter().any(|(known, _)| known == name);
    // We understand no extension; `b64` (RFC 7797) is one even where `crit` forgets it (security case 54).
    if has("crit") || has("b64") {
        return Err(TokenFault::Critical);
    }
    if has("enc") || has("zip") {
        return Err(TokenFault::Encrypted);
    }
    let text = |name: &str| match members.iter().find(|(known, _)| known == name) {
        None => Ok(None),
        Some((_, Json::Text(text))) => Ok(Some(text.clone())),
        Some(_) => Err(TokenFault::Form),
    };
    // A token inside a token is none of ours.
    if text("cty")?.is_some() {
        return Err(TokenFault::Form);
    }
    let kid = text("kid")?;
    if kid.as_ref().is_some_and(|kid| KID_BYTES_MAX < kid.len()) {
        return Err(TokenFault::Form);
    }
    Ok(Header { algorithm: text("alg")?.ok_or(TokenFault::Algorithm)?, kid, kind: text("typ")? })
}
