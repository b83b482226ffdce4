//! Hosts that answer paths which do not exist with a page and success.

use std::collections::{BTreeMap, BTreeSet};

use crate::method::Method;
use crate::tally::Tally;
use crate::tree::{EndKey, Node};

/// One size for so many unlike paths is a page that stands for "not found"; interfaces that answer one size do so on alike paths.
const PLACES_MIN: usize = 8;
/// Distinct first segments among them.
const FIRSTS_MIN: usize = 6;

/// The sizes of such pages, and where they were answered.
#[derive(Debug, Default)]
pub(crate) struct SoftPages {
    sizes: BTreeSet<(bool, u64)>,
    seen: Vec<(String, u64)>,
}

impl SoftPages {
    pub(crate) fn find(root: &Node) -> Self {
        let mut places: BTreeMap<(bool, u64), (usize, BTreeSet<&str>)> = BTreeMap::new();
        gather(root, None, &mut places);
        let sizes = places
            .into_iter()
            .filter(|(_, (count, firsts))| *count >= PLACES_MIN && firsts.len() >= FIRSTS_MIN)
            .map(|(size, _)| size)
            .collect();
        Self { sizes, seen: Vec::new() }
    }

    pub(crate) fn is_soft(&self, key: EndKey, tally: &Tally) -> bool {
        signature(key, tally).is_some_and(|signature| self.sizes.contains(&signature))
    }

    pub(crate) fn saw(&mut self, path: String, count: u64) {
        self.seen.push((path, count));
    }

    pub(crate) fn into_seen(self) -> Vec<(String, u64)> {
        self.seen
    }
}

/// The size that all answers of an end had, where they could be such pages: HTML, or of a type that the source does not tell.
fn signature(key: EndKey, tally: &Tally) -> Option<(bool, u64)> {
    if !key.page && (!tally.types.is_empty() || key.method != Method::GET || tally.named > 0) {
        return None;
    }
    let size = tally.size_least.filter(|size| tally.size_greatest == Some(*size))?;
    Some((key.page, size))
}

fn gather<'a>(
    node: &'a Node,
    first: Option<&'a str>,
    places: &mut BTreeMap<(bool, u64), (usize, BTreeSet<&'a str>)>,
) {
    for (key, tally) in &node.ends {
        if let Some(signature) = signature(*key, tally) {
            let entry = places.entry(signature).or_default();
            entry.0 = entry.0.saturating_add(1);
            if entry.1.len() < FIRSTS_MIN {
                entry.1.extend(first);
            }
        }
    }
    for group in [&node.words, &node.typed] {
        for kid in &group.kids {
            gather(&kid.node, first.or(Some(&kid.text)), places);
        }
        if let Some(rest) = &group.rest {
            gather(rest, first, places);
        }
    }
}
