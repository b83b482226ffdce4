//! The files people write, read into values that have been checked.
//!
//! A repository is `sallyport.yaml`, `teams.yaml`, one folder per API under `apis/`, policies and tests.
//! [`Repository::load`] takes their bytes from a [`FileSource`] and gives either one whole, consistent
//! configuration or every error it found, each with file, line, column, reason and fix. Nothing is half used:
//! unknown fields, doubled keys and newer versions are refused, never skipped.
//!
//! There is no I/O here and no clock; what depends on today (the end of an observation) is a method that takes
//! a [`model::Timestamp`]. Policies, OpenAPI documents and group locks are carried as text for the crates that
//! know them.

mod api;
mod cases;
pub mod edit;
mod error;
mod fields;
mod files;
pub mod fuzz;
mod gateway;
mod key_list;
mod nearest;
mod place;
mod quantity;
mod repository;
mod teams;
pub mod template;
mod tls;
mod yaml;

pub use api::{
    ApiConfig, Cors, CorsCredentials, Document, Examples, Exchange, HeaderNameError, HostHeader, Hosts,
    Limits, LockText, Timeouts, Upstream, UpstreamError, UpstreamScheme,
};
pub use cases::{CASES_MAX, Case, CaseApplication, CaseClient, CaseFile, CaseTarget, Expected, load_cases};
pub use error::ConfigError;
pub use files::{FILES_MAX, FileSource, Role, byte_limit, role_of};
pub use gateway::{
    ClaimType, GatewayConfig, IssuerConfig, KeySource, ListenAddress, Reach, RecordConfig, Reload, ScopeUse,
    SourceUrl, SourceUrlError, TokenType, UrlScheme, UserAttribute, WorkloadTeam,
};
pub use key_list::{LIST_BYTES_MAX, LIST_KEYS_MAX, ListedKey, ListedSecret, read_key_lines, read_key_list};
pub use quantity::{QuantityError, parse_duration, parse_size};
pub use repository::{PolicyText, Repository};
pub use teams::{Team, Teams};
pub use tls::{
    AdminTls, AskedCertificates, CertificateDemand, CertificateFiles, CertificateRole, ClientCertificates,
    ListenerTls, NamedFile, UpstreamTls,
};
