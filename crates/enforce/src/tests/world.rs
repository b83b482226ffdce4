//! The gateway that the tests judge by: the APIs `orders` and `legacy`, an application with a few keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use catalog::{
    ApiDeclaration, BasePath, Catalog, Cors, CorsCredentials, Hosts, Lifecycle, OperationDeclaration,
    ParameterKind, PathParameter, Spanning, Template, Visibility,
};
use expect_test::Expect;
use identity::token::{Applications, Issuer, KeySets};
use identity::{ApplicationState, Blocks, KeyEntry, KeyState, KeyTable, KeyUsage, LimitCell, Signer, Stops};
use model::request::{BodyShape, Scheme};
use model::{
    Admission, ApiName, Application, ApplicationName, AttributeType, AttributeValue, Audit, Block,
    CanonicalRequest, CredentialUse, DataClass, Exposure, GroupName, GuessLimits, Guessing, Head, HostName,
    Method, Mode, RevisionNumber, TeamName, Timestamp,
};
use policy::{ApiFacts, Directory, PolicySource, ValidationCache};

use crate::{
    ApiRules, Availability, Declared, HostHeader, Judgement, Networks, Outcome, Refused, Revision, Snapshot,
    Timeouts, Upstream, Worker, judge,
};

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_796_810_400);

const POLICIES: &str = r#"
    @id("shop-reads") @owner("tests") @reason("a test")
    permit (principal == Application::"shop", action in Action::"orders:read", resource);
    @id("shop-cancels") @owner("tests") @reason("a test")
    permit (principal == Application::"shop", action == Action::"orders:POST /orders", resource);
    @id("anyone") @owner("tests") @reason("a test")
    permit (principal, action == Action::"orders:GET /public", resource);
    @id("at-home") @owner("tests") @reason("a test")
    permit (principal == Application::"shop", action == Action::"orders:GET /home", resource)
    when { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };
    @id("closed") @owner("tests") @reason("a test")
    forbid (principal, action == Action::"orders:GET /closed", resource);
    @id("soon-closed") @owner("tests") @reason("a test") @observe_until("2027-01-01")
    forbid (principal, action == Action::"orders:GET /soon", resource);
    @id("own-customer") @owner("tests") @reason("a test")
    permit (principal is Application, action == Action::"orders:GET /customers/{customer}/{id}", resource)
    when { principal has customer && context.params.customer == principal.customer }
    when { context.params.id < 100 && !context.mfa && context.scopes.contains("orders") };
    @id("guard.thirteen") @owner("tests") @reason("a test")
    forbid (principal, action == Action::"orders:GET /customers/{customer}/{id}", resource) when { context.params.id == 1313 };
    @id("numbered") @owner("tests") @reason("a test")
    permit (principal == Application::"shop", action == Action::"orders:GET /tickets/{id}", resource)
    when { context.params.id < 100 };
    @id("factors") @owner("tests") @reason("a test")
    permit (principal, action == Action::"orders:GET /factors", resource) when { context.mfa };
    @id("fresh") @owner("tests") @reason("a test")
    permit (principal, action == Action::"orders:GET /fresh", resource)
    when { context has authAge && context.authAge < 300 };
    @id("both") @owner("tests") @reason("a test")
    permit (principal, action == Action::"orders:GET /both", resource)
    when { context.mfa && context has authAge && context.authAge <= 60 };
    @id("guarded") @owner("tests") @reason("a test")
    permit (principal is Application, action == Action::"orders:GET /guarded", resource);
    @id("guard.factors") @owner("tests") @reason("a test")
    forbid (principal, action == Action::"orders:GET /guarded", resource) unless { context.mfa };
    @id("strong") @owner("tests") @reason("a test")
    permit (principal, action == Action::"orders:GET /strong", resource) when { context.strength == 4 };
    @id("team") @owner("tests") @reason("a test")
    permit (principal in Team::"partners", action == Action::"orders:GET /team", resource);
"#;

/// What a test changes about the gateway.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) mode: Mode,
    pub(super) per_key: Option<&'static str>,
    pub(super) per_api: Option<&'static str>,
    pub(super) credential: CredentialUse,
    pub(super) host_header: HostHeader,
    pub(super) availability: Availability,
    pub(super) trusted: Networks,
    pub(super) signer: Option<Arc<Signer>>,
    pub(super) stale_at: Timestamp,
    pub(super) guessing: Guessing,
    pub(super) blocks: Vec<Block>,
    /// The upstream's own credential, where the API exchanges; `None` where it exchanges and there is none.
    pub(super) exchanged: Option<&'static str>,
    /// What the API's own keys look like.
    pub(super) forms: Vec<model::KeyForm>,
    pub(super) issuers: Vec<Arc<Issuer>>,
    pub(super) key_sets: KeySets,
    pub(super) applications: Applications,
    pub(super) workloads: identity::Workloads,
}

pub(super) fn enforced() -> Setup {
    Setup {
        mode: Mode::Enforce,
        per_key: None,
        per_api: None,
        credential: CredentialUse::Pass,
        host_header: HostHeader::Preserve,
        availability: Availability::Usable,
        trusted: Networks::none(),
        signer: None,
        stale_at: Timestamp::MAX,
        guessing: Guessing::Limited(GuessLimits::STANDARD),
        blocks: Vec::new(),
        exchanged: None,
        forms: Vec::new(),
        issuers: Vec::new(),
        key_sets: KeySets::none(),
        applications: Applications::none(),
        workloads: identity::Workloads::none(),
    }
}

/// A key of the API's own that is `shop`'s.
pub(super) const VOUCHED: &str = "ak_0123456789abcdef";
/// One that nobody has vouched for.
pub(super) const UNKNOWN: &str = "ak_fedcba9876543210";

/// An API whose keys stand in `X-Company-Key`.
pub(super) fn with_existing(setup: Setup) -> Setup {
    let place = model::KeyPlace::Header { name: "x-company-key".into(), scheme: None };
    let shape = model::KeyShape::new("ak_", (19, 19), model::KeyAlphabet::Hex).unwrap();
    Setup { forms: vec![model::KeyForm { place, shape, others: model::OtherValues::Foreign }], ..setup }
}

fn fingerprint_key() -> identity::FingerprintKey {
    let api = ApiName::parse("orders").unwrap();
    identity::FingerprintKey::derive(&model::Secret::new([7; 32]), &api)
}

fn secret_name() -> model::SecretName {
    model::SecretName::parse("upstream").unwrap()
}

pub(super) fn observed() -> Setup {
    Setup { mode: Mode::ObserveUntil(Timestamp::from_micros(NOW.as_micros() + 1)), ..enforced() }
}

fn operation(method: Method, path: &str, groups: &[&str], visibility: Visibility) -> OperationDeclaration {
    let template = Template::parse(path, Spanning::AsWritten).unwrap();
    let kind = |name| if name == "id" { ParameterKind::Long } else { ParameterKind::String };
    let parameters =
        template.parameters().map(|name| PathParameter { name: name.to_owned(), kind: kind(name) }).collect();
    OperationDeclaration {
        method,
        template,
        parameters,
        groups: groups.iter().map(|group| GroupName::parse(group).unwrap()).collect(),
        lifecycle: Lifecycle::Active,
        visibility,
        operation_id: None,
        summary: None,
        scopes: catalog::AskedScopes::none(),
    }
}

/// With a document that asks for these scopes.
fn asking(operation: OperationDeclaration, scopes: &[&str]) -> OperationDeclaration {
    let set = scopes.iter().map(|&scope| scope.into()).collect();
    OperationDeclaration { scopes: catalog::AskedScopes::one_of(vec![set]), ..operation }
}

fn catalog() -> Catalog {
    let read = &["orders", "orders:read"][..];
    let write = &["orders", "orders:write"][..];
    let orders = vec![
        operation(Method::Get, "/orders", read, Visibility::Shown),
        operation(Method::Post, "/orders", write, Visibility::Shown),
        operation(Method::Get, "/orders/{id}", read, Visibility::Shown),
        operation(Method::Delete, "/orders/{id}", write, Visibility::Hidden),
        operation(Method::Get, "/secrets/{name}", &[], Visibility::Hidden),
        operation(Method::Get, "/files/{path*}", read, Visibility::Shown),
        operation(Method::Get, "/public", &[], Visibility::Shown),
        asking(operation(Method::Get, "/home", &[], Visibility::Shown), &["home"]),
        operation(Method::Get, "/closed", read, Visibility::Shown),
        operation(Method::Get, "/soon", read, Visibility::Shown),
        operation(Method::Get, "/factors", &[], Visibility::Shown),
        operation(Method::Get, "/fresh", &[], Visibility::Shown),
        operation(Method::Get, "/both", &[], Visibility::Shown),
        operation(Method::Get, "/guarded", &[], Visibility::Shown),
        operation(Method::Get, "/strong", &[], Visibility::Shown),
        operation(Method::Get, "/team", &[], Visibility::Shown),
        operation(Method::Get, "/customers/{customer}/{id}", read, Visibility::Shown),
        operation(Method::Get, "/tickets/{id}", read, Visibility::Shown),
    ];
    let api = |name: &str, operations, cors| ApiDeclaration {
        name: ApiName::parse(name).unwrap(),
        hosts: Hosts::Listed(vec![HostName::parse(&format!("{name}.example")).unwrap()]),
        base_path: BasePath::root(),
        operations,
        cors,
    };
    let cors = Cors {
        origins: vec!["https://shop.example".into()],
        headers: vec!["x-api-key".into()],
        credentials: CorsCredentials::Omit,
        max_age: Duration::from_secs(600),
    };
    Catalog::compile(vec![api("orders", orders, Some(cors)), api("legacy", Vec::new(), None)])
        .unwrap()
        .catalog
}

fn rules(name: &ApiName, setup: &Setup) -> Arc<ApiRules> {
    let is_legacy = name.as_str() == "legacy";
    let rate = |text: Option<&str>| text.map(|text| model::Rate::parse(text).unwrap());
    Arc::new(ApiRules {
        name: name.clone(),
        mode: setup.mode,
        audit: Audit::Counted,
        credential: setup.credential,
        exchange: (setup.credential == CredentialUse::Exchange).then(|| crate::Exchange {
            header: "authorization".into(),
            scheme: Some("Bearer".into()),
            secret: secret_name(),
        }),
        existing_keys: identity::ExistingKeys::new(
            name.clone(),
            TeamName::parse("partners").unwrap(),
            &setup.forms,
            fingerprint_key(),
        )
        .map(|keys| if setup.issuers.is_empty() { keys } else { keys.beside_tokens() }),
        key_header: b"x-api-key".as_slice().into(),
        underscore_headers: Box::new([b"x_listed".as_slice().into()]),
        per_key: rate(setup.per_key),
        per_api: rate(setup.per_api),
        api_limit: Arc::new(LimitCell::unused()),
        caller_limits: Arc::default(),
        body_bytes_max: Some(1_000),
        upstream: Upstream { address: "127.0.0.1:9000".into(), host: "upstream.internal".into(), tls: None },
        host_header: setup.host_header,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(60),
            idle: Duration::from_secs(300),
        },
        declared: if is_legacy { Declared::Nothing } else { Declared::Document },
        availability: setup.availability.clone(),
        audience: name.as_str().into(),
        issuers: if is_legacy { Box::default() } else { setup.issuers.as_slice().into() },
        token_audiences: Box::default(),
        resource: None,
    })
}

pub(super) fn snapshot(setup: &Setup) -> Arc<Snapshot> {
    let catalog = catalog();
    let directory = Directory {
        teams: BTreeSet::from([TeamName::parse("partners").unwrap()]),
        attributes: BTreeMap::from([("customer".into(), AttributeType::String)]),
        user_attributes: BTreeMap::new(),
        apis: vec![ApiFacts { exposure: Exposure::Partner, data_class: DataClass::Internal }; 2],
    };
    let sources = [PolicySource { path: "policies/test.cedar".into(), text: POLICIES.into() }];
    let policies = policy::compile(&sources, &catalog, &directory, &mut ValidationCache::new())
        .unwrap_or_else(|error| panic!("{:#?}", error.diagnostics))
        .policies;
    let apis = catalog.apis().iter().map(|api| rules(&api.name, setup)).collect();
    let revision = Revision {
        number: RevisionNumber(7),
        catalog,
        policies: Some(policies),
        apis,
        trusted_proxies: setup.trusted.clone(),
        assertion_issuer: "https://gateway.example".into(),
        guessing: setup.guessing,
        issuers: setup.issuers.as_slice().into(),
        workloads: setup.workloads.clone(),
    };
    Arc::new(Snapshot {
        revision: Arc::new(revision),
        keys: Arc::new(keys()),
        stops: Arc::new(
            Stops::none().with_key(made("stopped").id).with_blocks(Blocks::of(&setup.blocks).unwrap()),
        ),
        secrets: Arc::new(crate::UpstreamSecrets::of(setup.exchanged.iter().map(|secret| {
            let held = crate::Held::Open(Arc::new(model::Secret::new(secret.as_bytes())));
            ((ApiName::parse("orders").unwrap(), secret_name()), held)
        }))),
        signer: setup.signer.clone(),
        stale_at: setup.stale_at,
        key_sets: Arc::new(setup.key_sets.clone()),
        applications: Arc::new(setup.applications.clone()),
    })
}

/// The key that a test calls by this name; the name is its entropy.
fn made(name: &str) -> identity::MadeKey {
    let mut entropy = [0; identity::key::ENTROPY_BYTES];
    for (slot, byte) in entropy.iter_mut().zip(name.bytes().cycle()) {
        *slot = byte;
    }
    identity::key::make("test", &entropy).unwrap()
}

pub(super) fn key(name: &str) -> String {
    String::from_utf8(made(name).text.expose().to_vec()).unwrap()
}

fn keys() -> KeyTable {
    let entry = |name: &str, application: &str, scopes: &[&str]| KeyEntry {
        id: made(name).id,
        secret: identity::KeySecret::Own(made(name).digest),
        application: Arc::new(Application {
            name: ApplicationName::parse(application).unwrap(),
            team: TeamName::parse("partners").unwrap(),
            attributes: BTreeMap::from([
                ("customer".into(), AttributeValue::String("42".into())),
                ("unread".into(), AttributeValue::Bool(true)),
            ]),
            version: 1,
        }),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires: Timestamp::MAX,
        state: KeyState::Active,
        application_state: ApplicationState::Enabled,
        usage: Arc::new(KeyUsage::never()),
        limit: Arc::new(LimitCell::unused()),
    };
    let whole = &["orders", "orders:GET /public", "orders:GET /home", "orders:GET /secrets/{name}"][..];
    let mut expired = entry("expired", "shop", whole);
    expired.expires = NOW;
    let mut quarantined = entry("quarantined", "shop", whole);
    quarantined.state = KeyState::Quarantined;
    let mut disabled = entry("disabled", "shop", whole);
    disabled.application_state = ApplicationState::Disabled;
    let mut existing = entry("existing", "shop", &["orders"]);
    let digest = identity::WholeDigest::of(VOUCHED.as_bytes());
    existing.secret = identity::KeySecret::Existing(fingerprint_key().keyed(&digest));
    KeyTable::empty().with_all([
        entry("whole", "shop", whole),
        entry("readonly", "shop", &["orders:read"]),
        entry("one", "shop", &["orders:GET /orders/{id}"]),
        entry("empty", "shop", &[]),
        entry("later", "shop", &["orders:later"]),
        entry("elsewhere", "shop", &["orders2", "legacy:read"]),
        entry("stranger", "stranger", whole),
        entry("stopped", "shop", whole),
        existing,
        expired,
        quarantined,
        disabled,
    ])
}

/// A request as a test writes it: a line `METHOD HOST/path`, then lines `Name: value`. `$name` in a value is the
/// text of that key; `Content-Length` frames the body.
pub(super) fn request(text: &str) -> CanonicalRequest {
    try_request(text).unwrap()
}

pub(super) fn try_request(text: &str) -> Option<CanonicalRequest> {
    let mut lines = text.lines().map(str::trim);
    let (method, url) = lines.next()?.split_once(' ')?;
    let (host, path) = url.split_once('/')?;
    let mut fields = vec![("Host".to_owned(), host.to_owned())];
    let mut body = BodyShape::Absent;
    let mut peer = IpAddr::from([192, 0, 2, 1]);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        let value = match value.split_once('$') {
            Some((before, name)) => format!("{before}{}", key(name)),
            None => value.to_owned(),
        };
        match name {
            "peer" => peer = value.parse().ok()?,
            "Content-Length" => body = BodyShape::Length(value.parse().ok()?),
            _ => {}
        }
        if name != "peer" {
            fields.push((name.to_owned(), value));
        }
    }
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let head = Head::from_parts(method.as_bytes(), format!("/{path}").as_bytes(), fields).ok()?;
    CanonicalRequest::admit(head, Admission { scheme: Scheme::Http, body, peer }).ok()
}

/// Judges and redeems, and says in one line what became of it; the id is left out.
pub(super) fn shown(snapshot: &Arc<Snapshot>, worker: &mut Worker, text: &str) -> String {
    shown_of(snapshot, worker, request(text))
}

/// The same of a request that was made already.
pub(super) fn shown_of(snapshot: &Arc<Snapshot>, worker: &mut Worker, request: CanonicalRequest) -> String {
    let Judgement { mut evidence, outcome } = judge(snapshot, NOW, worker, request);
    let mut line = String::new();
    let answer = match outcome {
        Outcome::Allow(pending) => match pending.redeem(&mut evidence, NOW) {
            Ok(pass) => {
                let right = match &pass {
                    crate::Pass::Observed(_) => "observed",
                    crate::Pass::Permit(_) => "permit",
                };
                assert_eq!(pass.forward().id(), evidence.id);
                right.to_owned()
            }
            Err(refused) => answer_line(&refused),
        },
        Outcome::Preflight(answer) => {
            let fields: Vec<_> =
                answer.fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!("preflight {} [{}]", answer.status, fields.join(", "))
        }
        Outcome::Refuse(refused) => answer_line(&refused),
    };
    write!(line, "{} {answer}", evidence.verdict.as_str()).unwrap();
    if let Some(refusal) = evidence.refusal {
        write!(line, " | {}", refusal.reason().code()).unwrap();
        if refusal.code() != refusal.reason().code() {
            write!(line, "/{}", refusal.code()).unwrap();
        }
    }
    let policies: Vec<_> = evidence.policies.iter().chain(&evidence.observed).map(|id| id.as_str()).collect();
    write!(line, " | {} {}", evidence.caller.client, evidence.operation_id()).unwrap();
    if !policies.is_empty() {
        write!(line, " by {}", policies.join(" ")).unwrap();
    }
    line
}

fn answer_line(refused: &Refused) -> String {
    let slug = refused.body.split('"').nth(3).unwrap().rsplit(':').next().unwrap().to_owned();
    let fields: Vec<_> = refused
        .fields
        .iter()
        .filter(|(name, _)| *name != "Cache-Control")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let fields = if fields.is_empty() { String::new() } else { format!(" [{}]", fields.join(", ")) };
    format!("{} {slug}{fields}", refused.status)
}

/// Compares what becomes of a request in this setup.
pub(super) fn check(setup: &Setup, text: &str, expected: Expect) {
    expected.assert_eq(&shown(&snapshot(setup), &mut Worker::new([1; 32]), text));
}
