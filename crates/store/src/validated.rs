//! What has been validated already, by content, so that a start need not do it again.
//!
//! A hash here means that this very content was found free of errors by this very version; the caller puts its
//! version into the hash.

use std::collections::HashSet;

use model::Timestamp;

use crate::value;
use crate::{Store, StoreError};

/// The most hashes that are kept; the ones not seen for longest go first.
pub const VALIDATED_MAX: u32 = 200_000;

impl Store {
    /// All hashes known to be valid.
    pub fn validated(&self) -> Result<HashSet<[u8; 32]>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT hash FROM validated")?;
        let mut rows = statement.query(())?;
        let mut hashes = HashSet::new();
        while let Some(row) = rows.next()? {
            hashes.insert(row.get(0)?);
        }
        Ok(hashes)
    }

    /// Keeps hashes of valid content, and forgets the oldest beyond [`VALIDATED_MAX`].
    pub fn remember_validated(
        &mut self,
        hashes: impl IntoIterator<Item = [u8; 32]>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut statement = transaction
                .prepare_cached("INSERT OR REPLACE INTO validated (hash, seen) VALUES (?1, ?2)")?;
            for hash in hashes {
                statement.execute((hash, value::micros(now)))?;
            }
            transaction
                .prepare_cached(
                    "DELETE FROM validated WHERE hash IN \
                     (SELECT hash FROM validated ORDER BY seen DESC, hash LIMIT -1 OFFSET ?1)",
                )?
                .execute((VALIDATED_MAX,))?;
            Ok(())
        })
    }
}
