//! Deadlines and limits of a worker, each with a name.
//!
//! Every wait has a deadline and every store has a limit. Deadlines are coarse: they are looked at once per
//! [`TICK`], so each may come up to one tick late, never early.

use std::time::Duration;

/// How often deadlines are looked at.
pub const TICK: Duration = Duration::from_millis(250);

/// How long each phase of a client's connection may take. How long an upstream may take is for its API to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From a client's connection to the end of its TLS handshake; progress does not extend it.
    pub handshake: Duration,
    /// From the first byte of a request head to its last; progress does not extend it.
    pub head: Duration,
    /// A client connection without a request.
    pub idle: Duration,
    /// For a client to take more of an answer, or to send more of a body that nobody wants.
    pub body: Duration,
    /// For requests in flight once a shutdown was asked for.
    pub drain: Duration,
    /// For a client to notice that its connection ends after an answer that came before its request did.
    pub linger: Duration,
    /// For one request with its answer, however steadily both move: who streams for longer begins anew.
    pub exchange: Duration,
}

impl Deadlines {
    /// For ordinary traffic.
    pub const STANDARD: Self = Self {
        handshake: Duration::from_secs(10),
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        body: Duration::from_secs(30),
        drain: Duration::from_secs(10),
        linger: Duration::from_secs(2),
        exchange: Duration::from_secs(86_400),
    };
}

/// How much of everything a worker holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections. At the limit the longest idle one is closed, and none is accepted until one has ended.
    pub connections_max: usize,
    /// TLS handshakes of clients under way. At the limit the one that has taken longest is broken off.
    pub handshakes_max: usize,
    /// Idle connections kept for each upstream; further ones are closed.
    pub pool_idle_max: usize,
    /// How long an idle connection to an upstream is kept.
    pub pool_idle_age: Duration,
    /// How old a connection to an upstream may be when it is used again; bounds how long an old address is used.
    pub pool_age: Duration,
    /// How long the addresses of an upstream's name are believed.
    pub name_age: Duration,
    /// Heads, trailers and chunk lines.
    pub http: http1::Limits,
}

impl Limits {
    /// For ordinary traffic.
    pub const STANDARD: Self = Self {
        connections_max: 16_384,
        handshakes_max: 1_024,
        pool_idle_max: 256,
        pool_idle_age: Duration::from_secs(55),
        pool_age: Duration::from_secs(600),
        name_age: Duration::from_secs(5),
        http: http1::Limits::STANDARD,
    };
}

/// What a worker is told once, at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub deadlines: Deadlines,
    pub limits: Limits,
}

impl Settings {
    /// For ordinary traffic.
    pub const STANDARD: Self = Self { deadlines: Deadlines::STANDARD, limits: Limits::STANDARD };
}
