//! Keys: create, rotate, revoke, list. A key's text exists in the answer to its creation and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use identity::KeyTable;
use identity::key::ENTROPY_BYTES;
use model::{ApplicationName, KeyId, TeamName, Timestamp};
use serde::Serialize;
use store::{Act, Digest, KeyChange, KeyKind, KeyRow, NewKey};

use crate::actor::{Actor, Needs};
use crate::cause::Cause;
use crate::owed::Stop;
use crate::scopes::Declared;
use crate::state::State;
use crate::{Control, ControlError, check_reason, unheeded};

/// How long a key lives when nobody says.
pub(crate) const LIFETIME: Duration = Duration::from_secs(90 * 86_400);
/// The longest that a key may live.
pub(crate) const LIFETIME_MAX: Duration = Duration::from_secs(366 * 86_400);
/// The longest overlap of a rotation.
pub(crate) const OVERLAP_MAX: Duration = Duration::from_secs(30 * 86_400);
/// The most keys that one call makes.
pub(crate) const COUNT_MAX: u32 = 100_000;

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct KeyOrder {
    pub application: String,
    pub scopes: Vec<String>,
    /// A date or time; [`LIFETIME`] from now when absent.
    pub expires: Option<String>,
    pub count: u32,
    /// Why; may be empty.
    pub reason: String,
}

/// A key as it was just made, the only time that its text is seen.
#[derive(Debug, Serialize)]
pub struct IssuedKey {
    pub id: String,
    pub key: String,
    /// The header field to send it in, at the API of the first scope.
    pub header: String,
    /// The header field of each API that the scopes name.
    pub headers: BTreeMap<String, String>,
    pub app: String,
    pub scopes: Vec<String>,
    pub expires: String,
}

/// A key as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    pub id: String,
    /// `own`, or `existing` where the API gave it out before.
    pub kind: &'static str,
    /// The API of an existing key, the only one that takes it.
    pub api: Option<String>,
    /// What its owner calls an existing key.
    pub label: Option<String>,
    pub app: String,
    pub team: String,
    pub scopes: Vec<String>,
    pub environment: String,
    /// `active`, `expired`, `quarantined` or `revoked`.
    pub state: &'static str,
    pub created: String,
    pub created_by: String,
    pub expires: String,
    pub last_used: Option<String>,
    pub rotated_from: Option<String>,
    /// When, by whom and why the state changed last.
    pub changed: Option<ActView>,
}

/// Who did something, when and why.
#[derive(Clone, Debug, Serialize)]
pub struct ActView {
    pub at: String,
    pub by: String,
    pub reason: String,
}

impl ActView {
    pub(crate) fn of(act: &Act) -> Self {
        Self { at: act.at.to_string(), by: act.by.clone(), reason: act.reason.clone() }
    }
}

impl Control {
    /// Makes keys; their texts are in the answer and nowhere else.
    pub fn create_keys(&self, actor: &Actor, order: &KeyOrder) -> Result<Vec<IssuedKey>, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let now = self.now();
        let application = self.application_name(&order.application)?;
        let scopes = self.check_scopes(&order.scopes)?;
        let expires = expiry(order.expires.as_deref(), now)?;
        if order.count == 0 || COUNT_MAX < order.count {
            let reason = format!("{} keys at once", order.count);
            return Err(ControlError::invalid(reason, format!("make 1 to {COUNT_MAX}")));
        }
        let mut state = self.state();
        let Some(owner) = state.store.application(&application)? else {
            return Err(ControlError::Absent { what: "application", name: application.to_string() });
        };
        let whose = format_args!("the application `{application}`");
        self.demand_keys_of(actor, &state, &owner.team, &scopes, whose)?;
        let (environment, headers) = (state.environment(), state.key_headers(&scopes));
        let mut issued = Vec::new();
        let mut rows = Vec::new();
        for _ in 0..order.count {
            let (row, text) = self.make_key(actor, &application, &scopes, &environment, expires, now)?;
            issued.push(issue(&row, text, &headers));
            rows.push(row);
        }
        let object = match issued.as_slice() {
            [only] => format!("key {} of {application}", only.id),
            several => format!("{} keys of {application}", several.len()),
        };
        self.record(actor, "key.create", &object, &order.reason)?;
        self.carried(actor, "key.create", &object, state.store.add_keys(&rows))?;
        let ids: Vec<KeyId> = rows.iter().map(|row| row.id).collect();
        state.refresh_keys(&self.live, &ids)?;
        Ok(issued)
    }

    /// Makes a successor of a key, with its scopes and as long a life; the old key counts until the overlap ends.
    pub fn rotate_key(
        &self,
        actor: &Actor,
        id: &str,
        overlap: Duration,
        reason: &str,
    ) -> Result<IssuedKey, ControlError> {
        self.demand(actor, Needs::Owner)?;
        if OVERLAP_MAX < overlap {
            return Err(ControlError::invalid(
                "the overlap is longer than 30 days",
                "choose a shorter overlap",
            ));
        }
        let now = self.now();
        let mut state = self.state();
        let old = state.key(id)?;
        self.demand_key(actor, &state, &old)?;
        // What follows an existing key is one of ours.
        let environment = match old.kind {
            KeyKind::Existing { .. } => state.environment(),
            KeyKind::Own => old.environment.clone(),
        };
        let life = old.expires.since(old.created).clamp(Duration::from_secs(60), LIFETIME_MAX);
        let (row, text) =
            self.make_key(actor, &old.application, &old.scopes, &environment, now.plus(life), now)?;
        let headers = state.key_headers(&row.scopes);
        let object = format!("key {} by {}", old.id, row.id);
        self.record(actor, "key.rotate", &object, reason)?;
        let rotated = state.store.rotate_key(old.id, &row, now.plus(overlap));
        self.carried(actor, "key.rotate", &object, rotated)?;
        state.refresh_keys(&self.live, &[old.id, row.id])?;
        Ok(issue(&row, text, &headers))
    }

    /// Refuses a key from the next request on, for good. Revoking twice is no error. Where log or store do not take
    /// it, the key is refused all the same, and the error says what is missing.
    pub fn revoke_key(&self, actor: &Actor, id: &str, reason: &str) -> Result<KeyView, ControlError> {
        self.revoke_key_for(actor, id, None, reason)
    }

    /// The same with the cause, which says whether what the key did is evidence for grants. Where none is said, it is not, unless
    /// another key replaces this one and the reason does not tell of a leak.
    pub fn revoke_key_for(
        &self,
        actor: &Actor,
        id: &str,
        cause: Option<Cause>,
        reason: &str,
    ) -> Result<KeyView, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        check_reason(reason)?;
        let mut state = self.state();
        let old = state.key(id)?;
        let stop = Stop::Key(old.id);
        if old.state != store::KeyState::Revoked {
            // Stopped first: a full log must not keep a leaked key alive.
            state.stop_key(&self.live, old.id);
            let reason = cause.map_or_else(|| reason.to_owned(), |cause| cause.before(reason));
            let act = Act { at: self.now(), by: actor.label(), reason };
            state.owed.add(stop.clone(), act);
        }
        // What fails stays owed, and the answer says so.
        unheeded(self.settle(&mut state));
        state.owed.answer(&stop)?;
        state.refresh_keys(&self.live, &[old.id])?;
        let row = state.key(id)?;
        self.view_key(&state, &row)
    }

    /// Refuses a key from the next request on until it is released: it may be in wrong hands.
    pub fn quarantine_key(&self, actor: &Actor, id: &str, reason: &str) -> Result<KeyView, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        self.change_key(actor, id, KeyChange::Quarantine, reason)
    }

    /// Accepts a key again that was quarantined.
    pub fn release_key(&self, actor: &Actor, id: &str, reason: &str) -> Result<KeyView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        self.change_key(actor, id, KeyChange::Release, reason)
    }

    fn change_key(
        &self,
        actor: &Actor,
        id: &str,
        change: KeyChange,
        reason: &str,
    ) -> Result<KeyView, ControlError> {
        let mut state = self.state();
        let old = state.key(id)?;
        match change {
            KeyChange::Release => self.demand_key(actor, &state, &old)?,
            // Whoever watches may stop.
            KeyChange::Quarantine | KeyChange::Revoke => {}
        }
        let action = match change {
            KeyChange::Quarantine => "key.quarantine",
            KeyChange::Release => "key.release",
            KeyChange::Revoke => "key.revoke",
        };
        let object = format!("key {}", old.id);
        self.record(actor, action, &object, reason)?;
        let act = Act { at: self.now(), by: actor.label(), reason: reason.to_owned() };
        let changed = state.store.change_key(old.id, change, &act);
        self.carried(actor, action, &object, changed)?;
        state.refresh_keys(&self.live, &[old.id])?;
        let row = state.key(id)?;
        self.view_key(&state, &row)
    }

    /// All keys, or those of one application; secrets are not among what is known.
    pub fn keys(&self, actor: &Actor, application: Option<&str>) -> Result<Vec<KeyView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let rows = match application {
            None => state.store.keys()?,
            Some(name) => {
                let name = self.application_name(name)?;
                if state.store.application(&name)?.is_none() {
                    return Err(ControlError::Absent { what: "application", name: name.to_string() });
                }
                state.store.keys_of(&name)?
            }
        };
        let owners = state.store.applications()?;
        let teams: BTreeMap<&ApplicationName, &TeamName> =
            owners.iter().map(|owner| (&owner.name, &owner.team)).collect();
        let (live, now) = (self.live.load(), self.now());
        let team = |row: &KeyRow| teams.get(&row.application).map(ToString::to_string);
        let rows = rows.into_iter().map(|row| state.with_stop(row));
        Ok(rows.map(|row| view(&row, team(&row), live.keys(), now)).collect())
    }

    /// One key.
    pub fn key(&self, actor: &Actor, id: &str) -> Result<KeyView, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let row = state.key(id)?;
        self.view_key(&state, &row)
    }

    /// Refuses who may not change a key.
    pub(crate) fn demand_key(&self, actor: &Actor, state: &State, key: &KeyRow) -> Result<(), ControlError> {
        let Some(owner) = state.store.application(&key.application)? else {
            return Err(ControlError::Absent { what: "application", name: key.application.to_string() });
        };
        self.demand_keys_of(actor, state, &owner.team, &key.scopes, format_args!("the key `{}`", key.id))
    }

    fn make_key(
        &self,
        actor: &Actor,
        application: &ApplicationName,
        scopes: &[String],
        environment: &str,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(NewKey, String), ControlError> {
        let mut entropy = [0_u8; ENTROPY_BYTES];
        self.fill_random(&mut entropy)?;
        let made = identity::key::make(environment, &entropy)
            .map_err(|fault| ControlError::Secret { what: fault.to_string() })?;
        let row = NewKey {
            id: made.id,
            kind: KeyKind::Own,
            application: application.clone(),
            digest: Digest::new(*made.digest.expose()),
            scopes: scopes.to_vec(),
            environment: environment.to_owned(),
            created: now,
            created_by: actor.label(),
            expires,
        };
        let text = String::from_utf8_lossy(made.text.expose()).into_owned();
        Ok((row, text))
    }

    /// Scopes are operations and groups that are declared; a typing mistake would make a key that opens nothing.
    pub(crate) fn check_scopes(&self, scopes: &[String]) -> Result<Vec<String>, ControlError> {
        if scopes.is_empty() {
            return Err(ControlError::invalid(
                "a key needs a scope",
                "name an operation or a group with --scope",
            ));
        }
        let snapshot = self.live.load();
        let declared = Declared::of(snapshot.catalog());
        for scope in scopes {
            if !declared.has(scope) {
                return Err(ControlError::invalid(
                    format!("there is no operation or group `{scope}`"),
                    "see `sallyport api show NAME` for what there is",
                ));
            }
        }
        let unique: BTreeSet<&String> = scopes.iter().collect();
        Ok(unique.into_iter().cloned().collect())
    }

    pub(crate) fn view_key(&self, state: &State, row: &KeyRow) -> Result<KeyView, ControlError> {
        let team = state.store.application(&row.application)?.map(|owner| owner.team.to_string());
        Ok(view(row, team, self.live.load().keys(), self.now()))
    }
}

fn view(row: &KeyRow, team: Option<String>, live: &KeyTable, now: Timestamp) -> KeyView {
    let used = live.find(row.id).and_then(|entry| entry.usage.last());
    let (kind, api, label) = match &row.kind {
        KeyKind::Existing { api, label } => ("existing", Some(api.to_string()), Some(label.clone())),
        KeyKind::Own => ("own", None, None),
    };
    KeyView {
        id: row.id.to_string(),
        kind,
        api,
        label,
        app: row.application.to_string(),
        team: team.unwrap_or_default(),
        scopes: row.scopes.clone(),
        environment: row.environment.clone(),
        state: match row.state {
            store::KeyState::Active if row.ends() <= now => "expired",
            store::KeyState::Active => "active",
            store::KeyState::Quarantined => "quarantined",
            store::KeyState::Revoked => "revoked",
        },
        created: row.created.to_string(),
        created_by: row.created_by.clone(),
        expires: row.ends().to_string(),
        last_used: used.max(row.last_used).map(|time| time.to_string()),
        rotated_from: row.rotated_from.map(|id| id.to_string()),
        changed: row.changed.as_ref().map(ActView::of),
    }
}

fn issue(row: &NewKey, key: String, headers: &[(String, String)]) -> IssuedKey {
    IssuedKey {
        id: row.id.to_string(),
        key,
        header: headers.first().map(|(_, header)| header.clone()).unwrap_or_default(),
        headers: headers.iter().cloned().collect(),
        app: row.application.to_string(),
        scopes: row.scopes.clone(),
        expires: row.expires.to_string(),
    }
}

pub(crate) fn expiry(text: Option<&str>, now: Timestamp) -> Result<Timestamp, ControlError> {
    let Some(text) = text else {
        return Ok(now.plus(LIFETIME));
    };
    let expires = match lifetime(text) {
        Some(lifetime) => now.plus(lifetime),
        None => Timestamp::parse(text)
            .map_err(|error| ControlError::invalid(error.to_string(), "write it as 2026-12-31 or as 30d"))?,
    };
    if expires <= now {
        return Err(ControlError::invalid(format!("`{text}` has passed"), "choose a later expiry"));
    }
    if now.plus(LIFETIME_MAX) < expires {
        let reason = format!("`{text}` is more than 366 days away");
        return Err(ControlError::invalid(reason, "choose an earlier expiry; keys can be rotated"));
    }
    Ok(expires)
}

/// A lifetime such as `90d` or `12h`.
pub(crate) fn lifetime(text: &str) -> Option<Duration> {
    let unit = match text.as_bytes().last()? {
        b'd' => 86_400,
        b'h' => 3_600,
        b'm' => 60,
        b's' => 1,
        _ => return None,
    };
    let number: u64 = text.get(..text.len() - 1)?.parse().ok()?;
    number.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_lies_ahead_and_not_too_far() {
        let now = Timestamp::parse("2026-11-26").unwrap();
        for (text, taken) in [
            (None, true),
            (Some("2026-11-27"), true),
            (Some("2027-11-26"), true),
            (Some("2026-11-26"), false),
            (Some("2020-01-01"), false),
            (Some("2029-01-01"), false),
            (Some("soon"), false),
            (Some("30d"), true),
            (Some("366d"), true),
            (Some("367d"), false),
            (Some("0d"), false),
            (Some("-1d"), false),
            (Some("d"), false),
            (Some("99999999999999999999d"), false),
        ] {
            assert_eq!(expiry(text, now).is_ok(), taken, "{text:?}");
        }
        assert_eq!(expiry(None, now).unwrap(), now.plus(LIFETIME));
    }
}
