//! Assertions as an upstream verifies them, and what the cache may give out.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use expect_test::expect;
use model::{Application, ApplicationName, IssuerName, KeyId, TeamName, User};

use super::cache::{AssertionCache, AssertionSubject, GENERATION_MAX};
use super::*;
use crate::{ApplicationState, KeyEntry, KeyState, KeyUsage, LimitCell, SecretDigest};

const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn entry(id: usize) -> Arc<KeyEntry> {
    let application = Application {
        name: ApplicationName::parse("shop").unwrap(),
        team: TeamName::parse("partners").unwrap(),
        attributes: BTreeMap::new(),
        version: 1,
    };
    Arc::new(KeyEntry {
        id: KeyId::parse(format!("{id:012}").as_bytes()).unwrap(),
        secret: crate::KeySecret::Own(SecretDigest::from_bytes([0; 32])),
        application: Arc::new(application),
        scopes: Box::new(["orders:read".into()]),
        expires: Timestamp::MAX,
        state: KeyState::Active,
        application_state: ApplicationState::Enabled,
        usage: Arc::new(KeyUsage::never()),
        limit: Arc::new(LimitCell::unused()),
    })
}

fn signer() -> Signer {
    Signer::from_pkcs8(&generate_signing_key().unwrap()).unwrap()
}

fn parts(token: &str) -> (String, String, Vec<u8>) {
    let decoded: Vec<_> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let text = |place: usize| String::from_utf8(decoded[place].clone()).unwrap();
    assert_eq!(decoded.len(), 3);
    (text(0), text(1), decoded[2].clone())
}

fn verifies(token: &str, key: &PublicSigningKey) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut point = vec![4];
    point.extend(URL_SAFE_NO_PAD.decode(&*key.x).unwrap());
    point.extend(URL_SAFE_NO_PAD.decode(&*key.y).unwrap());
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .is_ok()
}

/// A key entry with the caller that it shows.
struct Shown(Arc<KeyEntry>, Caller);

fn shown(key: Arc<KeyEntry>) -> Shown {
    let caller = crate::identify::caller_of(&key);
    Shown(key, caller)
}

fn subject(Shown(key, caller): &Shown) -> AssertionSubject<'_> {
    AssertionSubject {
        caller,
        key: Some(key),
        scopes: &key.scopes,
        issuer: "https://gateway",
        audience: "orders",
        audience_number: 0,
    }
}

#[test]
fn says_who_calls_for_one_audience_and_one_minute() {
    let mut caller = crate::identify::caller_of(&entry(1));
    caller.user = Some(Arc::new(User {
        issuer: IssuerName::parse("corp").unwrap(),
        name: "ann\"\n".into(),
        teams: Default::default(),
        attributes: Default::default(),
    }));
    let signer = signer();
    let claims = Claims {
        issuer: "https://gateway",
        audience: "orders",
        caller: &caller,
        scopes: &["orders:read".to_owned()],
        now: NOW,
    };
    let token = signer.sign(&claims).unwrap();
    let (header, body, signature) = parts(&token);
    assert_eq!(header, format!(r#"{{"alg":"ES256","kid":"{}","typ":"JWT"}}"#, signer.public().kid()));
    // As values: the order of members depends on what else is built with the program.
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "aud": "orders", "client": "shop", "exp": 1060, "iat": 1000, "iss": "https://gateway",
        "scopes": ["orders:read"], "strength": "shared_secret", "sub": "app:shop", "team": "partners",
        "user": "ann\"\n", "user_issuer": "corp",
    });
    assert_eq!(body, expected);
    assert_eq!(signature.len(), 64);
    assert!(verifies(&token, signer.public()));
    assert!(!verifies(&token, self::signer().public()));
}

#[test]
fn nobody_gets_no_assertion() {
    let claims = Claims { issuer: "i", audience: "a", caller: &Caller::anonymous(), scopes: &[], now: NOW };
    assert_eq!(signer().sign(&claims), Err(SignerError::Anonymous));
}

#[test]
fn the_key_set_holds_both_keys_during_a_rotation() {
    let (old, new) = (signer(), signer());
    let set: serde_json::Value = serde_json::from_str(&jwks([old.public(), new.public()])).unwrap();
    let kids: Vec<_> = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(kids, [&**old.public().kid(), &**new.public().kid()]);
    assert_ne!(kids[0], kids[1]);
    assert_eq!(jwks([]), r#"{"keys":[]}"#);
    assert!(set["keys"][0].get("d").is_none());
}

#[test]
fn a_key_keeps_its_id() {
    let bytes = generate_signing_key().unwrap();
    let (one, two) = (Signer::from_pkcs8(&bytes).unwrap(), Signer::from_pkcs8(&bytes).unwrap());
    assert_eq!(one.public(), two.public());
    assert_eq!(one.public().kid().len(), 43);
    assert_eq!(Signer::from_pkcs8(&Secret::new(*b"junk")).map(|_| ()), Err(SignerError::Key));
    assert!(!format!("{one:?}").contains("pair"));
}

#[test]
fn computes_the_thumbprint_of_rfc_7638() {
    // A fixed point (the generator of P-256); the thumbprint was computed with another implementation.
    let point: Vec<u8> = ("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let key = PublicSigningKey::of_point(&point).unwrap();
    expect!["xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M"].assert_eq(key.kid());
    for wrong in [&point[1..], &point[..64], &[][..]] {
        assert!(PublicSigningKey::of_point(wrong).is_none());
    }
}

#[test]
fn signs_once_in_thirty_seconds() {
    let (signer, key, mut cache) = (signer(), shown(entry(1)), AssertionCache::new());
    let ask = |cache: &mut AssertionCache, now: Timestamp| {
        cache.assertion(&signer, now, subject(&key)).unwrap();
        cache.signatures()
    };
    for (micros, signatures) in [(0, 1), (1, 1), (29_999_999, 1), (30_000_000, 2), (59_999_999, 2), (5, 3)] {
        assert_eq!(ask(&mut cache, Timestamp::from_micros(NOW.as_micros() + micros)), signatures, "{micros}");
    }
}

#[test]
fn gives_an_assertion_to_its_own_caller_and_audience_only() {
    let (signer, other_signer) = (signer(), signer());
    let (key, mut cache) = (shown(entry(1)), AssertionCache::new());
    let first = cache.assertion(&signer, NOW, subject(&key)).unwrap();
    let same = cache.assertion(&signer, NOW, subject(&key)).unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    // The same key id after a change of its scopes is another entry.
    let changed = shown(Arc::new(KeyEntry { scopes: Box::new([]), ..(*key.0).clone() }));
    let other = shown(entry(2));
    for (signer, subject) in [
        (&signer, subject(&changed)),
        (&signer, subject(&other)),
        (&signer, AssertionSubject { audience: "billing", ..subject(&key) }),
        (&signer, AssertionSubject { audience_number: 1, ..subject(&key) }),
        (&signer, AssertionSubject { issuer: "https://other", ..subject(&key) }),
        (&other_signer, subject(&key)),
    ] {
        let before = cache.signatures();
        let token = cache.assertion(signer, NOW, subject).unwrap();
        assert_eq!(cache.signatures(), before + 1);
        assert_ne!(token, first);
        assert!(verifies(&token, signer.public()));
    }
}

/// Who comes with a new token for each call is the same caller, and its assertion says the same.
#[test]
fn another_token_of_the_same_caller_needs_no_other_signature() {
    let (signer, mut cache) = (signer(), AssertionCache::new());
    let application = |name: &str, team: &str| {
        Arc::new(Application {
            name: ApplicationName::external("corp", name).unwrap(),
            team: TeamName::parse(team).unwrap(),
            attributes: BTreeMap::new(),
            version: 0,
        })
    };
    let caller = |client: &str, team: &str, user: Option<(&str, &str)>, number: u8| {
        let fingerprint = model::Fingerprint::from_bytes([number; 16]);
        let client = Client::Application(application(client, team));
        let credential = model::CredentialRef::Token(fingerprint);
        let mut caller = Caller::client(client, model::Strength::VerifiedSignature, credential);
        caller.token = Some(fingerprint);
        caller.user = user.map(|(issuer, name)| {
            Arc::new(User {
                issuer: IssuerName::parse(issuer).unwrap(),
                name: name.into(),
                teams: Default::default(),
                attributes: Default::default(),
            })
        });
        caller
    };
    let mut ask = |caller: &Caller, scopes: &[String]| {
        let (issuer, audience, audience_number) = ("https://gateway", "orders", 0);
        let subject = AssertionSubject { caller, key: None, scopes, issuer, audience, audience_number };
        let token = cache.assertion(&signer, NOW, subject).unwrap();
        (token, cache.signatures())
    };
    let ann = Some(("corp", "ann"));
    let read = ["read".to_owned()];
    let (first, _) = ask(&caller("web", "partners", ann, 1), &read);
    let (second, signatures) = ask(&caller("web", "partners", ann, 2), &read);
    assert!(Arc::ptr_eq(&first, &second) && signatures == 1);
    for (other, scopes) in [
        (caller("web", "partners", Some(("corp", "bob")), 1), &read[..]),
        (caller("web", "partners", Some(("other", "ann")), 1), &read),
        (caller("web", "partners", None, 1), &read),
        (caller("phone", "partners", ann, 1), &read),
        (caller("web", "outsiders", ann, 1), &read),
        (caller("web", "partners", ann, 1), &[]),
        (Caller { strength: model::Strength::Bound, ..caller("web", "partners", ann, 1) }, &read),
    ] {
        let (token, _) = ask(&other, scopes);
        assert_ne!(token, first, "{other:?}");
        let claims =
            Claims { issuer: "https://gateway", audience: "orders", caller: &other, scopes, now: NOW };
        assert_eq!(parts(&token).1, claims.to_json().unwrap(), "{other:?}");
    }
}

#[test]
fn memory_is_bounded() {
    let (signer, mut cache) = (signer(), AssertionCache::new());
    for number in 0..=2 * GENERATION_MAX {
        cache.assertion(&signer, NOW, subject(&shown(entry(number)))).unwrap();
    }
    let shown = format!("{cache:?}");
    expect!["AssertionCache { young: 1, old: 4096, signatures: 8193, .. }"].assert_eq(&shown);
}
