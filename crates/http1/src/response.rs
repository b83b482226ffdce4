//! Response heads (RFC 9112, 4 and 6.3).
//!
//! An upstream is trusted to answer, not to frame: its heads are read as strictly as a client's, because a response
//! that two peers end at different places gives one caller another's answer.

use crate::bytes::{Alphabet, is_plain_utf8, text_length};
use crate::fields::{Repeats, Section, parse_fields, span};
use crate::framing::{Coding, FramingFields};
use crate::name::equals;
use crate::seen::Seen;
use crate::version::{VersionText, parse_version};
use crate::{Field, FieldRefusal, Limits, Parse, Persistence, ResponseRefusal, Span, Version};

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
/// The reason phrase may be empty, and where it is, the space before it may be missing: RFC 9112, 4 demands the
/// space, but servers in wide use leave it out. Where RFC 9112, 6.3 says that a message has no body but its fields
/// announce one, the upstream's idea of the message is not ours: 1xx and 204 are then refused. A `Content-Length`
/// of zero is harmless there and common. The answer to `HEAD` and a 304 speak of a body that they do not carry.
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
    parse_next_response_head(input, limits, fields, request, &mut Seen::new())
}

/// The same for the next head of an upstream: lines that came with the last one are not read again. The outcome is
/// that of [`parse_response_head`], whatever was seen.
///
/// # Errors
///
/// Those of [`parse_response_head`].
pub fn parse_next_response_head(
    input: &[u8],
    limits: &Limits,
    fields: &mut Vec<Field>,
    request: RequestMethodClass,
    seen: &mut Seen,
) -> Result<Parse<ResponseHead>, ResponseRefusal> {
    fields.clear();
    let head_bytes_max = usize::from(limits.head_bytes_max);
    let view = input.get(..head_bytes_max).unwrap_or(input);
    match parse(view, limits, fields, request, seen)? {
        Some(head) => Ok(Parse::Complete(head)),
        None if view.len() == head_bytes_max => Err(ResponseRefusal::HeadTooLarge),
        None => Ok(Parse::Partial),
    }
}

fn parse(
    view: &[u8],
    limits: &Limits,
    fields: &mut Vec<Field>,
    request: RequestMethodClass,
    seen: &mut Seen,
) -> Result<Option<ResponseHead>, ResponseRefusal> {
    let Some(line) = parse_status_line(view, request)? else { return Ok(None) };
    let start = line.end;
    let mut framing = FramingFields::new(line.version);
    let section =
        parse_fields(view, start, limits.fields_max, fields, seen, |field| note(&mut framing, view, field))?;
    let Some(Section { end, repeats }) = section else { return Ok(None) };
    let head = judge(line, framing, end, request)?;
    match repeats {
        Repeats::No => seen.miss(view, start, end, fields),
        Repeats::Yes => seen.hit(),
    }
    Ok(Some(head))
}

struct StatusLine {
    version: Version,
    status: u16,
    reason: Span,
    end: usize,
}

fn parse_status_line(
    view: &[u8],
    request: RequestMethodClass,
) -> Result<Option<StatusLine>, ResponseRefusal> {
    let version = match parse_version(view) {
        VersionText::Known(version) => version,
        VersionText::Malformed => return Err(ResponseRefusal::VersionMalformed),
        VersionText::Partial => return Ok(None),
        VersionText::Unknown => return Err(ResponseRefusal::VersionUnsupported),
    };
    match view.get(8) {
        None => return Ok(None),
        Some(b' ') => {}
        Some(_) => return Err(ResponseRefusal::VersionMalformed),
    }
    let Some(status) = parse_status(view.get(9..).unwrap_or_default())? else { return Ok(None) };
    match (status, request) {
        (101, _) => return Err(ResponseRefusal::SwitchingProtocols),
        (200..=299, RequestMethodClass::Connect) => return Err(ResponseRefusal::Tunnel),
        (_, RequestMethodClass::Connect | RequestMethodClass::Head | RequestMethodClass::Other) => {}
    }
    let start = match view.get(12) {
        None => return Ok(None),
        Some(b' ') => 13,
        Some(b'\r' | b'\n') => 12,
        Some(_) => return Err(ResponseRefusal::StatusMalformed),
    };
    let Some(length) = parse_reason(view.get(start..).unwrap_or_default())? else { return Ok(None) };
    let end = start + length;
    Ok(Some(StatusLine { version, status, reason: span(start, end), end: end + 2 }))
}

fn parse_status(rest: &[u8]) -> Result<Option<u16>, ResponseRefusal> {
    match rest {
        [hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok(Some(digit(hundreds) * 100 + digit(tens) * 10 + digit(ones)))
        }
        [] | [b'1'..=b'5'] | [b'1'..=b'5', b'0'..=b'9'] => Ok(None),
        _ => Err(ResponseRefusal::StatusMalformed),
    }
}

/// Returns the length of the reason phrase; a line break follows it.
fn parse_reason(rest: &[u8]) -> Result<Option<usize>, ResponseRefusal> {
    let (length, alphabet) = text_length(rest);
    match rest.get(length..).unwrap_or_default() {
        [b'\r', b'\n', ..] => {}
        [] | [b'\r'] => return Ok(None),
        [b'\r' | b'\n', ..] => return Err(ResponseRefusal::Field(FieldRefusal::BareLineBreak)),
        [_, ..] => return Err(ResponseRefusal::ReasonMalformed),
    }
    if alphabet == Alphabet::Beyond && !is_plain_utf8(rest.get(..length).unwrap_or_default()) {
        return Err(ResponseRefusal::ReasonMalformed);
    }
    Ok(Some(length))
}

/// Called for fields that may matter.
fn note(framing: &mut FramingFields, view: &[u8], field: Field) -> Result<(), ResponseRefusal> {
    let name = field.name;
    match name.length {
        10 if equals(name.of(view), b"connection") => framing.connection(field.value.of(view)),
        14 if equals(name.of(view), b"content-length") => framing.content_length(view, field.value),
        17 if equals(name.of(view), b"transfer-encoding") => framing.transfer_encoding(view, field.value),
        _ => return Ok(()),
    }
    .map_err(ResponseRefusal::Framing)
}

fn judge(
    line: StatusLine,
    fields: FramingFields,
    length: usize,
    request: RequestMethodClass,
) -> Result<ResponseHead, ResponseRefusal> {
    let announced = match (fields.coding, fields.length) {
        (Coding::Chunked, _) => ResponseFraming::Chunked,
        (Coding::None, Some(length)) => ResponseFraming::Length(length),
        (Coding::None, None) => ResponseFraming::UntilClose,
    };
    let framing = match (line.status, request) {
        (100..=199 | 204, _) => match announced {
            ResponseFraming::Chunked | ResponseFraming::Length(1..) => {
                return Err(ResponseRefusal::BodyForbidden);
            }
            ResponseFraming::Length(0) | ResponseFraming::None | ResponseFraming::UntilClose => {
                ResponseFraming::None
            }
        },
        (304, _) | (_, RequestMethodClass::Head) => ResponseFraming::None,
        (_, RequestMethodClass::Connect | RequestMethodClass::Other) => announced,
    };
    let persistence = match framing {
        ResponseFraming::UntilClose => Persistence::Close,
        ResponseFraming::Chunked | ResponseFraming::Length(_) | ResponseFraming::None => fields.persistence,
    };
    Ok(ResponseHead {
        length,
        version: line.version,
        status: line.status,
        reason: line.reason,
        framing,
        content_length: fields.length,
        persistence,
    })
}

impl From<FieldRefusal> for ResponseRefusal {
    fn from(refusal: FieldRefusal) -> Self {
        Self::Field(refusal)
    }
}

#[cfg(test)]
mod tests;
