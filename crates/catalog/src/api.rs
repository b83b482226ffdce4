//! What is compiled: APIs with their operations as declared.

use model::{ApiName, GroupName, HostName, Method};

use crate::{AskedScopes, BasePath, Cors, PathParameter, Template};

/// One API as declared: from `api.yaml`, its document and its `groups.lock`.
#[derive(Clone, Debug)]
pub struct ApiDeclaration {
    pub name: ApiName,
    pub hosts: Hosts,
    /// Where the API begins on its hosts. On a host that several APIs share it decides whose an unmatched path is.
    pub base_path: BasePath,
    pub operations: Vec<OperationDeclaration>,
    pub cors: Option<Cors>,
}

/// The hosts that an API answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Every host; only for the one API of a gateway.
    Any,
    Listed(Vec<HostName>),
}

/// One operation as declared.
#[derive(Clone, Debug)]
pub struct OperationDeclaration {
    pub method: Method,
    /// The path on the wire, base path included.
    pub template: Template,
    /// One for each parameter of the template, in its order.
    pub parameters: Vec<PathParameter>,
    /// Every group it is in, the built-in ones included, exactly as `groups.lock` says; often empty.
    pub groups: Vec<GroupName>,
    pub lifecycle: Lifecycle,
    pub visibility: Visibility,
    /// Shown to people, never compared.
    pub operation_id: Option<String>,
    /// Shown to people.
    pub summary: Option<String>,
    /// The word of the document about who is meant to call; nothing is judged by it.
    pub scopes: AskedScopes,
}

impl OperationDeclaration {
    /// How `groups.lock` and `hide_existence` write it: `GET /orders/{id}`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

/// Whether an operation should still be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    Active,
    Deprecated,
}

/// Whether a denial may tell that the operation exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// A denial looks exactly like an unknown operation.
    Hidden,
    Shown,
}
