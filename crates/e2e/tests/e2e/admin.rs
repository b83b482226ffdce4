//! Security cases G about the admin side: tokens, roles, origins, probes and metrics.

use std::os::unix::fs::PermissionsExt as _;

use testkit::{Call, Cli};

use super::world::{Place, World};

/// A request with an administrator's token and a JSON body.
fn with_token(call: Call, token: &str) -> Call {
    call.field("Authorization", &format!("Bearer {token}"))
}

#[test]
fn without_a_token_nothing_but_probes_is_answered() {
    let world = World::start();
    for path in [
        "apis",
        "teams",
        "applications",
        "keys",
        "decisions",
        "status",
        "revisions",
        "administrators",
        "explain/x",
    ] {
        let answer = world.admin(&format!("GET /v1/{path}")).send();
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.field("www-authenticate").is_some());
        for token in ["", "x", "spadm_x", &world.keys.writer] {
            let answer = with_token(world.admin(&format!("GET /v1/{path}")), token).send();
            assert_eq!(answer.status, 401, "{path} with `{token}`");
        }
    }
    for line in ["POST /v1/keys", "POST /v1/administrators", "POST /v1/revisions", "POST /v1/log/erase"] {
        let answer = world.admin(line).field("Content-Type", "application/json").body(b"{}").send();
        assert_eq!(answer.status, 401, "{line}");
    }
    for path in ["/livez", "/readyz", "/metrics", "/problems/no_grant"] {
        assert_eq!(world.admin(&format!("GET {path}")).send().status, 200, "{path}");
    }
}

#[test]
fn each_role_may_do_what_it_is_for_and_no_more() {
    let world = World::with(|place| {
        place.edit("teams.yaml", "members: []                 #", "members: [a-owner] #");
    });
    let token = |role: &str| {
        let made = world.cli().run(&["admin", "create", &format!("a-{role}"), "--role", role]).line();
        made["token"].as_str().unwrap().to_owned()
    };
    let post = |line: &str, body: &str| {
        world.admin(line).field("Content-Type", "application/json").body(body.as_bytes())
    };
    let look = world.admin("GET /v1/status");
    let investigate = world.admin("GET /v1/decisions");
    let change = post("POST /v1/keys", r#"{"app":"reader","scopes":["orders"]}"#);
    let rule = post("POST /v1/administrators", r#"{"name":"eve","role":"admin"}"#);
    for (role, expected) in
        [("viewer", [200, 403, 403, 403]), ("analyst", [200, 200, 403, 403]), ("owner", [200, 200, 201, 403])]
    {
        let token = token(role);
        let statuses =
            [&look, &investigate, &change, &rule].map(|call| with_token(call.clone(), &token).send().status);
        assert_eq!(statuses, expected, "{role}");
    }
    let admin = token("admin");
    assert_eq!(with_token(rule, &admin).send().status, 201);
    // A token that was taken away opens nothing.
    world.cli().run(&["admin", "revoke", "a-admin", "--reason", "left"]);
    assert_eq!(with_token(look, &admin).send().status, 401);
}

#[test]
fn the_bootstrap_credential_is_private_and_works_once() {
    let world = World::start();
    let file = world.place.dir().join(".state/bootstrap");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let credential = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let redeem = |credential: &str, name: &str| {
        let body = format!(r#"{{"credential":"{credential}","name":"{name}"}}"#);
        world
            .admin("POST /v1/bootstrap")
            .field("Content-Type", "application/json")
            .body(body.as_bytes())
            .send()
    };
    assert_eq!(redeem("spboot_wrong", "eve").status, 401);
    assert_eq!(redeem("", "eve").status, 401);
    let first = redeem(&credential, "ann");
    assert_eq!(first.status, 201, "{first:?}");
    let token = first.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(redeem(&credential, "eve").status, 401);
    let administrators = with_token(world.admin("GET /v1/administrators"), &token).send().json();
    let names: Vec<&str> =
        administrators.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ann"]);
}

#[test]
fn the_first_command_makes_a_named_administrator_and_no_later_start_offers_that_again() {
    let mut world = World::start();
    world.cli().run(&["status"]);
    let state = world.place.dir().join(".state");
    assert!(!state.join("bootstrap").exists());
    assert_eq!(std::fs::metadata(state.join("token")).unwrap().permissions().mode() & 0o777, 0o600);
    let names = world.cli().run(&["admin", "list"]).lines();
    assert_eq!(names.len(), 1);
    assert_eq!((names[0]["name"].as_str(), names[0]["role"].as_str()), (Some("tester"), Some("admin")));
    world.restart();
    assert!(!state.join("bootstrap").exists());
    // Without the token nothing more can be done.
    std::fs::remove_file(state.join("token")).unwrap();
    let ran = world.cli().try_run(&["status"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("token"), "{}", ran.stderr);
}

#[test]
fn the_only_administrator_who_lost_the_token_is_told_the_way_back() {
    let mut world = World::start();
    world.cli().run(&["team", "list"]);
    let token = world.place.dir().join(".state/token");
    std::fs::remove_file(&token).unwrap();
    let lost = world.cli().try_run(&["team", "list"]);
    assert!(lost.code == 2 && lost.stderr.contains("admin create NAME --role admin"), "{lost:?}");
    // Not while it runs: who asks then has to show a token.
    let name = ["admin", "create", "again", "--role", "admin"];
    assert_eq!(world.cli().try_run(&name).code, 2);
    world.stop();
    let made = world.cli().run(&name).line()["token"].as_str().unwrap().to_owned();
    world.start_again();
    std::fs::write(&token, made).unwrap();
    world.cli().run(&["team", "list"]);
}

#[test]
fn case_96_other_origins_and_other_hosts_are_refused() {
    let world = World::start();
    let token = world.cli().run(&["admin", "create", "ann", "--role", "admin"]).line()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let look = || with_token(world.admin("GET /v1/status"), &token);
    assert_eq!(look().send().status, 200);
    for origin in ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1"] {
        assert_eq!(look().field("Origin", origin).send().status, 403, "{origin}");
    }
    for host in ["evil.example", &format!("evil.example:{}", world.gateway().admin.port()), "127.0.0.1"] {
        assert_eq!(look().host(host).send().status, 403, "{host}");
        assert_eq!(world.admin("GET /metrics").host(host).send().status, 403, "{host}");
    }
    // A form of another site cannot send JSON, with or without an origin.
    let form = with_token(world.admin("POST /v1/teams"), &token).body(b"{\"name\":\"evil\"}");
    assert_eq!(form.clone().field("Content-Type", "text/plain").send().status, 415);
    assert_eq!(form.clone().field("Content-Type", "application/x-www-form-urlencoded").send().status, 415);
    assert!(!world.place.read("teams.yaml").contains("evil"));
    assert_eq!(form.field("Content-Type", "application/json").send().status, 201);
}

#[test]
fn case_97_there_is_no_default_credential() {
    let one = World::start();
    let two = World::start();
    let credential = |world: &World| world.place.read(".state/bootstrap").trim().to_owned();
    assert_ne!(credential(&one), credential(&two));
    assert!(credential(&one).len() > 30);
    for token in ["admin", "sallyport", "password", "changeme"] {
        assert_eq!(with_token(one.admin("GET /v1/status"), token).send().status, 401, "{token}");
    }
}

#[test]
fn case_98_the_admin_listener_is_for_this_machine_and_tells_no_secrets() {
    let place = Place::new();
    let ran = place.cli.try_run(&["up", "--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    let ran = place.cli.try_run(&["up", "--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("--plaintext"), "{}", ran.stderr);
    let world = World::start();
    let id = world.keys.reader.split('_').nth(2).unwrap().to_owned();
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    for path in ["/metrics", "/readyz", "/livez"] {
        let body = String::from_utf8(world.admin(&format!("GET {path}")).send().body).unwrap();
        for secret in
            [id.as_str(), "reader", "partners", "sp_live", world.place.read(".state/bootstrap").trim()]
        {
            assert!(!body.contains(secret), "{path} holds {secret}: {body}");
        }
    }
    // What the data listener does not serve, it does not serve to the admin's own paths either.
    assert_eq!(world.call("GET /v1/status").send().status, 401);
}

#[test]
fn case_100_every_installation_has_keys_of_its_own() {
    let kid =
        |world: &World| world.call("GET /.well-known/sallyport/jwks.json").send().json()["keys"][0].clone();
    let prepared = World::start();
    let fresh = World::with(|place| drop(std::fs::remove_dir_all(place.dir().join(".state"))));
    assert_ne!(kid(&prepared), kid(&fresh));
}

#[test]
fn metrics_count_decisions_by_api_verdict_and_reason() {
    let world = World::start();
    let last = [
        world.call("GET /orders").key(&world.keys.reader).send(),
        world.call("GET /admin").key(&world.keys.reader).send(),
    ];
    world.entries(&last[1].decision());
    let metrics = world.admin("GET /metrics").send();
    assert!(metrics.field("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(metrics.body).unwrap();
    let counted = |parts: &[&str]| {
        text.lines().any(|line| parts.iter().all(|part| line.contains(part)) && line.ends_with(" 1"))
    };
    assert!(counted(&["decisions_total", "orders", "allowed"]), "{text}");
    assert!(counted(&["decisions_total", "orders", "denied", "no_grant"]), "{text}");
}

#[test]
fn metrics_count_the_connections_of_clients() {
    let world = World::start();
    let open = |count: usize| {
        let line = format!("sallyport_connections {count}");
        testkit::until("the number of connections", || {
            let text = String::from_utf8(world.admin("GET /metrics").send().body).unwrap();
            text.lines().any(|found| found == line).then_some(())
        });
    };
    open(0);
    let held: Vec<_> = (0..3).map(|_| world.connect()).collect();
    open(3);
    drop(held);
    open(0);
}

#[test]
fn two_gateways_cannot_share_a_repository() {
    let world = World::start();
    let ran = world.cli().try_run(&["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
}

#[test]
fn the_master_key_must_be_private() {
    let place = Place::new();
    let key = place.folder.path().join("config/sallyport/master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = place.cli.try_run(&["app", "list"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("chmod 600"), "{}", ran.stderr);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(place.cli.run(&["app", "list"]).lines().len(), 3);
    // Under another key nothing that was sealed opens, and nothing is made anew in its place.
    let elsewhere = Cli::new(&place.dir(), &place.folder.path().join("other-home"));
    let ran = elsewhere.try_run(&["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
}
