//! What a decision rests on where some facts of its request are not known.
//!
//! Whoever judges a recorded request again may not have every fact that today's policies read. Which answer is certain all
//! the same follows from who reads what is missing, and no condition has to be evaluated for it.

use std::collections::BTreeSet;

use catalog::OperationIndex;
use model::{Client, PolicyId, Timestamp};

use crate::compile::Policies;
use crate::reads::{ContextFact, Reads};
use crate::rule::{Effect, Force, Rule};
use crate::slice::Part;

/// A fact of a request that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnknownFact {
    /// An attribute of the application.
    Attribute(String),
    /// All of a part of the context.
    Context(ContextFact),
    /// One path parameter.
    Param(String),
    /// One attribute of the user.
    User(String),
}

impl UnknownFact {
    fn is_read(&self, reads: &Reads) -> bool {
        match self {
            Self::Attribute(name) => reads.attributes.contains(name),
            Self::Context(fact) => reads.context.contains(fact),
            Self::Param(name) => reads.context.contains(&ContextFact::Params) && reads.params.contains(name),
            Self::User(name) => reads.context.contains(&ContextFact::User) && reads.user.contains(name),
        }
    }
}

/// The policies of one caller and operation that read what is not known, so that what they say is not known either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undecided {
    pub permits: BTreeSet<PolicyId>,
    /// Guards that observe are not among them: they decide nothing.
    pub guards: BTreeSet<PolicyId>,
}

impl Undecided {
    /// Whether the missing facts change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.permits.is_empty() && self.guards.is_empty()
    }
}

impl Policies {
    /// Which policies of this client and operation that count at `now` read any of `unknown`.
    #[must_use]
    pub fn undecided(
        &self,
        operation: OperationIndex,
        client: &Client,
        now: Timestamp,
        unknown: &BTreeSet<UnknownFact>,
    ) -> Undecided {
        let mut undecided = Undecided::default();
        if unknown.is_empty() {
            return undecided;
        }
        for rule in self.rules_for(operation, client) {
            let counts = !rule.expired(now) && rule.force(now) == Force::Enforced;
            if !counts || !unknown.iter().any(|fact| fact.is_read(&rule.reads)) {
                continue;
            }
            match rule.effect {
                Effect::Forbid => undecided.guards.insert(rule.id.clone()),
                Effect::Permit => undecided.permits.insert(rule.id.clone()),
            };
        }
        undecided
    }

    /// Whether these policies and `other` answer every request of this client for an operation alike, whatever its facts are:
    /// they have the same rules for it, and none that looks at the operation or at the API themselves, which may differ.
    #[must_use]
    pub fn answer_alike(
        &self,
        operation: OperationIndex,
        (other, its_operation): (&Self, OperationIndex),
        client: &Client,
    ) -> bool {
        let Some(mine) = self.parts_for(operation, client) else { return false };
        let Some(its) = other.parts_for(its_operation, client) else { return false };
        let content = |parts: &[&Part]| parts.iter().map(|part| part.content).collect::<Vec<_>>();
        content(&mine) == content(&its) && mine.iter().all(|part| !part.reads.resource && !part.reads.action)
    }

    fn parts_for(&self, operation: OperationIndex, client: &Client) -> Option<Vec<&Part>> {
        let slice = self.slice(self.operation(operation)?, client)?;
        Some(slice.into_iter().filter(|part| !part.rules.is_empty()).collect())
    }

    fn rules_for(&self, operation: OperationIndex, client: &Client) -> impl Iterator<Item = &Rule> {
        let parts = self.parts_for(operation, client).unwrap_or_default();
        parts.into_iter().flat_map(|part| part.rules.iter()).filter_map(|number| self.rule(*number))
    }
}
