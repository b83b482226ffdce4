//! Constant expressions: what a literal in a condition is worth. Cedar evaluates them.

use std::str::FromStr;

use cedar_policy::pst::{Expr, Literal, UnaryOp};
use cedar_policy::{
    Context, Entities, EntityTypeName, EntityUid, EvalResult, Expression, Request, eval_expression,
};

/// The text of `ip("…")`.
pub(super) fn address_text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::UnaryOp { op: UnaryOp::Ip, expr } => match &**expr {
            Expr::Literal(Literal::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The value of a whole number as it is written.
pub(super) fn long(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::Literal(Literal::Long(value)) => Some(*value),
        _ => None,
    }
}

/// Milliseconds since the epoch of `datetime("…")`; none for anything else, also for what Cedar cannot read.
pub(super) fn millis(expression: &Expr) -> Option<i64> {
    let Expr::UnaryOp { op: UnaryOp::Datetime, expr } = expression else {
        return None;
    };
    let Expr::Literal(Literal::String(_)) = &**expr else {
        return None;
    };
    let text = format!("{expression}.durationSince(datetime(\"1970-01-01\")).toMilliseconds()");
    let expression = Expression::from_str(&text).ok()?;
    match eval_expression(&anybody()?, &Entities::empty(), &expression).ok()? {
        EvalResult::Long(millis) => Some(millis),
        EvalResult::Bool(_)
        | EvalResult::String(_)
        | EvalResult::EntityUid(_)
        | EvalResult::Set(_)
        | EvalResult::Record(_)
        | EvalResult::ExtensionValue(_) => None,
    }
}

/// A request that says nothing: constants do not look at it.
fn anybody() -> Option<Request> {
    let nobody = EntityUid::from_type_name_and_id(
        EntityTypeName::from_str("Anonymous").ok()?,
        cedar_policy::EntityId::new(""),
    );
    Request::new(nobody.clone(), nobody.clone(), nobody, Context::empty(), None).ok()
}
