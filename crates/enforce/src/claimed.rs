//! The existing keys that were seen and that nobody has vouched for, for their owner to attribute.
//!
//! Workers note a call when it is over, so nothing waits here before a decision; whoever stores takes all of it at once.
//! Bounded: anybody can send texts that look like keys. What finds no room is counted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use identity::KeyedDigest;
use model::{ApiName, CredentialRef, OperationId, Timestamp};

use crate::Evidence;

/// Keys that are held until they are taken.
pub const LEDGER_MAX: usize = 20_000;
/// Operations that are held of one key.
pub const LEDGER_OPERATIONS_MAX: usize = 50;

/// What was seen of one key since the last taking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedUse {
    pub api: ApiName,
    pub digest: KeyedDigest,
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: u64,
    /// Of these, how many the upstream answered with success.
    pub succeeded: u64,
    /// Declared operations, some of those that were called.
    pub operations: Vec<OperationId>,
}

/// All keys, shared by the workers and by whoever stores what was seen.
#[derive(Debug, Default)]
pub struct ClaimedLedger(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    keys: HashMap<KeyedDigest, ClaimedUse>,
    lost: u64,
}

/// Whether the upstream took a key for a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    No,
    Yes,
}

impl ClaimedLedger {
    /// Notes a call that is over. Calls of callers that are known, or that showed no such key, are none of ours.
    pub fn note(&self, evidence: &Evidence, taken: Taken) {
        let (Some(digest), CredentialRef::Foreign(_)) = (evidence.existing, evidence.caller.credential)
        else {
            return;
        };
        let Some(rules) = evidence.rules() else { return };
        let mut held = self.held();
        if LEDGER_MAX <= held.keys.len() && !held.keys.contains_key(&digest) {
            held.lost = held.lost.saturating_add(1);
            return;
        }
        let used = held.keys.entry(digest).or_insert_with(|| ClaimedUse {
            api: rules.name.clone(),
            digest,
            first: evidence.time,
            last: evidence.time,
            count: 0,
            succeeded: 0,
            operations: Vec::new(),
        });
        used.last = used.last.max(evidence.time);
        used.count = used.count.saturating_add(1);
        used.succeeded = used.succeeded.saturating_add(u64::from(taken == Taken::Yes));
        if let Some(operation) = evidence.operation()
            && used.operations.len() < LEDGER_OPERATIONS_MAX
            && !used.operations.contains(&operation.id)
        {
            used.operations.push(operation.id.clone());
        }
    }

    /// Takes what was seen since the last taking, and how many calls found no room.
    #[must_use]
    pub fn take(&self) -> (Vec<ClaimedUse>, u64) {
        let Held { keys, lost } = std::mem::take(&mut *self.held());
        (keys.into_values().collect(), lost)
    }

    /// A panic while the lock was held left a count that is off by one at most; going on is safe.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
