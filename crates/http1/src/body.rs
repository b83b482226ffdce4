//! Reading bodies (RFC 9112, 6 and 7).

use core::ops::Range;

use crate::{BodyRefusal, Field, Framing, Limits, ResponseFraming};

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
    trailers: Option<Box<Trailers>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ended,
    Failed(BodyRefusal),
}

impl BodyDecoder {
    /// A decoder for the body of a request.
    #[must_use]
    pub fn request(framing: Framing, limits: &Limits) -> Self {
        let _ = limits;
        let state = match framing {
            Framing::None => State::Ended,
            Framing::Length(_) | Framing::Chunked => State::Failed(BodyRefusal::Truncated),
        };
        Self { state, trailers: None }
    }

    /// A decoder for the body of a response.
    #[must_use]
    pub fn response(framing: ResponseFraming, limits: &Limits) -> Self {
        let _ = limits;
        let state = match framing {
            ResponseFraming::None => State::Ended,
            ResponseFraming::Length(_) | ResponseFraming::Chunked | ResponseFraming::UntilClose => {
                State::Failed(BodyRefusal::Truncated)
            }
        };
        Self { state, trailers: None }
    }

    /// Takes the next bytes of the body. Call until it says [`BodyEvent::NeedMore`] or [`BodyEvent::End`].
    ///
    /// An empty input is fine, and after the last byte it is what brings [`BodyEvent::End`]; after the end every
    /// call says so again and consumes nothing.
    ///
    /// # Errors
    ///
    /// The body is malformed or over a limit; the same refusal comes from every later call.
    pub fn decode(&mut self, input: &[u8]) -> Result<BodyStep, BodyRefusal> {
        let _ = input;
        match self.state {
            State::Ended => Ok(BodyStep { consumed: 0, event: BodyEvent::End }),
            State::Failed(refusal) => Err(refusal),
        }
    }

    /// Whether the body is complete: the next call of [`BodyDecoder::decode`] says [`BodyEvent::End`].
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// The trailer section, once [`BodyEvent::Trailers`] came.
    #[must_use]
    pub fn trailers(&self) -> Option<&Trailers> {
        self.trailers.as_deref()
    }

    /// Says what the end of the connection means: a legal end where the body lasts until then or is over.
    ///
    /// # Errors
    ///
    /// [`BodyRefusal::Truncated`] where bytes are missing, or the earlier refusal.
    pub fn finish_on_eof(&mut self) -> Result<(), BodyRefusal> {
        match self.state {
            State::Ended => Ok(()),
            State::Failed(refusal) => Err(refusal),
        }
    }
}
