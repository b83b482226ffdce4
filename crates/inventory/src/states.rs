//! Operations beside what is declared: documented, shadow, zombie, orphan.

use std::collections::{BTreeMap, BTreeSet};

use crate::operation::{DataField, Operation};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// In upper case.
    pub method: String,
    /// The template with the base path before it.
    pub path: String,
    /// Marked `deprecated`.
    pub is_deprecated: bool,
}

/// A document, as far as states need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Where it comes from, for messages.
    pub name: String,
    /// The host it is about, where somebody said so.
    pub host: Option<String>,
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
}

/// A template up to the names in its braces, which two writers of the same one choose differently.
#[must_use]
pub fn canonical(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        text.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

/// Below this, an operation whose template fits a declared one is taken for calls to that: `/tools/mt/{from}` beside a declared
/// `/tools/{tool}/{from}`. Above, it is one of its own that a router would try first, such as `/users/me`. Of the benchmark's
/// undeclared operations one in a hundred is lost by it.
const OWN_CONFIDENCE: f64 = 0.95;

/// Whether every call to `path` would be one to `declared`, a canonical template, too.
pub(crate) fn fits(path: &str, declared: &str) -> bool {
    let (mut one, mut other) = (path.split('/'), declared.split('/'));
    loop {
        let (segment, wanted) = match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(segment), Some(wanted)) => (segment, wanted),
            (None, Some(_)) | (Some(_), None) => return false,
        };
        let holds = wanted.split_once("{}").is_some_and(|(before, after)| {
            before.len() + after.len() < segment.len()
                && segment.starts_with(before)
                && segment.ends_with(after)
        });
        if segment != wanted && !holds {
            return false;
        }
    }
}

/// Adds what was seen of the same operation under another template.
pub(crate) fn absorb(into: &mut Operation, other: Operation) {
    let earlier = |one: Option<i64>, other: Option<i64>| one.into_iter().chain(other).min();
    into.count = into.count.saturating_add(other.count);
    into.succeeded = into.succeeded.saturating_add(other.succeeded);
    into.open_successes = into.open_successes.saturating_add(other.open_successes);
    into.verified_successes = into.verified_successes.saturating_add(other.verified_successes);
    into.untold_successes = into.untold_successes.saturating_add(other.untold_successes);
    into.deprecated = into.deprecated.saturating_add(other.deprecated);
    into.first_seen = earlier(into.first_seen, other.first_seen);
    into.last_seen = into.last_seen.max(other.last_seen);
    into.sunset = earlier(into.sunset, other.sunset);
    for status in other.statuses {
        match into.statuses.iter_mut().find(|known| known.status == status.status) {
            Some(known) => known.count = known.count.saturating_add(status.count),
            None => into.statuses.push(status),
        }
    }
    into.statuses.sort_by_key(|status| status.status);
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
    for media_type in other.content_types {
        if !into.content_types.contains(&media_type) {
            into.content_types.push(media_type);
        }
    }
}

type Key = (String, String);

fn key(method: &str, path: &str) -> Key {
    (method.to_ascii_uppercase(), canonical(path))
}

/// The host of each document: as said, or else the host on which most of its operations were seen. A document of
/// which nothing was seen anywhere belongs to the only host there is, or to none.
#[must_use]
pub fn hosts(contracts: &[Contract], operations: &[Operation]) -> Vec<Option<String>> {
    let mut seen: BTreeMap<&str, BTreeSet<Key>> = BTreeMap::new();
    for operation in operations {
        seen.entry(&operation.host).or_default().insert(key(operation.method, &operation.path));
    }
    let only = if seen.len() == 1 { seen.keys().next().copied() } else { None };
    let best = |contract: &Contract| {
        let declared: BTreeSet<Key> =
            contract.operations.iter().map(|one| key(&one.method, &one.path)).collect();
        let shared = |keys: &BTreeSet<Key>| keys.intersection(&declared).count();
        let counted = seen.iter().map(|(host, keys)| (shared(keys), std::cmp::Reverse(*host)));
        counted.max().filter(|(count, _)| 0 < *count).map(|(_, host)| host.0)
    };
    contracts
        .iter()
        .map(|contract| contract.host.clone().or_else(|| best(contract).or(only).map(str::to_owned)))
        .collect()
}

/// Gives every operation its state, and adds the orphans. `now` is the end of what was observed, in milliseconds since 1970 in UTC:
/// a `Sunset` before it has passed.
#[must_use]
pub fn classify(operations: Vec<Operation>, contracts: &[Contract], now: Option<i64>) -> Vec<Stated> {
    let placed = hosts(contracts, &operations);
    let mut declared: BTreeMap<(String, Key), (&Declared, bool)> = BTreeMap::new();
    for (contract, host) in contracts.iter().zip(placed) {
        for one in &contract.operations {
            let place = (host.clone().unwrap_or_default(), key(&one.method, &one.path));
            // What one document still offers is not gone because an older one marks it.
            let entry = declared.entry(place).or_insert((one, true));
            entry.1 &= one.is_deprecated;
        }
    }
    // Calls to a declared operation come together, under whichever template they were found.
    let mut found: BTreeMap<(String, Key), Operation> = BTreeMap::new();
    for operation in operations {
        let own = (operation.host.clone(), key(operation.method, &operation.path));
        let place = if declared.contains_key(&own) || OWN_CONFIDENCE <= operation.confidence {
            own
        } else {
            let first = (own.0.clone(), (own.1.0.clone(), String::new()));
            let fitting = declared
                .range(first..)
                .map(|(place, _)| place)
                .take_while(|(host, (method, _))| *host == own.0 && *method == own.1.0)
                .find(|(_, (_, template))| fits(&own.1.1, template));
            fitting.cloned().unwrap_or(own)
        };
        match found.get_mut(&place) {
            Some(known) => absorb(known, operation),
            None => drop(found.insert(place, operation)),
        }
    }
    let mut stated = Vec::with_capacity(found.len());
    let mut called = BTreeSet::new();
    for (place, operation) in found {
        let ended = operation.sunset.zip(now).is_some_and(|(end, now)| end <= now);
        let found = declared.get(&place);
        let state = match found {
            Some((_, true)) => State::Zombie,
            _ if ended || 0 < operation.deprecated => State::Zombie,
            Some((_, false)) => State::Documented,
            None => State::Shadow,
        };
        stated.push(Stated {
            state,
            host: operation.host.clone(),
            method: operation.method.to_owned(),
            path: found.map_or_else(|| operation.path.clone(), |(one, _)| one.path.clone()),
            seen: Some(operation),
        });
        called.insert(place);
    }
    for (place, (one, _)) in declared.iter().filter(|(place, _)| !called.contains(*place)) {
        stated.push(Stated {
            state: State::Orphan,
            host: place.0.clone(),
            method: one.method.to_ascii_uppercase(),
            path: one.path.clone(),
            seen: None,
        });
    }
    stated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(host: &str, method: &'static str, path: &str) -> Operation {
        let settings = crate::Settings::default();
        let mut inventory = crate::Inventory::new(settings);
        let exchange = traffic::Exchange {
            host: Some(host),
            method,
            path: "/a",
            status: Some(200),
            response_type: Some("application/json"),
            ..traffic::Exchange::default()
        };
        inventory.observe(&exchange);
        let mut operation = inventory.operations().remove(0);
        operation.path = path.to_owned();
        operation
    }

    fn contract(host: Option<&str>, lines: &[&str]) -> Contract {
        let operations = lines
            .iter()
            .map(|line| {
                let (line, is_deprecated) =
                    line.strip_prefix('!').map_or((*line, false), |line| (line, true));
                let (method, path) = line.split_once(' ').unwrap();
                Declared { method: method.to_owned(), path: path.to_owned(), is_deprecated }
            })
            .collect();
        Contract { name: "document".to_owned(), host: host.map(str::to_owned), operations }
    }

    fn told(operations: Vec<Operation>, contracts: &[Contract]) -> Vec<String> {
        let mut told: Vec<String> = classify(operations, contracts, Some(1_000))
            .into_iter()
            .map(|one| format!("{} {} {} {}", one.state.as_str(), one.host, one.method, one.path))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn names_of_parameters_do_not_matter_and_those_of_the_document_are_shown() {
        let found = told(
            vec![
                seen("h", "GET", "/users/{userId}"),
                seen("h", "GET", "/users/{userId}/x"),
                seen("h", "PUT", "/a"),
            ],
            &[contract(None, &["get /users/{id}", "!PUT /a", "POST /never"])],
        );
        assert_eq!(
            found,
            [
                "documented h GET /users/{id}",
                "orphan h POST /never",
                "shadow h GET /users/{userId}/x",
                "zombie h PUT /a"
            ]
        );
    }

    #[test]
    fn calls_that_fit_a_declared_template_are_calls_to_it_unless_they_surely_are_something_else() {
        let operation = |path: &str, confidence: f64| Operation { confidence, ..seen("h", "GET", path) };
        let found = classify(
            vec![
                operation("/tools/mt/{from}", 0.6),
                operation("/tools/dictionary/{from}", 0.5),
                operation("/tools/me/{from}", 0.96),
            ],
            &[contract(None, &["GET /tools/{tool}/{from}", "GET /other"])],
            None,
        );
        let told: Vec<(State, &str, u64)> = found
            .iter()
            .map(|one| (one.state, one.path.as_str(), one.seen.as_ref().map_or(0, |seen| seen.count)))
            .collect();
        assert_eq!(
            told,
            [
                (State::Shadow, "/tools/me/{from}", 1),
                (State::Documented, "/tools/{tool}/{from}", 2),
                (State::Orphan, "/other", 0)
            ]
        );
        assert!(fits("/a/{}.json", "/a/{}") && fits("/a/x.json", "/a/{}.json") && fits("/a/b", "/a/b"));
        assert!(!fits("/a/x.xml", "/a/{}.json") && !fits("/a", "/a/{}") && !fits("/a/.json", "/a/{}.json"));
    }

    #[test]
    fn a_document_belongs_to_the_host_where_it_is_used_unless_somebody_says_otherwise() {
        let operations = || vec![seen("a", "GET", "/x"), seen("b", "GET", "/y")];
        let found = told(operations(), &[contract(None, &["GET /y"]), contract(Some("c"), &["GET /x"])]);
        assert_eq!(found, ["documented b GET /y", "orphan c GET /x", "shadow a GET /x"]);
        // Nothing of it was seen, and there are two hosts.
        assert_eq!(hosts(&[contract(None, &["GET /z"])], &operations()), [None]);
        assert_eq!(hosts(&[contract(None, &["GET /z"])], &operations()[..1]), [Some("a".to_owned())]);
    }

    #[test]
    fn what_a_newer_document_offers_is_no_zombie_and_what_its_answers_end_is() {
        let contracts = [contract(None, &["!GET /x"]), contract(None, &["GET /x"])];
        assert_eq!(told(vec![seen("h", "GET", "/x")], &contracts), ["documented h GET /x"]);
        for (sunset, deprecated, want) in [
            (Some(1_000), 0, "zombie"),
            (Some(1_001), 0, "documented"),
            (None, 1, "zombie"),
            (None, 0, "documented"),
        ] {
            let operation = Operation { sunset, deprecated, ..seen("h", "GET", "/x") };
            assert_eq!(
                told(vec![operation], &contracts[1..]),
                [format!("{want} h GET /x")],
                "{sunset:?} {deprecated}"
            );
        }
    }
}
