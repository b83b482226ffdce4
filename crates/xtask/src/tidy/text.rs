//! What a file of Rust must say and must not say.

use super::Violation;
use super::source::Source;

/// Marks of unfinished work, split so that this file does not carry them itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Missing module documentation, forbidden file names, unfinished work and tests that do not run.
pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut violation = |line, rule, what: &str, fix: &str| {
        let path = source.path.clone();
        found.push(Violation { path, line, rule, what: what.into(), fix: fix.into() });
    };
    if source.path.ends_with("/mod.rs") {
        violation(1, "mod-rs", "a module in `mod.rs`", "name it `foo.rs` beside the folder `foo/`");
    }
    // What must not compile says by its name what it shows, and its expected errors name its lines.
    if !source.text.starts_with("//!") && !source.path.contains("/tests/compile_fail/") {
        let fix = "begin with `//!`: what it is for, what always holds in it, what it never does";
        violation(1, "module-doc", "the module does not say what it is for", fix);
    }
    for (index, (text, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
        for mark in MARKS.iter().filter(|mark| unfinished(text, mark)) {
            violation(
                index + 1,
                "unfinished",
                &format!("`{mark}` without an issue"),
                "finish it, or write the issue: `(#12)` after the mark",
            );
        }
        if code.contains(concat!("#[ig", "nore")) {
            violation(
                index + 1,
                "ignored-test",
                "a test that does not run",
                "assert today's behaviour and say what is wrong with it",
            );
        }
        if code.contains(concat!("to", "do!")) || code.contains(concat!("unimple", "mented!")) {
            violation(
                index + 1,
                "unfinished",
                "code that is not written",
                "write it, or leave the feature out",
            );
        }
    }
    found
}

/// Whether `line` has the word `mark` that no `(#number)` follows.
fn unfinished(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + mark.len()..).unwrap_or_default();
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let issue = after.strip_prefix("(#").and_then(|rest| rest.split_once(')'));
        let numbered = issue.is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        !word(before) && !word(after.chars().next()) && !numbered
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Source::new(path, text)).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn accepts_a_documented_module() {
        assert!(rules("crates/a/src/b.rs", "//! Why.\n\nfn a() {}\n").is_empty());
    }

    #[test]
    fn refuses_a_module_without_documentation_and_a_mod_rs() {
        assert_eq!(rules("crates/a/src/b.rs", "fn a() {}\n"), ["module-doc"]);
        assert!(rules("crates/a/tests/compile_fail/b.rs", "fn a() {}\n").is_empty());
        assert_eq!(rules("crates/a/src/b/mod.rs", "//! Why.\n"), ["mod-rs"]);
    }

    #[test]
    fn refuses_unfinished_work_unless_an_issue_is_named() {
        let mark = MARKS.first().unwrap();
        assert_eq!(rules("crates/a/src/b.rs", &format!("//! Why.\n// {mark}: later\n")), ["unfinished"]);
        assert_eq!(rules("crates/a/src/b.rs", &format!("//! Why.\n// {mark}(#later)\n")), ["unfinished"]);
        assert!(rules("crates/a/src/b.rs", &format!("//! Why.\n// {mark}(#12): later\n")).is_empty());
        assert!(rules("crates/a/src/b.rs", &format!("//! Why.\n// {mark}S\n")).is_empty());
        assert_eq!(rules("crates/a/src/b.rs", concat!("//! Why.\nfn a() { to", "do!() }\n")), ["unfinished"]);
    }

    #[test]
    fn refuses_a_test_that_does_not_run() {
        assert_eq!(rules("crates/a/src/b.rs", concat!("//! Why.\n#[ig", "nore]\n")), ["ignored-test"]);
    }
}
