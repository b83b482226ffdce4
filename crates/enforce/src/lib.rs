//! The request path as one pure function, the same for every door: gateway, forward-auth, replay, tests.
//!
//! [`judge`] takes a snapshot, one point in time, the worker's own caches and a canonical request, and gives a
//! [`Judgement`]: what is to be recorded, and one of allow, refuse, preflight. An allow is [`Pending`] until its
//! effects are redeemed; only then is it a [`Pass`], and only a pass, taken by value, becomes a [`Forward`], which
//! owns the request that was judged.
//!
//! What always holds: allow is the one arm that is written out; whatever is not known, not declared, not permitted
//! or not evaluable is refused with its own reason; a permit is made here and nowhere else. What this crate never
//! does: wait, read a clock, draw entropy, or look at a body, or at a query but for the parameter that an API names for
//! its keys.

pub mod again;
mod caller;
pub mod claimed;
pub mod client;
pub mod evidence;
pub mod explain;
pub mod forward;
mod forwarded;
pub mod judge;
pub mod limit;
pub mod pass;
mod problem;
mod random;
pub mod refused;
mod resource;
pub mod secrets;
pub mod snapshot;
mod step_up;
mod stopped;
#[cfg(test)]
mod tests;
mod text;
mod tokens;
pub mod trace;
mod weigh;
pub mod worker;

pub use again::{NoLonger, judge_again};
pub use claimed::{ClaimedLedger, ClaimedUse, Taken};
pub use client::ClientAddress;
pub use evidence::{Evidence, FactValue};
pub use explain::{Explained, PolicyVerdict, Subject, decide_policy, explain, explain_policy};
pub use forward::{AddedFields, Forward, Kept, TrailerUse, trailer_use};
pub use identity::{Guesses, LimitCell};
pub use judge::{
    Judgement, Outcome, PreflightAnswer, judge, judge_key_set, judge_or_need, judge_resource,
    refuse_unadmitted,
};
pub use limit::{Budgets, CallerLimits};
pub use model::{Network, NetworkError, Networks};
pub use pass::{ObservedPermit, Pass, Pending, Permit};
pub use refused::{Closing, Refused, failed, refused};
pub use resource::protected_resource;
pub use secrets::{Exchange, Held, UpstreamSecrets};
pub use snapshot::{
    ApiRules, Availability, Declared, HostHeader, Revision, Snapshot, Timeouts, Upstream, UpstreamTls,
};
pub use step_up::Challenge;
pub use tokens::Need;
pub use trace::Trace;
pub use weigh::cover;
pub use worker::Worker;
