//! Entry points for fuzzing: any bytes, no panic, bounded work.

use crate::Peer;

/// Reads bytes as a client certificate. Whom it names has one spelling, without anything that means more than itself.
///
/// # Errors
///
/// A property does not hold; the text says which.
pub fn certificate(bytes: &[u8]) -> Result<(), String> {
    let Ok(peer) = Peer::of(bytes) else { return Ok(()) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b':');
    if peer.name.is_empty() || !peer.name.bytes().all(plain) {
        return Err(format!("the name {:?} holds what no name may", peer.name));
    }
    let is_id = peer.name.starts_with("spiffe://");
    if !is_id && peer.name.bytes().any(|byte| byte.is_ascii_uppercase() || matches!(byte, b'/' | b':')) {
        return Err(format!("the DNS name {:?} has another spelling", peer.name));
    }
    if Peer::of(bytes).as_ref() != Ok(&peer) {
        return Err("two readings of the same bytes differ".to_owned());
    }
    Ok(())
}
