//! The compiled tries of all domains, in one arena.
//!
//! Every node is entered by one edge. Literal edges of all nodes stand in one hash table, keyed by node and text;
//! a node with a single literal edge names it and needs no hashing. Keys come from declarations only, never from
//! requests, so nobody can make the table slow from outside.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use model::{CanonicalRequest, Method};

use crate::compile::{ApiIndex, OperationIndex};
use crate::template::affix::Pattern;
use crate::{MethodSet, Visibility};

/// The place of a node in its trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

#[derive(Debug)]
pub(crate) struct Trie {
    pub(crate) nodes: Vec<Node>,
    pub(crate) endpoints: Vec<Endpoint>,
    /// Pattern edges; those of one node stand side by side, the most special first.
    pub(crate) affixes: Vec<(Pattern, NodeId)>,
    literals: HashTable<NodeId>,
    state: FixedState,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) parent: NodeId,
    /// The text of the edge that leads here, where it is a literal one.
    pub(crate) text: Box<str>,
    pub(crate) literals: Literals,
    /// From the first to before the second of `Trie::affixes`.
    pub(crate) affixes: (u32, u32),
    pub(crate) parameter: Option<NodeId>,
    /// Places in `Trie::endpoints`.
    pub(crate) spanning: Option<u32>,
    pub(crate) endpoint: Option<u32>,
}

/// The literal edges that leave a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literals {
    Hashed,
    None,
    One(NodeId),
}

/// What is declared on one path.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) api: ApiIndex,
    /// What may be told of the path: no hidden operations, and HEAD where GET answers it.
    pub(crate) shown: MethodSet,
    hidden: MethodSet,
    /// By the method's place in a set.
    operations: [Option<OperationIndex>; 8],
}

impl Endpoint {
    pub(crate) fn new(api: ApiIndex) -> Self {
        Self { api, shown: MethodSet::EMPTY, hidden: MethodSet::EMPTY, operations: [None; 8] }
    }

    pub(crate) fn operation(&self, method: Method) -> Option<OperationIndex> {
        *self.operations.get(MethodSet::place(method)?)?
    }

    /// Adds an operation; gives back the one that already has the method.
    pub(crate) fn add(
        &mut self,
        method: Method,
        visibility: Visibility,
        operation: OperationIndex,
    ) -> Option<OperationIndex> {
        let slot = self.operations.get_mut(MethodSet::place(method)?)?;
        if slot.is_some() {
            return *slot;
        }
        *slot = Some(operation);
        if visibility == Visibility::Hidden {
            self.hidden = self.hidden.with(method);
        }
        let shown = |method: &Method| {
            let of_get = *method == Method::Head && self.operation(Method::Head).is_none();
            let answers = if of_get { Method::Get } else { *method };
            self.operation(answers).is_some() && !self.hidden.contains(answers)
        };
        self.shown = Method::LISTED.into_iter().filter(shown).collect();
        None
    }

    /// What `Allow` may list: nothing where an operation is hidden. A list without it would tell it from the methods
    /// that are not declared, since those would be answered by the list and the hidden one by 404.
    pub(crate) fn allow(&self) -> MethodSet {
        if self.hidden.is_empty() { self.shown } else { MethodSet::EMPTY }
    }

    /// Its operations by method.
    pub(crate) fn operations(&self) -> impl Iterator<Item = OperationIndex> {
        self.operations.iter().filter_map(|operation| *operation)
    }

    /// Any of its operations, the first by method.
    pub(crate) fn first(&self) -> Option<OperationIndex> {
        self.operations().next()
    }
}

impl Trie {
    pub(crate) fn empty() -> Self {
        Self {
            nodes: Vec::new(),
            endpoints: Vec::new(),
            affixes: Vec::new(),
            literals: HashTable::new(),
            state: FixedState::default(),
        }
    }

    /// Makes the literal edge by which `child` is entered findable among many of its parent.
    pub(crate) fn index_literal(&mut self, child: NodeId) {
        let Self { nodes, literals, state, .. } = self;
        let hash =
            |child: &NodeId| node(nodes, *child).map_or(0, |node| hash(state, node.parent, &node.text));
        literals.insert_unique(hash(&child), child, hash);
    }

    /// What is declared on the path of a request.
    pub(crate) fn find(&self, root: NodeId, request: &CanonicalRequest) -> Option<&Endpoint> {
        let place = self.walk(root, request, 0, request.segments().len())?;
        self.endpoints.get(usize::try_from(place).ok()?)
    }

    /// One call per node at which several ways lead on, and one more; its depth is at most that of the path.
    fn walk(&self, id: NodeId, request: &CanonicalRequest, depth: usize, length: usize) -> Option<u32> {
        let (mut id, mut depth) = (id, depth);
        loop {
            let here = node(&self.nodes, id)?;
            if depth == length {
                return here.endpoint;
            }
            let segment = request.segment(depth)?;
            let literal = self.literal(id, here.literals, segment);
            let has_others = here.affixes.0 < here.affixes.1 || here.spanning.is_some();
            id = match (literal, here.parameter) {
                (Some(only), None) if !has_others => only,
                (None, Some(only)) if !has_others && !segment.is_empty() => only,
                _ => return self.walk_each(here, literal, request, depth, length),
            };
            depth += 1;
        }
    }

    /// Tries the ways that lead on from `here` in their order.
    fn walk_each(
        &self,
        here: &Node,
        literal: Option<NodeId>,
        request: &CanonicalRequest,
        depth: usize,
        length: usize,
    ) -> Option<u32> {
        let segment = request.segment(depth)?;
        let next = |child| self.walk(child, request, depth + 1, length);
        if let Some(found) = literal.and_then(next) {
            return Some(found);
        }
        if segment.is_empty() {
            return None;
        }
        if here.affixes.0 < here.affixes.1 {
            let fitting = self.affixes_of(here).iter().filter(|(pattern, _)| pattern.fits(segment));
            if let Some(found) = fitting.filter_map(|(_, child)| next(*child)).next() {
                return Some(found);
            }
        }
        here.parameter.and_then(next).or(here.spanning)
    }

    fn literal(&self, parent: NodeId, literals: Literals, text: &str) -> Option<NodeId> {
        let leads = |child: &NodeId| {
            node(&self.nodes, *child).is_some_and(|child| child.parent == parent && &*child.text == text)
        };
        match literals {
            Literals::None => None,
            Literals::One(child) => leads(&child).then_some(child),
            Literals::Hashed => self.literals.find(hash(&self.state, parent, text), leads).copied(),
        }
    }

    fn affixes_of(&self, node: &Node) -> &[(Pattern, NodeId)] {
        let place = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
        self.affixes.get(place(node.affixes.0)..place(node.affixes.1)).unwrap_or(&[])
    }
}

fn node(nodes: &[Node], id: NodeId) -> Option<&Node> {
    nodes.get(usize::try_from(id.0).ok()?)
}

fn hash(state: &FixedState, parent: NodeId, text: &str) -> u64 {
    state.hash_one((parent.0, text))
}
