//! What evidence keeps: the facts that policies read, and no others.

use super::world::{NOW, enforced, observed, request, snapshot};
use crate::{Worker, judge};

fn facts(setup: &super::world::Setup, text: &str) -> Vec<String> {
    let evidence = judge(&snapshot(setup), NOW, &mut Worker::new([1; 32]), request(text)).evidence;
    evidence.facts(&request(text)).map(|(name, value)| format!("{name} {value:?}")).collect()
}

#[test]
fn exactly_the_facts_that_are_read_are_kept_with_their_types() {
    const CUSTOMER: &str = "principal.customer Text(\"42\")";
    const ONE: &str = "scopes Scopes([\"orders:read\"])";
    const MFA: &str = "mfa Bool(false)";
    for (text, expected) in [
        (
            "GET orders.example/customers/42/7\nX-Api-Key: $readonly",
            &[CUSTOMER, MFA, "params.customer Text(\"42\")", "params.id Long(7)", ONE][..],
        ),
        // Denied: kept all the same, so that the denial can be explained.
        (
            "GET orders.example/customers/4%333/-7?customer=42\nX-Api-Key: $readonly",
            &[CUSTOMER, MFA, "params.customer Text(\"433\")", "params.id Long(-7)", ONE],
        ),
        // A parameter that is not of its type has no value.
        (
            "GET orders.example/customers/42/x\nX-Api-Key: $readonly",
            &[CUSTOMER, MFA, "params.customer Text(\"42\")", ONE],
        ),
        // Nothing is known of the caller.
        ("GET orders.example/customers/42/7", &[MFA, "params.customer Text(\"42\")", "params.id Long(7)"]),
        ("GET orders.example/customers/42/7\nX-Api-Key: $expired", &[]),
        // No policy reads anything.
        ("GET orders.example/orders/7\nX-Api-Key: $readonly", &[]),
        ("GET orders.example/files/a/b\nX-Api-Key: $readonly", &[]),
        ("GET orders.example/nothing\nX-Api-Key: $readonly", &[]),
        ("GET other.example/customers/42/7\nX-Api-Key: $readonly", &[]),
    ] {
        assert_eq!(facts(&enforced(), text), expected, "{text}");
        assert_eq!(facts(&observed(), text), expected, "observed {text}");
    }
}

/// They tell who is meant to call, whatever operation of the API it is that the token was shown for.
#[test]
fn scopes_of_a_token_are_kept_where_the_document_asks_for_them() {
    let world = super::tokens::World::new(enforced(), |_| {});
    for (scopes, also, expected) in [
        ("home", "", &["token.scopes Words([\"home\"])"][..]),
        ("other home more", "", &["token.scopes Words([\"home\"])"]),
        ("other", "", &[]),
        ("", "", &[]),
        // Then the caller is the key's application, of whom the token says nothing.
        ("home", "\nX-Api-Key: $whole", &[]),
    ] {
        let token = world.token(serde_json::json!({ "scope": scopes }));
        for place in ["orders.example/home", "orders.example/public"] {
            let text = format!("GET {place}\nAuthorization: Bearer {token}{also}");
            assert_eq!(facts(&world.setup, &text), expected, "{place} {scopes}{also}");
        }
        let elsewhere = format!("GET legacy.example/x\nAuthorization: Bearer {token}{also}");
        assert_eq!(facts(&world.setup, &elsewhere), [""; 0]);
    }
}

#[test]
fn no_credential_shows_in_the_debug_form_of_a_judgement() {
    let mut setup = enforced();
    setup.signer = Some(std::sync::Arc::new(
        identity::Signer::from_pkcs8(&identity::generate_signing_key().unwrap()).unwrap(),
    ));
    let secret = super::world::key("whole");
    let secret = secret.rsplit('_').next().unwrap();
    for (text, is_allowed) in [
        ("GET orders.example/orders\nX-Api-Key: $whole\nCookie: canary", true),
        ("GET orders.example/nothing?canary\nX-Api-Key: $whole\nCookie: canary", false),
    ] {
        let judgement = judge(&snapshot(&setup), NOW, &mut Worker::new([1; 32]), request(text));
        let shown = format!("{:?}", judgement.outcome);
        assert_eq!(matches!(judgement.outcome, crate::Outcome::Allow(_)), is_allowed);
        assert!(!shown.contains("canary") && !shown.contains(secret), "{shown}");
        assert!(!shown.contains("eyJ"), "the assertion shows: {shown}");
        assert!(shown.contains("Cookie: redacted"), "{shown}");
    }
}
