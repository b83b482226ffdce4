//! Judges a request target: one reading, or none.
//!
//! Whatever two parsers could read differently is refused here rather than repaired (security cases 1 to 19).
//! Only the path is decoded, once, segment by segment; the query is never looked into beyond its escapes.

use crate::head::{Head, Span};
use crate::word;

/// The most segments a path can have.
pub const PATH_SEGMENTS_MAX: usize = 128;

/// What is wrong with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetFault {
    Backslash,
    Character,
    DotSegment,
    DoubleSlash,
    EncodedDelimiter,
    EncodedSeparator,
    Fragment,
    InvalidEscape,
    InvalidUtf8,
    NotOriginForm,
    ParameterDelimiter,
    TooManySegments,
}

impl TargetFault {
    /// The stable code that a record keeps.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Backslash => "backslash",
            Self::Character => "target_character",
            Self::DotSegment => "dot_segment",
            Self::DoubleSlash => "double_slash",
            Self::EncodedDelimiter => "encoded_delimiter",
            Self::EncodedSeparator => "encoded_separator",
            Self::Fragment => "fragment",
            Self::InvalidEscape => "invalid_escape",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NotOriginForm => "not_origin_form",
            Self::ParameterDelimiter => "parameter_delimiter",
            Self::TooManySegments => "too_many_segments",
        }
    }

    /// What to tell the client.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Backslash => "the path holds a backslash",
            Self::Character => "the target holds a character that must be percent-encoded",
            Self::DotSegment => "the path holds a `.` or `..` segment; send the path it stands for",
            Self::DoubleSlash => "the path holds an empty segment (`//`)",
            Self::EncodedDelimiter => "the path holds an encoded control character, `%`, `;`, `?` or `#`",
            Self::EncodedSeparator => "the path holds an encoded `/` or `\\`",
            Self::Fragment => "the target holds a `#`; fragments are not sent",
            Self::InvalidEscape => "the target holds a `%` that is not followed by two hexadecimal digits",
            Self::InvalidUtf8 => "the path is not UTF-8 once decoded",
            Self::NotOriginForm => "the target must begin with `/`",
            Self::ParameterDelimiter => "the path holds a `;`",
            Self::TooManySegments => "the path has too many segments",
        }
    }
}

/// The judged parts of a target, as spans of the head's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TargetParts {
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
}

const PLAIN: u8 = 0;
const SLASH: u8 = 1;
const PERCENT: u8 = 2;
const QUESTION: u8 = 3;
const REFUSED: u8 = 4;

/// What each byte means in a path: RFC 3986 section 3.3 `pchar` without `;`.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time; an index out of range would not compile"
)]
const PATH_BYTES: [u8; 256] = {
    let mut table = [REFUSED; 256];
    let mut plain = 0;
    let allowed = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,=:@";
    while plain < allowed.len() {
        table[allowed[plain] as usize] = PLAIN;
        plain += 1;
    }
    table[b'/' as usize] = SLASH;
    table[b'%' as usize] = PERCENT;
    table[b'?' as usize] = QUESTION;
    table
};

#[inline]
fn class(byte: u8) -> u8 {
    PATH_BYTES.get(usize::from(byte)).copied().unwrap_or(REFUSED)
}

/// Judges the target of `head` and writes its decoded path as text, and where the segments stand in that.
pub(crate) fn judge(head: &mut Head) -> Result<TargetParts, TargetFault> {
    let parts = &mut *head.parts;
    parts.segments.clear();
    parts.text.clear();
    let target = parts.target.of(&parts.bytes);
    let Split { path, query, escapes } = split(target, &mut parts.segments)?;
    if let Some(query) = query {
        judge_query(target.get(query..).unwrap_or_default())?;
    }
    let written = target.get(..path).unwrap_or_default();
    match escapes {
        // INVARIANT: bytes that may stand in a path are ASCII.
        Escapes::Absent => parts.text.push_str(std::str::from_utf8(written).unwrap_or("")),
        Escapes::Present => decode_segments(written, &mut parts.segments, &mut parts.text)?,
    }
    refuse_dot_segments(head)?;
    let Span { start, length } = head.parts.target;
    // INVARIANT: both are places in the target, whose length fits.
    let short = |place: usize| u16::try_from(place).unwrap_or(length);
    Ok(TargetParts {
        path: Span { start, length: short(path) },
        query: query.map(|query| Span { start: start + short(query), length: length - short(query) }),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Absent,
    Present,
}

type Segments = Vec<Span>;

/// Where the parts of a target stand in it.
struct Split {
    /// Where the path ends.
    path: usize,
    /// Where the query begins.
    query: Option<usize>,
    escapes: Escapes,
}

/// Splits at `/` and `?`, refusing every byte that is not plain.
fn split(target: &[u8], segments: &mut Segments) -> Result<Split, TargetFault> {
    let [b'/', path @ ..] = target else {
        return Err(TargetFault::NotOriginForm);
    };
    let mut cut = Cut { segments, begin: 1, escapes: Escapes::Absent };
    let (words, rest) = path.as_chunks::<8>();
    let mut place = 1;
    for word in words {
        let mut unusual = word::outside_names(u64::from_le_bytes(*word));
        while unusual != 0 {
            let offset = word::first(unusual) as usize;
            if cut.at(place + offset, word.get(offset).copied().unwrap_or_default())? == Rest::Query {
                return cut.end(place + offset, Some(place + offset + 1));
            }
            unusual &= unusual - 1;
        }
        place += word.len();
    }
    for &byte in rest {
        if cut.at(place, byte)? == Rest::Query {
            return cut.end(place, Some(place + 1));
        }
        place += 1;
    }
    cut.end(place, None)
}

/// A path that is being cut into segments.
struct Cut<'a> {
    segments: &'a mut Segments,
    /// Where the present segment begins.
    begin: usize,
    escapes: Escapes,
}

/// What follows a byte of a path.
#[derive(PartialEq, Eq)]
enum Rest {
    Path,
    Query,
}

impl Cut<'_> {
    /// Takes the byte at `place`.
    #[inline]
    fn at(&mut self, place: usize, byte: u8) -> Result<Rest, TargetFault> {
        match class(byte) {
            PLAIN => {}
            PERCENT => self.escapes = Escapes::Present,
            SLASH if place == self.begin => return Err(TargetFault::DoubleSlash),
            SLASH => {
                push(self.segments, self.begin, place)?;
                self.begin = place + 1;
            }
            QUESTION => return Ok(Rest::Query),
            _ => return Err(fault_of(byte)),
        }
        Ok(Rest::Path)
    }

    fn end(self, path: usize, query: Option<usize>) -> Result<Split, TargetFault> {
        push(self.segments, self.begin, path)?;
        Ok(Split { path, query, escapes: self.escapes })
    }
}

#[cold]
const fn fault_of(byte: u8) -> TargetFault {
    match byte {
        b'\\' => TargetFault::Backslash,
        b'#' => TargetFault::Fragment,
        b';' => TargetFault::ParameterDelimiter,
        _ => TargetFault::Character,
    }
}

fn push(segments: &mut Segments, begin: usize, end: usize) -> Result<(), TargetFault> {
    if PATH_SEGMENTS_MAX <= segments.len() {
        return Err(TargetFault::TooManySegments);
    }
    // INVARIANT: both are places in the target, whose length fits.
    let short = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
    segments.push(Span { start: short(begin), length: short(end - begin) });
    Ok(())
}

/// The query is data for the upstream alone; only what could end the target or break its escapes is refused.
fn judge_query(query: &[u8]) -> Result<(), TargetFault> {
    let mut rest = query;
    while let [byte, tail @ ..] = rest {
        rest = match byte {
            b'#' => return Err(TargetFault::Fragment),
            b'%' => match tail {
                [high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => after,
                _ => return Err(TargetFault::InvalidEscape),
            },
            b'!'..=b'~' => tail,
            _ => return Err(TargetFault::Character),
        };
    }
    Ok(())
}

/// Writes the path of the segments into `text`, decoded once, and points each segment at its place there.
#[cold]
fn decode_segments(path: &[u8], segments: &mut Segments, text: &mut String) -> Result<(), TargetFault> {
    let mut decoded: smallvec::SmallVec<[u8; 128]> = smallvec::SmallVec::new();
    for segment in segments {
        decoded.clear();
        decode(segment.of(path), &mut decoded)?;
        text.push('/');
        // INVARIANT: `decode` refuses what is no text, and no decoded path is longer than the path.
        let start = u16::try_from(text.len()).unwrap_or(u16::MAX);
        text.push_str(std::str::from_utf8(&decoded).map_err(|_| TargetFault::InvalidUtf8)?);
        *segment = Span { start, length: u16::try_from(decoded.len()).unwrap_or(u16::MAX) };
    }
    Ok(())
}

fn decode(written: &[u8], decoded: &mut smallvec::SmallVec<[u8; 128]>) -> Result<(), TargetFault> {
    let mut rest = written;
    while let [byte, tail @ ..] = rest {
        if *byte != b'%' {
            decoded.push(*byte);
            rest = tail;
            continue;
        }
        let [high, low, after @ ..] = tail else {
            return Err(TargetFault::InvalidEscape);
        };
        let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
            return Err(TargetFault::InvalidEscape);
        };
        match (high << 4) | low {
            b'/' | b'\\' => return Err(TargetFault::EncodedSeparator),
            0..=31 | 127 | b'%' | b';' | b'?' | b'#' => return Err(TargetFault::EncodedDelimiter),
            plain => decoded.push(plain),
        }
        rest = after;
    }
    match std::str::from_utf8(decoded) {
        // C1 controls and the like have no business in a path and print as nothing in a log.
        Ok(text) if text.chars().any(char::is_control) => Err(TargetFault::EncodedDelimiter),
        Ok(_) => Ok(()),
        Err(_) => Err(TargetFault::InvalidUtf8),
    }
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn refuse_dot_segments(head: &Head) -> Result<(), TargetFault> {
    for segment in &head.parts.segments {
        if segment.length <= 2
            && let "." | ".." = segment.of_text(&head.parts.text)
        {
            return Err(TargetFault::DotSegment);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(target: &[u8]) -> Result<(String, Option<String>, Vec<String>), &'static str> {
        let mut head = Head::from_parts(b"GET", target, []).unwrap();
        let parts = judge(&mut head).map_err(TargetFault::code)?;
        let text = |span: Span| String::from_utf8(span.of(&head.parts.bytes).to_vec()).unwrap();
        let segments =
            head.parts.segments.iter().map(|segment| segment.of_text(&head.parts.text).to_owned()).collect();
        Ok((text(parts.path), parts.query.map(text), segments))
    }

    #[test]
    fn splits_what_has_one_reading() {
        for (target, path, query, segments) in [
            ("/", "/", None, vec![""]),
            ("/a", "/a", None, vec!["a"]),
            ("/a/", "/a/", None, vec!["a", ""]),
            ("/a/b?", "/a/b", Some(""), vec!["a", "b"]),
            ("/a?x=/../#".trim_end_matches('#'), "/a", Some("x=/../"), vec!["a"]),
            ("/a?x=%2e%2e&y=//", "/a", Some("x=%2e%2e&y=//"), vec!["a"]),
            ("/%61b/c", "/%61b/c", None, vec!["ab", "c"]),
            ("/caf%C3%A9", "/caf%C3%A9", None, vec!["caf\u{e9}"]),
            ("/v1/jobs/7:cancel", "/v1/jobs/7:cancel", None, vec!["v1", "jobs", "7:cancel"]),
            ("/...", "/...", None, vec!["..."]),
            ("/a%20b", "/a%20b", None, vec!["a b"]),
            ("/?", "/", Some(""), vec![""]),
        ] {
            let segments = segments.into_iter().map(str::to_owned).collect();
            assert_eq!(
                judged(target.as_bytes()),
                Ok((path.into(), query.map(str::to_owned), segments)),
                "{target}"
            );
        }
    }

    #[test]
    fn refuses_what_could_be_read_twice() {
        for (target, code) in [
            (&b"/public/../admin"[..], "dot_segment"),
            (b"/./a", "dot_segment"),
            (b"/a/..", "dot_segment"),
            (b"/%2e%2e/a", "dot_segment"),
            (b"/.%2e/a", "dot_segment"),
            (b"/%2E./a", "dot_segment"),
            (b"/%2e", "dot_segment"),
            (b"/%252e%252e%252f", "encoded_delimiter"),
            (b"//admin", "double_slash"),
            (b"/a//b", "double_slash"),
            (b"/a//", "double_slash"),
            (b"/a%2Fb", "encoded_separator"),
            (b"/a%5cb", "encoded_separator"),
            (b"/a\\b", "backslash"),
            (b"/a%00", "encoded_delimiter"),
            (b"/a%3b", "encoded_delimiter"),
            (b"/a;x=y", "parameter_delimiter"),
            (b"/a%3f", "encoded_delimiter"),
            (b"/a%23", "encoded_delimiter"),
            (b"/a%25", "encoded_delimiter"),
            (b"/a%0d%0a", "encoded_delimiter"),
            (b"/a%c2%85", "encoded_delimiter"),
            (b"/a#b", "fragment"),
            (b"/a?b#c", "fragment"),
            (b"http:http://internal/admin", "not_origin_form"),
            (b"http://a.example/", "not_origin_form"),
            (b"*", "not_origin_form"),
            (b"", "not_origin_form"),
            (b"a", "not_origin_form"),
            (b"?", "not_origin_form"),
            (b"/%ff", "invalid_utf8"),
            (b"/%c0%ae%c0%ae/", "invalid_utf8"),
            (b"/%e0%80%af", "invalid_utf8"),
            (b"/%", "invalid_escape"),
            (b"/%2", "invalid_escape"),
            (b"/%zz", "invalid_escape"),
            (b"/%2/x", "invalid_escape"),
            (b"/%u002e", "invalid_escape"),
            (b"/a?%", "invalid_escape"),
            (b"/a?%g0", "invalid_escape"),
            (b"/\xff", "target_character"),
            (b"/a b", "target_character"),
            (b"/a\x00", "target_character"),
            (b"/{id}", "target_character"),
            (b"/a?\xff", "target_character"),
            (b"/a? ", "target_character"),
        ] {
            assert_eq!(judged(target), Err(code), "{}", target.escape_ascii());
        }
    }

    #[test]
    fn limits_the_number_of_segments() {
        assert!(judged("/a".repeat(PATH_SEGMENTS_MAX).as_bytes()).is_ok());
        assert_eq!(judged("/a".repeat(PATH_SEGMENTS_MAX + 1).as_bytes()), Err("too_many_segments"));
    }

    proptest! {
        #[test]
        fn what_is_accepted_has_no_empty_or_dot_segment(target in "(/|%|2|e|E|\\.|a|5|c|f|\\?|#|;|:|\\\\){0,24}") {
            if let Ok((path, _, segments)) = judged(target.as_bytes()) {
                prop_assert!(path.starts_with('/'));
                let (last, before) = segments.split_last().unwrap();
                prop_assert!(before.iter().all(|segment| !segment.is_empty()));
                for segment in before.iter().chain([last]) {
                    prop_assert!(!matches!(segment.as_str(), "." | ".."));
                    prop_assert!(!segment.contains(['/', '\\', '%', ';', '?', '#']));
                }
            }
        }
    }
}
