//! Counts per day for `status`, added up from the log and never its replacement.

use model::{ApiName, Timestamp, Verdict};
use rusqlite::{OptionalExtension, Transaction};

use crate::value;
use crate::{Store, StoreError};

/// The most rows of one API and one day. What comes after that is counted under [`OTHER`], never dropped.
pub const ROLLUP_ROWS_MAX: usize = 10_000;

/// Caller, operation and reason of the row that takes the overflow.
pub const OTHER: &str = "(other)";
/// Stands for callers that were erased.
pub const ERASED: &str = "(erased)";

/// How often something happened on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    pub api: ApiName,
    pub verdict: Verdict,
    pub caller: String,
    pub operation: String,
    /// Code of the reason; empty where it was allowed.
    pub reason: String,
    /// At least 1.
    pub count: u64,
    /// When it last happened.
    pub last: Timestamp,
}

/// Up to where a log has been counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The log's name in its checkpoints.
    pub origin: String,
    /// The number of the first of its entries that is not counted.
    pub next: u64,
}

impl Store {
    /// Adds counts to what is stored, and says up to where the log is counted then: all of it or none.
    pub fn add_rollups(&mut self, rollups: &[Rollup], counted: &Counted) -> Result<(), StoreError> {
        self.change(|transaction| {
            rollups.iter().try_for_each(|rollup| add(transaction, rollup))?;
            transaction
                .prepare_cached(
                    "INSERT INTO counted (only, origin, next) VALUES (1, ?1, ?2) \
                     ON CONFLICT DO UPDATE SET origin = excluded.origin, next = excluded.next",
                )?
                .execute((&counted.origin, value::integer(counted.next)))?;
            Ok(())
        })
    }

    /// Up to where a log is counted; `None` in a store that was written before this was kept.
    pub fn counted(&self) -> Result<Option<Counted>, StoreError> {
        let found: Option<(String, i64)> = self
            .connection
            .prepare_cached("SELECT origin, next FROM counted")?
            .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found
            .map(|(origin, next)| {
                Ok(Counted { origin, next: value::unsigned(next, "the number of an entry")? })
            })
            .transpose()
    }

    /// The counts of `day` and later, by API, largest first.
    pub fn rollups_since(&self, day: i64) -> Result<Vec<Rollup>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT day, api, verdict, caller, operation, reason, count, last FROM rollups \
             WHERE day >= ?1 ORDER BY api, count DESC, day, caller, operation, reason",
        )?;
        let mut rows = statement.query((day,))?;
        let mut rollups = Vec::new();
        while let Some(row) = rows.next()? {
            let text = |index: usize| row.get_ref(index)?.as_str().map_err(value::column);
            rollups.push(Rollup {
                day: row.get(0)?,
                api: value::name(ApiName::parse(text(1)?))?,
                verdict: Verdict::parse(text(2)?).ok_or_else(|| StoreError::corrupt("unknown verdict"))?,
                caller: row.get(3)?,
                operation: row.get(4)?,
                reason: row.get(5)?,
                count: value::unsigned(row.get(6)?, "a count")?,
                last: value::time(row.get(7)?),
            });
        }
        Ok(rollups)
    }

    /// Counts what `caller` did under [`ERASED`], so that sums stay and nobody is named.
    pub fn erase_rollups(&mut self, caller: &str) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO rollups (day, api, verdict, caller, operation, reason, count, last) \
                     SELECT day, api, verdict, ?2, operation, reason, count, last FROM rollups WHERE caller = ?1 \
                     ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)",
                )?
                .execute((caller, ERASED))?;
            transaction.prepare_cached("DELETE FROM rollups WHERE caller = ?1")?.execute((caller,))?;
            Ok(())
        })
    }

    /// Removes the counts of days before `day`.
    pub fn remove_rollups_before(&mut self, day: i64) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction.prepare_cached("DELETE FROM rollups WHERE day < ?1")?.execute((day,))?;
            Ok(())
        })
    }
}

fn add(transaction: &Transaction<'_>, rollup: &Rollup) -> Result<(), StoreError> {
    let names = [rollup.caller.as_str(), &rollup.operation, &rollup.reason];
    if !known(transaction, rollup, names)? && ROLLUP_ROWS_MAX <= rows(transaction, rollup)? {
        return upsert(transaction, rollup, [OTHER; 3]);
    }
    upsert(transaction, rollup, names)
}

fn known(transaction: &Transaction<'_>, rollup: &Rollup, names: [&str; 3]) -> Result<bool, StoreError> {
    let [caller, operation, reason] = names;
    let found = transaction
        .prepare_cached(
            "SELECT 1 FROM rollups WHERE day = ?1 AND api = ?2 AND verdict = ?3 AND caller = ?4 \
             AND operation = ?5 AND reason = ?6",
        )?
        .query_row(
            (rollup.day, rollup.api.as_str(), rollup.verdict.as_str(), caller, operation, reason),
            |_| Ok(()),
        )
        .optional()?;
    Ok(found.is_some())
}

fn rows(transaction: &Transaction<'_>, rollup: &Rollup) -> Result<usize, StoreError> {
    let rows: i64 = transaction
        .prepare_cached("SELECT count(*) FROM rollups WHERE day = ?1 AND api = ?2")?
        .query_row((rollup.day, rollup.api.as_str()), |row| row.get(0))?;
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

fn upsert(transaction: &Transaction<'_>, rollup: &Rollup, names: [&str; 3]) -> Result<(), StoreError> {
    let [caller, operation, reason] = names;
    transaction
        .prepare_cached(
            "INSERT INTO rollups (day, api, verdict, caller, operation, reason, count, last) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)",
        )?
        .execute((
            rollup.day,
            rollup.api.as_str(),
            rollup.verdict.as_str(),
            caller,
            operation,
            reason,
            value::integer(rollup.count),
            value::micros(rollup.last),
        ))?;
    Ok(())
}
