//! The upstreams' own credentials, opened: what `credential: exchange` writes in place of the caller's.
//!
//! What always holds: nothing here prints a secret. A secret that is not there, or does not open, is told to the API's
//! owner and makes that API unusable; the others live (security case 82).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use model::{ApiName, Secret, SecretName};

/// Where an API's own credential goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The field, in lower case.
    pub header: Box<str>,
    /// The word before the credential.
    pub scheme: Option<Box<str>>,
    /// The name under which it is kept.
    pub secret: SecretName,
}

/// A secret as it was found when the store was read.
#[derive(Clone, Debug)]
pub enum Held {
    /// It does not open; why is for the API's owner, never for a client.
    Closed(Box<str>),
    Open(Arc<Secret>),
}

/// Every upstream's credentials, by API and name. Changing one makes a new value; requests under way keep theirs.
#[derive(Clone, Default)]
pub struct UpstreamSecrets(HashMap<(ApiName, SecretName), Held>);

impl UpstreamSecrets {
    /// Takes what the store holds.
    #[must_use]
    pub fn of(held: impl IntoIterator<Item = ((ApiName, SecretName), Held)>) -> Self {
        Self(held.into_iter().collect())
    }

    /// The secret of an API.
    #[must_use]
    pub fn find(&self, api: &ApiName, name: &SecretName) -> Option<&Held> {
        self.0.get(&(api.clone(), name.clone()))
    }
}

impl fmt::Debug for UpstreamSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("UpstreamSecrets").field(&self.0.len()).finish()
    }
}

impl Exchange {
    /// The field's value. Wiped when it is dropped.
    pub(crate) fn value(&self, secret: &Secret) -> Secret {
        match &self.scheme {
            None => secret.clone(),
            Some(scheme) => Secret::wiping([scheme.as_bytes(), b" ", secret.expose()].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_written_behind_its_scheme_and_printed_nowhere() {
        let (api, name) = (ApiName::parse("orders").unwrap(), SecretName::parse("main").unwrap());
        let secret = Arc::new(Secret::new(*b"s3cret"));
        let held = UpstreamSecrets::of([((api.clone(), name.clone()), Held::Open(Arc::clone(&secret)))]);
        for (scheme, expected) in [(Some("Bearer"), "Bearer s3cret"), (None, "s3cret")] {
            let exchange = Exchange {
                header: "authorization".into(),
                scheme: scheme.map(Into::into),
                secret: name.clone(),
            };
            assert_eq!(exchange.value(&secret).expose(), expected.as_bytes());
            assert!(!format!("{exchange:?} {held:?} {:?}", held.find(&api, &name)).contains("s3cret"));
        }
        assert!(held.find(&api, &SecretName::parse("other").unwrap()).is_none());
        assert!(held.find(&ApiName::parse("billing").unwrap(), &name).is_none());
    }
}
