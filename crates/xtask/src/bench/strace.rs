//! System calls of a running process, all its threads, while something happens.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::{shell, system};

/// Calls by name.
pub(super) type Calls = BTreeMap<String, u64>;

/// Counts the calls that process `pid` makes while `work` runs.
pub(super) fn count(
    pid: u32,
    folder: &Path,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Calls> {
    let out = folder.join("strace.out");
    let mut command = Command::new(system::path_of("strace")?);
    command.args(["-f", "-c", "-U", "name,calls", "-o"]).arg(&out).args(["-p", &pid.to_string()]);
    let mut strace =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot start strace")?;
    let stderr = strace.stderr.take().context("standard error was asked for")?;
    let mut stderr = BufReader::new(stderr);
    let mut line = String::new();
    stderr.read_line(&mut line).context("strace says nothing")?;
    anyhow::ensure!(line.contains("attached"), "strace cannot attach: {}", line.trim());
    // What else it says, such as threads that come later, is read so that it never waits for us.
    let rest = std::thread::spawn(move || {
        let mut text = String::new();
        drop(stderr.read_to_string(&mut text));
    });
    let result = work();
    shell::run(Command::new("kill").args(["-INT", &strace.id().to_string()]))?;
    strace.wait().context("cannot wait for strace")?;
    drop(rest.join());
    result?;
    parse(&std::fs::read_to_string(&out).with_context(|| format!("cannot read `{}`", out.display()))?)
}

/// Reads the table that strace writes: two columns, a rule above and a total below.
fn parse(table: &str) -> anyhow::Result<Calls> {
    let mut calls = Calls::new();
    for line in table.lines() {
        let mut columns = line.split_whitespace();
        let (Some(name), Some(count)) = (columns.next(), columns.next()) else { continue };
        if let (Ok(count), false) = (count.parse::<u64>(), name == "total") {
            *calls.entry(name.into()).or_default() += count;
        }
    }
    anyhow::ensure!(!calls.is_empty(), "strace counted nothing:\n{table}");
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_and_not_its_total() {
        let table = "syscall              calls\n---------------- ---------\nrecvfrom               200\nsendto                 200\n---------------- ---------\ntotal                  400\n";
        assert_eq!(parse(table).unwrap(), Calls::from([("recvfrom".into(), 200), ("sendto".into(), 200)]));
    }

    #[test]
    fn refuses_a_table_without_calls() {
        assert!(parse("syscall calls\n").is_err());
    }
}
