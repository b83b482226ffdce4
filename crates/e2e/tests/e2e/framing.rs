//! Security cases C: framing. Where two programs could read two messages, the connection ends.

use testkit::{Reply, contains, until};

use super::world::{HOST, World};

/// A POST with these lines after `Host` and the key, and this body.
fn post(world: &World, lines: &str, body: &str) -> String {
    format!("POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\n{lines}\r\n{body}", world.keys.writer)
}

const SMUGGLED: &str = "GET /orders/smuggled HTTP/1.1\r\nHost: orders.example\r\n\r\n";

#[test]
fn case_39_ambiguous_framing_is_refused_and_the_connection_ends() {
    let world = World::start();
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chun ked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer_Encoding: chunked\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length : 5\r\n",
    ] {
        world.refuses_and_closes(post(&world, lines, &format!("0\r\n\r\n{SMUGGLED}")), 400);
    }
    let old = format!(
        "POST /orders HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
    );
    world.refuses_and_closes(old, 400);
    world.upstream_got_nothing();
    assert!(!contains(&world.upstream.bytes(), b"smuggled"));
}

#[test]
fn case_40_bytes_after_an_upgrade_never_pass() {
    let world = World::start();
    let mut connection = world.connect();
    connection.send_what_is_taken(
        format!(
            "GET /stream HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{SMUGGLED}",
            world.keys.reader
        )
        .as_bytes(),
    );
    assert_eq!(connection.answer().summary(), "501 unsupported_upgrade");
    // Nothing behind it is carried out as a request of the upgraded connection.
    let rest = connection.rest();
    assert!(!contains(&rest, b"200 OK"), "{:?}", String::from_utf8_lossy(&rest));
    world.upstream_got_nothing();
}

#[test]
fn case_40_an_upstream_cannot_switch_protocols_unasked() {
    let world = World::start();
    world.upstream.reply(
        "/orders",
        Reply::bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw"),
    );
    let mut connection = world.connect();
    connection.send(&world.call("GET /orders").key(&world.keys.reader).bytes());
    assert_eq!(connection.answer().summary(), "502 upstream_malformed");
}

#[test]
fn case_41_tunnels_are_refused() {
    let world = World::start();
    for target in ["orders.example:443", "127.0.0.1:22"] {
        let answer = world.raw(format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nX-Api-Key: {}\r\n\r\n{SMUGGLED}",
            world.keys.writer
        ));
        assert_eq!(answer.status, 501, "{answer:?}");
    }
    world.upstream_got_nothing();
}

#[test]
fn case_42_heads_that_lenient_readers_repair_are_refused() {
    let world = World::start();
    let key = &world.keys.writer;
    for head in [
        format!("GET /orders HTTP/1.1\nHost: {HOST}\nX-Api-Key: {key}\n\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX: a\nX-Y: b\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX : a\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX\t: a\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX: a\r\n folded\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n: a\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX\u{0}: a\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX\u{85}: a\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX\u{a0}: a\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX: \u{85}a\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX: a\u{a0}\r\n\r\n"),
        format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\nX: a\rb\r\n\r\n"),
        format!("GET  /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
        format!("GET /orders  HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
        format!("GET\t/orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
        format!("GET /orders HTTP/1.1 \r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
        format!("GET /orders http/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
        format!("GET /orders\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
        format!(" GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n\r\n"),
        "\u{16}\u{3}\u{1}\u{0}\u{a5}\r\n\r\n".to_owned(),
    ] {
        world.refuses_and_closes(head, 400);
    }
    world.upstream_got_nothing();
}

#[test]
fn case_42_chunks_that_lenient_readers_repair_are_refused_without_an_end() {
    let world = World::start();
    for body in [
        "0_2e\r\n",
        "0x10\r\n",
        "+5\r\nabcde\r\n",
        "\r\n",
        "-1\r\n",
        "5 \r\nabcde\r\n",
        "5\nabcde\r\n",
        "5\r\nabcdeX",
        "5\r\nabcde\n",
        "5;\u{0}\r\nabcde\r\n",
        "FFFFFFFFFFFFFFFFF\r\n",
    ] {
        let request = post(&world, "Transfer-Encoding: chunked\r\n", &format!("{body}0\r\n\r\n{SMUGGLED}"));
        world.refuses_and_closes(request, 400);
    }
    // The head had passed already, so the upstream may have seen a beginning, but never an end.
    assert_eq!(world.upstream.requests().len(), 0);
    assert!(!contains(&world.upstream.bytes(), b"smuggled"));
    let answer = world.raw(post(&world, "Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n0\r\n\r\n"));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn case_45_a_body_that_breaks_off_is_never_given_an_end() {
    let world = World::start();
    for (lines, body) in
        [("Content-Length: 10\r\n", "abc"), ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n")]
    {
        let mut connection = world.connect();
        connection.send(post(&world, lines, body).as_bytes());
        connection.finish();
        let rest = connection.rest();
        assert!(!contains(&rest, b"200 OK"), "{:?}", String::from_utf8_lossy(&rest));
    }
    assert_eq!(world.upstream.requests().len(), 0);
    let begun = world.upstream.connections();
    world.upstream.wait_ended(begun);
}

#[test]
fn case_45_a_declared_length_over_the_limit_is_refused_before_a_byte_passes() {
    let world = World::with_api("limits: { body: 1KiB }\n");
    let answer = world.raw(post(&world, "Content-Length: 1025\r\n", ""));
    assert_eq!(answer.summary(), "413 body_too_large");
    world.upstream_got_nothing();
}

#[test]
fn case_48_an_upstream_connection_bound_to_a_caller_is_used_for_nobody_else() {
    let world = World::start();
    world.upstream.reply(
        "/orders",
        Reply::bytes("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"),
    );
    assert_eq!(world.call("GET /orders").key(&world.keys.reader).send().status, 401);
    assert_eq!(world.call("GET /orders/7").key(&world.keys.writer).send().status, 200);
    let connections: Vec<usize> =
        world.upstream.requests().iter().map(|request| request.connection).collect();
    assert_ne!(connections[0], connections[1]);
}

#[test]
fn case_50_a_head_that_does_not_end_is_answered_and_closed() {
    let world = World::start();
    let mut connection = world.connect();
    connection.send(format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\n").as_bytes());
    let answer = connection.answer();
    assert_eq!(answer.summary(), "408 request_timeout");
    assert_eq!(connection.rest(), b"");
    world.upstream_got_nothing();
}

#[test]
fn a_client_that_vanishes_frees_its_upstream_connection() {
    let world = World::start();
    // An answer that is begun and never goes on.
    world.upstream.reply("/orders", Reply::bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"));
    let mut connection = world.connect();
    connection.send(&world.call("GET /orders").key(&world.keys.reader).bytes());
    connection.vanish();
    world.upstream.wait_ended(1);
    let gone = until("the entry of a call whose client went away", || {
        let found = world.cli().run(&["audit", "export"]).lines();
        found.into_iter().find(|entry| entry["outcome"] == "client_gone")
    });
    assert_eq!(gone["kind"], "completed");
}
