//! Failures of credentials, counted so that guessing slows down and nobody else does.
//!
//! A failure is counted twice: for the key id that was claimed together with the network it came from, and for the
//! network alone. Both are leaky buckets in one table of a constant size that all workers share. What always holds:
//! a correct secret is never asked about here, so it passes whatever came before; a known and an unknown id are
//! counted alike; everything counted is forgotten after a while without failures.
//!
//! The table has [`SLOTS`] places in sets of four, found by a hash under a seed of the process, each with a tag of
//! its owner. Nobody is counted for another's failures. Where a set is full, whoever failed least makes room, so an attacker with a
//! million addresses pushes out only those that failed less than it does, and who is pushed out merely begins anew.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use model::{GuessLimits, KeyId, Network, Timestamp};

/// Places of the table: 512 KiB, whatever comes.
pub const SLOTS: usize = 1 << 16;
/// Places that one owner may have to choose from.
const WAYS: usize = 4;
/// How many leading bits of an IPv6 address are one network: what one line or host is usually given.
const PREFIX_SIX: u32 = 64;
/// All bits: an IPv4 address stands for itself.
const PREFIX_FOUR: u32 = 128;
/// Bits of a place that hold the time, in milliseconds since the epoch: enough until the year 2109.
const TIME_BITS: u32 = 42;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// Where a credential came from, as far as failures are counted: an IPv4 address or the first half of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Network);

/// There were too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// After how long a failure is answered as one again.
    pub wait: Duration,
}

/// The failures of late, shared by all workers.
#[derive(Debug)]
pub struct Guesses {
    hasher: SeedableRandomState,
    /// The upper bits of a place are the tag of its owner, the lower when all of its failures are forgotten.
    slots: Box<[AtomicU64]>,
}

/// What is counted apart.
#[derive(Hash)]
enum Owner {
    Key(KeyId, Origin),
    Network(Origin),
}

/// A limit in milliseconds.
#[derive(Clone, Copy)]
struct Bucket {
    interval: u64,
    period: u64,
    wait_max: u64,
}

impl Origin {
    /// The origin of requests from `address`.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let prefix = if address.to_canonical().is_ipv4() { PREFIX_FOUR } else { PREFIX_SIX };
        Self(Network::around(address, prefix))
    }
}

impl Guesses {
    /// No failures. `seed` is drawn from the operating system once, so that nobody can choose who shares its set.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts a failed credential that claimed to be the key `id`, known or not. An error asks for a wait instead of
    /// the ordinary refusal; the wait doubles with every further failure before its end, up to the longest.
    pub fn failed_key(
        &self,
        limits: &GuessLimits,
        origin: Origin,
        id: KeyId,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        let by_key = self.count(&Owner::Key(id, origin), bucket_of_key(limits), now);
        let by_network = self.failed(limits, origin, now);
        match (by_key, by_network) {
            (Ok(()), other) | (other, Ok(())) => other,
            (Err(one), Err(other)) => Err(TooMany { wait: one.wait.max(other.wait) }),
        }
    }

    /// Counts a failed credential of any other kind.
    pub fn failed(&self, limits: &GuessLimits, origin: Origin, now: Timestamp) -> Result<(), TooMany> {
        self.count(&Owner::Network(origin), bucket_of_network(limits), now)
    }

    /// Whether a credential that is expensive to check may be checked. Counts nothing: who is refused here has not
    /// failed, and waiting as long as is said helps.
    pub fn may_check(&self, limits: &GuessLimits, origin: Origin, now: Timestamp) -> Result<(), TooMany> {
        let (set, tag) = self.place(&Owner::Network(origin));
        let found = set.iter().map(|slot| slot.load(Ordering::Relaxed)).find(|slot| slot >> TIME_BITS == tag);
        match bucket_of_network(limits).wait(found.map_or(0, |slot| slot & TIME_MASK), millis(now)) {
            0 => Ok(()),
            wait => Err(TooMany { wait: Duration::from_millis(wait) }),
        }
    }

    fn count(&self, owner: &Owner, bucket: Bucket, now: Timestamp) -> Result<(), TooMany> {
        let now = millis(now);
        let (set, tag) = self.place(owner);
        // A lost race is tried again; each round somebody's failure was counted, so there are as many as workers.
        loop {
            let Some((slot, stored)) = choose(set, tag) else { return Ok(()) };
            let forgotten = if stored >> TIME_BITS == tag { stored & TIME_MASK } else { 0 };
            let (next, wait) = bucket.after_failure(forgotten, now);
            let written = (tag << TIME_BITS) | (next & TIME_MASK);
            if slot.compare_exchange_weak(stored, written, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return match wait {
                    0 => Ok(()),
                    wait => Err(TooMany { wait: Duration::from_millis(wait) }),
                };
            }
        }
    }

    /// The set of an owner, and its tag, which is never zero.
    fn place(&self, owner: &Owner) -> (&[AtomicU64], u64) {
        let hash = self.hasher.hash_one(owner);
        let sets = SLOTS / WAYS;
        let number = usize::try_from(hash % sets as u64).unwrap_or(0);
        let (all, _) = self.slots.as_chunks::<WAYS>();
        (all.get(number).map_or(&[][..], |set| &set[..]), (hash >> TIME_BITS).max(1))
    }
}

/// The owner's place, or the one that its failures are counted in from now on: of those of others the one that is
/// forgotten first.
fn choose(set: &[AtomicU64], tag: u64) -> Option<(&AtomicU64, u64)> {
    let loaded = || set.iter().map(|slot| (slot, slot.load(Ordering::Relaxed)));
    loaded()
        .find(|(_, stored)| stored >> TIME_BITS == tag)
        .or_else(|| loaded().min_by_key(|(_, stored)| stored & TIME_MASK))
}

fn bucket_of_key(limits: &GuessLimits) -> Bucket {
    Bucket::of(limits, limits.failures)
}

fn bucket_of_network(limits: &GuessLimits) -> Bucket {
    Bucket::of(limits, limits.network_failures)
}

impl Bucket {
    fn of(limits: &GuessLimits, failures: u32) -> Self {
        let millis = |duration: Duration| {
            u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).clamp(1, TIME_MASK / 4)
        };
        let period = millis(limits.per);
        Self {
            // Rounded down, so that as many failures fit as were written.
            interval: (period / u64::from(failures.max(1))).max(1),
            period,
            wait_max: millis(limits.wait_max),
        }
    }

    /// When all failures are forgotten after one more at `now`, and the wait that it is answered with; zero for none.
    fn after_failure(self, forgotten: u64, now: u64) -> (u64, u64) {
        let owed = self.owed(forgotten, now);
        match self.wait(forgotten, now) {
            0 => (now + owed + self.interval, 0),
            left => {
                let wait = left.saturating_mul(2).clamp(self.interval.min(self.wait_max), self.wait_max);
                (now + self.full() + wait, wait)
            }
        }
    }

    /// How long until one more failure is answered as one.
    fn wait(self, forgotten: u64, now: u64) -> u64 {
        self.owed(forgotten, now).saturating_sub(self.full())
    }

    /// What may be owed where one more failure is still answered as one.
    const fn full(self) -> u64 {
        self.period.saturating_sub(self.interval)
    }

    /// How long until everything is forgotten. A clock that went back cannot make it longer than it could ever be.
    fn owed(self, forgotten: u64, now: u64) -> u64 {
        forgotten.saturating_sub(now).min(self.full() + self.wait_max)
    }
}

fn millis(now: Timestamp) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(0).min(TIME_MASK / 2)
}

#[cfg(test)]
mod tests;
