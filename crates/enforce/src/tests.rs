//! The request path as tables: a small gateway, requests, and what becomes of them.

mod answers;
mod callers;
mod decisions;
mod evidence;
mod existing;
mod forwarding;
mod matrix;
mod observing;
mod properties;
mod stops;
mod tokens;
mod world;
