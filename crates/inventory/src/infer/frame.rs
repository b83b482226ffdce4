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
    if let Some(frame) = size(text).or_else(|| pair(text)) {
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

/// Matrix parameters (RFC 3986, section 3.3) behind a segment: `;key=value;key=value`. Their names are part of what they are of.
pub(crate) fn matrix(tail: &str) -> Option<Frame> {
    let mut pieces = vec![JOINED.to_string()];
    let mut names = Vec::new();
    for part in tail.strip_prefix(';')?.split(';') {
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
    Some(Frame { pieces, names })
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

/// Stems from which on they are values, unless most are words of interfaces.
const STEMS_MOST: usize = 12;
/// The longest ending that is told by its company.
const ENDING_BYTES_MAX: usize = 5;

/// How the files of a place are made up.
#[derive(Debug, Default)]
pub(crate) struct Endings<'a> {
    stems: BTreeMap<&'a str, Stem<'a>>,
}

#[derive(Debug, Default)]
struct Stem<'a> {
    endings: BTreeSet<&'a str>,
    count: u64,
}

/// What the endings of files tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Files {
    /// What was asked for twice was mostly asked for with two endings: those are the caller's to choose.
    is_choice: bool,
    /// There are more stems than an interface names, or they are no names.
    are_values: bool,
}

impl<'a> Endings<'a> {
    pub(crate) fn add(&mut self, stem: &'a str, ending: &'a str, count: u64) {
        let known = self.stems.entry(stem).or_default();
        known.endings.insert(ending);
        known.count = known.count.saturating_add(count);
    }

    /// The stem of a segment whose ending no list has, behind a stem that has several others.
    pub(crate) fn unlisted<'b>(&self, text: &'b str) -> Option<(&'b str, &'b str)> {
        let (stem, ending) = text.rsplit_once('.')?;
        let short = (2..=ENDING_BYTES_MAX).contains(&ending.len());
        let plain = ending.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let known = self.stems.get(stem).is_some_and(|known| known.endings.len() > 1);
        (short && plain && known).then_some((stem, ending))
    }

    pub(crate) fn files(&self) -> Files {
        let stems = self.stems.len();
        let asked = self.stems.values().filter(|stem| stem.count > 1).count();
        let repeated = self.stems.values().filter(|stem| stem.endings.len() > 1).count();
        let files: usize = self.stems.values().map(|stem| stem.endings.len()).sum();
        let strange = self.stems.keys().filter(|stem| words::likeness(stem) < 0.0).count();
        let dense = files >= stems.saturating_mul(2);
        Files {
            is_choice: dense || (repeated >= 3 && repeated.saturating_mul(2) >= asked),
            are_values: STEMS_MOST < stems
                || (stems >= 4 && strange.saturating_mul(5) >= stems.saturating_mul(3)),
        }
    }

    /// What a file becomes: a frame, or nothing if it is a literal or a value as a whole. Stems that are ids were parted before.
    pub(crate) fn frame(&self, files: Files, stem: &str) -> Option<Frame> {
        let several = self.stems.get(stem).is_some_and(|known| known.endings.len() > 1);
        let own = || Frame::new(&[&format!("{stem}."), ""], &["format"]);
        match (files.is_choice, files.are_values) {
            (true, true) => Some(Frame::new(&["", ".", ""], &["", "format"])),
            (true, false) => several.then(own),
            (false, true) => None,
            (false, false) => (several && words::likeness(stem) > 0.0).then(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments with how often each was asked for, and the frame of one of them.
    fn frame_of(files: &[(&str, u64)], one: &str) -> Option<String> {
        let mut endings = Endings::default();
        for (text, count) in files {
            if let Taken::Ending { stem, ending } = take(text) {
                endings.add(stem, ending, *count);
            }
        }
        let (stem, _) = token::file_extension(one).or_else(|| endings.unlisted(one))?;
        endings.frame(endings.files(), stem).map(|frame| frame.text())
    }

    #[test]
    fn endings_are_a_choice_where_what_is_asked_for_again_is_asked_for_with_another() {
        let sounds: Vec<(String, u64)> = ["zorblax", "quilp", "vantor", "mokka", "report", "dwindle"]
            .iter()
            .flat_map(|stem| [(format!("{stem}.mp3"), 3), (format!("{stem}.wav"), 2)])
            .collect();
        let sounds: Vec<(&str, u64)> = sounds.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        assert_eq!(frame_of(&sounds, "report.mp3").as_deref(), Some("{}.{}"));
        // Names of an interface, in a format of the caller's choice.
        let named = [("near.csv", 5), ("near.json", 5), ("search.csv", 4), ("search.json", 9)];
        assert_eq!(frame_of(&named, "near.csv").as_deref(), Some("near.{}"));
        assert_eq!(frame_of(&named, "near.shpz").as_deref(), Some("near.{}"));
        assert_eq!(frame_of(&named, "far.shpz"), None);
        assert_eq!(frame_of(&named, "near.Shpz"), None);
        // Files, of which two have one stem by chance.
        let mut files: Vec<(String, u64)> = (0..40).map(|n| (format!("zorb{n}.pdf"), 4)).collect();
        files.push(("zorb7.csv".into(), 1));
        let files: Vec<(&str, u64)> = files.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        assert_eq!(frame_of(&files, "zorb7.csv"), None);
    }

    #[test]
    fn the_names_of_matrix_parameters_are_part_of_the_form() {
        let text =
            |tail: &str| matrix(tail).map(|frame| (frame.text().replace(JOINED, ""), frame.names.join(",")));
        assert_eq!(text(";id=7"), Some((";id={}".to_owned(), "id".to_owned())));
        assert_eq!(text(";a=1;b=x"), Some((";a={};b={}".to_owned(), "a,b".to_owned())));
        for none in ["", ";", ";a", ";=1", ";a=", "a=1", ";a=1;"] {
            assert_eq!(text(none), None, "{none}");
        }
    }
}
