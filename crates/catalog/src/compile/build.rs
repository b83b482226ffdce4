//! From numbered operations to sites and tries.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, operation as operation_at};
use super::{Api, ApiIndex, CompileCatalogError, Operation, OperationIndex, check, overlap};
use crate::find::{Domain, NodeId, Site, Sites, Trie};
use crate::template::Segment;
use crate::{BasePath, Hosts, Lint, MethodSet, Template, Visibility};

/// How many lints of one catalogue are reported beside overlaps.
const LINTS_MAX: usize = 1_024;

pub(super) struct Built {
    pub(super) sites: Sites,
    pub(super) trie: Trie,
    pub(super) lints: Vec<Lint>,
}

/// Builds all sites. Hosts with the same APIs share one, and equal parts of different sites share their trie.
pub(super) fn build(apis: &[Api], operations: &mut [Operation]) -> Result<Built, CompileCatalogError> {
    let mut builder = Builder {
        apis,
        operations,
        sites: Sites::empty(),
        trie: Trie::empty(),
        roots: BTreeMap::new(),
        lints: Vec::new(),
    };
    builder.lint_operations();
    let mut places = BTreeMap::new();
    for (host, present) in apis_by_host(apis) {
        let place = match places.get(&present) {
            Some(place) => *place,
            None => {
                let site = builder.site(&present)?;
                builder.sites.sites.push(site);
                let place = builder.sites.sites.len() - 1;
                places.insert(present, place);
                place
            }
        };
        builder.sites.by_host.insert(host.into(), place);
    }
    if let [Api { hosts: Hosts::Any, .. }] = apis {
        builder.sites.any = Some(builder.site(&[ApiIndex(0)])?);
    }
    let Builder { sites, trie, mut lints, .. } = builder;
    lints.sort();
    lints.dedup();
    if LINTS_MAX < lints.len() {
        lints.truncate(LINTS_MAX);
        lints.push(Lint::Incomplete);
    }
    Ok(Built { sites, trie, lints })
}

fn apis_by_host(apis: &[Api]) -> BTreeMap<&str, Vec<ApiIndex>> {
    let mut by_host: BTreeMap<&str, BTreeSet<ApiIndex>> = BTreeMap::new();
    for (index, api) in (0..).map(ApiIndex).zip(apis) {
        match &api.hosts {
            Hosts::Any => {}
            Hosts::Listed(hosts) => {
                for host in hosts {
                    by_host.entry(host.as_str()).or_default().insert(index);
                }
            }
        }
    }
    by_host.into_iter().map(|(host, present)| (host, present.into_iter().collect())).collect()
}

/// A trie that exists.
#[derive(Clone, Copy)]
struct Root {
    node: NodeId,
    /// Every method that may be told of, on any path of it.
    methods: MethodSet,
}

struct Builder<'a> {
    apis: &'a [Api],
    operations: &'a mut [Operation],
    sites: Sites,
    trie: Trie,
    /// The tries that exist, by the APIs in them.
    roots: BTreeMap<Vec<ApiIndex>, Root>,
    lints: Vec<Lint>,
}

impl Builder<'_> {
    fn api(&self, index: ApiIndex) -> Option<&Api> {
        self.apis.get(usize::from(index.0))
    }

    fn indices(&self, api: ApiIndex) -> impl Iterator<Item = OperationIndex> + use<> {
        self.api(api).map_or(0..0, |api| api.operations.clone()).map(OperationIndex)
    }

    /// What a host on which these APIs are needs; there is at least one.
    fn site(&mut self, present: &[ApiIndex]) -> Result<Site, CompileCatalogError> {
        let mut by_base: BTreeMap<&BasePath, Vec<ApiIndex>> = BTreeMap::new();
        for &index in present {
            if let Some(api) = self.apis.get(usize::from(index.0)) {
                by_base.entry(&api.base_path).or_default().push(index);
            }
        }
        let mut domains = Vec::with_capacity(by_base.len());
        for (base, apis) in &by_base {
            let root = self.root(apis)?;
            let owner = apis.iter().min_by_key(|index| self.api(**index).map(|api| &api.name));
            let owner = owner.copied().unwrap_or(ApiIndex(u16::MAX));
            domains.push(Domain { base: (*base).clone(), root: root.node, owner, methods: root.methods });
        }
        // Longest first. Among the shortest the first by name comes last, since the last takes what is left.
        domains.sort_by_key(|domain| {
            let name = self.api(domain.owner).map(|api| api.name.clone());
            std::cmp::Reverse((domain.base.segments().len(), name))
        });
        let nested = self.nested(&by_base)?;
        self.lints.extend(nested);
        let last = domains.pop().ok_or(CompileCatalogError::TooMany)?;
        Ok(Site { last, longer: domains.into() })
    }

    /// The trie of these APIs, built where it does not exist yet.
    fn root(&mut self, apis: &[ApiIndex]) -> Result<Root, CompileCatalogError> {
        if let Some(root) = self.roots.get(apis) {
            return Ok(*root);
        }
        let mut draft = Draft::new();
        for &api in apis {
            for index in self.indices(api) {
                draft.insert(self.operations, index, &mut self.lints)?;
            }
        }
        if draft.is_entangled() {
            let apis = apis.iter().filter_map(|index| self.api(*index)).map(|api| api.name.clone()).collect();
            return Err(CompileCatalogError::TooEntangled { apis });
        }
        self.lints.extend(overlap::overlaps(&draft, self.operations));
        let methods = draft.endpoints.iter().flat_map(|endpoint| endpoint.shown.iter()).collect();
        let root = Root { node: draft.freeze(&mut self.trie)?, methods };
        self.lint_for_browsers(apis, methods);
        self.roots.insert(apis.to_vec(), root);
        Ok(root)
    }

    /// Operations that lie under the longer base path of another API on the same host: requests never reach them
    /// there. The very same operation in both is an error.
    fn nested(&self, by_base: &BTreeMap<&BasePath, Vec<ApiIndex>>) -> Result<Vec<Lint>, CompileCatalogError> {
        let mut lints = Vec::new();
        for (outer, outer_apis) in by_base {
            for (inner, inner_apis) in by_base {
                let is_nested = outer.segments().len() < inner.segments().len()
                    && inner.segments().starts_with(outer.segments());
                if !is_nested {
                    continue;
                }
                let key = |operation: &Operation| (operation.method, shape(&operation.template));
                let inside: BTreeMap<_, _> =
                    self.operations_of(inner_apis).map(|operation| (key(operation), operation)).collect();
                let covered = self.operations_of(outer_apis);
                for operation in covered.filter(|operation| check::lies_under(&operation.template, inner)) {
                    if let Some(second) = inside.get(&key(operation)) {
                        return Err(CompileCatalogError::DuplicateOperation {
                            first: operation.id.clone(),
                            second: second.id.clone(),
                        });
                    }
                    let reason = format!("paths under `{inner}` belong to another API on one of its hosts");
                    lints.push(Lint::Unreachable { operation: operation.id.clone(), reason });
                }
            }
        }
        Ok(lints)
    }

    fn operations_of(&self, apis: &[ApiIndex]) -> impl Iterator<Item = &Operation> {
        let indices = apis.iter().flat_map(|api| self.indices(*api));
        indices.filter_map(|index| operation_at(self.operations, index))
    }

    /// Looks at what preflights on the paths of these APIs tell, which is the same on all paths of one API.
    fn lint_for_browsers(&mut self, apis: &[ApiIndex], methods: MethodSet) {
        let declared: Vec<&Api> = apis.iter().filter_map(|index| self.api(*index)).collect();
        let mut lints = Vec::new();
        if let Some((first, others)) = declared.split_first() {
            let differing = others.iter().filter(|other| other.cors != first.cors);
            lints.extend(differing.map(|other| Lint::BrowsersTellApisApart {
                one: first.name.clone(),
                other: other.name.clone(),
            }));
        }
        let for_browsers =
            apis.iter().filter(|index| self.api(**index).is_some_and(|api| api.cors.is_some()));
        for operation in for_browsers.flat_map(|api| self.indices(*api)) {
            let hidden = operation_at(self.operations, operation).filter(|operation| {
                operation.visibility == Visibility::Hidden && !methods.contains(operation.method)
            });
            lints
                .extend(hidden.map(|operation| Lint::HiddenFromBrowsers { operation: operation.id.clone() }));
        }
        self.lints.extend(lints);
    }

    fn lint_operations(&mut self) {
        for operation in self.operations.iter() {
            let api = self.apis.get(usize::from(operation.api.0));
            let base = api.map_or(0, |api| api.base_path.segments().len());
            let own = operation.template.segments().iter().skip(base);
            let has_word = own.clone().any(|segment| match segment {
                Segment::Affix(_) => true,
                Segment::Literal(text) => !text.is_empty(),
                Segment::Parameter(_) | Segment::Spanning(_) => false,
            });
            let has_parameter = own.clone().any(|segment| !matches!(segment, Segment::Literal(_)));
            if has_parameter && !has_word {
                self.lints.push(Lint::TooGeneric { operation: operation.id.clone() });
            }
            if is_reserved(&operation.template) {
                let reason = "the gateway itself answers there".to_owned();
                self.lints.push(Lint::Unreachable { operation: operation.id.clone(), reason });
            }
            if operation.groups.is_empty() {
                self.lints.push(Lint::Ungrouped { operation: operation.id.clone() });
            }
        }
    }
}

/// Whether a path lies under `/.well-known/sallyport`, which is the gateway's own on every host.
fn is_reserved(template: &Template) -> bool {
    match template.segments() {
        [Segment::Literal(first), Segment::Literal(second), ..] => {
            &**first == ".well-known" && &**second == "sallyport"
        }
        _ => false,
    }
}

/// The template without the names of its parameters: two with one shape fit the same paths.
fn shape(template: &Template) -> String {
    let segments = template.segments().iter().map(|segment| match segment {
        Segment::Affix(affix) => affix.texts.join("{}"),
        Segment::Literal(text) => text.to_string(),
        Segment::Parameter(_) => "{}".to_owned(),
        Segment::Spanning(_) => "{*}".to_owned(),
    });
    segments.fold(String::new(), |shape, segment| shape + "/" + &segment)
}
