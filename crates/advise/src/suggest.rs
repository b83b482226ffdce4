//! Grants from use: what verified callers did with success, as the least that permits it.
//!
//! [`suggest()`] gathers evidence ([`evidence`]), weighs each caller and operation ([`weigh`]), and joins what may be joined
//! into grants ([`grants`]); [`text`] writes them. What it is sure of is a [`Proposal`] that is ready; what needs somebody's
//! word says whose and why. What the policies permit already is not proposed, so that asking again proposes nothing.
//!
//! It learns from calls that passed through this gateway, came from a caller whose credential was verified, and were
//! answered without an error. It never learns from failures, from callers that are only claimed or anonymous, from keys
//! that were revoked or quarantined, from what is blocked, or from imported logs, which are not in the roll-ups.

mod asked;
mod evidence;
mod grants;
mod habits;
mod places;
mod text;
mod waiting;
mod weigh;
mod withdrawn;
mod word;

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::Catalog;
use model::{Application, DataClass, KeyId, Timestamp};
use policy::Policies;
use serde::Serialize;

use crate::{CallFacts, Directory, Usage};

use evidence::Need;
pub use text::{append, proposal_text};
pub use waiting::Waiting;
pub use weigh::{Concern, confidence};
pub use withdrawn::{Withdrawn, WithdrawnUse};
pub use word::spoken;

/// How a key stands today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStanding {
    pub application: String,
    pub scopes: Vec<String>,
    pub state: KeyState,
    pub created: Timestamp,
}

/// Whether what a key did is evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It counts, or did until it expired or was rotated.
    Sound,
    /// Somebody stopped it, for this reason.
    Stopped(String),
}

/// What is known of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiFacts {
    pub owner: String,
    pub data_class: DataClass,
}

/// Who and what there is today.
pub trait World: Directory {
    /// How a key stands; none where there is no such key any more.
    fn key(&self, id: KeyId) -> Option<KeyStanding>;
    /// All keys that count now.
    fn active_keys(&self) -> Vec<(KeyId, KeyStanding)>;
    /// All applications that are not disabled.
    fn applications(&self) -> Vec<Arc<Application>>;
    /// Whether clients come to be of this team that nobody here has made: those of an issuer, or workloads by their certificates.
    fn is_open(&self, team: &str) -> bool;
    /// Whether a caller, by its label, is somebody who may be granted anything: known, and neither disabled nor blocked.
    fn is_in_good_standing(&self, caller: &str) -> bool;
    /// Whether the user or the network of these calls is blocked now, or may be where that is not recorded.
    fn is_blocked(&self, facts: &CallFacts) -> bool;
    /// The API of this name.
    fn api(&self, name: &str) -> Option<ApiFacts>;
}

/// What is asked.
pub struct SuggestQuestion<'a> {
    pub catalog: &'a Catalog,
    /// The policies that are there already.
    pub policies: &'a Policies,
    pub world: &'a dyn World,
    pub now: Timestamp,
    /// Only this API.
    pub api: Option<&'a str>,
    /// Ids that are in the policy files already, those in comments included: what has them is not proposed again.
    pub known_ids: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for SuggestQuestion<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SuggestQuestion").field("api", &self.api).finish_non_exhaustive()
    }
}

/// Whom a grant is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    Application(String),
    Workload(String),
    /// Every client of a team.
    Team(String),
}

/// Which operations a grant names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// A group of which every member was used.
    Group(String),
    Operations(Vec<String>),
}

/// Why a grant is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A person gave a key the scope of just this operation; it was hardly used, or not at all.
    Declared,
    /// The API's document asks for a scope, an issuer granted it to the caller, and it was not used.
    Scoped,
    Used,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// Made of what it permits, so that the same proposal has the same id.
    pub id: String,
    pub api: String,
    /// The API's owner, whose review it is.
    pub owner: String,
    pub grantee: Grantee,
    pub reach: Reach,
    /// The operations it permits now, in order.
    pub operations: Vec<String>,
    pub basis: Basis,
    pub evidence: Evidence,
    /// What a person has to say a word about; empty where it is ready.
    pub concerns: Vec<Concern>,
    /// How sure it is that this use goes on, 0 to 1; see [`confidence`].
    pub confidence: f64,
    /// The policy.
    pub text: String,
}

impl Proposal {
    /// Whether it is for this caller, by its label, or for its team.
    #[must_use]
    pub fn is_for(&self, caller: &str, team: Option<&str>) -> bool {
        match &self.grantee {
            Grantee::Application(name) => caller.strip_prefix("app:") == Some(name),
            Grantee::Workload(name) => caller.strip_prefix("workload:") == Some(name),
            Grantee::Team(name) => team == Some(name),
        }
    }

    /// Whether nobody's word is needed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.concerns.is_empty()
    }
}

/// What a proposal rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Calls that succeeded.
    pub calls: u64,
    pub days: u32,
    pub first_seen: Option<String>,
    pub last_seen: Option<String>,
    /// The least strength by which the caller was known.
    pub strength: &'static str,
    pub samples: Vec<String>,
    /// The scopes of the caller's tokens that the API's document asks for, where they declare a need.
    pub scopes: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Suggestion {
    /// The smallest first.
    pub proposals: Vec<Proposal>,
    pub withdrawn: Vec<Withdrawn>,
    /// Calls that are no evidence, by why.
    pub left_out: BTreeMap<String, u64>,
    /// Calls of callers and operations that policy permits already.
    pub granted_calls: u64,
    /// Proposals that stand in the policy files and permit nothing, for instance in comments.
    pub already_proposed: usize,
}

/// Proposes grants for what `usage` shows.
#[must_use]
pub fn suggest(usage: &Usage, question: &SuggestQuestion<'_>) -> Suggestion {
    let gathered = evidence::gather(usage, question);
    let weighed = weigh::weigh(&gathered, question);
    let mut proposals = grants::join(weighed, &gathered.teams, question);
    let all = proposals.len();
    proposals.retain(|proposal| !(question.known_ids)(&proposal.id));
    let already_proposed = all - proposals.len();
    proposals.sort_by(|one, other| {
        let size = |proposal: &Proposal| {
            (!proposal.is_ready(), proposal.basis != Basis::Used, proposal.operations.len())
        };
        size(one).cmp(&size(other)).then_with(|| one.id.cmp(&other.id))
    });
    Suggestion {
        proposals,
        withdrawn: gathered.withdrawn,
        left_out: gathered.left_out,
        granted_calls: gathered.granted_calls,
        already_proposed,
    }
}
