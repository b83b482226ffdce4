//! Evidence of traffic that somebody else wrote down, read into one form.
//!
//! An access log of a proxy, a HAR file of a browser and the spans of a service tell of the same thing: a request was made
//! and answered. Here each becomes an [`Exchange`]. What an exchange means, which operation it belongs to and whether it is noise,
//! is for others to say.
//!
//! What always holds: any bytes have an answer; a line that cannot be read is a [`Fault`] with its place and never stops the next.
//! Nothing here does I/O.

mod aws;
mod bare;
mod clf;
mod detect;
mod document;
mod envoy;
mod exchange;
mod fault;
pub mod fuzz;
mod haproxy;
mod har;
mod json;
mod otlp;
mod reader;
mod ring;
mod scan;
mod target;
mod time;

pub use bare::is_bare;
pub use detect::{DetectError, Detected, detect};
pub use document::{DocumentFormat, read_documents};
pub use exchange::{Body, Credential, Exchange, Side};
pub use fault::{Fault, FaultKind};
pub use json::{FieldMap, FieldMapError, Part};
pub use reader::{Format, LINE_BYTES_MAX, Reader};
pub use ring::{Alike, RingReceiver, RingSender, ring};
pub use time::http_date;
