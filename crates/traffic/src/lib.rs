//! Evidence of traffic that somebody else wrote down, read into one form.
//!
//! An access log of a proxy, a HAR file of a browser and the spans of a service tell of the same thing: a request was made
//! and answered. Here each becomes an [`Exchange`]. What an exchange means, which operation it belongs to and whether it is noise,
//! is for others to say.

mod exchange;

pub use exchange::{Body, Credential, Exchange, Side};
