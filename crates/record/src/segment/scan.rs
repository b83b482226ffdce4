//! Reading a segment from front to back, up to its end or its first fault.

use super::index::Footer;
use super::{
    FRAME_BYTES_MAX, FRAME_HEAD_BYTES, Header, MAGIC, SEALED, Stored, TRAILER_BYTES, checksum, header, tag,
};
use crate::bytes::{Cursor, DecodeError};

/// What is wrong at one place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct Fault {
    /// From the beginning of the file.
    pub offset: u64,
    pub what: FaultKind,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    #[error("the file does not begin as a segment")]
    Magic,
    #[error("the file ends within a frame")]
    Torn,
    #[error("the checksum of the frame is wrong")]
    Checksum,
    #[error("the frame cannot be read: {0}")]
    Frame(DecodeError),
    #[error("the end of a sealed segment is wrong")]
    Trailer,
}

/// One frame.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    Entry(Stored<'a>),
    /// A signed note, unverified.
    Checkpoint(&'a [u8]),
    /// The last part of a sealed segment.
    Footer(Box<Footer>),
}

/// The frames of a segment in their order.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// The end of what is to be read.
    end: usize,
    done: bool,
}

impl<'a> Scan<'a> {
    /// Reads the header and stands before the first frame.
    pub fn open(bytes: &'a [u8]) -> Result<(Header, Self), Fault> {
        let fault = |offset: usize, what| Fault { offset: offset as u64, what };
        if !bytes.starts_with(&MAGIC) {
            let torn = MAGIC.starts_with(bytes);
            return Err(fault(0, if torn { FaultKind::Torn } else { FaultKind::Magic }));
        }
        let (body, next) = frame(bytes, MAGIC.len())?;
        let header = header(body).map_err(|error| fault(MAGIC.len(), FaultKind::Frame(error)))?;
        Ok((header, Self { bytes, offset: next, end: bytes.len(), done: false }))
    }

    /// Reads the frames that begin in `from..to`; `from` must be the place of a frame.
    #[must_use]
    pub fn between(bytes: &'a [u8], from: u64, to: u64) -> Self {
        let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Self { bytes, offset: place(from), end: place(to), done: false }
    }

    /// The end of the last whole frame that was read.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset as u64
    }

    fn read(&mut self) -> Result<Part<'a>, Fault> {
        let at = self.offset;
        let fault = |error| Fault { offset: at as u64, what: FaultKind::Frame(error) };
        let (body, next) = frame(self.bytes, at)?;
        let mut cursor = Cursor::new(body);
        let part = match cursor.byte().map_err(fault)? {
            tag::ENTRY => Part::Entry(Stored::read(cursor).map_err(fault)?),
            tag::CHECKPOINT => Part::Checkpoint(cursor.rest()),
            tag::FOOTER => {
                let footer = Footer::read(&mut cursor).map_err(fault)?;
                let trailer = self.bytes.get(next..).unwrap_or(&[]);
                let (length, magic) = trailer.split_at_checked(8).unwrap_or((trailer, &[]));
                if trailer.len() < TRAILER_BYTES {
                    return Err(Fault { offset: at as u64, what: FaultKind::Torn });
                }
                if *length != (at as u64).to_le_bytes() || *magic != SEALED {
                    return Err(Fault { offset: next as u64, what: FaultKind::Trailer });
                }
                self.done = true;
                self.offset = next + TRAILER_BYTES;
                return Ok(Part::Footer(Box::new(footer)));
            }
            _ => return Err(fault(DecodeError::Code)),
        };
        self.offset = next;
        Ok(part)
    }
}

impl<'a> Iterator for Scan<'a> {
    /// The place of a frame and what it holds.
    type Item = Result<(u64, Part<'a>), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || self.end <= self.offset {
            return None;
        }
        let at = self.offset as u64;
        let part = self.read();
        self.done |= part.is_err();
        Some(part.map(|part| (at, part)))
    }
}

/// The body of the frame at `offset`, and where the next one begins.
fn frame(bytes: &[u8], offset: usize) -> Result<(&[u8], usize), Fault> {
    let fault = |what| Fault { offset: offset as u64, what };
    let rest = bytes.get(offset..).unwrap_or(&[]);
    let Some((&[a, b, c, d, e, f, g, h], rest)) = rest.split_first_chunk::<FRAME_HEAD_BYTES>() else {
        return Err(fault(FaultKind::Torn));
    };
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if FRAME_BYTES_MAX < length {
        return Err(fault(FaultKind::Checksum));
    }
    let Some((body, _)) = rest.split_at_checked(length) else {
        return Err(fault(FaultKind::Torn));
    };
    if checksum([a, b, c, d], body) != u32::from_le_bytes([e, f, g, h]) {
        return Err(fault(FaultKind::Checksum));
    }
    Ok((body, offset + FRAME_HEAD_BYTES + length))
}

/// The footer of a sealed segment, by its trailer; `None` where the segment is not sealed or not sound at its end.
#[must_use]
pub fn footer(bytes: &[u8]) -> Option<(u64, Footer)> {
    let (rest, magic) = bytes.split_last_chunk::<8>()?;
    let (_, offset) = rest.split_last_chunk::<8>()?;
    if *magic != SEALED {
        return None;
    }
    let offset = u64::from_le_bytes(*offset);
    let (body, _) = frame(bytes, usize::try_from(offset).ok()?).ok()?;
    let mut cursor = Cursor::new(body);
    if cursor.byte().ok()? != tag::FOOTER {
        return None;
    }
    Some((offset, Footer::read(&mut cursor).ok()?))
}

/// The footer in the last bytes of a sealed segment, which begin with the footer's frame at `offset` of the file.
#[must_use]
pub fn footer_at(end: &[u8], offset: u64) -> Option<Footer> {
    let (body, next) = frame(end, 0).ok()?;
    let trailer = end.get(next..)?;
    if trailer.len() != TRAILER_BYTES
        || trailer.get(..8)? != offset.to_le_bytes()
        || trailer.get(8..)? != SEALED
    {
        return None;
    }
    let mut cursor = Cursor::new(body);
    if cursor.byte().ok()? != tag::FOOTER {
        return None;
    }
    Footer::read(&mut cursor).ok()
}

/// What a segment holds, as recovery sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub header: Header,
    /// Whole entries.
    pub entries: u64,
    /// The end of the last whole frame; what is behind it is torn.
    pub whole_bytes: u64,
    pub torn_bytes: u64,
    pub state: SegmentState,
    /// What stands at `whole_bytes`, where that is not the end.
    pub fault: Option<Fault>,
}

/// Whether a segment takes further entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    Active,
    Sealed,
}

/// Finds the last whole entry of a segment. Whether what is behind it may be cut off depends on whether a
/// checkpoint covers it, which the caller knows.
pub fn recover(bytes: &[u8]) -> Result<Recovered, Fault> {
    let (header, mut scan) = Scan::open(bytes)?;
    let (mut entries, mut state, mut fault) = (0, SegmentState::Active, None);
    for part in scan.by_ref() {
        match part {
            Ok((_, Part::Entry(_))) => entries += 1,
            Ok((_, Part::Checkpoint(_))) => {}
            Ok((_, Part::Footer(_))) => state = SegmentState::Sealed,
            Err(found) => fault = Some(found),
        }
    }
    let whole_bytes = scan.offset();
    let torn_bytes = (bytes.len() as u64).saturating_sub(whole_bytes);
    if fault.is_none() && 0 < torn_bytes {
        fault = Some(Fault { offset: whole_bytes, what: FaultKind::Trailer });
    }
    Ok(Recovered { header, entries, whole_bytes, torn_bytes, state, fault })
}
