//! The discovery benchmark: a rig that lies elsewhere makes traffic with known operations, `sallyport discover` reads it, the rig scores.
//!
//! The rig is no part of this repository, since it is how others measure too. CI guards with interfaces of the inventory's own tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use anyhow::Context as _;
use serde::Deserialize;

use super::process::Folder;
use crate::{clock, shell, system};

/// What the issue asks for: at least or at most this, and the aim.
struct Target {
    what: &'static str,
    must: f64,
    aim: f64,
    /// Whether less is better.
    least: bool,
    of: fn(&Scores) -> f64,
}

const TARGETS: [Target; 9] = [
    Target { what: "macro F1", must: 0.75, aim: 0.88, least: false, of: |scores| scores.found.f1 },
    Target {
        what: "traffic routed rightly",
        must: 0.88,
        aim: 0.95,
        least: false,
        of: |scores| scores.found.traffic,
    },
    Target { what: "precision", must: 0.75, aim: 0.90, least: false, of: |scores| scores.found.precision },
    Target {
        what: "noise as share of truth",
        must: 0.05,
        aim: 0.01,
        least: true,
        of: |scores| scores.found.noise / scores.found.truth.max(1.0),
    },
    Target {
        what: "macro F1 at 1,000 requests",
        must: 0.68,
        aim: 0.80,
        least: false,
        of: |scores| scores.few.f1,
    },
    // Asked for at a hundred times as many; with fewer it shows where the curve goes.
    Target {
        what: "macro F1 minus that at 1,000",
        must: 0.0,
        aim: 0.05,
        least: false,
        of: |scores| scores.found.f1 - scores.few.f1,
    },
    Target { what: "shadow F1", must: 0.85, aim: 0.95, least: false, of: |scores| scores.states.shadow.f1() },
    Target { what: "zombie F1", must: 0.85, aim: 0.95, least: false, of: |scores| scores.states.zombie.f1() },
    Target { what: "orphan F1", must: 0.85, aim: 0.95, least: false, of: |scores| scores.states.orphan.f1() },
];

/// How it is run.
#[derive(Debug)]
pub(crate) struct Order {
    /// The rig's folder, with `generate.py` and `score.py`.
    pub(crate) rig: Rig,
    /// Requests per API.
    pub(crate) requests: u32,
    pub(crate) seed: u32,
}

/// The folder of the rig.
#[derive(Debug, Clone)]
pub(crate) struct Rig(PathBuf);

impl FromStr for Rig {
    type Err = std::io::Error;

    fn from_str(text: &str) -> Result<Self, std::io::Error> {
        let folder = std::path::absolute(text)?;
        for name in ["generate.py", "score.py"] {
            std::fs::metadata(folder.join(name))?;
        }
        Ok(Self(folder))
    }
}

/// What the rig's scorer prints.
#[derive(Deserialize)]
struct Printed {
    summary: Found,
    classes: Classes,
}

#[derive(Deserialize)]
struct Found {
    f1: f64,
    traffic: f64,
    precision: f64,
    noise: f64,
    truth: f64,
}

#[derive(Deserialize)]
struct Classes {
    shadow: Class,
    zombie: Class,
    orphan: Class,
}

#[derive(Deserialize)]
struct Class {
    precision: f64,
    recall: f64,
}

impl Class {
    fn f1(&self) -> f64 {
        2.0 * self.precision * self.recall / (self.precision + self.recall).max(f64::MIN_POSITIVE)
    }
}

/// Operations from the requests alone, states with documents beside them.
struct Scores {
    found: Found,
    /// With a thousand requests.
    few: Found,
    states: Classes,
}

/// What growth is measured from.
const FEW: u32 = 1_000;

/// Makes the traffic, reads it with and without documents, and prints the figures beside what they must be.
pub(crate) fn run(order: &Order) -> anyhow::Result<()> {
    let program = super::binary()?;
    let (python, folder) = (system::path_of("python3")?, Folder::new("discovery")?);
    let (few, many) = (folder.path().join("few"), folder.path().join("traffic"));
    for (traffic, requests) in [(&few, FEW), (&many, order.requests)] {
        let mut generate = Command::new(&python);
        generate.arg(order.rig.0.join("generate.py")).arg("--out").arg(traffic);
        generate.args(["--requests", &requests.to_string(), "--seed", &order.seed.to_string()]);
        shell::step("traffic", || shell::run(generate.stdout(Stdio::null())))?;
    }
    let judge = |traffic: &Path, inventory: &Path| score(&order.rig, &python, traffic, inventory);
    let of_few = discover(&program, &folder, &hosts(&few)?, false)?;
    let few = judge(&few, &of_few)?.summary;
    let hosts = hosts(&many)?;
    let start = clock::now();
    let alone = discover(&program, &folder, &hosts, false)?;
    eprintln!("    read in {:.1} s, wall time", start.elapsed().as_secs_f64());
    let compared = discover(&program, &folder, &hosts, true)?;
    let scores =
        Scores { found: judge(&many, &alone)?.summary, few, states: judge(&many, &compared)?.classes };
    println!("{} requests an API, seed {}, {} hosts\n", order.requests, order.seed, hosts.len());
    println!("| figure | now | must | aim |\n|---|---|---|---|");
    let mut short = Vec::new();
    for target in TARGETS {
        let now = (target.of)(&scores);
        println!("| {} | {now:.3} | {} | {} |", target.what, target.must, target.aim);
        let reached = if target.least { now <= target.must } else { target.must <= now };
        if !reached {
            short.push(target.what);
        }
    }
    // The figures are asked for at ten thousand requests; with fewer they are to be looked at.
    anyhow::ensure!(
        short.is_empty() || order.requests < 10_000,
        "short of what it must be: {}",
        short.join(", ")
    );
    Ok(())
}

/// The folders of the hosts, sorted.
fn hosts(traffic: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(traffic).context("the rig made no traffic")?;
    let mut hosts: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("requests.jsonl").is_file())
        .collect();
    hosts.sort();
    anyhow::ensure!(!hosts.is_empty(), "the rig made no traffic");
    Ok(hosts)
}

/// Runs the product and keeps what it prints.
fn discover(
    program: &Path,
    folder: &Folder,
    hosts: &[PathBuf],
    with_documents: bool,
) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(program);
    command.args(["discover", "--output", "jsonl"]);
    command.args(hosts.iter().map(|host| host.join("requests.jsonl")));
    if with_documents {
        for host in hosts.iter().filter(|host| host.join("openapi.json").is_file()) {
            let name = host.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            command.args(["--openapi", &format!("{name}={}", host.join("openapi.json").display())]);
        }
    }
    let path = folder.path().join(if with_documents { "states.jsonl" } else { "found.jsonl" });
    let file = std::fs::File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
    shell::run(command.stdout(file).stderr(Stdio::null()))?;
    Ok(path)
}

/// What the rig says of an inventory.
fn score(rig: &Rig, python: &Path, traffic: &Path, inventory: &Path) -> anyhow::Result<Printed> {
    let mut command = Command::new(python);
    command.arg(rig.0.join("score.py")).arg("--json").arg("--truth").arg(traffic);
    let printed = shell::output(command.arg("--inventory").arg(inventory))?;
    serde_json::from_str(&printed).context("the rig's scorer printed something else than its figures")
}
