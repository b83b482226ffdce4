//! Which part of a policy's conditions is not met. Cedar judges each part by itself.

use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::Expression;
use cedar_policy::pst::{BinaryOp, Clause, Expr};

use crate::decide::{Judged, judge};
use crate::facts::Question;
use crate::rule::Rule;

/// One condition that must hold, or must not.
pub(crate) struct Term<'a> {
    pub(crate) expression: &'a Expr,
    pub(crate) wanted: Judged,
}

/// The first unmet condition as Cedar text; an alternative of `unless` that holds is shown with its keyword.
pub(super) fn first(rule: &Rule, question: Option<&Question>) -> Option<String> {
    terms(rule).into_iter().find(|term| !term.met(question)).map(|term| term.text())
}

/// How many conditions are not met.
pub(super) fn count(rule: &Rule, question: Option<&Question>) -> usize {
    terms(rule).into_iter().filter(|term| !term.met(question)).count()
}

impl Term<'_> {
    fn met(&self, question: Option<&Question>) -> bool {
        let Some(question) = question else { return false };
        let Ok(expression) = Expression::from_str(&self.expression.to_string()) else { return false };
        judge(question, &expression) == self.wanted
    }

    pub(crate) fn text(&self) -> String {
        match self.wanted {
            Judged::Hit | Judged::Error => self.expression.to_string(),
            Judged::Miss => format!("unless {{ {} }}", self.expression),
        }
    }
}

/// `when { a && b } unless { c || d }` is met where a and b hold and c and d do not.
pub(crate) fn terms(rule: &Rule) -> Vec<Term<'_>> {
    let mut terms = Vec::new();
    for clause in rule.template.clauses() {
        match clause {
            Clause::When(condition) => split(condition, BinaryOp::And, Judged::Hit, &mut terms),
            Clause::Unless(condition) => split(condition, BinaryOp::Or, Judged::Miss, &mut terms),
        }
    }
    terms
}

fn split<'a>(expression: &'a Arc<Expr>, by: BinaryOp, wanted: Judged, terms: &mut Vec<Term<'a>>) {
    match &**expression {
        Expr::BinaryOp { op, left, right } if *op == by => {
            split(left, by, wanted, terms);
            split(right, by, wanted, terms);
        }
        whole => terms.push(Term { expression: whole, wanted }),
    }
}
