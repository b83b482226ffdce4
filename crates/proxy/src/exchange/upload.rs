//! The request's body on its way from the client to the upstream.

use std::task::{Context, Poll};

use enforce::{Forward, TrailerUse};
use http1::{BodyDecoder, BodyEvent, Framing, Limits};
use model::UpstreamFailure;

use super::{Begun, BodyFault, Exchange, Fault, Order};
use crate::buffers::{Outbound, Size};
use crate::link::{Fill, Link};
use crate::timers::Phase;

/// How far the request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The rest is no longer waited for; an answer is under way.
    Abandoned,
    /// The upstream takes no more; it may have answered all the same.
    Broken,
    /// Everything is with the upstream.
    Complete,
    /// Everything is turned into what goes to the upstream, and some of that is not written yet.
    Flushing,
    /// The body goes on.
    Running,
}

#[derive(Debug)]
pub(super) struct Upload<'a> {
    state: State,
    decoder: BodyDecoder,
    framing: Framing,
    out: &'a mut Outbound,
    bytes: u64,
    bytes_max: u64,
    forward: &'a Forward,
}

impl<'a> Upload<'a> {
    pub(super) fn new(order: &Order<'a>, limits: &Limits, out: &'a mut Outbound) -> Self {
        Self {
            state: State::Running,
            decoder: BodyDecoder::request(order.framing, limits),
            framing: order.framing,
            out,
            bytes: 0,
            bytes_max: order.forward.body_bytes_max().unwrap_or(u64::MAX),
            forward: order.forward,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Whether nothing more will be sent, complete or not.
    pub(super) fn is_over(&self) -> bool {
        match self.state {
            State::Abandoned | State::Broken | State::Complete => true,
            State::Flushing | State::Running => false,
        }
    }

    pub(super) fn waits_for_upstream(&self) -> bool {
        !self.out.is_sent()
    }

    pub(super) fn abandon(&mut self) {
        self.state = State::Abandoned;
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Turns what arrived from the client into what goes to the upstream.
    fn pump(&mut self, client: &mut Link) -> Result<(), Fault> {
        while self.state == State::Running {
            let bytes = client.inbound.bytes();
            let step =
                self.decoder.decode(bytes).map_err(|refusal| Fault::Body(BodyFault::Malformed(refusal)))?;
            match step.event {
                BodyEvent::Data(range) => {
                    let data = bytes.get(range).unwrap_or_default();
                    self.bytes = self.bytes.saturating_add(data.len() as u64);
                    if self.bytes_max < self.bytes {
                        return Err(Fault::Body(BodyFault::TooLarge));
                    }
                    match self.framing {
                        Framing::Chunked => append_chunk(&mut self.out.bytes, data),
                        Framing::Length(_) | Framing::None => self.out.bytes.extend_from_slice(data),
                    }
                }
                BodyEvent::End => {
                    client.inbound.consume(step.consumed);
                    if self.framing == Framing::Chunked {
                        self.append_end()?;
                    }
                    self.state = State::Flushing;
                    return Ok(());
                }
                BodyEvent::NeedMore => {
                    client.inbound.consume(step.consumed);
                    return Ok(());
                }
                BodyEvent::Trailers => {}
            }
            client.inbound.consume(step.consumed);
        }
        Ok(())
    }

    fn append_end(&mut self) -> Result<(), Fault> {
        let trailers = self.decoder.trailers();
        let (bytes, fields) =
            trailers.map_or((&[][..], &[][..]), |trailers| (&*trailers.bytes, &*trailers.fields));
        let kept = fields
            .iter()
            .map(|field| (field.name.of(bytes), field.value.of(bytes)))
            .filter(|(name, value)| self.forward.trailer_use(name, value) == TrailerUse::Forward);
        // What was parsed can be written; were it not so, the message must not look complete.
        http1::write::write_last_chunk(&mut self.out.bytes, kept)
            .map_err(|_| Fault::Body(BodyFault::Malformed(http1::BodyRefusal::TrailerForbidden)))
    }
}

/// Appends one chunk; without data none, because that would end the body.
pub(super) fn append_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if http1::write::write_chunk_head(out, data.len() as u64).is_ok() {
        out.extend_from_slice(data);
        http1::write::write_chunk_end(out);
    }
}

impl Exchange<'_> {
    /// Sends as much of the request as there is.
    pub(super) fn poll_upload(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        if self.upload.is_over() {
            return Ok(Poll::Ready(()));
        }
        // A dead upstream connection shows in reading too; what it may have answered is read in any case.
        loop {
            if self.upload.out.is_sent() {
                self.upload.out.clear();
            }
            self.upload.pump(self.client)?;
            let before = self.upload.out.count_sent();
            match self.upstream.link.poll_flush(context, self.upload.out) {
                Poll::Pending => {
                    if before < self.upload.out.count_sent() {
                        self.watch.arm(Phase::Upload, self.idle_ticks);
                        self.expect_answer();
                    }
                    return Ok(Poll::Pending);
                }
                Poll::Ready(Err(_)) => {
                    self.upload.state = State::Broken;
                    self.watch.disarm(Phase::Upload);
                    self.expect_answer();
                    return Ok(Poll::Ready(()));
                }
                Poll::Ready(Ok(())) => {}
            }
            if self.upload.state == State::Flushing {
                self.upload.state = State::Complete;
                self.watch.disarm(Phase::Upload);
                self.expect_answer();
                return Ok(Poll::Ready(()));
            }
            if self.take_turn(context).is_pending() {
                return Ok(Poll::Pending);
            }
            match self.client.poll_fill(context, &self.worker.buffers, Size::Large) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Ok(Fill::Bytes)) => {
                    self.watch.arm(Phase::Upload, self.idle_ticks);
                    self.expect_answer();
                }
                Poll::Ready(Ok(Fill::End | Fill::Full) | Err(_)) => {
                    return Err(Fault::Upstream(UpstreamFailure::ClientGone));
                }
            }
        }
    }

    /// The upstream's time to answer begins anew with every part of the request.
    fn expect_answer(&self) {
        if self.download.begun() == Begun::No {
            self.watch.arm(Phase::Main, self.head_ticks);
        }
    }
}
