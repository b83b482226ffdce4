//! Blocks: what a person said must stop now, until when.
//!
//! A block only ever takes away. It ends by itself, names its target exactly, and says nothing to the client of why
//! it was made: who, when and why stand in the log and are for administrators.

use std::fmt;

use crate::{ApiName, ApplicationName, KeyId, Network, OperationId, Timestamp};

/// Characters of a block's id.
pub const BLOCK_ID_BYTES: usize = 12;
/// The longest name of a user, token or workload that can be blocked, in bytes.
pub const TARGET_BYTES_MAX: usize = 512;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is no block or no target of one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    #[error("a block's id has {BLOCK_ID_BYTES} characters of 0-9 and a-z without i, l, o and u")]
    Id,
    #[error("`{kind}` is nothing that can be blocked")]
    Kind { kind: String },
    #[error("this is no {kind} that can be blocked: {why}")]
    Target { kind: &'static str, why: String },
}

/// The name of one block: on the records of what it refused, and to remove it by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId([u8; BLOCK_ID_BYTES]);

/// What is stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockTarget {
    /// Every request to an API.
    Api(ApiName),
    /// Every credential of an application.
    Application(ApplicationName),
    /// One own key.
    Key(KeyId),
    /// Every request from these addresses.
    Network(Network),
    /// One operation, whoever calls it.
    Operation(OperationId),
    /// One access token, by its id (`jti`).
    Token(Box<str>),
    /// A user of an issuer, whatever client acts for it.
    User { issuer: Box<str>, name: Box<str> },
    /// A workload, by its SPIFFE id or name.
    Workload(Box<str>),
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    pub id: BlockId,
    pub target: BlockTarget,
    /// From this point on it stops nothing.
    pub until: Timestamp,
}

impl BlockId {
    /// The id of 60 random bits.
    #[must_use]
    pub fn new(random: u64) -> Self {
        let mut text = [b'0'; BLOCK_ID_BYTES];
        let mut left = random;
        for slot in &mut text {
            let place = usize::try_from(left & 31).unwrap_or(0);
            *slot = ALPHABET.get(place).copied().unwrap_or(b'0');
            left >>= 5;
        }
        Self(text)
    }

    /// Reads an id as it is shown.
    pub fn parse(text: &str) -> Result<Self, BlockError> {
        let bytes: [u8; BLOCK_ID_BYTES] = text.as_bytes().try_into().map_err(|_| BlockError::Id)?;
        if bytes.iter().all(|byte| ALPHABET.contains(byte)) { Ok(Self(bytes)) } else { Err(BlockError::Id) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl BlockTarget {
    /// Reads a target by its kind, as [`Self::kind`] and [`Self::name`] write it. A user is `ISSUER/NAME`.
    pub fn parse(kind: &str, name: &str) -> Result<Self, BlockError> {
        let refused = |kind, why: &dyn fmt::Display| BlockError::Target { kind, why: why.to_string() };
        match kind {
            "api" => ApiName::parse(name).map(Self::Api).map_err(|why| refused("API", &why)),
            "app" => ApplicationName::parse(name)
                .map(Self::Application)
                .map_err(|why| refused("application", &why)),
            "key" => KeyId::parse(name.as_bytes()).map(Self::Key).map_err(|why| refused("key", &why)),
            "network" => Network::parse(name).map(Self::Network).map_err(|why| refused("network", &why)),
            "operation" => {
                OperationId::parse(name).map(Self::Operation).map_err(|why| refused("operation", &why))
            }
            "token" => plain(name).map(Self::Token).map_err(|why| refused("token", &why)),
            "user" => {
                let (issuer, user) =
                    name.split_once('/').ok_or_else(|| refused("user", &"it is written ISSUER/NAME"))?;
                let parsed = plain(issuer).and_then(|issuer| Ok((issuer, plain(user)?)));
                let (issuer, name) = parsed.map_err(|why| refused("user", &why))?;
                Ok(Self::User { issuer, name })
            }
            "workload" => plain(name).map(Self::Workload).map_err(|why| refused("workload", &why)),
            other => Err(BlockError::Kind { kind: other.chars().take(32).collect() }),
        }
    }

    /// The name of the kind, in commands, JSON and the log.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Api(_) => "api",
            Self::Application(_) => "app",
            Self::Key(_) => "key",
            Self::Network(_) => "network",
            Self::Operation(_) => "operation",
            Self::Token(_) => "token",
            Self::User { .. } => "user",
            Self::Workload(_) => "workload",
        }
    }

    /// What of the kind is blocked.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Api(name) => name.to_string(),
            Self::Application(name) => name.to_string(),
            Self::Key(id) => id.to_string(),
            Self::Network(network) => network.to_string(),
            Self::Operation(id) => id.to_string(),
            Self::Token(text) | Self::Workload(text) => text.to_string(),
            Self::User { issuer, name } => format!("{issuer}/{name}"),
        }
    }
}

impl fmt::Display for BlockTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind(), self.name())
    }
}

/// A name that others chose: bounded, on one line, and never one that looks like another in a log.
fn plain(text: &str) -> Result<Box<str>, &'static str> {
    if text.is_empty() || TARGET_BYTES_MAX < text.len() {
        return Err("it has 1 to 512 bytes");
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err("it has no control characters and no white space round it");
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_back_as_they_are_written() {
        for (kind, name, shown) in [
            ("api", "orders", "api orders"),
            ("app", "shop", "app shop"),
            ("key", "7Q2mX9aBcD3f", "key 7Q2mX9aBcD3f"),
            ("network", "10.2.0.0/16", "network 10.2.0.0/16"),
            ("network", "10.2.3.4/16", "network 10.2.0.0/16"),
            ("network", "203.0.113.7", "network 203.0.113.7/32"),
            ("network", "::ffff:203.0.113.7", "network 203.0.113.7/32"),
            ("network", "2001:db8::1/64", "network 2001:db8::/64"),
            ("operation", "orders:GET /orders/{id}", "operation orders:GET /orders/{id}"),
            ("token", "0f8c-77", "token 0f8c-77"),
            ("user", "corp/ann@example.com", "user corp/ann@example.com"),
            ("user", "corp/a/b", "user corp/a/b"),
            ("workload", "spiffe://example/ns/a/sa/b", "workload spiffe://example/ns/a/sa/b"),
        ] {
            let target = BlockTarget::parse(kind, name).unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(BlockTarget::parse(target.kind(), &target.name()), Ok(target));
        }
    }

    #[test]
    fn refuses_what_is_no_target() {
        for (kind, name) in [
            ("everything", "x"),
            ("", ""),
            ("api", ""),
            ("app", "no spaces"),
            ("key", "short"),
            ("network", "10.0.0.0/33"),
            ("network", "0.0.0.0/0"),
            ("network", "::/0"),
            ("network", "example.com"),
            ("network", "10.0.0.0/ 8"),
            ("network", "10.0.0.0/+8"),
            ("operation", "orders"),
            ("token", ""),
            ("token", "a\nb"),
            ("token", " a"),
            ("user", "ann"),
            ("user", "/ann"),
            ("user", "corp/"),
            ("workload", &"w".repeat(TARGET_BYTES_MAX + 1)),
        ] {
            assert!(BlockTarget::parse(kind, name).is_err(), "{kind} {name}");
        }
        assert!(BlockTarget::parse("workload", &"w".repeat(TARGET_BYTES_MAX)).is_ok());
    }

    #[test]
    fn ids_read_back() {
        for random in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let id = BlockId::new(random);
            assert_eq!(BlockId::parse(id.as_str()), Ok(id));
        }
        assert_ne!(BlockId::new(1), BlockId::new(2));
        for text in ["", "0", "00000000000u", "00000000000A", "0000000000000"] {
            assert_eq!(BlockId::parse(text), Err(BlockError::Id), "{text}");
        }
    }
}
