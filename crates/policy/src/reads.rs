//! Which facts the conditions of a policy read, and how.
//!
//! The decision cache keys on exactly these, so the rule is: a fact that is not listed here cannot change the
//! outcome. Whatever is not recognised counts as reading everything, exactly.

mod address;
mod constant;

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, Clause, Expr, UnaryOp, Var};

pub(crate) use address::AddressTest;

/// A part of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextFact {
    AuthAge,
    Mfa,
    Now,
    Params,
    Scopes,
    SourceIp,
    Strength,
    User,
}

impl ContextFact {
    const ALL: [Self; 8] = [
        Self::AuthAge,
        Self::Mfa,
        Self::Now,
        Self::Params,
        Self::Scopes,
        Self::SourceIp,
        Self::Strength,
        Self::User,
    ];

    /// Its name in the context.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthAge => "authAge",
            Self::Mfa => "mfa",
            Self::Now => "now",
            Self::Params => "params",
            Self::Scopes => "scopes",
            Self::SourceIp => "sourceIp",
            Self::Strength => "strength",
            Self::User => "user",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.as_str() == name)
    }
}

/// What the policies of one operation read, so that a record can keep it and a decision can be made again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationReads {
    pub context: BTreeSet<ContextFact>,
    /// Names of the path parameters that are read.
    pub params: BTreeSet<String>,
    /// Names of the application's attributes that are read.
    pub attributes: BTreeSet<String>,
}

/// Which of several names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    All,
    Listed(BTreeSet<String>),
}

impl Names {
    fn add(&mut self, name: &str) {
        match self {
            Self::All => {}
            Self::Listed(names) => {
                names.insert(name.to_owned());
            }
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(names) => names.contains(name),
        }
    }

    fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::Listed(names), Self::Listed(more)) => names.extend(more.iter().cloned()),
        }
    }
}

/// How precisely a fact is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precision {
    Unread,
    /// Only through comparisons with literals.
    Compared,
    Exact,
}

/// What conditions read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Facts of the context, the address and the time included.
    pub context: BTreeSet<ContextFact>,
    pub params: Names,
    /// The principal: who it is, its team, its attributes.
    pub principal: bool,
    pub attributes: Names,
    pub action: bool,
    pub resource: bool,
    pub address: Precision,
    pub address_tests: Vec<AddressTest>,
    pub now: Precision,
    /// Milliseconds since the epoch of the literals that the time is compared with.
    pub instants: BTreeSet<i64>,
    /// How the time since the user signed in is read.
    pub age: Precision,
    /// Seconds: the literals that it is compared with.
    pub ages: BTreeSet<i64>,
    /// Which parts of the user.
    pub user: Names,
}

impl Reads {
    pub(crate) const fn nothing() -> Self {
        Self {
            context: BTreeSet::new(),
            params: Names::Listed(BTreeSet::new()),
            principal: false,
            attributes: Names::Listed(BTreeSet::new()),
            action: false,
            resource: false,
            address: Precision::Unread,
            address_tests: Vec::new(),
            now: Precision::Unread,
            instants: BTreeSet::new(),
            age: Precision::Unread,
            ages: BTreeSet::new(),
            user: Names::Listed(BTreeSet::new()),
        }
    }

    pub(crate) fn of(clauses: &[Clause]) -> Self {
        let mut reads = Self::nothing();
        for clause in clauses {
            match clause {
                Clause::When(condition) | Clause::Unless(condition) => reads.visit(condition),
            }
        }
        reads
    }

    /// What one part of a condition reads.
    pub(crate) fn of_part(expression: &Expr) -> Self {
        let mut reads = Self::nothing();
        reads.visit(expression);
        reads
    }

    /// Takes in what another policy reads.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.context.extend(&other.context);
        self.params.merge(&other.params);
        self.principal |= other.principal;
        self.attributes.merge(&other.attributes);
        self.action |= other.action;
        self.resource |= other.resource;
        self.address = self.address.max(other.address);
        for test in &other.address_tests {
            self.test_address(*test);
        }
        self.now = self.now.max(other.now);
        self.instants.extend(&other.instants);
        self.age = self.age.max(other.age);
        self.ages.extend(&other.ages);
        self.user.merge(&other.user);
    }

    fn test_address(&mut self, test: AddressTest) {
        if !self.address_tests.contains(&test) {
            self.address_tests.push(test);
        }
    }

    fn everything(&mut self) {
        self.whole_context();
        self.attributes = Names::All;
        self.principal = true;
        self.action = true;
        self.resource = true;
    }

    fn visit(&mut self, expression: &Expr) {
        if self.compares_time(expression) || self.compares_age(expression) || self.tests_address(expression) {
            return;
        }
        match expression {
            Expr::Literal(_) => {}
            Expr::Var(Var::Principal) => self.principal = true,
            Expr::Var(Var::Action) => self.action = true,
            Expr::Var(Var::Resource) => self.resource = true,
            Expr::Var(Var::Context) => self.whole_context(),
            Expr::GetAttr { expr, attr } => self.attribute(expr, attr, None),
            Expr::HasAttr { expr, attrs } => {
                self.attribute(expr, &attrs.head, attrs.tail.first().map(AsRef::as_ref));
            }
            Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => self.visit(expr),
            Expr::BinaryOp { left, right, .. } => {
                self.visit(left);
                self.visit(right);
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
            // Slots and unknowns are refused at loading; a form that a later Cedar brings is not understood here.
            _ => self.everything(),
        }
    }

    fn whole_context(&mut self) {
        self.context.extend(ContextFact::ALL);
        self.params = Names::All;
        self.user = Names::All;
        self.address = Precision::Exact;
        self.now = Precision::Exact;
        self.age = Precision::Exact;
    }

    /// `base.name`, `base has name` or `base has name.inner`.
    fn attribute(&mut self, base: &Expr, name: &str, inner: Option<&str>) {
        match base {
            Expr::Var(Var::Context) => self.context_attribute(name, inner),
            Expr::Var(Var::Principal) => {
                self.principal = true;
                self.attributes.add(name);
            }
            Expr::GetAttr { expr, attr } if is_context(expr) && attr == ContextFact::Params.as_str() => {
                self.context.insert(ContextFact::Params);
                self.params.add(name);
            }
            Expr::GetAttr { expr, attr } if is_context(expr) && attr == ContextFact::User.as_str() => {
                self.context.insert(ContextFact::User);
                self.user.add(name);
            }
            _ => self.visit(base),
        }
    }

    fn context_attribute(&mut self, name: &str, inner: Option<&str>) {
        let Some(fact) = ContextFact::of_name(name) else {
            // Not in the schema: the validator refuses it, or it is never there.
            return;
        };
        self.context.insert(fact);
        match fact {
            ContextFact::Params => match inner {
                Some(inner) => self.params.add(inner),
                None => self.params = Names::All,
            },
            ContextFact::SourceIp => self.address = Precision::Exact,
            ContextFact::Now => self.now = Precision::Exact,
            ContextFact::AuthAge => self.age = Precision::Exact,
            ContextFact::User => match inner {
                Some(inner) => self.user.add(inner),
                None => self.user = Names::All,
            },
            ContextFact::Mfa | ContextFact::Scopes | ContextFact::Strength => {}
        }
    }

    /// `context.authAge <= 900` and its like, and `context has authAge`; remembers the literal.
    fn compares_age(&mut self, expression: &Expr) -> bool {
        match expression {
            Expr::HasAttr { expr, attrs }
                if is_context(expr)
                    && attrs.tail.is_empty()
                    && attrs.head == ContextFact::AuthAge.as_str() => {}
            _ => {
                let literal = compared_with(expression, ContextFact::AuthAge);
                let Some(seconds) = literal.and_then(constant::long) else {
                    return false;
                };
                self.ages.insert(seconds);
            }
        }
        self.context.insert(ContextFact::AuthAge);
        self.age = self.age.max(Precision::Compared);
        true
    }

    /// `context.now < datetime("…")` and its like; remembers the literal.
    fn compares_time(&mut self, expression: &Expr) -> bool {
        let literal = compared_with(expression, ContextFact::Now);
        let Some(instant) = literal.and_then(constant::millis) else {
            return false;
        };
        self.context.insert(ContextFact::Now);
        self.now = self.now.max(Precision::Compared);
        self.instants.insert(instant);
        true
    }

    /// `context.sourceIp.isInRange(ip("…"))`, `context has sourceIp` and their like; remembers the literal.
    fn tests_address(&mut self, expression: &Expr) -> bool {
        let test = match expression {
            Expr::HasAttr { expr, attrs }
                if is_context(expr)
                    && attrs.tail.is_empty()
                    && attrs.head == ContextFact::SourceIp.as_str() =>
            {
                None
            }
            Expr::UnaryOp { op, expr } if is_fact(expr, ContextFact::SourceIp) => match op {
                UnaryOp::IsIPv4 => Some(AddressTest::V4),
                UnaryOp::IsIPV6 => Some(AddressTest::V6),
                UnaryOp::IsLoopback => Some(AddressTest::Loopback),
                UnaryOp::IsMulticast => Some(AddressTest::Multicast),
                _ => return false,
            },
            Expr::BinaryOp { op, left, right } => {
                let Some(test) = compared_address(*op, left, right) else {
                    return false;
                };
                Some(test)
            }
            _ => return false,
        };
        self.context.insert(ContextFact::SourceIp);
        self.address = self.address.max(Precision::Compared);
        if let Some(test) = test {
            self.test_address(test);
        }
        true
    }
}

/// What a comparison compares a fact with; none where the expression is no such comparison.
fn compared_with(expression: &Expr, fact: ContextFact) -> Option<&Expr> {
    let Expr::BinaryOp { op, left, right } = expression else {
        return None;
    };
    let compares = matches!(
        op,
        BinaryOp::Less
            | BinaryOp::LessEq
            | BinaryOp::Greater
            | BinaryOp::GreaterEq
            | BinaryOp::Eq
            | BinaryOp::NotEq
    );
    match (is_fact(left, fact), is_fact(right, fact)) {
        (true, false) if compares => Some(right),
        (false, true) if compares => Some(left),
        (true | false, true | false) => None,
    }
}

fn compared_address(op: BinaryOp, left: &Arc<Expr>, right: &Arc<Expr>) -> Option<AddressTest> {
    match (op, is_fact(left, ContextFact::SourceIp), is_fact(right, ContextFact::SourceIp)) {
        (BinaryOp::IsInRange, true, false) => AddressTest::in_range(constant::address_text(right)?),
        (BinaryOp::Eq | BinaryOp::NotEq, true, false) => AddressTest::equal(constant::address_text(right)?),
        (BinaryOp::Eq | BinaryOp::NotEq, false, true) => AddressTest::equal(constant::address_text(left)?),
        _ => None,
    }
}

fn is_context(expression: &Expr) -> bool {
    matches!(expression, Expr::Var(Var::Context))
}

/// Whether the expression is `context.FACT`.
fn is_fact(expression: &Expr, fact: ContextFact) -> bool {
    matches!(expression, Expr::GetAttr { expr, attr } if is_context(expr) && attr == fact.as_str())
}
