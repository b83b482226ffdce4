//! The inventory of traffic that goes on: what was kept from before, and what is seen now.
//!
//! Calls to declared operations are counted under their templates; of others the paths are held in memory, since they are what templates
//! are inferred from. What may be kept beyond that is a [`Kept`]: templates with their evidence, and no value of any path.

use hashbrown::HashMap;
use traffic::{Alike, Exchange};

use crate::inventory::{HostSummary, Inventory};
use crate::kept::{Examples, Kept, join};
use crate::method::Method;
use crate::noise::NoiseReport;
use crate::operation::{Callers, Operation, Parameter, ValueKind};
use crate::settings::{Override, Prior, Settings};
use crate::sketch;
use crate::tally::{Tally, least};

/// Declared operations that are told apart, by host. Where an API serves any host, the host is the caller's to choose; without a
/// success none is added.
const DECLARED_MAX: usize = 50_000;
/// Forgotten callers whose calls may still be under way, the latest. A call is under way for seconds.
const FORGOTTEN_MAX: usize = 1_000;

/// An inventory that is fed while it is read.
#[derive(Debug)]
pub struct Live {
    before: Kept,
    found: Inventory,
    declared: HashMap<Key, Counted>,
    /// Failed calls to declared operations that never succeeded, and calls that there was no room for.
    uncounted: u64,
    /// Callers that were forgotten, by hash, with the millisecond since 1970 up to which nothing may be told of them.
    forgotten: HashMap<u64, i64>,
}

/// A declared operation on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    host: Box<str>,
    method: Method,
    template: Box<str>,
}

/// The same, as it is looked up.
#[derive(Hash)]
struct Asked<'a> {
    host: &'a str,
    method: Method,
    template: &'a str,
}

impl hashbrown::Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.method == key.method && *self.template == *key.template && *self.host == *key.host
    }
}

impl From<&Asked<'_>> for Key {
    fn from(asked: &Asked<'_>) -> Self {
        Self { host: asked.host.into(), method: asked.method, template: asked.template.into() }
    }
}

#[derive(Debug, Default)]
struct Counted {
    succeeded: Tally,
    failed: Tally,
}

impl Counted {
    const fn of(&mut self, success: bool) -> &mut Tally {
        if success { &mut self.succeeded } else { &mut self.failed }
    }
}

const fn is_success(status: Option<u16>) -> bool {
    matches!(status, Some(101 | 200..=299 | 304))
}

impl Live {
    /// Goes on from what was kept.
    #[must_use]
    pub fn new(before: Kept, settings: Settings) -> Self {
        let (mut found, declared, forgotten) = (Inventory::new(settings), HashMap::new(), HashMap::new());
        found.add_overrides(before.overrides().to_vec());
        Self { before, found, declared, uncounted: 0, forgotten }
    }

    /// Counts exchanges. Where [`Exchange::route`] is given, it is the declared template and nothing is inferred from the path.
    ///
    /// [`Exchange::route`]: traffic::Exchange::route
    pub fn observe(&mut self, alike: &Alike<'_>) {
        if self.is_forgotten(alike) {
            let first = Exchange { caller: None, client: None, ..alike.first };
            return self.count(&Alike { first, ..*alike });
        }
        self.count(alike);
    }

    fn count(&mut self, alike: &Alike<'_>) {
        let exchange = &alike.first;
        let (Some(template), Some(method)) = (exchange.route, Method::parse(exchange.method)) else {
            (0..alike.count).for_each(|_| self.found.observe(exchange));
            return;
        };
        let asked = Asked { host: exchange.host.unwrap_or_default(), method, template };
        let caller = exchange.caller.or(exchange.client).map(|text| {
            let hash = sketch::hash(text.as_bytes());
            self.found.callers.upsert(hash, || text.into(), |_| {});
            hash
        });
        let success = is_success(exchange.status);
        if let Some(counted) = self.declared.get_mut(&asked) {
            counted.of(success).observe_alike(alike, caller);
        } else if success && self.declared.len() < DECLARED_MAX {
            self.declared.entry(Key::from(&asked)).or_default().of(success).observe_alike(alike, caller);
        } else {
            self.uncounted = self.uncounted.saturating_add(u64::from(alike.count));
        }
    }

    /// What people said of places.
    #[must_use]
    pub fn overrides(&self) -> &[Override] {
        &self.found.settings.overrides
    }

    /// Takes what people say of places in the place of what they said before. What was kept from before under names that are values comes
    /// under the parameter, and stays there if that is taken back.
    pub fn set_overrides(&mut self, overrides: Vec<Override>) {
        self.before.apply(&overrides);
        self.found.set_overrides(overrides);
    }

    /// Brings everything that was kept from before under one host.
    pub fn gather_hosts(&mut self, host: &str) {
        self.before.gather_hosts(host);
    }

    /// All operations that answered with success, from before and since, by host, path and method. `declared` are the templates that
    /// are declared now, which outweigh what is inferred.
    pub fn operations(&mut self, declared: &[Prior]) -> Vec<Operation> {
        let mut priors = self.before.priors();
        priors.extend(declared.iter().cloned());
        self.found.set_priors(priors);
        let mut operations = self.found.operations();
        let numbers = Numbers::of(declared);
        operations.extend(self.counted().map(|one| numbers.put(one)));
        join(self.before.operations().to_vec(), operations)
    }

    /// What is no operation, since this value was made.
    pub fn noise(&mut self) -> Vec<NoiseReport> {
        self.found.noise()
    }

    /// The hosts and the time over which there is evidence of each, from before and since.
    pub fn hosts(&mut self) -> Vec<HostSummary> {
        let mut hosts = self.found.hosts();
        hosts.extend(self.before.hosts().iter().cloned());
        for (key, counted) in &self.declared {
            let (one, other) = (&counted.succeeded, &counted.failed);
            hosts.push(HostSummary {
                host: key.host.to_string(),
                count: one.count.saturating_add(other.count),
                first_seen: least(one.time.least(), other.time.least()),
                last_seen: one.time.greatest().max(other.time.greatest()),
            });
        }
        crate::kept::join_hosts(hosts)
    }

    /// Forgets who called, of calls up to a moment in milliseconds since 1970, those included that are counted later. That somebody
    /// called stays counted. Everything goes on as after a restart, since what is in memory tells callers apart by their names.
    pub fn forget_caller(
        &mut self,
        name: &str,
        until: i64,
        declared: &[Prior],
        examples: &dyn Fn(&Operation) -> Examples,
    ) {
        self.before = self.kept(declared, examples);
        self.before.forget_caller(name);
        self.found = Inventory::new(self.found.settings.clone());
        self.declared.clear();
        if FORGOTTEN_MAX <= self.forgotten.len()
            && let Some(first) = self.forgotten.iter().min_by_key(|(_, until)| **until)
        {
            let hash = *first.0;
            self.forgotten.remove(&hash);
        }
        self.forgotten.insert(sketch::hash(name.as_bytes()), until);
    }

    /// Whether nothing may be told of who made these calls.
    fn is_forgotten(&self, alike: &Alike<'_>) -> bool {
        if self.forgotten.is_empty() {
            return false;
        }
        let until = alike.first.caller.and_then(|name| self.forgotten.get(&sketch::hash(name.as_bytes())));
        until.is_some_and(|until| alike.until.is_none_or(|last| last <= *until))
    }

    /// What may be written down: operations without any value that was seen, but for examples where `examples` allows them.
    pub fn kept(&mut self, declared: &[Prior], examples: &dyn Fn(&Operation) -> Examples) -> Kept {
        Kept::of(self.operations(declared), self.hosts(), self.overrides().to_vec(), examples)
    }

    /// Failed calls to declared operations that never succeeded, and calls that there was no room for.
    #[must_use]
    pub const fn uncounted(&self) -> u64 {
        self.uncounted
    }

    fn counted(&self) -> impl Iterator<Item = Operation> {
        let found = self.declared.iter().filter(|(_, counted)| 0 < counted.succeeded.count);
        found.map(|(key, counted)| self.operation(key, counted))
    }

    fn operation(&self, key: &Key, counted: &Counted) -> Operation {
        let succeeded = &counted.succeeded;
        let mut all = succeeded.clone();
        all.merge(&counted.failed);
        let names = succeeded.marks.callers().iter().filter_map(|hash| self.found.callers.find(*hash));
        Operation {
            host: key.host.to_string(),
            method: key.method.name(),
            path: key.template.to_string(),
            parameters: Vec::new(),
            count: all.count,
            succeeded: succeeded.count,
            statuses: all.statuses(),
            first_seen: succeeded.time.least(),
            last_seen: succeeded.time.greatest(),
            callers: Callers {
                estimate: succeeded.marks.estimate().min(succeeded.count),
                sample: names
                    .take(self.found.settings.limits.examples)
                    .map(|name| name.to_string())
                    .collect(),
                named: succeeded.more().named,
            },
            confidence: 1.0,
            reasons: Vec::new(),
            examples: Vec::new(),
            content_types: succeeded.types().map(str::to_owned).collect(),
            open_successes: succeeded.more().open,
            verified_successes: succeeded.more().verified,
            untold_successes: succeeded.untold(),
            client_side: succeeded.rare().client_side,
            deprecated: succeeded.rare().deprecated,
            sunset: succeeded.rare().sunset,
            from_route: true,
            own_statuses: all.own_statuses(),
            request_types: succeeded.request_types(),
            query: succeeded.query_names(),
            data: all.data_fields(),
        }
    }
}

/// The declared parameters that are numbers, by host, method and template.
struct Numbers<'a>(HashMap<(Option<&'a str>, &'a str, &'a str), &'a [String]>);

impl<'a> Numbers<'a> {
    fn of(declared: &'a [Prior]) -> Self {
        let with = declared.iter().filter(|prior| !prior.numbers.is_empty());
        let one = |prior: &'a Prior| {
            ((prior.host.as_deref(), prior.method.as_str(), prior.path.as_str()), prior.numbers.as_slice())
        };
        Self(with.map(one).collect())
    }

    /// A declared operation with those of its parameters that are numbers. Of the others nobody saw a value.
    fn put(&self, mut one: Operation) -> Operation {
        let of = |host| self.0.get(&(host, one.method, one.path.as_str()));
        let names = of(Some(one.host.as_str())).or_else(|| of(None)).copied().unwrap_or_default();
        let number = |name: &String| Parameter { name: name.clone(), kind: ValueKind::Integer };
        one.parameters = names.iter().map(number).collect();
        one
    }
}

#[cfg(test)]
mod tests;
