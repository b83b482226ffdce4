//! A key is stolen: what the log says of it, by commands alone.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{Cli, Folder, Ran, Reply, count as count_of, until};

use super::world::{HOST, World, root};

/// The id of the one key of an application.
fn key_of(world: &World, app: &str) -> String {
    let keys = world.cli().run(&["key", "list"]).lines();
    let key = keys.iter().find(|key| key["app"] == app).expect("a key of the application");
    key["id"].as_str().unwrap().to_owned()
}

/// The decisions that were found. Workers write apart from one another, so that calls within a moment stand in any order.
fn ids(ran: &Ran) -> BTreeSet<String> {
    let decided = ran.lines().into_iter().filter(|entry| entry["kind"] == "decided");
    decided.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

fn set<'a>(ids: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    ids.into_iter().cloned().collect()
}

/// A command's result and what it says beside it, as a person reads both.
fn told(world: &World, arguments: &[&str]) -> (String, String) {
    let output = world.cli().command().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_log_is_asked_by_key_address_team_and_object() {
    let world = World::start();
    let one = world.call("GET /orders/77").key(&world.keys.writer).send().decision();
    let two = world.call("GET /orders/78").key(&world.keys.writer).send().decision();
    let scan = world.call("GET /hidden").key(&world.keys.stranger).send().decision();
    let nobody = world.call("GET /orders").send().decision();
    for id in [&one, &two, &scan, &nobody] {
        world.entries(id);
    }
    let (writer, stranger) = (key_of(&world, "writer"), key_of(&world, "stranger"));
    let search = |arguments: &[&str]| ids(&world.cli().run(&[&["audit", "search"][..], arguments].concat()));
    assert_eq!(search(&["--key", &writer]), set([&one, &two]));
    assert_eq!(search(&["--key", &stranger, "--since", "2h"]), set([&scan]));
    assert_eq!(search(&["--key", &stranger, "--until", "2h"]), set([]));
    assert_eq!(search(&["--team", "orders-team"]), set([&one, &two]));
    assert_eq!(search(&["--network", "127.0.0.0/8", "--caller", "anonymous"]), set([&nobody]));
    assert_eq!(search(&["--network", "10.0.0.0/8"]), set([]));
    assert_eq!(search(&["--param", "id=77"]), set([&one]));
    assert_eq!(search(&["--param", "id=77", "--key", &stranger]), set([]));
    assert_eq!(search(&["--param", "id=7"]), set([]));
    // What no document declares is known by its path alone, to whoever knows the path.
    assert_eq!(search(&["--param", "path=/hidden"]), set([&scan]));
    assert_eq!(search(&["--param", "path=/orders/77"]), set([]));
    let typo = world.call("GET /orders").key(&format!("{}x", world.keys.reader)).send();
    let code = world.decided(&typo)["code"].as_str().unwrap().to_owned();
    assert_eq!(search(&["--reason", &code]), set([&typo.decision()]));
    assert_eq!(search(&["--reason", "key_nothing"]), set([]));
    for wrong in [["--key", "no key"], ["--network", "everywhere"], ["--param", "77"], ["--since", "soon"]] {
        assert_eq!(world.cli().try_run(&["audit", "search", wrong[0], wrong[1]]).code, 2, "{wrong:?}");
    }
    let export = world.cli().run(&["audit", "export", "--key", &writer]);
    assert_eq!(ids(&export), set([&one, &two]));
    let tail = world.cli().run(&["audit", "tail", "--key", &writer, "--lines", "1"]);
    let last = ids(&tail);
    assert!(last.len() == 1 && last.is_subset(&set([&one, &two])), "{last:?}");
    let (line, _) = told(&world, &["audit", "search", "--id", &one]);
    for part in [&format!("key={writer}"), "from=127.0.0.1", "status=200", "app:writer"] {
        assert!(line.contains(part) && line.lines().count() == 1, "{part} in {line}");
    }
}

#[test]
fn a_search_that_was_cut_says_so_and_goes_on() {
    let world = World::start();
    let calls: Vec<String> =
        (0..5).map(|_| world.call("GET /orders").key(&world.keys.reader).send().decision()).collect();
    calls.iter().for_each(|id| drop(world.entries(id)));
    let ask = ["audit", "search", "--caller", "app:reader", "--limit", "2"];
    let (text, note) = told(&world, &ask);
    assert_eq!(text.lines().count(), 2, "{text}");
    let mut found: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut note = note;
    while let Some((_, rest)) = note.split_once("--before ") {
        let before = rest.split(|character: char| !character.is_ascii_digit()).next().unwrap();
        let (text, next) = told(&world, &[&ask[..], &["--before", before]].concat());
        assert!(text.lines().count() <= 2, "{text}");
        found.extend(text.lines().map(str::to_owned));
        note = next;
    }
    assert_eq!(found.len(), 5, "{found:#?}");
    for id in &calls {
        assert_eq!(found.iter().filter(|line| line.contains(id.as_str())).count(), 1, "{id} in {found:#?}");
    }
    let whole = world.cli().try_run(&["audit", "search", "--caller", "app:reader", "--limit", "10"]);
    assert_eq!((whole.lines().len(), whole.stderr.as_str()), (10, ""));
    let parts = world.cli().try_run(&["audit", "search", "--caller", "app:reader", "--limit", "3"]);
    assert_eq!(parts.lines().len(), 2, "a decision and its ending are not parted: {parts:?}");
    assert!(parts.stderr.contains("--before"), "{parts:?}");
    assert_eq!(world.cli().try_run(&["audit", "search", "--limit", "10001"]).code, 2);
    let (_, note) = told(&world, &["audit", "export", "--limit", "1"]);
    assert!(note.contains("more match"), "{note}");
}

#[test]
fn usage_says_which_key_was_refused_and_from_where() {
    let world = World::start();
    for path in ["/hidden", "/hidden/too", "/orders"] {
        assert_ne!(world.call(&format!("GET {path}")).key(&world.keys.stranger).send().status, 200);
    }
    let id = world.call("GET /orders").key(&world.keys.reader).send().decision();
    world.entries(&id);
    let key = key_of(&world, "stranger");
    let rows = |arguments: &[&str]| {
        let by = ["usage", "--by", "key,network,verdict"];
        world.cli().run(&[&by[..], arguments].concat()).lines()
    };
    let row = until("all calls counted", || {
        let rows = rows(&["--key", &key]);
        rows.into_iter().find(|row| row["calls"] == 3)
    });
    let of = |name: &str| row[name].clone();
    assert_eq!(
        (of("key"), of("network"), of("verdict")),
        (key.clone().into(), "127.0.0.1".into(), "denied".into())
    );
    assert!(rows(&["--network", "10.0.0.0/8"]).is_empty());
    assert_eq!(rows(&["--network", "127.0.0.0/8"]).len(), 2);
    assert!(rows(&["--caller", "app:reader", "--key", &key]).is_empty());
    assert_eq!(world.cli().try_run(&["usage", "--key", "no key"]).code, 2);
    let short = world.cli().try_run(&["usage", "--since", "40m"]);
    assert!(short.code == 0 && short.stderr.contains("whole days"), "{short:?}");
    assert_eq!(world.cli().try_run(&["policy", "matrix", "--key", &key]).code, 2);
}

/// Each page of a problem promises that its decision is explained whole.
#[test]
fn an_explanation_says_from_where_a_call_came_and_what_became_of_it() {
    let world = World::with_api("limits: { per_key: 2/d, body: 16B }\n");
    let explain = |id: &str| {
        world.entries(id);
        world.cli().try_run(&["explain", id]).line()
    };
    world.upstream.reply("/orders", Reply::Reset);
    let broken = world.call("GET /orders").key(&world.keys.reader).send();
    assert_eq!(broken.summary(), "502 upstream_broken");
    let told = explain(&broken.decision());
    let of = |told: &Value, name: &str| told[name].as_str().unwrap_or_default().to_owned();
    assert_eq!((of(&told, "decision"), told["status"].as_u64()), ("allow".to_owned(), Some(502)), "{told}");
    assert_eq!(
        (of(&told, "outcome"), of(&told, "source_ip")),
        ("upstream_broken".into(), "127.0.0.1".into())
    );
    let upstream = world.upstream.address.to_string();
    assert!(of(&told, "note").contains("broke off") && of(&told, "note").contains(&upstream), "{told}");

    let parameter = world.call("GET /config/07").key(&world.keys.reader).send();
    let told = explain(&parameter.decision());
    assert!(of(&told, "note").contains("`index` is a whole number"), "{told}");
    assert_eq!((told["rules"].as_array().unwrap().len(), told["status"].as_u64()), (0, Some(400)), "{told}");

    let used_up = world.call("GET /orders/7").key(&world.keys.reader);
    let limited = until("a rate that is used up", || {
        let answer = used_up.send();
        (answer.status == 429).then_some(answer)
    });
    let told = explain(&limited.decision());
    assert!(of(&told, "note").contains("`limits.per_key` of the API's api.yaml, which is 2/d now"), "{told}");
    assert_eq!((of(&told, "code"), of(&told, "api")), ("rate_per_key".into(), "orders".into()), "{told}");
    assert!(told["params"]["id"].as_str().unwrap().starts_with("hash:"), "{told}");

    let large = world.call("PUT /orders/7").key(&world.keys.writer).body(&[b'a'; 17]).send();
    assert_eq!(large.summary(), "413 body_too_large");
    let told = explain(&large.decision());
    assert!(
        of(&told, "note").contains("`limits.body` of the API's api.yaml, which is 16 bytes now"),
        "{told}"
    );

    let dots = world.raw(format!("GET /a/../b HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    let told = explain(&dots.decision());
    assert!(of(&told, "note").contains("`dot_segment`") && told["status"] == 400, "{told}");

    let text = world.cli().command().args(["explain", &broken.decision()]).output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    for part in ["\nkey        ", "\nfrom       127.0.0.1", "\nanswer     502 (upstream_broken)"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    // Nothing of that is known of a call that nobody made.
    let asked = ["explain", "--as", "app:reader", "GET", &format!("https://{HOST}/orders")];
    let told = world.cli().try_run(&asked).line();
    assert!(["key", "source_ip", "status", "outcome"].iter().all(|name| told[name].is_null()), "{told}");
}

/// The steps of docs/evidence.md: whoever gets the files has nothing else.
#[test]
fn what_was_handed_over_verifies_in_an_empty_folder_and_nothing_near_it_does() {
    let mut world = World::start();
    let ids: Vec<String> =
        (0..3).map(|_| world.call("GET /orders").key(&world.keys.reader).send().decision()).collect();
    let other = world.call("GET /orders").key(&world.keys.writer).send().decision();
    for id in ids.iter().chain([&other]) {
        world.entries(id);
    }
    let print = |arguments: &[&str]| {
        let output = world.cli().command().args(arguments).output().unwrap();
        output.status.success().then_some(output.stdout)
    };
    let caller = ["audit", "prove", "--caller", "app:reader", "--since", "2h"];
    let count = |bytes: &[u8]| count_of(bytes, b"c2sp.org/tlog-proof@v1\n");
    let proofs = until("a checkpoint over all calls", || print(&caller).filter(|proofs| count(proofs) == 3));
    let two = print(&["audit", "prove", &ids[0], &other]).unwrap();
    assert!(2 <= count(&two));
    let (verifier, checkpoint) =
        (print(&["audit", "verifier"]).unwrap(), print(&["audit", "checkpoint"]).unwrap());
    assert!(
        print(&["audit", "prove"]).is_none() && print(&["audit", "prove", &ids[0], "--key", "a"]).is_none()
    );

    let auditor = Folder::new(root(), "auditor");
    let cli = Cli::new(auditor.path(), auditor.path());
    let keep = |name: &str, bytes: &[u8]| {
        let path = auditor.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let key = keep("gateway.verifier", &verifier);
    let check = |ids: &[&str], proofs: &[u8], key: &str| {
        let file = keep("incident.tlog-proofs", proofs);
        cli.try_run(&[&["audit", "prove"][..], ids, &["--check", &file, "--verifier", key]].concat())
    };
    let ran = check(&[], &proofs, &key);
    assert_eq!((ran.code, ran.lines().len()), (0, 3), "{ran:?}");
    assert!(
        ran.lines()
            .iter()
            .all(|line| line["ok"] == true && line["detail"].as_str().unwrap().contains("app:reader"))
    );
    assert_eq!(check(&[&ids[1]], &proofs, &key).lines()[0]["id"], ids[1].as_str());
    assert_eq!(check(&[&ids[0], &other], &two, &key).code, 0);
    let absent = check(&[&ids[1], &other], &proofs, &key);
    assert_eq!((absent.code, absent.lines()[1]["ok"].as_bool()), (1, Some(false)), "{absent:?}");
    for place in (0..proofs.len()).step_by(97) {
        let mut broken = proofs.clone();
        broken[place] ^= 1;
        assert_eq!(check(&[], &broken, &key).code, 1, "byte {place}");
    }
    assert_eq!(check(&[], b"", &key).code, 1);
    assert_eq!(check(&[], &proofs[..proofs.len() - 5], &key).code, 1);
    let stranger = key_of_another_log(&auditor);
    assert_ne!(stranger, verifier);
    assert_eq!(check(&[], &proofs, &keep("another.verifier", &stranger)).code, 1);
    assert_eq!(check(&[], &proofs, &keep("no.verifier", b"nothing")).code, 2);
    assert_eq!(check(&["--since", "2h"], &proofs, &key).code, 2, "conditions check nothing");
    let without = cli.try_run(&["audit", "prove", "--check", &keep("incident.tlog-proofs", &proofs)]);
    assert!(without.code == 2 && without.stderr.contains("--verifier"), "{without:?}");

    // A copy of the log, verified from what was kept.
    world.stop();
    let copy = auditor.path().join(".state/log");
    std::fs::create_dir_all(&copy).unwrap();
    for file in std::fs::read_dir(world.place.dir().join(".state/log")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let kept = keep("yesterday.checkpoint", &checkpoint);
    let verify = ["audit", "verify", "--verifier", &key, "--checkpoint", &kept];
    assert_eq!(cli.run(&verify).line()["ok"], true);
    let wrong = keep("another.verifier", &stranger);
    assert_ne!(cli.try_run(&["audit", "verify", "--verifier", &wrong]).code, 0);
}

/// The public key of a log that has nothing to do with any of ours.
fn key_of_another_log(folder: &Folder) -> Vec<u8> {
    let dir = folder.path().join("other");
    let cli = Cli::new(&dir, folder.path());
    cli.run(&["init", &dir.display().to_string(), "--upstream", "http://127.0.0.1:9"]);
    cli.run(&["team", "list"]);
    let output = cli.command().args(["audit", "verifier"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}
