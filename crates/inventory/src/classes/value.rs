//! Personal data that its form gives away: addresses of mail, numbers of telephones, cards and accounts.

use super::field::Field;

/// How far before an `@` is looked.
const LOOK_BACK_BYTES: usize = 300;
/// Endings of file names, which stand behind `@2x` and the like and are no domains.
const FILE_ENDINGS: [&str; 14] =
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "css", "js", "mjs", "json", "html", "pdf"];

/// Whether a value holds an address of mail: a local part, `@`, and a domain that ends in letters (RFC 5321, less what nobody uses).
pub(super) fn has_email(value: &str) -> bool {
    value.match_indices('@').any(|(at, _)| {
        // No more than an address and its scheme can be, so that a text of nothing but `@` costs no square.
        let before = tail(value.get(..at).unwrap_or_default(), LOOK_BACK_BYTES);
        let after = value.get(at + 1..).unwrap_or_default();
        let is_local = |one: char| one.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(one);
        let begin = before.char_indices().rev().take(65).take_while(|(_, one)| is_local(*one)).last();
        let local = begin.and_then(|(begin, _)| before.get(begin..)).unwrap_or_default();
        let is_domain = |one: char| one.is_alphanumeric() || one == '.' || one == '-';
        let end = after.find(|one| !is_domain(one)).unwrap_or(after.len()).min(254);
        let domain = after.get(..end).unwrap_or_default().trim_end_matches(['.', '-']);
        let follows = after.get(domain.len()..).unwrap_or_default();
        // In an address of the web it is a login; with a colon behind it, one of a program.
        let in_url = before
            .rsplit("://")
            .next()
            .is_some_and(|rest| rest.len() < before.len() && !rest.contains(['/', '?', ' ', '"', '<']));
        let to_program = follows.starts_with(':') && !follows.starts_with(": ") && follows.len() > 1;
        is_mailbox(local, domain) && !in_url && !to_program
    })
}

/// The end of a text, of at most so many bytes.
fn tail(text: &str, most: usize) -> &str {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

fn is_mailbox(local: &str, domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    let Some((_, top)) = domain.rsplit_once('.') else { return false };
    let is_top = top.chars().count() >= 2
        && (top.chars().all(char::is_alphabetic) || top.starts_with("xn--"))
        && !FILE_ENDINGS.contains(&top.to_ascii_lowercase().as_str());
    let is_local = !local.is_empty() && local.len() <= 64 && !local.starts_with('.') && !local.ends_with('.');
    is_local && is_top && domain.split('.').all(is_label)
}

/// Lengths of account numbers by country (ISO 13616, the registry of SWIFT).
const IBAN_LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// Whether a value holds an account number.
pub(super) fn has_iban(value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).any(|at| {
        let begins = at
            .checked_sub(1)
            .and_then(|before| bytes.get(before))
            .is_none_or(|one| !one.is_ascii_alphanumeric());
        begins
            && is_letter(at)
            && is_letter(at + 1)
            && is_digit(at + 2)
            && is_digit(at + 3)
            && is_iban(bytes.get(at..).unwrap_or_default())
    })
}

fn is_iban(bytes: &[u8]) -> bool {
    let country: String = bytes.iter().take(2).map(|one| char::from(one.to_ascii_uppercase())).collect();
    let Some((_, length)) = IBAN_LENGTHS.iter().find(|(known, _)| *known == country) else { return false };
    let mut number = Vec::with_capacity(*length);
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        match byte {
            _ if number.len() == *length => break,
            b' ' | b'-' if number.len() % 4 == 0 => {}
            one if one.is_ascii_alphanumeric() => number.push(one.to_ascii_uppercase()),
            _ => break,
        }
        rest = tail;
    }
    // Behind it stands no further letter or digit.
    let ends = rest.first().is_none_or(|one| !one.is_ascii_alphanumeric());
    if number.len() != *length || !ends {
        return false;
    }
    let (head, tail) = number.split_at_checked(4).unwrap_or_default();
    let remainder = tail.iter().chain(head).fold(0_u32, |remainder, one| match one {
        b'0'..=b'9' => (remainder * 10 + u32::from(one - b'0')) % 97,
        _ => (remainder * 100 + u32::from(one.wrapping_sub(b'A')) + 10) % 97,
    });
    remainder == 1
}

/// A run of digits with what may part them.
struct Run<'a> {
    text: &'a str,
    digits: String,
    /// How many digits stand in each group.
    groups: Vec<usize>,
    /// What stands between the groups, without repetition.
    between: Vec<char>,
    /// The character before, if there is one.
    before: Option<char>,
    after: Option<char>,
}

/// Digits in a value, parted by at most two of these.
fn runs<'a>(value: &'a str, parts: &'static str) -> impl Iterator<Item = Run<'a>> + 'a {
    let is_part = move |one: char| one.is_ascii_digit() || parts.contains(one);
    let mut from = 0;
    std::iter::from_fn(move || {
        let begin = from
            + value.get(from..)?.find(|one: char| {
                one.is_ascii_digit() || (one == '+' || one == '(') && parts.contains(one)
            })?;
        let rest = value.get(begin..)?;
        let end = begin + rest.find(|one| !is_part(one)).unwrap_or(rest.len());
        from = end.max(begin + 1);
        let text = value.get(begin..end)?.trim_end_matches(|one: char| !one.is_ascii_digit());
        let mut run = Run {
            text,
            digits: text.chars().filter(char::is_ascii_digit).collect(),
            groups: Vec::new(),
            between: Vec::new(),
            before: value.get(..begin)?.chars().next_back(),
            after: value.get(begin + text.len()..)?.chars().next(),
        };
        for group in text.split(|one: char| !one.is_ascii_digit()).filter(|group| !group.is_empty()) {
            run.groups.push(group.len());
        }
        for one in text.chars().filter(|one| !one.is_ascii_digit()) {
            if !run.between.contains(&one) {
                run.between.push(one);
            }
        }
        Some(run)
    })
}

impl Run<'_> {
    /// Whether it stands for itself and is no part of a word or of a longer number.
    fn is_alone(&self) -> bool {
        let touches =
            |one: Option<char>| one.is_some_and(|one| one.is_alphanumeric() || "_#@$€£%°/=".contains(one));
        !touches(self.before) && !self.after.is_some_and(|one| one.is_alphanumeric() || "_@%°".contains(one))
    }
}

/// Whether a value holds the number of a card.
pub(super) fn has_card(value: &str, field: &Field) -> bool {
    if field.is_other_number() && !field.is_card() {
        return false;
    }
    runs(value, " -").any(|run| {
        let is_grouped = matches!(
            run.groups.as_slice(),
            [4, 4, 4, 4] | [4, 6, 5] | [4, 4, 4, 4, 3] | [4, 6, 4] | [4, 4, 5]
        ) && run.between.len() == 1;
        let is_whole = run.groups.len() == 1;
        // A bare number that fills no field of a card could be anything: one in ten passes the check digit.
        let is_enough =
            field.is_card() || is_grouped || (13 < run.digits.len() && run.text.len() == value.trim().len());
        (is_grouped || is_whole) && is_enough && run.is_alone() && is_issued(&run.digits) && luhn(&run.digits)
    })
}

/// Whether an issuer uses numbers that begin so and are so long (ISO/IEC 7812, the ranges of the networks).
fn is_issued(digits: &str) -> bool {
    let first = |count: usize| digits.get(..count).and_then(|begin| begin.parse::<u32>().ok()).unwrap_or(0);
    let various = digits.bytes().any(|one| Some(one) != digits.bytes().next());
    let fits = match digits.len() {
        13 => first(1) == 4,
        14 => matches!(first(3), 300..=305 | 309) || matches!(first(2), 36 | 38 | 39),
        15 => matches!(first(2), 34 | 37),
        16 => {
            first(1) == 4
                || matches!(first(2), 51..=55 | 65)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011 | 6759 | 5018 | 5019 | 5020 | 5038 | 6304 | 6761..=6763 | 2200..=2204)
                || matches!(first(3), 644..=649)
                || first(2) == 62
                || matches!(first(2), 60 | 81 | 82)
        }
        17..=19 => {
            first(2) == 62
                || matches!(first(4), 6759 | 5018 | 5020 | 5038 | 6304 | 6761..=6763)
                || first(1) == 4
        }
        _ => false,
    };
    fits && various
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, one)| {
            let digit = u32::from(one.wrapping_sub(b'0'));
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a value holds a telephone number.
pub(super) fn has_phone(value: &str, field: &Field) -> bool {
    let is_phone = field.is_phone();
    if field.is_other_number() && !is_phone {
        return false;
    }
    runs(value, "+ -./()").any(|run| run.is_alone() && is_phone_number(&run, is_phone))
}

fn is_phone_number(run: &Run<'_>, is_phone: bool) -> bool {
    let digits = run.digits.as_str();
    let count = digits.len();
    let is_orderly = run.text.matches('+').count() <= 1
        && !run.text.contains("..")
        && !run.text.contains("--")
        && !run.text.contains("  ");
    if !is_orderly || !(6..=15).contains(&count) || is_date(run) || is_decimal(run) {
        return false;
    }
    if run.text.starts_with('+') || run.text.starts_with("(+") {
        return 8 <= count && is_country(digits) && is_grouped(run);
    }
    if let Some(rest) = digits.strip_prefix("00").filter(|_| run.groups.len() > 1 || is_phone) {
        return (8..=15).contains(&rest.len()) && is_country(rest) && is_grouped(run);
    }
    if is_phone {
        return 7 <= count && is_grouped(run);
    }
    is_north_american(run) || is_national(run)
}

/// `(415) 555-2671`: area and exchange begin with 2 to 9.
fn is_north_american(run: &Run<'_>) -> bool {
    let digits = match run.groups.as_slice() {
        [3, 3, 4] => run.digits.as_str(),
        [1, 3, 3, 4] => run.digits.strip_prefix('1').unwrap_or_default(),
        _ => return false,
    };
    let begins = |at: usize| digits.as_bytes().get(at).is_some_and(|one| (b'2'..=b'9').contains(one));
    begins(0) && begins(3) && !run.between.contains(&'/') && run.between.len() <= 3
}

/// A trunk prefix `0` and groups, as most of Europe, Asia and Australia writes it.
fn is_national(run: &Run<'_>) -> bool {
    let begins = run.digits.starts_with('0') && !run.digits.starts_with("00");
    let pairs = run.groups.len() == 5 && run.groups.iter().all(|group| *group == 2);
    let few = (2..=4).contains(&run.groups.len())
        && run.groups.first().is_some_and(|first| (2..=5).contains(first));
    let odd = run.groups.iter().filter(|group| **group < 2).count();
    begins
        && (10..=11).contains(&run.digits.len())
        && (pairs || few)
        && odd == 0
        && run.between.len() <= 2
        && !run.between.contains(&'.')
}

/// No group is longer than a subscriber's number, and not all are single digits.
fn is_grouped(run: &Run<'_>) -> bool {
    let singles = run.groups.iter().filter(|group| **group == 1).count();
    singles <= 3 && run.groups.len() <= 7
}

/// `2023-11-14`, `14/11/2023`, and several years.
fn is_date(run: &Run<'_>) -> bool {
    matches!(run.groups.as_slice(), [4, 2, 2, ..] | [2, 2, 4, ..] | [1, 2, 4] | [1 | 2, 1, 4] | [4, 4, ..])
        && !run.text.starts_with(['+', '('])
        && (run.groups.first() != Some(&4) || run.digits.starts_with("19") || run.digits.starts_with("20"))
}

/// `48.856613`: a sign, some digits, one point, digits. A long one behind a country's code is a number after all (`+1.7035551212`).
fn is_decimal(run: &Run<'_>) -> bool {
    let is_pointed =
        run.between.contains(&'.') && run.groups.len() == 2 && run.text.matches('.').count() == 1;
    let behind = run.groups.last().copied().unwrap_or(0);
    is_pointed && run.between.iter().all(|one| matches!(one, '.' | '+' | '-')) && !(9..=12).contains(&behind)
}

/// Whether digits begin with the code of a country (ITU-T E.164, assigned ones) and are long enough for one.
fn is_country(digits: &str) -> bool {
    let first = |count: usize| digits.get(..count).and_then(|begin| begin.parse::<u32>().ok()).unwrap_or(0);
    if first(1) == 1 {
        let begins = |at: usize| digits.as_bytes().get(at).is_some_and(|one| (b'2'..=b'9').contains(one));
        return digits.len() == 11 && begins(1) && begins(4);
    }
    if first(1) == 7 {
        return digits.len() == 11;
    }
    let two = matches!(first(2), 20 | 27 | 30..=34 | 36 | 39 | 40 | 41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98);
    let three = matches!(
        first(3),
        211..=213 | 216 | 218 | 220..=258 | 260..=269 | 290 | 291 | 297..=299 | 350..=359 | 370..=389 | 420 | 421 | 423 | 500..=509 | 590..=599
            | 670 | 672..=683 | 685..=692 | 850 | 852 | 853 | 855 | 856 | 870 | 878 | 880..=883 | 886 | 888 | 960..=968 | 970..=977 | 979 | 992..=996 | 998
    );
    two || three
}
