//! Security cases F: policy, configuration, failure. What does not load changes nothing; what is not permitted is denied.

use testkit::{contains, until};

use super::world::{API, HOST, POLICY, POLICY_TEXT, World};

/// Waits until `/readyz` says that the files are not in force, and gives its reasons.
fn refused_files(world: &World) -> String {
    until("files that are not in force", || {
        let ready = world.admin("GET /readyz").send();
        assert_eq!(ready.status, 200);
        let ready = ready.json();
        (ready["files_in_force"] == false).then(|| ready["reasons"].to_string())
    })
}

/// Changes a file so that it does not load, and checks that the last good revision goes on.
fn changes_nothing(world: &World, path: &str, from: &str, to: &str) {
    let before = world.place.read(path);
    world.place.edit(path, from, to);
    let reasons = refused_files(world);
    assert!(reasons.contains(path), "{reasons}");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200, "{to}");
    assert_eq!(world.call("GET /admin").key(&world.keys.reader).send().status, 403, "{to}");
    let ran = world.cli().try_run(&["config", "check"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let error = ran.lines().remove(0);
    assert_eq!(error["file"], path, "{error}");
    assert!(error["line"].as_u64().unwrap() >= 1 && error["column"].as_u64().unwrap() >= 1, "{error}");
    assert!(
        !error["reason"].as_str().unwrap().is_empty() && !error["fix"].as_str().unwrap().is_empty(),
        "{error}"
    );
    world.place.write(path, &before);
    until("mended files", || {
        (world.admin("GET /readyz").send().json()["files_in_force"] == true).then_some(())
    });
}

#[test]
fn case_79_an_empty_policy_set_denies_and_is_ready_with_a_reason() {
    for disabled in [None, Some(""), Some("// permit (principal, action, resource);\n")] {
        let world = World::with(|place| {
            for file in std::fs::read_dir(place.dir().join("policies")).unwrap() {
                std::fs::remove_file(file.unwrap().path()).unwrap();
            }
            if let Some(text) = disabled {
                place.write(POLICY, text);
            }
        });
        assert_eq!(world.call("GET /orders").key(&world.keys.writer).send().summary(), "403 no_grant");
        assert_eq!(world.call("GET /public/info").send().summary(), "401 no_credential");
        let ready = world.admin("GET /readyz").send();
        assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)), "{ready:?}");
        assert!(ready.json()["reasons"].to_string().contains("denied"), "{ready:?}");
        assert!(world.upstream.bytes().is_empty());
    }
}

#[test]
fn case_80_an_unknown_field_or_version_is_refused_and_the_last_good_stays() {
    let world = World::start();
    changes_nothing(&world, API, "exposure: partner", "exposure: partner\nalow: everything");
    changes_nothing(&world, API, "version: 1", "version: 2");
    changes_nothing(&world, API, "mode: enforce", "mode: enforce\nmode: observe");
    changes_nothing(&world, API, "mode: enforce", "mode: observe\nobserve_until: 2099-01-01");
    changes_nothing(
        &world,
        "sallyport.yaml",
        "trusted_proxies: []",
        "trusted_proxies: []\nrequire_signed: true",
    );
    changes_nothing(&world, API, "credential: pass", "credential: exchange");
    changes_nothing(&world, "teams.yaml", "version: 1", "version: 1\nteam: {}");
}

#[test]
fn case_80_a_policy_that_is_not_shown_free_of_errors_is_refused() {
    let world = World::start();
    for policy in [
        "permit (principal, action, resource",
        "permit (principal, action == Action::\"orders:GET /nowhere\", resource);",
        "permit (principal, action, resource) when { principal.customer == \"42\" };",
        "permit (principal == Nobody::\"x\", action, resource);",
        "permit (principal, action, resource) when { context.strength == \"bound\" };",
        "@observe_until(\"2099-01-01\")\npermit (principal, action == Action::\"orders:GET /orders\", resource);",
        "@id(\"public.info\")\npermit (principal, action == Action::\"orders:GET /orders\", resource);",
    ] {
        changes_nothing(&world, POLICY, "@id(\"public.info\")", &format!("{policy}\n@id(\"public.info\")"));
    }
    assert!(!contains(&world.upstream.bytes(), b"/admin"));
}

#[test]
fn case_81_a_policy_that_could_err_on_some_request_is_refused_when_it_is_loaded() {
    let world = World::start();
    for condition in [
        "context.params.index * 9223372036854775807 < 0",
        "context.params.index + 1 > 0",
        "context.params.nothing == \"1\"",
        "principal.customer == \"42\"",
        "context.sourceIp.isLoopback()",
        "ip(context.params.index).isLoopback()",
    ] {
        let action = "action == Action::\"orders:GET /config/{index}\", resource";
        for effect in ["permit", "forbid"] {
            let policy = format!("@id(\"errs\")\n{effect} (principal, {action})\nwhen {{ {condition} }};\n");
            changes_nothing(&world, POLICY, "@id(\"public.info\")", &format!("{policy}@id(\"public.info\")"));
        }
    }
}

#[test]
fn case_82_an_upstream_that_does_not_resolve_concerns_its_own_api_alone() {
    let world = World::with(|place| {
        let text = place.read("apis/billing/api.yaml");
        let line = text.lines().find(|line| line.starts_with("upstream:")).unwrap().to_owned();
        place.edit("apis/billing/api.yaml", &line, "upstream: http://does-not-exist.invalid:80");
        place.append(POLICY, "\n@id(\"billing\")\npermit (principal == Application::\"writer\", action in Action::\"billing\", resource);\n");
    });
    let billing = world.cli().key("writer", &["billing"]);
    let answer = world.call("GET /invoices").host(super::world::BILLING).key(&billing).send();
    assert!(matches!(answer.status, 502 | 503), "{answer:?}");
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
}

#[test]
fn case_83_whatever_is_added_a_guard_takes_away_and_both_are_shown() {
    let world = World::start();
    world.place.append(POLICY, "\n@id(\"add.delete\") @owner(\"orders-team\") @reason(\"tidy up\") @expires(\"2099-01-01\")\npermit (principal == Application::\"reader\", action == Action::\"orders:DELETE /orders/{id}\", resource);\n");
    let explained = until("the new grant", || {
        let ran = world.cli().try_run(&[
            "explain",
            "--as",
            "app:reader",
            "DELETE",
            &format!("https://{HOST}/orders/7"),
        ]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let line = ran.line();
        line["rules"].to_string().contains("add.delete").then_some(line)
    });
    let outcome = |id: &str| {
        let rules = explained["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["id"] == id).unwrap_or_else(|| panic!("{explained}"))["outcome"].clone()
    };
    assert_eq!(
        (outcome("add.delete"), outcome("guard.no-deletes")),
        ("hit".into(), "hit".into()),
        "{explained}"
    );
    assert!(
        explained["grant"].is_null() && explained["note"].to_string().contains("no grant helps"),
        "{explained}"
    );
    assert_eq!(world.call("DELETE /orders/7").key(&world.keys.reader).send().summary(), "403 guard");
    world.upstream_got_nothing();
}

#[test]
fn case_84_an_operation_that_no_policy_names_is_denied() {
    let world = World::start();
    for line in ["GET /admin", "POST /orders", "POST /jobs/7:cancel", "GET /users/7"] {
        assert!(matches!(world.call(line).key(&world.keys.reader).send().status, 403 | 404), "{line}");
    }
    world.upstream_got_nothing();
    assert_eq!(world.call("POST /jobs/7:cancel").key(&world.keys.writer).send().status, 200);
}

#[test]
fn case_85_where_two_rules_overlap_the_denying_one_wins_in_any_order() {
    let forbid =
        "@id(\"overlap\")\nforbid (principal, action == Action::\"orders:GET /public/info\", resource);\n";
    for text in [format!("{forbid}{POLICY_TEXT}"), format!("{POLICY_TEXT}{forbid}")] {
        let world = World::with(|place| place.write(POLICY, &text));
        let answer = world.call("GET /public/info").key(&world.keys.writer).send();
        assert_eq!(answer.summary(), "403 guard");
        assert!(world.decided(&answer)["policies"].to_string().contains("overlap"));
        assert!(matches!(world.call("GET /public/info").send().status, 401 | 403));
        world.upstream_got_nothing();
    }
}

#[test]
fn case_86_each_answer_is_by_the_revision_that_its_record_names() {
    let world = World::start();
    let call = world.call("GET /administrator").key(&world.keys.reader);
    let grant = "    Action::\"orders:GET /administrator\",\n";
    let without = world.place.read(POLICY).replace(grant, "");
    let with = world.place.read(POLICY);
    let mut seen = Vec::new();
    for round in 0..3 {
        let (text, status) = if round % 2 == 0 { (&without, 403) } else { (&with, 200) };
        world.place.write(POLICY, text);
        until("the new revision", || {
            let answer = call.send();
            seen.push((answer.decision(), answer.status));
            (answer.status == status).then_some(())
        });
    }
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    let entries = world
        .cli()
        .run(&["audit", "search", "--operation", "orders:GET /administrator", "--limit", "5000"])
        .lines();
    let mut verdicts = std::collections::BTreeMap::new();
    for (id, status) in &seen {
        let decided = entries.iter().find(|entry| entry["id"] == id.as_str() && entry["kind"] == "decided");
        let Some(decided) = decided else { continue };
        let revision = decided["revision"].as_u64().unwrap();
        assert_eq!(
            *verdicts.entry(revision).or_insert(*status),
            *status,
            "revision {revision} answered both ways"
        );
    }
    assert!(3 <= verdicts.len(), "{verdicts:?}");
}

#[test]
fn case_87_before_the_first_configuration_nobody_listens_or_everything_is_denied() {
    // Without the file of the gateway itself `up` does not start at all.
    let place = super::world::Place::new();
    std::fs::remove_file(place.dir().join("sallyport.yaml")).unwrap();
    let ran = place.cli.try_run(&["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("sallyport.yaml"), "{}", ran.stderr);
    // With it and without anything else that loads, every request is refused: `without_any_valid_revision…`.
}

#[test]
fn a_gateway_file_that_does_not_load_ends_up_with_2() {
    let place = super::world::Place::new();
    place.append("sallyport.yaml", "unknown: 1\n");
    drop(std::fs::remove_dir_all(place.dir().join(".state")));
    let ran = place.cli.try_run(&["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn case_89_an_observed_guard_changes_no_verdict_and_is_recorded() {
    let guard = "\n@id(\"observed\") @observe_until(\"2099-01-01\")\nforbid (principal, action == Action::\"orders:GET /orders\", resource);\n";
    let world = World::with(|place| place.append(POLICY, guard));
    let answer = world.call("GET /orders").key(&world.keys.reader).send();
    assert_eq!(answer.status, 200);
    let decided = world.decided(&answer);
    assert!(decided["observed"].to_string().contains("observed"), "{decided}");
    // The nearest denied thing: the same guard when its day has come.
    let world = World::with(|place| place.append(POLICY, &guard.replace("2099", "2020")));
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().summary(), "403 guard");
}

#[test]
fn case_91_text_from_outside_stays_text() {
    let world = World::start();
    let odd = ["`id`", "$1", "$(id)", "'\"", "{id}", "%0a%0d"];
    for text in odd {
        let text = text.replace('"', "%22").replace('`', "%60");
        let answer = world.call(&format!("GET /orders/{text}")).key(&world.keys.reader).send();
        assert!(matches!(answer.status, 200 | 400), "{text}: {answer:?}");
    }
    for name in ["a b", "a\nb", "$1", "`a`", "a\"b", "../x", "A\u{301}"] {
        let ran = world.cli().try_run(&["app", "create", name, "--team", "partners"]);
        assert_eq!(ran.code, 2, "{name:?}: {ran:?}");
    }
    for host in ["`id`", "$1", "a\"b", "{host}"] {
        assert!(
            matches!(world.call("GET /orders").host(host).key(&world.keys.reader).send().status, 400 | 404),
            "{host}"
        );
    }
    // One record is one line, whatever it holds.
    let search = world.cli().run(&["audit", "search", "--limit", "100"]);
    assert!(!search.lines().is_empty());
}

#[test]
fn an_expired_grant_no_longer_grants() {
    let world = World::start();
    let call = world.call("GET /orders").key(&world.keys.reader);
    assert_eq!(call.send().status, 200);
    let text = world.place.read(POLICY);
    world.place.write(POLICY, &text.replacen("@expires(\"2099-01-01\")", "@expires(\"2020-01-01\")", 1));
    assert_eq!(world.until_status(&call, 403).summary(), "403 no_grant");
    let ran =
        world.cli().try_run(&["explain", "--as", "app:reader", "GET", &format!("https://{HOST}/orders")]);
    assert_eq!(ran.code, 1);
    let explained = ran.line();
    let rule =
        explained["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == "partners.read").unwrap();
    assert_eq!(rule["outcome"], "expired", "{explained}");
}

#[test]
fn an_object_rule_compares_the_path_with_the_caller() {
    let world = World::start();
    assert_eq!(world.call("GET /customers/42/orders").key(&world.keys.reader).send().status, 200);
    let denied = world.call("GET /customers/43/orders").key(&world.keys.reader).send();
    assert_eq!(denied.summary(), "403 no_grant");
    let ran = world.cli().try_run(&["explain", &denied.decision()]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let explained = ran.line();
    assert_eq!(
        (explained["caller"].as_str(), explained["strength"].as_str()),
        (Some("app:reader"), Some("shared_secret"))
    );
    assert_eq!(explained["nearest"], "partners.own-customer", "{explained}");
    let rule = explained["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["id"] == "partners.own-customer")
        .unwrap();
    assert!(rule["unmet"].as_str().unwrap().contains("customerId"), "{explained}");
}

#[test]
fn with_reload_on_publish_an_edit_waits_for_a_named_act() {
    let world = World::with(|place| place.edit("sallyport.yaml", "reload: on_change", "reload: on_publish"));
    let call = world.call("GET /admin").key(&world.keys.reader);
    let grant = "\n@id(\"admin\")\npermit (principal == Application::\"reader\", action == Action::\"orders:GET /admin\", resource);\n";
    world.place.append(POLICY, grant);
    assert_ne!(world.cli().try_run(&["publish", "--reason", " "]).code, 0);
    for _ in 0..20 {
        assert_eq!(call.send().status, 403);
    }
    let revision = world.cli().run(&["publish", "--reason", "partners may look"]).line();
    assert_eq!(revision["reason"], "partners may look", "{revision}");
    assert_eq!(call.send().status, 200);
    assert_eq!(world.admin("GET /readyz").send().json()["revision"], revision["number"]);
}
