//! What is usual for a caller, so that what is unusual for it can be told.
//!
//! Everything here compares a caller with itself: its own networks, its own time, its own number of calls. So it holds for a
//! month of a busy service and for some minutes of a test alike, and needs no minimum of traffic.

use std::collections::BTreeSet;

use super::evidence::{CallerUse, Span, Use};
use crate::facts::Network;

/// Networks seen in the first of this many parts of a caller's time are its own, unless it only tries things from there.
const NETWORK_BEGINNING: i64 = 4;
/// So is one from which it makes one in this many of its calls.
const NETWORK_PART: u64 = 2;
/// Up to this many calls of an operation are few.
const FEW_CALLS: u64 = 5;
/// And so is up to one in this many of the calls of what the caller calls most.
const FEW_PART: u64 = 10;
/// An operation that is called on one in this many of a caller's days is called regularly.
const REGULAR_PART: u32 = 3;
/// On how many days a caller must have come for days to tell anything.
const REGULAR_DAYS: u32 = 6;
/// From this many operations on that are called from one network alone it is conspicuous.
const ALONE_MIN: usize = 3;
/// A try is over within an hour,
const TRY_MICROS: i64 = 3_600_000_000;
/// or, of a caller that has not been here for a day, within one in this many parts of its time.
const TRY_PART: i64 = 24;
/// If more than one in this many of a caller's operations look like tries, that is how it calls.
const TRIES_PART: usize = 2;

/// What one caller usually does.
#[derive(Debug)]
pub(super) struct Habits<'a> {
    caller: &'a CallerUse,
    own: BTreeSet<&'a Network>,
    /// So many of its operations look like tries that this is how it calls.
    is_how_it_calls: bool,
    /// More of its calls found nothing than succeeded.
    pub(super) scans: bool,
}

/// How an operation is called from the caller's own networks. What somebody elsewhere does with its key makes nothing of
/// that more usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usual {
    /// Not at all.
    Never,
    Once,
    /// A few times, all of them within an hour, or within less by a caller that has not been here for long.
    AtOneMoment,
    Often,
}

impl<'a> Habits<'a> {
    pub(super) fn of(caller: &'a CallerUse, missed: u64) -> Self {
        let own = own_networks(caller);
        let tries = caller.uses.iter().filter(|(_, use_)| usual(caller, use_, &own) == Usual::AtOneMoment);
        let is_how_it_calls = caller.uses.len() < tries.count().saturating_mul(TRIES_PART);
        Self { caller, own, is_how_it_calls, scans: caller.calls < missed }
    }

    pub(super) fn usual(&self, operation: &str) -> Usual {
        let use_ = self.caller.uses.get(operation);
        match use_.map_or(Usual::Never, |use_| usual(self.caller, use_, &self.own)) {
            Usual::AtOneMoment if self.is_how_it_calls => Usual::Often,
            other => other,
        }
    }
}

fn usual(caller: &CallerUse, use_: &Use, own: &BTreeSet<&Network>) -> Usual {
    let from = use_.networks.iter().filter(|(network, _)| own.contains(network)).map(|(_, span)| *span);
    let together = from.reduce(|mut sum, span| {
        sum.add(&span);
        sum
    });
    let (Some(Span { calls, first: begin, last: end, .. }), Some(first), Some(last)) =
        (together, caller.first, caller.last)
    else {
        return Usual::Never;
    };
    let here = last.as_micros().saturating_sub(first.as_micros());
    let took = end.as_micros().saturating_sub(begin.as_micros());
    match calls {
        1 => Usual::Once,
        ..=FEW_CALLS if took <= TRY_MICROS.min(here / TRY_PART) => Usual::AtOneMoment,
        _ => Usual::Often,
    }
}

fn own_networks(caller: &CallerUse) -> BTreeSet<&Network> {
    let (Some(first), Some(last)) = (caller.first, caller.last) else { return BTreeSet::new() };
    let beginning = last.as_micros().saturating_sub(first.as_micros()) / NETWORK_BEGINNING;
    let is_own = |network: &Network, calls: u64, seen: i64| {
        let is_early = seen.saturating_sub(first.as_micros()) <= beginning;
        *network == Network::Unknown
            || (is_early || caller.calls <= calls.saturating_mul(NETWORK_PART))
                && !is_sprayed_from(caller, network)
    };
    let networks = caller.networks.iter();
    let own = networks.filter(|(network, (calls, seen))| is_own(network, *calls, seen.as_micros()));
    let own: BTreeSet<&Network> = own.map(|(network, _)| network).collect();
    if !own.is_empty() {
        return own;
    }
    // Somewhere a caller is at home: where it was first.
    let earliest = caller.networks.iter().min_by_key(|(_, (_, seen))| *seen);
    earliest.map(|(network, _)| network).into_iter().collect()
}

/// Whether the caller only tries things from this network: several operations that it calls from nowhere else, none of
/// them or of the others regularly, though elsewhere it does call regularly.
fn is_sprayed_from(caller: &CallerUse, network: &Network) -> bool {
    let from_elsewhere = |use_: &Use| {
        let others = use_.networks.iter().filter(|(other, _)| *other != network);
        others.map(|(_, span)| span.calls).sum::<u64>()
    };
    let busiest = caller.uses.values().map(from_elsewhere).max().unwrap_or(0);
    let few = FEW_CALLS.max(busiest / FEW_PART);
    let days = caller.days.count_ones();
    let mut alone = 0_usize;
    for use_ in caller.uses.values() {
        let Some(span) = use_.networks.get(network) else { continue };
        let on = span.days.count_ones();
        let is_regular = REGULAR_DAYS <= days && days <= on.saturating_mul(REGULAR_PART);
        if few < span.calls || is_regular {
            return false;
        }
        alone += usize::from(use_.networks.len() == 1);
    }
    few < busiest && ALONE_MIN <= alone
}
