//! What is kept of an inventory between runs: operations with their evidence, and no value that was seen.
//!
//! A literal part of a template is kept where it reads like a name or where inference is sure of it. Else it may be somebody's value,
//! and stands as a parameter. Examples are never kept, nor hosts at which nothing answered.

use serde::{Deserialize, Serialize};

use crate::classes::DataClass;
use crate::inventory::HostSummary;
use crate::method::Method;
use crate::operation::{Callers, DataField, DataPlace, Operation, Parameter, StatusCount, ValueKind};
use crate::save::LoadInventoryError;
use crate::settings::{Force, OVERRIDES_MAX, Override, Prior};
use crate::tally::least;
use crate::words;

pub(crate) use join::join;
use join::numbers;

mod join;
mod said;

const FORMAT: &str = "sallyport-kept-inventory";
const VERSION: u32 = 1;

/// From here on a template is known beforehand when traffic goes on, and its literals are kept as they are.
const SURE: f64 = 0.9;
/// From here on a segment reads like a name of an interface (see `words`).
const NAMELIKE: f64 = 0.5;
/// Beyond so many operations those that were seen least recently are left out; 100,000 take some 50 MB.
pub(crate) const OPERATIONS_MAX: usize = 100_000;

/// Paths that are kept as examples of an operation, where they may be.
const EXAMPLES_MAX: usize = 5;
/// The longest of them; an address of 8 KiB is none that helps anybody.
const EXAMPLE_BYTES_MAX: usize = 2_048;

/// What is kept of the paths of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examples {
    /// Nothing: the template stands for them.
    Redacted,
    /// Some, as they were called.
    Values,
}

/// Operations with their evidence, without values unless somebody allows examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    operations: Vec<Operation>,
    hosts: Vec<HostSummary>,
    overrides: Vec<Override>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    format: String,
    version: u32,
    hosts: Vec<SavedHost>,
    operations: Vec<SavedOperation>,
    /// Host, prefix, and whether it is a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<(Option<String>, String, bool)>,
}

#[derive(Serialize, Deserialize)]
struct SavedHost {
    host: String,
    count: u64,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct SavedOperation {
    host: String,
    method: String,
    path: String,
    parameters: Vec<(String, String)>,
    count: u64,
    succeeded: u64,
    statuses: Vec<(u16, u64)>,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
    /// How many, of how many requests they are known, and some names.
    callers: (u64, u64, Vec<String>),
    /// In ten-thousandths, which read back as they were written.
    confidence: u16,
    content_types: Vec<String>,
    /// Open, verified, untold.
    proofs: (u64, u64, u64),
    deprecated: u64,
    sunset: Option<i64>,
    declared: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    examples: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    own_statuses: Vec<(u16, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    request_types: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    query: Vec<(String, u64)>,
    /// Class, place, field, in how many exchanges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    data: Vec<(String, String, String, u64)>,
}

impl Kept {
    /// What may be kept of these, and what people said of places, who know that it is kept. Values are kept as `examples` says of each.
    #[must_use]
    pub fn of(
        operations: Vec<Operation>,
        hosts: Vec<HostSummary>,
        overrides: Vec<Override>,
        examples: &dyn Fn(&Operation) -> Examples,
    ) -> Self {
        let told = |one: Operation| {
            let shown = match examples(&one) {
                Examples::Redacted => Vec::new(),
                Examples::Values => one
                    .examples
                    .iter()
                    .filter(|path| path.len() <= EXAMPLE_BYTES_MAX)
                    .take(EXAMPLES_MAX)
                    .cloned()
                    .collect(),
            };
            Operation { examples: shown, ..without_values(one) }
        };
        let mut operations = join(Vec::new(), operations.into_iter().map(told).collect());
        if OPERATIONS_MAX < operations.len() {
            operations.sort_by_key(|one| std::cmp::Reverse(one.last_seen));
            operations.truncate(OPERATIONS_MAX);
            sort(&mut operations);
        }
        // What a caller writes into `Host` is a value too, unless something answers there.
        let known: std::collections::BTreeSet<&str> =
            operations.iter().map(|one| one.host.as_str()).collect();
        let hosts = hosts.into_iter().filter(|one| known.contains(one.host.as_str())).collect();
        Self { operations, hosts, overrides }
    }

    /// What people said of places.
    #[must_use]
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    /// Brings everything under one host.
    pub(crate) fn gather_hosts(&mut self, host: &str) {
        if self.operations.iter().all(|one| one.host == host) && self.hosts.iter().all(|one| one.host == host)
        {
            return;
        }
        let operations = std::mem::take(&mut self.operations);
        let named = operations.into_iter().map(|one| Operation { host: host.to_owned(), ..one });
        self.operations = join(Vec::new(), named.collect());
        let hosts = std::mem::take(&mut self.hosts);
        let named = hosts.into_iter().map(|one| HostSummary { host: host.to_owned(), ..one });
        self.hosts = join_hosts(named.collect());
    }

    /// Brings what is kept under what people say of places.
    pub(crate) fn apply(&mut self, said: &[Override]) {
        let operations = std::mem::take(&mut self.operations);
        let operations = operations.into_iter().map(|one| said::apply(one, said)).collect();
        self.operations = join(Vec::new(), operations);
    }

    /// The operations, by host, path and method.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The hosts that were seen.
    #[must_use]
    pub fn hosts(&self) -> &[HostSummary] {
        &self.hosts
    }

    pub(crate) fn forget_caller(&mut self, name: &str) {
        for one in &mut self.operations {
            one.callers.sample.retain(|known| known != name);
        }
    }

    /// The templates that are sure enough to be known beforehand.
    #[must_use]
    pub fn priors(&self) -> Vec<Prior> {
        let sure = self.operations.iter().filter(|one| SURE <= one.confidence);
        sure.map(|one| Prior {
            host: Some(one.host.clone()),
            method: one.method.to_owned(),
            path: one.path.clone(),
            numbers: numbers(one),
        })
        .collect()
    }

    /// As bytes. Equal values give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let hosts = self.hosts.iter().map(|one| SavedHost {
            host: one.host.clone(),
            count: one.count,
            first_seen: one.first_seen,
            last_seen: one.last_seen,
        });
        let saved = Saved {
            format: FORMAT.to_owned(),
            version: VERSION,
            hosts: hosts.collect(),
            operations: self.operations.iter().map(save).collect(),
            overrides: self
                .overrides
                .iter()
                .map(|one| (one.host.clone(), one.prefix.clone(), one.force == Force::Literal))
                .collect(),
        };
        // Writing to memory a value whose maps have text for keys cannot fail.
        serde_json::to_vec(&saved).unwrap_or_default()
    }

    /// From bytes.
    ///
    /// # Errors
    ///
    /// If they are none of this form, damaged, or of a newer version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadInventoryError> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(LoadInventoryError::Syntax)?;
        if saved.format != FORMAT {
            return Err(LoadInventoryError::Damaged("another format"));
        }
        if VERSION < saved.version {
            return Err(LoadInventoryError::Newer { found: saved.version });
        }
        if OVERRIDES_MAX < saved.overrides.len() {
            return Err(LoadInventoryError::Damaged("more overrides than a person writes"));
        }
        let overrides = saved.overrides.into_iter().map(|(host, prefix, is_literal)| {
            let force = if is_literal { Force::Literal } else { Force::Parameter };
            Override { host, prefix, force }
        });
        let hosts = saved.hosts.into_iter().map(|one| HostSummary {
            host: one.host,
            count: one.count,
            first_seen: one.first_seen,
            last_seen: one.last_seen,
        });
        let operations: Result<Vec<Operation>, LoadInventoryError> =
            saved.operations.into_iter().map(load).collect();
        let mut operations = operations?;
        sort(&mut operations);
        Ok(Self { operations, hosts: hosts.collect(), overrides: overrides.collect() })
    }
}

fn save(one: &Operation) -> SavedOperation {
    let parameters = one.parameters.iter().map(|one| (one.name.clone(), one.kind.name().to_owned()));
    SavedOperation {
        host: one.host.clone(),
        method: one.method.to_owned(),
        path: one.path.clone(),
        parameters: parameters.collect(),
        count: one.count,
        succeeded: one.succeeded,
        statuses: one.statuses.iter().map(|one| (one.status, one.count)).collect(),
        first_seen: one.first_seen,
        last_seen: one.last_seen,
        callers: (one.callers.estimate, one.callers.named, one.callers.sample.clone()),
        confidence: ten_thousandths(one.confidence),
        content_types: one.content_types.clone(),
        proofs: (one.open_successes, one.verified_successes, one.untold_successes),
        deprecated: one.deprecated,
        sunset: one.sunset,
        declared: one.from_route,
        examples: one.examples.clone(),
        own_statuses: one.own_statuses.iter().map(|one| (one.status, one.count)).collect(),
        request_types: one.request_types.clone(),
        query: one.query.clone(),
        data: one
            .data
            .iter()
            .map(|one| {
                (one.class.name().to_owned(), one.place.name().to_owned(), one.field.clone(), one.count)
            })
            .collect(),
    }
}

fn load(saved: SavedOperation) -> Result<Operation, LoadInventoryError> {
    let damaged = LoadInventoryError::Damaged;
    let method = Method::parse(&saved.method).ok_or_else(|| damaged("an unknown method"))?;
    let parameter = |(name, kind): (String, String)| {
        let kind = ValueKind::parse(&kind).ok_or_else(|| damaged("an unknown form of a parameter"))?;
        Ok(Parameter { name, kind })
    };
    let parameters: Result<Vec<Parameter>, LoadInventoryError> =
        saved.parameters.into_iter().map(parameter).collect();
    let confidence = f64::from(saved.confidence) / 10_000.0;
    if !saved.path.starts_with('/') || 1.0 < confidence {
        return Err(damaged("an operation without a path or with an impossible confidence"));
    }
    if EXAMPLES_MAX < saved.examples.len() {
        return Err(damaged("more examples than are kept"));
    }
    let mut data = Vec::with_capacity(saved.data.len());
    for (class, place, field, count) in saved.data {
        let (class, place) = (DataClass::parse(&class), DataPlace::parse(&place));
        let (class, place) = class.zip(place).ok_or_else(|| damaged("an unknown class of data"))?;
        data.push(DataField { class, place, field, count });
    }
    data.sort();
    let (estimate, named, sample) = saved.callers;
    let (open_successes, verified_successes, untold_successes) = saved.proofs;
    Ok(Operation {
        host: saved.host,
        method: method.name(),
        path: saved.path,
        parameters: parameters?,
        count: saved.count,
        succeeded: saved.succeeded,
        statuses: statuses(saved.statuses),
        own_statuses: statuses(saved.own_statuses),
        first_seen: saved.first_seen,
        last_seen: saved.last_seen,
        callers: Callers { estimate, sample, named },
        confidence,
        reasons: Vec::new(),
        examples: saved.examples,
        content_types: saved.content_types,
        request_types: saved.request_types,
        open_successes,
        verified_successes,
        untold_successes,
        client_side: 0,
        deprecated: saved.deprecated,
        sunset: saved.sunset,
        from_route: saved.declared,
        query: saved.query,
        data,
    })
}

fn statuses(saved: Vec<(u16, u64)>) -> Vec<StatusCount> {
    saved.into_iter().map(|(status, count)| StatusCount { status, count }).collect()
}

/// The nearest number of ten-thousandths; a share is from 0 to 1.
fn ten_thousandths(share: f64) -> u16 {
    format!("{:.0}", share * 10_000.0).parse().unwrap_or(0)
}

/// An operation without examples, and with parameters where a literal may be a value.
fn without_values(mut one: Operation) -> Operation {
    one.reasons.clear();
    if one.from_route || SURE <= one.confidence {
        return one;
    }
    let mut known = one.parameters.into_iter();
    let mut parameters = Vec::new();
    let mut path = String::with_capacity(one.path.len());
    for segment in one.path.split('/').skip(1) {
        path.push('/');
        let holes = segment.matches('{').count();
        if segment.is_empty()
            || words::likeness(&plain(segment)) >= NAMELIKE
            || crate::token::is_version(segment)
        {
            path.push_str(segment);
            parameters.extend(known.by_ref().take(holes));
        } else if segment.starts_with('{') && segment.ends_with('}') && holes == 1 {
            path.push_str(segment);
            parameters.extend(known.next());
        } else {
            // The whole segment becomes one parameter, whatever parts it had.
            known.by_ref().take(holes).for_each(drop);
            let name = format!("value{}", parameters.len() + 1);
            path.push_str(&format!("{{{name}}}"));
            parameters.push(Parameter { name, kind: ValueKind::Text });
        }
    }
    one.parameters = parameters;
    one.path = path;
    one
}

/// A segment without what stands in braces.
fn plain(segment: &str) -> String {
    let mut text = String::new();
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        text.push(' ');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

fn sort(operations: &mut [Operation]) {
    operations.sort_by(|one, other| {
        (&one.host, &one.path, one.method).cmp(&(&other.host, &other.path, other.method))
    });
}

/// One summary per host.
pub(crate) fn join_hosts(mut hosts: Vec<HostSummary>) -> Vec<HostSummary> {
    hosts.sort_by(|one, other| one.host.cmp(&other.host));
    let mut joined: Vec<HostSummary> = Vec::new();
    for one in hosts {
        match joined.last_mut().filter(|last| last.host == one.host) {
            Some(last) => {
                last.count = last.count.saturating_add(one.count);
                last.first_seen = least(last.first_seen, one.first_seen);
                last.last_seen = last.last_seen.max(one.last_seen);
            }
            None => joined.push(one),
        }
    }
    joined
}
