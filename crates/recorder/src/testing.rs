//! A disk for tests that forgets what was not synced, fills up, breaks, and loses power at any operation.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use model::{DecisionId, DenyReason, RevisionNumber, Snapshots, Strength, Timestamp, Verdict};
use record::{Carried, ClientRef, Completed, Decided, Outcome, Personal};

use crate::Options;
use crate::storage::{Append, Storage};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// Writes fail after half of their bytes.
    Full,
    /// No file can be replaced; those that are open take everything.
    Names,
    /// Everything but reading fails.
    ReadOnly,
    /// Syncs fail.
    Sync,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    current: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<String, Contents>,
    trouble: Trouble,
    operations: u64,
    /// The operation at which the power goes.
    power_until: u64,
}

/// A disk in memory.
#[derive(Clone, Debug)]
pub(crate) struct MemoryDisk(Arc<Mutex<State>>);

fn failed() -> io::Error {
    io::Error::other("the disk failed, as the test wants")
}

impl MemoryDisk {
    pub(crate) fn new() -> Self {
        Self::of(BTreeMap::new())
    }

    fn of(files: BTreeMap<String, Contents>) -> Self {
        let state = State { files, trouble: Trouble::None, operations: 0, power_until: u64::MAX };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn lose_power_at(&self, operation: u64) {
        self.0.lock().unwrap().power_until = operation;
    }

    pub(crate) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    pub(crate) fn set(&self, trouble: Trouble) {
        self.0.lock().unwrap().trouble = trouble;
    }

    /// What is found after the power came back: synced bytes, and of those that were not, the first `kept`.
    pub(crate) fn after_power_loss(&self, kept: usize) -> Self {
        let state = self.0.lock().unwrap();
        let files = state.files.iter().map(|(name, file)| {
            let end = file.current.len().min(file.durable.len().saturating_add(kept));
            let bytes = if file.current.starts_with(&file.durable) {
                file.current[..end].to_vec()
            } else {
                file.durable.clone()
            };
            (name.clone(), Contents { current: bytes.clone(), durable: bytes })
        });
        Self::of(files.collect())
    }

    /// A copy with one file changed.
    pub(crate) fn with(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut files = self.0.lock().unwrap().files.clone();
        let file = files.get_mut(name).unwrap();
        change(&mut file.current);
        file.durable = file.current.clone();
        Self::of(files)
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut files = self.0.lock().unwrap().files.clone();
        files.remove(name).unwrap();
        Self::of(files)
    }

    fn mutate<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        state.operations += 1;
        if state.power_until <= state.operations || state.trouble == Trouble::ReadOnly {
            return Err(failed());
        }
        act(&mut state)
    }
}

impl Storage for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        state.files.get(name).map(|file| file.current.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        self.read(name).map(|bytes| bytes.len() as u64)
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.read(name)?;
        let start = usize::try_from(offset).unwrap().min(bytes.len());
        Ok(bytes[start..bytes.len().min(start.saturating_add(length))].to_vec())
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.mutate(|state| state.files.contains_key(name).then_some(()).ok_or_else(failed))?;
        Ok(Box::new(MemoryFile { disk: self.clone(), name: name.to_owned() }))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.mutate(|state| {
            if state.trouble != Trouble::None {
                return Err(failed());
            }
            let contents = Contents { current: bytes.to_vec(), durable: bytes.to_vec() };
            state.files.insert(name.to_owned(), contents);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.mutate(|state| state.files.remove(name).map(|_| ()).ok_or_else(failed))
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    name: String,
}

impl Append for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.mutate(|state| {
            let whole = state.trouble != Trouble::Full;
            let file = state.files.get_mut(&self.name).unwrap();
            let length = if whole { bytes.len() } else { bytes.len() / 2 };
            file.current.extend_from_slice(&bytes[..length]);
            if whole { Ok(()) } else { Err(failed()) }
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.mutate(|state| {
            if state.trouble == Trouble::Sync {
                return Err(failed());
            }
            let file = state.files.get_mut(&self.name).unwrap();
            file.durable = file.current.clone();
            Ok(())
        })
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.mutate(|state| {
            let syncs = state.trouble != Trouble::Sync;
            let file = state.files.get_mut(&self.name).unwrap();
            file.current.truncate(usize::try_from(length).unwrap());
            if !syncs {
                return Err(failed());
            }
            file.durable = file.current.clone();
            Ok(())
        })
    }
}

/// A clock that tests set.
#[derive(Clone, Debug)]
pub(crate) struct HandClock(Arc<AtomicI64>);

impl HandClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_796_810_400_000_000)))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn forward_ms(&self, millis: i64) {
        self.0.fetch_add(millis * 1_000, Ordering::Relaxed);
    }

    pub(crate) fn options(&self) -> Options {
        let clock = self.clone();
        let workers = NonZeroUsize::MIN;
        Options {
            ring_bytes: 1 << 16,
            ..Options::new(
                PathBuf::new(),
                "example.com/log".into(),
                [7; 32],
                workers,
                Arc::new(move || clock.now()),
            )
        }
    }
}

/// The id of request `number`.
pub(crate) fn id(number: u64) -> DecisionId {
    let tail = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0001);
    DecisionId::new(Timestamp::from_seconds(1_796_810_400), tail)
}

/// Request `number` of the application `client` at `now`.
pub(crate) fn decided(number: u64, client: &str, now: Timestamp) -> Decided<'_> {
    let denied = number % 10 == 3;
    Decided {
        id: id(number),
        time: now,
        snapshots: Snapshots { revision: RevisionNumber(1), keys: 1, stops: 0 },
        verdict: if denied { Verdict::Denied } else { Verdict::Allowed },
        reason: denied.then_some(DenyReason::NoGrant),
        code: "",
        api: "orders",
        operation: "orders:GET /orders/{id}",
        mode: Carried::Enforced,
        policies: &["partners-read"],
        observed: &[],
        strength: Strength::SharedSecret,
        personal: Personal { client: ClientRef::Application(client), ..Personal::UNKNOWN },
    }
}

pub(crate) fn completed(number: u64, now: Timestamp) -> Completed {
    Completed {
        id: id(number),
        time: now,
        status: 200,
        outcome: Outcome::Done,
        request_bytes: 0,
        response_bytes: 100,
        time_to_decision_us: 20,
        upstream_us: 300,
        total_us: 350,
    }
}

/// An application without keys, as the subject of an erasure.
pub(crate) fn application(name: &str) -> crate::Subject {
    crate::Subject::Application { name: name.to_owned(), keys: std::collections::BTreeSet::new() }
}
