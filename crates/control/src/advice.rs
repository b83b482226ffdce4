//! Who and what there is today, for those that make something of recorded use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use advise::{ApiFacts, CallFacts, Directory, KeyStanding, KeyState, World};
use config::Repository;
use model::{Application, ApplicationName, KeyId, Timestamp};
use store::KeyRow;

use crate::ControlError;
use crate::blocks::Blocked;
use crate::cause::Cause;
use crate::state::State;

/// Everybody as the store and the files have them at one moment.
#[derive(Debug)]
pub(crate) struct Today {
    applications: BTreeMap<ApplicationName, (Arc<Application>, bool)>,
    keys: BTreeMap<KeyId, KeyRow>,
    /// Keys that another replaces.
    replaced: BTreeSet<KeyId>,
    apis: BTreeMap<String, ApiFacts>,
    issuers: BTreeSet<String>,
    /// Teams that issuers and certificates give out.
    open_teams: BTreeSet<String>,
    blocked: Blocked,
    now: Timestamp,
}

impl Today {
    pub(crate) fn read(state: &State, repository: &Repository, now: Timestamp) -> Result<Self, ControlError> {
        let applications = state.store.applications()?.into_iter().map(|row| {
            let is_enabled = state.state_of(&row) == store::ApplicationState::Enabled;
            let application = Application {
                name: row.name.clone(),
                team: row.team.clone(),
                attributes: row.attributes.clone(),
                version: row.version,
            };
            (row.name, (Arc::new(application), is_enabled))
        });
        let keys: BTreeMap<KeyId, KeyRow> =
            state.store.keys()?.into_iter().map(|row| (row.id, state.with_stop(row))).collect();
        Ok(Self {
            applications: applications.collect(),
            replaced: keys.values().filter_map(|row| row.rotated_from).collect(),
            keys,
            apis: repository
                .apis
                .iter()
                .map(|api| {
                    let facts = ApiFacts { owner: api.owner.to_string(), data_class: api.data_class };
                    (api.name.to_string(), facts)
                })
                .collect(),
            issuers: repository.gateway.issuers.iter().map(|issuer| issuer.name.to_string()).collect(),
            open_teams: repository
                .gateway
                .issuers
                .iter()
                .filter_map(|issuer| issuer.team.as_ref())
                .chain(repository.gateway.workloads.iter().map(|workload| &workload.team))
                .map(ToString::to_string)
                .collect(),
            blocked: Blocked::now(state, now),
            now,
        })
    }

    fn standing(&self, row: &KeyRow) -> KeyStanding {
        let said = row.changed.as_ref().map(|act| act.reason.clone()).unwrap_or_default();
        let state = match (row.state, self.blocked.key(row.id)) {
            (_, Some(why)) => KeyState::Stopped(format!("the key is blocked: {why}")),
            (store::KeyState::Active, None) => KeyState::Sound,
            (store::KeyState::Quarantined, None) => {
                KeyState::Stopped(format!("the key is quarantined: {said}"))
            }
            (store::KeyState::Revoked, None) if self.did_its_work(row.id, &said) => KeyState::Sound,
            (store::KeyState::Revoked, None) => KeyState::Stopped(format!("the key was revoked: {said}")),
        };
        KeyStanding {
            application: row.application.to_string(),
            scopes: row.scopes.clone(),
            state,
            created: row.created,
        }
    }

    /// Whether a revoked key did its work until then, by what was said: a key that another replaces did, unless somebody says that
    /// it leaked.
    fn did_its_work(&self, id: KeyId, said: &str) -> bool {
        match Cause::of_reason(said) {
            Some(Cause::Ended | Cause::Replaced) => true,
            Some(Cause::Leaked) => false,
            None => self.replaced.contains(&id) && !tells_of_a_leak(said),
        }
    }
}

/// Whether the reason of a revocation says that somebody else has the key.
fn tells_of_a_leak(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["leak", "stole", "theft", "compromis", "expos", "public", "misus", "abus", "phish", "breach"]
        .iter()
        .any(|word| reason.contains(word))
}

impl Directory for Today {
    fn application(&self, name: &str) -> Option<Arc<Application>> {
        let name = ApplicationName::parse_any(name).ok()?;
        self.applications.get(&name).map(|(application, _)| Arc::clone(application))
    }

    fn scopes(&self, key: KeyId) -> Option<Vec<String>> {
        self.keys.get(&key).map(|row| row.scopes.clone())
    }
}

impl World for Today {
    fn key(&self, id: KeyId) -> Option<KeyStanding> {
        self.keys.get(&id).map(|row| self.standing(row))
    }

    fn active_keys(&self) -> Vec<(KeyId, KeyStanding)> {
        let active = |row: &&KeyRow| {
            row.state == store::KeyState::Active
                && self.now < row.ends()
                && self.blocked.key(row.id).is_none()
        };
        self.keys.values().filter(active).map(|row| (row.id, self.standing(row))).collect()
    }

    fn applications(&self) -> Vec<Arc<Application>> {
        let enabled = self.applications.values().filter(|(_, is_enabled)| *is_enabled);
        enabled.map(|(application, _)| Arc::clone(application)).collect()
    }

    fn is_open(&self, team: &str) -> bool {
        self.open_teams.contains(team)
    }

    fn is_in_good_standing(&self, caller: &str) -> bool {
        if self.blocked.caller(caller) {
            return false;
        }
        let Some(name) = caller.strip_prefix("app:") else {
            return caller.starts_with("workload:");
        };
        let Ok(parsed) = ApplicationName::parse_any(name) else { return false };
        match self.applications.get(&parsed) {
            Some((_, is_enabled)) => *is_enabled,
            // A client that a token names: as long as its issuer is one of ours.
            None => name.split_once(':').is_some_and(|(issuer, _)| self.issuers.contains(issuer)),
        }
    }

    fn is_blocked(&self, facts: &CallFacts) -> bool {
        self.blocked.place(facts)
    }

    fn api(&self, name: &str) -> Option<ApiFacts> {
        self.apis.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_tell_of_a_leak_are_known() {
        for reason in ["Leaked in a repository", "stolen laptop", "COMPROMISED", "exposed in a log"] {
            assert!(tells_of_a_leak(reason), "{reason}");
        }
        for reason in ["rotated", "no longer needed", ""] {
            assert!(!tells_of_a_leak(reason), "{reason}");
        }
    }
}
