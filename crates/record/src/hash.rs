//! A cheap hash for the tables of whoever writes the log.
//!
//! It is no defence against chosen keys, and needs none: its keys are names from the configuration and the
//! store, and the random part of decision ids. Whoever may write those may do worse.

use std::hash::{BuildHasher, Hasher};

/// Makes [`FastHasher`]s.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fast;

/// The state of one hash.
#[derive(Clone, Copy, Debug)]
pub struct FastHasher(u64);

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fast {
    /// The hash of several texts in their order.
    #[must_use]
    pub fn of(texts: &[&str]) -> u64 {
        let mut hasher = Self.build_hasher();
        for text in texts {
            hasher.write(text.as_bytes());
        }
        hasher.finish()
    }
}

impl BuildHasher for Fast {
    type Hasher = FastHasher;

    fn build_hasher(&self) -> FastHasher {
        FastHasher(FACTOR)
    }
}

impl FastHasher {
    const fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((word, tail)) = rest.split_first_chunk::<8>() {
            self.mix(u64::from_le_bytes(*word));
            rest = tail;
        }
        let mut last = bytes.len() as u64;
        for byte in rest {
            last = (last << 8) | u64::from(*byte);
        }
        self.mix(last);
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn finish(&self) -> u64 {
        // The upper bits are the better mixed ones, and tables use both ends.
        self.0 ^ (self.0 >> 32)
    }
}
