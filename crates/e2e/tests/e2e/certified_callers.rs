//! Client certificates beyond their names: teams of workloads, certificates that only open the door, and those that were taken
//! back, beside tokens and keys.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use testkit::{Issued, Leaf, Name, TokenKey, base64url, key_set, until};

use super::tls_world::{Secured, WORKLOAD, asking};
use super::tokens::{CONFIG, claims};
use super::world::{API, HOST};

fn workload(id: &'static str) -> Leaf {
    Leaf::client(vec![Name::Uri(id)])
}

fn of_team(place: &super::world::Place) {
    place.append("sallyport.yaml", "workloads: { 'spiffe://example.org/ns/shop/*': partners }\n");
}

fn decided(secured: &Secured, id: &str) -> Value {
    let entries = secured.world.entries(id);
    entries.into_iter().find(|entry| entry["kind"] == "decided").unwrap()
}

/// A grant to a team is meant for its workloads, and the upstream and the log are told the team.
#[test]
fn a_workload_has_the_team_that_the_files_say() {
    let secured = Secured::start(&asking("required"), of_team);
    let answer = secured.curl_with(&secured.clients.issue(&workload(WORKLOAD)), "/orders/7", &[]);
    assert_eq!(answer.summary, "200", "{answer:?}");
    assert_eq!(decided(&secured, &answer.id)["team"], "partners");
    let assertion = secured.world.upstream.last().all("sallyport-assertion")[0].to_owned();
    let body = base64url(assertion.split('.').nth(1).unwrap()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let told = (&body["sub"], &body["team"], &body["strength"]);
    assert_eq!(told, (&json!(format!("workload:{WORKLOAD}")), &json!("partners"), &json!("bound")));
    for id in ["spiffe://example.org/ns/shopping/sa/cart", "spiffe://example.com/ns/shop/sa/cart"] {
        let answer = secured.curl_with(&secured.clients.issue(&workload(id)), "/orders/7", &[]);
        assert_eq!(answer.summary, "403 no_grant", "{id}: {answer:?}");
    }
    // The same by the command, before anybody calls.
    let asked = format!("workload:{WORKLOAD}");
    let url = format!("https://{HOST}/orders/7");
    let explained = secured.world.cli().try_run(&["explain", "--as", &asked, "GET", &url]).line();
    assert_eq!(explained["decision"], "allow", "{explained}");
    // A team that is not there is no team.
    secured.world.place.edit("sallyport.yaml", ": partners }", ": partner }");
    let checked = secured.world.cli().try_run(&["config", "check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.stdout.contains("did you mean `partners`?"), "{checked:?}");
}

/// A certificate of the transport opens the door; who calls is told by a key, and without one it is nobody.
#[test]
fn a_certificate_of_the_transport_names_no_caller() {
    let secured = Secured::start(&asking("{ role: transport }"), of_team);
    let key = format!("X-Api-Key: {}", secured.world.keys.reader);
    // Names that would be a workload, several that would be refused as one, and none.
    let several = Leaf::client(vec![Name::Dns("lb1.example.org"), Name::Dns("lb2.example.org")]);
    for leaf in [workload(WORKLOAD), several, Leaf::client(vec![])] {
        let issued = secured.clients.issue(&leaf);
        let answer = secured.curl_with(&issued, "/orders/7", &["-H", &key]);
        assert_eq!(answer.summary, "200", "{leaf:?}: {answer:?}");
        let entry = decided(&secured, &answer.id);
        assert_eq!((&entry["caller"], &entry["strength"]), (&json!("app:reader"), &json!("shared_secret")));
        assert!(entry["attributes"]["transport_certificate"].is_string(), "{entry}");
        assert_eq!(secured.curl_with(&issued, "/orders/7", &[]).summary, "401 no_credential");
        assert_eq!(secured.curl_with(&issued, "/public/info", &[]).summary, "200");
    }
    let without = secured.curl_as(&secured.world.keys.reader, HOST, "/orders/7");
    assert!(without.summary.starts_with("curl "), "{without:?}");
    // The default is the strict one.
    let strict = Secured::start(&asking("required"), of_team);
    let issued = strict.clients.issue(&workload(WORKLOAD));
    let key = format!("X-Api-Key: {}", strict.world.keys.reader);
    assert_eq!(strict.curl_with(&issued, "/orders/7", &["-H", &key]).summary, "400 multiple_credentials");
}

/// openssl on one connection, asked for one request after the other.
struct Held {
    child: std::process::Child,
}

impl Held {
    fn open(secured: &Secured, issued: &Issued) -> Self {
        super::tls_world::write_pair(&secured.world.place, "held", issued);
        let mut command = std::process::Command::new("openssl");
        command.args([
            "s_client",
            "-quiet",
            "-servername",
            HOST,
            "-connect",
            &secured.gateway().address.to_string(),
        ]);
        command.arg("-CAfile").arg(secured.file("servers.pem"));
        command.arg("-cert").arg(secured.file("held.pem")).arg("-key").arg(secured.file("held.key"));
        let piped = std::process::Stdio::piped;
        Self {
            child: command
                .stdin(piped())
                .stdout(piped())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap(),
        }
    }

    /// The status line and the body, which ends with the answer's length.
    fn ask(&mut self) -> String {
        let head = format!("GET /orders/7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        self.child.stdin.as_mut().unwrap().write_all(head.as_bytes()).unwrap();
        let (mut all, mut byte) = (Vec::new(), [0]);
        let stdout = self.child.stdout.as_mut().unwrap();
        while !all.ends_with(b"\r\n\r\n") {
            assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&all));
            all.extend(byte);
        }
        let text = String::from_utf8(all).unwrap();
        let length = text.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stdout.read_exact(&mut body).unwrap();
        text.split("\r\n").next().unwrap().to_owned()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lists are files: a new one counts for the next handshake and for connections that are there, an old one for nobody.
#[test]
fn a_certificate_that_was_taken_back_gets_in_no_more() {
    let more = format!("{}  client_crl_files: [tls/clients.crl]\n", asking("optional"));
    let (good, bad) = (workload(WORKLOAD), workload("spiffe://example.org/ns/shop/sa/stolen"));
    let clients = testkit::Authority::new("clients");
    let secured = Secured::start(&more, |place| {
        place.write("tls/clients.pem", &clients.pem);
        place.write("tls/clients.crl", &clients.revoke(&[], (-1, 30)));
        of_team(place);
    });
    let [good, bad] = [good, bad].map(|leaf| clients.issue(&leaf));
    for issued in [&good, &bad] {
        assert_eq!(secured.curl_with(issued, "/orders/7", &[]).summary, "200");
    }
    // Asked at once: openssl reads its files when it starts, and the next one has others of the same names.
    let [mut of_good, mut of_bad] = [&good, &bad].map(|issued| {
        let mut held = Held::open(&secured, issued);
        assert_eq!(held.ask(), "HTTP/1.1 200 OK");
        held
    });
    secured.world.place.write("tls/clients.crl", &clients.revoke(&[&bad], (-1, 30)));
    until("the list to count", || {
        secured.curl_with(&bad, "/orders/7", &[]).summary.starts_with("curl ").then_some(())
    });
    assert_eq!(secured.curl_with(&good, "/orders/7", &[]).summary, "200");
    assert_eq!(of_bad.ask(), "HTTP/1.1 401 Unauthorized", "the connection is older than the list");
    assert_eq!(of_good.ask(), "HTTP/1.1 200 OK");
    let log = secured.world.log();
    assert!(log.contains("client certificate refused") && log.contains("sa/stolen"), "{log}");
    // A list past its time changes nothing of what was in force, and is told.
    secured.world.place.write("tls/clients.crl", &clients.revoke(&[], (-9, -2)));
    until("the fault to be told", || {
        let told = secured.world.admin("GET /readyz").send().json();
        told["reasons"].to_string().contains("was to be replaced by").then_some(())
    });
    assert!(secured.curl_with(&bad, "/orders/7", &[]).summary.starts_with("curl "));
    assert_eq!(secured.curl_with(&good, "/orders/7", &[]).summary, "200");
    secured.world.place.write("tls/clients.crl", &clients.revoke(&[], (-1, 30)));
    until("the list to be taken back", || {
        (secured.curl_with(&bad, "/orders/7", &[]).summary == "200").then_some(())
    });
}

/// The client is the certificate's, the user the token's; and a certificate raises no token's strength.
#[test]
fn a_certificate_and_the_token_of_a_user_are_one_caller() {
    let key = TokenKey::generate("one", "ES256");
    let secured = Secured::start(&asking("optional"), |place| {
        of_team(place);
        place.append("sallyport.yaml", CONFIG);
        place.append(API, "issuers: [corp]\n");
        place.write("corp.json", &key_set([&key]));
    });
    let bearer = |token: String| format!("Authorization: Bearer {token}");
    let issued = secured.clients.issue(&workload(WORKLOAD));
    let token = bearer(key.token(&claims(json!({}))));
    let answer = secured.curl_with(&issued, "/orders/7", &["-H", &token]);
    assert_eq!(answer.summary, "200", "{answer:?}");
    let entry = decided(&secured, &answer.id);
    assert_eq!(entry["caller"], format!("workload:{WORKLOAD}"), "{entry}");
    assert_eq!((&entry["user"], &entry["strength"]), (&json!("corp/ann"), &json!("bound")), "{entry}");
    // Whatever certificate stands beside it, a token that fails is a bad credential.
    let wrong = bearer(key.token(&claims(json!({ "aud": "https://other.example" }))));
    let answer = secured.curl_with(&issued, "/orders/7", &["-H", &wrong]);
    assert_eq!(answer.summary, "401 invalid_credential");
    // The client of an issuer, asked about before it calls.
    let url = format!("https://{HOST}/orders/7");
    for (caller, decision) in [("app:corp:web", "allow"), ("app:corp:other", "allow"), ("app:nobody:web", "")]
    {
        let ran = secured.world.cli().try_run(&["explain", "--as", caller, "GET", &url]);
        if decision.is_empty() {
            assert_eq!(ran.code, 2, "{ran:?}");
        } else {
            assert_eq!(ran.line()["decision"], decision, "{ran:?}");
            assert_eq!(ran.line()["strength"], "verified_signature", "{ran:?}");
        }
    }
}
