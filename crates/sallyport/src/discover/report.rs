//! What was found, for people and for programs. Everything here comes from logs, so it may be an attacker's.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};

use inventory::{Contract, NoiseReport, Stated};
use model::Timestamp;
use serde_json::{Value, json};

use super::attention;
use super::blind::{Blind, sentences};
use crate::cli::DiscoverFormat;
use crate::output::{COLUMNS_MAX, Format, Output, Tone, printable};

/// Samples of noise that are shown of a kind.
const NOISE_SAMPLES: usize = 3;

/// Whether there was a document to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    WithDocuments,
    WithNothing,
}

impl Compared {
    pub(super) fn of(contracts: &[Contract]) -> Self {
        if contracts.is_empty() { Self::WithNothing } else { Self::WithDocuments }
    }
}

/// Prints the operations.
pub(super) fn operations(
    stated: &[Stated],
    compared: Compared,
    format: DiscoverFormat,
    output: Output,
) -> anyhow::Result<()> {
    let as_json = output.format == Format::Json || format != DiscoverFormat::Table;
    if as_json {
        return Ok(stated.iter().try_for_each(|one| output.json(&object(one)))?);
    }
    let only = only_host(stated);
    if let Some(host) = only.filter(|host| !host.is_empty()) {
        output.line(&output.tone(Tone::Strong, &printable(host)))?;
    }
    let counted = attention::counts(stated, compared);
    for (concern, count) in &counted {
        output.line(&output.tone(Tone::Warning, &format!("{count} {}", concern.title(*count))))?;
    }
    if only.is_some_and(|host| !host.is_empty()) || !counted.is_empty() {
        output.line("")?;
    }
    let rows = attention::ordered(stated, compared).into_iter();
    let rows = rows.map(|one| row(one, compared, only)).collect();
    let head = ["state", "method", "operation", "calls", "callers", "auth", "last seen", "sure"];
    output.table(&head, rows, "no request was answered with success, so there is no operation")?;
    Ok(())
}

/// The host of all operations, where it is one and fits a line: said once, it need not widen every row.
fn only_host(stated: &[Stated]) -> Option<&str> {
    let host = stated.first()?.host.as_str();
    let fits = host.is_ascii() && host.len() <= usize::from(COLUMNS_MAX);
    (fits && stated.iter().all(|one| one.host == host)).then_some(host)
}

fn row(one: &Stated, compared: Compared, only: Option<&str>) -> Vec<String> {
    let operation = match only {
        Some(_) => one.path.clone(),
        None => format!("{}{}", one.host, one.path),
    };
    let mut cells = vec![attention::state(one, compared).to_owned(), one.method.clone(), operation];
    match &one.seen {
        None => cells.extend(["0", "0", "", "", ""].map(str::to_owned)),
        Some(seen) => cells.extend([
            seen.count.to_string(),
            seen.callers.estimate.to_string(),
            match seen.auth() {
                "not tested" => String::new(),
                told => told.trim_end_matches(" only").to_owned(),
            },
            seen.last_seen.map(day).unwrap_or_default(),
            format!("{:.2}", seen.confidence),
        ]),
    }
    cells
}

fn object(one: &Stated) -> Value {
    let mut object = json!({
        "host": one.host,
        "method": one.method,
        "path": one.path,
        "class": one.state.as_str(),
        "why": one.why,
        "exposure": one.exposure.0.as_str(),
        "exposure_why": one.exposure.1,
        "drift": {
            "undeclared_query": one.drift.undeclared_query, "unsent_query": one.drift.unsent_query,
            "undeclared_statuses": one.drift.undeclared_statuses,
            "undeclared_request_types": one.drift.undeclared_request_types,
            "undeclared_answer_types": one.drift.undeclared_answer_types,
        },
    });
    let seen = match &one.seen {
        None => json!({
            "count": 0, "succeeded": 0, "first_seen": null, "last_seen": null, "confidence": 1.0, "reasons": [],
            "examples": [], "parameters": [], "callers": { "estimate": 0, "named": 0, "sample": [] },
            "statuses": {}, "content_types": [], "auth": "not tested", "data": [],
        }),
        Some(seen) => {
            let statuses: BTreeMap<String, u64> =
                seen.statuses.iter().map(|one| (one.status.to_string(), one.count)).collect();
            let parameters: Vec<Value> = seen
                .parameters
                .iter()
                .map(|one| json!({ "name": one.name, "type": one.kind.name() }))
                .collect();
            json!({
                "count": seen.count,
                "succeeded": seen.succeeded,
                "first_seen": seen.first_seen.map(moment),
                "last_seen": seen.last_seen.map(moment),
                "confidence": (seen.confidence * 1_000.0).round() / 1_000.0,
                "reasons": seen.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "examples": seen.examples,
                "parameters": parameters,
                "callers": {
                    "estimate": seen.callers.estimate, "named": seen.callers.named, "sample": seen.callers.sample,
                },
                "statuses": statuses,
                "content_types": seen.content_types,
                "auth": seen.auth(),
                "data": data(seen),
            })
        }
    };
    if let (Value::Object(object), Value::Object(seen)) = (&mut object, seen) {
        object.extend(seen);
    }
    object
}

/// Classes of data by where they were seen; no value was kept.
fn data(seen: &inventory::Operation) -> Vec<Value> {
    let field = |one: &inventory::DataField| json!({ "class": one.class.name(), "where": one.place.name(), "field": one.field, "count": one.count });
    seen.data.iter().map(field).collect()
}

/// A moment of the inventory, which counts milliseconds, as it is shown.
pub(crate) fn moment(millis: i64) -> String {
    Timestamp::from_micros(millis.saturating_mul(1_000)).to_string()
}

fn day(millis: i64) -> String {
    moment(millis).get(..10).unwrap_or_default().to_owned()
}

/// Says on standard error what was read, what was not, and what was left out.
pub(super) fn surroundings(blind: &Blind<'_>, noise: &[NoiseReport], output: Output) {
    let note = |text: &str| output.note(&printable(text));
    for one in blind.taken {
        note(&format!(
            "{}: {} ({}), {} {}, {} requests",
            one.name, one.format, one.why, one.lines, one.parts, one.read
        ));
        if let Some(broken) = &one.broken {
            note(&format!("  reading ended before its end: {broken}"));
        }
        for (kind, faults) in &one.faults {
            note(&format!("  {} {} not read: {kind}", faults.count, one.parts));
            for (number, line) in &faults.samples {
                note(&format!("    {}:{number}: {line}", one.name));
            }
        }
    }
    let mut kinds: BTreeMap<&str, (u64, Vec<&str>)> = BTreeMap::new();
    for report in noise {
        let (count, samples) = kinds.entry(report.kind.name()).or_default();
        *count += report.count;
        samples.extend(report.samples.iter().map(String::as_str));
    }
    for (kind, (count, samples)) in &kinds {
        let samples: Vec<&str> = samples.iter().take(NOISE_SAMPLES).copied().collect();
        note(&format!("no operation: {count} {kind} ({})", samples.join(", ")));
    }
    for host in blind.hosts {
        let name = if host.host.is_empty() { "(no host)" } else { &host.host };
        let from = host.first_seen.map_or_else(|| "an unknown time".to_owned(), moment);
        let to = host.last_seen.map_or_else(|| "an unknown time".to_owned(), moment);
        note(&format!("{name}: {} requests from {from} to {to}", host.count));
    }
    for sentence in sentences(blind) {
        note(&format!("blind: {sentence}"));
    }
}

/// How far, how fast and how long still, on a terminal and nowhere else.
pub(super) struct Progress {
    begun: Timestamp,
    told: Timestamp,
    output: Option<Output>,
}

impl Progress {
    pub(super) fn new(output: Output) -> Self {
        let is_watched = output.format == Format::Human && std::io::stderr().is_terminal();
        let now = crate::system::now();
        Self { begun: now, told: now, output: is_watched.then_some(output) }
    }

    /// So many bytes of the file were read, of so many where that is known.
    pub(super) fn advance(&mut self, (read, length): (u64, Option<u64>)) {
        let Some(output) = self.output else { return };
        let now = crate::system::now();
        if now.since(self.told).as_millis() < 200 {
            return;
        }
        self.told = now;
        let millis = u64::try_from(now.since(self.begun).as_millis()).unwrap_or(u64::MAX).max(1);
        let text = output.tone(Tone::Faint, &progress(read, length, millis));
        // Where it cannot be written, nobody looks.
        drop(write!(std::io::stderr().lock(), "\r{text}\u{1b}[K"));
    }

    pub(super) fn end(&self) {
        if self.output.is_some() && self.told != self.begun {
            drop(write!(std::io::stderr().lock(), "\r\u{1b}[K"));
        }
    }
}

/// `120 of 1034 MB, 85 MB/s, 11 s left`.
fn progress(read: u64, length: Option<u64>, millis: u64) -> String {
    let rate = read / millis / 1_000;
    let done = read / 1_000_000;
    let Some(length) = length.filter(|length| read <= *length) else {
        return format!("{done} MB, {rate} MB/s");
    };
    let left = (length - read).saturating_mul(millis) / read.max(1) / 1_000;
    format!("{done} of {} MB, {rate} MB/s, {left} s left", length / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_what_is_left_where_that_is_known() {
        assert_eq!(progress(100_000_000, Some(400_000_000), 1_000), "100 of 400 MB, 100 MB/s, 3 s left");
        assert_eq!(progress(0, Some(400_000_000), 1), "0 of 400 MB, 0 MB/s, 400000 s left");
        assert_eq!(progress(5_000_000, None, 1_000), "5 MB, 5 MB/s");
        // A file that grew meanwhile.
        assert_eq!(progress(5_000_000, Some(4_000_000), 1_000), "5 MB, 5 MB/s");
    }
}
