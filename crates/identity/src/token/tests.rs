//! Tokens right and wrong. Times are seconds after [`NOW`].

mod forged;
mod kept;
mod key_sets;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ApplicationName, AttributeType, AttributeValue, IssuerName, Mfa, TeamName};
use serde_json::{Value, json};
use testkit::{TokenKey, key_set};

use super::*;

/// When every test is.
const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://orders.example.com";

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// The issuer `corp` with one key for ES256.
struct Corp {
    issuer: Issuer,
    key: TokenKey,
}

impl Corp {
    fn new() -> Self {
        let issuer = Issuer {
            name: IssuerName::parse("corp").unwrap(),
            issuer: ISSUER.into(),
            audiences: [AUDIENCE.into()].into(),
            algorithms: Algorithm::DEFAULT.into(),
            key_age_max: Duration::from_secs(86_400),
            refetch_interval: Duration::from_secs(30),
            lifetime_max: Duration::from_secs(86_400),
            leeway: Duration::from_secs(30),
            profile: Profile::AccessToken,
            required_claims: Box::default(),
            client_claim: "client_id".into(),
            clients: BTreeMap::new(),
            team: Some(TeamName::parse("partners").unwrap()),
            user_claim: "sub".into(),
            teams_claim: Some("groups".into()),
            scope_claim: "scope".into(),
            scope_use: ScopeUse::Facts,
            user_attributes: BTreeMap::new(),
            mfa_amr: ["mfa".into(), "otp".into()].into(),
            mfa_acr: ["urn:example:mfa".into()].into(),
        };
        Self { issuer, key: TokenKey::generate("one", "ES256") }
    }

    fn with(change: impl FnOnce(&mut Issuer)) -> Self {
        let mut corp = Self::new();
        change(&mut corp.issuer);
        corp
    }

    fn keys(&self) -> KeySets {
        self.holding(&key_set([&self.key]))
    }

    fn holding(&self, set: &str) -> KeySets {
        let set = KeySet::parse(set.as_bytes(), &self.issuer.algorithms).unwrap();
        KeySets::none().with(HeldKeys {
            set: Some(Arc::new(set)),
            version: 1,
            confirmed: now(),
            attempted: Some(now()),
            ..HeldKeys::none(&self.issuer)
        })
    }

    fn verify_at(&self, keys: &KeySets, now: Timestamp, token: &str) -> Result<VerifiedToken, Refused> {
        let issuers = [Arc::new(self.issuer.clone())];
        let accepted = Accepted { issuers: &issuers, audiences: &[], keys };
        verify(&accepted, now, token.as_bytes(), &digest_of(token.as_bytes()))
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, TokenFault> {
        self.verify_at(&self.keys(), now(), token).map_err(|refused| refused.fault)
    }

    /// What becomes of a token with these claims in place of the usual ones; null removes one.
    fn claiming(&self, changes: Value) -> Result<VerifiedToken, TokenFault> {
        self.verify(&self.key.token(&claims_with(changes)))
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "client_id": "web", "jti": "t1",
        "iat": NOW, "exp": NOW + 300,
    })
}

fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
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
fn a_good_token_says_client_user_scopes_and_factors() {
    let corp = Corp::with(|issuer| {
        let source = |claim: &str, kind| ClaimSource { claim: claim.into(), kind };
        issuer.user_attributes = BTreeMap::from([
            ("customer".to_owned(), source("cust", ClaimType::Plain(AttributeType::String))),
            ("email".to_owned(), source("email", ClaimType::Email)),
        ]);
    });
    let token = corp.claiming(json!({
        "scope": "read  write", "groups": ["a", "b"], "cust": "42", "email": "ann@example.com",
        "amr": ["pwd", "otp"], "auth_time": NOW - 60,
    }));
    let token = token.unwrap();
    let TokenClient::External(application) = &token.client else { panic!("{token:?}") };
    assert_eq!((application.name.as_str(), application.team.as_str()), ("corp:web", "partners"));
    let user = token.user.as_deref().unwrap();
    assert_eq!(user.label(), "corp/ann");
    assert_eq!(user.teams.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(user.attributes["customer"], AttributeValue::String("42".into()));
    assert_eq!(user.attributes["email"], AttributeValue::String("ann@example.com".into()));
    assert_eq!(*token.scopes, ["read".to_owned(), "write".to_owned()]);
    assert_eq!(token.sign_in.mfa, Mfa::Used);
    assert_eq!(token.sign_in.age(now()), Some(60));
    assert_eq!(token.ends, Timestamp::from_seconds(NOW + 330));
}

#[test]
fn a_client_that_calls_for_itself_is_no_user_and_has_one_factor() {
    let token = Corp::new().claiming(json!({ "sub": "web" })).unwrap();
    assert!(token.user.is_none());
    assert_eq!(token.sign_in, SignIn::NONE);
}

#[test]
fn a_listed_client_is_the_application_and_one_that_is_not_needs_a_team() {
    let corp = Corp::with(|issuer| {
        issuer.clients.insert("web".into(), ApplicationName::parse("shop").unwrap());
        issuer.team = None;
    });
    assert!(
        matches!(corp.claiming(json!({})).unwrap().client, TokenClient::Listed(name) if name.as_str() == "shop")
    );
    assert_eq!(corp.claiming(json!({ "client_id": "Web" })).unwrap_err(), TokenFault::Client);
}

#[test]
fn each_default_algorithm_verifies_and_one_that_is_not_listed_does_not() {
    let corp = Corp::new();
    for algorithm in ["ES256", "RS256", "EdDSA", "PS256"] {
        let key = TokenKey::generate("k", algorithm);
        let keys = corp.holding(&key_set([&key]));
        assert!(corp.verify_at(&keys, now(), &key.token(&claims())).is_ok(), "{algorithm}");
    }
    for algorithm in ["ES384", "RS512"] {
        let set = key_set([&TokenKey::generate("k", algorithm)]);
        assert_eq!(KeySet::parse(set.as_bytes(), Algorithm::DEFAULT).unwrap_err(), KeySetError::Empty);
    }
}

#[test]
fn claims_that_are_missing_or_of_another_type_are_refused() {
    use TokenFault as F;
    for (changes, fault) in [
        (json!({ "iss": null }), F::Issuer),
        (json!({ "iss": "https://id.example.com/" }), F::Issuer),
        (json!({ "iss": "HTTPS://id.example.com" }), F::Issuer),
        (json!({ "iss": "https://other.example.com" }), F::Issuer),
        (json!({ "iss": [ISSUER] }), F::Issuer),
        (json!({ "aud": null }), F::Audience),
        (json!({ "aud": "https://orders.example.com.evil.example" }), F::Audience),
        (json!({ "aud": "https://orders.example.co" }), F::Audience),
        (json!({ "aud": [] }), F::Audience),
        (json!({ "aud": ["x", 1] }), F::ClaimType),
        (json!({ "aud": { AUDIENCE: 1 } }), F::ClaimType),
        (json!({ "sub": null }), F::MissingClaim),
        (json!({ "sub": "" }), F::ClaimType),
        (json!({ "sub": 1 }), F::ClaimType),
        (json!({ "sub": "a\nb" }), F::ClaimType),
        (json!({ "sub": "a".repeat(claims::TEXT_BYTES_MAX + 1) }), F::ClaimType),
        (json!({ "client_id": null }), F::MissingClaim),
        (json!({ "client_id": ["web"] }), F::ClaimType),
        (json!({ "client_id": "two words" }), F::Client),
        (json!({ "jti": null }), F::MissingClaim),
        (json!({ "iat": null }), F::MissingClaim),
        (json!({ "exp": null }), F::MissingClaim),
        (json!({ "exp": "never" }), F::ClaimType),
        (json!({ "scope": 1 }), F::ClaimType),
        (json!({ "scope": vec!["s"; claims::WORDS_MAX + 1] }), F::ClaimType),
        (json!({ "groups": [1] }), F::ClaimType),
        (json!({ "amr": 1 }), F::ClaimType),
        (json!({ "acr": 1 }), F::ClaimType),
        (json!({ "auth_time": "now" }), F::ClaimType),
        (json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }), F::Bound),
    ] {
        assert_eq!(Corp::new().claiming(changes.clone()).unwrap_err(), fault, "{changes}");
    }
    let corp = Corp::with(|issuer| issuer.required_claims = ["tenant".into()].into());
    assert_eq!(corp.claiming(json!({})).unwrap_err(), F::MissingClaim);
    assert_eq!(corp.claiming(json!({ "tenant": null })).unwrap_err(), F::MissingClaim);
    assert!(corp.claiming(json!({ "tenant": "t" })).is_ok());
}

#[test]
fn several_factors_are_what_the_configuration_calls_so() {
    for (changes, mfa) in [
        (json!({}), Mfa::NotUsed),
        (json!({ "amr": ["pwd"] }), Mfa::NotUsed),
        (json!({ "amr": ["pwd", "mfa"] }), Mfa::Used),
        (json!({ "amr": ["MFA"] }), Mfa::NotUsed),
        (json!({ "amr": "otp" }), Mfa::Used),
        (json!({ "acr": "urn:example:mfa" }), Mfa::Used),
        (json!({ "acr": "urn:example:mfa:not" }), Mfa::NotUsed),
    ] {
        assert_eq!(Corp::new().claiming(changes.clone()).unwrap().sign_in.mfa, mfa, "{changes}");
    }
}

#[test]
fn an_access_token_says_that_it_is_one() {
    let corp = Corp::new();
    let any = Corp::with(|issuer| issuer.profile = Profile::Any);
    for (kind, strict) in [
        (json!("at+jwt"), true),
        (json!("at+JWT"), true),
        (json!("application/at+jwt"), true),
        (json!("Application/AT+JWT"), true),
        (json!("JWT"), false),
        (json!("id+jwt"), false),
        (json!("at+jwt "), false),
        (json!("text/at+jwt"), false),
        (Value::Null, false),
    ] {
        let mut header = corp.key.header();
        header["typ"] = kind.clone();
        if kind.is_null() {
            header.as_object_mut().unwrap().remove("typ");
        }
        let token = |corp: &Corp| corp.verify(&corp.key.sign(&header.to_string(), &claims().to_string()));
        let expected = if strict { None } else { Some(TokenFault::Profile) };
        assert_eq!(token(&corp).err(), expected, "{kind}");
        assert_eq!(token(&any).err(), None, "{kind}");
    }
}

/// Security case 64.
#[test]
fn a_claim_that_is_an_address_has_one_at_and_is_not_called_unverified() {
    let corp = Corp::with(|issuer| {
        let source = ClaimSource { claim: "email".into(), kind: ClaimType::Email };
        issuer.user_attributes.insert("email".to_owned(), source);
    });
    let as_user = Corp::with(|issuer| issuer.user_claim = "email".into());
    for (email, good) in [
        ("ann@company.com", true),
        ("attacker@evil.com@company.com", false),
        ("\"attacker@evil.com\"@company.com", false),
        ("ann(@company.com", false),
        ("@company.com", false),
        ("ann@", false),
        ("ann", false),
        ("ann@company.com\n", false),
        ("ann @company.com", false),
        ("änn@company.com", false),
        ("", false),
    ] {
        for corp in [&corp, &as_user] {
            let outcome = corp.claiming(json!({ "email": email }));
            assert_eq!(outcome.err(), (!good).then_some(TokenFault::ClaimType), "{email:?}");
        }
    }
    for (verified, good) in [(json!(true), true), (json!(false), false), (json!("true"), false)] {
        let outcome = corp.claiming(json!({ "email": "ann@company.com", "email_verified": verified }));
        assert_eq!(outcome.is_ok(), good, "{verified}");
    }
    assert!(corp.claiming(json!({ "email": ["ann@company.com"] })).is_err());
}

/// Security case 64.
#[test]
fn attributes_of_users_are_of_their_declared_type_or_the_token_is_refused() {
    use AttributeType as T;
    for (kind, value, good) in [
        (T::String, json!("42"), true),
        (T::String, json!(42), false),
        (T::String, json!("a\u{0}"), false),
        (T::Long, json!(42), true),
        (T::Long, json!("42"), false),
        (T::Long, json!(4.5), false),
        (T::Bool, json!(true), true),
        (T::Bool, json!("true"), false),
        (T::StringSet, json!(["a", "b"]), true),
        (T::StringSet, json!("a"), false),
        (T::StringSet, json!(["a", 1]), false),
    ] {
        let corp = Corp::with(|issuer| {
            let source = ClaimSource { claim: "c".into(), kind: ClaimType::Plain(kind) };
            issuer.user_attributes.insert("it".to_owned(), source);
        });
        let outcome = corp.claiming(json!({ "c": value }));
        assert_eq!(outcome.is_ok(), good, "{kind:?} {value}");
        assert!(corp.claiming(json!({})).unwrap().user.unwrap().attributes.is_empty());
    }
}
