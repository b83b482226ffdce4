//! The files that `init` and `api add` write: complete, small, with comments that teach.
//!
//! Every value that a person gave is written as a quoted text, so nothing given can become structure; whether it is a
//! good value the loader says. What is written here is read back by [`crate::Repository::load`] in the tests.

/// What a new repository is told about itself.
#[derive(Clone, Debug)]
pub struct NewRepository {
    /// The team that owns the first API.
    pub team: String,
    /// Its first member.
    pub member: String,
    /// The name of the first API.
    pub api: String,
}

/// What a new API is told about itself.
#[derive(Clone, Debug)]
pub struct NewApi {
    /// `*` alone for every host.
    pub hosts: Vec<String>,
    /// `http://HOST:PORT`.
    pub upstream: String,
    pub base_path: String,
    pub owner: String,
    /// The date, `2026-12-09`, until which it is observed; without one it is enforced from the start.
    pub observe_until: Option<String>,
}

/// The files of a new repository but those below `apis/`: path and content.
#[must_use]
pub fn repository(new: &NewRepository) -> Vec<(String, Vec<u8>)> {
    let (api, team) = (plain(&new.api), plain(&new.team));
    let names = [("API", api.as_str()), ("TEAM", team.as_str())];
    let teams = fill(TEAMS, &[("TEAM", &quote(&new.team)), ("MEMBER", &quote(&new.member))]);
    [
        (".gitignore".to_owned(), GITIGNORE.to_owned()),
        ("README.md".to_owned(), fill(README, &names)),
        ("sallyport.yaml".to_owned(), GATEWAY.to_owned()),
        ("teams.yaml".to_owned(), teams),
        (format!("policies/{api}.cedar"), fill(POLICY, &names)),
    ]
    .map(|(path, text)| (path, text.into_bytes()))
    .to_vec()
}

/// The `api.yaml` of a new API.
#[must_use]
pub fn api(new: &NewApi) -> String {
    let hosts: Vec<String> = new.hosts.iter().map(|host| quote(host)).collect();
    let mode = match &new.observe_until {
        None => MODE_ENFORCE.to_owned(),
        Some(date) => fill(MODE_OBSERVE, &[("DATE", &quote(date))]),
    };
    fill(
        API,
        &[
            ("HOSTS", &format!("[{}]", hosts.join(", "))),
            ("UPSTREAM", &quote(&new.upstream)),
            ("BASE", &quote(&new.base_path)),
            ("OWNER", &quote(&new.owner)),
            ("MODE", &mode),
        ],
    )
}

/// A YAML text in quotes, whatever it holds: in single quotes, where a quote is the only character with a meaning, or
/// in double quotes where control characters must be escaped.
pub(crate) fn quote(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => quoted.push_str(&format!("\\U{:08X}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A name for places that know no quoting, comments above all: what is in no name becomes `_`. Such a name is refused
/// when the files are loaded; here it only must not end the comment.
fn plain(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    name.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect()
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
";

const README: &str = include_str!("templates/README.md.txt");
const GATEWAY: &str = include_str!("templates/sallyport.yaml.txt");
const TEAMS: &str = include_str!("templates/teams.yaml.txt");
const API: &str = include_str!("templates/api.yaml.txt");
const POLICY: &str = include_str!("templates/policy.cedar.txt");

const MODE_ENFORCE: &str = "\
mode: enforce                   # what is not declared and granted is denied; `observe` lets it pass and records it";
const MODE_OBSERVE: &str = "\
mode: observe                   # nothing is declared or granted yet, so calls pass and are recorded as would_deny
observe_until: @DATE@     # then enforced, whatever happens; a renewal is an act of its own";

#[cfg(test)]
mod tests;
