//! Who sent a request, by everything that it shows: own and existing keys, a certificate, an access token.
//!
//! What always holds: whatever was presented and fails gives no caller, never the anonymous one; a credential that is
//! expensive to check is not checked for a network that failed too often, and a right secret passes whatever was counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use catalog::Match;
use identity::token::{ScopeUse, VerifiedToken};
use identity::{
    AssertionSubject, Identified, KeyEntry, NotIdentified, Origin, TooMany, identify, with_existing,
};
use model::{CanonicalRequest, Client, DenyReason, Guessing, KeyId, Refusal, Strength, Timestamp};

use crate::client::ClientAddress;
use crate::tokens::{self, NotResolved, Waiting, Wanted};
use crate::weigh::Scopes;
use crate::{ApiRules, Snapshot, Worker};

const TOO_MANY_FAILURES: Refusal = Refusal::of(DenyReason::TooManyFailures);

/// Who sent a request.
pub(crate) struct Known {
    pub(crate) identified: Identified,
    /// The access token that was verified.
    pub(crate) token: Option<Arc<VerifiedToken>>,
}

/// Why nobody is known to have sent it.
pub(crate) enum Unknown {
    /// Newer keys of an issuer could change that.
    Needs(Wanted),
    Refused(Box<RefusedCaller>),
}

/// Credentials that give no caller.
pub(crate) struct RefusedCaller {
    pub(crate) refusal: Refusal,
    /// The id that a key claimed, right or not.
    pub(crate) claimed: Option<KeyId>,
    /// The key, only where its secret was right.
    pub(crate) key: Option<Arc<KeyEntry>>,
    /// What stood beside the token that failed.
    pub(crate) shown: Option<Identified>,
    /// After how long another failure is answered as one.
    pub(crate) wait: Option<Duration>,
}

impl RefusedCaller {
    fn with_token(refusal: Refusal, shown: Identified) -> Box<Self> {
        Box::new(Self { refusal, claimed: None, key: None, shown: Some(shown), wait: None })
    }

    fn with_key(not: NotIdentified) -> Box<Self> {
        let NotIdentified { refusal, claimed, key } = not;
        Box::new(Self { refusal, claimed, key, shown: None, wait: None })
    }

    /// Failed too often: the answer says so and nothing else.
    fn too_often(mut self: Box<Self>, failed: Result<(), TooMany>) -> Box<Self> {
        if let Err(TooMany { wait }) = failed {
            self.refusal = TOO_MANY_FAILURES;
            self.wait = Some(wait);
        }
        self
    }
}

/// Finds the caller; failures are counted.
pub(crate) fn find(
    snapshot: &Snapshot,
    worker: &mut Worker,
    api: (&ApiRules, &Match),
    waiting: Waiting,
    request: &CanonicalRequest,
    client: &ClientAddress,
    now: Timestamp,
) -> Result<Known, Unknown> {
    let peer = request.peer();
    let origin = || Origin::of(client.address.unwrap_or(peer));
    let identified = match by_keys(snapshot, api.0, request, now) {
        Ok(identified) => identified,
        Err(not) => {
            let failed = count_key(snapshot, worker, &not, client.address.unwrap_or(peer), now);
            return Err(Unknown::Refused(RefusedCaller::with_key(*not).too_often(failed)));
        }
    };
    let guesses = Arc::clone(&worker.guesses);
    let may_check = || match &snapshot.revision.guessing {
        Guessing::Limited(limits) => guesses.may_check(limits, origin(), now),
        Guessing::Unlimited => Ok(()),
    };
    by_token(snapshot, worker, api, waiting, request, identified, now, may_check).map_err(|unknown| {
        match (unknown, &snapshot.revision.guessing) {
            (ByToken::Needs(wanted), _) => Unknown::Needs(wanted),
            (ByToken::Forged(refused), Guessing::Limited(limits)) => {
                Unknown::Refused(refused.too_often(guesses.failed(limits, origin(), now)))
            }
            (ByToken::Forged(refused), Guessing::Unlimited) | (ByToken::Refused(refused), _) => {
                Unknown::Refused(refused)
            }
        }
    })
}

/// Finds the caller of a request that is under way. Counts nothing: it was let in once.
pub(crate) fn find_again(
    snapshot: &Snapshot,
    worker: &mut Worker,
    api: (&ApiRules, &Match),
    request: &CanonicalRequest,
    now: Timestamp,
) -> Result<Known, Refusal> {
    let identified = by_keys(snapshot, api.0, request, now).map_err(|not| not.refusal)?;
    by_token(snapshot, worker, api, Waiting::Over, request, identified, now, || Ok(())).map_err(|unknown| {
        match unknown {
            // With `Waiting::Over` nothing is needed; were it otherwise, the request is refused.
            ByToken::Needs(_) => Refusal::of(DenyReason::InvalidCredential),
            ByToken::Forged(refused) | ByToken::Refused(refused) => refused.refusal,
        }
    })
}

/// By own and existing keys and by the certificate of the connection.
fn by_keys(
    snapshot: &Snapshot,
    rules: &ApiRules,
    request: &CanonicalRequest,
    now: Timestamp,
) -> Result<Identified, Box<NotIdentified>> {
    let Snapshot { keys, stops, .. } = snapshot;
    let mut identified = identify(request, &rules.key_header, keys, stops, now)?;
    if let Client::Workload(workload) = &identified.caller.client {
        identified.caller.client = Client::Workload(snapshot.revision.workloads.known(workload));
    }
    match &rules.existing_keys {
        None => Ok(identified),
        Some(existing) => with_existing(identified, existing, request, keys, stops, now),
    }
}

/// Why a token gives no caller.
enum ByToken {
    Needs(Wanted),
    /// Its signature was looked at and does not verify.
    Forged(Box<RefusedCaller>),
    Refused(Box<RefusedCaller>),
}

#[expect(clippy::too_many_arguments, reason = "each is another thing that a token is judged by")]
fn by_token(
    snapshot: &Snapshot,
    worker: &mut Worker,
    api: (&ApiRules, &Match),
    waiting: Waiting,
    request: &CanonicalRequest,
    mut identified: Identified,
    now: Timestamp,
    may_check: impl FnOnce() -> Result<(), TooMany>,
) -> Result<Known, ByToken> {
    let tokens = &mut worker.tokens;
    match tokens::resolve(snapshot, tokens, api, waiting, request, &mut identified, now, may_check) {
        Ok(token) => Ok(Known { identified, token }),
        Err(NotResolved::Needs(wanted)) => Err(ByToken::Needs(wanted)),
        Err(NotResolved::Forged(refusal)) => {
            Err(ByToken::Forged(RefusedCaller::with_token(refusal, identified)))
        }
        Err(NotResolved::Refused(refusal)) => {
            Err(ByToken::Refused(RefusedCaller::with_token(refusal, identified)))
        }
        Err(NotResolved::TooMany(wait)) => {
            let refused = RefusedCaller::with_token(TOO_MANY_FAILURES, identified);
            Err(ByToken::Refused(refused.too_often(Err(wait))))
        }
    }
}

/// Counts a secret that was wrong, or of no key. A credential whose secret was right has not failed in this sense, and
/// one that is malformed was never compared with anything.
fn count_key(
    snapshot: &Snapshot,
    worker: &Worker,
    not: &NotIdentified,
    address: IpAddr,
    now: Timestamp,
) -> Result<(), TooMany> {
    match (&snapshot.revision.guessing, not.claimed, &not.key) {
        (Guessing::Limited(limits), Some(claimed), None) => {
            worker.guesses.failed_key(limits, Origin::of(address), claimed, now)
        }
        (Guessing::Limited(_) | Guessing::Unlimited, _, _) => Ok(()),
    }
}

/// What the scopes of the credentials do.
pub(crate) fn scopes_of<'a>(identified: &'a Identified, token: Option<&'a VerifiedToken>) -> Scopes<'a> {
    match (identified.key.as_deref(), token) {
        (None, None) => Scopes::Unlimited,
        (None, Some(token)) => match token.scope_use {
            ScopeUse::Facts => Scopes::Facts(&token.scopes),
            ScopeUse::Narrow => Scopes::Listed(&token.scopes),
        },
        (Some(key), Some(token)) if token.scope_use == ScopeUse::Narrow => {
            Scopes::Both { key: &key.scopes, token: &token.scopes }
        }
        (Some(key), _) => Scopes::Listed(&key.scopes),
    }
}

/// The assertion for a verified caller. None for anyone else, and none where nothing signs.
pub(crate) fn assertion_for(
    snapshot: &Snapshot,
    worker: &mut Worker,
    (rules, found): (&ApiRules, &Match),
    identified: &Identified,
    token: Option<&Arc<VerifiedToken>>,
    now: Timestamp,
) -> Option<Arc<str>> {
    let signer = snapshot.signer.as_ref()?;
    if identified.caller.strength < Strength::SharedSecret {
        return None;
    }
    let subject = AssertionSubject {
        caller: &identified.caller,
        key: identified.key.as_ref(),
        scopes: match (&identified.key, token) {
            (Some(key), _) => &key.scopes,
            (None, Some(token)) => &token.scopes,
            (None, None) => &[],
        },
        issuer: &snapshot.revision.assertion_issuer,
        audience: &rules.audience,
        audience_number: found.api()?.0,
    };
    worker.assertions.assertion(signer, now, subject).ok()
}
