//! From the structure to operations.

use std::collections::BTreeMap;

use crate::infer::{Edge, Place, Structure};
use crate::inventory::{Host, Inventory};
use crate::method::Method;
use crate::operation::{Callers, Operation, Parameter, Reason};
use crate::tally::Tally;
use crate::tree::{self, Group, JOINED, Node};

/// The way to a place.
#[derive(Debug, Clone, Default)]
struct Way {
    path: String,
    parameters: Vec<Parameter>,
    certainty: f64,
    reasons: Vec<(f64, Reason)>,
    depth: usize,
}

pub(super) fn operations(
    inventory: &Inventory,
    name: &str,
    host: &Host,
    structure: &Structure,
) -> Vec<Operation> {
    let mut failures = Failures::default();
    failures.add(&host.failed, &structure.root);
    let mut found = Vec::new();
    let way = Way { certainty: 1.0, ..Way::default() };
    walk(&structure.root, &way, &mut |place, way| {
        for (method, end) in &place.ends {
            let failed = failures.of(place, *method);
            found.push(operation(inventory, name, *method, end, way, failed));
        }
    });
    found
}

fn walk(place: &Place, way: &Way, emit: &mut impl FnMut(&Place, &Way)) {
    emit(place, way);
    for (text, edge) in &place.literals {
        walk(&edge.place, &way.literal(text, edge), emit);
    }
    for (frame, edge) in &place.frames {
        let mut text = String::new();
        for (place, piece) in frame.pieces.iter().enumerate() {
            if let Some(parameter) = place.checked_sub(1).and_then(|hole| edge.parameters.get(hole)) {
                text.push_str(&format!("{{{}}}", parameter.name));
            }
            match piece.strip_prefix(JOINED) {
                Some(tail) => text.push_str(&format!("{JOINED}{}", tree::encode(tail))),
                None => text.push_str(&tree::encode(piece)),
            }
        }
        walk(&edge.place, &way.parameter(&text, edge), emit);
    }
    if let Some(edge) = &place.parameter {
        let name = edge.parameters.first().map_or("id", |parameter| &parameter.name);
        walk(&edge.place, &way.parameter(&format!("{{{name}}}"), edge), emit);
    }
}

impl Way {
    fn literal(&self, text: &str, edge: &Edge) -> Self {
        match text.strip_prefix(JOINED) {
            Some(tail) => self.step(&format!("{JOINED}{}", tree::encode(tail)), edge),
            None => self.step(&tree::encode(text), edge),
        }
    }

    fn parameter(&self, text: &str, edge: &Edge) -> Self {
        let mut way = self.step(text, edge);
        way.parameters.extend(edge.parameters.iter().cloned());
        way
    }

    fn step(&self, text: &str, edge: &Edge) -> Self {
        let mut way = self.clone();
        match text.strip_prefix(JOINED) {
            Some(tail) => way.path.push_str(tail),
            None => {
                way.path.push('/');
                way.path.push_str(text);
            }
        }
        way.certainty = way.certainty.min(edge.certainty);
        way.reasons.push((edge.certainty, Reason { segment: Some(self.depth), text: edge.why.clone() }));
        way.depth = self.depth.saturating_add(1);
        way
    }
}

fn operation(
    inventory: &Inventory,
    name: &str,
    method: Method,
    end: &super::End,
    way: &Way,
    failed: Option<&Tally>,
) -> Operation {
    let tally = &end.tally;
    let mut all = tally.clone();
    if let Some(failed) = failed {
        all.merge(failed);
    }
    let mut path = way.path.clone();
    if path.is_empty() || tally.more().slashed.saturating_mul(2) > tally.count {
        path.push('/');
    }
    let mut reasons = way.reasons.clone();
    reasons.sort_by(|one, other| one.0.total_cmp(&other.0));
    let seen = if tally.count == 1 {
        "answered with success once".into()
    } else {
        format!("answered with success {} times", tally.count)
    };
    let mut reasons: Vec<Reason> =
        reasons.into_iter().take(inventory.settings.thresholds.reasons).map(|(_, reason)| reason).collect();
    reasons.push(Reason { segment: None, text: seen });
    Operation {
        host: name.into(),
        method: method.name(),
        path,
        parameters: way.parameters.clone(),
        count: all.count,
        succeeded: tally.count,
        statuses: all.statuses(),
        first_seen: tally.time.least(),
        last_seen: tally.time.greatest(),
        callers: Callers {
            // An estimate may be too high, and nobody called less than once.
            estimate: tally.marks.estimate().min(tally.count),
            sample: tally
                .marks
                .callers()
                .iter()
                .filter_map(|hash| inventory.callers.find(*hash))
                .take(inventory.settings.limits.examples)
                .map(|text| text.to_string())
                .collect(),
            named: tally.more().named,
        },
        confidence: way.certainty,
        reasons,
        examples: end.examples.clone(),
        content_types: tally.types().map(str::to_owned).collect(),
        open_successes: tally.more().open,
        verified_successes: tally.more().verified,
        untold_successes: tally.untold(),
        client_side: tally.rare().client_side,
        deprecated: tally.rare().deprecated,
        sunset: tally.rare().sunset,
        from_route: !tally.rare().routes.is_empty(),
        own_statuses: all.own_statuses(),
        request_types: tally.request_types(),
        query: tally.query_names(),
        data: all.data_fields(),
    }
}

/// Answers that were no success, by the place they belong to.
#[derive(Debug, Default)]
struct Failures {
    tallies: BTreeMap<(*const Place, Method), Tally>,
}

impl Failures {
    fn of(&self, place: &Place, method: Method) -> Option<&Tally> {
        self.tallies.get(&(std::ptr::from_ref(place), method))
    }

    fn add(&mut self, node: &Node, place: &Place) {
        for (key, tally) in &node.ends {
            if place.ends.contains_key(&key.method) {
                self.tallies.entry((std::ptr::from_ref(place), key.method)).or_default().merge(tally);
            }
        }
        self.group(&node.words, place);
        self.group(&node.typed, place);
    }

    fn group(&mut self, group: &Group, place: &Place) {
        for kid in &group.kids {
            if let Some(next) = place.step(&kid.text) {
                self.add(&kid.node, next);
            }
        }
        if let Some(rest) = &group.rest {
            let pooled = place.parameter.as_deref().or_else(|| place.frames.first().map(|(_, edge)| edge));
            if let Some(edge) = pooled {
                self.add(rest, &edge.place);
            }
        }
    }
}
