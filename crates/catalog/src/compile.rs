//! The compiled catalogue: every declared operation under an index, and what the matcher needs.

use model::{ApiName, GroupName, Method, OperationId};

use crate::{
    ApiDeclaration, BasePath, Cors, Hosts, Lifecycle, Lint, MethodSet, PathParameter, Template, Visibility,
};

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
    /// Its operations: `catalog.operations()` from the first to before the second.
    pub operations: (OperationIndex, OperationIndex),
    pub cors: Option<Cors>,
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
    pub operation_id: Option<String>,
    pub summary: Option<String>,
    /// Every method that is declared on its path, HEAD included where GET is.
    pub path_methods: MethodSet,
}

/// All declared operations of a gateway, ready to be matched.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) apis: Box<[Api]>,
    pub(crate) operations: Box<[Operation]>,
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
    #[error("`{first}` and `{second}` are the same method on the same path of one host")]
    DuplicateOperation { first: OperationId, second: OperationId },
}

impl Catalog {
    /// A catalogue in which nothing is declared and every host is unknown.
    #[must_use]
    pub fn empty() -> Self {
        Self { apis: Box::default(), operations: Box::default() }
    }

    /// Compiles declarations; all of them or none.
    pub fn compile(_declarations: Vec<ApiDeclaration>) -> Result<Compiled, CompileCatalogError> {
        Ok(Compiled { catalog: Self::empty(), lints: Vec::new() })
    }

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

    #[must_use]
    pub fn operation(&self, index: OperationIndex) -> Option<&Operation> {
        self.operations.get(usize::try_from(index.0).ok()?)
    }

    /// The operation with this id (`orders:GET /orders/{id}`).
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<OperationIndex> {
        let place = self.operations.iter().position(|operation| operation.id.as_str() == id)?;
        u32::try_from(place).ok().map(OperationIndex)
    }
}
