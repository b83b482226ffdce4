//! Response heads (RFC 9112, 4 and 6.3).

use crate::{Field, Limits, Parse, Persistence, ResponseRefusal, Span, Version};

/// What of the request decides how its response is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestMethodClass {
    /// `CONNECT`: a 2xx answer would open a tunnel, and is refused.
    Connect,
    /// `HEAD`: no body, whatever the fields say.
    Head,
    /// Every other method.
    Other,
}

/// How the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    /// In chunks, with a last one and perhaps trailers.
    Chunked,
    /// After so many bytes.
    Length(u64),
    /// There is none: an interim response, 204, 304, or the answer to `HEAD`.
    None,
    /// With the connection; nothing else says where.
    UntilClose,
}

/// A response head that was accepted. All spans are places in the input it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Bytes of the head, its empty line included. The body starts here.
    pub length: usize,
    /// The version.
    pub version: Version,
    /// From 100 to 599, never 101.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: Span,
    /// How the body ends.
    pub framing: ResponseFraming,
    /// The value of `Content-Length`, which also the answer to `HEAD` and a 304 may carry without a body.
    pub content_length: Option<u64>,
    /// Whether the connection may be used again after the body.
    pub persistence: Persistence,
}

impl ResponseHead {
    /// Whether another head follows for the same request (1xx).
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.status < 200
    }
}

/// Parses a response head from the start of `input`, which holds all that has arrived of it.
///
/// `fields` is cleared and filled in the order of arrival; its contents mean something only with
/// [`Parse::Complete`].
///
/// # Errors
///
/// The first thing that is wrong, from left to right; the connection must then be closed.
pub fn parse_response_head(
    input: &[u8],
    limits: &Limits,
    fields: &mut Vec<Field>,
    request: RequestMethodClass,
) -> Result<Parse<ResponseHead>, ResponseRefusal> {
    fields.clear();
    let _ = (input, limits, request);
    Err(ResponseRefusal::VersionUnsupported)
}
