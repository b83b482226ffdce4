//! Which team answers for a workload: said in the files by its whole name, or by what its name begins or ends with.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{TeamName, Workload, WorkloadName};

/// The teams of workloads. Who is in none is a workload all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workloads {
    whole: BTreeMap<Box<str>, TeamName>,
    /// Those below a path of SPIFFE ids or below a domain, the longest first, so that the nearest counts.
    below: Box<[(Below, TeamName)]>,
}

/// Part of names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Below {
    /// `spiffe://example.org/ns/shop/`: what a name begins with.
    Path(Box<str>),
    /// `.shop.example`: what a name ends with.
    Domain(Box<str>),
}

impl Below {
    fn len(&self) -> usize {
        match self {
            Self::Path(text) | Self::Domain(text) => text.len(),
        }
    }

    /// Whole segments and whole labels, and at least one of them: `…/shop/*` holds neither `…/shop` nor `…/shopping/a`.
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::Path(path) => name.strip_prefix(&**path).is_some_and(|rest| !rest.is_empty()),
            Self::Domain(domain) => name.strip_suffix(&**domain).is_some_and(|rest| !rest.is_empty()),
        }
    }
}

impl Workloads {
    /// None of them is in a team.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// By names, by `spiffe://DOMAIN/PATH/*` and by `*.DOMAIN`.
    #[must_use]
    pub fn of(teams: impl IntoIterator<Item = (String, TeamName)>) -> Self {
        let (mut whole, mut below) = (BTreeMap::new(), Vec::new());
        for (pattern, team) in teams {
            if let Some(domain) = pattern.strip_prefix('*') {
                below.push((Below::Domain(domain.into()), team));
            } else if let Some(path) = pattern.strip_suffix('*') {
                below.push((Below::Path(path.into()), team));
            } else {
                whole.insert(pattern.into(), team);
            }
        }
        below.sort_by_key(|(below, _)| std::cmp::Reverse(below.len()));
        Self { whole, below: below.into() }
    }

    /// The team that answers for a workload.
    #[must_use]
    pub fn team_of(&self, name: &WorkloadName) -> Option<&TeamName> {
        let name = name.as_str();
        self.whole.get(name).or_else(|| {
            let found = self.below.iter().find(|(below, _)| below.holds(name));
            found.map(|(_, team)| team)
        })
    }

    /// The workload with its team.
    #[must_use]
    pub fn known(&self, workload: &Arc<Workload>) -> Arc<Workload> {
        match self.team_of(&workload.name) {
            None => Arc::clone(workload),
            Some(team) => Arc::new(Workload { name: workload.name.clone(), team: Some(team.clone()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_counts() {
        let team = |name: &str| TeamName::parse(name).unwrap();
        let workloads = Workloads::of([
            ("spiffe://example.org/ns/shop/*".to_owned(), team("shop")),
            ("spiffe://example.org/*".to_owned(), team("all")),
            ("spiffe://example.org/ns/shop/sa/cart".to_owned(), team("cart")),
            ("*.shop.example".to_owned(), team("hosts")),
            ("*.a.shop.example".to_owned(), team("near")),
        ]);
        for (name, expected) in [
            ("spiffe://example.org/ns/shop/sa/cart", Some("cart")),
            ("spiffe://example.org/ns/shop/sa/carts", Some("shop")),
            ("spiffe://example.org/ns/shop/sa/cart/x", Some("shop")),
            ("spiffe://example.org/ns/shopping/sa/cart", Some("all")),
            ("spiffe://example.org/ns/shop", Some("all")),
            ("spiffe://example.org.evil/ns/shop/sa/cart", None),
            ("spiffe://other.org/ns/shop/sa/cart", None),
            ("b.shop.example", Some("hosts")),
            ("c.b.shop.example", Some("hosts")),
            ("x.a.shop.example", Some("near")),
            ("shop.example", None),
            ("evilshop.example", None),
            ("b.shop.example.evil", None),
        ] {
            let name = WorkloadName::parse(name).unwrap();
            assert_eq!(workloads.team_of(&name).map(TeamName::as_str), expected, "{name}");
            let known = workloads.known(&Arc::new(Workload { name, team: None }));
            assert_eq!(known.team.as_ref().map(TeamName::as_str), expected);
        }
    }
}
