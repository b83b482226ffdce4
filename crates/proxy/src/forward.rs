//! What of a permitted request goes to its upstream: written from what `enforce` hands out, and from nothing else.

use enforce::{AddedFields, Forward, Kept};
use http1::write::{self, FieldRun};
use http1::{Field, Framing, WriteError};
use model::{FieldKind, FieldSpan};

use crate::exchange::Sharing;
use crate::rewrite::binds_connection;

/// Bytes that the fields of the gateway's own take, an assertion included.
const ADDED_BYTES: usize = 1_024;

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
    let head = request.head_bytes();
    out.reserve(head.len() + ADDED_BYTES);
    write::write_request_line(out, request.method_token(), request.target())?;
    let mut run = FieldRun::new(head);
    let mut written = Ok(());
    let mut sharing = Sharing::Shared;
    forward.for_each_kept(|kept| {
        let next = match kept {
            Kept::Whole(field) => {
                if field.kind == FieldKind::Authorization && binds_connection(field.value.of(head)) {
                    sharing = Sharing::Exclusive;
                }
                run.push(out, place(&field))
            }
            Kept::Name(name, value) => {
                run.break_off(out);
                write::write_field(out, name, value)
            }
        };
        if next.is_err() {
            written = next;
        }
    });
    written?;
    run.break_off(out);
    match framing {
        Framing::None => {}
        Framing::Length(length) => write::write_content_length(out, length),
        Framing::Chunked => write::write_chunked(out),
    }
    forward.write_added(&mut Lines(out));
    write::write_head_end(out);
    Ok(sharing)
}

#[inline]
fn place(field: &FieldSpan) -> Field {
    let span = |span: model::Span| http1::Span { start: span.start, length: span.length };
    Field { name: span(field.name), value: span(field.value) }
}

/// Writes added fields as lines.
pub(crate) struct Lines<'a>(pub(crate) &'a mut Vec<u8>);

impl AddedFields for Lines<'_> {
    #[inline]
    fn begin(&mut self, name: &'static str) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
    }

    #[inline]
    fn append(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    #[inline]
    fn end(&mut self) {
        self.0.extend_from_slice(b"\r\n");
    }
}
