//! Administrators, their tokens by digest, and the single-use credential that makes the first of them.

use model::{PersonName, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::value::{self, Digest, states};
use crate::{Store, StoreError};

states! {
    /// What an administrator may do; each role may all that the one before may.
    Role {
        Viewer = "viewer",
        Analyst = "analyst",
        Owner = "owner",
        Admin = "admin",
    }
}

states! {
    /// Whether an administrator's token counts.
    AdministratorState {
        Active = "active",
        Disabled = "disabled",
    }
}

/// An administrator to add.
#[derive(Clone, Debug)]
pub struct NewAdministrator {
    pub name: PersonName,
    pub role: Role,
    pub token: Digest,
    pub created: Timestamp,
    pub created_by: String,
}

/// An administrator as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdministratorRow {
    pub name: PersonName,
    pub role: Role,
    pub state: AdministratorState,
    pub created: Timestamp,
    pub created_by: String,
}

/// What became of a presented bootstrap credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bootstrapped {
    /// It was right, it is used up, and this administrator exists now.
    Made(AdministratorRow),
    /// It is unknown, too old or used up, or an administrator exists. Callers learn no more than this.
    Refused,
}

const COLUMNS: &str = "name, role, state, created, created_by";

impl Store {
    /// Adds an active administrator.
    pub fn add_administrator(&mut self, new: &NewAdministrator) -> Result<AdministratorRow, StoreError> {
        self.change(|transaction| insert(transaction, new))
    }

    /// Gives an administrator a new token; the old one counts no more.
    pub fn replace_token(
        &mut self,
        name: &PersonName,
        token: Digest,
    ) -> Result<AdministratorRow, StoreError> {
        self.change(|transaction| {
            transaction
                .prepare_cached("UPDATE administrators SET token = ?2 WHERE name = ?1")?
                .execute((name.as_str(), token.as_bytes()))?;
            found(transaction, name)
        })
    }

    /// Enables or disables an administrator. The last active one with the role `admin` cannot be disabled, because
    /// the gateway would then offer a bootstrap credential again.
    pub fn set_administrator_state(
        &mut self,
        name: &PersonName,
        state: AdministratorState,
    ) -> Result<AdministratorRow, StoreError> {
        self.change(|transaction| {
            found(transaction, name)?;
            transaction
                .prepare_cached("UPDATE administrators SET state = ?2 WHERE name = ?1")?
                .execute((name.as_str(), state.as_str()))?;
            let admins: i64 = transaction
                .prepare_cached(
                    "SELECT count(*) FROM administrators WHERE state = 'active' AND role = 'admin'",
                )?
                .query_row((), |row| row.get(0))?;
            if state == AdministratorState::Disabled && admins == 0 {
                let why = "is the last one with the role `admin`; create another first";
                return Err(StoreError::Refused { what: "administrator", name: name.to_string(), why });
            }
            found(transaction, name)
        })
    }

    /// The active administrator whose token has this digest.
    pub fn administrator_by_token(&self, token: Digest) -> Result<Option<AdministratorRow>, StoreError> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM administrators WHERE token = ?1 AND state = 'active'"
            ))?
            .query_row((token.as_bytes(),), |row| Ok(read(row)))
            .optional()?
            .transpose()
    }

    /// One administrator.
    pub fn administrator(&self, name: &PersonName) -> Result<Option<AdministratorRow>, StoreError> {
        find(&self.connection, name)
    }

    /// All administrators, by name.
    pub fn administrators(&self) -> Result<Vec<AdministratorRow>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM administrators ORDER BY name");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query(())?;
        let mut administrators = Vec::new();
        while let Some(row) = rows.next()? {
            administrators.push(read(row)?);
        }
        Ok(administrators)
    }

    /// Offers a bootstrap credential in place of any earlier one. Refused once an administrator exists.
    pub fn offer_bootstrap(&mut self, token: Digest, expires: Timestamp) -> Result<(), StoreError> {
        self.change(|transaction| {
            if administrator_exists(transaction)? {
                let (what, name) = ("bootstrap", "credential".to_owned());
                return Err(StoreError::Refused {
                    what,
                    name,
                    why: "is not offered: an administrator exists",
                });
            }
            transaction
                .prepare_cached("INSERT OR REPLACE INTO bootstrap (only, token, expires) VALUES (1, ?1, ?2)")?
                .execute((token.as_bytes(), value::micros(expires)))?;
            Ok(())
        })
    }

    /// Exchanges the bootstrap credential for `new`, once: judging, using up and adding are one transaction.
    pub fn redeem_bootstrap(
        &mut self,
        presented: Digest,
        now: Timestamp,
        new: &NewAdministrator,
    ) -> Result<Bootstrapped, StoreError> {
        self.change(|transaction| {
            let offered = transaction
                .prepare_cached("SELECT token, expires FROM bootstrap")?
                .query_row((), |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)))
                .optional()?;
            let Some((token, expires)) = offered else {
                return Ok(Bootstrapped::Refused);
            };
            let right = Digest::read(&token)? == presented && now < value::time(expires);
            if !right || administrator_exists(transaction)? {
                return Ok(Bootstrapped::Refused);
            }
            transaction.prepare_cached("DELETE FROM bootstrap")?.execute(())?;
            insert(transaction, new).map(Bootstrapped::Made)
        })
    }
}

fn administrator_exists(connection: &Connection) -> Result<bool, StoreError> {
    let found = connection
        .prepare_cached("SELECT 1 FROM administrators LIMIT 1")?
        .query_row((), |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn insert(transaction: &Transaction<'_>, new: &NewAdministrator) -> Result<AdministratorRow, StoreError> {
    if find(transaction, &new.name)?.is_some() {
        return Err(StoreError::Exists { what: "administrator", name: new.name.to_string() });
    }
    transaction
        .prepare_cached(
            "INSERT INTO administrators (name, role, token, state, created, created_by) \
             VALUES (?1, ?2, ?3, 'active', ?4, ?5)",
        )?
        .execute((
            new.name.as_str(),
            new.role.as_str(),
            new.token.as_bytes(),
            value::micros(new.created),
            &new.created_by,
        ))?;
    found(transaction, &new.name)
}

fn find(connection: &Connection, name: &PersonName) -> Result<Option<AdministratorRow>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM administrators WHERE name = ?1"))?
        .query_row((name.as_str(),), |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn found(transaction: &Transaction<'_>, name: &PersonName) -> Result<AdministratorRow, StoreError> {
    find(transaction, name)?
        .ok_or_else(|| StoreError::Absent { what: "administrator", name: name.to_string() })
}

fn read(row: &Row<'_>) -> Result<AdministratorRow, StoreError> {
    let text = |index: usize| row.get_ref(index)?.as_str().map_err(value::column);
    Ok(AdministratorRow {
        name: value::name(PersonName::parse(text(0)?))?,
        role: Role::read(text(1)?)?,
        state: AdministratorState::read(text(2)?)?,
        created: value::time(row.get(3)?),
        created_by: row.get(4)?,
    })
}
