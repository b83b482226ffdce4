//! What a new revision costs, and what traffic notices of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::table;
use crate::bench::callgrind::to_f64;
use crate::bench::directory::{Directory, Size};
use crate::bench::load::{Connection, Load, Request};
use crate::bench::nginx::Upstream;
use crate::bench::process::Folder;
use crate::bench::scenario::Scenario;
use crate::bench::subject::{Subject, Under};
use crate::bench::wrk::nanoseconds;
use crate::clock;

const OPERATIONS: [usize; 3] = [100, 1_000, 5_000];
/// Revisions that a cost is the mean of, and that traffic lives through.
const REVISIONS: usize = 5;
/// Fewer keys than elsewhere: a revision does not touch them.
const SIZE: Size = Size { keys: 1_000, ..Size::FULL };
/// Traffic while latencies are read: far from what the gateway can do, so that they are its own and not a queue's.
const PAUSE: Duration = Duration::from_millis(2);
const QUIET: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 8;
/// Where instructions of the worker are counted; under callgrind everything takes fifty times as long.
const COUNTED_OPERATIONS: usize = 100;
const EDITED_EVERY: Duration = Duration::from_secs(20);

pub(super) fn measure() -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for operations in OPERATIONS {
        let (seconds, quiet, busy) = cost(Size { operations, ..SIZE })?;
        let targets = if operations == 5_000 { "10 / 2" } else { "" };
        rows.push(vec![
            operations.to_string(),
            format!("**{seconds:.2}**"),
            targets.to_owned(),
            format!("{quiet:.2}"),
            format!("{busy:.2}"),
        ]);
    }
    let head = [
        "operations",
        "CPU s a revision",
        "must / aim",
        "p99 of calls without, ms",
        "p99 while revisions are made, ms",
    ];
    let (without, with, made) = worker(Size { operations: COUNTED_OPERATIONS, ..SIZE })?;
    Ok(format!(
        "{}\nEach with {} policies; one policy changes a revision, on the core that also serves.\n\
         The worker's own instructions a request: {without:.0} without and {with:.0} while at least {made} revisions are made ({:+.1} %), with {COUNTED_OPERATIONS} \
         operations.\n",
        table(&head, &rows),
        SIZE.policies,
        (with / without - 1.0) * 100.0
    ))
}

/// What `publish` prints.
#[derive(Debug, Deserialize)]
struct Made {
    number: u64,
}

/// A gateway with the whole path, and where its changing policy lies.
struct Place {
    _upstream: Upstream,
    folder: Folder,
    directory: Directory,
    requests: Vec<Request>,
    binary: std::path::PathBuf,
}

impl Place {
    fn new(size: Size) -> anyhow::Result<Self> {
        let scenario = Scenario::WholePath;
        let binary = crate::bench::binary()?;
        let (upstream, folder) = (Upstream::start()?, Folder::new("publish")?);
        let directory = Directory::make(&binary, &folder, scenario, size, upstream.address)?;
        let requests = scenario.requests(&directory);
        Ok(Self { _upstream: upstream, folder, directory, requests, binary })
    }

    fn gateway(&self, under: Under) -> anyhow::Result<Subject> {
        Subject::gateway(&self.binary, &self.directory, self.folder.path(), under)
    }

    /// Makes a revision of changed files, and waits until it is in force.
    fn publish(&self, number: usize) -> anyhow::Result<()> {
        self.edit(number)?;
        self.revision().map(drop)
    }

    /// Makes a revision of the files as they are and gives its number.
    fn revision(&self) -> anyhow::Result<u64> {
        let printed = self.directory.run(&self.binary, &["publish", "--reason", "measured"])?;
        let made: Made =
            serde_json::from_str(printed.trim()).with_context(|| format!("`publish` printed {printed}"))?;
        Ok(made.number)
    }

    /// Changes a file, which the gateway notices by itself: another guard that never fires.
    fn edit(&self, number: usize) -> anyhow::Result<()> {
        let text = format!(
            "@id(\"changing\") @owner(\"bench-team\") @reason(\"measured\")\n\
             forbid (principal, action, resource) when {{ context.strength < 1 && {number} < 0 }};\n"
        );
        let path = self.directory.policy("changing");
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// CPU seconds of the gateway a revision, and the p99 of calls in milliseconds without and with revisions.
fn cost(size: Size) -> anyhow::Result<(f64, f64, f64)> {
    let place = Place::new(size)?;
    let subject = place.gateway(Under::Nothing)?;
    let pid = subject.process.pid();
    place.publish(0)?;
    let before = nanoseconds(pid)?;
    for number in 1..=REVISIONS {
        place.publish(number)?;
    }
    let spent = to_f64(nanoseconds(pid)?.saturating_sub(before)) / 1e9 / to_f64(u64::try_from(REVISIONS)?);
    let start = clock::now();
    let quiet = latencies(&subject, &place.requests, &|| start.elapsed() < QUIET)?;
    let publish = |number| place.publish(number);
    let (done, busy) = while_changing(&publish, |done| {
        latencies(&subject, &place.requests, &|| !done.load(Ordering::Relaxed))
    });
    done?;
    Ok((spent, percentile(quiet), percentile(busy?)))
}

/// Makes changes, and does `work` until they are made.
fn while_changing<T>(
    change: &(dyn Fn(usize) -> anyhow::Result<()> + Sync),
    work: impl FnOnce(&AtomicBool) -> T,
) -> (anyhow::Result<()>, T) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let made = (0..REVISIONS).try_for_each(|number| change(1_000 + number));
            done.store(true, Ordering::Relaxed);
            made
        });
        let worked = work(&done);
        let made = publisher.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the publisher panicked")));
        (made, worked)
    })
}

/// Milliseconds of calls, one after the other on some connections, with pauses.
fn latencies(
    subject: &Subject,
    requests: &[Request],
    more: &(dyn Fn() -> bool + Sync),
) -> anyhow::Result<Vec<f64>> {
    let worker = |first: usize| -> anyhow::Result<Vec<f64>> {
        let mut connection = Connection::open(subject.address)?;
        let mut taken = Vec::new();
        for request in requests.iter().cycle().skip(first).step_by(CONNECTIONS) {
            if !more() {
                break;
            }
            let start = clock::now();
            connection.exchange(request)?;
            taken.push(start.elapsed().as_secs_f64() * 1_000.0);
            clock::pause(PAUSE);
        }
        Ok(taken)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS).map(|first| scope.spawn(move || worker(first))).collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| anyhow::anyhow!("a thread of the load panicked"))??);
        }
        Ok(all)
    })
}

/// The value that one in a hundred is above.
fn percentile(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(f64::NAN)
}

/// Instructions a request of the thread that serves, without and with revisions, and how many those were at least.
fn worker(size: Size) -> anyhow::Result<(f64, f64, u64)> {
    let place = Place::new(size)?;
    // What was validated is remembered for the slow one.
    let first = place.revision()?;
    let subject = place.gateway(Under::CallgrindByThread)?;
    let mut callgrind = subject.callgrind();
    let load = Load { address: subject.address, requests: place.requests.clone(), connections: CONNECTIONS };
    load.send(2_000)?;
    callgrind.take_worker()?;
    // Nobody waits for a revision here: under callgrind it takes longer than a command would.
    let edit = |number| {
        place.edit(number)?;
        clock::pause(EDITED_EVERY);
        Ok(())
    };
    let (made, sent) = while_changing(&edit, |done| load.while_true(&|_| !done.load(Ordering::Relaxed)));
    made?;
    let sent = sent?;
    let with = to_f64(callgrind.take_worker()?.instructions) / to_f64(sent);
    load.send(sent)?;
    let without = to_f64(callgrind.take_worker()?.instructions) / to_f64(sent);
    drop(subject);
    // The one that is made to be counted is none of them, nor may be one that was still being made.
    let made = place.revision()?.saturating_sub(first + 2);
    anyhow::ensure!(0 < made, "no revision came of {REVISIONS} changes, so nothing was compared");
    Ok((without, with, made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_is_above_the_percentile() {
        let values: Vec<f64> = (0..1_000_u32).map(f64::from).collect();
        assert!((percentile(values) - 989.0).abs() < 2.0);
        assert!(percentile(Vec::new()).is_nan());
    }
}
