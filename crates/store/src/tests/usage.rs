//! Roll-ups of recorded requests.

use model::{DecisionId, Timestamp, UseCounts, UseEnding};

use super::at;
use crate::*;

const DAY: i64 = 86_400;

fn id(tail: u128) -> DecisionId {
    DecisionId::new(at(1), tail)
}

fn call(tail: u128, seconds: i64) -> UseCounts {
    UseCounts::of_call(id(tail), at(seconds))
}

fn batch<'a>(rows: Vec<UsageRow<'a>>, next: u64) -> UsageBatch<'a> {
    let counted = Counted { origin: "log".to_owned(), next };
    UsageBatch { rows, opened: Vec::new(), late: Vec::new(), lost: 0, counted }
}

fn row(facts: &str, counts: UseCounts) -> UsageRow<'_> {
    UsageRow { day: counts.first.as_seconds() / DAY, api: "orders", facts, share: 0, counts }
}

/// Facts, day and counts of every row.
fn all(store: &Store) -> Vec<(String, i64, UseCounts)> {
    let mut found = Vec::new();
    store
        .each_usage((i64::MIN, i64::MAX), None, |number, day, counts| {
            found.push((store.usage_facts(number)?, day, *counts));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    found
}

/// Day, share and rows.
fn spread(store: &Store) -> Vec<(i64, i64, u64)> {
    let spread = store.usage_spread().unwrap();
    assert!(spread.iter().all(|spread| spread.api == "orders"));
    spread.into_iter().map(|spread| (spread.day, spread.share, spread.rows)).collect()
}

#[test]
fn rows_are_counted_by_whose_they_are_until_that_is_erased() {
    let mut store = Store::in_memory().unwrap();
    let of = |facts, share, seconds| UsageRow { share, ..row(facts, call(1, seconds)) };
    let rows =
        vec![of("a", 7, 1), of("b", 7, 1), of("c", 9, 1), of("d", 0, 1), of("a", 7, DAY), of("a", 7, 2)];
    store.add_usage(&batch(rows, 1)).unwrap();
    assert_eq!(spread(&store), [(0, 0, 1), (0, 7, 2), (0, 9, 1), (1, 7, 1)]);
    store.replace_usage_facts(|facts| (facts == "a").then(|| "gone".to_owned())).unwrap();
    assert_eq!(spread(&store), [(0, 0, 2), (0, 7, 1), (0, 9, 1), (1, 0, 1)]);
}

#[test]
fn batches_add_up_and_say_how_far_they_go() {
    let mut store = Store::in_memory().unwrap();
    assert_eq!(store.usage_counted().unwrap(), None);
    store.add_usage(&batch(vec![row("a", call(1, 10)), row("b", call(2, 11))], 2)).unwrap();
    let mut second = batch(vec![row("a", call(3, 20)), row("a", call(4, DAY))], 4);
    second.lost = 7;
    store.add_usage(&second).unwrap();
    let rows = all(&store);
    let seen: Vec<_> = rows.iter().map(|(facts, day, counts)| (facts.as_str(), *day, counts.calls)).collect();
    assert_eq!(seen, [("a", 0, 2), ("b", 0, 1), ("a", 1, 1)]);
    assert_eq!(rows[0].2.samples, [id(1), id(3)]);
    let counted = store.usage_counted().unwrap().unwrap();
    assert_eq!((counted.counted.next, counted.lost), (4, 7));
    assert_eq!(spread(&store), [(0, 0, 2), (1, 0, 1)]);
    assert_eq!(store.usage_days().unwrap(), Some((at(10), at(DAY))));
}

#[test]
fn what_was_not_there_before_is_told_and_sums_are_as_they_are_in_memory() {
    let mut store = Store::in_memory().unwrap();
    let mut ended = call(3, 20);
    ended.end(&UseEnding { status: 404, is_whole: true, bytes_in: 3, bytes_out: 4 });
    let mut huge = call(4, 5);
    (huge.calls, huge.bytes_in) = (u64::MAX, i64::MAX as u64 - 1);
    let mut expected = call(1, 10);
    assert_eq!(store.add_usage(&batch(vec![row("b", call(9, 10)), row("a", expected)], 2)).unwrap(), [0, 1]);
    for new in [call(2, 10), ended, huge, call(5, 7)] {
        assert!(store.add_usage(&batch(vec![row("a", new)], 3)).unwrap().is_empty());
        expected.add(&new);
    }
    // What the store can hold.
    expected.calls = expected.calls.min(i64::MAX as u64);
    expected.bytes_in = expected.bytes_in.min(i64::MAX as u64);
    let rows = all(&store);
    let found = rows.iter().find(|(facts, _, _)| facts == "a").unwrap();
    assert_eq!(found.2, expected);
    assert_eq!(store.add_usage(&batch(vec![row("c", call(6, 5)), row("c", call(7, 5))], 4)).unwrap(), [0]);
}

#[test]
fn an_ending_finds_its_call_once_however_late() {
    let mut store = Store::in_memory().unwrap();
    let mut first = batch(vec![row("a", call(1, 10))], 1);
    first.opened = vec![(id(1), 0)];
    store.add_usage(&first).unwrap();
    let ending = UseEnding { status: 200, is_whole: true, bytes_in: 3, bytes_out: 4 };
    let mut second = batch(Vec::new(), 2);
    second.late = vec![(id(1), ending), (id(9), ending)];
    store.add_usage(&second).unwrap();
    store.add_usage(&second).unwrap();
    let [(_, _, counts)] = &all(&store)[..] else { panic!("one row") };
    assert_eq!((counts.ok, counts.bytes_in, counts.bytes_out), (1, 3, 4));
}

#[test]
fn a_batch_that_fails_leaves_nothing() {
    let mut store = Store::in_memory().unwrap();
    let mut broken = batch(vec![row("a", call(1, 10))], 1);
    broken.opened = vec![(id(1), 5)];
    assert!(store.add_usage(&broken).is_err());
    assert!(all(&store).is_empty() && store.usage_counted().unwrap().is_none());
}

#[test]
fn replaced_facts_keep_their_sums_and_their_open_calls() {
    let mut store = Store::in_memory().unwrap();
    let mut first = batch(vec![row("ada", call(1, 10)), row("bob", call(2, 11)), row("eve", call(3, 12))], 3);
    first.opened = vec![(id(1), 0)];
    store.add_usage(&first).unwrap();
    let erased = store.replace_usage_facts(|text| (text != "eve").then(|| "erased".to_owned())).unwrap();
    assert_eq!(erased, 2);
    let mut second = batch(Vec::new(), 4);
    second.late = vec![(id(1), UseEnding { status: 404, is_whole: true, bytes_in: 0, bytes_out: 0 })];
    store.add_usage(&second).unwrap();
    let rows = all(&store);
    let seen: Vec<_> =
        rows.iter().map(|(facts, _, counts)| (facts.as_str(), counts.calls, counts.client_errors)).collect();
    assert_eq!(seen, [("eve", 1, 0), ("erased", 2, 1)]);
}

#[test]
fn old_days_go_with_the_facts_that_only_they_had() {
    let mut store = Store::in_memory().unwrap();
    store
        .add_usage(&batch(
            vec![row("old", call(1, 10)), row("both", call(2, 10)), row("both", call(3, DAY))],
            1,
        ))
        .unwrap();
    store.remove_usage_before(1).unwrap();
    let seen: Vec<_> = all(&store).into_iter().map(|(facts, day, _)| (facts, day)).collect();
    assert_eq!(seen, [("both".to_owned(), 1)]);
    assert!(store.usage_facts(1).is_err());
    assert_eq!(store.usage_days().unwrap().map(|(first, _)| first), Some(Timestamp::from_seconds(DAY)));
}

#[test]
fn what_was_erased_is_in_no_page_of_the_file() {
    let folder = super::files::Folder::new();
    let open = || super::files::open(&folder.store());
    let holds = |text: &str| {
        let bytes = std::fs::read(folder.store()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let facts: Vec<String> =
        (0..200).map(|number| format!("facts of somebody, number {number:04}")).collect();
    let rows = facts.iter().map(|facts| row(facts, call(1, 1))).collect();
    let mut store = open();
    store.add_usage(&batch(rows, 1)).unwrap();
    drop(store);
    assert!(holds(&facts[7]) && holds(&facts[199]));
    let mut store = open();
    assert_eq!(store.replace_usage_facts(|_| Some("erased".to_owned())).unwrap(), 200);
    drop(store);
    assert!(!holds("facts of somebody") && holds("erased"));
}
