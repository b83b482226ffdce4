//! Grants that have ended.

use super::{Fixture, ann};
use crate::{Actor, ReadyOrder};

#[test]
fn a_grant_that_ends_is_told_for_seven_days_before_and_as_long_as_it_is_there() {
    let fixture = Fixture::new("ending-grants");
    let grant = |id: &str, expires: &str| {
        format!(
            "@id(\"{id}\") @owner(\"ops\") @reason(\"r\") @expires(\"{expires}\")\n\
             permit (principal == Application::\"{id}\", action == Action::\"orders:GET /orders\", resource);\n"
        )
    };
    fixture.write(
        "policies/orders.cedar",
        &(grant("far", "2099-01-01") + &grant("near", "2026-12-04T12:00:00Z")),
    );
    let open = fixture.up();
    let told = || {
        let readiness = open.control.readiness().reasons;
        let status = open.control.status(&ann(), ReadyOrder::default()).unwrap();
        assert_eq!(status.ending_grants, readiness);
        let read = crate::files::read_all(&fixture.folder).unwrap();
        let checked = crate::check::check(&read).unwrap();
        let found = crate::check_expiries(&checked.policies, fixture.now());
        (readiness.join("\n"), found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(told(), (String::new(), String::new()));
    fixture.pass_days(1);
    let (line, found) = told();
    assert!(line.starts_with("grants that end within 7 days: `near` at 2026-12-04T12:00:00"), "{line}");
    assert!(found.starts_with("policies/orders.cedar:3:1: the grant `near` ends at"), "{found}");
    fixture.pass_days(7);
    let (line, found) = told();
    assert!(line.starts_with("grants that have ended and permit nothing any more: `near` at"), "{line}");
    assert!(found.contains("the grant `near` ended at") && found.contains("`@expires`"), "{found}");
    // A guard that ends is told where it is written.
    let guard = grant("guard", "2026-12-01").replace("permit", "forbid");
    fixture.write("policies/orders.cedar", &(grant("far", "2099-01-01") + &guard));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(told().0, "");
}
