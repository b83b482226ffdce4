//! What requests tell the inventory: counted here where they are alike, handed over in memory, and never waited for.
//!
//! Of a call to a declared operation the template goes and nothing of the path. Of any other the path goes as it was sent, since templates
//! are inferred from it; what of that may be kept is for the other end of the ring to judge.

mod names;

use std::cell::RefCell;
use std::hash::BuildHasher as _;
use std::rc::Rc;
use std::sync::Arc;

use enforce::Evidence;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use http1::name::equals;
use model::request::BodyShape;
use model::{Application, CanonicalRequest, Client, CredentialRef, OperationId, RevisionNumber, Timestamp};
use traffic::{Alike, Credential, Exchange, RingSender, Side};

use self::names::{Counts, Names};
use crate::exchange::Report;
use crate::rewrite::Received;

/// Distinct kinds of calls that are counted before they are handed over.
const COUNTED_MAX: usize = 4_096;
/// Requests of a kind that are looked at for a credential before they are handed over.
const LOOKS_MAX: u32 = 8;
/// Beyond these, one of so many is looked at for the media type of its body.
const LOOK_EVERY: u32 = 16;
/// Stands for the host where an API answers to any: the caller chooses it, and it tells nothing of the API.
const ANY_HOST: &str = "*";
/// Calls of a kind that are worth handing over together.
const WORTHWHILE: u64 = 16;
/// Ticks after which they are handed over in any case.
const TICKS_MAX: u32 = 10;

/// Texts of answers that are remembered; further ones are not told apart.
const TEXTS_MAX: usize = 256;
/// The longest of them.
const TEXT_BYTES_MAX: usize = 100;

/// Texts that answers repeat, by number, so that an exchange carries two bytes of them.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    texts: Vec<Box<[u8]>>,
    /// The number found last, which is most often the next.
    last: usize,
}

impl Texts {
    /// The number of a text, from 1; 0 where it is empty or there is no room.
    fn number(&mut self, text: &[u8]) -> u16 {
        if self.texts.get(self.last).is_none_or(|known| **known != *text) {
            match self.texts.iter().position(|known| **known == *text) {
                Some(place) => self.last = place,
                None if text.is_empty() || TEXTS_MAX <= self.texts.len() || TEXT_BYTES_MAX < text.len() => {
                    return 0;
                }
                None => {
                    self.last = self.texts.len();
                    self.texts.push(text.into());
                }
            }
        }
        u16::try_from(self.last + 1).unwrap_or(0)
    }

    /// The text of a number; none where there is none or it is not text.
    fn text(&self, number: u16) -> Option<&str> {
        let bytes = self.texts.get(usize::from(number).checked_sub(1)?)?;
        std::str::from_utf8(bytes).ok()
    }
}

/// What the head of an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The essence of the media type, as a number of [`Texts`].
    media_type: u16,
    /// The date of a `Sunset` field (RFC 8594), as another.
    sunset: u16,
    /// Whether there is a `Deprecation` field (RFC 9745).
    deprecated: bool,
}

impl Told {
    /// There was no head, or it told nothing.
    pub(crate) const NOTHING: Self = Self { media_type: 0, sunset: 0, deprecated: false };

    pub(crate) fn by(received: Received<'_>, texts: &mut Texts) -> Self {
        let mut told = Self::NOTHING;
        for field in received.fields {
            match field.name.length {
                12 if equals(field.name.of(received.bytes), b"content-type") => {
                    let value = field.value.of(received.bytes);
                    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
                    told.media_type = texts.number(essence.trim_ascii_end());
                }
                11 if equals(field.name.of(received.bytes), b"deprecation") => told.deprecated = true,
                6 if equals(field.name.of(received.bytes), b"sunset") => {
                    told.sunset = texts.number(field.value.of(received.bytes));
                }
                _ => {}
            }
        }
        told
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    pub(crate) status: u16,
    pub(crate) response_bytes: u64,
    /// What an upstream's answer told.
    pub(crate) told: Told,
    pub(crate) by: AnswerOf,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnswerOf {
    Gateway,
    Upstream,
}

impl Seen {
    /// After an exchange.
    pub(crate) const fn of(at: Timestamp, report: &Report) -> Self {
        let Report { status, response_bytes, told, .. } = *report;
        Self { at, status, response_bytes, told, by: AnswerOf::Upstream }
    }

    /// After an answer of the gateway's own.
    pub(crate) const fn own(at: Timestamp, status: u16) -> Self {
        Self { at, status, response_bytes: 0, told: Told::NOTHING, by: AnswerOf::Gateway }
    }
}

/// What makes calls of declared operations alike, beside what the answer told.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    revision: RevisionNumber,
    operation: u32,
    status: u16,
    by: AnswerOf,
    /// Where the application lies; [`Counted::caller`] keeps it there. Zero for nobody.
    caller: usize,
    host: u64,
}

/// Calls that are alike.
struct Counted {
    operation: OperationId,
    method: &'static str,
    host: Box<str>,
    caller: Option<Arc<Application>>,
    told: Told,
    /// The media type of requests that were looked at, as a number of [`Texts`]; 0 where they have none.
    request_type: u16,
    /// The names of query parameters of calls with success.
    names: Counts,
    first: Timestamp,
    last: Timestamp,
    count: u32,
    /// Of these, how many showed that they carried no credential. It is proved once, and once is enough.
    bare: u32,
    /// How many were looked at for that.
    looked_at: u32,
}

/// The worker's side of the inventory.
pub(crate) struct Sightings {
    ring: RingSender,
    texts: Rc<RefCell<Texts>>,
    /// Media types of requests. Apart, since callers choose them and must not crowd out what upstreams say.
    request_types: Texts,
    names: Names,
    counted: HashMap<Kind, Counted, RandomState>,
    /// Calls since the last handing over, and how many there were at the last tick.
    noted: u64,
    noted_before: u64,
    ticks: u32,
}

impl Sightings {
    /// `texts` are those that [`Told`] numbers.
    pub(crate) fn new(ring: RingSender, texts: Rc<RefCell<Texts>>) -> Self {
        Self {
            ring,
            texts,
            request_types: Texts::default(),
            names: Names::default(),
            counted: HashMap::default(),
            noted: 0,
            noted_before: 0,
            ticks: 0,
        }
    }

    /// Counts a request that is over.
    pub(crate) fn note(&mut self, evidence: &Evidence, request: &CanonicalRequest, seen: Seen) {
        let Some((index, operation)) = evidence.operation.zip(evidence.operation()) else {
            return self.send_undeclared(evidence, request, seen);
        };
        self.noted += 1;
        let caller = verified(evidence);
        let host = host_of(evidence, request);
        let query = request.query().filter(|_| is_success(seen.status));
        let kind = Kind {
            revision: evidence.snapshots.revision,
            operation: index.0,
            status: seen.status,
            by: seen.by,
            caller: caller.map_or(0, |application| Arc::as_ptr(application).addr()),
            host: self.counted.hasher().hash_one(host),
        };
        if let Some(counted) = self.counted.get_mut(&kind)
            && counted.told == seen.told
            && *counted.host == *host
            && !counted.takes_another_type(request, &mut self.request_types)
        {
            if counted.count == 0 {
                counted.first = seen.at;
            }
            counted.count = counted.count.saturating_add(1);
            counted.last = seen.at;
            if caller.is_none() && counted.bare == 0 && counted.looked_at < LOOKS_MAX {
                counted.looked_at += 1;
                counted.bare = u32::from(is_bare(evidence, request));
            }
            if let Some(query) = query {
                self.names.count(query, &mut counted.names);
            }
            return;
        }
        // Another answer than before, or a first one.
        if COUNTED_MAX <= self.counted.len() {
            self.flush();
            self.counted.clear();
        }
        let mut names = Counts::default();
        if let Some(query) = query {
            self.names.count(query, &mut names);
        }
        let first = Counted {
            operation: operation.id.clone(),
            method: operation.method.as_str(),
            host: host.into(),
            caller: caller.map(Arc::clone),
            told: seen.told,
            request_type: request_type(request, &mut self.request_types),
            names,
            first: seen.at,
            last: seen.at,
            count: 1,
            bare: u32::from(caller.is_none() && is_bare(evidence, request)),
            looked_at: 1,
        };
        if let Some(before) = self.counted.insert(kind, first).filter(|before| 0 < before.count) {
            let known = Known { texts: &self.texts.borrow(), types: &self.request_types, names: &self.names };
            before.send(&mut self.ring, kind, &known);
        }
    }

    /// Called once a second: hands over what was counted where nobody calls at the moment, where it is worthwhile, or at last.
    pub(crate) fn tick(&mut self) {
        let is_quiet = self.noted == self.noted_before;
        self.noted_before = self.noted;
        self.ticks += 1;
        if is_quiet || is_due(self.noted, self.counted.len(), self.ticks) {
            self.flush();
        }
    }

    /// Hands over what was counted.
    pub(crate) fn flush(&mut self) {
        (self.noted, self.noted_before, self.ticks) = (0, 0, 0);
        let Self { ring, counted, texts, request_types, names, .. } = self;
        let texts = texts.borrow();
        let known = Known { texts: &texts, types: request_types, names };
        // What was not called meanwhile makes room.
        counted.retain(|kind, counted| {
            let was_called = 0 < counted.count;
            if was_called {
                counted.send(ring, *kind, &known);
                (counted.count, counted.bare, counted.looked_at) = (0, 0, 0);
                counted.names.clear();
            }
            was_called
        });
        // Callers choose these: what is new must find room again.
        self.names.renew();
        if TEXTS_MAX <= self.request_types.texts.len() {
            self.counted.clear();
            self.request_types = Texts::default();
        }
    }

    fn send_undeclared(&mut self, evidence: &Evidence, request: &CanonicalRequest, seen: Seen) {
        let Ok(method) = std::str::from_utf8(request.method_token()) else { return };
        let caller = verified(evidence);
        let names = request.query().filter(|_| is_success(seen.status)).map(names::of).unwrap_or_default();
        let number = request_type(request, &mut self.request_types);
        let texts = self.texts.borrow();
        let exchange = Exchange {
            at: Some(millis(seen.at)),
            host: Some(host_of(evidence, request)),
            method,
            path: request.path(),
            query: Some(names.as_str()).filter(|names| !names.is_empty()),
            request_type: self.request_types.text(number),
            own_answer: seen.by == AnswerOf::Gateway,
            status: Some(seen.status),
            bytes_out: Some(seen.response_bytes),
            caller: caller.map(|application| application.name.as_str()),
            credential: if caller.is_some() {
                Credential::Verified
            } else if is_bare(evidence, request) {
                Credential::Absent
            } else {
                Credential::NotShown
            },
            ..told(seen.told, &texts)
        };
        self.ring.send(&Alike::one(exchange));
    }
}

/// Whether so many calls of so many kinds are handed over after so many ticks although more come.
fn is_due(calls: u64, kinds: usize, ticks: u32) -> bool {
    let kinds = u64::try_from(kinds).unwrap_or(u64::MAX);
    kinds.saturating_mul(WORTHWHILE) <= calls || TICKS_MAX <= ticks
}

/// What the numbers of a [`Counted`] stand for.
struct Known<'a> {
    texts: &'a Texts,
    types: &'a Texts,
    names: &'a Names,
}

impl Counted {
    /// Whether this call's body is of another media type than those before. Few are looked at.
    fn takes_another_type(&self, request: &CanonicalRequest, types: &mut Texts) -> bool {
        request.body() != BodyShape::Absent
            && (self.count < LOOKS_MAX || self.count.is_multiple_of(LOOK_EVERY))
            && request_type(request, types) != self.request_type
    }

    fn send(&self, ring: &mut RingSender, kind: Kind, known: &Known<'_>) {
        let Some((_, template)) = self.operation.as_str().split_once(' ') else { return };
        let exchange = Exchange {
            at: Some(millis(self.first)),
            host: Some(&self.host),
            method: self.method,
            path: template,
            route: Some(template),
            status: Some(kind.status),
            request_type: known.types.text(self.request_type),
            own_answer: kind.by == AnswerOf::Gateway,
            caller: self.caller.as_ref().map(|application| application.name.as_str()),
            credential: if self.caller.is_some() { Credential::Verified } else { Credential::NotShown },
            ..told(self.told, known.texts)
        };
        let until = Some(millis(self.last));
        // As many are bare as were found so, which of them does not matter.
        let (bare, rest) = (self.bare, self.count.saturating_sub(self.bare));
        for (count, names) in known.names.layers(&self.names, rest, bare) {
            let first = Exchange {
                query: Some(names.as_str()).filter(|names| !names.is_empty()),
                credential: if count.is_bare { Credential::Absent } else { exchange.credential },
                ..exchange
            };
            ring.send(&Alike { first, until, count: count.calls });
        }
    }
}

/// The host as the inventory knows it.
fn host_of<'a>(evidence: &Evidence, request: &'a CanonicalRequest) -> &'a str {
    if evidence.is_of_any_host() { ANY_HOST } else { request.host() }
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299 | 304)
}

/// The media type of a request's body, as a number; 0 where there is none.
fn request_type(request: &CanonicalRequest, types: &mut Texts) -> u16 {
    if request.body() == BodyShape::Absent {
        return 0;
    }
    let field = request.fields().find(|field| field.name.eq_ignore_ascii_case(b"content-type"));
    let essence = field.and_then(|field| field.value.split(|byte| *byte == b';').next()).unwrap_or_default();
    types.number(essence.trim_ascii())
}

/// The application whose key or token was verified.
fn verified(evidence: &Evidence) -> Option<&Arc<Application>> {
    match (&evidence.caller.client, evidence.caller.credential) {
        (Client::Application(application), CredentialRef::Key(_) | CredentialRef::Token(_)) => {
            Some(application)
        }
        (Client::Application(_) | Client::Anonymous | Client::Workload(_), _) => None,
    }
}

/// Whether the request showed that it carried no credential. That of a refused key it did.
fn is_bare(evidence: &Evidence, request: &CanonicalRequest) -> bool {
    let query = request.query().and_then(|query| std::str::from_utf8(query).ok());
    evidence.claimed_key.is_none()
        && evidence.existing.is_none()
        && traffic::is_bare(request.fields().map(|field| field.name), query)
}

fn told(told: Told, texts: &Texts) -> Exchange<'_> {
    Exchange {
        response_type: texts.text(told.media_type),
        deprecated: told.deprecated,
        sunset: texts.text(told.sunset).and_then(traffic::http_date),
        side: Side::Server,
        ..Exchange::default()
    }
}

const fn millis(at: Timestamp) -> i64 {
    at.as_micros() / 1_000
}

#[cfg(test)]
mod tests;
