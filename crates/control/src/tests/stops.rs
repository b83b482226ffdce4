//! Stopping works whatever the disks do, and says what is missing; what opens something is not done unless it is kept.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use recorder::storage::{Append, Disk, Storage};
use recorder::{Options, Recorder};
use store::Access;

use super::{Fixture, Open, ann, order};
use crate::{ControlError, IssuedKey};

/// A folder on a disk that can be full.
#[derive(Debug)]
struct Fillable {
    disk: Disk,
    full: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FillableFile {
    file: Box<dyn Append>,
    full: Arc<AtomicBool>,
}

fn room(full: &AtomicBool) -> io::Result<()> {
    if full.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

impl Storage for Fillable {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.disk.read(name)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        self.disk.length(name)
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.disk.read_range(name, offset, length)
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        Ok(Box::new(FillableFile { file: self.disk.append(name)?, full: Arc::clone(&self.full) }))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        room(&self.full)?;
        self.disk.replace(name, bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
}

impl Append for FillableFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        room(&self.full)?;
        self.file.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}

impl Fixture {
    /// Opens it with a log of its own on a disk that is full as long as the switch says so.
    fn up_on_a_disk_that_fills(&self) -> (Open, Arc<AtomicBool>) {
        let mut open = self.up();
        let folder = self.state().join("fillable");
        std::fs::create_dir_all(&folder).unwrap();
        let full = Arc::new(AtomicBool::new(false));
        let disk = Fillable { disk: Disk::new(&folder), full: Arc::clone(&full) };
        let clock = Arc::clone(&open.control.outside.clock);
        let workers = std::num::NonZeroUsize::MIN;
        let options = Options::new(folder.clone(), "example.com/fills".into(), [9; 32], workers, clock);
        let (recorder, mut logs) = Recorder::open_on(Arc::new(disk), options).unwrap();
        open.control.recorder = recorder;
        open.control.log_folder = folder;
        open.log = logs.pop().unwrap();
        (open, full)
    }
}

impl Open {
    pub(super) fn access(&self, access: Access) {
        self.control.state().store.set_access(access).unwrap();
    }

    pub(super) fn reasons(&self) -> String {
        self.control.readiness().reasons.join("\n")
    }

    fn changes(&self, action: &str) -> Vec<String> {
        let reader = recorder::LogReader::open(&self.control.log_folder);
        let mut found = Vec::new();
        reader
            .each(0, |entry| {
                for line in entry.json().unwrap() {
                    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
                    if entry["action"] == action {
                        found.push(format!("{} by {}: {}", entry["object"], entry["actor"], entry["reason"]));
                    }
                }
                Ok(())
            })
            .unwrap();
        found
    }
}

/// What a call with this key comes to.
fn judged(open: &mut Open, fixture: &Fixture, key: &IssuedKey) -> String {
    open.call(fixture.now(), Some(&key.key), "GET", "/orders").0
}

const REVOKED: &str = "denied revoked_credential";
const DISABLED: &str = "denied disabled_application";

#[test]
fn a_key_is_revoked_though_the_store_refuses_and_a_restart_does_not_bring_it_back() {
    let fixture = Fixture::new("stop-key");
    let mut open = fixture.up();
    let key = open.shop();
    let other = open.key("shop", &["orders"]);
    open.access(Access::ReadOnly);
    for _ in 0..2 {
        // Asked again, the answer is the same as long as it is so.
        let answer = open.control.revoke_key(&ann(), &key.id, "leaked").unwrap_err();
        assert!(matches!(answer, ControlError::StoppedNotStored { .. }), "{answer:?}");
        let text = answer.to_string();
        assert!(
            text.contains("stopped and recorded, and not stored") && text.contains("read-only"),
            "{text}"
        );
        assert_eq!(judged(&mut open, &fixture, &key), REVOKED);
    }
    assert_eq!(judged(&mut open, &fixture, &other), "allowed", "nobody else is stopped");
    let view = open.control.key(&ann(), &key.id).unwrap();
    assert_eq!((view.state, view.changed.unwrap().reason.as_str()), ("revoked", "leaked"));
    let reasons = open.reasons();
    assert!(reasons.contains("the store did not take, 1") && !reasons.contains(&key.id), "{reasons}");
    assert!(open.control.keep_up().is_err());
    open.control.recorder().flush().unwrap();
    // Nothing of what came in between may hide the stop from the next start.
    let mut killed = fixture.as_if_killed("stop-key-killed").up();
    assert_eq!(judged(&mut killed, &fixture, &key), REVOKED);
    assert_eq!(judged(&mut killed, &fixture, &other), "allowed");
    let row = killed.control.state().store.key(model::KeyId::parse(key.id.as_bytes()).unwrap());
    let act = row.unwrap().unwrap().changed.unwrap();
    assert_eq!((act.by.as_str(), act.reason.as_str()), ("ann", "leaked"));
    // When the store takes it again, it gets it.
    open.access(Access::ReadWrite);
    open.control.keep_up().unwrap();
    assert_eq!(open.reasons(), "");
    assert_eq!(open.control.revoke_key(&ann(), &key.id, "again").unwrap().changed.unwrap().reason, "leaked");
    assert_eq!(open.changes("key.revoke").len(), 1);
    open.control.close().unwrap();
    assert_eq!(judged(&mut fixture.up(), &fixture, &key), REVOKED);
}

#[test]
fn an_application_is_disabled_though_the_store_refuses_and_a_restart_does_not_enable_it() {
    let fixture = Fixture::new("stop-application");
    let mut open = fixture.up();
    let key = open.shop();
    open.access(Access::ReadOnly);
    let answer = open.control.disable_application(&ann(), "shop", "ended").unwrap_err();
    assert!(matches!(answer, ControlError::StoppedNotStored { .. }), "{answer:?}");
    assert_eq!(judged(&mut open, &fixture, &key), DISABLED);
    assert_eq!(open.control.application(&ann(), "shop").unwrap().state, "disabled");
    assert_eq!(open.control.applications(&ann()).unwrap()[0].state, "disabled");
    // Whatever else changes of its keys does not bring them back.
    open.control.revoke_key(&ann(), &key.id, "too").unwrap_err();
    open.control.state().refresh_keys(open.control.live(), &[]).unwrap();
    open.control.recorder().flush().unwrap();
    let mut killed = fixture.as_if_killed("stop-application-killed").up();
    assert_eq!(killed.control.application(&ann(), "shop").unwrap().state, "disabled");
    assert_eq!(judged(&mut killed, &fixture, &key), REVOKED);
    open.access(Access::ReadWrite);
    let fresh = open.key("shop", &["orders"]);
    assert_eq!(judged(&mut open, &fixture, &fresh), DISABLED, "a key of a disabled application");
    // Enabled again it is, and stays so: the stop before it is not done again.
    open.control.enable_application(&ann(), "shop", "renewed").unwrap();
    assert_eq!(judged(&mut open, &fixture, &fresh), "allowed");
    open.control.recorder().flush().unwrap();
    let mut killed = fixture.as_if_killed("stop-application-enabled").up();
    assert_eq!(judged(&mut killed, &fixture, &fresh), "allowed");
    assert_eq!(judged(&mut killed, &fixture, &key), REVOKED);
}

#[test]
fn a_log_that_is_full_keeps_nobody_from_stopping_and_everybody_from_opening() {
    let fixture = Fixture::new("full-log");
    let (mut open, full) = fixture.up_on_a_disk_that_fills();
    let key = open.shop();
    let other = open.key("shop", &["orders"]);
    open.control.create_application(&ann(), "till", "partners", &[], "new").unwrap();
    open.control.disable_application(&ann(), "till", "not yet").unwrap();
    full.store(true, Ordering::Relaxed);
    let answer = open.control.revoke_key(&ann(), &key.id, "leaked").unwrap_err();
    assert!(matches!(answer, ControlError::StoppedNotRecorded { .. }), "{answer:?}");
    assert!(answer.to_string().contains("is stopped, for good, and not recorded"), "{answer}");
    assert_eq!(judged(&mut open, &fixture, &key), REVOKED);
    assert_eq!(judged(&mut open, &fixture, &other), "allowed");
    let answer = open.control.disable_application(&ann(), "shop", "ended").unwrap_err();
    assert!(matches!(answer, ControlError::StoppedNotRecorded { .. }), "{answer:?}");
    assert_eq!(judged(&mut open, &fixture, &other), DISABLED);
    let reasons = open.reasons();
    assert!(reasons.contains("stored and not in the log, 2"), "{reasons}");
    // Whatever opens something is not made.
    for refused in [
        open.control.create_keys(&ann(), &order("shop", &["orders"])).unwrap_err(),
        open.control.rotate_key(&ann(), &other.id, std::time::Duration::ZERO, "due").unwrap_err(),
        open.control.create_application(&ann(), "kiosk", "partners", &[], "new").unwrap_err(),
        open.control.enable_application(&ann(), "till", "now").unwrap_err(),
        open.control.create_administrator(&ann(), "eve", "viewer", "new").unwrap_err(),
    ] {
        assert!(matches!(refused, ControlError::NotRecorded), "{refused:?}");
    }
    assert_eq!(open.control.keys(&ann(), None).unwrap().len(), 2);
    assert_eq!(open.control.application(&ann(), "till").unwrap().state, "disabled");
    assert!(open.control.application(&ann(), "kiosk").is_err());
    assert!(open.control.administrators(&ann()).unwrap().is_empty());
    // With space again, the log gets what it lacks, as it was.
    full.store(false, Ordering::Relaxed);
    fixture.pass(std::time::Duration::from_secs(1));
    open.control.recorder().flush().unwrap();
    open.control.keep_up().unwrap();
    assert_eq!(open.reasons(), "");
    let revoked = format!("\"key {}\" by \"ann\": \"leaked\"", key.id);
    assert_eq!(open.changes("key.revoke"), [revoked]);
    assert_eq!(open.changes("application.disable").len(), 2);
    open.control.enable_application(&ann(), "till", "now").unwrap();
}

#[test]
fn a_stop_that_neither_log_nor_store_takes_is_in_force_and_told_until_both_have_it() {
    let fixture = Fixture::new("neither");
    let (mut open, full) = fixture.up_on_a_disk_that_fills();
    let key = open.shop();
    full.store(true, Ordering::Relaxed);
    open.access(Access::ReadOnly);
    let answer = open.control.revoke_key(&ann(), &key.id, "leaked").unwrap_err();
    assert!(matches!(answer, ControlError::StoppedNotKept { .. }), "{answer:?}");
    assert!(answer.to_string().contains("in this process alone"), "{answer}");
    assert_eq!(judged(&mut open, &fixture, &key), REVOKED);
    assert!(open.reasons().contains("neither the log nor the store took, 1"), "{}", open.reasons());
    assert!(open.control.keep_up().is_err());
    // A restart would undo it, as it was said: there is no place where it stands.
    assert_eq!(judged(&mut fixture.as_if_killed("neither-killed").up(), &fixture, &key), "allowed");
    open.access(Access::ReadWrite);
    assert!(open.control.keep_up().is_err(), "the log lacks it still");
    assert_eq!(judged(&mut fixture.as_if_killed("neither-stored").up(), &fixture, &key), REVOKED);
    full.store(false, Ordering::Relaxed);
    fixture.pass(std::time::Duration::from_secs(1));
    open.control.recorder().flush().unwrap();
    open.control.keep_up().unwrap();
    assert_eq!((open.reasons().as_str(), open.changes("key.revoke").len()), ("", 1));
}

#[test]
fn an_administrator_is_stopped_though_the_store_refuses_but_never_the_last_one() {
    let fixture = Fixture::new("stop-administrator");
    let open = fixture.up();
    let control = &open.control;
    let [ann, eve] = ["ann", "eve"].map(|name| {
        let made = control.create_administrator(&ann(), name, "admin", "new").unwrap();
        assert!(control.authenticate(&made.token).is_ok());
        made
    });
    open.access(Access::ReadOnly);
    let answer = control.revoke_administrator(&super::ann(), "eve", "left").unwrap_err();
    assert!(matches!(answer, ControlError::StoppedNotStored { .. }), "{answer:?}");
    assert!(matches!(control.authenticate(&eve.token), Err(ControlError::Unauthenticated)));
    assert!(control.authenticate(&ann.token).is_ok());
    let states: Vec<_> = control.administrators(&super::ann()).unwrap().iter().map(|row| row.state).collect();
    assert_eq!(states, ["active", "disabled"]);
    // Whoever is stopped and not stored does not count as another one.
    let refused = control.revoke_administrator(&super::ann(), "ann", "left").unwrap_err();
    assert!(
        matches!(&refused, ControlError::Invalid { reason, .. } if reason.contains("last one")),
        "{refused:?}"
    );
    assert!(control.authenticate(&ann.token).is_ok());
    assert!(open.changes("administrator.revoke").iter().all(|change| change.contains("eve")));
    control.recorder().flush().unwrap();
    let killed = fixture.as_if_killed("stop-administrator-killed").up();
    assert!(matches!(killed.control.authenticate(&eve.token), Err(ControlError::Unauthenticated)));
    assert!(killed.control.authenticate(&ann.token).is_ok());
    open.access(Access::ReadWrite);
    control.keep_up().unwrap();
    assert_eq!((open.reasons().as_str(), open.changes("administrator.revoke").len()), ("", 1));
}

#[test]
fn a_gateway_that_ends_with_a_stop_that_is_not_stored_says_so() {
    let fixture = Fixture::new("ends");
    let open = fixture.up();
    let key = open.shop();
    open.access(Access::ReadOnly);
    open.control.revoke_key(&ann(), &key.id, "leaked").unwrap_err();
    let ended = open.control.close().unwrap_err();
    assert!(crate::chain(&ended).contains("read-only"), "{ended:?}");
    assert_eq!(judged(&mut fixture.up(), &fixture, &key), REVOKED);
}

/// A second line in a reason would stand in the log's text as an entry that nobody made.
#[test]
fn a_reason_of_two_lines_is_refused_and_nothing_is_done() {
    let fixture = Fixture::new("stop-lines");
    let mut open = fixture.up();
    let key = open.shop();
    let forged = "x\n2026-11-27T23:00:00.000Z  change key.revoke key AAAA by root planned";
    let refused: [(&str, ControlError); 6] = [
        ("revoke", open.control.revoke_key(&ann(), &key.id, forged).unwrap_err()),
        ("quarantine", open.control.quarantine_key(&ann(), &key.id, forged).unwrap_err()),
        ("disable", open.control.disable_application(&ann(), "shop", forged).unwrap_err()),
        ("enable", open.control.enable_application(&ann(), "shop", forged).unwrap_err()),
        ("team", open.control.create_team(&ann(), "guests", forged).unwrap_err()),
        ("publish", open.control.publish(&ann(), forged).unwrap_err()),
    ];
    for (act, error) in refused {
        assert!(error.to_string().contains("more than one line"), "{act}: {error}");
    }
    assert_eq!(judged(&mut open, &fixture, &key), "allowed");
    for action in ["key.revoke", "key.quarantine", "application.disable", "team.create"] {
        assert_eq!(open.changes(action).len(), 0, "{action}");
    }
    // The nearest that is taken.
    open.control.revoke_key(&ann(), &key.id, "x, 2026-11-27T23:00:00.000Z, planned").unwrap();
    assert_eq!(judged(&mut open, &fixture, &key), REVOKED);
}
