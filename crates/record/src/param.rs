//! Keyed hashes of path parameters.
//!
//! A parameter like a customer's number is personal data with few possible values, so a plain hash would be
//! a value in disguise. SipHash-2-4 under a secret key is a pseudo-random function: without the key a hash says
//! only that two requests of the same log named the same value; with the key gone it says nothing more to anyone.
//! It is not SHA-256 because there is one per parameter and request, and it costs a hundredth.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// The hash of one parameter's value under the log's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamHash(pub u64);

impl fmt::Display for ParamHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for ParamHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Bytes of a name, the byte behind it and a value that are hashed at once.
const MESSAGE_BYTES: usize = 64;

/// The key of the hashes: one per log origin, held sealed, never in the log.
#[derive(Clone)]
pub struct ParamKey([u8; 16]);

impl fmt::Debug for ParamKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redacted")
    }
}

impl ParamKey {
    /// Takes a key of 16 bytes that nobody can guess.
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// Hashes the value of the parameter called `name`; equal values under two names differ.
    #[must_use]
    pub fn hash(&self, name: &str, value: &[u8]) -> ParamHash {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        let end = name.len() + 1 + value.len();
        let mut message = [0xff_u8; MESSAGE_BYTES];
        // A short message is hashed at once, which costs a third of hashing it piece by piece.
        if let Some(message) = message.get_mut(..end)
            && let Some((slots, rest)) = message.split_at_mut_checked(name.len())
            && let Some((_, rest)) = rest.split_first_mut()
        {
            slots.copy_from_slice(name.as_bytes());
            rest.copy_from_slice(value);
            return ParamHash(hasher.hash(message));
        }
        hasher.write(name.as_bytes());
        // No UTF-8 text holds this byte, so no pair of name and value reads as another.
        hasher.write_u8(0xff);
        hasher.write(value);
        ParamHash(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_key_name_and_value() {
        let (one, two) = (ParamKey::new([1; 16]), ParamKey::new([2; 16]));
        let hash = one.hash("id", b"42");
        assert_eq!(hash, one.hash("id", b"42"));
        assert_ne!(hash, two.hash("id", b"42"));
        assert_ne!(hash, one.hash("i", b"d42"));
        assert_ne!(hash, one.hash("id4", b"2"));
        assert_ne!(hash, one.hash("id", b"43"));
        assert_eq!(format!("{one:?}"), "redacted");
    }

    #[test]
    fn is_the_same_at_once_and_piece_by_piece() {
        let key = ParamKey::new([3; 16]);
        for length in 0..2 * MESSAGE_BYTES {
            for name in ["", "id", "customerId"] {
                let value = vec![b'v'; length];
                let mut hasher = SipHasher24::new_with_key(&[3; 16]);
                hasher.write(name.as_bytes());
                hasher.write_u8(0xff);
                hasher.write(&value);
                assert_eq!(key.hash(name, &value), ParamHash(hasher.finish()), "{name} {length}");
            }
        }
    }

    #[test]
    fn is_siphash_2_4() {
        // The vector of the paper's appendix A: key 00..0f, message 00..0e.
        let mut hasher = SipHasher24::new_with_key(&std::array::from_fn(|at| u8::try_from(at).unwrap()));
        hasher.write(&(0..15).collect::<Vec<u8>>());
        assert_eq!(hasher.finish(), 0xa129_ca61_49be_45e5);
    }
}
