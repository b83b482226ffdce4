//! Sizes that only shrink.
//!
//! A file has at most 500 lines outside tests, a function at most 70 lines of code. What is larger stands in
//! `ratchet.txt` with its size: it may not grow, and when it shrinks the line shrinks with it, so that no slack
//! is left. `cargo xtask tidy --update` writes the file; a line that is new there needs a reason in its commit.

use std::collections::BTreeMap;

use super::Violation;
use super::source::Source;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Everything that is over a limit: its key (`file PATH` or `function PATH NAME`) and its size.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ratchet(BTreeMap<String, usize>);

impl Ratchet {
    /// What is over a limit today.
    pub(super) fn of(sources: &[Source]) -> Self {
        let mut sizes = BTreeMap::new();
        for source in sources {
            if FILE_LINES_MAX < source.length() {
                sizes.insert(format!("file {}", source.path), source.length());
            }
            for function in source.functions().iter().filter(|f| FUNCTION_LINES_MAX < f.length) {
                // Two functions of one name in one file share a line: the longer one counts.
                let size: &mut usize =
                    sizes.entry(format!("function {} {}", source.path, function.name)).or_default();
                *size = function.length.max(*size);
            }
        }
        Self(sizes)
    }

    pub(super) fn to_text(&self) -> String {
        let lines: String = self.0.iter().map(|(key, size)| format!("{key} {size}\n")).collect();
        format!("# What is larger than the house rules allow, with its size. It only shrinks.\n{lines}")
    }
}

/// What differs between today's sizes and the committed ones.
pub(super) fn check(today: &Ratchet, committed: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut listed = BTreeMap::new();
    for (index, line) in committed.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let parsed = line.rsplit_once(' ').and_then(|(key, size)| Some((key, size.parse::<usize>().ok()?)));
        match parsed {
            Some((key, size)) => drop(listed.insert(key, (index + 1, size))),
            None => found.push(at_ratchet(index + 1, format!("cannot read `{line}`"))),
        }
    }
    for (key, size) in &today.0 {
        let path = key.split(' ').nth(1).unwrap_or_default();
        let over = |what: String, fix: &str| Violation {
            path: path.into(),
            line: 1,
            rule: "size",
            what,
            fix: fix.into(),
        };
        match listed.remove(key.as_str()) {
            None => {
                let what = format!(
                    "`{key}` has {size} lines; {FILE_LINES_MAX} a file and {FUNCTION_LINES_MAX} a function are the limit"
                );
                found.push(over(what, "make it two"));
            }
            Some((_, allowed)) if allowed < *size => {
                found.push(over(
                    format!("`{key}` grew from {allowed} to {size} lines"),
                    "make it smaller than it was",
                ));
            }
            Some((line, allowed)) if *size < allowed => {
                found.push(at_ratchet(line, format!("`{key}` shrank from {allowed} to {size} lines")));
            }
            Some(_) => {}
        }
    }
    for (key, (line, _)) in listed {
        found.push(at_ratchet(line, format!("`{key}` is within the limit now")));
    }
    found
}

fn at_ratchet(line: usize, what: String) -> Violation {
    let fix = "cargo xtask tidy --update".into();
    Violation { path: super::RATCHET.into(), line, rule: "ratchet", what, fix }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(lines: usize) -> Source {
        Source::new("crates/a/src/a.rs", &"// a\n".repeat(lines))
    }

    fn rules(source: Source, committed: &str) -> Vec<&'static str> {
        check(&Ratchet::of(&[source]), committed).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn accepts_what_is_within_the_limit() {
        assert!(rules(file(500), "# comment\n").is_empty());
    }

    #[test]
    fn refuses_a_file_over_the_limit_that_is_not_listed() {
        assert_eq!(rules(file(501), ""), ["size"]);
    }

    #[test]
    fn accepts_a_listed_size_and_nothing_above_or_below_it() {
        let committed = "file crates/a/src/a.rs 510\n";
        assert!(rules(file(510), committed).is_empty());
        assert_eq!(rules(file(511), committed), ["size"]);
        assert_eq!(rules(file(509), committed), ["ratchet"]);
        assert_eq!(rules(file(10), committed), ["ratchet"]);
    }

    #[test]
    fn refuses_a_long_function() {
        let text = |lines| format!("fn long() {{\n{}}}\n", "a();\n".repeat(lines));
        assert!(rules(Source::new("crates/a/src/a.rs", &text(68)), "").is_empty());
        assert_eq!(rules(Source::new("crates/a/src/a.rs", &text(69)), ""), ["size"]);
        assert!(
            rules(Source::new("crates/a/src/a.rs", &text(69)), "function crates/a/src/a.rs long 71\n")
                .is_empty()
        );
    }

    #[test]
    fn writes_what_it_reads() {
        let ratchet = Ratchet::of(&[file(600)]);
        assert_eq!(check(&ratchet, &ratchet.to_text()), []);
    }

    #[test]
    fn refuses_a_line_it_cannot_read() {
        assert_eq!(rules(file(1), "file crates/a/src/a.rs many\n"), ["ratchet"]);
    }
}
