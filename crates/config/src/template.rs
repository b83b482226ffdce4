//! The files that `init` and `api add` write: complete, small, with comments that teach.
//!
//! Every value that a person gave arrives as a checked type or is written as a quoted YAML text, so nothing given
//! can become structure. What is written here is read back by [`crate::Repository::load`] in the tests.

use model::{ApiName, TeamName, Timestamp};

use crate::{Hosts, Upstream};

/// What a new API is told about itself.
#[derive(Clone, Debug)]
pub struct NewApi<'a> {
    pub name: &'a ApiName,
    pub hosts: &'a Hosts,
    pub upstream: &'a Upstream,
    pub owner: &'a TeamName,
    pub start: Start<'a>,
}

/// In which mode a new API starts.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// It has a document, so what is not declared and granted is denied from the first call.
    Enforce,
    /// It is watched until this date, `2026-12-09`, then enforced.
    ObserveUntil(&'a str),
}

/// A file to write, relative to the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    pub path: String,
    pub text: String,
}

/// All files of a new repository but the OpenAPI document and the lock. The team is named in `teams.yaml`.
#[must_use]
pub fn repository(api: &NewApi<'_>) -> Vec<NewFile> {
    let file = |path: &str, text: String| NewFile { path: path.to_owned(), text };
    vec![
        file(".gitignore", GITIGNORE.to_owned()),
        file("README.md", fill(README, &[("API", api.name.as_str())])),
        file("sallyport.yaml", GATEWAY.to_owned()),
        file("teams.yaml", fill(TEAMS, &[("TEAM", api.owner.as_str())])),
        api_file(api),
        file(
            &format!("policies/{}.cedar", api.name),
            fill(POLICY, &[("API", api.name.as_str()), ("TEAM", api.owner.as_str())]),
        ),
    ]
}

/// The `api.yaml` of a new API.
#[must_use]
pub fn api_file(api: &NewApi<'_>) -> NewFile {
    let hosts = match api.hosts {
        Hosts::Any => "['*']".to_owned(),
        Hosts::Listed(hosts) => {
            let quoted: Vec<String> = hosts.iter().map(|host| quote(host.as_str())).collect();
            format!("[{}]", quoted.join(", "))
        }
    };
    let mode = match api.start {
        Start::Enforce => MODE_ENFORCE.to_owned(),
        // A date stands bare, as people write it; anything else is quoted and refused by the loader.
        Start::ObserveUntil(date) if Timestamp::parse(date).is_ok() => fill(MODE_OBSERVE, &[("DATE", date)]),
        Start::ObserveUntil(other) => fill(MODE_OBSERVE, &[("DATE", &quote(other))]),
    };
    let upstream = api.upstream.url();
    let text = fill(
        API,
        &[
            ("API", api.name.as_str()),
            ("HOSTS", &hosts),
            ("UPSTREAM", &quote(&upstream)),
            ("OWNER", &quote(api.owner.as_str())),
            ("MODE", &mode),
        ],
    );
    NewFile { path: format!("apis/{}/api.yaml", api.name), text }
}

/// A YAML text in single quotes, where a quote is the only character with a meaning.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Puts values in place of `@NAME@`, in one pass, so that a value which looks like a placeholder stays as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut parts = template.split('@');
    filled.push_str(parts.next().unwrap_or_default());
    while let Some(name) = parts.next() {
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => {
                filled.push_str(value);
                filled.push_str(parts.next().unwrap_or_default());
            }
            // An ordinary `@`, as in `@id("…")`: what follows may itself begin a placeholder.
            None => {
                filled.push('@');
                filled.push_str(name);
            }
        }
    }
    filled
}

const GITIGNORE: &str = "\
# Keys, tokens, log and store live here. Never commit them.
.state/
# Private keys of certificates.
*.key
";

const README: &str = include_str!("template/README.md.txt");
const GATEWAY: &str = include_str!("template/sallyport.yaml.txt");
const TEAMS: &str = include_str!("template/teams.yaml.txt");
const API: &str = include_str!("template/api.yaml.txt");
const POLICY: &str = include_str!("template/policy.cedar.txt");

const MODE_ENFORCE: &str = "\
mode: enforce                   # what is not declared and granted is denied; `observe` lets it pass and records it";
const MODE_OBSERVE: &str = "\
mode: observe                   # nothing is declared or granted yet, so calls pass and are recorded as would_deny
observe_until: @DATE@       # then enforced, whatever happens; a renewal is an act of its own";

#[cfg(test)]
mod tests;
