//! Segments whole, torn at every byte and flipped at any, and the fuzz functions over mutated ones.

use model::{DecisionId, DenyReason, RevisionNumber, Snapshots, Strength, Verdict};
use proptest::prelude::*;

use super::index::{Indexer, TERMS_MAX, Terms};
use super::scan::{FaultKind, Part, Scan, SegmentState, footer, recover};
use super::*;
use crate::encode::{put_decided, put_decided_leaf, put_personal};
use crate::tree::leaf_hash;
use crate::{Carried, Checkpoint, ClientRef, Decided, Personal, Signer, fuzz};

fn id(number: u64) -> DecisionId {
    DecisionId::new(
        Timestamp::from_seconds(1_000),
        u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c),
    )
}

/// A segment of `count` entries by callers `app:c0`, `app:c1`, `app:c2`, with a checkpoint behind the first half.
fn segment(count: u64) -> (Vec<u8>, Indexer) {
    let mut bytes = Vec::new();
    let mut before = Frontier::new();
    (0..5_u8).for_each(|leaf| before.append(leaf_hash(&[leaf]), |_| ()));
    put_header(&mut bytes, &Header { origin: "log".into(), time: Timestamp::from_seconds(1_000), before });
    let mut index = Indexer::new(5);
    for number in 0..count {
        if number == count / 2 {
            let root = leaf_hash(b"root");
            let checkpoint = Checkpoint { origin: "log".into(), size: 5 + number, root };
            let signer = Signer::from_seed("log", &[7; 32]).unwrap();
            put_checkpoint(&mut bytes, &checkpoint.sign(&signer).unwrap());
        }
        let client = format!("c{}", number % 3);
        let personal = Personal { client: ClientRef::Application(&client), ..Personal::UNKNOWN };
        let decided = Decided {
            id: id(number),
            time: Timestamp::from_seconds(1_000 + i64::try_from(number).unwrap()),
            snapshots: Snapshots { revision: RevisionNumber(1), keys: 1, stops: 0 },
            verdict: if number == 0 { Verdict::Denied } else { Verdict::Allowed },
            reason: (number == 0).then_some(DenyReason::NoGrant),
            code: "",
            api: "orders",
            operation: "orders:GET /",
            mode: Carried::Enforced,
            policies: &[],
            observed: &[],
            strength: Strength::SharedSecret,
            personal,
        };
        let (mut public, mut part, mut leaf) = (Vec::new(), Vec::new(), Vec::new());
        put_decided(&mut public, &decided);
        put_personal(&mut part, &personal);
        put_decided_leaf(&mut leaf, &public, &commit(&[9; 16], &part));
        let stored = Stored { leaf: &leaf, personal: Some(PersonalPart { salt: [9; 16], bytes: &part }) };
        index.add(bytes.len() as u64, &stored).unwrap();
        put_entry(&mut bytes, &stored);
    }
    (bytes, index)
}

fn sealed(count: u64) -> Vec<u8> {
    let (mut bytes, index) = segment(count);
    let length = bytes.len() as u64;
    put_footer(&mut bytes, length, &index.footer());
    bytes
}

#[test]
fn a_torn_tail_is_found_at_every_byte() {
    let bytes = sealed(6);
    let whole = recover(&bytes).unwrap();
    assert_eq!((whole.entries, whole.torn_bytes, whole.state), (6, 0, SegmentState::Sealed));
    assert_eq!((whole.header.before.size(), whole.fault), (5, None));
    let mut ends = vec![whole.whole_bytes];
    let (_, scan) = Scan::open(&bytes).unwrap();
    let places: Vec<_> = scan.map(|part| part.unwrap()).collect();
    ends.extend(places.iter().map(|(offset, _)| *offset));
    let header = *ends.iter().min().unwrap();
    for length in 0..bytes.len() as u64 {
        let torn = recover(&bytes[..usize::try_from(length).unwrap()]);
        if length < header {
            assert_eq!(torn.unwrap_err().what, FaultKind::Torn, "{length}");
            continue;
        }
        let torn = torn.unwrap();
        let end = *ends.iter().filter(|end| **end <= length).max().unwrap();
        let entries = places.iter().filter(|(at, part)| *at < end && matches!(part, Part::Entry(_))).count();
        assert_eq!(
            (torn.whole_bytes, torn.torn_bytes, torn.entries),
            (end, length - end, entries as u64),
            "{length}"
        );
        assert_eq!(torn.state, SegmentState::Active);
        assert_eq!(
            torn.fault.map(|fault| (fault.offset, fault.what)),
            (end != length).then_some((end, FaultKind::Torn))
        );
    }
}

#[test]
fn the_footer_knows_what_is_where() {
    let bytes = sealed(2_000);
    let (_, footer) = footer(&bytes).unwrap();
    assert_eq!((footer.first, footer.entries), (5, 2_000));
    assert_eq!(
        (footer.earliest, footer.latest),
        (Timestamp::from_seconds(1_000), Timestamp::from_seconds(2_999))
    );
    assert!(2 < footer.blocks.len());
    assert!(footer.may_have_caller("app:c1", 0) && !footer.may_have_caller("app:c3", 0));
    assert!(footer.may_have_operation("orders:GET /", 1) && !footer.may_have_operation("orders:GET /x", 1));
    assert!(footer.may_have_verdict(Verdict::Denied, 0) && !footer.may_have_verdict(Verdict::Denied, 1));
    assert!((0..2_000).all(|number| footer.may_have_id(id(number))));
    let absent = (2_000..12_000).filter(|number| footer.may_have_id(id(*number))).count();
    assert!(absent < 200, "{absent} of 10,000 absent ids pass the filter");
    // Each block is read on its own, and together they hold every entry once.
    let ends = footer.blocks.iter().skip(1).map(|(offset, _)| *offset).chain([bytes.len() as u64]);
    let mut next = 5;
    for (&(from, first), to) in footer.blocks.iter().zip(ends) {
        assert_eq!(first, next);
        let parts = Scan::between(&bytes, from, to).map(|part| part.unwrap().1);
        next += parts.filter(|part| matches!(part, Part::Entry(_))).count() as u64;
    }
    assert_eq!(next, 2_005);
}

#[test]
fn too_many_callers_read_as_any() {
    let mut index = Indexer::new(0);
    let mut add = |number: usize| {
        let name = number.to_string();
        let entry = index::Indexed {
            id: None,
            time: Timestamp::MIN,
            verdict: Some(Verdict::Allowed),
            operation: "",
            client: Some(ClientRef::Application(&name)),
        };
        index.add_parts(0, &entry);
    };
    (0..TERMS_MAX).for_each(&mut add);
    add(0);
    assert!(!index.footer().may_have_caller("app:nobody", 0));
    assert!(matches!(index.footer().callers, Terms::Listed(_)));
    index.add_parts(
        0,
        &index::Indexed {
            id: None,
            time: Timestamp::MIN,
            verdict: None,
            operation: "",
            client: Some(ClientRef::Anonymous),
        },
    );
    assert!(index.footer().may_have_caller("app:nobody", 0));
}

#[test]
fn other_files_and_other_versions_are_refused() {
    let (bytes, _) = segment(1);
    assert_eq!(recover(b"{}").unwrap_err().what, FaultKind::Magic);
    let mut other = bytes;
    other[7] = b'2';
    assert_eq!(recover(&other).unwrap_err().what, FaultKind::Magic);
    let mut version = MAGIC.to_vec();
    put_frame(&mut version, |out| out.extend_from_slice(&[tag::HEADER, 2]));
    assert_eq!(recover(&version).unwrap_err().what, FaultKind::Frame(DecodeError::Version));
    let mut huge = MAGIC.to_vec();
    huge.extend_from_slice(&[0xff; 64]);
    assert_eq!(recover(&huge).unwrap_err().what, FaultKind::Checksum);
}

proptest! {
    #[test]
    fn a_flipped_bit_is_found_no_later_than_its_frame(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let bytes = sealed(20);
        let mut flipped = bytes.clone();
        let place = place.index(bytes.len());
        flipped[place] ^= 1 << bit;
        match recover(&flipped) {
            Err(fault) => prop_assert!(fault.offset <= place as u64),
            Ok(recovered) => {
                let fault = recovered.fault.unwrap();
                prop_assert!(fault.offset <= place as u64, "{} {}", fault.offset, place);
                prop_assert_eq!(fault.offset.max(recovered.whole_bytes), recovered.whole_bytes.max(fault.offset));
            }
        }
    }

    #[test]
    fn fuzz_functions_hold_on_mutated_files(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sealed(4);
        for (place, value) in edits {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        prop_assert_eq!(fuzz::segment(&bytes), Ok(()));
        prop_assert_eq!(fuzz::entry(&bytes), Ok(()));
    }

    #[test]
    fn fuzz_functions_hold_on_noise(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(extra |index |log|[0-9A-Za-z+/=\n ]){0,40}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            prop_assert_eq!(fuzz::segment(bytes), Ok(()));
            prop_assert_eq!(fuzz::entry(bytes), Ok(()));
            prop_assert_eq!(fuzz::checkpoint(bytes), Ok(()));
            prop_assert_eq!(fuzz::proof(bytes), Ok(()));
        }
    }
}
