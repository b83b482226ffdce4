//! Observations that come to their end: from then on calls are refused that passed until then, so it is told before.
//!
//! `status`, `/readyz` and the metrics say it whenever they are asked in the last seven days. The process says it by itself as
//! well: seven days before, a day before, and when it is over.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ApiName, Mode, Timestamp};
use policy::Effect;

use crate::state::State;
use crate::{Control, ControlError};

/// From how long before its end on it is told.
const SOON: Duration = Duration::from_secs(7 * 86_400);
/// From how long before its end on it is told once more.
const VERY_SOON: Duration = Duration::from_secs(86_400);

/// How near an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nearness {
    Far,
    Soon,
    VerySoon,
    Over,
}

/// What was said of each end already, by what ends.
pub(crate) type Told = BTreeMap<String, (Timestamp, Nearness)>;

/// An observation and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    of: Observed,
    name: String,
    ends: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Observed {
    Api,
    Guard,
}

impl Ending {
    /// That of an API; none where it is enforced for good.
    pub(crate) fn of_api(name: &ApiName, mode: Mode) -> Option<Self> {
        match mode {
            Mode::Enforce => None,
            Mode::ObserveUntil(ends) => Some(Self { of: Observed::Api, name: name.to_string(), ends }),
        }
    }

    fn what(&self) -> String {
        let kind = match self.of {
            Observed::Api => "api",
            Observed::Guard => "guard",
        };
        format!("{kind} `{}`", self.name)
    }

    pub(crate) fn nearness(&self, now: Timestamp) -> Nearness {
        if self.ends <= now {
            Nearness::Over
        } else if self.ends <= now.plus(VERY_SOON) {
            Nearness::VerySoon
        } else if self.ends <= now.plus(SOON) {
            Nearness::Soon
        } else {
            Nearness::Far
        }
    }

    /// In words, while it is not over and near enough.
    pub(crate) fn warning(&self, now: Timestamp) -> Option<String> {
        let left = self.ends.since(now).as_secs();
        let left = match (left / 86_400, left / 3_600) {
            (0, 0) => "less than an hour".to_owned(),
            (0, 1) => "1 hour".to_owned(),
            (0, hours) => format!("{hours} hours"),
            (1, _) => "1 day".to_owned(),
            (days, _) => format!("{days} days"),
        };
        match self.nearness(now) {
            Nearness::Far | Nearness::Over => None,
            Nearness::Soon | Nearness::VerySoon => {
                Some(format!("the observation of {} ends in {left}, at {}", self.what(), self.ends))
            }
        }
    }
}

impl Control {
    /// The end of each API's observation, and of each guard's, those that are over included.
    pub(crate) fn endings(&self, state: &State, now: Timestamp) -> Result<Vec<Ending>, ControlError> {
        let mut endings = Vec::new();
        for api in state.repository().map(|repository| repository.apis.as_slice()).unwrap_or_default() {
            endings.extend(Ending::of_api(&api.name, state.effective_mode(api, now)?));
        }
        let snapshot = self.live().load();
        let policies = snapshot.0.revision.policies.iter().flat_map(|policies| policies.policies());
        endings.extend(policies.filter(|policy| policy.effect == Effect::Forbid).filter_map(|policy| {
            Some(Ending { of: Observed::Guard, name: policy.id.to_string(), ends: policy.observe_until? })
        }));
        Ok(endings)
    }

    /// Says of each observation once that its end is near, and once that it is over.
    pub(crate) fn tell_endings(&self) -> Result<(), ControlError> {
        let now = self.now();
        let mut state = self.state();
        let endings = self.endings(&state, now)?;
        for (ending, nearness) in due(&mut state.endings, endings, now) {
            let (what, ends) = (ending.what(), ending.ends);
            match nearness {
                Nearness::Far => {}
                Nearness::Soon | Nearness::VerySoon => tracing::warn!(
                    %what, %ends,
                    "the observation ends soon; what policies do not permit is refused from then on, see `sallyport status`"
                ),
                Nearness::Over => tracing::warn!(
                    %what, %ends,
                    "the observation is over; what policies do not permit is refused from now on"
                ),
            }
        }
        Ok(())
    }
}

/// The ends of APIs' observations, in Prometheus' text format.
pub(crate) fn metric(endings: &[Ending]) -> String {
    let name = "sallyport_observe_ends_seconds";
    let mut text = format!("# HELP {name} End of an API's observation, since 1970\n# TYPE {name} gauge\n");
    for ending in endings.iter().filter(|ending| ending.of == Observed::Api) {
        let seconds = ending.ends.as_micros().div_euclid(1_000_000);
        text.push_str(&format!("{name}{{api=\"{}\"}} {seconds}\n", ending.name));
    }
    text
}

/// What has to be said now, and was not yet. That something is over is said only by who saw it before.
fn due(told: &mut Told, endings: Vec<Ending>, now: Timestamp) -> Vec<(Ending, Nearness)> {
    let before = std::mem::take(told);
    let mut due = Vec::new();
    for ending in endings {
        let nearness = ending.nearness(now);
        let what = ending.what();
        let last = before.get(&what).filter(|(ends, _)| *ends == ending.ends).map(|(_, last)| *last);
        told.insert(what, (ending.ends, nearness));
        let is_new = match last {
            Some(last) => last < nearness,
            None => nearness != Nearness::Over,
        };
        if is_new && nearness != Nearness::Far {
            due.push((ending, nearness));
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_told_twice_before_and_once_after_it() {
        let at = |seconds: i64| Timestamp::from_seconds(100 * 86_400 + seconds);
        let ending = |ends| Ending { of: Observed::Api, name: "orders".to_owned(), ends };
        let mut told = Told::new();
        let mut said = |now, ends| -> Vec<Nearness> {
            due(&mut told, vec![ending(ends)], now).into_iter().map(|(_, nearness)| nearness).collect()
        };
        let end = at(0);
        for (seconds, expected) in [
            (-7 * 86_400 - 1, vec![]),
            (-7 * 86_400, vec![Nearness::Soon]),
            (-86_401, vec![]),
            (-86_400, vec![Nearness::VerySoon]),
            (-1, vec![]),
            (0, vec![Nearness::Over]),
            (86_400, vec![]),
        ] {
            assert_eq!(said(at(seconds), end), expected, "{seconds}");
        }
        // Renewed, and seen by a process that did not see it near.
        assert_eq!(said(at(1), at(30 * 86_400)), []);
        assert_eq!(said(at(30 * 86_400), at(30 * 86_400)), [Nearness::Over]);
        assert_eq!(due(&mut Told::new(), vec![ending(end)], at(0)), [], "it was over before");
        assert_eq!(due(&mut Told::new(), vec![ending(end)], at(-5)).len(), 1, "after a restart as well");
    }

    #[test]
    fn a_warning_says_how_long_there_is() {
        let ending = Ending {
            of: Observed::Guard,
            name: "orders".to_owned(),
            ends: Timestamp::from_seconds(1_000_000),
        };
        let warning = |left: i64| ending.warning(Timestamp::from_seconds(1_000_000 - left));
        for (left, words) in [
            (7 * 86_400, "in 7 days, at 1970-01-12"),
            (2 * 86_400 - 1, "in 1 day, at"),
            (86_399, "in 23 hours, at"),
            (3_600, "in 1 hour, at"),
            (3_599, "in less than an hour, at"),
        ] {
            let told = warning(left).unwrap();
            assert!(told.contains("of guard `orders` ends") && told.contains(words), "{told}");
        }
        assert_eq!((warning(7 * 86_400 + 1), warning(0)), (None, None));
    }
}
