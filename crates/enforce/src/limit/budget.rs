//! The limits of a request together: taking from all of them, and telling clients what is left
//! (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use identity::LimitCell;
use model::{Rate, Timestamp};
use smallvec::SmallVec;

use super::{Left, UsedUp, look, take};
use crate::ApiRules;
use crate::forward::{AddedFields, Whole};
use crate::text::ShortText;

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
/// counts against its caller, so that nobody can wait for free at a busy API.
fn limits<'a>(own: Option<&'a LimitCell>, rules: &'a ApiRules) -> Limits<'a> {
    let mut limits = Limits::new();
    if let (Some(own), Some(rate)) = (own, rules.per_key) {
        limits.push((Limited::Key, own, rate));
    }
    if let Some(rate) = rules.per_api {
        limits.push((Limited::Api, &*rules.api_limit, rate));
    }
    limits
}

/// Takes one event out of the caller's and then out of the API's budget.
pub(crate) fn take_all(own: Option<&LimitCell>, rules: &ApiRules, now: Timestamp) -> Taken {
    if rules.per_api.is_none() && (rules.per_key.is_none() || own.is_none()) {
        return Taken::Unlimited;
    }
    let mut refused = None;
    let mut budgets = SmallVec::new();
    for (limited, cell, rate) in limits(own, rules) {
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
pub(crate) fn look_at(own: Option<&LimitCell>, rules: &ApiRules, now: Timestamp) -> Option<Budgets> {
    let budgets: SmallVec<[Budget; 2]> = limits(own, rules)
        .into_iter()
        .map(|(limited, cell, rate)| Budget { limited, rate, left: look(cell, rate, now) })
        .collect();
    (!budgets.is_empty()).then(|| Budgets::sorted(budgets))
}

impl Budgets {
    fn sorted(mut budgets: SmallVec<[Budget; 2]>) -> Self {
        if let [_] = budgets.as_slice() {
            return Self(budgets);
        }
        budgets.sort_by_key(|budget| (budget.left.count, std::cmp::Reverse(budget.left.wait)));
        Self(budgets)
    }

    /// The fields that tell a client: `RateLimit` and `RateLimit-Policy`. Not for redirections.
    pub fn write_fields(&self, fields: &mut impl AddedFields) {
        let number =
            |fields: &mut _, number| AddedFields::append(fields, ShortText::number(number).as_bytes());
        fields.begin("RateLimit");
        for (place, budget) in self.0.iter().enumerate() {
            budget.limited.write_name(place, fields);
            fields.append(b";r=");
            number(fields, u64::from(budget.left.count));
            if !budget.left.wait.is_zero() {
                fields.append(b";t=");
                number(fields, whole_seconds(budget.left.wait));
            }
        }
        fields.end();
        fields.begin("RateLimit-Policy");
        for (place, budget) in self.0.iter().enumerate() {
            budget.limited.write_name(place, fields);
            fields.append(b";q=");
            number(fields, u64::from(budget.rate.count()));
            fields.append(b";w=");
            number(fields, budget.rate.period().as_secs());
        }
        fields.end();
    }

    /// The same as names and values.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, String); 2] {
        let mut fields = [("", String::new()), ("", String::new())];
        let mut slots = fields.iter_mut();
        self.write_fields(&mut Whole::new(|name, value| {
            if let Some(slot) = slots.next() {
                *slot = (name, String::from_utf8_lossy(value).into_owned());
            }
        }));
        fields
    }
}

impl Limited {
    /// Writes the name in quotes, behind a comma where it is not the first.
    fn write_name(self, place: usize, fields: &mut impl AddedFields) {
        fields.append(if place == 0 { b"\"" } else { b", \"" });
        fields.append(self.as_str().as_bytes());
        fields.append(b"\"");
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Key => "key",
        }
    }
}

/// Rounded up: whoever waits as long as told is let in.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(0 < wait.subsec_nanos())).max(1)
}
