//! Hosts that answer paths which do not exist with a page and success.

use std::collections::{BTreeMap, BTreeSet};

use crate::method::Method;
use crate::settings::Thresholds;
use crate::tally::Tally;
use crate::tree::{self, EndKey, Node};

/// The sizes of such pages, and where they were answered.
#[derive(Debug, Default)]
pub(crate) struct SoftPages {
    sizes: BTreeSet<(bool, i64)>,
    seen: Vec<(String, u64)>,
}

impl SoftPages {
    pub(crate) fn find(roots: [&Node; 2], thresholds: &Thresholds) -> Self {
        let mut places: BTreeMap<(bool, i64), (usize, BTreeSet<&str>)> = BTreeMap::new();
        for root in roots {
            gather(root, None, thresholds.soft_firsts, &mut places);
        }
        let sizes = places
            .into_iter()
            .filter(|(_, (count, firsts))| {
                *count >= thresholds.soft_places && firsts.len() >= thresholds.soft_firsts
            })
            .map(|(size, _)| size)
            .collect();
        Self { sizes, seen: Vec::new() }
    }

    /// The tree without such pages; nothing if no such size of the tree's kind is known.
    pub(crate) fn prune(&mut self, root: &Node) -> Option<Node> {
        if self.sizes.is_empty() {
            return None;
        }
        let mut pruned = root.clone();
        self.prune_at(&mut pruned, &mut String::new());
        Some(pruned)
    }

    pub(crate) fn into_seen(self) -> Vec<(String, u64)> {
        self.seen
    }

    fn prune_at(&mut self, node: &mut Node, path: &mut String) {
        let sizes = &self.sizes;
        let seen = &mut self.seen;
        let mut ends = std::mem::take(&mut node.ends).into_vec();
        ends.retain(|(key, tally)| {
            let soft = signature(*key, tally).is_some_and(|signature| sizes.contains(&signature));
            if soft {
                let shown = if path.is_empty() { "/" } else { path.as_str() };
                seen.push((format!("{} {shown}", key.method.name()), tally.count));
            }
            !soft
        });
        node.ends = ends.into_boxed_slice();
        let mut total: u64 = node.ends.iter().map(|(_, tally)| tally.count).sum();
        for group in [&mut node.words, &mut node.typed].into_iter().filter_map(|siblings| siblings.any()) {
            for kid in &mut group.kids {
                let length = path.len();
                match kid.text.strip_prefix(tree::JOINED) {
                    Some(tail) => path.push_str(&tree::written(tail)),
                    None => {
                        path.push('/');
                        path.push_str(&tree::written(&kid.text));
                    }
                }
                self.prune_at(&mut kid.node, path);
                path.truncate(length);
                total = total.saturating_add(kid.node.total);
            }
            group.kids.retain(|kid| kid.node.total > 0);
            if let Some(rest) = &mut group.rest {
                let length = path.len();
                path.push_str("/{}");
                self.prune_at(rest, path);
                path.truncate(length);
                total = total.saturating_add(rest.total);
            }
            group.rest.take_if(|rest| rest.total == 0);
        }
        node.total = total;
    }
}

/// The size that all answers of an end had, where they could be such pages: HTML, or of a type that the source does not tell.
fn signature(key: EndKey, tally: &Tally) -> Option<(bool, i64)> {
    if !key.page && (tally.types().next().is_some() || key.method != Method::GET || tally.more().named > 0) {
        return None;
    }
    let size = tally.sizes.least().filter(|size| tally.sizes.greatest() == Some(*size))?;
    Some((key.page, size))
}

fn gather<'a>(
    node: &'a Node,
    first: Option<&'a str>,
    firsts: usize,
    places: &mut BTreeMap<(bool, i64), (usize, BTreeSet<&'a str>)>,
) {
    for (key, tally) in &node.ends {
        if let Some(signature) = signature(*key, tally) {
            let entry = places.entry(signature).or_default();
            entry.0 = entry.0.saturating_add(1);
            if entry.1.len() < firsts {
                entry.1.extend(first);
            }
        }
    }
    for group in [&node.words, &node.typed] {
        for kid in &group.kids {
            gather(&kid.node, first.or(Some(&kid.text)), firsts, places);
        }
        if let Some(rest) = &group.rest {
            gather(rest, first, firsts, places);
        }
    }
}
