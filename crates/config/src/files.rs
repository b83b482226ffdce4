//! Which files make up a repository, and how large each may be.

use std::collections::BTreeMap;

use model::ApiName;

/// The most files that a repository may hold.
pub const FILES_MAX: usize = 20_000;

/// Bytes of a file written by hand: `sallyport.yaml`, `teams.yaml`, `api.yaml`.
const WRITTEN_BYTES_MAX: usize = 1 << 20;
/// Bytes of an OpenAPI document, a lock or a policy file; documents of 10 MB exist.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// Where the bytes of a repository come from: a folder, a revision in the store, a table in a test.
pub trait FileSource {
    /// All paths, relative to the repository, with `/` between their parts.
    fn paths(&self) -> Vec<&str>;
    /// The bytes of one file, or nothing where there is no such file.
    fn bytes(&self, path: &str) -> Option<&[u8]>;
}

impl FileSource for BTreeMap<String, Vec<u8>> {
    fn paths(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }

    fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.get(path).map(Vec::as_slice)
    }
}

/// What a file of a repository is for, told from its path alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// `sallyport.yaml`.
    Gateway,
    /// `teams.yaml`.
    Teams,
    /// `apis/NAME/api.yaml`.
    Api(ApiName),
    /// `apis/NAME/openapi.yaml` or `.json`.
    Document(ApiName),
    /// `apis/NAME/groups.lock`.
    Lock(ApiName),
    /// `policies/*.cedar`.
    Policy,
    /// `tests/*.yaml`.
    Test,
    /// Lies where our files lie and is none of them: reported, so that a misspelt guard is not left out in silence.
    Stray,
}

/// Says what a path is for; nothing for what is no business of ours (`README.md`, `.git/`, `.state/`, editors' files).
#[must_use]
pub fn role_of(path: &str) -> Option<Role> {
    let parts: Vec<&str> = path.split('/').collect();
    let hidden = |part: &&str| part.starts_with('.') || part.starts_with('#') || part.ends_with('~');
    if parts.iter().any(hidden) {
        return None;
    }
    let role = match parts.as_slice() {
        ["sallyport.yaml"] => Role::Gateway,
        ["teams.yaml"] => Role::Teams,
        ["sallyport.yml" | "teams.yml"] => Role::Stray,
        ["apis", name, file] => match (ApiName::parse(name), *file) {
            (Ok(name), "api.yaml") => Role::Api(name),
            (Ok(name), "openapi.yaml" | "openapi.json") => Role::Document(name),
            (Ok(name), "groups.lock") => Role::Lock(name),
            (_, file) if is_prose(file) => return None,
            (Ok(_) | Err(_), _) => Role::Stray,
        },
        ["policies", file] if file.ends_with(".cedar") => Role::Policy,
        ["tests", file] if file.ends_with(".yaml") => Role::Test,
        ["apis" | "policies" | "tests", .., file] if is_prose(file) => return None,
        ["apis" | "policies" | "tests", _, ..] => Role::Stray,
        _ => return None,
    };
    Some(role)
}

/// The most bytes that a file may have; a source need not read more than one byte beyond.
#[must_use]
pub const fn byte_limit(role: &Role) -> usize {
    match role {
        Role::Gateway | Role::Teams | Role::Api(_) | Role::Stray => WRITTEN_BYTES_MAX,
        Role::Document(_) | Role::Lock(_) | Role::Policy | Role::Test => TEXT_BYTES_MAX,
    }
}

fn is_prose(file: &str) -> bool {
    file.ends_with(".md") || file.ends_with(".txt")
}
