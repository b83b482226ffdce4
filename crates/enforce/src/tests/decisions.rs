//! What becomes of requests: for each that passes, the nearest that does not.

use expect_test::expect;
use model::{DenyReason, Timestamp};

use super::world::{NOW, Setup, check, enforced, observed, request, shown, snapshot};
use crate::{Availability, Outcome, Snapshot, Worker, judge};

#[test]
fn a_grant_allows_its_own_operations_and_no_others() {
    let setup = enforced();
    check(
        &setup,
        "GET orders.example/orders\nX-Api-Key: $whole",
        expect!["allowed permit | app:shop orders:GET /orders by shop-reads"],
    );
    check(
        &setup,
        "GET ORDERS.example.:8080/orders?x=/public\nX-Api-Key: $whole",
        expect!["allowed permit | app:shop orders:GET /orders by shop-reads"],
    );
    check(
        &setup,
        "GET orders.example/orders/7\nAuthorization: bearer $whole",
        expect!["allowed permit | app:shop orders:GET /orders/{id} by shop-reads"],
    );
    check(
        &setup,
        "HEAD orders.example/orders/7\nX-Api-Key: $whole",
        expect!["allowed permit | app:shop orders:GET /orders/{id} by shop-reads"],
    );
    check(
        &setup,
        "GET orders.example/files/a/b/c\nX-Api-Key: $whole",
        expect!["allowed permit | app:shop orders:GET /files/{path*} by shop-reads"],
    );
    check(
        &setup,
        "GET orders.example/orders\nX-Api-Key: $stranger",
        expect!["denied 403 no_grant | no_grant | app:stranger orders:GET /orders"],
    );
    check(
        &setup,
        "GET orders.example/orders/07\nX-Api-Key: $whole",
        expect!["denied 400 bad_parameter | bad_parameter | app:shop orders:GET /orders/{id}"],
    );
    check(
        &setup,
        "GET orders.example/orders/\nX-Api-Key: $whole",
        expect!["denied 404 unknown_operation | unknown_operation | app:shop "],
    );
    check(
        &setup,
        "GET orders.example/Orders\nX-Api-Key: $whole",
        expect!["denied 404 unknown_operation | unknown_operation | app:shop "],
    );
    check(
        &setup,
        "get orders.example/orders\nX-Api-Key: $whole",
        expect!["denied 405 method_not_declared [Allow: GET, HEAD, POST] | method_not_declared | app:shop "],
    );
    check(
        &setup,
        "PATCH orders.example/orders\nX-Api-Key: $whole",
        expect!["denied 405 method_not_declared [Allow: GET, HEAD, POST] | method_not_declared | app:shop "],
    );
    check(
        &setup,
        "GET other.example/orders\nX-Api-Key: $whole",
        expect!["denied 404 unknown_host | unknown_host | anonymous "],
    );
    check(
        &setup,
        "GET legacy.example/orders\nX-Api-Key: $whole",
        expect!["denied 404 unknown_operation | unknown_operation | app:shop "],
    );
}

#[test]
fn guards_win_over_grants() {
    check(
        &enforced(),
        "GET orders.example/closed\nX-Api-Key: $whole",
        expect!["denied 403 guard | guard | app:shop orders:GET /closed by closed"],
    );
    check(
        &observed(),
        "GET orders.example/closed\nX-Api-Key: $whole",
        expect!["denied 403 guard | guard | app:shop orders:GET /closed by closed"],
    );
    check(
        &enforced(),
        "GET orders.example/soon\nX-Api-Key: $whole",
        expect![
            "would_deny observed | guard/observed_guard | app:shop orders:GET /soon by shop-reads soon-closed"
        ],
    );
    check(
        &enforced(),
        "GET orders.example/soon\nX-Api-Key: $stranger",
        expect!["denied 403 no_grant | no_grant | app:stranger orders:GET /soon by soon-closed"],
    );
}

#[test]
fn anonymous_callers_get_what_everyone_may_have_and_learn_nothing_else() {
    let setup = enforced();
    check(
        &setup,
        "GET orders.example/public",
        expect!["allowed permit | anonymous orders:GET /public by anyone"],
    );
    check(
        &setup,
        "GET orders.example/public\nAuthorization: Basic dTpw",
        expect!["allowed permit | anonymous orders:GET /public by anyone"],
    );
    let snapshot = snapshot(&setup);
    let mut answers = Vec::new();
    for line in [
        "GET orders.example/orders",
        "GET orders.example/orders\nAuthorization: Bearer eyJhbGciOiJub25lIn0.e30.",
        "GET orders.example/orders\nX-Api-Key: theirs",
        "GET orders.example/nothing",
        "PATCH orders.example/orders",
        "DELETE orders.example/public",
        "GET orders.example/orders/x",
        "GET orders.example/closed",
        "GET orders.example/secrets/a",
        "GET orders.example/home",
        "GET legacy.example/anything",
        "OPTIONS orders.example/orders\nOrigin: https://evil.example\nAccess-Control-Request-Method: GET",
    ] {
        let judgement = judge(&snapshot, NOW, &mut Worker::new([1; 32]), request(line));
        let Outcome::Refuse(refused) = judgement.outcome else { panic!("{line} is not refused") };
        answers.push((refused.status, refused.body, refused.fields));
    }
    answers.dedup();
    expect![[r#"
        [
            (
                401,
                "{\"type\":\"urn:sallyport:problem:no_credential\",\"title\":\"A credential is needed\",\"status\":401,\"detail\":\"A credential is needed\",\"decision_id\":\"01m9d3xr80r2ypje9ahkse4c4v\",\"next_step\":\"Send an API key, which begins with `sp_`, in `X-Api-Key` or the field that the API's owner chose for keys, or as `Authorization: Bearer KEY`.\"}\n",
                [
                    (
                        "Cache-Control",
                        "no-store",
                    ),
                    (
                        "WWW-Authenticate",
                        "Bearer realm=\"sallyport\"",
                    ),
                ],
            ),
        ]
    "#]].assert_debug_eq(&answers);
}

#[test]
fn a_credential_that_fails_is_refused_in_both_modes() {
    for setup in [enforced(), observed()] {
        check(
            &setup,
            "GET orders.example/public\nX-Api-Key: sp_test_x",
            expect![[
                r#"denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | invalid_credential/key_form | anonymous "#
            ]],
        );
        check(
            &setup,
            "GET orders.example/public\nX-Api-Key: $nobody",
            expect![[
                r#"denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | invalid_credential | anonymous "#
            ]],
        );
        check(
            &setup,
            "GET orders.example/public\nX-Api-Key: $expired",
            expect![[
                r#"denied 401 expired_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | expired_credential | app:shop "#
            ]],
        );
        check(
            &setup,
            "GET orders.example/public\nX-Api-Key: $stopped",
            expect![[
                r#"denied 401 revoked_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | revoked_credential | app:shop "#
            ]],
        );
        check(
            &setup,
            "GET orders.example/public\nX-Api-Key: $quarantined",
            expect![[
                r#"denied 401 quarantined [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | quarantined | app:shop "#
            ]],
        );
        check(
            &setup,
            "GET orders.example/public\nX-Api-Key: $disabled",
            expect![[
                r#"denied 401 disabled_application [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | disabled_application | app:shop "#
            ]],
        );
        check(
            &setup,
            "GET orders.example/public\nX-Api-Key: $whole\nAuthorization: Bearer $whole",
            expect!["denied 400 multiple_credentials | multiple_credentials/key_and_bearer | anonymous "],
        );
        check(
            &setup,
            "GET legacy.example/x\nX-Api-Key: $nobody",
            expect![[
                r#"denied 401 invalid_credential [WWW-Authenticate: Bearer realm="sallyport", error="invalid_token"] | invalid_credential | anonymous "#
            ]],
        );
    }
}

#[test]
fn scopes_narrow_what_policy_allows() {
    let setup = enforced();
    check(
        &setup,
        "POST orders.example/orders\nX-Api-Key: $whole",
        expect!["allowed permit | app:shop orders:POST /orders by shop-cancels"],
    );
    check(
        &setup,
        "POST orders.example/orders\nX-Api-Key: $readonly",
        expect!["denied 403 out_of_scope | out_of_scope | app:shop orders:POST /orders"],
    );
    check(
        &setup,
        "GET orders.example/orders\nX-Api-Key: $readonly",
        expect!["allowed permit | app:shop orders:GET /orders by shop-reads"],
    );
    check(
        &setup,
        "GET orders.example/orders/7\nX-Api-Key: $one",
        expect!["allowed permit | app:shop orders:GET /orders/{id} by shop-reads"],
    );
    check(
        &setup,
        "GET orders.example/orders\nX-Api-Key: $one",
        expect!["denied 403 out_of_scope | out_of_scope | app:shop orders:GET /orders"],
    );
    check(
        &setup,
        "GET orders.example/public\nX-Api-Key: $empty",
        expect!["denied 403 out_of_scope | out_of_scope | app:shop orders:GET /public"],
    );
    // Scopes never widen: the key's scopes cover it, no grant does.
    check(
        &setup,
        "GET orders.example/orders\nX-Api-Key: $stranger",
        expect!["denied 403 no_grant | no_grant | app:stranger orders:GET /orders"],
    );
    // And observation does not suspend them.
    check(
        &observed(),
        "POST orders.example/orders\nX-Api-Key: $readonly",
        expect!["denied 403 out_of_scope | out_of_scope | app:shop orders:POST /orders"],
    );
}

#[test]
fn observation_lets_pass_only_what_it_suspends() {
    let setup = observed();
    check(
        &setup,
        "GET orders.example/orders",
        expect!["would_deny observed | no_credential | anonymous orders:GET /orders"],
    );
    check(
        &setup,
        "GET orders.example/orders\nX-Api-Key: $stranger",
        expect!["would_deny observed | no_grant | app:stranger orders:GET /orders"],
    );
    check(
        &setup,
        "GET orders.example/nothing\nX-Api-Key: $whole",
        expect!["would_deny observed | unknown_operation | app:shop "],
    );
    check(
        &setup,
        "PATCH orders.example/orders\nX-Api-Key: $whole",
        expect!["would_deny observed | method_not_declared | app:shop "],
    );
    check(
        &setup,
        "GET legacy.example/anything/at/all",
        expect!["would_deny observed | no_credential/unknown_operation | anonymous "],
    );
    check(
        &setup,
        "GET legacy.example/anything\nAuthorization: Bearer theirs",
        expect!["would_deny observed | no_credential/unknown_operation | anonymous "],
    );
    check(
        &setup,
        "GET orders.example/orders\nX-Api-Key: $whole",
        expect!["allowed permit | app:shop orders:GET /orders by shop-reads"],
    );
    check(
        &setup,
        "GET orders.example/orders/x\nX-Api-Key: $whole",
        expect!["would_deny observed | bad_parameter | app:shop orders:GET /orders/{id}"],
    );
    check(&setup, "GET other.example/", expect!["denied 404 unknown_host | unknown_host | anonymous "]);
    let mut over = observed();
    over.mode = model::Mode::ObserveUntil(NOW);
    check(
        &over,
        "GET orders.example/orders\nX-Api-Key: $stranger",
        expect!["denied 403 no_grant | no_grant | app:stranger orders:GET /orders"],
    );
}

#[test]
fn a_hidden_operation_looks_like_one_that_is_not_there() {
    looks_like_unknown(&enforced());
    looks_like_unknown(&Setup { per_key: Some("2/m"), per_api: Some("3/h"), ..enforced() });
    check(
        &enforced(),
        "PUT orders.example/public\nX-Api-Key: $whole",
        expect!["denied 405 method_not_declared [Allow: GET, HEAD] | method_not_declared | app:shop "],
    );
}

fn looks_like_unknown(setup: &Setup) {
    let snapshot = snapshot(setup);
    let answer = |line: &str| {
        let judgement = judge(&snapshot, NOW, &mut Worker::new([1; 32]), request(line));
        let Outcome::Refuse(refused) = judgement.outcome else { panic!("{line} is not refused") };
        let recorded = judgement.evidence.refusal.unwrap().reason();
        ((refused.status, refused.body, refused.fields, refused.close), recorded)
    };
    let (unknown, _) = answer("GET orders.example/nothing\nX-Api-Key: $whole");
    for (line, recorded) in [
        ("GET orders.example/secrets/a\nX-Api-Key: $whole", DenyReason::NoGrant),
        ("HEAD orders.example/secrets/a\nX-Api-Key: $whole", DenyReason::NoGrant),
        ("GET orders.example/secrets/a\nX-Api-Key: $readonly", DenyReason::OutOfScope),
        ("POST orders.example/secrets/a\nX-Api-Key: $whole", DenyReason::MethodNotDeclared),
        ("DELETE orders.example/orders/7\nX-Api-Key: $whole", DenyReason::NoGrant),
        ("DELETE orders.example/orders/x\nX-Api-Key: $whole", DenyReason::BadParameter),
        // Not declared beside the hidden one: an answer of its own would tell them apart.
        ("PUT orders.example/orders/7\nX-Api-Key: $whole", DenyReason::MethodNotDeclared),
    ] {
        assert_eq!(answer(line), (unknown.clone(), recorded), "{line}");
    }
    assert_ne!(answer("POST orders.example/public\nX-Api-Key: $whole").0, unknown);
}

#[test]
fn head_is_get_without_a_body_and_methods_that_are_not_declared_are_named() {
    for (line, expected) in [
        ("HEAD orders.example/orders\nX-Api-Key: $whole", "allowed permit "),
        ("HEAD orders.example/orders\nX-Api-Key: $stranger", "denied 403 no_grant "),
        ("HEAD orders.example/closed\nX-Api-Key: $whole", "denied 403 guard "),
        ("HEAD orders.example/orders", "denied 401 no_credential "),
        (
            "PUT orders.example/orders\nX-Api-Key: $whole",
            "denied 405 method_not_declared [Allow: GET, HEAD, POST] ",
        ),
        (
            "PUT orders.example/public\nX-Api-Key: $whole",
            "denied 405 method_not_declared [Allow: GET, HEAD] ",
        ),
        ("PUT orders.example/public", "denied 401 no_credential "),
        ("PUT orders.example/secrets/a\nX-Api-Key: $whole", "denied 404 unknown_operation "),
    ] {
        let line_of = shown(&snapshot(&enforced()), &mut Worker::new([1; 32]), line);
        assert!(line_of.starts_with(expected), "{line} gave {line_of}");
    }
}

#[test]
fn limits_refuse_what_is_over_them_and_say_when_to_come_back() {
    let setup = Setup { per_key: Some("2/m"), per_api: Some("3/h"), ..observed() };
    let (snapshot, mut worker) = (snapshot(&setup), Worker::new([1; 32]));
    let mut lines = Vec::new();
    for name in ["whole", "whole", "whole", "readonly", "readonly"] {
        lines.push(shown(&snapshot, &mut worker, &format!("GET orders.example/orders\nX-Api-Key: ${name}")));
    }
    lines.push(shown(&snapshot, &mut worker, "GET orders.example/public"));
    expect![[r#"
        allowed permit | app:shop orders:GET /orders by shop-reads
        allowed permit | app:shop orders:GET /orders by shop-reads
        denied 429 rate_limited [Retry-After: 30, RateLimit: "key";r=0;t=30, RateLimit-Policy: "key";q=2;w=60] | rate_limited/rate_per_key | app:shop orders:GET /orders by shop-reads
        allowed permit | app:shop orders:GET /orders by shop-reads
        denied 429 rate_limited [Retry-After: 1200, RateLimit: "api";r=0;t=1200, "key";r=0;t=30, RateLimit-Policy: "api";q=3;w=3600, "key";q=2;w=60] | rate_limited/rate_per_api | app:shop orders:GET /orders by shop-reads
        denied 429 rate_limited [Retry-After: 1200, RateLimit: "api";r=0;t=1200, RateLimit-Policy: "api";q=3;w=3600] | rate_limited/rate_per_api | anonymous orders:GET /public by anyone"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn a_body_over_the_limit_is_refused_before_anything_is_forwarded() {
    let setup = enforced();
    check(
        &setup,
        "POST orders.example/orders\nX-Api-Key: $whole\nContent-Length: 1000",
        expect!["allowed permit | app:shop orders:POST /orders by shop-cancels"],
    );
    check(
        &setup,
        "POST orders.example/orders\nX-Api-Key: $whole\nContent-Length: 1001",
        expect!["denied 413 body_too_large | body_too_large | app:shop orders:POST /orders by shop-cancels"],
    );
    check(
        &setup,
        "POST orders.example/orders\nX-Api-Key: $stranger\nContent-Length: 1001",
        expect!["denied 403 no_grant | no_grant | app:stranger orders:POST /orders"],
    );
    check(
        &observed(),
        "POST orders.example/orders\nContent-Length: 1001",
        expect!["denied 413 body_too_large | body_too_large | anonymous orders:POST /orders"],
    );
}

#[test]
fn nothing_passes_where_nothing_can_be_judged() {
    let line = "GET orders.example/public";
    let mut worker = Worker::new([1; 32]);
    expect!["denied 503 no_revision [Retry-After: 5] | no_revision | anonymous "].assert_eq(&shown(
        &std::sync::Arc::new(Snapshot::none()),
        &mut worker,
        line,
    ));
    let stale = Setup { stale_at: NOW, ..observed() };
    check(&stale, line, expect!["denied 503 stale_snapshot [Retry-After: 5] | stale_snapshot | anonymous "]);
    let fresh = Setup { stale_at: Timestamp::from_micros(NOW.as_micros() + 1), ..enforced() };
    check(&fresh, line, expect!["allowed permit | anonymous orders:GET /public by anyone"]);
    let unusable = Setup { availability: Availability::Unusable("secret `x`".into()), ..observed() };
    check(
        &unusable,
        line,
        expect!["denied 503 api_unavailable [Retry-After: 5] | api_unavailable | anonymous "],
    );
}

#[test]
fn rules_about_addresses_see_trusted_proxies_only() {
    let trusting =
        Setup { trusted: crate::Networks::of([("192.0.2.0".parse().unwrap(), 24)]).unwrap(), ..enforced() };
    let home = "GET orders.example/home\nX-Api-Key: $whole";
    check(
        &enforced(),
        &format!("{home}\npeer: 10.1.2.3"),
        expect!["allowed permit | app:shop orders:GET /home by at-home"],
    );
    check(&enforced(), home, expect!["denied 403 no_grant | no_grant | app:shop orders:GET /home"]);
    check(
        &enforced(),
        &format!("{home}\nX-Forwarded-For: 10.1.2.3"),
        expect!["denied 403 no_grant | no_grant | app:shop orders:GET /home"],
    );
    check(
        &trusting,
        &format!("{home}\nX-Forwarded-For: 10.1.2.3"),
        expect!["allowed permit | app:shop orders:GET /home by at-home"],
    );
    check(
        &trusting,
        &format!("{home}\nForwarded: for=10.1.2.3"),
        expect!["allowed permit | app:shop orders:GET /home by at-home"],
    );
    check(
        &trusting,
        &format!("{home}\nX-Forwarded-For: 10.1.2.3, 203.0.113.9"),
        expect!["denied 403 no_grant | no_grant | app:shop orders:GET /home"],
    );
    check(
        &trusting,
        &format!("{home}\nX-Forwarded-For: 10.1.2.3, 192.0.2.9"),
        expect!["allowed permit | app:shop orders:GET /home by at-home"],
    );
    check(
        &trusting,
        &format!("{home}\nX-Forwarded-For: 10.1.2.3\nForwarded: for=10.9.9.9"),
        expect!["denied 403 no_grant | no_grant | app:shop orders:GET /home"],
    );
    check(
        &trusting,
        &format!("{home}\nForwarded: for=\"10.1.2.3,x\""),
        expect!["denied 403 no_grant | no_grant | app:shop orders:GET /home"],
    );
    check(
        &trusting,
        &format!("{home}\nForwarded: for=unknown"),
        expect!["denied 403 no_grant | no_grant | app:shop orders:GET /home"],
    );
}

/// Security case 76.
#[test]
fn a_handshake_for_another_api_opens_none() {
    let snapshot = snapshot(&enforced());
    for (server_name, host, expected) in [
        (None, "orders.example", None),
        (Some("orders.example"), "orders.example", None),
        (Some("ORDERS.example."), "Orders.Example", None),
        (Some("legacy.example"), "orders.example", Some("misdirected")),
        (Some("unknown.example"), "orders.example", Some("misdirected")),
        (Some("orders.example"), "unknown.example", Some("unknown_host")),
        (Some("sub.orders.example"), "orders.example", Some("misdirected")),
    ] {
        let channel = model::Channel::new(server_name, model::Presented::Nothing);
        let request = request(&format!("GET {host}/public")).over(std::sync::Arc::new(channel));
        let judgement = judge(&snapshot, NOW, &mut Worker::new([1; 32]), request);
        let refusal = judgement.evidence.refusal.map(|refusal| refusal.code());
        assert_eq!(refusal, expected, "{server_name:?} {host}");
        if expected == Some("misdirected") {
            let Outcome::Refuse(refused) = judgement.outcome else { panic!("{host} is not refused") };
            assert_eq!(refused.status, 421);
        }
    }
}
