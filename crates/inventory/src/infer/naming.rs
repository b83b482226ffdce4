//! Names for parameters.

use crate::infer::{Context, Frame};
use crate::operation::{Parameter, ValueKind};
use crate::words;

/// Names the holes of a segment after the collection before it and the form of their values.
pub(super) fn name(
    before: &str,
    frame: Option<&Frame>,
    kinds: &[ValueKind],
    context: &Context<'_>,
    taken: &mut Vec<String>,
) -> Vec<Parameter> {
    let kind = common(kinds);
    let known = context.known.iter().filter_map(|known| known.parameters(None)?.name.clone()).min();
    let own = match known {
        Some(name) if frame.is_none() => name,
        _ => base(before, kind, context.after_parameter),
    };
    let Some(frame) = frame else {
        return vec![Parameter { name: distinct(own, taken), kind }];
    };
    frame
        .names
        .iter()
        .map(|name| {
            let wanted = if name.is_empty() { own.clone() } else { name.clone() };
            let kind = match name.as_str() {
                "width" | "height" => ValueKind::Integer,
                "latitude" | "longitude" => ValueKind::Number,
                "" => kind,
                _ => ValueKind::Text,
            };
            Parameter { name: distinct(wanted, taken), kind }
        })
        .collect()
}

/// A name for a parameter of any text behind a literal part.
pub(crate) fn parameter_name(literal: &str, mut taken: Vec<String>) -> String {
    distinct(base(literal, ValueKind::Text, false), &mut taken)
}

/// The one kind that all values have, else text.
fn common(kinds: &[ValueKind]) -> ValueKind {
    let mut all = kinds.iter();
    let Some(first) = all.next() else { return ValueKind::Text };
    if all.clone().all(|kind| kind == first) {
        return *first;
    }
    let numeric = |kind: &ValueKind| matches!(kind, ValueKind::Integer | ValueKind::Number);
    if kinds.iter().all(numeric) { ValueKind::Number } else { ValueKind::Text }
}

fn base(before: &str, kind: ValueKind, after_parameter: bool) -> String {
    let own = match kind {
        ValueKind::Locale => Some("locale"),
        ValueKind::Country => Some("country"),
        ValueKind::Currency => Some("currency"),
        ValueKind::Region => Some("region"),
        ValueKind::Date => Some("date"),
        ValueKind::DateTime => Some("time"),
        ValueKind::Month => Some("month"),
        ValueKind::Email => Some("email"),
        ValueKind::Version => Some("version"),
        ValueKind::FileName => Some("file"),
        ValueKind::Domain => Some("domain"),
        ValueKind::Coordinates => Some("coordinates"),
        _ => None,
    };
    if let Some(own) = own {
        return own.into();
    }
    let parts = words::parts(before);
    let Some(last) = parts.last() else {
        return if before.is_empty() { "tenant".into() } else { "id".into() };
    };
    let mut name = String::new();
    for (place, part) in parts.iter().enumerate() {
        let part = if place.saturating_add(1) == parts.len() {
            words::singular(last).unwrap_or_else(|| last.clone())
        } else {
            part.clone()
        };
        if name.is_empty() {
            name = part;
        } else {
            let mut letters = part.chars();
            name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            name.push_str(letters.as_str());
        }
    }
    if after_parameter {
        return "key".into();
    }
    let id = matches!(
        kind,
        ValueKind::Integer
            | ValueKind::Uuid
            | ValueKind::Ulid
            | ValueKind::Ksuid
            | ValueKind::ObjectId
            | ValueKind::Hexadecimal
            | ValueKind::Hash
            | ValueKind::PrefixedId
            | ValueKind::Token
    );
    if id { format!("{name}Id") } else { name }
}

fn distinct(wanted: String, taken: &mut Vec<String>) -> String {
    let mut name = wanted.clone();
    let mut number = 2_u32;
    while taken.contains(&name) {
        name = format!("{wanted}{number}");
        number = number.saturating_add(1);
    }
    taken.push(name.clone());
    name
}
