//! Keys that an API gave out before: seen, attributed, imported. From then on they are keys like ours.
//!
//! What always holds: no key is seen here, only its SHA-256 on its way to a keyed hash; an import is done whole or not
//! at all; usage from before somebody vouched for a key counts for nobody.

mod import;

use std::collections::BTreeMap;
use std::sync::Arc;

use enforce::{ClaimedLedger, ClaimedUse};
use identity::key::ENTROPY_BYTES;
use identity::{KeyedDigest, claimed_name};
use model::{ApiName, Application, ApplicationName, Caller, Client, CredentialRef, KeyId, Strength};
use serde::Serialize;
use store::{ClaimedRow, Digest, KeyKind, NewKey};

use crate::actor::{Actor, Needs};
use crate::keys::{KeyView, expiry};
use crate::state::State;
use crate::{Control, ControlError};
pub use import::{ImportAct, ImportLine, ImportOrder, ImportView, KnownLine};

/// A key that was seen and that nobody has vouched for.
#[derive(Clone, Debug, Serialize)]
pub struct SeenKeyView {
    /// The digits by which it is named; of no use as a key.
    pub fingerprint: String,
    /// As records and policies name its caller.
    pub caller: String,
    pub api: String,
    pub first_seen: String,
    pub last_seen: String,
    pub count: u64,
    /// Of these, how many the upstream answered with success.
    pub succeeded: u64,
    /// Declared operations that it was used for, some of them.
    pub operations: Vec<String>,
}

/// Whose a key is from now on.
#[derive(Clone, Debug)]
pub struct PromoteOrder {
    /// The digits, or the whole name of its caller.
    pub fingerprint: String,
    /// The API, where the digits alone mean several.
    pub api: Option<String>,
    pub application: String,
    pub scopes: Vec<String>,
    pub expires: Option<String>,
    /// What its owner calls it; may be empty.
    pub label: String,
    pub reason: String,
}

impl Control {
    /// Where workers note the existing keys that they see.
    #[must_use]
    pub fn claimed_ledger(&self) -> Arc<ClaimedLedger> {
        Arc::clone(&self.claimed)
    }

    /// The keys that were seen, those that work first.
    pub fn seen_keys(&self, actor: &Actor, api: Option<&str>) -> Result<Vec<SeenKeyView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let mut state = self.state();
        let api = match api {
            None => None,
            Some(name) => Some(crate::apis::find(&state.repository()?.apis, name)?.name.clone()),
        };
        self.carry_claimed(&mut state)?;
        Ok(state.store.claimed(api.as_ref())?.iter().map(view).collect())
    }

    /// Makes a key that was seen one of an application's: from the next request on it has scopes, an expiry, and can be
    /// rotated, quarantined and revoked.
    pub fn promote_key(&self, actor: &Actor, order: &PromoteOrder) -> Result<KeyView, ControlError> {
        let now = self.now();
        let application = self.application_name(&order.application)?;
        let expires = expiry(order.expires.as_deref(), now)?;
        let mut state = self.state();
        self.carry_claimed(&mut state)?;
        let seen = only_one(state.store.claimed(None)?, order)?;
        self.demand_owner_of(actor, &state, &seen.api)?;
        let scopes = self.check_scopes(&order.scopes)?;
        within(&seen.api, &scopes)?;
        if state.store.application(&application)?.is_none() {
            return Err(ControlError::Absent { what: "application", name: application.to_string() });
        }
        let new = NewKey {
            id: self.new_key_id()?,
            kind: KeyKind::Existing { api: seen.api.clone(), label: label(&order.label)? },
            application: application.clone(),
            digest: seen.digest,
            scopes,
            environment: String::new(),
            created: now,
            created_by: actor.label(),
            expires,
        };
        let fingerprint = KeyedDigest::from_bytes(*seen.digest.as_bytes()).fingerprint();
        let object = format!("key {} of {application}, existing key {fingerprint} of {}", new.id, seen.api);
        self.record(actor, "key.promote", &object, &order.reason)?;
        let added = state.store.add_existing_keys(&[], std::slice::from_ref(&new));
        self.carried(actor, "key.promote", &object, added)?;
        state.refresh_keys(&self.live, &[new.id])?;
        let row = state.key(new.id.as_str())?;
        self.view_key(&state, &row)
    }

    /// Gives an existing key another end, counted from now: its client goes on with the key that it has. One that has ended
    /// counts again; one that is revoked does not.
    pub fn extend_key(
        &self,
        actor: &Actor,
        id: &str,
        expires: &str,
        reason: &str,
    ) -> Result<KeyView, ControlError> {
        let expires = expiry(Some(expires), self.now())?;
        let mut state = self.state();
        self.demand(actor, Needs::Owner)?;
        let old = state.key(id)?;
        let KeyKind::Existing { api, .. } = &old.kind else {
            self.demand_key(actor, &state, &old)?;
            let fix =
                format!("`sallyport key rotate {}` makes its successor, and both count for a while", old.id);
            return Err(ControlError::invalid(
                "only a key that its API had before can be given another end",
                fix,
            ));
        };
        self.demand_owner_of(actor, &state, api)?;
        let object = format!("key {} until {expires}, before until {}", old.id, old.expires);
        self.record(actor, "key.extend", &object, reason)?;
        let changed = state.store.set_key_expiry(old.id, expires);
        self.carried(actor, "key.extend", &object, changed)?;
        state.refresh_keys(&self.live, &[old.id])?;
        let row = state.key(id)?;
        self.view_key(&state, &row)
    }

    /// The caller that is named `API:key-DIGITS`, as it is while nobody has vouched for its key. None of other names.
    pub(crate) fn claimed_caller(&self, name: &str) -> Result<Option<Caller>, ControlError> {
        let Some((api, digits)) = name.split_once(":key-") else { return Ok(None) };
        let owner = crate::apis::find(&self.state().repository()?.apis, api)?.owner.clone();
        let parsed = ApplicationName::external(api, &format!("key-{digits}"));
        let name =
            parsed.map_err(|error| ControlError::invalid(error.to_string(), "see `sallyport key seen`"))?;
        let application = Application { name, team: owner, attributes: BTreeMap::new(), version: 0 };
        let client = Client::Application(Arc::new(application));
        Ok(Some(Caller::client(client, Strength::Claimed, CredentialRef::Absent)))
    }

    /// Carries what workers saw into the store.
    pub(crate) fn keep_claimed(&self) -> Result<(), ControlError> {
        self.carry_claimed(&mut self.state())
    }

    fn carry_claimed(&self, state: &mut State) -> Result<(), ControlError> {
        let (seen, lost) = self.claimed.take();
        if 0 < lost {
            tracing::warn!(lost, "calls with keys that nobody vouched for found no room to be counted");
        }
        if seen.is_empty() {
            return Ok(());
        }
        let keys = self.live.load();
        // Who is somebody since is seen no longer.
        let unknown = seen.iter().filter(|one| keys.keys().find_existing(&one.digest).is_none());
        let rows: Vec<ClaimedRow> = unknown.map(row).collect();
        Ok(state.store.add_claimed(&rows)?)
    }

    /// Forgets what was seen of a caller, `API:key-DIGITS`, because it is erased.
    pub(crate) fn forget_claimed(&self, name: &str) -> Result<(), ControlError> {
        let mut state = self.state();
        self.carry_claimed(&mut state)?;
        for row in state.store.claimed(None)? {
            if caller_of(&row).is_some_and(|caller| caller.as_str() == name) {
                state.store.remove_claimed(&row.api, &row.digest)?;
            }
        }
        Ok(())
    }

    pub(crate) fn new_key_id(&self) -> Result<KeyId, ControlError> {
        let mut entropy = [0_u8; ENTROPY_BYTES];
        self.fill_random(&mut entropy)?;
        let made = identity::key::make("id", &entropy);
        Ok(made.map_err(|fault| ControlError::Secret { what: fault.to_string() })?.id)
    }
}

/// Refuses scopes that lie outside the API: an existing key is a key nowhere else.
fn within(api: &ApiName, scopes: &[String]) -> Result<(), ControlError> {
    let names = |scope: &str| scope.split(':').next() == Some(api.as_str());
    match scopes.iter().find(|scope| !names(scope)) {
        None => Ok(()),
        Some(scope) => Err(ControlError::invalid(
            format!("`{scope}` is not of `{api}`, the only API that takes this key"),
            format!("name operations or groups of `{api}`"),
        )),
    }
}

/// What a key is called, bounded and in one line.
fn label(text: &str) -> Result<String, ControlError> {
    let text = text.trim();
    if 128 < text.chars().count() || text.chars().any(char::is_control) {
        return Err(ControlError::invalid("a label has at most 128 characters in one line", "shorten it"));
    }
    Ok(text.to_owned())
}

fn only_one(seen: Vec<ClaimedRow>, order: &PromoteOrder) -> Result<ClaimedRow, ControlError> {
    let means = |row: &ClaimedRow| {
        let fingerprint = KeyedDigest::from_bytes(*row.digest.as_bytes()).fingerprint().to_string();
        let caller = caller_of(row);
        let text = order.fingerprint.strip_prefix("app:").unwrap_or(&order.fingerprint);
        order.api.as_deref().is_none_or(|api| api == row.api.as_str())
            && (caller.is_some_and(|caller| caller.as_str() == text)
                || (8 <= text.len() && fingerprint.starts_with(&text.to_ascii_lowercase())))
    };
    let mut found = seen.into_iter().filter(means);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(ControlError::Absent { what: "existing key", name: order.fingerprint.clone() }),
        (Some(_), Some(_)) => Err(ControlError::invalid(
            format!("`{}` means several keys", order.fingerprint),
            "give all digits, or the API with --api",
        )),
    }
}

fn caller_of(row: &ClaimedRow) -> Option<ApplicationName> {
    claimed_name(&row.api, KeyedDigest::from_bytes(*row.digest.as_bytes()).fingerprint())
}

fn view(row: &ClaimedRow) -> SeenKeyView {
    SeenKeyView {
        fingerprint: KeyedDigest::from_bytes(*row.digest.as_bytes()).fingerprint().to_string(),
        caller: caller_of(row).map(|name| format!("app:{name}")).unwrap_or_default(),
        api: row.api.to_string(),
        first_seen: row.first.to_string(),
        last_seen: row.last.to_string(),
        count: row.count,
        succeeded: row.succeeded,
        operations: row.operations.clone(),
    }
}

fn row(seen: &ClaimedUse) -> ClaimedRow {
    ClaimedRow {
        api: seen.api.clone(),
        digest: Digest::new(*seen.digest.as_bytes()),
        first: seen.first,
        last: seen.last,
        count: seen.count,
        succeeded: seen.succeeded,
        operations: seen.operations.iter().map(ToString::to_string).collect(),
    }
}
