//! Entry points for fuzzing: any bytes, no panic, bounded work.

use std::collections::BTreeMap;

use crate::{Repository, Upstream, parse_duration, parse_size, read_key_list};

/// Loads a repository whose parts are cut out of `bytes` at each line that reads `--- PATH`.
pub fn load(bytes: &[u8]) {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut path = "sallyport.yaml".to_owned();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"--- ") {
            Some(name) => String::from_utf8_lossy(name).trim_end().clone_into(&mut path),
            None => files.entry(path.clone()).or_default().extend_from_slice(line),
        }
    }
    drop(Repository::load(&files));
}

/// Reads one `api.yaml` beside sound other files.
pub fn api(bytes: &[u8]) {
    let files = BTreeMap::from([
        ("sallyport.yaml".to_owned(), b"version: 1\n".to_vec()),
        ("teams.yaml".to_owned(), b"version: 1\nteams: { a: {} }\n".to_vec()),
        ("apis/a/api.yaml".to_owned(), bytes.to_vec()),
    ]);
    drop(Repository::load(&files));
}

/// Reads a list of existing keys.
pub fn key_list(bytes: &[u8]) {
    drop(read_key_list("keys", bytes));
}

/// Reads one text as everything that a file writes as a text.
pub fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(Upstream::parse(&text));
    drop(parse_duration(&text));
    drop(parse_size(&text));
}

/// Edits a file; whatever comes out must be readable again.
pub fn edit(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = model::TeamName::parse("added") {
        drop(crate::edit::add_team(&text, &name));
    }
    drop(crate::edit::set_field(&text, "mode", "enforce", "owner"));
    let yaml = |indent: usize| format!("{:indent$}responses: {{}}\n", "");
    let new = crate::edit::NewOperation { path: "/a", method: "get", yaml: &yaml, json: "{}" };
    drop(crate::edit::add_operation(&text, &new));
}
