//! Access tokens on a request: verifies one where the API accepts any, and joins it with what else was shown.
//!
//! What always holds: where an API has issuers, a bearer token that does not verify is refused, whatever else the
//! request shows; one caller comes out, whose client and user fit each other. Where it has none, a bearer token is a
//! foreign credential as before and identifies nobody.

use std::sync::Arc;

use catalog::Match;
use identity::token::{Accepted, TokenCache, TokenClient, TokenFault, VerifiedToken};
use identity::{ApplicationState, Foreign, Identified, TooMany, foreign_bearer};
use model::{
    Application, CanonicalRequest, Client, CredentialRef, DenyReason, IssuerName, Refusal, Strength,
    Timestamp,
};

use crate::{ApiRules, Snapshot};

/// Newer keys of an issuer could change what becomes of this request.
#[derive(Debug)]
pub struct Need {
    issuer: IssuerName,
    attempted: Option<Timestamp>,
    request: CanonicalRequest,
}

impl Need {
    pub(crate) fn new(wanted: Wanted, request: CanonicalRequest) -> Self {
        Self { issuer: wanted.issuer, attempted: wanted.attempted, request }
    }

    /// Whose keys are wanted.
    #[must_use]
    pub const fn issuer(&self) -> &IssuerName {
        &self.issuer
    }

    /// When their source had last been asked, which did not suffice.
    #[must_use]
    pub const fn attempted(&self) -> Option<Timestamp> {
        self.attempted
    }

    /// The request, to be judged again.
    #[must_use]
    pub fn into_request(self) -> CanonicalRequest {
        self.request
    }
}

/// Whether whoever asks could still fetch keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Over,
    Possible,
}

/// Why no caller came out.
#[derive(Debug)]
pub(crate) enum NotResolved {
    /// Its signature was looked at and does not verify.
    Forged(Refusal),
    Needs(Wanted),
    Refused(Refusal),
    /// It would have to be verified, and too many before it failed.
    TooMany(TooMany),
}

/// Whose keys are wanted, newer than those of an attempt.
#[derive(Debug)]
pub(crate) struct Wanted {
    issuer: IssuerName,
    attempted: Option<Timestamp>,
}

const OTHER_APPLICATION: Refusal = Refusal::new(
    DenyReason::MultipleCredentials,
    "key_and_token",
    "the API key and the access token are of different applications",
);

/// Verifies the request's bearer token, if the API accepts any and there is one, and joins it with `identified`.
/// `may_check` is asked before a signature is looked at; a token that was verified before, or one beside a credential that
/// counts, needs no leave.
#[expect(clippy::too_many_arguments, reason = "each is another thing that a token is judged by")]
pub(crate) fn resolve(
    snapshot: &Snapshot,
    cache: &mut TokenCache,
    (rules, found): (&ApiRules, &Match),
    waiting: Waiting,
    request: &CanonicalRequest,
    identified: &mut Identified,
    now: Timestamp,
    may_check: impl FnOnce() -> Result<(), TooMany>,
) -> Result<Option<Arc<VerifiedToken>>, NotResolved> {
    if rules.issuers.is_empty() || identified.foreign == Foreign::Absent {
        return Ok(None);
    }
    let (Some(text), Some(api)) = (foreign_bearer(request), found.api()) else {
        return Ok(None);
    };
    // The same text is never tried as both: what looks like a token is no key, however well it fits.
    if rules.existing_keys.as_ref().is_some_and(|keys| keys.is_bearer_key(text)) {
        return Ok(None);
    }
    let accepted =
        Accepted { issuers: &rules.issuers, audiences: &rules.token_audiences, keys: &snapshot.key_sets };
    if let Some(token) = cache.kept(&accepted, now, api.0, text) {
        join(snapshot, &token, identified).map_err(NotResolved::Refused)?;
        return Ok(Some(token));
    }
    // Whoever shows a key that counts is no guesser, and is held by the limits of that key.
    if identified.caller.strength < Strength::SharedSecret {
        may_check().map_err(NotResolved::TooMany)?;
    }
    let token = cache.verified(&accepted, now, api.0, text).map_err(|refused| {
        let named = refused.wants_keys_of.as_ref();
        let issuer = rules.issuers.iter().find(|issuer| Some(&issuer.name) == named);
        match issuer.filter(|issuer| snapshot.key_sets.may_ask(issuer, now)) {
            Some(issuer) if waiting == Waiting::Possible => NotResolved::Needs(Wanted {
                issuer: issuer.name.clone(),
                attempted: snapshot.key_sets.held(issuer).and_then(|held| held.attempted),
            }),
            Some(_) | None if refused.fault == TokenFault::Signature => {
                NotResolved::Forged(refused.fault.refusal())
            }
            Some(_) | None => NotResolved::Refused(refused.fault.refusal()),
        }
    })?;
    join(snapshot, &token, identified).map_err(NotResolved::Refused)?;
    Ok(Some(token))
}

/// Makes one caller of what was identified and what the token says.
fn join(snapshot: &Snapshot, token: &VerifiedToken, identified: &mut Identified) -> Result<(), Refusal> {
    let caller = &mut identified.caller;
    let application = application_of(snapshot, token)?;
    match &caller.client {
        Client::Application(known) if Strength::SharedSecret <= caller.strength => {
            // A client that our files do not list could be the same program as the key's application.
            let is_listed = matches!(token.client, TokenClient::Listed(_));
            if is_listed && known.name != application.name {
                return Err(OTHER_APPLICATION);
            }
        }
        Client::Workload(_) => {}
        Client::Anonymous | Client::Application(_) => {
            caller.client = Client::Application(application);
            caller.strength = Strength::VerifiedSignature;
            caller.credential = CredentialRef::Token(token.fingerprint);
        }
    }
    caller.user.clone_from(&token.user);
    caller.sign_in = token.sign_in;
    caller.token = Some(token.fingerprint);
    Ok(())
}

fn application_of(snapshot: &Snapshot, token: &VerifiedToken) -> Result<Arc<Application>, Refusal> {
    match &token.client {
        TokenClient::External(application) => Ok(Arc::clone(application)),
        TokenClient::Listed(name) => match snapshot.applications.find(name) {
            None => Err(TokenFault::Client.refusal()),
            Some((_, ApplicationState::Disabled)) => Err(Refusal::of(DenyReason::DisabledApplication)),
            Some((application, ApplicationState::Enabled)) => Ok(Arc::clone(application)),
        },
    }
}
