//! What of a permitted request goes to its upstream, told from the canonical request and from nothing else.
//!
//! The client's fields go first, in their order and spelling, without those that concern the connection, that only
//! the gateway may say, or that hold an own key. Then come the gateway's own. What a client nominates in
//! `Connection` is removed before anything is added, so it can name none of these (security case 24).

mod added;

use std::fmt;
use std::sync::Arc;

use identity::holds_own_key;
use identity::key::{holds_key, may_hold_key};
use model::head::HeadField;
use model::id::DECISION_ID_CHARACTERS;
use model::{CanonicalRequest, CredentialUse, DecisionId, FieldKind, FieldSpan, Head, Secret};

use crate::client::{ClientAddress, Peer};
use crate::limit::Budgets;
use crate::trace::Continuity;
use crate::{ApiRules, Evidence, HostHeader, Trace};
pub use added::AddedFields;
pub(crate) use added::Whole;

/// A request on its way to the upstream. Owns what was judged; made by a pass alone, which it uses up. Its `Debug`
/// does not print the assertion, which is good as a credential while it lasts.
pub struct Forward {
    request: CanonicalRequest,
    /// Boxed, because it is handed from step to step by value.
    parts: Box<Parts>,
}

struct Parts {
    id: DecisionId,
    /// It goes both ways, in the request and in the answer.
    id_text: [u8; DECISION_ID_CHARACTERS],
    rules: Arc<ApiRules>,
    client: ClientAddress,
    trace: Option<Trace>,
    lent: Lent,
    budgets: Option<Budgets>,
    nominated: Nominated,
    own_keys: OwnKeys,
}

/// What of the gateway's own speaks for the caller at the upstream.
pub(crate) struct Lent {
    /// Where the caller is verified.
    pub(crate) assertion: Option<Arc<str>>,
    /// The value of the field that the upstream's own credential goes in.
    pub(crate) exchanged: Option<Secret>,
}

impl fmt::Debug for Forward {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Forward")
            .field("id", &self.parts.id)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// Whether `Connection` names fields beside its own options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nominated {
    No,
    Yes,
}

/// Whether any field can hold an own key: told from the whole head at once, as hardly any does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnKeys {
    Absent,
    Possible,
}

/// What of a client's field goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// The field as it stands in [`CanonicalRequest::head_bytes`].
    Whole(FieldSpan),
    /// Its name, with a value of the gateway's.
    Name(&'a [u8], &'a [u8]),
}

/// Whether a trailer field goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailerUse {
    Drop,
    Forward,
}

impl Forward {
    pub(crate) fn new(
        evidence: &Evidence,
        rules: Arc<ApiRules>,
        client: ClientAddress,
        lent: Lent,
        request: CanonicalRequest,
    ) -> Self {
        let bytes = request.head_bytes();
        let names_others = request.holds(FieldKind::HopByHop)
            && request.field_spans().iter().any(|field| {
                field.kind == FieldKind::HopByHop
                // What nearly everyone sends names nothing.
                && field.value.of(bytes) != b"keep-alive"
                && field.name.of(bytes).eq_ignore_ascii_case(b"connection")
                && connection_tokens(field.value.of(bytes)).any(|token| {
                    !token.eq_ignore_ascii_case(b"close") && !token.eq_ignore_ascii_case(b"keep-alive")
                })
            });
        let nominated = if names_others { Nominated::Yes } else { Nominated::No };
        let own_keys = if may_hold_key(bytes) { OwnKeys::Possible } else { OwnKeys::Absent };
        let (id, trace) = (evidence.id, evidence.trace);
        let parts =
            Parts { id, id_text: id.text(), rules, client, trace, lent, budgets: None, nominated, own_keys };
        Self { request, parts: Box::new(parts) }
    }

    /// The request that was judged. Its target goes to the upstream byte for byte.
    #[must_use]
    pub const fn request(&self) -> &CanonicalRequest {
        &self.request
    }

    /// The rules of its API: where the upstream is, and how large a body may be.
    #[must_use]
    pub fn rules(&self) -> &ApiRules {
        &self.parts.rules
    }

    /// The id of the decision that let it pass.
    #[must_use]
    pub const fn id(&self) -> DecisionId {
        self.parts.id
    }

    /// The same as text.
    #[must_use]
    pub fn id_text(&self) -> &[u8; DECISION_ID_CHARACTERS] {
        &self.parts.id_text
    }

    /// The assertion, where the caller is verified.
    #[must_use]
    pub fn assertion(&self) -> Option<&str> {
        self.parts.lent.assertion.as_deref()
    }

    /// What is left of the limits that the request was taken out of; for every answer but a redirection.
    #[must_use]
    pub fn budgets(&self) -> Option<&Budgets> {
        self.parts.budgets.as_ref()
    }

    pub(crate) fn note_budgets(&mut self, budgets: Budgets) {
        self.parts.budgets = Some(budgets);
    }

    /// Bytes that the body may have; a streaming door stops at them.
    #[must_use]
    pub fn body_bytes_max(&self) -> Option<u64> {
        self.parts.rules.body_bytes_max
    }

    /// Gives the buffers of the request back.
    #[must_use]
    pub fn into_head(self) -> Head {
        self.request.into_head()
    }

    pub(crate) fn into_request(self) -> CanonicalRequest {
        self.request
    }

    /// The client's fields that go on, in order, `Host` in its place. Framing is for the door to write.
    #[inline]
    pub fn for_each_kept(&self, mut keep: impl FnMut(Kept<'_>)) {
        let bytes = self.request.head_bytes();
        for field in self.request.field_spans() {
            if !self.passes(field, bytes) {
                continue;
            }
            // One call, so that it becomes part of the loop.
            keep(match (field.kind, self.parts.rules.host_header) {
                (FieldKind::Host, HostHeader::Upstream) => {
                    Kept::Name(field.name.of(bytes), self.parts.rules.upstream.host.as_bytes())
                }
                (_, HostHeader::Preserve | HostHeader::Upstream) => Kept::Whole(*field),
            });
        }
        if let (Some(exchange), Some(value)) = (&self.parts.rules.exchange, &self.parts.lent.exchanged) {
            keep(Kept::Name(exchange.header.as_bytes(), value.expose()));
        }
    }

    /// The same as names and values, for doors that write no lines.
    pub fn for_each_field(&self, mut write: impl FnMut(&[u8], &[u8])) {
        let bytes = self.request.head_bytes();
        self.for_each_kept(|kept| match kept {
            Kept::Whole(field) => write(field.name.of(bytes), field.value.of(bytes)),
            Kept::Name(name, value) => write(name, value),
        });
    }

    /// Whether a trailer of this request goes on.
    #[must_use]
    pub fn trailer_use(&self, name: &[u8], value: &[u8]) -> TrailerUse {
        let is_key = self.is_for_credentials(name) || holds_own_key(value);
        if is_key { TrailerUse::Drop } else { trailer_use(name) }
    }

    #[inline]
    fn passes(&self, field: &FieldSpan, bytes: &[u8]) -> bool {
        let by_kind = match field.kind {
            FieldKind::Host => return true,
            FieldKind::Plain => {
                (self.parts.own_keys == OwnKeys::Absent || !is_own_key(field.value.of(bytes)))
                    && (self.parts.rules.credential == CredentialUse::Pass
                        || !self.is_for_credentials(field.name.of(bytes)))
            }
            FieldKind::Authorization => {
                self.parts.rules.credential == CredentialUse::Pass && !holds_own_key(field.value.of(bytes))
            }
            FieldKind::AccessControlRequestMethod
            | FieldKind::AccessControlRequestHeaders
            | FieldKind::Origin => true,
            FieldKind::Underscored => {
                let name = field.name.of(bytes);
                self.is_listed(name)
                    && !holds_own_key(field.value.of(bytes))
                    && !self.is_for_credentials(name)
            }
            FieldKind::Tracestate => {
                self.parts.trace.is_some_and(|trace| trace.continuity == Continuity::Continued)
            }
            FieldKind::ClientAddress => {
                self.parts.client.peer == Peer::Trusted && !is_own_key(field.value.of(bytes))
            }
            FieldKind::ContentLength
            | FieldKind::Expect
            | FieldKind::Forwarded
            | FieldKind::ForwardedFor
            | FieldKind::HopByHop
            | FieldKind::Managed
            | FieldKind::Traceparent => false,
        };
        by_kind && (self.parts.nominated == Nominated::No || !self.is_nominated(field.name.of(bytes)))
    }

    /// Whether a field of this name is for a credential: a key of ours, one that the API had before, or the upstream's.
    fn is_for_credentials(&self, name: &[u8]) -> bool {
        let rules = &self.parts.rules;
        same_name(name, &rules.key_header)
            || rules.existing_keys.as_ref().is_some_and(|existing| existing.takes_header(name))
            || rules.exchange.as_ref().is_some_and(|exchange| same_name(name, exchange.header.as_bytes()))
    }

    fn is_listed(&self, name: &[u8]) -> bool {
        self.parts.rules.underscore_headers.iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }

    /// Whether `Connection` names this field. It cannot name what describes the content.
    #[cold]
    fn is_nominated(&self, name: &[u8]) -> bool {
        let describes_content =
            name.split_at_checked(8).is_some_and(|(start, _)| start.eq_ignore_ascii_case(b"content-"));
        !describes_content
            && self
                .request
                .fields()
                .filter(is_connection)
                .flat_map(|field| connection_tokens(field.value))
                .any(|token| token.eq_ignore_ascii_case(name))
    }
}

/// Whether a trailer field of this name goes on, in either direction (RFC 9110 section 6.5.1): nothing that frames,
/// routes, authenticates, or says how content is to be read.
#[must_use]
pub fn trailer_use(name: &[u8]) -> TrailerUse {
    match FieldKind::of_name(name) {
        FieldKind::Plain if !is_for_heads_only(name) => TrailerUse::Forward,
        FieldKind::AccessControlRequestHeaders
        | FieldKind::AccessControlRequestMethod
        | FieldKind::Authorization
        | FieldKind::ClientAddress
        | FieldKind::ContentLength
        | FieldKind::Expect
        | FieldKind::Forwarded
        | FieldKind::ForwardedFor
        | FieldKind::HopByHop
        | FieldKind::Host
        | FieldKind::Managed
        | FieldKind::Origin
        | FieldKind::Plain
        | FieldKind::Traceparent
        | FieldKind::Tracestate
        | FieldKind::Underscored => TrailerUse::Drop,
    }
}

/// Names and beginnings of names that mean something in a head only.
const HEADS_ONLY: [&[u8]; 16] = [
    b"accept",
    b"access-control-",
    b"age",
    b"cache-control",
    b"content-",
    b"cookie",
    b"date",
    b"if-",
    b"location",
    b"max-forwards",
    b"pragma",
    b"range",
    b"retry-after",
    b"set-cookie",
    b"vary",
    b"www-authenticate",
];

fn is_for_heads_only(name: &[u8]) -> bool {
    HEADS_ONLY.iter().any(|known| {
        name.split_at_checked(known.len()).is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(known) && (rest.is_empty() || known.ends_with(b"-"))
        })
    })
}

/// An own key in any field, so that one in the wrong place does not leak either.
fn is_own_key(value: &[u8]) -> bool {
    match value {
        [b's' | b'b' | b'B', ..] => holds_own_key(value),
        _ => holds_key(value),
    }
}

/// Whether two names are one to software that cannot tell `_` from `-`. `known` is in lower case.
fn same_name(name: &[u8], known: &[u8]) -> bool {
    let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == known.len() && name.iter().zip(known).all(|(one, other)| dashed(*one) == dashed(*other))
}

fn is_connection(field: &HeadField<'_>) -> bool {
    field.kind == FieldKind::HopByHop && field.name.eq_ignore_ascii_case(b"connection")
}

fn connection_tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}
