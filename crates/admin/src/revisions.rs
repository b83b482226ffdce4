//! Revisions and what the policies in force say: publish, show, compare, roll back; who can do what.

use axum::http::StatusCode;
use control::{Asked, Overwrite, RollbackAct, RollbackOrder};
use serde::Deserialize;

use crate::answer::{Answer, Problem, created, ok};
use crate::routes::Input;

pub(crate) fn list(input: Input) -> Answer {
    ok(&input.control.revisions(input.actor()?)?)
}

pub(crate) fn publish(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        reason: String,
    }
    let Body { dry_run, reason } = input.read()?;
    if dry_run {
        return ok(&input.control.plan_publish(input.actor()?)?);
    }
    created(&input.control.publish(input.actor()?, &reason)?)
}

pub(crate) fn show(input: Input) -> Answer {
    ok(&input.control.revision(input.actor()?, number(&input.name)?)?)
}

pub(crate) fn diff(input: Input) -> Answer {
    let from = number(&input.name)?;
    let [to] = only(&input, ["to"])?;
    let to = to.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "query", "`to` is missing"))?;
    ok(&input.control.difference(input.actor()?, from, number(&to)?)?)
}

pub(crate) fn rollback(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        force: bool,
        #[serde(default)]
        reason: String,
    }
    let Body { dry_run, force, reason } = input.read()?;
    let order = RollbackOrder {
        number: number(&input.name)?,
        reason,
        overwrite: if force { Overwrite::Copied } else { Overwrite::Refused },
        act: if dry_run { RollbackAct::DryRun } else { RollbackAct::Roll },
    };
    ok(&input.control.rollback(input.actor()?, &order)?)
}

pub(crate) fn policy(input: Input) -> Answer {
    ok(&input.control.read_policy(input.actor()?, &input.name)?)
}

pub(crate) fn who_can(input: Input) -> Answer {
    let [operation, method, url] = only(&input, ["operation", "method", "url"])?;
    let asked = match (&operation, &method, &url) {
        (Some(operation), None, None) => Asked::Operation(operation),
        (None, Some(method), Some(url)) => Asked::Call { method, url },
        (_, _, _) => {
            let detail = "name an `operation`, or the `method` and the `url` of a call";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "query", detail));
        }
    };
    ok(&input.control.who_can(input.actor()?, asked)?)
}

pub(crate) fn what_can(input: Input) -> Answer {
    let [caller] = only(&input, ["caller"])?;
    let missing = || Problem::new(StatusCode::BAD_REQUEST, "query", "`caller` is missing");
    ok(&input.control.what_can(input.actor()?, &caller.ok_or_else(missing)?)?)
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| {
        let detail = format!("`{text}` is no number of a revision");
        Problem::new(StatusCode::BAD_REQUEST, "number", detail)
            .next("`sallyport revision list` shows those there are.")
    })
}

/// The values of these parameters. One that is unknown, or stands twice, is refused.
fn only<const N: usize>(input: &Input, names: [&str; N]) -> Result<[Option<String>; N], Problem> {
    let mut values: [Option<String>; N] = std::array::from_fn(|_| None);
    for (name, value) in input.parameters()? {
        let slot = names.iter().zip(&mut values).find(|(known, _)| **known == name).map(|(_, slot)| slot);
        match slot {
            Some(slot) if slot.is_none() => *slot = Some(value),
            Some(_) | None => {
                let detail = format!("there is no parameter `{name}`, or it stands twice");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "query", detail)
                    .next(format!("Use {}, each once.", names.join(", "))));
            }
        }
    }
    Ok(values)
}
