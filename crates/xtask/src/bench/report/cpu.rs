//! CPU time a request as a ratio to nginx and to Envoy within one run.

use super::{median, table};
use crate::bench::directory::{Directory, Size};
use crate::bench::nginx::Upstream;
use crate::bench::process::Folder;
use crate::bench::scenario::Scenario;
use crate::bench::subject::{Subject, Under};
use crate::bench::wrk;

/// Rounds; each measures every subject once, so that drift meets all alike.
const ROUNDS: usize = 7;
const SECONDS: u32 = 3;

pub(super) fn measure() -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for scenario in [Scenario::PassThrough, Scenario::WholePath] {
        let times = times(scenario)?;
        let ratios = |peer: usize| {
            let ratio = |round: &[f64; 3]| round.first().zip(round.get(peer)).map(|(ours, peer)| ours / peer);
            median(times.iter().filter_map(ratio).collect())
        };
        let of =
            |subject: usize| median(times.iter().filter_map(|round| round.get(subject).copied()).collect());
        let targets = match scenario {
            Scenario::WholePath => ("1.15 / 0.95", "0.45 / 0.36"),
            Scenario::PassThrough | Scenario::PassThroughBrowserHead => ("", ""),
        };
        rows.push(vec![
            scenario.name().to_owned(),
            format!("{:.1} / {:.1} / {:.1}", of(0), of(1), of(2)),
            format!("**{:.2} x**", ratios(1)),
            targets.0.to_owned(),
            format!("**{:.2} x**", ratios(2)),
            targets.1.to_owned(),
        ]);
    }
    let head =
        ["CPU a request", "us: ours / nginx / Envoy", "to nginx", "must / aim", "to Envoy", "must / aim"];
    Ok(format!(
        "{}\nMedians of the ratios of {ROUNDS} rounds of {SECONDS} s each, 32 connections.\n",
        table(&head, &rows)
    ))
}

/// Per round, microseconds a request: ours, nginx's, Envoy's.
fn times(scenario: Scenario) -> anyhow::Result<Vec<[f64; 3]>> {
    let binary = crate::bench::binary()?;
    let (upstream, folder) = (Upstream::start()?, Folder::new("report")?);
    let directory = Directory::make(&binary, &folder, scenario, Size::FULL, upstream.address)?;
    let (requests, keys) = (scenario.requests(&directory), directory.keys());
    let keys = (!keys.is_empty()).then_some(keys.as_slice());
    // The first start validates every policy and remembers it.
    drop(Subject::gateway(&binary, &directory, folder.path(), Under::Nothing)?);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut gateway = Subject::gateway(&binary, &directory, folder.path(), Under::Nothing)?;
        let ours = wrk::cpu(&mut gateway, &folder, &requests, SECONDS)?;
        drop(gateway);
        let mut nginx = Subject::nginx(&folder, upstream.address, keys, Under::Nothing)?;
        let nginxs = wrk::cpu(&mut nginx, &folder, &requests, SECONDS)?;
        drop(nginx);
        let mut envoy = Subject::envoy(&folder, upstream.address, keys)?;
        rounds.push([ours, nginxs, wrk::cpu(&mut envoy, &folder, &requests, SECONDS)?]);
    }
    Ok(rounds)
}
