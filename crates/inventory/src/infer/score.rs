//! The features of a segment among its siblings, and what each weighs.

use std::collections::BTreeMap;

use crate::infer::Context;
use crate::infer::weigh::Seen;
use crate::operation::ValueKind;
use crate::settings::Weights;
use crate::token::{self, Strength};
use crate::words;

pub(super) fn weigh(
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
    let codes = wordlike.iter().filter(|one| is_short_code(one.text)).count();
    let strange = wordlike.iter().filter(|one| words::likeness(stem(one.text)) < 0.0).count();
    let with: Vec<&Seen<'_>> = wordlike.iter().filter(|one| !one.follows.is_empty()).collect();
    let others = to_f64(structured.saturating_sub(1)).max(1.0);
    let share = with.iter().map(|one| likeness_of(one, &spread_of, others).0).sum::<f64>() / (others + 1.0);
    let count = with.iter().map(|one| to_f64_u64(one.count)).sum::<f64>() / (others + 1.0);
    let usual = Usual { share, count };
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
        lexical(weights, one, &kinds, &choices, codes, context);
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
        spread(weights, one, parents, if crowd { usual_spread } else { 0.0 });
        if crowd && words::likeness(stem(one.text)) < 0.0 {
            one.add(-weights.crowd * (to_f64(strange) / 6.0).max(1.0).ln(), "one of many strange siblings");
        }
        structure(weights, one, &spread_of, structured, usual, context.after_parameter);
        alternation(weights, one);
    }
}

/// What is usual of the segments at a place that something follows.
#[derive(Debug, Clone, Copy)]
struct Usual {
    /// The mean share of siblings with the same followers.
    share: f64,
    /// The mean number of requests.
    count: f64,
}

/// The name of a file without its ending.
pub(super) fn stem(text: &str) -> &str {
    token::file_extension(text).map_or(text, |(stem, _)| stem)
}

fn lexical(
    weights: &Weights,
    one: &mut Seen<'_>,
    kinds: &[ValueKind],
    choices: &[Option<usize>],
    codes: usize,
    context: &Context<'_>,
) {
    one.add(weights.base, "most segments are names");
    if words::is_self(one.text) {
        one.add(weights.whole, "stands for the caller or the whole");
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
        one.add(
            if context.after_parameter { weights.choice_behind_parameter } else { weights.choice },
            "one of several entries of a closed list",
        );
    }
    if is_short_code(one.text) && codes >= weights.several {
        one.add(weights.short_code, "one of several short codes in capitals");
    }
    let form = token::read(one.text);
    let alike = kinds.iter().filter(|kind| **kind == form.kind).count();
    match form.kind {
        ValueKind::Version => {
            let dotted = one.text.matches('.').count() >= 2;
            let amount =
                if alike <= weights.versions_most && !dotted { weights.version } else { weights.versions };
            one.add(amount, "a version");
        }
        ValueKind::Locale
        | ValueKind::Country
        | ValueKind::Currency
        | ValueKind::Region
        | ValueKind::Boolean
            if alike >= 2 =>
        {
            one.add(weights.entry, "one of several entries of a closed list");
        }
        ValueKind::Code if alike >= weights.several => {
            one.add(weights.numbered, "one of several words with numbers")
        }
        ValueKind::Code => {
            one.add(if likeness >= 0.5 { 0.0 } else { weights.number }, "a word with a number")
        }
        ValueKind::FileName => one.add(if likeness >= 0.0 { 0.0 } else { weights.file }, "a file"),
        // Groups of an interface have such names as well, but there are few (`networking.k8s.io`).
        ValueKind::Domain if alike >= weights.several => one.add(weights.host, "one of several host names"),
        _ => {}
    }
}

/// `FRA`, `LH`: codes of two to four capitals, as registries of all kinds issue them.
fn is_short_code(text: &str) -> bool {
    (2..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Names recur below each value of a parameter; what belongs to one of them does not. `usual` is the share at which neither is the case.
fn spread(weights: &Weights, one: &mut Seen<'_>, parents: usize, usual: f64) {
    let Some((share, trust)) = spread_share(one, parents) else { return };
    let amount =
        weights.spread * trust * (share - usual.max(weights.spread_even)) / (1.0 - weights.spread_even);
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
    usual: Usual,
    after_parameter: bool,
) {
    if one.follows.is_empty() || structured < 2 {
        return;
    }
    let others = to_f64(structured.saturating_sub(1));
    let (alike, own) = likeness_of(one, spread_of, others);
    // Two siblings may be alike by chance; many are not.
    let next = one.follows.iter().filter(|follower| follower.0 == 1).count();
    let same = alike > weights.identical && one.follows.len() >= 3 && (after_parameter || others >= 4.0);
    let choice = alike > weights.identical && next >= 2 && after_parameter && others >= 2.0;
    let trust = match (choice, same) {
        (true, _) => weights.trust_choice,
        (false, true) => weights.trust_identical,
        (false, false) => ((others + 1.0) / 10.0).min(1.0),
    };
    let amount = weights.shared_structure
        * ((alike - weights.alike_from) / (weights.alike_full - weights.alike_from)).clamp(0.0, 1.0)
        * trust;
    if amount < 0.0 {
        one.add(amount, "followed by the same names as its siblings");
    } else if others >= 3.0
        && usual.share >= weights.usual
        && alike < weights.unlike_below
        && to_f64_u64(one.count) >= usual.count
    {
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
    let ids = one.sources.iter().any(|source| {
        let typed = &source.node.typed;
        let dates = typed
            .kids
            .iter()
            .all(|kid| matches!(token::read(&kid.text).kind, ValueKind::Date | ValueKind::Month));
        !dates && (typed.kids.len() >= 2 || typed.rest.is_some())
    });
    if ids {
        one.add(weights.alternation, "followed by ids");
        if words::is_plural(one.text) {
            one.add(weights.plural, "a plural");
        }
    }
}

/// A name may be asked for far more often than any value; among values, the most popular leads the next by little (Zipf).
pub(super) fn popular(weights: &Weights, one: &mut Seen<'_>, most: u64) {
    let likeness = words::likeness(stem(one.text));
    let listed = likeness < 0.25 && token::read(one.text).strength != Strength::Word;
    if most == 0 || likeness < 0.0 || listed {
        return;
    }
    let lead = (to_f64_u64(one.count) / to_f64_u64(most)).ln();
    if lead > 0.0 {
        one.add((weights.popular * lead).min(weights.popular_most), "asked for more often than any value");
    }
}

pub(super) fn to_f64(number: usize) -> f64 {
    to_f64_u64(u64::try_from(number).unwrap_or(u64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "counts are compared, not added up")]
pub(super) fn to_f64_u64(number: u64) -> f64 {
    number as f64
}
