//! Needs that were declared by scopes of access tokens: an API's document says which scope an operation asks for, and an issuer
//! granted that scope to a client.
//!
//! Each alone says little. Together they say that two people meant this client to call this operation, where the scope is
//! asked for by just this operation. A scope that some others ask for as well says less, and one that many ask for says
//! nothing of any single one; nor does a document by which anybody may call.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use catalog::{Catalog, Operation};

/// A scope that more operations of an API ask for says nothing of any single one.
const SHARED_MAX: usize = 4;

/// How much the scopes of a token say of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    /// One of the scopes is asked for by this operation and by no other of its API.
    OfThis,
    /// It is asked for by some others, too.
    OfFew,
}

/// What was declared of one caller and operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scoped {
    pub(super) said: Said,
    /// The scopes that the operation asks for together.
    pub(super) scopes: BTreeSet<String>,
}

/// The operations of a catalogue by what their documents ask for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// By API and scope, how many operations ask for it.
    counts: HashMap<(&'a str, &'a str), usize>,
    /// By API.
    operations: HashMap<&'a str, Vec<&'a Operation>>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(catalog: &'a Catalog) -> Self {
        let mut asked = Self { counts: HashMap::new(), operations: HashMap::new() };
        for operation in catalog.operations() {
            let scopes: BTreeSet<&str> =
                operation.scopes.sets().iter().flatten().map(|scope| &**scope).collect();
            if scopes.is_empty() {
                continue;
            }
            let api = operation.id.api();
            asked.operations.entry(api).or_default().push(operation);
            for scope in scopes {
                *asked.counts.entry((api, scope)).or_default() += 1;
            }
        }
        asked
    }

    /// What the scopes of one token of a client say of the operations of an API.
    pub(super) fn said(&self, api: &str, scopes: &[String]) -> Vec<(&'a str, Scoped)> {
        let has = |scope: &str| scopes.iter().any(|one| one == scope);
        let mut said = Vec::new();
        for operation in self.operations.get(api).into_iter().flatten() {
            let met = operation.scopes.sets().iter().filter(|set| set.iter().all(|scope| has(scope)));
            let best = met
                .filter_map(|set| {
                    let fewest = set.iter().filter_map(|scope| self.counts.get(&(api, &**scope))).min()?;
                    let said = match fewest {
                        1 => Said::OfThis,
                        2..=SHARED_MAX => Said::OfFew,
                        _ => return None,
                    };
                    Some(Scoped { said, scopes: set.iter().map(|scope| scope.to_string()).collect() })
                })
                .min_by(|one, other| one.said.cmp(&other.said));
            said.extend(best.map(|best| (operation.id.as_str(), best)));
        }
        said
    }
}

/// What was declared of one caller, by operation.
pub(super) type ScopedNeeds = BTreeMap<String, Scoped>;

/// Adds what one more token says; what says more of an operation stays.
pub(super) fn add(needs: &mut ScopedNeeds, said: &[(&str, Scoped)]) {
    for (operation, scoped) in said {
        match needs.get_mut(*operation) {
            Some(known) if known.said <= scoped.said => {}
            Some(known) => known.clone_from(scoped),
            None => {
                needs.insert((*operation).to_owned(), scoped.clone());
            }
        }
    }
}
