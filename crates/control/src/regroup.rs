//! Groups of operations: `groups.lock` is brought up to the documents by `api regroup` and by a publish, both of which
//! say who gains what by it. Nothing else makes a group grow.

use std::collections::BTreeMap;

use catalog::{GroupsLock, Regrouped};
use config::{ApiConfig, ConfigError};
use policy::{PolicySummary, ValidationCache};
use serde::Serialize;

use crate::actor::{Actor, Needs};
use crate::apis::find;
use crate::applications::is_live;
use crate::check::{Checked, check_with};
use crate::declarations::{lock_of, operations_of};
use crate::files::{self, Files};
use crate::publish::Rebuild;
use crate::{Control, ControlError};

/// What `api regroup` did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct RegroupView {
    pub api: String,
    pub joined: Vec<Membership>,
    pub left: Vec<Membership>,
    /// Who may do more than before, by which policy.
    pub gains: Vec<Gain>,
    /// Whether the lock was written.
    pub written: bool,
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

/// A lock to be written.
struct Lock {
    object: String,
    path: String,
    bytes: Vec<u8>,
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
        let mut plan = self.plan_groups(&mut known, &mut all, Some(name))?;
        if act == RegroupAct::Write && !plan.locks.is_empty() {
            self.write_groups(actor, &mut plan, reason)?;
            self.reload_holding(&mut known, Rebuild::IfChanged, actor, "api regrouped")?;
        }
        plan.views.pop().ok_or_else(|| ControlError::Absent { what: "api", name: name.to_owned() })
    }

    /// What the locks would be, of one API or of all, with who would gain; `files` is changed to have them. Nothing is
    /// written.
    pub(crate) fn plan_groups(
        &self,
        known: &mut ValidationCache,
        files: &mut Files,
        only: Option<&str>,
    ) -> Result<Plan, ControlError> {
        let before = check_with(files, known).map_err(ControlError::Files)?;
        let chosen: Vec<&ApiConfig> = match only {
            Some(name) => vec![find(&before.repository.apis, name)?],
            None => before.repository.apis.iter().collect(),
        };
        let mut locks = Vec::new();
        let mut changes = Vec::new();
        for api in chosen {
            let regrouped = regrouped(api)?;
            if !regrouped.changes.joined.is_empty() || !regrouped.changes.left.is_empty() {
                let lock = Lock {
                    object: format!("api {}", api.name),
                    path: format!("apis/{}/groups.lock", api.name),
                    bytes: regrouped.lock.render().into_bytes(),
                    summary: summary(&regrouped),
                };
                files.insert(lock.path.clone(), lock.bytes.clone());
                locks.push(lock);
            }
            changes.push((api.name.as_str(), regrouped));
        }
        let after = check_with(files, known).map_err(ControlError::Files)?;
        let live_keys = self.live_keys()?;
        let views = changes.iter().map(|(name, regrouped)| RegroupView {
            api: (*name).to_owned(),
            joined: memberships(&regrouped.changes.joined),
            left: memberships(&regrouped.changes.left),
            gains: gains_of(name, &before, &after, regrouped, &live_keys),
            written: false,
        });
        Ok(Plan { views: views.collect(), locks })
    }

    /// Records and writes the locks of a plan.
    pub(crate) fn write_groups(
        &self,
        actor: &Actor,
        plan: &mut Plan,
        reason: &str,
    ) -> Result<(), ControlError> {
        for lock in plan.locks.drain(..) {
            let said = if reason.is_empty() { lock.summary } else { format!("{reason} ({})", lock.summary) };
            self.record(actor, "api.regroup", &lock.object, &said)?;
            let written = files::replace(&self.folder, &lock.path, &lock.bytes);
            self.carried(actor, "api.regroup", &lock.object, written)?;
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
    before: &Checked,
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
        let known: Vec<&str> = reaching(before, &operation).map(|policy| policy.id.as_str()).collect();
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
