//! Keys that an API had before, and the upstream's own credential in place of the caller's.

use expect_test::expect;
use model::CredentialUse;

use super::world::{
    NOW, Setup, UNKNOWN, VOUCHED, check, enforced, observed, request, shown, snapshot, with_existing,
};
use crate::{ClaimedLedger, Forward, Judgement, Outcome, Taken, TrailerUse, Worker, judge};

fn with_key(line: &str, key: &str) -> String {
    format!("{line}\nX-Company-Key: {key}")
}

#[test]
fn a_key_that_somebody_vouched_for_is_judged_like_one_of_ours() {
    let setup = with_existing(enforced());
    check(
        &setup,
        &with_key("GET orders.example/orders", VOUCHED),
        expect!["allowed permit | app:shop orders:GET /orders by shop-reads"],
    );
    check(
        &setup,
        &with_key("GET orders.example/public", VOUCHED),
        expect!["denied 403 out_of_scope | out_of_scope | app:shop orders:GET /public"],
    );
    // Without the form being configured it identifies nobody.
    check(
        &enforced(),
        &with_key("GET orders.example/orders", VOUCHED),
        expect![[
            r#"denied 401 no_credential [WWW-Authenticate: Bearer realm="sallyport"] | no_credential | anonymous orders:GET /orders"#
        ]],
    );
}

#[test]
fn whoever_sends_what_looks_like_a_key_learns_nothing_and_opens_nothing() {
    let setup = with_existing(enforced());
    let mut answers = Vec::new();
    for line in [
        "GET orders.example/orders",
        "GET orders.example/orders/7",
        "GET orders.example/orders/not-a-number",
        "POST orders.example/public",
        "GET orders.example/nowhere",
        "GET orders.example/secrets/a",
        "DELETE orders.example/orders/7",
        "GET orders.example/closed",
    ] {
        let judged =
            judge(&snapshot(&setup), NOW, &mut Worker::new([1; 32]), request(&with_key(line, UNKNOWN)));
        let Outcome::Refuse(refused) = judged.outcome else { panic!("{line} passes") };
        assert!(judged.evidence.caller.client.to_string().starts_with("app:orders:key-"), "{line}");
        answers.push((refused.status, refused.body.replace(&refused.id.to_string(), "ID")));
    }
    assert_eq!(answers[0].0, 401);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    check(
        &setup,
        &with_key("GET orders.example/public", UNKNOWN),
        expect!["allowed permit | app:orders:key-b0131ee0ddc18cb1 orders:GET /public by anyone"],
    );
}

#[test]
fn what_is_observed_passes_as_before_under_a_name() {
    let setup = with_existing(observed());
    check(
        &setup,
        &with_key("GET orders.example/orders", UNKNOWN),
        expect!["would_deny observed | no_grant | app:orders:key-b0131ee0ddc18cb1 orders:GET /orders"],
    );
    check(
        &setup,
        &with_key("GET orders.example/nowhere", UNKNOWN),
        expect!["would_deny observed | unknown_operation | app:orders:key-b0131ee0ddc18cb1 "],
    );
    let both = format!("{}\nX-Api-Key: $whole", with_key("GET orders.example/orders", UNKNOWN));
    check(
        &setup,
        &both,
        expect!["denied 400 multiple_credentials | multiple_credentials/key_and_existing_key | anonymous "],
    );
    let one = format!("{}\nX-Api-Key: $whole", with_key("GET orders.example/orders", VOUCHED));
    check(&setup, &one, expect!["allowed permit | app:shop orders:GET /orders by shop-reads"]);
}

fn forward(setup: &Setup, text: &str) -> Forward {
    let Judgement { mut evidence, outcome } =
        judge(&snapshot(setup), NOW, &mut Worker::new([1; 32]), request(text));
    let Outcome::Allow(pending) = outcome else { panic!("refused: {:?}", evidence.refusal) };
    pending.redeem(&mut evidence, NOW).unwrap().forward()
}

/// The client's fields that go on, and the credential that stands in for its own.
fn sent(setup: &Setup, text: &str) -> String {
    let mut lines = Vec::new();
    forward(setup, text).for_each_field(|name, value| {
        lines.push(format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
    });
    lines.join(" | ")
}

#[test]
fn a_key_goes_on_only_where_credentials_pass() {
    let text =
        format!("{}\nX_Company_Key: {VOUCHED}\nCookie: a=b", with_key("GET orders.example/orders", VOUCHED));
    let uses = |credential| {
        let exchanged = Some("s3cret");
        sent(&with_existing(Setup { credential, exchanged, ..enforced() }), &text)
    };
    assert_eq!(
        uses(CredentialUse::Pass),
        format!("Host: orders.example | X-Company-Key: {VOUCHED} | Cookie: a=b")
    );
    assert_eq!(uses(CredentialUse::Strip), "Host: orders.example | Cookie: a=b");
    assert_eq!(
        uses(CredentialUse::Exchange),
        "Host: orders.example | Cookie: a=b | authorization: Bearer s3cret"
    );
    let forward = forward(&with_existing(enforced()), &text);
    assert_eq!(forward.trailer_use(b"x-company-key", VOUCHED.as_bytes()), TrailerUse::Drop);
    assert_eq!(forward.trailer_use(b"x-other", b"1"), TrailerUse::Forward);
}

#[test]
fn the_upstreams_credential_goes_with_who_is_permitted_or_known() {
    let exchange = |setup| {
        with_existing(Setup { credential: CredentialUse::Exchange, exchanged: Some("s3cret"), ..setup })
    };
    let own = "Host: orders.example | authorization: Bearer s3cret";
    for (setup, text, expected) in [
        (enforced(), "GET orders.example/orders\nX-Api-Key: $whole\nAuthorization: Basic dTpw", own),
        (enforced(), "GET orders.example/orders\nAuthorization: Bearer $whole", own),
        // A grant to anyone is one to use the credential.
        (enforced(), "GET orders.example/public", own),
        (enforced(), "GET orders.example/public\nAuthorization: Basic dTpw", own),
        // Only observed, who is unknown brings nothing and gets nothing.
        (observed(), "GET orders.example/orders\nAuthorization: Basic dTpw", "Host: orders.example"),
        (observed(), &with_key("GET orders.example/orders", UNKNOWN), "Host: orders.example"),
        (observed(), "GET orders.example/orders\nX-Api-Key: $stranger", own),
    ] {
        assert_eq!(sent(&exchange(setup), text), expected, "{text}");
    }
}

#[test]
fn without_the_secret_an_api_is_unusable_for_everything() {
    let setup = Setup { credential: CredentialUse::Exchange, exchanged: None, ..observed() };
    for text in
        ["GET orders.example/orders\nX-Api-Key: $whole", "GET orders.example/public", "GET orders.example/x"]
    {
        check(
            &setup,
            text,
            expect![
                "denied 503 api_unavailable [Retry-After: 5] | api_unavailable/upstream_secret | anonymous "
            ],
        );
    }
}

#[test]
fn the_secret_is_never_printed() {
    let setup = Setup { credential: CredentialUse::Exchange, exchanged: Some("s3cret"), ..enforced() };
    let snapshot = snapshot(&setup);
    let judged = judge(&snapshot, NOW, &mut Worker::new([1; 32]), request("GET orders.example/public"));
    let printed = format!("{snapshot:?}{judged:?}");
    assert!(!printed.contains("s3cret"));
    let keys = with_existing(enforced());
    let snapshot = super::world::snapshot(&keys);
    let text = with_key("GET orders.example/orders", UNKNOWN);
    let judged = judge(&snapshot, NOW, &mut Worker::new([1; 32]), request(&text));
    let evidence = format!("{:?}", judged.evidence);
    assert!(!evidence.contains("fedcba9876543210"), "{evidence}");
}

#[test]
fn what_is_seen_of_a_key_is_counted_while_nobody_vouches_for_it() {
    let ledger = ClaimedLedger::default();
    let snapshot = snapshot(&with_existing(observed()));
    let mut worker = Worker::new([1; 32]);
    let mut note = |line: &str, key: &str, taken| {
        let judged = judge(&snapshot, NOW, &mut worker, request(&with_key(line, key)));
        ledger.note(&judged.evidence, taken);
    };
    note("GET orders.example/orders", UNKNOWN, Taken::Yes);
    note("GET orders.example/orders", UNKNOWN, Taken::No);
    note("GET orders.example/nowhere", UNKNOWN, Taken::No);
    note("GET orders.example/orders", VOUCHED, Taken::Yes);
    note("GET orders.example/orders", "junk", Taken::Yes);
    let (seen, lost) = ledger.take();
    assert_eq!(lost, 0);
    let [one] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((one.count, one.succeeded, one.api.as_str()), (3, 1, "orders"));
    assert_eq!(one.operations.iter().map(ToString::to_string).collect::<Vec<_>>(), ["orders:GET /orders"]);
    assert_eq!(ledger.take(), (Vec::new(), 0));
}

#[test]
fn the_ledger_is_bounded_and_counts_what_it_lost() {
    let ledger = ClaimedLedger::default();
    let snapshot = snapshot(&with_existing(observed()));
    let mut worker = Worker::new([1; 32]);
    let judged = judge(&snapshot, NOW, &mut worker, request(&with_key("GET orders.example/orders", UNKNOWN)));
    let mut evidence = *judged.evidence;
    for number in 0..crate::claimed::LEDGER_MAX + 3 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        evidence.existing = Some(identity::KeyedDigest::from_bytes(bytes));
        ledger.note(&evidence, Taken::No);
    }
    let (seen, lost) = ledger.take();
    assert_eq!((seen.len(), lost), (crate::claimed::LEDGER_MAX, 3));
}

#[test]
fn a_disguise_hides_nothing_from_the_record() {
    let setup = with_existing(enforced());
    let line =
        shown(&snapshot(&setup), &mut Worker::new([1; 32]), &with_key("GET orders.example/orders", UNKNOWN));
    assert!(line.contains("| no_grant |"), "{line}");
}
