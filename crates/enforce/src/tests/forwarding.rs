//! What reaches the upstream of a request that passes, and what never does.

use std::sync::Arc;

use expect_test::{Expect, expect};
use identity::Signer;
use model::CredentialUse;

use super::world::{NOW, Setup, enforced, key, observed, request, shown, snapshot};
use crate::{Forward, HostHeader, Judgement, Networks, Outcome, TrailerUse, Worker, judge, trailer_use};

fn forward(setup: &Setup, text: &str) -> Forward {
    let Judgement { mut evidence, outcome } =
        judge(&snapshot(setup), NOW, &mut Worker::new([1; 32]), request(text));
    let Outcome::Allow(pending) = outcome else { panic!("refused: {:?}", evidence.refusal) };
    pending.redeem(&mut evidence, NOW).unwrap().forward()
}

fn sent(forward: &Forward) -> (String, String) {
    let mut of_client = String::new();
    let mut added = String::new();
    let line = |text: &mut String, name: &[u8], value: &[u8]| {
        let line = [name, b": ", value, b"\n"].concat();
        text.push_str(std::str::from_utf8(&line).unwrap());
    };
    forward.for_each_field(|name, value| line(&mut of_client, name, value));
    forward.for_each_added(|name, value| line(&mut added, name, value));
    (of_client, added)
}

fn check(setup: &Setup, text: &str, expected: Expect) {
    let (of_client, _) = sent(&forward(setup, text));
    assert!(!of_client.contains(&key("whole")), "{of_client}");
    expected.assert_eq(&of_client);
}

#[test]
fn own_keys_never_go_on_and_foreign_credentials_only_where_the_api_says_so() {
    let strip = Setup { credential: CredentialUse::Strip, ..enforced() };
    let strange = "GET orders.example/public\nX-Api-Key: theirs\nAuthorization: Basic dTpw\nCookie: a=b";
    check(
        &enforced(),
        strange,
        expect![[r#"
        Host: orders.example
        X-Api-Key: theirs
        Authorization: Basic dTpw
        Cookie: a=b
    "#]],
    );
    check(
        &strip,
        strange,
        expect![[r#"
        Host: orders.example
        Cookie: a=b
    "#]],
    );
    let both = "GET orders.example/orders\nx-api-KEY: $whole\nAuthorization: Basic dTpw";
    check(
        &enforced(),
        both,
        expect![[r#"
        Host: orders.example
        Authorization: Basic dTpw
    "#]],
    );
    check(
        &strip,
        both,
        expect![[r#"
        Host: orders.example
    "#]],
    );
    check(
        &enforced(),
        "GET orders.example/orders\nAuthorization: Bearer $whole\nX-Api-Key: theirs",
        expect![[r#"
            Host: orders.example
            X-Api-Key: theirs
        "#]],
    );
    // An own key in a field where it means nothing does not leak either.
    check(
        &enforced(),
        "GET orders.example/public\nX-Other: $whole\nX-More: Bearer $whole\nA: b",
        expect![[r#"
            Host: orders.example
            A: b
        "#]],
    );
    // Where it could mean something, but is not written as one, nothing is forwarded at all.
    let odd = "GET orders.example/public\nAuthorization: $whole\nA: b";
    let refused = shown(&snapshot(&enforced()), &mut Worker::new([1; 32]), odd);
    assert!(refused.starts_with("denied 401 invalid_credential "), "{refused}");
    check(
        &observed(),
        "GET orders.example/nothing\nX_Listed: $whole\nX_Api_Key: theirs\nA: b",
        expect![[r#"
        Host: orders.example
        A: b
    "#]],
    );
}

#[test]
fn what_only_the_gateway_may_say_is_removed_in_any_spelling() {
    check(
        &enforced(),
        "GET orders.example/public\nSallyport-Assertion: forged\nsallyport_assertion: forged\nX-SALLYPORT-Caller: x\n\
         Forwarded: for=10.0.0.1\nX-Forwarded-For: 10.0.0.1\nX-Forwarded-Host: evil\nx_forwarded_proto: https\n\
         X-Forwarded-Prefix: /admin\nX-Envoy-Original-Path: /admin\nX-HTTP-Method-Override: DELETE\n\
         X-Original-URL: /admin\nTransfer_Encoding: chunked\nX_Unlisted: 1\nX_Listed: kept\nA: b",
        expect![[r#"
            Host: orders.example
            X_Listed: kept
            A: b
        "#]],
    );
}

#[test]
fn what_concerns_the_connection_is_removed_and_can_name_nothing_of_ours() {
    check(
        &enforced(),
        "GET orders.example/public\nConnection: keep-alive, X-Gone\nX-Gone: 1\nKeep-Alive: 5\nTE: trailers\n\
         connection: host, Content-Type, sallyport-assertion , ,x-also\nContent-Type: text/plain\nX-Also: 1\nA: b",
        expect![[r#"
            Host: orders.example
            Content-Type: text/plain
            A: b
        "#]],
    );
    // The credential is judged first; naming it in `Connection` hides it from nobody.
    check(
        &enforced(),
        "GET orders.example/orders\nConnection: x-api-key\nX-Api-Key: $whole\nA: b",
        expect![[r#"
            Host: orders.example
            A: b
        "#]],
    );
    let (_, added) = sent(&forward(
        &enforced(),
        "GET orders.example/public\nConnection: traceparent, Sallyport-Decision-Id, Forwarded",
    ));
    expect![[r#"
        Forwarded: for=192.0.2.1;host="orders.example";proto=http
        X-Forwarded-For: 192.0.2.1
        X-Forwarded-Host: orders.example
        X-Forwarded-Port: 80
        X-Forwarded-Proto: http
        traceparent: 00-1f4d2ce5e0f4f91d8b147eebaf9e30e3-2bb47dacaf43fe35-02
        Sallyport-Decision-Id: 01m9d3xr80r2ypje9ahkse4c4v
    "#]]
    .assert_eq(&added);
}

#[test]
fn the_upstream_is_told_where_a_request_came_from() {
    let public = "GET orders.example:8443/public";
    let trusting =
        Setup { trusted: Networks::of([("192.0.2.0".parse().unwrap(), 24)]).unwrap(), ..enforced() };
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\ntracestate: a=1";
    for (setup, text, expected) in [
        (
            &enforced(),
            public.to_owned(),
            expect![[r#"
            Host: orders.example:8443
            --
            Forwarded: for=192.0.2.1;host="orders.example:8443";proto=http
            X-Forwarded-For: 192.0.2.1
            X-Forwarded-Host: orders.example:8443
            X-Forwarded-Port: 8443
            X-Forwarded-Proto: http
            traceparent: 00-1f4d2ce5e0f4f91d8b147eebaf9e30e3-2bb47dacaf43fe35-02
            Sallyport-Decision-Id: 01m9d3xr80r2ypje9ahkse4c4v
        "#]],
        ),
        (
            &enforced(),
            format!("{public}\npeer: 2001:db8::1\nX-Forwarded-For: 10.0.0.1\n{parent}"),
            expect![[r#"
                Host: orders.example:8443
                --
                Forwarded: for="[2001:db8::1]";host="orders.example:8443";proto=http
                X-Forwarded-For: 2001:db8::1
                X-Forwarded-Host: orders.example:8443
                X-Forwarded-Port: 8443
                X-Forwarded-Proto: http
                traceparent: 00-1f4d2ce5e0f4f91d8b147eebaf9e30e3-2bb47dacaf43fe35-03
                Sallyport-Decision-Id: 01m9d3xr80r2ypje9ahkse4c4v
            "#]],
        ),
        (
            &trusting,
            format!("{public}\nX-Forwarded-For: 1.1.1.1, 10.0.0.1\nX-Forwarded-Proto: https\n{parent}"),
            expect![[r#"
                Host: orders.example:8443
                tracestate: a=1
                --
                Forwarded: for=10.0.0.1;host="orders.example:8443";proto=https, for=192.0.2.1
                X-Forwarded-For: 10.0.0.1, 192.0.2.1
                X-Forwarded-Host: orders.example:8443
                X-Forwarded-Port: 8443
                X-Forwarded-Proto: https
                traceparent: 00-0af7651916cd43dd8448eb211c80319c-2bb47dacaf43fe35-01
                Sallyport-Decision-Id: 01m9d3xr80r2ypje9ahkse4c4v
            "#]],
        ),
        (
            &trusting,
            format!("{public}\nForwarded: for=unknown, for=192.0.2.7"),
            expect![[r#"
            Host: orders.example:8443
            --
            Forwarded: for=unknown, for=192.0.2.7;host="orders.example:8443";proto=http, for=192.0.2.1
            X-Forwarded-For: 192.0.2.7, 192.0.2.1
            X-Forwarded-Host: orders.example:8443
            X-Forwarded-Port: 8443
            X-Forwarded-Proto: http
            traceparent: 00-1f4d2ce5e0f4f91d8b147eebaf9e30e3-2bb47dacaf43fe35-02
            Sallyport-Decision-Id: 01m9d3xr80r2ypje9ahkse4c4v
        "#]],
        ),
    ] {
        let (of_client, added) = sent(&forward(setup, &text));
        expected.assert_eq(&format!("{of_client}--\n{added}"));
    }
}

#[test]
fn the_host_is_the_clients_or_the_upstreams_own() {
    let upstream = Setup { host_header: HostHeader::Upstream, ..enforced() };
    check(
        &enforced(),
        "GET Orders.Example:80/public",
        expect![[r#"
        Host: Orders.Example:80
    "#]],
    );
    check(
        &upstream,
        "GET Orders.Example:80/public",
        expect![[r#"
        Host: upstream.internal
    "#]],
    );
    let forward = forward(&upstream, "GET orders.example/files/%61/b?q=%2f\nX-Api-Key: $whole");
    assert_eq!(forward.request().target(), b"/files/%61/b?q=%2f");
}

#[test]
fn only_verified_callers_get_an_assertion() {
    let signer = Signer::from_pkcs8(&identity::generate_signing_key().unwrap()).unwrap();
    let setup = Setup { signer: Some(Arc::new(signer)), ..observed() };
    for (text, asserted) in [
        ("GET orders.example/orders\nX-Api-Key: $whole", true),
        ("GET orders.example/orders\nX-Api-Key: $stranger", true),
        ("GET orders.example/nothing\nX-Api-Key: $whole", true),
        ("GET orders.example/public", false),
        ("GET orders.example/orders\nAuthorization: Bearer theirs", false),
    ] {
        let forward = forward(&setup, text);
        assert_eq!(forward.assertion().is_some(), asserted, "{text}");
        assert_eq!(sent(&forward).1.contains("Sallyport-Assertion: "), asserted, "{text}");
    }
    assert_eq!(forward(&observed(), "GET orders.example/orders\nX-Api-Key: $whole").assertion(), None);
}

#[test]
fn a_warm_path_signs_once() {
    let signer = Signer::from_pkcs8(&identity::generate_signing_key().unwrap()).unwrap();
    let snapshot = snapshot(&Setup { signer: Some(Arc::new(signer)), ..enforced() });
    let mut worker = Worker::new([1; 32]);
    for _ in 0..5 {
        let _ = judge(&snapshot, NOW, &mut worker, request("GET orders.example/orders\nX-Api-Key: $whole"));
    }
    assert_eq!(worker.assertions().signatures(), 1);
    assert_eq!(worker.decisions().counters().misses, 1);
}

#[test]
fn trailers_carry_nothing_that_belongs_into_a_head() {
    for (name, expected) in [
        ("Server-Timing", TrailerUse::Forward),
        ("Digest", TrailerUse::Forward),
        ("Grpc-Status", TrailerUse::Forward),
        ("Dated", TrailerUse::Forward),
        ("Sallyport-Assertion", TrailerUse::Drop),
        ("sallyport_assertion", TrailerUse::Drop),
        ("X-Forwarded-For", TrailerUse::Drop),
        ("Host", TrailerUse::Drop),
        ("Content-Length", TrailerUse::Drop),
        ("CONTENT-type", TrailerUse::Drop),
        ("Transfer-Encoding", TrailerUse::Drop),
        ("Authorization", TrailerUse::Drop),
        ("Cookie", TrailerUse::Drop),
        ("If-Match", TrailerUse::Drop),
        ("grpc_status", TrailerUse::Drop),
        ("X-HTTP-Method-Override", TrailerUse::Drop),
    ] {
        assert_eq!(trailer_use(name.as_bytes()), expected, "{name}");
    }
    let forward = forward(&enforced(), "GET orders.example/public");
    let key = key("whole");
    assert_eq!(forward.trailer_use(b"X-Sum", b"1"), TrailerUse::Forward);
    assert_eq!(forward.trailer_use(b"X-Sum", key.as_bytes()), TrailerUse::Drop);
    assert_eq!(forward.trailer_use(b"X-API-Key", b"theirs"), TrailerUse::Drop);
}
