//! The world that the tests judge in: `orders` and `users`, teams `partners`, `staff` and `support`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use catalog::{
    ApiDeclaration, BasePath, Catalog, Hosts, Lifecycle, OperationDeclaration, OperationIndex, ParameterKind,
    ParameterValue, PathParameter, Spanning, Template, Visibility,
};
use model::{
    ApiName, Application, ApplicationName, AttributeType, AttributeValue, Caller, Client, CredentialRef,
    DataClass, Exposure, GroupName, HostName, IssuerName, Method, Mfa, Strength, TeamName, Timestamp, User,
    Workload, WorkloadName,
};

use crate::{
    ApiFacts, CompilePoliciesError, CompiledPolicies, DecisionCache, Directory, Facts, Policies,
    PolicySource, Ruling, RulingKind, ValidationCache, compile,
};

/// 2026-06-15T12:00:00Z.
pub(super) fn noon() -> Timestamp {
    Timestamp::parse("2026-06-15T12:00:00Z").unwrap()
}

fn operation(method: Method, path: &str, kind: ParameterKind, groups: &[&str]) -> OperationDeclaration {
    let template = Template::parse(path, Spanning::AsWritten).unwrap();
    let parameters =
        template.parameters().map(|name| PathParameter { name: name.to_owned(), kind }).collect();
    OperationDeclaration {
        method,
        template,
        parameters,
        groups: groups.iter().map(|group| GroupName::parse(group).unwrap()).collect(),
        lifecycle: Lifecycle::Active,
        visibility: Visibility::Shown,
        operation_id: None,
        summary: None,
        scopes: catalog::AskedScopes::none(),
    }
}

pub(super) fn api(name: &str, operations: Vec<OperationDeclaration>) -> ApiDeclaration {
    ApiDeclaration {
        name: ApiName::parse(name).unwrap(),
        hosts: Hosts::Listed(vec![HostName::parse(&format!("{name}.example.com")).unwrap()]),
        base_path: BasePath::root(),
        operations,
        cors: None,
    }
}

pub(super) fn catalog() -> Catalog {
    let text = ParameterKind::String;
    let orders = vec![
        operation(Method::Get, "/orders", text, &["orders", "orders:read"]),
        operation(Method::Post, "/orders", text, &["orders", "orders:write"]),
        operation(Method::Get, "/orders/{id}", text, &["orders", "orders:read"]),
        operation(Method::Delete, "/orders/{id}", text, &["orders", "orders:write"]),
        operation(Method::Get, "/customers/{customerId}/orders", text, &["orders", "orders:read"]),
        operation(Method::Get, "/reports/{year}", ParameterKind::Long, &[]),
    ];
    let users = vec![
        operation(Method::Get, "/users/{id}", ParameterKind::Long, &["users", "users:read"]),
        operation(Method::Put, "/users/{id}", ParameterKind::Long, &["users", "users:write"]),
    ];
    Catalog::compile(vec![api("orders", orders), api("users", users)]).unwrap().catalog
}

/// The same operations of `orders`, none of them in a group but one in another.
pub(super) fn ungrouped_catalog() -> Catalog {
    let text = ParameterKind::String;
    let orders = vec![
        operation(Method::Get, "/orders", text, &["orders:write"]),
        operation(Method::Post, "/orders", text, &[]),
    ];
    let users = vec![operation(Method::Get, "/users/{id}", ParameterKind::Long, &[])];
    Catalog::compile(vec![api("orders", orders), api("users", users)]).unwrap().catalog
}

pub(super) fn directory() -> Directory {
    Directory {
        teams: ["partners", "staff", "support"].iter().map(|team| TeamName::parse(team).unwrap()).collect(),
        attributes: BTreeMap::from([
            ("customer".to_owned(), AttributeType::String),
            ("tier".to_owned(), AttributeType::Long),
            ("trusted".to_owned(), AttributeType::Bool),
            ("regions".to_owned(), AttributeType::StringSet),
        ]),
        user_attributes: BTreeMap::from([
            ("customer".to_owned(), AttributeType::String),
            ("level".to_owned(), AttributeType::Long),
        ]),
        apis: vec![
            ApiFacts { exposure: Exposure::Partner, data_class: DataClass::Internal },
            ApiFacts { exposure: Exposure::Internal, data_class: DataClass::Restricted },
        ],
    }
}

pub(super) fn source(text: &str) -> PolicySource {
    PolicySource { path: "policies/test.cedar".to_owned(), text: text.to_owned() }
}

pub(super) fn try_compile(text: &str) -> Result<CompiledPolicies, CompilePoliciesError> {
    compile(&[source(text)], &catalog(), &directory(), &mut ValidationCache::new())
}

pub(super) fn policies(text: &str) -> Policies {
    match try_compile(text) {
        Ok(compiled) => compiled.policies,
        Err(error) => panic!("{error}\n{:#?}", error.diagnostics),
    }
}

pub(super) fn application(name: &str, team: &str, attributes: &[(&str, AttributeValue)]) -> Arc<Application> {
    Arc::new(Application {
        name: ApplicationName::parse(name).unwrap(),
        team: TeamName::parse(team).unwrap(),
        attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        version: 1,
    })
}

pub(super) fn caller(application: &Arc<Application>) -> Caller {
    let client = Client::Application(Arc::clone(application));
    Caller::client(client, Strength::SharedSecret, CredentialRef::Absent)
}

/// A workload of team `support`.
pub(super) fn workload(name: &str) -> Caller {
    let team = Some(TeamName::parse("support").unwrap());
    let workload = Workload { name: WorkloadName::parse(name).unwrap(), team };
    Caller::client(Client::Workload(Arc::new(workload)), Strength::Bound, CredentialRef::Absent)
}

/// A request with everything owned, from which [`Facts`] borrow.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub operation: String,
    pub caller: Caller,
    pub scopes: Vec<String>,
    pub params: Vec<Param>,
    pub source_ip: Option<IpAddr>,
    pub now: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) enum Param {
    Long(i64),
    Text(String),
}

impl Ask {
    /// `shop` of `partners` with customer 42, or `anonymous`, or any other name of `staff`.
    pub(super) fn new(who: &str, operation: &str) -> Self {
        let caller = match who {
            "anonymous" => Caller::anonymous(),
            "workload" => workload("spiffe://example/batch"),
            "shop" => caller(&application(
                "shop",
                "partners",
                &[("customer", AttributeValue::String("42".into())), ("tier", AttributeValue::Long(2))],
            )),
            other => caller(&application(other, "staff", &[])),
        };
        let params =
            match operation.split_once("/users/{id}").or_else(|| operation.split_once("/reports/{year}")) {
                Some(_) => vec![Param::Long(7)],
                None if operation.contains('{') => vec![Param::Text("42".to_owned())],
                None => Vec::new(),
            };
        Self {
            operation: operation.to_owned(),
            caller,
            scopes: vec!["orders:read".to_owned()],
            params,
            source_ip: Some("203.0.113.7".parse().unwrap()),
            now: noon(),
        }
    }

    pub(super) fn param(mut self, value: &str) -> Self {
        self.params = vec![Param::Text(value.to_owned())];
        self
    }

    pub(super) fn at(mut self, now: &str) -> Self {
        self.now = Timestamp::parse(now).unwrap();
        self
    }

    pub(super) fn from(mut self, address: &str) -> Self {
        self.source_ip = address.parse().ok();
        self
    }

    pub(super) fn user(self, name: &str) -> Self {
        self.user_of("corp", name, "42")
    }

    pub(super) fn user_of(mut self, issuer: &str, name: &str, customer: &str) -> Self {
        self.caller.user = Some(Arc::new(User {
            issuer: IssuerName::parse(issuer).unwrap(),
            name: name.to_owned(),
            teams: ["billing".to_owned()].into(),
            attributes: [("customer".to_owned(), AttributeValue::String(customer.into()))].into(),
        }));
        self
    }

    pub(super) fn mfa(mut self) -> Self {
        self.caller.sign_in.mfa = Mfa::Used;
        self
    }

    /// Signed in so many seconds ago.
    pub(super) fn signed_in(mut self, seconds: i64) -> Self {
        self.caller.sign_in.time = Some(Timestamp::from_seconds(self.now.as_seconds() - seconds));
        self
    }

    /// Calls `with` with the facts of this request.
    pub(super) fn with<T>(&self, with: impl FnOnce(&Facts<'_>) -> T) -> T {
        let operation = catalog().by_id(&self.operation).unwrap_or(OperationIndex(u32::MAX));
        self.with_operation(operation, with)
    }

    pub(super) fn with_operation<T>(
        &self,
        operation: OperationIndex,
        with: impl FnOnce(&Facts<'_>) -> T,
    ) -> T {
        let params: Vec<_> = self
            .params
            .iter()
            .map(|param| match param {
                Param::Long(value) => ParameterValue::Long(*value),
                Param::Text(value) => ParameterValue::String(value),
            })
            .collect();
        with(&Facts {
            operation,
            caller: &self.caller,
            scopes: &self.scopes,
            params: &params,
            source_ip: self.source_ip,
            now: self.now,
        })
    }

    pub(super) fn decide(&self, policies: &Policies) -> Ruling {
        self.with(|facts| policies.decide(&mut DecisionCache::new(), facts))
    }
}

/// A ruling in one word and the policies behind it: `permit a b`.
pub(super) fn word(ruling: &Ruling) -> String {
    let (word, refs) = match &ruling.kind {
        RulingKind::Fault { policies } => ("fault", policies.as_slice()),
        RulingKind::Forbid { by } => ("forbid", by.as_slice()),
        RulingKind::NoGrant => ("no_grant", [].as_slice()),
        RulingKind::Permit { by } => ("permit", by.as_slice()),
    };
    let ids: BTreeSet<&str> = refs.iter().map(model::PolicyId::as_str).collect();
    std::iter::once(word).chain(ids).collect::<Vec<_>>().join(" ")
}
