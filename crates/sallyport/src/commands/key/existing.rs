//! Keys that APIs gave out before: seen, promoted, imported.
//!
//! A list is read and its keys are hashed here, so that no key in clear leaves the process that read it.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use axum::http::Method;
use config::{LIST_BYTES_MAX, ListedKey, ListedSecret};
use identity::WholeDigest;
use model::{KeyAlphabet, KeyShape, Secret};
use serde_json::{Value, json};

use super::describe_key;
use crate::cli::{ImportArguments, PromoteArguments};
use crate::client::{Client, finding};
use crate::commands::{Verdict, escape, items, list, minute, print_one, show_list, text};
use crate::output::{Format, Output};

pub(super) async fn seen(client: &Client, api: Option<&str>, output: Output) -> anyhow::Result<Verdict> {
    let filter = api.map(|api| format!("?api={}", escape(api))).unwrap_or_default();
    let head = ["fingerprint", "api", "calls", "succeeded", "first seen", "last seen", "operations"];
    let none = "no existing keys were seen that nobody has vouched for";
    show_list(client, &format!("/v1/existing-keys{filter}"), output, &head, none, |key| {
        vec![
            text(key, "fingerprint").chars().take(16).collect(),
            text(key, "api"),
            text(key, "count"),
            text(key, "succeeded"),
            minute(&text(key, "first_seen")),
            minute(&text(key, "last_seen")),
            list(key, "operations", ", "),
        ]
    })
    .await
}

pub(super) async fn promote(
    client: &Client,
    arguments: &PromoteArguments,
    output: Output,
) -> anyhow::Result<()> {
    let PromoteArguments { fingerprint, app, scopes, expires, api, label, why } = arguments;
    let body = json!({
        "app": app, "scopes": scopes, "expires": expires, "api": api, "label": label, "reason": why.reason,
    });
    let path = format!("/v1/existing-keys/{}/promote", escape(fingerprint));
    let key = client.ask(Method::POST, &path, Some(&body)).await?;
    print_one(output, &key, describe_key)
}

pub(super) async fn import(
    client: &Client,
    arguments: &ImportArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let file = arguments.file.display().to_string();
    let api = client.ask(Method::GET, &format!("/v1/apis/{}", escape(&arguments.api)), None).await?;
    let shapes = shapes(&api)?;
    let (mut listed, errors) = {
        let bytes = read(&arguments.file)?;
        config::read_key_lines(&file, bytes.expose())
    };
    let mut faults: Vec<Value> = errors.iter().map(control::error_json).collect();
    listed.retain(|key| match unfit(&file, key, &shapes) {
        None => true,
        Some(fault) => {
            faults.push(fault);
            false
        }
    });
    // Where a line is wrong, nothing is kept; the others are looked at all the same, so that all that is wrong is told at once.
    let is_dry = arguments.dry_run || !faults.is_empty();
    let body = json!({
        "api": arguments.api, "app": arguments.app, "scopes": arguments.scopes, "expires": arguments.expires,
        "dry_run": is_dry, "file": file, "reason": arguments.why.reason,
        "keys": listed.iter().map(line).collect::<Vec<_>>(),
    });
    drop(listed);
    let answer = client.send(Method::POST, "/v1/existing-keys/import", Some(&body)).await?;
    let said = items(&answer.body, "errors");
    if !answer.status.is_success() && said.is_empty() && faults.is_empty() {
        bail!("{}\n  {}", text(&answer.body, "detail"), text(&answer.body, "next_step"));
    }
    faults.extend(said.iter().cloned());
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.get("line").and_then(Value::as_u64));
        return Err(refused(&faults));
    }
    if output.format == Format::Human {
        for known in items(&answer.body, "known") {
            output.note(&format!("{file}:{}: {}", text(known, "line"), known_as(known)));
        }
    }
    print_one(output, &answer.body, describe)?;
    Ok(Verdict::Done)
}

/// The faults of a list, each with its line.
fn refused(errors: &[Value]) -> anyhow::Error {
    let mut lines: Vec<String> = errors.iter().take(FAULTS_SHOWN_MAX).map(finding).collect();
    if let more @ 1.. = errors.len().saturating_sub(FAULTS_SHOWN_MAX) {
        lines.push(format!("  and {more} lines more"));
    }
    anyhow::anyhow!("nothing was imported\n{}", lines.join("\n"))
}

/// Faults that are shown; whoever has more mends these first.
const FAULTS_SHOWN_MAX: usize = 20;

fn known_as(known: &Value) -> String {
    match text(known, "earlier_line") {
        none if none.is_empty() => {
            format!("the key is there already, as {}, and stays as it is", text(known, "key"))
        }
        line => format!("the key is that of line {line}"),
    }
}

fn describe(view: &Value) -> String {
    let is_dry = view.get("dry_run") == Some(&Value::Bool(true));
    let verb = if is_dry { "would be imported" } else { "imported" };
    let mut lines = format!("{} keys of {} {verb}", text(view, "imported"), text(view, "api"));
    if let known @ 1.. = items(view, "known").len() {
        lines.push_str(&format!(", {known} were there already"));
    }
    let applications = list(view, "applications", ", ");
    if !applications.is_empty() {
        lines.push_str(&format!("\napplications made: {applications}"));
    }
    let expiry = text(view, "first_expiry");
    if !expiry.is_empty() {
        lines.push_str(&format!("\nthe first of them expires {}", minute(&expiry)));
    }
    lines
}

/// What the keys of an API look like, so that a key is refused that its door would not recognise.
fn shapes(api: &Value) -> anyhow::Result<Vec<KeyShape>> {
    let number = |form: &Value, name: &str| {
        form.get(name).and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok())
    };
    let shape = |form: &Value| {
        let lengths = (number(form, "shortest")?, number(form, "longest")?);
        KeyShape::new(&text(form, "prefix"), lengths, KeyAlphabet::parse(&text(form, "alphabet"))?).ok()
    };
    let shapes: Option<Vec<KeyShape>> = items(api, "existing_keys").iter().map(shape).collect();
    let shapes =
        shapes.context("the gateway describes its key forms in a way that this program does not know")?;
    if shapes.is_empty() {
        let name = text(api, "name");
        bail!(
            "`{name}` does not say what its keys look like, so none would be recognised\n  \
             write `existing_keys` in apis/{name}/api.yaml"
        );
    }
    Ok(shapes)
}

/// The fault of a key that the API's form does not fit, without any of it. Of a digest nothing can be said.
fn unfit(file: &str, key: &ListedKey, shapes: &[KeyShape]) -> Option<Value> {
    let ListedSecret::Clear(secret) = &key.key else { return None };
    if shapes.iter().any(|shape| shape.fits(secret.expose())) {
        return None;
    }
    let reason = if identity::looks_like_own_key(secret.expose()) {
        "the key is one of Sallyport's own"
    } else {
        "the key does not have the form that `existing_keys` of its API describes"
    };
    let fix = "correct the key or the form; a key of another form is not recognised";
    Some(json!({ "file": file, "line": key.line, "column": 1, "reason": reason, "fix": fix }))
}

/// A key as it goes to the admin API.
fn line(key: &ListedKey) -> Value {
    let digest = match &key.key {
        ListedSecret::Clear(secret) => *WholeDigest::of(secret.expose()).expose(),
        ListedSecret::Sha256(digest) => *digest,
    };
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "line": key.line,
        "name": key.name,
        "sha256": hex,
        "app": key.app.as_ref().map(ToString::to_string),
        "team": key.team.as_ref().map(ToString::to_string),
        "scopes": key.scopes,
        "expires": key.expires,
    })
}

/// A list from a file or from standard input.
fn read(path: &Path) -> anyhow::Result<Secret> {
    let limit = u64::try_from(LIST_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let read = read.with_context(|| format!("cannot read {}", path.display()));
    let bytes = Secret::wiping(bytes);
    read.map(|_| bytes)
}
