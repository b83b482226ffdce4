//! Recorded calls through other policies.

use advise::{CallFacts, Flip, Network, OTHER, ReplayQuestion, Replayed, Side, Usage, replay};
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
    replayed(&usage(&company(), calls), now, then, observes)
}

fn replayed(usage: &Usage, now: &str, then: &str, observes: bool) -> Replayed {
    let made = Made::of(&company());
    let (now, then) = (made.compile(now), made.compile(then));
    replay(
        usage,
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
fn what_rests_on_a_fact_that_was_not_recorded_is_not_judged() {
    let company = company();
    let calls = [call(SHOP, READ, 0), call(SHOP, LIST, 0)];
    let now = grant(&company, READ, "") + &grant(&company, LIST, "");
    let narrow = grant(&company, READ, " when { context.params.id == \"7\" }") + &grant(&company, LIST, "");
    let replayed = check(&calls, &now, &narrow, false);
    let unjudged = &replayed.not_judged[0];
    assert_eq!((unjudged.count, unjudged.may_lose, unjudged.may_gain), (1, 1, 0));
    assert_eq!((unjudged.missing.as_slice(), unjudged.samples.len()), (&["params.id".to_owned()][..], 1));
    assert_eq!((replayed.calls, replayed.pass_both, replayed.lost_calls()), (1, 1, 0));
    assert_eq!((replayed.may_be_lost_calls(), replayed.approximate_calls), (1, 0));
    // What is recorded of every call is exact.
    let strong = grant(&company, READ, " when { context.strength >= 3 }") + &grant(&company, LIST, "");
    let replayed = check(&calls, &now, &strong, false);
    assert_eq!((replayed.lost_calls(), replayed.not_judged.len(), replayed.approximate_calls), (1, 0, 0));
}

/// A row of `shop` that names no object, as of a day with too many rows.
fn coarse(caller: &str, operation: &str, verdict: &str) -> Usage {
    let facts = CallFacts {
        api: "orders".to_owned(),
        operation: operation.to_owned(),
        caller: caller.to_owned(),
        team: Some("shops".to_owned()),
        user: None,
        key: None,
        strength: 2,
        verdict: verdict.to_owned(),
        reason: if verdict == "allowed" { String::new() } else { "no_grant".to_owned() },
        network: Network::Unknown,
        attributes: std::collections::BTreeMap::new(),
        incomplete: true,
    };
    let mut usage = Usage::since(0);
    let time = model::Timestamp::from_seconds(0);
    let counts = model::UseCounts::of_call(model::DecisionId::new(time, 1), time);
    usage.add::<std::convert::Infallible>(1, 0, &counts, || Ok(facts)).unwrap();
    usage
}

/// `same`, `lost`, `gained`, or what may be.
fn becomes(usage: &Usage, now: &str, then: &str, observes: bool) -> &'static str {
    let replayed = replayed(usage, now, then, observes);
    let may = replayed.not_judged.first().map(|unjudged| (unjudged.may_lose, unjudged.may_gain));
    match (replayed.lost_calls(), replayed.gained_calls(), may) {
        (0, 0, None) => "same",
        (1, 0, None) => "lost",
        (0, 1, None) => "gained",
        (0, 0, Some((1, 0))) => "may be lost",
        (0, 0, Some((0, 1))) => "may be gained",
        (0, 0, Some((1, 1))) => "may be either",
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_that_names_no_object_is_judged_only_where_no_policy_of_its_caller_asks_for_one() {
    let policy = |id: &str, effect: &str, who: &str, condition: &str| {
        format!(
            "@id(\"{id}\") @owner(\"owners\") @reason(\"r\") @expires(\"2099-01-01\")\n\
             {effect} (principal == Application::\"{who}\", action == Action::\"orders:GET /orders/{{id}}\", resource)\
             {condition};\n"
        )
    };
    let seven = " when { context.params.id == \"7\" }";
    let shop = policy("shop", "permit", "shop", seven);
    let all = policy("all", "permit", "shop", "");
    let never = policy("never", "forbid", "shop", seven);
    let other = policy("other", "permit", "till", seven);
    let row = |verdict| coarse("app:shop", "orders:GET /orders/{id}", verdict);
    for (now, then, expected) in [
        // The attack: a flood made the row coarse, and the grant is taken away.
        (shop.clone(), String::new(), "may be lost"),
        (String::new(), shop.clone(), "may be gained"),
        // What is not touched stays as it is, whatever it is.
        (shop.clone(), shop.clone(), "same"),
        (shop.clone(), shop.clone() + &other, "same"),
        (all.clone(), other.clone(), "lost"),
        // Another grant permits all of it.
        (all.clone(), all.clone() + &shop, "same"),
        (shop.clone(), all.clone() + &shop, "may be gained"),
        (all.clone(), shop.clone(), "may be lost"),
        // A guard that asks for it may hold.
        (all.clone(), all.clone() + &never, "may be lost"),
        (all.clone() + &never, all.clone(), "may be gained"),
        (never.clone(), never.clone() + &other, "same"),
        (String::new(), never.clone(), "same"),
        (shop.clone(), never.clone() + &shop, "may be either"),
    ] {
        assert_eq!(becomes(&row("allowed"), &now, &then, false), expected, "{now}\nto\n{then}");
    }
    // Who passes by being observed alone may lose it at the end.
    assert_eq!(becomes(&row("would_deny"), &shop, &shop, true), "may be lost");
    assert_eq!(becomes(&row("would_deny"), &all, &all, true), "same");
    assert_eq!(becomes(&row("would_deny"), "", "", true), "lost");
}

#[test]
fn calls_that_were_counted_together_are_not_taken_for_refused() {
    for (verdict, expected) in [("allowed", "may be lost"), ("denied", "may be gained")] {
        assert_eq!(becomes(&coarse(OTHER, OTHER, verdict), "", "", false), expected);
    }
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
