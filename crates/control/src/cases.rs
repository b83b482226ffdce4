//! Policy tests: cases beside the policies, judged by the same function that judges requests, and what they cover.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::Catalog;
use config::{Case, CaseClient, CaseFile, CaseTarget, ConfigError, Expected, Repository, load_cases};
use enforce::{Explained, Subject, explain_policy};
use model::{
    Application, Caller, CanonicalRequest, Client, CredentialRef, DenyReason, SignIn, Verdict, Workload,
};
use policy::{Policies, RuleOutcomeKind, RulingKind};
use serde::Serialize;

use crate::ControlError;
use crate::check::check;
use crate::files::Files;
use crate::requests::{request_of, request_to};

/// What came of all cases.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// In the order of the files, then as written.
    pub cases: Vec<CaseView>,
    pub coverage: Coverage,
}

/// One case and what came of it, with the fields that `--json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct CaseView {
    pub file: String,
    pub line: u32,
    pub name: String,
    pub passed: bool,
    pub expected: &'static str,
    pub expected_reason: Option<&'static str>,
    pub got: &'static str,
    pub reason: Option<&'static str>,
    pub operation: Option<String>,
    /// The policies that decided.
    pub by: Vec<String>,
    /// What differs, in words; empty where the case passed.
    pub difference: String,
    /// The policy that comes nearest, where a grant is missed.
    pub nearest: Option<String>,
    /// Its first condition that is not met.
    pub unmet: Option<String>,
}

/// What cases leave untried.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    pub rules: usize,
    pub rules_hit: usize,
    pub operations: usize,
    pub operations_asked: usize,
    /// Policies that held in no case.
    pub unhit: Vec<RulePlace>,
    /// Operations that no case asks about.
    pub unasked: Vec<String>,
    /// Operations that no grant covers: whoever calls them is denied.
    pub ungranted: Vec<String>,
}

/// Where a policy stands.
#[derive(Clone, Debug, Serialize)]
pub struct RulePlace {
    pub id: String,
    pub file: String,
    pub line: usize,
}

impl CaseReport {
    /// How many cases failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed).count()
    }
}

/// Runs every case of `tests/*.yaml` against the policies of the same files. No store and no clock: the same files give
/// the same report anywhere.
pub fn run_cases(files: &Files) -> Result<CaseReport, ControlError> {
    let checked = check(files)?;
    let loaded = load_cases(files, &checked.repository.gateway).map_err(ControlError::Files)?;
    let mut tried = Tried::default();
    let cases = ask_all(&loaded, &checked.repository, &checked.catalog, |case, subject, request| {
        let explained = explain_policy(&checked.catalog, &checked.policies, case.now, subject, request);
        tried.note(&explained);
        explained
    });
    let cases = cases.map_err(ControlError::Files)?;
    let coverage = tried.coverage(&checked.catalog, &checked.policies);
    Ok(CaseReport { cases, coverage })
}

/// Asks every case, or says which cannot be asked.
pub(crate) fn ask_all(
    loaded: &[CaseFile],
    repository: &Repository,
    catalog: &Catalog,
    mut explain: impl FnMut(&Case, Subject<'_>, &CanonicalRequest) -> Explained,
) -> Result<Vec<CaseView>, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut cases = Vec::new();
    for file in loaded {
        judge_teams(file, repository, &mut errors);
        for case in &file.cases {
            match request_for(case, catalog) {
                Ok(request) => {
                    let caller = caller_of(file, case);
                    let subject = Subject {
                        caller: &caller,
                        scopes: case.scopes.as_deref(),
                        source_ip: case.source_ip,
                    };
                    cases.push(judge(file, case, &explain(case, subject, &request), catalog));
                }
                Err((reason, fix)) => errors.push(ConfigError {
                    file: file.path.clone(),
                    line: case.line,
                    column: 1,
                    reason,
                    fix,
                }),
            }
        }
    }
    if errors.is_empty() { Ok(cases) } else { Err(errors) }
}

/// A team that does not exist would make every grant to it miss, and a test of a denial pass for the wrong reason.
fn judge_teams(file: &CaseFile, repository: &Repository, errors: &mut Vec<ConfigError>) {
    let applications = file.applications.iter().map(|(name, one)| (name.as_str(), &one.team));
    let workloads = file.workloads.iter().filter_map(|(name, team)| Some((name.as_str(), team.as_ref()?)));
    for (name, team) in applications.chain(workloads) {
        if !repository.teams.0.contains_key(team) {
            errors.push(ConfigError {
                file: file.path.clone(),
                line: 0,
                column: 0,
                reason: format!("`{name}` is of team `{team}`, which teams.yaml does not have"),
                fix: "write a team of teams.yaml".to_owned(),
            });
        }
    }
}

type Unaskable = (String, String);

fn request_for(case: &Case, catalog: &Catalog) -> Result<CanonicalRequest, Unaskable> {
    let (id, params) = match &case.target {
        CaseTarget::Request { method, url } => {
            return request_of(method, url)
                .map_err(|error| (error.to_string(), "write it as GET https://host/path".to_owned()));
        }
        CaseTarget::Operation { id, params } => (id, params),
    };
    let missing = || {
        let fix =
            "`sallyport api show NAME` lists them; a call of what is not declared is written as `request`";
        (format!("`{id}` is no operation"), fix.to_owned())
    };
    let index = catalog.by_id(id).ok_or_else(missing)?;
    let operation = catalog.operation(index).ok_or_else(missing)?;
    let api = catalog.api(operation.api).ok_or_else(missing)?;
    let names: BTreeSet<&str> =
        operation.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    if let Some(unknown) = params.keys().find(|name| !names.contains(name.as_str())) {
        let known: Vec<&str> = names.iter().copied().collect();
        let fix = match known.is_empty() {
            true => "the operation has none".to_owned(),
            false => format!("it has {}", known.join(", ")),
        };
        return Err((format!("`{id}` has no parameter `{unknown}`"), fix));
    }
    let request = request_to(operation, api, |_, parameter| params.get(&parameter.name).cloned());
    let request = request.ok_or_else(|| {
        let lacking = names.iter().find(|name| !params.contains_key(**name)).copied().unwrap_or_default();
        (
            format!("the case has no value for the parameter `{lacking}`"),
            format!("write `params: {{ {lacking}: … }}`"),
        )
    })?;
    let request = request.map_err(|detail| {
        let fix = "write values as they are before they are escaped".to_owned();
        (format!("the gateway would refuse this request: {detail}"), fix)
    })?;
    match catalog.find(&request) {
        catalog::Match::Found(found) if found.operation == index => Ok(request),
        catalog::Match::Found(_)
        | catalog::Match::MethodNotDeclared { .. }
        | catalog::Match::UnknownHost
        | catalog::Match::UnknownOperation { .. } => {
            let reason = format!("with these values `{}` is no call of `{id}`", request.path());
            Err((reason, "choose other values, or write the call as `request`".to_owned()))
        }
    }
}

fn caller_of(file: &CaseFile, case: &Case) -> Caller {
    let client = match &case.client {
        CaseClient::Anonymous => Client::Anonymous,
        // INVARIANT: the reader refuses a case whose client the file does not describe.
        CaseClient::Application(name) => file.applications.get(name).map_or(Client::Anonymous, |described| {
            Client::Application(Arc::new(Application {
                name: name.clone(),
                team: described.team.clone(),
                attributes: described.attributes.clone(),
                version: 0,
            }))
        }),
        CaseClient::Workload(name) => {
            let team = file.workloads.get(name).cloned().flatten();
            Client::Workload(Arc::new(Workload { name: name.clone(), team }))
        }
    };
    let signed_in = case.auth_age.and_then(|age| u64::try_from(age).ok());
    Caller {
        user: case.user.clone().map(Arc::new),
        sign_in: SignIn {
            mfa: case.mfa,
            time: signed_in.map(|age| case.now.minus(Duration::from_secs(age))),
        },
        ..Caller::client(client, case.strength, CredentialRef::Absent)
    }
}

fn judge(file: &CaseFile, case: &Case, explained: &Explained, catalog: &Catalog) -> CaseView {
    let got = match explained.verdict {
        Verdict::Allowed => Expected::Allow,
        Verdict::Denied | Verdict::WouldDeny => Expected::Deny,
        Verdict::SteppedUp | Verdict::WouldStepUp => Expected::StepUp,
    };
    let reason = explained.refusal.map(|refusal| refusal.reason());
    let by = deciding(explained);
    let difference = difference(case, got, reason, &by);
    let nearest = explained.policy.as_ref().and_then(|policy| policy.nearest.clone());
    let unmet = explained.policy.as_ref().zip(nearest.as_ref()).and_then(|(policy, nearest)| {
        policy.rules.iter().find(|rule| rule.id == *nearest).and_then(|rule| rule.unmet.clone())
    });
    CaseView {
        file: file.path.clone(),
        line: case.line,
        name: case.name.clone(),
        passed: difference.is_empty(),
        expected: case.expect.as_str(),
        expected_reason: case.reason.map(DenyReason::code),
        got: got.as_str(),
        reason: reason.map(DenyReason::code),
        operation: explained
            .operation
            .and_then(|index| catalog.operation(index))
            .map(|operation| operation.id.to_string()),
        by: by.into_iter().collect(),
        difference,
        nearest: nearest.map(|id| id.to_string()),
        unmet,
    }
}

/// The policies that decided: the grants that hold, the guards that forbid, or those that failed.
fn deciding(explained: &Explained) -> BTreeSet<String> {
    let Some(policy) = &explained.policy else {
        return BTreeSet::new();
    };
    let refs = match &policy.ruling.kind {
        RulingKind::Fault { policies } => policies.as_slice(),
        RulingKind::Forbid { by } | RulingKind::Permit { by } => by.as_slice(),
        RulingKind::NoGrant => &[],
    };
    refs.iter().map(ToString::to_string).collect()
}

fn difference(case: &Case, got: Expected, reason: Option<DenyReason>, by: &BTreeSet<String>) -> String {
    let code = |reason: Option<DenyReason>| reason.map_or("no reason", DenyReason::code);
    if case.expect != got {
        let why = reason.map(|reason| format!(" ({})", reason.code())).unwrap_or_default();
        return format!("expected {}, got {}{why}", case.expect.as_str(), got.as_str());
    }
    if case.reason.is_some() && case.reason != reason {
        return format!("expected the reason {}, got {}", code(case.reason), code(reason));
    }
    let wanted: Option<BTreeSet<String>> =
        case.by.as_ref().map(|wanted| wanted.iter().map(ToString::to_string).collect());
    match wanted {
        Some(wanted) if wanted != *by => {
            let list = |ids: &BTreeSet<String>| match ids.is_empty() {
                true => "none".to_owned(),
                false => ids.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            format!("expected the decision by {}, got it by {}", list(&wanted), list(by))
        }
        Some(_) | None => String::new(),
    }
}

/// What cases have tried so far.
#[derive(Default)]
struct Tried {
    rules: BTreeSet<String>,
    operations: BTreeSet<u32>,
}

impl Tried {
    fn note(&mut self, explained: &Explained) {
        self.operations.extend(explained.operation.map(|operation| operation.0));
        let rules = explained.policy.iter().flat_map(|policy| &policy.rules);
        let held = rules.filter(|rule| match rule.outcome {
            RuleOutcomeKind::Hit | RuleOutcomeKind::Observed => true,
            RuleOutcomeKind::Error | RuleOutcomeKind::Expired | RuleOutcomeKind::Miss => false,
        });
        self.rules.extend(held.map(|rule| rule.id.to_string()));
    }

    fn coverage(&self, catalog: &Catalog, policies: &Policies) -> Coverage {
        let all: BTreeMap<String, RulePlace> = policies
            .policies()
            .map(|rule| {
                let id = rule.id.to_string();
                (id.clone(), RulePlace { id, file: rule.file.to_owned(), line: rule.line })
            })
            .collect();
        let unhit: Vec<_> = all.values().filter(|place| !self.rules.contains(&place.id)).cloned().collect();
        let named = |place: u32| {
            catalog.operation(catalog::OperationIndex(place)).map(|operation| operation.id.to_string())
        };
        let count = u32::try_from(catalog.operations().len()).unwrap_or(u32::MAX);
        let unasked: Vec<_> =
            (0..count).filter(|place| !self.operations.contains(place)).filter_map(named).collect();
        let ungranted = policies.ungranted().filter_map(|index| named(index.0)).collect();
        Coverage {
            rules: all.len(),
            rules_hit: all.len().saturating_sub(unhit.len()),
            operations: catalog.operations().len(),
            operations_asked: catalog.operations().len().saturating_sub(unasked.len()),
            unhit,
            unasked,
            ungranted,
        }
    }
}
