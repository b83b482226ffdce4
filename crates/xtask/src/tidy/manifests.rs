//! Manifests: what every crate inherits from the workspace rather than saying it itself.

use super::Violation;

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Fields that a crate does not inherit, dependencies that name their own version, and missing lints.
pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violation = |line, what: String, fix: String| {
        found.push(Violation { path: path.into(), line, rule: "manifest", what, fix });
    };
    let lines = sections(text);
    let has = |section: &str, wanted: &str| {
        lines.iter().any(|(_, of, line)| of == section && line.replace(' ', "") == wanted)
    };
    for field in INHERITED {
        if !has("package", &format!("{field}.workspace=true")) {
            let fix = format!("write `{field}.workspace = true` under [package]");
            violation(1, format!("`{field}` is not inherited"), fix);
        }
    }
    if !has("lints", "workspace=true") {
        violation(
            1,
            "the lints of the workspace are not inherited".into(),
            "add `[lints]` with `workspace = true`".into(),
        );
    }
    for (number, section, line) in &lines {
        let inherits = line.contains("workspace = true") || line.contains("workspace=true");
        if section.ends_with("dependencies") && !inherits {
            let fix = "put the version under [workspace.dependencies] and inherit it";
            violation(*number, format!("a dependency has a version of its own: `{line}`"), fix.into());
        }
    }
    found
}

/// Each line that says something, with its number and the section it is in.
fn sections(text: &str) -> Vec<(usize, String, &str)> {
    let mut section = String::new();
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim_matches(['[', ']']).into();
        } else if !line.is_empty() && !line.starts_with('#') {
            lines.push((index + 1, section.clone(), line));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\n\
        [lints]\nworkspace = true\n\n[dependencies]\nbytes.workspace = true\n\
        tokio = { workspace = true, features = [\"rt\"] }\n";

    #[test]
    fn accepts_a_manifest_that_inherits() {
        assert_eq!(check("Cargo.toml", GOOD), []);
    }

    #[test]
    fn refuses_each_line_that_is_missing() {
        for line in GOOD.lines().filter(|line| line.contains("workspace = true") && !line.contains("tokio")) {
            if line.starts_with("bytes") {
                continue;
            }
            assert_eq!(
                check("Cargo.toml", &GOOD.replacen(&format!("\n{line}\n"), "\n", 1)).len(),
                1,
                "{line}"
            );
        }
    }

    #[test]
    fn refuses_a_dependency_with_a_version_of_its_own() {
        let text = GOOD.replace("bytes.workspace = true", "bytes = \"1\"");
        let found = check("Cargo.toml", &text);
        assert_eq!(found.first().map(|violation| violation.line), Some(13));
    }
}
