//! Paths that fit two declarations.
//!
//! Such a path has one reading, by the matcher's order. A person should still know of it, since a rule about the
//! one says nothing about the other (security case 85): the lint names both.

use model::Method;

use super::Operation;
use super::draft::{Draft, DraftNode, operation};
use crate::find::Endpoint;
use crate::template::Segment;
use crate::template::affix::Pattern;
use crate::{Lint, Template};

/// How many pairs of places are looked at before the look ends as incomplete.
const STEPS_MAX: usize = 1_000_000;
/// How many overlaps are reported.
const OVERLAPS_MAX: usize = 512;

/// Finds pairs of endpoints that some path fits both of.
pub(super) fn overlaps(draft: &Draft, operations: &[Operation]) -> Vec<Lint> {
    let mut look = Look { draft, operations, found: Vec::new(), stack: vec![(0, 0)], steps: 0 };
    while let Some((special, general)) = look.stack.pop() {
        if look.is_over() {
            look.found.push(Lint::Incomplete);
            break;
        }
        if special == general { look.same(special) } else { look.different(special, general) }
    }
    look.found
}

struct Look<'a> {
    draft: &'a Draft,
    operations: &'a [Operation],
    found: Vec<Lint>,
    /// Two nodes that one path can lead to; the matcher tries the first before the second.
    stack: Vec<(usize, usize)>,
    steps: usize,
}

impl<'a> Look<'a> {
    fn is_over(&self) -> bool {
        STEPS_MAX < self.steps || OVERLAPS_MAX <= self.found.len()
    }

    fn node(&self, place: usize) -> Option<&'a DraftNode> {
        self.draft.nodes.get(place)
    }

    /// Pairs among the children of one node.
    fn same(&mut self, place: usize) {
        let Some(node) = self.node(place) else {
            return;
        };
        for (text, &child) in &node.literals {
            self.push(child, child);
            if !text.is_empty() {
                self.literal(text, child, node);
            }
        }
        for (pattern, &child) in &node.affixes {
            self.push(child, child);
            for (other, &general) in node.affixes.range(pattern..).skip(1) {
                if pattern.overlaps(other) {
                    self.push(child, general);
                }
            }
            self.pushes(child, node.parameter);
        }
        if let Some(parameter) = node.parameter {
            self.push(parameter, parameter);
        }
        if let Some(spanning) = node.spanning {
            self.below(node, |look, endpoint| look.report(endpoint, spanning));
        }
    }

    /// Pairs of a literal child with the more general ways out of `node`.
    fn literal(&mut self, text: &str, child: usize, node: &DraftNode) {
        for (pattern, &general) in &node.affixes {
            if pattern.fits(text) {
                self.push(child, general);
            }
        }
        self.pushes(child, node.parameter);
    }

    /// Pairs of the children of two nodes that one path can lead to.
    fn different(&mut self, special: usize, general: usize) {
        let (Some(one), Some(two)) = (self.node(special), self.node(general)) else {
            return;
        };
        if let (Some(one), Some(two)) = (one.endpoint, two.endpoint) {
            self.report(one, two);
        }
        for (text, &child) in &one.literals {
            self.pushes(child, two.literals.get(text).copied());
            if !text.is_empty() {
                self.literal(text, child, two);
            }
        }
        for (pattern, &child) in &one.affixes {
            for (_, &other) in two.literals.iter().filter(|(text, _)| pattern.fits(text)) {
                self.push(child, other);
            }
            for (_, &other) in two.affixes.iter().filter(|(other, _)| pattern.overlaps(other)) {
                self.push(child, other);
            }
            self.pushes(child, two.parameter);
        }
        if let Some(parameter) = one.parameter {
            for child in segments_of(two) {
                self.push(parameter, child);
            }
        }
        if let Some(spanning) = one.spanning {
            self.below(two, |look, endpoint| look.report(spanning, endpoint));
            if let Some(other) = two.spanning {
                self.report(spanning, other);
            }
        }
        if let Some(spanning) = two.spanning {
            self.below(one, |look, endpoint| look.report(endpoint, spanning));
        }
    }

    fn push(&mut self, special: usize, general: usize) {
        self.steps += 1;
        if self.steps <= STEPS_MAX {
            self.stack.push((special, general));
        }
    }

    fn pushes(&mut self, special: usize, general: Option<usize>) {
        if let Some(general) = general {
            self.push(special, general);
        }
    }

    /// Every endpoint that one more segment at least leads to.
    fn below(&mut self, node: &'a DraftNode, report: impl Fn(&mut Self, usize)) {
        let mut stack: Vec<usize> = segments_of(node).collect();
        while let Some(place) = stack.pop() {
            self.steps += 1;
            if self.is_over() {
                return;
            }
            let Some(node) = self.node(place) else {
                continue;
            };
            for endpoint in [node.endpoint, node.spanning].into_iter().flatten() {
                report(self, endpoint);
            }
            stack.extend(node.literals.get("").copied());
            stack.extend(segments_of(node));
        }
    }

    fn report(&mut self, taken: usize, other: usize) {
        let endpoints = &self.draft.endpoints;
        let (Some(taken), Some(other)) = (endpoints.get(taken), endpoints.get(other)) else {
            return;
        };
        let Some((taken, other)) = pair(taken, other) else {
            return;
        };
        let (Some(taken), Some(other)) =
            (operation(self.operations, taken), operation(self.operations, other))
        else {
            return;
        };
        self.found.push(if covers(&other.template, &taken.template) {
            Lint::Shadowed { special: taken.id.clone(), general: other.id.clone() }
        } else {
            Lint::Ambiguous { taken: taken.id.clone(), other: other.id.clone() }
        });
    }
}

/// The children that a non-empty segment can lead to.
fn segments_of(node: &DraftNode) -> impl Iterator<Item = usize> + '_ {
    let literals = node.literals.iter().filter(|(text, _)| !text.is_empty()).map(|(_, child)| *child);
    literals.chain(node.affixes.values().copied()).chain(node.parameter)
}

/// One operation of each, of the same method where there is one.
fn pair(one: &Endpoint, two: &Endpoint) -> Option<(super::OperationIndex, super::OperationIndex)> {
    let same =
        Method::LISTED.into_iter().find_map(|method| Some((one.operation(method)?, two.operation(method)?)));
    same.or_else(|| Some((one.first()?, two.first()?)))
}

/// Whether every path that fits `special` also fits `general`.
fn covers(general: &Template, special: &Template) -> bool {
    let (mut general, mut special) = (general.segments().iter(), special.segments().iter());
    loop {
        match (general.next(), special.next()) {
            (None, None) => return true,
            (Some(Segment::Spanning(_)), Some(Segment::Literal(text))) => return !text.is_empty(),
            (Some(Segment::Spanning(_)), Some(_)) => return true,
            (Some(general), Some(special)) if covers_segment(general, special) => {}
            (Some(_), Some(_) | None) | (None, Some(_)) => return false,
        }
    }
}

fn covers_segment(general: &Segment, special: &Segment) -> bool {
    match (general, special) {
        (_, Segment::Spanning(_)) | (Segment::Spanning(_), _) => false,
        (Segment::Parameter(_), Segment::Literal(text)) => !text.is_empty(),
        (Segment::Parameter(_), Segment::Affix(_) | Segment::Parameter(_)) => true,
        (Segment::Affix(general), Segment::Literal(text)) => Pattern::new(&general.texts).fits(text),
        (Segment::Affix(general), Segment::Affix(special)) => {
            Pattern::new(&special.texts).is_within(&Pattern::new(&general.texts))
        }
        (Segment::Literal(general), Segment::Literal(special)) => general == special,
        (Segment::Affix(_), Segment::Parameter(_))
        | (Segment::Literal(_), Segment::Affix(_) | Segment::Parameter(_)) => false,
    }
}
