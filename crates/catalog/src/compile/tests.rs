//! Tests of compiling: indices, what is refused by name, what is linted.

use model::GroupName;

use super::*;
use crate::find::tests::{api, operation};
use crate::{Cors, ParameterKind};

fn lints(apis: Vec<ApiDeclaration>) -> Vec<String> {
    let ungrouped = |lint: &Lint| matches!(lint, Lint::Ungrouped { .. });
    let lints = Catalog::compile(apis).unwrap().lints;
    lints.into_iter().filter(|lint| !ungrouped(lint)).map(|lint| format!("{lint:?}")).collect()
}

fn refused(apis: Vec<ApiDeclaration>) -> String {
    Catalog::compile(apis).unwrap_err().to_string()
}

#[test]
fn every_operation_has_an_index_and_an_id() {
    let catalog = Catalog::compile(vec![
        api("a a.example /", &["GET /x", "POST /x", "GET /{id}"]),
        api("b b.example /v1", &["GET /v1/x"]),
    ])
    .unwrap()
    .catalog;
    assert_eq!(catalog.apis().len(), 2);
    for (api, count) in [(ApiIndex(0), 3), (ApiIndex(1), 1), (ApiIndex(2), 0)] {
        assert_eq!(catalog.operations_of(api).count(), count);
    }
    for (place, operation) in (0..).zip(catalog.operations()) {
        assert_eq!(catalog.by_id(operation.id.as_str()), Some(OperationIndex(place)));
    }
    for id in ["", "a:GET /y", "b:GET /x", "a:GET /{other}", "a:get /x"] {
        assert_eq!(catalog.by_id(id), None, "{id}");
    }
    assert!(catalog.operation(OperationIndex(4)).is_none());
    assert!(catalog.api(ApiIndex(2)).is_none());
}

#[test]
fn refuses_what_has_two_readings_and_names_both() {
    let one = |operations: &[&str]| vec![api("a a.example /", operations)];
    for (apis, expected) in [
        (one(&["GET /x", "GET /x"]), "`a:GET /x` and `a:GET /x` are the same method on the same path"),
        (
            one(&["GET /x/{id}", "GET /x/{name}"]),
            "`a:GET /x/{id}` and `a:GET /x/{name}` are the same method on the same path",
        ),
        (
            one(&["GET /{a},{b}.z", "GET /{c},{d}.z"]),
            "`a:GET /{a},{b}.z` and `a:GET /{c},{d}.z` are the same method on the same path",
        ),
        (
            one(&["GET /x/{id*}", "GET /x/{name*}"]),
            "`a:GET /x/{id*}` and `a:GET /x/{name*}` are the same method on the same path",
        ),
        (
            vec![api("a h.example /", &["GET /x"]), api("b h.example /", &["GET /x"])],
            "`a:GET /x` and `b:GET /x` are the same method on the same path",
        ),
        (
            vec![api("a h.example /", &["GET /x/{id}"]), api("b g.example,h.example /", &["PUT /x/{name}"])],
            "`a:GET /x/{id}` and `b:PUT /x/{name}` are on the same path of the same host; a path belongs to one API",
        ),
        (
            vec![api("a h.example /", &["GET /v1/{x}"]), api("b h.example /v1", &["GET /v1/{y}"])],
            "`a:GET /v1/{x}` and `b:GET /v1/{y}` are the same method on the same path",
        ),
        (vec![api("a h.example /", &[]), api("a g.example /", &[])], "two APIs are called `a`"),
        (
            vec![api("a * /", &[]), api("b h.example /", &[])],
            "`a` answers to every host, which only the one API of a gateway may; `b` is another",
        ),
        (
            vec![api("a h.example /v1", &["GET /x"])],
            "`a:GET /x` does not lie under the base path `/v1` of its API",
        ),
        (
            vec![api("a h.example /v1", &["GET /{v}/x"])],
            "`a:GET /{v}/x` does not lie under the base path `/v1` of its API",
        ),
    ] {
        assert_eq!(refused(apis), expected);
    }
}

#[test]
fn the_same_path_is_free_on_another_host_or_with_another_case_or_slash() {
    for apis in [
        vec![api("a h.example /", &["GET /x"]), api("b g.example /", &["GET /x"])],
        vec![api("a h.example /", &["GET /x", "GET /X", "GET /x/", "PUT /x"])],
        vec![api("a h.example /", &["GET /x"]), api("b h.example /", &["GET /y"])],
    ] {
        assert!(Catalog::compile(apis).is_ok());
    }
}

#[test]
fn refuses_declarations_that_contradict_themselves() {
    let declared = |change: fn(&mut ApiDeclaration)| {
        let mut declaration = api("orders a.example /", &["GET /x/{id}"]);
        change(&mut declaration);
        Catalog::compile(vec![declaration]).map(|_| ()).map_err(|error| error.to_string())
    };
    let group = |name: &str| GroupName::parse(name).unwrap();
    assert_eq!(group("orders:read").as_str(), "orders:read");
    assert!(declared(|api| api.operations[0].groups = vec![GroupName::parse("orders:own").unwrap()]).is_ok());
    for (change, expected) in [
        (
            (|api| api.operations[0].groups = vec![GroupName::parse("billing").unwrap()])
                as fn(&mut ApiDeclaration),
            "`orders:GET /x/{id}` is in the group `billing`, which is not one of its API's own",
        ),
        (
            |api| api.operations[0].groups = vec![GroupName::parse("orders2:read").unwrap()],
            "`orders:GET /x/{id}` is in the group `orders2:read`, which is not one of its API's own",
        ),
        (
            |api| api.operations[0].groups = vec![GroupName::parse("orders:").unwrap()],
            "`orders:GET /x/{id}` is in the group `orders:`, which is not one of its API's own",
        ),
        (|api| api.hosts = Hosts::Listed(vec![]), "the API `orders` has no hosts"),
        (
            |api| api.operations[0].parameters.clear(),
            "the parameters of `orders:GET /x/{id}` are not those of its path",
        ),
        (
            |api| api.operations[0].parameters[0].name = "other".into(),
            "the parameters of `orders:GET /x/{id}` are not those of its path",
        ),
        (
            |api| api.operations[0].method = Method::Unlisted,
            "an operation of `orders` on `/x/{id}` has no method",
        ),
        (
            |api| api.cors = Some(cors("*")),
            "`*` is no origin; write it as browsers do: https://shop.example.com",
        ),
    ] {
        assert_eq!(declared(change), Err(expected.to_owned()));
    }
    assert!(declared(|api| api.operations[0].parameters[0].kind = ParameterKind::Long).is_ok());
}

/// Security case 85.
#[test]
fn names_both_where_some_path_fits_two() {
    let shadowed = |special: &str, general: &str| {
        format!("Shadowed {{ special: \"a:{special}\", general: \"a:{general}\" }}")
    };
    let ambiguous =
        |taken: &str, other: &str| format!("Ambiguous {{ taken: \"a:{taken}\", other: \"a:{other}\" }}");
    for (operations, expected) in [
        (&["GET /x/me", "GET /x/{id}"][..], vec![shadowed("GET /x/me", "GET /x/{id}")]),
        (&["GET /x/me", "DELETE /x/{id}"], vec![shadowed("GET /x/me", "DELETE /x/{id}")]),
        (&["GET /x/me/y", "GET /x/{id}/z"], vec![]),
        (&["GET /x/{id}:go", "GET /x/{id}"], vec![shadowed("GET /x/{id}:go", "GET /x/{id}")]),
        (&["GET /x/{id}.a.b", "GET /x/{id}.b"], vec![shadowed("GET /x/{id}.a.b", "GET /x/{id}.b")]),
        (&["GET /x/{id}.a", "GET /x/{id}.b"], vec![]),
        (&["GET /x/a{id}", "GET /x/{id}b"], vec![ambiguous("GET /x/{id}b", "GET /x/a{id}")]),
        (&["GET /a/{x}/d", "GET /{y}/b/d"], vec![ambiguous("GET /a/{x}/d", "GET /{y}/b/d")]),
        (&["GET /a/{x}/c", "GET /{y}/b/d"], vec![]),
        (&["GET /a/b", "GET /a/{x*}"], vec![shadowed("GET /a/b", "GET /a/{x*}")]),
        (&["GET /a/b/c/d", "GET /a/{x*}"], vec![shadowed("GET /a/b/c/d", "GET /a/{x*}")]),
        (&["GET /a/{x}/c", "GET /a/b/{y*}"], vec![ambiguous("GET /a/b/{y*}", "GET /a/{x}/c")]),
        (&["GET /a/b/{x*}", "GET /a/{y*}"], vec![shadowed("GET /a/b/{x*}", "GET /a/{y*}")]),
        (&["GET /a/", "GET /a/{x}"], vec![]),
        (&["GET /a", "GET /a/{x*}"], vec![]),
        (&["GET /a/b/", "GET /a/{x*}"], vec![shadowed("GET /a/b/", "GET /a/{x*}")]),
    ] {
        assert_eq!(lints(vec![api("a a.example /", operations)]), expected, "{operations:?}");
    }
}

#[test]
fn says_what_is_worth_a_look() {
    for (apis, expected) in [
        (
            vec![api("a h.example /", &["GET /{x}/{y}"])],
            vec!["TooGeneric { operation: \"a:GET /{x}/{y}\" }".to_owned()],
        ),
        (
            vec![api("a h.example /v1", &["GET /v1/{x*}"])],
            vec!["TooGeneric { operation: \"a:GET /v1/{x*}\" }".to_owned()],
        ),
        (vec![api("a h.example /", &["GET /v1/{x*}", "GET /"])], vec![]),
        (
            vec![api("a h.example /", &["GET /x/{id}", "GET /x/{key}/y"])],
            vec![
                "ParameterNames { one: \"a:GET /x/{id}\", other: \"a:GET /x/{key}/y\", name: \"id\", other_name: \"key\" }"
                    .to_owned(),
            ],
        ),
        (
            vec![api("a h.example /", &["GET /v1/x", "GET /v2/x"]), api("b h.example /v1", &["GET /v1/y"])],
            vec![
                "Unreachable { operation: \"a:GET /v1/x\", reason: \"paths under `/v1` belong to another API on one of its hosts\" }"
                    .to_owned(),
            ],
        ),
        (
            vec![api("a h.example /", &["GET /.well-known/sallyport/jwks.json"])],
            vec![
                "Unreachable { operation: \"a:GET /.well-known/sallyport/jwks.json\", reason: \"the gateway itself answers there\" }"
                    .to_owned(),
            ],
        ),
    ] {
        assert_eq!(lints(apis), expected);
    }
    let mut browsers = api("a h.example /", &["GET /x", "GET /y"]);
    browsers.operations[1].visibility = Visibility::Hidden;
    assert_eq!(lints(vec![browsers.clone()]), [""; 0]);
    browsers.cors = Some(cors("https://shop.example.com"));
    // Preflights tell of GET, which another operation has.
    assert_eq!(lints(vec![browsers.clone()]), [""; 0]);
    let mut without = browsers.clone();
    without.operations.remove(0);
    assert_eq!(lints(vec![without]), ["HiddenFromBrowsers { operation: \"a:GET /y\" }"]);
    let other = api("b h.example /", &["GET /z"]);
    assert_eq!(lints(vec![browsers.clone(), other]), ["BrowsersTellApisApart { one: \"a\", other: \"b\" }"]);
    let elsewhere = [api("b h.example /b", &["GET /b/z"]), api("b i.example /", &["GET /z"])];
    for elsewhere in elsewhere {
        assert_eq!(lints(vec![browsers.clone(), elsewhere]), [""; 0]);
    }
    let ungrouped = Catalog::compile(vec![api("a h.example /", &["GET /x"])]).unwrap().lints;
    assert_eq!(ungrouped.iter().map(ToString::to_string).collect::<Vec<_>>().len(), 1);
    let mut grouped = api("a h.example /", &[]);
    grouped.operations.push(operation("GET /x"));
    grouped.operations[0].groups = vec![GroupName::parse("a").unwrap()];
    assert!(Catalog::compile(vec![grouped]).unwrap().lints.is_empty());
}

#[test]
fn ends_looking_at_overlaps_where_there_are_too_many() {
    let paths: Vec<String> = (0..3_000).map(|n| format!("GET /x/{n}")).collect();
    let mut paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    paths.push("GET /x/{id}");
    let lints = lints(vec![api("a a.example /", &paths)]);
    assert!(lints.len() < 600, "{}", lints.len());
    assert!(lints.contains(&"Incomplete".to_owned()));
}

fn cors(origin: &str) -> Cors {
    Cors {
        origins: vec![origin.to_owned()],
        headers: Vec::new(),
        credentials: crate::CorsCredentials::Omit,
        max_age: std::time::Duration::from_secs(600),
    }
}
