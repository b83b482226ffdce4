//! What is wrong with a policy file, where, and how it is put right.
//!
//! A diagnostic always names file, line and column (both from 1, columns in characters), the reason, and a fix.

use std::fmt;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The set is refused.
    Error,
    /// The set is taken.
    Warning,
}

impl Severity {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong, or doubtful, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub reason: String,
    /// What to do about it.
    pub fix: String,
    pub severity: Severity,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, reason, fix, severity } = self;
        write!(formatter, "{file}:{line}:{column}: {}: {reason}; {fix}", severity.as_str())
    }
}

/// A policy set that is not taken: every reason, not just the first.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} in the policies; the first: {}", Count(.diagnostics), First(.diagnostics))]
pub struct CompilePoliciesError {
    /// Errors and warnings, sorted by file, line and column. At least one is an error.
    pub diagnostics: Vec<Diagnostic>,
}

struct Count<'a>(&'a [Diagnostic]);

impl fmt::Display for Count<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count() {
            1 => formatter.write_str("1 error"),
            count => write!(formatter, "{count} errors"),
        }
    }
}

struct First<'a>(&'a [Diagnostic]);

impl fmt::Display for First<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
            Some(diagnostic) => fmt::Display::fmt(diagnostic, formatter),
            None => formatter.write_str("none"),
        }
    }
}

/// The line and column, both from 1, of a byte offset into a text.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or("");
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
