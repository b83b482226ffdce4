//! Finding the end of a head that arrives in pieces, each byte looked at once.
//!
//! The parsers start from the beginning each time they are called. A peer that sends a head byte by byte would
//! make that quadratic, so a [`HeadScan`] says when calling the parser is worth it.

use crate::Limits;
use crate::bytes::line_feed;

/// What to do with the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanStep {
    /// Call the parser.
    Parse,
    /// The head cannot be complete yet; read more first.
    Wait,
}

/// Remembers how much of one head was looked at. Use a new one (or [`HeadScan::reset`]) for each head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadScan {
    position: usize,
    calls: Calls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calls {
    None,
    Some,
}

impl HeadScan {
    /// A scan that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { position: 0, calls: Calls::None }
    }

    /// Forgets everything, for the next head.
    pub const fn reset(&mut self) {
        *self = Self::new();
    }

    /// Says whether to parse `input`, which is all that has arrived of this head, old bytes included.
    ///
    /// The first call always says [`ScanStep::Parse`] and costs nothing, because most heads arrive whole.
    /// [`ScanStep::Wait`] is never said of a complete head, nor of one that has reached its limit.
    pub fn step(&mut self, input: &[u8], limits: &Limits) -> ScanStep {
        if self.calls == Calls::None {
            self.calls = Calls::Some;
            return ScanStep::Parse;
        }
        if input.len() >= usize::from(limits.head_bytes_max) {
            return ScanStep::Parse;
        }
        // A head ends in a line feed and an empty line. A line feed behind which there is nothing yet is looked
        // at again next time; one without its carriage return, or before a bare line feed, is for the parser to
        // refuse.
        while let Some(offset) = input.get(self.position..).and_then(line_feed) {
            let place = self.position + offset;
            let before = place.checked_sub(1).and_then(|before| input.get(before));
            match (before, input.get(place + 1..)) {
                (Some(b'\r'), Some([] | [b'\r'])) => {
                    self.position = place;
                    return ScanStep::Wait;
                }
                (Some(b'\r'), Some([next, ..])) if !matches!(next, b'\r' | b'\n') => {
                    self.position = place + 1;
                }
                _ => return ScanStep::Parse,
            }
        }
        self.position = input.len();
        ScanStep::Wait
    }
}

impl Default for HeadScan {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Parse, parse_request_head};

    /// How often a connection parses when the head arrives in pieces of this size, and what the last parse said.
    fn parses(head: &[u8], piece: usize, limits: &Limits) -> (usize, String) {
        let mut scan = HeadScan::new();
        let mut fields = Vec::new();
        let mut count = 0;
        for end in (piece..head.len() + piece).step_by(piece) {
            let input = &head[..end.min(head.len())];
            if scan.step(input, limits) == ScanStep::Wait {
                continue;
            }
            count += 1;
            match parse_request_head(input, limits, &mut fields) {
                Ok(Parse::Partial) => {}
                Ok(Parse::Complete(_)) => return (count, "complete".to_owned()),
                Err(refusal) => return (count, refusal.code().to_owned()),
            }
        }
        (count, "partial".to_owned())
    }

    #[test]
    fn a_head_in_pieces_is_parsed_at_most_twice() {
        let long = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: some value\r\n".repeat(90));
        for (head, want) in [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "complete"),
            ("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "complete"),
            (long.as_str(), "complete"),
            ("GET / HTTP/1.1\r\nHost: h\r\n", "partial"),
            ("GET / HTTP/1.1\r\nHost: h\r\n\n", "bare_line_break"),
            ("GET / HTTP/1.1\r\nHost: h\n", "bare_line_break"),
            ("\r\n\r\nGET /", "leading_lines"),
        ] {
            for piece in 1..20 {
                let (count, said) = parses(head.as_bytes(), piece, &Limits::STANDARD);
                assert_eq!(said, want, "{head:?} by {piece}");
                assert!(count <= 2, "{head:?} by {piece} was parsed {count} times");
            }
        }
    }

    #[test]
    fn a_head_that_reaches_its_limit_is_parsed_to_be_refused() {
        let limits = Limits { head_bytes_max: 30, ..Limits::STANDARD };
        let head = b"GET / HTTP/1.1\r\nHost: a-name-too-long-for-the-limit\r\n\r\n";
        assert_eq!(parses(head, 1, &limits), (2, "head_too_large".to_owned()));
    }

    #[test]
    fn a_reset_scan_is_a_new_one() {
        let mut scan = HeadScan::new();
        assert_eq!(scan.step(b"GET", &Limits::STANDARD), ScanStep::Parse);
        assert_eq!(scan.step(b"GET /", &Limits::STANDARD), ScanStep::Wait);
        scan.reset();
        assert_eq!(scan, HeadScan::new());
        assert_eq!(scan.step(b"G", &Limits::STANDARD), ScanStep::Parse);
    }
}
