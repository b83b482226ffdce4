//! What is before the last segment when a log is opened: whether the newest of it is whole, and whether what is not
//! there was removed by retention and not by anybody else.

use record::Leaf;
use record::segment::scan::{Fault, FaultKind, Part, Scan, SegmentState, recover};
use record::tree::stored_before;

use crate::layout::{self, Listing};
use crate::log::HASH_BYTES;
use crate::open::{OpenLogError, io_of};
use crate::storage::Storage;

/// How many bytes of sealed segments are read anew when a log is opened, the newest first; the rest is for
/// `audit verify`.
const CHECKED_BYTES: u64 = 64 << 20;

/// Judges everything before the last segment; entries below number `signed` are under the last checkpoint.
pub(crate) fn check(storage: &dyn Storage, listing: &Listing, signed: u64) -> Result<(), OpenLogError> {
    if let Some(first) = listing.missing() {
        return Err(missing(first));
    }
    let Some((&active, sealed)) = listing.segments.split_last() else { return Ok(()) };
    check_sealed(storage, sealed, active)?;
    check_removed(storage, listing, signed)
}

fn missing(first: u64) -> OpenLogError {
    OpenLogError::Missing { segment: layout::segment(first) }
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
            return Err(missing(first + recovered.entries));
        }
        next = first;
    }
    Ok(())
}

/// Looks for the signed entry that says that retention removed every segment before the oldest one.
fn check_removed(storage: &dyn Storage, listing: &Listing, signed: u64) -> Result<(), OpenLogError> {
    let Some(&oldest) = listing.segments.first().filter(|oldest| 0 < **oldest) else { return Ok(()) };
    let removed: Vec<u64> = listing.hashes.iter().copied().filter(|first| *first < oldest).collect();
    if removed.first() != Some(&0) {
        return Err(missing(0));
    }
    let told = told(storage, listing, signed)?;
    let ends = removed.iter().skip(1).chain([&oldest]);
    for (&first, &end) in removed.iter().zip(ends) {
        if told < end {
            return Err(missing(first));
        }
        let name = layout::hashes(first);
        let whole = (stored_before(end) - stored_before(first)) * HASH_BYTES;
        if storage.length(&name).map_err(io_of(&name))? != whole {
            return Err(OpenLogError::Hashes { name });
        }
    }
    Ok(())
}

/// Up to where retention removed content, as the newest entry under a signature says. Where retention is at work, that
/// is among the newest entries of the log; where it was, all that came since is read.
fn told(storage: &dyn Storage, listing: &Listing, signed: u64) -> Result<u64, OpenLogError> {
    for &first in listing.segments.iter().rev() {
        let name = layout::segment(first);
        let bytes = storage.read(&name).map_err(io_of(&name))?;
        let (header, scan) =
            Scan::open(&bytes).map_err(|fault| OpenLogError::Corrupt { segment: name.clone(), fault })?;
        let (mut index, mut found) = (header.before.size(), None);
        for (_, part) in scan.flatten() {
            let Part::Entry(stored) = part else { continue };
            if let Ok(Leaf::Pruned(pruned)) = Leaf::decode(stored.leaf)
                && index < signed
            {
                found = Some(pruned.before);
            }
            index += 1;
        }
        if let Some(before) = found {
            return Ok(before);
        }
    }
    Ok(0)
}
