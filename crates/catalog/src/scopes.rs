//! The scopes that a document asks of access tokens: the word of an API's developers about who is meant to call.
//!
//! Nothing is granted or refused by them. They are told to whoever looks for needs that were declared.

use std::collections::BTreeSet;
use std::sync::Arc;

/// The sets of scopes of which an operation's document asks for one, whole and by one access token. None where it asks for
/// none, lets anybody call, or cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedScopes(Option<Arc<[BTreeSet<Box<str>>]>>);

impl AskedScopes {
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// One of these sets. A set without scopes is met by any token, so nothing is asked for then.
    #[must_use]
    pub fn one_of(sets: Vec<BTreeSet<Box<str>>>) -> Self {
        let is_asked = !sets.is_empty() && sets.iter().all(|set| !set.is_empty());
        Self(is_asked.then(|| sets.into()))
    }

    #[must_use]
    pub fn sets(&self) -> &[BTreeSet<Box<str>>] {
        self.0.as_deref().unwrap_or_default()
    }
}
