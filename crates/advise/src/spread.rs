//! How many rows there are, whose they are, and how much of a call a new one keeps.
//!
//! Bounded, and fair: what anybody can send without a credential has rows of its own, so that it takes none from callers
//! that are known; and of those each may have some in any case, whatever the others do. Whoever varies what he sends makes
//! his own rows coarser. At first new ones name networks for addresses and leave out what differs from object to object,
//! then they keep caller, key and operation alone, and in the end calls are counted in one row.

use std::collections::HashMap;

use model::Strength;
use record::hash::Fast;

/// From this many rows of known callers of a day and an API on, new ones name networks and leave out parameters and users'
/// attributes.
pub const ROWS_EXACT: u64 = 20_000;
/// From this many rows of known callers on, new ones keep caller, key and operation alone.
pub const ROWS_COARSE: u64 = 50_000;
/// From this many rows of known callers on, their calls are counted in one row.
pub const ROWS_MAX: u64 = 200_000;
/// So many rows of each known caller are exact however many the others have,
pub const CALLER_EXACT: u64 = 1_000;
/// and up to so many name their network,
pub const CALLER_COARSE: u64 = 3_000;
/// while there is room for the coarse rows of all: half of what there may be.
const ROWS_OF_EACH: u64 = ROWS_MAX / 2;

/// The same of calls that came without a credential, or with one that nobody vouched for.
pub const UNKNOWN_EXACT: u64 = 5_000;
pub const UNKNOWN_COARSE: u64 = 10_000;
pub const UNKNOWN_MAX: u64 = 20_000;

/// How much of a call a new row keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Exact,
    Network,
    Coarse,
    /// That it was.
    Together,
}

/// Whose rows these are: of one known caller, or of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Share(i64);

impl Share {
    /// Of callers that nobody vouched for.
    pub const UNKNOWN: Self = Self(0);

    /// Of a caller by its label, as known by `strength`, 0 to 4.
    pub(crate) fn of(caller: &str, strength: i64) -> Self {
        if strength < Strength::SharedSecret.as_long() {
            return Self::UNKNOWN;
        }
        // Two callers of one number would share their rows, and nothing else.
        let number = i64::from_le_bytes((Fast::of(&[caller]) >> 1).to_le_bytes());
        Self(number.max(1))
    }

    /// The share of a number that [`Self::number`] gave.
    #[must_use]
    pub const fn of_number(number: i64) -> Self {
        Self(number)
    }

    /// A number to keep it by.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// How many rows one day of one API has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    unknown: u64,
    known: u64,
    callers: HashMap<Share, u64>,
}

impl Rows {
    /// Notes `rows` more of a share.
    pub fn add(&mut self, share: Share, rows: u64) {
        if share == Share::UNKNOWN {
            self.unknown += rows;
        } else {
            self.known += rows;
            *self.callers.entry(share).or_default() += rows;
        }
    }

    /// How much a new row of a share keeps.
    pub(crate) fn detail(&self, share: impl FnOnce() -> Share, strength: Strength) -> Detail {
        if strength < Strength::SharedSecret {
            return match self.unknown {
                ..UNKNOWN_EXACT => Detail::Exact,
                UNKNOWN_EXACT..UNKNOWN_COARSE => Detail::Network,
                UNKNOWN_COARSE..UNKNOWN_MAX => Detail::Coarse,
                UNKNOWN_MAX.. => Detail::Together,
            };
        }
        let of_all = match self.known {
            ..ROWS_EXACT => return Detail::Exact,
            ROWS_EXACT..ROWS_COARSE => Detail::Network,
            ROWS_COARSE..ROWS_MAX => Detail::Coarse,
            ROWS_MAX.. => return Detail::Together,
        };
        match self.callers.get(&share()).copied().unwrap_or(0) {
            ..CALLER_EXACT if self.known < ROWS_OF_EACH => Detail::Exact,
            ..CALLER_COARSE if self.known < ROWS_OF_EACH => Detail::Network,
            _ => of_all,
        }
    }
}

/// How many rows there are of a day and an API.
pub type Spread = HashMap<(i64, String), Rows>;
