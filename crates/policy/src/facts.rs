//! The facts of one request that policy may judge by, and their form in Cedar.
//!
//! Only what a slice reads is handed to Cedar: a fact that no condition mentions cannot matter, and building all
//! of them costs more than deciding. A fact that has no faithful form is an error, never left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;

use catalog::{OperationIndex, ParameterKind, ParameterValue, PathParameter};
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use cedar_policy_core::ast::{Name, RestrictedExpr};
use model::{AttributeType, AttributeValue, Caller, Client, Mfa, Timestamp, User};

use crate::compile::Policies;
use crate::reads::{ContextFact, Names, Reads};
use crate::rule::{ACTION, ANONYMOUS, ANONYMOUS_ID, API, APPLICATION, TEAM, WORKLOAD};
use crate::slice::OperationEntry;

/// What every user has in the context; declared attributes have other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserFact {
    Issuer,
    Name,
    Teams,
}

impl UserFact {
    pub const ALL: [Self; 3] = [Self::Issuer, Self::Name, Self::Teams];

    /// Its name in `context.user`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Name => "name",
            Self::Teams => "teams",
        }
    }
}

/// Everything that a decision depends on, beside the policies. Borrowed: building it allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub operation: OperationIndex,
    pub caller: &'a Caller,
    /// `context.scopes`: the credential's scopes.
    pub scopes: &'a [String],
    /// The path parameters, one per parameter of the operation and in its order.
    pub params: &'a [ParameterValue<'a>],
    /// `context.sourceIp`; absent when the client's address could not be read, so that address rules deny.
    pub source_ip: Option<IpAddr>,
    /// `context.now`, cut to the millisecond; expiry is judged to the microsecond.
    pub now: Timestamp,
}

impl Facts<'_> {
    /// `context.authAge`.
    pub(crate) fn auth_age(&self) -> Option<i64> {
        self.caller.sign_in.age(self.now)
    }

    /// The client's address with one spelling: an IPv4 address that a dual-stack socket wraps is unwrapped.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.source_ip.map(|address| address.to_canonical())
    }
}

/// The name of an entity; none where `kind` is no type name, which the schema's constants are.
pub(crate) fn uid(kind: &str, id: &str) -> Option<EntityUid> {
    Some(EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind).ok()?, EntityId::new(id)))
}

/// A request as Cedar sees it.
pub(crate) struct Question {
    pub request: Request,
    pub entities: Entities,
}

impl Question {
    /// Puts the request into Cedar's words; none where a fact does not fit what the schema promises.
    pub(crate) fn new(
        policies: &Policies,
        operation: &OperationEntry,
        reads: &Reads,
        facts: &Facts<'_>,
    ) -> Option<Self> {
        let principal = match &facts.caller.client {
            Client::Anonymous => uid(ANONYMOUS, ANONYMOUS_ID)?,
            Client::Application(application) => uid(APPLICATION, application.name.as_str())?,
            Client::Workload(workload) => uid(WORKLOAD, workload.name.as_str())?,
        };
        let resource = policies.api_uid(operation.api)?.clone();
        let mut entities = Vec::new();
        if reads.principal {
            entities.push(principal_entity(policies, &principal, &facts.caller.client, &reads.attributes)?);
        }
        if reads.action {
            let groups = operation.groups.iter().map(|group| uid(ACTION, group));
            let groups = groups.collect::<Option<HashSet<_>>>()?;
            entities.push(Entity::new_no_attrs(operation.action.clone(), groups));
        }
        if reads.resource {
            entities.push(policies.api_entity(operation.api)?);
        }
        let entities = match entities.is_empty() {
            true => Entities::empty(),
            false => Entities::from_entities(entities, None).ok()?,
        };
        let context = context(policies, operation, reads, facts)?;
        let request = Request::new(principal, operation.action.clone(), resource, context, None).ok()?;
        Some(Self { request, entities })
    }
}

fn principal_entity(
    policies: &Policies,
    principal: &EntityUid,
    client: &Client,
    read: &Names,
) -> Option<Entity> {
    let teams = client.team().map(|team| uid(TEAM, team.as_str()));
    let teams = teams.into_iter().collect::<Option<HashSet<_>>>()?;
    match client {
        Client::Anonymous | Client::Workload(_) => Some(Entity::new_no_attrs(principal.clone(), teams)),
        Client::Application(application) => {
            let attributes = attributes(&application.attributes, |name| policies.attribute_type(name), read)?;
            Entity::new(principal.clone(), attributes, teams).ok()
        }
    }
}

/// The attributes that are declared and read. One whose value is not of its declared type makes no entity.
fn attributes(
    values: &BTreeMap<String, AttributeValue>,
    declared: impl Fn(&str) -> Option<AttributeType>,
    read: &Names,
) -> Option<HashMap<String, RestrictedExpression>> {
    let wanted = values.iter().filter(|(name, _)| read.contains(name));
    wanted
        .filter_map(|(name, value)| Some((name, value, declared(name)?)))
        .map(|(name, value, declared)| Some((name.clone(), attribute(value, declared)?)))
        .collect()
}

fn attribute(value: &AttributeValue, declared: AttributeType) -> Option<RestrictedExpression> {
    if value.kind() != declared {
        return None;
    }
    Some(match value {
        AttributeValue::Bool(value) => RestrictedExpression::new_bool(*value),
        AttributeValue::Long(value) => RestrictedExpression::new_long(*value),
        AttributeValue::String(value) => RestrictedExpression::new_string(value.clone()),
        AttributeValue::StringSet(values) => string_set(values.iter()),
    })
}

fn string_set<'a>(values: impl Iterator<Item = &'a String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(|value| RestrictedExpression::new_string(value.clone())))
}

/// The functions by which Cedar makes addresses and times; none if they were no names, which a test says they are.
static IP: LazyLock<Option<Name>> = LazyLock::new(|| Name::parse_unqualified_name("ip").ok());
static DATETIME: LazyLock<Option<Name>> = LazyLock::new(|| Name::parse_unqualified_name("datetime").ok());

/// A value that an extension makes of a text. The constructors of [`RestrictedExpression`] run Cedar's parser over the
/// function's name each time, which took a third of a decision.
fn extension(name: &LazyLock<Option<Name>>, text: String) -> Option<RestrictedExpression> {
    let name = LazyLock::force(name).clone()?;
    Some(RestrictedExpr::call_extension_fn(name, [RestrictedExpr::val(text)]).into())
}

fn context(
    policies: &Policies,
    operation: &OperationEntry,
    reads: &Reads,
    facts: &Facts<'_>,
) -> Option<Context> {
    let mut pairs = Vec::with_capacity(reads.context.len());
    for fact in &reads.context {
        let value = match fact {
            ContextFact::AuthAge => match facts.auth_age() {
                None => continue,
                Some(seconds) => RestrictedExpression::new_long(seconds),
            },
            ContextFact::Mfa => RestrictedExpression::new_bool(facts.caller.sign_in.mfa == Mfa::Used),
            ContextFact::Now => extension(&DATETIME, facts.now.to_string())?,
            ContextFact::Params => params(&operation.parameters, &reads.params, facts)?,
            ContextFact::Scopes => string_set(facts.scopes.iter()),
            ContextFact::SourceIp => match facts.address() {
                None => continue,
                Some(address) => extension(&IP, address_text(address))?,
            },
            ContextFact::Strength => RestrictedExpression::new_long(facts.caller.strength.as_long()),
            ContextFact::User => match &facts.caller.user {
                None => continue,
                Some(user) => user_record(policies, user, &reads.user)?,
            },
        };
        pairs.push((fact.as_str().to_owned(), value));
    }
    Context::from_pairs(pairs).ok()
}

/// The user, as far as it is read.
fn user_record(policies: &Policies, user: &User, read: &Names) -> Option<RestrictedExpression> {
    let mut fields = attributes(&user.attributes, |name| policies.user_attribute_type(name), read)?;
    for own in UserFact::ALL.into_iter().filter(|own| read.contains(own.as_str())) {
        let value = match own {
            UserFact::Issuer => RestrictedExpression::new_string(user.issuer.as_str().to_owned()),
            UserFact::Name => RestrictedExpression::new_string(user.name.clone()),
            UserFact::Teams => string_set(user.teams.iter()),
        };
        fields.insert(own.as_str().to_owned(), value);
    }
    RestrictedExpression::new_record(fields).ok()
}

/// The parameters that are read and of their declared type. Who reads another is not asked (see [`reads_misfit`]), and would fail.
///
/// [`reads_misfit`]: crate::decide::reads_misfit
fn params(parameters: &[PathParameter], read: &Names, facts: &Facts<'_>) -> Option<RestrictedExpression> {
    let wanted = parameters
        .iter()
        .zip(facts.params)
        .filter(|(parameter, value)| value.kind() == parameter.kind && read.contains(&parameter.name));
    let fields = wanted
        .map(|(parameter, value)| Some((parameter.name.clone(), param(*value, parameter.kind)?)))
        .collect::<Option<Vec<_>>>()?;
    RestrictedExpression::new_record(fields).ok()
}

fn param(value: ParameterValue<'_>, declared: ParameterKind) -> Option<RestrictedExpression> {
    match (value, declared) {
        (ParameterValue::Bool(value), ParameterKind::Bool) => Some(RestrictedExpression::new_bool(value)),
        (ParameterValue::Long(value), ParameterKind::Long) => Some(RestrictedExpression::new_long(value)),
        (ParameterValue::String(value), ParameterKind::String) => {
            Some(RestrictedExpression::new_string(value.to_owned()))
        }
        (ParameterValue::Bool(_) | ParameterValue::Long(_) | ParameterValue::String(_), _) => None,
    }
}

/// The address as Cedar reads it: no form in which IPv6 holds dotted IPv4.
fn address_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}")
        }
    }
}

/// The entity of an API with what policies may read of it.
pub(crate) fn api_entity(uid: EntityUid, facts: crate::source::ApiFacts) -> Option<Entity> {
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let attributes = HashMap::from([
        ("exposure".to_owned(), text(facts.exposure.as_str())),
        ("dataClass".to_owned(), text(facts.data_class.as_str())),
    ]);
    Entity::new(uid, attributes, HashSet::new()).ok()
}

/// The name of an API as an entity.
pub(crate) fn api_uid(name: &str) -> Option<EntityUid> {
    uid(API, name)
}
