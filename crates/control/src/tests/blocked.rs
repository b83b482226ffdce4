//! What is blocked is no proof of a need, nor what a key did that leaked.

use super::advice::{LIST, MAKE, observed};
use super::blocks::order;
use super::{Open, ann};
use crate::{Cause, SuggestOrder, UsageOrder};

fn proposed(open: &Open) -> (Vec<String>, Vec<String>, Vec<String>) {
    let view = open.control.suggest(&ann(), &SuggestOrder::default()).unwrap();
    (
        view.proposals.iter().flat_map(|one| one.operations.clone()).collect(),
        view.withdrawn.into_iter().map(|one| one.why).collect(),
        view.left_out.into_keys().collect(),
    )
}

#[test]
fn what_a_blocked_key_did_is_withdrawn_while_the_block_is_in_force() {
    let fixture = observed("blocked-key");
    let mut open = fixture.up();
    let key = open.shop();
    let other = open.key("shop", &["orders"]);
    for _ in 0..3 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
        open.answered(&fixture, Some(&other.key), MAKE, 200);
    }
    let keys = |open: &Open| {
        let advice = open.control.advise_keys(&ann(), &UsageOrder::default(), None).unwrap();
        advice.into_iter().map(|one| one.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&open).len(), 2);
    let block = open.control.add_block(&ann(), &order("key", &other.id, "2h")).unwrap();
    let (operations, withdrawn, _) = proposed(&open);
    assert_eq!(operations, ["orders:GET /orders"]);
    assert!(matches!(&withdrawn[..], [why] if why.starts_with("the key is blocked: ")), "{withdrawn:?}");
    assert_eq!(keys(&open), [key.id]);
    open.control.remove_block(&ann(), &block.id, "a false alarm").unwrap();
    assert_eq!(proposed(&open).0.len(), 2);
}

#[test]
fn the_cause_of_a_revocation_says_whether_what_the_key_did_counts() {
    for (cause, counts) in [("replaced", true), ("ended", true), ("leaked", false), ("", false)] {
        let fixture = observed(&format!("cause-{cause}"));
        let mut open = fixture.up();
        let key = open.shop();
        for _ in 0..3 {
            open.answered(&fixture, Some(&key.key), LIST, 200);
        }
        // That something was exposed is no matter where somebody says what became of the key.
        let said = (!cause.is_empty()).then(|| Cause::parse(cause).unwrap());
        let view = open.control.revoke_key_for(&ann(), &key.id, said, "an exposed port, OPS-7").unwrap();
        let reason = view.changed.unwrap().reason;
        let expected = if cause.is_empty() { String::new() } else { format!("{cause}: ") };
        assert_eq!(reason, format!("{expected}an exposed port, OPS-7"));
        let (operations, withdrawn, _) = proposed(&open);
        assert_eq!((operations.len(), withdrawn.len()), if counts { (1, 0) } else { (0, 1) }, "{cause}");
        let changes = fixture.changes();
        assert!(changes.iter().any(|change| change.starts_with("key.revoke") && change.contains(&reason)));
    }
}

#[test]
fn a_blocked_key_declares_no_need() {
    let fixture = observed("blocked-scope");
    let open = fixture.up();
    open.shop();
    let key = open.key("shop", &["orders:POST /orders"]);
    assert_eq!(proposed(&open).0, ["orders:POST /orders"]);
    open.control.add_block(&ann(), &order("key", &key.id, "2h")).unwrap();
    assert!(proposed(&open).0.is_empty());
}

#[test]
fn what_came_from_a_blocked_network_is_no_evidence() {
    let fixture = observed("blocked-network");
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..3 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    open.control.add_block(&ann(), &order("network", "127.0.1.0/24", "2h")).unwrap();
    assert_eq!(proposed(&open).0, ["orders:GET /orders"]);
    open.control.add_block(&ann(), &order("network", "127.0.0.0/24", "2h")).unwrap();
    let (operations, withdrawn, left_out) = proposed(&open);
    assert!(operations.is_empty() && withdrawn.is_empty());
    assert_eq!(left_out, ["the user or the network is blocked today, or may be"]);
    let used = open.control.advise_keys(&ann(), &UsageOrder::default(), Some("shop")).unwrap().remove(0);
    assert!(used.uses.is_empty(), "{used:?}");
    fixture.pass(std::time::Duration::from_secs(2 * 3_600));
    assert_eq!(proposed(&open).0, ["orders:GET /orders"], "the blocks have ended");
}
