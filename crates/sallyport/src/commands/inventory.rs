//! `inventory`: what the gateway saw beside what is declared.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Verdict, escape, items, list, minute, print_list, print_one, text};
use crate::UsageError;
use crate::cli::{InventoryCommand, NamedOperation, NamedPlace};
use crate::client::Client;
use crate::output::{Format, Output, printable};

pub(super) async fn run(
    client: &Client,
    command: &InventoryCommand,
    output: Output,
) -> anyhow::Result<Verdict> {
    match command {
        InventoryCommand::List { api, host, state, ignored } => {
            let mut query = Vec::new();
            for (name, value) in [("api", api), ("host", host), ("state", state)] {
                query.extend(value.as_ref().map(|value| format!("{name}={}", escape(value))));
            }
            if *ignored {
                query.push("ignored=true".to_owned());
            }
            list_all(client, &query.join("&"), output).await?;
        }
        InventoryCommand::Show { operation } => {
            let found = one(client, operation).await?;
            print_one(output, &found, describe)?;
        }
        InventoryCommand::Adopt { operation, dry_run, accept_gains, why } => {
            let body = json!({
                "operation": named(operation)?, "dry_run": dry_run, "accept_gains": accept_gains, "reason": why.reason,
            });
            let adopted = client.ask(Method::POST, "/v1/inventory/adopt", Some(&body)).await?;
            print_one(output, &adopted, describe_adopted)?;
        }
        InventoryCommand::Ignore { operation, reason } => {
            let body = json!({ "operation": named(operation)?, "reason": reason });
            let ignored = client.ask(Method::POST, "/v1/inventory/ignore", Some(&body)).await?;
            print_one(output, &ignored, |row| {
                format!(
                    "{} {}{} is listed no longer; it is counted all the same",
                    text(row, "method"),
                    text(row, "host"),
                    text(row, "path")
                )
            })?;
        }
        InventoryCommand::Unignore { operation, why } => {
            let body = json!({ "operation": named(operation)?, "reason": why.reason });
            let mark = client.ask(Method::POST, "/v1/inventory/unignore", Some(&body)).await?;
            print_one(output, &mark, |row| {
                format!("{} {}{} is listed again", text(row, "method"), text(row, "host"), text(row, "path"))
            })?;
        }
        InventoryCommand::Literal { place } => say(client, place, "literal", output).await?,
        InventoryCommand::Parameter { place } => say(client, place, "parameter", output).await?,
        InventoryCommand::Places => {
            let places = client.ask(Method::GET, "/v1/inventory/places", None).await?;
            print_list(output, &places, &["place", "is"], "nothing was said of any place", |row| {
                vec![format!("{}{}", text(row, "host"), text(row, "path")), text(row, "is")]
            })?;
        }
    }
    Ok(Verdict::Done)
}

/// Prints the operations that a query asks for.
async fn list_all(client: &Client, query: &str, output: Output) -> anyhow::Result<()> {
    let mut found = client.ask(Method::GET, &format!("/v1/inventory?{query}"), None).await?;
    if let Value::Array(rows) = &mut found {
        // What needs a person first comes first.
        rows.sort_by_key(|row| (attention(&text(row, "state")), std::cmp::Reverse(count(row))));
    }
    let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let hosts: std::collections::BTreeSet<String> = rows.iter().map(|row| text(row, "host")).collect();
    let is_one = hosts.len() == 1;
    let head = ["state", "method", "operation", "calls", "callers", "last seen", "sure", "auth"];
    if let (true, Some(host)) = (is_one && output.format == Format::Human, hosts.first()) {
        output.note(&printable(&format!("all on {host}")));
    }
    print_list(output, &found, &head, "nothing was seen and nothing is declared", |row| {
        vec![
            state_of(row),
            text(row, "method"),
            if is_one { text(row, "path") } else { format!("{}{}", text(row, "host"), text(row, "path")) },
            text(row, "count"),
            known_callers(row),
            minute(&text(row, "last_seen")),
            text(row, "confidence"),
            text(row, "auth"),
        ]
    })
}

async fn say(client: &Client, place: &NamedPlace, is: &str, output: Output) -> anyhow::Result<()> {
    let (host, path) = place_of(&place.place)?;
    let is = if place.undo { "inferred" } else { is };
    let body = json!({ "host": host, "path": path, "is": is, "reason": place.why.reason });
    let said = client.ask(Method::POST, "/v1/inventory/places", Some(&body)).await?;
    print_one(output, &said, |row| {
        let place = format!("{}{}", text(row, "host"), text(row, "path"));
        match text(row, "is").as_str() {
            "literal" => format!("the last part of {place} is a name"),
            "parameter" => format!("the last part of {place} is a parameter"),
            _ => format!("the last part of {place} is again what is inferred"),
        }
    })
}

/// `[HOST]/PATH`, taken apart.
pub(crate) fn place_of(text: &str) -> Result<(Option<String>, String), UsageError> {
    let at = text.find('/').filter(|at| at + 1 < text.len()).ok_or_else(|| {
        UsageError(format!("`{text}` is no place of a path; write it as /users/{{}}/me or HOST/users/{{}}"))
    })?;
    let (host, path) = text.split_at(at);
    Ok(((!host.is_empty()).then(|| host.to_ascii_lowercase()), path.to_owned()))
}

async fn one(client: &Client, operation: &NamedOperation) -> anyhow::Result<Value> {
    let parts = named(operation)?;
    let mut query = vec!["ignored=true".to_owned()];
    for name in ["host", "method", "path"] {
        if let Some(value) = parts.get(name).and_then(Value::as_str) {
            query.push(format!("{name}={}", escape(value)));
        }
    }
    let found = client.ask(Method::GET, &format!("/v1/inventory?{}", query.join("&")), None).await?;
    match found.as_array().map(Vec::as_slice).unwrap_or_default() {
        [one] => Ok(one.clone()),
        [] => anyhow::bail!(
            "there is no operation `{}` in the inventory; see `sallyport inventory list`",
            operation.operation
        ),
        more => {
            let hosts: Vec<String> = more.iter().map(|row| text(row, "host")).collect();
            anyhow::bail!(
                "`{}` means several: name the host with --host, one of {}",
                operation.operation,
                hosts.join(", ")
            )
        }
    }
}

/// `METHOD /path`, `METHOD HOST/path` or an operation id, taken apart.
fn named(operation: &NamedOperation) -> anyhow::Result<Value> {
    let wrong = || {
        UsageError(format!(
            "`{}` is no operation; write it as 'GET /orders/{{id}}' or 'GET shop.example.com/orders/{{id}}'",
            operation.operation
        ))
    };
    let (method, target) = operation.operation.trim().split_once(' ').ok_or_else(wrong)?;
    // An id has the API's name before the method.
    let method = method.rsplit(':').next().unwrap_or(method);
    let target = target.trim().trim_start_matches("https://").trim_start_matches("http://");
    let (host, path) = target.split_at_checked(target.find('/').ok_or_else(wrong)?).ok_or_else(wrong)?;
    let host = operation.host.clone().or_else(|| (!host.is_empty()).then(|| host.to_owned()));
    Ok(json!({ "host": host, "method": method, "path": path }))
}

fn count(row: &Value) -> u64 {
    row.get("count").and_then(Value::as_u64).unwrap_or(0)
}

fn attention(state: &str) -> u8 {
    match state {
        "zombie" => 0,
        "shadow" => 1,
        "orphan" => 2,
        _ => 3,
    }
}

fn state_of(row: &Value) -> String {
    let mark = if row.get("ignored").is_some_and(Value::is_object) { " (ignored)" } else { "" };
    format!("{}{mark}", text(row, "state"))
}

fn describe(row: &Value) -> String {
    let api = text(row, "api");
    let statuses: Vec<String> = row
        .get("statuses")
        .and_then(Value::as_object)
        .map(|statuses| statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect())
        .unwrap_or_default();
    let mut lines = format!(
        "operation   {} {}{}\nstate       {}: {}\nAPI         {}\ncalls       {} ({} with success)\nfirst seen  {}\nlast seen   {}\ncallers     {}\nstatuses    {}\nanswers     {}\nauth        {}\nexposure    {}\nsure        {}",
        text(row, "method"),
        text(row, "host"),
        text(row, "path"),
        state_of(row),
        text(row, "why"),
        if api.is_empty() { "(none serves it)" } else { &api },
        text(row, "count"),
        text(row, "succeeded"),
        minute(&text(row, "first_seen")),
        minute(&text(row, "last_seen")),
        callers(row),
        statuses.join(", "),
        list(row, "content_types", ", "),
        text(row, "auth"),
        text(row, "exposure"),
        text(row, "confidence"),
    );
    for (name, words) in [
        ("undeclared_query", "sent and not declared"),
        ("unsent_query", "required and never sent"),
        ("undeclared_statuses", "answered and not declared"),
        ("undeclared_request_types", "media types sent and not declared"),
        ("undeclared_answer_types", "media types answered and not declared"),
    ] {
        let names = row.get("drift").map(|drift| list(drift, name, ", ")).unwrap_or_default();
        if !names.is_empty() {
            lines.push_str(&format!("\ndrift       {words}: {names}"));
        }
    }
    for example in items(row, "examples") {
        lines.push_str(&format!("\nexample     {}", example.as_str().unwrap_or_default()));
    }
    for reason in items(row, "reasons") {
        lines.push_str(&format!("\n            {}", reason.as_str().unwrap_or_default()));
    }
    if let Some(ignored) = row.get("ignored").filter(|ignored| ignored.is_object()) {
        lines.push_str(&format!(
            "\nignored     by {} on {}: {}",
            text(ignored, "by"),
            minute(&text(ignored, "at")),
            text(ignored, "reason")
        ));
    }
    if text(row, "state") == "shadow" && !api.is_empty() {
        lines.push_str(&format!(
            "\n\nDeclare it:  sallyport inventory adopt '{} {}{}'",
            text(row, "method"),
            text(row, "host"),
            text(row, "path")
        ));
    }
    lines
}

/// How many; a hyphen where there were calls and none of a verified caller, which is not the same as nobody.
fn known_callers(row: &Value) -> String {
    let told = text(row, "callers");
    if told == "0" && text(row, "count") != "0" { "-".to_owned() } else { told }
}

/// How many, and the names of some; a caller without a verified key has none.
fn callers(row: &Value) -> String {
    let (count, names) = (known_callers(row), list(row, "caller_names", ", "));
    if names.is_empty() { count } else { format!("{count} ({names})") }
}

fn describe_adopted(adopted: &Value) -> String {
    let mut lines = vec![text(adopted, "file")];
    lines.extend(
        items(adopted, "added").iter().map(|line| format!("+ {}", line.as_str().unwrap_or_default())),
    );
    let gains = list(adopted, "gains", ", ");
    lines.push(String::new());
    lines.push(if gains.is_empty() {
        "It is in no group and no policy reaches it: nobody gains anything.".to_owned()
    } else {
        format!("Policies that reach it at once: {gains}")
    });
    for place in items(adopted, "names").iter().filter_map(Value::as_str) {
        lines.push(format!(
            "What stands in {place} reads like names, and each of them is this one operation: a grant for one is a grant for all. \
             First say which are operations of their own: sallyport inventory literal '{}NAME'",
            place.strip_suffix("{}").unwrap_or(place)
        ));
    }
    let operation = text(adopted, "operation");
    lines.push(if adopted.get("written") == Some(&Value::Bool(true)) {
        format!("Written. `{operation}` is declared; commit the file, and grant it by a policy or `api regroup {}`.", text(adopted, "api"))
    } else {
        "Nothing written.".to_owned()
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_in_several_ways() {
        let parts = |text: &str, host: Option<&str>| {
            named(&NamedOperation { operation: text.to_owned(), host: host.map(str::to_owned) }).map(
                |value| format!("{} {} {}", value["host"], value["method"], value["path"]).replace('"', ""),
            )
        };
        assert_eq!(parts("GET /orders/{id}", None).unwrap(), "null GET /orders/{id}");
        assert_eq!(parts("GET h.example/orders", None).unwrap(), "h.example GET /orders");
        assert_eq!(parts("GET https://h.example/orders", None).unwrap(), "h.example GET /orders");
        assert_eq!(parts("orders:GET /orders", Some("h")).unwrap(), "h GET /orders");
        for wrong in ["GET", "", "GET h.example", "/orders"] {
            assert!(parts(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn callers_are_named_where_they_have_names() {
        for (row, expected) in [
            (json!({ "count": 0, "callers": 0, "caller_names": [] }), "0"),
            (json!({ "count": 7, "callers": 0, "caller_names": [] }), "-"),
            (json!({ "callers": 3, "caller_names": ["reader", "shop"] }), "3 (reader, shop)"),
        ] {
            assert_eq!(callers(&row), expected);
            assert!(describe(&row).contains(&format!("\ncallers     {expected}\n")));
        }
    }
}
