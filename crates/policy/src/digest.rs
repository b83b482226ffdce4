//! Content hashes: a name for what something is, not for where it stands.
//!
//! Every part goes in with its length, so that two different sequences of parts never read the same.

use sha2::{Digest, Sha256};

/// Collects the parts of a content hash.
pub(crate) struct ContentHash(Sha256);

impl ContentHash {
    /// `purpose` keeps hashes of different kinds of things apart.
    pub(crate) fn new(purpose: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.text(purpose);
        hash
    }

    pub(crate) fn text(&mut self, part: &str) {
        self.bytes(part.as_bytes());
    }

    pub(crate) fn bytes(&mut self, part: &[u8]) {
        self.0.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(part);
    }

    pub(crate) fn full(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// The first 128 bits.
    pub(crate) fn short(self) -> u128 {
        let full = self.full();
        full.first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes))
    }
}
