//! Looking at eight bytes at a time.
//!
//! Loops over single bytes are a large part of what admission costs. Each function here says of every byte of a
//! little-endian word whether it belongs to a class, by the high bit of that byte, exactly.

const ONES: u64 = u64::MAX / 0xff;
pub(crate) const HIGH: u64 = 0x80 * ONES;

/// `number` in each byte.
const fn each(number: u8) -> u64 {
    number as u64 * ONES
}

/// The high bit of each byte of `low` that is at least `bound`.
///
/// INVARIANT: each byte of `low` is below 0x80 and `bound` is from 1 to 0x80, so no sum carries into the next byte.
#[inline]
const fn from(low: u64, bound: u8) -> u64 {
    low.wrapping_add(each(0x80 - bound))
}

/// The high bit of each byte that is `byte`, which is below 0x80.
#[inline]
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    let low = word & !HIGH;
    !from(low ^ each(byte), 1) & !word & HIGH
}

/// The high bit of each byte that is no letter in lower case, no digit and no hyphen.
#[inline]
pub(crate) const fn outside_lower_names(word: u64) -> u64 {
    let low = word & !HIGH;
    outside(low, word, low)
}

/// The same with letters of either case.
#[inline]
pub(crate) const fn outside_names(word: u64) -> u64 {
    let low = word & !HIGH;
    // Setting 0x20 turns upper case into lower and nothing else into a letter.
    outside(low | each(0x20), word, low)
}

#[inline]
const fn outside(letters: u64, word: u64, low: u64) -> u64 {
    let letter = from(letters, b'a') & !from(letters, b'z' + 1);
    let digit = from(low, b'0') & !from(low, b'9' + 1);
    let hyphen = !from(low ^ each(b'-'), 1);
    !((letter | digit | hyphen) & !word) & HIGH
}

/// The index of the first flagged byte of a word that has one.
#[inline]
pub(crate) const fn first(flags: u64) -> u32 {
    flags.trailing_zeros() / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_told_exactly() {
        for filler in [b'a', b'.', 0x00, 0x7f, 0x80, 0xff] {
            for place in 0..8 {
                for byte in 0..=u8::MAX {
                    let mut bytes = [filler; 8];
                    bytes[place] = byte;
                    let word = u64::from_le_bytes(bytes);
                    let flags = |fits: &dyn Fn(u8) -> bool| {
                        u64::from_le_bytes(bytes.map(|byte| if fits(byte) { 0x80 } else { 0 }))
                    };
                    let lower = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
                    assert_eq!(outside_lower_names(word), flags(&|byte| !lower(byte)), "{bytes:?}");
                    let either = |byte: u8| lower(byte.to_ascii_lowercase());
                    assert_eq!(outside_names(word), flags(&|byte| !either(byte)), "{bytes:?}");
                    assert_eq!(equal(word, b'.'), flags(&|byte| byte == b'.'), "{bytes:?}");
                }
            }
        }
        assert_eq!(first(u64::from_le_bytes([0, 0, 0x80, 0, 0x80, 0, 0, 0])), 2);
    }
}
