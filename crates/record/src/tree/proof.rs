//! Proofs of inclusion and of consistency (RFC 6962 sections 2.1.1 and 2.1.2; verified as RFC 9162 writes).
//!
//! Who proves reads nodes of full subtrees from storage; who verifies needs the proof alone.

use super::{Frontier, Hash, node_hash, position};

/// Reads a stored hash by its position; `None` where there is none.
pub trait Nodes {
    fn node(&self, position: u64) -> Option<Hash>;
}

impl<F: Fn(u64) -> Option<Hash>> Nodes for F {
    fn node(&self, position: u64) -> Option<Hash> {
        self(position)
    }
}

/// The root of the subtree over the leaves `from..to`, where `from` is a multiple of the least power of two that
/// holds them, as it is for every subtree of RFC 6962. `None` where a node is missing.
fn subtree(nodes: &impl Nodes, from: u64, to: u64) -> Option<Hash> {
    let mut roots = Vec::new();
    let mut start = from;
    while start < to {
        let level = (to - start).ilog2();
        let width = 1_u64 << level;
        roots.push(nodes.node(position(u8::try_from(level).ok()?, start >> level)?)?);
        start += width;
    }
    roots.into_iter().rev().reduce(|right, left| node_hash(&left, &right))
}

/// The largest power of two below `count`, for counts of at least two.
const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The full subtrees of a tree of `size` leaves; `None` where a node is missing.
pub fn frontier(nodes: &impl Nodes, size: u64) -> Option<Frontier> {
    let mut roots = Vec::new();
    let mut start = 0;
    while start < size {
        let level = (size - start).ilog2();
        roots.push(nodes.node(position(u8::try_from(level).ok()?, start >> level)?)?);
        start += 1 << level;
    }
    Frontier::of(size, roots)
}

/// Proves that leaf `index` is in the tree of `size` leaves; `None` where it is not or a node is missing.
pub fn prove_inclusion(nodes: &impl Nodes, index: u64, size: u64) -> Option<Vec<Hash>> {
    if size <= index {
        return None;
    }
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while 1 < to - from {
        let middle = from + split(to - from);
        if index < middle {
            path.push(subtree(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(subtree(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `path` shows that `leaf` is number `index` of the tree of `size` leaves under `root`.
#[must_use]
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, root: Hash, path: &[Hash]) -> bool {
    if size <= index {
        return false;
    }
    let (mut node, mut number, mut last) = (leaf, index, size - 1);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if number & 1 == 1 || number == last {
            node = node_hash(sibling, &node);
            while number & 1 == 0 && number != 0 {
                number >>= 1;
                last >>= 1;
            }
        } else {
            node = node_hash(&node, sibling);
        }
        number >>= 1;
        last >>= 1;
    }
    last == 0 && node == root
}

/// Proves that the tree of `old` leaves is the beginning of the tree of `new`; `None` where a node is missing.
/// The proof is empty where there is nothing to prove: from the empty tree, and to the same size.
pub fn prove_consistency(nodes: &impl Nodes, old: u64, new: u64) -> Option<Vec<Hash>> {
    if new < old {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let (mut from, mut to) = (0, new);
    let mut path = Vec::new();
    // INVARIANT: the old tree ends within `from..to` or at `to`.
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(subtree(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(subtree(nodes, from, middle)?);
            from = middle;
        }
    }
    // Where the old tree is a full subtree on the left edge, the verifier knows its hash already.
    if from != 0 {
        path.push(subtree(nodes, from, to)?);
    }
    path.reverse();
    Some(path)
}

/// Whether `path` shows that the tree of `old` leaves under `old_root` is the beginning of the other.
#[must_use]
pub fn verify_consistency(old: u64, old_root: Hash, new: u64, new_root: Hash, path: &[Hash]) -> bool {
    if new < old {
        return false;
    }
    if old == new {
        return path.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return path.is_empty() && old_root == super::empty_root();
    }
    let (mut number, mut last) = (old - 1, new - 1);
    while number & 1 == 1 {
        number >>= 1;
        last >>= 1;
    }
    let mut rest = path.iter();
    let first = if old.is_power_of_two() { Some(&old_root) } else { rest.next() };
    let Some(&first) = first else { return false };
    let (mut before, mut after) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if number & 1 == 1 || number == last {
            before = node_hash(sibling, &before);
            after = node_hash(sibling, &after);
            while number & 1 == 0 && number != 0 {
                number >>= 1;
                last >>= 1;
            }
        } else {
            after = node_hash(&after, sibling);
        }
        number >>= 1;
        last >>= 1;
    }
    last == 0 && before == old_root && after == new_root
}
