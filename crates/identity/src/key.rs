//! The text of an own key: `sp_<environment>_<id>_<secret><checksum>`.
//!
//! Scanners recognise it, and junk is refused by its checksum before any look-up (security case 73). The checksum
//! finds copying mistakes and is no protection: whether the secret is right is decided by its digest alone.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use model::{KeyId, Secret};
use zeroize::Zeroizing;

use crate::SecretDigest;

/// What every own key begins with.
pub const PREFIX: &[u8; 3] = b"sp_";
/// The longest environment, such as `live` or `test`.
pub const ENVIRONMENT_BYTES_MAX: usize = 16;
/// Characters of the secret: 32 of base 62, which is 190 bits.
pub const SECRET_BYTES: usize = 32;
/// Characters of the checksum: a CRC-32 in base 62.
pub const CHECKSUM_BYTES: usize = 6;
/// Random bytes that a key is made of.
pub const ENTROPY_BYTES: usize = 48;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_BYTES: usize = model::id::KEY_ID_BYTES;

/// Why a text is not an own key. No variant holds any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    #[error("an own key begins with `sp_`")]
    Prefix,
    #[error("the environment of a key is 1 to {ENVIRONMENT_BYTES_MAX} characters of a-z and 0-9")]
    Environment,
    #[error("the key is too short or too long")]
    Length,
    #[error("the key holds a character that keys do not have")]
    Alphabet,
    #[error("the key's checksum does not match; it was probably not copied whole")]
    Checksum,
}

/// A key that was just made. The text is shown once; only the digest is kept.
#[derive(Debug)]
pub struct MadeKey {
    pub text: Secret,
    pub id: KeyId,
    pub digest: SecretDigest,
}

/// A key as a request presents it: well-formed, but nothing is known about it yet.
#[derive(Clone, Copy)]
pub struct PresentedKey<'a> {
    environment: &'a str,
    id: KeyId,
    secret: &'a [u8; SECRET_BYTES],
}

impl<'a> PresentedKey<'a> {
    #[must_use]
    pub const fn environment(&self) -> &'a str {
        self.environment
    }

    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The secret part, for its digest.
    #[must_use]
    pub const fn secret(&self) -> &'a [u8; SECRET_BYTES] {
        self.secret
    }
}

impl fmt::Debug for PresentedKey<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PresentedKey")
            .field("environment", &self.environment)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Whether a value claims to be an own key. What claims to be one and fails is refused, never taken as foreign.
#[must_use]
pub fn looks_like_own_key(value: &[u8]) -> bool {
    value.starts_with(PREFIX)
}

/// Makes a key from random bytes, which the caller draws from the operating system and forgets.
///
/// The bytes are read as one number of 384 bits whose 44 lowest digits in base 62 become id and secret: no
/// character is more likely than another by more than one part in 2^121.
pub fn make(environment: &str, entropy: &[u8; ENTROPY_BYTES]) -> Result<MadeKey, KeyFault> {
    check_environment(environment.as_bytes())?;
    let mut limbs = Zeroizing::new([0_u32; ENTROPY_BYTES / 4]);
    for (limb, bytes) in limbs.iter_mut().zip(entropy.chunks_exact(4)) {
        *limb = bytes.iter().fold(0, |limb, &byte| (limb << 8) | u32::from(byte));
    }
    let mut text = Vec::with_capacity(PREFIX.len() + ENVIRONMENT_BYTES_MAX + 2 + ID_BYTES + 38);
    text.extend_from_slice(PREFIX);
    text.extend_from_slice(environment.as_bytes());
    text.push(b'_');
    for _ in 0..ID_BYTES {
        text.push(next_digit(&mut limbs));
    }
    text.push(b'_');
    for _ in 0..SECRET_BYTES {
        text.push(next_digit(&mut limbs));
    }
    text.extend_from_slice(&checksum(&text));
    let presented = parse(&text)?;
    let (id, digest) = (presented.id(), SecretDigest::of(&presented));
    Ok(MadeKey { text: Secret::new(text), id, digest })
}

/// Reads a presented key. Total over all bytes; a look-up is worth doing only for what passes.
pub fn parse(text: &[u8]) -> Result<PresentedKey<'_>, KeyFault> {
    let rest = text.strip_prefix(PREFIX).ok_or(KeyFault::Prefix)?;
    let end = rest
        .iter()
        .take(ENVIRONMENT_BYTES_MAX + 1)
        .position(|&byte| byte == b'_')
        .ok_or(KeyFault::Environment)?;
    let (environment, rest) = rest.split_at_checked(end).ok_or(KeyFault::Environment)?;
    let environment = check_environment(environment)?;
    let rest = rest.strip_prefix(b"_").ok_or(KeyFault::Environment)?;
    if rest.len() != ID_BYTES + 1 + SECRET_BYTES + CHECKSUM_BYTES {
        return Err(KeyFault::Length);
    }
    let (id, rest) = rest.split_at_checked(ID_BYTES).ok_or(KeyFault::Length)?;
    let rest = rest.strip_prefix(b"_").ok_or(KeyFault::Alphabet)?;
    let (secret, sum) = rest.split_first_chunk::<SECRET_BYTES>().ok_or(KeyFault::Length)?;
    let id = KeyId::parse(id).map_err(|_| KeyFault::Alphabet)?;
    // Without leaving early the loop over the secret takes many characters at a time.
    let plain = |text: &[u8]| text.iter().fold(true, |plain, byte| plain & byte.is_ascii_alphanumeric());
    if !plain(secret) || !plain(sum) {
        return Err(KeyFault::Alphabet);
    }
    let covered = text.split_last_chunk::<CHECKSUM_BYTES>().ok_or(KeyFault::Length)?.0;
    if checksum(covered) != sum {
        return Err(KeyFault::Checksum);
    }
    Ok(PresentedKey { environment, id, secret })
}

/// The fewest bytes of a key.
const KEY_BYTES_MIN: usize = PREFIX.len() + 1 + 1 + ID_BYTES + 1 + SECRET_BYTES + CHECKSUM_BYTES;

/// Whether what every key begins with stands anywhere in these bytes, in either case: without it there is no key in them,
/// well-formed or claimed. Cheap enough to be asked of a whole head.
#[must_use]
pub fn may_hold_key(bytes: &[u8]) -> bool {
    const BLOCK: usize = 32;
    // Few blocks have a `_`, and of those nearly none has the letters before it.
    let marked = |block: &[u8; BLOCK]| block.iter().fold(false, |found, byte| found | (*byte == b'_'));
    let holds = |bytes: &[u8]| bytes.windows(PREFIX.len()).any(|window| window.eq_ignore_ascii_case(PREFIX));
    let mut end = 0;
    for block in bytes.as_chunks::<BLOCK>().0 {
        end += BLOCK;
        if marked(block) && ends_in(bytes, end, block).unwrap_or_else(|| bytes.get(..end).is_some_and(holds))
        {
            return true;
        }
    }
    match bytes.last_chunk::<BLOCK>() {
        Some(last) if !marked(last) => false,
        Some(last) => ends_in(bytes, bytes.len(), last).unwrap_or_else(|| holds(bytes)),
        None => holds(bytes),
    }
}

/// Whether the beginning of a key ends in `block`, whose end is at `end` of `bytes`. `None` where too little stands
/// before the block to tell.
fn ends_in<const N: usize>(bytes: &[u8], end: usize, block: &[u8; N]) -> Option<bool> {
    let start = end.checked_sub(N + PREFIX.len() - 1)?;
    let two_before = bytes.get(start..)?.first_chunk::<N>()?;
    let one_before = bytes.get(start + 1..)?.first_chunk::<N>()?;
    let letters = two_before.iter().zip(one_before).zip(block);
    Some(letters.fold(false, |found, ((one, two), three)| {
        found | ((*one | 0x20 == b's') & (*two | 0x20 == b'p') & (*three == b'_'))
    }))
}

/// Whether a well-formed key stands anywhere in a value, whatever is around it and in whichever case what it begins with is
/// written. Total over all bytes.
///
/// Asked of every field that is forwarded, so what cannot hold a key is told from its length and one search.
#[must_use]
pub fn holds_key(value: &[u8]) -> bool {
    if value.len() < KEY_BYTES_MIN || !may_hold_key(value) {
        return false;
    }
    let mut at = 0;
    for part in value.split(|&byte| byte == b'_') {
        at += part.len() + 1;
        let is_marked = part.last_chunk::<2>().is_some_and(|letters| letters.eq_ignore_ascii_case(b"sp"));
        if is_marked && value.get(at - PREFIX.len()..).is_some_and(begins_with_key) {
            return true;
        }
    }
    false
}

/// Whether a value that begins with `sp_` begins with a well-formed key, but for the case of prefix and environment.
fn begins_with_key(value: &[u8]) -> bool {
    let environment = value.iter().skip(PREFIX.len()).take(ENVIRONMENT_BYTES_MAX + 1);
    let Some(environment) = environment.clone().position(|&byte| byte == b'_') else { return false };
    let Some(text) = value.get(..KEY_BYTES_MIN - 1 + environment) else { return false };
    if text.starts_with(PREFIX) && parse(text).is_ok() {
        return true;
    }
    let mut text = Zeroizing::new(text.to_vec());
    if let Some(head) = text.get_mut(..PREFIX.len() + environment) {
        head.make_ascii_lowercase();
    }
    parse(&text).is_ok()
}

/// Whether a well-formed key stands in a value that escapes characters as a URI does (RFC 3986 section 2.1), once decoded.
#[must_use]
pub fn holds_escaped_key(value: &[u8]) -> bool {
    if value.len() < KEY_BYTES_MIN || !value.contains(&b'%') {
        return false;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.split_first_chunk::<2>().filter(|_| first == b'%');
        let byte = escaped.and_then(|(digits, after)| Some((unescaped(*digits)?, after)));
        let (byte, after) = byte.unwrap_or((first, after));
        plain.push(byte);
        rest = after;
    }
    holds_key(&plain)
}

fn unescaped(digits: [u8; 2]) -> Option<u8> {
    let [high, low] =
        digits.map(|digit| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()));
    Some(high? << 4 | low?)
}

/// Whether the user or the password of a `Basic` value (RFC 7617) holds a well-formed key: many clients send a key so.
#[must_use]
pub fn holds_basic_key(value: &[u8]) -> bool {
    let Some((scheme, rest)) = value.split_first_chunk::<6>() else { return false };
    if !scheme.eq_ignore_ascii_case(b"basic ") || rest.len() < KEY_BYTES_MIN {
        return false;
    }
    let text = rest.trim_ascii();
    let text = text.iter().rposition(|&byte| byte != b'=').and_then(|last| text.get(..=last)).unwrap_or(text);
    STANDARD_NO_PAD.decode(text).map(Zeroizing::new).is_ok_and(|plain| holds_key(&plain))
}

/// Whether keys can be made for this environment: 1 to 16 characters of a-z and 0-9.
pub fn check_environment(text: &[u8]) -> Result<&str, KeyFault> {
    let plain = text.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !plain || text.is_empty() || ENVIRONMENT_BYTES_MAX < text.len() {
        return Err(KeyFault::Environment);
    }
    std::str::from_utf8(text).map_err(|_| KeyFault::Environment)
}

/// Divides the number by 62 and returns the remainder as a character.
fn next_digit(limbs: &mut [u32; ENTROPY_BYTES / 4]) -> u8 {
    let mut remainder = 0_u64;
    for limb in limbs.iter_mut() {
        let value = (remainder << 32) | u64::from(*limb);
        // INVARIANT: `remainder` is below 62, so the quotient is below 2^32.
        *limb = u32::try_from(value / 62).unwrap_or(u32::MAX);
        remainder = value % 62;
    }
    digit(remainder)
}

fn digit(value: u64) -> u8 {
    usize::try_from(value).ok().and_then(|place| ALPHABET.get(place)).copied().unwrap_or(b'0')
}

fn checksum(covered: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut value = u64::from(crc32fast::hash(covered));
    let mut text = [b'0'; CHECKSUM_BYTES];
    for slot in text.iter_mut().rev() {
        *slot = digit(value % 62);
        value /= 62;
    }
    text
}

#[cfg(test)]
mod tests;
