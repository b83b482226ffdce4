//! Reading API documents: Swagger 2.0, OpenAPI 3.0 and 3.1, as YAML or JSON.
//!
//! The reader is lenient: it keeps what it understands and reports the rest with a JSON pointer, since documents
//! of real APIs are seldom whole. It is not lenient about what could be read twice (duplicate keys) or never
//! ends (aliases, references, depth, size): such documents are refused or the place is reported.

mod media;
mod read;
mod reference;
mod security;

use model::Method;

pub use crate::tree::SyntaxError;
use crate::{AskedScopes, Lifecycle, PathParameter, tree};

/// The longest document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a document declares, in its own words.
#[derive(Clone, Debug)]
pub struct Document {
    /// As written: `2.0`, `3.0.3`, `3.1.0`.
    pub version: String,
    pub title: String,
    /// `info.version`: of the API, not of the document's format.
    pub api_version: String,
    /// `host`, or the hosts of `servers` with the defaults of their variables, in lower case and with the port that is written.
    pub hosts: Vec<String>,
    /// `basePath`, or the paths of `servers` with the defaults of their variables. Those that are no path are notes.
    pub base_paths: Vec<String>,
    pub operations: Vec<DeclaredOperation>,
    /// What could not be used.
    pub notes: Vec<Note>,
}

/// One operation of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredOperation {
    pub method: Method,
    /// As written in the document, so without the base path.
    pub path: String,
    pub operation_id: Option<String>,
    pub summary: Option<String>,
    pub lifecycle: Lifecycle,
    /// The declared path parameters; names of the template that are missing here are strings.
    pub parameters: Vec<PathParameter>,
    /// The declared parameters of the query, by name.
    pub query: Vec<QueryParameter>,
    /// The keys of `responses`: statuses, classes such as `2XX`, `default`.
    pub answers: Vec<String>,
    /// Media types of the request's body, in lower case and without parameters, ranges such as `*/*` included. Empty where it does not tell.
    pub request_types: Vec<String>,
    /// The same of answers that are no errors.
    pub answer_types: Vec<String>,
    /// The scopes that its `security`, or that of the document, asks of access tokens.
    pub scopes: AskedScopes,
    /// Where in the document it stands.
    pub pointer: String,
}

/// A parameter of the query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryParameter {
    pub name: String,
    pub required: bool,
}

/// Something in a document that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// RFC 6901; empty for the whole document.
    pub pointer: String,
    pub reason: String,
}

/// Why a document cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadDocumentError {
    #[error("the document is {length} bytes long; the limit is {DOCUMENT_BYTES_MAX}")]
    TooLong { length: usize },
    #[error("the document is neither YAML nor JSON in one reading")]
    Syntax(#[source] SyntaxError),
    #[error("the document says neither `swagger: \"2.0\"` nor `openapi: 3.0.x` or `3.1.x`")]
    UnknownVersion,
    #[error("version `{version}` is not supported; Swagger 2.0, OpenAPI 3.0 and 3.1 are")]
    UnsupportedVersion { version: String },
}

/// Reads a document.
pub fn read_document(bytes: &[u8]) -> Result<Document, ReadDocumentError> {
    if DOCUMENT_BYTES_MAX < bytes.len() {
        return Err(ReadDocumentError::TooLong { length: bytes.len() });
    }
    let tree = tree::read_document(bytes).map_err(ReadDocumentError::Syntax)?;
    let mut document = read::read(&tree)?;
    // Read as a number, `2.10` would be older than `2.9`.
    if let Some(version) = tree::written_version(bytes, &tree) {
        document.api_version = read::short(&version);
    }
    Ok(document)
}

#[cfg(test)]
mod tests;
