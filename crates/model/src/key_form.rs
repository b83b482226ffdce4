//! What the keys look like that an API had before Sallyport: where they stand and which texts are one.
//!
//! A form is closed: a beginning, a range of lengths and one of a few alphabets. It is not a pattern language, so that
//! recognising a key costs one pass over its bytes whatever is configured, and so that two forms can be compared.

use std::fmt;

/// The fewest bytes of a key; a shorter text can be guessed and is no secret.
pub const KEY_FORM_BYTES_MIN: u16 = 8;
/// The most bytes of a key.
pub const KEY_FORM_BYTES_MAX: u16 = 1_024;

/// Where an API takes its keys, and what they look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyForm {
    pub place: KeyPlace,
    pub shape: KeyShape,
    /// What becomes of a value in this place that does not have the shape.
    pub others: OtherValues,
}

/// Where a key stands in a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPlace {
    /// A header field. The name is in lower case. With a scheme, the key stands behind it and blanks.
    Header { name: Box<str>, scheme: Option<Box<str>> },
    /// A parameter of the query. The name is compared decoded and without case.
    Query { name: Box<str> },
}

/// What becomes of other values in the place of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherValues {
    /// They are foreign credentials and identify nobody.
    Foreign,
    /// They are refused as keys that are not valid.
    Refused,
}

/// Which texts are keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShape {
    prefix: Box<str>,
    shortest: u16,
    longest: u16,
    alphabet: KeyAlphabet,
}

/// The characters of a key behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlphabet {
    /// A-Z, a-z and 0-9.
    Alphanumeric,
    /// The same with `-` and `_`; UUIDs are in it.
    Base64Url,
    /// 0-9, a-f and A-F.
    Hex,
    /// What a bearer token is made of (RFC 6750 section 2.1): the first with `-._~+/=`.
    Token,
}

/// Why a shape is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyShapeError {
    #[error("a prefix has at most 64 visible ASCII characters without blanks, quotes, `,`, `;`, `&` and `%`")]
    Prefix,
    #[error("keys that begin with `sp_` are Sallyport's own")]
    OwnPrefix,
    #[error(
        "a length goes from {KEY_FORM_BYTES_MIN} to {KEY_FORM_BYTES_MAX}, the prefix included, and leaves {KEY_FORM_BYTES_MIN} characters behind the prefix"
    )]
    Length,
}

impl KeyAlphabet {
    /// Every alphabet.
    pub const ALL: &[Self] = &[Self::Alphanumeric, Self::Base64Url, Self::Hex, Self::Token];

    /// Its name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alphanumeric => "alphanumeric",
            Self::Base64Url => "base64url",
            Self::Hex => "hex",
            Self::Token => "token",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|alphabet| alphabet.as_str() == text)
    }

    const fn holds(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Token => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
            }
        }
    }
}

impl KeyShape {
    /// Keys that begin with `prefix` and are `shortest` to `longest` bytes long, the prefix included.
    pub fn new(
        prefix: &str,
        (shortest, longest): (u16, u16),
        alphabet: KeyAlphabet,
    ) -> Result<Self, KeyShapeError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"',;&%\\".contains(&byte);
        if 64 < prefix.len() || !prefix.bytes().all(plain) {
            return Err(KeyShapeError::Prefix);
        }
        if prefix.starts_with("sp_") {
            return Err(KeyShapeError::OwnPrefix);
        }
        let least = usize::from(KEY_FORM_BYTES_MIN) + prefix.len();
        if usize::from(shortest) < least || longest < shortest || KEY_FORM_BYTES_MAX < longest {
            return Err(KeyShapeError::Length);
        }
        Ok(Self { prefix: prefix.into(), shortest, longest, alphabet })
    }

    /// Whether `text` is a key of this shape.
    #[must_use]
    pub fn fits(&self, text: &[u8]) -> bool {
        (usize::from(self.shortest)..=usize::from(self.longest)).contains(&text.len())
            && text
                .strip_prefix(self.prefix.as_bytes())
                .is_some_and(|rest| rest.iter().all(|&byte| self.alphabet.holds(byte)))
    }

    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The fewest and the most bytes, the prefix included.
    #[must_use]
    pub const fn lengths(&self) -> (u16, u16) {
        (self.shortest, self.longest)
    }

    #[must_use]
    pub const fn alphabet(&self) -> KeyAlphabet {
        self.alphabet
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, scheme: None } => write!(formatter, "header {name}"),
            Self::Header { name, scheme: Some(scheme) } => write!(formatter, "header {name}: {scheme}"),
            Self::Query { name } => write!(formatter, "query {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(prefix: &str, lengths: (u16, u16), alphabet: KeyAlphabet) -> KeyShape {
        KeyShape::new(prefix, lengths, alphabet).unwrap()
    }

    #[test]
    fn a_key_is_told_by_prefix_length_and_alphabet() {
        use KeyAlphabet::{Alphanumeric, Base64Url, Hex, Token};
        for (prefix, lengths, alphabet, text, fits) in [
            ("ak_", (11, 20), Hex, "ak_00ffAA99", true),
            ("ak_", (11, 20), Hex, "ak_00ffAA9", false),
            ("ak_", (11, 12), Hex, "ak_00ffAA9900", false),
            ("ak_", (11, 20), Hex, "ak_00ffAA9g", false),
            ("ak_", (11, 20), Hex, "AK_00ffAA99", false),
            ("ak_", (11, 20), Hex, " ak_00ffAA99", false),
            ("", (8, 8), Alphanumeric, "abcdEFG1", true),
            ("", (8, 8), Alphanumeric, "abcdEF-1", false),
            ("", (36, 36), Base64Url, "123e4567-e89b-12d3-a456-426614174000", true),
            ("", (8, 8), Base64Url, "abcd.fgh", false),
            ("", (8, 9), Token, "ab+/~.=_", true),
            ("", (8, 9), Token, "ab+/~.=é", false),
            ("", (8, 9), Token, "", false),
        ] {
            assert_eq!(shape(prefix, lengths, alphabet).fits(text.as_bytes()), fits, "{prefix} {text}");
        }
    }

    #[test]
    fn a_shape_that_could_be_guessed_or_is_ours_is_none() {
        let made = |prefix: &str, lengths| KeyShape::new(prefix, lengths, KeyAlphabet::Hex).map(|_| ());
        for (prefix, lengths, expected) in [
            ("", (8, 8), Ok(())),
            ("", (7, 8), Err(KeyShapeError::Length)),
            ("ak_", (10, 20), Err(KeyShapeError::Length)),
            ("ak_", (11, 1_024), Ok(())),
            ("ak_", (11, 1_025), Err(KeyShapeError::Length)),
            ("", (20, 19), Err(KeyShapeError::Length)),
            ("sp_", (20, 30), Err(KeyShapeError::OwnPrefix)),
            ("sp_live_", (20, 30), Err(KeyShapeError::OwnPrefix)),
            ("s", (20, 30), Ok(())),
            ("a k", (20, 30), Err(KeyShapeError::Prefix)),
            ("a&b", (20, 30), Err(KeyShapeError::Prefix)),
            ("é", (20, 30), Err(KeyShapeError::Prefix)),
        ] {
            assert_eq!(made(prefix, lengths), expected, "{prefix} {lengths:?}");
        }
    }

    #[test]
    fn alphabets_read_back() {
        for &alphabet in KeyAlphabet::ALL {
            assert_eq!(KeyAlphabet::parse(alphabet.as_str()), Some(alphabet));
        }
        assert_eq!(KeyAlphabet::parse("any"), None);
    }
}
