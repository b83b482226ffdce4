//! The inline door: a reverse proxy for HTTP/1.1 that forwards what was permitted and refuses the rest.
//!
//! One worker is one thread with a runtime, a listener, memory and upstream connections of its own ([`run_worker`]).
//! Workers share the snapshot in force and nothing else that changes, so a request meets no lock.
//!
//! A request goes this way: `http1` reads its head, `model` makes one canonical request of it, `enforce` judges that,
//! the recorder gets the decision, and what `enforce` passed is written to the upstream from the canonical request
//! itself. Both bodies then stream at the same time through bounded buffers, and a second entry says how it ended.
//!
//! What always holds:
//!
//! * Nothing reaches an upstream but what `enforce` passed, and where its API demands a durable record, not before the
//!   decision is on disk.
//! * Every request that was read, and every one that could not be, is answered with a decision id and leaves both
//!   entries.
//! * A message whose end was not seen is not given one: where a body cannot be completed, its connection breaks.
//! * Every wait has a deadline, every store a limit ([`Deadlines`], [`Limits`]).
//!
//! What it never does: judge, read a clock (see [`Clock`]; deadlines run on the runtime's time), join or repair
//! messages, retry what may have had an effect, or use an upstream connection of which it does not know where the next
//! answer begins.

mod answer;
mod buffers;
mod connection;
mod entry;
mod exchange;
mod forward;
mod gateway;
mod keys;
mod link;
mod listen;
mod pool;
mod refusal;
mod rewrite;
mod secure;
mod server;
pub mod settings;
mod sighting;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timers;
mod worker;

pub use gateway::Setup;
pub use keys::{KEY_WAIT, KeyWants, WantedKeys, key_wants};
pub use listen::listen;
pub use secure::{ServerTls, UpstreamConfigs};
pub use server::{Shutdown, run_worker, serve};
pub use settings::{Deadlines, Limits, Settings};
pub use worker::Clock;
