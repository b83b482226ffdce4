//! Hosts by name, of which the one that was asked for last is found at once.

use super::Host;
use crate::sketch;

/// Hosts, ascending by the hash of the name and the name, so that the greatest is the one to give up when there are too many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    all: Vec<(u64, Box<str>, Box<Host>)>,
    /// Where the one is that was asked for last.
    last: usize,
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
                self.all.insert(place, (hash, name.into(), Box::default()));
                place
            });
        }
        if let Some((_, _, host)) = self.all.get_mut(self.last) {
            act(host);
        }
    }

    /// Gives up the greatest.
    pub(super) fn pop(&mut self) -> Option<Box<Host>> {
        self.all.pop().map(|(_, _, host)| host)
    }

    /// Names and hosts, taken.
    pub(super) fn into_all(self) -> impl Iterator<Item = (Box<str>, Host)> {
        self.all.into_iter().map(|(_, name, host)| (name, *host))
    }
}
