//! W3C Trace Context: which trace the upstream is told.
//!
//! A caller's `traceparent` is continued where the connection comes from a trusted proxy. Anyone else could put our
//! requests into traces of their choosing, so there the trace is restarted and the caller's id is kept as a link.
//! Whether a trace is sampled never decides whether a decision is recorded.

use model::{CanonicalRequest, FieldKind};

use crate::client::Peer;
use crate::random::Random;

/// Characters of a `traceparent` of version 00.
pub const TRACEPARENT_BYTES: usize = 55;
/// Sampled (bit 0) and random trace id (bit 1); the other flags are sent as zero.
const FLAGS_KEPT: u8 = 0b11;
const SAMPLED: u8 = 0b01;
const RANDOM: u8 = 0b10;
const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// Whether the caller's trace goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// `tracestate` goes on as well.
    Continued,
    /// A new trace, with the caller's trace id where it sent a valid one.
    Restarted { caller: Option<u128> },
}

/// The trace of one request as the upstream sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub id: u128,
    pub parent: u64,
    pub flags: u8,
    pub continuity: Continuity,
}

/// What a caller's `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    pub id: u128,
    pub parent: u64,
    pub flags: u8,
}

impl Trace {
    /// The trace of `request`: continued or begun.
    pub(crate) fn of(request: &CanonicalRequest, peer: Peer, random: &mut Random) -> Self {
        let sent = request.only(FieldKind::Traceparent).and_then(parse);
        let parent = random.bits64() | 1;
        match (peer, sent) {
            (Peer::Trusted, Some(sent)) => Self {
                id: sent.id,
                parent,
                flags: sent.flags & FLAGS_KEPT,
                continuity: Continuity::Continued,
            },
            (Peer::Trusted | Peer::Untrusted, sent) => Self {
                id: random.bits128() | 1,
                parent,
                // Whether to sample is advice, and the caller's is as good as none.
                flags: RANDOM | sent.map_or(0, |sent| sent.flags & SAMPLED),
                continuity: Continuity::Restarted { caller: sent.map(|sent| sent.id) },
            },
        }
    }

    /// The value of `traceparent` without an allocation.
    #[must_use]
    pub fn text(&self) -> [u8; TRACEPARENT_BYTES] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        if let [_, _, _, rest @ ..] = &mut text
            && let Some((id, rest)) = rest.split_first_chunk_mut::<32>()
            && let [_, rest @ ..] = rest
            && let Some((parent, [_, flags @ ..])) = rest.split_first_chunk_mut::<16>()
        {
            write_hexadecimal(id, &self.id.to_be_bytes());
            write_hexadecimal(parent, &self.parent.to_be_bytes());
            write_hexadecimal(flags, &[self.flags]);
        }
        text
    }
}

/// Writes `bytes` at the start of `slots`, two digits each.
#[inline]
fn write_hexadecimal(slots: &mut [u8], bytes: &[u8]) {
    let (pairs, _) = slots.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = PAIRS.get(usize::from(*byte)).copied().unwrap_or([b'0'; 2]);
    }
}

/// The two digits of each byte.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time; an index out of range would not compile"
)]
static PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [HEXADECIMAL[byte >> 4], HEXADECIMAL[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Reads a `traceparent`; `None` for whatever the standard calls invalid. Total over all bytes.
#[must_use]
pub fn parse(value: &[u8]) -> Option<Traceparent> {
    let (known, more) = value.split_at_checked(TRACEPARENT_BYTES)?;
    let mut parts = known.split(|&byte| byte == b'-');
    let version = read_hexadecimal(parts.next()?, 2)?;
    let id = read_hexadecimal(parts.next()?, 32)?;
    let parent = read_hexadecimal(parts.next()?, 16)?;
    let flags = read_hexadecimal(parts.next()?, 2)?;
    // A later version may add parts behind another dash; this one has none.
    let ends = match version {
        0 => more.is_empty(),
        0xff => false,
        _ => more.is_empty() || more.starts_with(b"-"),
    };
    if !ends || parts.next().is_some() || id == 0 || parent == 0 {
        return None;
    }
    Some(Traceparent { id, parent: u64::try_from(parent).ok()?, flags: u8::try_from(flags).ok()? })
}

/// Exactly `digits` digits in lower case.
fn read_hexadecimal(text: &[u8], digits: usize) -> Option<u128> {
    if text.len() != digits {
        return None;
    }
    text.iter().try_fold(0_u128, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some((value << 4) | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_what_the_standard_calls_valid_and_nothing_else() {
        let good = parse(GOOD.as_bytes()).unwrap();
        assert_eq!((good.id >> 96, good.parent, good.flags), (0x0af7_6519, 0xb7ad_6b71_6920_3331, 1));
        let with = |from: &str, to: &str| GOOD.replacen(from, to, 1);
        for (value, valid) in [
            (with("00-", "01-"), true),
            (format!("{}-what-comes-later", with("00-", "cc-")), true),
            (format!("{}x", with("00-", "cc-")), false),
            (format!("{GOOD}-more"), false),
            (format!("{GOOD}-"), false),
            (with("00-", "ff-"), false),
            (with("00-", "0-"), false),
            (with("0af7", "0AF7"), false),
            (with("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)), false),
            (with("b7ad6b7169203331", &"0".repeat(16)), false),
            (with("-b7ad", "_b7ad"), false),
            (with("-01", "-0g"), false),
            (with("-01", "-1"), false),
            (GOOD.chars().take(54).collect(), false),
            (String::new(), false),
            ("-".repeat(55), false),
        ] {
            assert_eq!(parse(value.as_bytes()).is_some(), valid, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(id in 1_u128.., parent in 1_u64.., flags in 0_u8..4) {
            let trace = Trace { id, parent, flags, continuity: Continuity::Continued };
            prop_assert_eq!(parse(&trace.text()), Some(Traceparent { id, parent, flags }));
        }

        #[test]
        fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(parse(&bytes).is_none() || TRACEPARENT_BYTES <= bytes.len());
        }
    }
}
