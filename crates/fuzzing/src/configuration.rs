//! A whole policy repository: it loads, or every fault in it has a place and a reason.
//!
//! The input is the repository's files one behind the other, each begun by a line `=== PATH`.

use std::collections::BTreeMap;

use config::Repository;

/// Pieces of lists of existing keys.
pub(crate) const KEY_LIST: &[&str] = &[
    "name,key\n",
    "name,key,team,scopes,expires,app\n",
    "\u{feff}",
    "\"",
    "\"\"",
    ",",
    ";",
    "\r\n",
    "\n",
    "ak_0123456789abcdef",
    "sha256:",
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    "{\"name\":\"a\",\"key\":\"ak_1\"}\n",
    "\"scopes\":[\"orders:read\"]",
    "\"app\":null",
    "\\u0061",
    "{",
    "}",
    "\0",
];

/// Loads the repository twice: the same comes out, and faults point into files that are there.
pub(crate) fn judge(bytes: &[u8]) -> Result<(), String> {
    let files = files(bytes);
    let errors = match (Repository::load(&files), Repository::load(&files)) {
        (Ok(_), Ok(_)) => return Ok(()),
        (Err(errors), Err(again)) if format!("{errors:?}") == format!("{again:?}") => errors,
        _ => return Err("the same files are judged differently".into()),
    };
    if errors.is_empty() {
        return Err("a repository is refused without a fault".into());
    }
    for error in errors {
        let shown = format!("{error:?}");
        if error.reason.is_empty() || error.fix.is_empty() {
            return Err(format!("a fault without reason or fix: {shown}"));
        }
        let Some(text) = files.get(&*error.file) else { continue };
        // YAML ends a line at a carriage return alone, too.
        let lines = text.split(|byte| *byte == b'\n' || *byte == b'\r').count();
        let line = usize::try_from(error.line).unwrap_or(usize::MAX);
        if lines < line {
            return Err(format!("a fault behind the end of a file of {lines} lines: {shown}"));
        }
    }
    Ok(())
}

/// Reads the input's files. A later file of the same path replaces the earlier.
fn files(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut path: Option<String> = None;
    let mut text = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(b"=== ") {
            if let Some(path) = path.replace(String::from_utf8_lossy(name).trim().to_owned()) {
                files.insert(path, std::mem::take(&mut text));
            }
            text.clear();
        } else {
            text.extend_from_slice(line);
        }
    }
    files.extend(path.map(|path| (path, text)));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_a_repository_that_loads() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let bytes = std::fs::read(root.join("fuzz/corpus/configuration/good")).unwrap();
        let files = files(&bytes);
        assert_eq!(files.len(), 5, "{:?}", files.keys());
        if let Err(errors) = Repository::load(&files) {
            panic!("{errors:?}");
        }
    }
}
