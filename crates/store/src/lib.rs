//! What is kept beside the files: applications, keys, administrators, secrets, revisions.
//!
//! The only crate that knows SQL. A [`Store`] is one SQLite database in WAL mode, written by one process under
//! a [`DirectoryLock`]. Every change is one transaction: it is durable when the method returns, or it did not
//! happen. Rows are typed on the way in and on the way out; a row that does not parse is [`StoreError::Corrupt`],
//! never a guess. Of keys and tokens there are digests only, of existing keys keyed ones, secrets arrive sealed.
//!
//! It judges nothing, reads no clock and never sees a plain secret.

mod administrators;
mod applications;
mod blocks;
mod claimed;
mod counters;
mod error;
mod files;
mod keys;
mod lock;
mod observations;
mod revisions;
mod rollups;
mod schema;
mod secrets;
mod store;
mod usage;
mod validated;
mod value;

pub use administrators::{AdministratorRow, AdministratorState, Bootstrapped, NewAdministrator, Role};
pub use applications::{ApplicationRow, ApplicationState, NewApplication};
pub use blocks::{BlockRow, StoredBlocks};
pub use claimed::{CLAIMED_MAX, CLAIMED_OPERATIONS_MAX, ClaimedRow};
pub use counters::Versions;
pub use error::StoreError;
pub use files::private_folder;
pub use keys::{KEYS_ADDED_MAX, KeyChange, KeyKind, KeyRow, KeyState, NewKey};
pub use lock::{DirectoryLock, LockError};
pub use observations::Observation;
pub use revisions::{NewRevision, RevisionRow};
pub use rollups::{Counted, ERASED, OTHER, ROLLUP_ROWS_MAX, Rollup};
pub use schema::SCHEMA_KNOWN;
pub use secrets::SEALED_BYTES_MAX;
pub use store::{Access, Opened, Store};
pub use usage::{UsageBatch, UsageCounted, UsageRow, UsageSpread};
pub use validated::VALIDATED_MAX;
pub use value::{Act, Digest};

#[cfg(test)]
mod tests;
