//! Proofs: what verifies, and everything near it that must not.

use model::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::encode::{put_closed_leaf, put_decided_leaf};
use crate::segment::PersonalPart;
use crate::tree::proof::prove_inclusion;
use crate::tree::{Frontier, commit};
use crate::{Closed, Signer, fuzz};

fn signer() -> Signer {
    Signer::from_seed("example.com/log", &[7; 32]).unwrap()
}

/// A proof of a decision at index 3 of a log of ten entries.
fn proof() -> Proof {
    let mut public = Vec::new();
    crate::encode::put_decided(&mut public, &decision());
    let mut leaf = Vec::new();
    put_decided_leaf(&mut leaf, &public, &commit(&[5; 16], b"part"));
    let stored = Stored { leaf: &leaf, personal: Some(PersonalPart { salt: [5; 16], bytes: b"part" }) };
    let (mut frontier, mut hashes) = (Frontier::new(), Vec::new());
    for index in 0..10_u8 {
        let hash = if index == 3 { leaf_hash(&leaf) } else { leaf_hash(&[index]) };
        frontier.append(hash, |hash| hashes.push(hash));
    }
    let nodes = |position: u64| hashes.get(usize::try_from(position).ok()?).copied();
    let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 10, root: frontier.root() };
    let note = checkpoint.sign(&signer()).unwrap();
    Proof::new(3, prove_inclusion(&nodes, 3, 10).unwrap(), &stored, note)
}

fn decision<'a>() -> crate::Decided<'a> {
    use model::{DecisionId, RevisionNumber, Snapshots, Strength, Verdict};
    crate::Decided {
        id: DecisionId::new(Timestamp::from_seconds(1), 1),
        time: Timestamp::from_seconds(1),
        snapshots: Snapshots { revision: RevisionNumber(1), keys: 1, stops: 1 },
        verdict: Verdict::Allowed,
        reason: None,
        code: "",
        api: "orders",
        operation: "orders:GET /",
        mode: crate::Carried::Enforced,
        policies: &[],
        observed: &[],
        strength: Strength::SharedSecret,
        personal: crate::Personal::UNKNOWN,
    }
}

#[test]
fn a_proof_verifies_from_its_text_and_the_key_alone() {
    let proof = proof();
    let text = proof.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
    let read = Proof::parse(text.as_bytes()).unwrap();
    assert_eq!(read, proof);
    let proven = read.verify(signer().verifier()).unwrap();
    assert_eq!(
        (proven.index, proven.checkpoint.size, proven.personal.as_deref()),
        (3, 10, Some(&b"part"[..]))
    );
    let erased =
        Proof::new(3, proof.path.clone(), &proof.stored().unwrap().erased(), proof.checkpoint.clone());
    assert_eq!(erased.verify(signer().verifier()).unwrap().personal, None);
}

#[test]
fn whatever_is_changed_is_refused() {
    let proof = proof();
    let verifier = signer().verifier().clone();
    let stored = proof.stored().unwrap();
    let with = |stored: Stored<'_>| Proof::new(3, proof.path.clone(), &stored, proof.checkpoint.clone());
    let part = |salt, bytes| Some(PersonalPart { salt, bytes });
    let mut closed = Vec::new();
    put_closed_leaf(&mut closed, &Closed { time: Timestamp::MIN });
    for (what, changed, expected) in [
        ("the part", with(Stored { personal: part([5; 16], b"pert"), ..stored }), ProofError::Commitment),
        ("the salt", with(Stored { personal: part([6; 16], b"part"), ..stored }), ProofError::Commitment),
        ("the leaf", with(Stored { leaf: &closed, personal: None }), ProofError::NotIncluded),
        ("the index", Proof { index: 2, ..proof.clone() }, ProofError::NotIncluded),
        ("the path", Proof { path: proof.path[1..].to_vec(), ..proof.clone() }, ProofError::NotIncluded),
        ("no entry", Proof { extra: None, ..proof.clone() }, ProofError::NoEntry),
    ] {
        assert_eq!(changed.verify(&verifier).unwrap_err(), expected, "{what}");
    }
    let other = Signer::from_seed("example.com/log", &[8; 32]).unwrap();
    assert!(matches!(proof.verify(other.verifier()), Err(ProofError::Checkpoint(_))));
}

#[test]
fn refuses_what_is_no_proof() {
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let taken = format!("c2sp.org/tlog-proof@v1\nindex 0\n{hash}\n\ncheckpoint\n");
    assert!(Proof::parse(taken.as_bytes()).is_ok());
    for text in [
        String::new(),
        "wrong\nindex 0\n\ncheckpoint\n".into(),
        "c2sp.org/tlog-proof@v1\n\ncheckpoint\n".into(),
        "c2sp.org/tlog-proof@v1\nindex 00\n\ncheckpoint\n".into(),
        "c2sp.org/tlog-proof@v1\nindex -1\n\ncheckpoint\n".into(),
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\ncheckpoint\n".into(),
        "c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\ncheckpoint\n".into(),
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\ncheckpoint\n".into(),
        "c2sp.org/tlog-proof@v1\nindex 0\n\n".into(),
        "c2sp.org/tlog-proof@v1\nindex 0\ncheckpoint\n".into(),
        format!("c2sp.org/tlog-proof@v1\nindex 0\n{}\ncheckpoint\n", format!("{hash}\n").repeat(65)),
    ] {
        assert_eq!(Proof::parse(text.as_bytes()), Err(ProofError::Form), "{text}");
    }
}

proptest! {
    #[test]
    fn no_flipped_bit_of_the_file_still_verifies(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = proof().to_string().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let verified = Proof::parse(&bytes).and_then(|proof| proof.verify(signer().verifier()));
        prop_assert!(verified.is_err(), "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(fuzz::proof(&bytes), Ok(()));
    }
}
