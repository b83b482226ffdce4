//! The words of Sallyport as types.
//!
//! Every other crate speaks in these: names and ids that were parsed once, the canonical request that is
//! judged and forwarded, the caller it resolved to, and the closed lists of verdicts and reasons.
//! Nothing here does I/O, reads a clock or knows a file format; a value that exists has been checked.
//!
//! Start with [`CanonicalRequest`], then [`Caller`] and [`DenyReason`].

pub mod api;
pub mod block;
pub mod caller;
pub mod channel;
pub mod field;
pub mod guessing;
pub mod head;
pub mod host;
pub mod id;
pub mod key_form;
pub mod method;
pub mod name;
pub mod network;
pub mod reason;
pub mod request;
pub mod secret;
pub mod target;
pub mod time;
pub mod usage;
pub mod verdict;
mod word;

pub use api::{Audit, CredentialUse, DataClass, Exposure, Mode, Rate};
pub use block::{Block, BlockError, BlockId, BlockTarget};
pub use caller::{
    Application, AttributeType, AttributeValue, Caller, Client, CredentialRef, Mfa, SignIn, Strength, User,
    Workload,
};
pub use channel::{Channel, ClientCertificate, Presented};
pub use field::FieldKind;
pub use guessing::{GuessLimits, Guessing};
pub use head::{FieldSpan, Head, HeadField, Span};
pub use host::{HostName, HostNameError};
pub use id::{DecisionId, Fingerprint, IdError, KeyId, OperationId, PolicyId, RevisionNumber, Snapshots};
pub use key_form::{KeyAlphabet, KeyForm, KeyPlace, KeyShape, OtherValues};
pub use method::{Method, VerbClass};
pub use name::{
    ApiName, ApplicationName, GroupName, IssuerName, NameError, PersonName, SecretName, TeamName,
    WORKLOAD_BYTES_MAX, WorkloadName,
};
pub use network::{Network, NetworkError, Networks};
pub use reason::{DenyReason, Problem, Refusal, UpstreamFailure};
pub use request::{Admission, CanonicalRequest};
pub use secret::Secret;
pub use time::{Timestamp, TimestampError};
pub use usage::{UseCounts, UseEnding};
pub use verdict::Verdict;
