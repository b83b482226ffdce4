//! Opening a log: what is whole is kept, a torn tail is cut off and reported, corruption refuses.
//!
//! Nothing is written before everything is judged, so a log that is refused is as it was.

use std::io;
use std::sync::Arc;

use model::Timestamp;
use record::segment::index::Indexer;
use record::segment::scan::{Fault, FaultKind, Part, Recovered, Scan, SegmentState, recover};
use record::tree::{Frontier, leaf_hash};
use record::{Checkpoint, CheckpointError, DecodeError, Ending, Leaf, NoteError, Signer};

use crate::layout::{self, Listing};
use crate::log::{Log, Resumed};
use crate::storage::{LockError, Storage};
use crate::{LogReader, sealed};

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
    #[error("the log belongs to `{found}`; a new key or origin needs a folder of its own")]
    OtherKey { found: String },
    #[error("the last checkpoint, in the file `checkpoint`, is not sound")]
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
    #[error(
        "the log ends at entry {found}, and its last checkpoint covers {signed}: what is behind is missing"
    )]
    Truncated { found: u64, signed: u64 },
    #[error(
        "the entries up to the last checkpoint are not those it was signed over; see segment `{segment}`"
    )]
    OtherTree { segment: String },
    #[error(
        "the log does not go on from the checkpoint over {signed} entries that is known of it; it holds {found}"
    )]
    Forked { found: u64, signed: u64 },
    #[error("the segment `{segment}` is missing, and retention did not remove it")]
    Missing { segment: String },
    #[error("the hashes in `{name}` are not all of those of a segment that retention removed")]
    Hashes { name: String },
    #[error("the file of the last checkpoint, `checkpoint`, is missing")]
    NoCheckpoint,
    #[error("the checkpoint that is known of the log is not sound")]
    Known(#[source] CheckpointError),
    #[error("the checkpoint that is known is of `{found}`, which is no part of `{origin}`")]
    OtherLine { origin: String, found: String },
    #[error("cannot set the log in `{dir}` aside, which does not go on from what is known of it")]
    SetAside {
        dir: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot record that the log was opened")]
    Start(#[source] crate::log::WriteLogError),
    #[error("cannot start the recorder's thread")]
    Thread(#[source] io::Error),
}

impl OpenLogError {
    /// Whether the log's files are not what was written: then nothing was changed, and a restored copy or a new log is
    /// the way on.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Checkpoint(_)
            | Self::Corrupt { .. }
            | Self::Entry { .. }
            | Self::Truncated { .. }
            | Self::OtherTree { .. }
            | Self::Hashes { .. }
            | Self::Missing { .. }
            | Self::NoCheckpoint => true,
            Self::Signer { .. }
            | Self::Lock(_)
            | Self::Io { .. }
            | Self::OtherKey { .. }
            | Self::Forked { .. }
            | Self::Known(_)
            | Self::OtherLine { .. }
            | Self::SetAside { .. }
            | Self::Start(_)
            | Self::Thread(_) => false,
        }
    }
}

pub(crate) fn io_of(name: &str) -> impl FnOnce(io::Error) -> OpenLogError + '_ {
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

/// Opens the log and says how it ended before. What does not go on from `known` is left as it is.
pub(crate) fn open(
    storage: Arc<dyn Storage>,
    signer: Signer,
    segment_bytes: u64,
    known: Option<&Checkpoint>,
    now: Timestamp,
) -> Result<(Log, Ending), OpenLogError> {
    let names = storage.list().map_err(io_of("."))?;
    check_owner(&*storage, &signer, &names)?;
    let last = last_checkpoint(&*storage, &signer, &names)?;
    let listing = Listing::of(&names);
    sealed::check(&*storage, &listing, last.size())?;
    let Some(&first) = listing.segments.last() else {
        if 0 < last.size() {
            return Err(OpenLogError::Truncated { found: 0, signed: last.size() });
        }
        check_found(0, known)?;
        claim(&*storage, &signer)?;
        let begun = (Frontier::new(), now);
        let log = Log::begin(storage, signer, segment_bytes, begun, (0, String::new()));
        return Ok((log.map_err(io_of(&layout::segment(0)))?, Ending::New));
    };
    let name = layout::segment(first);
    let bytes = storage.read(&name).map_err(io_of(&name))?;
    let recovered =
        recover(&bytes).map_err(|fault| OpenLogError::Corrupt { segment: name.clone(), fault })?;
    if recovered.header.origin != signer.verifier().name() {
        return Err(OpenLogError::OtherKey { found: recovered.header.origin });
    }
    let found = first + recovered.entries;
    if recovered.header.before.size() != first || found < last.size() {
        let fault = recovered.fault;
        return Err(match fault {
            Some(fault) => OpenLogError::Corrupt { segment: name, fault },
            None => OpenLogError::Truncated { found, signed: last.size() },
        });
    }
    check_found(found, known)?;
    let whole = bytes.get(..usize::try_from(recovered.whole_bytes).unwrap_or(usize::MAX)).unwrap_or(&[]);
    let replayed = replay(&name, whole, &recovered, [last.checkpoint.as_ref(), known])?;
    check_known(&storage, &replayed, known)?;
    if last.checkpoint.is_none() && (0 < first || replayed.holds == Holds::More) {
        // How far the log went is unknown: what was signed may be gone.
        return Err(known
            .map_or(OpenLogError::NoCheckpoint, |known| OpenLogError::Forked { found, signed: known.size }));
    }
    claim(&*storage, &signer)?;
    go_on(storage, signer, segment_bytes, (recovered, replayed), last, now)
}

/// Goes on with a log whose last segment was read and found sound.
fn go_on(
    storage: Arc<dyn Storage>,
    signer: Signer,
    segment_bytes: u64,
    (recovered, replayed): (Recovered, Replayed),
    last: Last,
    now: Timestamp,
) -> Result<(Log, Ending), OpenLogError> {
    let resumed = replayed.resumed;
    let name = layout::segment(resumed.first);
    let ending = match (replayed.closing, recovered.torn_bytes) {
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
            let hashes = layout::hashes(resumed.first);
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

/// Makes sure that the log is as long as it is known to have been.
fn check_found(found: u64, known: Option<&Checkpoint>) -> Result<(), OpenLogError> {
    match known {
        Some(known) if found < known.size => Err(OpenLogError::Forked { found, signed: known.size }),
        Some(_) | None => Ok(()),
    }
}

/// Makes sure that the log goes on from a checkpoint that was kept elsewhere.
fn check_known(
    storage: &Arc<dyn Storage>,
    replayed: &Replayed,
    known: Option<&Checkpoint>,
) -> Result<(), OpenLogError> {
    let Some(known) = known else { return Ok(()) };
    let [_, in_segment] = replayed.sound;
    // Before the last segment the hashes tell; those of sealed segments are durable and whole.
    let is_before = known.size < replayed.resumed.first;
    let before = || LogReader::on(Arc::clone(storage)).root_at(known.size).ok().flatten();
    if in_segment == Soundness::Other || (is_before && before() != Some(known.root)) {
        return Err(OpenLogError::Forked { found: replayed.resumed.frontier.size(), signed: known.size });
    }
    Ok(())
}

/// Makes sure that the log, where there is one, is of this key and origin.
fn check_owner(storage: &dyn Storage, signer: &Signer, names: &[String]) -> Result<(), OpenLogError> {
    if !names.iter().any(|name| name == layout::VERIFIER) {
        return Ok(());
    }
    let found = storage.read(layout::VERIFIER).map_err(io_of(layout::VERIFIER))?;
    if found == verifier_file(signer).as_bytes() {
        return Ok(());
    }
    Err(OpenLogError::OtherKey { found: String::from_utf8_lossy(&found).trim().to_owned() })
}

/// Writes beside the log whose it is.
fn claim(storage: &dyn Storage, signer: &Signer) -> Result<(), OpenLogError> {
    let ours = verifier_file(signer);
    match storage.read(layout::VERIFIER) {
        Ok(found) if found == ours.as_bytes() => Ok(()),
        Ok(_) | Err(_) => storage.replace(layout::VERIFIER, ours.as_bytes()).map_err(io_of(layout::VERIFIER)),
    }
}

fn verifier_file(signer: &Signer) -> String {
    format!("{}\n", signer.verifier())
}

fn last_checkpoint(storage: &dyn Storage, signer: &Signer, names: &[String]) -> Result<Last, OpenLogError> {
    if !names.iter().any(|name| name == layout::CHECKPOINT) {
        return Ok(Last { checkpoint: None, note: String::new() });
    }
    let note = storage.read(layout::CHECKPOINT).map_err(io_of(layout::CHECKPOINT))?;
    let checkpoint = Checkpoint::verify(&note, signer.verifier()).map_err(OpenLogError::Checkpoint)?;
    Ok(Last { checkpoint: Some(checkpoint), note: String::from_utf8_lossy(&note).into_owned() })
}

/// How the last entry of a log reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Closed,
    Open,
}

/// What the last segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Nothing but openings: no checkpoint may ever have been stored.
    Openings,
    More,
}

/// Whether the tree is the one that a checkpoint was signed over, as far as the last segment tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Soundness {
    Same,
    Other,
}

/// What reading the last segment anew gave.
struct Replayed {
    resumed: Resumed,
    closing: Closing,
    holds: Holds,
    /// For the checkpoints that were asked about, in their order.
    sound: [Soundness; 2],
}

/// Builds the tree over the last segment and compares it with the last checkpoint, whose place must be there, and with
/// the one that is known from elsewhere.
fn replay(
    name: &str,
    bytes: &[u8],
    recovered: &Recovered,
    checkpoints: [Option<&Checkpoint>; 2],
) -> Result<Replayed, OpenLogError> {
    let mut frontier = recovered.header.before.clone();
    let first = frontier.size();
    let (mut index, mut hashes, mut closing) = (Indexer::new(first), Vec::new(), Closing::Open);
    let mut holds = Holds::Openings;
    let compare = |frontier: &Frontier, sound: [Soundness; 2]| {
        let mut pairs = checkpoints.into_iter().zip(sound).map(|(checkpoint, so_far)| {
            let signed = checkpoint.filter(|checkpoint| checkpoint.size == frontier.size());
            if signed.is_some_and(|checkpoint| checkpoint.root != frontier.root()) {
                Soundness::Other
            } else {
                so_far
            }
        });
        [pairs.next(), pairs.next()].map(|sound| sound.unwrap_or(Soundness::Other))
    };
    let mut sound = compare(&frontier, [Soundness::Same; 2]);
    let (_, scan) =
        Scan::open(bytes).map_err(|fault| OpenLogError::Corrupt { segment: name.to_owned(), fault })?;
    for (offset, part) in scan.flatten() {
        let Part::Entry(stored) = part else { continue };
        let entry = |cause| OpenLogError::Entry { segment: name.to_owned(), offset, cause };
        index.add(offset, &stored).map_err(entry)?;
        let leaf = Leaf::decode(stored.leaf).map_err(entry)?;
        closing = match leaf {
            Leaf::Closed(_) => Closing::Closed,
            Leaf::Change(_)
            | Leaf::Completed(_)
            | Leaf::Decided(..)
            | Leaf::Loss(_)
            | Leaf::Opened(_)
            | Leaf::Pruned(_)
            | Leaf::Whole(..) => Closing::Open,
        };
        if !matches!(leaf, Leaf::Opened(_)) {
            holds = Holds::More;
        }
        frontier.append(leaf_hash(stored.leaf), |hash| hashes.extend_from_slice(&hash.0));
        sound = compare(&frontier, sound);
    }
    if let [Soundness::Other, _] = sound {
        return Err(OpenLogError::OtherTree { segment: name.to_owned() });
    }
    let resumed = Resumed {
        first,
        length: recovered.whole_bytes,
        frontier,
        index,
        begun: recovered.header.time,
        hashes,
    };
    Ok(Replayed { resumed, closing, holds, sound })
}
