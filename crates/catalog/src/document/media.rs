//! The media types that an operation takes and answers with, as traffic is compared with them.

use std::collections::BTreeSet;

use super::read::short;
use super::reference::{Placed, child, follow};
use crate::tree::Tree;

/// Media types of one operation, either way.
const TYPES_MAX: usize = 64;

/// What an operation declares of bodies; empty where it does not tell.
#[derive(Debug, Default)]
pub(super) struct MediaTypes {
    pub(super) taken: Vec<String>,
    pub(super) answered: Vec<String>,
}

/// Of OpenAPI 3: the keys of `content`, of the request's body and of answers that are no errors. A reference that leads nowhere tells
/// nothing.
pub(super) fn of_content(root: &Tree, operation: &Placed<'_>) -> MediaTypes {
    let taken = operation.get("requestBody").map(|body| content(root, body)).unwrap_or_default();
    let mut answered = BTreeSet::new();
    if let Some(answers) = operation.get("responses")
        && let Tree::Map(entries) = answers.value
    {
        let success = |status: &str| status.starts_with('2') || status == "default";
        for (status, value) in entries.iter().filter(|(status, _)| success(status)) {
            answered.extend(content(root, Placed { value, pointer: child(&answers.pointer, status) }));
        }
    }
    MediaTypes { taken: bounded(taken), answered: bounded(answered) }
}

/// Of Swagger 2: `consumes` and `produces`, the operation's own before those of the document.
pub(super) fn of_lists(root: &Tree, operation: &Tree) -> MediaTypes {
    let list = |name: &str| {
        let listed = operation.get(name).or_else(|| root.get(name));
        let Some(Tree::List(items)) = listed else { return Vec::new() };
        bounded(items.iter().filter_map(Tree::as_text).map(essence).collect())
    };
    MediaTypes { taken: list("consumes"), answered: list("produces") }
}

fn content(root: &Tree, message: Placed<'_>) -> BTreeSet<String> {
    let layers = follow(root, message).unwrap_or_default();
    let content = layers.iter().find_map(|layer| layer.value.get("content"));
    match content {
        Some(Tree::Map(types)) => types.keys().map(|name| essence(name)).collect(),
        Some(_) | None => BTreeSet::new(),
    }
}

/// A media type without its parameters (RFC 9110, section 8.3.1), in lower case.
fn essence(name: &str) -> String {
    short(name.split(';').next().unwrap_or_default().trim()).to_ascii_lowercase()
}

fn bounded(types: BTreeSet<String>) -> Vec<String> {
    types.into_iter().filter(|name| !name.is_empty()).take(TYPES_MAX).collect()
}
