//! APIs: declare one more, show, regroup, observe for longer.

use std::collections::BTreeMap;

use catalog::{Catalog, GroupsLock, Regrouped, regroup};
use config::{ApiConfig, ConfigError, Repository};
use model::{ApiName, Mode, TeamName, Timestamp};
use policy::PolicySummary;
use serde::Serialize;
use store::Act;

use crate::actor::{Actor, Needs};
use crate::applications::is_live;
use crate::check::{Checked, check_with};
use crate::declarations::{lock_of, operations_of};
use crate::files;
use crate::publish::Rebuild;
use crate::state::State;
use crate::{Control, ControlError, chain};

/// An API as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct ApiView {
    pub name: String,
    pub hosts: Vec<String>,
    pub upstream: String,
    pub base_path: String,
    pub owner: String,
    pub exposure: &'static str,
    /// `enforce` or `observe`, as it is at this moment.
    pub mode: &'static str,
    pub observe_until: Option<String>,
    pub audit: &'static str,
    pub data_class: &'static str,
    pub operations: Vec<OperationView>,
}

/// An operation as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct OperationView {
    pub id: String,
    pub groups: Vec<String>,
    pub operation_id: Option<String>,
    pub deprecated: bool,
}

/// What `api regroup` did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct RegroupView {
    pub api: String,
    pub joined: Vec<Membership>,
    pub left: Vec<Membership>,
    /// Who may do more than before, by which policy.
    pub gains: Vec<Gain>,
    /// Whether the lock was written.
    pub written: bool,
}

/// An operation in a group.
#[derive(Clone, Debug, Serialize)]
pub struct Membership {
    pub group: String,
    pub operation: String,
}

/// A policy that reaches an operation it did not reach before.
#[derive(Clone, Debug, Serialize)]
pub struct Gain {
    pub policy: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    pub operation: String,
    /// Through which group.
    pub group: String,
    /// Live keys whose scopes name a group that the operation joins, so that they cover it as well.
    pub keys: usize,
}

/// What declares a new API.
#[derive(Clone, Debug)]
pub struct NewApi {
    pub name: String,
    pub upstream: String,
    pub host: String,
    /// The team that owns it; the first team when absent.
    pub owner: Option<String>,
    /// The document's bytes, and whether they are JSON.
    pub document: Option<Vec<u8>>,
}

impl Control {
    pub fn apis(&self, actor: &Actor) -> Result<Vec<ApiView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let repository = state.repository()?;
        let snapshot = self.live.load();
        repository.apis.iter().map(|api| self.view_api(&state, snapshot.catalog(), api)).collect()
    }

    pub fn api(&self, actor: &Actor, name: &str) -> Result<ApiView, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let api = find(&state.repository()?.apis, name)?;
        self.view_api(&state, self.live.load().catalog(), api)
    }

    /// Writes the files of one more API and makes them live. Nothing is written when they would not load.
    pub fn add_api(&self, actor: &Actor, new: &NewApi) -> Result<ApiView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let name = ApiName::parse(&new.name)
            .map_err(|error| ControlError::invalid(error.to_string(), "choose another name"))?;
        let object = format!("api {name}");
        let mut known = self.files();
        let mut all = files::read_all(&self.folder)?;
        let added = {
            let repository = Repository::load(&all).map_err(ControlError::Files)?;
            if repository.apis.iter().any(|api| api.name == name) {
                return Err(ControlError::Exists { what: "api", name: name.to_string() });
            }
            let owner = match &new.owner {
                None => repository.teams.0.keys().next().cloned(),
                Some(owner) => {
                    TeamName::parse(owner).ok().filter(|owner| repository.teams.find(owner).is_some())
                }
            };
            let owner = owner.ok_or_else(|| ControlError::Absent {
                what: "team",
                name: new.owner.clone().unwrap_or_default(),
            })?;
            crate::init::api_files(&crate::init::ApiOrder {
                name: name.clone(),
                host: Some(new.host.clone()),
                upstream: new.upstream.clone(),
                owner,
                document: new.document.clone(),
                today: self.now(),
            })?
        };
        all.extend(added.iter().cloned());
        let checked = check_with(&all, &mut known).map_err(ControlError::Files)?;
        self.record(actor, "api.add", &object, "")?;
        self.carried(actor, "api.add", &object, files::create_all(&self.folder, &added))?;
        self.reload_holding(&mut known, Rebuild::IfChanged, actor, "api added")?;
        // With `reload: on_publish` it is not in force yet, so it is shown as its files say.
        self.view_api(&self.state(), &checked.catalog, find(&checked.repository.apis, name.as_str())?)
    }

    /// Brings `groups.lock` up to the document and says who gains what by it.
    pub fn regroup(&self, actor: &Actor, name: &str, act: RegroupAct) -> Result<RegroupView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let mut known = self.files();
        let all = files::read_all(&self.folder)?;
        let before = check_with(&all, &mut known).map_err(ControlError::Files)?;
        let regrouped = regrouped(find(&before.repository.apis, name)?)?;
        let path = format!("apis/{name}/groups.lock");
        let lock = regrouped.lock.render().into_bytes();
        let mut all = all;
        all.insert(path.clone(), lock.clone());
        let after = check_with(&all, &mut known).map_err(ControlError::Files)?;
        let gains = gains(name, &before, &after, &regrouped, &self.live_keys()?);
        let changed = !regrouped.changes.joined.is_empty() || !regrouped.changes.left.is_empty();
        let written = changed && act == RegroupAct::Write;
        if written {
            let object = format!("api {name}");
            self.record(actor, "api.regroup", &object, &summary(&regrouped))?;
            self.carried(actor, "api.regroup", &object, files::replace(&self.folder, &path, &lock))?;
            self.reload_holding(&mut known, Rebuild::IfChanged, actor, "api regrouped")?;
        }
        Ok(RegroupView {
            api: name.to_owned(),
            joined: memberships(&regrouped.changes.joined),
            left: memberships(&regrouped.changes.left),
            gains,
            written,
        })
    }

    /// Moves the end of an API's observation: a named act with a reason, 30 days at most from now.
    pub fn observe(
        &self,
        actor: &Actor,
        name: &str,
        until: &str,
        reason: &str,
    ) -> Result<ApiView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let now = self.now();
        let until_time = Timestamp::parse(until)
            .map_err(|error| ControlError::invalid(error.to_string(), "write it as 2026-12-31"))?;
        if until_time <= now || now.plus(ApiConfig::OBSERVE_MAX) < until_time {
            let reason = format!("`{until}` is not within the next 30 days");
            return Err(ControlError::invalid(reason, "choose a date at most 30 days from today"));
        }
        if reason.trim().is_empty() {
            return Err(ControlError::invalid("a renewal needs a reason", "say why with --reason"));
        }
        let mut known = self.files();
        let mut all = files::read_all(&self.folder)?;
        let repository = Repository::load(&all).map_err(ControlError::Files)?;
        let api = find(&repository.apis, name)?;
        let text = all.get(&api.file).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        let edit = |text: &str, field: &str, value: &str| {
            config::edit::set_field(text, field, value, "mode")
                .map_err(|error| ControlError::invalid(chain(&error), format!("edit {} by hand", api.file)))
        };
        let edited = edit(&edit(&text, "mode", "observe")?, "observe_until", until)?;
        all.insert(api.file.clone(), edited.clone().into_bytes());
        let checked = check_with(&all, &mut known).map_err(ControlError::Files)?;
        let object = format!("api {name} until {until}");
        self.record(actor, "api.observe", &object, reason)?;
        let act = Act { at: now, by: actor.label(), reason: reason.to_owned() };
        let renewed = {
            let store = &mut self.state().store;
            store
                .settle_observation(&api.name, until_time, now)
                .and_then(|_| store.renew_observation(&api.name, until_time, &act))
        };
        self.carried(actor, "api.observe", &object, renewed)?;
        let written = files::replace(&self.folder, &api.file, edited.as_bytes());
        self.carried(actor, "api.observe", &object, written)?;
        // The file may say that date already, while the stored end was an earlier one.
        self.reload_holding(&mut known, Rebuild::Always, actor, "observation renewed")?;
        self.view_api(&self.state(), &checked.catalog, find(&checked.repository.apis, name)?)
    }

    fn live_keys(&self) -> Result<Vec<store::KeyRow>, ControlError> {
        let now = self.now();
        let mut keys = self.state().store.keys()?;
        keys.retain(|key| is_live(key, now));
        Ok(keys)
    }

    fn view_api(&self, state: &State, catalog: &Catalog, api: &ApiConfig) -> Result<ApiView, ControlError> {
        let prefix = format!("{}:", api.name);
        let operations = catalog
            .operations()
            .iter()
            .filter(|operation| operation.id.as_str().starts_with(&prefix))
            .map(|operation| OperationView {
                id: operation.id.to_string(),
                groups: operation.groups.iter().map(ToString::to_string).collect(),
                operation_id: operation.operation_id.as_deref().map(str::to_owned),
                deprecated: operation.lifecycle == catalog::Lifecycle::Deprecated,
            })
            .collect();
        let mode = state.effective_mode(api, self.now())?;
        Ok(ApiView {
            name: api.name.to_string(),
            hosts: match &api.hosts {
                config::Hosts::Any => vec!["*".to_owned()],
                config::Hosts::Listed(hosts) => hosts.iter().map(ToString::to_string).collect(),
            },
            upstream: format!("http://{}", api.upstream.address()),
            base_path: api.base_path.clone(),
            owner: api.owner.to_string(),
            exposure: api.exposure.as_str(),
            mode: mode_name(mode, self.now()),
            observe_until: observe_until(mode),
            audit: api.audit.as_str(),
            data_class: api.data_class.as_str(),
            operations,
        })
    }
}

/// Whether `api regroup` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegroupAct {
    DryRun,
    Write,
}

/// Which policies reach operations through groups that these operations join, and how many keys cover them then.
fn gains(
    name: &str,
    before: &Checked,
    after: &Checked,
    regrouped: &Regrouped,
    live_keys: &[store::KeyRow],
) -> Vec<Gain> {
    let mut joined: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (group, key) in &regrouped.changes.joined {
        joined.entry(key.as_str()).or_default().push(group.as_str());
    }
    let mut gains = Vec::new();
    for (key, groups) in joined {
        let operation = format!("{name}:{key}");
        let covers = |row: &&store::KeyRow| row.scopes.iter().any(|scope| groups.contains(&scope.as_str()));
        let keys = live_keys.iter().filter(covers).count();
        let known: Vec<&str> = reaching(before, &operation).map(|policy| policy.id.as_str()).collect();
        for policy in reaching(after, &operation).filter(|policy| !known.contains(&policy.id.as_str())) {
            // A policy that reaches it only now names one of the groups.
            let named = groups.iter().find(|group| policy.text.contains(&format!("Action::\"{group}\"")));
            gains.push(Gain {
                policy: policy.id.to_string(),
                effect: policy.effect.as_str(),
                operation: operation.clone(),
                group: named.map_or_else(|| groups.join(", "), |group| (*group).to_owned()),
                keys,
            });
        }
    }
    gains.sort_by(|one, other| (&one.policy, &one.operation).cmp(&(&other.policy, &other.operation)));
    gains
}

fn reaching<'a>(checked: &'a Checked, operation: &str) -> impl Iterator<Item = PolicySummary<'a>> {
    checked.catalog.by_id(operation).into_iter().flat_map(|index| checked.policies.reaching(index))
}

pub(crate) fn mode_name(mode: Mode, now: Timestamp) -> &'static str {
    if mode.observes(now) { "observe" } else { "enforce" }
}

pub(crate) fn observe_until(mode: Mode) -> Option<String> {
    match mode {
        Mode::Enforce => None,
        Mode::ObserveUntil(end) => Some(end.to_string()),
    }
}

/// The lock in which every operation of the document is in its built-in groups.
pub(crate) fn regrouped(api: &ApiConfig) -> Result<Regrouped, ControlError> {
    let one = |error: ConfigError| ControlError::Files(vec![error]);
    let lock: GroupsLock = lock_of(api).map_err(one)?;
    let operations = operations_of(api, &lock, &mut Vec::new()).map_err(one)?;
    Ok(regroup(&api.name, &operations, &lock))
}

fn find<'a>(apis: &'a [ApiConfig], name: &str) -> Result<&'a ApiConfig, ControlError> {
    apis.iter()
        .find(|api| api.name.as_str() == name)
        .ok_or_else(|| ControlError::Absent { what: "api", name: name.to_owned() })
}

fn memberships(changes: &[(model::GroupName, String)]) -> Vec<Membership> {
    changes
        .iter()
        .map(|(group, operation)| Membership { group: group.to_string(), operation: operation.clone() })
        .collect()
}

/// One line for the log: how many operations joined which group.
fn summary(regrouped: &Regrouped) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (group, _) in &regrouped.changes.joined {
        *counts.entry((group.as_str(), "joined")).or_default() += 1;
    }
    for (group, _) in &regrouped.changes.left {
        *counts.entry((group.as_str(), "left")).or_default() += 1;
    }
    let parts: Vec<String> =
        counts.into_iter().map(|((group, verb), count)| format!("{count} {verb} {group}")).collect();
    parts.join(", ")
}
