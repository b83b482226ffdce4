//! Secrets in memory: a type that cannot be printed, and that is wiped when it is dropped.

use std::fmt;

use zeroize::Zeroize as _;

/// A secret text. It has no `Display`, its `Debug` prints `redacted`, and it compares in constant time.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes hold of a secret.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Takes hold of a secret that lies in a buffer, and wipes the buffer.
    #[must_use]
    pub fn wiping(mut buffer: Vec<u8>) -> Self {
        let secret = Self(buffer.as_slice().into());
        buffer.zeroize();
        secret
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redacted")
    }
}

/// Compares two digests or secrets of equal length without an early exit.
#[must_use]
pub fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let difference = left.iter().zip(right).fold(0_u8, |difference, (one, other)| difference | (one ^ other));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new(*b"hunter2")), "redacted");
    }

    #[test]
    fn compares_whole_values() {
        assert!(equal_in_constant_time(b"abc", b"abc"));
        assert!(!equal_in_constant_time(b"abc", b"abd"));
        assert!(!equal_in_constant_time(b"abc", b"ab"));
    }
}
