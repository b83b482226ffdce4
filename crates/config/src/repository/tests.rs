//! Whole repositories: what loads, what is refused and where.

mod issuers;
mod tls;

use std::time::Duration;

use expect_test::expect;
use model::{Audit, CredentialUse, DataClass, Exposure, Rate, Timestamp};

use super::*;
use crate::ClientCertificates;
use crate::{Examples, HostHeader, Reach, Reload};

const GATEWAY: &str = "version: 1\n";
const TEAMS: &str = "version: 1\nteams:\n  orders-team: { members: [ada@example.com] }\n  partners: {}\n";
const API: &str = "\
version: 1
hosts: [orders.example.com]
upstream: http://127.0.0.1:9000
owner: orders-team
exposure: partner
mode: observe
observe_until: 2026-12-09
";

type Files = BTreeMap<String, Vec<u8>>;

fn files(changes: &[(&str, &str)]) -> Files {
    let base = [("sallyport.yaml", GATEWAY), ("teams.yaml", TEAMS), ("apis/orders/api.yaml", API)];
    base.iter().chain(changes).map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn loaded(changes: &[(&str, &str)]) -> Repository {
    Repository::load(&files(changes)).unwrap_or_else(|errors| panic!("{}", lines(&errors)))
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

/// The reason and place of each error, one a line.
fn refused(changes: &[(&str, &str)]) -> String {
    match Repository::load(&files(changes)) {
        Ok(_) => "taken".to_owned(),
        Err(errors) => {
            for error in &errors {
                assert!(
                    !error.reason.is_empty() && !error.fix.is_empty() && !error.file.is_empty(),
                    "{error:?}"
                );
            }
            lines(&errors)
        }
    }
}

fn gateway(extra: &str) -> String {
    format!("{GATEWAY}{extra}\n")
}

/// `api.yaml` with one field replaced or added.
fn api(field: &str) -> String {
    let name = field.split(':').next().unwrap_or_default();
    let kept: String = API
        .lines()
        .filter(|line| !line.starts_with(&format!("{name}:")))
        .map(|line| format!("{line}\n"))
        .collect();
    format!("{kept}{field}\n")
}

#[test]
fn reads_the_contract_s_example() {
    let repository = loaded(&[
        (
            "sallyport.yaml",
            "version: 1\nlisten: 127.0.0.1:8080\nadmin: 127.0.0.1:8181\ntrusted_proxies: [10.2.0.0/16, 192.0.2.7, '::ffff:10.9.0.0/112']\n\
             reload: on_publish\nrecord: { keep: 30d }\napplication_attributes: { customer: String, tags: Set<String> }\nuser_attributes: { team: Long }\n\
             environment: test\nrequire_signed: false\n",
        ),
        (
            "apis/orders/api.yaml",
            "version: 1\nhosts: [Orders.Example.com, orders.example.com.]\nupstream: http://127.0.0.1:9000\nbase_path: /v1/\npreserve_host: false\n\
             owner: orders-team\nexposure: third-party\nmode: observe\nobserve_until: 2026-12-09\naudit: required\nkey_header: X-Shop-Key\ncredential: pass\n\
             limits: { per_key: 100/s, per_api: 2000/s, body: 10MiB }\ncors: { origins: ['https://shop.example.com'] }\n\
             data_class: internal\nspanning: [\"/files/{path}\"]\nhide_existence: [\"GET /users/{id}\"]\n\
             underscore_headers: [X_Customer_Ref]\ntimeouts: { connect: 1s }\ninventory: { examples: values }\n",
        ),
        ("apis/orders/openapi.json", "{}"),
        ("apis/orders/groups.lock", "version: 1\n"),
        ("policies/a.cedar", "permit(principal, action, resource);"),
        ("tests/a.yaml", "version: 1\n"),
        ("policies/README.md", "prose"),
        ("README.md", "prose"),
        (".state/sallyport.db", "\u{1}"),
    ]);
    let gateway = &repository.gateway;
    assert_eq!((gateway.reload, gateway.record.keep), (Reload::OnPublish, Duration::from_secs(30 * 86_400)));
    let networks: Vec<String> = gateway.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.2.0.0/16", "192.0.2.7/32", "10.9.0.0/16"]);
    assert_eq!(gateway.environment, "test");
    let [api] = repository.apis.as_slice() else { panic!("one API") };
    assert_eq!(api.hosts, Hosts::Listed(vec![HostName::parse("orders.example.com").unwrap()]));
    assert_eq!((api.base_path.as_str(), api.preserve_host), ("/v1", HostHeader::Upstream));
    assert_eq!((api.exposure, api.audit), (Exposure::ThirdParty, Audit::Required));
    assert_eq!((api.key_header.as_str(), api.credential), ("x-shop-key", CredentialUse::Pass));
    assert_eq!(api.limits.per_key, Rate::parse("100/s"));
    assert_eq!(api.limits.body, Some(10 << 20));
    let cors = api.cors.as_ref().unwrap();
    assert_eq!(cors.origins, ["https://shop.example.com"]);
    assert_eq!(cors.headers, ["authorization", "content-type", "x-shop-key"]);
    assert_eq!(api.underscore_headers, ["x_customer_ref"]);
    assert_eq!(api.examples, Examples::Values);
    assert_eq!(api.timeouts.connect, Duration::from_secs(1));
    assert_eq!(api.document.as_ref().unwrap().path, "apis/orders/openapi.json");
    assert!(api.lock.is_some());
    assert_eq!((repository.policies.len(), repository.tests.len()), (1, 1));
    let [warning] = repository.warnings.as_slice() else { panic!("{:?}", repository.warnings) };
    assert_eq!((warning.line, warning.column), (2, 8));
}

#[test]
fn what_is_absent_has_the_stricter_meaning() {
    let repository = loaded(&[]);
    let api = &repository.apis[0];
    assert_eq!(api.credential, CredentialUse::Strip);
    assert_eq!(api.data_class, DataClass::Restricted);
    assert_eq!(api.examples, Examples::Redacted);
    assert_eq!(api.cors, None);
    assert!(repository.gateway.trusted_proxies.is_empty());
    assert_eq!(repository.gateway.listen.reach(), Reach::Loopback);
    assert_eq!(repository.gateway.admin.0.port(), 8181);
    // An empty policy set is valid: it denies.
    assert!(repository.policies.is_empty());
}

#[test]
fn an_api_without_mode_is_enforced() {
    let text = "version: 1\nhosts: [a.example]\nupstream: http://127.0.0.1:9000\nowner: partners\nexposure: public\n";
    let repository = loaded(&[("apis/orders/api.yaml", text), ("apis/orders/openapi.yaml", "x")]);
    assert_eq!(repository.apis[0].mode, Mode::Enforce);
}

#[test]
fn reports_all_faults_at_once_each_with_its_place() {
    let found = refused(&[
        ("sallyport.yaml", "version: 1\nlisten: 8080\ntrusted_proxy: []\nrecord: { kep: 90d }\n"),
        ("teams.yaml", "version: 1\nteams:\n  a team: {}\n  orders-team: { members: ada }\n"),
        (
            "apis/orders/api.yaml",
            "version: 1\nhosts: []\nupstream: ftp://a.example\nowner: orders_team\nexposure: partners\nmode: observed\n",
        ),
    ]);
    expect![[r"
        apis/orders/api.yaml:2:8: `hosts` lists 1 to 1000 names; write the hosts that callers use
        apis/orders/api.yaml:3:11: `upstream`: `ftp://a.example` begins neither with http:// nor with https://; write http://HOST:PORT or https://HOST:PORT
        apis/orders/api.yaml:5:11: `exposure` cannot be `partners`; did you mean `partner`?
        apis/orders/api.yaml:6:7: `mode` cannot be `observed`; did you mean `observe`?
        sallyport.yaml:2:9: `listen` must be a text, not a number; put it in quotes if it is meant
        sallyport.yaml:3:1: the file has no field `trusted_proxy`; did you mean `trusted_proxies`?
        sallyport.yaml:4:11: `record` has no field `kep`; did you mean `keep`?
        teams.yaml:3:3: `a team` holds ' '; a name of a team is made of letters, digits, `-`, `_` and `.`, and begins with a letter or digit; choose another name
        teams.yaml:4:27: `members` must be a list, not a text; write `[…]`
    "]]
    .assert_eq(&found);
}

#[test]
fn refuses_what_is_missing_newer_or_not_yaml() {
    let mut none = files(&[]);
    none.clear();
    let found = lines(&Repository::load(&none).unwrap_err());
    assert!(found.contains("sallyport.yaml: the file is missing") && found.contains("teams.yaml"), "{found}");
    for (path, text, expected) in [
        ("sallyport.yaml", "", "sallyport.yaml: the file is empty"),
        ("sallyport.yaml", "listen: 127.0.0.1:1\n", "sallyport.yaml:1:1: `version` is missing"),
        (
            "sallyport.yaml",
            "version: 2\nnew_field: 1\n",
            "sallyport.yaml:1:10: the file is of version 2; this Sallyport reads version 1",
        ),
        ("sallyport.yaml", "version: '1'\n", "the version must be 1"),
        ("sallyport.yaml", "version: 0\n", "the version must be 1"),
        ("sallyport.yaml", "- 1\n", "the file holds a list"),
        ("sallyport.yaml", "version: 1\nlisten: [\n", "the YAML cannot be read"),
        ("sallyport.yaml", "version: 1\n---\nversion: 1\n", "the YAML cannot be read"),
        (
            "sallyport.yaml",
            "version: 1\nversion: 1\n",
            "sallyport.yaml:2:1: `version` is written twice; first on line 1",
        ),
        (
            "sallyport.yaml",
            "version: 1\nrecord: { keep: 1d, keep: 2d }\n",
            "sallyport.yaml:2:21: `keep` is written twice",
        ),
        ("sallyport.yaml", "version: 1\n<<: { listen: 127.0.0.1:1 }\n", "the YAML cannot be read"),
        ("sallyport.yaml", "version: 1\nlisten: !secret x\n", "the YAML cannot be read"),
        ("teams.yaml", "version: 1\n", "teams.yaml:1:1: `teams` is missing"),
        ("teams.yaml", "version: 1\nteams: { a: {}, a: {} }\n", "`a` is written twice"),
    ] {
        let found = refused(&[(path, text)]);
        assert!(found.contains(expected), "{text:?} gave {found}");
    }
    let mut bytes = files(&[]);
    bytes.insert("sallyport.yaml".to_owned(), b"version: 1\n# \xff\n".to_vec());
    let found = lines(&Repository::load(&bytes).unwrap_err());
    assert!(found.contains("sallyport.yaml:2:3: this is not UTF-8"), "{found}");
}

#[test]
fn a_newer_version_hides_no_other_fault_and_invents_none() {
    let found =
        refused(&[("sallyport.yaml", "version: 2\nwhatever: 1\n"), ("teams.yaml", "version: 1\nteam: {}\n")]);
    assert!(!found.contains("whatever") && found.contains("did you mean `teams`?"), "{found}");
}

#[test]
fn bounds_aliases_depth_and_size() {
    let mut bomb = "version: 1\nenvironment: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, before) in ('b'..='k').zip('a'..) {
        let many = format!("*{before},").repeat(9);
        bomb.push_str(&format!("{name}: &{name} [{many}]\n"));
    }
    let deep = format!("version: 1\nlisten: {}{}\n", "[".repeat(1_000), "]".repeat(1_000));
    let long = format!("version: 1\n# {}\n", "x".repeat(1 << 20));
    for text in [bomb, deep] {
        let found = refused(&[("sallyport.yaml", &text)]);
        assert!(found.contains("the YAML cannot be read"), "{found}");
    }
    let found = refused(&[("sallyport.yaml", &long)]);
    assert!(found.contains("the file is over 1048576 bytes long"), "{found}");
    // A harmless alias is fine.
    assert_eq!(
        loaded(&[("sallyport.yaml", "version: 1\nlisten: &a 127.0.0.1:0\nadmin: *a\n")])
            .gateway
            .admin
            .0
            .port(),
        0
    );
}

#[test]
fn refuses_trusted_proxies_that_are_everyone() {
    for (list, expected) in [
        ("[0.0.0.0/0]", "is everyone"),
        ("['::/0']", "is everyone"),
        ("[10.2.0.0/0]", "is everyone"),
        ("[0.0.0.0/1, 128.0.0.0/1]", "cover every IPv4 address"),
        ("['::/1', '8000::/1']", "every IPv4 address"),
        ("['::ffff:0.0.0.0/96']", "holds every IPv4 address"),
        ("['::/8']", "holds every IPv4 address"),
        ("[10.2.3.4/16]", "it would mean 10.2.0.0/16"),
        ("[10.0.0.0/33]", "is no network"),
        ("[proxy.example]", "is no network"),
        ("['*']", "is no network"),
        ("10.0.0.0/8", "must be a list"),
    ] {
        let found = refused(&[("sallyport.yaml", &gateway(&format!("trusted_proxies: {list}")))]);
        assert!(found.contains(expected), "{list} gave {found}");
    }
    loaded(&[("sallyport.yaml", &gateway("trusted_proxies: [10.0.0.0/8, 'fd00::/8', 127.0.0.1, '::1']"))]);
}

#[test]
fn judges_the_fields_of_the_gateway() {
    for (extra, expected) in [
        ("listen: 127.0.0.1", "is no address with a port"),
        ("listen: localhost:8080", "is no address with a port"),
        ("listen: 127.0.0.1:8181", "are the same address"),
        ("listen: 0.0.0.0:8181", "are the same address"),
        ("require_signed: true", "is not supported yet"),
        ("require_signed: yes", "must be true or false"),
        ("record: { keep: 59m }", "must be from 1h"),
        ("record: { keep: 0d }", "must be from 1h"),
        ("record: { keep: forever }", "is no duration"),
        ("record: 90d", "must be a table"),
        ("reload: on_save", "`reload` cannot be `on_save`"),
        ("environment: Live", "a-z and 0-9"),
        ("environment: a_b", "a-z and 0-9"),
        ("environment: abcdefghijklmnopq", "a-z and 0-9"),
        ("application_attributes: { customer: string }", "did you mean `String`?"),
        ("application_attributes: { 'a b': String }", "begins with a letter"),
        ("application_attributes: { in: String }", "use otherwise"),
        ("application_attributes: { team: String }", "use otherwise"),
        ("user_attributes: { issuer: String }", "use otherwise"),
        ("user_attributes: { teams: String }", "use otherwise"),
        ("user_attributes: { level: long }", "did you mean `Long`?"),
    ] {
        let found = refused(&[("sallyport.yaml", &gateway(extra))]);
        assert!(found.contains(expected), "{extra} gave {found}");
    }
    let beyond = loaded(&[("sallyport.yaml", &gateway("listen: 0.0.0.0:8080"))]);
    assert_eq!(beyond.gateway.listen.reach(), Reach::Beyond);
    let mapped = loaded(&[("sallyport.yaml", &gateway("listen: '[::ffff:127.0.0.1]:8080'"))]);
    assert_eq!(mapped.gateway.listen.reach(), Reach::Loopback);
}

#[test]
fn judges_the_fields_of_an_api() {
    for (field, expected) in [
        ("hosts: ['*.example.com']", "patterns are not supported"),
        ("hosts: ['*', a.example]", "stands alone"),
        ("hosts: [a.example:80]", "port"),
        ("hosts: ['a.example/x']", "host name"),
        ("hosts: a.example", "must be a list"),
        ("upstream: 127.0.0.1:9000", "begins neither with http:// nor with https://"),
        ("upstream: HTTPX://a.example", "begins neither with http:// nor with https://"),
        ("upstream: https://a.example/v1", "`base_path`"),
        ("ca_file: tls/a.pem", "means nothing while the upstream is called in the clear"),
        ("client_cert_file: tls/a.pem", "means nothing while the upstream is called in the clear"),
        ("client_key_file: tls/a.key", "means nothing while the upstream is called in the clear"),
        ("upstream: http://u:p@a.example", "no user"),
        ("upstream: http://a.example?x", "no query"),
        ("upstream: http://a.example#x", "no fragment"),
        ("upstream: http://a.example/v1", "`base_path`"),
        ("upstream: http://", "must not be empty"),
        ("upstream: http://a.example:0", "port"),
        ("upstream: http://127.1:9000", "usual spelling"),
        ("upstream: http://0x7f000001", "usual spelling"),
        ("upstream: http://127.0.0.1:8080", "this gateway itself"),
        ("upstream: http://localhost:8080", "this gateway itself"),
        ("upstream: 'http://[::ffff:127.0.0.1]:8181'", "this gateway itself"),
        ("upstream: http://0.0.0.0:8080", "this gateway itself"),
        ("base_path: v1", "begins with /"),
        ("base_path: /a//b", "no empty"),
        ("base_path: /a/../b", "no empty"),
        ("base_path: /%61", "visible ASCII"),
        ("base_path: /{v}", "no parameters"),
        ("preserve_host: 1", "must be true or false"),
        ("owner: order-team", "did you mean `orders-team`?"),
        ("owner: strangers", "sallyport team create strangers"),
        ("exposure: world", "`exposure` cannot be"),
        ("mode: off", "`mode` cannot be"),
        ("mode: enforce", "without a document nothing is declared"),
        ("observe_until: soon", "neither a date"),
        ("observe_until: 2026-02-30", "neither a date"),
    ] {
        let found = refused(&[("apis/orders/api.yaml", &api(field))]);
        assert!(found.contains(expected), "{field} gave {found}");
    }
}

#[test]
fn judges_what_an_api_lets_through() {
    for (field, expected) in [
        ("audit: none", "`audit` cannot be"),
        ("key_header: Authorization", "the gateway itself"),
        ("key_header: X-Forwarded-For", "the gateway itself"),
        ("key_header: Cookie", "the gateway itself"),
        ("key_header: X_Api_Key", "underscore"),
        ("key_header: 'X Key'", "letters, digits"),
        ("credential: forward", "`credential` cannot be"),
        ("limits: { per_key: 0/s }", "is no rate"),
        ("limits: { per_key: 100 }", "must be a text"),
        ("limits: { body: 10 }", "must be a text"),
        ("limits: { body: 10M }", "is no size"),
        ("limits: { perkey: 1/s }", "did you mean `per_key`?"),
        ("cors: {}", "`origins` is missing"),
        ("cors: { origins: ['*'] }", "origins are listed one by one"),
        ("cors: { origins: ['null'] }", "is no origin"),
        ("cors: { origins: ['https://Shop.example'] }", "is never sent like this"),
        ("cors: { origins: ['https://a.example:443'] }", "is never sent like this"),
        ("cors: { origins: ['https://a.example/'] }", "without path"),
        ("data_class: secret", "`data_class` cannot be"),
        ("inventory: values", "must be a table"),
        ("inventory: { examples: all }", "`examples` cannot be"),
        ("inventory: { example: values }", "did you mean `examples`?"),
        ("spanning: ['/files/all']", "does not end with a parameter"),
        ("hide_existence: ['get /users']", "is no `METHOD /path`"),
        ("hide_existence: ['/users']", "is no `METHOD /path`"),
        ("underscore_headers: [X-Plain]", "has no underscore"),
        ("underscore_headers: [X_Forwarded_For]", "the gateway itself"),
        ("underscore_headers: [Sallyport_Assertion]", "the gateway itself"),
        ("timeouts: { head: 0s }", "from 10ms to 1h"),
        ("timeouts: { total: 1s }", "has no field `total`"),
        ("colour: red", "has no field `colour`"),
    ] {
        let found = refused(&[("apis/orders/api.yaml", &api(field))]);
        assert!(found.contains(expected), "{field} gave {found}");
    }
    for field in [
        "hosts: ['*']",
        "upstream: http://127.0.0.1:9000/",
        "upstream: http://localhost:9000",
        "upstream: http://orders",
        "base_path: /v1.0/orders",
        "limits: {}",
        "observe_until: 2026-12-09T10:00:00+01:00",
        "key_header: x-api-key",
        "cors: { origins: ['http://localhost:3000'], headers: [X-Trace], credentials: true, max_age: 1h }",
    ] {
        loaded(&[("apis/orders/api.yaml", &api(field))]);
    }
}

#[test]
fn judges_what_an_api_says_of_keys_that_are_not_ours() {
    for (field, expected) in [
        ("credential: exchange", "needs `exchange`"),
        ("credential: swap", "cannot be `swap`"),
        ("exchange: { secret: a }", "means nothing without"),
        ("credential: exchange\nexchange: {}", "`secret` is missing"),
        ("credential: exchange\nexchange: { secret: 'a b' }", "name of a secret"),
        ("credential: exchange\nexchange: { secret: a, header: Host }", "the gateway itself"),
        ("credential: exchange\nexchange: { secret: a, scheme: 'a b' }", "one word"),
        ("existing_keys: {}", "does not say where"),
        ("existing_keys: ak_", "must be a table"),
        ("existing_keys: { header: X-Key, query: key }", "not in both"),
        ("existing_keys: { header: Cookie }", "the gateway itself"),
        ("existing_keys: { header: Authorization }", "needs a `scheme`"),
        ("existing_keys: { header: Authorization, scheme: Bearer }", "need a `prefix`"),
        ("existing_keys: { query: 'a b' }", "letters, digits"),
        ("existing_keys: { query: key, scheme: Bearer }", "no scheme"),
        ("existing_keys: { header: X-Key, prefix: sp_ }", "Sallyport's own"),
        ("existing_keys: { header: X-Key, length: 4 }", "goes from 8"),
        ("existing_keys: { header: X-Key, length: long }", "a range of two"),
        ("existing_keys: { header: X-Key, alphabet: any }", "cannot be `any`"),
        ("existing_keys: { header: X-Key, patern: a }", "has no field `patern`"),
        ("existing_keys: { query: key }", "byte for byte"),
        ("credential: exchange\nexchange: { secret: a }\nexisting_keys: { query: key }", "byte for byte"),
        (
            "existing_keys: [{ header: A }, { header: B }, { header: C }, { header: D }, { header: E }, { header: F }, { header: G }, { header: H }, { header: I }]",
            "over 8 forms",
        ),
    ] {
        let found = refused(&[("apis/orders/api.yaml", &api(field))]);
        assert!(found.contains(expected), "{field} gave {found}");
    }
    for field in [
        "credential: exchange\nexchange: { secret: main }",
        "credential: exchange\nexchange: { secret: main, header: X-Upstream-Key }\nexisting_keys: { header: X-Key }",
        "credential: pass\nexisting_keys: [{ query: key, length: 32 }, { header: X-Key, prefix: ak_, only: true }]",
        "existing_keys: { header: Authorization, scheme: ApiKey, length: 20-64, alphabet: hex }",
        "existing_keys: { header: Authorization, scheme: Bearer, prefix: ak_ }",
    ] {
        loaded(&[("apis/orders/api.yaml", &api(field))]);
    }
}

#[test]
fn an_observation_has_an_end_that_is_near() {
    let without: String = API
        .lines()
        .filter(|line| !line.starts_with("observe_until"))
        .map(|line| format!("{line}\n"))
        .collect();
    let found = refused(&[("apis/orders/api.yaml", &without)]);
    assert!(found.contains("api.yaml:6:7: `mode: observe` needs `observe_until`"), "{found}");
    let api = &loaded(&[]).apis[0];
    assert!(api.check_observe_until(Timestamp::parse("2026-11-09").unwrap()).is_ok());
    assert!(api.check_observe_until(Timestamp::parse("2027-01-01").unwrap()).is_ok());
    let error = api.check_observe_until(Timestamp::parse("2026-11-08T23:59:59Z").unwrap()).unwrap_err();
    assert_eq!((error.line, error.column), (7, 16));
}

#[test]
fn apis_share_hosts_only_with_base_paths_of_their_own() {
    let other = |text: &str| text.replace("9000", "9001");
    let found = refused(&[("apis/users/api.yaml", &other(API))]);
    assert!(found.contains("apis/users/api.yaml:2:8: `orders` has host `orders.example.com`"), "{found}");
    let shouted = other(API).replace("orders.example.com", "ORDERS.example.com.");
    assert!(refused(&[("apis/users/api.yaml", &shouted)]).contains("has host"));
    loaded(&[("apis/users/api.yaml", &format!("{}base_path: /users\n", other(API)))]);
    loaded(&[("apis/users/api.yaml", &other(API).replace("orders.example", "users.example"))]);
    let any = api("hosts: ['*']");
    assert!(refused(&[("apis/users/api.yaml", &any)]).contains("which only the one API"));
}

#[test]
fn a_file_that_nothing_reads_is_not_passed_over() {
    for (path, expected) in [
        ("policies/guards/no-writes.cedar", "not from folders below"),
        ("policies/guard.ceder", "policies/NAME.cedar"),
        ("apis/orders/api.yml", "did you mean `api.yaml`?"),
        ("apis/orders/openapi.yml", "did you mean `openapi.yaml`?"),
        ("apis/Orders/api.yaml", "the name of an API is made of"),
        ("apis/orders/v2/openapi.yaml", "one folder"),
        ("apis/users/openapi.yaml", "apis/users/api.yaml: the file is missing"),
        ("sallyport.yml", "ends with .yaml"),
    ] {
        let found = refused(&[(path, "x")]);
        assert!(found.contains(expected), "{path} gave {found}");
    }
    let both = [("apis/orders/openapi.yaml", "x"), ("apis/orders/openapi.json", "{}")];
    assert!(refused(&both).contains("two documents"));
    for path in [".git/config", "policies/.guard.cedar.swp", "policies/guard.cedar~", "docs/x.yaml"] {
        loaded(&[(path, "x")]);
    }
}

#[test]
fn knows_its_own_listeners_after_resolution() {
    let gateway =
        loaded(&[("sallyport.yaml", "version: 1\nlisten: 0.0.0.0:80\nadmin: 127.0.0.1:0\n")]).gateway;
    for (address, own) in [
        ("127.0.0.1:80", true),
        ("127.0.0.9:80", true),
        ("[::1]:80", true),
        ("127.0.0.1:81", false),
        ("127.0.0.1:0", false),
        ("192.0.2.1:80", false),
    ] {
        assert_eq!(gateway.is_own_listener(address.parse().unwrap()), own, "{address}");
    }
}

#[test]
fn hostile_bytes_do_not_panic() {
    for bytes in [
        &b"\xff\xfe\x00"[..],
        b"--- teams.yaml\nteams: *x\n--- apis/a/api.yaml\n? [a]\n: b\n",
        b"version: 1e400\n",
        b"version: .nan\n",
        b"{{{{{{",
        b"\"\\ud800\"",
        b"&a [*a]",
        b"version: !!binary x\n",
        b"version: 170141183460469231731687303715884105728\n",
        b"~: 1\n",
    ] {
        crate::fuzz::load(bytes);
        crate::fuzz::api(bytes);
        crate::fuzz::values(bytes);
        crate::fuzz::edit(bytes);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_loads_or_is_refused(text in "(version|: |1|\n|- |\\[|\\]|\\{|\\}|&a|\\*a|hosts|'|\"|#|!|<<|\\?|%|@|\t|é){0,40}") {
        crate::fuzz::load(text.as_bytes());
        crate::fuzz::api(text.as_bytes());
        crate::fuzz::edit(text.as_bytes());
    }
}

#[test]
fn guessing_is_limited_unless_somebody_says_otherwise() {
    use model::{GuessLimits, Guessing};
    let read = |text: &str| loaded(&[("sallyport.yaml", &gateway(text))]).gateway.guessing;
    let standard = GuessLimits::STANDARD;
    for (text, expected) in [
        ("", Guessing::Limited(standard)),
        ("guessing: {}", Guessing::Limited(standard)),
        ("guessing: { failures: 3 }", Guessing::Limited(GuessLimits { failures: 3, ..standard })),
        (
            "guessing: { failures: 1, network_failures: 1, per: 1h, wait_max: 1d }",
            Guessing::Limited(GuessLimits {
                failures: 1,
                network_failures: 1,
                per: Duration::from_secs(3_600),
                wait_max: Duration::from_secs(86_400),
            }),
        ),
        ("guessing: unlimited", Guessing::Unlimited),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    for text in [
        "guessing: off",
        "guessing: false",
        "guessing: Unlimited",
        "guessing: []",
        "guessing: { failures: 0 }",
        "guessing: { failures: -1 }",
        "guessing: { failures: 1.5 }",
        "guessing: { failures: 1000001 }",
        "guessing: { failures: 200 }",
        "guessing: { per: 0s }",
        "guessing: { per: 2h }",
        "guessing: { wait_max: 2d }",
        "guessing: { failure: 3 }",
    ] {
        let errors = refused(&[("sallyport.yaml", &gateway(text))]);
        assert!(errors.starts_with("sallyport.yaml:2:"), "{text}: {errors}");
    }
}
