//! Hosts by name, of which the one that was asked for last is found at once.
//!
//! The `Host` field is the caller's to choose, so who fills a log with invented hosts must not push out the real ones. Hosts at which something
//! succeeded are kept before all others, and most of the places go to those with most successes. The other places are for those who come
//! when there is no more room: they begin with as much as the best of those had that were given up (as in the Space-Saving algorithm of Metwally
//! and others, 2005), so a host that has more of the successes than one in as many as there are such places is not lost however many others come.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Host;
use crate::sketch::{self, LeastMap};

/// Names kept of hosts that were given up, by hash. How many there were is estimated from them.
const NAMES: usize = sketch::LEAST;

/// One in so many of the places is for hosts that come late.
const LATE_PART: usize = 4;

/// Hosts, ascending by the hash of the name and the name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    all: Vec<(u64, Box<str>, Box<Host>)>,
    /// Where the one is that was asked for last.
    last: usize,
    pub(crate) dropped: Dropped,
}

/// Hosts that were given up.
#[derive(Debug, Clone)]
pub(crate) struct Dropped {
    /// Their exchanges, and those of them that were answered with success.
    pub(crate) count: u64,
    pub(crate) succeeded: u64,
    /// Some of their names.
    pub(crate) names: LeastMap<Box<str>>,
    /// The most successes that one of them can have had.
    pub(crate) most: u64,
}

impl Default for Dropped {
    fn default() -> Self {
        Self { count: 0, succeeded: 0, names: LeastMap::new(NAMES), most: 0 }
    }
}

impl Dropped {
    /// How many they were, about: one that was given up twice counts once.
    pub(crate) fn hosts(&self) -> u64 {
        let hashes: Vec<u64> = self.names.iter().map(|(hash, _)| hash).collect();
        sketch::estimate(&hashes)
    }

    pub(crate) fn name(&mut self, name: &str) {
        // Of hosts with equal evidence those with the least hashes are kept, so the least of these say nothing of how many were not.
        let hash = sketch::hash(name.as_bytes()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.names.upsert(hash, || name.into(), |_| {});
    }

    fn take(&mut self, name: &str, host: &Host) {
        let succeeded = host.successes();
        self.count = self.count.saturating_add(host.total);
        self.succeeded = self.succeeded.saturating_add(succeeded);
        self.most = self.most.max(host.evidence());
        self.name(name);
    }

    fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.succeeded = self.succeeded.saturating_add(other.succeeded);
        self.most = self.most.saturating_add(other.most);
        for (hash, name) in other.names.into_entries() {
            self.names.upsert(hash, || name, |_| {});
        }
    }
}

impl Hosts {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Names and hosts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Host)> {
        self.all.iter().map(|(_, name, host)| (&**name, &**host))
    }

    /// Runs `act` on the host of a name, which is made where there is none. Logs are often of one host.
    pub(crate) fn with(&mut self, name: &str, act: impl FnOnce(&mut Host)) {
        let is_last = self.all.get(self.last).is_some_and(|(_, known, _)| **known == *name);
        if !is_last {
            let hash = sketch::hash(name.as_bytes());
            let found = self.all.binary_search_by(|(known, text, _)| (*known, &**text).cmp(&(hash, name)));
            self.last = found.unwrap_or_else(|place| {
                let host = Host { start: self.dropped.most, ..Host::default() };
                self.all.insert(place, (hash, name.into(), Box::new(host)));
                place
            });
        }
        if let Some((_, _, host)) = self.all.get_mut(self.last) {
            act(host);
        }
    }

    /// Makes room once there are twice as many as are kept, so that who has just come gets the time to come again.
    pub(super) fn make_room(&mut self, kept: usize, named: &BTreeSet<String>) {
        if self.all.len() >= kept.saturating_mul(2).max(1) {
            self.keep(kept, named);
        }
    }

    /// Gives up all but so many, first those with the least evidence. Those that a person named stay.
    pub(super) fn keep(&mut self, kept: usize, named: &BTreeSet<String>) {
        if self.all.len() <= kept {
            return;
        }
        self.all.sort_by_cached_key(|(hash, name, host)| {
            (Reverse((named.contains(&**name), host.successes(), host.total)), *hash)
        });
        let late = kept / LATE_PART;
        let mut others = self.all.split_off(kept.saturating_sub(late));
        others.sort_by_cached_key(|(hash, _, host)| (Reverse((host.evidence(), host.total)), *hash));
        for (_, name, host) in others.split_off(late) {
            self.dropped.take(&name, &host);
        }
        self.all.extend(others);
        self.all.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        self.last = 0;
    }

    /// Joins others.
    pub(super) fn merge(&mut self, other: Self, mut join: impl FnMut(&mut Host, Host)) {
        self.dropped.merge(other.dropped);
        for (_, name, host) in other.all {
            self.with(&name, |own| join(own, *host));
        }
    }
}
