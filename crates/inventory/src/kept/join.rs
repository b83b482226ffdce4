//! Operations from before and from since as one list.

use hashbrown::HashMap;

use super::{NAMELIKE, SURE, sort};
use crate::operation::{Operation, ValueKind};
use crate::states::{Takes, absorb, canonical, fits, takes};
use crate::words;

/// Whether an operation comes from before or from since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Since,
}

/// Operations from before and since as one list: the same ones come together, and an unsure one with the template of the other side that it fits.
/// What was told apart on one side stays apart: who asks for made-up paths must not hide what others use under a template of theirs.
pub(crate) fn join(before: Vec<Operation>, since: Vec<Operation>) -> Vec<Operation> {
    let mut joined: Vec<Operation> = Vec::with_capacity(before.len() + since.len());
    let mut sides: Vec<Option<Side>> = Vec::with_capacity(before.len() + since.len());
    let mut places: HashMap<(String, &'static str, String), usize> = HashMap::new();
    // Templates with parameters, by host, method and number of segments.
    let mut alike: HashMap<(String, &'static str, usize), Vec<usize>> = HashMap::new();
    // What is surest names the template.
    let before = before.into_iter().map(|one| (one, Side::Before));
    let mut all: Vec<(Operation, Side)> =
        before.chain(since.into_iter().map(|one| (one, Side::Since))).collect();
    all.sort_by(|(one, _), (other, _)| {
        let order = other.from_route.cmp(&one.from_route);
        order.then(other.confidence.total_cmp(&one.confidence)).then_with(|| {
            (&one.host, &one.path, one.method, one.last_seen).cmp(&(
                &other.host,
                &other.path,
                other.method,
                other.last_seen,
            ))
        })
    });
    for (one, side) in all {
        let key = (one.host.clone(), one.method, canonical(&one.path));
        let shape = (one.host.clone(), one.method, key.2.matches('/').count());
        let place = places.get(&key).copied().or_else(|| {
            let is_sure = one.from_route || SURE <= one.confidence;
            let mut candidates = alike.get(&shape).filter(|_| !is_sure)?.iter().copied();
            candidates.find(|place| {
                let is_other = sides.get(*place).is_some_and(|of| of.is_some_and(|of| of != side));
                let known = joined.get(*place).filter(|_| is_other);
                known.is_some_and(|known| is_of(&key.2, known))
            })
        });
        match place.and_then(|place| joined.get_mut(place)) {
            Some(known) => {
                absorb(known, one);
                let of = place.and_then(|place| sides.get_mut(place));
                if let Some(of) = of.filter(|of| **of != Some(side)) {
                    // Of both.
                    *of = None;
                }
            }
            None => {
                sides.push(Some(side));
                if key.2.contains('{') {
                    alike.entry(shape).or_default().push(joined.len());
                }
                places.insert(key, joined.len());
                joined.push(one);
            }
        }
    }
    sort(&mut joined);
    joined
}

/// Whether an unsure operation is one of a template: it fits, and no name of an interface stands where the template has a parameter.
fn is_of(path: &str, known: &Operation) -> bool {
    let template = canonical(&known.path);
    let mut segments = path.split('/').zip(template.split('/'));
    fits(path, &template, &takes_of(known))
        && segments.all(|(one, other)| {
            one == other || one.contains('{') || words::likeness(&crate::tree::decode(one)) < NAMELIKE
        })
}

/// What the parameters of an operation take, by the values that were seen or by what is declared.
fn takes_of(one: &Operation) -> Vec<Takes> {
    let kind = |name: &str| one.parameters.iter().find(|known| known.name == name).map(|known| known.kind);
    takes(&one.path, |name| kind(name).is_some_and(is_id))
}

/// Names of the parameters of which every value was a number.
pub(super) fn numbers(one: &Operation) -> Vec<String> {
    let numbers = one.parameters.iter().filter(|one| one.kind == ValueKind::Integer);
    numbers.map(|one| one.name.clone()).collect()
}

/// Whether names never have this form.
const fn is_id(kind: ValueKind) -> bool {
    matches!(
        kind,
        ValueKind::Integer
            | ValueKind::Number
            | ValueKind::Uuid
            | ValueKind::Ulid
            | ValueKind::Ksuid
            | ValueKind::ObjectId
            | ValueKind::Hash
            | ValueKind::Hexadecimal
            | ValueKind::PrefixedId
            | ValueKind::Date
            | ValueKind::DateTime
            | ValueKind::Month
            | ValueKind::Email
    )
}
