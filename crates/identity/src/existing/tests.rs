//! Existing keys at the door: for each that is recognised, the nearest that is not.

use std::net::IpAddr;

use model::request::{BodyShape, Scheme};
use model::{Admission, Head, KeyAlphabet, KeyShape};
use proptest::prelude::*;

use super::*;
use crate::{ApplicationState, KeyEntry, KeySecret, KeyState, KeyUsage, LimitCell, identify};

const NOW: Timestamp = Timestamp::from_seconds(1_000);
const KEY: &str = "ak_0123456789abcdef";
const OTHER: &str = "ak_fedcba9876543210";

fn api(name: &str) -> ApiName {
    ApiName::parse(name).unwrap()
}

fn fingerprint_key() -> FingerprintKey {
    FingerprintKey::derive(&Secret::new([7; 32]), &api("orders"))
}

fn digest(key: &str) -> KeyedDigest {
    fingerprint_key().keyed(&WholeDigest::of(key.as_bytes()))
}

fn form(place: KeyPlace, others: OtherValues) -> KeyForm {
    KeyForm { place, shape: KeyShape::new("ak_", (19, 32), KeyAlphabet::Hex).unwrap(), others }
}

fn header(name: &str) -> KeyPlace {
    KeyPlace::Header { name: name.into(), scheme: None }
}

fn scheme(name: &str, scheme: &str) -> KeyPlace {
    KeyPlace::Header { name: name.into(), scheme: Some(scheme.into()) }
}

fn query(name: &str) -> KeyPlace {
    KeyPlace::Query { name: name.into() }
}

fn existing(forms: &[KeyForm]) -> ExistingKeys {
    ExistingKeys::new(api("orders"), TeamName::parse("owners").unwrap(), forms, fingerprint_key()).unwrap()
}

fn entry(number: u8, key: &str) -> KeyEntry {
    KeyEntry {
        id: crate::key::make("live", &[number; crate::key::ENTROPY_BYTES]).unwrap().id,
        secret: KeySecret::Existing(digest(key)),
        application: Arc::new(Application {
            name: ApplicationName::parse("shop").unwrap(),
            team: TeamName::parse("partners").unwrap(),
            attributes: Default::default(),
            version: 1,
        }),
        scopes: Box::new(["orders".into()]),
        expires: Timestamp::MAX,
        state: KeyState::Active,
        application_state: ApplicationState::Enabled,
        usage: Arc::new(KeyUsage::never()),
        limit: Arc::new(LimitCell::unused()),
    }
}

fn request_to(target: &str, fields: &[(&str, &str)]) -> CanonicalRequest {
    let fields = [("Host", "a.example")].iter().chain(fields);
    let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let head = Head::from_parts(b"GET", target.as_bytes(), fields).unwrap();
    let admission =
        Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: IpAddr::from([127, 0, 0, 1]) };
    CanonicalRequest::admit(head, admission).unwrap()
}

fn judged(forms: &[KeyForm], keys: &KeyTable, target: &str, fields: &[(&str, &str)]) -> String {
    let request = request_to(target, fields);
    let stops = Stops::none();
    let result = identify(&request, b"x-api-key", keys, &stops, NOW)
        .and_then(|identified| with_existing(identified, &existing(forms), &request, keys, &stops, NOW));
    match result {
        Ok(identified) => {
            let client = identified.caller.client.to_string();
            // The digits are told apart by whether they are the key's.
            let mut client = client
                .replace(claimed_name(&api("orders"), digest(KEY).fingerprint()).unwrap().as_str(), "KEY");
            client = client.replace(
                claimed_name(&api("orders"), digest(OTHER).fingerprint()).unwrap().as_str(),
                "OTHER",
            );
            format!("{client} {}", identified.caller.strength.as_str())
        }
        Err(not) => format!("{} {}", not.refusal.reason().code(), not.refusal.code()),
    }
}

#[test]
fn a_key_is_recognised_in_its_place_and_form_alone() {
    let none = KeyTable::empty();
    let in_header = [form(header("x-api-key"), OtherValues::Foreign)];
    let in_only = [form(header("x-api-key"), OtherValues::Refused)];
    let in_query = [form(query("api_key"), OtherValues::Foreign)];
    let in_scheme = [form(scheme("authorization", "ApiKey"), OtherValues::Foreign)];
    let both =
        [form(header("x-api-key"), OtherValues::Foreign), form(query("api_key"), OtherValues::Foreign)];
    let (claimed, anonymous) = ("app:KEY claimed", "anonymous anonymous");
    let with_key = format!("/?a=1&api_key={KEY}&b=2");
    for (forms, target, fields, expected) in [
        (&in_header[..], "/", &[("X-Api-Key", KEY)][..], claimed),
        (&in_header, "/", &[("x-API-key", KEY)], claimed),
        (&in_header, "/", &[("X_Api_Key", KEY)], anonymous),
        (&in_header, "/", &[("X-Api-Key2", KEY)], anonymous),
        (&in_header, "/", &[("X-Api-Key", "ak_0123456789abcde")], anonymous),
        (&in_header, "/", &[("X-Api-Key", "AK_0123456789abcdef")], anonymous),
        (&in_header, "/", &[("X-Api-Key", "ak_0123456789abcdeg")], anonymous),
        (&in_header, "/", &[("X-Api-Key", OTHER)], "app:OTHER claimed"),
        (&in_header, "/", &[("Authorization", KEY)], anonymous),
        (&in_header, &with_key, &[], anonymous),
        (&in_only, "/", &[("X-Api-Key", KEY)], claimed),
        (&in_only, "/", &[("X-Api-Key", "junk")], "invalid_credential existing_key_form"),
        (&in_only, "/", &[("X-Api-Key", "")], "invalid_credential existing_key_form"),
        (&in_only, "/", &[], anonymous),
        (&in_query, &with_key, &[], claimed),
        (&in_query, "/?API_KEY=ak_0123456789abcdef", &[], claimed),
        (&in_query, "/?api%5fkey=%61k_0123456789abcdef", &[], claimed),
        (&in_query, "/?api_key=%2561k_0123456789abcdef", &[], anonymous),
        (&in_query, "/?api_keys=ak_0123456789abcdef", &[], anonymous),
        (&in_query, "/?api_key", &[], anonymous),
        (&in_query, "/", &[("X-Api-Key", KEY)], anonymous),
        (&in_scheme, "/", &[("Authorization", "ApiKey ak_0123456789abcdef")], claimed),
        (&in_scheme, "/", &[("Authorization", "apikey  ak_0123456789abcdef")], claimed),
        (&in_scheme, "/", &[("Authorization", "Bearer ak_0123456789abcdef")], anonymous),
        (&in_scheme, "/", &[("Authorization", "ApiKeyak_0123456789abcdef")], anonymous),
        // Security case 31: which of several the upstream takes is unknown.
        (&both, &with_key, &[("X-Api-Key", KEY)], "multiple_credentials several_existing_keys"),
        (&both, "/?api_key=junk", &[("X-Api-Key", KEY)], claimed),
        (
            &in_query,
            "/?api_key=ak_0123456789abcdef&api_key=junk",
            &[],
            "multiple_credentials several_existing_keys",
        ),
    ] {
        assert_eq!(judged(forms, &none, target, fields), expected, "{target} {fields:?}");
    }
}

#[test]
fn a_key_that_somebody_vouched_for_is_theirs_until_it_is_stopped() {
    let forms = [form(header("x-api-key"), OtherValues::Foreign)];
    let fields = [("X-Api-Key", KEY)];
    type Change = fn(&mut KeyEntry);
    let cases: [(Change, &str); 6] = [
        (|_| {}, "app:shop shared_secret"),
        (|entry| entry.expires = Timestamp::from_micros(NOW.as_micros() + 1), "app:shop shared_secret"),
        (|entry| entry.expires = NOW, "expired_credential expired_credential"),
        (|entry| entry.state = KeyState::Revoked, "revoked_credential revoked_credential"),
        (|entry| entry.state = KeyState::Quarantined, "quarantined quarantined"),
        (
            |entry| entry.application_state = ApplicationState::Disabled,
            "disabled_application disabled_application",
        ),
    ];
    for (change, expected) in cases {
        let mut entry = entry(1, KEY);
        change(&mut entry);
        assert_eq!(judged(&forms, &KeyTable::empty().with(entry), "/", &fields), expected);
    }
    let request = request_to("/", &fields);
    let keys = KeyTable::empty().with(entry(1, KEY));
    let stops = Stops::none().with_key(entry(1, KEY).id);
    let refused = with_existing(
        Identified::anonymous(Foreign::Present),
        &existing(&forms),
        &request,
        &keys,
        &stops,
        NOW,
    );
    let refused = refused.unwrap_err();
    assert_eq!(refused.refusal.reason(), DenyReason::RevokedCredential);
    assert_eq!(refused.key.unwrap().application.name.as_str(), "shop");
}

#[test]
fn two_credentials_are_of_one_application_or_refused() {
    let forms = [form(header("x-company-key"), OtherValues::Foreign)];
    let made = crate::key::make("live", &[9; crate::key::ENTROPY_BYTES]).unwrap();
    let own_text = String::from_utf8(made.text.expose().to_vec()).unwrap();
    let own = |application: &str| {
        let mut own = entry(9, KEY);
        own.id = made.id;
        own.secret = KeySecret::Own(made.digest);
        Arc::make_mut(&mut own.application).name = ApplicationName::parse(application).unwrap();
        own
    };
    let fields = [("X-Api-Key", own_text.as_str()), ("X-Company-Key", KEY)];
    let disagree = "multiple_credentials key_and_existing_key";
    let mut revoked = entry(1, KEY);
    revoked.state = KeyState::Revoked;
    for (entries, expected) in [
        (vec![own("shop"), entry(1, KEY)], "app:shop shared_secret"),
        (vec![own("other"), entry(1, KEY)], disagree),
        // Nobody vouched for the second, so it is nobody's.
        (vec![own("shop")], disagree),
        (vec![own("shop"), revoked], "revoked_credential revoked_credential"),
        (vec![entry(1, KEY)], "invalid_credential invalid_credential"),
    ] {
        let keys = KeyTable::empty().with_all(entries);
        assert_eq!(judged(&forms, &keys, "/", &fields), expected);
    }
}

#[test]
fn case_71_what_is_stored_is_no_key() {
    let forms = [KeyForm {
        place: header("x-api-key"),
        shape: KeyShape::new("", (32, 64), KeyAlphabet::Token).unwrap(),
        others: OtherValues::Foreign,
    }];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let key = "0123456789abcdef0123456789abcdef";
    let keys = KeyTable::empty().with(entry(1, key));
    assert_eq!(judged(&forms, &keys, "/", &[("X-Api-Key", key)]), "app:shop shared_secret");
    for stored in [
        hex(digest(key).as_bytes()),
        hex(WholeDigest::of(key.as_bytes()).expose()),
        digest(key).fingerprint().to_string(),
    ] {
        let found = judged(&forms, &keys, "/", &[("X-Api-Key", &stored)]);
        assert!(found.ends_with(" claimed"), "{found}");
    }
    // An own key of the id that an existing key was given is no way in either.
    let own = crate::key::make("live", &[1; crate::key::ENTROPY_BYTES]).unwrap();
    let own = String::from_utf8(own.text.expose().to_vec()).unwrap();
    assert_eq!(judged(&forms, &keys, "/", &[("X-Api-Key", &own)]), "invalid_credential invalid_credential");
}

#[test]
fn one_key_at_two_apis_is_two_that_nobody_can_join() {
    let secret = Secret::new([7; 32]);
    let whole = WholeDigest::of(KEY.as_bytes());
    let at = |name: &str, secret: &Secret| FingerprintKey::derive(secret, &api(name)).keyed(&whole);
    assert_eq!(at("orders", &secret), at("orders", &secret));
    assert_ne!(at("orders", &secret), at("billing", &secret));
    assert_ne!(at("orders", &secret), at("orders", &Secret::new([8; 32])));
    assert_ne!(*at("orders", &secret).as_bytes(), *whole.expose());
}

#[test]
fn a_keyed_hash_is_hmac_sha_256_of_the_digest() {
    // RFC 4231 test case 2, through the same function.
    let key = FingerprintKey(hmac::Key::new(hmac::HMAC_SHA256, b"Jefe"));
    let tag = hmac::sign(&key.0, b"what do ya want for nothing?");
    assert_eq!(tag.as_ref()[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    let signed = hmac::sign(&key.0, WholeDigest::of(b"abc").expose());
    assert_eq!(key.keyed(&WholeDigest::of(b"abc")).as_bytes().as_slice(), signed.as_ref());
}

#[test]
fn nothing_of_a_key_is_printed() {
    let forms = [form(header("x-api-key"), OtherValues::Foreign)];
    let request = request_to("/", &[("X-Api-Key", KEY)]);
    let existing = existing(&forms);
    let found = existing.recognise(&request).unwrap().unwrap();
    let shown = format!(
        "{existing:?} {found:?} {:?} {:?}",
        WholeDigest::of(KEY.as_bytes()),
        existing.claimed(&found)
    );
    assert!(!shown.contains("0123456789abcdef"), "{shown}");
    let hex: String =
        WholeDigest::of(KEY.as_bytes()).expose().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.contains(hex.get(..16).unwrap()), "{shown}");
}

#[test]
fn a_changed_entry_is_found_by_its_new_state() {
    let keys = KeyTable::empty().with_all([entry(1, KEY), entry(2, OTHER)]);
    let mut changed = entry(1, KEY);
    changed.state = KeyState::Revoked;
    let later = keys.with(changed);
    assert_eq!(keys.find_existing(&digest(KEY)).unwrap().state, KeyState::Active);
    assert_eq!(later.find_existing(&digest(KEY)).unwrap().state, KeyState::Revoked);
    assert_eq!(later.find_existing(&digest(OTHER)).unwrap().state, KeyState::Active);
    assert_eq!((later.len(), later.version()), (2, keys.version() + 1));
    assert!(later.find_existing(&digest("ak_")).is_none());
}

proptest! {
    /// Whatever is sent, nobody becomes a known caller but by a key that somebody vouched for.
    #[test]
    fn no_text_makes_a_known_caller(value in "[ -~]{0,64}", name in "(x-api-key|X-API-KEY|api_key|authorization)") {
        let forms = [
            form(header("x-api-key"), OtherValues::Foreign),
            form(query("api_key"), OtherValues::Foreign),
        ];
        let keys = KeyTable::empty().with(entry(1, KEY));
        let found = judged(&forms, &keys, "/", &[(&name, value.trim())]);
        prop_assert!(!found.contains("shared_secret") || value.trim() == KEY, "{}", found);
    }

    #[test]
    fn decoding_is_total(text in proptest::collection::vec(any::<u8>(), 0..64)) {
        let decoded = decoded(&text).into_owned();
        prop_assert!(decoded.len() <= text.len());
        if !text.contains(&b'%') {
            prop_assert_eq!(decoded, text);
        }
    }
}
