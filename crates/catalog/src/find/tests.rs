//! Tests of the matcher: tables by hand, and a slow matcher that tries everything to compare with.

use std::net::IpAddr;

use model::request::{BodyShape, Scheme};
use model::{Admission, ApiName, CanonicalRequest, Head, HostName};
use proptest::prelude::*;

use super::*;
use crate::compile::CompileCatalogError;
use crate::template::tests::all_readings;
use crate::{
    ApiDeclaration, BasePath, Compiled, Hosts, Lifecycle, OperationDeclaration, ParameterKind, PathParameter,
    Spanning, Visibility,
};

pub(crate) fn request(method: &str, host: &str, target: &str) -> CanonicalRequest {
    request_with(method, target, &[("Host", host)])
}

pub(crate) fn request_with(method: &str, target: &str, fields: &[(&str, &str)]) -> CanonicalRequest {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let head = Head::from_parts(method.as_bytes(), target.as_bytes(), fields).unwrap();
    let admission =
        Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: IpAddr::from([127, 0, 0, 1]) };
    CanonicalRequest::admit(head, admission).unwrap()
}

pub(crate) fn operation(text: &str) -> OperationDeclaration {
    let (method, path) = text.split_once(' ').unwrap();
    let template = Template::parse(path, Spanning::AsWritten).unwrap();
    let parameters = template
        .parameters()
        .map(|name| PathParameter { name: name.to_owned(), kind: ParameterKind::String })
        .collect();
    OperationDeclaration {
        method: Method::of_token(method.as_bytes()),
        template,
        parameters,
        groups: vec![],
        lifecycle: Lifecycle::Active,
        visibility: Visibility::Shown,
        operation_id: None,
        summary: None,
        scopes: crate::AskedScopes::none(),
    }
}

/// `NAME HOSTS BASE`, hosts separated by commas.
pub(crate) fn api(text: &str, operations: &[&str]) -> ApiDeclaration {
    let [name, hosts, base] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let hosts = match hosts {
        "*" => Hosts::Any,
        hosts => Hosts::Listed(hosts.split(',').map(|host| HostName::parse(host).unwrap()).collect()),
    };
    ApiDeclaration {
        name: ApiName::parse(name).unwrap(),
        hosts,
        base_path: BasePath::parse(base).unwrap(),
        operations: operations.iter().map(|text| operation(text)).collect(),
        cors: None,
    }
}

pub(crate) fn compile(apis: Vec<ApiDeclaration>) -> Catalog {
    let Compiled { catalog, .. } = Catalog::compile(apis).unwrap();
    catalog
}

fn one(operations: &[&str]) -> Catalog {
    compile(vec![api("a a.example /", operations)])
}

/// The answer as text: `GET /x/{id} id=7`, `405 GET, HEAD`, `unknown in a`, `no host`.
fn answer(catalog: &Catalog, method: &str, host: &str, target: &str) -> String {
    let request = request(method, host, target);
    let name = |api: ApiIndex| catalog.api(api).unwrap().name.clone();
    match catalog.find(&request) {
        Match::UnknownHost => "no host".into(),
        Match::UnknownOperation { api } => format!("unknown in {}", name(api)),
        Match::MethodNotDeclared { api, allow } => format!("405 in {}: {allow}", name(api)),
        Match::Found(found) => {
            let operation = catalog.operation(found.operation).unwrap();
            assert_eq!(operation.api, found.api);
            assert_eq!(found.captures.len(), operation.parameters.len());
            let mut text = operation.id.to_string();
            for (parameter, value) in operation.parameters.iter().zip(found.captures.values(&request)) {
                assert_eq!(value.text(), value.to_string());
                text += &format!(" {}={value}", parameter.name);
            }
            text
        }
    }
}

#[test]
fn literals_come_before_texts_before_parameters_before_spanning() {
    let catalog = one(&[
        "GET /users/me",
        "GET /users/{id}",
        "GET /users/{id}.json",
        "GET /users/{id}.tar.json",
        "POST /users/{id}:lock",
        "GET /users/{id}/keys",
        "GET /users/me/sessions",
        "GET /users/{rest*}",
        "GET /tiles/{lat},{lon}.png",
        "GET /tiles/{name}",
        "GET /",
        "GET /slash/",
        "GET /caf\u{e9}/{id}",
    ]);
    for (method, target, expected) in [
        ("GET", "/", "a:GET /"),
        ("GET", "/users/me", "a:GET /users/me"),
        ("GET", "/users/ME", "a:GET /users/{id} id=ME"),
        ("GET", "/users/%6de", "a:GET /users/me"),
        ("GET", "/users/7", "a:GET /users/{id} id=7"),
        // Security case 8: the query is not looked at.
        ("GET", "/users/7?x=/users/me", "a:GET /users/{id} id=7"),
        ("GET", "/users/a%20b", "a:GET /users/{id} id=a b"),
        ("GET", "/users/7.json", "a:GET /users/{id}.json id=7"),
        ("GET", "/users/7.tar.json", "a:GET /users/{id}.tar.json id=7"),
        ("GET", "/users/.json", "a:GET /users/{id} id=.json"),
        ("POST", "/users/7:lock", "a:POST /users/{id}:lock id=7"),
        ("POST", "/users/7%3Alock", "a:POST /users/{id}:lock id=7"),
        ("GET", "/users/7:lock", "405 in a: POST"),
        ("GET", "/users/me/keys", "a:GET /users/{id}/keys id=me"),
        ("GET", "/users/me/sessions", "a:GET /users/me/sessions"),
        ("GET", "/users/me/other", "a:GET /users/{rest*} rest=me/other"),
        ("GET", "/users/7/keys/", "a:GET /users/{rest*} rest=7/keys/"),
        ("GET", "/users/7/", "a:GET /users/{rest*} rest=7/"),
        ("GET", "/users/", "unknown in a"),
        ("GET", "/users", "unknown in a"),
        ("GET", "/usersme", "unknown in a"),
        ("GET", "/slash/", "a:GET /slash/"),
        ("GET", "/slash", "unknown in a"),
        ("GET", "/caf%C3%A9/1", "a:GET /caf\u{e9}/{id} id=1"),
        ("GET", "/caf%c3%a8/1", "unknown in a"),
        ("GET", "/tiles/1,2.png", "a:GET /tiles/{lat},{lon}.png lat=1 lon=2"),
        ("GET", "/tiles/1.png", "a:GET /tiles/{name} name=1.png"),
        // Two readings: neither the pattern nor the more general template gets it.
        ("GET", "/tiles/1,2,3.png", "unknown in a"),
    ] {
        assert_eq!(answer(&catalog, method, "a.example", target), expected, "{method} {target}");
    }
}

#[test]
fn the_path_decides_before_the_method() {
    let catalog =
        one(&["GET /users/me", "DELETE /users/{id}", "PUT /users/{id}", "OPTIONS /x", "HEAD /h", "GET /h"]);
    for (method, target, expected) in [
        ("DELETE", "/users/me", "405 in a: GET, HEAD"),
        ("DELETE", "/users/7", "a:DELETE /users/{id} id=7"),
        ("GET", "/users/7", "405 in a: DELETE, PUT"),
        ("HEAD", "/users/me", "a:GET /users/me"),
        ("HEAD", "/users/7", "405 in a: DELETE, PUT"),
        ("HEAD", "/h", "a:HEAD /h"),
        ("OPTIONS", "/x", "a:OPTIONS /x"),
        ("OPTIONS", "/h", "405 in a: GET, HEAD"),
        ("get", "/users/me", "405 in a: GET, HEAD"),
        ("PURGE", "/users/me", "405 in a: GET, HEAD"),
        ("(unlisted)".trim_matches(['(', ')']), "/nothing", "unknown in a"),
    ] {
        assert_eq!(answer(&catalog, method, "a.example", target), expected, "{method} {target}");
    }
}

#[test]
fn hidden_operations_are_found_and_not_told_of() {
    let mut declaration = api(
        "a a.example /",
        &["GET /x", "PUT /x", "GET /y", "DELETE /y", "GET /z", "HEAD /z", "POST /z", "GET /shown"],
    );
    for place in [1, 2, 3, 4] {
        declaration.operations[place].visibility = Visibility::Hidden;
    }
    let catalog = compile(vec![declaration]);
    for (method, target, expected) in [
        ("PUT", "/x", "a:PUT /x"),
        ("POST", "/x", "405 in a: "),
        ("GET", "/y", "a:GET /y"),
        ("HEAD", "/y", "a:GET /y"),
        ("POST", "/y", "405 in a: "),
        ("POST", "/none", "unknown in a"),
        ("PUT", "/z", "405 in a: "),
        ("PUT", "/shown", "405 in a: GET, HEAD"),
    ] {
        assert_eq!(answer(&catalog, method, "a.example", target), expected, "{method} {target}");
    }
}

#[test]
fn goes_back_where_the_more_special_way_does_not_fit() {
    let catalog = one(&["GET /a/b/c", "GET /a/{x}/d", "GET /{y}/b/e", "GET /{y}/{x}.z/f", "GET /{all*}"]);
    for (target, expected) in [
        ("/a/b/c", "a:GET /a/b/c"),
        ("/a/b/d", "a:GET /a/{x}/d x=b"),
        ("/a/b/e", "a:GET /{y}/b/e y=a"),
        ("/a/q.z/f", "a:GET /{y}/{x}.z/f y=a x=q"),
        ("/a/b/f", "a:GET /{all*} all=a/b/f"),
        ("/a", "a:GET /{all*} all=a"),
    ] {
        assert_eq!(answer(&catalog, "GET", "a.example", target), expected, "{target}");
    }
}

/// Security case 15.
#[test]
fn a_host_is_known_by_its_whole_name_however_many_there_are() {
    for count in [1, 10, 1_000] {
        let hosts: Vec<String> = (0..count).map(|n| format!("h{n}.example")).collect();
        let catalog = compile(vec![api(&format!("a {} /", hosts.join(",")), &["GET /x"])]);
        for (host, expected) in [
            ("h0.example", "a:GET /x"),
            ("H0.EXAMPLE", "a:GET /x"),
            ("h0.example.:8443", "a:GET /x"),
            ("example", "no host"),
            ("x.h0.example", "no host"),
            ("h0.example.com", "no host"),
        ] {
            assert_eq!(answer(&catalog, "GET", host, "/x"), expected, "{host} of {count}");
        }
    }
    let catalog = compile(vec![api("a * /", &["GET /x"])]);
    assert_eq!(answer(&catalog, "GET", "whatever.example", "/x"), "a:GET /x");
    assert_eq!(answer(&Catalog::empty(), "GET", "a.example", "/"), "no host");
}

#[test]
fn a_path_belongs_to_the_api_with_the_longest_base_path() {
    let catalog = compile(vec![
        api("all h.example /", &["GET /x", "GET /{a}/{b}", "GET /{all*}"]),
        api("v1 h.example,g.example /v1", &["GET /v1/x", "GET /v1/{id}/y"]),
        api("deep h.example /v1/deep", &["GET /v1/deep/x"]),
        api("twin-b h.example /twin", &["GET /twin/b", "GET /twin/{x}/b"]),
        api("twin-a h.example /twin", &["GET /twin/a", "GET /twin/{x}/a"]),
    ]);
    for (host, target, expected) in [
        ("h.example", "/x", "all:GET /x"),
        ("h.example", "/v1/x", "v1:GET /v1/x"),
        ("h.example", "/v1/other", "unknown in v1"),
        ("h.example", "/v1", "unknown in v1"),
        // Security case 17: compared segment by segment.
        ("h.example", "/v10/x", "all:GET /{a}/{b} a=v10 b=x"),
        ("h.example", "/V1/x", "all:GET /{a}/{b} a=V1 b=x"),
        ("h.example", "/v1/deep/x", "deep:GET /v1/deep/x"),
        ("h.example", "/v1/deep/y", "unknown in deep"),
        ("h.example", "/v1/deeper/y", "v1:GET /v1/{id}/y id=deeper"),
        ("h.example", "/twin/a", "twin-a:GET /twin/a"),
        ("h.example", "/twin/b", "twin-b:GET /twin/b"),
        ("h.example", "/twin/q/b", "twin-b:GET /twin/{x}/b x=q"),
        ("h.example", "/twin/c", "unknown in twin-a"),
        // Alone on a host, an API has all its paths.
        ("g.example", "/elsewhere", "unknown in v1"),
        ("g.example", "/v1/deep/x", "unknown in v1"),
        ("g.example", "/v1/deep/y", "v1:GET /v1/{id}/y id=deep"),
    ] {
        assert_eq!(answer(&catalog, "GET", host, target), expected, "{host}{target}");
    }
    let shared =
        compile(vec![api("b h.example /b", &[]), api("a h.example /a", &[]), api("c h.example /c/d", &[])]);
    assert_eq!(answer(&shared, "GET", "h.example", "/none"), "unknown in a");
}

#[test]
fn refuses_a_catalogue_in_which_a_search_could_be_long() {
    // Every way down a complete binary tree of literals and parameters fits `/a/a/…`.
    let paths = |depth: u32| -> Vec<String> {
        let of = |n: u32, bit: u32| if n >> bit & 1 == 0 { "/a".to_owned() } else { format!("/{{p{bit}}}") };
        (0..1 << depth)
            .map(|n| {
                (0..depth).map(|bit| of(n, bit)).fold("GET ".to_owned(), |path, segment| path + &segment)
            })
            .collect()
    };
    let compile = |depth| {
        let paths = paths(depth);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        Catalog::compile(vec![api("a a.example /", &paths)])
    };
    assert!(compile(11).is_ok());
    let error = compile(12).unwrap_err();
    assert!(matches!(error, CompileCatalogError::TooEntangled { .. }), "{error}");
}

#[test]
fn a_match_is_small_enough_to_stay_on_the_stack() {
    assert!(size_of::<Match>() <= 160, "{}", size_of::<Match>());
}

/// One template against one path, by trying everything; the number of readings.
fn readings(segments: &[Segment], path: &[&str]) -> usize {
    match (segments, path) {
        ([], []) => 1,
        ([Segment::Literal(text), rest @ ..], [first, path @ ..]) if &**text == *first => {
            readings(rest, path)
        }
        ([Segment::Parameter(_), rest @ ..], [first, path @ ..]) if !first.is_empty() => readings(rest, path),
        ([Segment::Spanning(_)], [first, ..]) if !first.is_empty() => 1,
        ([Segment::Affix(affix), rest @ ..], [first, path @ ..]) => {
            all_readings(&affix.texts, first) * readings(rest, path)
        }
        _ => 0,
    }
}

/// The order in which templates take a path, written out.
fn rank(template: &Template) -> Vec<(u8, i64, usize, Vec<Box<str>>)> {
    let rank = |segment: &Segment| match segment {
        Segment::Literal(text) => (0, 0, 0, vec![text.clone()]),
        Segment::Affix(affix) => {
            let length: usize = affix.texts.iter().map(|text| text.len()).sum();
            (1, -i64::try_from(length).unwrap(), affix.texts.len(), affix.texts.to_vec())
        }
        Segment::Parameter(_) => (2, 0, 0, vec![]),
        Segment::Spanning(_) => (3, 0, 0, vec![]),
    };
    template.segments().iter().map(rank).collect()
}

fn naive(operations: &[OperationDeclaration], method: Method, path: &[&str]) -> String {
    let mut fitting: Vec<_> =
        operations.iter().filter(|it| 0 < readings(it.template.segments(), path)).collect();
    fitting.sort_by_key(|it| rank(&it.template));
    let Some(best) = fitting.first().map(|it| rank(&it.template)) else { return "unknown".into() };
    fitting.retain(|it| rank(&it.template) == best);
    let has = |wanted: Method| fitting.iter().find(|it| it.method == wanted);
    let found = has(method).or_else(|| has(Method::Get).filter(|_| method == Method::Head));
    match found {
        Some(found) if 1 < readings(found.template.segments(), path) => "unknown".into(),
        Some(found) => found.key(),
        None => "405".into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn agrees_with_trying_every_template(
        templates in proptest::collection::vec(
            ("(GET|PUT|HEAD)", "(/(a|b|ab|a\\.b|\\{p\\}|\\{p\\}b|a\\{p\\}|\\{p\\}\\.\\{q\\}|\\{p\\}a\\{q\\}b)){0,3}(/|/\\{r\\*\\})?"), 1..14),
        paths in proptest::collection::vec("(/[ab.]{1,4}){0,4}/?", 1..12),
    ) {
        let mut operations: Vec<OperationDeclaration> = Vec::new();
        for (method, path) in templates {
            let mut names = 0;
            let path: String = path.chars().map(|c| match c {
                'p' | 'q' | 'r' => { names += 1; format!("n{names}") }
                other => other.to_string(),
            }).collect();
            let path = if path.is_empty() { "/".to_owned() } else { path };
            let added = operation(&format!("{method} {path}"));
            let same = |it: &OperationDeclaration| it.method == added.method && rank(&it.template) == rank(&added.template);
            if !operations.iter().any(same) {
                operations.push(added);
            }
        }
        let mut declaration = api("a a.example /", &[]);
        declaration.operations = operations.clone();
        let catalog = compile(vec![declaration]);
        for path in paths.iter().filter(|path| path.starts_with('/')) {
            if path.split('/').any(|segment| matches!(segment, "." | "..")) {
                continue;
            }
            for method in ["GET", "PUT", "HEAD"] {
                let request = request(method, "a.example", path);
                let segments: Vec<&str> = request.segments().collect();
                let found = match catalog.find(&request) {
                    Match::Found(found) => {
                        let found = catalog.operation(found.operation).unwrap();
                        format!("{} {}", found.method, found.template)
                    }
                    Match::MethodNotDeclared { .. } => "405".into(),
                    Match::UnknownOperation { .. } => "unknown".into(),
                    Match::UnknownHost => "no host".into(),
                };
                prop_assert_eq!(found, naive(&operations, Method::of_token(method.as_bytes()), &segments), "{} {}", method, path);
            }
        }
    }

    #[test]
    fn captures_put_back_into_the_template_give_the_path(values in proptest::collection::vec("[a-z0-9.]{1,5}x", 4)) {
        let catalog = one(&["GET /a/{p1}/b-{p2}.c/{p3}@{p4}", "GET /s/{p1}/{rest*}"]);
        let [one, two, three, four] = &values[..] else { panic!() };
        let path = format!("/a/{one}/b-{two}.c/{three}@{four}");
        let found = answer(&catalog, "GET", "a.example", &path);
        prop_assert_eq!(found, format!("a:GET /a/{{p1}}/b-{{p2}}.c/{{p3}}@{{p4}} p1={one} p2={two} p3={three} p4={four}"));
        let found = answer(&catalog, "GET", "a.example", &format!("/s/{one}/{two}/{three}"));
        prop_assert_eq!(found, format!("a:GET /s/{{p1}}/{{rest*}} p1={one} rest={two}/{three}"));
    }
}
