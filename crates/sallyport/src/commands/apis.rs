//! `api`: declare, show, regroup, observe.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Verdict, escape, items, list, minute, print_one, show_list, text};
use crate::cli::{ApiCommand, NewApi};
use crate::client::Client;
use crate::output::{Output, render_table};

pub(super) async fn run(client: &Client, command: &ApiCommand, output: Output) -> anyhow::Result<Verdict> {
    match command {
        ApiCommand::List => {
            let head = ["api", "mode", "operations", "hosts", "upstream", "owner"];
            return show_list(client, "/v1/apis", output, &head, "no APIs", |api| {
                vec![
                    text(api, "name"),
                    mode(api),
                    items(api, "operations").len().to_string(),
                    list(api, "hosts", ", "),
                    text(api, "upstream"),
                    text(api, "owner"),
                ]
            })
            .await;
        }
        ApiCommand::Add { name, api, host, owner, why } => {
            let NewApi { upstream, openapi } = api;
            let document = openapi.as_ref().map(|path| super::files::read_document(path)).transpose()?;
            let body = json!({
                "name": name, "upstream": upstream, "host": host, "owner": owner, "document": document,
                "reason": why.reason,
            });
            let api = client.ask(Method::POST, "/v1/apis", Some(&body)).await?;
            print_one(output, &api, |api| {
                let count = items(api, "operations").len();
                format!("api {} added with {count} operations, mode {}", text(api, "name"), mode(api))
            })?;
        }
        ApiCommand::Show { name } => {
            let api = client.ask(Method::GET, &format!("/v1/apis/{}", escape(name)), None).await?;
            print_one(output, &api, describe)?;
        }
        ApiCommand::Regroup { name, dry_run, why } => {
            let body = json!({ "dry_run": dry_run, "reason": why.reason });
            let path = format!("/v1/apis/{}/regroup", escape(name));
            let regrouped = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &regrouped, describe_regroup)?;
        }
        ApiCommand::Observe { name, until, reason } => {
            let body = json!({ "until": until, "reason": reason });
            let path = format!("/v1/apis/{}/observe", escape(name));
            let before = client.ask(Method::GET, &format!("/v1/apis/{}", escape(name)), None).await?;
            let api = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &api, |api| format!("api {}: {}", text(api, "name"), mode(api)))?;
            if text(&before, "mode") == "enforce" {
                let name = text(&api, "name");
                output.note(&format!(
                    "`{name}` was enforced: from now on what policy refuses passes, and is recorded"
                ));
            }
        }
    }
    Ok(Verdict::Done)
}

fn mode(api: &Value) -> String {
    match (text(api, "mode").as_str(), text(api, "observe_until")) {
        ("observe", until) => format!("observe until {}", minute(&until)),
        (mode, _) => mode.to_owned(),
    }
}

fn describe(api: &Value) -> String {
    let mut lines = format!(
        "api         {}\nhosts       {}\nupstream    {}\nbase path   {}\nowner       {}\nexposure    {}\nmode        {}\naudit       {}\ndata class  {}\ncredential  {}\n{}\n",
        text(api, "name"),
        list(api, "hosts", ", "),
        text(api, "upstream"),
        text(api, "base_path"),
        text(api, "owner"),
        text(api, "exposure"),
        mode(api),
        text(api, "audit"),
        text(api, "data_class"),
        text(api, "credential"),
        existing_keys(api)
    );
    let rows = items(api, "operations").iter().map(|operation| {
        let mark = if operation.get("deprecated") == Some(&Value::Bool(true)) { "deprecated" } else { "" };
        vec![text(operation, "id"), list(operation, "groups", ", "), mark.to_owned()]
    });
    lines.push_str(&render_table(&["operation", "groups", ""], rows.collect()));
    lines
}

/// What the keys look like that the API had before, a line each.
fn existing_keys(api: &Value) -> String {
    let line = |form: &Value| {
        format!(
            "its keys    {}, {}…, {} to {} characters, {}\n",
            text(form, "place"),
            text(form, "prefix"),
            text(form, "shortest"),
            text(form, "longest"),
            text(form, "alphabet")
        )
    };
    items(api, "existing_keys").iter().map(line).collect()
}

pub(super) fn describe_regroup(regrouped: &Value) -> String {
    let mut lines = Vec::new();
    for (name, verb) in [("joined", "joins"), ("left", "leaves")] {
        for change in items(regrouped, name) {
            lines.push(format!("{}  {verb} {}", text(change, "operation"), text(change, "group")));
        }
    }
    if lines.is_empty() {
        return "groups.lock is up to date; nobody gains anything".to_owned();
    }
    let gains = items(regrouped, "gains");
    lines.push(String::new());
    if gains.is_empty() {
        lines.push(
            "No policy reaches these operations through their groups: nobody gains anything.".to_owned(),
        );
    }
    for gain in gains {
        lines.push(format!(
            "{} `{}` now reaches {} through {}; {} keys have that scope",
            text(gain, "effect"),
            text(gain, "policy"),
            text(gain, "operation"),
            text(gain, "group"),
            text(gain, "keys")
        ));
    }
    let callers = items(regrouped, "callers");
    let count = callers.len().to_string();
    lines.extend(super::revision::access_lines(callers, &count, "can do more, or on other terms"));
    let written = regrouped.get("written") == Some(&Value::Bool(true));
    lines.push(String::new());
    lines.push(if written { "groups.lock written." } else { "Nothing written." }.to_owned());
    lines.join("\n")
}
