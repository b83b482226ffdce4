//! What is refused: the answer, and that nothing of it reaches the upstream.

use crate::testing::{Act, Choices, Closed, Served, Upstream, Wire, body_of, run, write};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Each is one request that two readers could understand differently, or that nobody should send.
const SMUGGLING: &[(&str, u16)] = &[
    (
        "POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: +3\r\n\r\nabc", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 03\r\n\r\nabc", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0x3\r\n\r\nabc", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 99999999999999999999\r\n\r\nabc", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    (
        "POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: identity\r\n\r\n", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("POST /a HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("GET /a HTTP/1.1\nHost: a.example\n\n", 400),
    ("GET /a HTTP/1.1\r\nHost: a.example\nX: 1\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nX: 1\rY: 2\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nX: 1\r\n Y: 2\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nX\0: 1\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nX: \0\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\n\r\n", 400),
    ("GET /a HTTP/1.0\r\n\r\n", 400),
    ("GET  /a HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET /a  HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET /a\r\n", 400),
    ("GET /a HTTP/2.0\r\nHost: a.example\r\n\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("GET /a#b HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET http://b.example/a HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET http:http://internal/admin HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET /public/../admin HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET /%2e%2e/admin HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET //admin HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET /a%2Fb HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("GET /a%00 HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
    ("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", 501),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 501),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nExpect: 200-ok\r\n\r\n", 417),
    ("GET /a HTTP/1.1\r\nHost: a.example\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03", 400),
    ("\r\n\r\nGET /a HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
];

#[test]
fn nothing_that_can_be_read_twice_reaches_the_upstream() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        for (request, status) in SMUGGLING {
            // What stands behind a refused request must not be taken for another one either, where its place is in doubt.
            let (answer, closed) = served
                .exchange(&format!(
                    "{request}GET /deny HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
                ))
                .await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?} gave {answer}");
            assert!(answer.contains("\r\nsallyport-decision-id: "), "{request:?} gave {answer}");
            assert!(
                answer.contains("\r\ncontent-type: application/problem+json\r\n"),
                "{request:?} gave {answer}"
            );
            assert_eq!(closed, Closed::Orderly, "{request:?}");
        }
        assert_eq!(upstream.seen.all(), "");
        assert_eq!(upstream.seen.accepted.get(), 0);
    });
}

#[test]
fn a_good_request_before_a_bad_one_is_answered_first() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let (all, closed) =
            served.exchange(&format!("{HEAD}GET /a HTTP/1.1\r\nBad Name: x\r\n\r\n{HEAD}")).await;
        let statuses: Vec<_> = all.matches("HTTP/1.1 ").collect();
        assert_eq!(statuses.len(), 2, "{all}");
        assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
        assert!(all.contains("okHTTP/1.1 400 Bad Request\r\n"), "{all}");
        assert_eq!(closed, Closed::Orderly);
        assert_eq!(upstream.seen.all().matches("GET ").count(), 1);
    });
}

#[test]
fn a_malformed_target_or_host_ends_a_connection_only_where_framing_is_in_doubt() {
    run(async {
        for (request, is_kept) in [
            ("GET /a/../b HTTP/1.1\r\nHost: a.example\r\n\r\n", true),
            ("GET /a%2Fb HTTP/1.1\r\nHost: a.example\r\n\r\n", true),
            ("GET http://a.example/a HTTP/1.1\r\nHost: a.example\r\n\r\n", true),
            ("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", true),
            ("POST //a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc", true),
            (
                "POST //a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                true,
            ),
            // Nearest: the body is not read to its end, or its end, or the head's, is in doubt.
            (
                "POST //a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naX\r\n0\r\n\r\n",
                false,
            ),
            ("GET /a/../b HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", false),
            ("GET /a/../b HTTP/1.0\r\nHost: a.example\r\n\r\n", false),
            ("GET /a/../b HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", false),
            ("GET /a HTTP/1.1\r\n\r\n", false),
            ("GET /a HTTP/1.1\r\nHost : a.example\r\n\r\n", false),
        ] {
            let upstream = Upstream::always(OK).await;
            let served = Served::before(upstream.address);
            let last = "GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
            let (all, closed) = served.exchange(&format!("{request}{last}")).await;
            assert!(all.starts_with("HTTP/1.1 400 "), "{request:?} gave {all}");
            assert_eq!(all.matches("HTTP/1.1 200 ").count(), usize::from(is_kept), "{request:?} gave {all}");
            let first = all.split("\r\n\r\n").next().unwrap();
            assert_eq!(first.ends_with("\r\nconnection: close"), !is_kept, "{request:?} gave {all}");
            assert_eq!(upstream.seen.accepted.get(), usize::from(is_kept), "{request:?}");
            assert_eq!(closed, Closed::Orderly, "{request:?}");
        }
    });
}

#[test]
fn a_chunk_that_is_refused_later_breaks_the_request_at_the_upstream() {
    run(async {
        for bad in [
            "0_2e\r\n",
            "0x10\r\n",
            "+5\r\n",
            "\r\n",
            "5\nhello",
            "5\r\nhelloX",
            "0\r\nContent-Length: 1\r\n\r\n",
        ] {
            let upstream = Upstream::start(vec![vec![]]).await;
            let served = Served::before(upstream.address);
            let mut client = Wire::connect(served.address).await;
            client
                .write(
                    "POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                )
                .await;
            while !upstream.seen.all().ends_with("abc\r\n") {
                tokio::task::yield_now().await;
            }
            client.write(bad).await;
            let (answer, _) = client.read_to_end().await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?} gave {answer}");
            assert!(answer.contains("connection: close\r\n"), "{answer}");
            while upstream.seen.closed(0).is_none() {
                tokio::task::yield_now().await;
            }
            assert_eq!(upstream.seen.closed(0), Some(Closed::Broken), "{bad:?}");
            assert!(!upstream.seen.all().contains("0\r\n\r\n"), "{bad:?}");
        }
    });
}

#[test]
fn a_body_over_the_limit_is_refused_before_or_while_it_streams() {
    run(async {
        let choices = || Choices { body_bytes_max: Some(10), ..Choices::STANDARD };
        let upstream = Upstream::start(vec![vec![]]).await;
        let served = Served::with(&upstream.address.to_string(), choices());
        let (answer, _) = served
            .exchange("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\nConnection: close\r\n\r\n01234567890")
            .await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert_eq!(upstream.seen.accepted.get(), 0);

        let (answer, _) = served
            .exchange("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n")
            .await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(!upstream.seen.all().contains("0\r\n\r\n"), "{}", upstream.seen.all());
    });
}

#[test]
fn a_body_at_the_limit_passes() {
    run(async {
        let upstream = Upstream::start(vec![vec![Act::Await("0\r\n\r\n"), write(OK)]]).await;
        let choices = Choices { body_bytes_max: Some(10), ..Choices::STANDARD };
        let served = Served::with(&upstream.address.to_string(), choices);
        let mut client = Wire::connect(served.address).await;
        client
            .write("POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n")
            .await;
        assert!(client.read_message().await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_refused_request_keeps_its_connection_where_its_end_is_known() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        for request in [
            "GET /deny HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "POST /deny HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello",
            "POST /deny HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            client.write(request).await;
            let answer = client.read_message().await;
            assert!(!answer.contains("connection: close"), "{request:?} gave {answer}");
        }
        // A body that comes after the answer is read and forgotten.
        client.write("POST /deny HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5000\r\n\r\n").await;
        let answer = client.read_message().await;
        assert!(!answer.contains("connection: close"), "{answer}");
        client.write("x".repeat(5_000)).await;
        client.write(HEAD).await;
        assert!(client.read_message().await.ends_with("ok"));
        assert_eq!(upstream.seen.all().matches("HTTP/1.1").count(), 1);
    });
}

#[test]
fn a_refused_upload_gets_its_answer_although_it_goes_on_sending() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("POST /deny HTTP/1.1\r\nHost: a.example\r\nContent-Length: 200000\r\n\r\n").await;
        client.write("x".repeat(100_000)).await;
        let answer = client.read_until("}\n").await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close\r\n"), "{answer}");
        client.write("x".repeat(100_000)).await;
        client.end().await;
        assert_eq!(client.read_to_end().await, (String::new(), Closed::Orderly));
    });
}

#[test]
fn the_answer_to_a_refused_head_request_has_no_body() {
    run(async {
        let served = Served::before(Upstream::always(OK).await.address);
        let (answer, _) =
            served.exchange("HEAD /deny HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && body_of(&answer).is_empty(), "{answer}");
        assert!(!answer.contains("content-length: 0"), "{answer}");
    });
}

#[test]
fn heads_over_the_limits_are_refused() {
    run(async {
        let served = Served::before(Upstream::always(OK).await.address);
        for request in [
            format!("GET /{} HTTP/1.1\r\nHost: a.example\r\n\r\n", "a".repeat(9_000)),
            format!("GET /a HTTP/1.1\r\nHost: a.example\r\nX: {}\r\n\r\n", "a".repeat(40_000)),
            format!("GET /a HTTP/1.1\r\nHost: a.example\r\n{}\r\n", "X: 1\r\n".repeat(100)),
        ] {
            let (answer, closed) = served.exchange(&request).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
            assert_eq!(closed, Closed::Orderly);
        }
    });
}

#[test]
fn scripts_of_declared_origins_may_read_refusals_and_no_others() {
    run(async {
        let ok = Upstream::always(OK).await.address;
        let broken = Upstream::always("nonsense\r\n\r\n").await.address;
        for (upstream, request, status, origin) in [
            (ok, "GET /deny HTTP/1.1\r\nHost: a.example\r\n", "401", "https://shop.example"),
            (broken, "GET /a HTTP/1.1\r\nHost: a.example\r\n", "502", "https://shop.example"),
            (
                ok,
                "POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000001\r\n",
                "413",
                "https://shop.example",
            ),
            (
                ok,
                "OPTIONS /deny HTTP/1.1\r\nHost: a.example\r\nAccess-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: x-api-key\r\n",
                "204",
                "https://shop.example",
            ),
            // Nearest: another origin, another host, and an answer that is the upstream's.
            (ok, "GET /deny HTTP/1.1\r\nHost: a.example\r\n", "401", "https://evil.example"),
            (broken, "GET /a HTTP/1.1\r\nHost: a.example\r\n", "502", "null"),
            (ok, "GET /deny HTTP/1.1\r\nHost: b.example\r\n", "404", "https://shop.example"),
            (ok, "GET /a HTTP/1.1\r\nHost: a.example\r\n", "200", "https://shop.example"),
        ] {
            let served = Served::before(upstream);
            let line = format!("{request}Origin: {origin}\r\nConnection: close\r\n\r\n");
            let (answer, _) = served.exchange(&line).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line} gave {answer}");
            let may_read = origin == "https://shop.example" && !["200", "404"].contains(&status);
            for field in
                [&format!("Access-Control-Allow-Origin: {origin}"), "Access-Control-Allow-Credentials: true"]
            {
                assert_eq!(answer.contains(field), may_read, "{line} gave {answer}");
            }
        }
    });
}

#[test]
fn a_hidden_operation_is_answered_like_one_that_is_not_there() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let per_api = model::Rate::parse("9/h");
        let choices = Choices { mode: model::Mode::Enforce, per_api, ..Choices::STANDARD };
        let served = Served::with(&upstream.address.to_string(), choices);
        let key = String::from_utf8(crate::testing::key().text.expose().to_vec()).unwrap();
        let mut answers = Vec::new();
        for (method, path) in [
            ("GET", "/nothing"),
            ("GET", "/hidden"),
            ("POST", "/hidden"),
            ("DELETE", "/hidden"),
            ("DELETE", "/deny"),
            // Not declared, beside a hidden one.
            ("PUT", "/deny"),
            // Nearest: known, and nothing is hidden there.
            ("PUT", "/read/a/b"),
            ("GET", "/deny"),
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: a.example\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n"
            );
            let (answer, _) = served.exchange(&request).await;
            let id = answer.lines().find_map(|line| line.strip_prefix("sallyport-decision-id: ")).unwrap();
            assert_eq!(answer.matches(id).count(), 2, "{answer}");
            answers.push(answer.replace(id, "ID"));
        }
        let (hidden, known) = answers.split_at(6);
        for answer in hidden {
            assert_eq!(answer, &answers[0]);
        }
        assert!(
            answers[0].starts_with("HTTP/1.1 404 ") && answers[0].contains("\r\nRateLimit: "),
            "{}",
            answers[0]
        );
        assert!(
            known[0].starts_with("HTTP/1.1 405 ") && known[0].contains("\r\nAllow: GET, HEAD\r\n"),
            "{}",
            known[0]
        );
        assert!(known[1].starts_with("HTTP/1.1 403 "), "{}", known[1]);
        assert_eq!(upstream.seen.accepted.get(), 0);
    });
}
