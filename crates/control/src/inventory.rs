//! The inventory of the gateway's own traffic: fed from the workers' rings, compared with what is declared, kept between runs.
//!
//! On disk are templates with their evidence, and no value of a path. It is evidence for people: nothing here changes what is allowed
//! (`adopt` does, and says who gains).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use catalog::{Api, Catalog, Hosts, ParameterKind, PathParameter};
use config::ApiConfig;
use inventory::{Examples, Exposure, Kept, Live, Prior, Settings, State, Stated, canonical, classify};
use model::{RevisionNumber, Timestamp};
use serde::Serialize;
use traffic::RingReceiver;

use crate::actor::{Actor, Needs};
use crate::{Control, ControlError, chain, files};

mod compared;
mod said;

pub use compared::DriftView;
use compared::{Compared, Looked, contracts};
pub use said::{Ignored, PlaceOrder, PlaceView, Reading};

/// The file of what is kept, in the folder of state.
const KEPT: &str = "inventory.json";
/// How often what was seen is written down.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// The inventory as the process holds it.
#[derive(Debug)]
pub(crate) struct Watched {
    live: Live,
    ignored: Vec<Ignored>,
    folder: PathBuf,
    /// Exchanges since what was seen was last written down.
    since_saved: u64,
    /// The APIs of which values could be written down then.
    shown: BTreeSet<String>,
    /// What documents declare, of the revision that was asked for last.
    compared: Option<(RevisionNumber, Arc<Compared>)>,
    saved: Timestamp,
    /// Exchanges that found no room in a ring, by worker.
    lost: Vec<u64>,
    seen: u64,
}

/// Which operations are asked for; what is absent does not narrow.
#[derive(Clone, Debug, Default)]
pub struct InventoryOrder {
    pub api: Option<String>,
    pub host: Option<String>,
    /// `documented`, `shadow`, `zombie` or `orphan`.
    pub state: Option<String>,
    pub method: Option<String>,
    /// A template; the names of its parameters do not matter.
    pub path: Option<String>,
    /// Whether ignored ones are shown too.
    pub ignored: bool,
}

/// An operation of the inventory as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct FoundView {
    /// The API that serves the host and path; empty where none does.
    pub api: String,
    pub host: String,
    pub method: String,
    pub path: String,
    pub state: &'static str,
    /// Why it has this state.
    pub why: String,
    /// As the API's declaration says; `unknown` where no API serves it.
    pub exposure: &'static str,
    pub count: u64,
    pub succeeded: u64,
    pub first_seen: Option<String>,
    pub last_seen: Option<String>,
    pub confidence: f64,
    pub reasons: Vec<String>,
    pub callers: u64,
    /// Applications, some of them.
    pub caller_names: Vec<String>,
    pub statuses: BTreeMap<String, u64>,
    pub content_types: Vec<String>,
    /// Media types of requests, where they were looked at.
    pub request_types: Vec<String>,
    /// Names of query parameters, with how many requests had them. What reads like a value is `{}`.
    pub query: BTreeMap<String, u64>,
    /// How what was seen differs from the document.
    pub drift: DriftView,
    /// Paths as they were called, where the API allows values; else none.
    pub examples: Vec<String>,
    /// `open`, `verified only`, or `not tested`: proved by answers, never inferred.
    pub auth: &'static str,
    pub ignored: Option<Ignored>,
}

/// How the feed does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedCounts {
    /// Exchanges that were counted.
    pub seen: u64,
    /// Exchanges that found no room.
    pub lost: u64,
}

impl Watched {
    /// Goes on from what the folder of state keeps. What cannot be read is put aside and told; the gateway serves without it.
    pub(crate) fn open(folder: &Path, now: Timestamp) -> Self {
        let kept = read(folder, KEPT, |bytes| Kept::from_bytes(bytes).map_err(|error| chain(&error)));
        let ignored = read(folder, said::IGNORED, |bytes| {
            serde_json::from_slice(bytes).map_err(|error| error.to_string())
        });
        let settings = Settings::default();
        let kept = kept.unwrap_or_default();
        // Whether they may still be there is judged at the next writing, which must then come.
        let has_values = kept.operations().iter().any(|one| !one.examples.is_empty());
        Self {
            live: Live::new(kept, settings),
            ignored: ignored.unwrap_or_default(),
            folder: folder.to_owned(),
            since_saved: u64::from(has_values),
            shown: BTreeSet::new(),
            compared: None,
            saved: now,
            lost: Vec::new(),
            seen: 0,
        }
    }

    /// What older versions kept under hosts that callers had chosen comes under one.
    fn gather(&mut self, looked: &Looked) {
        if looked.is_any_host() {
            self.live.gather_hosts(compared::ANY_HOST);
        }
    }

    /// Writes down what may be, if anything was seen since or something else may be kept than before.
    fn save(&mut self, looked: &Looked, now: Timestamp) -> Result<(), ControlError> {
        if self.since_saved == 0 && self.shown == looked.shown {
            return Ok(());
        }
        self.gather(looked);
        let catalog = looked.catalog();
        let bytes = self.live.kept(&priors(catalog), &|one| looked.examples(&one.host, &one.path)).to_bytes();
        files::replace(&self.folder, KEPT, &bytes)?;
        self.since_saved = 0;
        self.shown.clone_from(&looked.shown);
        self.saved = now;
        Ok(())
    }
}

fn read<T>(folder: &Path, name: &str, parse: impl Fn(&[u8]) -> Result<T, String>) -> Option<T> {
    let path = folder.join(name);
    let told = match std::fs::read(&path) {
        Ok(bytes) => match parse(&bytes) {
            Ok(value) => return Some(value),
            Err(error) => error,
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => error.to_string(),
    };
    let aside = folder.join(format!("{name}.broken"));
    let moved = std::fs::rename(&path, &aside);
    tracing::error!(
        path = %path.display(), error = %told, aside = %aside.display(), moved = moved.is_ok(),
        "the inventory that was kept cannot be read; it begins anew"
    );
    None
}

impl Control {
    pub(crate) fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what the workers saw since the last call; how many exchanges that were.
    pub fn feed_inventory(&self, rings: &mut [RingReceiver]) -> u64 {
        let mut watched = self.watched();
        let watched = &mut *watched;
        let count = rings.iter_mut().map(|ring| ring.drain(|alike| watched.live.observe(alike))).sum();
        watched.lost = rings.iter().map(RingReceiver::lost).collect();
        watched.since_saved = watched.since_saved.saturating_add(count);
        watched.seen = watched.seen.saturating_add(count);
        count
    }

    /// How much the inventory has seen in this process.
    #[must_use]
    pub fn inventory_counts(&self) -> FeedCounts {
        let watched = self.watched();
        FeedCounts { seen: watched.seen, lost: watched.lost.iter().sum() }
    }

    /// The operations that were seen or are declared, with their states.
    pub fn inventory(&self, actor: &Actor, order: &InventoryOrder) -> Result<Vec<FoundView>, ControlError> {
        Ok(self.found(actor, order)?.into_iter().map(|(view, _)| view).collect())
    }

    /// The same, each with all that is known of it.
    fn found(&self, actor: &Actor, order: &InventoryOrder) -> Result<Vec<(FoundView, Stated)>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let looked = self.looked();
        let stated = self.stated(&looked);
        let ignored = self.watched().ignored.clone();
        let views = stated.into_iter().map(|one| (view(&one, &looked, &ignored), one));
        Ok(views.filter(|(view, _)| order.wants(view)).collect())
    }

    /// The APIs of which the inventory lists what is not declared, each with the applications that called it, where those are
    /// all; what somebody ignores is not among it.
    pub(crate) fn shadow_callers(&self) -> BTreeMap<String, Option<BTreeSet<String>>> {
        let looked = self.looked();
        let stated = self.stated(&looked);
        let watched = self.watched();
        let mut apis: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
        for one in stated.iter().filter(|one| one.state == State::Shadow) {
            if watched.ignored.iter().any(|known| known.is(&one.host, &one.method, &one.path)) {
                continue;
            }
            let Some(api) = api_of(looked.catalog(), &one.host, &one.path) else { continue };
            let known = apis.entry(api.name.to_string()).or_insert_with(|| Some(BTreeSet::new()));
            let all = one.seen.as_ref().filter(|seen| {
                let named = u64::try_from(seen.callers.sample.len()).unwrap_or(u64::MAX);
                seen.callers.estimate <= named && seen.count <= seen.callers.named
            });
            match (known.as_mut(), all) {
                (Some(known), Some(seen)) => known.extend(seen.callers.sample.iter().cloned()),
                (_, _) => *known = None,
            }
        }
        apis
    }

    /// What is in force now, as the inventory needs it. Takes `state` for a moment, so it comes before `watched`.
    fn looked(&self) -> Looked {
        let snapshot = self.live().load();
        let state = self.state();
        // Without a revision in force there is no API either.
        let apis = state.repository().map(|repository| repository.apis.as_slice()).unwrap_or_default();
        let name = |api: &ApiConfig| api.name.to_string();
        let exposures = apis.iter().map(|api| (name(api), api.exposure.as_str())).collect();
        let shown = apis.iter().filter(|api| api.examples == config::Examples::Values).map(name).collect();
        Looked { snapshot, exposures, shown }
    }

    /// The one operation that `order` means.
    pub(crate) fn only_one(
        &self,
        actor: &Actor,
        order: &InventoryOrder,
    ) -> Result<(FoundView, Stated), ControlError> {
        let mut found = self.found(actor, &InventoryOrder { ignored: true, ..order.clone() })?;
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => Err(ControlError::Absent { what: "operation in the inventory", name: order.name() }),
            (Some((one, _)), more) => Err(ControlError::invalid(
                format!("`{}` means {} operations, of {} and other hosts", order.name(), more + 1, one.host),
                "name the host with --host",
            )),
        }
    }

    /// Forgets the name of an erased application, in memory and on disk.
    pub(crate) fn forget_caller(&self, name: &str) -> Result<(), ControlError> {
        let now = self.now();
        let looked = self.looked();
        let mut watched = self.watched();
        let declared = priors(looked.catalog());
        watched
            .live
            .forget_caller(name, millis(now), &declared, &|one| looked.examples(&one.host, &one.path));
        watched.since_saved = watched.since_saved.saturating_add(1);
        watched.save(&looked, now)
    }

    /// Writes down what was seen, once a minute.
    pub(crate) fn keep_inventory(&self) -> Result<(), ControlError> {
        let now = self.now();
        let looked = self.looked();
        let mut watched = self.watched();
        if now.since(watched.saved) < SAVE_EVERY {
            return Ok(());
        }
        watched.save(&looked, now)
    }

    /// Writes down what was seen, at the end.
    pub(crate) fn close_inventory(&self) -> Result<(), ControlError> {
        let looked = self.looked();
        self.watched().save(&looked, self.now())
    }

    fn stated(&self, looked: &Looked) -> Vec<Stated> {
        let catalog = looked.catalog();
        let compared = self.compared(looked.snapshot.names().revision);
        let mut watched = self.watched();
        watched.gather(looked);
        let operations = watched.live.operations(&priors(catalog));
        drop(watched);
        let contracts = contracts(catalog, &compared);
        let stated = classify(operations, &contracts, Some(millis(self.now())));
        one_orphan_per_api(stated, catalog)
    }

    /// What documents declare of queries, answers and media types. They are read once for a revision, and only if somebody asks.
    fn compared(&self, revision: RevisionNumber) -> Arc<Compared> {
        if let Some((known, compared)) = &self.watched().compared
            && *known == revision
        {
            return Arc::clone(compared);
        }
        // Copied, since reading takes a while and nobody should wait for the state meanwhile.
        let documents: Vec<(ApiConfig, Vec<u8>)> = match self.state().repository() {
            Ok(repository) => {
                let apis = repository.apis.iter();
                apis.filter_map(|api| Some((api.clone(), api.document.as_ref()?.bytes.clone()))).collect()
            }
            Err(_) => Vec::new(),
        };
        let compared = Arc::new(Compared::read(documents));
        self.watched().compared = Some((revision, Arc::clone(&compared)));
        compared
    }
}

impl InventoryOrder {
    /// The operation that is meant, as people write it.
    fn name(&self) -> String {
        let host = self.host.as_deref().unwrap_or_default();
        let path = self.path.as_deref().unwrap_or_default();
        format!("{} {host}{path}", self.method.as_deref().unwrap_or_default())
    }

    fn wants(&self, view: &FoundView) -> bool {
        let narrow = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        narrow(&self.api, &view.api)
            && narrow(&self.host, &view.host)
            && narrow(&self.state, view.state)
            && narrow(&self.method, &view.method)
            && self.path.as_deref().is_none_or(|path| canonical(path) == canonical(&view.path))
            && (self.ignored || view.ignored.is_none())
    }
}

/// The API that serves a path of a host: one that lists the host before one that takes any, the longest base path before others.
pub(crate) fn api_of<'a>(catalog: &'a Catalog, host: &str, path: &str) -> Option<&'a Api> {
    let serves = |api: &&Api| {
        let is_host = match &api.hosts {
            Hosts::Any => true,
            Hosts::Listed(hosts) => hosts.iter().any(|one| one.as_str() == host),
        };
        is_host && api.base_path.below(path).is_some()
    };
    let rank = |api: &&Api| (matches!(api.hosts, Hosts::Listed(_)), api.base_path.segments().len());
    catalog.apis().iter().filter(serves).max_by_key(rank)
}

/// Names of parameters that are numbers.
fn numbers(parameters: &[PathParameter]) -> Vec<String> {
    parameters.iter().filter(|one| one.kind == ParameterKind::Long).map(|one| one.name.clone()).collect()
}

/// The declared templates, as what is known beforehand.
fn priors(catalog: &Catalog) -> Vec<Prior> {
    let mut priors = Vec::new();
    for operation in catalog.operations() {
        let prior = |host: Option<String>| Prior {
            host,
            method: operation.method.as_str().to_owned(),
            path: operation.template.to_string(),
            numbers: numbers(&operation.parameters),
        };
        match catalog.api(operation.api).map(|api| &api.hosts) {
            Some(Hosts::Listed(hosts)) => {
                priors.extend(hosts.iter().map(|host| prior(Some(host.to_string()))))
            }
            Some(Hosts::Any) | None => priors.push(prior(None)),
        }
    }
    priors
}

/// An operation that is called on one host of its API is no orphan, and one that is called on none is one and not several.
fn one_orphan_per_api(stated: Vec<Stated>, catalog: &Catalog) -> Vec<Stated> {
    let key = |one: &Stated| {
        let api = api_of(catalog, &one.host, &one.path).map(|api| api.name.to_string());
        (api, one.method.clone(), one.path.clone())
    };
    let mut known: BTreeSet<_> = stated.iter().filter(|one| one.state != State::Orphan).map(key).collect();
    stated.into_iter().filter(|one| one.state != State::Orphan || known.insert(key(one))).collect()
}

fn view(one: &Stated, looked: &Looked, ignored: &[Ignored]) -> FoundView {
    let seen = one.seen.as_ref();
    let api =
        api_of(looked.catalog(), &one.host, &one.path).map(|api| api.name.to_string()).unwrap_or_default();
    let exposure = looked.exposures.get(&api).copied().unwrap_or(Exposure::Unknown.as_str());
    let examples = match looked.examples(&one.host, &one.path) {
        Examples::Redacted => Vec::new(),
        Examples::Values => seen.map(|seen| seen.examples.clone()).unwrap_or_default(),
    };
    let ignored = ignored.iter().find(|known| known.is(&one.host, &one.method, &one.path));
    FoundView {
        api,
        host: one.host.clone(),
        method: one.method.clone(),
        path: one.path.clone(),
        state: one.state.as_str(),
        why: one.why.clone(),
        exposure,
        count: seen.map_or(0, |seen| seen.count),
        succeeded: seen.map_or(0, |seen| seen.succeeded),
        first_seen: seen.and_then(|seen| seen.first_seen).map(moment),
        last_seen: seen.and_then(|seen| seen.last_seen).map(moment),
        confidence: seen.map_or(1.0, |seen| (seen.confidence * 1_000.0).round() / 1_000.0),
        reasons: seen.map(|seen| seen.reasons.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        callers: seen.map_or(0, |seen| seen.callers.estimate),
        caller_names: seen.map(|seen| seen.callers.sample.clone()).unwrap_or_default(),
        statuses: seen
            .map(|seen| seen.statuses.iter().map(|one| (one.status.to_string(), one.count)).collect())
            .unwrap_or_default(),
        content_types: seen.map(|seen| seen.content_types.clone()).unwrap_or_default(),
        request_types: seen.map(|seen| seen.request_types.clone()).unwrap_or_default(),
        query: seen.map(|seen| seen.query.iter().cloned().collect()).unwrap_or_default(),
        drift: DriftView::of(&one.drift),
        examples,
        auth: seen.map_or("not tested", inventory::Operation::auth),
        ignored: ignored.cloned(),
    }
}

/// A moment of the inventory, which counts milliseconds, as it is shown.
pub(crate) fn moment(millis: i64) -> String {
    Timestamp::from_micros(millis.saturating_mul(1_000)).to_string()
}

const fn millis(at: Timestamp) -> i64 {
    at.as_micros() / 1_000
}
