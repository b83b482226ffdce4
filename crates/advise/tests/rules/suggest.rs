//! What is evidence, what needs somebody's word, and what is joined.

use advise::{Basis, Grantee, Reach};
use model::Network;
use testkit::company::{Call, Company, Place, Standing, Who};

use super::small::{
    DAY, DELETE, HOUR, LIST, MAKE, MAKE_SECRET, OTHER, READ, SECRETS, SHOP, TILL, away, call, company, key,
    often, propose, propose_beside, propose_in, word,
};

/// What is said of `place` when `shop` makes these calls beside one that it makes often.
fn check(calls: Vec<Call>, place: Place, expected: &str) {
    check_in(&company(), calls, place, expected);
}

fn check_in(company: &Company, calls: Vec<Call>, place: Place, expected: &str) {
    let suggestion = propose(company, &[often(SHOP, LIST), often(SHOP, MAKE), calls]);
    assert_eq!(word(&suggestion, company, place), expected, "{:#?}", suggestion.proposals);
}

#[test]
fn one_call_needs_a_word_and_two_on_two_days_do_not() {
    check(vec![call(SHOP, READ, DAY)], READ, "called_once");
    check(vec![call(SHOP, READ, DAY), call(SHOP, READ, 9 * DAY)], READ, "ready");
}

#[test]
fn a_few_calls_within_an_hour_need_a_word_and_many_do_not() {
    let within_an_hour =
        |count: i64| (0..count).map(|number| call(SHOP, READ, DAY + number * 60)).collect::<Vec<_>>();
    check(within_an_hour(2), READ, "called_in_one_hour");
    check(within_an_hour(5), READ, "called_in_one_hour");
    check(within_an_hour(6), READ, "ready");
    check(vec![call(SHOP, READ, DAY), call(SHOP, READ, DAY + 2 * HOUR)], READ, "ready");
}

#[test]
fn who_does_everything_at_one_moment_is_not_conspicuous_by_it() {
    let company = company();
    let moment =
        |place, begin: i64| (0..3).map(|number| call(SHOP, place, begin + number)).collect::<Vec<_>>();
    let all = [moment(LIST, 0), moment(READ, 200), moment(MAKE, 400), moment(DELETE, 600)];
    assert_eq!(word(&propose(&company, &all), &company, READ), "ready");
    let regular = (0..100).map(|number| call(SHOP, LIST, 6 * number)).collect();
    let one = [regular, moment(READ, 200)];
    assert_eq!(word(&propose(&company, &one), &company, READ), "called_in_one_hour");
}

/// The more somebody tries, the less it is his usual way: what the caller does again and again says what is.
#[test]
fn bursts_wait_beside_regular_work_however_many_they_are() {
    let company = company();
    let burst = |place, day: i64| (0..3).map(|n| call(SHOP, place, day * DAY + n)).collect::<Vec<_>>();
    let foreign = [READ, MAKE, DELETE, SECRETS];
    let tries = foreign.map(|place| burst(place, 16));
    let weekly: Vec<Call> = [0, 7, 14, 21].map(|day| call(SHOP, LIST, day * DAY)).into();
    for work in [often(SHOP, LIST), weekly] {
        let calls = [vec![work], tries.to_vec()].concat();
        let suggestion = propose(&company, &calls);
        assert_eq!(word(&suggestion, &company, LIST), "ready");
        for place in foreign {
            assert_eq!(word(&suggestion, &company, place), "called_in_one_hour");
        }
        // What comes again on another day is needed.
        let again = [calls, vec![burst(READ, 23)]].concat();
        assert_eq!(word(&propose(&company, &again), &company, READ), "ready");
    }
    // Neither does it help to try on several days what never comes again.
    let days = [burst(READ, 3), burst(MAKE, 9), burst(DELETE, 16)];
    assert_eq!(word(&propose(&company, &days), &company, MAKE), "called_in_one_hour");
    // Who came at one moment alone was not here for longer than that.
    assert_eq!(word(&propose(&company, &tries), &company, READ), "ready");
}

/// A script that is over within seconds calls one operation after the other; nobody was there for longer than that.
#[test]
fn operations_one_after_the_other_within_seconds_are_no_tries() {
    let company = company();
    let run = |place, count: i64, begin: i64| {
        let micros = |n: i64| call(SHOP, place, 0).time + (begin + n) * 3_000;
        (0..count).map(|n| Call { time: micros(n), ..call(SHOP, place, 0) }).collect::<Vec<_>>()
    };
    let calls =
        [run(LIST, 20, 0), run(READ, 2, 20), run(MAKE, 3, 22), run(SECRETS, 8, 25), run(DELETE, 1, 33)];
    let suggestion = propose(&company, &calls);
    for place in [LIST, READ, MAKE, SECRETS] {
        assert_eq!(word(&suggestion, &company, place), "ready", "{place:?}");
    }
    assert_eq!(word(&suggestion, &company, DELETE), "called_once");
    // Where other work goes on around it, a moment is one.
    let around = [run(LIST, 40, 0), run(READ, 2, 20)];
    assert_eq!(word(&propose(&company, &around), &company, READ), "called_in_one_hour");
}

#[test]
fn a_caller_of_the_last_day_is_new_and_one_of_the_day_before_is_not() {
    let company = company();
    let calls = |from: i64| (from..715).map(|hour| call(OTHER, READ, hour * HOUR)).collect::<Vec<_>>();
    let said = |from| word(&propose(&company, &[often(SHOP, LIST), calls(from)]), &company, READ);
    assert_eq!(said(692), "new_caller");
    assert_eq!(said(689), "ready");
}

#[test]
fn in_minutes_a_caller_is_new_where_the_others_were_there_and_not_where_they_take_turns() {
    let company = company();
    let calls = |client, place, from: i64| (0..40).map(|n| call(client, place, from + n)).collect::<Vec<_>>();
    let late = calls(OTHER, READ, 400);
    let there = [calls(SHOP, LIST, 0), calls(TILL, LIST, 20), calls(TILL, MAKE, 100), late.clone()];
    assert_eq!(word(&propose(&company, &there), &company, READ), "new_caller");
    let turns = [calls(SHOP, LIST, 0), calls(TILL, MAKE, 200), late];
    assert_eq!(word(&propose(&company, &turns), &company, READ), "ready");
}

#[test]
fn what_comes_only_from_a_late_network_needs_a_word() {
    let days = |from: i64| (from..30).map(|day| away(call(SHOP, READ, day * DAY + HOUR))).collect::<Vec<_>>();
    check(days(20), READ, "new_network");
    check(days(0), READ, "ready");
    // A try from where it is at home makes nothing of that more usual.
    let mut tried_at_home = days(20);
    tried_at_home.push(call(SHOP, READ, 3 * DAY));
    check(tried_at_home.clone(), READ, "new_network");
    tried_at_home.push(call(SHOP, READ, 5 * DAY));
    check(tried_at_home, READ, "ready");
}

#[test]
fn a_slow_spray_is_told_though_its_network_was_there_from_the_beginning() {
    let company = company();
    let spray = |places: &[Place]| {
        let calls = places.iter().flat_map(|place| [1, 11].map(|day| away(call(SHOP, *place, day * DAY))));
        calls.collect::<Vec<_>>()
    };
    let said =
        |places: &[Place]| word(&propose(&company, &[often(SHOP, LIST), spray(places)]), &company, READ);
    assert_eq!(said(&[READ, DELETE, SECRETS]), "new_network");
    assert_eq!(said(&[READ]), "new_network");
}

#[test]
fn a_scanner_is_who_misses_more_than_it_hits() {
    let company = company();
    let misses = |count: i64| {
        let missed = |number| Call { operation: None, status: 404, ..call(SHOP, LIST, number * HOUR) };
        (0..count).map(missed).collect::<Vec<_>>()
    };
    let said = |count| word(&propose(&company, &[often(SHOP, LIST), misses(count)]), &company, LIST);
    assert_eq!(said(121), "mostly_misses");
    assert_eq!(said(120), "ready");
}

#[test]
fn writes_of_restricted_data_need_a_word_and_other_writes_do_not() {
    check(often(SHOP, MAKE_SECRET), MAKE_SECRET, "sensitive_write");
    check(often(SHOP, SECRETS), SECRETS, "ready");
    check(Vec::new(), MAKE, "ready");
}

#[test]
fn a_grant_that_would_pass_by_a_rule_about_objects_needs_a_word() {
    let company = company();
    let own = r#"@id("own") @owner("owners") @reason("r") @expires("2099-01-01")
        permit (principal, action == Action::"orders:GET /orders/{id}", resource) when { context.params.id == "7" };"#;
    let suggestion = propose_beside(&company, own, &[often(SHOP, READ), often(SHOP, LIST)]);
    assert_eq!(word(&suggestion, &company, READ), "object_rule");
    assert_eq!(word(&suggestion, &company, LIST), "ready");
}

#[test]
fn the_scope_of_just_an_operation_is_a_word_and_that_of_a_group_is_none() {
    let mut company = company();
    check_in(&company, Vec::new(), DELETE, "no proposal");
    check_in(&company, vec![away(call(SHOP, DELETE, 29 * DAY))], DELETE, "new_network");
    let exact = company.id(DELETE);
    company.keys[SHOP] = key(SHOP, &["orders", &exact]);
    check_in(&company, Vec::new(), DELETE, "ready");
    check_in(&company, vec![away(call(SHOP, DELETE, 29 * DAY))], DELETE, "ready");
    let suggestion = propose(&company, &[often(SHOP, LIST)]);
    let declared = suggestion.proposals.iter().find(|one| one.basis == Basis::Declared).unwrap();
    assert_eq!((declared.evidence.calls, &declared.reach), (0, &Reach::Operations(vec![exact])));
    // A key that was stopped says nothing.
    company.keys[SHOP].stopped = Some("revoked");
    assert_eq!(word(&propose(&company, &[Vec::new()]), &company, DELETE), "no proposal");
}

#[test]
fn only_successes_of_verified_callers_are_evidence() {
    let change = |with: fn(Call) -> Call| often(SHOP, READ).into_iter().map(with).collect::<Vec<_>>();
    check(change(|call| call), READ, "ready");
    check(change(|call| Call { status: 304, ..call }), READ, "ready");
    check(change(|call| Call { status: 404, ..call }), READ, "no proposal");
    check(change(|call| Call { status: 500, ..call }), READ, "no proposal");
    check(change(|call| Call { in_scope: false, status: 403, ..call }), READ, "no proposal");
    check(change(|call| Call { who: Who::Anonymous, key: None, ..call }), READ, "no proposal");
    check(change(|call| Call { who: Who::Claimed, key: None, ..call }), READ, "no proposal");
}

#[test]
fn what_came_from_a_blocked_network_is_no_evidence() {
    let company = company();
    let calls = [often(SHOP, LIST), often(SHOP, READ).into_iter().map(away).collect()];
    let said = |blocked: &str| {
        let blocked = Network::parse(blocked).unwrap();
        let suggestion = propose_in(&company, "", &calls, |made| made.blocked.push(blocked));
        [LIST, READ].map(|place| word(&suggestion, &company, place))
    };
    assert_eq!(said("203.0.112.0/24"), ["ready", "ready"]);
    assert_eq!(said("203.0.113.9"), ["ready", "no proposal"]);
}

#[test]
fn what_a_leaked_key_did_is_withdrawn_and_what_it_got_is_named() {
    let mut company = company();
    company.keys.push(testkit::company::Key { id: "secondkey000".to_owned(), ..key(SHOP, &["orders"]) });
    let by_second =
        |place| often(SHOP, place).into_iter().map(|call| Call { key: Some(3), ..call }).collect();
    let grant = r#"@id("old") @owner("owners") @reason("r") @expires("2099-01-01")
        permit (principal == Application::"shop", action == Action::"orders:DELETE /orders/{id}", resource);"#;
    let calls: [Vec<Call>; 3] = [often(SHOP, LIST), by_second(READ), by_second(DELETE)];
    let sound = propose_beside(&company, grant, &calls);
    assert_eq!(word(&sound, &company, READ), "ready");
    assert!(sound.withdrawn.is_empty());
    company.keys[3].stopped = Some("leaked");
    let leaked = propose_beside(&company, grant, &calls);
    assert_eq!(word(&leaked, &company, READ), "no proposal");
    assert_eq!(word(&leaked, &company, LIST), "ready");
    let withdrawn = &leaked.withdrawn[0];
    assert_eq!((withdrawn.calls, &withdrawn.granted_by), (240, &vec!["old".to_owned()]));
    // What is permitted is not told as missing.
    let told: Vec<_> = withdrawn.operations.iter().map(|lost| lost.operation.clone()).collect();
    assert_eq!(told, [company.id(READ)]);
}

#[test]
fn what_the_only_key_did_that_leaked_is_told_and_never_proposed() {
    let mut company = company();
    company.keys.push(testkit::company::Key { id: "secondkey000".to_owned(), ..key(SHOP, &["orders"]) });
    company.keys[SHOP].stopped = Some("leaked\nin a \u{85}repository");
    let by_second =
        |place| often(SHOP, place).into_iter().map(|call| Call { key: Some(3), ..call }).collect();
    // Nothing came with the new key yet.
    let calls = [often(SHOP, LIST), often(SHOP, READ)];
    let suggestion = propose(&company, &calls);
    assert!(suggestion.proposals.is_empty(), "{:#?}", suggestion.proposals);
    let [withdrawn] = &suggestion.withdrawn[..] else { panic!("{suggestion:#?}") };
    let told: Vec<_> =
        withdrawn.operations.iter().map(|lost| (lost.operation.as_str(), lost.calls)).collect();
    assert_eq!(told, [(&*company.id(LIST), 120), (&*company.id(READ), 120)]);
    let comment = withdrawn.comment("orders");
    assert!(comment.lines().all(|line| line.starts_with("// ")), "{comment}");
    assert!(
        comment.contains(
            "principal == Application::\"shop\", action == Action::\"orders:GET /orders\": 120 calls"
        )
    );
    assert!(!comment.contains("permit"), "there is nothing to uncover: {comment}");
    assert_eq!(withdrawn.comment("secrets"), "");
    // What it calls with the new one is evidence by itself, and what only the old one called stays told.
    let [old, other]: [Vec<Call>; 2] = calls;
    let suggestion = propose(&company, &[old, other, by_second(READ)]);
    assert_eq!(word(&suggestion, &company, READ), "ready");
    assert_eq!(suggestion.proposals[0].evidence.calls, 120);
    assert_eq!(word(&suggestion, &company, LIST), "no proposal");
    let told: Vec<_> = suggestion.withdrawn[0].operations.iter().map(|lost| lost.operation.clone()).collect();
    assert_eq!(told, [company.id(LIST)]);
    // The scope of the new key for just an operation is a word, whoever called it before.
    company.keys[3].scopes = vec![company.id(LIST)];
    assert_eq!(word(&propose(&company, &[often(SHOP, LIST)]), &company, LIST), "ready");
}

#[test]
fn a_stopped_key_that_called_everything_is_told_of_shortly() {
    let mut company = company();
    let operation = |place: usize| testkit::company::Operation {
        method: "GET",
        path: format!("/orders/{place}"),
        scopes: Vec::new(),
    };
    company.apis[0].operations = (0..60).map(operation).collect();
    company.keys[SHOP].stopped = Some("leaked");
    let calls = (0..60).map(|place| call(SHOP, (0, place), DAY)).collect();
    let suggestion = propose(&company, &[calls]);
    let withdrawn = &suggestion.withdrawn[0];
    assert_eq!((withdrawn.operations.len(), withdrawn.more), (50, 10));
    assert!(
        withdrawn.comment("orders").ends_with("// and 10 more operations\n"),
        "{}",
        withdrawn.comment("orders")
    );
}

#[test]
fn a_group_is_named_where_all_of_it_is_used() {
    let company = company();
    let reach = |calls: &[Vec<Call>]| propose(&company, calls).proposals[0].reach.clone();
    assert_eq!(reach(&[often(SHOP, LIST), often(SHOP, READ)]), Reach::Group("orders:read".to_owned()));
    assert_eq!(reach(&[often(SHOP, LIST)]), Reach::Operations(vec![company.id(LIST)]));
}

#[test]
fn a_team_is_named_where_each_of_its_clients_needs_the_same() {
    let mut company = company();
    let both = [often(SHOP, LIST), often(TILL, LIST)];
    let suggestion = propose(&company, &both);
    assert_eq!(suggestion.proposals[0].grantee, Grantee::Team("shops".to_owned()));
    assert!(
        suggestion.proposals[0].text.contains("context.strength >= 2"),
        "claimed callers may be of a team"
    );
    let names = |suggestion: advise::Suggestion| {
        let grantees = suggestion.proposals.into_iter().map(|one| one.grantee);
        grantees.filter(|grantee| matches!(grantee, Grantee::Team(_))).count()
    };
    assert_eq!(names(propose(&company, &[often(SHOP, LIST), often(TILL, READ)])), 0);
    assert_eq!(names(propose(&company, &[often(SHOP, LIST)])), 0);
    // Where an issuer gives out the team, nobody knows who will be in it; another team is none of that.
    let given = |team| propose_in(&company, "", &both, |made| made.open_team = Some(team));
    let alone = given("shops");
    assert!(alone.proposals.iter().all(advise::Proposal::is_ready));
    assert_eq!((alone.proposals.len(), names(alone)), (2, 0));
    assert_eq!(names(given("others")), 1);
    // A client that tokens show is of the team, too, and was seen with something else.
    company.clients.push(super::small::client("corp:sync", "shops", Standing::Token));
    let by_token = often(3, READ).into_iter().map(|call| Call { key: None, ..call }).collect();
    let [shop, till] = both;
    assert_eq!(names(propose(&company, &[shop, till, by_token])), 0);
}

#[test]
fn asking_again_beside_what_was_proposed_proposes_nothing_more() {
    let company = company();
    let calls = [often(SHOP, LIST), often(OTHER, READ), vec![call(SHOP, READ, DAY)]];
    let first = propose(&company, &calls);
    let text: String =
        first.proposals.iter().filter(|one| one.is_ready()).map(|one| one.text.as_str()).collect();
    let again = propose_beside(&company, &text, &calls);
    assert_eq!(again.proposals.len(), 1);
    assert_eq!(word(&again, &company, READ), "called_once");
    assert_eq!(again.granted_calls, 240);
}
