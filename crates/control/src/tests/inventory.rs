//! The inventory of a control that is fed as the workers feed it, and what adopting writes into files that people keep.

use traffic::{Alike, Credential, Exchange, RingReceiver, ring};

use super::{API, DOCUMENT, Fixture, Open, ann, error};
use crate::inventory::{FoundView, InventoryOrder, PlaceOrder, Reading};
use crate::{AdoptOrder, AdoptView, ControlError};

/// Counts calls of an application, each answered with success.
fn feed(open: &Open, calls: &[(&str, &str, &str)]) {
    let (mut sender, receiver) = ring(65_536);
    for (host, method, path) in calls {
        sender.send(&Alike::one(Exchange {
            at: Some(1_764_000_000_000),
            host: Some(host),
            method,
            path,
            status: Some(200),
            caller: Some("shop"),
            credential: Credential::Verified,
            ..Exchange::default()
        }));
    }
    let mut rings: [RingReceiver; 1] = [receiver];
    assert_eq!(usize::try_from(open.control.feed_inventory(&mut rings)), Ok(calls.len()));
}

fn order(method: &str, path: &str) -> AdoptOrder {
    let operation = InventoryOrder {
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
        ..InventoryOrder::default()
    };
    AdoptOrder { operation, reason: "r".to_owned(), ..AdoptOrder::default() }
}

fn adopt(open: &Open, method: &str, path: &str) -> Result<AdoptView, ControlError> {
    open.control.adopt(&ann(), &order(method, path))
}

/// `api METHOD path state` of what was called.
fn seen(open: &Open) -> Vec<String> {
    let line = |one: &FoundView| format!("{} {} {} {}", one.api, one.method, one.path, one.state);
    let found = open.control.inventory(&ann(), &InventoryOrder::default()).unwrap();
    let mut lines: Vec<String> = found.iter().filter(|one| 0 < one.count).map(line).collect();
    lines.sort();
    lines
}

const HOST: &str = "orders.example.com";

#[test]
fn an_operation_below_a_base_path_is_adopted_without_it() {
    let fixture = Fixture::new("adopt-base");
    fixture.write("apis/orders/api.yaml", &format!("{API}base_path: /v1\n"));
    let moved = |file: &str, from: &str| {
        fixture.write(file, &fixture.read(file).replace(from, &format!("{from}v1/")))
    };
    moved("apis/orders/groups.lock", " /");
    moved("policies/orders.cedar", " /");
    let document = format!("{DOCUMENT}  /möbel/{{id}}:\n    get: {{}}\n");
    fixture.write("apis/orders/openapi.yaml", &document);
    let open = fixture.up();
    for (method, path) in
        [("GET", "/v%31/carts"), ("POST", "/v1/m%C3%B6bel/7"), ("GET", "/v1"), ("GET", "/v10/carts")]
    {
        feed(&open, &[(HOST, method, path)]);
    }
    let expected = [
        " GET /v10/carts shadow",
        "orders GET /v1 shadow",
        "orders GET /v1/carts shadow",
        "orders POST /v1/m%C3%B6bel/{id} shadow",
    ];
    assert_eq!(seen(&open), expected);
    let adopted = adopt(&open, "GET", "/v1/carts").unwrap();
    assert_eq!(adopted.operation, "orders:GET /v1/carts");
    assert_eq!(adopted.added.first().map(String::as_str), Some("  /carts:"));
    let adopted = adopt(&open, "POST", "/v1/m%C3%B6bel/{id}").unwrap();
    assert_eq!(adopted.operation, "orders:POST /v1/möbel/{id}");
    let states = seen(&open);
    assert_eq!(states.iter().filter(|line| line.ends_with(" documented")).count(), 2, "{states:?}");
    // The nearest that must not be: the base path itself, and what no API serves.
    let document = fixture.read("apis/orders/openapi.yaml");
    assert!(error(adopt(&open, "GET", "/v1")).contains("its paths lie below `/v1`"));
    assert!(error(adopt(&open, "GET", "/v10/carts")).contains("no API serves"));
    assert!(error(adopt(&open, "GET", "/absent")).contains("there is no operation"));
    assert!(error(adopt(&open, "DELETE", "/v1/carts")).contains("there is no operation"));
    assert_eq!(fixture.read("apis/orders/openapi.yaml"), document);
}

#[test]
fn names_that_a_parameter_takes_in_are_told_before_it_is_adopted() {
    let fixture = Fixture::new("adopt-names");
    let open = fixture.up();
    let words =
        ["daily", "weekly", "monthly", "salaries", "bonus", "audit", "plan", "forecast", "taxes", "costs"];
    let words =
        words.iter().flat_map(|one| ["", "-old", "-new", "-draft"].map(|end| format!("/reports/{one}{end}")));
    let words: Vec<String> = words.collect();
    let ids: Vec<String> = (1_000..1_040).map(|number| format!("/jobs/{number}")).collect();
    let calls = words.iter().chain(&ids).map(|path| (HOST, "GET", path.as_str()));
    feed(&open, &calls.collect::<Vec<_>>());
    let said = PlaceOrder { host: None, path: "/reports/{}".to_owned(), reading: Reading::Parameter };
    open.control.say_place(&ann(), &said, "reports have names").unwrap();
    let dry =
        |path: &str| open.control.adopt(&ann(), &AdoptOrder { dry_run: true, ..order("GET", path) }).unwrap();
    assert_eq!(dry("/reports/{}").names, ["/reports/{}"]);
    assert_eq!(dry("/jobs/{}").names, [""; 0], "numbers are no names");
    assert_eq!(adopt(&open, "GET", "/reports/{}").unwrap().names, ["/reports/{}"]);
}

#[test]
fn a_document_keeps_its_line_ends_and_one_of_mixed_ones_stays_as_it_is() {
    let fixture = Fixture::new("adopt-lines");
    let long = fixture.read("apis/orders/openapi.yaml").replace('\n', "\r\n");
    fixture.write("apis/orders/openapi.yaml", &long);
    let open = fixture.up();
    feed(&open, &[(HOST, "GET", "/carts"), (HOST, "GET", "/bills")]);
    assert!(adopt(&open, "GET", "/carts").unwrap().written);
    let after = fixture.read("apis/orders/openapi.yaml");
    assert!(after.starts_with(&long), "{after}");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    let mixed = after.replacen("\r\n", "\n", 1);
    fixture.write("apis/orders/openapi.yaml", &mixed);
    let refused = error(adopt(&open, "GET", "/bills"));
    assert!(
        refused.contains("its lines end in different ways") && refused.contains("  /bills:"),
        "{refused}"
    );
    assert_eq!(fixture.read("apis/orders/openapi.yaml"), mixed);
}

#[test]
fn an_api_without_a_document_gets_one_whatever_its_name() {
    for name in ["on", "123", "null"] {
        let fixture = Fixture::new(&format!("adopt-first-{name}"));
        let host = format!("{name}.example.com");
        let api =
            API.replace(HOST, &host).replace("mode: enforce", "mode: observe\nobserve_until: 2026-12-20");
        fixture.write(&format!("apis/{name}/api.yaml"), &api);
        let open = fixture.up();
        feed(&open, &[(&host, "GET", "/carts")]);
        let adopted = adopt(&open, "GET", "/carts").unwrap();
        assert_eq!((adopted.written, adopted.gains.len()), (true, 0), "{adopted:?}");
        let document = fixture.read(&format!("apis/{name}/openapi.yaml"));
        assert!(document.contains(&format!("title: \"{name}\"\n")), "{document}");
        assert_eq!(seen(&open), [format!("{name} GET /carts documented")]);
    }
}

#[test]
fn an_operation_of_two_hosts_is_adopted_where_one_is_named() {
    let fixture = Fixture::new("adopt-hosts");
    let open = fixture.up();
    feed(&open, &[(HOST, "GET", "/carts"), ("other.example.com", "GET", "/carts")]);
    let refused = error(adopt(&open, "GET", "/carts"));
    assert!(refused.contains("means 2 operations") && refused.contains("--host"), "{refused}");
    let mut named = order("GET", "/carts");
    named.operation.host = Some("other.example.com".to_owned());
    assert!(error(open.control.adopt(&ann(), &named)).contains("no API serves"));
    named.operation.host = Some(HOST.to_owned());
    assert!(open.control.adopt(&ann(), &named).unwrap().written);
    assert!(error(open.control.adopt(&ann(), &named)).contains("is documented, not shadow"));
}

#[test]
fn what_was_counted_before_an_erasure_and_arrives_after_it_names_nobody() {
    let fixture = Fixture::new("erase-inventory");
    let open = fixture.up();
    feed(&open, &[(HOST, "GET", "/orders"), (HOST, "GET", "/carts")]);
    open.control.erase(&ann(), "app:shop", "asked for").unwrap();
    feed(&open, &[(HOST, "GET", "/orders"), (HOST, "GET", "/carts")]);
    let found = open.control.inventory(&ann(), &InventoryOrder::default()).unwrap();
    assert_eq!(found.iter().map(|one| one.count).max(), Some(2));
    assert!(found.iter().all(|one| one.caller_names.is_empty()), "{found:?}");
    open.control.close().unwrap();
    let kept = fixture.read(".state/inventory.json");
    assert!(kept.contains("/carts") && !kept.contains("\"shop\""), "{kept}");
}

#[test]
fn what_is_ignored_can_be_listed_again_even_where_it_is_seen_no_longer() {
    let fixture = Fixture::new("unignore");
    let open = fixture.up();
    feed(&open, &[(HOST, "GET", "/carts"), ("other.example.com", "GET", "/carts")]);
    let on = |host: Option<&str>, path: &str| InventoryOrder {
        host: host.map(str::to_owned),
        ..order("GET", path).operation
    };
    let all = || open.control.inventory(&ann(), &InventoryOrder::default()).unwrap();
    let count = all().len();
    for host in [HOST, "other.example.com"] {
        open.control.ignore_operation(&ann(), &on(Some(host), "/carts"), "known").unwrap();
    }
    assert_eq!(all().len(), count - 2);
    let back = |order: &InventoryOrder| open.control.unignore_operation(&ann(), order, "looked again");
    let several = error(back(&on(None, "/carts")));
    assert!(several.contains("means 2 ignored operations") && several.contains("--host"), "{several}");
    assert!(error(back(&on(Some(HOST), "/orders"))).contains("there is no ignored operation `GET"));
    assert_eq!(back(&on(Some(HOST), "/carts")).unwrap().reason, "known");
    assert!(error(back(&on(Some(HOST), "/carts"))).contains("there is no ignored operation"));
    assert_eq!(all().len(), count - 1);
    open.control.close().unwrap();
    // Nothing was seen since, and the mark of the other is there.
    std::fs::remove_file(fixture.folder.join(".state/inventory.json")).unwrap();
    let open = fixture.up();
    let mark = open.control.unignore_operation(&ann(), &on(None, "/carts"), "").unwrap();
    assert_eq!(mark.host, "other.example.com");
    assert_eq!(fixture.read(".state/inventory-ignored.json"), "[]");
}

#[test]
fn what_is_said_of_a_place_outweighs_what_is_seen_and_stays() {
    let fixture = Fixture::new("places");
    let open = fixture.up();
    let calls =
        [(HOST, "GET", "/v2/status/open"), (HOST, "GET", "/v2/status/closed"), (HOST, "GET", "/v2/users/me")];
    feed(&open, &calls);
    let say = |open: &Open, host: Option<&str>, path: &str, reading| {
        let order = PlaceOrder { host: host.map(str::to_owned), path: path.to_owned(), reading };
        open.control.say_place(&ann(), &order, "r")
    };
    let paths = |open: &Open| -> Vec<String> {
        let found = open.control.inventory(&ann(), &InventoryOrder::default()).unwrap();
        found
            .into_iter()
            .filter(|one| 0 < one.count)
            .map(|one| format!("{} {}", one.path, one.count))
            .collect()
    };
    let apart = ["/v2/status/closed 1", "/v2/status/open 1", "/v2/users/me 1"];
    assert_eq!(paths(&open), apart);
    // Nothing is said of another host's.
    say(&open, Some("Other.example.com"), "/v2/status/{}", Reading::Parameter).unwrap();
    assert_eq!(paths(&open), apart);
    say(&open, None, "/v2/status/{}", Reading::Parameter).unwrap();
    say(&open, None, "/v2/users/me", Reading::Parameter).unwrap();
    let joined = ["/v2/status/{status} 2", "/v2/users/{user} 1"];
    assert_eq!(paths(&open), joined);
    for (path, reason) in [
        ("", "is no place of a path"),
        ("/", "is no place of a path"),
        ("users", "is no place of a path"),
        ("/a\n", "is no place of a path"),
        (&"/a".repeat(2_000), "is no place of a path"),
    ] {
        assert!(error(say(&open, None, path, Reading::Literal)).contains(reason), "{path}");
    }
    assert!(
        error(say(&open, None, "/v2/absent", Reading::Inferred)).contains("there is no word on the place")
    );
    open.control.close().unwrap();
    let open = fixture.up();
    assert_eq!(paths(&open), joined);
    feed(&open, &calls);
    assert_eq!(paths(&open), ["/v2/status/{status} 4", "/v2/users/{user} 2"]);
    // Said anew it takes the place of what was said, and it can be taken back.
    say(&open, None, "/v2/users/me", Reading::Literal).unwrap();
    say(&open, Some("other.example.com"), "/v2/status/{}", Reading::Inferred).unwrap();
    let places = open.control.inventory_places(&ann()).unwrap();
    let places: Vec<String> = places.iter().map(|one| format!("{} {}", one.path, one.is)).collect();
    assert_eq!(places, ["/v2/status/{} parameter", "/v2/users/me literal"]);
}

/// Counts calls to a declared operation, with the names of queries and the answers that the document is compared with.
fn feed_declared(
    open: &Open,
    template: &str,
    query: Option<&str>,
    status: u16,
    own_answer: bool,
    types: [&str; 2],
) {
    let (mut sender, receiver) = ring(65_536);
    sender.send(&Alike::one(Exchange {
        at: Some(1_764_000_000_000),
        host: Some(HOST),
        method: "GET",
        path: template,
        route: Some(template),
        query,
        status: Some(status),
        own_answer,
        request_type: Some(types[0]),
        response_type: Some(types[1]),
        ..Exchange::default()
    }));
    open.control.feed_inventory(&mut [receiver]);
}

#[test]
fn the_gateway_s_own_traffic_is_compared_with_documents() {
    let fixture = Fixture::new("own-drift");
    fixture.write("apis/orders/api.yaml", &format!("{API}base_path: /v1\n"));
    let moved = |file: &str, from: &str| {
        fixture.write(file, &fixture.read(file).replace(from, &format!("{from}v1/")))
    };
    moved("apis/orders/groups.lock", " /");
    moved("policies/orders.cedar", " /");
    let document = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n";
    let told = "    get:\n      parameters: [{in: query, name: page}, {in: query, name: tenant, required: true}]\n\
        \x20     requestBody: {content: {application/json: {}}}\n      responses: {200: {content: {application/json: {}}}}\n";
    let paths: String = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("  /"))
        .map(|path| format!("{path}\n{told}    post: {{}}\n"))
        .collect();
    let kept = fixture.read("apis/orders/openapi.yaml");
    fixture.write("apis/orders/openapi.yaml", &format!("{document}{paths}"));
    let open = fixture.up();
    assert!(open.refused.is_none(), "{kept} {:?}", open.refused);
    let template = "/v1/orders";
    let json = ["application/json"; 2];
    feed_declared(&open, template, Some("page=&debug="), 200, false, json);
    feed_declared(&open, template, None, 500, false, json);
    feed_declared(&open, template, None, 403, true, json);
    feed_declared(&open, template, Some("page="), 200, false, ["text/csv", "text/html"]);
    let one = || {
        let order = InventoryOrder {
            path: Some(template.to_owned()),
            method: Some("GET".to_owned()),
            ..InventoryOrder::default()
        };
        open.control.inventory(&ann(), &order).unwrap().remove(0)
    };
    let found = one();
    assert_eq!(found.state, "documented");
    let drift = found.drift;
    assert_eq!(
        (drift.undeclared_query, drift.unsent_query),
        (vec!["debug".to_owned()], vec!["tenant".to_owned()])
    );
    assert_eq!(drift.undeclared_statuses, [500]);
    assert_eq!(
        (drift.undeclared_request_types, drift.undeclared_answer_types),
        (vec!["text/csv".to_owned()], vec!["text/html".to_owned()])
    );
    assert_eq!(found.query, [("debug".to_owned(), 1), ("page".to_owned(), 2)].into());
    open.control.close().unwrap();
    let again = fixture.up();
    let order = InventoryOrder {
        path: Some(template.to_owned()),
        method: Some("GET".to_owned()),
        ..InventoryOrder::default()
    };
    let found = again.control.inventory(&ann(), &order).unwrap().remove(0);
    assert_eq!(
        (found.drift.undeclared_statuses, found.drift.undeclared_query),
        (vec![500], vec!["debug".to_owned()])
    );
    assert_eq!(found.drift.undeclared_request_types, ["text/csv"]);
}

#[test]
fn values_of_paths_reach_the_disk_of_apis_that_allow_them_until_they_do_not() {
    let fixture = Fixture::new("examples");
    let api = |allowed: &str| fixture.write("apis/orders/api.yaml", &format!("{API}{allowed}"));
    let calls: Vec<String> = (0..6).map(|number| format!("/carts/canary{number}7")).collect();
    let kept = |allowed: &str| {
        api(allowed);
        let open = fixture.up();
        for path in &calls {
            feed(&open, &[(HOST, "GET", path), ("other.example.com", "GET", path)]);
        }
        let found = open.control.inventory(&ann(), &InventoryOrder::default()).unwrap();
        let shown: usize = found.iter().map(|one| one.examples.len()).sum();
        open.control.close().unwrap();
        (shown, fixture.read(".state/inventory.json").matches("canary").count())
    };
    assert_eq!(kept(""), (0, 0));
    assert_eq!(kept("inventory: { examples: values }\n"), (5, 5));
    assert_eq!(kept("inventory: { examples: redacted }\n"), (0, 0));
    // Withdrawn, they go from the disk even where nobody calls any more.
    assert_eq!(kept("inventory: { examples: values }\n"), (5, 5));
    api("");
    let open = fixture.up();
    open.control.close().unwrap();
    assert!(!fixture.read(".state/inventory.json").contains("canary"));
}

#[test]
fn an_api_that_answers_to_any_host_is_seen_under_one() {
    let fixture = Fixture::new("any-host");
    let open = fixture.up();
    feed(&open, &[("a.example", "GET", "/carts"), ("b.example", "GET", "/carts")]);
    open.control.close().unwrap();
    assert!(fixture.read(".state/inventory.json").contains("b.example"));
    fixture.write("apis/orders/api.yaml", &API.replace("[orders.example.com]", "['*']"));
    let open = fixture.up();
    assert!(open.refused.is_none(), "{:?}", open.refused);
    feed(&open, &[("*", "GET", "/carts")]);
    assert_eq!(seen(&open), ["orders GET /carts shadow"]);
    assert_eq!(adopt(&open, "GET", "/carts").unwrap().operation, "orders:GET /carts");
    open.control.close().unwrap();
    let kept = fixture.read(".state/inventory.json");
    assert!(!kept.contains("example\""), "{kept}");
    assert_eq!(kept.matches("\"host\":\"*\"").count(), 2, "{kept}");
}
