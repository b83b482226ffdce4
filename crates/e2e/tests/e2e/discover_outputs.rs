//! What `sallyport discover` writes for other programs, judged by programs that were not written here.

use std::process::Command;

use serde_json::Value;
use testkit::Folder;

use super::discover::{discover, line, log, notes};
use super::partners::environment_folder;
use super::world::root;

/// Hosts as no sensible client names them, beside one that is sensible.
fn hostile() -> String {
    let hosts =
        ["shop.example", "../../x", "a\\\"<script>alert(1)</script>", "\\u001b[31m", "{y: &a}", "yes"];
    let entry = |host: &str, path: &str, method: &str| {
        format!(
            r#"{{"host":"{host}","method":"{method}","path":"{path}","status":200,"timestamp":"2026-11-26T10:00:00Z"}}"#
        )
    };
    let paths =
        ["/orders/17", "/orders/18", "/a%7Bb%7D/x", "/jobs/5:cancel", "/files/9.json", "/{x}", "/a: b", "/#"];
    let mut lines = Vec::new();
    for host in hosts {
        lines.extend(paths.iter().map(|path| entry(host, path, "GET")));
        lines.push(entry(host, "/orders/17", "PROPFIND"));
    }
    lines.join("\n") + "\n"
}

fn validate(folder: &Folder, file: &str) {
    let checked = Command::new(environment_folder().join("bin/python"))
        .args(["-m", "openapi_spec_validator", "--schema", "3.1.0", file])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{file}: {checked:?}\n{}", folder.read(file));
}

#[test]
fn a_document_is_valid_and_says_what_was_found() {
    let folder = Folder::new(root(), "discover-openapi");
    folder.write("access.log", &log(300));
    let found = discover(&folder, &["access.log", "--host", "shop.example", "--output", "openapi"], b"");
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    let text = String::from_utf8(found.stdout).unwrap();
    folder.write("found.json", &text);
    validate(&folder, "found.json");
    let document: Value = serde_json::from_str(&text).unwrap();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/orders", "/orders/{orderId}", "/orders/{orderId}/items"]);
    let order = &document["paths"]["/orders/{orderId}"]["get"];
    assert_eq!(order["parameters"][0]["schema"]["type"], "integer");
    assert_eq!(order["x-sallyport"]["count"], 100);
    assert_eq!(order["x-sallyport"].get("state"), None, "there was nothing to compare with");
    // What it wrote is a contract that the same traffic keeps.
    let again = [
        "access.log",
        "--host",
        "shop.example",
        "--openapi",
        "found.json",
        "--fail-on",
        "shadow,zombie,orphan",
    ];
    assert_eq!(discover(&folder, &again, b"").status.code(), Some(0));
    let more = log(300) + &line(1, "/refunds/7", 200);
    folder.write("more.log", &more);
    let again = [&["more.log"], &again[1..]].concat();
    assert_eq!(discover(&folder, &again, b"").status.code(), Some(1), "a new operation is a shadow");
}

#[test]
fn documents_of_hostile_hosts_stay_in_their_folder_and_valid() {
    let folder = Folder::new(root(), "discover-hostile");
    folder.write("log.jsonl", &hostile());
    let arguments = ["log.jsonl", "--output", "openapi", "--output-dir", "documents"];
    let found = discover(&folder, &arguments, b"");
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    let said = notes(&found);
    assert!(said.contains("not in the document: PROPFIND shop.example/orders/{orderId}"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    let listed = std::fs::read_dir(folder.path().join("documents")).unwrap();
    let mut names: Vec<String> =
        listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    // What is no host is none.
    assert_eq!(
        names,
        ["no-host", "shop.example", "yes"].map(|name| format!("{name}.openapi.yaml")),
        "{said}"
    );
    for name in &names {
        validate(&folder, &format!("documents/{name}"));
    }
    // On standard output each host has a line of its own.
    let found = discover(&folder, &["log.jsonl", "--output", "openapi"], b"");
    let text = String::from_utf8(found.stdout).unwrap();
    assert_eq!(text.lines().count(), names.len());
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["openapi"] == "3.1.0"));
    let misuse = discover(&folder, &["log.jsonl", "--output-dir", "documents"], b"");
    assert_eq!(misuse.status.code(), Some(2), "{misuse:?}");
    assert!(notes(&misuse).contains("--output-dir goes with --output openapi"), "{}", notes(&misuse));
}
