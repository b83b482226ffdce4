//! What somebody has to do about what is in the way of enforcing, each with the command that settles it.

use std::collections::BTreeMap;

use advise::{Flip, Proposal, Waiting};
use catalog::Catalog;
use config::PolicyText;
use model::DenyReason;

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remedy {
    /// What is done for this reason always.
    OfReason,
    /// Nothing that was recorded shows that a grant is needed.
    Unshown,
    /// It was not declared, and the inventory lists nothing of it.
    Unlisted,
    /// A grant stands in a comment of this file.
    Waits(String),
}

/// Why calls are in the way, and whose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cause {
    pub(super) caller: String,
    pub(super) reason: String,
    pub(super) remedy: Remedy,
}

/// The causes of one API, with their calls and operations.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes(BTreeMap<Cause, (u64, u64)>);

/// What is known of grants that are not there.
#[derive(Clone, Debug, Default)]
pub(super) struct Remedies {
    /// None where that was not found out.
    proposals: Option<Vec<Proposal>>,
    /// The comments of policy files, by path.
    waiting: Vec<(String, Waiting)>,
}

impl Cause {
    pub(super) fn of(flip: &Flip, remedy: Remedy) -> Self {
        let reason = flip.reason.unwrap_or_default().to_owned();
        Self { caller: flip.caller.clone(), reason, remedy }
    }
}

impl Causes {
    pub(super) fn add(&mut self, cause: Cause, calls: u64) {
        let counts = self.0.entry(cause).or_default();
        counts.0 += calls;
        counts.1 += 1;
    }

    pub(super) fn steps(&self, api: &str) -> Vec<String> {
        self.0.iter().map(|(cause, counts)| step(api, cause, *counts)).collect()
    }
}

impl Remedies {
    /// What is proposed of recorded use, and what stands in these files.
    pub(super) fn new(proposals: Option<Vec<Proposal>>, files: &[PolicyText]) -> Self {
        let waiting = files.iter().map(|file| (file.path.clone(), Waiting::of(&file.text)));
        Self { proposals, waiting: waiting.collect() }
    }

    pub(super) fn of(&self, flip: &Flip, catalog: &Catalog) -> Remedy {
        if flip.reason != Some(DenyReason::NoGrant.code()) {
            return Remedy::OfReason;
        }
        let team = flip.team.as_deref();
        let operation = catalog.by_id(&flip.operation).and_then(|index| catalog.operation(index));
        let groups = operation.map(|operation| &*operation.groups).unwrap_or_default();
        let mut actions = vec![flip.operation.as_str()];
        actions.extend(groups.iter().map(|group| group.as_str()));
        let covers = |(_, waiting): &&(String, Waiting)| waiting.covers(&flip.caller, team, &actions);
        if let Some((file, _)) = self.waiting.iter().find(covers) {
            return Remedy::Waits(file.clone());
        }
        let is_proposed =
            |one: &Proposal| one.is_for(&flip.caller, team) && one.operations.contains(&flip.operation);
        match &self.proposals {
            Some(proposals) if !proposals.iter().any(is_proposed) => Remedy::Unshown,
            Some(_) | None => Remedy::OfReason,
        }
    }
}

fn step(api: &str, cause: &Cause, (calls, operations): (u64, u64)) -> String {
    let Cause { caller, reason, remedy } = cause;
    let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
    let operations =
        if operations == 1 { "1 operation".to_owned() } else { format!("{operations} operations") };
    let search = format!("`sallyport audit search --api {api} --caller {caller} --reason {reason}`");
    if caller.ends_with(":key-*") {
        return format!(
            "{calls} came with existing keys that nobody has vouched for ({reason}): `sallyport key seen --api {api}` lists them, `key promote` and `key import` say whose they are"
        );
    }
    match (DenyReason::parse(reason), remedy) {
        (Some(DenyReason::NoGrant), Remedy::Waits(file)) => format!(
            "{caller} lacks grants for {calls} of {operations}, which wait in {file} for the word of the API's owner: take the slashes away there, then `sallyport publish`"
        ),
        (Some(DenyReason::NoGrant), Remedy::Unshown) => format!(
            "{caller} lacks grants for {calls} of {operations}, and no call shows that it needs them: {search} tells what was called; grant by hand what is known to be needed"
        ),
        (Some(DenyReason::NoGrant), Remedy::OfReason | Remedy::Unlisted) => format!(
            "{caller} lacks grants for {calls} of {operations}: `sallyport policy suggest --api {api}` proposes them"
        ),
        (Some(DenyReason::NoCredential), _) => format!(
            "{calls} came without a credential: `sallyport audit search --api {api} --caller anonymous` shows from where; give their clients a key, or grant Anonymous"
        ),
        (Some(DenyReason::UnknownOperation | DenyReason::MethodNotDeclared), Remedy::Unlisted) => format!(
            "{caller} called what is not declared and the inventory does not list, {calls}: {search} tells when; it would be refused"
        ),
        (Some(DenyReason::UnknownOperation | DenyReason::MethodNotDeclared), _) => format!(
            "{caller} called what is not declared, {calls}: `sallyport inventory list --api {api} --state shadow` shows it, `inventory adopt` declares it"
        ),
        (Some(DenyReason::StepUp), _) => format!(
            "{caller} would have to sign in again or with several factors for {calls}: see docs/tokens.md for how its users do; {search} tells when"
        ),
        (Some(DenyReason::OutOfScope), _) => format!(
            "the scopes of {caller}'s keys do not cover {calls} of {operations}: `sallyport api regroup {api} --dry-run` shows which operations would join their groups and for whom; {search} tells which keys"
        ),
        (Some(DenyReason::BadParameter), _) => format!(
            "{caller} sent values that are not of the declared type, {calls}: {search} tells where; correct the type in the API's document, or the client"
        ),
        (Some(_) | None, _) => format!("{caller}: {reason}, {calls}; {search} shows them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_names_a_command() {
        let cause = |caller: &str, reason: &str, remedy: Remedy| Cause {
            caller: caller.to_owned(),
            reason: reason.to_owned(),
            remedy,
        };
        let mut causes = Causes::default();
        let waits = Remedy::Waits("policies/suggested-shop.cedar".to_owned());
        for cause in [
            cause("app:web", "no_grant", Remedy::OfReason),
            cause("app:web", "no_grant", Remedy::Unshown),
            cause("app:web", "no_grant", waits),
            cause("app:web", "unknown_operation", Remedy::OfReason),
            cause("app:web", "unknown_operation", Remedy::Unlisted),
            cause("anonymous", "no_credential", Remedy::OfReason),
            cause("app:shop:key-*", "no_grant", Remedy::Unshown),
            cause("app:web", "step_up", Remedy::OfReason),
            cause("app:web", "guard", Remedy::OfReason),
            cause("app:web", "out_of_scope", Remedy::OfReason),
            cause("app:web", "bad_parameter", Remedy::OfReason),
        ] {
            causes.add(cause, 2);
        }
        let steps = causes.steps("shop");
        assert_eq!(steps.len(), 11);
        for step in &steps {
            assert!(step.contains("`sallyport ") && step.contains("2 calls"), "{step}");
        }
    }
}
