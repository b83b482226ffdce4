//! A document as a tree in the order in which people read it, and its two spellings.
//!
//! Everything in it may be an attacker's, so a text is written plain only where YAML cannot take it for anything else.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A value of a document; tables keep their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// True or false.
    Truth(bool),
    /// A whole number.
    Number(u64),
    /// A number with up to three places.
    Decimal(f64),
    /// Text.
    Text(String),
    /// Values in their order.
    List(Vec<Tree>),
    /// Names and values in their order.
    Table(Vec<(String, Tree)>),
}

pub(super) fn text(value: &str) -> Tree {
    Tree::Text(value.to_owned())
}

pub(super) const fn number(value: u64) -> Tree {
    Tree::Number(value)
}

pub(super) fn decimal(value: f64) -> Tree {
    Tree::Decimal((value * 1_000.0).round() / 1_000.0)
}

pub(super) fn table<'a>(entries: impl IntoIterator<Item = (&'a str, Tree)>) -> Tree {
    Tree::Table(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Truth(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Decimal(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => items.serialize(serializer),
            Self::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (name, value) in entries {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl Tree {
    /// As JSON, indented.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Writing to memory a value whose maps have text for keys cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// As YAML in block style, ending with a line feed.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        self.to_yaml_at(0)
    }

    /// The same, each line behind so many spaces.
    #[must_use]
    pub fn to_yaml_at(&self, indent: usize) -> String {
        let mut out = String::new();
        match self.scalar() {
            Some(scalar) => out.push_str(&format!("{:indent$}{scalar}\n", "")),
            None => self.block(indent, &mut out),
        }
        out
    }

    /// On one line, where the value is no block.
    fn scalar(&self) -> Option<String> {
        match self {
            Self::Truth(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::Decimal(value) => Some(value.to_string()),
            Self::Text(value) => Some(spelled(value)),
            Self::List(items) => items.is_empty().then(|| "[]".to_owned()),
            Self::Table(entries) => entries.is_empty().then(|| "{}".to_owned()),
        }
    }

    fn block(&self, indent: usize, out: &mut String) {
        match self {
            Self::Table(entries) => {
                for (name, value) in entries {
                    out.push_str(&format!("{:indent$}{}:", "", spelled(name)));
                    value.behind(indent, out);
                }
            }
            Self::List(items) => {
                for item in items {
                    let inner = item.to_yaml_at(indent + 2);
                    // The dash takes the place of two spaces of the first line.
                    out.push_str(&format!("{:indent$}- {}", "", inner.trim_start_matches(' ')));
                }
            }
            Self::Truth(_) | Self::Number(_) | Self::Decimal(_) | Self::Text(_) => {}
        }
    }

    /// The value behind its name: on the same line, or as a block below.
    fn behind(&self, indent: usize, out: &mut String) {
        match self.scalar() {
            Some(scalar) => out.push_str(&format!(" {scalar}\n")),
            None => {
                out.push('\n');
                self.block(indent + 2, out);
            }
        }
    }
}

/// A text that every reader of YAML takes for that text.
fn spelled(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./{}-".contains(&byte);
    let begins = value.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if begins && !is_word && value.bytes().all(plain) {
        return value.to_owned();
    }
    let sentence = |byte: u8| plain(byte) && byte != b'{' && byte != b'}' || byte == b' ' || byte == b',';
    if begins && !is_word && !value.ends_with(' ') && value.bytes().all(sentence) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            ' '..='~' => quoted.push(character),
            // Letters of any language are printable in YAML; what is not, or could pass for something else, is escaped.
            _ if character.is_alphanumeric() => quoted.push(character),
            _ => {
                let code = u32::from(character);
                let escaped =
                    if code <= 0xFFFF { format!("\\u{code:04x}") } else { format!("\\U{code:08x}") };
                quoted.push_str(&escaped);
            }
        }
    }
    quoted.push('"');
    quoted
}
