//! What is kept beside the files: applications, keys, administrators, secrets, revisions.
//!
//! The only crate that knows SQL. A [`Store`] is one SQLite database in WAL mode, written by one process under
//! a [`DirectoryLock`]. Every change is one transaction: it is durable when the method returns, or it did not
//! happen. Rows are typed on the way in and on the way out; a row that does not parse is [`StoreError::Corrupt`],
//! never a guess. Of keys and tokens there are digests only, secrets arrive sealed.
//!
//! It judges nothing, reads no clock and never sees a plain secret.

mod error;
mod files;
mod lock;

pub use error::StoreError;
pub use files::private_folder;
pub use lock::{DirectoryLock, LockError};
