//! Paths as a tree of bounded size.
//!
//! Each place of a path keeps the values with the least order (a hash) up to a limit; all others are pooled in one subtree, the rest. A tree is
//! a function of the set of paths put in: a value that was sent to the rest once stays there, since its order is above the limit of
//! every larger set, and its subtree is pooled with what the rest has. Below a place that overflowed, limits are lower (`level`), for the same
//! reason independently of the order in which paths came. Nothing is lost but the names of values: the rest counts everything below it.

use crate::method::Method;
use crate::operation::ValueKind;
use crate::settings::Limits;
use crate::sketch;
use crate::tally::Tally;
use crate::token::{self, Strength};
use crate::words;

/// A part of a path with what its text alone tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) text: &'a str,
    pub(crate) reading: Reading,
}

/// Which group a text is of, and its order there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    typed: bool,
    order: u64,
}

impl Reading {
    pub(crate) fn of(text: &str) -> Self {
        Self { typed: is_typed(text), order: order(text) }
    }
}

/// A place in a path: what may follow, and what ended here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Wordlike values.
    pub(crate) words: Group,
    /// Values of a form that names do not have.
    pub(crate) typed: Group,
    /// Ascending by key.
    pub(crate) ends: Vec<(EndKey, Box<Tally>)>,
    /// Requests through here.
    pub(crate) total: u64,
}

/// A method, and whether pages (HTML) were answered or anything else. Told apart since one page for every path is no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EndKey {
    pub(crate) method: Method,
    pub(crate) page: bool,
}

/// Siblings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Ascending by order and text.
    #[expect(clippy::vec_box, reason = "insertion in order moves pointers, not subtrees")]
    pub(crate) kids: Vec<Box<Kid>>,
    /// What was more than the limit, pooled.
    pub(crate) rest: Option<Box<Node>>,
}

/// A value and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kid {
    pub(crate) order: u64,
    pub(crate) text: Box<str>,
    pub(crate) node: Node,
}

/// The order of a value among its siblings: likely names before all others, then by hash.
pub(crate) fn order(text: &str) -> u64 {
    let hash = sketch::hash(text.as_bytes()) >> 1;
    if words::is_self(text) || words::likeness(text) >= 0.5 { hash } else { hash | (1 << 63) }
}

fn is_typed(text: &str) -> bool {
    if let Some(tail) = text.strip_prefix(JOINED) {
        return tail.starts_with('(');
    }
    token::read(text).strength == Strength::Strong
}

fn limit(limits: [usize; 4], level: usize) -> usize {
    limits.get(level.min(3)).copied().unwrap_or(1).max(1)
}

impl Node {
    /// Counts a path.
    pub(crate) fn insert(&mut self, segments: &[Segment<'_>], key: EndKey, tally: &Tally, limits: &Limits) {
        self.insert_at(segments, key, tally, limits, 0);
    }

    fn insert_at(
        &mut self,
        segments: &[Segment<'_>],
        key: EndKey,
        tally: &Tally,
        limits: &Limits,
        level: usize,
    ) {
        self.total = self.total.saturating_add(tally.count);
        let Some((first, others)) = segments.split_first() else {
            self.add_end(key, tally);
            return;
        };
        let (group, allowed) = if first.reading.typed {
            (&mut self.typed, limits.typed)
        } else {
            (&mut self.words, limits.words)
        };
        let allowed = limit(allowed, level);
        let (node, inner) = group.place(*first, allowed, limits, level);
        node.insert_at(others, key, tally, limits, inner);
        group.trim(allowed, limits, inner);
    }

    pub(crate) fn add_end(&mut self, key: EndKey, tally: &Tally) {
        match self.ends.binary_search_by(|end| end.0.cmp(&key)) {
            Ok(place) => {
                if let Some(end) = self.ends.get_mut(place) {
                    end.1.merge(tally);
                }
            }
            Err(place) => self.ends.insert(place, (key, Box::new(tally.clone()))),
        }
    }

    /// Puts a kid in its place; false if there is one of its name.
    pub(crate) fn adopt(&mut self, kid: Kid) -> bool {
        let group = if is_typed(&kid.text) { &mut self.typed } else { &mut self.words };
        match group.find(kid.order, &kid.text) {
            Ok(_) => false,
            Err(place) => {
                group.kids.insert(place, Box::new(kid));
                true
            }
        }
    }

    /// Joins another tree made with the same limits.
    pub(crate) fn merge(&mut self, other: Self, limits: &Limits) {
        self.absorb(other);
        self.settle(limits, 0);
    }

    /// Joins without regard to limits.
    fn absorb(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        for (key, tally) in other.ends {
            self.add_end(key, &tally);
        }
        self.words.absorb(other.words);
        self.typed.absorb(other.typed);
    }

    /// Enforces the limits of `level` below here.
    pub(crate) fn settle(&mut self, limits: &Limits, level: usize) {
        self.words.settle(limit(limits.words, level), limits, level);
        self.typed.settle(limit(limits.typed, level), limits, level);
    }
}

impl Group {
    fn find(&self, order: u64, text: &str) -> Result<usize, usize> {
        self.kids.binary_search_by(|kid| kid.order.cmp(&order).then_with(|| (*kid.text).cmp(text)))
    }

    /// The node for a value, and the level of what is in it. May leave one kid more than `allowed`.
    fn place(
        &mut self,
        segment: Segment<'_>,
        allowed: usize,
        limits: &Limits,
        level: usize,
    ) -> (&mut Node, usize) {
        let Segment { text, reading: Reading { order, .. } } = segment;
        let found = self.find(order, text);
        let full = self.kids.len() >= allowed;
        if let Err(place) = found {
            if full && self.rest.is_none() {
                // The first overflow: whatever is below has lower limits from now on.
                self.rest = Some(Box::default());
                for kid in &mut self.kids {
                    kid.node.settle(limits, level.saturating_add(1));
                }
            }
            let inner = level.saturating_add(usize::from(self.rest.is_some()));
            if full && place >= self.kids.len() {
                return (self.rest.get_or_insert_with(Box::default), inner);
            }
            self.kids.insert(place, Box::new(Kid { order, text: text.into(), node: Node::default() }));
        }
        let inner = level.saturating_add(usize::from(self.rest.is_some()));
        let place = found.unwrap_or_else(|place| place).min(self.kids.len().saturating_sub(1));
        match self.kids.get_mut(place) {
            Some(kid) => (&mut kid.node, inner),
            None => (self.rest.get_or_insert_with(Box::default), inner),
        }
    }

    /// Moves what is more than `allowed` to the rest, which exists if there is more. `inner` is the level of what is below.
    fn trim(&mut self, allowed: usize, limits: &Limits, inner: usize) {
        while self.kids.len() > allowed {
            let Some(kid) = self.kids.pop() else { return };
            let rest = self.rest.get_or_insert_with(Box::default);
            rest.absorb(kid.node);
            rest.settle(limits, inner);
        }
    }

    fn absorb(&mut self, other: Self) {
        if self.kids.is_empty() {
            self.kids = other.kids;
        } else {
            for kid in other.kids {
                match self.find(kid.order, &kid.text) {
                    Ok(place) => {
                        if let Some(own) = self.kids.get_mut(place) {
                            own.node.absorb(kid.node);
                        }
                    }
                    Err(place) => self.kids.insert(place, kid),
                }
            }
        }
        if let Some(rest) = other.rest {
            self.rest.get_or_insert_with(Box::default).absorb(*rest);
        }
    }

    fn settle(&mut self, allowed: usize, limits: &Limits, level: usize) {
        while self.kids.len() > allowed {
            let Some(kid) = self.kids.pop() else { break };
            self.rest.get_or_insert_with(Box::default).absorb(kid.node);
        }
        let inner = level.saturating_add(usize::from(self.rest.is_some()));
        for kid in &mut self.kids {
            kid.node.settle(limits, inner);
        }
        if let Some(rest) = &mut self.rest {
            rest.settle(limits, inner);
        }
    }
}

/// The segments of a path, decoded where that loses nothing, without empty ones at the end.
pub(crate) fn segments(path: &str, limits: &Limits) -> Vec<String> {
    let trimmed = path.trim_start_matches('/').trim_end_matches('/');
    if trimmed.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for segment in trimmed.split('/').take(limits.segments) {
        let segment = cut(decode(segment), limits.segment_bytes);
        match tail(&segment) {
            Some(at) => {
                let (stem, tail) = segment.split_at(at);
                found.push(stem.to_owned());
                found.push(format!("{JOINED}{tail}"));
            }
            None => found.push(segment),
        }
    }
    found
}

/// Opens a part that follows the part before it without a slash. No decoded segment has this character.
pub(crate) const JOINED: char = '\0';

/// Where the last part of a segment begins that is judged on its own: `:verb`, a key in parentheses (OData 4.01, part 2, section 4.3), or the
/// ending of a file whose stem is an id.
fn tail(segment: &str) -> Option<usize> {
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
    let (stem, _) = token::file_extension(segment)?;
    let form = token::read(stem);
    let id = form.strength == Strength::Strong && !matches!(form.kind, ValueKind::Text | ValueKind::Number);
    id.then_some(stem.len())
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

/// Undoes percent-encoding. A segment whose bytes are no text, or hold a slash or a control, stays as it is.
pub(crate) fn decode(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.into();
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = (rest.next().and_then(nibble), rest.next().and_then(nibble));
        let (Some(high), Some(low)) = digits else { return segment.into() };
        bytes.push(high * 16 + low);
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|character| character == '/' || character.is_control()) => text,
        Ok(_) | Err(_) => segment.into(),
    }
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Writes a decoded segment as a path has it (RFC 3986, `pchar`).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else if byte == b'%' {
            // A segment that could not be decoded keeps its own escapes; a percent sign that was decoded is rare and reads alike.
            out.push('%');
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(DIGITS.get(usize::from(digit)).map_or('0', |digit| char::from(*digit)));
            }
        }
    }
    out
}
