//! Plain exchanges: what is forwarded byte for byte, keep-alive, pipelining, bodies, trailers, interim responses.

use crate::testing::{Act, Closed, Served, Upstream, Wire, body_of, run, write};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn a_request_goes_through_and_its_answer_comes_back() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let (answer, closed) =
            served.exchange("GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), "{answer}");
        assert!(answer.contains("\r\nsallyport-decision-id: "), "{answer}");
        assert!(answer.ends_with("\r\nconnection: close\r\n\r\nok"), "{answer}");
        assert_eq!(closed, Closed::Orderly);
    });
}

#[test]
fn target_spelling_and_order_are_forwarded_byte_for_byte() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client
            .write(
                "GET /%61/b%20c?q=%2e%2e/&&x=%41 HTTP/1.1\r\nx-FIRST: 1\r\nHOST: A.Example:80\r\nAccept:  */* \r\n\
                 x-first: 2\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 3\r\nTE: trailers\r\nEmpty:\r\n\r\n",
            )
            .await;
        client.read_message().await;
        let seen = upstream.seen.all();
        assert!(
            seen.starts_with(
                "GET /%61/b%20c?q=%2e%2e/&&x=%41 HTTP/1.1\r\nx-FIRST: 1\r\nHOST: A.Example:80\r\nAccept: */*\r\nx-first: 2\r\nEmpty: \r\n"
            ),
            "{seen}"
        );
        for gone in ["gone", "Connection", "TE:", "trailers"] {
            assert!(!seen.to_lowercase().contains(&gone.to_lowercase()), "{gone}: {seen}");
        }
    });
}

#[test]
fn one_connection_carries_many_requests_on_both_sides() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        for _ in 0..20 {
            client.write(HEAD).await;
            assert!(client.read_message().await.ends_with("\r\n\r\nok"));
        }
        assert_eq!(upstream.seen.accepted.get(), 1);
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    run(async {
        let script = (1..=30).flat_map(|number| {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{number:03}");
            [Act::Await("\r\n\r\n"), Act::Write(answer)]
        });
        let upstream = Upstream::start(vec![script.collect()]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD.repeat(30)).await;
        let all = client.read_until("030").await;
        let numbers: Vec<_> =
            all.split("\r\n\r\n").skip(1).map(|part| part.get(..3).unwrap().to_owned()).collect();
        let expected: Vec<_> = (1..=30).map(|number| format!("{number:03}")).collect();
        assert_eq!(numbers, expected);
    });
}

#[test]
fn a_head_may_arrive_byte_by_byte() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            Act::Write("HTTP/1.1 20".into()),
            Act::Wait(std::time::Duration::from_secs(1)),
            Act::Write("0 OK\r\nContent-Le".into()),
            Act::Wait(std::time::Duration::from_secs(1)),
            Act::Write("ngth: 2\r\n\r".into()),
            Act::Wait(std::time::Duration::from_secs(1)),
            Act::Write("\no".into()),
            Act::Wait(std::time::Duration::from_secs(1)),
            Act::Write("k".into()),
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        for byte in HEAD.bytes() {
            client.write([byte]).await;
            tokio::task::yield_now().await;
        }
        assert!(client.read_message().await.ends_with("\r\n\r\nok"));
    });
}

#[test]
fn a_head_larger_than_the_first_buffer_arrives_whole() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        let cookie = "c".repeat(20_000);
        client.write(format!("GET /a HTTP/1.1\r\nHost: a.example\r\nCookie: {cookie}\r\n\r\n")).await;
        client.read_message().await;
        assert!(upstream.seen.all().contains(&cookie));
    });
}

#[test]
fn bodies_of_known_length_and_in_chunks_are_streamed_whole() {
    run(async {
        let large = "0123456789abcdef".repeat(20_000);
        for size in [0, 1, 5, 4_096, 32_768, large.len()] {
            let body = large.get(..size).unwrap();
            let upstream = Upstream::start(vec![vec![
                Act::Await("END"),
                Act::Write(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n{body}")),
            ]])
            .await;
            let served = Served::before(upstream.address);
            let mut client = Wire::connect(served.address).await;
            let length = size + 3;
            client
                .write(format!(
                    "POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n{body}END"
                ))
                .await;
            assert!(client.read_message().await.ends_with(&format!("\r\n\r\n{body}")), "{size}");
            assert!(upstream.seen.all().ends_with(&format!("\r\n\r\n{body}END")), "{size}");
        }
    });
}

#[test]
fn chunked_bodies_pass_both_ways_with_the_trailers_that_may() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("X-Sum: 1\r\n\r\n"),
            write(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Time\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n\
                 0\r\nX-Time: 5\r\nSallyport-Decision-Id: forged\r\n\r\n",
            ),
            Act::Again,
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        for _ in 0..2 {
            client
                .write(
                    "POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\n\
                     Sallyport-Assertion: forged\r\nX-Api-Key: stolen\r\nX-Sum: 1\r\n\r\n",
                )
                .await;
            let answer = client.read_until("\r\nX-Time: 5\r\n\r\n").await;
            assert_eq!(body_of(&answer), "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Time: 5\r\n\r\n");
        }
        let seen = upstream.seen.all();
        assert!(seen.contains("\r\ntransfer-encoding: chunked\r\n"), "{seen}");
        assert_eq!(seen.matches("\r\n\r\n4\r\nwxyz\r\n0\r\nX-Sum: 1\r\n\r\n").count(), 2, "{seen}");
        assert!(!seen.contains("forged") && !seen.contains("stolen"), "{seen}");
        assert_eq!(upstream.seen.accepted.get(), 1);
    });
}

#[test]
fn a_client_that_waits_is_asked_for_its_body_once_it_is_let_in() {
    run(async {
        let upstream = Upstream::start(vec![vec![Act::Await("hello"), write(OK)]]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client
            .write("POST /a HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            .await;
        assert_eq!(client.read_until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.write("hello").await;
        assert!(client.read_message().await.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(!upstream.seen.all().to_lowercase().contains("expect"));
    });
}

#[test]
fn a_client_that_waits_and_is_refused_is_never_asked_for_its_body() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let (answer, _) = served
            .exchange(
                "POST /deny HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            )
            .await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert_eq!(upstream.seen.accepted.get(), 0);
    });
}

#[test]
fn answers_without_a_body_leave_the_connections_in_use() {
    run(async {
        for (method, answer, expected) in [
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", "Content-Length: 50"),
            ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "sallyport"),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content"),
            ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "Content-Length: 7"),
            ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0"),
        ] {
            let upstream = Upstream::always(answer).await;
            let served = Served::before(upstream.address);
            let mut client = Wire::connect(served.address).await;
            for _ in 0..3 {
                client.write(format!("{method} /a HTTP/1.1\r\nHost: a.example\r\n\r\n")).await;
                let head = client.read_until("\r\n\r\n").await;
                assert!(head.contains(expected), "{head}");
                assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
            }
            assert_eq!(upstream.seen.accepted.get(), 1, "{answer}");
        }
    });
}

#[test]
fn interim_responses_pass_but_not_a_change_of_protocol() {
    run(async {
        let upstream = Upstream::always(
            "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        let all = client.read_until("\r\n\r\nok").await;
        assert!(all.starts_with("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\n"), "{all}");

        let upstream = Upstream::always("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n").await;
        let served = Served::before(upstream.address);
        let (answer, _) =
            served.exchange("GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        assert!(answer.contains("upstream_malformed"), "{answer}");
    });
}

#[test]
fn endless_interim_responses_are_refused() {
    run(async {
        let upstream = Upstream::always(&"HTTP/1.1 102 Processing\r\n\r\n".repeat(17)).await;
        let served = Served::before(upstream.address);
        let (answer, _) =
            served.exchange("GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await;
        assert_eq!(answer.matches("HTTP/1.1 102 ").count(), 16);
        assert!(answer.contains("HTTP/1.1 502 "), "{answer}");
    });
}

#[test]
fn a_body_that_ends_with_the_connection_ends_in_chunks() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            write("HTTP/1.0 200 OK\r\n\r\nhello"),
            Act::End,
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        let answer = client.read_until("0\r\n\r\n").await;
        assert_eq!(body_of(&answer), "5\r\nhello\r\n0\r\n\r\n");
        client.write(HEAD).await;
        client.read_until("0\r\n\r\n").await;
        assert_eq!(upstream.seen.accepted.get(), 2, "a connection that ends a body is not used again");
    });
}

#[test]
fn an_http_1_0_client_is_answered_and_its_connection_closed() {
    run(async {
        let upstream = Upstream::always(
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n",
        )
        .await;
        let served = Served::before(upstream.address);
        let (answer, closed) =
            served.exchange("GET /a HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("connection: close\r\n\r\nabc"), "{answer}");
        assert!(!answer.contains("chunked"), "{answer}");
        assert_eq!(closed, Closed::Orderly);
    });
}

#[test]
fn events_flow_as_they_come() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Act::Wait(std::time::Duration::from_secs(20)),
            write("9\r\ndata: 1\n\n\r\n"),
            Act::Wait(std::time::Duration::from_secs(40)),
            write("9\r\ndata: 2\n\n\r\n"),
            Act::Wait(std::time::Duration::from_secs(40)),
            write("0\r\n\r\n"),
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        let start = tokio::time::Instant::now();
        client.write(HEAD).await;
        client.read_until("\r\n\r\n").await;
        client.read_until("data: 1\n\n\r\n").await;
        let first = start.elapsed().as_secs();
        client.read_until("data: 2\n\n\r\n").await;
        let second = start.elapsed().as_secs();
        client.read_until("0\r\n\r\n").await;
        assert!((20..21).contains(&first), "{first}");
        assert!((60..61).contains(&second), "{second}");
    });
}
