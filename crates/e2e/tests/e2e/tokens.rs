//! Access tokens of an issuer whose keys are in a file (security cases D): who comes in, as whom, and who does not.

use serde_json::{Value, json};
use testkit::{Call, TokenKey, base64url, key_set, until};

use super::world::{API, POLICY, Place, World};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://orders.example";

pub(crate) const CONFIG: &str = "
issuers:
  corp:
    issuer: https://id.example.com
    audience: [https://orders.example]
    jwks_file: corp.json
    team: partners
    clients: { shop-web: reader }
    user_attributes: { customer: cust }
    mfa: { amr: [otp], acr: [urn:example:mfa] }
user_attributes: { customer: String }
";

const USER_POLICY: &str = r#"
@id("users.own-customer") @owner("orders-team") @reason("users see their own customer") @expires("2099-01-01")
permit (principal, action == Action::"orders:GET /customers/{customerId}/orders", resource)
when { context has user && context.user has customer && context.params.customerId == context.user.customer };

@id("users.files") @owner("orders-team") @reason("a scope is a fact") @expires("2099-01-01")
permit (principal == Application::"corp:other", action == Action::"orders:GET /users/{id}", resource)
when { context.scopes.contains("users") && context.strength == 3 };
"#;

/// Seconds since the epoch, by the system's own clock.
pub(crate) fn now() -> i64 {
    let output = std::process::Command::new("date").arg("+%s").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

pub(crate) struct Corp {
    pub(crate) world: World,
    pub(crate) key: TokenKey,
}

/// The repository that accepts tokens of `corp`, signed by `key`.
fn prepare(place: &Place, key: &TokenKey) {
    place.append("sallyport.yaml", CONFIG);
    place.append(API, "issuers: [corp]\n");
    place.append(POLICY, USER_POLICY);
    place.write("corp.json", &key_set([key]));
}

impl Corp {
    pub(crate) fn start() -> Self {
        let key = TokenKey::generate("one", "ES256");
        Self { world: World::with(|place| prepare(place, &key)), key }
    }

    /// A token with these claims in place of the usual ones.
    pub(crate) fn token(&self, changes: Value) -> String {
        self.key.token(&claims(changes))
    }

    pub(crate) fn call(&self, line: &str, token: &str) -> Call {
        self.world.call(line).field("Authorization", &format!("Bearer {token}"))
    }
}

pub(crate) fn claims(changes: Value) -> Value {
    let now = now();
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "client_id": "web", "jti": "t1", "iat": now, "exp": now + 300,
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

#[test]
fn a_token_of_the_company_s_issuer_is_a_caller_with_a_user() {
    let corp = Corp::start();
    let token = corp.token(json!({ "cust": "42" }));
    let answer = corp.call("GET /orders", &token).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let decided = corp.world.decided(&answer);
    assert_eq!(
        (&decided["caller"], &decided["strength"]),
        (&json!("app:corp:web"), &json!("verified_signature"))
    );
    assert_eq!(decided["user"], json!("corp/ann"), "{decided}");

    let received = corp.world.upstream.last();
    assert_eq!(received.all("authorization"), [format!("Bearer {token}")], "`pass` passes it on");
    let assertion = received.all("sallyport-assertion")[0].to_owned();
    let body = base64url(assertion.split('.').nth(1).unwrap()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["sub"], &body["user"]), (&json!("app:corp:web"), &json!("ann")));
    assert_eq!(body["strength"], json!("verified_signature"));

    // The user's own customer, and nobody else's.
    assert_eq!(corp.call("GET /customers/42/orders", &token).send().status, 200);
    assert_eq!(corp.call("GET /customers/43/orders", &token).send().summary(), "403 no_grant");
    let without = corp.token(json!({}));
    assert_eq!(corp.call("GET /customers/42/orders", &without).send().summary(), "403 no_grant");
    // The grant of another application is not this one's.
    assert_eq!(corp.call("PUT /orders/7", &token).send().summary(), "403 no_grant");
}

/// Security case 93: the same token, cached, for what it allows and for what it does not.
#[test]
fn case_93_a_verified_token_is_kept_and_the_decision_made_anew() {
    let corp = Corp::start();
    let token = corp.token(json!({ "client_id": "other", "sub": "other", "scope": "users" }));
    let narrow = corp.token(json!({ "client_id": "other", "sub": "other", "scope": "else" }));
    for _ in 0..3 {
        assert_eq!(corp.call("GET /users/1", &token).send().status, 200);
        assert_eq!(corp.call("PUT /orders/7", &token).send().summary(), "403 no_grant");
        assert_eq!(corp.call("GET /users/1", &narrow).send().summary(), "404 unknown_operation");
        // The other API accepts nobody's tokens, so there it is a foreign credential.
        let elsewhere = corp.call("GET /invoices", &token).host(super::world::BILLING).send();
        assert_eq!(elsewhere.summary(), "401 no_credential");
    }
}

/// By the fingerprint that the record of a call shows; not the client, whose other tokens go on.
#[test]
fn one_token_is_stopped_by_the_fingerprint_in_the_record() {
    let corp = Corp::start();
    let (token, other) = (corp.token(json!({ "jti": "a" })), corp.token(json!({ "jti": "b" })));
    let decided = corp.world.decided(&corp.call("GET /orders", &token).send());
    let shown = decided["attributes"]["token"].as_str().unwrap();
    let asked = ["block", "add", "--token", shown, "--for", "2h", "--reason", "seen elsewhere", "--json"];
    let added = corp.world.cli().run(&asked).line();
    // The token was verified before and is kept; it is stopped all the same.
    let answer = corp.call("GET /orders", &token).send();
    assert_eq!(answer.summary(), "403 blocked");
    assert_eq!(corp.world.decided(&answer)["attributes"]["token"], shown);
    assert_eq!(corp.call("GET /orders", &other).send().status, 200);
    assert_eq!(corp.world.call("GET /orders").key(&corp.world.keys.reader).send().status, 200);
    let id = added["id"].as_str().unwrap();
    corp.world.cli().run(&["block", "remove", id, "--reason", "it was ours"]);
    assert_eq!(corp.call("GET /orders", &token).send().status, 200);
}

/// What the document asks for and the issuer granted is a need that nobody has seen yet; a grant of it is proposed and no
/// more than proposed.
#[test]
fn a_scope_that_the_document_asks_for_is_a_declared_need() {
    const SCHEME: &str = "components: { securitySchemes: { corp: { type: oauth2, flows: { clientCredentials: { tokenUrl: /t, scopes: { jobs.cancel: c, all: a } } } } } }\n";
    let key = TokenKey::generate("one", "ES256");
    let world = World::with(|place| {
        prepare(place, &key);
        place.edit(
            "apis/orders/openapi.yaml",
            "/jobs/{id}:cancel:\n    post:\n",
            "/jobs/{id}:cancel:\n    post:\n      security: [{ corp: [jobs.cancel] }]\n",
        );
        place.append("apis/orders/openapi.yaml", SCHEME);
    });
    let corp = Corp { world, key };
    let cli = corp.world.cli();
    let proposed = || {
        let proposals = cli.run(&["policy", "suggest", "--json"]).lines();
        let scoped = proposals.into_iter().filter(|one| one["basis"] == json!("scoped"));
        scoped
            .map(|one| (one["grantee"].clone(), one["operations"].clone(), one["concerns"].clone()))
            .collect()
    };
    let without = corp.token(json!({ "sub": "web", "scope": "all" }));
    corp.world.decided(&corp.call("GET /orders", &without).send());
    let none: Vec<(Value, Value, Value)> = proposed();
    assert_eq!(none, []);
    let token = corp.token(json!({ "sub": "web", "scope": "all jobs.cancel" }));
    let answer = corp.call("GET /orders", &token).send();
    let decided = corp.world.decided(&answer);
    assert_eq!(decided["attributes"]["token.scopes"], json!(["jobs.cancel"]), "{decided}");
    let cancel = json!(["orders:POST /jobs/{id}:cancel"]);
    assert_eq!(proposed(), [(json!({ "application": "corp:web" }), cancel, json!([]))]);
    assert_eq!(corp.call("POST /jobs/1:cancel", &token).send().summary(), "403 no_grant");
    cli.run(&["policy", "suggest", "--write", "--reason", "learned"]);
    assert_eq!(corp.call("POST /jobs/1:cancel", &token).send().status, 200);
    assert_eq!(proposed(), []);
}

#[test]
fn a_token_that_does_not_count_is_refused_and_reaches_nobody() {
    let corp = Corp::start();
    let now = now();
    let stranger = TokenKey::generate("one", "ES256");
    let unknown = TokenKey::generate("two", "ES256");
    let bare = corp.token(json!({}));
    let bare = bare.rsplit_once('.').unwrap().0;
    for (token, code) in [
        (stranger.token(&claims(json!({}))), "token_signature"),
        (unknown.token(&claims(json!({}))), "token_key"),
        (format!("{bare}."), "token_signature"),
        (corp.token(json!({ "iss": "https://other.example.com" })), "token_issuer"),
        (corp.token(json!({ "aud": "https://billing.example" })), "token_audience"),
        (corp.token(json!({ "iat": now - 400, "exp": now - 60 })), "token_expired"),
        (corp.token(json!({ "exp": now + 10 * 86_400 })), "token_lifetime"),
        (corp.token(json!({ "nbf": now + 120 })), "token_not_yet"),
        (corp.token(json!({ "exp": null })), "token_claim_missing"),
        (corp.token(json!({ "cust": 42 })), "token_claim_type"),
        (corp.token(json!({ "cnf": { "jkt": "x" } })), "token_bound"),
        ("opaque".to_owned(), "token_form"),
        ("e30.e30.e30".to_owned(), "token_algorithm"),
    ] {
        let answer = corp.call("GET /public/info", &token).send();
        assert_eq!(answer.status, 401, "{code}: {answer:?}");
        let challenge = answer.field("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        let decided = corp.world.decided(&answer);
        assert_eq!(decided["code"], json!(code), "{decided}");
        assert_eq!(decided["caller"], json!("anonymous"));
    }
    corp.world.upstream_got_nothing();
}

/// Security case 57, as the program says it.
#[test]
fn case_57_an_issuer_without_an_audience_does_not_load() {
    let key = TokenKey::generate("one", "ES256");
    let place = Place::new();
    prepare(&place, &key);
    place.edit("sallyport.yaml", "    audience: [https://orders.example]\n", "");
    let ran = place.cli.try_run(&["config", "check"]);
    assert_ne!(ran.code, 0);
    assert!(ran.lines().iter().any(|error| error["reason"].to_string().contains("audience")), "{ran:?}");
}

#[test]
fn a_key_and_a_user_s_token_are_one_caller_if_they_fit() {
    let corp = Corp::start();
    let token = corp.token(json!({ "client_id": "shop-web", "cust": "42" }));
    let with_key = |key: &str, token: &str| corp.call("GET /orders", token).key(key).send();
    let answer = with_key(&corp.world.keys.reader, &token);
    assert_eq!(answer.status, 200, "{answer:?}");
    let decided = corp.world.decided(&answer);
    assert_eq!((&decided["caller"], &decided["user"]), (&json!("app:reader"), &json!("corp/ann")));
    // The token's client is `reader`, and the key is another's.
    assert_eq!(with_key(&corp.world.keys.writer, &token).summary(), "400 multiple_credentials");
    // A wrong token is not made good by a right key.
    let forged = TokenKey::generate("one", "ES256").token(&claims(json!({})));
    assert_eq!(with_key(&corp.world.keys.reader, &forged).status, 401);
    // The scopes of the key narrow what the token's user may.
    let narrow = corp.call("GET /orders/7", &token).key(&corp.world.keys.narrow).send();
    assert_eq!(narrow.summary(), "403 out_of_scope");
    // A disabled application has no tokens either.
    let alone = corp.call("GET /orders", &token);
    assert_eq!(alone.send().status, 200);
    corp.world.cli().run(&["app", "disable", "reader", "--reason", "a test"]);
    assert_eq!(alone.send().summary(), "401 disabled_application");
}

/// Security case 63: the old key dies with its removal, the new one lives, and a broken file changes nothing.
#[test]
fn a_key_set_in_a_file_is_replaced_while_the_gateway_runs() {
    let corp = Corp::start();
    let old = corp.call("GET /orders", &corp.token(json!({})));
    assert_eq!(old.send().status, 200);
    corp.world.place.write("corp.json", "{ \"keys\": [");
    let two = TokenKey::generate("two", "EdDSA");
    let new = corp.call("GET /orders", &two.token(&claims(json!({}))));
    until("the broken file to be seen", || {
        let shown = corp.world.cli().run(&["issuer", "show", "corp"]).line();
        (shown["keys"] == "stale").then_some(())
    });
    assert_eq!(old.send().status, 200, "the last good keys stay");
    corp.world.place.write("corp.json", &key_set([&corp.key, &two]));
    corp.world.until_status(&new, 200);
    assert_eq!(old.send().status, 200);
    corp.world.place.write("corp.json", &key_set([&two]));
    corp.world.until_status(&old, 401);
    assert_eq!(new.send().status, 200);
}

#[test]
fn without_keys_tokens_get_503_and_everybody_else_is_served() {
    let key = TokenKey::generate("one", "ES256");
    let world = World::with(|place| {
        prepare(place, &key);
        std::fs::remove_file(place.dir().join("corp.json")).unwrap();
    });
    let call = world
        .call("GET /orders")
        .field("Authorization", &format!("Bearer {}", key.token(&claims(json!({})))));
    assert_eq!(call.send().summary(), "503 api_unavailable");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    assert_eq!(world.call("GET /invoices").host(super::world::BILLING).send().status, 401);
    world.place.write("corp.json", &key_set([&key]));
    world.until_status(&call, 200);
}
