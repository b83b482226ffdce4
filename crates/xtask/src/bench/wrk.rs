//! CPU time of a running process per request, while wrk loads it.
//!
//! wrk, not our own load: it takes less of the other core. The figure is noisy (+-20 %) and only compared as a
//! ratio within one run.

use std::process::Command;

use anyhow::Context as _;

use super::callgrind::to_f64;
use super::load::Request;
use super::process::Folder;
use super::subject::Subject;
use crate::{shell, system};

/// Reads the prepared requests, one per NUL, sends them in turn and prints what a line can say.
const SCRIPT: &str = r#"
local requests, next = {}, 0
function init(args)
  local file = io.open(args[1], "rb")
  for text in file:read("*a"):gmatch("([^%z]+)") do requests[#requests + 1] = text end
end
function request()
  next = next % #requests + 1
  return requests[next]
end
function done(summary)
  local e = summary.errors
  io.write(string.format("WRK %d %d\n", summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// Microseconds of CPU per request, user and kernel, of all threads.
pub(super) fn cpu(
    subject: &mut Subject,
    folder: &Folder,
    requests: &[Request],
    seconds: u32,
) -> anyhow::Result<f64> {
    let script = folder.write("wrk.lua", SCRIPT)?;
    let text: Vec<String> =
        requests.iter().map(|request| String::from_utf8_lossy(&request.bytes).into_owned()).collect();
    let prepared = folder.write("requests", &text.join("\0"))?;
    let url = format!("http://{}/", subject.address);
    let run = |seconds: u32| -> anyhow::Result<u64> {
        let mut wrk = Command::new(system::path_of("wrk")?);
        wrk.args(["-t1", "-c32", &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
            .arg(&script)
            .arg(&url)
            .arg("--")
            .arg(&prepared);
        parse(&shell::output(&mut wrk)?)
    };
    run(1)?;
    let before = nanoseconds(subject.process.pid())?;
    let count = run(seconds)?;
    let after = nanoseconds(subject.process.pid())?;
    Ok(to_f64(after.saturating_sub(before)) / 1_000.0 / to_f64(count))
}

/// Reads `WRK requests errors`; any error ends the run.
fn parse(output: &str) -> anyhow::Result<u64> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("WRK "))
        .with_context(|| format!("wrk printed\n{output}"))?;
    let (requests, errors) = line.split_once(' ').context("wrk's line has one number")?;
    anyhow::ensure!(errors == "0", "wrk had {errors} wrong answers of {requests}");
    let requests: u64 = requests.parse().context("wrk's count is no number")?;
    anyhow::ensure!(0 < requests, "wrk had no answer");
    Ok(requests)
}

/// CPU time of all threads of a process, from the scheduler's own counters.
pub(super) fn nanoseconds(pid: u32) -> anyhow::Result<u64> {
    let folder = format!("/proc/{pid}/task");
    let mut sum = 0_u64;
    for task in std::fs::read_dir(&folder).with_context(|| format!("cannot read `{folder}`"))? {
        let path = task.context("cannot read a folder")?.path().join("schedstat");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let spent = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        sum = sum.saturating_add(spent.unwrap_or(0));
    }
    anyhow::ensure!(0 < sum, "the kernel does not say how long process {pid} ran");
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_script_prints() {
        assert_eq!(parse("Running 1s test\nWRK 1200 0\n").unwrap(), 1_200);
    }

    #[test]
    fn refuses_a_run_with_errors_or_without_answers() {
        assert!(parse("WRK 1200 1\n").is_err());
        assert!(parse("WRK 0 0\n").is_err());
        assert!(parse("Running\n").is_err());
    }
}
