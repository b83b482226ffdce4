//! A worker's life: limits, pools, draining.

use std::time::Duration;

use tokio::time::Instant;

use crate::testing::{Act, Choices, Closed, Served, Upstream, Wire, run, write};
use crate::{Limits, Settings};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[test]
fn draining_finishes_what_is_in_flight_and_closes_what_idles() {
    run(async {
        let upstream =
            Upstream::start(vec![vec![Act::Await("\r\n\r\n"), Act::Wait(Duration::from_secs(5)), write(OK)]])
                .await;
        let served = Served::before(upstream.address);
        let mut idle = Wire::connect(served.address).await;
        let mut busy = Wire::connect(served.address).await;
        busy.write(HEAD).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        served.ask_to_end();
        assert_eq!(idle.read_to_end().await, (String::new(), Closed::Orderly));
        assert!(start.elapsed() < Duration::from_secs(1));
        let (answer, closed) = busy.read_to_end().await;
        assert!(answer.contains("connection: close\r\n") && answer.ends_with("ok"), "{answer}");
        assert_eq!(closed, Closed::Orderly);
        let address = served.address;
        served.ended().await;
        assert!(start.elapsed() < Duration::from_secs(6));
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    });
}

#[test]
fn draining_ends_at_its_deadline() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
            Act::Wait(Duration::from_secs(50)),
        ]])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        client.read_until("half").await;
        let start = Instant::now();
        served.ask_to_end();
        assert_eq!(client.read_to_end().await, (String::new(), Closed::Broken));
        served.ended().await;
        assert!((10..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    });
}

#[test]
fn at_the_limit_the_longest_idle_connection_makes_room() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let limits = Limits { connections_max: 2, ..Limits::STANDARD };
        let settings = Settings { limits, ..Settings::STANDARD };
        let served = Served::with(&upstream.address.to_string(), Choices { settings, ..Choices::STANDARD });
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut client = Wire::connect(served.address).await;
            client.write(HEAD).await;
            assert!(client.read_message().await.ends_with("ok"));
            tokio::time::sleep(Duration::from_secs(1)).await;
            clients.push(client);
        }
        assert_eq!(clients[0].read_to_end().await, (String::new(), Closed::Orderly));
        for client in &mut clients[1..] {
            client.write(HEAD).await;
            assert!(client.read_message().await.ends_with("ok"));
        }
    });
}

#[test]
fn at_the_limit_a_new_connection_waits_for_busy_ones() {
    run(async {
        let upstream = Upstream::start(vec![vec![
            Act::Await("\r\n\r\n"),
            Act::Wait(Duration::from_secs(5)),
            write(OK),
            Act::Again,
        ]])
        .await;
        let limits = Limits { connections_max: 1, ..Limits::STANDARD };
        let settings = Settings { limits, ..Settings::STANDARD };
        let served = Served::with(&upstream.address.to_string(), Choices { settings, ..Choices::STANDARD });
        let mut first = Wire::connect(served.address).await;
        first.write(HEAD).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut second = Wire::connect(served.address).await;
        second.write(HEAD).await;
        assert!(first.read_message().await.ends_with("ok"));
        assert!(second.read_message().await.ends_with("ok"));
    });
}

#[test]
fn an_idle_upstream_connection_that_ends_is_noticed_without_a_request() {
    run(async {
        let upstream = Upstream::start(vec![
            vec![Act::Await("\r\n\r\n"), write(OK), Act::Wait(Duration::from_secs(2)), Act::End],
            vec![Act::Await("\r\n\r\n"), write(OK), Act::Again],
        ])
        .await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        client.read_message().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(upstream.seen.closed(0).is_some(), "our side is closed as well");
        client.write("POST /a HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        assert!(client.read_message().await.ends_with("ok"));
    });
}

#[test]
fn an_upstream_connection_is_not_kept_longer_than_allowed() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        let mut client = Wire::connect(served.address).await;
        client.write(HEAD).await;
        client.read_message().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(upstream.seen.closed(0).is_some());
        client.write(HEAD).await;
        client.read_message().await;
        assert_eq!(upstream.seen.accepted.get(), 2);
    });
}

#[test]
fn many_connections_that_come_and_go_leave_nothing_behind() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        for number in 0..300 {
            let mut client = Wire::connect(served.address).await;
            match number % 3 {
                0 => client.write("GET /").await,
                1 => {
                    client.write(HEAD).await;
                    client.read_message().await;
                }
                _ => client.write("nonsense\r\n\r\n").await,
            }
            if number % 2 == 0 {
                client.reset();
            }
        }
        served.ask_to_end();
        served.ended().await;
    });
}

#[test]
fn an_idle_connection_is_a_small_task() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let (gateway, _log) = crate::testing::gateway(upstream.address);
        let stream = tokio::net::TcpStream::connect(upstream.address).await.unwrap();
        let task = crate::connection::serve(gateway, stream, upstream.address.ip());
        assert!(size_of_val(&task) <= 1_024, "{} bytes", size_of_val(&task));
    });
}
