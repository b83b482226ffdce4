//! Everybody whom policies can be about: the applications of the store, the clients and workloads that policies name, whoever
//! brings no credential, and the teams.
//!
//! Clients of issuers and workloads are known by their names alone, so only those that a policy names can be listed; that is
//! enough, since no other can be reached but by what reaches everyone of its kind.

use model::{Client, Strength, TeamName};
use policy::{Policies, ReachDecision, Whom};
use store::{ApplicationState, KeyRow};

use crate::applications::is_live;
use crate::explain::{known, workload};
use crate::{Control, ControlError};

/// Who it is.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    Client(Client, Strength),
    Team(TeamName),
}

/// One that could call.
#[derive(Clone, Debug)]
pub(crate) struct KnownCaller {
    /// `app:NAME`, `workload:NAME`, `anonymous` or `team:NAME`.
    pub(crate) label: String,
    pub(crate) who: Who,
    pub(crate) state: ApplicationState,
    /// The keys that it could call with now; none where it has other credentials, or none at all.
    pub(crate) keys: Vec<KeyRow>,
    /// Whether it is an application that calls with keys of ours.
    pub(crate) calls_with_keys: bool,
}

impl KnownCaller {
    pub(crate) fn of(client: Client, strength: Strength) -> Self {
        Self {
            label: client.label(),
            who: Who::Client(client, strength),
            state: ApplicationState::Enabled,
            keys: Vec::new(),
            calls_with_keys: false,
        }
    }

    pub(crate) fn of_team(team: &TeamName) -> Self {
        Self {
            label: format!("team:{team}"),
            who: Who::Team(team.clone()),
            state: ApplicationState::Enabled,
            keys: Vec::new(),
            calls_with_keys: false,
        }
    }

    pub(crate) fn whom(&self) -> Whom<'_> {
        match &self.who {
            Who::Client(client, strength) => Whom::Client { client, strength: *strength },
            Who::Team(team) => Whom::Team(team),
        }
    }

    pub(crate) fn team(&self) -> Option<&TeamName> {
        match &self.who {
            Who::Client(client, _) => client.team(),
            Who::Team(team) => Some(team),
        }
    }

    /// How many of its keys cover an operation.
    pub(crate) fn covering(&self, operation: &catalog::Operation) -> usize {
        self.keys.iter().filter(|key| enforce::cover(&key.scopes, operation)).count()
    }

    /// What becomes of what policy says when it calls: why it cannot, or what a person should know.
    pub(crate) fn narrowed(
        &self,
        decision: ReachDecision,
        operation: &catalog::Operation,
    ) -> (ReachDecision, Option<String>) {
        if decision == ReachDecision::Never {
            return (decision, None);
        }
        if self.state == ApplicationState::Disabled {
            return (ReachDecision::Never, Some("the application is disabled".to_owned()));
        }
        if !self.calls_with_keys {
            return (decision, None);
        }
        match (self.covering(operation), self.keys.len()) {
            (0, 0) => (decision, Some("it has no key that is valid now".to_owned())),
            (0, 1) => (ReachDecision::Never, Some("the scopes of its key do not cover it".to_owned())),
            (0, all) => {
                (ReachDecision::Never, Some(format!("the scopes of none of its {all} keys cover it")))
            }
            (some, all) if some < all => {
                (decision, Some(format!("the scopes of {some} of its {all} keys cover it")))
            }
            (_, _) => (decision, None),
        }
    }
}

impl Control {
    /// Everybody whom these policies can be about, clients sorted by name, then teams.
    pub(crate) fn known_callers(&self, policies: &[&Policies]) -> Result<Vec<KnownCaller>, ControlError> {
        let mut callers = vec![KnownCaller::of(Client::Anonymous, Strength::Anonymous)];
        callers.extend(self.applications_as_callers()?);
        let named: Vec<_> = policies.iter().map(|policies| policies.named_clients()).collect();
        for name in named.iter().flat_map(|named| &named.applications) {
            // A claimed caller of an API that is no longer there is nobody.
            let found = self.claimed_caller(name).ok().flatten().or_else(|| self.client_of_issuer(name));
            callers.extend(found.map(|caller| KnownCaller::of(caller.client, caller.strength)));
        }
        let snapshot = self.live.load().0;
        for name in named.iter().flat_map(|named| &named.workloads) {
            let found = workload(name, &snapshot.revision.workloads).ok();
            callers.extend(found.map(|caller| KnownCaller::of(caller.client, caller.strength)));
        }
        callers.sort_by(|one, other| one.label.cmp(&other.label));
        callers.dedup_by(|one, other| one.label == other.label);
        let state = self.state();
        let teams = state.loaded.iter().flat_map(|loaded| loaded.repository.teams.0.keys());
        callers.extend(teams.map(KnownCaller::of_team));
        Ok(callers)
    }

    fn applications_as_callers(&self) -> Result<Vec<KnownCaller>, ControlError> {
        let now = self.now();
        let state = self.state();
        let mut callers = Vec::new();
        let mut keys = std::collections::BTreeMap::<_, Vec<KeyRow>>::new();
        let live = state.store.keys()?.into_iter().map(|key| state.with_stop(key));
        for key in live.filter(|key| is_live(key, now)) {
            keys.entry(key.application.clone()).or_default().push(key);
        }
        for row in state.store.applications()? {
            let counts = state.state_of(&row);
            let keys = keys.remove(&row.name).unwrap_or_default();
            let application = model::Application {
                name: row.name,
                team: row.team,
                attributes: row.attributes,
                version: row.version,
            };
            let caller = known(application);
            let of = KnownCaller::of(caller.client, caller.strength);
            callers.push(KnownCaller { state: counts, keys, calls_with_keys: true, ..of });
        }
        Ok(callers)
    }
}
