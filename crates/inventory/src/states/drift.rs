//! How what was seen of a declared operation differs from its document.

use crate::operation::Operation;
use crate::states::Declared;

/// What is sent or answered and not declared, and what is declared as required and not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// Names of query parameters of requests that succeeded.
    pub undeclared_query: Vec<String>,
    /// Required query parameters that no request which succeeded had.
    pub unsent_query: Vec<String>,
    /// Statuses.
    pub undeclared_statuses: Vec<u16>,
}

impl Drift {
    /// Compares. What the document or the source does not tell is no difference.
    #[must_use]
    pub fn of(seen: &Operation, declared: &Declared) -> Self {
        let mut drift = Self::default();
        if let Some(query) = &declared.query {
            let is_declared =
                |name: &str| query.iter().any(|(known, _)| known.trim_end_matches("[]") == name);
            let is_sent =
                |name: &str| seen.query.iter().any(|(known, _)| known == name.trim_end_matches("[]"));
            let undeclared = seen.query.iter().filter(|(name, _)| !is_declared(name));
            drift.undeclared_query = undeclared.map(|(name, _)| name.clone()).collect();
            // A log that has no queries at all shows nothing.
            if !seen.query.is_empty() {
                let unsent = query.iter().filter(|(name, required)| *required && !is_sent(name));
                drift.unsent_query = unsent.map(|(name, _)| name.clone()).collect();
            }
        }
        if !declared.answers.is_empty() {
            let undeclared =
                seen.statuses.iter().filter(|one| one.status != 0 && !holds(&declared.answers, one.status));
            drift.undeclared_statuses = undeclared.map(|one| one.status).collect();
        }
        drift
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a status is declared: by itself, by its class, or by `default`.
fn holds(answers: &[String], status: u16) -> bool {
    let exact = status.to_string();
    answers.iter().any(|answer| {
        let class = answer.get(1..).is_some_and(|rest| rest.eq_ignore_ascii_case("xx"))
            && answer.get(..1) == exact.get(..1);
        *answer == exact || class || answer == "default"
    })
}
