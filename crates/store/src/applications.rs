//! Applications: the clients that own keys.

use std::collections::BTreeMap;

use model::{ApplicationName, AttributeValue, TeamName, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction};

use crate::counters::{self, Counter};
use crate::value::{self, states};
use crate::{Store, StoreError};

states! {
    /// Whether an application's keys count.
    ApplicationState {
        Disabled = "disabled",
        Enabled = "enabled",
    }
}

/// An application to add.
#[derive(Clone, Debug)]
pub struct NewApplication {
    pub name: ApplicationName,
    pub team: TeamName,
    pub attributes: BTreeMap<String, AttributeValue>,
    pub created: Timestamp,
    pub created_by: String,
}

/// An application as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRow {
    pub name: ApplicationName,
    pub team: TeamName,
    pub attributes: BTreeMap<String, AttributeValue>,
    pub state: ApplicationState,
    /// The version of the key table at the last change; grows with every change of the application.
    pub version: u64,
    pub created: Timestamp,
    pub created_by: String,
}

const COLUMNS: &str = "name, team, attributes, state, version, created, created_by";

impl Store {
    /// Adds an enabled application. Names are never used twice, since records name applications by them.
    pub fn add_application(&mut self, new: &NewApplication) -> Result<ApplicationRow, StoreError> {
        self.change(|transaction| add(transaction, new))
    }

    /// Enables or disables an application, and with it all its keys.
    pub fn set_application_state(
        &mut self,
        name: &ApplicationName,
        state: ApplicationState,
    ) -> Result<ApplicationRow, StoreError> {
        self.change(|transaction| {
            let version = counters::advance(transaction, Counter::Keys)?;
            transaction
                .prepare_cached("UPDATE applications SET state = ?2, version = ?3 WHERE name = ?1")?
                .execute((name.as_str(), state.as_str(), value::integer(version)))?;
            found(transaction, name)
        })
    }

    /// Replaces the attributes of an application.
    pub fn set_application_attributes(
        &mut self,
        name: &ApplicationName,
        attributes: &BTreeMap<String, AttributeValue>,
    ) -> Result<ApplicationRow, StoreError> {
        self.change(|transaction| {
            let version = counters::advance(transaction, Counter::Keys)?;
            transaction
                .prepare_cached("UPDATE applications SET attributes = ?2, version = ?3 WHERE name = ?1")?
                .execute((name.as_str(), value::write_attributes(attributes), value::integer(version)))?;
            found(transaction, name)
        })
    }

    /// One application.
    pub fn application(&self, name: &ApplicationName) -> Result<Option<ApplicationRow>, StoreError> {
        find(&self.connection, name)
    }

    /// All applications, by name.
    pub fn applications(&self) -> Result<Vec<ApplicationRow>, StoreError> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM applications ORDER BY name"))?;
        let mut rows = statement.query(())?;
        let mut applications = Vec::new();
        while let Some(row) = rows.next()? {
            applications.push(read(row)?);
        }
        Ok(applications)
    }
}

/// Adds an application inside a change of the caller's.
pub(crate) fn add(transaction: &Transaction<'_>, new: &NewApplication) -> Result<ApplicationRow, StoreError> {
    if find(transaction, &new.name)?.is_some() {
        return Err(StoreError::Exists { what: "application", name: new.name.to_string() });
    }
    let version = counters::advance(transaction, Counter::Keys)?;
    transaction
        .prepare_cached(
            "INSERT INTO applications (name, team, attributes, state, version, created, created_by) \
             VALUES (?1, ?2, ?3, 'enabled', ?4, ?5, ?6)",
        )?
        .execute((
            new.name.as_str(),
            new.team.as_str(),
            value::write_attributes(&new.attributes),
            value::integer(version),
            value::micros(new.created),
            &new.created_by,
        ))?;
    found(transaction, &new.name)
}

fn find(
    connection: &rusqlite::Connection,
    name: &ApplicationName,
) -> Result<Option<ApplicationRow>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM applications WHERE name = ?1"))?
        .query_row((name.as_str(),), |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn found(transaction: &Transaction<'_>, name: &ApplicationName) -> Result<ApplicationRow, StoreError> {
    find(transaction, name)?.ok_or_else(|| StoreError::Absent { what: "application", name: name.to_string() })
}

fn read(row: &Row<'_>) -> Result<ApplicationRow, StoreError> {
    Ok(ApplicationRow {
        name: value::name(ApplicationName::parse(row.get_ref(0)?.as_str().map_err(value::column)?))?,
        team: value::name(TeamName::parse(row.get_ref(1)?.as_str().map_err(value::column)?))?,
        attributes: value::read_attributes(row.get_ref(2)?.as_str().map_err(value::column)?)?,
        state: ApplicationState::read(row.get_ref(3)?.as_str().map_err(value::column)?)?,
        version: value::unsigned(row.get(4)?, "the version of an application")?,
        created: value::time(row.get(5)?),
        created_by: row.get(6)?,
    })
}
