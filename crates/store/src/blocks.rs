//! Blocks: signed notes by id, and a signed note about all of them.
//!
//! What a block says stands in its note alone, so no column can say another thing. Who holds the key writes both notes
//! and verifies both; here they are texts. Every change of the list writes the note about all of them in the same
//! transaction, so that a list from which a row was taken does not fit it.

use model::Timestamp;
use rusqlite::Transaction;

use crate::counters::{self, Counter};
use crate::{Store, StoreError};

/// A block as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    pub id: String,
    /// The signed note.
    pub note: String,
}

/// All blocks, and the signed note about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlocks {
    /// By id.
    pub rows: Vec<BlockRow>,
    /// Absent in a store that never had the key.
    pub head: Option<String>,
}

impl Store {
    /// Every block that is stored.
    pub fn blocks(&self) -> Result<StoredBlocks, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT id, note FROM blocks ORDER BY id")?;
        let mut found = statement.query(())?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push(BlockRow { id: row.get(0)?, note: row.get(1)? });
        }
        let mut statement = self.connection.prepare_cached("SELECT note FROM blocks_head WHERE only = 1")?;
        let mut heads = statement.query(())?;
        let head = heads.next()?.map(|row| row.get(0)).transpose()?;
        Ok(StoredBlocks { rows, head })
    }

    /// Stores the sealed key `name` and with it the note about an empty list: where the key is, the note has to be.
    pub fn begin_blocks(
        &mut self,
        name: &str,
        sealed: &[u8],
        head: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|transaction| {
            crate::secrets::add(transaction, name, sealed, now)?;
            put_head(transaction, head)
        })
    }

    /// Adds a block; gives its number among the stops.
    pub fn add_block(&mut self, row: &BlockRow, head: &str) -> Result<u64, StoreError> {
        self.change(|transaction| {
            let taken = "SELECT count(*) FROM blocks WHERE id = ?1";
            let taken: i64 = transaction.prepare_cached(taken)?.query_row((&row.id,), |row| row.get(0))?;
            if taken != 0 {
                return Err(StoreError::Exists { what: "block", name: row.id.clone() });
            }
            transaction
                .prepare_cached("INSERT INTO blocks (id, note) VALUES (?1, ?2)")?
                .execute((&row.id, &row.note))?;
            put_head(transaction, head)?;
            counters::advance(transaction, Counter::Stops)
        })
    }

    /// Removes these blocks; those that are not there are removed. Gives the number of the change among the stops.
    pub fn remove_blocks(&mut self, ids: &[String], head: &str) -> Result<u64, StoreError> {
        self.change(|transaction| {
            let mut statement = transaction.prepare_cached("DELETE FROM blocks WHERE id = ?1")?;
            for id in ids {
                statement.execute((id,))?;
            }
            put_head(transaction, head)?;
            counters::advance(transaction, Counter::Stops)
        })
    }
}

fn put_head(transaction: &Transaction<'_>, head: &str) -> Result<(), StoreError> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO blocks_head (only, note) VALUES (1, ?1)")?
        .execute((head,))?;
    Ok(())
}
