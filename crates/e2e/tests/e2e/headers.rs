//! Security cases B: header fields. What says who calls, where from or what to do comes from the gateway alone.

use std::io::Write as _;

use testkit::{Received, contains};

use super::world::{API, HOST, POLICY, World};

/// The last request with `forged` in none of its fields.
fn without_forgery(world: &World) -> Received {
    let request = world.upstream.last();
    assert!(!request.head.contains("forged"), "{}", request.head);
    request
}

#[test]
fn case_21_identity_fields_of_clients_never_arrive() {
    let world = World::start();
    for (path, key) in [("/orders", Some(&world.keys.reader)), ("/public/info", None)] {
        let mut call = world.call(&format!("GET {path}"));
        for name in [
            "Sallyport-Assertion",
            "SALLYPORT-ASSERTION",
            "Sallyport-Decision-Id",
            "Sallyport-Anything",
            "X-Sallyport-User",
            "x-sallyport-role",
        ] {
            call = call.field(name, "forged");
        }
        if let Some(key) = key {
            call = call.key(key);
        }
        assert_eq!(call.send().status, 200);
        let request = without_forgery(&world);
        // Anonymous callers get no assertion at all, ours included.
        assert_eq!(request.all("sallyport-assertion").len(), usize::from(key.is_some()), "{}", request.head);
        assert_eq!(request.all("sallyport-decision-id").len(), 1);
    }
}

#[test]
fn case_22_look_alikes_with_underscores_never_arrive() {
    let world = World::start();
    let mut call = world.call("GET /orders").key(&world.keys.reader);
    for name in [
        "sallyport_assertion",
        "Sallyport_Decision-Id",
        "X_Sallyport_User",
        "X_Forwarded_For",
        "X-Forwarded_For",
        "x_api_key",
        "X_Auth_User",
        "any_thing",
        "traceparent_",
    ] {
        call = call.field(name, "forged");
    }
    assert_eq!(call.send().status, 200);
    let request = without_forgery(&world);
    assert!(request.fields().iter().all(|(name, _)| !name.contains('_')), "{}", request.head);
    // The nearest allowed thing: one that the API lists by name, and only that one.
    let world = World::with_api("underscore_headers: [x_customer_ref]\n");
    let call = world
        .call("GET /orders")
        .key(&world.keys.reader)
        .field("X_Customer_Ref", "7")
        .field("x_other", "forged");
    assert_eq!(call.send().status, 200);
    assert!(without_forgery(&world).fields().contains(&("X_Customer_Ref", "7")));
}

#[test]
fn case_22_a_twin_of_a_managed_field_cannot_be_listed() {
    for name in ["x_forwarded_for", "sallyport_assertion", "content_length", "transfer_encoding"] {
        let world = World::start();
        world.place.append(API, &format!("underscore_headers: [{name}]\n"));
        let ran = world.cli().try_run(&["config", "check"]);
        assert_eq!(ran.code, 2, "{name}: {ran:?}");
        assert_eq!(ran.lines()[0]["file"], API, "{ran:?}");
    }
}

#[test]
fn case_23_a_configured_name_is_read_in_any_case() {
    let world = World::with(|place| place.edit(API, "key_header: X-Api-Key", "key_header: x-PARTNER-key"));
    let call = world.call("GET /orders");
    assert_eq!(call.clone().field("X-Partner-Key", &world.keys.reader).send().status, 200);
    assert_eq!(call.clone().field("x-partner-KEY", &world.keys.reader).send().status, 200);
    assert_eq!(call.field("X-Api-Key", &world.keys.reader).send().status, 401);
    assert!(!contains(&world.upstream.bytes(), world.keys.reader.as_bytes()));
}

#[test]
fn case_24_connection_options_cannot_remove_what_the_gateway_adds() {
    let world = World::start();
    for options in [
        "Sallyport-Assertion",
        "close, sallyport-decision-id",
        "X-Forwarded-For, forwarded",
        "traceparent",
        "Host",
        "Authorization, x-api-key",
    ] {
        let call = world.call("GET /orders").key(&world.keys.reader).field("Connection", options);
        assert_eq!(call.send().status, 200, "{options}");
        let request = world.upstream.last();
        for name in ["sallyport-assertion", "sallyport-decision-id", "x-forwarded-for", "forwarded", "host"] {
            assert_eq!(request.all(name).len(), 1, "{name} after `Connection: {options}`: {}", request.head);
        }
    }
    // What it may do, it does: fields of the client that it names are for this connection only.
    let call = world
        .call("GET /orders")
        .key(&world.keys.reader)
        .field("Connection", "x-mine")
        .field("Connection", "X-Yours");
    let call = call
        .field("X-Mine", "forged")
        .field("x-yours", "forged")
        .field("X-Kept", "kept")
        .field("Keep-Alive", "forged")
        .field("Proxy-Authorization", "forged")
        .field("TE", "forged");
    assert_eq!(call.send().status, 200);
    assert_eq!(without_forgery(&world).all("x-kept"), ["kept"]);
}

#[test]
fn case_25_the_forwarded_family_is_built_anew() {
    let world = World::start();
    let mut call = world.call("GET /orders").key(&world.keys.reader);
    for name in [
        "X-Forwarded-For",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Prefix",
        "X-Forwarded-Port",
        "X-Forwarded-Anything",
        "Forwarded",
        "X-Original-URL",
        "X-Rewrite-URL",
    ] {
        call = call.field(name, "forged");
    }
    assert_eq!(call.send().status, 200);
    let request = without_forgery(&world);
    assert_eq!(request.all("x-forwarded-for"), ["127.0.0.1"], "{}", request.head);
    assert_eq!(request.all("x-forwarded-host"), [HOST]);
    assert_eq!(request.all("x-forwarded-proto"), ["http"]);
    assert!(request.all("forwarded")[0].starts_with("for=127.0.0.1;"), "{}", request.head);
}

#[test]
fn case_25_only_a_listed_proxy_says_where_a_call_comes_from() {
    let sent = |world: &World| {
        let call = world.call("GET /orders").key(&world.keys.reader).field("X-Forwarded-For", "203.0.113.9");
        assert_eq!(call.send().status, 200);
        world.upstream.last().all("x-forwarded-for")[0].to_owned()
    };
    let trusting = World::with(|place| {
        place.edit("sallyport.yaml", "trusted_proxies: []", "trusted_proxies: [127.0.0.1]")
    });
    assert_eq!(sent(&trusting), "203.0.113.9, 127.0.0.1");
    let other = World::with(|place| {
        place.edit("sallyport.yaml", "trusted_proxies: []", "trusted_proxies: [10.0.0.0/8]")
    });
    assert_eq!(sent(&other), "127.0.0.1");
}

#[test]
fn case_25_fields_by_which_proxies_tell_an_address_are_taken_from_listed_proxies_only() {
    const NAMES: [&str; 5] =
        ["X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X-Original-Forwarded-For"];
    let send = |world: &World, names: &[&str]| {
        let call = world.call("GET /orders").key(&world.keys.reader);
        let call = names.iter().fold(call, |call, name| call.field(name, "203.0.113.9"));
        assert_eq!(call.send().status, 200);
        world.upstream.last()
    };
    let trusting = World::with(|place| {
        place.edit("sallyport.yaml", "trusted_proxies: []", "trusted_proxies: [127.0.0.1]")
    });
    let request = send(&trusting, &NAMES);
    for name in NAMES {
        assert_eq!(request.all(&name.to_ascii_lowercase()), ["203.0.113.9"], "{name}: {}", request.head);
    }
    // A twin of such a field is never kept: what maps fields to variables cannot tell it from the field.
    assert!(!send(&trusting, &["X_Real_IP", "X.Client.IP"]).head.contains("203.0.113.9"));
    assert!(!send(&World::start(), &NAMES).head.contains("203.0.113.9"));
}

#[test]
fn case_26_trusting_everybody_is_refused() {
    let world = World::start();
    for networks in ["10.2.0.0/0", "'::/0'", "0.0.0.0/0", "0.0.0.0/1, 128.0.0.0/1"] {
        let before = world.place.read("sallyport.yaml");
        world.place.edit("sallyport.yaml", "trusted_proxies: []", &format!("trusted_proxies: [{networks}]"));
        let ran = world.cli().try_run(&["config", "check"]);
        assert_eq!(ran.code, 2, "{networks}: {ran:?}");
        assert_eq!(ran.lines()[0]["file"], "sallyport.yaml");
        world.place.write("sallyport.yaml", &before);
    }
    assert_eq!(world.cli().run(&["config", "check"]).code, 0);
}

#[test]
fn case_28_an_unsound_forwarded_field_gives_no_address_and_address_rules_deny() {
    let world = World::with(|place| {
        place.edit("sallyport.yaml", "trusted_proxies: []", "trusted_proxies: [127.0.0.1]");
        place.edit(
            POLICY,
            "@id(\"public.info\")",
            "@id(\"by.address\")\npermit (principal == Application::\"stranger\", action == Action::\"orders:GET /orders\", resource)\nwhen { context has sourceIp && context.sourceIp.isInRange(ip(\"203.0.113.0/24\")) };\n@id(\"public.info\")",
        );
    });
    let status = |name: &str, value: &str| {
        world.call("GET /orders").key(&world.keys.stranger).field(name, value).send().status
    };
    assert_eq!(status("Forwarded", "for=203.0.113.9"), 200);
    assert_eq!(status("Forwarded", "for=198.51.100.9"), 403);
    for value in [
        "for=\"a,b\"",
        "for=unknown",
        "for=203.0.113.999",
        "for=203.0.113.9;for=203.0.113.9",
        "203.0.113.9",
        "for=203.0.113.9,",
    ] {
        assert_eq!(status("Forwarded", value), 403, "{value}");
    }
    for value in ["203.0.113.999", "203.0.113.9,", "unknown"] {
        assert_eq!(status("X-Forwarded-For", value), 403, "{value}");
    }
    assert_eq!(world.upstream.requests().len(), 1);
}

#[test]
fn case_29_fields_internal_to_gateways_never_arrive() {
    let world = World::start();
    let mut call = world.call("GET /orders").key(&world.keys.reader);
    for name in [
        "x-envoy-original-path",
        "X-Envoy-External-Address",
        "x-envoy-anything",
        "X-HTTP-Method-Override",
        "X-Method-Override",
    ] {
        call = call.field(name, "forged");
    }
    assert_eq!(call.send().status, 200);
    without_forgery(&world);
}

#[test]
fn case_31_two_credentials_are_refused() {
    let world = World::start();
    let (reader, writer) = (&world.keys.reader, &world.keys.writer);
    let call = || world.call("GET /orders");
    for (answer, what) in [
        (call().key(reader).key(reader).send(), "the same key twice"),
        (call().key(reader).field("Authorization", &format!("Bearer {writer}")).send(), "key and bearer"),
        (
            call()
                .field("Authorization", &format!("Bearer {reader}"))
                .field("Authorization", "Basic eDp5")
                .send(),
            "two Authorization",
        ),
        (
            call()
                .field("Authorization", "Basic eDp5")
                .field("authorization", "Basic eDp5")
                .key(reader)
                .send(),
            "two foreign",
        ),
    ] {
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
    }
    world.upstream_got_nothing();
    assert_eq!(call().field("Authorization", &format!("Bearer {reader}")).send().status, 200);
}

#[test]
fn case_32_the_name_of_a_client_changes_nothing() {
    let world = World::start();
    for agent in ["kube-probe/1.30", "GoogleHC/1.0", "ELB-HealthChecker/2.0"] {
        assert_eq!(world.call("GET /orders").field("User-Agent", agent).send().status, 401);
    }
    for path in ["/livez", "/readyz", "/metrics", "/healthz"] {
        assert_eq!(
            world.call(&format!("GET {path}")).send().status,
            401,
            "{path} is no part of the data listener"
        );
    }
    world.upstream_got_nothing();
}

#[test]
fn case_33_bytes_that_are_no_utf8_are_refused() {
    let world = World::start();
    for value in [&b"\xff"[..], b"a\xc0\xafb", b"\xe9", b"a\x00b", b"a\x7fb", b"a\x01b"] {
        let mut bytes = Vec::new();
        write!(bytes, "GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\nX-Odd: ", world.keys.reader)
            .unwrap();
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n\r\n");
        assert_eq!(world.raw(&bytes).summary(), "400 malformed_request", "{value:?}");
    }
    world.upstream_got_nothing();
}

#[test]
fn case_34_a_broken_cookie_lets_nobody_in() {
    let world = World::start();
    for cookie in ["session=\"", "=;=;", "sallyport=%ff", "a=b; sp_live_x"] {
        let answer = world.call("GET /orders").field("Cookie", cookie).send();
        assert_eq!(answer.summary(), "401 no_credential", "{cookie}");
    }
    world.upstream_got_nothing();
}

#[test]
fn case_36_an_own_key_is_never_forwarded_wherever_it_stands() {
    let world = World::start();
    let key = &world.keys.reader;
    for (name, value) in [
        ("X-Api-Key", key.clone()),
        ("x-aPI-kEY", key.clone()),
        ("Authorization", format!("Bearer {key}")),
        ("authorization", format!("bEaReR {key}")),
    ] {
        assert_eq!(world.call("GET /orders").field(name, &value).send().status, 200, "{name}");
    }
    // Copies in fields where no key belongs do not leak either.
    assert_eq!(
        world
            .call("GET /orders")
            .key(key)
            .field("X-Copy", key)
            .field("X-Bearer", &format!("Bearer {key}"))
            .send()
            .status,
        200
    );
    assert_eq!(world.upstream.requests().len(), 5);
    assert!(!contains(&world.upstream.bytes(), super::own_key::secret(key).as_bytes()));
}

#[test]
fn case_36_a_foreign_credential_passes_or_is_stripped_as_the_api_says() {
    let sent = |world: &World| {
        let call =
            world.call("GET /orders").key(&world.keys.reader).field("Authorization", "Basic Zm9yZWlnbg==");
        assert_eq!(call.send().status, 200);
        world.upstream.last().all("authorization").join(",")
    };
    assert_eq!(sent(&World::start()), "Basic Zm9yZWlnbg==");
    let strip = World::with(|place| place.edit(API, "credential: pass", "credential: strip"));
    assert_eq!(sent(&strip), "");
    // A foreign value in the place of our keys identifies nobody, and goes on where the API says so.
    let world = World::start();
    assert_eq!(world.call("GET /orders").key("legacy-key-1").send().status, 401);
    assert_eq!(world.call("GET /public/info").key("legacy-key-1").send().status, 200);
    assert_eq!(world.upstream.request().all("x-api-key"), ["legacy-key-1"]);
}

#[test]
fn case_38_managed_names_in_trailers_are_dropped() {
    let world = World::start();
    let request = |trailers: &str| {
        format!(
            "POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n{trailers}\r\n",
            world.keys.writer
        )
    };
    let answer = world.raw(request(&format!(
        "Sallyport-User: forged\r\nX-Forwarded-For: forged\r\nx_forwarded_for: forged\r\nX-Api-Key: {}\r\nX-Fine: fine\r\n",
        world.keys.writer
    )));
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = String::from_utf8(world.upstream.last().body).unwrap();
    assert!(body.contains("X-Fine: fine") && !body.contains("forged"), "{body:?}");
    assert!(!contains(&world.upstream.bytes(), world.keys.writer.as_bytes()));
    // What frames or authenticates is refused there, and the upstream never sees the end of such a body.
    let before = world.upstream.requests().len();
    for trailer in
        ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil.example", "Authorization: Basic eDp5"]
    {
        let mut connection = world.connect();
        connection.send_what_is_taken(request(&format!("{trailer}\r\n")).as_bytes());
        assert_eq!(connection.answer().status, 400, "{trailer}");
    }
    assert_eq!(world.upstream.requests().len(), before);
}
