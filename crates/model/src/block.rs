//! Blocks: what a person said must stop now, until when.
//!
//! A block only ever takes away. It ends by itself, names its target exactly, and says nothing to the client of why
//! it was made: who, when and why stand in the log and are for administrators.

use std::fmt;

use crate::{
    ApiName, ApplicationName, Fingerprint, IssuerName, KeyId, Network, OperationId, Timestamp, User,
    WorkloadName,
};

/// Characters of a block's id.
pub const BLOCK_ID_BYTES: usize = 12;
/// The longest name of what can be blocked, in bytes: the whole block stands uncut in an entry of the log, from which it
/// is made again where the store lacks it.
pub const TARGET_BYTES_MAX: usize = 900;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is no block or no target of one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    #[error("a block's id has {BLOCK_ID_BYTES} characters of 0-9 and a-z without i, l, o and u")]
    Id,
    #[error("a block is written `ID: KIND NAME until TIME`")]
    Form,
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
    /// One access token, by the fingerprint that records show.
    Token(Fingerprint),
    /// A user of an issuer, whatever client acts for it.
    User { issuer: IssuerName, name: Box<str> },
    /// A workload, by the name that its certificate says.
    Workload(WorkloadName),
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
            "app" => ApplicationName::parse_any(name)
                .map(Self::Application)
                .map_err(|why| refused("application", &why)),
            "key" => KeyId::parse(name.as_bytes()).map(Self::Key).map_err(|why| refused("key", &why)),
            "network" => Network::parse(name).map(Self::Network).map_err(|why| refused("network", &why)),
            "operation" => {
                plain(name).map_err(|why| refused("operation", &why))?;
                OperationId::parse(name).map(Self::Operation).map_err(|why| refused("operation", &why))
            }
            "token" => Fingerprint::parse(name).map(Self::Token).map_err(|why| refused("token", &why)),
            "user" => {
                let (issuer, user) = name
                    .split_once(User::SEPARATOR)
                    .ok_or_else(|| refused("user", &"it is written ISSUER/NAME"))?;
                let issuer = IssuerName::parse(issuer).map_err(|why| refused("user", &why))?;
                plain(user).map(|name| Self::User { issuer, name }).map_err(|why| refused("user", &why))
            }
            "workload" => {
                WorkloadName::parse(name).map(Self::Workload).map_err(|why| refused("workload", &why))
            }
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
            Self::Token(fingerprint) => fingerprint.to_string(),
            Self::User { issuer, name } => format!("{issuer}{}{name}", User::SEPARATOR),
            Self::Workload(name) => name.to_string(),
        }
    }
}

impl Block {
    /// Reads a block as it is written: `ID: KIND NAME until TIME`.
    pub fn parse(text: &str) -> Result<Self, BlockError> {
        let (id, rest) = text.split_once(": ").ok_or(BlockError::Form)?;
        let (target, until) = rest.rsplit_once(" until ").ok_or(BlockError::Form)?;
        let (kind, name) = target.split_once(' ').ok_or(BlockError::Form)?;
        Ok(Self {
            id: BlockId::parse(id)?,
            target: BlockTarget::parse(kind, name)?,
            until: Timestamp::parse(until).map_err(|_| BlockError::Form)?,
        })
    }
}

/// All that is needed to make the block again, on one line.
impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, target, until } = self;
        write!(formatter, "{id}: {target} until {until}")
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
        return Err("it has 1 to 900 bytes");
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err("it has no control characters and no white space round it");
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "00112233445566778899aabbccddeeff";

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
            ("app", "corp:web-client", "app corp:web-client"),
            ("token", TOKEN, &format!("token {TOKEN}")),
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
    fn blocks_read_back_as_they_are_written() {
        let until = Timestamp::parse("2026-11-27T10:00:00Z").unwrap();
        // A user may be called almost anything.
        for (kind, name) in
            [("app", "shop"), ("user", "corp/ann until 2030-01-01"), ("network", "10.0.0.0/8")]
        {
            let target = BlockTarget::parse(kind, name).unwrap();
            let block = Block { id: BlockId::new(7), target, until };
            assert_eq!(Block::parse(&block.to_string()), Ok(block));
        }
        for text in [
            "",
            "x",
            "70000000000: app a until 2026-01-01",
            "700000000000: app a until soon",
            "700000000000: app until 2026-01-01",
        ] {
            assert!(Block::parse(text).is_err(), "{text}");
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
            ("operation", "orders:GET /a\u{7f}"),
            ("token", ""),
            ("token", "0f8c"),
            ("user", "corp/a\nb"),
            ("user", "corp/ a"),
            ("user", "no issuer/ann"),
            ("user", "ann"),
            ("user", "/ann"),
            ("user", "corp/"),
            ("workload", ""),
            ("workload", "a b"),
            ("user", &format!("corp/{}", "u".repeat(TARGET_BYTES_MAX + 1))),
        ] {
            assert!(BlockTarget::parse(kind, name).is_err(), "{kind} {name}");
        }
        assert!(BlockTarget::parse("user", &format!("corp/{}", "u".repeat(TARGET_BYTES_MAX))).is_ok());
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
