use std::collections::BTreeMap;

use model::{Mode, Timestamp};

use super::*;
use crate::{Hosts, Repository};

fn files_of(hosts: &[&str], owner: &str, observe_until: Option<&str>) -> BTreeMap<String, Vec<u8>> {
    let new = NewRepository {
        team: owner.to_owned(),
        member: "ada@example.com".to_owned(),
        api: "orders".to_owned(),
    };
    let new_api = NewApi {
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        upstream: "http://[::1]:9000".to_owned(),
        base_path: "/v1".to_owned(),
        owner: owner.to_owned(),
        observe_until: observe_until.map(str::to_owned),
    };
    let mut files: BTreeMap<String, Vec<u8>> = repository(&new).into_iter().collect();
    files.insert("apis/orders/api.yaml".to_owned(), api(&new_api).into_bytes());
    files
}

#[test]
fn what_init_writes_is_read_back_without_a_warning() {
    let files = files_of(&["*"], "123", Some("2026-12-09"));
    let loaded = Repository::load(&files).unwrap();
    assert_eq!(loaded.warnings, []);
    let [api] = loaded.apis.as_slice() else { panic!("one API") };
    assert_eq!(api.mode, Mode::ObserveUntil(Timestamp::parse("2026-12-09").unwrap()));
    assert_eq!(api.hosts, Hosts::Any);
    assert_eq!(api.upstream.address(), "[::1]:9000");
    assert_eq!(api.base_path, "/v1");
    // A team named by digits alone stays a text.
    assert_eq!(api.owner.as_str(), "123");
    assert_eq!(api.credential, model::CredentialUse::Pass);
    assert_eq!(api.limits.per_key, None);
    assert_eq!(loaded.teams.find(&api.owner).unwrap().members.len(), 1);
    assert_eq!(loaded.policies.len(), 1);
    // The first policies are examples in comments: a new repository grants nothing.
    assert!(loaded.policies[0].text.lines().all(|line| line.is_empty() || line.starts_with("//")));
}

#[test]
fn with_a_document_it_starts_enforced() {
    let mut files = files_of(&["[::1]", "a.example"], "ours", None);
    // The nearest refused thing: the same without a document.
    assert!(Repository::load(&files).is_err());
    files.insert("apis/orders/openapi.yaml".to_owned(), b"openapi: 3.1.0\n".to_vec());
    let loaded = Repository::load(&files).unwrap();
    assert!(matches!(&loaded.apis[0].hosts, Hosts::Listed(hosts) if hosts.len() == 2));
    assert_eq!(loaded.apis[0].mode, Mode::Enforce);
}

#[test]
fn what_is_given_stays_a_value() {
    let evil = "x\n---\npermit(principal, action, resource); #'\"";
    let files = files_of(&[evil], evil, Some(evil));
    let errors = Repository::load(&files).unwrap_err();
    // Each is refused as a value of its own field; none has become structure.
    assert!(errors.iter().all(|error| !error.reason.contains("YAML")), "{errors:?}");
    let policies: Vec<&Vec<u8>> =
        files.iter().filter(|(path, _)| path.ends_with(".cedar")).map(|(_, text)| text).collect();
    let text = String::from_utf8(policies[0].clone()).unwrap();
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with("//")), "{text}");
}

#[test]
fn every_commented_example_is_right_when_its_comment_sign_is_removed() {
    let mut files = files_of(&["*"], "ours", Some("2026-12-09"));
    for path in ["apis/orders/api.yaml", "sallyport.yaml"] {
        let text = String::from_utf8(files[path].clone()).unwrap();
        let is_example = |line: &str| {
            let field =
                line.strip_prefix("# ").and_then(|line| line.split_once(": ")).map(|(field, _)| field);
            field.is_some_and(|field| field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        };
        let examples =
            text.lines().filter(|line| is_example(line) && !line.starts_with("# on_change")).count();
        assert!(0 < examples, "{path}");
        let live: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if is_example(line) && !line.starts_with("# on_change") => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        files.insert(path.to_owned(), live.into_bytes());
    }
    let loaded = Repository::load(&files).unwrap();
    assert!(loaded.apis[0].limits.per_key.is_some());
    assert!(loaded.apis[0].cors.is_some());
    assert_eq!(loaded.gateway.application_attributes.len(), 1);
}

#[test]
fn no_placeholder_is_left_and_no_value_is_filled_twice() {
    for file in files_of(&["*"], "ours", Some("2026-12-09")).values() {
        let text = String::from_utf8(file.clone()).unwrap();
        for name in
            ["@API@", "@TEAM@", "@HOSTS@", "@UPSTREAM@", "@OWNER@", "@BASE@", "@MEMBER@", "@MODE@", "@DATE@"]
        {
            assert!(!text.contains(name), "{name} in {text}");
        }
    }
    assert_eq!(fill("@A@ @id(\"@A@-x\") a@b", &[("A", "@A@"), ("B", "no")]), "@A@ @id(\"@A@-x\") a@b");
    assert_eq!(quote("it's"), "'it''s'");
    assert_eq!(quote("a\n\"b"), "\"a\\U0000000A\\\"b\"");
}
