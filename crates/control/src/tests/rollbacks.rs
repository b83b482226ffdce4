//! Back to an earlier revision: in force at once, on disk as well, and nothing lost.

use std::fs;

use super::{Fixture, GATEWAY, POLICY, ann, error, files_of};
use crate::publish::Reloaded;
use crate::{Actor, Overwrite, RollbackAct, RollbackOrder, RolledBack};

const MORE: &str = "\n@id(\"more\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                    permit (principal == Application::\"shop\", action, resource);\n";
const CASES: &str = "version: 1\nnow: 2026-06-15T12:00:00Z\napplications:\n  shop: { team: partners, customer: '42' }\n\
    cases:\n  - { name: reads, caller: app:shop, operation: 'orders:GET /orders', expect: allow }\n";

/// As an owner asks what it would do.
pub(super) fn to(number: u64) -> RollbackOrder {
    RollbackOrder { number, reason: String::new(), overwrite: Overwrite::Refused, act: RollbackAct::DryRun }
}

fn back(number: u64) -> RollbackOrder {
    RollbackOrder { reason: "partners are denied".to_owned(), act: RollbackAct::Roll, ..to(number) }
}

fn forced(number: u64) -> RollbackOrder {
    RollbackOrder { overwrite: Overwrite::Copied, ..back(number) }
}

fn bare(rolled: &RolledBack) -> (u64, u64, u64, bool) {
    (rolled.revision.number, rolled.from, rolled.to, rolled.kept.is_some())
}

#[test]
fn it_is_in_force_on_disk_and_in_the_log_in_one_act() {
    let fixture = Fixture::new("rollback");
    fixture.write("tests/orders.yaml", CASES);
    let mut open = fixture.up();
    let key = open.shop();
    let first = files_of(&fixture.folder);
    fixture.write("policies/orders.cedar", "// nothing is granted\n");
    fixture.write("policies/late.cedar", MORE);
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/customers/43").0, "allowed");

    let planned = open.control.rollback(&ann(), &to(1)).unwrap();
    assert!(planned.dry_run);
    assert_eq!(bare(&planned), (2, 2, 1, false), "nothing changed");
    let changes: Vec<_> = planned.files.iter().map(|file| (file.path.as_str(), file.change)).collect();
    assert_eq!(changes, [("policies/late.cedar", "removed"), ("policies/orders.cedar", "changed")]);

    assert!(
        error(open.control.rollback(&ann(), &RollbackOrder { reason: " ".into(), ..back(1) }))
            .contains("reason")
    );
    let rolled = open.control.rollback(&ann(), &back(1)).unwrap();
    assert_eq!(bare(&rolled), (3, 2, 1, false));
    assert_eq!(
        (rolled.revision.author.as_str(), rolled.revision.reason.as_str()),
        ("ann", "partners are denied")
    );
    assert_eq!((rolled.probes.asked, rolled.probes.as_expected), (1, 1));
    let loses = &rolled.summary.as_ref().unwrap()["loses"];
    assert!(loses.to_string().contains("orders:GET /customers/{id}"), "{loses}");
    assert_eq!(files_of(&fixture.folder), first, "the files are those of revision 1");
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/customers/43").0, "denied no_grant");
    // The event that the written files cause brings nothing back.
    assert_eq!(open.control.reload(&Actor::gateway(), "file").unwrap(), Reloaded::Unchanged);
    let acts = fixture.changes();
    assert!(
        acts.contains(&"revision.rollback revision 1 by ann: partners are denied".to_owned()),
        "{acts:?}"
    );
    open.control.close().unwrap();
    assert_eq!(fixture.up().revision(), 3, "nor does a restart");
}

#[test]
fn files_that_are_in_no_revision_are_replaced_only_by_force_and_after_a_copy() {
    let fixture = Fixture::new("rollback-astray");
    let open = fixture.up();
    fixture.write("policies/late.cedar", MORE);
    open.control.reload(&Actor::gateway(), "file").unwrap();
    let broken = "permit (principal";
    fixture.write("policies/late.cedar", broken);
    fixture.write("policies/new.cedar", "// being written\n");
    let before = files_of(&fixture.folder);
    let refused = error(open.control.rollback(&ann(), &back(1)));
    for part in
        ["not those of revision 2", "policies/late.cedar", "policies/new.cedar", "--force", ".state/replaced"]
    {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!((files_of(&fixture.folder), open.revision()), (before.clone(), 2));

    let rolled = open.control.rollback(&ann(), &forced(1)).unwrap();
    assert_eq!(bare(&rolled), (3, 2, 1, true));
    let kept = std::path::PathBuf::from(rolled.kept.unwrap());
    assert!(kept.starts_with(fixture.state().join("replaced")), "{}", kept.display());
    assert_eq!(files_of(&kept), before, "what they were is kept whole");
    assert!(!fixture.folder.join("policies/late.cedar").exists());
    assert!(!fixture.folder.join("policies/new.cedar").exists());
}

#[test]
fn a_broken_file_is_replaced_by_what_is_in_force() {
    let fixture = Fixture::new("rollback-broken");
    let open = fixture.up();
    fixture.write("policies/orders.cedar", "permit (");
    assert!(open.control.reload(&Actor::gateway(), "file").is_err());
    assert!(!open.control.readiness().files_in_force);
    assert!(error(open.control.rollback(&ann(), &back(1))).contains("--force"));
    let rolled = open.control.rollback(&ann(), &forced(1)).unwrap();
    assert_eq!(bare(&rolled), (1, 1, 1, true), "the same revision, and the files are mended");
    assert_eq!(fixture.read("policies/orders.cedar"), POLICY);
    assert!(open.control.readiness().files_in_force);
    assert!(error(open.control.rollback(&ann(), &forced(1))).contains("are in force already, as revision 1"));
}

#[test]
fn on_publish_the_files_go_back_as_well() {
    let fixture = Fixture::new("rollback-on-publish");
    fixture.write("sallyport.yaml", &GATEWAY.replace("on_change", "on_publish"));
    let open = fixture.up();
    fixture.write("policies/late.cedar", MORE);
    open.control.publish(&ann(), "more").unwrap();
    let rolled = open.control.rollback(&ann(), &back(1)).unwrap();
    assert_eq!(bare(&rolled), (3, 2, 1, false));
    assert!(!fixture.folder.join("policies/late.cedar").exists(), "the next publish does not bring it back");
    assert_eq!(open.control.publish(&ann(), "again").unwrap().revision.number, 3);
}

#[test]
fn a_revision_that_is_not_there_or_does_not_load_changes_nothing() {
    let fixture = Fixture::new("rollback-absent");
    let open = fixture.up();
    let refused = error(open.control.rollback(&ann(), &back(9)));
    assert!(refused.contains("no revision `9`"), "{refused}");
    assert_eq!(open.revision(), 1);
    assert!(error(open.control.revision(&ann(), 9)).contains("no revision `9`"));
    assert!(error(open.control.difference(&ann(), 1, 9)).contains("no revision `9`"));
}

#[test]
fn where_files_cannot_be_written_the_revision_is_in_force_and_the_answer_says_so() {
    let fixture = Fixture::new("rollback-unwritable");
    let open = fixture.up();
    let late = format!("{POLICY}{MORE}");
    fixture.write("policies/orders.cedar", &late);
    fixture.write("policies/second.cedar", "// one more\n");
    open.control.reload(&Actor::gateway(), "file").unwrap();
    // Nothing can be written beside the file, as on a disk that is full.
    fs::create_dir_all(fixture.folder.join("policies/.orders.cedar.new/in the way")).unwrap();
    let rolled = open.control.rollback(&ann(), &back(1)).unwrap();
    assert_eq!(open.revision(), 3);
    assert!(rolled.unwritten.unwrap().contains("orders.cedar"));
    assert_eq!(fixture.read("policies/orders.cedar"), late, "all of them or none");
    assert!(fixture.folder.join("policies/second.cedar").exists());
    // The next start ends it.
    open.control.close().unwrap();
    fs::remove_dir_all(fixture.folder.join("policies/.orders.cedar.new")).unwrap();
    let open = fixture.up();
    assert_eq!((open.revision(), fixture.read("policies/orders.cedar").as_str()), (3, POLICY));
    assert!(!fixture.folder.join("policies/second.cedar").exists());
}

#[test]
fn a_process_that_is_killed_in_between_ends_it_at_its_next_start() {
    let fixture = Fixture::new("rollback-killed");
    let open = fixture.up();
    let late = format!("{POLICY}{MORE}");
    fixture.write("policies/orders.cedar", &late);
    open.control.reload(&Actor::gateway(), "file").unwrap();
    fs::create_dir_all(fixture.folder.join("policies/.orders.cedar.new/in the way")).unwrap();
    open.control.rollback(&ann(), &back(1)).unwrap();
    let killed = fixture.as_if_killed("rollback-killed-copy");
    drop(open);
    fs::remove_dir_all(killed.folder.join("policies/.orders.cedar.new")).unwrap();
    assert_eq!(killed.read("policies/orders.cedar"), late);
    let open = killed.up();
    assert_eq!((open.revision(), killed.read("policies/orders.cedar").as_str()), (3, POLICY));
    // Only once: what somebody writes afterwards stays.
    open.control.close().unwrap();
    killed.write("policies/orders.cedar", &late);
    assert_eq!((killed.up().revision(), killed.read("policies/orders.cedar").as_str()), (4, late.as_str()));
}

#[test]
fn two_revisions_differ_by_files_policies_and_who_can_do_what() {
    let fixture = Fixture::new("revision-diff");
    let open = fixture.up();
    open.shop();
    let changed = POLICY.replace("principal in Team::\"partners\"", "principal in Team::\"ops\"");
    fixture.write("policies/orders.cedar", &format!("{changed}{MORE}"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    let forth = open.control.difference(&ann(), 1, 2).unwrap();
    let policies: Vec<_> = forth.policies.iter().map(|one| (one.id.as_str(), one.change)).collect();
    assert_eq!(policies, [("more", "added"), ("read", "changed")]);
    assert!(forth.policies[1].before.as_ref().unwrap().contains("partners"));
    assert!(forth.policies[1].after.as_ref().unwrap().contains("ops"));
    assert_eq!(forth.files[0].path, "policies/orders.cedar");
    let gained: Vec<_> =
        forth.summary.gains.iter().map(|one| (one.caller.as_str(), one.operation.as_str())).collect();
    assert_eq!(
        gained,
        [("app:shop", "orders:GET /customers/{id}"), ("team:ops", "orders:GET /orders")],
        "the shop reads orders as before, by another policy"
    );
    let back = open.control.difference(&ann(), 2, 1).unwrap();
    assert_eq!((back.summary.counts.loses, back.summary.counts.gains), (2, 0), "{:?}", back.summary);
    let same = open.control.difference(&ann(), 2, 2).unwrap();
    assert!(same.summary.is_empty() && same.files.is_empty() && same.policies.is_empty());
}
