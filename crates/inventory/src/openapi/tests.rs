//! Documents read back: by our own reader, by another reader of YAML, from any traffic.

use traffic::{Credential, Exchange};

use super::*;
use crate::{Contract, Inventory, Settings, classify};

fn seen(calls: &[(&str, &str, u16)]) -> Vec<Stated> {
    let mut inventory = Inventory::new(Settings::default());
    for (number, (method, path, status)) in calls.iter().enumerate() {
        inventory.observe(&Exchange {
            at: Some(1_700_000_000_000 + i64::try_from(number).unwrap()),
            host: Some("shop.example"),
            method,
            path,
            status: Some(*status),
            response_type: Some("application/json; charset=utf-8"),
            credential: Credential::NotShown,
            ..Exchange::default()
        });
    }
    classify(inventory.operations(), &[] as &[Contract], None)
}

fn written(operations: &[Stated]) -> Written {
    document("shop.example", operations, Style { moment: |millis| format!("at {millis}"), states: true })
}

/// What our own reader makes of both spellings.
fn read_back(written: &Written) -> Vec<(String, String)> {
    let of = |text: &str| {
        let document = catalog::read_document(text.as_bytes()).unwrap();
        assert_eq!(document.notes, [], "{text}");
        let mut found: Vec<_> = document
            .operations
            .iter()
            .map(|one| (one.method.as_str().to_owned(), one.path.clone()))
            .collect();
        found.sort();
        found
    };
    let (yaml, json) = (of(&written.document.to_yaml()), of(&written.document.to_json()));
    assert_eq!(yaml, json);
    yaml
}

#[test]
fn a_document_declares_what_was_found_and_reads_back() {
    let operations = seen(&[
        ("GET", "/orders", 200),
        ("GET", "/orders/17", 200),
        ("GET", "/orders/18", 200),
        ("GET", "/orders/19", 404),
        ("DELETE", "/orders/17", 204),
        ("POST", "/jobs/5:cancel", 202),
        ("GET", "/files/7.json", 200),
    ]);
    let written = written(&operations);
    assert_eq!(written.left_out, []);
    let expected: Vec<(String, String)> =
        operations.iter().map(|one| (one.method.clone(), one.path.clone())).collect();
    let mut expected = expected;
    expected.sort();
    assert_eq!(read_back(&written), expected);
    let yaml = written.document.to_yaml();
    for part in [
        "openapi: \"3.1.0\"\n",
        "  title: shop.example\n",
        "  - url: \"https://shop.example\"\n",
        "  /orders/{orderId}:\n    get:\n      operationId: getOrdersByOrderId\n",
        "            type: integer\n",
        "        \"404\":\n          description: Seen 1 time.\n",
        "            application/json: {}\n",
    ] {
        assert!(yaml.contains(part), "{part}\n---\n{yaml}");
    }
}

#[test]
fn methods_without_a_field_are_listed_and_not_lost() {
    let calls = [("PROPFIND", "/dav/7", 207), ("GET", "/dav/7", 200), ("GET", "/parks;region=x/trails", 200)];
    let operations = seen(&calls);
    let written = written(&operations);
    let left: Vec<(&str, &str)> =
        written.left_out.iter().map(|one| (one.method.as_str(), one.path.as_str())).collect();
    assert_eq!(left, [("GET", "/parks;region={region}/trails"), ("PROPFIND", "/dav/{davId}")]);
    assert_eq!(read_back(&written).len(), operations.len() - 2);
}

#[test]
fn names_of_operations_are_distinct() {
    let mut taken = BTreeSet::new();
    let names: Vec<String> = (0..3).map(|_| distinct("getA", &mut taken)).collect();
    assert_eq!(names, ["getA", "getA2", "getA3"]);
    assert_eq!(operation_id("GET", "/v1/a-b/{x}.json"), "getV1ABByXJson");
}

#[test]
fn text_that_yaml_could_take_for_something_else_is_quoted() {
    let names = [
        "no",
        "Null",
        "1.0",
        "~",
        "- a",
        "a: b",
        "a #b",
        "{a}",
        "[x",
        "*a",
        "&a",
        "!t",
        "'",
        "\"",
        "\\",
        "a\nb",
        "\u{7f}",
        "\u{2028}",
        "\u{feff}x",
        "é",
        "🚢",
        "",
        " a",
        "a ",
        "%41",
        "@a",
        "`a",
        "|",
        ">",
        "? a",
        "/a:b",
        "x: ",
        "on",
    ];
    let tree = Tree::Table(
        names
            .iter()
            .map(|name| ((*name).to_owned(), Tree::List(vec![Tree::Text((*name).to_owned())])))
            .collect(),
    );
    let yaml: serde_json::Value = serde_saphyr::from_str(&tree.to_yaml()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&tree.to_json()).unwrap();
    assert_eq!(yaml, json);
    assert_eq!(yaml.as_object().unwrap().len(), names.len());
}

proptest::proptest! {
    #[test]
    fn any_text_survives_both_spellings(names in proptest::collection::btree_set(".{0,12}", 0..6)) {
        let names: Vec<String> = names.into_iter().collect();
        let inner = Tree::List(names.iter().map(|name| Tree::Text(name.clone())).collect());
        let tree = Tree::Table(names.iter().map(|name| (name.clone(), inner.clone())).collect());
        let yaml: serde_json::Value = serde_saphyr::from_str(&tree.to_yaml()).unwrap();
        let json: serde_json::Value = serde_json::from_str(&tree.to_json()).unwrap();
        proptest::prop_assert_eq!(yaml, json);
    }

    #[test]
    fn any_traffic_gives_a_document_that_reads_back(
        calls in proptest::collection::vec(
            (proptest::sample::select(vec!["GET", "POST", "PUT"]), "(/[a-z0-9%:.{};,=-]{1,6}){1,4}"), 1..20
        ),
    ) {
        let calls: Vec<(&str, &str, u16)> =
            calls.iter().map(|(method, path)| (*method, path.as_str(), 200)).collect();
        let operations = seen(&calls);
        let written = written(&operations);
        let document = catalog::read_document(written.document.to_yaml().as_bytes()).unwrap();
        // A path that no request could be matched to gives a note for all its methods.
        let told = document.operations.len() + written.left_out.len();
        proptest::prop_assert!(
            told == operations.len() || (told < operations.len() && !document.notes.is_empty()),
            "{} of {}: {}", told, operations.len(), written.document.to_yaml()
        );
    }
}
