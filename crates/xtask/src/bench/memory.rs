//! Resident memory and open files of a process, from `/proc`.

use std::process::Command;

use anyhow::Context as _;

use super::load::{Connection, Request};
use super::subject::Subject;
use crate::shell;

/// How many files the rig and what it starts may hold open.
const FILES_MAX: u32 = 40_000;

/// Resident megabytes.
pub(crate) fn resident(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident size")?;
    let kilobytes: u32 =
        line.trim().trim_end_matches(" kB").parse().context("the resident size is no number")?;
    Ok(f64::from(kilobytes) / 1024.0)
}

/// Files that the process holds open, sockets included.
pub(crate) fn files(pid: u32) -> anyhow::Result<usize> {
    let path = format!("/proc/{pid}/fd");
    Ok(std::fs::read_dir(&path).with_context(|| format!("cannot read `{path}`"))?.count())
}

/// Lets this process and all it starts hold many files open.
pub(super) fn allow_many_files() -> anyhow::Result<()> {
    let pid = std::process::id().to_string();
    let limit = format!("--nofile={FILES_MAX}:{FILES_MAX}");
    shell::run(Command::new("prlimit").args(["--pid", &pid, &limit]))
        .context("cannot raise the limit of open files")
}

/// Resident megabytes while `count` keep-alive connections idle, each of which had one answer.
pub(super) fn idle(subject: &mut Subject, requests: &[Request], count: usize) -> anyhow::Result<f64> {
    let mut open = Vec::with_capacity(count);
    for request in requests.iter().cycle().take(count) {
        let mut connection = Connection::open(subject.address)?;
        connection.exchange(request)?;
        open.push(connection);
    }
    // Every connection still lives: the first one gets another answer.
    if let (Some(first), Some(request)) = (open.first_mut(), requests.first()) {
        first.exchange(request).context("a connection did not stay open")?;
    }
    subject.process.check()?;
    resident(subject.process.pid())
}
