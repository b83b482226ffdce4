//! Classes of personal and secret data in bodies: which class stands in which field, and how often. Values are looked at and let go.
//!
//! A class is told by the form of a value where the form proves it (checksums, prefixes of issuers), and else by form and name of the field
//! together. Whoever writes a body may be an attacker, so the work is linear in what is looked at, and what is looked at is bounded.

mod field;
pub(crate) mod hidden;
mod json;
mod secret;
mod value;

use traffic::Body;

use field::Field;

/// Bytes of a body that are looked at. Most answers of an API are shorter; a listing repeats its fields before that.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of one value that are looked at.
const VALUE_BYTES_MAX: usize = 4 << 10;

/// A class of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataClass {
    /// A field that is named as one that holds a credential, with something in it.
    Credential,
    /// An address of electronic mail.
    Email,
    /// An international bank account number (ISO 13616), by country, length and check digits.
    Iban,
    /// A number of a payment card (ISO/IEC 7812), by issuer, length and check digit.
    PaymentCard,
    /// A telephone number: international (E.164), or national where form or field tell it.
    Phone,
    /// A key or token that its form gives away: JWT, keys of known issuers, private keys.
    Token,
}

impl DataClass {
    const ALL: [Self; 6] =
        [Self::Credential, Self::Email, Self::Iban, Self::PaymentCard, Self::Phone, Self::Token];

    /// The name in outputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Email => "email",
            Self::Iban => "iban",
            Self::PaymentCard => "payment-card",
            Self::Phone => "phone",
            Self::Token => "token",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// Gives the class and the field of every value that has one. Fields are paths such as `customer.addresses[].phone`, without any value.
pub(crate) fn scan(body: Body<'_>, mut found: impl FnMut(DataClass, &str)) {
    let text = head(body.text, BODY_BYTES_MAX);
    let essence = body.media_type.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    let begins_as_json = text.trim_start().starts_with(['{', '[']);
    if is("application/x-www-form-urlencoded") {
        form(text, &mut found);
    } else if begins_as_json && !essence.to_ascii_lowercase().contains("html") {
        json::scan(text, &mut |path, value| classify(&Field::of(path), value, &mut found, path));
    } else {
        classify(&Field::none(), text, &mut found, "");
    }
}

/// Each part of a form or a query.
pub(crate) fn form(text: &str, found: &mut impl FnMut(DataClass, &str)) {
    for part in head(text, BODY_BYTES_MAX).split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (decoded(name), decoded(value));
        let path = field::shown(&name);
        classify(&Field::of(&path), &value, found, &path);
    }
}

/// The fewest digits that a phone number, a card or an account has.
const DIGITS_MIN: usize = 7;
/// The shortest value that is a key or a token of a known form.
const SECRET_BYTES_MIN: usize = 16;
/// Each part of a query that may hold anything of a class, told so fast that every line of a log can be asked. Most hold none of an
/// address, so many digits, a long value with a digit, or a telling name, and need no closer look.
pub(crate) fn query(text: &str, found: &mut impl FnMut(DataClass, &str)) {
    for part in head(text, BODY_BYTES_MAX).split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if !value.is_empty() && (may_be_told(value) || may_be_credential(name)) {
            form(part, found);
        }
    }
}

fn may_be_told(value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_date = matches!(bytes, [_, _, _, _, b'-', _, _, b'-', _, _, ..]);
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_long = SECRET_BYTES_MIN <= bytes.len() && 0 < digits;
    (!is_date && (is_long || DIGITS_MIN <= digits)) || bytes.contains(&b'@') || value.contains("%40")
}

/// Whether a name ends as those of credentials do (`field::CREDENTIALS`, `field::PAIRS`), told from its last letter first.
fn may_be_credential(name: &str) -> bool {
    let name = name.trim_end_matches("[]").as_bytes();
    let endings: &[&[u8]] = match name.last().map(u8::to_ascii_lowercase) {
        Some(b'c') => &[b"cvc", b"csc"],
        Some(b'd') => &[b"password", b"passwd", b"pwd", b"sessionid", b"session_id", b"session-id", b"%5d"],
        Some(b'e') => &[b"passphrase", b"code"],
        Some(b'g') => &[b"string"],
        Some(b'h') => &[b"hash"],
        Some(b'l') => &[b"credential"],
        Some(b'n') => &[b"pin", b"token", b"authorization"],
        Some(b'p') => &[b"otp"],
        Some(b's') => &[b"credentials", b"access"],
        Some(b't') => &[b"passwort", b"secret", b"jwt"],
        Some(b'v') => &[b"cvv"],
        Some(b'y') => &[b"key"],
        Some(_) | None => &[],
    };
    endings.iter().any(|ending| {
        let start = name.len().checked_sub(ending.len());
        start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    })
}

/// The name of a query parameter as it may be shown.
pub(crate) fn shown_name(name: &str) -> String {
    field::shown(decoded(name).trim_end_matches("[]"))
}

/// Every class of one value.
fn classify(field: &Field, value: &str, found: &mut impl FnMut(DataClass, &str), path: &str) {
    let value = if path.is_empty() { value } else { head(value, VALUE_BYTES_MAX) };
    if value.is_empty() {
        return;
    }
    for (class, is_it) in [
        (DataClass::Credential, field.is_credential() && secret::is_something(value)),
        (DataClass::Email, value::has_email(value)),
        (DataClass::Iban, value::has_iban(value)),
        (DataClass::PaymentCard, value::has_card(value, field)),
        (DataClass::Phone, value::has_phone(value, field)),
        (DataClass::Token, secret::has_token(value)),
    ] {
        if is_it {
            found(class, path);
        }
    }
}

/// The beginning of a text, of at most so many bytes.
fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

/// A part of a form, with `+` and percent-encoding undone.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                match digit(*high).zip(digit(*low)) {
                    Some((high, low)) => {
                        bytes.push(high.wrapping_mul(16).wrapping_add(low));
                        after
                    }
                    None => {
                        bytes.push(b'%');
                        tail
                    }
                }
            }
            (b'+', _) => {
                bytes.push(b' ');
                tail
            }
            (byte, _) => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
