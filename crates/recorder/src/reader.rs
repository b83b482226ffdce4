//! Reading a log: offline, without a lock, beside a gateway that writes or long after it.
//!
//! A reader sees whole frames only. What is behind the last one of the active segment may be in the making, so
//! there it is the end; anywhere else it is a fault with its place.

mod recount;
pub mod search;
pub mod verify;

use std::io;
use std::path::Path;
use std::sync::Arc;

use model::DecisionId;
use record::json;
use record::segment::PersonalPart;
use record::segment::scan::{self, Fault, Part, Scan};
use record::tree::proof::{frontier, prove_inclusion};
use record::{
    Checkpoint, CheckpointError, DecodeError, Hash, Leaf, NoteError, PersonalView, Proof, Stored, Verifier,
};

use crate::layout::{self, Listing};
use crate::log::HASH_BYTES;
use crate::retention::{self, EraseError, Erased, Maintenance, Subject};
use crate::storage::{Disk, Storage};

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLogError {
    #[error("cannot read `{name}`")]
    Io {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("the segment `{segment}` is corrupt at byte {}", .fault.offset)]
    Corrupt {
        segment: String,
        #[source]
        fault: Fault,
    },
    #[error("an entry of the segment `{segment}` cannot be read")]
    Entry {
        segment: String,
        #[source]
        cause: DecodeError,
    },
    #[error("the log has no verifier key; is `{dir}` the folder of a log?")]
    NoVerifier { dir: String },
    #[error("the verifier key of the log is not sound")]
    Verifier(#[source] NoteError),
    #[error("the checkpoint of the log is not sound")]
    Checkpoint(#[source] CheckpointError),
    #[error("no entry with the id {id} is in the log")]
    UnknownId { id: DecisionId },
    #[error("the entry is not under a checkpoint yet; try again in a second")]
    NotSigned,
    #[error("hashes of the log are missing; `audit verify` says where")]
    NoHashes,
    #[error("the segment `{segment}` is missing, and retention did not remove it; see `audit verify`")]
    Missing { segment: String },
    #[error("cannot write what was read")]
    Write(#[source] io::Error),
}

/// Why not every entry was handed over.
#[derive(Debug, thiserror::Error)]
pub enum EachError<E> {
    #[error(transparent)]
    Log(#[from] ReadLogError),
    /// Whoever took them refused one.
    #[error("an entry was refused")]
    Taken(E),
}

/// An entry that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub index: u64,
    leaf: Vec<u8>,
    personal: Option<([u8; 16], Vec<u8>)>,
}

impl Entry {
    fn new(index: u64, stored: &Stored<'_>) -> Self {
        let personal = stored.personal.map(|part| (part.salt, part.bytes.to_vec()));
        Self { index, leaf: stored.leaf.to_vec(), personal }
    }

    /// The entry as the record crate reads it.
    #[must_use]
    pub fn stored(&self) -> Stored<'_> {
        Stored {
            leaf: &self.leaf,
            personal: self.personal.as_ref().map(|(salt, bytes)| PersonalPart { salt: *salt, bytes }),
        }
    }

    /// The entry, decoded.
    pub fn leaf(&self) -> Result<Leaf<'_>, DecodeError> {
        Leaf::decode(&self.leaf)
    }

    /// Its personal part; `None` where there is none or it was erased.
    pub fn personal(&self) -> Result<Option<PersonalView<'_>>, DecodeError> {
        self.personal.as_ref().map(|(_, bytes)| PersonalView::decode(bytes)).transpose()
    }

    /// As JSON objects: one, or two for a request whose decision and ending share a leaf.
    pub fn json(&self) -> Result<Vec<String>, DecodeError> {
        json::render(self.index, &self.stored())
    }
}

/// A log's folder, for reading.
#[derive(Debug)]
pub struct LogReader {
    storage: Arc<dyn Storage>,
    dir: String,
}

impl LogReader {
    /// The log in `dir`.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        Self { storage: Arc::new(Disk::new(dir)), dir: dir.display().to_string() }
    }

    /// The log on any storage.
    #[must_use]
    pub fn on(storage: Arc<dyn Storage>) -> Self {
        Self { storage, dir: String::new() }
    }

    /// The verifier key that stands beside the log. It protects against accidents; against someone who can
    /// replace the whole folder only a key kept elsewhere does.
    pub fn verifier(&self) -> Result<Verifier, ReadLogError> {
        let bytes = self
            .storage
            .read(layout::VERIFIER)
            .map_err(|_| ReadLogError::NoVerifier { dir: self.dir.clone() })?;
        Verifier::parse(String::from_utf8_lossy(&bytes).trim()).map_err(ReadLogError::Verifier)
    }

    /// The latest checkpoint as a signed note; keep it elsewhere to detect a log that was cut.
    pub fn checkpoint(&self) -> Result<String, ReadLogError> {
        let bytes = self.read(layout::CHECKPOINT)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last `count` entries, the oldest first.
    pub fn tail(&self, count: usize) -> Result<Vec<Entry>, ReadLogError> {
        let (mut found, mut next) = (Vec::<Entry>::new(), None);
        for first in self.segments()?.into_iter().rev() {
            let mut entries = self.entries(first, next.replace(first))?;
            let missing = count - found.len();
            entries.drain(..entries.len().saturating_sub(missing));
            entries.append(&mut found);
            found = entries;
            if count <= found.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Hands every entry from number `from` on to `take`, in order, and returns the number behind the last.
    pub fn each(
        &self,
        from: u64,
        mut take: impl FnMut(&Entry) -> io::Result<()>,
    ) -> Result<u64, ReadLogError> {
        let segments = self.segments()?;
        let start = segments.iter().rposition(|first| *first <= from).unwrap_or(0);
        let mut next = from;
        let mut behind = segments.iter().skip(start + 1);
        for first in segments.iter().skip(start) {
            for entry in self.entries(*first, behind.next().copied())? {
                if entry.index < from {
                    continue;
                }
                take(&entry).map_err(ReadLogError::Write)?;
                next = entry.index + 1;
            }
        }
        Ok(next)
    }

    /// Hands every entry from number `from` on to `take`, in order and as it is stored, without a copy of it, and returns the
    /// number behind the last.
    pub fn each_stored<E>(
        &self,
        from: u64,
        mut take: impl FnMut(u64, &Stored<'_>) -> Result<(), E>,
    ) -> Result<u64, EachError<E>> {
        let segments = self.segments()?;
        let start = segments.iter().rposition(|first| *first <= from).unwrap_or(0);
        let mut next = from;
        let mut behind = segments.iter().skip(start + 1);
        for first in segments.iter().skip(start) {
            let name = layout::segment(*first);
            let bytes = self.read(&name)?;
            let end = each_of(&name, &bytes, |index, stored| {
                if from <= index {
                    take(index, stored).map_err(EachError::Taken)?;
                    next = index + 1;
                }
                Ok::<_, EachError<E>>(())
            })?;
            follows(end, behind.next().copied())?;
        }
        Ok(next)
    }

    /// Writes every entry as a line of JSON.
    pub fn export(&self, from: u64, out: &mut dyn io::Write) -> Result<u64, ReadLogError> {
        self.each(from, |entry| {
            let lines = entry.json().map_err(io::Error::other)?;
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        })
    }

    /// Follows the log from its end.
    pub fn follow(&self) -> Result<Follow<'_>, ReadLogError> {
        let next = self.tail(1)?.last().map_or(0, |entry| entry.index + 1);
        Ok(Follow { reader: self, next })
    }

    /// Proves that the request's decision is in the log; where decision and ending have leaves of their own, the
    /// decision's. The proof needs nothing else but the verifier key.
    pub fn prove(&self, id: DecisionId) -> Result<Proof, ReadLogError> {
        let entry = self
            .find(id)?
            .into_iter()
            .find(|entry| entry.leaf().is_ok_and(|leaf| leaf.decided().is_some()))
            .ok_or(ReadLogError::UnknownId { id })?;
        self.prover()?.prove(&entry)
    }

    /// What proves entries that were read, all under the checkpoint of now.
    pub fn prover(&self) -> Result<Prover<'_>, ReadLogError> {
        let note = self.checkpoint()?;
        let checkpoint =
            Checkpoint::verify(note.as_bytes(), &self.verifier()?).map_err(ReadLogError::Checkpoint)?;
        Ok(Prover { note, size: checkpoint.size, hashes: Hashes::open(self)? })
    }

    /// The root of the tree when it had `size` leaves; `None` where hashes are missing.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, ReadLogError> {
        let hashes = Hashes::open(self)?;
        let nodes = |position: u64| hashes.node(position);
        Ok(frontier(&nodes, size).map(|frontier| frontier.root()))
    }

    /// Erases the personal parts of a subject; nobody may be writing the log.
    pub fn erase(dir: &Path, subject: &Subject) -> Result<Erased, EraseError> {
        let disk = Disk::new(dir);
        let _lock = disk.lock()?;
        let maintenance = Maintenance::new(Arc::new(disk));
        retention::seal_offline(&maintenance)?;
        retention::erase(&maintenance, subject)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ReadLogError> {
        self.storage.read(name).map_err(|cause| ReadLogError::Io { name: name.to_owned(), cause })
    }

    fn listing(&self) -> Result<Listing, ReadLogError> {
        let names =
            self.storage.list().map_err(|cause| ReadLogError::Io { name: self.dir.clone(), cause })?;
        Ok(Listing::of(&names))
    }

    /// The segments that are there; without a gap, as far as names tell.
    fn segments(&self) -> Result<Vec<u64>, ReadLogError> {
        let listing = self.listing()?;
        let Some(missing) = listing.missing() else { return Ok(listing.segments) };
        // A segment that was begun while the folder was read is there the second time.
        let listing = self.listing()?;
        if listing.missing().is_none() { Ok(listing.segments) } else { Err(missing_segment(missing)) }
    }

    /// The entries of one segment, which go up to the segment `next`. A torn tail is the end where nothing follows.
    fn entries(&self, first: u64, next: Option<u64>) -> Result<Vec<Entry>, ReadLogError> {
        let name = layout::segment(first);
        let bytes = self.read(&name)?;
        let mut entries = Vec::new();
        let end = each_of(&name, &bytes, |index, stored| {
            entries.push(Entry::new(index, stored));
            Ok::<_, ReadLogError>(())
        })?;
        follows(end, next)?;
        Ok(entries)
    }
}

/// Hands the entries of a segment to `take` and gives the number behind the last. A torn tail is the end.
fn each_of<E: From<ReadLogError>>(
    name: &str,
    bytes: &[u8],
    mut take: impl FnMut(u64, &Stored<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let corrupt = |fault| ReadLogError::Corrupt { segment: name.to_owned(), fault };
    let (header, scan) = Scan::open(bytes).map_err(corrupt)?;
    let mut index = header.before.size();
    for part in scan {
        match part {
            Ok((_, Part::Entry(stored))) => {
                take(index, &stored)?;
                index += 1;
            }
            Ok((_, Part::Checkpoint(_) | Part::Footer(_))) => {}
            Err(fault) if fault.what == scan::FaultKind::Torn => break,
            Err(fault) => return Err(corrupt(fault).into()),
        }
    }
    Ok(index)
}

fn missing_segment(first: u64) -> ReadLogError {
    ReadLogError::Missing { segment: layout::segment(first) }
}

/// Makes sure that a segment whose entries end before number `end` is followed by the one that begins there.
fn follows(end: u64, next: Option<u64>) -> Result<(), ReadLogError> {
    if next.is_some_and(|next| end < next) { Err(missing_segment(end)) } else { Ok(()) }
}

/// Makes proofs under one checkpoint.
#[derive(Debug)]
pub struct Prover<'a> {
    note: String,
    size: u64,
    hashes: Hashes<'a>,
}

impl Prover<'_> {
    /// Proves that the entry, which this log gave, is in it.
    pub fn prove(&self, entry: &Entry) -> Result<Proof, ReadLogError> {
        if self.size <= entry.index {
            return Err(ReadLogError::NotSigned);
        }
        let nodes = |position: u64| self.hashes.node(position);
        let path = prove_inclusion(&nodes, entry.index, self.size).ok_or(ReadLogError::NoHashes)?;
        Ok(Proof::new(entry.index, path, &entry.stored(), self.note.clone()))
    }

    /// How many entries the checkpoint signs.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// A position behind the last entry that was seen.
#[derive(Debug)]
pub struct Follow<'a> {
    reader: &'a LogReader,
    next: u64,
}

impl Follow<'_> {
    /// The number of the entry that will be seen next.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.next
    }

    /// What came since the last call; empty where nothing did. Does not wait.
    pub fn next_entries(&mut self) -> Result<Vec<Entry>, ReadLogError> {
        let mut found = Vec::new();
        self.next = self.reader.each(self.next, |entry| {
            found.push(entry.clone());
            Ok(())
        })?;
        Ok(found)
    }
}

/// The files of hashes as one.
#[derive(Debug)]
pub(crate) struct Hashes<'a> {
    storage: &'a dyn Storage,
    firsts: Vec<u64>,
}

impl<'a> Hashes<'a> {
    pub(crate) fn open(reader: &'a LogReader) -> Result<Self, ReadLogError> {
        Ok(Self { storage: &*reader.storage, firsts: reader.listing()?.hashes })
    }

    /// The hash stored at a position of the whole log.
    pub(crate) fn node(&self, position: u64) -> Option<Hash> {
        let first = self.firsts.iter().rfind(|first| record::tree::stored_before(**first) <= position)?;
        let offset = (position - record::tree::stored_before(*first)) * HASH_BYTES;
        let bytes = self.storage.read_range(&layout::hashes(*first), offset, 32).ok()?;
        bytes.try_into().ok().map(Hash)
    }
}
