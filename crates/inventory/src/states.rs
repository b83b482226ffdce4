//! Operations beside what is declared: documented, shadow, zombie, orphan.

mod drift;
mod exposure;

use std::collections::{BTreeMap, BTreeSet};

use crate::operation::{DataField, Operation, StatusCount};
use crate::token::{self, Strength};
use crate::tree;

pub use drift::Drift;
pub use exposure::{Exposure, Said, exposure};

/// What an operation is beside the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Called, declared, and not to go away.
    Documented,
    /// Called and declared nowhere.
    Shadow,
    /// Called although it is declared deprecated, or its answers say that it is or that its end has passed.
    Zombie,
    /// Declared, and no call to it succeeded.
    Orphan,
}

impl State {
    /// The word in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Shadow => "shadow",
            Self::Zombie => "zombie",
            Self::Orphan => "orphan",
        }
    }
}

/// One operation of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// In upper case.
    pub method: String,
    /// The template with the base path before it.
    pub path: String,
    /// Names of its parameters that are numbers, so that no word is one of their values.
    pub numbers: Vec<String>,
    /// Marked `deprecated`.
    pub is_deprecated: bool,
    /// Names of query parameters, and whether they are required. None where the source does not tell.
    pub query: Option<Vec<(String, bool)>>,
    /// Statuses that are declared: `200`, `2XX`, `default`. Empty where the source does not tell.
    pub answers: Vec<String>,
    /// Media types of the request's body, ranges such as `*/*` included. Empty where the source does not tell.
    pub request_types: Vec<String>,
    /// The same of answers that are no errors.
    pub answer_types: Vec<String>,
}

/// A document, as far as states need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// Where it comes from, for messages.
    pub name: String,
    /// The host it is about, where somebody said so.
    pub host: Option<String>,
    /// The hosts that it names itself.
    pub servers: Vec<String>,
    /// What its API is called; documents of one title, host and base path are versions of one API.
    pub title: String,
    /// The version of its API, such as `1.4.0`.
    pub version: String,
    /// The base path of its operations.
    pub base: String,
    /// What it declares.
    pub operations: Vec<Declared>,
}

/// An operation of the inventory or of a document, with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated {
    /// What it is.
    pub state: State,
    /// The host; empty where the source has none.
    pub host: String,
    /// In upper case.
    pub method: String,
    /// The template: the document's where it is declared.
    pub path: String,
    /// What was seen. None for an orphan.
    pub seen: Option<Operation>,
    /// Why it has this state, in words.
    pub why: String,
    /// How what was seen differs from what is declared.
    pub drift: Drift,
    /// Whom it is exposed to, and why one thinks so.
    pub exposure: (Exposure, String),
}

impl Stated {
    /// Judges the exposure anew by what somebody says of hosts.
    pub fn expose(&mut self, said: &[Said]) {
        if let Some(seen) = &self.seen {
            self.exposure = exposure(seen, said);
        }
    }
}

/// A template up to the names in its braces, and to what of it is percent-encoded, which two writers of the same one choose
/// differently.
#[must_use]
pub fn canonical(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        push_encoded(&mut text, before);
        text.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    push_encoded(&mut text, rest);
    text
}

/// Adds literal parts of a path as a request would most plainly write them.
fn push_encoded(text: &mut String, parts: &str) {
    if parts.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return text.push_str(parts);
    }
    for (place, part) in parts.split('/').enumerate() {
        if 0 < place {
            text.push('/');
        }
        text.push_str(&tree::encode(&tree::decode(part)));
    }
}

/// Below this, an operation whose template fits a declared one is taken for calls to that: `/tools/mt/{from}` beside a declared
/// `/tools/{tool}/{from}`. Above, it is one of its own that a router would try first, such as `/users/me`. Of the benchmark's
/// undeclared operations one in a hundred is lost by it.
const OWN_CONFIDENCE: f64 = 0.95;

/// What the parameters of a template take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Anything,
    /// Values of a form that names do not have, such as numbers.
    Ids,
}

/// What each parameter of a template takes, in its order, by the names of those that take no words.
pub(crate) fn takes(template: &str, ids: impl Fn(&str) -> bool) -> Vec<Takes> {
    let names = template.split('{').skip(1).map(|behind| behind.split('}').next().unwrap_or_default());
    names.map(|name| if ids(name) { Takes::Ids } else { Takes::Anything }).collect()
}

/// Whether every call to `path` would be one to `declared`, a canonical template, too.
pub(crate) fn fits(path: &str, declared: &str, takes: &[Takes]) -> bool {
    let (mut one, mut other) = (path.split('/'), declared.split('/'));
    let mut takes = takes.iter();
    loop {
        let (segment, wanted) = match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(segment), Some(wanted)) => (segment, wanted),
            (None, Some(_)) | (Some(_), None) => return false,
        };
        let taken = takes.by_ref().take(wanted.matches("{}").count());
        let is_id = taken.fold(false, |is_id, takes| is_id | (*takes == Takes::Ids));
        let holds = wanted.split_once("{}").is_some_and(|(before, after)| {
            let inside = segment.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            inside.is_some_and(|inside| !inside.is_empty() && (!is_id || may_be_id(inside)))
        });
        if segment != wanted && !holds {
            return false;
        }
    }
}

/// Whether what stands in a path is of a form that names do not have, or a parameter.
fn may_be_id(text: &str) -> bool {
    text.contains("{}") || token::read(text).strength == Strength::Strong
}

/// Adds what was seen of the same operation under another template.
pub(crate) fn absorb(into: &mut Operation, other: Operation) {
    let earlier = |one: Option<i64>, other: Option<i64>| one.into_iter().chain(other).min();
    into.count = into.count.saturating_add(other.count);
    into.succeeded = into.succeeded.saturating_add(other.succeeded);
    into.open_successes = into.open_successes.saturating_add(other.open_successes);
    into.verified_successes = into.verified_successes.saturating_add(other.verified_successes);
    into.untold_successes = into.untold_successes.saturating_add(other.untold_successes);
    into.client_side = into.client_side.saturating_add(other.client_side);
    into.deprecated = into.deprecated.saturating_add(other.deprecated);
    into.first_seen = earlier(into.first_seen, other.first_seen);
    into.last_seen = into.last_seen.max(other.last_seen);
    into.sunset = earlier(into.sunset, other.sunset);
    add_statuses(&mut into.statuses, other.statuses);
    add_statuses(&mut into.own_statuses, other.own_statuses);
    // Who called both is not known: at least as many as called the one that more called.
    into.callers.estimate = into.callers.estimate.max(other.callers.estimate);
    into.callers.named = into.callers.named.saturating_add(other.callers.named);
    let names = into.callers.sample.len().max(other.callers.sample.len());
    into.callers.sample.extend(other.callers.sample);
    into.callers.sample.sort();
    into.callers.sample.dedup();
    into.callers.sample.truncate(names);
    let examples = into.examples.len().max(other.examples.len());
    into.examples.extend(other.examples);
    into.examples.sort();
    into.examples.truncate(examples);
    for field in other.data {
        let same = |known: &&mut DataField| {
            known.class == field.class && known.place == field.place && known.field == field.field
        };
        match into.data.iter_mut().find(same) {
            Some(known) => known.count = known.count.saturating_add(field.count),
            None => into.data.push(field),
        }
    }
    into.data.sort();
    for (name, count) in other.query {
        match into.query.iter_mut().find(|known| known.0 == name) {
            Some(known) => known.1 = known.1.saturating_add(count),
            None => into.query.push((name, count)),
        }
    }
    into.query.sort();
    add_texts(&mut into.content_types, other.content_types);
    add_texts(&mut into.request_types, other.request_types);
}

fn add_statuses(into: &mut Vec<StatusCount>, other: Vec<StatusCount>) {
    for status in other {
        match into.iter_mut().find(|known| known.status == status.status) {
            Some(known) => known.count = known.count.saturating_add(status.count),
            None => into.push(status),
        }
    }
    into.sort_by_key(|status| status.status);
}

fn add_texts(into: &mut Vec<String>, other: Vec<String>) {
    for text in other {
        if !into.contains(&text) {
            into.push(text);
        }
    }
}

type Key = (String, String);

fn key(method: &str, path: &str) -> Key {
    (method.to_ascii_uppercase(), canonical(path))
}

/// The host of each document: as said, or else one that it names and that was seen, or else the host on which most of its operations were seen,
/// or else the first that it names. A document of which nothing was seen anywhere belongs to the only host there is, or to none.
#[must_use]
pub fn hosts(contracts: &[Contract], operations: &[Operation]) -> Vec<Option<String>> {
    let mut seen: BTreeMap<&str, BTreeSet<Key>> = BTreeMap::new();
    for operation in operations {
        seen.entry(&operation.host).or_default().insert(key(operation.method, &operation.path));
    }
    let only = if seen.len() == 1 { seen.keys().next().copied() } else { None };
    let shared = |contract: &Contract, among: &dyn Fn(&str) -> bool| {
        let declared: BTreeSet<Key> =
            contract.operations.iter().map(|one| key(&one.method, &one.path)).collect();
        let hosts = seen.iter().filter(|(host, _)| among(host));
        let counted =
            hosts.map(|(host, keys)| (keys.intersection(&declared).count(), std::cmp::Reverse(*host)));
        counted.max().map(|(count, host)| (count, host.0))
    };
    let place = |contract: &Contract| {
        let named = shared(contract, &|host| contract.servers.iter().any(|server| is_host(server, host)));
        let best = || shared(contract, &|_| true).filter(|(count, _)| 0 < *count);
        let first = || contract.servers.first().map(String::as_str);
        let found = named.or_else(best).map(|(_, host)| host);
        contract.host.clone().or_else(|| found.or_else(first).or(only).map(str::to_owned))
    };
    contracts.iter().map(place).collect()
}

/// Whether a document's server is this host; a log may leave the port out.
fn is_host(server: &str, host: &str) -> bool {
    server == host || server.split(':').next() == Some(host)
}

/// What the documents say of an operation.
struct Known<'a> {
    one: &'a Declared,
    /// The documents that declare it, by their places.
    by: Vec<usize>,
    /// Marked deprecated by all of them: what one still offers is not gone because another marks it.
    is_deprecated: bool,
    takes: Vec<Takes>,
}

type Place = (String, Key);

/// Gives every operation its state, and adds the orphans. `now` is the end of what was observed, in milliseconds since 1970 in UTC:
/// a `Sunset` before it has passed.
#[must_use]
pub fn classify(operations: Vec<Operation>, contracts: &[Contract], now: Option<i64>) -> Vec<Stated> {
    let placed = hosts(contracts, &operations);
    let mut declared: BTreeMap<Place, Known<'_>> = BTreeMap::new();
    for (number, (contract, host)) in contracts.iter().zip(&placed).enumerate() {
        for one in &contract.operations {
            let place = (host.clone().unwrap_or_default(), key(&one.method, &one.path));
            let known = declared.entry(place).or_insert_with(|| {
                let takes = takes(&one.path, |name| one.numbers.iter().any(|number| number == name));
                Known { one, by: Vec::new(), is_deprecated: true, takes }
            });
            known.by.push(number);
            known.is_deprecated &= one.is_deprecated;
        }
    }
    let newest = newest(contracts, &placed);
    let judge = Judge { contracts, placed: &placed, newest: &newest, now };
    let mut stated = Vec::new();
    let mut called = BTreeSet::new();
    for (place, operation) in together(operations, &declared) {
        stated.push(judge.called(operation, declared.get(&place)));
        called.insert(place);
    }
    let unused = declared.iter().filter(|(place, _)| !called.contains(*place));
    stated.extend(unused.filter_map(|(place, known)| judge.unused(place, known)));
    stated
}

/// Calls to a declared operation, under whichever template they were found.
fn together(operations: Vec<Operation>, declared: &BTreeMap<Place, Known<'_>>) -> BTreeMap<Place, Operation> {
    let mut found: BTreeMap<Place, Operation> = BTreeMap::new();
    for operation in operations {
        let own = (operation.host.clone(), key(operation.method, &operation.path));
        let place = if declared.contains_key(&own) || OWN_CONFIDENCE <= operation.confidence {
            own
        } else {
            let first = (own.0.clone(), (own.1.0.clone(), String::new()));
            let fitting = declared
                .range(first..)
                .take_while(|((host, (method, _)), _)| *host == own.0 && *method == own.1.0)
                .find(|((_, (_, template)), known)| fits(&own.1.1, template, &known.takes));
            fitting.map(|(place, _)| place.clone()).unwrap_or(own)
        };
        match found.get_mut(&place) {
            Some(known) => absorb(known, operation),
            None => drop(found.insert(place, operation)),
        }
    }
    found
}

/// For each document the newest of its API at its host and base path, itself where it is that.
fn newest(contracts: &[Contract], placed: &[Option<String>]) -> Vec<usize> {
    let group = |number: usize| {
        let contract = contracts.get(number);
        contract.map(|one| (placed.get(number), one.title.to_lowercase(), one.base.trim_end_matches('/')))
    };
    let version = |number: usize| contracts.get(number).map(|one| numbers(&one.version)).unwrap_or_default();
    (0..contracts.len())
        .map(|own| {
            let is_named = contracts.get(own).is_some_and(|one| !one.title.is_empty());
            let same = (0..contracts.len()).filter(|other| is_named && group(*other) == group(own));
            let best = same.max_by_key(|other| version(*other)).unwrap_or(own);
            if version(own) < version(best) { best } else { own }
        })
        .collect()
}

/// The numbers of a version, for comparison: `1.10` is newer than `1.9`.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|one: char| !one.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// What the documents are, for judging one operation after another.
struct Judge<'a> {
    contracts: &'a [Contract],
    placed: &'a [Option<String>],
    newest: &'a [usize],
    now: Option<i64>,
}

impl Judge<'_> {
    fn called(&self, operation: Operation, known: Option<&Known<'_>>) -> Stated {
        let ended = operation.sunset.zip(self.now).is_some_and(|(end, now)| end <= now);
        let (state, why) = match known {
            Some(known) if known.is_deprecated => {
                (State::Zombie, format!("marked deprecated in {}", self.names(&known.by)))
            }
            _ if ended => {
                (State::Zombie, format!("its Sunset of {} has passed", day(operation.sunset.unwrap_or(0))))
            }
            _ if 0 < operation.deprecated => {
                let count = operation.deprecated;
                (State::Zombie, format!("{count} of its answers say that it is deprecated"))
            }
            Some(known) => match self.superseded(known) {
                Some(why) => (State::Zombie, why),
                None => (State::Documented, format!("declared in {}", self.names(&known.by))),
            },
            None => (State::Shadow, self.undeclared(&operation.host)),
        };
        let ends = operation.sunset.filter(|_| !ended).map(|end| format!("; it ends on {}", day(end)));
        Stated {
            state,
            host: operation.host.clone(),
            method: operation.method.to_owned(),
            path: known.map_or_else(|| operation.path.clone(), |known| known.one.path.clone()),
            why: why + &ends.unwrap_or_default(),
            drift: known.map(|known| Drift::of(&operation, known.one)).unwrap_or_default(),
            exposure: exposure(&operation, &[]),
            seen: Some(operation),
        }
    }

    /// An orphan; none for what a newer version of its API has taken away, and rightly nobody calls.
    fn unused(&self, place: &Place, known: &Known<'_>) -> Option<Stated> {
        if self.superseded(known).is_some() {
            return None;
        }
        Some(Stated {
            state: State::Orphan,
            host: place.0.clone(),
            method: known.one.method.to_ascii_uppercase(),
            path: known.one.path.clone(),
            seen: None,
            why: format!("declared in {}; no call to it succeeded", self.names(&known.by)),
            drift: Drift::default(),
            exposure: (Exposure::Unknown, "nobody was seen to call it".to_owned()),
        })
    }

    /// Why it is over, where only older versions of its API declare it.
    fn superseded(&self, known: &Known<'_>) -> Option<String> {
        let newer = |number: &usize| self.newest.get(*number).copied().filter(|newest| newest != number);
        let newest: Option<Vec<usize>> = known.by.iter().map(newer).collect();
        let newest = newest?.first().copied().filter(|newest| !known.by.contains(newest))?;
        Some(format!("only in {}; {} no longer declares it", self.names(&known.by), self.names(&[newest])))
    }

    fn undeclared(&self, host: &str) -> String {
        let about: Vec<usize> = (0..self.contracts.len())
            .filter(|number| self.placed.get(*number) == Some(&Some(host.to_owned())))
            .collect();
        match about.as_slice() {
            _ if self.contracts.is_empty() => "there was no document to compare with".to_owned(),
            [] => "no document is about its host".to_owned(),
            about => format!("not in {}", self.names(about)),
        }
    }

    /// Names of documents with their versions where there are several of one title.
    fn names(&self, numbers: &[usize]) -> String {
        const SHOWN: usize = 3;
        let one = |contract: &Contract| match contract.version.as_str() {
            "" => contract.name.clone(),
            version => format!("{} ({version})", contract.name),
        };
        let mut names: Vec<String> =
            numbers.iter().filter_map(|number| self.contracts.get(*number)).map(one).collect();
        names.dedup();
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}", names.join(", "))
    }
}

/// The day of a moment: milliseconds since 1970 in UTC as `2026-11-26` (Hinnant, `civil_from_days`).
fn day(millis: i64) -> String {
    let days = millis.div_euclid(86_400_000) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests;
