//! HTTP/1.1 on the wire: messages, framing, streams, preflights, the assertion.

use testkit::{Assertion, Gate, Reply, Step, contains};

use super::world::{HOST, World};

#[test]
fn every_answer_carries_a_decision_id_of_its_own() {
    let world = World::with_api("cors: { origins: ['https://shop.example'] }\n");
    let preflight = world
        .call("OPTIONS /orders")
        .field("Origin", "https://shop.example")
        .field("Access-Control-Request-Method", "GET");
    let mut ids = vec![
        world.call("GET /orders").key(&world.keys.reader).send().decision(),
        world.call("GET /orders").key(&world.keys.reader).send().decision(),
        world.call("GET /orders").send().decision(),
        world.call("GET /nowhere").key(&world.keys.reader).send().decision(),
        world.call("GET /../x").send().decision(),
        world.raw("nonsense\r\n\r\n").decision(),
        preflight.send().decision(),
        world.call("GET /orders").host("other.example").send().decision(),
    ];
    assert!(ids.iter().all(|id| id.len() == 26), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
}

#[test]
fn the_upstreams_own_decision_id_cannot_replace_ours() {
    let world = World::start();
    world.upstream.reply(
        "/orders",
        Reply::bytes(
            "HTTP/1.1 200 OK\r\nSallyport-Decision-Id: forged\r\nX-Kept: yes\r\nContent-Length: 0\r\n\r\n",
        ),
    );
    let answer = world.call("GET /orders").key(&world.keys.reader).send();
    assert_eq!(
        answer.all("sallyport-decision-id"),
        [world.upstream.request().all("sallyport-decision-id")[0]]
    );
    assert_eq!(answer.field("x-kept"), Some("yes"));
}

#[test]
fn the_target_goes_on_byte_for_byte() {
    let world = World::start();
    for target in [
        "/orders/7?b=2&a=1&&a=%20%2f;x#".trim_end_matches('#'),
        "/orders/caf%C3%A9?",
        "/orders/a~b!$&'()*+,=:@",
    ] {
        let answer = world.call(&format!("GET {target}")).key(&world.keys.reader).send();
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(world.upstream.last().line(), format!("GET {target} HTTP/1.1"));
    }
    // The nearest refused thing: the same text where it would be a fragment.
    assert_eq!(world.call("GET /orders/7#x").key(&world.keys.reader).send().status, 400);
}

#[test]
fn fields_keep_their_order_and_spelling() {
    let world = World::start();
    let answer = world
        .call("GET /orders")
        .field("X-One", "1")
        .field("x-TWO", "two  spaces")
        .key(&world.keys.reader)
        .field("ACCEPT", "text/plain")
        .field("x-one", "again")
        .field("X-Utf8", "caf\u{e9}s")
        .send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let request = world.upstream.request();
    let fields = request.fields();
    assert_eq!(
        fields[..6],
        [
            ("Host", HOST),
            ("X-One", "1"),
            ("x-TWO", "two  spaces"),
            ("ACCEPT", "text/plain"),
            ("x-one", "again"),
            ("X-Utf8", "caf\u{e9}s")
        ],
        "{fields:?}"
    );
}

#[test]
fn the_assertion_verifies_against_the_published_key_set() {
    let world = World::start();
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 200);
    let request = world.upstream.request();
    let tokens = request.all("sallyport-assertion");
    assert_eq!(tokens.len(), 1);
    let assertion = Assertion::parse(tokens[0]);
    // The key set is on every host, for everybody.
    let keys = world.call("GET /.well-known/sallyport/jwks.json").host("anything.example").send();
    assert_eq!(keys.status, 200, "{keys:?}");
    let keys = keys.json();
    let key = &keys["keys"][0];
    assert_eq!(
        (key["kty"].as_str(), key["crv"].as_str(), &key["d"]),
        (Some("EC"), Some("P-256"), &serde_json::Value::Null)
    );
    assert_eq!(assertion.header["alg"], "ES256");
    assert_eq!(assertion.header["kid"], key["kid"]);
    let coordinate = |name: &str| testkit::base64url(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let verifier =
        aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, &point);
    verifier.verify(assertion.signed.as_bytes(), &assertion.signature).unwrap();
    let altered = assertion.signed.replace('.', ".A");
    assert!(verifier.verify(altered.as_bytes(), &assertion.signature).is_err());
    let claims = &assertion.claims;
    assert_eq!(claims["aud"], "orders", "{claims}");
    assert!(claims.to_string().contains("reader") && claims["strength"] == "shared_secret", "{claims}");
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((1..=60).contains(&life), "{claims}");
    // A caller that is not verified gets none.
    world.upstream.forget();
    assert_eq!(world.call("GET /public/info").send().status, 200);
    assert_eq!(world.upstream.request().all("sallyport-assertion"), [""; 0]);
}

#[test]
fn pipelined_requests_are_answered_in_order_and_judged_one_by_one() {
    let world = World::start();
    let mut connection = world.connect();
    let mut bytes = world.call("GET /orders/a").key(&world.keys.reader).bytes();
    bytes.extend(world.call("GET /admin").key(&world.keys.reader).bytes());
    bytes.extend(world.call("GET /orders/b").key(&world.keys.reader).bytes());
    connection.send(&bytes);
    let answers = [connection.answer(), connection.answer(), connection.answer()];
    let statuses = answers.each_ref().map(|answer| answer.status);
    assert_eq!(statuses, [200, 403, 200], "{answers:?}");
    assert_eq!([&answers[0].body[..], &answers[2].body[..]], [b"request 0", b"request 1"]);
    let lines: Vec<_> = world.upstream.requests().iter().map(|request| request.line().to_owned()).collect();
    assert_eq!(lines, ["GET /orders/a HTTP/1.1", "GET /orders/b HTTP/1.1"]);
}

#[test]
fn who_is_denied_is_never_told_to_go_on() {
    let world = World::start();
    let head = |key: &str| {
        format!(
            "POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
    };
    let mut connection = world.connect();
    connection.send(head(&world.keys.reader).as_bytes());
    let refused = connection.answer();
    assert_eq!((refused.status, refused.interim.as_slice()), (403, &[][..]));
    assert!(world.upstream.bytes().is_empty());
    // The nearest allowed thing: it is told to, and its body arrives.
    let mut connection = world.connect();
    connection.send(head(&world.keys.writer).as_bytes());
    assert_eq!(connection.head().status, 100);
    connection.send(b"body");
    assert_eq!(connection.answer().status, 200);
    assert_eq!(world.upstream.request().body, b"body");
}

#[test]
fn head_has_a_length_and_no_body() {
    let world = World::start();
    world.upstream.reply("/orders", Reply::bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    let mut connection = world.connect();
    connection.send(&world.call("HEAD /orders").key(&world.keys.reader).bytes());
    let answer = connection.answer_to("HEAD");
    assert_eq!((answer.status, answer.field("content-length")), (200, Some("5")));
    // The connection is in step: the next answer is whole.
    connection.send(&world.call("GET /orders/7").key(&world.keys.reader).bytes());
    assert_eq!(connection.answer().body, b"request 1");
    // HEAD uses GET's grant, and is denied where GET is.
    assert_eq!(world.call("HEAD /orders").key(&world.keys.stranger).send().status, 403);
    assert_eq!(world.upstream.requests().len(), 2);
}

#[test]
fn chunked_bodies_pass_both_ways_with_their_trailers() {
    let world = World::start();
    world.upstream.reply(
        "/orders",
        Reply::bytes("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\nSallyport-User: forged\r\n\r\n"),
    );
    let answer = world.raw(format!(
        "POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5;a=b\r\npedia\r\n0\r\nX-Check: ok\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n",
        world.keys.writer
    ));
    assert_eq!((answer.status, answer.body.as_slice()), (201, &b"abcde"[..]), "{answer:?}");
    assert_eq!(answer.trailers, [("X-Sum".to_owned(), "5".to_owned())]);
    let body = String::from_utf8(world.upstream.request().body).unwrap();
    let data: String =
        body.split("\r\n").filter(|line| ["wiki", "pedia", "wikipedia"].contains(line)).collect();
    assert_eq!(data, "wikipedia", "{body:?}");
    assert!(body.ends_with("0\r\nX-Check: ok\r\n\r\n"), "{body:?}");
}

#[test]
fn interim_answers_pass() {
    let world = World::start();
    world.upstream.reply(
        "/orders",
        Reply::bytes("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    );
    let answer = world.call("GET /orders").key(&world.keys.reader).send();
    assert_eq!(
        (answer.status, answer.interim.as_slice(), answer.body.as_slice()),
        (200, &[103][..], &b"ok"[..])
    );
}

#[test]
fn an_answer_before_the_body_is_passed_on() {
    let world = World::start();
    world.upstream.reply(
        "/orders",
        Reply::Early(b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".to_vec()),
    );
    let mut connection = world.connect();
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\nContent-Length: 100000\r\n\r\nbeginning",
        world.keys.writer
    );
    connection.send(head.as_bytes());
    let answer = connection.answer();
    assert_eq!((answer.status, answer.body.as_slice()), (409, &b"no"[..]), "{answer:?}");
}

#[test]
fn events_arrive_as_they_are_sent() {
    let world = World::start();
    let gate = Gate::new();
    world.upstream.reply(
        "/stream",
        Reply::Steps(vec![
            Step::Send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n".to_vec()),
            Step::Wait(gate.clone()),
            Step::Send(b"data: two\n\n".to_vec()),
            Step::Close,
        ]),
    );
    let mut connection = world.connect();
    connection.send(&world.call("GET /stream").key(&world.keys.reader).bytes());
    let head = connection.head();
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    let mut seen = Vec::new();
    while !contains(&seen, b"data: one\n\n") {
        seen.extend(connection.piece().expect("the first event"));
    }
    // The second event has not been sent: nobody waited for it to pass the first on.
    gate.open();
    while !contains(&seen, b"data: two\n\n") {
        seen.extend(connection.piece().expect("the second event"));
    }
}

#[test]
fn a_client_that_has_finished_sending_still_gets_its_answer() {
    let world = World::start();
    let gate = Gate::new();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
    world.upstream.reply("/orders", Reply::Steps(vec![Step::Wait(gate.clone()), Step::Send(answer)]));
    let mut connection = world.connect();
    connection.send(&world.call("GET /orders").key(&world.keys.reader).bytes());
    connection.finish();
    world.upstream.wait_for("GET /orders");
    gate.open();
    assert_eq!(connection.answer().body, b"ok");
}

/// The head of an answer, but for what no two answers share.
fn without_id(answer: &testkit::Response) -> String {
    answer.head.replace(&answer.decision(), "ID")
}

#[test]
fn preflights_are_answered_from_declaration_and_never_reach_the_upstream() {
    let world = World::with_api("cors: { origins: ['https://shop.example'] }\n");
    let ask = |origin: &str, method: &str, path: &str| {
        world
            .call(&format!("OPTIONS {path}"))
            .field("Origin", origin)
            .field("Access-Control-Request-Method", method)
            .field("Access-Control-Request-Headers", "x-api-key")
            .send()
    };
    let answer = ask("https://shop.example", "GET", "/orders");
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://shop.example"));
    let methods = answer.field("access-control-allow-methods").unwrap();
    assert!(methods.contains("GET") && methods.contains("POST") && !methods.contains("PATCH"), "{methods}");
    // What anyone can ask tells nothing of paths.
    let elsewhere = ask("https://shop.example", "GET", "/nowhere");
    assert_eq!(without_id(&elsewhere), without_id(&answer));
    // A declared origin may read why it is refused; nobody is told that the call itself may be made.
    for (origin, method, path, may_read) in [
        ("https://evil.example", "GET", "/orders", false),
        ("https://shop.example.evil", "GET", "/orders", false),
        ("https://shop.example", "PATCH", "/orders", true),
        ("https://shop.example", "PATCH", "/nowhere", true),
    ] {
        let answer = ask(origin, method, path);
        assert_eq!((answer.status, answer.field("access-control-allow-methods")), (401, None), "{answer:?}");
        assert_eq!(answer.field("access-control-allow-origin").is_some(), may_read, "{answer:?}");
    }
    world.upstream_got_nothing();
}

#[test]
fn without_a_declaration_for_browsers_a_preflight_is_an_ordinary_request() {
    let world = World::start();
    let call = world.call("OPTIONS /orders").field("Origin", "https://shop.example");
    assert_eq!(call.field("Access-Control-Request-Method", "GET").send().status, 401);
    world.upstream_got_nothing();
}

#[test]
fn upstream_connections_are_used_again() {
    let world = World::start();
    let mut connection = world.connect();
    for number in 0..4 {
        connection.send(&world.call("GET /orders").key(&world.keys.reader).bytes());
        assert_eq!(connection.answer().body, format!("request {number}").as_bytes());
    }
    assert_eq!(world.upstream.connections(), 1);
}

#[test]
fn a_trace_goes_on_where_a_trusted_proxy_says_so_and_is_begun_anew_elsewhere() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let send = |world: &World, value: &str| {
        let answer = world.call("GET /orders").key(&world.keys.reader).field("traceparent", value).send();
        assert_eq!(answer.status, 200);
        let request = world.upstream.last();
        let sent = request.all("traceparent");
        assert_eq!(sent.len(), 1, "{}", request.head);
        sent[0].split('-').nth(1).unwrap().to_owned()
    };
    let trusting = World::with(|place| {
        place.edit("sallyport.yaml", "trusted_proxies: []", "trusted_proxies: [127.0.0.1]")
    });
    assert_eq!(send(&trusting, parent), "0af7651916cd43dd8448eb211c80319c");
    let other = World::start();
    for (world, value) in [
        (&other, parent),
        (&trusting, "00-zz-b7ad6b7169203331-01"),
        (&trusting, "00-00000000000000000000000000000000-b7ad6b7169203331-01"),
    ] {
        let id = send(world, value);
        assert!(id.len() == 32 && !value.contains(&id), "{value} became {id}");
    }
}
