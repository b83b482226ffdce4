//! `credential: exchange`: the upstream's own credential in place of the caller's, held sealed, shown nowhere.

use std::io::Write as _;
use std::process::Stdio;

use testkit::{Folder, Ran, contains};

use super::existing_keys::told_nowhere;
use super::servers::Server;
use super::world::{API, World, in_days, root};

const SECRET: &str = "up-5ecret-Qm9ya2Vu";
const NEXT: &str = "up-5ecret-TmV4dCBv";

const EXCHANGE: &str = "exchange: { header: Authorization, scheme: Bearer, secret: upstream }\n";

/// Runs a command with a value on its standard input.
fn with_input(world: &World, arguments: &[&str], input: &str) -> Ran {
    let mut command = world.cli().command();
    command.arg("--json").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn world(lines: &str) -> World {
    World::with(|place| {
        place.edit(API, "credential: pass", "credential: exchange");
        place.append(API, lines);
    })
}

#[test]
fn the_caller_shows_its_own_key_and_the_upstream_gets_its_own_credential() {
    let mut world = world(EXCHANGE);
    // Without the secret the API is unusable, whoever asks and for whatever; the other one lives.
    let call = world.call("GET /orders").key(&world.keys.reader);
    for line in ["GET /orders", "GET /nowhere"] {
        let answer = world.call(line).key(&world.keys.reader).send();
        assert_eq!(answer.summary(), "503 api_unavailable");
        assert!(!contains(&answer.body, b"secret"), "{answer:?}");
    }
    let billing = world.call("GET /invoices").host(super::world::BILLING).key(&world.keys.reader).send();
    assert_ne!(billing.status, 503);
    let status = world.cli().run(&["status"]).stdout;
    assert!(status.contains("sallyport secret set upstream --api orders"), "{status}");
    world.upstream.forget();
    let set = with_input(&world, &["secret", "set", "upstream", "--api", "orders"], &format!("{SECRET}\n"));
    assert_eq!(set.code, 0, "{set:?}");
    // The next request has it.
    assert_eq!(call.send().status, 200);
    let received = world.upstream.last();
    assert_eq!(received.all("authorization"), [format!("Bearer {SECRET}")]);
    assert!(received.all("x-api-key").is_empty());
    // Whatever the caller brings, it never reaches the upstream.
    let answer =
        world.call("GET /orders").field("Authorization", &format!("Bearer {}", world.keys.reader)).send();
    assert_eq!(answer.status, 200);
    assert_eq!(world.upstream.last().all("authorization"), [format!("Bearer {SECRET}")]);
    let answer =
        world.call("GET /orders").key(&world.keys.reader).field("Authorization", "Basic Zm9yZWlnbg==").send();
    assert_eq!(answer.status, 200);
    assert_eq!(world.upstream.last().all("authorization"), [format!("Bearer {SECRET}")]);
    // Replaced: the next request has the new one. Setting it twice is a mistake.
    let twice = with_input(&world, &["secret", "set", "upstream", "--api", "orders"], NEXT);
    assert_eq!(twice.code, 2, "{twice:?}");
    let rotated = with_input(&world, &["secret", "rotate", "upstream", "--api", "orders"], NEXT);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    assert_eq!(call.send().status, 200);
    assert_eq!(world.upstream.last().all("authorization"), [format!("Bearer {NEXT}")]);
    let listed = world.cli().run(&["secret", "list"]).line();
    assert_eq!(
        (&listed["name"], &listed["state"], &listed["used"]),
        (&"upstream".into(), &"open".into(), &true.into())
    );
    for text in [&set.stdout, &rotated.stdout, &twice.stderr, &listed.to_string()] {
        assert!(!text.contains(SECRET) && !text.contains(NEXT), "{text}");
    }
    world.restart();
    let call = world.call("GET /orders").key(&world.keys.reader);
    assert_eq!(call.send().status, 200);
    assert_eq!(world.upstream.last().all("authorization"), [format!("Bearer {NEXT}")]);
    world.cli().run(&["secret", "remove", "upstream", "--api", "orders"]);
    assert_eq!(call.send().summary(), "503 api_unavailable");
    let acts = world.cli().run(&["audit", "search"]).stdout;
    assert!(acts.contains("secret.set") && acts.contains("secret.rotate") && acts.contains("secret.remove"));
    let metrics = world.admin("GET /metrics").send();
    assert!(!contains(&metrics.body, SECRET.as_bytes()));
    // While it serves as well, and in whatever a person can ask it for.
    told_nowhere(&world, &[SECRET, NEXT, &world.keys.reader]);
    for asked in [
        &["status"][..],
        &["api", "show", "orders"],
        &["revision", "list"],
        &["audit", "search"],
        &["audit", "export"],
        &["inventory", "list"],
        &["usage"],
        &["policy", "matrix"],
    ] {
        let ran = world.cli().run(&[asked, &["--json"]].concat());
        for told in [&ran.stdout, &ran.stderr] {
            assert!(!told.contains(SECRET) && !told.contains(NEXT), "{asked:?} tells it");
        }
    }
    world.stop();
    told_nowhere(&world, &[SECRET, NEXT, &world.keys.reader]);
}

#[test]
fn a_denied_caller_never_has_the_upstreams_powers() {
    let observed = format!("mode: observe\nobserve_until: {}", in_days(10));
    let world = World::with(|place| {
        place.edit(API, "credential: pass", "credential: exchange");
        place.edit(API, "mode: enforce", &observed);
        place.append(API, EXCHANGE);
        place.append(API, "existing_keys: { header: X-Company-Key, prefix: ak_ }\n");
    });
    assert_eq!(with_input(&world, &["secret", "set", "upstream", "--api", "orders"], SECRET).code, 0);
    let authorization = |call: testkit::Call| {
        assert_eq!(call.send().status, 200, "observed, it passes");
        world.upstream.last().all("authorization").join(",")
    };
    // Observed, what would be denied passes, but nobody who is unknown does so with the gateway's credential.
    assert_eq!(authorization(world.call("GET /orders")), "");
    assert_eq!(authorization(world.call("GET /orders").field("Authorization", "Bearer foreign")), "");
    let claimed = world.call("GET /orders").field("X-Company-Key", "ak_0123456789abcdefXYZ");
    assert_eq!(authorization(claimed), "");
    assert!(
        world.upstream.last().all("x-company-key").is_empty(),
        "exchanged means that the caller's stays here"
    );
    // Who is known has what enforcing would give, and what a missing grant would take.
    assert_eq!(authorization(world.call("GET /orders").key(&world.keys.reader)), format!("Bearer {SECRET}"));
    assert_eq!(authorization(world.call("GET /admin").key(&world.keys.writer)), format!("Bearer {SECRET}"));
}

#[test]
fn an_api_whose_secret_does_not_open_is_unusable_and_the_others_live() {
    let mut world = world(&EXCHANGE.replace("Authorization, scheme: Bearer", "X-Upstream-Key"));
    assert_eq!(with_input(&world, &["secret", "set", "upstream", "--api", "orders"], SECRET).code, 0);
    let call = world
        .call("GET /orders")
        .key(&world.keys.reader)
        .field("X_Upstream_Key", "forged")
        .field("x-upstream-key", "forged");
    assert_eq!(call.send().status, 200);
    let received = world.upstream.last();
    assert_eq!(received.all("x-upstream-key"), [SECRET]);
    assert!(received.all("authorization").is_empty() && received.all("x_upstream_key").is_empty());
    world.stop();
    // A value that was altered where it lies.
    let store = world.place.dir().join(".state/store.db").display().to_string();
    let altered = std::process::Command::new("python3")
        .args(["-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(\"update secrets set sealed = zeroblob(64) where name like 'upstream/%'\"); c.commit()", &store])
        .status()
        .unwrap();
    assert!(altered.success());
    world.start_again();
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().summary(), "503 api_unavailable");
    assert_ne!(
        world.call("GET /invoices").host(super::world::BILLING).key(&world.keys.reader).send().status,
        503
    );
    let listed = world.cli().run(&["secret", "list"]).stdout;
    assert!(listed.contains("does not open"), "{listed}");
}

#[test]
fn a_real_upstream_takes_the_gateways_credential_and_never_the_callers() {
    let folder = Folder::new(root(), "exchange");
    let server = Server::nginx_with(
        &folder,
        &format!(
            r#"location / {{
  if ($http_authorization != "Bearer {SECRET}") {{ return 401 "no"; }}
  if ($http_x_company_key) {{ return 500 "the caller's key"; }}
  return 200 "yes";
}}"#
        ),
    );
    let world = World::with(|place| {
        let text = place.read(API);
        let line = text.lines().find(|line| line.starts_with("upstream:")).unwrap().to_owned();
        place.edit(API, &line, &format!("upstream: http://{}", server.address));
        place.edit(API, "credential: pass", "credential: exchange");
        place.append(API, EXCHANGE);
        place.append(API, "existing_keys: { header: X-Company-Key, prefix: ak_ }\n");
    });
    assert_eq!(with_input(&world, &["secret", "set", "upstream", "--api", "orders"], SECRET).code, 0);
    let list = world.place.folder.path().join("keys.csv");
    std::fs::write(&list, "name,key\nshop,ak_0123456789abcdefXYZ\n").unwrap();
    let path = list.display().to_string();
    world.cli().run(&["key", "import", "--api", "orders", "--app", "reader", "--scope", "orders", &path]);
    let call = |key: &str| world.call("GET /orders").field("X-Company-Key", key).send().status;
    assert_eq!(call("ak_0123456789abcdefXYZ"), 200);
    assert_eq!(call("ak_0123456789abcdefXYz"), 401);
}
