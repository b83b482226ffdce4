//! Fetches one small document by GET: a key set, or where one is.
//!
//! What always holds: the answer is bounded in bytes and the whole in time; a redirect is not followed; the address
//! that is connected to is the very one that was judged, so that a name that is resolved anew cannot lead elsewhere;
//! addresses inside a company's network are refused unless they are listed, and plain HTTP goes to listed ones
//! alone (security cases 61 and 62). What this crate never does: keep anything, retry, send a credential, or look at
//! what it fetched.

mod addresses;
mod get;

pub use addresses::{Allowed, is_public};
pub use get::{FetchError, Order, Transport, get};
