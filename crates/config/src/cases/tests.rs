//! Cases as people write them: what is read, and what is refused with its place and a fix.

use std::collections::BTreeMap;

use super::*;
use crate::Repository;

const GATEWAY: &str = "version: 1\napplication_attributes: { customer: String, level: Long, tags: Set<String> }\n\
                       user_attributes: { customer: String }\n";

fn gateway() -> GatewayConfig {
    let files: BTreeMap<String, Vec<u8>> = BTreeMap::from([
        ("sallyport.yaml".to_owned(), GATEWAY.into()),
        ("teams.yaml".to_owned(), b"version: 1\nteams: {}\n".to_vec()),
    ]);
    Repository::load(&files).unwrap().gateway
}

fn load(text: &str) -> Result<CaseFile, Vec<ConfigError>> {
    let files = BTreeMap::from([("tests/a.yaml".to_owned(), text.as_bytes().to_vec())]);
    load_cases(&files, &gateway()).map(|mut files| files.remove(0))
}

const HEAD: &str = "version: 1\nnow: 2026-06-15T12:00:00Z\napplications:\n  shop: { team: partners, customer: '42' }\ncases:\n";

#[test]
fn a_case_is_read_with_all_that_it_says() {
    let text = format!(
        "{HEAD}  - name: own orders\n    caller: app:shop\n    operation: 'orders:GET /customers/{{id}}'\n    params: {{ id: 42 }}\n    \
         user: {{ issuer: corp, name: ada, teams: [billing], customer: '42' }}\n    mfa: true\n    auth_age: 60\n    \
         scopes: ['orders:read']\n    source_ip: 203.0.113.7\n    strength: bound\n    now: 2026-07-01\n    expect: deny\n    \
         reason: guard\n    by: [no-guests]\n  - {{ caller: anonymous, request: GET https://a.example/x, expect: allow }}\n"
    );
    let file = load(&text).unwrap();
    let [full, short] = &file.cases[..] else { panic!("{file:?}") };
    assert_eq!((full.name.as_str(), full.line, full.strength), ("own orders", 6, Strength::Bound));
    assert_eq!((full.mfa, full.auth_age, full.expect), (Mfa::Used, Some(60), Expected::Deny));
    assert_eq!(full.reason, Some(DenyReason::Guard));
    assert_eq!(full.now, Timestamp::parse("2026-07-01").unwrap());
    assert_eq!(full.user.as_ref().unwrap().label(), "corp/ada");
    let params = BTreeMap::from([("id".to_owned(), "42".to_owned())]);
    assert_eq!(full.target, CaseTarget::Operation { id: "orders:GET /customers/{id}".into(), params });
    assert_eq!(
        (short.name.as_str(), short.strength),
        ("anonymous GET https://a.example/x", Strength::Anonymous)
    );
    assert_eq!(short.now, Timestamp::parse("2026-06-15T12:00:00Z").unwrap());
    assert_eq!((short.scopes.as_ref(), short.by.as_ref()), (None, None));
}

/// One case in a file that is in order otherwise.
fn case(case: &str) -> String {
    format!("{HEAD}  - {{ {case} }}\n")
}

/// A file, the line of an error in it, and what its reason and its fix hold.
type Wrong = (String, u32, &'static str, &'static str);

fn check(files: impl IntoIterator<Item = Wrong>) {
    for (text, line, reason, fix) in files {
        let errors = load(&text).unwrap_err();
        let told = |error: &ConfigError| {
            error.line == line && error.reason.contains(reason) && error.fix.contains(fix)
        };
        assert!(errors.iter().any(told), "{text}\n{errors:#?}");
    }
}

#[test]
fn what_is_wrong_with_a_case_is_told_with_its_place_and_a_fix() {
    check([
        (
            case("caller: app:shop, request: GET https://a/, expects: allow"),
            6,
            "no field `expects`",
            "did you mean `expect`?",
        ),
        (case("caller: app:shop, request: GET https://a/"), 6, "`expect` is missing", "step_up"),
        (case("caller: shop, request: GET https://a/, expect: deny"), 6, "is no caller", "app:NAME"),
        (
            case("caller: app:web, request: GET https://a/, expect: deny"),
            6,
            "does not describe `web`",
            "team: NAME",
        ),
        (
            case("caller: workload:w, request: GET https://a/, expect: deny"),
            6,
            "does not describe `w`",
            "workloads",
        ),
        (case("caller: app:shop, expect: deny"), 6, "nothing says what is called", "request:"),
        (case("caller: app:shop, request: GET, expect: deny"), 6, "is no method and URL", "GET https"),
        (
            case("caller: app:shop, request: GET https://a/, operation: o, expect: deny"),
            6,
            "both `operation` and `request`",
            "request:",
        ),
        (
            case("caller: app:shop, request: GET https://a/, params: { a: 1 }, expect: deny"),
            6,
            "belong to `operation`",
            "remove",
        ),
        (
            case("caller: app:shop, request: GET https://a/, expect: alow"),
            6,
            "cannot be `alow`",
            "did you mean `allow`?",
        ),
        (
            case("caller: app:shop, request: GET https://a/, expect: allow, reason: guard"),
            6,
            "has no reason",
            "deny",
        ),
        (
            case("caller: app:shop, request: GET https://a/, expect: deny, reason: gard"),
            6,
            "cannot be `gard`",
            "`guard`",
        ),
    ]);
}

#[test]
fn what_is_wrong_with_a_caller_or_a_file_is_told_with_its_place_and_a_fix() {
    check([
        (
            case("caller: app:shop, request: GET https://a/, expect: deny, auth_age: -1"),
            6,
            "whole number of seconds",
            "60",
        ),
        (
            case("caller: app:shop, request: GET https://a/, expect: deny, mfa: yes"),
            6,
            "`mfa` must be true or false",
            "true",
        ),
        (
            case("caller: app:shop, request: GET https://a/, expect: deny, user: { name: ada }"),
            6,
            "`issuer` of the user is missing",
            "sallyport.yaml",
        ),
        (
            case(
                "caller: app:shop, request: GET https://a/, expect: deny, user: { issuer: c, name: ada, level: 1 }",
            ),
            6,
            "`level` is not declared",
            "user_attributes",
        ),
        (
            "version: 1\nnow: 2026-06-15\napplications: { a: { customer: '1' } }\ncases: []\n".into(),
            3,
            "`team` is missing",
            "team",
        ),
        (
            "version: 1\nnow: 2026-06-15\napplications: { a: { team: t, level: '1' } }\ncases: []\n".into(),
            3,
            "declared as Long, not a text",
            "of that type",
        ),
        (
            "version: 1\ncases: [{ caller: anonymous, request: GET https://a/, expect: deny }]\n".into(),
            2,
            "has no time",
            "now:",
        ),
        ("version: 1\nnow: tomorrow\ncases: []\n".into(), 2, "`now`", "2026-06-15T12:00:00Z"),
        ("version: 2\ncases: []\n".into(), 1, "version 2", "newer"),
        ("version: 1\n".into(), 1, "`cases` is missing", "cases:"),
    ]);
}

#[test]
fn two_cases_of_one_name_are_told() {
    let one = "  - { caller: app:shop, request: GET https://a/, expect: deny }\n";
    let errors = load(&format!("{HEAD}{one}{one}")).unwrap_err();
    assert!(errors[0].reason.contains("line 6 has the same name"), "{errors:?}");
}

#[test]
fn more_cases_than_the_limit_are_refused() {
    let cases = |count: usize| -> String {
        let one =
            |number| format!("  - {{ caller: anonymous, request: GET https://a/{number}, expect: deny }}\n");
        (0..count).map(one).collect()
    };
    assert!(load(&format!("version: 1\nnow: 2026-06-15\ncases:\n{}", cases(200))).is_ok());
    let errors =
        load(&format!("version: 1\nnow: 2026-06-15\ncases: [{}]\n", "a,".repeat(CASES_MAX + 1))).unwrap_err();
    assert!(errors[0].reason.contains("over 20000 cases"), "{errors:?}");
}
