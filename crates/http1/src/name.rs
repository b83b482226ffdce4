//! Field names and the lists that some fields hold.

/// A value that is not a list of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of tokens")]
pub struct TokenListError;

/// Compares a name that arrived with `lower`, which is in lower case, by ASCII letters without case.
#[must_use]
#[inline]
pub fn equals(name: &[u8], lower: &[u8]) -> bool {
    name.eq_ignore_ascii_case(lower)
}

/// Whether a field belongs to one connection and is never passed on (RFC 9110, 7.6.1).
#[must_use]
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    let _ = name;
    true
}

/// Whether a field may not stand in a trailer section because it decides framing or routing.
#[must_use]
pub fn is_forbidden_in_trailers(name: &[u8]) -> bool {
    let _ = name;
    true
}

/// The tokens of a list such as a `Connection` value (RFC 9110, 5.6.1): empty members are skipped, anything that
/// is not a token ends the iteration with an error.
pub fn tokens(value: &[u8]) -> impl Iterator<Item = Result<&[u8], TokenListError>> {
    let _ = value;
    core::iter::once(Err(TokenListError))
}

/// The members of a comma-separated list, quoted strings kept whole, surrounding white space removed and empty
/// members skipped.
pub fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::once(value)
}
