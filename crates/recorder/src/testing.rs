//! What the recorder's tests share: a clock to set, entries to write, and disks to damage.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::{DecisionId, DenyReason, RevisionNumber, Snapshots, Strength, Timestamp, Verdict};
use record::{Carried, ClientRef, Completed, Decided, Outcome, Personal};

use crate::Options;
pub(crate) use crate::faults::{Cut, MemoryDisk, Trouble};

impl MemoryDisk {
    /// A copy with one file changed.
    pub(crate) fn with(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut files = self.files();
        change(files.get_mut(name).unwrap());
        Self::holding(files)
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut files = self.files();
        files.remove(name).unwrap();
        Self::holding(files)
    }
}

/// A clock that tests set.
#[derive(Clone, Debug)]
pub(crate) struct HandClock(Arc<AtomicI64>);

impl HandClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_796_810_400_000_000)))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn forward_ms(&self, millis: i64) {
        self.0.fetch_add(millis * 1_000, Ordering::Relaxed);
    }

    pub(crate) fn options(&self) -> Options {
        let clock = self.clone();
        let workers = NonZeroUsize::MIN;
        Options {
            ring_bytes: 1 << 16,
            ..Options::new(
                PathBuf::new(),
                "example.com/log".into(),
                [7; 32],
                workers,
                Arc::new(move || clock.now()),
            )
        }
    }
}

/// The id of request `number`.
pub(crate) fn id(number: u64) -> DecisionId {
    let tail = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0001);
    DecisionId::new(Timestamp::from_seconds(1_796_810_400), tail)
}

/// Request `number` of the application `client` at `now`.
pub(crate) fn decided(number: u64, client: &str, now: Timestamp) -> Decided<'_> {
    let denied = number % 10 == 3;
    Decided {
        id: id(number),
        time: now,
        snapshots: Snapshots { revision: RevisionNumber(1), keys: 1, stops: 0 },
        verdict: if denied { Verdict::Denied } else { Verdict::Allowed },
        reason: denied.then_some(DenyReason::NoGrant),
        code: "",
        api: "orders",
        operation: "orders:GET /orders/{id}",
        mode: Carried::Enforced,
        policies: &["partners-read"],
        observed: &[],
        strength: Strength::SharedSecret,
        personal: Personal { client: ClientRef::Application(client), ..Personal::UNKNOWN },
    }
}

pub(crate) fn completed(number: u64, now: Timestamp) -> Completed {
    Completed {
        id: id(number),
        time: now,
        status: 200,
        outcome: Outcome::Done,
        request_bytes: 0,
        response_bytes: 100,
        time_to_decision_us: 20,
        upstream_us: 300,
        total_us: 350,
    }
}

/// An application without keys, as the subject of an erasure.
pub(crate) fn application(name: &str) -> crate::Subject {
    crate::Subject::Application { name: name.to_owned(), keys: std::collections::BTreeSet::new() }
}
