//! From what was seen to templates.
//!
//! Places are judged from the root on. At each place the values seen there are gathered from all values of the parameters before it, so that
//! neighbouring parameters are judged together. A value is first taken apart (`frame`), then weighed (`weigh`): is it a name or a value? The values
//! become one parameter, whose followers are pooled and judged in turn.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::inventory::{Host, Inventory};
use crate::method::Method;
use crate::operation::Operation;
use crate::settings::Settings;
use crate::tally::Tally;
use crate::tree::{JOINED, Node};

mod apart;
mod behaviour;
mod emit;
mod frame;
mod known;
mod naming;
mod score;
mod soft;
mod weigh;

pub(crate) use frame::Frame;
use known::Known;
pub(crate) use naming::parameter_name;

/// A place in the inferred structure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) literals: BTreeMap<String, Edge>,
    pub(crate) frames: Vec<(Frame, Edge)>,
    pub(crate) parameter: Option<Box<Edge>>,
    pub(crate) ends: BTreeMap<Method, End>,
}

/// A judged step to a place.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// How sure the judgement is, from 0 to 1.
    pub(crate) certainty: f64,
    /// Why, in words.
    pub(crate) why: String,
    /// Parameters of this segment; none for a literal.
    pub(crate) parameters: Vec<crate::operation::Parameter>,
    pub(crate) place: Place,
}

/// What ended at a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct End {
    pub(crate) tally: Tally,
    pub(crate) examples: Vec<String>,
}

/// What a host looks like.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    pub(crate) root: Place,
    /// Pages answered to paths that do not exist, with how often.
    pub(crate) soft: Vec<(String, u64)>,
}

/// The way to a node, for examples.
#[derive(Debug)]
struct Link<'a> {
    parent: Option<Rc<Link<'a>>>,
    text: &'a str,
}

/// A node that is part of a place. Of the rest of a group the way is not known.
#[derive(Debug, Clone)]
pub(crate) struct Source<'a> {
    node: &'a Node,
    way: Option<Rc<Link<'a>>>,
    known: bool,
    /// The node is the rest of a group: many parents in one.
    pooled: bool,
}

/// What the segments before a place were.
#[derive(Debug, Clone)]
struct Context<'a> {
    depth: usize,
    /// The last literal before the place.
    literal: String,
    /// The segment before is a parameter.
    after_parameter: bool,
    /// Any segment before is one.
    below_parameter: bool,
    known: Vec<&'a Known>,
    names: Vec<String>,
}

struct Inference<'a> {
    settings: &'a Settings,
}

impl Place {
    /// The place after a segment, names before values.
    pub(crate) fn step(&self, text: &str) -> Option<&Self> {
        if let Some(edge) = self.literals.get(text) {
            return Some(&edge.place);
        }
        let framed = self.frames.iter().find(|(frame, _)| frame.matches(text)).map(|(_, edge)| &edge.place);
        framed.or_else(|| self.parameter.as_ref().map(|edge| &edge.place))
    }

    /// The places after any segment that is a value.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Self> {
        self.frames.iter().map(|(_, edge)| &edge.place).chain(self.parameter.iter().map(|edge| &edge.place))
    }
}

/// The operations of a host of this structure.
pub(crate) fn operations(
    inventory: &Inventory,
    name: &str,
    host: &Host,
    structure: &Structure,
) -> Vec<Operation> {
    emit::operations(inventory, name, host, structure)
}

/// The structure of a host.
pub(crate) fn structure(inventory: &Inventory, name: &str, host: &Host) -> Structure {
    let mut soft = soft::SoftPages::find([&host.succeeded, &host.pages], &inventory.settings.thresholds);
    let pruned = [soft.prune(&host.succeeded), soft.prune(&host.pages)];
    let [succeeded, pages] = &pruned;
    let seen = [succeeded.as_ref().unwrap_or(&host.succeeded), pages.as_ref().unwrap_or(&host.pages)];
    let known = Known::build(&inventory.settings, name, seen);
    let inference = Inference { settings: &inventory.settings };
    let context = Context {
        depth: 0,
        literal: String::new(),
        after_parameter: false,
        below_parameter: false,
        known: vec![&known],
        names: Vec::new(),
    };
    let sources: Vec<Source<'_>> = seen
        .into_iter()
        .filter(|node| node.total > 0)
        .map(|node| Source { node, way: None, known: true, pooled: false })
        .collect();
    let root = inference.place(&sources, &context);
    Structure { root, soft: soft.into_seen() }
}

impl<'a> Inference<'a> {
    fn place(&self, sources: &[Source<'a>], context: &Context<'_>) -> Place {
        let mut place = Place { ends: self.ends(sources), ..Place::default() };
        let collection = !place.ends.is_empty();
        let mut judged = weigh::Judged::default();
        weigh::judge(self.settings, sources, context, collection, &mut judged);
        for (text, name) in judged.literals {
            let inner = Context {
                depth: context.depth.saturating_add(1),
                literal: text.clone(),
                after_parameter: false,
                below_parameter: context.below_parameter,
                known: context.known.iter().filter_map(|known| known.literal(&text)).collect(),
                names: context.names.clone(),
            };
            let below = self.place(&name.sources, &inner);
            if !below.is_empty() {
                let edge =
                    Edge { certainty: name.certainty, why: name.why, parameters: Vec::new(), place: below };
                place.literals.insert(text, edge);
            }
        }
        for (frame, group) in judged.frames {
            let edge = self.group_edge(group, Some(&frame), context);
            if !edge.place.is_empty() {
                place.frames.push((frame, edge));
            }
        }
        if let Some(group) = judged.parameter {
            let edge = self.group_edge(group, None, context);
            if !edge.place.is_empty() {
                place.parameter = Some(Box::new(edge));
            }
        }
        place
    }

    fn group_edge(&self, group: weigh::Grouped<'a>, frame: Option<&Frame>, context: &Context<'_>) -> Edge {
        let mut names = context.names.clone();
        let parameters = naming::name(&context.literal, frame, &group.kinds, context, &mut names);
        let inner = Context {
            depth: context.depth.saturating_add(1),
            literal: context.literal.clone(),
            after_parameter: true,
            below_parameter: true,
            known: context.known.iter().flat_map(|known| known.parameters(frame)).collect(),
            names,
        };
        let place = self.place(&group.sources, &inner);
        Edge { certainty: group.certainty, why: group.why, parameters, place }
    }

    fn ends(&self, sources: &[Source<'a>]) -> BTreeMap<Method, End> {
        let mut ends: BTreeMap<Method, End> = BTreeMap::new();
        let limit = self.settings.limits.examples;
        for source in sources {
            for (key, tally) in &source.node.ends {
                let end = ends.entry(key.method).or_default();
                end.tally.merge(tally);
                if source.known && end.examples.len() < limit.saturating_mul(4) {
                    end.examples.extend(source.path());
                }
            }
        }
        for end in ends.values_mut() {
            end.examples.sort_by_key(|path| crate::sketch::hash(path.as_bytes()));
            end.examples.dedup();
            end.examples.truncate(limit);
        }
        ends
    }
}

impl Place {
    fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.literals.is_empty() && self.frames.is_empty() && self.parameter.is_none()
    }
}

impl<'a> Source<'a> {
    /// The source after a kid of this one.
    fn kid(&self, text: &'a str, node: &'a Node) -> Self {
        Self {
            node,
            way: Some(Rc::new(Link { parent: self.way.clone(), text })),
            known: self.known,
            pooled: false,
        }
    }

    /// The source that stands for the rest of a group.
    fn rest(&self, node: &'a Node) -> Self {
        Self { node, way: self.way.clone(), known: false, pooled: true }
    }

    /// The path as it was seen.
    fn path(&self) -> Option<String> {
        if !self.known {
            return None;
        }
        let mut parts = Vec::new();
        let mut link = self.way.as_ref();
        while let Some(current) = link {
            match current.text.strip_prefix(JOINED) {
                Some(tail) => parts.push(crate::tree::written(tail)),
                None => parts.push(format!("/{}", crate::tree::written(current.text))),
            }
            link = current.parent.as_ref();
        }
        if parts.is_empty() {
            return Some("/".into());
        }
        parts.reverse();
        Some(parts.concat())
    }
}
