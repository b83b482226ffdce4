//! The head of a request: its bytes in one buffer, and where in them each part stands.
//!
//! A door (the proxy, ext_authz, …) fills it; nothing is judged yet. Buffers are kept between requests, so that a
//! warm worker allocates nothing here.

use std::fmt;

use crate::FieldKind;
use crate::field::Kinds;
use crate::request::Admitted;

/// Where a part stands in a head's bytes. Heads are at most 65,535 bytes long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u16,
    pub length: u16,
}

impl Span {
    /// The bytes it names; empty when it does not fit, which a checked head never has.
    #[must_use]
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        bytes.get(start..start + usize::from(self.length)).unwrap_or(&[])
    }
}

impl Span {
    /// The part of a text it names; empty when it does not fit, which a checked head never has.
    #[inline]
    pub(crate) fn of_text(self, text: &str) -> &str {
        let start = usize::from(self.start);
        text.get(start..start + usize::from(self.length)).unwrap_or("")
    }
}

/// One field as it stands in the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpan {
    pub name: Span,
    pub value: Span,
    pub kind: FieldKind,
}

/// One field, read. Its `Debug` prints no value: any can hold a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HeadField<'a> {
    pub name: &'a [u8],
    /// Without white space around it.
    pub value: &'a [u8],
    pub kind: FieldKind,
}

impl fmt::Debug for HeadField<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: redacted", self.name.escape_ascii())
    }
}

/// A request head that is syntactically sound but not yet judged. Its `Debug` prints names of fields, and neither
/// values nor the target.
#[derive(Clone, Default)]
pub struct Head {
    /// Boxed, because a request is handed from step to step by value.
    pub(crate) parts: Box<Parts>,
}

/// What a head holds.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) bytes: Vec<u8>,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) fields: Vec<FieldSpan>,
    /// The classes of all fields.
    pub(crate) kinds: Kinds,
    /// The path and the host as they are compared, written by admission: once checked to be text, and read often.
    pub(crate) text: String,
    /// The path's segments in `text`; filled by admission.
    pub(crate) segments: Vec<Span>,
    /// What admission made of it; nothing before.
    pub(crate) admitted: Admitted,
}

/// The classes of the fields of a head, in their order.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    kinds: Vec<FieldKind>,
    all: Kinds,
}

impl fmt::Debug for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.fields().collect();
        formatter
            .debug_struct("Head")
            .field("method", &format_args!("{}", self.method().escape_ascii()))
            .field("target_bytes", &self.parts.target.length)
            .field("fields", &fields)
            .finish_non_exhaustive()
    }
}

/// The head does not fit the offsets that name its parts.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request head is longer than {HEAD_BYTES_MAX} bytes")]
pub struct HeadTooLong;

/// The most bytes that a head can hold, parts written by admission included.
pub const HEAD_BYTES_MAX: usize = 65_535;

impl Head {
    /// Forgets the last request and keeps the memory.
    pub fn clear(&mut self) {
        self.parts.bytes.clear();
        self.parts.fields.clear();
        self.parts.kinds = Kinds::default();
        self.parts.text.clear();
        self.parts.segments.clear();
        self.parts.method = Span::default();
        self.parts.target = Span::default();
        self.parts.admitted = Admitted::default();
    }

    /// Takes over the bytes of a whole head and where its method and target stand.
    pub fn fill(&mut self, bytes: &[u8], method: Span, target: Span) -> Result<(), HeadTooLong> {
        self.clear();
        if HEAD_BYTES_MAX < bytes.len() {
            return Err(HeadTooLong);
        }
        self.parts.bytes.extend_from_slice(bytes);
        self.parts.method = method;
        self.parts.target = target;
        Ok(())
    }

    /// Adds the next field by where it stands in the bytes, and classifies it.
    #[inline]
    pub fn push_field(&mut self, name: Span, value: Span) {
        let kind = FieldKind::of_name(name.of(&self.parts.bytes));
        self.parts.kinds.note(kind);
        self.parts.fields.push(FieldSpan { name, value, kind });
    }

    /// Adds the fields of a head whose names are, byte for byte and in their order, those of the head before, which were
    /// of these classes. Where there are as many, none is classified again.
    pub fn push_fields_again(
        &mut self,
        places: impl ExactSizeIterator<Item = (Span, Span)>,
        before: &Classes,
    ) {
        if places.len() != before.kinds.len() {
            places.for_each(|(name, value)| self.push_field(name, value));
            return;
        }
        for ((name, value), &kind) in places.zip(&before.kinds) {
            debug_assert_eq!(kind, FieldKind::of_name(name.of(&self.parts.bytes)), "another name");
            self.parts.fields.push(FieldSpan { name, value, kind });
        }
        self.parts.kinds = before.all;
    }

    /// Remembers the classes of the fields for [`Head::push_fields_again`].
    pub fn note_classes(&self, classes: &mut Classes) {
        classes.all = self.parts.kinds;
        classes.kinds.clear();
        classes.kinds.extend(self.parts.fields.iter().map(|field| field.kind));
    }

    /// Builds a head from its parts, for doors that do not have it as text.
    pub fn from_parts<'a>(
        method: &[u8],
        target: &[u8],
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Self, HeadTooLong> {
        let mut head = Self::default();
        head.parts.method = head.append(method).ok_or(HeadTooLong)?;
        head.parts.target = head.append(target).ok_or(HeadTooLong)?;
        for (name, value) in fields {
            let name = head.append(name).ok_or(HeadTooLong)?;
            let value = head.append(value).ok_or(HeadTooLong)?;
            head.push_field(name, value);
        }
        Ok(head)
    }

    /// The method token.
    #[must_use]
    #[inline]
    pub fn method(&self) -> &[u8] {
        self.parts.method.of(&self.parts.bytes)
    }

    /// The request target, byte for byte.
    #[must_use]
    #[inline]
    pub fn target(&self) -> &[u8] {
        self.parts.target.of(&self.parts.bytes)
    }

    /// The fields in their order.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = HeadField<'_>> {
        self.parts.fields.iter().map(|field| HeadField {
            name: field.name.of(&self.parts.bytes),
            value: field.value.of(&self.parts.bytes),
            kind: field.kind,
        })
    }

    /// Writes `part` behind the head; `None` when it no longer fits.
    fn append(&mut self, part: &[u8]) -> Option<Span> {
        let start = self.parts.bytes.len();
        if HEAD_BYTES_MAX < start + part.len() {
            return None;
        }
        self.parts.bytes.extend_from_slice(part);
        Some(Span { start: u16::try_from(start).ok()?, length: u16::try_from(part.len()).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_put_in() {
        let fields: [(&[u8], &[u8]); 2] = [(b"Host", b"a.example"), (b"X-A", b"")];
        let head = Head::from_parts(b"GET", b"/x", fields).unwrap();
        assert_eq!(head.method(), b"GET");
        assert_eq!(head.target(), b"/x");
        let read: Vec<_> = head.fields().map(|field| (field.name, field.value)).collect();
        assert_eq!(read, fields);
    }

    #[test]
    fn classes_that_are_known_are_those_that_would_be_found() {
        let fields: [(&[u8], &[u8]); 3] = [(b"Host", b"a.example"), (b"X_A", b""), (b"Authorization", b"b")];
        let first = Head::from_parts(b"GET", b"/x", fields).unwrap();
        let mut classes = Classes::default();
        first.note_classes(&mut classes);
        let places: Vec<(Span, Span)> =
            first.parts.fields.iter().map(|field| (field.name, field.value)).collect();
        let mut again = Head::default();
        again.fill(&first.parts.bytes, first.parts.method, first.parts.target).unwrap();
        again.push_fields_again(places.iter().copied(), &classes);
        assert_eq!((&again.parts.fields, again.parts.kinds), (&first.parts.fields, first.parts.kinds));
        // What was classified is not what comes: it is classified anew.
        again.fill(&first.parts.bytes, first.parts.method, first.parts.target).unwrap();
        again.push_fields_again(places.iter().copied(), &Classes::default());
        assert_eq!((&again.parts.fields, again.parts.kinds), (&first.parts.fields, first.parts.kinds));
    }

    #[test]
    fn refuses_more_than_its_offsets_can_name() {
        let long = vec![b'a'; HEAD_BYTES_MAX];
        assert!(Head::from_parts(b"GET", &long, []).is_err());
        assert!(Head::from_parts(b"", &long, []).is_ok());
        let mut head = Head::default();
        assert!(head.fill(&[0; HEAD_BYTES_MAX + 1], Span::default(), Span::default()).is_err());
    }

    #[test]
    fn no_value_and_no_target_shows_in_debug() {
        use crate::request::{BodyShape, Scheme};
        use crate::{Admission, CanonicalRequest};
        for (target, host) in
            [(&b"/canary/canary?key=canary"[..], "a.example"), (b"/../canary", "canary.example")]
        {
            let fields: [(&[u8], &[u8]); 3] =
                [(b"Host", host.as_bytes()), (b"Authorization", b"Bearer canary"), (b"X-Api-Key", b"canary")];
            let head = Head::from_parts(b"GET", target, fields).unwrap();
            let one = format!("{:?}", head.fields().last().unwrap());
            assert_eq!(one, "X-Api-Key: redacted");
            let shown = format!("{head:?} {head:#?}");
            let admission =
                Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: [127, 0, 0, 1].into() };
            let admitted = format!("{:?}", CanonicalRequest::admit(head, admission));
            for text in [shown, admitted] {
                assert!(!text.contains("canary"), "{text}");
                // Bytes that are printed as numbers would hide it from this test, not from a reader.
                assert!(!text.contains("99, 97, 110"), "{text}");
                assert!(text.contains("Authorization: redacted"), "{text}");
            }
        }
    }

    #[test]
    fn spans_outside_the_bytes_are_empty() {
        assert_eq!(Span { start: 5, length: 2 }.of(b"abc"), b"");
    }
}
