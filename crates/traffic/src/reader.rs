//! A reader of lines in one format.

use serde_json::Value;

use crate::aws::{self, Columns};
use crate::exchange::Exchange;
use crate::fault::{Fault, FaultKind};
use crate::json::{self, FieldMap};
use crate::scan::{Scratch, ascii};
use crate::{clf, envoy, haproxy};

/// The longest line that is read, in bytes: longer than any request that servers take.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// A format of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Common and combined log format, with and without a virtual host.
    Combined,
    /// The access log of an AWS application load balancer.
    Alb,
    /// CloudFront's standard log.
    CloudFront,
    /// Envoy's default text, and Istio's.
    Envoy,
    /// HAProxy's `option httplog`.
    HaProxy,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Combined, Self::Alb, Self::CloudFront, Self::Envoy, Self::HaProxy, Self::JsonLines];

    /// The name that `--format` takes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::Alb => "alb",
            Self::CloudFront => "cloudfront",
            Self::Envoy => "envoy",
            Self::HaProxy => "haproxy",
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
    columns: Columns,
}

impl Reader {
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self::with_fields(format, FieldMap::default())
    }

    /// Finds the fields of JSON as `map` says.
    #[must_use]
    pub fn with_fields(format: Format, map: FieldMap) -> Self {
        Self { format, map, scratch: Scratch::default(), value: Value::Null, columns: Columns::default() }
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
            if self.format == Format::CloudFront {
                self.columns.learn(&String::from_utf8_lossy(line));
            }
            return Ok(None);
        }
        let Scratch { line: text, host, quoted } = &mut self.scratch;
        match self.format {
            Format::Combined => clf::read(ascii(line, text), host, quoted).map(Some),
            Format::Alb => aws::balancer(ascii(line, text), host).map(Some),
            Format::CloudFront => aws::front(ascii(line, text), &self.columns, host, quoted).map(Some),
            Format::Envoy => envoy::read(ascii(line, text), host).map(Some),
            Format::HaProxy => haproxy::read(ascii(line, text), host).map(Some),
            Format::JsonLines => {
                self.value = serde_json::from_slice(line)
                    .map_err(|error| Fault::new(FaultKind::Json, error.column().saturating_sub(1)))?;
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

    const LINES: [(Format, &str); 6] = [
        (Format::Combined, COMBINED),
        (
            Format::Alb,
            r#"http 2018-07-02T22:23:00.186641Z app/my/50 192.0.2.1:2817 10.0.0.1:80 0.0 0.1 0.0 200 200 34 366 "GET http://h:80/ HTTP/1.1" "x" - -"#,
        ),
        (Format::CloudFront, "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.1\tGET\td.cloudfront.net\t/a\t200"),
        (
            Format::Envoy,
            r#"[2016-04-15T20:17:00.310Z] "GET /a HTTP/2" 204 - 154 0 226 100 "-" "x" "i" "h" "u""#,
        ),
        (
            Format::HaProxy,
            r#"192.0.2.1:3 [06/Feb/2009:12:14:14.655] in s/s 1/0/3/6/9 200 27 - - ---- 1/1/1/1/0 0/0 "GET /a HTTP/1.1""#,
        ),
        (Format::JsonLines, OBJECT),
    ];

    #[test]
    fn every_format_is_told_from_every_other() {
        for (format, line) in LINES {
            let found = crate::detect(line.as_bytes()).map(|found| found.format);
            assert_eq!(found, Ok(format), "{line}");
            assert_eq!(Format::of_name(format.as_str()), Some(format));
        }
        assert_eq!(Format::of_name("nginx"), None);
    }

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
            for (format, line) in LINES {
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
