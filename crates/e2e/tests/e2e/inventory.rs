//! The inventory of a running gateway: what it sees, what it keeps, and what adopting changes and does not.

use serde_json::Value;
use testkit::{Call, Cli, Folder, Gateway, Upstream, until};

use super::world::{API, POLICY, World, in_days, root};

const DOCUMENT_FILE: &str = "apis/orders/openapi.yaml";

/// A gateway that observes `orders`, so that what is not declared passes.
fn observing() -> World {
    World::with(|place| {
        place.edit(API, "mode: enforce", &format!("mode: observe\nobserve_until: {}", in_days(10)));
    })
}

/// `state METHOD path succeeded/count` of each operation that was called.
fn listed(world: &World, more: &[&str]) -> Vec<String> {
    let arguments = [&["inventory", "list", "--api", "orders"], more].concat();
    let line = |row: &Value| {
        let line = format!(
            "{} {} {} {}/{}",
            row["state"], row["method"], row["path"], row["succeeded"], row["count"]
        );
        line.replace('"', "")
    };
    let rows = world.cli().run(&arguments).lines();
    let mut lines: Vec<String> = rows.iter().filter(|row| row["count"] != 0).map(line).collect();
    lines.sort();
    lines
}

/// Calls what is declared and what is not, with and without success.
fn call_around(world: &World) {
    for number in 0..12 {
        let call = |target: &str| world.call(&format!("GET {target}")).key(&world.keys.reader).send();
        assert_eq!(call(&format!("/orders/{number}")).status, 200);
        assert_eq!(call(&format!("/orders/{number}/notes?token=canary-query")).status, 200);
        assert_eq!(call(&format!("/nothing/canary{number}")).status, 404);
    }
    assert_eq!(world.call("GET /public/info").send().status, 200);
}

fn quiet(world: &World) {
    for number in 0..12 {
        world.upstream.reply(&format!("/nothing/canary{number}"), not_found());
    }
}

fn not_found() -> testkit::Reply {
    testkit::Reply::bytes("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
}

const SEEN: [&str; 3] = [
    "documented GET /orders/{id} 12/12",
    "documented GET /public/info 1/1",
    "shadow GET /orders/{id}/notes 12/12",
];

#[test]
fn what_is_called_is_found_and_survives_a_restart_and_a_kill_loses_a_minute_at_most() {
    let mut world = observing();
    quiet(&world);
    call_around(&world);
    until("the inventory has them", || (listed(&world, &[]) == SEEN).then_some(()));
    let notes = world.cli().run(&["inventory", "show", "GET /orders/{any}/notes"]).line();
    assert_eq!(notes["auth"], "verified only", "{notes}");
    assert_eq!((&notes["exposure"], &notes["why"]), (&Value::from("partner"), &Value::from("not in orders")));
    assert_eq!(notes["caller_names"], serde_json::json!(["reader"]));
    assert_eq!(notes["content_types"], serde_json::json!(["text/plain"]), "{notes}");
    let info = world.cli().run(&["inventory", "show", "GET /public/info"]).line();
    assert_eq!(info["auth"], "open", "{info}");
    world.restart();
    assert_eq!(listed(&world, &[]), SEEN);
    assert_eq!(world.call("GET /orders/7/notes").key(&world.keys.reader).send().status, 200);
    let more = "shadow GET /orders/{id}/notes 13/13".to_owned();
    until("the count goes on", || listed(&world, &[]).contains(&more).then_some(()));
    world.kill();
    // Offline, from what was written down.
    assert_eq!(listed(&world, &[]), SEEN);
}

#[test]
fn no_value_of_a_path_or_query_reaches_the_disk() {
    let mut world = observing();
    quiet(&world);
    for number in 0..6 {
        let target = format!("GET /canary-{number}-name/canary{number}5@mail.example/x?key=canary-query");
        assert_eq!(world.call(&target).key(&world.keys.reader).send().status, 200);
    }
    assert_eq!(world.call("GET /canary-alone").key(&world.keys.reader).send().status, 200);
    call_around(&world);
    until("the inventory has them", || (5 <= listed(&world, &[]).len()).then_some(()));
    world.stop();
    let kept = world.place.read(".state/inventory.json");
    assert!(kept.contains("/notes"), "{kept}");
    assert!(!kept.contains("canary"), "{kept}");
    let mode = std::fs::metadata(world.place.dir().join(".state")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o077, 0);
}

#[test]
fn what_an_upstream_says_deceives_nobody_who_looks_at_it() {
    let world = observing();
    let reply = "HTTP/1.1 200 OK\r\nContent-Type: text/x\u{202e}gpj\r\nContent-Length: 0\r\n\r\n";
    world.upstream.reply("/odd", testkit::Reply::bytes(reply));
    assert_eq!(world.call("GET /odd").key(&world.keys.reader).send().status, 200);
    let seen = "shadow GET /odd 1/1".to_owned();
    until("the inventory has it", || listed(&world, &[]).contains(&seen).then_some(()));
    let shown = world.cli().command().args(["inventory", "show", "GET /odd"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("answers     text/x\u{fffd}gpj\n"), "{shown}");
}

#[test]
fn an_erased_application_is_no_longer_named() {
    let mut world = observing();
    call_until_seen(&world);
    let named = |world: &World| world.cli().run(&["inventory", "list"]).stdout.contains("\"reader\"");
    assert!(named(&world));
    world.restart();
    assert!(named(&world));
    // These are still with the worker when the name is erased.
    for target in ["GET /orders/7", "GET /orders/7/notes"] {
        assert_eq!(world.call(target).key(&world.keys.reader).send().status, 200);
    }
    world.cli().run(&["audit", "erase", "--subject", "app:reader", "--reason", "asked for"]);
    assert!(!named(&world));
    assert!(!world.place.read(".state/inventory.json").contains("\"reader\""));
    world.stop();
    assert_eq!(listed(&world, &[]), ["documented GET /orders/{id} 1/1", "shadow GET /orders/{id}/notes 6/6"]);
    assert!(!named(&world));
    assert!(!world.place.read(".state/inventory.json").contains("\"reader\""));
}

#[test]
fn a_kept_inventory_that_is_damaged_is_put_aside_and_the_gateway_serves() {
    let mut world = observing();
    world.stop();
    world.place.write(".state/inventory.json", "{\"format\":");
    world.start_again();
    assert_eq!(world.call("GET /public/info").send().status, 200);
    assert_eq!(world.place.read(".state/inventory.json.broken"), "{\"format\":");
    assert!(world.log().contains("cannot be read; it begins anew"), "{}", world.log());
}

#[test]
fn adopting_declares_an_operation_and_lets_nobody_in() {
    let world = observing();
    call_until_seen(&world);
    let before = world.place.read(DOCUMENT_FILE);
    let lock = world.place.read("apis/orders/groups.lock");
    let name = "GET /orders/{id}/notes";
    let shown = world.cli().run(&["inventory", "adopt", name, "--dry-run"]).line();
    assert_eq!(
        (&shown["written"], &shown["gains"]),
        (&Value::Bool(false), &serde_json::json!([])),
        "{shown}"
    );
    assert_eq!(world.place.read(DOCUMENT_FILE), before);
    let adopted = world.cli().run(&["inventory", "adopt", name, "--reason", "OPS-7"]).line();
    assert_eq!(adopted["operation"], "orders:GET /orders/{id}/notes");
    let after = world.place.read(DOCUMENT_FILE);
    let added: Vec<&str> = adopted["added"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(added.first(), Some(&"  /orders/{id}/notes:"), "{added:?}");
    assert_eq!(
        after.lines().filter(|line| !added.contains(line)).collect::<Vec<_>>(),
        before.lines().filter(|line| !added.contains(line)).collect::<Vec<_>>()
    );
    assert_eq!(world.place.read("apis/orders/groups.lock"), lock);
    // Under enforcement the writer, who may do everything in the group `orders`, may not do this.
    let observed = format!("mode: observe\nobserve_until: {}", in_days(10));
    world.place.edit(API, &observed, "mode: enforce");
    // Not even with a key for it alone: it is in no group, and no grant names it.
    let key = world.cli().key("writer", &["orders:GET /orders/{id}/notes"]);
    until("it is enforced", || {
        let answer = world.call("GET /orders/7/notes").key(&key).send();
        (answer.summary() == "403 no_grant").then_some(())
    });
    let answer = world.call("GET /orders/7/notes").key(&world.keys.writer).send();
    assert_eq!(answer.summary(), "403 out_of_scope");
    assert_eq!(world.call("PUT /orders/7").key(&world.keys.writer).send().status, 200);
    let again = world.cli().try_run(&["inventory", "adopt", name]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("is documented, not shadow"), "{again:?}");
    let exported = world.cli().run(&["audit", "export"]).stdout;
    assert!(exported.contains("inventory.adopt") && exported.contains("OPS-7"), "{exported}");
}

#[test]
fn adopting_what_a_policy_would_reach_at_once_is_refused_until_it_is_asked_for() {
    let world = observing();
    world.place.append(
        POLICY,
        "\n@id(\"wide\") @owner(\"orders-team\") @reason(\"test\") @expires(\"2099-01-01\")\npermit (principal in Team::\"partners\", action, resource == Api::\"orders\");\n",
    );
    call_until_seen(&world);
    let before = world.place.read(DOCUMENT_FILE);
    let refused = world.cli().try_run(&["inventory", "adopt", "GET /orders/{id}/notes"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("wide would reach `orders:GET /orders/{id}/notes` at once"),
        "{refused:?}"
    );
    assert_eq!(world.place.read(DOCUMENT_FILE), before);
    let adopted = world.cli().run(&["inventory", "adopt", "GET /orders/{id}/notes", "--accept-gains"]).line();
    assert_eq!(adopted["gains"], serde_json::json!(["wide"]));
}

#[test]
fn what_is_ignored_is_listed_no_longer_and_stays_so() {
    let mut world = observing();
    call_until_seen(&world);
    let name = "GET /orders/{id}/notes";
    let refused = world.cli().try_run(&["inventory", "ignore", name, "--reason", " "]);
    assert_eq!(refused.code, 2, "{refused:?}");
    world.cli().run(&["inventory", "ignore", name, "--reason", "known"]);
    world.restart();
    assert_eq!(listed(&world, &["--state", "shadow"]), [""; 0]);
    assert_eq!(listed(&world, &["--state", "shadow", "--ignored"]).len(), 1);
    let absent = world.cli().try_run(&["inventory", "ignore", "GET /absent", "--reason", "x"]);
    assert_eq!(absent.code, 2, "{absent:?}");
    assert!(absent.stderr.contains("there is no operation in the inventory `GET /absent`"), "{absent:?}");
    let mark = world.cli().run(&["inventory", "unignore", name]).line();
    assert_eq!((&mark["path"], &mark["reason"]), (&Value::from("/orders/{id}/notes"), &Value::from("known")));
    world.restart();
    assert_eq!(listed(&world, &["--state", "shadow"]).len(), 1);
    let again = world.cli().try_run(&["inventory", "unignore", name]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("there is no ignored operation `GET /orders/{id}/notes`"), "{again:?}");
}

#[test]
fn what_a_person_says_of_a_place_holds_over_a_restart_until_it_is_taken_back() {
    let mut world = observing();
    for target in ["GET /reports/orders", "GET /reports/users"] {
        assert_eq!(world.call(target).key(&world.keys.reader).send().status, 200);
    }
    until("both are seen", || (listed(&world, &[]).len() == 2).then_some(()));
    let said = world.cli().run(&["inventory", "parameter", "/reports/{}", "--reason", "OPS-9"]).line();
    assert_eq!((&said["path"], &said["is"]), (&Value::from("/reports/{}"), &Value::from("parameter")));
    assert_eq!(listed(&world, &[]), ["shadow GET /reports/{report} 2/2"]);
    world.restart();
    assert_eq!(listed(&world, &[]), ["shadow GET /reports/{report} 2/2"]);
    assert_eq!(world.cli().run(&["inventory", "places"]).lines().len(), 1);
    world.cli().run(&["inventory", "literal", "/reports/orders"]);
    assert_eq!(world.call("GET /reports/orders").key(&world.keys.reader).send().status, 200);
    let apart = "shadow GET /reports/orders 1/1".to_owned();
    until("it is apart", || listed(&world, &[]).contains(&apart).then_some(()));
    world.cli().run(&["inventory", "literal", "/reports/orders", "--undo"]);
    let again = world.cli().try_run(&["inventory", "literal", "/reports/orders", "--undo"]);
    assert_eq!(again.code, 2, "{again:?}");
    let wrong = world.cli().try_run(&["inventory", "literal", "reports"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let exported = world.cli().run(&["audit", "export"]).stdout;
    assert!(exported.contains("inventory.parameter") && exported.contains("OPS-9"), "{exported}");
}

fn call_until_seen(world: &World) {
    for number in 0..5 {
        let call = world.call(&format!("GET /orders/{number}/notes")).key(&world.keys.reader);
        assert_eq!(call.send().status, 200);
    }
    let seen = "shadow GET /orders/{id}/notes 5/5".to_owned();
    until("the inventory has it", || listed(world, &[]).contains(&seen).then_some(()));
}

#[test]
fn a_repository_is_made_from_what_was_seen_and_grants_nothing() {
    let place = Folder::new(root(), "init-from");
    let line = |caller: &str, target: &str| {
        format!(
            "203.0.113.7 - {caller} [26/Nov/2026:10:00:00 +0000] \"{target} HTTP/1.1\" 200 120 \"-\" \"client/1\"\n"
        )
    };
    let mut log = String::new();
    for number in 0..20 {
        log.push_str(&line("checkout", &format!("GET /orders/{}", 1_000 + number)));
        log.push_str(&line("-", "GET /orders"));
    }
    log.push_str(&line("bill\"ing", "POST /orders"));
    place.write("shop.log", &log);
    place.write("pay.log", &line("-", "GET /payments/7"));
    let upstream = Upstream::start();
    let dir = place.path().join("company");
    let cli = Cli::new(&dir, place.path());
    let (shop, pay) =
        (in_folder(&place, "shop.example", "shop.log"), in_folder(&place, "pay.example", "pay.log"));
    let to = dir.display().to_string();
    let all = format!("http://{}", upstream.address);
    let without = cli.try_run(&[
        "init",
        &to,
        "--from",
        &shop,
        "--from",
        &pay,
        "--upstream",
        "shop.example=http://127.0.0.1:9",
    ]);
    assert_eq!(without.code, 2, "{without:?}");
    assert!(without.stderr.contains("there is no upstream for pay.example"), "{without:?}");
    let made = cli.run(&["init", &to, "--from", &shop, "--from", &pay, "--upstream", &all]).line();
    assert_eq!(made["apis"], serde_json::json!(["pay", "shop"]), "{made}");
    assert_eq!(
        cli.run(&["config", "check"]).lines().iter().filter(|one| one["severity"] == "error").count(),
        0
    );
    let grants = place.read("company/policies/shop-seen.cedar");
    assert!(grants.lines().all(|line| line.is_empty() || line.starts_with("//")), "{grants}");
    assert!(
        grants.contains("Action::\"shop:GET /orders/{orderId}\"  // 20 times on 2026-11-26, 1 caller"),
        "{grants}"
    );
    // It is observed: what was seen passes and nobody was granted it.
    let gateway = Gateway::up(&cli, &place.path().join("gateway.log"));
    let call = |key: Option<&str>| {
        let call = Call::new(gateway.address, "shop.example", "GET /orders/7");
        key.map_or_else(|| call.clone(), |key| call.clone().key(key)).send()
    };
    assert_eq!(call(None).status, 200);
    cli.app("checkout", "pay-team", &[]);
    let key = cli.key("checkout", &["shop"]);
    let denied = cli.try_run(&["explain", "--as", "app:checkout", "GET", "https://shop.example/orders/7"]);
    assert_eq!((denied.code, &denied.line()["reason"]), (1, &Value::from("no_grant")), "{denied:?}");
    // Switched on by taking the slashes of one grant away.
    let (before, rest) = grants.split_once("// @id(\"shop-checkout-seen\")\n").unwrap();
    let (grant, after) = rest.split_once("// );\n").unwrap();
    let on: String =
        grant.lines().map(|line| format!("{}\n", line.strip_prefix("// ").unwrap_or(line))).collect();
    let on = format!("{before}@id(\"shop-checkout-seen\")\n{on});\n{after}");
    place.write("company/policies/shop-seen.cedar", &on);
    until("the grant is in force", || {
        let allowed =
            cli.try_run(&["explain", "--as", "app:checkout", "GET", "https://shop.example/orders/7"]);
        (allowed.code == 0).then_some(())
    });
    assert_eq!(call(Some(&key)).status, 200);
    let other = cli.try_run(&["explain", "--as", "app:checkout", "POST", "https://shop.example/orders"]);
    assert_eq!((other.code, &other.line()["reason"]), (1, &Value::from("no_grant")), "{other:?}");
}

fn in_folder(folder: &Folder, host: &str, file: &str) -> String {
    format!("{host}={}", folder.path().join(file).display())
}
