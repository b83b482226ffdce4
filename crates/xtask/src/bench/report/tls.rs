//! What TLS 1.3 costs in front of the same requests: by request and by handshake, beside nginx, HAProxy and Envoy.

use super::{median, table};
use crate::bench::callgrind::{slope, to_f64};
use crate::bench::directory::{Directory, Size};
use crate::bench::nginx::{Check, Upstream};
use crate::bench::process::Folder;
use crate::bench::scenario::Scenario;
use crate::bench::secured::{Pair, Requests, handshakes};
use crate::bench::subject::{Subject, Under};
use crate::bench::wrk::nanoseconds;

/// The host of the pass-through's only API.
const HOST: &str = "bench0.example.com";
const ROUNDS: usize = 7;
/// Requests of one measurement of CPU, and connections.
const REQUESTS: u64 = 40_000;
const CONNECTIONS: usize = 32;
/// Seconds of handshakes.
const SECONDS: u32 = 3;
const WARM_UP: u64 = 1_200;
const INSTRUCTION_RUNS: (u64, u64) = (1_000, 4_000);
const INSTRUCTION_CONNECTIONS: usize = 8;
const PEERS: usize = 4;

struct Rig {
    folder: Folder,
    upstream: Upstream,
    directory: Directory,
    pair: Pair,
}

pub(super) fn measure() -> anyhow::Result<String> {
    let (upstream, folder) = (Upstream::start()?, Folder::new("report")?);
    let binary = crate::bench::binary()?;
    let scenario = Scenario::PassThrough;
    let directory = Directory::make(&binary, &folder, scenario, Size::SMALL, upstream.address)?;
    let pair = Pair::make(&folder, HOST)?;
    directory.with_tls(&pair)?;
    let rig = Rig { folder, upstream, directory, pair };
    let mut rounds: Vec<[[f64; 2]; PEERS]> = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = [[0.0; 2]; PEERS];
        for (number, figures) in round.iter_mut().enumerate() {
            *figures = rig.cpu(&mut rig.start(number, Under::Nothing)?)?;
        }
        rounds.push(round);
    }
    let of = |what: usize, subject: usize| {
        let of = |round: &[[f64; 2]; PEERS]| round.get(subject)?.get(what).copied();
        median(rounds.iter().filter_map(of).collect())
    };
    let ratio = |what: usize, peer: usize| {
        let at = |round: &[[f64; 2]; PEERS], subject: usize| round.get(subject)?.get(what).copied();
        median(rounds.iter().filter_map(|round| Some(at(round, 0)? / at(round, peer)?)).collect())
    };
    let row = |what: usize, name: &str, targets: &str| {
        vec![
            name.to_owned(),
            format!("{:.1} / {:.1} / {:.1} / {:.1}", of(what, 0), of(what, 1), of(what, 2), of(what, 3)),
            format!("**{:.2} x**", ratio(what, 1)),
            targets.to_owned(),
            format!("{:.2} x", ratio(what, 2)),
            format!("{:.2} x", ratio(what, 3)),
        ]
    };
    let rows = [row(0, "a request", "1.0 / 0.85"), row(1, "a full handshake, X25519", "0.7 / 0.6")];
    let head =
        ["CPU", "us: ours / nginx / HAProxy / Envoy", "to nginx", "must / aim", "to HAProxy", "to Envoy"];
    let (ours, nginx) = (rig.instructions(0)?, rig.instructions(1)?);
    let counted = vec![
        "pass-through over TLS 1.3".to_owned(),
        format!("**{ours:.0}**"),
        format!("{nginx:.0}"),
        format!("{:.2}", ours / nginx),
        "28000 / 20000".to_owned(),
    ];
    Ok(format!(
        "{}\n{}\nMedians of {ROUNDS} rounds: {REQUESTS} requests over {CONNECTIONS} connections (h2load), {SECONDS} s of handshakes one after the other \
         (openssl). TLS_AES_128_GCM_SHA256, a certificate of P-256, nothing resumed. The instructions of encryption are in; valgrind's \
         processor lacks VAES.\n",
        table(&head, &rows),
        table(&["per request", "instructions", "nginx", "ratio", "must / aim"], &[counted])
    ))
}

impl Rig {
    /// Ours, nginx, HAProxy or Envoy, by number.
    fn start(&self, number: usize, under: Under) -> anyhow::Result<Subject> {
        let (folder, upstream, pair) = (&self.folder, self.upstream.address, Some(&self.pair));
        match number {
            0 => Subject::gateway(&crate::bench::binary()?, &self.directory, folder.path(), under),
            1 => Subject::nginx_over(folder, upstream, Check::Nothing, pair, under),
            2 => Subject::haproxy(folder, upstream, None, pair),
            _ => Subject::envoy_as(folder, &crate::bench::envoy::Work::Forward, upstream, pair),
        }
    }

    fn requests(&self, subject: &Subject) -> anyhow::Result<Requests> {
        let requests = Scenario::PassThrough.requests(&self.directory);
        Requests::of(&self.folder, &requests, HOST, subject.address)
    }

    /// Microseconds of CPU per request and per handshake.
    fn cpu(&self, subject: &mut Subject) -> anyhow::Result<[f64; 2]> {
        let requests = self.requests(subject)?;
        requests.send(REQUESTS / 10, CONNECTIONS)?;
        let spent = |work: &dyn Fn() -> anyhow::Result<u64>| {
            let before = nanoseconds(subject.process.pid())?;
            let count = work()?;
            let after = nanoseconds(subject.process.pid())?;
            anyhow::Ok(to_f64(after.saturating_sub(before)) / 1_000.0 / to_f64(count))
        };
        let request = spent(&|| requests.send(REQUESTS, CONNECTIONS).map(|()| REQUESTS))?;
        let handshake = spent(&|| handshakes(subject.address, SECONDS))?;
        subject.process.check()?;
        Ok([request, handshake])
    }

    /// Instructions per request: the slope of two runs.
    fn instructions(&self, number: usize) -> anyhow::Result<f64> {
        let mut subject = self.start(number, Under::Callgrind)?;
        let requests = self.requests(&subject)?;
        let mut callgrind = subject.callgrind();
        let mut run = |count| {
            requests.send(count, INSTRUCTION_CONNECTIONS)?;
            anyhow::Ok(callgrind.take()?.instructions)
        };
        let (few, many) = INSTRUCTION_RUNS;
        run(WARM_UP)?;
        let counted = slope((few, run(few)?), (many, run(many)?));
        subject.process.check()?;
        counted
    }
}
