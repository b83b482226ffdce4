//! What holds for every request.

use model::{DenyReason, Timestamp, Verdict};
use proptest::prelude::*;

use super::world::{NOW, enforced, observed, snapshot, try_request};
use crate::{Evidence, Judgement, Outcome, Worker, judge};

fn any_request() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", "BREW"]);
    let host =
        prop::sample::select(vec!["orders.example", "ORDERS.example:80", "legacy.example", "x.example"]);
    let path = prop_oneof![
        Just("orders".to_owned()),
        Just("public".to_owned()),
        Just("closed".to_owned()),
        Just("soon".to_owned()),
        Just("secrets/a".to_owned()),
        "orders/(7|07|x|-1|%37)",
        "[a-z/]{0,8}",
    ];
    let field = prop_oneof![
        3 => "X-Api-Key: \\$(whole|readonly|one|empty|stranger|stopped|expired|quarantined|disabled|nobody)",
        1 => "Authorization: Bearer \\$(whole|readonly|one|empty|stranger|stopped|expired|quarantined|disabled|nobody)",
        1 => "Authorization: (Basic dTpw|Bearer x|Bearer sp_x)",
        1 => "Connection: (close|x-api-key|authorization)",
        1 => Just("Origin: https://shop.example\nAccess-Control-Request-Method: GET".to_owned()),
        1 => Just("X-Forwarded-For: 10.0.0.1".to_owned()),
        1 => "Content-Length: (0|1001)",
    ];
    (method, host, path, prop::collection::vec(field, 0..3)).prop_map(|(method, host, path, fields)| {
        let mut lines = vec![format!("{method} {host}/{path}")];
        lines.extend(fields);
        lines.join("\n")
    })
}

/// Whether the request reaches the upstream; checks that evidence and outcome say the same.
fn passes(judgement: Judgement) -> (bool, Evidence) {
    let Judgement { evidence, outcome } = judgement;
    let passes = match outcome {
        Outcome::Allow(_) => {
            assert!(matches!(evidence.verdict, Verdict::Allowed | Verdict::WouldDeny));
            assert_eq!(evidence.verdict == Verdict::WouldDeny, evidence.refusal.is_some());
            assert!(evidence.verdict == Verdict::WouldDeny || !evidence.policies.is_empty());
            true
        }
        Outcome::Preflight(answer) => {
            assert_eq!(answer.status, 204);
            false
        }
        Outcome::Refuse(refused) => {
            assert_eq!(evidence.verdict, Verdict::Denied);
            assert!(evidence.refusal.is_some());
            assert!(400 <= refused.status);
            false
        }
    };
    (passes, *evidence)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn observation_never_lets_pass_what_it_does_not_suspend(text in any_request()) {
        thread_local! {
            static BOTH: (std::sync::Arc<crate::Snapshot>, std::sync::Arc<crate::Snapshot>) =
                (snapshot(&enforced()), snapshot(&observed()));
        }
        let (strict, loose) = BOTH.with(Clone::clone);
        let worker = &mut Worker::new([1; 32]);
        let Some(request) = try_request(&text) else { return Ok(()) };
        let (strict_passes, strict_evidence) = passes(judge(&strict, NOW, worker, request));
        let Some(request) = try_request(&text) else { return Ok(()) };
        let (loose_passes, loose_evidence) = passes(judge(&loose, NOW, worker, request));
        // Whatever passes when enforced passes when observed, by the same right.
        if strict_passes {
            prop_assert!(loose_passes);
            prop_assert_eq!(strict_evidence.verdict, loose_evidence.verdict);
        }
        if let Some(refusal) = strict_evidence.refusal {
            let guard_observes = refusal.code() == "observed_guard";
            // What is declared holds nobody while observed, but a key that was made narrow stays narrow (RFD 0024).
            let is_of_declaration = match refusal.reason() {
                DenyReason::BadParameter => !text.contains("$empty"),
                DenyReason::OutOfScope => !text.contains("$empty") && !text.contains("$one"),
                _ => false,
            };
            if !refusal.reason().is_suspended_by_observation() && !guard_observes && !is_of_declaration {
                prop_assert!(!loose_passes, "{}", text);
            }
            if loose_passes && !strict_passes {
                prop_assert_eq!(loose_evidence.verdict, Verdict::WouldDeny);
            }
        }
        // And after its end an observed API enforces.
        let Some(request) = try_request(&text) else { return Ok(()) };
        let after = Timestamp::from_micros(NOW.as_micros() + 1);
        let (after_passes, after_evidence) = passes(judge(&loose, after, worker, request));
        prop_assert_eq!(after_passes, strict_passes);
        prop_assert_eq!(after_evidence.refusal, strict_evidence.refusal);
    }

    #[test]
    fn scopes_only_narrow(text in any_request()) {
        thread_local! {
            static STRICT: std::sync::Arc<crate::Snapshot> = snapshot(&enforced());
        }
        let strict = STRICT.with(Clone::clone);
        let worker = &mut Worker::new([1; 32]);
        for narrow in ["$readonly", "$one", "$empty"] {
            let wide = text.replace(narrow, "$whole");
            let (Some(narrow), Some(wide)) = (try_request(&text), try_request(&wide)) else { return Ok(()) };
            let (narrow_passes, _) = passes(judge(&strict, NOW, worker, narrow));
            let (wide_passes, _) = passes(judge(&strict, NOW, worker, wide));
            prop_assert!(wide_passes || !narrow_passes, "{}", text);
        }
    }

    #[test]
    fn explaining_agrees_with_judging(text in any_request()) {
        thread_local! {
            static LOOSE: std::sync::Arc<crate::Snapshot> = snapshot(&observed());
        }
        let loose = LOOSE.with(Clone::clone);
        let (Some(judged), Some(asked)) = (try_request(&text), try_request(&text)) else { return Ok(()) };
        let judgement = judge(&loose, NOW, &mut Worker::new([1; 32]), judged);
        let found = identity::identify(&asked, b"x-api-key", &loose.keys, &loose.stops, NOW);
        let (Ok(identified), false) = (found, matches!(judgement.outcome, Outcome::Preflight(_))) else {
            return Ok(());
        };
        let subject = crate::Subject {
            caller: &identified.caller,
            scopes: identified.key.as_deref().map(|key| &*key.scopes),
            source_ip: judgement.evidence.source_ip,
        };
        let explained = crate::explain(&loose, NOW, subject, &asked);
        let reason = judgement.evidence.refusal.map(|refusal| refusal.reason());
        if reason != Some(DenyReason::BodyTooLarge) {
            prop_assert_eq!(explained.verdict, judgement.evidence.verdict, "{}", text);
            prop_assert_eq!(explained.refusal, judgement.evidence.refusal);
        }
    }
}
