//! The catalogue: which operations are declared, in which groups they are, and which of them a request means.
//!
//! The way of an API into it: [`read_document`] reads what its developers wrote, [`declare`] turns that into
//! operations on the wire with the groups that the lock grants them, and [`Catalog::compile`] makes the matcher.
//! The matcher's answer, [`Match`], is the only source of operations for policy.
//!
//! What always holds: an operation is in a group only where `groups.lock` says so; a path belongs to one API;
//! a request gets one operation or none, and finding it neither allocates nor waits. Nothing here knows policy.

pub mod api;
pub mod base;
mod call;
pub mod captures;
pub mod compile;
pub mod cors;
pub mod declare;
pub mod document;
pub mod find;
pub mod fuzz;
pub mod groups;
pub mod lint;
pub mod methods;
pub mod parameter;
mod scopes;
pub mod template;
mod tree;

pub use api::{ApiDeclaration, Hosts, Lifecycle, OperationDeclaration, Visibility};
pub use base::BasePath;
pub use call::{request_made, request_to};
pub use captures::{Captured, Captures};
pub use compile::{Api, ApiIndex, Catalog, CompileCatalogError, Compiled, Operation, OperationIndex};
pub use cors::{Cors, CorsCredentials, Preflight, preflight};
pub use declare::{Declaring, declare};
pub use document::{
    DeclaredOperation, Document, Note, QueryParameter, ReadDocumentError, SyntaxError, read_document,
};
pub use find::{Found, Match};
pub use groups::{Changes, GroupsLock, GroupsLockError, Regrouped, built_in_groups, regroup};
pub use lint::Lint;
pub use methods::MethodSet;
pub use parameter::{BadParameter, ParameterKind, ParameterValue, PathParameter};
pub use scopes::AskedScopes;
pub use template::{PARAMETERS_MAX, Spanning, Template, TemplateError};
