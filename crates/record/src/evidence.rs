//! Offline proofs that an entry is in the log (`c2sp.org/tlog-proof@v1`).
//!
//! The `extra` line, which the format leaves to applications, carries the leaf itself and, unless it was erased,
//! the personal part with its salt. So one file and the log's verifier key are all that a verifier needs, and
//! nothing in the file is believed: the leaf must hash into the root, the personal part into the leaf.

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::bytes::{Cursor, DecodeError, put_varint};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::decode::Leaf;
use crate::note::{NOTE_BYTES_MAX, Verifier};
use crate::segment::{Stored, put_stored};
use crate::tree::proof::verify_inclusion;
use crate::tree::{Hash, leaf_hash};

/// The longest proof, in bytes.
pub const PROOF_BYTES_MAX: usize = 4 << 20;
/// The most hashes of an inclusion proof.
const PATH_HASHES_MAX: usize = 64;
/// The first line of each proof. Where proofs stand one behind another, it tells where the next one begins.
pub const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the proof is not written in the form `{FIRST_LINE}`")]
    Form,
    #[error("the proof carries no entry")]
    NoEntry,
    #[error("the entry in the proof cannot be read")]
    Entry(#[source] DecodeError),
    #[error("the checkpoint in the proof is not sound")]
    Checkpoint(#[source] CheckpointError),
    #[error("the entry is not in the tree that the checkpoint signs")]
    NotIncluded,
    #[error("the personal part is not the one that the entry commits to")]
    Commitment,
}

/// A proof as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub index: u64,
    pub path: Vec<Hash>,
    /// The bytes of the `extra` line.
    pub extra: Option<Vec<u8>>,
    /// The signed note, byte for byte.
    pub checkpoint: String,
}

/// An entry that was shown to be in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub index: u64,
    pub checkpoint: Checkpoint,
    pub leaf: Vec<u8>,
    /// The personal part without its salt; `None` where it was erased or there is none.
    pub personal: Option<Vec<u8>>,
}

impl Proof {
    /// A proof that carries its entry.
    #[must_use]
    pub fn new(index: u64, path: Vec<Hash>, stored: &Stored<'_>, checkpoint: String) -> Self {
        let mut extra = Vec::new();
        put_stored(&mut extra, stored);
        Self { index, path, extra: Some(extra), checkpoint }
    }

    /// Reads a proof; whether it proves anything is another question.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if PROOF_BYTES_MAX < bytes.len() {
            return Err(ProofError::Form);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofError::Form)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ProofError::Form)?;
        if checkpoint.is_empty() || NOTE_BYTES_MAX < checkpoint.len() {
            return Err(ProofError::Form);
        }
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(ProofError::Form);
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = match extra.and_then(|line| line.strip_prefix("extra ")) {
            None => None,
            Some(text) => Some(BASE64_STANDARD.decode(text).map_err(|_| ProofError::Form)?),
        };
        let number = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(ProofError::Form)?;
        let index: u64 = number.parse().map_err(|_| ProofError::Form)?;
        if index.to_string() != number {
            return Err(ProofError::Form);
        }
        let mut path = Vec::new();
        for line in lines {
            let hash = BASE64_STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok());
            path.push(Hash(hash.ok_or(ProofError::Form)?));
            if PATH_HASHES_MAX < path.len() {
                return Err(ProofError::Form);
            }
        }
        Ok(Self { index, path, extra, checkpoint: checkpoint.to_owned() })
    }

    /// The entry that the proof carries, unverified.
    pub fn stored(&self) -> Result<Stored<'_>, ProofError> {
        let extra = self.extra.as_deref().ok_or(ProofError::NoEntry)?;
        Stored::decode(extra).map_err(ProofError::Entry)
    }

    /// Verifies the proof against the log's key: signature, inclusion, and the commitment to the personal part.
    pub fn verify(&self, verifier: &Verifier) -> Result<Proven, ProofError> {
        let checkpoint =
            Checkpoint::verify(self.checkpoint.as_bytes(), verifier).map_err(ProofError::Checkpoint)?;
        let stored = self.stored()?;
        let leaf = Leaf::decode(stored.leaf).map_err(ProofError::Entry)?;
        let included = verify_inclusion(
            leaf_hash(stored.leaf),
            self.index,
            checkpoint.size,
            checkpoint.root,
            &self.path,
        );
        if !included {
            return Err(ProofError::NotIncluded);
        }
        if !stored.is_as_committed(&leaf) {
            return Err(ProofError::Commitment);
        }
        let personal = stored.personal.map(|part| part.bytes.to_vec());
        Ok(Proven { index: self.index, checkpoint, leaf: stored.leaf.to_vec(), personal })
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(formatter, "{}", BASE64_STANDARD.encode(hash.0))?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl<'a> Stored<'a> {
    /// Reads a leaf with its personal part, as frames and proofs hold them.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::read(Cursor::new(bytes))
    }
}

/// Writes a length that [`Stored::decode`] reads.
pub(crate) fn put_length(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests;
