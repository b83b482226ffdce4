//! What of the operations found a person should look at, and in which order.

use std::cmp::Reverse;

use inventory::{State, Stated};

use super::report::Compared;

/// Why a person should look at an operation, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Concern {
    /// A call without a credential was answered with success.
    Open,
    Zombie,
    Shadow,
    Orphan,
}

impl Concern {
    pub(super) const ALL: [Self; 4] = [Self::Open, Self::Zombie, Self::Shadow, Self::Orphan];

    /// The word in outputs.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Zombie => "zombie",
            Self::Shadow => "shadow",
            Self::Orphan => "orphan",
        }
    }

    /// What it says of `count` operations, to follow the number.
    pub(super) const fn title(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Open, 1) => "operation answered without a credential",
            (Self::Open, _) => "operations answered without a credential",
            (Self::Zombie, 1) => "operation is called although it is on its way out",
            (Self::Zombie, _) => "operations are called although they are on their way out",
            (Self::Shadow, 1) => "operation is called and in no document",
            (Self::Shadow, _) => "operations are called and in no document",
            (Self::Orphan, 1) => "operation is in a document and no call to it succeeded",
            (Self::Orphan, _) => "operations are in a document and no call to them succeeded",
        }
    }

    /// What it means and what to ask, in two sentences.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Open => {
                "Traffic proves it: a call that carried no credential got a success. Right for what is meant for everybody, such as signing in; anything else is exposed."
            }
            Self::Zombie => {
                "A document marks it deprecated, or its own answers say that it is or that its end has passed. Find out who still calls it before it goes."
            }
            Self::Shadow => "Nobody reviewed what no document describes. Declare it, or stop it.",
            Self::Orphan => {
                "Offered and never used with success while the traffic was seen. Remove it, or find out why nobody reaches it."
            }
        }
    }

    fn holds(self, one: &Stated, compared: Compared) -> bool {
        match self {
            Self::Open => one.seen.as_ref().is_some_and(|seen| 0 < seen.open_successes),
            Self::Zombie => one.state == State::Zombie,
            // Without documents everything is in none.
            Self::Shadow => one.state == State::Shadow && compared == Compared::WithDocuments,
            Self::Orphan => one.state == State::Orphan,
        }
    }
}

/// Everything that is to be looked at in an operation, the gravest first.
pub(super) fn concerns(one: &Stated, compared: Compared) -> Vec<Concern> {
    Concern::ALL.into_iter().filter(|concern| concern.holds(one, compared)).collect()
}

/// The operations in the order in which a person should see them: by their gravest concern, and then what is called most.
pub(super) fn ordered(stated: &[Stated], compared: Compared) -> Vec<&Stated> {
    let mut ordered: Vec<&Stated> = stated.iter().collect();
    // Nothing to look at comes after every concern.
    let gravest =
        |one: &Stated| concerns(one, compared).first().map_or(Concern::ALL.len(), |first| *first as usize);
    ordered.sort_by_cached_key(|one| (gravest(one), Reverse(one.seen.as_ref().map_or(0, |seen| seen.count))));
    ordered
}

/// The state in words for people: without documents, what is merely in none was seen and no more.
pub(super) fn state(one: &Stated, compared: Compared) -> &'static str {
    match (one.state, compared) {
        (State::Shadow, Compared::WithNothing) => "seen",
        (state, Compared::WithNothing | Compared::WithDocuments) => state.as_str(),
    }
}

/// How many operations there are of each concern, without those of which there are none.
pub(super) fn counts(stated: &[Stated], compared: Compared) -> Vec<(Concern, usize)> {
    let count = |concern: Concern| stated.iter().filter(|one| concern.holds(one, compared)).count();
    Concern::ALL
        .into_iter()
        .map(|concern| (concern, count(concern)))
        .filter(|(_, count)| *count != 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{orphan, seen};
    use super::*;

    fn paths(stated: &[Stated], compared: Compared) -> Vec<&str> {
        ordered(stated, compared).into_iter().map(|one| one.path.as_str()).collect()
    }

    #[test]
    fn what_is_open_comes_first_and_what_is_called_more_before_what_is_called_less() {
        let mut open = seen(State::Documented, "/open", 1);
        open.seen.as_mut().unwrap().open_successes = 1;
        let stated = [
            seen(State::Documented, "/documented", 900),
            orphan("/orphan"),
            seen(State::Shadow, "/shadow", 3),
            seen(State::Shadow, "/busy", 4),
            seen(State::Zombie, "/zombie", 2),
            open,
        ];
        let all = ["/open", "/zombie", "/busy", "/shadow", "/orphan", "/documented"];
        assert_eq!(paths(&stated, Compared::WithDocuments), all);
        let counted = counts(&stated, Compared::WithDocuments);
        assert_eq!(
            counted,
            [(Concern::Open, 1), (Concern::Zombie, 1), (Concern::Shadow, 2), (Concern::Orphan, 1)]
        );
    }

    #[test]
    fn without_documents_nothing_is_a_shadow_and_a_zombie_is_one_still() {
        let stated = [seen(State::Shadow, "/a", 9), seen(State::Zombie, "/b", 1)];
        assert_eq!(paths(&stated, Compared::WithNothing), ["/b", "/a"]);
        let words: Vec<&str> = stated.iter().map(|one| state(one, Compared::WithNothing)).collect();
        assert_eq!(words, ["seen", "zombie"]);
        assert_eq!(state(&stated[0], Compared::WithDocuments), "shadow");
        assert_eq!(counts(&stated, Compared::WithNothing), [(Concern::Zombie, 1)]);
    }

    #[test]
    fn an_operation_can_have_several_concerns() {
        let mut one = seen(State::Shadow, "/a", 9);
        one.seen.as_mut().unwrap().open_successes = 2;
        assert_eq!(concerns(&one, Compared::WithDocuments), [Concern::Open, Concern::Shadow]);
        assert_eq!(concerns(&one, Compared::WithNothing), [Concern::Open]);
        assert_eq!(concerns(&seen(State::Documented, "/a", 9), Compared::WithDocuments), []);
    }
}
