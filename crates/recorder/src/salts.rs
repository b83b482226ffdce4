//! Salts for the personal parts of entries, drawn a block at a time.

use record::segment::PersonalPart;

/// Random bytes drawn at once: for 256 entries.
const SALTS_BYTES: usize = 256 * 16;

/// What a leaf commits to where no personal part is recorded.
pub(crate) const NOTHING: PersonalPart<'static> = PersonalPart { salt: [0; 16], bytes: b"" };

/// Salts that were drawn and not used yet.
#[derive(Debug, Default)]
pub(crate) struct Salts(Vec<u8>);

impl Salts {
    /// The personal part under a fresh salt. Without random bytes it is not recorded at all: a salt that can be
    /// guessed would let anyone who sees the leaf guess the person.
    pub(crate) fn salted<'a>(&mut self, personal: &'a [u8]) -> Option<PersonalPart<'a>> {
        if self.0.is_empty() {
            self.0.resize(SALTS_BYTES, 0);
            if aws_lc_rs::rand::fill(&mut self.0).is_err() {
                self.0.clear();
                tracing::error!("no random bytes for salts: who sent a request is not recorded");
                return None;
            }
        }
        let rest = self.0.len().saturating_sub(16);
        let salt = *self.0.get(rest..)?.first_chunk()?;
        self.0.truncate(rest);
        Some(PersonalPart { salt, bytes: personal })
    }
}

/// The commitment to a personal part.
pub(crate) fn commit(part: &PersonalPart<'_>) -> record::Hash {
    record::tree::commit(&part.salt, part.bytes)
}
