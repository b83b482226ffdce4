//! Applications and the teams that own them.

use std::collections::BTreeMap;

use config::Repository;
use model::{ApplicationName, AttributeValue, TeamName, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{Act, ApplicationRow, ApplicationState, KeyRow, NewApplication};

use crate::actor::{Actor, Needs};
use crate::force::{Bringing, Growth};
use crate::owed::Stop;
use crate::state::State;
use crate::{Control, ControlError, check_reason, files, unheeded};

/// An application as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct ApplicationView {
    pub name: String,
    pub team: String,
    /// `enabled` or `disabled`; the latter also while that is not stored yet.
    pub state: &'static str,
    pub attributes: Map<String, Value>,
    pub created: String,
    pub created_by: String,
    /// Keys that are neither revoked nor expired.
    pub keys: usize,
}

/// A team as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct TeamView {
    pub name: String,
    pub members: Vec<String>,
    pub apps: Vec<String>,
    /// APIs that it owns.
    pub apis: Vec<String>,
}

impl Control {
    /// Registers an application of a team. Attributes are `NAME=VALUE`, by the types that `sallyport.yaml` declares.
    pub fn create_application(
        &self,
        actor: &Actor,
        name: &str,
        team: &str,
        attributes: &[String],
        reason: &str,
    ) -> Result<ApplicationView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let name = self.application_name(name)?;
        let team = TeamName::parse(team)
            .map_err(|error| ControlError::invalid(error.to_string(), "see `sallyport team list`"))?;
        let mut state = self.state();
        let repository = state.repository()?;
        if repository.teams.find(&team).is_none() {
            return Err(ControlError::Absent { what: "team", name: team.to_string() });
        }
        let whose = format_args!("an application of the team `{team}`").to_string();
        match self.demand_member_of(actor, &state, &team, &whose) {
            // It opens nothing by itself: who owns an API registers the applications of partners.
            Err(ControlError::NotYours { .. }) => self.demand_owner_of_any(actor, &state, &whose)?,
            decided => decided?,
        }
        let attributes = read_attributes(&repository.gateway.application_attributes, attributes)?;
        let new = NewApplication {
            name: name.clone(),
            team,
            attributes,
            created: self.now(),
            created_by: actor.label(),
        };
        let object = format!("application {name}");
        if state.store.application(&name)?.is_some() {
            return Err(ControlError::Exists { what: "application", name: name.to_string() });
        }
        self.record(actor, "application.create", &object, reason)?;
        let row = self.carried(actor, "application.create", &object, state.store.add_application(&new))?;
        state.refresh_applications(&self.live)?;
        self.view_application(&state, &row)
    }

    /// Refuses every key of an application from the next request on. Where log or store do not take it, its keys are
    /// refused all the same, and the error says what is missing.
    pub fn disable_application(
        &self,
        actor: &Actor,
        name: &str,
        reason: &str,
    ) -> Result<ApplicationView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        check_reason(reason)?;
        let mut state = self.state();
        let name = self.application_of_theirs(actor, &state, name)?;
        let stop = Stop::Application(name.clone());
        // Stopped first: a full disk must not keep an application going.
        state.stop_application(&self.live, &name);
        let act = Act { at: self.now(), by: actor.label(), reason: reason.to_owned() };
        state.owed.add(stop.clone(), act);
        // What fails stays owed, and the answer says so.
        unheeded(self.settle(&mut state));
        state.owed.answer(&stop)?;
        self.refresh_application(&mut state, &name)
    }

    /// Accepts its keys again.
    pub fn enable_application(
        &self,
        actor: &Actor,
        name: &str,
        reason: &str,
    ) -> Result<ApplicationView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let mut state = self.state();
        let name = self.application_of_theirs(actor, &state, name)?;
        // Where it was disabled and that is still owed, the log has to say so first.
        unheeded(self.settle(&mut state));
        let object = format!("application {name}");
        self.record(actor, "application.enable", &object, reason)?;
        let changed = state.store.set_application_state(&name, ApplicationState::Enabled);
        self.carried(actor, "application.enable", &object, changed)?;
        state.owed.forgive(&name);
        self.refresh_application(&mut state, &name)
    }

    /// The application of that name, if it is one of the actor's teams.
    fn application_of_theirs(
        &self,
        actor: &Actor,
        state: &State,
        name: &str,
    ) -> Result<ApplicationName, ControlError> {
        let name = self.application_name(name)?;
        let Some(row) = state.store.application(&name)? else {
            return Err(ControlError::Absent { what: "application", name: name.to_string() });
        };
        self.demand_member_of(actor, state, &row.team, format_args!("the application `{name}`"))?;
        Ok(name)
    }

    /// Brings an application's keys up to the store, and shows it.
    fn refresh_application(
        &self,
        state: &mut State,
        name: &ApplicationName,
    ) -> Result<ApplicationView, ControlError> {
        let ids: Vec<_> = state.store.keys_of(name)?.iter().map(|key| key.id).collect();
        state.refresh_keys(&self.live, &ids)?;
        state.refresh_applications(&self.live)?;
        match state.store.application(name)? {
            Some(row) => self.view_application(state, &row),
            None => Err(ControlError::Absent { what: "application", name: name.to_string() }),
        }
    }

    pub fn applications(&self, actor: &Actor) -> Result<Vec<ApplicationView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let now = self.now();
        let mut live: BTreeMap<ApplicationName, usize> = BTreeMap::new();
        let keys = state.store.keys()?.into_iter().map(|key| state.with_stop(key));
        for key in keys.filter(|key| is_live(key, now)) {
            *live.entry(key.application.clone()).or_default() += 1;
        }
        let rows = state.store.applications()?;
        let keys = |row: &ApplicationRow| live.get(&row.name).copied().unwrap_or_default();
        Ok(rows.iter().map(|row| view(row, state.state_of(row), keys(row))).collect())
    }

    pub fn application(&self, actor: &Actor, name: &str) -> Result<ApplicationView, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let name = self.application_name(name)?;
        let state = self.state();
        match state.store.application(&name)? {
            Some(row) => self.view_application(&state, &row),
            None => Err(ControlError::Absent { what: "application", name: name.to_string() }),
        }
    }

    /// Adds a team to `teams.yaml`, comments kept. Members are written into the file by hand.
    pub fn create_team(&self, actor: &Actor, name: &str, reason: &str) -> Result<TeamView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let team = TeamName::parse(name)
            .map_err(|error| ControlError::invalid(error.to_string(), "choose another name"))?;
        self.demand_owner_of_any(actor, &self.state(), format_args!("making the team `{team}`"))?;
        let object = format!("team {team}");
        let mut known = self.files();
        let mut all = files::read_all(&self.folder)?;
        if Repository::load(&all).map_err(ControlError::Files)?.teams.find(&team).is_some() {
            return Err(ControlError::Exists { what: "team", name: team.to_string() });
        }
        let text = all.get("teams.yaml").map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        let edited = config::edit::add_team(&text, &team).map_err(|error| {
            ControlError::invalid(crate::chain(&error), "add the team to teams.yaml by hand")
        })?;
        all.insert("teams.yaml".to_owned(), edited.clone().into_bytes());
        crate::check::check_with(&all, &mut known).map_err(ControlError::Files)?;
        self.refuse_unseen_growth(&all, Growth::None)?;
        self.record(actor, "team.create", &object, reason)?;
        let written = files::replace(&self.folder, "teams.yaml", edited.as_bytes());
        self.carried(actor, "team.create", &object, written)?;
        self.reload_holding(&mut known, &Bringing::quietly(actor, "team created"))?;
        Ok(TeamView { name: team.to_string(), members: Vec::new(), apps: Vec::new(), apis: Vec::new() })
    }

    pub fn teams(&self, actor: &Actor) -> Result<Vec<TeamView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let repository = state.repository()?;
        let applications = state.store.applications()?;
        Ok(repository
            .teams
            .0
            .iter()
            .map(|(name, team)| view_team(repository, name, team, &applications))
            .collect())
    }

    pub fn team(&self, actor: &Actor, name: &str) -> Result<TeamView, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let repository = state.repository()?;
        let found =
            TeamName::parse(name).ok().and_then(|name| repository.teams.find(&name).map(|team| (name, team)));
        let Some((team_name, team)) = found else {
            return Err(ControlError::Absent { what: "team", name: name.to_owned() });
        };
        Ok(view_team(repository, &team_name, team, &state.store.applications()?))
    }

    pub(crate) fn application_name(&self, name: &str) -> Result<ApplicationName, ControlError> {
        ApplicationName::parse(name)
            .map_err(|error| ControlError::invalid(error.to_string(), "see `sallyport app list`"))
    }

    fn view_application(&self, state: &State, row: &ApplicationRow) -> Result<ApplicationView, ControlError> {
        let now = self.now();
        let keys = state.store.keys_of(&row.name)?.into_iter().map(|key| state.with_stop(key));
        Ok(view(row, state.state_of(row), keys.filter(|key| is_live(key, now)).count()))
    }
}

pub(crate) fn is_live(key: &KeyRow, now: Timestamp) -> bool {
    key.state == store::KeyState::Active && now < key.ends()
}

fn view(row: &ApplicationRow, state: ApplicationState, live_keys: usize) -> ApplicationView {
    ApplicationView {
        name: row.name.to_string(),
        team: row.team.to_string(),
        state: state.as_str(),
        attributes: row.attributes.iter().map(|(name, value)| (name.clone(), json_of(value))).collect(),
        created: row.created.to_string(),
        created_by: row.created_by.clone(),
        keys: live_keys,
    }
}

fn view_team(
    repository: &Repository,
    name: &TeamName,
    team: &config::Team,
    applications: &[ApplicationRow],
) -> TeamView {
    let apps = applications.iter().filter(|application| application.team == *name);
    let apis = repository.apis.iter().filter(|api| api.owner == *name);
    TeamView {
        name: name.to_string(),
        members: team.members.iter().map(ToString::to_string).collect(),
        apps: apps.map(|application| application.name.to_string()).collect(),
        apis: apis.map(|api| api.name.to_string()).collect(),
    }
}

fn json_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::Long(value) => Value::from(*value),
        AttributeValue::String(value) => Value::from(value.as_str()),
        AttributeValue::StringSet(values) => values.iter().map(String::as_str).collect(),
    }
}

fn read_attributes(
    declared: &BTreeMap<String, model::AttributeType>,
    written: &[String],
) -> Result<BTreeMap<String, AttributeValue>, ControlError> {
    let mut attributes = BTreeMap::new();
    for text in written {
        let Some((name, value)) = text.split_once('=') else {
            return Err(ControlError::invalid(format!("`{text}` is no attribute"), "write NAME=VALUE"));
        };
        let Some(kind) = declared.get(name) else {
            let known: Vec<&str> = declared.keys().map(String::as_str).collect();
            let fix = if known.is_empty() {
                "declare it under `application_attributes` in sallyport.yaml".to_owned()
            } else {
                format!(
                    "declared are {}; add it under `application_attributes` in sallyport.yaml",
                    known.join(", ")
                )
            };
            return Err(ControlError::invalid(format!("the attribute `{name}` is not declared"), fix));
        };
        let Some(value) = kind.parse_value(value) else {
            let reason = format!("`{value}` is no {}, which `{name}` is declared as", kind.as_str());
            return Err(ControlError::invalid(reason, "correct the value or the declaration"));
        };
        if attributes.insert(name.to_owned(), value).is_some() {
            return Err(ControlError::invalid(
                format!("`{name}` is given twice"),
                "give each attribute once",
            ));
        }
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use model::AttributeType;

    use super::*;

    #[test]
    fn attributes_are_read_by_their_declared_types() {
        let declared = BTreeMap::from([
            ("customer".to_owned(), AttributeType::String),
            ("level".to_owned(), AttributeType::Long),
        ]);
        let read = |written: &[&str]| {
            let written: Vec<String> = written.iter().map(|&text| text.to_owned()).collect();
            read_attributes(&declared, &written).map(|read| read.len()).map_err(|error| error.to_string())
        };
        assert_eq!(read(&["customer=42", "level=3"]), Ok(2));
        assert_eq!(read(&["customer=a=b"]), Ok(1));
        for (written, part) in [
            (&["level=high"][..], "no Long"),
            (&["colour=red"], "not declared"),
            (&["customer"], "write NAME=VALUE"),
            (&["level=1", "level=2"], "twice"),
        ] {
            assert!(read(written).unwrap_err().contains(part), "{written:?}");
        }
    }
}
