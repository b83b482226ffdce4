//! What a request leaves for the record: data only, complete before anything is forwarded.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use catalog::{ApiIndex, Captured, Captures, CorsCredentials, Operation, OperationIndex, ParameterValue};
use identity::KeyedDigest;
use identity::token::VerifiedToken;
use model::{
    AttributeValue, Audit, BlockId, Caller, CanonicalRequest, Client, CredentialRef, DecisionId, KeyId,
    Method, Mfa, Mode, Refusal, Snapshots, Timestamp, Verdict,
};
use policy::{KeptFact, PolicyRefs};
use smallvec::SmallVec;

use crate::{ApiRules, Challenge, Snapshot, Trace};

/// The evidence of one decision.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub id: DecisionId,
    pub time: Timestamp,
    pub snapshots: Snapshots,
    pub api: Option<ApiIndex>,
    pub operation: Option<OperationIndex>,
    /// Who called, as far as known: of a refused key, its owner only where the secret was right.
    pub caller: Caller,
    /// The id that a refused key claimed, right or not.
    pub claimed_key: Option<KeyId>,
    /// The key of the API's own that was recognised, by its keyed hash.
    pub existing: Option<KeyedDigest>,
    /// The sign-in that would have done.
    pub challenge: Option<Challenge>,
    /// The access token that was verified.
    pub token: Option<Arc<VerifiedToken>>,
    pub verdict: Verdict,
    /// What was asked for, where that is of the gateway itself and no API; empty elsewhere.
    pub own: &'static str,
    /// Why the request was refused, or would have been. The client may have been told less.
    pub refusal: Option<Refusal>,
    /// The block that refused it.
    pub block: Option<BlockId>,
    /// The grants that permitted, or the guards that forbade, or the policies that failed.
    pub policies: PolicyRefs,
    /// Guards that only observe and would have forbidden.
    pub observed: PolicyRefs,
    /// The mode of the API; whether it observes at `time` is `mode.observes(time)`.
    pub mode: Mode,
    pub audit: Audit,
    /// The client's address in its one reading.
    pub source_ip: Option<IpAddr>,
    pub method: Method,
    /// Of what reached an API.
    pub trace: Option<Trace>,
    pub(crate) captures: Option<Captures>,
    pub(crate) snapshot: Arc<Snapshot>,
}

/// The value of a fact that policies read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactValue<'a> {
    Bool(bool),
    Long(i64),
    /// The scopes of a credential.
    Scopes(&'a [String]),
    Text(Cow<'a, str>),
    /// A set of texts.
    Texts(&'a BTreeSet<String>),
    /// Some texts of several.
    Words(SmallVec<[&'a str; 4]>),
}

impl Evidence {
    pub(crate) fn new(snapshot: &Arc<Snapshot>, id: DecisionId, now: Timestamp) -> Self {
        Self {
            id,
            time: now,
            snapshots: snapshot.names(),
            api: None,
            operation: None,
            caller: Caller::anonymous(),
            claimed_key: None,
            existing: None,
            challenge: None,
            token: None,
            verdict: Verdict::Denied,
            own: "",
            refusal: None,
            block: None,
            policies: PolicyRefs::none(),
            observed: PolicyRefs::none(),
            mode: Mode::Enforce,
            audit: Audit::Counted,
            source_ip: None,
            method: Method::Unlisted,
            trace: None,
            captures: None,
            snapshot: Arc::clone(snapshot),
        }
    }

    /// The snapshot that the request was judged by.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The rules of the API that the request belongs to.
    #[must_use]
    pub fn rules(&self) -> Option<&Arc<ApiRules>> {
        self.snapshot.revision.rules(self.api?)
    }

    /// The name of the API; empty where the request belongs to none.
    #[must_use]
    pub fn api_name(&self) -> &str {
        self.rules().map_or("", |rules| rules.name.as_str())
    }

    /// Whether the API that the request belongs to answers to any host.
    #[must_use]
    pub fn is_of_any_host(&self) -> bool {
        let api = self.api.and_then(|api| self.snapshot.revision.catalog.api(api));
        api.is_some_and(|api| matches!(api.hosts, catalog::Hosts::Any))
    }

    /// The operation that the request means.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.snapshot.revision.catalog.operation(self.operation?)
    }

    /// The id of the operation; empty where there is none.
    #[must_use]
    pub fn operation_id(&self) -> &str {
        self.operation().map_or("", |operation| operation.id.as_str())
    }

    /// What the API declares for the browser that sent `request`, and its origin; none where that is not declared.
    pub(crate) fn declared_origin(&self, request: &CanonicalRequest) -> Option<(&str, CorsCredentials)> {
        let api = self.snapshot.revision.catalog.api(self.api?)?;
        let origin = catalog::cors::allowed_origin(api, request)?;
        Some((origin, api.cors.as_ref()?.credentials))
    }

    /// The path parameters by name, in the template's order. `request` is the one that was judged.
    pub fn parameters<'a>(
        &'a self,
        request: &'a CanonicalRequest,
    ) -> impl Iterator<Item = (&'a str, Captured<'a>)> + 'a {
        let names = self.operation().map(|operation| &*operation.parameters).unwrap_or_default();
        names.iter().enumerate().filter_map(move |(place, parameter)| {
            Some((parameter.name.as_str(), self.captures.as_ref()?.value(request, place)?))
        })
    }

    /// The facts that the policies of the operation read, by the names that a record keeps them under: with them, and
    /// with what every record has, the decision can be made again. Beside them the scopes of a token that the API's document
    /// asks for. A fact that the request has not is left out.
    /// `request` is the one that was judged.
    pub fn facts<'a>(
        &'a self,
        request: &'a CanonicalRequest,
    ) -> impl Iterator<Item = (&'a str, FactValue<'a>)> + 'a {
        let policies = self.snapshot.revision.policies.as_ref();
        let kept = policies.zip(self.operation).map(|(policies, operation)| policies.kept(operation));
        let kept = kept.unwrap_or_default().iter();
        kept.filter_map(|fact| Some((fact.key(), self.fact(fact, request)?)))
    }

    fn fact<'a>(&'a self, fact: &'a KeptFact, request: &'a CanonicalRequest) -> Option<FactValue<'a>> {
        match fact {
            KeptFact::Attribute(name) => match &self.caller.client {
                Client::Anonymous | Client::Workload(_) => None,
                Client::Application(application) => application.attributes.get(name.name()).map(value_of),
            },
            KeptFact::AuthAge => self.caller.sign_in.age(self.time).map(FactValue::Long),
            KeptFact::Mfa => Some(FactValue::Bool(self.caller.sign_in.mfa == Mfa::Used)),
            KeptFact::Param { place, .. } => {
                let kind = self.operation()?.parameters.get(*place)?.kind;
                let text = self.captures.as_ref()?.value(request, *place)?.text();
                match kind.read(&text).ok()? {
                    ParameterValue::Bool(value) => Some(FactValue::Bool(value)),
                    ParameterValue::Long(value) => Some(FactValue::Long(value)),
                    ParameterValue::String(_) => Some(FactValue::Text(text)),
                }
            }
            KeptFact::Scopes => match self.caller.credential {
                CredentialRef::Absent
                | CredentialRef::Certificate(_)
                | CredentialRef::Foreign(_)
                | CredentialRef::Token(_) => {
                    self.token.as_ref().map(|token| FactValue::Scopes(&token.scopes))
                }
                CredentialRef::Key(id) => {
                    self.snapshot.keys.find(id).map(|key| FactValue::Scopes(&key.scopes))
                }
            },
            KeptFact::TokenScopes => self.asked_scopes().map(FactValue::Words),
            KeptFact::UserAttribute(name) => {
                self.caller.user.as_ref()?.attributes.get(name.name()).map(value_of)
            }
            KeptFact::UserTeams => self.caller.user.as_ref().map(|user| FactValue::Texts(&user.teams)),
        }
    }

    /// The scopes of the token by which the caller is known, of those that the API's document asks for. Of a key beside a
    /// token the caller is the key's, of whom the token says nothing.
    fn asked_scopes(&self) -> Option<SmallVec<[&str; 4]>> {
        match self.caller.credential {
            CredentialRef::Key(_) => return None,
            CredentialRef::Absent
            | CredentialRef::Certificate(_)
            | CredentialRef::Foreign(_)
            | CredentialRef::Token(_) => {}
        }
        let asked = &self.snapshot.revision.catalog.api(self.api?)?.scopes;
        let is_asked = |scope: &&str| asked.binary_search_by(|one| (**one).cmp(scope)).is_ok();
        let scopes: SmallVec<_> =
            self.token.as_ref()?.scopes.iter().map(String::as_str).filter(is_asked).collect();
        (!scopes.is_empty()).then_some(scopes)
    }
}

fn value_of(value: &AttributeValue) -> FactValue<'_> {
    match value {
        AttributeValue::Bool(value) => FactValue::Bool(*value),
        AttributeValue::Long(value) => FactValue::Long(*value),
        AttributeValue::String(text) => FactValue::Text(Cow::Borrowed(text)),
        AttributeValue::StringSet(texts) => FactValue::Texts(texts),
    }
}
