//! Values between rows and words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{AttributeValue, NameError, Timestamp};
use serde_json::{Map, Value};

use crate::StoreError;

/// SHA-256 of a key's secret or of an administrator's token. Never printed.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

/// Who changed something, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

impl Digest {
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        bytes.try_into().map(Self).map_err(|_| StoreError::corrupt("a digest is not 32 bytes long"))
    }
}

/// Without an early exit.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        model::secret::equal_in_constant_time(&self.0, &other.0)
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redacted")
    }
}

pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_micros()
}

pub(crate) fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// SQLite counts to 2^63 - 1; nothing here gets there.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(value: i64, what: &str) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::corrupt(format!("{what} is negative")))
}

/// A name that was checked on its way in.
pub(crate) fn name<T>(parsed: Result<T, NameError>) -> Result<T, StoreError> {
    parsed.map_err(|fault| StoreError::corrupt(fault.to_string()))
}

/// A column of another type than its table promises.
pub(crate) fn column(fault: rusqlite::types::FromSqlError) -> StoreError {
    StoreError::corrupt(format!("a column has another type: {fault}"))
}

pub(crate) fn write_texts(texts: &[String]) -> String {
    Value::from(texts.to_vec()).to_string()
}

pub(crate) fn read_texts(text: &str) -> Result<Vec<String>, StoreError> {
    match serde_json::from_str(text) {
        Ok(texts) => Ok(texts),
        Err(fault) => Err(StoreError::corrupt(format!("a list of texts does not parse: {fault}"))),
    }
}

/// `{"customer": {"String": "42"}}`: the type is kept beside the value, so that `Long` 42 and `String` 42 differ.
pub(crate) fn write_attributes(attributes: &BTreeMap<String, AttributeValue>) -> String {
    let mut object = Map::new();
    for (name, value) in attributes {
        let written = match value {
            AttributeValue::Bool(value) => Value::from(*value),
            AttributeValue::Long(value) => Value::from(*value),
            AttributeValue::String(value) => Value::from(value.as_str()),
            AttributeValue::StringSet(values) => values.iter().map(String::as_str).collect(),
        };
        let tagged = Map::from_iter([(value.kind().as_str().to_owned(), written)]);
        object.insert(name.clone(), Value::Object(tagged));
    }
    Value::Object(object).to_string()
}

pub(crate) fn read_attributes(text: &str) -> Result<BTreeMap<String, AttributeValue>, StoreError> {
    let broken = || StoreError::corrupt("the attributes of an application do not parse");
    let Ok(Value::Object(object)) = serde_json::from_str(text) else {
        return Err(broken());
    };
    let mut attributes = BTreeMap::new();
    for (name, tagged) in object {
        let Value::Object(tagged) = tagged else {
            return Err(broken());
        };
        let mut parts = tagged.into_iter();
        let (Some((kind, value)), None) = (parts.next(), parts.next()) else {
            return Err(broken());
        };
        attributes.insert(name, read_attribute(&kind, value).ok_or_else(broken)?);
    }
    Ok(attributes)
}

fn read_attribute(kind: &str, value: Value) -> Option<AttributeValue> {
    match (model::AttributeType::parse(kind)?, value) {
        (model::AttributeType::Bool, Value::Bool(value)) => Some(AttributeValue::Bool(value)),
        (model::AttributeType::Long, value) => value.as_i64().map(AttributeValue::Long),
        (model::AttributeType::String, Value::String(value)) => Some(AttributeValue::String(value)),
        (model::AttributeType::StringSet, Value::Array(values)) => {
            let texts: Option<BTreeSet<String>> =
                values.into_iter().map(|value| value.as_str().map(str::to_owned)).collect();
            texts.map(AttributeValue::StringSet)
        }
        (model::AttributeType::Bool | model::AttributeType::String | model::AttributeType::StringSet, _) => {
            None
        }
    }
}

/// A closed list with one name per variant, in rows and in JSON.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// The name in rows and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// Reads the name.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            pub(crate) fn read(text: &str) -> Result<Self, $crate::StoreError> {
                Self::parse(text).ok_or_else(|| {
                    $crate::StoreError::corrupt(format!("`{}` is no {}", text.escape_debug(), stringify!($name)))
                })
            }
        }
    };
}
pub(crate) use states;
