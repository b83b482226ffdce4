//! Metrics in Prometheus' text format, counted by the sequencer.
//!
//! Labels are names from the configuration (APIs, at most [`APIS_MAX`], the rest is `other`) and closed lists:
//! nothing that a client sends can make a new series.

use std::collections::HashMap;
use std::fmt::{self, Write};

use model::{DenyReason, Verdict};
use record::hash::Fast;
use record::{Completed, LossCause, Outcome};

use crate::HandshakeFailure;
use crate::rollup::APIS_MAX;
use crate::unheeded;

/// Upper bounds of the buckets for the time to a decision, in microseconds.
const DECISION_US: [u64; 10] = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 100_000];
/// Upper bounds of the buckets for upstream and total time, in microseconds.
const REQUEST_US: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 30_000_000];
/// Reasons have numbers below this.
const REASONS: usize = 64;

#[derive(Clone, Debug)]
struct Histogram<const N: usize> {
    bounds: [u64; N],
    counts: [u64; N],
    count: u64,
    sum_us: u64,
}

impl<const N: usize> Histogram<N> {
    const fn new(bounds: [u64; N]) -> Self {
        Self { bounds, counts: [0; N], count: 0, sum_us: 0 }
    }

    fn observe(&mut self, value_us: u64) {
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(value_us);
        let at = self.bounds.iter().position(|bound| value_us <= *bound);
        if let Some(count) = at.and_then(|at| self.counts.get_mut(at)) {
            *count += 1;
        }
    }

    fn render(&self, out: &mut String, name: &str, api: &str) -> fmt::Result {
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            below += count;
            writeln!(out, "{name}_bucket{{api=\"{api}\",le=\"{}\"}} {below}", Seconds(*bound))?;
        }
        writeln!(out, "{name}_bucket{{api=\"{api}\",le=\"+Inf\"}} {}", self.count)?;
        writeln!(out, "{name}_sum{{api=\"{api}\"}} {}", Seconds(self.sum_us))?;
        writeln!(out, "{name}_count{{api=\"{api}\"}} {}", self.count)
    }
}

/// Microseconds as a decimal number of seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// The figures of one API.
#[derive(Debug)]
struct Figures {
    name: String,
    /// By verdict and by the reason's number, zero for none.
    decisions: Box<[[u64; REASONS]; 5]>,
    /// By class of status, 1xx to 5xx, and others.
    responses: [u64; 6],
    failures: [u64; model::UpstreamFailure::ALL.len()],
    /// Requests under way that were broken off, by the reason's number.
    stopped: Box<[u64; REASONS]>,
    decision: Histogram<10>,
    upstream: Histogram<12>,
    total: Histogram<12>,
    request_bytes: u64,
    response_bytes: u64,
}

/// Which API a figure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ApiSlot(usize);

/// Figures about the recorder itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogFigures {
    pub(crate) entries: u64,
    pub(crate) lost_ring: u64,
    pub(crate) lost_write: u64,
    pub(crate) ring_bytes_max: u64,
    pub(crate) set_aside_bytes_max: u64,
    pub(crate) size: u64,
    pub(crate) checkpoint_size: u64,
    pub(crate) faulty: u64,
}

/// All figures.
#[derive(Debug)]
pub(crate) struct Metrics {
    slots: HashMap<Box<str>, ApiSlot, Fast>,
    /// The last one that was asked for by name: requests to one API often follow each other.
    last: ApiSlot,
    apis: Vec<Figures>,
    pub(crate) log: LogFigures,
    /// Connections of clients that are open.
    pub(crate) connections: u64,
    /// Handshakes of clients that came to nothing, in the order of [`HandshakeFailure::ALL`].
    pub(crate) handshakes: [u64; HandshakeFailure::ALL.len()],
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // The first slot is for requests that reached no API, and for APIs beyond the limit.
        Self {
            slots: HashMap::default(),
            last: ApiSlot(0),
            apis: vec![Figures::new("other")],
            log: LogFigures::default(),
            connections: 0,
            handshakes: [0; HandshakeFailure::ALL.len()],
        }
    }

    /// The slot of the API; `other` for the empty name and beyond the limit.
    pub(crate) fn slot(&mut self, api: &str) -> ApiSlot {
        // An API may be called `other`, too.
        let is_last =
            self.last != ApiSlot(0) && self.apis.get(self.last.0).is_some_and(|last| last.name == api);
        if is_last {
            return self.last;
        }
        if let Some(slot) = self.slots.get(api) {
            self.last = *slot;
            return *slot;
        }
        if api.is_empty() || APIS_MAX <= self.apis.len() {
            return ApiSlot(0);
        }
        let slot = ApiSlot(self.apis.len());
        self.apis.push(Figures::new(api));
        self.slots.insert(api.into(), slot);
        slot
    }

    pub(crate) fn decided(&mut self, slot: ApiSlot, verdict: Verdict, reason: Option<DenyReason>) {
        let reason = usize::from(reason.map_or(0, DenyReason::number));
        let figures = self.apis.get_mut(slot.0);
        let counts = figures.and_then(|figures| figures.decisions.get_mut(row(verdict)));
        if let Some(count) = counts.and_then(|counts| counts.get_mut(reason)) {
            *count += 1;
        }
    }

    pub(crate) fn completed(&mut self, slot: ApiSlot, ending: &Completed) {
        let Some(figures) = self.apis.get_mut(slot.0) else { return };
        let class = usize::from(ending.status / 100).wrapping_sub(1).min(5);
        if let Some(count) = figures.responses.get_mut(class) {
            *count += 1;
        }
        match ending.outcome {
            Outcome::Done => {}
            Outcome::Failed(failure) => {
                let at = model::UpstreamFailure::ALL.iter().position(|other| *other == failure);
                if let Some(count) = at.and_then(|at| figures.failures.get_mut(at)) {
                    *count += 1;
                }
            }
            Outcome::Stopped(reason) => {
                if let Some(count) = figures.stopped.get_mut(usize::from(reason.number())) {
                    *count += 1;
                }
            }
        }
        figures.decision.observe(ending.time_to_decision_us);
        if 0 < ending.upstream_us {
            figures.upstream.observe(ending.upstream_us);
        }
        figures.total.observe(ending.total_us);
        figures.request_bytes = figures.request_bytes.saturating_add(ending.request_bytes);
        figures.response_bytes = figures.response_bytes.saturating_add(ending.response_bytes);
    }

    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        unheeded(self.render_into(&mut out));
        out
    }

    fn render_into(&self, out: &mut String) -> fmt::Result {
        family(out, "sallyport_connections", "gauge", "Connections of clients that are open.")?;
        writeln!(out, "sallyport_connections {}", self.connections)?;
        let help = "TLS handshakes of clients that came to nothing, by cause.";
        family(out, "sallyport_handshake_failures_total", "counter", help)?;
        for (failure, count) in HandshakeFailure::ALL.iter().zip(self.handshakes) {
            writeln!(out, "sallyport_handshake_failures_total{{cause=\"{}\"}} {count}", failure.code())?;
        }
        family(out, "sallyport_decisions_total", "counter", "Decisions by API, verdict and reason.")?;
        for figures in &self.apis {
            figures.render_decisions(out)?;
        }
        family(out, "sallyport_responses_total", "counter", "Answers by API and class of status.")?;
        for figures in &self.apis {
            for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx", "other"].iter().zip(figures.responses) {
                if 0 < count {
                    let api = &figures.name;
                    writeln!(out, "sallyport_responses_total{{api=\"{api}\",class=\"{class}\"}} {count}")?;
                }
            }
        }
        family(out, "sallyport_upstream_failures_total", "counter", "Requests whose answer failed, by how.")?;
        for figures in &self.apis {
            for (failure, count) in model::UpstreamFailure::ALL.iter().zip(figures.failures) {
                if 0 < count {
                    let (api, code) = (&figures.name, failure.code());
                    let labels = format!("{{api=\"{api}\",failure=\"{code}\"}}");
                    writeln!(out, "sallyport_upstream_failures_total{labels} {count}")?;
                }
            }
        }
        let name = "sallyport_stopped_total";
        family(out, name, "counter", "Requests under way that were broken off, by why.")?;
        self.apis.iter().try_for_each(|figures| figures.render_stopped(out, name))?;
        type Bytes = fn(&Figures) -> u64;
        for (name, help, value) in [
            ("sallyport_request_bytes_total", "Bytes of request bodies.", (|it| it.request_bytes) as Bytes),
            ("sallyport_response_bytes_total", "Bytes of answers' bodies.", |it| it.response_bytes),
        ] {
            family(out, name, "counter", help)?;
            for figures in &self.apis {
                writeln!(out, "{name}{{api=\"{}\"}} {}", figures.name, value(figures))?;
            }
        }
        self.render_times(out)?;
        self.render_log(out)
    }

    fn render_times(&self, out: &mut String) -> fmt::Result {
        let name = "sallyport_decision_seconds";
        family(out, name, "histogram", "From the first byte of a request to its decision.")?;
        self.apis.iter().try_for_each(|figures| figures.decision.render(out, name, &figures.name))?;
        let name = "sallyport_upstream_seconds";
        family(out, name, "histogram", "From forwarding to the end of the upstream's answer.")?;
        self.apis.iter().try_for_each(|figures| figures.upstream.render(out, name, &figures.name))?;
        let name = "sallyport_request_seconds";
        family(out, name, "histogram", "From the first byte of a request to the end of its answer.")?;
        self.apis.iter().try_for_each(|figures| figures.total.render(out, name, &figures.name))
    }

    fn render_log(&self, out: &mut String) -> fmt::Result {
        let log = &self.log;
        family(out, "sallyport_record_lost_total", "counter", "Entries that could not be recorded.")?;
        for (cause, count) in [(LossCause::RingFull, log.lost_ring), (LossCause::WriteFailed, log.lost_write)]
        {
            writeln!(out, "sallyport_record_lost_total{{cause=\"{}\"}} {count}", cause.as_str())?;
        }
        for (name, kind, help, value) in [
            ("sallyport_record_entries_total", "counter", "Entries drained from the workers.", log.entries),
            ("sallyport_record_ring_bytes_max", "gauge", "The fullest ring met so far.", log.ring_bytes_max),
            (
                "sallyport_record_set_aside_bytes_max",
                "gauge",
                "The most that waited in memory for a disk so far.",
                log.set_aside_bytes_max,
            ),
            ("sallyport_record_log_size", "gauge", "Entries in the log.", log.size),
            ("sallyport_record_checkpoint_size", "gauge", "Entries under a signature.", log.checkpoint_size),
            ("sallyport_record_faulty", "gauge", "1 while the log takes no entries.", log.faulty),
        ] {
            family(out, name, kind, help)?;
            writeln!(out, "{name} {value}")?;
        }
        Ok(())
    }
}

impl Figures {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            decisions: Box::new([[0; REASONS]; 5]),
            responses: [0; 6],
            failures: [0; model::UpstreamFailure::ALL.len()],
            stopped: Box::new([0; REASONS]),
            decision: Histogram::new(DECISION_US),
            upstream: Histogram::new(REQUEST_US),
            total: Histogram::new(REQUEST_US),
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    fn render_stopped(&self, out: &mut String, name: &str) -> fmt::Result {
        for (number, count) in (0..).zip(self.stopped.iter()).filter(|(_, count)| 0 < **count) {
            let reason = DenyReason::of_number(number).map_or("", DenyReason::code);
            writeln!(out, "{name}{{api=\"{}\",reason=\"{reason}\"}} {count}", self.name)?;
        }
        Ok(())
    }

    fn render_decisions(&self, out: &mut String) -> fmt::Result {
        for (verdict, counts) in Verdict::ALL.iter().zip(self.decisions.iter()) {
            for (number, count) in (0..).zip(counts).filter(|(_, count)| 0 < **count) {
                let reason = DenyReason::of_number(number).map_or("", DenyReason::code);
                let labels =
                    format!("{{api=\"{}\",verdict=\"{}\",reason=\"{reason}\"}}", self.name, verdict.as_str());
                writeln!(out, "sallyport_decisions_total{labels} {count}")?;
            }
        }
        Ok(())
    }
}

const fn row(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Allowed => 0,
        Verdict::Denied => 1,
        Verdict::SteppedUp => 2,
        Verdict::WouldDeny => 3,
        Verdict::WouldStepUp => 4,
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_all() {
        assert!(Verdict::ALL.into_iter().map(row).eq(0..5));
        assert!(DenyReason::ALL.iter().all(|reason| usize::from(reason.number()) < REASONS));
    }

    #[test]
    fn renders_what_was_counted_and_bounds_its_labels() {
        let mut metrics = Metrics::new();
        let orders = metrics.slot("orders");
        metrics.decided(orders, Verdict::Denied, Some(DenyReason::NoGrant));
        metrics.decided(orders, Verdict::Allowed, None);
        let ending = Completed {
            id: model::DecisionId::from_bytes([0; 16]),
            time: model::Timestamp::MIN,
            status: 200,
            outcome: Outcome::Done,
            request_bytes: 1,
            response_bytes: 2,
            time_to_decision_us: 30,
            upstream_us: 0,
            total_us: 1_500_000,
        };
        metrics.completed(orders, &ending);
        let text = metrics.render();
        for line in [
            "sallyport_decisions_total{api=\"orders\",verdict=\"denied\",reason=\"no_grant\"} 1",
            "sallyport_decisions_total{api=\"orders\",verdict=\"allowed\",reason=\"\"} 1",
            "sallyport_responses_total{api=\"orders\",class=\"2xx\"} 1",
            "sallyport_decision_seconds_bucket{api=\"orders\",le=\"0.000025\"} 0",
            "sallyport_decision_seconds_bucket{api=\"orders\",le=\"0.000050\"} 1",
            "sallyport_request_seconds_bucket{api=\"orders\",le=\"1.000000\"} 0",
            "sallyport_request_seconds_bucket{api=\"orders\",le=\"5.000000\"} 1",
            "sallyport_request_seconds_sum{api=\"orders\"} 1.500000",
            "sallyport_upstream_seconds_count{api=\"orders\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        (0..2 * APIS_MAX).for_each(|api| {
            let slot = metrics.slot(&api.to_string());
            metrics.decided(slot, Verdict::Allowed, None);
        });
        assert_eq!(metrics.apis.len(), APIS_MAX);
        assert!(0 < metrics.apis[0].decisions[0][0]);
    }
}
