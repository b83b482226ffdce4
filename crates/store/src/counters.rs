//! Numbers that never decrease, whatever is deleted.

use rusqlite::{Connection, Transaction};

use crate::{Store, StoreError, value};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    Keys,
    Revision,
    Stops,
}

impl Counter {
    const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Revision => "revision",
            Self::Stops => "stops",
        }
    }
}

/// The versions that a record names beside the revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Grows with every change of an application or a key.
    pub keys: u64,
    /// Grows with every key that is stopped, and with every block that is made or removed.
    pub stops: u64,
}

impl Store {
    /// The versions of today.
    pub fn versions(&self) -> Result<Versions, StoreError> {
        Ok(Versions {
            keys: current(&self.connection, Counter::Keys)?,
            stops: current(&self.connection, Counter::Stops)?,
        })
    }
}

/// The next number, taken.
pub(crate) fn advance(transaction: &Transaction<'_>, counter: Counter) -> Result<u64, StoreError> {
    let next = transaction
        .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = ?1 RETURNING value")?
        .query_row((counter.name(),), |row| row.get(0))?;
    value::unsigned(next, "a counter")
}

/// The last number taken.
pub(crate) fn current(connection: &Connection, counter: Counter) -> Result<u64, StoreError> {
    let last = connection
        .prepare_cached("SELECT value FROM counters WHERE name = ?1")?
        .query_row((counter.name(),), |row| row.get(0))?;
    value::unsigned(last, "a counter")
}
