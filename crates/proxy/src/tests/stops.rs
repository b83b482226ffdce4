//! Requests under way are decided again, within a second and whatever they wait for.

use std::time::Duration;

use tokio::time::Instant;

use crate::testing::{Act, Choices, Closed, Served, Upstream, Wire, body_of, run, write};
use crate::{Deadlines, Settings};

const HEAD: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
/// What the design promises.
const WITHIN: Duration = Duration::from_secs(1);

#[test]
fn an_answer_that_has_begun_breaks_off_within_a_second() {
    run(async {
        let script =
            vec![Act::Await("\r\n\r\n"), write(HALF), Act::Wait(Duration::from_secs(50)), write("later")];
        let upstream = Upstream::start(vec![script]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        client.read_until("half").await;
        // However long it has been going on, and however often it was decided again without a change.
        tokio::time::sleep(Duration::from_secs(7)).await;
        served.block();
        let start = Instant::now();
        assert_eq!(client.read_to_end().await, (String::new(), Closed::Broken));
        assert!(start.elapsed() <= WITHIN, "{:?}", start.elapsed());
    });
}

#[test]
fn who_has_no_answer_yet_is_told_that_it_is_blocked() {
    run(async {
        let script = vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(20)), write(HALF)];
        let upstream = Upstream::start(vec![script]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        served.block();
        let start = Instant::now();
        let answer = client.read_message().await;
        assert!(start.elapsed() <= WITHIN, "{:?}", start.elapsed());
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && body_of(&answer).contains("problem:blocked"),
            "{answer}"
        );
        // The connection is sound, and the next request is refused by itself.
        client.write(HEAD).await;
        assert!(client.read_message().await.starts_with("HTTP/1.1 403 "));
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(upstream.seen.closed(0).is_some(), "the upstream's answer goes nowhere");
    });
}

#[test]
fn a_body_on_its_way_never_gets_an_end() {
    run(async {
        let script = vec![Act::Await("\r\n\r\nbegun")];
        let upstream = Upstream::start(vec![script]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nbegun").await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        served.block();
        let start = Instant::now();
        let answer = client.read_message().await;
        assert!(start.elapsed() <= WITHIN, "{:?}", start.elapsed());
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(upstream.seen.closed(0), Some(Closed::Broken), "{}", upstream.seen.all());
    });
}

#[test]
fn a_client_that_reads_nothing_is_cut_off_as_well() {
    run(async {
        let much = format!("HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n{}", "x".repeat(8_000_000));
        let upstream = Upstream::start(vec![vec![Act::Await("\r\n\r\n"), write(&much)]]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        served.block();
        tokio::time::sleep(WITHIN).await;
        assert!(upstream.seen.closed(0).is_some());
        assert_eq!(client.read_to_end().await.1, Closed::Broken);
    });
}

#[test]
fn what_is_still_permitted_goes_on_however_often_the_snapshot_changes() {
    run(async {
        let script =
            vec![Act::Await("\r\n\r\n"), write(HALF), Act::Wait(Duration::from_secs(5)), write(" done")];
        let upstream = Upstream::start(vec![script]).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        client.read_until("half").await;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let same = enforce::Snapshot::clone(&served.snapshots.load());
            served.snapshots.store(std::sync::Arc::new(same));
        }
        assert_eq!(client.read_until(" done").await, " done");
    });
}

#[test]
fn no_exchange_lasts_longer_than_it_may() {
    run(async {
        let script = vec![
            Act::Await("\r\n\r\n"),
            write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
            Act::Wait(Duration::from_secs(50)),
        ];
        let upstream = Upstream::start(vec![script]).await;
        let deadlines = Deadlines { exchange: Duration::ZERO, ..Deadlines::STANDARD };
        let settings = Settings { deadlines, ..Settings::STANDARD };
        let served = Served::with(&upstream.address.to_string(), Choices { settings, ..Choices::STANDARD });
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        let start = Instant::now();
        let (text, closed) = client.read_to_end().await;
        assert!(text.ends_with("1\r\nx\r\n") && closed == Closed::Broken, "{text}");
        assert!(start.elapsed() <= WITHIN, "{:?}", start.elapsed());
    });
}
