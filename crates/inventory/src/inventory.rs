//! The state: what was seen, per host.

mod hosts;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use traffic::Exchange;

use crate::classes::hidden;
use crate::infer;
use crate::method::Method;
use crate::noise::{self, NoiseKind, NoiseReport, Sighting};
use crate::operation::Operation;
use crate::service;
use crate::settings::{Limits, Override, Prior, Settings};
use crate::sketch::{self, LeastMap};
use crate::tally::least;
use crate::tree::{EndKey, Node, Readings, Way};

pub(crate) use hosts::{Dropped, Hosts};

const HOUR_MS: i64 = 3_600_000;
/// Hours that are remembered: eleven years.
const HOURS_MAX: usize = 100_000;
/// Names given of hosts that were given up.
const DROPPED_SAMPLES: usize = 5;
/// The shortest time without evidence that is told.
const GAP_HOURS: i64 = 3;

/// What was seen of any number of hosts.
#[derive(Debug, Clone)]
pub struct Inventory {
    pub(crate) settings: Settings,
    pub(crate) hosts: Hosts,
    /// Names of callers by hash, for samples.
    pub(crate) callers: LeastMap<Box<str>>,
    /// Hours since 1970 in UTC in which anything was seen.
    pub(crate) hours: BTreeSet<i64>,
    /// The hour of the exchange before, which is most often the same.
    hour: Option<i64>,
    readings: Readings,
}

/// What was seen of one host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    /// Answered with success.
    pub(crate) succeeded: Node,
    /// Pages (HTML), apart since a host may answer any path with one, and what nobody offers must not crowd out what is.
    pub(crate) pages: Node,
    /// Answered otherwise: no evidence for an operation, but counted where one is found.
    pub(crate) failed: Node,
    pub(crate) noise: BTreeMap<NoiseKind, Sighting>,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) total: u64,
    /// Successes that it may have had before it was last given up.
    pub(crate) start: u64,
}

/// Hosts that were more than an inventory keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedHosts {
    /// How many; above sixteen an estimate.
    pub hosts: u64,
    /// Their exchanges.
    pub count: u64,
    /// Those of them that were answered with success.
    pub succeeded: u64,
    /// Some of their names.
    pub samples: Vec<String>,
}

/// The extent of what was seen of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSummary {
    /// The host; empty where the source has none.
    pub host: String,
    /// All exchanges.
    pub count: u64,
    /// Milliseconds since 1970 in UTC of the first exchange with a time.
    pub first_seen: Option<i64>,
    /// Milliseconds since 1970 in UTC of the last exchange with a time.
    pub last_seen: Option<i64>,
}

/// What an exchange is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Succeeded(EndKey),
    Failed(EndKey),
    Noise(NoiseKind),
}

impl Inventory {
    /// An inventory of nothing.
    pub fn new(settings: Settings) -> Self {
        let callers = LeastMap::new(settings.limits.callers);
        Self {
            settings,
            hosts: Hosts::default(),
            callers,
            hours: BTreeSet::new(),
            hour: None,
            readings: Readings::default(),
        }
    }

    /// Counts one exchange.
    pub fn observe(&mut self, exchange: &Exchange<'_>) {
        let hour = exchange.at.map(|at| at.div_euclid(HOUR_MS));
        if hour != self.hour {
            self.hour = hour;
            self.hours.extend(hour.filter(|_| self.hours.len() < HOURS_MAX));
        }
        let caller = exchange.caller.or(exchange.client).map(|text| {
            let hash = sketch::hash(text.as_bytes());
            self.callers.upsert(hash, || text.into(), |_| {});
            hash
        });
        let Self { hosts, readings, settings, .. } = self;
        hosts.with(exchange.host.unwrap_or_default(), |host| {
            host.count(exchange, caller, readings, &settings.limits);
        });
        hosts.make_room(settings.limits.hosts, &settings.named_hosts);
    }

    /// Replaces the templates that are known beforehand.
    pub fn set_priors(&mut self, priors: Vec<Prior>) {
        self.settings.priors = priors;
    }

    /// Adds what a person said of places; it stays with the state, and two states that are joined keep what was said of both. Of two that
    /// contradict each other the first one counts.
    pub fn add_overrides(&mut self, overrides: Vec<Override>) {
        for said in overrides {
            let same = |known: &Override| known.host == said.host && known.prefix == said.prefix;
            if !self.settings.overrides.iter().any(same) {
                self.settings.overrides.push(said);
            }
        }
        self.settings.overrides.sort();
    }

    /// Takes the place of what people said before.
    pub(crate) fn set_overrides(&mut self, overrides: Vec<Override>) {
        self.settings.overrides.clear();
        self.add_overrides(overrides);
    }

    /// Joins what another inventory saw. Both must have been made with the same limits; priors are those of `self`.
    pub fn merge(&mut self, mut other: Self) {
        self.hours.append(&mut other.hours);
        self.add_overrides(std::mem::take(&mut other.settings.overrides));
        for (hash, text) in other.callers.into_entries() {
            self.callers.upsert(hash, || text, |_| {});
        }
        let Self { hosts, settings, .. } = self;
        hosts.merge(other.hosts, |own, host| own.merge(host, &settings.limits));
        hosts.make_room(settings.limits.hosts, &settings.named_hosts);
    }

    /// The operations found, by host, path and method.
    pub fn operations(&self) -> Vec<Operation> {
        self.found().0
    }

    /// What was seen and is no operation, by host and kind.
    pub fn noise(&self) -> Vec<NoiseReport> {
        self.found().1
    }

    /// The operations and what is none, for whoever wants both: inferring is most of the work.
    pub fn found(&self) -> (Vec<Operation>, Vec<NoiseReport>) {
        let (mut operations, mut noise) = (Vec::new(), Vec::new());
        let hosts = self.kept_hosts();
        for (name, host) in hosts.iter() {
            let structure = infer::structure(self, name, host);
            operations.extend(infer::operations(self, name, host, &structure));
            noise.extend(noise::reports(self, name, host, &structure));
        }
        operations.sort_by(|one, other| {
            (&one.host, &one.path, one.method).cmp(&(&other.host, &other.path, other.method))
        });
        let is_service = |operation: &mut Operation| service::is_service(self, operation);
        let services: Vec<Operation> = operations.extract_if(.., is_service).collect();
        service::report(services, &mut noise);
        noise.extend(dropped(&hosts).map(|dropped| NoiseReport {
            host: String::new(),
            kind: NoiseKind::TooManyHosts,
            count: dropped.count,
            samples: dropped.samples,
        }));
        noise.sort_by(|one, other| (&one.host, one.kind).cmp(&(&other.host, other.kind)));
        (operations, noise)
    }

    /// The hosts and the time over which there is evidence of each, by host.
    pub fn hosts(&self) -> Vec<HostSummary> {
        let mut found: Vec<HostSummary> = self
            .kept_hosts()
            .iter()
            .map(|(name, host)| HostSummary {
                host: name.to_string(),
                count: host.total,
                first_seen: host.first,
                last_seen: host.last,
            })
            .collect();
        found.sort_by(|one, other| one.host.cmp(&other.host));
        found
    }

    /// Times without any evidence between times with some, longer than the rhythm of what was seen explains: from and to, in milliseconds
    /// since 1970 in UTC.
    pub fn gaps(&self) -> Vec<(i64, i64)> {
        let steps = self.hours.iter().zip(self.hours.iter().skip(1));
        let between: Vec<(i64, i64)> = steps.map(|(one, next)| (one.saturating_add(1), *next)).collect();
        let mut quiet: Vec<i64> = between.iter().map(|(from, to)| to.saturating_sub(*from)).collect();
        quiet.sort_unstable();
        // One in ten of the steps may be a night.
        let usual = quiet.get(quiet.len() * 9 / 10).copied().unwrap_or(0);
        let least = GAP_HOURS.max(usual.saturating_mul(3));
        let long = between.into_iter().filter(|(from, to)| least <= to.saturating_sub(*from));
        long.map(|(from, to)| (from.saturating_mul(HOUR_MS), to.saturating_mul(HOUR_MS))).collect()
    }

    /// The hosts that were more than [`Limits::hosts`], if there were any.
    pub fn dropped_hosts(&self) -> Option<DroppedHosts> {
        dropped(&self.kept_hosts())
    }

    /// The hosts, no more than the limit.
    pub(crate) fn kept_hosts(&self) -> Cow<'_, Hosts> {
        let limit = self.settings.limits.hosts;
        if self.hosts.len() <= limit {
            return Cow::Borrowed(&self.hosts);
        }
        let mut hosts = self.hosts.clone();
        hosts.keep(limit, &self.settings.named_hosts);
        Cow::Owned(hosts)
    }
}

fn dropped(hosts: &Hosts) -> Option<DroppedHosts> {
    let dropped = &hosts.dropped;
    (0 < dropped.count).then(|| DroppedHosts {
        hosts: dropped.hosts(),
        count: dropped.count,
        succeeded: dropped.succeeded,
        samples: dropped.names.iter().take(DROPPED_SAMPLES).map(|(_, name)| name.to_string()).collect(),
    })
}

impl Host {
    /// Exchanges that were answered with success.
    pub(crate) fn successes(&self) -> u64 {
        self.succeeded.total.saturating_add(self.pages.total)
    }

    /// The successes, with those that it may have had before it was given up; none where there was no success.
    pub(crate) fn evidence(&self) -> u64 {
        let successes = self.successes();
        if successes == 0 { 0 } else { successes.saturating_add(self.start) }
    }

    fn count(
        &mut self,
        exchange: &Exchange<'_>,
        caller: Option<u64>,
        readings: &mut Readings,
        limits: &Limits,
    ) {
        self.total = self.total.saturating_add(1);
        self.first = least(self.first, exchange.at);
        self.last = self.last.max(exchange.at);
        let of_failures;
        let (node, key, limits) = match sort(exchange) {
            Sort::Succeeded(key) if key.page => (&mut self.pages, key, limits),
            Sort::Succeeded(key) => (&mut self.succeeded, key, limits),
            Sort::Failed(key) => {
                of_failures = limits.of_failures();
                (&mut self.failed, key, &of_failures)
            }
            Sort::Noise(kind) => {
                self.noise.entry(kind).or_default().count(1, &hidden::path(exchange.path));
                return;
            }
        };
        let mut way = Way::new(exchange.path, limits, readings);
        node.insert(&mut way, key, |tally| tally.observe(exchange, caller));
    }

    fn merge(&mut self, other: Self, limits: &Limits) {
        self.succeeded.merge(other.succeeded, limits);
        self.pages.merge(other.pages, limits);
        self.failed.merge(other.failed, &limits.of_failures());
        for (kind, sighting) in other.noise {
            self.noise.entry(kind).or_default().merge(sighting);
        }
        self.first = least(self.first, other.first);
        self.last = self.last.max(other.last);
        self.total = self.total.saturating_add(other.total);
        self.start = self.start.max(other.start);
    }
}

fn sort(exchange: &Exchange<'_>) -> Sort {
    let Some(method) = Method::parse(exchange.method) else {
        return Sort::Noise(NoiseKind::UnknownMethod);
    };
    if !exchange.path.starts_with('/') {
        return Sort::Noise(NoiseKind::NoPath);
    }
    let Some(status) = exchange.status else {
        return Sort::Noise(NoiseKind::NoStatus);
    };
    if method == Method::OPTIONS {
        return Sort::Noise(NoiseKind::Preflight);
    }
    if matches!(method, Method::GET | Method::HEAD) && noise::is_static(exchange.path) {
        return Sort::Noise(NoiseKind::StaticFile);
    }
    let page = exchange.response_type.is_some_and(|media_type| {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("text/html") || essence.eq_ignore_ascii_case("application/xhtml+xml")
    });
    let key = EndKey { method, page };
    match status {
        101 | 200..=299 => Sort::Succeeded(key),
        304 if matches!(method, Method::GET | Method::HEAD) => {
            Sort::Succeeded(EndKey { method, page: false })
        }
        _ => Sort::Failed(EndKey { method, page: false }),
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod styles;
