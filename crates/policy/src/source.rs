//! What policies are compiled from, beside the catalogue: their texts, and who and what exists.

use std::collections::{BTreeMap, BTreeSet};

use model::{AttributeType, DataClass, Exposure, TeamName};

/// The longest policy file, in bytes.
pub const POLICY_FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most policies in one revision.
pub const POLICIES_MAX: usize = 100_000;

/// One `policies/*.cedar` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// As diagnostics name it, relative to the repository.
    pub path: String,
    pub text: String,
}

/// What an API says about itself that policies can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiFacts {
    /// `resource.exposure`.
    pub exposure: Exposure,
    /// `resource.dataClass`.
    pub data_class: DataClass,
}

/// Who exists, and what is said about them: the part of a revision that is neither policy nor catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Every team of `teams.yaml`; a policy that names another is refused.
    pub teams: BTreeSet<TeamName>,
    /// The attributes that applications may have, with their types. All are optional in the schema.
    pub attributes: BTreeMap<String, AttributeType>,
    /// The attributes that users may have, with their types. All are optional in the schema.
    pub user_attributes: BTreeMap<String, AttributeType>,
    /// One per API, in the order of the catalogue's `ApiIndex`.
    pub apis: Vec<ApiFacts>,
}
