//! Security cases A: the request target. The path that is matched, judged and sent on is one.

use super::world::{HOST, POLICY, World};

/// Sends targets that must be refused before anything else is looked at.
fn refused(world: &World, targets: &[&str]) {
    for target in targets {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\n\r\n", world.keys.writer);
        let answer = world.raw(request);
        assert_eq!(answer.summary(), "400 malformed_request", "{target}");
        assert_eq!(world.decided(&answer)["reason"], "malformed_request", "{target}");
    }
    world.upstream_got_nothing();
}

#[test]
fn case_01_dot_segments_are_refused_never_cleaned() {
    refused(
        &World::start(),
        &["/public/../admin", "/orders/..", "/../admin", "/./admin", "/orders/.", "/orders/..?x"],
    );
}

#[test]
fn case_02_encoded_dot_segments_are_refused() {
    refused(
        &World::start(),
        &["/public/%2e%2e/admin", "/public/.%2e/admin", "/public/%2E./admin", "/%2e/admin", "/public/%2E%2e"],
    );
}

#[test]
fn case_03_doubly_encoded_dots_and_separators_are_refused() {
    refused(
        &World::start(),
        &["/public/%252e%252e%252fadmin", "/files/%252F", "/orders/%255c", "/orders/%25%32%65"],
    );
}

#[test]
fn case_04_empty_segments_are_refused() {
    refused(&World::start(), &["//admin", "/orders//7", "/a//b", "//", "/orders//"]);
}

#[test]
fn case_05_encoded_separators_and_backslashes_are_refused() {
    refused(
        &World::start(),
        &["/orders/a%2Fb", "/orders/a%2fb", "/orders/a%5Cb", "/orders/a\\b", "/files/a%2Fb"],
    );
    // The nearest allowed thing: a parameter that spans segments, with separators written as such.
    let world = World::start();
    assert_eq!(world.call("GET /files/a/b").key(&world.keys.reader).send().status, 200);
}

#[test]
fn case_06_bytes_that_others_read_as_syntax_are_refused() {
    refused(
        &World::start(),
        &["/orders/%00", "/orders/a%3bb", "/orders/a;x=y", "/orders/a%3fb", "/orders/a%23b", "/orders/a%25b"],
    );
}

#[test]
fn case_07_a_fragment_in_the_target_is_refused() {
    refused(&World::start(), &["/orders#/public", "/orders/7#", "/orders?x#y"]);
}

#[test]
fn case_08_the_query_takes_no_part_in_matching() {
    let world = World::start();
    for query in ["x=/public/info", "/public/info", "x=/../public/info"] {
        let target = format!("/admin?{query}");
        assert_eq!(
            world.call(&format!("GET {target}")).key(&world.keys.reader).send().summary(),
            "403 no_grant"
        );
        assert_eq!(world.call(&format!("GET {target}")).send().summary(), "401 no_credential");
    }
    world.upstream_got_nothing();
    assert_eq!(world.call("GET /public/info?x=/admin").send().status, 200);
}

#[test]
fn case_10_targets_that_are_no_path_are_refused() {
    let world = World::start();
    for target in
        ["http:http://internal/admin", "admin", "http:/admin", "*", "?x", "ftp://orders.example/orders"]
    {
        world.refuses_and_closes_or_keeps(target);
    }
    world.upstream_got_nothing();
}

#[test]
fn case_11_hosts_that_disagree_are_refused() {
    let world = World::start();
    let key = &world.keys.reader;
    for (request, status) in [
        (
            format!("GET http://billing.example/orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
            400,
        ),
        (
            format!(
                "GET /orders HTTP/1.1\r\nHost: {HOST}\r\nHost: billing.example\r\nX-Api-Key: {key}\r\n\r\n"
            ),
            400,
        ),
        (format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"), 400),
        (format!("GET /orders HTTP/1.1\r\nHost: {HOST}, billing.example\r\nX-Api-Key: {key}\r\n\r\n"), 400),
        (format!("GET /orders HTTP/1.1\r\nX-Api-Key: {key}\r\n\r\n"), 400),
        (format!("GET /orders HTTP/1.1\r\nHost:\r\nX-Api-Key: {key}\r\n\r\n"), 400),
        (format!("GET /orders HTTP/1.1\r\nHost: user@{HOST}\r\nX-Api-Key: {key}\r\n\r\n"), 400),
        (format!("GET /orders HTTP/1.1\r\nHost: {HOST}/x\r\nX-Api-Key: {key}\r\n\r\n"), 400),
    ] {
        let answer = world.raw(&request);
        assert_eq!(answer.status, status, "{request:?}: {answer:?}");
    }
    world.upstream_got_nothing();
}

#[test]
fn case_14_case_variants_of_a_guarded_path_are_other_paths() {
    let world = World::start();
    for path in ["/Admin", "/ADMIN", "/%41dmin", "/adm%49n", "/Orders/7"] {
        assert_eq!(
            world.call(&format!("GET {path}")).key(&world.keys.writer).send().summary(),
            "404 unknown_operation",
            "{path}"
        );
    }
    // An escape that spells the same letter is the same path, and as denied.
    assert_eq!(world.call("GET /%61dmin").key(&world.keys.reader).send().summary(), "403 no_grant");
    world.upstream_got_nothing();
    // And where it is granted it goes on as it was written.
    assert_eq!(world.call("GET /%61dmin").key(&world.keys.writer).send().status, 200);
    assert_eq!(world.upstream.last().line(), "GET /%61dmin HTTP/1.1");
}

#[test]
fn case_15_the_number_of_hosts_does_not_change_a_verdict() {
    for count in [1, 1_000] {
        let world = World::with(|place| {
            let hosts: Vec<String> = (1..count).map(|number| format!("Host{number}.Example")).collect();
            place.edit(
                super::world::API,
                "hosts: [orders.example]",
                &format!("hosts: [{}]", [vec!["Orders.EXAMPLE".to_owned()], hosts].concat().join(", ")),
            );
        });
        for host in ["orders.example", "ORDERS.example"] {
            assert_eq!(
                world.call("GET /orders").host(host).key(&world.keys.reader).send().status,
                200,
                "{count} {host}"
            );
            assert_eq!(
                world.call("GET /admin").host(host).key(&world.keys.reader).send().status,
                403,
                "{count} {host}"
            );
        }
        assert_eq!(
            world.call("GET /orders").host("host0.example").key(&world.keys.reader).send().status,
            404
        );
    }
}

#[test]
fn case_16_spellings_of_one_host_are_one_host() {
    let world = World::start();
    for host in
        ["orders.example", "ORDERS.Example", "orders.example:443", "orders.example:8080", "orders.example "]
    {
        assert_eq!(
            world.call("GET /admin").host(host).key(&world.keys.reader).send().summary(),
            "403 no_grant",
            "{host:?}"
        );
    }
    world.upstream_got_nothing();
    // A trailing dot is either the same host or refused, never a way around.
    let dotted = world.call("GET /admin").host("orders.example.").key(&world.keys.reader).send();
    assert!(matches!(dotted.status, 400 | 403), "{dotted:?}");
    assert_eq!(
        world.call("GET /orders").host("ORDERS.Example:8080").key(&world.keys.reader).send().status,
        200
    );
}

#[test]
fn case_17_a_rule_about_a_path_says_nothing_about_longer_names() {
    let world = World::start();
    assert_eq!(world.call("GET /admin").key(&world.keys.reader).send().summary(), "403 no_grant");
    for path in ["/admin2", "/admin/x", "/administrato", "/administrators"] {
        assert_eq!(
            world.call(&format!("GET {path}")).key(&world.keys.reader).send().summary(),
            "404 unknown_operation",
            "{path}"
        );
    }
    world.upstream_got_nothing();
    assert_eq!(world.call("GET /administrator").key(&world.keys.reader).send().status, 200);
}

#[test]
fn case_18_a_number_has_one_spelling() {
    let world = World::start();
    for index in ["01", "+1", "1.0", "1e0", "0x1", "-0", "00", "%31x", "99999999999999999999"] {
        let answer = world.call(&format!("GET /config/{index}")).key(&world.keys.reader).send();
        assert_eq!(answer.summary(), "400 bad_parameter", "{index}");
    }
    world.upstream_got_nothing();
    for index in ["1", "0", "-1", "10"] {
        assert_eq!(
            world.call(&format!("GET /config/{index}")).key(&world.keys.reader).send().status,
            200,
            "{index}"
        );
    }
}

#[test]
fn case_19_broken_escapes_and_bytes_that_are_no_utf8_are_refused() {
    let world = World::start();
    refused(
        &world,
        &[
            "/orders/%",
            "/orders/%4",
            "/orders/%zz",
            "/orders/%ff",
            "/orders/%c0%ae",
            "/orders/%ed%a0%80",
            "/orders/%e2%82",
        ],
    );
    let world = World::start();
    for bytes in [
        &b"GET /orders/\xff HTTP/1.1\r\nHost: orders.example\r\n\r\n"[..],
        "GET /orders/\u{e9} HTTP/1.1\r\nHost: orders.example\r\n\r\n".as_bytes(),
    ] {
        assert_eq!(world.raw(bytes).status, 400);
    }
    world.upstream_got_nothing();
}

#[test]
fn case_20_the_method_is_the_token_and_nothing_else() {
    let world = World::start();
    for name in ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X_HTTP_Method_Override"] {
        // What is read may not become what is written, by whatever name it is overridden.
        let answer = world.call("GET /orders/7").key(&world.keys.reader).field(name, "DELETE").send();
        assert_eq!(answer.status, 200, "{name}");
        let request = world.upstream.last();
        assert!(request.line().starts_with("GET ") && !request.head.contains("DELETE"), "{}", request.head);
    }
    let count = world.upstream.requests().len();
    for method in ["get", "Get", "FROB", "GETS"] {
        let answer = world.call(&format!("{method} /orders")).key(&world.keys.writer).send();
        assert!(matches!(answer.status, 400 | 405 | 501), "{method}: {answer:?}");
    }
    assert_eq!(world.upstream.requests().len(), count);
}

#[test]
fn case_12_a_base_path_is_part_of_what_is_judged() {
    // There are no rewrites yet; what comes nearest is the path under which a document stands.
    let world = World::with(|place| {
        place.edit(super::world::API, "base_path: /", "base_path: /v2");
        let policy = place.read(POLICY);
        place.write(
            POLICY,
            &policy
                .replace("orders:GET /", "orders:GET /v2/")
                .replace("orders:DELETE /", "orders:DELETE /v2/"),
        );
        place.cli.run(&["api", "regroup", "orders"]);
    });
    for path in ["/v2/../v2/orders", "/v2/./orders", "/v2//orders", "/v2/%2e%2e/orders"] {
        assert_eq!(world.call(&format!("GET {path}")).key(&world.keys.reader).send().status, 400, "{path}");
    }
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 404);
    assert!(world.upstream.bytes().is_empty());
    assert_eq!(world.call("GET /v2/orders").key(&world.keys.reader).send().status, 200);
    assert_eq!(world.upstream.last().line(), "GET /v2/orders HTTP/1.1");
}

impl World {
    /// A target that is none must be a 400; whether the connection stays depends on how far it could be read.
    fn refuses_and_closes_or_keeps(&self, target: &str) {
        let answer = self
            .raw(format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\n\r\n", self.keys.writer));
        assert_eq!(answer.summary(), "400 malformed_request", "{target}");
    }
}
