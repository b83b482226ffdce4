//! Entries to rows: what is one row, how endings find theirs, and what becomes of too many.

use advise::{
    Batch, CALLER_COARSE, CALLER_EXACT, Network, OTHER, ROWS_COARSE, ROWS_EXACT, ROWS_MAX, Rows, Share,
    Spread, Tally, UNKNOWN_COARSE, UNKNOWN_EXACT, UNKNOWN_MAX,
};
use model::Timestamp;
use record::encode::put_loss_leaf;
use record::{Leaf, Loss, LossCause};
use testkit::company::{Call, Who};

use super::log::{Entry, entries};
use super::small::{DAY, LIST, READ, SHOP, call, company};

fn count(spread: Spread, entries: &[Entry]) -> Batch {
    let mut tally = Tally::new(spread);
    for (leaf, personal) in entries {
        tally.take(&Leaf::decode(leaf).unwrap(), personal.as_deref());
    }
    tally.finish()
}

fn entries_of(calls: &[Call]) -> Vec<Entry> {
    let company = company();
    // Odd numbers: the ending is an entry of its own.
    calls.iter().enumerate().flat_map(|(number, call)| entries(&company, 2 * number + 1, call)).collect()
}

/// How many rows there are already on the day of the calls, of other known callers, of the caller, and of unknown ones.
fn spread(others: u64, own: u64, unknown: u64) -> Spread {
    let mut rows = Rows::default();
    let share = count(Spread::new(), &entries_of(&[call(SHOP, LIST, 0)])).rows[0].facts.share();
    rows.add(share, own);
    rows.add(Share::of_number(share.number() ^ 1), others);
    rows.add(Share::UNKNOWN, unknown);
    Spread::from([((day(), "orders".to_owned()), rows)])
}

fn day() -> i64 {
    call(SHOP, LIST, 0).time.div_euclid(DAY * 1_000_000)
}

#[test]
fn equal_facts_of_a_day_are_one_row() {
    let calls = [call(SHOP, LIST, 0), call(SHOP, LIST, 60), call(SHOP, READ, 70), call(SHOP, LIST, DAY)];
    let batch = count(Spread::new(), &entries_of(&calls));
    let rows: Vec<_> = batch.rows.iter().map(|row| (row.day - day(), row.counts.calls)).collect();
    assert_eq!(rows, [(0, 2), (0, 1), (1, 1)]);
    assert!(batch.opened.is_empty() && batch.late.is_empty());
    assert!(batch.rows.iter().all(|row| row.counts.ok == row.counts.calls));
}

#[test]
fn an_ending_with_its_decision_counts_as_one_behind_it() {
    let company = company();
    let call = call(SHOP, LIST, 0);
    let [whole, apart] = [2, 3].map(|number| count(Spread::new(), &entries(&company, number, &call)));
    assert_eq!(whole.rows[0].facts, apart.rows[0].facts);
    let sums = |batch: &Batch| {
        let counts = batch.rows[0].counts;
        (counts.calls, counts.ok, counts.bytes_in, counts.bytes_out)
    };
    assert_eq!(sums(&whole), (1, 1, 120, 2_400));
    assert_eq!(sums(&whole), sums(&apart));
}

#[test]
fn an_ending_of_another_batch_is_late_and_one_without_a_decision_makes_no_row() {
    let all = entries_of(&[call(SHOP, LIST, 0)]);
    let (decided, ending) = all.split_at(1);
    let first = count(Spread::new(), decided);
    assert_eq!((first.opened.len(), first.opened[0].row, first.rows[0].counts.ok), (1, 0, 0));
    let second = count(Spread::new(), ending);
    assert_eq!((second.rows.len(), second.late[0].id), (0, first.opened[0].id));
    assert_eq!(second.late[0].ending.status, 200);
}

#[test]
fn the_order_of_endings_does_not_matter() {
    let calls = [call(SHOP, LIST, 0), call(SHOP, READ, 1)];
    let mut mixed = entries_of(&calls);
    let straight = count(Spread::new(), &mixed);
    // Decision, decision, the second one's ending, the first one's.
    mixed.swap(1, 2);
    mixed.swap(2, 3);
    assert_eq!(count(Spread::new(), &mixed), straight);
}

/// How much a new row keeps.
fn kept(spread: Spread, call: Call) -> &'static str {
    let facts = count(spread, &entries_of(&[call])).rows.remove(0).facts;
    match (facts.network, facts.caller.as_str()) {
        (Network::Unknown, OTHER) => {
            assert_eq!((facts.operation.as_str(), facts.key, facts.incomplete), (OTHER, None, true));
            "together"
        }
        (Network::Unknown, _) => {
            assert!(facts.incomplete);
            "coarse"
        }
        (Network::Within(network), _) => {
            assert_eq!(network, "10.0.0.0".parse::<std::net::IpAddr>().unwrap());
            "network"
        }
        (Network::Address(address), _) => {
            assert_eq!(address, "10.0.0.1".parse::<std::net::IpAddr>().unwrap());
            "exact"
        }
    }
}

#[test]
fn rows_of_known_callers_become_coarser_as_they_become_many_and_some_of_each_do_not() {
    let plenty = CALLER_COARSE;
    for (others, own, expected) in [
        (ROWS_EXACT - plenty - 1, plenty, "exact"),
        (ROWS_EXACT - plenty, plenty, "network"),
        (ROWS_EXACT, CALLER_EXACT - 1, "exact"),
        (ROWS_EXACT, CALLER_EXACT, "network"),
        (ROWS_COARSE - plenty - 1, plenty, "network"),
        (ROWS_COARSE - plenty, plenty, "coarse"),
        (ROWS_COARSE, CALLER_EXACT - 1, "exact"),
        (ROWS_COARSE, CALLER_COARSE - 1, "network"),
        // Half of all is for coarse rows.
        (ROWS_MAX / 2 - 1, 0, "exact"),
        (ROWS_MAX / 2, 0, "coarse"),
        (ROWS_MAX - 1, 0, "coarse"),
        (ROWS_MAX, 0, "together"),
    ] {
        assert_eq!(kept(spread(others, own, 0), call(SHOP, LIST, 0)), expected, "{others} {own}");
    }
}

#[test]
fn calls_of_nobody_that_is_known_take_no_rows_from_callers_that_are() {
    let anonymous = Call { who: Who::Anonymous, key: None, ..call(SHOP, LIST, 0) };
    let claimed = Call { who: Who::Claimed, key: None, ..call(SHOP, LIST, 0) };
    for (unknown, expected) in [
        (UNKNOWN_EXACT - 1, "exact"),
        (UNKNOWN_EXACT, "network"),
        (UNKNOWN_COARSE, "coarse"),
        (UNKNOWN_MAX, "together"),
    ] {
        for call in [&anonymous, &claimed] {
            assert_eq!(kept(spread(0, 0, unknown), call.clone()), expected, "{unknown}");
        }
        assert_eq!(kept(spread(0, 0, unknown), call(SHOP, LIST, 0)), "exact");
    }
    // Nor the other way round.
    assert_eq!(kept(spread(ROWS_MAX, 0, 0), anonymous), "exact");
}

/// What somebody with a stolen key was refused is the clearest sign of it.
#[test]
fn refusals_of_a_verified_key_keep_the_key_and_the_address_and_those_of_anybody_do_not() {
    let address = std::net::IpAddr::from([10, 0, 0, 7]);
    let scan = Call { operation: None, address, ..call(SHOP, LIST, 0) };
    let elsewhere = Call { address: std::net::IpAddr::from([10, 0, 0, 8]), ..scan };
    let out_of_scope = Call { in_scope: false, address, ..call(SHOP, LIST, 0) };
    let batch = count(Spread::new(), &entries_of(&[scan.clone(), elsewhere, out_of_scope, scan.clone()]));
    let rows: Vec<_> = batch
        .rows
        .iter()
        .map(|row| (row.facts.reason.as_str(), row.facts.key.is_some(), &row.facts.network, row.counts.calls))
        .collect();
    let [seven, eight] = [7, 8].map(|last| Network::Address(std::net::IpAddr::from([10, 0, 0, last])));
    assert_eq!(
        rows,
        [
            ("unknown_operation", true, &seven, 2),
            ("unknown_operation", true, &eight, 1),
            ("out_of_scope", true, &seven, 1)
        ]
    );
    let many = spread(ROWS_COARSE, CALLER_COARSE, 0);
    let coarse = count(many, &entries_of(std::slice::from_ref(&scan))).rows.remove(0).facts;
    assert_eq!((coarse.network, coarse.key.is_some()), (Network::Unknown, true));
    // The nearest who proved nothing: whatever he varies is one row.
    let claimed = |last| {
        let address = std::net::IpAddr::from([10, 0, 1, last]);
        Call { who: Who::Claimed, address, ..scan }
    };
    let batch = count(Spread::new(), &entries_of(&[claimed(1), claimed(2)]));
    let [row] = &batch.rows[..] else { panic!("{:?}", batch.rows) };
    assert_eq!((&row.facts.key, &row.facts.network, row.counts.calls), (&None, &Network::Unknown, 2));
}

#[test]
fn rows_of_another_api_or_day_are_not_counted_against_it() {
    let many = spread(ROWS_MAX, 0, 0).into_values().next().unwrap();
    for place in [(day(), "secrets".to_owned()), (day() - 1, "orders".to_owned())] {
        assert_eq!(kept(Spread::from([(place, many.clone())]), call(SHOP, LIST, 0)), "exact");
    }
}

#[test]
fn rows_of_a_batch_count_against_the_next_ones_of_it() {
    let from = |last| Call { address: std::net::IpAddr::from([10, 0, 0, last]), ..call(SHOP, LIST, 0) };
    let own = CALLER_COARSE;
    let batch = count(spread(ROWS_EXACT - own - 1, own, 0), &entries_of(&[from(1), from(2), from(3)]));
    let rows: Vec<_> = batch.rows.iter().map(|row| (&row.facts.network, row.counts.calls)).collect();
    let within = Network::Within("10.0.0.0".parse().unwrap());
    assert_eq!(rows, [(&Network::Address("10.0.0.1".parse().unwrap()), 1), (&within, 2)]);
}

#[test]
fn what_was_erased_is_counted_for_nobody_and_what_was_lost_is_told() {
    let mut all = entries_of(&[call(SHOP, LIST, 0)]);
    all[0].1 = None;
    let mut loss = Vec::new();
    let time = Timestamp::from_seconds(1);
    put_loss_leaf(&mut loss, &Loss { time, cause: LossCause::RingFull, count: 7 });
    all.push((loss, None));
    let batch = count(Spread::new(), &all);
    let facts = &batch.rows[0].facts;
    assert_eq!((facts.caller.as_str(), &facts.key, facts.incomplete), ("(erased)", &None, true));
    assert_eq!(batch.lost, 7);
}
