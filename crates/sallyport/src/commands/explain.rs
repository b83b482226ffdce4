//! `explain`: why, and the smallest change that would make it yes.

use anyhow::bail;
use axum::http::Method;
use serde_json::{Value, json};

use super::{Verdict, escape, items, operation_shown, text, whole_text};
use crate::cli::ExplainArguments;
use crate::client::Client;
use crate::output::{Format, Output, Tone, in_one_line, render_table};

pub(super) async fn run(
    client: &Client,
    arguments: &ExplainArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let explanation = match (&arguments.caller, &arguments.url) {
        (None, None) => {
            client.ask(Method::GET, &format!("/v1/explain/{}", escape(&arguments.subject)), None).await?
        }
        (Some(caller), Some(url)) => {
            let body = json!({ "as": caller, "method": arguments.subject, "url": url });
            client.ask(Method::POST, "/v1/explain", Some(&body)).await?
        }
        (None, Some(_)) => bail!("say who would call: --as app:NAME or --as anonymous"),
        (Some(_), None) => {
            bail!("give the method and the URL of the call, for example GET https://host/path")
        }
    };
    match output.format {
        Format::Json => output.json(&explanation)?,
        Format::Human => output.line(&describe(&explanation, output))?,
    }
    let allowed = text(&explanation, "decision") == "allow";
    Ok(if allowed { Verdict::Done } else { Verdict::No })
}

/// The explanation as a person reads it.
fn describe(explanation: &Value, output: Output) -> String {
    let decision = text(explanation, "decision");
    let tone = if decision == "allow" { Tone::Good } else { Tone::Bad };
    let reason = match text(explanation, "reason") {
        none if none.is_empty() => String::new(),
        reason => format!(" ({reason})"),
    };
    let mut lines = vec![
        format!("{}{reason}", output.tone(tone, &decision)),
        format!("caller     {} ({})", text(explanation, "caller"), text(explanation, "strength")),
    ];
    let line = |title: &str, value: &str| (!value.is_empty()).then(|| format!("{title:<11}{value}"));
    lines.extend(line("key", &text(explanation, "key")));
    lines.extend(line("from", &text(explanation, "source_ip")));
    let (operation, reason) = (text(explanation, "operation"), text(explanation, "reason"));
    lines.push(format!("operation  {}", operation_shown(&operation, &reason)));
    lines.extend(line("params", &parameters(explanation)));
    lines.extend(line("verdict", &text(explanation, "verdict")));
    lines.extend(line("answer", &answer(explanation)));
    for name in ["revision", "time", "note"] {
        lines.extend(line(name, &text(explanation, name)));
    }
    let rules = describe_rules(explanation);
    if !rules.is_empty() {
        lines.push(String::new());
        lines.push(rules);
    }
    let nearest = text(explanation, "nearest");
    if !nearest.is_empty() {
        lines.push(format!("\nnearest rule: {nearest}"));
    }
    let grant = whole_text(explanation, "grant");
    if !grant.is_empty() {
        let title = match text(explanation, "reason").as_str() {
            "out_of_scope" => "The smallest grant that a key with that scope needs",
            _ => "The smallest grant that would allow it",
        };
        lines.push(format!("\n{title}; put it into a file under policies/:\n"));
        lines.push(grant);
    }
    lines.join("\n")
}

/// Path parameters as the log holds them.
fn parameters(explanation: &Value) -> String {
    let Some(params) = explanation.get("params").and_then(Value::as_object) else { return String::new() };
    let shown = params
        .iter()
        .map(|(name, value)| in_one_line(&format!("{name}={}", value.as_str().unwrap_or_default())));
    shown.collect::<Vec<_>>().join(" ")
}

/// How the call was answered, where that is known.
fn answer(explanation: &Value) -> String {
    match (text(explanation, "status"), text(explanation, "outcome")) {
        (status, outcome) if outcome == "done" || outcome.is_empty() => status,
        (status, outcome) => format!("{status} ({outcome})"),
    }
}

/// Each rule's outcome, with the first condition that is not met.
fn describe_rules(explanation: &Value) -> String {
    let rules = items(explanation, "rules");
    if rules.is_empty() {
        return String::new();
    }
    let rows = rules.iter().map(|rule| {
        vec![text(rule, "id"), text(rule, "effect"), text(rule, "outcome"), whole_text(rule, "unmet")]
    });
    render_table(&["rule", "effect", "outcome", "first unmet condition"], rows.collect())
}
