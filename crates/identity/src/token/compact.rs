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

/// Whether a text means to be a token, right or not: what stands before its first dot is an object of JSON in base64url, or
/// would be, read more leniently than any verifier reads it. A key that an API gave out is none of these, so a text is
/// judged as the one or as the other, and a token that fails is never tried as a key.
#[must_use]
pub fn is_token_shaped(text: &[u8]) -> bool {
    let Some(dot) = text.iter().position(|byte| *byte == b'.') else { return false };
    let digits = text.iter().take(dot).filter_map(|byte| value_of(*byte));
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits {
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if 8 <= held {
            held -= 8;
            let byte = (bits >> held) & 0xff;
            match u8::try_from(byte) {
                Ok(byte) if byte.is_ascii_whitespace() => {}
                Ok(byte) => return byte == b'{',
                Err(_) => return false,
            }
            bits &= (1 << held) - 1;
        }
    }
    false
}

/// A digit of base64 in either alphabet.
const fn value_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
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

#[cfg(test)]
mod shape_tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_a_key_by_its_first_part() {
        for (text, is_token) in [
            ("eyJhbGciOiJFUzI1NiJ9.e30.c2ln", true),
            ("eyJhbGciOiJub25lIn0.e30.", true),
            // Whatever is wrong behind it, in it or around it.
            ("eyJhbGciOiJFUzI1NiJ9.", true),
            ("eyJhbGciOiJFUzI1NiJ9.a.b.c.d", true),
            ("e30.e30.e30", true),
            ("ey==.x", true),
            ("CnsiYWxnIjoiRVMyNTYifQ.e30.x", true),
            ("IHsiYWxnIjoiRVMyNTYifQ.e30.x", true),
            ("*eyJhbGciOiJFUzI1NiJ9.e30.x", true),
            // Keys of others, also those that hold dots.
            ("SG.0123456789abcdefghijkl.0123456789abcdef", false),
            ("eyJhbGciOiJFUzI1NiJ9", false),
            ("ak_0123456789abcdef", false),
            ("ak_0123.4567.89ab", false),
            (".e30.e30", false),
            ("", false),
        ] {
            assert_eq!(is_token_shaped(text.as_bytes()), is_token, "{text}");
        }
    }
}
