//! Servers as they should not be (security case 61), and addresses that are not asked (case 62).

use testkit::{Reply, Step, Upstream};

use super::*;

const LIMIT: usize = 1_000;

fn order(upstream: &Upstream, path: &str) -> Order {
    Order {
        transport: Transport::Plain,
        host: "127.0.0.1".to_owned(),
        port: upstream.address.port(),
        host_field: "id.example.com".to_owned(),
        path: path.to_owned(),
        allowed: Allowed(vec!["127.0.0.1/32".parse().unwrap()]),
        bytes_max: LIMIT,
        deadline: Duration::from_secs(20),
    }
}

/// Trusts nobody.
fn distrusting() -> Transport {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    Transport::Tls(Arc::new(config))
}

#[tokio::test]
async fn fetches_a_document_and_says_whom_it_asked() {
    let upstream = Upstream::start();
    upstream.reply("/jwks", Reply::ok("{}"));
    assert_eq!(get(&order(&upstream, "/jwks")).await.unwrap(), b"{}");
    let asked = upstream.requests();
    assert_eq!(asked[0].line(), "GET /jwks HTTP/1.1");
    assert_eq!(asked[0].all("host"), ["id.example.com"]);
    assert!(asked[0].all("authorization").is_empty() && asked[0].all("cookie").is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_a_whole_document_of_bounded_size_is_none() {
    let upstream = Upstream::start();
    let chunked = |bytes: usize| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        Reply::bytes(&format!("{head}{bytes:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(bytes)))
    };
    let endless =
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec()), Step::Fill(1 << 40)];
    for (path, reply, expected) in [
        ("/most", Reply::ok(&"x".repeat(LIMIT)), None),
        ("/over", Reply::ok(&"x".repeat(LIMIT + 1)), Some("TooLong")),
        (
            "/announced",
            Reply::bytes("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
            Some("TooLong"),
        ),
        ("/chunked", chunked(LIMIT), None),
        ("/chunked-over", chunked(LIMIT + 1), Some("TooLong")),
        ("/endless", Reply::Steps(endless), Some("TooLong")),
        (
            "/moved",
            Reply::bytes("HTTP/1.1 302 Found\r\nLocation: /most\r\nContent-Length: 0\r\n\r\n"),
            Some("Redirect"),
        ),
        (
            "/sly",
            Reply::bytes("HTTP/1.1 200 OK\r\nLocation: /most\r\nContent-Length: 2\r\n\r\n{}"),
            Some("Redirect"),
        ),
        ("/absent", Reply::bytes("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"), Some("Status")),
        (
            "/partial",
            Reply::bytes("HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}"),
            Some("Status"),
        ),
        ("/short", Reply::last("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), Some("Http")),
        ("/garbage", Reply::last("220 mail.example.com ESMTP\r\n"), Some("Http")),
        (
            "/head",
            Reply::last(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX))),
            Some("Http"),
        ),
        ("/reset", Reply::Reset, Some("Http")),
    ] {
        upstream.reply(path, reply);
        let outcome = get(&order(&upstream, path)).await;
        let shown = outcome.as_ref().err().map(|error| format!("{error:?}"));
        let kind = shown.as_deref().and_then(|text| text.split([' ', '(', '{']).next());
        assert_eq!(kind, expected, "{path}: {shown:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_none() {
    let upstream = Upstream::start();
    upstream.reply("/silent", Reply::Silence);
    let gate = testkit::Gate::new();
    let slow = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{".to_vec()),
        Step::Wait(gate.clone()),
    ];
    upstream.reply("/slow", Reply::Steps(slow));
    for path in ["/silent", "/slow"] {
        let order = Order { deadline: Duration::from_millis(200), ..order(&upstream, path) };
        let outcome = get(&order).await;
        assert!(matches!(outcome, Err(FetchError::Late { .. })), "{path}: {outcome:?}");
    }
    gate.open();
}

#[tokio::test]
async fn an_address_that_is_not_listed_is_not_connected_to() {
    let upstream = Upstream::start();
    let port = upstream.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"] {
        for (transport, expected) in [(Transport::Plain, "Plain"), (distrusting(), "Address")] {
            let order = Order {
                transport,
                host: host.to_owned(),
                allowed: Allowed(vec!["192.0.2.0/24".parse().unwrap()]),
                ..order(&upstream, "/jwks")
            };
            let error = format!("{:?}", get(&order).await.unwrap_err());
            assert!(error.starts_with(expected), "{host}:{port} {error}");
        }
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_prove_its_name_is_not_asked() {
    let upstream = Upstream::start();
    let order =
        Order { transport: distrusting(), deadline: Duration::from_millis(200), ..order(&upstream, "/jwks") };
    // It never answers a handshake, and what it gets is one and no request.
    assert!(matches!(get(&order).await, Err(FetchError::Connect { .. } | FetchError::Late { .. })));
    assert!(upstream.requests().is_empty());
}
