//! The budgets of `per_key` for callers that show no key: workloads, and whoever shows an access token alone.
//!
//! A key has its budget beside it; these callers are known nowhere until they come. Each is counted by client and user
//! together: a thousand users of one program are a thousand callers. Bounded: where there is no room, those whose budget is
//! whole again are forgotten, which changes nothing, and else the one that is nearest to that.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use identity::{Identified, LimitCell};
use model::{Caller, Strength, Timestamp};

use super::nanoseconds;
use crate::ApiRules;

/// Parts, each behind a lock of its own, so that workers seldom meet.
const PARTS: usize = 16;
/// Callers in one part.
const PART_CALLERS_MAX: usize = 4_096;
/// Between client and user. No client's name holds it.
const SEPARATOR: char = '\n';

/// By client and user.
type Part = HashMap<Box<str>, Arc<LimitCell>>;

/// The budgets of one API's callers, shared by the workers.
pub struct CallerLimits {
    parts: Box<[Mutex<Part>]>,
    choose: RandomState,
}

impl fmt::Debug for CallerLimits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CallerLimits").finish_non_exhaustive()
    }
}

impl Default for CallerLimits {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { parts, choose: RandomState::new() }
    }
}

impl CallerLimits {
    /// The budget of a caller.
    fn cell(&self, caller: &Caller, now: Timestamp) -> Option<Arc<LimitCell>> {
        let mut name = caller.client.label();
        if let Some(user) = &caller.user {
            name.push(SEPARATOR);
            name.push_str(&user.label());
        }
        let place = usize::try_from(self.choose.hash_one(&name) % PARTS as u64).ok()?;
        // A panic while the lock was held left at most a caller with a whole budget; going on is safe.
        let mut part = self.parts.get(place)?.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = part.get(name.as_str()) {
            return Some(Arc::clone(cell));
        }
        if PART_CALLERS_MAX <= part.len() {
            make_room(&mut part, now);
        }
        let cell = Arc::new(LimitCell::unused());
        part.insert(name.into(), Arc::clone(&cell));
        Some(cell)
    }
}

#[cold]
fn make_room(part: &mut Part, now: Timestamp) {
    let whole_at = |cell: &LimitCell| cell.value().load(Ordering::Relaxed);
    let now = nanoseconds(now);
    part.retain(|_, cell| now < whole_at(cell));
    if PART_CALLERS_MAX <= part.len()
        && let Some(first) = part.iter().min_by_key(|(_, cell)| whole_at(cell)).map(|(name, _)| name.clone())
    {
        part.remove(&first);
    }
}

/// The budget that `per_key` takes from: that of the key, or that of a caller who is known without one. None where nobody
/// is known: a name that anybody can make up would have as many budgets as names.
pub(crate) fn cell_of(identified: &Identified, rules: &ApiRules, now: Timestamp) -> Option<Arc<LimitCell>> {
    rules.per_key?;
    match &identified.key {
        Some(key) => Some(Arc::clone(&key.limit)),
        None if Strength::SharedSecret < identified.caller.strength => {
            rules.caller_limits.cell(&identified.caller, now)
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{Application, ApplicationName, Client, CredentialRef, IssuerName, Rate, TeamName, User};

    use super::super::{look, take};
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn rate() -> Rate {
        Rate::parse("2/h").unwrap()
    }

    fn caller(client: &str, user: Option<&str>) -> Caller {
        let application = Application {
            name: ApplicationName::external("corp", client).unwrap(),
            team: TeamName::parse("partners").unwrap(),
            attributes: Default::default(),
            version: 0,
        };
        let client = Client::Application(Arc::new(application));
        let mut caller = Caller::client(client, Strength::VerifiedSignature, CredentialRef::Absent);
        caller.user = user.map(|name| {
            Arc::new(User {
                issuer: IssuerName::parse("corp").unwrap(),
                name: name.to_owned(),
                teams: Default::default(),
                attributes: Default::default(),
            })
        });
        caller
    }

    #[test]
    fn each_client_and_user_has_a_budget_of_its_own() {
        let limits = CallerLimits::default();
        let spend =
            |client: &str, user| take(&limits.cell(&caller(client, user), NOW).unwrap(), rate(), NOW).is_ok();
        assert!(spend("web", Some("ann")) && spend("web", Some("ann")) && !spend("web", Some("ann")));
        assert!(spend("web", Some("bob")) && spend("web", None) && spend("phone", Some("ann")));
        assert!(!spend("web", Some("ann")), "it is the same caller still");
    }

    #[test]
    fn there_is_no_end_of_callers_and_an_end_of_budgets() {
        let limits = CallerLimits::default();
        let most = PARTS * PART_CALLERS_MAX;
        let spent = limits.cell(&caller("spent", None), NOW).unwrap();
        for _ in 0..2 {
            take(&spent, rate(), NOW).unwrap();
        }
        for number in 0..most + most / 4 {
            let cell = limits.cell(&caller(&format!("c{number}"), None), NOW).unwrap();
            // Half of them are forgotten without loss, since they took nothing.
            if number % 2 == 0 {
                take(&cell, rate(), NOW).unwrap();
            }
        }
        let held: usize = limits.parts.iter().map(|part| part.lock().unwrap().len()).sum();
        assert!(held <= most, "{held}");
        // Who has nothing left is the last to be forgotten.
        let again = limits.cell(&caller("spent", None), NOW).unwrap();
        assert_eq!(look(&again, rate(), NOW).count, 0);
        let later = NOW.plus(Duration::from_secs(3_600));
        assert_eq!(look(&again, rate(), later).count, 2);
    }
}
