//! Blocks, guessing, and requests under way that are decided again.

use expect_test::expect;
use identity::{Blocks, KeyState};
use model::{Block, BlockId, BlockTarget, GuessLimits, Guessing, Timestamp};
use proptest::prelude::*;

use super::world::{NOW, Setup, check, enforced, key, observed, request, shown, snapshot, try_request};
use crate::{Forward, Outcome, Snapshot, Worker, judge, judge_again};

fn blocked(kind: &str, name: &str) -> Setup {
    Setup { blocks: vec![block(kind, name)], ..enforced() }
}

fn block(kind: &str, name: &str) -> Block {
    let target = BlockTarget::parse(kind, name).unwrap();
    Block { id: BlockId::new(7), target, until: Timestamp::from_micros(NOW.as_micros() + 1) }
}

fn key_id(name: &str) -> String {
    key(name).split('_').nth(2).unwrap().to_owned()
}

#[test]
fn a_block_refuses_its_target_and_nothing_beside_it() {
    let whole = key_id("whole");
    for (kind, name, refused, near) in [
        (
            "app",
            "shop",
            "GET orders.example/orders\nX-Api-Key: $whole",
            "GET orders.example/public\nX-Api-Key: $stranger",
        ),
        ("app", "shop", "GET orders.example/orders\nX-Api-Key: $readonly", "GET orders.example/public"),
        (
            "key",
            whole.as_str(),
            "GET orders.example/orders\nX-Api-Key: $whole",
            "GET orders.example/orders\nX-Api-Key: $readonly",
        ),
        (
            "operation",
            "orders:GET /orders",
            "GET orders.example/orders\nX-Api-Key: $whole",
            "GET orders.example/orders/7\nX-Api-Key: $whole",
        ),
        // HEAD is GET's operation where it has none of its own.
        (
            "operation",
            "orders:GET /orders",
            "HEAD orders.example/orders\nX-Api-Key: $whole",
            "POST orders.example/orders\nX-Api-Key: $whole",
        ),
        (
            "api",
            "orders",
            "GET orders.example/orders\nX-Api-Key: $whole",
            "GET legacy.example/x\nX-Api-Key: $whole",
        ),
        (
            "network",
            "192.0.2.0/24",
            "GET orders.example/orders\nX-Api-Key: $whole",
            "GET orders.example/orders\nX-Api-Key: $whole\npeer: 192.0.3.1",
        ),
        (
            "network",
            "192.0.2.1",
            "GET orders.example/orders\nX-Api-Key: $whole",
            "GET orders.example/orders\nX-Api-Key: $whole\npeer: 192.0.2.2",
        ),
    ] {
        let worker = &mut Worker::new([1; 32]);
        let line = shown(&snapshot(&blocked(kind, name)), worker, refused);
        assert!(
            line.starts_with(&format!("denied 403 blocked | blocked/blocked_{kind} ")),
            "{kind} {name}: {line}"
        );
        let (with, without) = (snapshot(&blocked(kind, name)), snapshot(&enforced()));
        let lines = [&with, &without].map(|snapshot| shown(snapshot, worker, near));
        assert_eq!(lines[0], lines[1], "{kind} {name}");
        assert!(!lines[0].contains("blocked"), "{}", lines[0]);
    }
}

#[test]
fn a_block_ends_by_itself_and_names_itself_in_the_evidence() {
    let snapshot = snapshot(&blocked("app", "shop"));
    let asked = |now| {
        let worker = &mut Worker::new([1; 32]);
        judge(&snapshot, now, worker, request("GET orders.example/orders\nX-Api-Key: $whole")).evidence.block
    };
    assert_eq!(asked(NOW), Some(BlockId::new(7)));
    assert_eq!(asked(Timestamp::from_micros(NOW.as_micros() + 1)), None);
}

#[test]
fn observation_never_suspends_a_block() {
    for (kind, name) in
        [("app", "shop"), ("api", "orders"), ("network", "192.0.2.0/24"), ("operation", "orders:GET /orders")]
    {
        let setup = Setup { blocks: vec![block(kind, name)], ..observed() };
        let worker = &mut Worker::new([1; 32]);
        let line = shown(&snapshot(&setup), worker, "GET orders.example/orders\nX-Api-Key: $whole");
        assert!(line.starts_with("denied 403 blocked"), "{line}");
    }
    let setup = Setup { blocks: vec![block("operation", "orders:GET /nothing")], ..observed() };
    let line = shown(&snapshot(&setup), &mut Worker::new([1; 32]), "GET orders.example/orders/7");
    assert!(line.starts_with("would_deny observed"), "{line}");
}

#[test]
fn a_blocked_operation_tells_nobody_that_it_exists() {
    // To an anonymous caller it looks like any other path, to others like one that is hidden, where it is.
    let worker = &mut Worker::new([1; 32]);
    let setup = blocked("operation", "orders:GET /orders");
    let answer = |snapshot, text| {
        let line = shown(snapshot, worker, text);
        line.split(" | ").next().unwrap().to_owned()
    };
    let (mut answer, snapshot_of_it) = (answer, snapshot(&setup));
    let of_blocked = answer(&snapshot_of_it, "GET orders.example/orders");
    assert_eq!(of_blocked, answer(&snapshot_of_it, "GET orders.example/nothing"));
    check(
        &blocked("operation", "orders:GET /secrets/{name}"),
        "GET orders.example/secrets/a\nX-Api-Key: $whole",
        expect![
            "denied 404 unknown_operation | blocked/blocked_operation | app:shop orders:GET /secrets/{name}"
        ],
    );
}

#[test]
fn an_address_that_a_proxy_does_not_tell_is_in_every_blocked_network() {
    let trusted = crate::Networks::of([("192.0.2.0".parse().unwrap(), 24)]).unwrap();
    let setup = Setup { trusted, ..blocked("network", "203.0.113.0/24") };
    let ask = |field: &str| {
        let text = format!("GET orders.example/orders\nX-Api-Key: $whole\n{field}");
        shown(&snapshot(&setup), &mut Worker::new([1; 32]), &text)
    };
    assert!(ask("X-Forwarded-For: 203.0.113.7").starts_with("denied 403 blocked"));
    assert!(ask("X-Forwarded-For: 198.51.100.1").starts_with("allowed permit"));
    // Whoever can spoil what the proxy tells must not leave its network by that (security case 28).
    assert!(ask("X-Forwarded-For: 203.0.113.7, nonsense").starts_with("denied 403 blocked"));
    assert!(ask("Forwarded: for=unknown").starts_with("denied 403 blocked"));
}

#[test]
fn where_the_list_of_blocks_cannot_be_read_nothing_passes() {
    for setup in [enforced(), observed()] {
        let whole = snapshot(&setup);
        let stops = whole.stops.with_blocks(Blocks::unreadable());
        let unreadable = std::sync::Arc::new(Snapshot { stops: stops.into(), ..Snapshot::clone(&whole) });
        for field in ["A: b", "X-Api-Key: $whole"] {
            let text = format!("GET orders.example/public\n{field}");
            let line = shown(&unreadable, &mut Worker::new([1; 32]), &text);
            assert!(line.starts_with("denied 503 stops_unreadable"), "{line}");
            let line = shown(&whole, &mut Worker::new([1; 32]), &text);
            assert!(line.starts_with("allowed permit"), "{line}");
        }
    }
}

fn limited(failures: u32, network_failures: u32) -> Setup {
    let limits = GuessLimits { failures, network_failures, ..GuessLimits::STANDARD };
    Setup { guessing: Guessing::Limited(limits), ..enforced() }
}

/// A key with the id of ours and another secret, and one that nobody has.
fn wrong_keys() -> [String; 2] {
    let mut entropy = [0; identity::key::ENTROPY_BYTES];
    for (slot, byte) in entropy.iter_mut().zip("whole".bytes().cycle()) {
        *slot = byte;
    }
    // The lowest twelve digits of the number are the id.
    let (_, low) = entropy.split_last_chunk_mut::<16>().unwrap();
    *low = (u128::from_be_bytes(*low) + 62_u128.pow(12)).to_be_bytes();
    let made = identity::key::make("test", &entropy).unwrap();
    let wrong = String::from_utf8(made.text.expose().to_vec()).unwrap();
    assert_eq!(made.id.as_str(), key_id("whole"));
    assert_ne!(wrong, key("whole"));
    [wrong, key("nobody")]
}

#[test]
fn case_66_failures_over_the_limit_get_the_same_answer_for_known_and_unknown_ids() {
    let snapshot = snapshot(&limited(3, 1_000));
    let answers = wrong_keys().map(|wrong| {
        let worker = &mut Worker::new([1; 32]);
        let text = format!("GET orders.example/orders\nX-Api-Key: {wrong}");
        (0..6).map(|_| shown(&snapshot, worker, &text)).collect::<Vec<_>>().join("\n")
    });
    expect![[r#"
        denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | invalid_credential | anonymous 
        denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | invalid_credential | anonymous 
        denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | invalid_credential | anonymous 
        denied 429 too_many_failures [Retry-After: 40] | too_many_failures | anonymous 
        denied 429 too_many_failures [Retry-After: 80] | too_many_failures | anonymous 
        denied 429 too_many_failures [Retry-After: 160] | too_many_failures | anonymous "#]]
    .assert_eq(&answers[0]);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn failures_are_counted_by_the_address_that_trusted_proxies_tell() {
    let trusted = crate::Networks::of([("192.0.2.0".parse().unwrap(), 24)]).unwrap();
    let snapshot = snapshot(&Setup { trusted, ..limited(2, 1_000) });
    let worker = &mut Worker::new([1; 32]);
    let mut ask = |client: &str| {
        let text = format!("GET orders.example/orders\nX-Api-Key: $nobody\nX-Forwarded-For: {client}");
        shown(&snapshot, worker, &text).starts_with("denied 429")
    };
    let first: Vec<bool> = (0..3).map(|_| ask("203.0.113.7")).collect();
    assert_eq!(first, [false, false, true]);
    assert!(!ask("203.0.113.8"));
}

#[test]
fn only_a_secret_that_was_wrong_is_a_failure() {
    let snapshot = snapshot(&limited(1, 1));
    for field in [
        "X-Api-Key: sp_live_junk",
        "X-Api-Key: $expired",
        "X-Api-Key: $disabled",
        "X-Api-Key: $stopped",
        "A: b",
    ] {
        let worker = &mut Worker::new([1; 32]);
        for _ in 0..5 {
            let line = shown(&snapshot, worker, &format!("GET orders.example/orders\n{field}"));
            assert!(line.starts_with("denied 401"), "{field}: {line}");
        }
    }
}

#[test]
fn without_a_limit_every_failure_is_answered_as_one() {
    let snapshot = snapshot(&Setup { guessing: Guessing::Unlimited, ..enforced() });
    let worker = &mut Worker::new([1; 32]);
    for _ in 0..1_000 {
        assert!(
            shown(&snapshot, worker, "GET orders.example/orders\nX-Api-Key: $nobody")
                .starts_with("denied 401")
        );
    }
}

proptest! {
    /// Whatever came before, from wherever, a correct secret passes.
    #[test]
    fn a_correct_secret_always_passes(failures in prop::collection::vec((0_usize..2, 1_u8..4), 0..60)) {
        let snapshot = snapshot(&limited(1, 2));
        let worker = &mut Worker::new([1; 32]);
        let wrong = wrong_keys();
        for (which, address) in failures {
            let text = format!("GET orders.example/orders\nX-Api-Key: {}\npeer: 192.0.2.{address}", wrong[which]);
            prop_assert!(shown(&snapshot, worker, &text).starts_with("denied 4"));
            let right = format!("GET orders.example/orders\nX-Api-Key: $whole\npeer: 192.0.2.{address}");
            prop_assert!(shown(&snapshot, worker, &right).starts_with("allowed permit"));
        }
    }
}

/// The request as it goes to the upstream.
pub(super) fn forwarded(snapshot: &std::sync::Arc<Snapshot>, text: &str) -> Option<Forward> {
    let judged = judge(snapshot, NOW, &mut Worker::new([1; 32]), try_request(text)?);
    let mut evidence = judged.evidence;
    match judged.outcome {
        Outcome::Allow(pending) => pending.redeem(&mut evidence, NOW).ok().map(crate::Pass::forward),
        Outcome::Preflight(_) | Outcome::Refuse(_) => None,
    }
}

pub(super) fn again(snapshot: &Snapshot, now: Timestamp, forward: &Forward) -> String {
    match judge_again(snapshot, now, &mut Worker::new([2; 32]), forward) {
        Ok(until) => format!("goes on for {} ms", until.since(now).as_millis()),
        Err(not) => format!("{} told {}", not.refusal.reason().code(), not.told.reason().code()),
    }
}

#[test]
fn a_request_under_way_ends_with_what_let_it_pass() {
    let whole = "GET orders.example/orders\nX-Api-Key: $whole";
    let before = snapshot(&enforced());
    let forward = forwarded(&before, whole).unwrap();
    assert_eq!(again(&before, NOW, &forward), "goes on for 60000 ms");
    for (kind, name) in [
        ("app", "shop".to_owned()),
        ("key", key_id("whole")),
        ("operation", "orders:GET /orders".to_owned()),
        ("api", "orders".to_owned()),
        ("network", "192.0.2.0/24".to_owned()),
    ] {
        let after = snapshot(&blocked(kind, &name));
        assert_eq!(again(&after, NOW, &forward), "blocked told blocked", "{kind}");
    }
    assert_eq!(again(&snapshot(&blocked("app", "stranger")), NOW, &forward), "goes on for 60000 ms");
    let changed = |change: &dyn Fn(&mut identity::KeyEntry)| {
        let id = model::KeyId::parse(key_id("whole").as_bytes()).unwrap();
        let mut entry = identity::KeyEntry::clone(before.keys.find(id).unwrap());
        change(&mut entry);
        Snapshot { keys: before.keys.with(entry).into(), ..Snapshot::clone(&before) }
    };
    let soon = Timestamp::from_micros(NOW.as_micros() + 5_000_000);
    for (change, expected) in [
        (
            &(|key: &mut identity::KeyEntry| key.state = KeyState::Revoked)
                as &dyn Fn(&mut identity::KeyEntry),
            "revoked_credential told revoked_credential",
        ),
        (&|key| key.state = KeyState::Quarantined, "quarantined told quarantined"),
        (
            &|key| key.application_state = identity::ApplicationState::Disabled,
            "disabled_application told disabled_application",
        ),
        (&|key| key.expires = NOW, "expired_credential told expired_credential"),
        (&|key| key.scopes = Box::default(), "out_of_scope told out_of_scope"),
        // What will end by itself is asked about again when it does.
        (&|key| key.expires = soon, "goes on for 5000 ms"),
    ] {
        assert_eq!(again(&changed(change), NOW, &forward), expected);
    }
    let stopped = Snapshot {
        stops: before.stops.with_key(model::KeyId::parse(key_id("whole").as_bytes()).unwrap()).into(),
        ..Snapshot::clone(&before)
    };
    assert_eq!(again(&stopped, NOW, &forward), "revoked_credential told revoked_credential");
    assert_eq!(again(&Snapshot::none(), NOW, &forward), "no_revision told no_revision");
    let stale = Snapshot { stale_at: NOW, ..Snapshot::clone(&before) };
    assert_eq!(again(&stale, NOW, &forward), "stale_snapshot told stale_snapshot");
}

#[test]
fn a_request_that_was_only_observed_ends_with_the_observation() {
    let before = snapshot(&observed());
    let forward = forwarded(&before, "GET orders.example/orders\nX-Api-Key: $stranger").unwrap();
    assert_eq!(again(&before, NOW, &forward), "goes on for 0 ms");
    let end = Timestamp::from_micros(NOW.as_micros() + 1);
    assert_eq!(again(&before, end, &forward), "no_grant told no_grant");
    // A guard that is observed until a date is asked about again on that date.
    let forward = forwarded(&before, "GET orders.example/soon\nX-Api-Key: $whole").unwrap();
    let date = Timestamp::parse("2027-01-01").unwrap();
    let before = snapshot(&enforced());
    let just_before = Timestamp::from_micros(date.as_micros() - 1_000_000);
    assert_eq!(again(&before, just_before, &forward), "goes on for 1000 ms");
    assert_eq!(again(&before, date, &forward), "guard told guard");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// What passes goes on as long as nothing changes, and what would be refused by another gateway does not go on there.
    #[test]
    fn deciding_again_agrees_with_deciding(
        caller in "\\$(whole|readonly|one|stranger)",
        path in prop::sample::select(vec!["orders", "orders/7", "public", "soon", "customers/42/7", "home"]),
        kind in prop::sample::select(vec![("app", "shop"), ("operation", "orders:GET /orders"), ("network", "192.0.2.0/24"), ("app", "other")]),
        peer in prop::sample::select(vec!["192.0.2.1", "10.0.0.1"]),
    ) {
        let text = format!("GET orders.example/{path}\nX-Api-Key: {caller}\npeer: {peer}");
        let (before, after) = (snapshot(&enforced()), snapshot(&blocked(kind.0, kind.1)));
        let Some(forward) = forwarded(&before, &text) else { return Ok(()) };
        prop_assert!(again(&before, NOW, &forward).starts_with("goes on"));
        let passes = forwarded(&after, &text).is_some();
        prop_assert_eq!(again(&after, NOW, &forward).starts_with("goes on"), passes);
    }
}
