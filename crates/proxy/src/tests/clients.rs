//! Clients that are slow, half closed or gone.

use std::time::Duration;

use tokio::time::Instant;

use crate::testing::{Act, Closed, Served, Upstream, Wire, run, write};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn a_head_that_trickles_is_given_up_after_its_deadline() {
    run(async {
        let served = Served::before(Upstream::always(OK).await.address);
        let mut client = Wire::connect(served.address).await;
        let start = Instant::now();
        for byte in b"GET /aaaaaaaaa" {
            client.write([*byte]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let (answer, _) = client.read_to_end().await;
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("the request head did not arrive in time"),
            "{answer}"
        );
        assert!((10..=15).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    });
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    run(async {
        let served = Served::before(Upstream::always(OK).await.address);
        for requests in [0, 1] {
            let mut client = Wire::connect(served.address).await;
            for _ in 0..requests {
                client.write(HEAD).await;
                client.read_message().await;
            }
            let start = Instant::now();
            assert_eq!(client.read_to_end().await, (String::new(), Closed::Orderly));
            assert!((75..=76).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        }
    });
}

#[test]
fn a_body_that_stalls_is_given_up_after_its_deadline() {
    run(async {
        let upstream = Upstream::start(vec![vec![]]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhello").await;
        let start = Instant::now();
        let (answer, _) = client.read_to_end().await;
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("the request body did not arrive in time"),
            "{answer}"
        );
        assert!((60..=63).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(upstream.seen.closed(0), Some(Closed::Broken), "the upstream must not take it for whole");
    });
}

#[test]
fn a_body_that_trickles_may_take_its_time() {
    run(async {
        let upstream = Upstream::start(vec![vec![Act::Await("hello"), write(OK)]]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n").await;
        for byte in b"hello" {
            tokio::time::sleep(Duration::from_secs(25)).await;
            client.write([*byte]).await;
        }
        assert!(client.read_message().await.ends_with("ok"));
    });
}

#[test]
fn a_client_that_has_ended_its_side_is_answered() {
    run(async {
        let upstream =
            Upstream::start(vec![vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(5)), write(OK)]])
                .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        client.end().await;
        let (answer, closed) = client.read_to_end().await;
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
        assert_eq!(closed, Closed::Orderly);
    });
}

#[test]
fn a_client_that_vanishes_takes_its_request_with_it() {
    run(async {
        // While the answer is waited for.
        let upstream =
            Upstream::start(vec![vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(3))]]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.reset();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(upstream.seen.closed(0).is_some());
        // In the middle of its body.
        let upstream = Upstream::start(vec![vec![]]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhello").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.end().await;
        assert_eq!(client.read_to_end().await.0, "");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(upstream.seen.closed(0), Some(Closed::Broken));
    });
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            Act::Write(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n{}",
                "z".repeat(50_000_000)
            )),
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!(client.read_to_end().await.1, Closed::Broken);
    });
}

#[test]
fn half_a_head_is_no_request() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("GET /a HTTP/1.1\r\nHost").await;
        client.end().await;
        assert_eq!(client.read_to_end().await.0, "");
        assert_eq!(upstream.seen.accepted.get(), 0);
    });
}
