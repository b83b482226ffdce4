//! What recorded requests say about policy: who uses what, which grants that needs, and what a change would do.
//!
//! Entries of the log go in and become rows of equal facts ([`Tally`]); rows that a store kept come back as [`Usage`].
//! From it grants are proposed ([`suggest()`]), candidates are tried ([`replay()`]) and keys are right-sized
//! ([`right_size()`]). All of it is pure: no store, no clock, no file; and nothing here changes what is in force.
//!
//! What always holds: a proposal is made from successful calls of verified callers only; a replay judges by
//! [`enforce::explain_policy`], the function behind policy tests and explanations, and says which of its answers rest
//! on facts that were not recorded.

mod caller;
mod ended;
mod facts;
mod replay;
mod right_size;
mod spread;
mod suggest;
mod tally;
mod usage;

pub use caller::{Directory, Recalled, Unrecalled, recall};
pub use facts::{CallFacts, FactValue, Network};
pub use replay::{Flip, ReplayQuestion, Replayed, Side, Unjudged, replay};
pub use right_size::{KeyAdvice, KeyFacts, KeyUse, is_within, right_size};
pub use spread::{
    CALLER_COARSE, CALLER_EXACT, Detail, ROWS_COARSE, ROWS_EXACT, ROWS_MAX, Rows, Share, Spread,
    UNKNOWN_COARSE, UNKNOWN_EXACT, UNKNOWN_MAX,
};
pub use suggest::{
    ApiFacts, Basis, Concern, Evidence, Grantee, KeyStanding, KeyState, Proposal, Reach, SuggestQuestion,
    Suggestion, Waiting, Withdrawn, WithdrawnUse, World, append, confidence, proposal_text, spoken, suggest,
};
pub use tally::{Batch, LateEnding, OTHER, Opened, Row, Tally};
pub use usage::{DAYS_MAX, Usage, Used};
