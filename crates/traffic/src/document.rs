//! Formats that are one document rather than lines: HAR, and spans as OTLP writes them in JSON.
//!
//! A document is read part by part, so that what is held is one part and not all of them. Several documents may follow each
//! other, as exporters of spans write them, one a line.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::{har, otlp};

/// A format of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentFormat {
    /// HTTP archive 1.2, as browsers and proxies write it.
    Har,
    /// `ExportTraceServiceRequest` of OpenTelemetry in JSON.
    Otlp,
}

impl DocumentFormat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Har, Self::Otlp];

    /// The name that `--format` takes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Har => "har",
            Self::Otlp => "otlp",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The format of a file that begins with `block`; none where it is no document.
    #[must_use]
    pub fn detect(block: &[u8]) -> Option<Self> {
        let block = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block).trim_ascii_start();
        let inner = block.strip_prefix(b"{")?.trim_ascii_start();
        // A line of Docker's begins with `"log"` too, but holds a text there.
        let is_har = inner.strip_prefix(b"\"log\"").is_some_and(|rest| {
            rest.trim_ascii_start()
                .strip_prefix(b":")
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"))
        });
        match is_har {
            true => Some(Self::Har),
            false if inner.starts_with(b"\"resourceSpans\"") => Some(Self::Otlp),
            false => None,
        }
    }

    /// Where in a document its parts are.
    const fn path(self) -> &'static [&'static str] {
        match self {
            Self::Har => &["log", "entries"],
            Self::Otlp => &["resourceSpans"],
        }
    }
}

/// Reads documents to their end and gives each exchange, and each fault with the number of its part from 1.
///
/// # Errors
///
/// Where the text is no JSON or ends early; what was read before was given.
pub fn read_documents(
    format: DocumentFormat,
    reader: impl Read,
    mut each: impl FnMut(u64, Result<Exchange<'_>, Fault>),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let mut number = 0_u64;
    let mut scratch = Scratch::default();
    let mut part = |value: &Value| {
        let mut give = |found: Result<Exchange<'_>, Fault>| {
            number = number.saturating_add(1);
            each(number, found);
        };
        match format {
            DocumentFormat::Har => give(har::read(value, &mut scratch)),
            DocumentFormat::Otlp => otlp::read(value, &mut scratch, &mut give),
        }
    };
    loop {
        match deserializer.end() {
            Ok(()) => return Ok(()),
            Err(error) if error.is_eof() => return Err(error),
            // There is another document.
            Err(_) => Parts { path: format.path(), each: &mut part }.deserialize(&mut deserializer)?,
        }
    }
}

/// Texts that differ from what stands in a document.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) request_body: String,
    pub(crate) response_body: String,
}

/// Finds a list at the end of a path of names, and gives its elements one by one.
struct Parts<'p, F> {
    path: &'p [&'p str],
    each: &'p mut F,
}

impl<'de, F: FnMut(&Value)> DeserializeSeed<'de> for Parts<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            deserializer.deserialize_seq(self)
        } else {
            deserializer.deserialize_map(self)
        }
    }
}

impl<'de, F: FnMut(&Value)> Visitor<'de> for Parts<'_, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.first() {
            Some(name) => write!(formatter, "an object with `{name}`"),
            None => formatter.write_str("a list"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (name, path) = self.path.split_first().map_or(("", self.path), |(name, path)| (*name, path));
        while let Some(key) = map.next_key::<String>()? {
            if key == name {
                map.next_value_seed(Parts { path, each: &mut *self.each })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<Value>()? {
            (self.each)(&value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(format: DocumentFormat, text: &str) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        let read = read_documents(format, text.as_bytes(), |number, exchange| {
            found.push(match exchange {
                Ok(exchange) => format!("{number} {}", exchange.path),
                Err(fault) => format!("{number} {:?}", fault.kind),
            });
        });
        (found, read.is_ok())
    }

    const ENTRY: &str = r#"{"request":{"method":"GET","url":"https://h/a"},"response":{"status":200}}"#;

    #[test]
    fn parts_are_given_one_by_one_until_the_text_breaks_off() {
        let whole =
            format!(r#"{{"x":[1],"log":{{"version":"1.2","entries":[{ENTRY},{{}},{ENTRY}],"y":0}}}}"#);
        let all = vec!["1 /a".to_owned(), "2 Fields".to_owned(), "3 /a".to_owned()];
        assert_eq!(paths(DocumentFormat::Har, &whole), (all.clone(), true));
        let cut = whole.split_at(whole.len() - 6).0;
        assert_eq!(paths(DocumentFormat::Har, cut), (all, false));
        assert_eq!(paths(DocumentFormat::Har, &format!("{whole}\n{whole}\n")).0.len(), 6);
        assert_eq!(paths(DocumentFormat::Har, "{\"log\":5}"), (vec![], false));
        assert_eq!(paths(DocumentFormat::Har, "[]"), (vec![], false));
        assert_eq!(paths(DocumentFormat::Har, ""), (vec![], true));
    }

    #[test]
    fn documents_are_told_from_lines_by_how_they_begin() {
        for (text, want) in [
            ("\u{feff} {\n \"log\" : { \"version\"", Some(DocumentFormat::Har)),
            ("{\"resourceSpans\":[", Some(DocumentFormat::Otlp)),
            ("{\"log\":\"text\",\"stream\":\"stdout\"}", None),
            ("{\"logger\":{}}", None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(DocumentFormat::detect(text.as_bytes()), want, "{text}");
        }
        for format in DocumentFormat::ALL {
            assert_eq!(DocumentFormat::of_name(format.as_str()), Some(format));
        }
    }
}
