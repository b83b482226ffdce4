//! Name or value?
//!
//! For each segment seen at a place the model sums logarithms of odds that it is a name. Words of interfaces, a verb in front, occurrence under
//! many parents and names of its own below it speak for a name; strange words, a form, the same followers as many siblings, occurrence under
//! one parent and open ranks of siblings speak for a value (`score`). Values must be evident as a group before any segment becomes one.

use std::collections::{BTreeMap, BTreeSet};

use crate::infer::apart::{take_frames, take_known, take_versions};
use crate::infer::behaviour;
use crate::infer::score::{popular, stem, to_f64, to_f64_u64, weigh};
use crate::infer::{Context, Frame, Source};
use crate::operation::ValueKind;
use crate::settings::{Force, Settings, Weights};
use crate::token::{self, Strength};
use crate::tree::{JOINED, Node};
use crate::words;

/// What became of the segments at a place.
#[derive(Debug, Default)]
pub(super) struct Judged<'a> {
    pub(super) literals: BTreeMap<String, Named<'a>>,
    pub(super) frames: Vec<(Frame, Grouped<'a>)>,
    pub(super) parameter: Option<Grouped<'a>>,
}

#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) sources: Vec<Source<'a>>,
    pub(super) certainty: f64,
    pub(super) why: String,
}

#[derive(Debug, Default)]
pub(super) struct Grouped<'a> {
    pub(super) sources: Vec<Source<'a>>,
    pub(super) kinds: Vec<ValueKind>,
    pub(super) certainty: f64,
    pub(super) why: String,
}

/// A segment seen at the place.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) text: &'a str,
    pub(super) count: u64,
    /// Requests and parents among those that are no pool.
    pub(super) apart: u64,
    pub(super) parents: usize,
    /// Methods that ended here, as bits.
    pub(super) methods: u32,
    /// Something follows.
    pub(super) below: bool,
    pub(super) sources: Vec<Source<'a>>,
    /// Names that follow at the next place and the one after.
    pub(super) follows: BTreeSet<(u8, &'a str)>,
    pub(super) score: f64,
    pub(super) grounds: Vec<(f64, &'static str)>,
}

pub(super) fn judge<'a>(
    settings: &Settings,
    sources: &[Source<'a>],
    context: &Context<'_>,
    collection: bool,
    judged: &mut Judged<'a>,
) {
    let mut seen = gather(sources, settings.thresholds.followers);
    let mut values = Grouped::default();
    let rests: Vec<Source<'a>> = sources
        .iter()
        .flat_map(|source| {
            let rests = [&source.node.words.rest, &source.node.typed.rest];
            rests.into_iter().flatten().map(|rest| source.rest(rest)).collect::<Vec<_>>()
        })
        .collect();
    let word_rest = sources.iter().any(|source| source.node.words.rest.is_some());
    let typed_rest = sources.iter().any(|source| source.node.typed.rest.is_some());

    take_known(&mut seen, context, judged, &mut values);
    take_frames(&mut seen, &settings.thresholds, judged);
    let mut typed: Vec<Seen<'a>> = Vec::new();
    let mut wordlike: Vec<Seen<'a>> = Vec::new();
    for (_, one) in seen {
        if token::read(one.text).strength == Strength::Strong { typed.push(one) } else { wordlike.push(one) }
    }
    take_versions(&mut typed, typed_rest, context, &settings.thresholds, judged);
    let known = known_parameter(context);
    let evident = word_rest || known != KnownParameter::No || !values.sources.is_empty();
    let methods = typed.iter().fold(0, |methods, one| methods | one.methods);
    let ids: u64 = typed.iter().map(|one| one.count).sum();
    let parents = sources.iter().filter(|source| !source.pooled).count();
    weigh(&settings.weights, &mut wordlike, parents, context, collection);
    behaviour::weigh(&settings.weights, &mut wordlike, &typed, &rests);
    let ids = if typed_rest { u64::MAX } else { ids };
    split(
        &settings.weights,
        wordlike,
        Evident { group: evident, known, pooled: word_rest, ids, distinct: typed.len(), methods },
        judged,
        &mut values,
    );
    if !typed.is_empty() || typed_rest {
        values.certainty = 0.97;
        values.why = "values of a form that names do not have".into();
    }
    for one in typed {
        values.kinds.push(token::read(one.text).kind);
        values.sources.extend(one.sources);
    }
    // Of what was pooled the texts are gone: it belongs to the parameter, or to the most general frame if there is only that.
    if !rests.is_empty() {
        if values.sources.is_empty()
            && let Some((_, group)) = judged.frames.first_mut()
        {
            group.sources.extend(rests);
            return;
        }
        values.sources.extend(rests);
        if values.why.is_empty() {
            values.why = "more distinct values than an interface has names".into();
            values.certainty = 0.97;
        }
    }
    if !values.sources.is_empty() {
        values.kinds.sort_unstable();
        values.kinds.dedup();
        judged.parameter = Some(values);
    }
}

/// What is known of a parameter at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KnownParameter {
    No,
    /// A document or a route has one that may be a word, and answers these methods where it ends.
    Told(u32),
    /// A person said so.
    Said,
}

fn known_parameter(context: &Context<'_>) -> KnownParameter {
    let mut known = KnownParameter::No;
    for place in context.known.iter().filter_map(|known| known.parameters(None)) {
        if place.forced == Some(Force::Parameter) {
            return KnownParameter::Said;
        }
        // One that is a number takes no word, so it says nothing of words.
        known = match known {
            _ if place.is_number => known,
            KnownParameter::Told(methods) => KnownParameter::Told(methods | place.methods),
            KnownParameter::No | KnownParameter::Said => KnownParameter::Told(place.methods),
        };
    }
    known
}

fn gather<'a>(sources: &[Source<'a>], most: usize) -> BTreeMap<&'a str, Seen<'a>> {
    let mut seen: BTreeMap<&'a str, Seen<'a>> = BTreeMap::new();
    for source in sources {
        for group in [&source.node.words, &source.node.typed] {
            for kid in &group.kids {
                let one = seen.entry(&kid.text).or_insert_with(|| Seen {
                    text: &kid.text,
                    count: 0,
                    apart: 0,
                    parents: 0,
                    methods: 0,
                    below: false,
                    sources: Vec::new(),
                    follows: BTreeSet::new(),
                    score: 0.0,
                    grounds: Vec::new(),
                });
                one.count = one.count.saturating_add(kid.node.total);
                if !source.pooled {
                    one.apart = one.apart.saturating_add(kid.node.total);
                    one.parents = one.parents.saturating_add(1);
                }
                let groups = [&kid.node.words, &kid.node.typed];
                one.below |= groups.iter().any(|group| !group.kids.is_empty() || group.rest.is_some());
                for (key, _) in &kid.node.ends {
                    one.methods |= key.method.bit();
                }
                one.sources.push(source.kid(&kid.text, &kid.node));
                follow(&kid.node, 1, most, &mut one.follows);
            }
        }
    }
    seen
}

fn follow<'a>(node: &'a Node, step: u8, most: usize, follows: &mut BTreeSet<(u8, &'a str)>) {
    for group in [&node.words, &node.typed] {
        for kid in &group.kids {
            if follows.len() >= most {
                return;
            }
            let name = words::likeness(&kid.text) > 0.0 || words::choice(&kid.text).is_some();
            if name && !kid.text.starts_with(JOINED) {
                follows.insert((step, &kid.text));
            }
            if step == 1 {
                follow(&kid.node, 2, most, follows);
            }
        }
        if let Some(rest) = &group.rest
            && step == 1
        {
            follow(rest, 2, most, follows);
        }
    }
}

impl Seen<'_> {
    pub(super) fn add(&mut self, amount: f64, ground: &'static str) {
        self.score += amount;
        self.grounds.push((amount, ground));
    }
}

/// How much of `company` holds for a segment, where the most popular strange sibling has so many requests: people and things are seldom
/// called `me` or `search`, and of those that are none leads all others.
fn company_of(weights: &Weights, one: &Seen<'_>, most: u64) -> f64 {
    if one.count < most {
        1.0
    } else if words::is_self(one.text) {
        0.0
    } else if words::is_verb(one.text) {
        weights.company_of_verb
    } else {
        1.0
    }
}

/// What shows that there are values at a place.
#[derive(Debug, Clone, Copy)]
struct Evident {
    /// Known beforehand, or more words than an interface has.
    group: bool,
    known: KnownParameter,
    pooled: bool,
    /// Requests with values of a typed form.
    ids: u64,
    /// Distinct such values, and the methods they answer.
    distinct: usize,
    methods: u32,
}

/// From how many requests on a segment is none of the values at a place: many times as many as the next has below it, where no more than a few
/// are above. Of values the most popular leads the next by little (Zipf), so what stands so far apart is no value, whatever else speaks for
/// it; and whoever asks for made-up paths does not hide by them what is used steadily.
fn steady(weights: &Weights, wordlike: &[Seen<'_>]) -> Option<u64> {
    let strange = wordlike.iter().filter(|one| words::likeness(stem(one.text)) < 0.0);
    let mut counts: Vec<u64> = strange.map(|one| one.count).collect();
    counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
    let leads = |above: usize| {
        let next = counts.get(above)?;
        let least = next.saturating_mul(weights.steady_lead).max(weights.steady_least);
        let is_crowd = weights.steady_crowd <= counts.len().saturating_sub(above);
        let stands = above.checked_sub(1).and_then(|last| counts.get(last)).is_none_or(|last| least <= *last);
        (is_crowd && stands).then_some(least)
    };
    (0..=weights.steady_most).filter_map(leads).min()
}

/// What is known of a parameter at the place says of a segment.
fn told(weights: &Weights, one: &mut Seen<'_>, known: KnownParameter) {
    match known {
        KnownParameter::No => {}
        // What ends here with methods that the known parameter does not have is something else.
        KnownParameter::Told(methods)
            if methods != 0 && one.methods != 0 && !one.below && one.methods & methods == 0 => {}
        KnownParameter::Told(_) => one.add(weights.told, "a parameter is known here"),
        KnownParameter::Said => one.add(f64::NEG_INFINITY, "said so by a person"),
    }
}

/// Parts the wordlike segments of a place into names and values.
fn split<'a>(
    weights: &Weights,
    mut wordlike: Vec<Seen<'a>>,
    evident: Evident,
    judged: &mut Judged<'a>,
    values: &mut Grouped<'a>,
) {
    let doubtful: Vec<&Seen<'a>> = wordlike.iter().filter(|one| one.score < 0.5).collect();
    let count = to_f64(doubtful.len());
    let requests: f64 = doubtful.iter().map(|one| to_f64_u64(one.count)).sum();
    let once = to_f64(doubtful.iter().filter(|one| one.count == 1).count());
    let open = if requests > 0.0 { (2.0 * once / requests).min(1.0) * (count / 8.0).min(1.0) } else { 0.0 };
    let open = if evident.pooled { 1.0 } else { open };
    let evidence: f64 = doubtful.iter().map(|one| (-one.score).clamp(0.0, 1.5)).sum();
    let strange: Vec<&&Seen<'a>> =
        doubtful.iter().filter(|one| words::likeness(stem(one.text)) < 0.0).collect();
    let number = to_f64(strange.len());
    let most = strange.iter().map(|one| one.count).max().unwrap_or(0);
    let leaves = to_f64(strange.iter().filter(|one| !one.below).count());
    let methods = strange.iter().fold(evident.methods, |methods, one| methods | one.methods);
    let ids = weights.group * (to_f64_u64(evident.ids) / (requests + 1.0)).min(1.0);
    let group = evident.group || evidence + ids - weights.openness * open >= weights.group;
    // The more strange values there are, the more of the known words must be values too.
    let company = -(weights.company * (1.0 + 0.8 * number).ln()).min(weights.company_most);
    let crowd = number > 6.0 && number * 5.0 >= to_f64(wordlike.len()) * 3.0;
    let steady = steady(weights, &wordlike);
    let closed =
        !crowd && number > 0.0 && once == 0.0 && !evident.pooled && requests >= 10.0 * count && count <= 40.0;
    for one in &mut wordlike {
        if group {
            told(weights, one, evident.known);
            one.add(weights.openness * open, "its siblings are an open set");
            if words::likeness(stem(one.text)) >= 0.0 {
                one.add(company * company_of(weights, one, most), "among strange siblings");
            }
            popular(weights, one, most);
            if number >= 3.0 && one.below && leaves * 10.0 >= number * 9.0 {
                one.add(weights.unlike, "has followers, as no strange sibling has");
            }
            if number + to_f64(evident.distinct) >= 4.0 && one.methods != 0 && one.methods & methods == 0 {
                one.add(weights.methods, "methods that no such sibling has");
            }
        }
        if group && steady.is_some_and(|least| least <= one.count) && one.score < weights.steady {
            one.add(weights.steady - one.score, "asked for again and again, as no value is");
        }
        if closed && !one.follows.is_empty() {
            one.add(weights.closed, "one of a closed set");
        }
    }
    for mut one in wordlike {
        let value = group && one.score < 0.0;
        let chance = 1.0 / (1.0 + (-one.score.abs()).exp());
        one.grounds.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let agree =
            one.grounds.iter().filter(|ground| (ground.0 < 0.0) == value).take(2).map(|ground| ground.1);
        let why = agree.collect::<Vec<_>>().join(", ");
        if value {
            values.kinds.push(token::read(one.text).kind);
            values.sources.extend(one.sources);
            if values.certainty < chance {
                values.certainty = chance;
                values.why = why;
            }
        } else {
            let certainty = if one.score < 0.0 { 0.5 } else { chance };
            let why = if why.is_empty() { "no other reading".into() } else { why };
            judged.literals.insert(one.text.into(), Named { sources: one.sources, certainty, why });
        }
    }
}
