//! `cargo xtask soak`: the release gateway under load for a long time.
//!
//! The load is a share of what the gateway does at full speed, which is measured first: under full load nothing else of a
//! system has room, and that is not how anybody runs it.
//!
//! What must hold: every answer is the expected one, resident memory and open files are flat after the first
//! tenth of the time, and the log verifies afterwards and has an entry for each request at least (decided and
//! completed are one where they came together).

mod flips;
mod peers;
mod stream;

pub(crate) use stream::{Way, pass};

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use crate::args::Args;
use crate::bench::{
    Directory, Folder, Load, Scenario, Size, Subject, Under, Upstream, binary, files, resident,
};
use crate::{clock, shell, system};

const MINUTES: u64 = 30;
const CONNECTIONS: usize = 16;
/// The load in percent of full speed.
const PERCENT: u32 = 50;
/// How long full speed is measured.
const FULL_SPEED: Duration = Duration::from_secs(10);

/// How much resident memory may grow between the first tenth and the end: pages of the log's buffers and of
/// the allocator come and go.
const GROWTH_MEGABYTES_MAX: f64 = 8.0;
const FILES_MAX: usize = 8;

/// How often the process is looked at.
const SAMPLES: u32 = 60;

/// The part of `audit verify --json` that counts.
#[derive(Debug, Deserialize)]
struct Verified {
    ok: bool,
    entries: u64,
}

/// What the process held at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    megabytes: f64,
    files: usize,
}

/// The command.
pub(crate) fn run(mut args: Args) -> anyhow::Result<()> {
    if args.flag("--flips") {
        return flips::run(args);
    }
    if args.flag("--peers") {
        return peers::run(args);
    }
    if args.flag("--stream") {
        return stream::run(args);
    }
    let minutes = args.value::<u64>("--minutes")?.unwrap_or(MINUTES);
    let percent = args.value::<u32>("--percent")?.unwrap_or(PERCENT);
    let size = if args.flag("--small") { Size::SMALL } else { Size::FULL };
    args.finish()?;
    anyhow::ensure!(0 < minutes, "`--minutes` wants at least 1");
    anyhow::ensure!((1..=100).contains(&percent), "`--percent` wants 1 to 100");
    system::ensure_programs()?;
    shell::run(&mut shell::cargo(&["build", "--release", "--locked", "--package", "sallyport"])?)?;
    let (binary, upstream, folder) = (binary()?, Upstream::start()?, Folder::new("soak")?);
    let directory = Directory::make(&binary, &folder, Scenario::WholePath, size, upstream.address)?;
    let requests = Scenario::WholePath.requests(&directory);
    let mut subject = Subject::gateway(&binary, &directory, folder.path(), Under::Nothing)?;
    let load = Load { address: subject.address, requests, connections: CONNECTIONS };
    let start = clock::now();
    let before = load.while_true(&|_| start.elapsed() < FULL_SPEED)?;
    let rate = f64::from(u32::try_from(before)?) / start.elapsed().as_secs_f64() * f64::from(percent) / 100.0;
    eprintln!("    {before} requests in {} s; going on with {rate:.0} a second", FULL_SPEED.as_secs());
    let pace = Pace { rate, time: Duration::from_secs(minutes * 60) };
    let (paced, samples) = soak(&mut subject, &load, pace)?;
    let sent = before + paced;
    flat(&samples)?;
    subject.process.stop().context("the gateway does not end")?;
    let verified = directory.run(&binary, &["audit", "verify"])?;
    let verified: Verified = serde_json::from_str(verified.trim())
        .with_context(|| format!("`audit verify` printed {verified}"))?;
    anyhow::ensure!(verified.ok, "the log does not verify");
    anyhow::ensure!(sent <= verified.entries, "{sent} requests left only {} entries", verified.entries);
    println!(
        "soak: {sent} requests in {minutes} minutes, every answer as expected; {} entries verified",
        verified.entries
    );
    Ok(())
}

/// How many requests a second, and for how long.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rate: f64,
    time: Duration,
}

impl Pace {
    /// Waits until the request of this number is due. False when the time is over.
    fn wait_for(&self, number: u64, since_start: Duration) -> bool {
        let due = Duration::from_secs_f64(f64::from(u32::try_from(number).unwrap_or(u32::MAX)) / self.rate);
        if self.time <= due {
            return false;
        }
        clock::pause(due.saturating_sub(since_start));
        true
    }
}

/// Loads the gateway and samples it.
fn soak(subject: &mut Subject, load: &Load, pace: Pace) -> anyhow::Result<(u64, Vec<Sample>)> {
    let (start, time) = (clock::now(), pace.time);
    let pid = subject.process.pid();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            load.while_true(&|number| {
                let since_start = start.elapsed();
                since_start < time && pace.wait_for(number, since_start)
            })
        });
        let mut samples = Vec::new();
        while !worker.is_finished() {
            clock::pause(time / SAMPLES);
            subject.process.check()?;
            let sample = Sample { megabytes: resident(pid)?, files: files(pid)? };
            eprintln!(
                "    {:5.0} s: {:6.1} MB, {} files",
                start.elapsed().as_secs_f64(),
                sample.megabytes,
                sample.files
            );
            samples.push(sample);
        }
        let sent = worker.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
        Ok((sent, samples))
    })
}

/// Fails when what was held grew after the first tenth of the time.
fn flat(samples: &[Sample]) -> anyhow::Result<()> {
    let settled = samples.get(samples.len() / 10).context("nothing was sampled")?;
    let most = |value: fn(&Sample) -> f64| samples.iter().map(value).fold(f64::MIN, f64::max);
    let grown = most(|sample| sample.megabytes) - settled.megabytes;
    anyhow::ensure!(
        grown <= GROWTH_MEGABYTES_MAX,
        "resident memory grew by {grown:.1} MB from {:.1} MB; {GROWTH_MEGABYTES_MAX} MB are the limit",
        settled.megabytes
    );
    let files = samples.iter().map(|sample| sample.files).max().unwrap_or(0);
    anyhow::ensure!(files <= settled.files + FILES_MAX, "open files grew from {} to {files}", settled.files);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(megabytes: impl Fn(f64) -> f64, files: impl Fn(usize) -> usize) -> Vec<Sample> {
        (0_u32..100)
            .map(|at| Sample {
                megabytes: megabytes(f64::from(at)),
                files: files(usize::try_from(at).unwrap()),
            })
            .collect()
    }

    #[test]
    fn a_pace_ends_with_its_time_and_waits_for_nothing_that_is_late() {
        let pace = Pace { rate: 100.0, time: Duration::from_secs(2) };
        assert!(pace.wait_for(0, Duration::ZERO));
        assert!(pace.wait_for(199, Duration::from_secs(2)));
        assert!(!pace.wait_for(200, Duration::ZERO));
        assert!(!pace.wait_for(u64::MAX, Duration::ZERO));
    }

    #[test]
    fn accepts_what_is_flat_after_it_has_warmed_up() {
        flat(&samples(|at| if at < 5.0 { 20.0 } else { 60.0 }, |_| 100)).unwrap();
        flat(&samples(|at| 60.0 + at % 7.0, |at| 100 + at % 8)).unwrap();
    }

    #[test]
    fn refuses_memory_and_files_that_grow() {
        assert!(flat(&samples(|at| 60.0 + at / 5.0, |_| 100)).is_err());
        assert!(flat(&samples(|_| 60.0, |at| 100 + at)).is_err());
        assert!(flat(&[]).is_err());
    }
}
