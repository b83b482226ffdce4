//! `key`: create, rotate, revoke, and the keys that APIs gave out before.

mod existing;

use axum::http::Method;
use serde_json::{Value, json};

use super::{Verdict, escape, items, list, minute, print_list, print_one, show_list, text};
use crate::cli::{KeyCommand, Why};
use crate::client::Client;
use crate::output::{Format, Output, Tone, printable};

/// Operations that a line names; `--json` has all of them.
const NEVER_SHOWN: usize = 8;

pub(super) async fn run(client: &Client, command: &KeyCommand, output: Output) -> anyhow::Result<Verdict> {
    match command {
        KeyCommand::List { app } => {
            let filter = app.as_ref().map(|app| format!("?app={}", escape(app))).unwrap_or_default();
            let head = ["key", "kind", "application", "state", "scopes", "expires", "last used"];
            return show_list(client, &format!("/v1/keys{filter}"), output, &head, "no keys", |key| {
                vec![
                    text(key, "id"),
                    text(key, "kind"),
                    text(key, "app"),
                    text(key, "state"),
                    list(key, "scopes", ", "),
                    minute(&text(key, "expires")),
                    minute(&text(key, "last_used")),
                ]
            })
            .await;
        }
        KeyCommand::Create { app, scopes, expires, count, why } => {
            let body = json!({
                "app": app, "scopes": scopes, "expires": expires, "count": count, "reason": why.reason,
            });
            print_issued(output, &client.ask(Method::POST, "/v1/keys", Some(&body)).await?)?;
        }
        KeyCommand::Show { id } => {
            let key = client.ask(Method::GET, &format!("/v1/keys/{}", escape(id)), None).await?;
            print_one(output, &key, describe_key)?;
        }
        KeyCommand::Revoke { id, cause: None, why } => change(client, id, "revoke", why, output).await?,
        KeyCommand::Revoke { id, cause: Some(cause), why } => {
            let body = json!({ "cause": cause, "reason": why.reason });
            change_with(client, id, "revoke", &body, output).await?;
        }
        KeyCommand::Rotate { id, overlap, why } => {
            let body = json!({ "overlap_seconds": overlap.as_secs(), "reason": why.reason });
            let key =
                client.ask(Method::POST, &format!("/v1/keys/{}/rotate", escape(id)), Some(&body)).await?;
            print_issued(output, &Value::Array(vec![key]))?;
        }
        KeyCommand::Advise { app, since } => {
            advise(client, app.as_deref(), since.as_deref(), output).await?;
        }
        KeyCommand::Narrow { id, scopes, why } => {
            let body = json!({ "scopes": scopes, "reason": why.reason });
            let path = format!("/v1/keys/{}/narrow", escape(id));
            let key = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &key, |key| {
                format!("key {} may do no more than {}", text(key, "id"), list(key, "scopes", ", "))
            })?;
        }
        KeyCommand::Extend { id, expires, why } => {
            let body = json!({ "expires": expires, "reason": why.reason });
            let path = format!("/v1/keys/{}/extend", escape(id));
            let key = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &key, |key| {
                format!("key {} counts until {}", text(key, "id"), text(key, "expires"))
            })?;
        }
        KeyCommand::Quarantine { id, why } => change(client, id, "quarantine", why, output).await?,
        KeyCommand::Release { id, why } => change(client, id, "release", why, output).await?,
        KeyCommand::Import(arguments) => return existing::import(client, arguments, output).await,
        KeyCommand::Seen { api } => return existing::seen(client, api.as_deref(), output).await,
        KeyCommand::Promote(arguments) => existing::promote(client, arguments, output).await?,
    }
    Ok(Verdict::Done)
}

/// Says of each key what it never does.
async fn advise(
    client: &Client,
    app: Option<&str>,
    since: Option<&str>,
    output: Output,
) -> anyhow::Result<()> {
    let given = [("app", app), ("since", since)];
    let query: Vec<String> =
        given.iter().filter_map(|(name, value)| Some(format!("{name}={}", escape((*value)?)))).collect();
    let advice = client.ask(Method::GET, &format!("/v1/key-advice?{}", query.join("&")), None).await?;
    if output.format == Format::Json {
        return Ok(advice.as_array().into_iter().flatten().try_for_each(|key| output.json(key))?);
    }
    let keys = advice.as_array().map(Vec::as_slice).unwrap_or_default();
    if keys.is_empty() {
        output.note("no key counts today");
    }
    for key in keys {
        output.line(&printable(&advice_text(key)))?;
    }
    Ok(())
}

fn advice_text(key: &Value) -> String {
    let uses = items(key, "uses");
    let mut lines = vec![format!(
        "{} ({})  may call {} operations by {}; calls {}",
        text(key, "key"),
        text(key, "application"),
        text(key, "covers"),
        list(key, "scopes", ", "),
        uses.len()
    )];
    let never = items(key, "never");
    if !never.is_empty() {
        let shown: Vec<&str> = never.iter().take(NEVER_SHOWN).filter_map(Value::as_str).collect();
        let more = match never.len().checked_sub(NEVER_SHOWN) {
            Some(more @ 1..) => format!(", and {more} more (--json has all)"),
            Some(0) | None => String::new(),
        };
        lines.push(format!("  never called: {}{more}", shown.join(", ")));
    }
    let (command, note) = (text(key, "command"), text(key, "note"));
    if !command.is_empty() {
        lines.push(format!("  → {command}"));
    } else if !note.is_empty() {
        lines.push(format!("  nothing is said of what it does not call: {note}"));
    } else {
        lines.push("  all of it is used".to_owned());
    }
    lines.join("\n")
}

/// Changes the state of a key.
async fn change(client: &Client, id: &str, act: &str, why: &Why, output: Output) -> anyhow::Result<()> {
    change_with(client, id, act, &json!({ "reason": why.reason }), output).await
}

async fn change_with(
    client: &Client,
    id: &str,
    act: &str,
    body: &Value,
    output: Output,
) -> anyhow::Result<()> {
    let path = format!("/v1/keys/{}/{act}", escape(id));
    let key = client.ask(Method::POST, &path, Some(body)).await?;
    print_one(output, &key, |key| format!("key {} is {}", text(key, "id"), text(key, "state")))
}

/// Keys as they were just made. On a terminal the secret stands alone on its line, to be copied whole.
fn print_issued(output: Output, keys: &Value) -> anyhow::Result<()> {
    if output.format == Format::Json {
        return print_list(output, keys, &[], "", |_| Vec::new());
    }
    for key in keys.as_array().map(Vec::as_slice).unwrap_or_default() {
        output.line(&output.tone(Tone::Strong, &text(key, "key")))?;
        output.note(&format!(
            "  key {} of {}, scopes {}, expires {}; send it as {}. It is shown this once.",
            text(key, "id"),
            text(key, "app"),
            list(key, "scopes", ", "),
            minute(&text(key, "expires")),
            how_to_send(key)
        ));
    }
    Ok(())
}

/// One field where all APIs of the key take the same; else each with its API.
fn how_to_send(key: &Value) -> String {
    let header = text(key, "header");
    let headers = key.get("headers").and_then(Value::as_object);
    let mut differing = headers.into_iter().flatten().filter_map(|(api, name)| Some((api, name.as_str()?)));
    if differing.clone().all(|(_, name)| name == header) {
        return format!("`{header}: KEY`");
    }
    let each: Vec<String> = differing.by_ref().map(|(api, name)| format!("`{name}: KEY` to {api}")).collect();
    each.join(", ")
}

pub(super) fn describe_key(key: &Value) -> String {
    let existing = match text(key, "api") {
        none if none.is_empty() => String::new(),
        api => format!("\nkind         existing key of {api}, {}", text(key, "label")),
    };
    let changed = key.get("changed").filter(|changed| changed.is_object());
    let changed = changed.map(|changed| {
        format!(
            "\nchanged      {} by {}: {}",
            minute(&text(changed, "at")),
            text(changed, "by"),
            text(changed, "reason")
        )
    });
    let rotated = match text(key, "rotated_from") {
        from if from.is_empty() => String::new(),
        from => format!("\nreplaces     {from}"),
    };
    format!(
        "key          {}{existing}\napplication  {} (team {})\nstate        {}\nscopes       {}\ncreated      {} by {}\nexpires      {}\nlast used    {}{rotated}{}",
        text(key, "id"),
        text(key, "app"),
        text(key, "team"),
        text(key, "state"),
        list(key, "scopes", ", "),
        minute(&text(key, "created")),
        text(key, "created_by"),
        minute(&text(key, "expires")),
        match text(key, "last_used") {
            never if never.is_empty() => "never".to_owned(),
            time => minute(&time),
        },
        changed.unwrap_or_default()
    )
}
