//! Conditions in plain words.
//!
//! Nothing is judged here: the words stand beside the text they were made from, and what has no words of its own is shown
//! as it is written.

use cedar_policy::pst::{BinaryOp, EntityUID, Expr, Literal, PatternElem, UnaryOp, Var};
use model::Strength;

use crate::detail::text_of;
use crate::reads::ContextFact;
use crate::rule::{ACTION, ANONYMOUS, API, APPLICATION, TEAM, WORKLOAD};

/// Whether an expression must hold or must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    Fails,
    Holds,
}

impl Sense {
    const fn turned(self) -> Self {
        match self {
            Self::Fails => Self::Holds,
            Self::Holds => Self::Fails,
        }
    }

    /// Of two ways to say it the one that is meant.
    const fn of<'a>(self, holds: &'a str, fails: &'a str) -> &'a str {
        match self {
            Self::Fails => fails,
            Self::Holds => holds,
        }
    }
}

/// The condition as a clause, such as: the caller is in the team partners.
pub(crate) fn condition(expression: &Expr, sense: Sense) -> String {
    plain(expression, sense).unwrap_or_else(|| match sense {
        Sense::Holds => format!("`{expression}` holds"),
        Sense::Fails => format!("`{expression}` does not hold"),
    })
}

fn plain(expression: &Expr, sense: Sense) -> Option<String> {
    match expression {
        Expr::Literal(Literal::Bool(value)) => {
            let always = matches!((value, sense), (true, Sense::Holds) | (false, Sense::Fails));
            Some(if always { "nothing: it always holds" } else { "it never holds" }.to_owned())
        }
        Expr::UnaryOp { op: UnaryOp::Not, expr } => Some(condition(expr, sense.turned())),
        Expr::UnaryOp { op, expr } => unary(*op, expr, sense),
        Expr::BinaryOp { op, left, right } => binary(*op, left, right, sense),
        Expr::GetAttr { .. } if is_fact(expression, ContextFact::Mfa) => Some(
            sense
                .of(
                    "the user signed in with several factors",
                    "the user did not sign in with several factors",
                )
                .to_owned(),
        ),
        Expr::GetAttr { .. } => Some(format!("{} {}", noun(expression)?, sense.of("is true", "is false"))),
        Expr::HasAttr { expr, attrs } if attrs.tail.is_empty() => has(expr, &attrs.head, sense),
        Expr::Like { expr, pattern } => Some(format!(
            "{} {} `{}`",
            noun(expr)?,
            sense.of("looks like", "does not look like"),
            pattern.iter().map(element).collect::<String>()
        )),
        Expr::Is { expr, entity_type, in_expr } => {
            let kind = match entity_type.to_string().as_str() {
                APPLICATION => "an application",
                WORKLOAD => "a workload",
                ANONYMOUS => "one without a credential",
                _ => return None,
            };
            let group = match in_expr {
                None => String::new(),
                Some(group) => format!(" in {}", noun(group)?),
            };
            Some(format!("{} {} {kind}{group}", noun(expr)?, sense.of("is", "is not")))
        }
        _ => None,
    }
}

fn element(element: &PatternElem) -> char {
    match element {
        PatternElem::Char(character) => *character,
        PatternElem::Wildcard => '*',
    }
}

fn unary(op: UnaryOp, expr: &Expr, sense: Sense) -> Option<String> {
    let kind = match op {
        UnaryOp::IsIPv4 => "an IPv4 address",
        UnaryOp::IsIPV6 => "an IPv6 address",
        UnaryOp::IsLoopback => "a loopback address",
        UnaryOp::IsMulticast => "a multicast address",
        UnaryOp::IsEmpty => "empty",
        _ => return None,
    };
    Some(format!("{} {} {kind}", noun(expr)?, sense.of("is", "is not")))
}

fn has(expr: &Expr, name: &str, sense: Sense) -> Option<String> {
    let has = sense.of("has", "has not");
    match expr {
        Expr::Var(Var::Principal) => Some(format!("the caller {has} the attribute `{name}`")),
        Expr::Var(Var::Context) => {
            let (holds, fails) = match name {
                "user" => ("a token names a user", "no token names a user"),
                "authAge" => {
                    ("it is known when the user signed in", "it is not known when the user signed in")
                }
                "sourceIp" => ("the client's address is known", "the client's address is not known"),
                _ => return None,
            };
            Some(sense.of(holds, fails).to_owned())
        }
        _ if is_fact(expr, ContextFact::User) => Some(format!("the user {has} the attribute `{name}`")),
        _ => None,
    }
}

fn binary(op: BinaryOp, left: &Expr, right: &Expr, sense: Sense) -> Option<String> {
    match op {
        BinaryOp::And | BinaryOp::Or => {
            let all = matches!((op, sense), (BinaryOp::And, Sense::Holds) | (BinaryOp::Or, Sense::Fails));
            let (left, right) = (condition(left, sense), condition(right, sense));
            Some(if all { format!("{left} and {right}") } else { format!("either {left}, or {right}") })
        }
        BinaryOp::In => Some(format!("{} {} {}", noun(left)?, sense.of("is in", "is not in"), noun(right)?)),
        BinaryOp::IsInRange => {
            Some(format!("{} {} {}", noun(left)?, sense.of("is in", "is not in"), noun(right)?))
        }
        BinaryOp::Contains => contains(left, right, sense),
        BinaryOp::ContainsAll | BinaryOp::ContainsAny => {
            let how = if op == BinaryOp::ContainsAll { "all of" } else { "any of" };
            Some(format!("{} {} {how} {}", noun(left)?, sense.of("has", "has not"), noun(right)?))
        }
        _ => compare(op, left, right, sense),
    }
}

fn contains(set: &Expr, item: &Expr, sense: Sense) -> Option<String> {
    if let Expr::Set(_) = set {
        return Some(format!("{} {} {}", noun(item)?, sense.of("is one of", "is none of"), noun(set)?));
    }
    let is_of_user =
        matches!(set, Expr::GetAttr { expr, attr } if is_fact(expr, ContextFact::User) && attr == "teams");
    if is_of_user {
        return Some(format!(
            "the user {} the team {} by the issuer's word",
            sense.of("is in", "is not in"),
            noun(item)?
        ));
    }
    if is_fact(set, ContextFact::Scopes) {
        return Some(format!("the credential {} the scope {}", sense.of("has", "has not"), noun(item)?));
    }
    Some(format!("{} {} {}", noun(set)?, sense.of("has", "has not"), noun(item)?))
}

/// Which way a comparison goes.
#[derive(Clone, Copy)]
enum Comparison {
    Above,
    AtLeast,
    AtMost,
    Below,
    Equal,
    Unequal,
}

fn compare(op: BinaryOp, left: &Expr, right: &Expr, sense: Sense) -> Option<String> {
    use Comparison as C;
    let written = match op {
        BinaryOp::Eq => C::Equal,
        BinaryOp::NotEq => C::Unequal,
        BinaryOp::Less => C::Below,
        BinaryOp::LessEq => C::AtMost,
        BinaryOp::Greater => C::Above,
        BinaryOp::GreaterEq => C::AtLeast,
        _ => return None,
    };
    // `true == context.mfa` and the like are what they compare with a truth value.
    for (truth, other) in [(left, right), (right, left)] {
        if let (Expr::Literal(Literal::Bool(value)), C::Equal | C::Unequal) = (truth, written) {
            let as_written = *value == matches!(written, C::Equal);
            return Some(condition(other, if as_written { sense } else { sense.turned() }));
        }
    }
    let meant = match (sense, written) {
        (Sense::Holds, written) => written,
        (Sense::Fails, C::Above) => C::AtMost,
        (Sense::Fails, C::AtLeast) => C::Below,
        (Sense::Fails, C::AtMost) => C::Above,
        (Sense::Fails, C::Below) => C::AtLeast,
        (Sense::Fails, C::Equal) => C::Unequal,
        (Sense::Fails, C::Unequal) => C::Equal,
    };
    // A constant in front is turned round: `7 < context.authAge`.
    let (left, right, meant) = match (matches!(left, Expr::Literal(_)), meant) {
        (false, meant) => (left, right, meant),
        (true, C::Above) => (right, left, C::Below),
        (true, C::AtLeast) => (right, left, C::AtMost),
        (true, C::AtMost) => (right, left, C::AtLeast),
        (true, C::Below) => (right, left, C::Above),
        (true, same @ (C::Equal | C::Unequal)) => (right, left, same),
    };
    let is_time = is_fact(left, ContextFact::Now);
    let how = match meant {
        C::Above if is_time => "is after",
        C::AtLeast if is_time => "is at or after",
        C::AtMost if is_time => "is at or before",
        C::Below if is_time => "is before",
        C::Above => "is above",
        C::AtLeast => "is at least",
        C::AtMost => "is at most",
        C::Below => "is below",
        C::Equal => "is",
        C::Unequal => "is not",
    };
    let value = match (is_fact(left, ContextFact::Strength), right) {
        (true, Expr::Literal(Literal::Long(value))) => {
            Strength::of_long(*value).map_or_else(|| value.to_string(), |name| format!("`{}`", name.as_str()))
        }
        (true | false, _) => noun(right)?,
    };
    let unit = if is_fact(left, ContextFact::AuthAge) { " seconds" } else { "" };
    Some(format!("{} {how} {value}{unit}", noun(left)?))
}

/// What an expression stands for.
fn noun(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Literal(Literal::Bool(value)) => Some(value.to_string()),
        Expr::Literal(Literal::Long(value)) => Some(value.to_string()),
        Expr::Literal(Literal::String(text)) => Some(format!("`{text}`")),
        Expr::Literal(Literal::EntityUID(uid)) => Some(entity(uid)),
        Expr::Var(Var::Principal) => Some("the caller".to_owned()),
        Expr::Var(Var::Action) => Some("the operation".to_owned()),
        Expr::Var(Var::Resource) => Some("the API".to_owned()),
        Expr::UnaryOp { op: UnaryOp::Ip | UnaryOp::Datetime, expr } => text_of(expr).map(str::to_owned),
        Expr::GetAttr { expr, attr } => attribute(expr, attr),
        Expr::Set(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| noun(item)).collect();
            Some(items?.join(", "))
        }
        _ => None,
    }
}

fn entity(uid: &EntityUID) -> String {
    let kind = match uid.ty.to_string().as_str() {
        TEAM => "the team ",
        APPLICATION => "the application ",
        WORKLOAD => "the workload ",
        API => "the API ",
        ACTION => "",
        ANONYMOUS => return "one without a credential".to_owned(),
        _ => return format!("`{uid}`"),
    };
    format!("{kind}`{}`", uid.eid)
}

fn attribute(base: &Expr, name: &str) -> Option<String> {
    match base {
        Expr::Var(Var::Principal) => Some(format!("the caller's `{name}`")),
        Expr::Var(Var::Resource) => Some(match name {
            "exposure" => "the API's exposure".to_owned(),
            "dataClass" => "the API's data class".to_owned(),
            other => format!("the API's `{other}`"),
        }),
        Expr::Var(Var::Context) => match name {
            "authAge" => Some("the time since the user signed in".to_owned()),
            "now" => Some("the time".to_owned()),
            "scopes" => Some("the scopes of the credential".to_owned()),
            "sourceIp" => Some("the client's address".to_owned()),
            "strength" => Some("the caller's strength".to_owned()),
            _ => None,
        },
        _ if is_fact(base, ContextFact::Params) => Some(format!("the path's `{name}`")),
        _ if is_fact(base, ContextFact::User) => Some(format!("the user's `{name}`")),
        _ => None,
    }
}

/// Whether the expression is `context.FACT`.
fn is_fact(expression: &Expr, fact: ContextFact) -> bool {
    matches!(expression, Expr::GetAttr { expr, attr }
        if matches!(**expr, Expr::Var(Var::Context)) && attr == fact.as_str())
}
