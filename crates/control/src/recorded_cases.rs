//! `policy test --update`: cases made of recorded calls, which pin what the policies say of them today.
//!
//! A case is made for each caller and operation that no case asks about yet and whose recorded facts say all that the policies
//! read. It expects what the policies of the files say now: whether that is right is for the person who reviews it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use advise::{FactValue, Recalled, Used, recall};
use catalog::{Catalog, OperationIndex};
use config::{CaseClient, load_cases};
use enforce::decide_policy;
use model::{AttributeValue, Client, Strength, Verdict};
use policy::{ContextFact, DecisionCache, KeptFact};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::actor::{Actor, Needs};
use crate::advice::Today;
use crate::cases::run_cases;
use crate::check::{Checked, check_with};
use crate::files::{self, Files};
use crate::suggest::WrittenFile;
use crate::usage::UsageOrder;
use crate::{Control, ControlError};

/// The words of a file that was made here.
const HEADER: &str = "# Cases that `sallyport policy test --update` made of recorded calls. They pin what the policies said of them then:\n\
                      # read them, and correct what should not be so.\n";

/// What was made, and what could not be.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedCases {
    pub cases: usize,
    pub changes: Vec<WrittenFile>,
    pub written: bool,
    /// Callers and operations for which none was made, by why.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// A case under way.
struct Made {
    api: String,
    client: Client,
    /// As JSON, which is YAML as well.
    case: Value,
}

impl Control {
    /// Makes cases of recorded calls, one file for each API that has new ones.
    pub fn record_cases(
        &self,
        actor: &Actor,
        order: &UsageOrder,
        write: bool,
    ) -> Result<RecordedCases, ControlError> {
        self.demand(actor, if write { Needs::Owner } else { Needs::Analyst })?;
        if write {
            self.demand_owner_of_any(actor, &self.state(), "writing cases")?;
        }
        let usage = self.usage_of(order)?;
        let mut known = self.files();
        let mut read = files::read_all(&self.folder)?;
        let checked = check_with(&read, &mut known).map_err(ControlError::Files)?;
        let today = Today::read(&self.state(), &checked.repository, self.now())?;
        let mut asked = asked(&read, &checked)?;
        let mut cache = DecisionCache::new();
        let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut made = Vec::new();
        for used in usage.rows().iter().filter(|used| !used.facts.operation.is_empty()) {
            let place = (used.facts.caller.clone(), used.facts.operation.clone());
            if asked.contains(&place) {
                continue;
            }
            match case_of(used, &checked, &today, &mut cache) {
                Ok(case) => {
                    asked.insert(place);
                    made.push(case);
                }
                Err(why) => *left_out.entry(why).or_default() += 1,
            }
        }
        let cases = made.len();
        let changes = changes(&read, made, &self.now().to_string());
        for change in &changes {
            read.insert(change.file.clone(), change.after.clone().into_bytes());
        }
        let failed = if changes.is_empty() { 0 } else { failed_of(&changes, &read)? };
        if 0 < failed {
            let what = format!("{failed} of the cases made do not hold");
            return Err(ControlError::invalid(
                what,
                "run `sallyport policy test`; cases that are there may fail",
            ));
        }
        let written = write && !changes.is_empty();
        if written {
            for change in &changes {
                self.record(actor, "policy.test.update", &change.file, "")?;
                let written = files::replace(&self.folder, &change.file, change.after.as_bytes());
                self.carried(actor, "policy.test.update", &change.file, written)?;
            }
        }
        Ok(RecordedCases { cases, changes, written, left_out })
    }
}

fn case_of(
    used: &Used,
    checked: &Checked,
    today: &Today,
    cache: &mut DecisionCache,
) -> Result<Made, &'static str> {
    let (catalog, policies) = (&checked.catalog, &checked.policies);
    let recalled = recall(used, catalog, policies, today).map_err(|_| "the call cannot be made again")?;
    if !recalled.gaps.is_empty() {
        return Err("policies look at facts that were not recorded");
    }
    let reads = policies.reads(recalled.operation).context;
    if reads.contains(&ContextFact::User) || reads.contains(&ContextFact::AuthAge) {
        return Err("policies look at the user; write such a case by hand");
    }
    // A case stands for the caller, whatever key it uses.
    let subject = enforce::Subject { scopes: None, ..recalled.subject() };
    let decided = decide_policy(catalog, policies, cache, recalled.time, subject, &recalled.request);
    let expect = match decided.verdict {
        Verdict::Allowed | Verdict::WouldDeny | Verdict::WouldStepUp => json!({ "expect": "allow" }),
        Verdict::SteppedUp => json!({ "expect": "step_up" }),
        Verdict::Denied => {
            let reason = decided.refusal.map(|refusal| refusal.reason().code());
            json!({ "expect": "deny", "reason": reason })
        }
    };
    // An address is about somebody, and the files are kept longer than the log: it goes into them only where the answer needs it.
    let address = recalled.source_ip.filter(|_| reads.contains(&ContextFact::SourceIp));
    let case = case(used, &recalled, address, catalog, expect).ok_or("the call cannot be made again")?;
    Ok(Made { api: used.facts.api.clone(), client: recalled.caller.client.clone(), case })
}

/// Callers and operations that a case asks about.
fn asked(read: &Files, checked: &Checked) -> Result<BTreeSet<(String, String)>, ControlError> {
    let loaded = load_cases(read, &checked.repository.gateway).map_err(ControlError::Files)?;
    let views = if loaded.is_empty() { Vec::new() } else { run_cases(read)?.cases };
    let clients = loaded.iter().flat_map(|file| &file.cases).map(|case| match &case.client {
        CaseClient::Anonymous => "anonymous".to_owned(),
        CaseClient::Application(name) => format!("app:{name}"),
        CaseClient::Workload(name) => format!("workload:{name}"),
    });
    Ok(clients.zip(views).filter_map(|(client, view)| Some((client, view.operation?))).collect())
}

fn case(
    used: &Used,
    recalled: &Recalled,
    address: Option<IpAddr>,
    catalog: &Catalog,
    expect: Value,
) -> Option<Value> {
    let facts = &used.facts;
    let mut case = Map::new();
    let target = facts.operation.split_once(':').map_or(facts.operation.as_str(), |(_, target)| target);
    case.insert("name".to_owned(), format!("{} {target}", facts.caller).into());
    case.insert("caller".to_owned(), facts.caller.clone().into());
    let strength = Strength::of_long(facts.strength)?;
    case.insert("strength".to_owned(), strength.as_str().into());
    case.insert("operation".to_owned(), facts.operation.clone().into());
    let params = params(used, recalled.operation, catalog)?;
    if !params.is_empty() {
        case.insert("params".to_owned(), params.into());
    }
    if let Some(address) = address {
        case.insert("source_ip".to_owned(), address.to_string().into());
    }
    case.insert("now".to_owned(), recalled.time.to_string().into());
    case.extend(expect.as_object()?.clone());
    Some(case.into())
}

/// A value for each parameter: as recorded, or any where no policy reads it.
fn params(used: &Used, index: OperationIndex, catalog: &Catalog) -> Option<Map<String, Value>> {
    let operation = catalog.operation(index)?;
    let value = |parameter: &catalog::PathParameter| {
        let name = format!("{}{}", KeptFact::PARAM_PREFIX, parameter.name);
        let value: Value = match used.facts.attributes.get(&name) {
            Some(FactValue::Bool(value)) => (*value).into(),
            Some(FactValue::Long(value)) => (*value).into(),
            Some(FactValue::Text(text)) => text.clone().into(),
            Some(FactValue::Texts(_)) | None => match parameter.kind {
                catalog::ParameterKind::Bool => true.into(),
                catalog::ParameterKind::Long | catalog::ParameterKind::String => 1.into(),
            },
        };
        (parameter.name.clone(), value)
    };
    Some(operation.parameters.iter().map(value).collect())
}

/// One new file for each API with cases.
fn changes(read: &Files, made: Vec<Made>, now: &str) -> Vec<WrittenFile> {
    let mut by_api: BTreeMap<String, Vec<Made>> = BTreeMap::new();
    for one in made {
        by_api.entry(one.api.clone()).or_default().push(one);
    }
    let change = |(api, made): (String, Vec<Made>)| {
        let taken = |name: &String| read.contains_key(name);
        let first = format!("tests/recorded-{api}.yaml");
        let mut later = (2_u32..).map(|number| format!("tests/recorded-{api}-{number}.yaml"));
        let file = if taken(&first) { later.find(|name| !taken(name)).unwrap_or(first) } else { first };
        WrittenFile { file, before: None, after: text(&made, now) }
    };
    by_api.into_iter().map(change).collect()
}

fn text(made: &[Made], now: &str) -> String {
    let mut applications: BTreeMap<String, Value> = BTreeMap::new();
    let mut workloads: BTreeMap<String, Value> = BTreeMap::new();
    for one in made {
        match &one.client {
            Client::Anonymous => {}
            Client::Application(application) => {
                let mut described: Map<String, Value> = application
                    .attributes
                    .iter()
                    .map(|(name, value)| (name.clone(), attribute(value)))
                    .collect();
                described.insert("team".to_owned(), application.team.to_string().into());
                applications.insert(application.name.to_string(), described.into());
            }
            Client::Workload(workload) => {
                let described = workload.team.as_ref().map(|team| json!({ "team": team.to_string() }));
                workloads.insert(workload.name.to_string(), described.unwrap_or_else(|| json!({})));
            }
        }
    }
    let mut text = format!("{HEADER}version: 1\nnow: {now}\n");
    for (name, table) in [("applications", applications), ("workloads", workloads)] {
        if !table.is_empty() {
            text.push_str(&format!("{name}:\n"));
            for (key, value) in table {
                text.push_str(&format!("  {}: {value}\n", json!(key)));
            }
        }
    }
    text.push_str("cases:\n");
    for one in made {
        text.push_str(&format!("  - {}\n", one.case));
    }
    text
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => (*value).into(),
        AttributeValue::Long(value) => (*value).into(),
        AttributeValue::String(text) => text.clone().into(),
        AttributeValue::StringSet(texts) => texts.iter().cloned().collect(),
    }
}

/// How many cases of the changed files do not hold.
fn failed_of(changes: &[WrittenFile], files: &Files) -> Result<usize, ControlError> {
    let is_ours = |file: &str| changes.iter().any(|change| change.file == file);
    Ok(run_cases(files)?.cases.iter().filter(|case| is_ours(&case.file) && !case.passed).count())
}
