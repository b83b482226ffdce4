//! The line before a chunk: a size, and perhaps extensions (RFC 9112, 7.1).
//!
//! Sizes are where readers have differed most: signs, `0x`, underscores, white space, empty sizes, overflow and line
//! feeds without carriage return. All of these are refused here.

use crate::BodyRefusal;
use crate::bytes::is_token_byte;

/// More digits than any size of 64 bits needs.
const SIZE_DIGITS_MAX: u8 = 16;

/// How much of a chunk line was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkLine {
    size: u64,
    /// Bytes of the line so far.
    length: u16,
    digits: u8,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the size.
    Size,
    /// After a `;`.
    NameStart,
    Name,
    /// After a `=`.
    ValueStart,
    Value,
    Quoted,
    /// After a backslash in a quoted string.
    QuotedPair,
    QuotedEnd,
    /// After the carriage return.
    Feed,
}

/// What a line is after one more byte.
pub(super) enum ChunkStep {
    /// A chunk of `size` bytes, never zero, follows the line of `line_bytes` without its line break.
    Chunk { size: u64, line_bytes: u16 },
    /// The line goes on.
    Inside(ChunkLine),
    /// It was the last chunk's; the trailer section follows.
    Last,
}

impl ChunkLine {
    pub(super) const START: Self = Self { size: 0, length: 0, digits: 0, place: Place::Size };

    /// Takes one byte.
    pub(super) fn step(mut self, byte: u8, line_bytes_max: u16) -> Result<ChunkStep, BodyRefusal> {
        match (self.place, byte) {
            (Place::Feed, b'\n') if self.size == 0 => return Ok(ChunkStep::Last),
            (Place::Feed, b'\n') => {
                return Ok(ChunkStep::Chunk { size: self.size, line_bytes: self.length });
            }
            (_, b'\r') => {
                self.place = self.place.before_line_break(self.digits)?;
                return Ok(ChunkStep::Inside(self));
            }
            _ => {}
        }
        if self.length >= line_bytes_max {
            return Err(BodyRefusal::ChunkLineTooLong);
        }
        self.length += 1;
        match self.place {
            Place::Size => match hexadecimal(byte) {
                Some(digit) if self.digits < SIZE_DIGITS_MAX => {
                    self.size = self.size << 4 | u64::from(digit);
                    self.digits += 1;
                }
                None if byte == b';' && self.digits > 0 => self.place = Place::NameStart,
                None if byte == b'\n' => return Err(BodyRefusal::ChunkLineBreak),
                Some(_) | None => return Err(BodyRefusal::ChunkSize),
            },
            place => self.place = place.in_extension(byte)?,
        }
        Ok(ChunkStep::Inside(self))
    }
}

impl Place {
    /// The place after a carriage return.
    const fn before_line_break(self, digits: u8) -> Result<Self, BodyRefusal> {
        match self {
            Self::Size if digits == 0 => Err(BodyRefusal::ChunkSize),
            Self::Size | Self::Name | Self::Value | Self::QuotedEnd => Ok(Self::Feed),
            Self::NameStart | Self::ValueStart | Self::Quoted | Self::QuotedPair => {
                Err(BodyRefusal::ChunkExtension)
            }
            Self::Feed => Err(BodyRefusal::ChunkLineBreak),
        }
    }

    /// The place after one byte of an extension, or of what follows a carriage return.
    fn in_extension(self, byte: u8) -> Result<Self, BodyRefusal> {
        match (self, byte) {
            (Self::Feed, _) | (_, b'\n') => Err(BodyRefusal::ChunkLineBreak),
            (Self::NameStart | Self::Name, byte) if is_token_byte(byte) => Ok(Self::Name),
            (Self::ValueStart | Self::Value, byte) if is_token_byte(byte) => Ok(Self::Value),
            (Self::Name, b'=') => Ok(Self::ValueStart),
            (Self::ValueStart, b'"') => Ok(Self::Quoted),
            (Self::Name | Self::Value | Self::QuotedEnd, b';') => Ok(Self::NameStart),
            (Self::Quoted, b'"') => Ok(Self::QuotedEnd),
            (Self::Quoted, b'\\') => Ok(Self::QuotedPair),
            (Self::Quoted | Self::QuotedPair, b'\t' | b' '..=b'~') => Ok(Self::Quoted),
            (
                Self::Size
                | Self::NameStart
                | Self::Name
                | Self::ValueStart
                | Self::Value
                | Self::Quoted
                | Self::QuotedPair
                | Self::QuotedEnd,
                _,
            ) => Err(BodyRefusal::ChunkExtension),
        }
    }
}

const fn hexadecimal(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
