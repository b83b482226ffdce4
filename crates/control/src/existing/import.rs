//! Imports keys that an API gave out before, by the thousand: each line is judged, and all are kept or none.

use std::collections::{BTreeMap, BTreeSet};

use config::ConfigError;
use identity::{FingerprintKey, WholeDigest};
use model::{ApiName, ApplicationName, KeyId, TeamName, Timestamp};
use serde::Serialize;
use store::{Digest, KeyKind, NewApplication, NewKey};

use super::{label, within};
use crate::actor::Actor;
use crate::keys::expiry;
use crate::state::State;
use crate::{Control, ControlError};

/// The most keys of one import.
const IMPORT_MAX: usize = 100_000;
/// The most faults that one import tells.
const FAULTS_MAX: usize = 200;

/// Whether an import is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportAct {
    DryRun,
    Write,
}

/// What to import, and what counts for lines that do not say.
#[derive(Clone, Debug)]
pub struct ImportOrder {
    pub api: String,
    pub application: Option<String>,
    pub scopes: Vec<String>,
    pub expires: Option<String>,
    pub act: ImportAct,
    /// What faults call the list.
    pub file: String,
    pub keys: Vec<ImportLine>,
    pub reason: String,
}

/// One key.
#[derive(Clone, Debug)]
pub struct ImportLine {
    /// From 1.
    pub line: u32,
    /// What its owner calls it.
    pub name: String,
    /// SHA-256 of the whole key.
    pub digest: WholeDigest,
    pub application: Option<String>,
    /// The team of its application, which is then made where it is not there.
    pub team: Option<String>,
    pub scopes: Vec<String>,
    pub expires: Option<String>,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct ImportView {
    pub api: String,
    pub dry_run: bool,
    /// Keys that are new.
    pub imported: usize,
    /// Applications that were made.
    pub applications: Vec<String>,
    /// Lines whose key was there already, in the list or in the store, for the same application.
    pub known: Vec<KnownLine>,
    /// The first key to expire does so then; none where nothing was imported.
    pub first_expiry: Option<String>,
}

/// A line whose key was there already.
#[derive(Clone, Debug, Serialize)]
pub struct KnownLine {
    pub line: u32,
    /// The id of the key in the store; none where an earlier line of the list has it.
    pub key: Option<String>,
    pub earlier_line: Option<u32>,
}

/// What lines that do not say are judged by.
struct Defaults {
    api: ApiName,
    application: Option<ApplicationName>,
    scopes: Vec<String>,
    expires: Timestamp,
    now: Timestamp,
}

/// What comes of the lines.
#[derive(Default)]
struct Judged {
    keys: Vec<NewKey>,
    applications: BTreeMap<ApplicationName, NewApplication>,
    known: Vec<KnownLine>,
    faults: Vec<ConfigError>,
    /// Scopes that were found to be right, so that each set is looked up once.
    scopes: BTreeMap<Vec<String>, Vec<String>>,
    /// Applications of the store, by name.
    found: BTreeMap<ApplicationName, bool>,
    /// Keyed hashes of earlier lines.
    earlier: BTreeMap<[u8; 32], (u32, ApplicationName)>,
}

/// Why a line is not imported, and what to do.
type Fault = (String, String);

impl Control {
    /// Imports existing keys: all of them, or, where a line is wrong, none.
    pub fn import_keys(&self, actor: &Actor, order: &ImportOrder) -> Result<ImportView, ControlError> {
        self.demand(actor, crate::Needs::Owner)?;
        if IMPORT_MAX < order.keys.len() {
            let reason = format!("{} keys at once", order.keys.len());
            return Err(ControlError::invalid(
                reason,
                format!("import at most {IMPORT_MAX}; split the list"),
            ));
        }
        let mut state = self.state();
        let defaults = self.defaults(&state, order)?;
        self.demand_owner_of(actor, &state, &defaults.api)?;
        let key = FingerprintKey::derive(&self.fingerprint, &defaults.api);
        let mut judged = Judged::default();
        for line in &order.keys {
            if FAULTS_MAX <= judged.faults.len() {
                break;
            }
            if let Err((reason, fix)) = self.judge_line(actor, &state, &defaults, &key, line, &mut judged) {
                let (file, line) = (order.file.clone(), line.line);
                judged.faults.push(ConfigError { file, line, column: 1, reason, fix });
            }
        }
        if !judged.faults.is_empty() {
            return Err(ControlError::Files(judged.faults));
        }
        let view = ImportView {
            api: defaults.api.to_string(),
            dry_run: order.act == ImportAct::DryRun,
            imported: judged.keys.len(),
            applications: judged.applications.keys().map(ToString::to_string).collect(),
            known: std::mem::take(&mut judged.known),
            first_expiry: judged.keys.iter().map(|key| key.expires).min().map(|time| time.to_string()),
        };
        match order.act {
            ImportAct::DryRun => {}
            ImportAct::Write if judged.keys.is_empty() => {}
            ImportAct::Write => self.keep_import(actor, order, &mut state, &defaults.api, judged)?,
        }
        Ok(view)
    }

    fn keep_import(
        &self,
        actor: &Actor,
        order: &ImportOrder,
        state: &mut State,
        api: &ApiName,
        judged: Judged,
    ) -> Result<(), ControlError> {
        let owners: BTreeSet<&ApplicationName> = judged.keys.iter().map(|key| &key.application).collect();
        let object = match owners.iter().next() {
            Some(only) if owners.len() == 1 => {
                format!("{} existing keys of {api} for {only}", judged.keys.len())
            }
            _ => format!("{} existing keys of {api} for {} applications", judged.keys.len(), owners.len()),
        };
        self.record(actor, "key.import", &object, &order.reason)?;
        let applications: Vec<NewApplication> = judged.applications.into_values().collect();
        let added = state.store.add_existing_keys(&applications, &judged.keys);
        self.carried(actor, "key.import", &object, added)?;
        let ids: Vec<KeyId> = judged.keys.iter().map(|key| key.id).collect();
        state.refresh_keys(&self.live, &ids)
    }

    fn defaults(&self, state: &State, order: &ImportOrder) -> Result<Defaults, ControlError> {
        let now = self.now();
        let api = crate::apis::find(&state.repository()?.apis, &order.api)?;
        if api.existing_keys.is_empty() {
            return Err(ControlError::invalid(
                format!("`{}` does not say what its keys look like, so none would be recognised", api.name),
                format!("write `existing_keys` in {}", api.file),
            ));
        }
        let scopes = match order.scopes.is_empty() {
            true => Vec::new(),
            false => self.check_scopes(&order.scopes)?,
        };
        within(&api.name, &scopes)?;
        let application = order.application.as_deref().map(|name| self.application_name(name)).transpose()?;
        if let Some(name) = &application
            && state.store.application(name)?.is_none()
        {
            return Err(ControlError::Absent { what: "application", name: name.to_string() });
        }
        let expires = expiry(order.expires.as_deref(), now)?;
        Ok(Defaults { api: api.name.clone(), application, scopes, expires, now })
    }

    /// Judges a line and adds what comes of it.
    fn judge_line(
        &self,
        actor: &Actor,
        state: &State,
        defaults: &Defaults,
        key: &FingerprintKey,
        line: &ImportLine,
        judged: &mut Judged,
    ) -> Result<(), Fault> {
        let application = self.application_of(actor, state, defaults, line, judged)?;
        let digest = *key.keyed(&line.digest).as_bytes();
        if let Some((earlier, owner)) = judged.earlier.get(&digest) {
            return match *owner == application {
                true => {
                    let known = KnownLine { line: line.line, key: None, earlier_line: Some(*earlier) };
                    judged.known.push(known);
                    Ok(())
                }
                false => Err((
                    format!("the key is that of line {earlier}, where it is of `{owner}`"),
                    "keep one of the lines: a key has one owner".to_owned(),
                )),
            };
        }
        judged.earlier.insert(digest, (line.line, application.clone()));
        if let Some(known) = state.store.key_by_digest(&Digest::new(digest)).map_err(told)? {
            return match known.application == application {
                true => {
                    let key = Some(known.id.to_string());
                    judged.known.push(KnownLine { line: line.line, key, earlier_line: None });
                    Ok(())
                }
                false => Err((
                    format!("the key is known already, as {} of `{}`", known.id, known.application),
                    "remove the line, or name that application".to_owned(),
                )),
            };
        }
        let scopes = self.scopes_of(defaults, line, judged)?;
        let expires = match &line.expires {
            None => defaults.expires,
            Some(text) => expiry(Some(text), defaults.now).map_err(told)?,
        };
        judged.keys.push(NewKey {
            id: self.new_key_id().map_err(told)?,
            kind: KeyKind::Existing { api: defaults.api.clone(), label: label(&line.name).map_err(told)? },
            application,
            digest: Digest::new(digest),
            scopes,
            environment: String::new(),
            created: defaults.now,
            created_by: actor.label(),
            expires,
        });
        Ok(())
    }

    /// The application that a line names, which is made where the line names a team as well.
    fn application_of(
        &self,
        actor: &Actor,
        state: &State,
        defaults: &Defaults,
        line: &ImportLine,
        judged: &mut Judged,
    ) -> Result<ApplicationName, Fault> {
        let name = match (&line.application, &defaults.application) {
            (Some(name), _) => self.application_name(name).map_err(told)?,
            (None, Some(name)) => return Ok(name.clone()),
            (None, None) => {
                return Err((
                    "nothing says whose the key is".to_owned(),
                    "write an application in the column `app`, or name one with --app".to_owned(),
                ));
            }
        };
        let is_known = match judged.found.get(&name) {
            Some(is_known) => *is_known,
            None => {
                let is_known = state.store.application(&name).map_err(told)?.is_some();
                judged.found.insert(name.clone(), is_known);
                is_known
            }
        };
        if is_known {
            return Ok(name);
        }
        let Some(team) = line.team.as_deref() else {
            if judged.applications.contains_key(&name) {
                return Ok(name);
            }
            return Err((
                format!("there is no application `{name}`"),
                "make it with `sallyport app create`, or write its team in the column `team`".to_owned(),
            ));
        };
        let team = self.team_named(state, team)?;
        let new = NewApplication {
            name: name.clone(),
            team: team.clone(),
            attributes: BTreeMap::new(),
            created: defaults.now,
            created_by: actor.label(),
        };
        match judged.applications.entry(name.clone()).or_insert(new).team == team {
            true => Ok(name),
            false => Err((
                format!("an earlier line says another team of `{name}`"),
                "an application has one team".to_owned(),
            )),
        }
    }

    fn team_named(&self, state: &State, text: &str) -> Result<TeamName, Fault> {
        let team = TeamName::parse(text)
            .map_err(|error| (error.to_string(), "write a team of teams.yaml".to_owned()))?;
        let known = state.repository().map_err(told)?.teams.find(&team).is_some();
        match known {
            true => Ok(team),
            false => {
                Err((format!("there is no team `{team}`"), "make it with `sallyport team create`".to_owned()))
            }
        }
    }

    fn scopes_of(
        &self,
        defaults: &Defaults,
        line: &ImportLine,
        judged: &mut Judged,
    ) -> Result<Vec<String>, Fault> {
        if line.scopes.is_empty() {
            return match defaults.scopes.is_empty() {
                true => Err((
                    "nothing says what the key is for".to_owned(),
                    "write operations or groups in the column `scopes`, or name them with --scope".to_owned(),
                )),
                false => Ok(defaults.scopes.clone()),
            };
        }
        if let Some(scopes) = judged.scopes.get(&line.scopes) {
            return Ok(scopes.clone());
        }
        let scopes = self.check_scopes(&line.scopes).map_err(told)?;
        within(&defaults.api, &scopes).map_err(told)?;
        judged.scopes.insert(line.scopes.clone(), scopes.clone());
        Ok(scopes)
    }
}

/// A failure of a use case as a fault of a line.
fn told(error: impl Into<ControlError>) -> Fault {
    match error.into() {
        ControlError::Invalid { reason, fix } => (reason, fix),
        other => (crate::chain(&other), String::new()),
    }
}
