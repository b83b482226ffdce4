//! Request heads (RFC 9112, 3 and 5).

use crate::{Field, Limits, Parse, Persistence, RequestRefusal, Span, Version};

/// How the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// In chunks, with a last one and perhaps trailers.
    Chunked,
    /// After so many bytes; zero when `Content-Length: 0` was sent.
    Length(u64),
    /// There is none, and no field speaks of one.
    None,
}

/// What the client waits for before it sends the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// A `100 Continue`, or a final answer.
    Continue,
    /// Nothing.
    None,
}

/// Whether the client asks for another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// There is no `Upgrade` field.
    Absent,
    /// There is one; what it asks for is the caller's to judge.
    Asked,
}

/// A request head that was accepted. All spans are places in the input it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Bytes of the head, its empty line and a tolerated leading line break included. The body starts here.
    pub length: usize,
    /// The method: a token of 1 to 32 bytes, in the case in which it arrived.
    pub method: Span,
    /// The target: visible ASCII without `#`, never empty; not judged further.
    pub target: Span,
    /// The version.
    pub version: Version,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the client allows another request on the connection.
    pub persistence: Persistence,
    /// Whether the client waits before it sends the body.
    pub expect: Expectation,
    /// Whether an `Upgrade` field is there.
    pub upgrade: Upgrade,
    /// The value of the one `Host` field. Only HTTP/1.0 may lack it; it may be empty and is not judged further.
    pub host: Option<Span>,
}

/// Parses a request head from the start of `input`, which holds all that has arrived of it.
///
/// `fields` is cleared and filled in the order of arrival; its contents mean something only with
/// [`Parse::Complete`].
///
/// # Errors
///
/// The first thing that is wrong, from left to right; the connection must then be closed.
pub fn parse_request_head(
    input: &[u8],
    limits: &Limits,
    fields: &mut Vec<Field>,
) -> Result<Parse<RequestHead>, RequestRefusal> {
    fields.clear();
    let _ = (input, limits);
    Err(RequestRefusal::VersionUnsupported)
}
