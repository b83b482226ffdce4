//! What recorded use costs through the log and the store: `cargo run --release -p control --example usage_cost [RECORDS
//! [FOLDER]]`.
//!
//! Makes a company of 200 callers and 500 operations in a folder of its own, writes so many calls of thirty days into its
//! log, each from an address that no other has, and prints the CPU time of counting them into the store and of what is
//! then asked. It asks Linux for the time, of the asking thread alone: the log is written by another.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program that is run by hand, over a company that it has made itself"
)]

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use control::{
    Actor, Asked, Candidate, Control, KeyOrder, OpenOptions, Opened, Outside, ReadyOrder, ReplayOrder,
    SuggestOrder, UsageOrder,
};
use model::{DecisionId, DenyReason, KeyId, RevisionNumber, Snapshots, Strength, Timestamp, Verdict};
use record::{Carried, ClientRef, Completed, Decided, Outcome, Personal};
use recorder::{Durability, WorkerLog};

const CALLERS: usize = 200;
const APIS: usize = 5;
const OPERATIONS: usize = 100;
/// Operations that a caller uses.
const USED: u64 = 25;
const DAYS: i64 = 30;
/// 2026-06-01T00:00:00Z.
const BEGIN: i64 = 1_780_272_000;
/// Calls after which the log's writer is given time, since more at once are lost.
const FLUSH: u64 = 1_000;
const PAUSE: Duration = Duration::from_millis(5);

fn main() {
    let records = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000_u64);
    // What a folder that is named holds already is asked again.
    let named = std::env::args().nth(2).map(std::path::PathBuf::from);
    let made = std::env::temp_dir().join(format!("sallyport-usage-cost-{}", std::process::id()));
    let folder = named.clone().unwrap_or(made);
    let is_new = !folder.exists();
    if is_new {
        write_company(&folder);
    }
    let clock = Timestamp::from_seconds(BEGIN + DAYS * 86_400);
    let outside = Outside {
        clock: Arc::new(move || clock),
        random: |bytes| {
            bytes.fill(7);
            std::fs::File::open("/dev/urandom")
                .and_then(|mut file| std::io::Read::read_exact(&mut file, bytes))
                .map_err(|error| control::ControlError::invalid(error.to_string(), ""))
        },
        master: control::master_key_of([7; 32]),
    };
    let options =
        OpenOptions { folder: folder.clone(), state: folder.join(".state"), workers: NonZeroUsize::MIN };
    let Opened { control, mut logs, .. } = Control::open(options, outside).unwrap();
    let mut log = logs.pop().unwrap();
    if is_new {
        let keys = callers(&control);
        for number in 0..records {
            call(&mut log, number, records, &keys);
            if number % FLUSH == FLUSH - 1 {
                std::thread::park_timeout(PAUSE);
            }
        }
    }
    ask(&control, &folder);
    drop(control);
    if named.is_none() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

fn ask(control: &Control, folder: &Path) {
    let admin = Actor::administrator("ann", store::Role::Admin);
    let span = || {
        let mut order = UsageOrder::default();
        order.set("since", "2026-06-01").unwrap();
        order
    };
    let usage = timed("count and usage", || control.usage(&admin, &span()).unwrap());
    let calls: u64 = usage.rows.iter().map(|row| row.calls).sum();
    println!(
        "  {calls} calls in {} lines, {} coarse, {} lost",
        usage.rows.len(),
        usage.coarse_calls,
        usage.lost
    );
    let store = std::fs::metadata(folder.join(".state/store.db")).map_or(0, |file| file.len());
    println!("  the store has {} MB", store / 1_000_000);
    timed("usage again", || control.usage(&admin, &span()).unwrap());
    let order = SuggestOrder { usage: span(), write: true, reason: "r".into(), ..SuggestOrder::default() };
    let view = timed("suggest", || control.suggest(&admin, &order).unwrap());
    println!("  {} proposals, {} calls granted already", view.proposals.len(), view.granted_calls);
    let order = ReplayOrder { usage: span(), candidate: Candidate::Files, ..ReplayOrder::default() };
    let view = timed("replay", || control.replay(&admin, &order).unwrap());
    println!(
        "  {} rows, {} calls, {} would be lost",
        view.replayed.rows,
        view.replayed.calls,
        view.replayed.lost_calls()
    );
    timed("status", || control.status(&admin, ReadyOrder::default()).unwrap());
    timed("status again", || control.status(&admin, ReadyOrder::default()).unwrap());
    let matrix = timed("matrix", || control.matrix(&admin, &span()).unwrap());
    println!("  {} rows, {} operations", matrix.rows.len(), matrix.operations.len());
    timed("key advise", || control.advise_keys(&admin, &span(), None).unwrap());
    timed("what-can", || control.what_can(&admin, "app:app-7").unwrap());
    timed("who-can", || control.who_can(&admin, Asked::Operation("api-1:GET /things/7")).unwrap());
    let group =
        timed("explain a policy of a group for a team", || control.read_policy(&admin, "all.read").unwrap());
    println!("  {} operations, {} callers", group.operations.len(), group.callers.len());
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let begin = cpu();
    let result = act();
    println!("{what}: {:.2} s", cpu() - begin);
    result
}

/// CPU time of this thread, in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}

fn write_company(folder: &Path) {
    let write = |path: String, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("sallyport.yaml".into(), "version: 1\nreload: on_change\n");
    let teams: String = (0..10).map(|team| format!("  team-{team}: {{ members: [] }}\n")).collect();
    write("teams.yaml".into(), &format!("version: 1\nteams:\n  ops: {{ members: [] }}\n{teams}"));
    let paths: String =
        (0..OPERATIONS).map(|place| format!("  /things/{place}: {{ get: {{}} }}\n")).collect();
    let members: Vec<String> = (0..OPERATIONS).map(|place| format!("\"GET /things/{place}\"")).collect();
    for api in 0..APIS {
        let at = |name: &str| format!("apis/api-{api}/{name}");
        let text = format!(
            "version: 1\nhosts: [api-{api}.example.com]\nupstream: http://127.0.0.1:9\nowner: ops\nexposure: partner\n\
             mode: observe\nobserve_until: 2026-07-10\ndata_class: internal\n"
        );
        write(at("api.yaml"), &text);
        write(
            at("openapi.yaml"),
            &format!("openapi: 3.1.0\ninfo: {{ title: T, version: '1' }}\npaths:\n{paths}"),
        );
        let members = members.join(", ");
        write(
            at("groups.lock"),
            &format!(
                "version: 1\ngroups:\n  \"api-{api}\": [{members}]\n  \"api-{api}:read\": [{members}]\n"
            ),
        );
    }
    // One grant that reaches every operation of an API for everybody of a team, under a condition.
    let policy = "@id(\"all.read\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                  permit (principal, action in [Action::\"api-0\", Action::\"api-1\", Action::\"api-2\", Action::\"api-3\", Action::\"api-4\"], resource)\n\
                  when { context.strength >= 4 };\n";
    write("policies/all.cedar".into(), policy);
}

fn callers(control: &Control) -> Vec<KeyId> {
    let admin = Actor::administrator("ann", store::Role::Admin);
    let make = |number: usize| {
        let application = format!("app-{number}");
        control.create_application(&admin, &application, &format!("team-{}", number % 10), &[], "").unwrap();
        let scopes = (0..APIS).map(|api| format!("api-{api}")).collect();
        let order = KeyOrder { reason: String::new(), application, scopes, expires: None, count: 1 };
        KeyId::parse(control.create_keys(&admin, &order).unwrap().remove(0).id.as_bytes()).unwrap()
    };
    (0..CALLERS).map(make).collect()
}

/// One call of all, in the order of time.
fn call(log: &mut WorkerLog, number: u64, records: u64, keys: &[KeyId]) {
    let span = u64::try_from(DAYS * 86_400 * 1_000_000).unwrap();
    let offset = u128::from(number) * u128::from(span) / u128::from(records.max(1));
    let time = Timestamp::from_seconds(BEGIN).plus(Duration::from_micros(u64::try_from(offset).unwrap()));
    let id = DecisionId::new(time, u128::from(number));
    // What is called changes more slowly than who calls, so that each pair comes again and again.
    let caller = usize::try_from(number % u64::try_from(CALLERS).unwrap()).unwrap();
    let turn = number / u64::try_from(CALLERS).unwrap() % USED;
    let place = (caller * 37 + usize::try_from(turn).unwrap() * 19) % (APIS * OPERATIONS);
    let (api, place) = (place / OPERATIONS, place % OPERATIONS);
    let [_, a, b, c] = u32::try_from(number % 0x0100_0000).unwrap().to_be_bytes();
    let (api, name) = (format!("api-{api}"), format!("app-{caller}"));
    let decided = Decided {
        id,
        time,
        snapshots: Snapshots { revision: RevisionNumber(1), keys: 1, stops: 0 },
        verdict: Verdict::WouldDeny,
        reason: Some(DenyReason::NoGrant),
        code: "",
        operation: &format!("{api}:GET /things/{place}"),
        api: &api,
        mode: Carried::Observed,
        policies: &[],
        observed: &[],
        strength: Strength::SharedSecret,
        personal: Personal {
            client: ClientRef::Application(&name),
            team: Some(&format!("team-{}", caller % 10)),
            key: Some(keys[caller]),
            source_ip: Some(IpAddr::from([10, a, b, c])),
            ..Personal::UNKNOWN
        },
    };
    assert!(log.decided(&decided, Durability::Counted).is_ok(), "a call was lost");
    log.completed(&Completed {
        id,
        time: time.plus(Duration::from_millis(30)),
        status: 200,
        outcome: Outcome::Done,
        request_bytes: 120,
        response_bytes: 2_400,
        time_to_decision_us: 40,
        upstream_us: 29_000,
        total_us: 30_000,
    });
}
