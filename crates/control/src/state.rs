//! What `Control` holds under its lock: the store, the files in force, and what was refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{ApiConfig, ConfigError, Repository};
use enforce::CallerLimits;
use identity::token::Applications;
use identity::{
    ApplicationState, KeyEntry, KeySecret, KeyState, KeyTable, KeyUsage, KeyedDigest, LimitCell, SecretDigest,
};
use model::{ApiName, Application, ApplicationName, KeyId, Mode, Secret, Timestamp};
use store::{AdministratorRow, AdministratorState, ApplicationRow, KeyKind, KeyRow, Store};

use crate::ControlError;
use crate::blocks::{BlockKey, KnownBlocks};
use crate::live::Live;
use crate::owed::{Owed, Stop};
use crate::tls::Material;

/// The key header where no API says otherwise.
const KEY_HEADER: &str = "X-Api-Key";

/// The files in force.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) repository: Repository,
    pub(crate) content_hash: [u8; 32],
}

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) loaded: Option<Loaded>,
    /// Why the files as they are now are not in force.
    pub(crate) refused: Vec<ConfigError>,
    /// Rates of APIs; they outlive revisions, so that a reload gives nobody a new budget.
    pub(crate) api_limits: BTreeMap<ApiName, Arc<LimitCell>>,
    /// The same of their callers without a key.
    pub(crate) caller_limits: BTreeMap<ApiName, Arc<CallerLimits>>,
    /// The newest use of a key that is in the store.
    pub(crate) usage_flushed: Timestamp,
    /// When the key that signs assertions is to be replaced.
    pub(crate) signing_due: Timestamp,
    /// The day on which what is old was removed last.
    pub(crate) removed_on: Option<i64>,
    /// What of the recorder's counts has been added to the store.
    pub(crate) flushed: BTreeMap<crate::rollups::Place, u64>,
    /// What was said of observations that end.
    pub(crate) endings: crate::endings::Told,
    /// Stops in force that log or store lack.
    pub(crate) owed: Owed,
    /// Every block that is in force, stored or not.
    pub(crate) blocks: KnownBlocks,
    pub(crate) block_key: BlockKey,
    /// What the keys of fingerprints are derived from.
    pub(crate) fingerprint: Secret,
    /// What is in force of certificates, keys and authorities.
    pub(crate) tls: Material,
}

impl State {
    pub(crate) fn repository(&self) -> Result<&Repository, ControlError> {
        match &self.loaded {
            Some(loaded) => Ok(&loaded.repository),
            None if self.refused.is_empty() => {
                Err(ControlError::invalid("no revision is in force", "run `sallyport config check`"))
            }
            None => Err(ControlError::Files(self.refused.clone())),
        }
    }

    /// Why the files as they are now are not in force, those of TLS included.
    pub(crate) fn refused(&self) -> Vec<ConfigError> {
        self.refused.iter().chain(self.tls.faults()).cloned().collect()
    }

    /// The part of new keys that tells environments apart.
    pub(crate) fn environment(&self) -> String {
        match &self.loaded {
            Some(loaded) => loaded.repository.gateway.environment.clone(),
            None => "live".to_owned(),
        }
    }

    /// The header fields in which the APIs of these scopes take keys, by API in the order of the scopes, as people write
    /// them.
    pub(crate) fn key_headers(&self, scopes: &[String]) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for scope in scopes {
            let api = scope.split(':').next().unwrap_or_default();
            if headers.iter().any(|(known, _)| known == api) {
                continue;
            }
            let mut found = self.loaded.iter().flat_map(|loaded| &loaded.repository.apis);
            let header = found.find(|known| known.name.as_str() == api).map(|api| api.key_header.as_str());
            let header = header.map_or_else(|| KEY_HEADER.to_owned(), title_case);
            headers.push((api.to_owned(), header));
        }
        headers
    }

    pub(crate) fn key(&self, id: &str) -> Result<KeyRow, ControlError> {
        let absent = || ControlError::Absent { what: "key", name: id.to_owned() };
        let parsed = KeyId::parse(id.as_bytes()).map_err(|_| absent())?;
        self.store.key(parsed)?.map(|row| self.with_stop(row)).ok_or_else(absent)
    }

    /// A key as it counts: revoked also while that is not stored yet.
    pub(crate) fn with_stop(&self, row: KeyRow) -> KeyRow {
        match self.owed.unstored(&Stop::Key(row.id)) {
            Some(act) => KeyRow { state: store::KeyState::Revoked, changed: Some(act.clone()), ..row },
            None => row,
        }
    }

    /// The state of an application as it counts: disabled also while that is not stored yet.
    pub(crate) fn state_of(&self, row: &ApplicationRow) -> store::ApplicationState {
        match self.owed.unstored(&Stop::Application(row.name.clone())) {
            Some(_) => store::ApplicationState::Disabled,
            None => row.state,
        }
    }

    /// The mode that counts: an observation ends where it was stored to end, whatever the file says later.
    pub(crate) fn effective_mode(&self, api: &ApiConfig, now: Timestamp) -> Result<Mode, ControlError> {
        let Mode::ObserveUntil(written) = api.mode else {
            return Ok(Mode::Enforce);
        };
        let stored = self.store.observation(&api.name)?.map(|observation| observation.ends);
        let ends = stored.map_or(written, |stored| stored.min(written));
        let _ = now;
        Ok(Mode::ObserveUntil(ends))
    }

    /// Whether an administrator's token counts: not while its end is not stored yet either.
    pub(crate) fn counts(&self, row: &AdministratorRow) -> bool {
        row.state == AdministratorState::Active
            && self.owed.unstored(&Stop::Administrator(row.name.clone())).is_none()
    }

    /// All keys of the store, at the store's version.
    pub(crate) fn key_table(&self) -> Result<KeyTable, ControlError> {
        let applications = self.applications()?;
        let rows = self.store.keys()?;
        let entries: Vec<KeyEntry> = rows
            .into_iter()
            .filter_map(|row| {
                let owner = applications.get(&row.application)?;
                Some(entry(&self.with_stop(row), owner, None))
            })
            .collect();
        let versions = self.store.versions()?;
        Ok(KeyTable::empty().with_all(entries).at_version(versions.keys))
    }

    fn applications(
        &self,
    ) -> Result<BTreeMap<ApplicationName, (Arc<Application>, ApplicationState)>, ControlError> {
        let rows = self.store.applications()?;
        Ok(rows.into_iter().map(|row| (row.name.clone(), self.owner(&row))).collect())
    }

    /// Brings these keys of the live table up to the store; the others are untouched.
    pub(crate) fn refresh_keys(&mut self, live: &Live, ids: &[KeyId]) -> Result<(), ControlError> {
        let before = live.load();
        let mut owners: BTreeMap<ApplicationName, (Arc<Application>, ApplicationState)> = BTreeMap::new();
        let mut entries = Vec::with_capacity(ids.len());
        for &id in ids {
            let Some(row) = self.store.key(id)?.map(|row| self.with_stop(row)) else { continue };
            if !owners.contains_key(&row.application) {
                let Some(owner) = self.store.application(&row.application)? else { continue };
                owners.insert(row.application.clone(), self.owner(&owner));
            }
            if let Some(owner) = owners.get(&row.application) {
                entries.push(entry(&row, owner, before.keys().find(id)));
            }
        }
        let versions = self.store.versions()?;
        live.set_keys(before.keys().with_all(entries).at_version(versions.keys));
        Ok(())
    }

    /// The applications that tokens can stand for, as the store has them.
    pub(crate) fn refresh_applications(&self, live: &Live) -> Result<(), ControlError> {
        live.set_applications(Applications::of(self.applications()?.into_values()));
        Ok(())
    }

    /// Stops a key at once, before anything is written.
    pub(crate) fn stop_key(&self, live: &Live, id: KeyId) {
        let before = live.load();
        live.set_stops(before.stops().with_key(id));
    }

    /// Stops every key of an application at once, before anything is written.
    pub(crate) fn stop_application(&self, live: &Live, name: &ApplicationName) {
        let before = live.load();
        let keys = before.keys().iter().filter(|key| key.application.name == *name);
        let stopped: Vec<KeyEntry> = keys
            .map(|key| KeyEntry { application_state: ApplicationState::Disabled, ..KeyEntry::clone(key) })
            .collect();
        live.set_keys(before.keys().with_all(stopped));
        live.set_applications(before.applications().without(name));
    }

    fn owner(&self, row: &ApplicationRow) -> (Arc<Application>, ApplicationState) {
        application(row, self.state_of(row))
    }

    pub(crate) fn caller_limits(&mut self, api: &ApiName) -> Arc<CallerLimits> {
        Arc::clone(self.caller_limits.entry(api.clone()).or_default())
    }

    pub(crate) fn api_limit(&mut self, api: &ApiName) -> Arc<LimitCell> {
        Arc::clone(self.api_limits.entry(api.clone()).or_insert_with(|| Arc::new(LimitCell::unused())))
    }
}

fn application(row: &ApplicationRow, state: store::ApplicationState) -> (Arc<Application>, ApplicationState) {
    let application = Application {
        name: row.name.clone(),
        team: row.team.clone(),
        attributes: row.attributes.clone(),
        version: row.version,
    };
    let state = match state {
        store::ApplicationState::Disabled => ApplicationState::Disabled,
        store::ApplicationState::Enabled => ApplicationState::Enabled,
    };
    (Arc::new(application), state)
}

/// A key for the request path. Use and limit of the entry that it replaces go on.
fn entry(
    row: &KeyRow,
    owner: &(Arc<Application>, ApplicationState),
    before: Option<&Arc<KeyEntry>>,
) -> KeyEntry {
    let usage = || Arc::new(row.last_used.map_or_else(KeyUsage::never, KeyUsage::at));
    KeyEntry {
        id: row.id,
        secret: match &row.kind {
            KeyKind::Existing { .. } => KeySecret::Existing(KeyedDigest::from_bytes(*row.digest.as_bytes())),
            KeyKind::Own => KeySecret::Own(SecretDigest::from_bytes(*row.digest.as_bytes())),
        },
        application: Arc::clone(&owner.0),
        scopes: row.scopes.clone().into(),
        expires: row.ends(),
        state: match row.state {
            store::KeyState::Active => KeyState::Active,
            store::KeyState::Quarantined => KeyState::Quarantined,
            store::KeyState::Revoked => KeyState::Revoked,
        },
        application_state: owner.1,
        usage: before.map_or_else(usage, |before| Arc::clone(&before.usage)),
        limit: before.map_or_else(|| Arc::new(LimitCell::unused()), |before| Arc::clone(&before.limit)),
    }
}

/// `x-api-key` as `X-Api-Key`.
fn title_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut first = true;
    for character in name.chars() {
        text.push(if first { character.to_ascii_uppercase() } else { character });
        first = character == '-';
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_shown_as_people_write_them() {
        assert_eq!(title_case("x-api-key"), "X-Api-Key");
        assert_eq!(title_case("apikey"), "Apikey");
    }
}
