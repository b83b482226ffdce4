//! Upstreams that are slow, refuse, reset, answer garbage, too early or too much.

use std::time::Duration;

use tokio::time::Instant;

use crate::testing::{Act, Choices, Closed, Served, Upstream, Wire, body_of, run, write};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
const LAST: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

async fn answer_to(script: Vec<Act>) -> (String, Closed) {
    let upstream = Upstream::start(vec![script]).await;
    Served::before(upstream.address).exchange(LAST).await
}

#[test]
fn an_unsound_answer_becomes_a_problem() {
    run(async {
        for garbage in [
            "nonsense\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 999 X\r\n\r\n",
            "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n",
        ] {
            let (answer, closed) = answer_to(vec![Act::Await("\r\n\r\n"), write(garbage)]).await;
            assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{garbage:?} gave {answer}");
            assert!(answer.contains("upstream_malformed"), "{garbage:?} gave {answer}");
            assert!(answer.contains("sallyport-decision-id: "), "{garbage:?} gave {answer}");
            assert_eq!(closed, Closed::Orderly);
        }
    });
}

#[test]
fn an_oversized_head_becomes_a_problem() {
    run(async {
        let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(40_000));
        let (answer, _) = answer_to(vec![Act::Await("\r\n\r\n"), Act::Write(head)]).await;
        assert!(answer.contains("upstream_malformed"), "{answer}");
    });
}

#[test]
fn an_answer_that_breaks_off_never_looks_complete() {
    run(async {
        for (sent, last) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Act::End),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Act::Reset),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Act::End),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", write("zz\r\n")),
            ("HTTP/1.1 200 OK\r\n\r\nhello", Act::Reset),
        ] {
            let script =
                vec![Act::Await("\r\n\r\n"), write(sent), Act::Wait(Duration::from_secs(1)), last.clone()];
            let upstream = Upstream::start(vec![script]).await;
            let (answer, closed) = Served::before(upstream.address).exchange(LAST).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{sent:?} {last:?} gave {answer}");
            assert!(!answer.ends_with("0\r\n\r\n"), "{sent:?} {last:?} gave {answer}");
            assert_eq!(closed, Closed::Broken, "{sent:?} {last:?}");
        }
    });
}

#[test]
fn an_answer_that_never_begins_is_told_apart() {
    run(async {
        for (script, code) in [
            (vec![Act::Await("\r\n\r\n"), Act::Reset], "upstream_broken"),
            (
                vec![Act::Await("\r\n\r\n"), write("HTTP/1.1 200 OK\r\nConte"), Act::End, Act::Reset],
                "upstream_broken",
            ),
            (vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(100))], "upstream_late"),
        ] {
            let (answer, _) = answer_to(script).await;
            assert!(answer.contains(code), "{code}: {answer}");
        }
        // Nobody listens there.
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (answer, _) = Served::before(gone).exchange(LAST).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("upstream_unreachable"), "{answer}");
    });
}

#[test]
fn a_late_answer_is_given_up_after_its_deadline_and_not_before() {
    run(async {
        let start = Instant::now();
        let (answer, _) =
            answer_to(vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(29)), write(OK)]).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(start.elapsed().as_secs(), 29);
        let start = Instant::now();
        let (answer, _) = answer_to(vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(60))]).await;
        assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
        assert!((30..=31).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    });
}

#[test]
fn an_answer_that_stalls_is_broken_off() {
    run(async {
        let start = Instant::now();
        let (answer, closed) = answer_to(vec![
            Act::Await("\r\n\r\n"),
            write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
            Act::Wait(Duration::from_secs(100)),
        ])
        .await;
        assert_eq!((body_of(&answer).as_str(), closed), ("hello", Closed::Broken));
        assert!((60..=61).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    });
}

#[test]
fn each_api_says_how_long_its_upstream_may_take() {
    const POST: &str = "POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nab";
    run(async {
        let late = vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(1_000))];
        let stalls = vec![
            Act::Await("\r\n\r\n"),
            write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"),
            Act::Wait(Duration::from_secs(1_000)),
        ];
        for (head, idle, script, request, status, seconds) in [
            (2, 100, &late, LAST, "504", 2),
            (90, 1, &late, LAST, "504", 90),
            (2, 100, &stalls, LAST, "200", 100),
            (90, 1, &stalls, LAST, "200", 1),
            // A client that stalls is not the upstream's fault, whichever deadline is shorter.
            (2, 100, &late, POST, "408", 100),
            (90, 1, &late, POST, "408", 1),
        ] {
            let upstream = Upstream::start(vec![script.clone()]).await;
            let [head, idle] = [head, idle].map(Duration::from_secs);
            let timeouts = enforce::Timeouts { head, idle, ..Choices::STANDARD.timeouts };
            let choices = Choices { timeouts, ..Choices::STANDARD };
            let served = Served::with(&upstream.address.to_string(), choices);
            let start = Instant::now();
            let mut client = Wire::connect(served.address).await;
            client.write(request).await;
            let answer = client.read_to_end().await.0;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?} {idle:?} {answer}");
            let took = start.elapsed().as_secs();
            assert!((seconds..=seconds + 3).contains(&took), "{head:?} {idle:?} {status} after {took} s");
        }
    });
}

#[test]
fn an_early_answer_is_delivered_although_the_body_is_still_coming() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\nhello"),
            write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"),
            Act::End,
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nhello").await;
        let answer = client.read_message().await;
        assert!(answer.starts_with("HTTP/1.1 413 Too Large\r\n"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        client.write("x".repeat(99_995)).await;
        client.end().await;
        assert_eq!(client.read_to_end().await, (String::new(), Closed::Orderly));
    });
}

#[test]
fn an_upstream_that_stops_reading_has_its_answer_read() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            write("HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno"),
            Act::Reset,
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9000000\r\n\r\n").await;
        let (answer, _) = client.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "the limit comes first: {answer}");
        let mut client = Wire::connect(served.address).await;
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 900000\r\n\r\n").await;
        let (answer, _) = client.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 400 No") || answer.contains("upstream_broken"), "{answer}");
    });
}

#[test]
fn surplus_bytes_poison_a_connection() {
    run(async {
        let upstream = Upstream::start(vec![
            vec![
                Act::Await("\r\n\r\n"),
                write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
                Act::Again,
            ],
            vec![Act::Await("\r\n\r\n"), write(OK), write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), Act::Again],
            vec![Act::Await("\r\n\r\n"), write(OK), Act::Again],
        ])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        for _ in 0..5 {
            client.write(HEAD).await;
            let answer = client.read_message().await;
            assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert_eq!(upstream.seen.accepted.get(), 3);
    });
}

#[test]
fn a_pooled_connection_that_was_closed_is_replaced_once() {
    run(async {
        // The first connection answers once and dies on the second request; the second one serves.
        let upstream = Upstream::start(vec![
            vec![Act::Await("\r\n\r\n"), write(OK), Act::Await("\r\n\r\n"), Act::Reset],
            vec![Act::Await("\r\n\r\n"), write(OK), Act::Again],
        ])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        for _ in 0..2 {
            client.write(HEAD).await;
            assert!(client.read_message().await.ends_with("ok"));
        }
        assert_eq!(upstream.seen.accepted.get(), 2);
    });
}

#[test]
fn a_request_that_may_have_had_an_effect_is_never_sent_twice() {
    run(async {
        for request in [
            "POST /a HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "PATCH /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
            "PUT /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
        ] {
            let upstream = Upstream::start(vec![
                vec![Act::Await("\r\n\r\n"), write(OK), Act::Await("\r\n\r\n"), Act::Reset],
                vec![Act::Await("\r\n\r\n"), write(OK), Act::Again],
            ])
            .await;
            let served = Served::before(upstream.address);
            let mut client = Wire::connect(served.address).await;
            client.write(HEAD).await;
            client.read_message().await;
            client.write(request).await;
            let answer = client.read_message().await;
            assert!(answer.contains("upstream_broken"), "{request:?} gave {answer}");
            assert_eq!(upstream.seen.accepted.get(), 1, "{request:?}");
        }
    });
}

#[test]
fn a_fresh_connection_that_dies_is_not_tried_again() {
    run(async {
        let upstream = Upstream::start(vec![vec![Act::Await("\r\n\r\n"), Act::Reset]]).await;
        let (answer, _) = Served::before(upstream.address).exchange(LAST).await;
        assert!(answer.contains("upstream_broken"), "{answer}");
        assert_eq!(upstream.seen.accepted.get(), 1);
    });
}

#[test]
fn a_connection_that_authenticates_is_not_shared() {
    run(async {
        let upstream =
            Upstream::always("HTTP/1.1 401 U\r\nWWW-Authenticate: NTLM abc\r\nContent-Length: 2\r\n\r\nno")
                .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        for _ in 0..2 {
            client.write(HEAD).await;
            client.read_message().await;
        }
        assert_eq!(upstream.seen.accepted.get(), 2);
    });
}

#[test]
fn the_gateway_is_never_its_own_upstream() {
    run(async {
        for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
            let served = Served::before_itself(host);
            let (answer, _) = served.exchange(LAST).await;
            assert!(answer.contains("upstream_unreachable"), "{host}: {answer}");
        }
    });
}

#[test]
fn a_large_answer_waits_for_a_slow_reader_in_bounded_memory() {
    run(async {
        let size = 20_000_000_usize;
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            Act::Write(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n{}", "z".repeat(size))),
        ]])
        .await;
        let served = Served::with(&upstream.address.to_string(), Choices::STANDARD);
        let mut client = Wire::connect(served.address).await;
        client.write(LAST).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (answer, closed) = client.read_to_end().await;
        assert_eq!((body_of(&answer).len(), closed), (size, Closed::Orderly));
    });
}
