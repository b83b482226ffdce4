//! Security cases D and the rows of G about keys: what opens a door, for how long, and what leaks of it.

use testkit::{contains, until};

use super::own_key::{changed, id as id_of, secret, with_secret_of};
use super::world::{World, in_days};

#[test]
fn case_65_a_limit_belongs_to_the_key_not_to_its_spelling_or_place() {
    let world = World::with_api("limits: { per_key: 3/h }\n");
    let key = &world.keys.reader;
    assert_eq!(world.call("GET /orders").key(key).send().status, 200);
    assert_eq!(world.call("GET /orders").field("Authorization", &format!("Bearer {key}")).send().status, 200);
    assert_eq!(
        world.call("GET /orders").host("ORDERS.example:80").field("x-api-key", key).send().status,
        200
    );
    assert_eq!(world.call("GET /orders").key(key).send().status, 429);
    // Another spelling of the key itself is another key, and none.
    assert_eq!(world.call("GET /orders").key(&key.to_uppercase()).send().status, 401);
}

#[test]
fn case_66_an_unknown_key_and_a_wrong_secret_get_the_same_answer() {
    let world = World::start();
    // Both have a right checksum: one belongs to another gateway, the other has the id of ours.
    let other = World::with(|place| drop(std::fs::remove_dir_all(place.dir().join(".state"))));
    other.cli().app("reader", "partners", &["customer=42"]);
    let unknown = other.cli().key("reader", &["orders"]);
    let wrong = with_secret_of(&world.keys.reader, &world.keys.writer);
    let answers = [unknown, wrong].map(|key| {
        let answer = world.call("GET /orders").key(&key).send();
        format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body))
            .replace(&answer.decision(), "ID")
    });
    assert!(answers[0].contains("invalid_credential"), "{}", answers[0]);
    assert_eq!(answers[0], answers[1]);
    world.upstream_got_nothing();
}

#[test]
fn case_67_a_key_in_the_query_or_body_identifies_nobody() {
    let world = World::start();
    let key = &world.keys.reader;
    for name in ["api_key", "apikey", "key", "access_token", "X-Api-Key"] {
        // It is seen to be a key in the wrong place, so it makes nobody out of its owner either.
        for path in ["/orders", "/public/info"] {
            let answer = world.call(&format!("GET {path}?{name}={key}")).send();
            assert_eq!(answer.summary(), "401 invalid_credential", "{name}");
        }
    }
    let answer = world
        .call("POST /orders")
        .field("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("api_key={key}").as_bytes())
        .send();
    assert_eq!(answer.status, 401);
    world.upstream_got_nothing();
    // In a field where no key belongs it identifies nobody, and goes nowhere.
    assert_eq!(world.call("GET /orders").field("X-Other", key).send().status, 401);
    drop(world.call("GET /public/info").field("X-Other", key).send());
    assert!(!contains(&world.upstream.bytes(), secret(key).as_bytes()));
}

#[test]
fn case_67_a_second_copy_of_a_key_in_the_query_never_reaches_the_upstream() {
    let world = World::start();
    let key = &world.keys.reader;
    let answer = world.call(&format!("GET /orders?api_key={key}")).key(key).send();
    assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    world.upstream_got_nothing();
}

#[test]
fn case_68_a_rotated_key_ends_with_its_overlap() {
    let world = World::start();
    let id = id_of(&world.keys.reader);
    let next = world.cli().run(&["key", "rotate", &id, "--overlap", "1h"]).line();
    let next = next["key"].as_str().unwrap().to_owned();
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200, "within the overlap");
    assert_eq!(world.call("GET /orders").key(&next).send().status, 200);
    let id = id_of(&world.keys.writer);
    let next = world.cli().run(&["key", "rotate", &id, "--overlap", "0s"]).line();
    let next = next["key"].as_str().unwrap().to_owned();
    let old = world.call("GET /orders").key(&world.keys.writer);
    let answer = world.until_status(&old, 401);
    assert_eq!(answer.summary(), "401 expired_credential");
    assert_eq!(world.call("GET /orders").key(&next).send().status, 200);
}

#[test]
fn case_68_a_key_ends_when_it_expires() {
    let world = World::start();
    // In the past, no date, nothing, and further away than any key may live.
    for expires in ["2020-01-01", "not-a-date", "", "2099-01-01"] {
        let ran = world.cli().try_run(&[
            "key",
            "create",
            "--app",
            "reader",
            "--scope",
            "orders",
            "--expires",
            expires,
        ]);
        assert_eq!(ran.code, 2, "{expires}: {ran:?}");
    }
    let day = in_days(30);
    let ran = world.cli().run(&["key", "create", "--app", "reader", "--scope", "orders", "--expires", &day]);
    assert!(ran.line()["expires"].as_str().unwrap().starts_with(&day));
    // One that ends in a moment works, and then does not.
    let soon = world.cli().run(&["key", "rotate", &id_of(&world.keys.reader), "--overlap", "2s"]);
    assert_eq!(world.call("GET /orders").key(soon.line()["key"].as_str().unwrap()).send().status, 200);
    assert_eq!(
        world.until_status(&world.call("GET /orders").key(&world.keys.reader), 401).summary(),
        "401 expired_credential"
    );
}

#[test]
fn case_69_a_disabled_application_is_refused_on_the_next_request() {
    let world = World::start();
    let mut connection = world.connect();
    let mut status = |key: &str| {
        connection.send(&world.call("GET /orders").key(key).bytes());
        connection.answer().summary()
    };
    assert_eq!(status(&world.keys.reader), "200");
    world.cli().run(&["app", "disable", "reader", "--reason", "contract ended"]);
    assert_eq!(status(&world.keys.reader), "401 disabled_application");
    assert_eq!(status(&world.keys.narrow), "401 disabled_application");
    assert_eq!(status(&world.keys.writer), "200");
    world.cli().run(&["app", "enable", "reader", "--reason", "renewed"]);
    assert_eq!(status(&world.keys.reader), "200");
}

#[test]
fn case_70_a_bearer_token_that_nobody_verifies_is_no_credential() {
    let world = World::start();
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyZWFkZXIiLCJpc3MiOiJzYWxseXBvcnQifQ.";
    assert_eq!(
        world.call("GET /orders").field("Authorization", &format!("Bearer {jwt}")).send().summary(),
        "401 no_credential"
    );
    world.upstream_got_nothing();
}

#[test]
fn case_71_what_is_stored_of_a_key_is_not_the_key() {
    let world = World::start();
    let key = &world.keys.reader;
    let id = id_of(key);
    let shown = world.cli().run(&["key", "show", &id]);
    let listed = world.cli().run(&["key", "list"]);
    for text in [&shown.stdout, &listed.stdout] {
        assert!(!text.contains(secret(key)), "{text}");
    }
    // Whatever is stored under the id, presented as a secret, is refused.
    for stored in [id.as_str(), &"0".repeat(64), &"a".repeat(32)] {
        let answer = world.call("GET /orders").key(&format!("sp_live_{id}_{stored}")).send();
        assert_eq!(answer.summary(), "401 invalid_credential");
    }
    world.upstream_got_nothing();
}

#[test]
fn case_73_every_single_change_of_a_key_is_refused() {
    let world = World::start();
    let key = &world.keys.reader;
    let mut connection = world.connect();
    for place in 3..key.len() {
        let changed = changed(key, place);
        connection.send(&world.call("GET /orders").key(&changed).bytes());
        let answer = connection.answer();
        assert_eq!(answer.summary(), "401 invalid_credential", "changed at {place}");
    }
    world.upstream_got_nothing();
}

#[test]
fn case_93_one_key_is_judged_anew_for_each_operation() {
    let world = World::start();
    let mut connection = world.connect();
    // The same key, the same connection, warm caches: what is allowed does not carry over to what is not.
    for _ in 0..3 {
        for (path, summary) in [
            ("/orders", "200"),
            ("/orders/7", "200"),
            ("/admin", "403 no_grant"),
            ("/customers/42/orders", "200"),
            ("/customers/43/orders", "403 no_grant"),
            ("/customers/042/orders", "403 no_grant"),
        ] {
            connection.send(&world.call(&format!("GET {path}")).key(&world.keys.reader).bytes());
            assert_eq!(connection.answer().summary(), summary, "{path}");
        }
        connection.send(&world.call("GET /orders/7").key(&world.keys.narrow).bytes());
        assert_eq!(connection.answer().summary(), "403 out_of_scope");
    }
}

#[test]
fn case_95_a_revoked_key_is_refused_on_the_next_request() {
    let world = World::start();
    let mut connection = world.connect();
    let mut summary = |key: &str| {
        connection.send(&world.call("GET /orders").key(key).bytes());
        connection.answer().summary()
    };
    assert_eq!(summary(&world.keys.reader), "200");
    world.cli().run(&["key", "revoke", &id_of(&world.keys.reader), "--reason", "found in a repository"]);
    assert_eq!(summary(&world.keys.reader), "401 revoked_credential");
    assert_eq!(summary(&world.keys.writer), "200");
}

#[test]
fn case_95_a_withdrawn_grant_is_dead_within_a_moment() {
    let world = World::start();
    let call = world.call("GET /orders").key(&world.keys.reader);
    assert_eq!(call.send().status, 200);
    world.place.edit(super::world::POLICY, "    Action::\"orders:GET /orders\",\n", "");
    assert_eq!(world.until_status(&call, 403).summary(), "403 no_grant");
    assert_eq!(world.call("GET /orders/7").key(&world.keys.reader).send().status, 200);
}

#[test]
fn a_revocation_survives_a_restart() {
    let mut world = World::start();
    world.cli().run(&["key", "revoke", &id_of(&world.keys.reader)]);
    world.restart();
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().summary(), "401 revoked_credential");
    assert_eq!(world.call("GET /orders").key(&world.keys.narrow).send().status, 200);
}

#[test]
fn the_last_use_of_a_key_is_kept() {
    let mut world = World::start();
    let id = id_of(&world.keys.reader);
    let used = |world: &World| world.cli().run(&["key", "show", &id]).line()["last_used"].clone();
    assert!(used(&world).is_null());
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    world.restart();
    until("the last use", || used(&world).is_string().then_some(()));
}
