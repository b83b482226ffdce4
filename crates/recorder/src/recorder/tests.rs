//! The recorder with its thread on a real folder.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use model::RevisionNumber;

use super::*;
use crate::reader::search::Filter;
use crate::testing::{HandClock, completed, decided, id};
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
    assert_eq!(recorder.health(), Health { fault: None, lost: 0 });
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
    let erased = recorder.erase(&Subject::Application("till".into())).unwrap();
    assert_eq!(erased.entries, 5);
    recorder.close().unwrap();
    let reader = LogReader::open(&folder.0);
    assert!(reader.verify(&reader.verifier().unwrap(), None).unwrap().ok);
    let till = Filter { caller: Some("app:till".into()), ..Filter::default() };
    assert_eq!(reader.search(&till).unwrap().count(), 0);
    assert_eq!(reader.search(&Filter { caller: Some("app:shop".into()), ..till }).unwrap().count(), 4);
    assert_eq!(LogReader::erase(&folder.0, &Subject::Application("shop".into())).unwrap().entries, 4);
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
