//! Segments with text around or between parameters: `{id}:cancel`, `{name}.json`, `{lat},{lon}`.
//!
//! A segment with two readings has none: `{lat},{lon}` meets `1,2,3` and cannot tell what `lat` is, while some
//! upstream believes it can. The pattern then takes the path, so that no more general one gets it, and the
//! request has no operation.

use std::cmp::Reverse;

/// The texts of an affix pattern; parameters stand between them. At least two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pattern {
    texts: Box<[Box<str>]>,
}

/// Where the parameters of a pattern lie in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Ambiguous,
    None,
    One,
}

impl Pattern {
    pub(crate) fn new(texts: &[Box<str>]) -> Self {
        Self { texts: texts.into() }
    }

    /// Whether the segment has a reading, be it the only one or not.
    pub(crate) fn fits(&self, segment: &str) -> bool {
        fits(&self.texts, segment)
    }

    /// A segment that fits both patterns, if they have an obvious one.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let ([before, .., after], [other_before, .., other_after]) = (&*self.texts, &*other.texts) else {
            return false;
        };
        let mut witness = longer(before, other_before).to_owned();
        witness.push('x');
        for middle in self.middles().iter().chain(other.middles()) {
            witness.push_str(middle);
            witness.push('x');
        }
        witness.push_str(longer(after, other_after));
        self.fits(&witness) && other.fits(&witness)
    }

    /// Whether every segment that fits this pattern also fits `other`, as far as texts alone tell.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let ([before, .., after], [other_before, .., other_after]) = (&*self.texts, &*other.texts) else {
            return false;
        };
        before.starts_with(&**other_before)
            && after.ends_with(&**other_after)
            && (other.middles().is_empty() || self.middles() == other.middles())
    }

    fn middles(&self) -> &[Box<str>] {
        match &*self.texts {
            [_, middles @ .., _] => middles,
            _ => &[],
        }
    }
}

/// More text comes first; the order is part of what a catalogue means.
impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |pattern: &Self| {
            let length: usize = pattern.texts.iter().map(|text| text.len()).sum();
            (Reverse(length), pattern.texts.len())
        };
        rank(self).cmp(&rank(other)).then_with(|| self.texts.cmp(&other.texts))
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

fn longer<'a>(one: &'a str, two: &'a str) -> &'a str {
    if one.len() < two.len() { two } else { one }
}

fn fits(texts: &[Box<str>], segment: &str) -> bool {
    let Some((inner, middles)) = inside(texts, segment) else {
        return false;
    };
    // Leftmost texts leave most for what follows, so if there is a reading at all, this finds one.
    let rest = middles.iter().try_fold(inner, |rest, middle| after_leftmost(rest, middle));
    rest.is_some_and(|rest| !rest.is_empty())
}

/// Splits a segment by a pattern's texts and hands each parameter's start and end to `found`, which is to be
/// believed only where there is one reading.
pub(crate) fn read(texts: &[Box<str>], segment: &str, mut found: impl FnMut(usize, usize)) -> Reading {
    let Some((inner, middles)) = inside(texts, segment).filter(|_| fits(texts, segment)) else {
        return Reading::None;
    };
    let offset = texts.first().map_or(0, |text| text.len());
    let mut rest = inner;
    for (place, middle) in middles.iter().enumerate() {
        // INVARIANT: the segment fits, so both look-ups find a place, and no text can stand further to the left
        // than the first nor further to the right than the second.
        let (Some(after), Some(before)) =
            (after_leftmost(rest, middle), before_rightmost(inner, middles.get(place..).unwrap_or(&[])))
        else {
            return Reading::None;
        };
        let leftmost = inner.len() - after.len() - middle.len();
        if before.len() != leftmost {
            return Reading::Ambiguous;
        }
        found(offset + inner.len() - rest.len(), offset + leftmost);
        rest = after;
    }
    found(offset + inner.len() - rest.len(), offset + inner.len());
    Reading::One
}

/// What is left between the first and the last text, and the texts in between.
fn inside<'t, 's>(texts: &'t [Box<str>], segment: &'s str) -> Option<(&'s str, &'t [Box<str>])> {
    let [before, middles @ .., after] = texts else {
        return None;
    };
    let inner = segment.strip_prefix(&**before)?.strip_suffix(&**after)?;
    (!inner.is_empty()).then_some((inner, middles))
}

/// What follows the first `text` that leaves something in front of it.
fn after_leftmost<'a>(rest: &'a str, text: &str) -> Option<&'a str> {
    let first = rest.chars().next()?.len_utf8();
    let (_, after) = rest.get(first..)?.split_once(text)?;
    Some(after)
}

/// What precedes the first of `texts` when all of them stand as far right as they can.
fn before_rightmost<'a>(inner: &'a str, texts: &[Box<str>]) -> Option<&'a str> {
    texts.iter().rev().try_fold(inner, |rest, text| {
        let last = rest.chars().next_back()?.len_utf8();
        let (before, _) = rest.get(..rest.len() - last)?.rsplit_once(&**text)?;
        Some(before)
    })
}
