//! What can go wrong with the store.

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
        cause: rusqlite::Error,
    },
}
