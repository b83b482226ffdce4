//! Secrets that the gateway itself keeps, sealed under the master key.
//!
//! A sealed blob is: one version byte, a 96-bit random nonce, then AES-256-GCM ciphertext with its tag. What the
//! secret is for and its name are authenticated with it, so a blob cannot be moved to another place in the store.
//! With random nonces a master key is good for 2^32 blobs (NIST SP 800-38D section 8.3); we write a few a month.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Secret;
use zeroize::{Zeroize as _, Zeroizing};

const VERSION: u8 = 1;
const DOMAIN: &str = "sallyport/seal/1";
const TEXT_PREFIX: &str = "sallyport-master-1:";
/// The largest secret that is sealed.
pub const SECRET_BYTES_MAX: usize = 64 * 1_024;

/// What a sealed secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    AssertionSigning,
    BlockSigning,
    FingerprintKey,
    LogCheckpoint,
    UpstreamCredential,
}

impl Purpose {
    /// Part of what is authenticated; never changed.
    const fn as_str(self) -> &'static str {
        match self {
            Self::AssertionSigning => "assertion-signing",
            Self::BlockSigning => "block-signing",
            Self::FingerprintKey => "fingerprint-key",
            Self::LogCheckpoint => "log-checkpoint",
            Self::UpstreamCredential => "upstream-credential",
        }
    }
}

/// The key that encrypts the others. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// Why a text is not a master key. No variant holds any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    #[error("a master key begins with `{TEXT_PREFIX}`")]
    Prefix,
    #[error("a master key holds 32 bytes in base64url without padding")]
    Encoding,
    #[error("the operating system gave no random bytes")]
    Entropy,
}

/// Why a secret could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the secret is longer than {SECRET_BYTES_MAX} bytes")]
    TooLong,
    #[error("the secret could not be encrypted")]
    Encrypt,
}

/// Why a sealed secret could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the sealed secret is cut off")]
    Truncated,
    #[error("the sealed secret has format {version}; this program reads {VERSION}, a newer one wrote it")]
    Version { version: u8 },
    #[error("the sealed secret does not open: another master key, another purpose, or it was altered")]
    NotAuthentic,
}

impl MasterKey {
    /// Draws a new key from the operating system.
    pub fn generate() -> Result<Self, MasterKeyError> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| MasterKeyError::Entropy)?;
        Ok(Self(bytes))
    }

    /// Takes 32 bytes that are already a key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads what [`MasterKey::to_text`] wrote; white space around it, as editors leave it, is no matter.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let encoded = text.trim().strip_prefix(TEXT_PREFIX).ok_or(MasterKeyError::Prefix)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| MasterKeyError::Encoding)?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| MasterKeyError::Encoding)?;
        Ok(Self(bytes))
    }

    /// The text of a master key file, with a line end.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let mut text = String::from(TEXT_PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.0, &mut text);
        text.push('\n');
        Secret::new(text.into_bytes())
    }

    /// Seals `secret` for one purpose and under one name, such as the id of the key that it is.
    pub fn seal(&self, purpose: Purpose, name: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        if SECRET_BYTES_MAX < secret.len() {
            return Err(SealError::TooLong);
        }
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).map_err(|_| SealError::Encrypt)?;
        let mut encrypted = secret.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(authenticated(purpose, name)), &mut encrypted)
            .map_err(|_| SealError::Encrypt)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + encrypted.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&encrypted);
        Ok(sealed)
    }

    /// Opens what was sealed for the same purpose and name. Total over all bytes.
    pub fn open(&self, purpose: Purpose, name: &str, sealed: &[u8]) -> Result<Secret, OpenError> {
        let (&version, rest) = sealed.split_first().ok_or(OpenError::Truncated)?;
        if version != VERSION {
            return Err(OpenError::Version { version });
        }
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Truncated)?;
        if encrypted.len() < AES_256_GCM.tag_len() {
            return Err(OpenError::Truncated);
        }
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.0).map_err(|_| OpenError::NotAuthentic)?;
        let mut opened = Zeroizing::new(encrypted.to_vec());
        let secret = key
            .open_in_place(Nonce::from(nonce), Aad::from(authenticated(purpose, name)), &mut opened)
            .map_err(|_| OpenError::NotAuthentic)?;
        Ok(Secret::new(&*secret))
    }
}

/// Purposes hold no NUL, so no two pairs make one text.
fn authenticated(purpose: Purpose, name: &str) -> Vec<u8> {
    [DOMAIN, purpose.as_str(), name].join("\0").into_bytes()
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redacted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: MasterKey = MasterKey([3; 32]);
    const SECRET: &[u8] = b"the upstream's own key";

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let sealed = KEY.seal(Purpose::LogCheckpoint, "origin", SECRET).unwrap();
        assert_eq!(KEY.open(Purpose::LogCheckpoint, "origin", &sealed).unwrap().expose(), SECRET);
        let other = MasterKey::from_bytes([4; 32]);
        for (key, purpose, name) in [
            (&other, Purpose::LogCheckpoint, "origin"),
            (&KEY, Purpose::AssertionSigning, "origin"),
            (&KEY, Purpose::LogCheckpoint, "origin2"),
            (&KEY, Purpose::LogCheckpoint, ""),
        ] {
            assert_eq!(key.open(purpose, name, &sealed).unwrap_err(), OpenError::NotAuthentic, "{name}");
        }
    }

    #[test]
    fn every_altered_or_missing_byte_is_noticed() {
        let sealed = KEY.seal(Purpose::AssertionSigning, "k", SECRET).unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(KEY.open(Purpose::AssertionSigning, "k", &altered).is_err(), "byte {at}");
            assert!(KEY.open(Purpose::AssertionSigning, "k", &sealed[..at]).is_err(), "cut at {at}");
        }
        let mut longer = sealed;
        longer.push(0);
        assert_eq!(KEY.open(Purpose::AssertionSigning, "k", &longer).unwrap_err(), OpenError::NotAuthentic);
        assert_eq!(
            KEY.open(Purpose::AssertionSigning, "k", &[2; 64]).unwrap_err(),
            OpenError::Version { version: 2 }
        );
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_bytes() {
        let one = KEY.seal(Purpose::LogCheckpoint, "n", SECRET).unwrap();
        let two = KEY.seal(Purpose::LogCheckpoint, "n", SECRET).unwrap();
        assert_ne!(one, two);
        assert!(!one.windows(SECRET.len()).any(|window| window == SECRET));
    }

    #[test]
    fn master_keys_read_back_and_are_never_printed() {
        let key = MasterKey::generate().unwrap();
        let text = String::from_utf8(key.to_text().expose().to_vec()).unwrap();
        assert_eq!(MasterKey::parse(&text).unwrap().0, key.0);
        assert_eq!(format!("{key:?}"), "redacted");
        for (text, error) in [
            ("", MasterKeyError::Prefix),
            ("AAAA", MasterKeyError::Prefix),
            ("sallyport-master-1:", MasterKeyError::Encoding),
            ("sallyport-master-1:AAAA", MasterKeyError::Encoding),
            ("sallyport-master-1:!", MasterKeyError::Encoding),
        ] {
            assert_eq!(MasterKey::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_too_long() {
        let long = vec![0; SECRET_BYTES_MAX + 1];
        assert_eq!(KEY.seal(Purpose::LogCheckpoint, "n", &long), Err(SealError::TooLong));
        assert!(KEY.seal(Purpose::LogCheckpoint, "n", &long[1..]).is_ok());
    }
}
