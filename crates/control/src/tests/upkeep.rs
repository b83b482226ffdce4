//! What is due while a gateway runs: a new signing key, counts, and what is too old.

use super::{Fixture, ann};

fn kids(jwks: &[u8]) -> Vec<String> {
    let jwks: serde_json::Value = serde_json::from_slice(jwks).unwrap();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_signing_key_is_replaced_when_it_is_due_and_the_old_one_stays_published() {
    let fixture = Fixture::new("signing");
    let open = fixture.up();
    let pointer = open.control.jwks();
    let signer = || {
        open.control.live().pointer().load().signer.as_ref().map(|signer| signer.public().kid().to_string())
    };
    let first = kids(&pointer.load());
    assert_eq!(signer().as_ref(), first.first());
    fixture.pass_days(29);
    open.control.keep_up().unwrap();
    assert_eq!(kids(&pointer.load()), first, "it is not due yet");
    fixture.pass_days(1);
    open.control.keep_up().unwrap();
    let second = kids(&pointer.load());
    assert_eq!((second.len(), &second[1]), (2, &first[0]));
    assert_ne!(second[0], first[0]);
    assert_eq!(signer().as_ref(), second.first());
    open.control.keep_up().unwrap();
    assert_eq!(kids(&pointer.load()), second, "once is enough");
    fixture.pass_days(30);
    open.control.keep_up().unwrap();
    let third = kids(&pointer.load());
    assert_eq!((third.len(), &third[1]), (2, &second[0]), "the first is gone");
    assert_eq!(fixture.changes().iter().filter(|change| change.starts_with("signing_key.rotate")).count(), 2);
}

#[test]
fn revisions_are_kept_as_long_as_records_name_them() {
    let fixture = Fixture::new("old-revisions");
    fixture.write("sallyport.yaml", &format!("{}record: {{ keep: 10d }}\n", super::GATEWAY));
    let open = fixture.up();
    for day in 1..=3 {
        fixture.pass_days(1);
        fixture.write("policies/orders.cedar", &format!("{}// {day}\n", super::POLICY));
        open.control.reload(&crate::Actor::gateway(), "file").unwrap();
    }
    let numbers = || open.control.revisions(&ann()).unwrap().iter().map(|row| row.number).collect::<Vec<_>>();
    open.control.keep_up().unwrap();
    assert_eq!(numbers(), [4, 3, 2, 1]);
    fixture.pass_days(9);
    open.control.keep_up().unwrap();
    assert_eq!(numbers(), [4, 3], "revision 3 was in force ten days ago");
    fixture.pass_days(100);
    open.control.keep_up().unwrap();
    assert_eq!(numbers(), [4], "the one in force stays");
    assert_eq!(open.revision(), 4);
}

#[test]
fn status_counts_today_over_restarts_and_each_call_once() {
    let fixture = Fixture::new("status");
    let mut open = fixture.up();
    let key = open.shop();
    let now = fixture.now();
    for _ in 0..3 {
        open.call(now, Some(&key.key), "GET", "/orders");
    }
    open.call(now, Some(&key.key), "POST", "/orders");
    let count = |open: &super::Open| {
        open.control.recorder().flush().unwrap();
        let status = open.control.status(&ann(), crate::ReadyOrder::default()).unwrap().apis.remove(0);
        (status.allowed, status.denied)
    };
    assert_eq!(count(&open), (3, 1));
    assert_eq!(count(&open), (3, 1), "asking counts nothing");
    open.control.close().unwrap();
    let mut open = fixture.up();
    open.call(now, Some(&key.key), "GET", "/orders");
    assert_eq!(count(&open), (4, 1));
    fixture.pass_days(1);
    assert_eq!(count(&open), (0, 0), "a new day");
}

/// Allowed and denied, today.
fn count(open: &super::Open) -> (u64, u64) {
    let status = open.control.status(&ann(), crate::ReadyOrder::default()).unwrap().apis.remove(0);
    (status.allowed, status.denied)
}

#[test]
fn calls_are_counted_once_when_the_process_was_killed_before_or_after_they_were_stored() {
    let fixture = Fixture::new("killed");
    let mut open = fixture.up();
    let key = open.shop();
    let now = fixture.now();
    for _ in 0..3 {
        open.call(now, Some(&key.key), "GET", "/orders");
    }
    open.call(now, Some(&key.key), "POST", "/orders");
    open.control.recorder().flush().unwrap();
    let before = fixture.as_if_killed("killed-before");
    open.control.flush_rollups().unwrap();
    let stored = fixture.as_if_killed("killed-stored");
    open.call(now, Some(&key.key), "GET", "/orders");
    open.call(now, None, "GET", "/orders");
    open.control.recorder().flush().unwrap();
    let part = fixture.as_if_killed("killed-part");
    for (killed, expected) in [(&before, (3, 1)), (&stored, (3, 1)), (&part, (4, 2))] {
        // Killed again, with nothing new, before anything was stored by upkeep: the start itself has stored it.
        let again = {
            let open = killed.up();
            assert_eq!(count(&open), expected);
            killed.as_if_killed("killed-again")
        };
        let mut open = again.up();
        assert_eq!(count(&open), expected);
        open.call(now, Some(&key.key), "GET", "/orders");
        open.control.recorder().flush().unwrap();
        assert_eq!(count(&open), (expected.0 + 1, expected.1));
        assert!(
            open.control.status(&ann(), crate::ReadyOrder::default()).unwrap().apis[0].denials.iter().any(
                |row| {
                    (row.caller.as_str(), row.operation.as_str(), row.count)
                        == ("app:shop", "orders:POST /orders", 1)
                }
            )
        );
    }
    // What is counted anew is counted for its own day.
    let late = fixture.as_if_killed("killed-late");
    late.pass_days(1);
    let open = late.up();
    assert_eq!(count(&open), (0, 0));
    let yesterday = open.control.state().store.rollups_since(0).unwrap();
    assert_eq!(yesterday.iter().map(|row| row.count).sum::<u64>(), 6);
}

#[test]
fn a_store_that_does_not_say_what_of_the_log_it_has_counted_counts_nothing_twice() {
    let fixture = Fixture::new("not-said");
    let mut open = fixture.up();
    let key = open.shop();
    open.call(fixture.now(), Some(&key.key), "GET", "/orders");
    open.control.recorder().flush().unwrap();
    let reader = recorder::LogReader::open(&fixture.state().join("log"));
    let rebuild = |store: &mut store::Store| {
        let key = crate::blocks::BlockKey::new(&model::Secret::new([1; 32])).unwrap();
        crate::rollups::rebuild(store, open.control.recorder(), &reader, &key, fixture.now()).unwrap();
        store.rollups_since(0).unwrap().iter().map(|row| row.count).sum::<u64>()
    };
    let mut store = store::Store::in_memory().unwrap();
    assert_eq!(rebuild(&mut store), 0);
    let counted = store.counted().unwrap().unwrap();
    assert_eq!(counted.next, open.control.recorder().counts().unwrap().next);
    // Counts of another log say nothing of this one.
    let other = store::Counted { origin: "sallyport.local/log/1".to_owned(), ..counted };
    store.add_rollups(&[], &other).unwrap();
    assert_eq!(rebuild(&mut store), 1);
    assert_eq!(rebuild(&mut store), 1, "and only once");
}

#[test]
fn the_observed_are_told_what_stands_in_the_way() {
    let fixture = Fixture::new("in-the-way");
    let text = super::API.replace("mode: enforce", "mode: observe\nobserve_until: 2026-12-01");
    fixture.write("apis/orders/api.yaml", &text);
    let mut open = fixture.up();
    let key = open.shop();
    let now = fixture.now();
    assert_eq!(open.call(now, None, "GET", "/orders").0, "would_deny no_credential");
    assert_eq!(open.call(now, Some(&key.key), "GET", "/customers/7").0, "would_deny no_grant");
    assert_eq!(open.call(now, Some(&key.key), "GET", "/none").0, "would_deny unknown_operation");
    open.control.recorder().flush().unwrap();
    let status = open.control.status(&ann(), crate::ReadyOrder::default()).unwrap().apis.remove(0);
    assert_eq!((status.allowed, status.denied, status.would_deny.len()), (0, 0, 3), "{status:?}");
    let steps = status.in_the_way.join("\n");
    for part in ["no call shows that it needs them", "without a credential", "not declared"] {
        assert!(steps.contains(part), "{part}: {steps}");
    }
}

#[test]
fn a_log_that_was_removed_or_rolled_back_is_continued_under_another_origin_and_readiness_says_so() {
    let fixture = Fixture::new("lost-log");
    let log = fixture.state().join("log");
    let origin = || {
        let note = recorder::LogReader::open(&log).checkpoint().unwrap();
        note.lines().next().unwrap().to_owned()
    };
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    fixture.up().control.close().unwrap();
    let first = origin();
    let backup = fixture.state().join("backup");
    copy(&log, &backup);
    let open = fixture.up();
    assert!(open.control.readiness().reasons.iter().all(|reason| !reason.contains("rolled back")));
    open.control.close().unwrap();
    assert_eq!(origin(), first, "nothing happened");
    // An older copy, whole in itself.
    std::fs::remove_dir_all(&log).unwrap();
    copy(&backup, &log);
    let open = fixture.up();
    let reasons = open.control.readiness().reasons.join("\n");
    assert!(reasons.contains("rolled back") && reasons.contains("log.1"), "{reasons}");
    assert_eq!(origin(), format!("{first}/2"));
    // What was signed since the start is known within the minute, however the process ends.
    fixture.pass(std::time::Duration::from_secs(61));
    open.shop();
    open.control.recorder().flush().unwrap();
    fixture.pass(std::time::Duration::from_secs(2));
    open.control.recorder().flush().unwrap();
    open.control.keep_up().unwrap();
    drop(open);
    std::fs::remove_dir_all(&log).unwrap();
    let open = fixture.up();
    assert_eq!(origin(), format!("{first}/3"));
    open.control.close().unwrap();
    let open = fixture.up();
    assert!(open.control.readiness().reasons.iter().all(|reason| !reason.contains("rolled back")));
    assert_eq!(origin(), format!("{first}/3"));
}

#[test]
fn retention_takes_content_away_keeps_what_proofs_need_and_a_restart_goes_on() {
    let fixture = Fixture::new("retention");
    fixture.write("sallyport.yaml", &format!("{}record: {{ keep: 2d }}\n", super::GATEWAY));
    let mut open = fixture.up();
    let key = open.shop();
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(open.call(fixture.now(), Some(&key.key), "GET", "/orders").1);
        // Half a day later the segment is not old yet, a day later it is sealed, and two days behind that it goes.
        for _ in 0..2 {
            open.control.recorder().flush().unwrap();
            fixture.pass(std::time::Duration::from_secs(43_200));
        }
    }
    open.control.recorder().flush().unwrap();
    let reader = recorder::LogReader::open(&fixture.state().join("log"));
    let ids: Vec<model::DecisionId> = ids.iter().map(|id| model::DecisionId::parse(id).unwrap()).collect();
    let there: Vec<bool> = ids.iter().map(|id| !reader.find(*id).unwrap().is_empty()).collect();
    // Eight days on, what is older than two days is gone, and what is two days old to the second is there.
    assert_eq!(there, [false, false, false, false, false, false, true, true]);
    let gone = 6;
    let verifier = open.control.recorder().verifier().clone();
    let verified = reader.verify(&verifier, None).unwrap();
    assert!(verified.ok && gone <= verified.pruned, "{verified:?}");
    let proof = reader.prove(*ids.last().unwrap()).unwrap();
    assert!(proof.verify(&verifier).is_ok());
    assert!(matches!(reader.prove(ids[0]), Err(recorder::reader::ReadLogError::UnknownId { .. })));
    open.control.close().unwrap();
    let mut open = fixture.up();
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "allowed");
    open.control.close().unwrap();
    let verified = reader.verify(&verifier, None).unwrap();
    assert!(verified.ok && gone <= verified.pruned, "{verified:?}");
}

#[test]
fn a_clock_that_is_set_back_stops_neither_calls_nor_the_log_nor_a_restart() {
    let fixture = Fixture::new("set-back");
    let mut open = fixture.up();
    let key = open.shop();
    let first = open.call(fixture.now(), Some(&key.key), "GET", "/orders");
    open.control.recorder().flush().unwrap();
    open.control.keep_up().unwrap();
    fixture.clock.fetch_sub(3 * crate::status::DAY_MICROS, std::sync::atomic::Ordering::Relaxed);
    let second = open.call(fixture.now(), Some(&key.key), "GET", "/orders");
    assert_eq!((first.0.as_str(), second.0.as_str()), ("allowed", "allowed"));
    open.control.recorder().flush().unwrap();
    fixture.pass(std::time::Duration::from_secs(2));
    open.control.recorder().flush().unwrap();
    open.control.keep_up().unwrap();
    assert_eq!(open.control.recorder().health().fault, None);
    assert_eq!(count(&open), (2, 0));
    // What is durable is signed, although the last signature is from days ahead.
    let reader = recorder::LogReader::open(&fixture.state().join("log"));
    let verifier = open.control.recorder().verifier().clone();
    let verified = reader.verify(&verifier, None).unwrap();
    assert!(verified.ok && verified.signed == verified.entries, "{verified:?}");
    let killed = fixture.as_if_killed("set-back-killed");
    open.control.close().unwrap();
    for place in [&fixture, &killed] {
        let mut open = place.up();
        assert_eq!(open.call(place.now(), Some(&key.key), "GET", "/orders").0, "allowed");
        open.control.recorder().flush().unwrap();
        assert_eq!(count(&open), (3, 0));
        for id in [&first.1, &second.1] {
            assert!(!open.control.decision(&ann(), id).unwrap().is_empty());
        }
        open.control.close().unwrap();
    }
}
