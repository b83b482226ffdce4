//! What the demo prints: one screen from which a newcomer sees what the product does for them.

use std::path::Path;

use control::{Actor, Control, GatewayStatus};
use serde_json::{Value, json};

use super::Place;
use super::samples::{Answered, Sample};
use crate::commands::operation_shown;
use crate::output::{Output, Tone, render_table};

/// The line for programs.
pub(super) fn first_line(place: &Place<'_>, samples: &[Sample]) -> Value {
    let samples: Vec<Value> = samples
        .iter()
        .map(|sample| {
            let mut headers = serde_json::Map::new();
            if let Some(key) = &sample.call.key {
                headers.insert("X-Api-Key".to_owned(), Value::from(key.as_str()));
            }
            json!({
                "name": sample.name,
                "method": sample.call.method,
                "url": sample.call.url(),
                "headers": headers,
                "expect_status": sample.expect_status,
            })
        })
        .collect();
    json!({
        "gateway": format!("http://{}", place.gateway),
        "admin": format!("http://{}", place.admin),
        "admin_token": place.admin_token,
        "upstream": format!("http://{}", place.upstream),
        "host": place.gateway.to_string(),
        "data_dir": place.folder.display().to_string(),
        "samples": samples,
    })
}

/// The screen for people.
pub(super) fn greet(
    control: &Control,
    place: &Place<'_>,
    answered: &[Answered<'_>],
    output: Output,
) -> anyhow::Result<()> {
    let strong = |text: &str| output.tone(Tone::Strong, text);
    let folder = place.folder.display();
    let kept = if place.kept { "kept" } else { "removed at the end" };
    output.line(&strong(
        "Sallyport: every call identified, nothing allowed by default, everything recorded.",
    ))?;
    output.line(&format!(
        "\n  gateway  http://{}   admin  http://{}\n  API      http://{}   a server that knows nothing of Sallyport\n  files    {folder}   ({kept})\n",
        place.gateway, place.admin, place.upstream
    ))?;
    let [allowed, denied, others @ ..] = answered else {
        return Ok(());
    };
    show_call(allowed, output)?;
    show_call(denied, output)?;
    explain(control, denied, output)?;
    let rows = others.iter().map(|answered| {
        let reason = answered.problem.get("type").and_then(Value::as_str).unwrap_or_default();
        let reason = reason.rsplit(':').next().unwrap_or_default();
        vec![answered.status.to_string(), reason.to_owned(), answered.sample.title.to_owned()]
    });
    output.line(&format!(
        "{}\n{}",
        strong("And so on:"),
        render_table(&["status", "reason", "call"], rows.collect())
    ))?;
    output.line(&format!(
        "\nCallers are busy now. In another terminal:\n  sallyport --dir {folder} status\n  sallyport --dir {folder} explain {}\n  sallyport --dir {folder} audit verify\n{}",
        denied.decision_id,
        output.tone(Tone::Faint, "Ctrl-C ends all of it.")
    ))?;
    Ok(())
}

fn show_call(answered: &Answered<'_>, output: Output) -> anyhow::Result<()> {
    let tone = if answered.status < 400 { Tone::Good } else { Tone::Bad };
    let word = if answered.status < 400 { "Allowed" } else { "Denied" };
    output.line(&format!("{}: {}", output.tone(tone, word), answered.sample.title))?;
    output.line(&format!("  {}", answered.sample.call.curl()))?;
    let detail = answered.problem.get("detail").and_then(Value::as_str);
    let detail = detail.map(|detail| format!("  {detail}")).unwrap_or_default();
    output.line(&format!("  → {}  decision {}{detail}\n", answered.status, answered.decision_id))?;
    Ok(())
}

fn explain(control: &Control, denied: &Answered<'_>, output: Output) -> anyhow::Result<()> {
    let explanation = control.explain_decision(&Actor::gateway(), &denied.decision_id);
    let explanation = match explanation {
        Ok(explanation) => serde_json::to_value(explanation)?,
        Err(error) => {
            output.note(&format!("the decision could not be explained: {}", control::chain(&error)));
            return Ok(());
        }
    };
    let nearest = explanation.get("nearest").and_then(Value::as_str).unwrap_or_default();
    let rules = explanation.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rule = rules.iter().find(|rule| rule.get("id").and_then(Value::as_str) == Some(nearest));
    if let Some(unmet) = rule.and_then(|rule| rule.get("unmet")).and_then(Value::as_str) {
        output.line(&format!("  The nearest of {} rules is `{nearest}`; it asks for", rules.len()))?;
        output.line(&format!("    {}", output.tone(Tone::Strong, unmet)))?;
    }
    let grant = explanation.get("grant").and_then(Value::as_str).unwrap_or_default();
    if !grant.is_empty() {
        output.line("\n  The one change that would allow it, put into a file under policies/:\n")?;
        for line in grant.lines() {
            output.line(&format!("    {}", output.tone(Tone::Faint, line)))?;
        }
        output.line("")?;
    }
    Ok(())
}

/// What happened while the demo ran.
pub(super) fn farewell(status: &GatewayStatus, kept: Option<&Path>, output: Output) -> anyhow::Result<()> {
    for api in &status.apis {
        let denials = api.denials.iter().take(8).map(|row| {
            let operation = operation_shown(&row.operation, &row.reason);
            vec![row.count.to_string(), row.caller.clone(), operation.to_owned(), row.reason.clone()]
        });
        output.line(&format!("\n{}: {} calls allowed, {} denied", api.api, api.allowed, api.denied))?;
        output.line(&render_table(&["calls", "caller", "operation", "reason"], denials.collect()))?;
    }
    if let Some(folder) = kept {
        output.line(&format!("\nKept in {}.", folder.display()))?;
    }
    Ok(())
}
