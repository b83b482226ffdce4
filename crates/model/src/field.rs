//! What a header field is to the gateway, told from its name alone.
//!
//! Every field of a request is classified once, at admission. What reaches the upstream is decided by this
//! class, so a new managed field is added here and nowhere else. Names are compared without case and with `_`, `.`
//! and the like read as `-`, because upstreams that map fields to variables (CGI, WSGI) cannot tell these apart.

/// The class of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// `Access-Control-Request-Method`: with `Origin` it makes an OPTIONS request a preflight.
    AccessControlRequestMethod,
    /// `Access-Control-Request-Headers`.
    AccessControlRequestHeaders,
    /// `Authorization`: an own key, or a foreign credential.
    Authorization,
    /// Says the client's address by a convention of some proxy (`X-Real-IP`): forwarded from trusted proxies only.
    ClientAddress,
    /// `Content-Length`: written anew from the framing that was judged.
    ContentLength,
    /// `Expect`: answered here.
    Expect,
    /// `Forwarded` (RFC 7239): read from trusted proxies only, then rebuilt.
    Forwarded,
    /// `X-Forwarded-For`: read from trusted proxies only, then rebuilt.
    ForwardedFor,
    /// Concerns one connection (RFC 9110 section 7.6.1): never forwarded.
    HopByHop,
    /// `Host`.
    Host,
    /// Only the gateway may say this: removed from every request.
    Managed,
    /// `Origin`.
    Origin,
    /// Forwarded as it came.
    Plain,
    /// `traceparent` (W3C Trace Context): read, then rebuilt.
    Traceparent,
    /// `tracestate`: passed on where the trace is continued.
    Tracestate,
    /// Has a `_`: removed unless the API lists it.
    Underscored,
}

/// The classes of the fields of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    /// A bit for each class that a field has.
    some: u32,
    /// A bit for each class that several have.
    several: u32,
}

impl Kinds {
    #[inline]
    pub(crate) const fn note(&mut self, kind: FieldKind) {
        let bit = Self::bit(kind);
        self.several |= self.some & bit;
        self.some |= bit;
    }

    #[inline]
    pub(crate) const fn hold(self, kind: FieldKind) -> bool {
        self.some & Self::bit(kind) != 0
    }

    #[inline]
    pub(crate) const fn hold_one(self, kind: FieldKind) -> bool {
        self.some & !self.several & Self::bit(kind) != 0
    }

    #[inline]
    pub(crate) const fn hold_several(self, kind: FieldKind) -> bool {
        self.several & Self::bit(kind) != 0
    }

    /// INVARIANT: there are fewer classes than bits.
    #[inline]
    const fn bit(kind: FieldKind) -> u32 {
        1_u32.rotate_left(kind as u32)
    }
}

/// Longest name that is compared as a whole; longer ones are told by their beginning.
const COMPARED_BYTES: usize = 40;

/// Fields by which software behind the gateway can be told another method or target than the one judged.
const OVERRIDES: [&[u8]; 7] = [
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-method",
    b"x-original-uri",
    b"x-original-url",
    b"x-rewrite-url",
];

/// Fields in which proxies and content networks tell the client's address, beside `Forwarded` and `X-Forwarded-For`.
/// Software behind the gateway believes them, so a client must not be the one who sets them.
const CLIENT_ADDRESSES: [&[u8]; 11] = [
    b"cf-connecting-ip",
    b"cf-connecting-ipv6",
    b"fastly-client-ip",
    b"proxy-client-ip",
    b"true-client-ip",
    b"wl-proxy-client-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-original-forwarded-for",
    b"x-real-ip",
    b"x-remote-addr",
];

impl FieldKind {
    /// Classifies a field name.
    #[must_use]
    #[inline]
    pub fn of_name(name: &[u8]) -> Self {
        if begins_as_special(name) {
            return Self::of_rare(name);
        }
        if holds_underscore(name) { Self::Underscored } else { Self::Plain }
    }

    /// Classifies a name that begins like a special one and is as long.
    fn of_rare(name: &[u8]) -> Self {
        match name {
            // Special fields that many requests have, as most write them.
            b"Host" | b"host" => Self::Host,
            b"Connection" | b"connection" => Self::HopByHop,
            b"Origin" | b"origin" => Self::Origin,
            b"Authorization" | b"authorization" => Self::Authorization,
            b"Content-Length" | b"content-length" => Self::ContentLength,
            _ if may_be_special(name) => Self::compare(name, holds_underscore(name)),
            _ if holds_underscore(name) => Self::Underscored,
            _ => Self::Plain,
        }
    }

    /// Classifies a name that may be special.
    fn compare(name: &[u8], underscored: bool) -> Self {
        let mut buffer = [0_u8; COMPARED_BYTES];
        for (slot, &byte) in buffer.iter_mut().zip(name) {
            *slot = if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
        }
        let compared = buffer.get(..name.len().min(COMPARED_BYTES)).unwrap_or(&buffer);
        let kind = Self::of_normal(compared, name.len());
        let is_twin = name.iter().any(|&byte| !byte.is_ascii_alphanumeric() && byte != b'-');
        match (is_twin, kind) {
            (false, kind) => kind,
            // An underscored twin of an ordinary field may be listed by an API; a twin of any other is never kept.
            (true, Self::Plain) if underscored => Self::Underscored,
            (true, Self::Plain) => Self::Plain,
            (true, _) => Self::Managed,
        }
    }

    fn of_normal(name: &[u8], whole_length: usize) -> Self {
        match name {
            [b'a', ..] => match name {
                b"authorization" => Self::Authorization,
                b"access-control-request-method" => Self::AccessControlRequestMethod,
                b"access-control-request-headers" => Self::AccessControlRequestHeaders,
                _ => Self::Plain,
            },
            [b'c', ..] => match name {
                b"connection" => Self::HopByHop,
                b"content-length" => Self::ContentLength,
                _ => Self::of_address(name),
            },
            b"expect" => Self::Expect,
            b"forwarded" => Self::Forwarded,
            b"fastly-client-ip" | b"wl-proxy-client-ip" => Self::ClientAddress,
            b"host" => Self::Host,
            b"keep-alive" => Self::HopByHop,
            b"origin" => Self::Origin,
            [b'p', ..] => match name {
                b"proxy-connection" | b"proxy-authenticate" | b"proxy-authorization" => Self::HopByHop,
                _ => Self::of_address(name),
            },
            [b's', ..] if name.starts_with(b"sallyport-") || name == b"sallyport" => Self::Managed,
            [b't', ..] => match name {
                b"te" | b"trailer" | b"transfer-encoding" => Self::HopByHop,
                b"traceparent" => Self::Traceparent,
                b"tracestate" => Self::Tracestate,
                _ => Self::of_address(name),
            },
            b"upgrade" => Self::HopByHop,
            [b'x', b'-', ..] => Self::of_extension(name, whole_length),
            _ => Self::Plain,
        }
    }

    fn of_extension(name: &[u8], whole_length: usize) -> Self {
        if name == b"x-forwarded-for" {
            return Self::ForwardedFor;
        }
        let managed = name.starts_with(b"x-sallyport-")
            || name.starts_with(b"x-forwarded-")
            || name.starts_with(b"x-envoy-")
            || (whole_length <= COMPARED_BYTES && OVERRIDES.contains(&name));
        if managed { Self::Managed } else { Self::of_address(name) }
    }

    fn of_address(name: &[u8]) -> Self {
        if CLIENT_ADDRESSES.contains(&name) { Self::ClientAddress } else { Self::Plain }
    }
}

/// Whether a name has a `_`, looking at eight bytes at a time.
#[inline]
fn holds_underscore(name: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    // A byte of a difference is zero where the name has a `_`. Whether there is such a byte is told exactly: the
    // lowest borrow comes from one.
    let has = |word: &[u8; 8]| {
        let difference = u64::from_le_bytes(*word) ^ (0x5f * ONES);
        difference.wrapping_sub(ONES) & !difference & (0x80 * ONES) != 0
    };
    match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        // The last word overlaps the one before it, which in most names is the first.
        (Some(first), Some(last)) => {
            has(first) || has(last) || (16 < name.len() && name.as_chunks::<8>().0.iter().any(has))
        }
        _ => name.iter().fold(false, |found, byte| found | (*byte == b'_')),
    }
}

/// For each length, a bit for each first letter for which [`may_be_special`] looks further; the last is for all that
/// are longer.
const BEGINNINGS: [u32; 32] = beginnings();

const fn beginnings() -> [u32; 32] {
    let mut all = [0_u32; 32];
    let mut rest: &mut [u32] = &mut all;
    let mut length = 0;
    while let Some((letters, tail)) = rest.split_first_mut() {
        let mut letter = b'a';
        while letter <= b'z' {
            if begins(letter, length) || (length == 31 && begins(letter, usize::MAX)) {
                *letters |= 1_u32.rotate_left((letter & 0x1f) as u32);
            }
            letter += 1;
        }
        length += 1;
        rest = tail;
    }
    all
}

/// Tells most plain names, by a look into a table; what is special is never missed.
#[inline]
fn begins_as_special(name: &[u8]) -> bool {
    let letters = BEGINNINGS.get(name.len().min(31)).copied().unwrap_or_default();
    match name {
        // `Sec-Fetch-Mode` and its kin are in each request of a browser.
        [b'S' | b's', b'e', ..] | [] => false,
        [first, ..] => letters & 1_u32.rotate_left(u32::from(first & 0x1f)) != 0,
    }
}

/// Whether a name has the first letter and the length of one that is not plain. Nearly all fields are plain, and
/// this tells so without comparing them; a name that is not plain is never missed.
#[inline]
const fn may_be_special(name: &[u8]) -> bool {
    let [first, ..] = name else { return false };
    match (first.to_ascii_lowercase(), name) {
        (b's', _) => begins(b's', name.len()) && matches!(name, [_, b'a' | b'A', ..]),
        // The letters are those behind `x-` of the names that `of_extension` knows.
        (b'x', [_, separator, next, ..]) => {
            !separator.is_ascii_alphanumeric()
                && matches!(next.to_ascii_lowercase(), b'c' | b'e' | b'f' | b'h' | b'm' | b'o' | b'r' | b's')
        }
        (first, _) => begins(first, name.len()),
    }
}

/// Whether a special name begins with this letter, in lower case, and is as long.
#[inline]
const fn begins(first: u8, length: usize) -> bool {
    matches!(
        (first, length),
        (b'a', 13 | 29 | 30)
            | (b'c', 10 | 14 | 16 | 18)
            | (b'e' | b'o', 6)
            | (b'f', 9 | 16)
            | (b'h', 4)
            | (b'k', 10)
            | (b'p', 15 | 16 | 18 | 19)
            | (b't', 2 | 7 | 10 | 11 | 14 | 17)
            | (b'u', 7)
            | (b'w', 18)
            | (b's', 9..)
            | (b'x', 3..)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every name that is compared, and beginnings that are.
    const SPECIAL: &str = "(authorization|access-control-request-(method|headers)|connection|content-length|expect|\
        forwarded|host|keep-alive|origin|proxy-(connection|authenticate|authorization)|sallyport(-[a-z]{0,3})?|te|\
        trailer|transfer-encoding|traceparent|tracestate|upgrade|x-forwarded-(for|a)|x-(sallyport|envoy)-[a-z]?|\
        x-http-method(-override)?|x-method-override|x-original-(method|uri|url)|x-rewrite-url|cf-connecting-ip(v6)?|\
        (fastly|true|(wl-)?proxy|x|x-cluster)-client-ip|x-original-forwarded-for|x-real-ip|x-remote-addr)";

    proptest! {
        #[test]
        fn an_underscore_is_found_wherever_it_stands(name in "[-_^`a-zA-Z\\x7f]{0,40}") {
            prop_assert_eq!(holds_underscore(name.as_bytes()), name.contains('_'));
        }

        #[test]
        fn a_name_that_is_not_plain_is_never_missed(name in SPECIAL, other in "[acefhkopstuwx][-_a-z]{0,31}") {
            let name: String = name.split_whitespace().collect();
            for name in [name.clone(), name.to_ascii_uppercase(), name.replace('-', "_"), other] {
                let compared: Vec<u8> =
                    name.bytes().map(|byte| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }).collect();
                let whole = FieldKind::of_normal(&compared[..compared.len().min(COMPARED_BYTES)], name.len());
                prop_assert!(whole == FieldKind::Plain || may_be_special(name.as_bytes()), "{name}");
                prop_assert!(whole == FieldKind::Plain || begins_as_special(name.as_bytes()), "{name}");
            }
        }
    }

    #[test]
    fn classes_are_counted_as_none_one_and_several() {
        let mut kinds = Kinds::default();
        for (kind, some, one, several) in [
            (FieldKind::Host, false, false, false),
            (FieldKind::Host, true, true, false),
            (FieldKind::Host, true, false, true),
            (FieldKind::Underscored, false, false, false),
        ] {
            assert_eq!(
                (kinds.hold(kind), kinds.hold_one(kind), kinds.hold_several(kind)),
                (some, one, several)
            );
            kinds.note(kind);
        }
        assert!(kinds.hold_several(FieldKind::Host) && !kinds.hold(FieldKind::AccessControlRequestMethod));
    }

    #[test]
    fn classifies_fields_in_any_spelling() {
        for (name, kind) in [
            ("Host", FieldKind::Host),
            ("hOST", FieldKind::Host),
            ("Authorization", FieldKind::Authorization),
            ("Authorization2", FieldKind::Plain),
            ("Cookie", FieldKind::Plain),
            ("User-Agent", FieldKind::Plain),
            ("X-Api-Key", FieldKind::Plain),
            ("X_Api_Key", FieldKind::Underscored),
            ("Sallyport-Assertion", FieldKind::Managed),
            ("sallyport-anything-that-is-much-longer-than-what-is-compared", FieldKind::Managed),
            ("Sallyport_Assertion", FieldKind::Managed),
            ("SALLYPORT_ASSERTION", FieldKind::Managed),
            ("Sallyport.Assertion", FieldKind::Managed),
            ("X.Forwarded.For", FieldKind::Managed),
            ("X-Forwarded.For", FieldKind::Managed),
            ("Content.Length", FieldKind::Managed),
            ("X.Custom", FieldKind::Plain),
            ("X-Sallyport-Caller", FieldKind::Managed),
            ("X_Sallyport-Caller", FieldKind::Managed),
            ("Sallyportal", FieldKind::Plain),
            ("Forwarded", FieldKind::Forwarded),
            ("X-Forwarded-For", FieldKind::ForwardedFor),
            ("X_Forwarded_For", FieldKind::Managed),
            ("X-Forwarded-Prefix", FieldKind::Managed),
            ("X-Forwarded-Uri", FieldKind::Managed),
            ("X-Forward", FieldKind::Plain),
            ("X-Envoy-Original-Path", FieldKind::Managed),
            ("X-HTTP-Method-Override", FieldKind::Managed),
            ("X-Original-URL", FieldKind::Managed),
            ("X-Original-Forwarded-For", FieldKind::ClientAddress),
            ("X-Real-IP", FieldKind::ClientAddress),
            ("X_Real_IP", FieldKind::Managed),
            ("X-Real-IPs", FieldKind::Plain),
            ("CF-Connecting-IP", FieldKind::ClientAddress),
            ("CF-Ray", FieldKind::Plain),
            ("Fastly-Client-IP", FieldKind::ClientAddress),
            ("True-Client-Ip", FieldKind::ClientAddress),
            ("WL-Proxy-Client-IP", FieldKind::ClientAddress),
            ("Connection", FieldKind::HopByHop),
            ("Keep-Alive", FieldKind::HopByHop),
            ("TE", FieldKind::HopByHop),
            ("Transfer-Encoding", FieldKind::HopByHop),
            ("Transfer_Encoding", FieldKind::Managed),
            ("Content_Length", FieldKind::Managed),
            ("Content-Length", FieldKind::ContentLength),
            ("Content-Type", FieldKind::Plain),
            ("Proxy-Authorization", FieldKind::HopByHop),
            ("Traceparent", FieldKind::Traceparent),
            ("", FieldKind::Plain),
        ] {
            assert_eq!(FieldKind::of_name(name.as_bytes()), kind, "{name}");
        }
    }
}
