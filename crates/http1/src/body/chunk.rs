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

/// What a line is after some more bytes.
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

    /// Takes bytes up to the end of the line or of the input; returns how many.
    pub(super) fn read(
        mut self,
        input: &[u8],
        line_bytes_max: u16,
    ) -> Result<(usize, ChunkStep), BodyRefusal> {
        for (index, byte) in input.iter().enumerate() {
            match (self.place, *byte) {
                (Place::Feed, b'\n') => return Ok((index + 1, self.end())),
                (place, b'\r') => self.place = place.before_line_break(self.digits)?,
                (place, byte) => {
                    if self.length >= line_bytes_max {
                        return Err(BodyRefusal::ChunkLineTooLong);
                    }
                    self.length += 1;
                    if place == Place::Size {
                        self.size_byte(byte)?;
                    } else {
                        self.place = place.in_extension(byte)?;
                    }
                }
            }
        }
        Ok((input.len(), ChunkStep::Inside(self)))
    }

    const fn end(self) -> ChunkStep {
        match self.size {
            0 => ChunkStep::Last,
            size => ChunkStep::Chunk { size, line_bytes: self.length },
        }
    }

    /// Takes a byte that is a digit of the size or ends it.
    fn size_byte(&mut self, byte: u8) -> Result<(), BodyRefusal> {
        match hexadecimal(byte) {
            Some(digit) if self.digits < SIZE_DIGITS_MAX => {
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
            }
            None if byte == b';' && self.digits > 0 => self.place = Place::NameStart,
            None if byte == b'\n' => return Err(BodyRefusal::ChunkLineBreak),
            Some(_) | None => return Err(BodyRefusal::ChunkSize),
        }
        Ok(())
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
