//! The limits of one connection, each with a name.
//!
//! Lengths of heads are `u16` because [`Span`](crate::Span) is: a limit that could not be honoured cannot be
//! written down.

/// Upper bounds for what is read. Reaching one is a refusal, never a truncation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, from its first byte to the empty line, both included.
    pub head_bytes_max: u16,
    /// Fields in a head.
    pub fields_max: u16,
    /// Bytes of a request target.
    pub target_bytes_max: u16,
    /// Bytes of a trailer section, its empty line included.
    pub trailer_bytes_max: u16,
    /// Fields in a trailer section.
    pub trailer_fields_max: u16,
    /// Bytes of one chunk line: size and extensions, without the line break.
    pub chunk_line_bytes_max: u16,
    /// Bytes by which chunk lines may outweigh the data they announce, over a whole body. Each chunk pays for
    /// its line and earns back sixteen bytes and twice its data, so ordinary bodies never come near it; a body
    /// of one-byte chunks under long extensions does.
    pub chunk_overhead_bytes_max: u16,
}

impl Limits {
    /// Limits for ordinary traffic: heads of 32 KiB with 100 fields, targets of 8 KiB, trailers of 8 KiB with
    /// 32 fields, chunk lines of 256 bytes and 16 KiB of chunk overhead.
    pub const STANDARD: Self = Self {
        head_bytes_max: 32 * 1024,
        fields_max: 100,
        target_bytes_max: 8 * 1024,
        trailer_bytes_max: 8 * 1024,
        trailer_fields_max: 32,
        chunk_line_bytes_max: 256,
        chunk_overhead_bytes_max: 16 * 1024,
    };
}
