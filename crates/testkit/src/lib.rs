//! What end-to-end tests share: a raw upstream, a raw client, work folders, and the real program as a process.
//!
//! Nothing here knows a type of the product: the program is driven from outside, as a user, a client or an upstream
//! would. What always holds: every wait is bounded, every port is one that the system chose, every process and folder
//! ends with the value that stands for it.
//!
//! It never repairs what it reads. [`Connection`] takes an answer apart strictly, so that an unsound answer fails the
//! test that got it, and [`Upstream`] keeps every byte as it came.
//!
//! A mistake in here or in the program under test is a failed test, so functions panic with what they saw instead of
//! returning errors.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests alone use this crate; what they do not expect must end them, with what was seen"
)]

mod assertion;
mod authority;
mod bytes;
mod client;
mod command;
pub mod company;
mod folder;
mod gate;
mod gateway;
mod program;
mod relay;
mod token;
mod upstream;
mod wait;

pub use assertion::Assertion;
pub use authority::{Authority, Issued, Leaf, Name, Purpose, now_seconds};
pub use bytes::{base64url, contains, count, to_base64url};
pub use client::{Call, Connection, Response};
pub use command::{Cli, Ran};
pub use folder::Folder;
pub use gate::Gate;
pub use gateway::Gateway;
pub use program::{environment, program};
pub use relay::Relay;
pub use token::{TokenKey, key_set};
pub use upstream::{Received, Reply, Step, Upstream};
pub use wait::{WAIT, until};
