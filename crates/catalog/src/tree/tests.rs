//! Tests of reading text into trees: one reading, bounded depth, size and repetition.

use super::*;

fn text(value: &str) -> Tree {
    Tree::Text(value.to_owned())
}

fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
    Tree::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn refused(bytes: &[u8]) -> String {
    read_file(bytes).unwrap_err().to_string()
}

#[test]
fn reads_yaml_and_json_alike() {
    let expected = map([
        ("a", Tree::Number("1".into())),
        ("b", Tree::List(vec![Tree::Bool(true), Tree::Null, text("x"), Tree::Number("2.0".into())])),
        ("c", map([("200", text("yes: no"))])),
    ]);
    for bytes in [
        &br#"{"a": 1, "b": [true, null, "x", 2.0], "c": {"200": "yes: no"}}"#[..],
        b"a: 1\nb: [true, null, x, 2.0]\nc:\n  200: 'yes: no'\n",
        b"# a comment\n---\na: 1\nb:\n- true\n- ~\n- x\n- 2.0\nc: {200: \"yes: no\"}\n",
        b"\xef\xbb\xbfa: 1\nb: [true, null, x, 2.0]\nc: {\"200\": \"yes: no\"}\n",
    ] {
        assert_eq!(read_file(bytes).unwrap(), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn refuses_what_has_two_readings() {
    for bytes in [
        &b"a: 1\na: 2\n"[..],
        b"{\"a\": 1, \"a\": 2}",
        b"200: 1\n\"200\": 2\n",
        b"{\"a\": {\"b\": 1, \"b\": 1}}",
        b"a: {b: 1, b: 1}\n",
    ] {
        let reason = refused(bytes);
        assert!(reason.contains("twice") || reason.to_lowercase().contains("duplicate"), "{reason}");
    }
    // Also where nothing is kept.
    assert!(
        read_document(b"{\"paths\": {\"/\": {\"get\": {\"responses\": {\"200\": 1, \"200\": 2}}}}}").is_err()
    );
    assert!(read_document(b"x-any: {a: 1, a: 2}\n").is_err());
    assert!(read_file(b"a: 1\n---\nb: 2\n").is_err());
    assert!(read_file(b"{\"a\": 1} {\"b\": 2}").is_err());
}

#[test]
fn says_where_the_text_ends_to_make_sense() {
    for (bytes, line) in [(&b"{\n\"a\": }"[..], 2), (b"a: 1\nb: [1\n", 2), (b"a: 1\na: 2\n", 2)] {
        let error = read_file(bytes).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(0 < error.column, "{error}");
        assert!(!error.reason.contains('\n') && !error.reason.contains("line"), "{error}");
    }
}

#[test]
fn is_bounded_in_depth_size_and_repetition() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(read_file(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert!(read_file(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(read_file(nested(100_000).as_bytes()).is_err());
    }
    assert!(read_file(format!("a: {}", "[".repeat(100_000)).as_bytes()).is_err());
    assert!(read_file("- ".repeat(100_000).as_bytes()).is_err());
    assert!(read_file(format!("[{}1]", "1,".repeat(VALUES_MAX)).as_bytes()).is_err());
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let above = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("a{level}: &a{level} [{}]\n", above.trim_end_matches(", "));
    }
    assert!(read_file(bomb.as_bytes()).is_err());
    assert!(read_document(format!("paths: {{}}\n{bomb}").as_bytes()).is_err());
    assert!(read_file(b"a: &a [*a]\n").is_err());
}

#[test]
fn keeps_of_a_document_what_is_looked_at() {
    let tree = read_document(
        b"{\"paths\": {\"/a\": {\"get\": {\"summary\": \"s\", \"responses\": {\"200\": {\"content\": {\"a/b\": {\"schema\": {}}}, \"description\": \"d\"}}}}}, \"tags\": []}",
    );
    let get = map([
        ("summary", text("s")),
        (
            "responses",
            map([("200", map([("content", map([("a/b", Tree::Skimmed)])), ("description", Tree::Skimmed)]))]),
        ),
    ]);
    let expected = map([("paths", map([("/a", map([("get", get)]))])), ("tags", Tree::Skimmed)]);
    assert_eq!(tree.unwrap(), expected);
}

#[test]
fn words_that_old_yaml_took_for_booleans_are_texts() {
    for word in ["on", "off", "yes", "no", "y", "n", "On", "NO"] {
        assert_eq!(read_file(format!("a: {word}").as_bytes()).unwrap(), map([("a", text(word))]), "{word}");
    }
    assert_eq!(read_file(b"a: true").unwrap(), map([("a", Tree::Bool(true))]));
}
