//! A disk in memory that forgets what was not synced, fills up, breaks, and loses power at any operation.
//!
//! For tests of what writes a log: whatever a run has acknowledged must be found on every disk that the same run could
//! have left behind. An operation is one call that changes something: a write, a sync, a cut, a replacement, a removal,
//! the opening of a file for appending.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::storage::{Append, Storage};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Writes fail after half of their bytes, and nothing can be replaced.
    Full,
    /// No file can be replaced; those that are open take everything.
    Names,
    /// Everything but reading fails.
    ReadOnly,
    /// Syncs fail, and what is replaced or cut is not durable.
    Sync,
}

/// Whether the operation at which the power goes was done; nobody is told in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    After,
    Before,
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
    power: (u64, Cut),
    /// Whether syncs take until they are let go.
    holds_syncs: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    let_go: Condvar,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct MemoryDisk(Arc<Shared>);

fn failed() -> io::Error {
    io::Error::other("the disk failed, as the test wants")
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDisk {
    /// An empty disk without trouble.
    #[must_use]
    pub fn new() -> Self {
        Self::of(BTreeMap::new())
    }

    /// A disk that holds these files, durably.
    #[must_use]
    pub fn holding(files: BTreeMap<String, Vec<u8>>) -> Self {
        let files = files.into_iter();
        let durable = |bytes: Vec<u8>| Contents { current: bytes.clone(), durable: bytes };
        Self::of(files.map(|(name, bytes)| (name, durable(bytes))).collect())
    }

    fn of(files: BTreeMap<String, Contents>) -> Self {
        let state = State {
            files,
            trouble: Trouble::None,
            operations: 0,
            power: (u64::MAX, Cut::Before),
            holds_syncs: false,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), let_go: Condvar::new() }))
    }

    /// The power goes at this operation, counted from 1: it and all that follow fail.
    pub fn lose_power_at(&self, operation: u64, cut: Cut) {
        self.state().power = (operation, cut);
    }

    /// Whether a sync takes until this is called again with false; whoever syncs waits.
    pub fn hold_syncs(&self, holds: bool) {
        self.state().holds_syncs = holds;
        self.0.let_go.notify_all();
    }

    /// How many operations were asked for.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// What goes wrong from now on.
    pub fn set(&self, trouble: Trouble) {
        self.state().trouble = trouble;
    }

    /// Every file as a program reads it, synced or not.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state.files.iter().map(|(name, file)| (name.clone(), file.current.clone())).collect()
    }

    /// The most bytes that one file holds and that were not synced.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        let state = self.state();
        let bytes = state.files.values().map(|file| file.current.len().saturating_sub(file.durable.len()));
        bytes.max().unwrap_or(0)
    }

    /// What is found after the power came back: synced bytes, and of those that were not, the first `kept`.
    #[must_use]
    pub fn after_power_loss(&self, kept: usize) -> Self {
        self.after_power_loss_by_file(|_| kept)
    }

    /// The same, where of each file another part of what was not synced had reached the disk.
    #[must_use]
    pub fn after_power_loss_by_file(&self, kept: impl Fn(&str) -> usize) -> Self {
        let state = self.state();
        let files = state.files.iter().map(|(name, file)| {
            let grown = file.current.strip_prefix(&file.durable[..]);
            let mut bytes = file.durable.clone();
            bytes.extend(grown.unwrap_or_default().iter().take(kept(name)));
            (name.clone(), bytes)
        });
        Self::holding(files.collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mutate<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        state.operations += 1;
        let (at, cut) = state.power;
        if at < state.operations || state.trouble == Trouble::ReadOnly {
            return Err(failed());
        }
        match (at == state.operations, cut) {
            (false, _) => act(&mut state),
            (true, Cut::After) => act(&mut state).and(Err(failed())),
            (true, Cut::Before) => Err(failed()),
        }
    }
}

impl State {
    fn file(&mut self, name: &str) -> io::Result<&mut Contents> {
        self.files.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.state().file(name)?.current.clone())
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(self.state().file(name)?.current.len() as u64)
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        let bytes = state.file(name)?.current.iter();
        Ok(bytes.skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(length).copied().collect())
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.mutate(|state| state.file(name).map(|_| ()))?;
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
            let length = if whole { bytes.len() } else { bytes.len() / 2 };
            state.file(&self.name)?.current.extend(bytes.iter().take(length));
            if whole { Ok(()) } else { Err(failed()) }
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let held = self.disk.0.let_go.wait_while(self.disk.state(), |state| state.holds_syncs);
        drop(held);
        self.disk.mutate(|state| {
            if state.trouble == Trouble::Sync {
                return Err(failed());
            }
            let file = state.file(&self.name)?;
            file.durable = file.current.clone();
            Ok(())
        })
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.mutate(|state| {
            let syncs = state.trouble != Trouble::Sync;
            let file = state.file(&self.name)?;
            file.current.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            if !syncs {
                return Err(failed());
            }
            file.durable = file.current.clone();
            Ok(())
        })
    }
}
