//! The applications that tokens can stand for: those of ours that a configuration lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Application, ApplicationName};

use crate::ApplicationState;

/// Applications by name. Part of the snapshot; replaced whole.
#[derive(Clone, Debug, Default)]
pub struct Applications(BTreeMap<ApplicationName, (Arc<Application>, ApplicationState)>);

impl Applications {
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// These.
    #[must_use]
    pub fn of(applications: impl IntoIterator<Item = (Arc<Application>, ApplicationState)>) -> Self {
        let named = applications.into_iter().map(|found| (found.0.name.clone(), found));
        Self(named.collect())
    }

    /// With this one disabled, at once.
    #[must_use]
    pub fn without(&self, name: &ApplicationName) -> Self {
        let mut all = self.0.clone();
        if let Some((_, state)) = all.get_mut(name) {
            *state = ApplicationState::Disabled;
        }
        Self(all)
    }

    /// The application of this name.
    #[must_use]
    pub fn find(&self, name: &ApplicationName) -> Option<&(Arc<Application>, ApplicationState)> {
        self.0.get(name)
    }
}
