//! Bytes as entries hold them: fixed integers, minimal varints, texts with a length.
//!
//! Every value has exactly one spelling, so that an entry that was read and is written again is the same
//! bytes: a varint with a padded zero group, a text that is no UTF-8 and bytes that are left over are refused.

/// The longest text in an entry, in bytes; a longer one is cut at a character when it is written.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// The most items in a list of an entry; further ones are left out when it is written.
pub const LIST_ITEMS_MAX: usize = 256;
/// The most bytes that a list of texts takes; further items are left out when it is written. Two such lists and all
/// other fields together stay below the longest leaf.
pub const LIST_BYTES_MAX: usize = 16 << 10;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the bytes end within a value")]
    Truncated,
    #[error("a number is not written in its one form")]
    Number,
    #[error("a text is not UTF-8 or too long")]
    Text,
    #[error("a list is too long")]
    List,
    #[error("a code is not known to this version")]
    Code,
    #[error("a version is not known to this program")]
    Version,
    #[error("bytes are left over")]
    Trailing,
}

#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    // Nearly all numbers are lengths and counts, which take one byte.
    match u8::try_from(value) {
        Ok(byte @ 0..=0x7f) => out.push(byte),
        Ok(_) | Err(_) => put_long_varint(out, value),
    }
}

fn put_long_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Cuts `text` to the limit, at a character.
#[inline]
pub(crate) fn cut(text: &str) -> &str {
    if text.len() <= TEXT_BYTES_MAX { text } else { cut_long(text) }
}

#[cold]
fn cut_long(text: &str) -> &str {
    // A character has at most four bytes, so one of these places is a boundary.
    (TEXT_BYTES_MAX - 3..=TEXT_BYTES_MAX).rev().find_map(|end| text.get(..end)).unwrap_or("")
}

#[inline]
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = cut(text);
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// A text that may be absent: its length plus one, or zero.
pub(crate) fn put_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            let text = cut(text);
            put_varint(out, text.len() as u64 + 1);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

pub(crate) fn put_texts(out: &mut Vec<u8>, texts: &[&str]) {
    // A length takes two bytes at most.
    let sizes = texts.iter().scan(0, |sum: &mut usize, text| {
        *sum += cut(text).len() + 2;
        (*sum <= LIST_BYTES_MAX).then_some(())
    });
    let count = sizes.take(LIST_ITEMS_MAX).count();
    put_varint(out, count as u64);
    for text in texts.iter().take(count) {
        put_text(out, text);
    }
}

/// Reads from the front of bytes; what was read is gone.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        // Nearly all numbers are lengths and counts, which take one byte.
        match self.rest {
            [byte @ 0..=0x7f, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && 1 < byte {
                return Err(DecodeError::Number);
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift != 0 { Err(DecodeError::Number) } else { Ok(value) };
            }
        }
        Err(DecodeError::Number)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn text_of(&mut self, length: u64) -> Result<&'a str, DecodeError> {
        let length = usize::try_from(length).map_err(|_| DecodeError::Text)?;
        if TEXT_BYTES_MAX < length {
            return Err(DecodeError::Text);
        }
        std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::Text)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.varint()?;
        self.text_of(length)
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<&'a str>, DecodeError> {
        match self.varint()? {
            0 => Ok(None),
            length => self.text_of(length - 1).map(Some),
        }
    }

    /// The number of items of a list.
    pub(crate) fn count(&mut self) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError::List)?;
        if LIST_ITEMS_MAX < count { Err(DecodeError::List) } else { Ok(count) }
    }

    pub(crate) fn texts(&mut self) -> Result<Texts<'a>, DecodeError> {
        let count = self.count()?;
        let bytes = self.rest;
        for _ in 0..count {
            self.text()?;
        }
        Ok(Texts { count, cursor: Cursor::new(bytes) })
    }

    pub(crate) const fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

/// A list of texts inside an entry; it was checked when the entry was read.
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    count: usize,
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.count = self.count.checked_sub(1)?;
        self.cursor.text().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back_and_have_one_form(value in any::<u64>(), signed in any::<i64>()) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            put_signed(&mut bytes, signed);
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.varint(), Ok(value));
            prop_assert_eq!(cursor.signed(), Ok(signed));
            prop_assert_eq!(cursor.end(), Ok(()));
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in proptest::collection::vec(any::<u8>(), 1..12)) {
            let mut cursor = Cursor::new(&bytes);
            if let Ok(value) = cursor.varint() {
                let mut again = Vec::new();
                put_varint(&mut again, value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - cursor.rest().len()]);
            }
        }
    }

    #[test]
    fn refuses_padded_and_overlong_numbers() {
        for (bytes, expected) in [
            (&[0x00][..], Ok(0)),
            (&[0x80, 0x00], Err(DecodeError::Number)),
            (&[0xff, 0x00], Err(DecodeError::Number)),
            (&[0x80], Err(DecodeError::Truncated)),
            (&[0xff; 10], Err(DecodeError::Number)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Ok(u64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], Err(DecodeError::Number)),
        ] {
            assert_eq!(Cursor::new(bytes).varint(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn leaves_out_what_a_list_has_no_room_for() {
        for (text, items, kept) in [
            ("a".to_owned(), LIST_ITEMS_MAX, LIST_ITEMS_MAX),
            ("a".to_owned(), LIST_ITEMS_MAX + 1, LIST_ITEMS_MAX),
            ("a".repeat(TEXT_BYTES_MAX), 20, LIST_BYTES_MAX / (TEXT_BYTES_MAX + 2)),
        ] {
            let mut bytes = Vec::new();
            put_texts(&mut bytes, &vec![text.as_str(); items]);
            assert!(bytes.len() <= LIST_BYTES_MAX + 2);
            assert_eq!(Cursor::new(&bytes).texts().unwrap().count(), kept);
        }
    }

    #[test]
    fn cuts_a_long_text_at_a_character() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        let mut bytes = Vec::new();
        put_text(&mut bytes, &long);
        assert_eq!(Cursor::new(&bytes).text().map(str::len), Ok(TEXT_BYTES_MAX));
        let odd = format!("x{long}");
        bytes.clear();
        put_text(&mut bytes, &odd);
        assert_eq!(Cursor::new(&bytes).text().map(str::len), Ok(TEXT_BYTES_MAX - 1));
    }
}
