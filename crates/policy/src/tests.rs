//! Tests over whole policy sets: a small world of two APIs and three teams, and what policy says in it.

mod cache;
mod decisions;
mod explanations;
mod loading;
mod properties;
mod reach;
mod unknown;
mod validation;
mod world;
