//! What the gateway itself answers, and the two entries of every request.

use enforce::{Closing as Doubt, Evidence, Forward, PreflightAnswer, Refused, Taken};
use http1::{Framing, RequestHead, RequestMethodClass};
use model::{Audit, CanonicalRequest, UpstreamFailure};
use record::{Completed, Outcome as End};
use recorder::{Durability, Receipt, RecordFull};

use super::{Case, Gateway};
use crate::answer::{Answer, write_answer};
use crate::buffers::Outbound;
use crate::connection::{Connection, Fate, Gone};
use crate::exchange::{Fault, Report};
use crate::rewrite::Goodbye;
use crate::sighting::Seen;
use crate::timers::Phase;
use crate::worker::Stage;
use crate::{entry, refusal};

const PROBLEM_JSON: &str = "application/problem+json";

/// A document that anyone may read.
#[derive(Debug)]
pub(super) enum OwnDocument {
    /// The keys by which upstreams verify assertions.
    KeySet,
    /// Who gives out tokens for an API (RFC 9728).
    Resource(String),
}

/// How a request was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    status: u16,
    end: End,
    request_bytes: u64,
    response_bytes: u64,
    forwarded: Forwarded,
}

/// Whether an upstream had a part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forwarded {
    No,
    Yes,
}

/// An exchange that failed before anything of an answer went out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed<'a> {
    pub(super) report: &'a Report,
    pub(super) fault: Fault,
    pub(super) evidence: &'a Evidence,
    pub(super) forward: &'a Forward,
}

/// The decision could not be recorded as its API demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the decision could not be recorded")]
pub(super) struct NotRecorded;

impl Closing {
    /// After an exchange.
    pub(super) const fn of(report: &Report, status: u16, end: End) -> Self {
        Self {
            status,
            end,
            request_bytes: report.request_bytes,
            response_bytes: report.response_bytes,
            forwarded: Forwarded::Yes,
        }
    }

    /// After an answer of the gateway's own.
    const fn own(status: u16, end: End, response_bytes: u64) -> Self {
        Self { status, end, request_bytes: 0, response_bytes, forwarded: Forwarded::No }
    }
}

/// How a failed exchange reads in the record.
pub(super) const fn end_of(fault: Fault) -> End {
    match fault {
        Fault::Body(_) => End::Failed(UpstreamFailure::ClientGone),
        Fault::Stopped(reason, _) => End::Stopped(reason),
        Fault::Upstream(failure) => End::Failed(failure),
        Fault::Unanswered => End::Failed(UpstreamFailure::Broken),
    }
}

impl Gateway {
    /// Records a decision; where its API demands it, waits until the entry is durable.
    pub(super) async fn record(
        &self,
        connection: &Connection,
        evidence: &Evidence,
        request: &CanonicalRequest,
    ) -> Result<(), NotRecorded> {
        let durability = match evidence.audit {
            Audit::Counted => Durability::Counted,
            Audit::Required => Durability::Required,
        };
        let written = self.write_decided(evidence, Some(request), durability);
        match (durability, written) {
            // A loss is counted by the recorder.
            (Durability::Counted, _) => Ok(()),
            (Durability::Required, Err(_)) => Err(NotRecorded),
            (Durability::Required, Ok(receipt)) => {
                connection.watch.arm(Phase::Main, self.worker.ticks.body);
                let mut durable = std::pin::pin!(receipt.durable());
                let outcome = std::future::poll_fn(|context| match durable.as_mut().poll(context) {
                    std::task::Poll::Ready(outcome) => {
                        std::task::Poll::Ready(outcome.map_err(|_| NotRecorded))
                    }
                    std::task::Poll::Pending if connection.is_given_up(&self.worker) => {
                        std::task::Poll::Ready(Err(NotRecorded))
                    }
                    std::task::Poll::Pending => std::task::Poll::Pending,
                })
                .await;
                connection.watch.disarm(Phase::Main);
                outcome
            }
        }
    }

    /// Records a refusal and answers it.
    pub(super) async fn refuse(
        &self,
        connection: &mut Connection,
        case: Case,
        evidence: &Evidence,
        refused: Refused,
        fate: Fate,
    ) -> Fate {
        // A refusal is carried out whether it can be recorded or not; a loss is counted by the recorder.
        drop(self.write_decided(evidence, refused.request(), Durability::Counted));
        if let Some(request) = refused.request() {
            self.sight(evidence, request, Seen::own(case.started, refused.status));
        }
        self.answer_refusal(connection, case, refused, fate).await
    }

    fn write_decided(
        &self,
        evidence: &Evidence,
        request: Option<&CanonicalRequest>,
        durability: Durability,
    ) -> Result<Receipt, RecordFull> {
        entry::decided(evidence, request, &self.param_key, |decided| {
            self.log.borrow_mut().decided(decided, durability)
        })
    }

    /// Answers a refusal that is recorded, or can't be.
    pub(super) async fn answer_refusal(
        &self,
        connection: &mut Connection,
        case: Case,
        refused: Refused,
        fate: Fate,
    ) -> Fate {
        let fate = match refused.close {
            Doubt::Close => at_most_linger(fate),
            Doubt::Keep => fate,
        };
        let mut out = self.worker.buffers.outbound();
        write_refused(&mut out, case, &refused, fate);
        let closing = Closing::own(refused.status, End::Done, refused.body.len() as u64);
        if let Some(head) = refused.into_head() {
            self.worker.buffers.give_head(head);
        }
        self.send(connection, case, closing, fate, out).await
    }

    /// Records a preflight and answers it.
    pub(super) async fn answer_preflight(
        &self,
        connection: &mut Connection,
        case: Case,
        evidence: &Evidence,
        preflight: PreflightAnswer,
        fate: Fate,
    ) -> Fate {
        drop(self.write_decided(evidence, Some(preflight.request()), Durability::Counted));
        let mut out = self.worker.buffers.outbound();
        self.sight(evidence, preflight.request(), Seen::own(case.started, preflight.status));
        let answer = Answer { status: preflight.status, id: case.id, content_type: "", body: b"" };
        let fields = preflight.fields.iter().map(|(name, value)| (*name, &**value));
        write_answer(&mut out.bytes, answer, fields, goodbye(fate), case.class);
        let closing = Closing::own(preflight.status, End::Done, 0);
        self.worker.buffers.give_head(preflight.into_head());
        self.send(connection, case, closing, fate, out).await
    }

    /// Answers a request that was passed, but of which the client has no answer yet.
    pub(super) async fn answer_failure(
        &self,
        connection: &mut Connection,
        case: Case,
        head: &RequestHead,
        failed: Failed<'_>,
        out: &mut Outbound,
    ) -> Fate {
        let Failed { report, fault, evidence, forward } = failed;
        if fault == Fault::Upstream(UpstreamFailure::ClientGone) || self.worker.stage() == Stage::Stopped {
            self.complete(case, Closing::of(report, 499, end_of(fault)));
            return Fate::Break;
        }
        let (refused, end) = match fault {
            Fault::Body(body) => (enforce::refused(case.id, &refusal::of_body(body)), End::Done),
            Fault::Stopped(reason, told) => (enforce::refused(case.id, &told), End::Stopped(reason)),
            Fault::Upstream(failure) => (enforce::failed(case.id, failure), End::Failed(failure)),
            Fault::Unanswered => {
                (enforce::failed(case.id, UpstreamFailure::Broken), End::Failed(UpstreamFailure::Broken))
            }
        };
        let refused = refused.with_budgets(forward.budgets()).for_browser(evidence, forward.request());
        // With a body half way, nobody knows where the next request begins.
        let fate = match head.framing {
            Framing::None | Framing::Length(0) => connection.settle(&self.worker, head),
            Framing::Length(_) | Framing::Chunked => Fate::Linger,
        };
        write_refused(out, case, &refused, fate);
        let sent = connection.flush(&self.worker, out).await;
        let closing = Closing::of(report, refused.status, end);
        self.complete(case, Closing { response_bytes: refused.body.len() as u64, ..closing });
        if sent.is_ok() { fate } else { Fate::Break }
    }

    /// Answers with a document of the gateway's own. They are public, and nothing is ever forwarded.
    pub(super) async fn answer_own(
        &self,
        connection: &mut Connection,
        head: &RequestHead,
        class: RequestMethodClass,
        request: CanonicalRequest,
        own: OwnDocument,
    ) -> Fate {
        let now = connection.now(&self.worker);
        let evidence = {
            let mut snapshots = self.snapshots.borrow_mut();
            let (snapshot, judge) = (snapshots.load(), &mut self.judge.borrow_mut());
            match own {
                OwnDocument::KeySet => enforce::judge_key_set(snapshot, now, judge, &request),
                OwnDocument::Resource(_) => enforce::judge_resource(snapshot, now, judge, &request),
            }
        };
        let case = self.case(connection, &evidence, class);
        // What is public is answered whether that can be recorded or not; a loss is counted by the recorder.
        drop(self.write_decided(&evidence, Some(&request), Durability::Counted));
        self.worker.buffers.give_head(request.into_head());
        let fate = connection.settle(&self.worker, head);
        let mut out = self.worker.buffers.outbound();
        let closing = if let Some(refusal) = &evidence.refusal {
            let mut refused = enforce::refused(case.id, refusal);
            refused.fields.push(("Allow", "GET, HEAD".into()));
            write_refused(&mut out, case, &refused, fate);
            Closing::own(refused.status, End::Done, refused.body.len() as u64)
        } else {
            let jwks = self.jwks.load();
            let (content_type, body) = match &own {
                OwnDocument::KeySet => ("application/jwk-set+json", jwks.as_slice()),
                OwnDocument::Resource(body) => ("application/json", body.as_bytes()),
            };
            let answer = Answer { status: 200, id: case.id, content_type, body };
            write_answer(&mut out.bytes, answer, [("cache-control", "max-age=300")], goodbye(fate), class);
            Closing::own(200, End::Done, body.len() as u64)
        };
        self.send(connection, case, closing, fate, out).await
    }

    /// Sends an answer of the gateway's own, and records it.
    pub(super) async fn send(
        &self,
        connection: &mut Connection,
        case: Case,
        closing: Closing,
        fate: Fate,
        out: Outbound,
    ) -> Fate {
        let mut out = out;
        let sent = connection.flush(&self.worker, &mut out).await;
        self.worker.buffers.give_outbound(out);
        match sent {
            Ok(()) => {
                self.complete(case, closing);
                fate
            }
            Err(Gone) => {
                let end = End::Failed(UpstreamFailure::ClientGone);
                self.complete(case, Closing { end, ..closing });
                Fate::Break
            }
        }
    }

    /// Tells the inventory.
    pub(super) fn sight(&self, evidence: &Evidence, request: &CanonicalRequest, seen: Seen) {
        if evidence.existing.is_some() {
            let taken = if (200..400).contains(&seen.status) { Taken::Yes } else { Taken::No };
            self.claimed.note(evidence, taken);
        }
        self.sightings.borrow_mut().note(evidence, request, seen);
    }

    /// Records how a request ended.
    pub(super) fn complete(&self, case: Case, closing: Closing) {
        let now = self.worker.now();
        let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let upstream_us = match closing.forwarded {
            Forwarded::No => 0,
            Forwarded::Yes => micros(now.since(case.decided)),
        };
        self.log.borrow_mut().completed(&Completed {
            id: case.id,
            time: now,
            status: closing.status,
            outcome: closing.end,
            request_bytes: closing.request_bytes,
            response_bytes: closing.response_bytes,
            time_to_decision_us: micros(case.decided.since(case.started)),
            upstream_us,
            total_us: micros(now.since(case.started)),
        });
    }
}

/// Appends the answer to a refusal.
fn write_refused(out: &mut Outbound, case: Case, refused: &Refused, fate: Fate) {
    let answer = Answer {
        status: refused.status,
        id: case.id,
        content_type: PROBLEM_JSON,
        body: refused.body.as_bytes(),
    };
    let fields = refused.fields.iter().map(|(name, value)| (*name, &**value));
    write_answer(&mut out.bytes, answer, fields, goodbye(fate), case.class);
}

/// What the client is told of what will become of its connection.
const fn goodbye(fate: Fate) -> Goodbye {
    match fate {
        Fate::Break | Fate::Close | Fate::Linger => Goodbye::Said,
        Fate::Discard(_) | Fate::Keep => Goodbye::Unsaid,
    }
}

const fn at_most_linger(fate: Fate) -> Fate {
    match fate {
        Fate::Break => Fate::Break,
        Fate::Close | Fate::Linger | Fate::Discard(_) | Fate::Keep => Fate::Linger,
    }
}
