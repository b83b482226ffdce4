//! Client certificates: who shows a good one is a workload, who shows another is nobody's caller.

use testkit::{Authority, Issued, Leaf, Name, Purpose, until};

use super::tls_world::{Secured, WORKLOAD, asking};
use super::world::{HOST, POLICY};

const GRANT: &str = r#"
@id("workload.cart") @owner("orders-team") @reason("the cart reads orders") @expires("2099-01-01")
permit (
  principal == Workload::"spiffe://example.org/ns/shop/sa/cart",
  action == Action::"orders:GET /orders/{id}",
  resource
) when { context.strength == 4 };

@id("workload.dns") @owner("orders-team") @reason("an older worker") @expires("2099-01-01")
permit (principal == Workload::"worker.example.org", action == Action::"orders:GET /orders", resource);
"#;

fn secured(demand: &str) -> Secured {
    Secured::start(&asking(demand), |place| place.append(POLICY, GRANT))
}

fn spiffe(id: &'static str) -> Leaf {
    Leaf::client(vec![Name::Uri(id)])
}

#[test]
fn a_workload_is_named_by_its_certificate_and_by_nothing_else() {
    let secured = secured("optional");
    let answer = secured.curl_with(&secured.clients.issue(&spiffe(WORKLOAD)), "/orders/7", &[]);
    assert_eq!(answer.summary, "200", "{answer:?}");
    let decided = secured.world.entries(&answer.id);
    let decided = decided.iter().find(|entry| entry["kind"] == "decided").unwrap();
    assert!(decided.to_string().contains(&format!("workload:{WORKLOAD}")), "{decided}");
    assert!(decided.to_string().contains("bound"), "{decided}");
    let explained = secured.world.cli().try_run(&["explain", &answer.id]).line();
    assert_eq!(explained["caller"], format!("workload:{WORKLOAD}"), "{explained}");
    assert_eq!(explained["strength"], "bound", "{explained}");
    let asked = format!("workload:{WORKLOAD}");
    let url = format!("https://{HOST}/orders/7");
    let explained = secured.world.cli().try_run(&["explain", "--as", &asked, "GET", &url]).line();
    assert_eq!(explained["decision"], "allow", "{explained}");
    let status = until("the status to name it", || {
        let status = secured.world.cli().try_run(&["status"]);
        status.stdout.contains("orders").then_some(status)
    });
    assert_eq!(status.code, 0);
    for (leaf, path, expected) in [
        (spiffe(WORKLOAD), "/orders", "403 no_grant"),
        (Leaf::client(vec![Name::Dns("worker.example.org")]), "/orders", "200"),
        (Leaf::client(vec![Name::Dns("WORKER.example.org")]), "/orders", "200"),
        (Leaf::client(vec![Name::Dns("worker.example.org")]), "/orders/7", "403 no_grant"),
        // SPIFFE lets certificates hold both; the id is the name.
        (Leaf::client(vec![Name::Dns("worker.example.org"), Name::Uri(WORKLOAD)]), "/orders/7", "200"),
        (Leaf::client(vec![Name::Dns("worker.example.org"), Name::Uri(WORKLOAD)]), "/orders", "403 no_grant"),
    ] {
        let answer = secured.curl_with(&secured.clients.issue(&leaf), path, &[]);
        assert_eq!(answer.summary, expected, "{leaf:?} {path}: {answer:?}");
    }
}

/// Security case 78: names are compared whole, and no character stands for another.
#[test]
fn case_78_a_workload_that_is_called_nearly_the_same_is_another_one() {
    let secured = secured("required");
    for id in [
        "spiffe://example.org/ns/shop/sa/cart2",
        "spiffe://example.org/ns/shop/sa/car",
        "spiffe://example.org/ns/shop/sa/Cart",
        "spiffe://exampleXorg/ns/shop/sa/cart",
        "spiffe://example.org/ns/shop/sa/cart/x",
        "spiffe://other.org/ns/shop/sa/cart",
    ] {
        let answer = secured.curl_with(&secured.clients.issue(&spiffe(id)), "/orders/7", &[]);
        // The SPIFFE rules know no capital letters in a trust domain.
        let expected = if id.contains("exampleX") { "401 invalid_credential" } else { "403 no_grant" };
        assert_eq!(answer.summary, expected, "{id}: {answer:?}");
    }
    let dotted = Leaf::client(vec![Name::Dns("workerXexample.org")]);
    let answer = secured.curl_with(&secured.clients.issue(&dotted), "/orders", &[]);
    assert_eq!(answer.summary, "403 no_grant");
}

/// Security case 77: a certificate that names nobody, or two, is refused and never taken for none.
#[test]
fn case_77_a_certificate_that_names_nobody_is_a_bad_credential() {
    let secured = secured("optional");
    let names = |names: Vec<Name>| Leaf::client(names);
    for (leaf, code) in [
        (names(vec![]), "certificate_unnamed"),
        (names(vec![Name::Mail("a@example.org")]), "certificate_unnamed"),
        (names(vec![Name::Other]), "certificate_unnamed"),
        (names(vec![Name::Uri(WORKLOAD), Name::Uri("spiffe://example.org/b")]), "certificate_names"),
        (names(vec![Name::Dns("a.example.org"), Name::Dns("b.example.org")]), "certificate_names"),
        (names(vec![Name::Dns("*.example.org")]), "certificate_dns"),
        (names(vec![Name::Dns("worker.example.org\0.evil.example")]), "certificate_dns"),
        (names(vec![Name::Uri("spiffe://example.org/ns/../sa/cart")]), "certificate_spiffe"),
        (spiffe(WORKLOAD).purpose(Purpose::Signing), "certificate_authority"),
    ] {
        // What is public is no way round either: a bad credential never counts as none.
        for path in ["/orders/7", "/public/info"] {
            let answer = secured.curl_with(&secured.clients.issue(&leaf), path, &[]);
            assert_eq!(answer.summary, "401 invalid_credential", "{leaf:?}: {answer:?}");
            let entries = secured.world.entries(&answer.id);
            assert!(entries.iter().any(|entry| entry["code"] == code), "{code}: {entries:?}");
        }
    }
    assert_eq!(secured.curl(HOST, "/public/info", &[]).summary, "200");
}

/// Security case 77, as far as the handshake judges: there is no connection.
#[test]
fn case_77_a_certificate_that_is_not_believed_makes_no_connection() {
    for demand in ["optional", "required"] {
        let secured = secured(demand);
        let others = Authority::new("others");
        let bad: [(&str, Issued); 4] = [
            ("another authority", others.issue(&spiffe(WORKLOAD))),
            ("ended", secured.clients.issue(&spiffe(WORKLOAD).days(-9, -2))),
            ("not yet", secured.clients.issue(&spiffe(WORKLOAD).days(2, 9))),
            ("for servers", secured.clients.issue(&spiffe(WORKLOAD).purpose(Purpose::Server))),
        ];
        for (what, issued) in &bad {
            let answer = secured.curl_with(issued, "/orders/7", &[]);
            assert!(answer.summary.starts_with("curl "), "{demand} {what}: {answer:?}");
        }
        let metrics = String::from_utf8(secured.world.admin("GET /metrics").send().body).unwrap();
        assert!(
            metrics.contains("sallyport_handshake_failures_total{cause=\"certificate\"} 4\n"),
            "{metrics}"
        );
        let without = secured.curl(HOST, "/public/info", &[]).summary;
        match demand {
            "optional" => assert_eq!(without, "200"),
            _ => assert!(without.starts_with("curl "), "{without}"),
        }
        assert!(!secured.world.upstream.requests().iter().any(|seen| seen.line().contains("/orders/7")));
    }
}

#[test]
fn a_certificate_and_a_key_at_once_name_two_callers() {
    let secured = secured("optional");
    let issued = secured.clients.issue(&spiffe(WORKLOAD));
    let key = format!("X-Api-Key: {}", secured.world.keys.reader);
    let answer = secured.curl_with(&issued, "/orders/7", &["-H", &key]);
    assert_eq!(answer.summary, "400 multiple_credentials", "{answer:?}");
    let foreign = ["-H", "Authorization: Basic dXNlcjpwYXNz"];
    assert_eq!(secured.curl_with(&issued, "/orders/7", &foreign).summary, "200");
}

/// New authorities count from the next handshake on, also for who could resume a session of before.
#[test]
fn an_authority_that_is_withdrawn_opens_no_connection_any_more() {
    let secured = secured("required");
    let issued = secured.clients.issue(&spiffe(WORKLOAD));
    assert_eq!(secured.curl_with(&issued, "/orders/7", &[]).summary, "200");
    let others = Authority::new("others");
    secured.world.place.write("tls/clients.pem", &others.pem);
    until("the old authority to be forgotten", || {
        let answer = secured.curl_with(&issued, "/orders/7", &[]);
        answer.summary.starts_with("curl ").then_some(())
    });
    assert_eq!(secured.curl_with(&others.issue(&spiffe(WORKLOAD)), "/orders/7", &[]).summary, "200");
}
