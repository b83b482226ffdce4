//! Existing keys that were seen and that nobody has vouched for: what their owner needs to say whose they are.
//!
//! Kept is the keyed hash, how often and for what it was used, and never the key. Anybody can send texts that look
//! like keys, so the rows of an API are bounded, and those that never succeeded at the upstream go first.

use model::{ApiName, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction};

use crate::value;
use crate::{Digest, Store, StoreError};

/// The most keys of one API that are remembered.
pub const CLAIMED_MAX: usize = 10_000;
/// The most operations that are remembered of one key.
pub const CLAIMED_OPERATIONS_MAX: usize = 50;

/// A key that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedRow {
    pub api: ApiName,
    /// The keyed hash.
    pub digest: Digest,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Requests with it.
    pub count: u64,
    /// Of these, how many the upstream answered with success.
    pub succeeded: u64,
    /// Ids of declared operations, some of those that it was used for.
    pub operations: Vec<String>,
}

const COLUMNS: &str = "api, digest, first, last, count, succeeded, operations";

impl Store {
    /// Adds what was seen to what is stored: all of it or none. Where an API then has over [`CLAIMED_MAX`] keys, those
    /// are forgotten that never succeeded, then those that were not seen for longest.
    pub fn add_claimed(&mut self, seen: &[ClaimedRow]) -> Result<(), StoreError> {
        self.add_claimed_within(seen, CLAIMED_MAX)
    }

    pub(crate) fn add_claimed_within(&mut self, seen: &[ClaimedRow], most: usize) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut apis: Vec<&ApiName> = Vec::new();
            for one in seen {
                add(transaction, one)?;
                if !apis.contains(&&one.api) {
                    apis.push(&one.api);
                }
            }
            apis.into_iter().try_for_each(|api| forget_beyond(transaction, api, most))
        })
    }

    /// The keys that were seen, of one API or of all, those that succeeded first and then the busiest.
    pub fn claimed(&self, api: Option<&ApiName>) -> Result<Vec<ClaimedRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM claimed_keys WHERE ?1 IS NULL OR api = ?1 \
             ORDER BY succeeded > 0 DESC, count DESC, api, digest"
        ))?;
        let mut rows = statement.query((api.map(ApiName::as_str),))?;
        let mut claimed = Vec::new();
        while let Some(row) = rows.next()? {
            claimed.push(read(row)?);
        }
        Ok(claimed)
    }

    /// Forgets a key that was seen.
    pub fn remove_claimed(&mut self, api: &ApiName, digest: &Digest) -> Result<(), StoreError> {
        self.change(|transaction| remove(transaction, api, digest))
    }
}

/// Forgets a key inside a change of the caller's.
pub(crate) fn remove(
    transaction: &Transaction<'_>,
    api: &ApiName,
    digest: &Digest,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM claimed_keys WHERE api = ?1 AND digest = ?2")?
        .execute((api.as_str(), digest.as_bytes()))?;
    Ok(())
}

fn add(transaction: &Transaction<'_>, seen: &ClaimedRow) -> Result<(), StoreError> {
    let known = transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM claimed_keys WHERE api = ?1 AND digest = ?2"))?
        .query_row((seen.api.as_str(), seen.digest.as_bytes()), |row| Ok(read(row)))
        .optional()?
        .transpose()?;
    let mut operations = known.as_ref().map(|known| known.operations.clone()).unwrap_or_default();
    for operation in &seen.operations {
        if !operations.contains(operation) && operations.len() < CLAIMED_OPERATIONS_MAX {
            operations.push(operation.clone());
        }
    }
    let (first, last, count, succeeded) = match &known {
        None => (seen.first, seen.last, 0, 0),
        Some(known) => (known.first.min(seen.first), known.last.max(seen.last), known.count, known.succeeded),
    };
    transaction
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO claimed_keys ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ))?
        .execute((
            seen.api.as_str(),
            seen.digest.as_bytes(),
            value::micros(first),
            value::micros(last),
            value::integer(count.saturating_add(seen.count)),
            value::integer(succeeded.saturating_add(seen.succeeded)),
            value::write_texts(&operations),
        ))?;
    Ok(())
}

fn forget_beyond(transaction: &Transaction<'_>, api: &ApiName, most: usize) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "DELETE FROM claimed_keys WHERE api = ?1 AND digest IN (\
             SELECT digest FROM claimed_keys WHERE api = ?1 ORDER BY succeeded > 0 DESC, last DESC, digest \
             LIMIT -1 OFFSET ?2)",
        )?
        .execute((api.as_str(), i64::try_from(most).unwrap_or(i64::MAX)))?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<ClaimedRow, StoreError> {
    let text = |index: usize| row.get_ref(index)?.as_str().map_err(value::column);
    Ok(ClaimedRow {
        api: value::name(ApiName::parse(text(0)?))?,
        digest: Digest::read(row.get_ref(1)?.as_blob().map_err(value::column)?)?,
        first: value::time(row.get(2)?),
        last: value::time(row.get(3)?),
        count: value::unsigned(row.get(4)?, "a count")?,
        succeeded: value::unsigned(row.get(5)?, "a count")?,
        operations: value::read_texts(text(6)?)?,
    })
}
