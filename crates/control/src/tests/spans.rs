//! Spans and APIs in which nothing can be: an answer about them would say that all is well.

use super::{Fixture, ann, error};
use crate::{Control, ControlError, ReplayOrder, SuggestOrder, UsageOrder};

type Ask = fn(&Control, UsageOrder) -> Result<(), ControlError>;

/// What is asked about a span.
const ASKS: [(&str, Ask); 5] = [
    ("usage", |control, order| control.usage(&ann(), &order).map(drop)),
    ("suggest", |control, usage| {
        control.suggest(&ann(), &SuggestOrder { usage, ..SuggestOrder::default() }).map(drop)
    }),
    ("replay", |control, usage| {
        control.replay(&ann(), &ReplayOrder { usage, ..ReplayOrder::default() }).map(drop)
    }),
    ("matrix", |control, order| control.matrix(&ann(), &order).map(drop)),
    ("key advise", |control, order| control.advise_keys(&ann(), &order, None).map(drop)),
];

fn order(conditions: &[(&str, &str)]) -> UsageOrder {
    let mut order = UsageOrder::default();
    for (name, value) in conditions {
        assert!(order.set(name, value).unwrap(), "{name}");
    }
    order
}

#[test]
fn a_span_in_which_nothing_can_be_is_refused() {
    let fixture = Fixture::new("spans");
    let open = fixture.up();
    open.shop();
    // It is noon of 2026-11-26.
    for (conditions, part) in [
        (&[("api", "nope")][..], "no api `nope`"),
        (&[("since", "2026-11-27")], "lies ahead"),
        (&[("since", "2026-11-20"), ("until", "2026-11-19")], "before `since`"),
    ] {
        for (name, ask) in ASKS {
            let refused = error(ask(&open.control, order(conditions)));
            assert!(refused.contains(part), "{name} {conditions:?}: {refused}");
        }
    }
    for conditions in [
        &[][..],
        &[("api", "orders")],
        &[("since", "2026-11-25")],
        &[("since", "7d"), ("until", "2026-11-26")],
    ] {
        for (name, ask) in ASKS {
            ask(&open.control, order(conditions))
                .unwrap_or_else(|error| panic!("{name} {conditions:?}: {error}"));
        }
    }
}

#[test]
fn a_window_of_less_than_a_day_calls_no_scope_unused() {
    let fixture = Fixture::new("short-window");
    let open = fixture.up();
    open.shop();
    for (since, taken) in [("0d", false), ("23h", false), ("1d", true)] {
        let asked = open.control.advise_keys(&ann(), &order(&[("since", since)]), None);
        assert_eq!(asked.is_ok(), taken, "{since}: {asked:?}");
    }
}
