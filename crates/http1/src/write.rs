//! Writing heads and chunks.
//!
//! Everything is appended to the caller's buffer, and what fails appends nothing. Names, values and targets are checked
//! even when they came out of a parser: a line break that gets in here by any way would be a second message.

mod run;

use crate::Field;
use crate::bytes::{is_text, is_token, target_length};
use crate::name::is_forbidden_in_trailers;
pub use run::FieldRun;

/// Something that must not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A chunk of no bytes would end the body.
    #[error("an empty chunk would end the body")]
    ChunkEmpty,
    /// Not a token.
    #[error("the method is not a token")]
    Method,
    /// Not a token.
    #[error("the field name is not a token")]
    Name,
    /// A line break, NUL or other control character.
    #[error("the reason phrase holds a control character")]
    Reason,
    /// Not from 100 to 599.
    #[error("the status is not from 100 to 599")]
    Status,
    /// Empty, or a byte outside visible ASCII.
    #[error("the request target is not visible ASCII")]
    Target,
    /// A field that may not be in a trailer section.
    #[error("the field may not be a trailer")]
    TrailerForbidden,
    /// A line break, NUL or other control character.
    #[error("the field value holds a control character")]
    Value,
}

/// Appends `METHOD target HTTP/1.1` and a line break.
///
/// # Errors
///
/// [`WriteError::Method`] or [`WriteError::Target`].
pub fn write_request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8]) -> Result<(), WriteError> {
    if !is_token(method) {
        return Err(WriteError::Method);
    }
    if target.is_empty() || target_length(target) != target.len() {
        return Err(WriteError::Target);
    }
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    Ok(())
}

/// Appends `HTTP/1.1 status reason` and a line break; an empty reason leaves its space.
///
/// # Errors
///
/// [`WriteError::Status`] or [`WriteError::Reason`].
pub fn write_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) -> Result<(), WriteError> {
    if !(100..=599).contains(&status) {
        return Err(WriteError::Status);
    }
    if !is_text(reason) {
        return Err(WriteError::Reason);
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    write_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends `name: value` and a line break.
///
/// # Errors
///
/// [`WriteError::Name`] or [`WriteError::Value`].
#[inline]
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), WriteError> {
    if !is_token(name) {
        return Err(WriteError::Name);
    }
    if !is_text(value) {
        return Err(WriteError::Value);
    }
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends a field that was parsed from `head` as `name: value` and a line break.
///
/// Where it already stood so, which is the rule, it is looked at once and copied once. That the name is a token was
/// shown when it was parsed; that the line holds no line break, NUL or other control character is looked at again.
///
/// # Errors
///
/// [`WriteError::Name`] or [`WriteError::Value`]; never for a field of the head it was parsed from.
#[inline]
pub fn write_parsed_field(out: &mut Vec<u8>, head: &[u8], field: Field) -> Result<(), WriteError> {
    let start = usize::from(field.name.start);
    let colon = start + usize::from(field.name.length);
    let value = usize::from(field.value.start);
    let end = value + usize::from(field.value.length);
    match (head.get(start..end), head.get(colon..value)) {
        (Some(line), Some(b": ")) if is_text(line) => {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
            Ok(())
        }
        _ => write_field(out, field.name.of(head), field.value.of(head)),
    }
}

/// Appends `content-length: number` and a line break.
pub fn write_content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    write_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Appends `transfer-encoding: chunked` and a line break.
pub fn write_chunked(out: &mut Vec<u8>) {
    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
}

/// Appends the empty line that ends a head.
pub fn write_head_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits.
pub fn write_decimal(out: &mut Vec<u8>, number: u64) {
    write_digits(out, number, 10);
}

/// Appends a number in digits of a base up to 16, most significant first.
fn write_digits(out: &mut Vec<u8>, number: u64, base: u64) {
    // The largest number of 64 bits has twenty decimal digits.
    let mut digits = [0_u8; 20];
    let mut left = number;
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        let digit = left.checked_rem(base).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
        *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        left = left.checked_div(base).unwrap_or_default();
        used += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Appends the line before a chunk of `length` bytes.
///
/// # Errors
///
/// [`WriteError::ChunkEmpty`] where `length` is zero.
pub fn write_chunk_head(out: &mut Vec<u8>, length: u64) -> Result<(), WriteError> {
    if length == 0 {
        return Err(WriteError::ChunkEmpty);
    }
    write_digits(out, length, 16);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends the line break after a chunk's data.
pub fn write_chunk_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk, the trailers (names and values) and the empty line.
///
/// # Errors
///
/// [`WriteError::Name`], [`WriteError::Value`] or [`WriteError::TrailerForbidden`].
pub fn write_last_chunk<'a>(
    out: &mut Vec<u8>,
    trailers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), WriteError> {
    let start = out.len();
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        let written = if is_forbidden_in_trailers(name) {
            Err(WriteError::TrailerForbidden)
        } else {
            write_field(out, name, value)
        };
        if written.is_err() {
            out.truncate(start);
            return written;
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The usual reason phrase of a status (RFC 9110, 15, and the registry of status codes); empty where there is none.
#[must_use]
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
