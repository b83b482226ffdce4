//! From weighed uses to grants: as few as say the same.
//!
//! What one caller needs of one API for the same reasons is one grant. It names a group only where the caller needs every
//! operation that the group has now, and a team only where each of the team's applications needs just that. A use that waits
//! for somebody's word is a grant of its own, so that the word is about it alone.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Catalog;
use model::GroupName;

use super::weigh::{Concern, Weighed, confidence, least_strength};
use super::{Basis, Evidence, Grantee, Need, Proposal, Reach, SuggestQuestion, text};

/// The most decisions that a grant names.
const SAMPLES_MAX: usize = 3;

/// Uses that one grant is for.
struct Joined {
    grantee: Grantee,
    api: String,
    basis: Basis,
    concerns: BTreeSet<Concern>,
    /// By operation; none where it was declared and never called.
    needs: BTreeMap<String, Vec<Need>>,
    /// By operation, the scopes of tokens that declare it.
    scopes: BTreeMap<String, BTreeSet<String>>,
}

pub(super) fn join(
    weighed: Vec<Weighed>,
    seen: &BTreeMap<String, BTreeSet<String>>,
    question: &SuggestQuestion<'_>,
) -> Vec<Proposal> {
    let mut alone = Vec::new();
    // By caller, API and basis.
    let mut together: BTreeMap<(String, String, Basis), Joined> = BTreeMap::new();
    let mut teams: BTreeMap<String, Option<String>> = BTreeMap::new();
    for use_ in weighed {
        let Some(grantee) = grantee(&use_.caller) else { continue };
        teams.insert(use_.caller.clone(), use_.team.clone());
        let needs = || BTreeMap::from([(use_.operation.clone(), use_.need.clone().into_iter().collect())]);
        if !use_.concerns.is_empty() {
            alone.push(Joined {
                grantee,
                api: use_.api.clone(),
                basis: use_.basis,
                concerns: use_.concerns.clone(),
                needs: needs(),
                scopes: BTreeMap::from([(use_.operation.clone(), use_.scopes.clone())]),
            });
            continue;
        }
        let key = (use_.caller.clone(), use_.api.clone(), use_.basis);
        let joined = together.entry(key).or_insert_with(|| Joined {
            grantee,
            api: use_.api.clone(),
            basis: use_.basis,
            concerns: BTreeSet::new(),
            needs: BTreeMap::new(),
            scopes: BTreeMap::new(),
        });
        joined.needs.extend(needs());
        joined.scopes.insert(use_.operation, use_.scopes);
    }
    let joined = by_team(together, &teams, seen.clone(), question);
    let mut proposals = Vec::new();
    for joined in joined.into_iter().chain(alone) {
        proposals.extend(split(&joined, question.catalog).into_iter().map(|part| propose(part, question)));
    }
    proposals
}

fn grantee(label: &str) -> Option<Grantee> {
    if let Some(name) = label.strip_prefix("app:") {
        return Some(Grantee::Application(name.to_owned()));
    }
    label.strip_prefix("workload:").map(|name| Grantee::Workload(name.to_owned()))
}

/// Joins what every application of a team needs alike, where there are at least two. A team's grant is for all of its clients,
/// so those count as well that no directory knows and that were merely
/// seen; and where others give out the team, nobody knows whom it will be for.
fn by_team(
    together: BTreeMap<(String, String, Basis), Joined>,
    teams: &BTreeMap<String, Option<String>>,
    seen: BTreeMap<String, BTreeSet<String>>,
    question: &SuggestQuestion<'_>,
) -> Vec<Joined> {
    let mut members = seen;
    for application in question.world.applications() {
        let label = format!("app:{}", application.name);
        members.entry(application.team.to_string()).or_default().insert(label);
    }
    // By team, API, basis and just these operations: the callers.
    let mut alike: BTreeMap<(String, String, Basis, Vec<String>), BTreeSet<String>> = BTreeMap::new();
    for ((caller, api, basis), joined) in &together {
        if let Some(Some(team)) = teams.get(caller) {
            let operations: Vec<String> = joined.needs.keys().cloned().collect();
            alike.entry((team.clone(), api.clone(), *basis, operations)).or_default().insert(caller.clone());
        }
    }
    let mut together = together;
    let mut joined = Vec::new();
    for ((team, api, basis, _), callers) in alike {
        if callers.len() < 2 || members.get(&team) != Some(&callers) || question.world.is_open(&team) {
            continue;
        }
        let mut needs: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        let mut scopes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for caller in callers {
            if let Some(one) = together.remove(&(caller, api.clone(), basis)) {
                for (operation, of_one) in one.needs {
                    needs.entry(operation).or_default().extend(of_one);
                }
                for (operation, of_one) in one.scopes {
                    scopes.entry(operation).or_default().extend(of_one);
                }
            }
        }
        let grantee = Grantee::Team(team);
        joined.push(Joined { grantee, api, basis, concerns: BTreeSet::new(), needs, scopes });
    }
    joined.extend(together.into_values());
    joined
}

/// One part of a joined use, with the group that says it where there is one.
struct PartOf<'a> {
    joined: &'a Joined,
    reach: Reach,
    operations: Vec<String>,
}

/// Splits off the groups of which every member is needed.
fn split<'a>(joined: &'a Joined, catalog: &Catalog) -> Vec<PartOf<'a>> {
    let mut left: BTreeSet<String> = joined.needs.keys().cloned().collect();
    let mut parts = Vec::new();
    for (group, members) in groups_of(&joined.api, catalog) {
        if 1 < members.len() && members.iter().all(|member| left.contains(member)) {
            left.retain(|operation| !members.contains(operation));
            parts.push(PartOf { joined, reach: Reach::Group(group.to_string()), operations: members });
        }
    }
    if !left.is_empty() {
        let operations: Vec<String> = left.into_iter().collect();
        parts.push(PartOf { joined, reach: Reach::Operations(operations.clone()), operations });
    }
    parts
}

/// The built-in groups of an API, the largest first, with the operations that are in each.
fn groups_of(api: &str, catalog: &Catalog) -> Vec<(GroupName, Vec<String>)> {
    let mut groups: BTreeMap<GroupName, Vec<String>> = BTreeMap::new();
    let built_in = [api.to_owned(), format!("{api}:read"), format!("{api}:write")];
    for operation in catalog.operations().iter().filter(|operation| operation.id.api() == api) {
        for group in
            operation.groups.iter().filter(|group| built_in.iter().any(|name| name == group.as_str()))
        {
            groups.entry(group.clone()).or_default().push(operation.id.to_string());
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.iter_mut().for_each(|(_, members)| members.sort());
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    groups
}

fn propose(part: PartOf<'_>, question: &SuggestQuestion<'_>) -> Proposal {
    let PartOf { joined, reach, operations } = part;
    let needs: Vec<&Need> =
        operations.iter().filter_map(|operation| joined.needs.get(operation)).flatten().collect();
    let calls = needs.iter().map(|need| need.calls).sum();
    let days = needs.iter().fold(0, |days, need| days | need.days).count_ones();
    let strength = least_strength(joined.basis, needs.iter().copied());
    let scopes: BTreeSet<&String> =
        operations.iter().filter_map(|operation| joined.scopes.get(operation)).flatten().collect();
    // A grant is as sure as the least sure of what it permits.
    let sureness = operations.iter().map(|operation| {
        let of_one = joined.needs.get(operation).map(Vec::as_slice).unwrap_or_default();
        let calls = of_one.iter().map(|need| need.calls).sum();
        let days = of_one.iter().fold(0, |days, need| days | need.days).count_ones();
        let hours = of_one.iter().fold(0, |hours, need| hours | need.hours).count_ones();
        confidence(calls, days, hours)
    });
    let confidence = sureness.fold(1.0, f64::min);
    let evidence = Evidence {
        calls,
        days,
        first_seen: needs.iter().map(|need| need.first).min().map(|time| time.to_string()),
        last_seen: needs.iter().map(|need| need.last).max().map(|time| time.to_string()),
        strength: strength.as_str(),
        samples: needs.iter().flat_map(|need| need.samples.iter().cloned()).take(SAMPLES_MAX).collect(),
        scopes: scopes.into_iter().cloned().collect(),
    };
    let mut proposal = Proposal {
        id: text::id(&joined.grantee, &joined.api, joined.basis, &operations),
        owner: question.world.api(&joined.api).map(|api| api.owner).unwrap_or_default(),
        api: joined.api.clone(),
        grantee: joined.grantee.clone(),
        reach,
        operations,
        basis: joined.basis,
        evidence,
        concerns: joined.concerns.iter().copied().collect(),
        confidence,
        text: String::new(),
    };
    proposal.text = text::policy(&proposal, strength);
    proposal
}
