//! What is wrong with a line that cannot be read. It never stops the others.

/// Why a line tells of no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum FaultKind {
    #[error("the line is longer than the limit")]
    TooLong,
    #[error("the line does not have the form of its format")]
    Form,
    #[error("no time where the format has one, or none that exists")]
    Time,
    /// What a client sent was no request: bytes of TLS, nothing at all.
    #[error("no request line: the client sent something else, or nothing")]
    NoRequest,
    /// `CONNECT` and `OPTIONS *` name no path.
    #[error("the request names no path")]
    NoPath,
    #[error("the target holds bytes that no target can hold")]
    Target,
    #[error("no status where the format has one")]
    Status,
    #[error("the line is no JSON object")]
    Json,
    #[error("the object has no field for the method or the path")]
    Fields,
}

impl FaultKind {
    /// All of them, for counts.
    pub const ALL: [Self; 9] = [
        Self::TooLong,
        Self::Form,
        Self::Time,
        Self::NoRequest,
        Self::NoPath,
        Self::Target,
        Self::Status,
        Self::Json,
        Self::Fields,
    ];
}

/// A line that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (byte {at})")]
pub struct Fault {
    pub kind: FaultKind,
    /// The byte of the line at which reading stopped, from 0; of a line with bytes outside of ASCII, each of those counts for three.
    pub at: usize,
}

impl Fault {
    pub(crate) const fn new(kind: FaultKind, at: usize) -> Self {
        Self { kind, at }
    }
}
