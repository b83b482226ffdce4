//! The generated requests, through the gateway, to servers that others wrote: what each of them parsed is what was
//! judged, or the gateway refused it.

use serde_json::Value;
use testkit::{Connection, Folder};

use super::heads::{Case, Manner, Message, Pieces, Random, case, messages};
use super::same_request::{Recorded, TARGETS, batches, check_fields, decode, number, send};
use super::servers::Server;
use super::world::{World, root};

/// Requests for each server, unless `SALLYPORT_SERVER_CASES` says otherwise.
const CASES: usize = 10_000;
const SEED: usize = 11;

/// What one server reads of the corpus, and that it read every request that was answered for.
fn check(name: &str, start: fn(&Folder) -> Server) {
    let folder = Folder::new(root(), name);
    let server = start(&folder);
    let upstream = server.address;
    let host = format!("{name}.example");
    let mut world = World::with(|place| {
        let address = format!("http://{upstream}");
        place.cli.run(&["api", "add", name, "--upstream", &address, "--host", &host]);
    });
    let keys = [&world.keys.reader, &world.keys.writer, &world.keys.stranger].map(Clone::clone);
    let pieces = Pieces { hosts: vec![host], targets: TARGETS, keys: keys.into() };
    let mut random = Random::new(number("SALLYPORT_SEED", SEED));
    let cases: Vec<Case> = (0..number("SALLYPORT_SERVER_CASES", CASES))
        .map(|number| case(&mut random, &pieces, number))
        .collect();
    let address = world.gateway().address;
    let answers: Vec<_> = batches(&cases).into_iter().flat_map(|batch| send(address, batch)).collect();
    world.stop();
    let mut recorded = Recorded::of(&world);
    let mut read = vec![0_usize; cases.len()];
    for seen in server.seen() {
        // What nginx could not parse it logs as refused; what it probes itself has no case.
        if seen["status"].as_str().is_some_and(|status| status != "200") {
            continue;
        }
        let text = seen["case"].as_str().unwrap();
        let number: usize = match text.strip_prefix('c').and_then(|text| text.get(..7)?.parse().ok()) {
            Some(number) => number,
            // A head that was cut short before the field.
            None => continue,
        };
        let case = &cases[number];
        let sent = messages(&case.bytes);
        let is_read = |sent: &&Message| is_read_so(&seen, sent);
        let sent = sent.iter().find(is_read).unwrap_or_else(|| {
            panic!("{name} read {seen}\nsent {sent:?}\n{}", case.shown());
        });
        if seen["fields"].is_array() {
            check_fields(sent, &as_message(&seen), upstream);
        }
        read[number] += 1;
    }
    let mut allowed = 0;
    for ((case, answers), read) in cases.iter().zip(&answers).zip(&read) {
        if case.manner == Manner::Wild {
            continue;
        }
        let [answer] = answers.as_slice() else { panic!("{answers:?} to {}", case.shown()) };
        let is_denied = recorded.take(&answer.id).is_some_and(|entry| entry["verdict"] == "denied");
        if is_denied {
            assert_eq!(*read, 0, "{name} read what was refused: {answers:?} {}", case.shown());
        }
        let is_ours = testkit::contains(&case.bytes, b"/.well-known/sallyport/");
        if answer.status == 200 && !is_ours {
            assert!(!is_denied, "{answers:?}");
            assert_eq!(*read, 1, "{name}: {answers:?} {}", case.shown());
            allowed += 1;
        }
    }
    println!("{name}: {allowed} of {} read as they were judged", cases.len());
    assert!(cases.len() / 10 < allowed, "only {allowed} requests reached {name}");
}

/// Whether the server's reading is this message.
fn is_read_so(seen: &Value, sent: &Message) -> bool {
    let host = sent.all("host").first().copied().unwrap_or_default();
    // ASGI gives no sign of a query that is empty.
    let is_target = |target: &str| {
        seen["target"] == target || target.strip_suffix('?').is_some_and(|t| seen["target"] == t)
    };
    let path = decode(sent.target.split('?').next().unwrap());
    let is_whole = match (seen["length"].as_i64(), &sent.body) {
        (None, _) => true,
        (Some(length), Some(body)) => usize::try_from(length) == Ok(body.len()) || length == -1,
        // The end of a body that never came is an error of reading, and not an end.
        (Some(_), None) => true,
    };
    seen["method"] == *sent.method
        && is_target(&sent.target)
        && seen["path"].as_str() == path.as_deref()
        && seen["host"] == host
        && is_whole
}

/// What Node saw, with every field.
fn as_message(seen: &Value) -> Message {
    let fields = seen["fields"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fields = fields.map(|field| (text(&field[0]), text(&field[1]))).collect();
    Message { method: text(&seen["method"]), target: text(&seen["target"]), fields, body: None, length: 0 }
}

#[test]
fn nginx_reads_what_was_judged() {
    check("nginx", Server::nginx);
}

#[test]
fn gunicorn_reads_what_was_judged() {
    check("gunicorn", Server::gunicorn);
}

#[test]
fn uvicorn_reads_what_was_judged() {
    check("uvicorn", Server::uvicorn);
}

#[test]
fn node_reads_what_was_judged() {
    check("node", Server::node);
}

/// The same bytes without the gateway: what our codec takes, the server reads as we do or not at all.
fn differ(name: &str, start: fn(&Folder) -> Server) {
    let folder = Folder::new(root(), &format!("{name}-differs"));
    let server = start(&folder);
    let pieces =
        Pieces { hosts: vec![format!("{name}.example")], targets: TARGETS, keys: vec!["foreign".into()] };
    let mut random = Random::new(number("SALLYPORT_SEED", SEED) + 1);
    let count = number("SALLYPORT_SERVER_CASES", CASES) / 4;
    let cases: Vec<Case> = (0..count).map(|number| case(&mut random, &pieces, number)).collect();
    for case in &cases {
        let mut connection = Connection::open(server.address);
        connection.send_what_is_taken(&case.bytes);
        connection.finish_if_open();
        drop(connection.rest());
    }
    let (mut read, mut both) = (vec![0_usize; cases.len()], 0);
    for seen in server.seen() {
        if seen["status"].as_str().is_some_and(|status| status != "200") {
            continue;
        }
        let text = seen["case"].as_str().unwrap();
        let Some(number) = text.strip_prefix('c').and_then(|text| text.get(..7)?.parse::<usize>().ok())
        else {
            continue;
        };
        let case = &cases[number];
        // What is no path has one more reading for each server, and is refused whatever it is.
        let ours = messages(&case.bytes);
        if ours.iter().any(|message| !message.target.starts_with('/')) {
            continue;
        }
        let Some(rest) = ours.get(read[number]..).filter(|rest| !rest.is_empty()) else { continue };
        let place = rest.iter().position(|message| is_framed_so(&seen, message));
        let place = place.unwrap_or_else(|| panic!("{name} read {seen}\nwe read {rest:?}\n{}", case.shown()));
        read[number] += place + 1;
        both += 1;
    }
    println!("{name}: {both} messages of {count} cases read alike");
    assert!(count / 4 < both, "{name} and we both read only {both} messages");
}

/// Whether method, target, host and length are the same.
fn is_framed_so(seen: &Value, ours: &Message) -> bool {
    let is_target = |target: &str| seen["target"] == target;
    let is_long = match (seen["length"].as_i64(), &ours.body) {
        (Some(length), Some(body)) => length == -1 || usize::try_from(length) == Ok(body.len()),
        (None, _) | (_, None) => true,
    };
    seen["method"] == *ours.method
        && (is_target(&ours.target) || ours.target.strip_suffix('?').is_some_and(is_target))
        && seen["host"] == ours.all("host").first().copied().unwrap_or_default()
        && is_long
}

#[test]
fn nginx_and_we_read_the_same_bytes_alike() {
    differ("nginx", Server::nginx);
}

#[test]
fn gunicorn_and_we_read_the_same_bytes_alike() {
    differ("gunicorn", Server::gunicorn);
}

#[test]
fn uvicorn_and_we_read_the_same_bytes_alike() {
    differ("uvicorn", Server::uvicorn);
}

#[test]
fn node_and_we_read_the_same_bytes_alike() {
    differ("node", Server::node);
}
