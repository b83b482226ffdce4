//! Handlers for keys that APIs gave out before, and for the upstreams' own credentials.

use control::{ImportAct, ImportLine, ImportOrder, PromoteOrder, SecretAct, SecretPlace};
use serde::Deserialize;

use crate::answer::{Answer, Problem, created, ok};
use crate::routes::Input;

fn api_of(input: &Input) -> Result<Option<String>, Problem> {
    let parameters = input.parameters()?;
    Ok(parameters.into_iter().find(|(name, _)| name == "api").map(|(_, value)| value))
}

pub(crate) fn seen(input: Input) -> Answer {
    let api = api_of(&input)?;
    ok(&input.control.seen_keys(input.actor()?, api.as_deref())?)
}

pub(crate) fn extend(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        expires: String,
        #[serde(default)]
        reason: String,
    }
    let Body { expires, reason } = input.read()?;
    ok(&input.control.extend_key(input.actor()?, &input.name, &expires, &reason)?)
}

pub(crate) fn promote(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        app: String,
        scopes: Vec<String>,
        api: Option<String>,
        expires: Option<String>,
        #[serde(default)]
        label: String,
        #[serde(default)]
        reason: String,
    }
    let Body { app, scopes, api, expires, label, reason } = input.read()?;
    let order = PromoteOrder {
        fingerprint: input.name.clone(),
        api,
        application: app,
        scopes,
        expires,
        label,
        reason,
    };
    created(&input.control.promote_key(input.actor()?, &order)?)
}

pub(crate) fn import(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        api: String,
        app: Option<String>,
        #[serde(default)]
        scopes: Vec<String>,
        expires: Option<String>,
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        file: String,
        keys: Vec<Line>,
        #[serde(default)]
        reason: String,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        line: u32,
        name: String,
        /// SHA-256 of the whole key, in hexadecimal digits.
        sha256: String,
        app: Option<String>,
        team: Option<String>,
        #[serde(default)]
        scopes: Vec<String>,
        expires: Option<String>,
    }
    let Body { api, app, scopes, expires, dry_run, file, keys, reason } = input.read()?;
    let mut lines = Vec::with_capacity(keys.len());
    for Line { line, name, sha256, app, team, scopes, expires } in keys {
        let digest = control::whole_digest(&sha256).ok_or_else(|| {
            let detail = format!("`sha256` of line {line} is not 64 hexadecimal digits");
            Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
        })?;
        lines.push(ImportLine { line, name, digest, application: app, team, scopes, expires });
    }
    let act = if dry_run { ImportAct::DryRun } else { ImportAct::Write };
    let order = ImportOrder { api, application: app, scopes, expires, act, file, keys: lines, reason };
    created(&input.control.import_keys(input.actor()?, &order)?)
}

pub(crate) fn secrets(input: Input) -> Answer {
    let api = api_of(&input)?;
    ok(&input.control.secrets(input.actor()?, api.as_deref())?)
}

pub(crate) fn set_secret(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        api: String,
        value: String,
        #[serde(default)]
        reason: String,
    }
    let Body { name, api, value, reason } = input.read()?;
    let place = SecretPlace { api: &api, name: &name };
    let value = model::Secret::wiping(value.into_bytes());
    created(&input.control.put_secret(input.actor()?, place, &value, SecretAct::Set, &reason)?)
}

pub(crate) fn rotate_secret(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        api: String,
        value: String,
        #[serde(default)]
        reason: String,
    }
    let Body { api, value, reason } = input.read()?;
    let place = SecretPlace { api: &api, name: &input.name };
    let value = model::Secret::wiping(value.into_bytes());
    ok(&input.control.put_secret(input.actor()?, place, &value, SecretAct::Rotate, &reason)?)
}

pub(crate) fn remove_secret(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        api: String,
        #[serde(default)]
        reason: String,
    }
    let Body { api, reason } = input.read()?;
    let place = SecretPlace { api: &api, name: &input.name };
    input.control.remove_secret(input.actor()?, place, &reason)?;
    ok(&serde_json::json!({ "name": input.name, "api": api, "state": "removed" }))
}
