//! What is kept of a key: a digest that shows whether a secret is right and is of no use to who steals it.
//!
//! A secret has 190 bits of entropy, so a fast hash is enough: there is nothing to guess. The digest covers a
//! domain of its own, the environment and the key id, so that neither a digest nor the digest of another key or
//! of another use can stand in for a secret (security case 71).

use std::fmt;

use model::secret::equal_in_constant_time;
use sha2::{Digest, Sha256};

use crate::key::{ENVIRONMENT_BYTES_MAX, PresentedKey, SECRET_BYTES};

/// Separates these digests from every other use of SHA-256. Changing it makes every issued key invalid.
const DOMAIN: &[u8; 10] = b"sp-key-v1:";
const MESSAGE_BYTES: usize = DOMAIN.len() + ENVIRONMENT_BYTES_MAX + model::id::KEY_ID_BYTES + SECRET_BYTES;

/// The SHA-256 digest of a key's secret in its domain.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Compared with where a key id is unknown, so that unknown ids cost what wrong secrets cost. No secret has
    /// this digest but by inverting SHA-256, and a match against it is refused all the same.
    pub(crate) const DUMMY: Self = Self([0x5a; 32]);

    /// The digest as the store holds it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest for the store; never for a log or an answer.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of what a presented key claims.
    #[must_use]
    pub fn of(key: &PresentedKey<'_>) -> Self {
        let mut message = [0_u8; MESSAGE_BYTES];
        // Fixed places with zero padding: no two different keys make one message.
        let mut rest = message.as_mut_slice();
        let id = key.id();
        let parts = [
            (DOMAIN.as_slice(), DOMAIN.len()),
            (key.environment().as_bytes(), ENVIRONMENT_BYTES_MAX),
            (id.as_bytes().as_slice(), model::id::KEY_ID_BYTES),
            (key.secret().as_slice(), SECRET_BYTES),
        ];
        for (part, length) in parts {
            let Some((place, behind)) = std::mem::take(&mut rest).split_at_mut_checked(length) else { break };
            if let Some(slots) = place.get_mut(..part.len()) {
                slots.copy_from_slice(part);
            }
            rest = behind;
        }
        Self(Sha256::digest(message).into())
    }

    /// Whether both are the same digest, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        equal_in_constant_time(&self.0, &other.0)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redacted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key;

    #[test]
    fn depends_on_environment_id_and_secret_and_is_never_printed() {
        let made = key::make("live", &[7; 48]).unwrap();
        let other = key::make("test", &[7; 48]).unwrap();
        assert_eq!(made.id, other.id);
        assert!(!made.digest.matches(&other.digest));
        let presented = key::parse(made.text.expose()).unwrap();
        assert!(SecretDigest::of(&presented).matches(&made.digest));
        assert_eq!(format!("{:?}", made.digest), "redacted");
    }

    #[test]
    fn is_not_the_bare_hash_of_the_secret() {
        let made = key::make("live", &[7; 48]).unwrap();
        let presented = key::parse(made.text.expose()).unwrap();
        let bare = SecretDigest(Sha256::digest(presented.secret()).into());
        assert!(!bare.matches(&made.digest));
    }
}
