//! Classes of bytes, and looking at several at a time.
//!
//! Every function here answers one question: how many bytes at the start of a slice belong to a class. Loops over
//! single bytes were a sixth of the cost of a request, so words of eight are used where a class is a range, and a
//! table in steps of four where it is not.

/// The bytes of a token (RFC 9110, 5.6.2).
const TOKEN: u8 = 1;
/// The bytes of a request target: visible ASCII without `#`.
const TARGET: u8 = 2;
/// The bytes of a field value: HTAB, printable ASCII and everything from 0x80 up.
const TEXT: u8 = 4;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0_u8; 256];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let Some((entry, tail)) = rest.split_first_mut() {
        *entry = class(byte);
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    table
}

const fn class(byte: u8) -> u8 {
    match byte {
        b'\t' | b' ' | 0x80..=0xff => TEXT,
        b'#' => TEXT | TOKEN,
        b'!' | b'$'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~' => TEXT | TARGET | TOKEN,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => TEXT | TARGET | TOKEN,
        0x21..=0x7e => TEXT | TARGET,
        0..=0x1f | 0x7f => 0,
    }
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    class_of(byte) & class != 0
}

#[inline]
fn class_of(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Whether a byte may stand in a token.
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    is(byte, TOKEN)
}

/// Whether `bytes` is a token; an empty one is not.
#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    let usual = |word: &[u8; 8]| outside_usual_names(u64::from_le_bytes(*word)) == 0;
    match bytes.last_chunk::<8>() {
        // The last word overlaps the one before it.
        Some(last) if usual(last) && words.iter().all(usual) => true,
        Some(_) | None => !bytes.is_empty() && bytes.iter().all(|byte| is(*byte, TOKEN)),
    }
}

/// Whether `bytes` is text: no control character but tabs.
#[inline]
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let (blocks, _) = bytes.as_chunks::<16>();
    let printable = |block: &[u8; 16]| block.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    match (bytes.last_chunk::<16>(), bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        // The last block overlaps the one before it, and so do two words of a short text.
        (Some(last), _, _) if printable(last) && blocks.iter().all(printable) => true,
        (None, Some(first), Some(last)) if !has_controls(first) && !has_controls(last) => true,
        _ => bytes.iter().all(|byte| is(*byte, TEXT)),
    }
}

#[inline]
fn has_controls(word: &[u8; 8]) -> bool {
    controls(u64::from_le_bytes(*word)) != 0
}

/// Space or horizontal tab.
#[inline]
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The length of the token at the start of `bytes`.
#[inline]
pub(crate) fn token_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let others = outside_usual_names(u64::from_le_bytes(*word));
        if others != 0 {
            let length = bytes.len() - rest.len() + first_flag(others);
            return match bytes.get(length) {
                Some(b':' | b' ') => length,
                _ => length + rare_token_length(bytes.get(length..).unwrap_or_default()),
            };
        }
        rest = tail;
    }
    bytes.len() - rest.len() + rare_token_length(rest)
}

/// The length of a name of letters, digits and hyphens at the start of `bytes`, where a colon follows it; `None` where
/// that is to be told in another way.
#[inline(always)]
pub(crate) fn usual_name_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let others = outside_usual_names(u64::from_le_bytes(*word));
        if others != 0 {
            let length = bytes.len() - rest.len() + first_flag(others);
            return (0 < length && bytes.get(length) == Some(&b':')).then_some(length);
        }
        rest = tail;
    }
    None
}

/// The same, byte by byte: for the last bytes of a slice, and for the bytes that names hardly ever hold.
fn rare_token_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is(**byte, TOKEN)).count()
}

const ONES: u64 = u64::MAX / 0xff;
const HIGH: u64 = 0x80 * ONES;

/// `number` in each byte of a word.
const fn each(number: u8) -> u64 {
    number as u64 * ONES
}

/// Sets the high bit of each byte of `low` that is at least `bound`.
///
/// INVARIANT: each byte of `low` is below 0x80 and `bound` is from 1 to 0x80, so no sum carries into the next byte.
/// That is why the sum need not be checked, which would cost as much again.
#[inline]
const fn from(low: u64, bound: u8) -> u64 {
    low.wrapping_add(each(0x80 - bound))
}

/// Clears the high bit of each byte of `low` that equals `byte`, and sets that of the others.
#[inline]
const fn differs(low: u64, byte: u8) -> u64 {
    from(low ^ each(byte), 1)
}

/// The high bit of each byte of `word` that is below 0x20 or is 0x7f; exact.
#[inline]
const fn controls(word: u64) -> u64 {
    let low = word & !HIGH;
    (!from(low, b' ') | from(low, 0x7f)) & !word & HIGH
}

/// The high bit of each byte of `word` that is not a letter, a digit or a hyphen; exact.
#[inline]
const fn outside_usual_names(word: u64) -> u64 {
    let low = word & !HIGH;
    // Setting 0x20 turns upper case into lower and nothing else into a letter.
    let folded = low | each(0x20);
    let letter = from(folded, b'a') & !from(folded, b'z' + 1);
    let digit = from(low, b'0') & !from(low, b'9' + 1);
    let hyphen = !differs(low, b'-');
    !((letter | digit | hyphen) & !word) & HIGH
}

/// The high bit of each byte of `word` that does not belong in a target; exact.
#[inline]
const fn outside_target(word: u64) -> u64 {
    let low = word & !HIGH;
    (!from(low, b'!') | from(low, 0x7f) | !differs(low, b'#') | word) & HIGH
}

/// The length of the target at the start of `bytes`.
#[inline]
pub(crate) fn target_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        // Compiled to a few vector instructions; the words below find the place where it does not hold.
        if !block.iter().fold(true, |plain, byte| plain & matches!(byte, b'!'..=b'~') & (*byte != b'#')) {
            break;
        }
        rest = tail;
    }
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let outside = outside_target(u64::from_le_bytes(*word));
        if outside != 0 {
            return bytes.len() - rest.len() + first_flag(outside);
        }
        rest = tail;
    }
    let length = rest.iter().take_while(|byte| is(**byte, TARGET)).count();
    bytes.len() - rest.len() + length
}

/// A word with its letters in lower case; exact.
#[inline]
const fn lowered(word: u64) -> u64 {
    let low = word & !HIGH;
    let upper = from(low, b'A') & !from(low, b'Z' + 1) & !word & HIGH;
    // From 0x80 to the 0x20 that is between the cases.
    word | (upper >> 2)
}

/// Whether `bytes`, with its ASCII letters in lower case, is `lower`.
#[inline]
pub(crate) fn equals_lower(bytes: &[u8], lower: &[u8]) -> bool {
    let same =
        |(one, other): (&[u8; 8], &[u8; 8])| lowered(u64::from_le_bytes(*one)) == u64::from_le_bytes(*other);
    if bytes.len() != lower.len() {
        return false;
    }
    match (bytes.last_chunk::<8>(), lower.last_chunk::<8>()) {
        // The last word overlaps the one before it.
        (Some(one), Some(other)) => {
            same((one, other)) && bytes.as_chunks::<8>().0.iter().zip(lower.as_chunks::<8>().0).all(same)
        }
        _ => bytes.iter().zip(lower).all(|(one, other)| one.to_ascii_lowercase() == *other),
    }
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
#[inline]
pub(crate) fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    // Compiled to vector instructions; the last block overlaps the one before it.
    let differ = |one: &[u8; 16], other: &[u8; 16]| {
        one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other))
    };
    if one.len() != other.len() {
        return false;
    }
    match (one.last_chunk::<16>(), other.last_chunk::<16>()) {
        (Some(last), Some(other_last)) => {
            let (blocks, others) = (one.as_chunks::<16>().0, other.as_chunks::<16>().0);
            let before = blocks.iter().zip(others).fold([0_u8; 16], |all, (one, other)| {
                std::array::from_fn(|place| {
                    let at = |block: &[u8; 16]| block.get(place).copied().unwrap_or_default();
                    at(&all) | (at(one) ^ at(other))
                })
            });
            before.iter().fold(differ(last, other_last), |all, byte| all | byte) == 0
        }
        _ => one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0,
    }
}

/// The index of the first flagged byte of a little-endian word that has one.
#[inline]
const fn first_flag(flags: u64) -> usize {
    (flags.trailing_zeros() / 8) as usize
}

/// What the bytes of a text are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// Printable ASCII and tabs only.
    Ascii,
    /// Bytes from 0x80 up as well.
    Beyond,
}

/// The length of the printable ASCII at the start of `bytes`, spaces included.
#[inline(always)]
pub(crate) fn printable_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        // Compiled to a few vector instructions; the words below find the place where it does not hold.
        if !block.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
            break;
        }
        rest = tail;
    }
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let outside = (controls(word) | word) & HIGH;
        if outside != 0 {
            return bytes.len() - rest.len() + first_flag(outside);
        }
        rest = tail;
    }
    bytes.len() - rest.len() + rest.iter().take_while(|byte| matches!(byte, b' '..=b'~')).count()
}

/// The length of the text (field value or reason phrase, white space included) at the start of `bytes`.
#[inline]
pub(crate) fn text_length(bytes: &[u8]) -> (usize, Alphabet) {
    let mut rest = bytes;
    let mut beyond = 0_u64;
    while let Some((block, tail)) = rest.split_first_chunk::<16>() {
        // Compiled to a few vector instructions; the words below find the place where it does not hold.
        if !block.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
            break;
        }
        rest = tail;
    }
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let stops = controls(word);
        if stops == 0 {
            beyond |= word & HIGH;
            rest = tail;
            continue;
        }
        let lowest = stops & stops.wrapping_neg();
        beyond |= word & HIGH & (lowest - 1);
        let (_, after) = rest.split_at_checked(first_flag(stops)).unwrap_or((rest, &[]));
        rest = after;
        // A tab is a control character that may pass.
        if let Some((b'\t', tail)) = after.split_first() {
            rest = tail;
            continue;
        }
        return (bytes.len() - rest.len(), alphabet(beyond));
    }
    while let Some((byte, tail)) = rest.split_first() {
        if !is(*byte, TEXT) {
            break;
        }
        beyond |= u64::from(*byte) & HIGH;
        rest = tail;
    }
    (bytes.len() - rest.len(), alphabet(beyond))
}

const fn alphabet(beyond: u64) -> Alphabet {
    if beyond == 0 { Alphabet::Ascii } else { Alphabet::Beyond }
}

/// The index of the first line feed in `bytes`.
#[inline]
pub(crate) fn line_feed(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        // The lowest flag is exact: a borrow only reaches bytes above a real hit.
        let differs = u64::from_le_bytes(*word) ^ (0x0a * ONES);
        let hits = differs.wrapping_sub(ONES) & !differs & HIGH;
        if hits != 0 {
            return Some(bytes.len() - rest.len() + first_flag(hits));
        }
        rest = tail;
    }
    rest.iter().position(|byte| *byte == b'\n').map(|index| bytes.len() - rest.len() + index)
}

/// Whether `bytes` is UTF-8 without the control characters U+0080 to U+009F.
pub(crate) fn is_plain_utf8(bytes: &[u8]) -> bool {
    core::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c)))
}

#[cfg(test)]
mod tests;
