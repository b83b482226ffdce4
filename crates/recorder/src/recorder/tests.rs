//! The recorder with its thread on a real folder.

use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use model::RevisionNumber;

use super::*;
use crate::reader::search::Filter;
use crate::testing::{HandClock, MemoryDisk, application, completed, decided, id};
use crate::{Durability, LogReader};

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sallyport-recorder-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor: one future, one thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

fn options(folder: &Folder) -> Options {
    Options { dir: folder.0.clone(), ..HandClock::new().options() }
}

#[test]
fn an_awaited_entry_is_durable_before_its_receipt_resolves() {
    let folder = Folder::new("receipt");
    let (recorder, mut workers) = Recorder::open(options(&folder)).unwrap();
    let now = recorder.now();
    let worker = workers.first_mut().unwrap();
    for number in 0..20 {
        let receipt = worker.decided(&decided(number, "shop", now), Durability::Required).unwrap();
        assert_eq!(block_on(receipt.durable()), Ok(()));
        assert_eq!(LogReader::open(&folder.0).find(id(number)).unwrap().len(), 1);
        worker.completed(&completed(number, now));
    }
    let change = Change {
        time: now,
        actor: "ada",
        action: "key.revoke",
        object: "k",
        reason: "leaked",
        revision: RevisionNumber(1),
    };
    recorder.change(&change).unwrap();
    recorder.flush().unwrap();
    assert_eq!(recorder.rollups().apis.first().map(|api| (api.allowed, api.denied)), Some((18, 2)));
    assert_eq!(recorder.health(), Health { fault: None, lost: 0, continued: None });
    assert!(recorder.metrics().contains("sallyport_decisions_total{api=\"orders\",verdict=\"allowed\""));
    recorder.close().unwrap();
    let reader = LogReader::open(&folder.0);
    let verifier = reader.verifier().unwrap();
    let verified = reader.verify(&verifier, None).unwrap();
    assert!(verified.ok && verified.entries == 43, "{verified:?}");
    let proof = reader.prove(id(3)).unwrap();
    assert_eq!(proof.verify(&verifier).unwrap().checkpoint.size, 43);
}

#[test]
fn two_writers_never_share_a_folder_and_one_after_the_other_go_on_with_one_log() {
    let folder = Folder::new("lock");
    let (recorder, _workers) = Recorder::open(options(&folder)).unwrap();
    assert!(matches!(Recorder::open(options(&folder)), Err(OpenLogError::Lock(_))));
    assert!(matches!(LogReader::erase(&folder.0, &Subject::User("ada".into())), Err(EraseError::Lock(_))));
    drop(recorder);
    let (recorder, mut workers) = Recorder::open(options(&folder)).unwrap();
    let now = recorder.now();
    for number in 0..9 {
        let client = if number % 2 == 0 { "till" } else { "shop" };
        drop(workers.first_mut().unwrap().decided(&decided(number, client, now), Durability::Counted));
    }
    let erased = recorder.erase(&application("till")).unwrap();
    assert_eq!(erased.entries, 5);
    recorder.close().unwrap();
    let reader = LogReader::open(&folder.0);
    assert!(reader.verify(&reader.verifier().unwrap(), None).unwrap().ok);
    let till = Filter { caller: Some("app:till".into()), ..Filter::default() };
    assert_eq!(reader.search(&till).unwrap().count(), 0);
    assert_eq!(reader.search(&Filter { caller: Some("app:shop".into()), ..till }).unwrap().count(), 4);
    assert_eq!(LogReader::erase(&folder.0, &application("shop")).unwrap().entries, 4);
    assert!(reader.verify(&reader.verifier().unwrap(), None).unwrap().ok);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let (recorder, _workers) = Recorder::open(options(&folder)).unwrap();
    recorder.close().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_recorder_whose_thread_has_ended_says_so_and_counts_nothing_as_kept() {
    use std::sync::atomic::AtomicBool;
    let folder = Folder::new("ended");
    let broken = Arc::new(AtomicBool::new(false));
    let (clock, breaks) = (HandClock::new(), Arc::clone(&broken));
    let now = clock.now();
    let ticking: Clock = Arc::new(move || {
        assert!(!breaks.load(Ordering::Relaxed), "the clock breaks, as the test wants");
        clock.now()
    });
    let (recorder, mut workers) = Recorder::open(Options { clock: ticking, ..options(&folder) }).unwrap();
    assert_eq!(recorder.health().fault, None);
    assert!(recorder.metrics().contains("\nsallyport_record_faulty 0\n"));
    broken.store(true, Ordering::Relaxed);
    // Who waits is told at the latest when the thread has gone. A round that had begun may still keep what it finds.
    let worker = workers.first_mut().unwrap();
    let mut told = (1..100).map(|number| {
        let required = worker.decided(&decided(number, "shop", now), Durability::Required);
        block_on(required.unwrap().durable())
    });
    assert!(told.any(|outcome| outcome == Err(NotDurable)));
    while !recorder.has_ended() {
        std::thread::yield_now();
    }
    assert!(recorder.health().fault.is_some_and(|fault| fault.contains("thread has ended")));
    assert!(recorder.metrics().contains("\nsallyport_record_faulty 1\n"));
    assert_eq!(recorder.counts(), None);
    assert_eq!(recorder.flush(), Err(NotDurable));
    assert!(matches!(recorder.close(), Err(CloseLogError::Ended)));
}

#[test]
fn while_a_disk_takes_its_time_entries_are_kept_and_none_is_called_durable() {
    let (disk, clock) = (MemoryDisk::new(), HandClock::new());
    let options = clock.options();
    let ring_bytes = options.ring_bytes;
    let (recorder, mut workers) = Recorder::open_on(Arc::new(disk.clone()), options).unwrap();
    let (worker, now) = (workers.first_mut().unwrap(), clock.now());
    disk.hold_syncs(true);
    let mut receipt = worker.decided(&decided(0, "shop", now), Durability::Required).unwrap();
    // Four times what the ring holds, each when there is room for it: nobody but the second thread makes room now.
    let (mut number, mut bytes) = (0, 0);
    while bytes < 4 * ring_bytes {
        while worker.room() < 4_096 {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        number += 1;
        let before = worker.room();
        drop(worker.decided(&decided(number, "shop", now), Durability::Counted));
        worker.completed(&completed(number, now));
        bytes += before.saturating_sub(worker.room());
    }
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(Pin::new(&mut receipt).poll(&mut context), Poll::Pending, "no sync has ended");
    disk.hold_syncs(false);
    assert_eq!(block_on(receipt.durable()), Ok(()));
    recorder.flush().unwrap();
    let metrics = recorder.metrics();
    assert!(
        metrics.contains(&format!("\nsallyport_record_entries_total {}\n", 2 * number + 1)),
        "{number} {metrics}"
    );
    assert_eq!(recorder.health(), Health { fault: None, lost: 0, continued: None });
    recorder.close().unwrap();
    let reader = LogReader::on(Arc::new(disk));
    let verified = reader.verify(&reader.verifier().unwrap(), None).unwrap();
    // The opening, the required entry, one for each whole request, the closing.
    assert_eq!((verified.ok, verified.entries), (true, number + 3));
}

/// Opens with what is known, records one request, and closes; returns the checkpoint, and what was said of the log before.
fn session(folder: &Folder, known: Option<&str>) -> Result<(String, Option<String>), OpenLogError> {
    let mut options = options(folder);
    if let Some(note) = known {
        options = options.with_known(note.as_bytes())?;
    }
    let (recorder, mut workers) = Recorder::open(options)?;
    let (now, continued) = (recorder.now(), recorder.health().continued);
    let first = recorder.checkpoint();
    assert!(first.contains("example.com/log"), "known from the first moment: {first}");
    drop(workers.first_mut().unwrap().decided(&decided(1, "shop", now), Durability::Counted));
    recorder.close().unwrap();
    let reader = LogReader::open(&folder.0);
    assert!(reader.verify(&reader.verifier().unwrap(), None).unwrap().ok);
    Ok((reader.checkpoint().unwrap(), continued))
}

fn origin(note: &str) -> &str {
    note.lines().next().unwrap()
}

fn first_entry(folder: &std::path::Path) -> String {
    let mut out = Vec::new();
    LogReader::open(folder).export(0, &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().next().unwrap().to_owned()
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_log_goes_on_from_any_checkpoint_that_it_signed() {
    let folder = Folder::new("goes-on");
    let (one, _) = session(&folder, None).unwrap();
    let (two, continued) = session(&folder, Some(&one)).unwrap();
    assert_eq!((origin(&two), continued), ("example.com/log", None));
    let (three, continued) = session(&folder, Some(&one)).unwrap();
    assert_eq!((origin(&three), continued), ("example.com/log", None), "known may be older");
    let foreign = one.replace("example.com/log\n", "example.com/log/2\n");
    assert!(matches!(session(&folder, Some(&foreign)), Err(OpenLogError::Known(_))));
    let other = Options { origin: "example.com/other".into(), ..options(&folder) };
    let other = Recorder::open(other.with_known(three.as_bytes()).unwrap()).map(|_| ());
    assert!(matches!(other, Err(OpenLogError::OtherLine { .. })));
}

#[test]
fn a_log_that_was_removed_or_rolled_back_goes_on_under_another_origin_that_names_it() {
    type Harm = fn(&std::path::Path, &std::path::Path);
    let harms: [(&str, Harm, &str); 4] = [
        ("removed", |log, _| std::fs::remove_dir_all(log).unwrap(), "it is gone"),
        (
            "emptied",
            |log, _| {
                std::fs::remove_dir_all(log).unwrap();
                std::fs::create_dir(log).unwrap();
            },
            "it is gone",
        ),
        (
            "rolled-back",
            |log, backup| {
                std::fs::remove_dir_all(log).unwrap();
                copy(backup, log);
            },
            "it is in",
        ),
        (
            "cut",
            |log, _| {
                let segment = log.join("00000000000000000000.seg");
                let bytes = std::fs::read(&segment).unwrap();
                std::fs::write(&segment, &bytes[..bytes.len() - 300]).unwrap();
                std::fs::remove_file(log.join("00000000000000000000.hashes")).unwrap();
                std::fs::remove_file(log.join("checkpoint")).unwrap();
            },
            "it is in",
        ),
    ];
    for (name, harm, said) in harms {
        let (parent, backup) = (Folder::new(&format!("lost-{name}")), Folder::new(&format!("backup-{name}")));
        let log = Folder(parent.0.join("log"));
        let (old, _) = session(&log, None).unwrap();
        copy(&log.0, &backup.0);
        let (known, _) = session(&log, Some(&old)).unwrap();
        harm(&log.0, &backup.0);
        let (new, continued) = session(&log, Some(&known)).unwrap();
        assert_eq!(origin(&new), "example.com/log/2", "{name}");
        let continued = continued.unwrap();
        assert!(
            continued.contains(said) && continued.contains("`example.com/log/2` continues"),
            "{continued}"
        );
        let size = known.lines().nth(1).unwrap();
        let names = format!(
            "\"before\":\"new\",\"torn_bytes\":0,\"continues\":{{\"origin\":\"example.com/log\",\"size\":{size},"
        );
        assert!(first_entry(&log.0).contains(&names), "{name}");
        assert_eq!(parent.0.join("log.1").is_dir(), said == "it is in", "{name}: kept as it was");
        // Nobody got to know: the same log is gone on with, and it is said again.
        let (again, continued) = session(&log, Some(&known)).unwrap();
        assert!(origin(&again) == "example.com/log/2" && continued.is_some(), "{name}");
        let (later, continued) = session(&log, Some(&again)).unwrap();
        assert_eq!((origin(&later), continued), ("example.com/log/2", None), "{name}");
        // And once more.
        std::fs::remove_dir_all(&log.0).unwrap();
        let (third, _) = session(&log, Some(&later)).unwrap();
        assert_eq!(origin(&third), "example.com/log/3", "{name}");
        assert!(first_entry(&log.0).contains("\"continues\":{\"origin\":\"example.com/log/2\""), "{name}");
    }
}

#[test]
fn a_damaged_log_is_refused_and_left_as_it_is_known_or_not() {
    let parent = Folder::new("damaged");
    let log = Folder(parent.0.join("log"));
    let (known, _) = session(&log, None).unwrap();
    let (segment, checkpoint) = (log.0.join("00000000000000000000.seg"), log.0.join("checkpoint"));
    let bytes = std::fs::read(&segment).unwrap();
    let mut flipped = bytes.clone();
    flipped[150] ^= 1;
    for known in [None, Some(known.as_str())] {
        std::fs::write(&segment, &flipped).unwrap();
        assert!(matches!(session(&log, known), Err(OpenLogError::Corrupt { .. })));
        assert_eq!(std::fs::read(&segment).unwrap(), flipped);
        std::fs::remove_file(&segment).unwrap();
        assert!(matches!(session(&log, known), Err(OpenLogError::Missing { .. })));
        std::fs::write(&segment, &bytes).unwrap();
    }
    // Without the file of its checkpoint a log may have been cut anywhere; what is known decides how it goes on.
    std::fs::remove_file(&checkpoint).unwrap();
    assert!(matches!(session(&log, None), Err(OpenLogError::NoCheckpoint)));
    assert_eq!(origin(&session(&log, Some(&known)).unwrap().0), "example.com/log/2");
    assert!(
        !parent.0.join("log").join("00000000000000000000.new").exists() && parent.0.join("log.1").is_dir()
    );
}
