//! What was found as OpenAPI documents: on standard output, or as files of a folder.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use inventory::openapi::{Style, Written, document};
use inventory::{State, Stated};

use super::report::{Compared, moment};
use crate::output::{Output, printable};

/// Writes one document per host: JSON on standard output, indented where it is the only one and else one per line; YAML files in `folder`.
pub(super) fn documents(
    stated: &[Stated],
    compared: Compared,
    folder: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let hosts: BTreeSet<&str> =
        stated.iter().filter(|one| one.state != State::Orphan).map(|one| one.host.as_str()).collect();
    if hosts.is_empty() {
        anyhow::bail!("no request was answered with success, so there is nothing to declare");
    }
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut taken = BTreeSet::new();
    let style = Style { moment, states: compared == Compared::WithDocuments };
    for host in &hosts {
        let written = document(host, stated, style);
        left_out(host, &written, output);
        match folder {
            Some(folder) => {
                let path = folder.join(free_name(host, &mut taken));
                std::fs::write(&path, written.document.to_yaml())
                    .with_context(|| format!("cannot write {}", path.display()))?;
                output.note(&path.display().to_string());
            }
            None if hosts.len() == 1 => output.line(&written.document.to_json())?,
            None => output.json(&serde_json::to_value(&written.document)?)?,
        }
    }
    Ok(())
}

fn left_out(host: &str, written: &Written, output: Output) {
    for one in &written.left_out {
        output.note(&printable(&format!(
            "not in the document: {} {host}{}: {}",
            one.method, one.path, one.reason
        )));
    }
}

/// The name of a host's file, which no other host's has, also where capitals are not told apart.
fn free_name(host: &str, taken: &mut BTreeSet<String>) -> String {
    let wanted = file_name(host);
    let with = |number: usize| match wanted.strip_suffix(ENDING) {
        Some(stem) if number > 1 => format!("{stem}-{number}{ENDING}"),
        Some(_) | None => wanted.clone(),
    };
    // Of one name more than are taken one is free.
    let name =
        (1..=taken.len().saturating_add(1)).map(with).find(|name| !taken.contains(&name.to_lowercase()));
    let name = name.unwrap_or_else(|| wanted.clone());
    taken.insert(name.to_lowercase());
    name
}

const ENDING: &str = ".openapi.yaml";

/// A name in the folder whatever the host is: it comes from a log.
fn file_name(host: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '.';
    let name: String = host.chars().map(|one| if plain(one) { one } else { '_' }).take(200).collect();
    let name = name.trim_start_matches('.');
    format!("{}{ENDING}", if name.is_empty() { "no-host" } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_hosts_have_one_file() {
        let mut taken = BTreeSet::new();
        let long = "x".repeat(300);
        let hosts = ["", ".", "no-host", "no-host-2", "a:1", "a_1", "A_1", &long, &format!("{long}y")];
        let names: Vec<String> = hosts.into_iter().map(|host| free_name(host, &mut taken)).collect();
        let distinct: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(distinct.len(), hosts.len(), "{names:?}");
        let first: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
        assert_eq!(first, ["no-host.openapi.yaml", "no-host-2.openapi.yaml", "no-host-3.openapi.yaml"]);
        assert!(names.iter().all(|name| name.ends_with(ENDING) && name.len() < 230 && !name.contains('/')));
    }

    #[test]
    fn a_file_stays_in_its_folder() {
        for (host, name) in [
            ("shop.example", "shop.example.openapi.yaml"),
            ("shop.example:8443", "shop.example_8443.openapi.yaml"),
            ("../../etc/passwd", "_.._etc_passwd.openapi.yaml"),
            ("..", "no-host.openapi.yaml"),
            ("", "no-host.openapi.yaml"),
            ("a\u{1b}\0b", "a__b.openapi.yaml"),
        ] {
            assert_eq!(file_name(host), name);
        }
    }
}
