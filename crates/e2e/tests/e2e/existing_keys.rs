//! The keys that an API gave out before: recognised, attributed, imported, promoted, stopped, and shown nowhere.

use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::{Folder, contains, until};

use super::servers::Server;
use super::world::{API, Place, World, in_days, root};

/// A key that the upstream knows.
const KEY: &str = "ak_Zr8fQ1x0Kb7LmN3pT5vW";
/// Another one.
const OTHER: &str = "ak_9sDkfQw2ErTyUiOpLkJh";
/// Has the form and is nobody's.
const JUNK: &str = "ak_000000000000000000000";

const FORM: &str =
    "existing_keys: { header: X-Company-Key, prefix: ak_, length: 20-40, alphabet: alphanumeric }\n";

/// An upstream with a key system of its own: nginx that knows two keys, in a header or in the query.
fn upstream(folder: &Folder) -> Server {
    let known = |variable: &str| {
        format!(
            r#"if ({variable} = "{KEY}") {{ set $known 1; }} if ({variable} = "{OTHER}") {{ set $known 1; }}"#
        )
    };
    Server::nginx_with(
        folder,
        &format!(
            r#"location / {{
  set $known 0;
  {header} {query}
  if ($known = 0) {{ return 401 "who are you"; }}
  return 200 "$request_uri";
}}"#,
            header = known("$http_x_company_key"),
            query = known("$arg_api_key"),
        ),
    )
}

fn send_to(place: &Place, server: &Server) {
    let text = place.read(API);
    let line = text.lines().find(|line| line.starts_with("upstream:")).unwrap().to_owned();
    place.edit(API, &line, &format!("upstream: http://{}", server.address));
}

fn observe(place: &Place) {
    let mode = format!("mode: observe\nobserve_until: {}", in_days(10));
    place.edit(API, "mode: enforce", &mode);
}

/// A gateway in front of that upstream, with these lines in the API's declaration.
fn world(server: &Server, lines: &str, mode: impl FnOnce(&Place)) -> World {
    World::with(|place| {
        send_to(place, server);
        place.append(API, lines);
        mode(place);
    })
}

fn seen(world: &World) -> Vec<Value> {
    world.cli().run(&["key", "seen", "--api", "orders"]).lines()
}

/// The digits of the key that was seen and that works.
fn fingerprint(world: &World) -> String {
    let found = seen(world).into_iter().find(|row| row["succeeded"] != 0).expect("a key that works");
    found["fingerprint"].as_str().unwrap().to_owned()
}

fn promote(world: &World, scopes: &[&str]) -> String {
    let digits = fingerprint(world);
    let mut arguments = vec!["key", "promote", &digits, "--app", "reader", "--label", "shop's key"];
    arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    world.cli().run(&arguments).line()["id"].as_str().unwrap().to_owned()
}

/// curl as a client of today sends its key, and what it got.
fn curl(world: &World, path: &str, key: &str) -> String {
    let address = world.gateway().address;
    let output = Command::new("curl")
        .args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--max-time",
            "20",
            "-H",
            "Host: orders.example",
        ])
        .args(["-H", &format!("X-Company-Key: {key}"), &format!("http://{address}{path}")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_key_of_before_is_seen_attributed_and_then_judged_like_one_of_ours() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, FORM, observe);
    // As before: the upstream's own key system decides, and the caller has a name.
    assert_eq!(curl(&world, "/orders", KEY), "200");
    assert_eq!(curl(&world, "/orders/7", KEY), "200");
    assert_eq!(curl(&world, "/orders", JUNK), "401");
    let rows = seen(&world);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!((&rows[0]["count"], &rows[0]["succeeded"]), (&2.into(), &2.into()));
    assert_eq!((&rows[1]["count"], &rows[1]["succeeded"]), (&1.into(), &0.into()));
    assert_eq!(rows[0]["operations"], serde_json::json!(["orders:GET /orders", "orders:GET /orders/{id}"]));
    let answer = world.call("GET /orders").field("X-Company-Key", KEY).send();
    let decided = world.decided(&answer);
    assert_eq!(
        (decided["strength"].as_str(), decided["verdict"].as_str()),
        (Some("claimed"), Some("would_deny"))
    );
    assert_eq!(decided["caller"], rows[0]["caller"]);
    // Attributed by its owner, it is an application's from the next request on.
    let id = promote(&world, &["orders:GET /orders"]);
    let answer = world.call("GET /orders").field("X-Company-Key", KEY).send();
    assert_eq!(answer.status, 200);
    let decided = world.decided(&answer);
    assert_eq!(decided["caller"], "app:reader");
    assert_eq!(
        (decided["strength"].as_str(), decided["verdict"].as_str()),
        (Some("shared_secret"), Some("allowed"))
    );
    assert_eq!(seen(&world).len(), 1, "it is seen no longer");
    // Scopes narrow it, which the upstream's all-or-nothing keys never could; observing suspends that no more than before.
    assert_eq!(world.call("GET /orders/7").field("X-Company-Key", KEY).send().summary(), "403 out_of_scope");
    let shown = world.cli().run(&["key", "show", &id]).line();
    assert_eq!(
        (&shown["kind"], &shown["api"], &shown["label"]),
        (&"existing".into(), &"orders".into(), &"shop's key".into())
    );
    // Quarantined and released, rotated to a key of ours, revoked: at the door, observed or not.
    world.cli().run(&["key", "quarantine", &id, "--reason", "odd calls"]);
    assert_eq!(curl(&world, "/orders", KEY), "401");
    assert_eq!(world.call("GET /orders").field("X-Company-Key", KEY).send().summary(), "401 quarantined");
    world.cli().run(&["key", "release", &id, "--reason", "it was us"]);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    let next = world.cli().run(&["key", "rotate", &id, "--overlap", "1h"]).line();
    assert!(next["key"].as_str().unwrap().starts_with("sp_"), "what follows is a key of ours");
    assert_eq!(curl(&world, "/orders", KEY), "200", "within the overlap");
    world.cli().run(&["key", "revoke", &id, "--reason", "found in a repository"]);
    assert_eq!(
        world.call("GET /orders").field("X-Company-Key", KEY).send().summary(),
        "401 revoked_credential"
    );
    assert_eq!(curl(&world, "/orders", OTHER), "200", "others go on");
}

#[test]
fn an_unknown_key_opens_nothing_that_is_enforced() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, FORM, |_| {});
    // Anybody can send what looks like a key: every path gets the same answer.
    for line in
        ["GET /orders", "GET /orders/7", "GET /admin", "GET /nowhere", "DELETE /orders", "GET /users/7"]
    {
        let answer = world.call(line).field("X-Company-Key", KEY).send();
        assert_eq!(answer.summary(), "401 invalid_credential", "{line}");
    }
    // What is for anyone is for its sender too, and the key goes on as it came.
    assert_eq!(world.call("GET /public/info").field("X-Company-Key", KEY).send().status, 200);
    // A grant to the team that owns the API is not one to whoever sends a text of the right form.
    world.place.append(
        super::world::POLICY,
        "\n@id(\"owners\") @owner(\"orders-team\") @reason(\"our own tools\") @expires(\"2099-01-01\")\n\
         permit (principal in Team::\"orders-team\", action in Action::\"orders\", resource);\n\
         @id(\"apps\") @owner(\"orders-team\") @reason(\"any application\") @expires(\"2099-01-01\")\n\
         permit (principal is Application, action == Action::\"orders:GET /orders\", resource);\n",
    );
    let stranger = world.call("GET /orders").key(&world.keys.stranger).field("X-Other", "1");
    until("the grant to any application", || (stranger.send().status != 403).then_some(()));
    assert_eq!(
        world.call("GET /orders").field("X-Company-Key", KEY).send().summary(),
        "401 invalid_credential"
    );
    assert_eq!(
        world.call("GET /admin").field("X-Company-Key", KEY).send().summary(),
        "401 invalid_credential"
    );
    // One that names this very key is.
    let caller = seen(&world).into_iter().find(|row| row["succeeded"] == 1).unwrap()["caller"].clone();
    let name = caller.as_str().unwrap().strip_prefix("app:").unwrap().to_owned();
    world.place.append(
        super::world::POLICY,
        &format!(
            "\n@id(\"named\") @owner(\"orders-team\") @reason(\"known to us\") @expires(\"2099-01-01\")\n\
             permit (principal == Application::\"{name}\", action == Action::\"orders:GET /orders\", resource);\n"
        ),
    );
    let named = world.call("GET /orders").field("X-Company-Key", KEY);
    assert_eq!(world.until_status(&named, 200).status, 200);
    assert_eq!(
        world.call("GET /orders").field("X-Company-Key", OTHER).send().summary(),
        "401 invalid_credential"
    );
    assert_eq!(
        world.call("GET /orders/7").field("X-Company-Key", KEY).send().summary(),
        "401 invalid_credential"
    );
}

#[test]
fn case_65_an_existing_key_is_one_caller_however_its_field_is_written() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, &format!("{FORM}limits: {{ per_key: 3/h }}\n"), observe);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    promote(&world, &["orders"]);
    for name in ["X-Company-Key", "x-company-key", "X-COMPANY-KEY"] {
        assert_eq!(world.call("GET /orders").field(name, KEY).send().status, 200, "{name}");
    }
    assert_eq!(world.call("GET /orders").field("X-Company-Key", KEY).send().status, 429);
    // Another spelling of the key itself is another key, and not this caller.
    let other = world.call("GET /orders").field("X-Company-Key", &KEY.replace('Z', "z")).send();
    assert_eq!(world.decided(&other)["strength"], "claimed");
}

#[test]
fn case_67_a_key_in_the_query_is_off_by_default_and_told_nowhere_where_it_is_on() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let by_default = world(&server, "", observe);
    let answer = by_default.call(&format!("GET /orders?api_key={KEY}")).send();
    assert_eq!(by_default.decided(&answer)["caller"], "anonymous");
    drop(by_default);
    let form = "existing_keys: { query: api_key, prefix: ak_, length: 20-40, alphabet: alphanumeric }\n";
    let mut world = world(&server, form, observe);
    let target = format!("/orders?b=%20&api_key={KEY}&a=1");
    let answer = world.call(&format!("GET {target}")).send();
    assert_eq!(
        (answer.status, String::from_utf8_lossy(&answer.body)),
        (200, target.as_str().into()),
        "byte for byte"
    );
    // The same key in another spelling is the same caller; twice is refused.
    let escaped = world.call(&format!("GET /orders?api%5Fkey={}", KEY.replace('Z', "%5A"))).send();
    assert_eq!(world.decided(&escaped)["caller"], world.decided(&answer)["caller"]);
    let twice = world.call(&format!("GET /orders?api_key={KEY}&api_key={OTHER}")).send();
    assert_eq!(twice.summary(), "400 multiple_credentials");
    promote(&world, &["orders:GET /orders"]);
    assert_eq!(world.call(&format!("GET /orders?api_key={KEY}")).send().status, 200);
    assert_eq!(world.call(&format!("GET /orders/7?api_key={KEY}")).send().summary(), "403 out_of_scope");
    let metrics = world.admin("GET /metrics").send();
    assert!(!contains(&metrics.body, KEY.as_bytes()));
    world.stop();
    told_nowhere(&world, &[KEY, OTHER]);
    // It can be neither stripped nor exchanged, and the check says so.
    world.place.edit(API, "credential: pass", "credential: strip");
    let ran = world.cli().try_run(&["config", "check"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stdout.contains("byte for byte"), "{ran:?}");
}

#[test]
fn case_69_an_existing_key_of_a_disabled_application_is_refused_on_the_next_request() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let mut world = world(&server, FORM, observe);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    promote(&world, &["orders"]);
    let call = world.call("GET /orders").field("X-Company-Key", KEY);
    assert_eq!(call.send().status, 200);
    world.cli().run(&["app", "disable", "reader", "--reason", "contract ended"]);
    assert_eq!(call.send().summary(), "401 disabled_application");
    world.restart();
    let call = world.call("GET /orders").field("X-Company-Key", KEY);
    assert_eq!(call.send().summary(), "401 disabled_application");
    world.cli().run(&["app", "enable", "reader", "--reason", "renewed"]);
    assert_eq!(call.send().status, 200);
}

#[test]
fn case_71_what_is_stored_of_an_existing_key_is_not_the_key() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let form = "existing_keys: { header: X-Company-Key, length: 16-128 }\n";
    let mut world = world(&server, form, observe);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    let digits = fingerprint(&world);
    promote(&world, &["orders"]);
    let sha256 = sha256_of(KEY);
    for stored in [digits.as_str(), &sha256, &format!("sha256:{sha256}")] {
        let answer = world.call("GET /orders").field("X-Company-Key", stored).send();
        assert_ne!(world.decided(&answer)["caller"], "app:reader", "{stored}");
    }
    world.stop();
    told_nowhere(&world, &[KEY, &sha256]);
}

#[test]
fn two_credentials_that_disagree_are_refused() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, FORM, observe);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    let both = |own: &str| world.call("GET /orders").key(own).field("X-Company-Key", KEY).send().summary();
    assert_eq!(both(&world.keys.reader), "400 multiple_credentials", "nobody vouched for the other");
    promote(&world, &["orders"]);
    assert_eq!(both(&world.keys.reader), "200", "both are of one application");
    assert_eq!(both(&world.keys.writer), "400 multiple_credentials");
}

#[test]
fn only_stops_what_does_not_have_the_form() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, &FORM.replace(" }", ", only: true }"), observe);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    let junk = world.call("GET /orders").field("X-Company-Key", "junk").send();
    assert_eq!(junk.summary(), "401 invalid_credential");
    assert_eq!(world.call("GET /orders").send().status, 401, "from the upstream, as before");
}

#[test]
fn a_list_is_imported_whole_or_not_at_all() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, FORM, |_| {});
    let list = world.place.folder.path().join("keys.csv");
    let path = list.display().to_string();
    let import = |text: &str, more: &[&str]| {
        std::fs::write(&list, text).unwrap();
        let mut arguments = vec!["key", "import", "--api", "orders", &path];
        arguments.extend(more);
        world.cli().try_run(&arguments)
    };
    let defaults = ["--app", "reader", "--scope", "orders:GET /orders"];
    let good = format!("name,key\nshop,{KEY}\nother,sha256:{}\n", sha256_of(OTHER));
    // A line that is wrong: told with its number, without the key, and nothing is imported.
    let unknown = format!("{}\n", good.replace("other,", "x,ak_short\nother,"));
    for (text, more, expected) in [
        (format!("{good}broken\n"), &defaults[..], ":4:1: the line has 1 cells"),
        (unknown, &defaults, ":3:1: the key does not have the form"),
        (good.clone(), &defaults[..2], "nothing says what the key is for"),
        (good.clone(), &defaults[2..], "nothing says whose the key is"),
        (
            good.replace("name,key", "name,key,app").replace('\n', ",nobody\n").replacen(",nobody", "", 1),
            &defaults,
            "there is no application `nobody`",
        ),
        (good.clone(), &["--app", "reader", "--scope", "billing"], "is not of `orders`"),
        (good.clone(), &["--app", "reader", "--scope", "orders:GET /typo"], "no operation or group"),
        (good.clone(), &["--app", "reader", "--scope", "orders", "--expires", "2020-01-01"], "has passed"),
        (format!("{good}again,{KEY},\n"), &defaults, ":4:1: the line has 3 cells"),
    ] {
        let ran = import(&text, more);
        assert_eq!(ran.code, 2, "{text}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{text}: {ran:?}");
        assert!(!ran.stderr.contains(KEY), "{ran:?}");
    }
    assert_eq!(curl(&world, "/orders", KEY), "401", "nothing was imported");
    let dry = import(&good, &["--app", "reader", "--scope", "orders:GET /orders", "--dry-run"]).line();
    assert_eq!((&dry["imported"], &dry["dry_run"]), (&2.into(), &true.into()));
    assert_eq!(curl(&world, "/orders", KEY), "401", "a dry run imports nothing");
    let done = import(&good, &defaults).line();
    assert_eq!(done["imported"], 2);
    for key in [KEY, OTHER] {
        assert_eq!(curl(&world, "/orders", key), "200");
        assert_eq!(
            world.call("GET /orders/7").field("X-Company-Key", key).send().summary(),
            "403 out_of_scope"
        );
    }
    assert_eq!(curl(&world, "/orders", JUNK), "401");
    // Once more: told, and no mistake. For another application: refused.
    let again = import(&format!("{good}twice,{KEY}\n"), &defaults).line();
    assert_eq!((&again["imported"], again["known"].as_array().unwrap().len()), (&0.into(), 3));
    let theirs = import(&good, &["--app", "writer", "--scope", "orders"]);
    assert!(theirs.stderr.contains("is known already"), "{theirs:?}");
    // JSON lines, with applications of their own.
    let lines = format!(
        "{{\"name\":\"n\",\"key\":\"{JUNK}\",\"app\":\"newcomer\",\"team\":\"partners\",\"scopes\":[\"orders:read\"],\"expires\":\"30d\"}}\n"
    );
    let made = import(&lines, &[]).line();
    assert_eq!(made["applications"], serde_json::json!(["newcomer"]));
    assert_eq!(world.cli().run(&["app", "show", "newcomer"]).line()["team"], "partners");
    let listed = world.cli().run(&["key", "list", "--app", "newcomer"]).line();
    assert_eq!((&listed["kind"], &listed["label"]), (&"existing".into(), &"n".into()));
}

#[test]
fn every_fault_of_a_list_is_told_at_once() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, FORM, |_| {});
    let list = world.place.folder.path().join("keys.csv");
    let other = sha256_of(OTHER);
    let bad =
        format!("name,key,app\nshop,{KEY},reader\nform,ak_short,reader\napp,sha256:{other},nobody\ncells\n");
    std::fs::write(&list, bad).unwrap();
    let path = list.display().to_string();
    let import = ["key", "import", "--api", "orders", "--scope", "orders:GET /orders", &path];
    let ran = world.cli().try_run(&import);
    for expected in [
        ":3:1: the key does not have the form",
        ":4:1: there is no application `nobody`",
        ":5:1: the line has 1 cells",
    ] {
        assert!(ran.code == 2 && ran.stderr.contains(expected), "{expected}: {ran:?}");
    }
    assert_eq!(curl(&world, "/orders", KEY), "401", "nothing was imported");
}

#[test]
fn a_hundred_thousand_keys_are_imported_at_once() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let mut world = world(&server, FORM, |_| {});
    let key = |number: u32| format!("ak_{number:022}");
    let mut list = String::from("name,key\n");
    list.push_str(&format!("ours,{KEY}\n"));
    for number in 1..100_000 {
        list.push_str(&format!("customer {number},{}\n", key(number)));
    }
    let path = world.place.folder.path().join("keys.csv").display().to_string();
    std::fs::write(&path, list).unwrap();
    let import =
        ["key", "import", "--api", "orders", "--app", "reader", "--scope", "orders:GET /orders", &path];
    assert_eq!(world.cli().run(&import).line()["imported"], 100_000);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    // The gateway knows the key; it is the upstream that does not.
    let answer = world.call("GET /orders").field("X-Company-Key", &key(99_999)).send();
    assert_eq!((answer.status, &world.decided(&answer)["caller"]), (401, &"app:reader".into()));
    assert_eq!(
        world.call("GET /orders").field("X-Company-Key", &key(0)).send().summary(),
        "401 invalid_credential"
    );
    world.restart();
    assert_eq!(curl(&world, "/orders", KEY), "200");
    world.stop();
    told_nowhere(&world, &[KEY, &key(99_999), &sha256_of(KEY)]);
}

#[test]
fn an_erased_caller_is_seen_no_longer() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, FORM, observe);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    let caller = seen(&world)[0]["caller"].as_str().unwrap().to_owned();
    world.cli().run(&["audit", "erase", "--subject", &caller, "--reason", "asked to"]);
    assert!(seen(&world).is_empty());
}

#[test]
fn who_does_not_own_an_api_does_not_speak_for_its_keys() {
    let folder = Folder::new(root(), "existing");
    let server = upstream(&folder);
    let world = world(&server, FORM, observe);
    assert_eq!(curl(&world, "/orders", KEY), "200");
    let digits = fingerprint(&world);
    let token = world.cli().run(&["admin", "create", "olga", "--role", "owner"]).line();
    let token = token["token"].as_str().unwrap().to_owned();
    let body = br#"{"app":"reader","scopes":["orders"]}"#;
    let promote = || {
        let call = world.admin(&format!("POST /v1/existing-keys/{digits}/promote"));
        let call = call.field("Authorization", &format!("Bearer {token}"));
        call.field("Content-Type", "application/json").body(body).send()
    };
    let refused = promote();
    assert_eq!(refused.status, 403, "{refused:?}");
    let teams = world.place.read("teams.yaml");
    let with_olga = teams.replace("orders-team: {}", "orders-team: { members: [olga] }");
    let with_olga = if with_olga == teams { format!("{teams}\n") } else { with_olga };
    world.place.write("teams.yaml", &with_olga);
    if with_olga.contains("olga") {
        until("olga to be listed", || (promote().status == 201).then_some(()));
    }
}

/// As `sha256sum` says it, which is not ours.
fn sha256_of(text: &str) -> String {
    let command = format!("printf %s '{text}' | sha256sum");
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// No file that the gateway wrote holds any of these: store, log, inventory, its own output.
pub(crate) fn told_nowhere(world: &World, canaries: &[&str]) {
    let mut folders = vec![world.place.dir().join(".state")];
    let mut files = vec![world.place.folder.path().join("gateway.log")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(3 < files.len(), "{files:?}");
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        for canary in canaries {
            let encoded: Vec<u8> = canary.bytes().collect();
            assert!(!contains(&bytes, &encoded), "{} holds {canary}", path.display());
        }
    }
}
