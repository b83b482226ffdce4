//! HTTP/1.1 as bytes: a sans-IO codec that is strict in both directions.
//!
//! It reads heads and bodies of requests and of responses, and writes them. It takes byte slices and returns
//! spans and events; it owns no socket, no clock and no thread, and it knows none of the product's words.
//!
//! What always holds:
//!
//! * **Refuse, never repair.** What two readers could understand differently is refused with a reason of its
//!   own ([`RequestRefusal`], [`ResponseRefusal`], [`BodyRefusal`]). After any refusal the place where the next
//!   message begins is unknown, so the connection must be closed.
//! * **Splits do not matter.** However the bytes arrive, the outcome is the same.
//! * **Bounded.** Every length has a name in [`Limits`]; parsing allocates nothing but the caller's list of
//!   fields. The only bytes that are kept are trailers and, where the caller has a place for them ([`Seen`]), the
//!   field lines of the last head.
//!
//! Where the documents leave room, or the world does not follow them:
//!
//! | what | here |
//! |---|---|
//! | one line break before a request line | skipped; a second is refused |
//! | bare line feeds, folded lines, white space before a colon | refused both ways |
//! | bytes from 0x80 up in a value | UTF-8 without control characters, and not at the edges |
//! | `Content-Length` repeated or as a list, even of equal numbers, or with a tab beside it | refused |
//! | `Transfer-Encoding` other than one `chunked`, with a tab beside it, or beside a length, or in HTTP/1.0 | refused |
//! | `Connection` that is not a list of tokens | refused |
//! | `Upgrade`, `CONNECT`, any target of visible ASCII | reported, for the caller to judge |
//! | HTTP/1.0 | never persistent |
//! | a response without the space before its empty reason phrase | accepted |
//! | 1xx and 204 that announce a body; 101; 2xx to `CONNECT` | refused |
//! | chunk extensions | checked, counted and dropped |
//! | trailers that frame, route, authenticate or describe the content | refused |
//!
//! It never follows a target, never decodes a content coding, never joins or folds fields, and never writes a
//! line break or NUL that it was handed inside a name or a value.
//!
//! The documents: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).

#[cfg(test)]
mod agreement;
mod body;
mod bytes;
mod fields;
mod framing;
pub mod fuzz;
mod limits;
pub mod name;
mod refusal;
mod request;
mod response;
mod scan;
mod seen;
mod span;
mod version;
pub mod write;

pub use body::{BodyDecoder, BodyEvent, BodyStep, Trailers};
pub use fields::Repeats;
pub use limits::Limits;
pub use refusal::{BodyRefusal, FieldRefusal, FramingRefusal, RequestRefusal, ResponseRefusal};
pub use request::{Expectation, Framing, RequestHead, Upgrade, parse_next_request_head, parse_request_head};
pub use response::{
    RequestMethodClass, ResponseFraming, ResponseHead, parse_next_response_head, parse_response_head,
};
pub use scan::{HeadScan, ScanStep};
pub use seen::Seen;
pub use span::{Field, Parse, Persistence, Span, Version};
pub use write::WriteError;
