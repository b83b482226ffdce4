//! Opening the database, and the one way in which it is changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::schema::{self, Found, MIGRATIONS};
use crate::{StoreError, files};

/// How long a statement waits for another process that writes, such as a backup.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Statements that stay prepared; there are fewer in this crate.
const STATEMENTS_MAX: usize = 128;

/// The store of one gateway.
///
/// Methods that read take `&self`, methods that change take `&mut self` and are one transaction each.
#[derive(Debug)]
pub struct Store {
    pub(crate) connection: Connection,
}

/// Whether a store takes changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// What opening did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// There was no store; an empty one was made.
    Created,
    /// It was of today's schema.
    Current,
    /// It was of schema `from`; a copy of it lies in `backup`.
    Migrated { from: u32, backup: PathBuf },
}

impl Store {
    /// Opens the store in the file `path`, makes it where it is missing, and brings an older one up to date.
    ///
    /// The file and what SQLite puts beside it are readable by their owner alone. Before an older schema is
    /// changed, a copy is written to `PATH.schema-N.backup`; a newer one is refused and not touched.
    pub fn open(path: &Path) -> Result<(Self, Opened), StoreError> {
        Self::open_with(path, MIGRATIONS)
    }

    /// As [`Self::open`], for a program that knows these steps.
    pub(crate) fn open_with(path: &Path, steps: &[&str]) -> Result<(Self, Opened), StoreError> {
        files::private_file(path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            std::io::ErrorKind::StorageFull => StoreError::Full,
            _ => StoreError::Open { path: path.display().to_string(), cause },
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        prepare(&connection)?;
        let found = schema::found(&connection, schema::number(steps))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        Self::finish(connection, found, path, steps)
    }

    /// A store that ends with the value.
    pub fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        let (store, _) = Self::finish(connection, Found::Empty, Path::new(""), MIGRATIONS)?;
        Ok(store)
    }

    fn finish(
        connection: Connection,
        found: Found,
        path: &Path,
        steps: &[&str],
    ) -> Result<(Self, Opened), StoreError> {
        let mut store = Self { connection };
        let opened = match found {
            Found::Schema(from) if from == schema::number(steps) => Opened::Current,
            Found::Empty => {
                store.change(|transaction| schema::migrate(transaction, 0, steps))?;
                Opened::Created
            }
            Found::Schema(from) => {
                let backup = backup_path(path, from);
                store.back_up(&backup)?;
                store.change(|transaction| schema::migrate(transaction, from, steps))?;
                Opened::Migrated { from, backup }
            }
        };
        Ok((store, opened))
    }

    /// Has the store refuse changes from now on, as on a disk that is read-only, or take them again; for tests of what
    /// happens then.
    pub fn set_access(&self, access: Access) -> Result<(), StoreError> {
        Ok(self.connection.pragma_update(None, "query_only", access == Access::ReadOnly)?)
    }

    /// Writes a whole copy of the store to `path`, which must not exist; readable by its owner alone.
    pub fn back_up(&self, path: &Path) -> Result<(), StoreError> {
        let shown = path.display().to_string();
        if path.try_exists().unwrap_or(true) {
            return Err(StoreError::Exists { what: "the backup", name: shown });
        }
        let open = |cause| StoreError::Open { path: shown.clone(), cause };
        // SQLite fills an empty file that is there; made first, it is never readable by others.
        files::private_file(path).map_err(open)?;
        let Some(target) = path.to_str() else {
            return Err(StoreError::Refused { what: "the path", name: shown, why: "is not UTF-8" });
        };
        self.connection.prepare_cached("VACUUM INTO ?1")?.execute((target,))?;
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(open)
    }

    /// Reads every page and says whether they agree with each other; takes time in proportion to the store.
    pub fn check(&self) -> Result<(), StoreError> {
        let verdict: String =
            self.connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::corrupt(verdict)) }
    }

    /// Does `act` wholly or not at all.
    pub(crate) fn change<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = act(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "foreign_keys", true)?;
    // Every commit reaches the disk before the method returns: a revocation must not be undone by a power loss.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What was erased is overwritten, so that no free page of the file holds it.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    Ok(())
}

/// The first free name beside the store; an earlier attempt may have left a copy, which is never written over.
fn backup_path(path: &Path, from: u32) -> PathBuf {
    let named = |suffix: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut backup = named(format!(".schema-{from}.backup"));
    let mut attempt = 1_u32;
    while backup.try_exists().unwrap_or(false) && attempt < 1_000 {
        attempt += 1;
        backup = named(format!(".schema-{from}.backup-{attempt}"));
    }
    backup
}
