//! Who is blocked at one moment, for those that judge what was recorded before: what somebody did who is stopped by now is
//! no proof of anybody's need.

use std::collections::{BTreeMap, BTreeSet};

use advise::{CallFacts, Network as CalledFrom};
use model::{BlockTarget, KeyId, Network, Timestamp, User};

use crate::state::State;

/// What blocks stop, as far as roll-ups name it. A single access token is not named there.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    /// The list cannot be read whole, so anybody may be.
    all: bool,
    /// By their labels.
    callers: BTreeSet<String>,
    /// With the reason.
    keys: BTreeMap<KeyId, String>,
    /// As `ISSUER/NAME`.
    users: BTreeSet<String>,
    networks: Vec<Network>,
}

impl Blocked {
    pub(crate) fn now(state: &State, now: Timestamp) -> Self {
        let mut blocked = Self { all: !state.blocks.is_whole(), ..Self::default() };
        for (block, act) in state.blocks.in_force(now) {
            match &block.target {
                BlockTarget::Application(name) => {
                    blocked.callers.insert(format!("app:{name}"));
                }
                BlockTarget::Workload(name) => {
                    blocked.callers.insert(format!("workload:{name}"));
                }
                BlockTarget::Key(id) => {
                    blocked.keys.insert(*id, act.reason.clone());
                }
                BlockTarget::User { issuer, name } => {
                    blocked.users.insert(format!("{issuer}{}{name}", User::SEPARATOR));
                }
                BlockTarget::Network(network) => blocked.networks.push(*network),
                // Whatever somebody calls there is stopped, and nobody is for having called it.
                BlockTarget::Api(_) | BlockTarget::Operation(_) | BlockTarget::Token(_) => {}
            }
        }
        blocked
    }

    pub(crate) fn caller(&self, label: &str) -> bool {
        self.all || self.callers.contains(label)
    }

    /// Why a key is blocked, where it is.
    pub(crate) fn key(&self, id: KeyId) -> Option<&str> {
        self.keys.get(&id).map(String::as_str)
    }

    /// Whether the user or the network of these calls is blocked, or may be where a network is not known.
    pub(crate) fn place(&self, facts: &CallFacts) -> bool {
        let user = facts.user.as_ref();
        self.all
            || user.is_some_and(|user| self.users.contains(user))
            || self.networks.iter().any(|network| facts.network.may_be_of(network))
            || !self.users.is_empty() && is_left_out(facts)
    }

    /// Whether anything that is blocked made these calls.
    pub(crate) fn stops(&self, facts: &CallFacts) -> bool {
        self.caller(&facts.caller) || self.place(facts)
    }
}

/// Whether a row keeps neither a user nor a network, because there were too many of them.
fn is_left_out(facts: &CallFacts) -> bool {
    facts.incomplete && facts.user.is_none() && facts.network == CalledFrom::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(user: Option<&str>, address: &str) -> CallFacts {
        CallFacts {
            api: "orders".to_owned(),
            operation: "orders:GET /orders".to_owned(),
            caller: "app:corp:web".to_owned(),
            team: None,
            user: user.map(str::to_owned),
            key: None,
            strength: 3,
            verdict: "would_deny".to_owned(),
            reason: "no_grant".to_owned(),
            network: CalledFrom::Address(address.parse().unwrap()),
            attributes: BTreeMap::new(),
            incomplete: false,
        }
    }

    #[test]
    fn calls_of_a_blocked_user_or_network_are_told_and_the_nearest_others_not() {
        let users = Blocked { users: BTreeSet::from(["corp/eve".to_owned()]), ..Blocked::default() };
        assert!(users.place(&facts(Some("corp/eve"), "10.0.0.1")));
        assert!(!users.place(&facts(Some("corp/ann"), "10.0.0.1")));
        assert!(!users.place(&facts(Some("partner/eve"), "10.0.0.1")));
        assert!(!users.place(&facts(None, "10.0.0.1")));
        let networks =
            Blocked { networks: vec![Network::parse("203.0.113.0/24").unwrap()], ..Blocked::default() };
        assert!(networks.place(&facts(Some("corp/ann"), "203.0.113.9")));
        assert!(!networks.place(&facts(Some("corp/ann"), "203.0.114.9")));
        assert!(!networks.caller("app:corp:web"));
    }

    #[test]
    fn what_a_row_leaves_out_may_be_what_is_blocked() {
        let coarse = CallFacts { network: CalledFrom::Unknown, incomplete: true, ..facts(None, "10.0.0.1") };
        let users = Blocked { users: BTreeSet::from(["corp/eve".to_owned()]), ..Blocked::default() };
        let networks =
            Blocked { networks: vec![Network::parse("203.0.113.9").unwrap()], ..Blocked::default() };
        assert!(users.place(&coarse) && networks.place(&coarse));
        assert!(!Blocked::default().place(&coarse));
        let all = Blocked { all: true, ..Blocked::default() };
        assert!(all.place(&facts(None, "10.0.0.1")) && all.caller("app:corp:web"));
    }
}
