//! Keys that an API had before: seen, vouched for, and never mixed up with keys of ours.

use model::ApiName;
use rusqlite::Connection;

use super::*;
use crate::tests::files::{Folder, open};

fn api(name: &str) -> ApiName {
    ApiName::parse(name).unwrap()
}

fn digest(number: u8) -> Digest {
    Digest::new([number; 32])
}

fn seen(number: u8, count: u64, succeeded: u64) -> ClaimedRow {
    let second = i64::from(number);
    ClaimedRow {
        api: api("orders"),
        digest: digest(number),
        first: at(second),
        last: at(100 + second),
        count,
        succeeded,
        operations: vec!["orders:GET /".to_owned()],
    }
}

fn existing(number: u8) -> NewKey {
    let kind = KeyKind::Existing { api: api("orders"), label: format!("customer {number}") };
    NewKey { kind, digest: digest(number), environment: String::new(), ..key(1_000 + u32::from(number)) }
}

#[test]
fn what_was_seen_is_added_up_and_kept() {
    let folder = Folder::new();
    let mut store = open(&folder.store());
    store.add_claimed(&[seen(1, 3, 1), seen(2, 1, 0)]).unwrap();
    let later = ClaimedRow {
        first: at(0),
        last: at(500),
        operations: vec!["orders:GET /".to_owned(), "orders:POST /".to_owned()],
        ..seen(2, 4, 4)
    };
    store.add_claimed(&[later]).unwrap();
    drop(store);
    let store = open(&folder.store());
    let rows = store.claimed(Some(&api("orders"))).unwrap();
    let [busy, other] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((busy.digest, busy.count, busy.succeeded), (digest(2), 5, 4));
    assert_eq!((busy.first, busy.last, busy.operations.len()), (at(0), at(500), 2));
    assert_eq!(*other, seen(1, 3, 1));
    assert_eq!(store.claimed(Some(&api("billing"))).unwrap(), []);
    assert_eq!(store.claimed(None).unwrap().len(), 2);
}

#[test]
fn texts_that_only_look_like_keys_push_no_working_key_out() {
    let mut store = Store::in_memory().unwrap();
    store.add_claimed_within(&[seen(1, 1, 1), seen(2, 9, 0), seen(3, 1, 0)], 3).unwrap();
    for number in 10..30 {
        store.add_claimed_within(&[seen(number, 1, 0)], 3).unwrap();
    }
    let digests: Vec<Digest> = store.claimed(None).unwrap().iter().map(|row| row.digest).collect();
    assert_eq!(digests, [digest(1), digest(28), digest(29)]);
    let elsewhere = ClaimedRow { api: api("billing"), ..seen(1, 1, 0) };
    store.add_claimed_within(&[elsewhere], 3).unwrap();
    assert_eq!(store.claimed(None).unwrap().len(), 4);
    let mut many = seen(1, 1, 1);
    many.operations = (0..200).map(|number| format!("orders:GET /{number}")).collect();
    store.add_claimed(&[many]).unwrap();
    assert_eq!(store.claimed(Some(&api("orders"))).unwrap()[0].operations.len(), CLAIMED_OPERATIONS_MAX);
}

#[test]
fn existing_keys_are_added_with_their_applications_or_not_at_all() {
    let mut store = Store::in_memory().unwrap();
    store.add_claimed(&[seen(1, 3, 1), seen(9, 1, 0)]).unwrap();
    store.add_existing_keys(&[application("shop")], &[existing(1), existing(2)]).unwrap();
    let row = store.key_by_digest(&digest(1)).unwrap().unwrap();
    assert_eq!(row.kind, existing(1).kind);
    assert_eq!(row.application.as_str(), "shop");
    let left: Vec<Digest> = store.claimed(None).unwrap().iter().map(|row| row.digest).collect();
    assert_eq!(left, [digest(9)], "who is somebody is no longer only seen");
    // The last one is known already: neither the application nor the other key is added.
    let error = store.add_existing_keys(&[application("web")], &[existing(3), existing(2)]).unwrap_err();
    assert!(matches!(error, StoreError::Exists { what: "key", .. }), "{error}");
    assert!(store.application(&ApplicationName::parse("web").unwrap()).unwrap().is_none());
    assert!(store.key_by_digest(&digest(3)).unwrap().is_none());
    let error = store.add_existing_keys(&[application("shop")], &[]).unwrap_err();
    assert!(matches!(error, StoreError::Exists { what: "application", .. }), "{error}");
    store.remove_claimed(&api("orders"), &digest(9)).unwrap();
    assert_eq!(store.claimed(None).unwrap(), []);
}

#[test]
fn a_store_of_before_existing_keys_has_keys_of_ours_only() {
    let folder = Folder::new();
    let path = folder.store();
    drop(Store::open_with(&path, &schema::MIGRATIONS[..2]).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO applications VALUES ('shop', 'partners', '{}', 'enabled', 1, 1, 'ada');
             INSERT INTO keys (id, application, digest, scopes, environment, created, created_by, expires, state)
             VALUES ('000000000001', 'shop', zeroblob(32), '[]', 'live', 1, 'ada', 2, 'active');",
        )
        .unwrap();
    let (store, opened) = Store::open(&path).unwrap();
    assert!(matches!(opened, Opened::Migrated { from: 2, .. }), "{opened:?}");
    assert_eq!(store.key(key_id(1)).unwrap().unwrap().kind, KeyKind::Own);
    assert_eq!(store.claimed(None).unwrap(), []);
}
