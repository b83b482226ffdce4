//! Segments of paths that are personal or secret: what is kept and shown in their place.
//!
//! `{email.07}` stands for an address of electronic mail. The number is one of a few that come of the value, so that the values of a place are
//! still told apart, somewhat, and none can be found out from it. What is shown has no number.

use super::{DataClass, Field, classify, decoded, field, may_be_credential, may_be_told, secret, value};
use crate::operation::ValueKind;
use crate::sketch;
use crate::token::{self, Strength};
use crate::words;

/// Values told apart by place; few, so that nobody can tell by the number whether a value that he knows was there.
const NUMBERS: u64 = 64;
/// The shortest card and account, and the shortest key or token.
const DIGITS_MIN: usize = 13;
const BYTES_MIN: usize = 16;
/// From here on a segment reads like a name of an interface (see `words`).
const NAMELIKE: f64 = 0.5;
/// Digits of the shortest telephone number that begins with a plus.
const PHONE_DIGITS_MIN: usize = 7;

/// Words of a segment behind which whoever has the value may act: links to reset a password, to confirm an address, and the like.
const GUARDED: [&str; 13] = [
    "reset",
    "recover",
    "recovery",
    "verify",
    "verification",
    "confirm",
    "confirmation",
    "activate",
    "activation",
    "magic",
    "unsubscribe",
    "token",
    "tokens",
];

/// Whether a segment, behind another one, may have to be hidden, told so fast that each can be asked.
pub(crate) fn may_hide(segment: &str, before: &str) -> bool {
    let bytes = segment.as_bytes();
    let (mut digits, mut others, mut is_marked) = (0_usize, 0_usize, false);
    for byte in bytes {
        digits = digits.saturating_add(usize::from(byte.is_ascii_digit()));
        others = others.saturating_add(usize::from(byte.is_ascii_alphabetic()));
        is_marked |= matches!(byte, b'@' | b';');
    }
    if is_marked || (PHONE_DIGITS_MIN <= digits && bytes.first() == Some(&b'+')) {
        return true;
    }
    if bytes.len() < DIGITS_MIN {
        return false;
    }
    // A card, or an account with its country in front.
    (DIGITS_MIN <= digits && (others == 0 || begins_as_account(bytes)))
        || (BYTES_MIN <= bytes.len()
            && (secret::may_be_token(segment) || (0 < digits && may_be_guarded(before))))
}

/// Two letters and two digits.
fn begins_as_account(bytes: &[u8]) -> bool {
    let Some([one, two, three, four]) = bytes.first_chunk::<4>() else { return false };
    one.is_ascii_alphabetic() && two.is_ascii_alphabetic() && three.is_ascii_digit() && four.is_ascii_digit()
}

/// Whether one of [`GUARDED`] may be among its words.
fn may_be_guarded(before: &str) -> bool {
    ["eset", "ecover", "erif", "onfirm", "ctivat", "agic", "nsubscribe", "oken"]
        .iter()
        .any(|part| before.contains(part))
}

/// What stands for a decoded segment that is hidden, and its class. `before` is the segment before it.
pub(crate) fn hide(text: &str, before: &str) -> Option<(DataClass, String)> {
    if text.contains(';') {
        return hide_matrix(text);
    }
    let is_guarded = || words::parts(before).iter().any(|word| GUARDED.contains(&word.as_str()));
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_card = value::has_card(text, &Field::none());
        return is_card.then(|| (DataClass::PaymentCard, mark(DataClass::PaymentCard, text)));
    }
    if is_uuid(text) {
        return is_guarded().then(|| (DataClass::Credential, mark(DataClass::Credential, text)));
    }
    let class = class_of(&Field::none(), text).or_else(|| {
        let is_long = BYTES_MIN <= text.len() && token::read(text).strength == Strength::Strong;
        (is_long && !text.contains(char::is_whitespace) && is_guarded()).then_some(DataClass::Credential)
    })?;
    Some((class, mark(class, text)))
}

/// A path as it may be shown, of which nothing else is kept.
pub(crate) fn path(path: &str) -> String {
    let mut shown = String::with_capacity(path.len());
    let mut before = "";
    for (place, segment) in path.split('/').enumerate() {
        if 0 < place {
            shown.push('/');
        }
        let text = crate::tree::decode(segment);
        let hidden = may_hide(&text, before).then(|| hide(&text, before));
        match hidden.flatten() {
            Some((_, mark)) => shown.push_str(&crate::tree::written(&mark)),
            None => shown.push_str(segment),
        }
        before = segment;
    }
    shown
}

/// The name of the field of what is hidden: the segment before it where that reads like a name of an interface, since else it may be
/// somebody's value too.
pub(crate) fn field_of(before: &str) -> String {
    let before = decoded(before);
    if words::likeness(&before) < NAMELIKE { String::new() } else { field::shown(&before) }
}

/// The first mark in a text: what is before it, its class, and what is behind it.
pub(crate) fn find(text: &str) -> Option<(&str, DataClass, &str)> {
    let mut from = 0_usize;
    loop {
        let (before, inside) = text.get(from..)?.split_once('{')?;
        let start = from.saturating_add(before.len());
        let found = inside.split_once('}').and_then(|(mark, behind)| {
            let (name, number) = mark.split_once('.')?;
            let is_number = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
            Some((DataClass::parse(name).filter(|_| is_number)?, behind))
        });
        if let Some((class, behind)) = found {
            return Some((text.get(..start)?, class, behind));
        }
        from = start.saturating_add(1);
    }
}

/// The form that the values had for which a text stands.
pub(crate) fn kind(text: &str) -> Option<ValueKind> {
    if !text.starts_with('{') {
        return None;
    }
    match find(text)? {
        ("", class, "") => Some(match class {
            DataClass::Email => ValueKind::Email,
            DataClass::Phone => ValueKind::Phone,
            DataClass::PaymentCard => ValueKind::Integer,
            DataClass::Iban => ValueKind::Code,
            DataClass::Credential | DataClass::Token => ValueKind::Token,
        }),
        _ => None,
    }
}

fn mark(class: DataClass, value: &str) -> String {
    format!("{{{}.{:02}}}", class.name(), sketch::hash(value.as_bytes()) % NUMBERS)
}

/// The gravest class of a value.
fn class_of(field: &Field, value: &str) -> Option<DataClass> {
    const ORDER: [DataClass; 6] = [
        DataClass::Credential,
        DataClass::Token,
        DataClass::PaymentCard,
        DataClass::Iban,
        DataClass::Email,
        DataClass::Phone,
    ];
    let mut found = Vec::new();
    classify(field, value, &mut |class, _| found.push(class), "-");
    ORDER.into_iter().find(|class| found.contains(class))
}

/// Values of matrix parameters, by their names.
fn hide_matrix(text: &str) -> Option<(DataClass, String)> {
    let mut gravest = None;
    let parts = text.split(';').map(|part| {
        let hidden = part.split_once('=').and_then(|(name, value)| {
            let is_told = !value.is_empty() && (may_be_told(value) || may_be_credential(name));
            let class = match is_session(name) && !value.is_empty() {
                true => DataClass::Credential,
                false => is_told.then(|| class_of(&Field::of(name), value)).flatten()?,
            };
            gravest = gravest.or(Some(class));
            Some(format!("{name}={}", mark(class, value)))
        });
        hidden.unwrap_or_else(|| part.to_owned())
    });
    let shown: Vec<String> = parts.collect();
    gravest.map(|class| (class, shown.join(";")))
}

/// `jsessionid` and its like, which servers put into paths where a browser takes no cookie.
fn is_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("sessionid") || name.ends_with("sessid")
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36 && [8, 13, 18, 23].iter().all(|place| bytes.get(*place) == Some(&b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    const UUID: &str = "a81bc81b-dead-4e5d-abff-90865d1e13b1";

    #[test]
    fn what_is_personal_or_secret_is_shown_by_its_class() {
        let long = "Ab3dEf6hIj9lMn2pQr5t";
        for (before, after) in [
            (format!("/verify/{JWT}"), "/verify/{token}".to_owned()),
            ("/users/ada@lovelace.example/orders".to_owned(), "/users/{email}/orders".to_owned()),
            ("/users/ada%40lovelace.example".to_owned(), "/users/{email}".to_owned()),
            ("/cards/4111111111111111".to_owned(), "/cards/{payment-card}".to_owned()),
            ("/accounts/DE89370400440532013000".to_owned(), "/accounts/{iban}".to_owned()),
            ("/sms/+4915112345678".to_owned(), "/sms/{phone}".to_owned()),
            (format!("/password-reset/{UUID}"), "/password-reset/{credential}".to_owned()),
            (format!("/verify/{long}"), "/verify/{credential}".to_owned()),
            ("/cart;jsessionid=1A2B3C".to_owned(), "/cart;jsessionid={credential}".to_owned()),
            ("/docs;token=s3cr3t/list".to_owned(), "/docs;token={credential}/list".to_owned()),
        ] {
            assert_eq!(path(&before), after, "{before}");
        }
        // What is no such thing stays as it is.
        for same in [
            format!("/orders/{UUID}"),
            format!("/orders/{long}"),
            "/cards/4111111111111112".to_owned(),
            "/orders/1234567890123".to_owned(),
            "/verify/email/resend".to_owned(),
            "/token/refresh".to_owned(),
            "/users;region=europe/posts".to_owned(),
            "/@ada/{email}/{a.1}/x".to_owned(),
            "/2025-03-10T00:00:00/a".to_owned(),
        ] {
            assert_eq!(path(&same), same);
        }
    }

    #[test]
    fn a_field_is_a_name_of_an_interface_or_none() {
        for (before, field) in [
            ("users", "users"),
            ("password-reset", "password-reset"),
            ("canary-0-name", ""),
            ("ada%40mail.example", ""),
            ("4711", ""),
            ("", ""),
        ] {
            assert_eq!(field_of(before), field, "{before}");
        }
    }

    #[test]
    fn values_of_a_place_are_still_told_apart_and_none_is_found_out() {
        let marks: std::collections::BTreeSet<String> = (0..5_000)
            .filter_map(|number| hide(&format!("u{number}@mail.example"), "users"))
            .map(|(class, text)| {
                assert_eq!((class, kind(&text)), (DataClass::Email, Some(ValueKind::Email)), "{text}");
                assert_eq!(find(&text), Some(("", DataClass::Email, "")));
                text
            })
            .collect();
        assert_eq!(u64::try_from(marks.len()), Ok(NUMBERS));
        assert_eq!(
            find("a{b}{x.01}{token.1}{token.12}c"),
            Some(("a{b}{x.01}{token.1}", DataClass::Token, "c"))
        );
        for text in ["", "{", "{email}", "{email.1}", "{email.ab}", "{mail.01}", "x{email.01}", "{email.01}x"]
        {
            assert_eq!(kind(text), None, "{text}");
        }
    }
}
