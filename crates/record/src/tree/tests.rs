//! The tree against the recursion of the RFC, against its published values, and against another implementation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;

use super::proof::*;
use super::*;

/// RFC 6962 section 2.1, as it is written.
fn naive(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&naive(left), &naive(right))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect()
}

struct Stored {
    hashes: Vec<Hash>,
    frontier: Frontier,
}

fn stored(count: u64) -> Stored {
    let mut stored = Stored { hashes: Vec::new(), frontier: Frontier::new() };
    for leaf in leaves(count) {
        stored.frontier.append(leaf, |hash| stored.hashes.push(hash));
    }
    stored
}

impl Nodes for Stored {
    fn node(&self, position: u64) -> Option<Hash> {
        self.hashes.get(usize::try_from(position).ok()?).copied()
    }
}

#[test]
fn has_the_published_roots() {
    use base64::prelude::{BASE64_STANDARD, Engine};
    assert_eq!(
        BASE64_STANDARD.encode(Frontier::new().root().0),
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    );
    // The eight leaves and roots that the tests of Certificate Transparency publish.
    let inputs: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let mut frontier = Frontier::new();
    let mut roots = Vec::new();
    for input in inputs {
        frontier.append(leaf_hash(input), |_| ());
        roots.push(format!("{:?}", frontier.root()));
    }
    assert_eq!(roots[0], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_eq!(roots[1], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    assert_eq!(roots[2], "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
    assert_eq!(roots[7], "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

#[test]
fn agrees_with_the_recursion_at_every_small_size_and_at_the_boundaries() {
    for count in (0..70).chain([127, 128, 129, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000])
    {
        let stored = stored(count);
        assert_eq!(stored.frontier.root(), naive(&leaves(count)), "{count}");
        assert_eq!(stored.hashes.len() as u64, stored_before(count), "{count}");
        assert_eq!(frontier(&stored, count), Some(stored.frontier.clone()), "{count}");
    }
}

#[test]
fn every_full_node_is_where_its_position_says() {
    let leaves = leaves(300);
    let stored = stored(300);
    for level in 0..=8_u8 {
        let width = 1 << level;
        for (index, span) in (0..).zip(leaves.chunks_exact(width)) {
            let position = position(level, index).unwrap();
            assert_eq!(stored.node(position), Some(naive(span)), "{level} {index}");
        }
    }
    assert_eq!(position(0, LEAVES_MAX), None);
    assert_eq!(position(63, 1), None);
    assert_eq!(position(64, 0), None);
}

#[test]
fn every_inclusion_proof_of_small_trees_verifies_and_no_other_leaf_does() {
    for size in 1..=40_u64 {
        let (leaves, stored) = (leaves(size), stored(size));
        let root = stored.frontier.root();
        for index in 0..size {
            let path = prove_inclusion(&stored, index, size).unwrap();
            for (other, &leaf) in (0..).zip(&leaves) {
                assert_eq!(
                    verify_inclusion(leaf, index, size, root, &path),
                    other == index,
                    "{size} {index}"
                );
            }
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert!(!verify_inclusion(leaf, index, size + 40, root, &path));
            assert!(!verify_inclusion(leaf, index, size, root, &[&path[..], &[root]].concat()));
            assert!(path.is_empty() || !verify_inclusion(leaf, index, size, root, &path[1..]));
        }
        assert_eq!(prove_inclusion(&stored, size, size), None);
    }
}

#[test]
fn every_consistency_proof_of_small_trees_verifies_and_no_other_root_does() {
    for new in 0..=40_u64 {
        let after = stored(new);
        for old in 0..=new {
            let before = stored(old).frontier.root();
            let root = after.frontier.root();
            let path = prove_consistency(&after, old, new).unwrap();
            assert!(verify_consistency(old, before, new, root, &path), "{old} {new}");
            let other = leaf_hash(b"other");
            assert!(!verify_consistency(old, other, new, root, &path), "{old} {new}");
            if 0 < old {
                assert!(!verify_consistency(old, before, new, other, &path), "{old} {new}");
            }
        }
        assert_eq!(prove_consistency(&after, new + 1, new), None);
    }
}

/// `ct-merkle` was written by others from the same RFC.
#[test]
fn another_implementation_has_the_same_roots_and_takes_our_proofs() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for count in 1..=130_u64 {
        theirs.push((count - 1).to_be_bytes().to_vec());
        let ours = stored(count);
        let root = theirs.root();
        assert_eq!(root.as_bytes()[..], ours.frontier.root().0);
        let index = count / 3;
        let path = prove_inclusion(&ours, index, count).unwrap();
        let path = InclusionProof::try_from_bytes(path.iter().flat_map(|hash| hash.0).collect()).unwrap();
        root.verify_inclusion(&index.to_be_bytes().to_vec(), index, &path).unwrap();
        let old = count / 2;
        if 0 < old {
            let path = prove_consistency(&ours, old, count).unwrap();
            let path =
                ConsistencyProof::try_from_bytes(path.iter().flat_map(|hash| hash.0).collect()).unwrap();
            let before = RootHash::<Sha256>::new(stored(old).frontier.root().0.into(), old);
            root.verify_consistency(&before, &path).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn proofs_between_any_sizes_verify(new in 1_u64..3_000, old in 0_u64..3_000, index in 0_u64..3_000) {
        let (old, index) = (old % (new + 1), index % new);
        let stored = stored(new);
        let root = stored.frontier.root();
        let path = prove_inclusion(&stored, index, new).unwrap();
        prop_assert!(verify_inclusion(leaf_hash(&index.to_be_bytes()), index, new, root, &path));
        let path = prove_consistency(&stored, old, new).unwrap();
        let before = frontier(&stored, old).unwrap().root();
        prop_assert!(verify_consistency(old, before, new, root, &path));
    }

    #[test]
    fn verifying_never_panics(
        index in any::<u64>(), size in any::<u64>(), old in any::<u64>(),
        path in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let path: Vec<_> = path.into_iter().map(Hash).collect();
        let root = empty_root();
        prop_assert!(!verify_inclusion(root, index, size, root, &path) || size == 1);
        prop_assert!(!verify_consistency(old, root, size, root, &path) || old == size || old == 0);
    }
}
