//! The text of a file as a tree of plain values, from YAML or JSON.
//!
//! Duplicate keys are refused everywhere, also in parts that nobody reads. What a document can make us hold is
//! bounded: by its size, by the number of values that are kept, by depth, and for YAML by what aliases may repeat.
//! Parts of an API document that are never looked at (bodies, answers, examples) are checked and dropped.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The most values that one file may make us keep.
const VALUES_MAX: usize = 1_000_000;
/// How deep lists and maps may stand in each other.
const DEPTH_MAX: usize = 100;
/// The most YAML events of one file.
const EVENTS_MAX: usize = 8_000_000;
/// The most YAML events that aliases of one file may repeat.
const REPLAYED_EVENTS_MAX: usize = 200_000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Bool(bool),
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
    Null,
    /// As text.
    Number(String),
    /// Was there and was not kept.
    Skimmed,
    Text(String),
}

/// Where and why the text of a file ends to make sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SyntaxError {
    /// From 1; 0 where it is unknown.
    pub line: u64,
    /// From 1; 0 where it is unknown.
    pub column: u64,
    pub reason: String,
}

impl Tree {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(key),
            Self::Bool(_) | Self::List(_) | Self::Null | Self::Number(_) | Self::Skimmed | Self::Text(_) => {
                None
            }
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(_) | Self::List(_) | Self::Map(_) | Self::Null | Self::Number(_) | Self::Skimmed => {
                None
            }
        }
    }
}

/// Reads an API document, dropping what the reader never looks at.
pub(crate) fn read_document(bytes: &[u8]) -> Result<Tree, SyntaxError> {
    read::<Document>(bytes).map(|Document(tree)| tree)
}

/// `info.version` as it is written, where a tree has a number with a point and so has lost zeros at its end. In YAML alone: a number
/// of JSON is one.
pub(crate) fn written_version(bytes: &[u8], tree: &Tree) -> Option<String> {
    #[derive(Deserialize)]
    struct Root {
        info: Info,
    }
    #[derive(Deserialize)]
    struct Info {
        version: String,
    }
    let is_lossy = matches!(tree.get("info")?.get("version")?, Tree::Number(text) if text.contains('.'));
    if !is_lossy || bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let root: Root = read(bytes).ok()?;
    Some(root.info.version)
}

/// Reads a small file whole.
pub(crate) fn read_file(bytes: &[u8]) -> Result<Tree, SyntaxError> {
    read::<File>(bytes).map(|File(tree)| tree)
}

fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, SyntaxError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // A text in braces is taken as JSON alone, so that it never has two readings.
    match bytes.trim_ascii_start() {
        [b'{' | b'[', ..] => serde_json::from_slice(bytes).map_err(|error| of_json(&error)),
        _ => serde_saphyr::from_slice_with_options(bytes, yaml_options()).map_err(|error| of_yaml(&error)),
    }
}

fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: EVENTS_MAX,
            max_nodes: EVENTS_MAX,
            max_depth: DEPTH_MAX,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED_EVENTS_MAX },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn of_json(error: &serde_json::Error) -> SyntaxError {
    let (line, column) = (error.line(), error.column());
    let number = |place: usize| u64::try_from(place).unwrap_or(0);
    let reason = without(error.to_string(), &format!(" at line {line} column {column}"));
    SyntaxError { line: number(line), column: number(column), reason }
}

fn of_yaml(error: &serde_saphyr::Error) -> SyntaxError {
    let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
    let reason = without(error.without_snippet().to_string(), &format!(" at line {line}, column {column}"));
    SyntaxError { line, column, reason }
}

/// The place is told apart from the reason, so it is not told twice.
fn without(text: String, place: &str) -> String {
    text.strip_suffix(place).map(str::to_owned).unwrap_or(text)
}

struct Document(Tree);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed { place: Place::Document, depth: 0, kept: &Cell::new(0) }.deserialize(deserializer).map(Self)
    }
}

struct File(Tree);

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed { place: Place::Whole, depth: 0, kept: &Cell::new(0) }.deserialize(deserializer).map(Self)
    }
}

/// Which part of a file a value is; decides what of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Components,
    Document,
    /// Of a map the keys are kept.
    Keys,
    /// A request's body or an answer.
    Message,
    Messages,
    Operation,
    PathItem,
    PathItems,
    Schema,
    Schemas,
    Skimmed,
    Whole,
}

impl Place {
    /// The place of what stands under `key`.
    fn child(self, key: &str) -> Self {
        match (self, key) {
            (Self::Document, "paths") | (Self::Components, "pathItems") => Self::PathItems,
            (Self::Document, "components") => Self::Components,
            (Self::Document, "definitions") | (Self::Components, "schemas") => Self::Schemas,
            (Self::Operation | Self::Components, "responses") | (Self::Components, "requestBodies") => {
                Self::Messages
            }
            (Self::Messages, _) | (Self::Operation, "requestBody") => Self::Message,
            (Self::Message, "content") => Self::Keys,
            (Self::Document, "swagger" | "openapi" | "info" | "host" | "basePath" | "servers")
            | (Self::Document | Self::Operation, "security")
            | (Self::Document, "securityDefinitions")
            | (Self::Components, "securitySchemes")
            | (Self::Document | Self::Components | Self::PathItem | Self::Operation, "parameters")
            | (Self::PathItem, "$ref" | "servers")
            | (Self::Operation, "operationId" | "summary" | "deprecated" | "servers")
            | (Self::Document | Self::Operation, "consumes" | "produces")
            | (Self::Message, "$ref")
            | (Self::Schema, "$ref" | "type")
            | (Self::Whole, _) => Self::Whole,
            (Self::PathItems, _) => Self::PathItem,
            (Self::PathItem, "delete" | "get" | "head" | "options" | "patch" | "post" | "put" | "trace") => {
                Self::Operation
            }
            (Self::Schemas, _) => Self::Schema,
            (
                Self::Components
                | Self::Document
                | Self::Keys
                | Self::Message
                | Self::Operation
                | Self::PathItem
                | Self::Schema
                | Self::Skimmed,
                _,
            ) => Self::Skimmed,
        }
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    place: Place,
    depth: usize,
    kept: &'a Cell<usize>,
}

impl Seed<'_> {
    /// Counts a value; `Skimmed` ones are not kept.
    fn keep<E: de::Error>(self, value: impl FnOnce() -> Tree) -> Result<Tree, E> {
        if self.place == Place::Skimmed {
            return Ok(Tree::Skimmed);
        }
        self.kept.set(self.kept.get() + 1);
        if VALUES_MAX < self.kept.get() {
            return Err(E::custom(format_args!("the file holds more than {VALUES_MAX} values")));
        }
        Ok(value())
    }

    fn enter<E: de::Error>(self) -> Result<Self, E> {
        if DEPTH_MAX <= self.depth {
            return Err(E::custom(format_args!(
                "lists and maps stand more than {DEPTH_MAX} deep in each other"
            )));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
        self.keep(|| Tree::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
        self.keep(|| Tree::Number(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        self.keep(|| Tree::Number(value.to_string()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Tree, E> {
        self.keep(|| Tree::Number(value.to_string()))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Tree, E> {
        self.keep(|| Tree::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        // `{:?}` keeps the `.0` of `2.0`, which is a version.
        self.keep(|| Tree::Number(format!("{value:?}")))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
        self.keep(|| Tree::Text(value.to_owned()))
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Tree, E> {
        self.keep(|| Tree::Skimmed)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
        self.keep(|| Tree::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Tree, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let inner = self.enter()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner)? {
            if self.place != Place::Skimmed {
                values.push(value);
            }
        }
        self.keep(|| Tree::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let inner = self.enter()?;
        let mut values = BTreeMap::new();
        while let Some(Key(key)) = map.next_key()? {
            if values.contains_key(&key) {
                return Err(de::Error::custom(format_args!(
                    "the key `{}` appears twice",
                    key.escape_debug()
                )));
            }
            let value = map.next_value_seed(Seed { place: self.place.child(&key), ..inner })?;
            values.insert(key, value);
        }
        self.keep(|| Tree::Map(values))
    }
}

/// A key as text; YAML also has numbers and the like as keys.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Key, E> {
                Ok(Key(value.to_owned()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests;
