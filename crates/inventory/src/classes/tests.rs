//! The detector against values that were labelled before it was written.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const LABELLED: &str = include_str!("labelled.txt");

fn classes(field: &str, value: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let body = serde_json::json!({ field: value }).to_string();
    scan(Body { media_type: "application/json", text: &body }, |class, _| {
        found.insert(class.name());
    });
    found
}

/// True and false positives and misses, by class.
type Counts = BTreeMap<&'static str, [u32; 3]>;

fn judged() -> (Counts, Vec<String>) {
    let mut counts = Counts::new();
    let mut wrong = Vec::new();
    for line in LABELLED.lines().filter(|line| !line.starts_with('#')) {
        let [label, field, value] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let value = value.replace("\\n", "\n");
        let mut found = classes(field, &value);
        // What is in a field for a credential is one; which form it has besides is judged where the field does not say it.
        if label != "credential" && label != "-" {
            found.remove("credential");
        }
        if label == "credential" {
            found.retain(|class| *class == "credential");
        }
        for class in DataClass::ALL.map(DataClass::name) {
            let [hit, extra, missed] = counts.entry(class).or_default();
            match (label == class, found.contains(class)) {
                (true, true) => *hit += 1,
                (false, true) => *extra += 1,
                (true, false) => *missed += 1,
                (false, false) => continue,
            }
            if (label == class) != found.contains(class) {
                wrong.push(format!("{label} {field}: {value:?} is {found:?}"));
            }
        }
    }
    (counts, wrong)
}

#[test]
fn classes_are_told_as_a_person_tells_them() {
    let (counts, wrong) = judged();
    for (class, [hit, extra, missed]) in &counts {
        let precision = f64::from(*hit) / f64::from(hit + extra);
        let recall = f64::from(*hit) / f64::from(hit + missed);
        println!("{class:13} precision {precision:.3} recall {recall:.3} of {}", hit + missed);
        assert!(20 <= hit + missed, "{class} has too few values");
        assert!(
            0.95 <= precision && 0.90 <= recall,
            "{class}: {precision:.3} {recall:.3}\n{}",
            wrong.join("\n")
        );
    }
    assert_eq!(counts.len(), DataClass::ALL.len());
}

fn found(media_type: &str, text: &str) -> Vec<String> {
    let mut all = Vec::new();
    scan(Body { media_type, text }, |class, field| all.push(format!("{} {field}", class.name())));
    all
}

#[test]
fn every_kind_of_body_is_read() {
    let json = r#"{"users": [{"email": "a@b.example", "phone": "+14155552671"}], "next": null}"#;
    assert_eq!(
        found("application/problem+json; charset=utf-8", json),
        ["email users[].email", "phone users[].phone"]
    );
    assert_eq!(found("", json).len(), 2);
    let form = "user=ada%40example.com&password=x%26y&page=2";
    assert_eq!(found("application/x-www-form-urlencoded", form), ["email user", "credential password"]);
    assert_eq!(found("text/csv", "name,mail\nAda,ada@example.com\n"), ["email "]);
    assert_eq!(
        found("application/json", "{\"list\": [{\"email\": \"a@b.example\", \"x"),
        ["email list[].email"]
    );
    assert_eq!(found("application/json", ""), [""; 0]);
}

#[test]
fn no_value_is_in_a_path() {
    let body = r#"{"ada@example.com": {"4155552671": {"phone": "+14155552671"}}, "by": {"a b c@d.example": "x@y.example"}}"#;
    assert_eq!(found("application/json", body), ["phone {}.{}.phone", "email by.{}"]);
}

#[test]
fn what_is_looked_at_is_bounded() {
    let mut body = format!("{{\"a\": \"{}\"", "x".repeat(BODY_BYTES_MAX));
    body.push_str(", \"email\": \"a@b.example\"}");
    assert_eq!(found("application/json", &body), [""; 0]);
    for evil in ["@", "+", "(", "+1", "AA00", "eyJ", "://a:b@", "-----BEGIN ", "0 ", "\u{1F600}"] {
        drop(found("text/plain", &evil.repeat(BODY_BYTES_MAX / evil.len())));
    }
}

proptest::proptest! {
    #[test]
    fn any_text_has_an_answer(media_type in "[a-z/+-]{0,12}", text in "\\PC{0,300}") {
        found(&media_type, &text);
    }
}

#[test]
fn of_a_query_a_closer_look_misses_nothing_that_a_full_one_finds() {
    let mut seen = 0;
    for line in LABELLED.lines().filter(|line| !line.starts_with('#')) {
        let [_, field, value] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let escaped: String = value
            .bytes()
            .map(|byte| match byte {
                b'%' | b'&' | b'=' | b'#' | b' ' | b'+' | 0..=31 | 127.. => format!("%{byte:02X}"),
                plain => char::from(plain).to_string(),
            })
            .collect();
        let part = format!("{field}={escaped}");
        let classes = |text: &str, full: bool| {
            let mut found = BTreeSet::new();
            let mut add = |class: DataClass, field: &str| {
                found.insert((class.name(), field.to_owned()));
            };
            if full {
                form(text, &mut add)
            } else {
                query(text, &mut add)
            }
            found
        };
        let full = classes(&part, true);
        seen += full.len();
        assert_eq!(classes(&format!("page=1&{part}&sort=name"), false), full, "{part}");
    }
    assert!(200 < seen, "{seen}");
}
