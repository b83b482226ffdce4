//! Tests of the lock: it reads back, and nothing joins a group unlisted.

use proptest::prelude::*;

use super::*;
use crate::find::tests::operation;

fn group(name: &str) -> GroupName {
    GroupName::parse(name).unwrap()
}

fn lock(groups: &[(&str, &[&str])]) -> GroupsLock {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    GroupsLock { groups: groups.iter().map(|(name, listed)| (group(name), keys(listed))).collect() }
}

fn regrouped(operations: &[&str], old: &GroupsLock) -> (GroupsLock, Vec<String>) {
    let operations: Vec<_> = operations.iter().map(|text| operation(text)).collect();
    let Regrouped { lock, changes } = regroup(&ApiName::parse("a").unwrap(), &operations, old);
    let joined = changes.joined.iter().map(|(group, key)| format!("+ {group} {key}"));
    let left = changes.left.iter().map(|(group, key)| format!("- {group} {key}"));
    let changes = joined.chain(left).collect();
    (lock, changes)
}

#[test]
fn reads_a_lock_and_writes_the_same() {
    let expected = lock(&[
        ("a", &["GET /x", "PUT /x/{id}"]),
        ("a:read", &["GET /x"]),
        ("a:empty", &[]),
        ("a:odd", &["GET /a \u{2028}\"'", "GET /caf\u{e9}/\u{1f600}", "GET /{p*}"]),
    ]);
    assert_eq!(GroupsLock::parse(&expected.render()).unwrap(), expected);
    assert_eq!(GroupsLock::parse(&GroupsLock::empty().render()).unwrap(), GroupsLock::empty());
    let plain = "version: 1\ngroups:\n  a: [GET /x, 'PUT /x/{id}']\n  a:read:\n  - GET /x\n";
    assert_eq!(
        GroupsLock::parse(plain).unwrap(),
        lock(&[("a", &["GET /x", "PUT /x/{id}"]), ("a:read", &["GET /x"])])
    );
}

#[test]
fn refuses_locks_that_are_not_plain() {
    for (text, expected) in [
        ("", "the lock is not a map"),
        ("[]", "the lock is not a map"),
        ("groups: {}", "the version must be 1"),
        ("version: 2\ngroups: {}", "the version must be 1"),
        ("version: '1'\ngroups: {}", "the version must be 1"),
        ("version: 1", "`groups` is not a map of lists"),
        ("version: 1\ngroups: []", "`groups` is not a map of lists"),
        ("version: 1\ngroups: {}\nextra: 1", "unknown field `extra`"),
        ("version: 1\ngroups: {a: GET /x}", "a group is a list of operations"),
        ("version: 1\ngroups: {a: [1]}", "an operation is a text"),
        ("version: 1\ngroups: {a: [GET]}", "an operation is written like `GET /orders/{id}`"),
        ("version: 1\ngroups: {a: [get /x]}", "an operation is written like `GET /orders/{id}`"),
        ("version: 1\ngroups: {a: [PURGE /x]}", "an operation is written like `GET /orders/{id}`"),
        ("version: 1\ngroups: {a: [GET x]}", "a path begins with `/`"),
        ("version: 1\ngroups: {a: [GET /%61]}", "write `GET /a`"),
        ("version: 1\ngroups: {a: [GET  /x]}", "a path begins with `/`"),
        ("version: 1\ngroups: {a: [GET /x, GET /x]}", "the operation is listed twice"),
        ("version: 1\ngroups: {a: [], a: []}", "the lock is not YAML in one reading"),
        ("version: 1\ngroups: {A: []}", "`A` holds 'A'; a name of a group is made of"),
    ] {
        let error = GroupsLock::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    assert!(matches!(
        GroupsLock::parse(&" ".repeat(LOCK_BYTES_MAX + 1)),
        Err(GroupsLockError::TooLong { .. })
    ));
}

#[test]
fn regrouping_says_who_joins_and_who_leaves() {
    let (first, changes) = regrouped(&["GET /x", "PUT /x", "TRACE /x"], &GroupsLock::empty());
    assert_eq!(
        changes,
        [
            "+ a GET /x",
            "+ a:read GET /x",
            "+ a PUT /x",
            "+ a:write PUT /x",
            "+ a TRACE /x",
            "+ a:write TRACE /x"
        ]
    );
    let (same, changes) = regrouped(&["GET /x", "PUT /x", "TRACE /x"], &first);
    assert_eq!((same, changes), (first.clone(), vec![]));
    let (next, changes) = regrouped(&["GET /x", "GET /y"], &first);
    assert_eq!(
        changes,
        [
            "+ a GET /y",
            "+ a:read GET /y",
            "- a PUT /x",
            "- a TRACE /x",
            "- a:write PUT /x",
            "- a:write TRACE /x"
        ]
    );
    assert_eq!(
        next,
        lock(&[("a", &["GET /x", "GET /y"]), ("a:read", &["GET /x", "GET /y"]), ("a:write", &[])])
    );
}

#[test]
fn regrouping_keeps_further_groups_and_mends_built_in_ones() {
    let old =
        lock(&[("a", &["GET /x"]), ("a:own", &["GET /x", "GET /gone"]), ("a:read", &["PUT /x", "GET /x"])]);
    let (new, changes) = regrouped(&["GET /x", "PUT /x"], &old);
    assert_eq!(changes, ["+ a PUT /x", "+ a:write PUT /x", "- a:own GET /gone", "- a:read PUT /x"]);
    assert_eq!(new.groups.get(&group("a:own")), lock(&[("a:own", &["GET /x"])]).groups.get(&group("a:own")));
}

proptest! {
    #[test]
    fn any_lock_reads_back(groups in proptest::collection::btree_map(
        "a(:[a-z0-9._-]{1,6})?",
        proptest::collection::btree_set(("(GET|PUT|TRACE)", "(/[ -~\u{e9}\u{feff}\u{fffd}\u{7ff}\u{2028}\u{1f600}]{1,5}){1,3}"), 0..5),
        0..5,
    )) {
        let mut expected = GroupsLock::empty();
        for (name, keys) in groups {
            let keys = keys.into_iter().filter_map(|(method, path)| canonical_key(&format!("{method} {path}")).ok());
            expected.groups.insert(group(&name), keys.collect());
        }
        prop_assert_eq!(GroupsLock::parse(&expected.render()).unwrap(), expected);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(version: 1|groups:|  a:|  - GET /x|  - \"GET /\\{a\\}\"|\n| |:|\\{|\\}|\\[|\\]|\"|\\PC){0,16}") {
        crate::fuzz::lock(text.as_bytes());
    }

    #[test]
    fn nothing_joins_or_leaves_a_group_unlisted(
        declared in proptest::collection::btree_set("(GET|PUT) /[a-d]", 0..6),
        old in proptest::collection::btree_map("a(:read|:write|:own)?", proptest::collection::btree_set("(GET|PUT) /[a-f]", 0..6), 0..4),
    ) {
        let old = GroupsLock { groups: old.into_iter().map(|(name, keys)| (group(&name), keys)).collect() };
        let operations: Vec<_> = declared.iter().map(|text| operation(text)).collect();
        let Regrouped { lock: new, changes } = regroup(&ApiName::parse("a").unwrap(), &operations, &old);
        let mut replayed = old;
        for (group, key) in &changes.left {
            prop_assert!(replayed.groups.get_mut(group).unwrap().remove(key), "{} left {} but was not in it", key, group);
        }
        for (group, key) in &changes.joined {
            prop_assert!(declared.contains(key));
            prop_assert!(replayed.groups.entry(group.clone()).or_default().insert(key.clone()));
        }
        prop_assert_eq!(&replayed, &new);
        for keys in new.groups.values() {
            prop_assert!(keys.is_subset(&declared));
        }
        prop_assert!(regroup(&ApiName::parse("a").unwrap(), &operations, &new).changes.is_empty());
    }
}
