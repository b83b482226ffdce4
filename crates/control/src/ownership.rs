//! What belongs to whose team. An administrator changes anything; an owner what belongs to a team that `teams.yaml` in force
//! lists them in, so that the role alone opens nothing.
//!
//! Stopping a key is not asked about here: analysts may, whoever it belongs to.

use std::collections::BTreeSet;
use std::fmt::Display;

use catalog::Catalog;
use config::Repository;
use model::{ApiName, TeamName};
use policy::Policies;

use crate::actor::{Actor, Needs};
use crate::check::Checked;
use crate::files::Files;
use crate::state::State;
use crate::{Control, ControlError};

/// Files that say who belongs to which team and how everybody is let in.
const SHARED_FILES: [&str; 2] = ["sallyport.yaml", "teams.yaml"];

impl Control {
    /// Refuses who may not speak for an API.
    pub(crate) fn demand_owner_of(
        &self,
        actor: &Actor,
        state: &State,
        api: &ApiName,
    ) -> Result<(), ControlError> {
        self.demand(actor, Needs::Owner)?;
        if actor.may(Needs::Admin) {
            return Ok(());
        }
        let repository = state.repository()?;
        let owner = &crate::apis::find(&repository.apis, api.as_str())?.owner;
        if is_member(repository, actor, owner) { Ok(()) } else { Err(not_owner(api, owner)) }
    }

    /// Refuses who is in none of the teams that own an API.
    pub(crate) fn demand_owner_of_any(
        &self,
        actor: &Actor,
        state: &State,
        what: impl Display,
    ) -> Result<(), ControlError> {
        self.demand(actor, Needs::Owner)?;
        if actor.may(Needs::Admin) {
            return Ok(());
        }
        let repository = state.repository()?;
        let is_owner = repository.apis.iter().any(|api| is_member(repository, actor, &api.owner));
        if is_owner { Ok(()) } else { Err(ControlError::NotYours { what: what.to_string() }) }
    }

    /// Refuses who is not in a team; `what` is what belongs to it.
    pub(crate) fn demand_member_of(
        &self,
        actor: &Actor,
        state: &State,
        team: &TeamName,
        what: impl Display,
    ) -> Result<(), ControlError> {
        self.demand(actor, Needs::Owner)?;
        if actor.may(Needs::Admin) || is_member(state.repository()?, actor, team) {
            return Ok(());
        }
        Err(ControlError::NotYours { what: what.to_string() })
    }

    /// Refuses who may not make keys of an application's team with these scopes: a member of the team may, and who owns every
    /// API that the scopes name, since nothing else opens by them.
    pub(crate) fn demand_keys_of(
        &self,
        actor: &Actor,
        state: &State,
        team: &TeamName,
        scopes: &[String],
        what: impl Display,
    ) -> Result<(), ControlError> {
        let refused = match self.demand_member_of(actor, state, team, what) {
            Err(refused @ ControlError::NotYours { .. }) => refused,
            decided => return decided,
        };
        let repository = state.repository()?;
        let is_owned = |scope: &String| {
            let api = scope.split(':').next().unwrap_or_default();
            repository
                .apis
                .iter()
                .any(|known| known.name.as_str() == api && is_member(repository, actor, &known.owner))
        };
        if !scopes.is_empty() && scopes.iter().all(is_owned) { Ok(()) } else { Err(refused) }
    }

    /// Refuses who may not bring these files into force in the place of those that are: each API whose files change, or whose
    /// operations other policies apply to, has to be the actor's.
    pub(crate) fn demand_owner_of_changes(
        &self,
        actor: &Actor,
        in_force: &Files,
        files: &Files,
        checked: &Checked,
    ) -> Result<(), ControlError> {
        self.demand(actor, Needs::Owner)?;
        if actor.may(Needs::Admin) {
            return Ok(());
        }
        let paths: BTreeSet<&String> = in_force.keys().chain(files.keys()).collect();
        let changed: Vec<&str> = paths
            .into_iter()
            .filter(|path| in_force.get(*path) != files.get(*path))
            .map(String::as_str)
            .collect();
        if let Some(shared) = changed.iter().find(|path| SHARED_FILES.contains(path)) {
            return Err(ControlError::NotYours { what: format!("`{shared}`, which this would change,") });
        }
        let mut apis: BTreeSet<&str> =
            changed.iter().filter_map(|path| path.strip_prefix("apis/")?.split('/').next()).collect();
        let before = self.live.load().0;
        let others = judged_otherwise(
            (&before.revision.catalog, before.revision.policies.as_ref()),
            (&checked.catalog, Some(&checked.policies)),
        );
        apis.extend(others.iter().map(String::as_str));
        let state = self.state();
        let directory = state.repository()?;
        for name in apis {
            // Who owns a new API is said by its file; who belongs to that team, by what is in force.
            let known = directory.apis.iter().chain(&checked.repository.apis);
            for api in known.filter(|api| api.name.as_str() == name) {
                if !is_member(directory, actor, &api.owner) {
                    return Err(not_owner(&api.name, &api.owner));
                }
            }
        }
        Ok(())
    }
}

/// The operations of a revision with the policies that apply to them; none where it has none in force.
type Judging<'a> = (&'a Catalog, Option<&'a Policies>);

/// The APIs with an operation to which other policies apply than before.
fn judged_otherwise(before: Judging<'_>, after: Judging<'_>) -> BTreeSet<String> {
    let content = |(catalog, policies): Judging<'_>, id: &str| policies?.plan_content(catalog.by_id(id)?);
    let operations = before.0.operations().iter().chain(after.0.operations());
    operations
        .filter(|one| content(before, one.id.as_str()) != content(after, one.id.as_str()))
        .map(|one| one.id.api().to_owned())
        .collect()
}

/// Whether a team lists somebody.
pub(crate) fn is_member(repository: &Repository, actor: &Actor, team: &TeamName) -> bool {
    let team = repository.teams.find(team);
    team.is_some_and(|team| team.members.iter().any(|member| member.as_str() == actor.name()))
}

fn not_owner(api: &ApiName, team: &TeamName) -> ControlError {
    ControlError::NotOwner { api: api.to_string(), team: team.to_string() }
}
