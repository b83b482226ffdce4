//! The transport, end to end over loopback: what goes out, byte for byte, and what comes back.

mod clients;
mod faults;
mod framing;
mod life;
mod record;
mod refusals;
mod secure;
mod stops;
mod storage;
