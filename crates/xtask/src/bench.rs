//! `cargo xtask bench`: what a request costs, beside nginx, in figures that a busy machine does not move.
//!
//! The gate counts user-space instructions (callgrind) and system calls (strace) per request over loopback,
//! each as the slope between two runs of different length, so that neither start nor connection set-up is in
//! it. Wall time is never judged. CPU time is compared in the report, as a ratio within one run.
//!
//! The rig stands alone: nginx as the fixed upstream, nginx as the peer, a load generator of its own that
//! checks every answer. Everything it writes lies in one temporary folder.

mod callgrind;
mod directory;
mod discovery;
mod envoy;
mod gate;
mod haproxy;
mod load;
mod memory;
mod nginx;
mod process;
mod recorded;
mod report;
mod scenario;
mod secured;
mod strace;
mod subject;
mod tokens;
mod wrk;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::args::Args;
use crate::{shell, system};

pub(crate) use directory::{Directory, Size};
pub(crate) use load::{Answered, Connection, Load, Request};
pub(crate) use memory::{files, peak, resident};
pub(crate) use nginx::Upstream;
pub(crate) use process::Folder;
pub(crate) use scenario::Scenario;
pub(crate) use subject::{Subject, Under};

/// The command.
pub(crate) fn run(mut args: Args) -> anyhow::Result<()> {
    match args.word().as_deref() {
        Some("gate") => {
            let record = args.flag("--record");
            let size = match (args.flag("--small"), args.flag("--full")) {
                (false, false) => Size::GATE,
                (true, false) => Size::SMALL,
                (false, true) => Size::FULL,
                (true, true) => anyhow::bail!("either --small or --full"),
            };
            let only = args.value::<Scenario>("--scenario")?;
            args.finish()?;
            anyhow::ensure!(
                !record || size == Size::GATE,
                "only figures of the gate's own size are recorded"
            );
            let figures = gate::measure(&only.map_or_else(|| Scenario::ALL.to_vec(), |one| vec![one]), size)?;
            match (record, size == Size::GATE) {
                (true, _) => gate::record(&figures),
                (false, true) => gate::judge(&figures),
                (false, false) => {
                    gate::show(&figures);
                    Ok(())
                }
            }
        }
        Some("report") => {
            let only = args.value::<report::Part>("--only")?;
            args.finish()?;
            report::run(only)
        }
        Some("peers") => {
            args.finish()?;
            gate::peers()
        }
        Some("discovery") => {
            let rig = args.value("--rig")?.context("say where the rig lies: --rig DIR")?;
            let requests = args.value("--requests")?.unwrap_or(10_000);
            let seed = args.value("--seed")?.unwrap_or(1);
            args.finish()?;
            discovery::run(&discovery::Order { rig, requests, seed })
        }
        Some(other) => anyhow::bail!("unknown benchmark `{other}`: gate, report, peers or discovery"),
        None => anyhow::bail!("which benchmark: gate, report, peers or discovery?"),
    }
}

/// The gate as `cargo xtask test` runs it.
pub(crate) fn check() -> anyhow::Result<()> {
    system::ensure_programs()?;
    gate::measure_and_judge(Scenario::ALL, Size::GATE)
}

/// The gateway as users run it.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let path = shell::target()?.join("release/sallyport");
    anyhow::ensure!(
        path.is_file(),
        "the gateway is not built: `{}` is missing; `cargo build --release --locked --package sallyport` makes it",
        path.display()
    );
    Ok(path)
}
