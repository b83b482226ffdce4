//! What can go wrong with the store.

use rusqlite::ErrorCode;

/// Why an operation on the store did not happen. Whatever the kind, nothing of the change was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store `{path}` cannot be opened")]
    Open {
        path: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("the store is busy: another process is writing")]
    Busy,
    #[error("the store is damaged: {what}; restore a backup")]
    Corrupt { what: String },
    #[error("the disk of the store is full")]
    Full,
    #[error("the store cannot be written: its file or folder is read-only")]
    ReadOnly,
    #[error(
        "the store was written by a newer Sallyport (schema {found}; this one knows {known}); run that version, or restore the backup made before the upgrade"
    )]
    NewerSchema { found: u32, known: u32 },
    #[error("{what} `{name}` exists already")]
    Exists { what: &'static str, name: String },
    #[error("there is no {what} `{name}`")]
    Absent { what: &'static str, name: String },
    #[error("{what} `{name}` {why}")]
    Refused { what: &'static str, name: String, why: &'static str },
    #[error("the store failed")]
    Sql {
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A row that does not say what its table promises.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

/// Sorts what SQLite reports into the kinds that callers act on.
impl From<rusqlite::Error> for StoreError {
    fn from(cause: rusqlite::Error) -> Self {
        let code = match &cause {
            rusqlite::Error::SqliteFailure(failure, _) => Some(failure.code),
            _ => None,
        };
        match code {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt) => Self::corrupt("its pages contradict each other"),
            Some(ErrorCode::NotADatabase) => Self::corrupt("the file is not a database"),
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            _ => match &cause {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..) => Self::corrupt(cause.to_string()),
                _ => Self::Sql { cause: Box::new(cause) },
            },
        }
    }
}
