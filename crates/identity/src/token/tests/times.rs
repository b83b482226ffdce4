//! From when until when a token counts (security case 58), and for how long a key set does (case 63).

use super::*;

fn check(changes: Value, expected: Option<TokenFault>) {
    assert_eq!(Corp::new().claiming(changes.clone()).err(), expected, "{changes}");
}

/// Leeway is 30 s; the second at the edge is named.
#[test]
fn a_token_counts_from_its_beginning_to_before_its_end_give_or_take_the_leeway() {
    use TokenFault as F;
    for (changes, expected) in [
        (json!({ "iat": NOW - 400, "exp": NOW - 29 }), None),
        (json!({ "iat": NOW - 400, "exp": NOW - 30 }), Some(F::Expired)),
        (json!({ "iat": NOW - 400, "exp": NOW - 31 }), Some(F::Expired)),
        (json!({ "iat": NOW - 400, "exp": 0 }), Some(F::Expired)),
        (json!({ "iat": NOW - 400, "exp": -1 }), Some(F::ClaimType)),
        (json!({ "nbf": NOW + 30 }), None),
        (json!({ "nbf": NOW + 31 }), Some(F::NotYet)),
        (json!({ "iat": NOW + 30 }), None),
        (json!({ "iat": NOW + 31 }), Some(F::NotYet)),
        (json!({ "exp": NOW as f64 - 29.5, "iat": NOW - 60 }), None),
        (json!({ "exp": NOW as f64 - 30.0, "iat": NOW - 60 }), Some(F::Expired)),
    ] {
        check(changes, expected);
    }
    let corp = Corp::new();
    let token = corp.key.token(&claims());
    let keys = corp.keys();
    let end = Timestamp::from_seconds(NOW + 330);
    for (time, good) in [(Timestamp::from_micros(end.as_micros() - 1), true), (end, false)] {
        assert_eq!(corp.verify_at(&keys, time, &token).is_ok(), good, "{time}");
    }
}

#[test]
fn a_token_that_lives_longer_than_configured_is_refused() {
    use TokenFault as F;
    const DAY: i64 = 86_400;
    for (changes, expected) in [
        (json!({ "exp": NOW + DAY }), None),
        (json!({ "exp": NOW + DAY + 1 }), Some(F::Lifetime)),
        (json!({ "exp": NOW + 10 * 365 * DAY }), Some(F::Lifetime)),
        (json!({ "iat": NOW - DAY, "exp": NOW + 1 }), Some(F::Lifetime)),
        (json!({ "iat": NOW - DAY + 1, "exp": NOW + 1 }), None),
        (json!({ "exp": i64::MAX }), Some(F::Lifetime)),
    ] {
        check(changes, expected);
    }
    // Without `iat`, which any profile but RFC 9068 allows, it is measured from now.
    let corp = Corp::with(|issuer| issuer.profile = Profile::Any);
    let outcome = |exp: i64| corp.claiming(json!({ "iat": null, "exp": exp })).err();
    assert_eq!(outcome(NOW + DAY + 30), None);
    assert_eq!(outcome(NOW + DAY + 31), Some(F::Lifetime));
}

/// Security case 63.
#[test]
fn keys_that_nobody_confirmed_for_too_long_verify_nothing() {
    let corp = Corp::new();
    let keys = corp.keys();
    let late = Timestamp::from_seconds(NOW + 86_400);
    let token = corp.key.token(&claims_with(json!({ "iat": NOW + 86_300, "exp": NOW + 86_500 })));
    assert!(corp.verify_at(&keys, Timestamp::from_micros(late.as_micros() - 1), &token).is_ok());
    let refused = corp.verify_at(&keys, late, &token).unwrap_err();
    assert_eq!(
        (refused.fault, refused.wants_keys_of),
        (TokenFault::KeysUnavailable, Some(corp.issuer.name.clone()))
    );
    let held = keys.held(&corp.issuer).unwrap();
    let confirmed = keys.with(HeldKeys { confirmed: late, ..HeldKeys::clone(held) });
    assert!(corp.verify_at(&confirmed, late, &token).is_ok());
}

/// Security case 60.
#[test]
fn the_source_is_asked_at_most_once_per_interval() {
    let corp = Corp::new();
    let at = |seconds| Timestamp::from_seconds(NOW + seconds);
    assert!(KeySets::none().may_ask(&corp.issuer, now()), "nobody was asked yet");
    for (seconds, may) in [(0, false), (29, false), (30, true), (-10, false)] {
        assert_eq!(corp.keys().may_ask(&corp.issuer, at(seconds)), may, "{seconds}");
    }
}

#[test]
fn a_set_counts_for_the_issuer_that_it_was_got_for() {
    let corp = Corp::new();
    let keys = corp.keys();
    let moved = Issuer { issuer: "https://new.example.com".into(), ..corp.issuer.clone() };
    assert!(keys.usable(&moved, now()).is_none());
    assert!(keys.of(&[Arc::new(moved)]).held(&corp.issuer).is_none(), "and is forgotten with its issuer");
    assert!(keys.of(&[Arc::new(corp.issuer.clone())]).usable(&corp.issuer, now()).is_some());
}
