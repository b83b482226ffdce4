//! Names and dates that lead nowhere any more: grants that have ended, APIs that were renamed, scopes that name nothing.

use std::fs;

use super::{Fixture, ann};
use crate::{Actor, ReadyOrder, RegroupAct};

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

#[test]
fn a_renamed_api_says_how_it_gets_its_groups_and_which_keys_are_void() {
    let fixture = Fixture::new("renamed");
    let open = fixture.up();
    let key = open.shop();
    let void = |open: &super::Open| open.control.status(&ann(), ReadyOrder::default()).unwrap().void_scopes;
    assert_eq!(void(&open), Vec::<String>::new());
    fs::rename(fixture.folder.join("apis/orders"), fixture.folder.join("apis/shop")).unwrap();
    fixture.write("policies/orders.cedar", "");
    let refused = open.control.reload(&Actor::gateway(), "file").unwrap_err().to_string();
    assert!(
        refused.contains("apis/shop/groups.lock:3:1: the group `orders` is none of the API `shop`"),
        "{refused}"
    );
    assert!(
        refused.contains("called `orders` before") && refused.contains("sallyport api regroup shop"),
        "{refused}"
    );
    let regrouped = open.control.regroup(&ann(), "shop", RegroupAct::Write, "renamed").unwrap();
    assert!(regrouped.written, "{regrouped:?}");
    let lock = fixture.read("apis/shop/groups.lock");
    assert!(lock.contains("shop:read") && !lock.contains("orders:read"), "{lock}");
    let told = void(&open);
    assert!(
        told[0].contains("names nothing") && told[0].contains(&format!("{} of app shop", key.id)),
        "{told:?}"
    );
    // Its own groups, also where another API's name begins alike.
    fixture.write("apis/shop/groups.lock", "version: 1\ngroups:\n  \"shopping\": [\"GET /orders\"]\n");
    assert!(open.control.reload(&Actor::gateway(), "file").unwrap_err().to_string().contains("`shopping`"));
}
