//! Segments of which a part is a value: `{id}.json`, `{name}:cancel`, `Customers({key})`, `{width}x{height}`.

use std::collections::{BTreeMap, BTreeSet};

use crate::operation::ValueKind;
use crate::token;
use crate::tree::JOINED;
use crate::words;

/// A segment with holes. There is one piece more than there are holes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame {
    pub(crate) pieces: Vec<String>,
    /// Names of the holes where the form tells them; empty where it does not.
    pub(crate) names: Vec<String>,
}

impl Frame {
    fn new(pieces: &[&str], names: &[&str]) -> Self {
        Self {
            pieces: pieces.iter().map(|piece| (*piece).to_owned()).collect(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// A frame from a segment of a template.
    pub(crate) fn parse(segment: &str) -> Self {
        let mut pieces = Vec::new();
        let mut names = Vec::new();
        let mut rest = segment;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            pieces.push(before.to_owned());
            names.push(name.to_owned());
            rest = behind;
        }
        pieces.push(rest.to_owned());
        Self { pieces, names }
    }

    /// The frame with unnamed holes.
    pub(crate) fn text(&self) -> String {
        self.pieces.join("{}")
    }

    /// Whether a segment has this form, with something in each hole.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return false };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for (place, piece) in others.iter().enumerate() {
            let last = place.saturating_add(1) == others.len();
            let mut shifted = rest.chars();
            if shifted.next().is_none() {
                return false;
            }
            let after = shifted.as_str();
            if last {
                return after.ends_with(piece.as_str());
            }
            let Some((_, behind)) = after.split_once(piece.as_str()) else { return false };
            rest = behind;
        }
        rest.is_empty()
    }
}

/// A segment taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken<'a> {
    /// `stem.ending`, of a known ending.
    Ending { stem: &'a str, ending: &'a str },
    /// The form alone shows the holes.
    Whole(Frame),
    /// Nothing to take apart.
    No,
}

/// Takes a segment apart by its punctuation.
pub(crate) fn take(text: &str) -> Taken<'_> {
    if text.starts_with(JOINED) {
        return Taken::No;
    }
    if let Some(frame) = matrix(text).or_else(|| size(text)).or_else(|| pair(text)) {
        return Taken::Whole(frame);
    }
    if let Some(name) = text.strip_prefix('@')
        && !name.is_empty()
        && !words::is_self(text)
    {
        return Taken::Whole(Frame::new(&["@", ""], &["scope"]));
    }
    if let Some((stem, ending)) = token::file_extension(text) {
        return Taken::Ending { stem, ending };
    }
    Taken::No
}

/// Matrix parameters (RFC 3986, section 3.3): `id;key=value;key=value`.
fn matrix(text: &str) -> Option<Frame> {
    let mut parts = text.split(';');
    let stem = parts.next().filter(|stem| !stem.is_empty())?;
    let fixed = words::likeness(stem) > 0.9;
    let mut pieces = vec![if fixed { stem.to_owned() } else { String::new() }];
    let mut names = Vec::new();
    if !fixed {
        names.push(String::new());
        pieces.push(String::new());
    }
    for part in parts {
        let (key, value) = part.split_once('=')?;
        if key.is_empty() || value.is_empty() {
            return None;
        }
        if let Some(last) = pieces.last_mut() {
            last.push_str(&format!(";{key}="));
        }
        pieces.push(String::new());
        names.push(key.to_owned());
    }
    text.contains(';').then_some(Frame { pieces, names })
}

/// `200x300`.
fn size(text: &str) -> Option<Frame> {
    let (width, height) = text.split_once('x')?;
    let digits =
        |part: &str| !part.is_empty() && part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(width) && digits(height)).then(|| Frame::new(&["", "x", ""], &["width", "height"]))
}

/// `-33.8688,151.2093`.
fn pair(text: &str) -> Option<Frame> {
    let (one, other) = text.split_once(',')?;
    let number = |part: &str| matches!(token::read(part).kind, ValueKind::Number | ValueKind::Integer);
    let decimal = one.contains('.') || other.contains('.');
    (decimal && number(one) && number(other)).then(|| Frame::new(&["", ",", ""], &["latitude", "longitude"]))
}

/// How the files of a place are made up.
#[derive(Debug, Default)]
pub(crate) struct Endings<'a> {
    stems: BTreeMap<&'a str, BTreeSet<&'a str>>,
    endings: BTreeMap<&'a str, usize>,
}

impl<'a> Endings<'a> {
    pub(crate) fn add(&mut self, stem: &'a str, ending: &'a str) {
        if self.stems.entry(stem).or_default().insert(ending) {
            let count = self.endings.entry(ending).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// What a file becomes: a frame, or nothing if it is a literal or a value as a whole. Stems that are ids were parted before.
    pub(crate) fn frame(&self, stem: &str, ending: &str) -> Option<Frame> {
        let of_stem = self.stems.get(stem).map_or(0, BTreeSet::len);
        let files: usize = self.stems.values().map(BTreeSet::len).sum();
        let dense = files >= self.stems.len().saturating_mul(2);
        if of_stem > 1 && (dense || words::likeness(stem) > 0.0) {
            return Some(Frame::new(&[&format!("{stem}."), ""], &["format"]));
        }
        let repeated = self.stems.values().filter(|endings| endings.len() > 1).count();
        if dense && repeated >= 3 && self.endings.contains_key(ending) {
            return Some(Frame::new(&["", ".", ""], &["", "format"]));
        }
        None
    }
}
