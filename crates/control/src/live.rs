//! The snapshot that requests are judged by: one atomic pointer, swapped whole.
//!
//! Only this module makes snapshots. Writers hold `Control`'s lock, so no change is lost between load and store.

use std::sync::Arc;

use arc_swap::ArcSwap;
use catalog::Catalog;
use enforce::{Revision, Snapshot, UpstreamSecrets};
use identity::token::{Applications, KeySets};
use identity::{KeyTable, Signer, Stops};
use model::Snapshots;
use policy::Effect;

/// The pointer that workers read.
#[derive(Clone, Debug)]
pub struct Live(Arc<ArcSwap<Snapshot>>);

/// A snapshot as it was when it was loaded.
#[derive(Clone, Debug)]
pub(crate) struct Loaded(pub(crate) Arc<Snapshot>);

impl Live {
    /// Before any revision: everything is denied.
    pub(crate) fn new(signer: Option<Arc<Signer>>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Snapshot { signer, ..Snapshot::none() })))
    }

    /// For the workers.
    #[must_use]
    pub fn pointer(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.0)
    }

    pub(crate) fn load(&self) -> Loaded {
        Loaded(self.0.load_full())
    }

    pub(crate) fn set_keys(&self, keys: KeyTable) {
        let before = self.0.load_full();
        self.0.store(Arc::new(Snapshot { keys: Arc::new(keys), ..Snapshot::clone(&before) }));
    }

    pub(crate) fn set_secrets(&self, secrets: UpstreamSecrets) {
        let before = self.0.load_full();
        self.0.store(Arc::new(Snapshot { secrets: Arc::new(secrets), ..Snapshot::clone(&before) }));
    }

    pub(crate) fn set_signer(&self, signer: Arc<Signer>) {
        let before = self.0.load_full();
        self.0.store(Arc::new(Snapshot { signer: Some(signer), ..Snapshot::clone(&before) }));
    }

    pub(crate) fn set_stops(&self, stops: Stops) {
        let before = self.0.load_full();
        self.0.store(Arc::new(Snapshot { stops: Arc::new(stops), ..Snapshot::clone(&before) }));
    }

    /// Keys of issuers that the revision does not have any more are forgotten.
    pub(crate) fn set_revision(&self, revision: Revision) {
        let before = self.0.load_full();
        let key_sets = Arc::new(before.key_sets.of(&revision.issuers));
        self.0.store(Arc::new(Snapshot {
            revision: Arc::new(revision),
            key_sets,
            ..Snapshot::clone(&before)
        }));
    }

    pub(crate) fn set_key_sets(&self, key_sets: KeySets) {
        let before = self.0.load_full();
        self.0.store(Arc::new(Snapshot { key_sets: Arc::new(key_sets), ..Snapshot::clone(&before) }));
    }

    pub(crate) fn set_applications(&self, applications: Applications) {
        let before = self.0.load_full();
        self.0.store(Arc::new(Snapshot { applications: Arc::new(applications), ..Snapshot::clone(&before) }));
    }
}

impl Loaded {
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.revision.catalog
    }

    pub(crate) fn keys(&self) -> &KeyTable {
        &self.0.keys
    }

    pub(crate) fn key_sets(&self) -> &KeySets {
        &self.0.key_sets
    }

    pub(crate) fn applications(&self) -> &Applications {
        &self.0.applications
    }

    pub(crate) fn stops(&self) -> &Stops {
        &self.0.stops
    }

    /// Whether any policy permits anything to anybody.
    pub(crate) fn grants_anything(&self) -> bool {
        let policies = self.0.revision.policies.as_ref();
        policies.is_some_and(|policies| policies.policies().any(|policy| policy.effect == Effect::Permit))
    }

    pub(crate) fn names(&self) -> Snapshots {
        self.0.names()
    }
}
