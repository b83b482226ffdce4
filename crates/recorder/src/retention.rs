//! Letting go: content after its time, and personal parts on demand. Hashes stay, so proofs of the rest stay valid.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use model::{KeyId, Timestamp};
use record::segment::index::{Footer, Indexer};
use record::segment::scan::{self, Part, Scan, SegmentState};
use record::segment::{TRAILER_BYTES, put_checkpoint, put_entry, put_footer, put_header};
use record::{ClientRef, DecodeError, PersonalView, Stored};

use crate::layout::{self, Listing};
use crate::storage::Storage;

/// Sealed segments are rewritten and removed by one at a time.
#[derive(Debug)]
pub(crate) struct Maintenance {
    pub(crate) storage: Arc<dyn Storage>,
    busy: Mutex<()>,
}

/// Whose personal parts are to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// By the application's name, and by the ids of its keys: an attempt that was refused names the key that it claimed
    /// to have and no application, and the key leads to the application.
    Application {
        name: String,
        keys: BTreeSet<KeyId>,
    },
    SourceIp(IpAddr),
    /// The user on whose behalf a client acted, as records name it: `ISSUER/NAME`.
    User(String),
    /// By the workload's name.
    Workload(String),
}

/// What an erasure did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    pub entries: u64,
    pub segments: u64,
}

/// What is due to be let go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    segments: Vec<u64>,
    /// Entries below this number lose their content.
    pub(crate) before: u64,
}

impl Due {
    pub(crate) const fn segments(&self) -> u64 {
        self.segments.len() as u64
    }
}

/// Why an erasure stopped. What was erased before stays erased; running it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error("cannot read or write `{name}`")]
    Io {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("the segment `{name}` is not sound and was left as it is")]
    Corrupt {
        name: String,
        #[source]
        fault: scan::Fault,
    },
    #[error("an entry of the segment `{name}` cannot be read")]
    Entry {
        name: String,
        #[source]
        cause: DecodeError,
    },
    #[error("the active segment could not be sealed")]
    NotSealed,
    #[error(transparent)]
    Lock(#[from] crate::storage::LockError),
}

impl Maintenance {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, busy: Mutex::new(()) }
    }
}

/// The footer of a sealed segment without reading the rest; `None` where it is not sealed.
pub(crate) fn footer(storage: &dyn Storage, name: &str) -> io::Result<Option<Footer>> {
    let length = storage.length(name)?;
    let Some(trailer) = length.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
    let bytes = storage.read_range(name, trailer, TRAILER_BYTES)?;
    let Some(offset) = bytes.first_chunk::<8>().map(|offset| u64::from_le_bytes(*offset)) else {
        return Ok(None);
    };
    let Some(rest) = length.checked_sub(offset).and_then(|rest| usize::try_from(rest).ok()) else {
        return Ok(None);
    };
    let bytes = storage.read_range(name, offset, rest)?;
    Ok(scan::footer_at(&bytes, offset))
}

/// The right to rewrite and remove sealed segments.
#[derive(Debug)]
pub(crate) struct Busy<'a> {
    storage: &'a dyn Storage,
    _guard: MutexGuard<'a, ()>,
}

impl Maintenance {
    /// `None` where an erasure is running.
    pub(crate) fn try_busy(&self) -> Option<Busy<'_>> {
        let guard = self.busy.try_lock().ok()?;
        Some(Busy { storage: &*self.storage, _guard: guard })
    }
}

impl Busy<'_> {
    /// Segments before `active` whose latest entry is older than `before`, from the oldest on and without a gap.
    pub(crate) fn due(&self, active: u64, before: Timestamp) -> Option<Due> {
        let listing = Listing::of(&self.storage.list().ok()?);
        let mut due = Due { segments: Vec::new(), before: 0 };
        for first in listing.segments.into_iter().filter(|first| *first < active) {
            // Hashes that are not whole would be lost with the content, so the content stays.
            let Ok(Some(footer)) = footer(self.storage, &layout::segment(first)) else { break };
            let wanted = (record::tree::stored_before(first + footer.entries)
                - record::tree::stored_before(first))
                * crate::log::HASH_BYTES;
            let whole = self.storage.length(&layout::hashes(first)).is_ok_and(|length| length == wanted);
            if before <= footer.latest || !whole {
                break;
            }
            due.segments.push(first);
            due.before = first + footer.entries;
        }
        (!due.segments.is_empty()).then_some(due)
    }

    /// Removes the content. The log must say so already, under a signature: what is missing without that is missing.
    /// Where a removal fails, the rest stays and is due again.
    pub(crate) fn remove(&self, due: &Due) -> io::Result<()> {
        due.segments.iter().try_for_each(|first| self.storage.remove(&layout::segment(*first)))
    }
}

/// Erases the personal parts of `subject` in all segments that are sealed.
pub(crate) fn erase(maintenance: &Maintenance, subject: &Subject) -> Result<Erased, EraseError> {
    let _busy = maintenance.busy.lock().map_err(|_| EraseError::NotSealed)?;
    let storage = &*maintenance.storage;
    let names = storage.list().map_err(|cause| EraseError::Io { name: ".".into(), cause })?;
    let mut erased = Erased { entries: 0, segments: 0 };
    for first in Listing::of(&names).segments {
        let name = layout::segment(first);
        let bytes = storage.read(&name).map_err(|cause| EraseError::Io { name: name.clone(), cause })?;
        if scan::footer(&bytes).is_none() {
            continue;
        }
        let (count, rewritten) = rewrite(&name, &bytes, subject)?;
        if 0 < count {
            storage.replace(&name, &rewritten).map_err(|cause| EraseError::Io { name, cause })?;
            erased = Erased { entries: erased.entries + count, segments: erased.segments + 1 };
        }
    }
    Ok(erased)
}

/// Seals the last segment of a log that nobody writes, so that it can be rewritten. A torn tail behind its last
/// whole entry goes; opening the log would cut it off too.
pub(crate) fn seal_offline(maintenance: &Maintenance) -> Result<(), EraseError> {
    let storage = &*maintenance.storage;
    let names = storage.list().map_err(|cause| EraseError::Io { name: ".".into(), cause })?;
    let Some(first) = Listing::of(&names).segments.pop() else { return Ok(()) };
    let name = layout::segment(first);
    let io = |cause| EraseError::Io { name: name.clone(), cause };
    let bytes = storage.read(&name).map_err(io)?;
    let corrupt = |fault| EraseError::Corrupt { name: name.clone(), fault };
    let recovered = scan::recover(&bytes).map_err(corrupt)?;
    if recovered.state == SegmentState::Sealed {
        return Ok(());
    }
    let signed = match storage.read(layout::CHECKPOINT) {
        Ok(note) => signed_size(&note),
        Err(_) => 0,
    };
    if let Some(fault) = recovered.fault
        && first + recovered.entries < signed
    {
        return Err(corrupt(fault));
    }
    let whole = usize::try_from(recovered.whole_bytes).unwrap_or(usize::MAX);
    let mut sealed = bytes.get(..whole).unwrap_or(&[]).to_vec();
    let (mut frontier, mut hashes, mut index) = (recovered.header.before, Vec::new(), Indexer::new(first));
    let (_, scan) = Scan::open(&sealed).map_err(corrupt)?;
    for part in scan {
        if let (offset, Part::Entry(stored)) = part.map_err(corrupt)? {
            let entry = |cause| EraseError::Entry { name: name.clone(), cause };
            index.add(offset, &stored).map_err(entry)?;
            frontier.append(record::tree::leaf_hash(stored.leaf), |hash| hashes.extend_from_slice(&hash.0));
        }
    }
    if index.entries() == 0 {
        return Ok(());
    }
    let length = sealed.len() as u64;
    put_footer(&mut sealed, length, &index.footer());
    storage.replace(&layout::hashes(first), &hashes).map_err(io)?;
    storage.replace(&name, &sealed).map_err(io)
}

/// The size that a checkpoint claims, unverified: it only makes the erasure more careful.
fn signed_size(note: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(note);
    text.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0)
}

/// The segment without the personal parts of `subject`, and how many those were.
fn rewrite(name: &str, bytes: &[u8], subject: &Subject) -> Result<(u64, Vec<u8>), EraseError> {
    let corrupt = |fault| EraseError::Corrupt { name: name.to_owned(), fault };
    let entry = |cause| EraseError::Entry { name: name.to_owned(), cause };
    let (header, scan) = Scan::open(bytes).map_err(corrupt)?;
    let mut out = Vec::with_capacity(bytes.len());
    put_header(&mut out, &header);
    let mut index = Indexer::new(header.before.size());
    let mut count = 0;
    for part in scan {
        match part.map_err(corrupt)? {
            (_, Part::Entry(stored)) => {
                let concerns = concerns(&stored, subject).map_err(entry)?;
                let kept = if concerns { stored.erased() } else { stored };
                count += u64::from(concerns);
                index.add(out.len() as u64, &kept).map_err(entry)?;
                put_entry(&mut out, &kept);
            }
            (_, Part::Checkpoint(note)) => put_checkpoint(&mut out, &String::from_utf8_lossy(note)),
            (_, Part::Footer(_)) => {
                let length = out.len() as u64;
                put_footer(&mut out, length, &index.footer());
            }
        }
    }
    Ok((count, out))
}

fn concerns(stored: &Stored<'_>, subject: &Subject) -> Result<bool, DecodeError> {
    let Some(part) = stored.personal else { return Ok(false) };
    let view = PersonalView::decode(part.bytes)?;
    Ok(match subject {
        Subject::Application { name, keys } => {
            view.client == ClientRef::Application(name) || view.key.is_some_and(|key| keys.contains(&key))
        }
        Subject::SourceIp(address) => view.source_ip == Some(*address),
        Subject::User(name) => view.user == Some(name),
        Subject::Workload(name) => view.client == ClientRef::Workload(name),
    })
}
