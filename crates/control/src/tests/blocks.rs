//! Blocks: in force at once, kept and signed, ended by themselves, and never lost in silence.

use std::time::Duration;

use store::{Access, BlockRow, Role};

use super::{API, Fixture, GATEWAY, Open, ann, error};
use crate::{Actor, BlockOrder, ControlError, IssuedKey};

pub(super) fn order(kind: &str, name: &str, lasts: &str) -> BlockOrder {
    BlockOrder {
        kind: kind.to_owned(),
        name: name.to_owned(),
        lasts: lasts.to_owned(),
        reason: "a test".to_owned(),
    }
}

fn judged(open: &mut Open, fixture: &Fixture, key: &IssuedKey) -> String {
    open.call(fixture.now(), Some(&key.key), "GET", "/orders").0
}

const BLOCKED: &str = "denied blocked";
const UNREADABLE: &str = "denied stops_unreadable";

impl Open {
    fn block(&self, kind: &str, name: &str) -> String {
        self.control.add_block(&ann(), &order(kind, name, "2h")).unwrap().id
    }

    fn block_ids(&self) -> Vec<String> {
        self.control.blocks(&ann()).unwrap().into_iter().map(|block| block.id).collect()
    }

    fn stops(&self) -> u64 {
        self.control.live().load().names().stops
    }
}

#[test]
fn a_block_is_in_force_at_once_recorded_and_ends_by_itself() {
    let fixture = Fixture::new("block");
    let mut open = fixture.up();
    let key = open.shop();
    let before = open.stops();
    let id = open.block("app", "shop");
    assert!(before < open.stops());
    assert_eq!(judged(&mut open, &fixture, &key), BLOCKED);
    fixture.pass(Duration::from_secs(7_199));
    assert_eq!(judged(&mut open, &fixture, &key), BLOCKED);
    fixture.pass(Duration::from_secs(1));
    assert_eq!(judged(&mut open, &fixture, &key), "allowed");
    assert!(open.block_ids().is_empty());
    assert!(error(open.control.block(&ann(), &id)).contains("there is no block"));
    // Upkeep takes what has ended out of the store; the log keeps it.
    assert_eq!(open.control.state().store.blocks().unwrap().rows.len(), 1);
    open.control.keep_up().unwrap();
    assert!(open.control.state().store.blocks().unwrap().rows.is_empty());
    let changes = fixture.changes();
    let made = format!("block.add block {id}: app shop until 2026-11-26T14:00:00.000Z by ann: a test");
    assert!(changes.contains(&made), "{changes:#?}");
}

#[test]
fn a_block_is_there_after_a_restart_and_its_removal_too() {
    let fixture = Fixture::new("block-restart");
    let open = fixture.up();
    let key = open.shop();
    let stays = open.block("app", "shop");
    let goes = open.block("network", "192.0.2.0/24");
    open.control.remove_block(&ann(), &goes, "a mistake").unwrap();
    let sequence = open.stops();
    open.control.close().unwrap();
    let mut open = fixture.up();
    assert_eq!(&open.block_ids(), std::slice::from_ref(&stays));
    assert!(sequence <= open.stops(), "sequences only grow");
    assert_eq!(judged(&mut open, &fixture, &key), BLOCKED);
    let shown = open.control.block(&ann(), &stays).unwrap();
    assert_eq!((shown.by.as_str(), shown.reason.as_str(), shown.name.as_str()), ("ann", "a test", "shop"));
    open.control.remove_block(&ann(), &stays, "over").unwrap();
    assert_eq!(judged(&mut open, &fixture, &key), "allowed");
    assert!(error(open.control.remove_block(&ann(), &stays, "again")).contains("there is no block"));
}

/// Who removes one of two blocks must not be told that the way is free.
#[test]
fn a_removal_names_the_blocks_that_stop_the_same_still() {
    let fixture = Fixture::new("block-twice");
    let open = fixture.up();
    open.shop();
    let [one, two] = ["127.1.0.9", "127.1.0.9/32"].map(|network| open.block("network", network));
    let wide = open.block("network", "127.1.0.0/16");
    let other = open.block("app", "shop");
    let still = |id: &str| {
        let removed = open.control.remove_block(&ann(), id, "undo").unwrap();
        assert_eq!(removed.block.id, id);
        removed.still.into_iter().map(|block| block.id).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(still(&one), [two.clone(), wide.clone()].into());
    assert_eq!(still(&wide), [two.clone()].into());
    assert_eq!(still(&two), [].into());
    assert_eq!(still(&other), [].into());
}

#[test]
fn a_block_is_in_force_though_the_store_refuses_and_a_restart_does_not_end_it() {
    let fixture = Fixture::new("block-unstored");
    let mut open = fixture.up();
    let key = open.shop();
    open.access(Access::ReadOnly);
    let refused = open.control.add_block(&ann(), &order("app", "shop", "2h")).unwrap_err();
    assert!(matches!(refused, ControlError::StoppedNotStored { .. }), "{refused:?}");
    assert_eq!(judged(&mut open, &fixture, &key), BLOCKED);
    let [id] = &open.block_ids()[..] else { panic!("one block") };
    open.control.recorder().flush().unwrap();
    let mut killed = fixture.as_if_killed("block-unstored-killed").up();
    assert_eq!(judged(&mut killed, &fixture, &key), BLOCKED);
    assert_eq!(&killed.block_ids(), std::slice::from_ref(id));
    assert_eq!(killed.control.block(&ann(), id).unwrap().reason, "a test");
    // Removed before it was ever stored, it is owed no more, also by the next start.
    open.access(Access::ReadWrite);
    open.control.remove_block(&ann(), id, "over").unwrap();
    assert_eq!(open.reasons(), "");
    assert_eq!(judged(&mut open, &fixture, &key), "allowed");
    open.control.recorder().flush().unwrap();
    let mut killed = fixture.as_if_killed("block-removed-killed").up();
    assert_eq!(judged(&mut killed, &fixture, &key), "allowed");
}

/// What somebody without the key can do to the store.
type Tampering = fn(&mut store::Store);

const TAMPERINGS: &[(&str, Tampering)] = &[
    ("an entry taken out", |store| {
        let stored = store.blocks().unwrap();
        store.remove_blocks(&[stored.rows[0].id.clone()], &stored.head.unwrap()).unwrap();
    }),
    ("all taken out", |store| {
        let stored = store.blocks().unwrap();
        let ids: Vec<String> = stored.rows.iter().map(|row| row.id.clone()).collect();
        store.remove_blocks(&ids, &stored.head.unwrap()).unwrap();
    }),
    ("an entry altered", |store| {
        let stored = store.blocks().unwrap();
        let BlockRow { id, note } = stored.rows[0].clone();
        let head = stored.head.unwrap();
        store.remove_blocks(std::slice::from_ref(&id), &head).unwrap();
        store.add_block(&BlockRow { id, note: note.replace("2026", "2020") }, &head).unwrap();
    }),
    ("an entry under another name", |store| {
        let stored = store.blocks().unwrap();
        let note = stored.rows[0].note.clone();
        store.add_block(&BlockRow { id: "another".to_owned(), note }, &stored.head.unwrap()).unwrap();
    }),
    ("the note about the list altered", |store| {
        let head = store.blocks().unwrap().head.unwrap();
        store.remove_blocks(&[], &head.replace("count 2", "count 1")).unwrap();
    }),
];

#[test]
fn whatever_is_done_to_the_list_without_the_key_stops_everything_until_it_is_repaired() {
    for (number, (what, tamper)) in TAMPERINGS.iter().enumerate() {
        let fixture = Fixture::new(&format!("block-tampered-{number}"));
        let open = fixture.up();
        let key = open.shop();
        open.block("network", "192.0.2.0/24");
        open.block("api", "orders");
        tamper(&mut open.control.state().store);
        // While it runs, it knows better; a list that is not the one it signed it does not sign again.
        if let Err(refused) = open.control.add_block(&ann(), &order("app", "shop", "2h")) {
            assert!(matches!(refused, ControlError::StoppedNotStored { .. }), "{what}: {refused:?}");
        }
        assert_eq!(open.block_ids().len(), 3, "{what}");
        drop(open.control.close());
        let mut open = fixture.up();
        assert_eq!(judged(&mut open, &fixture, &key), UNREADABLE, "{what}");
        assert!(open.reasons().contains("block repair"), "{what}: {}", open.reasons());
        assert!(
            open.control.status(&ann(), crate::ReadyOrder::default()).unwrap().blocks_fault.is_some(),
            "{what}"
        );
        let owner = Actor::administrator("olga", Role::Owner);
        assert!(matches!(open.control.repair_blocks(&owner, "r"), Err(ControlError::Forbidden { .. })));
        let repaired = open.control.repair_blocks(&ann(), "looked into").unwrap();
        // The log has all three, whatever became of them in the store.
        assert_eq!(repaired.kept, 3, "{what}: {repaired:?}");
        assert_ne!(judged(&mut open, &fixture, &key), UNREADABLE, "{what}");
        assert!(fixture.changes().iter().any(|change| change.starts_with("block.repair")), "{what}");
        // With the list sound again, what was owed is stored, and the next start finds nothing wrong.
        open.control.keep_up().unwrap();
        open.control.close().unwrap();
        let mut open = fixture.up();
        assert_ne!(judged(&mut open, &fixture, &key), UNREADABLE, "{what}");
        // What is sound needs no repair, and is not changed by one.
        let before = open.block_ids();
        open.control.repair_blocks(&ann(), "to be sure").unwrap();
        assert_eq!(open.block_ids(), before);
    }
}

fn with_issuer() -> String {
    let issuer = "  corp:\n    issuer: https://id.example.com\n    audience: [https://orders.example.com]\n";
    format!("{GATEWAY}issuers:\n{issuer}    team: partners\n")
}

#[test]
fn what_can_stop_nothing_is_refused() {
    let fixture = Fixture::new("block-nothing");
    fixture.write("sallyport.yaml", &with_issuer());
    let forms = "existing_keys: { header: X-Old-Key, prefix: ak_, length: 20-64, alphabet: alphanumeric }\n";
    fixture.write("apis/orders/api.yaml", &format!("{API}{forms}"));
    let open = fixture.up();
    for (kind, name, said) in [
        ("user", "corp/ann", ""),
        ("user", "crop/ann", "issuer `crop`"),
        ("app", "corp:web", ""),
        ("app", "crop:web", "`crop:web`"),
        ("app", "orders:key-0123456789abcdef", ""),
        ("app", "orders:key-0123456789abcde", "`orders:key-0123456789abcde`"),
        ("app", "orders:key-0123456789ABCDEF", "`orders:key-0123456789ABCDEF`"),
        ("app", "orders:web", "`orders:web`"),
        ("app", "order:key-0123456789abcdef", "`order:key-0123456789abcdef`"),
        ("app", "nobody", "application `nobody`"),
    ] {
        match open.control.add_block(&ann(), &order(kind, name, "2h")) {
            Ok(_) => assert_eq!(said, "", "{kind} {name}"),
            Err(error) => {
                let told = error.to_string();
                assert!(!said.is_empty() && told.contains(said), "{kind} {name}: {told}");
            }
        }
    }
}

#[test]
fn an_owner_may_block_and_release_what_belongs_to_its_team() {
    let fixture = Fixture::new("block-owner");
    fixture.write("sallyport.yaml", &with_issuer());
    let open = fixture.up();
    let key = open.shop();
    open.control.create_application(&ann(), "till", "ops", &[], "").unwrap();
    let ola = Actor::administrator("ola@example.com", Role::Owner);
    let other = Actor::administrator("mallory", Role::Owner);
    for (kind, name, may) in [
        ("api", "orders", true),
        ("operation", "orders:GET /orders", true),
        ("app", "till", true),
        ("app", "shop", false),
        ("key", key.id.as_str(), false),
        ("network", "192.0.2.0/24", false),
        ("user", "corp/ann", false),
        ("workload", "spiffe://a/b", false),
    ] {
        let made = open.control.add_block(&ola, &order(kind, name, "2h"));
        assert_eq!(made.is_ok(), may, "{kind} {name}: {made:?}");
        assert!(open.control.add_block(&other, &order(kind, name, "2h")).is_err(), "{kind} {name}");
        let id = match made {
            Ok(made) => made.id,
            Err(_) => open.block(kind, name),
        };
        assert!(open.control.remove_block(&other, &id, "r").is_err(), "{kind} {name}");
        assert_eq!(open.control.remove_block(&ola, &id, "r").is_ok(), may, "{kind} {name}");
    }
}
