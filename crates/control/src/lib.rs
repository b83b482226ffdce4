//! The use cases: files and store into a snapshot; applications and keys; publish, status, explain; roles.
//!
//! [`Control`] owns what is written: the store, the log's control entries, the files that commands edit, and the one
//! pointer that requests are judged by. Every use case takes the [`Actor`] that asks for it, judges its role, and
//! records what it changes with actor and reason before the change is made. What stops something is made first and is then
//! carried to the log and the store until both have it (`owed`).
//!
//! What always holds: a revision is validated whole, numbered, stored and swapped whole, or nothing changes and the
//! last good one stays; without one everything is denied. Nothing here is on the path of a request, knows HTTP, or
//! reads the clock or the environment itself: both come in through [`Outside`].

pub mod actor;
mod administrators;
mod adopt;
mod advice;
mod apis;
mod applications;
mod blocks;
mod callers;
pub mod cases;
mod cause;
mod changes;
pub mod check;
mod declarations;
mod endings;
mod error;
mod existing;
mod expiries;
mod explain;
pub mod files;
mod force;
mod history;
pub mod init;
mod inventory;
mod issuers;
mod key_advice;
mod keys;
mod known_log;
pub mod live;
mod matrix;
mod observe;
mod open;
mod owed;
mod ownership;
mod probes;
mod publish;
mod reading;
mod ready;
mod reasons;
mod recorded_cases;
mod regroup;
mod replay;
mod requests;
mod revision;
mod rollback;
mod rollups;
mod scopes;
mod search;
mod secrets;
mod state;
mod status;
mod suggest;
mod tls;
mod upkeep;
mod upstream_secrets;
mod usage;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use model::{Secret, Timestamp};
use policy::ValidationCache;
use record::{Change, ParamKey};
use recorder::Recorder;
use store::DirectoryLock;

pub use actor::{Actor, Needs};
pub use administrators::{AdministratorView, NewToken};
pub use adopt::{AdoptOrder, AdoptView};
pub use apis::{ApiView, KeyFormView, NewApi};
pub use applications::{ApplicationView, TeamView};
pub use blocks::{BlockOrder, BlockView, RemovedBlockView, RepairedView};
pub use cause::Cause;
pub use changes::{Access, Changed, Counts, GroupChange, Summary};
pub use declarations::chain;
pub use error::{ControlError, ErrorKind};
pub use existing::{ImportAct, ImportLine, ImportOrder, ImportView, KnownLine, PromoteOrder, SeenKeyView};
pub use expiries::check_expiries;
pub use explain::{ExplanationView, RuleView};
pub use history::{Difference, FileChange, FileSize, PolicyChange, RevisionDetail};
pub use inventory::{
    DriftView, FeedCounts, FoundView, Ignored, InventoryOrder, PlaceOrder, PlaceView, Reading,
};
pub use issuers::{IssuerView, SourceOfKeys};
pub use key_advice::ADVISE_WINDOW;
pub use keys::{IssuedKey, KeyOrder, KeyView};
pub use live::Live;
pub use matrix::{Matrix, MatrixCell, MatrixRow};
pub use observe::Readiness;
pub use open::{OpenOptions, Opened, Outside, master_key_of};
pub use probes::Probes;
pub use publish::{PlannedPublish, Published, RevisionView};
pub use reading::{Asked, CallerReach, ConditionView, Named, OperationReach, PolicyReading, WhatCan, WhoCan};
pub use ready::{READY_CALLS, READY_DAYS, Ready, ReadyOrder};
pub use reasons::check_reason;
pub use recorded_cases::RecordedCases;
pub use regroup::{RegroupAct, RegroupView};
pub use replay::{Candidate, ReplayMode, ReplayOrder, ReplayProbe, ReplayView};
pub use rollback::{Overwrite, RollbackAct, RollbackOrder, RolledBack};
pub use search::{
    ErasedView, Found, LimitOf, SEARCH_LIMIT, SEARCH_LIMIT_MAX, SearchOrder, search_log, subject,
};
pub use status::{ApiStatus, GatewayStatus, StatusRow};
pub use suggest::{SuggestOrder, SuggestView, WrittenFile};
pub use upstream_secrets::{SecretAct, SecretPlace, SecretView};
pub use usage::{UsageBy, UsageLine, UsageOrder, UsageReport};

pub use tls::{ServerTls, UpstreamConfigs, check_tls};

use state::State;

/// Where to listen when no revision says.
const DEFAULT_ADDRESSES: (SocketAddr, SocketAddr) = (
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8181),
);

/// The use cases of one repository, held by one process.
pub struct Control {
    folder: PathBuf,
    log_folder: PathBuf,
    outside: Outside,
    live: Live,
    /// Held by whoever reads the files to bring them into force, or edits them; always taken before `state`. What
    /// compiles policies holds this one alone, so that a key is revoked at once however long that takes.
    files: Mutex<ValidationCache>,
    state: Mutex<State>,
    recorder: Recorder,
    /// What is seen of requests; taken after `files` and never while `state` is held.
    watched: Mutex<inventory::Watched>,
    jwks: Arc<ArcSwap<Vec<u8>>>,
    /// Where workers note the existing keys that nobody has vouched for.
    claimed: Arc<enforce::ClaimedLedger>,
    tls: tls::Pointers,
    /// The roll-ups of recorded requests; never taken while `state` is held.
    usage: Mutex<usage::Book>,
    /// How far APIs are, where it took long to find out; taken before `usage` and `state`.
    readiness: Mutex<Option<ready::KeptReadiness>>,
    fingerprint: Secret,
    /// Held as long as the value lives: one process per folder.
    _lock: DirectoryLock,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Control").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Control {
    /// The repository's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The pointer that requests are judged by.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The published keys of assertions, for the workers; they change when a signing key is replaced.
    #[must_use]
    pub fn jwks(&self) -> Arc<ArcSwap<Vec<u8>>> {
        Arc::clone(&self.jwks)
    }

    /// The key under which path parameters are hashed in the log.
    #[must_use]
    pub fn param_key(&self) -> ParamKey {
        let mut key = [0_u8; 16];
        key.iter_mut().zip(self.fingerprint.expose()).for_each(|(slot, byte)| *slot = *byte);
        ParamKey::new(key)
    }

    /// Where the files say to listen for callers and for administrators.
    #[must_use]
    pub fn listen_addresses(&self) -> (SocketAddr, SocketAddr) {
        let state = self.state();
        let configured = state.loaded.as_ref().map(|loaded| &loaded.repository.gateway);
        configured.map_or(DEFAULT_ADDRESSES, |gateway| (gateway.listen.0, gateway.admin.0))
    }

    /// For how long records are kept.
    pub(crate) fn record_kept(&self) -> std::time::Duration {
        let state = self.state();
        state.loaded.as_ref().map_or(upkeep::KEEP, |loaded| loaded.repository.gateway.record.keep)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.outside.clock)()
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn fill_random(&self, bytes: &mut [u8]) -> Result<(), ControlError> {
        (self.outside.random)(bytes)
    }

    /// The right to read the files for a revision, or to edit them. Holds the policies found valid, by content.
    pub(crate) fn files(&self) -> MutexGuard<'_, ValidationCache> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic while the lock was held left a transaction that the store rolled back; going on is safe.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses an actor whose role does not suffice. Every use case does so itself; a door may do it before it reads
    /// what is asked for.
    pub fn demand(&self, actor: &Actor, needs: Needs) -> Result<(), ControlError> {
        if actor.may(needs) {
            Ok(())
        } else {
            Err(ControlError::Forbidden { needs, role: actor.role().as_str() })
        }
    }

    /// Records a change before it is made; what cannot be recorded is not done. A reason of more than one line is refused,
    /// whichever way it came.
    pub(crate) fn record(
        &self,
        actor: &Actor,
        action: &str,
        object: &str,
        reason: &str,
    ) -> Result<(), ControlError> {
        if reasons::breaks_the_line(reason) {
            check_reason(reason)?;
        }
        let change = Change {
            time: self.now(),
            actor: &actor.label(),
            action,
            object,
            reason,
            revision: self.live.load().names().revision,
        };
        self.recorder.change(&change).map_err(|_| ControlError::NotRecorded)
    }

    /// The outcome of a recorded change; a failure is recorded as well, so that the log does not claim what was not done.
    pub(crate) fn carried<T, E>(
        &self,
        actor: &Actor,
        action: &str,
        object: &str,
        outcome: Result<T, E>,
    ) -> Result<T, ControlError>
    where
        E: std::error::Error + Into<ControlError>,
    {
        outcome.map_err(|error| {
            let failed = format!("{action}.failed");
            if self.record(actor, &failed, object, &reasons::in_one_line(&chain(&error))).is_err() {
                tracing::error!(action, object, "a failed change could not be recorded");
            }
            error.into()
        })
    }
}

/// Lets go of a result whose failure is told in another way.
pub(crate) fn unheeded<T, E>(_result: Result<T, E>) {}

/// The SHA-256 of an existing key as 64 hexadecimal digits write it.
#[must_use]
pub fn whole_digest(text: &str) -> Option<identity::WholeDigest> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (slot, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(identity::WholeDigest::from_bytes(digest))
}

/// A finding about a file, with the fields that `config check --json` documents.
#[must_use]
pub fn error_json(error: &config::ConfigError) -> serde_json::Value {
    serde_json::json!({
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "reason": error.reason,
        "fix": error.fix,
    })
}
