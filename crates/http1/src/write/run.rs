//! Copying fields of one head into another, runs of them at a time.
//!
//! Most fields go on as they came, side by side. A run of them is looked at once and copied once; that costs a
//! fraction of taking lines apart and putting them together again.

use super::{WriteError, write_parsed_field};
use crate::Field;
use crate::bytes::count_controls;

/// Copies fields that were parsed from one head, in the order in which they are pushed.
///
/// Nothing of a run is written before the next field that does not join it, or [`FieldRun::break_off`]. That names are
/// tokens was shown when they were parsed; that each line of a run ends where it was said to, and holds no other line
/// break, NUL or control character, is looked at again.
#[derive(Debug)]
#[must_use = "a run that is not broken off is not written"]
pub struct FieldRun<'a> {
    head: &'a [u8],
    start: usize,
    end: usize,
    lines: usize,
}

impl<'a> FieldRun<'a> {
    /// A run of no fields of `head`.
    pub const fn new(head: &'a [u8]) -> Self {
        Self { head, start: 0, end: 0, lines: 0 }
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
        let is_usual =
            self.head.get(colon..value) == Some(b": ") && self.head.get(end..end + 2) == Some(b"\r\n");
        if is_usual && 0 < self.lines && self.end == start {
            self.end = end + 2;
            self.lines += 1;
            return Ok(());
        }
        self.break_off(out)?;
        if !is_usual {
            return write_parsed_field(out, self.head, field);
        }
        (self.start, self.end, self.lines) = (start, end + 2, 1);
        Ok(())
    }

    /// Writes what is not written yet. Call it before anything else is written, and at the end.
    ///
    /// # Errors
    ///
    /// [`WriteError::Value`]; never for fields of the head they were parsed from.
    pub fn break_off(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let lines = std::mem::take(&mut self.lines);
        if lines == 0 {
            return Ok(());
        }
        let run = self.head.get(self.start..self.end).unwrap_or_default();
        // INVARIANT: each line of the run ends in the two bytes of its own line break, so there is no other.
        if count_controls(run) != 2 * lines {
            return Err(WriteError::Value);
        }
        out.extend_from_slice(run);
        Ok(())
    }
}
