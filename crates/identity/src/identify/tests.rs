//! Which credentials identify whom: for each that does, the nearest that does not.

#![expect(clippy::string_slice, reason = "the texts of these tests are ASCII")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use expect_test::{Expect, expect};
use model::request::{BodyShape, Scheme};
use model::{Admission, Application, ApplicationName, Head, TeamName};
use proptest::prelude::*;

use super::*;
use crate::{KeyUsage, LimitCell, MadeKey};

const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn made(seed: u8) -> MadeKey {
    key::make("live", &[seed; key::ENTROPY_BYTES]).unwrap()
}

fn text(seed: u8) -> String {
    String::from_utf8(made(seed).text.expose().to_vec()).unwrap()
}

fn entry(seed: u8) -> KeyEntry {
    let application = Application {
        name: ApplicationName::parse("shop").unwrap(),
        team: TeamName::parse("partners").unwrap(),
        attributes: BTreeMap::new(),
        version: 1,
    };
    KeyEntry {
        id: made(seed).id,
        secret: crate::KeySecret::Own(made(seed).digest),
        application: Arc::new(application),
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

fn shown(result: Result<Identified, Box<NotIdentified>>) -> String {
    match result {
        Ok(identified) => format!(
            "{} {} own {:?} foreign {:?}",
            identified.caller.client,
            identified.caller.strength.as_str(),
            identified.own,
            identified.foreign
        ),
        Err(not) => {
            let key = if not.key.is_some() { " by its key" } else { "" };
            format!("{} {}{key}", not.refusal.reason().code(), not.refusal.code())
        }
    }
}

fn identified(fields: &[(&str, &str)]) -> Result<Identified, Box<NotIdentified>> {
    let keys = KeyTable::empty().with(entry(1));
    identify(&request_to("/", fields), b"x-api-key", &keys, &Stops::none(), NOW)
}

fn check(fields: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&shown(identified(fields)));
}

#[test]
fn takes_a_key_from_its_header_and_from_bearer() {
    let key = text(1);
    let bearer = format!("Bearer {key}");
    check(&[("X-Api-Key", &key)], expect!["app:shop shared_secret own KeyHeader foreign Absent"]);
    check(&[("x-aPI-key", &key)], expect!["app:shop shared_secret own KeyHeader foreign Absent"]);
    check(&[("Authorization", &bearer)], expect!["app:shop shared_secret own Bearer foreign Absent"]);
    check(
        &[("Authorization", &format!("bEARER   {key}"))],
        expect!["app:shop shared_secret own Bearer foreign Absent"],
    );
    check(
        &[("X-Api-Key", &key), ("Authorization", "Basic dTpw")],
        expect!["app:shop shared_secret own KeyHeader foreign Present"],
    );
    check(
        &[("X-Api-Key", "theirs"), ("Authorization", &bearer)],
        expect!["app:shop shared_secret own Bearer foreign Present"],
    );
}

#[test]
fn nobody_is_identified_by_anything_else() {
    let key = text(1);
    for fields in [
        &[][..],
        &[("X_Api_Key", &*key)],
        &[("X-Api-Key2", &key)],
        &[("Cookie", &key)],
        &[("Sallyport-Assertion", &key)],
        &[("X-Sallyport-Caller", "app:shop")],
    ] {
        assert_eq!(shown(identified(fields)), "anonymous anonymous own Absent foreign Absent", "{fields:?}");
    }
}

#[test]
fn a_foreign_credential_identifies_nobody() {
    for value in [
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer valid-looking-token",
        "Basic c3A6c3A=",
        "Bearer",
        "Bearer ",
        "",
        "Token sp_live_x",
        "Bearersp_live_x",
    ] {
        assert_eq!(
            shown(identified(&[("Authorization", value)])),
            "anonymous anonymous own Absent foreign Present",
            "{value}"
        );
    }
    check(&[("X-Api-Key", "AKIAEXAMPLE")], expect!["anonymous anonymous own Absent foreign Present"]);
    check(&[("Authorization", &text(1))], expect!["invalid_credential key_form"]);
}

#[test]
fn a_key_in_the_query_or_path_identifies_nobody_and_does_not_go_on() {
    let keys = KeyTable::empty().with(entry(1));
    for target in
        [format!("/?api_key={}", text(1)), format!("/?X-Api-Key={}", text(1)), format!("/{}", text(1))]
    {
        let found = identify(&request_to(&target, &[]), b"x-api-key", &keys, &Stops::none(), NOW);
        assert_eq!(shown(found), "invalid_credential key_in_target");
    }
}

#[test]
fn refuses_two_credentials() {
    let (key, other) = (text(1), text(2));
    let bearer = format!("Bearer {key}");
    check(&[("X-Api-Key", &key), ("Authorization", &bearer)], expect!["multiple_credentials key_and_bearer"]);
    check(
        &[("X-Api-Key", &other), ("Authorization", &bearer)],
        expect!["multiple_credentials key_and_bearer"],
    );
    check(&[("X-Api-Key", &key), ("x-api-key", &key)], expect!["multiple_credentials several_key_headers"]);
    check(
        &[("X-Api-Key", "theirs"), ("x-api-key", &key)],
        expect!["multiple_credentials several_key_headers"],
    );
}

#[test]
fn an_own_key_that_fails_is_refused_and_never_anonymous() {
    let mut broken = text(1);
    broken.replace_range(10..11, "-");
    let mut typo = text(1);
    typo.replace_range(30..31, if &typo[30..31] == "a" { "b" } else { "a" });
    check(&[("X-Api-Key", &text(2))], expect!["invalid_credential invalid_credential"]);
    check(&[("X-Api-Key", "sp_")], expect!["invalid_credential key_form"]);
    check(&[("X-Api-Key", &broken)], expect!["invalid_credential key_form"]);
    check(&[("X-Api-Key", &typo)], expect!["invalid_credential key_checksum"]);
    check(&[("Authorization", "Bearer sp_nonsense")], expect!["invalid_credential key_form"]);
    check(&[("Authorization", &format!("Bearer {} ", text(2)))], expect!["invalid_credential key_form"]);
    check(&[("X-Api-Key", &format!("{},{}", text(1), text(1)))], expect!["invalid_credential key_form"]);
    // A key that fails is refused although a foreign credential stands beside it.
    check(
        &[("X-Api-Key", &text(2)), ("Authorization", "Basic dTpw")],
        expect!["invalid_credential invalid_credential"],
    );
}

#[test]
fn the_stored_hash_is_no_key() {
    let digest = made(1).digest;
    let hex: String = digest.expose().iter().map(|byte| format!("{byte:02x}")).collect();
    let id = made(1).id;
    for secret in [&hex[..], &hex[..32], &hex[32..]] {
        let covered = format!("sp_live_{id}_{secret}");
        assert!(identified(&[("X-Api-Key", &covered)]).is_err());
        assert_eq!(
            shown(identified(&[("X-Api-Key", &format!("{covered}{}", checksum_of(&covered)))])),
            if secret.len() == 32 {
                "invalid_credential invalid_credential"
            } else {
                "invalid_credential key_form"
            }
        );
    }
}

/// The checksum that makes `covered` a well-formed key, found without the code under test.
fn checksum_of(covered: &str) -> String {
    let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let mut value = crc32fast::hash(covered.as_bytes()) as usize;
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(alphabet[value % 62]);
        value /= 62;
    }
    digits.iter().rev().collect()
}

#[test]
fn an_unknown_id_costs_what_a_wrong_secret_costs() {
    // The same id with another secret: its entry holds the digest of key 9.
    let mut wrong = entry(1);
    wrong.secret = crate::KeySecret::Own(made(9).digest);
    let known = KeyTable::empty().with(wrong);
    let unknown = KeyTable::empty();
    let key = text(1);
    let request = request_to("/", &[("X-Api-Key", &key)]);
    let mut answers = Vec::new();
    for keys in [&known, &unknown] {
        let hashes = Cell::new(0);
        let counted = |presented: &PresentedKey<'_>| {
            hashes.set(hashes.get() + 1);
            SecretDigest::of(presented)
        };
        let refused = identify_with(&request, b"x-api-key", keys, &Stops::none(), NOW, counted).unwrap_err();
        assert_eq!(hashes.get(), 1);
        assert!(refused.key.is_none());
        answers.push(refused.refusal);
    }
    assert_eq!(answers.first(), answers.last());
}

#[test]
fn junk_is_refused_without_a_hash() {
    let keys = KeyTable::empty().with(entry(1));
    let request =
        request_to("/", &[("X-Api-Key", "sp_live_abcdefghijkl_ABCDEFGHIJKLMNOPQRSTUVWXYZ012345000000")]);
    let refused = identify_with(&request, b"x-api-key", &keys, &Stops::none(), NOW, |_| {
        panic!("hashed a key whose checksum is wrong")
    });
    assert_eq!(shown(refused), "invalid_credential key_checksum");
}

#[test]
fn a_key_is_refused_from_its_expiry_on() {
    let key = text(1);
    let request = request_to("/", &[("X-Api-Key", &key)]);
    let mut expiring = entry(1);
    expiring.expires = NOW;
    let keys = KeyTable::empty().with(expiring);
    for (offset, expected) in [
        (-1_000, "app:shop shared_secret own KeyHeader foreign Absent"),
        (-1, "app:shop shared_secret own KeyHeader foreign Absent"),
        (0, "expired_credential expired_credential by its key"),
        (1_000, "expired_credential expired_credential by its key"),
    ] {
        let now = Timestamp::from_micros(NOW.as_micros() + offset);
        let found = identify(&request, b"x-api-key", &keys, &Stops::none(), now);
        assert_eq!(shown(found), expected, "{offset}");
    }
}

#[test]
fn a_stopped_key_is_refused_on_the_next_request() {
    let key = text(1);
    let request = request_to("/", &[("X-Api-Key", &key)]);
    let base = entry(1);
    let check = |change: &dyn Fn(&mut KeyEntry), stops: &Stops, expected: &str| {
        let mut changed = base.clone();
        change(&mut changed);
        let keys = KeyTable::empty().with(changed);
        assert_eq!(shown(identify(&request, b"x-api-key", &keys, stops, NOW)), expected);
    };
    let none = Stops::none();
    let stopped = none.with_key(base.id);
    check(&|_| {}, &none, "app:shop shared_secret own KeyHeader foreign Absent");
    check(&|_| {}, &none.with_key(made(2).id), "app:shop shared_secret own KeyHeader foreign Absent");
    check(&|_| {}, &stopped, "revoked_credential revoked_credential by its key");
    check(
        &|entry| entry.state = KeyState::Revoked,
        &none,
        "revoked_credential revoked_credential by its key",
    );
    check(&|entry| entry.state = KeyState::Quarantined, &none, "quarantined quarantined by its key");
    check(
        &|entry| entry.application_state = ApplicationState::Disabled,
        &none,
        "disabled_application disabled_application by its key",
    );
    // What became of a key is told only to who has its secret.
    check(
        &|entry| {
            entry.state = KeyState::Revoked;
            entry.secret = crate::KeySecret::Own(made(9).digest);
        },
        &stopped,
        "invalid_credential invalid_credential",
    );
}

#[test]
fn an_api_can_have_its_key_in_authorization() {
    let keys = KeyTable::empty().with(entry(1));
    for (value, expected) in [
        (text(1), "app:shop shared_secret own KeyHeader foreign Absent"),
        (format!("Bearer {}", text(1)), "app:shop shared_secret own KeyHeader foreign Absent"),
        ("Basic dTpw".into(), "anonymous anonymous own Absent foreign Present"),
        (text(2), "invalid_credential invalid_credential"),
    ] {
        let request = request_to("/", &[("Authorization", &value)]);
        let found = identify(&request, b"authorization", &keys, &Stops::none(), NOW);
        assert_eq!(shown(found), expected);
    }
}

/// A key that was presented in an odd spelling is refused: it never makes an anonymous caller.
#[test]
fn an_own_key_oddly_written_is_no_anonymous_call() {
    let keys = KeyTable::empty();
    let text = text(1);
    for (name, value) in [
        ("Authorization", format!("Bearer\t{text}")),
        ("Authorization", format!("Bearer \"{text}\"")),
        ("Authorization", format!("Bearer{text}")),
        ("Authorization", format!("Token {text}")),
        ("Authorization", format!("Basic {text}")),
        ("Authorization", format!("Basic {}", STANDARD.encode(format!("u:{text}")))),
        ("Authorization", format!("bASIC  {}", STANDARD_NO_PAD.encode(format!("{text}:")))),
        ("X-Api-Key", format!("\"{text}\"")),
        ("X-Api-Key", format!("key={text}")),
        ("X-Api-Key", text.replace("sp_", "SP_")),
        ("Authorization", format!("Bearer {}", text.replace("sp_live", "Sp_Live"))),
    ] {
        let request = request_to("/", &[(name, &value)]);
        let refused = identify(&request, b"x-api-key", &keys, &Stops::none(), NOW).unwrap_err();
        assert_eq!(refused.refusal.code(), "key_form", "{name}: {}", value.replace(&text, "KEY"));
    }
    let all = text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    for written in [text.clone(), text.replacen('s', "%73", 1), text.replacen('_', "%5F", 2), all] {
        for target in
            [format!("/?api_key={written}"), format!("/?a=%20&k={written}"), format!("/%41/{written}")]
        {
            let request = request_to(&target, &[]);
            let refused = identify(&request, b"x-api-key", &keys, &Stops::none(), NOW).unwrap_err();
            assert_eq!(refused.refusal.code(), "key_in_target", "{}", target.replace(&written, "KEY"));
        }
    }
}

#[test]
fn what_is_no_key_once_decoded_is_foreign() {
    let text = text(1);
    let cut = text.get(..text.len() - 1).unwrap();
    for value in [cut.to_owned(), text.replace("sp_", "s_p"), "u:p".repeat(40)] {
        let value = format!("Basic {}", STANDARD.encode(format!("u:{value}")));
        assert!(!key::holds_basic_key(value.as_bytes()));
        assert!(identified(&[("Authorization", &value)]).unwrap().key.is_none());
    }
    let target = format!("/?k=%73{}&%zz=%", cut.get(1..).unwrap());
    assert!(!key::holds_escaped_key(target.as_bytes()));
    assert!(!key::holds_escaped_key(b"%"));
}

#[test]
fn finds_a_well_formed_key_anywhere_and_nothing_else() {
    let text = text(1);
    for value in [text.clone(), format!("k={text}; x=1"), format!("sp_sp_{text}"), format!("{text}0")] {
        assert!(key::holds_key(value.as_bytes()), "{}", value.replace(&text, "KEY"));
    }
    let cut = text.get(..text.len() - 1).unwrap();
    for value in ["", "sp_", cut, &text.replace("sp_", "sq_"), &"sp_live_".repeat(20)] {
        assert!(!key::holds_key(value.as_bytes()));
    }
}

#[test]
fn finds_an_own_key_in_any_field() {
    assert_eq!(own_key_in(b"sp_x"), Some(&b"sp_x"[..]));
    assert_eq!(own_key_in(b"BEARER  sp_x"), Some(&b"sp_x"[..]));
    for value in [&b""[..], b"Bearer", b"Bearer x", b"Basic sp_x", b"xsp_"] {
        assert_eq!(own_key_in(value), None);
    }
}

proptest! {
    #[test]
    fn only_the_right_key_identifies(value in "(sp_|Bearer |bearer sp_)?[0-9A-Za-z_]{0,64}") {
        for name in ["X-Api-Key", "Authorization"] {
            if let Ok(found) = identified(&[(name, &value)]) {
                prop_assert!(found.key.is_none());
                prop_assert!(name == "Authorization" || !value.starts_with("sp_"));
                // The scheme is written in any case (RFC 9110, section 11.1), a key in one.
                let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                prop_assert!(name == "X-Api-Key" || !token.is_some_and(|(_, token)| token.starts_with("sp_")));
            }
        }
    }
}

/// A request on a connection with this certificate.
fn over(presented: model::Presented, fields: &[(&str, &str)]) -> CanonicalRequest {
    request_to("/", fields).over(Arc::new(model::Channel::new(None, presented)))
}

fn workload(begins: i64, ends: i64) -> model::Presented {
    let name = model::WorkloadName::parse("spiffe://example.org/a").unwrap();
    model::Presented::Usable(model::ClientCertificate {
        workload: Arc::new(model::Workload { name, team: None }),
        fingerprint: model::Fingerprint::from_bytes([7; 16]),
        begins: Timestamp::from_seconds(begins),
        ends: Timestamp::from_seconds(ends),
    })
}

fn transport(begins: i64, ends: i64) -> model::Presented {
    model::Presented::Transport(model::channel::TransportCertificate {
        fingerprint: model::Fingerprint::from_bytes([7; 16]),
        begins: Timestamp::from_seconds(begins),
        ends: Timestamp::from_seconds(ends),
    })
}

#[test]
fn a_client_certificate_names_a_workload_as_long_as_it_counts() {
    let unusable = Refusal::new(DenyReason::InvalidCredential, "certificate_names", "several names");
    let own = text(1);
    let key = ("X-Api-Key", &*own);
    let foreign = ("Authorization", "Basic dTpw");
    for (presented, fields, expected) in [
        (model::Presented::Nothing, &[][..], "anonymous anonymous own Absent foreign Absent"),
        (workload(0, 1_000), &[], "workload:spiffe://example.org/a bound own Absent foreign Absent"),
        (
            workload(1_000, 2_000),
            &[foreign],
            "workload:spiffe://example.org/a bound own Absent foreign Present",
        ),
        (workload(0, 999), &[], "expired_credential certificate_ended"),
        (workload(1_001, 2_000), &[], "invalid_credential certificate_not_yet"),
        (model::Presented::Unusable(unusable), &[], "invalid_credential certificate_names"),
        // However good the key is.
        (model::Presented::Unusable(unusable), &[key], "invalid_credential certificate_names"),
        (workload(0, 1_000), &[key], "multiple_credentials key_and_certificate"),
        // One of the transport only opens the door: beside it the key says who calls, and alone it is nobody.
        (transport(0, 1_000), &[key], "app:shop shared_secret own KeyHeader foreign Absent"),
        (transport(0, 1_000), &[], "anonymous anonymous own Absent foreign Absent"),
        (transport(0, 999), &[key], "expired_credential certificate_ended"),
        (transport(1_001, 2_000), &[key], "invalid_credential certificate_not_yet"),
        (model::Presented::Nothing, &[key], "app:shop shared_secret own KeyHeader foreign Absent"),
    ] {
        let keys = KeyTable::empty().with(entry(1));
        let request = over(presented, fields);
        let found = identify(&request, b"x-api-key", &keys, &Stops::none(), NOW);
        assert_eq!(shown(found), expected, "{fields:?}");
    }
}
