//! One request from its head to its last entry: admit, judge, record, forward, answer, record.
//!
//! Every request gets an id and two entries, refused ones too. Nothing is forwarded but what `enforce` passed, and
//! that only once the decision is recorded as its API demands.

use std::cell::RefCell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use enforce::{ClaimedLedger, Evidence, Forward, Judgement, Need, NoLonger, Outcome, Pass, Snapshot};
use http1::{Field, Framing, Repeats, RequestHead, RequestMethodClass, Upgrade};
use model::head::Classes;
use model::request::{BodyShape, Scheme};
use model::{
    Admission, CanonicalRequest, DecisionId, DenyReason, Method, Refusal, Timestamp, UpstreamFailure,
};
use record::{Outcome as End, ParamKey};
use recorder::WorkerLog;
use tls::Server;
use traffic::RingSender;

use crate::answer::{decision_line, lines_with_budgets};
use crate::connection::{Connection, Fate, HeadFault};
use crate::exchange::{
    AGAIN_TICKS, After, Again, Age, Begun, Buffered, ClientSide, Ending, Fault, Order, Report, Resend,
    Standing, exchange,
};
use crate::forward::write_request_head;
use crate::keys::KeyWants;
use crate::refusal;
use crate::secure::{HandshakeFault, Secured, ServerTls, UpstreamConfigs};
use crate::settings::Settings;
use crate::sighting::{Seen, Sightings};
use crate::timers::Phase;
use crate::worker::{Clock, Worker};

mod answers;

use answers::{Closing, Failed, OwnDocument};

/// The path of the key set, reserved on every host.
const JWKS_SEGMENTS: [&str; 3] = [".well-known", "sallyport", "jwks.json"];

/// What a worker is given: its own parts, and those that it shares with others.
pub struct Setup {
    /// The snapshot in force; a request uses one from start to end.
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    /// This worker's side of `enforce`.
    pub judge: enforce::Worker,
    /// This worker's side of the recorder.
    pub log: WorkerLog,
    /// Where what was seen of requests goes, for the inventory.
    pub sightings: RingSender,
    /// Where existing keys are noted that nobody has vouched for.
    pub claimed: Arc<ClaimedLedger>,
    /// Under which path parameters are hashed for the record.
    pub param_key: ParamKey,
    pub clock: Clock,
    /// The document at `/.well-known/sallyport/jwks.json`.
    pub jwks: Arc<ArcSwap<Vec<u8>>>,
    /// Who fetches keys of issuers; without it no request waits for any.
    pub wants: Option<KeyWants>,
    /// Where this gateway itself listens, so that it never becomes its own upstream.
    pub own: Vec<SocketAddr>,
    /// How clients are spoken to; in the clear where there is none.
    pub tls: Option<ServerTls>,
    /// How upstreams are called over TLS.
    pub upstream_tls: UpstreamConfigs,
    pub settings: Settings,
}

impl fmt::Debug for Setup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Setup").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A worker that judges, records and forwards.
pub(crate) struct Gateway {
    pub(crate) worker: Worker,
    pub(crate) tls: Option<ServerTls>,
    snapshots: RefCell<Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>>,
    /// The snapshot by which requests under way were last decided.
    reviewed: RefCell<Arc<Snapshot>>,
    /// How clients were spoken to then.
    reviewed_tls: RefCell<Option<Arc<Server>>>,
    judge: RefCell<enforce::Worker>,
    log: RefCell<WorkerLog>,
    sightings: RefCell<Sightings>,
    claimed: Arc<ClaimedLedger>,
    param_key: ParamKey,
    jwks: Arc<ArcSwap<Vec<u8>>>,
    wants: Option<KeyWants>,
}

/// One request, as far as its answer and its entries need it.
#[derive(Clone, Copy, Debug)]
struct Case {
    id: DecisionId,
    started: Timestamp,
    decided: Timestamp,
    class: RequestMethodClass,
}

impl Gateway {
    pub(crate) fn new(setup: Setup) -> Self {
        let Setup {
            snapshots,
            judge,
            log,
            sightings,
            claimed,
            param_key,
            clock,
            jwks,
            wants,
            own,
            tls,
            upstream_tls,
            settings,
        } = setup;
        let worker = Worker::new(&settings, clock, &own, upstream_tls);
        let reviewed = RefCell::new(snapshots.load_full());
        Self {
            reviewed,
            reviewed_tls: RefCell::new(tls.as_ref().map(|tls| tls.load_full())),
            snapshots: RefCell::new(Cache::new(snapshots)),
            judge: RefCell::new(judge),
            log: RefCell::new(log),
            sightings: RefCell::new(Sightings::new(sightings, Rc::clone(&worker.texts))),
            worker,
            claimed,
            tls,
            param_key,
            jwks,
            wants,
        }
    }

    /// Counts a client's connection until [`Gateway::count_closed`].
    pub(crate) fn count_opened(&self) {
        self.log.borrow().connection_opened();
    }

    /// Called with every tick: where the snapshot is another one by now, or other certificates are believed, requests under
    /// way are decided again.
    pub(crate) fn look_for_changes(&self) {
        if let (Some(tls), Some(reviewed)) = (&self.tls, &mut *self.reviewed_tls.borrow_mut()) {
            let current = tls.load();
            if !Arc::ptr_eq(&current, reviewed) {
                *reviewed = Arc::clone(&current);
                self.worker.timers.review();
            }
        }
        let mut snapshots = self.snapshots.borrow_mut();
        let (current, mut reviewed) = (snapshots.load(), self.reviewed.borrow_mut());
        if !Arc::ptr_eq(current, &reviewed) {
            // Held, so that no other snapshot can come to lie where this one lies.
            *reviewed = Arc::clone(current);
            self.worker.timers.review();
        }
    }

    /// Called once a second.
    pub(crate) fn tick_sightings(&self) {
        self.sightings.borrow_mut().tick();
    }

    /// Hands over what the inventory is to know.
    pub(crate) fn flush_sightings(&self) {
        self.sightings.borrow_mut().flush();
    }

    /// A connection that was counted has ended.
    pub(crate) fn count_closed(&self) {
        self.log.borrow().connection_closed();
    }

    /// A client's handshake came to nothing; there is nobody to answer.
    pub(crate) fn note_handshake_fault(&self, fault: &HandshakeFault, peer: IpAddr) {
        self.log.borrow().handshake_failed(fault.failure());
        if let Some(refused) = fault.refused() {
            return self.worker.tell_refused(refused, peer);
        }
        let cause = std::error::Error::source(fault).map(ToString::to_string).unwrap_or_default();
        tracing::debug!(%peer, %fault, cause, "no TLS with a client");
    }

    /// Handles what never became a head; says what is to become of the connection.
    pub(crate) async fn handle_fault(&self, connection: &mut Connection, fault: HeadFault) -> Fate {
        let refusal = match fault {
            HeadFault::Late => refusal::LATE,
            HeadFault::Refused(refused) => refusal::of_head(refused),
        };
        // Where the next request would begin is unknown, so there is none.
        self.refuse_unadmitted(connection, RequestMethodClass::Other, refusal, Fate::Linger).await
    }

    /// Refuses what never became a request that could be judged.
    async fn refuse_unadmitted(
        &self,
        connection: &mut Connection,
        class: RequestMethodClass,
        refusal: Refusal,
        fate: Fate,
    ) -> Fate {
        let now = connection.now(&self.worker);
        let closing = match fate {
            Fate::Break | Fate::Close | Fate::Linger => enforce::Closing::Close,
            Fate::Discard(_) | Fate::Keep => enforce::Closing::Keep,
        };
        let judgement = {
            let mut snapshots = self.snapshots.borrow_mut();
            let judge = &mut self.judge.borrow_mut();
            enforce::refuse_unadmitted(snapshots.load(), now, judge, refusal, closing)
        };
        let Judgement { evidence, outcome } = judgement;
        let case = self.case(connection, &evidence, class);
        match outcome {
            Outcome::Refuse(refused) => self.refuse(connection, case, &evidence, refused, fate).await,
            // `refuse_unadmitted` refuses; were it otherwise, nothing could be sent.
            Outcome::Allow(_) | Outcome::Preflight(_) => Fate::Break,
        }
    }

    /// Handles a request; says what is to become of the connection.
    ///
    /// A future is moved whole when it is made, so those of the rare ways out are allocated by themselves.
    pub(crate) async fn handle(
        &self,
        connection: &mut Connection,
        head: RequestHead,
        fields: Vec<Field>,
    ) -> Fate {
        let class = class_of(head.method.of(connection.link.inbound.bytes()));
        let request = match self.admit(connection, &head, fields) {
            Ok(request) => request,
            Err(refusal) => {
                // What follows `Upgrade` may be another protocol already.
                let fate = match head.upgrade {
                    Upgrade::Asked => Fate::Linger,
                    Upgrade::Absent => connection.settle(&self.worker, &head),
                };
                return Box::pin(self.refuse_unadmitted(connection, class, refusal, fate)).await;
            }
        };
        if request.segment(0) == JWKS_SEGMENTS.first().copied()
            && let Some(own) = self.own_document(&request)
        {
            return Box::pin(self.answer_own(connection, &head, class, request, own)).await;
        }
        let now = connection.now(&self.worker);
        let judged = {
            let mut snapshots = self.snapshots.borrow_mut();
            enforce::judge_or_need(snapshots.load(), now, &mut self.judge.borrow_mut(), request)
        };
        let judgement = match judged {
            Ok(judgement) => judgement,
            Err(need) => Box::pin(self.judge_with_newer_keys(now, need)).await,
        };
        let Judgement { mut evidence, outcome } = judgement;
        let case = self.case(connection, &evidence, class);
        match outcome {
            Outcome::Allow(pending) => match pending.redeem(&mut evidence, now) {
                Ok(pass) => self.pass(connection, case, &evidence, &head, pass).await,
                Err(refused) => {
                    let fate = connection.settle(&self.worker, &head);
                    Box::pin(self.refuse(connection, case, &evidence, *refused, fate)).await
                }
            },
            Outcome::Refuse(refused) => {
                let fate = connection.settle(&self.worker, &head);
                Box::pin(self.refuse(connection, case, &evidence, refused, fate)).await
            }
            Outcome::Preflight(answer) => {
                let fate = connection.settle(&self.worker, &head);
                Box::pin(self.answer_preflight(connection, case, &evidence, answer, fate)).await
            }
        }
    }

    /// The document of the gateway's own that a request under `/.well-known` asks for.
    fn own_document(&self, request: &CanonicalRequest) -> Option<OwnDocument> {
        if request.segments().eq(JWKS_SEGMENTS) {
            return Some(OwnDocument::KeySet);
        }
        enforce::protected_resource(self.snapshots.borrow_mut().load(), request).map(OwnDocument::Resource)
    }

    /// Waits for newer keys of an issuer, for a bounded time, and judges by the same snapshot with those keys.
    async fn judge_with_newer_keys(&self, now: Timestamp, need: Need) -> Judgement {
        let before = Arc::clone(self.snapshots.borrow_mut().load());
        if let Some(wants) = &self.wants {
            wants.newer(need.issuer(), need.attempted()).await;
        }
        let after = Arc::clone(self.snapshots.borrow_mut().load());
        let snapshot = Snapshot { key_sets: Arc::clone(&after.key_sets), ..Snapshot::clone(&before) };
        enforce::judge(&Arc::new(snapshot), now, &mut self.judge.borrow_mut(), need.into_request())
    }

    /// Turns a head into a canonical request, and takes its bytes off the connection.
    fn admit(
        &self,
        connection: &mut Connection,
        head: &RequestHead,
        fields: Vec<Field>,
    ) -> Result<CanonicalRequest, Refusal> {
        let mut judged = self.worker.buffers.head();
        let bytes = connection.link.inbound.bytes().get(..head.length).unwrap_or_default();
        let place = |span: http1::Span| model::Span { start: span.start, length: span.length };
        let filled = judged.fill(bytes, place(head.method), place(head.target));
        let places = fields.iter().map(|field| (place(field.name), place(field.value)));
        match head.repeats {
            Repeats::No => {
                places.for_each(|(name, value)| judged.push_field(name, value));
                judged.note_classes(&mut connection.classes);
            }
            Repeats::Yes => judged.push_fields_again(places, &connection.classes),
        }
        self.worker.buffers.give_fields(fields);
        connection.link.inbound.consume(head.length);
        if filled.is_err() {
            connection.classes = Classes::default();
            return Err(refusal::of_head(http1::RequestRefusal::HeadTooLarge));
        }
        if head.upgrade == Upgrade::Asked {
            return Err(refusal::UPGRADE);
        }
        let body = match head.framing {
            Framing::Chunked => BodyShape::Chunked,
            Framing::Length(length) => BodyShape::Length(length),
            Framing::None => BodyShape::Absent,
        };
        let admission = Admission { scheme: Scheme::Http, body, peer: connection.peer };
        let admitted = CanonicalRequest::admit(judged, admission).map_err(|refused| {
            self.worker.buffers.give_head(refused.head);
            refused.refusal
        })?;
        let now = connection.now(&self.worker);
        Ok(match &mut connection.secured {
            None => admitted,
            Some(secured) => admitted.over(Arc::clone(secured.channel(now))),
        })
    }

    fn case(&self, connection: &Connection, evidence: &Evidence, class: RequestMethodClass) -> Case {
        Case { id: evidence.id, started: connection.started, decided: self.worker.now(), class }
    }

    /// Records and forwards a request that may pass.
    async fn pass(
        &self,
        connection: &mut Connection,
        case: Case,
        evidence: &Evidence,
        head: &RequestHead,
        pass: Pass,
    ) -> Fate {
        connection.watch.arm(Phase::Again, AGAIN_TICKS);
        let fate = self.pass_on(connection, case, evidence, head, pass).await;
        connection.watch.disarm(Phase::Again);
        fate
    }

    /// Decides again about a request under way.
    fn judge_again(
        &self,
        case: Case,
        secured: Option<&Secured>,
        forward: &Forward,
    ) -> Result<Standing, NoLonger> {
        let now = self.worker.now();
        if let Some(secured) = secured {
            secured.still_counts(now).map_err(|refusal| NoLonger { refusal, told: refusal })?;
        }
        let until = {
            let mut snapshots = self.snapshots.borrow_mut();
            enforce::judge_again(snapshots.load(), now, &mut self.judge.borrow_mut(), forward)?
        };
        let longest = case.started.plus(self.worker.settings.deadlines.exchange);
        let age = if longest <= now { Age::Over } else { Age::Within };
        Ok(Standing { now, until: until.min(longest), age })
    }

    async fn pass_on(
        &self,
        connection: &mut Connection,
        case: Case,
        evidence: &Evidence,
        head: &RequestHead,
        pass: Pass,
    ) -> Fate {
        if self.record(connection, evidence, pass.request()).await.is_err() {
            let forward = pass.forward();
            let refused = enforce::refused(case.id, &Refusal::of(DenyReason::RecordUnavailable))
                .with_budgets(forward.budgets())
                .for_browser(evidence, forward.request());
            self.worker.buffers.give_head(forward.into_head());
            let fate = connection.settle(&self.worker, head);
            return Box::pin(self.answer_refusal(connection, case, refused, fate)).await;
        }
        let worker = &self.worker;
        let forward = pass.forward();
        let mut to_upstream = worker.buffers.outbound();
        let mut to_client = worker.buffers.outbound();
        let line = decision_line(forward.id_text());
        let with_budgets = forward.budgets().map(|budgets| lines_with_budgets(&line, budgets));
        let again = |forward: &Forward| self.judge_again(case, connection.secured.as_ref(), forward);
        let report = match write_request_head(&mut to_upstream.bytes, &forward, head.framing) {
            Ok(sharing) => {
                let order = Order {
                    forward: &forward,
                    class: case.class,
                    resend: resend(forward.request(), head.framing),
                    sharing,
                    framing: head.framing,
                    expect: head.expect,
                    client: ClientSide { version: head.version, persistence: head.persistence },
                    added: with_budgets.as_deref().unwrap_or(&line),
                    added_to_redirection: &line,
                    again: Again(&again),
                };
                let buffered = Buffered { to_upstream: &mut to_upstream, to_client: &mut to_client };
                exchange(worker, &connection.watch, &mut connection.link, buffered, &order).await
            }
            // What was read as a head can be written as one; were it otherwise, it must not be sent.
            Err(error) => {
                tracing::error!(id = %case.id, %error, "a permitted request can't be written");
                Report::nothing(Fault::Upstream(UpstreamFailure::Unreachable))
            }
        };
        worker.buffers.give_outbound(to_upstream);
        let fate = match report.ending {
            Ending::Complete(after) => {
                self.complete(case, Closing::of(&report, report.status, End::Done));
                self.sight(evidence, forward.request(), Seen::of(case.started, &report));
                match after {
                    After::Close => Fate::Close,
                    After::Keep => Fate::Keep,
                    After::Linger => Fate::Linger,
                }
            }
            Ending::Failed(fault, Begun::Yes) => {
                self.complete(case, Closing::of(&report, report.status, answers::end_of(fault)));
                Fate::Break
            }
            Ending::Failed(fault, Begun::No) => {
                let failed = Failed { report: &report, fault, evidence, forward: &forward };
                Box::pin(self.answer_failure(connection, case, head, failed, &mut to_client)).await
            }
        };
        worker.buffers.give_head(forward.into_head());
        worker.buffers.give_outbound(to_client);
        fate
    }
}

const fn class_of(method: &[u8]) -> RequestMethodClass {
    match method {
        b"HEAD" => RequestMethodClass::Head,
        b"CONNECT" => RequestMethodClass::Connect,
        _ => RequestMethodClass::Other,
    }
}

/// Whether the request can be sent once more when a pooled connection turns out to be dead.
fn resend(request: &CanonicalRequest, framing: Framing) -> Resend {
    let is_idempotent = match request.method() {
        Method::Delete | Method::Get | Method::Head | Method::Options | Method::Put | Method::Trace => true,
        Method::Patch | Method::Post | Method::Unlisted => false,
    };
    match framing {
        Framing::None | Framing::Length(0) if is_idempotent => Resend::Allowed,
        Framing::None | Framing::Length(_) | Framing::Chunked => Resend::Never,
    }
}
