//! What it costs to make something of what was recorded: `cargo run --release -p advise --example figures [RECORDS]`.
//!
//! Prints the CPU time of counting records from their stored bytes, of adding up what the batches gave, of proposing
//! grants from that, and of replaying roll-ups of thirty days, small ones and large ones. It asks Linux for the time.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a program that is run by hand, over a company that it has made itself"
)]

#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "it belongs to tests, which use the rest of it and end where it is wrong"
)]
#[path = "../tests/company/log.rs"]
mod log;
#[expect(clippy::unwrap_used, clippy::panic, reason = "it belongs to tests, which end where it is wrong")]
#[path = "../tests/company/world.rs"]
mod world;

use std::collections::HashMap;
use std::net::IpAddr;

use advise::{
    CallFacts, Network, ReplayQuestion, Side, Spread, SuggestQuestion, Tally, Usage, replay, suggest,
};
use model::{DecisionId, Timestamp, UseCounts, UseEnding};
use record::Leaf;
use testkit::company::{Company, Credentials, Scopes, Shape};

/// Entries of one batch, as the gateway counts them.
const BATCH: usize = 20_000;

/// CPU time of this thread, in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}

fn main() {
    let records = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000_u64);
    let shape = Shape { clients: 200, apis: 8, calls: 60, ..Shape::of_a_month(7) };
    let mut company = Company::new(shape);
    let made = world::Made::of(&company);
    drop(count("an address for each call", &company, records));
    for call in &mut company.learning {
        if let IpAddr::V4(address) = call.address {
            let [a, b, c, _] = address.octets();
            call.address = IpAddr::from([a, b, c, 7]);
        }
    }
    let usage = count("an address for each network", &company, records);
    let policies = made.compile("");
    let begin = cpu();
    let now = Timestamp::from_micros(company.learning.last().map_or(0, |call| call.time));
    let question = SuggestQuestion {
        catalog: &made.catalog,
        policies: &policies,
        world: &made,
        now,
        api: None,
        known_ids: &|_| false,
    };
    let suggestion = suggest(&usage, &question);
    let ready: Vec<&str> =
        suggestion.proposals.iter().filter(|one| one.is_ready()).map(|one| one.text.as_str()).collect();
    println!(
        "suggest: {:.2} s from {} rows, {} ready, {} wait",
        cpu() - begin,
        usage.rows().len(),
        ready.len(),
        suggestion.proposals.len() - ready.len()
    );
    let granted = made.compile(&ready.join("\n"));
    let ask = |name: &str, usage: &Usage| {
        let begin = cpu();
        let replayed = replay(
            usage,
            &ReplayQuestion {
                now: Side { catalog: &made.catalog, policies: Some(&policies) },
                then: Side { catalog: &made.catalog, policies: Some(&granted) },
                directory: &made,
                at: Timestamp::from_seconds(0),
                observes_now: &|_| true,
                observes_then: &|_| false,
            },
        );
        println!(
            "replay, {name}: {:.2} s for {} rows, {} calls; {} would be lost, {} gained",
            cpu() - begin,
            replayed.rows,
            replayed.calls,
            replayed.lost_calls(),
            replayed.gained_calls()
        );
    };
    ask("the company", &usage);
    ask("200 callers x 200 operations x 30 days", &square(200, 1));
    ask("1,000,000 rows", &square(200, 25));
}

/// Counts records from bytes, the calls of the company again and again.
fn count(name: &str, company: &Company, records: u64) -> Usage {
    let entries: Vec<log::Entry> = company
        .learning
        .iter()
        .enumerate()
        .flat_map(|(number, call)| log::entries(company, number, call))
        .collect();
    let from = company.learning.first().map_or(0, |call| call.time.div_euclid(86_400_000_000));
    let mut usage = Usage::since(from);
    let mut numbers: HashMap<CallFacts, i64> = HashMap::new();
    let (mut counted, mut counting, mut adding, mut rows) = (0, 0.0, 0.0, 0);
    while counted < records {
        for part in entries.chunks(BATCH) {
            let begin = cpu();
            let mut tally = Tally::new(Spread::new());
            for (leaf, personal) in part {
                if let Ok(leaf) = Leaf::decode(leaf) {
                    tally.take(&leaf, personal.as_deref());
                    counted += u64::from(leaf.decided().is_some());
                }
            }
            let batch = tally.finish();
            let middle = cpu();
            counting += middle - begin;
            rows += batch.rows.len();
            for row in batch.rows {
                let next = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
                let number = *numbers.entry(row.facts.clone()).or_insert(next);
                let Ok(()) =
                    usage.add::<std::convert::Infallible>(number, row.day, &row.counts, || Ok(row.facts));
            }
            adding += cpu() - middle;
            if records <= counted {
                break;
            }
        }
    }
    println!(
        "{name}: decode and count {counting:.2} s for {counted} records; add up {adding:.2} s for {rows} rows of batches"
    );
    usage
}

/// Thirty days of roll-ups: each caller calls each operation, from so many addresses.
fn square(side: usize, addresses: u32) -> Usage {
    let shape = Shape {
        clients: side,
        apis: 5,
        operations: (side / 5, side / 5),
        scopes: Scopes::Mixed,
        credentials: Credentials::Keys,
        days: 1,
        calls: 8,
        ..Shape::of_a_month(7)
    };
    // The names alone are wanted.
    let company = Company::new(shape);
    let mut usage = Usage::since(20_000);
    let mut number = 0_i64;
    for client in company.clients.iter().take(side) {
        let key = company.keys.iter().find(|key| company.clients[key.client].name == client.name);
        for place in company.places() {
            for address in 0..addresses {
                let facts = CallFacts {
                    api: company.apis[place.0].name.clone(),
                    operation: company.id(place),
                    caller: format!("app:{}", client.name),
                    team: Some(client.team.clone()),
                    user: None,
                    key: key.map(|key| key.id.clone()),
                    strength: 2,
                    verdict: "would_deny".to_owned(),
                    reason: "no_grant".to_owned(),
                    network: Network::Address(IpAddr::from((0x0a00_0000 + address).to_be_bytes())),
                    attributes: std::collections::BTreeMap::new(),
                    incomplete: false,
                };
                for day in 20_000..20_030 {
                    let time = Timestamp::from_seconds(day * 86_400 + 3_600);
                    let mut counts =
                        UseCounts::of_call(DecisionId::new(time, u128::from(number.unsigned_abs())), time);
                    counts.end(&UseEnding { status: 200, is_whole: true, bytes_in: 10, bytes_out: 20 });
                    let Ok(()) =
                        usage.add::<std::convert::Infallible>(number, day, &counts, || Ok(facts.clone()));
                }
                number += 1;
            }
        }
    }
    usage
}
