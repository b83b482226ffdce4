//! What the validator does not look for: expressions that can fail, conditions that defeat the cache, policies
//! that can never hold, and grants that a guard takes back.

use cedar_policy::pst::{BinaryOp, Clause, Expr, PatternElem, Template, UnaryOp, Var};

use crate::diagnostic::{Diagnostic, Severity};
use crate::load::Files;
use crate::reads::{Precision, Reads};
use crate::rule::{Actions, Effect, Origin, Principals, Resources, Rule, may_share_callers};

/// The most overlaps that are reported.
const OVERLAPS_MAX: usize = 100;

/// Judges the form of one policy's conditions. Strict validation and this together show that it cannot fail:
/// what remains that could (arithmetic, moving a time, attributes of entities that a request does not bring) is
/// refused.
pub(crate) fn shape(
    template: &Template,
    reads: &Reads,
    origin: &Origin,
    files: &Files<'_>,
) -> Vec<Diagnostic> {
    let mut shape = Shape { findings: Vec::new() };
    for clause in template.clauses() {
        match clause {
            Clause::When(condition) | Clause::Unless(condition) => shape.visit(condition),
        }
    }
    if reads.now == Precision::Exact {
        shape.warn(
            "`context.now` is used other than compared with a `datetime(\"…\")`: decisions are not cached",
            "write `context.now < datetime(\"…\")`",
        );
    }
    if reads.address == Precision::Exact {
        shape.warn(
            "`context.sourceIp` is used other than compared with an `ip(\"…\")`: decisions are cached per address",
            "write `context.sourceIp.isInRange(ip(\"…\"))`",
        );
    }
    let report = |(severity, reason, fix)| files.at(&origin.file, origin.offset, severity, reason, fix);
    shape.findings.into_iter().map(report).collect()
}

struct Shape {
    findings: Vec<(Severity, String, &'static str)>,
}

impl Shape {
    fn warn(&mut self, reason: &str, fix: &'static str) {
        self.findings.push((Severity::Warning, reason.to_owned(), fix));
    }

    fn refuse(&mut self, reason: String, fix: &'static str) {
        self.findings.push((Severity::Error, reason, fix));
    }

    fn visit(&mut self, expression: &Expr) {
        match expression {
            Expr::Literal(_) | Expr::Var(_) => {}
            Expr::UnaryOp { op, expr } => {
                if *op == UnaryOp::Neg && !matches!(**expr, Expr::Literal(_)) {
                    self.arithmetic(expression);
                }
                self.visit(expr);
            }
            Expr::BinaryOp { op, left, right } => {
                match op {
                    BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => self.arithmetic(expression),
                    BinaryOp::Offset => self.refuse(
                        format!("`{expression}` can fail: a time can be moved out of range"),
                        "compare with a `datetime(\"…\")` that is already moved",
                    ),
                    _ => {}
                }
                self.visit(left);
                self.visit(right);
            }
            Expr::GetAttr { expr, .. } | Expr::HasAttr { expr, .. } => {
                if !of_request(expr) {
                    self.refuse(
                        format!(
                            "`{expression}` reads an attribute of something that a request does not bring"
                        ),
                        "read attributes of `principal`, `resource` and `context` only",
                    );
                }
                self.visit(expr);
            }
            Expr::Like { expr, pattern } => {
                if pattern.first() == Some(&PatternElem::Wildcard) && 1 < pattern.len() {
                    self.warn(
                        "`like` with a leading `*` matches more than one thinks, and proofs over it do not end",
                        "compare the whole value, or begin the pattern with what is known",
                    );
                }
                self.visit(expr);
            }
            Expr::Is { expr, in_expr, .. } => {
                self.visit(expr);
                if let Some(group) = in_expr {
                    self.visit(group);
                }
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                self.visit(cond);
                self.visit(then_expr);
                self.visit(else_expr);
            }
            Expr::Set(items) => items.iter().for_each(|item| self.visit(item)),
            Expr::Record(fields) => fields.values().for_each(|field| self.visit(field)),
            other => self.refuse(
                format!("`{other}` is not supported"),
                "use the forms that Cedar's reference describes",
            ),
        }
    }

    fn arithmetic(&mut self, expression: &Expr) {
        self.refuse(
            format!("`{expression}` can overflow, and a policy that fails denies"),
            "compare with a number that is already worked out",
        );
    }
}

/// Whether the expression is `principal`, `resource`, `context`, or something in them.
fn of_request(expression: &Expr) -> bool {
    match expression {
        Expr::Var(Var::Principal | Var::Resource | Var::Context) => true,
        Expr::GetAttr { expr, .. } => of_request(expr),
        Expr::Record(_) => true,
        _ => false,
    }
}

/// Reports a policy that no request can meet (security case 84).
pub(crate) fn targets_nothing(rule: &Rule, reach: &[u32], files: &Files<'_>) -> Option<Diagnostic> {
    let (reason, fix) = if rule.scope.principals == Principals::Nobody {
        ("no caller is what its scope names", "name an application, a team, or `Anonymous::\"anonymous\"`")
    } else if rule.scope.resources == Resources::None {
        ("no API is what its scope names", "name an API: `resource == Api::\"…\"`")
    } else if !reach.is_empty() {
        return None;
    } else {
        match &rule.scope.actions {
            Actions::Exactly(_) => {
                ("`action == ` a group, or an operation of another API", "for a group write `action in …`")
            }
            Actions::In(_) => {
                ("no operation is in its groups", "add operations with `sallyport api regroup`")
            }
            Actions::Any => ("there is no operation that it is about", "declare the API's operations"),
        }
    };
    let reason = format!("policy `{}` targets nothing: {reason}", rule.id);
    Some(files.at_rule(rule, Severity::Warning, reason, fix))
}

/// Reports grants that an unconditional guard takes back, in whole or in part (security case 85). Guards with
/// conditions are meant to overlap with grants and are not reported.
pub(crate) fn overlaps(rules: &[Rule], reach: &[Vec<u32>], files: &Files<'_>) -> Vec<Diagnostic> {
    let rules: Vec<_> = rules.iter().zip(reach).collect();
    let is_blunt = |rule: &Rule| {
        rule.effect == Effect::Forbid && rule.unconditional() && rule.annotations.observe_until.is_none()
    };
    let guards: Vec<_> = rules.iter().filter(|(rule, _)| is_blunt(rule)).collect();
    let grants = rules.iter().filter(|(rule, _)| rule.effect == Effect::Permit);
    let mut found = Vec::new();
    for (grant, granted) in grants {
        let guard = guards.iter().find(|(guard, guarded)| {
            may_share_callers(&grant.scope.principals, &guard.scope.principals) && intersect(granted, guarded)
        });
        if let Some((guard, _)) = guard {
            let reason = format!("guard `{}` forbids some or all of what `{}` grants", guard.id, grant.id);
            let fix = "the guard wins: narrow one of the two so that they say what happens";
            found.push(files.at_rule(grant, Severity::Warning, reason, fix));
        }
        if OVERLAPS_MAX <= found.len() {
            break;
        }
    }
    found
}

/// Whether two sorted lists have an element in common.
fn intersect(one: &[u32], other: &[u32]) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    short.iter().any(|item| long.binary_search(item).is_ok())
}
