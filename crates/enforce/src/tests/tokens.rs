//! Access tokens at the door: who they make of a request, what they ask for, and what they cannot do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use identity::ApplicationState;
use identity::token::{Algorithm, Applications, HeldKeys, Issuer, KeySet, KeySets, Profile, ScopeUse};
use model::{Application, ApplicationName, IssuerName, TeamName, Timestamp};
use serde_json::{Value, json};
use testkit::{TokenKey, key_set};

use super::stops::{again, forwarded};
use super::world::{NOW, Setup, enforced, observed, request, shown, snapshot};
use crate::{Worker, judge, judge_or_need};

pub(super) struct World {
    key: TokenKey,
    pub(super) setup: Setup,
}

impl World {
    pub(super) fn new(setup: Setup, change: impl FnOnce(&mut Issuer)) -> Self {
        let key = TokenKey::generate("one", "EdDSA");
        let mut issuer = Issuer {
            name: IssuerName::parse("corp").unwrap(),
            issuer: "https://id.example".into(),
            audiences: ["https://orders.example".into()].into(),
            algorithms: Algorithm::DEFAULT.into(),
            key_age_max: Duration::from_secs(86_400),
            refetch_interval: Duration::from_secs(30),
            lifetime_max: Duration::from_secs(86_400),
            leeway: Duration::from_secs(30),
            profile: Profile::AccessToken,
            required_claims: Box::default(),
            client_claim: "client_id".into(),
            clients: BTreeMap::from([("shop-web".into(), ApplicationName::parse("shop").unwrap())]),
            team: Some(TeamName::parse("partners").unwrap()),
            user_claim: "sub".into(),
            teams_claim: None,
            scope_claim: "scope".into(),
            scope_use: ScopeUse::Facts,
            user_attributes: BTreeMap::new(),
            mfa_amr: ["otp".into()].into(),
            mfa_acr: ["urn:mfa".into(), "urn:other".into()].into(),
        };
        change(&mut issuer);
        let set = KeySet::parse(key_set([&key]).as_bytes(), &issuer.algorithms).unwrap();
        let held = HeldKeys {
            set: Some(Arc::new(set)),
            confirmed: NOW,
            attempted: Some(NOW.minus(Duration::from_secs(30))),
            ..HeldKeys::none(&issuer)
        };
        let shop = Application {
            name: ApplicationName::parse("shop").unwrap(),
            team: TeamName::parse("partners").unwrap(),
            attributes: BTreeMap::new(),
            version: 1,
        };
        let setup = Setup {
            key_sets: KeySets::none().with(held),
            issuers: vec![Arc::new(issuer)],
            applications: Applications::of([(Arc::new(shop), ApplicationState::Enabled)]),
            ..setup
        };
        Self { key, setup }
    }

    pub(super) fn token(&self, changes: Value) -> String {
        let now = NOW.as_seconds();
        let mut claims = json!({
            "iss": "https://id.example", "aud": "https://orders.example", "sub": "ann", "client_id": "web",
            "jti": "t", "iat": now, "exp": now + 300,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.key.token(&claims)
    }

    fn shown(&self, line: &str, changes: Value) -> String {
        let text = format!("{line}\nAuthorization: Bearer {}", self.token(changes));
        shown(&snapshot(&self.setup), &mut Worker::new([1; 32]), &text)
    }
}

const SHOP: &str = "shop-web";

#[test]
fn a_token_is_a_caller_and_policy_decides() {
    let world = World::new(enforced(), |_| {});
    let mut told = String::new();
    for (line, changes) in [
        ("GET orders.example/orders", json!({ "client_id": SHOP })),
        ("POST orders.example/orders", json!({ "client_id": SHOP })),
        ("GET orders.example/orders", json!({})),
        ("GET orders.example/public", json!({})),
        ("GET orders.example/nothing", json!({})),
        ("GET orders.example/public", json!({ "aud": "https://other.example" })),
        ("GET legacy.example/x", json!({})),
    ] {
        told.push_str(&world.shown(line, changes));
        told.push('\n');
    }
    expect![[r#"
        allowed permit | app:shop orders:GET /orders by shop-reads
        allowed permit | app:shop orders:POST /orders by shop-cancels
        denied 403 no_grant | no_grant | app:corp:web orders:GET /orders
        allowed permit | app:corp:web orders:GET /public by anyone
        denied 404 unknown_operation | unknown_operation | app:corp:web 
        denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token", resource_metadata="http://orders.example/.well-known/oauth-protected-resource"] | invalid_credential/token_audience | anonymous 
        denied 401 no_credential [WWW-Authenticate: Bearer realm="sallyport"] | no_credential/unknown_operation | anonymous 
    "#]].assert_eq(&told);
}

#[test]
fn scopes_of_a_token_narrow_only_where_the_issuer_is_configured_so() {
    for (scope_use, scope, expected) in [
        (ScopeUse::Facts, json!("anything"), true),
        (ScopeUse::Narrow, json!("orders"), true),
        // The id of an operation holds a blank, so it can stand in a list alone.
        (ScopeUse::Narrow, json!(["orders:GET /orders"]), true),
        (ScopeUse::Narrow, json!("orders:GET /orders"), false),
        (ScopeUse::Narrow, json!("orders:write"), false),
        (ScopeUse::Narrow, json!(""), false),
    ] {
        let world = World::new(enforced(), |issuer| issuer.scope_use = scope_use);
        let shown = world.shown("GET orders.example/orders", json!({ "client_id": SHOP, "scope": scope }));
        assert_eq!(shown.starts_with("allowed"), expected, "{scope}: {shown}");
        assert_eq!(shown.contains("out_of_scope"), !expected, "{scope}: {shown}");
    }
}

#[test]
fn an_invalid_token_is_refused_while_observed_too() {
    let world = World::new(observed(), |_| {});
    let invalid = world.shown("GET orders.example/orders", json!({ "aud": "x" }));
    assert!(invalid.starts_with("denied 401 invalid_credential"), "{invalid}");
    let valid = world.shown("GET orders.example/nothing", json!({}));
    assert!(valid.starts_with("would_deny observed"), "{valid}");
}

/// RFC 9470: the least that would do is asked for, and nothing is where nothing would.
#[test]
fn a_better_sign_in_is_asked_for_exactly_where_it_would_do() {
    let now = NOW.as_seconds();
    let otp = json!({ "amr": ["otp"] });
    let old = json!({ "auth_time": now - 1_000 });
    let mut told = String::new();
    for mode in [enforced(), observed()] {
        let world = World::new(mode, |_| {});
        for (path, changes) in [
            ("factors", json!({})),
            ("factors", otp.clone()),
            ("fresh", old.clone()),
            ("fresh", json!({})),
            ("fresh", json!({ "auth_time": now - 299 })),
            ("fresh", json!({ "auth_time": now - 300 })),
            ("both", json!({ "amr": ["otp"], "auth_time": now - 61 })),
            ("both", json!({ "auth_time": now - 60 })),
            ("both", old.clone()),
            ("guarded", json!({})),
            ("guarded", otp.clone()),
            // Strength is the client's, and no sign-in raises it.
            ("strong", json!({})),
            ("closed", json!({ "client_id": SHOP })),
            // Nobody could sign in: the client calls for itself.
            ("factors", json!({ "sub": "web" })),
        ] {
            told.push_str(&format!(
                "{path} {changes}: {}\n",
                world.shown(&format!("GET orders.example/{path}"), changes.clone())
            ));
        }
    }
    expect![[r#"
        factors {}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", acr_values="urn:mfa urn:other"] | step_up | app:corp:web orders:GET /factors
        factors {"amr":["otp"]}: allowed permit | app:corp:web orders:GET /factors by factors
        fresh {"auth_time":1796809400}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", max_age="299"] | step_up | app:corp:web orders:GET /fresh
        fresh {}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", max_age="299"] | step_up | app:corp:web orders:GET /fresh
        fresh {"auth_time":1796810101}: allowed permit | app:corp:web orders:GET /fresh by fresh
        fresh {"auth_time":1796810100}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", max_age="299"] | step_up | app:corp:web orders:GET /fresh
        both {"amr":["otp"],"auth_time":1796810339}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", max_age="60"] | step_up | app:corp:web orders:GET /both
        both {"auth_time":1796810340}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", acr_values="urn:mfa urn:other"] | step_up | app:corp:web orders:GET /both
        both {"auth_time":1796809400}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", acr_values="urn:mfa urn:other", max_age="60"] | step_up | app:corp:web orders:GET /both
        guarded {}: stepped_up 401 step_up [WWW-Authenticate: Bearer realm="sallyport", error="insufficient_user_authentication", error_description="a stronger or fresher sign-in is needed", resource_metadata="http://orders.example/.well-known/oauth-protected-resource", acr_values="urn:mfa urn:other"] | step_up | app:corp:web orders:GET /guarded by guard.factors
        guarded {"amr":["otp"]}: allowed permit | app:corp:web orders:GET /guarded by guarded
        strong {}: denied 403 no_grant | no_grant | app:corp:web orders:GET /strong
        closed {"client_id":"shop-web"}: denied 403 guard | guard | app:shop orders:GET /closed by closed
        factors {"sub":"web"}: denied 403 no_grant | no_grant | app:corp:web orders:GET /factors
        factors {}: would_step_up observed | step_up | app:corp:web orders:GET /factors
        factors {"amr":["otp"]}: allowed permit | app:corp:web orders:GET /factors by factors
        fresh {"auth_time":1796809400}: would_step_up observed | step_up | app:corp:web orders:GET /fresh
        fresh {}: would_step_up observed | step_up | app:corp:web orders:GET /fresh
        fresh {"auth_time":1796810101}: allowed permit | app:corp:web orders:GET /fresh by fresh
        fresh {"auth_time":1796810100}: would_step_up observed | step_up | app:corp:web orders:GET /fresh
        both {"amr":["otp"],"auth_time":1796810339}: would_step_up observed | step_up | app:corp:web orders:GET /both
        both {"auth_time":1796810340}: would_step_up observed | step_up | app:corp:web orders:GET /both
        both {"auth_time":1796809400}: would_step_up observed | step_up | app:corp:web orders:GET /both
        guarded {}: would_step_up observed | step_up | app:corp:web orders:GET /guarded by guard.factors
        guarded {"amr":["otp"]}: allowed permit | app:corp:web orders:GET /guarded by guarded
        strong {}: would_deny observed | no_grant | app:corp:web orders:GET /strong
        closed {"client_id":"shop-web"}: denied 403 guard | guard | app:shop orders:GET /closed by closed
        factors {"sub":"web"}: would_deny observed | no_grant | app:corp:web orders:GET /factors
    "#]].assert_eq(&told);
}

#[test]
fn an_own_key_is_never_asked_to_sign_in() {
    let world = World::new(enforced(), |_| {});
    let line = shown(
        &snapshot(&world.setup),
        &mut Worker::new([1; 32]),
        "GET orders.example/factors\nX-Api-Key: $whole",
    );
    assert!(!line.contains("step_up"), "{line}");
}

/// Security case 60: one attempt per interval, whatever comes, and known keys are unaffected.
#[test]
fn case_60_random_keys_ask_for_a_newer_set_once() {
    let mut world = World::new(enforced(), |_| {});
    let stranger = |kid: u32| {
        let mut header = world.key.header();
        header["kid"] = json!(kid.to_string());
        header.to_string()
    };
    let claims = json!({ "iss": "https://id.example" }).to_string();
    let signed = |kid| {
        let part = |text: &str| testkit::to_base64url(text.as_bytes());
        format!(
            "GET orders.example/public\nAuthorization: Bearer {}.{}.AAAA",
            part(&stranger(kid)),
            part(&claims)
        )
    };
    let mut worker = Worker::new([1; 32]);
    let before = snapshot(&world.setup);
    let need = judge_or_need(&before, NOW, &mut worker, request(&signed(0))).unwrap_err();
    assert_eq!(need.issuer().as_str(), "corp");
    // Whoever asked once, and found nothing newer, notes the attempt; within the interval nobody asks again.
    let held = HeldKeys::clone(world.setup.key_sets.held(&world.setup.issuers[0]).unwrap());
    let held = HeldKeys { attempted: Some(NOW), ..held };
    let texts: Vec<String> = (0..100_000).map(signed).collect();
    world.setup.key_sets = world.setup.key_sets.with(held);
    let after = snapshot(&world.setup);
    let needs = texts.iter().filter(|text| judge_or_need(&after, NOW, &mut worker, request(text)).is_err());
    assert_eq!(needs.count(), 0);
    assert!(world.shown("GET orders.example/public", json!({})).starts_with("allowed"));
    // When the interval has passed, one may ask again.
    let later = NOW.plus(Duration::from_secs(30));
    assert!(judge_or_need(&after, later, &mut worker, request(&signed(1))).is_err());
    // Who cannot wait judges by what there is.
    let judged = judge(&after, later, &mut worker, request(&signed(1)));
    assert_eq!(judged.evidence.refusal.unwrap().code(), "token_key");
}

#[test]
fn without_keys_a_token_is_told_to_come_again_and_others_are_served() {
    let mut world = World::new(enforced(), |_| {});
    world.setup.key_sets = KeySets::none();
    let line = world.shown("GET orders.example/public", json!({}));
    assert!(line.starts_with("denied 503 api_unavailable"), "{line}");
    let line = shown(
        &snapshot(&world.setup),
        &mut Worker::new([1; 32]),
        "GET orders.example/public\nX-Api-Key: $whole",
    );
    assert!(line.starts_with("allowed"), "{line}");
    assert_eq!(Timestamp::from_seconds(NOW.as_seconds()), NOW);
}

#[test]
fn a_token_and_a_key_of_other_applications_do_not_mix() {
    let world = World::new(enforced(), |_| {});
    let mut told = String::new();
    for (key, client) in
        [("whole", SHOP), ("whole", "web"), ("stranger", SHOP), ("nobody", SHOP), ("stopped", SHOP)]
    {
        let text = format!(
            "GET orders.example/orders\nX-Api-Key: ${key}\nAuthorization: Bearer {}",
            world.token(json!({ "client_id": client }))
        );
        told.push_str(&shown(&snapshot(&world.setup), &mut Worker::new([1; 32]), &text));
        told.push('\n');
    }
    expect![[r#"
        allowed permit | app:shop orders:GET /orders by shop-reads
        allowed permit | app:shop orders:GET /orders by shop-reads
        denied 400 multiple_credentials | multiple_credentials/key_and_token | app:stranger 
        denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token", resource_metadata="http://orders.example/.well-known/oauth-protected-resource"] | invalid_credential | anonymous 
        denied 401 revoked_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token", resource_metadata="http://orders.example/.well-known/oauth-protected-resource"] | revoked_credential | app:shop 
    "#]].assert_eq(&told);
}

#[test]
fn metadata_says_who_gives_out_tokens_for_an_api_that_takes_any() {
    let world = World::new(enforced(), |_| {});
    let snapshot = snapshot(&world.setup);
    let ask = |line: &str| crate::protected_resource(&snapshot, &request(line));
    expect![[r#"
        {"resource":"http://orders.example","authorization_servers":["https://id.example"],"bearer_methods_supported":["header"],"resource_name":"orders"}
    "#]].assert_eq(&ask("GET orders.example/.well-known/oauth-protected-resource").unwrap());
    for line in [
        "GET legacy.example/.well-known/oauth-protected-resource",
        "GET other.example/.well-known/oauth-protected-resource",
        "POST orders.example/.well-known/oauth-protected-resource",
        "GET orders.example/.well-known/oauth-protected-resource/x",
        "GET orders.example/x/oauth-protected-resource",
    ] {
        assert!(ask(line).is_none(), "{line}");
    }
}

/// A signature is expensive to look at, so a network that sent many forged ones waits; what was verified before does not.
#[test]
fn forged_tokens_end_the_looking_at_signatures_and_lock_nobody_out_who_is_known() {
    let world = World::new(enforced(), |_| {});
    let snapshot = snapshot(&world.setup);
    let mut worker = Worker::new([1; 32]);
    let mut send = |token: &str| {
        let text = format!("GET orders.example/orders\nAuthorization: Bearer {token}");
        shown(&snapshot, &mut worker, &text)
    };
    let token = |key: &TokenKey, jti: &str| {
        let now = NOW.as_seconds();
        key.token(&json!({
            "iss": "https://id.example", "aud": "https://orders.example", "sub": "ann", "client_id": SHOP,
            "jti": jti, "iat": now, "exp": now + 300,
        }))
    };
    let known = token(&world.key, "known");
    assert!(send(&known).starts_with("allowed"));
    // Of the same name, and not the issuer's.
    let forger = TokenKey::generate("one", "EdDSA");
    let most = usize::try_from(model::GuessLimits::STANDARD.network_failures).unwrap();
    for number in 0..most {
        let shown = send(&token(&forger, &number.to_string()));
        assert!(shown.contains("invalid_credential/token_signature"), "{number}: {shown}");
    }
    let beyond = send(&token(&forger, "beyond"));
    assert!(beyond.starts_with("denied 429"), "{beyond}");
    let unseen = send(&token(&world.key, "not verified yet"));
    assert!(unseen.starts_with("denied 429"), "{unseen}");
    assert!(send(&known).starts_with("allowed"));
    let by_key = shown(&snapshot, &mut worker, "GET orders.example/orders\nX-Api-Key: $whole");
    assert!(by_key.starts_with("allowed"), "{by_key}");
    // Nor does it hold up whoever shows a key beside a token; a forged one there opens nothing.
    let mut beside = |token: String| {
        let text = format!("GET orders.example/orders\nX-Api-Key: $whole\nAuthorization: Bearer {token}");
        shown(&snapshot, &mut worker, &text)
    };
    let good = beside(token(&world.key, "beside"));
    assert!(good.starts_with("allowed"), "{good}");
    let forged = beside(token(&forger, "beside"));
    assert!(forged.starts_with("denied 429"), "{forged}");
}

/// What a token says of the user counts beside a key, so whoever stops the token's client stops that too.
#[test]
fn a_blocked_client_is_stopped_though_a_key_stands_beside_its_token() {
    let block = |name: &str| model::Block {
        id: model::BlockId::new(7),
        target: model::BlockTarget::parse("app", name).unwrap(),
        until: Timestamp::from_micros(NOW.as_micros() + 1),
    };
    let under_way = World::new(enforced(), |_| {});
    for (blocked, client, refused) in [
        ("corp:web", "web", true),
        ("corp:webs", "web", false),
        ("corp:shop-web", SHOP, false),
        // One that the files list is known by its name there.
        ("shop", SHOP, true),
    ] {
        let mut world = World::new(enforced(), |_| {});
        world.setup.blocks = vec![block(blocked)];
        for key in ["", "\nX-Api-Key: $whole"] {
            let shown =
                world.shown(&format!("GET orders.example/public{key}"), json!({ "client_id": client }));
            assert_eq!(shown.contains("blocked_app"), refused, "{blocked} {client} {key}: {shown}");
        }
        // What is under way ends by it, too.
        let token = under_way.token(json!({ "client_id": client }));
        let text = format!("GET orders.example/public\nX-Api-Key: $whole\nAuthorization: Bearer {token}");
        let forward = forwarded(&snapshot(&under_way.setup), &text).unwrap();
        let mut after = Setup { blocks: vec![block(blocked)], ..enforced() };
        after.key_sets = under_way.setup.key_sets.clone();
        after.issuers = under_way.setup.issuers.clone();
        after.applications = under_way.setup.applications.clone();
        let shown = again(&snapshot(&after), NOW, &forward);
        assert_eq!(shown.starts_with("blocked"), refused, "{blocked} {client}: {shown}");
    }
}
