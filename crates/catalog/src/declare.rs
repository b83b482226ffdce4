//! From a document to operations on the wire.
//!
//! Here, and only here, the words of `api.yaml` (base path, spanning parameters, hidden operations) and of
//! `groups.lock` meet those of the document. What is said of an operation that is not there is a note.

use std::collections::{BTreeMap, BTreeSet};

use model::GroupName;

use crate::document::DeclaredOperation;
use crate::template::Segment;
use crate::{
    BasePath, Document, GroupsLock, Note, OperationDeclaration, ParameterKind, PathParameter, Spanning,
    Template, Visibility,
};

/// What `api.yaml` says about the operations of its document.
#[derive(Clone, Copy, Debug)]
pub struct Declaring<'a> {
    pub base_path: &'a BasePath,
    /// Paths (of the document or on the wire) whose last parameter spans segments.
    pub spanning: &'a [String],
    /// Operations (`GET /users/{id}`, path of the document or on the wire) that a denial hides.
    pub hide_existence: &'a [String],
}

/// Puts base path, spanning parameters, hidden operations and groups to the operations of a document. What names
/// nothing and what cannot be declared is a note; the caller decides whether that is an error.
#[must_use]
pub fn declare(
    document: &Document,
    settings: &Declaring<'_>,
    lock: &GroupsLock,
) -> (Vec<OperationDeclaration>, Vec<Note>) {
    let groups = groups_by_key(lock);
    let mut used = Used::default();
    let mut notes = Vec::new();
    let mut operations = Vec::with_capacity(document.operations.len());
    for declared in &document.operations {
        match operation(declared, settings, &groups, &mut used) {
            Ok(operation) => operations.push(operation),
            Err(reason) => notes.push(Note { pointer: declared.pointer.clone(), reason }),
        }
    }
    let mut unused = |what: &str, names: &mut dyn Iterator<Item = &str>| {
        for name in names {
            let reason = format!("{what} names `{}`, which is not declared", name.escape_debug());
            notes.push(Note { pointer: String::new(), reason });
        }
    };
    let left = |names: &'_ [String], used: &BTreeSet<usize>| -> Vec<usize> {
        (0..names.len()).filter(|place| !used.contains(place)).collect()
    };
    for (what, names, places) in [
        ("`spanning`", settings.spanning, left(settings.spanning, &used.spanning)),
        ("`hide_existence`", settings.hide_existence, left(settings.hide_existence, &used.hidden)),
    ] {
        unused(what, &mut places.iter().filter_map(|place| names.get(*place)).map(String::as_str));
    }
    let declared: BTreeSet<String> = operations.iter().map(OperationDeclaration::key).collect();
    unused("`groups.lock`", &mut groups.keys().copied().filter(|key| !declared.contains(*key)));
    (operations, notes)
}

/// Which entries of `api.yaml` meant something.
#[derive(Debug, Default)]
struct Used {
    spanning: BTreeSet<usize>,
    hidden: BTreeSet<usize>,
}

fn groups_by_key(lock: &GroupsLock) -> BTreeMap<&str, Vec<GroupName>> {
    let mut by_key: BTreeMap<&str, Vec<GroupName>> = BTreeMap::new();
    for (group, keys) in &lock.groups {
        for key in keys {
            by_key.entry(key).or_default().push(group.clone());
        }
    }
    by_key
}

fn operation(
    declared: &DeclaredOperation,
    settings: &Declaring<'_>,
    groups: &BTreeMap<&str, Vec<GroupName>>,
    used: &mut Used,
) -> Result<OperationDeclaration, String> {
    let wire = if settings.base_path.segments().is_empty() {
        declared.path.clone()
    } else {
        format!("{}{}", settings.base_path, declared.path)
    };
    let parse = |spanning| {
        Template::parse(&wire, spanning).map_err(|error| format!("the path `{wire}` cannot be used: {error}"))
    };
    let as_written = parse(Spanning::AsWritten)?;
    let canonical = as_written.to_string();
    let is_meant = |path: &str| path == declared.path || path == wire || path == canonical;
    let spans = positions(settings.spanning, is_meant, &mut used.spanning);
    let template = if spans { parse(Spanning::LastParameter)? } else { as_written };
    let spanning_text = template.to_string();
    let is_hidden = |text: &str| {
        text.split_once(' ').is_some_and(|(method, path)| {
            method == declared.method.as_str() && (is_meant(path) || path == spanning_text)
        })
    };
    let visibility = if positions(settings.hide_existence, is_hidden, &mut used.hidden) {
        Visibility::Hidden
    } else {
        Visibility::Shown
    };
    let key = format!("{} {spanning_text}", declared.method);
    Ok(OperationDeclaration {
        method: declared.method,
        parameters: parameters(&template, declared),
        template,
        groups: groups.get(key.as_str()).cloned().unwrap_or_default(),
        lifecycle: declared.lifecycle,
        visibility,
        operation_id: declared.operation_id.clone(),
        summary: declared.summary.clone(),
        scopes: declared.scopes.clone(),
    })
}

/// Whether one of the entries is meant; all that are, are marked as used.
fn positions(entries: &[String], is_meant: impl Fn(&str) -> bool, used: &mut BTreeSet<usize>) -> bool {
    let found = entries.iter().enumerate().filter(|(_, entry)| is_meant(entry)).map(|(place, _)| place);
    let found: Vec<usize> = found.collect();
    used.extend(&found);
    !found.is_empty()
}

/// The parameters in the template's order. One that spans segments is a text, whatever the document says.
fn parameters(template: &Template, declared: &DeclaredOperation) -> Vec<PathParameter> {
    let spanning = match template.segments().last() {
        Some(Segment::Spanning(name)) => Some(&**name),
        Some(Segment::Affix(_) | Segment::Literal(_) | Segment::Parameter(_)) | None => None,
    };
    let kind = |name: &str| {
        let found = declared.parameters.iter().find(|parameter| parameter.name == name);
        match found {
            Some(parameter) if spanning != Some(name) => parameter.kind,
            Some(_) | None => ParameterKind::String,
        }
    };
    template.parameters().map(|name| PathParameter { name: name.to_owned(), kind: kind(name) }).collect()
}

#[cfg(test)]
mod tests;
