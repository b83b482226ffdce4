//! Why a decision is what it is, for the person who must act.
//!
//! An explanation judges the caller's slice exactly as [`Policies::decide`] does, without the cache, and adds the
//! grants of the same API that cover another caller or another operation. It says what the first unmet condition
//! of each policy is, which grant comes nearest, and which smallest grant would permit exactly this caller to call
//! exactly this operation. Where a guard forbids, no grant helps, and it says so.

mod grant;
pub(crate) mod unmet;

use std::collections::BTreeSet;

use model::{Client, PolicyId, Strength};

use crate::compile::Policies;
use crate::decide::{Judged, Tally, judge, of_misfit, reaches, reads_misfit, settle};
use crate::facts::{Facts, Question};
use crate::rule::{APPLICATION, Effect, Force, Rule, WORKLOAD};
use crate::ruling::{Ruling, RulingKind};
use crate::schema::quoted;
use crate::slice::OperationEntry;

/// The most grants outside of the slice that are looked at.
const NEAR_MISSES_MAX: usize = 100;

/// How one policy stands to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleOutcomeKind {
    /// Its conditions could not be evaluated, so the request is denied.
    Error,
    /// It covers the request, but its `@expires` has passed.
    Expired,
    /// It holds.
    Hit,
    /// It does not hold.
    Miss,
    /// It would forbid, but only observes until its `@observe_until`.
    Observed,
}

impl RuleOutcomeKind {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Expired => "expired",
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Observed => "observed",
        }
    }
}

/// One policy in an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOutcome {
    pub id: PolicyId,
    pub effect: Effect,
    pub outcome: RuleOutcomeKind,
    /// The first condition that is not met, as Cedar text; for a policy that has expired, its end.
    pub unmet: Option<String>,
}

/// What a person can do about a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantAdvice {
    /// Nothing is needed.
    AlreadyPermitted,
    /// This text, put under `policies/`, permits exactly this caller to call exactly this operation.
    Grant(String),
    /// A guard forbids: no grant helps.
    Guarded,
    /// Nobody is known to grant anything to: the caller has to present a credential.
    Identify,
    /// A policy cannot be evaluated, or the operation is not declared: no grant helps before that is mended.
    Mend,
}

impl GrantAdvice {
    /// The text of the grant, where one helps.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Grant(text) => Some(text),
            Self::AlreadyPermitted | Self::Guarded | Self::Identify | Self::Mend => None,
        }
    }
}

/// Everything that a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The same ruling that [`Policies::decide`] gives.
    pub ruling: Ruling,
    /// The policies of the slice in the order of loading, then grants that miss by caller or operation.
    pub rules: Vec<RuleOutcome>,
    /// The policy to look at: the guard that forbids, the policy that fails, or else the grant that comes nearest
    /// to permitting. None where the request is permitted or no grant is near.
    pub nearest: Option<PolicyId>,
    pub grant: GrantAdvice,
}

/// How far a grant is from holding; less is nearer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    scope: ScopeMiss,
    conditions: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ScopeMiss {
    Covered,
    Caller,
    Operation,
}

struct Explained {
    outcome: RuleOutcome,
    distance: Distance,
}

impl Policies {
    /// Explains a decision: the same judgement as [`Policies::decide`], with its reasons.
    #[must_use]
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation {
        let operation = self.operation(facts.operation);
        let fitting = operation.filter(|operation| operation.parameters.len() == facts.params.len());
        let Some((operation, slice)) =
            fitting.and_then(|operation| Some((operation, self.slice(operation, &facts.caller.client)?)))
        else {
            return Explanation {
                ruling: Ruling::fault(),
                rules: Vec::new(),
                nearest: None,
                grant: GrantAdvice::Mend,
            };
        };
        let covered: BTreeSet<u32> = slice.iter().flat_map(|part| part.rules.iter().copied()).collect();
        let ask = |force| self.question_about(operation, covered.iter().copied(), force, facts);
        let (enforced, observed) = (ask(Force::Enforced), ask(Force::Observed));
        let mut tally = Tally::default();
        let mut explained = Vec::new();
        for &number in &covered {
            let Some(rule) = self.rule(number) else { continue };
            let question = match rule.force(facts.now) {
                Force::Enforced => enforced.as_ref(),
                Force::Observed => observed.as_ref(),
            };
            let judged = match reads_misfit(operation, rule, facts) {
                true => of_misfit(rule),
                false => self.judge_rule(number, question),
            };
            let judged = settle(rule, judged, facts);
            if !rule.expired(facts.now) {
                tally.count(rule, judged, facts);
            }
            explained.push(covered_outcome(rule, judged, question, facts));
        }
        let ruling = tally.ruling();
        explained.extend(self.near_misses(operation, &covered, facts));
        let nearest = match &ruling.kind {
            RulingKind::Permit { .. } => None,
            RulingKind::Fault { policies } => policies.iter().next().cloned(),
            RulingKind::Forbid { by } => by.iter().next().cloned(),
            RulingKind::NoGrant => explained
                .iter()
                .filter(|one| {
                    one.outcome.effect == Effect::Permit && one.outcome.outcome != RuleOutcomeKind::Hit
                })
                .min_by_key(|one| one.distance)
                .map(|one| one.outcome.id.clone()),
        };
        let grant = match &ruling.kind {
            RulingKind::Fault { .. } => GrantAdvice::Mend,
            RulingKind::Forbid { .. } => GrantAdvice::Guarded,
            RulingKind::NoGrant => self.smallest_grant(operation, facts),
            RulingKind::Permit { .. } => GrantAdvice::AlreadyPermitted,
        };
        Explanation { ruling, rules: explained.into_iter().map(|one| one.outcome).collect(), nearest, grant }
    }

    fn smallest_grant(&self, operation: &OperationEntry, facts: &Facts<'_>) -> GrantAdvice {
        let (principal, name) = match &facts.caller.client {
            Client::Anonymous => return GrantAdvice::Identify,
            Client::Application(application) => (APPLICATION, application.name.as_str()),
            Client::Workload(workload) => (WORKLOAD, workload.name.as_str()),
        };
        let taken: BTreeSet<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
        let reads = self.reads(facts.operation);
        let objects = operation.parameters.iter().zip(facts.params);
        let objects = objects.filter(|(parameter, _)| reads.params.contains(&parameter.name));
        let conditions: Vec<String> =
            objects.map(|(parameter, value)| grant::condition(&parameter.name, value)).collect();
        let grantee = grant::Grantee { kind: principal, name, team: facts.caller.client.team() };
        GrantAdvice::Grant(grant::text(&grantee, &operation.id, &conditions, facts.now, &taken))
    }

    fn judge_rule(&self, number: u32, question: Option<&Question>) -> Judged {
        match (self.condition(number), question) {
            (None, _) => Judged::Hit,
            (Some(condition), Some(question)) => judge(question, condition),
            (Some(_), None) => Judged::Error,
        }
    }

    /// Grants of the same API that cover this operation for others, or this caller for other operations.
    fn near_misses(
        &self,
        operation: &OperationEntry,
        covered: &BTreeSet<u32>,
        facts: &Facts<'_>,
    ) -> Vec<Explained> {
        let is_of_api = |place: &u32| {
            let other = self.operation(catalog::OperationIndex(*place));
            other.is_some_and(|other| other.api == operation.api)
        };
        let rules = (0_u32..).zip(self.rules.iter().zip(&self.reach));
        rules
            .filter(|(number, (rule, _))| rule.effect == Effect::Permit && !covered.contains(number))
            .filter_map(|(number, (rule, reach))| {
                let covers_operation = reach.binary_search(&facts.operation.0).is_ok();
                let covers_caller = rule.scope.principals.cover(&facts.caller.client);
                let (miss, unmet) = match (covers_operation, covers_caller) {
                    (true, false) => (ScopeMiss::Caller, principal_text(rule)),
                    (false, true) if reach.iter().any(is_of_api) => (ScopeMiss::Operation, action_text(rule)),
                    (true, true) | (false, true | false) => return None,
                };
                let conditions = match miss {
                    ScopeMiss::Covered | ScopeMiss::Operation => 0,
                    ScopeMiss::Caller => {
                        let question =
                            self.question_about(operation, std::iter::once(number), Force::Enforced, facts);
                        unmet::count(rule, question.as_ref())
                    }
                };
                Some(Explained {
                    outcome: RuleOutcome {
                        id: rule.id.clone(),
                        effect: rule.effect,
                        outcome: RuleOutcomeKind::Miss,
                        unmet: Some(unmet),
                    },
                    distance: Distance { scope: miss, conditions },
                })
            })
            .take(NEAR_MISSES_MAX)
            .collect()
    }
}

fn covered_outcome(rule: &Rule, judged: Judged, question: Option<&Question>, facts: &Facts<'_>) -> Explained {
    let expired = rule.annotations.expires.filter(|_| rule.expired(facts.now));
    let first_unmet = match judged {
        Judged::Hit => None,
        // It holds, and not for a caller that nobody vouched for.
        Judged::Miss if rule.effect == Effect::Permit && !reaches(rule, facts.caller) => {
            Some(format!("context.strength > {}", Strength::Claimed.as_long()))
        }
        Judged::Error | Judged::Miss => unmet::first(rule, question),
    };
    let (outcome, unmet) = match (expired, judged) {
        (Some(end), _) => {
            let end = format!("context.now < datetime({})", quoted(&end.to_string()));
            (RuleOutcomeKind::Expired, Some(end))
        }
        (None, Judged::Error) => (RuleOutcomeKind::Error, first_unmet),
        (None, Judged::Miss) => (RuleOutcomeKind::Miss, first_unmet),
        (None, Judged::Hit) if rule.force(facts.now) == Force::Observed => (RuleOutcomeKind::Observed, None),
        (None, Judged::Hit) => (RuleOutcomeKind::Hit, None),
    };
    let conditions = unmet::count(rule, question) + usize::from(expired.is_some());
    Explained {
        outcome: RuleOutcome { id: rule.id.clone(), effect: rule.effect, outcome, unmet },
        distance: Distance { scope: ScopeMiss::Covered, conditions },
    }
}

/// The scope's principal as it is written in Cedar.
fn principal_text(rule: &Rule) -> String {
    use cedar_policy::PrincipalConstraint as C;
    match rule.policy.principal_constraint() {
        C::Any => "principal".to_owned(),
        C::Eq(uid) => format!("principal == {uid}"),
        C::In(uid) => format!("principal in {uid}"),
        C::Is(kind) => format!("principal is {kind}"),
        C::IsIn(kind, uid) => format!("principal is {kind} in {uid}"),
    }
}

/// The scope's action, or its resource where the action covers everything.
fn action_text(rule: &Rule) -> String {
    use cedar_policy::{ActionConstraint as A, ResourceConstraint as R};
    match rule.policy.action_constraint() {
        A::Eq(uid) => format!("action == {uid}"),
        A::In(uids) => match uids.as_slice() {
            [uid] => format!("action in {uid}"),
            uids => {
                let uids: Vec<_> = uids.iter().map(ToString::to_string).collect();
                format!("action in [{}]", uids.join(", "))
            }
        },
        A::Any => match rule.policy.resource_constraint() {
            R::Any => "resource".to_owned(),
            R::Eq(uid) => format!("resource == {uid}"),
            R::In(uid) => format!("resource in {uid}"),
            R::Is(kind) => format!("resource is {kind}"),
            R::IsIn(kind, uid) => format!("resource is {kind} in {uid}"),
        },
    }
}
