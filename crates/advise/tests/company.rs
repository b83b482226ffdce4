//! Grants from the calls of companies that were made up, judged by what their clients truly need.
//!
//! What is ready is put in force, and so is what an owner who knows the need says yes to. Then every client is asked
//! about every operation, and the calls of a day that nobody had seen are judged.

#[cfg(test)]
#[path = "company/judge.rs"]
mod judge;
#[cfg(test)]
#[path = "company/log.rs"]
mod log;
#[cfg(test)]
#[path = "company/shapes.rs"]
mod shapes;
#[cfg(test)]
#[path = "company/world.rs"]
mod world;
