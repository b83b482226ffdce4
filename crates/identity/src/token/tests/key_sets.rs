//! Key sets that are refused as a whole, and keys that are passed over (security case 61).

use super::*;

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn parse(text: &str) -> Result<KeySet, KeySetError> {
    KeySet::parse(text.as_bytes(), Algorithm::DEFAULT)
}

fn changed(changes: Value) -> Value {
    let mut jwk = TokenKey::generate("k", "ES256").jwk();
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

#[test]
fn a_set_is_taken_whole_or_not_at_all() {
    use KeySetError as E;
    let good = || TokenKey::generate("good", "ES256").jwk();
    let rsa = |n: String| json!({ "kty": "RSA", "kid": "r", "alg": "RS256", "n": n, "e": "AQAB" });
    let bits =
        |bytes: usize, first: u8| testkit::to_base64url(&[&[first][..], &vec![0xff; bytes - 1]].concat());
    for (second, expected) in [
        (good(), E::DuplicateKid),
        (json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }), E::Symmetric),
        (changed(json!({ "k": "c2VjcmV0" })), E::Symmetric),
        (changed(json!({ "d": "c2VjcmV0" })), E::Private),
        (rsa(bits(128, 0xff)), E::RsaSize),
        (rsa(bits(256, 0x7f)), E::RsaSize),
        (rsa(bits(1_025, 0x01)), E::RsaSize),
        (rsa(bits(257, 0x00)), E::Malformed),
        (rsa(String::new()), E::Malformed),
        (changed(json!({ "x": testkit::to_base64url(&[1; 32]) })), E::Malformed),
        (changed(json!({ "x": testkit::to_base64url(&[1; 31]) })), E::Malformed),
        (changed(json!({ "x": "not base64url!" })), E::Malformed),
        (changed(json!({ "y": 1 })), E::Malformed),
        (changed(json!({ "kid": 1 })), E::Kid),
        (changed(json!({ "kid": "k".repeat(jwk::KID_BYTES_MAX + 1) })), E::Kid),
        (changed(json!({ "alg": "RS256" })), E::Malformed),
        (changed(json!({ "alg": 1 })), E::Malformed),
        (changed(json!({ "use": 1 })), E::Malformed),
        (changed(json!({ "key_ops": "verify" })), E::Malformed),
        (changed(json!({ "kty": 1 })), E::Malformed),
        (json!("key"), E::Malformed),
    ] {
        assert_eq!(parse(&set(&[good_first(&second), second.clone()])).err(), Some(expected), "{second}");
    }
}

/// A good key, with the `kid` of `second` where that is to be a double.
fn good_first(second: &Value) -> Value {
    if second["kid"] == "good" { second.clone() } else { TokenKey::generate("first", "ES256").jwk() }
}

#[test]
fn a_document_that_is_no_key_set_is_refused() {
    use KeySetError as E;
    for (text, expected) in [
        ("", E::Json),
        ("<html>", E::Json),
        ("[]", E::Json),
        (r#"{"keys":[],"keys":[]}"#, E::Json),
        ("{}", E::NoKeys),
        (r#"{"keys":{}}"#, E::NoKeys),
        (r#"{"keys":[]}"#, E::Empty),
    ] {
        assert_eq!(parse(text).err(), Some(expected), "{text}");
    }
    let padded = |bytes: usize| {
        let text = set(&[TokenKey::generate("k", "ES256").jwk()]);
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    assert!(parse(&padded(jwk::KEY_SET_BYTES_MAX)).is_ok());
    assert_eq!(parse(&padded(jwk::KEY_SET_BYTES_MAX + 1)).err(), Some(E::TooLong));
    let many = |count: usize| {
        let key = TokenKey::generate("k", "EdDSA").jwk();
        let keys: Vec<_> = (0..count)
            .map(|number| {
                let mut key = key.clone();
                key["kid"] = json!(number.to_string());
                key
            })
            .collect();
        set(&keys)
    };
    assert_eq!(parse(&many(jwk::KEYS_MAX)).unwrap().len(), jwk::KEYS_MAX);
    assert_eq!(parse(&many(jwk::KEYS_MAX + 1)).err(), Some(E::TooMany));
}

#[test]
fn keys_for_something_else_are_passed_over() {
    let mut with_operations = changed(json!({ "kid": "ops", "key_ops": ["verify"] }));
    with_operations.as_object_mut().unwrap().remove("use");
    let keys = [
        TokenKey::generate("sign", "ES256").jwk(),
        with_operations,
        changed(json!({ "kid": "enc", "use": "enc" })),
        changed(json!({ "kid": "ops-no", "key_ops": ["encrypt"] })),
        json!({ "kty": "EC", "crv": "secp256k1", "kid": "k1", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "kid": "x", "x": "AA" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "pq" }),
        TokenKey::generate("not-listed", "ES384").jwk(),
    ];
    let read = parse(&set(&keys)).unwrap();
    assert_eq!(read.kids().collect::<Vec<_>>(), ["sign", "ops"]);
}

#[test]
fn a_key_without_an_algorithm_has_the_first_listed_one_of_its_kind() {
    let corp = Corp::new();
    let key = TokenKey::generate("k", "RS256");
    let mut jwk = key.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let keys = corp.holding(&set(&[jwk]));
    assert!(corp.verify_at(&keys, now(), &key.token(&claims())).is_ok());
    let mut header = key.header();
    header["alg"] = json!("PS256");
    let token = key.sign(&header.to_string(), &claims().to_string());
    assert_eq!(corp.verify_at(&keys, now(), &token).unwrap_err().fault, TokenFault::Algorithm);
}

#[test]
fn a_token_without_a_key_id_is_verified_where_there_is_one_key_alone() {
    let corp = Corp::new();
    let mut header = corp.key.header();
    header.as_object_mut().unwrap().remove("kid");
    let token = corp.key.sign(&header.to_string(), &claims().to_string());
    assert!(corp.verify(&token).is_ok());
    let keys = corp.holding(&key_set([&corp.key, &TokenKey::generate("two", "ES256")]));
    let refused = corp.verify_at(&keys, now(), &token).unwrap_err();
    assert_eq!(refused, TokenFault::UnknownKey.into(), "and no newer set is asked for");
}

#[test]
fn a_key_set_is_shown_by_its_key_ids_alone() {
    let keys = [TokenKey::generate("one", "ES256"), TokenKey::generate("two", "EdDSA")];
    assert_eq!(format!("{:?}", parse(&key_set(&keys)).unwrap()), r#"["one", "two"]"#);
}
