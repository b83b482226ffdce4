//! The one function that judges requests.
//!
//! Order: revision, host and API, blocks of both and of the network, preflight, identify, blocks of the caller, match, parameters, scopes, policy, mode, body. Who is
//! identified is settled before anything about paths is told.
//!
//! Nothing here waits. Where a token names a key that is not held, [`judge_or_need`] gives the request back with whose
//! keys it wants; whoever fetched them judges it again, by the same snapshot but for the key sets and at the same time.

use std::sync::Arc;

use catalog::{Match, preflight};
use identity::Identified;
use identity::token::Issuer;
use model::request::BodyShape;
use model::{
    CanonicalRequest, Client, CredentialRef, DenyReason, Head, Method, Refusal, Secret, Strength, Timestamp,
    Verdict,
};

use crate::caller::{self, Known, RefusedCaller, Unknown};
use crate::client::ClientAddress;
use crate::forward::{Forward, Lent};
use crate::limit;
use crate::pass::{Kind, Pending};
use crate::refused::refused;
use crate::step_up;
use crate::stopped::{self, Stopped};
use crate::tokens::{Need, Waiting};
use crate::weigh::{self, Question, Weighed, apply_mode, operation_of};
use crate::{ApiRules, Availability, Closing, Evidence, Held, Refused, Snapshot, Trace, Worker};

/// What was decided, and what is to be recorded about it.
#[derive(Debug)]
pub struct Judgement {
    /// Boxed, because a judgement is handed on by value.
    pub evidence: Box<Evidence>,
    pub outcome: Outcome,
}

/// What becomes of a request. Exactly one of these; only the first can reach an upstream.
#[derive(Debug)]
pub enum Outcome {
    /// May pass once its effects are redeemed.
    Allow(Pending),
    /// A CORS preflight, answered from declaration.
    Preflight(PreflightAnswer),
    Refuse(Refused),
}

/// The answer to a CORS preflight; it has no body.
#[derive(Debug)]
pub struct PreflightAnswer {
    pub status: u16,
    pub fields: Vec<(&'static str, String)>,
    request: CanonicalRequest,
}

impl PreflightAnswer {
    #[must_use]
    pub const fn request(&self) -> &CanonicalRequest {
        &self.request
    }

    /// Gives the buffers of the request back.
    #[must_use]
    pub fn into_head(self) -> Head {
        self.request.into_head()
    }
}

impl Outcome {
    /// The request that was judged; none where none was admitted.
    #[must_use]
    pub const fn request(&self) -> Option<&CanonicalRequest> {
        match self {
            Self::Allow(pending) => Some(pending.request()),
            Self::Preflight(answer) => Some(answer.request()),
            Self::Refuse(refused) => refused.request(),
        }
    }
}

/// Judges `request` by `snapshot` at `now`, with the keys that the snapshot holds and no others.
pub fn judge(
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
    worker: &mut Worker,
    request: CanonicalRequest,
) -> Judgement {
    match judge_waiting(snapshot, now, worker, Waiting::Over, request) {
        Ok(judgement) => judgement,
        // With `Waiting::Over` nothing is needed; were it otherwise, the request is refused.
        Err(need) => {
            let refusal = Refusal::of(DenyReason::InvalidCredential);
            let id = worker.decision_id(now);
            let mut evidence = Box::new(Evidence::new(snapshot, id, now));
            let answer = refuse(&mut evidence, refusal, refusal, need.into_request());
            Judgement { evidence, outcome: Outcome::Refuse(answer) }
        }
    }
}

/// The same, but gives the request back where newer keys of an issuer could change the answer.
///
/// # Errors
///
/// Whose keys are wanted, at most once per interval of the issuer's configuration.
pub fn judge_or_need(
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
    worker: &mut Worker,
    request: CanonicalRequest,
) -> Result<Judgement, Need> {
    judge_waiting(snapshot, now, worker, Waiting::Possible, request)
}

fn judge_waiting(
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
    worker: &mut Worker,
    waiting: Waiting,
    request: CanonicalRequest,
) -> Result<Judgement, Need> {
    let id = worker.decision_id(now);
    let mut evidence = Box::new(Evidence::new(snapshot, id, now));
    evidence.method = request.method();
    evidence.source_ip = Some(request.peer());
    let outcome = match reach_api(snapshot, now, &request) {
        Err(refusal) => Outcome::Refuse(refuse(&mut evidence, refusal, refusal, request)),
        Ok((rules, found)) => {
            evidence.api = found.api();
            evidence.mode = rules.mode;
            evidence.audit = rules.audit;
            let address = || ClientAddress::of(&request, &snapshot.revision.trusted_proxies).address;
            let blocks = snapshot.stops.blocks();
            if let Some(stopped) = stopped::at_the_door(blocks, now, rules.name.as_str(), address) {
                evidence.source_ip = address();
                Outcome::Refuse(refuse_stopped(&mut evidence, stopped, request))
            } else if let Some(answer) = answer_preflight(snapshot, &request, &found) {
                evidence.operation = operation_of(&found);
                evidence.verdict = Verdict::Allowed;
                Outcome::Preflight(PreflightAnswer {
                    status: catalog::Preflight::STATUS,
                    fields: answer,
                    request,
                })
            } else {
                judge_call(snapshot, &mut evidence, worker, (rules, &found), waiting, request)?
            }
        }
    };
    Ok(Judgement { evidence, outcome })
}

/// Refuses what was never admitted: malformed heads, what is late, what cannot be spoken. It gets an id and a record.
///
/// `closing` says whether the door knows where the next request begins: it does not where the head itself is
/// malformed, and does where only the target or the host is.
pub fn refuse_unadmitted(
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
    worker: &mut Worker,
    refusal: Refusal,
    closing: Closing,
) -> Judgement {
    let id = worker.decision_id(now);
    let mut evidence = Box::new(Evidence::new(snapshot, id, now));
    evidence.refusal = Some(refusal);
    let mut answer = refused(id, &refusal);
    match closing {
        Closing::Close => answer.close = Closing::Close,
        // Some refusals end the connection wherever they come up.
        Closing::Keep => {}
    }
    Judgement { evidence, outcome: Outcome::Refuse(answer) }
}

/// The evidence of a request for the key set, which is public: anyone may read it by GET and HEAD, and nothing else is
/// there to be done. It is recorded like any other request.
pub fn judge_key_set(
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
    worker: &mut Worker,
    request: &CanonicalRequest,
) -> Evidence {
    judge_public(snapshot, now, worker, request, "jwks")
}

/// The same for a request for protected-resource metadata ([`crate::protected_resource`]).
pub fn judge_resource(
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
    worker: &mut Worker,
    request: &CanonicalRequest,
) -> Evidence {
    judge_public(snapshot, now, worker, request, "resource_metadata")
}

fn judge_public(
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
    worker: &mut Worker,
    request: &CanonicalRequest,
    own: &'static str,
) -> Evidence {
    let mut evidence = Evidence::new(snapshot, worker.decision_id(now), now);
    evidence.method = request.method();
    evidence.source_ip = Some(request.peer());
    evidence.own = own;
    match request.method() {
        Method::Get | Method::Head => evidence.verdict = Verdict::Allowed,
        Method::Delete
        | Method::Options
        | Method::Patch
        | Method::Post
        | Method::Put
        | Method::Trace
        | Method::Unlisted => evidence.refusal = Some(Refusal::of(DenyReason::MethodNotDeclared)),
    }
    evidence
}

/// The API that a request belongs to, if it can be used.
pub(crate) fn reach_api<'a>(
    snapshot: &'a Snapshot,
    now: Timestamp,
    request: &CanonicalRequest,
) -> Result<(&'a Arc<ApiRules>, Match), Refusal> {
    if snapshot.revision.policies.is_none() {
        return Err(Refusal::of(DenyReason::NoRevision));
    }
    if snapshot.stale_at <= now {
        return Err(Refusal::of(DenyReason::StaleSnapshot));
    }
    let found = snapshot.revision.catalog.find(request);
    let api = found.api().ok_or_else(|| Refusal::of(DenyReason::UnknownHost))?;
    if let Some(channel) = request.channel()
        && !leads_to(&snapshot.revision.catalog, channel, request, api)
    {
        return Err(Refusal::of(DenyReason::Misdirected));
    }
    let rules = snapshot.revision.rules(api).ok_or_else(|| Refusal::of(DenyReason::ApiUnavailable))?;
    match rules.availability {
        Availability::Unusable(_) => return Err(Refusal::of(DenyReason::ApiUnavailable)),
        Availability::Usable => {}
    }
    match &rules.exchange {
        None => Ok((rules, found)),
        Some(exchange) => match snapshot.secrets.find(&rules.name, &exchange.secret) {
            Some(Held::Open(_)) => Ok((rules, found)),
            Some(Held::Closed(_)) | None => Err(NO_UPSTREAM_SECRET),
        },
    }
}

/// Which secret it is, and why it is not there, the owner sees in `status`.
const NO_UPSTREAM_SECRET: Refusal =
    Refusal::new(DenyReason::ApiUnavailable, "upstream_secret", DenyReason::ApiUnavailable.problem().title);
/// Whether the host that the handshake asked for has the same API at this path. Otherwise what was settled with the one,
/// such as which certificate is asked for, would open the other (security case 76). Who asked for no host agreed to
/// nothing that could differ: every host of the listener is subject to the same.
fn leads_to(
    catalog: &catalog::Catalog,
    channel: &model::Channel,
    request: &CanonicalRequest,
    api: catalog::ApiIndex,
) -> bool {
    match channel.server_name() {
        None => true,
        Some(name) => name == request.host() || catalog.api_at(name, request) == Some(api),
    }
}

fn answer_preflight(
    snapshot: &Snapshot,
    request: &CanonicalRequest,
    found: &Match,
) -> Option<Vec<(&'static str, String)>> {
    Some(preflight(&snapshot.revision.catalog, request, found)?.fields())
}

/// Judges a request to a usable API.
fn judge_call(
    snapshot: &Snapshot,
    evidence: &mut Evidence,
    worker: &mut Worker,
    (rules, found): (&Arc<ApiRules>, &Match),
    waiting: Waiting,
    request: CanonicalRequest,
) -> Result<Outcome, Need> {
    let now = evidence.time;
    let client = ClientAddress::of(&request, &snapshot.revision.trusted_proxies);
    evidence.source_ip = client.address;
    evidence.trace = Some(Trace::of(&request, client.peer, &mut worker.random));
    let Known { identified, token } =
        match caller::find(snapshot, worker, (rules, found), waiting, &request, &client, now) {
            Ok(known) => known,
            Err(Unknown::Needs(wanted)) => return Err(Need::new(wanted, request)),
            Err(Unknown::Refused(unknown)) => {
                return Ok(Outcome::Refuse(refuse_unknown(evidence, &unknown, request)));
            }
        };
    note_identified(evidence, &identified);
    evidence.token.clone_from(&token);
    note_found(evidence, found);
    let (blocks, catalog) = (snapshot.stops.blocks(), &snapshot.revision.catalog);
    if let Some(stopped) =
        stopped::of_call(blocks, now, &identified.caller, token.as_deref(), (catalog, found))
    {
        return Ok(Outcome::Refuse(refuse_stopped(evidence, stopped, request)));
    }
    let scopes = caller::scopes_of(&identified, token.as_deref());
    let question = Question {
        catalog,
        request: &request,
        found,
        caller: &identified.caller,
        scopes,
        source_ip: client.address,
        mode: rules.mode,
        now,
    };
    let decisions = &mut worker.decisions;
    let policies = snapshot.revision.policies.as_ref();
    let weighed = step_up::weigh(&question, policies, |facts| {
        policies.map_or_else(no_policy, |policies| policies.decide(decisions, facts))
    });
    evidence.challenge = weighed.challenge;
    evidence.policies = weighed.policies.clone();
    evidence.observed = weighed.observed.clone();
    let kind = match kind_of(evidence, &weighed, rules) {
        Ok(kind) => kind,
        Err(refusal) => {
            let answer = refuse_weighed(evidence, &weighed, refusal, request);
            return Ok(Outcome::Refuse(tell_budgets(answer, &identified, rules, now)));
        }
    };
    if let Some(refusal) = body_over_limit(&request, rules) {
        let answer = refuse(evidence, refusal, refusal, request);
        return Ok(Outcome::Refuse(tell_budgets(answer, &identified, rules, now)));
    }
    let exchanged = match exchange_for(snapshot, rules, kind, &identified) {
        Ok(exchanged) => exchanged,
        Err(refusal) => return Ok(Outcome::Refuse(refuse(evidence, refusal, refusal, request))),
    };
    let assertion = caller::assertion_for(snapshot, worker, (rules, found), &identified, token.as_ref(), now);
    let lent = Lent { assertion, exchanged };
    let budget = limit::cell_of(&identified, rules, now);
    let forward = Forward::new(evidence, Arc::clone(rules), client, lent, request);
    Ok(Outcome::Allow(Pending::new(kind, forward, budget)))
}

fn note_found(evidence: &mut Evidence, found: &Match) {
    evidence.operation = operation_of(found);
    if let Match::Found(found) = found {
        evidence.captures = Some(found.captures);
    }
}

/// What the API's mode makes of a weighed request, or why it is refused.
fn kind_of(evidence: &mut Evidence, weighed: &Weighed, rules: &ApiRules) -> Result<Kind, Refusal> {
    match apply_mode(weighed.weight, rules.mode, evidence.time) {
        weigh::Outcome::Allowed => {
            evidence.verdict = Verdict::Allowed;
            Ok(Kind::Permitted)
        }
        weigh::Outcome::Observed(refusal) => {
            evidence.verdict = match weighed.challenge {
                Some(_) => Verdict::WouldStepUp,
                None => Verdict::WouldDeny,
            };
            evidence.refusal = Some(refusal);
            Ok(Kind::Observed)
        }
        weigh::Outcome::Refused(refusal) => Err(refusal),
    }
}

/// Never reached: without policies no API is. Denies all the same.
pub(crate) fn no_policy() -> policy::Ruling {
    policy::Ruling { kind: policy::RulingKind::NoGrant, observed: policy::PolicyRefs::none() }
}

fn note_identified(evidence: &mut Evidence, identified: &Identified) {
    evidence.caller = identified.caller.clone();
    evidence.existing = identified.existing;
    if let Some(key) = &identified.key {
        key.usage.touch(evidence.time);
    }
}

fn refuse_stopped(evidence: &mut Evidence, stopped: Stopped, request: CanonicalRequest) -> Refused {
    evidence.block = stopped.block;
    refuse(evidence, stopped.refusal, stopped.told, request)
}

/// Refuses a request whose credentials give no caller. What they showed all the same is kept.
fn refuse_unknown(evidence: &mut Evidence, unknown: &RefusedCaller, request: CanonicalRequest) -> Refused {
    evidence.claimed_key = unknown.claimed;
    if let Some(identified) = &unknown.shown {
        note_identified(evidence, identified);
    }
    if let Some(key) = &unknown.key {
        // The secret was right, so it is known whose key was refused.
        evidence.caller.client = Client::Application(Arc::clone(&key.application));
        evidence.caller.credential = CredentialRef::Key(key.id);
        evidence.caller.strength = Strength::SharedSecret;
        key.usage.touch(evidence.time);
    }
    let answer = refuse(evidence, unknown.refusal, unknown.refusal, request);
    match unknown.wait {
        Some(wait) => answer.with_wait(wait),
        None => answer,
    }
}

fn refuse_weighed(
    evidence: &mut Evidence,
    weighed: &Weighed,
    refusal: Refusal,
    request: CanonicalRequest,
) -> Refused {
    let answer = refuse(evidence, refusal, weighed.told(refusal), request);
    if let Some(challenge) = &weighed.challenge {
        evidence.verdict = Verdict::SteppedUp;
        return answer.with_challenge(challenge, acr_values_of(evidence));
    }
    match weighed.allow {
        Some(allow) => answer.with_allow(allow),
        None => answer,
    }
}

/// What the issuer of the token calls a sign-in with several factors.
fn acr_values_of(evidence: &Evidence) -> &[Box<str>] {
    let issuer = evidence.token.as_ref().map(|token| &token.issuer);
    let issuers: &[Arc<Issuer>] = evidence.rules().map_or(&[], |rules| &*rules.issuers);
    let found = issuers.iter().find(|known| Some(&known.name) == issuer);
    found.map_or(&[], |issuer| &*issuer.mfa_acr)
}

fn refuse(evidence: &mut Evidence, refusal: Refusal, told: Refusal, request: CanonicalRequest) -> Refused {
    evidence.verdict = Verdict::Denied;
    evidence.refusal = Some(refusal);
    let answer = refused(evidence.id, &told).telling_resource(evidence, &request);
    answer.for_browser(evidence, &request).with_request(request)
}

/// Tells a caller that is known what is left of its limits. Refusals take nothing out of them, and the answer is the same
/// for every path.
fn tell_budgets(answer: Refused, identified: &Identified, rules: &ApiRules, now: Timestamp) -> Refused {
    if identified.caller.strength < Strength::SharedSecret {
        return answer;
    }
    let own = limit::cell_of(identified, rules, now);
    answer.with_budgets(limit::look_at(own.as_deref(), rules, now).as_ref())
}

fn body_over_limit(request: &CanonicalRequest, rules: &ApiRules) -> Option<Refusal> {
    match (request.body(), rules.body_bytes_max) {
        (BodyShape::Length(length), Some(most)) if most < length => {
            Some(Refusal::of(DenyReason::BodyTooLarge))
        }
        // A chunked body is measured as it streams.
        (BodyShape::Absent | BodyShape::Chunked | BodyShape::Length(_), _) => None,
    }
}

/// The upstream's own credential, in place of the caller's. Where the API is only observed, a caller that nobody vouched
/// for gets none: it would have been denied, and must not have the gateway's powers instead of its own.
fn exchange_for(
    snapshot: &Snapshot,
    rules: &ApiRules,
    kind: Kind,
    identified: &Identified,
) -> Result<Option<Secret>, Refusal> {
    let Some(exchange) = &rules.exchange else { return Ok(None) };
    match kind {
        Kind::Observed if identified.caller.strength < Strength::SharedSecret => return Ok(None),
        Kind::Observed | Kind::Permitted => {}
    }
    match snapshot.secrets.find(&rules.name, &exchange.secret) {
        Some(Held::Open(secret)) => Ok(Some(exchange.value(secret))),
        Some(Held::Closed(_)) | None => Err(NO_UPSTREAM_SECRET),
    }
}
