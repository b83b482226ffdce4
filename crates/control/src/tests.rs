//! Use cases over real folders, with a clock that the test moves and chance that repeats.

mod access;
mod advice;
mod apis;
mod blocked;
mod blocks;
mod cases;
mod changes;
mod endings;
mod existing;
mod explanations;
mod inventory;
mod ownership;
mod readings;
mod revisions;
mod roles;
mod rollbacks;
mod rollups;
mod spans;
mod status;
mod stops;
mod summaries;
mod upkeep;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use enforce::{Outcome, Worker, judge};
use model::request::{BodyShape, Scheme};
use model::{Admission, CanonicalRequest, Client, CredentialRef, Head, Timestamp, Verdict};
use record::{AttributeRef, Carried, ClientRef, Decided, Personal};
use recorder::{Durability, LogReader, WorkerLog};
use serde_json::Value;

use crate::{Actor, Control, ControlError, IssuedKey, KeyOrder, OpenOptions, Opened, Outside};

const GATEWAY: &str =
    "version: 1\nreload: on_change\napplication_attributes: { customer: String, level: Long }\n";
const TEAMS: &str =
    "version: 1\nteams:\n  ops:\n    members: [ola@example.com]\n  partners: { members: [] }\n";
const API: &str = "version: 1\nhosts: [orders.example.com]\nupstream: http://127.0.0.1:9000\nowner: ops\n\
                   exposure: partner\nmode: enforce\ndata_class: internal\n";
const DOCUMENT: &str = "openapi: 3.1.0\ninfo: { title: Orders, version: '1' }\npaths:\n  /orders:\n    get: {}\n    \
                        post: {}\n  /customers/{id}:\n    get: {}\n";
const LOCK: &str = "version: 1\ngroups:\n  \"orders\": [\"GET /customers/{id}\", \"GET /orders\", \"POST /orders\"]\n  \
                    \"orders:read\": [\"GET /customers/{id}\", \"GET /orders\"]\n  \"orders:write\": [\"POST /orders\"]\n";
const POLICY: &str = "@id(\"read\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                      permit (principal in Team::\"partners\", action == Action::\"orders:GET /orders\", resource);\n\
                      @id(\"own\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                      permit (principal, action == Action::\"orders:GET /customers/{id}\", resource)\n\
                      when { principal is Application && principal has customer && context.params.id == principal.customer };\n\
                      @id(\"guard\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                      forbid (principal, action == Action::\"orders:POST /orders\", resource);\n";

/// One repository, opened as often as a test wants.
struct Fixture {
    folder: PathBuf,
    clock: Arc<AtomicI64>,
}

/// An open repository, and the log of its one worker.
#[derive(Debug)]
struct Open {
    control: Control,
    log: WorkerLog,
    refused: Option<ControlError>,
    worker: Worker,
}

fn random(bytes: &mut [u8]) -> Result<(), ControlError> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    for chunk in bytes.chunks_mut(8) {
        let next = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let next = (next ^ (next >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_le_bytes();
        chunk.iter_mut().zip(next).for_each(|(slot, byte)| *slot = byte);
    }
    Ok(())
}

fn ann() -> Actor {
    Actor::administrator("ann", store::Role::Admin)
}

impl Fixture {
    /// A repository with one enforced API.
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sallyport-use-cases-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        let clock = Timestamp::parse("2026-11-26T12:00:00Z").unwrap().as_micros();
        let fixture = Self { folder, clock: Arc::new(AtomicI64::new(clock)) };
        for (path, text) in [
            ("sallyport.yaml", GATEWAY),
            ("teams.yaml", TEAMS),
            ("apis/orders/api.yaml", API),
            ("apis/orders/openapi.yaml", DOCUMENT),
            ("apis/orders/groups.lock", LOCK),
            ("policies/orders.cedar", POLICY),
        ] {
            fixture.write(path, text);
        }
        fixture
    }

    fn write(&self, path: &str, text: &str) {
        crate::files::replace(&self.folder, path, text.as_bytes()).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }

    fn state(&self) -> PathBuf {
        self.folder.join(".state")
    }

    fn pass(&self, time: Duration) {
        self.clock.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }

    fn pass_days(&self, days: u64) {
        self.pass(Duration::from_secs(days * 86_400));
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.load(Ordering::Relaxed))
    }

    fn try_open(&self, master: u8) -> Result<Open, ControlError> {
        let clock = Arc::clone(&self.clock);
        let outside = Outside {
            clock: Arc::new(move || Timestamp::from_micros(clock.load(Ordering::Relaxed))),
            random,
            master: crate::master_key_of([master; 32]),
        };
        let options =
            OpenOptions { folder: self.folder.clone(), state: self.state(), workers: NonZeroUsize::MIN };
        let Opened { control, mut logs, refused } = Control::open(options, outside)?;
        let log = logs.pop().unwrap();
        Ok(Open { control, log, refused, worker: Worker::new([master; 32]) })
    }

    fn open(&self) -> Open {
        self.try_open(7).unwrap()
    }

    /// Opens what loads.
    fn up(&self) -> Open {
        let open = self.open();
        assert!(open.refused.is_none(), "{:?}", open.refused);
        open
    }

    /// A copy of everything as it is now, which is what a process that is killed leaves.
    fn as_if_killed(&self, name: &str) -> Self {
        let copy = Self::new(name);
        copy.clock.store(self.clock.load(Ordering::Relaxed), Ordering::Relaxed);
        copy_folder(&self.folder, &copy.folder);
        copy
    }

    /// Every change in the log as `action object by actor: reason`, oldest first.
    fn changes(&self) -> Vec<String> {
        let mut found = Vec::new();
        LogReader::open(&self.state().join("log"))
            .each(0, |entry| {
                for line in entry.json().unwrap() {
                    let entry: Value = serde_json::from_str(&line).unwrap();
                    if entry["kind"] == "change" {
                        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
                        found.push(format!(
                            "{} {} by {}: {}",
                            text("action"),
                            text("object"),
                            text("actor"),
                            text("reason")
                        ));
                    }
                }
                Ok(())
            })
            .unwrap();
        found
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Open {
    fn revision(&self) -> u64 {
        self.control.readiness().revision
    }

    /// An application of the partners with a key for everything.
    fn shop(&self) -> IssuedKey {
        self.control.create_application(&ann(), "shop", "partners", &["customer=42".to_owned()], "").unwrap();
        self.key("shop", &["orders"])
    }

    fn key(&self, application: &str, scopes: &[&str]) -> IssuedKey {
        let mut made = self.control.create_keys(&ann(), &order(application, scopes)).unwrap();
        assert_eq!(made.len(), 1);
        made.remove(0)
    }

    /// Judges one call as a worker would, records it, and gives what came of it and its id.
    fn call(&mut self, now: Timestamp, key: Option<&str>, method: &str, path: &str) -> (String, String) {
        let mut fields: Vec<(&[u8], &[u8])> = vec![(b"host", b"orders.example.com")];
        if let Some(key) = key {
            fields.push((b"x-api-key", key.as_bytes()));
        }
        let head = Head::from_parts(method.as_bytes(), path.as_bytes(), fields).unwrap();
        let peer = IpAddr::from([127, 0, 0, 1]);
        let admission = Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer };
        let request = CanonicalRequest::admit(head, admission).unwrap();
        let snapshot = self.control.live().pointer().load_full();
        let judged = judge(&snapshot, now, &mut self.worker, request);
        let mut evidence = judged.evidence;
        if let Outcome::Allow(pending) = judged.outcome {
            assert!(pending.redeem(&mut evidence, now).is_ok());
        }
        let reason = evidence.refusal.map(|refusal| refusal.reason());
        let (client, team) = match &evidence.caller.client {
            Client::Application(shop) => {
                (ClientRef::Application(shop.name.as_str()), Some(shop.team.as_str()))
            }
            Client::Anonymous => (ClientRef::Anonymous, None),
            Client::Workload(workload) => (ClientRef::Workload(workload.name.as_str()), None),
        };
        let key = match evidence.caller.credential {
            CredentialRef::Key(id) => Some(id),
            CredentialRef::Absent
            | CredentialRef::Certificate(_)
            | CredentialRef::Foreign(_)
            | CredentialRef::Token(_) => None,
        };
        let customer = path.strip_prefix("/customers/");
        let mut attributes: Vec<_> =
            customer.map(|customer| ("params.id", AttributeRef::Text(customer))).into_iter().collect();
        if customer.is_some() && team.is_some() {
            attributes.push(("principal.customer", AttributeRef::Text("42")));
        }
        let decided = Decided {
            id: evidence.id,
            time: evidence.time,
            snapshots: evidence.snapshots,
            verdict: evidence.verdict,
            reason,
            code: "",
            api: evidence.api_name(),
            operation: evidence.operation_id(),
            mode: if evidence.mode.observes(now) { Carried::Observed } else { Carried::Enforced },
            policies: &[],
            observed: &[],
            strength: evidence.caller.strength,
            personal: Personal {
                client,
                team,
                user: None,
                key,
                source_ip: Some(peer),
                method: None,
                trace_id: None,
                params: &[],
                attributes: &attributes,
            },
        };
        assert!(self.log.decided(&decided, Durability::Counted).is_ok());
        let verdict = match (evidence.verdict, reason) {
            (Verdict::Allowed, _) | (_, None) => evidence.verdict.as_str().to_owned(),
            (verdict, Some(reason)) => format!("{} {}", verdict.as_str(), reason.code()),
        };
        (verdict, evidence.id.to_string())
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn order(application: &str, scopes: &[&str]) -> KeyOrder {
    KeyOrder {
        reason: String::new(),
        application: application.to_owned(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires: None,
        count: 1,
    }
}

/// The files below a folder, state left out, with their contents.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    crate::files::read_all(folder).unwrap()
}

/// The error of what must not succeed, as text.
fn error<T: std::fmt::Debug>(outcome: Result<T, ControlError>) -> String {
    crate::chain(&outcome.unwrap_err())
}
