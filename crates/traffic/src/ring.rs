//! A ring between whoever sees exchanges and whoever counts them: bounded, in memory, and never waited for.
//!
//! Paths are in it as they were sent, so nothing of it is ever written down. An exchange that does not fit is dropped and counted: what
//! feeds an inventory is evidence, not a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::exchange::{Credential, Exchange, Side};

/// Stands for a text, a number or a time that is not there.
const NONE_LENGTH: u16 = u16::MAX;
const NONE_NUMBER: u64 = u64::MAX;
const NONE_TIME: i64 = i64::MIN;

/// The texts of a frame, in its order.
const TEXTS: usize = 8;
/// Bytes of a frame before its texts: length, count, two times, three numbers, sunset, status, flags, credential, lengths of the texts.
const FIXED: usize = 4 + 4 + 2 * 8 + 3 * 8 + 8 + 2 + 1 + 1 + 2 * TEXTS;

/// Exchanges that are alike but for their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike<'a> {
    /// The first of them.
    pub first: Exchange<'a>,
    /// When the last of them was: milliseconds since 1970 in UTC.
    pub until: Option<i64>,
    /// How many there were, at least one.
    pub count: u32,
}

impl<'a> Alike<'a> {
    /// One exchange.
    #[must_use]
    pub const fn one(exchange: Exchange<'a>) -> Self {
        Self { first: exchange, until: exchange.at, count: 1 }
    }
}

/// The end that sees exchanges.
#[derive(Debug)]
pub struct RingSender {
    ring: Producer<u8>,
    lost: Arc<AtomicU64>,
    frame: Vec<u8>,
}

/// The end that counts them.
#[derive(Debug)]
pub struct RingReceiver {
    ring: Consumer<u8>,
    lost: Arc<AtomicU64>,
    frame: Vec<u8>,
}

/// A ring of so many bytes; an exchange takes about a hundred.
#[must_use]
pub fn ring(bytes: usize) -> (RingSender, RingReceiver) {
    let (producer, consumer) = RingBuffer::new(bytes);
    let lost = Arc::new(AtomicU64::new(0));
    let sender = RingSender { ring: producer, lost: Arc::clone(&lost), frame: Vec::new() };
    (sender, RingReceiver { ring: consumer, lost, frame: Vec::new() })
}

impl RingSender {
    /// Hands exchanges over, bodies left out. Where a route is known, it arrives as the path as well and the path itself stays. Those for which
    /// there is no room, or with a text longer than 65,534 bytes, are lost and counted ([`RingReceiver::lost`]).
    pub fn send(&mut self, alike: &Alike<'_>) {
        self.frame.clear();
        let sent = write(&mut self.frame, alike)
            .filter(|()| self.frame.len() <= self.ring.slots())
            .and_then(|()| self.ring.push_entire_slice(&self.frame).ok());
        if sent.is_none() {
            self.lost.fetch_add(u64::from(alike.count), Ordering::Relaxed);
        }
    }
}

impl RingReceiver {
    /// Gives everything that is there to `take`; how many exchanges that were.
    pub fn drain(&mut self, mut take: impl FnMut(&Alike<'_>)) -> u64 {
        let mut count = 0_u64;
        while self.next_frame() {
            // What was written above reads back.
            if let Some(alike) = read(&self.frame) {
                take(&alike);
                count = count.saturating_add(u64::from(alike.count));
            }
        }
        count
    }

    /// Exchanges that found no room so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether nobody sends any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// Takes one frame out of the ring. Frames are written whole.
    fn next_frame(&mut self) -> bool {
        self.frame.clear();
        let Ok(chunk) = self.ring.read_chunk(4) else { return false };
        let mut length = [0_u8; 4];
        let (one, two) = chunk.as_slices();
        length.iter_mut().zip(one.iter().chain(two)).for_each(|(slot, byte)| *slot = *byte);
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let Ok(chunk) = self.ring.read_chunk(length) else { return false };
        let (one, two) = chunk.as_slices();
        self.frame.extend_from_slice(one);
        self.frame.extend_from_slice(two);
        chunk.commit_all();
        true
    }
}

fn texts<'a>(exchange: &Exchange<'a>) -> [Option<&'a str>; TEXTS] {
    [
        exchange.host,
        Some(exchange.method),
        Some(exchange.route.unwrap_or(exchange.path)),
        exchange.query,
        exchange.request_type,
        exchange.response_type,
        exchange.client,
        exchange.caller,
    ]
}

/// Appends a frame; none where a text is too long.
fn write(frame: &mut Vec<u8>, alike: &Alike<'_>) -> Option<()> {
    let Alike { first: exchange, until, count } = alike;
    let texts = texts(exchange);
    let length = texts.iter().flatten().map(|text| text.len()).sum::<usize>() + FIXED;
    frame.reserve(length);
    frame.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    frame.extend_from_slice(&count.to_le_bytes());
    for time in [exchange.at, *until] {
        frame.extend_from_slice(&time.unwrap_or(NONE_TIME).to_le_bytes());
    }
    for number in [exchange.bytes_in, exchange.bytes_out, exchange.duration] {
        frame.extend_from_slice(&number.unwrap_or(NONE_NUMBER).to_le_bytes());
    }
    frame.extend_from_slice(&exchange.sunset.unwrap_or(NONE_TIME).to_le_bytes());
    frame.extend_from_slice(&exchange.status.unwrap_or(0).to_le_bytes());
    let client = match exchange.side {
        Side::Client => 2,
        Side::Server => 0,
    };
    let declared = if exchange.route.is_some() { 4 } else { 0 };
    let own = if exchange.own_answer { 8 } else { 0 };
    frame.push(u8::from(exchange.deprecated) | client | declared | own);
    frame.push(match exchange.credential {
        Credential::NotShown => 0,
        Credential::Absent => 1,
        Credential::Sent => 2,
        Credential::Verified => 3,
    });
    for text in texts {
        let length = match text {
            None => NONE_LENGTH,
            Some(text) => u16::try_from(text.len()).ok().filter(|length| *length != NONE_LENGTH)?,
        };
        frame.extend_from_slice(&length.to_le_bytes());
    }
    for text in texts.iter().flatten() {
        frame.extend_from_slice(text.as_bytes());
    }
    Some(())
}

/// The parts of a frame, from its beginning.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*part)
    }

    fn number(&mut self) -> Option<Option<u64>> {
        let number = u64::from_le_bytes(self.take()?);
        Some((number != NONE_NUMBER).then_some(number))
    }

    fn time(&mut self) -> Option<Option<i64>> {
        let time = i64::from_le_bytes(self.take()?);
        Some((time != NONE_TIME).then_some(time))
    }

    fn text(&mut self, length: u16) -> Option<Option<&'a str>> {
        if length == NONE_LENGTH {
            return Some(None);
        }
        let (part, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        std::str::from_utf8(part).ok().map(Some)
    }
}

/// Reads a frame; none where it is none.
fn read(frame: &[u8]) -> Option<Alike<'_>> {
    let mut parts = Parts(frame);
    let _length: [u8; 4] = parts.take()?;
    let count = u32::from_le_bytes(parts.take()?);
    let (at, until) = (parts.time()?, parts.time()?);
    let (bytes_in, bytes_out, duration) = (parts.number()?, parts.number()?, parts.number()?);
    let sunset = parts.time()?;
    let status = u16::from_le_bytes(parts.take()?);
    let [flags, credential] = parts.take()?;
    let mut lengths = [0; TEXTS];
    for length in &mut lengths {
        *length = u16::from_le_bytes(parts.take()?);
    }
    let mut texts = [None; TEXTS];
    for (text, length) in texts.iter_mut().zip(lengths) {
        *text = parts.text(length)?;
    }
    let [host, method, path, query, request_type, response_type, client, caller] = texts;
    let first = Exchange {
        at,
        host,
        method: method?,
        path: path?,
        query,
        status: (status != 0).then_some(status),
        bytes_in,
        bytes_out,
        duration,
        request_type,
        response_type,
        client,
        caller,
        credential: match credential {
            1 => Credential::Absent,
            2 => Credential::Sent,
            3 => Credential::Verified,
            _ => Credential::NotShown,
        },
        side: if flags & 2 == 0 { Side::Server } else { Side::Client },
        deprecated: flags & 1 != 0,
        route: path.filter(|_| flags & 4 != 0),
        own_answer: flags & 8 != 0,
        sunset,
        ..Exchange::default()
    };
    Some(Alike { first, until, count })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(path: &str) -> Alike<'_> {
        Alike::one(Exchange { method: "GET", path, status: Some(200), ..Exchange::default() })
    }

    fn drained(receiver: &mut RingReceiver) -> Vec<String> {
        let mut paths = Vec::new();
        let count = receiver.drain(|alike| paths.push(alike.first.path.to_owned()));
        assert_eq!(count, paths.len() as u64);
        paths
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_rest_arrives_whole_and_in_order() {
        let (mut sender, mut receiver) = ring(3 * (FIXED + 8));
        for number in 0..5 {
            sender.send(&plain(&format!("/a/{number}")));
        }
        assert_eq!(drained(&mut receiver), ["/a/0", "/a/1", "/a/2"]);
        assert_eq!(receiver.lost(), 2);
        // Round and round, so that frames lie across the end of the ring.
        for number in 0..100 {
            let path = format!("/{number}");
            sender.send(&plain(&path));
            assert_eq!(drained(&mut receiver), [path]);
        }
        assert!(!receiver.is_abandoned());
        drop(sender);
        assert!(receiver.is_abandoned());
        assert_eq!(drained(&mut receiver), [""; 0]);
    }

    #[test]
    fn a_text_that_is_too_long_is_lost_alone() {
        let (mut sender, mut receiver) = ring(1 << 20);
        let [long, longest] = [65_535, 65_534].map(|length| "/".repeat(length));
        sender.send(&plain(&long));
        sender.send(&plain(&longest));
        assert_eq!(drained(&mut receiver), [longest]);
        assert_eq!(receiver.lost(), 1);
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("\\PC{0,20}")
    }

    proptest! {
        #[test]
        fn an_exchange_arrives_as_it_was_sent(
            texts in proptest::array::uniform7(text()),
            method in "[A-Z]{1,7}",
            numbers in proptest::array::uniform3(proptest::option::of(0..u64::MAX)),
            times in proptest::array::uniform2(proptest::option::of(-1_i64..i64::MAX)),
            status in proptest::option::of(100_u16..600),
            credential in 0_usize..4,
            count in 1_u32..,
            flags in proptest::array::uniform3(proptest::bool::ANY),
        ) {
            let [host, path, query, request_type, response_type, client, caller] = &texts;
            let credentials =
                [Credential::NotShown, Credential::Absent, Credential::Sent, Credential::Verified];
            let sent = Exchange {
                at: times[0],
                host: host.as_deref(),
                method: &method,
                path: path.as_deref().unwrap_or_default(),
                query: query.as_deref(),
                status,
                bytes_in: numbers[0],
                bytes_out: numbers[1],
                duration: numbers[2],
                request_type: request_type.as_deref(),
                response_type: response_type.as_deref(),
                client: client.as_deref(),
                caller: caller.as_deref(),
                credential: credentials[credential],
                side: if flags[0] { Side::Client } else { Side::Server },
                deprecated: flags[1],
                own_answer: flags[2],
                sunset: times[1],
                ..Exchange::default()
            };
            let (mut sender, mut receiver) = ring(4_096);
            let sent = Alike { first: sent, until: times[1], count };
            sender.send(&sent);
            let mut arrived = 0;
            let drained = receiver.drain(|alike| { assert_eq!(*alike, sent); arrived += 1; });
            prop_assert_eq!((arrived, drained), (1, u64::from(count)));
        }

        #[test]
        fn no_bytes_are_read_as_more_than_they_are(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            prop_assert!(read(&bytes).is_none_or(|alike| alike.first.path.len() <= bytes.len()));
        }
    }
}
