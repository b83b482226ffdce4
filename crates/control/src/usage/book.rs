//! The roll-ups in the store, and reading the log into them, a batch at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use advise::{Batch, CallFacts, Row, Share, Spread, Tally};
use model::Timestamp;
use record::Leaf;
use recorder::LogReader;
use store::{Counted, Store, StoreError, UsageBatch, UsageRow};

use crate::status::day_of;
use crate::{ControlError, chain};

/// Entries of one transaction.
const BATCH: u64 = 20_000;
/// The most facts that are kept in memory while rows are read one by one.
const FACTS_KNOWN_MAX: usize = 100_000;

/// The roll-ups and when the log was read for them last.
#[derive(Debug)]
pub(crate) struct Book {
    pub(super) store: Store,
    pub(super) read: Option<Timestamp>,
    /// The day on which what outlived the records was removed last. Apart from `read`, which moves with everybody who asks.
    pub(super) removed_on: Option<i64>,
    /// Why the log could not be read to its end.
    pub(super) fault: Option<String>,
    /// How many rows there are; counted in the store once, which takes as long as there are many, and kept from then on.
    spread: Option<Spread>,
}

/// Facts that were read, so that those of several days are read once: some, since there may be millions.
#[derive(Debug, Default)]
pub(crate) struct KnownFacts(HashMap<i64, CallFacts>);

impl KnownFacts {
    /// The facts of a number.
    pub(crate) fn of(&mut self, book: &Book, number: i64) -> Result<&CallFacts, ControlError> {
        if FACTS_KNOWN_MAX <= self.0.len() {
            self.0.clear();
        }
        match self.0.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => Ok(new.insert(book.facts(number)?)),
        }
    }
}

impl Book {
    pub(crate) fn open(path: &Path) -> Result<Self, ControlError> {
        Ok(Self { store: Store::open(path)?.0, read: None, removed_on: None, fault: None, spread: None })
    }

    /// Counts what the log holds behind what was counted. What lies before `oldest` is passed over.
    pub(super) fn read_log(
        &mut self,
        reader: &LogReader,
        origin: &str,
        oldest: i64,
    ) -> Result<(), ControlError> {
        let from = match self.store.usage_counted()? {
            Some(counted) if counted.counted.origin == origin => counted.counted.next,
            // Another log has been begun since.
            Some(_) | None => 0,
        };
        let mut tally = Tally::new(self.spread()?);
        let (mut taken, mut next) = (0_u64, from);
        let read = reader.each_stored(from, |index, stored| {
            let Ok(leaf) = Leaf::decode(stored.leaf) else {
                return Err(ControlError::Log { what: format!("entry {index} cannot be read") });
            };
            next = index + 1;
            if leaf.decided().is_none_or(|decided| oldest <= day_of(decided.time)) {
                tally.take(&leaf, stored.personal.map(|part| part.bytes));
                taken += 1;
            }
            if taken < BATCH {
                return Ok(());
            }
            taken = 0;
            let batch = std::mem::replace(&mut tally, Tally::new(Spread::new())).finish();
            self.write(&batch, origin, next)?;
            tally = Tally::new(self.spread()?);
            Ok(())
        });
        if from < next && 0 < taken {
            self.write(&tally.finish(), origin, next)?;
        }
        read.map_err(|error| match error {
            recorder::reader::EachError::Log(error) => ControlError::Log { what: chain(&error) },
            recorder::reader::EachError::Taken(error) => error,
        })
        .map(|_| ())
    }

    fn spread(&mut self) -> Result<Spread, StoreError> {
        if let Some(spread) = &self.spread {
            return Ok(spread.clone());
        }
        let mut spread = Spread::new();
        for found in self.store.usage_spread()? {
            let rows = spread.entry((found.day, found.api)).or_default();
            rows.add(Share::of_number(found.share), found.rows);
        }
        self.spread = Some(spread.clone());
        Ok(spread)
    }

    /// The first day of an API's roll-ups.
    pub(crate) fn begins(&self, api: &str) -> Option<i64> {
        let days = self.spread.iter().flatten().filter(|((_, known), _)| known == api);
        days.map(|((day, _), _)| *day).min()
    }

    /// Removes rows of days before `oldest`.
    pub(super) fn remove_before(&mut self, oldest: i64) -> Result<(), StoreError> {
        self.spread = None;
        self.store.remove_usage_before(oldest)
    }

    /// Gives facts another text; rows that become equal are added up.
    pub(super) fn replace_facts(
        &mut self,
        replace: impl Fn(&str) -> Option<String>,
    ) -> Result<u64, StoreError> {
        self.spread = None;
        self.store.replace_usage_facts(replace)
    }

    fn write(&mut self, batch: &Batch, origin: &str, next: u64) -> Result<(), ControlError> {
        let texts: Vec<String> =
            batch.rows.iter().map(|row| written(&row.facts)).collect::<Result<_, _>>()?;
        let rows = batch.rows.iter().zip(&texts);
        let added = self.store.add_usage(&UsageBatch {
            rows: rows
                .map(|(Row { day, facts, counts }, text)| UsageRow {
                    day: *day,
                    api: &facts.api,
                    facts: text,
                    share: facts.share().number(),
                    counts: *counts,
                })
                .collect(),
            opened: batch.opened.iter().map(|opened| (opened.id, opened.row)).collect(),
            late: batch.late.iter().map(|late| (late.id, late.ending)).collect(),
            lost: batch.lost,
            counted: Counted { origin: origin.to_owned(), next },
        });
        let made = match added {
            Ok(made) => made,
            Err(error) => {
                // Whether it was written is not known.
                self.spread = None;
                return Err(error.into());
            }
        };
        if let Some(spread) = &mut self.spread {
            for row in made.into_iter().filter_map(|place| batch.rows.get(place)) {
                let rows = spread.entry((row.day, row.facts.api.clone())).or_default();
                rows.add(row.facts.share(), 1);
            }
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn facts(&self, number: i64) -> Result<CallFacts, ControlError> {
        let text = self.store.usage_facts(number)?;
        serde_json::from_str(&text).map_err(|error| {
            ControlError::Store(StoreError::Corrupt {
                what: format!("roll-up {number} cannot be read: {error}"),
            })
        })
    }
}

fn written(facts: &CallFacts) -> Result<String, ControlError> {
    serde_json::to_string(facts).map_err(|error| ControlError::Log { what: error.to_string() })
}
