//! What commands write, read back.

use std::collections::BTreeMap;

use model::{HostName, Mode, Timestamp};

use super::*;
use crate::Repository;

fn files_of(hosts: &Hosts, start: Start<'_>) -> BTreeMap<String, Vec<u8>> {
    let (name, owner) = (ApiName::parse("orders").unwrap(), TeamName::parse("123").unwrap());
    let upstream = Upstream::parse("http://[::1]:9000").unwrap();
    let api = NewApi { name: &name, hosts, upstream: &upstream, owner: &owner, start };
    repository(&api).into_iter().map(|file| (file.path, file.text.into_bytes())).collect()
}

#[test]
fn what_init_writes_is_read_back_without_a_warning() {
    let files = files_of(&Hosts::Any, Start::ObserveUntil("2026-12-09"));
    let loaded = Repository::load(&files).unwrap();
    assert_eq!(loaded.warnings, []);
    let [api] = loaded.apis.as_slice() else { panic!("one API") };
    assert_eq!(api.mode, Mode::ObserveUntil(Timestamp::parse("2026-12-09").unwrap()));
    assert_eq!(api.hosts, Hosts::Any);
    assert_eq!(api.upstream.address(), "[::1]:9000");
    // A team named by digits alone stays a text.
    assert_eq!(api.owner.as_str(), "123");
    assert_eq!(api.credential, model::CredentialUse::Pass);
    assert_eq!(api.limits.per_key, None);
    assert_eq!(loaded.policies.len(), 1);
}

#[test]
fn with_a_document_it_starts_enforced() {
    let hosts = Hosts::Listed(vec![HostName::parse("[::1]").unwrap(), HostName::parse("a.example").unwrap()]);
    let mut files = files_of(&hosts, Start::Enforce);
    // The nearest refused thing: the same without a document.
    assert!(Repository::load(&files).is_err());
    files.insert("apis/orders/openapi.yaml".to_owned(), b"openapi: 3.1.0\n".to_vec());
    let loaded = Repository::load(&files).unwrap();
    assert_eq!(loaded.apis[0].hosts, hosts);
    assert_eq!(loaded.apis[0].mode, Mode::Enforce);
}

#[test]
fn every_commented_example_is_right_when_its_comment_sign_is_removed() {
    let mut files = files_of(&Hosts::Any, Start::ObserveUntil("2026-12-09"));
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
fn a_date_that_is_none_stays_a_value() {
    let files = files_of(&Hosts::Any, Start::ObserveUntil("soon\'\nexposure: public"));
    let errors = Repository::load(&files).unwrap_err();
    assert!(errors[0].reason.contains("neither a date"), "{errors:?}");
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn no_placeholder_is_left_and_no_value_is_filled_twice() {
    for file in files_of(&Hosts::Any, Start::ObserveUntil("2026-12-09")).values() {
        let text = String::from_utf8(file.clone()).unwrap();
        for name in ["@API@", "@TEAM@", "@HOSTS@", "@UPSTREAM@", "@OWNER@", "@MODE@", "@DATE@"] {
            assert!(!text.contains(name), "{name} in {text}");
        }
    }
    assert_eq!(fill("@A@ @id(\"@A@-x\") a@b", &[("A", "@A@"), ("B", "no")]), "@A@ @id(\"@A@-x\") a@b");
    assert_eq!(quote("it's"), "'it''s'");
}
