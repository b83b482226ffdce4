//! Text as the page shows it.
//!
//! What comes from logs is an attacker's to choose. The template escapes what HTML would read; this type sees to what a person would
//! misread: characters that cannot be seen or that turn the direction of reading are written as their numbers, and no text is longer
//! than its place.

use std::fmt;

use crate::output::is_deceptive;

/// Text that can be put into a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown(String);

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Where a line may end.
    Break,
    Name(Shown),
    Parameter(Shown),
}

impl Shown {
    /// At most about `chars_max` characters of the text; what was cut is told.
    pub(super) fn of(text: &str, chars_max: usize) -> Self {
        let mut shown = String::with_capacity(text.len());
        for character in text.chars().take(chars_max) {
            if is_deceptive(character) {
                shown.push_str(&format!("\u{27e8}U+{:04X}\u{27e9}", u32::from(character)));
            } else {
                shown.push(character);
            }
        }
        let cut = text.chars().skip(chars_max).count();
        if 0 < cut {
            shown.push_str(&format!("\u{2026} ({} more)", grouped(u64::try_from(cut).unwrap_or(u64::MAX))));
        }
        Self(shown)
    }

    /// A text of about a line.
    pub(super) fn line(text: &str) -> Self {
        Self::of(text, 300)
    }

    /// Bytes that it takes in a page.
    pub(super) fn bytes(&self) -> usize {
        let one = |character: char| match character {
            '<' | '>' | '&' | '"' | '\'' => "&#34;".len(),
            _ => character.len_utf8(),
        };
        self.0.chars().map(one).sum()
    }

    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Part {
    /// A template in the pieces that are names and those that are parameters; lines end behind slashes.
    pub(super) fn all_of(template: &Shown) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = template.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            Self::push_names(&mut parts, before);
            parts.push(Self::Parameter(Shown(format!("{{{name}}}"))));
            rest = behind;
        }
        Self::push_names(&mut parts, rest);
        if parts.last() == Some(&Self::Break) {
            parts.pop();
        }
        parts
    }

    fn push_names(parts: &mut Vec<Self>, text: &str) {
        for piece in text.split_inclusive('/') {
            let is_first = parts.is_empty();
            parts.push(Self::Name(Shown(piece.to_owned())));
            if piece.ends_with('/') && !is_first {
                parts.push(Self::Break);
            }
        }
    }
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in per cent that is never nothing where there is something, and never all where something is missing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    let permille = u128::from(part) * 1_000 / u128::from(whole);
    match permille {
        0 if part != 0 => "less than 0.1 %".to_owned(),
        _ if permille % 10 == 0 => format!("{} %", permille / 10),
        _ => format!("{}.{} %", permille / 10, permille % 10),
    }
}

/// `2026-11-26 10:05 UTC`.
pub(super) fn minute(millis: i64) -> String {
    let moment = super::super::report::moment(millis);
    match (moment.get(..10), moment.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => moment,
    }
}

/// `10:05 to 11:40 UTC on 2026-11-26`, or from one day to another.
pub(super) fn period(first: i64, last: i64) -> String {
    let (first, last) = (minute(first), minute(last));
    match (first.split_once(' '), last.split_once(' ')) {
        (Some((day, from)), Some((other, to))) if day == other => {
            let from = from.trim_end_matches(" UTC");
            format!("{day}, {from} to {to}")
        }
        (Some((day, _)), Some((other, _))) => format!("{day} to {other}"),
        _ => format!("{first} to {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_from_names_and_lines_end_behind_slashes() {
        let text = |path: &str| -> String {
            let parts = Part::all_of(&Shown::line(path));
            parts
                .into_iter()
                .map(|part| match part {
                    Part::Break => "|".to_owned(),
                    Part::Name(text) => text.to_string(),
                    Part::Parameter(text) => format!("[{text}]"),
                })
                .collect()
        };
        for (path, parts) in [
            ("/", "/"),
            ("/a/b/c", "/a/|b/|c"),
            ("/a/{b}.json/c/", "/a/|[{b}].json/|c/"),
            ("/{a}{b}", "/[{a}][{b}]"),
            ("/a{b", "/a{b"),
            ("/}{", "/}{"),
            ("", ""),
        ] {
            assert_eq!(text(path), parts, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, shown) in [
            ("/orders/{orderId}", "/orders/{orderId}"),
            ("/商品/é", "/商品/é"),
            ("a\u{202e}b", "a⟨U+202E⟩b"),
            ("a\u{0}\n\u{1b}[31m", "a⟨U+0000⟩⟨U+000A⟩⟨U+001B⟩[31m"),
            ("\u{feff}\u{200b}\u{2066}\u{ad}\u{e0041}", "⟨U+FEFF⟩⟨U+200B⟩⟨U+2066⟩⟨U+00AD⟩⟨U+E0041⟩"),
        ] {
            assert_eq!(Shown::line(text).as_str(), shown);
        }
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(Shown::of("abcdef", 6).as_str(), "abcdef");
        assert_eq!(Shown::of("abcdefg", 6).as_str(), "abcdef… (1 more)");
        assert_eq!(Shown::of(&"é".repeat(2_000), 3).as_str(), "ééé… (1,997 more)");
    }

    #[test]
    fn numbers_and_shares_are_readable_and_true() {
        let numbers = [0, 7, 999, 1_000, 12_345, 1_234_567, u64::MAX].map(grouped);
        assert_eq!(numbers, ["0", "7", "999", "1,000", "12,345", "1,234,567", "18,446,744,073,709,551,615"]);
        let shares =
            [(0, 0), (0, 9), (1, 9_999_999), (1, 8), (999_999, 1_000_000), (5, 5), (u64::MAX, u64::MAX)];
        assert_eq!(
            shares.map(|(part, whole)| share(part, whole)),
            ["0 %", "0 %", "less than 0.1 %", "12.5 %", "99.9 %", "100 %", "100 %"]
        );
    }

    #[test]
    fn periods_name_a_day_once() {
        let day = 86_400_000;
        assert_eq!(period(1_790_000_000_000, 1_790_000_000_000 + 600_000), "2026-09-21, 14:13 to 14:23 UTC");
        assert_eq!(period(1_790_000_000_000, 1_790_000_000_000 + day), "2026-09-21 to 2026-09-22");
    }
}
