//! Handlers: read the input, call one use case, write the answer.

use std::time::Duration;

use axum::http::StatusCode;
use control::{Actor, Cause, KeyOrder, NewApi, ReadyOrder, RegroupAct};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::{Answer, Problem, created, ok};
use crate::routes::Input;

impl Input {
    pub(crate) fn actor(&self) -> Result<&Actor, Problem> {
        self.actor.as_ref().ok_or_else(Problem::unauthenticated)
    }

    /// The body as `T`. A field that is unknown or stands twice is refused, so that a misspelt option is not silently
    /// left out and no two readers take different values.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
        // A list would be taken for the fields in their order.
        if body.trim_ascii_start().first() == Some(&b'[') {
            let detail = "the body does not fit: it must be a JSON object";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
        }
        let read = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                let detail = format!("the body does not fit: {error}");
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
            } else {
                Problem::new(StatusCode::BAD_REQUEST, "body", format!("the body is not JSON: {error}"))
            }
        })?;
        // Why somebody does something is one line, whatever is done: use cases refuse it too, where they record it.
        if let Ok(Said { reason }) = serde_json::from_slice(body) {
            control::check_reason(&reason)?;
        }
        Ok(read)
    }

    /// The query as pairs, decoded.
    pub(crate) fn parameters(&self) -> Result<Vec<(String, String)>, Problem> {
        self.query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                match (decode(name), decode(value)) {
                    (Some(name), Some(value)) => Ok((name, value)),
                    _ => Err(Problem::new(
                        StatusCode::BAD_REQUEST,
                        "query",
                        "the query is not percent-encoded UTF-8",
                    )),
                }
            })
            .collect()
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                after
            }
            (b'%', _) => return None,
            (b'+', _) => {
                bytes.push(b' ');
                tail
            }
            (byte, _) => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    #[serde(default)]
    reason: String,
}

/// What a search of the log may ask.
const SEARCH_CONDITIONS: &str = "Use caller, team, user, key, network, operation, api, verdict, reason, param, id, since, until, \
                                 before or limit.";

/// What bodies of changes have in common.
#[derive(Deserialize)]
struct Said {
    reason: String,
}

pub(crate) fn bootstrap(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        credential: String,
        name: String,
    }
    let Body { credential, name } = input.read()?;
    created(&input.control.redeem_bootstrap(&credential, &name)?)
}

pub(crate) fn status(input: Input) -> Answer {
    let mut order = ReadyOrder::default();
    for (name, value) in input.parameters()? {
        let bad = || {
            let detail = format!("`{value}` is no number of {name}");
            Problem::new(StatusCode::BAD_REQUEST, "query", detail).next("Use a whole number.")
        };
        match name.as_str() {
            "days" => order.days = value.parse().map_err(|_| bad())?,
            "calls" => order.calls = value.parse().map_err(|_| bad())?,
            _ => {
                let detail = format!("there is no filter `{name}`");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "query", detail).next("Use days or calls."));
            }
        }
    }
    ok(&input.control.status(input.actor()?, order)?)
}

pub(crate) fn apis(input: Input) -> Answer {
    ok(&input.control.apis(input.actor()?)?)
}

pub(crate) fn api(input: Input) -> Answer {
    ok(&input.control.api(input.actor()?, &input.name)?)
}

pub(crate) fn add_api(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        upstream: String,
        host: String,
        owner: Option<String>,
        /// The text of the OpenAPI document.
        document: Option<String>,
        #[serde(default)]
        reason: String,
    }
    let Body { name, upstream, host, owner, document, reason } = input.read()?;
    let new = NewApi { name, upstream, host, owner, document: document.map(String::into_bytes), reason };
    created(&input.control.add_api(input.actor()?, &new)?)
}

pub(crate) fn regroup(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        reason: String,
    }
    let Body { dry_run, reason } = input.read()?;
    let act = if dry_run { RegroupAct::DryRun } else { RegroupAct::Write };
    ok(&input.control.regroup(input.actor()?, &input.name, act, &reason)?)
}

pub(crate) fn observe_api(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        until: String,
        reason: String,
    }
    let Body { until, reason } = input.read()?;
    ok(&input.control.observe(input.actor()?, &input.name, &until, &reason)?)
}

pub(crate) fn teams(input: Input) -> Answer {
    ok(&input.control.teams(input.actor()?)?)
}

pub(crate) fn team(input: Input) -> Answer {
    ok(&input.control.team(input.actor()?, &input.name)?)
}

pub(crate) fn issuers(input: Input) -> Answer {
    ok(&input.control.issuers(input.actor()?)?)
}

pub(crate) fn issuer(input: Input) -> Answer {
    ok(&input.control.issuer(input.actor()?, &input.name)?)
}

pub(crate) fn create_team(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        #[serde(default)]
        reason: String,
    }
    let Body { name, reason } = input.read()?;
    created(&input.control.create_team(input.actor()?, &name, &reason)?)
}

pub(crate) fn applications(input: Input) -> Answer {
    ok(&input.control.applications(input.actor()?)?)
}

pub(crate) fn application(input: Input) -> Answer {
    ok(&input.control.application(input.actor()?, &input.name)?)
}

pub(crate) fn create_application(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        team: String,
        /// `NAME=VALUE` each.
        #[serde(default)]
        attributes: Vec<String>,
        #[serde(default)]
        reason: String,
    }
    let Body { name, team, attributes, reason } = input.read()?;
    created(&input.control.create_application(input.actor()?, &name, &team, &attributes, &reason)?)
}

pub(crate) fn disable_application(input: Input) -> Answer {
    let Reason { reason } = input.read()?;
    ok(&input.control.disable_application(input.actor()?, &input.name, &reason)?)
}

pub(crate) fn enable_application(input: Input) -> Answer {
    let Reason { reason } = input.read()?;
    ok(&input.control.enable_application(input.actor()?, &input.name, &reason)?)
}

pub(crate) fn keys(input: Input) -> Answer {
    let parameters = input.parameters()?;
    let application = parameters.iter().find(|(name, _)| name == "app").map(|(_, value)| value.as_str());
    ok(&input.control.keys(input.actor()?, application)?)
}

pub(crate) fn key(input: Input) -> Answer {
    ok(&input.control.key(input.actor()?, &input.name)?)
}

pub(crate) fn create_keys(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        app: String,
        scopes: Vec<String>,
        expires: Option<String>,
        #[serde(default = "one")]
        count: u32,
        #[serde(default)]
        reason: String,
    }
    const fn one() -> u32 {
        1
    }
    let Body { app, scopes, expires, count, reason } = input.read()?;
    let order = KeyOrder { application: app, scopes, expires, count, reason };
    created(&input.control.create_keys(input.actor()?, &order)?)
}

pub(crate) fn revoke_key(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        cause: Option<String>,
        #[serde(default)]
        reason: String,
    }
    let Body { cause, reason } = input.read()?;
    let cause = cause.as_deref().map(Cause::parse).transpose()?;
    ok(&input.control.revoke_key_for(input.actor()?, &input.name, cause, &reason)?)
}

pub(crate) fn quarantine_key(input: Input) -> Answer {
    let Reason { reason } = input.read()?;
    ok(&input.control.quarantine_key(input.actor()?, &input.name, &reason)?)
}

pub(crate) fn release_key(input: Input) -> Answer {
    let Reason { reason } = input.read()?;
    ok(&input.control.release_key(input.actor()?, &input.name, &reason)?)
}

pub(crate) fn rotate_key(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        overlap_seconds: u64,
        #[serde(default)]
        reason: String,
    }
    let Body { overlap_seconds, reason } = input.read()?;
    let overlap = Duration::from_secs(overlap_seconds);
    created(&input.control.rotate_key(input.actor()?, &input.name, overlap, &reason)?)
}

pub(crate) fn administrators(input: Input) -> Answer {
    ok(&input.control.administrators(input.actor()?)?)
}

pub(crate) fn create_administrator(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        role: String,
        #[serde(default)]
        reason: String,
    }
    let Body { name, role, reason } = input.read()?;
    created(&input.control.create_administrator(input.actor()?, &name, &role, &reason)?)
}

pub(crate) fn revoke_administrator(input: Input) -> Answer {
    let Reason { reason } = input.read()?;
    ok(&input.control.revoke_administrator(input.actor()?, &input.name, &reason)?)
}

pub(crate) fn decisions(input: Input) -> Answer {
    let mut order = input.control.search_order();
    for (name, value) in input.parameters()? {
        if !order.set(&name, &value)? {
            let detail = format!("there is no filter `{name}`");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "query", detail).next(SEARCH_CONDITIONS));
        }
    }
    ok(&input.control.search(input.actor()?, &order)?)
}

pub(crate) fn decision(input: Input) -> Answer {
    ok(&input.control.decision(input.actor()?, &input.name)?)
}

pub(crate) fn explain_decision(input: Input) -> Answer {
    ok(&input.control.explain_decision(input.actor()?, &input.name)?)
}

pub(crate) fn explain_call(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        /// `app:NAME` or `anonymous`.
        #[serde(rename = "as")]
        caller: String,
        method: String,
        url: String,
    }
    let Body { caller, method, url } = input.read()?;
    ok(&input.control.explain_call(input.actor()?, &caller, &method, &url)?)
}

pub(crate) fn erase(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        subject: String,
        reason: String,
    }
    let Body { subject, reason } = input.read()?;
    ok(&input.control.erase(input.actor()?, &subject, &reason)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_queries_or_refuses_them() {
        for (text, decoded) in [
            ("orders%3AGET+%2Forders", Some("orders:GET /orders")),
            ("", Some("")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%ff", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
        }
    }
}
