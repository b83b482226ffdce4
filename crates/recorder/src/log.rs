//! The log as one writer sees it: append, write, sync, checkpoint, seal. No threads, no clock.
//!
//! What has been asked for moves through three marks: appended (in memory), written (with the operating
//! system), durable (on disk). A failed write takes the log back to what was written, a failed sync to what was
//! durable: after a failed sync nobody knows what the disk holds, so the file is cut to what is known and
//! the next attempt writes behind that. A checkpoint is signed over durable entries only, so no crash can
//! leave a signature over a tree that then grows differently.

use std::io;
use std::sync::Arc;

use model::Timestamp;
use record::segment::index::{Indexed, Indexer};
use record::segment::scan::{Part, Scan};
use record::segment::{Header, put_checkpoint, put_entry, put_footer, put_header};
use record::tree::{Frontier, leaf_hash, stored_before};
use record::{Checkpoint, Signer, Stored};

use crate::layout;
use crate::storage::{Append, Storage};
use crate::unheeded;

/// Why entries could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum WriteLogError {
    #[error("cannot write the segment `{name}`")]
    Write {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot sync the segment `{name}`")]
    Sync {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot repair the segment `{name}` after a failed write")]
    Repair {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot begin the segment `{name}`")]
    Begin {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot write the hashes or the checkpoint")]
    State(#[source] io::Error),
    #[error("cannot sign a checkpoint")]
    Sign(#[source] record::NoteError),
}

/// A place in the active segment that the log can go back to.
#[derive(Clone, Debug)]
struct Mark {
    length: u64,
    frontier: Frontier,
}

/// Whether the segment's file ends where the log believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Sound,
    /// It has to be cut back before anything is written.
    Suspect,
}

/// A log open for writing.
#[derive(Debug)]
pub struct Log {
    storage: Arc<dyn Storage>,
    signer: Signer,
    segment_bytes: u64,
    first: u64,
    file: Box<dyn Append>,
    frontier: Frontier,
    /// Frames that were appended and not written.
    pending: Vec<u8>,
    written: Mark,
    durable: Mark,
    shape: Shape,
    index: Indexer,
    begun: Timestamp,
    /// Hashes that are not in their file yet, and how many leaves that file covers.
    hashes: Vec<u8>,
    hashed: u64,
    hash_file: Box<dyn Append>,
    checkpointed: u64,
    note: String,
}

/// What opening found of an active segment.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) first: u64,
    pub(crate) length: u64,
    pub(crate) frontier: Frontier,
    pub(crate) index: Indexer,
    pub(crate) begun: Timestamp,
    /// The hashes of the segment so far.
    pub(crate) hashes: Vec<u8>,
}

impl Log {
    /// Goes on with an active segment whose file ends at `resumed.length`.
    pub(crate) fn resume(
        storage: Arc<dyn Storage>,
        signer: Signer,
        segment_bytes: u64,
        resumed: Resumed,
        last: (u64, String),
    ) -> io::Result<Self> {
        let file = storage.append(&layout::segment(resumed.first))?;
        let name = layout::hashes(resumed.first);
        storage.replace(&name, &resumed.hashes)?;
        let hash_file = storage.append(&name)?;
        let mark = Mark { length: resumed.length, frontier: resumed.frontier.clone() };
        let hashed = resumed.frontier.size();
        Ok(Self {
            storage,
            signer,
            segment_bytes,
            first: resumed.first,
            file,
            frontier: resumed.frontier,
            pending: Vec::new(),
            written: mark.clone(),
            durable: mark,
            shape: Shape::Sound,
            index: resumed.index,
            begun: resumed.begun,
            hashes: Vec::new(),
            hashed,
            hash_file,
            checkpointed: last.0,
            note: last.1,
        })
    }

    /// Begins the segment behind `before`.
    pub(crate) fn begin(
        storage: Arc<dyn Storage>,
        signer: Signer,
        segment_bytes: u64,
        (before, now): (Frontier, Timestamp),
        last: (u64, String),
    ) -> io::Result<Self> {
        let resumed = begin_segment(&*storage, signer.verifier().name(), before, now)?;
        Self::resume(storage, signer, segment_bytes, resumed, last)
    }

    /// How many entries the log holds, those included that were not written yet.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// How many of them are on disk.
    #[must_use]
    pub const fn durable_size(&self) -> u64 {
        self.durable.frontier.size()
    }

    /// How many of them the last checkpoint covers.
    #[must_use]
    pub const fn checkpointed_size(&self) -> u64 {
        self.checkpointed
    }

    /// The last checkpoint as a signed note; empty before the first.
    #[must_use]
    pub fn checkpoint_note(&self) -> &str {
        &self.note
    }

    /// The bytes of the active segment, those included that were not written yet.
    #[must_use]
    pub fn segment_length(&self) -> u64 {
        self.written.length + self.pending.len() as u64
    }

    #[must_use]
    pub(crate) const fn verifier(&self) -> &record::Verifier {
        self.signer.verifier()
    }

    /// The number of the active segment's first entry.
    #[must_use]
    pub const fn active(&self) -> u64 {
        self.first
    }

    /// Appends an entry in memory.
    pub fn append(&mut self, stored: &Stored<'_>, entry: &Indexed<'_>) {
        let offset = self.segment_length();
        put_entry(&mut self.pending, stored);
        let hashes = &mut self.hashes;
        self.frontier.append(leaf_hash(stored.leaf), |hash| hashes.extend_from_slice(&hash.0));
        self.index.add_parts(offset, entry);
    }

    /// Gives what was appended to the operating system.
    pub fn write(&mut self) -> Result<(), WriteLogError> {
        self.repair()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Err(cause) = self.file.write(&self.pending) {
            let mark = self.written.clone();
            self.go_back(mark);
            return Err(WriteLogError::Write { name: layout::segment(self.first), cause });
        }
        self.written.length += self.pending.len() as u64;
        self.written.frontier = self.frontier.clone();
        self.pending.clear();
        self.pending.shrink_to(PENDING_BYTES);
        Ok(())
    }

    /// Makes everything that was appended durable.
    pub fn sync(&mut self) -> Result<(), WriteLogError> {
        self.write()?;
        if self.written.length == self.durable.length {
            return Ok(());
        }
        if let Err(cause) = self.file.sync() {
            let mark = self.durable.clone();
            self.go_back(mark);
            return Err(WriteLogError::Sync { name: layout::segment(self.first), cause });
        }
        self.durable = self.written.clone();
        Ok(())
    }

    /// Signs and stores a checkpoint over everything that was appended, unless the last one covers it.
    pub fn checkpoint(&mut self) -> Result<(), WriteLogError> {
        self.sync()?;
        if self.checkpointed == self.durable_size() {
            return Ok(());
        }
        self.write_hashes()?;
        let origin = self.signer.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size: self.frontier.size(), root: self.frontier.root() };
        let note = checkpoint.sign(&self.signer).map_err(WriteLogError::Sign)?;
        put_checkpoint(&mut self.pending, &note);
        self.write()?;
        self.storage.replace(layout::CHECKPOINT, note.as_bytes()).map_err(WriteLogError::State)?;
        self.checkpointed = checkpoint.size;
        self.note = note;
        Ok(())
    }

    /// Whether the active segment is full or older than `age`.
    #[must_use]
    pub fn is_full(&self, now: Timestamp, age: std::time::Duration) -> bool {
        self.segment_bytes <= self.segment_length()
            || (0 < self.index.entries() && age <= now.since(self.begun))
    }

    /// Seals the active segment under a checkpoint and begins the next one.
    pub fn seal(&mut self, now: Timestamp) -> Result<(), WriteLogError> {
        self.checkpoint()?;
        if self.index.entries() == 0 {
            return Ok(());
        }
        let length = self.segment_length();
        put_footer(&mut self.pending, length, &self.index.footer());
        // Where this fails the segment is active still, and the next attempt seals it anew.
        self.sync()?;
        self.hash_file.sync().map_err(WriteLogError::State)?;
        let next = self.frontier.size();
        let began = |cause| WriteLogError::Begin { name: layout::segment(next), cause };
        // INVARIANT: until the next segment stands, the sealed one must not grow. A failure here leaves the log
        // suspect, and going back to before the footer makes the segment active again.
        let before_footer = Mark { length, frontier: self.frontier.clone() };
        let begun = begin_segment(&*self.storage, self.signer.verifier().name(), self.frontier.clone(), now)
            .and_then(|resumed| {
                let file = self.storage.append(&layout::segment(next))?;
                self.storage.replace(&layout::hashes(next), &resumed.hashes)?;
                Ok((resumed, file, self.storage.append(&layout::hashes(next))?))
            });
        let (resumed, file, hash_file) = match begun {
            Ok(begun) => begun,
            Err(cause) => {
                self.durable = before_footer.clone();
                self.written = before_footer;
                self.shape = Shape::Suspect;
                return Err(began(cause));
            }
        };
        self.first = next;
        self.file = file;
        self.hash_file = hash_file;
        self.index = resumed.index;
        self.begun = resumed.begun;
        self.written = Mark { length: resumed.length, frontier: resumed.frontier };
        self.durable = self.written.clone();
        self.hashed = next;
        self.hashes.clear();
        Ok(())
    }

    /// Forgets what was appended and not written, and says how many entries that were.
    pub fn drop_pending(&mut self) -> u64 {
        if self.pending.is_empty() {
            return 0;
        }
        let before = self.size();
        let mark = self.written.clone();
        self.go_back(mark);
        before.saturating_sub(self.size())
    }

    fn write_hashes(&mut self) -> Result<(), WriteLogError> {
        if self.hashes.is_empty() {
            return Ok(());
        }
        let name = layout::hashes(self.first);
        if let Err(cause) = self.hash_file.write(&self.hashes) {
            // The file may hold a part of them. Reading it trusts no more than what is counted here.
            let whole = (stored_before(self.hashed) - stored_before(self.first)) * HASH_BYTES;
            if let Ok(mut file) = self.storage.append(&name)
                && file.cut(whole).is_ok()
            {
                self.hash_file = file;
            }
            return Err(WriteLogError::State(cause));
        }
        self.hashes.clear();
        self.hashed = self.frontier.size();
        Ok(())
    }

    /// Forgets what is behind `mark`; the file is cut before the next write.
    fn go_back(&mut self, mark: Mark) {
        let kept =
            stored_before(mark.frontier.size()).saturating_sub(stored_before(self.hashed)) * HASH_BYTES;
        self.hashes.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        self.pending.clear();
        self.frontier = mark.frontier.clone();
        if mark.length < self.durable.length {
            self.durable = mark.clone();
        }
        self.written = mark;
        self.shape = Shape::Suspect;
    }

    /// Cuts a suspect file back to what is known of it, and counts anew what is in it.
    fn repair(&mut self) -> Result<(), WriteLogError> {
        if self.shape == Shape::Sound {
            return Ok(());
        }
        let name = layout::segment(self.first);
        let repaired = self.storage.append(&name).and_then(|mut file| {
            file.cut(self.written.length)?;
            Ok((file, self.storage.read(&name)?))
        });
        let (file, bytes) = match repaired {
            Ok(repaired) => repaired,
            Err(cause) => {
                let mark = self.written.clone();
                self.go_back(mark);
                return Err(WriteLogError::Repair { name, cause });
            }
        };
        self.file = file;
        self.shape = Shape::Sound;
        let mut index = Indexer::new(self.first);
        if let Ok((_, scan)) = Scan::open(&bytes) {
            for (offset, part) in scan.flatten() {
                if let Part::Entry(stored) = part {
                    // What this log wrote, it can read; an entry it could not would only be missing in the index.
                    unheeded(index.add(offset, &stored));
                }
            }
        }
        self.index = index;
        // Entries that were appended since the failure are in memory only and follow the cut.
        self.reindex_pending();
        Ok(())
    }

    fn reindex_pending(&mut self) {
        let base = self.written.length;
        let pending = std::mem::take(&mut self.pending);
        for (offset, part) in Scan::between(&pending, 0, pending.len() as u64).flatten() {
            if let Part::Entry(stored) = part {
                unheeded(self.index.add(base + offset, &stored));
            }
        }
        self.pending = pending;
    }
}

/// The memory that is kept for the next frames.
const PENDING_BYTES: usize = 1 << 20;

/// The size of a hash in its file.
pub(crate) const HASH_BYTES: u64 = 32;

/// Makes the file of the segment behind `before`, with its header, durably.
fn begin_segment(
    storage: &dyn Storage,
    origin: &str,
    before: Frontier,
    now: Timestamp,
) -> io::Result<Resumed> {
    let first = before.size();
    let mut bytes = Vec::new();
    put_header(&mut bytes, &Header { origin: origin.to_owned(), time: now, before: before.clone() });
    storage.replace(&layout::segment(first), &bytes)?;
    Ok(Resumed {
        first,
        length: bytes.len() as u64,
        frontier: before,
        index: Indexer::new(first),
        begun: now,
        hashes: Vec::new(),
    })
}
