//! How often something was called, and what came of it: what roll-ups add up.

use crate::{DecisionId, Timestamp};

/// Sums over calls that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseCounts {
    /// All calls, those included whose ending is not known.
    pub calls: u64,
    /// Answered with a status from 200 to 399.
    pub ok: u64,
    /// Answered with a status from 400 to 499.
    pub client_errors: u64,
    /// Answered with a status of 500 or more.
    pub server_errors: u64,
    /// Broken off, or without an answer of the upstream.
    pub broken: u64,
    /// Bytes of the requests' bodies.
    pub bytes_in: u64,
    /// Bytes of the answers' bodies.
    pub bytes_out: u64,
    /// A bit for each hour of the day, UTC, in which there was a call; bit 0 is the hour after midnight.
    pub hours: u32,
    pub first: Timestamp,
    pub last: Timestamp,
    /// The first and the latest decision, to look up in the log.
    pub samples: [DecisionId; 2],
}

/// How one call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseEnding {
    pub status: u16,
    /// Whether the answer went out whole.
    pub is_whole: bool,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

/// Microseconds of an hour.
const HOUR_MICROS: i64 = 3_600_000_000;

impl UseCounts {
    /// One call whose ending is not known yet.
    #[must_use]
    pub fn of_call(id: DecisionId, time: Timestamp) -> Self {
        let hour = time.as_micros().div_euclid(HOUR_MICROS).rem_euclid(24);
        Self {
            calls: 1,
            ok: 0,
            client_errors: 0,
            server_errors: 0,
            broken: 0,
            bytes_in: 0,
            bytes_out: 0,
            hours: u32::try_from(hour).map_or(0, |hour| 1 << hour),
            first: time,
            last: time,
            samples: [id, id],
        }
    }

    /// Adds other calls; sums stay at their largest value rather than wrap.
    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.calls, other.calls),
            (&mut self.ok, other.ok),
            (&mut self.client_errors, other.client_errors),
            (&mut self.server_errors, other.server_errors),
            (&mut self.broken, other.broken),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.bytes_out, other.bytes_out),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        self.hours |= other.hours;
        let [first, last] = &mut self.samples;
        let [others_first, others_last] = other.samples;
        if other.first < self.first {
            self.first = other.first;
            *first = others_first;
        }
        if self.last <= other.last {
            self.last = other.last;
            *last = others_last;
        }
    }

    /// Counts how one of the calls ended.
    pub fn end(&mut self, ending: &UseEnding) {
        let kind = match (ending.is_whole, ending.status) {
            (false, _) => &mut self.broken,
            (true, 200..400) => &mut self.ok,
            (true, 400..500) => &mut self.client_errors,
            (true, 500..) => &mut self.server_errors,
            // What comes before a final answer ends nothing.
            (true, ..200) => &mut self.broken,
        };
        *kind = kind.saturating_add(1);
        self.bytes_in = self.bytes_in.saturating_add(ending.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(ending.bytes_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(seconds: i64, tail: u128) -> UseCounts {
        let time = Timestamp::from_seconds(seconds);
        UseCounts::of_call(DecisionId::new(time, tail), time)
    }

    #[test]
    fn sums_do_not_depend_on_the_order() {
        let calls = [call(7_200, 1), call(10, 2), call(90_000, 3)];
        let sum = |order: [usize; 3]| {
            let mut sum = calls[order[0]];
            sum.add(&calls[order[1]]);
            sum.add(&calls[order[2]]);
            sum
        };
        assert_eq!(sum([0, 1, 2]), sum([2, 1, 0]));
        let sum = sum([1, 0, 2]);
        assert_eq!((sum.calls, sum.hours), (3, 0b111));
        assert_eq!(sum.samples, [calls[1].samples[0], calls[2].samples[0]]);
    }

    #[test]
    fn only_a_whole_answer_without_an_error_is_a_success() {
        let mut counts = call(0, 1);
        let ending = |status, is_whole| UseEnding { status, is_whole, bytes_in: 1, bytes_out: 2 };
        for (status, is_whole) in
            [(200, true), (304, true), (399, true), (404, true), (503, true), (200, false), (100, true)]
        {
            counts.end(&ending(status, is_whole));
        }
        assert_eq!((counts.ok, counts.client_errors, counts.server_errors, counts.broken), (3, 1, 1, 2));
        assert_eq!((counts.bytes_in, counts.bytes_out), (7, 14));
    }
}
