//! Opening a log: what is whole is kept, a torn tail is cut off and reported, corruption refuses.

use std::io;
use std::sync::Arc;

use model::Timestamp;
use record::segment::index::Indexer;
use record::segment::scan::{Fault, FaultKind, Part, Recovered, Scan, SegmentState, recover};
use record::tree::{Frontier, leaf_hash};
use record::{Checkpoint, CheckpointError, DecodeError, Ending, Leaf, NoteError, Signer};

use crate::LogReader;
use crate::layout::{self, Listing};
use crate::log::{Log, Resumed};
use crate::storage::{LockError, Storage};

/// How many bytes of sealed segments are read anew when a log is opened, the newest first; the rest is for
/// `audit verify`.
const CHECKED_BYTES: u64 = 64 << 20;

/// Why a log cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    #[error("the origin `{origin}` is not a name for a log, or the key is not an Ed25519 seed")]
    Signer {
        origin: String,
        #[source]
        cause: NoteError,
    },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("cannot read or write `{name}`")]
    Io {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("the log belongs to the key `{found}`; a new key needs a folder of its own")]
    OtherKey { found: String },
    #[error("the last checkpoint is not sound; restore it or begin a new log")]
    Checkpoint(#[source] CheckpointError),
    #[error("the segment `{segment}` is corrupt at byte {}; entries before the last checkpoint are lost", .fault.offset)]
    Corrupt {
        segment: String,
        #[source]
        fault: Fault,
    },
    #[error("an entry of the segment `{segment}` at byte {offset} cannot be read")]
    Entry {
        segment: String,
        offset: u64,
        #[source]
        cause: DecodeError,
    },
    #[error("the log holds {found} entries in order, but its last checkpoint covers {signed}")]
    Truncated { found: u64, signed: u64 },
    #[error(
        "the entries up to the last checkpoint are not those it was signed over; see segment `{segment}`"
    )]
    OtherTree { segment: String },
    #[error(
        "the log does not go on from the checkpoint over {signed} entries that is known of it; it holds {found}"
    )]
    Forked { found: u64, signed: u64 },
    #[error("cannot record that the log was opened")]
    Start(#[source] crate::log::WriteLogError),
    #[error("cannot start the recorder's thread")]
    Thread(#[source] io::Error),
}

fn io_of(name: &str) -> impl FnOnce(io::Error) -> OpenLogError + '_ {
    move |cause| OpenLogError::Io { name: name.to_owned(), cause }
}

/// The last checkpoint that was signed: its size and its note.
struct Last {
    checkpoint: Option<Checkpoint>,
    note: String,
}

impl Last {
    fn size(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size)
    }
}

/// Opens the log and says how it ended before.
pub(crate) fn open(
    storage: Arc<dyn Storage>,
    signer: Signer,
    segment_bytes: u64,
    now: Timestamp,
) -> Result<(Log, Ending), OpenLogError> {
    let names = storage.list().map_err(io_of("."))?;
    claim(&*storage, &signer, &names)?;
    let last = last_checkpoint(&*storage, &signer, &names)?;
    let listing = Listing::of(&names);
    let Some((&first, sealed)) = listing.segments.split_last() else {
        if 0 < last.size() {
            return Err(OpenLogError::Truncated { found: 0, signed: last.size() });
        }
        let begun = (Frontier::new(), now);
        let log = Log::begin(storage, signer, segment_bytes, begun, (0, String::new()));
        return Ok((log.map_err(io_of(&layout::segment(0)))?, Ending::New));
    };
    check_sealed(&*storage, sealed, first)?;
    let name = layout::segment(first);
    let bytes = storage.read(&name).map_err(io_of(&name))?;
    let recovered =
        recover(&bytes).map_err(|fault| OpenLogError::Corrupt { segment: name.clone(), fault })?;
    let found = first + recovered.entries;
    if recovered.header.before.size() != first || found < last.size() {
        let fault = recovered.fault;
        return Err(match fault {
            Some(fault) => OpenLogError::Corrupt { segment: name, fault },
            None => OpenLogError::Truncated { found, signed: last.size() },
        });
    }
    let whole = bytes.get(..usize::try_from(recovered.whole_bytes).unwrap_or(usize::MAX)).unwrap_or(&[]);
    let (resumed, closed) = replay(&name, whole, &recovered, &last)?;
    let ending = match (closed, recovered.torn_bytes) {
        (Closing::Closed, 0) => Ending::Closed,
        (_, bytes) => Ending::Torn { bytes },
    };
    let state = (last.size(), last.note);
    let log = match recovered.state {
        SegmentState::Sealed if recovered.torn_bytes != 0 => {
            let fault = Fault { offset: recovered.whole_bytes, what: FaultKind::Trailer };
            return Err(OpenLogError::Corrupt { segment: name, fault });
        }
        SegmentState::Sealed => {
            // A crash between the footer and the next segment may have left the hashes behind.
            let hashes = layout::hashes(first);
            storage.replace(&hashes, &resumed.hashes).map_err(io_of(&hashes))?;
            let begun = (resumed.frontier, now);
            Log::begin(storage, signer, segment_bytes, begun, state)
        }
        SegmentState::Active => {
            if recovered.torn_bytes != 0 {
                let cut = storage.append(&name).and_then(|mut file| file.cut(recovered.whole_bytes));
                cut.map_err(io_of(&name))?;
            }
            Log::resume(storage, signer, segment_bytes, resumed, state)
        }
    };
    Ok((log.map_err(io_of(&name))?, ending))
}

/// Makes sure that the log goes on from a checkpoint that was kept elsewhere.
pub(crate) fn check_known(
    storage: &Arc<dyn Storage>,
    log: &Log,
    known: Option<&Checkpoint>,
) -> Result<(), OpenLogError> {
    let Some(known) = known else { return Ok(()) };
    let reader = LogReader::on(Arc::clone(storage));
    let signed = reader.root_at(known.size).ok().flatten();
    if log.size() < known.size || signed != Some(known.root) {
        return Err(OpenLogError::Forked { found: log.size(), signed: known.size });
    }
    Ok(())
}

/// Makes sure that the log is of this key, or is made its own.
fn claim(storage: &dyn Storage, signer: &Signer, names: &[String]) -> Result<(), OpenLogError> {
    let ours = format!("{}\n", signer.verifier());
    if !names.iter().any(|name| name == layout::VERIFIER) {
        return storage.replace(layout::VERIFIER, ours.as_bytes()).map_err(io_of(layout::VERIFIER));
    }
    let found = storage.read(layout::VERIFIER).map_err(io_of(layout::VERIFIER))?;
    if found == ours.as_bytes() {
        return Ok(());
    }
    Err(OpenLogError::OtherKey { found: String::from_utf8_lossy(&found).trim().to_owned() })
}

fn last_checkpoint(storage: &dyn Storage, signer: &Signer, names: &[String]) -> Result<Last, OpenLogError> {
    if !names.iter().any(|name| name == layout::CHECKPOINT) {
        return Ok(Last { checkpoint: None, note: String::new() });
    }
    let note = storage.read(layout::CHECKPOINT).map_err(io_of(layout::CHECKPOINT))?;
    let checkpoint = Checkpoint::verify(&note, signer.verifier()).map_err(OpenLogError::Checkpoint)?;
    Ok(Last { checkpoint: Some(checkpoint), note: String::from_utf8_lossy(&note).into_owned() })
}

/// Reads the newest sealed segments anew and looks whether they follow one another.
fn check_sealed(storage: &dyn Storage, sealed: &[u64], active: u64) -> Result<(), OpenLogError> {
    let (mut next, mut read) = (active, 0);
    for &first in sealed.iter().rev() {
        if CHECKED_BYTES <= read {
            break;
        }
        let name = layout::segment(first);
        let bytes = storage.read(&name).map_err(io_of(&name))?;
        read += bytes.len() as u64;
        let corrupt = |fault| OpenLogError::Corrupt { segment: name.clone(), fault };
        let recovered = recover(&bytes).map_err(corrupt)?;
        if let Some(fault) = recovered.fault {
            return Err(corrupt(fault));
        }
        if recovered.state == SegmentState::Active || recovered.header.before.size() != first {
            return Err(corrupt(Fault { offset: recovered.whole_bytes, what: FaultKind::Trailer }));
        }
        if first + recovered.entries != next {
            return Err(OpenLogError::Truncated { found: first + recovered.entries, signed: next });
        }
        next = first;
    }
    Ok(())
}

/// How the last entry of a log reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Closed,
    Open,
}

/// Builds the tree over the last segment and compares it with the last checkpoint.
fn replay(
    name: &str,
    bytes: &[u8],
    recovered: &Recovered,
    last: &Last,
) -> Result<(Resumed, Closing), OpenLogError> {
    let mut frontier = recovered.header.before.clone();
    let first = frontier.size();
    let (mut index, mut hashes, mut closing) = (Indexer::new(first), Vec::new(), Closing::Open);
    let is_signed = |frontier: &Frontier| {
        let signed = last.checkpoint.as_ref().filter(|checkpoint| checkpoint.size == frontier.size());
        signed.is_none_or(|checkpoint| checkpoint.root == frontier.root())
    };
    let mut sound = is_signed(&frontier);
    let (_, scan) =
        Scan::open(bytes).map_err(|fault| OpenLogError::Corrupt { segment: name.to_owned(), fault })?;
    for (offset, part) in scan.flatten() {
        let Part::Entry(stored) = part else { continue };
        let entry = |cause| OpenLogError::Entry { segment: name.to_owned(), offset, cause };
        index.add(offset, &stored).map_err(entry)?;
        closing = match Leaf::decode(stored.leaf).map_err(entry)? {
            Leaf::Closed(_) => Closing::Closed,
            Leaf::Change(_)
            | Leaf::Completed(_)
            | Leaf::Decided(..)
            | Leaf::Loss(_)
            | Leaf::Opened(_)
            | Leaf::Pruned(_)
            | Leaf::Whole(..) => Closing::Open,
        };
        frontier.append(leaf_hash(stored.leaf), |hash| hashes.extend_from_slice(&hash.0));
        sound &= is_signed(&frontier);
    }
    if !sound {
        return Err(OpenLogError::OtherTree { segment: name.to_owned() });
    }
    let length = recovered.whole_bytes;
    let begun = recovered.header.time;
    Ok((Resumed { first, length, frontier, index, begun, hashes }, closing))
}
