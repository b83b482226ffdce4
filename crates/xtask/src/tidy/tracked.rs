//! Every tracked file that is text: it names no package host and no folder of a developer's machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::Violation;
use crate::shell;

/// Hosts of package registries, split so that this file does not carry them itself.
const HOSTS: &[&str] = &[
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("files.", "pythonhosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("proxy.", "golang.org"),
    concat!("://", "pypi.org"),
];

/// Folders that exist on one machine only.
const FOLDERS: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/"), concat!("/ho", "me/")];

/// Text that attackers send, not paths of ours.
const CORPUS: &str = "fuzz/corpus/";

/// Reads every tracked text file, by path from the root.
pub(super) fn read(root: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let list = shell::output(&mut git).context("tidy asks git which files are tracked")?;
    let mut files = BTreeMap::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        // A file that was deleted but not yet committed is listed too.
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path.into(), text);
        }
    }
    Ok(files)
}

/// Names of hosts and folders that do not belong into the repository.
pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    if path.starts_with(CORPUS) {
        return found;
    }
    for (index, line) in text.lines().enumerate() {
        let mut violation = |rule, what: String, fix: &str| {
            found.push(Violation { path: path.into(), line: index + 1, rule, what, fix: fix.into() });
        };
        for host in HOSTS.iter().filter(|host| line.contains(**host)) {
            violation(
                "registry-host",
                format!("names the package host `{host}`"),
                "name the package, not where it lies",
            );
        }
        for folder in FOLDERS.iter().filter(|folder| begins_path(line, folder)) {
            violation(
                "machine-path",
                format!("names `{folder}`, a folder of one machine"),
                "use a path from the root of the repository",
            );
        }
    }
    found
}

/// Whether a path in `line` begins with `folder`, rather than going through one of that name.
fn begins_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-}*/%".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(path, text).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn accepts_ordinary_text() {
        assert!(rules("README.md", "see docs/rfd/ and target/work/x, https://example.com/").is_empty());
    }

    #[test]
    fn refuses_hosts_of_registries() {
        let host = HOSTS.first().unwrap();
        assert_eq!(rules("README.md", &format!("fetch https://{host}/x")), ["registry-host"]);
    }

    #[test]
    fn refuses_folders_of_one_machine_outside_the_corpus() {
        for folder in FOLDERS {
            let line = format!("cd {folder}x");
            assert_eq!(rules("docs/a.md", &line), ["machine-path"], "{line}");
            assert!(rules("fuzz/corpus/target/1", &line).is_empty());
            assert!(rules("docs/a.md", &format!("cd here{folder}x")).is_empty());
        }
    }
}
