//! What `cargo metadata` says about the workspace and everything it is locked to, on every platform.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde::Deserialize;

use crate::shell;

/// The part of cargo's answer that the rules need.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    pub(super) workspace_members: Vec<String>,
    pub(super) resolve: Resolve,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// Absent for a package of this workspace.
    pub(super) source: Option<String>,
    pub(super) license: Option<String>,
    pub(super) rust_version: Option<String>,
    pub(super) manifest_path: String,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Absent for an ordinary one, else `dev` or `build`.
    pub(super) kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Resolve {
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) deps: Vec<Edge>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Edge {
    pub(super) pkg: String,
    pub(super) dep_kinds: Vec<Kind>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Kind {
    pub(super) kind: Option<String>,
}

impl Metadata {
    pub(super) fn read() -> anyhow::Result<Self> {
        let mut command = shell::cargo(&["metadata", "--format-version", "1", "--locked"])?;
        serde_json::from_str(&shell::output(&mut command)?).context("cannot read cargo's metadata")
    }

    /// The packages of this workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        let members: BTreeSet<&String> = self.workspace_members.iter().collect();
        self.packages.iter().filter(move |package| members.contains(&package.id))
    }

    /// The packages of others.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &Package> {
        let members: BTreeSet<&String> = self.workspace_members.iter().collect();
        self.packages.iter().filter(move |package| !members.contains(&package.id))
    }

    /// The names of all packages that `package` is linked with, by ordinary dependencies at any depth.
    pub(super) fn linked(&self, package: &Package) -> BTreeSet<&str> {
        let nodes: BTreeMap<&str, &Node> =
            self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let mut seen = BTreeSet::new();
        let mut open = vec![package.id.as_str()];
        while let Some(id) = open.pop() {
            let ordinary = |edge: &&Edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
            for edge in nodes.get(id).into_iter().flat_map(|node| &node.deps).filter(ordinary) {
                if seen.insert(edge.pkg.as_str()) {
                    open.push(&edge.pkg);
                }
            }
        }
        self.packages.iter().filter(|p| seen.contains(p.id.as_str())).map(|p| p.name.as_str()).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A workspace with one crate of ours per entry: its name and its ordinary dependencies.
    pub(in crate::tidy) fn workspace(crates: &[(&str, &[&str])]) -> Metadata {
        let mut names: BTreeMap<&str, &[&str]> = crates.iter().copied().collect();
        for (_, dependencies) in crates {
            for dependency in *dependencies {
                names.entry(dependency).or_insert(&[]);
            }
        }
        let package = |(name, dependencies): (&&str, &&[&str])| Package {
            id: (*name).into(),
            name: (*name).into(),
            version: "1.0.0".into(),
            source: None,
            license: Some("Apache-2.0".into()),
            rust_version: None,
            manifest_path: format!("crates/{name}/Cargo.toml"),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency { name: (*name).into(), kind: None })
                .collect(),
        };
        let node = |(name, dependencies): (&&str, &&[&str])| Node {
            id: (*name).into(),
            deps: dependencies
                .iter()
                .map(|name| Edge { pkg: (*name).into(), dep_kinds: vec![Kind { kind: None }] })
                .collect(),
        };
        Metadata {
            packages: names.iter().map(package).collect(),
            workspace_members: crates.iter().map(|(name, _)| (*name).into()).collect(),
            resolve: Resolve { nodes: names.iter().map(node).collect() },
        }
    }

    /// One package of others.
    pub(in crate::tidy) fn foreign(name: &str, version: &str, license: Option<&str>) -> Package {
        Package {
            id: name.into(),
            name: name.into(),
            version: version.into(),
            source: Some(format!("registry+https://github.com/rust-lang/{}-index", "crates.io")),
            license: license.map(String::from),
            rust_version: None,
            manifest_path: format!("registry/{name}/Cargo.toml"),
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn follows_ordinary_dependencies_to_any_depth_and_no_others() {
        let mut metadata =
            workspace(&[("model", &["a"]), ("a", &["b"]), ("b", &["tokio"]), ("c", &["axum"])]);
        let model = metadata.packages.iter().find(|p| p.name == "model").unwrap().clone();
        assert_eq!(metadata.linked(&model), BTreeSet::from(["a", "b", "tokio"]));
        for node in &mut metadata.resolve.nodes {
            for edge in &mut node.deps {
                edge.dep_kinds = vec![Kind { kind: Some("dev".into()) }];
            }
        }
        assert!(metadata.linked(&model).is_empty());
    }
}
