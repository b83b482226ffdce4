//! One request at an upstream: both bodies stream at the same time, each through one bounded buffer.
//!
//! The two directions are [`Upload`] and [`Download`]; this module makes the connection, drives both from one task,
//! and says how it ended. It writes nothing to a client that the upstream did not say, and judges nothing.
//!
//! What always holds: a message whose end was not seen is never given an end. Where a body cannot be completed, the
//! connection that carries it breaks.

use std::fmt;
use std::task::{Context, Poll};

use enforce::{Forward, NoLonger};
use http1::{Expectation, Framing, RequestMethodClass, Version};
use model::{DenyReason, Refusal, Timestamp, UpstreamFailure};

use crate::buffers::Outbound;
use crate::link::Link;
use crate::pool::{ConnectError, Upstream, Use};
use crate::sighting::Told;
use crate::timers::{Phase, Timers, Watch};
use crate::worker::{Stage, Worker};

mod download;
mod upload;

use download::Download;
use upload::Upload;

/// Ticks after which a request that is still under way is decided again for the first time. Most are over by then and
/// never pay for it; no change is older than a second when it is noticed.
pub(crate) const AGAIN_TICKS: u32 = 2;
/// Reads after which a busy exchange lets others have their turn.
const TURNS_MAX: u32 = 32;

/// Whether the same request may be sent once more on a new connection, when the first one turns out to be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    /// An idempotent method and no body.
    Allowed,
    Never,
}

/// Whether the connection may serve others afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// The request carries a credential that may stick to the connection.
    Exclusive,
    Shared,
}

/// What is to be done. The request's head stands in the buffer that goes along with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    /// What was permitted.
    pub(crate) forward: &'a Forward,
    pub(crate) class: RequestMethodClass,
    pub(crate) resend: Resend,
    pub(crate) sharing: Sharing,
    pub(crate) framing: Framing,
    pub(crate) expect: Expectation,
    pub(crate) client: ClientSide,
    /// Whole lines for the head of the response.
    pub(crate) added: &'a [u8],
    /// The same for a redirection.
    pub(crate) added_to_redirection: &'a [u8],
    pub(crate) again: Again<'a>,
}

/// Asks whether what was permitted still is, and until when that holds.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a>(pub(crate) &'a dyn Fn(&Forward) -> Result<Standing, NoLonger>);

impl fmt::Debug for Again<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Again")
    }
}

/// What was permitted still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) now: Timestamp,
    /// When to ask again.
    pub(crate) until: Timestamp,
    pub(crate) age: Age,
}

/// Whether a request has been under way for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Over,
    Within,
}

impl<'a> Order<'a> {
    /// Where the upstream is.
    fn address(&self) -> &'a str {
        &self.forward.rules().upstream.address
    }
}

/// What of the client decides how it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientSide {
    pub(crate) version: Version,
    pub(crate) persistence: http1::Persistence,
}

/// What is wrong with the rest of a request that began well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    Malformed(http1::BodyRefusal),
    Stalled,
    TooLarge,
}

/// Why an exchange ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Body(BodyFault),
    /// It may not go on: why, and what the client is told.
    Stopped(DenyReason, Refusal),
    Upstream(UpstreamFailure),
    /// The connection was closed before a byte of an answer came.
    Unanswered,
}

/// Whether anything of the final answer went out, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    No,
    Yes,
}

/// What may become of the client's connection after a whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Close it.
    Close,
    /// It may carry another request.
    Keep,
    /// Close it, but let the client finish first: it may still be sending.
    Linger,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Complete(After),
    Failed(Fault, Begun),
}

/// What is known afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) ending: Ending,
    /// The status of the final response; zero where none came.
    pub(crate) status: u16,
    /// Bytes of the body that were passed on, framing left out.
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    /// What the final response's head told.
    pub(crate) told: Told,
}

impl Report {
    /// Nothing came of it.
    pub(crate) const fn nothing(fault: Fault) -> Self {
        Self {
            ending: Ending::Failed(fault, Begun::No),
            status: 0,
            request_bytes: 0,
            response_bytes: 0,
            told: Told::NOTHING,
        }
    }
}

/// The buffers of an exchange.
#[derive(Debug)]
pub(crate) struct Buffered<'a> {
    /// Holds the request's head at first.
    pub(crate) to_upstream: &'a mut Outbound,
    pub(crate) to_client: &'a mut Outbound,
}

/// Sends a request to its upstream and the response to the client.
pub(crate) async fn exchange(
    worker: &Worker,
    watch: &Watch,
    client: &mut Link,
    buffered: Buffered<'_>,
    order: &Order<'_>,
) -> Report {
    let Buffered { to_upstream, to_client } = buffered;
    let timeouts = order.forward.rules().timeouts;
    let to = &order.forward.rules().upstream;
    let mut pooled = worker.pools.take(to.pool(), worker.timers.now());
    loop {
        let upstream = match pooled.take() {
            Some(upstream) => upstream,
            None => match Box::pin(worker.pools.connect(to, worker.timers.now(), timeouts.connect)).await {
                Ok(upstream) => upstream,
                Err(error) => return unreachable(order.address(), &error),
            },
        };
        let used = upstream.used;
        let mut both = Exchange {
            worker,
            watch,
            client: &mut *client,
            upload: Upload::new(order, &worker.settings.limits.http, &mut *to_upstream),
            download: Download::new(order, &mut *to_client),
            upstream,
            order,
            head_ticks: Timers::ticks(timeouts.head),
            idle_ticks: Timers::ticks(timeouts.idle),
            turns: 0,
        };
        both.begin();
        let ending = std::future::poll_fn(|context| both.poll(context)).await;
        let report = both.end(ending);
        match report.ending {
            Ending::Failed(Fault::Unanswered, Begun::No)
                if used == Use::Again && order.resend == Resend::Allowed =>
            {
                to_upstream.rewind();
            }
            Ending::Failed(Fault::Unanswered, begun) => {
                say_that_it_broke(order.address(), UpstreamFailure::Broken, begun);
                let ending = Ending::Failed(Fault::Upstream(UpstreamFailure::Broken), begun);
                return Report { ending, ..report };
            }
            Ending::Failed(Fault::Upstream(failure), begun) => {
                say_that_it_broke(order.address(), failure, begun);
                return report;
            }
            Ending::Complete(_) | Ending::Failed(Fault::Body(_) | Fault::Stopped(..), _) => return report,
        }
    }
}

#[cold]
fn unreachable(address: &str, error: &ConnectError) -> Report {
    let failure = match error {
        ConnectError::Late => UpstreamFailure::Late,
        ConnectError::Connect(_) | ConnectError::Name(_) | ConnectError::NoAddress | ConnectError::Own => {
            UpstreamFailure::Unreachable
        }
        ConnectError::Tls(_) | ConnectError::TlsUnknown => UpstreamFailure::Unverified,
    };
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::warn!(upstream = address, %error, cause, "upstream not reached");
    Report::nothing(Fault::Upstream(failure))
}

/// What the caller is told says nothing of the upstream; whoever runs the gateway looks here.
#[cold]
fn say_that_it_broke(address: &str, failure: UpstreamFailure, begun: Begun) {
    match (failure, begun) {
        (UpstreamFailure::Broken, Begun::No) => tracing::warn!(
            upstream = address,
            "upstream closed the connection before its answer; one that speaks TLS is written with https://"
        ),
        (UpstreamFailure::Broken, Begun::Yes) => {
            tracing::warn!(upstream = address, "upstream broke off its answer");
        }
        (UpstreamFailure::Late, _) => {
            tracing::warn!(upstream = address, "upstream did not answer, or go on, in time")
        }
        // What was unsound is logged where it is found, and a client that goes away is no fault of anybody's.
        (
            UpstreamFailure::ClientGone
            | UpstreamFailure::Malformed
            | UpstreamFailure::Unreachable
            | UpstreamFailure::Unverified,
            _,
        ) => {}
    }
}

/// Both directions and what they share.
struct Exchange<'a> {
    worker: &'a Worker,
    watch: &'a Watch,
    client: &'a mut Link,
    upstream: Upstream,
    upload: Upload<'a>,
    download: Download<'a>,
    order: &'a Order<'a>,
    /// How long the upstream may take to begin its answer.
    head_ticks: u32,
    /// How long either body may stand still.
    idle_ticks: u32,
    turns: u32,
}

impl Exchange<'_> {
    fn begin(&mut self) {
        self.watch.arm(Phase::Main, self.head_ticks);
        self.watch.arm(Phase::Upload, self.idle_ticks);
        // Who was let in and waits to be asked for its body is asked now; who sends already need not be.
        if self.order.expect == Expectation::Continue && self.client.inbound.is_empty() {
            self.download.invite();
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ending> {
        self.turns = TURNS_MAX;
        if self.watch.is_over(Phase::Again)
            && let Err(fault) = self.decide_again()
        {
            return Poll::Ready(self.failed(fault));
        }
        // A fault of the request counts before what the upstream says to it: it must not see the end of this body.
        if let Err(fault) = self.poll_upload(context) {
            return Poll::Ready(self.failed(fault));
        }
        match self.poll_download(context) {
            Err(fault) => Poll::Ready(self.failed(fault)),
            Ok(Poll::Ready(())) => Poll::Ready(self.completed()),
            Ok(Poll::Pending) => self.wait(),
        }
    }

    /// Something changed, or may have: whatever would refuse the request by now ends it.
    #[cold]
    fn decide_again(&self) -> Result<(), Fault> {
        let Standing { now, until, age } = (self.order.again.0)(self.order.forward)
            .map_err(|not| Fault::Stopped(not.refusal.reason(), not.told))?;
        match age {
            Age::Over => Err(Fault::Upstream(UpstreamFailure::Late)),
            Age::Within => {
                self.watch.arm(Phase::Again, Timers::ticks(until.since(now)));
                Ok(())
            }
        }
    }

    /// Takes one of the turns of this poll; when there are none left, others have theirs first.
    fn take_turn(&mut self, context: &Context<'_>) -> Poll<()> {
        match self.turns.checked_sub(1) {
            Some(left) => {
                self.turns = left;
                Poll::Ready(())
            }
            None => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Nothing can be done at the moment; says whether that has lasted too long.
    fn wait(&mut self) -> Poll<Ending> {
        if self.worker.stage() == Stage::Stopped {
            return Poll::Ready(self.failed(Fault::Upstream(UpstreamFailure::Broken)));
        }
        if self.watch.is_over(Phase::Upload) && !self.upload.is_over() {
            if self.upload.waits_for_upstream() {
                return Poll::Ready(self.failed(Fault::Upstream(UpstreamFailure::Late)));
            }
            if self.download.begun() == Begun::No {
                return Poll::Ready(self.failed(Fault::Body(BodyFault::Stalled)));
            }
            // The answer goes on; the rest of the body is no longer waited for.
            self.upload.abandon();
            self.watch.disarm(Phase::Upload);
        }
        // Until the request is whole, its own deadline counts; only then has the upstream to begin its answer.
        let is_answered_late = self.upload.is_over() || self.download.begun() == Begun::Yes;
        if self.watch.is_over(Phase::Main) && is_answered_late {
            let failure = if self.download.waits_for_client() {
                UpstreamFailure::ClientGone
            } else {
                UpstreamFailure::Late
            };
            return Poll::Ready(self.failed(Fault::Upstream(failure)));
        }
        Poll::Pending
    }

    fn failed(&self, fault: Fault) -> Ending {
        Ending::Failed(fault, self.download.begun())
    }

    fn completed(&self) -> Ending {
        Ending::Complete(if !self.upload.is_complete() {
            After::Linger
        } else if self.download.keeps_client() {
            After::Keep
        } else {
            After::Close
        })
    }

    /// Gives the connection back where both messages are whole, and drops it elsewhere.
    fn end(self, ending: Ending) -> Report {
        let Self { worker, watch, mut upstream, upload, mut download, order, .. } = self;
        if matches!(ending, Ending::Failed(_, Begun::No)) {
            download.retract();
        }
        watch.disarm(Phase::Upload);
        watch.disarm(Phase::Main);
        let is_clean = matches!(ending, Ending::Complete(_))
            && upload.is_complete()
            && download.keeps_upstream()
            && order.sharing == Sharing::Shared
            && upstream.link.inbound.is_empty()
            && worker.stage() == Stage::Serving;
        upstream.link.inbound.discard(&worker.buffers);
        if is_clean {
            worker.pools.give(upstream, worker.timers.now());
        } else if !upload.is_complete() {
            // An end could be read as the end of the body.
            upstream.link.abort();
        }
        Report {
            ending,
            status: download.status(),
            request_bytes: upload.bytes(),
            response_bytes: download.bytes(),
            told: download.told(),
        }
    }
}
