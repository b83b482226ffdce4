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

/// How names end that editors, patches and merges give to a copy of a file.
const COPY_ENDINGS: [&str; 14] = [
    "backup",
    "bak",
    "dpkg-dist",
    "dpkg-new",
    "dpkg-old",
    "old",
    "orig",
    "rej",
    "rpmnew",
    "rpmsave",
    "save",
    "swo",
    "swp",
    "tmp",
];

/// Says what a path is for; nothing for what is no business of ours (`README.md`, `.git/`, `.state/`, files of editors, and
/// copies such as `api.yaml.orig`).
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
            (_, file) if is_prose(file) || is_copy(file) => return None,
            (Ok(_) | Err(_), _) => Role::Stray,
        },
        ["policies", file] if file.ends_with(".cedar") => Role::Policy,
        ["tests", file] if file.ends_with(".yaml") => Role::Test,
        ["apis" | "policies" | "tests", .., file] if is_prose(file) || is_copy(file) => return None,
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

/// Whether this is what tools leave beside a file or make for a moment. It keeps its own name or says what it is, so it is no
/// slip of whoever meant to write a guard, and must not keep the other files out of force.
fn is_copy(file: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match file.rsplit_once('.') {
        // `api.yaml.bak`, `api.yaml.1`
        Some((rest, ending)) if is_number(ending) || COPY_ENDINGS.contains(&ending) => !rest.is_empty(),
        // What `git mergetool` makes: `api_LOCAL_4711.yaml`
        Some((rest, _)) => ["_BACKUP_", "_BASE_", "_LOCAL_", "_REMOTE_"]
            .iter()
            .any(|of_merge| rest.rsplit_once(of_merge).is_some_and(|(_, number)| is_number(number))),
        // What Vim makes to see whether it may write, and `sed -i` to write to.
        None => {
            is_number(file)
                || file.strip_prefix("sed").is_some_and(|rest| {
                    rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
                })
        }
    }
}

fn is_prose(file: &str) -> bool {
    file.ends_with(".md") || file.ends_with(".txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_that_tools_make_are_passed_over_and_slips_are_not() {
        for file in [
            "apis/orders/api.yaml.bak",
            "apis/orders/api.yaml.orig",
            "apis/orders/openapi.yaml.rej",
            "apis/orders/groups.lock.1",
            "apis/orders/4913",
            "apis/orders/sedGjS4EH",
            "apis/orders/api_LOCAL_4711.yaml",
            "policies/guards.cedar.old",
            "policies/guards.cedar~",
            "policies/4913",
            "tests/shop.yaml.swp",
        ] {
            assert_eq!(role_of(file), None, "{file}");
        }
        for file in [
            "apis/orders/api.yml",
            "apis/orders/api.yaml.yaml",
            "apis/orders/bak",
            "apis/orders/api_LOCAL_.yaml",
            "apis/orders/sedition",
            "policies/guards.ceder",
            "policies/guards",
            "policies/guards.cedar.disabled",
            "policies/below/guards.cedar",
            "tests/shop.yml",
        ] {
            assert_eq!(role_of(file), Some(Role::Stray), "{file}");
        }
        // What is read is read, whatever its name looks like.
        assert_eq!(role_of("policies/guards_LOCAL_4711.cedar"), Some(Role::Policy));
        assert_eq!(role_of("policies/old.cedar"), Some(Role::Policy));
    }
}
