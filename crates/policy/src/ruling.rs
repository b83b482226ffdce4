//! What policy says about one request.

use std::fmt;
use std::sync::Arc;

use model::PolicyId;

/// The ids of the policies that decided; cheap to clone, valid across revisions, in the order of loading.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PolicyRefs(Option<Arc<[PolicyId]>>);

impl PolicyRefs {
    /// No policy.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn of(ids: Vec<PolicyId>) -> Self {
        Self((!ids.is_empty()).then(|| ids.into()))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    #[must_use]
    pub fn as_slice(&self) -> &[PolicyId] {
        self.0.as_deref().unwrap_or_default()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, PolicyId> {
        self.as_slice().iter()
    }
}

impl<'a> IntoIterator for &'a PolicyRefs {
    type Item = &'a PolicyId;
    type IntoIter = std::slice::Iter<'a, PolicyId>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for PolicyRefs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter().map(PolicyId::as_str)).finish()
    }
}

/// The answer of policy. Only [`RulingKind::Permit`] lets a request pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulingKind {
    /// Guards hold, whatever is permitted.
    Forbid { by: PolicyRefs },
    /// A policy that counts could not be evaluated, or the facts do not fit the catalogue.
    Fault { policies: PolicyRefs },
    /// Nothing permits.
    NoGrant,
    /// At least one grant permits and no guard forbids.
    Permit { by: PolicyRefs },
}

/// The answer, and what observed guards would have said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub kind: RulingKind,
    /// Guards marked `@observe_until` with a date to come that would have denied. They do not deny before it.
    pub observed: PolicyRefs,
}

impl Ruling {
    pub(crate) const fn fault() -> Self {
        Self { kind: RulingKind::Fault { policies: PolicyRefs::none() }, observed: PolicyRefs::none() }
    }
}
