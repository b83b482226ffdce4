//! The segments of a path one after the other, with what the text of each tells.

use std::borrow::Cow;
use std::hash::BuildHasher;

use super::{JOINED, decode, is_typed, order};
use crate::classes::{DataClass, hidden};
use crate::operation::{DataPlace, ValueKind};
use crate::settings::Limits;
use crate::tally::DataSeen;
use crate::token::{self, Strength};

/// Texts whose readings are remembered, a power of two. Most segments recur, and reading one costs more than finding it.
const READINGS: usize = 16_384;
/// Of shorter segments only those with an `@` have to be hidden.
const HIDDEN_BYTES_MIN: usize = 8;
/// Longer texts are read anew.
const TEXT_BYTES_MAX: usize = 64;

/// Which group a text is of, and its order there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(super) typed: bool,
    pub(super) order: u64,
}

impl Reading {
    pub(super) fn of(text: &str) -> Self {
        Self { typed: is_typed(text), order: order(text) }
    }
}

/// Readings of texts, one to a place: what was read last stays. What is in it changes no result.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readings(Vec<Option<(Box<str>, Reading)>>);

impl Readings {
    fn of(&mut self, text: &str) -> Reading {
        // Ids made of digits alone are read as fast as they are found.
        if TEXT_BYTES_MAX < text.len() || text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Reading::of(text);
        }
        if self.0.is_empty() {
            self.0.resize(READINGS, None);
        }
        let hash = foldhash::fast::FixedState::default().hash_one(text);
        let place = usize::try_from(hash).unwrap_or(0) & (READINGS - 1);
        let Some(slot) = self.0.get_mut(place) else { return Reading::of(text) };
        match slot {
            Some((known, reading)) if **known == *text => *reading,
            Some(_) | None => {
                let reading = Reading::of(text);
                *slot = Some((text.into(), reading));
                reading
            }
        }
    }
}

/// The segments of a path, decoded where that loses nothing, without empty ones at the end.
#[derive(Debug)]
pub(crate) struct Way<'a, 'b> {
    rest: Option<&'a str>,
    /// Segments that may follow.
    left: usize,
    /// The part of the segment before that is judged on its own.
    tail: Option<String>,
    /// The segment before, as it was sent.
    before: &'a str,
    /// What was hidden on the way.
    pub(super) found: Vec<DataSeen>,
    pub(super) limits: &'b Limits,
    readings: &'b mut Readings,
}

impl<'a, 'b> Way<'a, 'b> {
    pub(crate) fn new(path: &'a str, limits: &'b Limits, readings: &'b mut Readings) -> Self {
        let trimmed = path.trim_start_matches('/').trim_end_matches('/');
        let rest = Some(trimmed).filter(|trimmed| !trimmed.is_empty());
        let (tail, before, found) = (None, "", Vec::new());
        Self { rest, left: limits.segments, tail, before, found, limits, readings }
    }

    pub(super) fn next(&mut self) -> Option<(Cow<'a, str>, Reading)> {
        if let Some(tail) = self.tail.take() {
            let reading = self.readings.of(&tail);
            return Some((Cow::Owned(tail), reading));
        }
        self.left = self.left.checked_sub(1)?;
        let rest = self.rest?;
        // One pass finds the end, and whether there is anything to undo or to part.
        let mut is_plain = true;
        let end = rest.bytes().position(|byte| {
            is_plain &= !matches!(byte, b'%' | b':' | b'(' | b'.' | b';' | b'@');
            byte == b'/'
        });
        let (segment, behind) = match end.and_then(|end| rest.split_at_checked(end)) {
            Some((segment, behind)) => (segment, behind.get(1..)),
            None => (rest, None),
        };
        self.rest = behind;
        let mut text = if is_plain { Cow::Borrowed(segment) } else { Cow::Owned(self.parted(segment)) };
        if (!is_plain || HIDDEN_BYTES_MIN <= segment.len())
            && hidden::may_hide(&text, self.before)
            && let Some((class, mark)) = hidden::hide(&text, self.before)
        {
            self.find(class, self.before);
            text = Cow::Owned(mark);
        }
        if text.len() > self.limits.segment_bytes {
            text = Cow::Owned(cut(text.into_owned(), self.limits.segment_bytes));
        }
        self.before = segment;
        let reading = self.readings.of(&text);
        Some((text, reading))
    }

    /// Notes that something was hidden behind a segment.
    fn find(&mut self, class: DataClass, before: &str) {
        let (place, field) = (DataPlace::Path, hidden::field_of(before).into());
        self.found.push(DataSeen { class, place, field, count: 1 });
    }

    /// A segment decoded, without the tail, which is put by.
    fn parted(&mut self, segment: &str) -> String {
        let mut text = decode(segment);
        if let Some(at) = tail(&text) {
            let tail = text.get(at..).unwrap_or_default();
            let hidden = if tail.starts_with(';') { hidden::hide(tail, "") } else { None };
            let tail = match &hidden {
                Some((class, mark)) => {
                    self.find(*class, text.get(..at).unwrap_or_default());
                    mark.as_str()
                }
                None => tail,
            };
            self.tail = Some(cut(format!("{JOINED}{tail}"), self.limits.segment_bytes));
            text.truncate(at);
        }
        text
    }
}

/// Where the last part of a segment begins that is judged on its own: matrix parameters, `:verb`, a key in parentheses (OData 4.01, part 2, section 4.3), or the
/// ending of a file whose stem is an id.
fn tail(segment: &str) -> Option<usize> {
    let matrix = segment.find(';').filter(|at| 0 < *at);
    if let Some(at) = matrix.filter(|at| segment.get(*at..).is_some_and(is_matrix)) {
        return Some(at);
    }
    if let Some((stem, verb)) = segment.rsplit_once(':') {
        let named = verb.len() >= 2
            && verb.starts_with(|c: char| c.is_ascii_lowercase())
            && verb.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_');
        return (named && !stem.is_empty() && !stem.contains(':')).then_some(stem.len());
    }
    if let Some((name, value)) = segment.split_once('(') {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
        return (plain && value.len() > 1 && value.ends_with(')')).then_some(name.len());
    }
    if let Some((stem, _)) = token::file_extension(segment) {
        let form = token::read(stem);
        let id =
            form.strength == Strength::Strong && !matches!(form.kind, ValueKind::Text | ValueKind::Number);
        return id.then_some(stem.len());
    }
    let (stem, ending) = segment.rsplit_once('.')?;
    (is_unlisted(ending) && is_plain_id(stem) && token::read(segment).kind != ValueKind::Domain)
        .then_some(stem.len())
}

/// Whether these are matrix parameters with values (RFC 3986, section 3.3).
fn is_matrix(tail: &str) -> bool {
    tail.split(';')
        .skip(1)
        .all(|part| part.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty()))
}

/// Whether this may be the ending of a file that no list has: `102.shpz`.
fn is_unlisted(ending: &str) -> bool {
    (2..=5).contains(&ending.len())
        && ending.starts_with(|c: char| c.is_ascii_lowercase())
        && ending.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Ids in which a point never stands, so that what follows one is an ending.
fn is_plain_id(text: &str) -> bool {
    matches!(
        token::read(text).kind,
        ValueKind::Integer
            | ValueKind::Uuid
            | ValueKind::ObjectId
            | ValueKind::Hash
            | ValueKind::Hexadecimal
            | ValueKind::Ulid
            | ValueKind::Ksuid
    )
}

fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let mut end = bytes;
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, limits: &Limits) -> Vec<String> {
        let mut readings = Readings::default();
        let mut way = Way::new(path, limits, &mut readings);
        std::iter::from_fn(|| way.next().map(|(text, _)| text.into_owned())).collect()
    }

    #[test]
    fn a_path_is_parted_at_slashes_and_where_a_part_stands_on_its_own() {
        let limits = Limits { segments: 4, segment_bytes: 8, ..Limits::default() };
        for (path, expected) in [
            ("/", &[][..]),
            ("", &[]),
            ("///", &[]),
            ("/a/b/", &["a", "b"]),
            ("/a//b", &["a", "", "b"]),
            ("/a%20b/%2F/%zz", &["a b", "%2F", "%zz"]),
            ("/jobs:run/x", &["jobs", "\0:run", "x"]),
            ("/K(7)", &["K", "\0(7)"]),
            ("/a/b/c/d/e", &["a", "b", "c", "d"]),
            ("/123456789", &["12345678"]),
            ("/m%C3%B6%C3%B6%C3%B6%C3%B6", &["m\u{f6}\u{f6}\u{f6}"]),
            ("/v1.2", &["v1.2"]),
            ("/p;a=1/x", &["p", "\0;a=1", "x"]),
            ("/p;a", &["p;a"]),
            ("/;a=1", &[";a=1"]),
        ] {
            assert_eq!(texts(path, &limits), expected, "{path}");
        }
        let uuid = "a81bc81b-dead-4e5d-abff-90865d1e13b1";
        assert_eq!(texts(&format!("/{uuid}.json"), &Limits::default()), [uuid, "\0.json"]);
        // No list has the ending, but nothing else stands behind an id and a point.
        assert_eq!(texts("/102.shpz", &Limits::default()), ["102", "\0.shpz"]);
        for whole in ["102.Shpz", "102.a", "102.shapes", "102.5kg", "1.2.rc", "102.com", "report.shpz"] {
            assert_eq!(texts(&format!("/{whole}"), &Limits::default()), [whole]);
        }
    }

    #[test]
    fn readings_are_remembered_and_never_another_s() {
        let mut readings = Readings::default();
        for round in 0..2 {
            for number in 0..3 * READINGS {
                let text = format!("w{number}");
                let (found, expected) = (readings.of(&text), Reading::of(&text));
                assert_eq!((found.typed, found.order), (expected.typed, expected.order), "{round} {text}");
            }
        }
        assert_eq!(readings.0.len(), READINGS);
    }
}
