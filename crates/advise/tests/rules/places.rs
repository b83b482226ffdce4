//! From where a caller calls: what a thief of its key does there is not its need, what it does there itself is.

use std::net::IpAddr;

use testkit::company::{Call, Place};

use super::small::{
    DAY, DELETE, HOUR, LIST, MAKE, READ, SECRETS, SHOP, away, call, company, often, propose, word,
};

const FOREIGN: [Place; 3] = [MAKE, DELETE, SECRETS];

/// What is said of the thief's operations, which is the same of all, and of the caller's own.
fn check(own: &[Vec<Call>], thief: Vec<Call>, own_places: &[Place], expected: [&str; 2]) {
    let company = company();
    let calls: Vec<Vec<Call>> = own.iter().cloned().chain([thief]).collect();
    let suggestion = propose(&company, &calls);
    for (places, expected) in [(&FOREIGN[..], expected[0]), (own_places, expected[1])] {
        for place in places.iter() {
            assert_eq!(
                word(&suggestion, &company, *place),
                expected,
                "{place:?} {:#?}",
                suggestion.proposals
            );
        }
    }
}

fn weekly(place: Place) -> Vec<Call> {
    [0, 7, 14, 21, 28].map(|day| call(SHOP, place, day * DAY + 9 * HOUR)).into()
}

fn daily(place: Place) -> Vec<Call> {
    (0..30).map(|day| call(SHOP, place, day * DAY + 9 * HOUR)).collect()
}

/// One of a thief's operations after the other, every so many days.
fn spray(from: i64, every: i64, with: impl Fn(Call, i64) -> Call) -> Vec<Call> {
    let days = (from..30).filter(|day| (day - from) % every == 0);
    let calls = days
        .enumerate()
        .map(|(number, day)| with(call(SHOP, FOREIGN[number % FOREIGN.len()], day * DAY + 15 * HOUR), day));
    calls.collect()
}

fn from_network(call: Call, number: i64) -> Call {
    let [.., third, fourth] = number.to_be_bytes();
    Call { address: IpAddr::from([198, third, fourth, 9]), ..call }
}

#[test]
fn a_slow_spray_waits_however_little_its_victim_calls() {
    let quiet = [weekly(LIST), weekly(READ)];
    for from in [1, 3, 14, 25] {
        check(&quiet, spray(from, 1, |call, _| away(call)), &[LIST, READ], ["new_network", "ready"]);
        check(&[daily(LIST)], spray(from, 1, |call, _| away(call)), &[LIST], ["new_network", "ready"]);
        check(&[often(SHOP, LIST)], spray(from, 1, |call, _| away(call)), &[LIST], ["new_network", "ready"]);
    }
    check(&[often(SHOP, LIST)], spray(3, 3, |call, _| away(call)), &[LIST], ["new_network", "ready"]);
    // The same from where the caller is at home is no spray that could be told.
    check(&quiet, spray(14, 1, |call, _| call), &[LIST, READ], ["ready", "ready"]);
}

#[test]
fn thieves_of_several_networks_wait() {
    let quiet = [weekly(LIST), weekly(READ)];
    let botnet = |from| spray(from, 1, from_network);
    let two = |from| spray(from, 1, |call, day| from_network(call, day % 2));
    for own in [quiet.as_slice(), &[daily(LIST), daily(READ)], &[often(SHOP, LIST), often(SHOP, READ)]] {
        for from in [1, 14] {
            check(own, botnet(from), &[LIST, READ], ["new_network", "ready"]);
            check(own, two(from), &[LIST, READ], ["new_network", "ready"]);
        }
    }
    // From the first day on, beside somebody who is there each day.
    check(&[daily(LIST)], botnet(0), &[LIST], ["new_network", "ready"]);
    check(&[daily(LIST)], two(0), &[LIST], ["new_network", "ready"]);
}

#[test]
fn a_thief_who_does_the_callers_work_as_well_waits() {
    for (own, own_calls) in [(weekly(LIST), 1), (daily(LIST), 1), (often(SHOP, LIST), 4)] {
        let mut thief = spray(14, 1, |call, _| away(call));
        for day in 14..30 {
            thief.extend((0..own_calls).map(|n| away(call(SHOP, LIST, day * DAY + (10 + n) * HOUR))));
        }
        check(&[own], thief, &[LIST], ["new_network", "ready"]);
    }
}

/// Who is there from the first day on, and as often as the caller, is the caller for all that a log shows.
#[test]
fn a_thief_of_the_first_day_who_calls_as_regularly_cannot_be_told() {
    check(&[daily(LIST)], spray(0, 1, |call, _| away(call)), &[LIST], ["new_network", "ready"]);
    let foreign = (0..30).flat_map(|day| FOREIGN.map(|place| away(call(SHOP, place, day * DAY + 15 * HOUR))));
    check(&[daily(LIST)], foreign.collect(), &[LIST], ["ready", "ready"]);
}

#[test]
fn a_caller_that_moves_is_at_home_where_its_work_goes_on() {
    let moved = |at: i64, place| {
        let calls = daily(place).into_iter().enumerate();
        calls.map(|(day, call)| if day as i64 >= at { away(call) } else { call }).collect::<Vec<_>>()
    };
    let new = (20..30).flat_map(|day| FOREIGN.map(|place| away(call(SHOP, place, day * DAY + 15 * HOUR))));
    let new: Vec<Call> = new.collect();
    // It left its first network half of its time ago, and mainly works as before.
    let busy = |at| [moved(at, LIST), moved(at, READ), often_away(LIST, at), often_away(READ, at)];
    check(&busy(5), new.clone(), &[LIST, READ], ["ready", "ready"]);
    check(&busy(20), new, &[LIST, READ], ["new_network", "ready"]);
}

/// Who tries its key on the first day and goes into service elsewhere is at home there.
#[test]
fn a_trial_on_the_first_day_is_no_home() {
    let trial: Vec<Call> = (0..3).map(|n| away(call(SHOP, LIST, n * 60))).collect();
    let service = |from: i64| {
        let days =
            (from..30).flat_map(|day| [LIST, READ].map(|place| call(SHOP, place, day * DAY + 9 * HOUR)));
        days.collect::<Vec<_>>()
    };
    check(&[trial.clone(), service(3)], Vec::new(), &[LIST, READ], ["no proposal", "ready"]);
    check(&[trial], service(12), &[LIST, READ], ["no proposal", "new_network"]);
}

/// Somebody who mixes what the caller does into his own from many networks makes no caller of changing networks of it.
#[test]
fn calls_from_many_networks_do_not_make_the_callers_networks_tell_nothing() {
    for own in [vec![daily(LIST)], vec![weekly(LIST), weekly(READ)]] {
        let mut thief = spray(14, 1, from_network);
        for day in 14..30 {
            thief.extend(
                (0..60).map(|n| from_network(call(SHOP, LIST, day * DAY + n * 60), 100 + day * 60 + n)),
            );
        }
        check(&own, thief, &[LIST], ["new_network", "ready"]);
    }
}

/// Of a caller that moves every ten days a thief, too, may move; but he does not take the work along.
#[test]
fn a_thief_of_a_caller_that_moves_waits_though_he_does_its_work_as_well() {
    let mover = |place, hour: i64| {
        let calls =
            (0..30).map(|day| from_network(call(SHOP, place, day * DAY + hour * HOUR), 900 + day / 5));
        calls.collect::<Vec<_>>()
    };
    let thief = |from: i64| {
        let both = spray(from, 1, |call, _| away(call)).into_iter();
        both.flat_map(|foreign| [Call { operation: Some(LIST), api: LIST.0, ..foreign.clone() }, foreign])
    };
    let own = [mover(LIST, 9), mover(LIST, 12), mover(READ, 10)];
    check(&own, thief(14).collect(), &[LIST, READ], ["new_network", "ready"]);
    // What it begins to call where it is by now is its own.
    let late: Vec<Call> = mover(MAKE, 11).into_iter().skip(20).collect();
    let company = company();
    let suggestion = propose(&company, &[own.concat(), late]);
    assert_eq!(word(&suggestion, &company, MAKE), "ready");
}

/// Of many networks by chance hardly one is known when the next call comes; for a few that is otherwise.
#[test]
fn who_calls_seldom_from_many_networks_is_not_asked_for_them() {
    let company = company();
    let daily_of = |networks: i64| {
        (0..30)
            .map(|day| from_network(call(SHOP, LIST, day * DAY + 9 * HOUR), (day * 7 + day / 5) % networks))
            .collect()
    };
    let fortnightly = || [3, 17].map(|day| from_network(call(SHOP, READ, day * DAY), 500 + day)).to_vec();
    let said = |calls: Vec<Call>| word(&propose(&company, &[calls, fortnightly()]), &company, READ);
    assert_eq!(said(daily_of(20)), "ready");
    assert_eq!(said(daily_of(3)), "new_network");
    // Whoever comes later with as many networks makes nothing of that.
    let later = (10..30).map(|day| from_network(call(SHOP, LIST, day * DAY + 10 * HOUR), 600 + day));
    assert_eq!(said([daily_of(1), later.collect()].concat()), "new_network");
}

fn often_away(place: Place, from: i64) -> Vec<Call> {
    often(SHOP, place)
        .into_iter()
        .filter(|one| call(SHOP, place, from * DAY).time <= one.time)
        .map(away)
        .collect()
}

#[test]
fn where_each_call_has_another_network_networks_tell_nothing() {
    let company = company();
    let functions = |place: Place, every: i64| {
        let days = (0..30).filter(|day| day % every == 0);
        let number = |day: i64| i64::try_from(place.0 * 4 + place.1).unwrap() * 1_000 + day;
        days.map(|day| from_network(call(SHOP, place, day * DAY + 9 * HOUR), number(day))).collect::<Vec<_>>()
    };
    let said = |calls: &[Vec<Call>], place| word(&propose(&company, calls), &company, place);
    let calls = [functions(LIST, 1), functions(READ, 7), functions(MAKE, 14), functions(DELETE, 40)];
    assert_eq!(said(&calls, LIST), "ready");
    assert_eq!(said(&calls, READ), "ready");
    assert_eq!(said(&calls, MAKE), "ready");
    assert_eq!(said(&calls, DELETE), "called_once");
    // One operation that is at home somewhere tells that the caller is.
    let calls = [daily(LIST), functions(READ, 7)];
    assert_eq!(said(&calls, READ), "new_network");
}

#[test]
fn of_a_pool_of_networks_each_is_the_callers() {
    let company = company();
    let pool = |place: Place, count: i64, hours: i64| {
        let calls =
            (0..count).map(|n| from_network(call(SHOP, place, n * hours * HOUR), (n * 7 + n / 20) % 20));
        calls.collect::<Vec<_>>()
    };
    for hours in [6, 24] {
        let calls = [pool(LIST, 720 / hours, hours), pool(READ, 2, 14 * 24), pool(MAKE, 4, 7 * 24)];
        assert_eq!(word(&propose(&company, &calls), &company, READ), "ready", "{hours}");
        assert_eq!(word(&propose(&company, &calls), &company, MAKE), "ready", "{hours}");
    }
}
