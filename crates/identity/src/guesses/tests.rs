//! What is counted, for how long, and what an attacker can do to the table.

use proptest::prelude::*;

use super::*;

const LIMITS: GuessLimits = GuessLimits {
    failures: 3,
    network_failures: 1_000,
    per: Duration::from_secs(60),
    wait_max: Duration::from_secs(300),
};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_seconds(1_796_000_000).plus(Duration::from_millis(millis))
}

fn origin(text: &str) -> Origin {
    Origin::of(text.parse().unwrap())
}

fn id(number: u64) -> KeyId {
    KeyId::parse(format!("{number:012}").as_bytes()).unwrap()
}

/// How this one is answered is not the question.
fn unheeded(_outcome: Result<(), TooMany>) {}

fn waits(outcomes: &[Result<(), TooMany>]) -> Vec<u64> {
    outcomes.iter().map(|outcome| outcome.err().map_or(0, |refused| refused.wait.as_secs())).collect()
}

#[test]
fn a_wait_comes_after_as_many_failures_as_are_written_and_doubles() {
    let guesses = Guesses::new(1);
    let here = origin("192.0.2.1");
    let outcomes: Vec<_> = (0..9).map(|_| guesses.failed_key(&LIMITS, here, id(1), at(0))).collect();
    assert_eq!(waits(&outcomes), [0, 0, 0, 40, 80, 160, 300, 300, 300]);
}

#[test]
fn whoever_waits_as_told_gets_an_ordinary_answer_again() {
    let guesses = Guesses::new(1);
    let here = origin("192.0.2.1");
    let failed = |millis| guesses.failed_key(&LIMITS, here, id(1), at(millis));
    for _ in 0..3 {
        assert!(failed(0).is_ok());
    }
    let wait = failed(0).unwrap_err().wait;
    let over = u64::try_from(wait.as_millis()).unwrap();
    assert!(failed(over).is_ok());
    assert!(failed(over).is_err());
}

#[test]
fn other_ids_and_other_networks_are_counted_apart() {
    let guesses = Guesses::new(1);
    let here = origin("192.0.2.1");
    for _ in 0..4 {
        unheeded(guesses.failed_key(&LIMITS, here, id(1), at(0)));
    }
    assert!(guesses.failed_key(&LIMITS, here, id(1), at(0)).is_err());
    assert!(guesses.failed_key(&LIMITS, here, id(2), at(0)).is_ok());
    assert!(guesses.failed_key(&LIMITS, origin("192.0.2.2"), id(1), at(0)).is_ok());
}

#[test]
fn a_network_that_tries_id_after_id_is_told_to_wait_and_so_are_its_tokens() {
    let guesses = Guesses::new(1);
    let limits = GuessLimits { network_failures: 20, ..LIMITS };
    let here = origin("192.0.2.1");
    assert!(guesses.may_check(&limits, here, at(0)).is_ok());
    let refused = (0..40).filter(|&n| guesses.failed_key(&limits, here, id(n), at(0)).is_err()).count();
    assert_eq!(refused, 20);
    assert!(guesses.may_check(&limits, here, at(0)).is_err());
    assert!(guesses.may_check(&limits, origin("192.0.2.2"), at(0)).is_ok());
    // Asking is no failure: it makes nobody wait longer.
    let wait = guesses.may_check(&limits, here, at(0)).unwrap_err().wait;
    for _ in 0..100 {
        assert_eq!(guesses.may_check(&limits, here, at(0)).unwrap_err().wait, wait);
    }
    assert!(guesses.may_check(&limits, here, at(u64::try_from(wait.as_millis()).unwrap())).is_ok());
}

#[test]
fn one_network_is_one_address_of_ipv4_or_half_of_one_of_ipv6() {
    for (one, other, same) in [
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        assert_eq!(origin(one) == origin(other), same, "{one} {other}");
    }
}

/// Security case 65 and the worst case of the table: a million addresses, each failing once, beside one that fails often.
#[test]
fn a_million_addresses_take_no_more_room_and_push_out_nobody_who_failed_more() {
    let guesses = Guesses::new(7);
    let size = guesses.slots.len();
    let bad = origin("192.0.2.1");
    for _ in 0..50 {
        unheeded(guesses.failed_key(&LIMITS, bad, id(1), at(0)));
    }
    for number in 0..1_000_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        // The first failure of anybody is answered as one: nobody pays for the others.
        assert!(guesses.failed_key(&LIMITS, Origin::of(address.into()), id(1), at(0)).is_ok(), "{address}");
    }
    assert_eq!(guesses.slots.len(), size);
    assert!(guesses.failed_key(&LIMITS, bad, id(1), at(0)).is_err());
}

#[test]
fn a_hundred_thousand_ids_of_one_network_are_told_to_wait_from_the_first_over_the_limit_on() {
    let guesses = Guesses::new(7);
    let here = origin("192.0.2.1");
    let outcomes = (0..100_000).map(|n| guesses.failed_key(&LIMITS, here, id(n), at(n / 1_000)));
    let refused = outcomes.filter(Result::is_err).count();
    assert!((98_000..=99_000).contains(&refused), "{refused}");
}

#[test]
fn a_clock_that_goes_back_makes_no_wait_longer_than_the_longest() {
    let guesses = Guesses::new(1);
    let here = origin("192.0.2.1");
    for _ in 0..20 {
        unheeded(guesses.failed_key(&LIMITS, here, id(1), at(1_000_000_000)));
    }
    let wait = guesses.failed_key(&LIMITS, here, id(1), at(0)).unwrap_err().wait;
    assert!(wait <= LIMITS.wait_max, "{wait:?}");
}

#[test]
fn workers_together_count_every_failure() {
    let guesses = Guesses::new(1);
    let limits = GuessLimits { failures: 1_000, ..LIMITS };
    let here = origin("192.0.2.1");
    let accepted: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..1_000).filter(|_| guesses.failed_key(&limits, here, id(1), at(0)).is_ok()).count()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1_000);
}

proptest! {
    /// Whatever came before, everything is forgotten once the longest wait and one period have passed.
    #[test]
    fn everything_is_forgotten(
        steps in proptest::collection::vec((0_u64..5_000, 0_u64..4), 1..200),
        failures in 1_u32..20,
        wait_max in 1_u64..1_000,
    ) {
        let limits = GuessLimits { failures, wait_max: Duration::from_secs(wait_max), ..LIMITS };
        let guesses = Guesses::new(3);
        let here = origin("192.0.2.1");
        let mut now = 0;
        for (step, number) in steps {
            now += step;
            let outcome = guesses.failed_key(&limits, here, id(number), at(now));
            if let Err(TooMany { wait }) = outcome {
                prop_assert!(Duration::ZERO < wait && wait <= limits.wait_max);
            }
        }
        let later = now + 60_000 + wait_max * 1_000;
        prop_assert_eq!(guesses.may_check(&limits, here, at(later)), Ok(()));
        for _ in 0..failures.min(limits.network_failures) {
            prop_assert_eq!(guesses.failed_key(&limits, here, id(1), at(later)), Ok(()));
        }
        prop_assert!(guesses.failed_key(&limits, here, id(1), at(later)).is_err());
    }
}
