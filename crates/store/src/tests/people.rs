//! Applications, keys, administrators.

use super::*;

#[test]
fn applications_come_back_as_they_went_in() {
    let mut store = with_shop();
    let row = store.application(&application("shop").name).unwrap().unwrap();
    assert_eq!(row.attributes, application("shop").attributes);
    assert_eq!((row.state, row.version), (ApplicationState::Enabled, 1));
    let disabled = store.set_application_state(&row.name, ApplicationState::Disabled).unwrap();
    assert_eq!((disabled.state, disabled.version), (ApplicationState::Disabled, 2));
    let plain = store.set_application_attributes(&row.name, &BTreeMap::new()).unwrap();
    assert!(plain.attributes.is_empty());
    assert_eq!(store.applications().unwrap(), [plain]);
    let again = store.add_application(&application("shop")).unwrap_err();
    assert!(matches!(again, StoreError::Exists { what: "application", .. }), "{again}");
    let nobody = ApplicationName::parse("nobody").unwrap();
    let absent = store.set_application_state(&nobody, ApplicationState::Enabled).unwrap_err();
    assert!(matches!(absent, StoreError::Absent { .. }), "{absent}");
    // What failed moved no counter either.
    assert_eq!(store.versions().unwrap(), Versions { keys: 3, stops: 0 });
}

#[test]
fn keys_come_back_as_they_went_in_and_their_digest_is_never_printed() {
    let mut store = with_shop();
    store.add_keys(&[key(1)]).unwrap();
    let row = store.key(key_id(1)).unwrap().unwrap();
    assert_eq!((&row.digest, &row.scopes), (&key(1).digest, &key(1).scopes));
    assert_eq!((row.state, row.stop, row.last_used, row.ends()), (KeyState::Active, None, None, at(1_000)));
    assert!(format!("{row:?}").contains("digest: redacted"));
    assert_eq!(store.key(key_id(2)).unwrap(), None);
    assert_eq!(store.keys_of(&key(1).application).unwrap(), [row]);
}

#[test]
fn keys_are_added_all_or_none() {
    let mut store = with_shop();
    let mut stranger = key(3);
    stranger.application = ApplicationName::parse("nobody").unwrap();
    let error = store.add_keys(&[key(1), key(2), stranger]).unwrap_err();
    assert!(matches!(error, StoreError::Absent { what: "application", .. }), "{error}");
    let error = store.add_keys(&[key(1), key(1)]).unwrap_err();
    assert!(matches!(error, StoreError::Exists { what: "key", .. }), "{error}");
    assert_eq!(store.keys().unwrap(), []);
    assert_eq!(store.versions().unwrap().keys, 1);
}

#[test]
fn ten_thousand_keys_are_one_transaction() {
    let mut store = with_shop();
    let keys: Vec<NewKey> = (0..10_000).map(key).collect();
    store.add_keys(&keys).unwrap();
    assert_eq!(store.keys().unwrap().len(), 10_000);
    assert_eq!(store.versions().unwrap().keys, 2);
    let many = vec![key(1); KEYS_ADDED_MAX + 1];
    assert!(matches!(store.add_keys(&many), Err(StoreError::Refused { .. })));
}

#[test]
fn a_stop_is_numbered_and_revocation_is_for_good() {
    let mut store = with_shop();
    store.add_keys(&[key(1), key(2)]).unwrap();
    let held = store.change_key(key_id(1), KeyChange::Quarantine, &act(20)).unwrap();
    assert_eq!((held.state, held.stop), (KeyState::Quarantined, Some(1)));
    let free = store.change_key(key_id(1), KeyChange::Release, &act(21)).unwrap();
    assert_eq!((free.state, free.stop), (KeyState::Active, None));
    let revoked = store.change_key(key_id(1), KeyChange::Revoke, &act(22)).unwrap();
    assert_eq!((revoked.state, revoked.stop, revoked.changed), (KeyState::Revoked, Some(2), Some(act(22))));
    for change in [KeyChange::Revoke, KeyChange::Release, KeyChange::Quarantine] {
        let error = store.change_key(key_id(1), change, &act(23)).unwrap_err();
        assert!(matches!(error, StoreError::Refused { what: "key", .. }), "{error}");
    }
    assert!(store.change_key(key_id(2), KeyChange::Release, &act(23)).is_err());
    assert!(store.change_key(key_id(9), KeyChange::Revoke, &act(23)).is_err());
    assert_eq!(store.key(key_id(2)).unwrap().unwrap().state, KeyState::Active);
    assert_eq!(store.versions().unwrap().stops, 2);
}

#[test]
fn a_rotated_key_counts_until_its_overlap_ends_and_no_longer_than_it_would_have() {
    let mut store = with_shop();
    store.add_keys(&[key(1), key(3)]).unwrap();
    let new = store.rotate_key(key_id(1), &key(2), at(500)).unwrap();
    assert_eq!(new.rotated_from, Some(key_id(1)));
    assert_eq!(store.key(key_id(1)).unwrap().unwrap().ends(), at(500));
    // An overlap never makes a key live longer.
    store.rotate_key(key_id(3), &key(4), at(9_999)).unwrap();
    assert_eq!(store.key(key_id(3)).unwrap().unwrap().ends(), at(1_000));
    // Once rotated, or stopped, it is not rotated again.
    assert!(store.rotate_key(key_id(1), &key(5), at(600)).is_err());
    store.change_key(key_id(2), KeyChange::Revoke, &act(20)).unwrap();
    assert!(store.rotate_key(key_id(2), &key(5), at(600)).is_err());
    let other = store.add_application(&application("other")).unwrap();
    let foreign = NewKey { application: other.name, ..key(5) };
    assert!(store.rotate_key(key_id(4), &foreign, at(600)).is_err());
    assert_eq!(store.key(key_id(5)).unwrap(), None);
}

#[test]
fn last_use_only_moves_forward() {
    let mut store = with_shop();
    store.add_keys(&[key(1)]).unwrap();
    for (used, expected) in [(50, 50), (40, 50), (60, 60)] {
        store.flush_usage(&[(key_id(1), at(used)), (key_id(9), at(used))]).unwrap();
        assert_eq!(store.key(key_id(1)).unwrap().unwrap().last_used, Some(at(expected)));
    }
}

#[test]
fn the_bootstrap_credential_works_once_in_time_and_for_the_first_administrator_alone() {
    let mut store = Store::in_memory().unwrap();
    let (token, wrong) = (Digest::new([1; 32]), Digest::new([2; 32]));
    let ada = administrator("ada", 9);
    assert_eq!(store.redeem_bootstrap(token, at(0), &ada).unwrap(), Bootstrapped::Refused);
    store.offer_bootstrap(token, at(100)).unwrap();
    assert_eq!(store.redeem_bootstrap(wrong, at(99), &ada).unwrap(), Bootstrapped::Refused);
    assert_eq!(store.redeem_bootstrap(token, at(100), &ada).unwrap(), Bootstrapped::Refused);
    assert_eq!(store.administrators().unwrap(), []);
    assert!(matches!(store.redeem_bootstrap(token, at(99), &ada).unwrap(), Bootstrapped::Made(_)));
    let eve = administrator("eve", 8);
    assert_eq!(store.redeem_bootstrap(token, at(99), &eve).unwrap(), Bootstrapped::Refused);
    assert!(store.offer_bootstrap(token, at(200)).is_err());
}

#[test]
fn an_offer_left_over_is_worthless_once_an_administrator_exists() {
    let mut store = Store::in_memory().unwrap();
    let token = Digest::new([1; 32]);
    store.offer_bootstrap(token, at(100)).unwrap();
    store.add_administrator(&administrator("ada", 9)).unwrap();
    let eve = administrator("eve", 8);
    assert_eq!(store.redeem_bootstrap(token, at(1), &eve).unwrap(), Bootstrapped::Refused);
    assert_eq!(store.administrator(&eve.name).unwrap(), None);
}

#[test]
fn tokens_of_disabled_administrators_find_nobody() {
    let mut store = Store::in_memory().unwrap();
    let ada = store.add_administrator(&administrator("ada", 1)).unwrap();
    let error = store.set_administrator_state(&ada.name, AdministratorState::Disabled).unwrap_err();
    assert!(error.to_string().contains("last one"), "{error}");
    store.add_administrator(&administrator("eve", 2)).unwrap();
    assert!(store.add_administrator(&administrator("eve", 3)).is_err());
    // One token never stands for two persons.
    assert!(store.add_administrator(&administrator("joe", 2)).is_err());
    store.set_administrator_state(&ada.name, AdministratorState::Disabled).unwrap();
    assert_eq!(store.administrator_by_token(Digest::new([1; 32])).unwrap(), None);
    let eve = store.administrator_by_token(Digest::new([2; 32])).unwrap().unwrap();
    store.replace_token(&eve.name, Digest::new([4; 32])).unwrap();
    assert_eq!(store.administrator_by_token(Digest::new([2; 32])).unwrap(), None);
    assert_eq!(store.administrator_by_token(Digest::new([4; 32])).unwrap(), Some(eve));
}
