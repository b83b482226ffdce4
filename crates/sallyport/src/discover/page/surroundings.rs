//! What surrounds the operations on the page: hosts, noise, what cannot be known, and what was read.

use std::collections::BTreeMap;

use inventory::{HostSummary, NoiseKind, NoiseReport, Stated};

use super::super::attention::concerns;
use super::super::blind::{Blind, sentences};
use super::super::feed::Taken;
use super::super::report::Compared;
use super::rows::host_name;
use super::shown::{Shown, grouped, minute};

/// Samples of noise that are shown of a kind.
const SAMPLES_MAX: usize = 5;
/// Characters of a sample.
const SAMPLE_CHARS: usize = 80;

/// A host.
#[derive(Debug)]
pub(super) struct HostRow {
    pub(super) name: Shown,
    pub(super) requests: String,
    pub(super) operations: String,
    pub(super) concerns: String,
    pub(super) first_seen: String,
    pub(super) last_seen: String,
}

/// Requests of one kind that are no operation.
#[derive(Debug)]
pub(super) struct NoiseRow {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) requests: String,
    pub(super) samples: Vec<Shown>,
}

/// An input.
#[derive(Debug)]
pub(super) struct InputRow {
    pub(super) name: Shown,
    pub(super) format: &'static str,
    pub(super) why: Shown,
    pub(super) parts: String,
    pub(super) requests: String,
    /// What was not read, and why.
    pub(super) faults: Vec<Shown>,
}

pub(super) fn hosts(hosts: &[HostSummary], stated: &[Stated], compared: Compared) -> Vec<HostRow> {
    let mut counted: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for one in stated {
        let (operations, with_concern) = counted.entry(&one.host).or_default();
        *operations += u64::from(one.seen.is_some());
        *with_concern += u64::from(!concerns(one, compared).is_empty());
    }
    let row = |host: &HostSummary| {
        let (operations, with_concern) = counted.get(host.host.as_str()).copied().unwrap_or_default();
        HostRow {
            name: host_name(&host.host),
            requests: grouped(host.count),
            operations: grouped(operations),
            concerns: grouped(with_concern),
            first_seen: host.first_seen.map(minute).unwrap_or_default(),
            last_seen: host.last_seen.map(minute).unwrap_or_default(),
        }
    };
    hosts.iter().map(row).collect()
}

pub(super) fn noise(reports: &[NoiseReport]) -> Vec<NoiseRow> {
    let mut kinds: BTreeMap<NoiseKind, (u64, Vec<Shown>)> = BTreeMap::new();
    for report in reports {
        let (count, samples) = kinds.entry(report.kind).or_default();
        *count = count.saturating_add(report.count);
        samples.extend(report.samples.iter().map(|text| Shown::of(text, SAMPLE_CHARS)));
    }
    let row = |(kind, (count, mut samples)): (NoiseKind, (u64, Vec<Shown>))| {
        samples.sort();
        samples.dedup();
        samples.truncate(SAMPLES_MAX);
        NoiseRow { name: kind.name(), meaning: meaning(kind), requests: grouped(count), samples }
    };
    kinds.into_iter().map(row).collect()
}

const fn meaning(kind: NoiseKind) -> &'static str {
    match kind {
        NoiseKind::Preflight => "Asked by browsers before the request proper.",
        NoiseKind::StaticFile => "Files of web pages.",
        NoiseKind::Service => "Probes, metrics and what describes a host to machines.",
        NoiseKind::Scanner => "Paths that scanners ask for.",
        NoiseKind::UnknownPath => "Misspelt, gone or guessed: never answered with success.",
        NoiseKind::WrongMethod => "A known path with a method that it does not have.",
        NoiseKind::SoftNotFound => "A page that the host answers to anything.",
        NoiseKind::UnknownMethod => "A method that no standard knows.",
        NoiseKind::NoPath => "A target that is no path.",
        NoiseKind::NoStatus => "The source does not say how it was answered.",
        NoiseKind::TooManyHosts => "Hosts beyond the limit.",
    }
}

pub(super) fn inputs(taken: &[Taken]) -> Vec<InputRow> {
    let row = |one: &Taken| {
        let broken = one.broken.iter().map(|why| format!("reading ended before the end: {why}"));
        let faults =
            one.faults.iter().map(|(kind, faults)| format!("{} not read: {kind}", grouped(faults.count)));
        InputRow {
            name: Shown::line(&one.name),
            format: one.format,
            why: Shown::line(&one.why),
            parts: format!("{} {}", grouped(one.lines), one.parts),
            requests: grouped(one.read),
            faults: broken.chain(faults).map(|text| Shown::line(&text)).collect(),
        }
    };
    taken.iter().map(row).collect()
}

/// What this page cannot know, and why, in sentences. An empty list would be a claim to know everything.
pub(super) fn blind(blind: &Blind<'_>) -> Vec<Shown> {
    sentences(blind).iter().map(|text| Shown::of(text, 600)).collect()
}
