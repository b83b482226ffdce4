//! Reads `Forwarded` (RFC 7239) and `X-Forwarded-For`, strictly: one reading or none.

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

/// The most hops that are read; more is as good as forged.
pub(crate) const HOPS_MAX: usize = 16;

/// One hop: an address, or a node that does not show one (`unknown`, an obfuscated name, no `for`).
pub(crate) type Hop = Option<IpAddr>;
pub(crate) type Hops = SmallVec<[Hop; 4]>;

/// The value is not what the standard describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends the hops of one `X-Forwarded-For` field: addresses, with a port or without, separated by commas.
pub(crate) fn read_forwarded_for(value: &[u8], hops: &mut Hops) -> Result<(), Malformed> {
    for part in value.split(|&byte| byte == b',') {
        let text = std::str::from_utf8(part.trim_ascii()).map_err(|_| Malformed)?;
        push(hops, Some(read_address(text)?))?;
    }
    Ok(())
}

/// Appends the hops of one `Forwarded` field.
pub(crate) fn read_forwarded(value: &[u8], hops: &mut Hops) -> Result<(), Malformed> {
    let mut rest = value;
    loop {
        let (hop, after) = read_element(rest)?;
        push(hops, hop)?;
        rest = match after {
            [] => return Ok(()),
            [b',', next @ ..] => next,
            [_, ..] => return Err(Malformed),
        };
    }
}

fn push(hops: &mut Hops, hop: Hop) -> Result<(), Malformed> {
    if HOPS_MAX <= hops.len() {
        return Err(Malformed);
    }
    hops.push(hop);
    Ok(())
}

/// One element: pairs separated by `;`, each name at most once (RFC 7239 section 4). At least one pair.
fn read_element(value: &[u8]) -> Result<(Hop, &[u8]), Malformed> {
    let mut names: SmallVec<[&[u8]; 4]> = SmallVec::new();
    let mut hop = None;
    let mut rest = value.trim_ascii();
    loop {
        let (name, after) = read_token(rest)?;
        if names.len() == 4 + HOPS_MAX || names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(Malformed);
        }
        names.push(name);
        let after = after.strip_prefix(b"=").ok_or(Malformed)?;
        let (text, after) = read_value(after)?;
        if name.eq_ignore_ascii_case(b"for") {
            hop = read_node(&text)?;
        }
        rest = match after.trim_ascii_start() {
            [b';', next @ ..] => next,
            next => return Ok((hop, next)),
        };
    }
}

fn read_token(value: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let length = value.iter().position(|byte| !fits(byte)).unwrap_or(value.len());
    match value.split_at_checked(length) {
        Some((token, rest)) if !token.is_empty() => Ok((token, rest)),
        Some(_) | None => Err(Malformed),
    }
}

type Text = SmallVec<[u8; 48]>;

/// A token or a quoted string, unquoted.
fn read_value(value: &[u8]) -> Result<(Text, &[u8]), Malformed> {
    let Some(mut rest) = value.strip_prefix(b"\"") else {
        return read_token(value).map(|(token, rest)| (Text::from_slice(token), rest));
    };
    let mut text = Text::new();
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Ok((text, after)),
            [b'\\', byte @ (b'\t' | b' '..=b'~' | 0x80..), after @ ..]
            | [byte @ (b'\t' | b' ' | b'!' | b'#'..=b'[' | b']'..=b'~' | 0x80..), after @ ..] => {
                text.push(*byte);
                after
            }
            [] | [_, ..] => return Err(Malformed),
        };
    }
}

/// A node (RFC 7239 section 6): an address, `unknown`, or an obfuscated name, each with a port or without.
fn read_node(text: &[u8]) -> Result<Hop, Malformed> {
    let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        let port = text.get(name.len()..).unwrap_or_default();
        let sound = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return if sound { Ok(None) } else { Err(Malformed) };
    }
    // An IPv6 address stands in brackets here.
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(Malformed);
    }
    read_address(text).map(Some)
}

fn is_obfuscated(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    name.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(fits))
}

fn is_port(text: &str) -> bool {
    is_obfuscated(text) || ((1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn read_address(text: &str) -> Result<IpAddr, Malformed> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address.ip());
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).ok_or(Malformed)?;
    inner.parse::<std::net::Ipv6Addr>().map(IpAddr::V6).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(result: Result<(), Malformed>, hops: &Hops) -> String {
        match result {
            Err(Malformed) => "malformed".into(),
            Ok(()) => {
                let hops: Vec<_> =
                    hops.iter().map(|hop| hop.map_or("hidden".into(), |hop| hop.to_string())).collect();
                hops.join(" ")
            }
        }
    }

    fn forwarded(value: &str) -> String {
        let mut hops = Hops::new();
        shown(read_forwarded(value.as_bytes(), &mut hops), &hops)
    }

    fn forwarded_for(value: &str) -> String {
        let mut hops = Hops::new();
        shown(read_forwarded_for(value.as_bytes(), &mut hops), &hops)
    }

    #[test]
    fn reads_forwarded_as_the_standard_says() {
        for (value, hops) in [
            ("for=192.0.2.60", "192.0.2.60"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.43, for=198.51.100.17", "192.0.2.43 198.51.100.17"),
            ("for=192.0.2.43,for=\"192.0.2.1:80\"", "192.0.2.43 192.0.2.1"),
            ("for=unknown", "hidden"),
            ("for=\"_gazonk\"", "hidden"),
            ("for=_SEVKISEK, for=10.0.0.1", "hidden 10.0.0.1"),
            ("for=\"unknown:_p\"", "hidden"),
            ("proto=https", "hidden"),
            ("for=1.2.3.4;host=\"a\\\"b\"", "1.2.3.4"),
            ("for=\"a,b\"", "malformed"),
            ("for=2001:db8::1", "malformed"),
            ("for=\"2001:db8::1\"", "malformed"),
            ("for=1.2.3.4;for=5.6.7.8", "malformed"),
            ("for=1.2.3.4;", "malformed"),
            ("for=1.2.3.4,", "malformed"),
            (",for=1.2.3.4", "malformed"),
            ("for = 1.2.3.4", "malformed"),
            ("for=1.2.3.4 for=5.6.7.8", "malformed"),
            ("for=\"1.2.3.4", "malformed"),
            ("for=\"1.2.3.4\"x", "malformed"),
            ("for=256.1.1.1", "malformed"),
            ("for=01.2.3.4", "malformed"),
            ("for=localhost", "malformed"),
            ("for=", "malformed"),
            ("for", "malformed"),
            ("", "malformed"),
        ] {
            assert_eq!(forwarded(value), hops, "{value}");
        }
    }

    #[test]
    fn reads_x_forwarded_for_strictly() {
        for (value, hops) in [
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.3.4, 10.0.0.1 ,::1", "1.2.3.4 10.0.0.1 ::1"),
            ("1.2.3.4:80", "1.2.3.4"),
            ("[::1]:80", "::1"),
            ("[::1]", "::1"),
            ("1.2.3.4,", "malformed"),
            ("", "malformed"),
            ("unknown", "malformed"),
            ("1.2.3.4 5.6.7.8", "malformed"),
            ("\"1.2.3.4\"", "malformed"),
            ("1.2.3", "malformed"),
        ] {
            assert_eq!(forwarded_for(value), hops, "{value}");
        }
        assert_eq!(forwarded_for(&["1.1.1.1"; HOPS_MAX].join(",")).split(' ').count(), HOPS_MAX);
        assert_eq!(forwarded_for(&["1.1.1.1"; HOPS_MAX + 1].join(",")), "malformed");
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..120), value in "[fFor=\"\\\\\\[\\]:;,._0-9a ]{0,60}") {
            for value in [&bytes[..], value.as_bytes()] {
                let mut hops = Hops::new();
                let standard = read_forwarded(value, &mut hops);
                prop_assert!(standard.is_err() || !hops.is_empty());
                let common = read_forwarded_for(value, &mut hops);
                prop_assert!(common.is_err() || !hops.is_empty());
                prop_assert!(hops.len() <= HOPS_MAX);
            }
        }
    }
}
