//! Policy: the only crate that knows Cedar.
//!
//! Policy files, the catalogue and the directory go in; [`compile()`] gives [`Policies`], which decides
//! ([`Policies::decide`]), explains ([`Policies::explain`]) and describes itself ([`Policies::schema_text`],
//! [`Policies::reads`], [`Policies::policies`]).
//!
//! What always holds: nothing is permitted unless a `permit` that counts now holds and no `forbid` that counts
//! now does; any evaluation error of a policy that counts denies; a cached answer is the answer that Cedar would
//! give again. What never happens here: I/O, reading a clock, a second evaluator of conditions beside Cedar.

mod cache;
mod compile;
mod decide;
mod detail;
mod diagnostic;
mod digest;
mod explain;
mod facts;
mod kept;
mod lint;
mod load;
mod reach;
mod reads;
mod rule;
mod ruling;
mod schema;
mod sign_in;
mod slice;
mod source;
#[cfg(test)]
mod tests;
mod unknown;
mod validate;
mod words;

pub use cache::{CacheCounters, DECISIONS_MAX, DecisionCache};
pub use compile::{CompiledPolicies, Policies, PolicySummary, compile};
pub use detail::{NamedClients, PolicyDetail, PolicyState};
pub use diagnostic::{CompilePoliciesError, Diagnostic, Severity};
pub use explain::{Explanation, GrantAdvice, RuleOutcome, RuleOutcomeKind};
pub use facts::{Facts, UserFact};
pub use kept::{KeptFact, KeptName};
pub use load::nearest_names;
pub use reach::{Condition, Conditions, GrantReach, GuardReach, Reach, ReachDecision, Reaches, Whom};
pub use reads::{ContextFact, OperationReads};
pub use rule::Effect;
pub use ruling::{PolicyRefs, Ruling, RulingKind};
pub use schema::quoted;
pub use sign_in::SignInReads;
pub use source::{ApiFacts, Directory, POLICIES_MAX, POLICY_FILE_BYTES_MAX, PolicySource};
pub use unknown::{Undecided, UnknownFact};
pub use validate::{VALIDATION_CACHE_MAX, ValidationCache};
