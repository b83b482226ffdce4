//! Copying fields of one head into another, runs of them at a time.
//!
//! Most fields go on as they came, side by side. Each is looked at and a run of them copied at once; that costs a
//! fraction of taking lines apart and putting them together again.

use super::{WriteError, write_parsed_field};
use crate::Field;
use crate::bytes::is_text;

/// Copies fields that were parsed from one head, in the order in which they are pushed.
///
/// Nothing of a run is written before the next field that does not join it, or [`FieldRun::break_off`]. That names are
/// tokens was shown when they were parsed; that each line of a run ends where it was said to, and holds no other line
/// break, NUL or control character, is looked at again when it is pushed.
#[derive(Debug)]
#[must_use = "a run that is not broken off is not written"]
pub struct FieldRun<'a> {
    head: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> FieldRun<'a> {
    /// A run of no fields of `head`.
    pub const fn new(head: &'a [u8]) -> Self {
        Self { head, start: 0, end: 0 }
    }

    /// Adds a field: to the run, where it follows it as `name: value` and a line break, or by itself.
    ///
    /// # Errors
    ///
    /// [`WriteError::Name`] or [`WriteError::Value`]; never for a field of the head it was parsed from.
    #[inline]
    pub fn push(&mut self, out: &mut Vec<u8>, field: Field) -> Result<(), WriteError> {
        let start = usize::from(field.name.start);
        let colon = start + usize::from(field.name.length);
        let value = usize::from(field.value.start);
        let end = value + usize::from(field.value.length);
        let is_usual = value == colon + 2
            && self.head.get(colon..).is_some_and(|rest| rest.starts_with(b": "))
            && self.head.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"))
            && self.head.get(start..end).is_some_and(is_text);
        if !is_usual {
            self.break_off(out);
            return write_parsed_field(out, self.head, field);
        }
        if self.end != start {
            self.break_off(out);
            self.start = start;
        }
        self.end = end + 2;
        Ok(())
    }

    /// Writes what is not written yet. Call it before anything else is written, and at the end.
    #[inline]
    pub fn break_off(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.get(self.start..self.end).unwrap_or_default());
        self.start = self.end;
    }
}
