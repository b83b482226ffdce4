//! Heads after others: whatever was seen, a head is read as if it were the first; what is remembered is bounded and never shown.

use proptest::prelude::*;

use super::*;
use crate::{
    Limits, Parse, Repeats, RequestHead, RequestMethodClass, RequestRefusal, parse_next_request_head,
    parse_next_response_head, parse_request_head, parse_response_head,
};

type Read = (Result<Parse<RequestHead>, RequestRefusal>, Vec<Field>);

/// What was read, but for what it says of the head before.
fn plain(outcome: Result<Parse<RequestHead>, RequestRefusal>) -> Result<Parse<RequestHead>, RequestRefusal> {
    outcome.map(|parsed| match parsed {
        Parse::Complete(head) => Parse::Complete(RequestHead { repeats: Repeats::No, ..head }),
        Parse::Partial => Parse::Partial,
    })
}

fn anew(head: &str, limits: &Limits) -> Read {
    let mut fields = Vec::new();
    (parse_request_head(head.as_bytes(), limits, &mut fields), fields)
}

fn next(head: &str, limits: &Limits, seen: &mut Seen) -> Read {
    let mut fields = Vec::new();
    (parse_next_request_head(head.as_bytes(), limits, &mut fields, seen), fields)
}

fn request(lines: &str) -> String {
    format!("GET /some/target HTTP/1.1\r\n{lines}\r\n")
}

#[test]
fn a_head_is_read_as_if_nothing_had_been_seen() {
    let first = "Host: a.example\r\nUser-Agent: bench/1\r\nCookie: secret=1\r\nX: y\r\n";
    for lines in [
        first,
        "Host: a.example\r\nUser-Agent: bench/1\r\nCookie: secret=2\r\nX: y\r\n",
        "Host: a.example\r\nCookie: secret=1\r\nX: y\r\n",
        "Host: a.example\r\nUser-Agent: bench/1\r\nNew: 1\r\nCookie: secret=1\r\nX: y\r\n",
        "Host: a.example\r\nUser-Agent: bench/1\r\nCookie: secret=1\r\nX: y\r\nX: y\r\n",
        "Host: a.example\r\nHost: a.example\r\nUser-Agent: bench/1\r\n",
        "User-Agent: bench/1\r\nHost: a.example\r\n",
        "Host: a.example\r\nUser-Agent: bench/1\r\nCookie: secret=1\r\nX: y\r\n folded\r\n",
        "Host: a.example\r\nUser-Agent: bench/1\nCookie: secret=1\r\nX: y\r\n",
        "Host: a.example\r\nUser-Agent: bench/1\r\nCookie: secret=1\r\nX: \u{0}\r\n",
        "Host: a.example\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "",
    ] {
        for earlier in [first, lines] {
            let mut seen = Seen::new();
            next(&request(earlier), &Limits::STANDARD, &mut seen).0.ok();
            let head = request(lines);
            let (outcome, fields) = next(&head, &Limits::STANDARD, &mut seen);
            assert_eq!((plain(outcome), fields), anew(&head, &Limits::STANDARD), "{lines:?}");
            // Each prefix of it as well: a head that is not whole is never completed from what was seen.
            for end in 0..head.len() {
                let part = head.get(..end).unwrap();
                assert_eq!(
                    next(part, &Limits::STANDARD, &mut seen),
                    anew(part, &Limits::STANDARD),
                    "{part:?}"
                );
            }
        }
    }
}

#[test]
fn limits_hold_for_lines_that_were_seen() {
    let head = request("Host: a.example\r\nA: 1\r\nB: 2\r\n");
    let mut seen = Seen::new();
    next(&head, &Limits::STANDARD, &mut seen).0.unwrap();
    let few = Limits { fields_max: 2, ..Limits::STANDARD };
    assert_eq!(next(&head, &few, &mut seen), anew(&head, &few));
    let short = Limits { head_bytes_max: 40, ..Limits::STANDARD };
    assert_eq!(next(&head, &short, &mut seen).0, Err(RequestRefusal::HeadTooLarge));
}

#[test]
fn what_was_seen_counts_for_the_version_of_the_new_head() {
    let lines = "Host: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut seen = Seen::new();
    next(&format!("POST / HTTP/1.1\r\n{lines}"), &Limits::STANDARD, &mut seen).0.unwrap();
    let old = format!("POST / HTTP/1.0\r\n{lines}");
    let (outcome, _) = next(&old, &Limits::STANDARD, &mut seen);
    assert_eq!(outcome, anew(&old, &Limits::STANDARD).0);
    assert!(outcome.is_err());
}

#[test]
fn only_what_was_accepted_and_is_short_is_remembered() {
    let mut seen = Seen::new();
    next(&request("Host: a\r\nHost: b\r\n"), &Limits::STANDARD, &mut seen).0.unwrap_err();
    assert_eq!(seen.fields.len(), 0);
    next(&request("Host: a\r\n"), &Limits::STANDARD, &mut seen).0.unwrap();
    assert_eq!(seen.fields.len(), 1);
    let long = format!("Host: a\r\nX: {}\r\n", "y".repeat(SEEN_BYTES_MAX));
    next(&request(&long), &Limits::STANDARD, &mut seen).0.unwrap();
    assert_eq!((seen.bytes.len(), seen.fields.len()), (0, 0));
}

#[test]
fn no_line_shows_in_debug() {
    let mut seen = Seen::new();
    next(&request("Host: a\r\nAuthorization: canary\r\n"), &Limits::STANDARD, &mut seen).0.unwrap();
    let shown = format!("{seen:?} {seen:#?}");
    assert!(shown.contains("fields: 2"), "{shown}");
    assert!(!shown.contains("canary") && !shown.contains("99, 97, 110"), "{shown}");
}

#[test]
fn what_repeats_is_said_and_what_keeps_differing_is_left_alone() {
    let (limits, mut seen) = (&Limits::STANDARD, Seen::new());
    let mut repeats =
        |number: u32| match next(&request(&format!("Host: a\r\nX: {number}\r\n")), limits, &mut seen).0 {
            Ok(Parse::Complete(head)) => head.repeats,
            other => panic!("{other:?}"),
        };
    assert_eq!([1, 1, 2, 2].map(&mut repeats), [Repeats::No, Repeats::Yes, Repeats::No, Repeats::Yes]);
    // Too often in vain: none is compared for a while, not even one that repeats.
    let misses = u32::from(MISSES_MAX) + 1;
    assert!((10..10 + misses).all(|number| repeats(number) == Repeats::No));
    let last = 10 + misses - 1;
    let compared = (0..1_000).find(|_| repeats(last) == Repeats::Yes);
    assert_eq!(compared, Some(i32::from(REST_HEADS)));
    assert_eq!(repeats(last), Repeats::Yes);
}

proptest! {
    #[test]
    fn any_head_after_any_other_is_read_as_if_it_were_the_first(
        first in "((Host: a|A: b|Cookie:  c ?|Connection: (close|x)|Content-Length: [0-9]{1,2}|x\\ty: z|A:b)(\r\n|\n)){0,6}",
        second in "((Host: a|A: b|Cookie:  c ?|Connection: (close|x)|Content-Length: [0-9]{1,2}|x\\ty: z|A:b)(\r\n|\n)){0,6}",
        ending in "(\r\n|\r|)",
    ) {
        let mut seen = Seen::new();
        next(&request(&first), &Limits::STANDARD, &mut seen).0.ok();
        let head = format!("GET / HTTP/1.1\r\n{second}{ending}");
        let (outcome, fields) = next(&head, &Limits::STANDARD, &mut seen);
        prop_assert_eq!((plain(outcome), fields), anew(&head, &Limits::STANDARD));

        let (mut seen, class) = (Seen::new(), RequestMethodClass::Other);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for lines in [&first, &second] {
            let head = format!("HTTP/1.1 200 OK\r\n{lines}{ending}");
            let again = parse_next_response_head(head.as_bytes(), &Limits::STANDARD, &mut one, class, &mut seen);
            let anew = parse_response_head(head.as_bytes(), &Limits::STANDARD, &mut other, class);
            prop_assert_eq!((again, &one), (anew, &other));
        }
    }

    #[test]
    fn bytes_are_the_same_when_all_are(one in "[a-c]{0,40}", place in 0_usize..40) {
        prop_assert!(same_bytes(one.as_bytes(), one.as_bytes()));
        let mut other = one.clone().into_bytes();
        if let Some(byte) = other.get_mut(place) {
            *byte ^= 1;
            prop_assert!(!same_bytes(one.as_bytes(), &other));
        }
        prop_assert!(!same_bytes(one.as_bytes(), &[one.as_bytes(), b"a"].concat()));
    }
}
