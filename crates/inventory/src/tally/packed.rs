//! The parts of a tally in as few bytes as they need, since there are as many tallies as paths that are kept.

use crate::sketch::{self, LEAST};

/// The least and the greatest of what was seen, of which there may be neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The greatest number stands for none.
    least: i64,
    /// The least number stands for none.
    greatest: i64,
}

impl Default for Extent {
    fn default() -> Self {
        Self { least: i64::MAX, greatest: i64::MIN }
    }
}

impl Extent {
    /// What was seen before, if anything was.
    pub(crate) fn of(least: Option<i64>, greatest: Option<i64>) -> Self {
        Self { least: least.unwrap_or(i64::MAX), greatest: greatest.unwrap_or(i64::MIN) }
    }

    pub(crate) fn least(self) -> Option<i64> {
        Some(self.least).filter(|least| *least != i64::MAX)
    }

    pub(crate) fn greatest(self) -> Option<i64> {
        Some(self.greatest).filter(|greatest| *greatest != i64::MIN)
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }
}

/// How often each status was answered, and who called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Statuses with their counts, packed and ascending, then the least hashes of callers, ascending and distinct.
    list: Box<[u64]>,
    statuses: u16,
}

/// A count is in the lower bits, its status in those above.
const COUNT_BITS: u32 = 48;
/// 281 million million: no log has as many lines, so that a count stays there says nothing wrong.
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

fn pack(status: u16, count: u64) -> u64 {
    (u64::from(status) << COUNT_BITS) | count.min(COUNT_MAX)
}

fn status(packed: u64) -> u16 {
    u16::try_from(packed >> COUNT_BITS).unwrap_or(u16::MAX)
}

impl Marks {
    /// Statuses with their counts, ascending.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        self.parts().0.iter().map(|packed| (status(*packed), packed & COUNT_MAX))
    }

    /// The least hashes of callers, ascending.
    pub(crate) fn callers(&self) -> &[u64] {
        self.parts().1
    }

    pub(crate) fn add_status(&mut self, added: u16, count: u64) {
        let end = usize::from(self.statuses).min(self.list.len());
        let Some(statuses) = self.list.get_mut(..end) else { return };
        match statuses.binary_search_by(|packed| status(*packed).cmp(&added)) {
            Ok(place) => {
                if let Some(packed) = statuses.get_mut(place) {
                    *packed = pack(added, (*packed & COUNT_MAX).saturating_add(count));
                }
            }
            Err(place) => {
                if let Some(statuses) = self.statuses.checked_add(1) {
                    self.statuses = statuses;
                    self.insert(place, pack(added, count));
                }
            }
        }
    }

    pub(crate) fn add_caller(&mut self, hash: u64) {
        let from = usize::from(self.statuses).min(self.list.len());
        let Some(callers) = self.list.get_mut(from..) else { return };
        let full = callers.len() >= LEAST;
        if full && callers.last().is_some_and(|last| *last <= hash) {
            return;
        }
        let Err(place) = callers.binary_search(&hash) else { return };
        if !full {
            self.insert(from.saturating_add(place), hash);
        } else if let Some(behind) = callers.get_mut(place..) {
            behind.rotate_right(1);
            if let Some(first) = behind.first_mut() {
                *first = hash;
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (status, count) in other.statuses() {
            self.add_status(status, count);
        }
        for hash in other.callers() {
            self.add_caller(*hash);
        }
    }

    /// How many distinct callers there were: exact where they are few.
    pub(crate) fn estimate(&self) -> u64 {
        sketch::estimate(self.callers())
    }

    fn parts(&self) -> (&[u64], &[u64]) {
        self.list.split_at_checked(usize::from(self.statuses)).unwrap_or((&self.list, &[]))
    }

    /// Lists are short and soon stay as they are, so no room is left in them.
    fn insert(&mut self, place: usize, entry: u64) {
        let mut list = std::mem::take(&mut self.list).into_vec();
        list.reserve_exact(1);
        list.insert(place.min(list.len()), entry);
        self.list = list.into_boxed_slice();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_extent_of_nothing_has_no_ends_and_changes_no_other() {
        let mut extent = Extent::default();
        assert_eq!((extent.least(), extent.greatest()), (None, None));
        let seen = Extent::of(Some(-3), Some(9));
        extent.join(seen);
        extent.join(Extent::default());
        assert_eq!((extent.least(), extent.greatest()), (Some(-3), Some(9)));
        extent.join(Extent::of(Some(4), None));
        assert_eq!(extent, seen);
    }

    #[test]
    fn counts_and_the_number_of_statuses_have_ends() {
        let mut marks = Marks::default();
        for _ in 0..2 {
            marks.add_status(u16::MAX, u64::MAX);
            marks.add_status(0, COUNT_MAX - 1);
        }
        assert_eq!(marks.statuses().collect::<Vec<_>>(), [(0, COUNT_MAX), (u16::MAX, COUNT_MAX)]);
        marks.add_caller(7);
        for status in 0..=u16::MAX {
            marks.add_status(status, 1);
        }
        assert_eq!(marks.statuses().count(), usize::from(u16::MAX));
        assert_eq!(marks.callers(), [7]);
    }

    proptest! {
        #[test]
        fn marks_are_what_maps_and_sets_would_be(
            seen in prop::collection::vec((prop::sample::select(vec![0_u16, 200, 201, 404, 999]), 1_u64..9, 0_u64..60), 0..80),
            cut in any::<prop::sample::Index>(),
        ) {
            let (mut marks, mut front, mut back) = (Marks::default(), Marks::default(), Marks::default());
            let (mut statuses, mut callers) = (BTreeMap::new(), BTreeSet::new());
            let cut = cut.index(seen.len() + 1);
            for (number, &(status, count, caller)) in seen.iter().enumerate() {
                for marks in [&mut marks, if number < cut { &mut front } else { &mut back }] {
                    marks.add_status(status, count);
                    marks.add_caller(caller);
                }
                *statuses.entry(status).or_insert(0) += count;
                callers.insert(caller);
            }
            prop_assert_eq!(marks.statuses().collect::<Vec<_>>(), statuses.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(marks.callers(), callers.into_iter().take(LEAST).collect::<Vec<_>>());
            front.merge(&back);
            prop_assert_eq!(front, marks);
        }
    }
}
