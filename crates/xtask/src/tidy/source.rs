//! A file of Rust as the rules see it: its text, the same text with comments and literals blanked out, and
//! which of its lines are tests.
//!
//! This is not a parser. It knows comments, strings, characters, lifetimes and braces, which is what it takes
//! to count lines and to look for words in code without finding them in prose.

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root of the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// The text with every comment and the inside of every literal as blanks; the same lines.
    pub(super) code: String,
    /// Whether each line, from the first, belongs to tests.
    tests: Vec<bool>,
}

/// One function with a body, outside tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    /// Lines from `fn` to the closing brace that have code on them.
    pub(super) length: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let all = path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/benches/");
        let mut tests = vec![all; code.lines().count()];
        for (first, last) in test_regions(&code) {
            tests.iter_mut().take(last + 1).skip(first).for_each(|line| *line = true);
        }
        Self { path: path.into(), text: text.into(), code, tests }
    }

    /// Lines of code outside tests, with their numbers from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.lines().zip(&self.tests).enumerate();
        lines.filter(|(_, (_, test))| !**test).map(|(index, (line, _))| (index + 1, line))
    }

    /// How many lines the file has outside tests, comments and blanks included.
    pub(super) fn length(&self) -> usize {
        self.tests.iter().filter(|test| !**test).count()
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        let chars: Vec<char> = self.code.chars().collect();
        let mut found = Vec::new();
        let mut line = 0;
        for (at, c) in chars.iter().enumerate() {
            if *c == '\n' {
                line += 1;
            }
            if self.tests.get(line).copied().unwrap_or(true) {
                continue;
            }
            let Some(name) = function_name(&chars, at) else { continue };
            if let Some(body) = body(&chars, at) {
                let text: String = chars.iter().skip(at).take(body - at + 1).collect();
                let length = text.lines().filter(|line| !line.trim().is_empty()).count();
                found.push(Function { name, line: line + 1, length });
            }
        }
        found
    }
}

/// The name of the function whose `fn` stands at `at`.
fn function_name(chars: &[char], at: usize) -> Option<String> {
    let [a, b, c, ..] = chars.get(at..)? else { return None };
    let before = at.checked_sub(1).and_then(|at| chars.get(at));
    if (*a, *b) != ('f', 'n') || !c.is_whitespace() || before.is_some_and(|c| word(*c)) {
        return None;
    }
    let rest = chars.get(at + 2..)?;
    let name: String = rest.iter().skip_while(|c| c.is_whitespace()).take_while(|c| word(**c)).collect();
    (!name.is_empty()).then_some(name)
}

/// The place of the brace that ends the item which begins at `at`; `None` if it has no body.
fn body(chars: &[char], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut nested = 0_usize;
    for (place, c) in chars.iter().enumerate().skip(at) {
        match c {
            '(' | '[' if depth == 0 => nested += 1,
            ')' | ']' if depth == 0 => nested = nested.saturating_sub(1),
            ';' if depth == 0 && nested == 0 => return None,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && nested == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// First and last line, from 0, of each item under `#[cfg(test)]`.
fn test_regions(code: &str) -> Vec<(usize, usize)> {
    let marker = "#[cfg(test)]";
    let chars: Vec<char> = code.chars().collect();
    let line_of = |at: usize| chars.iter().take(at).filter(|c| **c == '\n').count();
    let mut found = Vec::new();
    for (byte, _) in code.match_indices(marker) {
        let at = code.get(..byte).map_or(0, |before| before.chars().count());
        let after = at + marker.chars().count();
        let first = line_of(at);
        match body(&chars, after) {
            Some(end) => found.push((first, line_of(end))),
            None => {
                let end = chars.iter().skip(after).position(|c| *c == ';').unwrap_or(0);
                found.push((first, line_of(after + end)));
            }
        }
    }
    found
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Blanks comments and the inside of literals.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = chars.get(at..).filter(|rest| !rest.is_empty()) {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
        let skipped = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => string(rest),
            ['\'', ..] => character(rest),
            ['r', '"' | '#', ..] if !before.is_some_and(|c| word(c) && !"bc".contains(c)) => raw_string(rest),
            _ => 0,
        };
        for c in rest.iter().take(skipped.max(1)) {
            let keep = skipped == 0 || *c == '\n';
            code.push(if keep { *c } else { ' ' });
        }
        at += skipped.max(1);
    }
    code
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(pair) = rest.get(at..) {
        match pair {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth.saturating_sub(1), at + 2),
            [] => return rest.len(),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while let Some(c) = rest.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character; a lifetime is left as it is.
fn character(rest: &[char]) -> usize {
    match rest {
        [_, '\\', _, tail @ ..] => tail.iter().position(|c| *c == '\'').map_or(1, |end| end + 4),
        [_, _, '\'', ..] => 3,
        _ => 0,
    }
}

fn raw_string(rest: &[char]) -> usize {
    let hashes = rest.iter().skip(1).take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let start = 2 + hashes;
    let tail = rest.get(start..).unwrap_or_default();
    let closes = |window: &[char]| {
        window.split_first().is_some_and(|(quote, after)| *quote == '"' && after.iter().all(|c| *c == '#'))
    };
    tail.windows(1 + hashes).position(closes).map_or(rest.len(), |end| start + end + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_literals_and_keeps_lines() {
        for (text, expected) in [
            ("a // b {\nc", "a       \nc"),
            ("a /* b /* c */ { */ d", "a                   d"),
            ("x(\"a } \\\" b\");", "x(          );"),
            ("x('{', '\\'', '\\u{7d}');", "x(   ,     ,         );"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("r#\"a \" { \"# }", "            }"),
            ("br\"{\" }", "b     }"),
            ("r#type { }", "r#type { }"),
            ("for r in x { \"}\" }", "for r in x {     }"),
            ("\"two\nlines\" }", "    \n       }"),
        ] {
            assert_eq!(blank(text), expected, "{text}");
        }
    }

    #[test]
    fn knows_which_lines_are_tests() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("crates/a/src/a.rs", text);
        assert_eq!(source.length(), 3);
        let names: Vec<String> = source.functions().into_iter().map(|function| function.name).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(Source::new("crates/a/src/a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n").length(), 1);
        assert_eq!(Source::new("crates/a/src/a/tests.rs", text).length(), 0);
    }

    #[test]
    fn measures_functions_by_lines_with_code() {
        let text = "impl A {\n    fn a(x: [u8; 4]) -> u8\n    where\n        T: Into<fn(u8)>,\n    {\n        // why\n\n        \"}\"\n    }\n    fn b();\n}\n";
        let found = Source::new("crates/a/src/a.rs", text).functions();
        assert_eq!(found, [Function { name: "a".into(), line: 2, length: 5 }]);
    }
}
