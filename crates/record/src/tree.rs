//! The RFC 6962 tree: hashes of leaves and nodes, the frontier that grows it, and where nodes are stored.
//!
//! Every node whose subtree is full never changes again. Those are stored in post-order, one behind the other:
//! a leaf, then each node that it completes. So the file of hashes only ever grows, a node is found by
//! arithmetic, and a proof reads a handful of them. On average a leaf costs two hashes: its own and one node.

pub mod proof;

use std::fmt;

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The hash of a leaf (RFC 6962 section 2.1): `SHA-256(0x00 || leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into())
}

/// The hash of a node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the tree without leaves: the hash of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest(b"").into())
}

/// The commitment to a personal part under its salt, which is as secret as the part and is erased with it.
#[must_use]
pub fn commit(salt: &[u8; 16], personal: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update(salt).chain_update(personal).finalize().into())
}

/// The bound of leaves, which keeps all arithmetic on positions within 64 bits.
pub const LEAVES_MAX: u64 = 1 << 56;

/// Where the node `index` of `level` is stored, counted in hashes; leaves are level 0. `None` beyond the bound.
#[must_use]
pub fn position(level: u8, index: u64) -> Option<u64> {
    let last = index.checked_add(1)?.checked_shl(u32::from(level))?.checked_sub(1)?;
    if LEAVES_MAX <= last || last >> level != index {
        return None;
    }
    Some(stored_before(last) + u64::from(level))
}

/// How many hashes are stored before leaf `leaf`, which is how many a tree of that many leaves stores.
#[must_use]
pub const fn stored_before(leaf: u64) -> u64 {
    // Each of the nodes that are full has two children among what is stored, but for the roots of full subtrees.
    2 * leaf - leaf.count_ones() as u64
}

/// The roots of the full subtrees from left to right: all that is needed to append and to know the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One per bit of `size`, the largest subtree first.
    roots: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, roots: Vec::new() }
    }

    /// A tree of `size` leaves from its full subtrees; `None` when they are not one per bit of the size.
    #[must_use]
    pub fn of(size: u64, roots: Vec<Hash>) -> Option<Self> {
        let expected = usize::try_from(size.count_ones()).ok()?;
        (size <= LEAVES_MAX && roots.len() == expected).then_some(Self { size, roots })
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the full subtrees, the largest first.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Appends a leaf and hands each hash that is to be stored to `store`, in the order of storage.
    pub fn append(&mut self, leaf: Hash, mut store: impl FnMut(Hash)) {
        let mut node = leaf;
        store(node);
        let mut rest = self.size;
        while rest & 1 == 1 {
            // INVARIANT: there is one root per bit of `size`, so an odd rest has a root to merge with.
            if let Some(left) = self.roots.pop() {
                node = node_hash(&left, &node);
                store(node);
            }
            rest >>= 1;
        }
        self.roots.push(node);
        self.size += 1;
    }

    /// The root of the whole tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(&last) = roots.next() else {
            return empty_root();
        };
        roots.fold(last, |right, left| node_hash(left, &right))
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
