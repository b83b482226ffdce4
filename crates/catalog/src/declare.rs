//! From a document to operations on the wire.

use crate::{BasePath, Document, GroupsLock, Note, OperationDeclaration};

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
/// nothing is a note; the caller decides whether that is an error.
#[must_use]
pub fn declare(
    _document: &Document,
    _settings: &Declaring<'_>,
    _lock: &GroupsLock,
) -> (Vec<OperationDeclaration>, Vec<Note>) {
    (Vec::new(), Vec::new())
}
