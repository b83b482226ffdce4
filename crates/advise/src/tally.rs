//! Entries of the log to rows of equal facts, a batch at a time.
//!
//! Bounded: as the rows of a day and an API become many, new ones keep less of a call ([`spread`](crate::spread)).

use std::collections::HashMap;
use std::net::IpAddr;

use model::{DecisionId, KeyId, Timestamp, UseCounts, UseEnding};
use record::hash::Fast;
use record::{Completed, DecidedView, Leaf, Outcome, PersonalView};

use crate::facts::{
    CallFacts, Network, attributes_of, caller_of, first_of_network, has_more, is_of_policy, keeps_more,
};
use crate::spread::{Detail, Rows, Share, Spread};

/// Stands for callers and operations that are counted together.
pub const OTHER: &str = "(other)";

const DAY_MICROS: i64 = 86_400_000_000;

/// Calls of one day with equal facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    pub facts: CallFacts,
    pub counts: UseCounts,
}

/// A call whose ending is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub id: DecisionId,
    /// Its place among the rows of the batch.
    pub row: usize,
}

/// The ending of a call that an earlier batch counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateEnding {
    pub id: DecisionId,
    pub ending: UseEnding,
}

/// What a batch of entries adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub rows: Vec<Row>,
    pub opened: Vec<Opened>,
    pub late: Vec<LateEnding>,
    /// Entries that the log lost, so that calls are missing here.
    pub lost: u64,
}

/// Counts the entries of a batch.
#[derive(Debug)]
pub struct Tally {
    /// Rows by the hash of their facts' bytes.
    places: HashMap<Vec<u8>, usize, Fast>,
    rows: Vec<Row>,
    open: HashMap<DecisionId, usize>,
    late: Vec<LateEnding>,
    /// Rows by API and day; so a look needs no text of its own.
    spread: HashMap<String, HashMap<i64, Rows>, Fast>,
    /// The facts of one call, written one after another; used again for each.
    key: Vec<u8>,
    lost: u64,
}

impl Tally {
    /// A batch behind those that made `spread`.
    #[must_use]
    pub fn new(spread: Spread) -> Self {
        let mut by_api: HashMap<String, HashMap<i64, Rows>, Fast> = HashMap::with_hasher(Fast);
        for ((day, api), rows) in spread {
            by_api.entry(api).or_default().insert(day, rows);
        }
        Self {
            places: HashMap::with_hasher(Fast),
            rows: Vec::new(),
            open: HashMap::new(),
            late: Vec::new(),
            spread: by_api,
            key: Vec::new(),
            lost: 0,
        }
    }

    /// Counts one entry; `personal` is its personal part as stored, `None` where there is none or it was erased.
    pub fn take(&mut self, leaf: &Leaf<'_>, personal: Option<&[u8]>) {
        if let Leaf::Loss(loss) = leaf {
            self.lost = self.lost.saturating_add(loss.count);
        }
        if let Some(decided) = leaf.decided() {
            let view = personal.and_then(|bytes| PersonalView::decode(bytes).ok());
            let row = self.count(decided, view.as_ref());
            match leaf.completed() {
                None => {
                    self.open.insert(decided.id, row);
                }
                Some(completed) => self.end(row, &ending(completed)),
            }
        } else if let Some(completed) = leaf.completed() {
            let ending = ending(completed);
            match self.open.remove(&completed.id) {
                Some(row) => self.end(row, &ending),
                None => self.late.push(LateEnding { id: completed.id, ending }),
            }
        }
    }

    /// What was counted.
    #[must_use]
    pub fn finish(self) -> Batch {
        let mut opened: Vec<_> = self.open.into_iter().map(|(id, row)| Opened { id, row }).collect();
        opened.sort_by_key(|opened| opened.id.to_bytes());
        Batch { rows: self.rows, opened, late: self.late, lost: self.lost }
    }

    fn end(&mut self, row: usize, ending: &UseEnding) {
        if let Some(row) = self.rows.get_mut(row) {
            row.counts.end(ending);
        }
    }

    fn count(&mut self, decided: &DecidedView<'_>, personal: Option<&PersonalView<'_>>) -> usize {
        let day = day_of(decided.time);
        let counts = UseCounts::of_call(decided.id, decided.time);
        let spread = self.spread.get(decided.api).and_then(|days| days.get(&day));
        let share = || Share::of(&caller_of(decided, personal), decided.strength.as_long());
        let detail = spread.map_or(Detail::Exact, |spread| spread.detail(share, decided.strength));
        write_key(&mut self.key, day, decided, personal, detail);
        if let Some(place) = self.places.get(&self.key) {
            let place = *place;
            if let Some(row) = self.rows.get_mut(place) {
                row.counts.add(&counts);
            }
            return place;
        }
        let mut facts = CallFacts::of(decided, personal, detail);
        if detail == Detail::Together {
            facts = overflow(facts);
        }
        let share = (detail != Detail::Together).then(|| facts.share());
        let place = self.rows.len();
        self.rows.push(Row { day, facts, counts });
        self.places.insert(self.key.clone(), place);
        if let Some(share) = share {
            self.spread.entry(decided.api.to_owned()).or_default().entry(day).or_default().add(share, 1);
        }
        place
    }
}

/// The facts of a call for which there is no row left.
fn overflow(facts: CallFacts) -> CallFacts {
    CallFacts {
        operation: OTHER.to_owned(),
        caller: OTHER.to_owned(),
        team: None,
        user: None,
        key: None,
        strength: 0,
        network: Network::Unknown,
        attributes: std::collections::BTreeMap::new(),
        incomplete: true,
        ..facts
    }
}

pub(crate) const fn day_of(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(DAY_MICROS)
}

const fn ending(completed: &Completed) -> UseEnding {
    UseEnding {
        status: completed.status,
        is_whole: matches!(completed.outcome, Outcome::Done),
        bytes_in: completed.request_bytes,
        bytes_out: completed.response_bytes,
    }
}

/// Writes what makes a call's row into `key`: equal bytes mean equal facts. Cheaper than making the facts themselves, of
/// which most calls have been counted before.
fn write_key(
    key: &mut Vec<u8>,
    day: i64,
    decided: &DecidedView<'_>,
    personal: Option<&PersonalView<'_>>,
    detail: Detail,
) {
    key.clear();
    key.extend_from_slice(&day.to_be_bytes());
    key.push(decided.verdict as u8);
    key.push(decided.reason.map_or(0, |reason| 1 + reason as u8));
    key.extend_from_slice(&decided.strength.as_long().to_be_bytes());
    text(key, decided.api);
    text(key, decided.operation);
    let Some(personal) = personal else { return };
    let (kind, name) = personal.client.parts();
    key.push(1 + kind as u8);
    text(key, name);
    text(key, personal.team.unwrap_or_default());
    if !keeps_more(decided) {
        return;
    }
    text(key, personal.key.as_ref().map(KeyId::as_str).unwrap_or_default());
    if !is_of_policy(decided.verdict, decided.reason) {
        place(key, personal.source_ip, detail);
        return;
    }
    if matches!(detail, Detail::Coarse | Detail::Together) {
        // Whether there was anything to leave out.
        key.push(u8::from(has_more(personal)));
        return;
    }
    text(key, personal.user.unwrap_or_default());
    place(key, personal.source_ip, detail);
    let (attributes, incomplete) = attributes_of(personal, detail);
    key.push(u8::from(incomplete));
    if !attributes.is_empty() {
        // Rare enough to be written as they are kept.
        key.extend_from_slice(&serde_json::to_vec(&attributes).unwrap_or_default());
    }
}

/// Writes where a call came from, as far as its row keeps it.
fn place(key: &mut Vec<u8>, address: Option<IpAddr>, detail: Detail) {
    let address = address.map(|address| address.to_canonical());
    let kept = match (address, detail) {
        (None, _) | (_, Detail::Coarse | Detail::Together) => None,
        (Some(address), Detail::Exact) => Some(address),
        (Some(address), Detail::Network) => Some(first_of_network(address)),
    };
    match kept {
        None => key.push(0),
        Some(IpAddr::V4(address)) => {
            key.push(4);
            key.extend_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            key.push(6);
            key.extend_from_slice(&address.octets());
        }
    }
}

fn text(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(&text.len().to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}
