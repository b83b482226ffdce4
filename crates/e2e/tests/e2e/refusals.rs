//! Every row of the table of refusals in the contract, each beside the nearest request that passes.

use testkit::{Call, Reply, Response, count, until};

use super::world::{API, BILLING, HOST, POLICY, World};

/// Checks what every refusal has in common, and which one it is.
fn refused(answer: &Response, summary: &str) {
    assert_eq!(answer.summary(), summary, "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status, "{problem}");
    assert_eq!(problem["decision_id"], answer.decision(), "{problem}");
    for field in ["type", "title", "detail", "next_step"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {problem}");
    }
    assert_eq!(answer.field("www-authenticate").is_some(), answer.status == 401, "{answer:?}");
    assert_eq!(answer.field("allow").is_some(), answer.status == 405, "{answer:?}");
}

fn allowed(call: &Call) {
    let answer = call.send();
    assert_eq!(answer.status, 200, "{call:?}: {answer:?}");
}

#[test]
fn a_malformed_request_is_400() {
    let world = World::start();
    refused(&world.call("GET /orders/%2e%2e").key(&world.keys.reader).send(), "400 malformed_request");
    refused(&world.call("GET /orders").field("Host", "other.example").send(), "400 malformed_request");
    world.upstream_got_nothing();
}

#[test]
fn no_credential_is_401_and_teaches_nothing_about_paths() {
    let world = World::start();
    let answers =
        ["/orders", "/nowhere", "/users/7", "/admin"].map(|path| world.call(&format!("GET {path}")).send());
    for answer in &answers {
        refused(answer, "401 no_credential");
    }
    // But for the decision's id, nobody can tell them apart.
    let [first, rest @ ..] = answers.each_ref().map(|answer| {
        let whole = format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body));
        whole.replace(&answer.decision(), "ID")
    });
    assert!(rest.iter().all(|other| *other == first), "{first}\n{rest:#?}");
    refused(&world.call("DELETE /orders").send(), "401 no_credential");
    allowed(&world.call("GET /public/info"));
}

#[test]
fn a_credential_that_is_wrong_is_401_even_where_nobody_needs_one() {
    let world = World::start();
    let key = &world.keys.reader;
    let wrong = super::own_key::miscopied(key);
    refused(&world.call("GET /orders").key(&wrong).send(), "401 invalid_credential");
    refused(&world.call("GET /public/info").key(&wrong).send(), "401 invalid_credential");
    world.upstream_got_nothing();
}

#[test]
fn no_grant_is_403() {
    let world = World::start();
    refused(&world.call("GET /admin").key(&world.keys.reader).send(), "403 no_grant");
    refused(&world.call("GET /orders").key(&world.keys.stranger).send(), "403 no_grant");
    world.upstream_got_nothing();
}

#[test]
fn a_key_reaches_no_further_than_its_scopes() {
    let world = World::start();
    refused(&world.call("GET /orders/7").key(&world.keys.narrow).send(), "403 out_of_scope");
    world.upstream_got_nothing();
    allowed(&world.call("GET /orders").key(&world.keys.narrow));
}

#[test]
fn a_guard_is_403_whatever_is_granted() {
    let world = World::start();
    refused(&world.call("DELETE /orders/7").key(&world.keys.writer).send(), "403 guard");
    world.upstream_got_nothing();
    allowed(&world.call("PUT /orders/7").key(&world.keys.writer).body(b"x"));
}

#[test]
fn an_unknown_operation_is_404_for_a_known_caller() {
    let world = World::start();
    for path in ["/nowhere", "/orders/", "/orders/7/lines", "/Orders", "/"] {
        refused(&world.call(&format!("GET {path}")).key(&world.keys.writer).send(), "404 unknown_operation");
    }
    refused(
        &world.call("GET /orders").host("other.example").key(&world.keys.writer).send(),
        "404 unknown_host",
    );
    world.upstream_got_nothing();
}

#[test]
fn a_hidden_operation_is_denied_as_if_it_did_not_exist() {
    let world = World::start();
    let hidden = world.call("GET /users/7").key(&world.keys.reader).send();
    let absent = world.call("GET /unsers/7").key(&world.keys.reader).send();
    refused(&hidden, "404 unknown_operation");
    let shown = |answer: &Response| {
        format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body))
            .replace(&answer.decision(), "ID")
    };
    assert_eq!(shown(&hidden), shown(&absent));
    refused(&world.call("DELETE /users/7").key(&world.keys.reader).send(), "404 unknown_operation");
    // The record says what it was.
    assert_eq!(world.decided(&hidden)["reason"], "no_grant");
    world.upstream_got_nothing();
    allowed(&world.call("GET /users/7").key(&world.keys.writer));
}

#[test]
fn a_method_that_is_not_declared_is_405_with_those_that_are() {
    let world = World::start();
    let answer = world.call("DELETE /orders").key(&world.keys.writer).send();
    refused(&answer, "405 method_not_declared");
    assert_eq!(answer.field("allow"), Some("GET, HEAD, POST"));
    world.upstream_got_nothing();
}

#[test]
fn a_body_over_the_limit_is_413() {
    let world = World::with_api("limits: { body: 1KiB }\n");
    let send =
        |length: usize| world.call("POST /orders").key(&world.keys.writer).body(&vec![b'x'; length]).send();
    refused(&send(1025), "413 body_too_large");
    world.upstream_got_nothing();
    assert_eq!(send(1024).status, 200);
    // One of unknown length is stopped where it goes over: the upstream never sees its end.
    world.upstream.forget();
    let mut connection = world.connect();
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        world.keys.writer
    );
    connection.send(head.as_bytes());
    for _ in 0..3 {
        connection.send_what_is_taken(format!("200\r\n{}\r\n", "y".repeat(512)).as_bytes());
    }
    connection.send_what_is_taken(b"0\r\n\r\n");
    assert_eq!(connection.answer().status, 413);
    assert_eq!(world.upstream.requests().len(), 0);
}

#[test]
fn a_head_over_the_limit_is_431() {
    let world = World::start();
    let long = "x".repeat(40_000);
    refused(
        &world.call("GET /orders").key(&world.keys.reader).field("X-Long", &long).send(),
        "431 head_too_large",
    );
    let mut many = world.call("GET /orders").key(&world.keys.reader);
    for number in 0..100 {
        many = many.field(&format!("X-{number}"), "1");
    }
    refused(&many.send(), "431 head_too_large");
    world.upstream_got_nothing();
    allowed(&world.call("GET /orders").key(&world.keys.reader).field("X-Long", &"x".repeat(20_000)));
}

#[test]
fn a_rate_is_429_and_says_when_to_come_again() {
    let world = World::with_api("limits: { per_key: 2/h }\n");
    let call = world.call("GET /orders").key(&world.keys.reader);
    allowed(&call);
    allowed(&call);
    let answer = call.send();
    refused(&answer, "429 rate_limited");
    let wait: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{answer:?}");
    assert!(
        answer.field("ratelimit").is_some() && answer.field("ratelimit-policy").unwrap().contains("q=2"),
        "{answer:?}"
    );
    assert_eq!(world.upstream.requests().len(), 2);
    // Another key has a limit of its own, and so has nobody's refusal taken any of it.
    allowed(&world.call("GET /orders").key(&world.keys.writer));
}

#[test]
fn upgrades_and_tunnels_are_501() {
    let world = World::start();
    let upgrade = world
        .call("GET /stream")
        .key(&world.keys.reader)
        .field("Connection", "upgrade")
        .field("Upgrade", "websocket");
    refused(&upgrade.send(), "501 unsupported_upgrade");
    refused(
        &world.raw(format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n")),
        "501 unsupported_upgrade",
    );
    world.upstream_got_nothing();
}

#[test]
fn an_upstream_that_refuses_breaks_or_talks_nonsense_is_502() {
    let world = World::with(|place| {
        // Nobody listens on a port that was free a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = place.read("apis/billing/api.yaml");
        let line = text.lines().find(|line| line.starts_with("upstream:")).unwrap().to_owned();
        place.edit("apis/billing/api.yaml", &line, &format!("upstream: http://{free}"));
        place.append(POLICY, "\n@id(\"billing\")\npermit (principal == Application::\"writer\", action in Action::\"billing\", resource);\n");
    });
    let billing = world.cli().key("writer", &["billing"]);
    let down = world.call("GET /invoices").host(BILLING).key(&billing);
    refused(&down.send(), "502 upstream_unreachable");
    for (reply, summary) in [
        (Reply::Reset, "502 upstream_broken"),
        (Reply::last("garbage\r\n\r\n"), "502 upstream_malformed"),
        (
            Reply::last("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
            "502 upstream_malformed",
        ),
        (
            Reply::last(
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ),
            "502 upstream_malformed",
        ),
        (Reply::last("HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n"), "502 upstream_malformed"),
        (
            Reply::last("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            "502 upstream_malformed",
        ),
        (Reply::last("HTTP/1.1 200 OK\r\nContent-Le"), "502 upstream_broken"),
    ] {
        world.upstream.reply("/orders", reply.clone());
        let answer = world.call("GET /orders").key(&world.keys.reader).send();
        assert_eq!(answer.summary(), summary, "{reply:?}: {answer:?}");
        refused(&answer, summary);
    }
    assert!(world.log().contains("upstream closed the connection before its answer"), "{}", world.log());
    // The others are not affected.
    allowed(&world.call("GET /orders/7").key(&world.keys.reader));
}

#[test]
fn an_upstream_that_is_late_is_504() {
    let world = World::with_api("timeouts: { head: 1s }\n");
    world.upstream.reply("/orders", Reply::Silence);
    let answer = world.call("GET /orders").key(&world.keys.reader).send();
    refused(&answer, "504 upstream_late");
    let entries = world.entries(&answer.decision());
    let completed = entries.iter().find(|entry| entry["kind"] == "completed").unwrap();
    assert_eq!(
        (completed["outcome"].as_str(), completed["status"].as_u64()),
        (Some("upstream_late"), Some(504))
    );
    allowed(&world.call("GET /orders/7").key(&world.keys.reader));
}

#[test]
fn an_answer_that_breaks_off_is_never_given_an_end() {
    let world = World::start();
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ] {
        world.upstream.reply("/orders", Reply::last(reply));
        let mut connection = world.connect();
        connection
            .send(&world.call("GET /orders").key(&world.keys.reader).field("Connection", "close").bytes());
        let rest = connection.rest();
        assert_eq!(count(&rest, b"HTTP/1.1 "), 1);
        assert_eq!(count(&rest, b"0\r\n\r\n"), 0, "{reply:?} became {:?}", String::from_utf8_lossy(&rest));
        assert!(!rest.ends_with(b"abcdefghij"));
    }
}

#[test]
fn an_upstream_that_is_this_gateway_itself_is_refused() {
    let mut world = World::start();
    let own = world.gateway().address;
    let upstream = format!("http://{}", world.upstream.address);
    world.place.edit(API, &upstream, &format!("http://{own}"));
    let answer = until("the changed upstream", || {
        let answer = world.call("GET /orders").key(&world.keys.reader).send();
        (answer.status != 200).then_some(answer)
    });
    assert!(matches!(answer.status, 502 | 503), "{answer:?}");
    world.stop();
}

#[test]
fn without_any_valid_revision_everything_is_503() {
    let world = World::with(|place| {
        drop(std::fs::remove_dir_all(place.dir().join(".state")));
        place.append(POLICY, "permit (nonsense");
    });
    let answer = world.call("GET /public/info").send();
    refused(&answer, "503 no_revision");
    assert!(world.upstream.bytes().is_empty());
    // Denying is a working state, and the reason is told.
    let ready = world.admin("GET /readyz").send();
    assert_eq!(ready.status, 200, "{ready:?}");
    assert!(ready.json().to_string().contains("orders.cedar"), "{ready:?}");
    // Mended, it serves without a restart.
    world.place.edit(POLICY, "permit (nonsense", "");
    world.until_status(&world.call("GET /public/info"), 200);
}

#[test]
fn unknown_versions_and_expectations_are_refused() {
    let world = World::start();
    let key = &world.keys.reader;
    refused(
        &world.raw(format!("GET /orders HTTP/2.0\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n")),
        "505 unsupported_version",
    );
    let odd = world.call("POST /orders").key(key).field("Expect", "wonders").body(b"x").send();
    refused(&odd, "417 expectation_unsupported");
    world.upstream_got_nothing();
}
