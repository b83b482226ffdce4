//! Existing keys and upstreams' credentials: attributed by their owner alone, kept whole or not at all, live at once.

use std::time::Duration;

use identity::WholeDigest;
use model::Secret;

use super::{API, Fixture, Open, ann, error};
use crate::{Actor, ControlError, ImportAct, ImportLine, ImportOrder, PromoteOrder, SecretAct, SecretPlace};

const FORM: &str = "existing_keys: { header: X-Company-Key, prefix: ak_, length: 19 }\n";

fn fixture(name: &str, lines: &str) -> Fixture {
    let fixture = Fixture::new(name);
    fixture.write("apis/orders/api.yaml", &format!("{API}{lines}"));
    fixture
}

fn line(number: u32, key: &str) -> ImportLine {
    ImportLine {
        line: number,
        name: format!("key {number}"),
        digest: WholeDigest::of(key.as_bytes()),
        application: None,
        team: None,
        scopes: Vec::new(),
        expires: None,
    }
}

fn import(keys: Vec<ImportLine>) -> ImportOrder {
    ImportOrder {
        api: "orders".to_owned(),
        application: Some("shop".to_owned()),
        scopes: vec!["orders".to_owned()],
        expires: None,
        act: ImportAct::Write,
        file: "keys.csv".to_owned(),
        keys,
        reason: "as before".to_owned(),
    }
}

fn faults(result: Result<crate::ImportView, ControlError>) -> Vec<String> {
    match result {
        Err(ControlError::Files(errors)) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

fn count(open: &Open) -> usize {
    open.control.keys(&ann(), None).unwrap().iter().filter(|key| key.kind == "existing").count()
}

#[test]
fn an_import_is_all_of_a_list_or_nothing_and_every_fault_is_told() {
    let fixture = fixture("import", FORM);
    let open = fixture.up();
    open.shop();
    let theirs = ImportLine { application: Some("theirs".to_owned()), ..line(3, "ak_c") };
    let with_team = |team: &str| ImportLine { team: Some(team.to_owned()), ..theirs.clone() };
    for (wrong, expected) in [
        (theirs.clone(), "keys.csv:3:1: there is no application `theirs`"),
        (with_team("nobody"), "keys.csv:3:1: there is no team `nobody`"),
        (
            ImportLine { scopes: vec!["orders:typo".to_owned()], ..line(3, "ak_c") },
            "keys.csv:3:1: there is no operation",
        ),
        (
            ImportLine { expires: Some("2020-01-01".to_owned()), ..line(3, "ak_c") },
            "keys.csv:3:1: `2020-01-01` has passed",
        ),
        (ImportLine { name: "x".repeat(200), ..line(3, "ak_c") }, "keys.csv:3:1: a label has"),
        (
            ImportLine {
                team: Some("partners".to_owned()),
                application: Some("theirs".to_owned()),
                ..line(3, "ak_a")
            },
            "keys.csv:3:1: the key is that of line 1",
        ),
    ] {
        let found =
            faults(open.control.import_keys(&ann(), &import(vec![line(1, "ak_a"), wrong, line(4, "ak_d")])));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
        assert_eq!(count(&open), 0);
        assert_eq!(open.control.applications(&ann()).unwrap().len(), 1);
    }
    let dry = ImportOrder { act: ImportAct::DryRun, ..import(vec![line(1, "ak_a"), with_team("partners")]) };
    let dry = open.control.import_keys(&ann(), &dry).unwrap();
    assert_eq!(
        (dry.imported, dry.applications.as_slice(), dry.dry_run),
        (2, &["theirs".to_owned()][..], true)
    );
    assert_eq!(count(&open), 0, "a dry run keeps nothing");
    let done = open
        .control
        .import_keys(&ann(), &import(vec![line(1, "ak_a"), with_team("partners"), line(5, "ak_a")]));
    let done = done.unwrap();
    assert_eq!((done.imported, done.known.len(), done.known[0].earlier_line), (2, 1, Some(1)));
    let again = open.control.import_keys(&ann(), &import(vec![line(1, "ak_a"), line(2, "ak_b")])).unwrap();
    assert_eq!((again.imported, again.known.len(), count(&open)), (1, 1, 3));
    assert!(again.known[0].key.is_some());
    let found = faults(open.control.import_keys(
        &ann(),
        &ImportOrder { application: Some("theirs".to_owned()), ..import(vec![line(1, "ak_a")]) },
    ));
    assert!(found[0].contains("is known already"), "{found:?}");
}

#[test]
fn an_import_has_a_limit_and_needs_an_api_that_recognises_keys() {
    let with_form = fixture("import-limits", FORM);
    let open = with_form.up();
    open.shop();
    let many = vec![line(1, "ak_a"); 100_001];
    assert!(error(open.control.import_keys(&ann(), &import(many))).contains("split the list"));
    let faulty: Vec<ImportLine> = (1..500)
        .map(|number| ImportLine { scopes: vec!["typo".to_owned()], ..line(number, &number.to_string()) })
        .collect();
    assert_eq!(faults(open.control.import_keys(&ann(), &import(faulty))).len(), 200);
    for (order, expected) in [
        (ImportOrder { api: "billing".to_owned(), ..import(Vec::new()) }, "no api `billing`"),
        (
            ImportOrder { application: Some("nobody".to_owned()), ..import(Vec::new()) },
            "no application `nobody`",
        ),
        (ImportOrder { scopes: vec!["billing".to_owned()], ..import(Vec::new()) }, "`billing`"),
    ] {
        let found = error(open.control.import_keys(&ann(), &order));
        assert!(found.contains(expected), "{found}");
    }
    let without = fixture("import-no-form", "");
    let open = without.up();
    open.shop();
    assert!(
        error(open.control.import_keys(&ann(), &import(Vec::new()))).contains("none would be recognised")
    );
}

#[test]
fn who_is_not_in_the_team_that_owns_an_api_changes_nothing_of_it() {
    let fixture = fixture("owners", &format!("{FORM}credential: exchange\nexchange: {{ secret: main }}\n"));
    let open = fixture.up();
    open.shop();
    let inside = Actor::administrator("ola@example.com", store::Role::Owner);
    let outside = Actor::administrator("eve", store::Role::Owner);
    let analyst = Actor::administrator("ola@example.com", store::Role::Analyst);
    let place = SecretPlace { api: "orders", name: "main" };
    let value = Secret::new(*b"s3cret");
    for (actor, part) in [(&outside, "for the team `ops`"), (&analyst, "needs the role `owner`")] {
        let imported = error(open.control.import_keys(actor, &import(vec![line(1, "ak_a")])));
        let set = error(open.control.put_secret(actor, place, &value, SecretAct::Set, ""));
        let removed = error(open.control.remove_secret(actor, place, ""));
        for refused in [imported, set, removed] {
            assert!(refused.contains(part), "{refused}");
        }
    }
    assert_eq!(count(&open), 0);
    open.control.import_keys(&inside, &import(vec![line(1, "ak_a")])).unwrap();
    open.control.put_secret(&inside, place, &value, SecretAct::Set, "").unwrap();
    assert!(
        error(open.control.put_secret(&ann(), place, &value, SecretAct::Set, "")).contains("exists already")
    );
    assert_eq!(open.control.secrets(&ann(), Some("orders")).unwrap()[0].state, "open");
    assert!(open.control.secrets(&ann(), Some("billing")).unwrap().is_empty());
    let status = open.control.status(&ann(), crate::ReadyOrder::default()).unwrap();
    assert!(status.apis[0].in_the_way.is_empty(), "{:?}", status.apis[0].in_the_way);
    open.control.remove_secret(&inside, place, "").unwrap();
    let status = open.control.status(&ann(), crate::ReadyOrder::default()).unwrap();
    assert!(status.apis[0].in_the_way[0].contains("`main` is not set"), "{:?}", status.apis[0].in_the_way);
    assert!(error(open.control.remove_secret(&ann(), place, "")).contains("no secret `main`"));
    let absent = SecretPlace { api: "billing", name: "main" };
    assert!(error(open.control.put_secret(&ann(), absent, &value, SecretAct::Set, "")).contains("no api"));
}

#[test]
fn what_was_not_seen_is_not_promoted() {
    let fixture = fixture("promote", FORM);
    let open = fixture.up();
    open.shop();
    let order = |fingerprint: &str| PromoteOrder {
        fingerprint: fingerprint.to_owned(),
        api: None,
        application: "shop".to_owned(),
        scopes: vec!["orders".to_owned()],
        expires: None,
        label: String::new(),
        reason: String::new(),
    };
    for fingerprint in ["", "3f2a", "3f2a9c0011223344", "app:orders:key-3f2a9c0011223344", "%"] {
        let refused = error(open.control.promote_key(&ann(), &order(fingerprint)));
        assert!(refused.contains("no existing key"), "{fingerprint}: {refused}");
    }
    assert!(open.control.seen_keys(&ann(), None).unwrap().is_empty());
    assert!(error(open.control.seen_keys(&ann(), Some("billing"))).contains("no api"));
}

#[test]
fn a_quarantine_ends_with_a_release_and_a_revocation_does_not() {
    let fixture = fixture("quarantine", FORM);
    let open = fixture.up();
    open.shop();
    open.control.import_keys(&ann(), &import(vec![line(1, "ak_a")])).unwrap();
    let keys = open.control.keys(&ann(), None).unwrap();
    let id = keys.iter().find(|key| key.kind == "existing").unwrap().id.clone();
    assert_eq!(open.control.quarantine_key(&ann(), &id, "odd").unwrap().state, "quarantined");
    assert!(error(open.control.quarantine_key(&ann(), &id, "odd")).contains("quarantined already"));
    assert!(error(open.control.rotate_key(&ann(), &id, Duration::ZERO, "")).contains("quarantined"));
    assert_eq!(open.control.release_key(&ann(), &id, "ours").unwrap().state, "active");
    assert!(error(open.control.release_key(&ann(), &id, "ours")).contains("not quarantined"));
    let next = open.control.rotate_key(&ann(), &id, Duration::from_secs(60), "").unwrap();
    assert!(next.key.starts_with("sp_live_"), "{}", next.id);
    open.control.revoke_key(&ann(), &id, "leaked").unwrap();
    assert!(error(open.control.release_key(&ann(), &id, "ours")).contains("for good"));
    let again = open.control.import_keys(&ann(), &import(vec![line(1, "ak_a")])).unwrap();
    assert_eq!((again.imported, again.known.len()), (0, 1), "what is revoked is not imported anew");
}

#[test]
fn an_existing_key_gets_another_end_before_and_after_the_first() {
    let fixture = fixture("extend", FORM);
    let open = fixture.up();
    let own = open.shop();
    let order = ImportOrder { expires: Some("2d".to_owned()), ..import(vec![line(1, "ak_a")]) };
    open.control.import_keys(&ann(), &order).unwrap();
    let keys = open.control.keys(&ann(), None).unwrap();
    let id = keys.into_iter().find(|key| key.kind == "existing").unwrap().id;
    let until = |days: u64| fixture.now().plus(Duration::from_secs(days * 86_400)).to_string();
    let extend =
        |actor: &Actor, expires: &str| open.control.extend_key(actor, &id, expires, "they move later");
    assert_eq!(extend(&ann(), "30d").unwrap().expires, until(30));
    fixture.pass(Duration::from_secs(31 * 86_400));
    // After it has ended as well, counted from now.
    let inside = Actor::administrator("ola@example.com", store::Role::Owner);
    let outside = Actor::administrator("eve", store::Role::Owner);
    assert!(error(extend(&outside, "30d")).contains("for the team `ops`"));
    assert!(error(extend(&ann(), "367d")).contains("more than 366 days"));
    assert!(error(extend(&ann(), "0d")).contains("has passed"));
    assert_eq!(extend(&inside, "366d").unwrap().expires, until(366));
    assert!(error(open.control.extend_key(&ann(), &own.id, "30d", "")).contains("had before"));
    open.control.revoke_key(&ann(), &id, "leaked").unwrap();
    assert!(error(extend(&ann(), "30d")).contains("revoked, for good"));
}
