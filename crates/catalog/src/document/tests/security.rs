//! What documents ask of access tokens, and what of their words asks for nothing.

use super::{notes, read};
use crate::AskedScopes;

/// The sets of scopes, as `a b | c`.
fn shown(asked: &AskedScopes) -> String {
    let sets = asked.sets().iter().map(|set| set.iter().map(|scope| &**scope).collect::<Vec<_>>().join(" "));
    sets.collect::<Vec<_>>().join(" | ")
}

const SCHEMES: &str = "
    oauth: {type: oauth2, flows: {clientCredentials: {scopes: {read: r, close: c}}, implicit: {scopes: {admin: a}}}}
    free: {type: oauth2, flows: {clientCredentials: {scopes: {}}}}
    oidc: {type: openIdConnect, openIdConnectUrl: https://id.example/}
    jwt: {type: http, scheme: Bearer}
    basic: {type: http, scheme: basic}
    key: {type: apiKey, in: header, name: x}
    ref: {$ref: '#/components/securitySchemes/oauth'}
    odd: {type: magic}
    none: {}
    lost: {$ref: '#/components/securitySchemes/nowhere'}
";

/// What an operation asks for with this list of its own, and what is said of it.
fn asked(list: &str) -> (String, Vec<String>) {
    let document = read(&format!(
        "openapi: 3.1.0\nsecurity: [{{oauth: [admin]}}]\npaths:\n  /a:\n    get: {{security: {list}}}\ncomponents:\n  securitySchemes:{SCHEMES}"
    ));
    let of_operation = "/paths/~1a/get/security";
    let said = notes(&document).into_iter().filter_map(|note| {
        Some(
            note.strip_prefix(of_operation)?
                .trim_end_matches("; the list is taken to ask for nothing")
                .to_owned(),
        )
    });
    (shown(&document.operations[0].scopes), said.collect())
}

#[test]
fn scopes_of_tokens_are_read_and_what_else_is_asked_for_is_not() {
    for (list, expected) in [
        ("[{oauth: [read]}]", "read"),
        ("[{ref: [close]}]", "close"),
        ("[{oidc: ['orders:close', orders.read]}]", "orders.read orders:close"),
        ("[{free: [anything]}]", "anything"),
        ("[{oauth: [read, close, read]}]", "close read"),
        ("[{oauth: [read], key: []}]", "read"),
        ("[{oauth: [read], oidc: [x]}]", "read x"),
        ("[{oauth: [read]}, {oauth: [close, admin]}, {oauth: [read]}]", "read | admin close"),
        // Who has a key needs no token; who has a token still needs the scope.
        ("[{oauth: [read]}, {key: []}, {basic: []}]", "read"),
        ("[{key: []}]", ""),
    ] {
        assert_eq!(asked(list), (expected.to_owned(), vec![]), "{list}");
    }
}

#[test]
fn what_anybody_may_call_and_what_any_token_meets_asks_for_nothing() {
    for list in [
        "[]",
        "[{}]",
        "[{oauth: [read]}, {}]",
        "[{}, {oauth: [read]}]",
        "[{oauth: [read]}, {oauth: []}]",
        "[{oauth: [read]}, {jwt: []}]",
        "[{oidc: []}]",
        "[{jwt: [], key: []}]",
    ] {
        assert_eq!(asked(list), (String::new(), vec![]), "{list}");
    }
}

#[test]
fn what_is_not_understood_asks_for_nothing_and_says_so() {
    let many = format!("[{}]", "{oauth: [read]}, ".repeat(65));
    let scopes = format!("[{{oidc: [{}]}}]", "a, ".repeat(65));
    let long = format!("[{{oidc: [{}]}}]", "a".repeat(257));
    for (list, expected) in [
        ("{oauth: [read]}", ": is not a list of requirements"),
        ("text", ": is not a list of requirements"),
        ("~", ": is not a list of requirements"),
        ("[oauth]", "/0: is not a requirement"),
        (
            "[{oauth: [read]}, {unheard: []}]",
            "/1/unheard: names `unheard`, which is no scheme that can be used",
        ),
        ("[{odd: [read]}]", "/0/odd: names `odd`, which is no scheme that can be used"),
        ("[{none: []}]", "/0/none: names `none`, which is no scheme that can be used"),
        ("[{lost: [read]}]", "/0/lost: names `lost`, which is no scheme that can be used"),
        ("[{oauth: [raed]}]", "/0/oauth: asks for the scope `raed`, which its scheme does not declare"),
        ("[{oauth: read}]", "/0/oauth: is not a list of scopes"),
        ("[{oauth: [7]}]", "/0/oauth: holds a scope that is no text of 1 to 256 bytes"),
        ("[{oidc: ['']}]", "/0/oidc: holds a scope that is no text of 1 to 256 bytes"),
        (&long, "/0/oidc: holds a scope that is no text of 1 to 256 bytes"),
        (&many, ": has more than 64 requirements"),
        (&scopes, "/0/oidc: has more than 64 scopes"),
    ] {
        assert_eq!(asked(list), (String::new(), vec![expected.to_owned()]), "{list}");
    }
    // One more than the nearest that is taken.
    assert_eq!(asked(&format!("[{}]", "{oauth: [read]}, ".repeat(64))).0, "read");
    assert_eq!(asked(&long.replacen('a', "", 1)).0.len(), 256);
    let roles = "is neither oauth2 nor openIdConnect, so that its scopes are not used";
    assert_eq!(asked("[{jwt: [read]}]"), (String::new(), vec![format!("/0/jwt: {roles}")]));
    assert_eq!(asked("[{key: [a], oauth: [read]}]"), ("read".to_owned(), vec![format!("/0/key: {roles}")]));
}

#[test]
fn the_documents_own_list_is_for_operations_without_one() {
    let scopes = |text: &str| {
        let document = read(text);
        let shown: Vec<String> = document.operations.iter().map(|one| shown(&one.scopes)).collect();
        (shown.join("; "), notes(&document))
    };
    let schemes = "components: {securitySchemes: {oauth: {type: oauth2, flows: {}}}}\n";
    let paths = "paths: {/a: {get: {}, put: {security: [{oauth: [b]}]}, post: {security: []}}}\n";
    assert_eq!(
        scopes(&format!("openapi: 3.0.3\nsecurity: [{{oauth: [a]}}]\n{paths}{schemes}")),
        ("a; ; b".to_owned(), vec![])
    );
    // What is wrong with it is said once, not for each operation.
    let wrong = format!("openapi: 3.0.3\nsecurity: a\npaths: {{/a: {{get: {{}}, put: {{}}}}}}\n{schemes}");
    let reason = "/security: is not a list of requirements; the list is taken to ask for nothing";
    assert_eq!(scopes(&wrong), ("; ".to_owned(), vec![reason.to_owned()]));
    let swagger = "swagger: '2.0'\nsecurity: [{oauth: [a]}]\nsecurityDefinitions: {oauth: {type: oauth2, scopes: {a: x}}}\n\
                   paths: {/a: {get: {}, put: {security: [{oauth: [c]}]}}}\n";
    let reason = "/paths/~1a/put/security/0/oauth: asks for the scope `c`, which its scheme does not declare; \
                  the list is taken to ask for nothing";
    assert_eq!(scopes(swagger), ("a; ".to_owned(), vec![reason.to_owned()]));
    assert_eq!(
        scopes("openapi: 3.0.3\ncomponents: {securitySchemes: [a]}\npaths: {}\n").1,
        ["/components/securitySchemes: is not a map of schemes"]
    );
}

#[test]
fn one_list_that_many_operations_have_is_held_once() {
    let many: String =
        (0..2_000).map(|n| format!("  /{n}: {{$ref: '#/components/pathItems/p'}}\n")).collect();
    let list = "{free: [a, b]}, {free: [c]}, ".repeat(32);
    let item = format!("{{p: {{get: {{security: [{list}]}}, put: {{security: [{{free: 7}}]}}}}}}");
    let document = read(&format!(
        "openapi: 3.1.0\npaths:\n{many}components:\n  pathItems: {item}\n  securitySchemes:{SCHEMES}"
    ));
    let gets: Vec<_> = document.operations.iter().filter(|one| !one.scopes.sets().is_empty()).collect();
    assert_eq!(gets.len(), 2_000);
    let first = gets[0].scopes.sets().as_ptr();
    assert!(gets.iter().all(|one| one.scopes.sets().as_ptr() == first));
    let of_puts = notes(&document).into_iter().filter(|note| note.contains("/put/security"));
    assert_eq!(of_puts.count(), 1);
}
