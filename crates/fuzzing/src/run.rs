//! One target fed with one corpus, for as long as the caller likes.

use std::panic::catch_unwind;

use crate::corpus::Corpus;
use crate::mutate::{Random, input};
use crate::targets::Target;

/// An input for which a property does not hold, or which made the parser panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub input: Vec<u8>,
    pub what: String,
}

impl Failure {
    /// The input in hexadecimal, as it is saved and as a named test case can hold it.
    #[must_use]
    pub fn hex(&self) -> String {
        self.input.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Feeds a target: first the corpus as it is, then mutations of it, for ever.
#[derive(Debug)]
pub struct Fuzzer<'a> {
    target: &'a Target,
    corpus: &'a Corpus,
    random: Random,
    fed: u64,
}

impl<'a> Fuzzer<'a> {
    #[must_use]
    pub fn new(target: &'a Target, corpus: &'a Corpus, seed: u64) -> Self {
        Self { target, corpus, random: Random::new(seed), fed: 0 }
    }

    /// How many inputs were judged.
    #[must_use]
    pub fn fed(&self) -> u64 {
        self.fed
    }

    /// Judges the next `count` inputs; the first that fails ends the batch.
    pub fn feed(&mut self, count: u64) -> Option<Failure> {
        (0..count).find_map(|_| {
            let as_it_is = usize::try_from(self.fed).ok().and_then(|place| self.corpus.inputs().get(place));
            let bytes = match as_it_is {
                Some(bytes) => bytes.clone(),
                None => input(&mut self.random, self.corpus.inputs(), self.target.words),
            };
            self.fed += 1;
            judge(self.target, &bytes).err().map(|what| Failure { input: bytes, what })
        })
    }
}

/// Judges one input; a panic is a failure like any other.
fn judge(target: &Target, bytes: &[u8]) -> Result<(), String> {
    match catch_unwind(|| (target.judge)(bytes)) {
        Ok(result) => result,
        Err(cause) => {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("of unknown kind");
            Err(format!("panic: {text}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::TARGETS;

    /// Enough to catch what is badly wrong, little enough for every run of the tests.
    const INPUTS: u64 = 3_000;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().into()
    }

    #[test]
    fn every_target_holds_for_its_corpus_and_for_mutations_of_it() {
        for target in TARGETS {
            let corpus = Corpus::read(&root(), target.name).unwrap();
            let mut fuzzer = Fuzzer::new(target, &corpus, 1);
            if let Some(failure) = fuzzer.feed(INPUTS) {
                panic!("{}: {}: {}", target.name, failure.what, failure.hex());
            }
            assert_eq!(fuzzer.fed(), INPUTS);
        }
    }

    #[test]
    fn every_folder_of_the_corpus_has_a_target() {
        for entry in std::fs::read_dir(Corpus::folder(&root())).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(crate::target(&name).is_some(), "no target `{name}`");
        }
    }

    fn failing(judge: fn(&[u8]) -> Result<(), String>) -> Option<Failure> {
        let target = Target { name: "failing", judge, words: &["x"] };
        let corpus = Corpus::read(&root(), "http1_request").unwrap();
        Fuzzer::new(&target, &corpus, 1).feed(2_000)
    }

    #[test]
    fn a_broken_property_is_found_and_so_is_a_panic() {
        let broken =
            |bytes: &[u8]| if bytes.starts_with(b"x") { Err("begins with x".into()) } else { Ok(()) };
        let failure = failing(broken).unwrap();
        assert_eq!(failure.what, "begins with x");
        assert!(failure.hex().starts_with("78"));
        let failure = failing(|bytes| if bytes.contains(&0) { panic!("zero") } else { Ok(()) }).unwrap();
        assert_eq!(failure.what, "panic: zero");
    }
}
