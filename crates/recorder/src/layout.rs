//! The names of the log's files.

/// The latest signed checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The verifier key of the log's origin.
pub(crate) const VERIFIER: &str = "verifier";
/// What the names of segments end with.
const SEGMENT: &str = ".seg";
/// What the names of files of hashes end with.
const HASHES: &str = ".hashes";

/// The segment whose first entry is number `first`.
pub(crate) fn segment(first: u64) -> String {
    format!("{first:020}{SEGMENT}")
}

/// The hashes of the entries of that segment and of the nodes they complete.
pub(crate) fn hashes(first: u64) -> String {
    format!("{first:020}{HASHES}")
}

/// What a log's folder holds, by the number of the first entry, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<u64>,
    pub(crate) hashes: Vec<u64>,
}

impl Listing {
    pub(crate) fn of(names: &[String]) -> Self {
        let numbers = |suffix: &str| {
            let mut numbers: Vec<u64> =
                names.iter().filter_map(|name| number(name.strip_suffix(suffix)?)).collect();
            numbers.sort_unstable();
            numbers
        };
        Self { segments: numbers(SEGMENT), hashes: numbers(HASHES) }
    }

    /// The first segment that is missing although retention cannot have removed it: retention removes the oldest
    /// segments only, and never the last.
    pub(crate) fn missing(&self) -> Option<u64> {
        let Some(oldest) = self.segments.first() else { return self.hashes.last().copied() };
        let is_there = |first: &u64| self.segments.binary_search(first).is_ok();
        self.hashes.iter().find(|first| oldest <= *first && !is_there(first)).copied()
    }
}

/// The number in a name, if it is spelled as the log spells it.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| format!("{number:020}") == text)
}
