//! How what was seen of a declared operation differs from its document.

use crate::operation::{Operation, StatusCount};
use crate::states::Declared;

/// What is sent or answered and not declared, and what is declared as required and not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// Names of query parameters of requests that succeeded.
    pub undeclared_query: Vec<String>,
    /// Required query parameters that no request which succeeded had.
    pub unsent_query: Vec<String>,
    /// Statuses. Those that a gateway answered itself are no service's.
    pub undeclared_statuses: Vec<u16>,
    /// Media types of requests that succeeded.
    pub undeclared_request_types: Vec<String>,
    /// Media types of answers to requests that succeeded.
    pub undeclared_answer_types: Vec<String>,
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
            let own = |one: &StatusCount| {
                let own = seen.own_statuses.iter().find(|own| own.status == one.status);
                own.is_some_and(|own| one.count <= own.count)
            };
            let undeclared = seen
                .statuses
                .iter()
                .filter(|one| one.status != 0 && !holds(&declared.answers, one.status) && !own(one));
            drift.undeclared_statuses = undeclared.map(|one| one.status).collect();
        }
        drift.undeclared_request_types = undeclared_types(&seen.request_types, &declared.request_types);
        drift.undeclared_answer_types = undeclared_types(&seen.content_types, &declared.answer_types);
        drift
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The media types that none of the declared ones holds: itself, `application/*` or `*/*`, without regard to case.
fn undeclared_types(seen: &[String], declared: &[String]) -> Vec<String> {
    if declared.is_empty() {
        return Vec::new();
    }
    let is_declared = |name: &str| {
        declared.iter().any(|range| {
            let class = range.strip_suffix('*').filter(|class| class.ends_with('/'));
            let below = class.is_some_and(|class| {
                name.get(..class.len()).is_some_and(|start| start.eq_ignore_ascii_case(class))
            });
            range == "*/*" || below || range.eq_ignore_ascii_case(name)
        })
    };
    let mut types: Vec<String> = seen.iter().filter(|name| !is_declared(name)).cloned().collect();
    types.sort();
    types
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
