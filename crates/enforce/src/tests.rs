//! The request path as tables: a small gateway, requests, and what becomes of them.

mod answers;
mod decisions;
mod evidence;
mod forwarding;
mod matrix;
mod properties;
mod tokens;
mod world;
