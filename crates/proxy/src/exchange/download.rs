//! The response on its way from the upstream to the client.

use std::task::{Context, Poll};

use http1::{
    BodyDecoder, BodyEvent, HeadScan, Parse, Persistence, RequestMethodClass, ResponseFraming, ResponseHead,
    ScanStep, Version, parse_next_response_head,
};
use model::UpstreamFailure;

use super::upload::append_chunk;
use super::{Begun, ClientSide, Exchange, Fault, Order};
use crate::buffers::{Outbound, Size};
use crate::link::Fill;
use crate::rewrite::{Binding, Framed, Goodbye, Received, passes_response_trailer, write_response_head};
use crate::sighting::Told;
use crate::timers::Phase;
use crate::worker::Stage;

/// Interim responses to one request.
const INTERIM_MAX: u32 = 16;

/// How far the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Body,
    /// Everything is turned into what goes to the client.
    End,
    Head,
}

#[derive(Debug)]
pub(super) struct Download<'a> {
    state: State,
    scan: HeadScan,
    decoder: BodyDecoder,
    framed: Framed,
    out: &'a mut Outbound,
    class: RequestMethodClass,
    client: ClientSide,
    added: &'a [u8],
    added_to_redirection: &'a [u8],
    status: u16,
    interim: u32,
    bytes: u64,
    told: Told,
    /// Whether the upstream's connection may carry another request, by what its head said.
    upstream: Persistence,
    goodbye: Goodbye,
    /// Where the final head stands in `out`, as long as it may still be taken back.
    head_start: Option<usize>,
    /// How much of `out` was written when the client last took no more.
    blocked_at: Option<usize>,
}

impl<'a> Download<'a> {
    pub(super) fn new(order: &Order<'a>, out: &'a mut Outbound) -> Self {
        Self {
            state: State::Head,
            scan: HeadScan::new(),
            decoder: BodyDecoder::response(ResponseFraming::None, &http1::Limits::STANDARD),
            framed: Framed::NoBody,
            out,
            class: order.class,
            client: order.client,
            added: order.added,
            added_to_redirection: order.added_to_redirection,
            status: 0,
            interim: 0,
            bytes: 0,
            told: Told::NOTHING,
            upstream: Persistence::Close,
            goodbye: Goodbye::Unsaid,
            head_start: None,
            blocked_at: None,
        }
    }

    /// Asks the client for its body.
    pub(super) fn invite(&mut self) {
        self.out.bytes.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Whether the client has, or may have, a part of the final response.
    pub(super) fn begun(&self) -> Begun {
        match (self.state, self.head_start) {
            (State::Head, _) => Begun::No,
            (State::Body | State::End, Some(start)) if self.out.count_sent() <= start => Begun::No,
            (State::Body | State::End, _) => Begun::Yes,
        }
    }

    /// Takes back a response of which the client has nothing yet, so that another can take its place.
    pub(super) fn retract(&mut self) {
        if let (Begun::No, Some(start)) = (self.begun(), self.head_start) {
            self.out.bytes.truncate(start);
            self.status = 0;
            self.bytes = 0;
            self.told = Told::NOTHING;
        }
    }

    pub(super) fn waits_for_client(&self) -> bool {
        !self.out.is_sent()
    }

    pub(super) fn keeps_client(&self) -> bool {
        self.goodbye == Goodbye::Unsaid
    }

    pub(super) fn keeps_upstream(&self) -> bool {
        self.upstream == Persistence::KeepAlive
    }

    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn told(&self) -> Told {
        self.told
    }

    /// Passes an interim response on, where the client can read it.
    fn pass_interim(&mut self, received: Received<'_>) -> Result<(), Fault> {
        self.interim += 1;
        if INTERIM_MAX < self.interim {
            return Err(Fault::Upstream(UpstreamFailure::Malformed));
        }
        // `100 Continue` was ours to say, and was said where it was waited for.
        if received.head.status != 100 && self.client.version == Version::Http11 {
            write_response_head(&mut self.out.bytes, received, Framed::NoLength, Goodbye::Unsaid, b"");
        }
        Ok(())
    }

    /// Begins the final response.
    fn begin(&mut self, received: Received<'_>, told: Told, goodbye: Goodbye) {
        let head = received.head;
        self.framed = Framed::of(head, self.client.version);
        self.goodbye = goodbye;
        self.status = head.status;
        self.told = told;
        self.head_start = Some(self.out.bytes.len());
        let added = match head.status {
            300..=399 => self.added_to_redirection,
            _ => self.added,
        };
        let binding = write_response_head(&mut self.out.bytes, received, self.framed, goodbye, added);
        self.upstream = match binding {
            Binding::Bound => Persistence::Close,
            Binding::Free => head.persistence,
        };
        self.state = State::Body;
    }

    fn append_data(&mut self, data: &[u8]) {
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        match self.framed {
            Framed::Chunked => append_chunk(&mut self.out.bytes, data),
            Framed::Length | Framed::UntilClose => self.out.bytes.extend_from_slice(data),
            Framed::NoBody | Framed::NoLength => {}
        }
    }

    fn append_end(&mut self) -> Result<(), Fault> {
        self.state = State::End;
        if self.framed != Framed::Chunked {
            return Ok(());
        }
        let trailers = self.decoder.trailers();
        let (bytes, fields) =
            trailers.map_or((&[][..], &[][..]), |trailers| (&*trailers.bytes, &*trailers.fields));
        let kept = fields
            .iter()
            .map(|field| (field.name.of(bytes), field.value.of(bytes)))
            .filter(|(name, _)| passes_response_trailer(name));
        http1::write::write_last_chunk(&mut self.out.bytes, kept)
            .map_err(|_| Fault::Upstream(UpstreamFailure::Malformed))
    }
}

impl Exchange<'_> {
    /// Passes on as much of the response as there is; ready once all of it is with the client.
    pub(super) fn poll_download(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        loop {
            self.process()?;
            if !self.download.out.is_sent() {
                match self.client.poll_flush(context, self.download.out) {
                    Poll::Pending => {
                        self.expect_reader();
                        return Ok(Poll::Pending);
                    }
                    Poll::Ready(Ok(())) => self.expect_more(),
                    Poll::Ready(Err(_)) => return Err(Fault::Upstream(UpstreamFailure::ClientGone)),
                }
                self.download.out.clear();
                self.download.blocked_at = None;
                self.download.head_start = None;
            }
            if self.download.state == State::End {
                return Ok(Poll::Ready(()));
            }
            if self.take_turn(context).is_pending() {
                return Ok(Poll::Pending);
            }
            match self.upstream.link.poll_fill(context, &self.worker.buffers, Size::Large) {
                Poll::Pending => {
                    self.watch_client(context)?;
                    return Ok(Poll::Pending);
                }
                Poll::Ready(Ok(Fill::Bytes)) => self.expect_more(),
                Poll::Ready(Ok(Fill::End)) => self.ended(End::Orderly)?,
                Poll::Ready(Err(_)) => self.ended(End::Broken)?,
                // A head of that length is refused before; a body leaves nothing behind.
                Poll::Ready(Ok(Fill::Full)) => return Err(Fault::Upstream(UpstreamFailure::Malformed)),
            }
        }
    }

    /// The client has its time to read, which begins anew whenever it has read something.
    fn expect_reader(&mut self) {
        let sent = Some(self.download.out.count_sent());
        if self.download.blocked_at != sent {
            self.download.blocked_at = sent;
            self.watch.arm(Phase::Main, self.worker.ticks.body);
        }
    }

    fn expect_more(&self) {
        let ticks = match self.download.state {
            State::Head => self.head_ticks,
            State::Body | State::End => self.idle_ticks,
        };
        self.watch.arm(Phase::Main, ticks);
    }

    /// Looks after a client that has nothing to say at the moment.
    fn watch_client(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        if !self.upload.is_over() {
            return Ok(());
        }
        self.client
            .watch(context, &self.worker.buffers)
            .map_err(|_| Fault::Upstream(UpstreamFailure::ClientGone))
    }

    /// Turns what arrived from the upstream into what goes to the client.
    fn process(&mut self) -> Result<(), Fault> {
        while self.download.state == State::Head && !self.upstream.link.inbound.is_empty() {
            if self.process_head()?.is_pending() {
                return Ok(());
            }
        }
        // Bodies that are over before they begin need no bytes to end.
        while self.download.state == State::Body {
            let bytes = self.upstream.link.inbound.bytes();
            let step = self
                .download
                .decoder
                .decode(bytes)
                .map_err(|_| Fault::Upstream(UpstreamFailure::Malformed))?;
            match step.event {
                BodyEvent::Data(range) => {
                    self.download.append_data(bytes.get(range).unwrap_or_default());
                }
                BodyEvent::End => self.download.append_end()?,
                BodyEvent::NeedMore => {
                    self.upstream.link.inbound.consume(step.consumed);
                    return Ok(());
                }
                BodyEvent::Trailers => {}
            }
            self.upstream.link.inbound.consume(step.consumed);
        }
        Ok(())
    }

    /// Reads one head; pending where it is not whole yet.
    fn process_head(&mut self) -> Result<Poll<()>, Fault> {
        let malformed = Fault::Upstream(UpstreamFailure::Malformed);
        let limits = &self.worker.settings.limits.http;
        let bytes = self.upstream.link.inbound.bytes();
        if self.download.scan.step(bytes, limits) == ScanStep::Wait {
            return Ok(Poll::Pending);
        }
        let mut fields = self.worker.buffers.fields();
        let class = self.download.class;
        let parsed = parse_next_response_head(bytes, limits, &mut fields, class, &mut self.upstream.seen());
        let outcome = match parsed {
            Ok(Parse::Partial) => Ok(Poll::Pending),
            Ok(Parse::Complete(head)) => {
                let received = Received { bytes, head: &head, fields: &fields };
                let passed = if head.is_interim() {
                    self.download.pass_interim(received)
                } else {
                    self.download.decoder = BodyDecoder::response(head.framing, limits);
                    let told = Told::by(received, &mut self.worker.texts.borrow_mut());
                    self.download.begin(received, told, self.goodbye(&head));
                    Ok(())
                };
                self.download.scan.reset();
                self.upstream.link.inbound.consume(head.length);
                passed.map(Poll::Ready)
            }
            Err(refusal) => {
                tracing::warn!(upstream = self.order.address(), code = refusal.code(), "upstream refused");
                Err(malformed)
            }
        };
        self.worker.buffers.give_fields(fields);
        outcome
    }

    /// Whether this answer is the last on the client's connection.
    fn goodbye(&self, head: &ResponseHead) -> Goodbye {
        let client = self.order.client;
        let is_last = client.persistence == Persistence::Close
            || Framed::of(head, client.version) == Framed::UntilClose
            || !self.upload.is_complete()
            || self.worker.stage() != Stage::Serving;
        if is_last { Goodbye::Said } else { Goodbye::Unsaid }
    }

    /// The upstream sends nothing more.
    fn ended(&mut self, end: End) -> Result<(), Fault> {
        match (self.download.state, end) {
            (State::End, _) => Ok(()),
            (State::Head, _) if self.download.interim == 0 && self.upstream.link.inbound.is_empty() => {
                Err(Fault::Unanswered)
            }
            (State::Body, End::Orderly) => match self.download.decoder.finish_on_eof() {
                Ok(()) => self.download.append_end(),
                Err(_) => Err(Fault::Upstream(UpstreamFailure::Broken)),
            },
            (State::Head, _) | (State::Body, End::Broken) => Err(Fault::Upstream(UpstreamFailure::Broken)),
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Broken,
    Orderly,
}
