//! Which format a file is in, told from its first lines.

use crate::reader::{Format, Reader};

/// Lines that are looked at. Logs begin with restarts and remarks, so one is not enough.
const LINES_MAX: usize = 64;

/// A format, and why it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    pub format: Format,
    /// Of `looked_at` lines, how many it reads.
    pub read: usize,
    pub looked_at: usize,
}

/// No format reads the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    #[error("the file is empty")]
    Empty,
    /// A byte order mark of UTF-16.
    #[error("the file is in UTF-16; convert it to UTF-8 first, for example with `iconv -f UTF-16 -t UTF-8`")]
    Utf16,
    /// Of so many lines none is read by any of the formats.
    #[error("none of the first {looked_at} lines is in a known format")]
    Unknown { looked_at: usize },
    /// Two formats read the same number of lines.
    #[error("the first lines can be read as {} and as {}; say which with --format", .0.as_str(), .1.as_str())]
    Ambiguous(Format, Format),
}

/// Tells the format of a file that begins with `block`. Its last line may be cut off.
pub fn detect(block: &[u8]) -> Result<Detected, DetectError> {
    if block.starts_with(&[0xff, 0xfe]) || block.starts_with(&[0xfe, 0xff]) {
        return Err(DetectError::Utf16);
    }
    let block = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block);
    let whole = match block.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => block.get(..end).unwrap_or(block),
        None => block,
    };
    let lines =
        || whole.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(LINES_MAX);
    let looked_at = lines().count();
    if looked_at == 0 {
        return Err(DetectError::Empty);
    }
    let mut best: Option<Detected> = None;
    let mut rival = None;
    for format in Format::ALL {
        let mut reader = Reader::new(format);
        let read = lines().filter(|line| matches!(reader.line(line), Ok(Some(_)))).count();
        match best {
            _ if read == 0 => {}
            Some(found) if found.read == read => rival = Some(format),
            Some(found) if read < found.read => {}
            Some(_) | None => {
                best = Some(Detected { format, read, looked_at });
                rival = None;
            }
        }
    }
    match (best, rival) {
        (None, _) => Err(DetectError::Unknown { looked_at }),
        (Some(found), Some(other)) => Err(DetectError::Ambiguous(found.format, other)),
        (Some(found), None) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMBINED: &str = "h 203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 200 5\n";
    const OBJECT: &str = "{\"method\":\"GET\",\"path\":\"/a\"}\n";

    #[test]
    fn takes_the_format_that_reads_most_lines() {
        let found = |format, read, looked_at| Ok(Detected { format, read, looked_at });
        assert_eq!(detect(COMBINED.as_bytes()), found(Format::Combined, 1, 1));
        assert_eq!(detect(format!("\u{feff}{OBJECT}").as_bytes()), found(Format::JsonLines, 1, 1));
        let mixed = format!("starting\n\n{COMBINED}{COMBINED}{OBJECT}");
        assert_eq!(detect(mixed.as_bytes()), found(Format::Combined, 2, 4));
        // What is cut off at the end does not count.
        let cut = format!("{OBJECT}{COMBINED}{OBJECT}{}", COMBINED.split_at(40).0);
        assert_eq!(detect(cut.as_bytes()), found(Format::JsonLines, 2, 3));
    }

    #[test]
    fn says_why_nothing_is_taken() {
        assert_eq!(detect(b" \n\n"), Err(DetectError::Empty));
        assert_eq!(detect(b"\xff\xfeG\0"), Err(DetectError::Utf16));
        assert_eq!(detect(b"a\nb\n"), Err(DetectError::Unknown { looked_at: 2 }));
        let both = format!("{COMBINED}{OBJECT}");
        assert_eq!(detect(both.as_bytes()), Err(DetectError::Ambiguous(Format::Combined, Format::JsonLines)));
    }
}
