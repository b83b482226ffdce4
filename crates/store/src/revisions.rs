//! Revisions: the texts that were in force, so that an old decision can be explained.
//!
//! A text that did not change since the revision before is stored once. Numbers come from a counter and are never
//! given twice, even when revisions have been removed. What a revision changed is kept beside its files, as one more text
//! under a path that no file of a repository has.

use std::collections::BTreeMap;

use model::{RevisionNumber, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::counters::{self, Counter};
use crate::value;
use crate::{Store, StoreError};

/// A revision to add.
#[derive(Clone, Debug)]
pub struct NewRevision<'a> {
    pub time: Timestamp,
    pub author: &'a str,
    pub reason: &'a str,
    /// Hash over all paths and texts, as the caller defines it.
    pub content_hash: [u8; 32],
    /// Path and content of every file.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// What it changes, as the caller writes it.
    pub summary: Option<&'a str>,
}

/// Where the summary of a revision is kept; a repository reads no file whose name begins with a dot.
const SUMMARY: &str = ".summary";

/// A revision without its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRow {
    pub number: RevisionNumber,
    pub time: Timestamp,
    pub author: String,
    pub reason: String,
    pub content_hash: [u8; 32],
}

const COLUMNS: &str = "number, time, author, reason, content_hash";

impl Store {
    /// Stores a revision under the next number.
    pub fn add_revision(&mut self, new: &NewRevision<'_>) -> Result<RevisionRow, StoreError> {
        self.change(|transaction| {
            let before = latest(transaction)?;
            let number = counters::advance(transaction, Counter::Revision)?;
            transaction
                .prepare_cached(
                    "INSERT INTO revisions (number, time, author, reason, content_hash) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((
                    value::integer(number),
                    value::micros(new.time),
                    new.author,
                    new.reason,
                    new.content_hash,
                ))?;
            for (path, content) in new.files {
                let text = match &before {
                    Some(before) => unchanged(transaction, before.number, path, content)?,
                    None => None,
                };
                add_file(transaction, number, path, content, text)?;
            }
            if let Some(summary) = new.summary {
                add_file(transaction, number, SUMMARY, summary.as_bytes(), None)?;
            }
            find(transaction, RevisionNumber(number))?
                .ok_or_else(|| StoreError::corrupt("a revision is gone while it is written"))
        })
    }

    /// Names who stands for a revision that came into force by itself, and why.
    pub fn confirm_revision(
        &mut self,
        number: RevisionNumber,
        author: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction
                .prepare_cached("UPDATE revisions SET author = ?2, reason = ?3 WHERE number = ?1")?
                .execute((value::integer(number.0), author, reason))?;
            Ok(())
        })
    }

    /// One revision.
    pub fn revision(&self, number: RevisionNumber) -> Result<Option<RevisionRow>, StoreError> {
        find(&self.connection, number)
    }

    /// The revision with the highest number.
    pub fn latest_revision(&self) -> Result<Option<RevisionRow>, StoreError> {
        latest(&self.connection)
    }

    /// The highest number that was ever given.
    pub fn last_revision_number(&self) -> Result<RevisionNumber, StoreError> {
        counters::current(&self.connection, Counter::Revision).map(RevisionNumber)
    }

    /// The newest revisions, newest first.
    pub fn revisions(&self, count_max: u32) -> Result<Vec<RevisionRow>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM revisions ORDER BY number DESC LIMIT ?1");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query((count_max,))?;
        let mut revisions = Vec::new();
        while let Some(row) = rows.next()? {
            revisions.push(read(row)?);
        }
        Ok(revisions)
    }

    /// Since when the file of this path is as the newest revision has it; none where that has no such file.
    pub fn file_since(&self, path: &str) -> Result<Option<Timestamp>, StoreError> {
        // A text that changed has another id, also where it changes back.
        let since: Option<i64> = self
            .connection
            .prepare_cached(
                "WITH newest (text) AS (SELECT text FROM revision_files \
                 WHERE path = ?1 AND revision = (SELECT max(number) FROM revisions)) \
                 SELECT min(time) FROM revisions WHERE EXISTS (SELECT 1 FROM newest) AND number > coalesce((\
                 SELECT max(number) FROM revisions WHERE NOT EXISTS (SELECT 1 FROM revision_files, newest \
                 WHERE revision = number AND path = ?1 AND revision_files.text = newest.text)), 0)",
            )?
            .query_row((path,), |row| row.get(0))?;
        Ok(since.map(value::time))
    }

    /// The files of a revision, path and content.
    pub fn revision_files(&self, number: RevisionNumber) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        if find(&self.connection, number)?.is_none() {
            return Err(StoreError::Absent { what: "revision", name: number.to_string() });
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT path, content FROM revision_files JOIN texts ON texts.id = text \
             WHERE revision = ?1 AND path <> ?2",
        )?;
        let mut rows = statement.query((value::integer(number.0), SUMMARY))?;
        let mut files = BTreeMap::new();
        while let Some(row) = rows.next()? {
            files.insert(row.get(0)?, row.get(1)?);
        }
        Ok(files)
    }

    /// What a revision changed, as it was written; none where that was not kept.
    pub fn revision_summary(&self, number: RevisionNumber) -> Result<Option<String>, StoreError> {
        let content: Option<Vec<u8>> = self
            .connection
            .prepare_cached(
                "SELECT content FROM revision_files JOIN texts ON texts.id = text \
                 WHERE revision = ?1 AND path = ?2",
            )?
            .query_row((value::integer(number.0), SUMMARY), |row| row.get(0))
            .optional()?;
        let read = |bytes| String::from_utf8(bytes).map_err(|_| StoreError::corrupt("a summary is no text"));
        content.map(read).transpose()
    }

    /// Removes revisions that ceased to be in force before `point`; gives their number. The latest always stays, and
    /// so does the one that was in force at `point`, since records from then on name it.
    pub fn remove_revisions_before(&mut self, point: Timestamp) -> Result<usize, StoreError> {
        self.change(|transaction| {
            let removed = transaction
                .prepare_cached(
                    "DELETE FROM revisions WHERE number < \
                     (SELECT max(number) FROM revisions WHERE time <= ?1)",
                )?
                .execute((value::micros(point),))?;
            transaction
                .prepare_cached("DELETE FROM texts WHERE id NOT IN (SELECT text FROM revision_files)")?
                .execute(())?;
            Ok(removed)
        })
    }
}

/// The text of `path` in an earlier revision, where it is the same.
fn unchanged(
    transaction: &Transaction<'_>,
    before: RevisionNumber,
    path: &str,
    content: &[u8],
) -> Result<Option<i64>, StoreError> {
    Ok(transaction
        .prepare_cached(
            "SELECT texts.id FROM revision_files JOIN texts ON texts.id = text \
             WHERE revision = ?1 AND path = ?2 AND content = ?3",
        )?
        .query_row((value::integer(before.0), path, content), |row| row.get(0))
        .optional()?)
}

fn add_file(
    transaction: &Transaction<'_>,
    revision: u64,
    path: &str,
    content: &[u8],
    text: Option<i64>,
) -> Result<(), StoreError> {
    let text = match text {
        Some(text) => text,
        None => transaction.prepare_cached("INSERT INTO texts (content) VALUES (?1)")?.insert((content,))?,
    };
    transaction
        .prepare_cached("INSERT INTO revision_files (revision, path, text) VALUES (?1, ?2, ?3)")?
        .execute((value::integer(revision), path, text))?;
    Ok(())
}

fn find(connection: &Connection, number: RevisionNumber) -> Result<Option<RevisionRow>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM revisions WHERE number = ?1"))?
        .query_row((value::integer(number.0),), |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn latest(connection: &Connection) -> Result<Option<RevisionRow>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM revisions ORDER BY number DESC LIMIT 1"))?
        .query_row((), |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn read(row: &Row<'_>) -> Result<RevisionRow, StoreError> {
    Ok(RevisionRow {
        number: RevisionNumber(value::unsigned(row.get(0)?, "the number of a revision")?),
        time: value::time(row.get(1)?),
        author: row.get(2)?,
        reason: row.get(3)?,
        content_hash: row.get(4)?,
    })
}
