//! Resolves the credentials that a request presents to one caller (contract, "On the wire").
//!
//! Only two places can hold an own key: the API's key header and `Authorization: Bearer`. A key in the query, the
//! path or the body identifies nobody. What has the form of an own key and fails is refused and never anonymous;
//! what has another form is foreign and identifies nobody until its issuer is configured.

use std::sync::Arc;

use model::head::HeadField;
use model::{
    Caller, CanonicalRequest, Client, CredentialRef, DenyReason, FieldKind, FieldSpan, KeyId, Refusal,
    Strength, Timestamp,
};

use crate::certificate;
use crate::existing::KeyedDigest;
use crate::key::{self, PresentedKey, looks_like_own_key};
use crate::{ApplicationState, KeyEntry, KeyState, KeyTable, SecretDigest, Stops};

/// Whether the request carries a credential that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    Absent,
    Present,
}

/// Where the own key stood. It is stripped wherever it stands; this is for the record and for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnCredential {
    Absent,
    Bearer,
    KeyHeader,
}

/// A request whose credentials resolved to a caller, which may be the anonymous one.
#[derive(Clone, Debug)]
pub struct Identified {
    pub caller: Caller,
    /// The key that showed it; its scopes narrow what policy allows.
    pub key: Option<Arc<KeyEntry>>,
    /// The existing key that was recognised, whether anybody vouched for it or not.
    pub existing: Option<KeyedDigest>,
    pub own: OwnCredential,
    pub foreign: Foreign,
}

/// A request whose credentials are refused.
#[derive(Clone, Debug)]
pub struct NotIdentified {
    pub refusal: Refusal,
    /// The id that a well-formed key claimed, right or not.
    pub claimed: Option<KeyId>,
    /// The key, only where its secret was right: revoked, quarantined, expired, or of a disabled application.
    pub key: Option<Arc<KeyEntry>>,
}

impl Identified {
    /// Nobody, with or without a foreign credential.
    #[must_use]
    pub const fn anonymous(foreign: Foreign) -> Self {
        Self { caller: Caller::anonymous(), key: None, existing: None, own: OwnCredential::Absent, foreign }
    }
}

const INVALID: Refusal = Refusal::of(DenyReason::InvalidCredential);
const KEY_HEADER_TWICE: Refusal = Refusal::new(
    DenyReason::MultipleCredentials,
    "several_key_headers",
    "the request has more than one field that holds an API key",
);
const KEY_ODDLY_WRITTEN: Refusal = Refusal::new(
    DenyReason::InvalidCredential,
    "key_form",
    "an API key stands alone in its own field, or behind `Bearer ` in `Authorization`",
);
const KEY_IN_TARGET: Refusal = Refusal::new(
    DenyReason::InvalidCredential,
    "key_in_target",
    "an API key must not be in the target, which others log; revoke it and send its successor in its field",
);
const TWO_OWN_KEYS: Refusal = Refusal::new(
    DenyReason::MultipleCredentials,
    "key_and_bearer",
    "the request has an API key both in its own field and in `Authorization`",
);
const KEY_AND_CERTIFICATE: Refusal = Refusal::new(
    DenyReason::MultipleCredentials,
    "key_and_certificate",
    "the request has an API key and comes on a connection with a client certificate, which name two callers",
);

/// Identifies the caller of `request`. `key_header` is the name of the API's key header in lower case.
///
/// The refusal of an unknown id and of a wrong secret is the same, and so is the work (security case 66).
pub fn identify(
    request: &CanonicalRequest,
    key_header: &[u8],
    keys: &KeyTable,
    stops: &Stops,
    now: Timestamp,
) -> Result<Identified, Box<NotIdentified>> {
    identify_with(request, key_header, keys, stops, now, SecretDigest::of)
}

/// [`identify`] with the hash as a parameter, so that tests can count the work.
fn identify_with(
    request: &CanonicalRequest,
    key_header: &[u8],
    keys: &KeyTable,
    stops: &Stops,
    now: Timestamp,
    digest: impl FnMut(&PresentedKey<'_>) -> SecretDigest,
) -> Result<Identified, Box<NotIdentified>> {
    let refused = |refusal| Box::new(NotIdentified { refusal, claimed: None, key: None });
    let presented = find_credentials(request, key_header).map_err(refused)?;
    let certified = certificate::caller_of(request, now).map_err(refused)?;
    let (own, text) = match (presented.own, certified) {
        (Some(own), None) => own,
        (None, None) => return Ok(Identified::anonymous(presented.foreign)),
        (None, Some(caller)) => {
            return Ok(Identified { caller, ..Identified::anonymous(presented.foreign) });
        }
        // Two clients, and whose the request is would be a matter of taste.
        (Some(_), Some(_)) => return Err(refused(KEY_AND_CERTIFICATE)),
    };
    let parsed = key::parse(text).map_err(|fault| refused(malformed(fault)))?;
    let entry = check_secret(&parsed, keys, digest)
        .ok_or_else(|| Box::new(NotIdentified { refusal: INVALID, claimed: Some(parsed.id()), key: None }))?;
    if let Some(reason) = fault_of(entry, stops, now) {
        return Err(Box::new(NotIdentified {
            refusal: Refusal::of(reason),
            claimed: Some(entry.id),
            key: Some(Arc::clone(entry)),
        }));
    }
    let (caller, key) = (caller_of(entry), Some(Arc::clone(entry)));
    Ok(Identified { caller, key, existing: None, own, foreign: presented.foreign })
}

/// The caller that a key stands for once its secret was right.
#[must_use]
pub fn caller_of(entry: &KeyEntry) -> Caller {
    let client = Client::Application(Arc::clone(&entry.application));
    Caller::client(client, Strength::SharedSecret, CredentialRef::Key(entry.id))
}

/// Whether a field's value holds an own key, well-formed anywhere in it or claimed at its beginning.
///
/// Forwarding drops every field that holds one, so that a key put into the wrong field does not leak either.
#[must_use]
pub fn holds_own_key(value: &[u8]) -> bool {
    own_key_in(value).is_some() || key::holds_key(value)
}

/// The own key that a field's value is, bare or as a bearer token.
#[must_use]
pub fn own_key_in(value: &[u8]) -> Option<&[u8]> {
    if looks_like_own_key(value) {
        return Some(value);
    }
    bearer_token(value).filter(|token| looks_like_own_key(token))
}

/// The bearer token of a request that is no own key: an access token, where the API accepts any.
#[must_use]
pub fn foreign_bearer(request: &CanonicalRequest) -> Option<&[u8]> {
    let token = bearer_token(request.only(FieldKind::Authorization)?)?;
    (!looks_like_own_key(token)).then_some(token)
}

struct Presented<'a> {
    own: Option<(OwnCredential, &'a [u8])>,
    foreign: Foreign,
}

/// One pass over the fields. Names are compared without case; an underscored twin of the key header is no key header.
fn find_credentials<'a>(request: &'a CanonicalRequest, key_header: &[u8]) -> Result<Presented<'a>, Refusal> {
    let mut in_header: Option<HeadField<'_>> = None;
    let mut in_authorization: Option<&[u8]> = None;
    let bytes = request.head_bytes();
    for &FieldSpan { name, value, kind } in request.field_spans() {
        if usize::from(name.length) == key_header.len() && name.of(bytes).eq_ignore_ascii_case(key_header) {
            let field = HeadField { name: name.of(bytes), value: value.of(bytes), kind };
            if in_header.replace(field).is_some() {
                return Err(KEY_HEADER_TWICE);
            }
        } else if kind == FieldKind::Authorization {
            // INVARIANT: admission refuses several `Authorization` fields.
            in_authorization = Some(value.of(bytes));
        }
    }
    let header_key = in_header.and_then(|field| {
        // An API may have its key header in `Authorization`, where a bearer token is a key as well.
        if field.kind == FieldKind::Authorization {
            return own_key_in(field.value);
        }
        looks_like_own_key(field.value).then_some(field.value)
    });
    let bearer_key = in_authorization.and_then(bearer_token).filter(|token| looks_like_own_key(token));
    if key::holds_key(request.target()) || key::holds_escaped_key(request.target()) {
        return Err(KEY_IN_TARGET);
    }
    let odd_header = header_key.is_none() && in_header.is_some_and(|field| holds_own_key(field.value));
    let is_odd = |value: &[u8]| holds_own_key(value) || key::holds_basic_key(value);
    let odd_authorization = bearer_key.is_none() && in_authorization.is_some_and(is_odd);
    if odd_header || odd_authorization {
        return Err(KEY_ODDLY_WRITTEN);
    }
    let own = match (header_key, bearer_key) {
        (Some(_), Some(_)) => return Err(TWO_OWN_KEYS),
        (Some(text), None) => Some((OwnCredential::KeyHeader, text)),
        (None, Some(text)) => Some((OwnCredential::Bearer, text)),
        (None, None) => None,
    };
    let fields = usize::from(in_header.is_some()) + usize::from(in_authorization.is_some());
    let foreign = if usize::from(own.is_some()) < fields { Foreign::Present } else { Foreign::Absent };
    Ok(Presented { own, foreign })
}

/// The token of `Bearer token` (RFC 6750 section 2.1); the scheme is compared without case (RFC 9110 section 11.1).
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_first_chunk::<6>()?;
    if !scheme.eq_ignore_ascii_case(b"bearer") || !rest.starts_with(b" ") {
        return None;
    }
    Some(rest.trim_ascii_start())
}

/// The key whose secret was shown. Hashes once and compares once, whether the id is known or not.
fn check_secret<'a>(
    parsed: &PresentedKey<'_>,
    keys: &'a KeyTable,
    mut digest: impl FnMut(&PresentedKey<'_>) -> SecretDigest,
) -> Option<&'a Arc<KeyEntry>> {
    // The id of a key that its API had before is no key of ours, and costs what an unknown id costs.
    let entry = keys.find(parsed.id()).filter(|entry| entry.own().is_some());
    let stored = entry.and_then(|entry| entry.own()).copied().unwrap_or(SecretDigest::DUMMY);
    let right = digest(parsed).matches(&stored);
    entry.filter(|_| right)
}

/// Why a key that showed its secret is refused all the same.
pub(crate) fn fault_of(entry: &KeyEntry, stops: &Stops, now: Timestamp) -> Option<DenyReason> {
    if stops.holds(entry.id) {
        return Some(DenyReason::RevokedCredential);
    }
    match entry.state {
        KeyState::Active => {}
        KeyState::Quarantined => return Some(DenyReason::Quarantined),
        KeyState::Revoked => return Some(DenyReason::RevokedCredential),
    }
    match entry.application_state {
        ApplicationState::Disabled => return Some(DenyReason::DisabledApplication),
        ApplicationState::Enabled => {}
    }
    (entry.expires <= now).then_some(DenyReason::ExpiredCredential)
}

/// What is wrong with a text that claims to be an own key. The client learns it; it says nothing about our keys.
fn malformed(fault: key::KeyFault) -> Refusal {
    let (code, detail) = match fault {
        key::KeyFault::Checksum => {
            ("key_checksum", "the API key's checksum does not match; it was probably not copied whole")
        }
        key::KeyFault::Alphabet
        | key::KeyFault::Environment
        | key::KeyFault::Length
        | key::KeyFault::Prefix => ("key_form", "the API key does not have the form of one"),
    };
    Refusal::new(DenyReason::InvalidCredential, code, detail)
}

#[cfg(test)]
mod tests;
