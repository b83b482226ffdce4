//! Hashes that never change, and samples chosen by them.

/// A hash of `bytes` that is the same in each build and on each machine, since saved states are merged by it: FNV-1a with the finaliser of
/// SplitMix64. It is no defence against somebody who chooses values for their hashes; what such a person gains is a place among the samples.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Puts an element in its place. Most lists have one or two, so room is made for no more than are there at first.
pub(crate) fn insert<T>(list: &mut Vec<T>, place: usize, element: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().clamp(1, 64));
    }
    list.insert(place.min(list.len()), element);
}

/// How many of the least hashes of a set are kept, which give an estimate of its size (Bar-Yossef and others, 2002) and a uniform sample of it.
/// The estimate's standard error is about 1 / sqrt(14): enough to tell one caller from ten from thousands.
pub(crate) const LEAST: usize = 16;

/// How many distinct hashes there were, of which these are the least, ascending: exact below [`LEAST`].
pub(crate) fn estimate(least: &[u64]) -> u64 {
    match least.last() {
        Some(last) if least.len() == LEAST => {
            let share = u128::from(*last).saturating_add(1);
            let kept = u128::try_from(LEAST).unwrap_or(1).saturating_sub(1);
            u64::try_from((kept << 64) / share).unwrap_or(u64::MAX)
        }
        Some(_) | None => u64::try_from(least.len()).unwrap_or(u64::MAX),
    }
}

/// A bounded map that keeps the entries with the least hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeastMap<V> {
    /// Ascending by hash.
    entries: Vec<(u64, V)>,
    limit: usize,
}

impl<V> LeastMap<V> {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit }
    }

    /// Makes the entry, or joins it with the one that is there.
    pub(crate) fn upsert(&mut self, hash: u64, make: impl FnOnce() -> V, join: impl FnOnce(&mut V)) {
        if self.entries.len() == self.limit && self.entries.last().is_some_and(|last| last.0 < hash) {
            return;
        }
        match self.entries.binary_search_by(|entry| entry.0.cmp(&hash)) {
            Ok(place) => {
                if let Some(entry) = self.entries.get_mut(place) {
                    join(&mut entry.1);
                }
            }
            Err(place) if place < self.limit => {
                if self.entries.len() == self.limit {
                    self.entries.pop();
                }
                insert(&mut self.entries, place, (hash, make()));
            }
            Err(_) => {}
        }
    }

    pub(crate) fn find(&self, hash: u64) -> Option<&V> {
        let place = self.entries.binary_search_by(|entry| entry.0.cmp(&hash)).ok()?;
        self.entries.get(place).map(|entry| &entry.1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.entries.iter().map(|entry| (entry.0, &entry.1))
    }

    pub(crate) fn into_entries(self) -> Vec<(u64, V)> {
        self.entries
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
