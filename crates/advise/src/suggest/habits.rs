//! What is usual for a caller, so that what is unusual for it can be told.
//!
//! Everything here compares a caller with itself: its own networks ([`Own`]), its own time, its own number of calls. So it holds
//! for a month of a busy service and for some minutes of a test alike, and needs no minimum of traffic.

use model::Timestamp;

use super::evidence::{CallerUse, Span};
use super::places::{Elsewhere, Own};

/// Up to this many calls of an operation at one moment are few. What is called more at once is called by a program: a run at
/// the end of a month is.
const FEW_CALLS: u64 = 5;
/// A try is over within an hour,
const TRY_MICROS: i64 = 3_600_000_000;
/// or, of a caller that has not been here for a day, within one in this many parts of its time.
const TRY_PART: i64 = 24;
/// An operation that comes again over one in this many parts of its caller's time is regular.
const REGULAR_PART: i64 = 4;
/// Who was here for less than a day may have done one thing after the other, as scripts do.
const DAY_MICROS: i64 = 86_400_000_000;

/// What one caller usually does.
#[derive(Debug)]
pub(super) struct Habits<'a> {
    caller: &'a CallerUse,
    own: Own<'a>,
    here: i64,
    /// The first and the last call of each operation that comes again and again.
    regular: Vec<(Timestamp, Timestamp)>,
    /// More of its calls found nothing than succeeded.
    pub(super) scans: bool,
}

/// How an operation is called from the caller's own networks. What somebody elsewhere does with its key makes nothing of
/// that more usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usual {
    /// A few times, all of them within an hour, or within less by a caller that has not been here for long.
    AtOneMoment,
    /// Not more than a try, and what came beside that came from other networks.
    Elsewhere,
    Often,
    Once,
}

impl Span {
    /// Whether these calls are no more than somebody makes who tries something, by a caller that was `here` for so many
    /// microseconds.
    pub(super) fn is_try(&self, here: i64) -> bool {
        let took = self.last.as_micros().saturating_sub(self.first.as_micros());
        self.calls <= 1 || self.calls <= FEW_CALLS && took <= TRY_MICROS.min(here / TRY_PART)
    }
}

impl<'a> Habits<'a> {
    pub(super) fn of(caller: &'a CallerUse, missed: u64) -> Self {
        let own = Own::of(caller);
        let here = match (caller.first, caller.last) {
            (Some(first), Some(last)) => last.as_micros().saturating_sub(first.as_micros()),
            (None, _) | (_, None) => 0,
        };
        let spans = caller.uses.values().filter_map(|use_| own.of_use(use_).0);
        let is_regular = |span: &Span| {
            let took = span.last.as_micros().saturating_sub(span.first.as_micros());
            !span.is_try(here) && here / REGULAR_PART <= took
        };
        let regular = spans.filter(is_regular).map(|span| (span.first, span.last)).collect();
        Self { caller, own, here, regular, scans: caller.calls < missed }
    }

    pub(super) fn usual(&self, operation: &str) -> Usual {
        let Some(use_) = self.caller.uses.get(operation) else { return Usual::Elsewhere };
        let (span, elsewhere) = self.own.of_use(use_);
        let by_itself = match span {
            None => return Usual::Elsewhere,
            Some(span) if span.calls == 1 => Usual::Once,
            Some(span) if span.is_try(self.here) && self.goes_on_beside(&span) => Usual::AtOneMoment,
            Some(_) => return Usual::Often,
        };
        match elsewhere {
            Elsewhere::None => by_itself,
            Elsewhere::Some => Usual::Elsewhere,
        }
    }

    /// Whether the caller was here long enough beside a few calls at one moment for these to stand out. Who was here for a day
    /// or more would have come back. Who was not may have called one operation after the other, few times some of them: there,
    /// regular work goes on around a try.
    fn goes_on_beside(&self, span: &Span) -> bool {
        let goes_on_around =
            |(first, last): &(Timestamp, Timestamp)| *first < span.first && span.last < *last;
        DAY_MICROS <= self.here || self.regular.iter().any(goes_on_around)
    }
}
