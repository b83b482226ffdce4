//! Field lines (RFC 9112, 5), for heads and trailer sections alike.
//!
//! A line is judged from left to right and each refusal depends only on the bytes before it, so a line that
//! arrives in pieces is refused for the same reason as one that arrives whole.
//!
//! Values may hold UTF-8, because clients do send it, but not at their edges: whether 0x85 or 0xA0 there is white
//! space depends on who reads, and what one peer trims another does not. They never hold control characters.

use crate::bytes::{
    Alphabet, is_blank, is_plain_utf8, printable_length, text_length, token_length, usual_name_length,
};
use crate::seen::Seen;
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

/// The field that starts at `position` of `view`, and where the next line starts, if the line is as nearly all are: a
/// name of letters, digits and hyphens, `: `, printable ASCII without white space round it, CR LF. What is none is for
/// [`parse_line`] to judge.
///
/// Part of the loop over a head, because handing its result over would cost as much as finding it.
#[inline(always)]
fn usual_line(view: &[u8], position: usize) -> Option<(Field, usize)> {
    let line = view.get(position..)?;
    let name_length = usual_name_length(line)?;
    let rest = line.get(name_length..)?.strip_prefix(b": ")?;
    let value_length = printable_length(rest);
    let (value, ending) = rest.split_at_checked(value_length)?;
    if !ending.starts_with(b"\r\n") || matches!(value, [] | [b' ', ..] | [.., b' ']) {
        return None;
    }
    let value_start = position + name_length + 2;
    let value_end = value_start + value_length;
    let name = span(position, position + name_length);
    Some((Field { name, value: span(value_start, value_end) }, value_end + 2))
}

/// Parses the line that starts at `position` of `view`, which is at most 65,535 bytes long.
pub(crate) fn parse_line(view: &[u8], position: usize) -> Result<Line, FieldRefusal> {
    let Some(line) = view.get(position..) else { return Ok(Line::Partial) };
    let name_length = token_length(line);
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

/// A section of fields that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// Behind the empty line.
    pub(crate) end: usize,
    pub(crate) repeats: Repeats,
}

/// Whether a section is, byte for byte, the one that was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    No,
    Yes,
}

/// Whether a field may decide framing, routing or the life of the connection: told from the length of its name and from
/// its first letter, which are those of `Host`, `Expect`, `Upgrade`, `Connection`, `Content-Length` or
/// `Transfer-Encoding`.
#[inline]
pub(crate) fn may_matter(view: &[u8], field: Field) -> bool {
    let first = view.get(usize::from(field.name.start)).map_or(0, |byte| byte | 0x20);
    matches!((field.name.length, first), (4, b'h') | (6, b'e') | (7, b'u') | (10 | 14, b'c') | (17, b't'))
}

/// Parses field lines from `position` of `view` to the empty line, handing each that [`may_matter`] to `judge`. Where
/// they are those of `seen`, they are taken as they were read then.
///
/// Returns where the section ends, or `None` where it does not end yet.
#[inline]
pub(crate) fn parse_fields<E: From<FieldRefusal>>(
    view: &[u8],
    position: usize,
    fields_max: u16,
    fields: &mut Vec<Field>,
    seen: &Seen,
    mut judge: impl FnMut(Field) -> Result<(), E>,
) -> Result<Option<Section>, E> {
    if seen.count() <= usize::from(fields_max)
        && let Some(end) = seen.all_at(view, position, fields)
    {
        for place in seen.mattering() {
            if let Some(field) = fields.get(place) {
                judge(*field)?;
            }
        }
        return Ok(Some(Section { end, repeats: Repeats::Yes }));
    }
    let mut position = position;
    loop {
        let (field, end) = match usual_line(view, position) {
            Some(usual) => usual,
            None if view.get(position..).is_some_and(|rest| rest.starts_with(b"\r\n")) => {
                return Ok(Some(Section { end: position + 2, repeats: Repeats::No }));
            }
            None => match parse_line(view, position)? {
                Line::Empty { end } => return Ok(Some(Section { end, repeats: Repeats::No })),
                Line::Partial => return Ok(None),
                Line::Field { field, end } => (field, end),
            },
        };
        if fields.len() >= usize::from(fields_max) {
            return Err(FieldRefusal::TooMany.into());
        }
        if may_matter(view, field) {
            judge(field)?;
        }
        fields.push(field);
        position = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_usual_line_is_read_as_any_line_is(
            before in 0_usize..20,
            name in "[-A-Za-z0-9_!]{0,20}",
            colon in "(: |:|:  |:\t| :)",
            value in "[ -~\t\u{e4}\r\u{7f}]{0,40}",
            ending in "(\r\n|\n|\r|)[A-Za-z: ]{0,12}",
        ) {
            let text = format!("{}{name}{colon}{value}{ending}", "x".repeat(before));
            let view = text.as_bytes();
            if let Some((field, end)) = usual_line(view, before) {
                prop_assert_eq!(parse_line(view, before), Ok(Line::Field { field, end }));
            }
        }
    }

    #[test]
    fn what_decides_framing_is_never_missed_and_the_usual_others_do_not_matter() {
        for (name, matters) in [
            ("Host", true),
            ("EXPECT", true),
            ("upgrade", true),
            ("Connection", true),
            ("content-length", true),
            ("TRANSFER-ENCODING", true),
            ("Accept", false),
            ("Cookie", false),
            ("Pragma", false),
            ("Date", false),
            ("User-Agent", false),
            ("Sec-Fetch-Mode", false),
            ("Accept-Encodings", false),
        ] {
            let field = Field { name: span(0, name.len()), value: span(name.len(), name.len()) };
            assert_eq!(may_matter(name.as_bytes(), field), matters, "{name}");
        }
    }

    #[test]
    fn the_lines_of_a_head_are_usual_and_the_nearest_others_are_not() {
        for (line, is_usual) in [
            ("Host: bench0.example.com\r\n", true),
            ("A: b\r\n________", true),
            ("User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nA", true),
            ("Host:bench0.example.com\r\n", false),
            ("Host:  bench0.example.com\r\n", false),
            ("Host: bench0.example.com \r\n", false),
            ("Host: bench0.example.com\n", false),
            ("Host: bench0.example.com\r", false),
            ("Host: bench0.example.com", false),
            ("Host : bench0.example.com\r\n", false),
            ("Ho_st: bench0.example.com\r\n", false),
            ("Host: bench0\texample.com\r\n", false),
            ("Host: bench0\u{e4}example.com\r\n", false),
            ("Host: \r\n________", false),
            ("\r\n________", false),
            (": bench0.example.com\r\n", false),
        ] {
            assert_eq!(usual_line(line.as_bytes(), 0).is_some(), is_usual, "{line:?}");
        }
    }
}
