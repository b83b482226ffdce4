//! Writes a new repository, and the files of one more API.

mod seen;

use std::time::Duration;

use catalog::{GroupsLock, read_document};
use config::template::{self, NewApi, NewFile, Start};
use config::{Hosts, Repository, Upstream};
use model::{ApiName, HostName, TeamName, Timestamp};

use crate::declarations::operations_of;
use crate::files::Files;
use crate::regroup::regrouped;
use crate::{ControlError, chain, check};

/// How long an API without a document is observed to begin with.
pub const OBSERVE: Duration = Duration::from_secs(14 * 86_400);

/// What the files of an API are written from, as people gave it.
#[derive(Clone, Debug)]
pub struct ApiOrder {
    pub name: ApiName,
    /// Every host when absent.
    pub host: Option<String>,
    pub upstream: String,
    pub owner: TeamName,
    pub document: Option<Vec<u8>>,
    pub begin: Begin,
    pub today: Timestamp,
}

/// In which mode an API begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Enforced where there is a document, else observed.
    ByDocument,
    /// Observed, because the document says what was seen and not what there is.
    Observed,
}

/// An API of an inventory: what its files are written from, and what was seen of it.
#[derive(Clone, Debug)]
pub struct SeenApi {
    pub order: ApiOrder,
    pub operations: Vec<inventory::Stated>,
}

/// All files of a new repository, checked to load. Paths are relative to it.
pub fn repository_files(order: &ApiOrder) -> Result<Vec<(String, Vec<u8>)>, ControlError> {
    let api_yaml = api_path(&order.name);
    let mut files: Vec<(String, Vec<u8>)> = with_template(order, template::repository)?
        .into_iter()
        .filter(|file| file.path != api_yaml)
        .map(|file| (file.path, file.text.into_bytes()))
        .collect();
    files.extend(api_files(order)?);
    let all: Files = files.iter().cloned().collect();
    check::check(&all)?;
    Ok(files)
}

/// All files of a new repository for APIs that were seen, checked to load. `source` says where they were seen. The first one's owner owns all.
pub fn seen_files(apis: &[SeenApi], source: &str) -> Result<Vec<(String, Vec<u8>)>, ControlError> {
    let [first, others @ ..] = apis else {
        return Err(ControlError::invalid("no operation was seen", "give a log in which requests succeed"));
    };
    let mut files = repository_files(&first.order)?;
    for api in others {
        files.extend(api_files(&api.order)?);
    }
    let all: Files = files.iter().cloned().collect();
    let repository = Repository::load(&all).map_err(ControlError::Files)?;
    for api in apis {
        let config = repository.apis.iter().find(|known| known.name == api.order.name);
        let declared = match config {
            Some(config) => operations_of(config, &GroupsLock::empty(), &mut Vec::new())
                .map_err(|error| ControlError::Files(vec![error]))?,
            None => Vec::new(),
        };
        let texts = seen::grants(&api.order.name, &api.order.owner, &declared, &api.operations, source);
        for (number, text) in (1_usize..).zip(texts) {
            let part = if number == 1 { String::new() } else { format!("-{number}") };
            files.push((format!("policies/{}-seen{part}.cedar", api.order.name), text.into_bytes()));
        }
    }
    let all: Files = files.iter().cloned().collect();
    check::check(&all)?;
    Ok(files)
}

/// The files of one API: `api.yaml`, its document, and the lock with every operation in its groups.
pub fn api_files(order: &ApiOrder) -> Result<Vec<(String, Vec<u8>)>, ControlError> {
    let folder = format!("apis/{}", order.name);
    let mut text = with_template(order, template::api_file)?.text;
    let mut files = Vec::new();
    if let Some(bytes) = &order.document {
        let document = read_document(bytes).map_err(|error| {
            ControlError::invalid(
                chain(&error),
                "give a Swagger 2.0, OpenAPI 3.0 or 3.1 document as YAML or JSON",
            )
        })?;
        if let Some(base_path) = document.base_paths.first() {
            text = config::edit::set_field(&text, "base_path", base_path, "upstream")
                .map_err(|error| ControlError::invalid(chain(&error), "mend the document's `servers`"))?;
        }
        let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let name = if is_json { "openapi.json" } else { "openapi.yaml" };
        files.push((format!("{folder}/{name}"), bytes.clone()));
    }
    files.push((api_path(&order.name), text.into_bytes()));
    let lock = lock_for(order, &files)?;
    files.push((format!("{folder}/groups.lock"), lock.render().into_bytes()));
    Ok(files)
}

fn api_path(name: &ApiName) -> String {
    format!("apis/{name}/api.yaml")
}

/// Hands the order, checked, to one of the templates.
fn with_template<T>(order: &ApiOrder, render: impl FnOnce(&NewApi<'_>) -> T) -> Result<T, ControlError> {
    let upstream = Upstream::parse(&order.upstream)
        .map_err(|error| ControlError::invalid(chain(&error), "write it as http://127.0.0.1:9000"))?;
    let hosts = match &order.host {
        None => Hosts::Any,
        Some(host) => Hosts::Listed(vec![HostName::parse(host).map_err(|error| {
            ControlError::invalid(format!("`{host}`: {error}"), "write the host without a port")
        })?]),
    };
    let until = date(order.today.plus(OBSERVE));
    let is_known = order.document.is_some() && order.begin == Begin::ByDocument;
    let start = if is_known { Start::Enforce } else { Start::ObserveUntil(&until) };
    Ok(render(&NewApi { name: &order.name, hosts: &hosts, upstream: &upstream, owner: &order.owner, start }))
}

/// Declaring an API is the named act that puts its operations into their groups.
fn lock_for(order: &ApiOrder, files: &[(String, Vec<u8>)]) -> Result<GroupsLock, ControlError> {
    let mut alone: Files = files.iter().cloned().collect();
    for NewFile { path, text } in with_template(order, template::repository)? {
        alone.entry(path).or_insert_with(|| text.into_bytes());
    }
    let repository = Repository::load(&alone).map_err(ControlError::Files)?;
    match repository.apis.first() {
        Some(api) => Ok(regrouped(api)?.lock),
        None => Ok(GroupsLock::empty()),
    }
}

/// The date alone, as people write it.
fn date(time: Timestamp) -> String {
    time.to_string().chars().take("2026-12-31".len()).collect()
}
