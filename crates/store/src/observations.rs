//! When the observation of an API ends.
//!
//! The end is stored when it is first seen. From then on a file can bring it nearer but not move it away: only a
//! renewal, which has an author and a reason, does that. A restart reads what is stored.

use model::{ApiName, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::value::{self, Act};
use crate::{Store, StoreError};

/// The end of one API's observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub api: ApiName,
    pub ends: Timestamp,
    pub first_stored: Timestamp,
    /// How often it was renewed.
    pub renewals: u64,
    /// The last renewal.
    pub renewed: Option<Act>,
}

const COLUMNS: &str = "api, ends, first_stored, renewals, renewed_at, renewed_by, reason";

impl Store {
    /// Takes the end that a file says and gives the one that counts: the stored one, unless the file's is earlier.
    pub fn settle_observation(
        &mut self,
        api: &ApiName,
        written: Timestamp,
        now: Timestamp,
    ) -> Result<Observation, StoreError> {
        // Most starts change nothing, and then nothing is written.
        if let Some(stored) = find(&self.connection, api)?
            && stored.ends <= written
        {
            return Ok(stored);
        }
        self.change(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO observations (api, ends, first_stored) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (api) DO UPDATE SET ends = min(ends, excluded.ends)",
                )?
                .execute((api.as_str(), value::micros(written), value::micros(now)))?;
            found(transaction, api)
        })
    }

    /// Moves the end; the caller has judged who may and for how long.
    pub fn renew_observation(
        &mut self,
        api: &ApiName,
        ends: Timestamp,
        act: &Act,
    ) -> Result<Observation, StoreError> {
        self.change(|transaction| {
            found(transaction, api)?;
            transaction
                .prepare_cached(
                    "UPDATE observations SET ends = ?2, renewals = renewals + 1, renewed_at = ?3, \
                     renewed_by = ?4, reason = ?5 WHERE api = ?1",
                )?
                .execute((api.as_str(), value::micros(ends), value::micros(act.at), &act.by, &act.reason))?;
            found(transaction, api)
        })
    }

    /// The stored end of one API.
    pub fn observation(&self, api: &ApiName) -> Result<Option<Observation>, StoreError> {
        find(&self.connection, api)
    }

    /// All stored ends, by API.
    pub fn observations(&self) -> Result<Vec<Observation>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM observations ORDER BY api");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query(())?;
        let mut observations = Vec::new();
        while let Some(row) = rows.next()? {
            observations.push(read(row)?);
        }
        Ok(observations)
    }
}

fn find(connection: &Connection, api: &ApiName) -> Result<Option<Observation>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM observations WHERE api = ?1"))?
        .query_row((api.as_str(),), |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn found(transaction: &Transaction<'_>, api: &ApiName) -> Result<Observation, StoreError> {
    find(transaction, api)?
        .ok_or_else(|| StoreError::Absent { what: "observation of", name: api.to_string() })
}

fn read(row: &Row<'_>) -> Result<Observation, StoreError> {
    let renewed = match (row.get(4)?, row.get(5)?, row.get(6)?) {
        (Some(at), Some(by), Some(reason)) => Some(Act { at: value::time(at), by, reason }),
        _ => None,
    };
    Ok(Observation {
        api: value::name(ApiName::parse(row.get_ref(0)?.as_str().map_err(value::column)?))?,
        ends: value::time(row.get(1)?),
        first_stored: value::time(row.get(2)?),
        renewals: value::unsigned(row.get(3)?, "the number of renewals")?,
        renewed,
    })
}
