//! Resident memory and open files of a process, from `/proc`.

use std::process::Command;

use anyhow::Context as _;

use super::load::{Connection, Request};
use super::subject::Subject;
use crate::shell;

/// How many files the rig, and each thing it starts, must be allowed to hold open.
const FILES_MIN: u64 = 12_000;

/// Resident megabytes.
pub(crate) fn resident(pid: u32) -> anyhow::Result<f64> {
    megabytes(pid, "VmRSS:")
}

/// Resident megabytes at their highest since the process began.
pub(crate) fn peak(pid: u32) -> anyhow::Result<f64> {
    megabytes(pid, "VmHWM:")
}

fn megabytes(pid: u32, name: &str) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no resident size")?;
    let kilobytes: u32 =
        line.trim().trim_end_matches(" kB").parse().context("the resident size is no number")?;
    Ok(f64::from(kilobytes) / 1024.0)
}

/// Files that the process holds open, sockets included.
pub(crate) fn files(pid: u32) -> anyhow::Result<usize> {
    let path = format!("/proc/{pid}/fd");
    Ok(std::fs::read_dir(&path).with_context(|| format!("cannot read `{path}`"))?.count())
}

/// Lets this process and all it starts hold as many files open as the system permits, and fails if those are
/// too few.
pub(super) fn allow_many_files() -> anyhow::Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits").context("cannot read /proc/self/limits")?;
    let hard = hard_limit(&limits).context("no limit of open files in /proc/self/limits")?;
    anyhow::ensure!(
        FILES_MIN <= hard,
        "the system permits {hard} open files; idle connections need {FILES_MIN}"
    );
    let pid = std::process::id().to_string();
    shell::run(Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={hard}:{hard}")]))
        .context("cannot raise the limit of open files")
}

/// The second number of `Max open files  1024  524288  files`.
fn hard_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().nth(1)? {
        "unlimited" => Some(u64::from(u32::MAX)),
        number => number.parse().ok(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_hard_limit_and_not_the_soft_one() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 20000                files\n";
        assert_eq!(hard_limit(limits), Some(20_000));
        assert_eq!(hard_limit("Max open files 1024 unlimited files"), Some(4_294_967_295));
        assert_eq!(hard_limit("Max processes 1 2 processes"), None);
    }
}
