//! `sallyport discover` on logs of a real nginx and on inputs that nobody should have written.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use testkit::Folder;

use super::servers::Server;
use super::world::root;

/// Runs the command in a folder.
pub(crate) fn discover(folder: &Folder, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(testkit::program())
        .arg("discover")
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn summary(output: &Output) -> Vec<String> {
    let one = |object: Value| {
        format!("{} {} {} {}", object["class"], object["method"], object["path"], object["count"])
            .replace('"', "")
    };
    objects(output).into_iter().map(one).collect()
}

pub(crate) fn notes(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn line(number: usize, target: &str, status: u16) -> String {
    format!(
        "203.0.113.{} - - [26/Nov/2026:10:{:02}:00 +0000] \"GET {target} HTTP/1.1\" {status} 120 \"-\" \"client/1\"\n",
        number % 250,
        number % 60
    )
}

/// Orders by number, one collection, and somebody who looks for what is not there.
pub(crate) fn log(requests: usize) -> String {
    let target = |number: usize| match number % 3 {
        0 => "/orders".to_owned(),
        1 => format!("/orders/{}", 1_000 + number * 7),
        _ => format!("/orders/{}/items", 1_000 + number * 3),
    };
    let mut text: String = (0..requests).map(|number| line(number, &target(number), 200)).collect();
    text.push_str(&line(1, "/wp-login.php", 404));
    text
}

const OPERATIONS: [&str; 3] =
    ["shadow GET /orders 100", "shadow GET /orders/{orderId} 100", "shadow GET /orders/{orderId}/items 100"];

#[test]
fn a_log_becomes_operations_however_it_comes() {
    let folder = Folder::new(root(), "discover");
    let text = log(300);
    folder.write("access.log", &text);
    for (program, name) in [("gzip", "access.log.gz"), ("zstd", "access.log.zst")] {
        let packed =
            Command::new(program).args(["-q", "-k", "access.log"]).current_dir(folder.path()).status();
        assert!(packed.expect("installed by `cargo xtask ensure`").success());
        let found = discover(&folder, &[name, "--output", "jsonl"], b"");
        assert_eq!(
            (summary(&found), found.status.code()),
            (OPERATIONS.map(String::from).to_vec(), Some(0)),
            "{name}"
        );
    }
    let found = discover(&folder, &["-", "--json", "--host", "Shop.example"], text.as_bytes());
    assert_eq!(summary(&found), OPERATIONS);
    assert!(objects(&found).iter().all(|object| object["host"] == "shop.example"), "{found:?}");
    let notes = notes(&found);
    assert!(
        notes.contains("standard input: combined (reads 64 of the first 64 lines), 301 lines, 301 requests"),
        "{notes}"
    );
    assert!(
        notes
            .contains("shop.example: 301 requests from 2026-11-26T10:00:00.000Z to 2026-11-26T10:59:00.000Z"),
        "{notes}"
    );
}

#[test]
fn nginxs_own_log_of_odd_requests_is_read() {
    let folder = Folder::new(root(), "discover-nginx");
    let nginx = Server::nginx_with(
        &folder,
        &format!(
            "access_log {}/plain.log combined; location / {{ return 200 ok; }}",
            folder.path().display()
        ),
    );
    for target in ["/a/%C3%A9?x=%22", "/a\u{e9}", "/a\"b", "/a\\b", "http://h.example/abs", "/a/1"] {
        let mut stream = std::net::TcpStream::connect(nginx.address).unwrap();
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: h\r\nUser-Agent: q\"uote\\\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    }
    let mut stream = std::net::TcpStream::connect(nginx.address).unwrap();
    stream.write_all(b"\x16\x03\x01\x02\r\n\r\n").unwrap();
    drop(std::io::copy(&mut stream, &mut std::io::sink()));
    // The last one is written down when nginx no longer waits for its client.
    testkit::until("seven lines", || (folder.read("plain.log").lines().count() == 7).then_some(()));
    drop(nginx);
    let found = discover(&folder, &["plain.log", "--output", "jsonl", "--host", "h"], b"");
    let notes = notes(&found);
    assert!(notes.contains("7 lines, 6 requests"), "{notes}");
    assert!(notes.contains("1 lines not read: no request line"), "{notes}");
    assert!(notes.contains("plain.log:7:"), "{notes}");
}

#[test]
fn shards_in_any_order_are_the_whole_log() {
    let folder = Folder::new(root(), "discover-merge");
    let text = log(600);
    let lines: Vec<&str> = text.lines().collect();
    let parts = [&lines[..100], &lines[100..450], &lines[450..]];
    folder.write("whole.log", &text);
    for (number, part) in parts.iter().enumerate() {
        folder.write(&format!("{number}.log"), &(part.join("\n") + "\n"));
        let state = format!("{number}.state");
        let made = discover(&folder, &[&format!("{number}.log"), "--save-state", &state, "--json"], b"");
        assert_eq!(made.status.code(), Some(0), "{made:?}");
    }
    let whole = discover(&folder, &["whole.log", "--json"], b"");
    assert_eq!(objects(&whole).len(), 3);
    for order in [["0.state", "1.state", "2.state"], ["2.state", "0.state", "1.state"]] {
        let merged = discover(&folder, &[&["merge", "--json"], &order[..]].concat(), b"");
        assert_eq!(objects(&merged), objects(&whole), "{order:?}");
    }
    let logs = discover(&folder, &["2.log", "1.log", "0.log", "--json"], b"");
    assert_eq!(objects(&logs), objects(&whole));
    folder.write("broken.state", "{");
    let broken = discover(&folder, &["merge", "broken.state"], b"");
    assert_eq!(broken.status.code(), Some(2));
    assert!(notes(&broken).contains("broken.state holds no state of `discover`"), "{}", notes(&broken));
}

pub(super) const DOCUMENT: &str = r#"
openapi: 3.0.3
info: { title: orders, version: "1" }
paths:
  /orders: { get: { deprecated: true, responses: { "200": { description: ok } } } }
  /orders/{number}: { get: { responses: { "200": { description: ok } } } }
  /invoices: { get: { responses: { "200": { description: ok } } } }
"#;

#[test]
fn a_document_tells_shadow_zombie_and_orphan_and_decides_the_exit_code() {
    let folder = Folder::new(root(), "discover-states");
    folder.write("access.log", &log(300));
    folder.write("openapi.yaml", DOCUMENT);
    let run = |more: &[&str]| {
        discover(
            &folder,
            &[&["access.log", "--openapi", "openapi.yaml", "--host", "shop.example"], more].concat(),
            b"",
        )
    };
    let found = run(&["--output", "jsonl"]);
    let mut states = summary(&found);
    states.sort();
    assert_eq!(
        states,
        [
            "documented GET /orders/{number} 100",
            "orphan GET /invoices 0",
            "shadow GET /orders/{number}/items 100",
            "zombie GET /orders 100",
        ]
    );
    assert_eq!(found.status.code(), Some(0));
    for (wanted, code) in [("zombie", 1), ("shadow,orphan", 1), ("orphan", 1)] {
        assert_eq!(run(&["--fail-on", wanted]).status.code(), Some(code), "{wanted}");
    }
    assert_eq!(run(&["--fail-on", "documented"]).status.code(), Some(2));
    // For people, what needs attention comes first.
    let table = String::from_utf8(run(&[]).stdout).unwrap();
    let (lead, rows) = table.split_once("\n\n").unwrap();
    assert_eq!(
        lead.lines().collect::<Vec<_>>(),
        [
            "shop.example",
            "1 operation is called although it is on its way out",
            "1 operation is called and in no document",
            "1 operation is in a document and no call to it succeeded",
        ]
    );
    let first: Vec<&str> = rows.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(first, ["STATE", "zombie", "shadow", "orphan", "documented"], "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
}

#[test]
fn what_cannot_be_read_is_counted_and_shown_and_stops_nothing() {
    let folder = Folder::new(root(), "discover-faults");
    let mut bytes = log(300).into_bytes();
    bytes.extend(b"not a line of any log\n\xff\xfe\0\n203.0.113.1 - - [26/Nov/2026:10:00:00 +0000] \"\\x16\\x03\" 400 0\n");
    bytes.extend(vec![b'a'; 10_000_000]);
    bytes.extend(b"\n\x1b[31mred\x1b[0m\n");
    bytes.extend(line(1, "/orders/77", 200).bytes());
    let found = discover(&folder, &["-", "--json"], &bytes);
    assert_eq!(found.status.code(), Some(0));
    assert_eq!(summary(&found).get(1).map(String::as_str), Some("shadow GET /orders/{orderId} 101"));
    let notes = notes(&found);
    assert!(notes.contains("standard input: combined"), "{notes}");
    assert!(notes.contains("307 lines, 302 requests"), "{notes}");
    assert!(notes.contains("1 lines not read: the line is longer than the limit"), "{notes}");
    assert!(notes.contains("3 lines not read: the line does not have the form of its format"), "{notes}");
    assert!(notes.contains("1 lines not read: no request line"), "{notes}");
    assert!(notes.contains("standard input:302: not a line of any log"), "{notes}");
    assert!(!notes.contains('\u{1b}'), "{notes}");
}

#[test]
fn archives_of_browsers_and_spans_of_services_are_read() {
    let folder = Folder::new(root(), "discover-documents");
    let entry = |number: usize| {
        serde_json::json!({
            "startedDateTime": "2026-11-26T10:00:00.000Z", "time": 3,
            "request": { "method": "GET", "url": format!("https://Shop.example/orders/{}", 1_000 + number * 7), "headers": [] },
            "response": { "status": 200, "headers": [], "content": { "mimeType": "application/json", "size": 2, "text": "x".repeat(60_000) } },
        })
    };
    // On one line, as many proxies write it, and longer than any line of a log may be.
    let entries: Vec<Value> = (0..40)
        .map(entry)
        .chain([serde_json::json!({ "request": { "method": "GET", "url": "data:x" } })])
        .collect();
    folder.write(
        "browser.har",
        &serde_json::json!({ "log": { "version": "1.2", "entries": entries } }).to_string(),
    );
    let found = discover(&folder, &["browser.har", "--json"], b"");
    assert_eq!(summary(&found), ["shadow GET /orders/{orderId} 40"], "{found:?}");
    assert_eq!(objects(&found)[0]["host"], "shop.example");
    let said = notes(&found);
    assert!(said.contains("browser.har: har (by its beginning), 41 entries, 40 requests"), "{said}");
    assert!(said.contains("1 entries not read: the request names no path"), "{said}");
    let span = |path: &str| {
        let text =
            |key: &str, value: &str| serde_json::json!({ "key": key, "value": { "stringValue": value } });
        let attributes = [
            text("http.request.method", "GET"),
            text("url.path", path),
            text("http.route", "/users/{name}"),
            text("server.address", "users.example"),
            serde_json::json!({ "key": "http.response.status_code", "value": { "intValue": "200" } }),
        ];
        serde_json::json!({ "kind": 2, "startTimeUnixNano": "1795683600000000000", "attributes": attributes })
    };
    let document = |path: &str| {
        let spans = serde_json::json!([{ "scopeSpans": [{ "spans": [span(path)] }] }]);
        format!("{}\n", serde_json::json!({ "resourceSpans": spans }))
    };
    let text = ["/users/ada", "/users/search", "/users/me"].map(document).concat();
    let found = discover(&folder, &["-", "--json"], text.as_bytes());
    // What the service says outweighs what the words look like.
    assert_eq!(summary(&found), ["shadow GET /users/{name} 3"], "{found:?}");
    assert!(
        notes(&found).contains("otlp (by its beginning), 3 spans of requests, 3 requests"),
        "{}",
        notes(&found)
    );
}

#[test]
fn an_input_that_breaks_off_stops_no_other() {
    let folder = Folder::new(root(), "discover-broken");
    folder.write("whole.log", &log(300));
    folder.write("cut.log", &log(60_000));
    let packed = Command::new("gzip").args(["-q", "cut.log"]).current_dir(folder.path()).status().unwrap();
    assert!(packed.success());
    let path = folder.path().join("cut.log.gz");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let found = discover(&folder, &["missing.log", "cut.log.gz", "whole.log", "--json"], b"");
    assert_eq!(found.status.code(), Some(2));
    assert_eq!(objects(&found).len(), 3, "{found:?}");
    let counted = objects(&found).iter().map(|object| object["count"].as_u64().unwrap()).sum::<u64>();
    assert!((301..60_000).contains(&counted), "{counted}");
    let notes = notes(&found);
    assert!(notes.contains("reading ended before its end"), "{notes}");
    assert!(notes.contains("missing.log cannot be read"), "{notes}");
    assert!(notes.contains("2 of 3 inputs could not be read to their end"), "{notes}");
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let folder = Folder::new(root(), "discover-mistakes");
    folder.write("empty.log", "");
    folder.write("novel.txt", "It was the best of times.\nIt was the worst of times.\n");
    folder.write("bad.yaml", "openapi: 9.0.0\n");
    folder.write("access.log", &log(3));
    for (arguments, wanted) in [
        (vec!["missing.log"], "missing.log cannot be read"),
        (vec!["empty.log"], "the file is empty"),
        (vec!["novel.txt"], "none of the first 2 lines is in a known format"),
        (vec!["access.log", "--format", "nginx"], "there is no format `nginx`; there are auto, combined"),
        (vec!["access.log", "--fields", "verb"], "`verb` is not of the form PART=FIELD"),
        (vec!["access.log", "--openapi", "bad.yaml"], "version `9.0.0` is not supported"),
        (vec![], "required"),
    ] {
        let found = discover(&folder, &arguments, b"");
        assert_eq!(found.status.code(), Some(2), "{arguments:?}");
        assert!(notes(&found).contains(wanted), "{arguments:?}: {}", notes(&found));
        assert!(found.stdout.is_empty(), "{arguments:?}");
    }
}
