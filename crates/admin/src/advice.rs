//! What is made of recorded use: usage, suggested grants, replay.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use control::{Candidate, ReplayMode, ReplayOrder, SuggestOrder, UsageOrder};
use serde::Deserialize;

use crate::answer::{Answer, Problem, ok};
use crate::routes::Input;

/// For which time and which API.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    since: Option<String>,
    until: Option<String>,
    api: Option<String>,
}

impl Span {
    fn order(self) -> Result<UsageOrder, Problem> {
        let mut order = UsageOrder::default();
        for (name, value) in [("since", self.since), ("until", self.until), ("api", self.api)] {
            if let Some(value) = value {
                order.set(name, &value)?;
            }
        }
        Ok(order)
    }
}

/// Reads a query of usage's conditions, those of `also` among them, which are given back by name.
fn order_of(
    input: &Input,
    also: &[&str],
    next: &str,
) -> Result<(UsageOrder, BTreeMap<String, String>), Problem> {
    let mut order = UsageOrder::default();
    let mut others = BTreeMap::new();
    for (name, value) in input.parameters()? {
        if also.contains(&name.as_str()) {
            others.insert(name, value);
        } else if !["since", "until", "api"].contains(&name.as_str()) || !order.set(&name, &value)? {
            let detail = format!("there is no filter `{name}`");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "query", detail).next(next));
        }
    }
    Ok((order, others))
}

pub(crate) fn usage(input: Input) -> Answer {
    let also = ["by", "caller", "key", "network"];
    let (mut order, others) = order_of(&input, &also, "Use since, until, api, caller, key, network or by.")?;
    for (name, value) in &others {
        order.set(name, value)?;
    }
    ok(&input.control.usage(input.actor()?, &order)?)
}

pub(crate) fn matrix(input: Input) -> Answer {
    let (order, _) = order_of(&input, &[], "Use since, until or api.")?;
    ok(&input.control.matrix(input.actor()?, &order)?)
}

pub(crate) fn advise_keys(input: Input) -> Answer {
    let (order, others) = order_of(&input, &["app"], "Use since, until, api or app.")?;
    let application = others.get("app").map(String::as_str);
    ok(&input.control.advise_keys(input.actor()?, &order, application)?)
}

pub(crate) fn narrow_key(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        scopes: Vec<String>,
        #[serde(default)]
        reason: String,
    }
    let Body { scopes, reason } = input.read()?;
    ok(&input.control.narrow_key(input.actor()?, &input.name, &scopes, &reason)?)
}

pub(crate) fn suggest(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        span: Span,
        #[serde(default)]
        write: bool,
        #[serde(default)]
        accept: Vec<String>,
        #[serde(default)]
        reason: String,
    }
    let Body { span, write, accept, reason } = input.read()?;
    let order = SuggestOrder { usage: span.order()?, write, accept, reason };
    ok(&input.control.suggest(input.actor()?, &order)?)
}

pub(crate) fn record_cases(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        span: Span,
        #[serde(default)]
        write: bool,
    }
    let Body { span, write } = input.read()?;
    ok(&input.control.record_cases(input.actor()?, &span.order()?, write)?)
}

pub(crate) fn replay(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        span: Span,
        /// A revision's number.
        revision: Option<u64>,
        /// Files by their paths in a repository.
        files: Option<BTreeMap<String, String>>,
        #[serde(default)]
        as_configured: bool,
    }
    let Body { span, revision, files, as_configured } = input.read()?;
    let candidate = match (revision, files) {
        (None, None) => Candidate::Files,
        (Some(number), None) => Candidate::Revision(number),
        (None, Some(files)) => {
            Candidate::Given(files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect())
        }
        (Some(_), Some(_)) => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "body",
                "a revision and files are two candidates".to_owned(),
            )
            .next("Give one of them."));
        }
    };
    let mode = if as_configured { ReplayMode::AsConfigured } else { ReplayMode::Enforced };
    let order = ReplayOrder { usage: span.order()?, candidate, mode };
    ok(&input.control.replay(input.actor()?, &order)?)
}
