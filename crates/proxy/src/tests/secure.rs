//! TLS with clients and with upstreams: deadlines, limits, ends, and whom an upstream must be.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use testkit::{Authority, Leaf, Name, now_seconds};
use tls::{Client, ClientFiles, Clients, PairFiles, Roots, Server, ServerFiles, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::testing::{Choices, Served, Upstream, Wire, run, text};
use crate::{Limits, Settings};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
const SERVER: &str = "a.example";

/// Files of certificates in a folder that goes with the value.
struct Files(std::path::PathBuf);

impl Files {
    fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sallyport-proxy-tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        std::fs::write(self.0.join(name), text).unwrap();
        self.0.join(name)
    }

    fn pair(&self, name: &str, issued: &testkit::Issued) -> PairFiles {
        PairFiles {
            certificate: self.write(&format!("{name}.pem"), &issued.certificate),
            key: self.write(&format!("{name}.key"), &issued.key),
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn server_of(files: &Files, authority: &Authority, clients: Clients) -> Server {
    let pair = files.pair("server", &authority.issue(&Leaf::server(&[SERVER])));
    ServerFiles { pairs: vec![pair], clients }.read().unwrap().check(now_seconds()).unwrap()
}

fn client_of(files: &Files, authority: &Authority, own: Option<PairFiles>) -> Client {
    let roots = Roots::File(files.write("roots.pem", &authority.pem));
    ClientFiles { roots, own }.read().unwrap().check(now_seconds()).unwrap()
}

/// A gateway that speaks TLS before `upstream`, and how to call it.
fn secured(upstream: &Upstream, settings: Settings, clients: Clients) -> (Served, Client, Files, Authority) {
    let (files, authority) = (Files::new(), Authority::new("servers"));
    let server = server_of(&files, &authority, clients);
    let client = client_of(&files, &authority, None);
    let tls = Some(Arc::new(ArcSwap::from_pointee(server)));
    let choices = Choices { settings, tls, ..Choices::STANDARD };
    (Served::with(&upstream.address.to_string(), choices), client, files, authority)
}

async fn connect(served: &Served, client: &Client) -> client::TlsStream<TcpStream> {
    let wire = Wire::connect(served.address).await;
    let name = ServerName::try_from(SERVER).unwrap();
    TlsConnector::from(Arc::clone(&client.config)).connect(name, wire.stream).await.unwrap()
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let count =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut *stream).poll_write(context, bytes))
                .await
                .unwrap();
        bytes = &bytes[count..];
    }
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *stream).poll_flush(context)).await.unwrap();
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut memory = vec![0; 65_536];
    let mut buffer = ReadBuf::new(&mut memory);
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *stream).poll_read(context, &mut buffer)).await?;
    Ok(buffer.filled().to_vec())
}

async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let bytes = read(stream).await.unwrap();
        assert!(!bytes.is_empty(), "ended after {:?}", text(&all));
        all.extend(bytes);
    }
    text(&all)
}

/// An upstream that speaks TLS; answers each request, and counts connections and what it read.
struct SecuredUpstream {
    address: std::net::SocketAddr,
    seen: Rc<std::cell::RefCell<Vec<String>>>,
}

impl SecuredUpstream {
    async fn start(server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(std::cell::RefCell::new(Vec::new()));
        let kept = Rc::clone(&seen);
        tokio::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let acceptor = TlsAcceptor::from(Arc::clone(&server.config));
                let kept = Rc::clone(&kept);
                tokio::task::spawn_local(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    kept.borrow_mut().push(String::new());
                    let place = kept.borrow().len() - 1;
                    answer(stream, &kept, place).await;
                });
            }
        });
        Self { address, seen }
    }
}

async fn answer(
    mut stream: server::TlsStream<TcpStream>,
    seen: &std::cell::RefCell<Vec<String>>,
    place: usize,
) {
    loop {
        match read(&mut stream).await {
            Ok(bytes) if !bytes.is_empty() => seen.borrow_mut()[place].push_str(&text(&bytes)),
            _ => return,
        }
        if seen.borrow()[place].ends_with("\r\n\r\n") {
            write(&mut stream, OK.as_bytes()).await;
        }
    }
}

/// Security case 50.
#[test]
fn a_stalled_handshake_ends_at_its_deadline() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let (served, _client, _files, _) = secured(&upstream, Settings::STANDARD, Clients::NotAsked);
        for first in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
            let start = Instant::now();
            let mut wire = Wire::connect(served.address).await;
            wire.write(first).await;
            wire.read_to_end().await;
            assert!((10..=11).contains(&start.elapsed().as_secs()), "{first:?} {:?}", start.elapsed());
        }
    });
}

#[test]
fn at_the_limit_the_handshake_that_has_taken_longest_makes_room() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let limits = Limits { handshakes_max: 2, ..Limits::STANDARD };
        let settings = Settings { limits, ..Settings::STANDARD };
        let (served, client, _files, _) = secured(&upstream, settings, Clients::NotAsked);
        // What is not in its handshake is not counted.
        let mut settled = connect(&served, &client).await;
        let mut stalled = Vec::new();
        for _ in 0..3 {
            stalled.push(Wire::connect(served.address).await);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let start = Instant::now();
        assert_eq!(stalled[0].read_to_end().await.0, "");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        let mut late = connect(&served, &client).await;
        for stream in [&mut settled, &mut late] {
            write(stream, HEAD.as_bytes()).await;
            read_until(stream, "ok").await;
        }
    });
}

#[test]
fn an_idle_connection_ends_with_a_goodbye() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let (served, client, _files, _) = secured(&upstream, Settings::STANDARD, Clients::NotAsked);
        let mut stream = connect(&served, &client).await;
        write(&mut stream, HEAD.as_bytes()).await;
        let answer = read_until(&mut stream, "ok").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(upstream.seen.all().contains("X-Forwarded-Proto: https\r\n"), "{}", upstream.seen.all());
        // The end of the connection alone would be an error here.
        assert_eq!(read(&mut stream).await.unwrap(), b"");
        let mut stream = connect(&served, &client).await;
        served.ask_to_end();
        assert_eq!(read(&mut stream).await.unwrap(), b"");
        served.ended().await;
    });
}

#[test]
fn half_an_answer_ends_without_a_goodbye() {
    run(async {
        let script = vec![
            crate::testing::Act::Await("\r\n\r\n"),
            crate::testing::write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
            crate::testing::Act::Reset,
        ];
        let upstream = Upstream::start(vec![script]).await;
        let (served, client, _files, _) = secured(&upstream, Settings::STANDARD, Clients::NotAsked);
        let mut stream = connect(&served, &client).await;
        write(&mut stream, HEAD.as_bytes()).await;
        let mut all = Vec::new();
        let error = loop {
            match read(&mut stream).await {
                Ok(bytes) if bytes.is_empty() => panic!("ended in order after {:?}", text(&all)),
                Ok(bytes) => all.extend(bytes),
                Err(error) => break error,
            }
        };
        assert!(text(&all).ends_with("half"), "{error}: {:?}", text(&all));
    });
}

#[test]
fn a_slow_reader_gets_all_of_a_large_answer() {
    run(async {
        let body = "0123456789".repeat(300_000);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let upstream = Upstream::always(&answer).await;
        let (served, client, _files, _) = secured(&upstream, Settings::STANDARD, Clients::NotAsked);
        let mut stream = connect(&served, &client).await;
        write(&mut stream, HEAD.as_bytes()).await;
        let mut all = String::new();
        while !all.contains("\r\n\r\n") || all.split_once("\r\n\r\n").unwrap().1.len() < body.len() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            all.push_str(&text(&read(&mut stream).await.unwrap()));
        }
        assert!(all.ends_with(&body));
    });
}

#[test]
fn a_client_certificate_names_the_channel() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let clients = Authority::new("clients");
        let files = Files::new();
        let asked = Clients::optional(files.write("clients.pem", &clients.pem));
        let (served, _, files, authority) = secured(&upstream, Settings::STANDARD, asked);
        for (names, expected) in [
            (vec![Name::Uri("spiffe://example.org/a")], "HTTP/1.1 200 OK"),
            (vec![], "HTTP/1.1 401 Unauthorized"),
        ] {
            let own = files.pair("client", &clients.issue(&Leaf::client(names)));
            let client = client_of(&files, &authority, Some(own));
            let mut stream = connect(&served, &client).await;
            write(&mut stream, HEAD.as_bytes()).await;
            let answer = text(&read(&mut stream).await.unwrap());
            assert!(answer.starts_with(expected), "{answer}");
        }
    });
}

/// Connections are older than the files that are in force: what those say by now counts, for the next request and for the
/// one that is under way.
#[test]
fn a_certificate_that_is_taken_back_stops_the_connections_that_it_opened() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let (clients, servers, files) = (Authority::new("clients"), Authority::new("servers"), Files::new());
        let authorities = files.write("clients.pem", &clients.pem);
        let asked = |lists: &[std::path::PathBuf], role| {
            Clients::Asked(tls::Asked {
                authorities: authorities.clone(),
                lists: lists.to_vec(),
                presence: tls::Presence::Optional,
                role,
            })
        };
        let pair = files.pair("server", &servers.issue(&Leaf::server(&[SERVER])));
        let server = |clients| {
            let named = ServerFiles { pairs: vec![pair.clone()], clients };
            Arc::new(named.read().unwrap().check(now_seconds()).unwrap())
        };
        let tls = Arc::new(ArcSwap::new(server(asked(&[], tls::Role::Caller))));
        let choices = Choices { tls: Some(Arc::clone(&tls)), ..Choices::STANDARD };
        let served = Served::with(&upstream.address.to_string(), choices);
        let (good, bad) = ("spiffe://example.org/good", "spiffe://example.org/bad");
        // Handshakes are judged by the machine's clock, requests by the test's.
        let long = (-3_650, 36_500);
        let leaf = |id| Leaf::client(vec![Name::Uri(id)]).days(long.0, long.1);
        let issued = [good, bad].map(|id| clients.issue(&leaf(id)));
        let mut streams = Vec::new();
        for issued in &issued {
            let client = client_of(&files, &servers, Some(files.pair("client", issued)));
            streams.push(connect(&served, &client).await);
        }
        streams.push(connect(&served, &client_of(&files, &servers, None)).await);
        let mut expect = async |expected: [&str; 3]| {
            for (stream, expected) in streams.iter_mut().zip(expected) {
                write(stream, HEAD.as_bytes()).await;
                let answer = text(&read(stream).await.unwrap());
                assert!(answer.starts_with(expected), "{answer} expected {expected}");
            }
        };
        let (ok, refused) = ("HTTP/1.1 200 OK", "HTTP/1.1 401 Unauthorized");
        expect([ok, ok, ok]).await;
        let list = files.write("clients.crl", &clients.revoke(&[&issued[1]], long));
        tls.store(server(asked(&[list], tls::Role::Caller)));
        expect([ok, refused, ok]).await;
        // Who is let in again is let in again: nothing of it sticks to a connection.
        tls.store(server(asked(&[], tls::Role::Caller)));
        expect([ok, ok, ok]).await;
        tls.store(server(Clients::required(authorities.clone())));
        expect([ok, ok, refused]).await;
        tls.store(server(Clients::optional(files.write("others.pem", &Authority::new("others").pem))));
        expect([refused, refused, ok]).await;
        tls.store(server(asked(&[], tls::Role::Transport)));
        expect([ok, ok, ok]).await;
    });
}

/// A gateway before an upstream of TLS that is believed by these roots under this name.
fn before(upstream: &SecuredUpstream, roots: &Authority, name: &str) -> Served {
    let files = Files::new();
    let client = client_of(&files, roots, None);
    let address = upstream.address.to_string();
    let calls = Some((enforce::UpstreamTls::new(&address, name, "profile"), client.config));
    Served::with(&address, Choices { calls, ..Choices::STANDARD })
}

#[test]
fn an_upstream_that_proves_its_name_is_called_and_its_connection_kept() {
    run(async {
        let (files, authority) = (Files::new(), Authority::new("upstreams"));
        let upstream = SecuredUpstream::start(server_of(&files, &authority, Clients::NotAsked)).await;
        let served = before(&upstream, &authority, SERVER);
        for _ in 0..3 {
            let mut wire = Wire::connect(served.address).await;
            wire.write(HEAD).await;
            let answer = wire.read_message().await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
        assert_eq!(upstream.seen.borrow().len(), 1, "{:?}", upstream.seen.borrow());
    });
}

#[test]
fn an_upstream_that_does_not_prove_its_name_gets_nothing() {
    run(async {
        let (files, authority) = (Files::new(), Authority::new("upstreams"));
        let upstream = SecuredUpstream::start(server_of(&files, &authority, Clients::NotAsked)).await;
        for (roots, name) in [
            (&Authority::new("others"), SERVER),
            (&authority, "b.example"),
            (&authority, "127.0.0.1"),
            (&authority, "a.example.evil.example"),
        ] {
            let served = before(&upstream, roots, name);
            let mut wire = Wire::connect(served.address).await;
            wire.write(HEAD).await;
            let answer = wire.read_message().await;
            assert!(
                answer.starts_with("HTTP/1.1 502 ") && answer.contains("upstream_unverified"),
                "{answer}"
            );
        }
        assert!(upstream.seen.borrow().iter().all(String::is_empty), "{:?}", upstream.seen.borrow());
    });
}

#[test]
fn an_upstream_that_speaks_no_tls_gets_no_request() {
    run(async {
        let answering = Upstream::start(vec![vec![
            crate::testing::Act::Wait(Duration::from_secs(1)),
            crate::testing::write(OK),
        ]])
        .await;
        let files = Files::new();
        let client = client_of(&files, &Authority::new("upstreams"), None);
        let address = answering.address.to_string();
        let calls = Some((enforce::UpstreamTls::new(&address, SERVER, "profile"), client.config));
        let served = Served::with(&address, Choices { calls, ..Choices::STANDARD });
        let mut wire = Wire::connect(served.address).await;
        wire.write(HEAD).await;
        let answer = wire.read_message().await;
        assert!(answer.contains("upstream_unverified"), "{answer}");
        assert!(!answering.seen.all().contains("GET /a"), "{}", answering.seen.all());
    });
}
