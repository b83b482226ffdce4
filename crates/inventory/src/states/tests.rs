//! States beside one document and several, versions of an API, and drift.

use super::*;

pub(super) fn seen(host: &str, method: &'static str, path: &str) -> Operation {
    let settings = crate::Settings::default();
    let mut inventory = crate::Inventory::new(settings);
    let exchange = traffic::Exchange {
        host: Some(host),
        method,
        path: "/a",
        status: Some(200),
        response_type: Some("application/json"),
        ..traffic::Exchange::default()
    };
    inventory.observe(&exchange);
    let mut operation = inventory.operations().remove(0);
    operation.path = path.to_owned();
    operation
}

fn contract(host: Option<&str>, lines: &[&str]) -> Contract {
    let operations = lines
        .iter()
        .map(|line| {
            let (line, is_deprecated) = line.strip_prefix('!').map_or((*line, false), |line| (line, true));
            let (method, path) = line.split_once(' ').unwrap();
            Declared {
                method: method.to_owned(),
                path: path.to_owned(),
                is_deprecated,
                ..Declared::default()
            }
        })
        .collect();
    Contract { name: "document".to_owned(), host: host.map(str::to_owned), operations, ..Contract::default() }
}

fn told(operations: Vec<Operation>, contracts: &[Contract]) -> Vec<String> {
    let mut told: Vec<String> = classify(operations, contracts, Some(1_000))
        .into_iter()
        .map(|one| format!("{} {} {} {}", one.state.as_str(), one.host, one.method, one.path))
        .collect();
    told.sort();
    told
}

#[test]
fn what_is_percent_encoded_does_not_matter() {
    for (path, expected) in [
        ("/orders/{id}", "/orders/{}"),
        ("/möbel/{id}", "/m%C3%B6bel/{}"),
        ("/m%c3%b6bel/{id}", "/m%C3%B6bel/{}"),
        ("/%6Frders/a b", "/orders/a%20b"),
        ("/jobs/{id}:run%21", "/jobs/{}:run!"),
        // What is no text, and what would be another path, stays as it is.
        ("/%ff/%2F/%zz", "/%ff/%2F/%zz"),
    ] {
        assert_eq!(canonical(path), expected);
        assert_eq!(canonical(&canonical(path)), expected);
    }
    let found = told(
        vec![seen("h", "GET", "/m%C3%B6bel/{id}"), seen("h", "GET", "/m%C3%B6bal/{id}")],
        &[contract(None, &["get /möbel/{id}"])],
    );
    assert_eq!(found, ["documented h GET /möbel/{id}", "shadow h GET /m%C3%B6bal/{id}"]);
}

#[test]
fn names_of_parameters_do_not_matter_and_those_of_the_document_are_shown() {
    let found = told(
        vec![
            seen("h", "GET", "/users/{userId}"),
            seen("h", "GET", "/users/{userId}/x"),
            seen("h", "PUT", "/a"),
        ],
        &[contract(None, &["get /users/{id}", "!PUT /a", "POST /never"])],
    );
    assert_eq!(
        found,
        [
            "documented h GET /users/{id}",
            "orphan h POST /never",
            "shadow h GET /users/{userId}/x",
            "zombie h PUT /a"
        ]
    );
}

#[test]
fn calls_that_fit_a_declared_template_are_calls_to_it_unless_they_surely_are_something_else() {
    let operation = |path: &str, confidence: f64| Operation { confidence, ..seen("h", "GET", path) };
    let found = classify(
        vec![
            operation("/tools/mt/{from}", 0.6),
            operation("/tools/dictionary/{from}", 0.5),
            operation("/tools/me/{from}", 0.96),
        ],
        &[contract(None, &["GET /tools/{tool}/{from}", "GET /other"])],
        None,
    );
    let told: Vec<(State, &str, u64)> = found
        .iter()
        .map(|one| (one.state, one.path.as_str(), one.seen.as_ref().map_or(0, |seen| seen.count)))
        .collect();
    assert_eq!(
        told,
        [
            (State::Shadow, "/tools/me/{from}", 1),
            (State::Documented, "/tools/{tool}/{from}", 2),
            (State::Orphan, "/other", 0)
        ]
    );
    let any = |path, declared| fits(path, declared, &[]);
    assert!(any("/a/{}.json", "/a/{}") && any("/a/x.json", "/a/{}.json") && any("/a/b", "/a/b"));
    assert!(!any("/a/x.xml", "/a/{}.json") && !any("/a", "/a/{}") && !any("/a/.json", "/a/{}.json"));
    let second = takes("/{tenant}/jobs/{job}.{format}", |name| name == "job");
    assert_eq!(second, [Takes::Anything, Takes::Ids, Takes::Anything]);
    let typed = |path| fits(path, "/{}/jobs/{}", second.get(..2).unwrap());
    assert!(
        typed("/acme/jobs/17") && typed("/acme/jobs/{}") && !typed("/acme/jobs/all") && !typed("/acme/jobs/")
    );
}

#[test]
fn a_document_belongs_to_the_host_where_it_is_used_unless_somebody_says_otherwise() {
    let operations = || vec![seen("a", "GET", "/x"), seen("b", "GET", "/y")];
    let found = told(operations(), &[contract(None, &["GET /y"]), contract(Some("c"), &["GET /x"])]);
    assert_eq!(found, ["documented b GET /y", "orphan c GET /x", "shadow a GET /x"]);
    // Nothing of it was seen, and there are two hosts.
    assert_eq!(hosts(&[contract(None, &["GET /z"])], &operations()), [None]);
    assert_eq!(hosts(&[contract(None, &["GET /z"])], &operations()[..1]), [Some("a".to_owned())]);
}

#[test]
fn what_a_newer_document_offers_is_no_zombie_and_what_its_answers_end_is() {
    let contracts = [contract(None, &["!GET /x"]), contract(None, &["GET /x"])];
    assert_eq!(told(vec![seen("h", "GET", "/x")], &contracts), ["documented h GET /x"]);
    for (sunset, deprecated, want) in [
        (Some(1_000), 0, "zombie"),
        (Some(1_001), 0, "documented"),
        (None, 1, "zombie"),
        (None, 0, "documented"),
    ] {
        let operation = Operation { sunset, deprecated, ..seen("h", "GET", "/x") };
        assert_eq!(
            told(vec![operation], &contracts[1..]),
            [format!("{want} h GET /x")],
            "{sunset:?} {deprecated}"
        );
    }
}

fn version(name: &str, version: &str, lines: &[&str]) -> Contract {
    let (name, version) = (name.to_owned(), version.to_owned());
    Contract {
        name,
        version,
        title: "Orders".to_owned(),
        base: "/v1".to_owned(),
        ..contract(Some("h"), lines)
    }
}

#[test]
fn what_a_newer_version_of_an_api_took_away_is_a_zombie_where_it_is_called_and_nothing_else() {
    let contracts = [
        version("new.yaml", "1.10.0", &["GET /v1/a", "GET /v1/c"]),
        version("old.yaml", "1.9.2", &["GET /v1/a", "GET /v1/b", "GET /v1/gone"]),
    ];
    let found = classify(vec![seen("h", "GET", "/v1/a"), seen("h", "GET", "/v1/b")], &contracts, None);
    let told: Vec<String> =
        found.iter().map(|one| format!("{} {}: {}", one.state.as_str(), one.path, one.why)).collect();
    assert_eq!(
        told,
        [
            "documented /v1/a: declared in new.yaml (1.10.0), old.yaml (1.9.2)",
            "zombie /v1/b: only in old.yaml (1.9.2); new.yaml (1.10.0) no longer declares it",
            "orphan /v1/c: declared in new.yaml (1.10.0); no call to it succeeded",
        ]
    );
    // Another API, another base path, or versions that are the same: each stands for itself.
    for change in [
        |one: &mut Contract| one.title = "Billing".to_owned(),
        |one: &mut Contract| one.base = "/v2".to_owned(),
        |one: &mut Contract| one.version = "1.9.2".to_owned(),
        |one: &mut Contract| one.title.clear(),
    ] {
        let mut contracts = contracts.clone();
        change(&mut contracts[0]);
        let found = classify(vec![seen("h", "GET", "/v1/b")], &contracts, None);
        assert_eq!(found[0].state, State::Documented, "{:?}", found[0]);
        assert_eq!(found.iter().filter(|one| one.state == State::Orphan).count(), 3);
    }
}

#[test]
fn a_document_says_itself_which_host_it_is_about() {
    let named =
        |server: &str, lines: &[&str]| Contract { servers: vec![server.to_owned()], ..contract(None, lines) };
    let operations = || vec![seen("a", "GET", "/x"), seen("b", "GET", "/x")];
    let placed = |contract: Contract| hosts(&[contract], &operations()).remove(0);
    assert_eq!(placed(named("b:8443", &["GET /x"])).as_deref(), Some("b"));
    assert_eq!(placed(named("elsewhere", &["GET /x"])).as_deref(), Some("a"), "it is used on another host");
    assert_eq!(placed(named("elsewhere", &["GET /y"])).as_deref(), Some("elsewhere"));
    let said = Contract { host: Some("c".to_owned()), ..named("b", &["GET /x"]) };
    assert_eq!(placed(said).as_deref(), Some("c"));
}

#[test]
fn what_is_sent_and_answered_beside_the_document_is_told() {
    let declared = Declared {
        method: "GET".to_owned(),
        path: "/a".to_owned(),
        query: Some(vec![
            ("page".to_owned(), false),
            ("tenant".to_owned(), true),
            ("size".to_owned(), false),
        ]),
        answers: vec!["200".to_owned(), "4XX".to_owned()],
        ..Declared::default()
    };
    let mut operation = seen("h", "GET", "/a");
    operation.query = vec![("debug".to_owned(), 2), ("page".to_owned(), 5), ("{}".to_owned(), 1)];
    operation.statuses = [0, 200, 404, 500].map(|status| StatusCount { status, count: 1 }).to_vec();
    let drift = Drift::of(&operation, &declared);
    assert_eq!(drift.undeclared_query, ["debug", "{}"]);
    assert_eq!(drift.unsent_query, ["tenant"]);
    assert_eq!(drift.undeclared_statuses, [500]);
    // What a gateway answered in place of the service is not the service's.
    operation.own_statuses = vec![StatusCount { status: 500, count: 1 }];
    assert_eq!(Drift::of(&operation, &declared).undeclared_statuses, [0_u16; 0]);
    operation.statuses[3].count = 2;
    assert_eq!(Drift::of(&operation, &declared).undeclared_statuses, [500]);
    let all = Declared { answers: vec!["default".to_owned()], query: None, ..declared };
    assert_eq!(Drift::of(&operation, &all), Drift::default());
}

#[test]
fn media_types_beside_the_document_are_told_where_it_tells_any() {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let seen_types = ["application/json", "Text/CSV", "application/x-odd"];
    for (declared, expected) in [
        (&[][..], &[][..]),
        (&["*/*"], &[]),
        (&["application/*", "text/csv"], &[]),
        (&["application/json"], &["Text/CSV", "application/x-odd"]),
        (&["text/*"], &["application/json", "application/x-odd"]),
        (&["application/jso"], &["Text/CSV", "application/json", "application/x-odd"]),
        (&["*"], &["Text/CSV", "application/json", "application/x-odd"]),
    ] {
        let mut operation = seen("h", "POST", "/a");
        operation.content_types = texts(&seen_types);
        let mut one = Declared { answer_types: texts(declared), ..Declared::default() };
        let expected = texts(expected);
        let drift = Drift::of(&operation, &one);
        assert_eq!(
            (drift.undeclared_answer_types, drift.undeclared_request_types),
            (expected.clone(), vec![])
        );
        std::mem::swap(&mut operation.content_types, &mut operation.request_types);
        std::mem::swap(&mut one.answer_types, &mut one.request_types);
        let drift = Drift::of(&operation, &one);
        assert_eq!((drift.undeclared_answer_types, drift.undeclared_request_types), (vec![], expected));
    }
}

#[test]
fn days_are_those_of_the_calendar() {
    for (millis, text) in [
        (0, "1970-01-01"),
        (951_782_400_000, "2000-02-29"),
        (1_735_689_599_999, "2024-12-31"),
        (-1, "1969-12-31"),
        (4_102_444_800_000, "2100-01-01"),
    ] {
        assert_eq!(day(millis), text);
    }
}
