//! `team`, `app`, `key` and `admin`: who exists, and with which credentials.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Verdict, escape, list, minute, print_one, show_list, text};
use crate::cli::{AdminCommand, AppCommand, TeamCommand};
use crate::client::Client;
use crate::output::{Format, Output};

pub(super) async fn team(client: &Client, command: &TeamCommand, output: Output) -> anyhow::Result<Verdict> {
    let row = |team: &Value| {
        vec![
            text(team, "name"),
            list(team, "members", ", "),
            list(team, "apps", ", "),
            list(team, "apis", ", "),
        ]
    };
    match command {
        TeamCommand::List => {
            let head = ["team", "members", "applications", "owns"];
            return show_list(client, "/v1/teams", output, &head, "no teams", row).await;
        }
        TeamCommand::Create { name, why } => {
            let body = json!({ "name": name, "reason": why.reason });
            let team = client.ask(Method::POST, "/v1/teams", Some(&body)).await?;
            print_one(output, &team, |team| format!("team {} added to teams.yaml", text(team, "name")))?;
        }
        TeamCommand::Show { name } => {
            let team = client.ask(Method::GET, &format!("/v1/teams/{}", escape(name)), None).await?;
            print_one(output, &team, |team| {
                format!(
                    "team          {}\nmembers       {}\napplications  {}\nowns          {}",
                    text(team, "name"),
                    list(team, "members", ", "),
                    list(team, "apps", ", "),
                    list(team, "apis", ", ")
                )
            })?;
        }
    }
    Ok(Verdict::Done)
}

pub(super) async fn app(client: &Client, command: &AppCommand, output: Output) -> anyhow::Result<Verdict> {
    let attributes = |app: &Value| {
        let attributes = app.get("attributes").and_then(Value::as_object);
        let pairs = attributes.into_iter().flatten().map(|(name, value)| match value {
            Value::String(value) => format!("{name}={value}"),
            other => format!("{name}={other}"),
        });
        pairs.collect::<Vec<_>>().join(", ")
    };
    let path = |name: &str, act: &str| format!("/v1/applications/{}/{act}", escape(name));
    let changed = |app: &Value| format!("application {} is {}", text(app, "name"), text(app, "state"));
    match command {
        AppCommand::List => {
            let head = ["application", "team", "state", "keys", "attributes"];
            return show_list(client, "/v1/applications", output, &head, "no applications", |app| {
                vec![
                    text(app, "name"),
                    text(app, "team"),
                    text(app, "state"),
                    text(app, "keys"),
                    attributes(app),
                ]
            })
            .await;
        }
        AppCommand::Create { name, team, attributes, why } => {
            let body = json!({
                "name": name, "team": team, "attributes": attributes, "reason": why.reason,
            });
            let app = client.ask(Method::POST, "/v1/applications", Some(&body)).await?;
            print_one(output, &app, |app| {
                let name = text(app, "name");
                format!(
                    "application {name} registered; next: sallyport key create --app {name} --scope SCOPE"
                )
            })?;
        }
        AppCommand::Show { name } => {
            let app = client.ask(Method::GET, &format!("/v1/applications/{}", escape(name)), None).await?;
            print_one(output, &app, |app| {
                format!(
                    "application  {}\nteam         {}\nstate        {}\nlive keys    {}\nattributes   {}\ncreated      {} by {}",
                    text(app, "name"),
                    text(app, "team"),
                    text(app, "state"),
                    text(app, "keys"),
                    attributes(app),
                    minute(&text(app, "created")),
                    text(app, "created_by")
                )
            })?;
        }
        AppCommand::Disable { name, why } => {
            let body = json!({ "reason": why.reason });
            print_one(
                output,
                &client.ask(Method::POST, &path(name, "disable"), Some(&body)).await?,
                changed,
            )?;
        }
        AppCommand::Enable { name, why } => {
            let body = json!({ "reason": why.reason });
            print_one(output, &client.ask(Method::POST, &path(name, "enable"), Some(&body)).await?, changed)?;
        }
    }
    Ok(Verdict::Done)
}

pub(super) async fn admin(
    client: &Client,
    command: &AdminCommand,
    output: Output,
) -> anyhow::Result<Verdict> {
    match command {
        AdminCommand::List => {
            let head = ["administrator", "role", "state", "created", "by"];
            return show_list(client, "/v1/administrators", output, &head, "no administrators", |row| {
                let created = minute(&text(row, "created"));
                vec![
                    text(row, "name"),
                    text(row, "role"),
                    text(row, "state"),
                    created,
                    text(row, "created_by"),
                ]
            })
            .await;
        }
        AdminCommand::Create { name, role, why } => {
            let body = json!({ "name": name, "role": role, "reason": why.reason });
            let made = client.ask(Method::POST, "/v1/administrators", Some(&body)).await?;
            print_one(output, &made, |made| text(made, "token"))?;
            if output.format == Format::Human {
                output.note(&format!("  the token of {name}, {role}. It is shown this once."));
            }
        }
        AdminCommand::Revoke { name, why } => {
            let body = json!({ "reason": why.reason });
            let path = format!("/v1/administrators/{}/revoke", escape(name));
            let row = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &row, |row| {
                format!("administrator {} is {}", text(row, "name"), text(row, "state"))
            })?;
        }
    }
    Ok(Verdict::Done)
}
