//! From recorded facts back to a caller and a request, and what of it is not as it was.
//!
//! What a record keeps is what the policies of its time read. Where the policies of today or of a candidate read more, the
//! missing fact is taken from the directory of today if it is there: the answer is then approximate, and says by which fact.
//! What nobody can know today, as the path of a call of which it was not kept, is unknown; an answer that rests on it is none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use catalog::{Catalog, OperationIndex, ParameterKind, PathParameter, request_to};
use enforce::Subject;
use model::{
    Application, ApplicationName, AttributeValue, Caller, CanonicalRequest, Client, CredentialRef,
    IssuerName, KeyId, Mfa, SignIn, Strength, TeamName, Timestamp, User, Workload, WorkloadName,
};
use policy::{ContextFact, KeptFact, Policies, UnknownFact};
use record::ClientRef;

use crate::facts::{AUTH_AGE, FactValue, Network};
use crate::{CallFacts, Used};

/// Who is who today.
pub trait Directory {
    /// The application of this name, with its attributes of today.
    fn application(&self, name: &str) -> Option<Arc<Application>>;
    /// The scopes of a key as it is today.
    fn scopes(&self, key: KeyId) -> Option<Vec<String>>;
}

/// A recorded call, made again.
#[derive(Debug)]
pub struct Recalled {
    pub operation: OperationIndex,
    pub caller: Caller,
    pub request: CanonicalRequest,
    pub source_ip: Option<IpAddr>,
    pub scopes: Option<Vec<String>>,
    /// When it last happened.
    pub time: Timestamp,
    /// The facts that the policies read and that are not as they were, by name. Empty: the answer is exact.
    pub gaps: BTreeSet<String>,
    /// Those of them of which nothing is known; the request holds something in their place.
    pub unknown: BTreeSet<UnknownFact>,
}

impl Recalled {
    /// Who asks.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject { caller: &self.caller, scopes: self.scopes.as_deref(), source_ip: self.source_ip }
    }
}

/// Why a recorded call cannot be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecalled {
    #[error("who called is not recorded")]
    Caller,
    #[error("the operation is not declared")]
    Operation,
    #[error("a recorded parameter makes no request that the gateway would take")]
    Request,
}

/// Makes a recorded call again, for the policies `policies` over `catalog`.
pub fn recall(
    used: &Used,
    catalog: &Catalog,
    policies: &Policies,
    directory: &dyn Directory,
) -> Result<Recalled, Unrecalled> {
    let index = catalog.by_id(&used.facts.operation).ok_or(Unrecalled::Operation)?;
    recall_recorded(used, catalog, policies, directory, policies.kept(index))
}

/// As [`recall`]; `recorded` is what the policies in force keep of a call of this operation, so that what is not there was not
/// there then either.
pub(crate) fn recall_recorded(
    used: &Used,
    catalog: &Catalog,
    policies: &Policies,
    directory: &dyn Directory,
    recorded: &[KeptFact],
) -> Result<Recalled, Unrecalled> {
    let facts = &used.facts;
    let index = catalog.by_id(&facts.operation).ok_or(Unrecalled::Operation)?;
    let mut recalling = Recalling {
        facts,
        recorded,
        gaps: BTreeSet::new(),
        unknown: BTreeSet::new(),
        time: used.counts.last,
    };
    let kept = policies.kept(index);
    let reads = policies.reads(index).context;
    recalling.note_user(reads.contains(&ContextFact::User));
    let caller = recalling.caller(kept, directory).ok_or(Unrecalled::Caller)?;
    let request = recalling.request(catalog, index, kept)?;
    if reads.contains(&ContextFact::Now) && used.counts.first != used.counts.last {
        recalling.gaps.insert(ContextFact::Now.as_str().to_owned());
    }
    let source_ip = recalling.source_ip(reads.contains(&ContextFact::SourceIp));
    let scopes = recalling.scopes(kept, directory);
    Ok(Recalled {
        operation: index,
        caller,
        request,
        source_ip,
        scopes,
        time: used.counts.last,
        gaps: recalling.gaps,
        unknown: recalling.unknown,
    })
}

struct Recalling<'a> {
    facts: &'a CallFacts,
    recorded: &'a [KeptFact],
    gaps: BTreeSet<String>,
    unknown: BTreeSet<UnknownFact>,
    time: Timestamp,
}

impl Recalling<'_> {
    /// Notes that a fact is missing. It is unknown where it was left out, or where nothing says that it was looked at then; else
    /// there was none.
    fn miss(&mut self, fact: &KeptFact, unknown: UnknownFact) {
        self.gaps.insert(fact.key().to_owned());
        if self.facts.incomplete || !self.recorded.contains(fact) {
            self.unknown.insert(unknown);
        }
    }

    fn note_user(&mut self, is_read: bool) {
        if is_read && self.facts.incomplete && self.facts.user.is_none() {
            self.gaps.insert(ContextFact::User.as_str().to_owned());
            self.unknown.insert(UnknownFact::Context(ContextFact::User));
        }
    }

    fn caller(&mut self, kept: &[KeptFact], directory: &dyn Directory) -> Option<Caller> {
        let team = match &self.facts.team {
            Some(team) => Some(TeamName::parse(team).ok()?),
            None => None,
        };
        let client = match ClientRef::of_label(&self.facts.caller)? {
            ClientRef::Anonymous => Client::Anonymous,
            ClientRef::Application(name) => self.application(name, team?, kept, directory)?,
            ClientRef::Workload(name) => {
                Client::Workload(Arc::new(Workload { name: WorkloadName::parse(name).ok()?, team }))
            }
        };
        let user = match &self.facts.user {
            Some(label) => Some(Arc::new(self.user(label, kept)?)),
            None => None,
        };
        let sign_in = self.sign_in(kept, user.is_some());
        let credential = match self.facts.key.as_ref().and_then(|key| KeyId::parse(key.as_bytes()).ok()) {
            Some(key) => CredentialRef::Key(key),
            None => CredentialRef::Absent,
        };
        let strength = Strength::of_long(self.facts.strength)?;
        Some(Caller { user, sign_in, ..Caller::client(client, strength, credential) })
    }

    /// The application with its attributes of then where they were read then, else with those of today.
    fn application(
        &mut self,
        name: &str,
        team: TeamName,
        kept: &[KeptFact],
        directory: &dyn Directory,
    ) -> Option<Client> {
        let today = directory.application(name);
        let mut attributes = today.as_ref().map(|today| today.attributes.clone()).unwrap_or_default();
        let recorded = self.attributes(KeptFact::ATTRIBUTE_PREFIX);
        for fact in kept {
            if let KeptFact::Attribute(name) = fact
                && !recorded.contains_key(name.name())
            {
                self.gaps.insert(fact.key().to_owned());
                if today.is_none() {
                    self.unknown.insert(UnknownFact::Attribute(name.name().to_owned()));
                }
            }
        }
        attributes.extend(recorded);
        Some(Client::Application(Arc::new(Application {
            name: ApplicationName::parse_any(name).ok()?,
            team,
            attributes,
            version: 0,
        })))
    }

    fn attributes(&self, prefix: &str) -> BTreeMap<String, AttributeValue> {
        let named = self.facts.attributes.iter();
        let named = named.filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value)));
        named.map(|(name, value)| (name.to_owned(), attribute(value))).collect()
    }

    fn user(&mut self, label: &str, kept: &[KeptFact]) -> Option<User> {
        let (issuer, name) = label.split_once(User::SEPARATOR)?;
        let mut attributes = self.attributes(KeptFact::USER_PREFIX);
        let teams = KeptFact::USER_TEAMS.strip_prefix(KeptFact::USER_PREFIX)?;
        let teams = match attributes.remove(teams) {
            Some(AttributeValue::StringSet(teams)) => teams,
            Some(AttributeValue::Bool(_) | AttributeValue::Long(_) | AttributeValue::String(_)) => {
                return None;
            }
            None => BTreeSet::new(),
        };
        for fact in kept.iter().filter(|fact| is_of_user(fact)) {
            if !self.facts.attributes.contains_key(fact.key()) {
                let name = fact.key().strip_prefix(KeptFact::USER_PREFIX).unwrap_or_default();
                self.miss(fact, UnknownFact::User(name.to_owned()));
            }
        }
        Some(User { issuer: IssuerName::parse(issuer).ok()?, name: name.to_owned(), teams, attributes })
    }

    fn sign_in(&mut self, kept: &[KeptFact], has_user: bool) -> SignIn {
        let fact = |name: &str| self.facts.attributes.get(name);
        let used = fact("mfa") == Some(&FactValue::Bool(true));
        let age = match fact(AUTH_AGE) {
            Some(FactValue::Long(age)) => Some(*age),
            Some(FactValue::Bool(_) | FactValue::Text(_) | FactValue::Texts(_)) | None => None,
        };
        let micros = |age: i64| self.time.as_micros().checked_sub(age.checked_mul(1_000_000)?);
        let time = age.and_then(micros).map(Timestamp::from_micros);
        let unknown = fact("mfa").is_none() && (has_user || self.facts.incomplete);
        for fact in kept {
            match fact {
                KeptFact::AuthAge if unknown && age.is_none() => {
                    self.miss(fact, UnknownFact::Context(ContextFact::AuthAge));
                }
                // Its two leading digits are recorded.
                KeptFact::AuthAge if age.is_some_and(|age| 100 <= age) => {
                    self.gaps.insert(AUTH_AGE.to_owned());
                }
                KeptFact::Mfa if unknown => self.miss(fact, UnknownFact::Context(ContextFact::Mfa)),
                KeptFact::Attribute(_)
                | KeptFact::AuthAge
                | KeptFact::Mfa
                | KeptFact::Param { .. }
                | KeptFact::Scopes
                | KeptFact::TokenScopes
                | KeptFact::UserAttribute(_)
                | KeptFact::UserTeams => {}
            }
        }
        SignIn { mfa: if used { Mfa::Used } else { Mfa::NotUsed }, time }
    }

    fn request(
        &mut self,
        catalog: &Catalog,
        index: OperationIndex,
        kept: &[KeptFact],
    ) -> Result<CanonicalRequest, Unrecalled> {
        let operation = catalog.operation(index).ok_or(Unrecalled::Operation)?;
        let api = catalog.api(operation.api).ok_or(Unrecalled::Operation)?;
        let attributes = &self.facts.attributes;
        let value = |place: usize, parameter: &PathParameter| {
            let name = format!("{}{}", KeptFact::PARAM_PREFIX, parameter.name);
            Some(match attributes.get(&name) {
                Some(FactValue::Text(text)) => text.clone(),
                Some(FactValue::Bool(value)) => value.to_string(),
                Some(FactValue::Long(value)) => value.to_string(),
                Some(FactValue::Texts(_)) | None => {
                    let is_read = kept
                        .iter()
                        .any(|fact| matches!(fact, KeptFact::Param { place: kept, .. } if *kept == place));
                    unread(parameter.kind, is_read).to_owned()
                }
            })
        };
        let request = request_to(operation, api, value);
        for fact in kept {
            if let KeptFact::Param { name, .. } = fact
                && !attributes.contains_key(fact.key())
            {
                self.gaps.insert(fact.key().to_owned());
                self.unknown.insert(UnknownFact::Param(name.name().to_owned()));
            }
        }
        request.and_then(Result::ok).ok_or(Unrecalled::Request)
    }

    fn source_ip(&mut self, is_read: bool) -> Option<IpAddr> {
        let (address, is_exact) = match self.facts.network {
            Network::Address(address) => (Some(address), true),
            Network::Within(address) => (Some(address), false),
            Network::Unknown => (None, !self.facts.incomplete),
        };
        if is_read && !is_exact {
            self.gaps.insert(ContextFact::SourceIp.as_str().to_owned());
            self.unknown.insert(UnknownFact::Context(ContextFact::SourceIp));
        }
        address
    }

    /// The scopes of then where they were read, else those of the key today.
    fn scopes(&mut self, kept: &[KeptFact], directory: &dyn Directory) -> Option<Vec<String>> {
        if let Some(FactValue::Texts(scopes)) = self.facts.attributes.get("scopes") {
            return Some(scopes.clone());
        }
        if kept.contains(&KeptFact::Scopes) {
            self.gaps.insert("scopes".to_owned());
        }
        let key = KeyId::parse(self.facts.key.as_ref()?.as_bytes()).ok()?;
        directory.scopes(key)
    }
}

const fn is_of_user(fact: &KeptFact) -> bool {
    matches!(fact, KeptFact::UserAttribute(_) | KeptFact::UserTeams)
}

fn attribute(value: &FactValue) -> AttributeValue {
    match value {
        FactValue::Bool(value) => AttributeValue::Bool(*value),
        FactValue::Long(value) => AttributeValue::Long(*value),
        FactValue::Text(text) => AttributeValue::String(text.clone()),
        FactValue::Texts(texts) => AttributeValue::StringSet(texts.iter().cloned().collect()),
    }
}

/// A value for a parameter that was not recorded. One that a policy reads equals nothing that it might be compared with.
const fn unread(kind: ParameterKind, is_read: bool) -> &'static str {
    match (kind, is_read) {
        (ParameterKind::Bool, _) => "true",
        (ParameterKind::Long, false) => "0",
        (ParameterKind::Long, true) => "9223372036854775807",
        (ParameterKind::String, _) => "not-recorded",
    }
}
