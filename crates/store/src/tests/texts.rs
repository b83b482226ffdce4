//! Observations, secrets, revisions, counts.

use std::collections::HashSet;

use model::{ApiName, RevisionNumber, Verdict};

use super::*;

fn api() -> ApiName {
    ApiName::parse("orders").unwrap()
}

#[test]
fn an_observation_ends_as_stored_unless_a_file_ends_it_earlier_or_an_act_renews_it() {
    let mut store = Store::in_memory().unwrap();
    for (written, expected) in [(1_000, 1_000), (2_000, 1_000), (900, 900), (1_000, 900)] {
        let settled = store.settle_observation(&api(), at(written), at(1)).unwrap();
        assert_eq!((settled.ends, settled.renewals), (at(expected), 0), "{written}");
    }
    let renewed = store.renew_observation(&api(), at(3_000), &act(800)).unwrap();
    assert_eq!((renewed.ends, renewed.renewals, renewed.renewed), (at(3_000), 1, Some(act(800))));
    assert_eq!(store.settle_observation(&api(), at(9_000), at(801)).unwrap().ends, at(3_000));
    assert_eq!(store.observations().unwrap().len(), 1);
    let users = ApiName::parse("users").unwrap();
    assert!(store.renew_observation(&users, at(1), &act(1)).is_err());
    assert_eq!(store.observation(&users).unwrap(), None);
}

#[test]
fn secrets_are_added_once_and_replaced_together() {
    let mut store = Store::in_memory().unwrap();
    store.add_secret("assertion", b"one", at(1)).unwrap();
    assert!(matches!(store.add_secret("assertion", b"two", at(2)), Err(StoreError::Exists { .. })));
    assert_eq!(store.secret("assertion").unwrap().as_deref(), Some(&b"one"[..]));
    let large = vec![0; SEALED_BYTES_MAX + 1];
    assert!(store.put_secrets(&[("assertion", b"three"), ("large", &large)], at(3)).is_err());
    assert_eq!(store.secret("assertion").unwrap().as_deref(), Some(&b"one"[..]));
    store.put_secrets(&[("assertion", b"four"), ("checkpoint", b"five")], at(4)).unwrap();
    assert_eq!(store.secret_names().unwrap(), [("assertion".into(), at(4)), ("checkpoint".into(), at(4))]);
    store.remove_secret("checkpoint").unwrap();
    assert!(store.remove_secret("checkpoint").is_err());
    assert_eq!(store.secret("checkpoint").unwrap(), None);
}

fn publish(store: &mut Store, time: i64, files: &[(&str, &str)]) -> RevisionNumber {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let (author, reason) = ("ada", "why not");
    let new =
        NewRevision { time: at(time), author, reason, content_hash: [3; 32], files: &files, summary: None };
    store.add_revision(&new).unwrap().number
}

#[test]
fn a_file_is_as_it_is_since_the_revision_that_changed_it_last() {
    let mut store = Store::in_memory().unwrap();
    assert_eq!(store.file_since("a").unwrap(), None);
    publish(&mut store, 1, &[("a", "1")]);
    publish(&mut store, 2, &[("a", "1"), ("b", "x")]);
    assert_eq!((store.file_since("a").unwrap(), store.file_since("b").unwrap()), (Some(at(1)), Some(at(2))));
    publish(&mut store, 3, &[("a", "2"), ("b", "x")]);
    publish(&mut store, 4, &[("a", "1"), ("b", "x")]);
    publish(&mut store, 5, &[("a", "1")]);
    assert_eq!(store.file_since("a").unwrap(), Some(at(4)), "it was another between");
    assert_eq!((store.file_since("b").unwrap(), store.file_since("c").unwrap()), (None, None));
    publish(&mut store, 6, &[("a", "1"), ("b", "x")]);
    assert_eq!(store.file_since("b").unwrap(), Some(at(6)), "it was gone");
    store.remove_revisions_before(at(5)).unwrap();
    assert_eq!(store.file_since("a").unwrap(), Some(at(5)), "the oldest that is known");
}

#[test]
fn revisions_keep_their_texts_and_store_an_unchanged_one_once() {
    let mut store = Store::in_memory().unwrap();
    assert_eq!(store.latest_revision().unwrap(), None);
    publish(&mut store, 1, &[("a", "1"), ("b", "x")]);
    publish(&mut store, 2, &[("a", "2"), ("b", "x")]);
    let third = publish(&mut store, 3, &[("b", "x"), ("c", "x")]);
    assert_eq!(third, RevisionNumber(3));
    let texts: i64 = store.connection.query_row("SELECT count(*) FROM texts", (), |row| row.get(0)).unwrap();
    assert_eq!(texts, 4);
    let files = store.revision_files(RevisionNumber(1)).unwrap();
    assert_eq!(files, BTreeMap::from([("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"x".to_vec())]));
    assert!(store.revision_files(RevisionNumber(9)).is_err());
    let rows = store.revisions(2).unwrap();
    assert_eq!([rows[0].number.0, rows[1].number.0], [3, 2]);
    assert_eq!((rows[0].author.as_str(), rows[0].content_hash), ("ada", [3; 32]));
}

#[test]
fn numbers_of_revisions_never_decrease_and_what_records_name_stays() {
    let mut store = Store::in_memory().unwrap();
    for time in 1..=4 {
        publish(&mut store, 10 * time, &[("a", &time.to_string())]);
    }
    // At 25 the second was in force.
    assert_eq!(store.remove_revisions_before(at(25)).unwrap(), 1);
    assert_eq!(store.revision(RevisionNumber(1)).unwrap(), None);
    assert_eq!(store.revision_files(RevisionNumber(2)).unwrap()["a"], b"2");
    assert_eq!(store.remove_revisions_before(at(9_999)).unwrap(), 2);
    assert_eq!(store.latest_revision().unwrap().unwrap().number, RevisionNumber(4));
    let texts: i64 = store.connection.query_row("SELECT count(*) FROM texts", (), |row| row.get(0)).unwrap();
    assert_eq!(texts, 1);
    store.connection.execute("DELETE FROM revisions", ()).unwrap();
    assert_eq!(publish(&mut store, 99, &[]), RevisionNumber(5));
    assert_eq!(store.last_revision_number().unwrap(), RevisionNumber(5));
}

fn rollup(caller: &str, count: u64) -> Rollup {
    Rollup {
        day: 7,
        api: api(),
        verdict: Verdict::WouldDeny,
        caller: caller.to_owned(),
        operation: "orders:GET /orders".to_owned(),
        reason: "no_grant".to_owned(),
        count,
        last: at(i64::try_from(count).unwrap()),
    }
}

#[test]
fn counts_add_up_and_overflow_into_one_row() {
    let mut store = Store::in_memory().unwrap();
    let counted = Counted { origin: "example.com/log".to_owned(), next: 6 };
    store.add_rollups(&[rollup("app:a", 2), rollup("app:b", 1), rollup("app:a", 3)], &counted).unwrap();
    let rows = store.rollups_since(7).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.caller.as_str(), row.count, row.last)).collect();
    assert_eq!(seen, [("app:a", 5, at(3)), ("app:b", 1, at(1))]);
    let many: Vec<Rollup> = (0..ROLLUP_ROWS_MAX).map(|number| rollup(&format!("app:{number}"), 1)).collect();
    store.add_rollups(&many, &counted).unwrap();
    let rows = store.rollups_since(0).unwrap();
    assert_eq!(rows.len(), ROLLUP_ROWS_MAX + 1);
    assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 6 + u64::try_from(ROLLUP_ROWS_MAX).unwrap());
    assert_eq!(rows.iter().find(|row| row.caller == OTHER).map(|row| row.count), Some(2));
    store.remove_rollups_before(8).unwrap();
    assert_eq!(store.rollups_since(0).unwrap(), []);
}

#[test]
fn counts_and_what_of_the_log_they_are_change_together() {
    let mut store = Store::in_memory().unwrap();
    assert_eq!(store.counted().unwrap(), None, "a store of before says nothing");
    let counted = |next| Counted { origin: "example.com/log".to_owned(), next };
    store.add_rollups(&[rollup("app:a", 1)], &counted(7)).unwrap();
    store.add_rollups(&[], &counted(9)).unwrap();
    assert_eq!(store.counted().unwrap(), Some(counted(9)));
    // A count that the table refuses takes the position with it.
    assert!(store.add_rollups(&[rollup("app:b", 1), rollup("app:c", 0)], &counted(11)).is_err());
    assert_eq!(store.counted().unwrap(), Some(counted(9)));
    assert_eq!(store.rollups_since(0).unwrap().len(), 1);
    let other = Counted { origin: "example.com/log/2".to_owned(), next: 1 };
    store.add_rollups(&[], &other).unwrap();
    assert_eq!(store.counted().unwrap(), Some(other));
}

#[test]
fn an_erased_caller_is_counted_without_its_name() {
    let mut store = Store::in_memory().unwrap();
    let counted = Counted { origin: "example.com/log".to_owned(), next: 6 };
    store.add_rollups(&[rollup("app:a", 2), rollup("app:ab", 1), rollup("app:b", 4)], &counted).unwrap();
    store.erase_rollups("app:a").unwrap();
    store.erase_rollups("app:b").unwrap();
    store.erase_rollups("app:none").unwrap();
    let rows = store.rollups_since(0).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.caller.as_str(), row.count)).collect();
    assert_eq!(seen, [(ERASED, 6), ("app:ab", 1)]);
    assert_eq!(store.counted().unwrap(), Some(counted));
}

#[test]
fn remembers_what_was_valid() {
    let mut store = Store::in_memory().unwrap();
    store.remember_validated([[1; 32], [2; 32]], at(1)).unwrap();
    store.remember_validated([[2; 32], [3; 32]], at(2)).unwrap();
    assert_eq!(store.validated().unwrap(), HashSet::from([[1; 32], [2; 32], [3; 32]]));
}
