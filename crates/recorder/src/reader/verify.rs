//! Verifying a log: every byte of it, with the place of the first fault.
//!
//! Checked are the checksums, the commitments to personal parts, the hashes against the entries, the segments
//! against one another, every checkpoint's signature and root, and an older checkpoint that was kept elsewhere.
//! Content that retention removed is checked through its hashes.
//!
//! A segment that is not there was removed by retention only if it is one of the oldest and a signed entry that is
//! still there says so; any other was taken away, which is a fault. A log without a signature, or without the
//! file of its last checkpoint, is not verified, however well its files fit together.

use model::Timestamp;
use record::segment::scan::{Fault, Part, Scan};
use record::tree::{Frontier, leaf_hash, stored_before};
use record::{Checkpoint, Hash, Leaf, Stored, Verifier};
use serde::Serialize;

use super::{LogReader, ReadLogError};
use crate::error_text;
use crate::layout;
use crate::log::HASH_BYTES;

/// Where a log is wrong first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstFault {
    /// The file.
    pub segment: String,
    /// The byte in the file.
    pub offset: u64,
    /// The number of the entry that was reached.
    pub entry: u64,
    /// What is wrong.
    pub what: String,
}

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    pub ok: bool,
    /// Entries whose hash is in the tree.
    pub entries: u64,
    /// Of them, those whose content retention removed.
    pub pruned: u64,
    /// The earliest and the latest time of an entry.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Checkpoints that were verified.
    pub checkpoints: u64,
    /// Entries under a signature.
    pub signed: u64,
    /// Bytes behind the last whole entry of the active segment: an entry in the making, or a crash.
    pub torn_bytes: u64,
    pub first_fault: Option<FirstFault>,
}

/// The work in progress.
struct Walk<'a> {
    reader: &'a LogReader,
    verifier: &'a Verifier,
    older: Option<&'a Checkpoint>,
    frontier: Frontier,
    result: Verification,
    times: Option<(Timestamp, Timestamp)>,
    latest: Option<Checkpoint>,
    /// Segments whose content is not there: the first entry, and the one behind the last.
    absent: Vec<(u64, u64)>,
    /// What entries say of retention: their number, and the number below which content went.
    told: Vec<(u64, u64)>,
}

/// A fault on the way up to where its file is known.
struct At {
    offset: u64,
    what: String,
}

impl From<Fault> for At {
    fn from(fault: Fault) -> Self {
        Self { offset: fault.offset, what: fault.what.to_string() }
    }
}

impl LogReader {
    /// Verifies everything. `older` is a signed note of this log that was kept elsewhere: the log must go on
    /// from it.
    pub fn verify(&self, verifier: &Verifier, older: Option<&[u8]>) -> Result<Verification, ReadLogError> {
        let older = older
            .map(|note| Checkpoint::verify(note, verifier))
            .transpose()
            .map_err(ReadLogError::Checkpoint)?;
        let result = Verification {
            ok: false,
            entries: 0,
            pruned: 0,
            from: None,
            to: None,
            checkpoints: 0,
            signed: 0,
            torn_bytes: 0,
            first_fault: None,
        };
        let mut walk = Walk {
            reader: self,
            verifier,
            older: older.as_ref(),
            frontier: Frontier::new(),
            result,
            times: None,
            latest: None,
            absent: Vec::new(),
            told: Vec::new(),
        };
        let fault = walk.log()?;
        let entries = walk.frontier.size();
        let mut result = walk.result;
        result.ok = fault.is_none();
        result.entries = entries;
        result.first_fault = fault;
        result.from = walk.times.map(|(from, _)| from.to_string());
        result.to = walk.times.map(|(_, to)| to.to_string());
        Ok(result)
    }
}

impl Walk<'_> {
    fn log(&mut self) -> Result<Option<FirstFault>, ReadLogError> {
        let listing = self.reader.listing()?;
        if let Some(first) = listing.missing() {
            let what = "the segment is missing; retention removes the oldest only".into();
            return Ok(Some(FirstFault { segment: layout::segment(first), offset: 0, entry: first, what }));
        }
        // What changes while it is read is the active segment and the checkpoint; the checkpoint is read first, so
        // that it covers no more than what is read after it.
        let note = self.reader.storage.read(layout::CHECKPOINT).ok();
        let last = match note.as_deref().map(|note| Checkpoint::verify(note, self.verifier)).transpose() {
            Ok(last) => last,
            Err(error) => return Ok(Some(self.fault(layout::CHECKPOINT, 0, error_text(&error)))),
        };
        self.latest = last;
        if let Err(at) = self.sizes() {
            return Ok(Some(self.fault(layout::CHECKPOINT, at.offset, at.what)));
        }
        let active = listing.segments.last().copied();
        let mut firsts = listing.hashes.clone();
        firsts.extend(&listing.segments);
        firsts.sort_unstable();
        firsts.dedup();
        for first in firsts {
            let expected = self.frontier.size();
            let pruned = !listing.segments.contains(&first);
            let name = if pruned { layout::hashes(first) } else { layout::segment(first) };
            if first != expected {
                let what = format!("entries {expected} to {first} are missing");
                return Ok(Some(self.fault(&name, 0, what)));
            }
            let walked = if pruned {
                let next = listing.segments.iter().chain(&listing.hashes).filter(|next| first < **next).min();
                self.pruned(first, next.copied())
            } else {
                self.segment(first, active == Some(first))
            };
            if let Err((name, at)) = walked {
                return Ok(Some(self.fault(&name, at.offset, at.what)));
            }
        }
        let size = self.frontier.size();
        let missing = |checkpoint: &Checkpoint| size < checkpoint.size;
        if self.latest.as_ref().is_some_and(missing) || self.older.is_some_and(missing) {
            let name = active.map_or_else(|| layout::CHECKPOINT.to_owned(), layout::segment);
            let what = format!("the log ends at entry {size}, before its checkpoint");
            return Ok(Some(self.fault(&name, 0, what)));
        }
        Ok(self.unsigned().or_else(|| self.taken()))
    }

    /// What is wrong where the last checkpoint, or any, is missing.
    fn unsigned(&self) -> Option<FirstFault> {
        let what = match (&self.latest, self.result.signed) {
            (Some(_), 1..) => return None,
            (None, 1..) => "the file of the last checkpoint is missing: how far the log went is unknown",
            (_, 0) => "nothing is under a signature",
        };
        Some(self.fault(layout::CHECKPOINT, 0, what.into()))
    }

    /// The first segment that is not there although no signed entry says that retention removed it.
    fn taken(&self) -> Option<FirstFault> {
        let signed = self.told.iter().filter(|(index, _)| *index < self.result.signed);
        let before = signed.map(|(_, before)| *before).max().unwrap_or(0);
        let (first, _) = self.absent.iter().find(|(_, end)| before < *end)?;
        let what = "the segment is missing, and no signed entry says that retention removed it".into();
        Some(FirstFault { segment: layout::segment(*first), offset: 0, entry: *first, what })
    }

    fn fault(&self, segment: &str, offset: u64, what: String) -> FirstFault {
        FirstFault { segment: segment.to_owned(), offset, entry: self.frontier.size(), what }
    }

    /// Compares the tree as it stands with the checkpoints of its size.
    fn sizes(&mut self) -> Result<(), At> {
        let size = self.frontier.size();
        for (checkpoint, which) in [(self.latest.as_ref(), "last"), (self.older, "older")] {
            let signed = checkpoint.filter(|checkpoint| checkpoint.size == size);
            if signed.is_some_and(|checkpoint| checkpoint.root != self.frontier.root()) {
                let what = format!("the entries before are not those that the {which} checkpoint signs");
                return Err(At { offset: 0, what });
            }
            if signed.is_some() {
                self.result.signed = size;
            }
        }
        Ok(())
    }

    /// Appends a leaf to the tree and compares it with the checkpoints of its size.
    fn append(&mut self, leaf: Hash, store: impl FnMut(Hash)) -> Result<(), At> {
        self.frontier.append(leaf, store);
        self.sizes()
    }

    fn segment(&mut self, first: u64, is_active: bool) -> Result<(), (String, At)> {
        let name = layout::segment(first);
        let here = |at: At| (name.clone(), at);
        let bytes = self.read(&name).map_err(here)?;
        let stored = self.reader.storage.read(&layout::hashes(first)).unwrap_or_default();
        let (header, mut scan) = Scan::open(&bytes).map_err(|fault| here(fault.into()))?;
        if header.before != self.frontier || header.origin != self.verifier.name() {
            return Err(here(At {
                offset: 0,
                what: "the header does not follow from what is before".into(),
            }));
        }
        let mut hashes = Vec::new();
        let mut sealed = false;
        for part in scan.by_ref() {
            match part {
                Ok((offset, Part::Entry(entry))) => {
                    self.entry(offset, &entry, &mut hashes).map_err(here)?;
                }
                Ok((offset, Part::Checkpoint(note))) => self.checkpoint(offset, note).map_err(here)?,
                Ok((offset, Part::Footer(footer))) => {
                    sealed = true;
                    if footer.first != first || first + footer.entries != self.frontier.size() {
                        let what = "the footer does not count what is in the segment".into();
                        return Err(here(At { offset, what }));
                    }
                }
                Err(fault) if is_active && self.covered() <= self.frontier.size() => {
                    self.result.torn_bytes = bytes.len() as u64 - fault.offset;
                }
                Err(fault) => return Err(here(fault.into())),
            }
        }
        if sealed && scan.offset() != bytes.len() as u64 {
            return Err(here(At {
                offset: scan.offset(),
                what: "bytes behind the end of the segment".into(),
            }));
        }
        if !sealed && !is_active {
            return Err(here(At { offset: scan.offset(), what: "the segment is not sealed".into() }));
        }
        self.compare(first, &hashes, &stored, !sealed)
    }

    /// Up to where a checkpoint says that entries are durable.
    fn covered(&self) -> u64 {
        let size = |checkpoint: &Checkpoint| checkpoint.size;
        self.latest.as_ref().map_or(0, size).max(self.older.map_or(0, size))
    }

    fn entry(&mut self, offset: u64, entry: &Stored<'_>, hashes: &mut Vec<u8>) -> Result<(), At> {
        let leaf = Leaf::decode(entry.leaf).map_err(|error| At { offset, what: error.to_string() })?;
        if !entry.is_as_committed(&leaf) {
            let what = "the personal part is not the one that the entry commits to".into();
            return Err(At { offset, what });
        }
        if let Leaf::Pruned(pruned) = &leaf {
            self.told.push((self.frontier.size(), pruned.before));
        }
        let time = leaf.time();
        let (from, to) = self.times.unwrap_or((time, time));
        self.times = Some((from.min(time), to.max(time)));
        self.append(leaf_hash(entry.leaf), |hash| hashes.extend_from_slice(&hash.0))
            .map_err(|at| At { offset, ..at })
    }

    fn checkpoint(&mut self, offset: u64, note: &[u8]) -> Result<(), At> {
        let checkpoint = Checkpoint::verify(note, self.verifier)
            .map_err(|error| At { offset, what: error_text(&error) })?;
        if checkpoint.size != self.frontier.size() || checkpoint.root != self.frontier.root() {
            let what = format!(
                "the checkpoint over {} entries does not sign the entries before it; the last that does covers {}",
                checkpoint.size, self.result.signed
            );
            return Err(At { offset, what });
        }
        self.result.checkpoints += 1;
        self.result.signed = checkpoint.size;
        Ok(())
    }

    /// Compares the hashes of a segment's entries with their file; the file of the active segment may lag behind.
    fn compare(&self, first: u64, hashes: &[u8], stored: &[u8], may_lag: bool) -> Result<(), (String, At)> {
        let name = layout::hashes(first);
        let differs = hashes.iter().zip(stored).position(|(one, other)| one != other);
        let end = hashes.len().min(stored.len());
        let offset = differs.or_else(|| {
            let lags = may_lag && stored.len() < hashes.len();
            (hashes.len() != stored.len() && !lags).then_some(end)
        });
        match offset {
            None => Ok(()),
            Some(offset) => {
                let what = "the hashes are not those of the entries".into();
                Err((name, At { offset: offset as u64, what }))
            }
        }
    }

    /// Checks the hashes of a segment whose content was removed: each node against its children.
    fn pruned(&mut self, first: u64, next: Option<u64>) -> Result<(), (String, At)> {
        let name = layout::hashes(first);
        let here = |at: At| (name.clone(), at);
        let stored = self.read(&name).map_err(here)?;
        let mut offset = 0_u64;
        let mut rest = &stored[..];
        while let Some((leaf, tail)) = rest.split_first_chunk::<32>() {
            rest = tail;
            let mut computed = Vec::new();
            let at = offset;
            self.append(Hash(*leaf), |hash| computed.push(hash))
                .map_err(|fault| here(At { offset: at, ..fault }))?;
            for node in computed.iter().skip(1) {
                offset += HASH_BYTES;
                let next = rest.split_first_chunk::<32>().filter(|(found, _)| **found == node.0);
                let Some((_, tail)) = next else {
                    let what = "a hash does not follow from those before it".into();
                    return Err(here(At { offset, what }));
                };
                rest = tail;
            }
            offset += HASH_BYTES;
            self.result.pruned += 1;
        }
        let expected = next.map(|next| (stored_before(next) - stored_before(first)) * HASH_BYTES);
        if !rest.is_empty() || expected.is_some_and(|expected| expected != stored.len() as u64) {
            return Err(here(At { offset, what: "the file of hashes is cut".into() }));
        }
        self.absent.push((first, self.frontier.size()));
        Ok(())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, At> {
        self.reader.storage.read(name).map_err(|error| At { offset: 0, what: error.to_string() })
    }
}
