//! Licences and origins of everything that is linked in.
//!
//! SPDX expressions are evaluated, not searched for words: `MIT OR GPL-3.0` is fine, `MIT AND GPL-3.0` is not.
//! What cannot be read is refused.

use super::Violation;
use super::metadata::{Metadata, Package};

/// Licences that may be linked into an Apache-2.0 program without further conditions on its users.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that may come under a licence that is not allowed in general: name, licence, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// The only place packages come from.
const ORIGIN: &str = concat!("registry+https://github.com/rust-lang/", "crates.io", "-index");

/// Licences that are not permitted, and packages from elsewhere.
pub(super) fn check(metadata: &Metadata) -> Vec<Violation> {
    metadata.foreign().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Violation> {
    let Package { name, version, license, source, .. } = package;
    let violation = |rule, what: String, fix: &str| Violation {
        path: "Cargo.lock".into(),
        line: 1,
        rule,
        what: format!("`{name}` {version} {what}"),
        fix: fix.into(),
    };
    let mut found = Vec::new();
    let expression = license.as_deref().unwrap_or_default();
    let excepted =
        |id: &str| EXCEPTIONS.iter().any(|(package, licence, _)| *package == name && *licence == id);
    match allows(expression, &|id| ALLOWED.contains(&id) || excepted(id)) {
        Some(true) => {}
        Some(false) => {
            found.push(violation(
                "licence",
                format!("comes under `{expression}`"),
                "use another package, or add an exception with its reason",
            ));
        }
        None => {
            found.push(violation(
                "licence",
                format!("has a licence that cannot be read: `{expression}`"),
                "read its files and add an exception with its reason",
            ));
        }
    }
    if source.as_deref() != Some(ORIGIN) {
        let source = source.as_deref().unwrap_or("a folder outside the workspace");
        found.push(violation("origin", format!("comes from {source}"), "depend on a published version"));
    }
    found
}

/// Whether an SPDX expression can be satisfied by licences that `permits` accepts; `None` if it is not one.
fn allows(expression: &str, permits: &dyn Fn(&str) -> bool) -> Option<bool> {
    // `MIT/Apache-2.0` is how `OR` was written once.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    let value = any(&mut rest, permits)?;
    rest.is_empty().then_some(value)
}

/// `all OR all OR …`
fn any(rest: &mut &[&str], permits: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut value = all(rest, permits)?;
    while let [first, tail @ ..] = rest
        && *first == "OR"
    {
        *rest = tail;
        value |= all(rest, permits)?;
    }
    Some(value)
}

/// `one AND one AND …`
fn all(rest: &mut &[&str], permits: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut value = one(rest, permits)?;
    while let [first, tail @ ..] = rest
        && *first == "AND"
    {
        *rest = tail;
        value &= one(rest, permits)?;
    }
    Some(value)
}

/// A licence, a licence with an exception, or an expression in parentheses.
fn one(rest: &mut &[&str], permits: &dyn Fn(&str) -> bool) -> Option<bool> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    if *first == "(" {
        let value = any(rest, permits)?;
        let (close, tail) = rest.split_first()?;
        *rest = tail;
        return (*close == ")").then_some(value);
    }
    let id = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-.+:".contains(c));
    if ["OR", "AND", "WITH", ")"].contains(first) || !id(first) {
        return None;
    }
    if let [with, exception, tail @ ..] = rest
        && *with == "WITH"
    {
        *rest = tail;
        return id(exception).then(|| permits(&format!("{first} WITH {exception}")));
    }
    Some(permits(first))
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::foreign;
    use super::*;

    #[test]
    fn evaluates_expressions() {
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("MIT OR GPL-3.0", Some(true)),
            ("MIT AND GPL-3.0", Some(false)),
            ("MIT/GPL-3.0", Some(true)),
            ("GPL-3.0 OR MIT AND GPL-3.0", Some(false)),
            ("(GPL-3.0 OR MIT) AND ISC", Some(true)),
            ("(MIT OR ISC) AND GPL-3.0", Some(false)),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", Some(true)),
            ("GPL-3.0 WITH GCC-exception-3.1", Some(false)),
            ("ISC AND (Apache-2.0 OR ISC) AND OpenSSL", Some(true)),
            ("MIT OR", None),
            ("MIT ISC", None),
            ("(MIT", None),
            ("MIT)", None),
            ("AND", None),
            ("", None),
            ("see LICENSE.txt!", None),
        ] {
            assert_eq!(allows(expression, &|id| ALLOWED.contains(&id)), expected, "{expression}");
        }
    }

    #[test]
    fn accepts_a_permissive_package_of_the_registry() {
        assert!(check_package(&foreign("a", "1.0.0", Some("MIT OR Apache-2.0"))).is_empty());
    }

    #[test]
    fn refuses_an_absent_or_unwanted_licence() {
        assert_eq!(check_package(&foreign("a", "1.0.0", None)).len(), 1);
        assert_eq!(check_package(&foreign("a", "1.0.0", Some("AGPL-3.0-only"))).len(), 1);
    }

    #[test]
    fn refuses_a_package_from_elsewhere() {
        let mut package = foreign("a", "1.0.0", Some("MIT"));
        package.source = Some("git+https://example.com/a".into());
        assert_eq!(check_package(&package).first().unwrap().rule, "origin");
        package.source = None;
        assert_eq!(check_package(&package).first().unwrap().rule, "origin");
    }
}
