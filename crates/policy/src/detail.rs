//! One policy as a person reads it: whom it is about, what it reaches, what it asks for, and whether it counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::OperationIndex;
use cedar_policy::pst::{Expr, Literal};
use model::{PolicyId, Timestamp};

use crate::compile::{Policies, PolicySummary};
use crate::reach::{Condition, Term};
use crate::reads::Names;
use crate::rule::{APPLICATION, Actions, Force, Principals, Resources, Rule, WORKLOAD};

/// Whether a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyState {
    Counts,
    /// Its `@expires` has passed.
    Expired,
    /// It would forbid, and only observes until its `@observe_until`.
    Observes,
}

impl PolicyState {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Expired => "expired",
            Self::Observes => "observes",
        }
    }
}

/// Everything that is said about one policy.
#[derive(Clone, Debug)]
pub struct PolicyDetail<'a> {
    pub summary: PolicySummary<'a>,
    pub state: PolicyState,
    /// Whom its scope covers, in words.
    pub principals: String,
    /// What its scope covers, in words.
    pub actions: String,
    /// What a request has to meet, all of it.
    pub conditions: Vec<Arc<Condition>>,
    /// The operations that its scope covers now.
    pub operations: Vec<OperationIndex>,
}

/// Clients that policies name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedClients {
    pub applications: BTreeSet<String>,
    pub workloads: BTreeSet<String>,
}

impl Policies {
    /// What is to be said about a policy at `now`; none where no policy has this id.
    #[must_use]
    pub fn detail(&self, id: &str, now: Timestamp) -> Option<PolicyDetail<'_>> {
        let number = self.rules.iter().position(|rule| rule.id.as_str() == id)?;
        let rule = self.rules.get(number)?;
        let summary = self.policies().nth(number)?;
        let state = match rule.force(now) {
            _ if rule.expired(now) => PolicyState::Expired,
            Force::Observed => PolicyState::Observes,
            Force::Enforced => PolicyState::Counts,
        };
        Some(PolicyDetail {
            summary,
            state,
            principals: principals(&rule.scope.principals),
            actions: actions(rule),
            conditions: self
                .terms(u32::try_from(number).ok()?)
                .iter()
                .map(Term::condition)
                .map(Arc::clone)
                .collect(),
            operations: self.reach.get(number)?.iter().copied().map(OperationIndex).collect(),
        })
    }

    /// The ids of all policies.
    pub fn ids(&self) -> impl Iterator<Item = &PolicyId> {
        self.rules.iter().map(|rule| &rule.id)
    }

    /// Whether any condition looks at attributes of applications.
    #[must_use]
    pub fn read_attributes(&self) -> bool {
        self.rules.iter().any(|rule| match &rule.reads.attributes {
            Names::All => true,
            Names::Listed(names) => !names.is_empty(),
        })
    }

    /// The applications and workloads that scopes or conditions name. Not all of them are in the store: clients of issuers
    /// and of APIs with keys of their own are known by their names alone.
    #[must_use]
    pub fn named_clients(&self) -> NamedClients {
        let mut named = NamedClients::default();
        for uid in self.rules.iter().flat_map(|rule| rule.policy.entity_literals()) {
            let id = uid.id().unescaped();
            match uid.type_name().to_string().as_str() {
                APPLICATION => named.applications.insert(id.to_owned()),
                WORKLOAD => named.workloads.insert(id.to_owned()),
                _ => false,
            };
        }
        named
    }
}

fn principals(principals: &Principals) -> String {
    match principals {
        Principals::Anonymous => "callers without a credential".to_owned(),
        Principals::Anyone => "anyone, also callers without a credential".to_owned(),
        Principals::Application(name) => format!("the application `{name}`"),
        Principals::Applications => "every application".to_owned(),
        Principals::Nobody => "nobody".to_owned(),
        Principals::Team(name) => format!("applications and workloads of the team `{name}`"),
        Principals::TeamApplications(name) => format!("applications of the team `{name}`"),
        Principals::TeamWorkloads(name) => format!("workloads of the team `{name}`"),
        Principals::Workload(name) => format!("the workload `{name}`"),
        Principals::Workloads => "every workload".to_owned(),
    }
}

fn actions(rule: &Rule) -> String {
    let named = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let of = match &rule.scope.resources {
        Resources::Any => String::new(),
        Resources::Api(name) => format!(" of the API `{name}`"),
        Resources::None => " of no API".to_owned(),
    };
    match &rule.scope.actions {
        Actions::Any => format!("every operation{of}, also those that are declared later"),
        Actions::Exactly(name) => format!("`{name}`{of}"),
        Actions::In(names) => format!("what is in {}{of}", named(names)),
    }
}

/// The text of a string literal.
pub(crate) fn text_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(Literal::String(text)) => Some(text),
        _ => None,
    }
}
