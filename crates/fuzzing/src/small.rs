//! Small texts: keys, names, times.

use model::{Block, BlockTarget, HostName, Network, Timestamp};

/// Beginnings of alternative names, and names.
pub(crate) const CERTIFICATE: &[&str] =
    &["\u{6}\u{3}U\u{1d}\u{11}", "spiffe://a.example/b", "a.example", "*.example", "0", "\0", "\u{6}"];

/// Pieces of blocks and of networks.
pub(crate) const BLOCKS: &[&str] = &[
    "app ",
    "key ",
    "user ",
    "token ",
    "workload ",
    "network ",
    "operation ",
    "api ",
    " until ",
    ": ",
    "/",
    ":",
    "10.0.0.0",
    "::",
    "::ffff:",
    "/0",
    "/32",
    "/33",
    "/96",
    "/128",
    "/129",
    "+",
    "2026-11-27T10:00:00Z",
    "orders:GET /",
    "{id}",
    "spiffe://",
    "7h2k9m4p1q8r",
];

/// Pieces of access tokens and of key sets.
pub(crate) const TOKEN: &[&str] = &[
    ".",
    "..",
    "=",
    "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSJ9",
    "eyJhbGciOiJub25lIn0",
    "e30",
    "\"kty\":\"EC\"",
    "\"kty\":\"oct\"",
    "\"crv\":\"P-256\"",
    "\"kid\":\"one\"",
    "\"keys\":[",
    "\"d\":\"AA\"",
    "\"alg\":\"RS256\"",
    "\"issuer\":\"https://id.example.com\"",
    "\"jwks_uri\":\"https://id.example.com/jwks\"",
    "[",
    "{",
    "}",
    "]",
    ",",
    "\\u0061",
];

/// A key that is read is one that [`identity::key::make`] could have made: it has the prefix, and no other
/// text with one byte changed is the same key.
pub(crate) fn key(bytes: &[u8]) -> Result<(), String> {
    let Ok(key) = identity::key::parse(bytes) else { return Ok(()) };
    if !identity::key::looks_like_own_key(bytes) {
        return Err("a key was read that does not look like one".into());
    }
    let shown = format!("{key:?}");
    let secret =
        bytes.len().checked_sub(38).and_then(|start| bytes.get(start..start + 32)).unwrap_or_default();
    let secret = String::from_utf8_lossy(secret);
    if shown.contains(secret.as_ref()) {
        return Err("the secret of a key is shown by `Debug`".into());
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        if let Some(byte) = changed.get_mut(place) {
            *byte ^= 1;
        }
        if identity::key::parse(&changed).is_ok() {
            return Err(format!("the checksum misses a changed byte at {place}"));
        }
    }
    Ok(())
}

/// Hosts and times: what is read and written is read as the same again.
pub(crate) fn names(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    if let Ok(host) = HostName::parse(text) {
        let again = HostName::parse(&host.to_string());
        if again.as_ref().ok() != Some(&host) {
            return Err(format!("host `{host}` reads as {again:?}"));
        }
    }
    if let Ok(time) = Timestamp::parse(text) {
        let again = Timestamp::parse(&time.to_string());
        // Written with milliseconds; finer digits are cut.
        if again.as_ref().ok().map(|time| time.as_millis()) != Some(time.as_millis()) {
            return Err(format!("time `{time}` reads as {again:?}"));
        }
    }
    Ok(())
}

/// Blocks, what they stop, and networks: what is read and written is read as the same again.
pub(crate) fn blocks(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    if let Ok(block) = Block::parse(text) {
        let again = Block::parse(&block.to_string());
        if again.as_ref().ok().map(|block| (&block.id, &block.target)) != Some((&block.id, &block.target)) {
            return Err(format!("block `{block}` reads as {again:?}"));
        }
    }
    if let Some(target) = text.split_once(' ').and_then(|(kind, name)| BlockTarget::parse(kind, name).ok()) {
        let again = BlockTarget::parse(target.kind(), &target.name());
        if again.as_ref() != Ok(&target) {
            return Err(format!("target `{target}` reads as {again:?}"));
        }
        if target.to_string().chars().any(char::is_control) {
            return Err(format!("target `{target:?}` has more than one line"));
        }
    }
    if let Ok(network) = Network::parse(text) {
        let again = Network::parse(&network.to_string());
        if again != Ok(network) {
            return Err(format!("network `{network}` reads as {again:?}"));
        }
    }
    Ok(())
}
