//! Limits against a reference, at their edges, under several threads, and with a clock that goes back.

use proptest::prelude::*;

use super::*;

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000_000_000 + micros)
}

fn granted(cell: &LimitCell, rate: Rate, now: Timestamp, tries: usize) -> usize {
    (0..tries).filter(|_| take(cell, rate, now).is_ok()).count()
}

/// A bucket of tokens, kept in nanoseconds: the same promise in other words.
struct Bucket {
    level: u128,
    budget: u128,
    cost: u128,
    last: i64,
}

impl Bucket {
    fn full(rate: Rate, now: i64) -> Self {
        let cost = rate.period().as_nanos().div_ceil(u128::from(rate.count())).max(1);
        let budget = cost * u128::from(rate.count());
        Self { level: budget, budget, cost, last: now }
    }

    fn take(&mut self, now: i64) -> bool {
        let passed = u128::try_from(now - self.last).unwrap() * 1_000;
        self.level = self.budget.min(self.level + passed);
        self.last = now;
        let fits = self.cost <= self.level;
        if fits {
            self.level -= self.cost;
        }
        fits
    }
}

#[test]
fn grants_the_whole_budget_at_once_and_then_one_per_interval() {
    let (cell, rate) = (LimitCell::unused(), rate("3/s"));
    assert_eq!(granted(&cell, rate, at(0), 10), 3);
    assert_eq!(take(&cell, rate, at(333_333)).unwrap_err().wait, Duration::from_nanos(334));
    assert!(take(&cell, rate, at(333_334)).is_ok());
    assert!(take(&cell, rate, at(333_335)).is_err());
    assert_eq!(granted(&cell, rate, at(2_000_000), 10), 3);
}

#[test]
fn waiting_as_long_as_told_is_enough() {
    for text in ["1/s", "7/s", "100/m", "5/h", "10000/d", "4294967295/s"] {
        let (cell, rate) = (LimitCell::unused(), rate(text));
        let mut now = at(0);
        for _ in 0..50 {
            while take(&cell, rate, now).is_ok() && rate.count() < 1_000_000 {}
            let Err(UsedUp { wait }) = take(&cell, rate, now) else { break };
            assert!(Duration::ZERO < wait && wait <= rate.period(), "{text} {wait:?}");
            let micros = i64::try_from(wait.as_nanos().div_ceil(1_000)).unwrap();
            now = Timestamp::from_micros(now.as_micros() + micros);
            assert!(take(&cell, rate, now).is_ok(), "{text}");
        }
    }
}

#[test]
fn a_clock_that_goes_back_grants_nothing_and_locks_nobody_out() {
    let (cell, rate) = (LimitCell::unused(), rate("10/m"));
    assert_eq!(granted(&cell, rate, at(0), 4), 4);
    let day = 86_400_000_000;
    // A day back: nothing at once, one after an interval, all of it after a period.
    assert_eq!(granted(&cell, rate, at(-day), 20), 0);
    assert_eq!(granted(&cell, rate, at(-day + 5_999_999), 20), 0);
    assert_eq!(granted(&cell, rate, at(-day + 6_000_000), 20), 1);
    assert_eq!(granted(&cell, rate, at(-day + 66_000_000), 20), 10);
    // A moment back is no reason to forget what is left.
    let cell = LimitCell::unused();
    assert_eq!(granted(&cell, rate, at(0), 4), 4);
    assert_eq!(granted(&cell, rate, at(-1), 20), 5);
    assert!(take(&LimitCell::unused(), rate, Timestamp::MIN).is_ok());
    assert!(take(&LimitCell::unused(), rate, Timestamp::MAX).is_ok());
}

#[test]
fn threads_together_get_no_more_than_one_would() {
    for _ in 0..20 {
        let (cell, rate) = (LimitCell::unused(), rate("1000/s"));
        let total: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| granted(&cell, rate, at(0), 700))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(total, 1_000);
    }
}

proptest! {
    #[test]
    fn agrees_with_a_bucket_of_tokens(
        count in 1_u32..2_000,
        period in prop::sample::select(vec!["s", "m", "h", "d"]),
        steps in prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..2_000, 0_i64..90_000_000_000], 1..300),
    ) {
        let rate = rate(&format!("{count}/{period}"));
        let (cell, mut now) = (LimitCell::unused(), 0);
        let mut bucket = Bucket::full(rate, now);
        for step in steps {
            now += step;
            prop_assert_eq!(take(&cell, rate, at(now)).is_ok(), bucket.take(now));
        }
    }

    #[test]
    fn going_back_never_grants_more_than_was_left(
        count in 1_u32..50,
        used in 0_usize..60,
        back in 0_i64..200_000_000,
    ) {
        let rate = rate(&format!("{count}/m"));
        let budget = usize::try_from(count).unwrap();
        let cell = LimitCell::unused();
        let first = granted(&cell, rate, at(0), used);
        let then = granted(&cell, rate, at(-back), 100);
        prop_assert!(first + then <= budget);
        prop_assert_eq!(granted(&cell, rate, at(-back + 61_000_000), 100), budget);
    }
}

#[test]
fn what_is_left_falls_as_it_is_used_and_comes_back_one_by_one() {
    let (cell, rate) = (LimitCell::unused(), rate("3/m"));
    let left = |count, seconds| Left { count, wait: Duration::from_secs(seconds) };
    assert_eq!(look(&cell, rate, at(0)), left(3, 0));
    assert_eq!(take(&cell, rate, at(0)), Ok(left(2, 20)));
    assert_eq!(take(&cell, rate, at(5_000_000)), Ok(left(1, 15)));
    assert_eq!(take(&cell, rate, at(5_000_000)), Ok(left(0, 15)));
    assert_eq!(look(&cell, rate, at(5_000_000)), left(0, 15));
    assert_eq!(take(&cell, rate, at(6_000_000)), Err(UsedUp { wait: Duration::from_secs(14) }));
    assert_eq!(look(&cell, rate, at(20_000_000)), left(1, 20));
    assert_eq!(look(&cell, rate, at(60_000_000)), left(3, 0));
}

proptest! {
    #[test]
    fn what_is_said_to_be_left_is_what_is_granted(count in 1_u32..50, used in 0_usize..60, later in 0_i64..90_000_000) {
        let (cell, rate) = (LimitCell::unused(), rate(&format!("{count}/m")));
        granted(&cell, rate, at(0), used);
        let said = look(&cell, rate, at(later));
        if !said.wait.is_zero() {
            let micros = i64::try_from(said.wait.as_nanos().div_ceil(1_000)).unwrap();
            prop_assert!(said.count < look(&cell, rate, at(later + micros)).count);
        }
        prop_assert_eq!(granted(&cell, rate, at(later), 100), usize::try_from(said.count).unwrap());
    }
}
