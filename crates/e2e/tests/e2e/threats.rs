//! `docs/threats.md` and the tests say the same.

use std::collections::BTreeSet;
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_security_case_is_in_the_table_and_every_test_it_names_exists() {
    let table = std::fs::read_to_string(folder().join("../../docs/threats.md")).unwrap();
    let mut tests = BTreeSet::new();
    for entry in std::fs::read_dir(folder().join("tests/e2e")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("#[test]\nfn ").skip(1) {
            tests.insert(format!("{module}::{}", part.split('(').next().unwrap()));
        }
    }
    let named: BTreeSet<String> = table
        .split('`')
        .filter(|text| text.contains("::") && !text.contains([' ', '/']))
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = named.difference(&tests).collect();
    assert!(missing.is_empty(), "named in docs/threats.md, and no test: {missing:?}");
    let unlisted: Vec<_> =
        tests.iter().filter(|test| test.contains("::case_") && !named.contains(*test)).collect();
    assert!(unlisted.is_empty(), "not in docs/threats.md: {unlisted:?}");
    let rows: Vec<u32> = (1..=100).filter(|row| !table.contains(&format!("\n| {row} | "))).collect();
    assert!(rows.is_empty(), "rows without an answer: {rows:?}");
}
