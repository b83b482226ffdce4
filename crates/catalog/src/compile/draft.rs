//! The trie of one domain while it grows: plain maps, easy to walk, with the names that lints speak of.

use std::collections::BTreeMap;

use super::{ApiIndex, CompileCatalogError, MATCH_VISITS_MAX, Operation, OperationIndex};
use crate::Lint;
use crate::find::{Endpoint, Literals, Node, NodeId, Trie};
use crate::template::Segment;
use crate::template::affix::Pattern;

/// A growing trie. Node 0 is the root; every node stands behind its parent.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) nodes: Vec<DraftNode>,
    pub(super) endpoints: Vec<Endpoint>,
}

#[derive(Debug, Default)]
pub(super) struct DraftNode {
    pub(super) literals: BTreeMap<Box<str>, usize>,
    /// In the order in which they are tried.
    pub(super) affixes: BTreeMap<Pattern, usize>,
    pub(super) parameter: Option<usize>,
    pub(super) spanning: Option<usize>,
    pub(super) endpoint: Option<usize>,
    /// The first operation that came in by a parameter's edge, whose names the others should use.
    named_by: Option<OperationIndex>,
}

/// Looks up an operation that is known to exist.
pub(super) fn operation(operations: &[Operation], index: OperationIndex) -> Option<&Operation> {
    operations.get(usize::try_from(index.0).ok()?)
}

impl Draft {
    pub(super) fn new() -> Self {
        Self { nodes: vec![DraftNode::default()], endpoints: Vec::new() }
    }

    /// Adds an operation. Other names for the same place are a lint, the same method on the same path an error.
    pub(super) fn insert(
        &mut self,
        operations: &[Operation],
        index: OperationIndex,
        lints: &mut Vec<Lint>,
    ) -> Result<(), CompileCatalogError> {
        let Some(added) = operation(operations, index) else {
            return Ok(());
        };
        let mut here = 0;
        let mut spans = false;
        for (depth, segment) in added.template.segments().iter().enumerate() {
            if let Segment::Spanning(_) = segment {
                spans = true;
                break;
            }
            here = self.enter(here, segment);
            if let (Segment::Affix(_) | Segment::Parameter(_), Some(node)) =
                (segment, self.nodes.get_mut(here))
            {
                let first = *node.named_by.get_or_insert(index);
                if let Some(first) = operation(operations, first) {
                    lints.extend(other_names(first, added, depth));
                }
            }
        }
        let place = self.endpoint(here, spans, added.api);
        let Some(endpoint) = self.endpoints.get_mut(place) else {
            return Ok(());
        };
        if endpoint.api != added.api {
            let first = endpoint.first().and_then(|first| operation(operations, first)).unwrap_or(added);
            return Err(if first.method == added.method {
                CompileCatalogError::DuplicateOperation { first: first.id.clone(), second: added.id.clone() }
            } else {
                CompileCatalogError::SharedPath { first: first.id.clone(), second: added.id.clone() }
            });
        }
        match endpoint
            .add(added.method, added.visibility, index)
            .and_then(|first| operation(operations, first))
        {
            Some(first) => Err(CompileCatalogError::DuplicateOperation {
                first: first.id.clone(),
                second: added.id.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The child that `segment` leads to, made where it is missing.
    fn enter(&mut self, here: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(here) else {
            return here;
        };
        let child = match segment {
            Segment::Affix(affix) => *node.affixes.entry(Pattern::new(&affix.texts)).or_insert(next),
            Segment::Literal(text) => *node.literals.entry(text.clone()).or_insert(next),
            Segment::Parameter(_) | Segment::Spanning(_) => *node.parameter.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(DraftNode::default());
        }
        child
    }

    fn endpoint(&mut self, here: usize, spans: bool, api: ApiIndex) -> usize {
        let next = self.endpoints.len();
        let Some(node) = self.nodes.get_mut(here) else {
            return next;
        };
        let slot = if spans { &mut node.spanning } else { &mut node.endpoint };
        let place = *slot.get_or_insert(next);
        if place == next {
            self.endpoints.push(Endpoint::new(api));
        }
        place
    }

    /// Whether some request could make a search visit more nodes and patterns than is permitted.
    pub(super) fn is_entangled(&self) -> bool {
        let mut visits = vec![0_u32; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate().rev() {
            let of = |child: &usize| visits.get(*child).copied().unwrap_or(0);
            let literal = node.literals.values().map(of).max().unwrap_or(0);
            let affixes = node.affixes.values().map(|child| of(child).saturating_add(1));
            let parameter = node.parameter.as_ref().map_or(0, of);
            let worst =
                affixes.fold(literal.saturating_add(parameter).saturating_add(1), u32::saturating_add);
            if let Some(slot) = visits.get_mut(place) {
                *slot = worst;
            }
        }
        visits.first().is_some_and(|worst| MATCH_VISITS_MAX < *worst)
    }

    /// Moves the finished draft into the arena; gives the root.
    pub(super) fn freeze(self, trie: &mut Trie) -> Result<NodeId, CompileCatalogError> {
        let too_many = |_| CompileCatalogError::TooMany;
        let first_endpoint = trie.endpoints.len();
        let first_node = trie.nodes.len();
        let id = |place: usize| u32::try_from(first_node + place).map(NodeId).map_err(too_many);
        let endpoint = |place: Option<usize>| {
            place.map(|place| u32::try_from(first_endpoint + place).map_err(too_many)).transpose()
        };
        let mut entered = vec![(NodeId(u32::MAX), Box::<str>::default()); self.nodes.len()];
        let mut hashed = Vec::new();
        for (place, node) in self.nodes.into_iter().enumerate() {
            let no_parent = (NodeId(u32::MAX), Box::default());
            let (parent, text) = entered
                .get_mut(place)
                .map_or_else(|| no_parent.clone(), |slot| std::mem::replace(slot, no_parent.clone()));
            let literals = match node.literals.len() {
                0 => Literals::None,
                1 => Literals::One(node.literals.values().next().map_or(Ok(NodeId(u32::MAX)), |it| id(*it))?),
                _ => Literals::Hashed,
            };
            for (text, child) in node.literals {
                if literals == Literals::Hashed {
                    hashed.push(id(child)?);
                }
                if let Some(slot) = entered.get_mut(child) {
                    *slot = (id(place)?, text);
                }
            }
            let from = u32::try_from(trie.affixes.len()).map_err(too_many)?;
            for (pattern, child) in node.affixes {
                trie.affixes.push((pattern, id(child)?));
            }
            let to = u32::try_from(trie.affixes.len()).map_err(too_many)?;
            trie.nodes.push(Node {
                parent,
                text,
                literals,
                affixes: (from, to),
                parameter: node.parameter.map(id).transpose()?,
                spanning: endpoint(node.spanning)?,
                endpoint: endpoint(node.endpoint)?,
            });
        }
        trie.endpoints.extend(self.endpoints);
        hashed.into_iter().for_each(|child| trie.index_literal(child));
        id(0)
    }
}

/// The names at `depth` where they differ.
fn other_names(first: &Operation, added: &Operation, depth: usize) -> Option<Lint> {
    let names = |operation: &Operation| {
        let segment = operation.template.segments().get(depth).cloned();
        segment.map(|segment| match segment {
            Segment::Affix(affix) => affix.names.join(", "),
            Segment::Parameter(name) | Segment::Spanning(name) => name.into_string(),
            Segment::Literal(_) => String::new(),
        })
    };
    let (name, other_name) = (names(first)?, names(added)?);
    (name != other_name).then(|| Lint::ParameterNames {
        one: first.id.clone(),
        other: added.id.clone(),
        name,
        other_name,
    })
}
