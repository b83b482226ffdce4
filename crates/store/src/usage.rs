//! Roll-ups of recorded requests: per day, how often calls with equal facts happened, and what came of them.
//!
//! The facts are text that this crate does not read, each kept once. A batch is one transaction with the place in the log
//! up to which it counts, so that every call is counted once, whenever the process before ended.

use model::{ApiName, DecisionId, Timestamp, UseCounts, UseEnding};
use rusqlite::{OptionalExtension, Row, Transaction};

use crate::value;
use crate::{Counted, Store, StoreError};

/// For how many days the ending of a call is waited for.
const OPEN_DAYS: i64 = 7;

/// Calls of one day with equal facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRow<'a> {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// The API's name; empty for calls that reached none.
    pub api: &'a str,
    pub facts: &'a str,
    /// By which whoever counts rows tells whose this is; 0 for nobody's. It is the same for equal facts.
    pub share: i64,
    pub counts: UseCounts,
}

/// What a batch of the log adds.
#[derive(Clone, Debug)]
pub struct UsageBatch<'a> {
    pub rows: Vec<UsageRow<'a>>,
    /// Calls without an ending, with the place of their row in `rows`.
    pub opened: Vec<(DecisionId, usize)>,
    /// Endings of calls of earlier batches.
    pub late: Vec<(DecisionId, UseEnding)>,
    /// Entries that the log lost.
    pub lost: u64,
    /// Up to where the log is counted then.
    pub counted: Counted,
}

/// How many rows there are of a day, an API and a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSpread {
    pub day: i64,
    pub api: String,
    pub share: i64,
    pub rows: u64,
}

/// Up to where the log is in the roll-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageCounted {
    pub counted: Counted,
    /// Entries that the log lost, so that calls are missing.
    pub lost: u64,
}

impl Store {
    /// Adds a batch: all of it or none. Gives the places of the batch's rows that were not there before.
    pub fn add_usage(&mut self, batch: &UsageBatch<'_>) -> Result<Vec<usize>, StoreError> {
        self.change(|transaction| {
            let mut places = Vec::with_capacity(batch.rows.len());
            let mut made = Vec::new();
            for (place, row) in batch.rows.iter().enumerate() {
                let facts = facts_number(transaction, row.facts, row.share)?;
                match add(transaction, row.day, row.api, facts, &row.counts)? {
                    Added::New => made.push(place),
                    Added::ToKnown => {}
                }
                places.push((row.day, facts));
            }
            for (id, place) in &batch.opened {
                let Some((day, facts)) = places.get(*place) else {
                    return Err(StoreError::corrupt("a call of no row"));
                };
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO usage_open (id, day, facts) VALUES (?1, ?2, ?3)")?
                    .execute((id.to_bytes(), day, facts))?;
            }
            batch.late.iter().try_for_each(|(id, ending)| end(transaction, *id, ending))?;
            if let Some(newest) = batch.rows.iter().map(|row| row.day).max() {
                transaction
                    .prepare_cached("DELETE FROM usage_open WHERE day < ?1")?
                    .execute((newest.saturating_sub(OPEN_DAYS),))?;
            }
            transaction
                .prepare_cached(
                    "INSERT INTO usage_counted (only, origin, next, lost) VALUES (1, ?1, ?2, ?3) ON CONFLICT DO \
                     UPDATE SET origin = excluded.origin, next = excluded.next, lost = lost + excluded.lost",
                )?
                .execute((
                    &batch.counted.origin,
                    value::integer(batch.counted.next),
                    value::integer(batch.lost),
                ))?;
            Ok(made)
        })
    }

    /// Up to where the log is counted; `None` before the first batch.
    pub fn usage_counted(&self) -> Result<Option<UsageCounted>, StoreError> {
        let found: Option<(String, i64, i64)> = self
            .connection
            .prepare_cached("SELECT origin, next, lost FROM usage_counted")?
            .query_row((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let read = |(origin, next, lost)| {
            let next = value::unsigned(next, "the number of an entry")?;
            Ok(UsageCounted { counted: Counted { origin, next }, lost: value::unsigned(lost, "a count")? })
        };
        found.map(read).transpose()
    }

    /// How many rows there are of each day, API and share.
    pub fn usage_spread(&self) -> Result<Vec<UsageSpread>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT day, api, share, count(*) FROM usage JOIN usage_facts ON facts = number GROUP BY day, api, share",
        )?;
        let mut rows = statement.query(())?;
        let mut spread = Vec::new();
        while let Some(row) = rows.next()? {
            let rows = value::unsigned(row.get(3)?, "a count")?;
            spread.push(UsageSpread { day: row.get(0)?, api: row.get(1)?, share: row.get(2)?, rows });
        }
        Ok(spread)
    }

    /// When the first and the last call of all rows was; none without one.
    pub fn usage_days(&self) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let found: (Option<i64>, Option<i64>) = self
            .connection
            .prepare_cached("SELECT min(first), max(last) FROM usage")?
            .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(match found {
            (Some(first), Some(last)) => Some((value::time(first), value::time(last))),
            (_, _) => None,
        })
    }

    /// Hands every row of the days `from..=to`, of one API where it is named, to `take`: the number of its facts, its day
    /// and its counts. Rows of one number are of the same facts; [`Self::usage_facts`] gives them.
    pub fn each_usage<E: From<StoreError>>(
        &self,
        (from, to): (i64, i64),
        api: Option<&ApiName>,
        mut take: impl FnMut(i64, i64, &UseCounts) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT facts, day, {COUNT_COLUMNS} FROM usage WHERE day BETWEEN ?1 AND ?2 AND (?3 IS NULL OR api = ?3) \
             ORDER BY day, api, facts"
        );
        let mut statement = self.connection.prepare_cached(&sql).map_err(StoreError::from)?;
        let api = api.map(ApiName::as_str);
        let mut rows = statement.query((from, to, api)).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let number = row.get(0).map_err(StoreError::from)?;
            let day = row.get(1).map_err(StoreError::from)?;
            take(number, day, &counts(row, 2)?)?;
        }
        Ok(())
    }

    /// The facts of a number.
    pub fn usage_facts(&self, number: i64) -> Result<String, StoreError> {
        let found: Option<String> = self
            .connection
            .prepare_cached("SELECT text FROM usage_facts WHERE number = ?1")?
            .query_row((number,), |row| row.get(0))
            .optional()?;
        found.ok_or_else(|| StoreError::corrupt("a roll-up names facts that are not there"))
    }

    /// Replaces facts: `replace` gives the new text of those that change, which are nobody's then. Rows whose facts become
    /// equal are added up.
    pub fn replace_usage_facts(
        &mut self,
        replace: impl Fn(&str) -> Option<String>,
    ) -> Result<u64, StoreError> {
        self.change(|transaction| {
            let mut changed = Vec::new();
            {
                let mut statement = transaction.prepare_cached("SELECT number, text FROM usage_facts")?;
                let mut rows = statement.query(())?;
                while let Some(row) = rows.next()? {
                    let text = row.get_ref(1)?.as_str().map_err(value::column)?;
                    if let Some(new) = replace(text) {
                        changed.push((row.get::<_, i64>(0)?, new));
                    }
                }
            }
            let mut count = 0;
            for (old, text) in changed {
                let new = facts_number(transaction, &text, 0)?;
                if new != old {
                    move_counts(transaction, old, new)?;
                    count += 1;
                }
            }
            Ok(count)
        })
    }

    /// Removes the rows of days before `day`, and the facts that nothing names any more.
    pub fn remove_usage_before(&mut self, day: i64) -> Result<(), StoreError> {
        self.change(|transaction| {
            let removed = transaction.prepare_cached("DELETE FROM usage WHERE day < ?1")?.execute((day,))?;
            if 0 < removed {
                transaction.prepare_cached("DELETE FROM usage_open WHERE day < ?1")?.execute((day,))?;
                transaction
                    .prepare_cached(
                        "DELETE FROM usage_facts WHERE number NOT IN (SELECT facts FROM usage) \
                         AND number NOT IN (SELECT facts FROM usage_open)",
                    )?
                    .execute(())?;
            }
            Ok(())
        })
    }
}

const COUNT_COLUMNS: &str = "calls, ok, client_errors, server_errors, broken, bytes_in, bytes_out, hours, first, last, \
                             first_id, last_id";

fn facts_number(transaction: &Transaction<'_>, text: &str, share: i64) -> Result<i64, StoreError> {
    let found = transaction
        .prepare_cached("SELECT number FROM usage_facts WHERE text = ?1")?
        .query_row((text,), |row| row.get(0))
        .optional()?;
    match found {
        Some(number) => Ok(number),
        None => Ok(transaction
            .prepare_cached("INSERT INTO usage_facts (text, share) VALUES (?1, ?2)")?
            .insert((text, share))?),
    }
}

fn counts(row: &Row<'_>, at: usize) -> Result<UseCounts, StoreError> {
    let count = |offset: usize| value::unsigned(row.get(at + offset)?, "a count");
    let id = |offset: usize| -> Result<DecisionId, StoreError> {
        Ok(DecisionId::from_bytes(row.get::<_, [u8; 16]>(at + offset)?))
    };
    Ok(UseCounts {
        calls: count(0)?,
        ok: count(1)?,
        client_errors: count(2)?,
        server_errors: count(3)?,
        broken: count(4)?,
        bytes_in: count(5)?,
        bytes_out: count(6)?,
        hours: row.get(at + 7)?,
        first: value::time(row.get(at + 8)?),
        last: value::time(row.get(at + 9)?),
        samples: [id(10)?, id(11)?],
    })
}

/// Whether counts became a row or were added to one.
enum Added {
    New,
    ToKnown,
}

/// As [`UseCounts::add`] does it, in one step.
fn add(
    transaction: &Transaction<'_>,
    day: i64,
    api: &str,
    facts: i64,
    new: &UseCounts,
) -> Result<Added, StoreError> {
    const SQL: &str = "\
        INSERT INTO usage (day, api, facts, calls, ok, client_errors, server_errors, broken, bytes_in, bytes_out, hours, \
        first, last, first_id, last_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
        ON CONFLICT DO UPDATE SET \
        calls = min(calls, ?16 - excluded.calls) + excluded.calls, \
        ok = min(ok, ?16 - excluded.ok) + excluded.ok, \
        client_errors = min(client_errors, ?16 - excluded.client_errors) + excluded.client_errors, \
        server_errors = min(server_errors, ?16 - excluded.server_errors) + excluded.server_errors, \
        broken = min(broken, ?16 - excluded.broken) + excluded.broken, \
        bytes_in = min(bytes_in, ?16 - excluded.bytes_in) + excluded.bytes_in, \
        bytes_out = min(bytes_out, ?16 - excluded.bytes_out) + excluded.bytes_out, \
        hours = hours | excluded.hours, \
        first_id = CASE WHEN excluded.first < first THEN excluded.first_id ELSE first_id END, \
        first = min(first, excluded.first), \
        last_id = CASE WHEN last <= excluded.last THEN excluded.last_id ELSE last_id END, \
        last = max(last, excluded.last) \
        RETURNING calls";
    let [first_id, last_id] = new.samples;
    let calls = value::integer(new.calls);
    let sum: i64 = transaction.prepare_cached(SQL)?.query_row(
        rusqlite::params![
            day,
            api,
            facts,
            calls,
            value::integer(new.ok),
            value::integer(new.client_errors),
            value::integer(new.server_errors),
            value::integer(new.broken),
            value::integer(new.bytes_in),
            value::integer(new.bytes_out),
            new.hours,
            value::micros(new.first),
            value::micros(new.last),
            first_id.to_bytes(),
            last_id.to_bytes(),
            i64::MAX,
        ],
        |row| row.get(0),
    )?;
    // No row is without a call, so that a sum is more than what was added; one that cannot grow was there.
    Ok(if sum == calls && calls < i64::MAX { Added::New } else { Added::ToKnown })
}

fn put(
    transaction: &Transaction<'_>,
    day: i64,
    api: &str,
    facts: i64,
    counts: &UseCounts,
) -> Result<(), StoreError> {
    let [first_id, last_id] = counts.samples;
    let sql = format!(
        "INSERT OR REPLACE INTO usage (day, api, facts, {COUNT_COLUMNS}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    );
    transaction.prepare_cached(&sql)?.execute(rusqlite::params![
        day,
        api,
        facts,
        value::integer(counts.calls),
        value::integer(counts.ok),
        value::integer(counts.client_errors),
        value::integer(counts.server_errors),
        value::integer(counts.broken),
        value::integer(counts.bytes_in),
        value::integer(counts.bytes_out),
        counts.hours,
        value::micros(counts.first),
        value::micros(counts.last),
        first_id.to_bytes(),
        last_id.to_bytes(),
    ])?;
    Ok(())
}

fn end(transaction: &Transaction<'_>, id: DecisionId, ending: &UseEnding) -> Result<(), StoreError> {
    let open: Option<(i64, i64)> = transaction
        .prepare_cached("DELETE FROM usage_open WHERE id = ?1 RETURNING day, facts")?
        .query_row((id.to_bytes(),), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // The call was not counted, or so long ago that nobody waits for it.
    let Some((day, facts)) = open else { return Ok(()) };
    let sql = format!("SELECT api, {COUNT_COLUMNS} FROM usage WHERE day = ?1 AND facts = ?2");
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut rows = statement.query((day, facts))?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let api: String = row.get(0)?;
    let mut sum = counts(row, 1)?;
    drop(rows);
    sum.end(ending);
    put(transaction, day, &api, facts, &sum)
}

fn move_counts(transaction: &Transaction<'_>, old: i64, new: i64) -> Result<(), StoreError> {
    let sql = format!("SELECT day, api, {COUNT_COLUMNS} FROM usage WHERE facts = ?1");
    let mut moved: Vec<(i64, String, UseCounts)> = Vec::new();
    {
        let mut statement = transaction.prepare_cached(&sql)?;
        let mut rows = statement.query((old,))?;
        while let Some(row) = rows.next()? {
            moved.push((row.get(0)?, row.get(1)?, counts(row, 2)?));
        }
    }
    for (day, api, counts) in moved {
        add(transaction, day, &api, new, &counts)?;
    }
    transaction.prepare_cached("DELETE FROM usage WHERE facts = ?1")?.execute((old,))?;
    transaction.prepare_cached("UPDATE usage_open SET facts = ?2 WHERE facts = ?1")?.execute((old, new))?;
    transaction.prepare_cached("DELETE FROM usage_facts WHERE number = ?1")?.execute((old,))?;
    Ok(())
}
