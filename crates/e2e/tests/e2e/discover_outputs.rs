//! What `sallyport discover` writes for other programs, judged by programs that were not written here.

use std::process::{Command, Output};

use serde_json::Value;
use testkit::Folder;

use super::discover::{DOCUMENT, discover, line, log, notes};
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

/// Reads a page as Python's parser of HTML does, and tells what a browser would make of it.
const READER: &str = r##"
import base64, hashlib, html.parser, json, sys

class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.policy, self.inline = set(), [], "", []
        self.rows, self.ids, self.texts, self.inside = [], set(), [], None
    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        known = dict(attributes)
        self.ids |= {known["id"]} if "id" in known else set()
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"]
        if tag == "tr" and "data-c" in known:
            self.rows.append([known["data-c"], ""])
        if tag in ("style", "script"):
            self.inside = tag
            self.inline.append([tag, ""])
    def handle_endtag(self, tag):
        if tag == "tbody":
            self.rows.append(None)
        if tag == self.inside:
            self.inside = None
    def handle_data(self, data):
        if self.inside:
            self.inline[-1][1] += data
        else:
            self.texts.append(data)
            if self.rows and self.rows[-1]:
                self.rows[-1][1] += data

reader = Reader()
reader.feed(open(sys.argv[1], encoding="utf-8").read())
digest = lambda text: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
print(json.dumps({
    "tags": sorted(reader.tags),
    "loads": [a for a in reader.attributes if a[1] in ("src", "srcset", "href", "action", "data", "poster", "style")
              and not (a[1] == "href" and (a[2].startswith("#") or a[2] == "data:,"))],
    "handlers": [a for a in reader.attributes if a[1].startswith("on")],
    "policy": {p.split()[0]: p.split()[1:] for p in reader.policy.split(";")},
    "inline": [[tag, digest(text)] for tag, text in reader.inline],
    "script": [text for tag, text in reader.inline if tag == "script"],
    "ids": sorted(reader.ids),
    "rows": [row for row in reader.rows if row],
    "text": " ".join(" ".join(reader.texts).split()),
}))
"##;

fn read_page(folder: &Folder, page: &Output) -> Value {
    assert_eq!(page.status.code(), Some(0), "{page:?}");
    folder.write("page.html", std::str::from_utf8(&page.stdout).unwrap());
    let read = Command::new("python3")
        .args(["-c", READER, "page.html"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(read.status.success(), "{read:?}");
    serde_json::from_slice(&read.stdout).unwrap()
}

#[test]
fn a_page_loads_nothing_and_shows_what_was_found_in_the_order_of_attention() {
    let folder = Folder::new(root(), "discover-page");
    folder.write("access.log", &(log(300) + "no line of a log\n"));
    folder.write("openapi.yaml", DOCUMENT);
    let arguments = ["access.log", "--host", "shop.example", "--openapi", "openapi.yaml", "--output", "html"];
    let page = read_page(&folder, &discover(&folder, &arguments, b""));
    let rows: Vec<&str> =
        page["rows"].as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(rows, ["zombie", "shadow", "orphan", ""]);
    assert_eq!((&page["loads"], &page["handlers"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    // The policy permits the style and the script that are there, and nothing else.
    let policy = &page["policy"];
    assert_eq!(policy["default-src"], serde_json::json!(["'none'"]));
    for (tag, hash) in page["inline"].as_array().unwrap().iter().map(|one| (&one[0], &one[1])) {
        assert_eq!(policy[format!("{}-src", tag.as_str().unwrap())], serde_json::json!([hash]));
    }
    assert_eq!(page["inline"].as_array().unwrap().len(), 2);
    let text = page["text"].as_str().unwrap();
    for said in [
        "1 operation is called although it is on its way out",
        "scanner 1 Paths that scanners ask for. GET /wp-login.php",
        "Not read: 1 of 302 parts of the inputs (0.3 %).",
        "Documents openapi.yaml (3 operations, of shop.example)",
        "access.log combined",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // A page of saved states says so.
    let saved = discover(&folder, &["access.log", "--save-state", "monday.state"], b"");
    assert_eq!(saved.status.code(), Some(0), "{saved:?}");
    let merged = read_page(&folder, &discover(&folder, &["merge", "monday.state", "--output", "html"], b""));
    let text = merged["text"].as_str().unwrap();
    assert!(text.contains("States monday.state Documents none"), "{text}");
    let failing = [&arguments[..], &["--fail-on", "zombie"]].concat();
    assert_eq!(
        discover(&folder, &failing, b"").status.code(),
        Some(1),
        "exit codes are those of every output"
    );
}

#[test]
fn nothing_that_callers_send_becomes_a_part_of_the_page() {
    let folder = Folder::new(root(), "discover-page-hostile");
    let caller = r#"</code></td><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u0000"#;
    let line = |number: usize, path: &str, status: u16| {
        format!(
            r#"{{"host":"shop.example","method":"GET","path":"{path}","status":{status},"user":"{caller}","content_type":"{caller}","timestamp":"2026-11-26T10:00:0{number}Z"}}"#
        )
    };
    let paths = [
        "/<script>alert(1)</script>",
        "/a'><svg/onload=alert(1)>",
        "/%3Cscript%3E",
        "/{{7*7}}",
        "/&lt;b&gt;",
    ];
    let lines = (0..3).flat_map(|number| {
        let found = paths.iter().map(move |path| line(number, path, 200));
        found.chain(paths.iter().map(move |path| line(number, &format!("{path}/none"), 404)))
    });
    let name = "<script>alert(1)<b>.jsonl";
    folder.write(name, &(lines.collect::<Vec<_>>().join("\n") + "\n"));
    let plain = Folder::new(root(), "discover-page-plain");
    plain.write("access.log", &log(300));
    let arguments = ["access.log", "--host", "shop.example", "--output", "html"];
    let expected = read_page(&plain, &discover(&plain, &arguments, b""));
    let page = read_page(&folder, &discover(&folder, &[name, "--output", "html"], b""));
    // The same elements as in any page, and nothing that loads or runs.
    let more: Vec<&Value> = page["tags"].as_array().unwrap().iter().filter(|tag| **tag != "var").collect();
    let known = expected["tags"].as_array().unwrap();
    assert!(more.iter().all(|tag| known.contains(tag)), "{more:?}");
    assert_eq!((&page["loads"], &page["handlers"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert_eq!(page["inline"], expected["inline"], "the script and the style are those of every page");
    let text = page["text"].as_str().unwrap();
    assert!(text.contains("<script>alert(1)</script>"), "it is shown as it was sent: {text}");
    assert!(text.contains("⟨U+202E⟩⟨U+0000⟩") && !text.contains('\u{202e}'), "{text}");
}

/// Four rows and the controls, as far as the page's script needs them.
const BROWSER: &str = r##"
class Element {
  constructor(text = "", dataset = {}) {
    Object.assign(this, { text, dataset, hidden: false, value: "", listeners: {}, attributes: {}, cells: [] });
  }
  get textContent() { return this.text + this.cells.map((cell) => cell.textContent).join(" "); }
  set textContent(text) { this.text = text; }
  addEventListener(kind, call) { this.listeners[kind] = call; }
  fire(kind) { this.listeners[kind](); }
  querySelector() { return null; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  setAttribute(name, value) { this.attributes[name] = value; }
  removeAttribute(name) { delete this.attributes[name]; }
  replaceChildren(child) { this.child = child; }
}
const row = (concerns, host, ...cells) => Object.assign(
  new Element("", { c: concerns, h: host }), { cells: cells.map((text) => new Element(text)) });
const rows = [
  row("open shadow", "0", "shadow", "GET /export", "~19"),
  row("zombie", "1", "zombie", "GET /old", "1,200"),
  row("orphan", "0", "orphan", "GET /never", "0"),
  row("", "1", "documented", "POST /Orders", "31"),
];
const heads = [["State", "place"], ["Operation", "path"], ["Calls", "number"]].map(([text, sort]) => new Element(text, { sort }));
const body = { rows: [...rows], append(...all) { this.rows = all; } };
const ids = Object.fromEntries(["query", "show", "host", "count"].map((id) => [id, new Element()]));
ids.table = { tBodies: [body], tHead: { rows: [{ cells: heads }] } };
const controls = new Element(), link = new Element("", { show: "open" });
controls.hidden = true;
globalThis.document = {
  getElementById: (id) => ids[id] ?? null,
  createElement: () => new Element(),
  querySelector: () => controls,
  querySelectorAll: () => [link],
};
const told = [];
const tell = () => told.push(body.rows.filter((one) => !one.hidden).map((one) => one.cells[1].text.split(" ")[1]).join(" "));
const set = (id, value) => { ids[id].value = value; ids[id].fire("input"); tell(); };
const sort = (column) => { heads[column].child.fire("click"); tell(); };
"##;

/// What somebody does on the page.
const VISIT: &str = r##"
tell();
set("show", "concern"); set("show", "documented"); set("show", "shadow"); set("show", "");
set("query", " get  EXP "); set("query", "get zzz"); set("query", "");
set("host", "1"); set("host", "");
sort(2); sort(2); sort(1); sort(0);
set("query", "orders"); link.fire("click"); tell();
console.log(JSON.stringify({ told, count: ids.count.textContent, hidden: controls.hidden, order: heads[0].attributes }));
"##;

#[test]
fn the_script_of_the_page_filters_and_sorts_what_is_there() {
    let folder = Folder::new(root(), "discover-page-script");
    folder.write("access.log", &log(300));
    folder.write("other.log", &log(30));
    let arguments = ["shop.example=access.log", "pay.example=other.log", "--output", "html"];
    let page = read_page(&folder, &discover(&folder, &arguments, b""));
    for id in ["query", "show", "host", "count", "table"] {
        assert!(page["ids"].as_array().unwrap().contains(&Value::from(id)), "{id}");
    }
    let script = page["script"][0].as_str().unwrap();
    folder.write("visit.js", &format!("{BROWSER}\n{script}\n{VISIT}"));
    let visited = Command::new("node").arg("visit.js").current_dir(folder.path()).output().unwrap();
    assert!(visited.status.success(), "{visited:?}");
    let found: Value = serde_json::from_slice(&visited.stdout).unwrap();
    let expected = [
        "/export /old /never /Orders",
        "/export /old /never",
        "/Orders",
        "/export",
        "/export /old /never /Orders",
        "/export",
        "",
        "/export /old /never /Orders",
        "/old /Orders",
        "/export /old /never /Orders",
        // By calls, the most first, and then the other way round.
        "/old /Orders /export /never",
        "/never /export /Orders /old",
        "/Orders /export /never /old",
        "/export /old /never /Orders",
        "/Orders",
        "/export",
    ];
    assert_eq!(found["told"], serde_json::json!(expected));
    assert_eq!(found["count"], "1 of 4 operations");
    assert_eq!(found["hidden"], false, "without a script there are no controls that do nothing");
    assert_eq!(found["order"]["aria-sort"], "ascending");
}

/// Columns of a terminal that a line takes: most characters of East Asia take two (UAX 11).
fn columns(line: &str) -> usize {
    line.chars().map(|character| if ('\u{1100}'..='\u{ffef}').contains(&character) { 2 } else { 1 }).sum()
}

#[test]
fn a_table_fits_a_hundred_columns_whatever_hosts_and_paths_there_are() {
    let folder = Folder::new(root(), "discover-table");
    let host = format!("{}.{}.example.com", "a".repeat(60), "b".repeat(60));
    folder.write("one.log", &log(300));
    folder.write("two.log", &log(300));
    folder.write(
        "openapi.yaml",
        &format!(
            "openapi: 3.0.3\ninfo: {{ title: wide, version: '1' }}\npaths:\n  /商品/{{番号}}/{}: {{ get: {{}} }}\n  \"/a\\u202Eb/{}\": {{ get: {{}} }}\n",
            "詳細".repeat(40),
            "x".repeat(200)
        ),
    );
    let document = format!("{host}=openapi.yaml");
    let (one, two) = (format!("{host}=one.log"), "shop.example=two.log");
    for inputs in [&[one.as_str()][..], &[one.as_str(), two]] {
        let found = discover(&folder, &[inputs, &["--openapi", &document]].concat(), b"");
        let table = String::from_utf8(found.stdout).unwrap();
        for line in table.lines() {
            assert!(columns(line) <= 100, "{} columns: {line}", columns(line));
        }
        assert!(table.contains("商品") && table.contains("shadow"), "{table}");
        assert!(!table.contains('\u{202e}'), "{table}");
        assert!(table.contains("aaaaaaaaaa"), "{table}");
    }
    // One host that fits a line is named once, several in every row.
    let found = discover(&folder, &[two], b"");
    let table = String::from_utf8(found.stdout).unwrap();
    assert_eq!(
        (table.matches("shop.example").count(), table.lines().next()),
        (1, Some("shop.example")),
        "{table}"
    );
}

#[test]
fn classes_of_data_are_told_and_no_value_is_anywhere() {
    let folder = Folder::new(root(), "discover-data");
    let answer = r#"{"orders": [{"customer": {"email": "canary@mail.example", "phone": "+14155552671"}, "4155550000": {"iban": "DE89370400440532013000"}}]}"#;
    let entry = |number: usize| {
        serde_json::json!({
            "startedDateTime": "2026-11-26T10:00:00.000Z", "time": 3,
            "request": {
                "method": "POST", "url": format!("https://shop.example/orders/{number}/pay?email=canary%40mail.example"), "headers": [],
                "postData": { "mimeType": "application/x-www-form-urlencoded", "text": "card=4242+4242+4242+4242&password=canary-password" },
            },
            "response": { "status": 200, "headers": [], "content": { "mimeType": "application/json", "text": answer } },
        })
    };
    let entries: Vec<Value> = (100..103).map(entry).collect();
    folder.write("a.har", &serde_json::json!({ "log": { "entries": entries } }).to_string());
    let found = discover(&folder, &["a.har", "--json", "--save-state", "a.state"], b"");
    let text = String::from_utf8(found.stdout).unwrap();
    let operation: Value = serde_json::from_str(text.trim()).unwrap();
    let line = |one: &Value| {
        format!("{} {} {} {}", one["class"], one["where"], one["field"], one["count"]).replace('"', "")
    };
    let data: Vec<String> = operation["data"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        data,
        [
            "credential request password 3",
            "email query email 3",
            "email response orders[].customer.email 3",
            "iban response orders[].{}.iban 3",
            "payment-card request card 3",
            "phone response orders[].customer.phone 3",
        ]
    );
    let page = discover(&folder, &["merge", "a.state", "--output", "html"], b"");
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains("payment-card in the request (card)"), "{page}");
    for written in [text, page, folder.read("a.state")] {
        for value in ["canary", "4242", "370400440532013000", "4155552671", "4155550000"] {
            assert!(!written.contains(value), "{value}: {written}");
        }
    }
}

const NEW: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "2.0.0" }
servers: [{ url: "https://{region}.shop.example/v1", variables: { region: { default: eu } } }]
paths:
  /orders:
    get:
      parameters: [{ name: page, in: query }, { name: tenant, in: query, required: true }]
      responses: { "2XX": { description: ok } }
  /never: { get: { responses: { "200": { description: ok } } } }
"#;
const OLD: &str = r#"
openapi: 3.1.0
info: { title: orders, version: "1.9.0" }
servers: [{ url: "https://eu.shop.example/v1" }]
paths:
  /orders: { get: { responses: { "200": { description: ok } } } }
  /refunds: { get: { responses: { "200": { description: ok } } } }
"#;

#[test]
fn versions_drift_exposure_and_blind_spots_are_told() {
    let folder = Folder::new(root(), "discover-states-depth");
    let one = |host: &str, target: &str, status: u16, hour: usize| {
        format!(
            "{{\"host\":\"{host}\",\"method\":\"GET\",\"path\":\"{target}\",\"status\":{status},\"timestamp\":\"2026-11-26T{hour:02}:00:00Z\",\"remote_addr\":\"10.0.0.7\"}}\n"
        )
    };
    let mut lines = String::new();
    for hour in (0..6).chain(14..20) {
        lines.push_str(&one("eu.shop.example", "/v1/orders?page=1&debug=true", 200, hour));
        lines.push_str(&one("eu.shop.example", "/v1/orders?page=2", 500, hour));
        lines.push_str(&one("eu.shop.example", "/v1/refunds", 200, hour));
        lines.push_str(&one("other.example", "/ping-pong", 200, hour));
    }
    folder.write("log.jsonl", &lines);
    folder.write("new.yaml", NEW);
    folder.write("old.yaml", OLD);
    let arguments = [
        "log.jsonl",
        "--json",
        "--openapi",
        "new.yaml",
        "--openapi",
        "old.yaml",
        "--exposure",
        "other.example=third-party",
    ];
    let found = discover(&folder, &arguments, b"");
    let text = String::from_utf8(found.stdout.clone()).unwrap();
    let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |path: &str| all.iter().find(|one| one["path"] == path).unwrap_or_else(|| panic!("{path}: {text}"));
    let orders = of("/v1/orders");
    assert_eq!(orders["why"], "declared in new.yaml (2.0.0), old.yaml (1.9.0)");
    assert_eq!(
        orders["drift"],
        serde_json::json!({
            "undeclared_query": ["debug"], "unsent_query": ["tenant"], "undeclared_statuses": [500],
            "undeclared_request_types": [], "undeclared_answer_types": []
        })
    );
    assert_eq!(orders["exposure"], "internal");
    let refunds = of("/v1/refunds");
    assert_eq!(refunds["class"], "zombie");
    assert_eq!(refunds["why"], "only in old.yaml (1.9.0); new.yaml (2.0.0) no longer declares it");
    let other = of("/ping-pong");
    assert_eq!(
        (&other["class"], &other["why"]),
        (&Value::from("shadow"), &Value::from("no document is about its host"))
    );
    assert_eq!(other["exposure"], "third-party");
    assert_eq!(of("/v1/never")["class"], "orphan");
    let said = notes(&found);
    assert!(
        said.contains("blind: No evidence at all from 2026-11-26T06:00 to 2026-11-26T14:00 (UTC)."),
        "{said}"
    );
    assert!(said.contains("blind: Classes of data were not looked for"), "{said}");
    let misuse = discover(&folder, &["log.jsonl", "--exposure", "other.example=secret"], b"");
    assert_eq!(misuse.status.code(), Some(2), "{misuse:?}");
    assert!(notes(&misuse).contains("is no exposure of a host"), "{misuse:?}");
}

#[test]
fn what_a_person_says_of_a_template_stays_with_the_state() {
    let folder = Folder::new(root(), "discover-overrides");
    let text: String = (0..40).map(|number| line(number, &format!("/racks/{number}"), 200)).collect();
    folder.write("a.log", &text);
    folder.write("b.log", &line(1, "/racks/7", 200));
    let paths = |arguments: &[&str]| {
        let found = discover(&folder, &[arguments, &["--json"]].concat(), b"");
        assert_eq!(found.status.code(), Some(0), "{found:?}");
        let text = String::from_utf8(found.stdout).unwrap();
        let path = |line: &str| {
            let one: Value = serde_json::from_str(line).unwrap();
            format!("{} {}", one["path"].as_str().unwrap(), one["count"])
        };
        text.lines().map(path).collect::<Vec<String>>()
    };
    assert_eq!(paths(&["a.log"]), ["/racks/{rackId} 40"]);
    assert_eq!(
        paths(&["a.log", "--literal", "/racks/7", "--save-state", "a.state"]),
        ["/racks/7 1", "/racks/{rackId} 39"]
    );
    assert_eq!(paths(&["b.log", "--save-state", "b.state"]), ["/racks/{rackId} 1"]);
    for order in [["a.state", "b.state"], ["b.state", "a.state"]] {
        assert_eq!(paths(&[&["merge"], &order[..]].concat()), ["/racks/7 2", "/racks/{rackId} 39"]);
    }
    // Of another host it says nothing, and what is said now comes before what was said.
    assert_eq!(paths(&["a.log", "--literal", "other.example/racks/7"]), ["/racks/{rackId} 40"]);
    assert_eq!(paths(&["merge", "a.state", "--parameter", "/racks/7"]), ["/racks/{rackId} 40"]);
    let misuse = discover(&folder, &["a.log", "--literal", "racks"], b"");
    assert_eq!(misuse.status.code(), Some(2), "{misuse:?}");
    assert!(notes(&misuse).contains("is no place of a path"), "{misuse:?}");
}
