//! A log that somebody changed, cut, mended or took segments from: what verifying and opening say of it.

use super::*;

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_fails_verification_with_its_file(
        file in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let disk = filled(40);
        let names: Vec<_> = disk.list().unwrap().into_iter().filter(|name| name != "verifier").collect();
        prop_assert!(6 < names.len());
        let name = &names[file.index(names.len())];
        let length = usize::try_from(disk.length(name).unwrap()).unwrap();
        prop_assume!(0 < length);
        let place = place.index(length);
        let verifier = reader(&disk).verifier().unwrap();
        let verified = reader(&disk.with(name, |bytes| bytes[place] ^= 1 << bit)).verify(&verifier, None).unwrap();
        // Behind the last entry that is under a signature nothing is promised, and in a closed log that is the
        // frame of the last checkpoint, which stands in a file of its own as well.
        let fault = verified.first_fault.clone();
        if verified.ok {
            prop_assert!(name.ends_with(".seg") && 0 < verified.torn_bytes, "{} {} {:?}", name, place, verified);
        } else {
            prop_assert_eq!(&fault.as_ref().unwrap().segment, name);
            prop_assert!(fault.unwrap().offset <= place as u64);
        }
    }
}

#[test]
fn a_log_whose_end_is_cut_off_opens_up_to_its_checkpoint_and_not_below() {
    let clock = HandClock::new();
    let mut rig = open(&MemoryDisk::new(), &clock, &clock.options()).unwrap();
    rig.request(1, "shop");
    rig.settle();
    let name = "00000000000000000000.seg";
    let signed = rig.disk.length(name).unwrap();
    rig.request(2, "shop");
    rig.step();
    let disk = rig.disk.clone();
    let (mut torn, mut refused) = (0, 0);
    let covered = {
        let bytes = disk.read(name).unwrap();
        let (_, scan) = record::segment::scan::Scan::open(&bytes).unwrap();
        let places: Vec<_> = scan.map(|part| part.unwrap()).collect();
        let checkpoint =
            places.iter().rposition(|(_, part)| matches!(part, record::segment::scan::Part::Checkpoint(_)));
        places[checkpoint.unwrap()].0
    };
    for length in 1..=disk.length(name).unwrap() {
        let cut = disk.with(name, |bytes| bytes.truncate(usize::try_from(length).unwrap()));
        match open(&cut, &clock, &clock.options()) {
            Ok(_) => {
                assert!(covered <= length, "{length}");
                torn += 1;
            }
            Err(OpenLogError::Corrupt { .. } | OpenLogError::Truncated { .. }) => {
                assert!(length < covered, "{length}");
                refused += 1;
            }
            Err(error) => panic!("{length}: {error:?}"),
        }
    }
    assert!(0 < torn && 0 < refused && covered < signed);
}

#[test]
fn corruption_before_the_last_checkpoint_refuses_to_open_with_the_place() {
    let disk = filled(40);
    let clock = HandClock::new();
    let names: Vec<_> = disk.list().unwrap().into_iter().filter(|name| name.ends_with(".seg")).collect();
    let last = names.last().unwrap().clone();
    for name in names {
        // In the header everywhere; among the entries where there are some under a checkpoint.
        let places: &[usize] = if name == last { &[30] } else { &[30, 200, 500] };
        for &place in places {
            let changed = disk.with(&name, |bytes| bytes[place] ^= 1);
            match open(&changed, &clock, &clock.options()).map(|_| ()) {
                Err(OpenLogError::Corrupt { segment, fault }) => {
                    assert!(segment == name && fault.offset <= place as u64, "{segment} {fault:?}");
                }
                other => panic!("{name} {place}: {other:?}"),
            }
        }
    }
    assert!(open(&disk.without(&last), &clock, &clock.options()).is_err());
    let other = Options { signing_seed: [8; 32], ..clock.options() };
    assert!(matches!(open(&disk, &clock, &other), Err(OpenLogError::OtherKey { .. })));
}

/// The first segment written anew with sound checksums and a sound index, entry 2 as `change` makes it; with
/// `hashes`, the file of hashes is made to fit as well.
fn forged(disk: &MemoryDisk, hashes: bool, change: impl Fn(&mut Vec<u8>, &mut Vec<u8>)) -> MemoryDisk {
    use record::segment::scan::{Part, Scan};
    let bytes = disk.read("00000000000000000000.seg").unwrap();
    let (header, scan) = Scan::open(&bytes).unwrap();
    let (mut out, mut nodes, mut tree) = (Vec::new(), Vec::new(), header.before.clone());
    let mut index = record::segment::index::Indexer::new(0);
    record::segment::put_header(&mut out, &header);
    for part in scan {
        match part.unwrap().1 {
            Part::Entry(stored) => {
                let mut leaf = stored.leaf.to_vec();
                let mut part = stored.personal.map_or_else(Vec::new, |part| part.bytes.to_vec());
                if tree.size() == 2 {
                    change(&mut leaf, &mut part);
                }
                let personal =
                    stored.personal.map(|old| record::segment::PersonalPart { bytes: &part, ..old });
                let stored = Stored { leaf: &leaf, personal };
                index.add(out.len() as u64, &stored).unwrap();
                record::segment::put_entry(&mut out, &stored);
                tree.append(record::tree::leaf_hash(&leaf), |hash| nodes.extend_from_slice(&hash.0));
            }
            Part::Checkpoint(note) => {
                record::segment::put_checkpoint(&mut out, std::str::from_utf8(note).unwrap());
            }
            Part::Footer(_) => {
                let length = out.len() as u64;
                record::segment::put_footer(&mut out, length, &index.footer());
            }
        }
    }
    let forged = disk.with("00000000000000000000.seg", |bytes| *bytes = out);
    if hashes { forged.with("00000000000000000000.hashes", |bytes| *bytes = nodes) } else { forged }
}

#[test]
fn whoever_changes_entries_and_mends_the_checksums_is_found_all_the_same() {
    let disk = filled(40);
    let fault =
        |disk: &MemoryDisk| verify(disk).first_fault.map(|fault| (fault.segment, fault.what)).unwrap();
    assert!(verify(&forged(&disk, true, |_, _| ())).ok, "what is written the same is the same");
    // The last byte of the text `shop` in the personal part.
    let (segment, what) = fault(&forged(&disk, true, |_, part| part[4] ^= 1));
    assert!(segment.ends_with("0.seg") && what.contains("personal part"), "{what}");
    // A byte of the decision's time.
    let (segment, what) = fault(&forged(&disk, true, |leaf, _| leaf[25] ^= 1));
    assert!(segment.ends_with("0.seg") && what.contains("does not sign"), "{what}");
    let (segment, what) = fault(&forged(&disk, false, |leaf, _| leaf[25] ^= 1));
    assert!(segment.ends_with("0.seg") && what.contains("does not sign"), "{what}");
}

#[test]
fn a_log_that_was_cut_and_signed_anew_is_found_by_an_older_checkpoint() {
    let disk = filled(20);
    let note = reader(&disk).checkpoint().unwrap();
    let shorter = filled(5);
    let verifier = reader(&disk).verifier().unwrap();
    assert!(verify(&shorter).ok);
    let verified = reader(&shorter).verify(&verifier, Some(note.as_bytes())).unwrap();
    assert!(!verified.ok && verified.first_fault.unwrap().what.contains("before its checkpoint"));
    assert!(reader(&disk).verify(&verifier, Some(note.as_bytes())).unwrap().ok);
}

#[test]
fn a_restored_backup_is_not_signed_on_and_a_new_log_names_the_one_it_continues() {
    let (backup, disk) = (filled(5), filled(20));
    let verifier = reader(&disk).verifier().unwrap();
    let note = reader(&disk).checkpoint().unwrap();
    let known = Checkpoint::verify(note.as_bytes(), &verifier).unwrap();
    let clock = HandClock::new();
    let options = Options { known: Some(known.clone()), ..clock.options() };
    assert!(open(&disk, &clock, &options).is_ok());
    assert!(matches!(open(&backup, &clock, &options), Err(OpenLogError::Forked { .. })));
    let other = Checkpoint { root: record::tree::empty_root(), ..known.clone() };
    let forked = Options { known: Some(other), ..clock.options() };
    assert!(matches!(open(&disk, &clock, &forked), Err(OpenLogError::Forked { .. })));
    let new =
        Options { continues: Some(known.clone()), origin: "example.com/log2".into(), ..clock.options() };
    let log = open(&MemoryDisk::new(), &clock, &new).unwrap().close();
    let first = reader(&log).tail(2).unwrap().remove(0).json().unwrap().remove(0);
    let expected = format!("\"continues\":{{\"origin\":\"example.com/log\",\"size\":{},", known.size);
    assert!(first.contains(&expected), "{first}");
}

/// Why the log does not open, as text.
fn refusal(disk: &MemoryDisk) -> String {
    let (clock, before) = (HandClock::new(), disk.operations());
    let refused = open(disk, &clock, &clock.options()).map(|_| ()).unwrap_err();
    assert!(refused.is_damage(), "{refused:?}");
    assert_eq!(disk.operations(), before, "a log that is refused is as it was");
    crate::error_text(&refused)
}

#[test]
fn a_log_with_a_segment_taken_away_does_not_open_and_names_it() {
    let disk = filled(90);
    let (segments, hashes) = (names(&disk, ".seg"), names(&disk, ".hashes"));
    assert!(4 < segments.len());
    for (segment, hash) in segments.iter().zip(&hashes) {
        let alone = disk.without(segment);
        assert!(refusal(&alone).contains(segment), "{segment}: {}", refusal(&alone));
        let both = refusal(&alone.without(hash));
        // Behind the last one nothing tells where it began but the checkpoint, which is over more than there is.
        let named = if segment == segments.last().unwrap() { "its last checkpoint covers" } else { segment };
        assert!(both.contains(named), "{segment}: {both}");
    }
    // Several from the oldest on look like retention, but for the entry that is not there.
    for count in 1..segments.len() {
        let text = refusal(&without(&disk, &segments[..count]));
        assert!(text.contains(&segments[0]), "{count}: {text}");
    }
}

#[test]
fn a_log_opens_where_retention_said_what_it_removed_and_not_one_segment_further() {
    let disk = pruned();
    let clock = HandClock::new();
    assert!(open(&disk, &clock, &clock.options()).is_ok());
    let oldest = names(&disk, ".seg").remove(0);
    assert!(refusal(&disk.without(&oldest)).contains(&oldest));
    let removed = names(&disk, ".hashes").remove(0);
    assert!(refusal(&disk.without(&removed)).contains(&removed.replace(".hashes", ".seg")));
    let cut = disk.with(&removed, |bytes| bytes.truncate(bytes.len() - 32));
    assert!(refusal(&cut).contains(&removed));
}

fn without(disk: &MemoryDisk, names: &[String]) -> MemoryDisk {
    names.iter().fold(disk.clone(), |disk, name| disk.without(name))
}

/// Verifies with and without a checkpoint that was kept elsewhere, and returns the file of the fault.
fn refused(disk: &MemoryDisk, verifier: &record::Verifier, note: &str) -> Vec<String> {
    let found = [None, Some(note.as_bytes())].map(|older| reader(disk).verify(verifier, older).unwrap());
    let faults = found.into_iter().map(|verified| {
        assert!(!verified.ok, "{verified:?}");
        verified.first_fault.unwrap().segment
    });
    faults.collect()
}

#[test]
fn a_segment_that_was_taken_away_is_missing_wherever_it_was() {
    let disk = filled(90);
    let (verifier, note) = (reader(&disk).verifier().unwrap(), reader(&disk).checkpoint().unwrap());
    assert!(reader(&disk).verify(&verifier, Some(note.as_bytes())).unwrap().ok);
    let segments = names(&disk, ".seg");
    assert!(4 < segments.len());
    for segment in &segments {
        assert_eq!(refused(&disk.without(segment), &verifier, &note), [segment.as_str(); 2]);
        // With its hashes, the fault is found where the entries do not follow one another, or at the end.
        let hashes = segment.replace(".seg", ".hashes");
        refused(&disk.without(segment).without(&hashes), &verifier, &note);
    }
    let (all, hashes) = (without(&disk, &segments), names(&disk, ".hashes"));
    assert_eq!(refused(&all, &verifier, &note), [segments.last().unwrap().as_str(); 2]);
    for gone in [without(&all, &hashes), without(&all, &hashes).without("checkpoint")] {
        assert_eq!(refused(&gone, &verifier, &note), ["checkpoint"; 2]);
    }
    // Several from the oldest on look like retention, but for the entry that is not there.
    let prefix = without(&disk, &segments[..3]);
    assert_eq!(refused(&prefix, &verifier, &note), [segments[0].as_str(); 2]);
}

#[test]
fn a_log_without_the_file_of_its_checkpoint_is_not_verified_however_it_is_cut() {
    let disk = filled(90);
    let (verifier, note) = (reader(&disk).verifier().unwrap(), reader(&disk).checkpoint().unwrap());
    let bare = disk.without("checkpoint");
    assert_eq!(refused(&bare, &verifier, &note), ["checkpoint"; 2]);
    // Cut behind a sealed segment, everything that is left fits together.
    let (segments, hashes) = (names(&disk, ".seg"), names(&disk, ".hashes"));
    let cut = without(&without(&bare, &segments[2..]), &hashes[2..]);
    let verified = reader(&cut).verify(&verifier, None).unwrap();
    assert!(!verified.ok && 0 < verified.signed && verified.first_fault.unwrap().segment == "checkpoint");
    // Nothing under a signature is nothing verified.
    let header = cut.with(&segments[0], |bytes| bytes.truncate(200));
    let header = header.without(&segments[1]).without(&hashes[1]).without(&hashes[0]);
    let verified = reader(&header).verify(&verifier, None).unwrap();
    assert!(!verified.ok && verified.signed == 0, "{verified:?}");
}

#[test]
fn retention_excuses_what_it_signed_for_and_not_one_segment_more() {
    let disk = pruned();
    let (verifier, note) = (reader(&disk).verifier().unwrap(), reader(&disk).checkpoint().unwrap());
    let verified = reader(&disk).verify(&verifier, Some(note.as_bytes())).unwrap();
    assert!(verified.ok && 0 < verified.pruned, "{verified:?}");
    let oldest = names(&disk, ".seg").remove(0);
    assert_eq!(refused(&disk.without(&oldest), &verifier, &note), [oldest.as_str(); 2]);
    let hashes = names(&disk, ".hashes").remove(0);
    refused(&disk.without(&hashes), &verifier, &note);
}
