//! What the process holds: with many keys and operations, with idle connections, while a gigabyte passes.

use super::table;
use crate::bench::directory::{Directory, Size};
use crate::bench::memory::{idle, resident};
use crate::bench::nginx::Upstream;
use crate::bench::process::Folder;
use crate::bench::scenario::Scenario;
use crate::bench::subject::{Subject, Under};
use crate::soak::{Way, pass};

const IDLE: usize = 10_000;
const GIGABYTE: u64 = 1 << 30;
/// Enough calls that every cache has what it will have.
const CALLS: u64 = 20_000;

/// The row's own size: operations are a thousand, the policies those of the whole path.
const SIZE: Size = Size { operations: 1_000, ..Size::FULL };

pub(super) fn measure() -> anyhow::Result<String> {
    let mut rows = vec![full()?];
    rows.extend(connections()?);
    let binary = crate::bench::binary()?;
    for (way, name) in [(Way::Down, "down"), (Way::Up, "up")] {
        let (_, megabytes) = pass(&binary, way, GIGABYTE)?;
        rows.push(row(
            &format!("peak while 1 GB passes {name} past somebody who does not read"),
            megabytes,
            "32 / 24",
        ));
    }
    Ok(table(&["memory", "MB", "must / aim"], &rows))
}

fn row(what: &str, megabytes: f64, targets: &str) -> Vec<String> {
    vec![what.to_owned(), format!("**{megabytes:.1}**"), targets.to_owned()]
}

/// Resident after a start that validated nothing, and after many calls.
fn full() -> anyhow::Result<Vec<String>> {
    let scenario = Scenario::WholePath;
    let binary = crate::bench::binary()?;
    let (upstream, folder) = (Upstream::start()?, Folder::new("report")?);
    let directory = Directory::make(&binary, &folder, scenario, SIZE, upstream.address)?;
    let gateway = || Subject::gateway(&binary, &directory, folder.path(), Under::Nothing);
    drop(gateway()?);
    let subject = gateway()?;
    let started = resident(subject.process.pid())?;
    let requests = scenario.requests(&directory);
    crate::bench::Load { address: subject.address, requests, connections: 32 }.send(CALLS)?;
    let called = resident(subject.process.pid())?;
    let Size { keys, operations, policies, .. } = SIZE;
    let what = format!(
        "{keys} keys, {operations} operations, {policies} policies, after {CALLS} calls ({started:.1} after the start)"
    );
    Ok(row(&what, called, "60 / 40"))
}

/// Idle keep-alive connections, each after one answer; ours and nginx's.
fn connections() -> anyhow::Result<[Vec<String>; 2]> {
    let scenario = Scenario::PassThrough;
    let binary = crate::bench::binary()?;
    let (upstream, folder) = (Upstream::start()?, Folder::new("report")?);
    let directory = Directory::make(&binary, &folder, scenario, SIZE, upstream.address)?;
    let requests = scenario.requests(&directory);
    let mut gateway = Subject::gateway(&binary, &directory, folder.path(), Under::Nothing)?;
    let ours = idle(&mut gateway, &requests, IDLE)?;
    drop(gateway);
    let mut nginx = Subject::nginx(&folder, upstream.address, None, Under::Nothing)?;
    let nginxs = idle(&mut nginx, &requests, IDLE)?;
    Ok([
        row(&format!("{IDLE} idle keep-alive connections"), ours, "60 / 30"),
        row(&format!("nginx with {IDLE} idle keep-alive connections"), nginxs, ""),
    ])
}
