//! The driver behind `cargo xtask fuzz`: every target, or one, for a time or for a number of inputs.
//!
//! A failing input is written as hexadecimal under `target/fuzz-failures/` and printed, so that it can become
//! a named case; the run then goes on with the next target and fails at the end.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the command line; its output is its purpose"
)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fuzzing::{Corpus, Failure, Fuzzer, TARGETS, Target, target};

/// Inputs between two looks at the clock.
const BATCH: u64 = 1_000;

/// When a target has had enough.
#[derive(Debug, Clone, Copy)]
enum Until {
    Count(u64),
    Time(Duration),
}

#[derive(Debug)]
struct Options {
    targets: Vec<&'static Target>,
    until: Until,
    seed: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            eprintln!("fuzz: {failures} targets FAILED");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("fuzz: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns how many targets failed.
fn run() -> Result<usize, Box<dyn Error>> {
    let options = options(std::env::args().skip(1))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace")?;
    let mut failures = 0;
    for target in options.targets {
        let corpus = Corpus::read(root, target.name)?;
        let mut fuzzer = Fuzzer::new(target, &corpus, options.seed);
        let start = now();
        let failure = feed(&mut fuzzer, options.until, start);
        let seconds = start.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(fuzzer.fed()).unwrap_or(u32::MAX)) / seconds;
        println!(
            "{:16} {:>12} inputs in {seconds:.1} s, {rate:.0}/s, seed {}",
            target.name,
            fuzzer.fed(),
            options.seed
        );
        if let Some(failure) = failure {
            failures += 1;
            save(root, target, &failure)?;
        }
    }
    Ok(failures)
}

fn feed(fuzzer: &mut Fuzzer<'_>, until: Until, start: Instant) -> Option<Failure> {
    loop {
        let batch = match until {
            Until::Count(count) => BATCH.min(count.saturating_sub(fuzzer.fed())),
            Until::Time(time) if start.elapsed() < time => BATCH,
            Until::Time(_) => 0,
        };
        if batch == 0 {
            return None;
        }
        if let Some(failure) = fuzzer.feed(batch) {
            return Some(failure);
        }
    }
}

fn save(root: &Path, target: &Target, failure: &Failure) -> Result<(), Box<dyn Error>> {
    let folder = root.join("target/fuzz-failures");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.hex", target.name));
    std::fs::write(&path, failure.hex() + "\n")?;
    eprintln!(
        "{}: {}\n  {}\n  saved as target/fuzz-failures/{}.hex",
        target.name,
        failure.what,
        failure.hex(),
        target.name
    );
    Ok(())
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options { targets: TARGETS.iter().collect(), until: Until::Count(100_000), seed: 1 };
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{arg}` wants a value"))?;
        match arg.as_str() {
            "--target" => {
                let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                let found = target(&value)
                    .ok_or_else(|| format!("no target `{value}`; there are {}", names.join(", ")))?;
                options.targets = vec![found];
            }
            "--seconds" => options.until = Until::Time(Duration::from_secs(value.parse()?)),
            "--count" => options.until = Until::Count(value.parse()?),
            "--seed" => options.seed = value.parse()?,
            _ => return Err(format!("unknown option `{arg}`: --target, --seconds, --count or --seed").into()),
        }
    }
    Ok(options)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a driver that runs for a time; nothing here decides a request"
)]
fn now() -> Instant {
    Instant::now()
}
