//! The inventory as one page: a file that loads nothing, sends nothing and is readable without a script, to be forwarded to people who were not there.
//!
//! Everything from logs goes through [`shown::Shown`] and the template's escaping. The page's own policy (CSP) permits its one style and
//! its one script by their hashes and nothing else, so that even markup that got past both would do nothing.

mod rows;
pub(super) mod shown;
mod surroundings;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use inventory::{HostSummary, NoiseReport, Stated};
use model::Timestamp;

use super::attention::{Concern, counts, ordered};
use super::blind::Blind;
use super::feed::Taken;
use super::report::Compared;
use crate::output::Output;
use rows::{Form, Row};
use shown::{Part, Shown, grouped, minute, period};
use surroundings::{HostRow, InputRow, NoiseRow};

/// Operations on a page. Above, browsers need seconds; what is left out is told, and is last in the order of attention.
const OPERATIONS_MAX: usize = 10_000;
/// Operations that are named under a concern; the table has all.
const NAMED_MAX: usize = 5;

/// Bytes of evidence on a page. What needs attention has it first; the pages of five thousand operations stay below 5 MB.
const EVIDENCE_BYTES_MAX: usize = 2_500_000;

const STYLE: &str = include_str!("../../templates/inventory.css");
const SCRIPT: &str = include_str!("../../templates/inventory.js");

/// What a page is made from.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) stated: &'a [Stated],
    pub(super) compared: Compared,
    pub(super) hosts: &'a [HostSummary],
    pub(super) noise: &'a [NoiseReport],
    pub(super) taken: &'a [Taken],
    /// Times without evidence.
    pub(super) gaps: &'a [(i64, i64)],
    pub(super) dropped: Option<&'a inventory::DroppedHosts>,
    /// What was asked for, as names and values.
    pub(super) settings: &'a [(&'static str, String)],
    pub(super) made_at: Timestamp,
}

/// The page, and how many operations are not on it, or are without their evidence.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    left_out: usize,
    without_evidence: usize,
}

impl Page {
    /// Prints the page, and says what is not on it.
    pub(super) fn print(&self, output: Output) -> anyhow::Result<()> {
        self.missing().iter().for_each(|told| output.note(told));
        Ok(output.line(&self.text)?)
    }

    /// What is not on the page, in words.
    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.left_out != 0 {
            missing.push(format!(
                "{} operations are not on the page, which holds {OPERATIONS_MAX}: those that need attention least",
                self.left_out
            ));
        }
        if self.without_evidence != 0 {
            missing.push(format!(
                "the last {} operations on the page are without evidence, so that it stays small",
                self.without_evidence
            ));
        }
        missing
    }
}

#[derive(Template)]
#[template(path = "inventory.html")]
struct View<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    heading: Shown,
    summary: String,
    period: String,
    concerns: Vec<Group<'a>>,
    rows: &'a [Row],
    operations: String,
    left_out: String,
    without_evidence: String,
    hosts: Vec<HostRow>,
    noise: Vec<NoiseRow>,
    blind: Vec<Shown>,
    inputs: Vec<InputRow>,
    settings: Vec<(&'static str, Shown)>,
    is_compared: bool,
    made_at: String,
    version: &'static str,
}

/// Operations with one concern.
struct Group<'a> {
    concern: Concern,
    count: String,
    title: &'static str,
    named: Vec<&'a Row>,
    /// How many there are beside those that are named.
    more: String,
}

/// Writes the page.
pub(super) fn html(found: &Found<'_>) -> anyhow::Result<Page> {
    let names: Vec<&str> = found.hosts.iter().map(|host| host.host.as_str()).collect();
    let mut rows: Vec<Row> = ordered(found.stated, found.compared)
        .into_iter()
        .take(OPERATIONS_MAX)
        .map(|one| Row::of(one, found.compared, &names))
        .collect();
    let without_evidence = bound(&mut rows);
    let left_out = found.stated.len().saturating_sub(OPERATIONS_MAX);
    let settings = found.settings.iter().map(|(name, value)| (*name, Shown::line(value)));
    let view = View {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        heading: heading(found.hosts),
        summary: summary(found),
        period: observed(found.hosts),
        concerns: groups(found, &rows),
        rows: &rows,
        operations: grouped(number(rows.len())),
        left_out: some(left_out),
        without_evidence: some(without_evidence),
        hosts: surroundings::hosts(found.hosts, found.stated, found.compared),
        noise: surroundings::noise(found.noise),
        blind: surroundings::blind(&Blind {
            stated: found.stated,
            taken: found.taken,
            hosts: found.hosts,
            gaps: found.gaps,
            dropped: found.dropped,
            compared: found.compared,
        }),
        inputs: surroundings::inputs(found.taken),
        settings: settings.collect(),
        is_compared: found.compared == Compared::WithDocuments,
        made_at: minute(found.made_at.as_millis()),
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(Page { text: view.render()?, left_out, without_evidence })
}

/// Takes the evidence from the last rows where it is too much, and says from how many.
fn bound(rows: &mut [Row]) -> usize {
    let (mut spent, mut without) = (0_usize, 0);
    for row in rows.iter_mut().filter(|row| !row.facts.is_empty()) {
        spent = spent.saturating_add(row.evidence_bytes());
        if EVIDENCE_BYTES_MAX < spent {
            row.facts.clear();
            without += 1;
        }
    }
    without
}

/// The policy of the page: its style and its script by their hashes (CSP level 3, section 2.3.1), and nothing from anywhere.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn heading(hosts: &[HostSummary]) -> Shown {
    match hosts {
        [only] if !only.host.is_empty() => Shown::line(&only.host),
        [] => Shown::line("Nothing was seen"),
        [_] => Shown::line("One host without a name"),
        many => Shown::line(&format!("{} hosts", grouped(number(many.len())))),
    }
}

/// How much was seen.
fn summary(found: &Found<'_>) -> String {
    let operations = number(found.stated.iter().filter(|one| one.seen.is_some()).count());
    let requests = found.hosts.iter().fold(0_u64, |sum, host| sum.saturating_add(host.count));
    let noun = |count: u64, one: &'static str, many: &'static str| if count == 1 { one } else { many };
    format!(
        "{} {} in {} {}",
        grouped(operations),
        noun(operations, "operation", "operations"),
        grouped(requests),
        noun(requests, "request", "requests"),
    )
}

/// When, as far as that is known.
fn observed(hosts: &[HostSummary]) -> String {
    let first = hosts.iter().filter_map(|host| host.first_seen).min();
    let last = hosts.iter().filter_map(|host| host.last_seen).max();
    first.zip(last).map_or_else(String::new, |(first, last)| period(first, last))
}

fn groups<'a>(found: &Found<'_>, rows: &'a [Row]) -> Vec<Group<'a>> {
    let group = |(concern, count): (Concern, usize)| {
        let named: Vec<&Row> =
            rows.iter().filter(|row| row.concerns.contains(&concern)).take(NAMED_MAX).collect();
        let more = count.saturating_sub(named.len());
        Group { concern, count: grouped(number(count)), title: concern.title(count), named, more: some(more) }
    };
    counts(found.stated, found.compared).into_iter().map(group).collect()
}

/// Nothing where there is none.
fn some(count: usize) -> String {
    if count == 0 { String::new() } else { grouped(number(count)) }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
