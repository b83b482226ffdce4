//! The limits of a request together: taking from all of them, and telling clients what is left
//! (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use identity::{KeyEntry, LimitCell};
use model::{Rate, Timestamp};
use smallvec::SmallVec;

use super::{Left, UsedUp, look, take};
use crate::ApiRules;

/// Whose limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limited {
    Api,
    Key,
}

/// What is left of the limits of a request, the tightest first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets(SmallVec<[Budget; 2]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Budget {
    limited: Limited,
    rate: Rate,
    left: Left,
}

/// What came of taking one event out of every budget.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Nothing is limited.
    Unlimited,
    All(Budgets),
    /// One has nothing left. The budgets are those that are used up; the wait is for the last of them.
    Refused {
        first: Limited,
        wait: Duration,
        used_up: Budgets,
    },
}

type Limits<'a> = SmallVec<[(Limited, &'a LimitCell, Rate); 2]>;

/// The limits of a request, in the order in which they are taken from: a request that the API's limit refuses still
/// counts against its key, so that nobody can wait for free at a busy API.
fn limits<'a>(key: Option<&'a KeyEntry>, rules: &'a ApiRules) -> Limits<'a> {
    let per_key = key.zip(rules.per_key).map(|(key, rate)| (Limited::Key, &*key.limit, rate));
    let per_api = rules.per_api.map(|rate| (Limited::Api, &*rules.api_limit, rate));
    per_key.into_iter().chain(per_api).collect()
}

/// Takes one event out of the key's and then out of the API's budget.
pub(crate) fn take_all(key: Option<&KeyEntry>, rules: &ApiRules, now: Timestamp) -> Taken {
    if rules.per_api.is_none() && (rules.per_key.is_none() || key.is_none()) {
        return Taken::Unlimited;
    }
    let mut refused = None;
    let mut budgets = SmallVec::new();
    for (limited, cell, rate) in limits(key, rules) {
        let taken = match refused {
            None => take(cell, rate, now),
            // Whoever is refused already takes no more, but is told of what would refuse it too.
            Some(_) => Ok(look(cell, rate, now)),
        };
        let left = taken.unwrap_or_else(|UsedUp { wait }| {
            refused = Some(limited);
            Left { count: 0, wait }
        });
        budgets.push(Budget { limited, rate, left });
    }
    let Some(first) = refused else {
        return Taken::All(Budgets::sorted(budgets));
    };
    budgets.retain(|budget| budget.left.count == 0);
    let wait = budgets.iter().map(|budget| budget.left.wait).max().unwrap_or_default();
    Taken::Refused { first, wait, used_up: Budgets::sorted(budgets) }
}

/// What is left of the budgets of a known caller; none where nothing is limited. Takes nothing.
pub(crate) fn look_at(key: &KeyEntry, rules: &ApiRules, now: Timestamp) -> Option<Budgets> {
    let budgets: SmallVec<[Budget; 2]> = limits(Some(key), rules)
        .into_iter()
        .map(|(limited, cell, rate)| Budget { limited, rate, left: look(cell, rate, now) })
        .collect();
    (!budgets.is_empty()).then(|| Budgets::sorted(budgets))
}

impl Budgets {
    fn sorted(mut budgets: SmallVec<[Budget; 2]>) -> Self {
        budgets.sort_by_key(|budget| (budget.left.count, std::cmp::Reverse(budget.left.wait)));
        Self(budgets)
    }

    /// The fields that tell a client: `RateLimit` and `RateLimit-Policy`. Not for redirections.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, String); 2] {
        let (mut state, mut policy) = (String::new(), String::new());
        for Budget { limited, rate, left } in &self.0 {
            if !state.is_empty() {
                state.push_str(", ");
                policy.push_str(", ");
            }
            let name = limited.as_str();
            state.push_str(&format!("\"{name}\";r={}", left.count));
            if !left.wait.is_zero() {
                state.push_str(&format!(";t={}", whole_seconds(left.wait)));
            }
            policy.push_str(&format!("\"{name}\";q={};w={}", rate.count(), rate.period().as_secs()));
        }
        [("RateLimit", state), ("RateLimit-Policy", policy)]
    }
}

impl Limited {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Key => "key",
        }
    }
}

/// Rounded up: whoever waits as long as told is let in.
pub(crate) fn whole_seconds(wait: Duration) -> u128 {
    wait.as_nanos().div_ceil(1_000_000_000).max(1)
}
