//! Reading bodies (RFC 9112, 6 and 7).
//!
//! The decoder is a state that moves byte by byte through framing and slice by slice through data, so the splits of
//! the input cannot change what it says. It keeps no data; of a trailer section it keeps the bytes, up to a limit.
//!
//! Chunk extensions are checked against their grammar, counted, and dropped: they belong to one connection, and
//! nothing behind us may depend on them. White space round their parts, which RFC 9112, 7.1.1 calls bad, is refused.

use core::ops::Range;

use crate::fields::{Line, parse_line};
use crate::name::is_forbidden_in_trailers;
use crate::{BodyRefusal, Field, FieldRefusal, Framing, Limits, ResponseFraming};

mod chunk;

use chunk::{ChunkLine, ChunkStep};

/// What one call of [`BodyDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyEvent {
    /// Data: this range of the input of this call, never empty.
    Data(Range<usize>),
    /// The body is complete. The rest of the input belongs to whatever follows.
    End,
    /// All of the input was consumed; read more.
    NeedMore,
    /// A trailer section with at least one field is complete: see [`BodyDecoder::trailers`]. [`BodyEvent::End`]
    /// follows.
    Trailers,
}

/// The outcome of one call of [`BodyDecoder::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyStep {
    /// Bytes of the input that are done with, framing and data. Give the rest again.
    pub consumed: usize,
    /// What was found in them.
    pub event: BodyEvent,
}

/// A trailer section: bytes and the places of its fields in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailers {
    /// The section as it arrived.
    pub bytes: Vec<u8>,
    /// Its fields, in the order of arrival.
    pub fields: Vec<Field>,
}

/// Reads one body, whatever the splits of its bytes.
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: State,
    limits: Limits,
    /// By how many bytes chunk lines outweigh their data so far.
    overhead: u64,
    trailers: Option<Box<Trailers>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Inside a chunk, with so many bytes to come; never zero.
    ChunkData(u64),
    /// The carriage return after a chunk's data is next.
    ChunkReturn,
    /// Its line feed is next.
    ChunkFeed,
    /// Inside the line before a chunk.
    ChunkLine(ChunkLine),
    /// Over.
    Ended,
    /// Refused, for ever.
    Failed(BodyRefusal),
    /// So many bytes to come; never zero.
    Length(u64),
    /// The first byte after the last chunk's line is next.
    SectionStart,
    /// There are no trailers; the line feed of the empty line is next.
    SectionFeed,
    /// Inside a trailer line, which starts at this offset of the section.
    Trailer { line_start: usize },
    /// Everything until the connection ends.
    UntilClose,
}

impl BodyDecoder {
    /// A decoder for the body of a request.
    #[must_use]
    pub const fn request(framing: Framing, limits: &Limits) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Ended,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkLine(ChunkLine::START),
        };
        Self::new(state, limits)
    }

    /// A decoder for the body of a response.
    #[must_use]
    pub const fn response(framing: ResponseFraming, limits: &Limits) -> Self {
        let state = match framing {
            ResponseFraming::None | ResponseFraming::Length(0) => State::Ended,
            ResponseFraming::Length(length) => State::Length(length),
            ResponseFraming::Chunked => State::ChunkLine(ChunkLine::START),
            ResponseFraming::UntilClose => State::UntilClose,
        };
        Self::new(state, limits)
    }

    const fn new(state: State, limits: &Limits) -> Self {
        Self { state, limits: *limits, overhead: 0, trailers: None }
    }

    /// Takes the next bytes of the body. Call until it says [`BodyEvent::NeedMore`] or [`BodyEvent::End`].
    ///
    /// An empty input is fine: after the last byte of a body of known length it brings [`BodyEvent::End`]. After
    /// the end every call says so again and consumes nothing.
    ///
    /// # Errors
    ///
    /// The body is malformed or over a limit; the same refusal comes from every later call.
    pub fn decode(&mut self, input: &[u8]) -> Result<BodyStep, BodyRefusal> {
        if let State::Failed(refusal) = self.state {
            return Err(refusal);
        }
        let outcome = self.advance(input);
        if let Err(refusal) = outcome {
            self.state = State::Failed(refusal);
        }
        outcome
    }

    /// Whether the body is complete: the next call of [`BodyDecoder::decode`] says [`BodyEvent::End`].
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// The trailer section, once [`BodyEvent::Trailers`] came.
    #[must_use]
    pub fn trailers(&self) -> Option<&Trailers> {
        self.trailers.as_deref().filter(|_| self.is_ended())
    }

    /// Says what the end of the connection means: a legal end where the body lasts until then or is over.
    ///
    /// # Errors
    ///
    /// [`BodyRefusal::Truncated`] where bytes are missing, or the earlier refusal.
    pub const fn finish_on_eof(&mut self) -> Result<(), BodyRefusal> {
        match self.state {
            State::Ended | State::UntilClose => {
                self.state = State::Ended;
                Ok(())
            }
            State::Failed(refusal) => Err(refusal),
            State::ChunkData(_)
            | State::ChunkReturn
            | State::ChunkFeed
            | State::ChunkLine(_)
            | State::Length(_)
            | State::SectionStart
            | State::SectionFeed
            | State::Trailer { .. } => {
                self.state = State::Failed(BodyRefusal::Truncated);
                Err(BodyRefusal::Truncated)
            }
        }
    }

    fn advance(&mut self, input: &[u8]) -> Result<BodyStep, BodyRefusal> {
        let mut position = 0;
        loop {
            if self.state == State::Ended {
                return Ok(BodyStep { consumed: position, event: BodyEvent::End });
            }
            let rest = input.get(position..).unwrap_or_default();
            let Some(byte) = rest.first().copied() else {
                return Ok(BodyStep { consumed: position, event: BodyEvent::NeedMore });
            };
            match self.state {
                State::UntilClose => return data(position, input.len()),
                State::Length(remaining) => {
                    let (taken, left) = take(remaining, rest);
                    self.state = if left == 0 { State::Ended } else { State::Length(left) };
                    return data(position, position + taken);
                }
                State::ChunkData(remaining) => {
                    let (taken, left) = take(remaining, rest);
                    self.state = if left == 0 { State::ChunkReturn } else { State::ChunkData(left) };
                    return data(position, position + taken);
                }
                State::ChunkLine(line) => {
                    let (taken, step) = line.read(rest, self.limits.chunk_line_bytes_max)?;
                    position += taken;
                    self.state = match step {
                        ChunkStep::Inside(line) => State::ChunkLine(line),
                        ChunkStep::Last => State::SectionStart,
                        ChunkStep::Chunk { size, line_bytes } => {
                            self.account(size, line_bytes)?;
                            State::ChunkData(size)
                        }
                    };
                }
                State::SectionStart if byte != b'\r' => {
                    self.trailers = Some(Box::new(Trailers { bytes: Vec::new(), fields: Vec::new() }));
                    self.state = State::Trailer { line_start: 0 };
                }
                State::Trailer { line_start } => {
                    position += self.keep_trailer(rest, line_start)?;
                    if self.state == State::Ended {
                        return Ok(BodyStep { consumed: position, event: BodyEvent::Trailers });
                    }
                }
                State::ChunkReturn | State::ChunkFeed | State::SectionStart | State::SectionFeed => {
                    self.state = self.after_line_break(byte)?;
                    position += 1;
                }
                // Both were dealt with before.
                State::Ended => return Ok(BodyStep { consumed: position, event: BodyEvent::End }),
                State::Failed(refusal) => return Err(refusal),
            }
        }
    }

    /// The state after one byte of a line break.
    const fn after_line_break(&self, byte: u8) -> Result<State, BodyRefusal> {
        match (self.state, byte) {
            (State::ChunkReturn, b'\r') => Ok(State::ChunkFeed),
            (State::ChunkFeed, b'\n') => Ok(State::ChunkLine(ChunkLine::START)),
            (State::ChunkReturn | State::ChunkFeed, _) => Err(BodyRefusal::ChunkEnd),
            (State::SectionStart, b'\r') => Ok(State::SectionFeed),
            (State::SectionFeed, b'\n') => Ok(State::Ended),
            (
                State::ChunkData(_)
                | State::ChunkLine(_)
                | State::Ended
                | State::Failed(_)
                | State::Length(_)
                | State::SectionStart
                | State::SectionFeed
                | State::Trailer { .. }
                | State::UntilClose,
                _,
            ) => Err(BodyRefusal::Trailer(FieldRefusal::BareLineBreak)),
        }
    }

    /// Weighs a chunk's line against its data.
    fn account(&mut self, size: u64, line_bytes: u16) -> Result<(), BodyRefusal> {
        // Two line breaks are paid for as well. What is earned back is described at the limit.
        let paid = u64::from(line_bytes) + 4;
        let earned = size.saturating_mul(2).saturating_add(16);
        self.overhead = (self.overhead + paid).saturating_sub(earned);
        if self.overhead > u64::from(self.limits.chunk_overhead_bytes_max) {
            return Err(BodyRefusal::ChunkOverhead);
        }
        Ok(())
    }

    /// Keeps bytes of a trailer line, up to its line feed, and judges the line once that is there.
    fn keep_trailer(&mut self, rest: &[u8], line_start: usize) -> Result<usize, BodyRefusal> {
        let Some(trailers) = self.trailers.as_deref_mut() else { return Ok(0) };
        let feed = crate::bytes::line_feed(rest);
        let taken = feed.map_or(rest.len(), |index| index + 1);
        if trailers.bytes.len() + taken > usize::from(self.limits.trailer_bytes_max) {
            return Err(BodyRefusal::TrailersTooLarge);
        }
        trailers.bytes.extend_from_slice(rest.get(..taken).unwrap_or_default());
        if feed.is_none() {
            return Ok(taken);
        }
        match parse_line(&trailers.bytes, line_start).map_err(BodyRefusal::Trailer)? {
            Line::Empty { .. } => self.state = State::Ended,
            Line::Field { field, end } => {
                if trailers.fields.len() >= usize::from(self.limits.trailer_fields_max) {
                    return Err(BodyRefusal::Trailer(FieldRefusal::TooMany));
                }
                if is_forbidden_in_trailers(field.name.of(&trailers.bytes)) {
                    return Err(BodyRefusal::TrailerForbidden);
                }
                trailers.fields.push(field);
                self.state = State::Trailer { line_start: end };
            }
            // A line with its line feed is never partial; were it, the line would be malformed.
            Line::Partial => return Err(BodyRefusal::Trailer(FieldRefusal::BareLineBreak)),
        }
        Ok(taken)
    }
}

/// How many of the remaining bytes are in `rest`, and how many are left after them.
fn take(remaining: u64, rest: &[u8]) -> (usize, u64) {
    let taken = usize::try_from(remaining).map_or(rest.len(), |remaining| remaining.min(rest.len()));
    (taken, remaining.saturating_sub(taken as u64))
}

const fn data(start: usize, end: usize) -> Result<BodyStep, BodyRefusal> {
    Ok(BodyStep { consumed: end, event: BodyEvent::Data(start..end) })
}

#[cfg(test)]
mod tests;
