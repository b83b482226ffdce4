//! Roll-ups that have become many, in the store that holds them.

use std::time::Duration;

use model::{DecisionId, UseCounts};
use store::{Counted, Store, UsageBatch, UsageRow};

use super::advice::{LIST, observed};
use super::{Fixture, Open, POLICY, ann};
use crate::{Actor, ApiStatus, ReadyOrder, ReplayMode, ReplayOrder};

/// Fills the store with so many rows of today, each of another caller.
fn fill(fixture: &Fixture, rows: u64) {
    drop(fixture.up());
    let (mut store, _) = Store::open(&fixture.state().join("store.db")).unwrap();
    let now = fixture.now();
    let facts: Vec<String> = (0..rows)
        .map(|number| {
            format!(
                r#"{{"api":"orders","operation":"orders:GET /orders","caller":"app:n{number}","team":"partners","strength":2,"verdict":"would_deny","reason":"no_grant","network":"unknown"}}"#
            )
        })
        .collect();
    let counts = |number: usize| UseCounts::of_call(DecisionId::new(now, number as u128), now);
    let counted = store.usage_counted().unwrap().map(|counted| counted.counted);
    let rows = facts.iter().enumerate().map(|(number, facts)| UsageRow {
        day: crate::status::day_of(now),
        api: "orders",
        facts,
        share: 1 + i64::try_from(number).unwrap(),
        counts: counts(number),
    });
    let batch = UsageBatch {
        rows: rows.collect(),
        opened: Vec::new(),
        late: Vec::new(),
        lost: 0,
        counted: counted.unwrap_or(Counted { origin: String::new(), next: 0 }),
    };
    store.add_usage(&batch).unwrap();
}

fn callers(open: &Open) -> Vec<(String, u64)> {
    let usage = open.usage("caller");
    let named = usage.into_iter().filter(|(caller, _)| !caller.starts_with("app:n"));
    named.map(|(caller, (calls, _))| (caller, calls)).collect()
}

#[test]
fn calls_are_counted_together_once_a_day_has_all_the_rows_that_it_may_have() {
    let fixture = observed("rows-max");
    fill(&fixture, advise::ROWS_MAX - 1);
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    assert_eq!(callers(&open), [("app:shop".to_owned(), 1)], "there is one row left");
    open.answered(&fixture, None, LIST, 200);
    open.answered(&fixture, Some(&key.key), ("GET", "/customers/7"), 200);
    let mut counted =
        [(advise::OTHER.to_owned(), 1), ("anonymous".to_owned(), 1), ("app:shop".to_owned(), 1)];
    assert_eq!(callers(&open), counted, "what comes without a credential has rows of its own");
    // What is counted together stays so, also after a restart.
    open.control.close().unwrap();
    let mut open = fixture.up();
    open.answered(&fixture, Some(&key.key), ("GET", "/customers/8"), 200);
    counted[0].1 = 2;
    assert_eq!(callers(&open), counted);
    let rows = Store::open(&fixture.state().join("store.db")).unwrap().0.usage_spread().unwrap();
    assert!(rows.iter().map(|found| found.rows).sum::<u64>() <= advise::ROWS_MAX + 3, "{rows:?}");
    // Another day begins anew.
    fixture.pass_days(1);
    open.answered(&fixture, None, LIST, 200);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    assert!(callers(&open).contains(&("app:shop".to_owned(), 2)));
}

#[test]
fn readiness_for_which_much_is_read_is_kept_for_a_minute_or_until_something_changes() {
    let fixture = observed("kept");
    fill(&fixture, 20_001);
    let mut open = fixture.up();
    let key = open.shop();
    let asked = |open: &Open| -> (u64, usize, String) {
        let status = open.control.status(&ann(), ReadyOrder::default()).unwrap();
        let [ApiStatus { ready: Some(ready), .. }] = &status.apis[..] else { panic!("{status:?}") };
        (ready.calls, ready.still.len(), ready.as_of.clone())
    };
    let begin = fixture.now().to_string();
    let first = asked(&open);
    assert_eq!(first, (20_001, 20_001, begin));
    open.answered(&fixture, Some(&key.key), LIST, 200);
    assert_eq!(asked(&open), first);
    let other = open.control.status(&ann(), ReadyOrder { days: 3, calls: 1 }).unwrap();
    assert_eq!(other.apis[0].ready.as_ref().unwrap().calls, 20_002, "another question");
    asked(&open);
    // A grant is in force at once, and so it is here.
    fixture.write("policies/orders.cedar", POLICY);
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!((asked(&open).0, asked(&open).1), (20_002, 0));
    let kept = asked(&open);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    fixture.pass(Duration::from_secs(59));
    assert_eq!(asked(&open), kept);
    fixture.pass(Duration::from_secs(1));
    assert_eq!(asked(&open).0, 20_003);
}

#[test]
fn readiness_of_little_is_always_of_now() {
    let fixture = observed("fresh");
    let mut open = fixture.up();
    let key = open.shop();
    for calls in 1..4 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
        let status = open.control.status(&ann(), ReadyOrder::default()).unwrap();
        let ready = status.apis[0].ready.as_ref().unwrap();
        assert_eq!((ready.calls, &ready.as_of), (calls, &fixture.now().to_string()));
    }
}

/// What passes only since nobody is held to a declaration while an API is observed is lost once it is enforced.
#[test]
fn a_value_that_is_not_of_its_declared_type_is_lost_when_enforced() {
    let fixture = observed("replay-misfit");
    let typed = super::DOCUMENT.replace(
        "/customers/{id}:\n    get: {}",
        "/customers/{id}:\n    get: { parameters: [{ name: id, in: path, required: true, schema: { type: integer } }] }",
    );
    assert_ne!(typed, super::DOCUMENT);
    fixture.write("apis/orders/openapi.yaml", &typed);
    let (list, _) = POLICY.split_once("@id(\"own\")").unwrap();
    fixture.write("policies/orders.cedar", list);
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), ("GET", "/customers/abc"), 200);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    let replay = |mode| {
        let order = ReplayOrder { mode, ..ReplayOrder::default() };
        open.control.replay(&ann(), &order).unwrap().replayed
    };
    let enforced = replay(ReplayMode::Enforced);
    assert_eq!((enforced.lost_calls(), enforced.pass_both), (1, 1), "{enforced:?}");
    assert_eq!(enforced.would_lose[0].reason, Some("bad_parameter"));
    let observed = replay(ReplayMode::AsConfigured);
    assert_eq!((observed.lost_calls(), observed.pass_both), (0, 2), "{observed:?}");
}
