//! What a stronger or a fresher sign-in could change about a decision (RFC 9470).

use catalog::OperationIndex;
use model::{Client, Mfa};

use crate::compile::Policies;
use crate::reads::{ContextFact, Precision};

/// The most ages that are told; a slice with more literals is asked about the smallest.
const AGES_MAX: usize = 8;

/// What the policies of one request read of the sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInReads {
    /// Whether several factors matter; then this is `Used`.
    pub mfa: Option<Mfa>,
    /// Ages in whole seconds at which the answer could be another one than for any older sign-in, the oldest first.
    pub ages: Vec<i64>,
}

impl Policies {
    /// What the policies for this operation and client read of the sign-in; none where they read nothing of it.
    #[must_use]
    pub fn sign_in_reads(&self, operation: OperationIndex, client: &Client) -> Option<SignInReads> {
        let slice = self.slice(self.operation(operation)?, client)?;
        let reads = |fact: ContextFact| slice.iter().any(|part| part.reads.context.contains(&fact));
        let mfa = reads(ContextFact::Mfa).then_some(Mfa::Used);
        let mut ages = Vec::new();
        if reads(ContextFact::AuthAge) {
            // Between two breakpoints nothing changes, so the oldest age that could do stands before one.
            let before = |breakpoint: &i64| breakpoint.checked_sub(1).filter(|age| 0 <= *age);
            ages.extend(slice.iter().flat_map(|part| part.age_breakpoints.iter().filter_map(before)));
            if slice.iter().any(|part| part.reads.age == Precision::Exact) {
                ages.push(0);
            }
            ages.sort_unstable();
            ages.dedup();
            ages.truncate(AGES_MAX);
            ages.reverse();
        }
        (mfa.is_some() || !ages.is_empty()).then_some(SignInReads { mfa, ages })
    }
}
