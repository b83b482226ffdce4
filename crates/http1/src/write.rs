//! Writing heads and chunks. Everything is appended to the caller's buffer; what fails appends nothing.

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
    let _ = (out, method, target);
    Err(WriteError::Method)
}

/// Appends `HTTP/1.1 status reason` and a line break.
///
/// # Errors
///
/// [`WriteError::Status`] or [`WriteError::Reason`].
pub fn write_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) -> Result<(), WriteError> {
    let _ = (out, status, reason);
    Err(WriteError::Status)
}

/// Appends `name: value` and a line break.
///
/// # Errors
///
/// [`WriteError::Name`] or [`WriteError::Value`].
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), WriteError> {
    let _ = (out, name, value);
    Err(WriteError::Name)
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
    let _ = (out, number);
}

/// Appends the line before a chunk of `length` bytes.
///
/// # Errors
///
/// [`WriteError::ChunkEmpty`] where `length` is zero.
pub fn write_chunk_head(out: &mut Vec<u8>, length: u64) -> Result<(), WriteError> {
    let _ = (out, length);
    Err(WriteError::ChunkEmpty)
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
    let _ = (out, trailers.into_iter().count());
    Err(WriteError::Name)
}

/// The usual reason phrase of a status; empty where there is none.
#[must_use]
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        _ => "",
    }
}
