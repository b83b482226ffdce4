//! What is in force is asked the cases of `tests/`, so that a publish says at once whether the gateway does what was meant.
//!
//! The cases are judged by the function that explains a call of now, against the snapshot that requests are judged by: its
//! policies, its blocks, its usable APIs. Who calls and when is what the case says.

use config::load_cases;
use serde::Serialize;
use serde_json::Value;

use crate::Control;
use crate::cases::{self, CaseView};
use crate::check::Checked;
use crate::files::Files;

/// What came of the probes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Probes {
    pub asked: usize,
    pub as_expected: usize,
    /// The cases that came out otherwise.
    pub differing: Vec<CaseView>,
    /// Why cases could not be asked, with the fields that `config check --json` documents; then none was.
    pub errors: Vec<Value>,
}

impl Probes {
    /// Whether everything came out as expected.
    #[must_use]
    pub fn held(&self) -> bool {
        self.differing.is_empty() && self.errors.is_empty()
    }

    fn of(outcome: Result<Vec<CaseView>, Vec<config::ConfigError>>) -> Self {
        match outcome {
            Ok(views) => Self {
                asked: views.len(),
                as_expected: views.iter().filter(|case| case.passed).count(),
                differing: views.into_iter().filter(|case| !case.passed).collect(),
                errors: Vec::new(),
            },
            Err(errors) => Self { errors: errors.iter().map(crate::error_json).collect(), ..Self::default() },
        }
    }
}

/// Asks a revision that is not in force: what policy says, as `policy test` does.
pub(crate) fn of_candidate(files: &Files, checked: &Checked) -> Probes {
    let outcome = load_cases(files, &checked.repository.gateway).and_then(|loaded| {
        cases::ask_all(&loaded, &checked.repository, &checked.catalog, |case, subject, request| {
            enforce::explain_policy(&checked.catalog, &checked.policies, case.now, subject, request)
        })
    });
    Probes::of(outcome)
}

impl Control {
    /// Asks the snapshot that requests are judged by. `files` are those in force.
    pub(crate) fn probe(&self, files: &Files) -> Probes {
        let snapshot = self.live.load().0;
        let repository = self.state().loaded.as_ref().map(|loaded| loaded.repository.clone());
        let Some(repository) = repository else { return Probes::default() };
        let outcome = load_cases(files, &repository.gateway).and_then(|loaded| {
            cases::ask_all(&loaded, &repository, &snapshot.revision.catalog, |case, subject, request| {
                enforce::explain(&snapshot, case.now, subject, request)
            })
        });
        Probes::of(outcome)
    }
}
