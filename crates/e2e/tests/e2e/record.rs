//! The record: what every call leaves, that it cannot be changed unseen, and what it never holds.

use std::path::PathBuf;

use serde_json::Value;
use testkit::{contains, until};

use super::world::{API, POLICY, Place, World, in_days};

/// The files of the log that end so.
fn log_files(place: &Place, suffix: &str) -> Vec<PathBuf> {
    let all = place.folder.files();
    let found: Vec<PathBuf> =
        all.into_iter().filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    assert!(!found.is_empty(), "no {suffix}");
    found
}

#[test]
fn each_call_leaves_a_decision_and_an_ending_under_one_id() {
    let world = World::start();
    let allowed = world.call("GET /orders/7").key(&world.keys.reader).send();
    let denied = world.call("GET /admin").key(&world.keys.reader).send();
    let nobody = world.call("GET /orders").send();
    let broken = world.raw("GET /orders HTTP/1.1\nHost: x\n\n");
    for (answer, verdict, reason, caller, operation) in [
        (&allowed, "allowed", Value::Null, "app:reader", Value::from("orders:GET /orders/{id}")),
        (&denied, "denied", "no_grant".into(), "app:reader", "orders:GET /admin".into()),
        (&nobody, "denied", "no_credential".into(), "anonymous", "orders:GET /orders".into()),
        (&broken, "denied", "malformed_request".into(), "anonymous", Value::Null),
    ] {
        let entries = world.entries(&answer.decision());
        assert_eq!(entries.len(), 2, "{entries:?}");
        let of = |kind: &str| entries.iter().find(|entry| entry["kind"] == kind).unwrap().clone();
        let (decided, completed) = (of("decided"), of("completed"));
        assert_eq!(decided["verdict"], verdict, "{decided}");
        assert_eq!(decided["reason"], reason, "{decided}");
        assert_eq!(decided["caller"], caller, "{decided}");
        if answer.status != 401 {
            assert_eq!(decided["operation"], operation, "{decided}");
        }
        assert_eq!(completed["status"], answer.status, "{completed}");
    }
    let decided = world.decided(&allowed);
    assert_eq!(decided["policies"], serde_json::json!(["partners.read"]), "{decided}");
    assert!(decided["revision"].as_u64().unwrap() > 0, "{decided}");
}

#[test]
fn searches_find_by_every_condition_and_nothing_else() {
    let world = World::start();
    let one = world.call("GET /orders").key(&world.keys.reader).send().decision();
    let two = world.call("GET /admin").key(&world.keys.stranger).send().decision();
    world.entries(&one);
    world.entries(&two);
    let found = |arguments: &[&str]| {
        let all = [&["audit", "search"][..], arguments].concat();
        let lines = world.cli().run(&all).lines();
        let ids = lines.iter().map(|line| line["id"].as_str().unwrap_or_default().to_owned());
        ids.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(found(&["--caller", "app:reader"]), [one.as_str()]);
    assert_eq!(found(&["--caller", "app:stranger"]), [two.as_str()]);
    assert_eq!(found(&["--verdict", "denied"]), [two.as_str()]);
    assert_eq!(found(&["--reason", "no_grant"]), [two.as_str()]);
    assert_eq!(found(&["--operation", "orders:GET /orders"]), [one.as_str()]);
    assert_eq!(found(&["--caller", "app:nobody"]), [""; 0]);
    assert_eq!(found(&["--until", "2020-01-01"]), [""; 0]);
    assert_ne!(world.cli().try_run(&["audit", "search", "--since", "yesterday-ish"]).code, 0);
}

#[test]
fn a_sound_log_verifies_running_or_not_and_offline() {
    let mut world = World::start();
    for _ in 0..20 {
        assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    }
    let ran = until("a log under a checkpoint", || {
        let ran = world.cli().try_run(&["audit", "verify"]);
        (ran.code == 0 && 20 <= ran.line()["entries"].as_u64().unwrap()).then_some(ran)
    });
    assert_eq!(ran.line()["ok"], true);
    world.stop();
    let line = world.cli().run(&["audit", "verify"]).line();
    assert_eq!((&line["ok"], &line["first_fault"]), (&Value::Bool(true), &Value::Null));
    world.start_again();
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    world.stop();
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
}

#[test]
fn one_flipped_byte_is_found_with_its_place() {
    let mut world = World::start();
    for _ in 0..5 {
        assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    }
    world.stop();
    let segment = log_files(&world.place, ".seg").remove(0);
    let sound = std::fs::read(&segment).unwrap();
    for place in [sound.len() / 3, sound.len() / 2, sound.len() - sound.len() / 4] {
        let mut bytes = sound.clone();
        bytes[place] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        let ran = world.cli().try_run(&["audit", "verify"]);
        assert_eq!(ran.code, 1, "byte {place}: {ran:?}");
        let line = ran.line();
        assert_eq!(line["ok"], false);
        let fault = line["first_fault"].to_string();
        assert!(fault.contains(segment.file_name().unwrap().to_str().unwrap()), "{fault}");
    }
    std::fs::write(&segment, sound).unwrap();
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
}

#[test]
fn a_proof_of_a_decision_verifies_and_only_for_that_decision() {
    let world = World::start();
    let id = world.call("GET /orders").key(&world.keys.reader).send().decision();
    let other = world.call("GET /admin").key(&world.keys.reader).send().decision();
    world.entries(&other);
    let proof = until("a checkpoint over the decision", || {
        let output = world.cli().command().args(["audit", "prove", &id]).output().unwrap();
        output.status.success().then_some(output.stdout)
    });
    let file = world.place.folder.path().join("decision.tlog-proof");
    let check = |id: &str, proof: &[u8]| {
        std::fs::write(&file, proof).unwrap();
        world.cli().try_run(&["audit", "prove", id, "--check", &file.display().to_string()]).code
    };
    assert_eq!(check(&id, &proof), 0);
    assert_ne!(check(&other, &proof), 0);
    let mut broken = proof;
    let middle = broken.len() / 2;
    broken[middle] = if broken[middle] == b'A' { b'B' } else { b'A' };
    assert_ne!(check(&id, &broken), 0);
}

#[test]
fn tail_and_export_give_entries_as_stored() {
    let world = World::start();
    let id = world.call("GET /orders").key(&world.keys.reader).send().decision();
    let stored = world.entries(&id);
    let tail = world.cli().run(&["audit", "tail", "--lines", "100"]).lines();
    let export = world.cli().run(&["audit", "export"]).lines();
    for entry in &stored {
        assert!(tail.contains(entry) && export.contains(entry), "{entry}");
    }
    assert!(export.iter().any(|entry| entry["kind"] == "opened"), "{export:?}");
    let last = world.cli().run(&["audit", "tail", "--lines", "1"]).lines();
    assert!(!last.is_empty() && last.len() <= 2, "{last:?}");
}

#[test]
fn what_was_promised_durable_survives_a_kill() {
    let mut world = World::with(|place| place.edit(API, "audit: counted", "audit: required"));
    for _ in 0..5 {
        let answer = world.call("GET /orders").key(&world.keys.reader).send();
        assert_eq!(answer.status, 200);
        world.kill();
        world.start_again();
        let decided = world.decided_after_kill(&answer.decision());
        assert_eq!(decided["verdict"], "allowed");
    }
    world.stop();
    assert_eq!(world.cli().run(&["audit", "verify"]).line()["ok"], true);
    // Whatever the upstream saw has its entry.
    assert_eq!(world.upstream.requests().len(), 5);
    for request in world.upstream.requests() {
        world.decided_after_kill(request.all("sallyport-decision-id")[0]);
    }
}

#[test]
fn what_observation_lets_pass_stands_in_the_status() {
    let world = World::with(|place| {
        let day = place
            .cli
            .run(&["api", "observe", "orders", "--until", &in_days(10), "--reason", "first look"])
            .line();
        assert_eq!(day["mode"], "observe", "{day}");
    });
    let answers = [
        world.call("GET /admin").key(&world.keys.reader).send(),
        world.call("GET /orders").send(),
        world.call("GET /undeclared").key(&world.keys.reader).send(),
    ];
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(world.decided(&answers[0])["verdict"], "would_deny");
    // No assertion is made for whom nobody has verified.
    assert_eq!(world.upstream.requests()[1].all("sallyport-assertion"), [""; 0]);
    // Always refused, observed or not.
    let key = &world.keys.reader;
    let wrong = super::own_key::miscopied(key);
    assert_eq!(world.call("GET /orders").key(&wrong).send().status, 401);
    assert_eq!(world.call("GET /orders/%2e%2e").key(key).send().status, 400);
    assert_eq!(world.call("DELETE /orders/7").key(key).send().summary(), "403 guard");
    assert_eq!(world.upstream.requests().len(), 3);
    let api = until("the counts", || {
        let lines = world.cli().run(&["status"]).lines();
        let api = lines.into_iter().find(|api| api["api"] == "orders").unwrap();
        (3 <= api["would_deny"].as_array().unwrap().len()).then_some(api)
    });
    assert_eq!(api["mode"], "observe");
    assert!(api["observe_until"].as_str().unwrap().starts_with(&in_days(10)), "{api}");
    for (caller, reason) in
        [("app:reader", "no_grant"), ("anonymous", "no_credential"), ("app:reader", "unknown_operation")]
    {
        let rows = api["would_deny"].as_array().unwrap();
        assert!(
            rows.iter().any(|row| row["caller"] == caller && row["reason"] == reason && row["count"] == 1),
            "{caller} {reason}: {api}"
        );
    }
    assert!(!api["in_the_way"].as_array().unwrap().is_empty(), "{api}");
}

#[test]
fn secrets_are_nowhere_in_what_is_kept() {
    let mut world = World::start();
    let canary = |place: &str| format!("canary-{place}-8f3a1c");
    let (key, wrong) = (&world.keys.writer, format!("sp_live_{}", canary("wrong-key")));
    let call = world
        .call(&format!("POST /orders?token={}", canary("query")))
        .field("Authorization", &format!("Bearer {}", canary("foreign")))
        .field("Cookie", &canary("cookie"))
        .field("X-Custom", &canary("header"))
        .body(canary("body").as_bytes());
    assert_eq!(call.clone().key(key).send().status, 200);
    assert_eq!(call.key(&wrong).send().status, 401);
    assert_eq!(world.call(&format!("GET /orders/{}", canary("parameter"))).key(key).send().status, 200);
    assert_eq!(
        world.call(&format!("GET /orders/{}", canary("parameter"))).key(&world.keys.narrow).send().status,
        403
    );
    assert_eq!(world.call(&format!("GET /{}", canary("path"))).key(key).send().status, 404);
    let last = world.call("GET /orders").host(&canary("host")).key(key).send();
    world.entries(&last.decision());
    let metrics = world.admin("GET /metrics").send();
    assert_eq!(metrics.status, 200);
    let secret = super::own_key::secret(key).to_owned();
    let needles: Vec<String> =
        ["query", "foreign", "cookie", "header", "body", "wrong-key", "parameter", "path", "host"]
            .iter()
            .map(|place| canary(place))
            .chain([secret])
            .collect();
    let search = world.cli().run(&["audit", "export"]);
    world.stop();
    for needle in &needles {
        assert!(!contains(&metrics.body, needle.as_bytes()), "metrics hold {needle}");
        assert!(!search.stdout.contains(needle.as_str()), "the export holds {needle}");
        assert!(!world.log().contains(needle.as_str()), "the log holds {needle}");
        for file in world.place.folder.files() {
            if file.extension().is_some_and(|kind| kind == "yaml" || kind == "cedar") {
                continue;
            }
            let bytes = std::fs::read(&file).unwrap();
            assert!(!contains(&bytes, needle.as_bytes()), "{} holds {needle}", file.display());
        }
    }
    // They would have been found: the upstream got all that passes.
    for place in ["query", "foreign", "cookie", "header", "body", "parameter"] {
        assert!(contains(&world.upstream.bytes(), canary(place).as_bytes()), "{place}");
    }
    assert!(!contains(&world.upstream.bytes(), needles.last().unwrap().as_bytes()));
}

#[test]
fn an_erased_caller_is_gone_and_the_log_still_verifies() {
    let world = World::start();
    let id = world.call("GET /orders").key(&world.keys.reader).send().decision();
    let kept = world.call("GET /orders").key(&world.keys.writer).send().decision();
    world.entries(&id);
    world.entries(&kept);
    // Refused attempts name no application, and a key that leads to one.
    let wrong = super::own_key::with_secret_of(&world.keys.reader, &world.keys.writer);
    let other = super::own_key::with_secret_of(&world.keys.writer, &world.keys.reader);
    let refused = [&wrong, &other].map(|key| {
        let answer = world.call("GET /orders").key(key).send();
        assert_eq!(answer.status, 401);
        answer.decision()
    });
    let keys = |id: &str| {
        let entries = world.entries(id);
        entries.iter().find_map(|entry| Some(entry.get("key")?.clone())).unwrap_or_default()
    };
    let [reader, writer] = [&world.keys.reader, &world.keys.writer].map(|key| super::own_key::id(key));
    assert_eq!(refused.each_ref().map(|id| keys(id)), [reader.as_str().into(), Value::from(writer.as_str())]);
    world.cli().run(&["audit", "erase", "--subject", "app:reader", "--reason", "request 4711"]);
    assert_eq!(refused.each_ref().map(|id| keys(id)), [Value::Null, Value::from(writer.as_str())]);
    let named = world.cli().run(&["audit", "export"]).lines();
    assert!(
        named.iter().all(|entry| entry["kind"] == "change" || !entry.to_string().contains(&reader)),
        "{named:?}"
    );
    let decided = |id: &str| world.entries(id).into_iter().find(|entry| entry["kind"] == "decided").unwrap();
    let erased = decided(&id);
    assert_eq!(
        (&erased["personal"], &erased["caller"]),
        (&Value::from("not recorded"), &Value::Null),
        "{erased}"
    );
    assert_eq!(erased["verdict"], "allowed");
    assert_eq!(decided(&kept)["caller"], "app:writer");
    let status = world.cli().run(&["status"]).stdout;
    assert!(!status.contains("app:reader"), "{status}");
    let verified = until("a verified log", || {
        let ran = world.cli().try_run(&["audit", "verify"]);
        (ran.code == 0).then_some(ran)
    });
    assert_eq!(verified.line()["ok"], true);
}

#[test]
fn every_change_names_its_actor_and_reason_offline_ones_too() {
    let world = World::start();
    let id = world.keys.narrow.split('_').nth(2).unwrap().to_owned();
    world.cli().run(&["key", "revoke", &id, "--reason", "found in a repository"]);
    let export = world.cli().run(&["audit", "export"]).lines();
    let changes: Vec<&Value> = export.iter().filter(|entry| entry["kind"] == "change").collect();
    let revoked = changes
        .iter()
        .find(|change| change["action"] == "key.revoke")
        .unwrap_or_else(|| panic!("{changes:?}"));
    assert_eq!(revoked["reason"], "found in a repository");
    assert!(
        revoked["actor"].as_str().unwrap().contains("tester") && revoked["object"].to_string().contains(&id),
        "{revoked}"
    );
    let offline = changes
        .iter()
        .find(|change| change["action"] == "application.create")
        .unwrap_or_else(|| panic!("{changes:?}"));
    assert!(offline["actor"].as_str().unwrap().contains("tester"), "{offline}");
    assert!(changes.iter().any(|change| change["action"] == "revision.publish"), "{changes:?}");
    let grants = world.place.read(POLICY);
    assert!(!grants.is_empty());
}

impl World {
    /// The decision of a call whose gateway was killed, which may have no ending.
    fn decided_after_kill(&self, id: &str) -> Value {
        until("the entry of a decision", || {
            let found = self.cli().run(&["audit", "search", "--id", id]).lines();
            found.into_iter().find(|entry| entry["kind"] == "decided")
        })
    }
}
