//! The canonical request: the one immutable value that is matched, judged, recorded and forwarded.
//!
//! The upstream request is written from this value, so matcher, policy and upstream cannot see different
//! requests. It is made by [`CanonicalRequest::admit`] only; whatever could be read in two ways has no value.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::channel::Channel;
use crate::head::{FieldSpan, Head, HeadField, Span};
use crate::host::parse_authority;
use crate::reason::{DenyReason, Refusal};
use crate::target::{self, TargetParts};
use crate::{FieldKind, Method};

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyShape {
    Absent,
    Chunked,
    Length(u64),
}

/// The scheme by which the client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What a door knows beside the head.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    pub scheme: Scheme,
    pub body: BodyShape,
    /// The address of the peer of the connection, not yet that of the client.
    pub peer: IpAddr,
}

/// One request with exactly one reading. What is known of it stands in the head's box, because it is handed from step
/// to step by value.
#[derive(Debug)]
pub struct CanonicalRequest {
    head: Head,
}

/// What admission made of a head.
#[derive(Clone)]
pub(crate) struct Admitted {
    method: Method,
    scheme: Scheme,
    authority: Span,
    host: Span,
    port: Option<u16>,
    path: Span,
    query: Option<Span>,
    body: BodyShape,
    peer: IpAddr,
    channel: Option<Arc<Channel>>,
}

impl Default for Admitted {
    /// Nothing: no request is made of it.
    fn default() -> Self {
        Self {
            method: Method::Unlisted,
            scheme: Scheme::Http,
            authority: Span::default(),
            host: Span::default(),
            port: None,
            path: Span::default(),
            query: None,
            body: BodyShape::Absent,
            peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            channel: None,
        }
    }
}

/// A request that was not admitted: why, and its buffers to be used again.
#[derive(Debug)]
pub struct NotAdmitted {
    pub refusal: Refusal,
    pub head: Head,
}

impl CanonicalRequest {
    /// Judges a head (design section 6, security cases A). The refusal says what is wrong in words for the client.
    pub fn admit(mut head: Head, admission: Admission) -> Result<Self, Box<NotAdmitted>> {
        match judge(&mut head) {
            Err(refusal) => Err(Box::new(NotAdmitted { refusal, head })),
            Ok(Judged {
                method,
                host: Host { authority, host, port },
                parts: TargetParts { path, query },
            }) => {
                let Admission { scheme, body, peer } = admission;
                let channel = None;
                head.parts.admitted =
                    Admitted { method, scheme, authority, host, port, path, query, body, peer, channel };
                Ok(Self { head })
            }
        }
    }

    /// The same request, which came on a connection that is protected by TLS.
    #[must_use]
    pub fn over(mut self, channel: Arc<Channel>) -> Self {
        self.head.parts.admitted.scheme = Scheme::Https;
        self.head.parts.admitted.channel = Some(channel);
        self
    }

    /// What a handshake settled of the connection; none where the request came in the clear.
    #[must_use]
    #[inline]
    pub fn channel(&self) -> Option<&Channel> {
        self.admitted().channel.as_deref()
    }

    #[must_use]
    pub fn method(&self) -> Method {
        self.admitted().method
    }

    /// The method as it was sent, which for [`Method::Unlisted`] is any token.
    #[must_use]
    #[inline]
    pub fn method_token(&self) -> &[u8] {
        self.head.method()
    }

    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.admitted().scheme
    }

    /// The host in lower case without port and final dot.
    #[must_use]
    #[inline]
    pub fn host(&self) -> &str {
        self.admitted().host.of_text(&self.head.parts.text)
    }

    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.admitted().port
    }

    /// The target byte for byte, as it goes to the upstream.
    #[must_use]
    #[inline]
    pub fn target(&self) -> &[u8] {
        self.head.target()
    }

    /// The path as written, still encoded, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        std::str::from_utf8(self.admitted().path.of(&self.head.parts.bytes)).unwrap_or("")
    }

    /// The query without its `?`. For the upstream only: nothing here judges or records it.
    #[must_use]
    pub fn query(&self) -> Option<&[u8]> {
        self.admitted().query.map(|query| query.of(&self.head.parts.bytes))
    }

    /// The path's segments, decoded: `/` has one empty segment, `/a/` has `a` and an empty one.
    #[inline]
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.head.parts.segments.iter().map(|segment| segment.of_text(&self.head.parts.text))
    }

    /// The decoded segment at `place`.
    #[must_use]
    #[inline]
    pub fn segment(&self, place: usize) -> Option<&str> {
        Some(self.head.parts.segments.get(place)?.of_text(&self.head.parts.text))
    }

    /// The fields in their order and spelling, each with its class.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = HeadField<'_>> {
        self.head.fields()
    }

    /// The bytes that [`CanonicalRequest::field_spans`] are places in.
    #[must_use]
    #[inline]
    pub fn head_bytes(&self) -> &[u8] {
        &self.head.parts.bytes
    }

    /// Where the fields stand, in their order.
    #[must_use]
    #[inline]
    pub fn field_spans(&self) -> &[FieldSpan] {
        &self.head.parts.fields
    }

    /// What the `Host` field holds, as it was sent.
    #[must_use]
    #[inline]
    pub fn authority(&self) -> &[u8] {
        self.admitted().authority.of(&self.head.parts.bytes)
    }

    /// The value of the only field of this class; `None` when there is none or more than one.
    #[must_use]
    #[inline]
    pub fn only(&self, kind: FieldKind) -> Option<&[u8]> {
        let parts = &self.head.parts;
        if !parts.kinds.hold_one(kind) {
            return None;
        }
        let field = parts.fields.iter().find(|field| field.kind == kind)?;
        Some(field.value.of(&parts.bytes))
    }

    #[must_use]
    pub fn body(&self) -> BodyShape {
        self.admitted().body
    }

    /// The address of the peer of the connection.
    #[must_use]
    pub fn peer(&self) -> IpAddr {
        self.admitted().peer
    }

    /// Whether there is a field of this class.
    #[must_use]
    #[inline]
    pub fn holds(&self, kind: FieldKind) -> bool {
        self.head.parts.kinds.hold(kind)
    }

    /// Gives the buffers back, so that the next request needs no allocation.
    #[must_use]
    pub fn into_head(mut self) -> Head {
        self.head.parts.admitted.channel = None;
        self.head
    }

    #[inline]
    fn admitted(&self) -> &Admitted {
        &self.head.parts.admitted
    }
}

struct Judged {
    method: Method,
    host: Host,
    parts: TargetParts,
}

/// The one `Host` field: all of it, and the name in it.
struct Host {
    authority: Span,
    host: Span,
    port: Option<u16>,
}

fn judge(head: &mut Head) -> Result<Judged, Refusal> {
    let method = Method::of_token(head.method());
    if head.method() == b"CONNECT" {
        return Err(Refusal::new(DenyReason::UnsupportedUpgrade, "connect", "CONNECT is not supported"));
    }
    let parts = target::judge(head)
        .map_err(|fault| Refusal::new(DenyReason::MalformedRequest, fault.code(), fault.detail()))?;
    let host = judge_host(head)?;
    if head.parts.kinds.hold_several(FieldKind::Authorization) {
        return Err(Refusal::new(
            DenyReason::MultipleCredentials,
            "several_authorization",
            "the request has more than one `Authorization` field",
        ));
    }
    Ok(Judged { method, host, parts })
}

fn judge_host(head: &mut Head) -> Result<Host, Refusal> {
    let refused = |code, detail| Refusal::new(DenyReason::MalformedRequest, code, detail);
    if head.parts.kinds.hold_several(FieldKind::Host) {
        return Err(refused("several_hosts", "the request has more than one `Host` field"));
    }
    let field = head.parts.fields.iter().find(|field| field.kind == FieldKind::Host);
    let field = *field.ok_or_else(|| refused("missing_host", "the request has no `Host` field"))?;
    let name = parse_authority(field.value.of(&head.parts.bytes))
        .map_err(|_| refused("invalid_host", "the `Host` field does not hold a host name"))?;
    let port = name.port;
    let start = head.parts.text.len();
    // INVARIANT: a host name that was parsed is ASCII.
    head.parts.text.push_str(std::str::from_utf8(name.host).unwrap_or(""));
    let length = head.parts.text.len() - start;
    if let Some(host) = head.parts.text.get_mut(start..) {
        host.make_ascii_lowercase();
    }
    let host = match (u16::try_from(start), u16::try_from(length)) {
        (Ok(start), Ok(length)) => Span { start, length },
        _ => return Err(refused("invalid_host", "the head is too long")),
    };
    Ok(Host { authority: field.value, host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(method: &str, target: &str, fields: &[(&str, &str)]) -> Result<CanonicalRequest, &'static str> {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = Head::from_parts(method.as_bytes(), target.as_bytes(), fields).unwrap();
        let admission =
            Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: IpAddr::from([127, 0, 0, 1]) };
        CanonicalRequest::admit(head, admission).map_err(|refused| refused.refusal.code())
    }

    #[test]
    fn keeps_the_target_and_compares_the_host_in_one_spelling() {
        let request = admit("GET", "/%61?q=1", &[("hOST", "A.Example.:8080")]).unwrap();
        assert_eq!(request.host(), "a.example");
        assert_eq!(request.port(), Some(8080));
        assert_eq!(request.target(), b"/%61?q=1");
        assert_eq!(request.path(), "/%61");
        assert_eq!(request.query(), Some(&b"q=1"[..]));
        assert_eq!(request.segments().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        for (method, target, fields, code) in [
            ("GET", "/", &[][..], "missing_host"),
            ("GET", "/", &[("Host", "a"), ("host", "a")], "several_hosts"),
            ("GET", "/", &[("Host", "a b")], "invalid_host"),
            ("GET", "/", &[("Host", "")], "invalid_host"),
            ("GET", "/", &[("Host", "a/b")], "invalid_host"),
            ("CONNECT", "a:443", &[("Host", "a")], "connect"),
            ("OPTIONS", "*", &[("Host", "a")], "not_origin_form"),
            ("GET", "http://a/", &[("Host", "a")], "not_origin_form"),
            (
                "GET",
                "/",
                &[("Host", "a"), ("Authorization", "x"), ("authorization", "x")],
                "several_authorization",
            ),
        ] {
            assert_eq!(admit(method, target, fields).map(|_| ()), Err(code), "{method} {target} {fields:?}");
        }
    }

    #[test]
    fn finds_a_field_only_where_there_is_one() {
        let request =
            admit("GET", "/", &[("Host", "a"), ("Origin", "x"), ("origin", "y"), ("Expect", "z")]).unwrap();
        assert_eq!(request.only(FieldKind::Origin), None);
        assert_eq!(request.only(FieldKind::Expect), Some(&b"z"[..]));
    }
}
