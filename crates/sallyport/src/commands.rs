//! The commands that ask a question or make a change through the admin API, running gateway or not.

mod access;
mod apis;
mod audit;
mod block;
mod explain;
mod files;
mod init;
mod inventory;
mod issuers;
mod key;
mod policy;
mod revision;
mod secret;
mod status;
mod usage;

use axum::http::Method;
use model::DenyReason;
use serde_json::Value;

use crate::cli::{Cli, Command};
use crate::client::Client;
use crate::output::{Format, Output, in_one_line, printable};
use crate::reach;

pub(crate) use inventory::place_of;

/// What a command answered, for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    /// The answer is no: denied, not verified, findings.
    No,
}

/// Runs every command but `demo` and `up`.
pub(crate) async fn run(cli: &Cli, output: Output) -> anyhow::Result<Verdict> {
    let global = &cli.global;
    match &cli.command {
        Command::Demo(_) | Command::Up(_) => Ok(Verdict::Done),
        Command::Init(arguments) => init::run(arguments, output),
        Command::Config(_) => files::check(global, output),
        Command::Schema => files::schema(global, output),
        Command::Policy(command) => policy::run(global, command, output).await,
        Command::Usage(arguments) => usage::run(&reach::client(global).await?, arguments, output).await,
        Command::Completions { shell } => files::completions(*shell, output),
        Command::Discover(arguments) => crate::discover::run(arguments, output),
        Command::Audit(command) => audit::run(global, command, output).await,
        Command::Inventory(command) => inventory::run(&reach::client(global).await?, command, output).await,
        Command::Api(command) => apis::run(&reach::client(global).await?, command, output).await,
        Command::Team(command) => access::team(&reach::client(global).await?, command, output).await,
        Command::Issuer(command) => issuers::run(&reach::client(global).await?, command, output).await,
        Command::App(command) => access::app(&reach::client(global).await?, command, output).await,
        Command::Key(command) => key::run(&reach::client(global).await?, command, output).await,
        Command::Secret(command) => secret::run(&reach::client(global).await?, command, output).await,
        Command::Block(command) => block::run(&reach::client(global).await?, command, output).await,
        Command::Admin(command) => access::admin(&reach::client(global).await?, command, output).await,
        Command::Status(arguments) => status::run(&reach::client(global).await?, arguments, output).await,
        Command::Explain(arguments) => explain::run(&reach::client(global).await?, arguments, output).await,
        Command::Publish(arguments) => {
            revision::publish(&reach::client(global).await?, arguments, output).await
        }
        Command::Revision(command) => revision::run(&reach::client(global).await?, command, output).await,
    }
}

/// A field as text in one line; empty where there is none. What somebody wrote with a line break in it must not make a
/// line that looks like one of ours.
fn text(value: &Value, name: &str) -> String {
    in_one_line(&whole_text(value, name))
}

/// A field whose lines are what it is about: a policy, a file.
fn whole_text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// An operation as people read it: where there is none, whether none is declared or nobody had to look for one.
pub(crate) fn operation_shown<'a>(operation: &'a str, reason: &str) -> &'a str {
    if !operation.is_empty() {
        return operation;
    }
    match DenyReason::parse(reason) {
        Some(reason) if !reason.is_without_operation() => "(refused before)",
        Some(_) | None => "(none declared)",
    }
}

/// A field that is a list, as one cell.
fn list(value: &Value, name: &str, separator: &str) -> String {
    let items = value.get(name).and_then(Value::as_array);
    let items =
        items.map(|items| items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>());
    items.unwrap_or_default().join(separator)
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A time without its fraction, for tables.
fn minute(time: &str) -> String {
    time.get(..16).map_or_else(|| time.to_owned(), |time| time.replace('T', " "))
}

/// Prints one object: as JSON, or in the words of `human`, which need not look for what deceives.
fn print_one(output: Output, value: &Value, human: impl Fn(&Value) -> String) -> anyhow::Result<()> {
    match output.format {
        Format::Json => output.json(value)?,
        Format::Human => output.line(&printable(&human(value)))?,
    }
    Ok(())
}

/// Prints a list: one JSON object per line, or a table.
fn print_list(
    output: Output,
    value: &Value,
    head: &[&str],
    none: &str,
    row: impl Fn(&Value) -> Vec<String>,
) -> anyhow::Result<()> {
    let rows = value.as_array().map(Vec::as_slice).unwrap_or_default();
    match output.format {
        Format::Json => rows.iter().try_for_each(|row| output.json(row))?,
        Format::Human => output.table(head, rows.iter().map(row).collect(), none)?,
    }
    Ok(())
}

/// Asks for a list and prints it.
async fn show_list(
    client: &Client,
    path: &str,
    output: Output,
    head: &[&str],
    none: &str,
    row: impl Fn(&Value) -> Vec<String>,
) -> anyhow::Result<Verdict> {
    let value = client.ask(Method::GET, path, None).await?;
    print_list(output, &value, head, none, row)?;
    Ok(Verdict::Done)
}

/// A text as one segment of a path, or as a value of a query.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte))
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_be_read_as_syntax() {
        assert_eq!(escape("orders:GET /a?b"), "orders%3AGET%20%2Fa%3Fb");
        assert_eq!(escape("plain-1.0_~"), "plain-1.0_~");
    }

    #[test]
    fn cells_are_read_from_any_shape() {
        let value = serde_json::json!({ "a": "x", "b": 2, "c": null, "d": ["p", "q"] });
        assert_eq!(text(&value, "a"), "x");
        assert_eq!(text(&value, "b"), "2");
        assert_eq!(text(&value, "c"), "");
        assert_eq!(text(&value, "missing"), "");
        assert_eq!(list(&value, "d", ", "), "p, q");
        let forged = serde_json::json!({ "reason": "x\n2026-11-27T23:00:00.000Z  change" });
        assert_eq!(text(&forged, "reason"), "x␊2026-11-27T23:00:00.000Z  change");
        assert_eq!(whole_text(&forged, "reason").lines().count(), 2);
        assert_eq!(minute("2026-12-09T10:00:00.120Z"), "2026-12-09 10:00");
    }
}
