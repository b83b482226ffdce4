//! Paths as a tree of bounded size.
//!
//! Each place of a path keeps the values with the least order (a hash) up to a limit; all others are pooled in one subtree, the rest. A tree is
//! a function of the set of paths put in: a value that was sent to the rest once stays there, since its order is above the limit of
//! every larger set, and its subtree is pooled with what the rest has. Below a place that overflowed, limits are lower (`level`), for the same
//! reason independently of the order in which paths came. Nothing is lost but the names of values: the rest counts everything below it.

mod way;

use crate::classes::hidden;
use crate::method::Method;
use crate::settings::Limits;
use crate::sketch;
use crate::tally::Tally;

use crate::token::{self, Strength};
use crate::words;

pub(crate) use way::{Readings, Way};

/// A place in a path: what may follow, and what ended here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Wordlike values.
    pub(crate) words: Siblings,
    /// Values of a form that names do not have.
    pub(crate) typed: Siblings,
    /// Ascending by key. Nearly all have one or none, and soon stay as they are.
    pub(crate) ends: Box<[(EndKey, Tally)]>,
    /// Requests through here.
    pub(crate) total: u64,
}

/// A method, and whether pages (HTML) were answered or anything else. Told apart since one page for every path is no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EndKey {
    pub(crate) method: Method,
    pub(crate) page: bool,
}

/// A group that takes little room where there is none, as at most places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Siblings(Option<Box<Group>>);

static NOBODY: Group = Group { kids: Vec::new(), rest: None };

impl std::ops::Deref for Siblings {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.0.as_deref().unwrap_or(&NOBODY)
    }
}

impl Siblings {
    /// The group, which is made where there is none.
    pub(crate) fn group(&mut self) -> &mut Group {
        self.0.get_or_insert_with(Box::default)
    }

    /// The group, where there is one.
    pub(crate) fn any(&mut self) -> Option<&mut Group> {
        self.0.as_deref_mut()
    }
}

/// Values at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Ascending by order and text.
    pub(crate) kids: Vec<Slot>,
    /// What was more than the limit, pooled.
    pub(crate) rest: Option<Box<Node>>,
}

/// A kid with its order beside it, so that looking for one reads no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    order: u64,
    kid: Box<Kid>,
}

impl std::ops::Deref for Slot {
    type Target = Kid;

    fn deref(&self) -> &Kid {
        &self.kid
    }
}

impl std::ops::DerefMut for Slot {
    fn deref_mut(&mut self) -> &mut Kid {
        &mut self.kid
    }
}

/// A value and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kid {
    pub(crate) text: Box<str>,
    pub(crate) node: Node,
}

impl Slot {
    /// Whether its words are common in interfaces.
    pub(crate) fn is_likely_name(&self) -> bool {
        self.order >> 63 == 0
    }
}

/// The order of a value among its siblings: likely names before all others, then by hash.
fn order(text: &str) -> u64 {
    let hash = sketch::hash(text.as_bytes()) >> 1;
    let is_name = || words::is_self(text) || words::likeness(text) >= 0.5;
    // Without a letter there is no word.
    let may_be_word = text.bytes().any(|byte| !byte.is_ascii_digit());
    if may_be_word && is_name() { hash } else { hash | (1 << 63) }
}

fn is_typed(text: &str) -> bool {
    if let Some(tail) = text.strip_prefix(JOINED) {
        return tail.starts_with(['(', ';']);
    }
    token::read(text).strength == Strength::Strong
}

fn limit(limits: [usize; 4], level: usize) -> usize {
    limits.get(level.min(3)).copied().unwrap_or(1).max(1)
}

impl Node {
    /// Counts one request; `count` adds it to what ended at its place.
    pub(crate) fn insert(&mut self, way: &mut Way<'_, '_>, key: EndKey, count: impl FnOnce(&mut Tally)) {
        self.insert_at(way, key, count, 0);
    }

    fn insert_at(
        &mut self,
        way: &mut Way<'_, '_>,
        key: EndKey,
        count: impl FnOnce(&mut Tally),
        level: usize,
    ) {
        self.total = self.total.saturating_add(1);
        let Some((text, reading)) = way.next() else {
            let found = &mut way.found;
            self.count_end(key, |tally| {
                count(tally);
                found.drain(..).for_each(|seen| tally.keep_data(seen));
            });
            return;
        };
        let limits = way.limits;
        let (siblings, allowed) =
            if reading.typed { (&mut self.typed, limits.typed) } else { (&mut self.words, limits.words) };
        let group = siblings.group();
        let allowed = limit(allowed, level);
        let (node, inner) = group.place(&text, reading.order, allowed, limits, level);
        node.insert_at(way, key, count, inner);
        group.trim(allowed, limits, inner);
    }

    fn count_end(&mut self, key: EndKey, count: impl FnOnce(&mut Tally)) {
        let found = self.ends.binary_search_by(|end| end.0.cmp(&key));
        let place = found.unwrap_or_else(|place| {
            let mut ends = std::mem::take(&mut self.ends).into_vec();
            ends.reserve_exact(1);
            ends.insert(place, (key, Tally::default()));
            self.ends = ends.into_boxed_slice();
            place
        });
        if let Some(end) = self.ends.get_mut(place) {
            count(&mut end.1);
        }
    }

    pub(crate) fn add_end(&mut self, key: EndKey, tally: &Tally) {
        self.count_end(key, |own| own.merge(tally));
    }

    /// Puts a kid in its place; false if there is one of its name.
    pub(crate) fn adopt(&mut self, kid: Kid) -> bool {
        let group = if is_typed(&kid.text) { self.typed.group() } else { self.words.group() };
        let order = order(&kid.text);
        match group.find(order, &kid.text) {
            Ok(_) => false,
            Err(place) => {
                group.kids.insert(place, Slot { order, kid: Box::new(kid) });
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
        if self.ends.is_empty() {
            self.ends = other.ends;
        } else {
            for (key, tally) in &other.ends {
                self.add_end(*key, tally);
            }
        }
        for (own, others) in [(&mut self.words, other.words.0), (&mut self.typed, other.typed.0)] {
            match (own.any(), others) {
                (Some(own), Some(others)) => own.absorb(*others),
                (None, Some(others)) => own.0 = Some(others),
                (_, None) => {}
            }
        }
    }

    /// Enforces the limits of `level` below here.
    pub(crate) fn settle(&mut self, limits: &Limits, level: usize) {
        if let Some(words) = self.words.any() {
            words.settle(limit(limits.words, level), limits, level);
        }
        if let Some(typed) = self.typed.any() {
            typed.settle(limit(limits.typed, level), limits, level);
        }
    }
}

impl Group {
    fn find(&self, order: u64, text: &str) -> Result<usize, usize> {
        self.kids.binary_search_by(|slot| slot.order.cmp(&order).then_with(|| (*slot.kid.text).cmp(text)))
    }

    /// The node for a value, and the level of what is in it. May leave one kid more than `allowed`.
    fn place(
        &mut self,
        text: &str,
        order: u64,
        allowed: usize,
        limits: &Limits,
        level: usize,
    ) -> (&mut Node, usize) {
        // Where most values are pooled, most are beyond the last that is kept.
        let is_beyond = self.rest.is_some()
            && self.kids.len() >= allowed
            && self.kids.last().is_some_and(|last| last.order < order);
        if is_beyond {
            return (self.rest.get_or_insert_with(Box::default), level.saturating_add(1));
        }
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
            let kid = Box::new(Kid { text: text.into(), node: Node::default() });
            sketch::insert(&mut self.kids, place, Slot { order, kid });
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
            rest.absorb(kid.kid.node);
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
                            own.node.absorb(kid.kid.node);
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
            self.rest.get_or_insert_with(Box::default).absorb(kid.kid.node);
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

/// Opens a part that follows the part before it without a slash. No decoded segment has this character.
pub(crate) const JOINED: char = '\0';

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

/// A segment that was seen as it may be shown: what is hidden by its class, the rest as a path has it.
pub(crate) fn written(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, class, behind)) = hidden::find(rest) {
        out.push_str(&encode(before));
        out.push('{');
        out.push_str(class.name());
        out.push('}');
        rest = behind;
    }
    out.push_str(&encode(rest));
    out
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
