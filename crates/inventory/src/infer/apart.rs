//! What is decided before anything is weighed: what is known, segments of which a part is a value, versions of the interface.

use std::collections::{BTreeMap, BTreeSet};

use crate::infer::frame::{self, Endings, Taken};
use crate::infer::weigh::{Grouped, Judged, Named, Seen};
use crate::infer::{Context, Frame};
use crate::operation::ValueKind;
use crate::settings::{Force, Thresholds};
use crate::token;
use crate::tree::JOINED;
use crate::words;

/// What is known beforehand, by documents, routes or people.
pub(super) fn take_known<'a>(
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
pub(super) fn take_frames<'a>(
    seen: &mut BTreeMap<&'a str, Seen<'a>>,
    thresholds: &Thresholds,
    judged: &mut Judged<'a>,
) {
    take_joined(seen, thresholds.endings, judged);
    let mut endings = Endings::default();
    for (text, one) in &*seen {
        match frame::take(text) {
            Taken::Ending { stem, ending } => endings.add(stem, ending, one.count),
            Taken::Whole(_) | Taken::No => {}
        }
    }
    let files = endings.files();
    let mut groups: BTreeMap<Frame, Grouped<'a>> = BTreeMap::new();
    let all: Vec<&'a str> = seen.keys().copied().collect();
    for text in all {
        let (frame, stem) = match frame::take(text) {
            Taken::Ending { stem, .. } => (endings.frame(files, stem), stem),
            Taken::Whole(frame) => (Some(frame), text),
            Taken::No => match endings.unlisted(text) {
                Some((stem, _)) => (endings.frame(files, stem), stem),
                None => (None, text),
            },
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
fn take_joined<'a>(seen: &mut BTreeMap<&'a str, Seen<'a>>, least: usize, judged: &mut Judged<'a>) {
    let joined: Vec<&'a str> = seen.keys().copied().filter(|text| text.starts_with(JOINED)).collect();
    let dotted = format!("{JOINED}.");
    let endings = joined.iter().filter(|text| text.starts_with(&dotted)).count();
    let mut group = Grouped { certainty: 0.9, why: "files of several kinds".into(), ..Grouped::default() };
    let mut keys = Grouped { certainty: 0.95, why: "keys in parentheses".into(), ..Grouped::default() };
    let mut matrices: BTreeMap<Frame, Grouped<'a>> = BTreeMap::new();
    for text in joined {
        let Some(one) = seen.remove(text) else { continue };
        if let Some(frame) = text.get(1..).and_then(frame::matrix) {
            matrices.entry(frame).or_default().sources.extend(one.sources);
        } else if text.get(1..).is_some_and(|tail| tail.starts_with('(')) {
            keys.kinds.push(ValueKind::Text);
            keys.sources.extend(one.sources);
        } else if endings >= least && text.starts_with(&dotted) {
            group.kinds.push(ValueKind::Text);
            group.sources.extend(one.sources);
        } else {
            let why = "follows an id without a slash".into();
            judged.literals.insert(text.into(), Named { sources: one.sources, certainty: 0.95, why });
        }
    }
    for (frame, mut group) in matrices {
        (group.certainty, group.why) = (0.95, "matrix parameters".into());
        group.kinds.push(ValueKind::Text);
        judged.frames.push((frame, group));
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

/// Versions of the interface: few, near the root, with many names below.
pub(super) fn take_versions<'a>(
    typed: &mut Vec<Seen<'a>>,
    pooled: bool,
    context: &Context<'_>,
    thresholds: &Thresholds,
    judged: &mut Judged<'a>,
) {
    let is_deep = context.depth > thresholds.version_depth;
    let is_few = (1..=thresholds.interface_versions).contains(&typed.len());
    if pooled || context.below_parameter || is_deep || !is_few {
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
        .flat_map(|one| one.sources.iter())
        .flat_map(|source| source.node.words.kids.iter())
        .map(|kid| &*kid.text)
        .filter(|text| !text.starts_with(JOINED) && (named || words::likeness(text) > 0.0))
        .collect();
    let only = typed.len() == 1
        && typed.iter().all(|one| one.count >= thresholds.version_calls)
        && !words::is_plural(&context.literal);
    let [behind_name, alone, else_where] = thresholds.version_names;
    let enough = match (named, only) {
        (true, _) => behind_name,
        (false, true) => alone,
        (false, false) => else_where,
    };
    if names.len() >= enough {
        for one in typed.drain(..) {
            let why = "a version: few of its kind, with many names below".into();
            judged.literals.insert(one.text.into(), Named { sources: one.sources, certainty: 0.95, why });
        }
    }
}
