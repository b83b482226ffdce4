//! Sealed secrets by name. What is in them only the holder of the master key can read.

use model::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use crate::value;
use crate::{Store, StoreError};

/// The most bytes of one sealed secret.
pub const SEALED_BYTES_MAX: usize = 1 << 20;

impl Store {
    /// Adds a secret under a name that is free, so that two that are made at once cannot both count.
    pub fn add_secret(&mut self, name: &str, sealed: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.change(|transaction| add(transaction, name, sealed, now))
    }

    /// Writes secrets, new or known, all or none: rotation, and sealing anew under another master key.
    pub fn put_secrets(&mut self, secrets: &[(&str, &[u8])], now: Timestamp) -> Result<(), StoreError> {
        self.change(|transaction| {
            secrets.iter().try_for_each(|(name, sealed)| put(transaction, name, sealed, now))
        })
    }

    /// Removes a secret.
    pub fn remove_secret(&mut self, name: &str) -> Result<(), StoreError> {
        self.change(|transaction| {
            match transaction.prepare_cached("DELETE FROM secrets WHERE name = ?1")?.execute((name,))? {
                0 => Err(StoreError::Absent { what: "secret", name: name.to_owned() }),
                _ => Ok(()),
            }
        })
    }

    /// One secret, still sealed.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT sealed FROM secrets WHERE name = ?1")?
            .query_row((name,), |row| row.get(0))
            .optional()?)
    }

    /// The names of all secrets and when each was written.
    pub fn secret_names(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT name, written FROM secrets ORDER BY name")?;
        let mut rows = statement.query(())?;
        let mut names = Vec::new();
        while let Some(row) = rows.next()? {
            names.push((row.get(0)?, value::time(row.get(1)?)));
        }
        Ok(names)
    }
}

pub(crate) fn add(
    transaction: &Transaction<'_>,
    name: &str,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), StoreError> {
    let taken = transaction
        .prepare_cached("SELECT 1 FROM secrets WHERE name = ?1")?
        .query_row((name,), |_| Ok(()))
        .optional()?;
    match taken {
        Some(()) => Err(StoreError::Exists { what: "secret", name: name.to_owned() }),
        None => put(transaction, name, sealed, now),
    }
}

fn put(transaction: &Transaction<'_>, name: &str, sealed: &[u8], now: Timestamp) -> Result<(), StoreError> {
    if SEALED_BYTES_MAX < sealed.len() {
        return Err(StoreError::Refused { what: "secret", name: name.to_owned(), why: "is over 1 MiB" });
    }
    transaction
        .prepare_cached("INSERT OR REPLACE INTO secrets (name, sealed, written) VALUES (?1, ?2, ?3)")?
        .execute((name, sealed, value::micros(now)))?;
    Ok(())
}
