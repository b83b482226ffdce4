//! Reading a head whose field lines were read before.
//!
//! Whoever keeps a connection often sends the same field lines with each message, and only the first line differs. What
//! field lines are depends on nothing but their bytes, so where all of them are, byte for byte, those that were accepted
//! before, they are the same fields again and need not be read again. What they mean together (framing, persistence)
//! is judged anew each time. Where heads keep differing they are not compared for a while, so that nothing is lost.
//!
//! Bytes are compared in a time that depends on their number alone. A connection may carry the requests of many, where
//! a proxy stands before this one: how far somebody's guess agrees with the secret in the head before must not show.

use crate::Field;
use crate::bytes::same_bytes;
use crate::fields::may_matter;

/// The most bytes of field lines that are remembered; a longer head is read anew each time.
const SEEN_BYTES_MAX: usize = 2_048;
/// Heads in a row that differ, after which none is compared for a while.
const MISSES_MAX: u8 = 4;
/// How many heads that is.
const REST_HEADS: u8 = 64;

/// The field lines of the last head on a connection. Its `Debug` prints none of them.
#[derive(Clone, Default)]
pub struct Seen {
    /// All lines, the empty one included.
    bytes: Vec<u8>,
    /// The places of the fields, counted from the first line.
    fields: Vec<Field>,
    /// Which of them may decide framing and the like.
    mattering: Vec<u16>,
    misses: u8,
    /// How many heads are not to be compared.
    rest: u8,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Seen").field("fields", &self.fields.len()).finish_non_exhaustive()
    }
}

impl Seen {
    /// Nothing, and without memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), fields: Vec::new(), mattering: Vec::new(), misses: 0, rest: 0 }
    }

    /// Where all lines stand at `position` of `view` as they stood before, the empty one included: puts the fields
    /// into `fields`, which is empty, and returns where the lines end.
    #[inline]
    pub(crate) fn all_at(&self, view: &[u8], position: usize, fields: &mut Vec<Field>) -> Option<usize> {
        if self.bytes.is_empty() || self.rest != 0 {
            return None;
        }
        let end = position + self.bytes.len();
        let there = view.get(position..end)?;
        // Where the lines do not end in the same place, which is told at no cost, they are others.
        if !there.ends_with(b"\r\n\r\n") || !same_bytes(there, &self.bytes) {
            return None;
        }
        // INVARIANT: `position` is a place in a head, and heads are at most 65,535 bytes long.
        let moved = u16::try_from(position).ok()?;
        fields.extend_from_slice(&self.fields);
        for field in fields.iter_mut() {
            field.name.start = field.name.start.wrapping_add(moved);
            field.value.start = field.value.start.wrapping_add(moved);
        }
        Some(end)
    }

    /// How many fields there are.
    pub(crate) const fn count(&self) -> usize {
        self.fields.len()
    }

    /// Which of the fields may decide framing and the like.
    #[inline]
    pub(crate) fn mattering(&self) -> impl Iterator<Item = usize> {
        self.mattering.iter().map(|place| usize::from(*place))
    }

    /// The lines came again.
    #[inline]
    pub(crate) const fn hit(&mut self) {
        self.misses = 0;
    }

    /// Other lines came, from `start` to `end` of `view`, and were accepted as `fields`: remembers them, unless it was in
    /// vain too often.
    #[inline]
    pub(crate) fn miss(&mut self, view: &[u8], start: usize, end: usize, fields: &[Field]) {
        if 1 < self.rest {
            self.rest -= 1;
            return;
        }
        self.keep(view, start, end, fields);
    }

    fn keep(&mut self, view: &[u8], start: usize, end: usize, fields: &[Field]) {
        let was_resting = self.rest != 0;
        self.rest = 0;
        self.misses = self.misses.saturating_add(1);
        if MISSES_MAX < self.misses && !was_resting {
            // The next time it is tried once, and rests again if that is in vain.
            self.misses = MISSES_MAX;
            self.rest = REST_HEADS;
        }
        self.bytes.clear();
        self.fields.clear();
        self.mattering.clear();
        let (section, Ok(moved)) = (view.get(start..end).unwrap_or_default(), u16::try_from(start)) else {
            return;
        };
        if self.rest != 0 || SEEN_BYTES_MAX < section.len() {
            return;
        }
        self.bytes.extend_from_slice(section);
        for (place, field) in (0..).zip(fields) {
            let (mut name, mut value) = (field.name, field.value);
            name.start = name.start.wrapping_sub(moved);
            value.start = value.start.wrapping_sub(moved);
            self.fields.push(Field { name, value });
            if may_matter(view, *field) {
                self.mattering.push(place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
