//! From what is written to what it means: typed access to the tree that notes every fault and goes on.
//!
//! A function that finds a fault notes it and returns nothing. Whoever builds the checked value looks at the list of
//! faults at the end; a missing piece without a noted fault cannot happen, because only these functions drop pieces.

use crate::nearest::nearest;
use crate::place::{Faults, Place};
use crate::yaml::{Entry, Node, Value};

/// The version of the files that this program reads.
pub(crate) const VERSION: i128 = 1;

/// A table whose fields have been checked against the list of those that exist.
pub(crate) struct Fields<'n> {
    /// Where the table begins; a missing field is reported there.
    place: Place,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// Takes a table; notes doubled and unknown fields.
    pub(crate) fn of(
        node: &'n Node,
        what: &str,
        known: &[&'static str],
        faults: &mut Faults,
    ) -> Option<Self> {
        let entries = table(node, what, faults)?;
        note_doubled(entries, faults);
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let fix = match nearest(&entry.key, known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            faults.add(entry.place, format!("{what} has no field `{}`", shown(&entry.key)), fix);
        }
        Some(Self { place: node.place, entries })
    }

    /// The value of a field that is written.
    pub(crate) fn find(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.node)
    }

    /// The place of a field's value, or of the table where it is absent.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.find(name).map_or(self.place, |node| node.place)
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &str, fix: &str, faults: &mut Faults) -> Option<&'n Node> {
        let found = self.find(name);
        if found.is_none() {
            faults.add(self.place, format!("`{name}` is missing"), fix);
        }
        found
    }

    /// A field read by `read`, or `default` where it is absent.
    pub(crate) fn or<T>(
        &self,
        name: &str,
        default: T,
        faults: &mut Faults,
        read: impl FnOnce(&'n Node, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        match self.find(name) {
            Some(node) => read(node, faults),
            None => Some(default),
        }
    }
}

/// Reads the file's top table and its version. A file of a newer version is not read any further: what its fields
/// mean is not known here.
pub(crate) fn file<'n>(node: &'n Node, known: &[&'static str], faults: &mut Faults) -> Option<Fields<'n>> {
    let fix = "write `version: 1` as its first line";
    let entries = match &node.value {
        Value::Table(entries) => entries,
        Value::Null => {
            faults.add(Place::WHOLE, "the file is empty", fix);
            return None;
        }
        Value::Bool(_) | Value::Integer(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
            faults.add(node.place, format!("the file holds {} where fields belong", node.value.kind()), fix);
            return None;
        }
    };
    match entries.iter().find(|entry| entry.key == "version").map(|entry| &entry.node) {
        None => faults.add(node.place, "`version` is missing", fix),
        Some(Node { value: Value::Integer(VERSION), .. }) => {}
        Some(Node { value: Value::Integer(newer), place }) if VERSION < *newer => {
            let reason = format!("the file is of version {newer}; this Sallyport reads version {VERSION}");
            faults.add(*place, reason, "run the newer Sallyport, or write the file as version 1");
            return None;
        }
        Some(other) => faults.add(other.place, "the version must be 1", fix),
    }
    Fields::of(node, "the file", known, faults)
}

/// The entries of a table.
pub(crate) fn table<'n>(node: &'n Node, what: &str, faults: &mut Faults) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Table(entries) => Some(entries),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::List(_)) => {
            let reason = format!("{what} must be a table, not {}", other.kind());
            faults.add(node.place, reason, "write `{ name: value }`, or one indented `name: value` a line");
            None
        }
    }
}

/// Notes each key that stands a second time.
pub(crate) fn note_doubled(entries: &[Entry], faults: &mut Faults) {
    let mut seen = std::collections::BTreeMap::new();
    for entry in entries {
        if let Some(first) = seen.insert(entry.key.as_str(), entry.place.line) {
            let reason = format!("`{}` is written twice; first on line {first}", shown(&entry.key));
            faults.add(entry.place, reason, "keep one of them");
            seen.insert(entry.key.as_str(), first);
        }
    }
}

/// The items of a list.
pub(crate) fn list<'n>(node: &'n Node, what: &str, faults: &mut Faults) -> Option<&'n [Node]> {
    match &node.value {
        Value::List(items) => Some(items),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Table(_)) => {
            let reason = format!("`{what}` must be a list, not {}", other.kind());
            faults.add(node.place, reason, "write `[…]`");
            None
        }
    }
}

/// A text. Numbers and the like are not turned into one: `1e3` would not come back as it was written.
pub(crate) fn text<'n>(node: &'n Node, what: &str, faults: &mut Faults) -> Option<&'n str> {
    match &node.value {
        Value::Text(text) => Some(text),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::List(_)
        | Value::Table(_)) => {
            let fix = match other {
                Value::Bool(_) | Value::Integer(_) | Value::Number(_) => "put it in quotes if it is meant",
                Value::Null | Value::List(_) | Value::Table(_) | Value::Text(_) => "write a text",
            };
            faults.add(node.place, format!("`{what}` must be a text, not {}", other.kind()), fix);
            None
        }
    }
}

/// `true` or `false`, as one of two meanings.
pub(crate) fn switch<T>(node: &Node, what: &str, on: T, off: T, faults: &mut Faults) -> Option<T> {
    match &node.value {
        Value::Bool(true) => Some(on),
        Value::Bool(false) => Some(off),
        other @ (Value::Null
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Table(_)) => {
            let reason = format!("`{what}` must be true or false, not {}", other.kind());
            faults.add(node.place, reason, "write `true` or `false`");
            None
        }
    }
}

/// A text that `parse` turns into a value; what `parse` says is the reason.
pub(crate) fn parsed<T, E: std::fmt::Display>(
    node: &Node,
    what: &str,
    fix: &str,
    faults: &mut Faults,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    match parse(text(node, what, faults)?) {
        Ok(value) => Some(value),
        Err(reason) => {
            faults.add(node.place, format!("`{what}`: {reason}"), fix);
            None
        }
    }
}

/// A text out of a closed list.
pub(crate) fn chosen<T>(
    node: &Node,
    what: &str,
    names: &[&'static str],
    faults: &mut Faults,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let written = text(node, what, faults)?;
    let value = parse(written);
    if value.is_none() {
        let fix = match nearest(written, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("write one of {}", names.join(", ")),
        };
        faults.add(node.place, format!("`{what}` cannot be `{}`", shown(written)), fix);
    }
    value
}

/// Each item of a list, read by `read`; nothing as soon as one item has a fault, after all were read.
pub(crate) fn each<'n, T>(
    node: &'n Node,
    what: &str,
    faults: &mut Faults,
    mut read: impl FnMut(&'n Node, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let items = list(node, what, faults)?;
    let values: Vec<T> = items.iter().filter_map(|item| read(item, faults)).collect();
    (values.len() == items.len()).then_some(values)
}

/// What someone wrote, fit for a message: bounded and without control characters.
pub(crate) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    let mut shown: String = text.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
