//! Counting a log anew: what a process that was killed had counted and not stored.

use std::collections::BTreeMap;
use std::io;

use model::Timestamp;
use record::{ClientRef, PersonalView};

use super::{Entry, LogReader, ReadLogError};
use crate::Rollups;
use crate::rollup::{Seen, Tally};

impl LogReader {
    /// What happened per API by the entries from number `from` on, apart for each part of time, and the number behind
    /// the last entry. Entries for whose time `part` is `None` are passed over.
    pub fn recount<K: Ord>(
        &self,
        from: u64,
        part: impl Fn(Timestamp) -> Option<K>,
    ) -> Result<(BTreeMap<K, Rollups>, u64), ReadLogError> {
        let mut tallies: BTreeMap<K, Tally> = BTreeMap::new();
        let next = self.each(from, |entry| {
            count(entry, &part, &mut tallies);
            Ok::<_, io::Error>(())
        })?;
        Ok((tallies.into_iter().map(|(part, tally)| (part, tally.rollups())).collect(), next))
    }
}

/// Counts as the sequencer does while it appends.
fn count<K: Ord>(entry: &Entry, part: impl Fn(Timestamp) -> Option<K>, tallies: &mut BTreeMap<K, Tally>) {
    let Ok(leaf) = entry.leaf() else { return };
    let Some(decided) = leaf.decided() else { return };
    let Some(part) = part(decided.time) else { return };
    let client = entry.personal.as_ref().and_then(|(_, bytes)| PersonalView::client_of(bytes).ok());
    tallies.entry(part).or_default().count(&Seen {
        api: decided.api,
        operation: decided.operation,
        client: client.unwrap_or(ClientRef::Anonymous),
        verdict: decided.verdict,
        reason: decided.reason,
        time: decided.time,
    });
}
