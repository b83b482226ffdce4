//! Weighs one request of a known caller: operation, parameters, scopes, policy, mode. Pure; shared by judging and
//! explaining, so that what is explained is what happens.

use std::borrow::Cow;
use std::net::IpAddr;

use catalog::{Catalog, Found, Match, MethodSet, Operation, OperationIndex, ParameterValue, Visibility};
use model::{Caller, CanonicalRequest, Client, DenyReason, Mode, Refusal, Strength, Timestamp};
use policy::{Facts, PolicyRefs, Ruling, RulingKind};
use smallvec::SmallVec;

use crate::step_up::Challenge;

/// How far a credential reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scopes<'a> {
    /// Only what both cover: a key's, which are the facts, and a token's that narrow as well.
    Both { key: &'a [String], token: &'a [String] },
    /// As far as policy; these are facts and no limits.
    Facts(&'a [String]),
    /// Only these operations and groups.
    Listed(&'a [String]),
    /// As far as policy; there is no credential of ours that could narrow.
    Unlimited,
}

/// One question to weigh.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) request: &'a CanonicalRequest,
    pub(crate) found: &'a Match,
    pub(crate) caller: &'a Caller,
    pub(crate) scopes: Scopes<'a>,
    pub(crate) source_ip: Option<IpAddr>,
    /// The API's mode.
    pub(crate) mode: Mode,
    pub(crate) now: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Weighed {
    pub(crate) weight: Weight,
    pub(crate) policies: PolicyRefs,
    pub(crate) observed: PolicyRefs,
    /// The visible methods of the path, for `Allow`.
    pub(crate) allow: Option<MethodSet>,
    /// What a client may be told instead of the reason.
    pub(crate) disguise: Disguise,
    /// The sign-in that would do.
    pub(crate) challenge: Option<Challenge>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Policy permits. The only arm that lets a request pass by right.
    Permitted,
    /// Guards that only observe would forbid what is otherwise permitted.
    PermittedButObserved,
    Refused(Refusal),
    /// Would be refused, and passes while observed: the declaration does not describe the request, so that it stands as before
    /// anything was declared (RFD 0024). No guard forbids it.
    Undescribed(Refusal),
}

/// What stands in for the reason in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disguise {
    /// The caller is only claimed, by a key that nobody vouched for: any path gets the same 401.
    InvalidCredential,
    /// The caller is anonymous: any path gets the same 401.
    NoCredential,
    None,
    /// The operation is hidden: as if it did not exist.
    UnknownOperation,
}

pub(crate) const NO_CREDENTIAL: Refusal = Refusal::of(DenyReason::NoCredential);
const INVALID_CREDENTIAL: Refusal = Refusal::of(DenyReason::InvalidCredential);
pub(crate) const UNKNOWN_OPERATION: Refusal = Refusal::of(DenyReason::UnknownOperation);
const OBSERVED_GUARD: Refusal =
    Refusal::new(DenyReason::Guard, "observed_guard", DenyReason::Guard.problem().title);
/// An anonymous caller and no such operation: the first is what the answer says, the second what the record adds.
const NO_CREDENTIAL_UNKNOWN_OPERATION: Refusal =
    Refusal::new(DenyReason::NoCredential, "unknown_operation", NO_CREDENTIAL.detail());
const NO_CREDENTIAL_METHOD_NOT_DECLARED: Refusal =
    Refusal::new(DenyReason::NoCredential, "method_not_declared", NO_CREDENTIAL.detail());

impl Weighed {
    fn refused(refusal: Refusal, disguise: Disguise) -> Self {
        Self {
            weight: Weight::Refused(refusal),
            policies: PolicyRefs::none(),
            observed: PolicyRefs::none(),
            allow: None,
            disguise,
            challenge: None,
        }
    }

    /// The refusal as the client is told it.
    pub(crate) fn told(&self, refusal: Refusal) -> Refusal {
        match self.disguise {
            Disguise::InvalidCredential => INVALID_CREDENTIAL,
            Disguise::NoCredential => NO_CREDENTIAL,
            Disguise::None => refusal,
            Disguise::UnknownOperation => UNKNOWN_OPERATION,
        }
    }
}

/// What becomes of a weighed request in its API's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allowed,
    /// Passes although it would be refused.
    Observed(Refusal),
    Refused(Refusal),
}

/// Applies the mode. Only reasons that observation suspends are suspended; everything else is carried out.
pub(crate) fn apply_mode(weight: Weight, mode: Mode, now: Timestamp) -> Outcome {
    match weight {
        Weight::Permitted => Outcome::Allowed,
        Weight::PermittedButObserved => Outcome::Observed(OBSERVED_GUARD),
        Weight::Refused(refusal) if mode.observes(now) && refusal.reason().is_suspended_by_observation() => {
            Outcome::Observed(refusal)
        }
        Weight::Undescribed(refusal) if mode.observes(now) => Outcome::Observed(refusal),
        Weight::Refused(refusal) | Weight::Undescribed(refusal) => Outcome::Refused(refusal),
    }
}

/// Weighs `question`; `rule` asks policy.
pub(crate) fn weigh(question: &Question<'_>, rule: impl FnOnce(&Facts<'_>) -> Ruling) -> Weighed {
    let anonymous = match question.caller.client {
        Client::Anonymous => Disguise::NoCredential,
        Client::Application(_) if question.caller.strength <= Strength::Claimed => {
            Disguise::InvalidCredential
        }
        Client::Application(_) | Client::Workload(_) => Disguise::None,
    };
    match question.found {
        Match::Found(found) => weigh_operation(question, found, anonymous, rule),
        Match::MethodNotDeclared { allow, .. } => undeclared_method(*allow, anonymous),
        Match::UnknownOperation { .. } => {
            let refusal = by_caller(anonymous, UNKNOWN_OPERATION, NO_CREDENTIAL_UNKNOWN_OPERATION);
            Weighed::refused(refusal, anonymous)
        }
        Match::UnknownHost => Weighed::refused(Refusal::of(DenyReason::UnknownHost), Disguise::None),
    }
}

const fn by_caller(disguise: Disguise, known: Refusal, anonymous: Refusal) -> Refusal {
    match disguise {
        Disguise::NoCredential => anonymous,
        Disguise::InvalidCredential | Disguise::None | Disguise::UnknownOperation => known,
    }
}

fn weigh_operation(
    question: &Question<'_>,
    found: &Found,
    anonymous: Disguise,
    rule: impl FnOnce(&Facts<'_>) -> Ruling,
) -> Weighed {
    let Some(operation) = question.catalog.operation(found.operation) else {
        return Weighed::refused(Refusal::of(DenyReason::PolicyFault), anonymous);
    };
    let disguise = match (anonymous, operation.visibility) {
        (Disguise::None, Visibility::Hidden) => Disguise::UnknownOperation,
        (anonymous, Visibility::Hidden | Visibility::Shown) => anonymous,
    };
    let mut texts: SmallVec<[Cow<'_, str>; 4]> = SmallVec::new();
    for place in 0..found.captures.len() {
        if let Some(captured) = found.captures.value(question.request, place) {
            texts.push(captured.text());
        }
    }
    let mut values: SmallVec<[ParameterValue<'_>; 4]> = SmallVec::new();
    let mut misfit = false;
    for (parameter, text) in operation.parameters.iter().zip(&texts) {
        match parameter.kind.read(text) {
            Ok(value) => values.push(value),
            Err(_) => {
                misfit = true;
                values.push(ParameterValue::String(text));
            }
        }
    }
    let (scopes, covered) = match question.scopes {
        Scopes::Listed(scopes) => (scopes, cover(scopes, operation)),
        Scopes::Both { key, token } => (key, cover(key, operation) && cover(token, operation)),
        Scopes::Facts(scopes) => (scopes, true),
        Scopes::Unlimited => (&[][..], true),
    };
    let reason = if misfit { DenyReason::BadParameter } else { DenyReason::OutOfScope };
    let lack = (misfit || !covered).then_some(Lack { reason, scope: !covered });
    let facts = Facts {
        operation: found.operation,
        caller: question.caller,
        scopes,
        params: &values,
        source_ip: question.source_ip,
        now: question.now,
    };
    match lack {
        None => ruled(rule(&facts), disguise, anonymous),
        Some(lack) => lack.weigh(question, operation, disguise, || rule(&facts)),
    }
}

/// What a request of a declared operation lacks, whatever policy says.
#[derive(Clone, Copy, Debug)]
struct Lack {
    reason: DenyReason,
    /// The credential's scopes do not cover the operation.
    scope: bool,
}

impl Lack {
    /// Refuses, but for what only the declaration has wrong while the API is observed. Guards hold there too, so policy is
    /// asked, and only then: what is refused in any case costs no evaluation.
    fn weigh(
        self,
        question: &Question<'_>,
        operation: &Operation,
        disguise: Disguise,
        rule: impl FnOnce() -> Ruling,
    ) -> Weighed {
        let refusal = Refusal::of(self.reason);
        let refused = Weighed::refused(refusal, disguise);
        let is_narrow = self.scope && !(operation.groups.is_empty() && names_groups(question));
        if is_narrow || !question.mode.observes(question.now) {
            return refused;
        }
        match rule().kind {
            RulingKind::Permit { .. } | RulingKind::NoGrant => {
                Weighed { weight: Weight::Undescribed(refusal), ..refused }
            }
            RulingKind::Forbid { .. } | RulingKind::Fault { .. } => refused,
        }
    }
}

/// Whether the credential was made for groups of the API, so that it may be meant for an operation that is in none as yet: one is
/// declared before somebody lets it into a group. What was made for single operations is not meant for any other.
fn names_groups(question: &Question<'_>) -> bool {
    let Some(api) = question.found.api().and_then(|api| question.catalog.api(api)) else { return false };
    let is_group = |scope: &String| match scope.strip_prefix(api.name.as_str()) {
        // An operation's id has a blank, a group's name has none; a group may have no operation yet.
        Some(rest) => rest.is_empty() || (rest.starts_with(':') && !rest.contains(' ')),
        None => false,
    };
    match question.scopes {
        Scopes::Listed(scopes) => scopes.iter().any(is_group),
        Scopes::Both { key, token } => key.iter().any(is_group) && token.iter().any(is_group),
        Scopes::Facts(_) | Scopes::Unlimited => false,
    }
}

/// Turns the answer of policy into a weight. Permit is written out; all else refuses.
fn ruled(ruling: Ruling, disguise: Disguise, anonymous: Disguise) -> Weighed {
    let Ruling { kind, observed } = ruling;
    let (weight, policies) = match kind {
        RulingKind::Permit { by } if observed.is_empty() => (Weight::Permitted, by),
        RulingKind::Permit { by } => (Weight::PermittedButObserved, by),
        RulingKind::NoGrant => {
            let refusal = by_caller(anonymous, Refusal::of(DenyReason::NoGrant), NO_CREDENTIAL);
            (Weight::Refused(refusal), PolicyRefs::none())
        }
        RulingKind::Forbid { by } => (Weight::Refused(Refusal::of(DenyReason::Guard)), by),
        RulingKind::Fault { policies } => (Weight::Refused(Refusal::of(DenyReason::PolicyFault)), policies),
    };
    Weighed { weight, policies, observed, allow: None, disguise, challenge: None }
}

/// Whether one of the scopes is the operation's id or a group it is in. No scopes cover nothing.
#[must_use]
pub fn cover(scopes: &[String], operation: &Operation) -> bool {
    scopes.iter().any(|scope| {
        *scope == operation.id.as_str() || operation.groups.iter().any(|group| *scope == group.as_str())
    })
}

/// `allow` has no methods of hidden operations.
fn undeclared_method(allow: MethodSet, anonymous: Disguise) -> Weighed {
    let refusal =
        by_caller(anonymous, Refusal::of(DenyReason::MethodNotDeclared), NO_CREDENTIAL_METHOD_NOT_DECLARED);
    match anonymous {
        // A path of hidden operations alone does not exist.
        Disguise::None if allow.is_empty() => Weighed::refused(refusal, Disguise::UnknownOperation),
        Disguise::None => Weighed { allow: Some(allow), ..Weighed::refused(refusal, Disguise::None) },
        Disguise::InvalidCredential | Disguise::NoCredential | Disguise::UnknownOperation => {
            Weighed::refused(refusal, anonymous)
        }
    }
}

/// The operation that a match found.
pub(crate) const fn operation_of(found: &Match) -> Option<OperationIndex> {
    match found {
        Match::Found(found) => Some(found.operation),
        Match::MethodNotDeclared { .. } | Match::UnknownHost | Match::UnknownOperation { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight_of(kind: RulingKind) -> Weight {
        ruled(Ruling { kind, observed: PolicyRefs::none() }, Disguise::None, Disguise::None).weight
    }

    #[test]
    fn only_a_permit_permits() {
        let none = PolicyRefs::none;
        let refused = |reason| Weight::Refused(Refusal::of(reason));
        for (kind, expected) in [
            (RulingKind::Permit { by: none() }, Weight::Permitted),
            (RulingKind::NoGrant, refused(DenyReason::NoGrant)),
            (RulingKind::Forbid { by: none() }, refused(DenyReason::Guard)),
            (RulingKind::Fault { policies: none() }, refused(DenyReason::PolicyFault)),
        ] {
            assert_eq!(weight_of(kind.clone()), expected, "{kind:?}");
        }
    }

    #[test]
    fn observation_suspends_exactly_the_reasons_on_the_list() {
        let (now, later) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
        for &reason in DenyReason::ALL {
            let refusal = Refusal::of(reason);
            let weight = Weight::Refused(refusal);
            assert_eq!(apply_mode(weight, Mode::Enforce, now), Outcome::Refused(refusal), "{reason:?}");
            assert_eq!(
                apply_mode(weight, Mode::ObserveUntil(now), now),
                Outcome::Refused(refusal),
                "{reason:?}"
            );
            let observed = match reason {
                DenyReason::MethodNotDeclared
                | DenyReason::NoCredential
                | DenyReason::NoGrant
                | DenyReason::StepUp
                | DenyReason::UnknownOperation => Outcome::Observed(refusal),
                _ => Outcome::Refused(refusal),
            };
            assert_eq!(apply_mode(weight, Mode::ObserveUntil(later), now), observed, "{reason:?}");
        }
    }
}
