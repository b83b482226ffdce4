//! What policy lets a caller do before there is a request: always, under conditions, or never.
//!
//! The scopes of policies are settled by the slices, as for a request. What of their conditions depends on nothing but the
//! caller, the operation and its API is judged by Cedar's own evaluator, part by part as an explanation does it; what looks
//! at the request, its time or its address stays a condition and is told. So `Always` and `Never` hold for every request
//! that this caller can send; scopes of keys, limits, blocks and modes are no business of policy and not looked at.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use catalog::OperationIndex;
use cedar_policy::Expression;
use foldhash::fast::RandomState;
use model::{Caller, Client, CredentialRef, PolicyId, Strength, TeamName, Timestamp};
use smallvec::SmallVec;

use crate::compile::Policies;
use crate::decide::{Judged, judge, reaches};
use crate::digest::ContentHash;
use crate::explain::unmet;
use crate::facts::{Facts, Question};
use crate::reads::Reads;
use crate::rule::{APPLICATION, Effect, Force, OfTeam, Rule, WORKLOAD};
use crate::slice::{OperationEntry, Part};
use crate::words::{self, Sense};

/// Who is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Whom<'a> {
    /// A client, and how surely it is known when it calls.
    Client { client: &'a Client, strength: Strength },
    /// Every member of a team, whatever its name and attributes are.
    Team(&'a TeamName),
}

/// A part of a policy's conditions that a request has to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// As it is written.
    pub cedar: String,
    /// In plain words.
    pub words: String,
}

/// Conditions that must all be met; shared, since many callers have the same.
pub type Conditions = Arc<[Arc<Condition>]>;

/// Whether a caller can call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReachDecision {
    /// No request of this caller is permitted.
    Never,
    /// It depends on the request.
    Conditional,
    /// Every request of this caller is permitted.
    Always,
}

impl ReachDecision {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Conditional => "conditional",
            Self::Always => "always",
        }
    }
}

/// A grant that can permit the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantReach {
    pub id: PolicyId,
    /// None where it always does.
    pub conditions: Conditions,
}

/// A guard that can forbid the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardReach {
    pub id: PolicyId,
    /// When it does; none where it always does.
    pub conditions: Conditions,
    /// Whether it only observes, and so changes nothing yet.
    pub observes: bool,
}

/// What policy says of a caller and an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    pub decision: ReachDecision,
    /// In the order of loading.
    pub grants: Vec<GrantReach>,
    pub guards: Vec<GuardReach>,
}

impl Reach {
    /// No policy says anything.
    const fn never() -> Self {
        Self { decision: ReachDecision::Never, grants: Vec::new(), guards: Vec::new() }
    }
}

/// One part of a condition, prepared.
#[derive(Debug)]
pub(crate) struct Term {
    condition: Arc<Condition>,
    wanted: Judged,
    reads: Reads,
    /// None where it looks at the request, which is not known here.
    known: Option<Expression>,
}

/// What remains of a rule for a caller.
#[derive(Clone)]
enum Left {
    /// It cannot hold.
    Fails,
    /// It holds where these do.
    Open(Conditions),
}

/// What one caller can do, by one set of policies at one time.
pub struct Reaches<'a> {
    policies: &'a Policies,
    whom: Whom<'a>,
    caller: Caller,
    now: Timestamp,
    /// A policy that is left out.
    without: Option<u32>,
    /// What remains of rules for this caller, whatever the operation is.
    settled: HashMap<u32, Left, RandomState>,
    /// What was found of a plan: its operations have the same rules, and where a rule reads the operation or its API, one
    /// operation or API alone.
    planned: HashMap<u32, Arc<Reach>, RandomState>,
}

impl std::fmt::Debug for Reaches<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reaches").field("whom", &self.whom).finish_non_exhaustive()
    }
}

impl Policies {
    /// What one caller can do at `now`. Ask about all operations of one caller in a row: what depends on the caller alone
    /// is judged once.
    #[must_use]
    pub fn reaches<'a>(&'a self, whom: Whom<'a>, now: Timestamp) -> Reaches<'a> {
        let caller = match whom {
            Whom::Client { client, strength } => {
                Caller::client(client.clone(), strength, CredentialRef::Absent)
            }
            Whom::Team(_) => Caller::anonymous(),
        };
        Reaches {
            policies: self,
            whom,
            caller,
            now,
            without: None,
            settled: HashMap::default(),
            planned: HashMap::default(),
        }
    }

    /// What one caller can do with one operation at `now`.
    #[must_use]
    pub fn reach(&self, whom: Whom<'_>, operation: OperationIndex, now: Timestamp) -> Arc<Reach> {
        self.reaches(whom, now).to(operation)
    }

    /// What tells the policies of a caller and an operation apart from those of another revision: where both are the same,
    /// so is everything that [`Self::reach`] says.
    #[must_use]
    pub fn slice_content(&self, whom: Whom<'_>, operation: OperationIndex) -> SmallVec<[u128; 4]> {
        let parts = self.operation(operation).map(|entry| self.parts_of(entry, whom)).unwrap_or_default();
        parts.iter().filter(|part| !part.rules.is_empty()).map(|part| part.content).collect()
    }

    /// The number of an operation's plan: operations with one plan have the same policies for every caller.
    #[must_use]
    pub fn plan(&self, operation: OperationIndex) -> Option<u32> {
        self.operation(operation).map(|entry| entry.plan)
    }

    /// What tells an operation's policies, whoever calls it, apart from those of another revision.
    #[must_use]
    pub fn plan_content(&self, operation: OperationIndex) -> Option<u128> {
        let plan = self.slices.plans.get(usize::try_from(self.plan(operation)?).ok()?)?;
        let mut content = ContentHash::new("plan");
        let mut add = |kind: &str, name: &str, number: u32| {
            let part = usize::try_from(number).ok().and_then(|number| self.slices.parts.get(number));
            // A part without rules says as much as one that is not there.
            if let Some(part) = part.filter(|part| !part.rules.is_empty()) {
                content.text(kind);
                content.text(name);
                content.text(&part.content.to_string());
            }
        };
        for (kind, number) in [
            ("anonymous", plan.anonymous),
            ("applications", plan.applications),
            ("workloads", plan.workloads),
        ] {
            add(kind, "", number);
        }
        for (kind, parts) in [
            ("team", &plan.teams),
            ("application", &plan.named),
            ("team of workloads", &plan.workload_teams),
            ("workload", &plan.named_workloads),
        ] {
            let parts: BTreeMap<&str, u32> = parts.iter().map(|(name, number)| (&**name, *number)).collect();
            parts.into_iter().for_each(|(name, number)| add(kind, name, number));
        }
        Some(content.short())
    }

    fn parts_of(&self, entry: &OperationEntry, whom: Whom<'_>) -> SmallVec<[&Part; 4]> {
        match whom {
            Whom::Client { client, .. } => {
                self.slice(entry, client).map(|slice| slice.into_iter().collect()).unwrap_or_default()
            }
            Whom::Team(team) => {
                let plan = usize::try_from(entry.plan).ok().and_then(|plan| self.slices.plans.get(plan));
                let Some(plan) = plan else { return SmallVec::new() };
                let of_team = [&plan.teams, &plan.workload_teams].into_iter();
                let of_team = of_team.filter_map(|parts| parts.get(team.as_str()).copied());
                let numbers = [plan.applications, plan.workloads].into_iter().chain(of_team);
                let parts = numbers.filter_map(|number| usize::try_from(number).ok());
                parts.filter_map(|number| self.slices.parts.get(number)).collect()
            }
        }
    }

    /// The parts of a rule's conditions.
    pub(crate) fn terms(&self, number: u32) -> &[Term] {
        let Some(number) = usize::try_from(number).ok() else { return &[] };
        match (self.terms.get(number), self.rules.get(number)) {
            (Some(terms), Some(rule)) => terms.get_or_init(|| prepare(rule)),
            (_, _) => &[],
        }
    }
}

impl Term {
    pub(crate) fn condition(&self) -> &Arc<Condition> {
        &self.condition
    }
}

fn prepare(rule: &Rule) -> Box<[Term]> {
    unmet::terms(rule)
        .into_iter()
        .map(|term| {
            let reads = Reads::of_part(term.expression);
            let sense = match term.wanted {
                Judged::Hit | Judged::Error => Sense::Holds,
                Judged::Miss => Sense::Fails,
            };
            let is_known = reads.context.is_empty();
            Term {
                condition: Arc::new(Condition {
                    cedar: term.text(),
                    words: words::condition(term.expression, sense),
                }),
                wanted: term.wanted,
                known: is_known.then(|| Expression::from_str(&term.expression.to_string()).ok()).flatten(),
                reads,
            }
        })
        .collect()
}

impl Reaches<'_> {
    /// As if this policy were not there. One that is unknown changes nothing.
    #[must_use]
    pub fn without(mut self, id: &str) -> Self {
        let rules = (0_u32..).zip(&self.policies.rules);
        self.without = rules.into_iter().find(|(_, rule)| rule.id.as_str() == id).map(|(number, _)| number);
        self
    }

    /// What the caller can do with an operation. One that is not declared is never called.
    #[must_use]
    pub fn to(&mut self, operation: OperationIndex) -> Arc<Reach> {
        let Some(entry) = self.policies.operation(operation) else { return Arc::new(Reach::never()) };
        if let Some(known) = self.planned.get(&entry.plan) {
            return Arc::clone(known);
        }
        let reach = Arc::new(self.find(entry, operation));
        self.planned.insert(entry.plan, Arc::clone(&reach));
        reach
    }

    fn find(&mut self, entry: &OperationEntry, operation: OperationIndex) -> Reach {
        let mut reach = Reach::never();
        let parts = self.policies.parts_of(entry, self.whom);
        let mut numbers: SmallVec<[u32; 32]> =
            parts.iter().flat_map(|part| part.rules.iter().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let Some(rule) = self.policies.rule(number) else { continue };
            if self.without == Some(number) || rule.expired(self.now) {
                continue;
            }
            let Left::Open(conditions) = self.left(number, rule, entry, operation) else { continue };
            let id = rule.id.clone();
            match rule.effect {
                Effect::Permit => reach.grants.push(GrantReach { id, conditions }),
                Effect::Forbid => {
                    let observes = rule.force(self.now) == Force::Observed;
                    reach.guards.push(GuardReach { id, conditions, observes });
                }
            }
        }
        reach.decision = decision(&reach);
        reach
    }

    fn left(&mut self, number: u32, rule: &Rule, entry: &OperationEntry, operation: OperationIndex) -> Left {
        if let Some(known) = self.settled.get(&number) {
            return known.clone();
        }
        let terms = self.policies.terms(number);
        let left = self.judge(rule, terms, entry, operation);
        let of_caller_alone =
            |term: &Term| term.known.is_none() || !(term.reads.action || term.reads.resource);
        if terms.iter().all(of_caller_alone) {
            self.settled.insert(number, left.clone());
        }
        left
    }

    fn judge(&self, rule: &Rule, terms: &[Term], entry: &OperationEntry, operation: OperationIndex) -> Left {
        let mut open: Vec<Arc<Condition>> = Vec::new();
        match self.whom {
            // A grant that does not count for whom nobody vouched for.
            Whom::Client { .. } if rule.effect == Effect::Permit && !reaches(rule, &self.caller) => {
                return Left::Fails;
            }
            Whom::Client { .. } => {}
            Whom::Team(team) => match rule.scope.principals.cover_team(team.as_str()) {
                OfTeam::Everybody => {}
                OfTeam::Nobody => return Left::Fails,
                OfTeam::Applications => open.push(kind(APPLICATION, "the caller is an application")),
                OfTeam::Workloads => open.push(kind(WORKLOAD, "the caller is a workload")),
            },
        }
        for term in terms {
            match self.judge_term(term, entry, operation) {
                Some(judged) if judged == term.wanted => {}
                Some(Judged::Hit | Judged::Miss) => return Left::Fails,
                // What fails to evaluate depends on a part before it: it stays a condition.
                Some(Judged::Error) | None => open.push(Arc::clone(&term.condition)),
            }
        }
        Left::Open(open.into())
    }

    fn judge_term(&self, term: &Term, entry: &OperationEntry, operation: OperationIndex) -> Option<Judged> {
        let expression = term.known.as_ref()?;
        let is_unknown = match self.whom {
            Whom::Client { .. } => false,
            Whom::Team(_) => term.reads.principal,
        };
        if is_unknown {
            return None;
        }
        let facts = Facts {
            operation,
            caller: &self.caller,
            scopes: &[],
            params: &[],
            source_ip: None,
            now: self.now,
        };
        let question = Question::new(self.policies, entry, &term.reads, &facts)?;
        Some(judge(&question, expression))
    }
}

fn kind(name: &str, words: &str) -> Arc<Condition> {
    Arc::new(Condition { cedar: format!("principal is {name}"), words: words.to_owned() })
}

/// `Always` is written out; whatever is in doubt is less.
fn decision(reach: &Reach) -> ReachDecision {
    let mut guards = reach.guards.iter().filter(|guard| !guard.observes);
    if reach.grants.is_empty() || guards.any(|guard| guard.conditions.is_empty()) {
        return ReachDecision::Never;
    }
    let is_guarded = reach.guards.iter().any(|guard| !guard.observes);
    match reach.grants.iter().any(|grant| grant.conditions.is_empty()) {
        true if !is_guarded => ReachDecision::Always,
        true | false => ReachDecision::Conditional,
    }
}
