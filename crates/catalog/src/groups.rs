//! `groups.lock`: which operations are in which groups.
//!
//! A grant on a group reaches exactly the operations listed here. A document that gains an operation changes
//! nothing; [`regroup`] computes what would change, and the caller shows it to a person before it is written.

use std::collections::{BTreeMap, BTreeSet};

use model::{ApiName, GroupName, Method, VerbClass};

use crate::tree::{self, SyntaxError, Tree};
use crate::{OperationDeclaration, Spanning, Template};

/// The longest lock file, in bytes.
pub const LOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The groups of one API and the keys (`GET /orders/{id}`) of their operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsLock {
    pub groups: BTreeMap<GroupName, BTreeSet<String>>,
}

/// Why a text is no `groups.lock`.
#[derive(Debug, thiserror::Error)]
pub enum GroupsLockError {
    /// `pointer` is where, as RFC 6901 says it.
    #[error("{reason}")]
    Form { pointer: String, reason: String },
    #[error("the lock is not YAML in one reading")]
    Syntax(#[source] SyntaxError),
    #[error("the lock is {length} bytes long; the limit is {LOCK_BYTES_MAX}")]
    TooLong { length: usize },
}

/// A new lock and what it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regrouped {
    pub lock: GroupsLock,
    pub changes: Changes,
}

/// What a new lock changes: nothing joins or leaves a group without standing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    pub joined: Vec<(GroupName, String)>,
    pub left: Vec<(GroupName, String)>,
}

impl Changes {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty()
    }
}

impl GroupsLock {
    /// A lock in which nothing is in any group.
    #[must_use]
    pub fn empty() -> Self {
        Self { groups: BTreeMap::new() }
    }

    /// Reads a lock. Unknown fields, duplicates and keys that are not in their canonical spelling are refused.
    pub fn parse(text: &str) -> Result<Self, GroupsLockError> {
        if LOCK_BYTES_MAX < text.len() {
            return Err(GroupsLockError::TooLong { length: text.len() });
        }
        let tree = tree::read_file(text.as_bytes()).map_err(GroupsLockError::Syntax)?;
        let Tree::Map(fields) = tree else {
            return Err(form("", "the lock is not a map"));
        };
        if let Some(field) = fields.keys().find(|field| !["version", "groups"].contains(&field.as_str())) {
            return Err(form("", format!("unknown field `{}`", field.escape_debug())));
        }
        if fields.get("version") != Some(&Tree::Number("1".to_owned())) {
            return Err(form("/version", "the version must be 1"));
        }
        let Some(Tree::Map(listed)) = fields.get("groups") else {
            return Err(form("/groups", "`groups` is not a map of lists"));
        };
        let mut groups = BTreeMap::new();
        for (name, keys) in listed {
            let pointer = format!("/groups/{name}");
            let name = GroupName::parse(name).map_err(|error| form(&pointer, error.to_string()))?;
            groups.insert(name, parse_keys(&pointer, keys)?);
        }
        Ok(Self { groups })
    }

    /// Writes the lock; the text reads back as the same lock.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::from(
            "# Which operations are in which groups. A grant on a group reaches what is listed here and nothing else.\n\
             # Written by `sallyport api regroup`, which says who gains what; an edit of the document changes nothing.\n\
             version: 1\n",
        );
        if self.groups.is_empty() {
            text.push_str("groups: {}\n");
            return text;
        }
        text.push_str("groups:\n");
        for (group, keys) in &self.groups {
            text.push_str(&format!(
                "  {}:{}\n",
                quoted(group.as_str()),
                if keys.is_empty() { " []" } else { "" }
            ));
            for key in keys {
                text.push_str(&format!("    - {}\n", quoted(key)));
            }
        }
        text
    }
}

fn form(pointer: &str, reason: impl Into<String>) -> GroupsLockError {
    GroupsLockError::Form { pointer: pointer.to_owned(), reason: reason.into() }
}

fn parse_keys(pointer: &str, listed: &Tree) -> Result<BTreeSet<String>, GroupsLockError> {
    let Tree::List(items) = listed else {
        return Err(form(pointer, "a group is a list of operations"));
    };
    let mut keys = BTreeSet::new();
    for (place, item) in items.iter().enumerate() {
        let pointer = format!("{pointer}/{place}");
        let text = item.as_text().ok_or_else(|| form(&pointer, "an operation is a text"))?;
        let key = canonical_key(text).map_err(|reason| form(&pointer, reason))?;
        if key != text {
            return Err(form(&pointer, format!("write `{key}`")));
        }
        if !keys.insert(key) {
            return Err(form(&pointer, "the operation is listed twice"));
        }
    }
    Ok(keys)
}

/// The canonical spelling of `METHOD /path`.
fn canonical_key(text: &str) -> Result<String, String> {
    let wrong = || "an operation is written like `GET /orders/{id}`".to_owned();
    let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
    match Method::of_token(method.as_bytes()) {
        Method::Unlisted => Err(wrong()),
        method => match Template::parse(path, Spanning::AsWritten) {
            Ok(template) => Ok(format!("{method} {template}")),
            Err(error) => Err(error.to_string()),
        },
    }
}

/// A YAML text in double quotes. Letters and digits of any script stand for themselves.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ if character.is_alphanumeric() => quoted.push(character),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    quoted.push('"');
    quoted
}

/// The groups that every API has: all operations, those that read, those that write.
#[must_use]
pub fn built_in_groups(api: &ApiName, class: VerbClass) -> [Option<GroupName>; 2] {
    [GroupName::parse(api.as_str()).ok(), GroupName::parse(&format!("{api}:{}", class.as_str())).ok()]
}

/// Computes the lock in which every declared operation is in its built-in groups and what is no longer declared is
/// in none, and what that changes. Memberships in further groups stay as they are.
#[must_use]
pub fn regroup(api: &ApiName, operations: &[OperationDeclaration], old: &GroupsLock) -> Regrouped {
    let declared: BTreeMap<String, VerbClass> =
        operations.iter().map(|operation| (operation.key(), operation.method.verb_class())).collect();
    let mut lock = old.clone();
    let mut changes = Changes { joined: Vec::new(), left: Vec::new() };
    for (group, keys) in &mut lock.groups {
        keys.retain(|key| {
            let stays = declared.contains_key(key) && is_member(api, group, key, &declared);
            if !stays {
                changes.left.push((group.clone(), key.clone()));
            }
            stays
        });
    }
    for (key, class) in &declared {
        for group in built_in_groups(api, *class).into_iter().flatten() {
            if lock.groups.entry(group.clone()).or_default().insert(key.clone()) {
                changes.joined.push((group, key.clone()));
            }
        }
    }
    Regrouped { lock, changes }
}

/// Whether an operation may stay in a group: in a built-in one only where it belongs there.
fn is_member(api: &ApiName, group: &GroupName, key: &str, declared: &BTreeMap<String, VerbClass>) -> bool {
    let built_in = |class| built_in_groups(api, class).into_iter().flatten().any(|name| name == *group);
    match declared.get(key) {
        Some(class) => built_in(*class) || !(built_in(VerbClass::Read) || built_in(VerbClass::Write)),
        None => false,
    }
}

#[cfg(test)]
mod tests;
