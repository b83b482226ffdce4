//! `tests/*.yaml`: who does what, and what policy is expected to say.
//!
//! A case stands for itself: the applications and workloads that it names are described in its file, so that the same
//! cases give the same answers in CI, where no store is, and beside a running gateway. Time is part of a case, never
//! read from a clock.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::{
    ApplicationName, AttributeValue, DenyReason, Mfa, PolicyId, Strength, TeamName, Timestamp, User,
    WorkloadName,
};

use crate::{ConfigError, FileSource, GatewayConfig, Role, role_of};

/// The most cases of one file.
pub const CASES_MAX: usize = 20_000;

/// One file of cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFile {
    /// Relative to the repository.
    pub path: String,
    pub applications: BTreeMap<ApplicationName, CaseApplication>,
    pub workloads: BTreeMap<WorkloadName, Option<TeamName>>,
    pub cases: Vec<Case>,
}

/// An application as a file of cases describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseApplication {
    pub team: TeamName,
    pub attributes: BTreeMap<String, AttributeValue>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseClient {
    Anonymous,
    Application(ApplicationName),
    Workload(WorkloadName),
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseTarget {
    /// `orders:GET /orders/{id}` with a value for each parameter.
    Operation { id: String, params: BTreeMap<String, String> },
    /// `GET https://host/path`, found as a request is.
    Request { method: String, url: String },
}

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Allow,
    Deny,
    StepUp,
}

impl Expected {
    /// The word in the file and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::StepUp => "step_up",
        }
    }
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its own, or `CALLER METHOD target` made of what is asked.
    pub name: String,
    /// The line of the file, from 1.
    pub line: u32,
    pub client: CaseClient,
    pub strength: Strength,
    pub user: Option<User>,
    pub mfa: Mfa,
    /// Seconds since the user signed in.
    pub auth_age: Option<i64>,
    /// The credential's scopes; none asks for the caller whatever key it uses.
    pub scopes: Option<Vec<String>>,
    pub source_ip: Option<IpAddr>,
    pub now: Timestamp,
    pub target: CaseTarget,
    pub expect: Expected,
    /// The reason of a denial, where the case is about it.
    pub reason: Option<DenyReason>,
    /// The policies that must have decided, no more and no fewer, where the case is about them.
    pub by: Option<Vec<PolicyId>>,
}

/// Reads every file of cases; gives all of them, or every error found.
pub fn load_cases(
    files: &dyn FileSource,
    gateway: &GatewayConfig,
) -> Result<Vec<CaseFile>, Vec<ConfigError>> {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for path in files.paths() {
        if role_of(path) != Some(Role::Test) {
            continue;
        }
        let bytes = files.bytes(path).unwrap_or_default();
        match read::read(path, bytes, gateway) {
            Ok(file) => found.push(file),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}
