//! Own keys taken apart, as an attacker would: `sp_ENVIRONMENT_ID_SECRET` and a checksum of six characters.

/// Characters of the checksum.
const CHECKSUM: usize = 6;
/// Characters of secret and checksum.
const TAIL: usize = 32 + CHECKSUM;

/// The public id inside a key.
pub(crate) fn id(key: &str) -> String {
    key.split('_').nth(2).unwrap().to_owned()
}

/// The secret, without its checksum.
pub(crate) fn secret(key: &str) -> &str {
    key.split_at(key.len() - CHECKSUM).0.split_at(key.len() - TAIL).1
}

/// The key with another character at this place.
pub(crate) fn changed(key: &str, place: usize) -> String {
    let (before, rest) = key.split_at(place);
    let (old, after) = rest.split_at(1);
    format!("{before}{}{after}", if old == "A" { 'B' } else { 'A' })
}

/// The key with its last character changed.
pub(crate) fn miscopied(key: &str) -> String {
    changed(key, key.len() - 1)
}

/// The key with the secret of another one, and a checksum that is right for it.
pub(crate) fn with_secret_of(key: &str, other: &str) -> String {
    let start = key.split_at(key.len() - TAIL).0;
    let sealed = |secret: &str| {
        let body = format!("{start}{secret}");
        let sum = checksum(&body);
        format!("{body}{sum}")
    };
    // What is made here has the right form: the key's own secret gives the key.
    assert_eq!(sealed(secret(key)), key);
    sealed(secret(other))
}

/// The key under another id, with a checksum that is right for it.
pub(crate) fn with_id(key: &str, id: &str) -> String {
    let parts: Vec<&str> = key.split('_').collect();
    let [prefix, environment, _, _] = parts[..] else { panic!("{key}") };
    let body = format!("{prefix}_{environment}_{id}_{}", secret(key));
    let sum = checksum(&body);
    format!("{body}{sum}")
}

/// CRC-32 (ISO-HDLC) in base 62, the highest digit first.
fn checksum(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut left = !crc;
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; CHECKSUM];
    for slot in text.iter_mut().rev() {
        *slot = digits[usize::try_from(left % 62).unwrap()];
        left /= 62;
    }
    String::from_utf8(text.to_vec()).unwrap()
}
