//! Stop now: blocks from the next request on, and what is under way within a second.

use testkit::{Connection, Gate, Reply, Response, Step, until};

use super::own_key::id as id_of;
use super::world::{HOST, POLICY, World};

const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";

/// Blocks something for two hours, and gives the block's id.
fn block(world: &World, kind: &str, name: &str) -> String {
    let reason = format!("a test of {kind}");
    let ran =
        world.cli().run(&["block", "add", &format!("--{kind}"), name, "--for", "2h", "--reason", &reason]);
    ran.line()["id"].as_str().unwrap().to_owned()
}

fn remove(world: &World, id: &str) {
    world.cli().run(&["block", "remove", id, "--reason", "over"]);
}

#[test]
fn a_block_counts_from_the_next_request_on_until_it_is_removed() {
    let world = World::start();
    let reader_id = id_of(&world.keys.reader);
    let mut connection = world.connect();
    let mut summary = |line: &str, key: &str| {
        connection.send(&world.call(line).key(key).bytes());
        connection.answer().summary()
    };
    let (reader, narrow, writer) = (&world.keys.reader, &world.keys.narrow, &world.keys.writer);
    for (kind, name, near) in [
        ("app", "reader", ("GET /orders", writer)),
        ("key", &reader_id, ("GET /orders", narrow)),
        ("operation", "orders:GET /orders", ("GET /orders/7", reader)),
        ("network", "127.0.0.0/8", ("", reader)),
        ("network", "192.0.2.0/24", ("GET /orders", reader)),
        ("api", "orders", ("", reader)),
        ("api", "billing", ("GET /orders", reader)),
    ] {
        let concerns = (kind, name) != ("network", "192.0.2.0/24") && name != "billing";
        assert_eq!(summary("GET /orders", reader), "200", "before {kind} {name}");
        let id = block(&world, kind, name);
        assert_eq!(
            summary("GET /orders", reader),
            if concerns { "403 blocked" } else { "200" },
            "{kind} {name}"
        );
        if !near.0.is_empty() {
            assert_eq!(summary(near.0, near.1), "200", "beside {kind} {name}");
        }
        remove(&world, &id);
        assert_eq!(summary("GET /orders", reader), "200", "after {kind} {name}");
    }
}

#[test]
fn a_block_is_named_to_those_who_may_know_and_to_nobody_else() {
    let world = World::start();
    let id = block(&world, "app", "reader");
    let answer = world.call("GET /orders").key(&world.keys.reader).send();
    assert_eq!(answer.summary(), "403 blocked");
    let told = format!("{}{}", answer.head, String::from_utf8_lossy(&answer.body));
    assert!(!told.contains("a test of") && !told.contains(&id) && !told.contains("tester"), "{told}");
    let decided = world.decided(&answer);
    assert_eq!((&decided["reason"], &decided["code"]), (&"blocked".into(), &"blocked_app".into()));
    assert_eq!(decided["policies"], serde_json::json!([format!("block {id}")]));
    let explained = world.cli().try_run(&["explain", &answer.decision()]);
    assert_eq!(explained.code, 1);
    let note = explained.line()["note"].as_str().unwrap().to_owned();
    assert!(note.contains(&id) && note.contains("a test of app") && note.contains("by tester"), "{note}");
    let asked =
        world.cli().try_run(&["explain", "--as", "app:reader", "GET", "http://orders.example/orders"]);
    assert_eq!((&asked.line()["reason"], &asked.line()["decision"]), (&"blocked".into(), &"deny".into()));
    assert!(asked.line()["note"].as_str().unwrap().contains(&id), "{asked:?}");
    let status = world.cli().run(&["status"]).lines();
    let orders = status.iter().find(|api| api["api"] == "orders").unwrap();
    assert_eq!(orders["blocks"][0]["id"], id.as_str());
    let shown = world.cli().run(&["block", "show", &id]).line();
    assert_eq!(
        (&shown["kind"], &shown["name"], &shown["by"]),
        (&"app".into(), &"reader".into(), &"tester".into())
    );
    assert_eq!(world.cli().run(&["block", "list"]).lines(), [shown]);
    let metrics = world.admin("GET /metrics").send();
    assert!(String::from_utf8_lossy(&metrics.body).contains("\nsallyport_blocks 1\n"));
    remove(&world, &id);
    assert_eq!(world.cli().try_run(&["block", "show", &id]).code, 2);
    let over = world.cli().try_run(&["explain", &answer.decision()]).line();
    assert!(over["note"].as_str().unwrap().contains("is over by now"), "{over}");
}

#[test]
fn a_block_survives_a_restart_and_a_kill_and_can_be_made_while_nothing_runs() {
    let mut world = World::start();
    block(&world, "app", "reader");
    world.restart();
    let status = |world: &World, key: &str| world.call("GET /orders").key(key).send().summary();
    assert_eq!(status(&world, &world.keys.reader), "403 blocked");
    block(&world, "key", &id_of(&world.keys.writer));
    world.kill();
    world.start_again();
    assert_eq!(status(&world, &world.keys.reader), "403 blocked");
    assert_eq!(status(&world, &world.keys.writer), "403 blocked");
    world.stop();
    let offline = world.cli().run(&["block", "list"]).lines();
    assert_eq!(offline.len(), 2);
    offline.iter().for_each(|block| remove(&world, block["id"].as_str().unwrap()));
    let id = block(&world, "operation", "orders:GET /orders");
    world.start_again();
    assert_eq!(status(&world, &world.keys.reader), "403 blocked");
    remove(&world, &id);
    assert_eq!(status(&world, &world.keys.reader), "200");
}

#[test]
fn what_does_not_fit_is_refused_and_stops_nothing() {
    let world = World::start();
    for arguments in [
        &["--app", "nobody", "--for", "2h", "--reason", "r"][..],
        &["--key", "AAAAAAAAAAAA", "--for", "2h", "--reason", "r"],
        &["--api", "nothing", "--for", "2h", "--reason", "r"],
        &["--operation", "orders:GET /nothing", "--for", "2h", "--reason", "r"],
        &["--network", "0.0.0.0/0", "--for", "2h", "--reason", "r"],
        &["--network", "example.com", "--for", "2h", "--reason", "r"],
        &["--app", "reader", "--for", "31d", "--reason", "r"],
        &["--app", "reader", "--for", "0s", "--reason", "r"],
        &["--app", "reader", "--for", "2h", "--reason", " "],
        &["--app", "reader", "--for", "2h"],
        &["--app", "reader", "--reason", "r"],
        &["--for", "2h", "--reason", "r"],
        &["--app", "reader", "--api", "orders", "--for", "2h", "--reason", "r"],
    ] {
        let ran = world.cli().try_run(&[&["block", "add"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
    }
    assert_eq!(world.cli().run(&["block", "list"]).stdout, "");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
}

#[test]
fn an_owner_blocks_what_is_its_teams_and_nothing_else() {
    let world = World::with(|place| {
        place.edit("teams.yaml", "members: []                 #", "members: [olga] #");
    });
    let token = world.cli().run(&["admin", "create", "olga", "--role", "owner"]).line();
    let token = token["token"].as_str().unwrap().to_owned();
    let ask = |kind: &str, name: &str| {
        let body = serde_json::json!({ "kind": kind, "name": name, "for": "2h", "reason": "r" }).to_string();
        let call = world.admin("POST /v1/blocks").field("Authorization", &format!("Bearer {token}"));
        call.field("Content-Type", "application/json").body(body.as_bytes()).send().status
    };
    for (kind, name, status) in [
        ("api", "orders", 201),
        ("operation", "orders:GET /orders", 201),
        ("app", "writer", 201),
        ("app", "stranger", 403),
        ("key", &id_of(&world.keys.stranger), 403),
        ("network", "192.0.2.0/24", 403),
        ("user", "corp/ann", 403),
        ("token", "00112233445566778899aabbccddeeff", 403),
        ("workload", "spiffe://example/a", 403),
    ] {
        assert_eq!(ask(kind, name), status, "{kind} {name}");
    }
}

/// An answer that has begun and waits.
struct Open {
    client: Connection,
    gate: Gate,
    head: Response,
}

fn open(world: &World, key: &str) -> Open {
    let gate = Gate::new();
    let steps = vec![Step::Send(HALF.into()), Step::Wait(gate.clone()), Step::Send(b" done".to_vec())];
    world.upstream.reply("/orders", Reply::Steps(steps));
    let mut client = world.connect();
    client.send(&world.call("GET /orders").key(key).bytes());
    let head = client.head();
    assert_eq!(head.status, 200);
    let mut begun = Vec::new();
    while begun.len() < 4 {
        begun.extend(client.piece().expect("half of the answer"));
    }
    assert_eq!(begun, b"half");
    Open { client, gate, head }
}

/// The answer breaks off, and the record says why.
fn is_stopped(world: &World, mut open: Open, reason: &str) {
    assert_eq!(open.client.rest(), b"", "{reason}");
    open.gate.open();
    let entries = world.entries(&open.head.decision());
    let completed = entries.iter().find(|entry| entry["kind"] == "completed").unwrap();
    assert_eq!(
        (&completed["outcome"], &completed["stopped"]),
        (&"stopped".into(), &reason.into()),
        "{completed}"
    );
    assert_eq!((&completed["status"], &completed["response_bytes"]), (&200.into(), &4.into()));
}

/// The answer goes on to its end.
fn goes_on(mut open: Open) {
    open.gate.open();
    let mut rest = Vec::new();
    while rest.len() < 5 {
        rest.extend(open.client.piece().expect("the rest of the answer"));
    }
    assert_eq!(rest, b" done");
}

#[test]
fn an_answer_under_way_breaks_off_when_what_let_it_pass_ends() {
    let world = World::start();
    let (reader, writer) = (&world.keys.reader, &world.keys.writer);
    for (kind, name) in [
        ("app", "reader".to_owned()),
        ("key", id_of(reader)),
        ("operation", "orders:GET /orders".to_owned()),
        ("network", "127.0.0.1".to_owned()),
        ("api", "orders".to_owned()),
    ] {
        let under_way = open(&world, reader);
        let id = block(&world, kind, &name);
        is_stopped(&world, under_way, "blocked");
        remove(&world, &id);
    }
    // What concerns others lets it go on.
    let under_way = open(&world, reader);
    let id = block(&world, "app", "stranger");
    let probe = open(&world, writer);
    world.cli().run(&["block", "add", "--app", "writer", "--for", "2h", "--reason", "r"]);
    is_stopped(&world, probe, "blocked");
    goes_on(under_way);
    remove(&world, &id);
    let metrics = world.admin("GET /metrics").send();
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(text.contains("sallyport_stopped_total{api=\"orders\",reason=\"blocked\"} 6\n"), "{text}");
}

#[test]
fn case_95_an_answer_under_way_breaks_off_with_its_key_its_application_and_its_grant() {
    let world = World::start();
    let under_way = open(&world, &world.keys.narrow);
    world.cli().run(&["key", "revoke", &id_of(&world.keys.narrow)]);
    is_stopped(&world, under_way, "revoked_credential");
    let under_way = open(&world, &world.keys.writer);
    world.cli().run(&["app", "disable", "writer"]);
    is_stopped(&world, under_way, "disabled_application");
    let under_way = open(&world, &world.keys.reader);
    world.place.edit(POLICY, "    Action::\"orders:GET /orders\",\n", "");
    is_stopped(&world, under_way, "no_grant");
}

#[test]
fn an_answer_under_way_breaks_off_when_its_key_expires() {
    let world = World::start();
    let under_way = open(&world, &world.keys.reader);
    let after = open(&world, &world.keys.writer);
    world.cli().run(&["key", "rotate", &id_of(&world.keys.reader), "--overlap", "2s"]);
    is_stopped(&world, under_way, "expired_credential");
    goes_on(after);
}

#[test]
fn an_upload_under_way_ends_without_an_end_and_its_client_is_told() {
    let world = World::start();
    let mut client = world.connect();
    let key = &world.keys.writer;
    client.send(
        format!(
            "POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nContent-Length: 100\r\n\r\nbegun"
        )
        .as_bytes(),
    );
    world.upstream.wait_for("begun");
    block(&world, "app", "writer");
    let answer = client.answer();
    assert_eq!(answer.summary(), "403 blocked");
    world.upstream.wait_ended(1);
    assert!(world.upstream.requests().is_empty(), "the upstream saw a whole request");
    let entries = world.entries(&answer.decision());
    let completed = entries.iter().find(|entry| entry["kind"] == "completed").unwrap();
    assert_eq!(
        (&completed["outcome"], &completed["status"]),
        (&"stopped".into(), &403.into()),
        "{completed}"
    );
}

#[test]
fn a_list_of_blocks_that_was_tampered_with_stops_everything_until_it_is_repaired() {
    let mut world = World::start();
    block(&world, "app", "stranger");
    world.stop();
    let store = world.place.dir().join(".state/store.db");
    let script =
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM blocks'); c.commit()";
    let status = std::process::Command::new("python3").args(["-c", script]).arg(&store).status().unwrap();
    assert!(status.success());
    world.start_again();
    for key in [&world.keys.stranger, &world.keys.reader] {
        assert_eq!(world.call("GET /public/info").key(key).send().summary(), "503 stops_unreadable");
    }
    let ready = world.admin("GET /readyz").send();
    let ready = String::from_utf8_lossy(&ready.body).into_owned();
    assert!(ready.contains("block repair"), "{ready}");
    let repaired = world.cli().run(&["block", "repair", "--reason", "a test took it out"]).line();
    // The log has the block still.
    assert_eq!(repaired["kept"], 1);
    assert_eq!(world.call("GET /public/info").key(&world.keys.stranger).send().summary(), "403 blocked");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().summary(), "200");
    world.restart();
    assert_eq!(world.call("GET /public/info").key(&world.keys.stranger).send().summary(), "403 blocked");
    until("the repaired list", || {
        (world.call("GET /orders").key(&world.keys.reader).send().status == 200).then_some(())
    });
}

/// What a person with curl sees: a transfer that breaks, never one that looks whole, and then the refusal.
#[test]
fn curl_sees_a_broken_transfer_and_then_a_refusal() {
    let world = World::start();
    let gate = Gate::new();
    let steps = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n".to_vec()),
        Step::Wait(gate.clone()),
        Step::Send(b"0\r\n\r\n".to_vec()),
    ];
    world.upstream.reply("/orders", Reply::Steps(steps));
    let url = format!("http://{}/orders", world.gateway().address);
    let curl = || {
        let mut command = std::process::Command::new("curl");
        command.args(["--silent", "--show-error", "--no-buffer", "--max-time", "60", "--header"]);
        command.arg(format!("Host: {HOST}")).arg("--header");
        command.arg(format!("X-Api-Key: {}", world.keys.reader)).arg(&url);
        command
    };
    let out = std::process::Stdio::piped;
    let transfer = curl().stdout(out()).stderr(out()).spawn().unwrap();
    world.upstream.wait_for("GET /orders");
    until("the call's decision", || {
        let rows = world.cli().try_run(&["audit", "search", "--caller", "app:reader"]).lines();
        (!rows.is_empty()).then_some(())
    });
    let id = block(&world, "app", "reader");
    let ended = transfer.wait_with_output().unwrap();
    gate.open();
    assert!(matches!(ended.status.code(), Some(18 | 56)), "{ended:?}");
    assert!(ended.stdout == b"half" || ended.stdout.is_empty(), "{ended:?}");
    let refused = curl().args(["--write-out", "%{http_code}"]).output().unwrap();
    assert!(refused.stdout.ends_with(b"403"), "{refused:?}");
    remove(&world, &id);
}
