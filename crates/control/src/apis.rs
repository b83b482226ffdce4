//! APIs: declare one more, show, observe for longer.

use catalog::Catalog;
use config::{ApiConfig, Repository};
use model::{ApiName, KeyForm, Mode, TeamName, Timestamp};
use serde::Serialize;
use store::Act;

use crate::actor::{Actor, Needs};
use crate::check::check_with;
use crate::files;
use crate::force::{Bringing, Growth, Rebuild};
use crate::reasons::given;
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
    /// `strip`, `pass` or `exchange`.
    pub credential: &'static str,
    /// What the keys look like that the API had before.
    pub existing_keys: Vec<KeyFormView>,
    pub operations: Vec<OperationView>,
}

/// Where existing keys stand and what they look like.
#[derive(Clone, Debug, Serialize)]
pub struct KeyFormView {
    /// `header X-Api-Key` or `query api_key`.
    pub place: String,
    pub prefix: String,
    pub shortest: u16,
    pub longest: u16,
    pub alphabet: &'static str,
}

/// An operation as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct OperationView {
    pub id: String,
    pub groups: Vec<String>,
    pub operation_id: Option<String>,
    pub deprecated: bool,
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
    /// Why; may be empty.
    pub reason: String,
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
            self.demand_member_of(actor, &self.state(), &owner, format_args!("the team `{owner}`"))?;
            crate::init::api_files(&crate::init::ApiOrder {
                name: name.clone(),
                host: Some(new.host.clone()),
                upstream: new.upstream.clone(),
                owner,
                document: new.document.clone(),
                begin: crate::init::Begin::ByDocument,
                today: self.now(),
            })?
        };
        all.extend(added.iter().cloned());
        let checked = check_with(&all, &mut known).map_err(ControlError::Files)?;
        self.refuse_unseen_growth(&all, Growth::None)?;
        self.record(actor, "api.add", &object, &new.reason)?;
        self.carried(actor, "api.add", &object, files::create_all(&self.folder, &added))?;
        self.reload_holding(&mut known, &Bringing::quietly(actor, "api added"))?;
        // With `reload: on_publish` it is not in force yet, so it is shown as its files say.
        self.view_api(&self.state(), &checked.catalog, find(&checked.repository.apis, name.as_str())?)
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
        let reason = &given(reason, "a renewal")?;
        let mut known = self.files();
        let mut all = files::read_all(&self.folder)?;
        let repository = Repository::load(&all).map_err(ControlError::Files)?;
        let api = find(&repository.apis, name)?;
        self.demand_owner_of(actor, &self.state(), &api.name)?;
        let text = all.get(&api.file).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        let edit = |text: &str, field: &str, value: &str| {
            config::edit::set_field(text, field, value, "mode")
                .map_err(|error| ControlError::invalid(chain(&error), format!("edit {} by hand", api.file)))
        };
        let edited = edit(&edit(&text, "mode", "observe")?, "observe_until", until)?;
        all.insert(api.file.clone(), edited.clone().into_bytes());
        let checked = check_with(&all, &mut known).map_err(ControlError::Files)?;
        self.refuse_unseen_growth(&all, Growth::None)?;
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
        let always = Bringing { rebuild: Rebuild::Always, ..Bringing::quietly(actor, "observation renewed") };
        self.reload_holding(&mut known, &always)?;
        self.view_api(&self.state(), &checked.catalog, find(&checked.repository.apis, name)?)
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
            upstream: api.upstream.url(),
            base_path: api.base_path.clone(),
            owner: api.owner.to_string(),
            exposure: api.exposure.as_str(),
            mode: mode_name(mode, self.now()),
            observe_until: observe_until(mode),
            audit: api.audit.as_str(),
            data_class: api.data_class.as_str(),
            credential: api.credential.as_str(),
            existing_keys: api.existing_keys.iter().map(view_form).collect(),
            operations,
        })
    }
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

fn view_form(form: &KeyForm) -> KeyFormView {
    let (shortest, longest) = form.shape.lengths();
    KeyFormView {
        place: form.place.to_string(),
        prefix: form.shape.prefix().to_owned(),
        shortest,
        longest,
        alphabet: form.shape.alphabet().as_str(),
    }
}

pub(crate) fn find<'a>(apis: &'a [ApiConfig], name: &str) -> Result<&'a ApiConfig, ControlError> {
    apis.iter()
        .find(|api| api.name.as_str() == name)
        .ok_or_else(|| ControlError::Absent { what: "api", name: name.to_owned() })
}
