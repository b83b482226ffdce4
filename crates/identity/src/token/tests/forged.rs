//! What is known to have been forged elsewhere: the negative vectors of JOSE (security cases 51 to 56, 70, 72).

use super::*;

fn header_with(key: &TokenKey, changes: Value) -> Value {
    let mut header = key.header();
    for (name, value) in changes.as_object().unwrap() {
        header[name] = value.clone();
    }
    header
}

fn fault(corp: &Corp, token: &str) -> Option<TokenFault> {
    corp.verify(token).err()
}

/// Security case 51.
#[test]
fn a_token_without_a_signature_is_refused_however_none_is_spelt() {
    let corp = Corp::new();
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let header = header_with(&corp.key, json!({ "alg": algorithm })).to_string();
        let signed = corp.key.sign(&header, &claims().to_string());
        let bare = signed.rsplit_once('.').unwrap().0;
        for token in [&signed, &format!("{bare}."), bare] {
            let expected = if token == bare { TokenFault::Form } else { TokenFault::Algorithm };
            assert_eq!(fault(&corp, token), Some(expected), "{algorithm} {token}");
        }
    }
    let token = corp.key.token(&claims());
    let bare = token.rsplit_once('.').unwrap().0;
    assert_eq!(fault(&corp, &format!("{bare}.")), Some(TokenFault::Signature));
    let without = json!({ "kid": "one", "typ": "at+jwt" }).to_string();
    assert_eq!(fault(&corp, &corp.key.sign(&without, &claims().to_string())), Some(TokenFault::Algorithm));
}

/// Security case 52: the algorithm is the key's, and the public key is no secret to sign with.
#[test]
fn the_token_does_not_choose_its_algorithm() {
    let corp = Corp::new();
    for algorithm in ["HS256", "HS384", "HS512", "RS256", "PS256", "ES384", "EdDSA", "es256", "ES256K"] {
        let header = header_with(&corp.key, json!({ "alg": algorithm })).to_string();
        let token = corp.key.sign(&header, &claims().to_string());
        assert_eq!(fault(&corp, &token), Some(TokenFault::Algorithm), "{algorithm}");
    }
    let rsa = TokenKey::generate("one", "RS256");
    let keys = corp.holding(&key_set([&rsa]));
    let signed = format!(
        "{}.{}",
        testkit::to_base64url(header_with(&rsa, json!({ "alg": "HS256" })).to_string().as_bytes()),
        testkit::to_base64url(claims().to_string().as_bytes())
    );
    let public = rsa.jwk().to_string();
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&secret, signed.as_bytes());
    let token = format!("{signed}.{}", testkit::to_base64url(tag.as_ref()));
    let refused = corp.verify_at(&keys, now(), &token).unwrap_err();
    assert_eq!(refused, TokenFault::Algorithm.into(), "and no key is asked for");
    // One RSA key is for one padding: PKCS #1 and PSS are not taken for each other.
    let header = header_with(&rsa, json!({ "alg": "PS256" })).to_string();
    let token = rsa.sign(&header, &claims().to_string());
    assert_eq!(corp.verify_at(&keys, now(), &token).unwrap_err().fault, TokenFault::Algorithm);
}

/// Security case 53.
#[test]
fn an_encrypted_token_is_refused_whatever_is_inside() {
    let corp = Corp::new();
    let inner = corp.key.token(&claims());
    let part = |value: Value| testkit::to_base64url(value.to_string().as_bytes());
    let header = part(json!({ "alg": "dir", "enc": "A256GCM", "cty": "JWT" }));
    assert_eq!(fault(&corp, &format!("{header}..aXY.{}.dGFn", part(json!({})))), Some(TokenFault::Encrypted));
    let header = header_with(&corp.key, json!({ "enc": "A256GCM" })).to_string();
    assert_eq!(fault(&corp, &corp.key.sign(&header, &claims().to_string())), Some(TokenFault::Encrypted));
    let header = header_with(&corp.key, json!({ "cty": "JWT" })).to_string();
    assert_eq!(fault(&corp, &corp.key.sign(&header, &inner)), Some(TokenFault::Form));
    assert_eq!(fault(&corp, &format!("{inner}.x")), Some(TokenFault::Form));
    assert_eq!(fault(&corp, &format!("{inner}.x.y.z")), Some(TokenFault::Form));
}

/// Security case 54.
#[test]
fn an_extension_that_must_be_understood_is_refused() {
    let corp = Corp::new();
    for changes in [
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": ["b64"], "b64": true }),
        json!({ "b64": false }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
        json!({ "crit": "x" }),
    ] {
        let header = header_with(&corp.key, changes.clone()).to_string();
        let token = corp.key.sign(&header, &claims().to_string());
        assert_eq!(fault(&corp, &token), Some(TokenFault::Critical), "{changes}");
    }
}

/// Security case 55: what a token says about keys is not read; `kid` is a name and nothing else.
#[test]
fn a_token_does_not_bring_its_own_key() {
    let corp = Corp::new();
    let attacker = TokenKey::generate("one", "ES256");
    for changes in [
        json!({ "jwk": attacker.jwk() }),
        json!({ "jku": "http://127.0.0.1:1/keys" }),
        json!({ "x5u": "http://127.0.0.1:1/chain" }),
        json!({ "x5c": ["MIIB"] }),
    ] {
        let header = header_with(&attacker, changes.clone()).to_string();
        let token = attacker.sign(&header, &claims().to_string());
        assert_eq!(fault(&corp, &token), Some(TokenFault::Signature), "{changes}");
        let token = corp.key.sign(&header, &claims().to_string());
        assert_eq!(fault(&corp, &token), None, "signed by the issuer all the same: {changes}");
    }
    for kid in ["../../etc/passwd", "one' OR '1'='1", "one\u{0}", "", "ONE", "/dev/null"] {
        let header = header_with(&corp.key, json!({ "kid": kid })).to_string();
        let token = corp.key.sign(&header, &claims().to_string());
        let refused = corp.verify_at(&corp.keys(), now(), &token).unwrap_err();
        assert_eq!(refused.fault, TokenFault::UnknownKey, "{kid:?}");
        assert_eq!(refused.wants_keys_of, Some(corp.issuer.name.clone()));
    }
    for kid in [json!(1), json!(["one"]), json!(null), json!("k".repeat(jwk::KID_BYTES_MAX + 1))] {
        let header = header_with(&corp.key, json!({ "kid": kid })).to_string();
        assert_eq!(fault(&corp, &corp.key.sign(&header, &claims().to_string())), Some(TokenFault::Form));
    }
}

/// Security case 56.
#[test]
fn the_word_of_an_issuer_that_is_not_accepted_is_nothing() {
    let corp = Corp::new();
    let token = corp.key.token(&claims());
    let keys = corp.keys();
    let accepted = Accepted { issuers: &[], audiences: &[], keys: &keys };
    let refused = verify(&accepted, now(), token.as_bytes(), &digest_of(token.as_bytes())).unwrap_err();
    assert_eq!(refused, TokenFault::Issuer.into());
    // An issuer without keys of its own does not borrow another's.
    let other = Corp::with(|issuer| {
        issuer.name = IssuerName::parse("other").unwrap();
        issuer.issuer = "https://other.example.com".into();
    });
    let token = corp.key.token(&claims_with(json!({ "iss": "https://other.example.com" })));
    let refused = other.verify_at(&keys, now(), &token).unwrap_err();
    assert_eq!(refused.fault, TokenFault::KeysUnavailable);
}

/// Security case 70.
#[test]
fn what_has_the_form_of_a_token_is_no_credential_for_that() {
    let corp = Corp::new();
    let stranger = TokenKey::generate("one", "ES256");
    assert_eq!(fault(&corp, &stranger.token(&claims())), Some(TokenFault::Signature));
    let token = corp.key.token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let other = testkit::to_base64url(claims_with(json!({ "sub": "root" })).to_string().as_bytes());
    assert_eq!(fault(&corp, &format!("{header}.{other}.{signature}")), Some(TokenFault::Signature));
    for text in ["", ".", "..", "...", "opaque", "a.b.c", "e30.e30.", "e30.e30.e30", "\u{e9}.\u{e9}.\u{e9}"] {
        assert!(fault(&corp, text).is_some(), "{text:?}");
    }
}

/// Security case 72.
#[test]
fn signatures_of_zeros_or_of_another_size_are_refused() {
    let corp = Corp::new();
    let token = corp.key.token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let right = testkit::base64url(signature).unwrap();
    let (r, s) = right.split_at(32);
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51_u8,
    ];
    let zero = [0_u8; 32];
    for bytes in [
        vec![],
        vec![0; 64],
        [r, &zero].concat(),
        [&zero, s].concat(),
        [r, &order].concat(),
        [&order[..], s].concat(),
        vec![0xff; 64],
        right[..63].to_vec(),
        [&right[..], &[0]].concat(),
        [&[0], &right[..]].concat(),
        vec![0; 96],
        vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01],
        [s, r].concat(),
    ] {
        let token = format!("{signed}.{}", testkit::to_base64url(&bytes));
        assert_eq!(fault(&corp, &token), Some(TokenFault::Signature), "{bytes:?}");
    }
    let token = format!("{signed}.{}", "A".repeat(8_000));
    assert_eq!(fault(&corp, &token), Some(TokenFault::Signature), "refused before it is decoded");
    let rsa = TokenKey::generate("one", "RS256");
    let keys = corp.holding(&key_set([&rsa]));
    let token = rsa.token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let right = testkit::base64url(signature).unwrap();
    for bytes in [vec![0; 256], right[1..].to_vec(), [&[0], &right[..]].concat(), vec![1]] {
        let token = format!("{signed}.{}", testkit::to_base64url(&bytes));
        let refused = corp.verify_at(&keys, now(), &token).unwrap_err();
        assert_eq!(refused.fault, TokenFault::Signature);
    }
}

/// Security case 72: one spelling.
#[test]
fn another_spelling_of_the_same_token_is_refused() {
    let corp = Corp::new();
    let token = corp.key.token(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    // 64 bytes leave four bits of the last character unused, and these must be zero.
    let last = signature.chars().last().unwrap();
    let stray = ["A", "Q", "g", "w"]
        .contains(&last.to_string().as_str())
        .then(|| char::from(u8::try_from(last).unwrap() + 1));
    let stray = format!("{}{}", signature.strip_suffix(last).unwrap(), stray.unwrap());
    for (spelling, expected) in [
        (token.clone(), None),
        (format!("{header}.{payload}.{signature}=="), Some(TokenFault::Form)),
        (format!("{header}=.{payload}.{signature}"), Some(TokenFault::Form)),
        (format!("{header}.{payload}.{stray}"), Some(TokenFault::Form)),
        (format!("{header}.{payload}.{signature}\n"), Some(TokenFault::Form)),
        (format!(" {token}"), Some(TokenFault::Form)),
        (format!("{header}.{payload}. {signature}"), Some(TokenFault::Form)),
        (token.replace(['-', '_'], "+") + "+", Some(TokenFault::Form)),
    ] {
        assert_eq!(fault(&corp, &spelling), expected, "{spelling}");
    }
}

#[test]
fn a_member_that_stands_twice_is_refused_before_anyone_chooses_one() {
    let corp = Corp::new();
    let header = corp.key.header().to_string();
    let body = claims().to_string();
    let twice = |text: &str, member: &str| format!("{},{member}}}", text.strip_suffix('}').unwrap());
    for (header, claims) in [
        (twice(&header, "\"alg\":\"ES256\""), body.clone()),
        (twice(&header, "\"alg\":\"none\""), body.clone()),
        (header.clone(), twice(&body, "\"sub\":\"root\"")),
        (header.clone(), twice(&body, "\"\\u0073ub\":\"root\"")),
        (header.clone(), "[]".to_owned()),
        (header.clone(), format!("{body}{body}")),
        ("\"x\"".to_owned(), body.clone()),
    ] {
        assert_eq!(
            fault(&corp, &corp.key.sign(&header, &claims)),
            Some(TokenFault::Form),
            "{header} {claims}"
        );
    }
}

#[test]
fn a_token_over_the_limit_is_refused_unread() {
    let corp = Corp::new();
    let long = |bytes: usize| {
        let empty = corp.key.token(&claims_with(json!({ "x": "" })));
        // Each claim byte takes four thirds of a character.
        corp.key.token(&claims_with(json!({ "x": "y".repeat((bytes - empty.len()) * 3 / 4) })))
    };
    let most = long(TOKEN_BYTES_MAX - 4);
    assert!(most.len() <= TOKEN_BYTES_MAX && TOKEN_BYTES_MAX - 8 < most.len(), "{}", most.len());
    assert_eq!(fault(&corp, &most), None);
    let over = long(TOKEN_BYTES_MAX + 8);
    assert_eq!(fault(&corp, &over), Some(TokenFault::TooLong));
}
