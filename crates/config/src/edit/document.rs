//! Adds an operation to an OpenAPI document, and leaves every other byte as it is.
//!
//! The text is edited, not written anew, so that the change is as small to review as it is. Whether the document now says what was
//! asked for is for the caller to read back.

use super::{Lines, end_of_block, indent_of};

/// An operation for a document, written in both ways.
#[derive(Clone, Copy)]
pub struct NewOperation<'a> {
    /// The template, as documents of this API write it.
    pub path: &'a str,
    /// In lower case.
    pub method: &'a str,
    /// The operation's table as YAML, each line behind so many spaces.
    pub yaml: &'a dyn Fn(usize) -> String,
    /// The operation's table as JSON.
    pub json: &'a str,
}

impl std::fmt::Debug for NewOperation<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

/// The document with one operation more. None where it is written in a way that this cannot follow.
#[must_use]
pub fn add_operation(text: &str, new: &NewOperation<'_>) -> Option<String> {
    let mut edited = Lines::of(text)?;
    if text.trim_start().starts_with('{') {
        return in_json(text, new, edited.ending);
    }
    in_yaml(&mut edited.lines, new)?;
    Some(edited.text())
}

fn in_yaml(lines: &mut Vec<String>, new: &NewOperation<'_>) -> Option<()> {
    let header = lines.iter().position(|line| key_of(line, 0).is_some_and(|(key, _)| key == "paths"))?;
    let (_, rest) = key_of(lines.get(header)?, 0)?;
    match rest {
        "" => {}
        "{}" => {
            let line = lines.get_mut(header)?;
            *line = line.replacen(" {}", "", 1);
        }
        _ => return None,
    }
    let end = end_of_block(lines, header + 1, 0);
    let first = lines.get(header + 1..end)?.iter().find(|line| !is_blank(line));
    let indent = first.map_or(2, |line| indent_of(line));
    let known = (header + 1..end).find(|&place| {
        lines.get(place).and_then(|line| key_of(line, indent)).is_some_and(|(key, _)| key == new.path)
    });
    let (at, added) = match known {
        Some(place) => {
            let (_, rest) = key_of(lines.get(place)?, indent)?;
            let inner =
                lines.get(place + 1..end)?.iter().find(|line| !is_blank(line)).map(|line| indent_of(line));
            let inner = inner.filter(|inner| rest.is_empty() && indent < *inner)?;
            (place + 1, method_lines(new, inner, inner - indent))
        }
        None => {
            let step = if indent == 0 { 2 } else { indent };
            let mut added = vec![format!("{:indent$}{}:", "", quoted(new.path))];
            added.extend(method_lines(new, indent + step, step));
            (after_last(lines, header, end), added)
        }
    };
    lines.splice(at..at, added);
    Some(())
}

fn method_lines(new: &NewOperation<'_>, indent: usize, step: usize) -> Vec<String> {
    let mut lines = vec![format!("{:indent$}{}:", "", new.method)];
    lines.extend((new.yaml)(indent + step).lines().map(str::to_owned));
    lines
}

/// Behind the last line of a block that says something, so that what stands before the next block stays with it.
fn after_last(lines: &[String], header: usize, end: usize) -> usize {
    let block = lines.get(header..end).unwrap_or_default();
    header + block.iter().rposition(|line| !is_blank(line)).map_or(0, |place| place + 1)
}

fn is_blank(line: &str) -> bool {
    let text = line.trim();
    text.is_empty() || text.starts_with('#')
}

/// The key that stands at this indent, and what stands behind its colon, a comment left out.
fn key_of(line: &str, indent: usize) -> Option<(String, &str)> {
    if indent_of(line) != indent || is_blank(line) {
        return None;
    }
    let text = line.trim_start();
    let (key, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let (key, rest) = text.get(1..)?.split_once(quote)?;
            (key, rest.trim_start().strip_prefix(':')?)
        }
        _ => text.split_once(": ").or_else(|| text.strip_suffix(':').map(|key| (key, "")))?,
    };
    let rest = rest.split(" #").next().unwrap_or_default().trim();
    Some((key.trim_end().to_owned(), if rest.starts_with('#') { "" } else { rest }))
}

/// A path as a key: plain where nobody can read it in another way.
fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./{}-".contains(&byte);
    if path.starts_with('/') && path.bytes().all(plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "''"))
}

fn in_json(text: &str, new: &NewOperation<'_>, ending: &str) -> Option<String> {
    let root = Object::at(text, text.find('{')?)?;
    let paths = root.value("paths")?;
    let paths = Object::at(text, paths)?;
    let key = |name: &str| serde_json_text(name);
    let method = format!("{}: {}", key(new.method), indented(new.json, 6));
    let (object, member) = match paths.value(new.path) {
        Some(item) => (Object::at(text, item)?, format!("\n      {method}")),
        None => (paths, format!("\n    {}: {{\n      {method}\n    }}", key(new.path))),
    };
    let end = if object.members.is_empty() { "\n  " } else { "," };
    let (before, after) = text.split_at_checked(object.start + 1)?;
    let added = format!("{member}{end}").replace('\n', ending);
    Some(format!("{before}{added}{after}"))
}

/// Lines after the first, behind so many spaces.
fn indented(text: &str, spaces: usize) -> String {
    text.replace('\n', &format!("\n{:spaces$}", ""))
}

/// A text as JSON writes it.
fn serde_json_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            other if u32::from(other) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Where the members of an object of JSON stand in a text.
struct Object {
    /// Of the opening brace.
    start: usize,
    /// Names without escapes undone, and where their values begin.
    members: Vec<(String, usize)>,
}

impl Object {
    /// The object whose brace stands at `start`; none where there is none or its end is missing.
    fn at(text: &str, start: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.get(start) != Some(&b'{') {
            return None;
        }
        let mut members = Vec::new();
        let mut depth = 0_usize;
        let mut place = start;
        // The last text at depth one, which is a name if a colon follows.
        let mut last: Option<&str> = None;
        loop {
            match *bytes.get(place)? {
                b'"' => {
                    let end = end_of_text(bytes, place)?;
                    if depth == 1 {
                        last = text.get(place + 1..end);
                    }
                    place = end;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(Self { start, members });
                    }
                }
                b':' if depth == 1 => {
                    let value = place + 1 + text.get(place + 1..)?.find(|one: char| !one.is_whitespace())?;
                    members.push((last.take()?.to_owned(), value));
                }
                _ => {}
            }
            place += 1;
        }
    }

    fn value(&self, name: &str) -> Option<usize> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// The closing quote of the text that begins at `start`.
fn end_of_text(bytes: &[u8], start: usize) -> Option<usize> {
    let mut place = start + 1;
    loop {
        match *bytes.get(place)? {
            b'"' => return Some(place),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, path: &str, method: &str) -> Option<String> {
        let yaml = |indent: usize| format!("{:indent$}responses: {{}}\n", "");
        add_operation(text, &NewOperation { path, method, yaml: &yaml, json: "{\n  \"responses\": {}\n}" })
    }

    const YAML: &str = "\
openapi: 3.1.0   # kept
paths:
  # about orders
  /orders:
    get: { responses: {} }

  '/a:b': # odd
    post:
      responses: {}

# about parts
components: {}
";

    #[test]
    fn a_new_path_goes_behind_the_last_one_and_nothing_else_changes() {
        let expected = YAML.replace(
            "      responses: {}\n\n#",
            "      responses: {}\n  /carts/{id}:\n    delete:\n      responses: {}\n\n#",
        );
        assert_eq!(added(YAML, "/carts/{id}", "delete").unwrap(), expected);
        let expected = YAML.replace(
            "      responses: {}\n\n#",
            "      responses: {}\n  '/jobs/{id}:run':\n    post:\n      responses: {}\n\n#",
        );
        assert_eq!(added(YAML, "/jobs/{id}:run", "post").unwrap(), expected);
    }

    #[test]
    fn a_method_joins_the_path_that_is_there() {
        let expected = YAML.replace("  /orders:\n", "  /orders:\n    post:\n      responses: {}\n");
        assert_eq!(added(YAML, "/orders", "post").unwrap(), expected);
        let expected = YAML.replace("  '/a:b': # odd\n", "  '/a:b': # odd\n    get:\n      responses: {}\n");
        assert_eq!(added(YAML, "/a:b", "get").unwrap(), expected);
    }

    #[test]
    fn empty_and_missing_paths() {
        assert_eq!(
            added("openapi: 3.1.0\npaths: {}\ninfo: {}\n", "/a", "get").unwrap(),
            "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      responses: {}\ninfo: {}\n"
        );
        assert_eq!(added("paths:\n", "/a", "get").unwrap(), "paths:\n  /a:\n    get:\n      responses: {}\n");
        for text in [
            "openapi: 3.1.0\n",
            "paths: { /a: {} }\n",
            "paths:\n  /a: { get: {} }\n",
            "paths:\n  /a:\n",
            "{\"openapi\": \"3.1.0\"}",
            "{\"paths\": []}",
            "{\"paths\": {",
        ] {
            assert_eq!(added(text, "/a", "post"), None, "{text}");
        }
    }

    #[test]
    fn comments_and_line_ends_stay() {
        for (text, expected) in [
            ("paths: {} # none yet\n", "paths: # none yet\n  /a:\n    get:\n      responses: {}\n"),
            ("'paths': {}\n", "'paths':\n  /a:\n    get:\n      responses: {}\n"),
            ("paths:\r\n", "paths:\r\n  /a:\r\n    get:\r\n      responses: {}\r\n"),
            (
                "{\"paths\":{}}\r\n",
                "{\"paths\":{\r\n    \"/a\": {\r\n      \"get\": {\r\n        \"responses\": {}\r\n      }\r\n    }\r\n  }}\r\n",
            ),
        ] {
            assert_eq!(added(text, "/a", "get").as_deref(), Some(expected), "{text}");
        }
        // Lines that end in different ways are for a person.
        for text in ["a: b\r\npaths:\n", "a: b\rpaths:\r\n", "a: b\r\rpaths: {}\n", "paths: {}\r"] {
            assert_eq!(added(text, "/a", "get"), None, "{text:?}");
        }
    }

    #[test]
    fn json_stays_json() {
        let text = "{\n  \"info\": { \"title\": \"a \\\"paths\\\": { b\" },\n  \"paths\": {\n    \"/a\": { \"get\": {} }\n  }\n}\n";
        let new = added(text, "/b", "get").unwrap();
        assert!(new.contains("\"paths\": {\n    \"/b\": {\n      \"get\": {\n        \"responses\": {}\n      }\n    },\n    \"/a\""), "{new}");
        let joined = added(text, "/a", "post").unwrap();
        assert!(
            joined
                .contains("\"/a\": {\n      \"post\": {\n        \"responses\": {}\n      }, \"get\": {} }"),
            "{joined}"
        );
        let empty = added("{\"paths\":{}}", "/a", "get").unwrap();
        assert_eq!(
            empty,
            "{\"paths\":{\n    \"/a\": {\n      \"get\": {\n        \"responses\": {}\n      }\n    }\n  }}"
        );
    }
}
