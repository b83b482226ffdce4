//! `usage`: who called what, how often, and what came of it; for people, for billing, for programs.

use axum::http::Method;
use serde_json::Value;

use super::{Verdict, escape, items, minute, text};
use crate::UsageError;
use crate::cli::UsageArguments;
use crate::client::Client;
use crate::output::{Format, Output, Tone, printable};

/// The columns of figures in CSV, by their names in JSON.
const FIGURES: [&str; 14] = [
    "calls",
    "allowed",
    "would_deny",
    "denied",
    "ok",
    "client_errors",
    "server_errors",
    "broken",
    "unknown",
    "bytes_in",
    "bytes_out",
    "days",
    "first",
    "last",
];

pub(super) async fn run(
    client: &Client,
    arguments: &UsageArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    if arguments.csv && output.format == Format::Json {
        let what = "`--csv` and `--json` are two forms of one answer\n  give one of them";
        return Err(UsageError(what.to_owned()).into());
    }
    let by = &arguments.by;
    let mut query = arguments.span.query();
    let conditions =
        [("caller", &arguments.caller), ("key", &arguments.key), ("network", &arguments.network)];
    for (name, value) in conditions {
        query.extend(value.as_ref().map(|value| format!("{name}={}", escape(value))));
    }
    query.push(format!("by={}", escape(&by.join(","))));
    let report = client.ask(Method::GET, &format!("/v1/usage?{}", query.join("&")), None).await?;
    let rows = items(&report, "rows");
    if arguments.csv {
        print_csv(output, by, rows)?;
    } else if output.format == Format::Json {
        rows.iter().try_for_each(|row| output.json(row))?;
    } else {
        print_table(output, by, rows, &report)?;
    }
    if arguments.span.since.as_deref().is_some_and(begins_within_a_day) {
        let from = text(&report, "from");
        output.note(&format!(
            "usage counts whole days: all of {from} is in it; `audit search --since` looks at calls one by one"
        ));
    }
    warn(&report, output);
    Ok(Verdict::Done)
}

/// Whether a `--since` says more than a day: an hour of it, or a time that is so long ago.
fn begins_within_a_day(since: &str) -> bool {
    let is_date = since.len() == "2026-12-31".len() && !since.contains(':');
    !is_date && !since.ends_with('d')
}

fn print_csv(output: Output, by: &[String], rows: &[Value]) -> anyhow::Result<()> {
    let head: Vec<&str> = by.iter().map(String::as_str).chain(FIGURES).collect();
    output.line(&head.join(","))?;
    for row in rows {
        let cells: Vec<String> = head.iter().map(|name| csv_cell(&text(row, name))).collect();
        output.line(&cells.join(","))?;
    }
    Ok(())
}

/// A cell that no spreadsheet takes for a formula, quoted where RFC 4180 asks for it.
fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn print_table(output: Output, by: &[String], rows: &[Value], report: &Value) -> anyhow::Result<()> {
    let until = text(report, "until");
    let until = if until.is_empty() { "now".to_owned() } else { until };
    output.note(&format!("from {} to {until}", text(report, "from")));
    let names = ["calls", "ok", "denied", "would deny", "errors", "days", "last"];
    let head: Vec<&str> = by.iter().map(String::as_str).chain(names).collect();
    let row = |row: &Value| {
        let figure = |name: &str| row.get(name).and_then(Value::as_u64).unwrap_or(0);
        let errors = figure("client_errors") + figure("server_errors") + figure("broken");
        let mut cells: Vec<String> = by.iter().map(|name| shown(name, &text(row, name))).collect();
        for count in
            [figure("calls"), figure("ok"), figure("denied"), figure("would_deny"), errors, figure("days")]
        {
            cells.push(count.to_string());
        }
        cells.push(minute(&text(row, "last")));
        cells
    };
    output.table(&head, rows.iter().map(row).collect(), "nobody called anything in this time")?;
    Ok(())
}

fn shown(name: &str, value: &str) -> String {
    match (name, value) {
        ("operation", "") => "(none declared)".to_owned(),
        (_, "") => "-".to_owned(),
        (_, value) => printable(value),
    }
}

fn warn(report: &Value, output: Output) {
    let figure = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
    if 0 < figure("lost") {
        let text = format!("{} entries of the log were lost; their calls are in no row", figure("lost"));
        output.note(&output.tone(Tone::Warning, &text));
    }
    if 0 < figure("coarse_calls") {
        let count = figure("coarse_calls");
        output.note(&format!(
            "{count} calls are in rows without single addresses, users or objects: erased, or too many of them"
        ));
    }
    if 0 < figure("undecided_calls") {
        let count = figure("undecided_calls");
        output.note(&format!(
            "{count} calls are left out because their rows name no address, or only a wider network; `audit search --network` \
             finds what the log holds of them"
        ));
    }
    let fault = text(report, "fault");
    if !fault.is_empty() {
        let text = format!("the log cannot be read to its end ({fault}); what lies behind is missing");
        output.note(&output.tone(Tone::Bad, &printable(&text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_less_than_a_day_is_told_so() {
        for (since, expected) in [
            ("40m", true),
            ("36h", true),
            ("2026-11-28T10:00:00Z", true),
            ("2026-11-28", false),
            ("30d", false),
        ] {
            assert_eq!(begins_within_a_day(since), expected, "{since}");
        }
    }

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        for (text, cell) in [
            ("app:shop", "app:shop"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
    }
}
