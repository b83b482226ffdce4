//! JSON that says one thing in one way: what a token's header, its claims and key sets are read with.
//!
//! A member that stands twice is refused, because two readers of it could each believe another one (RFC 8725
//! section 2.4); depth, members and items have limits. Nothing here knows what a member means.

use std::fmt;
use std::time::Duration;

use model::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Objects and lists inside each other.
pub const DEPTH_MAX: usize = 8;
/// Members of one object.
pub const MEMBERS_MAX: usize = 256;
/// Items of one list.
pub const ITEMS_MAX: usize = 1_024;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    /// In the order written, each name once.
    Object(Vec<(String, Self)>),
}

/// Reads one value that is all of `bytes`; none where it is not that, or over a limit.
pub(crate) fn parse(bytes: &[u8]) -> Option<Json> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Seed { depth: 0 }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

impl Json {
    /// A member of an object; none where it is absent, null, or this is no object.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
            .filter(|value| **value != Self::Null)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::List(_)
            | Self::Object(_) => None,
        }
    }

    /// The texts of a list of texts; a text alone counts as a list of one. None where anything else is in it.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(text) => Some(vec![text]),
            Self::List(items) => items.iter().map(Self::text).collect(),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Number(_) | Self::Object(_) => None,
        }
    }

    /// A `NumericDate` (RFC 7519 section 2): seconds since the epoch, perhaps with a fraction. Dates before the
    /// epoch are none.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        match self {
            Self::Integer(seconds) if 0 <= *seconds => Some(Timestamp::from_seconds(*seconds)),
            Self::Number(seconds) => {
                let since = Duration::try_from_secs_f64(*seconds).ok()?;
                Some(Timestamp::from_seconds(0).plus(since))
            }
            Self::Null
            | Self::Bool(_)
            | Self::Integer(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Object(_) => None,
        }
    }
}

/// Reads a value inside `depth` others.
#[derive(Clone, Copy)]
struct Seed {
    depth: usize,
}

impl Seed {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if DEPTH_MAX < depth { Err(E::custom("too deep")) } else { Ok(Self { depth }) }
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Json, E> {
        i64::try_from(value).map(Json::Integer).map_err(|_| E::custom("a number over 64 bits"))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let seed = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(seed)? {
            if ITEMS_MAX <= items.len() {
                return Err(A::Error::custom("too many items"));
            }
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let seed = self.inner()?;
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(name) = access.next_key::<String>()? {
            if MEMBERS_MAX <= members.len() {
                return Err(A::Error::custom("too many members"));
            }
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a member stands twice"));
            }
            let value = access.next_value_seed(seed)?;
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_values_and_refuses_what_two_readers_could_read_differently() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let list = |items: usize| format!("[{}1]", "1,".repeat(items - 1));
        let object = |members: usize| {
            let members: Vec<_> = (0..members).map(|number| format!("\"{number}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        for (text, read) in [
            (r#"{"a":1,"b":[true,null,"x",1.5,-2]}"#.to_owned(), true),
            (r#"{"a":1,"a":1}"#.to_owned(), false),
            (r#"{"a":1,"\u0061":2}"#.to_owned(), false),
            (r#"{"x":{"a":1,"a":2}}"#.to_owned(), false),
            (r#"{"a":1} "#.to_owned(), true),
            (r#"{"a":1}{"b":1}"#.to_owned(), false),
            (r#"{"a":1,}"#.to_owned(), false),
            (r#"{"a":NaN}"#.to_owned(), false),
            (r#"{"a":18446744073709551615}"#.to_owned(), false),
            (r#"{'a':1}"#.to_owned(), false),
            ("\u{feff}{}".to_owned(), false),
            (nested(DEPTH_MAX), true),
            (nested(DEPTH_MAX + 1), false),
            (list(ITEMS_MAX), true),
            (list(ITEMS_MAX + 1), false),
            (object(MEMBERS_MAX), true),
            (object(MEMBERS_MAX + 1), false),
            (String::new(), false),
        ] {
            assert_eq!(parse(text.as_bytes()).is_some(), read, "{text}");
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_none(), "not UTF-8");
    }

    #[test]
    fn dates_are_seconds_with_or_without_a_fraction() {
        for (text, micros) in [
            ("1", Some(1_000_000)),
            ("1.5", Some(1_500_000)),
            ("0", Some(0)),
            ("-1", None),
            ("-0.5", None),
            ("1e300", None),
            ("\"1\"", None),
            ("true", None),
        ] {
            let date = parse(text.as_bytes()).unwrap().date();
            assert_eq!(date.map(Timestamp::as_micros), micros, "{text}");
        }
    }
}
