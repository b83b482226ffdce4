//! The tables, and how an older store becomes one of today.
//!
//! A schema has a number, kept in the file itself. [`MIGRATIONS`] holds one step per number and is only ever
//! appended to: a step that has been released is never edited.

use rusqlite::{Connection, Transaction};

use crate::StoreError;

/// Says that the file is ours: `SPRT`.
const APPLICATION_ID: i32 = 0x5350_5254;

/// Step N turns schema N into schema N + 1.
pub(crate) const MIGRATIONS: &[&str] = &[FIRST, COUNTED, BLOCKED, EXISTING_KEYS, USAGE, USAGE_SHARES];

/// The schema that this program writes.
pub const SCHEMA_KNOWN: u32 = {
    // INVARIANT: there are fewer steps than 2^16, so the number is exact.
    #[expect(clippy::cast_possible_truncation, reason = "the length of a list written above, below 2^16")]
    let known = MIGRATIONS.len() as u32;
    known
};

const FIRST: &str = "
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT;
INSERT INTO counters (name, value) VALUES ('keys', 0), ('revision', 0), ('stops', 0);

CREATE TABLE applications (
    name       TEXT PRIMARY KEY,
    team       TEXT NOT NULL,
    attributes TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('enabled', 'disabled')),
    version    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    application  TEXT NOT NULL REFERENCES applications (name),
    digest       BLOB NOT NULL CHECK (length(digest) = 32),
    scopes       TEXT NOT NULL,
    environment  TEXT NOT NULL,
    created      INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    expires      INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('active', 'quarantined', 'revoked')),
    state_at     INTEGER,
    state_by     TEXT,
    state_reason TEXT,
    stop         INTEGER,
    rotated_from TEXT REFERENCES keys (id),
    overlap_end  INTEGER,
    last_used    INTEGER
) STRICT;
CREATE INDEX keys_by_application ON keys (application);
CREATE UNIQUE INDEX keys_by_digest ON keys (digest);
CREATE UNIQUE INDEX keys_by_rotation ON keys (rotated_from) WHERE rotated_from IS NOT NULL;

CREATE TABLE administrators (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'analyst', 'owner', 'admin')),
    token      BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    state      TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;

CREATE TABLE bootstrap (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    token   BLOB NOT NULL CHECK (length(token) = 32),
    expires INTEGER NOT NULL
) STRICT;

CREATE TABLE observations (
    api          TEXT PRIMARY KEY,
    ends         INTEGER NOT NULL,
    first_stored INTEGER NOT NULL,
    renewals     INTEGER NOT NULL DEFAULT 0,
    renewed_at   INTEGER,
    renewed_by   TEXT,
    reason       TEXT
) STRICT;

CREATE TABLE secrets (
    name    TEXT PRIMARY KEY,
    sealed  BLOB NOT NULL,
    written INTEGER NOT NULL
) STRICT;

CREATE TABLE revisions (
    number       INTEGER PRIMARY KEY,
    time         INTEGER NOT NULL,
    author       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    content_hash BLOB NOT NULL CHECK (length(content_hash) = 32)
) STRICT;

CREATE TABLE texts (
    id      INTEGER PRIMARY KEY,
    content BLOB NOT NULL
) STRICT;

CREATE TABLE revision_files (
    revision INTEGER NOT NULL REFERENCES revisions (number) ON DELETE CASCADE,
    path     TEXT NOT NULL,
    text     INTEGER NOT NULL REFERENCES texts (id),
    PRIMARY KEY (revision, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX revision_files_by_text ON revision_files (text);

CREATE TABLE rollups (
    day       INTEGER NOT NULL,
    api       TEXT NOT NULL,
    verdict   TEXT NOT NULL,
    caller    TEXT NOT NULL,
    operation TEXT NOT NULL,
    reason    TEXT NOT NULL,
    count     INTEGER NOT NULL CHECK (count > 0),
    last      INTEGER NOT NULL,
    PRIMARY KEY (day, api, verdict, caller, operation, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE validated (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Up to where a log is in `rollups`, so that what a crash left out can be counted again, once.
const COUNTED: &str = "
CREATE TABLE counted (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    origin TEXT NOT NULL,
    next   INTEGER NOT NULL CHECK (next >= 0)
) STRICT;
";

/// Blocks as signed notes, and the signed note about all of them.
const BLOCKED: &str = "
CREATE TABLE blocks (
    id   TEXT PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

CREATE TABLE blocks_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    note TEXT NOT NULL
) STRICT;
";

/// Keys that an API had before: in `keys` once somebody vouches for them, `digest` then being a keyed hash; in
/// `claimed_keys` while they were only seen.
const EXISTING_KEYS: &str = "
ALTER TABLE keys ADD COLUMN api TEXT;
ALTER TABLE keys ADD COLUMN label TEXT;
CREATE TABLE claimed_keys (
    api        TEXT NOT NULL,
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    count      INTEGER NOT NULL CHECK (count > 0),
    succeeded  INTEGER NOT NULL CHECK (succeeded >= 0),
    operations TEXT NOT NULL,
    PRIMARY KEY (api, digest)
) STRICT, WITHOUT ROWID;
";

/// Roll-ups of recorded requests, the facts that they are about, calls whose ending is to come, and up to where of the log
/// they go.
const USAGE: &str = "
CREATE TABLE usage_facts (
    number INTEGER PRIMARY KEY,
    text   TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE usage (
    day           INTEGER NOT NULL,
    api           TEXT NOT NULL,
    facts         INTEGER NOT NULL REFERENCES usage_facts (number),
    calls         INTEGER NOT NULL CHECK (calls > 0),
    ok            INTEGER NOT NULL,
    client_errors INTEGER NOT NULL,
    server_errors INTEGER NOT NULL,
    broken        INTEGER NOT NULL,
    bytes_in      INTEGER NOT NULL,
    bytes_out     INTEGER NOT NULL,
    hours         INTEGER NOT NULL,
    first         INTEGER NOT NULL,
    last          INTEGER NOT NULL,
    first_id      BLOB NOT NULL CHECK (length(first_id) = 16),
    last_id       BLOB NOT NULL CHECK (length(last_id) = 16),
    PRIMARY KEY (day, api, facts)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_facts ON usage (facts);

CREATE TABLE usage_open (
    id    BLOB PRIMARY KEY CHECK (length(id) = 16),
    day   INTEGER NOT NULL,
    facts INTEGER NOT NULL REFERENCES usage_facts (number)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_counted (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    origin TEXT NOT NULL,
    next   INTEGER NOT NULL CHECK (next >= 0),
    lost   INTEGER NOT NULL CHECK (lost >= 0)
) STRICT;
";

/// Whose share of a day's rows a row with these facts takes.
const USAGE_SHARES: &str = "
ALTER TABLE usage_facts ADD COLUMN share INTEGER NOT NULL DEFAULT 0;
";

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Empty,
    /// A store of this schema.
    Schema(u32),
}

/// Reads the number of the schema and refuses a file that is not a store, or one from the future.
pub(crate) fn found(connection: &Connection, known: u32) -> Result<Found, StoreError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    match (application, u32::try_from(version)) {
        (0, Ok(0)) if tables == 0 => Ok(Found::Empty),
        (APPLICATION_ID, Ok(found)) if known < found => Err(StoreError::NewerSchema { found, known }),
        (APPLICATION_ID, Ok(found)) if 0 < found => Ok(Found::Schema(found)),
        (_, Ok(_) | Err(_)) => Err(StoreError::corrupt("the database is not a store of Sallyport")),
    }
}

/// Brings a schema up to date inside the caller's transaction: all steps after `from`, or none.
pub(crate) fn migrate(transaction: &Transaction<'_>, from: u32, steps: &[&str]) -> Result<(), StoreError> {
    for step in steps.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", number(steps))?;
    Ok(())
}

/// The schema that these steps lead to.
pub(crate) fn number(steps: &[&str]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}
