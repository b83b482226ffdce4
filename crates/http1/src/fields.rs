//! Field lines (RFC 9112, 5), for heads and trailer sections alike.
//!
//! A line is judged from left to right and each refusal depends only on the bytes before it, so a line that
//! arrives in pieces is refused for the same reason as one that arrives whole.
//!
//! Values may hold UTF-8, because clients do send it, but not at their edges: whether 0x85 or 0xA0 there is white
//! space depends on who reads, and what one peer trims another does not. They never hold control characters.

use crate::bytes::{Alphabet, is_blank, is_plain_utf8, text_length, token_length, usual_name_length};
use crate::{Field, FieldRefusal, Span};

/// What one line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The empty line; the section ends before the offset.
    Empty { end: usize },
    /// A field; the next line starts at the offset.
    Field { field: Field, end: usize },
    /// More bytes are needed to tell.
    Partial,
}

/// The place from `start` to `end`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "every caller works in a view that was cut to a limit of type u16, so both offsets fit"
)]
pub(crate) const fn span(start: usize, end: usize) -> Span {
    Span { start: start as u16, length: end.saturating_sub(start) as u16 }
}

/// Parses the line that starts at `position` of `view`, which is at most 65,535 bytes long.
pub(crate) fn parse_line(view: &[u8], position: usize) -> Result<Line, FieldRefusal> {
    read_line(view, position)
}

/// The same, to be made part of the loop over a head: handing its result over would cost as much as finding it.
#[inline(always)]
fn read_line(view: &[u8], position: usize) -> Result<Line, FieldRefusal> {
    let Some(line) = view.get(position..) else { return Ok(Line::Partial) };
    let name_length = usual_name_length(line).unwrap_or_else(|| token_length(line));
    let rest = match line.get(name_length..) {
        Some([b':', rest @ ..]) if name_length > 0 => rest,
        Some(rest) => return unnamed(name_length, rest, position),
        None => return Ok(Line::Partial),
    };
    // Nearly always there is one space.
    let rest = match rest {
        [b' ', rest @ ..] => rest,
        _ => rest,
    };
    let rest = match rest {
        [b' ' | b'\t', ..] => trim_start(rest),
        _ => rest,
    };
    let (text_length, alphabet) = text_length(rest);
    let Some((text, ending)) = rest.split_at_checked(text_length) else { return Ok(Line::Partial) };
    let Some((b"\r\n", after)) = ending.split_first_chunk::<2>() else { return unended(ending) };
    let value = match text {
        [.., b' ' | b'\t'] => trim_end(text),
        _ => text,
    };
    if alphabet == Alphabet::Beyond {
        judge_beyond_ascii(value)?;
    }
    let value_start = view.len() - rest.len();
    let name = span(position, position + name_length);
    let field = Field { name, value: span(value_start, value_start + value.len()) };
    Ok(Line::Field { field, end: view.len() - after.len() })
}

/// A value that does not end in a line break; `ending` is what follows it.
#[cold]
const fn unended(ending: &[u8]) -> Result<Line, FieldRefusal> {
    match ending {
        [] | [b'\r'] => Ok(Line::Partial),
        [b'\r' | b'\n', ..] => Err(FieldRefusal::BareLineBreak),
        [_, ..] => Err(FieldRefusal::ValueByte),
    }
}

/// A line that does not start with a name and a colon; `rest` is what follows its first `name_length` bytes.
#[cold]
const fn unnamed(name_length: usize, rest: &[u8], position: usize) -> Result<Line, FieldRefusal> {
    match (name_length, rest) {
        (0, [b'\r', b'\n', ..]) => Ok(Line::Empty { end: position + 2 }),
        (_, [] | [b'\r']) => Ok(Line::Partial),
        (_, [b'\r', b'\n', ..]) => Err(FieldRefusal::ColonMissing),
        (_, [b'\r' | b'\n', ..]) => Err(FieldRefusal::BareLineBreak),
        (0, [b' ' | b'\t', ..]) => Err(FieldRefusal::Folded),
        (0, [b':', ..]) => Err(FieldRefusal::NameEmpty),
        (_, [b' ' | b'\t', ..]) => Err(FieldRefusal::NameSpace),
        (_, [_, ..]) => Err(FieldRefusal::NameByte),
    }
}

fn trim_start(rest: &[u8]) -> &[u8] {
    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
    rest.get(blanks..).unwrap_or_default()
}

fn trim_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| is_blank(**byte)).count();
    text.get(..text.len() - blanks).unwrap_or_default()
}

#[cold]
fn judge_beyond_ascii(value: &[u8]) -> Result<(), FieldRefusal> {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| !byte.is_ascii());
    if edge(value.first()) || edge(value.last()) {
        return Err(FieldRefusal::ValueEdge);
    }
    if !is_plain_utf8(value) {
        return Err(FieldRefusal::ValueEncoding);
    }
    Ok(())
}

/// Parses field lines from `position` of `view` to the empty line, handing each to `judge`.
///
/// Returns the offset behind the empty line, or `None` where the section does not end yet.
#[inline]
pub(crate) fn parse_fields<E: From<FieldRefusal>>(
    view: &[u8],
    position: usize,
    fields_max: u16,
    fields: &mut Vec<Field>,
    mut judge: impl FnMut(Field) -> Result<(), E>,
) -> Result<Option<usize>, E> {
    let mut position = position;
    loop {
        match read_line(view, position)? {
            Line::Empty { end } => return Ok(Some(end)),
            Line::Partial => return Ok(None),
            Line::Field { field, end } => {
                if fields.len() >= usize::from(fields_max) {
                    return Err(FieldRefusal::TooMany.into());
                }
                judge(field)?;
                fields.push(field);
                position = end;
            }
        }
    }
}
