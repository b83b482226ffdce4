//! Small values that both directions share: places in a head, versions, persistence.
//!
//! A [`Span`] is a promise about one buffer only; reading it in another gives some other bytes or none, never a
//! panic.

/// The outcome of parsing what has arrived so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parse<T> {
    /// The whole thing was there.
    Complete(T),
    /// What is there is fine so far, but does not end; read more.
    Partial,
}

/// A place in the bytes of a head or of a trailer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u16,
    /// Number of bytes.
    pub length: u16,
}

impl Span {
    /// The bytes at this place in `head`; empty where `head` is too short to hold them.
    #[must_use]
    #[inline]
    pub fn of(self, head: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        head.get(start..start + usize::from(self.length)).unwrap_or_default()
    }
}

/// One field line. The name is a token; the value has no white space round it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, in the case in which it arrived.
    pub name: Span,
    /// The value without surrounding white space; may be empty.
    pub value: Span,
}

/// The versions that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `HTTP/1.0`: never persistent here, and without transfer codings.
    Http10,
    /// `HTTP/1.1`
    Http11,
}

/// Whether a connection may carry another message after this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It must be closed after the message.
    Close,
    /// It may carry another message.
    KeepAlive,
}
