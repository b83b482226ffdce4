//! A reader of JSON that gives every value with its path, of broken and cut texts as well, in one pass.

use super::field;

/// Levels that are told apart; what is deeper has the path of the last.
const DEPTH_MAX: usize = 12;

/// Where in a text one stands.
struct Reader<'a> {
    rest: &'a str,
    /// A name per object and `[]` per list.
    path: Vec<String>,
    /// Brackets that are open, the deepest last: whether it is an object.
    open: Vec<bool>,
}

/// Gives every text and number with its path, such as `a.b[].c`.
pub(super) fn scan(text: &str, found: &mut impl FnMut(&str, &str)) {
    let mut reader = Reader { rest: text, path: Vec::new(), open: Vec::new() };
    let mut name: Option<String> = None;
    while let Some(character) = reader.rest.chars().next() {
        match character {
            '{' | '[' => {
                reader.enter(character == '{', name.take());
                reader.skip(1);
            }
            '}' | ']' => {
                reader.leave();
                name = None;
                reader.skip(1);
            }
            '"' => {
                let (value, is_name) = reader.text();
                if is_name && reader.open.last() == Some(&true) {
                    name = Some(field::shown(&value));
                } else {
                    found(&reader.place(name.take().as_deref()), &value);
                }
            }
            '-' | '0'..='9' => {
                let value = reader.number();
                found(&reader.place(name.take().as_deref()), value);
            }
            ',' => {
                name = None;
                reader.skip(1);
            }
            other => reader.skip(other.len_utf8()),
        }
    }
}

impl<'a> Reader<'a> {
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn enter(&mut self, is_object: bool, name: Option<String>) {
        if self.open.len() < DEPTH_MAX {
            self.path.push(name.unwrap_or_default());
            self.open.push(is_object);
        }
    }

    fn leave(&mut self) {
        self.open.pop();
        self.path.pop();
    }

    /// The path of a value here.
    fn place(&self, name: Option<&str>) -> String {
        let mut path = String::new();
        for (step, is_object) in self.path.iter().zip(&self.open) {
            join(&mut path, step);
            if !is_object {
                path.push_str("[]");
            }
        }
        join(&mut path, name.unwrap_or_default());
        path
    }

    /// The text that begins here, with escapes undone, and whether a colon follows.
    fn text(&mut self) -> (String, bool) {
        let mut value = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((at, 'u')) => {
                        let digits = self.rest.get(at + 1..at + 5).unwrap_or_default();
                        let code = u32::from_str_radix(digits, 16).ok();
                        value.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
                        for _ in 0..digits.len() {
                            characters.next();
                        }
                    }
                    Some((_, other)) => value.push(other),
                    None => {}
                },
                other => value.push(other),
            }
        }
        self.skip(end);
        let is_name = self.rest.trim_start().starts_with(':');
        (value, is_name)
    }

    /// The number that begins here.
    fn number(&mut self) -> &'a str {
        let is_part = |one: char| one.is_ascii_digit() || "+-.eE".contains(one);
        let end = self.rest.find(|one| !is_part(one)).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at_checked(end.max(1)).unwrap_or((self.rest, ""));
        self.rest = rest;
        value
    }
}

fn join(path: &mut String, step: &str) {
    if !path.is_empty() && !step.is_empty() {
        path.push('.');
    }
    path.push_str(step);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        scan(text, &mut |path, value| all.push((path.to_owned(), value.to_owned())));
        all
    }

    fn expect(text: &str, wanted: &[(&str, &str)]) {
        let wanted: Vec<(String, String)> =
            wanted.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(text), wanted, "{text}");
    }

    #[test]
    fn every_value_has_its_path() {
        expect(
            r#"{"a": {"b": [{"c": "x"}, {"c": 7}]}, "d": true, "e": -1.5e3, "f": "y\"\u00e9\n"}"#,
            &[("a.b[].c", "x"), ("a.b[].c", "7"), ("e", "-1.5e3"), ("f", "y\"é\n")],
        );
        expect(r#"["a", ["b"]]"#, &[("[]", "a"), ("[][]", "b")]);
        expect(r#"{"550e8400-e29b-41d4-a716-446655440000": {"name": "x"}}"#, &[("{}.name", "x")]);
    }

    #[test]
    fn what_is_broken_or_cut_gives_what_can_be_read() {
        expect(r#"{"a": "x", "b": {"c": "y"#, &[("a", "x"), ("b.c", "y")]);
        expect(r#"}}]{"a": "x"}"#, &[("a", "x")]);
        expect(r#"{"a": "x\"#, &[("a", "x")]);
        expect(r#"{"a" "b": "c"}"#, &[("", "a"), ("b", "c")]);
        expect("{\"a\":\"\\u00\"}", &[("a", "\u{fffd}")]);
    }

    #[test]
    fn depth_is_bounded_and_work_is_linear() {
        let deep = format!("{}\"x\"", "{\"a\":[".repeat(50_000));
        let all = read(&deep);
        assert!(all.iter().all(|(path, _)| path.len() < 100), "{all:?}");
        assert_eq!(read(&"\"".repeat(60_000)).len(), 30_000);
    }
}
