//! Why a call is, was or would be allowed or denied.

use super::{Fixture, POLICY, ann, error};
use crate::{Actor, ExplanationView};

fn outcomes(view: &ExplanationView) -> Vec<(&str, &str)> {
    view.rules.iter().map(|rule| (rule.id.as_str(), rule.outcome)).collect()
}

#[test]
fn a_call_is_explained_as_it_would_be_decided() {
    let fixture = Fixture::new("explain-call");
    let open = fixture.up();
    open.shop();
    let explain = |caller: &str, method: &str, path: &str| {
        let url = format!("https://orders.example.com{path}");
        open.control.explain_call(&ann(), caller, method, &url).unwrap()
    };
    let allowed = explain("app:shop", "GET", "/orders");
    assert_eq!((allowed.decision, allowed.reason.as_deref(), allowed.verdict), ("allow", None, "allowed"));
    assert_eq!((allowed.caller.as_str(), allowed.strength), ("app:shop", "shared_secret"));
    assert_eq!(allowed.operation.as_deref(), Some("orders:GET /orders"));
    assert!(outcomes(&allowed).contains(&("read", "hit")), "{allowed:?}");
    assert_eq!(allowed.grant, None);

    let denied = explain("app:shop", "GET", "/customers/7");
    assert_eq!((denied.decision, denied.reason.as_deref()), ("deny", Some("no_grant")));
    assert_eq!(denied.nearest.as_deref(), Some("own"));
    let own = denied.rules.iter().find(|rule| rule.id == "own").unwrap();
    assert!(own.unmet.as_deref().unwrap().contains("context.params.id == principal.customer"), "{own:?}");
    let grant = denied.grant.as_deref().unwrap();
    assert!(grant.contains("permit") && grant.contains("orders:GET /customers/{id}"), "{grant}");

    let guarded = explain("app:shop", "POST", "/orders");
    assert_eq!((guarded.decision, guarded.reason.as_deref(), &guarded.grant), ("deny", Some("guard"), &None));
    assert!(guarded.note.as_deref().unwrap().contains("no grant helps"));

    let unknown = explain("app:shop", "GET", "/none");
    assert_eq!((unknown.decision, unknown.reason.as_deref()), ("deny", Some("unknown_operation")));
    assert_eq!((unknown.operation, unknown.rules.len()), (None, 0));

    let nobody = explain("anonymous", "GET", "/orders");
    assert_eq!((nobody.decision, nobody.reason.as_deref()), ("deny", Some("no_credential")));
    assert_eq!(nobody.grant, None);
}

#[test]
fn the_printed_grant_allows_and_allows_nothing_else() {
    let fixture = Fixture::new("explain-grant");
    let mut open = fixture.up();
    let key = open.shop();
    let now = fixture.now();
    let (denied, id) = open.call(now, Some(&key.key), "GET", "/customers/7");
    assert_eq!(denied, "denied no_grant");
    let grant = open.control.explain_decision(&ann(), &id).unwrap().grant.unwrap();
    fixture.write("policies/pasted.cedar", &grant);
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(open.call(now, Some(&key.key), "GET", "/customers/7").0, "allowed");
    assert_eq!(open.call(now, Some(&key.key), "POST", "/orders").0, "denied guard");
    assert_eq!(open.call(now, None, "GET", "/customers/7").0, "denied no_credential");
}

#[test]
fn a_call_that_cannot_be_named_is_refused_with_what_to_write() {
    let fixture = Fixture::new("explain-bad");
    let open = fixture.up();
    for (caller, method, url, part) in [
        ("shop", "GET", "https://orders.example.com/", "app:NAME"),
        ("app:none", "GET", "https://orders.example.com/", "no application `none`"),
        ("anonymous", "FETCH", "https://orders.example.com/", "no method"),
        ("anonymous", "GET", "/orders", "no URL"),
        ("anonymous", "GET", "https://orders.example.com/a/../b", "would refuse"),
    ] {
        let refused = error(open.control.explain_call(&ann(), caller, method, url));
        assert!(refused.contains(part), "{caller} {method} {url}: {refused}");
    }
    let foreign = open.control.explain_call(&ann(), "anonymous", "GET", "https://none.example/x").unwrap();
    assert_eq!((foreign.decision, foreign.operation), ("deny", None));
}

#[test]
fn a_past_decision_is_judged_by_the_revision_that_it_was_made_under() {
    let fixture = Fixture::new("explain-past");
    let mut open = fixture.up();
    let key = open.shop();
    let now = fixture.now();
    let (_, allowed) = open.call(now, Some(&key.key), "GET", "/customers/42");
    let (_, denied) = open.call(now, Some(&key.key), "GET", "/customers/7");
    let (_, guarded) = open.call(now, Some(&key.key), "POST", "/orders");
    let (_, unknown) = open.call(now, Some(&key.key), "GET", "/none");
    fixture.write("policies/orders.cedar", &POLICY.replace("@id(\"own\")", "@id(\"renamed\")"));
    open.control.reload(&Actor::gateway(), "file").unwrap();

    let explain = |id: &str| open.control.explain_decision(&ann(), id).unwrap();
    let view = explain(&allowed);
    assert_eq!((view.decision, view.revision, &view.grant), ("allow", 1, &None));
    assert!(outcomes(&view).contains(&("own", "hit")), "{view:?}");
    assert_eq!(view.id.as_deref(), Some(allowed.as_str()));
    let view = explain(&denied);
    assert_eq!((view.decision, view.reason.as_deref(), view.revision), ("deny", Some("no_grant"), 1));
    assert_eq!(view.nearest.as_deref(), Some("own"), "not `renamed`, which came later");
    assert!(view.grant.is_some());
    let view = explain(&guarded);
    assert_eq!((view.decision, view.reason.as_deref(), &view.grant), ("deny", Some("guard"), &None));
    let view = explain(&unknown);
    assert_eq!((view.decision, view.reason.as_deref()), ("deny", Some("unknown_operation")));
    assert!(view.rules.is_empty() && view.note.is_some());
    for none in ["zz", "", "01jdz8k3v2c5m7q9r1s3t5v7w9"] {
        assert!(open.control.explain_decision(&ann(), none).is_err(), "{none}");
    }
}

#[test]
fn what_was_erased_is_not_recorded_and_not_guessed() {
    let fixture = Fixture::new("explain-erased");
    let mut open = fixture.up();
    let key = open.shop();
    let (_, id) = open.call(fixture.now(), Some(&key.key), "GET", "/customers/7");
    for (subject, reason, part) in
        [("shop", "r", "no subject"), ("key:abc", "r", "no subject"), ("app:shop", " ", "needs a reason")]
    {
        assert!(error(open.control.erase(&ann(), subject, reason)).contains(part), "{subject}");
    }
    assert_eq!(open.control.erase(&ann(), "app:shop", "request 4711").unwrap().entries, 1);
    let view = open.control.explain_decision(&ann(), &id).unwrap();
    assert_eq!(
        (view.decision, view.reason.as_deref(), view.caller.as_str()),
        ("deny", Some("no_grant"), "not recorded")
    );
    assert!(view.rules.is_empty() && view.grant.is_none());
    assert!(view.note.as_deref().unwrap().contains("erased"), "{view:?}");
    assert!(!serde_json::to_string(&view).unwrap().contains("shop"));
}
