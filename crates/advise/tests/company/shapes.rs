//! Companies of many shapes, each as another generator or another way of testing might make it.

use testkit::company::{
    Addresses, Credentials, Documents, Needs, Pace, Rhythms, Scopes, Shape, Spray, StolenKey,
};

use super::judge::{Judged, judge};

/// One in a hundred of what is allowed may be needed by nobody, one in a thousand calls of a need denied.
fn assert_good(name: &str, shapes: impl IntoIterator<Item = Shape>) {
    let mut all = Judged::default();
    for shape in shapes {
        let judged = judge(shape);
        assert!(judged.poisoned.is_empty(), "{name} {}, poisoned pairs are allowed: {judged:#?}", shape.seed);
        assert!(judged.again.is_empty(), "{name} {}, proposed again: {judged:#?}", shape.seed);
        all.add(&judged);
    }
    assert!(0 < all.allowed && 0 < all.calls, "{name}: {all:#?}");
    assert!(all.unneeded * 100 <= all.allowed, "{name}, over-grant: {all:#?}");
    assert!(all.denied * 1_000 <= all.calls, "{name}, under-grant after the owners' word: {all:#?}");
    assert!(all.denied_ready * 1_000 <= all.calls_ready, "{name}, under-grant of what is ready: {all:#?}");
}

fn months(seeds: std::ops::Range<u64>) -> impl Iterator<Item = Shape> {
    seeds.map(Shape::of_a_month)
}

#[test]
fn a_month_of_a_company() {
    assert_good("month", months(1..3));
}

#[test]
fn a_month_of_few_clients_and_of_many() {
    assert_good("few", months(11..13).map(|shape| Shape { clients: 9, apis: 2, teams: 2, ..shape }));
    assert_good("many", months(21..22).map(|shape| Shape { clients: 80, apis: 8, calls: 8, ..shape }));
}

#[test]
fn keys_with_the_scopes_of_single_operations_alone() {
    assert_good("exact", months(31..33).map(|shape| Shape { scopes: Scopes::Exact, ..shape }));
}

/// Clients that tokens show need things that they hardly ever call, and their tokens have the scopes for many others.
#[test]
fn documents_that_ask_for_scopes() {
    let asking = |shape| Shape { documents: Documents::AskScopes, ..shape };
    assert_good("scopes", months(121..124).map(asking));
    let many = |shape| asking(Shape { clients: 60, apis: 6, ..shape });
    assert_good("many with scopes", months(124..125).map(many));
}

/// What the key that was revoked called is told and not proposed; an owner who knows the need grants it by hand.
#[test]
fn a_client_whose_only_key_leaked() {
    let only = |shape| Shape { stolen: StolenKey::Only, ..shape };
    assert_good("only key", months(131..134).map(only));
}

#[test]
fn team_mates_with_equal_needs() {
    let shape = |shape| Shape { needs: Needs::OfTeam, teams: 5, credentials: Credentials::Keys, ..shape };
    assert_good("teams", months(41..43).map(shape));
    let shape = |shape| Shape { needs: Needs::OfTeam, teams: 4, credentials: Credentials::Mixed, ..shape };
    assert_good("teams with tokens", months(44..46).map(shape));
}

#[test]
fn restricted_data_whose_writes_need_a_word() {
    assert_good("restricted", months(51..53).map(|shape| Shape { sensitive: true, ..shape }));
}

#[test]
fn clients_of_one_network_and_of_changing_ones() {
    assert_good("one", months(61..62).map(|shape| Shape { addresses: Addresses::One, ..shape }));
    assert_good("rotating", months(64..66).map(|shape| Shape { addresses: Addresses::Rotating, ..shape }));
}

/// Where nearly each call has another network, networks neither hold back nor vouch.
#[test]
fn clients_whose_networks_change_with_each_call() {
    let functions = |shape| Shape { addresses: Addresses::Functions, ..shape };
    assert_good("functions", months(141..143).map(functions));
    let pool = |shape| Shape { addresses: Addresses::Pool, ..shape };
    assert_good("pool", months(144..146).map(pool));
}

/// Who calls once a day or once a week is outnumbered by whoever has its key.
#[test]
fn quiet_clients_whose_keys_are_used_by_thieves() {
    let quiet = |shape| Shape {
        rhythms: Rhythms::Quiet,
        needs: Needs::Few,
        addresses: Addresses::One,
        scopes: Scopes::Exact,
        ..shape
    };
    for spray in [Spray::Slow, Spray::Mixed, Spray::Botnet, Spray::Two] {
        let sprayed = |shape| Shape { spray, scopes: Scopes::Mixed, ..quiet(shape) };
        assert_good("quiet", months(151..153).map(sprayed));
        assert_good(
            "quiet and late",
            months(154..156).map(|shape| Shape { spray_from: 80, ..sprayed(shape) }),
        );
    }
    assert_good("quiet with exact scopes", months(157..158).map(quiet));
}

#[test]
fn thieves_of_many_networks() {
    for spray in [Spray::Slow, Spray::Botnet, Spray::Two] {
        assert_good("thieves", months(161..162).map(|shape| Shape { spray, ..shape }));
        let early = |shape| Shape { spray, spray_from: 4, addresses: Addresses::One, ..shape };
        assert_good("early thieves", months(163..164).map(early));
        let rotating = |shape| Shape { spray, addresses: Addresses::Rotating, ..shape };
        assert_good("thieves of who changes networks", months(165..166).map(rotating));
    }
}

/// Who does little regularly may try much.
#[test]
fn bursts_of_curiosity_beside_little_work() {
    for curiosity in [2, 4] {
        let curious =
            |shape| Shape { needs: Needs::Few, curiosity, curious_about: 9, scopes: Scopes::Mixed, ..shape };
        assert_good("bursts", months(171..173).map(curious));
        assert_good(
            "bursts beside quiet work",
            months(173..175).map(|shape| Shape {
                rhythms: Rhythms::Quiet,
                addresses: Addresses::One,
                ..curious(shape)
            }),
        );
    }
}

#[test]
fn a_spray_that_is_there_from_the_beginning() {
    assert_good("early spray", months(71..73).map(|shape| Shape { spray_from: 0, ..shape }));
    let late = |shape| Shape { spray_from: 80, addresses: Addresses::One, ..shape };
    assert_good("late spray", months(74..75).map(late));
}

#[test]
fn curiosity_that_calls_twice() {
    assert_good("curiosity", months(81..83).map(|shape| Shape { curiosity: 2, ..shape }));
}

/// Thirty days as a test plays them: within minutes, all on one day of the calendar.
#[test]
fn a_month_within_minutes() {
    let hurry = |shape| Shape { day_seconds: 20, ..shape };
    assert_good("hurry", months(91..93).map(hurry));
    let loopback = |shape| Shape { day_seconds: 20, addresses: Addresses::Loopback, ..shape };
    assert_good("hurry on one machine", months(94..96).map(loopback));
    let early = |shape| Shape { day_seconds: 20, spray_from: 0, curiosity: 2, ..shape };
    assert_good("hurry, sprayed and curious", months(97..99).map(early));
}

/// A script calls for one client after the other, so that the last ones are seen at the very end.
#[test]
fn clients_one_after_the_other() {
    let script = |shape| Shape {
        days: 3,
        day_seconds: 60,
        calls: 20,
        pace: Pace::OneByOne,
        addresses: Addresses::One,
        ..shape
    };
    assert_good("one by one", months(111..113).map(script));
}

/// One day is learned from. What is called on it at all is called often enough to be known.
#[test]
fn some_hours_of_learning() {
    let short = |shape| Shape { days: 1, calls: 200, ..shape };
    assert_good("hours", months(101..103).map(short));
    let minutes = |shape| Shape { days: 1, day_seconds: 120, calls: 100, ..shape };
    assert_good("minutes", months(104..106).map(minutes));
}
