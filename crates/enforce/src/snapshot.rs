//! What a request is judged by: one immutable composite behind one pointer.

use std::sync::Arc;
use std::time::Duration;

use catalog::{ApiIndex, Catalog};
use identity::token::{Applications, Issuer, KeySets};
use identity::{ExistingKeys, KeyTable, LimitCell, Signer, Stops, Workloads};
use model::{
    ApiName, Audit, CredentialUse, GuessLimits, Guessing, Mode, Rate, RevisionNumber, Snapshots, Timestamp,
};
use policy::Policies;

use crate::{CallerLimits, Exchange, Networks, UpstreamSecrets};

/// A revision, the keys, and what was stopped since. A request uses one of these from start to end.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub revision: Arc<Revision>,
    pub keys: Arc<KeyTable>,
    pub stops: Arc<Stops>,
    /// The upstreams' own credentials.
    pub secrets: Arc<UpstreamSecrets>,
    /// The keys of issuers of access tokens.
    pub key_sets: Arc<KeySets>,
    /// The applications that tokens can stand for.
    pub applications: Arc<Applications>,
    /// Signs assertions; without it upstreams get none.
    pub signer: Option<Arc<Signer>>,
    /// From this point on everything is denied as stale; [`Timestamp::MAX`] where the source cannot be cut off.
    pub stale_at: Timestamp,
}

/// Policies, catalogue and what each API says about itself.
#[derive(Debug)]
pub struct Revision {
    pub number: RevisionNumber,
    pub catalog: Catalog,
    /// `None` before the first valid revision: everything is denied.
    pub policies: Option<Policies>,
    /// By `ApiIndex`. An API without rules is not usable.
    pub apis: Box<[Arc<ApiRules>]>,
    /// Networks whose word about the client's address counts; empty unless configured.
    pub trusted_proxies: Networks,
    /// `iss` of assertions.
    pub assertion_issuer: Box<str>,
    /// How failed credentials are slowed down.
    pub guessing: Guessing,
    /// All issuers of access tokens that are configured, whether an API accepts them or not.
    pub issuers: Box<[Arc<Issuer>]>,
    /// Which team answers for which workload.
    pub workloads: Workloads,
}

/// How requests to one API are treated.
#[derive(Debug)]
pub struct ApiRules {
    pub name: ApiName,
    pub mode: Mode,
    pub audit: Audit,
    pub credential: CredentialUse,
    /// Where the upstream's own credential goes; there exactly where `credential` is `Exchange`.
    pub exchange: Option<Exchange>,
    /// The keys that the API had before, where any are recognised.
    pub existing_keys: Option<ExistingKeys>,
    /// In lower case.
    pub key_header: Box<[u8]>,
    /// Names with `_` that go on, in lower case.
    pub underscore_headers: Box<[Box<[u8]>]>,
    pub per_key: Option<Rate>,
    pub per_api: Option<Rate>,
    /// State of `per_api`; carried over from revision to revision.
    pub api_limit: Arc<LimitCell>,
    /// State of `per_key` for callers that show no key; carried over likewise.
    pub caller_limits: Arc<CallerLimits>,
    /// The largest request body.
    pub body_bytes_max: Option<u64>,
    pub upstream: Upstream,
    pub host_header: HostHeader,
    pub timeouts: Timeouts,
    pub declared: Declared,
    pub availability: Availability,
    /// `aud` of assertions.
    pub audience: Box<str>,
    /// Whose access tokens count here; with none, a bearer token is a foreign credential.
    pub issuers: Box<[Arc<Issuer>]>,
    /// Who such tokens must be for; empty: whoever each issuer's configuration says.
    pub token_audiences: Box<[Box<str>]>,
    /// What protected-resource metadata calls this API (RFC 9728); none where it has no issuers.
    pub resource: Option<Box<str>>,
}

/// Where an API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// `host:port`, to connect to.
    pub address: Box<str>,
    /// The value of `Host` where the client's is not preserved.
    pub host: Box<str>,
    /// How it is called over TLS; in the clear where there is none.
    pub tls: Option<UpstreamTls>,
}

/// How an upstream is called over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// The name or address that its certificate must bear.
    pub name: Box<str>,
    /// Which of the configurations that the door has; another one as soon as any of its files is.
    pub profile: Box<str>,
    /// Under what its connections are kept: address and profile, so that nobody gets one that was verified by another's
    /// authorities.
    pub pool: Box<str>,
}

impl Upstream {
    /// Under what its connections are kept.
    #[must_use]
    pub fn pool(&self) -> &str {
        self.tls.as_ref().map_or(&self.address, |tls| &tls.pool)
    }
}

impl UpstreamTls {
    /// For the upstream at `address`.
    #[must_use]
    pub fn new(address: &str, name: &str, profile: &str) -> Self {
        Self { name: name.into(), profile: profile.into(), pool: format!("{address} {profile}").into() }
    }
}

/// How long the gateway waits for an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, looking its name up included.
    pub connect: Duration,
    /// From the last byte of the request to the head of the response.
    pub head: Duration,
    /// Between two bytes of a body, either way.
    pub idle: Duration,
}

/// Which `Host` the upstream sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostHeader {
    Preserve,
    Upstream,
}

/// Whether the API has a document of its operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    Document,
    Nothing,
}

/// Whether the API can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// A reference of its declaration does not resolve; the text is for its owner, never for a client.
    Unusable(Box<str>),
    Usable,
}

impl Snapshot {
    /// Before anything is loaded: everything is denied.
    #[must_use]
    pub fn none() -> Self {
        Self {
            revision: Arc::new(Revision::none()),
            keys: Arc::new(KeyTable::empty()),
            stops: Arc::new(Stops::none()),
            secrets: Arc::default(),
            key_sets: Arc::new(KeySets::none()),
            applications: Arc::new(Applications::none()),
            signer: None,
            stale_at: Timestamp::MAX,
        }
    }

    /// The numbers by which a record names this snapshot.
    #[must_use]
    pub fn names(&self) -> Snapshots {
        Snapshots { revision: self.revision.number, keys: self.keys.version(), stops: self.stops.sequence() }
    }
}

impl Revision {
    /// No revision: every request is denied with `no_revision`.
    #[must_use]
    pub fn none() -> Self {
        Self {
            number: RevisionNumber::NONE,
            catalog: Catalog::empty(),
            policies: None,
            apis: Box::default(),
            trusted_proxies: Networks::none(),
            assertion_issuer: Box::default(),
            guessing: Guessing::Limited(GuessLimits::STANDARD),
            issuers: Box::default(),
            workloads: Workloads::none(),
        }
    }

    /// The rules of an API.
    #[must_use]
    pub fn rules(&self, api: ApiIndex) -> Option<&Arc<ApiRules>> {
        self.apis.get(usize::from(api.0))
    }
}
