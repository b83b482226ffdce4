//! What becomes of an upstream's response head on its way to the client.
//!
//! Fields keep their order, spelling and bytes; runs of kept lines are copied whole. Removed are fields that concern
//! one connection, those that `Connection` names, and whatever only the gateway may say. Framing is written anew.

use http1::name::{equals, is_hop_by_hop, tokens};
use http1::{Field, ResponseFraming, ResponseHead, Version};
use model::FieldKind;

/// How a response is framed towards the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    Chunked,
    /// As many bytes as its `Content-Length` says.
    Length,
    /// No body; a `Content-Length` speaks of another one.
    NoBody,
    /// No body, and no `Content-Length` either.
    NoLength,
    /// Until the connection ends; all that HTTP/1.0 has where the length is unknown.
    UntilClose,
}

impl Framed {
    /// How to frame what arrived with `head` for a client that speaks `version`.
    pub(crate) const fn of(head: &ResponseHead, version: Version) -> Self {
        match (head.framing, version) {
            (ResponseFraming::Length(_), _) => Self::Length,
            (ResponseFraming::None, _) if head.status == 204 || head.is_interim() => Self::NoLength,
            (ResponseFraming::None, _) => Self::NoBody,
            (ResponseFraming::Chunked | ResponseFraming::UntilClose, Version::Http11) => Self::Chunked,
            (ResponseFraming::Chunked | ResponseFraming::UntilClose, Version::Http10) => Self::UntilClose,
        }
    }
}

/// Whether the client is told that its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goodbye {
    Said,
    Unsaid,
}

/// Whether a connection is bound to the credential that was shown on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    Bound,
    Free,
}

/// A response head as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) head: &'a ResponseHead,
    pub(crate) fields: &'a [Field],
}

/// Appends the head for the client; `added` are whole lines, or none. Says whether the upstream binds its connection.
pub(crate) fn write_response_head(
    out: &mut Vec<u8>,
    received: Received<'_>,
    framed: Framed,
    goodbye: Goodbye,
    added: &[u8],
) -> Binding {
    let Received { bytes, head, fields } = received;
    out.reserve(head.length + added.len() + 64);
    // Where the first run of lines starts that goes on as it came: with the status line, where that is as ours would be.
    let kept = if head.version == Version::Http11 && head.reason.start == STATUS_LINE_START_BYTES {
        0
    } else {
        out.extend_from_slice(b"HTTP/1.1 ");
        http1::write::write_decimal(out, u64::from(head.status));
        out.push(b' ');
        out.extend_from_slice(head.reason.of(bytes));
        out.extend_from_slice(b"\r\n");
        fields.first().map_or_else(|| head.length.saturating_sub(2), |field| usize::from(field.name.start))
    };
    let binding = copy_fields(out, received, framed, kept);
    out.extend_from_slice(added);
    if goodbye == Goodbye::Said {
        out.extend_from_slice(b"connection: close\r\n");
    }
    if framed == Framed::Chunked {
        http1::write::write_chunked(out);
    }
    http1::write::write_head_end(out);
    binding
}

/// Bytes of `HTTP/1.1 200 `, the space included, which a peer may leave out with the reason phrase.
const STATUS_LINE_START_BYTES: u16 = 13;

/// Copies the lines of the fields that are kept, as long runs of bytes. The first begins at `kept`.
fn copy_fields(out: &mut Vec<u8>, received: Received<'_>, framed: Framed, kept: usize) -> Binding {
    let Received { bytes, head, fields } = received;
    let named = fields.iter().any(|field| names_others(*field, bytes));
    let mut binding = Binding::Free;
    // Where the run of kept lines starts that is not copied yet.
    let mut kept = kept;
    let mut lines = fields.iter().peekable();
    while let Some(field) = lines.next() {
        let name = field.name.of(bytes);
        let is_kept = match name.len() {
            // The lengths of names that are never removed.
            0 | 1 | 3..=6 | 8 | 9 => true,
            14 if equals(name, b"content-length") => framed == Framed::Length || framed == Framed::NoBody,
            16 if equals(name, b"www-authenticate") => {
                if binds_connection(field.value.of(bytes)) {
                    binding = Binding::Bound;
                }
                true
            }
            _ => !is_hop_by_hop(name) && !is_managed(name),
        };
        if is_kept && !(named && is_named(fields, bytes, name)) {
            continue;
        }
        let start = usize::from(field.name.start);
        // The last line ends before the two bytes of the empty one.
        let end =
            lines.peek().map_or_else(|| head.length.saturating_sub(2), |next| usize::from(next.name.start));
        out.extend_from_slice(bytes.get(kept..start).unwrap_or_default());
        kept = end;
    }
    out.extend_from_slice(bytes.get(kept..head.length.saturating_sub(2)).unwrap_or_default());
    binding
}

/// Whether this is a `Connection` field that names more than the connection's own life.
fn names_others(field: Field, bytes: &[u8]) -> bool {
    field.name.length == 10
        && equals(field.name.of(bytes), b"connection")
        && !matches!(field.value.of(bytes), b"keep-alive" | b"close")
        && tokens(field.value.of(bytes))
            .flatten()
            .any(|token| !equals(token, b"close") && !equals(token, b"keep-alive"))
}

#[cold]
fn is_named(fields: &[Field], bytes: &[u8], name: &[u8]) -> bool {
    fields
        .iter()
        .filter(|field| equals(field.name.of(bytes), b"connection"))
        .flat_map(|field| tokens(field.value.of(bytes)).flatten())
        .any(|token| token.eq_ignore_ascii_case(name))
}

/// Whether only the gateway may say this to a client.
fn is_managed(name: &[u8]) -> bool {
    let starts_with = |prefix: &[u8]| {
        name.split_at_checked(prefix.len()).is_some_and(|(start, _)| start.eq_ignore_ascii_case(prefix))
    };
    match name {
        [b's' | b'S', ..] => starts_with(b"sallyport"),
        [b'x' | b'X', ..] => starts_with(b"x-sallyport"),
        _ => false,
    }
}

/// Whether an authentication scheme authenticates the connection rather than the request.
pub(crate) fn binds_connection(value: &[u8]) -> bool {
    let scheme = value.split(|byte| matches!(byte, b' ' | b'\t' | b',')).next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate")
}

/// Whether a trailer of a response is passed on.
pub(crate) fn passes_response_trailer(name: &[u8]) -> bool {
    match FieldKind::of_name(name) {
        FieldKind::Plain | FieldKind::Underscored => true,
        FieldKind::AccessControlRequestMethod
        | FieldKind::AccessControlRequestHeaders
        | FieldKind::Authorization
        | FieldKind::ClientAddress
        | FieldKind::ContentLength
        | FieldKind::Expect
        | FieldKind::Forwarded
        | FieldKind::ForwardedFor
        | FieldKind::HopByHop
        | FieldKind::Host
        | FieldKind::Managed
        | FieldKind::Origin
        | FieldKind::Traceparent
        | FieldKind::Tracestate => false,
    }
}

#[cfg(test)]
mod tests {
    use http1::{Limits, Parse, RequestMethodClass, parse_response_head};

    use super::*;

    fn rewritten(text: &str, version: Version, goodbye: Goodbye) -> (String, Binding) {
        let mut fields = Vec::new();
        let parsed =
            parse_response_head(text.as_bytes(), &Limits::STANDARD, &mut fields, RequestMethodClass::Other);
        let Ok(Parse::Complete(head)) = parsed else { panic!("{parsed:?}") };
        let mut out = Vec::new();
        let received = Received { bytes: text.as_bytes(), head: &head, fields: &fields };
        let framed = Framed::of(&head, version);
        let binding =
            write_response_head(&mut out, received, framed, goodbye, b"sallyport-decision-id: 1\r\n");
        (String::from_utf8(out).unwrap(), binding)
    }

    #[test]
    fn keeps_order_and_spelling_and_removes_what_is_not_for_the_client() {
        for (from, to) in [
            (
                "HTTP/1.1 200 OK\r\nETag:  \"a\" \r\ncontent-LENGTH: 2\r\nx: y\r\n\r\n",
                "HTTP/1.1 200 OK\r\nETag:  \"a\" \r\ncontent-LENGTH: 2\r\nx: y\r\nsallyport-decision-id: 1\r\n\r\n",
            ),
            (
                "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Gone\r\nA: 1\r\nx-gone: 2\r\nKeep-Alive: 5\r\nB: 3\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 200 OK\r\nA: 1\r\nB: 3\r\nContent-Length: 0\r\nsallyport-decision-id: 1\r\n\r\n",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nB: 3\r\nSallyport-Decision-Id: forged\r\nsallyport_x: 1\r\nX-Sallyport-Y: 1\r\n\r\n",
                "HTTP/1.1 200 OK\r\nB: 3\r\nsallyport-decision-id: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            ),
            (
                "HTTP/1.0 200\r\n\r\n",
                "HTTP/1.1 200 \r\nsallyport-decision-id: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            ),
            (
                "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 204 No Content\r\nsallyport-decision-id: 1\r\n\r\n",
            ),
            (
                "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n",
                "HTTP/1.1 304 N\r\nContent-Length: 9\r\nsallyport-decision-id: 1\r\n\r\n",
            ),
            (
                "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n",
                "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nsallyport-decision-id: 1\r\n\r\n",
            ),
        ] {
            assert_eq!(rewritten(from, Version::Http11, Goodbye::Unsaid).0, to);
        }
    }

    #[test]
    fn an_old_client_gets_a_body_that_ends_with_the_connection() {
        let (text, _) = rewritten(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Version::Http10,
            Goodbye::Said,
        );
        assert_eq!(text, "HTTP/1.1 200 OK\r\nsallyport-decision-id: 1\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn sees_authentication_that_belongs_to_a_connection() {
        for (value, binding) in [
            ("NTLM", Binding::Bound),
            ("Negotiate abc", Binding::Bound),
            ("negotiate", Binding::Bound),
            ("Basic realm=\"NTLM\"", Binding::Free),
            ("NTLMish", Binding::Free),
        ] {
            let text = format!("HTTP/1.1 401 U\r\nWWW-Authenticate: {value}\r\nContent-Length: 0\r\n\r\n");
            assert_eq!(rewritten(&text, Version::Http11, Goodbye::Unsaid).1, binding, "{value}");
        }
    }

    #[test]
    fn trailers_never_carry_what_is_managed() {
        for (name, passes) in [
            ("Server-Timing", true),
            ("grpc_status", true),
            ("Sallyport-Decision-Id", false),
            ("Connection", false),
            ("Content-Length", false),
        ] {
            assert_eq!(passes_response_trailer(name.as_bytes()), passes, "{name}");
        }
    }
}
