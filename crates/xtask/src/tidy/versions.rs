//! Versions: none below the fix of a known fault, none that needs a newer compiler than we promise.

use anyhow::Context as _;

use super::Violation;
use super::metadata::{Metadata, Package};

/// The lowest version that may be locked, and the reason.
const LOWEST: &[(&str, &str, &str)] = &[
    ("crossbeam-channel", "0.5.15", "double free on drop, RUSTSEC-2025-0024"),
    ("h2", "0.4.5", "flood of continuation frames, RUSTSEC-2024-0332"),
    ("idna", "1.0.0", "Punycode that decodes to plain ASCII, RUSTSEC-2024-0421"),
    ("rustls-webpki", "0.103.13", "name constraints and revocation lists"),
    ("slab", "0.4.11", "out-of-bounds access, RUSTSEC-2025-0047"),
    ("tokio", "1.44.2", "unsound broadcast channel, RUSTSEC-2025-0023"),
    ("tracing-subscriber", "0.3.20", "terminal escapes from user input, RUSTSEC-2025-0055"),
];

/// Versions that are too low, and packages that need a newer Rust than the workspace promises.
pub(super) fn check(metadata: &Metadata) -> anyhow::Result<Vec<Violation>> {
    let promised = metadata.members().find_map(|package| package.rust_version.as_deref());
    let promised = promised.context("the workspace does not say its `rust-version`")?;
    Ok(metadata.foreign().flat_map(|package| check_package(package, promised)).collect())
}

fn check_package(package: &Package, promised: &str) -> Vec<Violation> {
    let Package { name, version, rust_version, .. } = package;
    let mut found = Vec::new();
    let violation = |rule, what, fix| Violation { path: "Cargo.lock".into(), line: 1, rule, what, fix };
    for (_, lowest, why) in LOWEST.iter().filter(|(affected, _, _)| affected == name) {
        if number(version) < number(lowest) {
            let what = format!("`{name}` is locked at {version}, below {lowest}: {why}");
            found.push(violation("lowest", what, format!("cargo update -p {name}")));
        }
    }
    if let Some(needed) = rust_version.as_deref().filter(|needed| number(promised) < number(needed)) {
        let what = format!("`{name}` {version} needs Rust {needed}; the workspace promises {promised}");
        found.push(violation(
            "rust-version",
            what,
            "raise `rust-version` in Cargo.toml, or lock an older version".into(),
        ));
    }
    found
}

/// A version as numbers, without what follows `-` or `+`; an absent part is 0.
fn number(version: &str) -> [u64; 3] {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    let mut parts = plain.split('.').map(|part| part.parse().unwrap_or(0));
    [0; 3].map(|absent| parts.next().unwrap_or(absent))
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::foreign;
    use super::*;

    #[test]
    fn compares_versions_as_numbers() {
        assert!(number("0.9.3") < number("0.10.0"));
        assert_eq!(number("1.90"), number("1.90.0"));
        assert_eq!(number("1.2.3-rc.1+build"), [1, 2, 3]);
    }

    #[test]
    fn refuses_a_version_below_a_fix_and_accepts_the_fix() {
        let rules = |version| check_package(&foreign("slab", version, None), "1.90").len();
        assert_eq!(rules("0.4.10"), 1);
        assert_eq!(rules("0.4.11"), 0);
    }

    #[test]
    fn refuses_a_package_that_needs_a_newer_compiler() {
        let mut package = foreign("a", "1.0.0", None);
        package.rust_version = Some("1.91".into());
        assert_eq!(check_package(&package, "1.90").len(), 1);
        assert_eq!(check_package(&package, "1.91").len(), 0);
    }
}
