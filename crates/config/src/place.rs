//! Places in a file, and the list of what was found there.

use crate::ConfigError;

/// The most errors that one load reports; whoever has more mends these first.
pub(crate) const ERRORS_MAX: usize = 200;

/// A line and a column, both from 1; zeros mean the file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Place {
    pub(crate) const WHOLE: Self = Self { line: 0, column: 0 };
}

/// Collects the faults of one file.
#[derive(Debug)]
pub(crate) struct Faults {
    file: String,
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

impl Faults {
    pub(crate) fn of(file: &str) -> Self {
        Self { file: file.to_owned(), errors: Vec::new(), warnings: Vec::new() }
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Notes an error.
    pub(crate) fn add(&mut self, place: Place, reason: impl Into<String>, fix: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            let error = self.at(place, reason.into(), fix.into());
            self.errors.push(error);
        }
    }

    /// Notes something that is allowed and probably not meant.
    pub(crate) fn warn(&mut self, place: Place, reason: impl Into<String>, fix: impl Into<String>) {
        if self.warnings.len() < ERRORS_MAX {
            let warning = self.at(place, reason.into(), fix.into());
            self.warnings.push(warning);
        }
    }

    fn at(&self, place: Place, reason: String, fix: String) -> ConfigError {
        ConfigError { file: self.file.clone(), line: place.line, column: place.column, reason, fix }
    }

    /// Errors, then warnings.
    pub(crate) fn into_parts(self) -> (Vec<ConfigError>, Vec<ConfigError>) {
        (self.errors, self.warnings)
    }
}
