//! The version at the start of a status line or the end of a request line (RFC 9112, 2.3).

use crate::Version;

/// What stands where a version should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionText {
    Known(Version),
    Malformed,
    Partial,
    /// Well-formed, but another.
    Unknown,
}

/// Reads the eight bytes of a version at the start of `rest`; letters are in upper case.
#[inline]
pub(crate) fn parse_version(rest: &[u8]) -> VersionText {
    match rest.first_chunk::<8>() {
        Some(b"HTTP/1.1") => VersionText::Known(Version::Http11),
        Some(b"HTTP/1.0") => VersionText::Known(Version::Http10),
        Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => VersionText::Unknown,
        Some(_) => VersionText::Malformed,
        None if is_start(rest) => VersionText::Partial,
        None => VersionText::Malformed,
    }
}

/// Whether fewer than eight bytes may become a version.
#[cold]
fn is_start(rest: &[u8]) -> bool {
    rest.iter().zip(b"HTTP/0.0").all(|(byte, pattern)| match pattern {
        b'0' => byte.is_ascii_digit(),
        letter => byte == letter,
    })
}
