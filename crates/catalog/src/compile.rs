//! The compiled catalogue: every declared operation under an index, and what the matcher needs.
//!
//! Compiling refuses whatever has two readings (one operation declared twice, one path in two APIs) and whatever
//! could make a match slow. Overlaps have one reading, by the matcher's order, and are lints.

mod build;
mod check;
mod draft;
mod overlap;

use std::collections::BTreeSet;

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use model::{ApiName, GroupName, Method, OperationId};

use crate::find::{Sites, Trie, fixed_captures};
use crate::{
    ApiDeclaration, AskedScopes, BasePath, Captures, Cors, Hosts, Lifecycle, Lint, PathParameter, Template,
    Visibility,
};

/// The most APIs of a catalogue.
pub const APIS_MAX: usize = 65_535;
/// The most operations of a catalogue.
pub const OPERATIONS_MAX: usize = 1_000_000;
/// The most places that any request can make the matcher look at. Real catalogues need a few dozen.
pub const MATCH_VISITS_MAX: u32 = 4_096;

/// The place of an API in its catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiIndex(pub u16);

/// The place of an operation in its catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationIndex(pub u32);

/// One API of a catalogue.
#[derive(Clone, Debug)]
pub struct Api {
    pub name: ApiName,
    pub hosts: Hosts,
    pub base_path: BasePath,
    /// Its operations: from the first place in [`Catalog::operations`] to before the second.
    pub operations: std::ops::Range<u32>,
    pub cors: Option<Cors>,
    /// Every scope that its document asks for somewhere, in order.
    pub scopes: Box<[Box<str>]>,
}

/// One operation of a catalogue.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: OperationId,
    pub api: ApiIndex,
    pub method: Method,
    pub template: Template,
    /// In the order of the template and of captures.
    pub parameters: Box<[PathParameter]>,
    /// All groups it is in.
    pub groups: Box<[GroupName]>,
    pub lifecycle: Lifecycle,
    pub visibility: Visibility,
    pub operation_id: Option<Box<str>>,
    pub summary: Option<Box<str>>,
    /// What its document asks of access tokens; nothing is judged by it.
    pub scopes: AskedScopes,
    /// Where the parameters stand, where that is the same in every request that fits.
    pub(crate) captures: Option<Captures>,
}

/// All declared operations of a gateway, ready to be matched.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) apis: Box<[Api]>,
    pub(crate) operations: Box<[Operation]>,
    pub(crate) sites: Sites,
    pub(crate) trie: Trie,
    ids: Ids,
}

/// A catalogue and what is worth a look in it.
#[derive(Debug)]
pub struct Compiled {
    pub catalog: Catalog,
    pub lints: Vec<Lint>,
}

/// Why declarations do not make a catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CompileCatalogError {
    #[error("`{api}` answers to every host, which only the one API of a gateway may; `{other}` is another")]
    AnyHost { api: ApiName, other: ApiName },
    #[error("two APIs are called `{name}`")]
    DuplicateApi { name: ApiName },
    #[error("`{first}` and `{second}` are the same method on the same path")]
    DuplicateOperation { first: OperationId, second: OperationId },
    #[error("`{operation}` is in the group `{group}`, which is not one of its API's own")]
    ForeignGroup { operation: OperationId, group: GroupName },
    #[error("the API `{api}` has no hosts")]
    NoHosts { api: ApiName },
    #[error("`{origin}` is no origin; write it as browsers do: https://shop.example.com")]
    Origin { api: ApiName, origin: String },
    #[error("`{operation}` does not lie under the base path `{base_path}` of its API")]
    OutsideBasePath { operation: OperationId, base_path: BasePath },
    #[error("the parameters of `{operation}` are not those of its path")]
    Parameters { operation: OperationId },
    #[error("`{first}` and `{second}` are on the same path of the same host; a path belongs to one API")]
    SharedPath { first: OperationId, second: OperationId },
    #[error(
        "the paths of {} overlap so much that one request could meet more than {MATCH_VISITS_MAX} of them",
        list(.apis)
    )]
    TooEntangled { apis: Vec<ApiName> },
    #[error("there are more than {APIS_MAX} APIs or {OPERATIONS_MAX} operations")]
    TooMany,
    #[error("an operation of `{api}` on `{template}` has no method")]
    UnlistedMethod { api: ApiName, template: Template },
}

fn list(names: &[ApiName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

impl Catalog {
    /// A catalogue in which nothing is declared and every host is unknown.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            apis: Box::default(),
            operations: Box::default(),
            sites: Sites::empty(),
            trie: Trie::empty(),
            ids: Ids::new(&[]),
        }
    }

    /// Compiles declarations; all of them or none.
    pub fn compile(declarations: Vec<ApiDeclaration>) -> Result<Compiled, CompileCatalogError> {
        check::declarations(&declarations)?;
        let (apis, mut operations) = number(declarations)?;
        let build::Built { sites, trie, lints } = build::build(&apis, &mut operations)?;
        let ids = Ids::new(&operations);
        let catalog = Self { apis: apis.into(), operations: operations.into(), sites, trie, ids };
        Ok(Compiled { catalog, lints })
    }

    /// All APIs; an [`ApiIndex`] is a place in here.
    #[must_use]
    pub fn apis(&self) -> &[Api] {
        &self.apis
    }

    #[must_use]
    pub fn api(&self, index: ApiIndex) -> Option<&Api> {
        self.apis.get(usize::from(index.0))
    }

    /// All operations; an [`OperationIndex`] is a place in here.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operations of one API, each with its index.
    pub fn operations_of(&self, api: ApiIndex) -> impl Iterator<Item = (OperationIndex, &Operation)> {
        let range = self.api(api).map_or(0..0, |api| api.operations.clone());
        range.filter_map(|place| {
            let index = OperationIndex(place);
            self.operation(index).map(|operation| (index, operation))
        })
    }

    #[must_use]
    pub fn operation(&self, index: OperationIndex) -> Option<&Operation> {
        self.operations.get(usize::try_from(index.0).ok()?)
    }

    /// The operation with this id (`orders:GET /orders/{id}`).
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<OperationIndex> {
        self.ids.find(id, &self.operations)
    }
}

/// Gives every API and operation its place.
fn number(declarations: Vec<ApiDeclaration>) -> Result<(Vec<Api>, Vec<Operation>), CompileCatalogError> {
    let mut apis = Vec::with_capacity(declarations.len());
    let mut operations = Vec::new();
    for (place, declaration) in declarations.into_iter().enumerate() {
        let api = ApiIndex(u16::try_from(place).map_err(|_| CompileCatalogError::TooMany)?);
        let count = |operations: &Vec<Operation>| {
            u32::try_from(operations.len()).map_err(|_| CompileCatalogError::TooMany)
        };
        let first = count(&operations)?;
        let scopes: BTreeSet<Box<str>> =
            declaration.operations.iter().flat_map(|one| one.scopes.sets()).flatten().cloned().collect();
        for operation in declaration.operations {
            operations.push(Operation {
                captures: fixed_captures(&operation.template),
                id: OperationId::new(&declaration.name, operation.method, &operation.template.to_string()),
                api,
                method: operation.method,
                template: operation.template,
                parameters: operation.parameters.into(),
                groups: operation.groups.into(),
                lifecycle: operation.lifecycle,
                visibility: operation.visibility,
                operation_id: operation.operation_id.map(Into::into),
                summary: operation.summary.map(Into::into),
                scopes: operation.scopes,
            });
        }
        apis.push(Api {
            name: declaration.name,
            hosts: declaration.hosts,
            base_path: declaration.base_path,
            operations: first..count(&operations)?,
            cors: declaration.cors,
            scopes: scopes.into_iter().collect(),
        });
    }
    Ok((apis, operations))
}

/// Operations by their id.
#[derive(Debug)]
struct Ids {
    places: HashTable<u32>,
    state: FixedState,
}

impl Ids {
    fn new(operations: &[Operation]) -> Self {
        let state = FixedState::default();
        let hash = |id: &str| std::hash::BuildHasher::hash_one(&state, id);
        let mut places = HashTable::with_capacity(operations.len());
        for (place, operation) in (0_u32..).zip(operations) {
            places.insert_unique(hash(operation.id.as_str()), place, |&place| {
                let operation = usize::try_from(place).ok().and_then(|place| operations.get(place));
                hash(operation.map_or("", |operation| operation.id.as_str()))
            });
        }
        Self { places, state }
    }

    fn find(&self, id: &str, operations: &[Operation]) -> Option<OperationIndex> {
        let hash = std::hash::BuildHasher::hash_one(&self.state, id);
        let is = |place: &u32| {
            let operation = usize::try_from(*place).ok().and_then(|place| operations.get(place));
            operation.is_some_and(|operation| operation.id.as_str() == id)
        };
        self.places.find(hash, is).copied().map(OperationIndex)
    }
}

#[cfg(test)]
mod tests;
