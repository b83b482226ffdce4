//! What was found as an OpenAPI 3.1 document per host, for people to keep, edit and publish.
//!
//! Every operation that answered is in it or, where OpenAPI has no way to say it, in [`Written::left_out`] with the reason. The document
//! declares what was seen and no more: parameters of the path with the form of their values, statuses with their media types, and under
//! `x-sallyport` the evidence. Queries and bodies are not described, since nothing of them was kept.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::operation::{Operation, Parameter, ValueKind};
use crate::states::{State, Stated};

pub use text::Tree;
use text::{decimal, number, table, text};

/// The methods that a path item of OpenAPI 3.1 has a field for.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

/// A document, and what could not be said in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The document.
    pub document: Tree,
    /// Operations that OpenAPI cannot express.
    pub left_out: Vec<LeftOut>,
}

/// An operation that is not in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The method.
    pub method: String,
    /// The template.
    pub path: String,
    /// Why it is not.
    pub reason: &'static str,
}

/// How evidence is written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Milliseconds since 1970 in UTC as text.
    pub moment: fn(i64) -> String,
    /// Whether there was something to compare with, so that a state says something.
    pub states: bool,
}

/// The document of one host. Of `operations` those of other hosts, and those that were never seen, are passed over.
#[must_use]
pub fn document(host: &str, operations: &[Stated], style: Style) -> Written {
    let mut paths: BTreeMap<String, (String, BTreeMap<usize, Tree>)> = BTreeMap::new();
    let mut left_out = Vec::new();
    let mut names = BTreeSet::new();
    for (one, seen) in operations
        .iter()
        .filter(|one| one.host == host)
        .filter_map(|one| one.seen.as_ref().map(|seen| (one, seen)))
    {
        let mut leave_out = |reason| {
            left_out.push(LeftOut { method: one.method.clone(), path: one.path.clone(), reason });
        };
        let place = METHODS.iter().position(|method| *method == one.method);
        let Some(place) = place else {
            leave_out("OpenAPI 3.1 has no field for the method");
            continue;
        };
        if one.path.contains(';') {
            leave_out("no request that the gateway takes has a path with `;`");
            continue;
        }
        // Templates that differ in the names of parameters alone are one path, under the first one's names.
        let item = paths
            .entry(crate::states::canonical(&one.path))
            .or_insert_with(|| (one.path.clone(), BTreeMap::new()));
        if item.1.contains_key(&place) {
            leave_out("a template of the same form is declared already");
            continue;
        }
        let id = distinct(&operation_id(&one.method, &one.path), &mut names);
        item.1.insert(place, entry(one, seen, &item.0, id, style));
    }
    let paths = paths.into_values().map(|(path, methods)| {
        let methods = methods
            .into_iter()
            .filter_map(|(place, entry)| Some((METHODS.get(place)?.to_ascii_lowercase(), entry)));
        (path, Tree::Table(methods.collect()))
    });
    let title = if host.is_empty() { "API without a host" } else { host };
    let mut parts = vec![
        ("openapi", text("3.1.0")),
        (
            "info",
            table([
                ("title", text(title)),
                ("version", text("0.0.0")),
                (
                    "description",
                    text(
                        "Inferred from traffic by Sallyport. Only what was seen to answer with success is declared.",
                    ),
                ),
            ]),
        ),
    ];
    if !host.is_empty() {
        parts.push(("servers", Tree::List(vec![table([("url", text(&format!("https://{host}")))])])));
    }
    parts.push(("paths", Tree::Table(paths.collect())));
    Written { document: table(parts), left_out }
}

/// The operation alone, as it stands under its path and method; `path` is the template under which it will stand.
#[must_use]
pub fn operation(one: &Stated, path: &str, style: Style) -> Option<Tree> {
    let seen = one.seen.as_ref()?;
    Some(entry(one, seen, path, operation_id(&one.method, path), style))
}

fn entry(one: &Stated, seen: &Operation, path: &str, id: String, style: Style) -> Tree {
    let mut parts = vec![("operationId", Tree::Text(id))];
    if one.state == State::Zombie {
        parts.push(("deprecated", Tree::Truth(true)));
    }
    let parameters = parameters(path, &seen.parameters);
    if !parameters.is_empty() {
        parts.push(("parameters", Tree::List(parameters)));
    }
    parts.push(("responses", responses(seen)));
    let mut evidence = Vec::new();
    if style.states {
        evidence.push(("state", text(one.state.as_str())));
    }
    evidence.push(("count", number(seen.count)));
    evidence.push(("confidence", decimal(seen.confidence)));
    evidence.extend(seen.first_seen.map(|at| ("first_seen", Tree::Text((style.moment)(at)))));
    evidence.extend(seen.last_seen.map(|at| ("last_seen", Tree::Text((style.moment)(at)))));
    parts.push(("x-sallyport", table(evidence)));
    table(parts)
}

/// The parameters under the names that `path` gives them; the forms come in the same order.
fn parameters(path: &str, known: &[Parameter]) -> Vec<Tree> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    let kinds = known.iter().map(|one| one.kind).chain(std::iter::repeat(ValueKind::Text));
    names
        .zip(kinds)
        .map(|(name, kind)| {
            table([
                ("name", text(name)),
                ("in", text("path")),
                ("required", Tree::Truth(true)),
                ("schema", schema(kind)),
            ])
        })
        .collect()
}

fn schema(kind: ValueKind) -> Tree {
    let plain = |name: &str| table([("type", text(name))]);
    let format = |name: &str| table([("type", text("string")), ("format", text(name))]);
    let pattern = |regex: &str| table([("type", text("string")), ("pattern", text(regex))]);
    match kind {
        ValueKind::Boolean => plain("boolean"),
        ValueKind::Integer => plain("integer"),
        ValueKind::Number => plain("number"),
        ValueKind::Date => format("date"),
        ValueKind::DateTime => format("date-time"),
        ValueKind::Domain => format("hostname"),
        ValueKind::Email => format("email"),
        ValueKind::Uuid => format("uuid"),
        ValueKind::Month => pattern("^[0-9]{4}-[0-9]{2}$"),
        ValueKind::ObjectId => pattern("^[0-9A-Fa-f]{24}$"),
        ValueKind::Hexadecimal | ValueKind::Hash => pattern("^[0-9A-Fa-f]+$"),
        ValueKind::Text => plain("string"),
        ValueKind::Address
        | ValueKind::Code
        | ValueKind::Coordinates
        | ValueKind::Country
        | ValueKind::Currency
        | ValueKind::Curie
        | ValueKind::FileName
        | ValueKind::Ksuid
        | ValueKind::Locale
        | ValueKind::Phone
        | ValueKind::PrefixedId
        | ValueKind::Region
        | ValueKind::Token
        | ValueKind::Ulid
        | ValueKind::Version => table([("type", text("string")), ("x-sallyport-form", text(kind.name()))]),
    }
}

/// One entry per status; what a source did not tell is the default.
fn responses(seen: &Operation) -> Tree {
    let entries = seen.statuses.iter().map(|one| {
        let key = match one.status {
            100..=599 => one.status.to_string(),
            _ => "default".to_owned(),
        };
        let times = if one.count == 1 { "time" } else { "times" };
        let mut parts = vec![("description", Tree::Text(format!("Seen {} {times}.", one.count)))];
        if (200..300).contains(&one.status) && one.status != 204 && !seen.content_types.is_empty() {
            let types = seen.content_types.iter().map(|name| (name.clone(), Tree::Table(Vec::new())));
            parts.push(("content", Tree::Table(types.collect())));
        }
        (key, table(parts))
    });
    let mut entries: BTreeMap<String, Tree> = entries.collect();
    if entries.is_empty() {
        entries.insert("default".to_owned(), table([("description", text("Seen."))]));
    }
    Tree::Table(entries.into_iter().collect())
}

/// `getUsersByUserIdOrders` for `GET /users/{userId}/orders`.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_ascii_lowercase();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if segment.starts_with('{') {
            id.push_str("By");
        }
        let mut upper = true;
        for character in segment.chars() {
            if character.is_ascii_alphanumeric() {
                id.push(if upper { character.to_ascii_uppercase() } else { character });
                upper = false;
            } else {
                upper = true;
            }
        }
    }
    id
}

fn distinct(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let with = |number: usize| if number == 1 { wanted.to_owned() } else { format!("{wanted}{number}") };
    let free = (1..).map(with).find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests;
