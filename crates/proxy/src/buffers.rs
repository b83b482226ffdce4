//! The memory of a worker: buffers that belong to whoever is at work and come back when it waits.
//!
//! An idle connection holds none. What is kept here for the next one is limited, the rest is freed.

use std::cell::RefCell;

/// Bytes of a buffer for the head of a request; most fit.
pub(crate) const SMALL_BYTES: usize = 4 * 1024;
/// Bytes of a buffer for everything else. No head is longer than this, so a head that fills it is too large.
pub(crate) const LARGE_BYTES: usize = 32 * 1024;
/// Buffers of each kind that are kept for later.
const KEPT_MAX: usize = 128;
/// A buffer for writing that grew beyond this is not kept.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// How large a buffer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Large,
}

/// The buffers that nobody uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    small: RefCell<Vec<Vec<u8>>>,
    large: RefCell<Vec<Vec<u8>>>,
    outbound: RefCell<Vec<Vec<u8>>>,
    heads: RefCell<Vec<model::Head>>,
    fields: RefCell<Vec<Vec<http1::Field>>>,
}

/// Bytes that arrived and are not consumed yet. Without bytes it need not hold memory.
#[derive(Debug)]
pub(crate) struct Inbound {
    /// Either nothing or a whole buffer, every byte of it initialised.
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

/// Bytes that are to be written.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) bytes: Vec<u8>,
    sent: usize,
    flow: Flow,
}

/// Whether what was sent has left this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// Some of it waits, encrypted, to be written.
    Held,
    Out,
}

impl Buffers {
    fn shelf(&self, size: usize) -> &RefCell<Vec<Vec<u8>>> {
        if size <= SMALL_BYTES { &self.small } else { &self.large }
    }

    fn take(&self, size: Size) -> Vec<u8> {
        let bytes = match size {
            Size::Small => SMALL_BYTES,
            Size::Large => LARGE_BYTES,
        };
        self.shelf(bytes).borrow_mut().pop().unwrap_or_else(|| vec![0; bytes])
    }

    fn give(&self, memory: Vec<u8>) {
        if memory.is_empty() {
            return;
        }
        let mut shelf = self.shelf(memory.len()).borrow_mut();
        if shelf.len() < KEPT_MAX {
            shelf.push(memory);
        }
    }

    /// An empty buffer for writing.
    pub(crate) fn outbound(&self) -> Outbound {
        Outbound { bytes: self.outbound.borrow_mut().pop().unwrap_or_default(), sent: 0, flow: Flow::Out }
    }

    /// Takes a buffer for writing back.
    pub(crate) fn give_outbound(&self, outbound: Outbound) {
        let mut bytes = outbound.bytes;
        let mut shelf = self.outbound.borrow_mut();
        if shelf.len() < KEPT_MAX && bytes.capacity() <= KEPT_BYTES_MAX {
            bytes.clear();
            shelf.push(bytes);
        }
    }

    /// An empty request head with the memory of an earlier one.
    pub(crate) fn head(&self) -> model::Head {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a head's memory back.
    pub(crate) fn give_head(&self, head: model::Head) {
        let mut shelf = self.heads.borrow_mut();
        if shelf.len() < KEPT_MAX {
            shelf.push(head);
        }
    }

    /// A list for the fields of a head.
    pub(crate) fn fields(&self) -> Vec<http1::Field> {
        self.fields.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a list back.
    pub(crate) fn give_fields(&self, fields: Vec<http1::Field>) {
        let mut shelf = self.fields.borrow_mut();
        if shelf.len() < KEPT_MAX {
            shelf.push(fields);
        }
    }
}

impl Inbound {
    /// Without bytes and without memory.
    pub(crate) const fn new() -> Self {
        Self { memory: Vec::new(), start: 0, end: 0 }
    }

    /// The bytes that arrived.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether no more bytes can be taken in, in a buffer of any size.
    pub(crate) fn is_full(&self) -> bool {
        LARGE_BYTES <= self.end - self.start
    }

    /// Forgets the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start.saturating_add(count));
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room for more bytes: takes memory where there is none, moves the bytes to the front or to a larger buffer
    /// where there is too little. Empty only when [`Inbound::is_full`].
    pub(crate) fn room(&mut self, buffers: &Buffers, size: Size) -> &mut [u8] {
        if self.memory.is_empty() {
            self.memory = buffers.take(size);
        } else if self.end == self.memory.len() || (self.is_empty() && self.memory.len() < size.bytes()) {
            self.make_room(buffers, size);
        }
        self.memory.get_mut(self.end..).unwrap_or_default()
    }

    #[cold]
    fn make_room(&mut self, buffers: &Buffers, size: Size) {
        let held = self.end - self.start;
        let is_small = self.memory.len() < LARGE_BYTES;
        if is_small && (size == Size::Large || held == self.memory.len()) {
            let mut larger = buffers.take(Size::Large);
            if let Some(front) = larger.get_mut(..held) {
                front.copy_from_slice(self.bytes());
            }
            buffers.give(std::mem::replace(&mut self.memory, larger));
        } else {
            self.memory.copy_within(self.start..self.end, 0);
        }
        self.start = 0;
        self.end = held;
    }

    /// Says that `count` bytes were put into the room.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.memory.len().min(self.end.saturating_add(count));
    }

    /// Gives the memory back where there are no bytes in it.
    pub(crate) fn release(&mut self, buffers: &Buffers) {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
            buffers.give(std::mem::take(&mut self.memory));
        }
    }

    /// Forgets all bytes and gives the memory back.
    pub(crate) fn discard(&mut self, buffers: &Buffers) {
        self.start = self.end;
        self.release(buffers);
    }
}

impl Size {
    const fn bytes(self) -> usize {
        match self {
            Self::Small => SMALL_BYTES,
            Self::Large => LARGE_BYTES,
        }
    }
}

impl Outbound {
    /// What is not written yet.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// How many bytes are written.
    pub(crate) const fn count_sent(&self) -> usize {
        self.sent
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.bytes.len() <= self.sent && self.flow == Flow::Out
    }

    /// Says that some of what was sent waits, encrypted, to be written.
    pub(crate) const fn hold(&mut self) {
        self.flow = Flow::Held;
    }

    /// Says that nothing waits any more.
    pub(crate) const fn let_go(&mut self) {
        self.flow = Flow::Out;
    }

    /// Says that `count` more bytes were written.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count);
    }

    /// Starts over with the same bytes.
    pub(crate) const fn rewind(&mut self) {
        self.sent = 0;
        self.flow = Flow::Out;
    }

    /// Starts over with none.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
        self.flow = Flow::Out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(inbound: &mut Inbound, buffers: &Buffers, size: Size, bytes: &[u8]) -> usize {
        let room = inbound.room(buffers, size);
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        inbound.filled(count);
        count
    }

    #[test]
    fn bytes_survive_every_move() {
        let buffers = Buffers::default();
        let mut inbound = Inbound::new();
        let data: Vec<u8> = (0..=250).cycle().take(LARGE_BYTES).collect();
        let mut put_in = 0;
        while put_in < data.len() {
            let count = put(&mut inbound, &buffers, Size::Small, &data[put_in..]);
            assert_ne!(count, 0);
            put_in += count;
        }
        assert_eq!(inbound.bytes(), data);
        assert!(inbound.is_full());
        assert!(inbound.room(&buffers, Size::Large).is_empty());
        inbound.consume(1_000);
        assert_eq!(put(&mut inbound, &buffers, Size::Large, b"after"), 5);
        assert_eq!(inbound.bytes(), [&data[1_000..], b"after"].concat());
    }

    #[test]
    fn memory_comes_back_and_is_used_again() {
        let buffers = Buffers::default();
        let mut inbound = Inbound::new();
        put(&mut inbound, &buffers, Size::Small, b"x");
        inbound.release(&buffers);
        assert_eq!(buffers.small.borrow().len(), 0, "bytes hold their memory");
        inbound.consume(1);
        inbound.release(&buffers);
        assert_eq!(buffers.small.borrow().len(), 1);
        assert_eq!(put(&mut inbound, &buffers, Size::Small, b"y"), 1);
        assert_eq!(inbound.bytes(), b"y");
        assert_eq!(buffers.small.borrow().len(), 0);
    }

    #[test]
    fn what_is_kept_is_limited() {
        let buffers = Buffers::default();
        for _ in 0..KEPT_MAX + 5 {
            buffers.give(vec![0; LARGE_BYTES]);
            buffers.give_outbound(Outbound { bytes: Vec::with_capacity(10), sent: 0, flow: Flow::Out });
        }
        buffers.give_outbound(Outbound {
            bytes: Vec::with_capacity(KEPT_BYTES_MAX + 1),
            sent: 0,
            flow: Flow::Out,
        });
        assert_eq!(buffers.large.borrow().len(), KEPT_MAX);
        assert_eq!(buffers.outbound.borrow().len(), KEPT_MAX);
    }
}
