//! What the upstream gets to see while the log's disk fails.

use std::sync::Arc;

use model::{Audit, DecisionId};
use recorder::faults::{Cut, MemoryDisk, Trouble};
use recorder::{LogReader, Options, Recorder};

use crate::testing::{Choices, NOW, Served, Upstream, run_in_real_time};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LAST: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

/// Sends a few requests to a gateway whose log is on this disk; returns the status of each, and what the upstream's own
/// log says.
async fn exchange(disk: &MemoryDisk, audit: Audit, requests: usize) -> (Vec<u16>, Vec<DecisionId>) {
    let upstream = Upstream::always(OK).await;
    let choices = Choices { audit, disk: Some(disk.clone()), ..Choices::STANDARD };
    let served = Served::with(&upstream.address.to_string(), choices);
    let mut statuses = Vec::new();
    for _ in 0..requests {
        let (answer, _) = served.exchange(LAST).await;
        statuses.push(answer.split(' ').nth(1).unwrap().parse().unwrap());
    }
    let seen = upstream.seen.all();
    let ids = seen.lines().filter_map(|line| line.strip_prefix("Sallyport-Decision-Id: "));
    (statuses, ids.map(|id| DecisionId::parse(id).unwrap()).collect())
}

fn options() -> Options {
    let workers = std::num::NonZeroUsize::MIN;
    Options::new("".into(), "log.example/proxy".into(), [7; 32], workers, Arc::new(|| NOW))
}

/// Whether the log that was found holds the decisions, once a gateway has gone on with it.
fn holds(found: &MemoryDisk, ids: &[DecisionId]) -> bool {
    let (recorder, _) = Recorder::open_on(Arc::new(found.clone()), options()).unwrap();
    recorder.close().unwrap();
    let reader = LogReader::on(Arc::new(found.clone()));
    let verified = reader.verify(&reader.verifier().unwrap(), None).unwrap();
    assert!(verified.ok, "{verified:?}");
    ids.iter()
        .all(|id| reader.find(*id).unwrap().iter().any(|entry| entry.leaf().unwrap().decided().is_some()))
}

#[test]
fn whatever_the_upstream_saw_is_in_the_log_wherever_the_power_goes() {
    run_in_real_time(async {
        let begun = MemoryDisk::new();
        Recorder::open_on(Arc::new(begun.clone()), options()).unwrap().0.close().unwrap();
        let losing = |until, cut| {
            let disk = MemoryDisk::holding(begun.files());
            disk.lose_power_at(until, cut);
            disk
        };
        let (mut forwarded, mut refused, mut passed_all) = (0, 0, false);
        for (until, cut) in (1..).flat_map(|until| [(until, Cut::Before), (until, Cut::After)]) {
            if passed_all {
                break;
            }
            if Recorder::open_on(Arc::new(losing(until, cut)), options()).is_err() {
                // Before a start is over, nothing serves.
                continue;
            }
            let disk = losing(until, cut);
            let (statuses, seen) = exchange(&disk, Audit::Required, 4).await;
            let passed = statuses.iter().filter(|status| **status == 200).count();
            assert_eq!(seen.len(), passed, "{until} {cut:?}: {statuses:?}");
            assert!(statuses.iter().skip(passed).all(|status| *status == 503), "{statuses:?}");
            for kept in [0, 1, 150, usize::MAX] {
                assert!(holds(&disk.after_power_loss(kept), &seen), "{until} {cut:?} {kept}");
            }
            (forwarded, refused) = (forwarded + passed, refused + statuses.len() - passed);
            passed_all = passed == statuses.len();
        }
        assert!(10 < forwarded && 10 < refused, "{forwarded} {refused}");
    });
}

/// Waits for what another thread does; a test that waits for too long has failed.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waited).await.expect("it never came");
}

#[test]
fn a_disk_that_takes_nothing_stops_what_must_be_recorded_and_nothing_else() {
    run_in_real_time(async {
        for trouble in [Trouble::Full, Trouble::ReadOnly, Trouble::Sync] {
            for (audit, status) in [(Audit::Required, 503), (Audit::Counted, 200)] {
                let disk = MemoryDisk::new();
                let upstream = Upstream::always(OK).await;
                let choices = Choices { audit, disk: Some(disk.clone()), ..Choices::STANDARD };
                let served = Served::with(&upstream.address.to_string(), choices);
                let status_of = async || {
                    let (answer, _) = served.exchange(LAST).await;
                    answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
                };
                assert_eq!(status_of().await, 200);
                disk.set(trouble);
                for _ in 0..3 {
                    assert_eq!(status_of().await, status, "{trouble:?} {audit:?}");
                }
                let health = || served.log.recorder.health();
                until(|| health().fault.is_some() && 3 <= health().lost).await;
                disk.set(Trouble::None);
                until(|| health().fault.is_none()).await;
                assert_eq!(status_of().await, 200, "{trouble:?} {audit:?}");
                assert!(served.log.recorder.flush().is_ok());
            }
        }
    });
}
