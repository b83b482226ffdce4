//! `cargo xtask test`: everything CI runs, cheap steps first, stopping at the first that fails.
//!
//! The last line on standard output is `N passed, M failed`, summed over every test binary.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::args::Args;
use crate::{bench, clock, mutants, shell, system, tidy};

/// How many tests ran, summed over test binaries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Runs all steps.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    args.finish()?;
    let start = clock::now();
    let mut tally = Tally::default();
    let result = steps(&mut tally);
    if let Err(error) = &result {
        eprintln!("\n!!! cargo xtask test FAILED: {error:#}\n");
        // A step that is not a test binary failed: it counts as one failure, so that the line below never lies.
        tally.failed = tally.failed.max(1);
    }
    eprintln!("total: {:.0} s", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    result
}

fn steps(tally: &mut Tally) -> anyhow::Result<()> {
    let cargo = |args: &[&str]| shell::run(&mut shell::cargo(args)?);
    shell::step("system programs", system::ensure_programs)?;
    let partners = shell::step("partners (Python)", system::ensure_partners)?;
    shell::step("fmt", || cargo(&["fmt", "--all", "--check"]))?;
    shell::step("tidy", tidy::check)?;
    shell::step("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--profile",
            "ci",
            "--",
            "-D",
            "warnings",
        ])
    })?;
    shell::step("test", || {
        let args = ["test", "--workspace", "--locked", "--profile", "ci", "--no-fail-fast"];
        let mut command = shell::cargo(&args)?;
        tests(command.env("SALLYPORT_PARTNERS", partners), tally)
    })?;
    shell::step("mutants", || mutants::check(None))?;
    shell::step("release build", || cargo(&["build", "--release", "--locked", "--package", "sallyport"]))?;
    shell::step("bench gate", bench::check)
}

/// Runs `cargo test`, passes its output on and adds up its results.
fn tests(command: &mut Command, tally: &mut Tally) -> anyhow::Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
    let stdout = child.stdout.take().context("standard output was asked for")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("cannot read the output of the tests")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(result) = parse(&line) {
            tally.passed += result.passed;
            tally.failed += result.failed;
        }
    }
    let status = child.wait().context("cannot wait for the tests")?;
    anyhow::ensure!(status.success(), "cargo test ended with {status}; {} failed", tally.failed);
    anyhow::ensure!(0 < tally.passed, "cargo test succeeded, but no test ran");
    Ok(())
}

/// Reads `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
fn parse(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |name: &str| counts.split("; ").find_map(|part| part.strip_suffix(name)?.trim().parse().ok());
    Some(Tally { passed: count("passed")?, failed: count("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_result_of_a_test_binary() {
        let ok =
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(parse(ok), Some(Tally { passed: 12, failed: 0 }));
        let bad = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(parse(bad), Some(Tally { passed: 3, failed: 2 }));
    }

    #[test]
    fn takes_no_other_line_for_a_result() {
        for line in ["test a ... ok", "running 12 tests", "test result: ok.", "12 passed; 0 failed", ""] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
