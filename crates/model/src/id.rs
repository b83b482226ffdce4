//! Identifiers: of decisions, keys, revisions, policies and operations.

use std::fmt;
use std::sync::Arc;

use crate::{ApiName, Method, Timestamp};

/// Why a text is not an identifier.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("a decision id has 26 characters of 0-9 and a-z without i, l, o and u")]
    Decision,
    #[error("a fingerprint has {} characters of 0-9 and a-f", 2 * FINGERPRINT_BYTES)]
    Fingerprint,
    #[error("a key id has {KEY_ID_BYTES} characters of 0-9, A-Z and a-z")]
    Key,
    #[error("a policy id has 1 to 128 visible characters")]
    Policy,
    #[error("an operation is written `API:METHOD /path`, for example `orders:GET /orders/{{id}}`")]
    Operation,
}

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a decision id.
pub const DECISION_ID_CHARACTERS: usize = 26;

/// The id of one decision, on every answer and in both entries of its record.
///
/// The upper 48 bits are milliseconds since the epoch, so ids sort by time and the log can be searched by id
/// alone; the lower 80 bits make it unique and hard to guess. Text is 26 characters of Crockford's base 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(u128);

impl DecisionId {
    /// Makes the id for a decision at `now`; of `tail` the lower 80 bits count.
    #[must_use]
    pub fn new(now: Timestamp, tail: u128) -> Self {
        let millis = u128::from(u64::try_from(now.as_millis()).unwrap_or(0) & 0xffff_ffff_ffff);
        Self((millis << 80) | (tail & ((1 << 80) - 1)))
    }

    /// The id from its 16 bytes, as entries hold it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Its 16 bytes, big-endian, so that bytes sort as ids do.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// When the decision was made, to the millisecond.
    #[must_use]
    pub fn time(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.0 >> 80).unwrap_or(i64::MAX))
    }

    /// Reads the 26 characters; upper case counts as lower case.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.len() != DECISION_ID_CHARACTERS {
            return Err(IdError::Decision);
        }
        let mut value: u128 = 0;
        for (place, byte) in text.bytes().enumerate() {
            let digit = CROCKFORD
                .iter()
                .position(|&letter| letter == byte.to_ascii_lowercase())
                .ok_or(IdError::Decision)?;
            // The first character carries three bits only: 26 * 5 is 130.
            if place == 0 && 7 < digit {
                return Err(IdError::Decision);
            }
            value = (value << 5) | u128::try_from(digit).map_err(|_| IdError::Decision)?;
        }
        Ok(Self(value))
    }

    /// The 26 characters without an allocation.
    #[must_use]
    pub fn text(self) -> [u8; DECISION_ID_CHARACTERS] {
        let mut text = [b'0'; DECISION_ID_CHARACTERS];
        let (pairs, _) = text.as_chunks_mut::<2>();
        // Twelve characters of five bits fit a word of 64 bits, whose shifts are cheap; those of 128 are not.
        let word = |shift: u32| u64::try_from((self.0 >> shift) & ((1 << 60) - 1)).unwrap_or(0);
        let [first, rest @ ..] = pairs else { return text };
        *first = pair(word(120));
        let (words, _) = rest.as_chunks_mut::<6>();
        for (pairs, shift) in words.iter_mut().zip([60, 0]) {
            let mut left = word(shift);
            for slots in pairs.iter_mut().rev() {
                *slots = pair(left);
                left >>= 10;
            }
        }
        text
    }
}

/// The two characters of the lowest ten bits.
#[inline]
fn pair(value: u64) -> [u8; 2] {
    let place = usize::try_from(value & 1_023).unwrap_or_default();
    PAIRS.get(place).copied().unwrap_or([b'0'; 2])
}

/// Two characters for each number of ten bits, which halves the look-ups of a text.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time; an index out of range would not compile"
)]
static PAIRS: [[u8; 2]; 1_024] = {
    let mut pairs = [[0; 2]; 1_024];
    let mut place = 0;
    while place < pairs.len() {
        pairs[place] = [CROCKFORD[place >> 5], CROCKFORD[place & 31]];
        place += 1;
    }
    pairs
};

impl fmt::Display for DecisionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.text() {
            fmt::Write::write_char(formatter, char::from(byte))?;
        }
        Ok(())
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Characters of a key id.
pub const KEY_ID_BYTES: usize = 12;

/// The public part of an own key, by which it is looked up, listed and revoked. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID_BYTES]);

impl KeyId {
    /// Parses the characters between the second and third `_` of a key.
    pub fn parse(text: &[u8]) -> Result<Self, IdError> {
        let bytes: [u8; KEY_ID_BYTES] = text.try_into().map_err(|_| IdError::Key)?;
        // Without leaving early the loop takes many characters at a time.
        let plain = bytes.iter().fold(true, |plain, byte| plain & byte.is_ascii_alphanumeric());
        if plain { Ok(Self(bytes)) } else { Err(IdError::Key) }
    }

    /// Its characters.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_ID_BYTES] {
        &self.0
    }

    /// Its characters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Names a credential in records without giving it away: the first half of a hash over it, keyed where the credential
/// itself could be guessed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

/// Bytes of a fingerprint; its text has twice as many characters.
pub const FINGERPRINT_BYTES: usize = 16;

impl Fingerprint {
    /// The first half of a hash.
    #[must_use]
    pub const fn of_hash(hash: &[u8; 2 * FINGERPRINT_BYTES]) -> Self {
        let (first, _) = hash.split_at(FINGERPRINT_BYTES);
        match first.first_chunk() {
            Some(half) => Self(*half),
            None => Self([0; FINGERPRINT_BYTES]),
        }
    }

    /// The fingerprint from its bytes, as they are stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; FINGERPRINT_BYTES]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn to_bytes(self) -> [u8; FINGERPRINT_BYTES] {
        self.0
    }

    /// Reads the 32 hexadecimal digits; upper case counts as lower case.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let digits = text.len() == 2 * FINGERPRINT_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(|number| Self(number.to_be_bytes())).ok_or(IdError::Fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The serial number of a revision. It never decreases; zero means that there is none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionNumber(pub u64);

impl RevisionNumber {
    /// No revision has been loaded.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for RevisionNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// The three parts of the composite snapshot that a request was judged by; a record names all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Snapshots {
    pub revision: RevisionNumber,
    /// Version of the key table: grows with each issue, rotation and revocation.
    pub keys: u64,
    /// Sequence of the last stop (revocation or block) that counts.
    pub stops: u64,
}

/// The `@id` of a policy, or FILE#N where it has none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(Arc<str>);

impl PolicyId {
    /// Takes an id of 1 to 128 visible characters; spaces inside are refused, since logs and tables show ids bare.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let visible = text.chars().all(|character| !character.is_control() && !character.is_whitespace());
        if text.is_empty() || 128 < text.len() || !visible {
            return Err(IdError::Policy);
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The id of an operation, which is also its Cedar action: `orders:GET /orders/{id}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(Arc<str>);

impl OperationId {
    /// Puts an id together; `template` is the path on the wire with `{…}` for parameters.
    #[must_use]
    pub fn new(api: &ApiName, method: Method, template: &str) -> Self {
        Self(format!("{api}:{method} {template}").into())
    }

    /// Reads an id back; whether such an operation is declared is another question.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let (api, rest) = text.split_once(':').ok_or(IdError::Operation)?;
        let (method, template) = rest.split_once(' ').ok_or(IdError::Operation)?;
        let listed = Method::of_token(method.as_bytes()) != Method::Unlisted;
        if ApiName::parse(api).is_err() || !listed || !template.starts_with('/') {
            return Err(IdError::Operation);
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the API that the operation belongs to.
    #[must_use]
    pub fn api(&self) -> &str {
        self.0.split_once(':').map_or("", |(api, _)| api)
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fingerprint_reads_back_and_nothing_else_does() {
        let mut hash = [0; 32];
        hash[0] = 0xab;
        hash[15] = 1;
        hash[16] = 0xff;
        let text = "ab000000000000000000000000000001";
        let fingerprint = Fingerprint::of_hash(&hash);
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(Fingerprint::parse(text), Ok(fingerprint));
        assert_eq!(Fingerprint::parse(&text.to_uppercase()), Ok(fingerprint));
        assert_eq!(Fingerprint::from_bytes(fingerprint.to_bytes()), fingerprint);
        for wrong in [
            "",
            "ab",
            "+b000000000000000000000000000001",
            "b000000000000000000000000000001",
            &format!("{text}0"),
        ] {
            assert_eq!(Fingerprint::parse(wrong), Err(IdError::Fingerprint), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn decision_ids_read_back_and_sort_by_time(bits in any::<u128>(), other in any::<u128>()) {
            let id = DecisionId(bits);
            prop_assert_eq!(DecisionId::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(DecisionId::from_bytes(id.to_bytes()), id);
            prop_assert_eq!(id.to_string() < DecisionId(other).to_string(), bits < other);
        }
    }

    #[test]
    fn decision_ids_carry_their_time() {
        let now = Timestamp::from_millis(1_796_810_400_123);
        assert_eq!(DecisionId::new(now, u128::MAX).time(), now);
    }

    #[test]
    fn refuses_what_is_no_decision_id() {
        for text in [
            "",
            "0",
            "80000000000000000000000000",
            "0000000000000000000000000u",
            "é0000000000000000000000000",
        ] {
            assert_eq!(DecisionId::parse(text), Err(IdError::Decision), "{text}");
        }
    }

    #[test]
    fn operations_name_api_method_and_template() {
        let api = ApiName::parse("orders").unwrap();
        let id = OperationId::new(&api, Method::Get, "/orders/{id}");
        assert_eq!(id.as_str(), "orders:GET /orders/{id}");
        assert_eq!(id.api(), "orders");
        assert_eq!(OperationId::parse(id.as_str()), Ok(id));
        for text in ["orders", "orders:GET", "orders:get /x", "orders:GET x", ":GET /x", "Orders:GET /x"] {
            assert_eq!(OperationId::parse(text), Err(IdError::Operation), "{text}");
        }
    }
}
