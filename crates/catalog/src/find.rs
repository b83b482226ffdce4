//! The answer of the matcher.

use model::CanonicalRequest;

use crate::compile::{ApiIndex, Catalog, OperationIndex};
use crate::{Captures, MethodSet};

/// What a request means to the catalogue. Only [`Match::Found`] can lead to an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Found(Found),
    /// The path is declared, the method on it is not.
    MethodNotDeclared { api: ApiIndex, allow: MethodSet },
    /// No API answers to the host.
    UnknownHost,
    /// The host belongs to `api`, which does not declare the path.
    UnknownOperation { api: ApiIndex },
}

/// An operation that was found, and where its parameters stand in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub api: ApiIndex,
    pub operation: OperationIndex,
    pub captures: Captures,
}

impl Match {
    /// The API that the request belongs to.
    #[must_use]
    pub const fn api(&self) -> Option<ApiIndex> {
        match self {
            Self::Found(Found { api, .. })
            | Self::MethodNotDeclared { api, .. }
            | Self::UnknownOperation { api } => Some(*api),
            Self::UnknownHost => None,
        }
    }
}

impl Catalog {
    /// Finds the operation of a request.
    #[must_use]
    pub fn find(&self, _request: &CanonicalRequest) -> Match {
        Match::UnknownHost
    }
}
