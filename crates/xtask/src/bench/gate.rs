//! The gate: measure, compare with what is recorded, say both numbers.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::callgrind::{Counts, Family, slope, to_f64};
use super::directory::{Directory, Size};
use super::load::{Load, Request};
use super::nginx::{BODY_BYTES, Upstream};
use super::process::Folder;
use super::recorded::{Figure, Recorded};
use super::scenario::Scenario;
use super::strace;
use super::subject::{Subject, Under};
use crate::{shell, system};

/// Requests before anything is counted: every prepared request has been seen once, caches are warm.
const WARM_UP: u64 = 1_200;
/// The two runs of the slope, under callgrind.
const INSTRUCTION_RUNS: (u64, u64) = (1_000, 4_000);
const INSTRUCTION_CONNECTIONS: usize = 8;
/// The two runs of the slope, under strace.
const CALL_RUNS: (u64, u64) = (4_000, 20_000);
const CALL_CONNECTIONS: usize = 32;

/// How often a scenario is measured that seems to have grown.
const MEASURED_MAX: usize = 3;
/// How many functions are named where instructions are explained.
const FUNCTIONS_SHOWN: usize = 25;
/// Names of generic functions run on for lines.
const NAME_CHARS_SHOWN: usize = 120;

/// Measures the gateway, and nginx beside it, in the same run.
pub(super) fn measure(scenarios: &[Scenario], size: Size) -> anyhow::Result<Recorded> {
    system::ensure_programs()?;
    let binary = super::binary()?;
    let upstream = Upstream::start()?;
    let mut figures = Recorded { version: 1, ..Recorded::default() };
    for scenario in scenarios {
        let folder = Folder::new("bench")?;
        let directory = shell::step(&format!("{scenario}: repository and keys"), || {
            Directory::make(&binary, &folder, *scenario, size, upstream.address)
        })?;
        let requests = scenario.requests(&directory);
        let gateway = |under| Subject::gateway(&binary, &directory, folder.path(), under);
        let ours = shell::step(&format!("{scenario}: sallyport"), || figure(&gateway, &folder, &requests))?;
        figures.sallyport.insert(scenario.name().into(), ours);
        let keys = directory.keys();
        let peer =
            |under| Subject::nginx(&folder, upstream.address, (!keys.is_empty()).then_some(&keys), under);
        let nginx = shell::step(&format!("{scenario}: nginx"), || figure(&peer, &folder, &requests))?;
        figures.nginx.insert(scenario.name().into(), nginx);
    }
    Ok(figures)
}

/// Measures the gateway alone.
pub(super) fn measure_gateway(scenario: Scenario, size: Size) -> anyhow::Result<Figure> {
    system::ensure_programs()?;
    let binary = super::binary()?;
    let (upstream, folder) = (Upstream::start()?, Folder::new("bench")?);
    let directory = Directory::make(&binary, &folder, scenario, size, upstream.address)?;
    let requests = scenario.requests(&directory);
    figure(&|under| Subject::gateway(&binary, &directory, folder.path(), under), &folder, &requests)
}

/// Measures, and measures again what seems to have grown: what a busy machine adds goes away, a regression stays.
pub(super) fn measure_and_judge(scenarios: &[Scenario], size: Size) -> anyhow::Result<()> {
    let mut measured = measure(scenarios, size)?;
    for _ in 1..MEASURED_MAX {
        let complaints = Recorded::read()?.complaints(&measured);
        let suspect = |scenario: &&Scenario| {
            complaints.iter().any(|complaint| complaint.starts_with(&format!("{}:", scenario.name())))
        };
        let again: Vec<Scenario> = scenarios.iter().filter(suspect).copied().collect();
        if again.is_empty() {
            break;
        }
        measured.keep_lower(&measure(&again, size)?);
    }
    judge(&measured)
}

/// Measures nginx alone, with keys of the rig's own, to see that the rig works where the gateway does not build.
pub(super) fn peers() -> anyhow::Result<()> {
    system::ensure_programs()?;
    let upstream = Upstream::start()?;
    let keys: Vec<String> = (0..10_000).map(|number| format!("key_{number:036}")).collect();
    for (name, keys) in [("pass-through", None), ("key map", Some(keys.as_slice()))] {
        let folder = Folder::new("peer")?;
        let request = |number: usize| {
            let key = keys
                .and_then(|keys| keys.get(number * 7 % keys.len()))
                .map_or(String::new(), |key| format!("X-Api-Key: {key}\r\n"));
            let text = format!(
                "GET /api/v1/res{number}/7/items HTTP/1.1\r\nHost: bench0.example.com\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n{key}\r\n"
            );
            Request { bytes: text.into_bytes(), status: 200, length: Some(BODY_BYTES) }
        };
        let requests: Vec<Request> = (0..1_000).map(request).collect();
        let peer = |under| Subject::nginx(&folder, upstream.address, keys, under);
        let figure = figure(&peer, &folder, &requests)?;
        println!(
            "nginx, {name}: {:.0} instructions, {:.2} system calls",
            figure.instructions, figure.system_calls
        );
    }
    Ok(())
}

/// Both counts of one subject, each in a start of its own.
fn figure(
    start: &dyn Fn(Under) -> anyhow::Result<Subject>,
    folder: &Folder,
    requests: &[Request],
) -> anyhow::Result<Figure> {
    // Plainly first: what the gateway caches on disk at its first start is there for the slow one.
    let system_calls = system_calls(&mut start(Under::Nothing)?, folder, requests)?;
    let (short, long) = instructions(&mut start(Under::Callgrind)?, requests)?;
    let (few, many) = INSTRUCTION_RUNS;
    let per_request = |of: &dyn Fn(&Counts) -> u64| slope((few, of(&short)), (many, of(&long)));
    let calls = |family| per_request(&|counts: &Counts| counts.calls.get(&family).copied().unwrap_or(0));
    let figure = Figure {
        instructions: round(per_request(&|counts| counts.instructions)?, 0),
        system_calls: round(system_calls, 2),
        hash_calls: round(calls(Family::Hash)?, 2),
        checksum_calls: round(calls(Family::Checksum)?, 2),
        signature_calls: round(calls(Family::Signature)?, 2),
    };
    explain(&short.functions, &long.functions);
    Ok(figure)
}

fn load(address: SocketAddr, requests: &[Request], connections: usize) -> Load {
    Load { address, requests: requests.to_vec(), connections }
}

/// Counts of a short and of a long run, after a warm-up.
fn instructions(subject: &mut Subject, requests: &[Request]) -> anyhow::Result<(Counts, Counts)> {
    let load = load(subject.address, requests, INSTRUCTION_CONNECTIONS);
    let mut callgrind = subject.callgrind();
    let mut run = |count| {
        load.send(count)?;
        callgrind.take()
    };
    let (few, many) = INSTRUCTION_RUNS;
    run(WARM_UP)?;
    let counts = (run(few)?, run(many)?);
    subject.process.check()?;
    Ok(counts)
}

/// System calls per request: the slope of a short and a long run, after a warm-up.
fn system_calls(subject: &mut Subject, folder: &Folder, requests: &[Request]) -> anyhow::Result<f64> {
    let load = load(subject.address, requests, CALL_CONNECTIONS);
    load.send(WARM_UP)?;
    let pid = subject.process.pid();
    let count = |requests| {
        let calls = strace::count(pid, folder.path(), || load.send(requests))?;
        anyhow::Ok((calls.values().sum::<u64>(), calls))
    };
    let (few, many) = CALL_RUNS;
    let ((short, _), (long, calls)) = (count(few)?, count(many)?);
    let mut most: Vec<(u64, String)> = calls.into_iter().map(|(name, count)| (count, name)).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    for (count, name) in most.iter().take(6) {
        eprintln!("    {:8.2} {name}", to_f64(*count) / to_f64(many));
    }
    subject.process.check()?;
    slope((few, short), (many, long))
}

/// Names the functions that take the most, so that a failing gate says where to look.
fn explain(short: &HashMap<String, u64>, long: &HashMap<String, u64>) {
    let (few, many) = INSTRUCTION_RUNS;
    let cost = |name: &String, long: u64| {
        slope((few, short.get(name).copied().unwrap_or(0)), (many, long)).unwrap_or(0.0)
    };
    let mut most: Vec<(f64, &String)> = long.iter().map(|(name, long)| (cost(name, *long), name)).collect();
    most.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    for (cost, name) in most.into_iter().take(FUNCTIONS_SHOWN).filter(|(cost, _)| 1.0 <= *cost) {
        let name: String = name.chars().take(NAME_CHARS_SHOWN).collect();
        eprintln!("    {cost:8.0} {name}");
    }
}

/// Prints the comparison and fails where something grew.
pub(super) fn judge(measured: &Recorded) -> anyhow::Result<()> {
    let (recorded, nothing) = (Recorded::read(), Recorded::default());
    print(measured, recorded.as_ref().unwrap_or(&nothing));
    let recorded = recorded?;
    let complaints = recorded.complaints(measured);
    for complaint in &complaints {
        eprintln!("bench gate: {complaint}");
    }
    anyhow::ensure!(
        complaints.is_empty(),
        "{} figures are worse than recorded; make it as cheap as it was, or record what was bought: cargo xtask bench gate --record",
        complaints.len()
    );
    Ok(())
}

/// Prints the figures of a run that is not of the recorded size.
pub(super) fn show(measured: &Recorded) {
    print(measured, &Recorded::default());
}

/// Prints the figures and records them.
pub(super) fn record(measured: &Recorded) -> anyhow::Result<()> {
    print(measured, &Recorded::read().unwrap_or_default());
    measured.merge_into_file()?;
    println!("recorded; the commit that changes the file says what was bought");
    Ok(())
}

fn print(measured: &Recorded, recorded: &Recorded) {
    println!(
        "{:27} {:>9} {:>9} {:>9} {:>6} {:>7} {:>7}",
        "instructions per request", "now", "recorded", "nginx", "ratio", "must", "aim"
    );
    for_each(measured, recorded, &|scenario, now, then, nginx| {
        let (must, _, aim) = scenario.targets();
        let ratio = now.instructions / nginx.instructions;
        let (now, then, nginx) = (now.instructions, then.instructions, nginx.instructions);
        println!("{scenario:27} {now:9.0} {then:9.0} {nginx:9.0} {ratio:6.2} {must:7.0} {aim:7.0}");
    });
    println!(
        "{:27} {:>9} {:>9} {:>9} {:>6} {:>7}",
        "system calls per request", "now", "recorded", "nginx", "ratio", "must"
    );
    for_each(measured, recorded, &|scenario, now, then, nginx| {
        let (_, must, _) = scenario.targets();
        let ratio = now.system_calls / nginx.system_calls;
        let (now, then, nginx) = (now.system_calls, then.system_calls, nginx.system_calls);
        println!("{scenario:27} {now:9.2} {then:9.2} {nginx:9.2} {ratio:6.2} {must:7.2}");
    });
    println!("{:27} {:>9} {:>9} {:>9}", "calls left out, per request", "hashes", "checksums", "signatures");
    for_each(measured, recorded, &|scenario, now, _, _| {
        println!(
            "{scenario:27} {:9.2} {:9.2} {:9.2}",
            now.hash_calls, now.checksum_calls, now.signature_calls
        );
    });
}

fn for_each(measured: &Recorded, recorded: &Recorded, print: &dyn Fn(&Scenario, &Figure, &Figure, &Figure)) {
    let absent = Figure { instructions: f64::NAN, system_calls: f64::NAN, ..Figure::default() };
    for scenario in Scenario::ALL {
        if let Some(now) = measured.sallyport.get(scenario.name()) {
            let then = recorded.sallyport.get(scenario.name()).unwrap_or(&absent);
            let nginx = measured.nginx.get(scenario.name()).unwrap_or(&absent);
            print(scenario, now, then, nginx);
        }
    }
}

fn round(number: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (number * factor).round() / factor
}
