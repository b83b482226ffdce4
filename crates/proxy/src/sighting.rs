//! What a request tells the inventory: handed over in memory when it is over, and never waited for.
//!
//! Of a call to a declared operation the template goes and nothing of the path. Of any other the path goes as it was sent, since templates
//! are inferred from it; what of that may be kept is for the other end of the ring to judge.

use enforce::Evidence;
use http1::name::equals;
use model::{CanonicalRequest, Client, CredentialRef, Timestamp};
use traffic::{Credential, Exchange, RingSender, Side};

use crate::exchange::Report;
use crate::rewrite::Received;

/// A short text in place; longer ones are cut.
#[derive(Clone, Copy, Debug)]
struct Short<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Short<N> {
    const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    fn of(text: &[u8]) -> Self {
        let mut short = Self::EMPTY;
        let length = text.len().min(N);
        if let (Some(room), Some(text)) = (short.bytes.get_mut(..length), text.get(..length)) {
            room.copy_from_slice(text);
            short.length = u8::try_from(length).unwrap_or(0);
        }
        short
    }

    /// The text; none where there is none or it is not text.
    fn text(&self) -> Option<&str> {
        let bytes = self.bytes.get(..usize::from(self.length)).filter(|bytes| !bytes.is_empty())?;
        std::str::from_utf8(bytes).ok()
    }
}

/// What the head of an answer tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// The essence of the media type, which is seldom longer.
    media_type: Short<40>,
    /// The date of a `Sunset` field (RFC 8594).
    sunset: Short<32>,
    /// Whether there is a `Deprecation` field (RFC 9745).
    deprecated: bool,
}

impl Told {
    /// There was no head, or it told nothing.
    pub(crate) const NOTHING: Self =
        Self { media_type: Short::EMPTY, sunset: Short::EMPTY, deprecated: false };

    pub(crate) fn by(received: Received<'_>) -> Self {
        let mut told = Self::NOTHING;
        for field in received.fields {
            let name = field.name.of(received.bytes);
            match name.len() {
                12 if equals(name, b"content-type") => {
                    let value = field.value.of(received.bytes);
                    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
                    told.media_type = Short::of(essence.trim_ascii_end());
                }
                11 if equals(name, b"deprecation") => told.deprecated = true,
                6 if equals(name, b"sunset") => told.sunset = Short::of(field.value.of(received.bytes)),
                _ => {}
            }
        }
        told
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) at: Timestamp,
    pub(crate) status: u16,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    /// Of an upstream's answer.
    pub(crate) told: Option<&'a Told>,
}

impl<'a> Seen<'a> {
    /// After an exchange.
    pub(crate) const fn of(at: Timestamp, report: &'a Report) -> Self {
        Self {
            at,
            status: report.status,
            request_bytes: report.request_bytes,
            response_bytes: report.response_bytes,
            told: Some(&report.told),
        }
    }

    /// After an answer of the gateway's own.
    pub(crate) const fn own(at: Timestamp, status: u16) -> Self {
        Self { at, status, request_bytes: 0, response_bytes: 0, told: None }
    }
}

/// Hands a request over. One that finds no room is counted by the ring.
pub(crate) fn hand_over(
    ring: &mut RingSender,
    evidence: &Evidence,
    request: &CanonicalRequest,
    seen: Seen<'_>,
) {
    let Ok(method) = std::str::from_utf8(request.method_token()) else { return };
    let query = request.query().and_then(|query| std::str::from_utf8(query).ok());
    let (caller, credential) = match (&evidence.caller.client, evidence.caller.credential) {
        (Client::Application(application), CredentialRef::Key(_)) => {
            (Some(application.name.as_str()), Credential::Verified)
        }
        // The caller of a refused key is not known; that there was one is.
        _ if evidence.claimed_key.is_some() => (None, Credential::Sent),
        _ if traffic::is_bare(request.fields().map(|field| field.name), query) => (None, Credential::Absent),
        _ => (None, Credential::NotShown),
    };
    let told = seen.told;
    let declared = evidence.operation();
    let template = declared.and_then(|operation| operation.id.as_str().split_once(' ')).map(|(_, path)| path);
    ring.send(&Exchange {
        at: Some(seen.at.as_micros() / 1_000),
        host: Some(request.host()),
        method: declared.map_or(method, |operation| operation.method.as_str()),
        path: request.path(),
        route: template,
        status: Some(seen.status),
        bytes_in: Some(seen.request_bytes),
        bytes_out: Some(seen.response_bytes),
        response_type: told.and_then(|told| told.media_type.text()),
        caller,
        credential,
        side: Side::Server,
        deprecated: told.is_some_and(|told| told.deprecated),
        sunset: told.and_then(|told| told.sunset.text()).and_then(traffic::http_date),
        ..Exchange::default()
    });
}
