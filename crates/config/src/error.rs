//! What is wrong with a file, for the person who must mend it.

use std::fmt;

/// One fault in one place. Commands print it as it is, with `--json` field by field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct ConfigError {
    /// Path inside the repository, `/` between its parts.
    pub file: String,
    /// From 1; 0 where the fault is the file as a whole, for instance that it is missing.
    pub line: u32,
    /// In characters, from 1; 0 where `line` is 0.
    pub column: u32,
    /// What is wrong, in one sentence without a full stop.
    pub reason: String,
    /// What to write instead.
    pub fix: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if self.line != 0 {
            write!(formatter, ":{}:{}", self.line, self.column)?;
        }
        write!(formatter, ": {}", self.reason)?;
        if self.fix.is_empty() { Ok(()) } else { write!(formatter, "; {}", self.fix) }
    }
}
