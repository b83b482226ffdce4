//! Host names as they are compared: lower case, without port, without the final dot.

use std::fmt;
use std::sync::Arc;

use crate::word;

/// The longest host name, RFC 1035 section 2.3.4.
pub const HOST_NAME_BYTES_MAX: usize = 253;

/// A host name in its one spelling.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

/// Why a text is not a host name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostNameError {
    #[error("a host name must not be empty")]
    Empty,
    #[error("the host name is {length} bytes long; the limit is {HOST_NAME_BYTES_MAX}")]
    TooLong { length: usize },
    #[error("a host name is made of letters, digits, `-`, `.` and `_`, or an IPv6 address in brackets")]
    Character,
    #[error("a host name must not hold empty labels")]
    EmptyLabel,
    #[error("the port must be a number from 1 to 65535")]
    Port,
}

/// The parts of a `Host` field or an authority, still as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host without port and without one final dot; case as written.
    pub host: &'a [u8],
    pub port: Option<u16>,
}

/// Splits and checks what a `Host` field holds (RFC 9110 section 7.2): `host [":" port]`.
pub fn parse_authority(text: &[u8]) -> Result<Authority<'_>, HostNameError> {
    if is_usual_name(text) {
        return Ok(Authority { host: text, port: None });
    }
    if text.is_empty() {
        return Err(HostNameError::Empty);
    }
    let (host, port) = split_port(text)?;
    if HOST_NAME_BYTES_MAX < host.len() {
        return Err(HostNameError::TooLong { length: host.len() });
    }
    if let [b'[', address @ .., b']'] = host {
        let address = std::str::from_utf8(address).map_err(|_| HostNameError::Character)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| HostNameError::Character)?;
        return Ok(Authority { host, port });
    }
    let host = host.strip_suffix(b".").unwrap_or(host);
    if host.is_empty() {
        return Err(HostNameError::Empty);
    }
    let mut before = b'.';
    for &byte in host {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'.' if before != b'.' => {}
            b'.' => return Err(HostNameError::EmptyLabel),
            _ => return Err(HostNameError::Character),
        }
        before = byte;
    }
    if before == b'.' {
        return Err(HostNameError::EmptyLabel);
    }
    Ok(Authority { host, port })
}

/// Whether this is a name in lower case without port and final dot, which nearly all are. What is none can still be an
/// authority.
fn is_usual_name(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    // As if a dot stood before the first byte.
    let mut dot_before = 0x80;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let dots = word::equal(word, b'.');
        if word::outside_lower_names(word) != dots || dots & (dots << 8 | dot_before) != 0 {
            return false;
        }
        dot_before = dots >> 56;
    }
    for &byte in rest {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => dot_before = 0,
            b'.' if dot_before == 0 => dot_before = 0x80,
            _ => return false,
        }
    }
    dot_before == 0 && text.len() <= HOST_NAME_BYTES_MAX
}

fn split_port(text: &[u8]) -> Result<(&[u8], Option<u16>), HostNameError> {
    let from = text.iter().rposition(|&byte| byte == b']').unwrap_or_default();
    let colon = text.iter().skip(from).position(|&byte| byte == b':').map(|offset| offset + from);
    let Some(colon) = colon else {
        return Ok((text, None));
    };
    let (host, rest) = text.split_at_checked(colon).ok_or(HostNameError::Port)?;
    let digits = rest.strip_prefix(b":").ok_or(HostNameError::Port)?;
    if digits.is_empty() || 5 < digits.len() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HostNameError::Port);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| HostNameError::Port)?;
    match digits.parse::<u16>() {
        Ok(0) | Err(_) => Err(HostNameError::Port),
        Ok(port) => Ok((host, Some(port))),
    }
}

impl HostName {
    /// Parses a host name as configuration or a `Host` field writes it; a port is refused.
    pub fn parse(text: &str) -> Result<Self, HostNameError> {
        let authority = parse_authority(text.as_bytes())?;
        if authority.port.is_some() {
            return Err(HostNameError::Port);
        }
        let host = std::str::from_utf8(authority.host).map_err(|_| HostNameError::Character)?;
        Ok(Self(host.to_ascii_lowercase().into()))
    }

    /// The name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_host_and_port() {
        for (text, expected) in [
            ("a.example", Ok(("a.example", None))),
            ("A.Example:443", Ok(("A.Example", Some(443)))),
            ("a.example.", Ok(("a.example", None))),
            ("[::1]:8080", Ok(("[::1]", Some(8080)))),
            ("127.0.0.1:80", Ok(("127.0.0.1", Some(80)))),
            ("a.example..", Err(HostNameError::EmptyLabel)),
            ("a..example", Err(HostNameError::EmptyLabel)),
            (".example", Err(HostNameError::EmptyLabel)),
            (".", Err(HostNameError::Empty)),
            ("", Err(HostNameError::Empty)),
            ("a.example:", Err(HostNameError::Port)),
            ("a.example:0", Err(HostNameError::Port)),
            ("a.example:65536", Err(HostNameError::Port)),
            ("a.example:+80", Err(HostNameError::Port)),
            ("a.example:80:80", Err(HostNameError::Port)),
            ("a example", Err(HostNameError::Character)),
            ("user@a.example", Err(HostNameError::Character)),
            ("a.example/", Err(HostNameError::Character)),
            ("a.example#", Err(HostNameError::Character)),
            ("a%2eexample", Err(HostNameError::Character)),
            ("[::1", Err(HostNameError::Port)),
            ("[::g]", Err(HostNameError::Character)),
            ("::1", Err(HostNameError::Port)),
        ] {
            let found = parse_authority(text.as_bytes())
                .map(|authority| (std::str::from_utf8(authority.host).unwrap(), authority.port));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn has_one_spelling() {
        assert_eq!(HostName::parse("A.Example.").unwrap(), HostName::parse("a.example").unwrap());
        assert!(HostName::parse("a.example:80").is_err());
    }
}
