//! The fields that decide where a message ends and whether another follows (RFC 9112, 6 and 9.3).
//!
//! Both directions collect them here, under the same rules: at most one `Content-Length`, a plain number; at most
//! one `Transfer-Encoding`, exactly `chunked`; never both; `Connection` a list of tokens.

use crate::name::{equals, tokens};
use crate::{FramingRefusal, Persistence, Span, Version};

/// Whether the body comes in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Chunked,
    None,
}

/// What was collected so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FramingFields {
    version: Version,
    pub(crate) length: Option<u64>,
    pub(crate) coding: Coding,
    pub(crate) persistence: Persistence,
}

impl FramingFields {
    pub(crate) const fn new(version: Version) -> Self {
        let persistence = match version {
            Version::Http10 => Persistence::Close,
            Version::Http11 => Persistence::KeepAlive,
        };
        Self { version, length: None, coding: Coding::None, persistence }
    }

    /// `place` is the value's in `view`.
    pub(crate) fn content_length(&mut self, view: &[u8], place: Span) -> Result<(), FramingRefusal> {
        if self.length.is_some() {
            return Err(FramingRefusal::LengthRepeated);
        }
        if self.coding == Coding::Chunked {
            return Err(FramingRefusal::LengthWithTransferEncoding);
        }
        if has_tab_beside(view, place) {
            return Err(FramingRefusal::LengthMalformed);
        }
        self.length = Some(decimal(place.of(view)).ok_or(FramingRefusal::LengthMalformed)?);
        Ok(())
    }

    /// `place` is the value's in `view`.
    pub(crate) fn transfer_encoding(&mut self, view: &[u8], place: Span) -> Result<(), FramingRefusal> {
        let value = place.of(view);
        if self.version == Version::Http10 {
            return Err(FramingRefusal::TransferEncodingInHttp10);
        }
        if self.coding == Coding::Chunked {
            return Err(FramingRefusal::TransferEncodingRepeated);
        }
        if self.length.is_some() {
            return Err(FramingRefusal::LengthWithTransferEncoding);
        }
        if has_tab_beside(view, place) || !equals(value, b"chunked") {
            return Err(FramingRefusal::TransferEncodingUnsupported);
        }
        self.coding = Coding::Chunked;
        Ok(())
    }

    pub(crate) fn connection(&mut self, value: &[u8]) -> Result<(), FramingRefusal> {
        // What nearly everyone sends says nothing new.
        if value == b"keep-alive" {
            return Ok(());
        }
        for token in tokens(value) {
            let token = token.map_err(|_| FramingRefusal::ConnectionMalformed)?;
            if equals(token, b"close") {
                self.persistence = Persistence::Close;
            }
        }
        Ok(())
    }
}

/// Whether a tab is in the white space around a value. It is white space to RFC 9110, 5.5, and to us. To nginx a tab before a
/// length or a coding is a part of it, and to llhttp one behind a coding; neither knows the value then, and they read the
/// body until the connection ends. So it is refused.
fn has_tab_beside(view: &[u8], place: Span) -> bool {
    let start = usize::from(place.start);
    let before = view.get(..start).unwrap_or_default();
    let behind = view.get(start.saturating_add(place.of(view).len())..).unwrap_or_default();
    before.iter().rev().find(|byte| **byte != b' ') == Some(&b'\t')
        || behind.iter().find(|byte| **byte != b' ') == Some(&b'\t')
}

/// A number of 64 bits in decimal digits, without sign or leading zeros.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || matches!(value, [b'0', _, ..]) {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
