//! What the codec refuses, in the product's words.

use http1::{BodyRefusal, FieldRefusal, RequestRefusal};
use model::{DenyReason, Refusal};

use crate::exchange::BodyFault;

/// The refusal of a head.
pub(crate) const fn of_head(refusal: RequestRefusal) -> Refusal {
    let (reason, detail) = match refusal {
        RequestRefusal::ExpectationUnsupported => {
            (DenyReason::ExpectationUnsupported, "the only expectation that is met is `100-continue`")
        }
        RequestRefusal::HeadTooLarge => (DenyReason::HeadTooLarge, "the request head is too large"),
        RequestRefusal::TargetTooLong => (DenyReason::HeadTooLarge, "the request target is too long"),
        RequestRefusal::Field(FieldRefusal::TooMany) => {
            (DenyReason::HeadTooLarge, "the request has too many header fields")
        }
        RequestRefusal::VersionUnsupported => {
            (DenyReason::UnsupportedVersion, "the versions that are spoken are HTTP/1.0 and HTTP/1.1")
        }
        RequestRefusal::Field(_) => (DenyReason::MalformedRequest, "a header field is malformed"),
        RequestRefusal::Framing(_) => (
            DenyReason::MalformedRequest,
            "the fields that frame the body are malformed or contradict each other",
        ),
        RequestRefusal::HostMissing => (DenyReason::MalformedRequest, "the request has no `Host` field"),
        RequestRefusal::HostRepeated => {
            (DenyReason::MalformedRequest, "the request has more than one `Host` field")
        }
        RequestRefusal::LeadingLines => {
            (DenyReason::MalformedRequest, "there are empty lines before the request line")
        }
        RequestRefusal::MethodMalformed | RequestRefusal::MethodTooLong => {
            (DenyReason::MalformedRequest, "the request method is not a method")
        }
        RequestRefusal::TargetByte | RequestRefusal::TargetEmpty => (
            DenyReason::MalformedRequest,
            "the request target is not visible ASCII between two single spaces",
        ),
        RequestRefusal::TargetFragment => {
            (DenyReason::MalformedRequest, "the target holds a `#`; fragments are not sent")
        }
        RequestRefusal::VersionMalformed => {
            (DenyReason::MalformedRequest, "the request line does not end in a protocol version")
        }
    };
    Refusal::new(reason, refusal.code(), detail)
}

/// The refusal of a body that began well.
pub(crate) const fn of_body(fault: BodyFault) -> Refusal {
    match fault {
        BodyFault::TooLarge => Refusal::of(DenyReason::BodyTooLarge),
        BodyFault::Stalled => Refusal::new(
            DenyReason::RequestTimeout,
            "body_timeout",
            "the request body did not arrive in time",
        ),
        BodyFault::Malformed(refusal) => {
            let detail = match refusal {
                BodyRefusal::ChunkEnd
                | BodyRefusal::ChunkExtension
                | BodyRefusal::ChunkLineBreak
                | BodyRefusal::ChunkLineTooLong
                | BodyRefusal::ChunkOverhead
                | BodyRefusal::ChunkSize => "a chunk of the request body is malformed",
                BodyRefusal::Trailer(_) | BodyRefusal::TrailerForbidden | BodyRefusal::TrailersTooLarge => {
                    "the trailer section of the request body is not acceptable"
                }
                BodyRefusal::Truncated => "the request body ended early",
            };
            Refusal::new(DenyReason::MalformedRequest, refusal.code(), detail)
        }
    }
}

/// The refusal of a head that did not arrive in time.
pub(crate) const LATE: Refusal =
    Refusal::new(DenyReason::RequestTimeout, "head_timeout", "the request head did not arrive in time");

/// The refusal of a request for another protocol.
pub(crate) const UPGRADE: Refusal = Refusal::new(
    DenyReason::UnsupportedUpgrade,
    "upgrade",
    "the connection can't be upgraded to another protocol",
);
