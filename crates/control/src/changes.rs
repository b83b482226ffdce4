//! What one revision changes against another: policies, operations, groups, and who can do more, less, or on other terms.
//!
//! Callers are compared by what policy lets them do, and by which of their keys cover an operation, since a group that grows
//! widens keys as well. What did not change is told by the content of the slices, so a small edit of a large set costs
//! little: callers whom policies cannot tell apart are judged once per plan, however many operations have it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
/// The most questions that a comparison asks policy; what is beyond it is counted and not judged.
pub(crate) const JUDGED_MAX: usize = 500_000;

/// What a revision changes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// APIs that begin or end to be enforced.
    pub modes: Vec<ModeChange>,
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
    /// Callers and operations whose policies changed and which were too many to judge one by one.
    pub unjudged: usize,
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

/// An API whose calls are from now on refused where policy refuses them, or pass all the same: `enforce` or `observe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModeChange {
    pub api: String,
    pub before: &'static str,
    pub now: &'static str,
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
            && self.modes.is_empty()
            && self.joined.is_empty()
            && self.left.is_empty()
            && self.counts == Counts::default()
            && self.unjudged == 0
    }
}

/// Compares two revisions for these callers at one time.
pub(crate) fn compare(before: Side<'_>, after: Side<'_>, callers: &[KnownCaller], now: Timestamp) -> Summary {
    let mut summary = Summary {
        policies: changed_policies(before.policies, after.policies),
        operations: changed_operations(before.catalog, after.catalog),
        ..Summary::default()
    };
    let mut comparison = Comparison { before, after, callers, now, told: HashSet::new(), left: JUDGED_MAX };
    let ids: BTreeSet<&str> = [before, after]
        .iter()
        .flat_map(|side| side.catalog.operations())
        .map(|one| one.id.as_str())
        .collect();
    let mut plans: BTreeMap<Plans, Vec<&str>> = BTreeMap::new();
    for id in &ids {
        let plan = |side: Side<'_>| side.find(id).and_then(|(index, _)| side.policies.plan(index));
        plans.entry((plan(before), plan(after))).or_default().push(id);
    }
    comparison.by_policy(&plans, &mut summary);
    for id in ids {
        comparison.by_groups(id, &mut summary);
    }
    for list in [&mut summary.gains, &mut summary.loses, &mut summary.alters] {
        list.sort_by(|one, other| (&one.operation, &one.caller).cmp(&(&other.operation, &other.caller)));
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

/// Two plans that stand for one another; operations with the same two have the same policies on both sides.
type Plans = (Option<u32>, Option<u32>);

struct Comparison<'a> {
    before: Side<'a>,
    after: Side<'a>,
    callers: &'a [KnownCaller],
    now: Timestamp,
    /// The plans and callers of which policy says something else.
    told: HashSet<(Plans, usize)>,
    /// How often policy is still asked.
    left: usize,
}

impl<'a> Comparison<'a> {
    /// Who can do more, less, or the same on other terms, by what policies say.
    fn by_policy(&mut self, plans: &BTreeMap<Plans, Vec<&str>>, summary: &mut Summary) {
        let content = |side: Side<'_>, id: &str| side.policies.plan_content(side.find(id)?.0);
        let differing: Vec<(Plans, &[&str])> = plans
            .iter()
            .filter(|(_, ids)| {
                ids.first().is_some_and(|id| content(self.before, id) != content(self.after, id))
            })
            .map(|(plans, ids)| (*plans, ids.as_slice()))
            .collect();
        for members in alike(self.callers, [self.before.policies, self.after.policies]) {
            let Some(caller) = members.first().and_then(|place| self.callers.get(*place)) else { continue };
            let mut judges = Judges {
                before: self.before.policies.reaches(caller.whom(), self.now),
                after: self.after.policies.reaches(caller.whom(), self.now),
            };
            for &(plans, ids) in &differing {
                let Some(&first) = ids.first() else { continue };
                let (old, new) = (self.before.find(first), self.after.find(first));
                let slice = |side: Side<'_>, found: Option<(OperationIndex, &Operation)>| {
                    found
                        .map(|(index, _)| side.policies.slice_content(caller.whom(), index))
                        .unwrap_or_default()
                };
                if slice(self.before, old) == slice(self.after, new) {
                    continue;
                }
                let Some(left) = self.left.checked_sub(1) else {
                    summary.unjudged += members.len() * ids.len();
                    continue;
                };
                self.left = left;
                let pair = judges.ask(old, new);
                let Some(kind) = pair.kind() else { continue };
                self.told.extend(members.iter().map(|&place| (plans, place)));
                summary.note(kind, &pair, &members, ids, self);
            }
        }
    }

    /// Which groups an operation joined or left, and who has a key that covers it only now, or no longer, because of that.
    fn by_groups(&mut self, id: &str, summary: &mut Summary) {
        let (before, after) = (self.before.find(id), self.after.find(id));
        let groups = |side: Option<(OperationIndex, &Operation)>| -> BTreeSet<String> {
            let groups = side.iter().flat_map(|(_, operation)| operation.groups.iter());
            groups.map(ToString::to_string).collect()
        };
        let (old, new) = (groups(before), groups(after));
        if old == new {
            return;
        }
        let change = |group: &String| GroupChange { operation: id.to_owned(), group: group.clone() };
        summary.joined.extend(new.difference(&old).map(change));
        summary.left.extend(old.difference(&new).map(change));
        let plan = |side: Side<'_>, found: Option<(OperationIndex, &Operation)>| side.policies.plan(found?.0);
        let plans = (plan(self.before, before), plan(self.after, after));
        for (place, caller) in self.callers.iter().enumerate() {
            if caller.keys.is_empty() || self.told.contains(&(plans, place)) {
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
            let Some(left) = self.left.checked_sub(1) else {
                summary.unjudged += 1;
                continue;
            };
            self.left = left;
            let mut judges = Judges {
                before: self.before.policies.reaches(caller.whom(), self.now),
                after: self.after.policies.reaches(caller.whom(), self.now),
            };
            let pair = judges.ask(before, after);
            if pair.before() == ReachDecision::Never && pair.now() == ReachDecision::Never {
                continue;
            }
            let by = vec!["key scopes".to_owned()];
            let access = pair.access(caller, id, by, after.map(|(_, operation)| operation));
            summary.add(kind, 1, || vec![access]);
        }
    }
}

/// What policy lets one caller do on both sides.
struct Judges<'a> {
    before: Reaches<'a>,
    after: Reaches<'a>,
}

impl Judges<'_> {
    fn ask(
        &mut self,
        before: Option<(OperationIndex, &Operation)>,
        after: Option<(OperationIndex, &Operation)>,
    ) -> Pair {
        Pair {
            before: before.map(|(index, _)| self.before.to(index)),
            after: after.map(|(index, _)| self.after.to(index)),
        }
    }
}

/// Callers whom policies cannot tell apart, as places in the list: of one kind, team and strength, named by nobody, and with
/// the same attributes where any policy may look at them.
fn alike(callers: &[KnownCaller], sides: [&Policies; 2]) -> Vec<Vec<usize>> {
    let named: Vec<_> = sides.iter().map(|policies| policies.named_clients()).collect();
    let is_named = |caller: &KnownCaller| match &caller.who {
        Who::Client(model::Client::Application(application), _) => {
            named.iter().any(|named| named.applications.contains(application.name.as_str()))
        }
        Who::Client(model::Client::Workload(_) | model::Client::Anonymous, _) | Who::Team(_) => true,
    };
    let reads_attributes = sides.iter().any(|policies| policies.read_attributes());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_key: HashMap<(String, model::Strength, String), usize> = HashMap::new();
    for (place, caller) in callers.iter().enumerate() {
        let key = match &caller.who {
            Who::Client(model::Client::Application(application), strength) if !is_named(caller) => {
                let attributes = match reads_attributes {
                    true => format!("{:?}", application.attributes),
                    false => String::new(),
                };
                Some((application.team.to_string(), *strength, attributes))
            }
            Who::Client(..) | Who::Team(_) => None,
        };
        let known = key.as_ref().and_then(|key| by_key.get(key).copied());
        match known.and_then(|group| groups.get_mut(group)) {
            Some(group) => group.push(place),
            None => {
                by_key.extend(key.map(|key| (key, groups.len())));
                groups.push(vec![place]);
            }
        }
    }
    groups
}

#[derive(Clone, Copy)]
enum Kind {
    Alters,
    Gains,
    Loses,
}

impl Summary {
    fn add(&mut self, kind: Kind, count: usize, rows: impl FnOnce() -> Vec<Access>) {
        let (list, counted) = match kind {
            Kind::Alters => (&mut self.alters, &mut self.counts.alters),
            Kind::Gains => (&mut self.gains, &mut self.counts.gains),
            Kind::Loses => (&mut self.loses, &mut self.counts.loses),
        };
        *counted += count;
        if list.len() < LISTED_MAX {
            list.extend(rows());
            list.truncate(LISTED_MAX);
        }
    }

    /// Notes what changes for all of these callers and operations alike.
    fn note(
        &mut self,
        kind: Kind,
        pair: &Pair,
        members: &[usize],
        ids: &[&str],
        comparison: &Comparison<'_>,
    ) {
        self.add(kind, members.len() * ids.len(), || {
            let callers = members.iter().filter_map(|place| comparison.callers.get(*place));
            let each = callers.flat_map(|caller| ids.iter().map(move |id| (caller, *id)));
            each.take(LISTED_MAX)
                .map(|(caller, id)| {
                    let operation = comparison.after.find(id).map(|(_, operation)| operation);
                    pair.access(caller, id, pair.by(kind), operation)
                })
                .collect()
        });
    }
}

/// What policy says of a caller and an operation on both sides; none where the operation is not declared there.
struct Pair {
    before: Option<Arc<Reach>>,
    after: Option<Arc<Reach>>,
}

impl Pair {
    fn before(&self) -> ReachDecision {
        self.before.as_ref().map_or(ReachDecision::Never, |reach| reach.decision)
    }

    fn now(&self) -> ReachDecision {
        self.after.as_ref().map_or(ReachDecision::Never, |reach| reach.decision)
    }

    /// What kind of change it is; none where nothing changes for the caller.
    fn kind(&self) -> Option<Kind> {
        match self.before().cmp(&self.now()) {
            Ordering::Less => Some(Kind::Gains),
            Ordering::Greater => Some(Kind::Loses),
            Ordering::Equal => {
                let is_open = self.now() == ReachDecision::Conditional;
                (is_open && terms(self.before.as_ref()) != terms(self.after.as_ref())).then_some(Kind::Alters)
            }
        }
    }

    /// The policies that do it, or did.
    fn by(&self, kind: Kind) -> Vec<String> {
        let grants = |reach: &Option<Arc<Reach>>| -> Vec<String> {
            reach.iter().flat_map(|reach| &reach.grants).map(|grant| grant.id.to_string()).collect()
        };
        let guards = self.after.iter().flat_map(|reach| &reach.guards).filter(|guard| !guard.observes);
        match kind {
            Kind::Loses if grants(&self.after) == grants(&self.before) => {
                guards.map(|guard| guard.id.to_string()).collect()
            }
            Kind::Loses => grants(&self.before),
            Kind::Alters | Kind::Gains => grants(&self.after),
        }
    }

    fn access(
        &self,
        caller: &KnownCaller,
        id: &str,
        by: Vec<String>,
        operation: Option<&Operation>,
    ) -> Access {
        Access {
            caller: caller.label.clone(),
            operation: id.to_owned(),
            before: self.before().as_str(),
            now: self.now().as_str(),
            by,
            conditions: self.after.as_ref().map(|reach| conditions(reach)).unwrap_or_default(),
            keys: caller.calls_with_keys.then(|| operation.map_or(0, |operation| caller.covering(operation))),
        }
    }
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
