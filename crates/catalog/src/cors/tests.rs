//! Tests of preflights: what is answered, and the nearest things that are not.

use super::*;
use crate::find::tests::{api, compile, request_with};

const SHOP: &str = "https://shop.example.com";

fn catalog() -> Catalog {
    let mut open =
        api("open open.example /", &["GET /x/{id}", "PUT /x/{id}", "OPTIONS /o", "GET /o", "POST /p"]);
    open.operations.push(crate::find::tests::operation("PATCH /x/{id}"));
    open.operations.push(crate::find::tests::operation("GET /hidden"));
    for hidden in open.operations.iter_mut().skip(5) {
        hidden.visibility = crate::Visibility::Hidden;
    }
    let cors = |origins: &[&str], credentials| Cors {
        origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        headers: vec!["x-api-key".into(), "Content-Type".into(), "a".into()],
        credentials,
        max_age: Duration::from_millis(600_999),
    };
    open.cors = Some(cors(&[SHOP, "http://127.0.0.1:3000"], CorsCredentials::Omit));
    let mut cookies = api("cookies cookies.example /", &["GET /x/{id}"]);
    cookies.cors = Some(cors(&[SHOP], CorsCredentials::Allow));
    compile(vec![open, cookies, api("closed closed.example /", &["GET /x/{id}"])])
}

fn answered(method: &str, target: &str, fields: &[(&str, &str)]) -> Option<String> {
    let catalog = catalog();
    let request = request_with(method, target, fields);
    let answer = preflight(&catalog, &request, &catalog.find(&request))?;
    Some(answer.fields().iter().map(|(name, value)| format!("{name}: {value}\n")).collect())
}

#[test]
fn answers_a_preflight_that_is_declared() {
    let text = answered(
        "OPTIONS",
        "/x/7",
        &[
            ("Host", "open.example"),
            ("Origin", SHOP),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "x-api-key, content-type"),
        ],
    );
    let expected = "Access-Control-Allow-Origin: https://shop.example.com\n\
        Access-Control-Allow-Methods: GET, HEAD, OPTIONS, POST, PUT\n\
        Access-Control-Allow-Headers: x-api-key, content-type\n\
        Access-Control-Max-Age: 600\n\
        Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n";
    assert_eq!(text.as_deref(), Some(expected));
}

#[test]
fn allows_credentials_only_where_they_are_declared() {
    let ask = |host| {
        let fields = [("Host", host), ("Origin", SHOP), ("Access-Control-Request-Method", "GET")];
        answered("OPTIONS", "/x/7", &fields).unwrap()
    };
    assert!(ask("cookies.example").contains("\nAccess-Control-Allow-Credentials: true\n"));
    assert!(!ask("open.example").contains("Credentials"));
}

#[test]
fn the_answer_is_the_same_on_every_path_of_an_api() {
    const FIELDS: [(&str, &str); 2] = [("Host", "open.example"), ("Origin", SHOP)];
    let ask = |target: &str, method: &str| {
        answered("OPTIONS", target, &[FIELDS[0], FIELDS[1], ("Access-Control-Request-Method", method)])
    };
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT"] {
        let known = ask("/x/7", method);
        assert!(known.as_ref().is_some_and(|known| !known.contains("PATCH")), "{method}");
        for target in ["/o", "/p", "/hidden", "/unknown", "/", "/x/7/deeper"] {
            assert_eq!(ask(target, method), known, "{method} {target}");
        }
    }
    // PATCH is hidden wherever it is declared, DELETE is declared nowhere.
    for method in ["PATCH", "DELETE", "TRACE", "BREW"] {
        for target in ["/x/7", "/hidden", "/unknown"] {
            assert_eq!(ask(target, method), None, "{method} {target}");
        }
    }
}

#[test]
fn apis_under_one_host_tell_their_own_methods() {
    let browsers = |name: &str, operations: &[&str]| {
        let mut api = api(name, operations);
        api.cors = Some(Cors {
            origins: vec![SHOP.to_owned()],
            headers: Vec::new(),
            credentials: CorsCredentials::Omit,
            max_age: Duration::ZERO,
        });
        api
    };
    let catalog = compile(vec![
        browsers("outer one.example /", &["GET /x"]),
        browsers("inner one.example /v1", &["PUT /v1/x"]),
    ]);
    let methods = |target: &str, method: &str| {
        let fields = [("Host", "one.example"), ("Origin", SHOP), ("Access-Control-Request-Method", method)];
        let request = request_with("OPTIONS", target, &fields);
        preflight(&catalog, &request, &catalog.find(&request)).map(|answer| answer.methods.to_string())
    };
    assert_eq!(methods("/any", "GET").as_deref(), Some("GET, HEAD"));
    assert_eq!(methods("/any", "PUT"), None);
    assert_eq!(methods("/v1/any", "PUT").as_deref(), Some("PUT"));
    assert_eq!(methods("/v1/x", "GET"), None);
}

#[test]
fn what_is_not_exactly_declared_is_no_preflight() {
    const HOST: (&str, &str) = ("Host", "open.example");
    const FROM: (&str, &str) = ("Origin", SHOP);
    const FOR: (&str, &str) = ("Access-Control-Request-Method", "GET");
    const HEADERS: &str = "Access-Control-Request-Headers";
    let long = "a,".repeat(REQUESTED_HEADERS_BYTES_MAX / 2) + "a";
    let longest = long.get(2..).unwrap();
    for (answers, method, target, fields) in [
        (true, "OPTIONS", "/x/7", &[HOST, FROM, FOR][..]),
        (true, "OPTIONS", "/o", &[HOST, FROM, FOR]),
        (true, "OPTIONS", "/x/7", &[HOST, ("Origin", "http://127.0.0.1:3000"), FOR]),
        (true, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "")]),
        (true, "OPTIONS", "/x/7", &[HOST, FROM, ("Access-Control-Request-Method", "HEAD")]),
        (false, "GET", "/x/7", &[HOST, FROM, FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM]),
        (false, "OPTIONS", "/x/7", &[HOST, FOR]),
        (false, "OPTIONS", "/x/7", &[("Host", "closed.example"), FROM, FOR]),
        (false, "OPTIONS", "/x/7", &[("Host", "other.example"), FROM, FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, ("Access-Control-Request-Method", "PATCH")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, ("Access-Control-Request-Method", "DELETE")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, ("Access-Control-Request-Method", "get")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, ("Access-Control-Request-Method", "GET, PUT")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FROM, FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "https://shop.example.com."), FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "https://shop.example.com:443"), FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "http://shop.example.com"), FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "https://evil.example"), FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "https://shop.example.com.evil.example"), FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "https://xshop.example.com"), FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "null"), FOR]),
        (false, "OPTIONS", "/x/7", &[HOST, ("Origin", "*"), FOR]),
        (true, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "X-API-Key ,\tcontent-type")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "x-api-key, x-other")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "x-api-ke")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "*")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "a b")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "a,,b")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "a\r\nX: y")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "\u{e9}")]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, "a"), (HEADERS, "b")]),
        (true, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, longest)]),
        (false, "OPTIONS", "/x/7", &[HOST, FROM, FOR, (HEADERS, &long)]),
    ] {
        assert_eq!(answered(method, target, fields).is_some(), answers, "{method} {target} {fields:?}");
    }
}

#[test]
fn knows_what_an_origin_is() {
    for (text, is) in [
        ("https://shop.example.com", true),
        ("http://localhost:3000", true),
        ("http://[::1]:3000", true),
        ("https://shop.example.com/", false),
        ("https://shop.example.com:443", false),
        ("http://shop.example.com:80", false),
        ("https://Shop.example.com", false),
        ("https://shop.example.com.", false),
        ("https://user@shop.example.com", false),
        ("https://*.example.com", false),
        ("https://", false),
        ("shop.example.com", false),
        ("ftp://shop.example.com", false),
        ("null", false),
        ("*", false),
        ("", false),
    ] {
        assert_eq!(is_origin(text), is, "{text}");
    }
}
