//! What a client is told beside yes or no: preflights, challenges, limits, ids, and what forbids storing it.

use expect_test::expect;
use model::{DenyReason, Refusal};

use super::world::{NOW, Setup, check, enforced, request, snapshot};
use crate::{Closing, Judgement, Outcome, Worker, judge, refuse_unadmitted};

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
