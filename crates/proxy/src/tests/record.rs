//! What is recorded, limited and answered by the gateway itself.

use crate::testing::{
    Act, Choices, NOW, Served, Upstream, Wire, body_of, run, run_in_real_time, snapshot, write,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LAST: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

#[test]
fn every_request_is_recorded_whatever_became_of_it() {
    run(async {
        let served = Served::before(Upstream::always(OK).await.address);
        for (request, status) in [
            (LAST, "200"),
            ("GET /deny HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", "401"),
            ("GET /a HTTP/1.1\r\nHost: unknown.example\r\nConnection: close\r\n\r\n", "404"),
            ("nonsense\r\n\r\n", "400"),
            ("GET /a/../b HTTP/1.1\r\nHost: a.example\r\n\r\n", "400"),
            ("GET /a HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n", "501"),
        ] {
            let (answer, _) = served.exchange(request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?} gave {answer}");
        }
        let mut late = Wire::connect(served.address).await;
        late.write("GET /").await;
        late.read_to_end().await;
        assert_eq!(served.log.counts(), (0, 6, 1));
    });
}

#[test]
fn what_must_be_recorded_first_passes_once_it_is_durable() {
    run_in_real_time(async {
        let upstream = Upstream::always(OK).await;
        let choices = Choices { audit: model::Audit::Required, ..Choices::STANDARD };
        let served = Served::with(&upstream.address.to_string(), choices);
        let (answer, _) = served.exchange(LAST).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}

#[test]
fn a_full_record_denies_where_it_is_required_and_nowhere_else() {
    run_in_real_time(async {
        let upstream = Upstream::always(OK).await;
        for (audit, status) in [(model::Audit::Required, "503"), (model::Audit::Counted, "200")] {
            let choices = Choices { audit, ring_bytes: Some(16), ..Choices::STANDARD };
            let served = Served::with(&upstream.address.to_string(), choices);
            let (answer, _) = served.exchange(LAST).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{audit:?} gave {answer}");
        }
        assert_eq!(upstream.seen.accepted.get(), 1);
    });
}

#[test]
fn a_request_over_the_limit_is_refused_and_told_when_to_come_back() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let choices = Choices { per_api: model::Rate::parse("1/h"), ..Choices::STANDARD };
        let served = Served::with(&upstream.address.to_string(), choices);
        assert!(served.exchange(LAST).await.0.starts_with("HTTP/1.1 200 "));
        let (answer, _) = served.exchange(LAST).await;
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(answer.contains("\r\nRetry-After: 3600\r\n"), "{answer}");
        assert_eq!(served.log.counts(), (0, 1, 1));
        assert_eq!(upstream.seen.accepted.get(), 1);
    });
}

#[test]
fn every_answer_of_a_limited_operation_but_a_redirection_tells_what_is_left() {
    run(async {
        let answers = ["200 OK", "404 Not Found", "302 Found", "500 Internal Server Error", "nonsense"];
        let scripts = answers.map(|status| {
            vec![
                Act::Await("\r\n\r\n"),
                write(&format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok")),
                Act::End,
            ]
        });
        let upstream = Upstream::start(scripts.into()).await;
        let choices = Choices { per_api: model::Rate::parse("5/h"), ..Choices::STANDARD };
        let served = Served::with(&upstream.address.to_string(), choices);
        for (status, told) in [
            ("200", Some("\"api\";r=4;t=720")),
            ("404", Some("\"api\";r=3;t=720")),
            ("302", None),
            ("500", Some("\"api\";r=1;t=720")),
            ("502", Some("\"api\";r=0;t=720")),
            ("429", Some("\"api\";r=0;t=720")),
        ] {
            let (answer, _) = served.exchange(LAST).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            let state = answer.lines().find_map(|line| line.strip_prefix("RateLimit: "));
            assert_eq!(state, told, "{answer}");
            let policy = answer.lines().find_map(|line| line.strip_prefix("RateLimit-Policy: "));
            assert_eq!(policy, told.map(|_| "\"api\";q=5;w=3600"), "{answer}");
        }
    });
}

#[test]
fn the_key_set_is_answered_on_every_host_and_never_forwarded() {
    run(async {
        let upstream = Upstream::always(OK).await;
        let served = Served::before(upstream.address);
        for host in ["a.example", "unknown.example"] {
            for path in ["/.well-known/sallyport/jwks.json", "/%2ewell-known/sallyport/jwks.json?x"] {
                let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
                let (answer, _) = served.exchange(&request).await;
                assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
                assert_eq!(body_of(&answer), "{\"keys\":[]}");
            }
        }
        let request =
            "POST /.well-known/sallyport/jwks.json HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
        let (answer, _) = served.exchange(request).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("Allow: GET, HEAD"), "{answer}");
        assert_eq!(upstream.seen.accepted.get(), 0);
        assert_eq!(served.log.counts(), (4, 1, 0));
    });
}

#[test]
fn what_only_the_gateway_may_say_is_replaced() {
    run(async {
        let upstream = Upstream::start(vec![vec![Act::Await("\r\n\r\n"), write(OK)]]).await;
        let served = Served::before(upstream.address);
        let request = "GET /a HTTP/1.1\r\nHost: a.example\r\nSallyport-Assertion: forged\r\nsallyport_decision_id: forged\r\n\
             X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Uri: /forged\r\nForwarded: for=9.9.9.9\r\nX_Plain: forged\r\n\
             X-HTTP-Method-Override: FORGED\r\nAuthorization: Basic foreign\r\nConnection: close, Sallyport-Decision-Id\r\n\r\n";
        served.exchange(request).await;
        let seen = upstream.seen.all();
        assert!(!seen.to_lowercase().contains("forged") && !seen.contains("9.9.9.9"), "{seen}");
        for line in [
            "\r\nAuthorization: Basic foreign\r\n",
            "\r\nForwarded: for=127.0.0.1;host=\"a.example\";proto=http\r\n",
            "\r\nX-Forwarded-For: 127.0.0.1\r\n",
            "\r\nSallyport-Decision-Id: ",
            "\r\ntraceparent: 00-",
        ] {
            assert_eq!(seen.matches(line).count(), 1, "{line:?} in {seen}");
        }
    });
}

#[test]
fn facts_are_kept_whole_or_not_at_all() {
    let snapshot = std::sync::Arc::new(snapshot("127.0.0.1:9", &Choices::STANDARD));
    let long = "a".repeat(1_024);
    for (path, expected) in [
        ("/read/closed/other".to_owned(), "params.text=closed".to_owned()),
        (format!("/read/{long}/other"), format!("params.text={long}")),
        (format!("/read/{long}a/other"), "incomplete=true".to_owned()),
        (format!("/read/closed/{long}a"), "params.text=closed".to_owned()),
        ("/deny".to_owned(), String::new()),
        ("/other/closed".to_owned(), String::new()),
    ] {
        let request = || {
            let head = model::Head::from_parts(b"GET", path.as_bytes(), [(&b"host"[..], &b"a.example"[..])]);
            let admission = model::Admission {
                scheme: model::request::Scheme::Http,
                body: model::request::BodyShape::Absent,
                peer: std::net::Ipv4Addr::LOCALHOST.into(),
            };
            model::CanonicalRequest::admit(head.unwrap(), admission).unwrap()
        };
        let mut judge = enforce::Worker::new([7; 32]);
        let evidence = enforce::judge(&snapshot, NOW, &mut judge, request()).evidence;
        let key = record::ParamKey::new([7; 16]);
        let kept = crate::entry::decided(&evidence, Some(&request()), &key, |decided| {
            let is_hashed =
                |(_, value): &(_, record::ParamRef<'_>)| matches!(value, record::ParamRef::Hashed(_));
            assert!(decided.personal.params.iter().all(is_hashed));
            let shown = decided.personal.attributes.iter().map(|(name, value)| match value {
                record::AttributeRef::Bool(value) => format!("{name}={value}"),
                record::AttributeRef::Text(text) => format!("{name}={text}"),
                other => panic!("{name} is {other:?}"),
            });
            shown.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(kept, expected, "{path}");
    }
}

/// What was scanned: nobody reads a path from the record, and who knows one can find who called it.
#[test]
fn of_an_undeclared_call_method_and_hashed_path_are_kept_and_of_a_declared_one_neither() {
    let snapshot = std::sync::Arc::new(snapshot("127.0.0.1:9", &Choices::STANDARD));
    let key = record::ParamKey::new([7; 16]);
    for (method, target, kept) in [
        ("GET", "/admin/7?token=secret", Some("/admin/7")),
        ("DELETE", "/admin/8", Some("/admin/8")),
        ("BREW", "/admin/8", Some("/admin/8")),
        ("GET", "/deny", None),
        ("GET", "/read/open/other", None),
    ] {
        let request = || {
            let fields = [(&b"host"[..], &b"a.example"[..])];
            let head = model::Head::from_parts(method.as_bytes(), target.as_bytes(), fields);
            let admission = model::Admission {
                scheme: model::request::Scheme::Http,
                body: model::request::BodyShape::Absent,
                peer: std::net::Ipv4Addr::LOCALHOST.into(),
            };
            model::CanonicalRequest::admit(head.unwrap(), admission).unwrap()
        };
        let mut judge = enforce::Worker::new([7; 32]);
        let evidence = enforce::judge(&snapshot, NOW, &mut judge, request()).evidence;
        crate::entry::decided(&evidence, Some(&request()), &key, |decided| {
            let params = decided.personal.params;
            assert_eq!(decided.operation.is_empty(), kept.is_some(), "{method} {target}");
            assert_eq!(decided.personal.method, kept.map(|_| method), "{method} {target}");
            match kept {
                Some(path) => {
                    let hash = record::ParamRef::Hashed(key.hash("path", path.as_bytes()));
                    assert_eq!(params, [("path", hash)], "{method} {target}");
                }
                None => assert!(params.iter().all(|(name, _)| *name != "path"), "{method} {target}"),
            }
        });
    }
}
