//! Reads one file of cases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::{
    ApplicationName, AttributeType, AttributeValue, DenyReason, IssuerName, Mfa, PolicyId, Strength,
    TeamName, Timestamp, User, WorkloadName,
};

use super::{CASES_MAX, Case, CaseApplication, CaseClient, CaseFile, CaseTarget, Expected};
use crate::fields::{self, Fields};
use crate::place::{Faults, Place};
use crate::yaml::{self, Entry, Node, Value};
use crate::{ConfigError, GatewayConfig};

const FILE: &[&str] = &["applications", "cases", "now", "version", "workloads"];
const CASE: &[&str] = &[
    "auth_age",
    "by",
    "caller",
    "expect",
    "mfa",
    "name",
    "now",
    "operation",
    "params",
    "reason",
    "request",
    "scopes",
    "source_ip",
    "strength",
    "user",
];
/// What a description of a user says beside its declared attributes.
const USER: [&str; 3] = ["issuer", "name", "teams"];
const STRENGTHS: &[&str] = &["anonymous", "claimed", "shared_secret", "verified_signature", "bound"];
/// The longest name of a case, in bytes.
const NAME_BYTES_MAX: usize = 256;

pub(super) fn read(path: &str, bytes: &[u8], gateway: &GatewayConfig) -> Result<CaseFile, Vec<ConfigError>> {
    let mut faults = Faults::of(path);
    let file = file(path, bytes, gateway, &mut faults);
    let (errors, _) = faults.into_parts();
    match file {
        Some(file) if errors.is_empty() => Ok(file),
        Some(_) | None => Err(errors),
    }
}

fn file(path: &str, bytes: &[u8], gateway: &GatewayConfig, faults: &mut Faults) -> Option<CaseFile> {
    let node = yaml::parse(bytes, faults)?;
    let fields = fields::file(&node, FILE, faults)?;
    let applications = fields.or("applications", BTreeMap::new(), faults, |node, faults| {
        named(node, "applications", faults, ApplicationName::parse_any, |node, faults| {
            application(node, &gateway.application_attributes, faults)
        })
    });
    let workloads = fields.or("workloads", BTreeMap::new(), faults, |node, faults| {
        named(node, "workloads", faults, WorkloadName::parse, workload)
    });
    let now = match fields.find("now") {
        Some(node) => Some(instant(node, faults)?),
        None => None,
    };
    let fix = "write `cases:` and below it one `- { caller: …, request: …, expect: … }` a line";
    let nodes = fields::list(fields.need("cases", fix, faults)?, "cases", faults)?;
    if CASES_MAX < nodes.len() {
        let reason = format!("there are over {CASES_MAX} cases");
        faults.add(fields.place("cases"), reason, "split the file");
        return None;
    }
    let (applications, workloads) = (applications?, workloads?);
    let mut cases = Vec::with_capacity(nodes.len());
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    for node in nodes {
        let Some(case) = case(node, now, gateway, faults) else { continue };
        judge_client(&case, node.place, &applications, &workloads, faults);
        if let Some(first) = names.insert(case.name.clone(), case.line) {
            let reason =
                format!("the case on line {first} has the same name: `{}`", fields::shown(&case.name));
            faults.add(node.place, reason, "give one of them another `name`");
        }
        cases.push(case);
    }
    Some(CaseFile { path: path.to_owned(), applications, workloads, cases })
}

/// A table whose keys are names.
fn named<K: Ord, V, E: std::fmt::Display>(
    node: &Node,
    what: &str,
    faults: &mut Faults,
    parse: impl Fn(&str) -> Result<K, E>,
    read: impl Fn(&Node, &mut Faults) -> Option<V>,
) -> Option<BTreeMap<K, V>> {
    let entries = fields::table(node, &format!("`{what}`"), faults)?;
    fields::note_doubled(entries, faults);
    let mut all = BTreeMap::new();
    for Entry { key, place, node } in entries {
        let value = read(node, faults);
        match parse(key) {
            Ok(name) => {
                all.extend(value.map(|value| (name, value)));
            }
            Err(reason) => faults.add(*place, reason.to_string(), "write the name as commands show it"),
        }
    }
    Some(all)
}

fn application(
    node: &Node,
    declared: &BTreeMap<String, AttributeType>,
    faults: &mut Faults,
) -> Option<CaseApplication> {
    let entries = fields::table(node, "an application", faults)?;
    fields::note_doubled(entries, faults);
    let mut attributes = BTreeMap::new();
    let mut of_team = None;
    for entry in entries {
        if entry.key == "team" {
            of_team = team(&entry.node, faults);
        } else if let Some(value) = attribute(entry, declared, "application_attributes", faults) {
            attributes.insert(entry.key.clone(), value);
        }
    }
    if entries.iter().all(|entry| entry.key != "team") {
        faults.add(node.place, "`team` is missing", "write the team that owns the application");
    }
    Some(CaseApplication { team: of_team?, attributes })
}

fn workload(node: &Node, faults: &mut Faults) -> Option<Option<TeamName>> {
    let fields = Fields::of(node, "a workload", &["team"], faults)?;
    match fields.find("team") {
        Some(node) => team(node, faults).map(Some),
        None => Some(None),
    }
}

fn team(node: &Node, faults: &mut Faults) -> Option<TeamName> {
    fields::parsed(node, "team", "write a team of `teams.yaml`", faults, TeamName::parse)
}

/// An attribute by its declared type. What YAML reads as another type is refused, not turned into it.
fn attribute(
    entry: &Entry,
    declared: &BTreeMap<String, AttributeType>,
    declared_in: &str,
    faults: &mut Faults,
) -> Option<AttributeValue> {
    let shown = fields::shown(&entry.key);
    let Some(kind) = declared.get(&entry.key) else {
        let reason = format!("attribute `{shown}` is not declared");
        faults.add(entry.place, reason, format!("declare it under `{declared_in}` in sallyport.yaml"));
        return None;
    };
    let value = match (kind, &entry.node.value) {
        (AttributeType::Bool, Value::Bool(value)) => Some(AttributeValue::Bool(*value)),
        (AttributeType::Long, Value::Integer(value)) => i64::try_from(*value).ok().map(AttributeValue::Long),
        (AttributeType::String, Value::Text(text)) => Some(AttributeValue::String(text.clone())),
        (AttributeType::StringSet, Value::List(_)) => {
            let texts = texts(&entry.node, &entry.key, faults)?;
            Some(AttributeValue::StringSet(texts.into_iter().collect()))
        }
        (AttributeType::Bool | AttributeType::Long | AttributeType::String | AttributeType::StringSet, _) => {
            None
        }
    };
    if value.is_none() {
        let reason = format!("`{shown}` is declared as {}, not {}", kind.as_str(), entry.node.value.kind());
        faults.add(entry.node.place, reason, "write a value of that type; quotes make a text");
    }
    value
}

fn texts(node: &Node, what: &str, faults: &mut Faults) -> Option<Vec<String>> {
    fields::each(node, what, faults, |item, faults| fields::text(item, what, faults).map(str::to_owned))
}

fn instant(node: &Node, faults: &mut Faults) -> Option<Timestamp> {
    fields::parsed(node, "now", "write a time such as 2026-06-15T12:00:00Z", faults, Timestamp::parse)
}

fn case(
    node: &Node,
    default_now: Option<Timestamp>,
    gateway: &GatewayConfig,
    faults: &mut Faults,
) -> Option<Case> {
    let fields = Fields::of(node, "a case", CASE, faults)?;
    let fix = "write app:NAME, workload:NAME or anonymous";
    let client = fields.need("caller", fix, faults);
    let client = client.and_then(|node| fields::parsed(node, "caller", fix, faults, client_of));
    let user = match fields.find("user") {
        Some(node) => user(node, &gateway.user_attributes, faults).map(Some),
        None => Some(None),
    };
    let target = target(&fields, faults);
    let expect = expected(&fields, faults);
    let now = match fields.find("now") {
        Some(node) => instant(node, faults),
        None if default_now.is_none() => {
            let fix = "write `now: 2026-06-15T12:00:00Z` at the top of the file: cases read no clock";
            faults.add(node.place, "the case has no time", fix);
            None
        }
        None => default_now,
    };
    let client = client?;
    let strength = fields.or("strength", strength_of(&client), faults, |node, faults| {
        fields::chosen(node, "strength", STRENGTHS, faults, |name| {
            (0..=4).filter_map(Strength::of_long).find(|strength| strength.as_str() == name)
        })
    });
    let mfa = fields.or("mfa", Mfa::NotUsed, faults, |node, faults| {
        fields::switch(node, "mfa", Mfa::Used, Mfa::NotUsed, faults)
    });
    let auth_age = fields.or("auth_age", None, faults, |node, faults| seconds(node, faults).map(Some));
    let scopes = fields.or("scopes", None, faults, |node, faults| texts(node, "scopes", faults).map(Some));
    let source_ip = fields.or("source_ip", None, faults, |node, faults| {
        fields::parsed(node, "source_ip", "write an address", faults, str::parse::<IpAddr>).map(Some)
    });
    let target = target?;
    let name = fields.or("name", name_of(&client, &target), faults, name);
    let (expect, reason, by) = expect?;
    Some(Case {
        name: name?,
        line: node.place.line,
        client,
        strength: strength?,
        user: user?,
        mfa: mfa?,
        auth_age: auth_age?,
        scopes: scopes?,
        source_ip: source_ip?,
        now: now?,
        target,
        expect,
        reason,
        by,
    })
}

fn name(node: &Node, faults: &mut Faults) -> Option<String> {
    fields::parsed(node, "name", "say in a few words what must hold", faults, |text| {
        if text.trim().is_empty() || NAME_BYTES_MAX < text.len() || text.chars().any(char::is_control) {
            return Err(format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters"));
        }
        Ok(text.to_owned())
    })
}

fn name_of(client: &CaseClient, target: &CaseTarget) -> String {
    let client = match client {
        CaseClient::Anonymous => "anonymous".to_owned(),
        CaseClient::Application(name) => format!("app:{name}"),
        CaseClient::Workload(name) => format!("workload:{name}"),
    };
    match target {
        CaseTarget::Operation { id, params } => {
            let params: String = params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{client} {id}{params}")
        }
        CaseTarget::Request { method, url } => format!("{client} {method} {url}"),
    }
}

/// How a client of this kind is known unless the case says otherwise.
const fn strength_of(client: &CaseClient) -> Strength {
    match client {
        CaseClient::Anonymous => Strength::Anonymous,
        CaseClient::Application(_) => Strength::SharedSecret,
        CaseClient::Workload(_) => Strength::Bound,
    }
}

fn client_of(text: &str) -> Result<CaseClient, String> {
    if text == "anonymous" {
        return Ok(CaseClient::Anonymous);
    }
    match text.split_once(':') {
        Some(("app", name)) => {
            ApplicationName::parse_any(name).map(CaseClient::Application).map_err(|error| error.to_string())
        }
        Some(("workload", name)) => {
            WorkloadName::parse(name).map(CaseClient::Workload).map_err(|error| error.to_string())
        }
        Some(_) | None => Err(format!("`{}` is no caller", fields::shown(text))),
    }
}

/// A client that the file does not describe has no team, and so would be judged as nobody is.
fn judge_client(
    case: &Case,
    place: Place,
    applications: &BTreeMap<ApplicationName, CaseApplication>,
    workloads: &BTreeMap<WorkloadName, Option<TeamName>>,
    faults: &mut Faults,
) {
    let (what, name, described) = match &case.client {
        CaseClient::Anonymous => return,
        CaseClient::Application(name) => ("applications", name.as_str(), applications.contains_key(name)),
        CaseClient::Workload(name) => ("workloads", name.as_str(), workloads.contains_key(name)),
    };
    if !described {
        let reason = format!("the file does not describe `{}`", fields::shown(name));
        faults.add(place, reason, format!("write `{what}: {{ {}: {{ team: NAME }} }}`", fields::shown(name)));
    }
}

fn user(node: &Node, declared: &BTreeMap<String, AttributeType>, faults: &mut Faults) -> Option<User> {
    let entries = fields::table(node, "`user`", faults)?;
    fields::note_doubled(entries, faults);
    let find = |name: &str| entries.iter().find(|entry| entry.key == name).map(|entry| &entry.node);
    let mut need = |name: &str, fix: &str| {
        let found = find(name);
        if found.is_none() {
            faults.add(node.place, format!("`{name}` of the user is missing"), fix);
        }
        found
    };
    let issuer = need("issuer", "write the issuer's name in sallyport.yaml");
    let name = need("name", "write the user's name as the issuer says it");
    let issuer = issuer.and_then(|node| {
        fields::parsed(node, "issuer", "write the issuer's name", faults, IssuerName::parse)
    });
    let name = name.and_then(|node| fields::text(node, "name", faults));
    let teams: Option<BTreeSet<String>> = match find("teams") {
        Some(node) => texts(node, "teams", faults).map(|teams| teams.into_iter().collect()),
        None => Some(BTreeSet::new()),
    };
    let mut attributes = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !USER.contains(&entry.key.as_str())) {
        if let Some(value) = attribute(entry, declared, "user_attributes", faults) {
            attributes.insert(entry.key.clone(), value);
        }
    }
    Some(User { issuer: issuer?, name: name?.to_owned(), teams: teams?, attributes })
}

fn seconds(node: &Node, faults: &mut Faults) -> Option<i64> {
    match &node.value {
        Value::Integer(value) if 0 <= *value => i64::try_from(*value).ok(),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Table(_) => {
            faults.add(node.place, "`auth_age` is a whole number of seconds", "write `auth_age: 60`");
            None
        }
    }
}

fn target(fields: &Fields<'_>, faults: &mut Faults) -> Option<CaseTarget> {
    let fix =
        "write `request: GET https://host/path`, or `operation: 'orders:GET /orders/{id}'` with `params`";
    match (fields.find("operation"), fields.find("request")) {
        (Some(node), None) => {
            let id = fields::text(node, "operation", faults)?.to_owned();
            let params = fields.or("params", BTreeMap::new(), faults, params)?;
            Some(CaseTarget::Operation { id, params })
        }
        (None, Some(node)) => {
            if fields.find("params").is_some() {
                let reason = "`params` belong to `operation`; a request has them in its path";
                faults.add(fields.place("params"), reason, "remove them, or name the operation");
            }
            let text = fields::text(node, "request", faults)?;
            let Some((method, url)) = text.split_once(' ') else {
                let reason = format!("`{}` is no method and URL", fields::shown(text));
                faults.add(node.place, reason, fix);
                return None;
            };
            Some(CaseTarget::Request { method: method.to_owned(), url: url.trim().to_owned() })
        }
        (Some(_), Some(_)) => {
            faults.add(fields.place("request"), "both `operation` and `request` say what is called", fix);
            None
        }
        (None, None) => {
            faults.add(fields.place("request"), "nothing says what is called", fix);
            None
        }
    }
}

fn params(node: &Node, faults: &mut Faults) -> Option<BTreeMap<String, String>> {
    let entries = fields::table(node, "`params`", faults)?;
    fields::note_doubled(entries, faults);
    let mut params = BTreeMap::new();
    for entry in entries {
        let text = match &entry.node.value {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            other @ (Value::Null | Value::Number(_) | Value::List(_) | Value::Table(_)) => {
                let reason = format!("a parameter is a text or a whole number, not {}", other.kind());
                faults.add(entry.node.place, reason, "put it in quotes");
                continue;
            }
        };
        params.insert(entry.key.clone(), text);
    }
    Some(params)
}

type Expectation = (Expected, Option<DenyReason>, Option<Vec<PolicyId>>);

fn expected(fields: &Fields<'_>, faults: &mut Faults) -> Option<Expectation> {
    let node = fields.need("expect", "write allow, deny or step_up", faults)?;
    let words = &["allow", "deny", "step_up"];
    let expect = fields::chosen(node, "expect", words, faults, |text| match text {
        "allow" => Some(Expected::Allow),
        "deny" => Some(Expected::Deny),
        "step_up" => Some(Expected::StepUp),
        _ => None,
    })?;
    let codes: Vec<&'static str> = DenyReason::ALL.iter().map(|reason| reason.code()).collect();
    let reason = fields.or("reason", None, faults, |node, faults| {
        fields::chosen(node, "reason", &codes, faults, DenyReason::parse).map(Some)
    })?;
    if reason.is_some() && expect == Expected::Allow {
        faults.add(fields.place("reason"), "what is allowed has no reason", "remove it, or expect `deny`");
    }
    let by = fields.or("by", None, faults, |node, faults| {
        let ids = fields::each(node, "by", faults, |item, faults| {
            fields::parsed(item, "by", "write a policy's id", faults, PolicyId::parse)
        });
        ids.map(Some)
    })?;
    Some((expect, reason, by))
}
