//! What the name of a field says of its value.

use crate::operation::ValueKind;
use crate::token::{self, Strength};
use crate::words;

/// Names are shown up to this many bytes.
const NAME_BYTES_MAX: usize = 60;

/// A field, by the words of its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    /// The last name of the path in lower-case words; empty where there is none.
    words: Vec<String>,
}

/// Words that make a field one of a credential wherever they stand last.
const CREDENTIALS: [&str; 22] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "secret",
    "otp",
    "totp",
    "pin",
    "cvv",
    "cvc",
    "csc",
    "jwt",
    "token",
    "apikey",
    "authorization",
    "credential",
    "credentials",
    "sessionid",
    "accesskey",
    "secretkey",
];
/// Two words that do together.
const PAIRS: [(&str, &str); 25] = [
    ("api", "key"),
    ("access", "key"),
    ("account", "key"),
    ("admin", "key"),
    ("auth", "key"),
    ("encryption", "key"),
    ("license", "key"),
    ("master", "key"),
    ("private", "key"),
    ("recovery", "code"),
    ("recovery", "key"),
    ("backup", "code"),
    ("mfa", "code"),
    ("verification", "code"),
    ("secret", "key"),
    ("secret", "access"),
    ("security", "code"),
    ("session", "id"),
    ("session", "key"),
    ("shared", "key"),
    ("signing", "key"),
    ("connection", "string"),
    ("password", "hash"),
    ("service", "key"),
    ("webhook", "key"),
];
/// A credential's name before which one of these stands is another thing.
const OTHER: [&str; 32] = [
    "has",
    "is",
    "needs",
    "requires",
    "require",
    "show",
    "forgot",
    "reset",
    "change",
    "max",
    "min",
    "num",
    "total",
    "page",
    "next",
    "prev",
    "previous",
    "continuation",
    "pagination",
    "cursor",
    "sync",
    "prompt",
    "completion",
    "input",
    "output",
    "cached",
    "reasoning",
    "design",
    "mapped",
    "resume",
    "start",
    "primary",
];

/// Words of fields whose digits are neither a card's nor a telephone's.
const OTHER_NUMBERS: &str = "\
    id ids uuid key ref reference order invoice sku ean upc gtin isbn issn imei imsi iccid serial tracking parcel shipment \
    version build hash checksum etag digest code zip postal postcode amount price total count quantity size bytes length \
    width height duration timestamp time date created updated expires at lat latitude lng lon longitude location coordinates \
    ip address port color colour ssn tax vat bic swift meter barcode ratio score rate year seed offset cursor
";

impl Field {
    pub(crate) const fn none() -> Self {
        Self { words: Vec::new() }
    }

    /// Of a path such as `a.b[].c`.
    pub(crate) fn of(path: &str) -> Self {
        let last = path.trim_end_matches("[]").rsplit('.').next().unwrap_or_default();
        Self { words: words::parts(last) }
    }

    fn has(&self, wanted: &[&str]) -> bool {
        self.words.iter().any(|word| wanted.contains(&word.as_str()))
    }

    /// Whether the field is named as one that holds a credential.
    pub(crate) fn is_credential(&self) -> bool {
        let names: Vec<&str> = self.words.iter().map(String::as_str).collect();
        if names.first().is_some_and(|first| OTHER.contains(first)) || names.contains(&"page") {
            return false;
        }
        match names.as_slice() {
            [] => false,
            [.., before, last] if PAIRS.contains(&(before, last)) => true,
            // `secret_access_key`.
            [.., one, two, "key"] if PAIRS.contains(&(one, two)) => true,
            [.., before, last] if CREDENTIALS.contains(last) => {
                !OTHER.contains(before) || *last == "password"
            }
            [last] => CREDENTIALS.contains(last),
            // What is about a credential ends in another word: `passwordHint`.
            [..] => false,
        }
    }

    /// Whether the name says that it is a telephone number.
    pub(crate) fn is_phone(&self) -> bool {
        let is_number = self.has(&["number", "nr", "no"])
            && self.has(&["contact", "call", "dial", "office", "home", "work"]);
        is_number
            || self.has(&[
                "phone",
                "phones",
                "telephone",
                "tel",
                "mobile",
                "cell",
                "cellphone",
                "fax",
                "msisdn",
                "whatsapp",
                "handy",
                "telefon",
                "telefono",
                "landline",
                "sms",
                "phonenumber",
                "mobilephone",
                "celular",
                "gsm",
            ])
    }

    /// Whether the name says that it is a payment card.
    pub(crate) fn is_card(&self) -> bool {
        self.has(&["card", "pan", "creditcard", "cardnumber", "ccnumber", "cc", "debit", "payment"])
    }

    /// Whether the name says that digits in it are something else than a card or a telephone.
    pub(crate) fn is_other_number(&self) -> bool {
        self.words.iter().any(|word| OTHER_NUMBERS.split_ascii_whitespace().any(|known| known == word))
    }
}

/// A name of a path as it may be shown: what reads like a value stands as `{}`.
pub(crate) fn shown(name: &str) -> String {
    let form = token::read(name);
    let is_value = form.strength == Strength::Strong && form.kind != ValueKind::FileName;
    let is_name = |character: char| character.is_alphanumeric() || "_-$:.".contains(character);
    let has_digits = name.chars().filter(char::is_ascii_digit).count() > 4;
    if name.is_empty() || NAME_BYTES_MAX < name.len() || is_value || has_digits || !name.chars().all(is_name)
    {
        return "{}".to_owned();
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_judged_by_its_words() {
        for name in [
            "password",
            "userPassword",
            "client_secret",
            "apiKey",
            "x-api-key",
            "aws_secret_access_key",
            "a.b[].token",
        ] {
            assert!(Field::of(name).is_credential(), "{name}");
        }
        for name in [
            "secretary",
            "tokenizer",
            "passwordHint",
            "nextPageToken",
            "token_type",
            "hasPassword",
            "max_tokens",
            "keyName",
            "",
        ] {
            assert!(!Field::of(name).is_credential(), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_a_value_is_not_shown() {
        for value in [
            "ada@example.com",
            "550e8400-e29b-41d4-a716-446655440000",
            "4155552671",
            "a/b",
            "",
            "Zk3v9QmX2pLw8RtB77",
        ] {
            assert_eq!(shown(value), "{}", "{value}");
        }
        for name in ["email", "first_name", "x-api-key", "$ref", "addr2", "xml:lang"] {
            assert_eq!(shown(name), name);
        }
    }
}
