//! Recorded calls through other policies.

use advise::{Flip, ReplayQuestion, Replayed, Side, replay};
use testkit::company::{Call, Company, Place, Who};

use super::log::usage;
use super::small::{DELETE, LIST, READ, SHOP, call, company, often};
use super::world::Made;

fn grant(company: &Company, place: Place, condition: &str) -> String {
    format!(
        "@id(\"g{}\") @owner(\"owners\") @reason(\"r\") @expires(\"2099-01-01\")\n\
         permit (principal, action == Action::\"{}\", resource){condition};\n",
        place.1,
        company.id(place)
    )
}

/// Judges calls by two texts; `observes` says whether the APIs observe today.
fn check(calls: &[Call], now: &str, then: &str, observes: bool) -> Replayed {
    let company = company();
    let made = Made::of(&company);
    let (now, then) = (made.compile(now), made.compile(then));
    replay(
        &usage(&company, calls),
        &ReplayQuestion {
            now: Side { catalog: &made.catalog, policies: Some(&now) },
            then: Side { catalog: &made.catalog, policies: Some(&then) },
            directory: &made,
            at: model::Timestamp::from_seconds(0),
            observes_now: &|_| observes,
            observes_then: &|_| false,
        },
    )
}

fn shown(flips: &[Flip]) -> Vec<(&str, &str, &str, u64)> {
    flips.iter().map(|flip| (flip.operation.as_str(), flip.now, flip.then, flip.count)).collect()
}

#[test]
fn flips_go_both_ways_and_what_does_not_change_is_none() {
    let company = company();
    let calls =
        [vec![call(SHOP, LIST, 0), call(SHOP, LIST, 1)], vec![call(SHOP, READ, 2)], often(SHOP, DELETE)];
    let calls: Vec<Call> = calls.concat();
    let (list, read) = (grant(&company, LIST, ""), grant(&company, READ, ""));
    let replayed = check(&calls, &list, &read, false);
    assert_eq!(shown(&replayed.would_lose), [("orders:GET /orders", "allowed", "denied", 2)]);
    assert_eq!(shown(&replayed.would_gain), [("orders:GET /orders/{id}", "denied", "allowed", 1)]);
    assert_eq!((replayed.calls, replayed.pass_both, replayed.refused_both), (123, 0, 120));
    let lost = &replayed.would_lose[0];
    assert_eq!((lost.reason, lost.caller.as_str(), lost.samples.len()), (Some("no_grant"), "app:shop", 2));
    assert_eq!(replayed.would_gain[0].policies, ["g1"]);
    let same = check(&calls, &list, &list, false);
    assert_eq!((same.lost_calls(), same.gained_calls(), same.pass_both), (0, 0, 2));
}

#[test]
fn who_passes_by_being_observed_loses_without_a_grant_and_gains_by_one() {
    let company = company();
    let calls = [call(SHOP, LIST, 0)];
    let none = check(&calls, "", "", true);
    assert_eq!(shown(&none.would_lose), [("orders:GET /orders", "would_deny", "denied", 1)]);
    let granted = check(&calls, "", &grant(&company, LIST, ""), true);
    assert_eq!(shown(&granted.would_gain), [("orders:GET /orders", "would_deny", "allowed", 1)]);
    assert_eq!(granted.lost_calls(), 0);
    let anonymous = [Call { who: Who::Anonymous, key: None, ..call(SHOP, LIST, 0) }];
    let replayed = check(&anonymous, "", &grant(&company, READ, ""), true);
    assert_eq!(replayed.would_lose[0].reason, Some("no_credential"));
}

#[test]
fn an_answer_is_approximate_where_it_rests_on_what_was_not_recorded() {
    let company = company();
    let calls = [call(SHOP, READ, 0), call(SHOP, LIST, 0)];
    let now = grant(&company, READ, "") + &grant(&company, LIST, "");
    let narrow = grant(&company, READ, " when { context.params.id == \"7\" }") + &grant(&company, LIST, "");
    let replayed = check(&calls, &now, &narrow, false);
    assert_eq!(replayed.would_lose[0].approximate, ["params.id"]);
    assert_eq!((replayed.approximate_calls, replayed.pass_both), (1, 1));
    // What is recorded of every call is exact.
    let strong = grant(&company, READ, " when { context.strength >= 3 }") + &grant(&company, LIST, "");
    let replayed = check(&calls, &now, &strong, false);
    assert_eq!(replayed.would_lose[0].approximate, Vec::<String>::new());
    assert_eq!(replayed.approximate_calls, 0);
}

#[test]
fn an_operation_that_the_candidate_does_not_declare_is_lost_by_that() {
    let (full, mut without) = (company(), company());
    without.apis[0].operations.truncate(1);
    let (made, less) = (Made::of(&full), Made::of(&without));
    let all = "@id(\"all\") @owner(\"owners\") @reason(\"r\") @expires(\"2099-01-01\")\n\
               permit (principal, action in Action::\"orders\", resource);";
    let (now, then) = (made.compile(all), less.compile(all));
    let replayed = replay(
        &usage(&full, &[call(SHOP, LIST, 0), call(SHOP, READ, 1)]),
        &ReplayQuestion {
            now: Side { catalog: &made.catalog, policies: Some(&now) },
            then: Side { catalog: &less.catalog, policies: Some(&then) },
            directory: &made,
            at: model::Timestamp::from_seconds(0),
            observes_now: &|_| false,
            observes_then: &|_| false,
        },
    );
    assert_eq!(shown(&replayed.would_lose), [("orders:GET /orders/{id}", "allowed", "denied", 1)]);
    assert_eq!(replayed.would_lose[0].reason, Some("unknown_operation"));
    assert_eq!(replayed.pass_both, 1);
}

#[test]
fn what_was_refused_before_policy_is_not_judged_again() {
    let company = company();
    let out_of_scope = Call { in_scope: false, status: 403, ..call(SHOP, LIST, 0) };
    let unknown = Call { operation: None, status: 404, ..call(SHOP, LIST, 1) };
    let replayed = check(&[out_of_scope, unknown], "", &grant(&company, LIST, ""), false);
    assert_eq!((replayed.calls, replayed.gained_calls()), (0, 0));
    assert_eq!(replayed.left_out.values().sum::<u64>(), 2);
}

#[test]
fn what_passes_since_only_its_declaration_does_not_fit_is_lost_when_enforced() {
    let mut company = company();
    company.keys[SHOP].scopes = ["orders:GET /orders".to_owned()].into();
    let made = Made::of(&company);
    let read = grant(&company, READ, "");
    let policies = made.compile(&read);
    let side = Side { catalog: &made.catalog, policies: Some(&policies) };
    let judge = |company: &Company, observes_then: bool| {
        replay(
            &usage(company, &[Call { in_scope: false, ..call(SHOP, READ, 0) }]),
            &ReplayQuestion {
                now: side,
                then: side,
                directory: &made,
                at: model::Timestamp::from_seconds(0),
                observes_now: &|_| true,
                observes_then: &|_| observes_then,
            },
        )
    };
    let replayed = judge(&company, false);
    assert_eq!(shown(&replayed.would_lose), [("orders:GET /orders/{id}", "would_deny", "denied", 1)]);
    assert_eq!(replayed.would_lose[0].reason, Some("out_of_scope"));
    assert_eq!(judge(&company, true).pass_both, 1);
}
