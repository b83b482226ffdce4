//! Every byte at every place, against the plain definition of its class.

use super::*;

const TCHARS: &[u8] = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Every byte at every offset of a slice long enough for whole words and a tail.
fn each_place(filler: u8, check: impl Fn(&[u8], usize, u8)) {
    for length in [1_usize, 7, 8, 9, 16, 17, 37] {
        for place in 0..length {
            for byte in 0..=u8::MAX {
                let mut bytes = vec![filler; length];
                bytes[place] = byte;
                check(&bytes, place, byte);
            }
        }
    }
}

#[test]
fn tokens_end_at_the_first_byte_that_is_not_a_tchar() {
    each_place(b'a', |bytes, place, byte| {
        let want = if TCHARS.contains(&byte) { bytes.len() } else { place };
        assert_eq!(token_length(bytes), want, "{bytes:?}");
    });
}

#[test]
fn usual_names_end_at_a_colon_and_no_others_are_told() {
    for filler in [b'a', b'Z', b'0', b'-', b'_', b':'] {
        each_place(filler, |bytes, _, _| {
            if let Some(length) = usual_name_length(bytes) {
                assert_eq!(bytes[length], b':', "{bytes:?}");
                assert_eq!(length, token_length(bytes), "{bytes:?}");
            }
        });
    }
    assert_eq!(usual_name_length(b"User-Agent: x"), None, "the colon stands in less than a word");
    assert_eq!(usual_name_length(b"User-Agent: bench"), Some(10));
    assert_eq!(usual_name_length(b"User_Agent: bench"), None);
    assert_eq!(usual_name_length(b": User-Agent"), None);
}

#[test]
fn whole_slices_are_judged_like_their_bytes() {
    for filler in [b'a', b'~', b'\t', 0x80] {
        each_place(filler, |bytes, _, _| {
            assert_eq!(is_token(bytes), bytes.iter().all(|byte| TCHARS.contains(byte)), "{bytes:?}");
            assert_eq!(is_text(bytes), text_length(bytes).0 == bytes.len(), "{bytes:?}");
        });
    }
    assert!(!is_token(b""), "an empty name is none");
    assert!(is_text(b""), "an empty value is one");
}

#[test]
fn case_is_ignored_of_ascii_letters_alone() {
    for filler in [b'a', b'A', b'-', b'@', b'[', b'Z', 0xc1, 0x00] {
        each_place(filler, |bytes, place, _| {
            let lower = bytes.to_ascii_lowercase();
            assert!(equals_lower(bytes, &lower), "{bytes:?}");
            for other in [lower[place] ^ 0x20, lower[place] ^ 0x80, lower[place].wrapping_add(1)] {
                let mut near = lower.clone();
                near[place] = other;
                assert_eq!(equals_lower(bytes, &near), lower == near, "{bytes:?} {near:?}");
            }
            assert!(!equals_lower(bytes, &lower[1..]), "{bytes:?}");
        });
    }
}

#[test]
fn targets_end_at_the_first_byte_that_is_not_visible_or_is_a_hash() {
    for filler in [b'!', b'~', b'"', b'$'] {
        each_place(filler, |bytes, place, byte| {
            let fine = (0x21..=0x7e).contains(&byte) && byte != b'#';
            assert_eq!(target_length(bytes), if fine { bytes.len() } else { place }, "{bytes:?}");
        });
    }
}

#[test]
fn printable_ends_at_the_first_byte_that_is_not() {
    for filler in [b' ', b'~', b'a'] {
        each_place(filler, |bytes, place, byte| {
            let fine = (0x20..0x7f).contains(&byte);
            assert_eq!(printable_length(bytes), if fine { bytes.len() } else { place }, "{bytes:?}");
        });
    }
}

#[test]
fn texts_end_at_the_first_control_character() {
    for filler in [b' ', b'~', b'\t', 0x80, 0xff] {
        each_place(filler, |bytes, place, byte| {
            let fine = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
            let length = if fine { bytes.len() } else { place };
            let beyond = bytes[..length].iter().any(|byte| *byte >= 0x80);
            let alphabet = if beyond { Alphabet::Beyond } else { Alphabet::Ascii };
            assert_eq!(text_length(bytes), (length, alphabet), "{bytes:?}");
        });
    }
}

#[test]
fn line_feeds_are_found_where_they_are() {
    for filler in [0x0b, 0x09, 0x8a, 0x00, 0xff] {
        each_place(filler, |bytes, _, _| {
            assert_eq!(line_feed(bytes), bytes.iter().position(|byte| *byte == b'\n'), "{bytes:?}");
        });
    }
}

#[test]
fn utf8_with_c1_controls_is_not_plain() {
    for (bytes, plain) in [
        (&b"plain"[..], true),
        ("caf\u{e9} \u{a0} \u{4e2d}\u{6587} \u{1f600}".as_bytes(), true),
        ("\u{85}".as_bytes(), false),
        ("\u{80}".as_bytes(), false),
        ("\u{9f}".as_bytes(), false),
        ("\u{a0}".as_bytes(), true),
        (b"\x85", false),
        (b"\xc0\xaf", false),
        (b"\xed\xa0\x80", false),
        (b"\xf5\x80\x80\x80", false),
        (b"\xe4\xb8", false),
    ] {
        assert_eq!(is_plain_utf8(bytes), plain, "{bytes:?}");
    }
}
