//! The admin API: HTTP over the use cases of `control`, and the probes and metrics beside it.
//!
//! Every route is a row of [`ROUTES`] with the role it needs; the router, the tests of roles and the description
//! in `docs/admin-openapi.yaml` all come from that table or are compared with it. Nothing here decides: a handler
//! reads its input, calls one use case as the authenticated actor, and writes the answer.
//!
//! What always holds: no route but the probes, the metrics, the problem pages and the exchange of the bootstrap
//! credential answers without a token; requests from browsers of another origin and for a host that is not this
//! listener are refused.

mod advice;
mod answer;
mod blocks;
mod existing;
mod guard;
mod handlers;
mod inventory;
mod observe;
mod revisions;
mod routes;

pub use guard::Door;
pub use routes::{ROUTES, Route, offline_router, router};

#[cfg(test)]
mod tests;
