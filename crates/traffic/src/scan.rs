//! Walking along a line, and the memory that a reader keeps for what cannot be borrowed from it.

use memchr::{memchr, memchr_iter, memchr2};

/// Texts that differ from what stands in the line.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The line with bytes outside of ASCII percent-encoded.
    pub(crate) line: String,
    pub(crate) host: String,
    /// A quoted field with its escapes undone.
    pub(crate) quoted: String,
}

/// The line as text: bytes outside of ASCII become `%XX`, so that a path reads alike however a log was encoded.
pub(crate) fn ascii<'a>(line: &'a [u8], scratch: &'a mut String) -> &'a str {
    match std::str::from_utf8(line) {
        Ok(text) if text.is_ascii() => text,
        Ok(_) | Err(_) => {
            scratch.clear();
            line.iter().for_each(|byte| put(scratch, *byte));
            scratch
        }
    }
}

/// Puts one byte, percent-encoded where it is outside of ASCII.
fn put(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte.is_ascii() {
        text.push(char::from(byte));
        return;
    }
    text.push('%');
    for half in [byte >> 4, byte & 15] {
        text.push(DIGITS.get(usize::from(half)).copied().map_or('0', char::from));
    }
}

/// A place in a line.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// What stands before `end`; goes on behind it.
    pub(crate) fn until(&mut self, end: &str) -> Option<&'a str> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        // The last byte is the rarest in logs, so what is before it is looked at once or twice.
        let (last, before) = end.as_bytes().split_last()?;
        for place in memchr_iter(*last, bytes) {
            let found = bytes.get(..place).and_then(|front| front.strip_suffix(before));
            if let Some(found) = found {
                self.at += place + 1;
                return rest.get(..found.len());
            }
        }
        None
    }

    /// The next word, behind any blanks.
    pub(crate) fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches(' ');
        let length = memchr(b' ', trimmed.as_bytes()).unwrap_or(trimmed.len());
        let word = trimmed.get(..length).filter(|word| !word.is_empty())?;
        self.at += rest.len() - trimmed.len() + length;
        Some(word)
    }

    /// The rest of a quoted field, behind its first mark, with the escapes of Apache and nginx undone; goes on behind it.
    pub(crate) fn quoted(&mut self, scratch: &'a mut String) -> Option<&'a str> {
        let (field, escapes) = self.raw_quoted()?;
        if escapes == Escapes::None {
            return Some(field);
        }
        scratch.clear();
        let mut bytes = field.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'\\' {
                put(scratch, byte);
                continue;
            }
            let escaped = bytes.next()?;
            let byte = match escaped {
                b'x' => {
                    let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                    u8::try_from(digit()? * 16 + digit()?).ok()?
                }
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'v' => 11,
                other => other,
            };
            put(scratch, byte);
        }
        Some(scratch)
    }

    /// A whole quoted field behind any blanks, as it stands.
    pub(crate) fn plain_quoted(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let inner = rest.trim_start_matches(' ').strip_prefix('"')?;
        self.at += rest.len() - inner.len();
        self.raw_quoted().map(|(field, _)| field)
    }

    /// Up to the next mark that no backslash stands before.
    fn raw_quoted(&mut self) -> Option<(&'a str, Escapes)> {
        let rest = self.rest();
        let (mut from, mut escapes) = (0, Escapes::None);
        loop {
            let place = from + memchr2(b'"', b'\\', rest.as_bytes().get(from..)?)?;
            if rest.as_bytes().get(place) == Some(&b'"') {
                self.at += place + 1;
                return Some((rest.get(..place)?, escapes));
            }
            (from, escapes) = (place + 2, Escapes::Some);
        }
    }
}

/// Whether a quoted field has any.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Some,
}
