//! A real identity provider, npm `oidc-provider`: discovery, sign-in with password and one-time code, step-up, keys
//! that rotate, and a provider that goes away and comes back.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::{Call, Upstream, base64url, until};

use super::partners::environment_folder;
use super::world::{API, POLICY, Place, World};

const AUDIENCE: &str = "https://orders.example";

const STEP_UP_POLICY: &str = r#"
@id("users.write") @owner("orders-team") @reason("orders are placed by people who showed two factors") @expires("2099-01-01")
permit (principal == Application::"corp:web", action == Action::"orders:POST /orders", resource)
when { context.mfa && context has user && context.user.name == "ann" };

@id("users.cancel") @owner("orders-team") @reason("and cancelled after a fresh sign-in") @expires("2099-01-01")
permit (principal == Application::"corp:web", action == Action::"orders:POST /jobs/{id}:cancel", resource)
when { context has authAge && context.authAge <= 86400 && context.mfa };
"#;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/provider.mjs")
}

/// The provider; ends with the value.
struct Provider {
    child: Child,
    issuer: String,
}

impl Provider {
    /// On a free port, or on the one that it had.
    fn start(place: &Place, port: u16) -> Self {
        let log = place.folder.path().join(format!("provider-{port}.log"));
        let module = environment_folder().join("node_modules/oidc-provider/lib/index.js");
        let child = Command::new("node")
            .arg(script())
            .arg("serve")
            .arg(module)
            .args([&port.to_string(), AUDIENCE])
            .env("HOME", place.folder.path())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&log).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let issuer = until("the provider's address", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            text.lines()
                .next()
                .filter(|line| line.starts_with("http://") && text.ends_with('\n'))
                .map(str::to_owned)
        });
        Self { child, issuer }
    }

    fn port(&self) -> u16 {
        self.issuer.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Signs `ann` in and gives her access token.
    fn login(&self, factors: &[&str]) -> String {
        let mut command = Command::new("node");
        let output =
            command.arg(script()).args(["login", &self.issuer, AUDIENCE]).args(factors).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn rotate(&self) {
        let address = self.issuer.strip_prefix("http://").unwrap();
        assert_eq!(Call::new(address.parse().unwrap(), address, "POST /rotate").send().status, 200);
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn start(more: &str) -> (World, Provider) {
    let mut provider = None;
    let world = World::with(|place| {
        let started = Provider::start(place, 0);
        let config = format!(
            "\nissuers:\n  corp:\n    issuer: {}\n    audience: [{AUDIENCE}]\n    team: partners\n    \
             mfa: {{ amr: [otp], acr: [urn:example:mfa] }}\n    allow_networks: [127.0.0.1]\n    refetch_interval: 1s\n{more}",
            started.issuer
        );
        place.append("sallyport.yaml", &config);
        place.append(API, "issuers: [corp]\n");
        place.append(POLICY, STEP_UP_POLICY);
        provider = Some(started);
    });
    (world, provider.unwrap())
}

fn with_token(world: &World, line: &str, token: &str) -> Call {
    world.call(line).field("Authorization", &format!("Bearer {token}"))
}

fn kid_of(token: &str) -> String {
    let header = base64url(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn a_person_steps_up_at_a_real_provider_and_the_same_call_passes() {
    let (world, provider) = start("");
    let token = provider.login(&[]);
    let answer = with_token(&world, "GET /orders", &token).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let decided = world.decided(&answer);
    assert_eq!((&decided["caller"], &decided["user"]), (&json!("app:corp:web"), &json!("corp/ann")));

    let asked = with_token(&world, "POST /orders", &token).send();
    assert_eq!(asked.summary(), "401 step_up");
    let challenge = asked.field("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("acr_values=\"urn:example:mfa\""), "{challenge}");
    let metadata = challenge.split("resource_metadata=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(metadata, "https://orders.example/.well-known/oauth-protected-resource");
    let decided = world.decided(&asked);
    assert_eq!((&decided["verdict"], &decided["reason"]), (&json!("stepped_up"), &json!("step_up")));
    let explained = world.cli().try_run(&["explain", &asked.decision()]).line();
    assert_eq!(explained["decision"], json!("step_up"), "{explained}");
    assert!(explained["note"].as_str().unwrap().contains("several factors"), "{explained}");

    let document = world.call("GET /.well-known/oauth-protected-resource").send();
    assert_eq!(document.status, 200);
    let document = document.json();
    assert_eq!(document["resource"], json!(AUDIENCE));
    assert_eq!(document["authorization_servers"], json!([provider.issuer]));

    let stronger = provider.login(&["otp"]);
    assert_eq!(with_token(&world, "POST /orders", &stronger).send().status, 200);
    assert_eq!(with_token(&world, "POST /jobs/1:cancel", &stronger).send().status, 200);
    assert_eq!(with_token(&world, "POST /jobs/1:cancel", &token).send().summary(), "401 step_up");
}

/// Security case 63, and design section 10: known keys stay while the provider is away, and no longer.
#[test]
fn keys_rotate_and_the_provider_goes_away_and_comes_back() {
    let (world, provider) = start("    refresh_interval: 1h\n    max_key_age: 24h\n");
    let old = provider.login(&[]);
    assert_eq!(with_token(&world, "GET /orders", &old).send().status, 200);
    provider.rotate();
    let new = provider.login(&[]);
    assert_ne!(kid_of(&old), kid_of(&new));
    // A key that nobody knows yet makes the gateway ask, once the interval has passed, and the call waits for it.
    world.until_status(&with_token(&world, "GET /orders", &new), 200);
    assert_eq!(with_token(&world, "GET /orders", &old).send().status, 200, "it is still published");

    let port = provider.port();
    provider.kill();
    for token in [&old, &new] {
        assert_eq!(with_token(&world, "GET /orders", token).send().status, 200, "known keys stay");
    }
    // It comes back with a key of its own and nothing else.
    let back = Provider::start(&world.place, port);
    back.rotate();
    back.rotate();
    let fresh = back.login(&[]);
    assert_eq!(kid_of(&fresh), "key-3");
    world.until_status(&with_token(&world, "GET /orders", &fresh), 200);
    let shown = world.cli().run(&["issuer", "show", "corp"]).line();
    assert_eq!((&shown["keys"], &shown["last_error"]), (&json!("fresh"), &Value::Null), "{shown}");
    // The keys of before are gone with the set that held them: `old` was signed by another `key-1`.
    assert_eq!(with_token(&world, "GET /orders", &old).send().status, 401);
}

/// Security case 63: the stated time is `max_key_age`.
#[test]
fn keys_of_a_provider_that_stays_away_die_after_their_greatest_age() {
    let (world, provider) = start("    max_key_age: 2s\n    refresh_interval: 1s\n");
    let token = provider.login(&[]);
    let call = with_token(&world, "GET /orders", &token);
    assert_eq!(call.send().status, 200);
    provider.kill();
    let answer = world.until_status(&call, 503);
    assert_eq!(answer.summary(), "503 api_unavailable");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    let shown = world.cli().run(&["issuer", "show", "corp"]).line();
    assert_eq!(shown["keys"], json!("expired"), "{shown}");
    assert!(shown["last_error"].as_str().unwrap().contains("cannot be connected to"), "{shown}");
}

/// Security case 61: whatever the provider publishes then, the last good keys stay, and the reason is told.
#[test]
fn a_key_set_that_is_no_good_changes_nothing() {
    let key = testkit::TokenKey::generate("one", "ES256");
    let keys = Upstream::start();
    let good = testkit::key_set([&key]);
    keys.reply("/jwks", testkit::Reply::ok(&good));
    let world = World::with(|place| {
        let config = format!(
            "\nissuers:\n  corp:\n    issuer: https://id.example.com\n    audience: [{AUDIENCE}]\n    team: partners\n    \
             jwks_url: http://{}/jwks\n    allow_networks: [127.0.0.1]\n    refresh_interval: 1s\n",
            keys.address
        );
        place.append("sallyport.yaml", &config);
        place.append(API, "issuers: [corp]\n");
    });
    let call = with_token(&world, "GET /orders", &key.token(&super::tokens::claims(json!({}))));
    assert_eq!(call.send().status, 200);
    let twice = json!({ "keys": [key.jwk(), key.jwk()] }).to_string();
    let mixed = json!({ "keys": [key.jwk(), { "kty": "oct", "kid": "x", "k": "AAAA" }] }).to_string();
    for (body, told) in [
        (testkit::Reply::ok("{"), "no JSON object"),
        (testkit::Reply::ok("{\"keys\":[]}"), "no key"),
        (testkit::Reply::ok(&twice), "same `kid`"),
        (testkit::Reply::ok(&mixed), "symmetric"),
        (testkit::Reply::ok(&"x".repeat(300_000)), "bytes long"),
        (
            testkit::Reply::bytes("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
            "redirects",
        ),
        (testkit::Reply::Reset, "breaks off"),
    ] {
        keys.reply("/jwks", body);
        until(told, || {
            let shown = world.cli().run(&["issuer", "show", "corp"]).line();
            let error = shown["last_error"].as_str().unwrap_or_default().to_owned();
            error.contains(told).then_some(())
        });
        assert_eq!(call.send().status, 200, "{told}");
    }
    keys.reply("/jwks", testkit::Reply::ok(&good));
    until("the good set again", || {
        let shown = world.cli().run(&["issuer", "show", "corp"]).line();
        (shown["keys"] == "fresh").then_some(())
    });
    assert_eq!(call.send().status, 200);
}

/// Security case 62.
#[test]
fn case_62_an_address_inside_is_not_asked_unless_it_is_listed() {
    let keys = Upstream::start();
    let world = World::with(|place| {
        let config = format!(
            "\nissuers:\n  corp:\n    issuer: https://id.example.com\n    audience: [{AUDIENCE}]\n    team: partners\n    \
             jwks_url: https://127.0.0.1:{}/jwks\n",
            keys.address.port()
        );
        place.append("sallyport.yaml", &config);
        place.append(API, "issuers: [corp]\n");
    });
    until("an attempt", || {
        let shown = world.cli().run(&["issuer", "show", "corp"]).line();
        shown["last_error"].as_str().unwrap_or_default().contains("which is not public").then_some(())
    });
    assert_eq!(keys.connections(), 0);
}

/// A server with TLS, run by Python, whose one document is a key set; ends with the value.
struct Secure {
    child: Child,
    port: u16,
}

impl Secure {
    fn start(place: &Place, keys: &str) -> Self {
        let folder = place.folder.path();
        for name in ["server", "other"] {
            let status = Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                    "-days",
                    "2",
                ])
                .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
                // What may sign others is not taken for a server.
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
                .current_dir(folder)
                .stderr(Stdio::null())
                .status();
            assert!(status.unwrap().success(), "openssl makes a certificate");
        }
        place.folder.write("jwks.json", keys);
        let program = "import http.server, ssl
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('server.pem', 'server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()";
        let log = folder.join("secure.log");
        let child = Command::new("python3")
            .args(["-c", program])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&log).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = until("the server's port", || std::fs::read_to_string(&log).ok()?.trim().parse().ok());
        Self { child, port }
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn keys_come_over_tls_from_a_server_that_proves_its_name() {
    let key = testkit::TokenKey::generate("one", "ES256");
    let mut server = None;
    let world = World::with(|place| {
        let started = Secure::start(place, &testkit::key_set([&key]));
        let config = format!(
            "\nissuers:\n  corp:\n    issuer: https://id.example.com\n    audience: [{AUDIENCE}]\n    team: partners\n    \
             jwks_url: https://localhost:{}/jwks.json\n    allow_networks: ['127.0.0.1', '::1']\n    \
             refresh_interval: 1s\n    ca_file: ../other.pem\n",
            started.port
        );
        place.append("sallyport.yaml", &config);
        place.append(API, "issuers: [corp]\n");
        server = Some(started);
    });
    let call = with_token(&world, "GET /orders", &key.token(&super::tokens::claims(json!({}))));
    assert_eq!(call.send().summary(), "503 api_unavailable");
    let shown = world.cli().run(&["issuer", "show", "corp"]).line();
    assert!(shown["last_error"].as_str().unwrap().contains("certificate"), "{shown}");
    world.place.edit("sallyport.yaml", "../other.pem", "../server.pem");
    world.until_status(&call, 200);
}
