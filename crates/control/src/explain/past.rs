//! A decision as its record keeps it, and what can be made of it again: the caller, and a request.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use enforce::Revision;
use model::{
    Application, ApplicationName, AttributeValue, Caller, CanonicalRequest, Client, CredentialRef,
    DecisionId, DenyReason, IssuerName, Mfa, RevisionNumber, SignIn, Strength, TeamName, Timestamp, User,
    Verdict, Workload, WorkloadName,
};
use policy::KeptFact;
use record::ClientRef;
use serde_json::Value;

use super::{ExplanationView, Recorded, decision_of};
use crate::ControlError;
use crate::requests::request_to;

/// A decision as its record keeps it.
pub(super) struct Past {
    pub(super) id: DecisionId,
    pub(super) time: Timestamp,
    pub(super) revision: RevisionNumber,
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    pub(super) caller: String,
    pub(super) strength: Strength,
    pub(super) operation: Option<String>,
    pub(super) source_ip: Option<IpAddr>,
    pub(super) entry: Value,
    /// How it was answered, where that is in the log by now.
    pub(super) ending: Option<Value>,
}

impl Past {
    pub(super) fn read(entries: &[Value], id: &str) -> Result<Self, ControlError> {
        let absent = || ControlError::Absent { what: "decision", name: id.to_owned() };
        let of_kind =
            |kind| entries.iter().find(|entry| entry.get("kind").and_then(Value::as_str) == Some(kind));
        let decided = of_kind("decided").ok_or_else(absent)?;
        let text = |name: &str| decided.get(name).and_then(Value::as_str).map(str::to_owned);
        let damaged = || ControlError::Log { what: format!("the entry of `{id}` lacks a field") };
        let strength = text("strength").and_then(|name| {
            (0..=4).filter_map(Strength::of_long).find(|strength| strength.as_str() == name)
        });
        let time = text("time").ok_or_else(damaged)?;
        Ok(Self {
            id: DecisionId::parse(id).map_err(|_| absent())?,
            time: Timestamp::parse(&time).map_err(|_| damaged())?,
            revision: RevisionNumber(decided.get("revision").and_then(Value::as_u64).ok_or_else(damaged)?),
            verdict: text("verdict").and_then(|verdict| Verdict::parse(&verdict)).ok_or_else(damaged)?,
            reason: text("reason"),
            caller: text("caller").unwrap_or_else(|| "not recorded".to_owned()),
            strength: strength.ok_or_else(damaged)?,
            operation: text("operation"),
            source_ip: text("source_ip").and_then(|address| address.parse().ok()),
            entry: decided.clone(),
            ending: of_kind("completed").cloned(),
        })
    }

    /// Why there is no operation, and so no rule that was asked.
    pub(super) fn without_operation(&self) -> &'static str {
        match self.reason.as_deref().and_then(DenyReason::parse) {
            Some(reason) if !reason.is_without_operation() => {
                "the request was refused before an operation was looked for, so no rule was asked"
            }
            Some(_) | None => "no declared operation matched, so no rule was asked",
        }
    }

    /// The block that refused it: it stands where the policies that decided do, and no policy has an id like that.
    pub(super) fn block(&self) -> Option<&str> {
        let policies = self.entry.get("policies")?.as_array()?;
        policies.iter().find_map(|policy| policy.as_str()?.strip_prefix("block "))
    }

    /// What the record alone says.
    pub(super) fn bare(&self, note: &str) -> ExplanationView {
        ExplanationView {
            decision: decision_of(self.verdict),
            reason: self.reason.clone(),
            caller: self.caller.clone(),
            strength: self.strength.as_str(),
            operation: self.operation.clone(),
            rules: Vec::new(),
            nearest: None,
            grant: None,
            verdict: self.verdict.as_str(),
            revision: self.revision.0,
            id: None,
            time: None,
            recorded: Recorded::default(),
            note: Some(note.to_owned()),
        }
    }

    /// A fact that the record keeps because a policy read it.
    fn fact(&self, name: &str) -> Option<&Value> {
        self.entry.get("attributes")?.get(name)
    }

    /// The caller with those of its attributes that were recorded: no others were read.
    pub(super) fn caller(&self) -> Option<Caller> {
        let team = match self.entry.get("team").and_then(Value::as_str) {
            Some(team) => Some(TeamName::parse(team).ok()?),
            None => None,
        };
        let client = match ClientRef::of_label(&self.caller)? {
            ClientRef::Anonymous => Client::Anonymous,
            ClientRef::Application(name) => Client::Application(Arc::new(Application {
                name: ApplicationName::parse_any(name).ok()?,
                team: team?,
                attributes: self.attributes(KeptFact::ATTRIBUTE_PREFIX)?,
                version: 0,
            })),
            ClientRef::Workload(name) => {
                Client::Workload(Arc::new(Workload { name: WorkloadName::parse(name).ok()?, team }))
            }
        };
        let user = match self.entry.get("user").and_then(Value::as_str) {
            Some(label) => Some(Arc::new(self.user(label)?)),
            None => None,
        };
        let sign_in = self.sign_in();
        Some(Caller { user, sign_in, ..Caller::client(client, self.strength, CredentialRef::Absent) })
    }

    /// The facts whose names begin with `prefix`, without it. None where one of them has no form that policies know.
    fn attributes(&self, prefix: &str) -> Option<BTreeMap<String, AttributeValue>> {
        let Some(recorded) = self.entry.get("attributes").and_then(Value::as_object) else {
            return Some(BTreeMap::new());
        };
        let named = recorded.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value)));
        named.map(|(name, value)| Some((name.to_owned(), attribute(value)?))).collect()
    }

    /// The user with those of its facts that were recorded: no others were read.
    fn user(&self, label: &str) -> Option<User> {
        let (issuer, name) = label.split_once(User::SEPARATOR)?;
        let mut attributes = self.attributes(KeptFact::USER_PREFIX)?;
        let teams = KeptFact::USER_TEAMS.strip_prefix(KeptFact::USER_PREFIX)?;
        let teams = match attributes.remove(teams) {
            None => BTreeSet::new(),
            Some(AttributeValue::StringSet(teams)) => teams,
            Some(AttributeValue::Bool(_) | AttributeValue::Long(_) | AttributeValue::String(_)) => {
                return None;
            }
        };
        Some(User { issuer: IssuerName::parse(issuer).ok()?, name: name.to_owned(), teams, attributes })
    }

    /// How the user signed in, as far as a policy read it.
    fn sign_in(&self) -> SignIn {
        let used = self.fact("mfa").and_then(Value::as_bool) == Some(true);
        let age = self.fact("authAge").and_then(Value::as_i64);
        let micros = |age: i64| self.time.as_micros().checked_sub(age.checked_mul(1_000_000)?);
        SignIn {
            mfa: if used { Mfa::Used } else { Mfa::NotUsed },
            time: age.and_then(micros).map(Timestamp::from_micros),
        }
    }

    /// The scopes of the credential, where a policy read them.
    pub(super) fn scopes(&self) -> Option<Vec<String>> {
        let scopes = self.fact("scopes")?.as_array()?;
        scopes.iter().map(|scope| scope.as_str().map(str::to_owned)).collect()
    }

    /// A request of the recorded operation with the parameters that its policies read; none where one of them, or
    /// another fact, was not recorded.
    pub(super) fn request(&self, revision: &Revision, operation: &str) -> Option<CanonicalRequest> {
        if self.fact("incomplete").is_some() {
            return None;
        }
        let index = revision.catalog.by_id(operation)?;
        let operation = revision.catalog.operation(index)?;
        let api = revision.catalog.api(operation.api)?;
        let kept = revision.policies.as_ref()?.kept(index);
        let value = |place: usize, parameter: &catalog::PathParameter| {
            let is_read =
                kept.iter().any(|fact| matches!(fact, KeptFact::Param { place: kept, .. } if *kept == place));
            match is_read {
                false => Some(unread(parameter.kind).to_owned()),
                true => match self.fact(&format!("{}{}", KeptFact::PARAM_PREFIX, parameter.name))? {
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                },
            }
        };
        request_to(operation, api, value)?.ok()
    }
}

/// An attribute of an application as the record writes it.
fn attribute(value: &Value) -> Option<AttributeValue> {
    Some(match value {
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Number(number) => AttributeValue::Long(number.as_i64()?),
        Value::String(text) => AttributeValue::String(text.clone()),
        Value::Array(items) => AttributeValue::StringSet(
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        ),
        Value::Null | Value::Object(_) => return None,
    })
}

/// A value for a parameter that no policy reads, so that any will do.
const fn unread(kind: catalog::ParameterKind) -> &'static str {
    match kind {
        catalog::ParameterKind::Bool => "true",
        catalog::ParameterKind::Long => "0",
        catalog::ParameterKind::String => "not-recorded",
    }
}
