//! The first hour: from nothing to a gateway that serves, and what stays over edits and restarts.

use testkit::{Call, Cli, Folder, Gateway, Upstream, until};

use super::world::{API, DOCUMENT, HOST, POLICY, Place, World, in_days, root};

#[test]
fn from_a_document_to_an_allowed_call_by_the_printed_grant() {
    let folder = Folder::new(root(), "first");
    let upstream = Upstream::start();
    folder.write("document.yaml", DOCUMENT);
    let dir = folder.path().join("shop");
    let cli = Cli::new(&dir, folder.path());
    let document = folder.path().join("document.yaml").display().to_string();
    let address = format!("http://{}", upstream.address);
    let to = dir.display().to_string();
    let written = cli.run(&["init", &to, "--upstream", &address, "--openapi", &document]).line();
    assert_eq!(written["api"], "orders", "{written}");
    assert_ne!(cli.try_run(&["init", &to, "--upstream", &address]).code, 0, "nothing is overwritten");
    assert_eq!(cli.run(&["config", "check"]).code, 0);
    let gateway = Gateway::up(&cli, &folder.path().join("gateway.log"));
    assert_eq!(gateway.first["revision"], 1);
    cli.app("web", "orders-team", &[]);
    let made = cli.run(&["key", "create", "--app", "web", "--scope", "orders"]).line();
    assert_eq!((made["app"].as_str(), made["header"].as_str()), (Some("web"), Some("X-Api-Key")), "{made}");
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("sp_live_") && key.contains(made["id"].as_str().unwrap()), "{made}");
    let call = |line: &str| Call::new(gateway.address, &gateway.address.to_string(), line).key(key);
    let denied = call("GET /orders/7").send();
    assert_eq!(denied.summary(), "403 no_grant");
    // The decision and the question about it get the same explanation, and the same grant.
    let url = format!("http://{}/orders/7", gateway.address);
    let past = cli.try_run(&["explain", &denied.decision()]);
    let asked = cli.try_run(&["explain", "--as", "app:web", "GET", &url]);
    assert_eq!((past.code, asked.code), (1, 1));
    let (past, asked) = (past.line(), asked.line());
    for field in ["decision", "reason", "caller", "strength", "operation", "rules", "nearest", "grant"] {
        assert_eq!(past[field], asked[field], "{field}");
    }
    assert_eq!(
        (past["decision"].as_str(), past["operation"].as_str()),
        (Some("deny"), Some("orders:GET /orders/{id}"))
    );
    let grant = past["grant"].as_str().unwrap();
    folder.write("shop/policies/pasted.cedar", grant);
    until("the pasted grant", || (call("GET /orders/7").send().status == 200).then_some(()));
    assert_eq!(cli.run(&["explain", "--as", "app:web", "GET", &url]).line()["decision"], "allow");
    assert!(cli.run(&["config", "check"]).lines().iter().all(|line| line["severity"] != "error"));
    // It allows exactly that.
    for line in ["GET /orders", "PUT /orders/7", "GET /admin", "GET /users/7", "GET /files/a", "POST /orders"]
    {
        assert_eq!(call(line).send().status, 403, "{line}");
    }
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn a_key_without_the_scope_is_told_to_be_the_reason_and_no_grant_alone_helps() {
    let world = World::start();
    let cli = world.cli();
    let url = format!("http://{HOST}/orders");
    let ask = |caller: &str| cli.try_run(&["explain", "--as", caller, "POST", &url]);
    let call = world.call("POST /orders");
    cli.app("till", "orders-team", &[]);
    let made = cli.run(&["key", "create", "--app", "till", "--scope", "orders:GET /orders"]).line();
    let key = made["key"].as_str().unwrap();
    let denied = call.clone().key(key).send();
    assert_eq!(denied.summary(), "403 out_of_scope");
    let past = cli.try_run(&["explain", &denied.decision()]);
    let asked = ask("app:till");
    assert_eq!((past.code, asked.code), (1, 1));
    for shown in [past.line(), asked.line()] {
        assert_eq!(
            (&shown["decision"], &shown["reason"]),
            (&"deny".into(), &"out_of_scope".into()),
            "{shown}"
        );
        let note = shown["note"].as_str().unwrap();
        assert!(note.contains("key create --app till --scope 'orders:POST /orders'"), "{note}");
        assert!(note.contains("the grant below as well"), "{note}");
    }
    // The grant alone changes nothing, and is no longer asked for.
    world.place.write("policies/till.cedar", asked.line()["grant"].as_str().unwrap());
    until("the grant", || ask("app:till").line()["grant"].is_null().then_some(()));
    let asked = ask("app:till");
    assert_eq!((asked.code, asked.line()["reason"].as_str()), (1, Some("out_of_scope")));
    assert!(!asked.line()["note"].to_string().contains("grant below"));
    assert_eq!(call.clone().key(key).send().summary(), "403 out_of_scope");
    // With the scope it passes, and of the two keys it is said which one does not.
    let wider = cli.run(&["key", "create", "--app", "till", "--scope", "orders:POST /orders"]).line();
    assert_eq!(call.key(wider["key"].as_str().unwrap()).send().status, 200);
    let asked = ask("app:till");
    assert_eq!((asked.code, asked.line()["decision"].as_str()), (0, Some("allow")));
    let note = asked.line()["note"].to_string();
    assert!(note.contains(made["id"].as_str().unwrap()) && note.contains("does not"), "{note}");
    // A key that was revoked covers nothing.
    cli.run(&["key", "revoke", wider["id"].as_str().unwrap(), "--reason", "no longer needed"]);
    let asked = ask("app:till");
    assert_eq!((asked.code, asked.line()["reason"].as_str()), (1, Some("out_of_scope")));
    // An application without a key is judged by policy, and that it has none is said.
    cli.app("keyless", "orders-team", &[]);
    assert!(ask("app:keyless").line()["note"].to_string().contains("no key that is valid now"));
}

#[test]
fn what_was_refused_before_an_operation_was_looked_for_is_not_said_to_be_undeclared() {
    let world = World::start();
    let refused = world.call("GET /orders").key("sp_live_nonsense").send();
    assert_eq!(refused.status, 401);
    let shown = world.cli().try_run(&["explain", &refused.decision()]).line();
    assert!(shown["note"].to_string().contains("before an operation was looked for"), "{shown}");
    let unknown = world.call("GET /nowhere").key(&world.keys.reader).send();
    let anonymous = world.call("GET /nowhere").send();
    assert_eq!((anonymous.status, unknown.status), (401, 404));
    for looked in [unknown, anonymous] {
        let shown = world.cli().try_run(&["explain", &looked.decision()]).line();
        assert!(shown["note"].to_string().contains("no declared operation matched"), "{shown}");
    }
    let absent = world.cli().try_run(&["app", "create", "x", "--team", "nobody"]);
    assert_eq!(absent.code, 2);
    assert!(absent.stderr.contains("sallyport team list"), "{absent:?}");
}

#[test]
fn without_a_document_everything_passes_and_is_noted_for_fourteen_days() {
    let folder = Folder::new(root(), "first");
    let upstream = Upstream::start();
    let dir = folder.path().join("shop");
    let cli = Cli::new(&dir, folder.path());
    let address = format!("http://{}", upstream.address);
    cli.run(&["init", &dir.display().to_string(), "--upstream", &address, "--name", "shop"]);
    let shown = cli.run(&["api", "show", "shop"]).line();
    assert_eq!(shown["mode"], "observe", "{shown}");
    let until_day = shown["observe_until"].as_str().unwrap().to_owned();
    let gateway = Gateway::up(&cli, &folder.path().join("gateway.log"));
    let call = |line: &str| Call::new(gateway.address, "shop.example", line);
    assert_eq!(call("GET /anything/7?x").send().status, 200);
    assert_eq!(call("GET /anything/../7").send().status, 400);
    assert_eq!(upstream.request().line(), "GET /anything/7?x HTTP/1.1");
    assert_eq!(gateway.stop(), Some(0));
    // A restart never extends the end, nor does writing a later one into the file.
    folder.edit("shop/apis/shop/api.yaml", until_day.split_once('T').unwrap().0, "2099-01-01");
    let gateway = cli.try_run(&["api", "show", "shop"]);
    assert!(gateway.code != 0 || gateway.line()["observe_until"] == until_day.as_str(), "{gateway:?}");
}

#[test]
fn an_edited_policy_is_live_in_a_moment_and_a_broken_one_changes_nothing() {
    let world = World::start();
    let call = world.call("GET /admin").key(&world.keys.reader);
    assert_eq!(call.send().status, 403);
    let rule = "\n@id(\"admin\") @owner(\"orders-team\") @reason(\"look\") @expires(\"2099-01-01\")\npermit (\n  principal == Application::\"reader\",\n  action == Action::\"orders:GET /admin\",\n  resource\n);\n";
    world.place.append(POLICY, rule);
    world.until_status(&call, 200);
    let good = world.place.read(POLICY);
    world.place.append(
        POLICY,
        "\npermit (\n  principal,\n  action == Action::\"orders:GET /nowhere\",\n  resource\n);\n",
    );
    let line = good.lines().count() as u64 + 4;
    until("the broken file is noticed", || {
        (world.admin("GET /readyz").send().json()["files_in_force"] == false).then_some(())
    });
    assert_eq!(call.send().status, 200);
    let ran = world.cli().try_run(&["config", "check"]);
    assert_eq!(ran.code, 2);
    let error = &ran.lines()[0];
    assert_eq!((error["file"].as_str(), error["line"].as_u64()), (Some(POLICY), Some(line)), "{error}");
    assert!(error["column"].as_u64().unwrap() > 0, "{error}");
}

#[test]
fn an_edited_document_widens_no_grant_until_a_regroup_that_names_who_gains() {
    let world = World::start();
    let operation = "  /orders/{id}/notes:\n    get:\n      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]\n      responses: {}\n  /admin:\n";
    let call = world.call("GET /orders/7/notes").key(&world.keys.writer);
    assert_eq!(call.send().summary(), "404 unknown_operation");
    let document = if world.place.dir().join("apis/orders/openapi.yaml").exists() {
        "apis/orders/openapi.yaml"
    } else {
        "apis/orders/openapi.json"
    };
    world.place.edit(document, "  /admin:\n", operation);
    // `writer` has a grant on all of `orders`, and this operation is in no group yet.
    let refused = world.until_status(&call, 403);
    assert!(matches!(refused.problem().as_str(), "no_grant" | "out_of_scope"), "{refused:?}");
    let lock = world.place.read("apis/orders/groups.lock");
    let dry = world.cli().run(&["api", "regroup", "orders", "--dry-run"]).line();
    assert_eq!(world.place.read("apis/orders/groups.lock"), lock);
    assert!(dry["joined"].to_string().contains("GET /orders/{id}/notes"), "{dry}");
    assert!(dry["gains"].to_string().contains("writer.everything"), "{dry}");
    assert_eq!(call.send().status, 403);
    let done = world.cli().run(&["api", "regroup", "orders"]).line();
    assert_eq!(
        (&done["joined"], &done["gains"], &done["written"]),
        (&dry["joined"], &dry["gains"], &true.into())
    );
    world.until_status(&call, 200);
    assert_eq!(world.call("GET /orders/7/notes").key(&world.keys.reader).send().status, 403);
}

#[test]
fn a_restart_keeps_keys_secrets_and_the_end_of_an_observation() {
    let mut world = World::start();
    let kid = |world: &World| {
        world.call("GET /.well-known/sallyport/jwks.json").send().json()["keys"][0]["kid"].clone()
    };
    let before = kid(&world);
    let day = "2099-01-01";
    assert_ne!(
        world.cli().try_run(&["api", "observe", "orders", "--until", day, "--reason", "for ever"]).code,
        0
    );
    let day = in_days(9);
    world.cli().run(&["api", "observe", "orders", "--until", &day, "--reason", "month end"]);
    let end = |world: &World| {
        world.cli().run(&["api", "show", "orders"]).line()["observe_until"].as_str().unwrap().to_owned()
    };
    let first = end(&world);
    assert!(first.starts_with(&day), "{first}");
    world.until_status(&world.call("GET /admin").key(&world.keys.reader), 200);
    world.restart();
    assert_eq!(kid(&world), before);
    assert_eq!(end(&world), first);
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    // A later date in the file is not a renewal.
    world.stop();
    world.place.edit(API, &day, &in_days(25));
    world.start_again();
    assert_eq!(end(&world), first);
    // Enforcing again is always possible.
    let text = world.place.read(API);
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("observe_until"))
        .map(|line| format!("{line}\n"))
        .collect();
    world.place.write(API, &text.replace("mode: observe", "mode: enforce"));
    world.until_status(&world.call("GET /admin").key(&world.keys.reader), 403);
}

#[test]
fn commands_work_the_same_with_and_without_a_gateway() {
    let mut world = World::start();
    let lists = |world: &World| {
        [&["app", "list"][..], &["team", "list"], &["api", "list"], &["key", "list"]]
            .map(|arguments| world.cli().run(arguments).stdout)
    };
    let running = lists(&world);
    world.stop();
    let offline = lists(&world);
    assert_eq!(running, offline);
    assert!(running.iter().all(|text| !text.is_empty()));
    let added = world.cli().key("reader", &["orders"]);
    world.start_again();
    assert_eq!(world.call("GET /orders").key(&added).send().status, 200);
}

#[test]
fn what_a_command_cannot_do_it_says_with_exit_code_2() {
    let world = World::start();
    for arguments in [
        &["key", "create", "--app", "nobody", "--scope", "orders"][..],
        &["key", "create", "--app", "reader", "--scope", "nothing"],
        &["app", "create", "x", "--team", "no-such-team"],
        &["app", "create", "reader", "--team", "partners"],
        &["key", "revoke", "0000000000aa"],
        &["api", "show", "nothing"],
        &["explain", "01jdz8k3v2c5m7q9r1s3t5v7w9"],
        &["no-such-command"],
    ] {
        let ran = world.cli().try_run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.trim().is_empty(), "{arguments:?}");
    }
    assert_eq!(
        world
            .cli()
            .try_run(&["explain", "--as", "app:reader", "GET", &format!("https://{HOST}/orders")])
            .code,
        0
    );
    assert_eq!(
        world.cli().try_run(&["explain", "--as", "anonymous", "GET", &format!("https://{HOST}/orders")]).code,
        1
    );
}

#[test]
fn a_second_gateway_never_takes_the_port_of_the_first() {
    let mut world = World::start();
    let other = Place::new();
    // Who called would be judged by either of two repositories, as the kernel likes.
    let taken = world.gateway().address.to_string();
    for (listen, admin, said) in [
        (taken.clone(), "127.0.0.1:0".to_owned(), format!("cannot serve callers at {taken}")),
        (
            "127.0.0.1:0".to_owned(),
            world.gateway().admin.to_string(),
            format!("cannot serve the admin API at {}", world.gateway().admin),
        ),
    ] {
        let ran = other.cli.try_run(&["up", "--listen", &listen, "--admin-listen", &admin, "--workers", "3"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(&said) && ran.stderr.contains("maybe another gateway"), "{}", ran.stderr);
    }
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    // A connection is still open when the first one ends; the port is free at once all the same.
    let _connection = world.connect();
    world.stop();
    let mut command = other.cli.command();
    command.args(["--json", "up", "--listen", &taken, "--admin-listen", "127.0.0.1:0", "--workers", "2"]);
    let second = Gateway::start(command, &other.dir().join("second.log"));
    assert_eq!(second.address.to_string(), taken);
    assert_eq!(second.stop(), Some(0));
}

#[test]
fn the_end_of_a_gateway_is_orderly() {
    let mut world = World::start();
    let gate = testkit::Gate::new();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
    world.upstream.reply(
        "/orders",
        testkit::Reply::Steps(vec![testkit::Step::Wait(gate.clone()), testkit::Step::Send(answer)]),
    );
    let mut connection = world.connect();
    connection.send(&world.call("GET /orders").key(&world.keys.reader).bytes());
    world.upstream.wait_for("GET /orders");
    world.gateway().signal("TERM");
    // Who was let in gets its answer, though the end has begun.
    until("the beginning of the end", || {
        (!world.place.dir().join(".state/admin.json").exists()).then_some(())
    });
    // Who comes now is told at once that nobody is there.
    let address = world.gateway().address;
    until("a closed door", || std::net::TcpStream::connect(address).is_err().then_some(()));
    gate.open();
    assert_eq!(connection.answer().body, b"ok");
    world.ended_in_order();
}

impl World {
    fn ended_in_order(&mut self) {
        let mut gateway = self.take_gateway();
        assert_eq!(gateway.ended(), Some(0), "{}", self.log());
    }
}
