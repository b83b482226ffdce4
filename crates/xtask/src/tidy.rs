//! `cargo xtask tidy`: the house rules that a program can check.
//!
//! Each rule is a function from values to violations, in a module of its own, with a passing and a failing
//! example beside it. What is read from disk is read here. Every violation is printed, as
//! `path:line: rule: what; how to fix`, not only the first.

mod edges;
mod licences;
mod manifests;
mod metadata;
mod ratchet;
mod source;
mod text;
mod tracked;
mod versions;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Context as _;

use crate::args::Args;
use crate::shell;
use metadata::Metadata;
use ratchet::Ratchet;
use source::Source;

const RATCHET: &str = "crates/xtask/ratchet.txt";

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
    fix: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, what, fix } = self;
        write!(f, "{path}:{line}: {rule}: {what}; {fix}")
    }
}

/// The command.
pub(crate) fn run(mut args: Args) -> anyhow::Result<()> {
    let update = args.flag("--update");
    args.finish()?;
    if update { rewrite() } else { check() }
}

/// Fails when any rule is broken, after printing every violation.
pub(crate) fn check() -> anyhow::Result<()> {
    let workspace = Workspace::read()?;
    let mut violations = workspace.violations()?;
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    anyhow::ensure!(violations.is_empty(), "{} violations of the house rules", violations.len());
    println!(
        "tidy: {} files of Rust, {} tracked files and {} packages follow the rules",
        workspace.sources.len(),
        workspace.tracked.len(),
        workspace.metadata.packages.len()
    );
    Ok(())
}

/// Writes today's sizes into the ratchet, so that they can only shrink from here.
fn rewrite() -> anyhow::Result<()> {
    let workspace = Workspace::read()?;
    let text = Ratchet::of(&workspace.sources).to_text();
    let path = shell::root()?.join(RATCHET);
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("wrote {RATCHET}; a commit that adds a line to it says why");
    Ok(())
}

/// Everything that the rules look at.
struct Workspace {
    metadata: Metadata,
    /// Text of each `Cargo.toml`, by path from the root.
    manifests: BTreeMap<String, String>,
    sources: Vec<Source>,
    /// Text of each tracked file that is text, by path from the root.
    tracked: BTreeMap<String, String>,
    ratchet: String,
}

impl Workspace {
    fn read() -> anyhow::Result<Self> {
        let root = shell::root()?;
        let metadata = Metadata::read()?;
        let tracked = tracked::read(&root)?;
        let mut manifests = BTreeMap::new();
        for package in metadata.members() {
            let text = std::fs::read_to_string(&package.manifest_path)
                .with_context(|| format!("cannot read `{}`", package.manifest_path))?;
            manifests.insert(relative(&root, &package.manifest_path), text);
        }
        let rust = |path: &str| path.ends_with(".rs") && path.starts_with("crates/");
        let sources = tracked
            .iter()
            .filter(|(path, _)| rust(path))
            .map(|(path, text)| Source::new(path, text))
            .collect();
        let ratchet = std::fs::read_to_string(root.join(RATCHET)).unwrap_or_default();
        Ok(Self { metadata, manifests, sources, tracked, ratchet })
    }

    fn violations(&self) -> anyhow::Result<Vec<Violation>> {
        let mut found = Vec::new();
        found.extend(edges::check(&self.metadata));
        found.extend(licences::check(&self.metadata));
        found.extend(versions::check(&self.metadata)?);
        for (path, text) in &self.manifests {
            found.extend(manifests::check(path, text));
        }
        for source in &self.sources {
            found.extend(text::check(source));
            found.extend(edges::check_source(source));
        }
        for (path, text) in &self.tracked {
            found.extend(tracked::check(path, text));
        }
        found.extend(ratchet::check(&Ratchet::of(&self.sources), &self.ratchet));
        Ok(found)
    }
}

fn relative(root: &Path, path: &str) -> String {
    Path::new(path).strip_prefix(root).map_or_else(|_| path.into(), |path| path.display().to_string())
}
