//! The format of the log, so that anyone can verify it offline.
//!
//! Entries become leaves of an RFC 6962 tree; checkpoints of the tree are C2SP signed notes; leaves stand in
//! segment files that can be scanned, searched and pruned. Everything here is bytes in and values out: no file
//! is opened, no clock is read. What an entry can hold is decided by its type: see [`entry`].
//!
//! `docs/rfd/0003-log-format.md` has the format byte for byte and the reasons.

pub mod bytes;
pub mod checkpoint;
mod code;
pub mod decode;
pub mod encode;
pub mod entry;
pub mod evidence;
pub mod fuzz;
pub mod hash;
pub mod json;
pub mod note;
pub mod param;
pub mod segment;
pub mod tree;

pub use bytes::DecodeError;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use decode::{DecidedHead, DecidedView, Leaf, PersonalView};
pub use entry::{
    AttributeRef, Carried, Change, ClientKind, ClientRef, Closed, Completed, Continued, Decided, Ending,
    Loss, LossCause, Opened, Outcome, ParamRef, Personal, Pruned,
};
pub use evidence::{Proof, ProofError, Proven};
pub use note::{NoteError, Signer, Verifier};
pub use param::{ParamHash, ParamKey};
pub use segment::Stored;
pub use tree::Hash;
