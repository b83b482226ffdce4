//! Applications and keys: what may be made, and what counts from the next request on.

use std::time::Duration;

use model::Timestamp;

use super::{Fixture, ann, error, order};
use crate::KeyOrder;

#[test]
fn an_application_has_attributes_of_the_declared_types_or_is_none() {
    let fixture = Fixture::new("attributes");
    let open = fixture.up();
    let create = |name: &str, team: &str, attributes: &[&str]| {
        let attributes: Vec<String> = attributes.iter().map(|&text| text.to_owned()).collect();
        open.control.create_application(&ann(), name, team, &attributes, "")
    };
    for (name, team, attributes, part) in [
        ("shop", "partners", &["level=high"][..], "no Long"),
        ("shop", "partners", &["colour=red"], "`colour` is not declared"),
        ("shop", "partners", &["customer=1", "customer=2"], "twice"),
        ("shop", "nobody", &[], "no team `nobody`"),
        ("Not A Name", "partners", &[], "Not A Name"),
    ] {
        let refused = error(create(name, team, attributes));
        assert!(refused.contains(part), "{name} {team} {attributes:?}: {refused}");
    }
    assert!(open.control.applications(&ann()).unwrap().is_empty());
    let shop = create("shop", "partners", &["customer=42", "level=3"]).unwrap();
    assert_eq!(
        (shop.attributes["customer"].as_str(), shop.attributes["level"].as_i64()),
        (Some("42"), Some(3))
    );
    assert!(error(create("shop", "partners", &[])).contains("exists already"));
}

#[test]
fn a_key_opens_what_it_was_made_for_and_nothing_else() {
    let fixture = Fixture::new("scopes");
    let mut open = fixture.up();
    open.shop();
    let now = fixture.now();
    for (scope, orders, customer) in [
        ("orders", "allowed", "allowed"),
        ("orders:read", "allowed", "allowed"),
        ("orders:GET /orders", "allowed", "denied out_of_scope"),
        ("orders:GET /customers/{id}", "denied out_of_scope", "allowed"),
        ("orders:write", "denied out_of_scope", "denied out_of_scope"),
    ] {
        let key = open.key("shop", &[scope]);
        assert_eq!(open.call(now, Some(&key.key), "GET", "/orders").0, orders, "{scope}");
        assert_eq!(open.call(now, Some(&key.key), "GET", "/customers/42").0, customer, "{scope}");
    }
}

#[test]
fn a_key_is_refused_where_it_would_open_nothing() {
    let fixture = Fixture::new("typo");
    let open = fixture.up();
    open.shop();
    for (application, scopes, part) in [
        ("shop", &["orders:raed"][..], "no operation or group `orders:raed`"),
        ("shop", &["orders:GET /order"], "no operation or group"),
        ("shop", &["orders", "Orders"], "no operation or group `Orders`"),
        ("shop", &[], "needs a scope"),
        ("none", &["orders"], "no application `none`"),
    ] {
        let refused = error(open.control.create_keys(&ann(), &order(application, scopes)));
        assert!(refused.contains(part), "{application} {scopes:?}: {refused}");
    }
    for count in [0, crate::keys::COUNT_MAX + 1] {
        let order = KeyOrder { count, ..order("shop", &["orders"]) };
        assert!(error(open.control.create_keys(&ann(), &order)).contains("at once"));
    }
    assert_eq!(open.control.keys(&ann(), None).unwrap().len(), 1);
}

#[test]
fn a_key_ends_at_its_expiry_and_not_before() {
    let fixture = Fixture::new("expiry");
    let mut open = fixture.up();
    open.shop();
    let mut wanted = order("shop", &["orders"]);
    for (expires, taken) in [("2026-11-26", false), ("2027-11-28", false), ("367d", false), ("1h", true)] {
        wanted.expires = Some(expires.to_owned());
        assert_eq!(open.control.create_keys(&ann(), &wanted).is_ok(), taken, "{expires}");
    }
    wanted.expires = Some("2026-12-01T00:00:00Z".to_owned());
    let key = open.control.create_keys(&ann(), &wanted).unwrap().remove(0);
    assert_eq!(key.expires, "2026-12-01T00:00:00.000Z");
    let end = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
    let before = end.minus(Duration::from_micros(1));
    assert_eq!(open.call(before, Some(&key.key), "GET", "/orders").0, "allowed");
    assert_eq!(open.call(end, Some(&key.key), "GET", "/orders").0, "denied expired_credential");
    fixture.pass_days(5);
    assert_eq!(open.control.key(&ann(), &key.id).unwrap().state, "expired");
}

#[test]
fn a_rotated_key_counts_until_the_overlap_ends() {
    let fixture = Fixture::new("rotate");
    let mut open = fixture.up();
    let old = open.shop();
    assert!(
        error(open.control.rotate_key(&ann(), &old.id, Duration::from_secs(31 * 86_400), ""))
            .contains("30 days")
    );
    let new = open.control.rotate_key(&ann(), &old.id, Duration::from_secs(3_600), "").unwrap();
    assert_eq!((&new.scopes, new.app.as_str()), (&old.scopes, "shop"));
    assert_ne!(new.key, old.key);
    assert_eq!(open.control.key(&ann(), &new.id).unwrap().rotated_from.as_deref(), Some(old.id.as_str()));
    let now = fixture.now();
    assert_eq!(open.call(now, Some(&old.key), "GET", "/orders").0, "allowed");
    assert_eq!(open.call(now, Some(&new.key), "GET", "/orders").0, "allowed");
    let later = now.plus(Duration::from_secs(3_600));
    assert_eq!(open.call(later, Some(&old.key), "GET", "/orders").0, "denied expired_credential");
    assert_eq!(open.call(later, Some(&new.key), "GET", "/orders").0, "allowed");
    let at_once = open.control.rotate_key(&ann(), &new.id, Duration::ZERO, "").unwrap();
    assert!(open.call(now, Some(&new.key), "GET", "/orders").0.starts_with("denied"));
    assert_eq!(open.call(now, Some(&at_once.key), "GET", "/orders").0, "allowed");
}

#[test]
fn a_revoked_key_is_refused_at_once_and_for_good() {
    let fixture = Fixture::new("revoke");
    let mut open = fixture.up();
    let (first, second) = (open.shop(), open.key("shop", &["orders"]));
    let now = fixture.now();
    let before = open.control.live().pointer().load().names();
    let revoked = open.control.revoke_key(&ann(), &first.id, "found in a repository").unwrap();
    assert_eq!(revoked.state, "revoked");
    let changed = revoked.changed.unwrap();
    assert_eq!((changed.by.as_str(), changed.reason.as_str()), ("ann", "found in a repository"));
    assert_ne!(open.control.live().pointer().load().names().stops, before.stops);
    assert_eq!(open.call(now, Some(&first.key), "GET", "/orders").0, "denied revoked_credential");
    assert_eq!(open.call(now, Some(&second.key), "GET", "/orders").0, "allowed");
    // Again is no error and no second change; a successor of it is refused.
    open.control.revoke_key(&ann(), &first.id, "again").unwrap();
    assert!(open.control.rotate_key(&ann(), &first.id, Duration::ZERO, "").is_err());
    assert_eq!(fixture.changes().iter().filter(|change| change.starts_with("key.revoke")).count(), 1);
    open.control.close().unwrap();
    let mut open = fixture.up();
    assert_eq!(open.call(now, Some(&first.key), "GET", "/orders").0, "denied revoked_credential");
    assert_eq!(open.call(now, Some(&second.key), "GET", "/orders").0, "allowed");
}

#[test]
fn a_disabled_application_has_no_key_that_counts() {
    let fixture = Fixture::new("disable");
    let mut open = fixture.up();
    let key = open.shop();
    open.control.create_application(&ann(), "other", "partners", &[], "").unwrap();
    let other = open.key("other", &["orders"]);
    let now = fixture.now();
    assert_eq!(open.control.disable_application(&ann(), "shop", "contract ended").unwrap().state, "disabled");
    assert!(open.call(now, Some(&key.key), "GET", "/orders").0.starts_with("denied"));
    assert_eq!(open.call(now, Some(&other.key), "GET", "/orders").0, "allowed");
    open.control.close().unwrap();
    let mut open = fixture.up();
    assert!(
        open.call(now, Some(&key.key), "GET", "/orders").0.starts_with("denied"),
        "it survives a restart"
    );
    open.control.enable_application(&ann(), "shop", "renewed").unwrap();
    assert_eq!(open.call(now, Some(&key.key), "GET", "/orders").0, "allowed");
}

#[test]
fn last_use_is_kept_over_restarts() {
    let fixture = Fixture::new("last-use");
    let mut open = fixture.up();
    let (used, unused) = (open.shop(), open.key("shop", &["orders"]));
    open.call(fixture.now(), Some(&used.key), "GET", "/orders");
    let last_used = |open: &super::Open, id: &str| open.control.key(&ann(), id).unwrap().last_used;
    assert_eq!(last_used(&open, &used.id).as_deref(), Some("2026-11-26T12:00:00.000Z"));
    open.control.close().unwrap();
    let open = fixture.up();
    assert_eq!(last_used(&open, &used.id).as_deref(), Some("2026-11-26T12:00:00.000Z"));
    assert_eq!(last_used(&open, &unused.id), None);
}

#[test]
fn no_list_shows_a_secret() {
    let fixture = Fixture::new("no-secret");
    let open = fixture.up();
    let key = open.shop();
    let secret = key.key.get(key.key.len() - 38..).unwrap();
    let listed = serde_json::to_string(&open.control.keys(&ann(), Some("shop")).unwrap()).unwrap();
    assert!(listed.contains(&key.id) && !listed.contains(secret), "{listed}");
    assert!(!fixture.changes().join("\n").contains(secret));
    assert!(error(open.control.keys(&ann(), Some("none"))).contains("no application"));
}

#[test]
fn teams_are_added_to_the_file_and_comments_stay() {
    let fixture = Fixture::new("team");
    fixture.write("teams.yaml", &format!("# who owns what\n{}", super::TEAMS));
    let open = fixture.up();
    open.control.create_team(&ann(), "guests", "").unwrap();
    assert!(fixture.read("teams.yaml").starts_with("# who owns what\n"));
    assert_eq!(open.control.team(&ann(), "guests").unwrap().name, "guests");
    let ops = open.control.team(&ann(), "ops").unwrap();
    assert_eq!((ops.members, ops.apis), (vec!["ola@example.com".to_owned()], vec!["orders".to_owned()]));
    assert!(error(open.control.create_team(&ann(), "guests", "")).contains("exists already"));
    assert!(error(open.control.create_team(&ann(), "Bad Name", "")).contains("choose another name"));
}
