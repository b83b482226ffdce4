//! Administrators: roles, tokens, and the single-use credential that makes the first of them.

use std::time::Duration;

use model::PersonName;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::{Act, AdministratorRow, AdministratorState, Bootstrapped, Digest, NewAdministrator, Role};

use crate::actor::{Actor, Needs};
use crate::owed::Stop;
use crate::state::State;
use crate::{Control, ControlError, check_reason, unheeded};

/// How long a bootstrap credential is good for.
pub(crate) const BOOTSTRAP_LIFETIME: Duration = Duration::from_secs(3_600);
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// What administrators' tokens begin with. Not `sp_`: a key of the data plane is no token here, nor the reverse
/// (security case 59), and scanners can tell them apart.
const TOKEN_PREFIX: &str = "spadm_";
const BOOTSTRAP_PREFIX: &str = "spboot_";

/// An administrator as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct AdministratorView {
    pub name: String,
    pub role: &'static str,
    /// `active` or `disabled`; the latter also while that is not stored yet.
    pub state: &'static str,
    pub created: String,
    pub created_by: String,
}

/// An administrator who was just made, and the token that is shown this once.
#[derive(Debug, Serialize)]
pub struct NewToken {
    pub name: String,
    pub role: &'static str,
    pub token: String,
}

impl Control {
    /// The administrator whose token this is.
    pub fn authenticate(&self, token: &str) -> Result<Actor, ControlError> {
        if !token.starts_with(TOKEN_PREFIX) {
            return Err(ControlError::Unauthenticated);
        }
        let state = self.state();
        let found = state.store.administrator_by_token(digest(token))?;
        let row = found.filter(|row| state.counts(row)).ok_or(ControlError::Unauthenticated)?;
        Ok(Actor::administrator(row.name.as_str(), row.role))
    }

    /// Offers a bootstrap credential while no administrator exists; an earlier one counts no more.
    pub fn offer_bootstrap(&self) -> Result<Option<String>, ControlError> {
        let mut state = self.state();
        if !state.store.administrators()?.is_empty() {
            return Ok(None);
        }
        let text = self.token(BOOTSTRAP_PREFIX)?;
        state.store.offer_bootstrap(digest(&text), self.now().plus(BOOTSTRAP_LIFETIME))?;
        Ok(Some(text))
    }

    /// Exchanges the bootstrap credential for an administrator's token, once.
    pub fn redeem_bootstrap(&self, credential: &str, name: &str) -> Result<NewToken, ControlError> {
        let name = person(name)?;
        let token = self.token(TOKEN_PREFIX)?;
        let now = self.now();
        let new = NewAdministrator {
            name: name.clone(),
            role: Role::Admin,
            token: digest(&token),
            created: now,
            created_by: "bootstrap".to_owned(),
        };
        let made = self.state().store.redeem_bootstrap(digest(credential), now, &new)?;
        match made {
            Bootstrapped::Refused => {
                tracing::warn!("a bootstrap credential was refused");
                Err(ControlError::Unauthenticated)
            }
            Bootstrapped::Made(row) => {
                // Used up; what is left behind would only mislead.
                drop(std::fs::remove_file(self.log_folder.with_file_name("bootstrap")));
                let actor = Actor::administrator(row.name.as_str(), row.role);
                self.record(&actor, "administrator.bootstrap", &format!("administrator {name}"), "")?;
                Ok(NewToken { name: name.to_string(), role: row.role.as_str(), token })
            }
        }
    }

    pub fn create_administrator(
        &self,
        actor: &Actor,
        name: &str,
        role: &str,
        reason: &str,
    ) -> Result<NewToken, ControlError> {
        self.demand(actor, Needs::Admin)?;
        let name = person(name)?;
        let role = Role::parse(role).ok_or_else(|| {
            ControlError::invalid(format!("`{role}` is no role"), "use viewer, analyst, owner or admin")
        })?;
        let token = self.token(TOKEN_PREFIX)?;
        let new = NewAdministrator {
            name: name.clone(),
            role,
            token: digest(&token),
            created: self.now(),
            created_by: actor.label(),
        };
        let object = format!("administrator {name} as {}", role.as_str());
        let mut state = self.state();
        if state.store.administrator(&name)?.is_some() {
            return Err(ControlError::Exists { what: "administrator", name: name.to_string() });
        }
        self.record(actor, "administrator.create", &object, reason)?;
        self.carried(actor, "administrator.create", &object, state.store.add_administrator(&new))?;
        Ok(NewToken { name: name.to_string(), role: role.as_str(), token })
    }

    /// Takes an administrator's token away; the last one with the role `admin` stays. Where log or store do not take it,
    /// the token is refused all the same, and the error says what is missing.
    pub fn revoke_administrator(
        &self,
        actor: &Actor,
        name: &str,
        reason: &str,
    ) -> Result<AdministratorView, ControlError> {
        self.demand(actor, Needs::Admin)?;
        check_reason(reason)?;
        let name = person(name)?;
        let mut state = self.state();
        let rows = state.store.administrators()?;
        let counts = |row: &AdministratorRow| state.counts(row) && row.role == Role::Admin;
        match rows.iter().find(|row| row.name == name) {
            None => return Err(ControlError::Absent { what: "administrator", name: name.to_string() }),
            // The store would refuse it too, and a stop is not to be made that it never takes.
            Some(row) if counts(row) && !rows.iter().any(|other| other.name != name && counts(other)) => {
                return Err(ControlError::invalid(
                    format!("administrator `{name}` is the last one with the role `admin`"),
                    "create another first",
                ));
            }
            Some(_) => {}
        }
        let stop = Stop::Administrator(name.clone());
        let act = Act { at: self.now(), by: actor.label(), reason: reason.to_owned() };
        state.owed.add(stop.clone(), act);
        // What fails stays owed, and the answer says so.
        unheeded(self.settle(&mut state));
        state.owed.answer(&stop)?;
        match state.store.administrator(&name)? {
            Some(row) => Ok(view(&state, &row)),
            None => Err(ControlError::Absent { what: "administrator", name: name.to_string() }),
        }
    }

    pub fn administrators(&self, actor: &Actor) -> Result<Vec<AdministratorView>, ControlError> {
        self.demand(actor, Needs::Admin)?;
        let state = self.state();
        Ok(state.store.administrators()?.iter().map(|row| view(&state, row)).collect())
    }

    fn token(&self, prefix: &str) -> Result<String, ControlError> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        self.fill_random(&mut bytes)?;
        let mut text = prefix.to_owned();
        for byte in bytes {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        Ok(text)
    }
}

fn view(state: &State, row: &AdministratorRow) -> AdministratorView {
    let counts = if state.counts(row) { AdministratorState::Active } else { AdministratorState::Disabled };
    AdministratorView {
        name: row.name.to_string(),
        role: row.role.as_str(),
        state: counts.as_str(),
        created: row.created.to_string(),
        created_by: row.created_by.clone(),
    }
}

fn person(name: &str) -> Result<PersonName, ControlError> {
    PersonName::parse(name).map_err(|error| ControlError::invalid(error.to_string(), "choose another name"))
}

/// Tokens have 256 bits of entropy, so one hash is enough; see [`identity::digest`] for keys.
fn digest(token: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(b"sallyport administrator v1:");
    hash.update(token.as_bytes());
    Digest::new(hash.finalize().into())
}
