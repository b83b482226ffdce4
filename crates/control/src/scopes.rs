//! Which scopes of keys name anything that is declared: a key whose API was renamed or removed opens nothing any more, and
//! nobody sees it by the key.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Catalog;
use model::GroupName;

use crate::applications::is_live;
use crate::{Control, ControlError};

/// The most keys that one line names.
const NAMED_MAX: usize = 5;

/// What a scope can name.
pub(crate) struct Declared<'a>(BTreeSet<&'a str>);

impl<'a> Declared<'a> {
    pub(crate) fn of(catalog: &'a Catalog) -> Self {
        let of_operation = |operation: &'a catalog::Operation| {
            std::iter::once(operation.id.as_str()).chain(operation.groups.iter().map(GroupName::as_str))
        };
        let operations = catalog.operations().iter().flat_map(of_operation);
        Self(operations.chain(catalog.apis().iter().map(|api| api.name.as_str())).collect())
    }

    /// Whether a scope is an operation, a group, or a built-in group of an API, which may be empty.
    pub(crate) fn has(&self, scope: &str) -> bool {
        let built_in = scope.strip_suffix(":read").or_else(|| scope.strip_suffix(":write"));
        self.0.contains(scope) || built_in.is_some_and(|api| self.0.contains(api))
    }
}

impl Control {
    /// Scopes of keys that count and that name nothing, in a line each, with whose keys they are.
    pub(crate) fn void_scopes(&self) -> Result<Vec<String>, ControlError> {
        let now = self.now();
        let mut keys = self.state().store.keys()?;
        keys.retain(|key| is_live(key, now));
        let snapshot = self.live().load();
        let declared = Declared::of(snapshot.catalog());
        let mut void: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for key in &keys {
            for scope in key.scopes.iter().filter(|scope| !declared.has(scope)) {
                void.entry(scope).or_default().push(format!("{} of app {}", key.id, key.application));
            }
        }
        let line = |(scope, keys): (&str, Vec<String>)| {
            let (shown, more) = keys.split_at(keys.len().min(NAMED_MAX));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            format!(
                "the scope `{scope}` names nothing that is declared; keys that have it: {}{more}; make new ones with \
                 `sallyport key create`",
                shown.join(", ")
            )
        };
        Ok(void.into_iter().map(line).collect())
    }
}
