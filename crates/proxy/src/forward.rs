//! What of a permitted request goes to its upstream: written from what `enforce` hands out, and from nothing else.

use enforce::Forward;
use http1::name::equals;
use http1::{Framing, WriteError};

use crate::exchange::Sharing;
use crate::rewrite::binds_connection;

/// Appends the head of the request. Says whether what it carries would stick to the connection.
///
/// # Errors
///
/// A part of it cannot stand in a head; nothing must be sent then.
pub(crate) fn write_request_head(
    out: &mut Vec<u8>,
    forward: &Forward,
    framing: Framing,
) -> Result<Sharing, WriteError> {
    let request = forward.request();
    out.reserve(1_024);
    http1::write::write_request_line(out, request.method_token(), request.target())?;
    let mut written = Ok(());
    let mut sharing = Sharing::Shared;
    forward.for_each_field(|name, value| {
        if name.len() == 13 && equals(name, b"authorization") && binds_connection(value) {
            sharing = Sharing::Exclusive;
        }
        if written.is_ok() {
            written = http1::write::write_field(out, name, value);
        }
    });
    written?;
    match framing {
        Framing::None => {}
        Framing::Length(length) => http1::write::write_content_length(out, length),
        Framing::Chunked => http1::write::write_chunked(out),
    }
    let mut written = Ok(());
    forward.for_each_added(|name, value| {
        if written.is_ok() {
            written = http1::write::write_field(out, name, value);
        }
    });
    written?;
    http1::write::write_head_end(out);
    Ok(sharing)
}
