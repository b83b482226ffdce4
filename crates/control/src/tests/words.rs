//! A word that is given for what stands in a comment already.

use super::advice::{LIST, MAKE, observed, write};
use super::{ann, error};
use crate::SuggestOrder;

const FILE: &str = "policies/suggested-orders.cedar";

fn accept(word: &str) -> SuggestOrder {
    SuggestOrder { accept: vec![word.to_owned()], ..write() }
}

#[test]
fn a_comment_becomes_the_grant_by_its_concern_or_by_its_id() {
    for by_id in [false, true] {
        let fixture = observed(if by_id { "word-by-id" } else { "word-by-code" });
        let mut open = fixture.up();
        let key = open.shop();
        open.answered(&fixture, Some(&key.key), MAKE, 200);
        for _ in 0..2 {
            open.answered(&fixture, Some(&key.key), LIST, 200);
        }
        let first = open.control.suggest(&ann(), &write()).unwrap();
        let waiting = first.proposals.iter().find(|one| !one.is_ready()).unwrap().id.clone();
        let before = fixture.read(FILE);
        // Another word is for something else.
        let other = open.control.suggest(&ann(), &accept("new_caller")).unwrap();
        assert!(other.proposals.is_empty() && !other.written && other.already_proposed == 1, "{other:?}");
        assert!(error(open.control.suggest(&ann(), &accept("suggested.none"))).contains("is no proposal"));
        assert_eq!(fixture.read(FILE), before);
        assert_eq!(open.call(fixture.now(), Some(&key.key), "POST", "/orders").0, "would_deny no_grant");
        let stranger = crate::Actor::administrator("eve@example.com", store::Role::Owner);
        assert!(error(open.control.suggest(&stranger, &accept("called_once"))).contains("`ops`"));

        let word = if by_id { waiting.as_str() } else { "called_once" };
        let given = open.control.suggest(&ann(), &accept(word)).unwrap();
        assert!(given.written && given.proposals[0].is_ready() && given.already_proposed == 0, "{given:?}");
        assert_eq!(given.changes[0].before.as_deref(), Some(before.as_str()));
        let after = fixture.read(FILE);
        assert!(!after.contains("Needs the word") && after.matches(&waiting).count() == 1, "{after}");
        assert_eq!(open.call(fixture.now(), Some(&key.key), "POST", "/orders").0, "allowed");
        let again = open.control.suggest(&ann(), &accept("called_once")).unwrap();
        assert!(again.proposals.is_empty() && !again.written, "{again:?}");
    }
}

#[test]
fn a_grant_that_somebody_put_into_a_comment_stays_there_unless_it_is_named() {
    let fixture = observed("unwanted");
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..2 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    let id = open.control.suggest(&ann(), &write()).unwrap().proposals.remove(0).id;
    let refused: String = fixture.read(FILE).lines().map(|line| format!("// {line}\n")).collect();
    fixture.write(FILE, &refused);
    open.control.reload(&crate::Actor::gateway(), "file").unwrap();
    let view = open.control.suggest(&ann(), &accept("called_once")).unwrap();
    assert!(view.proposals.is_empty() && view.already_proposed == 1, "{view:?}");
    assert_eq!(fixture.read(FILE), refused);
    assert!(open.control.suggest(&ann(), &accept(&id)).unwrap().written);
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "allowed");
}
