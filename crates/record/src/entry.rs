//! What the log holds, as the writers of entries see it.
//!
//! Entries have no place for bodies, query values, credentials or header values: nothing that could hold one is
//! a field here. What names a person, or could, stands in [`Personal`], which is stored apart from the rest
//! and can be erased without touching the tree.

use std::net::IpAddr;

use model::{
    DecisionId, DenyReason, KeyId, RevisionNumber, Snapshots, Strength, Timestamp, UpstreamFailure, Verdict,
};

use crate::ParamHash;

/// How the API's mode applied to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carried {
    /// What was decided was carried out.
    Enforced,
    /// The API was observed at that moment.
    Observed,
}

impl Carried {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforce",
            Self::Observed => "observe",
        }
    }
}

/// The client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientRef<'a> {
    Anonymous,
    /// By the application's name.
    Application(&'a str),
    /// By the workload's name.
    Workload(&'a str),
}

/// Stands before the name of a workload where names of clients are stored; no application's name begins with it.
pub(crate) const WORKLOAD_MARK: char = '@';

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    Anonymous,
    Application,
    Workload,
}

impl ClientKind {
    /// As commands name a client of this kind: `anonymous`, `app:NAME`, `workload:NAME`.
    #[must_use]
    pub fn label(self, name: &str) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Application => format!("app:{name}"),
            Self::Workload => format!("workload:{name}"),
        }
    }
}

impl<'a> ClientRef<'a> {
    /// The client of a stored name, which is none for the anonymous one.
    pub(crate) fn of_stored(name: Option<&'a str>) -> Self {
        match name {
            None => Self::Anonymous,
            Some(name) => name.strip_prefix(WORKLOAD_MARK).map_or(Self::Application(name), Self::Workload),
        }
    }

    /// What kind of client it is, and its name; empty for the anonymous one. Two clients are the same where both are.
    #[must_use]
    pub const fn parts(self) -> (ClientKind, &'a str) {
        match self {
            Self::Anonymous => (ClientKind::Anonymous, ""),
            Self::Application(name) => (ClientKind::Application, name),
            Self::Workload(name) => (ClientKind::Workload, name),
        }
    }

    /// The client that commands name as `anonymous`, `app:NAME` or `workload:NAME`.
    #[must_use]
    pub fn of_label(label: &'a str) -> Option<Self> {
        if label == "anonymous" {
            return Some(Self::Anonymous);
        }
        let application = label.strip_prefix("app:").map(Self::Application);
        application.or_else(|| label.strip_prefix("workload:").map(Self::Workload))
    }
}

/// A path parameter: a keyed hash unless the API allows the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParamRef<'a> {
    Hashed(ParamHash),
    Text(&'a str),
}

/// An attribute that the policy slice read, with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeRef<'a> {
    Bool(bool),
    Long(i64),
    Text(&'a str),
    TextSet(&'a [&'a str]),
}

/// The part of a decision that names a person, or could. Erasable.
#[derive(Clone, Copy, Debug)]
pub struct Personal<'a> {
    pub client: ClientRef<'a>,
    pub team: Option<&'a str>,
    /// The user on whose behalf the client acted.
    pub user: Option<&'a str>,
    /// The public id of the key that was presented, whether it was valid or not.
    pub key: Option<KeyId>,
    pub source_ip: Option<IpAddr>,
    /// The method token as sent, where it is none that a catalogue can declare, or no operation was found.
    pub method: Option<&'a str>,
    pub trace_id: Option<[u8; 16]>,
    /// Path parameters by name; where no operation was found, the whole path under the name `path`.
    pub params: &'a [(&'a str, ParamRef<'a>)],
    /// Typed attributes that the slice read, by name, so that the decision can be explained and replayed.
    pub attributes: &'a [(&'a str, AttributeRef<'a>)],
}

impl Personal<'_> {
    /// Nothing is known of who sent the request.
    pub const UNKNOWN: Self = Personal {
        client: ClientRef::Anonymous,
        team: None,
        user: None,
        key: None,
        source_ip: None,
        method: None,
        trace_id: None,
        params: &[],
        attributes: &[],
    };
}

/// One request, judged.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    pub id: DecisionId,
    /// The one `now` of the request.
    pub time: Timestamp,
    pub snapshots: Snapshots,
    pub verdict: Verdict,
    pub reason: Option<DenyReason>,
    /// The refusal's own code; empty where it is the reason's.
    pub code: &'a str,
    /// The API's name; empty where none answers under the host.
    pub api: &'a str,
    /// The operation's id; empty where none matched.
    pub operation: &'a str,
    pub mode: Carried,
    /// Policies that decided, by id.
    pub policies: &'a [&'a str],
    /// Guards under observation that would have forbidden, by id.
    pub observed: &'a [&'a str],
    pub strength: Strength,
    pub personal: Personal<'a>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The answer went out whole, ours or the upstream's.
    Done,
    Failed(UpstreamFailure),
    /// It was broken off, because what had let it pass held no longer; for which reason.
    Stopped(DenyReason),
}

/// One request, answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    pub id: DecisionId,
    /// When the answer ended.
    pub time: Timestamp,
    pub status: u16,
    pub outcome: Outcome,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// From the first byte of the request's head to the decision, in microseconds.
    pub time_to_decision_us: u64,
    /// From forwarding to the end of the upstream's answer, in microseconds; zero where nothing was forwarded.
    pub upstream_us: u64,
    /// From the first byte of the head to the end of the answer, in microseconds.
    pub total_us: u64,
}

/// One change of the gateway's own state. It names who answers for it, which is why it is not erasable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    pub time: Timestamp,
    /// The administrator or the part of the gateway that acted.
    pub actor: &'a str,
    /// What was done, as `thing.verb`: `key.revoke`.
    pub action: &'a str,
    /// What it was done to.
    pub object: &'a str,
    /// Why, as the actor gave it; empty where nobody asked.
    pub reason: &'a str,
    /// The revision in force after the change.
    pub revision: RevisionNumber,
}

/// Why entries were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LossCause {
    /// A worker's ring was full.
    RingFull,
    /// The disk did not take the entries.
    WriteFailed,
}

impl LossCause {
    /// The name in JSON and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::WriteFailed => "write_failed",
        }
    }
}

/// Entries that could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// When the loss was noticed to be over.
    pub time: Timestamp,
    pub cause: LossCause,
    /// How many entries.
    pub count: u64,
}

/// How the log ended before it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There was none: the log is new.
    New,
    /// It was closed.
    Closed,
    /// It was not closed; so many bytes behind its last whole entry were cut off.
    Torn { bytes: u64 },
}

/// The log was opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    pub time: Timestamp,
    pub origin: &'a str,
    /// The program's version.
    pub software: &'a str,
    pub before: Ending,
    /// The last checkpoint of the log that this one continues, where it does.
    pub continues: Option<Continued<'a>>,
}

/// The end of another log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continued<'a> {
    pub origin: &'a str,
    pub size: u64,
    pub root: [u8; 32],
}

/// Retention is about to remove content. The entry is signed before anything is removed, so that whoever verifies the
/// log can tell what was let go of from what was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    pub time: Timestamp,
    /// Entries below this number lose their content; it is the first entry of a segment.
    pub before: u64,
    /// How many segments go.
    pub segments: u64,
}

/// The log was closed in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub time: Timestamp,
}
