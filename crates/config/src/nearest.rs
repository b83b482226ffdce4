//! The name that was probably meant.

/// Of `candidates` the one nearest to `written`, if it is near enough to be worth a suggestion.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = plain(written);
    // A long name that is wrong is not a slip of the hand, and comparing it would cost its length squared.
    if 64 < written.len() {
        return None;
    }
    let most = written.len().div_ceil(3).min(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&written, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `keyHeader`, `key-header` and `key_header` are slips of one name.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|letter| !matches!(letter, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Edits (insert, remove, replace) between two names.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, left) in one.iter().zip(1..) {
        let mut diagonal = std::mem::replace(&mut row, Vec::with_capacity(other.len() + 1)).into_iter();
        let mut corner = diagonal.next().unwrap_or_default();
        row.push(left);
        let mut last = left;
        for (letter, up) in other.iter().zip(diagonal) {
            let replaced = corner + usize::from(letter != above);
            last = replaced.min(up + 1).min(last + 1);
            row.push(last);
            corner = up;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_probably_meant_and_nothing_far_off() {
        let known = ["listen", "admin", "trusted_proxies", "key_header", "observe_until"];
        for (written, expected) in [
            ("listn", Some("listen")),
            ("lisetn", Some("listen")),
            ("keyHeader", Some("key_header")),
            ("key-header", Some("key_header")),
            ("observe_untill", Some("observe_until")),
            ("ADMIN", Some("admin")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
        assert_eq!(nearest(&"a".repeat(1 << 20), known), None);
    }

    #[test]
    fn counts_edits() {
        let of = |one: &str, other: &str| distance(&plain(one), &plain(other));
        assert_eq!([of("kitten", "sitting"), of("", "abc"), of("abc", ""), of("abc", "abc")], [3, 3, 3, 0]);
    }
}
