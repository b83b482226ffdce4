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
    let start = [
        0x6170_7865,
        0x3320_646e,
        0x7962_2d32,
        0x6b20_6574,
        k0,
        k1,
        k2,
        k3,
        k4,
        k5,
        k6,
        k7,
        low(counter),
        low(counter >> 32),
        low(nonce),
        low(nonce >> 32),
    ];
    let [
        mut a,
        mut b,
        mut c,
        mut d,
        mut e,
        mut f,
        mut g,
        mut h,
        mut i,
        mut j,
        mut k,
        mut l,
        mut m,
        mut n,
        mut o,
        mut p,
    ] = start;
    for _ in 0..rounds / 2 {
        quarter(&mut a, &mut e, &mut i, &mut m);
        quarter(&mut b, &mut f, &mut j, &mut n);
        quarter(&mut c, &mut g, &mut k, &mut o);
        quarter(&mut d, &mut h, &mut l, &mut p);
        quarter(&mut a, &mut f, &mut k, &mut p);
        quarter(&mut b, &mut g, &mut l, &mut m);
        quarter(&mut c, &mut h, &mut i, &mut n);
        quarter(&mut d, &mut e, &mut j, &mut o);
    }
    let mut mixed = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
    for (word, before) in mixed.iter_mut().zip(start) {
        *word = word.wrapping_add(before);
    }
    mixed
}

fn quarter(a: &mut u32, b: &mut u32, c: &mut u32, d: &mut u32) {
    for (left, right) in [(16, 12), (8, 7)] {
        *a = a.wrapping_add(*b);
        *d = (*d ^ *a).rotate_left(left);
        *c = c.wrapping_add(*d);
        *b = (*b ^ *c).rotate_left(right);
    }
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
