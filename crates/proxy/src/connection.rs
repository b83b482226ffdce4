//! A client's connection: one request after the other, each answered before the next is read.
//!
//! Bytes that arrive early wait in the buffer. An idle connection holds no buffer. How a connection ends is decided
//! here: in good order, lingering so that an early answer is not lost, or broken so that nobody takes half an answer
//! for a whole one.

use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use http1::{
    BodyDecoder, BodyEvent, Field, Framing, HeadScan, Parse, RequestHead, RequestRefusal, ScanStep, Seen,
    parse_next_request_head,
};
use model::Timestamp;
use model::head::Classes;
use tokio::net::TcpStream;

use crate::buffers::{Outbound, Size};
use crate::gateway::Gateway;
use crate::link::{Fill, Link};
use crate::secure::{self, Secured};
use crate::timers::{Activity, Phase, Watch};
use crate::worker::{Stage, Worker};

/// Bytes of a refused request's body that are read and thrown away so that its connection can be kept.
const DISCARD_BYTES_MAX: u64 = 64 * 1024;
/// Bytes that are read and thrown away while a closed connection lingers.
const LINGER_BYTES_MAX: u64 = 256 * 1024;
/// Pipelined requests after which others have their turn.
const PIPELINED_MAX: u32 = 16;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) link: Link,
    pub(crate) watch: Watch,
    pub(crate) peer: IpAddr,
    /// What its handshake settled; none where it is in the clear.
    pub(crate) secured: Option<Secured>,
    /// When the first byte of the request was there.
    pub(crate) started: Timestamp,
    /// How often was read for the head of the request.
    reads: u32,
    scan: HeadScan,
    /// The field lines of the last request, and what its fields were.
    seen: Seen,
    pub(crate) classes: Classes,
}

/// Why there is no head.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeadFault {
    /// The head did not arrive in time.
    Late,
    Refused(RequestRefusal),
}

/// What comes next on a connection.
enum Next {
    End,
    Fault(HeadFault),
    Head(RequestHead, Vec<Field>),
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Break it: the answer is not whole.
    Break,
    /// Close it.
    Close,
    /// Read and forget so many bytes of a body that nobody wants, then go on.
    Discard(u64),
    Keep,
    /// End our side, wait a little for the client to end its own.
    Linger,
}

/// The client is gone, or does not take its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub(crate) struct Gone;

/// Serves one connection from its first byte to its last.
pub(crate) async fn serve(gateway: Rc<Gateway>, stream: TcpStream, peer: IpAddr) {
    let worker = &gateway.worker;
    let watch = worker.timers.watch();
    let (link, secured) = match &gateway.tls {
        None => (Link::new(stream), None),
        // What only the handshake needs is freed with it.
        Some(tls) => match Box::pin(secure::accept(worker, tls, stream, &watch)).await {
            Ok((link, secured)) => (link, Some(secured)),
            Err(fault) => return gateway.note_handshake_fault(&fault, peer),
        },
    };
    let mut connection = Connection {
        link,
        watch,
        peer,
        secured,
        started: Timestamp::MIN,
        reads: 0,
        scan: HeadScan::new(),
        seen: Seen::new(),
        classes: Classes::default(),
    };
    let mut turns = PIPELINED_MAX;
    loop {
        let is_waiting = connection.link.inbound.is_empty();
        // What a request in work needs is allocated while it is in work, so that an idle connection stays small.
        let fate = match connection.next(worker).await {
            Next::End => break,
            Next::Fault(fault) => Box::pin(gateway.handle_fault(&mut connection, fault)).await,
            Next::Head(head, fields) => Box::pin(gateway.handle(&mut connection, head, fields)).await,
        };
        match connection.follow(worker, fate).await {
            Ok(()) => {}
            Err(Gone) => break,
        }
        if fate == Fate::Break {
            connection.link.inbound.discard(&worker.buffers);
            connection.link.abort();
            return;
        }
        turns = if is_waiting { PIPELINED_MAX } else { turns.saturating_sub(1) };
        if turns == 0 {
            turns = PIPELINED_MAX;
            tokio::task::yield_now().await;
        }
    }
    connection.link.inbound.discard(&worker.buffers);
    if connection.link.says_goodbye() {
        connection.say_goodbye(worker).await;
    }
}

impl Connection {
    /// Waits for a request.
    async fn next(&mut self, worker: &Worker) -> Next {
        self.scan.reset();
        if self.link.inbound.is_empty() {
            self.watch.set_activity(Activity::Idle);
            self.watch.arm(Phase::Main, worker.ticks.idle);
        } else {
            self.start(worker);
        }
        let next = std::future::poll_fn(|context| self.poll_next(worker, context)).await;
        self.watch.set_activity(Activity::Busy);
        self.watch.disarm(Phase::Main);
        next
    }

    /// The time at which a request is judged: that of its last byte.
    pub(crate) fn now(&self, worker: &Worker) -> Timestamp {
        if self.reads == 0 { self.started } else { worker.now() }
    }

    /// A request's first bytes are there.
    fn start(&mut self, worker: &Worker) {
        self.started = worker.now();
        self.reads = 0;
        self.watch.set_activity(Activity::Busy);
        self.watch.arm(Phase::Main, worker.ticks.head);
    }

    fn poll_next(&mut self, worker: &Worker, context: &mut Context<'_>) -> Poll<Next> {
        self.watch.register(context);
        loop {
            let before = self.link.inbound.is_empty();
            if !before && let Some(next) = self.parse(worker) {
                return Poll::Ready(next);
            }
            match self.link.poll_fill(context, &worker.buffers, Size::Small) {
                Poll::Ready(Ok(Fill::Bytes)) if before => self.start(worker),
                Poll::Ready(Ok(Fill::Bytes)) => self.reads = self.reads.saturating_add(1),
                // Half a head is no request.
                Poll::Ready(Ok(Fill::End) | Err(_)) => return Poll::Ready(Next::End),
                Poll::Ready(Ok(Fill::Full)) => {
                    return Poll::Ready(Next::Fault(HeadFault::Refused(RequestRefusal::HeadTooLarge)));
                }
                Poll::Pending => return self.wait(worker),
            }
        }
    }

    /// Nothing more is there; says whether to go on waiting.
    fn wait(&self, worker: &Worker) -> Poll<Next> {
        match self.watch.activity() {
            Activity::Dismissed => Poll::Ready(Next::End),
            Activity::Idle if worker.stage() != Stage::Serving || self.watch.is_over(Phase::Main) => {
                Poll::Ready(Next::End)
            }
            Activity::Busy if worker.stage() == Stage::Stopped => Poll::Ready(Next::End),
            Activity::Busy if self.watch.is_over(Phase::Main) => Poll::Ready(Next::Fault(HeadFault::Late)),
            Activity::Busy | Activity::Handshake | Activity::Idle => Poll::Pending,
        }
    }

    fn parse(&mut self, worker: &Worker) -> Option<Next> {
        let limits = &worker.settings.limits.http;
        let bytes = self.link.inbound.bytes();
        if self.scan.step(bytes, limits) == ScanStep::Wait {
            return None;
        }
        let mut fields = worker.buffers.fields();
        let refused = match parse_next_request_head(bytes, limits, &mut fields, &mut self.seen) {
            Ok(Parse::Complete(head)) => return Some(Next::Head(head, fields)),
            Ok(Parse::Partial) => None,
            Err(refusal) => Some(Next::Fault(HeadFault::Refused(refusal))),
        };
        worker.buffers.give_fields(fields);
        refused
    }

    /// Writes everything that is to be written.
    pub(crate) async fn flush(&mut self, worker: &Worker, out: &mut Outbound) -> Result<(), Gone> {
        self.watch.arm(Phase::Main, worker.ticks.body);
        let written = std::future::poll_fn(|context| {
            let before = out.count_sent();
            match self.link.poll_flush(context, out) {
                Poll::Ready(outcome) => Poll::Ready(outcome.map_err(|_| Gone)),
                Poll::Pending if worker.stage() == Stage::Stopped => Poll::Ready(Err(Gone)),
                Poll::Pending if before < out.count_sent() => {
                    self.watch.arm(Phase::Main, worker.ticks.body);
                    Poll::Pending
                }
                Poll::Pending if self.watch.is_over(Phase::Main) => Poll::Ready(Err(Gone)),
                Poll::Pending => Poll::Pending,
            }
        });
        let outcome = written.await;
        self.watch.disarm(Phase::Main);
        outcome
    }

    /// What is to become of the connection once a request of this framing, whose body nobody wants, is answered.
    /// Takes the body out of the buffer where it is there already.
    pub(crate) fn settle(&mut self, worker: &Worker, head: &RequestHead) -> Fate {
        if head.persistence == http1::Persistence::Close || worker.stage() != Stage::Serving {
            return Fate::Linger;
        }
        let mut decoder = BodyDecoder::request(head.framing, &worker.settings.limits.http);
        let mut taken = 0_u64;
        loop {
            let Ok(step) = decoder.decode(self.link.inbound.bytes()) else { return Fate::Linger };
            self.link.inbound.consume(step.consumed);
            taken = taken.saturating_add(step.consumed as u64);
            match step.event {
                BodyEvent::Data(_) | BodyEvent::Trailers => {}
                BodyEvent::End => return Fate::Keep,
                BodyEvent::NeedMore => break,
            }
        }
        match (head.framing, head.expect) {
            // Whoever waits to be asked for its body may send it or not: what comes next could be either.
            (Framing::Length(length), http1::Expectation::None)
                if length.saturating_sub(taken) <= DISCARD_BYTES_MAX =>
            {
                Fate::Discard(length.saturating_sub(taken))
            }
            (Framing::Length(_) | Framing::Chunked | Framing::None, _) => Fate::Linger,
        }
    }

    /// Does with the connection what was decided; an error ends it.
    async fn follow(&mut self, worker: &Worker, fate: Fate) -> Result<(), Gone> {
        match fate {
            Fate::Keep | Fate::Break => Ok(()),
            // Where the client has sent more than was read, closing would reset the connection under its answer.
            Fate::Close if self.link.is_quiet() => Err(Gone),
            Fate::Discard(count) => self.discard(worker, count).await,
            Fate::Close | Fate::Linger => {
                self.linger(worker).await;
                Err(Gone)
            }
        }
    }

    /// Reads and forgets `count` bytes.
    async fn discard(&mut self, worker: &Worker, count: u64) -> Result<(), Gone> {
        self.watch.arm(Phase::Main, worker.ticks.body);
        let mut left = count;
        let done = std::future::poll_fn(|context| {
            loop {
                let held = self.link.inbound.bytes().len();
                let taken = usize::try_from(left).map_or(held, |left| left.min(held));
                self.link.inbound.consume(taken);
                left = left.saturating_sub(taken as u64);
                if left == 0 {
                    return Poll::Ready(Ok(()));
                }
                match self.link.poll_fill(context, &worker.buffers, Size::Large) {
                    Poll::Ready(Ok(Fill::Bytes)) => {}
                    Poll::Ready(Ok(Fill::End | Fill::Full) | Err(_)) => return Poll::Ready(Err(Gone)),
                    Poll::Pending if self.is_given_up(worker) => return Poll::Ready(Err(Gone)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        let outcome = done.await;
        self.watch.disarm(Phase::Main);
        outcome
    }

    pub(crate) fn is_given_up(&self, worker: &Worker) -> bool {
        worker.stage() == Stage::Stopped || self.watch.is_over(Phase::Main)
    }

    /// Ends our side in the words of TLS, so that the client knows that nobody cut anything off.
    async fn say_goodbye(&mut self, worker: &Worker) {
        self.watch.arm(Phase::Main, worker.ticks.linger);
        let ended = std::future::poll_fn(|context| match self.link.poll_end(context) {
            Poll::Pending if self.is_given_up(worker) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
            // Who is gone needs no farewell.
            Poll::Ready(_) => Poll::Ready(()),
        });
        ended.await;
    }

    /// Ends our side and reads for a while what the client still sends: closing with unread bytes would reset the
    /// connection, and the answer could be lost with it.
    async fn linger(&mut self, worker: &Worker) {
        self.watch.arm(Phase::Main, worker.ticks.linger);
        let mut left = LINGER_BYTES_MAX;
        let ended = std::future::poll_fn(|context| match self.link.poll_end(context) {
            Poll::Pending if self.is_given_up(worker) => Poll::Ready(Err(Gone)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(ended) => Poll::Ready(ended.map_err(|_| Gone)),
        });
        if ended.await.is_err() {
            return;
        }
        std::future::poll_fn(|context| {
            loop {
                let held = self.link.inbound.bytes().len();
                self.link.inbound.consume(held);
                left = left.saturating_sub(held as u64);
                if left == 0 {
                    return Poll::Ready(());
                }
                match self.link.poll_fill(context, &worker.buffers, Size::Large) {
                    Poll::Ready(Ok(Fill::Bytes)) => {}
                    Poll::Ready(Ok(Fill::End | Fill::Full) | Err(_)) => return Poll::Ready(()),
                    Poll::Pending if self.is_given_up(worker) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}
