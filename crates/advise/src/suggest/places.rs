//! Which networks are a caller's own, so that what comes from elsewhere can be told.
//!
//! How much is called from where is the choice of whoever holds the credential, a thief included. So no share of its calls
//! makes a network the caller's. What does is time and work that a thief does not have: it was there from the caller's
//! first day on, and as regularly as its home is; or it came soon after, and the caller's established operations are the main
//! thing that is called there; or it came later, and this work went there from where it was before.
//!
//! What cannot be told: somebody who was there from the first day on and calls as regularly as the caller does, who calls from
//! the caller's own network, or who came in the first quarter of the time and does the caller's own work from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;

use super::evidence::{CallerUse, Span, Use};
use crate::facts::Network;

/// Networks that a caller showed within its first day were there from the beginning.
const FIRST_DAY_MICROS: i64 = 86_400_000_000;
/// Of a caller that was not here for four days, within one in this many parts of its time. That is also how long it is
/// watched for whether it changes its networks by itself.
const BEGINNING_PART: i64 = 4;
/// A network that was there from the beginning is the caller's if its busiest operation is called there at least once for
/// this many times that the busiest is called at home.
const REGULAR_PART: u64 = 2;
/// A network is the caller's by the work that is done there if there is at least one in this many of the established calls
/// that home has. An imitation takes that much work, each day.
const WORK_PART: u64 = 4;
/// And if at least one in this many of the calls from there are of established operations.
const MAIN_PART: u64 = 2;
/// A caller that was in none of its own networks for one in this many parts of its time has left them.
const LEFT_PART: i64 = 2;
/// Work that went from one network to another is done in both on no more than this many days: those of moving.
const MOVING_DAYS: u32 = 2;
/// On how many days a caller must have come for days to tell more than calls do.
const DAYS_MIN: u32 = 6;
/// How often what is established is looked up again, since it grows with the networks that are.
const GROWTHS_MAX: usize = 4;
/// An operation that was called from this many networks or more may be one whose caller changes them with each call;
const SCATTERED_MIN: usize = 4;
/// but not if it was called this often from one of them,
const PLACED_CALLS: u64 = 4;
/// and that is one in this many of its calls.
const PLACED_PART: u64 = 16;
/// Of a caller to which that many new ones came, if one in this many of the networks of its days was new then, they are new as a
/// rule.
const NEW_PART: usize = 2;
/// The bits of a set of days.
const DAY_BITS: usize = 128;

/// The networks that are a caller's own.
#[derive(Debug)]
pub(super) enum Own<'a> {
    /// Its networks change all the time, so that they tell nothing: they vouch for nothing and hold nothing back.
    NotTold,
    These(BTreeSet<&'a Network>),
}

/// What is done in one network.
#[derive(Clone, Copy, Debug)]
struct Place {
    first: Timestamp,
    last: Timestamp,
    calls: u64,
    /// How often its busiest operation is called there: on how many days where days tell, else how many calls.
    work: u64,
}

impl<'a> Own<'a> {
    pub(super) fn of(caller: &'a CallerUse) -> Self {
        let Some(time) = Time::of(caller) else { return Self::These(BTreeSet::new()) };
        if is_scattered(caller, &time) || is_always_new(caller, &time) {
            return Self::NotTold;
        }
        let by_days = DAYS_MIN <= caller.days.count_ones();
        let places = places(caller, by_days);
        let works = |own: &BTreeSet<&Network>| {
            let mut uses = caller.uses.values().filter_map(|use_| sum(use_, |network| own.contains(network)));
            uses.any(|span| !span.is_try(time.here))
        };
        // Who tried its key from somewhere on the first day and then began elsewhere was at home nowhere before.
        let settled = settled(&places, time.first_day).filter(|(_, own)| works(own));
        let settled = settled.or_else(|| self::settled(&places, time.beginning));
        let Some((home, mut own)) = settled else { return Self::These(BTreeSet::new()) };
        let known = own.len();
        let growing = Growing { caller, places: &places, home, time: &time };
        growing.grow(&mut own, |place, _| place.first.as_micros() <= time.beginning);
        let comes_anew = known < own.len();
        let last = own.iter().filter_map(|network| places.get(network)).map(|place| place.last.as_micros());
        let has_left = last.max().is_some_and(|last| last < time.left);
        if comes_anew && (!by_days || growing.is_parallel(&own)) {
            growing.grow(&mut own, |_, _| true);
        } else if by_days && (comes_anew || has_left) {
            growing.grow(&mut own, |_, shared_days| shared_days <= MOVING_DAYS);
        }
        Self::These(own)
    }

    /// All calls of an operation from the caller's own networks, and whether there are others.
    pub(super) fn of_use(&self, use_: &Use) -> (Option<Span>, Elsewhere) {
        let own = sum(use_, |network| self.contains(network));
        let all = sum(use_, |_| true);
        let is_all = own.map(|span| span.calls) == all.map(|span| span.calls);
        (own, if is_all { Elsewhere::None } else { Elsewhere::Some })
    }

    fn contains(&self, network: &Network) -> bool {
        match self {
            Self::NotTold => true,
            Self::These(own) => own.contains(network),
        }
    }
}

/// Whether an operation was called from networks that are not the caller's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    None,
    Some,
}

/// The parts of a caller's time, as the moments at which they end.
struct Time {
    first_day: i64,
    beginning: i64,
    /// Who was last seen before this has left.
    left: i64,
    here: i64,
}

impl Time {
    fn of(caller: &CallerUse) -> Option<Self> {
        let (first, last) = (caller.first?.as_micros(), caller.last?.as_micros());
        let here = last.saturating_sub(first);
        let beginning = here / BEGINNING_PART;
        Some(Self {
            first_day: first.saturating_add(beginning.min(FIRST_DAY_MICROS)),
            beginning: first.saturating_add(beginning),
            left: last.saturating_sub(here / LEFT_PART),
            here,
        })
    }
}

/// The calls of an operation from some networks.
fn sum(use_: &Use, is_of: impl Fn(&Network) -> bool) -> Option<Span> {
    let from = use_.networks.iter().filter(|(network, _)| is_of(network)).map(|(_, span)| *span);
    from.reduce(|mut sum, span| {
        sum.add(&span);
        sum
    })
}

fn places(caller: &CallerUse, by_days: bool) -> BTreeMap<&Network, Place> {
    let mut places: BTreeMap<&Network, Place> = BTreeMap::new();
    for (network, span) in caller.uses.values().flat_map(|use_| &use_.networks) {
        let work = if by_days { u64::from(span.days.count_ones()) } else { span.calls };
        let here = Place { first: span.first, last: span.last, calls: span.calls, work };
        places
            .entry(network)
            .and_modify(|place| {
                place.first = place.first.min(here.first);
                place.last = place.last.max(here.last);
                place.calls = place.calls.saturating_add(here.calls);
                place.work = place.work.max(here.work);
            })
            .or_insert(here);
    }
    places
}

/// Of the networks that were seen until then, the one where a caller is at home, and those it calls from as regularly.
fn settled<'a>(
    places: &BTreeMap<&'a Network, Place>,
    until: i64,
) -> Option<(&'a Network, BTreeSet<&'a Network>)> {
    let early = || places.iter().filter(|(_, place)| place.first.as_micros() <= until);
    let (home, at_home) = early().max_by_key(|(_, place)| (place.work, place.calls))?;
    let regular = early().filter(|(_, place)| at_home.work <= place.work.saturating_mul(REGULAR_PART));
    Some((home, regular.map(|(network, _)| *network).collect()))
}

/// How often, and on which days, established operations were called in one network.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    calls: u64,
    days: u128,
}

/// On each day, in how many networks established operations were called.
fn by_day<'a>(works: impl Iterator<Item = &'a Work>) -> [u32; DAY_BITS] {
    let mut by_day = [0_u32; DAY_BITS];
    for work in works {
        for (day, count) in by_day.iter_mut().enumerate() {
            *count = count.saturating_add(u32::from(work.days >> day & 1 == 1));
        }
    }
    by_day
}

/// On how many of its days this work was done elsewhere as well.
fn shared_days(work: &Work, by_day: &[u32; DAY_BITS]) -> u32 {
    let shared = by_day.iter().enumerate().filter(|(day, count)| work.days >> day & 1 == 1 && 1 < **count);
    u32::try_from(shared.count()).unwrap_or(u32::MAX)
}

/// What it takes to tell more of a caller's own networks by those that are known.
struct Growing<'a, 'b> {
    caller: &'a CallerUse,
    places: &'b BTreeMap<&'a Network, Place>,
    home: &'a Network,
    time: &'b Time,
}

impl<'a> Growing<'a, '_> {
    /// Adds the networks in which mainly the caller's established work is done, of those that `may` be the caller's by
    /// themselves and by the days that they share with others.
    fn grow(&self, own: &mut BTreeSet<&'a Network>, may: impl Fn(&Place, u32) -> bool) {
        for _growth in 0..GROWTHS_MAX {
            let established = self.established(own);
            let by_day = by_day(established.values());
            let at_home = established.get(self.home).map_or(0, |work| work.calls);
            let before = own.len();
            for (network, work) in &established {
                let Some(place) = self.places.get(network) else { continue };
                let is_main = place.calls <= work.calls.saturating_mul(MAIN_PART);
                let is_enough = at_home <= work.calls.saturating_mul(WORK_PART);
                if is_main && is_enough && may(place, shared_days(work, &by_day)) {
                    own.insert(network);
                }
            }
            if own.len() == before {
                return;
            }
        }
    }

    /// Whether the caller works in several of these networks on the same days, rather than in one after the other.
    fn is_parallel(&self, own: &BTreeSet<&Network>) -> bool {
        let mut established = self.established(own);
        established.retain(|network, _| own.contains(network));
        let by_day = by_day(established.values());
        established.values().any(|work| MOVING_DAYS < shared_days(work, &by_day))
    }

    /// What was done of established operations, by network: of those that come again and again from what is the caller's own.
    fn established(&self, own: &BTreeSet<&Network>) -> BTreeMap<&'a Network, Work> {
        let mut established: BTreeMap<&Network, Work> = BTreeMap::new();
        for use_ in self.caller.uses.values() {
            let together = sum(use_, |network| own.contains(network));
            if together.is_some_and(|span| !span.is_try(self.time.here)) {
                for (network, span) in &use_.networks {
                    let work = established.entry(network).or_default();
                    work.calls = work.calls.saturating_add(span.calls);
                    work.days |= span.days;
                }
            }
        }
        established
    }
}

/// Whether the caller's networks change with nearly each call, as those of functions in a cloud do. That is asked of the
/// operations of its first day, in the networks of its beginning: how others are called, and from where else, is up to whoever
/// came later. Of a caller that called too seldom in its beginning it is asked of all its time, and then no two calls of an
/// operation may have come from one network.
fn is_scattered(caller: &CallerUse, time: &Time) -> bool {
    let of_first_day = || {
        let uses = caller.uses.values();
        uses.filter(|use_| use_.networks.values().any(|span| span.first.as_micros() <= time.first_day))
    };
    let is_early = |span: &&Span| span.first.as_micros() <= time.beginning;
    let early = of_first_day().map(|use_| Scatter::of(use_.networks.values().filter(is_early)));
    let early: Vec<Scatter> = early.collect();
    if early.iter().any(|scatter| SCATTERED_MIN <= scatter.networks) {
        return !early.iter().any(Scatter::is_placed);
    }
    let calls: u64 = early.iter().map(|scatter| scatter.calls).sum();
    let all: Vec<Scatter> = of_first_day().map(|use_| Scatter::of(use_.networks.values())).collect();
    calls < PLACED_CALLS
        && all.iter().all(|scatter| scatter.most <= 1)
        && all.iter().any(|scatter| SCATTERED_MIN <= scatter.networks)
}

/// Whether a network of which nothing was seen before is usual for a caller, as where it has many of them by chance and calls
/// seldom. That is asked of what [`is_scattered`] asks, day by day: who came later has no part in it.
fn is_always_new(caller: &CallerUse, time: &Time) -> bool {
    let first = caller.days.trailing_zeros();
    let watched = u32::try_from((time.here / BEGINNING_PART) / FIRST_DAY_MICROS).unwrap_or(0);
    let later =
        (0..watched).fold(0_u128, |days, day| days | 1_u128.checked_shl(first + 1 + day).unwrap_or(0));
    let mut networks: BTreeMap<&Network, u128> = BTreeMap::new();
    for use_ in caller.uses.values() {
        if use_.networks.values().any(|span| span.first.as_micros() <= time.first_day) {
            for (network, span) in &use_.networks {
                *networks.entry(network).or_default() |= span.days;
            }
        }
    }
    let (mut new, mut all) = (0_usize, 0_usize);
    for days in networks.values() {
        let was_there = days.checked_shr(first).unwrap_or(0) & 1 == 1;
        let then = usize::try_from((*days & later).count_ones()).unwrap_or(0);
        new += usize::from(!was_there && 0 < then);
        all = all.saturating_add(then);
    }
    SCATTERED_MIN <= new && all <= new.saturating_mul(NEW_PART)
}

/// How the calls of one operation are spread over networks.
struct Scatter {
    networks: usize,
    calls: u64,
    /// From one of them.
    most: u64,
}

impl Scatter {
    fn of<'a>(spans: impl Iterator<Item = &'a Span>) -> Self {
        let mut scatter = Self { networks: 0, calls: 0, most: 0 };
        for span in spans {
            scatter.networks += 1;
            scatter.calls = scatter.calls.saturating_add(span.calls);
            scatter.most = scatter.most.max(span.calls);
        }
        scatter
    }

    const fn is_placed(&self) -> bool {
        PLACED_CALLS <= self.most && self.calls <= self.most.saturating_mul(PLACED_PART)
    }
}
