//! Checks a whole repository, as `config check`, loading and every edit do: all of it, or every fault with its place.

use catalog::Catalog;
use config::{ConfigError, Repository};
use policy::{ApiFacts, Diagnostic, Directory, Policies, PolicySource, Severity, ValidationCache};

use crate::ControlError;
use crate::declarations::{Declared, declare_all};
use crate::files::Files;

/// A repository that loads.
#[derive(Debug)]
pub struct Checked {
    pub repository: Repository,
    pub catalog: Catalog,
    pub policies: Policies,
    /// What is allowed and probably not meant.
    pub warnings: Vec<ConfigError>,
}

/// Checks the files as they are; validates every policy anew.
pub fn check(files: &Files) -> Result<Checked, ControlError> {
    check_with(files, &mut ValidationCache::new()).map_err(ControlError::Files)
}

/// Checks the files; policies found valid before, by content, are not validated again.
pub(crate) fn check_with(files: &Files, known: &mut ValidationCache) -> Result<Checked, Vec<ConfigError>> {
    let repository = Repository::load(files)?;
    let Declared { catalog, mut warnings } = declare_all(&repository)?;
    let sources: Vec<PolicySource> = repository
        .policies
        .iter()
        .map(|policy| PolicySource { path: policy.path.clone(), text: policy.text.clone() })
        .collect();
    let directory = directory_of(&repository);
    let compiled = policy::compile(&sources, &catalog, &directory, known)
        .map_err(|error| errors_of(&error.diagnostics))?;
    warnings.extend(repository.warnings.iter().cloned());
    warnings.extend(compiled.warnings.iter().map(finding));
    warnings.sort();
    warnings.dedup();
    Ok(Checked { repository, catalog, policies: compiled.policies, warnings })
}

/// What policies can read about who and what exists.
pub(crate) fn directory_of(repository: &Repository) -> Directory {
    Directory {
        teams: repository.teams.0.keys().cloned().collect(),
        attributes: repository.gateway.application_attributes.clone(),
        user_attributes: repository.gateway.user_attributes.clone(),
        apis: repository
            .apis
            .iter()
            .map(|api| ApiFacts { exposure: api.exposure, data_class: api.data_class })
            .collect(),
    }
}

fn errors_of(diagnostics: &[Diagnostic]) -> Vec<ConfigError> {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).map(finding).collect()
}

fn finding(diagnostic: &Diagnostic) -> ConfigError {
    let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    ConfigError {
        file: diagnostic.file.clone(),
        line: place(diagnostic.line),
        column: place(diagnostic.column),
        reason: diagnostic.reason.clone(),
        fix: diagnostic.fix.clone(),
    }
}
