//! One operation as a row of the page, with its evidence.

use inventory::{DataField, Drift, Operation, Stated};

use super::super::attention::{Concern, concerns, state};
use super::super::report::Compared;
use super::shown::{Part, Shown, grouped, minute};

/// Examples, callers and reasons that are shown of an operation: enough to judge it, and few enough for a page of thousands.
const EVIDENCE_MAX: usize = 3;
/// Characters of a piece of evidence.
const EVIDENCE_CHARS: usize = 100;
/// What stands around a piece of evidence, about.
const FACT_BYTES: usize = 20;
/// From here on the number of callers is an estimate ([`inventory::Callers::estimate`]).
const CALLERS_COUNTED: u64 = 16;
/// Characters of a template.
const PATH_CHARS: usize = 300;

/// An operation.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) concerns: Vec<Concern>,
    pub(super) state: &'static str,
    /// Whether the state is what needs attention.
    pub(super) is_concern: bool,
    pub(super) method: Shown,
    pub(super) path: Vec<Part>,
    pub(super) host: Shown,
    /// The place of the host in the list of hosts.
    pub(super) host_index: usize,
    pub(super) calls: String,
    pub(super) callers: String,
    /// What traffic proves of credentials; nothing where nobody called.
    pub(super) auth: &'static str,
    pub(super) last_seen: String,
    pub(super) confidence: String,
    pub(super) facts: Vec<Fact>,
}

/// A piece of evidence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) values: Vec<Shown>,
    pub(super) form: Form,
}

/// How values are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As they stand in requests.
    Code,
    Words,
}

impl Row {
    pub(super) fn of(one: &Stated, compared: Compared, hosts: &[&str]) -> Self {
        let concerns = concerns(one, compared);
        let seen = one.seen.as_ref();
        let state = state(one, compared);
        Self {
            is_concern: concerns.iter().any(|concern| concern.as_str() == state),
            state,
            concerns,
            method: Shown::line(&one.method),
            path: Part::all_of(&Shown::of(&one.path, PATH_CHARS)),
            host: host_name(&one.host),
            host_index: hosts.iter().position(|host| *host == one.host).unwrap_or_default(),
            calls: grouped(seen.map_or(0, |seen| seen.count)),
            callers: callers(seen.map_or(0, |seen| seen.callers.estimate)),
            auth: seen.map_or("", Operation::auth),
            last_seen: seen
                .and_then(|seen| seen.last_seen)
                .and_then(|last| minute(last).get(..10).map(str::to_owned))
                .unwrap_or_default(),
            confidence: seen.map_or_else(String::new, |seen| format!("{:.2}", seen.confidence)),
            facts: seen.map(|seen| facts(one, seen)).unwrap_or_default(),
        }
    }

    /// Bytes that the evidence takes, about.
    pub(super) fn evidence_bytes(&self) -> usize {
        self.facts.iter().flat_map(|fact| &fact.values).map(|value| value.bytes() + FACT_BYTES).sum()
    }

    pub(super) fn is_open(&self) -> bool {
        self.concerns.contains(&Concern::Open)
    }

    /// For the filter of the page.
    pub(super) fn concern_words(&self) -> String {
        self.concerns.iter().map(|concern| concern.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// How many, and whether that is an estimate.
fn callers(count: u64) -> String {
    if count < CALLERS_COUNTED { grouped(count) } else { format!("~{}", grouped(count)) }
}

/// The name of a host for people.
pub(super) fn host_name(host: &str) -> Shown {
    if host.is_empty() { Shown::line("(no host)") } else { Shown::line(host) }
}

/// The evidence. A new field of an operation is one more line here.
fn facts(one: &Stated, seen: &Operation) -> Vec<Fact> {
    let parameters = seen.parameters.iter().map(|one| format!("{}: {}", one.name, one.kind.name()));
    let reasons = seen.reasons.iter().map(ToString::to_string);
    let exposure = format!("{}: {}", one.exposure.0.as_str(), one.exposure.1);
    let found = [
        words("why", (!one.why.is_empty()).then(|| one.why.clone())),
        words("beside the document", drift(&one.drift)),
        code("examples", seen.examples.iter().map(String::as_str)),
        words("parameters", parameters),
        words("answers", statuses(seen)),
        words("media types", seen.content_types.iter().cloned()),
        code("callers", seen.callers.sample.iter().map(String::as_str)),
        words("seen", seen.first_seen.zip(seen.last_seen).map(span)),
        words("credential", credential(seen)),
        words("exposure", (!one.exposure.1.is_empty()).then_some(exposure)),
        words("ends", seen.sunset.map(minute)),
        data(seen),
        words("why sure", reasons),
    ];
    found.into_iter().filter(|fact| !fact.values.is_empty()).collect()
}

/// What is sent or answered beside what is declared.
fn drift(drift: &Drift) -> Vec<String> {
    let statuses: Vec<String> = drift.undeclared_statuses.iter().map(ToString::to_string).collect();
    let parts = [
        ("sent and not declared", drift.undeclared_query.join(", ")),
        ("required and never sent", drift.unsent_query.join(", ")),
        ("answered and not declared", statuses.join(", ")),
        ("media types sent and not declared", drift.undeclared_request_types.join(", ")),
        ("media types answered and not declared", drift.undeclared_answer_types.join(", ")),
    ];
    let told = parts.into_iter().filter(|(_, names)| !names.is_empty());
    told.map(|(words, names)| format!("{words}: {names}")).collect()
}

/// Classes of data and where they stand, all of them; of the values nothing is known.
fn data(seen: &Operation) -> Fact {
    let line = |one: &DataField| {
        let field = if one.field.is_empty() { "the whole" } else { &one.field };
        format!("{} in the {} ({field}) \u{d7} {}", one.class.name(), one.place.name(), grouped(one.count))
    };
    let values = seen.data.iter().map(|one| Shown::line(&line(one))).collect();
    Fact { name: "data", values, form: Form::Words }
}

fn span((first, last): (i64, i64)) -> String {
    format!("{} to {}", minute(first).trim_end_matches(" UTC"), minute(last))
}

/// Each status with its count, in one line.
fn statuses(seen: &Operation) -> Option<String> {
    let one = |status: u16, count: u64| match status {
        0 => format!("untold \u{d7} {}", grouped(count)),
        _ => format!("{status} \u{d7} {}", grouped(count)),
    };
    let counted: Vec<String> = seen.statuses.iter().map(|status| one(status.status, status.count)).collect();
    (!counted.is_empty()).then(|| counted.join(", "))
}

/// On what the word about credentials rests.
fn credential(seen: &Operation) -> Option<String> {
    let parts = [
        (seen.open_successes, "successes without one"),
        (seen.verified_successes, "with a verified one"),
        (seen.untold_successes, "of which the source does not tell"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, words)| format!("{} {words}", grouped(*count)))
        .collect();
    // One kind alone is in the row already.
    (1 < told.len()).then(|| told.join(", "))
}

fn words(name: &'static str, values: impl IntoIterator<Item = String>) -> Fact {
    let values = values.into_iter().take(EVIDENCE_MAX).map(|text| Shown::line(&text)).collect();
    Fact { name, values, form: Form::Words }
}

fn code<'a>(name: &'static str, values: impl IntoIterator<Item = &'a str>) -> Fact {
    let values = values.into_iter().take(EVIDENCE_MAX).map(|text| Shown::of(text, EVIDENCE_CHARS)).collect();
    Fact { name, values, form: Form::Code }
}

#[cfg(test)]
mod tests {
    use inventory::State;

    use super::super::super::testing::{orphan, seen};
    use super::*;

    #[test]
    fn a_row_says_what_was_seen_and_on_what_it_rests() {
        let mut one = seen(State::Shadow, "/orders/{id}", 1_200);
        let operation = one.seen.as_mut().unwrap();
        operation.open_successes = 2;
        operation.untold_successes = 1_198;
        operation.callers.estimate = 1_600;
        operation.examples = (0..9).map(|number| format!("/orders/{number}")).collect();
        let row = Row::of(&one, Compared::WithDocuments, &["other.example", "shop.example"]);
        assert_eq!((row.state, row.is_concern, row.is_open(), row.host_index), ("shadow", true, true, 1));
        assert_eq!((row.calls.as_str(), row.auth, row.last_seen.as_str()), ("1,200", "open", "2026-09-21"));
        assert_eq!((row.concern_words().as_str(), row.callers.as_str()), ("open shadow", "~1,600"));
        assert_eq!([callers(15), callers(16)], ["15", "~16"]);
        let fact = |name: &str| row.facts.iter().find(|fact| fact.name == name).unwrap();
        assert_eq!(fact("examples").values.len(), EVIDENCE_MAX);
        assert_eq!(
            fact("credential").values[0].as_str(),
            "2 successes without one, 1,198 of which the source does not tell"
        );
        assert_eq!(fact("answers").values[0].as_str(), "200 × 1,200");
        assert!(row.facts.iter().all(|fact| fact.name != "ends"), "nothing is told of what is not known");
    }

    #[test]
    fn an_orphan_has_no_evidence_and_an_undocumented_one_is_no_concern_without_documents() {
        let row = Row::of(&orphan("/a"), Compared::WithDocuments, &[]);
        assert_eq!(
            (row.calls.as_str(), row.auth, row.confidence.as_str(), row.facts.len()),
            ("0", "", "", 0)
        );
        let row = Row::of(&seen(State::Shadow, "/a", 1), Compared::WithNothing, &[]);
        assert_eq!((row.state, row.is_concern), ("seen", false));
    }
}
