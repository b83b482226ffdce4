//! Field names and the lists that some fields hold.
//!
//! Names are compared without case, by ASCII letters only. Lists are read as RFC 9110, 5.6.1 says; what is not such
//! a list is said to be none, and never guessed at.

use crate::Field;
use crate::bytes::{equals_lower, is_blank, is_token};

/// A value that is not a list of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of tokens")]
pub struct TokenListError;

/// Compares a name that arrived with `lower`, which is in lower case, by ASCII letters without case.
#[must_use]
#[inline]
pub fn equals(name: &[u8], lower: &[u8]) -> bool {
    equals_lower(name, lower)
}

/// Whether a field belongs to one connection and is never passed on (RFC 9110, 7.6.1).
///
/// Beside the fields of that section these are `HTTP2-Settings`, which goes with `Upgrade`; `Trailer`, because
/// whoever frames the next message announces its trailers; and `Proxy-Authenticate`, `Proxy-Authorization` and
/// `Proxy-Connection`, which are said to the next proxy alone. Fields that `Connection` names come on top: see
/// [`tokens`].
#[must_use]
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    match name.len() {
        2 => equals(name, b"te"),
        7 => equals(name, b"upgrade") || equals(name, b"trailer"),
        10 => equals(name, b"connection") || equals(name, b"keep-alive"),
        14 => equals(name, b"http2-settings"),
        16 => equals(name, b"proxy-connection"),
        17 => equals(name, b"transfer-encoding"),
        18 => equals(name, b"proxy-authenticate"),
        19 => equals(name, b"proxy-authorization"),
        _ => false,
    }
}

/// Whether a field may not stand in a trailer section (RFC 9110, 6.5.1): it decides framing, routing or the life of
/// the connection, says who is calling, or tells how to process the content. A peer that merges trailers into the
/// head would see such a field after everybody else had judged the head without it.
#[must_use]
pub fn is_forbidden_in_trailers(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 13] = [
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"max-forwards",
        b"set-cookie",
        b"www-authenticate",
    ];
    is_hop_by_hop(name) || NAMES.iter().any(|forbidden| equals(name, forbidden))
}

/// The values of all fields of one name, in the order of arrival. `lower` is in lower case.
pub fn values<'a>(head: &'a [u8], fields: &'a [Field], lower: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    fields
        .iter()
        .filter(move |field| {
            usize::from(field.name.length) == lower.len() && equals(field.name.of(head), lower)
        })
        .map(move |field| field.value.of(head))
}

/// The tokens of a list such as a `Connection` value: empty members are skipped, and the first member that is not a
/// token ends the iteration with an error.
#[must_use]
pub const fn tokens(value: &[u8]) -> Tokens<'_> {
    Tokens { rest: Some(value) }
}

/// See [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<&'a [u8], TokenListError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest?;
            let comma = rest.iter().position(|byte| *byte == b',');
            let (member, rest) = cut(rest, comma);
            self.rest = rest;
            let member = trim(member);
            if is_token(member) {
                return Some(Ok(member));
            }
            if !member.is_empty() {
                self.rest = None;
                return Some(Err(TokenListError));
            }
        }
    }
}

/// The members of a comma-separated list: quoted strings stay whole (an open one reaches to the end), white space
/// round members is removed, empty members are skipped.
#[must_use]
pub const fn list_members(value: &[u8]) -> ListMembers<'_> {
    ListMembers { rest: Some(value) }
}

/// See [`list_members`].
#[derive(Clone, Debug)]
pub struct ListMembers<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for ListMembers<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest?;
            let (member, rest) = cut(rest, unquoted_comma(rest));
            self.rest = rest;
            let member = trim(member);
            if !member.is_empty() {
                return Some(member);
            }
        }
    }
}

/// Cuts `bytes` before and behind the separator at `index`.
fn cut(bytes: &[u8], index: Option<usize>) -> (&[u8], Option<&[u8]>) {
    match index.and_then(|index| bytes.split_at_checked(index)) {
        Some((before, after)) => (before, after.get(1..)),
        None => (bytes, None),
    }
}

fn unquoted_comma(bytes: &[u8]) -> Option<usize> {
    enum Place {
        Escaped,
        Open,
        Quoted,
    }
    let mut place = Place::Open;
    for (index, byte) in bytes.iter().enumerate() {
        place = match (place, byte) {
            (Place::Open, b',') => return Some(index),
            (Place::Open, b'"') | (Place::Escaped, _) => Place::Quoted,
            (Place::Quoted, b'\\') => Place::Escaped,
            (Place::Quoted, b'"') | (Place::Open, _) => Place::Open,
            (Place::Quoted, _) => Place::Quoted,
        };
    }
    None
}

fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some((_, tail)) = rest.split_first().filter(|(byte, _)| is_blank(**byte)) {
        rest = tail;
    }
    while let Some((_, head)) = rest.split_last().filter(|(byte, _)| is_blank(**byte)) {
        rest = head;
    }
    rest
}

#[cfg(test)]
mod tests;
