//! What one revision changes against another: policies, operations, groups, and who can do more, less, or on other terms.
//!
//! Callers are compared by what policy lets them do, and by which of their keys cover an operation, since a group that grows
//! widens keys as well. What did not change is told by the content of the slices, so a small edit of a large set costs
//! little: each caller is judged once per plan, however many operations have it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use catalog::{Catalog, Operation, OperationIndex};
use model::Timestamp;
use policy::{Policies, Reach, ReachDecision, Reaches};
use serde::Serialize;
use serde_json::Value;

use crate::callers::{KnownCaller, Who};
use crate::check::Checked;

/// The most rows of each kind that a summary lists.
pub(crate) const LISTED_MAX: usize = 1_000;

/// What a revision changes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub policies: Changed,
    /// Operations that are declared, by id.
    pub operations: Changed,
    pub joined: Vec<GroupChange>,
    pub left: Vec<GroupChange>,
    /// Who can do more.
    pub gains: Vec<Access>,
    /// Who can do less.
    pub loses: Vec<Access>,
    /// Who can do the same on other terms.
    pub alters: Vec<Access>,
    /// How many there are of each; the lists end at 1,000.
    pub counts: Counts,
    /// What recorded calls say, where they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Value>,
}

/// Names that are new, that mean something else, and that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changed {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

/// An operation that joined or left a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GroupChange {
    pub operation: String,
    pub group: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub gains: usize,
    pub loses: usize,
    pub alters: usize,
}

/// What changes for one caller and one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    pub caller: String,
    pub operation: String,
    /// `always`, `conditional` or `never`: what policy said.
    pub before: &'static str,
    /// What it says now.
    pub now: &'static str,
    /// The grants that do it, or did; `key scopes` where policy is the same.
    pub by: Vec<String>,
    /// What is asked for now, in words.
    pub conditions: Vec<String>,
    /// How many of the application's keys cover the operation now; absent for who calls without keys of ours.
    pub keys: Option<usize>,
}

/// One of two revisions that are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) policies: &'a Policies,
}

impl<'a> Side<'a> {
    pub(crate) fn of(checked: &'a Checked) -> Self {
        Self { catalog: &checked.catalog, policies: &checked.policies }
    }

    fn find(self, id: &str) -> Option<(OperationIndex, &'a Operation)> {
        let index = self.catalog.by_id(id)?;
        Some((index, self.catalog.operation(index)?))
    }
}

impl Summary {
    /// Whether nothing changes for anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let none = |changed: &Changed| *changed == Changed::default();
        none(&self.policies)
            && none(&self.operations)
            && self.joined.is_empty()
            && self.left.is_empty()
            && self.counts == Counts::default()
    }
}

/// Compares two revisions for these callers at one time.
pub(crate) fn compare(before: Side<'_>, after: Side<'_>, callers: &[KnownCaller], now: Timestamp) -> Summary {
    let mut summary = Summary {
        policies: changed_policies(before.policies, after.policies),
        operations: changed_operations(before.catalog, after.catalog),
        ..Summary::default()
    };
    let ids: BTreeSet<&str> = [before, after]
        .iter()
        .flat_map(|side| side.catalog.operations())
        .map(|one| one.id.as_str())
        .collect();
    let mut comparison = Comparison::new(before, after, callers, now);
    for id in ids {
        comparison.operation(id, &mut summary);
    }
    summary
}

fn changed_policies(before: &Policies, after: &Policies) -> Changed {
    let texts = |policies: &Policies| -> BTreeMap<String, String> {
        policies.policies().map(|policy| (policy.id.to_string(), policy.text.to_owned())).collect()
    };
    changed(&texts(before), &texts(after))
}

fn changed_operations(before: &Catalog, after: &Catalog) -> Changed {
    let ids = |catalog: &Catalog| -> BTreeMap<String, ()> {
        catalog.operations().iter().map(|operation| (operation.id.to_string(), ())).collect()
    };
    changed(&ids(before), &ids(after))
}

pub(crate) fn changed<V: PartialEq>(before: &BTreeMap<String, V>, after: &BTreeMap<String, V>) -> Changed {
    let names = |of: &BTreeMap<String, V>, is: &dyn Fn(&str, &V) -> bool| -> Vec<String> {
        of.iter().filter(|(name, value)| is(name, value)).map(|(name, _)| name.clone()).collect()
    };
    Changed {
        added: names(after, &|name, _| !before.contains_key(name)),
        changed: names(after, &|name, value| before.get(name).is_some_and(|old| old != value)),
        removed: names(before, &|name, _| !after.contains_key(name)),
    }
}

/// What one caller can do with the operations of a plan, before and now.
#[derive(Clone)]
struct Pair {
    caller: usize,
    before: Option<Arc<Reach>>,
    after: Option<Arc<Reach>>,
}

/// Two plans that stand for one another.
type Plans = (Option<u32>, Option<u32>);

struct Comparison<'a> {
    before: Side<'a>,
    after: Side<'a>,
    callers: &'a [KnownCaller],
    /// Made for a caller when something of it may have changed.
    reaches: HashMap<usize, (Reaches<'a>, Reaches<'a>)>,
    /// The callers for whom two plans differ.
    differing: HashMap<Plans, Rc<[Pair]>>,
    now: Timestamp,
}

impl<'a> Comparison<'a> {
    fn new(before: Side<'a>, after: Side<'a>, callers: &'a [KnownCaller], now: Timestamp) -> Self {
        Self { before, after, callers, reaches: HashMap::new(), differing: HashMap::new(), now }
    }

    fn operation(&mut self, id: &str, summary: &mut Summary) {
        let (before, after) = (self.before.find(id), self.after.find(id));
        let groups = |side: Option<(OperationIndex, &Operation)>| -> BTreeSet<String> {
            let groups = side.iter().flat_map(|(_, operation)| operation.groups.iter());
            groups.map(ToString::to_string).collect()
        };
        let (old, new) = (groups(before), groups(after));
        let change = |group: &String| GroupChange { operation: id.to_owned(), group: group.clone() };
        summary.joined.extend(new.difference(&old).map(change));
        summary.left.extend(old.difference(&new).map(change));
        let differing = self.differing(before.map(|(index, _)| index), after.map(|(index, _)| index));
        let mut told = BTreeSet::new();
        for pair in differing.iter() {
            let Some(caller) = self.callers.get(pair.caller) else { continue };
            if let Some((kind, access)) = by_policy(caller, id, pair, after.map(|(_, operation)| operation)) {
                told.insert(pair.caller);
                summary.add(kind, access);
            }
        }
        if old != new {
            self.by_scopes(id, before, after, &told, summary);
        }
    }

    /// Who has a key that covers an operation only now, or no longer, because of the groups that it is in.
    fn by_scopes(
        &mut self,
        id: &str,
        before: Option<(OperationIndex, &Operation)>,
        after: Option<(OperationIndex, &Operation)>,
        told: &BTreeSet<usize>,
        summary: &mut Summary,
    ) {
        let callers = self.callers;
        for (place, caller) in callers.iter().enumerate() {
            if caller.keys.is_empty() || told.contains(&place) {
                continue;
            }
            let covering = |side: Option<(OperationIndex, &Operation)>| {
                side.map_or(0, |(_, operation)| caller.covering(operation))
            };
            let kind = match (covering(before), covering(after)) {
                (0, 1..) => Kind::Gains,
                (1.., 0) => Kind::Loses,
                (_, _) => continue,
            };
            let (old, new) = self.reaches_of(place, caller);
            let old = before.map(|(index, _)| old.to(index));
            let new = after.map(|(index, _)| new.to(index));
            let can = |reach: &Option<Arc<Reach>>| decision(reach) != ReachDecision::Never;
            if !(can(&old) || can(&new)) {
                continue;
            }
            let access = Access {
                caller: caller.label.clone(),
                operation: id.to_owned(),
                before: decision(&old).as_str(),
                now: decision(&new).as_str(),
                by: vec!["key scopes".to_owned()],
                conditions: new.as_ref().map(|reach| conditions(reach)).unwrap_or_default(),
                keys: Some(covering(after)),
            };
            summary.add(kind, access);
        }
    }

    fn reaches_of(&mut self, place: usize, caller: &'a KnownCaller) -> &mut (Reaches<'a>, Reaches<'a>) {
        let (before, after, now) = (self.before.policies, self.after.policies, self.now);
        let whom = caller.whom();
        self.reaches.entry(place).or_insert_with(|| (before.reaches(whom, now), after.reaches(whom, now)))
    }

    fn differing(&mut self, before: Option<OperationIndex>, after: Option<OperationIndex>) -> Rc<[Pair]> {
        let plan = |side: Side<'_>, index: Option<OperationIndex>| side.policies.plan(index?);
        let plans = (plan(self.before, before), plan(self.after, after));
        if let Some(known) = self.differing.get(&plans) {
            return Rc::clone(known);
        }
        let content = |side: Side<'_>, index: Option<OperationIndex>| side.policies.plan_content(index?);
        let mut pairs = Vec::new();
        if content(self.before, before) != content(self.after, after) {
            let callers = self.callers;
            for (place, caller) in callers.iter().enumerate() {
                let slice = |side: Side<'_>, index: Option<OperationIndex>| {
                    index.map(|index| side.policies.slice_content(caller.whom(), index)).unwrap_or_default()
                };
                if slice(self.before, before) == slice(self.after, after) {
                    continue;
                }
                let (old, new) = self.reaches_of(place, caller);
                let (old, new) = (before.map(|index| old.to(index)), after.map(|index| new.to(index)));
                pairs.push(Pair { caller: place, before: old, after: new });
            }
        }
        let pairs: Rc<[Pair]> = pairs.into();
        self.differing.insert(plans, Rc::clone(&pairs));
        pairs
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Alters,
    Gains,
    Loses,
}

impl Summary {
    fn add(&mut self, kind: Kind, access: Access) {
        let (list, count) = match kind {
            Kind::Alters => (&mut self.alters, &mut self.counts.alters),
            Kind::Gains => (&mut self.gains, &mut self.counts.gains),
            Kind::Loses => (&mut self.loses, &mut self.counts.loses),
        };
        *count += 1;
        if list.len() < LISTED_MAX {
            list.push(access);
        }
    }
}

fn decision(reach: &Option<Arc<Reach>>) -> ReachDecision {
    reach.as_ref().map_or(ReachDecision::Never, |reach| reach.decision)
}

fn by_policy(
    caller: &KnownCaller,
    id: &str,
    pair: &Pair,
    operation: Option<&Operation>,
) -> Option<(Kind, Access)> {
    let (before, now) = (decision(&pair.before), decision(&pair.after));
    let kind = match before.cmp(&now) {
        std::cmp::Ordering::Less => Kind::Gains,
        std::cmp::Ordering::Greater => Kind::Loses,
        std::cmp::Ordering::Equal
            if now == ReachDecision::Conditional
                && terms(pair.before.as_ref()) != terms(pair.after.as_ref()) =>
        {
            Kind::Alters
        }
        std::cmp::Ordering::Equal => return None,
    };
    let grants = |reach: &Option<Arc<Reach>>| -> Vec<String> {
        reach.iter().flat_map(|reach| &reach.grants).map(|grant| grant.id.to_string()).collect()
    };
    let guards = pair.after.iter().flat_map(|reach| &reach.guards).filter(|guard| !guard.observes);
    let by = match kind {
        // What took it away is a guard where the grants are still there.
        Kind::Loses if !grants(&pair.after).is_empty() => guards.map(|guard| guard.id.to_string()).collect(),
        Kind::Loses => grants(&pair.before),
        Kind::Alters | Kind::Gains => grants(&pair.after),
    };
    let access = Access {
        caller: caller.label.clone(),
        operation: id.to_owned(),
        before: before.as_str(),
        now: now.as_str(),
        by,
        conditions: pair.after.as_ref().map(|reach| conditions(reach)).unwrap_or_default(),
        keys: caller.calls_with_keys.then(|| operation.map_or(0, |operation| caller.covering(operation))),
    };
    Some((kind, access))
}

/// What a caller must meet, whatever the policies are called.
fn terms(reach: Option<&Arc<Reach>>) -> BTreeSet<(bool, Vec<String>)> {
    let texts = |conditions: &policy::Conditions| conditions.iter().map(|one| one.cedar.clone()).collect();
    let mut terms = BTreeSet::new();
    if let Some(reach) = reach {
        terms.extend(reach.grants.iter().map(|grant| (true, texts(&grant.conditions))));
        let guards = reach.guards.iter().filter(|guard| !guard.observes);
        terms.extend(guards.map(|guard| (false, texts(&guard.conditions))));
    }
    terms
}

/// What is asked for, a line for each grant and each guard.
pub(crate) fn conditions(reach: &Reach) -> Vec<String> {
    if reach.decision != ReachDecision::Conditional {
        return Vec::new();
    }
    let told = |conditions: &policy::Conditions| {
        conditions.iter().map(|one| one.words.as_str()).collect::<Vec<_>>().join(", and ")
    };
    let mut lines: Vec<String> = Vec::new();
    for grant in &reach.grants {
        let when = if grant.conditions.is_empty() { "always".to_owned() } else { told(&grant.conditions) };
        lines.push(format!("by {}: {when}", grant.id));
    }
    for guard in reach.guards.iter().filter(|guard| !guard.observes) {
        lines.push(format!("never by {}: {}", guard.id, told(&guard.conditions)));
    }
    lines
}

/// Those whom a summary is about: every client, and of the teams those that have none.
pub(crate) fn compared(callers: Vec<KnownCaller>) -> Vec<KnownCaller> {
    let manned: BTreeSet<String> = callers
        .iter()
        .filter(|caller| matches!(caller.who, Who::Client(..)))
        .filter_map(|caller| caller.team().map(ToString::to_string))
        .collect();
    let is_compared = |caller: &KnownCaller| match &caller.who {
        Who::Client(..) => true,
        Who::Team(team) => !manned.contains(team.as_str()),
    };
    callers.into_iter().filter(is_compared).collect()
}
