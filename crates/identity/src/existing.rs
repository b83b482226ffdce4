//! The keys that an API had before Sallyport: recognised by their form, told apart by a keyed fingerprint.
//!
//! What always holds: no key is kept, in memory or elsewhere; what is kept is a hash of its SHA-256 under a key of
//! the API's own, which is derived from one that is held sealed. So whoever steals the store can neither use a key
//! nor try guesses against it, the stored value presented as a key is none (security case 71), and one key at two
//! APIs is two that nobody can join. A key known by its SHA-256 alone, as imports give it, has the same fingerprint.
//!
//! A key that nobody vouched for makes its caller *claimed*: the form is right, and only the upstream knows whether
//! the key is. The work is the same for a known and an unknown one: one hash, one keyed hash, one look-up.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use model::head::HeadField;
use model::secret::equal_in_constant_time;
use model::{
    ApiName, Application, ApplicationName, Caller, CanonicalRequest, Client, CredentialRef, DenyReason,
    Fingerprint, KeyForm, KeyPlace, OtherValues, Refusal, Secret, Strength, TeamName, Timestamp,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::identify::{caller_of, fault_of};
use crate::token::is_token_shaped;
use crate::{Foreign, Identified, KeyTable, NotIdentified, OwnCredential, Stops, looks_like_own_key};

/// Separates the keys of fingerprints from every other use of the secret that they are derived from.
const DOMAIN: &[u8] = b"sallyport/existing-key/1\0";
/// Digits of a fingerprint in a caller's name: enough that no two keys of a company share them.
const NAME_DIGITS: usize = 16;

/// The SHA-256 of a whole key, as the systems that gave keys out often store them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WholeDigest([u8; 32]);

/// The keyed hash by which an existing key is known. It is of no use to whoever has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyedDigest([u8; 32]);

/// The key of one API's fingerprints.
#[derive(Clone)]
pub struct FingerprintKey(hmac::Key);

/// How one API's existing keys are recognised.
#[derive(Debug)]
pub struct ExistingKeys {
    api: ApiName,
    /// Who answers for callers that are only claimed: the API's owner.
    team: TeamName,
    forms: Box<[KeyForm]>,
    key: FingerprintKey,
    bearers: Bearers,
}

/// What else may stand behind `Bearer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearers {
    Keys,
    /// The API accepts access tokens as well: what looks like one is one, right or not, and never a key.
    KeysAndTokens,
}

impl WholeDigest {
    /// Takes the digest as a file holds it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of a key in clear.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The digest, for handing it to whoever fingerprints it.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl KeyedDigest {
    /// As the store holds it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its first half, by which records name the key.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_hash(&self.0)
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        equal_in_constant_time(&self.0, &other.0)
    }
}

impl FingerprintKey {
    /// The key of an API's fingerprints, from the secret that all are derived from.
    #[must_use]
    pub fn derive(secret: &Secret, api: &ApiName) -> Self {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()));
        context.update(DOMAIN);
        context.update(api.as_str().as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref()))
    }

    /// The keyed hash of a key.
    #[must_use]
    pub fn keyed(&self, digest: &WholeDigest) -> KeyedDigest {
        let tag = hmac::sign(&self.0, &digest.0);
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(slot, byte)| *slot = *byte);
        KeyedDigest(bytes)
    }
}

const TWO_KEYS: Refusal = Refusal::new(
    DenyReason::MultipleCredentials,
    "several_existing_keys",
    "the request has more than one of this API's keys",
);
const OWN_AND_EXISTING: Refusal = Refusal::new(
    DenyReason::MultipleCredentials,
    "key_and_existing_key",
    "the request has credentials of two callers",
);
const NOT_THE_FORM: Refusal = Refusal::new(
    DenyReason::InvalidCredential,
    "existing_key_form",
    "the key does not have the form of this API's keys",
);

impl ExistingKeys {
    /// None where no form is configured.
    #[must_use]
    pub fn new(api: ApiName, team: TeamName, forms: &[KeyForm], key: FingerprintKey) -> Option<Self> {
        (!forms.is_empty()).then(|| Self { api, team, forms: forms.into(), key, bearers: Bearers::Keys })
    }

    /// The same at an API that accepts access tokens.
    #[must_use]
    pub fn beside_tokens(self) -> Self {
        Self { bearers: Bearers::KeysAndTokens, ..self }
    }

    /// Whether a bearer token is a key of this API, and so no access token.
    #[must_use]
    pub fn is_bearer_key(&self, text: &[u8]) -> bool {
        let is_bearer = |form: &&KeyForm| is_behind_bearer(&form.place);
        !self.is_token(text) && self.forms.iter().filter(is_bearer).any(|form| form.shape.fits(text))
    }

    fn is_token(&self, text: &[u8]) -> bool {
        match self.bearers {
            Bearers::Keys => false,
            Bearers::KeysAndTokens => is_token_shaped(text),
        }
    }

    /// Where keys stand, and what they look like.
    #[must_use]
    pub fn forms(&self) -> &[KeyForm] {
        &self.forms
    }

    /// The key in `request`, where it has one of this API's; refused where it has several, or another text in a place
    /// that is for keys only.
    pub fn recognise(&self, request: &CanonicalRequest) -> Result<Option<KeyedDigest>, Refusal> {
        let mut found: Option<WholeDigest> = None;
        for (number, form) in self.forms.iter().enumerate() {
            // A place that two forms share is looked at once, with both.
            if self.forms.iter().take(number).any(|earlier| earlier.place == form.place) {
                continue;
            }
            let digest = self.at(&form.place, request)?;
            if let Some(digest) = digest
                && found.replace(digest).is_some()
            {
                return Err(TWO_KEYS);
            }
        }
        Ok(found.map(|digest| self.key.keyed(&digest)))
    }

    /// The key in one place.
    fn at(&self, place: &KeyPlace, request: &CanonicalRequest) -> Result<Option<WholeDigest>, Refusal> {
        let mut seen = 0_usize;
        let mut found = None;
        let mut refused = None;
        let mut judge = |value: &[u8]| {
            seen += 1;
            if looks_like_own_key(value) || (is_behind_bearer(place) && self.is_token(value)) {
                return;
            }
            let mut forms = self.forms.iter().filter(|form| form.place == *place).peekable();
            let only = forms.peek().is_some_and(|form| form.others == OtherValues::Refused);
            if forms.any(|form| form.shape.fits(value)) {
                found = Some(WholeDigest::of(value));
            } else if only {
                refused = Some(NOT_THE_FORM);
            }
        };
        match place {
            KeyPlace::Header { name, scheme } => {
                let fields =
                    request.fields().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
                for field in fields {
                    match scheme {
                        None => judge(field.value),
                        Some(scheme) => behind(scheme, &field).into_iter().for_each(&mut judge),
                    }
                }
            }
            KeyPlace::Query { name } => {
                for (_, value) in parameters(request)
                    .filter(|(found, _)| decoded(found).eq_ignore_ascii_case(name.as_bytes()))
                {
                    judge(&Zeroizing::new(decoded(value).into_owned()));
                }
            }
        }
        match (found, refused) {
            // Which of several the upstream would take is not ours to guess.
            (Some(_), _) if 1 < seen => Err(TWO_KEYS),
            (Some(digest), _) => Ok(Some(digest)),
            (None, Some(refusal)) => Err(refusal),
            (None, None) => Ok(None),
        }
    }

    /// The caller that a key stands for while nobody has vouched for it.
    #[must_use]
    pub fn claimed(&self, digest: &KeyedDigest) -> Caller {
        let fingerprint = digest.fingerprint();
        match claimed_name(&self.api, fingerprint) {
            Some(name) => {
                let application =
                    Application { name, team: self.team.clone(), attributes: Default::default(), version: 0 };
                let client = Client::Application(Arc::new(application));
                Caller::client(client, Strength::Claimed, CredentialRef::Foreign(fingerprint))
            }
            // Never reached: the digits of a fingerprint make a name. Nobody, all the same.
            None => Caller::anonymous(),
        }
    }

    /// Whether the upstream may take a field of this name for a key of its own. `_` counts as `-`.
    #[must_use]
    pub fn takes_header(&self, field: &[u8]) -> bool {
        let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        self.forms.iter().any(|form| match &form.place {
            KeyPlace::Header { name, .. } => {
                let name = name.as_bytes();
                name.len() == field.len()
                    && name.iter().zip(field).all(|(one, other)| dashed(*one) == dashed(*other))
            }
            KeyPlace::Query { .. } => false,
        })
    }
}

/// The name of a caller that is only claimed: `orders:key-3f2a9c0011223344`.
#[must_use]
pub fn claimed_name(api: &ApiName, fingerprint: Fingerprint) -> Option<ApplicationName> {
    let digits: String = fingerprint.to_string().chars().take(NAME_DIGITS).collect();
    ApplicationName::external(api.as_str(), &format!("key-{digits}")).ok()
}

/// Whether a client's name, behind its API's, is one that [`claimed_name`] gives.
#[must_use]
pub fn is_claimed_name(client: &str) -> bool {
    let digits = client.strip_prefix("key-").map(str::as_bytes);
    digits.is_some_and(|digits| {
        digits.len() == NAME_DIGITS && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Adds what an existing key says to what the other credentials said.
///
/// A key that its owner vouched for and that has expired, was revoked or quarantined, or belongs to a disabled
/// application is refused whatever else was presented. Beside another credential it must be of the same application.
pub fn with_existing(
    identified: Identified,
    existing: &ExistingKeys,
    request: &CanonicalRequest,
    keys: &KeyTable,
    stops: &Stops,
    now: Timestamp,
) -> Result<Identified, Box<NotIdentified>> {
    let refused = |refusal| Box::new(NotIdentified { refusal, claimed: None, key: None });
    let Some(digest) = existing.recognise(request).map_err(refused)? else {
        return Ok(identified);
    };
    let entry = keys.find_existing(&digest);
    if let Some(entry) = entry
        && let Some(reason) = fault_of(entry, stops, now)
    {
        return Err(Box::new(NotIdentified {
            refusal: Refusal::of(reason),
            claimed: Some(entry.id),
            key: Some(Arc::clone(entry)),
        }));
    }
    match (entry, &identified.caller.client) {
        (Some(entry), Client::Anonymous) => Ok(Identified {
            caller: caller_of(entry),
            key: Some(Arc::clone(entry)),
            existing: Some(digest),
            own: OwnCredential::Absent,
            foreign: Foreign::Present,
        }),
        (Some(entry), Client::Application(application)) if application.name == entry.application.name => {
            Ok(Identified { existing: Some(digest), ..identified })
        }
        (None, Client::Anonymous) => {
            Ok(Identified { caller: existing.claimed(&digest), existing: Some(digest), ..identified })
        }
        (Some(_) | None, Client::Application(_) | Client::Workload(_)) => Err(refused(OWN_AND_EXISTING)),
    }
}

/// Where access tokens stand as well.
fn is_behind_bearer(place: &KeyPlace) -> bool {
    match place {
        KeyPlace::Header { name, scheme: Some(scheme) } => {
            name.eq_ignore_ascii_case("authorization") && scheme.eq_ignore_ascii_case("bearer")
        }
        KeyPlace::Header { scheme: None, .. } | KeyPlace::Query { .. } => false,
    }
}

/// What stands behind a scheme (RFC 9110 section 11.4), which is compared without case.
fn behind<'a>(scheme: &str, field: &HeadField<'a>) -> Option<&'a [u8]> {
    let (word, rest) = field.value.split_at_checked(scheme.len())?;
    if !word.eq_ignore_ascii_case(scheme.as_bytes()) || !rest.starts_with(b" ") {
        return None;
    }
    Some(rest.trim_ascii_start())
}

/// The parameters of the query as they were sent.
fn parameters(request: &CanonicalRequest) -> impl Iterator<Item = (&[u8], &[u8])> {
    let query = request.query().unwrap_or_default();
    query.split(|byte| *byte == b'&').map(|pair| match pair.iter().position(|byte| *byte == b'=') {
        Some(place) => match pair.split_at_checked(place) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => (pair, &[][..]),
        },
        None => (pair, &[][..]),
    })
}

/// A text with its escapes decoded, once; what is no escape stays. `+` stays as well: no key holds a blank.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (byte, tail)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push((high << 4) | low);
            rest = after;
        } else {
            bytes.push(*byte);
        }
    }
    Cow::Owned(bytes)
}

impl fmt::Debug for WholeDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redacted")
    }
}

impl fmt::Debug for KeyedDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.fingerprint(), formatter)
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redacted")
    }
}

#[cfg(test)]
mod tests;
