//! The footer of a sealed segment: what is in it, so that a search can pass most of it over.
//!
//! A segment is cut into blocks by where entries begin. For each caller, operation and verdict a bitmap says in
//! which blocks it occurs; a filter over decision ids says whether an id can be in the segment at all. Callers
//! are personal data: whoever erases an entry writes the footer anew.

use std::collections::HashMap;

use model::{DecisionId, Timestamp, Verdict};

use crate::bytes::{Cursor, DecodeError, put_text, put_varint};
use crate::code;
use crate::decode::{Leaf, PersonalView};
use crate::entry::{ClientRef, WORKLOAD_MARK};
use crate::hash::Fast;
use crate::segment::Stored;

/// The size of a block, in bytes.
pub const BLOCK_BYTES: u64 = 64 << 10;
/// The most different callers, or operations, that an index tells apart; beyond, it says "any".
pub const TERMS_MAX: usize = 4_096;
/// The most blocks that a footer may have.
const BLOCKS_MAX: usize = 1 << 20;
/// Bits of the id filter per id, and bits set by each: one in 400 absent ids passes.
const ID_BITS: u64 = 16;
const ID_PROBES: u64 = 4;
/// The largest id filter, in bytes.
const ID_BYTES_MAX: usize = 8 << 20;

/// A set of blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks(Vec<u64>);

impl Blocks {
    /// Whether the block is in the set.
    #[must_use]
    pub fn has(&self, block: usize) -> bool {
        self.0.get(block / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    fn add(&mut self, block: usize) {
        if self.0.len() <= block / 64 {
            self.0.resize(block / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(block / 64) {
            *word |= 1 << (block % 64);
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        for word in &self.0 {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let count = bounded(cursor, BLOCKS_MAX / 64)?;
        (0..count).map(|_| cursor.array().map(u64::from_le_bytes)).collect::<Result<_, _>>().map(Self)
    }
}

fn bounded(cursor: &mut Cursor<'_>, max: usize) -> Result<usize, DecodeError> {
    let count = usize::try_from(cursor.varint()?).map_err(|_| DecodeError::List)?;
    if max < count { Err(DecodeError::List) } else { Ok(count) }
}

/// Texts and the blocks they occur in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// There were too many to tell apart.
    Any,
    Listed(Vec<(String, Blocks)>),
}

impl Terms {
    fn may_have(&self, text: &str, block: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(terms) => terms.iter().any(|(term, blocks)| term == text && blocks.has(block)),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Any => out.push(0),
            Self::Listed(terms) => {
                out.push(1);
                put_varint(out, terms.len() as u64);
                for (term, blocks) in terms {
                    put_text(out, term);
                    blocks.put(out);
                }
            }
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        match cursor.byte()? {
            0 => Ok(Self::Any),
            1 => {
                let count = bounded(cursor, TERMS_MAX)?;
                let mut terms = Vec::new();
                for _ in 0..count {
                    terms.push((cursor.text()?.to_owned(), Blocks::read(cursor)?));
                }
                Ok(Self::Listed(terms))
            }
            _ => Err(DecodeError::Code),
        }
    }
}

/// What a sealed segment says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The index of the first entry.
    pub first: u64,
    pub entries: u64,
    /// The earliest and the latest time of an entry.
    pub earliest: Timestamp,
    pub latest: Timestamp,
    /// Where the first entry of each block begins, and its index.
    pub blocks: Vec<(u64, u64)>,
    pub callers: Terms,
    pub operations: Terms,
    /// Blocks by the number of the verdict.
    verdicts: [Blocks; 6],
    ids: Vec<u8>,
}

impl Footer {
    /// Whether an entry of this caller can be in the block; `caller` as commands name it.
    #[must_use]
    pub fn may_have_caller(&self, caller: &str, block: usize) -> bool {
        self.callers.may_have(caller, block)
    }

    #[must_use]
    pub fn may_have_operation(&self, operation: &str, block: usize) -> bool {
        self.operations.may_have(operation, block)
    }

    #[must_use]
    pub fn may_have_verdict(&self, verdict: Verdict, block: usize) -> bool {
        let blocks = self.verdicts.get(usize::from(code::of_verdict(verdict)));
        blocks.is_some_and(|blocks| blocks.has(block))
    }

    /// Whether the segment can hold an entry under this id; it says yes too often, never too seldom.
    #[must_use]
    pub fn may_have_id(&self, id: DecisionId) -> bool {
        probes(id, self.ids.len()).all(|(byte, bit)| self.ids.get(byte).is_some_and(|byte| byte & bit != 0))
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.first);
        put_varint(out, self.entries);
        out.extend_from_slice(&self.earliest.as_micros().to_be_bytes());
        out.extend_from_slice(&self.latest.as_micros().to_be_bytes());
        put_varint(out, self.blocks.len() as u64);
        for (offset, index) in &self.blocks {
            put_varint(out, *offset);
            put_varint(out, *index);
        }
        self.callers.put(out);
        self.operations.put(out);
        for blocks in &self.verdicts {
            blocks.put(out);
        }
        put_varint(out, self.ids.len() as u64);
        out.extend_from_slice(&self.ids);
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let first = cursor.varint()?;
        let entries = cursor.varint()?;
        let earliest = Timestamp::from_micros(i64::from_be_bytes(cursor.array()?));
        let latest = Timestamp::from_micros(i64::from_be_bytes(cursor.array()?));
        let count = bounded(cursor, BLOCKS_MAX)?;
        let mut blocks = Vec::new();
        for _ in 0..count {
            blocks.push((cursor.varint()?, cursor.varint()?));
        }
        let callers = Terms::read(cursor)?;
        let operations = Terms::read(cursor)?;
        let mut verdicts: [Blocks; 6] = Default::default();
        for slot in &mut verdicts {
            *slot = Blocks::read(cursor)?;
        }
        let length = bounded(cursor, ID_BYTES_MAX)?;
        let ids = cursor.take(length)?.to_vec();
        cursor.end()?;
        Ok(Self { first, entries, earliest, latest, blocks, callers, operations, verdicts, ids })
    }
}

/// The bits that an id sets. Ids are random in their lower 80 bits, so they need no further hashing.
fn probes(id: DecisionId, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    let value = u128::from_be_bytes(id.to_bytes());
    let [a, b, c, d, e, f, g, h, i, j, ..] = value.to_le_bytes();
    let start = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let step = u64::from_le_bytes([i, j, c, a, f, e, d, b]) | 1;
    let bits = (bytes as u64) * 8;
    (0..ID_PROBES).map(move |probe| {
        let place = start.wrapping_add(step.wrapping_mul(probe)).checked_rem(bits).unwrap_or(0);
        (usize::try_from(place / 8).unwrap_or(usize::MAX), 1 << (place % 8))
    })
}

/// Collects what the footer will say, entry by entry.
#[derive(Debug)]
pub struct Indexer {
    first: u64,
    entries: u64,
    earliest: Timestamp,
    latest: Timestamp,
    blocks: Vec<(u64, u64)>,
    callers: Collected,
    operations: Collected,
    verdicts: [Blocks; 6],
    ids: Vec<DecisionId>,
}

impl Indexer {
    /// An empty index of a segment whose first entry will be number `first`.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self {
            first,
            entries: 0,
            earliest: Timestamp::MAX,
            latest: Timestamp::MIN,
            blocks: Vec::new(),
            callers: Collected::default(),
            operations: Collected::default(),
            verdicts: Default::default(),
            ids: Vec::new(),
        }
    }

    /// How many entries were added.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Adds an entry whose frame begins at `offset`, from its parts.
    pub fn add_parts(&mut self, offset: u64, entry: &Indexed<'_>) {
        let begun = self.blocks.last().is_some_and(|(start, _)| offset / BLOCK_BYTES == start / BLOCK_BYTES);
        if !begun {
            self.blocks.push((offset, self.first + self.entries));
        }
        let block = self.blocks.len() - 1;
        self.entries += 1;
        self.earliest = self.earliest.min(entry.time);
        self.latest = self.latest.max(entry.time);
        self.ids.extend(entry.id);
        if let Some(verdict) = entry.verdict {
            self.operations.add(entry.operation, block);
            if let Some(blocks) = self.verdicts.get_mut(usize::from(code::of_verdict(verdict))) {
                blocks.add(block);
            }
        }
        match entry.client {
            Some(ClientRef::Anonymous) => self.callers.add("", block),
            Some(ClientRef::Application(name)) => self.callers.add(name, block),
            Some(ClientRef::Workload(name)) => self.callers.add(&format!("{WORKLOAD_MARK}{name}"), block),
            None => {}
        }
    }

    /// Adds an entry as it is stored.
    pub fn add(&mut self, offset: u64, stored: &Stored<'_>) -> Result<(), DecodeError> {
        let leaf = Leaf::decode(stored.leaf)?;
        let personal = match stored.personal {
            None => None,
            Some(part) => Some(PersonalView::decode(part.bytes)?),
        };
        let decided = leaf.decided();
        self.add_parts(
            offset,
            &Indexed {
                id: leaf.id(),
                time: leaf.time(),
                verdict: decided.map(|decided| decided.verdict),
                operation: decided.map_or("", |decided| decided.operation),
                client: personal.map(|personal| personal.client),
            },
        );
        Ok(())
    }

    /// The footer over what was added.
    #[must_use]
    pub fn footer(&self) -> Footer {
        let wanted = (self.ids.len() as u64 * ID_BITS).div_ceil(8).max(1);
        let mut ids = vec![0; usize::try_from(wanted).unwrap_or(ID_BYTES_MAX).min(ID_BYTES_MAX)];
        for id in &self.ids {
            for (byte, bit) in probes(*id, ids.len()) {
                if let Some(byte) = ids.get_mut(byte) {
                    *byte |= bit;
                }
            }
        }
        Footer {
            first: self.first,
            entries: self.entries,
            earliest: self.earliest,
            latest: self.latest,
            blocks: self.blocks.clone(),
            callers: self.callers.terms(|name| {
                let (kind, name) = ClientRef::of_stored((!name.is_empty()).then_some(name)).parts();
                kind.label(name)
            }),
            operations: self.operations.terms(str::to_owned),
            verdicts: self.verdicts.clone(),
            ids,
        }
    }
}

/// What of an entry the index is about.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'a> {
    pub id: Option<DecisionId>,
    pub time: Timestamp,
    /// `None` for what is no decision.
    pub verdict: Option<Verdict>,
    pub operation: &'a str,
    /// `None` where it is not recorded.
    pub client: Option<ClientRef<'a>>,
}

/// Texts and their blocks while they are collected.
#[derive(Debug, Default)]
struct Collected {
    places: HashMap<Box<str>, usize, Fast>,
    terms: Vec<(Box<str>, Blocks)>,
    /// The place of the last one: entries of one caller often follow each other.
    last: usize,
    overflow: Overflow,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Overflow {
    #[default]
    Within,
    Beyond,
}

impl Collected {
    fn add(&mut self, text: &str, block: usize) {
        if self.terms.get(self.last).is_none_or(|(term, _)| **term != *text) {
            match self.places.get(text) {
                Some(place) => self.last = *place,
                None if self.terms.len() < TERMS_MAX => {
                    self.last = self.terms.len();
                    self.places.insert(text.into(), self.last);
                    self.terms.push((text.into(), Blocks::default()));
                }
                None => {
                    self.overflow = Overflow::Beyond;
                    return;
                }
            }
        }
        if let Some((_, blocks)) = self.terms.get_mut(self.last) {
            blocks.add(block);
        }
    }

    fn terms(&self, name: impl Fn(&str) -> String) -> Terms {
        match self.overflow {
            Overflow::Beyond => Terms::Any,
            Overflow::Within => {
                let mut terms: Vec<_> =
                    self.terms.iter().map(|(term, blocks)| (name(term), blocks.clone())).collect();
                terms.sort_by(|(one, _), (other, _)| one.cmp(other));
                Terms::Listed(terms)
            }
        }
    }
}
