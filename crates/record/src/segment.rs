//! Segment files: a header, frames, and once sealed a footer.
//!
//! Each frame carries its length and a CRC-32 over length and body, so that a flipped bit is found with its
//! place without knowing any key; that nobody changed an entry on purpose is what the tree is for. Checkpoints
//! stand between the entries they cover. A file that ends within a frame has a torn tail.

pub mod index;
pub mod scan;

use model::Timestamp;

use crate::bytes::{Cursor, DecodeError, put_text, put_varint};
use crate::decode::Leaf;
use crate::evidence::put_length;
use crate::tree::{Frontier, Hash, commit};

/// What every segment begins with.
pub const MAGIC: [u8; 8] = *b"SPSEGMT\n";
/// What a sealed segment ends with.
pub const SEALED: [u8; 8] = *b"SPSEALED";
/// The version of the segment format.
pub const SEGMENT_VERSION: u64 = 1;
/// The longest body of a frame, in bytes.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// Length and checksum before each frame's body.
pub const FRAME_HEAD_BYTES: usize = 8;
/// The footer's offset and the magic at the end of a sealed segment.
pub const TRAILER_BYTES: usize = 16;
/// The longest leaf: what an entry bundle of `c2sp.org/tlog-tiles` can hold.
pub const LEAF_BYTES_MAX: usize = 65_535;

/// What a frame holds; the first byte of its body.
pub(crate) mod tag {
    pub(crate) const ENTRY: u8 = 1;
    pub(crate) const CHECKPOINT: u8 = 2;
    pub(crate) const FOOTER: u8 = 3;
    pub(crate) const HEADER: u8 = 4;
}

/// Where a segment stands in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub origin: String,
    /// When the segment was begun.
    pub time: Timestamp,
    /// The tree before the first entry; its size is the index of that entry.
    pub before: Frontier,
}

/// The personal part of an entry with its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonalPart<'a> {
    pub salt: [u8; 16],
    pub bytes: &'a [u8],
}

/// An entry as a frame holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    pub leaf: &'a [u8],
    /// `None` where the leaf commits to none, and where it was erased.
    pub personal: Option<PersonalPart<'a>>,
}

impl<'a> Stored<'a> {
    pub(crate) fn read(mut cursor: Cursor<'a>) -> Result<Self, DecodeError> {
        let length = usize::try_from(cursor.varint()?).map_err(|_| DecodeError::Number)?;
        if LEAF_BYTES_MAX < length {
            return Err(DecodeError::Number);
        }
        let leaf = cursor.take(length)?;
        let personal = match cursor.byte()? {
            0 => {
                cursor.end()?;
                None
            }
            1 => Some(PersonalPart { salt: cursor.array()?, bytes: cursor.rest() }),
            _ => return Err(DecodeError::Code),
        };
        Ok(Self { leaf, personal })
    }

    /// Whether the personal part is absent, or is the one that `leaf` commits to.
    #[must_use]
    pub fn is_as_committed(&self, leaf: &Leaf<'_>) -> bool {
        match (self.personal, leaf.commitment()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(part), Some(commitment)) => commit(&part.salt, part.bytes) == commitment,
        }
    }

    /// The same entry without its personal part.
    #[must_use]
    pub const fn erased(self) -> Self {
        Self { leaf: self.leaf, personal: None }
    }
}

pub(crate) fn put_stored(out: &mut Vec<u8>, stored: &Stored<'_>) {
    put_length(out, stored.leaf);
    match stored.personal {
        None => out.push(0),
        Some(part) => {
            out.push(1);
            out.extend_from_slice(&part.salt);
            out.extend_from_slice(part.bytes);
        }
    }
}

/// Writes one frame; `body` writes its body.
fn put_frame(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
    body(out);
    let Some((head, body)) = out.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut::<FRAME_HEAD_BYTES>)
    else {
        return;
    };
    // A body is bounded by what writes it, far below four gigabytes.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sum = checksum(length, body).to_le_bytes();
    let [a, b, c, d] = length;
    let [e, f, g, h] = sum;
    *head = [a, b, c, d, e, f, g, h];
}

fn checksum(length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}

/// Begins a segment.
pub fn put_header(out: &mut Vec<u8>, header: &Header) {
    out.extend_from_slice(&MAGIC);
    put_frame(out, |out| {
        out.push(tag::HEADER);
        put_varint(out, SEGMENT_VERSION);
        put_text(out, &header.origin);
        out.extend_from_slice(&header.time.as_micros().to_be_bytes());
        put_varint(out, header.before.size());
        for root in header.before.roots() {
            out.extend_from_slice(&root.0);
        }
    });
}

fn header(body: &[u8]) -> Result<Header, DecodeError> {
    let mut cursor = Cursor::new(body);
    if cursor.byte()? != tag::HEADER {
        return Err(DecodeError::Code);
    }
    if cursor.varint()? != SEGMENT_VERSION {
        return Err(DecodeError::Version);
    }
    let origin = cursor.text()?.to_owned();
    let time = Timestamp::from_micros(i64::from_be_bytes(cursor.array()?));
    let size = cursor.varint()?;
    let roots = (0..size.count_ones()).map(|_| cursor.array().map(Hash)).collect::<Result<_, _>>()?;
    cursor.end()?;
    let before = Frontier::of(size, roots).ok_or(DecodeError::Number)?;
    Ok(Header { origin, time, before })
}

/// Appends an entry.
pub fn put_entry(out: &mut Vec<u8>, stored: &Stored<'_>) {
    put_frame(out, |out| {
        out.push(tag::ENTRY);
        put_stored(out, stored);
    });
}

/// Appends a signed checkpoint.
pub fn put_checkpoint(out: &mut Vec<u8>, note: &str) {
    put_frame(out, |out| {
        out.push(tag::CHECKPOINT);
        out.extend_from_slice(note.as_bytes());
    });
}

/// Seals a segment that is `length` bytes long so far.
pub fn put_footer(out: &mut Vec<u8>, length: u64, footer: &index::Footer) {
    put_frame(out, |out| {
        out.push(tag::FOOTER);
        footer.put(out);
    });
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&SEALED);
}

#[cfg(test)]
mod tests;
