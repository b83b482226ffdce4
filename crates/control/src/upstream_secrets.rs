//! The upstreams' own credentials: sealed under the master key, opened into the snapshot, never shown again.
//!
//! What always holds: a value comes in once and goes out to its upstream alone; a change is live on the next request;
//! what does not open makes its API unusable and is told to its owner.

use std::sync::Arc;

use enforce::{Held, UpstreamSecrets};
use identity::{MasterKey, Purpose};
use model::{ApiName, Secret, SecretName, Timestamp};
use serde::Serialize;
use store::Store;

use crate::actor::{Actor, Needs};
use crate::state::State;
use crate::{Control, ControlError};

/// What the store's names of these secrets begin with.
const PREFIX: &str = "upstream/";
/// The longest value; what it is written into has to stay a head.
const VALUE_BYTES_MAX: usize = 8_192;

/// A secret as it is listed; its value is not among what is shown.
#[derive(Clone, Debug, Serialize)]
pub struct SecretView {
    pub name: String,
    pub api: String,
    /// When its value was set or replaced.
    pub written: String,
    /// `open`, or why it does not open.
    pub state: String,
    /// Whether the API's `exchange` names it.
    pub used: bool,
}

/// Whether a value is the first or follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAct {
    Rotate,
    Set,
}

/// Which secret of which API.
#[derive(Clone, Copy, Debug)]
pub struct SecretPlace<'a> {
    pub api: &'a str,
    pub name: &'a str,
}

impl Control {
    /// Seals a value and has it used from the next request on.
    pub fn put_secret(
        &self,
        actor: &Actor,
        place: SecretPlace<'_>,
        value: &Secret,
        act: SecretAct,
        reason: &str,
    ) -> Result<SecretView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        check_value(value)?;
        let mut state = self.state();
        let (api, name) = self.secret_place(actor, &state, place)?;
        let kept = kept_name(&api, &name);
        let is_there = state.store.secret(&kept)?.is_some();
        let action = match (act, is_there) {
            (SecretAct::Set, false) => "secret.set",
            (SecretAct::Rotate, true) => "secret.rotate",
            (SecretAct::Set, true) => {
                return Err(ControlError::Exists { what: "secret", name: place.name.to_owned() });
            }
            (SecretAct::Rotate, false) => {
                return Err(ControlError::Absent { what: "secret", name: place.name.to_owned() });
            }
        };
        let sealed = self
            .outside
            .master
            .seal(Purpose::UpstreamCredential, &kept, value.expose())
            .map_err(|error| ControlError::Secret { what: error.to_string() })?;
        let object = format!("secret {name} of {api}");
        self.record(actor, action, &object, reason)?;
        let put = state.store.put_secrets(&[(&kept, &sealed)], self.now());
        self.carried(actor, action, &object, put)?;
        self.refresh_secrets(&state)?;
        self.only_secret(&state, &api, &name)
    }

    /// Forgets a value. An API that needs it is unusable from the next request on.
    pub fn remove_secret(
        &self,
        actor: &Actor,
        place: SecretPlace<'_>,
        reason: &str,
    ) -> Result<(), ControlError> {
        self.demand(actor, Needs::Owner)?;
        let mut state = self.state();
        let (api, name) = self.secret_place(actor, &state, place)?;
        let kept = kept_name(&api, &name);
        if state.store.secret(&kept)?.is_none() {
            return Err(ControlError::Absent { what: "secret", name: place.name.to_owned() });
        }
        let object = format!("secret {name} of {api}");
        self.record(actor, "secret.remove", &object, reason)?;
        let removed = state.store.remove_secret(&kept);
        self.carried(actor, "secret.remove", &object, removed)?;
        self.refresh_secrets(&state)
    }

    /// The secrets that are kept, of one API or of all.
    pub fn secrets(&self, actor: &Actor, api: Option<&str>) -> Result<Vec<SecretView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let mut views = self.view_secrets(&state)?;
        views.retain(|view| api.is_none_or(|api| view.api == api));
        Ok(views)
    }

    /// Why an API with `credential: exchange` cannot be used; none where it can, or exchanges nothing.
    pub(crate) fn secret_fault(&self, api: &config::ApiConfig) -> Option<String> {
        let exchange = api.exchange.as_ref()?;
        match self.live.load().0.secrets.find(&api.name, &exchange.secret) {
            Some(Held::Open(_)) => None,
            Some(Held::Closed(why)) => Some(format!("the secret `{}` does not open: {why}", exchange.secret)),
            None => Some(format!(
                "the secret `{0}` is not set, so every request gets 503: `sallyport secret set {0} --api {1}`",
                exchange.secret, api.name
            )),
        }
    }

    fn refresh_secrets(&self, state: &State) -> Result<(), ControlError> {
        self.live.set_secrets(open_all(&state.store, &self.outside.master)?);
        Ok(())
    }

    fn secret_place(
        &self,
        actor: &Actor,
        state: &State,
        place: SecretPlace<'_>,
    ) -> Result<(ApiName, SecretName), ControlError> {
        let name = SecretName::parse(place.name)
            .map_err(|error| ControlError::invalid(error.to_string(), "choose another name"))?;
        let api = crate::apis::find(&state.repository()?.apis, place.api)?.name.clone();
        self.demand_owner_of(actor, state, &api)?;
        Ok((api, name))
    }

    fn only_secret(
        &self,
        state: &State,
        api: &ApiName,
        name: &SecretName,
    ) -> Result<SecretView, ControlError> {
        let mut views = self.view_secrets(state)?.into_iter();
        views
            .find(|view| view.api == api.as_str() && view.name == name.as_str())
            .ok_or_else(|| ControlError::Absent { what: "secret", name: name.to_string() })
    }

    fn view_secrets(&self, state: &State) -> Result<Vec<SecretView>, ControlError> {
        let live = self.live.load();
        let apis = state.loaded.as_ref().map(|loaded| loaded.repository.apis.as_slice()).unwrap_or_default();
        let views = names(&state.store)?.into_iter().map(|(api, name, written)| SecretView {
            state: match live.0.secrets.find(&api, &name) {
                Some(Held::Open(_)) => "open".to_owned(),
                Some(Held::Closed(why)) => format!("does not open: {why}"),
                None => "not loaded".to_owned(),
            },
            used: apis.iter().any(|known| {
                known.name == api && known.exchange.as_ref().is_some_and(|exchange| exchange.secret == name)
            }),
            name: name.to_string(),
            api: api.to_string(),
            written: written.to_string(),
        });
        Ok(views.collect())
    }
}

/// Opens every upstream's credential that the store holds.
pub(crate) fn open_all(store: &Store, master: &MasterKey) -> Result<UpstreamSecrets, ControlError> {
    let mut held = Vec::new();
    for (api, name, _) in names(store)? {
        let kept = kept_name(&api, &name);
        let sealed = store.secret(&kept)?.unwrap_or_default();
        let opened = match master.open(Purpose::UpstreamCredential, &kept, &sealed) {
            Ok(secret) => Held::Open(Arc::new(secret)),
            Err(error) => {
                tracing::error!(%api, secret = %name, %error, "an upstream's credential does not open");
                Held::Closed(error.to_string().into())
            }
        };
        held.push(((api, name), opened));
    }
    Ok(UpstreamSecrets::of(held))
}

fn kept_name(api: &ApiName, name: &SecretName) -> String {
    format!("{PREFIX}{api}/{name}")
}

/// Of all secrets those of upstreams, with when each was written.
fn names(store: &Store) -> Result<Vec<(ApiName, SecretName, Timestamp)>, ControlError> {
    let parsed = store.secret_names()?.into_iter().filter_map(|(kept, written)| {
        let (api, name) = kept.strip_prefix(PREFIX)?.split_once('/')?;
        Some((ApiName::parse(api).ok()?, SecretName::parse(name).ok()?, written))
    });
    Ok(parsed.collect())
}

/// A value has to be able to stand in a field: visible ASCII, and blanks within (RFC 9110 section 5.5).
fn check_value(value: &Secret) -> Result<(), ControlError> {
    let bytes = value.expose();
    let plain = bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if bytes.is_empty() || VALUE_BYTES_MAX < bytes.len() || !plain || bytes.trim_ascii().len() != bytes.len()
    {
        return Err(ControlError::invalid(
            "a secret is 1 to 8192 visible ASCII characters, without blanks at its ends",
            "write the credential alone into the file, without the scheme",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_stand_in_a_field() {
        for (value, taken) in [
            ("s3cret", true),
            ("dXNlcjpwYXNz==", true),
            ("two words", true),
            ("", false),
            (" s3cret", false),
            ("s3cret\n", false),
            ("s3\r\nX: y", false),
            ("s3\0", false),
            ("sécret", false),
        ] {
            assert_eq!(check_value(&Secret::new(value.as_bytes())).is_ok(), taken, "{value:?}");
        }
        assert!(check_value(&Secret::new(vec![b'a'; VALUE_BYTES_MAX])).is_ok());
        assert!(check_value(&Secret::new(vec![b'a'; VALUE_BYTES_MAX + 1])).is_err());
    }

    #[test]
    fn opens_each_by_its_place_alone_and_tells_what_does_not_open() {
        let mut store = Store::in_memory().unwrap();
        let master = MasterKey::from_bytes([1; 32]);
        let api = |name: &str| ApiName::parse(name).unwrap();
        let name = SecretName::parse("main").unwrap();
        let now = Timestamp::from_seconds(1);
        let seal = |master: &MasterKey, kept: &str| {
            master.seal(Purpose::UpstreamCredential, kept, b"s3cret").unwrap()
        };
        let right = seal(&master, "upstream/orders/main");
        store.add_secret("upstream/orders/main", &right, now).unwrap();
        // Moved from another API's place, and sealed under another master key.
        store.add_secret("upstream/billing/main", &right, now).unwrap();
        let other = seal(&MasterKey::from_bytes([2; 32]), "upstream/users/main");
        store.add_secret("upstream/users/main", &other, now).unwrap();
        store.add_secret("log-checkpoint", b"not ours", now).unwrap();
        let opened = open_all(&store, &master).unwrap();
        assert!(matches!(opened.find(&api("orders"), &name), Some(Held::Open(_))));
        for closed in ["billing", "users"] {
            assert!(matches!(opened.find(&api(closed), &name), Some(Held::Closed(_))), "{closed}");
        }
        assert!(opened.find(&api("log-checkpoint"), &name).is_none());
    }
}
