//! Request heads (RFC 9112, 3 and 5).
//!
//! An accepted head has one reading only: one space between the parts of the request line, CR LF after every line,
//! one `Host`, framing that cannot be understood in two ways. What the target means is judged elsewhere.

use crate::bytes::{target_length, token_length};
use crate::fields::{Repeats, Section, parse_fields, span};
use crate::framing::{Coding, FramingFields};
use crate::name::equals;
use crate::seen::Seen;
use crate::version::{VersionText, parse_version};
use crate::{Field, FieldRefusal, Limits, Parse, Persistence, RequestRefusal, Span, Version};

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
    /// Whether all field lines are, byte for byte, those of the last head.
    pub repeats: Repeats,
}

/// The longest method, in bytes.
const METHOD_BYTES_MAX: usize = 32;

/// Parses a request head from the start of `input`, which holds all that has arrived of it.
///
/// One line break before the request line is skipped (RFC 9112, 2.2): old clients send it after a body.
///
/// `fields` is cleared and filled in the order of arrival; its contents mean something only with
/// [`Parse::Complete`]. `Expect: 100-continue` is reported only where a body may follow it, and not for HTTP/1.0,
/// which must ignore it (RFC 9110, 10.1.1).
///
/// # Errors
///
/// The first thing that is wrong, from left to right; the connection must then be closed.
pub fn parse_request_head(
    input: &[u8],
    limits: &Limits,
    fields: &mut Vec<Field>,
) -> Result<Parse<RequestHead>, RequestRefusal> {
    parse_next_request_head(input, limits, fields, &mut Seen::new())
}

/// The same for the next head of a connection: lines that came with the last one are not read again. The outcome is
/// that of [`parse_request_head`], whatever was seen.
///
/// # Errors
///
/// Those of [`parse_request_head`].
pub fn parse_next_request_head(
    input: &[u8],
    limits: &Limits,
    fields: &mut Vec<Field>,
    seen: &mut Seen,
) -> Result<Parse<RequestHead>, RequestRefusal> {
    fields.clear();
    let head_bytes_max = usize::from(limits.head_bytes_max);
    let view = input.get(..head_bytes_max).unwrap_or(input);
    match parse(view, limits, fields, seen)? {
        Some(head) => Ok(Parse::Complete(head)),
        None if view.len() == head_bytes_max => Err(RequestRefusal::HeadTooLarge),
        None => Ok(Parse::Partial),
    }
}

fn parse(
    view: &[u8],
    limits: &Limits,
    fields: &mut Vec<Field>,
    seen: &mut Seen,
) -> Result<Option<RequestHead>, RequestRefusal> {
    let Some(line) = parse_request_line(view, limits)? else { return Ok(None) };
    let start = line.end;
    let mut facts = Facts::new(line.version);
    let section =
        parse_fields(view, start, limits.fields_max, fields, seen, |field| facts.note(view, field))?;
    let Some(Section { end, repeats }) = section else { return Ok(None) };
    let head = facts.judge(line, end)?;
    match repeats {
        Repeats::No => seen.miss(view, start, end, fields),
        Repeats::Yes => seen.hit(),
    }
    Ok(Some(RequestHead { repeats, ..head }))
}

struct RequestLine {
    method: Span,
    target: Span,
    version: Version,
    end: usize,
}

fn parse_request_line(view: &[u8], limits: &Limits) -> Result<Option<RequestLine>, RequestRefusal> {
    let method_start = match view {
        [b'\r', b'\n', b'\r', ..] => return Err(RequestRefusal::LeadingLines),
        [b'\r', b'\n', ..] => 2,
        [b'\r'] => return Ok(None),
        [b'\r', ..] => return Err(RequestRefusal::Field(FieldRefusal::BareLineBreak)),
        _ => 0,
    };
    let Some(method_end) = parse_method(view, method_start)? else { return Ok(None) };
    let target_start = method_end + 1;
    let Some(target_end) = parse_target(view, target_start, limits)? else { return Ok(None) };
    let Some((version, end)) = parse_version_line(view, target_end + 1)? else { return Ok(None) };
    let method = span(method_start, method_end);
    Ok(Some(RequestLine { method, target: span(target_start, target_end), version, end }))
}

/// Returns where the method ends; a space is there.
fn parse_method(view: &[u8], start: usize) -> Result<Option<usize>, RequestRefusal> {
    let rest = view.get(start..).unwrap_or_default();
    let length = token_length(rest);
    if length > METHOD_BYTES_MAX {
        return Err(RequestRefusal::MethodTooLong);
    }
    match rest.get(length) {
        None => Ok(None),
        Some(b' ') if length > 0 => Ok(Some(start + length)),
        Some(b'\n') => Err(RequestRefusal::Field(FieldRefusal::BareLineBreak)),
        Some(_) => Err(RequestRefusal::MethodMalformed),
    }
}

/// Returns where the target ends; a space is there.
fn parse_target(view: &[u8], start: usize, limits: &Limits) -> Result<Option<usize>, RequestRefusal> {
    let rest = view.get(start..).unwrap_or_default();
    let length = target_length(rest);
    if length > usize::from(limits.target_bytes_max) {
        return Err(RequestRefusal::TargetTooLong);
    }
    match rest.get(length) {
        None => Ok(None),
        Some(b' ') if length > 0 => Ok(Some(start + length)),
        Some(b' ') => Err(RequestRefusal::TargetEmpty),
        Some(b'#') => Err(RequestRefusal::TargetFragment),
        // A request line of HTTP/0.9 ends here.
        Some(b'\r') => Err(RequestRefusal::VersionMalformed),
        Some(b'\n') => Err(RequestRefusal::Field(FieldRefusal::BareLineBreak)),
        Some(_) => Err(RequestRefusal::TargetByte),
    }
}

/// Parses a version and a line break; returns where the next line starts.
fn parse_version_line(view: &[u8], start: usize) -> Result<Option<(Version, usize)>, RequestRefusal> {
    let rest = view.get(start..).unwrap_or_default();
    if rest.starts_with(b"HTTP/1.1\r\n") {
        return Ok(Some((Version::Http11, start + 10)));
    }
    let version = match parse_version(rest) {
        VersionText::Known(version) => version,
        VersionText::Malformed => return Err(RequestRefusal::VersionMalformed),
        VersionText::Partial => return Ok(None),
        VersionText::Unknown => return Err(RequestRefusal::VersionUnsupported),
    };
    match rest.get(8..) {
        Some([b'\r', b'\n', ..]) => Ok(Some((version, start + 10))),
        None | Some([] | [b'\r']) => Ok(None),
        Some([b'\r' | b'\n', ..]) => Err(RequestRefusal::Field(FieldRefusal::BareLineBreak)),
        Some([_, ..]) => Err(RequestRefusal::VersionMalformed),
    }
}

/// What the fields say, as they come.
struct Facts {
    framing: FramingFields,
    host: Option<Span>,
    expect: Expectation,
    upgrade: Upgrade,
}

impl Facts {
    const fn new(version: Version) -> Self {
        Self {
            framing: FramingFields::new(version),
            host: None,
            expect: Expectation::None,
            upgrade: Upgrade::Absent,
        }
    }

    /// Called for fields that may matter.
    fn note(&mut self, view: &[u8], field: Field) -> Result<(), RequestRefusal> {
        let (name, place) = (field.name.of(view), field.value);
        let value = place.of(view);
        match name.len() {
            4 if equals(name, b"host") => match self.host.replace(place) {
                Some(_) => return Err(RequestRefusal::HostRepeated),
                None => return Ok(()),
            },
            6 if equals(name, b"expect") => {
                if self.expect == Expectation::Continue || !equals(value, b"100-continue") {
                    return Err(RequestRefusal::ExpectationUnsupported);
                }
                self.expect = Expectation::Continue;
                return Ok(());
            }
            7 if equals(name, b"upgrade") => {
                self.upgrade = Upgrade::Asked;
                return Ok(());
            }
            10 if equals(name, b"connection") => self.framing.connection(value),
            14 if equals(name, b"content-length") => self.framing.content_length(view, place),
            17 if equals(name, b"transfer-encoding") => self.framing.transfer_encoding(view, place),
            _ => return Ok(()),
        }
        .map_err(RequestRefusal::Framing)
    }

    fn judge(self, line: RequestLine, length: usize) -> Result<RequestHead, RequestRefusal> {
        if self.host.is_none() && line.version == Version::Http11 {
            return Err(RequestRefusal::HostMissing);
        }
        let framing = match (self.framing.coding, self.framing.length) {
            (Coding::Chunked, _) => Framing::Chunked,
            (Coding::None, Some(length)) => Framing::Length(length),
            (Coding::None, None) => Framing::None,
        };
        let expect = match (self.expect, line.version, framing) {
            (Expectation::None, _, _)
            | (_, Version::Http10, _)
            | (_, _, Framing::None | Framing::Length(0)) => Expectation::None,
            (Expectation::Continue, Version::Http11, Framing::Chunked | Framing::Length(_)) => {
                Expectation::Continue
            }
        };
        Ok(RequestHead {
            length,
            method: line.method,
            target: line.target,
            version: line.version,
            framing,
            persistence: self.framing.persistence,
            expect,
            upgrade: self.upgrade,
            host: self.host,
            repeats: Repeats::No,
        })
    }
}

impl From<FieldRefusal> for RequestRefusal {
    fn from(refusal: FieldRefusal) -> Self {
        Self::Field(refusal)
    }
}

#[cfg(test)]
mod tests;
