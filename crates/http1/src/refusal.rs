//! Why bytes are refused: closed lists, one variant a reason.
//!
//! Each refusal has a stable `code` for logs and records, a sentence (its `Display`) that may be shown to the
//! peer because it contains nothing of what the peer sent, and a status. After every refusal the framing of the
//! connection is in doubt: `persistence` is always [`Persistence::Close`].

use crate::Persistence;

/// A field line, in a head or in a trailer section, that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldRefusal {
    /// A line feed without a carriage return before it, or the reverse.
    #[error("lines must end in a carriage return and a line feed")]
    BareLineBreak,
    /// A line without a colon.
    #[error("a header field line has no colon")]
    ColonMissing,
    /// White space at the start of a line: an obsolete line folding, or a field before the first.
    #[error("header field lines must not be folded")]
    Folded,
    /// A byte that is not part of a token (RFC 9110, 5.6.2).
    #[error("a header field name holds a byte that is not allowed there")]
    NameByte,
    /// A line that starts with the colon.
    #[error("a header field has no name")]
    NameEmpty,
    /// White space between name and colon (RFC 9112, 5.1).
    #[error("a header field name is followed by white space")]
    NameSpace,
    /// More fields than the limit.
    #[error("too many header fields")]
    TooMany,
    /// A control character.
    #[error("a header field value holds a control character")]
    ValueByte,
    /// A value that starts or ends with a byte from 0x80 up: peers disagree on which of these are white space.
    #[error("a header field value must start and end with ASCII")]
    ValueEdge,
    /// A value that is not UTF-8.
    #[error("a header field value is not UTF-8")]
    ValueEncoding,
}

impl FieldRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BareLineBreak => "bare_line_break",
            Self::ColonMissing => "field_colon_missing",
            Self::Folded => "field_folded",
            Self::NameByte => "field_name_byte",
            Self::NameEmpty => "field_name_empty",
            Self::NameSpace => "field_name_space",
            Self::TooMany => "too_many_fields",
            Self::ValueByte => "field_value_byte",
            Self::ValueEdge => "field_value_edge",
            Self::ValueEncoding => "field_value_encoding",
        }
    }
}

/// Fields that say how long a message is, or whether another follows, and cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingRefusal {
    /// A `Connection` field that is not a list of tokens.
    #[error("the connection field is not a list of tokens")]
    ConnectionMalformed,
    /// Not digits, a leading zero, a list, or more than 64 bits.
    #[error("the content length is not a plain number")]
    LengthMalformed,
    /// More than one `Content-Length`, equal ones too.
    #[error("more than one content length")]
    LengthRepeated,
    /// `Content-Length` together with `Transfer-Encoding`.
    #[error("content length and transfer encoding exclude each other")]
    LengthWithTransferEncoding,
    /// Anything but one `chunked`.
    #[error("the only transfer encoding is one `chunked`")]
    TransferEncodingUnsupported,
    /// More than one `Transfer-Encoding`.
    #[error("more than one transfer encoding field")]
    TransferEncodingRepeated,
    /// `Transfer-Encoding` in a message of HTTP/1.0.
    #[error("HTTP/1.0 has no transfer encoding")]
    TransferEncodingInHttp10,
}

impl FramingRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ConnectionMalformed => "connection_malformed",
            Self::LengthMalformed => "content_length_malformed",
            Self::LengthRepeated => "content_length_repeated",
            Self::LengthWithTransferEncoding => "content_length_with_transfer_encoding",
            Self::TransferEncodingUnsupported => "transfer_encoding_unsupported",
            Self::TransferEncodingRepeated => "transfer_encoding_repeated",
            Self::TransferEncodingInHttp10 => "transfer_encoding_in_http10",
        }
    }
}

/// A request head that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    /// An `Expect` field other than one `100-continue`.
    #[error("the only expectation is `100-continue`")]
    ExpectationUnsupported,
    /// A field line.
    #[error(transparent)]
    Field(FieldRefusal),
    /// The framing.
    #[error(transparent)]
    Framing(FramingRefusal),
    /// More bytes than the limit.
    #[error("the request head is too large")]
    HeadTooLarge,
    /// No `Host` in HTTP/1.1.
    #[error("the host field is missing")]
    HostMissing,
    /// More than one `Host`.
    #[error("more than one host field")]
    HostRepeated,
    /// More than one empty line before the request line.
    #[error("empty lines before the request line")]
    LeadingLines,
    /// A method that is empty or not a token.
    #[error("the request method is malformed")]
    MethodMalformed,
    /// A method of more than 32 bytes.
    #[error("the request method is too long")]
    MethodTooLong,
    /// A byte outside visible ASCII.
    #[error("the request target holds a byte that is not allowed there")]
    TargetByte,
    /// Nothing between method and version, or more than one space.
    #[error("the request target is empty")]
    TargetEmpty,
    /// A `#`.
    #[error("the request target holds a fragment")]
    TargetFragment,
    /// More bytes than the limit.
    #[error("the request target is too long")]
    TargetTooLong,
    /// What follows the target is not a version and a line break; also HTTP/0.9, which has none.
    #[error("the protocol version is malformed")]
    VersionMalformed,
    /// A well-formed version other than `HTTP/1.0` and `HTTP/1.1`.
    #[error("the protocol version is not supported")]
    VersionUnsupported,
}

impl RequestRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ExpectationUnsupported => "expectation_unsupported",
            Self::Field(refusal) => refusal.code(),
            Self::Framing(refusal) => refusal.code(),
            Self::HeadTooLarge => "head_too_large",
            Self::HostMissing => "host_missing",
            Self::HostRepeated => "host_repeated",
            Self::LeadingLines => "leading_lines",
            Self::MethodMalformed => "method_malformed",
            Self::MethodTooLong => "method_too_long",
            Self::TargetByte => "target_byte",
            Self::TargetEmpty => "target_empty",
            Self::TargetFragment => "target_fragment",
            Self::TargetTooLong => "target_too_long",
            Self::VersionMalformed => "version_malformed",
            Self::VersionUnsupported => "version_unsupported",
        }
    }

    /// The status that says it best: 400, 414, 417, 431 or 505.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::ExpectationUnsupported => 417,
            Self::HeadTooLarge | Self::Field(FieldRefusal::TooMany) => 431,
            Self::VersionUnsupported => 505,
            Self::Field(_)
            | Self::Framing(_)
            | Self::HostMissing
            | Self::HostRepeated
            | Self::LeadingLines
            | Self::MethodMalformed
            | Self::MethodTooLong
            | Self::TargetByte
            | Self::TargetEmpty
            | Self::TargetFragment
            | Self::VersionMalformed => 400,
        }
    }

    /// What may become of the connection: nothing.
    #[must_use]
    pub const fn persistence(self) -> Persistence {
        Persistence::Close
    }
}

/// A response head that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseRefusal {
    /// Body framing on a status that has no body: any `Transfer-Encoding`, or a `Content-Length` above zero,
    /// on 1xx or 204.
    #[error("a status without a body announces one")]
    BodyForbidden,
    /// A field line.
    #[error(transparent)]
    Field(FieldRefusal),
    /// The framing.
    #[error(transparent)]
    Framing(FramingRefusal),
    /// More bytes than the limit.
    #[error("the response head is too large")]
    HeadTooLarge,
    /// A control character in the reason phrase, or one that is not UTF-8.
    #[error("the reason phrase is malformed")]
    ReasonMalformed,
    /// Not three digits from 100 to 599.
    #[error("the status code is malformed")]
    StatusMalformed,
    /// 101, which nobody asked for.
    #[error("an unasked change of protocol")]
    SwitchingProtocols,
    /// A 2xx answer to `CONNECT`, which would turn the connection into a tunnel.
    #[error("an unasked tunnel")]
    Tunnel,
    /// The line does not start with a version and a space.
    #[error("the protocol version is malformed")]
    VersionMalformed,
    /// A well-formed version other than `HTTP/1.0` and `HTTP/1.1`.
    #[error("the protocol version is not supported")]
    VersionUnsupported,
}

impl ResponseRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BodyForbidden => "body_forbidden",
            Self::Field(refusal) => refusal.code(),
            Self::Framing(refusal) => refusal.code(),
            Self::HeadTooLarge => "head_too_large",
            Self::ReasonMalformed => "reason_malformed",
            Self::StatusMalformed => "status_malformed",
            Self::SwitchingProtocols => "switching_protocols",
            Self::Tunnel => "tunnel",
            Self::VersionMalformed => "version_malformed",
            Self::VersionUnsupported => "version_unsupported",
        }
    }

    /// What may become of the connection: nothing.
    #[must_use]
    pub const fn persistence(self) -> Persistence {
        Persistence::Close
    }
}

/// A body that is refused. What was already passed on must be aborted, never ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyRefusal {
    /// Chunk data that is not followed by a line break.
    #[error("chunk data does not end where its size says")]
    ChunkEnd,
    /// A chunk extension that is malformed.
    #[error("a chunk extension is malformed")]
    ChunkExtension,
    /// A chunk line that does not end in a carriage return and a line feed.
    #[error("a chunk line must end in a carriage return and a line feed")]
    ChunkLineBreak,
    /// A chunk line longer than the limit.
    #[error("a chunk line is too long")]
    ChunkLineTooLong,
    /// Chunk lines that outweigh their data by more than the limit.
    #[error("the chunks are too small for their overhead")]
    ChunkOverhead,
    /// A chunk size that is not one to sixteen hexadecimal digits.
    #[error("a chunk size is malformed")]
    ChunkSize,
    /// A line in a trailer section.
    #[error(transparent)]
    Trailer(FieldRefusal),
    /// A trailer field that belongs in a head: see
    /// [`is_forbidden_in_trailers`](crate::name::is_forbidden_in_trailers).
    #[error("a trailer holds a field that belongs in a head")]
    TrailerForbidden,
    /// A trailer section longer than the limit.
    #[error("the trailer section is too large")]
    TrailersTooLarge,
    /// The connection ended before the body did.
    #[error("the body ended early")]
    Truncated,
}

impl BodyRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ChunkEnd => "chunk_end",
            Self::ChunkExtension => "chunk_extension",
            Self::ChunkLineBreak => "chunk_line_break",
            Self::ChunkLineTooLong => "chunk_line_too_long",
            Self::ChunkOverhead => "chunk_overhead",
            Self::ChunkSize => "chunk_size",
            Self::Trailer(refusal) => refusal.code(),
            Self::TrailerForbidden => "trailer_forbidden",
            Self::TrailersTooLarge => "trailers_too_large",
            Self::Truncated => "body_truncated",
        }
    }

    /// What may become of the connection: nothing.
    #[must_use]
    pub const fn persistence(self) -> Persistence {
        Persistence::Close
    }
}
