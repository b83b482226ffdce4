//! Name or value?
//!
//! For each segment seen at a place the model sums logarithms of odds that it is a name. Words of interfaces, a verb in front, occurrence under many
//! parents and names of its own below it speak for a name; strange words, a form, the same followers as many siblings, occurrence under one
//! parent and open ranks of siblings speak for a value. Values must be evident as a group before any segment becomes one.

use std::collections::{BTreeMap, BTreeSet};

use crate::infer::frame::{self, Endings, Frame, Taken};
use crate::infer::{Context, Source};
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
struct Seen<'a> {
    text: &'a str,
    count: u64,
    /// Requests and parents among those that are no pool.
    apart: u64,
    parents: usize,
    /// Methods that ended here, as bits.
    methods: u32,
    /// Something follows.
    below: bool,
    sources: Vec<Source<'a>>,
    /// Names that follow at the next place and the one after.
    follows: BTreeSet<(u8, &'a str)>,
    score: f64,
    grounds: Vec<(f64, &'static str)>,
}

/// Followers looked at per segment.
const FOLLOWERS_MAX: usize = 80;

pub(super) fn judge<'a>(
    settings: &Settings,
    sources: &[Source<'a>],
    context: &Context<'_>,
    collection: bool,
    judged: &mut Judged<'a>,
) {
    let mut seen = gather(sources);
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
    take_frames(&mut seen, judged);
    let mut typed: Vec<Seen<'a>> = Vec::new();
    let mut wordlike: Vec<Seen<'a>> = Vec::new();
    for (_, one) in seen {
        if token::read(one.text).strength == Strength::Strong { typed.push(one) } else { wordlike.push(one) }
    }
    take_versions(&mut typed, typed_rest, context, judged);
    let evident = word_rest || values_known(context) || !values.sources.is_empty();
    let distinct = typed.len();
    let methods = typed.iter().fold(0, |methods, one| methods | one.methods);
    let ids: u64 = typed.iter().map(|one| one.count).sum();
    let parents = sources.iter().filter(|source| !source.pooled).count();
    weigh(&settings.weights, &mut wordlike, parents, context, collection);
    let ids = if typed_rest { u64::MAX } else { ids };
    split(
        &settings.weights,
        wordlike,
        Evident { group: evident, pooled: word_rest, ids, distinct, methods },
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
        if values.sources.is_empty() {
            if let Some((_, group)) = judged.frames.first_mut() {
                group.sources.extend(rests);
                return;
            }
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

fn values_known(context: &Context<'_>) -> bool {
    context.known.iter().any(|known| known.has_parameter() || known.forced == Some(Force::Parameter))
}

fn gather<'a>(sources: &[Source<'a>]) -> BTreeMap<&'a str, Seen<'a>> {
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
                follow(&kid.node, 1, &mut one.follows);
            }
        }
    }
    seen
}

fn follow<'a>(node: &'a Node, step: u8, follows: &mut BTreeSet<(u8, &'a str)>) {
    for group in [&node.words, &node.typed] {
        for kid in &group.kids {
            if follows.len() >= FOLLOWERS_MAX {
                return;
            }
            if !kid.text.starts_with(JOINED) && words::likeness(&kid.text) > 0.0 {
                follows.insert((step, &kid.text));
            }
            if step == 1 {
                follow(&kid.node, 2, follows);
            }
        }
        if let Some(rest) = &group.rest {
            if step == 1 {
                follow(rest, 2, follows);
            }
        }
    }
}

/// What is known beforehand, by documents, routes or people.
fn take_known<'a>(
    seen: &mut BTreeMap<&'a str, Seen<'a>>,
    context: &Context<'_>,
    judged: &mut Judged<'a>,
    values: &mut Grouped<'a>,
) {
    let all: Vec<&'a str> = seen.keys().copied().collect();
    for text in all {
        let literal = context.known.iter().find_map(|known| known.literal(text));
        let Some(literal) = literal else { continue };
        let Some(one) = seen.remove(text) else { continue };
        if literal.forced == Some(Force::Parameter) {
            values.kinds.push(token::read(text).kind);
            values.sources.extend(one.sources);
            values.certainty = 1.0;
            values.why = "said so by a person".into();
            continue;
        }
        let named = Named { sources: one.sources, certainty: 1.0, why: format!("`{text}` is known") };
        judged.literals.insert(text.into(), named);
    }
}

/// Segments of which a part is a value.
fn take_frames<'a>(seen: &mut BTreeMap<&'a str, Seen<'a>>, judged: &mut Judged<'a>) {
    take_joined(seen, judged);
    let mut endings = Endings::default();
    for text in seen.keys() {
        match frame::take(text) {
            Taken::Ending { stem, ending } => endings.add(stem, ending),
            Taken::Whole(_) | Taken::No => {}
        }
    }
    let mut groups: BTreeMap<Frame, Grouped<'a>> = BTreeMap::new();
    let all: Vec<&'a str> = seen.keys().copied().collect();
    for text in all {
        let (frame, stem) = match frame::take(text) {
            Taken::Ending { stem, ending } => (endings.frame(stem, ending), stem),
            Taken::Whole(frame) => (Some(frame), text),
            Taken::No => (None, text),
        };
        let Some(frame) = frame else { continue };
        let Some(one) = seen.remove(text) else { continue };
        let group = groups.entry(frame).or_default();
        group.kinds.push(token::read(stem).kind);
        group.sources.extend(one.sources);
    }
    for (frame, mut group) in groups {
        group.kinds.sort_unstable();
        group.kinds.dedup();
        group.certainty = 0.9;
        group.why = format!("segments of the form `{}`", frame.text());
        judged.frames.push((frame, group));
    }
}

/// Parts that were parted from an id: verbs are names; endings are names unless there are many.
fn take_joined<'a>(seen: &mut BTreeMap<&'a str, Seen<'a>>, judged: &mut Judged<'a>) {
    let joined: Vec<&'a str> = seen.keys().copied().filter(|text| text.starts_with(JOINED)).collect();
    let dotted = format!("{JOINED}.");
    let endings = joined.iter().filter(|text| text.starts_with(&dotted)).count();
    let mut group = Grouped { certainty: 0.9, why: "files of several kinds".into(), ..Grouped::default() };
    let mut keys = Grouped { certainty: 0.95, why: "keys in parentheses".into(), ..Grouped::default() };
    for text in joined {
        let Some(one) = seen.remove(text) else { continue };
        if text.get(1..).is_some_and(|tail| tail.starts_with('(')) {
            keys.kinds.push(ValueKind::Text);
            keys.sources.extend(one.sources);
        } else if endings >= ENDINGS_MIN && text.starts_with(&dotted) {
            group.kinds.push(ValueKind::Text);
            group.sources.extend(one.sources);
        } else {
            let why = "follows an id without a slash".into();
            judged.literals.insert(text.into(), Named { sources: one.sources, certainty: 0.95, why });
        }
    }
    if !keys.sources.is_empty() {
        keys.kinds.dedup();
        let pieces = vec![format!("{JOINED}("), ")".to_owned()];
        judged.frames.push((Frame { pieces, names: vec!["key".into()] }, keys));
    }
    if !group.sources.is_empty() {
        group.kinds.dedup();
        judged
            .frames
            .push((Frame { pieces: vec![dotted, String::new()], names: vec!["format".into()] }, group));
    }
}

/// From so many endings on they are a choice of the caller; two are more often two operations.
const ENDINGS_MIN: usize = 3;

/// Versions of the interface: few, near the root, with many names below.
fn take_versions<'a>(
    typed: &mut Vec<Seen<'a>>,
    pooled: bool,
    context: &Context<'_>,
    judged: &mut Judged<'a>,
) {
    if pooled || context.below_parameter || context.depth > 4 || typed.len() > 3 || typed.is_empty() {
        return;
    }
    let version = |one: &Seen<'_>| {
        token::is_version(one.text)
            || matches!(token::read(one.text).kind, ValueKind::Date | ValueKind::Month | ValueKind::Number)
    };
    if !typed.iter().all(version) {
        return;
    }
    let named = matches!(
        context.literal.as_str(),
        "api" | "rest" | "v" | "version" | "apis" | "services" | "ws" | ""
    );
    let names: BTreeSet<&str> = typed
        .iter()
        .flat_map(|one| one.follows.iter())
        .filter(|(step, _)| *step == 1)
        .map(|(_, text)| *text)
        .collect();
    let only = typed.len() == 1 && typed.iter().all(|one| one.count >= 30);
    if names.len()
        >= if named {
            1
        } else if only {
            2
        } else {
            5
        }
    {
        for one in typed.drain(..) {
            let why = "a version: few of its kind, with many names below".into();
            judged.literals.insert(one.text.into(), Named { sources: one.sources, certainty: 0.95, why });
        }
    }
}

fn weigh(
    weights: &Weights,
    wordlike: &mut [Seen<'_>],
    parents: usize,
    context: &Context<'_>,
    collection: bool,
) {
    let mut spread_of: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    let mut structured = 0_usize;
    for one in wordlike.iter() {
        structured = structured.saturating_add(usize::from(!one.follows.is_empty()));
        for follower in &one.follows {
            let count = spread_of.entry(*follower).or_default();
            *count = count.saturating_add(1);
        }
    }
    let kinds: Vec<ValueKind> = wordlike.iter().map(|one| token::read(one.text).kind).collect();
    let choices: Vec<Option<usize>> = wordlike.iter().map(|one| words::choice(one.text)).collect();
    let strange = wordlike.iter().filter(|one| words::likeness(stem(one.text)) < 0.0).count();
    let with: Vec<&Seen<'_>> = wordlike.iter().filter(|one| !one.follows.is_empty()).collect();
    let others = to_f64(structured.saturating_sub(1)).max(1.0);
    let usual = with.iter().map(|one| likeness_of(one, &spread_of, others).0).sum::<f64>() / (others + 1.0);
    // Of names 29 % are strange, of values 80 %: where most siblings are strange, what holds for all of them tells nothing of any.
    let crowd = strange >= 4 && strange.saturating_mul(5) >= wordlike.len().saturating_mul(3);
    let shares: Vec<f64> = wordlike
        .iter()
        .filter(|one| words::likeness(stem(one.text)) < 0.0)
        .filter_map(|one| spread_share(one, parents))
        .map(|(share, _)| share)
        .collect();
    let usual_spread = shares.iter().sum::<f64>() / to_f64(shares.len()).max(1.0);
    let plural = words::is_plural(&context.literal);
    for one in wordlike.iter_mut() {
        lexical(weights, one, &kinds, &choices, context);
        if context.after_parameter {
            one.add(weights.after_parameter, "follows a parameter");
        } else if plural {
            let amount = if collection { weights.below_collection } else { weights.below_plural };
            one.add(amount, "below a collection");
        } else {
            one.add(weights.below_name, "below no collection");
            if context.depth == 0 {
                one.add(weights.root, "at the root");
            }
        }
        spread(weights, one, parents, if crowd { usual_spread } else { 0.3 });
        if crowd && words::likeness(stem(one.text)) < 0.0 {
            one.add(-weights.crowd * (to_f64(strange) / 6.0).max(1.0).ln(), "one of many strange siblings");
        }
        structure(weights, one, &spread_of, structured, usual, context.after_parameter);
        alternation(weights, one);
    }
}

impl Seen<'_> {
    fn add(&mut self, amount: f64, ground: &'static str) {
        self.score += amount;
        self.grounds.push((amount, ground));
    }
}

/// The name of a file without its ending.
fn stem(text: &str) -> &str {
    token::file_extension(text).map_or(text, |(stem, _)| stem)
}

fn lexical(weights: &Weights, one: &mut Seen<'_>, kinds: &[ValueKind], choices: &[Option<usize>], context: &Context<'_>) {
    one.add(weights.base, "most segments are names");
    if words::is_self(one.text) {
        one.add(4.0, "stands for the caller or the whole");
        return;
    }
    let likeness = words::likeness(stem(one.text));
    let ground = if likeness > 0.0 { "words that interfaces use" } else { "no words that interfaces use" };
    one.add(weights.lexical * likeness, ground);
    let parts = words::parts(one.text);
    if parts.len() > 1 && parts.first().is_some_and(|part| words::is_verb(part)) {
        one.add(weights.verb, "begins with a verb");
    }
    let choice = words::choice(one.text);
    if choice.is_some() && choices.iter().filter(|other| **other == choice).count() >= 2 {
        one.add(if context.after_parameter { -4.0 } else { -2.5 }, "one of several entries of a closed list");
    }
    let form = token::read(one.text);
    let alike = kinds.iter().filter(|kind| **kind == form.kind).count();
    match form.kind {
        ValueKind::Version => {
            let dotted = one.text.matches('.').count() >= 2;
            let amount = if alike <= 5 && !dotted { 3.0 } else { -2.5 - to_f64(alike.min(6)) * 0.5 };
            one.add(amount, "a version");
        }
        ValueKind::Locale
        | ValueKind::Country
        | ValueKind::Currency
        | ValueKind::Region
        | ValueKind::Boolean => {
            if alike >= 2 {
                one.add(-4.0, "one of several entries of a closed list");
            }
        }
        ValueKind::Code if alike >= 3 => one.add(-2.0, "one of several words with numbers"),
        ValueKind::Code => one.add(if likeness >= 0.5 { 0.0 } else { -0.5 }, "a word with a number"),
        ValueKind::FileName => one.add(if likeness >= 0.0 { 0.0 } else { -0.3 }, "a file"),
        ValueKind::Domain => one.add(-2.0, "a host name"),
        _ => {}
    }
}

/// Names recur below each value of a parameter; what belongs to one of them does not. `usual` is the share at which neither is the case.
fn spread(weights: &Weights, one: &mut Seen<'_>, parents: usize, usual: f64) {
    let Some((share, trust)) = spread_share(one, parents) else { return };
    let amount = weights.spread * trust * (share - usual.max(0.3)) * 1.4;
    one.add(amount, if amount > 0.0 { "occurs below many parents" } else { "occurs below one parent only" });
}

/// The share of the parents that it could occur below at which it does, and how much that says.
fn spread_share(one: &Seen<'_>, parents: usize) -> Option<(f64, f64)> {
    let chances = usize::try_from(one.apart).unwrap_or(usize::MAX).min(parents);
    if chances < 2 {
        return None;
    }
    let chances = to_f64(chances);
    let share = (to_f64(one.parents) - 1.0) / (chances - 1.0);
    Some((share, ((chances - 1.0) / 3.0).min(1.0)))
}

fn structure(
    weights: &Weights,
    one: &mut Seen<'_>,
    spread_of: &BTreeMap<(u8, &str), usize>,
    structured: usize,
    usual: f64,
    after_parameter: bool,
) {
    if one.follows.is_empty() || structured < 2 {
        return;
    }
    let others = to_f64(structured.saturating_sub(1));
    let (alike, own) = likeness_of(one, spread_of, others);
    // Two siblings may be alike by chance; many are not.
    let same = alike > 0.7 && one.follows.len() >= 3 && (after_parameter || others >= 4.0);
    let trust = if same { 1.6 } else { ((others + 1.0) / 10.0).min(1.0) };
    let amount = weights.shared_structure * ((alike - 0.15) / 0.4).clamp(0.0, 1.0) * trust;
    if amount < 0.0 {
        one.add(amount, "followed by the same names as its siblings");
    } else if others >= 3.0 && usual >= 0.25 && alike < 0.05 {
        one.add(weights.unlike, "unlike its siblings, which are alike");
    }
    if own >= 1.0 {
        one.add(
            weights.own_structure * (own / to_f64(one.follows.len())) * (own / (own + 1.0)),
            "followed by names that no sibling has",
        );
    }
}

/// The mean share of siblings that have the same followers, at the next place or the one after it, whichever is more; and the number of
/// followers of its own. The one after counts where the next is a parameter as well.
fn likeness_of(one: &Seen<'_>, spread_of: &BTreeMap<(u8, &str), usize>, others: f64) -> (f64, f64) {
    let mut own = 0.0;
    let mut alike: f64 = 0.0;
    for step in [1, 2] {
        let mut shared = 0.0;
        let mut number = 0.0;
        for follower in one.follows.iter().filter(|follower| follower.0 == step) {
            let of = spread_of.get(follower).copied().unwrap_or(1).saturating_sub(1);
            shared += to_f64(of) / others;
            number += 1.0;
            own += f64::from(u8::from(of == 0 && step == 1));
        }
        if number > 0.0 {
            alike = alike.max(shared / number);
        }
    }
    (alike, own)
}

/// Collections have ids below them.
fn alternation(weights: &Weights, one: &mut Seen<'_>) {
    let ids = one
        .sources
        .iter()
        .any(|source| {
            let typed = &source.node.typed;
            let dates = typed.kids.iter().all(|kid| matches!(token::read(&kid.text).kind, ValueKind::Date | ValueKind::Month));
            !dates && (typed.kids.len() >= 2 || typed.rest.is_some())
        });
    if ids {
        one.add(weights.alternation, "followed by ids");
        if words::is_plural(one.text) {
            one.add(weights.plural, "a plural");
        }
    }
}

/// What shows that there are values at a place.
#[derive(Debug, Clone, Copy)]
struct Evident {
    /// Known beforehand, or more words than an interface has.
    group: bool,
    pooled: bool,
    /// Requests with values of a typed form.
    ids: u64,
    /// Distinct such values, and the methods they answer.
    distinct: usize,
    methods: u32,
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
    let closed = number > 0.0 && once == 0.0 && !evident.pooled && requests >= 10.0 * count && count <= 40.0;
    for one in &mut wordlike {
        if group {
            one.add(weights.openness * open, "its siblings are an open set");
            if words::likeness(stem(one.text)) >= 0.0 {
                one.add(company, "among strange siblings");
            }
            popular(weights, one, most);
            if number >= 3.0 && one.below && leaves * 10.0 >= number * 9.0 {
                one.add(weights.unlike, "has followers, as no strange sibling has");
            }
            if number + to_f64(evident.distinct) >= 4.0 && one.methods != 0 && one.methods & methods == 0 {
                one.add(weights.methods, "methods that no such sibling has");
            }
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

/// A name may be asked for far more often than any value; among values, the most popular leads the next by little (Zipf).
fn popular(weights: &Weights, one: &mut Seen<'_>, most: u64) {
    if most == 0 || words::likeness(stem(one.text)) < 0.25 {
        return;
    }
    let lead = (to_f64_u64(one.count) / to_f64_u64(most)).ln();
    if lead > 0.0 {
        one.add((weights.popular * lead).min(3.0), "asked for more often than any value");
    }
}

fn to_f64(number: usize) -> f64 {
    to_f64_u64(u64::try_from(number).unwrap_or(u64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "counts are compared, not added up")]
fn to_f64_u64(number: u64) -> f64 {
    number as f64
}
