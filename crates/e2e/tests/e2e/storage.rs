//! The record where storage fails: full disks, kills, and files that are not what was written.

use serde_json::Value;
use testkit::until;

use super::world::{API, World};

#[test]
fn status_counts_every_call_once_however_often_the_gateway_is_killed() {
    let mut world = World::with(|place| place.edit(API, "audit: counted", "audit: required"));
    for round in 1..=3_u64 {
        for _ in 0..7 {
            assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
        }
        for _ in 0..2 {
            let denied = world.call("GET /admin").key(&world.keys.reader).send();
            assert_eq!(denied.status, 403);
            // Nobody waits for the entry of a denial; a kill may come before it.
            world.entries(&denied.decision());
        }
        if round == 2 {
            // What is asked for is stored on the way; it must not be counted again.
            world.counts();
        }
        world.kill();
        world.start_again();
        assert_eq!(world.counts(), (7 * round, 2 * round));
    }
    world.restart();
    assert_eq!(world.counts(), (21, 6));
}

#[test]
fn status_counts_what_is_in_the_log_where_nothing_had_to_be_durable() {
    let mut world = World::start();
    for _ in 0..9 {
        let answer = world.call("GET /orders").key(&world.keys.reader).send();
        world.entries(&answer.decision());
    }
    world.kill();
    world.start_again();
    assert_eq!(world.counts(), (9, 0));
}

#[test]
fn case_92_where_a_durable_record_is_required_and_cannot_be_made_nothing_passes() {
    // The log's disk is full: what it would write to does not take bytes.
    let world = World::that_survives_full_files(|place| place.edit(API, "audit: counted", "audit: required"));
    let call = world.call("GET /orders").key(&world.keys.reader);
    assert_eq!(call.send().status, 200);
    assert!(!world.reasons().contains(FULL), "{}", world.reasons());
    let before = world.upstream.requests().len();
    world.fill_files();
    let answer = until("a log that takes no more entries", || {
        let answer = call.send();
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(answer.summary(), "503 record_unavailable");
    let passed = world.upstream.requests().len();
    assert!(before <= passed);
    for _ in 0..3 {
        assert_eq!(call.send().summary(), "503 record_unavailable");
    }
    assert_eq!(world.upstream.requests().len(), passed);
    until("the reason of /readyz", || world.reasons().contains(FULL).then_some(()));
    assert_eq!(world.metric("sallyport_record_faulty"), 1);
    // It stays named while nobody calls, and however often it is looked at.
    for _ in 0..20 {
        assert!(world.reasons().contains(FULL), "{}", world.reasons());
    }
    world.free_files();
    world.until_status(&call, 200);
    until("a readiness without reasons", || (!world.reasons().contains(FULL)).then_some(()));
    assert_eq!(world.metric("sallyport_record_faulty"), 0);
    // What was refused for want of a record is counted as lost, in the metrics and in the log itself.
    let lost = world.metric("sallyport_record_lost_total{cause=\"write_failed\"}");
    assert!(4 <= lost, "{lost}");
    let told = until("the loss in the log", || {
        let lines = world.cli().run(&["audit", "export"]).lines();
        let told: u64 = lines
            .iter()
            .filter(|entry| entry["kind"] == "loss")
            .map(|entry| entry["count"].as_u64().unwrap())
            .sum();
        (told == lost).then_some(told)
    });
    assert_eq!(told, lost);
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
}

#[test]
fn on_a_full_disk_what_is_stopped_is_stopped_and_what_would_open_is_not_made() {
    let mut world = World::that_survives_full_files(|_| ());
    let id = |key: &str| key.split('_').nth(2).unwrap().to_owned();
    let leaked = id(&world.keys.narrow);
    let with = |world: &World, key: &str| world.call("GET /orders").key(key).send().summary();
    assert_eq!(world.call("GET /orders").key(&world.keys.narrow).send().status, 200);
    // The first command makes its administrator, which is a change as well.
    assert_eq!(world.cli().run(&["key", "list"]).lines().len(), 4);
    world.fill_files();
    let ran = world.cli().try_run(&["key", "revoke", &leaked, "--reason", "found in a repository"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains(&format!("key {leaked} is stopped")), "{ran:?}");
    assert_eq!(with(&world, &world.keys.narrow), "401 revoked_credential");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200, "the others go on");
    let ran = world.cli().try_run(&["app", "disable", "stranger", "--reason", "ended"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(with(&world, &world.keys.stranger), "401 disabled_application");
    assert!(world.reasons().contains("stops in force"), "{}", world.reasons());
    for command in
        [&["key", "create", "--app", "reader", "--scope", "orders"][..], &["app", "enable", "stranger"]]
    {
        let ran = world.cli().try_run(command);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains("so it was not made"), "{ran:?}");
    }
    assert_eq!(with(&world, &world.keys.stranger), "401 disabled_application");
    world.free_files();
    until("stops that are kept", || (!world.reasons().contains("stops in force")).then_some(()));
    world.kill();
    world.start_again();
    assert_eq!(with(&world, &world.keys.narrow), "401 revoked_credential");
    assert_eq!(with(&world, &world.keys.stranger), "401 disabled_application");
    let changes = world.cli().run(&["audit", "export"]).lines();
    let told = |action: &str, object: &str| {
        changes.iter().any(|entry| entry["action"] == action && entry["object"] == object)
    };
    assert!(
        told("key.revoke", &format!("key {leaked}")) && told("application.disable", "application stranger")
    );
    assert!(world.cli().run(&["key", "list"]).lines().len() == 4);
}

/// What `/readyz` says of a log that takes no entries.
const FULL: &str = "the log takes no entries";

impl World {
    /// The reasons of `/readyz`, as text.
    pub(crate) fn reasons(&self) -> String {
        let ready = self.admin("GET /readyz").send();
        assert_eq!(ready.status, 200);
        ready.json()["reasons"].to_string()
    }

    /// What a line of `/metrics` says.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let metrics = String::from_utf8(self.admin("GET /metrics").send().body).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
    }

    /// What `status` says of the API `orders`: allowed and denied.
    fn counts(&self) -> (u64, u64) {
        let lines = self.cli().run(&["status"]).lines();
        let api: Value = lines.into_iter().find(|api| api["api"] == "orders").unwrap();
        (api["allowed"].as_u64().unwrap(), api["denied"].as_u64().unwrap())
    }

    /// From now on no file of the gateway can grow, as on a full disk.
    pub(crate) fn fill_files(&self) {
        self.limit_files("1");
    }

    /// Files can grow again.
    pub(crate) fn free_files(&self) {
        self.limit_files("unlimited");
    }

    /// Sets the soft limit alone: what is not the superuser's may raise it again.
    fn limit_files(&self, bytes: &str) {
        let id = self.gateway().id().to_string();
        let limit = format!("--fsize={bytes}:");
        let ran = std::process::Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap();
        assert!(ran.success());
    }
}
