//! Keys: what is made is read, and nothing else is.

#![expect(clippy::string_slice, reason = "the texts of these tests are ASCII")]

use proptest::prelude::*;

use super::*;

fn text_of(environment: &str, seed: u8) -> String {
    let made = make(environment, &[seed; ENTROPY_BYTES]).unwrap();
    String::from_utf8(made.text.expose().to_vec()).unwrap()
}

/// A text with a right checksum behind `covered`.
fn summed(covered: &str) -> String {
    format!("{covered}{}", std::str::from_utf8(&checksum(covered.as_bytes())).unwrap())
}

#[test]
fn has_the_form_that_the_contract_says() {
    expect_test::expect!["sp_live_BjIDzvCXyZSe_770InCaFd7XxOPERTISjqJiEgpqrRf3z3LcAns"]
        .assert_eq(&text_of("live", 1));
    let text = text_of("live", 9);
    let presented = parse(text.as_bytes()).unwrap();
    assert_eq!(presented.environment(), "live");
    assert_eq!(text.len(), "sp_live_".len() + 12 + 1 + 32 + 6);
}

#[test]
fn refuses_what_is_not_exactly_a_key() {
    let id = "abcdefghijkl";
    let secret = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let good = summed(&format!("sp_live_{id}_{secret}"));
    assert!(parse(good.as_bytes()).is_ok());
    let replaced = |at: usize, with: &str| format!("{}{with}{}", &good[..at], &good[at + with.len()..]);
    for (text, fault) in [
        (String::new(), KeyFault::Prefix),
        ("sp".into(), KeyFault::Prefix),
        ("SP_live".into(), KeyFault::Prefix),
        (format!(" {good}"), KeyFault::Prefix),
        ("sp_".into(), KeyFault::Environment),
        ("sp_live".into(), KeyFault::Environment),
        (summed(&format!("sp__{id}_{secret}")), KeyFault::Environment),
        (summed(&format!("sp_Live_{id}_{secret}")), KeyFault::Environment),
        (summed(&format!("sp_li-ve_{id}_{secret}")), KeyFault::Environment),
        (summed(&format!("sp_{}_{id}_{secret}", "a".repeat(17))), KeyFault::Environment),
        ("sp_live_".into(), KeyFault::Length),
        (format!("{good} "), KeyFault::Length),
        (format!("{good},{good}"), KeyFault::Length),
        (good[..good.len() - 1].to_owned(), KeyFault::Length),
        (summed(&format!("sp_live_{id}-{secret}")), KeyFault::Alphabet),
        (summed(&format!("sp_live_abcdefghijk-_{secret}")), KeyFault::Alphabet),
        (summed(&format!("sp_live_{id}_{}\0", &secret[1..])), KeyFault::Alphabet),
        (summed(&format!("sp_live_{id}_{}é", &secret[2..])), KeyFault::Alphabet),
        (replaced(8, "b"), KeyFault::Checksum),
        (replaced(3, "l1ve"), KeyFault::Checksum),
        (replaced(25, "a"), KeyFault::Checksum),
        (replaced(good.len() - 6, "000000"), KeyFault::Checksum),
    ] {
        assert_eq!(parse(text.as_bytes()).map(|_| ()), Err(fault), "{text}");
    }
}

#[test]
fn longest_environment_is_taken_and_one_more_is_not() {
    assert!(make(&"a".repeat(16), &[0; ENTROPY_BYTES]).is_ok());
    for environment in ["", "Live", "li_ve", "aaaaaaaaaaaaaaaaa"] {
        assert!(make(environment, &[0; ENTROPY_BYTES]).is_err(), "{environment}");
    }
}

#[test]
fn never_prints_the_secret() {
    let text = text_of("live", 3);
    let presented = parse(text.as_bytes()).unwrap();
    let secret = std::str::from_utf8(presented.secret()).unwrap();
    assert!(!format!("{presented:?}").contains(secret));
    let made = make("live", &[3; ENTROPY_BYTES]).unwrap();
    assert!(!format!("{made:?}").contains(secret));
}

proptest! {
    #[test]
    fn what_is_made_reads_back(entropy in any::<[u8; 32]>(), more in any::<[u8; 16]>(), environment in "[a-z0-9]{1,16}") {
        let mut bytes = [0; ENTROPY_BYTES];
        bytes[..32].copy_from_slice(&entropy);
        bytes[32..].copy_from_slice(&more);
        let made = make(&environment, &bytes).unwrap();
        let presented = parse(made.text.expose()).unwrap();
        prop_assert_eq!(presented.id(), made.id);
        prop_assert_eq!(presented.environment(), environment);
        prop_assert!(SecretDigest::of(&presented).matches(&made.digest));
    }

    #[test]
    fn any_single_changed_character_is_noticed(seed in any::<u8>(), at in 0_usize..59, with in "[0-9A-Za-z_]") {
        let text = text_of("live", seed);
        let mut changed = text.clone();
        changed.replace_range(at..=at, &with);
        prop_assert_eq!(parse(changed.as_bytes()).is_ok(), changed == text);
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..96)) {
        prop_assert!(parse(&bytes).is_err() || bytes.starts_with(b"sp_"));
    }

    #[test]
    fn junk_in_the_form_of_a_key_needs_a_right_checksum(text in "sp_[a-z]{4}_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}") {
        let covered = &text[..text.len() - CHECKSUM_BYTES];
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), summed(covered) == text);
    }
}

#[test]
fn the_beginning_of_a_key_is_found_wherever_it_stands() {
    for filler in [b'a', b'_', b's', b'p'] {
        for length in [0_usize, 1, 2, 3, 4, 31, 32, 33, 34, 35, 63, 64, 65, 66, 67, 100] {
            let plain = vec![filler; length];
            assert!(!may_hold_key(&plain), "{length}");
            for place in 0..=length.saturating_sub(PREFIX.len()) {
                let mut bytes = plain.clone();
                let Some(slots) = bytes.get_mut(place..place + PREFIX.len()) else { continue };
                slots.copy_from_slice(PREFIX);
                assert!(may_hold_key(&bytes), "{place} of {length}");
                for (offset, byte) in [(0, b'S'), (1, b'P'), (0, b'3'), (1, b'0'), (2, b'-'), (2, 0x7f)] {
                    let mut near = bytes.clone();
                    near[place + offset] = byte;
                    let holds = near.windows(PREFIX.len()).any(|window| window.eq_ignore_ascii_case(PREFIX));
                    assert_eq!(may_hold_key(&near), holds, "{place} of {length}");
                }
            }
        }
    }
}
