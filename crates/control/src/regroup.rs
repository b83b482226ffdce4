//! Groups of operations: `groups.lock` is brought up to the documents by `api regroup` and by a publish, both of which
//! say who gains what by it. Nothing else makes a group grow.

use std::collections::BTreeMap;

use catalog::{Changes, GroupsLock, Regrouped};
use config::{ApiConfig, ConfigError};
use model::ApiName;
use policy::{PolicySummary, ValidationCache};
use serde::Serialize;

use crate::actor::{Actor, Needs};
use crate::apis::find;
use crate::applications::is_live;
use crate::changes::{Access, Side, compare, compared};
use crate::check::{Checked, check_with};
use crate::declarations::{is_of, lock_of, operations_of};
use crate::files::{self, Files};
use crate::force::{Bringing, Growth};
use crate::{Control, ControlError};

/// What `api regroup` did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct RegroupView {
    pub api: String,
    pub joined: Vec<Membership>,
    pub left: Vec<Membership>,
    /// Who may do more than before, by which policy.
    pub gains: Vec<Gain>,
    /// The callers who may do more, or on other terms, because of the groups.
    pub callers: Vec<Access>,
    /// Whether the lock was written.
    pub written: bool,
}

impl RegroupView {
    /// Whether any group is another one.
    pub(crate) fn changes(&self) -> bool {
        !(self.joined.is_empty() && self.left.is_empty())
    }
}

/// An operation in a group.
#[derive(Clone, Debug, Serialize)]
pub struct Membership {
    pub group: String,
    pub operation: String,
}

/// A policy that reaches an operation it did not reach before.
#[derive(Clone, Debug, Serialize)]
pub struct Gain {
    pub policy: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    pub operation: String,
    /// Through which group.
    pub group: String,
    /// Live keys whose scopes name a group that the operation joins, so that they cover it as well.
    pub keys: usize,
}

/// Whether `api regroup` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegroupAct {
    DryRun,
    Write,
}

/// New locks of some APIs, and what they change.
pub(crate) struct Plan {
    /// By path; only those that differ.
    locks: Vec<Lock>,
    pub(crate) views: Vec<RegroupView>,
}

/// A lock that says something else than the one in force.
struct Lock {
    object: String,
    path: String,
    /// None where the file says so already.
    bytes: Option<Vec<u8>>,
    summary: String,
}

impl Control {
    /// Brings `groups.lock` of an API up to its document and says who gains what by it.
    pub fn regroup(
        &self,
        actor: &Actor,
        name: &str,
        act: RegroupAct,
        reason: &str,
    ) -> Result<RegroupView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let mut known = self.files();
        let mut all = files::read_all(&self.folder)?;
        if let Ok(api) = ApiName::parse(name) {
            self.demand_owner_of(actor, &self.state(), &api)?;
        }
        let mut plan = self.plan_groups(&mut known, &mut all, Some(name))?;
        if act == RegroupAct::Write && !plan.locks.is_empty() {
            self.refuse_unseen_growth(&all, Growth::Of(name))?;
            self.write_groups(actor, &mut plan, reason)?;
            let bringing = Bringing { growth: Growth::Of(name), ..Bringing::quietly(actor, "api regrouped") };
            self.reload_holding(&mut known, &bringing)?;
        }
        plan.views.pop().ok_or_else(|| ControlError::Absent { what: "api", name: name.to_owned() })
    }

    /// What the locks would be, of one API or of all, with who would gain; `files` is changed to have them. Nothing is
    /// written. What changes is told against the locks in force: one that was edited by hand adds nothing unseen.
    pub(crate) fn plan_groups(
        &self,
        known: &mut ValidationCache,
        files: &mut Files,
        only: Option<&str>,
    ) -> Result<Plan, ControlError> {
        let is_foreign = only.is_some_and(|name| drop_foreign_lock(name, files));
        let now_written = check_with(files, known).map_err(ControlError::Files)?;
        let chosen: Vec<&ApiConfig> = match only {
            Some(name) => vec![find(&now_written.repository.apis, name)?],
            None => now_written.repository.apis.iter().collect(),
        };
        let mut locks = Vec::new();
        let mut changes = Vec::new();
        let mut as_in_force = files.clone();
        for api in chosen {
            let path = format!("apis/{}/groups.lock", api.name);
            let (changed, lock) = (self.regrouped_against_force(api)?, lock_of(api));
            let is_written = !is_foreign && lock.is_ok_and(|lock| lock == changed.lock);
            if !changed.changes.is_empty() || !is_written {
                let bytes = (!is_written).then(|| changed.lock.render().into_bytes());
                if let Some(bytes) = &bytes {
                    files.insert(path.clone(), bytes.clone());
                }
                if let Some(before) = self.lock_in_force(api.name.as_str()) {
                    as_in_force.insert(path.clone(), before.render().into_bytes());
                }
                let object = format!("api {}", api.name);
                locks.push(Lock { object, path, bytes, summary: summary(&changed) });
            }
            changes.push((api.name.as_str(), changed));
        }
        let after = check_with(files, known).map_err(ControlError::Files)?;
        // Without what the groups gain; where a policy needs that to load, all of what reaches an operation is gained.
        let before = check_with(&as_in_force, known).ok();
        let live_keys = self.live_keys()?;
        let callers = self.gaining(before.as_ref(), &after)?;
        let views = changes.iter().map(|(name, regrouped)| RegroupView {
            api: (*name).to_owned(),
            joined: memberships(&regrouped.changes.joined),
            left: memberships(&regrouped.changes.left),
            gains: gains_of(name, before.as_ref(), &after, regrouped, &live_keys),
            callers: of_api(&callers, name),
            written: false,
        });
        Ok(Plan { views: views.collect(), locks })
    }

    /// The lock as it should be, and what that changes against the one in force.
    fn regrouped_against_force(&self, api: &ApiConfig) -> Result<Regrouped, ControlError> {
        let mut regrouped = regrouped(api)?;
        if let Some(before) = self.lock_in_force(api.name.as_str()) {
            regrouped.changes = Changes {
                joined: missing_in(&before, &regrouped.lock),
                left: missing_in(&regrouped.lock, &before),
            };
        }
        Ok(regrouped)
    }

    /// The groups of an API that is in force.
    fn lock_in_force(&self, name: &str) -> Option<GroupsLock> {
        let state = self.state();
        let api = state.loaded.as_ref()?.repository.apis.iter().find(|api| api.name.as_str() == name)?;
        lock_of(api).ok()
    }

    /// Who can do more, or the same on other terms, when nothing but the groups changes.
    fn gaining(&self, before: Option<&Checked>, after: &Checked) -> Result<Vec<Access>, ControlError> {
        let Some(before) = before else { return Ok(Vec::new()) };
        let callers = compared(self.known_callers(&[&before.policies, &after.policies])?);
        let summary = compare(Side::of(before), Side::of(after), &callers, self.now());
        Ok(summary.gains.into_iter().chain(summary.alters).collect())
    }

    /// Records and writes the locks of a plan.
    pub(crate) fn write_groups(
        &self,
        actor: &Actor,
        plan: &mut Plan,
        reason: &str,
    ) -> Result<(), ControlError> {
        for lock in plan.locks.drain(..) {
            let said = match (reason.is_empty(), lock.summary.is_empty()) {
                (true, _) => lock.summary,
                (false, true) => reason.to_owned(),
                (false, false) => format!("{reason} ({})", lock.summary),
            };
            self.record(actor, "api.regroup", &lock.object, &said)?;
            if let Some(bytes) = &lock.bytes {
                let written = files::replace(&self.folder, &lock.path, bytes);
                self.carried(actor, "api.regroup", &lock.object, written)?;
            }
            let named = plan.views.iter_mut().filter(|view| lock.object == format!("api {}", view.api));
            named.for_each(|view| view.written = true);
        }
        Ok(())
    }

    fn live_keys(&self) -> Result<Vec<store::KeyRow>, ControlError> {
        let now = self.now();
        let mut keys = self.state().store.keys()?;
        keys.retain(|key| is_live(key, now));
        Ok(keys)
    }
}

/// Which policies reach operations through groups that these operations join, and how many keys cover them then.
fn gains_of(
    name: &str,
    before: Option<&Checked>,
    after: &Checked,
    regrouped: &Regrouped,
    live_keys: &[store::KeyRow],
) -> Vec<Gain> {
    let mut joined: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (group, key) in &regrouped.changes.joined {
        joined.entry(key.as_str()).or_default().push(group.as_str());
    }
    let mut gains = Vec::new();
    for (key, groups) in joined {
        let operation = format!("{name}:{key}");
        let covers = |row: &&store::KeyRow| row.scopes.iter().any(|scope| groups.contains(&scope.as_str()));
        let keys = live_keys.iter().filter(covers).count();
        let known = before.into_iter().flat_map(|before| reaching(before, &operation));
        let known: Vec<&str> = known.map(|policy| policy.id.as_str()).collect();
        for policy in reaching(after, &operation).filter(|policy| !known.contains(&policy.id.as_str())) {
            // A policy that reaches it only now names one of the groups.
            let named = groups.iter().find(|group| policy.text.contains(&format!("Action::\"{group}\"")));
            gains.push(Gain {
                policy: policy.id.to_string(),
                effect: policy.effect.as_str(),
                operation: operation.clone(),
                group: named.map_or_else(|| groups.join(", "), |group| (*group).to_owned()),
                keys,
            });
        }
    }
    gains.sort_by(|one, other| (&one.policy, &one.operation).cmp(&(&other.policy, &other.operation)));
    gains
}

/// Every membership that the second lock has and the first has not.
fn missing_in(lock: &GroupsLock, other: &GroupsLock) -> Vec<(model::GroupName, String)> {
    let pairs = other.groups.iter().flat_map(|(group, keys)| keys.iter().map(move |key| (group, key)));
    let is_new = |(group, key): &(&model::GroupName, &String)| {
        !lock.groups.get(*group).is_some_and(|keys| keys.contains(*key))
    };
    pairs.filter(is_new).map(|(group, key)| (group.clone(), key.clone())).collect()
}

fn of_api(callers: &[Access], name: &str) -> Vec<Access> {
    let is_of = |access: &&Access| access.operation.split(':').next() == Some(name);
    callers.iter().filter(is_of).cloned().collect()
}

fn reaching<'a>(checked: &'a Checked, operation: &str) -> impl Iterator<Item = PolicySummary<'a>> {
    checked.catalog.by_id(operation).into_iter().flat_map(|index| checked.policies.reaching(index))
}

/// The lock in which every operation of the document is in its built-in groups.
pub(crate) fn regrouped(api: &ApiConfig) -> Result<Regrouped, ControlError> {
    let one = |error: ConfigError| ControlError::Files(vec![error]);
    let lock: GroupsLock = lock_of(api).map_err(one)?;
    let operations = operations_of(api, &lock, &mut Vec::new()).map_err(one)?;
    Ok(catalog::regroup(&api.name, &operations, &lock))
}

/// Takes a lock out of `files` that is of an API of another name, as a renamed or copied folder has it: nothing of it counts
/// here, and it would keep the files from being read. Says whether there was one.
fn drop_foreign_lock(name: &str, files: &mut Files) -> bool {
    let path = format!("apis/{name}/groups.lock");
    let text = files.get(&path).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let lock = text.and_then(|text| GroupsLock::parse(text).ok());
    let is_foreign = lock.is_some_and(|lock| !lock.groups.keys().all(|group| is_of(name, group.as_str())));
    if is_foreign {
        files.remove(&path);
    }
    is_foreign
}

fn memberships(changes: &[(model::GroupName, String)]) -> Vec<Membership> {
    changes
        .iter()
        .map(|(group, operation)| Membership { group: group.to_string(), operation: operation.clone() })
        .collect()
}

/// One line for the log: how many operations joined which group.
fn summary(regrouped: &Regrouped) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (group, _) in &regrouped.changes.joined {
        *counts.entry((group.as_str(), "joined")).or_default() += 1;
    }
    for (group, _) in &regrouped.changes.left {
        *counts.entry((group.as_str(), "left")).or_default() += 1;
    }
    let parts: Vec<String> =
        counts.into_iter().map(|((group, verb), count)| format!("{count} {verb} {group}")).collect();
    parts.join(", ")
}
