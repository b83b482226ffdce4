//! The keys that are known, as one immutable table, and what was stopped since it was built.
//!
//! The table is split into shards that are shared between versions: changing one key among a million copies one
//! shard of about a thousand. State that must outlive a change (last use, the limit's cell) hangs on the entry by
//! `Arc` and is taken over by whoever replaces the entry.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use foldhash::fast::FixedState;
use hashbrown::{HashSet, HashTable};
use model::{Application, KeyId, Timestamp};

use crate::existing::KeyedDigest;
use crate::{Blocks, SecretDigest};

/// Number of shards. At a million keys each holds about a thousand.
pub const SHARDS: usize = 1_024;

/// Key ids are drawn by us from random bytes, so nobody can choose them to collide and a fixed seed is enough.
const HASHER: FixedState = FixedState::with_seed(0x5a11_9097);

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Active,
    /// Refused and watched: it may be in wrong hands.
    Quarantined,
    Revoked,
}

/// Whether the application that owns a key may call at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationState {
    Disabled,
    Enabled,
}

/// When a key last showed its secret, to the second. Written without an order: it is for people to read.
#[derive(Debug)]
pub struct KeyUsage(AtomicI64);

/// The state of one rate limit; what its number means is known to the limiter alone.
#[derive(Debug, Default)]
pub struct LimitCell(AtomicU64);

/// By what a key is known when it is presented.
#[derive(Clone, Copy, Debug)]
pub enum KeySecret {
    /// A key that the API had before; found by its keyed hash, whatever id we gave it.
    Existing(KeyedDigest),
    /// A key of ours; found by its id.
    Own(SecretDigest),
}

/// One key.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    pub id: KeyId,
    pub secret: KeySecret,
    pub application: Arc<Application>,
    /// Ids of operations and names of groups. They only narrow what policy allows; empty covers nothing.
    pub scopes: Box<[String]>,
    /// Refused from this point on.
    pub expires: Timestamp,
    pub state: KeyState,
    pub application_state: ApplicationState,
    pub usage: Arc<KeyUsage>,
    pub limit: Arc<LimitCell>,
}

type Shard = HashTable<Arc<KeyEntry>>;

/// All keys at one version.
#[derive(Clone, Debug)]
pub struct KeyTable {
    version: u64,
    length: usize,
    shards: Arc<[Arc<Shard>]>,
    /// Existing keys once more, by their keyed hash.
    existing: Arc<[Arc<Shard>]>,
}

/// Keys that were revoked since the key table was built, and every block: one revocation rebuilds nothing.
#[derive(Clone, Debug)]
pub struct Stops {
    sequence: u64,
    keys: HashSet<KeyId, FixedState>,
    blocks: Arc<Blocks>,
}

impl KeyUsage {
    /// Never used.
    #[must_use]
    pub const fn never() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Last used at this point, as the store remembers it.
    #[must_use]
    pub const fn at(last: Timestamp) -> Self {
        Self(AtomicI64::new(last.as_seconds()))
    }

    /// Notes a use. Writes at most once a second, so that workers that share a busy key share its line of memory.
    pub fn touch(&self, now: Timestamp) {
        let now = now.as_seconds();
        if self.0.load(Ordering::Relaxed) < now {
            self.0.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// The last use to the second.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        match self.0.load(Ordering::Relaxed) {
            i64::MIN => None,
            seconds => Some(Timestamp::from_seconds(seconds)),
        }
    }
}

impl LimitCell {
    /// A limit of which nothing has been used.
    #[must_use]
    pub const fn unused() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The number, for the limiter.
    #[must_use]
    pub const fn value(&self) -> &AtomicU64 {
        &self.0
    }
}

impl KeyTable {
    /// No keys, at version zero.
    #[must_use]
    pub fn empty() -> Self {
        let shard = Arc::new(Shard::new());
        let shards: Arc<[Arc<Shard>]> = (0..SHARDS).map(|_| Arc::clone(&shard)).collect();
        Self { version: 0, length: 0, existing: Arc::clone(&shards), shards }
    }

    /// The same table with this entry added or replaced, one version later.
    #[must_use]
    pub fn with(&self, entry: KeyEntry) -> Self {
        self.with_all([entry])
    }

    /// The same table with all these entries added or replaced, one version later.
    #[must_use]
    pub fn with_all(&self, entries: impl IntoIterator<Item = KeyEntry>) -> Self {
        let mut shards: Vec<Arc<Shard>> = self.shards.to_vec();
        let mut existing: Option<Vec<Arc<Shard>>> = None;
        let mut length = self.length;
        for entry in entries {
            let entry = Arc::new(entry);
            if let Some(digest) = entry.existing() {
                let existing = existing.get_or_insert_with(|| self.existing.to_vec());
                let hash_of = |known: &KeyEntry| HASHER.hash_one(known.existing().unwrap_or(digest));
                put(existing, &entry, |known| known.existing() == Some(digest), hash_of);
            }
            match put(&mut shards, &entry, |known| known.id == entry.id, |known| HASHER.hash_one(known.id)) {
                Put::Added => length += 1,
                Put::Replaced => {}
            }
        }
        let existing = existing.map_or_else(|| Arc::clone(&self.existing), Into::into);
        Self { version: self.version + 1, length, shards: shards.into(), existing }
    }

    /// The same entries under a version that the store knows; versions only grow.
    #[must_use]
    pub fn at_version(mut self, version: u64) -> Self {
        self.version = self.version.max(version);
        self
    }

    /// The key with this id.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&Arc<KeyEntry>> {
        let hash = HASHER.hash_one(id);
        self.shards.get(shard_of(hash))?.find(hash, |known| known.id == id)
    }

    /// The existing key with this keyed hash.
    #[must_use]
    pub fn find_existing(&self, digest: &KeyedDigest) -> Option<&Arc<KeyEntry>> {
        let hash = HASHER.hash_one(digest);
        self.existing
            .get(shard_of(hash))?
            .find(hash, |known| known.existing().is_some_and(|known| known.matches(digest)))
    }

    /// Every key, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<KeyEntry>> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Grows with each change; a record names it.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}

impl KeyEntry {
    /// The keyed hash of a key that its API had before; none of a key of ours.
    #[must_use]
    pub const fn existing(&self) -> Option<&KeyedDigest> {
        match &self.secret {
            KeySecret::Existing(digest) => Some(digest),
            KeySecret::Own(_) => None,
        }
    }

    /// The digest of a key of ours; none of a key that its API had before.
    #[must_use]
    pub const fn own(&self) -> Option<&SecretDigest> {
        match &self.secret {
            KeySecret::Existing(_) => None,
            KeySecret::Own(digest) => Some(digest),
        }
    }
}

/// What putting an entry into its shard did.
enum Put {
    Added,
    Replaced,
}

/// Puts an entry into its shard, which is copied where other versions of the table share it.
fn put(
    shards: &mut [Arc<Shard>],
    entry: &Arc<KeyEntry>,
    is_same: impl Fn(&KeyEntry) -> bool,
    hash_of: impl Fn(&KeyEntry) -> u64,
) -> Put {
    let hash = hash_of(entry);
    // INVARIANT: there is a shard for every hash.
    let Some(shard) = shards.get_mut(shard_of(hash)) else { return Put::Replaced };
    let shard = Arc::make_mut(shard);
    match shard.find_mut(hash, |known| is_same(known)) {
        Some(known) => {
            *known = Arc::clone(entry);
            Put::Replaced
        }
        None => {
            shard.insert_unique(hash, Arc::clone(entry), |known| hash_of(known));
            Put::Added
        }
    }
}

/// Bits that neither the tag (top 7) nor the bucket (lowest) of a hash table is taken from.
fn shard_of(hash: u64) -> usize {
    usize::try_from(hash >> 40).unwrap_or(0) % SHARDS
}

impl Stops {
    /// Nothing is stopped.
    #[must_use]
    pub fn none() -> Self {
        Self { sequence: 0, keys: HashSet::with_hasher(HASHER), blocks: Arc::new(Blocks::none()) }
    }

    /// The same stops and one key more, one later in sequence.
    #[must_use]
    pub fn with_key(&self, id: KeyId) -> Self {
        let mut keys = self.keys.clone();
        keys.insert(id);
        Self { sequence: self.sequence + 1, keys, blocks: Arc::clone(&self.blocks) }
    }

    /// The same revoked keys with these blocks instead, one later in sequence.
    #[must_use]
    pub fn with_blocks(&self, blocks: Blocks) -> Self {
        Self { sequence: self.sequence + 1, keys: self.keys.clone(), blocks: Arc::new(blocks) }
    }

    /// No revoked keys at the same place in the sequence, for use beside a key table that holds them all.
    #[must_use]
    pub fn cleared(&self) -> Self {
        let keys = HashSet::with_hasher(HASHER);
        Self { sequence: self.sequence, keys, blocks: Arc::clone(&self.blocks) }
    }

    /// The blocks.
    #[must_use]
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// The same stops, continuing a sequence that the store knows; sequences only grow.
    #[must_use]
    pub fn at_sequence(mut self, sequence: u64) -> Self {
        self.sequence = self.sequence.max(sequence);
        self
    }

    #[must_use]
    pub fn holds(&self, id: KeyId) -> bool {
        !self.keys.is_empty() && self.keys.contains(&id)
    }

    /// Number of the last stop that counts.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }
}

#[cfg(test)]
mod tests;
