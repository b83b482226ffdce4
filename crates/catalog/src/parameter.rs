//! Path parameters: their declared types, and the one spelling that each value has.
//!
//! A value with two spellings (`7` and `07`) would let a caller pass a rule by one and reach the object by the
//! other, so every typed value is taken in its canonical spelling only (security case 18).

/// What a path parameter is, in Cedar's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParameterKind {
    Bool,
    Long,
    String,
}

/// A path parameter as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathParameter {
    pub name: String,
    pub kind: ParameterKind,
}

/// A value by its declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterValue<'a> {
    Bool(bool),
    Long(i64),
    String(&'a str),
}

/// The text is not the canonical spelling of a value of the declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path parameter is not a {} in its canonical spelling", .kind.as_str())]
pub struct BadParameter {
    pub kind: ParameterKind,
}

impl ParameterValue<'_> {
    /// The type that it is of.
    #[must_use]
    pub const fn kind(self) -> ParameterKind {
        match self {
            Self::Bool(_) => ParameterKind::Bool,
            Self::Long(_) => ParameterKind::Long,
            Self::String(_) => ParameterKind::String,
        }
    }
}

impl ParameterKind {
    /// Its name in Cedar's schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "Bool",
            Self::Long => "Long",
            Self::String => "String",
        }
    }

    /// Reads a decoded value. `Long` is decimal without leading zeros, `+`, `-0` or spaces, within 64 bits;
    /// `Bool` is `true` or `false`.
    pub fn read(self, text: &str) -> Result<ParameterValue<'_>, BadParameter> {
        let refused = BadParameter { kind: self };
        match self {
            Self::Bool => match text {
                "true" => Ok(ParameterValue::Bool(true)),
                "false" => Ok(ParameterValue::Bool(false)),
                _ => Err(refused),
            },
            Self::Long => read_long(text).map(ParameterValue::Long).ok_or(refused),
            Self::String => Ok(ParameterValue::String(text)),
        }
    }
}

fn read_long(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [b'0'] if digits.len() == text.len() => Some(0),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_has_one_spelling() {
        for (text, value) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("-7", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("07", None),
            ("00", None),
            ("-0", None),
            ("-07", None),
            ("+7", None),
            ("--7", None),
            ("-", None),
            ("", None),
            (" 7", None),
            ("7 ", None),
            ("7.0", None),
            ("7e0", None),
            ("0x7", None),
            ("1_000", None),
            ("\u{0667}", None), // an Arabic-Indic seven
        ] {
            let expected = value.map(ParameterValue::Long).ok_or(BadParameter { kind: ParameterKind::Long });
            assert_eq!(ParameterKind::Long.read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_bool_has_one_spelling() {
        assert_eq!(ParameterKind::Bool.read("true"), Ok(ParameterValue::Bool(true)));
        assert_eq!(ParameterKind::Bool.read("false"), Ok(ParameterValue::Bool(false)));
        for text in ["True", "1", "yes", "", " true"] {
            assert!(ParameterKind::Bool.read(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_long_is_read_exactly_where_it_prints_as_it_was_written(text in "[-+0-9 ]{0,21}") {
            let round_trip = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            let read = ParameterKind::Long.read(&text).ok();
            prop_assert_eq!(read, round_trip.map(ParameterValue::Long));
        }
    }
}
