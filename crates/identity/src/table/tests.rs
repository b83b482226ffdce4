//! The key table and the stops: what a change copies, and what it leaves alone.

use std::collections::BTreeMap;

use model::{ApplicationName, TeamName};
use proptest::prelude::*;

use super::*;

fn entry(number: usize) -> KeyEntry {
    let application = Application {
        name: ApplicationName::parse("shop").unwrap(),
        team: TeamName::parse("partners").unwrap(),
        attributes: BTreeMap::new(),
        version: 1,
    };
    KeyEntry {
        id: KeyId::parse(format!("{number:012}").as_bytes()).unwrap(),
        secret: KeySecret::Own(SecretDigest::from_bytes([0; 32])),
        application: Arc::new(application),
        scopes: Box::new([]),
        expires: Timestamp::MAX,
        state: KeyState::Active,
        application_state: ApplicationState::Enabled,
        usage: Arc::new(KeyUsage::never()),
        limit: Arc::new(LimitCell::unused()),
    }
}

#[test]
fn finds_what_was_added_and_nothing_else() {
    let table = KeyTable::empty().with_all((0..5_000).map(entry));
    assert_eq!((table.len(), table.version(), table.iter().count()), (5_000, 1, 5_000));
    for number in 0..5_000 {
        assert_eq!(table.find(entry(number).id).map(|found| found.id), Some(entry(number).id));
    }
    assert!(table.find(entry(5_000).id).is_none());
    assert!(KeyTable::empty().find(entry(0).id).is_none());
}

#[test]
fn one_change_copies_one_shard() {
    let before = KeyTable::empty().with_all((0..20_000).map(entry));
    let mut changed = entry(77);
    changed.state = KeyState::Revoked;
    let after = before.with(changed);
    let copied = before.shards.iter().zip(after.shards.iter()).filter(|(old, new)| !Arc::ptr_eq(old, new));
    assert_eq!(copied.count(), 1);
    assert_eq!((after.len(), after.version()), (20_000, 2));
    assert_eq!(before.find(entry(77).id).unwrap().state, KeyState::Active);
    assert_eq!(after.find(entry(77).id).unwrap().state, KeyState::Revoked);
}

#[test]
fn shards_are_evenly_filled() {
    let table = KeyTable::empty().with_all((0..100_000).map(entry));
    let fullest = table.shards.iter().map(|shard| shard.len()).max().unwrap();
    // 98 on average; twice that would be 10 standard deviations away.
    assert!(fullest < 196, "{fullest}");
}

#[test]
fn use_is_kept_to_the_second_and_never_goes_back() {
    let usage = KeyUsage::never();
    assert_eq!(usage.last(), None);
    usage.touch(Timestamp::from_millis(10_900));
    assert_eq!(usage.last(), Some(Timestamp::from_seconds(10)));
    usage.touch(Timestamp::from_seconds(5));
    assert_eq!(usage.last(), Some(Timestamp::from_seconds(10)));
}

#[test]
fn stops_hold_what_was_stopped() {
    let (first, second) = (entry(1).id, entry(2).id);
    let stops = Stops::none().with_key(first);
    assert!(stops.holds(first) && !stops.holds(second));
    assert!(!Stops::none().holds(first));
    assert_eq!((stops.sequence(), stops.cleared().sequence()), (1, 1));
    assert!(!stops.cleared().holds(first));
}

proptest! {
    #[test]
    fn agrees_with_a_plain_map(changes in prop::collection::vec((0_usize..40, any::<bool>()), 0..120)) {
        let mut table = KeyTable::empty();
        let mut plain = BTreeMap::new();
        for (number, active) in changes {
            let mut changed = entry(number);
            changed.state = if active { KeyState::Active } else { KeyState::Revoked };
            plain.insert(changed.id, changed.state);
            table = table.with(changed);
        }
        prop_assert_eq!(table.len(), plain.len());
        let found: BTreeMap<_, _> = table.iter().map(|entry| (entry.id, entry.state)).collect();
        prop_assert_eq!(&found, &plain);
        for number in 0..40 {
            let id = entry(number).id;
            prop_assert_eq!(table.find(id).map(|entry| entry.state), plain.get(&id).copied());
        }
    }
}
