//! The exact, bounded decision cache of one worker.
//!
//! A stored answer is given again only to a request whose key is equal in every part: the content of its slice and
//! every fact that the slice reads, typed and side by side, never joined into one text (security case 94). The
//! hash only chooses where to look. Keys name content, so an entry stays true across revisions, and an entry of a
//! policy that is gone is simply never asked for again. Answers with an error are never stored.

mod key;

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

pub(crate) use key::{Key, StoredKey, can_be_keyed};

use crate::ruling::Ruling;

/// The most decisions that are remembered by default.
pub const DECISIONS_MAX: usize = 16_384;
/// How many entries share one place; within a place the least recently used goes first.
const WAYS: usize = 4;

/// How a cache has served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounters {
    pub hits: u64,
    pub misses: u64,
    /// Requests whose slice reads a fact that is not worth remembering.
    pub uncacheable: u64,
}

/// Remembers decisions. One per worker, passed as `&mut`.
#[derive(Debug)]
pub struct DecisionCache {
    hasher: RandomState,
    sets: Box<[Set]>,
    counters: CacheCounters,
}

type Set = [Option<Box<Entry>>; WAYS];

#[derive(Debug)]
struct Entry {
    hash: u64,
    key: StoredKey,
    ruling: Ruling,
}

impl Default for DecisionCache {
    fn default() -> Self {
        Self::with_capacity(DECISIONS_MAX)
    }
}

impl DecisionCache {
    /// A cache of [`DECISIONS_MAX`] decisions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A cache of at most `decisions`, at least one set of four.
    #[must_use]
    pub fn with_capacity(decisions: usize) -> Self {
        let sets = (decisions / WAYS).max(1);
        Self {
            hasher: RandomState::default(),
            sets: (0..sets).map(|_| Set::default()).collect(),
            counters: CacheCounters::default(),
        }
    }

    #[must_use]
    pub fn counters(&self) -> CacheCounters {
        self.counters
    }

    /// How many decisions are remembered. Counts them: for tests and listings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.iter().flatten().flatten().count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything; counters stay.
    pub fn clear(&mut self) {
        self.sets.iter_mut().for_each(|set| *set = Set::default());
    }

    pub(crate) fn count_uncacheable(&mut self) {
        self.counters.uncacheable += 1;
    }

    pub(crate) fn find(&mut self, key: &Key<'_>) -> Option<&Ruling> {
        let hash = self.hasher.hash_one(key);
        let place = place(hash, self.sets.len());
        let is_it = |way: &Option<Box<Entry>>| {
            way.as_ref().is_some_and(|entry| entry.hash == hash && entry.key.equals(key))
        };
        let set = self.sets.get_mut(place)?;
        let Some(way) = set.iter().position(is_it) else {
            self.counters.misses += 1;
            return None;
        };
        self.counters.hits += 1;
        if 0 < way {
            set.get_mut(..=way)?.rotate_right(1);
        }
        set.first()?.as_ref().map(|entry| &entry.ruling)
    }

    pub(crate) fn insert(&mut self, key: &Key<'_>, ruling: Ruling) {
        let hash = self.hasher.hash_one(key);
        let place = place(hash, self.sets.len());
        if let Some(set) = self.sets.get_mut(place) {
            set.rotate_right(1);
            if let Some(first) = set.first_mut() {
                *first = Some(Box::new(Entry { hash, key: key.store(), ruling }));
            }
        }
    }
}

/// A set for a hash, without a division: the upper bits of the product are evenly spread.
fn place(hash: u64, sets: usize) -> usize {
    let sets = u64::try_from(sets).unwrap_or(u64::MAX);
    let product = u128::from(hash) * u128::from(sets);
    usize::try_from(product >> 64).unwrap_or(0)
}
