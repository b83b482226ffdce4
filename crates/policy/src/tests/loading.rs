//! What is refused or doubted when policies are loaded, and where it is said to be.

use proptest::prelude::*;

use super::world::*;
use crate::{PolicySource, Severity, ValidationCache, compile};

/// Reasons with their places, errors only: `LINE:COLUMN reason; fix`.
fn errors(text: &str) -> Vec<String> {
    said(text, Severity::Error)
}

fn said(text: &str, severity: Severity) -> Vec<String> {
    let diagnostics = match try_compile(text) {
        Ok(compiled) => compiled.warnings,
        Err(error) => error.diagnostics,
    };
    diagnostics
        .into_iter()
        .filter(|one| one.severity == severity)
        .map(|one| format!("{}:{} {}; {}", one.line, one.column, one.reason, one.fix))
        .collect()
}

/// A policy with every annotation, so that nothing else is doubtful.
fn full(rest: &str) -> String {
    format!("@id(\"p\") @owner(\"o\") @reason(\"r\") @expires(\"2030-01-01\")\n{rest}")
}

#[test]
fn a_policy_with_every_annotation_has_no_warnings() {
    assert_eq!(said(&full("permit (principal, action, resource);"), Severity::Warning), [""; 0]);
}

#[test]
fn every_error_is_refused_with_its_place_and_a_fix() {
    for (text, place, reason, fix) in [
        (full("permit (principal, action, resource"), "2:", "unexpected end of input", ""),
        (full("permit (principal == ?principal, action, resource);"), "1:1", "templates", "names whom"),
        (full("permit (principal in Team::\"partner\", action, resource);"), "2:22", "no team", "Team::\"partners\""),
        (full("permit (principal in Team::\"nobody-knows\", action, resource);"), "2:22", "no team", "teams.yaml"),
        (
            full("permit (principal, action == Action::\"orders:GET /orders/{ids}\", resource);"),
            "2:30",
            "no operation or group",
            "did you mean `Action::\"orders:GET /orders/{id}\"`?",
        ),
        (full("permit (principal, action in Action::\"orders:raed\", resource);"), "2:30", "no operation", "orders:read"),
        (full("permit (principal, action, resource == Api::\"order\");"), "2:40", "no API", "Api::\"orders\""),
        (full("permit (principal is Aplication, action, resource);"), "", "", ""),
        (full("permit (principal == User::\"ada\", action, resource);"), "2:22", "`User` is no type", "the types are"),
        (full("permit (principal == Application::\"my shop\", action, resource);"), "2:22", "cannot exist", "app list"),
        (full("permit (principal == Anonymous::\"nobody\", action, resource);"), "2:22", "no caller", "anonymous"),
        (
            full("permit (principal, action, resource) when { context.sourceIp.isInRange(ip(\"10.0.0.0/8\")) };"),
            "2:45",
            "optional attribute",
            "put `has` before it",
        ),
        (full("permit (principal, action, resource) when { context.strength < \"2\" };"), "2:", "Long", ""),
        (full("permit (principal, action, resource) when { context.nothing };"), "2:45", "nothing", "did you mean"),
        (full("permit (principal, action, resource) when { context.params.id == \"7\" };"), "2:", "", ""),
        (full("permit (principal, action, resource) when { principal.customer == \"42\" };"), "2:", "customer", ""),
        (full("permit (principal, action, resource) when { context.strength + 1 < 4 };"), "1:1", "can overflow", "worked out"),
        (full("permit (principal, action, resource) when { context.strength * 2 < 4 };"), "1:1", "can overflow", ""),
        (full("permit (principal, action, resource) when { context.strength - 2 < 4 };"), "1:1", "can overflow", ""),
        (full("permit (principal, action, resource) when { -context.strength < 4 };"), "1:1", "can overflow", ""),
        (
            full("permit (principal, action, resource) when { context.now.offset(duration(\"1d\")) < datetime(\"2030-01-01\") };"),
            "1:1",
            "out of range",
            "",
        ),
        (
            full("permit (principal, action, resource) when { Api::\"users\".dataClass == \"public\" };"),
            "1:1",
            "does not bring",
            "`principal`, `resource` and `context`",
        ),
        ("@id(\"a b\") permit (principal, action, resource);".to_owned(), "1:1", "not an id", "without spaces"),
        ("@id(\"a\") @expires(\"soon\") permit (principal, action, resource);".to_owned(), "1:10", "soon", "2026-12-31"),
        ("@id(\"a\") @expires permit (principal, action, resource);".to_owned(), "1:10", "`@expires`", ""),
        ("@id(\"a\") @expire(\"2030-01-01\") permit (principal, action, resource);".to_owned(), "1:10", "not an annotation", "`@expires`"),
        ("@id(\"a\") @id(\"b\") permit (principal, action, resource);".to_owned(), "1:", "duplicate annotation", ""),
        (
            "@id(\"a\") @observe_until(\"2030-01-01\") permit (principal, action, resource);".to_owned(),
            "1:10",
            "grants nothing",
            "mode: observe",
        ),
        (
            "@id(\"a\") permit (principal, action, resource);\n\n  @id(\"a\") forbid (principal, action, resource);".to_owned(),
            "3:3",
            "policies/test.cedar:1",
            "`@id` of its own",
        ),
    ] {
        let found = errors(&text);
        assert!(!found.is_empty(), "taken: {text}");
        let all = found.join("\n");
        let named = found.iter().any(|one| one.starts_with(place) && one.contains(reason) && one.contains(fix));
        assert!(named, "{text}\nexpected {place} {reason} {fix}, found\n{all}");
    }
}

#[test]
fn the_nearest_well_formed_policies_are_taken() {
    for rest in [
        "permit (principal in Team::\"partners\", action == Action::\"orders:GET /orders/{id}\", resource == Api::\"orders\");",
        "permit (principal, action, resource) when { context has sourceIp && context.sourceIp.isInRange(ip(\"10.0.0.0/8\")) };",
        "permit (principal, action, resource) when { context.strength < 2 };",
        "permit (principal, action, resource) when { -1 < context.strength };",
        "permit (principal is Application, action, resource) when { principal has customer && principal.customer == \"42\" };",
        "permit (principal, action == Action::\"orders:GET /orders/{id}\", resource) when { context.params.id == \"7\" };",
        "permit (principal, action in Action::\"orders\", resource) when { context.params has id && context.params.id == \"7\" };",
        "permit (principal, action, resource) when { [\"public\", \"internal\"].contains(resource.dataClass) };",
        "permit (principal is Application, action, resource) when { principal has regions && principal.regions.contains(\"eu\") };",
    ] {
        assert_eq!(errors(&full(rest)), [""; 0], "{rest}");
    }
}

#[test]
fn what_is_only_doubtful_is_a_warning() {
    for (text, reason) in [
        ("permit (principal, action, resource);".to_owned(), "no `@id`; it is called `test.cedar#1`"),
        ("@id(\"a\") permit (principal, action, resource);".to_owned(), "no `@owner`"),
        ("@id(\"a\") permit (principal, action, resource);".to_owned(), "no `@reason`"),
        ("@id(\"a\") permit (principal, action, resource);".to_owned(), "no `@expires`"),
        ("@id(\"a\") @ticket(\"X-1\") permit (principal, action, resource);".to_owned(), "`@ticket` means nothing"),
        ("@id(\"a\") @expires(\"2030-01-01\") forbid (principal, action, resource);".to_owned(), "the guard ends"),
        (full("permit (principal, action == Action::\"orders:read\", resource);"), "targets nothing"),
        (full("permit (principal, action in Action::\"users\", resource == Api::\"orders\");"), "targets nothing"),
        (
            full("permit (principal, action, resource) when { context has user && context.user.name like \"*admin\" };"),
            "leading `*`",
        ),
        (
            full("permit (principal, action, resource) when { duration(\"8h\") <= context.now.toTime() };"),
            "not cached",
        ),
        (
            full("permit (principal, action, resource) when { context has sourceIp && ip(\"10.0.0.0/8\").isInRange(context.sourceIp) };"),
            "cached per address",
        ),
        (full("permit (principal, action, resource) when { context.strength < 2 && false };"), "impossible"),
        (
            "@id(\"wide\") permit (principal, action, resource);\n@id(\"blunt\") forbid (principal, action in Action::\"users\", resource);".to_owned(),
            "guard `blunt` forbids some or all of what `wide` grants",
        ),
    ] {
        let found = said(&text, Severity::Warning);
        assert!(found.iter().any(|one| one.contains(reason)), "{text}\nexpected {reason}, found {found:#?}");
        assert_eq!(errors(&text), [""; 0], "{text}");
    }
}

#[test]
fn a_guard_with_a_condition_or_for_others_is_no_overlap() {
    for guard in [
        "@id(\"g\") forbid (principal, action, resource) when { context.strength < 2 };",
        "@id(\"g\") forbid (principal is Anonymous, action, resource);",
        "@id(\"g\") forbid (principal, action in Action::\"orders\", resource);",
        "@id(\"g\") @observe_until(\"2030-01-01\") forbid (principal, action, resource);",
    ] {
        let text = format!(
            "{guard}\n@id(\"p\") permit (principal is Application, action in Action::\"users\", resource);"
        );
        assert!(said(&text, Severity::Warning).iter().all(|one| !one.contains("forbids some")), "{guard}");
    }
}

#[test]
fn all_errors_of_all_files_are_reported_at_once() {
    let file = |path: &str, text: &str| PolicySource { path: path.to_owned(), text: text.to_owned() };
    let sources = [
        file("policies/a.cedar", "permit (principal, action, resource"),
        file(
            "policies/b.cedar",
            "@id(\"x\") permit (principal in Team::\"none\", action in Action::\"none\", resource);",
        ),
        file("policies/c.cedar", "@id(\"x\") permit (principal, action, resource) when { context.nothing };"),
        file("policies/c.cedar", ""),
    ];
    let error = compile(&sources, &catalog(), &directory(), &mut ValidationCache::new()).unwrap_err();
    let places: Vec<_> = error
        .diagnostics
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .map(|one| one.file.as_str())
        .collect();
    assert!(
        error.diagnostics.iter().any(|one| one.reason.contains("`nothing`")),
        "well-named policies are validated"
    );
    assert_eq!(
        places,
        [
            "policies/a.cedar",
            "policies/b.cedar",
            "policies/b.cedar",
            "policies/c.cedar",
            "policies/c.cedar",
            "policies/c.cedar"
        ]
    );
    assert!(
        error.to_string().starts_with("6 errors in the policies; the first: policies/a.cedar:1:"),
        "{error}"
    );
}

#[test]
fn places_are_right_after_comments_and_other_letters() {
    let text = "// permit (principal, action, resource);\n/* no */".replace("/* no */", "// ключ\n")
        + "@id(\"один\") permit (principal, action, resource);// permit (principal, action, resource);\n   @id(\"два\")\npermit (principal, action, resource);";
    let compiled = try_compile(&text).unwrap();
    let places: Vec<_> =
        compiled.policies.policies().map(|one| (one.id.as_str().to_owned(), one.line)).collect();
    assert_eq!(places, [("один".to_owned(), 3), ("два".to_owned(), 4)]);
    assert!(
        compiled
            .policies
            .policies()
            .all(|one| one.text.ends_with("resource);") && one.text.starts_with("@id"))
    );
}

#[test]
fn a_policy_that_could_exhaust_a_stack_is_refused() {
    let chain = |count: usize, sign: &str| vec!["context.mfa"; count].join(sign);
    for (condition, taken) in [
        (chain(300, " && "), true),
        (chain(300, " || "), true),
        (chain(20_000, " && "), false),
        (format!("{}context.mfa{}", "(".repeat(30), ")".repeat(30)), true),
        (format!("{}context.mfa{}", "(".repeat(20_000), ")".repeat(20_000)), false),
        (format!("{}context.mfa", "!".repeat(20_000)), false),
        (format!("{}true", "if context.mfa then true else ".repeat(5_000)), false),
        (format!("context{}", ".params".repeat(20_000)), false),
        (format!("[{}].contains(\"x\")", vec!["\"a\""; 5_000].join(", ")), true),
    ] {
        let text = full(&format!("permit (principal, action, resource) when {{ {condition} }};"));
        let refused = errors(&text);
        assert_eq!(
            refused.is_empty(),
            taken,
            "{}: {refused:?}",
            condition.chars().take(60).collect::<String>()
        );
    }
}

#[test]
fn hostile_bytes_in_a_policy_file_are_an_error_and_nothing_else() {
    for text in [
        "\0",
        "\"",
        "\u{202e}",
        "@",
        "permit",
        "permit(",
        ";;;;",
        "//",
        "// \u{1f600}",
        "@id(\"\\u{0}\")",
        "'",
    ] {
        let found = errors(text);
        assert_eq!(found.is_empty(), text.starts_with("//"), "{text:?}: {found:?}");
    }
}

const TOKENS: [&str; 40] = [
    "permit",
    "forbid",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "principal",
    "action",
    "resource",
    "context",
    "when",
    "unless",
    "==",
    "in",
    "is",
    "has",
    "like",
    ",",
    ";",
    ".",
    "&&",
    "||",
    "!",
    "<",
    "-",
    "@id",
    "@expires",
    "\"a\"",
    "\"",
    "1",
    "if",
    "then",
    "else",
    "ip(\"10.0.0.0/8\")",
    "Action::\"orders\"",
    "Team::\"staff\"",
    "//",
    "\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_row_of_tokens_is_taken_or_refused_with_a_place(tokens in prop::collection::vec(prop::sample::select(TOKENS.as_slice()), 0..30)) {
        let text = format!("{}permit (principal, action, resource) when {{ {} }};", tokens.concat(), tokens.join(" "));
        if let Err(error) = try_compile(&text) {
            prop_assert!(error.diagnostics.iter().any(|one| one.severity == Severity::Error));
            prop_assert!(error.diagnostics.iter().all(|one| 0 < one.line && 0 < one.column && !one.fix.is_empty()));
        }
    }
}
