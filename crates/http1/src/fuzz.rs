//! The entry points of a fuzz harness.
