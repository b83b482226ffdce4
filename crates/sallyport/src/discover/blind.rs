//! What was found cannot show, in sentences: for the end of standard error and for the page.

use std::collections::BTreeSet;

use inventory::{DroppedHosts, HostSummary, Operation, Stated};

use super::feed::Taken;
use super::page::shown::{grouped, share};
use super::report::{Compared, moment};

/// Gaps and hosts that are named.
const NAMED_MAX: usize = 5;

/// From here on a number of hosts that were left out is an estimate.
const ESTIMATED_FROM: u64 = 16;

/// What there is to judge by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blind<'a> {
    pub(super) stated: &'a [Stated],
    pub(super) taken: &'a [Taken],
    pub(super) hosts: &'a [HostSummary],
    /// Times without evidence.
    pub(super) gaps: &'a [(i64, i64)],
    /// Hosts that were more than are kept.
    pub(super) dropped: Option<&'a DroppedHosts>,
    pub(super) compared: Compared,
}

/// The sentences; each says what is not known and, where that can be changed, by what.
pub(super) fn sentences(blind: &Blind<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if blind.compared == Compared::WithNothing {
        found.push(
            "No document was given to compare with, so nobody can say what is documented, shadow or orphan: give --openapi."
                .to_owned(),
        );
    }
    credentials(blind, &mut found);
    callers(blind, &mut found);
    detectors(blind, &mut found);
    unread(blind, &mut found);
    found.extend(blind.dropped.map(too_many_hosts));
    times(blind, &mut found);
    unseen_hosts(blind, &mut found);
    found.push("What no input shows is not here: hosts, times and callers without traffic.".to_owned());
    found
}

fn seen<'a>(blind: &Blind<'a>) -> impl Iterator<Item = &'a Operation> {
    blind.stated.iter().filter_map(|one| one.seen.as_ref())
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

fn credentials(blind: &Blind<'_>, found: &mut Vec<String>) {
    let (untested, all) = (seen(blind).filter(|one| one.auth() == "not tested").count(), seen(blind).count());
    if untested != 0 {
        found.push(format!(
            "Not tested for credentials: {untested} of {all} operations. The source does not tell of every call whether it carried one that was verified; the gateway's own traffic does."
        ));
    }
}

fn callers(blind: &Blind<'_>, found: &mut Vec<String>) {
    let requests = sum(seen(blind).map(|one| one.count));
    let unnamed = sum(seen(blind).map(|one| one.count.saturating_sub(one.callers.named)));
    if unnamed == 0 {
        return;
    }
    let share = share(unnamed, requests);
    let apart = if seen(blind).any(|one| 0 < one.callers.estimate) {
        "These callers are told apart by their addresses."
    } else {
        "Nor is there an address, so callers are not counted."
    };
    found.push(format!(
        "Without the name of a caller: {} of {} requests ({share}). {apart}",
        grouped(unnamed),
        grouped(requests)
    ));
}

/// Detectors that had nothing to work on.
fn detectors(blind: &Blind<'_>, found: &mut Vec<String>) {
    if seen(blind).next().is_none() {
        return;
    }
    if !blind.taken.iter().any(|one| one.format == "har") && seen(blind).all(|one| one.data.is_empty()) {
        found.push(
            "Classes of data were not looked for: no input has bodies. A HAR file has them.".to_owned(),
        );
    }
    if seen(blind).all(|one| one.query.is_empty()) {
        found.push(
            "Parameters of queries were not compared: no request had one, or the source leaves them out."
                .to_owned(),
        );
    }
    if seen(blind).all(|one| one.content_types.is_empty()) {
        found.push(
            "Hosts that answer anything with a page are not told: no input has the media type of answers. JSON logs can have it."
                .to_owned(),
        );
    }
    if seen(blind).all(|one| one.deprecated == 0 && one.sunset.is_none())
        && blind.taken.iter().all(|one| one.format != "har")
    {
        found.push(
            "Deprecation and Sunset fields of answers were not looked for: no input has them.".to_owned(),
        );
    }
}

fn unread(blind: &Blind<'_>, found: &mut Vec<String>) {
    let lines = sum(blind.taken.iter().map(|one| one.lines));
    let unread = sum(blind.taken.iter().flat_map(|one| one.faults.values().map(|faults| faults.count)));
    if unread != 0 {
        found.push(format!(
            "Not read: {} of {} parts of the inputs ({}).",
            grouped(unread),
            grouped(lines),
            share(unread, lines)
        ));
    }
    for broken in blind.taken.iter().filter(|one| one.broken.is_some()) {
        found.push(format!("Read in part only: {}.", broken.name));
    }
}

/// What was left out because there were more hosts than are kept.
pub(super) fn too_many_hosts(dropped: &DroppedHosts) -> String {
    let about = if dropped.hosts < ESTIMATED_FROM { "" } else { "about " };
    format!(
        "Left out, since there are more hosts than are kept: {about}{} hosts with {} requests, {} of them answered with success ({}). Kept are those with the most successes, and those that --host, HOST=FILE, --openapi or --exposure names.",
        grouped(dropped.hosts),
        grouped(dropped.count),
        grouped(dropped.succeeded),
        dropped.samples.join(", ")
    )
}

fn times(blind: &Blind<'_>, found: &mut Vec<String>) {
    for host in blind.hosts.iter().filter(|host| host.last_seen.is_none()) {
        let name = if host.host.is_empty() { "(no host)" } else { &host.host };
        found.push(format!("Without times: {name}."));
    }
    let minute = |millis: i64| moment(millis).chars().take("2026-11-26T10:00".len()).collect::<String>();
    let gaps: Vec<String> = blind
        .gaps
        .iter()
        .take(NAMED_MAX)
        .map(|(from, to)| format!("{} to {}", minute(*from), minute(*to)))
        .collect();
    if !gaps.is_empty() {
        let more = more(blind.gaps.len());
        found.push(format!("No evidence at all from {}{more} (UTC).", gaps.join(", ")));
    }
}

/// Hosts that documents are about and that nobody asked for.
fn unseen_hosts(blind: &Blind<'_>, found: &mut Vec<String>) {
    let known: BTreeSet<&str> = blind.hosts.iter().map(|one| one.host.as_str()).collect();
    let asked = blind.stated.iter().filter(|one| one.seen.is_none() && !one.host.is_empty());
    let unseen: BTreeSet<&str> =
        asked.map(|one| one.host.as_str()).filter(|host| !known.contains(host)).collect();
    if !unseen.is_empty() {
        let named: Vec<&str> = unseen.iter().copied().take(NAMED_MAX).collect();
        let more = more(unseen.len());
        found.push(format!("No traffic of {}{more}, which a document is about.", named.join(", ")));
    }
}

fn more(count: usize) -> String {
    match count.checked_sub(NAMED_MAX) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use inventory::State;

    use super::super::testing::{orphan, seen};
    use super::*;

    fn told(stated: &[Stated], gaps: &[(i64, i64)]) -> String {
        let blind =
            Blind { stated, taken: &[], hosts: &[], gaps, dropped: None, compared: Compared::WithDocuments };
        sentences(&blind).join("\n")
    }

    #[test]
    fn what_was_off_is_told_and_what_was_on_is_not() {
        let plain = seen(State::Documented, "/a", 10);
        let off = told(std::slice::from_ref(&plain), &[]);
        for part in ["Classes of data were not looked for", "Parameters of queries", "Deprecation and Sunset"]
        {
            assert!(off.contains(part), "{part}: {off}");
        }
        let mut rich = plain;
        if let Some(seen) = rich.seen.as_mut() {
            seen.query = vec![("page".to_owned(), 1)];
            seen.sunset = Some(0);
        }
        let on = told(&[rich], &[]);
        assert!(!on.contains("Parameters of queries") && !on.contains("Deprecation and Sunset"), "{on}");
    }

    #[test]
    fn hosts_that_were_left_out_are_told_with_what_succeeded_there() {
        let samples = vec!["a.example".to_owned(), "b.example".to_owned()];
        let dropped = DroppedHosts { hosts: 2, count: 1_234, succeeded: 7, samples };
        let text = too_many_hosts(&dropped);
        assert!(text.contains(": 2 hosts with 1,234 requests, 7 of them"), "{text}");
        assert!(text.contains("(a.example, b.example)"), "{text}");
        assert!(too_many_hosts(&DroppedHosts { hosts: 20_000, ..dropped }).contains("about 20,000 hosts"));
    }

    #[test]
    fn gaps_and_hosts_without_traffic_are_named_and_the_rest_counted() {
        let hour = 3_600_000;
        let gaps: Vec<(i64, i64)> = (0..7).map(|day| (day * 24 * hour, (day * 24 + 5) * hour)).collect();
        let mut lonely = orphan("/x");
        lonely.host = "quiet.example".to_owned();
        let text = told(&[lonely], &gaps);
        assert!(text.contains("No evidence at all from 1970-01-01T00:00 to 1970-01-01T05:00"), "{text}");
        assert!(text.contains("and 2 more (UTC)"), "{text}");
        assert!(text.contains("No traffic of quiet.example, which a document is about."), "{text}");
    }
}
