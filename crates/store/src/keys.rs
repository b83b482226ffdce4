//! Keys, by digest: our own, and those that an API had before.

use model::{ApiName, ApplicationName, KeyId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::applications::{self, NewApplication};
use crate::claimed;
use crate::counters::{self, Counter};
use crate::value::{self, Act, Digest, states};
use crate::{Store, StoreError};

/// The most keys that one call adds.
pub const KEYS_ADDED_MAX: usize = 100_000;

states! {
    /// Whether a key counts.
    KeyState {
        Active = "active",
        /// Denied and recorded; can be released.
        Quarantined = "quarantined",
        /// Denied for good.
        Revoked = "revoked",
    }
}

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A key that an API gave out before. Its digest is keyed; the label is what its owner called it, or empty.
    Existing { api: ApiName, label: String },
    /// A key of ours.
    Own,
}

/// What happens to a key's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange {
    Quarantine,
    /// Ends a quarantine.
    Release,
    Revoke,
}

/// A key to add. Its text is not here: it is shown once and never stored.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub id: KeyId,
    pub kind: KeyKind,
    pub application: ApplicationName,
    pub digest: Digest,
    /// Operations and groups that the key is narrowed to; as written.
    pub scopes: Vec<String>,
    pub environment: String,
    pub created: Timestamp,
    pub created_by: String,
    pub expires: Timestamp,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    pub id: KeyId,
    pub kind: KeyKind,
    pub application: ApplicationName,
    pub digest: Digest,
    pub scopes: Vec<String>,
    pub environment: String,
    pub created: Timestamp,
    pub created_by: String,
    /// As it was issued; see [`KeyRow::ends`].
    pub expires: Timestamp,
    pub state: KeyState,
    /// The last change of the state; absent for a key that was never stopped.
    pub changed: Option<Act>,
    /// Its number among the stops, while it is stopped.
    pub stop: Option<u64>,
    /// The key that this one replaces.
    pub rotated_from: Option<KeyId>,
    /// Until when this key counts beside the one that replaces it.
    pub overlap_end: Option<Timestamp>,
    /// When it was last accepted, to the second, as last written by [`Store::flush_usage`].
    pub last_used: Option<Timestamp>,
}

impl KeyRow {
    /// From when on the key is expired: its expiry, or the end of the overlap where that is earlier.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.overlap_end.map_or(self.expires, |overlap| overlap.min(self.expires))
    }
}

const COLUMNS: &str = "id, application, digest, scopes, environment, created, created_by, expires, state, \
                       state_at, state_by, state_reason, stop, rotated_from, overlap_end, last_used, api, label";

impl Store {
    /// Adds active keys, all of them or none. Their applications must exist.
    pub fn add_keys(&mut self, keys: &[NewKey]) -> Result<(), StoreError> {
        if KEYS_ADDED_MAX < keys.len() {
            let name = keys.len().to_string();
            return Err(StoreError::Refused { what: "count", name, why: "is more than 100000 keys at once" });
        }
        self.change(|transaction| {
            counters::advance(transaction, Counter::Keys)?;
            keys.iter().try_for_each(|key| insert(transaction, key, None))
        })
    }

    /// Adds applications and existing keys, all of them or none. What was seen of these keys before is forgotten: from
    /// now on they are somebody's.
    pub fn add_existing_keys(
        &mut self,
        applications: &[NewApplication],
        keys: &[NewKey],
    ) -> Result<(), StoreError> {
        if KEYS_ADDED_MAX < keys.len() {
            let name = keys.len().to_string();
            return Err(StoreError::Refused { what: "count", name, why: "is more than 100000 keys at once" });
        }
        self.change(|transaction| {
            applications.iter().try_for_each(|new| applications::add(transaction, new).map(|_| ()))?;
            counters::advance(transaction, Counter::Keys)?;
            for key in keys {
                insert(transaction, key, None)?;
                match &key.kind {
                    KeyKind::Existing { api, .. } => claimed::remove(transaction, api, &key.digest)?,
                    KeyKind::Own => {}
                }
            }
            Ok(())
        })
    }

    /// Adds `new` in place of `old`, which counts until `overlap_end` and no longer than its own expiry.
    /// A key is rotated once; the next rotation is that of its successor.
    pub fn rotate_key(
        &mut self,
        old: KeyId,
        new: &NewKey,
        overlap_end: Timestamp,
    ) -> Result<KeyRow, StoreError> {
        self.change(|transaction| {
            let before = found(transaction, old)?;
            let why = match before.state {
                KeyState::Active if before.overlap_end.is_none() => None,
                KeyState::Active => Some("has been rotated already; rotate its successor"),
                KeyState::Quarantined => Some("is quarantined; release or revoke it first"),
                KeyState::Revoked => Some("is revoked; create a new key"),
            };
            if let Some(why) = why {
                return Err(StoreError::Refused { what: "key", name: old.to_string(), why });
            }
            if before.application != new.application {
                let why = "belongs to another application";
                return Err(StoreError::Refused { what: "key", name: old.to_string(), why });
            }
            counters::advance(transaction, Counter::Keys)?;
            insert(transaction, new, Some(old))?;
            transaction
                .prepare_cached("UPDATE keys SET overlap_end = ?2 WHERE id = ?1")?
                .execute((old.as_str(), value::micros(overlap_end)))?;
            found(transaction, new.id)
        })
    }

    /// Stops a key, or releases it from quarantine. What is revoked stays revoked.
    pub fn change_key(&mut self, id: KeyId, change: KeyChange, act: &Act) -> Result<KeyRow, StoreError> {
        self.change(|transaction| {
            let before = found(transaction, id)?;
            let state = match (before.state, change) {
                (KeyState::Active | KeyState::Quarantined, KeyChange::Revoke) => KeyState::Revoked,
                (KeyState::Active, KeyChange::Quarantine) => KeyState::Quarantined,
                (KeyState::Quarantined, KeyChange::Release) => KeyState::Active,
                (KeyState::Revoked, KeyChange::Revoke | KeyChange::Quarantine | KeyChange::Release) => {
                    let why = "is revoked already, for good";
                    return Err(StoreError::Refused { what: "key", name: id.to_string(), why });
                }
                (KeyState::Quarantined, KeyChange::Quarantine) => {
                    let why = "is quarantined already";
                    return Err(StoreError::Refused { what: "key", name: id.to_string(), why });
                }
                (KeyState::Active, KeyChange::Release) => {
                    let why = "is not quarantined";
                    return Err(StoreError::Refused { what: "key", name: id.to_string(), why });
                }
            };
            let stop = match state {
                KeyState::Active => None,
                KeyState::Quarantined | KeyState::Revoked => {
                    Some(value::integer(counters::advance(transaction, Counter::Stops)?))
                }
            };
            counters::advance(transaction, Counter::Keys)?;
            transaction
                .prepare_cached(
                    "UPDATE keys SET state = ?2, state_at = ?3, state_by = ?4, state_reason = ?5, stop = ?6 \
                     WHERE id = ?1",
                )?
                .execute((id.as_str(), state.as_str(), value::micros(act.at), &act.by, &act.reason, stop))?;
            found(transaction, id)
        })
    }

    /// Gives a key that is not revoked these scopes in place of those it has.
    pub fn set_key_scopes(&mut self, id: KeyId, scopes: &[String]) -> Result<KeyRow, StoreError> {
        self.change(|transaction| {
            let before = found(transaction, id)?;
            match before.state {
                KeyState::Active | KeyState::Quarantined => {}
                KeyState::Revoked => {
                    let why = "is revoked, for good";
                    return Err(StoreError::Refused { what: "key", name: id.to_string(), why });
                }
            }
            counters::advance(transaction, Counter::Keys)?;
            transaction
                .prepare_cached("UPDATE keys SET scopes = ?2 WHERE id = ?1")?
                .execute((id.as_str(), value::write_texts(scopes)))?;
            found(transaction, id)
        })
    }

    /// Gives an existing key another end. Not one that is revoked, nor one of ours, which is rotated.
    pub fn set_key_expiry(&mut self, id: KeyId, expires: Timestamp) -> Result<KeyRow, StoreError> {
        self.change(|transaction| {
            let before = found(transaction, id)?;
            let why = match (before.state, &before.kind) {
                (KeyState::Revoked, _) => Some("is revoked, for good"),
                (KeyState::Active | KeyState::Quarantined, KeyKind::Own) => {
                    Some("is one of ours, which is rotated")
                }
                (KeyState::Active | KeyState::Quarantined, KeyKind::Existing { .. }) => None,
            };
            if let Some(why) = why {
                return Err(StoreError::Refused { what: "key", name: id.to_string(), why });
            }
            counters::advance(transaction, Counter::Keys)?;
            transaction
                .prepare_cached("UPDATE keys SET expires = ?2 WHERE id = ?1")?
                .execute((id.as_str(), value::micros(expires)))?;
            found(transaction, id)
        })
    }

    /// Writes when keys were last accepted; an earlier time than the one stored changes nothing.
    pub fn flush_usage(&mut self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut statement = transaction.prepare_cached(
                "UPDATE keys SET last_used = ?2 WHERE id = ?1 AND coalesce(last_used, ?3) < ?2",
            )?;
            for (id, time) in used {
                statement.execute((id.as_str(), value::micros(*time), i64::MIN))?;
            }
            Ok(())
        })
    }

    /// One key.
    pub fn key(&self, id: KeyId) -> Result<Option<KeyRow>, StoreError> {
        find(&self.connection, id)
    }

    /// The key with this digest.
    pub fn key_by_digest(&self, digest: &Digest) -> Result<Option<KeyRow>, StoreError> {
        by_digest(&self.connection, digest)
    }

    /// All keys, newest first.
    pub fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM keys ORDER BY created DESC, id");
        let mut statement = self.connection.prepare_cached(&query)?;
        let rows = statement.query(())?;
        collect(rows)
    }

    /// The keys of one application, newest first.
    pub fn keys_of(&self, application: &ApplicationName) -> Result<Vec<KeyRow>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM keys WHERE application = ?1 ORDER BY created DESC, id");
        let mut statement = self.connection.prepare_cached(&query)?;
        let rows = statement.query((application.as_str(),))?;
        collect(rows)
    }
}

fn insert(
    transaction: &Transaction<'_>,
    key: &NewKey,
    rotated_from: Option<KeyId>,
) -> Result<(), StoreError> {
    if find(transaction, key.id)?.is_some() {
        return Err(StoreError::Exists { what: "key", name: key.id.to_string() });
    }
    if let Some(same) = by_digest(transaction, &key.digest)? {
        return Err(StoreError::Exists { what: "key", name: same.id.to_string() });
    }
    let application = transaction
        .prepare_cached("SELECT 1 FROM applications WHERE name = ?1")?
        .query_row((key.application.as_str(),), |_| Ok(()))
        .optional()?;
    if application.is_none() {
        return Err(StoreError::Absent { what: "application", name: key.application.to_string() });
    }
    let (api, label) = match &key.kind {
        KeyKind::Existing { api, label } => (Some(api.as_str()), Some(label.as_str())),
        KeyKind::Own => (None, None),
    };
    transaction
        .prepare_cached(
            "INSERT INTO keys (id, application, digest, scopes, environment, created, created_by, expires, \
             state, rotated_from, api, label) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'active', ?9, ?10, ?11)",
        )?
        .execute((
            key.id.as_str(),
            key.application.as_str(),
            key.digest.as_bytes(),
            value::write_texts(&key.scopes),
            &key.environment,
            value::micros(key.created),
            &key.created_by,
            value::micros(key.expires),
            rotated_from.as_ref().map(KeyId::as_str),
            api,
            label,
        ))?;
    Ok(())
}

fn find(connection: &Connection, id: KeyId) -> Result<Option<KeyRow>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM keys WHERE id = ?1"))?
        .query_row((id.as_str(),), |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn by_digest(connection: &Connection, digest: &Digest) -> Result<Option<KeyRow>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM keys WHERE digest = ?1"))?
        .query_row((digest.as_bytes(),), |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn found(transaction: &Transaction<'_>, id: KeyId) -> Result<KeyRow, StoreError> {
    find(transaction, id)?.ok_or_else(|| StoreError::Absent { what: "key", name: id.to_string() })
}

fn collect(mut rows: rusqlite::Rows<'_>) -> Result<Vec<KeyRow>, StoreError> {
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read(row)?);
    }
    Ok(keys)
}

fn read(row: &Row<'_>) -> Result<KeyRow, StoreError> {
    let text = |index: usize| row.get_ref(index)?.as_str().map_err(value::column);
    let rotated_from: Option<String> = row.get(13)?;
    let changed = match (row.get(9)?, row.get(10)?, row.get(11)?) {
        (Some(at), Some(by), Some(reason)) => Some(Act { at: value::time(at), by, reason }),
        _ => None,
    };
    let stop: Option<i64> = row.get(12)?;
    let api: Option<String> = row.get(16)?;
    let kind = match api {
        None => KeyKind::Own,
        Some(api) => KeyKind::Existing {
            api: value::name(ApiName::parse(&api))?,
            label: row.get::<_, Option<String>>(17)?.unwrap_or_default(),
        },
    };
    Ok(KeyRow {
        id: key_id(text(0)?)?,
        kind,
        application: value::name(ApplicationName::parse(text(1)?))?,
        digest: Digest::read(row.get_ref(2)?.as_blob().map_err(value::column)?)?,
        scopes: value::read_texts(text(3)?)?,
        environment: row.get(4)?,
        created: value::time(row.get(5)?),
        created_by: row.get(6)?,
        expires: value::time(row.get(7)?),
        state: KeyState::read(text(8)?)?,
        changed,
        stop: stop.map(|stop| value::unsigned(stop, "the number of a stop")).transpose()?,
        rotated_from: rotated_from.as_deref().map(key_id).transpose()?,
        overlap_end: row.get::<_, Option<i64>>(14)?.map(value::time),
        last_used: row.get::<_, Option<i64>>(15)?.map(value::time),
    })
}

fn key_id(text: &str) -> Result<KeyId, StoreError> {
    KeyId::parse(text.as_bytes()).map_err(|_| StoreError::corrupt("the id of a key does not parse"))
}
