//! Slices: for each operation and kind of caller the policies whose scope covers the two.
//!
//! The first key is the operation. The second is the caller: its type, its team, its name; without it a hundred
//! teams with a grant to `orders:read` would put a hundred policies before each request. A caller's slice is made
//! of up to three [`Part`]s: what covers its type, what covers its team, what names it. Parts are shared by
//! content; a part's [`Part::content`] names it across revisions.

use std::collections::HashMap;

use catalog::{ApiIndex, Catalog, PathParameter};
use cedar_policy::EntityUid;
use foldhash::fast::RandomState;
use model::OperationId;
use smallvec::SmallVec;

use crate::digest::ContentHash;
use crate::kept::KeptFact;
use crate::reads::{AddressTest, ContextFact, Names, Precision, Reads};
use crate::rule::{Actions, Principals, Resources, Rule};
use crate::source::Directory;

type Map<K, V> = HashMap<K, V, RandomState>;

/// An operation as deciding needs it.
#[derive(Debug)]
pub(crate) struct OperationEntry {
    pub id: OperationId,
    pub api: ApiIndex,
    pub groups: Box<[Box<str>]>,
    pub parameters: Box<[PathParameter]>,
    /// Of the parameters' names and types.
    pub parameters_content: u128,
    pub action: EntityUid,
    /// What the record of a request keeps.
    pub kept: Box<[KeptFact]>,
    pub plan: u32,
}

/// Which parts which callers of an operation get.
#[derive(Debug)]
pub(crate) struct Plan {
    pub anonymous: u32,
    pub applications: u32,
    /// What covers an application by its team.
    pub teams: Map<Box<str>, u32>,
    /// What names an application.
    pub named: Map<Box<str>, u32>,
    pub workloads: u32,
    /// What covers a workload by its team.
    pub workload_teams: Map<Box<str>, u32>,
    /// What names a workload.
    pub named_workloads: Map<Box<str>, u32>,
    /// What the policies of all callers read.
    pub reads: Reads,
}

/// Policies that cover one kind of caller of one or more operations.
#[derive(Debug)]
pub(crate) struct Part {
    pub content: u128,
    /// In the order of loading.
    pub rules: Box<[u32]>,
    pub reads: Reads,
    pub wants: Wants,
    /// Microseconds since the epoch at which an answer can change; sorted.
    pub breakpoints: Box<[i64]>,
    /// Seconds since the user signed in at which an answer can change; sorted.
    pub age_breakpoints: Box<[i64]>,
    pub observers: Observers,
}

/// Whether a part holds guards that observe, now or at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observers {
    None,
    Some,
}

/// [`Reads`] in the form that a look-up in the cache needs.
#[derive(Clone, Debug)]
pub(crate) struct Wants {
    pub principal: bool,
    pub strength: bool,
    pub mfa: bool,
    pub user: bool,
    pub age: Precision,
    pub scopes: bool,
    pub params: WantedParams,
    pub address: Precision,
    pub address_tests: Box<[AddressTest]>,
    pub now: Precision,
}

#[derive(Clone, Debug)]
pub(crate) enum WantedParams {
    All,
    Listed(Box<[Box<str>]>),
}

/// The parts of one caller's slice.
pub(crate) type Slice<'a> = SmallVec<[&'a Part; 3]>;

/// Everything that deciding looks up, by operation.
#[derive(Debug)]
pub(crate) struct Slices {
    pub operations: Box<[OperationEntry]>,
    pub plans: Box<[Plan]>,
    pub parts: Box<[Part]>,
}

impl Plan {
    /// The numbers of the parts that a caller gets.
    pub(crate) fn parts(&self, client: &model::Client) -> SmallVec<[u32; 3]> {
        match client {
            model::Client::Anonymous => SmallVec::from_slice(&[self.anonymous]),
            model::Client::Application(application) => {
                let mut parts = SmallVec::from_slice(&[self.applications]);
                parts.extend(find(&self.teams, application.team.as_str()));
                parts.extend(find(&self.named, application.name.as_str()));
                parts
            }
            model::Client::Workload(workload) => {
                let mut parts = SmallVec::from_slice(&[self.workloads]);
                let team = workload.team.as_ref();
                parts.extend(team.and_then(|team| find(&self.workload_teams, team.as_str())));
                parts.extend(find(&self.named_workloads, workload.name.as_str()));
                parts
            }
        }
    }
}

/// The part of a name. Most maps are empty, and then nothing is hashed.
#[inline]
fn find(parts: &Map<Box<str>, u32>, name: &str) -> Option<u32> {
    if parts.is_empty() { None } else { parts.get(name).copied() }
}

/// For each rule the operations that its scope covers, sorted.
pub(crate) fn reach(rules: &[Rule], catalog: &Catalog) -> Vec<Vec<u32>> {
    let mut by_id: Map<&str, u32> = Map::default();
    let mut by_group: Map<&str, Vec<u32>> = Map::default();
    for (place, operation) in (0_u32..).zip(catalog.operations()) {
        by_id.insert(operation.id.as_str(), place);
        for group in &operation.groups {
            by_group.entry(group.as_str()).or_default().push(place);
        }
    }
    let apis: Vec<_> = catalog.operations().iter().map(|operation| operation.api).collect();
    let of_api = |name: &str| {
        let place = catalog.apis().iter().position(|api| api.name.as_str() == name)?;
        u16::try_from(place).ok().map(ApiIndex)
    };
    let covered = |rule: &Rule| {
        let mut covered: Vec<u32> = match &rule.scope.actions {
            Actions::Any => (0_u32..).zip(&apis).map(|(place, _)| place).collect(),
            Actions::Exactly(id) => by_id.get(id.as_str()).copied().into_iter().collect(),
            Actions::In(names) => {
                let members = names.iter().filter_map(|name| by_group.get(name.as_str())).flatten().copied();
                let themselves = names.iter().filter_map(|name| by_id.get(name.as_str())).copied();
                members.chain(themselves).collect()
            }
        };
        match &rule.scope.resources {
            Resources::Any => {}
            Resources::None => covered.clear(),
            Resources::Api(name) => {
                let api = of_api(name);
                covered.retain(|&place| {
                    usize::try_from(place).ok().and_then(|place| apis.get(place)).copied() == api
                        && api.is_some()
                });
            }
        }
        covered.sort_unstable();
        covered.dedup();
        covered
    };
    rules.iter().map(covered).collect()
}

/// Puts the slices together.
pub(crate) fn build(rules: &[Rule], reach: &[Vec<u32>], catalog: &Catalog, directory: &Directory) -> Slices {
    let mut of_operation: Vec<Vec<u32>> = vec![Vec::new(); catalog.operations().len()];
    for (number, (rule, covered)) in (0_u32..).zip(rules.iter().zip(reach)) {
        if rule.scope.principals == Principals::Nobody {
            continue;
        }
        for &place in covered {
            if let Some(list) = usize::try_from(place).ok().and_then(|place| of_operation.get_mut(place)) {
                list.push(number);
            }
        }
    }
    let mut builder = Builder {
        rules,
        catalog,
        directory,
        plans: Vec::new(),
        plan_of: Map::default(),
        parts: Vec::new(),
        part_of: Map::default(),
    };
    let operations = (0_u32..)
        .zip(catalog.operations().iter().zip(of_operation))
        .filter_map(|(place, (operation, list))| {
            let plan = builder.plan(place, operation, list)?;
            let reads = &builder.plans.get(usize::try_from(plan).ok()?)?.reads;
            Some(OperationEntry {
                id: operation.id.clone(),
                api: operation.api,
                groups: operation.groups.iter().map(|group| group.as_str().into()).collect(),
                parameters_content: parameters_content(&operation.parameters),
                parameters: operation.parameters.clone(),
                action: crate::facts::uid(crate::rule::ACTION, operation.id.as_str())?,
                kept: KeptFact::of(
                    reads,
                    &operation.parameters,
                    catalog.api(operation.api).map_or(&[], |api| &*api.scopes),
                    directory.attributes.keys(),
                    directory.user_attributes.keys(),
                ),
                plan,
            })
        })
        .collect();
    Slices { operations, plans: builder.plans.into(), parts: builder.parts.into() }
}

fn parameters_content(parameters: &[PathParameter]) -> u128 {
    let mut content = ContentHash::new("parameters");
    for parameter in parameters {
        content.text(&parameter.name);
        content.text(parameter.kind.as_str());
    }
    content.short()
}

/// What makes two parts the same: rules, and the API and operation where a condition reads them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct PartKey {
    rules: Vec<u32>,
    api: Option<ApiIndex>,
    operation: Option<u32>,
}

/// The rules of each kind of caller, in the order of loading.
#[derive(Default)]
struct Lists {
    anonymous: Vec<u32>,
    applications: Vec<u32>,
    teams: Map<Box<str>, Vec<u32>>,
    named: Map<Box<str>, Vec<u32>>,
    workloads: Vec<u32>,
    workload_teams: Map<Box<str>, Vec<u32>>,
    named_workloads: Map<Box<str>, Vec<u32>>,
}

impl Lists {
    fn add(&mut self, number: u32, principals: &Principals) {
        let by_name = |lists: &mut Map<Box<str>, Vec<u32>>, name: &String| {
            lists.entry(name.as_str().into()).or_default().push(number);
        };
        match principals {
            Principals::Anonymous => self.anonymous.push(number),
            Principals::Anyone => {
                self.anonymous.push(number);
                self.applications.push(number);
                self.workloads.push(number);
            }
            Principals::Application(name) => by_name(&mut self.named, name),
            Principals::Applications => self.applications.push(number),
            Principals::Nobody => {}
            Principals::Team(name) => {
                by_name(&mut self.teams, name);
                by_name(&mut self.workload_teams, name);
            }
            Principals::TeamApplications(name) => by_name(&mut self.teams, name),
            Principals::TeamWorkloads(name) => by_name(&mut self.workload_teams, name),
            Principals::Workload(name) => by_name(&mut self.named_workloads, name),
            Principals::Workloads => self.workloads.push(number),
        }
    }
}

struct Builder<'a> {
    rules: &'a [Rule],
    catalog: &'a Catalog,
    directory: &'a Directory,
    plans: Vec<Plan>,
    plan_of: Map<PartKey, u32>,
    parts: Vec<Part>,
    part_of: Map<PartKey, u32>,
}

impl Builder<'_> {
    fn rule(&self, number: u32) -> Option<&Rule> {
        usize::try_from(number).ok().and_then(|number| self.rules.get(number))
    }

    fn key(&self, place: u32, operation: &catalog::Operation, list: Vec<u32>) -> PartKey {
        let reads = |what: fn(&Reads) -> bool| {
            list.iter().any(|&number| self.rule(number).is_some_and(|rule| what(&rule.reads)))
        };
        PartKey {
            api: reads(|reads| reads.resource).then_some(operation.api),
            operation: reads(|reads| reads.action).then_some(place),
            rules: list,
        }
    }

    fn plan(&mut self, place: u32, operation: &catalog::Operation, list: Vec<u32>) -> Option<u32> {
        let key = self.key(place, operation, list);
        if let Some(&known) = self.plan_of.get(&key) {
            return Some(known);
        }
        let mut lists = Lists::default();
        let mut reads = Reads::nothing();
        for &number in &key.rules {
            let rule = self.rule(number)?;
            reads.merge(&rule.reads);
            lists.add(number, &rule.scope.principals);
        }
        let plan = Plan {
            anonymous: self.part(place, operation, lists.anonymous)?,
            applications: self.part(place, operation, lists.applications)?,
            teams: self.parts_by_name(place, operation, lists.teams)?,
            named: self.parts_by_name(place, operation, lists.named)?,
            workloads: self.part(place, operation, lists.workloads)?,
            workload_teams: self.parts_by_name(place, operation, lists.workload_teams)?,
            named_workloads: self.parts_by_name(place, operation, lists.named_workloads)?,
            reads,
        };
        let number = u32::try_from(self.plans.len()).ok()?;
        self.plans.push(plan);
        self.plan_of.insert(key, number);
        Some(number)
    }

    fn parts_by_name(
        &mut self,
        place: u32,
        operation: &catalog::Operation,
        lists: Map<Box<str>, Vec<u32>>,
    ) -> Option<Map<Box<str>, u32>> {
        lists.into_iter().map(|(name, list)| Some((name, self.part(place, operation, list)?))).collect()
    }

    fn part(&mut self, place: u32, operation: &catalog::Operation, list: Vec<u32>) -> Option<u32> {
        let key = self.key(place, operation, list);
        if let Some(&known) = self.part_of.get(&key) {
            return Some(known);
        }
        let part = self.make_part(operation, &key)?;
        let number = u32::try_from(self.parts.len()).ok()?;
        self.parts.push(part);
        self.part_of.insert(key, number);
        Some(number)
    }

    fn make_part(&self, operation: &catalog::Operation, key: &PartKey) -> Option<Part> {
        let mut reads = Reads::nothing();
        let mut breakpoints = Vec::new();
        let mut observers = Observers::None;
        let mut content = ContentHash::new("part");
        for &number in &key.rules {
            let rule = self.rule(number)?;
            content.bytes(&rule.content.to_be_bytes());
            reads.merge(&rule.reads);
            if rule.annotations.observe_until.is_some() {
                observers = Observers::Some;
            }
            let dates = [rule.annotations.expires, rule.annotations.observe_until];
            breakpoints.extend(dates.into_iter().flatten().map(model::Timestamp::as_micros));
        }
        // `now` is cut to the millisecond: a comparison with a literal changes where it is reached and one later.
        for instant in &reads.instants {
            breakpoints.push(instant.saturating_mul(1_000));
            breakpoints.push(instant.saturating_add(1).saturating_mul(1_000));
        }
        breakpoints.sort_unstable();
        breakpoints.dedup();
        let ages = reads.ages.iter().flat_map(|&age| [age, age.saturating_add(1)]);
        let age_breakpoints: std::collections::BTreeSet<i64> = ages.collect();
        self.entities_content(operation, key, &reads, &mut content);
        let wants = Wants::of(&reads);
        Some(Part {
            content: content.short(),
            rules: key.rules.as_slice().into(),
            reads,
            wants,
            breakpoints: breakpoints.into(),
            age_breakpoints: age_breakpoints.into_iter().collect(),
            observers,
        })
    }

    /// What the entities say that conditions of the part read, as far as it belongs to the revision.
    fn entities_content(
        &self,
        operation: &catalog::Operation,
        key: &PartKey,
        reads: &Reads,
        content: &mut ContentHash,
    ) {
        if let Some(api) = key.api.and_then(|api| self.catalog.api(api)) {
            content.text("api");
            content.text(api.name.as_str());
            if let Some(facts) = self.directory.apis.get(usize::from(operation.api.0)) {
                content.text(facts.exposure.as_str());
                content.text(facts.data_class.as_str());
            }
        }
        if key.operation.is_some() {
            content.text("operation");
            content.text(operation.id.as_str());
            for group in &operation.groups {
                content.text(group.as_str());
            }
        }
        if reads.principal {
            content.text("attributes");
            for (name, kind) in &self.directory.attributes {
                content.text(name);
                content.text(kind.as_str());
            }
        }
        if reads.context.contains(&ContextFact::User) {
            content.text("user attributes");
            for (name, kind) in &self.directory.user_attributes {
                content.text(name);
                content.text(kind.as_str());
            }
        }
    }
}

impl Wants {
    fn of(reads: &Reads) -> Self {
        let reads_fact = |fact| reads.context.contains(&fact);
        Self {
            principal: reads.principal,
            strength: reads_fact(ContextFact::Strength),
            mfa: reads_fact(ContextFact::Mfa),
            user: reads_fact(ContextFact::User),
            age: reads.age,
            scopes: reads_fact(ContextFact::Scopes),
            params: match &reads.params {
                Names::All => WantedParams::All,
                Names::Listed(names) => {
                    WantedParams::Listed(names.iter().map(|name| name.as_str().into()).collect())
                }
            },
            address: reads.address,
            address_tests: reads.address_tests.as_slice().into(),
            now: reads.now,
        }
    }
}
