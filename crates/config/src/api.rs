//! `apis/NAME/api.yaml`: one API, and the texts beside it.

pub(crate) mod cors;
pub(crate) mod existing;
pub(crate) mod headers;
pub(crate) mod read;
mod upstream;

pub use headers::HeaderNameError;
pub use upstream::UpstreamError;

use std::time::Duration;

use model::{
    ApiName, Audit, CredentialUse, DataClass, Exposure, HostName, IssuerName, KeyForm, Mode, Rate,
    SecretName, TeamName, Timestamp,
};

use crate::{ConfigError, UpstreamTls};

/// What `api.yaml` means, with the texts that lie beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    pub name: ApiName,
    /// The path of `api.yaml`, for later errors about this API.
    pub file: String,
    pub hosts: Hosts,
    pub upstream: Upstream,
    /// How it is called over TLS; absent where it is called in the clear.
    pub upstream_tls: Option<UpstreamTls>,
    /// Where the document's paths begin: `/` or `/v1`, never with a final slash but for the root. `/` when absent.
    pub base_path: String,
    /// Whether the upstream sees the caller's `Host`; it does when absent.
    pub preserve_host: HostHeader,
    pub owner: TeamName,
    pub exposure: Exposure,
    /// As the file says it; a stored end of observation wins over a later one in the file.
    pub mode: Mode,
    /// Line and column of `observe_until`, or of `mode` where there is none.
    pub mode_place: (u32, u32),
    pub audit: Audit,
    /// In lower case; `x-api-key` when absent.
    pub key_header: String,
    /// Whose access tokens are accepted; nobody's when absent, and then a bearer token is a foreign credential.
    pub issuers: Vec<IssuerName>,
    /// Who those tokens must be for; those of each issuer when empty.
    pub audience: Vec<String>,
    /// `strip` when absent.
    pub credential: CredentialUse,
    /// What stands in for the caller's credentials; there exactly where `credential` is `exchange`.
    pub exchange: Option<Exchange>,
    /// The keys that the API had before Sallyport; none are recognised when absent.
    pub existing_keys: Vec<KeyForm>,
    pub limits: Limits,
    pub cors: Option<Cors>,
    /// `restricted` when absent: data that nobody classified counts as the most sensitive.
    pub data_class: DataClass,
    /// Whether the inventory shows and keeps paths that were called; it does not when absent.
    pub examples: Examples,
    /// Templates whose last parameter spans segments, as written in the document.
    pub spanning: Vec<String>,
    /// `METHOD /template` whose denials look like 404.
    pub hide_existence: Vec<String>,
    /// In lower case.
    pub underscore_headers: Vec<String>,
    pub timeouts: Timeouts,
    /// Absent only while the API is observed.
    pub document: Option<Document>,
    pub lock: Option<LockText>,
}

/// Which hosts are the API's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// `['*']`: every host, while there is one API.
    Any,
    Listed(Vec<HostName>),
}

/// `http://HOST:PORT` or `https://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub scheme: UpstreamScheme,
    /// Name or address; an IPv6 address in brackets.
    pub host: HostName,
    pub port: u16,
}

/// How an upstream is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamScheme {
    /// In the clear.
    Http,
    /// Over TLS; the upstream proves that it bears its name.
    Https,
}

impl UpstreamScheme {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is written.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Which `Host` the upstream sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// The caller's.
    Preserve,
    /// The upstream's own.
    Upstream,
}

/// The upstream's own credential, in place of the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The field that it goes in, in lower case; `authorization` when absent.
    pub header: String,
    /// The word before it; `Bearer` in `authorization` when absent, none elsewhere.
    pub scheme: Option<String>,
    /// The name under which `sallyport secret set` keeps it.
    pub secret: SecretName,
}

/// What the inventory shows and keeps of the paths that were called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Examples {
    /// Nothing: templates stand for them.
    Redacted,
    /// Some paths of operations that are not declared, as they were called, with the values in them.
    Values,
}

/// Limits that are written; what is not written is not limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub per_key: Option<Rate>,
    pub per_api: Option<Rate>,
    /// Bytes of a request body.
    pub body: Option<u64>,
}

/// What browsers of other origins may do; preflights are answered from this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Exact origins as browsers send them: lower case, without the default port. `*` is refused: whoever needs it
    /// has a public API and no use for a credential from a browser.
    pub origins: Vec<String>,
    /// Request headers that scripts may set, in lower case; `authorization`, `content-type` and the key header when absent.
    pub headers: Vec<String>,
    pub credentials: CorsCredentials,
    /// For how long a browser keeps the answer; 10 minutes when absent, a day at most.
    pub max_age: Duration,
}

/// Whether scripts may have the browser add cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorsCredentials {
    Allow,
    Omit,
}

/// How long the gateway waits for an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection; 5 s when absent.
    pub connect: Duration,
    /// From the last byte of the request to the head of the response; 60 s when absent.
    pub head: Duration,
    /// Between two bytes of a body, either way; 5 min when absent, so that quiet event streams live.
    pub idle: Duration,
}

/// An OpenAPI document, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// A `groups.lock`, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockText {
    pub path: String,
    pub text: String,
}

impl Upstream {
    /// `HOST:PORT`, to connect to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What a `Host` field says: the port only where it is not the scheme's own.
    #[must_use]
    pub fn host_field(&self) -> String {
        if self.port == self.scheme.port() { self.host.to_string() } else { self.address() }
    }

    /// As it is written: scheme, host and port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.address())
    }

    /// The name or address that its certificate must bear: without the brackets of IPv6.
    #[must_use]
    pub fn certificate_name(&self) -> &str {
        let host = self.host.as_str();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }
}

impl ApiConfig {
    /// The longest observation, from the day it is written or renewed.
    pub const OBSERVE_MAX: Duration = Duration::from_secs(30 * 86_400);

    /// Refuses an end of observation further off than [`Self::OBSERVE_MAX`]; one that has passed is fine, it enforces.
    pub fn check_observe_until(&self, now: Timestamp) -> Result<(), ConfigError> {
        match self.mode {
            Mode::Enforce => Ok(()),
            Mode::ObserveUntil(end) if end <= now.plus(Self::OBSERVE_MAX) => Ok(()),
            Mode::ObserveUntil(_) => {
                let (line, column) = self.mode_place;
                Err(ConfigError {
                    file: self.file.clone(),
                    line,
                    column,
                    reason: "an observation lasts 30 days at most".to_owned(),
                    fix: "write a date at most 30 days from today; it can be renewed".to_owned(),
                })
            }
        }
    }
}
