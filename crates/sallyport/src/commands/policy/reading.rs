//! `policy explain`, `who-can`, `what-can`: what is in force, in words.

use axum::http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::commands::revision::{access_lines, counted};
use crate::commands::{Verdict, escape, items, list, minute, print_one, text};
use crate::output::{Format, Output, Tone, printable, render_table};

/// Rows of a kind that are shown; `--json` has all of them.
const ROWS_SHOWN: usize = 20;

pub(super) async fn explain(client: &Client, rule: &str, output: Output) -> anyhow::Result<Verdict> {
    let reading = client.ask(Method::GET, &format!("/v1/policies/{}", escape(rule)), None).await?;
    print_one(output, &reading, describe)?;
    Ok(Verdict::Done)
}

fn describe(reading: &Value) -> String {
    let mut lines = vec![
        format!("{} {}", text(reading, "id"), text(reading, "says")),
        String::new(),
        format!("effect      {}", text(reading, "effect")),
        format!("state       {}", text(reading, "state")),
        format!("whom        {}", text(reading, "principals")),
        format!("what        {}", text(reading, "actions")),
    ];
    for condition in items(reading, "conditions") {
        lines.push(format!("when        {}", text(condition, "words")));
    }
    for (name, title) in [("owner", "owner"), ("reason", "reason")] {
        let value = text(reading, name);
        lines.push(format!("{title:<12}{}", if value.is_empty() { "(none)" } else { &value }));
    }
    for (name, title) in [("expires", "expires"), ("observe_until", "observes")] {
        let value = text(reading, name);
        if !value.is_empty() {
            lines.push(format!("{title:<12}{}", minute(&value)));
        }
    }
    lines.push(format!("place       {}:{}", text(reading, "file"), text(reading, "line")));
    let operations = items(reading, "operations");
    lines.push(format!("\nreaches {} now", counted(operations.len(), "operation")));
    for operation in operations.iter().take(ROWS_SHOWN) {
        lines.push(format!("  {}", operation.as_str().unwrap_or_default()));
    }
    lines.extend(more(operations.len()));
    let callers = items(reading, "callers");
    lines.push(format!("\nhas a part in what {} can do", counted(callers.len(), "known caller")));
    for caller in callers.iter().take(ROWS_SHOWN) {
        let operations = caller.get("operations").and_then(Value::as_u64).unwrap_or_default();
        let operations = counted(usize::try_from(operations).unwrap_or(usize::MAX), "operation");
        lines.push(format!("  {}  {operations}", text(caller, "caller")));
    }
    lines.extend(more(callers.len()));
    let counts = reading.get("counts").cloned().unwrap_or_default();
    let without = [("loses", "can do less"), ("gains", "can do more")];
    lines.push("\nwithout it".to_owned());
    if without.iter().all(|(name, _)| text(&counts, name) == "0") {
        lines.push(
            "  nothing changes for anybody: other policies say the same, or it reaches nobody".to_owned(),
        );
    }
    for (name, title) in without {
        lines.extend(access_lines(items(reading, name), &text(&counts, name), title));
    }
    let unjudged = reading.get("unjudged").and_then(Value::as_u64).unwrap_or_default();
    if 0 < unjudged {
        lines.push(format!("  … and {unjudged} pairs of caller and operation that were too many to look at"));
    }
    lines.join("\n")
}

fn more(count: usize) -> Option<String> {
    let more = count.checked_sub(ROWS_SHOWN).filter(|more| 0 < *more)?;
    Some(format!("  … and {more} more; --json has all"))
}

pub(super) async fn who_can(
    client: &Client,
    operation: &str,
    url: Option<&str>,
    output: Output,
) -> anyhow::Result<Verdict> {
    let query = match url {
        None => format!("operation={}", escape(operation)),
        Some(url) => format!("method={}&url={}", escape(operation), escape(url)),
    };
    let found = client.ask(Method::GET, &format!("/v1/who-can?{query}"), None).await?;
    let rows = items(&found, "callers");
    if output.format == Format::Json {
        for row in rows {
            output.json(&with(row, "operation", &found))?;
        }
        return Ok(Verdict::Done);
    }
    output.line(&output.tone(Tone::Strong, &printable(&text(&found, "operation"))))?;
    note(&found, output)?;
    output.line("")?;
    let shown = rows.iter().map(|row| vec![text(row, "caller"), said(row), by(row)]);
    output.table(&["caller", "can call it", "by"], shown.collect(), "nobody is granted it")?;
    let others = text(&found, "others");
    output.line(&format!("\n{others} other known callers are granted nothing here"))?;
    Ok(Verdict::Done)
}

pub(super) async fn what_can(client: &Client, caller: &str, output: Output) -> anyhow::Result<Verdict> {
    let found = client.ask(Method::GET, &format!("/v1/what-can?caller={}", escape(caller)), None).await?;
    let rows = items(&found, "operations");
    if output.format == Format::Json {
        for row in rows {
            output.json(&with(row, "caller", &found))?;
        }
        return Ok(Verdict::Done);
    }
    let team = text(&found, "team");
    let of = if team.is_empty() { String::new() } else { format!(" of the team {team}") };
    output.line(&printable(&format!("{}{of}", text(&found, "caller"))))?;
    note(&found, output)?;
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let api = text(first, "api");
        let end = rest.iter().position(|row| text(row, "api") != api).unwrap_or(rest.len());
        let (of_api, others) = rest.split_at(end);
        rest = others;
        output.line(&format!("\n{}", output.tone(Tone::Strong, &printable(&api))))?;
        let shown = of_api.iter().map(|row| vec![text(row, "operation"), said(row), by(row)]);
        output.line(&render_table(&["operation", "can call it", "by"], shown.collect()))?;
    }
    if rows.is_empty() {
        output.line("\nnothing is granted")?;
    }
    let others = text(&found, "others");
    output.line(&format!("\n{others} other operations are not granted"))?;
    Ok(Verdict::Done)
}

fn note(found: &Value, output: Output) -> std::io::Result<()> {
    let note = text(found, "note");
    if note.is_empty() { Ok(()) } else { output.line(&output.tone(Tone::Warning, &printable(&note))) }
}

/// The row with one more field of the whole.
fn with(row: &Value, name: &str, whole: &Value) -> Value {
    let mut row = row.clone();
    if let (Some(fields), Some(value)) = (row.as_object_mut(), whole.get(name)) {
        fields.insert(name.to_owned(), value.clone());
    }
    row
}

fn said(row: &Value) -> String {
    let decision = match text(row, "decision").as_str() {
        "conditional" => "under conditions".to_owned(),
        other => other.to_owned(),
    };
    match text(row, "note") {
        note if note.is_empty() => decision,
        note => format!("{decision}\n{note}"),
    }
}

/// Grants, and what stands against them, a line each.
fn by(row: &Value) -> String {
    let words = |policy: &Value| {
        let words = items(policy, "conditions").iter().map(|one| text(one, "words"));
        words.collect::<Vec<_>>().join(", and ")
    };
    let mut lines = Vec::new();
    for grant in items(row, "grants") {
        let when = match words(grant) {
            none if none.is_empty() => String::new(),
            words => format!(" when {words}"),
        };
        lines.push(format!("{}{when}", text(grant, "id")));
    }
    for guard in items(row, "guards") {
        let observes = guard.get("observes") == Some(&json!(true));
        let against = if observes { "observed only" } else { "forbidden by" };
        let when = match words(guard) {
            none if none.is_empty() => String::new(),
            words => format!(" when {words}"),
        };
        lines.push(format!("{against} {}{when}", text(guard, "id")));
    }
    if lines.is_empty() { list(row, "by", ", ") } else { lines.join("\n") }
}
