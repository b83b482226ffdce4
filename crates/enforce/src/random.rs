//! Numbers that nobody can guess, from a seed that the rim draws once per worker.
//!
//! The stream of ChaCha (RFC 8439 section 2.3) with 8 rounds: decision ids and trace ids must not be predictable
//! from earlier ones, and need nothing more; no key is ever made of them.

const ROUNDS: u32 = 8;
const BLOCK_WORDS: usize = 16;

/// A stream of random words. Not `Clone`: two copies would give the same ids.
pub(crate) struct Random {
    key: [u32; 8],
    counter: u64,
    block: [u32; BLOCK_WORDS],
    used: usize,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self { key, counter: 0, block: [0; BLOCK_WORDS], used: BLOCK_WORDS }
    }

    /// The next words, all of one block.
    fn words<const N: usize>(&mut self) -> [u32; N] {
        if let Some(words) = self.block.get(self.used..).and_then(|rest| rest.first_chunk()) {
            self.used += N;
            return *words;
        }
        self.block = block(&self.key, self.counter, 0, ROUNDS);
        self.counter = self.counter.wrapping_add(1);
        self.used = N;
        // INVARIANT: nobody asks for more words than a block has.
        self.block.first_chunk().copied().unwrap_or([0; N])
    }

    /// The next 64 bits.
    pub(crate) fn bits64(&mut self) -> u64 {
        let [high, low] = self.words();
        (u64::from(high) << 32) | u64::from(low)
    }

    /// The next 128 bits.
    pub(crate) fn bits128(&mut self) -> u128 {
        let [a, b, c, d] = self.words().map(u128::from);
        (a << 96) | (b << 64) | (c << 32) | d
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("redacted")
    }
}

fn block(key: &[u32; 8], counter: u64, nonce: u64, rounds: u32) -> [u32; BLOCK_WORDS] {
    let low = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap_or_default();
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    // Four quarter rounds at a time, which the compiler makes vectors of.
    let start = [
        [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574],
        [k0, k1, k2, k3],
        [k4, k5, k6, k7],
        [low(counter), low(counter >> 32), low(nonce), low(nonce >> 32)],
    ];
    let mut rows = start;
    for _ in 0..rounds / 2 {
        quarters(&mut rows);
        turn(&mut rows, [1, 2, 3]);
        quarters(&mut rows);
        turn(&mut rows, [3, 2, 1]);
    }
    let mut mixed = [0; BLOCK_WORDS];
    for ((slots, row), before) in mixed.as_chunks_mut::<4>().0.iter_mut().zip(rows).zip(start) {
        *slots = each(row, before, u32::wrapping_add);
    }
    mixed
}

/// The quarter round of each column.
fn quarters(rows: &mut [[u32; 4]; 4]) {
    let [a, b, c, d] = rows;
    for (left, right) in [(16, 12), (8, 7)] {
        *a = each(*a, *b, u32::wrapping_add);
        *d = each(*d, *a, |d, a| (d ^ a).rotate_left(left));
        *c = each(*c, *d, u32::wrapping_add);
        *b = each(*b, *c, |b, c| (b ^ c).rotate_left(right));
    }
}

/// Turns the rows behind the first by so many places, so that diagonals become columns.
fn turn(rows: &mut [[u32; 4]; 4], places: [usize; 3]) {
    let [_, others @ ..] = rows;
    for (row, places) in others.iter_mut().zip(places) {
        row.rotate_left(places);
    }
}

#[inline]
fn each(one: [u32; 4], other: [u32; 4], both: impl Fn(u32, u32) -> u32) -> [u32; 4] {
    let ([a, b, c, d], [e, f, g, h]) = (one, other);
    [both(a, e), both(b, f), both(c, g), both(d, h)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn is_the_block_function_of_rfc_8439() {
        // Section 2.3.2: key 00..1f, block counter 1, nonce 000000090000004a00000000.
        let mut seed = [0; 32];
        for (byte, value) in seed.iter_mut().zip(0..) {
            *byte = value;
        }
        let random = Random::new(seed);
        let found = block(&random.key, 0x0900_0000_0000_0001, 0x0000_0000_4a00_0000, 20);
        assert_eq!(
            found,
            [
                0xe4e7_f110,
                0x1559_3bd1,
                0x1fdd_0f50,
                0xc471_20a3,
                0xc7f4_d1c7,
                0x0368_c033,
                0x9aaa_2204,
                0x4e6c_d4c3,
                0x4664_82d2,
                0x09aa_9f07,
                0x05d7_c214,
                0xa202_8bd9,
                0xd19c_12b5,
                0xb94e_16de,
                0xe883_d0cb,
                0x4e3c_50a2,
            ]
        );
    }

    #[test]
    fn never_gives_the_same_number_twice_and_other_seeds_give_others() {
        let (mut one, mut two) = (Random::new([1; 32]), Random::new([2; 32]));
        let numbers: BTreeSet<_> = (0..10_000).flat_map(|_| [one.bits64(), two.bits64()]).collect();
        assert_eq!(numbers.len(), 20_000);
        assert_eq!(Random::new([1; 32]).bits128(), Random::new([1; 32]).bits128());
        assert_eq!(format!("{one:?}"), "redacted");
    }
}
