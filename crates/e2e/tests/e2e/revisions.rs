//! Publish, look, and go back, by commands alone: no gateway runs, and the same routes answer.

use testkit::{Cli, Folder};

use super::world::{DOCUMENT, root};

const READ: &str = "@id(\"web-reads\") @owner(\"orders-team\") @reason(\"r\") @expires(\"2099-01-01\")\n\
    permit (principal == Application::\"web\", action == Action::\"orders:GET /orders\", resource);\n";
const WRITE: &str = "@id(\"web-writes\") @owner(\"orders-team\") @reason(\"r\") @expires(\"2099-01-01\")\n\
    permit (principal == Application::\"web\", action == Action::\"orders:POST /orders\", resource)\n\
    when { context has sourceIp && context.sourceIp.isLoopback() };\n";
const CASES: &str = "version: 1\nnow: 2026-06-15T12:00:00Z\napplications:\n  web: { team: orders-team }\ncases:\n  \
    - { caller: app:web, operation: 'orders:GET /orders', expect: allow }\n";

/// A repository whose files wait for a publish, with one application that may read.
fn repository(name: &str) -> (Folder, Cli) {
    let folder = Folder::new(root(), name);
    folder.write("document.yaml", DOCUMENT);
    let dir = folder.path().join("shop");
    let cli = Cli::new(&dir, folder.path());
    let document = folder.path().join("document.yaml").display().to_string();
    let dir = dir.display().to_string();
    cli.run(&["init", &dir, "--upstream", "http://127.0.0.1:9", "--openapi", &document]);
    let gateway = std::fs::read_to_string(folder.path().join("shop/sallyport.yaml")).unwrap();
    let waiting = gateway.replace("reload: on_change", "reload: on_publish");
    assert_ne!(waiting, gateway);
    folder.write("shop/sallyport.yaml", &waiting);
    folder.write("shop/policies/web.cedar", READ);
    folder.write("shop/tests/web.yaml", CASES);
    cli.app("web", "orders-team", &[]);
    (folder, cli)
}

#[test]
fn a_publish_says_what_changes_asks_the_cases_and_can_be_taken_back() {
    let (folder, cli) = repository("revisions");
    let first = cli.run(&["revision", "list"]).lines();
    assert_eq!(first.len(), 1, "{first:?}");

    folder.write("shop/policies/web.cedar", &format!("{READ}{WRITE}"));
    let planned = cli.run(&["publish", "--dry-run"]).line();
    assert_eq!(planned["summary"]["policies"]["added"][0], "web-writes", "{planned}");
    assert_eq!(planned["summary"]["gains"][0]["caller"], "app:web", "{planned}");
    assert_eq!(cli.run(&["revision", "list"]).lines().len(), 1, "nothing changed");

    let published = cli.run(&["publish", "--reason", "web may write"]).line();
    assert_eq!(
        (published["number"].as_u64(), published["probes"]["as_expected"].as_u64()),
        (Some(2), Some(1))
    );
    let shown = cli.run(&["revision", "show", "2"]).line();
    assert_eq!((&shown["reason"], &shown["summary"]), (&published["reason"], &published["summary"]));

    // What a case says must not be is published all the same, and told by the exit code.
    folder.write("shop/policies/web.cedar", WRITE);
    let broken = cli.try_run(&["publish", "--reason", "by mistake"]);
    assert_eq!(broken.code, 1, "{broken:?}");
    assert_eq!(broken.line()["probes"]["differing"].as_array().unwrap().len(), 1, "{broken:?}");
    let difference = cli.run(&["revision", "diff", "2", "3"]).line();
    assert_eq!(difference["policies"][0]["id"], "web-reads", "{difference}");

    let back = cli.run(&["revision", "rollback", "2", "--reason", "readers are denied"]).line();
    assert_eq!((back["number"].as_u64(), back["to"].as_u64()), (Some(4), Some(2)), "{back}");
    let text = std::fs::read_to_string(folder.path().join("shop/policies/web.cedar")).unwrap();
    assert_eq!(text, format!("{READ}{WRITE}"));
    assert_eq!(cli.try_run(&["revision", "rollback", "99", "--reason", "r"]).code, 2);
    let log = cli.run(&["audit", "search", "--limit", "200"]).stdout;
    assert!(log.contains("revision.rollback") && log.contains("readers are denied"), "{log}");
}

#[test]
fn policies_say_whom_they_let_do_what() {
    let (folder, cli) = repository("policies-say");
    folder.write("shop/policies/web.cedar", &format!("{READ}{WRITE}"));
    cli.run(&["publish", "--reason", "both"]);
    let explained = cli.run(&["policy", "explain", "web-writes"]).line();
    assert_eq!(explained["operations"][0], "orders:POST /orders", "{explained}");
    assert!(!explained["conditions"].as_array().unwrap().is_empty(), "{explained}");
    let unknown = cli.try_run(&["policy", "explain", "web-write"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.stderr.contains("web-writes"), "{unknown:?}");

    let who = cli.run(&["policy", "who-can", "orders:GET /orders"]).lines();
    let callers: Vec<_> = who.iter().map(|one| one["caller"].as_str().unwrap()).collect();
    assert_eq!(callers, ["app:web"], "{who:?}");
    let what = cli.run(&["policy", "what-can", "app:web"]).lines();
    let told = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap().to_owned();
    let decisions: Vec<_> = what.iter().map(|one| (told(one, "operation"), told(one, "decision"))).collect();
    let expected = [("orders:GET /orders", "always"), ("orders:POST /orders", "conditional")];
    assert_eq!(decisions, expected.map(|(operation, decision)| (operation.to_owned(), decision.to_owned())));
    assert!(cli.run(&["policy", "what-can", "anonymous"]).lines().is_empty());

    let page = folder.path().join("matrix.html");
    cli.run(&["policy", "matrix", "--html", &page.display().to_string()]);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("app:web") && page.contains("class=\"granted\""), "{page}");
    assert!(cli.run(&["usage"]).lines().is_empty(), "nobody called");
    assert_eq!(cli.try_run(&["usage", "--csv"]).code, 2, "JSON was asked for as well");
    let nameless = cli.try_run(&["policy", "explain", ""]);
    assert!(nameless.code == 2 && nameless.stderr.contains("must not be empty"), "{}", nameless.stderr);
    assert_eq!(cli.run(&["policy", "replay"]).lines().len(), 1, "no flips, one summary");
}
