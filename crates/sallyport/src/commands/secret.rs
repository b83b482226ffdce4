//! `secret`: the upstreams' own credentials. A value comes from a file or standard input and is never shown.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use axum::http::Method;
use model::Secret;
use serde_json::json;

use super::{Verdict, escape, minute, print_one, show_list, text};
use crate::cli::{SecretCommand, SecretName};
use crate::client::Client;
use crate::output::Output;

/// The most bytes that are read of a value; the admin API takes fewer.
const VALUE_BYTES_MAX: u64 = 64 << 10;

pub(super) async fn run(client: &Client, command: &SecretCommand, output: Output) -> anyhow::Result<Verdict> {
    match command {
        SecretCommand::List { api } => {
            let filter = api.as_ref().map(|api| format!("?api={}", escape(api))).unwrap_or_default();
            let head = ["secret", "api", "state", "used", "written"];
            return show_list(
                client,
                &format!("/v1/secrets{filter}"),
                output,
                &head,
                "no secrets",
                |secret| {
                    vec![
                        text(secret, "name"),
                        text(secret, "api"),
                        text(secret, "state"),
                        text(secret, "used"),
                        minute(&text(secret, "written")),
                    ]
                },
            )
            .await;
        }
        SecretCommand::Set { secret, file } => {
            let SecretName { name, api, why } = secret;
            let value = read(file.as_deref())?;
            let body = json!({
                "name": name, "api": api, "value": as_text(&value)?, "reason": why.reason,
            });
            let kept = client.ask(Method::POST, "/v1/secrets", Some(&body)).await?;
            print_one(output, &kept, |kept| {
                format!("secret {} of {} is kept", text(kept, "name"), text(kept, "api"))
            })?;
        }
        SecretCommand::Rotate { secret, file } => {
            let SecretName { name, api, why } = secret;
            let value = read(file.as_deref())?;
            let body = json!({ "api": api, "value": as_text(&value)?, "reason": why.reason });
            let path = format!("/v1/secrets/{}/rotate", escape(name));
            let kept = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &kept, |kept| {
                format!("secret {} of {} is replaced", text(kept, "name"), text(kept, "api"))
            })?;
        }
        SecretCommand::Remove { secret } => {
            let SecretName { name, api, why } = secret;
            let body = json!({ "api": api, "reason": why.reason });
            let path = format!("/v1/secrets/{}/remove", escape(name));
            let gone = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &gone, |gone| {
                format!("secret {} of {} is removed", text(gone, "name"), text(gone, "api"))
            })?;
        }
    }
    Ok(Verdict::Done)
}

/// A value, without the line end that editors leave.
fn read(path: Option<&Path>) -> anyhow::Result<Secret> {
    let mut bytes = Vec::new();
    let read = match path {
        None => std::io::stdin().lock().take(VALUE_BYTES_MAX).read_to_end(&mut bytes),
        Some(path) => {
            std::fs::File::open(path).and_then(|file| file.take(VALUE_BYTES_MAX).read_to_end(&mut bytes))
        }
    };
    let whole = Secret::wiping(bytes);
    read.with_context(|| match path {
        None => "cannot read the value from standard input".to_owned(),
        Some(path) => format!("cannot read the value from {}", path.display()),
    })?;
    let value = whole.expose();
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    Ok(Secret::new(value.strip_suffix(b"\r").unwrap_or(value)))
}

fn as_text(value: &Secret) -> anyhow::Result<&str> {
    std::str::from_utf8(value.expose()).context("the value is not text")
}
