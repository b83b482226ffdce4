//! What only the declaration has wrong while an API is observed (RFD 0024), and the nearest that stays refused.

use super::world::{NOW, Setup, enforced, observed, shown, snapshot};
use crate::Worker;

fn becomes(setup: &Setup, request: &str) -> String {
    let line = shown(&snapshot(setup), &mut Worker::new([1; 32]), request);
    line.split(" | ").take(2).collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_parameter_that_is_not_of_its_declared_type_passes_as_before() {
    let call = "GET orders.example/orders/x\nX-Api-Key: $whole";
    assert_eq!(becomes(&observed(), call), "would_deny observed | bad_parameter");
    assert_eq!(becomes(&enforced(), call), "denied 400 bad_parameter | bad_parameter");
    // A grant that looks at it grants nothing, whatever it would say of the text.
    let call = "GET orders.example/tickets/07x\nX-Api-Key: $whole";
    assert_eq!(becomes(&observed(), call), "would_deny observed | bad_parameter");
    // Nor does it lend a key what it was not made for.
    for key in ["empty", "one"] {
        let call = format!("GET orders.example/tickets/x\nX-Api-Key: ${key}");
        assert_eq!(becomes(&observed(), &call), "denied 400 bad_parameter | bad_parameter", "{key}");
    }
    let anonymous = "GET orders.example/orders/x\nA: b";
    assert_eq!(becomes(&observed(), anonymous), "would_deny observed | bad_parameter");
}

#[test]
fn a_guard_that_holds_or_cannot_be_asked_refuses_such_a_parameter() {
    let call = "GET orders.example/customers/42/x\nX-Api-Key: $whole";
    assert_eq!(becomes(&observed(), call), "denied 400 bad_parameter | bad_parameter");
    let call = "GET orders.example/customers/42/1313\nX-Api-Key: $whole";
    assert_eq!(becomes(&observed(), call), "denied 403 guard | guard");
    let call = "GET orders.example/customers/42/7\nX-Api-Key: $whole";
    assert_ne!(becomes(&observed(), call), "denied 403 guard | guard");
}

#[test]
fn a_key_for_groups_reaches_what_is_in_no_group_as_yet() {
    let call = |key: &str, operation: &str| becomes(&observed(), &format!("{operation}\nX-Api-Key: ${key}"));
    let new = "GET orders.example/public";
    assert_eq!(call("readonly", new), "would_deny observed | out_of_scope");
    // A group that nothing is in yet, as where nothing was declared before.
    assert_eq!(call("later", new), "would_deny observed | out_of_scope");
    for (key, operation) in [
        // Of another group, of single operations, of nothing.
        ("readonly", "POST orders.example/orders"),
        ("one", new),
        ("empty", new),
        ("elsewhere", new),
        ("later", "GET orders.example/orders"),
        ("one", "GET orders.example/orders"),
    ] {
        assert_eq!(call(key, operation), "denied 403 out_of_scope | out_of_scope", "{key} {operation}");
    }
    let call = format!("{new}\nX-Api-Key: $readonly");
    assert_eq!(becomes(&enforced(), &call), "denied 403 out_of_scope | out_of_scope");
    let over = Setup { mode: model::Mode::ObserveUntil(NOW), ..observed() };
    assert_eq!(becomes(&over, &call), "denied 403 out_of_scope | out_of_scope");
}
