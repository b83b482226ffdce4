//! What is wrong with a declaration whatever the others say, and what two may not both say.

use std::collections::BTreeSet;

use model::{ApiName, GroupName, Method, OperationId};

use super::{APIS_MAX, CompileCatalogError, OPERATIONS_MAX};
use crate::template::Segment;
use crate::{ApiDeclaration, BasePath, Hosts, OperationDeclaration, Template, cors};

/// Checks all declarations.
pub(super) fn declarations(declarations: &[ApiDeclaration]) -> Result<(), CompileCatalogError> {
    let operations: usize = declarations.iter().map(|api| api.operations.len()).sum();
    if APIS_MAX < declarations.len() || OPERATIONS_MAX < operations {
        return Err(CompileCatalogError::TooMany);
    }
    let mut names = BTreeSet::new();
    for api in declarations {
        if !names.insert(&api.name) {
            return Err(CompileCatalogError::DuplicateApi { name: api.name.clone() });
        }
        hosts(api, declarations)?;
        if let Some(origin) = api.cors.iter().flat_map(|cors| &cors.origins).find(|it| !cors::is_origin(it)) {
            return Err(CompileCatalogError::Origin { api: api.name.clone(), origin: origin.clone() });
        }
        for declared in &api.operations {
            operation(api, declared)?;
        }
    }
    Ok(())
}

fn hosts(api: &ApiDeclaration, all: &[ApiDeclaration]) -> Result<(), CompileCatalogError> {
    match &api.hosts {
        Hosts::Any => match all.iter().find(|other| other.name != api.name) {
            Some(other) => {
                Err(CompileCatalogError::AnyHost { api: api.name.clone(), other: other.name.clone() })
            }
            None => Ok(()),
        },
        Hosts::Listed(hosts) if hosts.is_empty() => {
            Err(CompileCatalogError::NoHosts { api: api.name.clone() })
        }
        Hosts::Listed(_) => Ok(()),
    }
}

fn operation(api: &ApiDeclaration, declared: &OperationDeclaration) -> Result<(), CompileCatalogError> {
    if declared.method == Method::Unlisted {
        return Err(CompileCatalogError::UnlistedMethod {
            api: api.name.clone(),
            template: declared.template.clone(),
        });
    }
    let id = || OperationId::new(&api.name, declared.method, &declared.template.to_string());
    if !declared.template.parameters().eq(declared.parameters.iter().map(|parameter| &*parameter.name)) {
        return Err(CompileCatalogError::Parameters { operation: id() });
    }
    if let Some(group) = declared.groups.iter().find(|group| !is_own(group, &api.name)) {
        return Err(CompileCatalogError::ForeignGroup { operation: id(), group: group.clone() });
    }
    if !lies_under(&declared.template, &api.base_path) {
        return Err(CompileCatalogError::OutsideBasePath {
            operation: id(),
            base_path: api.base_path.clone(),
        });
    }
    Ok(())
}

/// Whether a group belongs to an API: `orders` and `orders:…`, so that no API grows the groups of another.
pub(crate) fn is_own(group: &GroupName, api: &ApiName) -> bool {
    match group.as_str().strip_prefix(api.as_str()) {
        Some("") => true,
        Some(rest) => {
            rest.strip_prefix(':').is_some_and(|suffix| !suffix.is_empty() && !suffix.contains(':'))
        }
        None => false,
    }
}

/// Whether every path of the template lies under the base path, segment by segment.
pub(super) fn lies_under(template: &Template, base: &BasePath) -> bool {
    let segments = template.segments();
    base.segments().len() <= segments.len()
        && base.segments().iter().zip(segments).all(|(base, segment)| match segment {
            Segment::Literal(text) => text == base,
            Segment::Affix(_) | Segment::Parameter(_) | Segment::Spanning(_) => false,
        })
}
