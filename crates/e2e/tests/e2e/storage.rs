//! The record where storage fails: full disks, kills, and files that are not what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

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

#[test]
fn where_a_record_is_counted_a_full_disk_lets_calls_pass_and_counts_what_it_loses() {
    let world = World::that_survives_full_files(|_| ());
    let call = world.call("GET /orders").key(&world.keys.reader);
    world.entries(&call.send().decision());
    world.fill_files();
    let passed: Vec<String> = (0..5)
        .map(|_| {
            let answer = call.send();
            assert_eq!(answer.status, 200);
            answer.decision()
        })
        .collect();
    until("the reason of /readyz", || world.reasons().contains(FULL).then_some(()));
    let lost = "sallyport_record_lost_total{cause=\"write_failed\"}";
    until("the loss", || (5 <= world.metric(lost)).then_some(()));
    world.free_files();
    until("a readiness without reasons", || (!world.reasons().contains(FULL)).then_some(()));
    let kept = call.send().decision();
    world.entries(&kept);
    let export = world.cli().run(&["audit", "export"]).lines();
    let told: u64 = export
        .iter()
        .filter(|entry| entry["kind"] == "loss")
        .map(|entry| entry["count"].as_u64().unwrap())
        .sum();
    assert_eq!(told, world.metric(lost), "{export:?}");
    assert!(export.iter().all(|entry| !passed.iter().any(|id| entry["id"] == id.as_str())));
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
}

#[test]
fn twenty_kills_under_load_lose_nothing_that_the_upstream_saw_and_nothing_is_counted_twice() {
    let mut world = World::with(|place| place.edit(API, "audit: counted", "audit: required"));
    let bytes = world.call("GET /orders").key(&world.keys.reader).bytes();
    for round in 0..20 {
        let (address, stop) = (world.gateway().address, AtomicBool::new(false));
        let wanted = world.upstream.requests().len() + 3 + round * 7 % 19;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        load(address, &bytes);
                    }
                });
            }
            until("load", || (wanted <= world.upstream.requests().len()).then_some(()));
            world.kill();
            stop.store(true, Ordering::Relaxed);
        });
        world.start_again();
    }
    let seen = world.upstream.requests();
    let (allowed, _) = world.counts();
    let export = world.cli().run(&["audit", "export"]).lines();
    let decided: BTreeSet<&str> = export
        .iter()
        .filter(|entry| entry["kind"] == "decided")
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    for request in &seen {
        let id = request.all("sallyport-decision-id")[0];
        assert!(decided.contains(id), "{id} of {} is lost", seen.len());
    }
    // Whatever was decided was counted, once; what was decided may not have got as far as the upstream.
    assert_eq!(usize::try_from(allowed).unwrap(), decided.len());
    assert!(seen.len() <= decided.len());
    let torn = export.iter().filter(|entry| entry["kind"] == "opened" && entry["before"] == "torn");
    assert_eq!(torn.count(), 20);
    world.stop();
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
}

/// One call whose answer nobody needs, of a gateway that may be gone.
fn load(address: SocketAddr, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    if stream.write_all(bytes).is_ok() {
        drop(stream.read(&mut [0; 4_096]));
    }
}

#[test]
fn a_torn_tail_is_cut_off_and_the_log_says_how_much_it_was() {
    let mut world = World::start();
    world.entries(&world.call("GET /orders").key(&world.keys.reader).send().decision());
    world.kill();
    let segment = world.segments().pop().unwrap();
    let whole = std::fs::read(&segment).unwrap();
    // The beginning of an entry, as a write leaves it that the power interrupted.
    let torn = [&whole[..], &whole[whole.len() / 2..][..57]].concat();
    std::fs::write(&segment, &torn).unwrap();
    let verified = world.cli().try_run(&["audit", "verify"]).line();
    assert_eq!(verified["torn_bytes"], 57, "{verified}");
    world.start_again();
    world.entries(&world.call("GET /orders").key(&world.keys.reader).send().decision());
    let export = world.cli().run(&["audit", "export"]).lines();
    let opened = export.iter().rfind(|entry| entry["kind"] == "opened").unwrap();
    assert_eq!(
        (&opened["before"], &opened["torn_bytes"]),
        (&Value::from("torn"), &Value::from(57)),
        "{opened}"
    );
    world.stop();
    let verified = world.cli().run(&["audit", "verify"]).line();
    assert_eq!(
        (&verified["ok"], &verified["torn_bytes"]),
        (&Value::from(true), &Value::from(0)),
        "{verified}"
    );
}

#[test]
fn an_erased_subject_leaves_the_proofs_of_everybody_else_valid() {
    let world = World::start();
    let [erased, kept] = [&world.keys.reader, &world.keys.writer]
        .map(|key| world.call("GET /orders").key(key).send().decision());
    world.entries(&erased);
    world.entries(&kept);
    let prove = |id: &str| {
        until("a checkpoint over the decision", || {
            let output = world.cli().command().args(["audit", "prove", id]).output().unwrap();
            output.status.success().then_some(output.stdout)
        })
    };
    let before = [prove(&erased), prove(&kept)];
    world.cli().run(&["audit", "erase", "--subject", "app:reader", "--reason", "request 4711"]);
    let after = [prove(&erased), prove(&kept)];
    let file = world.place.folder.path().join("decision.tlog-proof");
    let check = |id: &str, proof: &[u8]| {
        std::fs::write(&file, proof).unwrap();
        world.cli().try_run(&["audit", "prove", id, "--check", &file.display().to_string()])
    };
    for (id, proof) in [&erased, &kept].into_iter().cycle().zip(before.iter().chain(&after)) {
        assert_eq!(check(id, proof).code, 0, "{id}");
    }
    // A proof that was handed out holds what it held; one of today names nobody who was erased.
    assert!(check(&erased, &before[0]).stdout.contains("reader"));
    assert!(!check(&erased, &after[0]).stdout.contains("reader"));
    assert!(check(&kept, &after[1]).stdout.contains("writer"));
}

/// A stopped gateway whose log has several sealed segments and an active one.
fn with_segments() -> World {
    let mut world = World::start();
    for _ in 0..4 {
        let answer = world.call("GET /orders").key(&world.keys.reader).send();
        world.entries(&answer.decision());
        // An erasure of nobody seals the segment on its way.
        world.cli().run(&["audit", "erase", "--subject", "app:nobody", "--reason", "seals"]);
    }
    world.stop();
    assert!(4 < world.segments().len(), "{:?}", world.segments());
    world
}

/// Checks that the gateway does not start and says which file, which place and how to go on; that `audit verify` names
/// the same file; and that nothing was changed.
fn refuses_to_start(world: &World, file: &Path, place: &str) {
    let name = file.file_name().unwrap().to_str().unwrap();
    let before = world.log_contents();
    let ran = world.cli().try_run(&UP);
    assert_eq!(ran.code, 2, "{name}: {ran:?}");
    for part in [name, place, "Restore", "move it away", ".state/log", "audit verify"] {
        assert!(ran.stderr.contains(part), "{name}, {part}: {ran:?}");
    }
    let verified = world.cli().try_run(&["audit", "verify"]);
    assert_eq!((verified.code, &verified.line()["ok"]), (1, &Value::Bool(false)), "{name}: {verified:?}");
    assert_eq!(verified.line()["first_fault"]["segment"], name, "{verified:?}");
    assert!(world.log_contents() == before, "{name}: the log was changed");
}

#[test]
fn a_log_with_a_segment_missing_is_named_and_not_gone_on_with() {
    let mut world = with_segments();
    let segments = world.segments();
    let sealed = &segments[..segments.len() - 1];
    for segment in [&sealed[0], &sealed[sealed.len() / 2], sealed.last().unwrap(), segments.last().unwrap()] {
        let bytes = std::fs::read(segment).unwrap();
        std::fs::remove_file(segment).unwrap();
        refuses_to_start(&world, segment, "is missing");
        std::fs::write(segment, bytes).unwrap();
    }
    world.start_again();
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    world.stop();
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
}

#[test]
fn a_flipped_byte_before_the_last_checkpoint_is_named_with_its_place_and_not_gone_on_with() {
    let mut world = with_segments();
    let segments = world.segments();
    for segment in [&segments[0], &segments[segments.len() / 2], segments.last().unwrap()] {
        let bytes = std::fs::read(segment).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 3] ^= 1;
        std::fs::write(segment, flipped).unwrap();
        refuses_to_start(&world, segment, "at byte ");
        std::fs::write(segment, bytes).unwrap();
    }
    world.start_again();
    world.stop();
}

#[test]
fn a_log_that_was_restored_or_moved_away_is_continued_under_a_new_origin_that_names_it() {
    let mut world = with_segments();
    let (log, backup) = (world.log_folder(), world.place.folder.path().join("backup"));
    copy(&log, &backup);
    let origin = |world: &World| world.cli().run(&["audit", "export"]).lines()[0]["origin"].clone();
    let first = origin(&world);
    world.start_again();
    let answer = world.call("GET /orders").key(&world.keys.reader).send();
    world.entries(&answer.decision());
    world.stop();
    // An older copy is whole, and it is not what was signed last.
    std::fs::remove_dir_all(&log).unwrap();
    copy(&backup, &log);
    world.start_again();
    assert!(world.reasons().contains("rolled back"), "{}", world.reasons());
    let opened = world.cli().run(&["audit", "export"]).lines().remove(0);
    assert_eq!(
        (&opened["kind"], &opened["continues"]["origin"]),
        (&Value::from("opened"), &first),
        "{opened}"
    );
    assert_ne!(opened["origin"], first);
    assert!(log.with_file_name("log.1").is_dir(), "the copy is kept");
    world.stop();
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
    // A damaged one that was moved away, as the message says.
    let second = origin(&world);
    let segment = world.segments().remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    refuses_to_start(&world, &segment, "at byte ");
    std::fs::rename(&log, log.with_file_name("moved")).unwrap();
    world.start_again();
    let opened = world.cli().run(&["audit", "export"]).lines().remove(0);
    assert_eq!(opened["continues"]["origin"], second, "{opened}");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
}

#[test]
fn a_gateway_does_not_start_on_a_full_disk_says_why_and_starts_when_there_is_space() {
    let mut world = World::start();
    world.entries(&world.call("GET /orders").key(&world.keys.reader).send().decision());
    world.kill();
    let before = world.log_contents();
    let up = world.cli().command();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]);
    command.arg(up.get_program()).args(up.get_args()).args(UP);
    for (name, value) in up.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ran = command.output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains(".state/lock") && said.contains("too large"), "{said}");
    assert!(world.log_contents() == before, "the log was changed");
    world.start_again();
    assert_eq!(world.counts(), (1, 0));
}

/// A gateway that is not expected to serve.
const UP: [&str; 5] = ["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// What `/readyz` says of a log that takes no entries.
const FULL: &str = "the log takes no entries";

impl World {
    fn log_folder(&self) -> PathBuf {
        self.place.dir().join(".state/log")
    }

    /// The segments of the log, the oldest first.
    fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.log_folder()).unwrap().map(|entry| entry.unwrap().path());
        let mut segments: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|kind| kind == "seg")).collect();
        segments.sort();
        segments
    }

    fn log_contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.log_folder()).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

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
