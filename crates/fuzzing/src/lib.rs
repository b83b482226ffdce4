//! Every parser that meets bytes from outside, under input that somebody tampered with.
//!
//! A fuzz function takes bytes, must not panic, and says which property does not hold. The functions belong to
//! the crates that own the parsers, or stand here where they only use public functions; [`TARGETS`] is the one
//! table of them. The same table is driven three ways: a fixed small number of inputs as a test of this crate,
//! `cargo xtask fuzz` on stable for as long as one likes, and cargo-fuzz by hand (`fuzz/`), which sees coverage.
//!
//! Mutation is seeded: the same seed and corpus give the same inputs on every machine.

mod configuration;
mod corpus;
mod differ;
mod mutate;
mod request;
mod run;
mod segment;
mod small;
mod targets;

pub use corpus::{Corpus, CorpusError};
pub use run::{Failure, Fuzzer};
pub use targets::{TARGETS, Target, target};
