//! What is counted for one method on one path.

use std::collections::{BTreeMap, BTreeSet};

use traffic::{Alike, Credential, Exchange, Side};

use crate::classes::{self, DataClass};
use crate::operation::{DataField, DataPlace, StatusCount};
use crate::sketch::{self, LeastMap};

pub(crate) use packed::{Extent, Marks};

mod packed;

/// Distinct texts kept of media types and routes, by hash.
const TEXTS_MAX: usize = 4;
/// Names of query parameters that are kept, by hash.
const QUERIES_MAX: usize = 32;
/// Parts of a query that are looked at.
const QUERY_PARTS_MAX: usize = 64;
/// The longest name of a parameter.
const QUERY_NAME_BYTES_MAX: usize = 60;
/// The longest media type.
const TYPE_BYTES_MAX: usize = 100;
/// Fields with a class of data that are kept, by hash.
const DATA_MAX: usize = 64;

/// Counts, times and samples. Joining two is commutative and associative. There are as many as paths that are kept, so what a line of an access
/// log seldom tells is apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    /// From when to when, in milliseconds since 1970 in UTC.
    pub(crate) time: Extent,
    /// The sizes of answers that had one.
    pub(crate) sizes: Extent,
    /// Statuses, of which zero stands for "not told", and callers.
    pub(crate) marks: Marks,
    /// What many lines tell nothing of.
    more: Option<Box<More>>,
}

/// What richer sources than access logs tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct More {
    /// Media types of answers.
    types: Texts,
    /// Names of query parameters of requests that succeeded, by hash, and in how many.
    pub(crate) queries: Names,
    /// 2xx answers to requests that showed that they carried no credential.
    pub(crate) open: u64,
    /// 2xx answers to requests whose credential was verified.
    pub(crate) verified: u64,
    /// Requests with a trailing slash.
    pub(crate) slashed: u64,
    /// Requests whose caller the source named.
    pub(crate) named: u64,
    /// What few sources tell, and of few operations.
    rare: Option<Box<Rare>>,
}

static NO_MORE: More = More {
    types: LeastMap::new(TEXTS_MAX),
    queries: LeastMap::new(QUERIES_MAX),
    open: 0,
    verified: 0,
    slashed: 0,
    named: 0,
    rare: None,
};

/// Distinct texts by hash.
pub(crate) type Texts = LeastMap<Box<str>>;

/// What is seldom there, apart from the rest, since there are as many tallies as paths that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rare {
    pub(crate) routes: Texts,
    /// Of requests that succeeded those that were seen from the caller's side.
    pub(crate) client_side: u64,
    /// Answers that carried a `Deprecation` header.
    pub(crate) deprecated: u64,
    /// The earliest date of a `Sunset` header.
    pub(crate) sunset: Option<i64>,
    /// Of the statuses those that the source itself answered. Only a gateway has them.
    own: Statuses,
    /// Media types of requests that succeeded.
    request_types: Texts,
    /// Classes of data in bodies, by the hash of class, side and field.
    pub(crate) data: LeastMap<DataSeen>,
}

static NOTHING: Rare = Rare {
    routes: LeastMap::new(TEXTS_MAX),
    client_side: 0,
    deprecated: 0,
    sunset: None,
    own: Statuses(Vec::new()),
    request_types: LeastMap::new(TEXTS_MAX),
    data: LeastMap::new(DATA_MAX),
};

/// How often each status was answered, ascending by status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statuses(pub(crate) Vec<(u16, u64)>);

/// Names with how often they were seen.
pub(crate) type Names = LeastMap<(Box<str>, u64)>;

/// A class of data in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataSeen {
    pub(crate) class: DataClass,
    pub(crate) place: DataPlace,
    pub(crate) field: Box<str>,
    pub(crate) count: u64,
}

impl DataSeen {
    fn hash(&self) -> u64 {
        sketch::hash(format!("{} {} {}", self.class.name(), self.place.name(), self.field).as_bytes())
    }
}

impl Tally {
    /// So many exchanges, with times and sizes.
    pub(crate) fn of(count: u64, time: Extent, sizes: Extent) -> Self {
        Self { count, time, sizes, ..Self::default() }
    }

    /// Counts one exchange.
    pub(crate) fn observe(&mut self, exchange: &Exchange<'_>, caller: Option<u64>) {
        self.observe_alike(&Alike::one(*exchange), caller);
    }

    /// Counts exchanges that are alike.
    #[inline]
    pub(crate) fn observe_alike(&mut self, alike: &Alike<'_>, caller: Option<u64>) {
        let exchange = &alike.first;
        let count = u64::from(alike.count);
        self.count = self.count.saturating_add(count);
        self.time.join(Extent::of(exchange.at, alike.until));
        let status = exchange.status.unwrap_or(0);
        self.marks.add_status(status, count);
        if exchange.own_answer {
            self.add_own(status, count);
        }
        if let Some(query) = exchange.query.filter(|_| matches!(status, 200..=299 | 304)) {
            self.observe_query(query, count);
        }
        if let Some(caller) = caller {
            self.marks.add_caller(caller);
        }
        let size = exchange.bytes_out.filter(|size| *size > 0).and_then(|size| i64::try_from(size).ok());
        self.sizes.join(Extent::of(size, size));
        if let Some(essence) = exchange.response_type.and_then(essence) {
            self.keep_type(essence);
        }
        if let Some(essence) = exchange.request_type.and_then(essence)
            && matches!(status, 200..=299)
        {
            self.keep_request_type(essence);
        }
        if let Some(route) = exchange.route.filter(|route| route.len() <= 500) {
            self.keep_route(route);
        }
        if (200..300).contains(&status) {
            match exchange.credential {
                Credential::Absent => grow(&mut self.more_mut().open, count),
                Credential::Verified => grow(&mut self.more_mut().verified, count),
                Credential::NotShown | Credential::Sent => {}
            }
        }
        let is_client = exchange.side == Side::Client && matches!(status, 200..=299 | 304);
        if is_client || exchange.deprecated || exchange.sunset.is_some() {
            let rare = self.rare_mut();
            rare.client_side = rare.client_side.saturating_add(if is_client { count } else { 0 });
            rare.deprecated = rare.deprecated.saturating_add(if exchange.deprecated { count } else { 0 });
            rare.sunset = least(rare.sunset, exchange.sunset);
        }
        if exchange.path.len() > 1 && exchange.path.ends_with('/') {
            grow(&mut self.more_mut().slashed, count);
        }
        if exchange.caller.is_some() {
            grow(&mut self.more_mut().named, count);
        }
        if exchange.request_body.is_some() || exchange.response_body.is_some() {
            self.observe_bodies(exchange);
        }
        if let Some(query) = exchange.query {
            self.observe_values(query, count);
        }
    }

    /// Counts the names in a query; one that stands twice counts twice. What has no `=` may be a value.
    fn observe_query(&mut self, query: &str, count: u64) {
        for part in query.split('&').take(QUERY_PARTS_MAX) {
            if let Some((name, _)) = part.split_once('=') {
                self.keep_query(name, count);
            }
        }
    }

    pub(crate) fn keep_query(&mut self, name: &str, count: u64) {
        if name.is_empty() || QUERY_NAME_BYTES_MAX < name.len() {
            return;
        }
        let add = |known: &mut (Box<str>, u64)| known.1 = known.1.saturating_add(count);
        self.more_mut().queries.upsert(sketch::hash(name.as_bytes()), || (name.into(), count), add);
    }

    /// The names of query parameters, as they may be shown, with how many requests had them; ascending.
    pub(crate) fn query_names(&self) -> Vec<(String, u64)> {
        let mut names: BTreeMap<String, u64> = BTreeMap::new();
        for (_, (name, count)) in self.more().queries.iter() {
            let known = names.entry(classes::shown_name(name)).or_default();
            *known = known.saturating_add(*count);
        }
        names.into_iter().collect()
    }

    /// Counts classes of data; a field that has one several times in a body counts once.
    #[cold]
    fn observe_bodies(&mut self, exchange: &Exchange<'_>) {
        let sides =
            [(DataPlace::Request, exchange.request_body), (DataPlace::Response, exchange.response_body)];
        for (place, body) in sides.into_iter().filter_map(|(place, body)| Some((place, body?))) {
            let mut fields: BTreeSet<(DataClass, Box<str>)> = BTreeSet::new();
            classes::scan(body, |class, field| {
                if fields.len() < DATA_MAX {
                    fields.insert((class, field.into()));
                }
            });
            for (class, field) in fields {
                self.keep_data(DataSeen { class, place, field, count: 1 });
            }
        }
    }

    /// Counts classes of data in a query; of the values nothing is kept.
    fn observe_values(&mut self, query: &str, count: u64) {
        let mut fields: BTreeSet<(DataClass, Box<str>)> = BTreeSet::new();
        classes::query(query, &mut |class, field| drop(fields.replace((class, field.into()))));
        for (class, field) in fields.into_iter().take(DATA_MAX) {
            self.keep_data(DataSeen { class, place: DataPlace::Query, field, count });
        }
    }

    pub(crate) fn keep_data(&mut self, seen: DataSeen) {
        let count = seen.count;
        self.rare_mut().data.upsert(
            seen.hash(),
            || seen,
            |known| known.count = known.count.saturating_add(count),
        );
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.time.join(other.time);
        self.sizes.join(other.sizes);
        self.marks.merge(&other.marks);
        if let Some(more) = &other.more {
            self.merge_more(more);
        }
    }

    fn merge_more(&mut self, other: &More) {
        let more = self.more_mut();
        grow(&mut more.open, other.open);
        grow(&mut more.verified, other.verified);
        grow(&mut more.slashed, other.slashed);
        grow(&mut more.named, other.named);
        for (_, text) in other.types.iter() {
            keep(&mut more.types, text);
        }
        for (_, (name, count)) in other.queries.iter() {
            self.keep_query(name, *count);
        }
        if let Some(rare) = &other.rare {
            self.merge_rare(rare);
        }
    }

    #[cold]
    fn merge_rare(&mut self, other: &Rare) {
        let rare = self.rare_mut();
        rare.client_side = rare.client_side.saturating_add(other.client_side);
        rare.deprecated = rare.deprecated.saturating_add(other.deprecated);
        rare.sunset = least(rare.sunset, other.sunset);
        for (status, count) in &other.own.0 {
            add(&mut rare.own.0, *status, *count);
        }
        for (own, others) in
            [(&mut rare.routes, &other.routes), (&mut rare.request_types, &other.request_types)]
        {
            for (_, text) in others.iter() {
                keep(own, text);
            }
        }
        for (_, seen) in other.data.iter() {
            self.keep_data(seen.clone());
        }
    }

    /// 2xx answers to requests of which it is not known whether they carried a credential.
    pub(crate) fn untold(&self) -> u64 {
        let successes = self.marks.statuses().filter(|(status, _)| (200..300).contains(status));
        let successes: u64 = successes.fold(0, |sum, (_, count)| sum.saturating_add(count));
        successes.saturating_sub(self.more().open.saturating_add(self.more().verified))
    }

    /// What many lines tell nothing of.
    pub(crate) fn more(&self) -> &More {
        self.more.as_deref().unwrap_or(&NO_MORE)
    }

    pub(crate) fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_with(|| Box::new(NO_MORE.clone()))
    }

    /// What is seldom there.
    pub(crate) fn rare(&self) -> &Rare {
        self.more().rare.as_deref().unwrap_or(&NOTHING)
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.more_mut().rare.get_or_insert_with(|| Box::new(NOTHING.clone()))
    }

    /// The media types of answers.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.more().types.iter().map(|(_, text)| &**text)
    }

    /// The classes of data, ascending.
    pub(crate) fn data_fields(&self) -> Vec<DataField> {
        let field = |seen: &DataSeen| DataField {
            class: seen.class,
            place: seen.place,
            field: seen.field.to_string(),
            count: seen.count,
        };
        let mut fields: Vec<DataField> = self.rare().data.iter().map(|(_, seen)| field(seen)).collect();
        fields.sort();
        fields
    }

    pub(crate) fn keep_type(&mut self, text: &str) {
        keep(&mut self.more_mut().types, text);
    }

    pub(crate) fn keep_request_type(&mut self, text: &str) {
        keep(&mut self.rare_mut().request_types, text);
    }

    /// The media types of requests.
    pub(crate) fn request_types(&self) -> Vec<String> {
        self.rare().request_types.iter().map(|(_, text)| text.to_string()).collect()
    }

    pub(crate) fn keep_route(&mut self, text: &str) {
        keep(&mut self.rare_mut().routes, text);
    }

    /// How often each status was answered, ascending.
    pub(crate) fn statuses(&self) -> Vec<StatusCount> {
        self.marks.statuses().map(|(status, count)| StatusCount { status, count }).collect()
    }

    fn add_own(&mut self, status: u16, count: u64) {
        add(&mut self.rare_mut().own.0, status, count);
    }

    /// Of the statuses those that the source itself answered.
    pub(crate) fn own_statuses(&self) -> Vec<StatusCount> {
        self.rare().own.0.iter().map(|&(status, count)| StatusCount { status, count }).collect()
    }
}

fn add(statuses: &mut Vec<(u16, u64)>, status: u16, count: u64) {
    match statuses.binary_search_by(|entry| entry.0.cmp(&status)) {
        Ok(place) => {
            if let Some(entry) = statuses.get_mut(place) {
                entry.1 = entry.1.saturating_add(count);
            }
        }
        Err(place) => sketch::insert(statuses, place, (status, count)),
    }
}

fn grow(counter: &mut u64, count: u64) {
    *counter = counter.saturating_add(count);
}

/// A media type without its parameters.
fn essence(media_type: &str) -> Option<&str> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    (!essence.is_empty() && essence.len() <= TYPE_BYTES_MAX).then_some(essence)
}

/// The lesser of two, where nothing is more than something.
pub(crate) fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn keep(texts: &mut LeastMap<Box<str>>, text: &str) {
    texts.upsert(sketch::hash(text.as_bytes()), || text.into(), |_| {});
}
