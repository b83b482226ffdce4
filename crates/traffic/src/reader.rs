//! A reader of lines in one format.

use serde_json::Value;

use crate::clf;
use crate::exchange::Exchange;
use crate::fault::{Fault, FaultKind};
use crate::json::{self, FieldMap};
use crate::scan::{Scratch, ascii};

/// The longest line that is read, in bytes: longer than any request that servers take.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// A format of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Common and combined log format, with and without a virtual host.
    Combined,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Combined, Self::JsonLines];

    /// The name that `--format` takes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::JsonLines => "jsonl",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// Reads line after line; an exchange lives until the next.
#[derive(Debug)]
pub struct Reader {
    format: Format,
    map: FieldMap,
    scratch: Scratch,
    value: Value,
}

impl Reader {
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self::with_fields(format, FieldMap::default())
    }

    /// Finds the fields of JSON as `map` says.
    #[must_use]
    pub fn with_fields(format: Format, map: FieldMap) -> Self {
        Self { format, map, scratch: Scratch::default(), value: Value::Null }
    }

    /// Reads one line, with or without its line break. `None` is a line that tells of nothing: empty, or a remark.
    ///
    /// # Errors
    ///
    /// What is wrong with the line, and where.
    pub fn line<'a>(&'a mut self, line: &'a [u8]) -> Result<Option<Exchange<'a>>, Fault> {
        let line = line.trim_ascii();
        if line.len() > LINE_BYTES_MAX {
            return Err(Fault::new(FaultKind::TooLong, LINE_BYTES_MAX));
        }
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(None);
        }
        match self.format {
            Format::Combined => {
                let Scratch { line: text, host, quoted } = &mut self.scratch;
                clf::read(ascii(line, text), host, quoted).map(Some)
            }
            Format::JsonLines => {
                self.value = serde_json::from_slice(line)
                    .map_err(|error| Fault::new(FaultKind::Json, error.column().saturating_sub(1)))?;
                let Scratch { host, quoted, .. } = &mut self.scratch;
                json::read(&self.value, &self.map, host, quoted).map(Some)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMBINED: &str = r#"h.example 203.0.113.7 - ada [10/Oct/2000:13:55:36 -0700] "GET /a/\xC3\xA9?b HTTP/1.1" 200 5 "-" "x""#;
    const OBJECT: &str = r#"{"ts":1741564800.257,"host":"h","method":"GET","path":"/a","status":200}"#;

    #[test]
    fn empty_lines_and_remarks_tell_nothing_and_a_bad_line_stops_no_other() {
        let mut reader = Reader::new(Format::Combined);
        assert_eq!(reader.line(b"\r\n"), Ok(None));
        assert_eq!(reader.line(b"#Version: 1.0"), Ok(None));
        assert!(reader.line(b"\xff\xfe").is_err());
        let found = reader.line(COMBINED.as_bytes()).unwrap().unwrap();
        assert_eq!((found.host, found.path, found.caller), (Some("h.example"), "/a/%C3%A9", Some("ada")));
        let mut reader = Reader::new(Format::JsonLines);
        assert_eq!(reader.line(b"{\"a\":").map_err(|fault| fault.kind), Err(FaultKind::Json));
        assert_eq!(reader.line(OBJECT.as_bytes()).unwrap().unwrap().path, "/a");
    }

    #[test]
    fn a_line_over_the_limit_is_one_fault() {
        for format in Format::ALL {
            let mut reader = Reader::new(format);
            let too_long = vec![b'a'; LINE_BYTES_MAX + 1];
            assert_eq!(reader.line(&too_long), Err(Fault::new(FaultKind::TooLong, LINE_BYTES_MAX)));
            assert!(
                reader.line(too_long.get(1..).unwrap()).is_err_and(|fault| fault.kind != FaultKind::TooLong)
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            place in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            for (format, line) in [(Format::Combined, COMBINED), (Format::JsonLines, OBJECT)] {
                let mut bytes = line.as_bytes().to_vec();
                let at = place.index(bytes.len());
                bytes.splice(at..(at + cut.index(8)).min(line.len()), noise.clone());
                if let Ok(Some(found)) = Reader::new(format).line(&bytes) {
                    prop_assert!(found.path.starts_with('/') && found.path.bytes().all(|byte| byte.is_ascii_graphic()));
                }
            }
        }
    }
}
