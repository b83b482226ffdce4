//! The inventory: list, adopt, ignore, and what people say of places.

use axum::http::StatusCode;
use control::{AdoptOrder, InventoryOrder, PlaceOrder, Reading};
use serde::Deserialize;

use crate::answer::{Answer, Problem, ok};
use crate::routes::Input;

/// Which operation is meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    host: Option<String>,
    method: String,
    path: String,
}

impl From<Named> for InventoryOrder {
    fn from(named: Named) -> Self {
        Self { host: named.host, method: Some(named.method), path: Some(named.path), ..Self::default() }
    }
}

pub(crate) fn list(input: Input) -> Answer {
    let mut order = InventoryOrder::default();
    for (name, value) in input.parameters()? {
        match name.as_str() {
            "api" => order.api = Some(value),
            "host" => order.host = Some(value),
            "state" => order.state = Some(value),
            "method" => order.method = Some(value),
            "path" => order.path = Some(value),
            "ignored" => order.ignored = value == "true",
            _ => {
                let detail = format!("there is no filter `{name}`");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "query", detail)
                    .next("Use api, host, state, method, path or ignored=true."));
            }
        }
    }
    ok(&input.control.inventory(input.actor()?, &order)?)
}

pub(crate) fn adopt(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        operation: Named,
        #[serde(default)]
        reason: String,
        #[serde(default)]
        accept_gains: bool,
        #[serde(default)]
        dry_run: bool,
    }
    let Body { operation, reason, accept_gains, dry_run } = input.read()?;
    let order = AdoptOrder { operation: operation.into(), reason, accept_gains, dry_run };
    ok(&input.control.adopt(input.actor()?, &order)?)
}

pub(crate) fn ignore(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        operation: Named,
        #[serde(default)]
        reason: String,
    }
    let Body { operation, reason } = input.read()?;
    ok(&input.control.ignore_operation(input.actor()?, &operation.into(), &reason)?)
}

pub(crate) fn unignore(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        operation: Named,
        #[serde(default)]
        reason: String,
    }
    let Body { operation, reason } = input.read()?;
    ok(&input.control.unignore_operation(input.actor()?, &operation.into(), &reason)?)
}

pub(crate) fn places(input: Input) -> Answer {
    ok(&input.control.inventory_places(input.actor()?)?)
}

pub(crate) fn say(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Is {
        Inferred,
        Literal,
        Parameter,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        host: Option<String>,
        path: String,
        is: Is,
        #[serde(default)]
        reason: String,
    }
    let Body { host, path, is, reason } = input.read()?;
    let reading = match is {
        Is::Inferred => Reading::Inferred,
        Is::Literal => Reading::Literal,
        Is::Parameter => Reading::Parameter,
    };
    ok(&input.control.say_place(input.actor()?, &PlaceOrder { host, path, reading }, &reason)?)
}
