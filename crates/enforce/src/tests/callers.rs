//! Callers without a key of ours: workloads and their teams, limits of callers that show no key, and texts behind `Bearer`
//! that are keys of the API or tokens, and never both.

use std::sync::Arc;

use identity::{Signer, Workloads};
use model::channel::{Channel, ClientCertificate, TransportCertificate};
use model::{
    Fingerprint, KeyAlphabet, KeyForm, KeyPlace, KeyShape, OtherValues, Presented, TeamName, Timestamp,
    Workload, WorkloadName,
};
use serde_json::{Value, json};

use super::tokens::World;
use super::world::{NOW, Setup, enforced, request, shown, shown_of, snapshot};
use crate::{Outcome, Worker, judge};

const CART: &str = "spiffe://example.org/ns/shop/sa/cart";
const SHOP: &str = "shop-web";

fn of_team(setup: Setup) -> Setup {
    let team = TeamName::parse("partners").unwrap();
    Setup { workloads: Workloads::of([("spiffe://example.org/ns/shop/*".to_owned(), team)]), ..setup }
}

fn certificate(name: &str) -> Presented {
    Presented::Usable(ClientCertificate {
        workload: Arc::new(Workload { name: WorkloadName::parse(name).unwrap(), team: None }),
        fingerprint: Fingerprint::from_bytes([7; 16]),
        begins: Timestamp::MIN,
        ends: Timestamp::MAX,
    })
}

fn over(presented: Presented, text: &str) -> model::CanonicalRequest {
    request(text).over(Arc::new(Channel::new(None, presented)))
}

#[test]
fn a_grant_to_a_team_is_meant_for_its_workloads() {
    for (setup, name, expected) in [
        (of_team(enforced()), CART, "allowed permit"),
        (of_team(enforced()), "spiffe://example.org/ns/other/sa/cart", "denied 403 no_grant"),
        (enforced(), CART, "denied 403 no_grant"),
    ] {
        let request = over(certificate(name), "GET orders.example/team");
        let line = shown_of(&snapshot(&setup), &mut Worker::new([1; 32]), request);
        assert!(line.starts_with(expected), "{name}: {line}");
    }
}

/// The claims of a token that was made here; whether its signature is right is tested where it is made.
fn claims_of(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&testkit::base64url(part).unwrap()).unwrap()
}

/// What the upstream is told of a workload: its name, its team, and how surely it is known.
#[test]
fn the_assertion_names_the_workload_and_its_team() {
    let pkcs8 = identity::generate_signing_key().unwrap();
    let signer = Some(Arc::new(Signer::from_pkcs8(&pkcs8).unwrap()));
    let setup = Setup { signer, ..of_team(enforced()) };
    let claims = |presented| {
        let mut worker = Worker::new([1; 32]);
        let judged = judge(&snapshot(&setup), NOW, &mut worker, over(presented, "GET orders.example/public"));
        let mut evidence = judged.evidence;
        let Outcome::Allow(pending) = judged.outcome else { panic!("{:?}", judged.outcome) };
        let forward = pending.redeem(&mut evidence, NOW).unwrap().forward();
        forward.assertion().map(claims_of)
    };
    let told: Value = claims(certificate(CART)).unwrap();
    for (name, expected) in [
        ("sub", json!(format!("workload:{CART}"))),
        ("client", json!(CART)),
        ("team", json!("partners")),
        ("strength", json!("bound")),
        ("scopes", json!([])),
        ("aud", json!("orders")),
    ] {
        assert_eq!(told[name], expected, "{name} of {told}");
    }
    assert!(told.get("user").is_none());
    // One that only opens the door is nobody's assertion.
    let door = TransportCertificate {
        fingerprint: Fingerprint::from_bytes([7; 16]),
        begins: Timestamp::MIN,
        ends: Timestamp::MAX,
    };
    assert_eq!(claims(Presented::Transport(door)), None);
}

#[test]
fn a_limit_per_key_counts_callers_that_show_none() {
    let world = World::new(Setup { per_key: Some("2/m"), ..of_team(enforced()) }, |_| {});
    let snapshot = snapshot(&world.setup);
    let mut worker = Worker::new([1; 32]);
    let mut by_token = |changes: Value| {
        let text = format!("GET orders.example/public\nAuthorization: Bearer {}", world.token(changes));
        shown(&snapshot, &mut worker, &text)
    };
    let ann = |jti: &str| json!({ "jti": jti });
    assert!(by_token(ann("1")).starts_with("allowed"));
    assert!(by_token(ann("2")).starts_with("allowed"));
    // Another token of the same caller is no other caller.
    let third = by_token(ann("3"));
    assert!(third.starts_with("denied 429") && third.contains("rate_per_key"), "{third}");
    // Another user, another client, and who calls for itself, are.
    for other in [json!({ "sub": "bob" }), json!({ "client_id": SHOP }), json!({ "sub": "web" })] {
        assert!(by_token(other.clone()).starts_with("allowed"), "{other}");
    }
    let mut by_certificate = |name| {
        let request = over(certificate(name), "GET orders.example/public");
        shown_of(&snapshot, &mut worker, request)
    };
    assert!(by_certificate(CART).starts_with("allowed") && by_certificate(CART).starts_with("allowed"));
    let third = by_certificate(CART);
    assert!(third.starts_with("denied 429") && third.contains("rate_per_key"), "{third}");
    assert!(by_certificate("spiffe://example.org/a").starts_with("allowed"));
    // Nobody is no caller, and is not counted here.
    for _ in 0..5 {
        let line = shown(&snapshot, &mut worker, "GET orders.example/public");
        assert!(line.starts_with("allowed"), "{line}");
    }
}

fn with_bearer_keys(setup: Setup, others: OtherValues) -> Setup {
    let place = KeyPlace::Header { name: "authorization".into(), scheme: Some("Bearer".into()) };
    let form = |prefix, lengths| {
        let shape = KeyShape::new(prefix, lengths, KeyAlphabet::Token).unwrap();
        KeyForm { place: place.clone(), shape, others }
    };
    // The second fits whatever begins as tokens do.
    Setup { forms: vec![form("ak_", (19, 40)), form("eyJ", (12, 1_024))], ..setup }
}

/// Behind `Bearer` stand keys of the API and tokens, and each text is judged as one of them. What looks like a token and
/// fails is refused: it is never tried as a key, however well it fits, and never makes a caller of anybody.
#[test]
fn a_bearer_text_is_a_key_or_a_token_and_never_both() {
    let mut told = String::new();
    for others in [OtherValues::Foreign, OtherValues::Refused] {
        let world = World::new(with_bearer_keys(enforced(), others), |_| {});
        let good = world.token(json!({ "client_id": SHOP }));
        let forged = {
            let (signed, _) = good.rsplit_once('.').unwrap();
            format!("{signed}.{}", "A".repeat(86))
        };
        let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
        let stranger = World::new(enforced(), |_| {}).token(json!({ "client_id": SHOP }));
        for (what, text) in [
            ("vouched", super::world::VOUCHED),
            ("unknown", super::world::UNKNOWN),
            ("good", &good),
            ("forged", &forged),
            ("unsigned", &unsigned),
            ("stranger's", &stranger),
            ("half", "eyJhbGciOiJFUzI1NiJ9.e30"),
            ("no token and no key", "something-else"),
            ("too short", "ak_0123"),
        ] {
            let mut worker = Worker::new([1; 32]);
            let line = format!("GET orders.example/orders\nAuthorization: Bearer {text}");
            let line = shown(&snapshot(&world.setup), &mut worker, &line);
            let line = line.split(" [").next().unwrap().to_owned()
                + line.rsplit_once(']').map_or("", |(_, rest)| rest);
            told.push_str(&format!("{what}: {line}\n"));
        }
    }
    expect_test::expect![[r#"
        vouched: allowed permit | app:shop orders:GET /orders by shop-reads
        unknown: denied 401 invalid_credential | no_grant | app:orders:key-b0131ee0ddc18cb1 orders:GET /orders
        good: allowed permit | app:shop orders:GET /orders by shop-reads
        forged: denied 401 invalid_credential | invalid_credential/token_signature | anonymous 
        unsigned: denied 401 invalid_credential | invalid_credential/token_signature | anonymous 
        stranger's: denied 401 invalid_credential | invalid_credential/token_signature | anonymous 
        half: denied 401 invalid_credential | invalid_credential/token_form | anonymous 
        no token and no key: denied 401 invalid_credential | invalid_credential/token_form | anonymous 
        too short: denied 401 invalid_credential | invalid_credential/token_form | anonymous 
        vouched: allowed permit | app:shop orders:GET /orders by shop-reads
        unknown: denied 401 invalid_credential | no_grant | app:orders:key-b0131ee0ddc18cb1 orders:GET /orders
        good: allowed permit | app:shop orders:GET /orders by shop-reads
        forged: denied 401 invalid_credential | invalid_credential/token_signature | anonymous 
        unsigned: denied 401 invalid_credential | invalid_credential/token_signature | anonymous 
        stranger's: denied 401 invalid_credential | invalid_credential/token_signature | anonymous 
        half: denied 401 invalid_credential | invalid_credential/token_form | anonymous 
        no token and no key: denied 401 invalid_credential | invalid_credential/existing_key_form | anonymous 
        too short: denied 401 invalid_credential | invalid_credential/existing_key_form | anonymous 
    "#]]
    .assert_eq(&told);
}
