//! The whole way of an entry, with a disk that fails wherever it can.

mod counts;
mod power;
mod searches;
mod tampering;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use model::{DecisionId, Verdict};
use proptest::prelude::*;
use record::{Change, Checkpoint, Decided, Leaf, Personal, encode::put_change_leaf};

use super::*;
use crate::reader::{ReadLogError, search::Filter};
use crate::recorder::{Handles, prepare};
use crate::retention;
use crate::storage::Storage;
use crate::testing::{Cut, HandClock, MemoryDisk, Trouble, application, completed, decided, id};
use crate::{Durability, LogReader, OpenLogError, Options, Receipt, RecordFull, Subject, WorkerLog};

struct Rig {
    disk: MemoryDisk,
    clock: HandClock,
    sequencer: Sequencer,
    handles: Handles,
    worker: WorkerLog,
}

fn open(disk: &MemoryDisk, clock: &HandClock, options: &Options) -> Result<Rig, OpenLogError> {
    let (sequencer, handles, mut workers) = prepare(Arc::new(disk.clone()), options)?;
    let worker = workers.remove(0);
    Ok(Rig { disk: disk.clone(), clock: clock.clone(), sequencer, handles, worker })
}

fn rig() -> Rig {
    let clock = HandClock::new();
    open(&MemoryDisk::new(), &clock, &clock.options()).unwrap()
}

impl Rig {
    fn decide(&mut self, number: u64, client: &str, durability: Durability) -> Result<Receipt, RecordFull> {
        self.worker.decided(&decided(number, client, self.clock.now()), durability)
    }

    fn request(&mut self, number: u64, client: &str) {
        drop(self.decide(number, client, Durability::Counted));
        self.worker.completed(&completed(number, self.clock.now()));
    }

    fn step(&mut self) {
        self.sequencer.step(self.clock.now());
    }

    /// Goes so far that a checkpoint is due.
    fn settle(&mut self) {
        self.clock.forward_ms(1_100);
        self.step();
    }

    fn ask<T>(&mut self, command: impl FnOnce(SyncSender<T>) -> Command) -> T {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        self.handles.commands.send(command(reply)).unwrap();
        self.step();
        answer.try_recv().unwrap()
    }

    fn close(mut self) -> MemoryDisk {
        self.ask(|reply| Command::Close { reply }).unwrap();
        self.disk
    }
}

fn poll(receipt: &mut Receipt) -> Poll<Result<(), NotDurable>> {
    Pin::new(receipt).poll(&mut Context::from_waker(Waker::noop()))
}

fn reader(disk: &MemoryDisk) -> LogReader {
    LogReader::on(Arc::new(disk.clone()))
}

fn verify(disk: &MemoryDisk) -> crate::reader::verify::Verification {
    let reader = reader(disk);
    reader.verify(&reader.verifier().unwrap(), None).unwrap()
}

/// A folder's files by what they end with.
fn names(disk: &MemoryDisk, suffix: &str) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.ends_with(suffix)).collect()
}

fn kinds(disk: &MemoryDisk) -> Vec<String> {
    let kind = |line: &String| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["kind"].as_str().unwrap().to_owned()
    };
    let entries = reader(disk).tail(usize::MAX).unwrap();
    entries.iter().flat_map(|entry| entry.json().unwrap()).map(|line| kind(&line)).collect()
}

#[test]
fn a_request_that_ends_at_once_is_one_leaf_and_a_slow_or_required_one_is_two() {
    let mut rig = rig();
    rig.request(1, "shop");
    drop(rig.decide(2, "shop", Durability::Counted));
    let mut receipt = rig.decide(3, "shop", Durability::Required).unwrap();
    rig.worker.completed(&completed(3, rig.clock.now()));
    rig.step();
    assert_eq!(poll(&mut receipt), Poll::Ready(Ok(())));
    rig.clock.forward_ms(200);
    rig.step();
    rig.worker.completed(&completed(2, rig.clock.now()));
    rig.settle();
    let disk = rig.close();
    assert_eq!(
        kinds(&disk),
        ["opened", "decided", "completed", "decided", "completed", "decided", "completed", "closed"]
    );
    let leaves: Vec<_> = reader(&disk)
        .tail(9)
        .unwrap()
        .iter()
        .map(|entry| match Leaf::decode(entry.stored().leaf).unwrap() {
            Leaf::Whole(..) => "whole",
            Leaf::Decided(..) => "decided",
            Leaf::Completed(_) => "completed",
            Leaf::Change(_) | Leaf::Closed(_) | Leaf::Loss(_) | Leaf::Opened(_) | Leaf::Pruned(_) => "own",
        })
        .collect();
    assert_eq!(leaves, ["own", "whole", "decided", "completed", "decided", "completed", "own"]);
    let verified = verify(&disk);
    assert!(verified.ok, "{verified:?}");
    assert_eq!((verified.entries, verified.signed, verified.torn_bytes), (7, 7, 0));
}

#[test]
fn a_receipt_is_not_settled_before_the_disk_has_the_entry() {
    let mut rig = rig();
    let mut receipt = rig.decide(1, "shop", Durability::Required).unwrap();
    assert_eq!(poll(&mut receipt), Poll::Pending);
    rig.step();
    assert_eq!(poll(&mut receipt), Poll::Ready(Ok(())));
    let kept = rig.disk.after_power_loss(0);
    assert_eq!(reader(&kept).find(id(1)).unwrap().len(), 1);
    let mut counted = rig.decide(2, "shop", Durability::Counted).unwrap();
    assert_eq!(poll(&mut counted), Poll::Ready(Ok(())));
}

#[test]
fn when_the_sequencer_is_gone_nobody_waits_and_nothing_required_passes() {
    let mut rig = rig();
    let mut receipt = rig.decide(1, "shop", Durability::Required).unwrap();
    drop(rig.sequencer);
    assert_eq!(poll(&mut receipt), Poll::Ready(Err(NotDurable)));
    let now = rig.clock.now();
    assert!(rig.worker.decided(&decided(2, "shop", now), Durability::Required).is_err());
}

#[test]
fn a_full_ring_refuses_and_the_loss_is_in_the_log() {
    let mut rig = rig();
    let mut refused = 0;
    for number in 0..2_000 {
        refused += u64::from(rig.decide(number, "shop", Durability::Counted).is_err());
    }
    assert!(0 < refused && rig.decide(9_999, "shop", Durability::Required).is_err());
    rig.settle();
    let disk = rig.close();
    let lines = reader(&disk).tail(usize::MAX).unwrap();
    let lines: Vec<_> = lines.iter().flat_map(|entry| entry.json().unwrap()).collect();
    let expected = format!("\"cause\":\"ring_full\",\"count\":{}", refused + 1);
    assert!(lines.iter().any(|line| line.contains(&expected)), "{expected}");
    assert_eq!(lines.iter().filter(|line| line.contains("\"decided\"")).count() as u64, 2_000 - refused);
}

#[test]
fn a_disk_that_takes_nothing_denies_what_is_required_and_counts_the_rest() {
    for trouble in [Trouble::Full, Trouble::ReadOnly, Trouble::Sync] {
        let mut rig = rig();
        rig.request(1, "shop");
        rig.settle();
        rig.disk.set(trouble);
        for number in 2..5 {
            rig.request(number, "shop");
        }
        let mut receipt = rig.decide(5, "shop", Durability::Required).unwrap();
        rig.step();
        assert_eq!(poll(&mut receipt), Poll::Ready(Err(NotDurable)), "{trouble:?}");
        let mut later = rig.decide(6, "shop", Durability::Required).unwrap();
        rig.step();
        assert_eq!(poll(&mut later), Poll::Ready(Err(NotDurable)), "{trouble:?}");
        assert!(rig.handles.board.lock().unwrap().fault.is_some());
        rig.disk.set(Trouble::None);
        rig.clock.forward_ms(600);
        rig.step();
        let mut receipt = rig.decide(7, "shop", Durability::Required).unwrap();
        rig.step();
        assert_eq!(poll(&mut receipt), Poll::Ready(Ok(())), "{trouble:?}");
        assert!(rig.handles.board.lock().unwrap().fault.is_none());
        let lost = rig.handles.board.lock().unwrap().metrics.log.lost_write;
        assert_eq!(lost, 5, "{trouble:?}");
        rig.settle();
        let disk = rig.close();
        let verified = verify(&disk);
        assert!(verified.ok, "{trouble:?} {verified:?}");
        let lines = reader(&disk).tail(usize::MAX).unwrap();
        let lines: Vec<_> = lines.iter().flat_map(|entry| entry.json().unwrap()).collect();
        assert!(
            lines.iter().any(|line| line.contains("\"write_failed\",\"count\":5")),
            "{trouble:?} {lines:#?}"
        );
        assert!(
            reader(&disk).find(id(1)).unwrap().len() == 1 && reader(&disk).find(id(5)).unwrap().is_empty()
        );
    }
}

#[test]
fn a_fault_is_named_until_what_failed_was_tried_again_however_idle_the_log_is() {
    for trouble in [Trouble::Full, Trouble::Names, Trouble::ReadOnly, Trouble::Sync] {
        let mut rig = rig();
        rig.disk.set(trouble);
        rig.request(1, "shop");
        rig.settle();
        rig.settle();
        let fault = |rig: &Rig| rig.handles.board.lock().unwrap().fault.clone();
        for _ in 0..10 {
            assert!(fault(&rig).is_some(), "{trouble:?}");
            assert_eq!(rig.handles.board.lock().unwrap().metrics.log.faulty, 1, "{trouble:?}");
            rig.clock.forward_ms(200);
            rig.step();
        }
        rig.disk.set(Trouble::None);
        rig.clock.forward_ms(600);
        rig.step();
        assert_eq!(fault(&rig), None, "{trouble:?}");
        assert_eq!(rig.handles.board.lock().unwrap().metrics.log.faulty, 0, "{trouble:?}");
        assert!(verify(&rig.close()).ok, "{trouble:?}");
    }
}

/// Requests, required and not, over several segments; returns the required ones that were acknowledged.
fn workload(rig: &mut Rig) -> BTreeSet<DecisionId> {
    let mut acknowledged = BTreeSet::new();
    let mut waiting: Vec<(DecisionId, Receipt)> = Vec::new();
    for number in 0..40 {
        if number % 3 == 0 {
            if let Ok(receipt) = rig.decide(number, "shop", Durability::Required) {
                waiting.push((id(number), receipt));
            }
            rig.worker.completed(&completed(number, rig.clock.now()));
        } else {
            rig.request(number, "till");
        }
        if number % 4 == 0 {
            rig.clock.forward_ms(400);
            rig.step();
        }
        waiting.retain_mut(|(id, receipt)| match poll(receipt) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                acknowledged.extend(result.is_ok().then_some(*id));
                false
            }
        });
    }
    acknowledged
}

/// A closed log of several segments.
fn filled(requests: u64) -> MemoryDisk {
    let clock = HandClock::new();
    let options = Options { segment_bytes: 4_000, ..clock.options() };
    let mut rig = open(&MemoryDisk::new(), &clock, &options).unwrap();
    for number in 0..requests {
        rig.request(number, ["shop", "till", "kiosk"][usize::try_from(number % 3).unwrap()]);
        if number % 5 == 0 {
            rig.settle();
        }
    }
    rig.settle();
    rig.close()
}

#[test]
fn the_log_counts_what_the_sequencer_counted() {
    let mut rig = rig();
    (0..20).for_each(|number| rig.request(number, "shop"));
    rig.settle();
    let live = rig.handles.board.lock().unwrap().tally.rollups();
    let (read, next) = reader(&rig.close()).recount(0, |_| Some(())).unwrap();
    assert!(
        Some(&live) == read.get(&()) && live.apis[0].denied == 2 && live.apis[0].rows[0].caller == "app:shop"
    );
    assert_eq!(next, 22);
}

/// A closed log whose oldest segments retention removed.
fn pruned() -> MemoryDisk {
    let clock = HandClock::new();
    let mut rig = open(&MemoryDisk::new(), &clock, &keeping(&clock)).unwrap();
    for number in 0..30 {
        rig.request(number, "shop");
        rig.clock.forward_ms(600_000);
        rig.settle();
    }
    rig.close()
}

fn keeping(clock: &HandClock) -> Options {
    Options { segment_bytes: 3_000, keep: Some(Duration::from_secs(3 * 3_600)), ..clock.options() }
}

#[test]
fn retention_removes_content_keeps_hashes_and_leaves_proofs_valid() {
    let disk = pruned();
    let (old, new) = (id(1), id(29));
    assert!(reader(&disk).find(old).unwrap().is_empty());
    let verifier = reader(&disk).verifier().unwrap();
    let proof = reader(&disk).prove(new).unwrap();
    assert_eq!(proof.verify(&verifier).unwrap().index, proof.index);
    let verified = verify(&disk);
    assert!(verified.ok && 0 < verified.pruned, "{verified:?}");
    assert!(kinds(&disk).contains(&"pruned".to_owned()));
    let first = "00000000000000000000.hashes";
    for place in [0, 40, 70] {
        let changed = disk.with(first, |bytes| bytes[place] ^= 1);
        let verified = reader(&changed).verify(&verifier, None).unwrap();
        assert!(!verified.ok, "{place}");
    }
    let clock = HandClock::new();
    let (sequencer, _, _) = prepare(Arc::new(disk), &keeping(&clock)).unwrap();
    drop(sequencer);
}

#[test]
fn an_erased_subject_is_gone_and_every_proof_is_valid_still() {
    let disk = filled(30);
    let before = reader(&disk);
    let verifier = before.verifier().unwrap();
    let proofs: Vec<_> = (0..30).map(|number| before.prove(id(number)).unwrap()).collect();
    let maintenance = Maintenance::new(Arc::new(disk.clone()));
    retention::seal_offline(&maintenance).unwrap();
    let erased = retention::erase(&maintenance, &application("till")).unwrap();
    assert_eq!(erased.entries, 10);
    let all: Vec<u8> = disk.list().unwrap().iter().flat_map(|name| disk.read(name).unwrap()).collect();
    assert!(!all.windows(4).any(|bytes| bytes == b"till"));
    assert!(all.windows(4).any(|bytes| bytes == b"shop"));
    let verified = verify(&disk);
    assert!(verified.ok, "{verified:?}");
    for (number, proof) in (0..).zip(proofs) {
        assert!(proof.verify(&verifier).is_ok());
        let proven = reader(&disk).prove(id(number)).unwrap().verify(&verifier).unwrap();
        assert_eq!(proven.personal.is_none(), number % 3 == 1, "{number}");
    }
    assert_eq!(retention::erase(&maintenance, &application("till")).unwrap().entries, 0);
    let clock = HandClock::new();
    let rig = open(&disk, &clock, &clock.options()).unwrap();
    assert!(verify(&rig.close()).ok);
}

#[test]
fn an_erased_application_takes_along_what_only_claimed_one_of_its_keys() {
    let mut rig = rig();
    let now = rig.clock.now();
    let key = |id: &str| model::KeyId::parse(id.as_bytes()).unwrap();
    let (ours, theirs) = (key("aaaaaaaaaaaa"), key("bbbbbbbbbbbb"));
    // Who claims a key and does not show its secret is nobody.
    for (number, key) in [(1, Some(ours)), (2, Some(theirs)), (3, None)] {
        let personal = Personal { key, ..Personal::UNKNOWN };
        let refused = Decided { personal, ..decided(number, "", now) };
        drop(rig.worker.decided(&refused, Durability::Counted));
    }
    rig.request(4, "shop");
    rig.request(5, "till");
    rig.settle();
    let disk = rig.close();
    let holds = |disk: &MemoryDisk, text: &str| {
        let all: Vec<u8> = disk.list().unwrap().iter().flat_map(|name| disk.read(name).unwrap()).collect();
        all.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    assert!(holds(&disk, ours.as_str()) && holds(&disk, "shop"));
    let maintenance = Maintenance::new(Arc::new(disk.clone()));
    retention::seal_offline(&maintenance).unwrap();
    let subject = Subject::Application { name: "shop".into(), keys: [ours].into() };
    assert_eq!(retention::erase(&maintenance, &subject).unwrap().entries, 2);
    assert!(!holds(&disk, ours.as_str()) && !holds(&disk, "shop"));
    assert!(holds(&disk, theirs.as_str()) && holds(&disk, "till"), "nobody else is erased");
    assert!(verify(&disk).ok);
}

#[test]
fn a_search_finds_the_newest_first_and_passes_over_what_cannot_match() {
    let disk = filled(60);
    let reader = reader(&disk);
    let found = |filter: Filter| {
        let mut search = reader.search(&filter).unwrap();
        let entries: Vec<_> = search.by_ref().map(|entry| entry.unwrap().index).collect();
        (entries, search.read_bytes())
    };
    let (all, everything) = found(Filter::default());
    assert!(all.is_sorted_by(|one, other| other < one));
    let (denied, _) = found(Filter { verdict: Some(Verdict::Denied), ..Filter::default() });
    assert_eq!(denied.len(), 6);
    let till = Filter { caller: Some("app:till".into()), ..Filter::default() };
    assert_eq!(found(till.clone()).0.len(), 20);
    let (both, _) = found(Filter { verdict: Some(Verdict::Denied), ..till });
    assert_eq!(both.len(), 2);
    let (none, read) = found(Filter { caller: Some("app:nobody".into()), ..Filter::default() });
    assert!(none.is_empty() && read < everything / 4, "{read} of {everything}");
    let (one, read) = found(Filter { id: Some(id(7)), ..Filter::default() });
    assert!(one.len() == 1 && read < everything / 2, "{read} of {everything}");
    let from = Some(HandClock::new().now().plus(Duration::from_secs(10)));
    let (late, _) = found(Filter { from, ..Filter::default() });
    assert!(!late.is_empty() && late.len() < all.len());
    assert_eq!(found(Filter { operation: Some("orders:GET /".into()), ..Filter::default() }).0.len(), 0);
}

#[test]
fn followers_see_each_entry_once_and_exports_are_lines_of_json() {
    let mut rig = rig();
    rig.request(1, "shop");
    rig.settle();
    let reader = reader(&rig.disk);
    let mut follow = reader.follow().unwrap();
    assert!(follow.next_entries().unwrap().is_empty());
    rig.request(2, "shop");
    rig.request(3, "shop");
    rig.step();
    assert_eq!(follow.next_entries().unwrap().len(), 2);
    assert!(follow.next_entries().unwrap().is_empty());
    let mut out = Vec::new();
    assert_eq!(reader.export(0, &mut out).unwrap(), 4);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 7);
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert_eq!(reader.tail(2).unwrap().iter().map(|entry| entry.index).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_change_is_durable_when_it_is_answered_and_a_clock_set_back_stops_nothing() {
    let mut rig = rig();
    let mut leaf = Vec::new();
    let time = rig.clock.now();
    let change = Change {
        time,
        actor: "ada",
        action: "key.revoke",
        object: "k",
        reason: "leaked",
        revision: model::RevisionNumber(1),
    };
    put_change_leaf(&mut leaf, &change);
    assert_eq!(rig.ask(|reply| Command::Change { leaf, time, reply }), Ok(()));
    assert!(kinds(&rig.disk.after_power_loss(0)).contains(&"change".to_owned()));
    rig.clock.forward_ms(-3_600_000);
    rig.request(1, "shop");
    rig.step();
    rig.clock.forward_ms(1_100);
    rig.step();
    let log = rig.handles.board.lock().unwrap().metrics.log;
    assert_eq!((log.size, log.checkpoint_size), (3, 3));
    assert!(verify(&rig.close()).ok);
}

#[test]
fn whoever_cannot_be_read_back_is_not_served_a_second_log() {
    let rig = rig();
    let disk = rig.close();
    let clock = HandClock::new();
    let broken = disk.with("checkpoint", |bytes| bytes[3] ^= 1);
    assert!(matches!(open(&broken, &clock, &clock.options()), Err(OpenLogError::Checkpoint(_))));
    let name = "00000000000000000000.seg";
    assert!(matches!(
        open(&disk.without(name), &clock, &clock.options()),
        Err(OpenLogError::Missing { segment }) if segment == name
    ));
}

/// The power goes at every operation while retention works: what is gone is always accounted for.
#[test]
fn content_goes_only_after_the_log_says_so_under_a_signature() {
    let clock = HandClock::new();
    let options = Options { keep: Some(Duration::from_secs(3_600)), segment_bytes: 3_000, ..clock.options() };
    let run = |power_until: u64| {
        let clock = HandClock::new();
        let mut rig = open(&MemoryDisk::new(), &clock, &options).unwrap();
        for number in 0..60 {
            rig.request(number, "shop");
            rig.settle();
        }
        clock.forward_ms(7_200_000);
        let before = rig.disk.operations();
        rig.disk.lose_power_at(before.saturating_add(power_until), Cut::Before);
        rig.step();
        (rig.disk.operations() - before, rig.disk.after_power_loss(0), names(&rig.disk, ".seg").len())
    };
    let (operations, _, left) = run(u64::MAX);
    let (_, _, all) = run(1);
    assert!(left + 2 < all, "{left} of {all}");
    for power_until in 1..=operations {
        let (_, disk, _) = run(power_until);
        let verified = verify(&disk);
        assert!(verified.ok, "{power_until}: {verified:?}");
    }
}

#[test]
fn a_search_over_a_gap_says_that_there_is_one() {
    let disk = filled(90);
    let (segments, hashes) = (names(&disk, ".seg"), names(&disk, ".hashes"));
    let middle = disk.without(&segments[2]);
    let last = disk.without(segments.last().unwrap());
    for (gap, name) in [
        (middle.clone(), &segments[2]),
        (middle.without(&hashes[2]), &segments[2]),
        (last, &segments[segments.len() - 1]),
    ] {
        let reader = reader(&gap);
        let missing = |error: ReadLogError| match error {
            ReadLogError::Missing { segment } => assert_eq!(&segment, name),
            other => panic!("{other:?}"),
        };
        missing(reader.find(id(1)).unwrap_err());
        missing(reader.prove(id(1)).unwrap_err());
        missing(reader.tail(usize::MAX).unwrap_err());
        missing(reader.export(0, &mut Vec::new()).unwrap_err());
        missing(reader.recount(0, |_| Some(())).unwrap_err());
    }
}
