//! `policy suggest` and `policy replay`: what recorded use says of policies.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use axum::http::Method;
use control::files;
use serde_json::{Value, json};

use super::super::{Verdict, items, minute, text, whole_text};
use crate::UsageError;
use crate::cli::{ReplayArguments, SuggestArguments, TestArguments};
use crate::client::Client;
use crate::output::{Format, Output, Tone, printable, render_table};

/// Flips that a table shows; `--json` has all of them.
const ROWS_SHOWN: usize = 40;

pub(super) async fn suggest(
    client: &Client,
    arguments: &SuggestArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let body = json!({
        "span": arguments.span.body(), "write": arguments.write, "accept": arguments.accept,
        "reason": arguments.why.reason,
    });
    let mut view = client.ask(Method::POST, "/v1/policy/suggest", Some(&body)).await?;
    if output.format == Format::Json {
        items(&view, "proposals").iter().try_for_each(|proposal| output.json(proposal))?;
        if let Some(view) = view.as_object_mut() {
            view.remove("proposals");
        }
        output.json(&json!({ "summary": view }))?;
        return Ok(Verdict::Done);
    }
    for change in items(&view, "changes") {
        output.line(&printable_diff(change, output))?;
    }
    tell_suggestion(&view, arguments, output);
    Ok(Verdict::Done)
}

/// What a file gains, as a unified diff: nothing of it is taken away.
fn printable_diff(change: &Value, output: Output) -> String {
    let (file, before, after) =
        (text(change, "file"), whole_text(change, "before"), whole_text(change, "after"));
    let added: Vec<&str> = after.strip_prefix(before.as_str()).unwrap_or(&after).lines().collect();
    let kept = before.lines().count();
    let old = if change.get("before").is_some_and(Value::is_string) {
        format!("a/{file}")
    } else {
        "/dev/null".into()
    };
    let mut lines = vec![
        output.tone(Tone::Strong, &format!("--- {old}")),
        output.tone(Tone::Strong, &format!("+++ b/{file}")),
        format!("@@ -{kept},0 +{},{} @@", kept + 1, added.len()),
    ];
    lines.extend(added.iter().map(|line| {
        let line = printable(&format!("+{line}"));
        let tone = if line.starts_with("+//") { Tone::Faint } else { Tone::Good };
        output.tone(tone, &line)
    }));
    lines.join("\n")
}

fn tell_suggestion(view: &Value, arguments: &SuggestArguments, output: Output) {
    let proposals = items(view, "proposals");
    let waiting = proposals.iter().filter(|proposal| !items(proposal, "concerns").is_empty()).count();
    let ready = proposals.len() - waiting;
    let already = view.get("already_proposed").and_then(Value::as_u64).unwrap_or(0);
    if 0 < already {
        output.note(&format!(
            "{already} stand in policies/suggested-*.cedar already and wait for somebody's word"
        ));
    }
    if proposals.is_empty() && already == 0 {
        output.note("nothing to propose: what verified callers did with success is permitted already");
    } else if proposals.is_empty() {
        output.note("nothing new to propose");
    } else {
        output.note(&format!(
            "{ready} ready to review, {waiting} in comments because somebody has to say a word about them"
        ));
    }
    let written = view.get("written").and_then(Value::as_bool) == Some(true);
    match (written, proposals.is_empty()) {
        (true, _) => output.note("written; `sallyport policy replay` shows what it would still break"),
        (false, false) if !arguments.write => {
            output.note("nothing was written; --write puts it under policies/");
        }
        (false, _) => {}
    }
    for withdrawn in items(view, "withdrawn") {
        let granted: Vec<String> =
            items(withdrawn, "granted_by").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
        let look = if granted.is_empty() {
            String::new()
        } else {
            format!("; look at {}, which permits what only this key called", granted.join(", "))
        };
        let named = items(withdrawn, "operations").len();
        let told = if named == 0 {
            String::new()
        } else {
            format!("; comments name what nothing else shows, {named} operations")
        };
        let line = format!(
            "{} calls of key {} ({}) do not count: {}{look}{told}",
            text(withdrawn, "calls"),
            text(withdrawn, "key"),
            text(withdrawn, "caller"),
            text(withdrawn, "why")
        );
        output.note(&output.tone(Tone::Warning, &printable(&line)));
    }
    let left_out = view.get("left_out").and_then(Value::as_object);
    for (why, calls) in left_out.into_iter().flatten() {
        output.note(&printable(&format!("calls that are no evidence: {calls}, {why}")));
    }
}

pub(super) async fn record_cases(
    client: &Client,
    arguments: &TestArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let body = json!({ "span": arguments.span.body(), "write": arguments.write });
    let made = client.ask(Method::POST, "/v1/policy/cases", Some(&body)).await?;
    if output.format == Format::Json {
        output.json(&made)?;
        return Ok(Verdict::Done);
    }
    for change in items(&made, "changes") {
        output.line(&printable_diff(change, output))?;
    }
    let written = made.get("written").and_then(Value::as_bool) == Some(true);
    output.note(&match (text(&made, "cases").as_str(), written) {
        ("0", _) => "every recorded caller and operation is in a case already".to_owned(),
        (count, true) => format!("{count} cases written; read them before you rely on them"),
        (count, false) => format!("{count} cases; nothing was written, --write puts them under tests/"),
    });
    for (why, count) in made.get("left_out").and_then(Value::as_object).into_iter().flatten() {
        output.note(&printable(&format!("no case for {count}: {why}")));
    }
    Ok(Verdict::Done)
}

pub(super) async fn replay(
    client: &Client,
    arguments: &ReplayArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let (revision, files) = match candidate(arguments.against.as_deref())? {
        Against::Folder(files) => (None, Some(files)),
        Against::Here => (None, None),
        Against::Revision(number) => (Some(number), None),
    };
    let body = json!({
        "span": arguments.span.body(), "as_configured": arguments.as_configured, "revision": revision,
        "files": files,
    });
    let view = client.ask(Method::POST, "/v1/policy/replay", Some(&body)).await?;
    let sum = |list: &str, field: &str| -> u64 {
        items(&view, list).iter().filter_map(|flip| flip.get(field).and_then(Value::as_u64)).sum()
    };
    let (lost, gained) = (sum("would_lose", "count"), sum("would_gain", "count"));
    let (may_lose, may_gain) = (sum("not_judged", "may_lose"), sum("not_judged", "may_gain"));
    match output.format {
        Format::Json => print_json(&view, output)?,
        Format::Human => print_human(&view, (lost, gained), output)?,
    }
    let is_within = lost <= arguments.max_lost
        && may_lose <= arguments.max_unjudged
        && arguments.max_gained.is_none_or(|most| gained <= most && may_gain <= arguments.max_unjudged);
    Ok(if is_within { Verdict::Done } else { Verdict::No })
}

/// What is tried.
enum Against {
    Folder(BTreeMap<String, String>),
    /// The files of the repository.
    Here,
    Revision(u64),
}

fn candidate(against: Option<&str>) -> anyhow::Result<Against> {
    let Some(against) = against else { return Ok(Against::Here) };
    if let Ok(number) = against.parse() {
        return Ok(Against::Revision(number));
    }
    let folder = Path::new(against);
    if !folder.is_dir() {
        let what = format!("`{against}` is neither the number of a revision nor a folder");
        return Err(UsageError(format!("{what}; `sallyport revision list` shows revisions")).into());
    }
    let read = files::read_all(folder)?;
    let texts = read.into_iter().map(|(path, bytes)| {
        let text = String::from_utf8(bytes).with_context(|| format!("`{path}` is not UTF-8"))?;
        Ok((path, text))
    });
    Ok(Against::Folder(texts.collect::<anyhow::Result<_>>()?))
}

/// One object per flip, and one with the sums.
fn print_json(view: &Value, output: Output) -> anyhow::Result<()> {
    for (name, kind) in [("would_lose", "lose"), ("would_gain", "gain"), ("not_judged", "not_judged")] {
        for flip in items(view, name) {
            let mut flip = flip.clone();
            let owner = view.get("owners").and_then(|owners| owners.get(text(&flip, "api"))).cloned();
            if let Some(flip) = flip.as_object_mut() {
                flip.insert("flip".to_owned(), json!(kind));
                flip.insert("owner".to_owned(), owner.unwrap_or_default());
            }
            output.json(&flip)?;
        }
    }
    let mut sums = view.clone();
    if let Some(sums) = sums.as_object_mut() {
        for name in ["would_lose", "would_gain", "not_judged", "owners"] {
            sums.remove(name);
        }
    }
    output.json(&json!({ "summary": sums }))?;
    Ok(())
}

fn print_human(view: &Value, (lost, gained): (u64, u64), output: Output) -> anyhow::Result<()> {
    let until = text(view, "until");
    let until = if until.is_empty() { "now".to_owned() } else { until };
    output.line(&format!(
        "{} calls from {} to {until}, judged by the candidate and by revision {}",
        text(view, "calls"),
        text(view, "from"),
        text(view, "revision")
    ))?;
    for (name, title, tone) in
        [("would_lose", "would lose", Tone::Bad), ("would_gain", "would gain", Tone::Warning)]
    {
        let flips = items(view, name);
        if flips.is_empty() {
            continue;
        }
        output.line("")?;
        output.line(&output.tone(tone, title))?;
        let rows = flips.iter().take(ROWS_SHOWN).map(flip_row).collect();
        output
            .line(&render_table(&["caller", "operation", "now", "then", "calls", "last", "look at"], rows))?;
        if ROWS_SHOWN < flips.len() {
            output.line(&format!("… and {} more; --json has all", flips.len() - ROWS_SHOWN))?;
        }
    }
    print_unjudged(view, output)?;
    output.line("")?;
    output.line(&format!(
        "{lost} calls would be lost, {gained} gained; {} pass both ways, {} are refused both ways",
        text(view, "pass_both"),
        text(view, "refused_both")
    ))?;
    let unjudged: u64 =
        items(view, "not_judged").iter().filter_map(|one| one.get("count").and_then(Value::as_u64)).sum();
    if 0 < unjudged {
        output
            .line(&format!("{unjudged} calls are not judged and may be lost or gained as well, as listed"))?;
    } else if text(view, "calls") == "0" {
        output.note("no call was recorded in this span, so this shows nothing");
    }
    let approximate = view.get("approximate_calls").and_then(Value::as_u64).unwrap_or(0);
    if 0 < approximate {
        output.line(&format!(
            "{approximate} calls are approximate: policies look at facts that were not recorded (marked ~)"
        ))?;
    }
    for (why, calls) in view.get("left_out").and_then(Value::as_object).into_iter().flatten() {
        output.line(&printable(&format!("calls that were not judged again: {calls}, {why}")))?;
    }
    Ok(())
}

/// Calls of which nobody can say what becomes of them.
fn print_unjudged(view: &Value, output: Output) -> anyhow::Result<()> {
    let unjudged = items(view, "not_judged");
    if unjudged.is_empty() {
        return Ok(());
    }
    output.line("")?;
    output.line(&output.tone(Tone::Bad, "not judged: what decides about them was not kept"))?;
    let row = |unjudged: &Value| {
        let missing: Vec<&str> = items(unjudged, "missing").iter().filter_map(Value::as_str).collect();
        let sample =
            items(unjudged, "samples").first().and_then(Value::as_str).unwrap_or_default().to_owned();
        vec![
            text(unjudged, "caller"),
            text(unjudged, "operation"),
            text(unjudged, "count"),
            text(unjudged, "may_lose"),
            text(unjudged, "may_gain"),
            missing.join(", "),
            sample,
        ]
    };
    let rows = unjudged.iter().take(ROWS_SHOWN).map(row).collect();
    let head = ["caller", "operation", "calls", "may be lost", "may be gained", "missing", "look at"];
    output.line(&render_table(&head, rows))?;
    if ROWS_SHOWN < unjudged.len() {
        output.line(&format!("… and {} more; --json has all", unjudged.len() - ROWS_SHOWN))?;
    }
    Ok(())
}

fn flip_row(flip: &Value) -> Vec<String> {
    let mark = if items(flip, "approximate").is_empty() { "" } else { "~" };
    let reason = text(flip, "reason");
    let then = text(flip, "then");
    let then = if reason.is_empty() || then == "allowed" { then } else { format!("{then} ({reason})") };
    let sample = items(flip, "samples").first().and_then(Value::as_str).unwrap_or_default().to_owned();
    vec![
        text(flip, "caller"),
        text(flip, "operation"),
        text(flip, "now"),
        then,
        format!("{mark}{}", text(flip, "count")),
        minute(&text(flip, "last")),
        sample,
    ]
}
