//! What the tests of the transport are judged by: one API, one key, and guards.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use super::Choices;

/// The time of all tests.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// What no caller may do, even where the API is observed.
const GUARDS: &str = "@id(\"closed\") @owner(\"tests\") @reason(\"a test\")\n\
    forbid (principal, action in [Action::\"orders:GET /deny\", Action::\"orders:POST /deny\"], resource);
    @id(\"read\") @owner(\"tests\") @reason(\"a test\")
    forbid (principal, action == Action::\"orders:GET /read/{text}/{other}\", resource)
    when { context.params.text == \"closed\" };";

fn declaration() -> catalog::ApiDeclaration {
    let parameter =
        |name: &str| catalog::PathParameter { name: name.to_owned(), kind: catalog::ParameterKind::String };
    let operation =
        |(method, path, parameters, visibility): (_, _, &[&str], _)| catalog::OperationDeclaration {
            method,
            template: catalog::Template::parse(path, catalog::Spanning::AsWritten).unwrap(),
            parameters: parameters.iter().map(|name| parameter(name)).collect(),
            groups: Vec::new(),
            lifecycle: catalog::Lifecycle::Active,
            visibility,
            operation_id: None,
            summary: None,
            scopes: catalog::AskedScopes::none(),
        };
    let (hidden, shown) = (catalog::Visibility::Hidden, catalog::Visibility::Shown);
    catalog::ApiDeclaration {
        name: model::ApiName::parse("orders").unwrap(),
        hosts: catalog::Hosts::Listed(vec![model::HostName::parse("a.example").unwrap()]),
        base_path: catalog::BasePath::root(),
        operations: [
            (model::Method::Get, "/deny", &[][..], shown),
            (model::Method::Post, "/deny", &[], shown),
            (model::Method::Delete, "/deny", &[], hidden),
            (model::Method::Get, "/hidden", &[], hidden),
            (model::Method::Get, "/read/{text}/{other}", &["text", "other"], shown),
        ]
        .map(operation)
        .into(),
        cors: Some(catalog::Cors {
            origins: vec!["https://shop.example".into()],
            headers: vec!["x-api-key".into()],
            credentials: catalog::CorsCredentials::Allow,
            max_age: Duration::from_secs(60),
        }),
    }
}

/// The key of a caller that is known, and that policy grants nothing.
pub(crate) fn key() -> identity::MadeKey {
    identity::key::make("test", &[7; identity::key::ENTROPY_BYTES]).unwrap()
}

fn keys() -> identity::KeyTable {
    let key = key();
    identity::KeyTable::empty().with(identity::KeyEntry {
        id: key.id,
        secret: identity::KeySecret::Own(key.digest),
        application: Arc::new(model::Application {
            name: model::ApplicationName::parse("shop").unwrap(),
            team: model::TeamName::parse("partners").unwrap(),
            attributes: Default::default(),
            version: 1,
        }),
        scopes: ["orders:GET /deny", "orders:GET /hidden"].map(str::to_owned).into(),
        expires: Timestamp::MAX,
        state: identity::KeyState::Active,
        application_state: identity::ApplicationState::Enabled,
        usage: Arc::new(identity::KeyUsage::never()),
        limit: Arc::default(),
    })
}

/// An API that is observed unless a test chooses otherwise, so that anyone may call anything but `/deny`.
pub(crate) fn snapshot(upstream: &str, choices: &Choices) -> enforce::Snapshot {
    let declaration = declaration();
    let api = declaration.name.clone();
    let catalog = catalog::Catalog::compile(vec![declaration]).unwrap().catalog;
    let directory = policy::Directory {
        teams: Default::default(),
        attributes: Default::default(),
        user_attributes: std::collections::BTreeMap::new(),
        apis: vec![policy::ApiFacts {
            exposure: model::Exposure::Internal,
            data_class: model::DataClass::Internal,
        }],
    };
    let sources = [policy::PolicySource { path: "policies/guards.cedar".into(), text: GUARDS.into() }];
    let policies = policy::compile(&sources, &catalog, &directory, &mut policy::ValidationCache::new())
        .unwrap()
        .policies;
    let rules = enforce::ApiRules {
        name: api,
        mode: choices.mode,
        audit: choices.audit,
        credential: model::CredentialUse::Pass,
        exchange: None,
        existing_keys: None,
        key_header: b"x-api-key".as_slice().into(),
        underscore_headers: Box::default(),
        per_key: None,
        per_api: choices.per_api,
        api_limit: Arc::default(),
        caller_limits: Arc::default(),
        body_bytes_max: choices.body_bytes_max,
        upstream: enforce::Upstream {
            address: upstream.into(),
            host: upstream.into(),
            tls: choices.calls.as_ref().map(|(tls, _)| tls.clone()),
        },
        host_header: enforce::HostHeader::Preserve,
        timeouts: choices.timeouts,
        declared: enforce::Declared::Document,
        availability: enforce::Availability::Usable,
        audience: "orders".into(),
        issuers: Box::default(),
        token_audiences: Box::default(),
        resource: None,
    };
    let revision = enforce::Revision {
        number: model::RevisionNumber(1),
        catalog,
        policies: Some(policies),
        apis: Box::new([Arc::new(rules)]),
        trusted_proxies: enforce::Networks::none(),
        guessing: model::Guessing::Limited(model::GuessLimits::STANDARD),
        assertion_issuer: "https://gateway.example".into(),
        issuers: Box::default(),
        workloads: identity::Workloads::none(),
    };
    enforce::Snapshot { revision: Arc::new(revision), keys: Arc::new(keys()), ..enforce::Snapshot::none() }
}
