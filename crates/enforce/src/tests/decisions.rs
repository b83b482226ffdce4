//! What becomes of requests: for each that passes, the nearest that does not.

use expect_test::{Expect, expect};
use model::{DenyReason, Refusal, Timestamp};

use super::world::{NOW, Setup, enforced, observed, request, shown, snapshot};
use crate::{Availability, Closing, Judgement, Outcome, Snapshot, Worker, judge, refuse_unadmitted};

fn check(setup: &Setup, text: &str, expected: Expect) {
    expected.assert_eq(&shown(&snapshot(setup), &mut Worker::new([1; 32]), text));
}

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
        expect!["denied 400 bad_parameter | bad_parameter | app:shop orders:GET /orders/{id}"],
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
fn preflights_are_answered_from_declaration() {
    let setup = enforced();
    let asked = "Access-Control-Request-Method: GET";
    check(
        &setup,
        &format!("OPTIONS orders.example/orders\nOrigin: https://shop.example\n{asked}"),
        expect![
            "allowed preflight 204 [Access-Control-Allow-Origin: https://shop.example, Access-Control-Allow-Methods: GET, HEAD, POST, Access-Control-Max-Age: 600, Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers] | anonymous "
        ],
    );
    let wanted = "Access-Control-Request-Headers: X-Other";
    check(
        &setup,
        &format!("OPTIONS orders.example/public\nOrigin: https://shop.example\n{asked}\n{wanted}"),
        expect![[
            r#"denied 401 no_credential [WWW-Authenticate: Bearer realm="sallyport", Access-Control-Allow-Origin: https://shop.example, Access-Control-Expose-Headers: Sallyport-Decision-Id, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy, Vary: Origin] | no_credential/method_not_declared | anonymous "#
        ]],
    );
    check(
        &setup,
        &format!("OPTIONS orders.example/orders\nOrigin: https://evil.example\n{asked}\nX-Api-Key: $whole"),
        expect!["denied 405 method_not_declared [Allow: GET, HEAD, POST] | method_not_declared | app:shop "],
    );
    check(
        &setup,
        "OPTIONS orders.example/orders\nOrigin: https://shop.example\nX-Api-Key: $whole",
        expect![
            "denied 405 method_not_declared [Access-Control-Allow-Origin: https://shop.example, Access-Control-Expose-Headers: Sallyport-Decision-Id, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy, Vary: Origin, Allow: GET, HEAD, POST] | method_not_declared | app:shop "
        ],
    );
    check(
        &setup,
        &format!("OPTIONS legacy.example/x\nOrigin: https://shop.example\n{asked}"),
        expect![[
            r#"denied 401 no_credential [WWW-Authenticate: Bearer realm="sallyport"] | no_credential/unknown_operation | anonymous "#
        ]],
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
fn what_was_never_admitted_gets_an_id_and_a_record() {
    let snapshot = snapshot(&enforced());
    let mut worker = Worker::new([1; 32]);
    let refusal =
        Refusal::new(DenyReason::MalformedRequest, "missing_host", "the request has no `Host` field");
    let one = refuse_unadmitted(&snapshot, NOW, &mut worker, refusal, Closing::Close);
    let two = refuse_unadmitted(&snapshot, NOW, &mut worker, refusal, Closing::Keep);
    assert_ne!(one.evidence.id, two.evidence.id);
    assert_eq!(one.evidence.refusal, Some(refusal));
    let Outcome::Refuse(refused) = one.outcome else { panic!("not refused") };
    assert_eq!((refused.status, refused.close), (400, Closing::Close));
    assert!(refused.body.contains(&one.evidence.id.to_string()));
    assert!(refused.into_head().is_none());
    let late = Refusal::of(DenyReason::RequestTimeout);
    for (outcome, close) in [
        (two.outcome, Closing::Keep),
        (refuse_unadmitted(&snapshot, NOW, &mut worker, late, Closing::Keep).outcome, Closing::Close),
    ] {
        let Outcome::Refuse(refused) = outcome else { panic!("not refused") };
        assert_eq!(refused.close, close);
    }
}

#[test]
fn every_401_carries_a_challenge_and_every_answer_forbids_storing() {
    let id = model::DecisionId::new(NOW, 1);
    for &reason in DenyReason::ALL {
        let refused = crate::refused(id, &Refusal::of(reason));
        let has = |name: &str| refused.fields.iter().any(|(known, _)| *known == name);
        assert_eq!(has("WWW-Authenticate"), refused.status == 401, "{reason:?}");
        assert!(has("Cache-Control"), "{reason:?}");
        assert!(refused.body.contains(&format!("\"status\":{},", refused.status)), "{reason:?}");
    }
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

#[test]
fn whoever_is_limited_and_known_is_told_what_is_left() {
    let setup = Setup { per_key: Some("2/m"), per_api: Some("3/h"), ..enforced() };
    let (snapshot, mut worker) = (snapshot(&setup), Worker::new([1; 32]));
    let mut told = |text: &str| {
        let Judgement { mut evidence, outcome } = judge(&snapshot, NOW, &mut worker, request(text));
        let fields: Vec<_> = match outcome {
            Outcome::Allow(pending) => match pending.redeem(&mut evidence, NOW) {
                Ok(pass) => pass.forward().budgets().unwrap().fields().map(|(_, value)| value).into(),
                Err(refused) => limits_in(&refused),
            },
            Outcome::Refuse(refused) => limits_in(&refused),
            Outcome::Preflight(_) => panic!("{text}"),
        };
        fields.join(" by ")
    };
    const BOTH: &str = "\"key\";q=2;w=60, \"api\";q=3;w=3600";
    let orders = "GET orders.example/orders\nX-Api-Key: $";
    assert_eq!(told(&format!("{orders}whole")), format!("\"key\";r=1;t=30, \"api\";r=2;t=1200 by {BOTH}"));
    // Denials take nothing, and every path is told the same.
    for path in ["nothing", "secrets/a", "public/x", "orders/x"] {
        let line = format!("GET orders.example/{path}\nX-Api-Key: $whole");
        assert_eq!(told(&line), format!("\"key\";r=1;t=30, \"api\";r=2;t=1200 by {BOTH}"), "{path}");
    }
    assert_eq!(told(&format!("{orders}whole")), format!("\"key\";r=0;t=30, \"api\";r=1;t=1200 by {BOTH}"));
    assert_eq!(told(&format!("{orders}whole")), "\"key\";r=0;t=30 by \"key\";q=2;w=60");
    assert_eq!(told("GET orders.example/public"), "\"api\";r=0;t=1200 by \"api\";q=3;w=3600");
    // Both are used up: the longer wait counts.
    let both = "\"api\";r=0;t=1200, \"key\";r=0;t=30 by \"api\";q=3;w=3600, \"key\";q=2;w=60";
    assert_eq!(told(&format!("{orders}whole")), both);
    // Nobody who is not known is told anything by a denial.
    assert_eq!(told("GET orders.example/orders"), "");
    assert_eq!(told("GET orders.example/orders\nX-Api-Key: $expired"), "");
}

fn limits_in(refused: &crate::Refused) -> Vec<String> {
    let value =
        |wanted| refused.fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_string());
    if let (Some(wait), Some(state)) = (value("Retry-After"), value("RateLimit")) {
        for told in state.split("t=").skip(1) {
            let told: String = told.chars().take_while(char::is_ascii_digit).collect();
            assert!(told.parse::<u64>().unwrap() <= wait.parse().unwrap(), "{state} {wait}");
        }
    }
    [value("RateLimit"), value("RateLimit-Policy")].into_iter().flatten().collect()
}
