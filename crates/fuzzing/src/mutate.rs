//! Seeded mutation: an input of the corpus, tampered with a few times.

/// The longest input that is made.
pub(crate) const INPUT_BYTES_MAX: usize = 8 * 1024;

/// How many changes one input gets at most.
const CHANGES_MAX: usize = 6;

/// Bytes at the edges of what parsers distinguish.
const EDGES: &[u8] = b"\0\x01\t\n\r\x1f !\"#%&'()*+,-./019:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\xbf\xc0\xff";

/// Numbers that look random and follow from the seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 when there is none.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let number = self.next().checked_rem(limit).unwrap_or(0);
        usize::try_from(number).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_le_bytes();
        byte
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

/// One input made from the corpus.
pub(crate) fn input(random: &mut Random, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut bytes = random.pick(corpus).cloned().unwrap_or_default();
    for _ in 0..=random.below(CHANGES_MAX) {
        change(random, &mut bytes, corpus, words);
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
    let place = random.below(bytes.len() + 1);
    match random.below(8) {
        0 => {
            let bit = 1_u8.rotate_left(u32::from(random.byte() % 8));
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= bit;
            }
        }
        1 => {
            let edge = random.pick(EDGES).copied().unwrap_or(0);
            if let Some(byte) = bytes.get_mut(place) {
                *byte = edge;
            }
        }
        2 => {
            let byte = random.byte();
            bytes.insert(place, byte);
        }
        3 => {
            let length = random.below(16).min(bytes.len() - place);
            bytes.drain(place..place + length);
        }
        4 => {
            let length = random.below(64).min(bytes.len() - place);
            let copy: Vec<u8> = bytes.iter().skip(place).take(length).copied().collect();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        5 | 6 => {
            let word = random.pick(words).copied().unwrap_or_default();
            bytes.splice(place..place, word.bytes());
        }
        _ => {
            // The beginning of this one and the end of another.
            let other = random.pick(corpus).map_or(&[][..], Vec::as_slice);
            let from = random.below(other.len() + 1);
            bytes.truncate(place);
            bytes.extend(other.iter().skip(from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(seed: u64) -> Vec<Vec<u8>> {
        let mut random = Random::new(seed);
        (0..200).map(|_| input(&mut random, &[b"GET / HTTP/1.1".to_vec(), vec![7; 100]], &["\r\n"])).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_seed_others() {
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }

    #[test]
    fn inputs_differ_and_are_not_too_long() {
        let mut inputs = inputs(3);
        assert!(inputs.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
        inputs.sort();
        inputs.dedup();
        assert!(150 < inputs.len(), "{} different inputs of 200", inputs.len());
    }

    #[test]
    fn an_empty_corpus_still_gives_inputs() {
        let mut random = Random::new(4);
        assert!((0..50).any(|_| !input(&mut random, &[], &["a"]).is_empty()));
    }
}
