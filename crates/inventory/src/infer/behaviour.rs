//! Does a segment behave as its siblings do?
//!
//! What a caller does with an entity, with which methods and what follows, does not depend on which entity it is; what it does with a name of the interface
//! does. So two accounts are compared of how often each thing was done with a segment: that it is drawn as those of its siblings are, with as much
//! scatter as entities have, and that it is one of its own. Both are Dirichlet-multinomial distributions (Pólya's urn), and the logarithm of their
//! ratio is what the segment itself says. The more is known of the siblings, the rarer is what none of them does, so more traffic makes either more certain.

use std::collections::BTreeMap;

use crate::infer::Source;
use crate::infer::score::{stem, to_f64, to_f64_u64};
use crate::infer::weigh::Seen;
use crate::method::Method;
use crate::settings::Weights;
use crate::token::{self, Strength};
use crate::tree::{JOINED, Node, Slot};
use crate::words;

/// How far below a segment its use is told apart.
const STEPS: u8 = 3;
/// Names of which one in so many siblings has none are not theirs together.
const SHARED_BY: usize = 20;

/// Weighs what was done with each segment.
pub(super) fn weigh<'a>(
    weights: &Weights,
    wordlike: &mut [Seen<'a>],
    typed: &[Seen<'a>],
    rests: &[Source<'a>],
) {
    let mut shared = Shared::new();
    for one in wordlike.iter().chain(typed) {
        share(&one.sources, &mut shared);
    }
    for rest in rests {
        share(std::slice::from_ref(rest), &mut shared);
    }
    let number = wordlike.len().saturating_add(typed.len());
    let least = (number / SHARED_BY).max(2);
    shared.retain(|_, count| least <= *count);
    for (number, place) in shared.values_mut().enumerate() {
        *place = number;
    }
    let mut usual = Usual::default();
    let all: Vec<(Deeds, f64)> = wordlike
        .iter()
        .map(|one| {
            let is_listed = token::read(one.text).strength != Strength::Word;
            let is_value = is_listed || words::likeness(stem(one.text)) < 0.0;
            (deeds(&one.sources, &shared), if is_value { 1.0 } else { weights.usual_name })
        })
        .collect();
    for (deeds, weight) in &all {
        usual.add(deeds, *weight);
    }
    for one in typed {
        usual.add(&deeds(&one.sources, &shared), 1.0);
    }
    usual.add_pool(&deeds(rests, &shared), 1.0);
    let siblings = to_f64(number) + if rests.is_empty() { 0.0 } else { weights.alike_siblings };
    let trust = (siblings / weights.alike_siblings).min(1.0);
    for (one, (deeds, weight)) in wordlike.iter_mut().zip(&all) {
        let odds = usual.odds(weights, deeds, *weight);
        let odds = if odds < 0.0 { odds * trust } else { odds };
        let amount = (weights.behaviour * odds).clamp(-weights.behaviour_most, weights.behaviour_most);
        let ground =
            if amount > 0.0 { "used otherwise than its siblings" } else { "used as its siblings are" };
        one.add(amount, ground);
    }
}

/// What was done with a segment: the method, how many segments follow, the first of them that is a name, and whether by callers that were
/// verified. Whoever asks for made-up paths without a credential so makes no entities of what others use with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    method: Method,
    steps: u8,
    name: Name,
    is_verified: bool,
}

/// A name below a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    /// Values only.
    No,
    /// One that siblings do not share, so many steps below. Not which it is tells, but that there is one.
    Own(u8),
    /// One that they share, by number.
    Shared(usize),
}

/// How often each thing was done.
type Deeds = BTreeMap<Deed, u64>;

/// Names that follow, by how far below; while they are gathered with in how many siblings, then with their numbers.
type Shared<'a> = BTreeMap<(u8, &'a str), usize>;

/// Adds to `shared` the names below a sibling.
fn share<'a>(sources: &[Source<'a>], shared: &mut Shared<'a>) {
    let mut names = Vec::new();
    for source in sources {
        below(source.node, 1, &mut names);
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        let count = shared.entry(name).or_default();
        *count = count.saturating_add(1);
    }
}

fn below<'a>(node: &'a Node, step: u8, names: &mut Vec<(u8, &'a str)>) {
    for kid in &node.words.kids {
        if is_name(kid) {
            names.push((step, &*kid.text));
        }
    }
    if step < STEPS {
        for group in [&node.words, &node.typed] {
            for kid in &group.kids {
                below(&kid.node, step.saturating_add(1), names);
            }
            if let Some(rest) = &group.rest {
                below(rest, step.saturating_add(1), names);
            }
        }
    }
}

fn is_name(kid: &Slot) -> bool {
    kid.is_likely_name() || kid.text.starts_with(JOINED)
}

/// What was done with a segment.
fn deeds(sources: &[Source<'_>], shared: &Shared<'_>) -> Deeds {
    let mut deeds = Deeds::new();
    for source in sources {
        count(source.node, 0, Name::No, shared, &mut deeds);
    }
    deeds
}

fn count(node: &Node, steps: u8, name: Name, shared: &Shared<'_>, deeds: &mut Deeds) {
    for (key, tally) in &node.ends {
        let verified = tally.more().verified.min(tally.count);
        for (is_verified, count) in [(false, tally.count.saturating_sub(verified)), (true, verified)] {
            if 0 < count {
                let deed = Deed { method: key.method, steps: steps.min(STEPS), name, is_verified };
                let known = deeds.entry(deed).or_default();
                *known = known.saturating_add(count);
            }
        }
    }
    if STEPS.saturating_mul(2) <= steps {
        return;
    }
    let step = steps.saturating_add(1);
    for kid in &node.words.kids {
        let told = match name {
            Name::No if is_name(kid) => {
                shared.get(&(step, &*kid.text)).map_or(Name::Own(step), |number| Name::Shared(*number))
            }
            Name::No | Name::Own(_) | Name::Shared(_) => name,
        };
        count(&kid.node, step, told, shared, deeds);
    }
    for kid in &node.typed.kids {
        count(&kid.node, step, name, shared, deeds);
    }
    for rest in [&node.words.rest, &node.typed.rest].into_iter().flatten() {
        count(rest, step, name, shared, deeds);
    }
}

/// What the siblings of a segment do: all together, and how many do what.
#[derive(Debug, Default)]
struct Usual {
    deeds: BTreeMap<Deed, f64>,
    sum: f64,
    /// By what is done at all: the weights of siblings by the binary logarithm of their requests.
    ways: BTreeMap<Vec<Deed>, [f64; CLASSES]>,
    all: [f64; CLASSES],
}

/// Siblings are compared with those that were asked for as often, about.
const CLASSES: usize = 16;
/// Siblings with an eighth of the requests are seen well enough.
const NEAR: usize = 3;
/// And with so many of them at least.
const ENOUGH: f64 = 4.0;

fn class(deeds: &Deeds) -> usize {
    let n: u64 = deeds.values().sum();
    usize::try_from(n.max(1).ilog2()).unwrap_or(0).min(CLASSES - 1)
}

fn from(classes: &[f64; CLASSES], least: usize) -> f64 {
    classes.iter().skip(least).sum()
}

impl Usual {
    /// Adds what many do together.
    fn add_pool(&mut self, deeds: &Deeds, weight: f64) {
        for (deed, count) in deeds {
            let amount = weight * to_f64_u64(*count);
            *self.deeds.entry(*deed).or_default() += amount;
            self.sum += amount;
        }
    }

    /// Adds a sibling.
    fn add(&mut self, deeds: &Deeds, weight: f64) {
        self.add_pool(deeds, weight);
        let class = class(deeds);
        let way = self.ways.entry(deeds.keys().copied().collect()).or_default();
        for classes in [way, &mut self.all] {
            if let Some(known) = classes.get_mut(class) {
                *known += weight;
            }
        }
    }

    /// The logarithm of the odds that a segment with these deeds is one of its own; `weight` is that with which they are in here.
    fn odds(&self, weights: &Weights, deeds: &Deeds, weight: f64) -> f64 {
        let n = to_f64_u64(deeds.values().sum());
        let others = (self.sum - weight * n).max(0.0);
        if others < 1.0 || n < 1.0 {
            return 0.0;
        }
        let kinds = to_f64(self.deeds.len());
        let scatter = weights.scatter.min(others);
        let (mut drawn, mut ways) = (-rise(scatter, n), 0.0);
        let mut chances = Vec::with_capacity(deeds.len());
        for (deed, count) in deeds {
            let count = to_f64_u64(*count);
            let of_others = (self.deeds.get(deed).copied().unwrap_or(0.0) - weight * count).max(0.0);
            let share = (of_others + 0.5) / (others + 0.5 * (kinds + 1.0));
            let chance = weights.fashion * share + (1.0 - weights.fashion) * prior(deed, kinds);
            drawn += rise(scatter * share, count);
            ways += chance;
            chances.push((chance, count));
        }
        // Once it is known what is done at all, the proportions may be any.
        let any = chances.iter().map(|(chance, count)| rise(weights.scatter_own * chance / ways, *count));
        let any = any.sum::<f64>() - rise(weights.scatter_own, n);
        let share = self.share_of_way(deeds, weight);
        let of_kind = sum_of_logarithms(drawn + 0.5_f64.ln(), any + (0.5 * share).ln());
        any + ways.ln() - of_kind
    }

    /// The share of siblings with which the same things were done, without the one with these deeds: of those that were asked for as often, or else
    /// of the next ones.
    fn share_of_way(&self, deeds: &Deeds, weight: f64) -> f64 {
        let near = |least: usize| from(&self.all, least) - weight;
        let most = class(deeds).saturating_sub(NEAR);
        let least = (0..=most).rev().find(|least| ENOUGH <= near(*least)).unwrap_or(0);
        let way: Vec<Deed> = deeds.keys().copied().collect();
        let alike = self.ways.get(&way).map_or(0.0, |way| from(way, least) - weight).max(0.0);
        (alike + 0.3) / (near(least).max(0.0) + 1.3)
    }
}

fn sum_of_logarithms(one: f64, other: f64) -> f64 {
    let most = one.max(other);
    most + ((one - most).exp() + (other - most).exp()).ln()
}

/// How often names are used in which way, over all documented interfaces.
fn prior(deed: &Deed, kinds: f64) -> f64 {
    if deed.steps > 0 {
        return 0.4 / kinds;
    }
    if deed.method == Method::GET { 0.4 } else { 0.07 }
}

/// The logarithm of x (x + 1) ... (x + n - 1).
fn rise(x: f64, n: f64) -> f64 {
    ln_gamma(x + n) - ln_gamma(x)
}

/// By Stirling's series, from where it is good to eight digits.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x.max(1e-9), 0.0);
    while x < 8.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1260.0));
    (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_7 + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deeds(list: &[(Method, u8, Name, u64)]) -> Deeds {
        list.iter()
            .map(|&(method, steps, name, count)| (Deed { method, steps, name, is_verified: false }, count))
            .collect()
    }

    /// Entities that are read, and of which the notes are read.
    fn entities(number: u64, count: u64) -> Usual {
        let mut usual = Usual::default();
        for _ in 0..number {
            usual.add(&entity(count), 1.0);
        }
        usual
    }

    fn entity(count: u64) -> Deeds {
        deeds(&[(Method::GET, 0, Name::No, 2 * count), (Method::GET, 1, Name::Shared(0), count)])
    }

    #[test]
    fn what_no_sibling_does_speaks_for_a_name_and_more_so_the_more_is_known_of_them() {
        let weights = Weights::default();
        let post = Method::parse("POST").unwrap();
        let verb = deeds(&[(post, 0, Name::No, 3)]);
        let odds: Vec<f64> =
            [4, 40, 400].into_iter().map(|number| entities(number, 9).odds(&weights, &verb, 0.0)).collect();
        assert!(odds.is_sorted() && odds.first().is_some_and(|least| 0.0 < *least), "{odds:?}");
        let nothing = Usual::default();
        assert_eq!(nothing.odds(&weights, &verb, 0.0), 0.0);
    }

    #[test]
    fn an_entity_speaks_for_a_value_and_more_so_the_more_it_is_asked_for() {
        let weights = Weights::default();
        let usual = entities(40, 50);
        let odds: Vec<f64> =
            [1, 10, 100, 10_000].into_iter().map(|count| usual.odds(&weights, &entity(count), 0.0)).collect();
        assert!(odds.iter().all(|odds| *odds < 0.0) && odds.iter().rev().is_sorted(), "{odds:?}");
        // The same things in other proportions: whoever is asked for notes only is still of the kind.
        let lopsided = deeds(&[(Method::GET, 0, Name::No, 5), (Method::GET, 1, Name::Shared(0), 5_000)]);
        let odds = usual.odds(&weights, &lopsided, 0.0);
        assert!((-3.0..1.0).contains(&odds), "{odds}");
    }

    #[test]
    fn names_that_are_all_used_in_one_way_are_no_values_for_that() {
        let weights = Weights::default();
        let post = Method::parse("POST").unwrap();
        let call = deeds(&[(post, 0, Name::No, 5_000)]);
        let mut usual = Usual::default();
        for _ in 0..40 {
            usual.add(&call, 1.0);
        }
        let odds = usual.odds(&weights, &call, 1.0);
        assert!((-2.0..0.0).contains(&odds), "{odds}");
    }

    #[test]
    fn the_logarithm_of_the_gamma_function_is_right_where_it_is_known() {
        for (x, expected) in
            [(1.0, 0.0), (0.5, 0.572_364_942_9), (5.0, 3.178_053_830_3), (1e-3, 6.907_178_885_4)]
        {
            assert!((ln_gamma(x) - expected).abs() < 1e-7, "{x}: {}", ln_gamma(x));
        }
        // 0.5 * 1.5 * 2.5
        assert!((rise(0.5, 3.0) - 1.875_f64.ln()).abs() < 1e-7);
        assert!((sum_of_logarithms(-1e5, -1e5) + 1e5 - 2.0_f64.ln()).abs() < 1e-9);
    }
}
