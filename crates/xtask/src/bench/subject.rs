//! What is measured: the gateway or nginx, started plainly or under callgrind, always on one core.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::callgrind::{Callgrind, Threads};
use super::directory::Directory;
use super::envoy::{self, Work};
use super::haproxy;
use super::nginx::{self, Check};
use super::process::{Folder, Process, Stdout, free_address};
use super::secured::Pair;
use super::tokens::Tokens;
use crate::system;

/// How long a start may take: under callgrind, a thousand policies are validated fifty times slower.
const START_LIMIT: Duration = Duration::from_secs(900);

/// Whether instructions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Under {
    Callgrind,
    /// Callgrind, each thread's instructions for themselves.
    CallgrindByThread,
    Nothing,
}

/// A running gateway or peer.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    folder: PathBuf,
}

/// What `up` prints when it serves.
#[derive(Debug, Deserialize)]
struct Serving {
    gateway: String,
}

impl Subject {
    /// Starts the gateway on a repository.
    pub(crate) fn gateway(
        binary: &Path,
        directory: &Directory,
        folder: &Path,
        under: Under,
    ) -> anyhow::Result<Self> {
        let mut command = on_one_core(binary, folder, under)?;
        directory.prepare(&mut command);
        command.args(directory.up());
        let mut process = Process::start(&mut command, &folder.join("gateway.log"), Stdout::Piped)?;
        let stdout = process.child().stdout.take().context("standard output was asked for")?;
        let (sender, receiver) = sync_channel(1);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Only the first line is waited for; the others are read so that the gateway never waits for us.
                drop(sender.try_send(line));
            }
        });
        let what = "the gateway does not say that it serves";
        let line = crate::clock::wait_for(what, START_LIMIT, || {
            process.check()?;
            Ok(receiver.try_recv().ok())
        })?;
        let serving: Serving =
            serde_json::from_str(&line).with_context(|| format!("`up` printed `{line}`"))?;
        let address = serving.gateway.trim_start_matches("http://").trim_start_matches("https://");
        let address = address.trim_end_matches('/');
        let address = address.parse().with_context(|| format!("`up` serves on `{address}`"))?;
        Ok(Self { address, process, folder: folder.into() })
    }

    /// Starts nginx as the peer.
    pub(crate) fn nginx(
        folder: &Folder,
        upstream: SocketAddr,
        keys: Option<&[String]>,
        under: Under,
    ) -> anyhow::Result<Self> {
        Self::nginx_over(folder, upstream, keys.map_or(Check::Nothing, Check::Keys), None, under)
    }

    /// The same behind TLS, where there is a certificate.
    pub(super) fn nginx_over(
        folder: &Folder,
        upstream: SocketAddr,
        check: Check<'_>,
        tls: Option<&Pair>,
        under: Under,
    ) -> anyhow::Result<Self> {
        let start = Start { program: system::path_of("nginx")?, log: "peer.log", under };
        Self::peer(folder, start, |address| nginx::peer(folder, upstream, address, check, tls))
    }

    /// Starts HAProxy as another peer.
    pub(super) fn haproxy(
        folder: &Folder,
        upstream: SocketAddr,
        tokens: Option<&Tokens>,
        tls: Option<&Pair>,
    ) -> anyhow::Result<Self> {
        let start = Start { program: system::ensure_haproxy()?, log: "haproxy.log", under: Under::Nothing };
        Self::peer(folder, start, |address| haproxy::peer(folder, upstream, address, tokens, tls))
    }

    /// Starts Envoy as the other peer.
    pub(crate) fn envoy(
        folder: &Folder,
        upstream: SocketAddr,
        keys: Option<&[String]>,
    ) -> anyhow::Result<Self> {
        Self::envoy_as(folder, &keys.map_or(Work::Forward, Work::Keys), upstream, None)
    }

    /// The same with other work, and behind TLS where there is a certificate.
    pub(super) fn envoy_as(
        folder: &Folder,
        work: &Work<'_>,
        upstream: SocketAddr,
        tls: Option<&Pair>,
    ) -> anyhow::Result<Self> {
        let start = Start { program: system::ensure_envoy()?, log: "envoy.log", under: Under::Nothing };
        Self::peer(folder, start, |address| envoy::peer(folder, upstream, address, work, tls))
    }

    fn peer(
        folder: &Folder,
        start: Start,
        args: impl FnOnce(SocketAddr) -> anyhow::Result<Vec<String>>,
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = on_one_core(&start.program, folder.path(), start.under)?;
        command.args(args(address)?);
        let mut process = Process::start(&mut command, &folder.path().join(start.log), Stdout::Log)?;
        process.wait_for(address, START_LIMIT)?;
        Ok(Self { address, process, folder: folder.path().into() })
    }

    pub(super) fn callgrind(&self) -> Callgrind {
        Callgrind::new(&self.folder, self.process.pid())
    }
}

/// How a peer is started.
struct Start {
    program: PathBuf,
    log: &'static str,
    under: Under,
}

/// A command that runs `program` on the last core this process may use: one worker, and the rest of the rig elsewhere.
fn on_one_core(program: &Path, folder: &Path, under: Under) -> anyhow::Result<Command> {
    let mut command = Command::new(system::path_of("taskset")?);
    command.args(["-c", &last_core()?]);
    match under {
        Under::Nothing => {
            command.arg(program);
        }
        Under::Callgrind | Under::CallgrindByThread => {
            let threads = if under == Under::Callgrind { Threads::Together } else { Threads::Apart };
            let callgrind = Callgrind::command(program, folder, threads)?;
            command.arg(callgrind.get_program()).args(callgrind.get_args());
            for (name, value) in callgrind.get_envs() {
                command.env(name, value.unwrap_or_default());
            }
        }
    }
    Ok(command)
}

/// The last of the cores that the system lets this process use, such as `7` of `0-3,7`.
fn last_core() -> anyhow::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .context("no list of cores")?;
    let last = list.trim().rsplit([',', '-']).next().unwrap_or_default();
    anyhow::ensure!(last.parse::<u32>().is_ok(), "cannot read the list of cores `{list}`");
    Ok(last.into())
}
