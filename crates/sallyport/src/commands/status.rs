//! `status`: per API who would be denied today, and why.

use axum::http::Method;
use serde_json::Value;

use super::{Verdict, block, items, minute, operation_shown, text};
use crate::cli::StatusArguments;
use crate::client::Client;
use crate::output::{Format, Output, Tone, printable, render_table};

/// Rows shown per API; `--json` has all of them.
const ROWS_SHOWN: usize = 15;

pub(super) async fn run(
    client: &Client,
    arguments: &StatusArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let path = format!("/v1/status?days={}&calls={}", arguments.days, arguments.calls);
    let status = client.ask(Method::GET, &path, None).await?;
    if output.format == Format::Json {
        items(&status, "apis").iter().try_for_each(|api| output.json(api))?;
        return Ok(Verdict::Done);
    }
    for refused in items(&status, "refused") {
        let text = format!("files not in force: {}", refused.as_str().unwrap_or_default());
        output.note(&output.tone(Tone::Bad, &text));
    }
    if let Some(fault) = status.get("record_fault").and_then(Value::as_str) {
        output.note(&output.tone(Tone::Bad, &format!("the log takes no entries: {fault}")));
    }
    if let Some(fault) = status.get("blocks_fault").and_then(Value::as_str) {
        output.note(&output.tone(Tone::Bad, fault));
    }
    for line in items(&status, "ending_grants").iter().chain(items(&status, "void_scopes")) {
        output.note(&output.tone(Tone::Warning, &printable(line.as_str().unwrap_or_default())));
    }
    for issuer in items(&status, "issuers") {
        let keys = text(issuer, "keys");
        if keys != "fresh" {
            let (name, error) = (text(issuer, "issuer"), text(issuer, "last_error"));
            output.note(&output.tone(Tone::Bad, &format!("keys of issuer {name} are {keys}: {error}")));
        }
    }
    output.line(&format!("revision {}", text(&status, "revision")))?;
    for block in items(&status, "blocks") {
        output.line(&output.tone(Tone::Warning, &printable(&block::line(block))))?;
    }
    for api in items(&status, "apis") {
        output.line("")?;
        output.line(&describe(api, output))?;
    }
    Ok(Verdict::Done)
}

fn describe(api: &Value, output: Output) -> String {
    let mode = match (text(api, "mode").as_str(), text(api, "observe_until")) {
        ("observe", until) => output.tone(Tone::Warning, &format!("observe until {}", minute(&until))),
        (mode, _) => mode.to_owned(),
    };
    let name = output.tone(Tone::Strong, &text(api, "api"));
    let mut lines = vec![format!(
        "{name}  {mode}  today {} allowed, {} denied",
        text(api, "allowed"),
        text(api, "denied")
    )];
    for (title, rows) in [("would be denied", items(api, "would_deny")), ("denied", items(api, "denials"))] {
        if rows.is_empty() {
            continue;
        }
        let shown = rows.iter().take(ROWS_SHOWN).map(|row| {
            let (operation, reason) = (text(row, "operation"), text(row, "reason"));
            let operation = operation_shown(&operation, &reason).to_owned();
            vec![text(row, "caller"), operation, reason, text(row, "count")]
        });
        lines.push(render_table(&[title, "operation", "reason", "calls"], shown.collect()));
        if ROWS_SHOWN < rows.len() {
            lines.push(format!("… and {} more; --json has all", rows.len() - ROWS_SHOWN));
        }
    }
    lines.extend(
        api.get("ready").filter(|ready| ready.is_object()).map(|ready| readiness(api, ready, output)),
    );
    for alert in items(api, "alerts") {
        lines.push(output.tone(Tone::Warning, &format!("! {}", alert.as_str().unwrap_or_default())));
    }
    for step in items(api, "in_the_way") {
        lines.push(format!("→ {}", step.as_str().unwrap_or_default()));
    }
    lines.join("\n")
}

/// How far an observed API is from being enforced.
fn readiness(api: &Value, ready: &Value, output: Output) -> String {
    let figure = |name: &str| ready.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (days, calls, wanted) = (figure("days"), figure("calls"), figure("calls_wanted"));
    let still: u64 =
        items(ready, "still").iter().filter_map(|row| row.get("count").and_then(Value::as_u64)).sum();
    if ready.get("ready").and_then(Value::as_bool) == Some(true) {
        let told =
            format!("ready to enforce: nothing would have been refused for {days} days, of {calls} calls");
        let next = format!("  set `mode: enforce` in apis/{}/api.yaml", text(api, "api"));
        return format!("{}\n{next}", output.tone(Tone::Good, &told));
    }
    let mut missing = Vec::new();
    if 0 < still {
        missing.push(format!("{still} of {calls} calls of the last {days} days would be refused"));
    }
    let since = figure("declared_since_calls");
    if 0 < since {
        missing.push(format!(
            "{since} calls of the last {days} days were of what is declared by now, whether policies permit them shows as they come again"
        ));
    }
    if 0 < figure("unjudged_calls") {
        missing.push(format!(
            "{} calls cannot be judged, since what decides about them was not kept (`sallyport policy replay` lists them)",
            figure("unjudged_calls")
        ));
    }
    if figure("days_recorded") < days {
        missing.push(format!("recorded for {} of {days} days", figure("days_recorded")));
    }
    if calls < wanted {
        missing.push(format!("{calls} of {wanted} calls"));
    }
    output.tone(Tone::Warning, &format!("not ready to enforce: {}", missing.join("; ")))
}
